//! The device that things are proven about: a bench whose store and counters may be the log of `crates/nor` on a chip.
//!
//! One power supply feeds both: when it is cut at an operation of the chip, the program slots are gone as well. A rig notes
//! what it is asked for golden traces, and carries planted faults, by which the proofs are put to the test.

use crate::bench::{At, Bench, Interruption, Medium, Rest, Tear};
use crate::nor::{self, Chip, Fate, Operation};
use aseptic_core::platform::{
    BootMode, Counter, Counters, Event, Events, Fault, Geometry, ImageSlot, Images, Outcome, Platform, Slot, Store,
    Strength,
};
use aseptic_core::record::Kind;
use aseptic_nor::{Flash, Nor};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// The device.
#[derive(Clone)]
pub struct Rig {
    /// Program slots, and the store where there is no chip.
    pub bench: Bench,
    chip: Option<Chip>,
    planted: Option<Planted>,
    trace: RefCell<Option<Vec<String>>>,
    /// What was sent to the slots since the last start.
    cache: RefCell<BTreeMap<(ImageSlot, u64), u8>>,
}

/// A fault that is put in to see whether a proof notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The counter moves before the record of the confirmation is written, as if `confirm` did it in that order.
    CounterFirst,
    /// The slot answers with what was sent to it and not with what it holds, as if nothing were read back.
    Cached,
    /// A slot is selected for good where a trial was asked for, as if `activate` knew no trial.
    NoTrial,
    /// The factory put the second component of another release beside the first.
    Mixed,
}

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At a write of the bench.
    Bench(usize, At),
    /// At an operation of the chip.
    Chip(usize, nor::Tear),
}

impl Rig {
    /// A device whose store and counters are the bench's own.
    #[must_use]
    pub const fn new(bench: Bench) -> Self {
        Self { bench, chip: None, planted: None, trace: RefCell::new(None), cache: RefCell::new(BTreeMap::new()) }
    }

    /// The same device with store and counters on this chip.
    #[must_use]
    pub fn with_chip(mut self, chip: Option<Chip>) -> Self {
        self.chip = chip;
        self
    }

    /// The same device with a fault.
    #[must_use]
    pub const fn with(mut self, planted: Option<Planted>) -> Self {
        self.planted = planted;
        self
    }

    /// The traits of the platform, all of them this device.
    #[must_use]
    pub fn platform(&self) -> Platform<'_> {
        Platform {
            entropy: &self.bench,
            clock: &self.bench,
            store: self,
            counters: self,
            keys: &self.bench,
            images: self,
            events: self,
        }
    }

    /// Starts a new count of operations, in which the power goes at this one, if at any.
    pub fn arm(&self, cut: Option<Cut>) {
        self.bench.disarm();
        if let Some(chip) = &self.chip {
            chip.disarm();
        }
        match (cut, &self.chip) {
            (Some(Cut::Bench(write, at)), _) => self.bench.arm(Interruption::Cut { write, at }),
            (Some(Cut::Chip(number, tear)), Some(chip)) => chip.arm(number, Fate::Cut(tear)),
            _ => {}
        }
    }

    /// Every moment at which the power could have gone since the last count began.
    #[must_use]
    pub fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for (number, write) in self.bench.log().writes.iter().enumerate() {
            let torn = write.tears().map(At::Torn);
            cuts.extend([At::Before, At::After].into_iter().chain(torn).map(|at| Cut::Bench(number, at)));
        }
        for (number, operation) in self.chip.iter().flat_map(Chip::operations).enumerate() {
            cuts.extend(tears(operation).into_iter().map(|tear| Cut::Chip(number, tear)));
        }
        cuts
    }

    /// Operations since the last count began: erasures, programs, saves, selections.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.bench.log().writes.len() + self.chip.as_ref().map_or(0, |chip| chip.operations().len())
    }

    /// Whether the power is off.
    #[must_use]
    pub fn dark(&self) -> bool {
        self.bench.dark() || self.chip.as_ref().is_some_and(Chip::dark)
    }

    /// The power comes back, and the boot loader's selection stands; it has not judged the slot yet.
    pub fn restart(&self) {
        if let Some(chip) = &self.chip {
            chip.restart();
        }
        self.cache.borrow_mut().clear();
        self.bench.restart();
    }

    /// A reset. What is armed stays so; without power nothing happens.
    pub fn reboot(&self) {
        if !self.dark() {
            self.bench.reboot();
            self.note(|| "reset".into());
        }
    }

    /// Everything stored, bit by bit.
    #[must_use]
    pub fn content(&self) -> (Medium, Option<Vec<u8>>) {
        (self.bench.snapshot(), self.chip.as_ref().map(Chip::content))
    }

    /// The chip, if there is one.
    #[must_use]
    pub const fn chip(&self) -> Option<&Chip> {
        self.chip.as_ref()
    }

    /// From now on notes every call that it gets.
    pub fn listen(&self) {
        *self.trace.borrow_mut() = Some(Vec::new());
    }

    /// Adds a line to the notes.
    pub fn say(&self, line: &str) {
        self.note(|| line.into());
    }

    /// The notes so far.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut *self.trace.borrow_mut() {
            trace.push(line());
        }
    }

    /// The bench, unless the power has gone at the chip.
    fn fed(&self) -> Outcome<&Bench> {
        if self.chip.as_ref().is_some_and(Chip::dark) { Err(Fault::Unavailable) } else { Ok(&self.bench) }
    }

    fn kept<T>(
        &self,
        log: impl FnOnce(&Nor<'_>) -> Outcome<T>,
        bench: impl FnOnce(&Bench) -> Outcome<T>,
    ) -> Outcome<T> {
        match self.chip {
            Some(_) => log(&Nor::new(&Wired(self))),
            None => bench(&self.bench),
        }
    }
}

/// Every way in which an operation of the chip can be torn: at every unit of a program, every sixteenth of an erasure.
fn tears(operation: Operation) -> Vec<nor::Tear> {
    use nor::Tear::{Everything, First, Last, Noise, Nothing, Scattered, Some, Trace, Weak};
    let mut tears = vec![Nothing, Everything, Scattered];
    match operation {
        Operation::Program(units) => (0..units).for_each(|at| tears.extend([First(at), Some(at), Trace(at)])),
        Operation::Erase => {
            (1..16).for_each(|part| tears.extend([First(part), Last(part)]));
            tears.extend([Noise, Weak]);
        }
    }
    tears
}

/// The chip, unless the power has gone at a program slot.
struct Wired<'r>(&'r Rig);

impl Wired<'_> {
    fn chip(&self) -> Outcome<&Chip> {
        self.0.chip.as_ref().filter(|_| !self.0.bench.dark()).ok_or(Fault::Unavailable)
    }
}

impl Flash for Wired<'_> {
    fn geometry(&self) -> Outcome<aseptic_nor::Geometry> {
        self.chip()?.geometry()
    }
    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
        self.chip()?.read(at, out)
    }
    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        self.chip()?.program(at, bytes)
    }
    fn erase(&self, at: u32) -> Outcome<()> {
        self.chip()?.erase(at)
    }
}

impl Store for Rig {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        self.note(|| format!("store load {}", name(slot)));
        match self.chip {
            Some(_) => Nor::new(&Wired(self)).load(slot, out),
            None => self.bench.load(slot, out),
        }
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        self.note(|| format!("store save {} {} bytes", name(slot), bytes.len()));
        if self.planted == Some(Planted::CounterFirst) && Kind::UpdateConfirmed.slots().contains(&slot) {
            let journaled = aseptic_update::journal::Journal::load(&self.platform()).ok().flatten();
            if let Some(journal) = journaled {
                self.advance(Counter::UpdateFloor, journal.image.sequence)?;
            }
        }
        self.kept(|nor| nor.save(slot, bytes), |bench| bench.save(slot, bytes))
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        self.note(|| format!("store erase {}", name(slot)));
        self.kept(|nor| nor.erase(slot), |bench| Store::erase(bench, slot))
    }
}

impl Counters for Rig {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        self.note(|| format!("counter read {counter:?}"));
        self.kept(|nor| nor.read(counter), |bench| Counters::read(bench, counter))
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        self.note(|| format!("counter advance {counter:?} to {to}"));
        self.kept(|nor| nor.advance(counter, to), |bench| bench.advance(counter, to))
    }

    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}

impl Images for Rig {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        self.note(|| format!("image geometry {slot:?}"));
        self.fed()?.geometry(slot)
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        self.note(|| format!("image erase {slot:?} at {offset} {len} bytes"));
        Images::erase(self.fed()?, slot, offset, len)
    }

    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.note(|| format!("image write {slot:?} at {offset} {} bytes", bytes.len()));
        let bench = self.fed()?;
        bench.write(slot, offset, bytes)?;
        if self.planted == Some(Planted::Cached) {
            let sent = (offset..).zip(bytes).map(|(at, byte)| ((slot, at), *byte));
            self.cache.borrow_mut().extend(sent);
        }
        Ok(())
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.note(|| format!("image read {slot:?} at {offset} {} bytes", out.len()));
        Images::read(self.fed()?, slot, offset, out)?;
        if self.planted == Some(Planted::Cached) {
            let cache = self.cache.borrow();
            for (at, byte) in (offset..).zip(out) {
                *byte = cache.get(&(slot, at)).copied().unwrap_or(*byte);
            }
        }
        Ok(())
    }

    fn running(&self) -> Outcome<ImageSlot> {
        self.note(|| "image running".into());
        self.fed()?.running()
    }

    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        self.note(|| format!("image select {slot:?} {mode:?}"));
        let mode = if self.planted == Some(Planted::NoTrial) { BootMode::Permanent } else { mode };
        self.fed()?.select(slot, mode)
    }
}

impl Events for Rig {
    fn on_event(&self, event: Event) {
        self.note(|| format!("event {:?} {}", event.reason, event.detail));
        self.bench.on_event(event);
    }
}

/// The record and the place, as people call them.
fn name(slot: Slot) -> String {
    let kind = Kind::ALL.into_iter().find(|kind| kind.slots().contains(&slot));
    kind.map_or_else(|| format!("{}", slot.0), |kind| format!("{kind:?}/{}", slot.0 & 1))
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bench(write, At::Torn(Tear { done, rest: Rest::Garbage })) => {
                write!(f, "power cut in write {write} after {done} units, the rest garbage")
            }
            Self::Bench(write, at) => write!(f, "power cut at write {write}: {at:?}"),
            Self::Chip(number, tear) => write!(f, "power cut at flash operation {number}: {tear:?}"),
        }
    }
}
