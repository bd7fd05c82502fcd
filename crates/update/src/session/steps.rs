//! The two long parts of a session, in steps: re-reading what a power cut left, and reading the whole image back.
//!
//! A step erases at most one block or hashes at most [`STEP`] bytes, so that a caller who has other work decides how long
//! the library runs. Dropped between two steps, either loses nothing that the journal holds.

use super::{Journal, Session, Stage, Staged, idle, shape};
use crate::downgrade;
use crate::medium;
use crate::plan::Plan;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, Result};

/// Bytes read and hashed in one step.
pub const STEP: u64 = 4096;

/// What a step leaves.
pub enum Next<M, D> {
    /// There is more to do.
    More(M),
    /// It is done.
    Done(D),
}

/// [`Session::resume`] in steps.
pub struct Resume {
    /// As it is to be; its hash has taken in the first `read` bytes.
    session: Session,
    read: u64,
}

impl Resume {
    /// As [`Session::resume`], but nothing is read yet.
    pub fn new(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<Self> {
        let journal = Journal::load(platform)?.ok_or(Reason::NoUpdate)?;
        if journal.identity != *plan.identity() {
            return Err(Reason::UpdateBusy);
        }
        let (slot, image) = (platform.images.running()?.other(), journal.image);
        let same = image.slot == slot && image.digest == *plan.digest() && image.size == plan.size();
        if journal.stage == Stage::Activated || !same || journal.offset > image.size {
            return Err(Reason::NoUpdate);
        }
        downgrade::check(platform, &image)?;
        let geometry = shape(platform, slot, image.size)?;
        let state = suite.hash(image.digest.alg())?.start()?;
        Ok(Self { session: Session::new(journal, geometry, state), read: 0 })
    }

    /// Reads the next piece; the last step gives the session. After an error start over.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Next<Self, Session>> {
        let Self { session, read } = &mut self;
        let journal = session.journal;
        if read_on(platform, suite, session, read, journal.offset)? {
            return Ok(Next::More(self));
        }
        let engine = suite.hash(journal.image.digest.alg())?;
        if medium::digest(engine, &session.state)? == journal.prefix {
            return Ok(Next::Done(self.session));
        }
        platform.event(Reason::SlotMismatch, journal.offset);
        let state = engine.start()?;
        let journal = Journal { stage: Stage::Writing, offset: 0, prefix: medium::digest(engine, &state)?, ..journal };
        journal.save(platform)?;
        Ok(Next::Done(Session::new(journal, session.geometry, state)))
    }
}

/// [`Session::finish`] and [`Staged::load`] in steps.
pub struct ReadBack {
    /// All its bytes are written; its hash starts over and has taken in the first `read` bytes of the medium.
    session: Session,
    read: u64,
    /// Whether the journal says already that the image is staged.
    staged: bool,
}

impl ReadBack {
    /// As [`Session::finish`], up to the point where all bytes are written; nothing is erased or read back yet.
    pub fn new(mut session: Session, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Self> {
        idle(clinical)?;
        if session.broken {
            return Err(Reason::Misuse);
        }
        if session.missing() != 0 {
            return Err(Reason::ImageMismatch);
        }
        let digest = session.journal.image.digest;
        let engine = suite.hash(digest.alg())?;
        if medium::digest(engine, &session.state)? != digest {
            Journal::erase(platform)?;
            return Err(Reason::ImageMismatch);
        }
        session.flush(platform)?;
        session.state = engine.start()?;
        Ok(Self { session, read: 0, staged: false })
    }

    /// As [`Staged::load`], but nothing is read yet.
    pub fn staged(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Self> {
        let journal = Journal::load(platform)?.ok_or(Reason::NoUpdate)?;
        let image = journal.image;
        if journal.stage == Stage::Writing || image.slot == platform.images.running()? {
            return Err(Reason::NoUpdate);
        }
        let geometry = platform.images.geometry(image.slot)?;
        if image.size > geometry.size {
            return Err(Reason::SlotMismatch);
        }
        let state = suite.hash(image.digest.alg())?.start()?;
        Ok(Self { session: Session::new(journal, geometry, state), read: 0, staged: true })
    }

    /// Erases the next block or reads the next piece; the last step gives the staged image.
    ///
    /// [`Reason::ClinicalUse`] unless idle; an image that is staged already is only read, at any time. After an error the
    /// session is over; [`Session::resume`] makes a new one.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Next<Self, Staged>> {
        let Self { session, read, staged } = &mut self;
        if !*staged {
            idle(clinical)?;
            if session.erased < session.geometry.size {
                let block = session.erased.saturating_add(u64::from(session.geometry.erase_size));
                session.erase_to(platform, block)?;
                return Ok(Next::More(self));
            }
        }
        let image = session.journal.image;
        if read_on(platform, suite, session, read, image.size)? {
            return Ok(Next::More(self));
        }
        let engine = suite.hash(image.digest.alg())?;
        let whole = medium::digest(engine, &session.state)? == image.digest;
        match (whole, *staged) {
            (true, true) => {}
            (true, false) => session.note(platform, engine, Stage::Staged)?,
            (false, true) => return Err(Reason::SlotMismatch),
            (false, false) => {
                Journal::erase(platform)?;
                return Err(Reason::SlotMismatch);
            }
        }
        Ok(Next::Done(Staged { journal: session.journal }))
    }
}

/// Takes the next piece of the first `length` bytes of the slot into the session's hash; false once nothing was left.
fn read_on(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    session: &mut Session,
    read: &mut u64,
    length: u64,
) -> Result<bool> {
    let image = session.journal.image;
    let piece = length.saturating_sub(*read).min(STEP);
    medium::hash(platform, image.slot, *read, piece, suite.hash(image.digest.alg())?, &mut session.state)?;
    *read = read.saturating_add(piece);
    Ok(piece != 0)
}
