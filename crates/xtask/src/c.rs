//! The C programs, built as a user would from `dist/`.

use crate::{dist, shell};
use anyhow::{Result, bail};
use std::path::Path;

/// The languages the header must compile as, alone and without a warning.
const DIALECTS: [(&str, &str); 4] = [("gcc", "c99"), ("gcc", "c11"), ("gcc", "c17"), ("g++", "c++17")];
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Compiles the header in every dialect, then builds and runs the pump plain, under sanitizers and under valgrind.
pub(crate) fn run() -> Result<()> {
    let dist = dist::run()?;
    header(&dist)?;
    let out = shell::target().join("c");
    std::fs::create_dir_all(&out)?;
    let static_library = dist.join("lib/libaseptic.a");
    build(&dist, &out.join("pump"), &["-O2"], &[static_library.as_os_str().to_str().unwrap_or_default()])?;
    build(
        &dist,
        &out.join("pump-sanitized"),
        &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        &[static_library.as_os_str().to_str().unwrap_or_default()],
    )?;
    let folder = dist.join("lib").display().to_string();
    build(
        &dist,
        &out.join("pump-shared"),
        &["-O2"],
        &[&format!("-L{folder}"), "-laseptic", &format!("-Wl,-rpath,{folder}")],
    )?;
    drive("plain", &[&out.join("pump")])?;
    drive("shared", &[&out.join("pump-shared")])?;
    drive("sanitizers", &[&out.join("pump-sanitized")])?;
    if shell::answers("valgrind", "--version") {
        drive("valgrind", &[Path::new("valgrind -q --error-exitcode=99 --leak-check=full"), &out.join("pump")])?;
    } else if shell::ci() {
        bail!("valgrind is missing; run `cargo xtask setup`");
    } else {
        println!("c: valgrind skipped, it is not installed");
    }
    Ok(())
}

fn header(dist: &Path) -> Result<()> {
    for (compiler, dialect) in DIALECTS {
        let language = if compiler == "g++" { "c++" } else { "c" };
        shell::run(
            shell::program(compiler)
                .args([&format!("-std={dialect}"), "-ffreestanding", "-fsyntax-only", "-x", language])
                .args(STRICT)
                .arg(dist.join("include/aseptic.h")),
        )?;
    }
    println!("c: the header compiles alone as C99, C11, C17 and C++17");
    Ok(())
}

fn build(dist: &Path, program: &Path, flags: &[&str], link: &[&str]) -> Result<()> {
    shell::run(
        shell::program("gcc")
            .args(["-std=c99"])
            .args(STRICT)
            .args(flags)
            .arg("-I")
            .arg(dist.join("include"))
            .args(["examples/c/pump.c", "examples/c/platform_posix.c", "-o"])
            .arg(program)
            .args(link)
            .args(["-lpthread", "-ldl", "-lm"]),
    )
}

/// The test that plays the hospital around the pump: provisions it, opens what it seals, sends it updates.
fn drive(name: &str, words: &[&Path]) -> Result<()> {
    let command = words.iter().map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ");
    println!("c: pump, {name}");
    shell::run(shell::cargo().env("ASEPTIC_PUMP", command).args([
        "test",
        "--quiet",
        "-p",
        "aseptic-testbed",
        "--test",
        "pump",
        "--",
        "--nocapture",
    ]))
}
