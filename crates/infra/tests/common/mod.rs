//! What the tests of this crate share: a device's request, and the `openssl` command as a second opinion.

use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_core::crypto::KeyAlg;
use aseptic_infra::AuthorityKey;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A request of the device `serial` for `key`, in DER.
#[allow(dead_code)] // not every test binary asks
pub(crate) fn request(key: &AuthorityKey, serial: &str) -> Vec<u8> {
    let template = CsrTemplate { serial, common_name: None, hardware_module: None, uri: None };
    let mut out = [0; 1024];
    let length = csr::write(key, key.public().unwrap(), &template, &mut out).unwrap();
    out[..length].to_vec()
}

pub(crate) fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

/// Writes certificates as PEM.
pub(crate) fn write_pem(path: &Path, ders: &[&[u8]]) {
    let text: String = ders.iter().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", *der))).collect();
    std::fs::write(path, text).unwrap();
}

/// Whether a program is there. `cargo xtask setup` sees to it that CI has it; elsewhere its tests say that they skip.
pub(crate) fn have(program: &str, version: &str) -> bool {
    let there = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        println!("skipped: {program} is not installed");
    }
    there
}

/// Runs a program with `input` and gives whether it succeeded, and all that it printed.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}
