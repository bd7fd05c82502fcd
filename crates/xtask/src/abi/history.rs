//! The shared library against that of the last release, by abidiff (abigail-tools).

use super::found;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A field that is added to a structure of the interface, to see that it would be noticed.
const PLANTED: (&str, &str, &str) = (
    "src/update.rs",
    "pub struct aseptic_model {",
    "pub struct aseptic_model {\n    /// Planted.\n    pub planted: u32,",
);

/// Compares with the last tag. Where there is none, that is said; that a change would be seen is shown in every run.
pub(super) fn check() -> Result<()> {
    if !found("abidiff")? {
        return Ok(());
    }
    let target = shell::target();
    let now = library(&shell::root().join("crates/ffi"), &target, "now")?;
    let planted = library(&planted()?, &target, "planted")?;
    let Some(text) = changes(&now, &planted)? else { bail!("abidiff does not see a field that was added") };
    if !text.contains("aseptic_model") || !text.contains("planted") {
        bail!("abidiff does not name the field that was added:\n{text}");
    }
    println!("abi: abidiff finds a field that is planted into aseptic_model");
    if let Some(text) = changes(&now, &now)? {
        bail!("abidiff finds changes between a library and itself:\n{text}");
    }
    let Some(tag) = last_tag()? else {
        println!("abi: comparison with the last release skipped: no tag yet, the first release is the one that counts");
        return Ok(());
    };
    compare(&tag, &now)
}

fn compare(tag: &str, now: &Path) -> Result<()> {
    let source = checkout(tag)?;
    let old = library(&source.join("crates/ffi"), &released(), "released")?;
    let versions = [source, shell::root()].map(|root| abi_version(&root));
    let [before, after] = versions;
    let (before, after) = (before?, after?);
    match changes(&old, now)? {
        None => println!("abi: nothing that {tag} exports has changed"),
        Some(text) if after > before => {
            println!("abi: changed since {tag}, and ASEPTIC_ABI_VERSION rose from {before} to {after}:\n{text}");
        }
        Some(text) => bail!("changed since {tag}, without a new ASEPTIC_ABI_VERSION:\n{text}"),
    }
    Ok(())
}

/// What abidiff says has changed. Symbols that are only new break no program.
fn changes(old: &Path, new: &Path) -> Result<Option<String>> {
    let mut command = shell::program("abidiff");
    let output = command.args(["--no-added-syms", "--fail-no-debug-info"]).arg(old).arg(new).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Bits of the status: 1 error, 2 usage, 4 change, 8 incompatible change.
    match output.status.code() {
        Some(0) => Ok(None),
        Some(status) if status & 3 == 0 => Ok(Some(text)),
        _ => bail!("abidiff: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

/// Builds the shared library with debug information, of this package alone: its types are the interface.
fn library(package: &Path, target: &Path, name: &str) -> Result<PathBuf> {
    let mut build = Command::new(std::env::var("CARGO").as_deref().unwrap_or("cargo"));
    build.current_dir(package).env("CARGO_TARGET_DIR", target).args(["build", "--quiet", "--lib"]);
    // Settings of a profile, so that what other chores have built stays as it is.
    for setting in ["debug=2", "strip=\"none\""] {
        build.arg("--config").arg(format!("profile.dev.package.aseptic-ffi.{setting}"));
    }
    shell::run(&mut build)?;
    let place = shell::target().join("abi");
    fs::create_dir_all(&place)?;
    let copy = place.join(format!("{name}.so"));
    fs::copy(target.join("debug/libaseptic_ffi.so"), &copy)?;
    Ok(copy)
}

/// A copy of `crates/ffi` with a field more, in a workspace of its own over the very packages of this one, so that nothing
/// else is built again. Its folder has a name of its own: cargo tells packages of the same name apart by their place in the
/// workspace.
fn planted() -> Result<PathBuf> {
    let place = shell::target().join("abi/planted");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(place.join("crates"))?;
    let workspace = fs::read_to_string(shell::root().join("Cargo.toml"))?;
    let here = format!("path = \"{}/crates/", shell::root().display());
    let workspace = workspace
        .replace("path = \"crates/", &here)
        .replace("members = [\"crates/*\"]", "members = [\"crates/planted\"]");
    fs::write(place.join("Cargo.toml"), workspace)?;
    fs::copy(shell::root().join("Cargo.lock"), place.join("Cargo.lock"))?;
    shell::run(shell::program("cp").arg("-R").arg("crates/ffi").arg(place.join("crates/planted")))?;
    let (file, before, after) = PLANTED;
    let package = place.join("crates/planted");
    let path = package.join(file);
    let text = fs::read_to_string(&path)?;
    if !text.contains(before) {
        bail!("{file} has no `{before}` to plant a field into");
    }
    fs::write(&path, text.replace(before, after))?;
    Ok(package)
}

/// The newest tag before this commit.
pub(crate) fn last_tag() -> Result<Option<String>> {
    let output = shell::program("git").args(["describe", "--tags", "--abbrev=0"]).output()?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// Where other versions are built. Not with this one: cargo would take packages at the same place of two checkouts for one.
pub(crate) fn released() -> PathBuf {
    shell::target().join("released")
}

/// The source of a commit, below the target folder.
pub(crate) fn checkout(commit: &str) -> Result<PathBuf> {
    let place = released().join("source");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let packed = released().join("source.tar");
    shell::run(shell::program("git").args(["archive", "--format=tar", "-o"]).arg(&packed).arg(commit))?;
    shell::run(shell::program("tar").arg("-xf").arg(&packed).arg("-C").arg(&place))?;
    Ok(place)
}

fn abi_version(root: &Path) -> Result<u32> {
    let header = fs::read_to_string(root.join("include/aseptic.h"))?;
    let line = header.lines().find_map(|line| line.strip_prefix("#define ASEPTIC_ABI_VERSION "));
    Ok(line.context("no ASEPTIC_ABI_VERSION in the header")?.trim().parse()?)
}
