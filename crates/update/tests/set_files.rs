//! Sets of components over the files of a Linux device, which loses its power before, after and inside every change, and with it
//! what the system had not written yet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::crypto::soft;
use aseptic_core::platform::{
    BootMode, Counter, Counters, Fault, Geometry, ImageSlot, Images, Outcome, Platform, Slot, Store, Strength,
};
use aseptic_hosted::files::{Files, Options};
use aseptic_update::boot;
use aseptic_update::journal::Confirmed;
use common::set::*;
use common::*;
use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;

const ERASED: u8 = 0xFF;
const IMAGES: [&str; 2] = ["image-a", "image-b"];

/// What happens at the change that the power is lost at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Before,
    /// Half of an image's bytes were written.
    Inside,
    After,
}

/// The device whose power is lost at one of its changes; from then on nothing answers.
struct Failing {
    files: Files,
    at: usize,
    cut: Cut,
    changes: Cell<usize>,
    dark: Cell<bool>,
    /// The image files as they last reached the medium for certain.
    lasting: RefCell<[Vec<u8>; 2]>,
}

impl Failing {
    fn open(folder: &Path, at: usize, cut: Cut) -> Self {
        let files = open_files(folder);
        let lasting = RefCell::new(IMAGES.map(|name| fs::read(folder.join(name)).unwrap_or_default()));
        Self { files, at, cut, changes: Cell::new(0), dark: Cell::new(false), lasting }
    }

    fn change<T>(&self, half: impl FnOnce() -> Outcome<()>, whole: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        if self.dark.get() {
            return Err(Fault::Io);
        }
        let now = self.changes.get();
        self.changes.set(now + 1);
        if now != self.at {
            return whole();
        }
        self.dark.set(true);
        match self.cut {
            Cut::Before => {}
            Cut::Inside => half()?,
            Cut::After => drop(whole()?),
        }
        Err(Fault::Io)
    }

    /// A change after which the images lie on the medium too.
    fn flushing<T>(&self, whole: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        self.change(
            || Ok(()),
            || {
                let done = whole()?;
                let image = |slot| {
                    let mut bytes = vec![0; Change::SHAPE.size as usize];
                    Images::read(&self.files, slot, 0, &mut bytes).map(|()| bytes)
                };
                *self.lasting.borrow_mut() = [image(ImageSlot::A)?, image(ImageSlot::B)?];
                Ok(done)
            },
        )
    }

    fn alive<T>(&self, read: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        if self.dark.get() { Err(Fault::Io) } else { read() }
    }

    fn platform(&self) -> Platform<'_> {
        Platform { store: self, counters: self, images: self, ..self.files.platform() }
    }
}

impl Store for Failing {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        self.alive(|| self.files.load(slot, out))
    }
    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        self.flushing(|| self.files.save(slot, bytes))
    }
    fn erase(&self, slot: Slot) -> Outcome<()> {
        self.change(|| Ok(()), || Store::erase(&self.files, slot))
    }
}

impl Counters for Failing {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        self.alive(|| Counters::read(&self.files, counter))
    }
    fn advance(&self, counter: Counter, value: u64) -> Outcome<()> {
        self.flushing(|| self.files.advance(counter, value))
    }
    fn strength(&self) -> Strength {
        self.files.strength()
    }
}

impl Images for Failing {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        self.files.geometry(slot)
    }
    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        let half = || Images::erase(&self.files, slot, offset, len / 2).or(Ok(()));
        self.change(half, || Images::erase(&self.files, slot, offset, len))
    }
    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        let half = || self.files.write(slot, offset, &bytes[..bytes.len() / 2]);
        self.change(half, || self.files.write(slot, offset, bytes))
    }
    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.alive(|| Images::read(&self.files, slot, offset, out))
    }
    fn running(&self) -> Outcome<ImageSlot> {
        self.alive(|| self.files.running())
    }
    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        self.flushing(|| self.files.select(slot, mode))
    }
}

fn open_files(folder: &Path) -> Files {
    Options::new().images(Change::SHAPE).open(folder, &[7; 32]).unwrap()
}

/// The boot loader's part, with what it checks first.
fn reboot(files: &Files) {
    files.reboot().unwrap();
    boot::verify_at_boot(&files.platform(), &soft::suite()).unwrap();
}

/// A device that runs the old set; gives how many changes bring it to the new one, where none is cut.
fn run(change: &Change, at: usize, cut: Cut, lost: bool) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (change.old_slot(ERASED), change.new_slot(ERASED));
    let files = open_files(folder.path());
    for (at, bytes) in (0..).zip(old.chunks(0x100)) {
        files.write(ImageSlot::A, at * 0x100, bytes).unwrap();
    }
    boot::provision(&files.platform(), &soft::suite(), digest(&old), old.len() as u64, Change::OLD).unwrap();
    drop(files);

    let failing = Failing::open(folder.path(), at, cut);
    let result = change.drive(&failing.platform(), || {
        if !failing.dark.get() {
            reboot(&failing.files)
        }
    });
    assert_eq!(result.is_err(), failing.dark.get(), "{at} {cut:?} {lost}: {result:?}");
    let Failing { files, changes, lasting, .. } = failing;
    drop(files);
    if lost && result.is_err() {
        for (name, bytes) in IMAGES.into_iter().zip(lasting.into_inner()) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
    }

    let files = open_files(folder.path());
    let holds = |slot, set: &[u8]| {
        let mut bytes = vec![0; set.len()];
        Images::read(&files, slot, 0, &mut bytes).unwrap();
        bytes == set
    };
    files.reboot().unwrap();
    // The other slot than was selected, where a confirmation was cut.
    let runs = boot::verify_at_boot(&files.platform(), &soft::suite()).unwrap();
    let set = if runs == ImageSlot::A { &old } else { &new };
    assert!(holds(runs, set), "{at} {cut:?} {lost}: neither the old set nor the new one");
    assert!(holds(ImageSlot::A, &old), "{at} {cut:?} {lost}: the old set was touched");
    change.drive(&files.platform(), || reboot(&files)).unwrap();
    assert!(holds(ImageSlot::B, &new));
    let confirmed = Confirmed::load(&files.platform()).unwrap().unwrap().image;
    assert_eq!((confirmed.sequence, confirmed.digest), (Change::NEW, digest(&new)));
    changes.get()
}

#[test]
fn power_lost_at_any_change_leaves_the_old_set_or_the_new_one() {
    let change = Change::small();
    let changes = run(&change, usize::MAX, Cut::Before, false);
    assert!(changes > 20);
    let mut cuts = 0;
    for at in 0..changes {
        for (cut, lost) in [(Cut::Before, true), (Cut::Inside, false), (Cut::After, true), (Cut::After, false)] {
            run(&change, at, cut, lost);
            cuts += 1;
        }
    }
    println!("a set over files: {changes} changes, {cuts} cuts");
}
