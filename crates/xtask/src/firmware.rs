//! The library for microcontrollers, and C firmware around it on an emulated Cortex-M4F.

use crate::{setup, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target whose firmware is run: the Cortex-M4F of QEMU's mps2-an386.
pub(crate) const TARGET: &str = setup::BARE_METAL;

const MACHINE: [&str; 2] = ["-M", "mps2-an386"];
const PROCESSOR: [&str; 4] = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
const COMPILE: [&str; 8] =
    ["-std=c99", "-Os", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffunction-sections"];
/// newlib, its file access over semihosting, and none of its startup.
const LINK: [&str; 6] = [
    "-fdata-sections",
    "-nostartfiles",
    "--specs=nano.specs",
    "--specs=rdimon.specs",
    "-Wl,--gc-sections",
    "-Wl,--no-warn-execstack",
];
/// What every program has: the board, and the emulator's files.
const BOARD: [&str; 2] = ["cortex_m/startup.c", "cortex_m/semihosting.c"];

/// What the library holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Updates alone, for a boot loader.
    Boot,
    /// All four pillars.
    Device,
}

impl Shape {
    /// The name of its folder.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Device => "device",
        }
    }

    /// The features of `aseptic-ffi` with the software cryptography.
    pub(crate) const fn features(self) -> &'static str {
        match self {
            Self::Boot => "soft,panic-handler",
            Self::Device => "device,soft,panic-handler",
        }
    }
}

/// Builds the libraries, then the firmware, and runs it.
pub(crate) fn run() -> Result<()> {
    if !ready()? {
        return Ok(());
    }
    library(TARGET, Shape::Boot)?;
    let device = library(TARGET, Shape::Device)?;
    let versions = compile("versions", &["cortex_m/versions.c"], &device, &[])?;
    print!("firmware: {}", said(emulate(&versions, &[]).args(["-serial", "none"]))?);
    Ok(())
}

/// Whether compiler, emulator and target are there; without them nothing is built, and under CI that is an error.
pub(crate) fn ready() -> Result<bool> {
    let tools = ["arm-none-eabi-gcc", "qemu-system-arm"];
    let missing: Vec<&str> = tools.into_iter().filter(|tool| !shell::answers(tool, "--version")).collect();
    if missing.is_empty() && setup::has_target(TARGET) {
        return Ok(true);
    }
    if shell::ci() {
        bail!("{} or the target {TARGET} is missing; run `cargo xtask setup`", missing.join(", "));
    }
    println!("firmware: skipped; it needs {} and the target {TARGET}", tools.join(", "));
    Ok(false)
}

/// Builds the library for bare metal and gives the path of the archive in `dist/firmware/<target>/<shape>/`.
pub(crate) fn library(target: &str, shape: Shape) -> Result<PathBuf> {
    let built = archive(target, shape.features())?;
    let folder = shell::root().join("dist/firmware").join(target).join(shape.name());
    fs::create_dir_all(folder.join("include"))?;
    let place = folder.join("libaseptic.a");
    fs::copy(&built, &place).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::copy(shell::root().join("include/aseptic.h"), folder.join("include/aseptic.h"))?;
    let size = fs::metadata(&place)?.len();
    println!("firmware: {} for {target}, archive of {} KiB", shape.name(), size / 1024);
    Ok(place)
}

/// Builds the static library for bare metal with these features, in the profile `firmware`, and gives its path below the
/// target folder; the next build with other features writes over it.
pub(crate) fn archive(target: &str, features: &str) -> Result<PathBuf> {
    // SHA-2 unrolled would take 6.7 KB more flash for each hash, and no fewer than two thirds of the time.
    let compact =
        format!("target.{target}.rustflags=['--cfg=sha2_backend=\"soft\"', '--cfg=sha2_backend_soft=\"compact\"']");
    shell::run(
        shell::cargo()
            // Flags of the host's build are not meant for the firmware, and would replace those given here.
            .env_remove("RUSTFLAGS")
            .args(["rustc", "--quiet", "-p", "aseptic-ffi", "--profile", "firmware", "--crate-type", "staticlib"])
            .args(["--target", target, "--no-default-features", "--features", features, "--config", &compact]),
    )?;
    Ok(shell::target().join(target).join("firmware/libaseptic_ffi.a"))
}

/// Compiles sources of `examples/c` with the board around them against `library`, and gives the path of the program.
pub(crate) fn compile(name: &str, sources: &[&str], library: &Path, flags: &[&str]) -> Result<PathBuf> {
    let folder = shell::target().join("firmware programs");
    fs::create_dir_all(&folder)?;
    let examples = shell::root().join("examples/c");
    let program = folder.join(format!("{name}.elf"));
    let mut command = compiler();
    command.args(COMPILE).args(LINK);
    command
        .arg("-I")
        .arg(shell::root().join("include"))
        .arg("-I")
        .arg(&examples)
        .arg("-I")
        .arg(examples.join("cortex_m"));
    command.args(BOARD.iter().chain(sources).map(|source| examples.join(source)));
    command.arg(library).arg("-T").arg(examples.join("cortex_m/link.ld")).args(flags);
    shell::run(command.arg("-o").arg(&program))?;
    Ok(program)
}

/// The C compiler with the flags of the processor.
pub(crate) fn compiler() -> Command {
    let mut command = shell::program("arm-none-eabi-gcc");
    command.args(PROCESSOR);
    command
}

/// The emulator about to start `program` with `words` as its command line; the caller adds what the serial line is.
pub(crate) fn emulate(program: &Path, words: &[&str]) -> Command {
    let mut command = shell::program("qemu-system-arm");
    command.args(MACHINE).args(["-display", "none", "-monitor", "none"]);
    let arguments: String = words.iter().map(|word| format!(",arg={word}")).collect();
    command.arg("-semihosting-config").arg(format!("enable=on,target=native{arguments}"));
    command.arg("-kernel").arg(program);
    command
}

/// Runs an emulator to its end and gives what its firmware printed; a program that fails is an error.
pub(crate) fn said(emulator: &mut Command) -> Result<String> {
    let output = emulator.output().context("cannot start the emulator")?;
    // The emulator writes what firmware prints to its standard error.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("the firmware ended with {}\n{said}", output.status);
    }
    Ok(said)
}
