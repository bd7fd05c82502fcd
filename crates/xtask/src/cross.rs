//! The library for other processors with Linux, its C programs run by the emulation of one process (QEMU's user mode).

use crate::{dist, setup, shell};
use anyhow::{Result, bail};

/// Target, its C compiler, what runs its programs, and where its system libraries are.
const TARGETS: [(&str, &str, &str, &str); 2] = [
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu"),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", "qemu-arm", "/usr/arm-linux-gnueabihf"),
];

/// Builds the library for each target, and runs the pump and the programs of `tests/c` against it.
pub(crate) fn run() -> Result<()> {
    for (target, compiler, runner, libraries) in TARGETS {
        if !setup::has_target(target) || !shell::answers(compiler, "--version") || !shell::answers(runner, "--version")
        {
            if shell::ci() {
                bail!("{target} needs its Rust target, {compiler} and {runner}; run `cargo xtask setup`");
            }
            println!("cross: {target} skipped, it needs its Rust target, {compiler} and {runner}");
            continue;
        }
        shell::run(shell::cargo().args([
            "rustc",
            "--quiet",
            "-p",
            "aseptic-ffi",
            "--crate-type",
            "staticlib",
            "--target",
            target,
        ]))?;
        let library = shell::target().join(target).join("debug/libaseptic_ffi.a");
        println!("cross: {target}");
        shell::run(
            shell::cargo()
                .env("ASEPTIC_CC", format!("{compiler} -O1"))
                .env("ASEPTIC_LINK", format!("{} {}", library.display(), dist::PRIVATE))
                .env("ASEPTIC_RUNNER", format!("{runner} -L {libraries}"))
                .args(["test", "--quiet", "--workspace", "--test", "c", "--", "--nocapture"]),
        )?;
    }
    Ok(())
}
