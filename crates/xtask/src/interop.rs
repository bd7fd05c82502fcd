//! Other people's tools read what we write, and the reverse.

use crate::{setup, shell};
use anyhow::{Result, bail};

/// Runs the interop tests with the tools that are there; under `CI=true` a missing one is an error.
pub(crate) fn run() -> Result<()> {
    let Some(python) = setup::python() else {
        if shell::ci() {
            bail!("the Python packages are missing; run `cargo xtask setup`");
        }
        println!("interop: skipped, the Python packages are not installed");
        return Ok(());
    };
    shell::run(shell::cargo().env("ASEPTIC_PYTHON", python).args([
        "test",
        "--quiet",
        "-p",
        "aseptic-testbed",
        "--test",
        "interop",
        "--",
        "--nocapture",
    ]))
}
