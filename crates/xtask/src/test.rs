//! Everything that CI runs, in the order in which it fails fastest.

use crate::{abi, c, cross, dependencies, firmware, fuzz, header, interop, panics, rtos, setup, shell, sizes, state};
use anyhow::{Result, bail};
use std::time::Instant;

const DEVICE_CRATES: [&str; 7] = [
    "aseptic-core",
    "aseptic-certs",
    "aseptic-identity",
    "aseptic-messaging",
    "aseptic-nor",
    "aseptic-selftest",
    "aseptic-update",
];

type Step = (&'static str, fn() -> Result<()>);

/// Runs every step but those named, and prints the time of each; stops at the first that fails.
pub(crate) fn run(without: &[String]) -> Result<()> {
    let steps: [Step; 15] = [
        ("setup", setup::run),
        ("format", || shell::run(shell::cargo().args(["fmt", "--all", "--check"]))),
        ("lints", lints),
        ("dependencies", dependencies::run),
        ("header", || header::run(true)),
        ("tests", || shell::run(shell::cargo().args(["test", "--workspace", "--", "--show-output"]))),
        ("bare metal", bare_metal),
        ("c", c::run),
        ("cross", cross::run),
        ("firmware", || firmware::run(false).and_then(|()| panics::run(false)).and_then(|()| sizes::run(false))),
        ("rtos", rtos::run),
        ("abi", || abi::run(false)),
        ("state", state::run),
        ("interop", interop::run),
        ("fuzz", || fuzz::run(5)),
    ];
    if let Some(unknown) = without.iter().find(|name| !steps.iter().any(|(step, _)| step == name)) {
        bail!("there is no step {unknown}");
    }
    let mut times = Vec::new();
    for (name, step) in steps {
        if without.iter().any(|skipped| skipped == name) {
            println!("== {name}: left out");
            continue;
        }
        println!("== {name}");
        let start = Instant::now();
        step()?;
        times.push((name, start.elapsed()));
    }
    println!("== all steps passed");
    for (name, time) in times {
        println!("{name:>14}  {:>5} s", time.as_secs());
    }
    Ok(())
}

fn lints() -> Result<()> {
    shell::run(shell::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let docs = ["doc", "--quiet", "--no-deps", "-p", "aseptic", "-p", "aseptic-core"];
    shell::run(shell::cargo().env("RUSTDOCFLAGS", "-D warnings").args(docs))
}

/// The device crates build without `std` and without an allocator.
fn bare_metal() -> Result<()> {
    if !setup::has_bare_metal() {
        if shell::ci() {
            bail!("the target {} is missing; run `cargo xtask setup`", setup::BARE_METAL);
        }
        println!("bare metal: skipped, the target {} is not installed", setup::BARE_METAL);
        return Ok(());
    }
    for package in DEVICE_CRATES {
        shell::run(shell::cargo().args(["build", "--quiet", "-p", package, "--target", setup::BARE_METAL]))?;
    }
    println!("bare metal: {} packages build for {}", DEVICE_CRATES.len(), setup::BARE_METAL);
    Ok(())
}
