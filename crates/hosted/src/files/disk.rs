//! The few file operations that everything stored is made of, in an order that survives a power cut.
//!
//! A file is replaced whole: written under a temporary name, flushed to the medium, renamed, and the folder flushed. So
//! after a power loss a name leads to the old content or to the new one. What a cut leaves under temporary names is
//! removed at the next start.
//!
//! Whoever may write into the folder could put a link or a pipe under a name that is going to be used, so that the library
//! overwrites a file elsewhere or waits for ever. So nothing but regular files in the folder itself is opened.

use crate::{Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

const TEMPORARY: &str = "new";

/// One operation on the medium, as told to a [`Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Create,
    Read,
    Write,
    Sync,
    Rename,
    SyncFolder,
    Remove,
}

/// What happens to an operation.
pub(super) enum Verdict {
    Pass,
    /// It fails and has no effect.
    #[cfg_attr(not(test), expect(dead_code, reason = "injected by tests alone"))]
    Fail(io::Error),
    /// A write fails after half of its bytes.
    #[cfg_attr(not(test), expect(dead_code, reason = "injected by tests alone"))]
    Tear(io::Error),
}

/// Looks at each operation before it happens. In service all pass; tests make them fail.
pub(super) type Gate = Box<dyn Fn(Step, &Path) -> Verdict + Send + Sync>;

/// A folder.
pub(super) struct Disk {
    folder: PathBuf,
    gate: Gate,
    /// Two threads must not meet under one temporary name.
    replacing: Mutex<()>,
}

impl Disk {
    /// Opens the folder, making it (mode 0700) where it is missing; the folder above it must exist. One that others than
    /// its owner may write is refused.
    pub(super) fn open(folder: &Path, gate: Gate) -> Result<Self> {
        let disk = Self { folder: folder.to_path_buf(), gate, replacing: Mutex::new(()) };
        if !folder.exists() {
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            builder.mode(0o700);
            disk.step(Step::Create, folder, || builder.create(folder))?;
            // The folder itself is a name in the one above.
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
            disk.sync_named(above)?;
        }
        disk.step(Step::Read, folder, || keeps_others_out(folder))?;
        Ok(disk)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether the name is taken, by whatever it may be.
    pub(super) fn exists(&self, name: &str) -> Result<bool> {
        let path = self.path(name);
        self.step(Step::Read, &path, || match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|_| true),
        })
    }

    /// The names in the folder, unordered.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        self.step(Step::Read, &self.folder, || {
            fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        })
    }

    /// Reads a file of at most `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let path = self.path(name);
        self.step(Step::Read, &path, || {
            let mut bytes = Vec::new();
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            open(OpenOptions::new().read(true), &path)?.take(most).read_to_end(&mut bytes)?;
            if bytes.len() > limit { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes) }
        })
    }

    /// Replaces a file.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, temporary) = (self.path(name), self.path(&format!("{name}.{TEMPORARY}")));
        let mut file = self.step(Step::Create, &temporary, || {
            // What a failed call left there, or somebody put there, is not written into.
            remove_if_there(&temporary)?;
            private(true).create_new(true).open(&temporary)
        })?;
        self.write(&mut file, &temporary, bytes)?;
        self.step(Step::Sync, &temporary, || file.sync_all())?;
        drop(file);
        self.step(Step::Rename, &path, || fs::rename(&temporary, &path))?;
        self.sync_folder()
    }

    /// Removes a file; removing what is not there succeeds.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let removed = self.step(Step::Remove, &path, || remove_if_there(&path))?;
        if removed { self.sync_folder() } else { Ok(()) }
    }

    /// Overwrites a file with zeros and removes it; of anything but a file, such as a link, the name is removed alone.
    ///
    /// Where the medium rewrites in place that leaves nothing; flash media and copying file systems may keep the old
    /// blocks, which is why keys are encrypted.
    pub(super) fn shred(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let is_file = || fs::symlink_metadata(&path).map(|found| found.is_file());
        let opened = self.step(Step::Open, &path, || {
            if is_file()? { open(OpenOptions::new().write(true), &path).map(Some) } else { Ok(None) }
        });
        match opened {
            Ok(None) => {}
            Ok(Some(mut file)) => {
                let length = self.step(Step::Read, &path, || file.metadata()).map(|data| data.len())?;
                let zeros = vec![0; usize::try_from(length.min(SHRED)).unwrap_or_default()];
                self.write(&mut file, &path, &zeros)?;
                self.step(Step::Sync, &path, || file.sync_all())?;
            }
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(other) => return Err(other),
        }
        self.remove(name)
    }

    /// Removes what a power cut left under temporary names.
    pub(super) fn sweep(&self) -> Result<()> {
        let suffix = format!(".{TEMPORARY}");
        self.names()?.iter().filter(|name| name.ends_with(&suffix)).try_for_each(|name| self.shred(name))
    }

    /// Opens a file for reading and writing in place, making it where it is missing.
    pub(super) fn in_place(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        self.step(Step::Open, &path, || open(private(true).read(true), &path))
    }

    pub(super) fn read_at(&self, file: &mut File, name: &str, offset: u64, out: &mut [u8]) -> Result<()> {
        self.step(Step::Read, &self.path(name), || {
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(out)
        })
    }

    pub(super) fn write_at(&self, file: &mut File, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        file.seek(SeekFrom::Start(offset)).map_err(|error| Error::file(&path, error))?;
        self.write(file, &path, bytes)
    }

    /// Adds to the end of a file and gives its length.
    pub(super) fn append(&self, name: &str, bytes: &[u8]) -> Result<u64> {
        let path = self.path(name);
        let mut file = self.step(Step::Open, &path, || open(private(false).append(true), &path))?;
        self.write(&mut file, &path, bytes)?;
        self.step(Step::Read, &path, || file.metadata()).map(|data| data.len())
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let to = self.path(to);
        self.step(Step::Rename, &to, || fs::rename(self.path(from), &to))
    }

    pub(super) fn sync(&self, file: &File, name: &str) -> Result<()> {
        self.step(Step::Sync, &self.path(name), || file.sync_all())
    }

    fn write(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<()> {
        let outcome = match (self.gate)(Step::Write, path) {
            Verdict::Pass => file.write_all(bytes),
            Verdict::Fail(error) => Err(error),
            Verdict::Tear(error) => file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default()).and(Err(error)),
        };
        outcome.map_err(|error| Error::file(path, error))
    }

    /// A renamed or removed name lasts once its folder is on the medium. Systems that cannot open folders flush by
    /// themselves.
    pub(super) fn sync_folder(&self) -> Result<()> {
        self.sync_named(&self.folder)
    }

    fn sync_named(&self, folder: &Path) -> Result<()> {
        self.step(Step::SyncFolder, folder, || if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) })
    }

    fn step<T>(&self, step: Step, path: &Path, act: impl FnOnce() -> io::Result<T>) -> Result<T> {
        match (self.gate)(step, path) {
            Verdict::Pass => act(),
            Verdict::Fail(error) | Verdict::Tear(error) => Err(error),
        }
        .map_err(|error| Error::file(path, error))
    }
}

/// Opens a regular file that stands under this very name. A pipe does not make it wait.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether there was anything to remove.
fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(unix)]
fn keeps_others_out(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o022 == 0 { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(not(unix))]
fn keeps_others_out(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Files are for their owner alone.
fn private(write: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    if write {
        options.write(true);
    }
    #[cfg(unix)]
    options.mode(0o600);
    options
}

/// Bytes of a shredded file that are overwritten; sealed files are far smaller.
const SHRED: u64 = 65_536;
