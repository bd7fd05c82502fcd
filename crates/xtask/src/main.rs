//! The chores of the project. Depends on nothing of the product.
#![forbid(unsafe_code)]

mod abi;
mod bench;
mod c;
mod calls;
mod cross;
mod dependencies;
mod dist;
mod firmware;
mod fuzz;
mod header;
mod interop;
mod panics;
mod prove;
mod rtos;
mod sbom;
mod setup;
mod shell;
mod sizes;
mod source;
mod stack;
mod state;
mod test;
mod ward;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the aseptic project")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the other chores need; what may not be installed is named
    Setup,
    /// Everything that CI runs: format, lints, all tests, C, interop, bare-metal build, fuzz smoke
    Test {
        /// Leave out this step, which has been run otherwise
        #[arg(long, value_name = "STEP")]
        without: Vec<String>,
    },
    /// Check packages and source against the rules of the architecture
    Dependencies,
    /// Run a published test suite: a line for each failing case, then the counts
    Conformance {
        /// cose, wycheproof, suit, limbo, limbo-compat or pkits
        suite: String,
        /// The folder or file of the suite
        path: PathBuf,
        /// Folder with the keys of the suite (suit)
        #[arg(long)]
        keys: Option<PathBuf>,
    },
    /// Write include/aseptic.h from crates/ffi
    Header {
        /// Only compare; fail if the committed header differs
        #[arg(long)]
        check: bool,
    },
    /// Build dist/: header, static and shared library, pkg-config file, CMake config, and what is inside (CycloneDX)
    Dist,
    /// Check the interface that C programs rely on: layout, compilers, MISRA C, variables, changes since the last release
    Abi {
        /// First write tests/abi/symbols.txt and layout.c as the header has them, for review
        #[arg(long)]
        accept: bool,
    },
    /// Build the FreeRTOS sample with the real kernel and run it; compile the port for Zephyr
    Rtos,
    /// Check the stored states of releases, and that the last one reads what this code writes
    State {
        /// Write the states of this version, which has no tag yet
        #[arg(long)]
        write: bool,
        /// Let the code of this commit read what this code writes
        #[arg(long)]
        against: Option<String>,
    },
    /// Build and run the C programs against dist/, plain, under sanitizers and under valgrind
    C,
    /// Build the library for Arm processors with Linux and run the C programs against it under QEMU
    Cross,
    /// Build the library for microcontrollers, prove that it cannot panic, and run C firmware around it in QEMU
    Firmware {
        /// Print flash, RAM, stack and instructions, and fail where they grew
        #[arg(long)]
        sizes: bool,
        /// Prove that no panic of ours is reachable, and run nothing
        #[arg(long)]
        panics: bool,
        /// Write what a list under tests/abi holds anew, for review
        #[arg(long)]
        accept: bool,
        /// Cut the power at every operation of the flash, not at every twentieth
        #[arg(long)]
        every_cut: bool,
    },
    /// Measure the speed of a pillar against other people's engines, as ratios of one run
    Bench {
        /// certs; all if none is named
        pillars: Vec<String>,
    },
    /// Let fleets of devices renew their identities for years of virtual time: a table, and a curve as SVG
    Fleet {
        /// Write the curve of the largest fleet to this file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Let other people's tools read what we write, and the reverse
    Interop,
    /// Prove that no power cut, flipped bit or order of events brings wrong software to run, and count what was tried
    Prove {
        /// Some of everything, in a few seconds
        #[arg(long)]
        quick: bool,
        /// Write the golden traces under tests/golden/update anew, for review
        #[arg(long)]
        accept: bool,
    },
    /// Send 10^5 messages through a network that means harm, and count what came of them
    Ward,
    /// Run every fuzz target for a short while
    Fuzz {
        /// Seconds a target
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Setup => setup::run(),
        Chore::Test { without } => test::run(&without),
        Chore::Dependencies => dependencies::run(),
        Chore::Conformance { suite, path, keys } => conformance(&suite, &path, keys.as_deref()),
        Chore::Header { check } => header::run(check),
        Chore::Dist => dist::run().map(drop),
        Chore::Abi { accept } => abi::run(accept),
        Chore::Rtos => rtos::run(),
        Chore::State { write: true, .. } => state::write(),
        Chore::State { against: Some(commit), .. } => state::against(&commit),
        Chore::State { .. } => state::run(),
        Chore::C => c::run(),
        Chore::Cross => cross::run(),
        Chore::Firmware { sizes: true, accept, .. } => sizes::run(accept),
        Chore::Firmware { panics: true, accept, .. } => panics::run(accept),
        Chore::Firmware { accept, every_cut, .. } => firmware::run(every_cut).and_then(|()| panics::run(accept)),
        Chore::Bench { pillars } => bench::run(&pillars),
        Chore::Fleet { svg } => fleet(svg.as_deref()),
        Chore::Interop => interop::run(),
        Chore::Prove { quick, accept } => prove::run(quick, accept),
        Chore::Ward => ward::run(),
        Chore::Fuzz { seconds } => fuzz::run(seconds),
    }
}

/// The fleets live in the testbed. Their exit status is ours.
fn fleet(svg: Option<&std::path::Path>) -> Result<()> {
    let mut command = shell::cargo();
    command.args(["run", "--quiet", "--release", "-p", "aseptic-testbed", "--bin", "fleet", "--"]);
    if let Some(svg) = svg {
        command.arg("--svg").arg(svg);
    }
    std::process::exit(command.status()?.code().unwrap_or(1));
}

/// The runner lives in the testbed, so that this package builds in seconds. Its exit status is ours.
fn conformance(suite: &str, path: &std::path::Path, keys: Option<&std::path::Path>) -> Result<()> {
    let mut command = shell::cargo();
    command
        .args(["run", "--quiet", "--release", "-p", "aseptic-testbed", "--bin", "conformance", "--", suite])
        .arg(path);
    if let Some(keys) = keys {
        command.arg("--keys").arg(keys);
    }
    std::process::exit(command.status()?.code().unwrap_or(1));
}
