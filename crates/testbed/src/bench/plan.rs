//! When a call fails and when the power goes.

use aseptic_core::platform::{Fault, Outcome};
use std::fmt;

/// One disturbance of an otherwise perfect run. Calls and writes are counted from 0 in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The call does nothing but fail.
    Fail {
        /// Which call, of any kind that can fail.
        call: usize,
        /// How it fails.
        fault: Fault,
    },
    /// The write is done, and reported as failed all the same: an answer lost on the bus, an error after the last sector.
    FailDone {
        /// Which write.
        write: usize,
        /// How it is reported.
        fault: Fault,
    },
    /// The power goes at this write: this call and all further ones find the platform gone.
    Cut {
        /// Which write.
        write: usize,
        /// At which moment of it.
        at: At,
    },
}

/// The moment of a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Nothing of the write is done.
    Before,
    /// The write is done, and nobody learns of it.
    After,
    /// Part of the write is done.
    Torn(Tear),
}

/// How a write is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tear {
    /// Units done before the cut: bytes of a blob, write units of an image, blocks of an erased range.
    pub done: usize,
    /// What the rest is.
    pub rest: Rest,
}

/// What a torn write leaves behind the part that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// What was there before.
    Old,
    /// Nothing: the blob ends there. In an image, what was there before.
    Absent,
    /// Bytes that were neither there before nor written: all of a blob's rest, the next unit or block of an image.
    Garbage,
}

impl Rest {
    /// Every kind of rest.
    pub const ALL: [Self; 3] = [Self::Old, Self::Absent, Self::Garbage];
}

/// The kind of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// `Store::save`.
    Save,
    /// `Store::erase`.
    Erase,
    /// `Counters::advance`.
    Advance,
    /// `Keys::generate`.
    Generate,
    /// `Keys::destroy`.
    Destroy,
    /// `Images::erase`.
    ImageErase,
    /// `Images::write`.
    ImageWrite,
    /// `Images::select`.
    Select,
}

/// One write of a run, and in how many units it can be torn (0: it is atomic).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// What was written.
    pub kind: WriteKind,
    /// Units it is made of.
    pub units: usize,
}

impl Write {
    /// Every way in which this write can be torn.
    pub fn tears(self) -> impl Iterator<Item = Tear> {
        let image = matches!(self.kind, WriteKind::ImageErase | WriteKind::ImageWrite);
        let rests: &[Rest] = if image { &[Rest::Old, Rest::Garbage] } else { &Rest::ALL };
        (0..self.units).flat_map(move |done| rests.iter().map(move |rest| Tear { done, rest: *rest }))
    }
}

/// What a run did: its length for sweeps, its writes for wear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Calls that could have failed.
    pub calls: usize,
    /// Writes, in order; every write is a call as well.
    pub writes: Vec<Write>,
}

/// Counts calls and writes, and carries the plan out.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    pub(super) plan: Option<Interruption>,
    pub(super) log: Log,
    pub(super) fired: bool,
    pub(super) dark: bool,
}

/// How a write goes.
pub(super) enum Course {
    Done,
    DoneThen(Fault),
    Torn(Tear),
}

impl Gate {
    pub(super) fn arm(&mut self, plan: Option<Interruption>) {
        *self = Self { plan, ..Self::default() };
    }

    /// To be asked first in each call.
    pub(super) fn call(&mut self) -> Outcome<()> {
        if self.dark {
            return Err(Fault::Unavailable);
        }
        let number = self.log.calls;
        self.log.calls += 1;
        match self.plan {
            Some(Interruption::Fail { call, fault }) if call == number => {
                self.fired = true;
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    /// To be asked in each write when nothing but the plan can fail it any more.
    pub(super) fn write(&mut self, kind: WriteKind, units: usize) -> Outcome<Course> {
        let number = self.log.writes.len();
        self.log.writes.push(Write { kind, units });
        match self.plan {
            Some(Interruption::FailDone { write, fault }) if write == number => {
                self.fired = true;
                Ok(Course::DoneThen(fault))
            }
            Some(Interruption::Cut { write, at }) if write == number => {
                self.fired = true;
                self.dark = true;
                match at {
                    At::Before => Err(Fault::Unavailable),
                    At::After => Ok(Course::DoneThen(Fault::Unavailable)),
                    At::Torn(tear) => Ok(Course::Torn(tear)),
                }
            }
            _ => Ok(Course::Done),
        }
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail { call, fault } => write!(f, "call {call} fails with {fault:?}"),
            Self::FailDone { write, fault } => write!(f, "write {write} is done but answers {fault:?}"),
            Self::Cut { write, at: At::Before } => write!(f, "power cut before write {write}"),
            Self::Cut { write, at: At::After } => write!(f, "power cut after write {write}"),
            Self::Cut { write, at: At::Torn(Tear { done, rest }) } => {
                write!(f, "power cut in write {write} after {done} units, rest {rest:?}")
            }
        }
    }
}
