//! The C programs, built as a user would from `dist/`.

use crate::{dist, shell};
use anyhow::{Result, bail};
use std::path::Path;

const SANITIZERS: &str = "gcc -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all";
/// Also a leak and a read of memory that nobody wrote end with this status, which no program of ours uses.
const VALGRIND: &str = "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=all";

/// One way to build and start the programs.
struct Way<'a> {
    name: &'a str,
    compiler: &'a str,
    link: &'a str,
    runner: &'a str,
}

/// Builds `dist/`, then runs the tests of the C interface in every way: static, shared, under sanitizers, under valgrind.
pub(crate) fn run() -> Result<()> {
    let dist = dist::run()?;
    dist::check(&dist)?;
    let library = dist.join("lib");
    let fixed = format!("{} {}", library.join("libaseptic.a").display(), dist::PRIVATE);
    let shared = format!("-L{0} -laseptic -Wl,-rpath,{0}", library.display());
    let way = |name, compiler, link, runner| Way { name, compiler, link, runner };
    let mut ways = vec![
        way("static", "gcc -O2", fixed.as_str(), ""),
        way("shared", "gcc -O2", shared.as_str(), ""),
        way("sanitizers", SANITIZERS, fixed.as_str(), ""),
    ];
    if shell::answers("valgrind", "--version") {
        ways.push(way("valgrind", "gcc -O1 -g", fixed.as_str(), VALGRIND));
    } else if shell::ci() {
        bail!("valgrind is missing; run `cargo xtask setup`");
    } else {
        println!("c: valgrind skipped, it is not installed");
    }
    for way in ways {
        drive(&dist, &way)?;
    }
    Ok(())
}

/// The tests that play the hospital around the pump and call the library as it must not be called.
fn drive(dist: &Path, way: &Way<'_>) -> Result<()> {
    println!("c: {}", way.name);
    shell::run(
        shell::cargo()
            .env("ASEPTIC_CC", format!("{} -I{}", way.compiler, dist.join("include").display()))
            .env("ASEPTIC_LINK", way.link)
            .env("ASEPTIC_RUNNER", way.runner)
            .env("ASEPTIC_SHARED", dist.join("lib/libaseptic.so.0"))
            .args(["test", "--quiet", "--workspace", "--test", "c", "--", "--nocapture"]),
    )
}
