//! The phases of a [`Transfer`] as types: each step needs the one before.
//!
//! A step erases at most one block or hashes at most [`STEP`](crate::STEP) bytes, so that a caller who has other work decides how
//! long the library runs. Dropped between two steps, none of them loses anything that the journal holds.

use crate::journal::{Image, Journal};
use crate::plan::Plan;
use crate::transfer::{self, Transfer};
use aseptic_core::Result;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;

/// What a step leaves.
pub enum Next<M, D> {
    /// There is more to do.
    More(M),
    /// It is done.
    Done(D),
}

/// An image, or a set of components, on its way into its slot. Uses one buffer of the largest write unit, whatever the size.
///
/// Components come one after the other in the order of [`Plan::parts`]; [`Session::part`] says which is the next. Until
/// nothing is missing, [`Session::copy`] brings what is copied, and [`Session::feed`] takes what is not.
///
/// It keeps the running hash and no reference: every call is to be given the suite it began with. After any error but
/// [`Reason::ClinicalUse`](aseptic_core::Reason::ClinicalUse) and
/// [`Reason::ImageMismatch`](aseptic_core::Reason::ImageMismatch) of [`Session::feed`] the session is over; [`Session::resume`]
/// makes a new one. Dropping it loses nothing that the journal holds.
pub struct Session(Transfer);

impl Session {
    /// Starts from the first byte.
    ///
    /// [`Reason::ClinicalUse`] unless idle, [`Reason::TrialPending`] while the running image is not confirmed (the other
    /// slot is what the device falls back to), [`Reason::UpdateBusy`] if another update is under way, a restart into a
    /// confirmed image is due, or one was reverted whose account has yet to be settled
    /// ([`Reporter::settle`](crate::Reporter::settle)), [`Reason::SequenceTooOld`] below the floor without a token, or with the number of the
    /// confirmed image for anything but putting that image back where it was damaged, [`Reason::MigrationFloor`],
    /// [`Reason::UpdateHeld`], [`Reason::Misuse`] if the plan is for the running slot, [`Reason::PayloadLocked`] and others if
    /// no key opens an encrypted payload. Those change nothing. Power loss: the journal names this update, or it does not.
    ///
    /// [`Reason::ClinicalUse`]: aseptic_core::Reason::ClinicalUse
    /// [`Reason::TrialPending`]: aseptic_core::Reason::TrialPending
    /// [`Reason::UpdateBusy`]: aseptic_core::Reason::UpdateBusy
    /// [`Reason::SequenceTooOld`]: aseptic_core::Reason::SequenceTooOld
    /// [`Reason::MigrationFloor`]: aseptic_core::Reason::MigrationFloor
    /// [`Reason::UpdateHeld`]: aseptic_core::Reason::UpdateHeld
    /// [`Reason::Misuse`]: aseptic_core::Reason::Misuse
    /// [`Reason::PayloadLocked`]: aseptic_core::Reason::PayloadLocked
    pub fn begin(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>, clinical: Use) -> Result<Self> {
        let mut transfer = Transfer::new();
        transfer.begin(platform, suite, plan, clinical)?;
        Ok(Self(transfer))
    }

    /// Goes on after a power loss or an error: re-reads from the medium what the journal says is there, and starts at the
    /// byte that [`Session::offset`] then gives. Where the medium holds something else, that is 0.
    ///
    /// [`Reason::NoUpdate`](aseptic_core::Reason::NoUpdate) if the journal knows of no update (or one that was tried already),
    /// [`Reason::UpdateBusy`](aseptic_core::Reason::UpdateBusy) if of another one. Takes as long as hashing all that is there;
    /// [`Resume`] does the same in steps.
    pub fn resume(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<Self> {
        let mut transfer = Transfer::new();
        transfer.resume(platform, suite, plan)?;
        while transfer.step(platform, suite, Use::InUse)? {}
        Ok(Self(transfer))
    }

    /// Forgets the update under way. The running image and the floor stay; what is in the other slot is never booted.
    ///
    /// [`Reason::TrialPending`](aseptic_core::Reason::TrialPending) while that image is running on trial.
    pub fn abandon(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        transfer::abandon(platform, suite)
    }

    /// The component that comes next, as an index into [`Plan::parts`].
    #[must_use]
    pub const fn part(&self) -> usize {
        self.0.part()
    }

    /// The number of the next byte of that component's payload that [`Session::feed`] wants.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.0.offset()
    }

    /// Bytes of its payload still missing; 0 once every component is whole.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.0.missing()
    }

    /// Takes the next bytes of the payload, of any number up to its end. Encrypted ones are decrypted on their way.
    ///
    /// [`Reason::ClinicalUse`] unless idle and [`Reason::ImageMismatch`] for bytes beyond the size that was signed: nothing
    /// has happened then and the session goes on. [`Reason::ImageMismatch`] also at the end of a component that has another
    /// digest than was signed: the update is forgotten then. [`Reason::Misuse`](aseptic_core::Reason::Misuse) where
    /// [`Session::copy`] is due. Erases ahead block by block, writes whole units, and notes in the journal how far it is.
    ///
    /// [`Reason::ClinicalUse`]: aseptic_core::Reason::ClinicalUse
    /// [`Reason::ImageMismatch`]: aseptic_core::Reason::ImageMismatch
    pub fn feed(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, chunk: &[u8], clinical: Use) -> Result<()> {
        self.0.feed(platform, suite, chunk, clinical)
    }

    /// Brings the next [`STEP`](crate::STEP) bytes of a component that is copied from the running slot. True if it has done so,
    /// and is to be called again; false if what comes next is to be fed, or nothing is missing.
    ///
    /// [`Reason::ClinicalUse`](aseptic_core::Reason::ClinicalUse) unless idle: nothing has happened then. Else as
    /// [`Session::feed`].
    pub fn copy(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<bool> {
        self.0.step(platform, suite, clinical)
    }

    /// Ends the transfer: erases the rest of the slot, then reads the whole image back from the medium and hashes it again.
    ///
    /// [`Reason::ImageMismatch`](aseptic_core::Reason::ImageMismatch) if bytes are missing (the session may be resumed) or are
    /// other bytes than were signed, [`Reason::SlotMismatch`](aseptic_core::Reason::SlotMismatch) if the medium does not hold
    /// what was written; both of the latter forget the update, and the next one starts from the first byte. After power loss
    /// the journal says that the image is staged, or how far it came. Takes as long as erasing and reading the slot;
    /// [`ReadBack`] does the same in steps.
    pub fn finish(self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Staged> {
        ReadBack::new(self, platform, suite, clinical)?.ended(platform, suite, clinical)
    }
}

/// [`Session::resume`] in steps.
pub struct Resume(Transfer);

impl Resume {
    /// As [`Session::resume`], but nothing is read yet.
    pub fn new(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<Self> {
        let mut transfer = Transfer::new();
        transfer.resume(platform, suite, plan)?;
        Ok(Self(transfer))
    }

    /// Reads the next piece; the last step gives the session. After an error start over.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Next<Self, Session>> {
        let more = self.0.step(platform, suite, Use::InUse)?;
        Ok(if more { Next::More(self) } else { Next::Done(Session(self.0)) })
    }
}

/// [`Session::finish`] and [`Staged::load`] in steps.
pub struct ReadBack(Transfer);

impl ReadBack {
    /// As [`Session::finish`], up to the point where all bytes are written; nothing is erased or read back yet.
    pub fn new(mut session: Session, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Self> {
        session.0.finish(platform, suite, clinical)?;
        Ok(Self(session.0))
    }

    /// As [`Staged::load`], but nothing is read yet.
    pub fn staged(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Self> {
        let mut transfer = Transfer::new();
        transfer.staged_before(platform, suite)?;
        Ok(Self(transfer))
    }

    /// Erases the next block or reads the next piece; the last step gives the staged image.
    ///
    /// [`Reason::ClinicalUse`](aseptic_core::Reason::ClinicalUse) unless idle; an image that is staged already is only read, at
    /// any time. After an error the session is over; [`Session::resume`] makes a new one.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Next<Self, Staged>> {
        let more = self.0.step(platform, suite, clinical)?;
        Ok(if more { Next::More(self) } else { Next::Done(Staged { journal: *self.0.journal() }) })
    }

    fn ended(mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Staged> {
        while self.0.step(platform, suite, clinical)? {}
        Ok(Staged { journal: *self.0.journal() })
    }
}

/// An image that has been read back whole from its slot and matches what was signed.
#[derive(Debug)]
pub struct Staged {
    journal: Journal,
}

impl Staged {
    /// Finds the staged image again after a restart, and reads it back once more.
    ///
    /// [`Reason::NoUpdate`](aseptic_core::Reason::NoUpdate) if none is staged,
    /// [`Reason::SlotMismatch`](aseptic_core::Reason::SlotMismatch) if the medium does not hold it any more. An image
    /// whose trial ended without confirmation counts as staged: to try it again is the application's decision.
    pub fn load(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Self> {
        ReadBack::staged(platform, suite)?.ended(platform, suite, Use::InUse)
    }

    /// The image.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.journal.image
    }

    /// Selects the image for one trial boot. The restart itself is the application's.
    ///
    /// [`Reason::ClinicalUse`] unless idle, [`Reason::SequenceTooOld`] if the floor has risen above it meanwhile,
    /// [`Reason::UpdateHeld`] if the owner holds it back meanwhile, [`Reason::NoUpdate`] if the slot was given to another
    /// session or the update abandoned meanwhile. After power loss the old image boots, or the new one on trial.
    ///
    /// [`Reason::ClinicalUse`]: aseptic_core::Reason::ClinicalUse
    /// [`Reason::SequenceTooOld`]: aseptic_core::Reason::SequenceTooOld
    /// [`Reason::UpdateHeld`]: aseptic_core::Reason::UpdateHeld
    /// [`Reason::NoUpdate`]: aseptic_core::Reason::NoUpdate
    pub fn activate(self, platform: &Platform<'_>, clinical: Use) -> Result<()> {
        transfer::activate(platform, &self.journal, clinical)
    }
}
