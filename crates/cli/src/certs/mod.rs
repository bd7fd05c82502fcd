//! `aseptic certs`: judge a chain as a device does, and lint certificates before they are issued.

mod lint;
mod show;
mod verify;

use crate::error::{Error, Report, Result};
use crate::file;
use aseptic_certs::profile::{COMPAT, DEVICE, Profile};
use aseptic_core::Reason;
use clap::{Subcommand, ValueEnum};
use std::path::Path;

/// Judge certificates with the device's own code.
///
/// `verify` says whether a device would believe a chain, and if not, every reason at its place. `lint` says which rules of a
/// profile a certificate breaks: what it passes, devices accept.
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Verify(verify::Arguments),
    Lint(lint::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Report> {
    match command {
        Command::Verify(arguments) => verify::run(arguments),
        Command::Lint(arguments) => lint::run(arguments),
    }
}

/// How strict.
#[derive(Clone, Copy, ValueEnum)]
enum Strictness {
    /// What devices accept
    Device,
    /// RFC 5280 as the field has it
    Compat,
}

impl Strictness {
    const fn profile(self) -> &'static Profile {
        match self {
            Self::Device => &DEVICE,
            Self::Compat => &COMPAT,
        }
    }
}

/// The blocks of this label in a PEM file, or the whole file as DER.
fn blocks(path: &Path, label: &str) -> Result<Vec<Vec<u8>>> {
    let bytes = file::read(path)?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes]);
    }
    let blocks = file::pem_blocks(&bytes).ok_or_else(|| Error::refused(path, Reason::FileCorrupt))?;
    let found: Vec<_> = blocks.into_iter().filter(|block| block.tag() == label).map(pem::Pem::into_contents).collect();
    if found.is_empty() {
        let cause = format!("There is no block `{label}` in it.");
        return Err(Error::because(path, Reason::FileCorrupt, &cause).remedied("Pass PEM or DER of the right kind."));
    }
    Ok(found)
}

const CERTIFICATE: &str = "CERTIFICATE";
const LIST: &str = "X509 CRL";
