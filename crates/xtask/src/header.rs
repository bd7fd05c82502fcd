//! The C header, generated from `crates/ffi` and committed.

use crate::shell;
use anyhow::{Context, Result, bail};

/// Writes the header, or compares it with the committed one.
pub(crate) fn run(check: bool) -> Result<()> {
    let path = shell::root().join("include/aseptic.h");
    let fresh = generate()?;
    if !check {
        std::fs::create_dir_all(shell::root().join("include"))?;
        return std::fs::write(&path, fresh).context("cannot write include/aseptic.h");
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != fresh {
        bail!("include/aseptic.h is not what crates/ffi says; run `cargo xtask header` and commit it");
    }
    println!("header: include/aseptic.h is current");
    Ok(())
}

fn generate() -> Result<String> {
    let package = shell::root().join("crates/ffi");
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let bindings = cbindgen::Builder::new().with_crate(package).with_config(config).generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(String::from_utf8(text)?)
}
