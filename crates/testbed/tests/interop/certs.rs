//! What the certification authority issues, judged by OpenSSL, by mbedTLS and by ourselves: the three agree about every chain
//! and every list.

use crate::folder;
use aseptic_certs::crl::Numbers;
use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_certs::{Certificate, HeldLists, PathValidator};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose, Revocation};
use aseptic_hosted::crypto::suite;
use aseptic_infra::AuthorityKey;
use aseptic_infra::ca::{Ca, Expected, Local, Server, Validity};
use aseptic_infra::revocation::{RevocationList, Revoked};
use aseptic_testbed::conformance::repository;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What somebody says of a chain with its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Accepted,
    Revoked,
    Refused,
}

/// A hospital: a root, and an authority below it that issues.
struct Hospital {
    root: Ca,
    issuing: Ca,
    now: u64,
}

impl Hospital {
    /// mbedTLS knows no other time than the machine's.
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let root = Ca::new("Hospital root", Validity::years(now - 86_400, 20).unwrap()).unwrap();
        let issuing = root.intermediate("Hospital devices", Validity::years(now - 86_400, 10).unwrap()).unwrap();
        Self { root, issuing, now }
    }

    /// A chain of each kind that there is, with the purpose that it serves.
    fn chains(&self, ca: &Ca) -> [(Purpose, Vec<Vec<u8>>); 3] {
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let template = CsrTemplate { serial: "PUMP-0001", common_name: None, hardware_module: None, uri: None };
        let mut request = vec![0; 1024];
        let length = csr::write(&key, key.public().unwrap(), &template, &mut request).unwrap();
        let request = &request[..length];
        let validity = Validity::days(self.now - 3600, 90).unwrap();
        let expected = Expected {
            serial: "PUMP-0001",
            key: KeyAlg::P256,
            hardware_type: aseptic_testbed::fuzzing::HARDWARE_TYPE,
            hardware_serial: b"HW-42",
            udi: None,
        };
        let local = Local { serial: "PUMP-0001", validity, uris: &[] };
        let server = ca.issue_server("relay.hospital.example", key.public().unwrap(), Server::Relay, validity);
        [
            (Purpose::Birth, ca.issue_birth(request, &expected, self.now - 3600).unwrap()),
            (Purpose::Telemetry, ca.issue_local(request, &local).unwrap()),
            (Purpose::Network, server.unwrap()),
        ]
    }

    fn list(&self, ca: &Ca, revoked: &[&[u8]]) -> Vec<u8> {
        let serials: Vec<&[u8]> = revoked.iter().map(|der| Certificate::parse(der).unwrap().serial).collect();
        let revoked: Vec<_> = serials.iter().map(|serial| Revoked { serial, since: self.now - 1800 }).collect();
        let validity = Validity::days(self.now - 600, 7).unwrap();
        ca.revocation_list(&RevocationList { number: 7, validity, revoked: &revoked }).unwrap()
    }

    fn we_say(&self, purpose: Purpose, chain: &[Vec<u8>], lists: &[Vec<u8>]) -> Said {
        let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let held: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        let lists = HeldLists { lists: &held, numbers: &Numbers::NONE };
        let anchors = [Anchor::of(self.root.anchor())];
        let validator = PathValidator::DEVICE.with_lists(&lists);
        match validator.validate(&suite(), &links, &Grounds::of(&anchors), purpose, Time::trusted(self.now)) {
            Ok(path) if path.revocation == Revocation::Good => Said::Accepted,
            Ok(path) if path.revocation == Revocation::Revoked => Said::Revoked,
            _ => Said::Refused,
        }
    }
}

fn pem(path: &Path, label: &str, ders: &[Vec<u8>]) {
    use base64::Engine as _;
    let block = |der: &Vec<u8>| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    fs::write(path, ders.iter().map(block).collect::<String>()).unwrap();
}

/// The program around mbedTLS; none where its headers or a compiler are missing.
fn mbedtls(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("mbedtls");
    let source = repository().join("tests/interop/mbedtls.c");
    let built = Command::new("gcc")
        .args(["-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(source)
        .args(["-lmbedx509", "-lmbedcrypto"])
        .output();
    let there = built.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: no mbedTLS to build with; `cargo xtask setup` installs it");
    }
    there.then_some(program)
}

fn mbedtls_says(program: &Path, folder: &Path) -> Said {
    let files = ["anchors.pem", "chain.pem", "lists.pem"].map(|name| folder.join(name));
    let output = Command::new(program).args(files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    match text.lines().next() {
        Some("accepted") => Said::Accepted,
        Some("revoked") => Said::Revoked,
        Some("refused") => Said::Refused,
        _ => panic!("mbedTLS cannot read what we issue: {text}"),
    }
}

/// None where it is not installed.
fn openssl_says(folder: &Path) -> Option<Said> {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(["verify", "-x509_strict", "-crl_check_all", "-CAfile", "anchors.pem"]);
    let output = command.args(["-CRLfile", "lists.pem", "-untrusted", "chain.pem", "chain.pem"]).output();
    let Ok(output) = output else {
        eprintln!("skipped: no openssl; `cargo xtask setup` installs it");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    Some(match () {
        () if output.status.success() => Said::Accepted,
        () if text.contains("error 23 ") => Said::Revoked,
        () => Said::Refused,
    })
}

#[test]
fn openssl_and_mbedtls_agree_about_what_we_issue_and_what_we_revoke() {
    let (hospital, folder) = (Hospital::new(), folder("certs"));
    let mbedtls = mbedtls(&folder);
    pem(&folder.join("anchors.pem"), "CERTIFICATE", &[hospital.root.anchor().to_vec()]);
    let mut asked = 0;
    for ca in [&hospital.root, &hospital.issuing] {
        let chains = hospital.chains(ca);
        for (at, (purpose, chain)) in chains.iter().enumerate() {
            // The lists of each authority of the path, and what they come to.
            let (leaf, stranger): (&[u8], &[u8]) = (&chain[0], &chains[(at + 1) % chains.len()].1[0]);
            let mut cases = vec![
                (vec![], vec![], Said::Accepted),
                (vec![], vec![stranger], Said::Accepted),
                (vec![], vec![leaf, stranger], Said::Revoked),
            ];
            if chain.len() > 1 {
                cases.push((vec![hospital.issuing.certificate()], vec![], Said::Revoked));
            }
            for (above, own, wanted) in cases {
                let mut lists = vec![hospital.list(ca, &own)];
                if chain.len() > 1 {
                    lists.push(hospital.list(&hospital.root, &above));
                }
                pem(&folder.join("chain.pem"), "CERTIFICATE", chain);
                pem(&folder.join("lists.pem"), "X509 CRL", &lists);
                assert_eq!(hospital.we_say(*purpose, chain, &lists), wanted, "{purpose:?}");
                if let Some(said) = openssl_says(&folder) {
                    assert_eq!(said, wanted, "OpenSSL, {purpose:?}");
                    asked += 1;
                }
                if let Some(program) = &mbedtls {
                    assert_eq!(mbedtls_says(program, &folder), wanted, "mbedTLS, {purpose:?}");
                    asked += 1;
                }
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    println!("{asked} answers of OpenSSL and mbedTLS, none of them other than ours");
}
