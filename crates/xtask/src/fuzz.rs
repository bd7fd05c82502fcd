//! Every fuzz target for a short while, from its seeds.

use crate::shell;
use anyhow::{Result, bail};

/// Builds the seeds and runs each target for `seconds`.
pub(crate) fn run(seconds: u32) -> Result<()> {
    if !shell::answers("cargo-fuzz", "--version") {
        if shell::ci() {
            bail!("cargo-fuzz is missing; run `cargo xtask setup`");
        }
        println!("fuzz: skipped, cargo-fuzz is not installed");
        return Ok(());
    }
    shell::run(shell::cargo().args(["run", "--quiet", "-p", "aseptic-testbed", "--bin", "seeds"]))?;
    let targets = shell::output(&mut fuzz(&["list"]))?;
    for target in targets.lines() {
        println!("fuzz: {target}, {seconds} s");
        let limits = [format!("-max_total_time={seconds}"), "-max_len=16384".into(), "-rss_limit_mb=2048".into()];
        shell::run(fuzz(&["run", target, "--"]).args(limits).arg("-verbosity=0"))?;
    }
    println!("fuzz: {} targets without a finding", targets.lines().count());
    Ok(())
}

/// The sanitizer flags are unstable; the one pinned toolchain takes them with this variable set.
fn fuzz(arguments: &[&str]) -> std::process::Command {
    let mut command = shell::cargo();
    command.env("RUSTC_BOOTSTRAP", "1").arg("fuzz").args(arguments);
    command
}
