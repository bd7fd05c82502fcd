//! Every fuzz target for a short while, from its seeds.

use crate::shell;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// What cargo-fuzz builds for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Writes the seeds, builds all targets once and runs each for `seconds`, as many at once as there are cores.
pub(crate) fn run(seconds: u32) -> Result<()> {
    if !shell::answers("cargo-fuzz", "--version") {
        if shell::ci() {
            bail!("cargo-fuzz is missing; run `cargo xtask setup`");
        }
        println!("fuzz: skipped, cargo-fuzz is not installed");
        return Ok(());
    }
    shell::run(shell::cargo().args(["run", "--quiet", "-p", "aseptic-testbed", "--bin", "seeds"]))?;
    let target = shell::target().join("fuzz");
    shell::run(fuzz(&["build", "--sanitizer", "none", "--target", TARGET, "--target-dir"]).arg(&target))?;
    let names = shell::output(&mut fuzz(&["list"]))?;
    let programs = target.join(TARGET).join("release");
    let waiting = Mutex::new(names.lines());
    let findings = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(name) = waiting.lock().ok().and_then(|mut names| names.next()) {
                    let error = one(&programs, name, seconds).err();
                    findings.lock().into_iter().for_each(|mut findings| findings.extend(error.clone()));
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap_or_default();
    if !findings.is_empty() {
        bail!("{} fuzz targets found something:\n{}", findings.len(), findings.join("\n"));
    }
    println!("fuzz: {} targets without a finding", names.lines().count());
    Ok(())
}

/// Runs one target; the error is all that it printed.
fn one(programs: &Path, name: &str, seconds: u32) -> Result<(), String> {
    let [corpus, artifacts] = ["corpus", "artifacts"].map(|kind| shell::root().join("fuzz").join(kind).join(name));
    std::fs::create_dir_all(&artifacts).map_err(|error| error.to_string())?;
    let mut command = Command::new(programs.join(name));
    command.arg(&corpus).arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}")).args(LIMITS);
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name}: {}\n{text}", output.status));
    }
    // The last line of libFuzzer is "Done 12345 runs in 5 second(s)".
    println!("fuzz: {name}: {}", text.lines().rev().find(|line| line.starts_with("Done")).unwrap_or("done"));
    Ok(())
}

/// The sanitizer flags are unstable; the one pinned toolchain takes them with this variable set.
fn fuzz(arguments: &[&str]) -> Command {
    let mut command = shell::cargo();
    command.env("RUSTC_BOOTSTRAP", "1").arg("fuzz").args(arguments);
    command
}

/// Longer inputs find nothing that shorter ones do not, a run takes milliseconds, and nothing may take memory without end.
const LIMITS: [&str; 3] = ["-max_len=16384", "-timeout=10", "-rss_limit_mb=2048"];
