//! The library for microcontrollers, and C firmware around it on an emulated Cortex-M4F.

use crate::{setup, shell};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target whose firmware is run: the Cortex-M4F of QEMU's mps2-an386.
pub(crate) const TARGET: &str = setup::BARE_METAL;

/// Targets whose boot shape is built and not run: a Cortex-M33 and a Cortex-M0+.
const BUILT: [&str; 2] = ["thumbv8m.main-none-eabihf", "thumbv6m-none-eabi"];
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
/// What every program has that keeps something.
const FLASH: [&str; 2] = ["cortex_m/platform_cortex_m.c", "cortex_m/nor.c"];

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

    /// The features of `aseptic-ffi`: the software cryptography, and store and counters on raw flash.
    pub(crate) const fn features(self) -> &'static str {
        match self {
            Self::Boot => "soft,nor,panic-handler",
            Self::Device => "device,soft,nor,panic-handler",
        }
    }
}

/// Builds the libraries, then the firmware, and runs it. The sweep of power cuts takes every operation of the flash, or, where
/// it is one of many tests, every twentieth.
pub(crate) fn run(every_cut: bool) -> Result<()> {
    if !ready()? {
        return Ok(());
    }
    for target in BUILT {
        if setup::has_target(target) {
            library(target, Shape::Boot)?;
        } else if shell::ci() {
            bail!("the target {target} is missing; run `cargo xtask setup`");
        } else {
            println!("firmware: {target} skipped, it is not installed");
        }
    }
    let boot = library(TARGET, Shape::Boot)?;
    let device = library(TARGET, Shape::Device)?;
    boot_loader(&boot)?;
    compile("pump", &[&FLASH[..], &["pump.c"]].concat(), &device, &[])?;
    let therapy = [
        "cortex_m/therapy.c",
        "cortex_m/faults.c",
        "cortex_m/timer.c",
        "cortex_m/nor_ram.c",
        "cortex_m/platform_cortex_m.c",
    ];
    compile("therapy", &therapy, &device, &[])?;
    let masked = compile("therapy-masked", &therapy, &device, &["-DMASKED"])?;
    life(&device)?;
    never_masks(&[&boot, &device], &masked)?;
    let versions = compile("versions", &["cortex_m/versions.c"], &device, &[])?;
    print!("firmware: {}", said(emulate(&versions, &[]).args(["-serial", "none"]))?);
    drive(if every_cut { "1" } else { "20" })
}

/// The instructions and the bytes of stack of each function, most and deepest over the whole life of a device on the board.
pub(crate) fn calls(library: &Path) -> Result<BTreeMap<String, [u64; 2]>> {
    life(library)?;
    let arguments = ["test", "--quiet", "-p", "aseptic-testbed", "--test", "firmware", "--", "--nocapture", "calls::"];
    let printed = shell::output(shell::cargo().env("ASEPTIC_FIRMWARE", programs()).args(arguments))?;
    let row = |line: &str| {
        let mut words = line.strip_prefix("call ")?.split(' ');
        let (name, instructions, stack) = (words.next()?, words.next()?, words.next()?);
        Some((name.to_owned(), [instructions.parse().ok()?, stack.parse().ok()?]))
    };
    Ok(printed.lines().filter_map(row).collect())
}

/// The tests that play factory, author and hospital around the boards.
fn drive(stride: &str) -> Result<()> {
    shell::run(shell::cargo().env("ASEPTIC_FIRMWARE", programs()).env("ASEPTIC_STRIDE", stride).args([
        "test",
        "--quiet",
        "--workspace",
        "--test",
        "firmware",
        "--",
        "--nocapture",
    ]))
}

/// The boot loader and three releases of its application: 1 and 2 keep themselves, the self-test of 3 fails.
fn boot_loader(library: &Path) -> Result<()> {
    compile("bootloader", &[&FLASH[..], &["bootloader.c", "cortex_m/uart.c"]].concat(), library, &[])?;
    for (release, self_test) in [("1", "1"), ("2", "1"), ("3", "0")] {
        let flags = [
            "-Wl,--defsym=image_origin=0x20200000,--defsym=image_ram=0x20300000".to_owned(),
            format!("-DIMAGE_VERSION=\"{release}\""),
            format!("-DSELF_TEST={self_test}"),
        ];
        let flags = flags.each_ref().map(String::as_str);
        let sources = [&FLASH[..], &["cortex_m/application.c"]].concat();
        let program = compile(&format!("application-{release}"), &sources, library, &flags)?;
        let image = program.with_extension("bin");
        let copy = ["-O", "binary"].map(AsRef::as_ref).into_iter().chain([program.as_os_str(), image.as_os_str()]);
        shell::run(shell::program("arm-none-eabi-objcopy").args(copy))?;
    }
    Ok(())
}

/// The functions of the header that answer with a status.
pub(crate) fn fallible(header: &str) -> impl Iterator<Item = &str> {
    let declarations = header.lines().map(|line| line.strip_prefix("ASEPTIC_MUST_USE ").unwrap_or(line));
    declarations.filter_map(|line| line.strip_prefix("aseptic_status ")?.split_once('(').map(|(name, _)| name))
}

/// The whole life of a device, each call measured: `timed.h` has a macro for each function that returns a status.
pub(crate) fn life(library: &Path) -> Result<()> {
    let root = shell::root();
    let header = fs::read_to_string(root.join("include/aseptic.h"))?;
    let mut timed = String::from("#include \"timing.h\"\n");
    for name in fallible(&header) {
        timed.push_str(&format!(
            "#define {name}(...) (timing_begin(), timing_end(\"{name}\", ({name})(__VA_ARGS__)))\n"
        ));
    }
    let generated = programs();
    fs::create_dir_all(&generated)?;
    fs::write(generated.join("timed.h"), timed)?;
    let folders = [root.join("tests/firmware"), root.join("tests/c"), generated];
    let folders = folders.each_ref().map(|folder| format!("-I{}", folder.display()));
    let sources = ["../../tests/firmware/life.c", "../../tests/firmware/timing.c", "cortex_m/timer.c"];
    compile("life", &[&FLASH[..], &sources].concat(), library, &folders.each_ref().map(String::as_str)).map(drop)
}

/// No instruction of the libraries masks interrupts, so that no call can hold up an interrupt. The program that does is found.
fn never_masks(libraries: &[&Path], masked: &Path) -> Result<()> {
    let mut scanned = 0;
    for library in libraries {
        let (instructions, masking) = disassembled(library)?;
        scanned += instructions;
        if let Some(instruction) = masking.first() {
            bail!("{} masks interrupts: {instruction}", library.display());
        }
    }
    if disassembled(masked)?.1.is_empty() {
        bail!("the scan does not see the masking in {}", masked.display());
    }
    println!("firmware: none of {scanned} instructions of the libraries masks interrupts");
    Ok(())
}

/// The number of instructions, and those that write to the masks of interrupts (Armv7-M architecture, B5.2).
fn disassembled(object: &Path) -> Result<(usize, Vec<String>)> {
    let mut objdump = shell::program("arm-none-eabi-objdump");
    let text = shell::output(objdump.args(["-d", "--no-show-raw-insn"]).arg(object))?;
    let mut instructions = 0;
    let mut masking = Vec::new();
    for instruction in text.lines().filter_map(|line| Some(line.trim_start().split_once(":\t")?.1)) {
        instructions += 1;
        let word = instruction.to_ascii_lowercase();
        let register =
            word.starts_with("msr") && ["primask", "basepri", "faultmask"].iter().any(|mask| word.contains(mask));
        if word.starts_with("cpsid") || register {
            masking.push(instruction.to_owned());
        }
    }
    Ok((instructions, masking))
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
    // SHA-2 unrolled takes 38 instructions a byte instead of 62, and 6.7 KB more flash for each hash. Panics of other crates name
    // their file: without the folders of this machine the library is the same on the next one.
    let registry = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
    let hide = |folder: &str, name: &str| format!("'--remap-path-prefix={folder}={name}'");
    let flags = [
        "'--cfg=sha2_backend=\"soft\"'".to_owned(),
        "'--cfg=sha2_backend_soft=\"compact\"'".to_owned(),
        hide(&shell::root().display().to_string(), "."),
        hide(&registry.unwrap_or_default(), "cargo"),
    ];
    let compact = format!("target.{target}.rustflags=[{}]", flags.join(", "));
    shell::run(
        shell::cargo()
            // Flags of the host's build are not meant for the firmware, and would replace those given here.
            .env_remove("RUSTFLAGS")
            .args(["rustc", "--quiet", "-p", "aseptic-ffi", "--profile", "firmware", "--crate-type", "staticlib"])
            .args(["--target", target, "--no-default-features", "--features", features, "--config", &compact]),
    )?;
    Ok(shell::target().join(target).join("firmware/libaseptic_ffi.a"))
}

/// Where the programs are. The emulator separates its words by spaces, so that the path has none of ours.
fn programs() -> PathBuf {
    shell::target().join("firmware-programs")
}

/// Compiles sources of `examples/c` with the board around them against `library`, and gives the path of the program.
pub(crate) fn compile(name: &str, sources: &[&str], library: &Path, flags: &[&str]) -> Result<PathBuf> {
    let folder = programs();
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
