//! The samples for FreeRTOS and Zephyr: the one is built against the real kernel and run in the emulator; of the other,
//! whose headers no registry has, the port is compiled against declarations of our own.

use crate::firmware::{self, Shape};
use crate::{setup, shell};
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate that carries the kernel's sources as released by FreeRTOS, version 11.2.0, and its SHA-256. Fetched, never
/// linked into what ships.
const KERNEL: (&str, &str) =
    ("freertos-next-0.12.0", "b7824fb42660c16e1b3b573eef99c2fe5c5cba6294a631c309084635f6bfcbb0");
const REGISTRY: &str = "https://static.crates.io/crates/freertos-next";
const KERNEL_SOURCES: [&str; 4] = ["tasks.c", "queue.c", "list.c", "portable/GCC/ARM_CM4F/port.c"];
const SAMPLE: [&str; 3] = ["freertos/main.c", "freertos/security_task.c", "../../tests/c/ram.c"];
const ZEPHYR: [&str; 1] = ["examples/c/zephyr/src/platform_zephyr.c"];

pub(crate) fn run() -> Result<()> {
    zephyr()?;
    if !firmware::ready()? {
        return Ok(());
    }
    match kernel() {
        Ok(kernel) => freertos(&kernel),
        Err(error) if shell::ci() => Err(error),
        Err(error) => {
            println!("rtos: FreeRTOS skipped, its kernel cannot be fetched: {error}");
            Ok(())
        }
    }
}

fn freertos(kernel: &Path) -> Result<()> {
    let library = firmware::library(firmware::TARGET, Shape::Device)?;
    let config = shell::root().join("examples/c/freertos");
    let include = [kernel.join("include"), kernel.join("portable/GCC/ARM_CM4F")];
    let mut flags: Vec<String> = Vec::new();
    for source in KERNEL_SOURCES {
        let object = kernel.join(source).with_extension("o");
        let mut compile = firmware::compiler();
        compile.args(["-std=c99", "-Os", "-ffunction-sections", "-fdata-sections", "-c"]).arg("-I").arg(&config);
        for folder in &include {
            compile.arg("-I").arg(folder);
        }
        shell::run(compile.arg(kernel.join(source)).arg("-o").arg(&object))?;
        flags.push(object.to_string_lossy().into_owned());
    }
    for folder in &include {
        // The kernel's headers are not ours to be warned of.
        flags.extend(["-isystem".to_owned(), folder.to_string_lossy().into_owned()]);
    }
    for folder in [config, shell::root().join("tests/c")] {
        flags.extend(["-I".to_owned(), folder.to_string_lossy().into_owned()]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let program = firmware::compile("freertos", &SAMPLE, &library, &flags)?;
    // Time that counts instructions is the same in every run, and does not wait for the idle task.
    let said =
        firmware::said(firmware::emulate(&program, &[]).args(["-serial", "none", "-icount", "shift=5,sleep=off"]))?;
    print!("rtos: {said}");
    Ok(())
}

/// The kernel below the target folder, fetched where it is not there, and compared with its checksum.
fn kernel() -> Result<PathBuf> {
    let (name, checksum) = KERNEL;
    let folder = shell::target().join("rtos");
    let packed = folder.join(format!("{name}.crate"));
    fs::create_dir_all(&folder)?;
    if !packed.exists() {
        let fresh = folder.join("fresh");
        let url = format!("{REGISTRY}/{name}.crate");
        shell::run(
            shell::program("curl")
                .args(["--silent", "--show-error", "--fail", "--location", "-o"])
                .arg(&fresh)
                .arg(url),
        )?;
        fs::rename(fresh, &packed)?;
    }
    let sum = shell::output(shell::program("sha256sum").arg(&packed))?;
    if !sum.starts_with(checksum) {
        bail!("{} has another checksum: {sum}", packed.display());
    }
    shell::run(shell::program("tar").arg("-xf").arg(&packed).arg("-C").arg(&folder))?;
    Ok(folder.join(name).join("FreeRTOS-Kernel"))
}

/// Compiled as Zephyr would, but against the declarations in `tests/zephyr` of what it uses.
fn zephyr() -> Result<()> {
    let compiler = if setup::has_bare_metal() { "arm-none-eabi-gcc" } else { "gcc" };
    if !shell::answers(compiler, "--version") {
        println!("rtos: Zephyr skipped, {compiler} is not installed");
        return Ok(());
    }
    for source in ZEPHYR {
        let strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
        shell::run(
            shell::program(compiler)
                .args(strict)
                .args(["-I", "include", "-I", "examples/c/zephyr/include", "-isystem", "tests/zephyr"])
                .arg(source),
        )?;
    }
    println!(
        "rtos: Zephyr: the port compiles against our declarations of its interface; it is not built with Zephyr itself"
    );
    Ok(())
}
