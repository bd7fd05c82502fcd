//! Other people's tools read what we write, and the reverse.

use crate::{setup, shell};
use anyhow::{Result, bail};

/// Target and filter of every test that asks another implementation. Each of them runs in the workspace's tests too, where
/// its tool is installed.
const TESTS: [(&[&str], &str); 6] = [
    // pycose, cwt, cbor2, pyca/cryptography: COSE, sealed messages, SUIT; strongSwan, curl and OpenSSL: EST; OpenSSL, mbedTLS:
    // chains and revocation lists
    (&["--test", "interop"], ""),
    // OpenSSL and raw webpki: generated chains
    (&["--test", "differential"], ""),
    // OpenSSL: requests and bundles
    (&["--test", "formats"], "openssl"),
    // OpenSSL: chains, and what stands in certificates
    (&["--test", "ca"], "openssl"),
    // curl and OpenSSL: enrolment over mutual TLS, with OpenSSL's own key and request
    (&["--test", "registrar"], "openssl"),
    // OpenSSL: s_client against our server, our client against s_server, certificates on both sides
    (&["--lib"], "openssl"),
];

/// Generated chains; the tests alone take fewer.
const CHAINS: &str = "1000";

/// Runs the interop tests with the tools that are there; under `CI=true` a missing one is an error.
pub(crate) fn run() -> Result<()> {
    let python = setup::python();
    if python.is_none() {
        if shell::ci() {
            bail!("the Python packages are missing; run `cargo xtask setup`");
        }
        println!("interop: Python skipped, its packages are not installed");
    }
    for (target, filter) in TESTS {
        let mut tests = shell::cargo();
        // The whole workspace, so that what its own tests have built is used again.
        tests.args(["test", "--quiet", "--workspace"]).args(target).args(["--", "--nocapture", filter]);
        // An interpreter that answers nothing makes the tests skip, and say so.
        tests.env("ASEPTIC_PYTHON", python.clone().unwrap_or_else(|| "python3".into()));
        tests.env("ASEPTIC_CHAINS", CHAINS);
        let output = tests.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("cargo test {} {filter}: {}", target.join(" "), output.status);
        }
        // A filter that fits no test any more would pass for ever.
        if !text.lines().any(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed")) {
            bail!("cargo test {} {filter}: there is no such test", target.join(" "));
        }
    }
    Ok(())
}
