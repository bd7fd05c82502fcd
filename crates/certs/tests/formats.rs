//! Certificates, requests and bundles: read by others, written by others, and every byte of them damaged.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    missing_docs
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::csr::{self, Csr, CsrTemplate};
use aseptic_certs::name::{GeneralName, HardwareModuleName};
use aseptic_certs::{Certificate, IDEVID_NOT_AFTER, KeyUsage, cms, devid};
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::{Reason, limits};
use common::{Pair, START, YEAR, birth_params, ca_params, device_params, issue, root, server_params, valid};
use std::process::{Command, Stdio};
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};

const MODULE: HardwareModuleName<'_> =
    HardwareModuleName { hardware_type: &[0x2B, 6, 1, 4, 1, 0x81, 0xFD, 0x59, 1], serial: b"PUMP-0001" };
const UDI: &str = "https://id.gs1.org/01/09506000134352/21/PUMP-0001";
const TEMPLATE: CsrTemplate<'_> = CsrTemplate {
    serial: "PUMP-0001",
    common_name: Some("Infusion pump \u{3b1}"),
    hardware_module: Some(MODULE),
    uri: Some(UDI),
};

fn request(pair: &Pair, template: &CsrTemplate<'_>) -> Vec<u8> {
    let mut out = [0; limits::CSR];
    let length = csr::write(&pair.private, pair.public(), template, &mut out).unwrap();
    out[..length].to_vec()
}

#[test]
fn our_request_says_what_the_template_says() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let pair = Pair::new(alg);
        let der = request(&pair, &TEMPLATE);
        let csr = Csr::parse(&der).unwrap();
        csr.verify(&suite()).unwrap();
        assert_eq!(csr.device_serial(), Some(&b"PUMP-0001"[..]));
        assert_eq!(csr.common_name(), Some("Infusion pump \u{3b1}".as_bytes()));
        assert_eq!(csr.public_key(), Ok(pair.public()));
        let names = csr.alternative_names().unwrap();
        assert_eq!(names.hardware_module(), Some(MODULE));
        assert_eq!(names.uri(), Some(UDI));
        assert_eq!(names.iter().count(), 2);

        let bare = request(&pair, &CsrTemplate { common_name: None, hardware_module: None, uri: None, ..TEMPLATE });
        let csr = Csr::parse(&bare).unwrap();
        csr.verify(&suite()).unwrap();
        assert!(csr.alternative_names().is_none() && csr.common_name().is_none());
        println!("request of {alg:?}: {} bytes, {} without names", der.len(), bare.len());
    }
}

#[test]
fn x509_parser_reads_our_request() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let der = request(&Pair::new(alg), &TEMPLATE);
        let (rest, csr) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let subject = csr.certification_request_info.subject.to_string();
        assert!(subject.contains("PUMP-0001") && subject.contains("Infusion pump"), "{subject}");
        let extensions: Vec<_> = csr.requested_extensions().unwrap().collect();
        assert!(format!("{extensions:?}").contains(UDI));
    }
}

#[test]
fn openssl_reads_and_verifies_our_request() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let der = request(&Pair::new(alg), &TEMPLATE);
        let Some((text, ok)) = openssl(&["req", "-inform", "DER", "-verify", "-noout", "-text"], &der) else { return };
        assert!(ok, "{text}");
        for expected in ["PUMP-0001", UDI, "othername"] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}

#[test]
fn requests_of_rcgen_verify() {
    let key = common::key();
    let mut params = server_params("relay.hospital.example");
    // rcgen writes neither a serial number nor an authority key identifier into a request.
    (params.serial_number, params.use_authority_key_identifier_extension) = (None, false);
    let theirs = params.serialize_request(&key).unwrap();
    let csr = Csr::parse(theirs.der()).unwrap();
    csr.verify(&suite()).unwrap();
    assert_eq!(csr.common_name(), Some(&b"relay.hospital.example"[..]));
}

#[test]
fn a_renewal_asks_for_the_same_names() {
    let ca = root(ca_params("Root"));
    let birth = issue(birth_params("PUMP-0001"), &ca);
    let certificate = Certificate::parse(&birth.der).unwrap();
    let pair = Pair::new(KeyAlg::P256);
    let mut out = [0; limits::CSR];
    let length = csr::renew(&pair.private, pair.public(), &certificate, &mut out).unwrap();
    let csr = Csr::parse(&out[..length]).unwrap();
    csr.verify(&suite()).unwrap();
    assert_eq!(csr.subject, certificate.subject);
    assert_eq!(csr.alternative_names(), certificate.extensions.alternative_names);
}

#[test]
fn damaged_requests_never_verify() {
    let pair = Pair::new(KeyAlg::P256);
    let der = request(&pair, &TEMPLATE);
    let mut count = 0;
    for bit in 0..der.len() * 8 {
        let mut bad = der.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Csr::parse(&bad).and_then(|csr| csr.verify(&suite())).is_err(), "bit {bit}");
        count += 1;
    }
    for end in 0..der.len() {
        assert_eq!(Csr::parse(&der[..end]).err(), Some(Reason::CsrMalformed));
        count += 1;
    }
    let mut longer = der.clone();
    longer.push(0);
    assert_eq!(Csr::parse(&longer).err(), Some(Reason::CsrMalformed));
    println!("{count} mutations of a request, none verifies");
}

#[test]
fn requests_are_signed_by_their_own_key_and_need_room() {
    let (pair, other) = (Pair::new(KeyAlg::P256), Pair::new(KeyAlg::Ed25519));
    let mut out = [0; limits::CSR];
    assert_eq!(csr::write(&other.private, pair.public(), &TEMPLATE, &mut out), Err(Reason::KeyWrongUse));
    let stranger = PrivateKey::from_bytes(KeyAlg::P256, &[9; 32]).unwrap();
    let length = csr::write(&stranger, pair.public(), &TEMPLATE, &mut out).unwrap();
    assert_eq!(Csr::parse(&out[..length]).unwrap().verify(&suite()), Err(Reason::CsrProof));
    let needed = request(&other, &TEMPLATE).len();
    for room in 0..needed {
        let result = csr::write(&other.private, other.public(), &TEMPLATE, &mut out[..room]);
        assert_eq!(result, Err(Reason::BufferTooSmall), "{room}");
    }
    assert_eq!(csr::write(&other.private, other.public(), &TEMPLATE, &mut out[..needed]), Ok(needed));
}

#[test]
fn templates_keep_to_their_bounds() {
    let pair = Pair::new(KeyAlg::P256);
    let long = "x".repeat(limits::URI + 1);
    for bad in [
        CsrTemplate { serial: "", ..TEMPLATE },
        CsrTemplate { serial: "PUMP_1", ..TEMPLATE },
        CsrTemplate { serial: &long[..65], ..TEMPLATE },
        CsrTemplate { common_name: Some(""), ..TEMPLATE },
        CsrTemplate { common_name: Some(&long[..65]), ..TEMPLATE },
        CsrTemplate { uri: Some("urn:\u{e9}"), ..TEMPLATE },
        CsrTemplate { uri: Some(&long), ..TEMPLATE },
        CsrTemplate { hardware_module: Some(HardwareModuleName { hardware_type: &[], ..MODULE }), ..TEMPLATE },
        CsrTemplate { hardware_module: Some(HardwareModuleName { serial: &[], ..MODULE }), ..TEMPLATE },
    ] {
        let result = csr::write(&pair.private, pair.public(), &bad, &mut [0; limits::CSR]);
        assert_eq!(result, Err(Reason::TemplateInvalid), "{bad:?}");
    }
    // The largest of all fits the room that the documentation names.
    let module = HardwareModuleName { hardware_type: &[0x2A; 64], serial: &[1; 64] };
    let largest = CsrTemplate {
        serial: &long[..64],
        common_name: Some(&long[..64]),
        hardware_module: Some(module),
        uri: Some(&long[..limits::URI]),
    };
    assert!(request(&pair, &largest).len() <= limits::CSR);
}

#[test]
fn certificates_read_like_x509_parser_reads_them() {
    let ca = root(ca_params("Root"));
    let server = issue(server_params("relay.hospital.example"), &ca);
    for der in [&ca.der, &server.der, &issue(birth_params("PUMP-0001"), &ca).der] {
        let ours = Certificate::parse(der).unwrap();
        let (_, theirs) = X509Certificate::from_der(der).unwrap();
        assert_eq!(ours.serial, theirs.raw_serial());
        assert_eq!(ours.not_before as i64, theirs.validity().not_before.timestamp());
        assert_eq!(ours.not_after as i64, theirs.validity().not_after.timestamp());
        assert!(theirs.subject().as_raw().ends_with(ours.subject.der()));
        assert!(theirs.issuer().as_raw().ends_with(ours.issuer.der()));
        assert_eq!(ours.spki, theirs.public_key().raw);
        assert_eq!(ours.extensions.iter().count(), theirs.extensions().len());
        let usage = theirs.key_usage().unwrap().unwrap().value.flags;
        assert_eq!(ours.extensions.key_usage.unwrap().bits(), usage);
        ours.verify_signature(&suite(), Certificate::parse(&ca.der).unwrap().public_key().unwrap()).unwrap();
    }
    let server = Certificate::parse(&server.der).unwrap();
    assert!(server.matches_dns("Relay.Hospital.Example") && !server.matches_dns("hospital.example"));
    assert_eq!(server.alternative_names().next(), Some(GeneralName::Dns("relay.hospital.example")));
    assert!(server.extensions.extended_key_usage.unwrap().contains(aseptic_certs::oid::SERVER_AUTH));
    let authority = Certificate::parse(&ca.der).unwrap().extensions.subject_key_id;
    assert_eq!(server.extensions.authority_key_id.unwrap().key_id, authority);
    assert!(authority.is_some());
}

#[test]
fn birth_certificates_keep_802_1ar() {
    let ca = root(ca_params("Root"));
    let birth = issue(birth_params("PUMP-0001"), &ca);
    let certificate = Certificate::parse(&birth.der).unwrap();
    devid::check_birth(&certificate).unwrap();
    assert_eq!(certificate.not_after, IDEVID_NOT_AFTER);
    assert_eq!(certificate.hardware_module(), Some(MODULE));
    assert_eq!(certificate.device_serial(), Some(&b"PUMP-0001"[..]));
    assert!(certificate.extensions.key_usage.unwrap().contains(KeyUsage::DIGITAL_SIGNATURE));

    let mut ends = birth_params("PUMP-0001");
    valid(&mut ends, START, START + 20 * YEAR);
    let mut no_module = device_params("PUMP-0001");
    valid(&mut no_module, START, IDEVID_NOT_AFTER);
    let mut no_serial = common::params("Infusion pump");
    no_serial.custom_extensions = birth_params("PUMP-0001").custom_extensions;
    no_serial.key_usages = birth_params("PUMP-0001").key_usages;
    valid(&mut no_serial, START, IDEVID_NOT_AFTER);
    let mut no_authority = birth_params("PUMP-0001");
    no_authority.use_authority_key_identifier_extension = false;
    for bad in [ends, no_module, no_serial, no_authority] {
        let issued = issue(bad, &ca);
        let certificate = Certificate::parse(&issued.der).unwrap();
        assert_eq!(devid::check_birth(&certificate), Err(Reason::CertificateProfile));
    }
    let mut no_usage = birth_params("PUMP-0001");
    no_usage.key_usages = vec![];
    let issued = issue(no_usage, &ca);
    assert_eq!(devid::check_birth(&Certificate::parse(&issued.der).unwrap()), Err(Reason::PathKeyUsage));
}

#[test]
fn damaged_certificates_never_verify() {
    let ca = root(ca_params("Root"));
    let birth = issue(birth_params("PUMP-0001"), &ca);
    let key = Certificate::parse(&ca.der).unwrap().spki;
    let key = PublicKey::from_spki(key).unwrap();
    let mut count = 0;
    for bit in 0..birth.der.len() * 8 {
        let mut bad = birth.der.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let result = Certificate::parse(&bad).and_then(|certificate| certificate.verify_signature(&suite(), key));
        assert!(result.is_err(), "bit {bit}");
        count += 1;
    }
    for end in 0..birth.der.len() {
        assert_eq!(Certificate::parse(&birth.der[..end]).err(), Some(Reason::CertificateMalformed));
        count += 1;
    }
    println!("{count} mutations of a certificate, none verifies");
}

#[test]
fn bundles_round_trip_and_damage_is_contained() {
    let ca = root(ca_params("Root"));
    let leaf = issue(device_params("PUMP-0001"), &ca);
    let mut out = [0; 4096];
    let length = cms::write(&[&leaf.der, &ca.der, &leaf.der], &mut out).unwrap();
    let bundle = out[..length].to_vec();
    let mut found: Vec<_> = cms::certificates(&bundle).unwrap().iter().collect();
    found.sort_unstable();
    let mut expected = [&leaf.der[..], &ca.der];
    expected.sort_unstable();
    assert_eq!(found, expected);
    for room in 0..length {
        assert_eq!(cms::write(&[&leaf.der, &ca.der], &mut vec![0; room]), Err(Reason::BufferTooSmall));
    }
    let key = Certificate::parse(&ca.der).unwrap().public_key().unwrap();
    let (mut count, mut refused) = (0, 0);
    for bit in 0..bundle.len() * 8 {
        let mut bad = bundle.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        count += 1;
        match cms::certificates(&bad) {
            // A bundle signs nothing: what is changed inside a certificate is for that certificate to show.
            Ok(certificates) => {
                for der in certificates.iter().filter(|der| !expected.contains(der)) {
                    let verified = Certificate::parse(der).and_then(|changed| changed.verify_signature(&suite(), key));
                    assert!(verified.is_err(), "bit {bit}");
                }
            }
            Err(_) => refused += 1,
        }
    }
    for end in 0..bundle.len() {
        assert!(cms::certificates(&bundle[..end]).is_err());
    }
    println!("{count} flipped bits of a bundle, {refused} refused as malformed; {} truncations refused", bundle.len());
}

#[test]
fn bundles_are_bounded() {
    let ca = root(ca_params("Root"));
    let cas: Vec<_> = (0..=limits::EST_CERTIFICATES).map(|n| issue(ca_params(&format!("CA {n}")), &ca)).collect();
    let all: Vec<&[u8]> = cas.iter().map(|ca| &ca.der[..]).collect();
    let mut out = vec![0; limits::EST_ANSWER];
    assert_eq!(cms::write(&all, &mut out), Err(Reason::TooLarge));
    let length = cms::write(&all[..limits::EST_CERTIFICATES], &mut out).unwrap();
    assert_eq!(cms::certificates(&out[..length]).unwrap().iter().count(), limits::EST_CERTIFICATES);
    // The same with one more, written by hand: SEQUENCE, OID, [0] and so on up to the certificates, all lengths long.
    let wrap = |tag: u8, content: Vec<u8>| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]][..], &content].concat()
    };
    let signed =
        [&[2, 1, 1, 0x31, 0, 0x30, 11, 6, 9][..], aseptic_certs::oid::DATA, &wrap(0xA0, all.concat()), &[0x31, 0]];
    let info = [&[6, 9][..], aseptic_certs::oid::SIGNED_DATA, &wrap(0xA0, wrap(0x30, signed.concat()))];
    assert_eq!(cms::certificates(&wrap(0x30, info.concat())).err(), Some(Reason::TooLarge));
    let length = cms::write(&[], &mut out).unwrap();
    assert_eq!(cms::certificates(&out[..length]).unwrap().iter().count(), 0);
}

#[test]
fn openssl_and_our_bundles_agree() {
    let ca = root(ca_params("Root"));
    let leaf = issue(device_params("PUMP-0001"), &ca);
    let mut out = [0; 4096];
    let length = cms::write(&[&leaf.der, &ca.der], &mut out).unwrap();
    let Some((text, ok)) = openssl(&["pkcs7", "-inform", "DER", "-print_certs"], &out[..length]) else { return };
    assert!(ok && text.matches("BEGIN CERTIFICATE").count() == 2, "{text}");
}

/// What the openssl command prints for `input`, and whether it was content; none where there is no such command.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<(String, bool)> {
    use std::io::Write;
    let spawned = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: there is no openssl command");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((String::from_utf8_lossy(&text).into_owned(), output.status.success()))
}
