//! What the certification authority issues, as two other programs read it; and what it refuses.

mod common;

use aseptic_certs::IDEVID_NOT_AFTER;
use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_certs::name::HardwareModuleName;
use aseptic_core::Reason;
use aseptic_core::crypto::KeyAlg;
use aseptic_infra::ca::{Ca, Expected, Local, Server, Validity};
use aseptic_infra::{AuthorityKey, Result};
use common::{have, key, request, run, write_pem};
use std::collections::HashSet;
use x509_parser::prelude::*;

/// 2026-05-28, when all of this happens.
const NOW: u64 = 1_780_000_000;
/// 1.3.6.1.4.1.32473.1: the enterprise number reserved for documentation (RFC 5612).
const HARDWARE_TYPE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xFD, 0x59, 0x01];
const UDI: &str = "https://id.gs1.org/01/09506000134352/21/PUMP-0001";
const EXPECTED: Expected<'static> = Expected {
    serial: "PUMP-0001",
    key: KeyAlg::P256,
    hardware_type: HARDWARE_TYPE,
    hardware_serial: b"HW-42",
    udi: Some(UDI),
};

/// A chain, what `openssl verify` is asked about it, and whether it should agree.
type Case<'c> = (&'c [Vec<u8>], &'c [&'c str], bool);

fn root() -> Ca {
    Ca::new("Example Medical root", Validity::years(NOW - 1000, 25).unwrap()).unwrap()
}

fn reason<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    result.unwrap_err().reason()
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

#[test]
fn a_birth_certificate_is_what_802_1ar_wants() {
    let (ca, device) = (root(), key());
    let chain = ca.issue_birth(&request(&device, "PUMP-0001"), &EXPECTED, NOW).unwrap();
    assert_eq!(chain.len(), 1);
    let (birth, issuer) = (parse(&chain[0]), parse(ca.certificate()));

    assert_eq!(birth.version(), X509Version::V3);
    let [name] = birth.subject().iter_attributes().collect::<Vec<_>>()[..] else { panic!("one attribute") };
    assert_eq!(name.attr_type().to_id_string(), "2.5.4.5");
    assert_eq!(name.attr_value().tag(), x509_parser::der_parser::asn1_rs::Tag::PrintableString);
    assert_eq!(name.as_str().unwrap(), "PUMP-0001");
    assert_eq!(birth.issuer(), issuer.subject());
    assert_eq!(u64::try_from(birth.validity().not_before.timestamp()).unwrap(), NOW);
    assert_eq!(u64::try_from(birth.validity().not_after.timestamp()).unwrap(), IDEVID_NOT_AFTER);
    assert!(birth.validity().not_before.is_utctime());
    assert!(birth.validity().not_after.is_generalizedtime());
    assert!(chain[0].windows(15).any(|window| window == b"99991231235959Z"));
    assert_eq!(&*birth.public_key().subject_public_key.data, device.public().unwrap().bytes());

    // Exactly three extensions: AKI, keyUsage, subjectAltName. No SKI, no basicConstraints.
    assert_eq!(birth.extensions().len(), 3);
    let usage = birth.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature() && usage.value.flags == 1);
    let names = birth.subject_alternative_name().unwrap().unwrap();
    assert!(!names.critical);
    let [GeneralName::OtherName(kind, module), GeneralName::URI(uri)] = &names.value.general_names[..] else {
        panic!("{:?}", names.value)
    };
    assert_eq!(kind.to_id_string(), "1.3.6.1.5.5.7.8.4");
    // [0] { SEQUENCE { OID, OCTET STRING } }, written out by hand from RFC 4108.
    let by_hand = [&[0xA0, 0x14, 0x30, 0x12, 0x06, 0x09][..], HARDWARE_TYPE, &[0x04, 0x05], b"HW-42"].concat();
    assert_eq!(*module, by_hand);
    assert_eq!(*uri, UDI);
    let aki = birth.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(aki) => aki.key_identifier.clone(),
        _ => None,
    });
    let ski = issuer.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(ski) => Some(ski.clone()),
        _ => None,
    });
    assert!(aki.is_some() && aki == ski);
}

#[test]
fn serial_numbers_are_random_positive_and_of_bounded_length() {
    let (ca, device) = (root(), key());
    let request = request(&device, "PUMP-0001");
    let mut seen = HashSet::new();
    let mut bits = [0_usize; 128];
    for _ in 0..200 {
        let chain = ca.issue_birth(&request, &EXPECTED, NOW).unwrap();
        let certificate = parse(&chain[0]);
        let raw = certificate.raw_serial();
        assert!((1..=17).contains(&raw.len()) && raw[0] & 0x80 == 0 && raw.iter().any(|byte| *byte != 0));
        let serial = u128::from_be_bytes({
            let mut bytes = [0; 16];
            let tail = &raw[raw.len().saturating_sub(16)..];
            bytes[16 - tail.len()..].copy_from_slice(tail);
            bytes
        });
        assert!(seen.insert(serial));
        (0..128).for_each(|bit| bits[bit] += usize::from(serial >> bit & 1 == 1));
    }
    // Every one of the 128 bits is drawn: 200 fair coins fall within 40 and 160 but once in 10^17 trials.
    assert!(bits.iter().all(|ones| (40..=160).contains(ones)), "{bits:?}");
}

#[test]
fn openssl_validates_every_chain_for_its_use_and_no_other() {
    if !have("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let root = root();
    let issuing = root.intermediate("Example Medical issuing", Validity::years(NOW - 500, 20).unwrap()).unwrap();
    write_pem(file("root.pem").as_ref(), &[root.anchor()]);
    write_pem(file("issuing.pem").as_ref(), &[issuing.certificate()]);
    let device = key();
    let server = key();
    let year = Validity::years(NOW, 1).unwrap();
    let local = Local { serial: "PUMP-0001", validity: year, uris: &[UDI] };
    for ca in [&root, &issuing] {
        let birth = ca.issue_birth(&request(&device, "PUMP-0001"), &EXPECTED, NOW).unwrap();
        let local = ca.issue_local(&request(&device, "PUMP-0001"), &local).unwrap();
        let registrar =
            ca.issue_server("registrar.example", server.public().unwrap(), Server::Registrar, year).unwrap();
        let relay = ca.issue_server("relay.example", server.public().unwrap(), Server::Relay, year).unwrap();
        let at = (NOW + 100).to_string();
        let verify = |chain: &[Vec<u8>], extra: &[&str]| {
            write_pem(file("leaf.pem").as_ref(), &[&chain[0]]);
            let (trusted, untrusted, leaf) = (file("root.pem"), file("issuing.pem"), file("leaf.pem"));
            let mut arguments = vec!["verify", "-x509_strict", "-attime", &at, "-CAfile", &trusted];
            arguments.extend(["-untrusted", &untrusted]);
            arguments.extend(extra);
            arguments.push(&leaf);
            run("openssl", &arguments, &[])
        };
        let cases: [Case<'_>; 9] = [
            (&birth, &["-purpose", "sslclient"], true),
            (&local, &["-purpose", "sslclient"], true),
            (&local, &["-purpose", "sslserver"], false),
            (&registrar, &["-purpose", "sslserver", "-verify_hostname", "registrar.example"], true),
            (&registrar, &["-purpose", "sslserver", "-verify_hostname", "relay.example"], false),
            (&registrar, &["-purpose", "sslclient"], false),
            (&relay, &["-purpose", "sslserver", "-verify_hostname", "relay.example"], true),
            (&relay, &["-purpose", "sslclient"], false),
            (&birth, &["-attime", "253402300000"], false),
        ];
        for (chain, extra, good) in cases {
            let (verified, text) = verify(chain, extra);
            assert_eq!(verified, good, "{extra:?}: {text}");
        }
    }
    let birth = root.issue_birth(&request(&device, "PUMP-0001"), &EXPECTED, NOW).unwrap();
    let (_, text) = run("openssl", &["x509", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253"], &birth[0]);
    for line in [
        "Not After : Dec 31 23:59:59 9999 GMT",
        "Subject: serialNumber=PUMP-0001",
        "ASN1 OID: prime256v1",
        "X509v3 Key Usage: critical",
        "othername: 1.3.6.1.5.5.7.8.4",
        UDI,
    ] {
        assert!(text.contains(line) || line.starts_with("othername") && text.contains("othername:"), "{line}\n{text}");
    }
    let (_, text) = run("openssl", &["x509", "-inform", "DER", "-noout", "-text"], issuing.certificate());
    for line in ["CA:TRUE, pathlen:0", "X509v3 Basic Constraints: critical", "Certificate Sign, CRL Sign"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_request_with_any_bit_flipped_or_cut_short_is_refused() {
    let (ca, device) = (root(), key());
    let mut request = request(&device, "PUMP-0001");
    assert!(ca.issue_birth(&request, &EXPECTED, NOW).is_ok());
    let mut refused = 0;
    for bit in 0..request.len() * 8 {
        request[bit / 8] ^= 1 << (bit % 8);
        assert!(ca.issue_birth(&request, &EXPECTED, NOW).is_err(), "bit {bit}");
        request[bit / 8] ^= 1 << (bit % 8);
        refused += 1;
    }
    for length in 0..request.len() {
        assert!(ca.issue_birth(&request[..length], &EXPECTED, NOW).is_err(), "{length} bytes");
        refused += 1;
    }
    println!("{refused} damaged requests refused");
}

#[test]
fn a_request_must_match_the_factory_record() {
    let (ca, device) = (root(), key());
    let other = request(&device, "PUMP-0002");
    assert_eq!(reason(ca.issue_birth(&other, &EXPECTED, NOW)), Reason::IdentityNameMismatch);
    let year = Validity::years(NOW, 1).unwrap();
    let local = Local { serial: "PUMP-0001", validity: year, uris: &[] };
    assert_eq!(reason(ca.issue_local(&other, &local)), Reason::IdentityNameMismatch);
    let own = request(&device, "PUMP-0001");
    let ed25519 = Expected { key: KeyAlg::Ed25519, ..EXPECTED };
    assert_eq!(reason(ca.issue_birth(&own, &ed25519, NOW)), Reason::KeyInvalid);

    // Signed by another key than the one it names.
    let plain = CsrTemplate { serial: "PUMP-0001", common_name: None, hardware_module: None, uri: None };
    let mut out = [0; 1024];
    let length = csr::write(&key(), device.public().unwrap(), &plain, &mut out).unwrap();
    assert_eq!(reason(ca.issue_birth(&out[..length], &EXPECTED, NOW)), Reason::CsrProof);

    // It may ask for the names of the record, and for no others.
    let module = HardwareModuleName { hardware_type: HARDWARE_TYPE, serial: b"HW-42" };
    let other = HardwareModuleName { serial: b"HW-43", ..module };
    let cases = [
        (Some(module), Some(UDI), true),
        (Some(module), None, true),
        (Some(other), Some(UDI), false),
        (Some(module), Some("https://id.gs1.org/01/09506000134352/21/PUMP-0002"), false),
    ];
    for (hardware_module, uri, good) in cases {
        let template = CsrTemplate { hardware_module, uri, ..plain };
        let length = csr::write(&device, device.public().unwrap(), &template, &mut out).unwrap();
        let birth = ca.issue_birth(&out[..length], &EXPECTED, NOW).map(drop).map_err(|error| error.reason());
        assert_eq!(birth, if good { Ok(()) } else { Err(Reason::IdentityNameMismatch) });
        let granted = ca.issue_local(&out[..length], &Local { uris: &[UDI], ..local });
        assert_eq!(granted.is_ok(), uri.is_none_or(|uri| uri == UDI));
    }

    // An Ed25519 device is born like the others.
    let device = AuthorityKey::generate(KeyAlg::Ed25519).unwrap();
    let chain = ca.issue_birth(&request(&device, "PUMP-0001"), &ed25519, NOW).unwrap();
    assert_eq!(parse(&chain[0]).public_key().algorithm.algorithm.to_id_string(), "1.3.101.112");
}

#[test]
fn names_and_validities_keep_their_bounds() {
    let (ca, device) = (root(), key());
    let request = request(&device, "PUMP-0001");
    assert_eq!(reason(Validity::new(NOW, NOW)), Reason::Misuse);
    assert_eq!(reason(Validity::new(NOW, IDEVID_NOT_AFTER + 1)), Reason::Misuse);
    assert_eq!(reason(Ca::new("", Validity::years(NOW, 1).unwrap())), Reason::Misuse);
    assert_eq!(reason(Ca::new(&"x".repeat(65), Validity::years(NOW, 1).unwrap())), Reason::Misuse);

    let local = |validity| ca.issue_local(&request, &Local { serial: "PUMP-0001", validity, uris: &[] });
    assert!(local(Validity::years(NOW, 24).unwrap()).is_ok());
    assert_eq!(reason(local(Validity::years(NOW, 26).unwrap())), Reason::CertificateProfile);
    assert_eq!(reason(local(Validity::years(NOW - 2000, 1).unwrap())), Reason::CertificateProfile);
    assert_eq!(reason(ca.issue_birth(&request, &EXPECTED, NOW - 2000)), Reason::CertificateProfile);

    let bad_type = Expected { hardware_type: &[0x80], ..EXPECTED };
    assert_eq!(reason(ca.issue_birth(&request, &bad_type, NOW)), Reason::DerMalformed);
    let bad_udi = Expected { udi: Some("https://ä"), ..EXPECTED };
    assert_eq!(reason(ca.issue_birth(&request, &bad_udi, NOW)), Reason::UdiInvalid);

    let year = Validity::years(NOW, 1).unwrap();
    let issuing = ca.intermediate("Issuing", year).unwrap();
    assert_eq!(reason(issuing.intermediate("Below", year)), Reason::PathTooLong);
    assert_eq!(reason(ca.intermediate("Longer", Validity::years(NOW, 30).unwrap())), Reason::CertificateProfile);
}

#[test]
fn an_authority_comes_back_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reason(Ca::load(folder.path())), Reason::FileMissing);
    let root = root();
    let issuing = root.intermediate("Issuing", Validity::years(NOW, 10).unwrap()).unwrap();
    issuing.save(folder.path()).unwrap();
    assert_eq!(reason(root.save(folder.path())), Reason::FileExists);

    let loaded = Ca::load(folder.path()).unwrap();
    assert_eq!(loaded.certificates().collect::<Vec<_>>(), issuing.certificates().collect::<Vec<_>>());
    assert_eq!(loaded.anchor(), root.certificate());
    let chain = loaded.issue_birth(&request(&key(), "PUMP-0001"), &EXPECTED, NOW).unwrap();
    assert_eq!(chain.len(), 2);

    // Somebody else's root, put under the true certificates: what reads this folder would name it in a trust store.
    let path = folder.path().join("ca.pem");
    let whole = std::fs::read_to_string(&path).unwrap();
    let block = |der: &[u8]| ::pem::encode(&::pem::Pem::new("CERTIFICATE", der));
    let foreign = Ca::new("Root", Validity::years(NOW, 20).unwrap()).unwrap();
    let (leaf, below) = (block(&chain[0]), block(issuing.certificate()));
    for other in [
        whole.clone() + &block(foreign.certificate()),
        below.clone() + &block(foreign.certificate()),
        below.clone() + &leaf,
        below,
    ] {
        std::fs::write(&path, other).unwrap();
        assert_eq!(reason(Ca::load(folder.path())), Reason::FileCorrupt);
    }
    std::fs::write(&path, &whole).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o664)).unwrap();
    assert_eq!(reason(Ca::load(folder.path())), Reason::FileDenied);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();

    // A key that is not the certificate's.
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    key().save(&folder.path().join("ca.key")).unwrap();
    assert_eq!(reason(Ca::load(folder.path())), Reason::IdentityKeyMismatch);
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    assert_eq!(reason(Ca::load(folder.path())), Reason::FileCorrupt);
}
