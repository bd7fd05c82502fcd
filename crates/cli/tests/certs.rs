//! `aseptic certs` as a user runs it: the verdict, the evidence and every reason, and what is refused.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use time::OffsetDateTime;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
const YEAR: i64 = 365 * 86_400;
const HOST: &str = "relay.hospital.example";

/// A hospital whose root is of RSA, with a relay, its lists and a stranger's root.
struct Desk(TempDir);

fn params(name: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(vec![serial]));
    params.use_authority_key_identifier_extension = true;
    params.not_before = at(START);
    params.not_after = at(START + 10 * YEAR);
    params
}

fn authority(name: &str, serial: u8) -> CertificateParams {
    let mut params = params(name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

fn list(issuer: &Issuer<'_, &KeyPair>, number: u64, revoked: &[u8]) -> String {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(vec![*serial]),
        revocation_time: at(START),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: at(START + YEAR),
        next_update: at(START + YEAR + 7 * 86_400),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let root_key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let root_params = authority("Hospital root", 1);
        let root = root_params.self_signed(&root_key).unwrap();
        let above = Issuer::from_params(&root_params, &root_key);
        let (ca_key, ca_params) = (KeyPair::generate().unwrap(), authority("Issuing CA", 2));
        let ca = ca_params.signed_by(&ca_key, &above).unwrap();
        let issuing = Issuer::from_params(&ca_params, &ca_key);
        let mut relay = params(HOST, 3);
        relay.not_after = at(START + 2 * YEAR);
        relay.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        relay.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        relay.subject_alt_names = vec![rcgen::SanType::DnsName(HOST.try_into().unwrap())];
        let leaf = relay.signed_by(&KeyPair::generate().unwrap(), &issuing).unwrap();
        let stranger = authority("Stranger", 9).self_signed(&KeyPair::generate().unwrap()).unwrap();
        let mut odd = authority("Odd CA", 0);
        odd.key_usages = vec![KeyUsagePurpose::CrlSign];
        let odd = odd.signed_by(&KeyPair::generate().unwrap(), &above).unwrap();
        for (name, text) in [
            ("root.pem", root.pem()),
            ("issuing.pem", ca.pem()),
            ("relay.pem", leaf.pem()),
            ("stranger.pem", stranger.pem()),
            ("odd.pem", odd.pem()),
            ("good.crl", list(&above, 1, &[]) + &list(&issuing, 1, &[])),
            ("bad.crl", list(&above, 1, &[]) + &list(&issuing, 2, &[3])),
        ] {
            fs::write(desk.0.path().join(name), text).unwrap();
        }
        fs::write(desk.0.path().join("relay.der"), leaf.der()).unwrap();
        desk
    }

    fn verify(&self, more: &[&str]) -> (i32, String, String) {
        let mut arguments = vec!["certs", "verify", "--anchors", "root.pem", "--intermediates", "issuing.pem"];
        arguments.extend(more);
        arguments.push("relay.pem");
        told(&run(self.0.path(), &arguments))
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aseptic")).args(arguments).current_dir(folder).output().unwrap()
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const NOW: &[&str] = &["--at", "2027-01-02T00:00:00Z"];

#[test]
fn a_good_chain_is_accepted_with_its_path_and_its_lists() {
    let desk = Desk::new();
    let (status, text, error) = desk.verify(&[NOW, &["--crls", "good.crl", "--name", HOST]].concat());
    assert_eq!((status, error.as_str()), (0, ""), "{text}");
    println!("{text}");
    for line in [
        "verdict: accepted\n",
        "purpose: Network\n",
        "path: in date\n",
        "certificate 0: relay.hospital.example\n",
        "certificate 1: Issuing CA\n",
        "anchor 0: Hospital root\n",
        "revocation: not revoked\n",
        "list number: 0x1\n",
        "next update: 2027-01-08T00:00:00Z  - fresh\n",
        "findings: 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (status, text, _) = desk.verify(&["--no-clock"]);
    assert!(status == 0 && text.contains("now: unknown") && text.contains("revocation: not asked"), "{text}");
    let (_, text, _) = desk.verify(&["--floor", "1798761600"]);
    assert!(text.contains("now: 2027-01-01T00:00:00Z or later"), "{text}");
}

#[test]
fn every_refusal_is_told_with_place_values_and_remedy() {
    let desk = Desk::new();
    for (more, number, lines) in [
        (&["--at", "2029-06-01T00:00:00Z", "--purpose", "command"][..], 406, &["certificate 0, extKeyUsage"][..]),
        (
            &["--at", "2027-01-02T00:00:00Z", "--crls", "bad.crl"],
            410,
            &["revocation: revoked", "revoked: 2026-01-01T00:00:00Z", "verdict: held"],
        ),
        (
            &["--at", "2027-01-02T00:00:00Z", "--name", "other.example"],
            409,
            &["wanted: other.example", "relay.hospital.example", "Connect to the right peer"],
        ),
        (&["--at", "2020-01-01T00:00:00Z"], 404, &["notBefore", "found: 2026-01-01T00:00:00Z"]),
    ] {
        let (status, text, error) = desk.verify(more);
        assert_eq!(status, 1, "{more:?}\n{text}");
        assert!(error.contains(&format!("(E{number})")), "{error}");
        for line in lines {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
    let stranger = ["certs", "verify", "--anchors", "stranger.pem", "--intermediates", "issuing.pem", "relay.der"];
    let (status, text, error) = told(&run(desk.0.path(), &stranger));
    assert!(status == 1 && error.contains("(E405)") && text.contains("certificate 1, issuer"), "{text}{error}");
}

#[test]
fn what_is_expired_or_unknown_is_accepted_with_a_flag_where_the_matrix_says_so() {
    let desk = Desk::new();
    let (status, text, _) = desk.verify(&["--at", "2028-01-10T00:00:00Z"]);
    assert!(status == 0 && text.contains("verdict: accepted with a flag") && text.contains("(E403)"), "{text}");
    assert!(text.contains("path: authentic, ran out recently"), "{text}");
    let (status, text, _) = desk.verify(&["--at", "2027-01-20T00:00:00Z", "--crls", "good.crl"]);
    assert!(status == 0 && text.contains("(E416)") && text.contains("- ageing"), "{text}");
    let (status, text, _) = desk.verify(&["--at", "2027-06-01T00:00:00Z", "--crls", "good.crl"]);
    assert!(status == 0 && text.contains("verdict: accepted with a flag") && text.contains("(E411)"), "{text}");
}

#[test]
fn json_says_the_same() {
    let desk = Desk::new();
    let (_, text, _) = desk.verify(&[NOW, &["--json"]].concat());
    let tree: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((tree["name"].as_str(), tree["value"].as_str()), (Some("verdict"), Some("accepted")));
}

#[test]
fn lint_names_the_rule_and_its_clause() {
    let desk = Desk::new();
    let lint = |arguments: &[&str]| told(&run(desk.0.path(), &[&["certs", "lint"], arguments].concat()));
    for good in ["root.pem", "issuing.pem", "relay.pem"] {
        let (status, text, error) = lint(&[good]);
        assert_eq!((status, error.as_str()), (0, ""), "{text}");
        assert!(text.starts_with("lint: no objection"), "{text}");
    }
    let (status, text, error) = lint(&["odd.pem"]);
    assert!(status == 1 && error.contains("(E412)"), "{text}{error}");
    for line in
        ["as intermediate: 2 of", "serial: RFC 5280 4.1.2.2", "ca-key-usage: RFC 5280 4.2.1.3", "wanted: keyCertSign"]
    {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (status, text, _) = lint(&["--profile", "birth", "relay.pem"]);
    assert!(status == 1 && text.contains("birth-hardware-module: IEEE 802.1AR 8.10.4"), "{text}");
    let (status, _, error) = lint(&["good.crl"]);
    assert!(status == 1 && error.contains("There is no block `CERTIFICATE` in it."), "{error}");
}

#[test]
fn lint_knows_the_certificates_of_those_who_sign_trust_stores() {
    let desk = Desk::new();
    let (key, ca) = (KeyPair::generate().unwrap(), authority("Owner CA", 7));
    let issuer = Issuer::from_params(&ca, &key);
    for (name, usages) in [
        ("author.pem", vec![ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 42])]),
        (
            "both.pem",
            vec![
                ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 42]),
                ExtendedKeyUsagePurpose::CodeSigning,
            ],
        ),
        ("none.pem", vec![]),
    ] {
        let mut author = params("Trust author", 8);
        author.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        author.extended_key_usages = usages;
        let certificate = author.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        fs::write(desk.0.path().join(name), certificate.pem()).unwrap();
    }
    let lint = |name| told(&run(desk.0.path(), &["certs", "lint", "--profile", "trust-author", name]));
    let (status, text, error) = lint("author.pem");
    assert_eq!((status, error.as_str()), (0, ""), "{text}");
    for name in ["both.pem", "none.pem", "issuing.pem"] {
        let (status, text, error) = lint(name);
        assert!(status == 1 && error.contains("(E406)") && text.contains("trust-author-usage: RFC 9809 3"), "{text}");
    }
}
