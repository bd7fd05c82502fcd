//! Tries a port of the platform out, on the device itself, and says in words what is wrong with it.
//!
//! [`run`] calls every function that the port has as the library would, and as it would not, and reports each [`Finding`].
//! It is for the bench of whoever writes a port, and for a device that does nothing else: it takes seconds, writes to the
//! medium, and must not run beside other calls.
//!
//! What it leaves behind: slots 0x00F0 and 0x00F1 as they were, counter 7 some steps higher, no key, the reserve of the flash
//! erased; with `danger_other_image`, the beginning and the end of the slot that is not running erased. If the power goes
//! meanwhile, at worst those slots hold test bytes and keys 9 and 10 remain, which the library destroys at the next start.
//!
//! What it cannot find: entropy that is the same after each start, a store that forgets what it has not been asked for, boot
//! selection (`Images::select` is not called), and, without [`Power`], anything about power cuts.
#![no_std]

mod finding;
mod keys;
mod media;
mod services;
mod stored;

pub use finding::Finding;

use aseptic_core::crypto::Suite;
use aseptic_core::limits;
use aseptic_core::platform::{Outcome, Platform, Slot};
use aseptic_nor::Flash;

/// Bytes of memory that the test needs.
pub const WORK: usize = 2 * limits::SLOT;
/// The slots that are written to. No record and no key lies there.
pub const SLOTS: [Slot; 2] = [Slot(0xF0), Slot(0xF1)];

/// What is tried out.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The port. Parts that are [`aseptic_core::platform::Absent`] are left out.
    pub platform: Platform<'a>,
    /// Verifies signatures.
    pub suite: Suite<'a>,
    /// The raw flash under the store, if the library keeps the store on it.
    pub flash: Option<&'a dyn Flash>,
    /// Cuts the power, if the port can.
    pub power: Option<&'a dyn Power>,
    /// Whether the program slot that is not running may be erased and written to.
    pub danger_other_image: bool,
}

/// A port that can act as if the power went: by a simulation under its driver, or a reset that comes back to the test.
pub trait Power {
    /// Lets so many writes to the medium happen, spoils the next one as a power cut does, and lets every call after it fail.
    fn cut_after(&self, writes: u32) -> Outcome<()>;
    /// Power is back: the port forgets what it had in memory and starts on what is stored.
    fn restore(&self) -> Outcome<()>;
}

/// Takes each finding, with a number that goes with it: a step, a slot, a count.
pub(crate) struct Report<'r> {
    take: &'r mut dyn FnMut(Finding, u64),
    count: u32,
}

/// Tries everything out and gives the number of findings; 0 is a port without a fault that this test knows.
///
/// `report` takes each finding as it is made, with a number that goes with it.
pub fn run(subject: &Subject<'_>, work: &mut [u8; WORK], report: &mut dyn FnMut(Finding, u64)) -> u32 {
    let mut report = Report { take: report, count: 0 };
    let platform = &subject.platform;
    let start = services::Moment::now(platform.clock);
    services::entropy(platform.entropy, &mut report);
    services::clock(platform.clock, &mut report);
    // The flash first: with a fault there, what stands on it has many.
    if subject.flash.is_none_or(|flash| media::flash(flash, &mut report)) {
        stored::store(platform.store, subject.power, work, &mut report);
        stored::counters(platform.counters, subject.power, &mut report);
        keys::keys(platform.keys, &subject.suite, &mut report);
    }
    media::images(platform.images, subject.danger_other_image, &mut report);
    start.compare(platform.clock, &mut report);
    report.count
}

impl Report<'_> {
    pub(crate) fn add(&mut self, finding: Finding, detail: u64) {
        self.count = self.count.saturating_add(1);
        (self.take)(finding, detail);
    }

    /// Reports `finding` unless `right`.
    pub(crate) fn check(&mut self, right: bool, finding: Finding, detail: u64) -> bool {
        if !right {
            self.add(finding, detail);
        }
        right
    }
}

/// Byte `at` of a test pattern: every value comes up, and two patterns differ in every byte.
pub(crate) fn pattern(salt: u8, at: usize) -> u8 {
    let [low, high, ..] = at.to_le_bytes();
    low.wrapping_mul(7).wrapping_add(high).wrapping_add(salt.wrapping_mul(0x55))
}

pub(crate) fn fill(bytes: &mut [u8], salt: u8) {
    bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(salt, at));
}

pub(crate) fn holds(bytes: &[u8], salt: u8) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| *byte == pattern(salt, at))
}
