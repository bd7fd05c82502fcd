//! The command as a user runs it: results on standard output, two lines on standard error, exit status 0, 1 or 2.

mod desk;

use aseptic_core::crypto::KeyAlg;
use aseptic_testbed::fuzzing::TARGETS;
use desk::Desk;
use rcgen::{CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A revocation list and its issuer, in PEM.
fn revocation_list() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key).unwrap().pem();
    let at = |day| rcgen::date_time_ymd(2026, 1, day);
    let list = CertificateRevocationListParams {
        this_update: at(1),
        next_update: at(2),
        crl_number: SerialNumber::from(5_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(9_u64),
            revocation_time: at(1),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&Issuer::from_params(&params, &key)).unwrap().pem().unwrap();
    (list, certificate)
}

#[test]
fn inspect_knows_every_kind_and_its_json_is_json() {
    let desk = Desk::new();
    desk.create();
    let mut expected = vec![("7.suit".to_owned(), "SUIT envelope"), ("author.pub".into(), "public key: ")];
    for (target, meaning) in [
        ("certificate", "type: 1.3.6.1.4.1.32473.1"),
        ("certificate_request", "GTIN: 09506000134352"),
        ("certificate_bundle", "certificate bundle: 2 certificates"),
        ("cose_sign1", "COSE_Sign1"),
        ("cose_sign", "COSE_Sign"),
        ("cose_mac0", "COSE_Mac0"),
        ("cose_encrypt0", "COSE_Encrypt0"),
        ("cose_encrypt", "COSE_Encrypt"),
        ("trust_store", "may: Network, Receive"),
    ] {
        let seeds = (TARGETS.iter().find(|known| known.name == target).unwrap().seeds)();
        desk.put(target, &seeds[0]);
        expected.push((target.into(), meaning));
    }
    let (list, issuer) = revocation_list();
    desk.put("list.pem", list.as_bytes());
    desk.put("issuer.txt", format!("Certificate:\n    Data:\n{issuer}").as_bytes());
    desk.put("both.pem", format!("{list}{issuer}").as_bytes());
    desk.put("record", &[b"aRec\x01\x01\x00\x08\0\0\0\x02\0\0\0\0\0\0\0\x07".as_slice(), &[0; 4]].concat());
    expected.extend([
        ("list.pem".into(), "certificate revocation list"),
        ("issuer.txt".into(), "signature algorithm: 1.2.840.10045.4.3.2  - ECDSA with SHA-256"),
        ("both.pem".into(), "PEM file: 2 blocks"),
        ("author.key".into(), "not shown"),
        ("record".into(), "time floor"),
    ]);
    for (file, meaning) in expected {
        let text = desk.done(&["inspect", &file]);
        assert!(text.contains(meaning), "{file}: {text}");
        let json: Value = serde_json::from_str(&desk.done(&["inspect", &file, "--json"])).unwrap();
        assert!(json["name"].is_string(), "{file}");
    }
}

#[test]
fn inspect_says_what_is_wrong_with_a_file() {
    let desk = Desk::new();
    desk.fails(&["inspect", "missing"], 2, "missing", 801);
    desk.fails(&["inspect", "."], 2, ".", 802);
    desk.put("garbage", b"\x00garbage");
    desk.fails(&["inspect", "garbage"], 1, "garbage", 804);
    desk.put("empty", b"");
    desk.fails(&["inspect", "empty"], 1, "empty", 804);
    desk.put("der", &[0x30, 0x03, 0x02, 0x01, 0x01]);
    desk.fails(&["inspect", "der"], 1, "der", 401);
    desk.put("torn.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n");
    desk.fails(&["inspect", "torn.pem"], 1, "torn.pem", 401);
    desk.put("message", &[0xD2, 0x84, 0x40]);
    desk.fails(&["inspect", "message"], 1, "message", 201);
    desk.put("record", b"aRec\x01");
    desk.fails(&["inspect", "record"], 1, "record", 120);
    let hidden = desk.path("hidden");
    fs::write(&hidden, b"x").unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing is hidden from root.
    if fs::read(&hidden).is_err() {
        desk.fails(&["inspect", "hidden"], 2, "hidden", 802);
    }
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let desk = Desk::new();
    let command = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aseptic"));
        command.current_dir(desk.0.path()).args(["inspect", "author.pub"]).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        let output = command(full.into()).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("standard output: The disk is full. (E803)"));
    }
    let mut child = command(Stdio::piped());
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn wrong_arguments_are_two_lines_and_help_is_a_result() {
    let desk = Desk::new();
    for arguments in [
        &[][..],
        &["inspect"],
        &["inspect", "a", "b"],
        &["frobnicate"],
        &["update"],
        &["update", "create", "7.toml"],
        &["update", "sign", "7.suit", "--key", "author.key"],
        &["update", "sign", "7.suit", "--key", "author.key", "--out", "a", "--detached", "b"],
        &["update", "add-signature", "7.suit", "--key", "author.pub", "--out", "a"],
        &["update", "sever", "7.suit", "--out", "a"],
        &["update", "sever", "7.suit", "--take", "validate=a", "--out", "a"],
        &["update", "encrypt", "image.bin", "--info", "a", "--out", "b"],
        &["update", "verify", "7.suit"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--policy", "maker.store"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--class", "pump"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--class-id", "pump"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--payload", "image.bin"],
    ] {
        let output = desk.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{arguments:?}");
        assert_eq!(error.lines().count(), 2, "{arguments:?}: {error}");
    }
    for arguments in [
        &["--help"][..],
        &["inspect", "--help"],
        &["update", "--help"],
        &["update", "key", "--help"],
        &["update", "create", "--help"],
        &["update", "sign", "--help"],
        &["update", "add-signature", "--help"],
        &["update", "sever", "--help"],
        &["update", "encrypt", "--help"],
        &["update", "inspect", "--help"],
        &["update", "lint", "--help"],
        &["update", "verify", "--help"],
    ] {
        let text = desk.done(arguments);
        assert!(text.contains("Usage: "), "{text}");
        if arguments.len() == 3 || arguments[0] == "inspect" {
            assert!(text.contains("Example"), "{text}");
        }
    }
    assert!(desk.done(&["--version"]).starts_with("aseptic "));
}

/// The authors' keys of this library are those of the command.
#[test]
fn a_printed_public_key_is_that_of_the_file() {
    let desk = Desk::new();
    let key = aseptic_infra::AuthorityKey::load(&desk.path("author.key")).unwrap();
    let public = pem::parse(fs::read(desk.path("author.pub")).unwrap()).unwrap();
    assert_eq!((public.tag(), key.public().unwrap().alg()), ("PUBLIC KEY", KeyAlg::P256));
    assert_eq!(public.contents(), key.public().unwrap().spki().concat());
}
