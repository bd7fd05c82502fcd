//! Installs what the chores need, by the names of Debian packages, PyPI projects, crates and targets.

use crate::shell::{self, answers, ci, program};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// The bare-metal target that the device crates are built for.
pub(crate) const BARE_METAL: &str = "thumbv7em-none-eabihf";

/// What the library is built for beside the machine itself.
const TARGETS: [&str; 5] = [
    BARE_METAL,
    "thumbv8m.main-none-eabihf",
    "thumbv6m-none-eabi",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
];

/// Debian packages, each with a program that shows whether it is there, and what belongs to it.
const DEBIAN: [(&str, &str, &str); 19] = [
    ("gcc", "gcc", "--version"),
    ("g++", "g++", "--version"),
    ("valgrind", "valgrind", "--version"),
    ("openssl", "openssl", "version"),
    // No program of it: the headers are looked for.
    ("libmbedtls-dev", "cpp", "tests/interop/mbedtls.c"),
    ("curl", "curl", "--version"),
    // an EST client; curl carries it, and its plugins read PKCS #7
    ("strongswan-pki libstrongswan-standard-plugins libstrongswan-extra-plugins", "pki", "--help"),
    ("pkg-config", "pkg-config", "--version"),
    // For the example that enrols over it.
    ("libssl-dev", "pkg-config", "--exists libssl"),
    ("cmake", "cmake", "--version"),
    ("clang", "clang", "--version"),
    ("cppcheck", "cppcheck", "--version"),
    ("abigail-tools", "abidiff", "--version"),
    ("python3-venv", "python3", "-cimport ensurepip, venv"),
    ("gcc-arm-none-eabi libnewlib-arm-none-eabi", "arm-none-eabi-gcc", "--version"),
    ("qemu-system-arm", "qemu-system-arm", "--version"),
    ("qemu-user", "qemu-aarch64", "--version"),
    ("gcc-aarch64-linux-gnu libc6-dev-arm64-cross", "aarch64-linux-gnu-gcc", "--version"),
    ("gcc-arm-linux-gnueabihf libc6-dev-armhf-cross", "arm-linux-gnueabihf-gcc", "--version"),
];

/// Independent implementations, in a virtual environment below the target folder. pycose and cwt hold cbor2 below 6.
const PYTHON: [&str; 6] = [
    "pycose==1.1.0",
    "cwt==3.3.0",
    "cbor2==5.9.0",
    "cryptography==48.0.0",
    // The one other signer of HSS/LMS.
    "pyhsslms==2.0.0",
    // The validator of the CycloneDX project.
    "cyclonedx-python-lib[json-validation]==11.12.0",
];

const CARGO_FUZZ: &str = "0.13.2";

/// Installs what is missing. What cannot be installed is named; under `CI=true` that is an error.
pub(crate) fn run() -> Result<()> {
    let mut missing = Vec::new();
    let absent: Vec<&str> = DEBIAN
        .iter()
        .filter(|(_, name, argument)| !answers(name, argument))
        .flat_map(|(names, ..)| names.split(' '))
        .collect();
    if !absent.is_empty() && !apt(&absent) {
        missing.extend(absent.iter().map(|package| format!("Debian package {package}")));
    }
    for target in TARGETS {
        if !has_target(target) && shell::run(program("rustup").args(["target", "add", target])).is_err() {
            missing.push(format!("Rust target {target}"));
        }
    }
    if !python_ready() && install_python().is_err() {
        missing.push(format!("Python packages {}", PYTHON.join(", ")));
    }
    if !answers("cargo-fuzz", "--version")
        && shell::run(shell::cargo().args(["install", "--quiet", "--locked", "cargo-fuzz", "--version", CARGO_FUZZ]))
            .is_err()
    {
        missing.push(format!("cargo-fuzz {CARGO_FUZZ}"));
    }
    if missing.is_empty() {
        println!("setup: everything is there");
        return Ok(());
    }
    for name in &missing {
        eprintln!("setup: missing, and could not be installed: {name}");
    }
    if ci() {
        bail!("{} tools are missing", missing.len());
    }
    Ok(())
}

/// The Python that has the independent implementations, if it is there.
pub(crate) fn python() -> Option<PathBuf> {
    python_ready().then(interpreter)
}

/// Whether the bare-metal target can be built for.
pub(crate) fn has_bare_metal() -> bool {
    has_target(BARE_METAL)
}

/// Whether `target` can be built for.
pub(crate) fn has_target(target: &str) -> bool {
    targets().is_ok_and(|targets| targets.lines().any(|line| line == target))
}

fn targets() -> Result<String> {
    if answers("rustup", "--version") {
        shell::output(program("rustup").args(["target", "list", "--installed"]))
    } else {
        Ok(String::new())
    }
}

fn apt(packages: &[&str]) -> bool {
    let install = |refresh: bool| {
        (!refresh || shell::run(program("apt-get").args(["-qq", "update"])).is_ok())
            && shell::run(
                program("apt-get")
                    .env("DEBIAN_FRONTEND", "noninteractive")
                    .args(["-qq", "-y", "--no-install-recommends", "install"])
                    .args(packages),
            )
            .is_ok()
    };
    install(true)
}

fn environment() -> PathBuf {
    shell::target().join("python")
}

fn interpreter() -> PathBuf {
    environment().join("bin/python")
}

fn python_ready() -> bool {
    let mut probe = program(&interpreter().to_string_lossy());
    probe.args(["-c", "import pycose, cwt, cbor2, cryptography, pyhsslms, cyclonedx, jsonschema"]);
    probe.output().is_ok_and(|output| output.status.success())
}

fn install_python() -> Result<()> {
    shell::run(program("python3").args(["-m", "venv"]).arg(environment()))?;
    shell::run(program(&interpreter().to_string_lossy()).args(["-m", "pip", "install", "--quiet"]).args(PYTHON))
}
