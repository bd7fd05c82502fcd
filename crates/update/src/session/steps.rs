//! The two long parts of a session, in steps: re-reading what a power cut left, and reading the whole image back.
//!
//! A step erases at most one block or hashes at most [`STEP`] bytes, so that a caller who has other work decides how long
//! the library runs. Dropped between two steps, either loses nothing that the journal holds.

use super::layout::Layout;
use super::{Confirmed, Image, Journal, Session, Stage, Staged, idle, taken};
use crate::downgrade;
use crate::medium;
use crate::plan::Plan;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{HashAlg, Suite};
use aseptic_core::platform::{Geometry, Platform};
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
    /// As it is to be; its hash has taken in what was read of its component.
    session: Session,
}

impl Resume {
    /// As [`Session::resume`], but nothing is read yet.
    pub fn new(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<Self> {
        let mut journal = Journal::load(platform)?.ok_or(Reason::NoUpdate)?;
        if journal.identity != *plan.identity() {
            return Err(Reason::UpdateBusy);
        }
        let (slot, layout) = (platform.images.running()?.other(), Layout::of(suite, plan)?);
        let (image, planned) = (journal.image, *plan.image());
        if journal.stage == Stage::Staged && layout.is_set() {
            // Staged under the digest of the slot: all of its components are to be there.
            let prefix = layout.digest(layout.last())?;
            journal = Journal {
                image: Image { digest: planned.digest, size: planned.size, ..image },
                offset: planned.size,
                prefix,
                ..journal
            };
        }
        if journal.stage == Stage::Activated
            || journal.image != planned
            || image.slot != slot
            || journal.offset > planned.size
        {
            return Err(Reason::NoUpdate);
        }
        downgrade::check(platform, &image).map_err(|reason| match reason {
            // The power failed between the exception for the staged set and its journal.
            Reason::SequenceTooOld if layout.is_set() => Reason::NoUpdate,
            reason => reason,
        })?;
        let geometry = layout.shape(platform, slot)?;
        let state = suite.hash(layout.digest(0)?.alg())?.start()?;
        Ok(Self { session: Session::new(journal, geometry, layout, state) })
    }

    /// Reads the next piece; the last step gives the session. After an error start over.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Next<Self, Session>> {
        let session = &mut self.session;
        let journal = session.journal;
        let engine = suite.hash(session.layout.digest(session.at)?.alg())?;
        let place = session.place()?;
        let left = journal.offset.saturating_sub(session.layout.before(session.at)).min(place.size);
        let piece = left.saturating_sub(session.offset).min(STEP);
        let start = place.start.saturating_add(session.offset);
        medium::hash(platform.images, journal.image.slot, start, piece, engine, &mut session.state)?;
        session.offset = session.offset.saturating_add(piece);
        let found = medium::digest(engine, &session.state)?;
        let good = if session.offset == session.place()?.size && session.at != session.layout.last() {
            let good = found == session.layout.digest(session.at)?;
            session.begin_part(engine, session.at.saturating_add(1), 0)?;
            if good {
                return Ok(Next::More(self));
            }
            good
        } else if piece != 0 {
            return Ok(Next::More(self));
        } else {
            found == journal.prefix
        };
        if good {
            let (state, offset) = (session.state.clone(), session.offset);
            session.begin_part(engine, session.at, offset)?;
            session.state = state;
            return Ok(Next::Done(self.session));
        }
        platform.event(Reason::SlotMismatch, journal.offset);
        session.begin_part(engine, 0, 0)?;
        session.note(platform, engine)?;
        Ok(Next::Done(self.session))
    }
}

/// [`Session::finish`] and [`Staged::load`] in steps.
pub struct ReadBack {
    /// All its bytes are written; its hash starts over with each component.
    session: Session,
    /// The slot is erased up to here where no component lies.
    erased: u64,
    /// Bytes of the slot that were read.
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
        let engine = session.whole(platform, suite)?;
        session.begin_part(engine, 0, 0)?;
        if session.layout.is_set() {
            session.whole = Some(engine.start()?);
        }
        Ok(Self { session, erased: 0, read: 0, staged: false })
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
        let session = Session::new(journal, geometry, Layout::staged(&image), state);
        Ok(Self { session, erased: 0, read: 0, staged: true })
    }

    /// Erases the next block or reads the next piece; the last step gives the staged image.
    ///
    /// [`Reason::ClinicalUse`] unless idle; an image that is staged already is only read, at any time. After an error the
    /// session is over; [`Session::resume`] makes a new one.
    pub fn step(mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Next<Self, Staged>> {
        if !self.staged {
            idle(clinical)?;
            let Geometry { size, erase_size, .. } = self.session.geometry;
            let block = u64::from(erase_size);
            self.erased = self.session.layout.gap(self.erased, block);
            if self.erased < size {
                platform.images.erase(self.session.journal.image.slot, self.erased, block)?;
                self.erased = self.erased.saturating_add(block);
                return Ok(Next::More(self));
            }
        }
        match self.read_on(platform, suite) {
            Ok(true) => return Ok(Next::More(self)),
            Ok(false) => {}
            Err(Reason::SlotMismatch) if !self.staged => {
                Journal::erase(platform)?;
                return Err(Reason::SlotMismatch);
            }
            Err(reason) => return Err(reason),
        }
        if !self.staged {
            self.stage(platform, suite)?;
        }
        Ok(Next::Done(Staged { journal: self.session.journal }))
    }

    /// Reads the next piece; false once nothing was left. [`Reason::SlotMismatch`] if the component that ends with it is not
    /// what was signed.
    fn read_on(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<bool> {
        let Self { session, read, .. } = self;
        if *read == session.layout.end() {
            return Ok(false);
        }
        let (digest, place) = (session.layout.digest(session.at)?, session.place()?);
        let engine = suite.hash(digest.alg())?;
        // Before it lies a gap, which counts for the slot alone.
        let (inside, border) = if *read < place.start { (false, place.start) } else { (true, place.end()) };
        let piece = border.saturating_sub(*read).min(STEP);
        let (slot, state, whole) = (session.journal.image.slot, &mut session.state, &mut session.whole);
        medium::read(platform.images, slot, *read, piece, &mut |part| {
            whole.as_mut().map_or(Ok(()), |whole| engine.update(whole, part))?;
            if inside { engine.update(state, part) } else { Ok(()) }
        })?;
        *read = read.saturating_add(piece);
        if inside && *read == border {
            if medium::digest(engine, state)? != digest {
                return Err(Reason::SlotMismatch);
            }
            if session.at != session.layout.last() {
                session.begin_part(engine, session.at.saturating_add(1), 0)?;
            }
        }
        Ok(true)
    }

    /// Writes down that the slot holds what was signed, under the digest that it has as a whole.
    fn stage(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        let Session { journal, layout, whole, .. } = &mut self.session;
        let mut image = journal.image;
        if let Some(whole) = whole {
            image.size = layout.end();
            image.digest = medium::digest(suite.hash(HashAlg::Sha256)?, whole)?;
            // Now it is known whether it puts back what was confirmed, or has that one's number.
            if Confirmed::load(platform)?.is_some_and(|confirmed| taken(&confirmed, &image, false)) {
                Journal::erase(platform)?;
                return Err(Reason::SequenceTooOld);
            }
            downgrade::restate(platform, &journal.image, image)?;
        }
        *journal = Journal { stage: Stage::Staged, image, offset: image.size, prefix: image.digest, ..*journal };
        journal.save(platform)
    }
}
