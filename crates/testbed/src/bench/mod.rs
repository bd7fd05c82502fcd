//! A deterministic device in memory.
//!
//! A [`Bench`] implements every trait of the platform. What it stores lies in a [`Medium`] that outlives [`Bench::restart`];
//! everything else is lost there. One [`Interruption`] at a time can be armed: a call that fails, a write that fails after
//! it was done, a power cut before, in or after a write. The same seed and the same calls give the same bytes.

mod images;
mod keys;
mod medium;
mod plan;
mod services;

pub use medium::{Boot, Flash, Medium, StoredKey};
pub use plan::{At, Interruption, Log, Rest, Tear, Write, WriteKind};

use aseptic_core::platform::{Event, Fault, Geometry, ImageSlot, Outcome, Platform, Strength};
use aseptic_core::time::Time;
use plan::{Course, Gate};
use std::cell::RefCell;

/// How the store behaves when the power goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreModel {
    /// As [`aseptic_core::platform::Store`] demands: the old blob or the new one.
    #[default]
    Atomic,
    /// Worse than it demands: a blob may be torn at any byte.
    Torn,
}

/// A device in memory. Cloning it copies the device with all that it has stored.
#[derive(Clone, Debug)]
pub struct Bench {
    state: RefCell<State>,
}

#[derive(Clone, Debug)]
struct State {
    medium: Medium,
    gate: Gate,
    seed: u64,
    drawn: u64,
    clock: Time,
    uptime: u64,
    running: ImageSlot,
    strength: Strength,
    store: StoreModel,
    events: Vec<Event>,
    sign_delay: u32,
    sign_waited: u32,
}

impl Bench {
    /// A blank device with two slots of 64 KiB, no idea of the time and counters in flash. `seed` decides all randomness.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: RefCell::new(State {
                medium: Medium::new(),
                gate: Gate::default(),
                seed,
                drawn: 0,
                clock: Time::UNKNOWN,
                uptime: 0,
                running: ImageSlot::A,
                strength: Strength::FlashOnly,
                store: StoreModel::Atomic,
                events: Vec::new(),
                sign_delay: 0,
                sign_waited: 0,
            }),
        }
    }

    /// The same device with another behaviour of the store under power cuts.
    #[must_use]
    pub fn with_store(self, model: StoreModel) -> Self {
        self.state.borrow_mut().store = model;
        self
    }

    /// The same device with other, erased program slots; `erased` is what an erased byte reads as.
    ///
    /// # Panics
    /// If a geometry is not one that [`Geometry`] allows.
    #[must_use]
    pub fn with_flash(self, slots: [Geometry; 2], erased: u8) -> Self {
        self.state.borrow_mut().medium.flash = slots.map(|geometry| Flash::new(geometry, erased));
        self
    }

    /// The same device with counters of this strength.
    #[must_use]
    pub fn with_counters(self, strength: Strength) -> Self {
        self.state.borrow_mut().strength = strength;
        self
    }

    /// The traits of the platform, all of them this device.
    #[must_use]
    pub fn platform(&self) -> Platform<'_> {
        Platform { entropy: self, clock: self, store: self, counters: self, keys: self, images: self, events: self }
    }

    /// Sets what the clock shows.
    pub fn set_clock(&self, time: Time) {
        self.state.borrow_mut().clock = time;
    }

    /// Lets time pass, for the clock and for the uptime.
    pub fn pass(&self, seconds: u64) {
        let mut state = self.state.borrow_mut();
        state.clock.seconds += seconds;
        state.uptime += seconds * 1000;
    }

    /// Makes each signature take `calls` calls that answer `Pending`.
    pub fn set_sign_delay(&self, calls: u32) {
        self.state.borrow_mut().sign_delay = calls;
    }

    /// Starts a new count of calls and writes, in which `interruption` will happen.
    pub fn arm(&self, interruption: Interruption) {
        self.state.borrow_mut().gate.arm(Some(interruption));
    }

    /// Starts a new count of calls and writes, in which nothing goes wrong. Power that was cut stays so.
    pub fn disarm(&self) {
        let mut state = self.state.borrow_mut();
        let dark = state.gate.dark;
        state.gate.arm(None);
        state.gate.dark = dark;
    }

    /// Calls and writes since the last [`Bench::arm`], [`Bench::disarm`] or [`Bench::restart`].
    #[must_use]
    pub fn log(&self) -> Log {
        self.state.borrow().gate.log.clone()
    }

    /// Whether the armed interruption has happened.
    #[must_use]
    pub fn fired(&self) -> bool {
        self.state.borrow().gate.fired
    }

    /// Whether the power is off.
    #[must_use]
    pub fn dark(&self) -> bool {
        self.state.borrow().gate.dark
    }

    /// The power comes back: nothing is armed any more, and the device boots.
    pub fn restart(&self) {
        self.state.borrow_mut().gate.arm(None);
        self.reboot();
    }

    /// A reset: what is not on the medium is lost, and the boot loader starts the slot on trial, once, or the permanent
    /// one. What is armed stays so; without power nothing happens.
    pub fn reboot(&self) {
        let mut state = self.state.borrow_mut();
        if state.gate.dark {
            return;
        }
        let boot = &mut state.medium.boot;
        let running = boot.trial.take().unwrap_or(boot.permanent);
        state.running = running;
        state.uptime = 0;
        state.sign_waited = 0;
    }

    /// The boot loader starts this slot, whatever was selected.
    pub fn start(&self, slot: ImageSlot) {
        self.state.borrow_mut().running = slot;
    }

    /// A copy of all that is stored.
    #[must_use]
    pub fn snapshot(&self) -> Medium {
        self.state.borrow().medium.clone()
    }

    /// Changes what is stored behind the device's back: damage, theft, an old copy put back.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Medium) -> T) -> T {
        change(&mut self.state.borrow_mut().medium)
    }

    /// The events so far; they are the test's notes and outlive a restart.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.state.borrow().events.clone()
    }

    /// The events so far, which are then forgotten.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.state.borrow_mut().events)
    }
}

impl State {
    /// One write: `apply` does it whole (no tear) or in part.
    fn write<T>(
        &mut self,
        kind: WriteKind,
        units: usize,
        apply: impl FnOnce(&mut Medium, Option<Tear>) -> T,
    ) -> Outcome<T> {
        match self.gate.write(kind, units)? {
            Course::Done => Ok(apply(&mut self.medium, None)),
            Course::DoneThen(fault) => {
                apply(&mut self.medium, None);
                Err(fault)
            }
            Course::Torn(tear) => {
                apply(&mut self.medium, Some(tear));
                Err(Fault::Unavailable)
            }
        }
    }
}

/// Bytes that nobody wrote (splitmix64).
fn garbage(seed: usize) -> impl Iterator<Item = u8> {
    let mut state = seed as u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)) >> 24) as u8
    })
}
