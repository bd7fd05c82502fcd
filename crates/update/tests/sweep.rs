//! Every failing call, every power cut and every torn write between the first byte and the confirmation.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::clinical::Use;
use aseptic_core::crypto::soft;
use aseptic_core::platform::{Counter, Geometry, ImageSlot};
use aseptic_core::{Reason, Result};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Count, Interrupted, sweep, sweep_pairs};
use aseptic_update::boot::{self, BootState};
use aseptic_update::{Session, Staged};
use common::*;

const OLD: u64 = 5;
const NEW: u64 = 6;

struct Line {
    author: Author,
    old: Vec<u8>,
    new: Vec<u8>,
    envelope: Vec<u8>,
    piece: usize,
    geometry: Geometry,
    store: StoreModel,
}

impl Line {
    fn new(length: usize, piece: usize, geometry: Geometry, store: StoreModel) -> Self {
        let author = Author::new(1);
        let (old, new) = (program(length / 2 + 1, 5), program(length, 6));
        let envelope = author.envelope(&Spec::new(&new, NEW).encode(), &[]);
        Self { author, old, new, envelope, piece, geometry, store }
    }

    /// A device that runs the old image, confirmed, in slot A, and has leftovers in slot B.
    fn factory(&self) -> Bench {
        let bench = Bench::new(1).with_store(self.store).with_flash([self.geometry; 2], 0xFF);
        bench.edit(|medium| medium.flash[0].program(&self.old));
        bench.edit(|medium| medium.flash[1].program(&program(self.geometry.size as usize, 3)));
        boot::provision(&bench.platform(), &soft::suite(), digest(&self.old), self.old.len() as u64, OLD).unwrap();
        bench
    }

    /// What an application does at each start, wherever it was interrupted: bring the device to the new image.
    fn drive(&self, bench: &Bench) -> Result<()> {
        let (suite, platform) = (soft::suite(), bench.platform());
        for _ in 0..4 {
            match boot::load(&platform, &suite)? {
                BootState::Trial(_) => return boot::confirm(&platform, &suite, NEW).map(drop),
                BootState::Confirmed(Some(confirmed)) if confirmed.image.sequence == NEW => {
                    return boot::confirm(&platform, &suite, NEW).map(drop);
                }
                BootState::RestartNeeded(_) => {
                    bench.reboot();
                    continue;
                }
                BootState::Fallback(_) => return Err(Reason::SlotMismatch),
                BootState::Confirmed(_) | BootState::Reverted(_) => {}
            }
            let staged = match Staged::load(&platform, &suite) {
                Err(Reason::NoUpdate | Reason::SlotMismatch) => self.transfer(bench)?,
                staged => staged?,
            };
            staged.activate(&platform, Use::Idle)?;
            bench.reboot();
        }
        Err(Reason::Internal)
    }

    fn transfer(&self, bench: &Bench) -> Result<Staged> {
        let (suite, platform) = (soft::suite(), bench.platform());
        let plan = plan_on(&self.author, bench, &self.envelope)?;
        let mut session = match Session::resume(&platform, &suite, &plan) {
            Err(Reason::NoUpdate) => Session::begin(&platform, &suite, &plan, Use::Idle)?,
            session => session?,
        };
        let at = session.offset() as usize;
        for chunk in self.new[at..].chunks(self.piece) {
            session.feed(&platform, &suite, chunk, Use::Idle)?;
        }
        session.finish(&platform, &suite, Use::Idle)
    }

    /// Old or new, whole, and able to get to the new one.
    fn check(&self, bench: &Bench, interrupted: &Interrupted<'_>) {
        let (suite, platform) = (soft::suite(), bench.platform());
        let now = bench.snapshot();
        assert_eq!(now.flash[0], interrupted.before.flash[0], "the confirmed image was touched");
        let running = platform.images.running().unwrap();
        let image = if running == ImageSlot::A { &self.old } else { &self.new };
        assert_eq!(&now.flash[running as usize].bytes[..image.len()], image, "what runs is not whole");
        if let Some(trial) = now.boot.trial {
            assert_eq!((trial, &now.flash[1].bytes[..self.new.len()]), (ImageSlot::B, self.new.as_slice()));
        }
        let floor = boot::floor(&platform).unwrap();
        let confirmed = interrupted.result.is_ok() || floor == NEW;
        assert!(floor == OLD || floor == NEW, "floor {floor}");
        let state = boot::load(&platform, &suite).unwrap();
        match (confirmed, running, state) {
            (true, ImageSlot::B, BootState::Confirmed(Some(image))) => assert_eq!(image.image.sequence, NEW),
            (true, ImageSlot::A, BootState::RestartNeeded(image)) => assert_eq!(image.image.sequence, NEW),
            (false, ImageSlot::B, BootState::Trial(_)) | (false, ImageSlot::A, BootState::Reverted(_)) => {}
            (false, ImageSlot::A, BootState::Confirmed(Some(image))) => assert_eq!(image.image.sequence, OLD),
            other => panic!("{other:?}"),
        }
        assert!(boot::verify_at_boot(&platform, &suite).is_ok());
        self.drive(bench).unwrap();
        assert!(boot::floor(&platform).unwrap() >= floor);
        bench.restart();
        let platform = bench.platform();
        assert!(
            matches!(boot::load(&platform, &suite), Ok(BootState::Confirmed(Some(new))) if new.image.sequence == NEW)
        );
        let end = bench.snapshot();
        assert_eq!(end.flash, interrupted.after.flash);
        assert_eq!(end.boot, interrupted.after.boot);
        assert_eq!(end.counters[&Counter::UpdateFloor], NEW);
    }

    fn sweep(&self) -> Count {
        sweep(|| self.factory(), |bench| self.drive(bench), |bench, interrupted| self.check(bench, interrupted))
    }
}

#[test]
fn a_small_image_on_a_store_that_tears() {
    let geometry = Geometry { size: 4096, erase_size: 512, write_size: 8 };
    let count = Line::new(1500, 512, geometry, StoreModel::Torn).sweep();
    println!("update, torn store: {count}");
    assert!(count.torn > 1000);
}

#[test]
fn an_image_with_a_checkpoint_in_the_middle() {
    let geometry = Geometry { size: 0x1_8000, erase_size: 8192, write_size: 32 };
    let count = Line::new(0x1_0400, 4096, geometry, StoreModel::Atomic).sweep();
    println!("update, 65 KiB: {count}");
    assert!(count.torn > 4000);
}

#[test]
fn every_pair_of_cuts() {
    let geometry = Geometry { size: 1024, erase_size: 256, write_size: 32 };
    let line = Line::new(200, 64, geometry, StoreModel::Atomic);
    let count =
        sweep_pairs(|| line.factory(), |bench| line.drive(bench), |bench, interrupted| line.check(bench, interrupted));
    println!("update, pairs: {count}");
    assert!(count.pairs > 1000);
}
