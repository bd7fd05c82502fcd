//! Two program slots in files, and the boot loader's part for systems whose boot loader is elsewhere.
//!
//! The file `boot` says which slot runs, which one is permanent and which one is on trial. [`Files::reboot`] does with it
//! what a boot loader does at a reset; a program that is itself started by a boot loader does not call it.

use super::disk::Disk;
use super::vault::Vault;
use super::{Files, held};
use crate::{Error, Result};
use aseptic_core::Reason;
use aseptic_core::platform::{BootMode, Entropy, Fault, Geometry, ImageSlot, Images, Outcome};
use std::fs::File;

const BOOT: &str = "boot";
const MAGIC: &[u8; 5] = b"aBot\x01";
const HEADER: usize = MAGIC.len() + 16 + 3;
const MOST: usize = 64;
const ERASED: u8 = 0xFF;
const CHUNK: usize = 65_536;

impl Images for Files {
    fn geometry(&self, _: ImageSlot) -> Outcome<Geometry> {
        Ok(self.image_files()?.geometry)
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        let mut images = self.image_files()?;
        images.within(offset, len, u64::from(images.geometry.erase_size))?;
        self.outcome(images.fill(&self.disk, slot, offset, len))
    }

    /// Buffered by the system until the next slot, counter or boot choice is saved.
    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        let mut images = self.image_files()?;
        let length = u64::try_from(bytes.len()).map_err(|_| Fault::Denied)?;
        images.within(offset, length, 1)?;
        if !offset.is_multiple_of(u64::from(images.geometry.write_size)) {
            return Err(Fault::Denied);
        }
        self.outcome(images.put(&self.disk, slot, offset, bytes))
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let mut images = self.image_files()?;
        images.within(offset, u64::try_from(out.len()).map_err(|_| Fault::Denied)?, 1)?;
        let file = &mut images.files[slot as usize];
        self.outcome(self.disk.read_at(file, name(slot), offset, out))
    }

    fn running(&self) -> Outcome<ImageSlot> {
        let images = self.image_files()?;
        self.outcome(Boot::load(&self.disk, &self.vault, images.geometry).map(|boot| boot.running))
    }

    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        let change = |boot| match mode {
            BootMode::Trial => Boot { trial: Some(slot), ..boot },
            BootMode::Permanent => Boot { permanent: slot, trial: None, ..boot },
        };
        self.outcome(self.choose(change).map(drop))
    }
}

impl Files {
    /// Starts the slot that a boot loader would start now, and gives it: the one on trial, once; else the permanent one.
    ///
    /// After power loss the choice has been made or not; a trial is never made twice.
    pub fn reboot(&self) -> Result<ImageSlot> {
        let boot = self.choose(|boot| Boot { running: boot.trial.unwrap_or(boot.permanent), trial: None, ..boot })?;
        Ok(boot.running)
    }

    /// The file is read each time: after a failed write only it knows whether the old choice or the new one holds.
    fn choose(&self, change: impl FnOnce(Boot) -> Boot) -> Result<Boot> {
        let mut images = self.image_files().map_err(Reason::from)?;
        images.flush(&self.disk)?;
        let boot = Boot::load(&self.disk, &self.vault, images.geometry)?;
        let changed = change(boot);
        if changed != boot {
            changed.save(&self.disk, &self.vault, self.entropy.as_ref(), images.geometry)?;
        }
        Ok(changed)
    }

    fn image_files(&self) -> Outcome<std::sync::MutexGuard<'_, ImageFiles>> {
        self.images.as_ref().map(held).ok_or(Fault::Unavailable)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Boot {
    running: ImageSlot,
    permanent: ImageSlot,
    trial: Option<ImageSlot>,
}

impl Boot {
    const FIRST: Self = Self { running: ImageSlot::A, permanent: ImageSlot::A, trial: None };

    fn save(self, disk: &Disk, vault: &Vault, entropy: &dyn Entropy, geometry: Geometry) -> Result<()> {
        let trial = self.trial.map_or(NO_TRIAL, |slot| slot as u8);
        let header = [&shape(geometry)[..], &[self.running as u8, self.permanent as u8, trial]].concat();
        disk.replace(BOOT, &vault.seal(entropy, BOOT, &header, &[])?)
    }

    fn load(disk: &Disk, vault: &Vault, geometry: Geometry) -> Result<Self> {
        let file = disk.read(BOOT, MOST)?;
        vault.open_sealed(BOOT, &file, HEADER)?;
        let [running, permanent, trial] =
            *file.strip_prefix(&shape(geometry)[..]).and_then(|rest| rest.first_chunk()).ok_or(Reason::Misuse)?;
        let trial = if trial == NO_TRIAL { None } else { Some(slot(trial)?) };
        Ok(Self { running: slot(running)?, permanent: slot(permanent)?, trial })
    }
}

const NO_TRIAL: u8 = 0xFF;

pub(super) struct ImageFiles {
    geometry: Geometry,
    files: [File; 2],
    dirty: [bool; 2],
}

impl ImageFiles {
    /// Opens both slots; a slot file that is missing or short is filled up with erased bytes.
    pub(super) fn open(disk: &Disk, vault: &Vault, entropy: &dyn Entropy, geometry: Geometry) -> Result<Self> {
        let fits = geometry.erase_size.is_power_of_two()
            && geometry.write_size.is_power_of_two()
            && geometry.write_size <= 32
            && geometry.size.is_multiple_of(u64::from(geometry.erase_size));
        if !fits {
            return Err(Reason::Misuse.into());
        }
        if disk.exists(BOOT)? {
            Boot::load(disk, vault, geometry)?;
        } else {
            Boot::FIRST.save(disk, vault, entropy, geometry)?;
        }
        let files = [disk.in_place(name(ImageSlot::A))?, disk.in_place(name(ImageSlot::B))?];
        let mut images = Self { geometry, files, dirty: [false; 2] };
        for slot in [ImageSlot::A, ImageSlot::B] {
            let length =
                images.files[slot as usize].metadata().map_err(|error| Error::file(&disk.path(name(slot)), error));
            let length = length?.len().min(geometry.size);
            images.fill(disk, slot, length, geometry.size - length)?;
        }
        images.flush(disk)?;
        disk.sync_folder()?;
        Ok(images)
    }

    pub(super) fn flush(&mut self, disk: &Disk) -> Result<()> {
        for slot in [ImageSlot::A, ImageSlot::B] {
            if self.dirty[slot as usize] {
                disk.sync(&self.files[slot as usize], name(slot))?;
                self.dirty[slot as usize] = false;
            }
        }
        Ok(())
    }

    fn put(&mut self, disk: &Disk, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Result<()> {
        self.dirty[slot as usize] = true;
        disk.write_at(&mut self.files[slot as usize], name(slot), offset, bytes)
    }

    fn fill(&mut self, disk: &Disk, slot: ImageSlot, offset: u64, length: u64) -> Result<()> {
        let erased = [ERASED; CHUNK];
        let mut done = 0;
        while done < length {
            let size = usize::try_from(length - done).unwrap_or(CHUNK).min(CHUNK);
            self.put(disk, slot, offset + done, &erased[..size])?;
            done += size as u64;
        }
        Ok(())
    }

    fn within(&self, offset: u64, length: u64, unit: u64) -> Outcome<()> {
        let end = offset.checked_add(length).ok_or(Fault::Full)?;
        if end > self.geometry.size {
            return Err(Fault::Full);
        }
        if offset.is_multiple_of(unit) && length.is_multiple_of(unit) { Ok(()) } else { Err(Fault::Denied) }
    }
}

/// Magic and geometry: a folder keeps its shape.
fn shape(geometry: Geometry) -> [u8; HEADER - 3] {
    let mut out = [0; HEADER - 3];
    let fields = [
        MAGIC.as_slice(),
        &geometry.size.to_be_bytes(),
        &geometry.erase_size.to_be_bytes(),
        &geometry.write_size.to_be_bytes(),
    ]
    .concat();
    out.copy_from_slice(&fields);
    out
}

fn slot(number: u8) -> Result<ImageSlot> {
    match number {
        0 => Ok(ImageSlot::A),
        1 => Ok(ImageSlot::B),
        _ => Err(Reason::FileCorrupt.into()),
    }
}

const fn name(slot: ImageSlot) -> &'static str {
    match slot {
        ImageSlot::A => "image-a",
        ImageSlot::B => "image-b",
    }
}
