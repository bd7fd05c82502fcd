//! What the reports of a device must say, whoever looks over its shoulder: one for each attempt, and the truth.
//!
//! The application keeps the account as the manual tells it to: [`open`] with a session, [`activating`] before the restart,
//! [`settle`] at each start and after a confirmation, [`refuse`] when an attempt is given up.

use super::rig::Rig;
use super::world::suite;
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::platform::ImageSlot;
use aseptic_core::record::{self, Kind};
use aseptic_core::time::Floor;
use aseptic_core::{Reason, Result, limits};
use aseptic_update::boot::BootState;
use aseptic_update::journal::{Confirmed, Journal};
use aseptic_update::report::{Outcome, Report};
use aseptic_update::{Interlock, Plan, Reporter, Staged};

/// A session has begun or goes on.
pub fn open(rig: &Rig, plan: &Plan<'_>) -> Result<()> {
    with(rig, |reporter| reporter.open(plan.component(), None))
}

/// The image is about to be selected.
pub fn activating(rig: &Rig, staged: &Staged) -> Result<()> {
    with(rig, |reporter| reporter.activating(staged.image(), &mut Interlock::new(u64::MAX)))
}

/// The device has started, or an image was confirmed.
pub fn settle(rig: &Rig, state: &BootState) -> Result<Option<Outcome>> {
    with(rig, |reporter| reporter.settle(state))
}

/// The update was given up, if there was one.
pub fn refuse(rig: &Rig, reason: Reason) -> Result<()> {
    match with(rig, |reporter| reporter.refuse(reason)) {
        Err(Reason::NoUpdate) => Ok(()),
        told => told,
    }
}

fn with<T>(rig: &Rig, call: impl FnOnce(&Reporter<'_>) -> Result<T>) -> Result<T> {
    let (suite, platform) = (suite(), rig.platform());
    let now = Floor::load(&platform, 0)?.now(&platform);
    call(&Reporter { platform: &platform, suite: &suite, now })
}

/// What the application did in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// It began or resumed an update.
    Offered,
    /// It went on with one that it may have given up.
    GaveUp,
    /// It started on trial: of an update that was reverted, another attempt.
    Tried,
    /// Something else.
    Other,
}

/// The record of the account, read without the library's own reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    last: Vec<u8>,
    counter: u64,
    reverts: u64,
    /// The attempt under way or reverted: the name of its manifest, its sequence number, and whether it was reverted.
    attempt: Option<([u8; 32], u64, bool)>,
}

impl Account {
    /// The account of a device. Reading mends what a cut left out: of a copy.
    #[must_use]
    pub fn of(rig: &Rig) -> Option<Self> {
        let mut buffer = vec![0; limits::SLOT];
        match record::load(rig, Kind::UpdateReport, &mut buffer).ok()? {
            Some(payload) => Self::read(payload).ok(),
            None => Some(Self::default()),
        }
    }

    fn read(payload: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(4)?;
        let (last, counter, reverts) = (reader.bytes()?.to_vec(), reader.uint()?, reader.uint()?);
        let attempt = match reader.array()? {
            0 => None,
            _ => {
                let identity = *reader.array_of()?;
                // Slot, digest and size.
                for _ in 0..3 {
                    reader.raw()?;
                }
                let sequence = reader.uint()?;
                // Component, deferrals, how long they lasted, SBOM.
                for _ in 0..4 {
                    reader.raw()?;
                }
                Some((identity, sequence, reader.bool()?))
            }
        };
        Ok(Self { last, counter, reverts, attempt })
    }

    /// What later calls can depend on: the number and the digest before it go into reports, and decide nothing.
    #[must_use]
    pub fn essence(payload: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(4).ok()?;
        for _ in 0..3 {
            reader.raw().ok()?;
        }
        reader.raw().ok().map(<[u8]>::to_vec)
    }

    /// Whether the last report is of the installation of this release.
    #[must_use]
    pub fn tells_of(&self, sequence: u64) -> bool {
        let report = Report::parse(&self.last);
        report.is_ok_and(|report| report.sequence == sequence && report.outcome == Outcome::Installed)
    }

    /// Whether the step from `self` to `after` told what happened: at most one report, next in the chain, of the attempt that
    /// was under way, and true.
    #[must_use]
    pub fn leads_to(&self, after: &Self, rig: &Rig, meanwhile: Meanwhile) -> bool {
        if after.counter == self.counter {
            return after.last == self.last && after.reverts == self.reverts;
        }
        let (Some((identity, sequence, ended)), Ok(report)) = (self.attempt, Report::parse(&after.last)) else {
            return false;
        };
        let before = if self.last.is_empty() { Ok([0; 32]) } else { suite().sha256(&[&self.last]) };
        let next = after.counter == self.counter + 1 && report.counter == after.counter;
        let about = report.identity == identity && report.sequence == sequence;
        let reverted = after.attempt == Some((identity, sequence, true));
        let truth = match report.outcome {
            Outcome::Installed => confirmed(rig, &report) && after.attempt.is_none(),
            Outcome::Reverted => reverted && after.reverts == self.reverts + 1 && !runs(rig, sequence),
            Outcome::Refused(_) => meanwhile == Meanwhile::GaveUp && after.attempt.is_none(),
            Outcome::Abandoned => {
                let other = after.attempt.is_some_and(|(other, _, _)| other != identity);
                meanwhile == Meanwhile::Offered && other
            }
        };
        (!ended || meanwhile == Meanwhile::Tried) && next && about && Ok(report.previous) == before && truth
    }
}

/// A device that has started says the one outcome of its attempt at once, and nothing the second time; what ended is not left
/// open.
#[must_use]
pub fn told_at_once(rig: &Rig, state: &BootState) -> bool {
    let Some(before) = Account::of(rig) else { return false };
    let (Ok(first), Ok(second)) = (settle(rig, state), settle(rig, state)) else { return false };
    let Some(after) = Account::of(rig) else { return false };
    let left_open = after.attempt.is_some_and(|(identity, sequence, reverted)| {
        let confirmed = matches!(state, BootState::Confirmed(Some(confirmed)) if confirmed.image.sequence == sequence);
        let gone = matches!(state, BootState::Reverted(journal) if journal.identity == identity);
        !reverted && (confirmed || gone)
    });
    second.is_none() && first.is_some() == (after.counter > before.counter) && !left_open
}

fn confirmed(rig: &Rig, report: &Report<'_>) -> bool {
    let confirmed = Confirmed::load(&rig.platform()).ok().flatten();
    confirmed.is_some_and(|confirmed| {
        let same = |installed: aseptic_update::report::Installed<'_>| {
            installed.image == confirmed.image.digest && installed.size == confirmed.image.size
        };
        confirmed.image.sequence == report.sequence && report.installed.is_some_and(same)
    })
}

fn runs(rig: &Rig, sequence: u64) -> bool {
    let running: Option<ImageSlot> = rig.platform().images.running().ok();
    let journal = Journal::load(&rig.platform()).ok().flatten();
    journal.is_some_and(|journal| journal.image.sequence == sequence && Some(journal.image.slot) == running)
}
