//! Other people's tools read what we write, and the reverse. One module for each format; tools that are not there skip
//! their tests and say so, unless `CI=true` made `cargo xtask interop` refuse to start without them.

mod certs;
mod cose;
mod est;
mod hss;
mod messaging;
mod suit;

use aseptic_testbed::conformance::repository;
use std::path::PathBuf;
use std::process::Command;

/// Runs a script of `tests/interop` and gives what it prints; none where Python lacks the packages. `ASEPTIC_PYTHON`
/// names the interpreter, else it is `python3`.
///
/// # Panics
/// If the script fails.
fn python(script: &str, arguments: &[&str]) -> Option<String> {
    let interpreter = std::env::var_os("ASEPTIC_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = Command::new(&interpreter).args(["-c", "import cbor2, cryptography, cwt, pycose, pyhsslms"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: Python without cbor2, cryptography, cwt, pycose or pyhsslms; `cargo xtask setup` installs them"
        );
        return None;
    }
    let script = repository().join("tests/interop").join(script);
    let output = Command::new(&interpreter).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// An empty folder that the test removes.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("aseptic-interop-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
