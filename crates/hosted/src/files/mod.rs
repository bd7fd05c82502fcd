//! A platform made of files.
//!
//! One folder holds everything: a file for each slot, counter, key and image slot.
//!
//! ```text
//! lock             held while the folder is in use; a second process is turned away
//! vault            salt, and proof that the storage secret is the right one
//! slot-0002        a blob of the library, readable, authenticated
//! counter-1        sealed, value in the clear
//! key-00000001     sealed, private key encrypted; algorithm and use in the clear
//! boot             sealed, what the boot loader is to do
//! image-a image-b  program slots
//! events           the security log, a line an event; events.old is the one before
//! ```
//!
//! **Power loss.** Every file but the images and the log is replaced whole: written under a temporary name, flushed,
//! renamed, folder flushed. Image bytes are flushed before the next slot, counter or boot choice is saved, so that nothing
//! durable ever speaks of bytes that are not. The log is not flushed: a power cut may cost its last lines.
//!
//! **Secret.** Whoever has the files but not the secret can neither read a key nor forge a slot, a counter, a key or the
//! boot choice; he can put older ones back, and change images and log. Where the secret comes from is the integrator's
//! part: a TPM, a secure element, fuses, a file on other media.
//!
//! **Folder.** A folder that others than its owner may write is refused, and links in it are not followed.
//!
//! **Threads.** A [`Files`] may be shared between threads; calls that write wait for each other.

mod counters;
mod disk;
mod events;
mod images;
mod keys;
mod slots;
mod vault;

pub use vault::SECRET;

use crate::os::{OsClock, OsEntropy};
use crate::{Error, Result, crypto};
use aseptic_core::Reason;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{Absent, Clock, Entropy, Fault, Geometry, Outcome, Platform};
use disk::{Disk, Gate, Verdict};
use events::Log;
use images::ImageFiles;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vault::Vault;

/// A device's stored state in one folder, locked for as long as the value lives.
///
/// ```
/// use aseptic_core::crypto::KeyAlg;
/// use aseptic_core::platform::{KeyId, KeyPolicy, KeyUse};
/// use aseptic_hosted::Files;
///
/// # let above = tempfile::tempdir()?;
/// # let folder = above.path().join("pump");
/// # let secret = [7; 32];
/// let files = Files::open(&folder, &secret)?;
/// let platform = files.platform();
/// let policy = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign };
/// platform.keys.generate(KeyId(1), policy).map_err(aseptic_core::Reason::from)?;
/// assert_eq!(platform.keys.next(KeyId(0)), Ok(Some(KeyId(1))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Files {
    disk: Disk,
    vault: Vault,
    entropy: Box<dyn Entropy + Send + Sync>,
    clock: Box<dyn Clock + Send + Sync>,
    images: Option<Mutex<ImageFiles>>,
    changing: Mutex<()>,
    log: Mutex<Log>,
    last: Mutex<Option<Error>>,
    // Last, so that the lock is released after everything else.
    _lock: File,
}

/// How to open a folder.
pub struct Options {
    entropy: Box<dyn Entropy + Send + Sync>,
    clock: Box<dyn Clock + Send + Sync>,
    geometry: Option<Geometry>,
    suite: Suite<'static>,
    gate: Gate,
}

impl Files {
    /// Opens a folder, making it where it is missing, with the system's randomness and clock (as a lower bound) and
    /// without image slots. See [`Options::open`].
    pub fn open(folder: impl AsRef<Path>, secret: &[u8]) -> Result<Self> {
        Options::default().open(folder, secret)
    }

    /// Everything the library may ask of this machine.
    #[must_use]
    pub fn platform(&self) -> Platform<'_> {
        Platform {
            entropy: self.entropy.as_ref(),
            clock: self.clock.as_ref(),
            store: self,
            counters: self,
            keys: self,
            images: if self.images.is_some() { self } else { &Absent },
            events: self,
        }
    }

    /// The latest failure with path and system message, once: what a [`Fault`] cannot say.
    pub fn last_error(&self) -> Option<Error> {
        held(&self.last).take()
    }

    fn outcome<T>(&self, result: Result<T>) -> Outcome<T> {
        result.map_err(|error| {
            let fault = fault(error.reason());
            // Absence is an everyday answer, not a failure.
            if fault != Fault::NotFound {
                *held(&self.last) = Some(error);
            }
            fault
        })
    }

    /// What was written to the images must last before anything else does that may speak of it.
    fn images_last(&self) -> Result<()> {
        self.images.as_ref().map_or(Ok(()), |images| held(images).flush(&self.disk))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            entropy: Box::new(OsEntropy),
            clock: Box::new(OsClock::at_least()),
            geometry: None,
            suite: crypto::suite(),
            gate: Box::new(|_, _| Verdict::Pass),
        }
    }
}

impl Options {
    /// The defaults of [`Files::open`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another source of randomness.
    #[must_use]
    pub fn entropy(self, entropy: impl Entropy + Send + Sync + 'static) -> Self {
        Self { entropy: Box::new(entropy), ..self }
    }

    /// Another clock, or the system's with another trust.
    #[must_use]
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Two image slots of this shape.
    #[must_use]
    pub fn images(self, geometry: Geometry) -> Self {
        Self { geometry: Some(geometry), ..self }
    }

    /// Opens a folder, making it (mode 0700) where it is missing; the folder above it must exist.
    ///
    /// `secret` has at least [`SECRET`] bytes, random ones: it is not a password. Refused are a shorter one
    /// ([`Reason::SecretTooShort`]), another one than the folder was made with ([`Reason::SecretWrong`]), a folder that
    /// others than its owner may write ([`Reason::FileDenied`]) or another process works on ([`Reason::FolderBusy`]), and
    /// image slots of another shape than before ([`Reason::Misuse`]).
    pub fn open(self, folder: impl AsRef<Path>, secret: &[u8]) -> Result<Files> {
        if secret.len() < SECRET {
            return Err(Reason::SecretTooShort.into());
        }
        let disk = Disk::open(folder.as_ref(), self.gate)?;
        let lock = disk.in_place("lock")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Reason::FolderBusy.into()),
            Err(TryLockError::Error(error)) => return Err(Error::file(&disk.path("lock"), error)),
        }
        disk.sweep()?;
        let vault = Vault::open(&disk, self.suite, self.entropy.as_ref(), secret)?;
        let images = match self.geometry {
            Some(geometry) => Some(Mutex::new(ImageFiles::open(&disk, &vault, self.entropy.as_ref(), geometry)?)),
            None => None,
        };
        Ok(Files {
            disk,
            vault,
            entropy: self.entropy,
            clock: self.clock,
            images,
            changing: Mutex::new(()),
            log: Mutex::default(),
            last: Mutex::new(None),
            _lock: lock,
        })
    }

    #[cfg(test)]
    fn gate(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }
}

fn fault(reason: Reason) -> Fault {
    match reason {
        Reason::FileMissing | Reason::PlatformNotFound => Fault::NotFound,
        Reason::FileDenied | Reason::PlatformDenied | Reason::KeyWrongUse | Reason::KeyInvalid => Fault::Denied,
        Reason::DiskFull | Reason::PlatformFull => Fault::Full,
        Reason::FileCorrupt => Fault::Corrupt,
        Reason::PlatformUnavailable => Fault::Unavailable,
        _ => Fault::Io,
    }
}

/// A lock whose holder panicked still guards consistent data: every change of it is one assignment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
