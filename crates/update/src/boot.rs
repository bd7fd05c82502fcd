//! After a restart: what runs, whether it may stay, and how low one may go back.
//!
//! ```text
//! running slot      journal              confirmed record      state
//! the journal's     Staged, Activated    another image         Trial: confirm it, or restart and be back
//! not the journal's Activated            the running slot      Reverted (or power failed at the selection itself)
//! the confirmed one                                            Confirmed
//! another                                its image is whole    RestartNeeded: a confirmation was interrupted
//! another                                its image is damaged  Fallback
//! ```
//!
//! [`confirm`] is one atomic record, which carries the new floor; all that follows it is repeated by [`load`] until done.
//! The effective floor is the higher one of the record and the counter, so neither an old record nor a lost counter
//! lowers it.

mod decision;

pub use decision::Decision;

use crate::digest::Digest;
use crate::downgrade;
use crate::journal::{Confirmed, Image, Journal, Stage};
use crate::medium;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{BootMode, Counter, ImageSlot, Platform};
use aseptic_core::{Reason, Result};

/// What runs, as found by [`load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootState {
    /// The confirmed image runs; none if the device was never provisioned nor updated.
    Confirmed(Option<Confirmed>),
    /// The image of this journal runs on trial.
    Trial(Journal),
    /// The image of this journal was selected and does not run: its trial failed, or it never began.
    Reverted(Journal),
    /// The confirmed image is whole in the other slot and selected again; restart when idle.
    RestartNeeded(Confirmed),
    /// The confirmed image in the other slot is damaged and the boot loader runs this one; install again.
    Fallback(Confirmed),
}

/// Finds out what runs and completes a confirmation that was interrupted. To be called once after each start.
///
/// A revert is reported to the event hook as [`Reason::UpdateReverted`] at each start until the next update begins.
/// Reads the medium only when another slot runs than the confirmed one. After an error or power loss, call it again.
pub fn load(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<BootState> {
    let running = platform.images.running()?;
    let confirmed = Confirmed::load(platform)?;
    let journal = Journal::load(platform)?;
    if let Some(journal) = journal
        && let Some(state) = journaled(&journal, confirmed.as_ref(), running)
    {
        if matches!(state, BootState::Reverted(_)) {
            platform.event(Reason::UpdateReverted, journal.image.sequence);
        }
        return Ok(state);
    }
    let Some(confirmed) = confirmed else {
        return Ok(BootState::Confirmed(None));
    };
    if confirmed.image.slot == running {
        let lagging = platform.counters.read(Counter::UpdateFloor)? < confirmed.image.sequence;
        if lagging || journal.is_some_and(|journal| journal.stage == Stage::Activated) {
            complete(platform, &confirmed)?;
        }
        return Ok(BootState::Confirmed(Some(confirmed)));
    }
    if medium::holds(platform, suite, &confirmed.image)? {
        platform.images.select(confirmed.image.slot, BootMode::Permanent)?;
        platform.counters.advance(Counter::UpdateFloor, confirmed.image.sequence)?;
        Ok(BootState::RestartNeeded(confirmed))
    } else {
        platform.event(Reason::SlotMismatch, confirmed.image.sequence);
        Ok(BootState::Fallback(confirmed))
    }
}

/// Keeps the image that runs on trial: from now on it boots, and nothing older ever will.
///
/// `migration_floor` is the lowest sequence number that can read the data as stored from now on; it never decreases.
/// [`Reason::NoUpdate`] if nothing is on trial, [`Reason::Misuse`] for a migration floor above the image itself. On a
/// device whose running image is confirmed already the steps are repeated. After power loss the image is still on trial,
/// or it is confirmed and [`load`] completes the rest.
pub fn confirm(platform: &Platform<'_>, suite: &Suite<'_>, migration_floor: u64) -> Result<Confirmed> {
    let journal = match load(platform, suite)? {
        BootState::Trial(journal) => journal,
        BootState::Confirmed(Some(confirmed)) => {
            complete(platform, &confirmed)?;
            return Ok(confirmed);
        }
        _ => return Err(Reason::NoUpdate),
    };
    let image = journal.image;
    if migration_floor > image.sequence {
        return Err(Reason::Misuse);
    }
    downgrade::check(platform, &image)?;
    let before = Confirmed::load(platform)?.map_or(0, |confirmed| confirmed.migration_floor);
    let confirmed = Confirmed { image, migration_floor: migration_floor.max(before) };
    confirmed.save(platform)?;
    complete(platform, &confirmed)?;
    Ok(confirmed)
}

/// The lowest sequence number that may be installed or run without a token: the highest of the record, the counter, and
/// the floor below which the device went with a token.
pub fn floor(platform: &Platform<'_>) -> Result<u64> {
    let counter = platform.counters.read(Counter::UpdateFloor)?;
    let record = Confirmed::load(platform)?.map_or(0, |confirmed| confirmed.image.sequence);
    Ok(counter.max(record).max(downgrade::floor(platform)?))
}

/// Writes down what the factory put into the running slot, after reading it from the medium.
///
/// [`Reason::AlreadyProvisioned`] if something is recorded, [`Reason::SlotMismatch`] if the slot holds something else.
pub fn provision(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    digest: Digest,
    size: u64,
    sequence: u64,
) -> Result<Confirmed> {
    if Confirmed::load(platform)?.is_some() || Journal::load(platform)?.is_some() {
        return Err(Reason::AlreadyProvisioned);
    }
    if sequence < floor(platform)? {
        return Err(Reason::SequenceTooOld);
    }
    let image = Image { slot: platform.images.running()?, digest, size, sequence };
    if !medium::holds(platform, suite, &image)? {
        return Err(Reason::SlotMismatch);
    }
    let confirmed = Confirmed { image, migration_floor: 0 };
    confirmed.save(platform)?;
    complete(platform, &confirmed)?;
    Ok(confirmed)
}

/// For a boot loader: which slot may run now. Its bytes have just been read and hashed.
///
/// [`Images::running`](aseptic_core::platform::Images::running) is the slot that the boot loader's own selection names;
/// it runs if it holds the confirmed image or the one activated for trial, and is not below the floor, or a token that is
/// stored lets it be. Otherwise the other slot runs on the same terms. [`Reason::PlatformNotFound`] on a device that was
/// never provisioned, [`Reason::SequenceTooOld`], [`Reason::MigrationFloor`] or [`Reason::SlotMismatch`] if neither slot
/// may run. Writes nothing. The answer is a word to be looked at again just before the jump.
pub fn decide(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Decision> {
    let confirmed = Confirmed::load(platform)?.ok_or(Reason::PlatformNotFound)?;
    let journal = Journal::load(platform)?.filter(|journal| journal.stage == Stage::Activated);
    let selected = platform.images.running()?;
    let mut refusal = Reason::SlotMismatch;
    for slot in [selected, selected.other()] {
        for image in [Some(confirmed.image), journal.map(|journal| journal.image)].into_iter().flatten() {
            if image.slot != slot {
                continue;
            }
            match downgrade::check(platform, &image) {
                Ok(()) => {}
                Err(reason @ (Reason::SequenceTooOld | Reason::MigrationFloor)) => {
                    refusal = reason;
                    continue;
                }
                Err(reason) => return Err(reason),
            }
            let Some(found) = medium::found(platform, suite, &image)? else { continue };
            let decision = Decision::of(slot, &found, &image.digest);
            if decision.slot().is_ok() {
                // Once more: whoever skipped the check above has to skip it again.
                downgrade::check(platform, &image)?;
                return Ok(decision);
            }
        }
    }
    Err(refusal)
}

/// [`decide`], for whoever has no faults to fear.
pub fn verify_at_boot(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<ImageSlot> {
    decide(platform, suite)?.slot()
}

/// What the journal says about the running slot, where it decides.
fn journaled(journal: &Journal, confirmed: Option<&Confirmed>, running: ImageSlot) -> Option<BootState> {
    if journal.stage == Stage::Writing || confirmed.is_some_and(|confirmed| confirmed.image == journal.image) {
        return None;
    }
    if journal.image.slot == running {
        return Some(BootState::Trial(*journal));
    }
    let fell_back = confirmed.is_none_or(|confirmed| confirmed.image.slot == running);
    (journal.stage == Stage::Activated && fell_back).then_some(BootState::Reverted(*journal))
}

/// Everything behind the record of a confirmation, in an order that may be interrupted and repeated.
fn complete(platform: &Platform<'_>, confirmed: &Confirmed) -> Result<()> {
    platform.images.select(confirmed.image.slot, BootMode::Permanent)?;
    platform.counters.advance(Counter::UpdateFloor, confirmed.image.sequence)?;
    downgrade::complete(platform, &confirmed.image)?;
    if Journal::load(platform)?.is_some_and(|journal| journal.image == confirmed.image) {
        Journal::erase(platform)?;
    }
    Ok(())
}
