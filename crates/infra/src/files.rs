//! Files of an authority: written once, whole or not at all, and never over another.

use crate::{Error, Result};
use aseptic_core::Reason;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most bytes of a file that is read whole: a key, a certificate, a small chain.
const MOST: u64 = 64 * 1024;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    All,
}

/// Writes a file that must not exist yet. After power loss it is whole or it is not there; an existing file is never
/// replaced, because the old key of an authority cannot be had again.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let fail = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(Reason::FileExists, format!("writing {}", path.display())),
        _ => Error::io(error, format!("writing {}", path.display())),
    };
    if path.exists() {
        return Err(fail(&std::io::ErrorKind::AlreadyExists.into()));
    }
    let beside = temporary(path);
    // A power cut may have left it, and in a container each process has the number of the one before.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(&error)),
        _ => {}
    }
    let written = write_and_sync(&beside, bytes, access)
        // A link, unlike a rename, does not replace what has appeared under the name meanwhile.
        .and_then(|()| fs::hard_link(&beside, path))
        .and_then(|()| sync_folder(path));
    let removed = fs::remove_file(&beside);
    written.and(removed).map_err(|error| fail(&error))
}

/// Reads a small file whole. Refused is a file that others may change, and one for its owner alone that others may read: it
/// may have been read already.
pub(crate) fn read(path: &Path, access: Access) -> Result<Zeroizing<Vec<u8>>> {
    let fail = |error: &std::io::Error| Error::io(error, format!("reading {}", path.display()));
    let file = File::open(path).map_err(|error| fail(&error))?;
    let (forbidden, mode) = match access {
        Access::Owner => (0o077, "0600"),
        Access::All => (0o022, "0644"),
    };
    if open_to_others(&file, forbidden).map_err(|error| fail(&error))? {
        let context = format!("{} is open to others; its mode must be {mode}", path.display());
        return Err(Error::new(Reason::FileDenied, context));
    }
    let length = file.metadata().map_err(|error| fail(&error))?.len();
    if length > MOST {
        return Err(Error::new(Reason::TooLarge, format!("reading {}", path.display())));
    }
    // Room for all of it at once: growing would leave copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST).unwrap_or_default()));
    file.take(MOST).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    Ok(bytes)
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn write_and_sync(path: &Path, bytes: &[u8], access: Access) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if access == Access::Owner { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the name of a new file last.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn open_to_others(file: &File, forbidden: u32) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & forbidden != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &File, _: u32) -> std::io::Result<bool> {
    Ok(false)
}
