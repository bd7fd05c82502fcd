//! What a program that is linked relies on: the header through every compiler, the layout of what is shared, the symbols,
//! the history of the shared library, MISRA C, and no memory of our own behind a program's back.
//!
//! The lists are files under `tests/abi`, which people review; `cargo xtask abi --accept` writes what follows from the header.

mod header;
mod history;
mod layout;
mod misra;
mod objects;

pub(crate) use history::{checkout, last_tag, released};

use crate::{dist, shell};
use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;

/// Checks everything; with `accept` first writes `symbols.txt` and `layout.c` as the header has them.
pub(crate) fn run(accept: bool) -> Result<()> {
    let text = fs::read_to_string(shell::root().join("include/aseptic.h"))?;
    if accept {
        fs::write(folder().join("symbols.txt"), header::exported(&text).join("\n") + "\n")?;
        if found("arm-none-eabi-gcc")? {
            layout::write(&header::structures(&text))?;
        }
    }
    let dist = dist::run()?;
    layout::check(&header::structures(&text))?;
    misra::check()?;
    objects::check(&dist)?;
    history::check()
}

/// Where the lists lie.
fn folder() -> PathBuf {
    shell::root().join("tests/abi")
}

/// Whether a tool is there. Under CI it must be; elsewhere its absence is said.
fn found(tool: &str) -> Result<bool> {
    if shell::answers(tool, "--version") {
        return Ok(true);
    }
    if shell::ci() {
        bail!("{tool} is missing; run `cargo xtask setup`");
    }
    println!("abi: {tool} skipped, it is not installed");
    Ok(false)
}
