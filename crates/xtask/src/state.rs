//! The stored states of the releases under `tests/state`, and whether the last release can read what this code writes.

use crate::abi::{checkout, last_tag, released};
use crate::shell;
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const WRITER: &str = "what_this_release_writes_is_what_its_files_hold";
const READER: &str = "every_stored_state_is_read_and_lived_on_with";
/// What comes after a confirmation may be in a format of its own.
const CONFIRMED: &str = "13_update_confirmed.toml";

/// Writes the states of this version, which is for a release that has no tag yet.
pub(crate) fn write() -> Result<()> {
    if tagged(VERSION)? {
        bail!("{VERSION} is released: its states never change again. Raise the version first");
    }
    written(&shell::root().join("tests/state").join(VERSION), false)
}

/// States of releases are as they were at their tags, and the last release reads what this code writes.
pub(crate) fn run() -> Result<()> {
    for entry in fs::read_dir(shell::root().join("tests/state"))? {
        let release = entry?.file_name().to_string_lossy().into_owned();
        if tagged(&release)? {
            let folder = format!("tests/state/{release}");
            let tag = format!("v{release}");
            shell::run(shell::program("git").args(["diff", "--exit-code", "--stat", tag.as_str(), "--", &folder]))?;
        }
    }
    match last_tag()? {
        Some(tag) => against(&tag),
        None => {
            println!(
                "state: reading by the last release itself skipped: no tag yet; `cargo xtask state --against HEAD` shows how"
            );
            Ok(())
        }
    }
}

/// Lets the code of `commit` read what this code writes until an update is confirmed, and live on with it.
pub(crate) fn against(commit: &str) -> Result<()> {
    let folder = shell::target().join("state/now");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    written(&folder, true)?;
    fs::remove_file(folder.join(CONFIRMED))?;
    let count = fs::read_dir(&folder)?.count();
    let source = checkout(commit)?;
    test(&source, &released(), READER, &[("ASEPTIC_STATES", &folder)])?;
    println!("state: {commit} reads {count} states as this code writes them, and lives on with them");
    Ok(())
}

fn written(folder: &Path, reverted: bool) -> Result<()> {
    let folder = folder.to_path_buf();
    let mut variables = vec![("ASEPTIC_WRITE_STATES", &folder)];
    if reverted {
        variables.push(("ASEPTIC_REVERTED", &folder));
    }
    test(&shell::root(), &shell::target(), WRITER, &variables)
}

/// Runs one test of the stored states as they are in `source`. A name that fits no test any more would pass for ever.
fn test(source: &Path, target: &Path, name: &str, variables: &[(&str, &PathBuf)]) -> Result<()> {
    let mut command = Command::new(std::env::var("CARGO").as_deref().unwrap_or("cargo"));
    command.current_dir(source).env("CARGO_TARGET_DIR", target).envs(variables.iter().copied());
    command.args(["test", "--quiet", "-p", "aseptic-testbed", "--test", "state", "--", "--exact", name]);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !text.contains("1 passed") {
        bail!("{name} in {}: {}\n{text}{}", source.display(), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn tagged(release: &str) -> Result<bool> {
    let listed = shell::output(shell::program("git").args(["tag", "--list", &format!("v{release}")]))?;
    Ok(!listed.trim().is_empty())
}
