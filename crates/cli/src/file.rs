//! Files that the command reads and writes.

use crate::error::{Error, Result};
use aseptic_core::Reason;
use pem::Pem;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Most bytes of a file: the largest image that an author would sign. Memory is the limit, not a protocol.
const MOST: u64 = 1 << 30;

/// How a block of a PEM file begins (RFC 7468).
pub(crate) const PEM_BEGIN: &[u8] = b"-----BEGIN ";

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= MOST) => Ok(bytes),
        Ok(_) => Err(Error::refused(path, Reason::TooLarge)),
        Err(error) => Err(Error::file(path, &error)),
    }
}

/// Writes a file; one that is there already is replaced only with `force`. On an error nothing is left behind, and a file
/// that was to be replaced is as it was.
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<()> {
    let outcome = if !force {
        fresh(path, bytes)
    } else if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        // A device or a pipe is written to, never replaced.
        OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes))
    } else {
        replace(path, bytes)
    };
    outcome.map_err(|error| Error::file(path, &error))
}

/// The blocks of a PEM file; none if one of them is damaged, which the parser alone would pass over.
pub(crate) fn pem_blocks(bytes: &[u8]) -> Option<Vec<Pem>> {
    let blocks = pem::parse_many(bytes).ok()?;
    let begun = bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(PEM_BEGIN)).count();
    (begun == blocks.len()).then_some(blocks)
}

fn fresh(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    fresh(&beside, bytes)?;
    let renamed = fs::rename(&beside, path);
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}
