//! Certificates out of every kind of file, as rcgen and OpenSSL write them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::{cms, import};
use aseptic_core::{Reason, limits};
use common::{ca_params, root};
use std::io::Write;
use std::process::{Command, Stdio};

/// All certificates of a file, with room of its own length.
fn all(file: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
    let mut found = vec![];
    for place in 0.. {
        let mut out = vec![0; file.len()];
        match import::certificate(file, place, &mut out)? {
            Some(length) => found.push(out[..length].to_vec()),
            None => break,
        }
    }
    Ok(found)
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = vec![0; aseptic_certs::base64::encoded_len(der.len())];
    aseptic_certs::base64::encode(der, &mut text).unwrap();
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", String::from_utf8(text).unwrap())
}

fn bundle(certificates: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0; 65536];
    let length = cms::write(certificates, &mut out).unwrap();
    out[..length].to_vec()
}

#[test]
fn every_form_gives_the_same_certificates() {
    let (one, two) = (root(ca_params("One")).der, root(ca_params("Two")).der);
    assert_eq!(all(&one).unwrap().concat(), one);
    let mut both = vec![one.clone(), two.clone()];
    let single = [pem("CERTIFICATE", &one), pem("CERTIFICATE", &two)].concat();
    assert_eq!(all(single.as_bytes()).unwrap(), both);
    // Text around, keys and lists between, and the other line ends.
    let mixed =
        ["subject=One\n", &pem("CERTIFICATE", &one), &pem("X509 CRL", &[1, 2]), &pem("CERTIFICATE", &two)].concat();
    assert_eq!(all(mixed.replace('\n', "\r\n").as_bytes()).unwrap(), both);
    let bundle = bundle(&[&one, &two]);
    both.sort();
    assert_eq!(all(&bundle).unwrap(), both);
    for label in ["PKCS7", "CMS"] {
        assert_eq!(all(pem(label, &bundle).as_bytes()).unwrap(), both);
    }
    let after = [pem("PKCS7", &bundle), pem("CERTIFICATE", &one)].concat();
    assert_eq!(all(after.as_bytes()).unwrap(), [both, vec![one]].concat());
}

#[test]
fn what_is_none_is_refused_and_room_is_asked_for() {
    let one = root(ca_params("One")).der;
    let text = pem("CERTIFICATE", &one);
    let refused = |file: &[u8]| all(file).unwrap_err();
    for file in [
        &b""[..],
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nMII",
        b"-----BEGIN KEY-----\nAA==\n-----END KEY-----",
    ] {
        assert_eq!(refused(file), Reason::CertificateMalformed);
    }
    assert_eq!(refused(text.replace("END CERTIFICATE", "END CERT").as_bytes()), Reason::CertificateMalformed);
    assert_eq!(refused(text.replacen("MII", "M*I", 1).as_bytes()), Reason::EstTransfer);
    assert_eq!(refused(&one[..one.len() - 1]), Reason::CertificateMalformed);
    for file in [&one[..], text.as_bytes()] {
        assert_eq!(import::certificate(file, 0, &mut vec![0; one.len() - 1]), Err(Reason::BufferTooSmall));
        assert_eq!(import::certificate(file, 0, &mut vec![0; one.len()]), Ok(Some(one.len())));
    }
    assert_eq!(refused(text.repeat(limits::EST_CERTIFICATES + 1).as_bytes()), Reason::TooLarge);
    assert_eq!(all(text.repeat(limits::EST_CERTIFICATES).as_bytes()).unwrap().len(), limits::EST_CERTIFICATES);
    // No byte of a file leads astray: what is read is what was there, or nothing.
    for at in 0..text.len() {
        let mut file = text.clone().into_bytes();
        file[at] ^= 4;
        if let Ok(found) = all(&file) {
            assert!(found.len() <= 1);
        }
    }
}

#[test]
fn openssl_writes_bundles_that_are_read() {
    let (one, two) = (root(ca_params("One")).der, root(ca_params("Two")).der);
    let file = std::env::temp_dir().join(format!("aseptic-import-{}.pem", std::process::id()));
    std::fs::write(&file, [pem("CERTIFICATE", &one), pem("CERTIFICATE", &two)].concat()).unwrap();
    for form in ["PEM", "DER"] {
        let child = Command::new("openssl")
            .args(["crl2pkcs7", "-nocrl", "-outform", form, "-certfile"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: no openssl; `cargo xtask setup` installs it");
            return;
        };
        child.stdin.take().unwrap().write_all(b"").unwrap();
        let written = child.wait_with_output().unwrap().stdout;
        assert_eq!(all(&written).unwrap(), [one.clone(), two.clone()], "{form}");
    }
    std::fs::remove_file(&file).unwrap();
}
