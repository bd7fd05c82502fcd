//! The folder of a device that runs `examples/c/platform_posix.c`, seen from Rust: one file a slot, a counter, an image.
//!
//! The factory provisions it through here, tests look into it, and [`Folder::restart`] plays the boot loader.

use aseptic_core::platform::{
    Absent, BootMode, Clock, Counter, Counters, Entropy, Fault, Geometry, ImageSlot, Images, Outcome, Platform, Slot,
    Store, Strength,
};
use aseptic_core::time::Time;
use aseptic_identity::StoredKeys;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The shape of both program slots of the example.
pub const GEOMETRY: Geometry = Geometry { size: 2 * 1024 * 1024, erase_size: 4096, write_size: 8 };

/// Slot 0: what runs now, what boots next and how, as the C program has it.
const BOOT: &str = "boot-0000";
const ERASED: u8 = 0xFF;

/// One device's folder. Errors of the file system become the faults that the C program makes of them.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The device whose files lie in the existing folder `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where the files are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The software keys of the device, which lie in its slots.
    #[must_use]
    pub fn keys(&self) -> StoredKeys<'_> {
        StoredKeys { store: self, entropy: self }
    }

    /// The traits of the platform over this folder, with `keys` from [`Folder::keys`].
    #[must_use]
    pub fn platform<'a>(&'a self, keys: &'a StoredKeys<'a>) -> Platform<'a> {
        Platform { entropy: self, clock: self, store: self, counters: self, keys, images: self, events: &Absent }
    }

    /// What a boot loader does at a reset: a slot selected for trial runs once, and the other one is next again.
    pub fn restart(&self) -> Outcome<ImageSlot> {
        let [running, next, mode] = self.choice()?;
        let fallback = if mode == BootMode::Trial as u8 { running } else { next };
        self.choose([next, fallback, BootMode::Permanent as u8])?;
        self.running()
    }

    /// All files with their content, for comparing before and after.
    ///
    /// # Panics
    /// If the folder cannot be read.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(&self.path).expect("a folder that can be read");
        entries
            .map(|entry| {
                let entry = entry.expect("an entry that can be read");
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).expect("a file that can be read"))
            })
            .collect()
    }

    fn read(&self, name: &str) -> Outcome<Vec<u8>> {
        fs::read(self.path.join(name)).map_err(|error| fault(&error))
    }

    /// Written beside the old file, flushed and renamed over it, as the C program does.
    fn replace(&self, name: &str, bytes: &[u8]) -> Outcome<()> {
        let fresh = self.path.join(format!("{name}.new"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&fresh, self.path.join(name))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| fault(&error))
    }

    fn choice(&self) -> Outcome<[u8; 3]> {
        match self.read(BOOT) {
            Err(Fault::NotFound) => Ok([0; 3]),
            Ok(bytes) => bytes.try_into().map_err(|_| Fault::Corrupt),
            Err(fault) => Err(fault),
        }
    }

    fn choose(&self, choice: [u8; 3]) -> Outcome<()> {
        self.replace(BOOT, &choice)
    }

    fn image(&self, slot: ImageSlot, offset: u64, len: usize) -> Outcome<File> {
        let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len)).ok_or(Fault::Io)?;
        if end > GEOMETRY.size {
            return Err(Fault::Io);
        }
        let path = self.path.join(format!("image-{:04x}", slot as u8));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(|error| fault(&error))?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| fault(&error))?;
        Ok(file)
    }
}

impl Store for Folder {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let bytes = self.read(&slot_file(slot))?;
        out.get_mut(..bytes.len()).ok_or(Fault::Full)?.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        self.replace(&slot_file(slot), bytes)
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        match fs::remove_file(self.path.join(slot_file(slot))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault(&error)),
            _ => Ok(()),
        }
    }
}

impl Counters for Folder {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        match self.read(&counter_file(counter)) {
            Err(Fault::NotFound) => Ok(0),
            Ok(bytes) => Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| Fault::Corrupt)?)),
            Err(fault) => Err(fault),
        }
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        if to <= Counters::read(self, counter)? {
            return Ok(());
        }
        self.replace(&counter_file(counter), &to.to_be_bytes())
    }

    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}

impl Images for Folder {
    fn geometry(&self, _: ImageSlot) -> Outcome<Geometry> {
        Ok(GEOMETRY)
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        let len = usize::try_from(len).map_err(|_| Fault::Io)?;
        self.write(slot, offset, &vec![ERASED; len])
    }

    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        let mut file = self.image(slot, offset, bytes.len())?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| fault(&error))
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let mut there = Vec::new();
        let file = self.image(slot, offset, out.len())?;
        let most = u64::try_from(out.len()).map_err(|_| Fault::Io)?;
        file.take(most).read_to_end(&mut there).map_err(|error| fault(&error))?;
        out.fill(ERASED);
        out.get_mut(..there.len()).ok_or(Fault::Io)?.copy_from_slice(&there);
        Ok(())
    }

    fn running(&self) -> Outcome<ImageSlot> {
        match self.choice()? {
            [0, ..] => Ok(ImageSlot::A),
            [1, ..] => Ok(ImageSlot::B),
            _ => Err(Fault::Corrupt),
        }
    }

    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        let [running, ..] = self.choice()?;
        self.choose([running, slot as u8, mode as u8])
    }
}

impl Entropy for Folder {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(out)).map_err(|_| Fault::Unavailable)
    }
}

impl Clock for Folder {
    fn now(&self) -> Time {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(Time::UNKNOWN, |since| Time::at_least(since.as_secs()))
    }

    fn uptime(&self) -> u64 {
        0
    }
}

fn slot_file(slot: Slot) -> String {
    format!("slot-{:04x}", slot.0)
}

fn counter_file(counter: Counter) -> String {
    format!("counter-{:04x}", counter as u8)
}

fn fault(error: &std::io::Error) -> Fault {
    match error.kind() {
        ErrorKind::NotFound => Fault::NotFound,
        ErrorKind::PermissionDenied => Fault::Denied,
        ErrorKind::StorageFull => Fault::Full,
        _ => Fault::Io,
    }
}
