//! An update on its way: bytes stream into the slot that is not running, and power may fail at any of them.
//!
//! A [`Transfer`] is the one state machine behind [`Session`](crate::Session), [`Resume`](crate::Resume),
//! [`ReadBack`](crate::ReadBack) and [`Staged`](crate::Staged), which give its phases types and are what a Rust program uses. It
//! takes two kilobytes and is never moved: whoever has a stack of a few more, or speaks C, keeps it in one place and has the
//! order of its calls checked as they come.

mod layout;
mod write;

use crate::boot::{self, BootState};
use crate::journal::{Confirmed, Image, Journal, Stage};
use crate::plan::Plan;
use crate::{downgrade, hold, medium, report};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{HashAlg, HashState, Suite};
use aseptic_core::platform::{BootMode, Geometry, Platform};
use aseptic_core::{Reason, Result};
use layout::{Layout, Place};
use write::WRITE_SIZE;

/// Bytes read and hashed, or copied, in one step.
pub const STEP: u64 = 4096;

/// An image, or a set of components, on its way into its slot; or nothing yet.
///
/// A call that does not fit the phase is answered [`Reason::Misuse`]. After an error the transfer is over, but where the call
/// says that nothing has happened. All calls are to be given the suite that it began with. Dropping it loses nothing that the
/// journal holds.
pub struct Transfer {
    phase: Phase,
    journal: Journal,
    geometry: Geometry,
    layout: Layout,
    /// The component that comes next.
    at: usize,
    /// Of its bytes so far.
    state: HashState,
    /// Bytes of it taken in.
    offset: u64,
    /// Bytes of its payload behind them taken in.
    tail: u64,
    /// Bytes that wait for a whole write unit.
    carry: [u8; WRITE_SIZE],
    carried: usize,
    /// While it receives, the slot is erased up to here, from the beginning of the component; while it reads back, wherever no
    /// component lies.
    erased: u64,
    /// Bytes of the slot that were read back.
    read: u64,
    /// Of the slot from its beginning, while a set is read back.
    whole: Option<HashState>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is under way, or an error has ended it.
    Over,
    /// What a power cut left is read again.
    Resuming,
    /// Bytes are fed or copied.
    Receiving,
    /// The slot is erased where nothing lies, and read back.
    ReadingBack,
    /// The slot holds what was signed.
    Staged,
}

impl Transfer {
    /// Nothing under way.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Over,
            journal: Journal::NONE,
            geometry: Geometry { size: 0, erase_size: 1, write_size: 1 },
            layout: Layout::EMPTY,
            at: 0,
            state: HashState::foreign([0; 32]),
            offset: 0,
            tail: 0,
            carry: [0; WRITE_SIZE],
            carried: 0,
            erased: 0,
            read: 0,
            whole: None,
        }
    }

    /// Goes on with the update of `plan` where a power loss interrupted it, else begins it: [`Transfer::resume`], and where that
    /// knows of none [`Transfer::begin`].
    pub fn open(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>, clinical: Use) -> Result<()> {
        match self.resume(platform, suite, plan) {
            Err(Reason::NoUpdate) => self.begin(platform, suite, plan, clinical),
            result => result,
        }
    }

    /// As [`Session::begin`](crate::Session::begin).
    #[inline(never)]
    pub fn begin(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>, clinical: Use) -> Result<()> {
        self.phase = Phase::Over;
        idle(clinical)?;
        let (image, target) = (plan.image(), plan.target());
        if target.slot == platform.images.running()? {
            return Err(Reason::Misuse);
        }
        self.layout.fill(suite, plan)?;
        // At the floor itself only damage is repaired: two releases of one number cannot be told apart by age, and the
        // same one over again would cost an erasure and a restart each time somebody sends its envelope.
        // The digest of a set is known only when it lies in its slot: until then its slot has to be the damaged one.
        let below = plan.downgrade().is_none() && image.sequence < boot::floor(platform)?;
        if below || taken(platform, image, self.layout.is_set())? {
            return Err(Reason::SequenceTooOld);
        }
        downgrade::readable(platform, image)?;
        hold::check(platform, plan.identity())?;
        free(platform, suite)?;
        if busy(platform, plan.identity())? {
            return Err(Reason::UpdateBusy);
        }
        self.geometry = self.layout.shape(platform, target.slot)?;
        let engine = suite.hash(image.digest.alg())?;
        let state = engine.start()?;
        let prefix = medium::digest(engine, &state)?;
        self.journal = Journal { stage: Stage::Writing, identity: *plan.identity(), image: *image, offset: 0, prefix };
        // The slot that is about to be erased must not be what boots next, whatever was selected before.
        platform.images.select(target.slot.other(), BootMode::Permanent)?;
        match plan.downgrade() {
            Some(number) => downgrade::begin(platform, *image, number)?,
            None => downgrade::forget(platform)?,
        }
        self.journal.save(platform)?;
        self.carried = 0;
        self.begin_part(engine, 0, 0)?;
        self.phase = Phase::Receiving;
        Ok(())
    }

    /// As [`Resume::new`](crate::Resume::new): nothing is read yet; [`Transfer::step`] does.
    #[inline(never)]
    pub fn resume(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<()> {
        self.phase = Phase::Over;
        let mut journal = Journal::load(platform)?.ok_or(Reason::NoUpdate)?;
        if journal.identity != *plan.identity() {
            // One that was activated is not under way any more: it runs on trial, which a beginning finds out, or was reverted.
            return Err(if journal.stage == Stage::Activated { Reason::NoUpdate } else { Reason::UpdateBusy });
        }
        self.layout.fill(suite, plan)?;
        let (image, planned) = (journal.image, plan.image());
        if journal.stage == Stage::Staged && self.layout.is_set() {
            // Staged under the digest of the slot: all of its components are to be there.
            journal.prefix = self.layout.digest(self.layout.last())?;
            (journal.image.digest, journal.image.size, journal.offset) = (planned.digest, planned.size, planned.size);
        }
        if journal.stage == Stage::Activated
            || journal.image != *planned
            || image.slot == platform.images.running()?
            || journal.offset > planned.size
        {
            return Err(Reason::NoUpdate);
        }
        downgrade::check(platform, &image).map_err(|reason| match reason {
            // The power failed between the exception for the staged set and its journal.
            Reason::SequenceTooOld if self.layout.is_set() => Reason::NoUpdate,
            reason => reason,
        })?;
        self.geometry = self.layout.shape(platform, image.slot)?;
        self.journal = journal;
        self.carried = 0;
        self.begin_part(suite.hash(self.layout.digest(0)?.alg())?, 0, 0)?;
        self.phase = Phase::Resuming;
        Ok(())
    }

    /// As [`ReadBack::staged`](crate::ReadBack::staged): nothing is read yet; [`Transfer::step`] does.
    pub fn staged_before(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        self.phase = Phase::Over;
        self.journal = Journal::load(platform)?.ok_or(Reason::NoUpdate)?;
        let image = &self.journal.image;
        if self.journal.stage == Stage::Writing || image.slot == platform.images.running()? {
            return Err(Reason::NoUpdate);
        }
        self.geometry = platform.images.geometry(image.slot)?;
        if image.size > self.geometry.size {
            return Err(Reason::SlotMismatch);
        }
        self.layout.whole(image);
        self.read_back(suite)
    }

    /// Does a bounded part of what is to be done without more bytes: erases at most one block, or reads and hashes, or copies
    /// from the running slot, at most [`STEP`] bytes. True if there may be more of it.
    ///
    /// [`Reason::ClinicalUse`] unless idle where it copies, erases or reads back what is not staged yet: nothing has happened
    /// then. Else as [`Session::resume`](crate::Session::resume), [`Session::copy`](crate::Session::copy) and
    /// [`Session::finish`](crate::Session::finish).
    pub fn step(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<bool> {
        match self.phase {
            Phase::Over => Err(Reason::Misuse),
            Phase::Staged => Ok(false),
            Phase::Receiving if self.place()?.copied.is_none() || self.missing() == 0 => Ok(false),
            phase => {
                let staged = self.journal.stage != Stage::Writing;
                if phase != Phase::Resuming && !(phase == Phase::ReadingBack && staged) {
                    idle(clinical)?;
                }
                self.phase = Phase::Over;
                let (more, next) = match phase {
                    Phase::Resuming if self.read_again(platform, suite)? => (true, Phase::Resuming),
                    Phase::Resuming => (false, Phase::Receiving),
                    Phase::Receiving => {
                        self.copy(platform, suite)?;
                        (true, Phase::Receiving)
                    }
                    _ if self.check(platform, suite)? => (true, Phase::ReadingBack),
                    _ => (false, Phase::Staged),
                };
                self.phase = next;
                Ok(more)
            }
        }
    }

    /// The component that comes next, as an index into [`Plan::parts`].
    #[must_use]
    pub const fn part(&self) -> usize {
        self.at
    }

    /// The number of the next byte of that component's payload that [`Transfer::feed`] wants.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset.saturating_add(self.tail)
    }

    /// Bytes of its payload still missing; 0 once every component is whole.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.place().map_or(0, |place| place.size.saturating_add(place.tail()).saturating_sub(self.offset()))
    }

    /// [`Reason::Misuse`] unless bytes are being received.
    pub fn receiving(&self) -> Result<()> {
        if self.phase == Phase::Receiving { Ok(()) } else { Err(Reason::Misuse) }
    }

    /// As [`Session::feed`](crate::Session::feed).
    pub fn feed(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, chunk: &[u8], clinical: Use) -> Result<()> {
        idle(clinical)?;
        self.receiving()?;
        if self.place()?.copied.is_some() {
            return Err(Reason::Misuse);
        }
        if length(chunk)? > self.missing() {
            return Err(Reason::ImageMismatch);
        }
        self.phase = Phase::Over;
        self.take_payload(platform, suite, chunk)?;
        self.phase = Phase::Receiving;
        Ok(())
    }

    /// Ends the transfer, as [`ReadBack::new`](crate::ReadBack::new); nothing is erased or read back yet: [`Transfer::step`]
    /// does.
    pub fn finish(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<()> {
        idle(clinical)?;
        self.receiving()?;
        self.phase = Phase::Over;
        if self.missing() != 0 {
            return Err(Reason::ImageMismatch);
        }
        self.end_part(platform, suite)?;
        // Whatever a journal said before: what is staged has been read back by this transfer.
        self.journal.stage = Stage::Writing;
        self.read_back(suite)
    }

    /// The image, once it is staged.
    #[must_use]
    pub fn staged(&self) -> Option<&Image> {
        (self.phase == Phase::Staged).then_some(&self.journal.image)
    }

    /// As [`Staged::activate`](crate::Staged::activate).
    pub fn activate(&mut self, platform: &Platform<'_>, clinical: Use) -> Result<()> {
        self.staged().ok_or(Reason::Misuse)?;
        self.phase = Phase::Over;
        activate(platform, &self.journal, clinical)
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    fn place(&self) -> Result<&Place> {
        self.layout.place(self.at)
    }

    /// Reads the next piece of what is said to be there; false once it is known from which byte on bytes are wanted.
    fn read_again(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<bool> {
        let digest = self.layout.digest(self.at)?;
        let engine = suite.hash(digest.alg())?;
        let (start, size) = (self.place()?.start, self.place()?.size);
        let left = self.journal.offset.saturating_sub(self.layout.before(self.at)).min(size);
        let piece = left.saturating_sub(self.offset).min(STEP);
        let (slot, from) = (self.journal.image.slot, start.saturating_add(self.offset));
        medium::hash(platform.images, slot, from, piece, engine, &mut self.state)?;
        self.offset = self.offset.saturating_add(piece);
        let ends = self.offset == size && self.at != self.layout.last();
        if piece != 0 && !ends {
            return Ok(true);
        }
        let wanted = if ends { digest } else { self.journal.prefix };
        if medium::digest(engine, &self.state)? != wanted {
            platform.event(Reason::SlotMismatch, self.journal.offset);
            self.begin_part(engine, 0, 0)?;
            self.note(platform, engine)?;
            return Ok(false);
        }
        if ends {
            self.begin_part(engine, self.at.saturating_add(1), 0)?;
        } else {
            self.erased_from(self.offset)?;
        }
        Ok(ends)
    }

    /// Everything is to be read back from the first byte on, each component and, of a set, the slot.
    fn read_back(&mut self, suite: &Suite<'_>) -> Result<()> {
        self.begin_part(suite.hash(self.layout.digest(0)?.alg())?, 0, 0)?;
        self.whole = if self.layout.is_set() { Some(suite.hash(HashAlg::Sha256)?.start()?) } else { None };
        (self.erased, self.read) = (0, 0);
        self.phase = Phase::ReadingBack;
        Ok(())
    }

    /// Erases the next block or reads the next piece; false once the image is staged.
    fn check(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<bool> {
        let staged = self.journal.stage != Stage::Writing;
        let block = u64::from(self.geometry.erase_size);
        self.erased = self.layout.gap(self.erased, block);
        if !staged && self.erased < self.geometry.size {
            platform.images.erase(self.journal.image.slot, self.erased, block)?;
            self.erased = self.erased.saturating_add(block);
            return Ok(true);
        }
        match self.read_on(platform, suite) {
            Ok(false) if !staged => self.stage(platform, suite).map(|()| false),
            Err(Reason::SlotMismatch) if !staged => {
                Journal::erase(platform)?;
                Err(Reason::SlotMismatch)
            }
            result => result,
        }
    }

    /// Reads the next piece; false once nothing was left. [`Reason::SlotMismatch`] if the component that ends with it is not
    /// what was signed.
    fn read_on(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<bool> {
        if self.read == self.layout.end() {
            return Ok(false);
        }
        let (digest, place) = (self.layout.digest(self.at)?, self.layout.place(self.at)?);
        let engine = suite.hash(digest.alg())?;
        // Before it lies a gap, which counts for the slot alone.
        let (inside, border) = if self.read < place.start { (false, place.start) } else { (true, place.end()) };
        let piece = border.saturating_sub(self.read).min(STEP);
        let (state, whole) = (&mut self.state, &mut self.whole);
        medium::read(platform.images, self.journal.image.slot, self.read, piece, &mut |part| {
            whole.as_mut().map_or(Ok(()), |whole| engine.update(whole, part))?;
            if inside { engine.update(state, part) } else { Ok(()) }
        })?;
        self.read = self.read.saturating_add(piece);
        if inside && self.read == border {
            if medium::digest(engine, &self.state)? != digest {
                return Err(Reason::SlotMismatch);
            }
            if self.at != self.layout.last() {
                (self.at, self.state) = (self.at.saturating_add(1), engine.start()?);
            }
        }
        Ok(true)
    }

    /// Writes down that the slot holds what was signed, under the digest that it has as a whole.
    #[inline(never)]
    fn stage(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        let mut image = self.journal.image;
        if let Some(whole) = &self.whole {
            image.size = self.layout.end();
            image.digest = medium::digest(suite.hash(HashAlg::Sha256)?, whole)?;
            // Now it is known whether it puts back what was confirmed, or has that one's number.
            if taken(platform, &image, false)? {
                Journal::erase(platform)?;
                return Err(Reason::SequenceTooOld);
            }
            downgrade::restate(platform, &self.journal.image, image)?;
        }
        self.journal.stage = Stage::Staged;
        (self.journal.image, self.journal.offset, self.journal.prefix) = (image, image.size, image.digest);
        self.journal.save(platform)
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self::new()
    }
}

/// As [`Session::abandon`](crate::Session::abandon).
pub(crate) fn abandon(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
    free(platform, suite)?;
    platform.images.select(platform.images.running()?, BootMode::Permanent)?;
    Journal::erase(platform)?;
    downgrade::forget(platform)
}

/// As [`Staged::activate`](crate::Staged::activate).
pub(crate) fn activate(platform: &Platform<'_>, staged: &Journal, clinical: Use) -> Result<()> {
    idle(clinical)?;
    if staged.image.slot == platform.images.running()? {
        return Err(Reason::Misuse);
    }
    // Another session may have begun in this slot, or have given the update up, since its bytes were read.
    if Journal::load(platform)? != Some(*staged) {
        return Err(Reason::NoUpdate);
    }
    downgrade::check(platform, &staged.image)?;
    hold::check(platform, &staged.identity)?;
    // Intent first: a boot into the slot is a trial only if the journal says so.
    Journal { stage: Stage::Activated, ..*staged }.save(platform)?;
    platform.images.select(staged.image.slot, BootMode::Trial)?;
    Ok(())
}

/// Whether the other slot is free to be written, by what runs.
#[inline(never)]
fn free(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
    match boot::load(platform, suite)? {
        BootState::Trial(_) => Err(Reason::TrialPending),
        BootState::RestartNeeded(_) => Err(Reason::UpdateBusy),
        BootState::Confirmed(_) | BootState::Reverted(_) | BootState::Fallback(_) => Ok(()),
    }
}

/// Whether another update is under way, or one was reverted that the account does not count yet: the journal is all that knows
/// of it.
#[inline(never)]
fn busy(platform: &Platform<'_>, identity: &[u8; 32]) -> Result<bool> {
    match Journal::load(platform)? {
        Some(tried) if tried.stage == Stage::Activated => report::unsettled(platform, &tried.identity),
        Some(other) => Ok(other.identity != *identity),
        None => Ok(false),
    }
}

/// Whether the number of `image` belongs to another image that is confirmed, or may do so.
#[inline(never)]
fn taken(platform: &Platform<'_>, image: &Image, set: bool) -> Result<bool> {
    let Some(Confirmed { image: confirmed, .. }) = Confirmed::load(platform)? else { return Ok(false) };
    let same = if set { confirmed.slot == image.slot } else { confirmed == *image };
    Ok(confirmed.sequence == image.sequence && !same)
}

fn length(bytes: &[u8]) -> Result<u64> {
    u64::try_from(bytes.len()).map_err(|_| Reason::Internal)
}

fn idle(clinical: Use) -> Result<()> {
    if clinical.allows_disruption() { Ok(()) } else { Err(Reason::ClinicalUse) }
}
