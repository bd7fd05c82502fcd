//! The session: bytes stream into the slot that is not running, and power may fail at any of them.

mod layout;
mod steps;

pub use steps::{Next, ReadBack, Resume, STEP};

use crate::boot::{self, BootState};
use crate::journal::{Confirmed, Image, Journal, Stage};
use crate::medium;
use crate::plan::Plan;
use crate::{downgrade, hold};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{Hash, HashState, Suite};
use aseptic_core::platform::{BootMode, Geometry, ImageSlot, Platform};
use aseptic_core::{Reason, Result, bytes};
use layout::{Layout, Place};

/// The journal is written when this many bytes, or one erase block if that is more, have come to lie in the slot.
const CHECKPOINT: u64 = 64 * 1024;
/// The largest unit of writing that a platform may have.
const WRITE_SIZE: usize = 32;
/// Bytes decrypted or copied at once; on the stack.
const PIECE: usize = 512;

/// An image, or a set of components, on its way into its slot. Uses one buffer of the largest write unit, whatever the size.
///
/// Components come one after the other in the order of [`Plan::parts`]; [`Session::part`] says which is the next. Until
/// nothing is missing, [`Session::copy`] brings what is copied, and [`Session::feed`] takes what is not.
///
/// It keeps the running hash and no reference: every call is to be given the suite it began with. After any error but
/// [`Reason::ClinicalUse`] and [`Reason::ImageMismatch`] of [`Session::feed`] the session is over; [`Session::resume`]
/// makes a new one. Dropping it loses nothing that the journal holds.
pub struct Session {
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
    /// The slot is erased up to here, from the beginning of the component.
    erased: u64,
    /// Of the slot from its beginning, while a set is read back.
    whole: Option<HashState>,
    broken: bool,
}

impl Session {
    /// Starts from the first byte.
    ///
    /// [`Reason::ClinicalUse`] unless idle, [`Reason::TrialPending`] while the running image is not confirmed (the other
    /// slot is what the device falls back to), [`Reason::UpdateBusy`] if another update is under way or a restart into a
    /// confirmed image is due, [`Reason::SequenceTooOld`] below the floor without a token, or with the number of the
    /// confirmed image for anything but putting that image back where it was damaged, [`Reason::MigrationFloor`],
    /// [`Reason::UpdateHeld`], [`Reason::Misuse`] if the plan is for the running slot, [`Reason::PayloadLocked`] and others if
    /// no key opens an encrypted payload. Those change nothing. Power loss: the journal names this update, or it does not.
    pub fn begin(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>, clinical: Use) -> Result<Self> {
        idle(clinical)?;
        let target = plan.target();
        if target.slot == platform.images.running()? {
            return Err(Reason::Misuse);
        }
        let image = *plan.image();
        let layout = Layout::of(suite, plan)?;
        // At the floor itself only damage is repaired: two releases of one number cannot be told apart by age, and the
        // same one over again would cost an erasure and a restart each time somebody sends its envelope.
        // The digest of a set is known only when it lies in its slot: until then its slot has to be the damaged one.
        let taken = |confirmed: Confirmed| taken(&confirmed, &image, layout.is_set());
        let below = plan.downgrade().is_none() && image.sequence < boot::floor(platform)?;
        if below || Confirmed::load(platform)?.is_some_and(taken) {
            return Err(Reason::SequenceTooOld);
        }
        downgrade::readable(platform, &image)?;
        hold::check(platform, plan.identity())?;
        match boot::load(platform, suite)? {
            BootState::Trial(_) => return Err(Reason::TrialPending),
            BootState::RestartNeeded(_) => return Err(Reason::UpdateBusy),
            BootState::Confirmed(_) | BootState::Reverted(_) | BootState::Fallback(_) => {}
        }
        let under_way = Journal::load(platform)?;
        if under_way.is_some_and(|other| other.stage != Stage::Activated && other.identity != *plan.identity()) {
            return Err(Reason::UpdateBusy);
        }
        let geometry = layout.shape(platform, target.slot)?;
        let engine = suite.hash(plan.digest().alg())?;
        let state = engine.start()?;
        let prefix = medium::digest(engine, &state)?;
        let journal = Journal { stage: Stage::Writing, identity: *plan.identity(), image, offset: 0, prefix };
        // The slot that is about to be erased must not be what boots next, whatever was selected before.
        platform.images.select(target.slot.other(), BootMode::Permanent)?;
        match plan.downgrade() {
            Some(number) => downgrade::begin(platform, image, number)?,
            None => downgrade::forget(platform)?,
        }
        journal.save(platform)?;
        Ok(Self::new(journal, geometry, layout, state))
    }

    /// Goes on after a power loss or an error: re-reads from the medium what the journal says is there, and starts at the
    /// byte that [`Session::offset`] then gives. Where the medium holds something else, that is 0.
    ///
    /// [`Reason::NoUpdate`] if the journal knows of no update (or one that was tried already), [`Reason::UpdateBusy`] if
    /// of another one. Takes as long as hashing all that is there; [`Resume`] does the same in steps.
    pub fn resume(platform: &Platform<'_>, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<Self> {
        let mut resume = Resume::new(platform, suite, plan)?;
        loop {
            resume = match resume.step(platform, suite)? {
                Next::More(resume) => resume,
                Next::Done(session) => return Ok(session),
            };
        }
    }

    /// Forgets the update under way. The running image and the floor stay; what is in the other slot is never booted.
    ///
    /// [`Reason::TrialPending`] while that image is running on trial.
    pub fn abandon(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        match boot::load(platform, suite)? {
            BootState::Trial(_) => return Err(Reason::TrialPending),
            BootState::RestartNeeded(_) => return Err(Reason::UpdateBusy),
            BootState::Confirmed(_) | BootState::Reverted(_) | BootState::Fallback(_) => {}
        }
        platform.images.select(platform.images.running()?, BootMode::Permanent)?;
        Journal::erase(platform)?;
        downgrade::forget(platform)
    }

    /// The component that comes next, as an index into [`Plan::parts`].
    #[must_use]
    pub const fn part(&self) -> usize {
        self.at
    }

    /// The number of the next byte of that component's payload that [`Session::feed`] wants.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset.saturating_add(self.tail)
    }

    /// Bytes of its payload still missing; 0 once every component is whole.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.place().map_or(0, |place| place.size.saturating_add(place.tail()).saturating_sub(self.offset()))
    }

    /// Takes the next bytes of the payload, of any number up to its end. Encrypted ones are decrypted on their way.
    ///
    /// [`Reason::ClinicalUse`] unless idle and [`Reason::ImageMismatch`] for bytes beyond the size that was signed: nothing
    /// has happened then and the session goes on. [`Reason::ImageMismatch`] also at the end of a component that has another
    /// digest than was signed: the update is forgotten then. [`Reason::Misuse`] where [`Session::copy`] is due. Erases ahead
    /// block by block, writes whole units, and notes in the journal how far it is.
    pub fn feed(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, chunk: &[u8], clinical: Use) -> Result<()> {
        idle(clinical)?;
        if self.broken || self.place()?.copied.is_some() {
            return Err(Reason::Misuse);
        }
        if length(chunk)? > self.missing() {
            return Err(Reason::ImageMismatch);
        }
        self.broken = true;
        let mut rest = chunk;
        while !rest.is_empty() {
            let place = self.place()?;
            let clear = place.size.saturating_sub(self.offset);
            let (room, piece) = match place.cipher {
                Some(_) if clear != 0 => (clear, PIECE),
                _ if clear != 0 => (clear, usize::MAX),
                _ => (self.missing(), usize::MAX),
            };
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(piece);
            let (part, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            rest = later;
            match &place.cipher {
                None => self.take(platform, suite, part)?,
                Some(cipher) if clear != 0 => {
                    let mut buffer = [0; PIECE];
                    let plain = bytes::copy(part, &mut buffer).ok_or(Reason::Internal)?;
                    cipher.apply(suite, self.offset, plain)?;
                    self.take(platform, suite, plain)?;
                }
                Some(_) => self.tail = self.tail.saturating_add(length(part)?),
            }
            self.next_part(platform, suite)?;
        }
        self.broken = false;
        Ok(())
    }

    /// Brings the next [`STEP`] bytes of a component that is copied from the running slot. True if it has done so, and is to
    /// be called again; false if what comes next is to be fed, or nothing is missing.
    ///
    /// [`Reason::ClinicalUse`] unless idle: nothing has happened then. Else as [`Session::feed`].
    pub fn copy(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<bool> {
        let (Some(from), 1..) = (self.place()?.copied, self.missing()) else { return Ok(false) };
        idle(clinical)?;
        if self.broken {
            return Err(Reason::Misuse);
        }
        self.broken = true;
        let slot = self.journal.image.slot.other();
        let (start, step) = (from.saturating_add(self.offset), self.missing().min(STEP));
        medium::read(platform.images, slot, start, step, &mut |piece| self.take(platform, suite, piece))?;
        self.next_part(platform, suite)?;
        self.broken = false;
        Ok(true)
    }

    /// Ends the transfer: erases the rest of the slot, then reads the whole image back from the medium and hashes it again.
    ///
    /// [`Reason::ImageMismatch`] if bytes are missing (the session may be resumed) or are other bytes than were signed,
    /// [`Reason::SlotMismatch`] if the medium does not hold what was written; both of the latter forget the update, and the
    /// next one starts from the first byte. After power loss the journal says that the image is staged, or how far it came.
    /// Takes as long as erasing and reading the slot; [`ReadBack`] does the same in steps.
    pub fn finish(self, platform: &Platform<'_>, suite: &Suite<'_>, clinical: Use) -> Result<Staged> {
        let mut check = ReadBack::new(self, platform, suite, clinical)?;
        loop {
            check = match check.step(platform, suite, clinical)? {
                Next::More(check) => check,
                Next::Done(staged) => return Ok(staged),
            };
        }
    }

    /// At the beginning of the first component.
    fn new(journal: Journal, geometry: Geometry, layout: Layout, state: HashState) -> Self {
        let erased = layout.place(0).map_or(0, |place| place.start);
        let carry = [0; WRITE_SIZE];
        let (at, offset, tail, carried, whole, broken) = (0, 0, 0, 0, None, false);
        Self { journal, geometry, layout, at, state, offset, tail, carry, carried, erased, whole, broken }
    }

    fn place(&self) -> Result<&Place> {
        self.layout.place(self.at)
    }

    /// Takes the next bytes of the component, as they are to lie in the slot.
    fn take(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, bytes: &[u8]) -> Result<()> {
        let engine = suite.hash(self.layout.digest(self.at)?.alg())?;
        let step = checkpoint(self.geometry);
        let mut rest = bytes;
        while !rest.is_empty() {
            let boundary = round_up(self.offset.saturating_add(1), step);
            let room = usize::try_from(boundary.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let (part, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            rest = later;
            engine.update(&mut self.state, part)?;
            self.write(platform, part)?;
            self.offset = self.offset.saturating_add(length(part)?);
            if self.offset == boundary {
                self.note(platform, engine)?;
            }
        }
        Ok(())
    }

    /// Goes on to the next component where this one is whole, and is not the last.
    fn next_part(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        if self.missing() != 0 || self.at == self.layout.last() {
            return Ok(());
        }
        let engine = self.whole(platform, suite)?;
        self.begin_part(engine, self.at.saturating_add(1), 0)?;
        self.note(platform, engine)
    }

    /// Writes the last bytes of the component, if it has the digest that was signed; else the update is forgotten.
    fn whole<'s>(&mut self, platform: &Platform<'_>, suite: &Suite<'s>) -> Result<&'s dyn Hash> {
        let digest = self.layout.digest(self.at)?;
        let engine = suite.hash(digest.alg())?;
        if medium::digest(engine, &self.state)? != digest {
            Journal::erase(platform)?;
            return Err(Reason::ImageMismatch);
        }
        self.flush(platform)?;
        Ok(engine)
    }

    /// Goes to a checkpoint in a component: its beginning, the border of an erase block, or its end, whose block is erased
    /// already. The hash starts over.
    fn begin_part(&mut self, engine: &dyn Hash, at: usize, offset: u64) -> Result<()> {
        let start = self.layout.place(at)?.start;
        (self.at, self.offset, self.tail, self.state) = (at, offset, 0, engine.start()?);
        self.erased = round_up(start.saturating_add(offset), u64::from(self.geometry.erase_size));
        Ok(())
    }

    /// Where the next byte lies in the slot, before those that are carried.
    fn write_at(&self) -> Result<u64> {
        let at = self.place()?.start.saturating_add(self.offset);
        Ok(at.saturating_sub(u64::try_from(self.carried).map_err(|_| Reason::Internal)?))
    }

    /// Writes the whole units of what is carried and `part`, and carries the rest.
    fn write(&mut self, platform: &Platform<'_>, part: &[u8]) -> Result<()> {
        let unit = usize::try_from(self.geometry.write_size).map_err(|_| Reason::Internal)?;
        let mut at = self.write_at()?;
        let mut part = part;
        if self.carried != 0 {
            let fill = unit.saturating_sub(self.carried).min(part.len());
            let (head, rest) = part.split_at_checked(fill).ok_or(Reason::Internal)?;
            let end = self.carried.saturating_add(fill);
            let room = self.carry.get_mut(self.carried..end).ok_or(Reason::Internal)?;
            bytes::copy(head, room).ok_or(Reason::Internal)?;
            self.carried = end;
            part = rest;
            if self.carried == unit {
                at = self.flush_at(platform, at)?;
            }
        }
        // The unit is a power of two.
        let tail = part.len() & unit.saturating_sub(1);
        let whole = part.len().saturating_sub(tail);
        let (body, tail) = part.split_at_checked(whole).ok_or(Reason::Internal)?;
        if !body.is_empty() {
            let end = at.saturating_add(u64::try_from(body.len()).map_err(|_| Reason::Internal)?);
            self.erase_to(platform, end)?;
            platform.images.write(self.journal.image.slot, at, body)?;
        }
        if !tail.is_empty() {
            bytes::copy(tail, &mut self.carry).ok_or(Reason::Internal)?;
            self.carried = tail.len();
        }
        Ok(())
    }

    /// Writes what is carried; at the end of a component that may be less than a unit.
    fn flush(&mut self, platform: &Platform<'_>) -> Result<()> {
        if self.carried != 0 {
            self.flush_at(platform, self.write_at()?)?;
        }
        Ok(())
    }

    fn flush_at(&mut self, platform: &Platform<'_>, at: u64) -> Result<u64> {
        let end = at.saturating_add(u64::try_from(self.carried).map_err(|_| Reason::Internal)?);
        self.erase_to(platform, end)?;
        let carry = self.carry.get(..self.carried).ok_or(Reason::Internal)?;
        platform.images.write(self.journal.image.slot, at, carry)?;
        self.carried = 0;
        Ok(end)
    }

    fn erase_to(&mut self, platform: &Platform<'_>, end: u64) -> Result<()> {
        let block = u64::from(self.geometry.erase_size);
        while self.erased < end {
            platform.images.erase(self.journal.image.slot, self.erased, block)?;
            self.erased = self.erased.saturating_add(block);
        }
        Ok(())
    }

    /// Notes in the journal how far it is.
    fn note(&mut self, platform: &Platform<'_>, engine: &dyn Hash) -> Result<()> {
        let (offset, prefix) =
            (self.layout.before(self.at).saturating_add(self.offset), medium::digest(engine, &self.state)?);
        self.journal = Journal { stage: Stage::Writing, offset, prefix, ..self.journal };
        self.journal.save(platform)
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
    /// [`Reason::NoUpdate`] if none is staged, [`Reason::SlotMismatch`] if the medium does not hold it any more. An image
    /// whose trial ended without confirmation counts as staged: to try it again is the application's decision.
    pub fn load(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Self> {
        let mut check = ReadBack::staged(platform, suite)?;
        loop {
            check = match check.step(platform, suite, Use::InUse)? {
                Next::More(check) => check,
                Next::Done(staged) => return Ok(staged),
            };
        }
    }

    /// The image.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.journal.image
    }

    /// Selects the image for one trial boot. The restart itself is the application's.
    ///
    /// [`Reason::ClinicalUse`] unless idle, [`Reason::SequenceTooOld`] if the floor has risen above it meanwhile,
    /// [`Reason::UpdateHeld`] if the owner holds it back meanwhile,
    /// [`Reason::NoUpdate`] if the slot was given to another session or the update abandoned meanwhile. After power
    /// loss the old image boots, or the new one on trial.
    pub fn activate(self, platform: &Platform<'_>, clinical: Use) -> Result<()> {
        idle(clinical)?;
        if self.journal.image.slot == platform.images.running()? {
            return Err(Reason::Misuse);
        }
        // Another session may have begun in this slot, or have given the update up, since its bytes were read.
        if Journal::load(platform)? != Some(self.journal) {
            return Err(Reason::NoUpdate);
        }
        downgrade::check(platform, &self.journal.image)?;
        hold::check(platform, &self.journal.identity)?;
        // Intent first: a boot into the slot is a trial only if the journal says so.
        Journal { stage: Stage::Activated, ..self.journal }.save(platform)?;
        platform.images.select(self.journal.image.slot, BootMode::Trial)?;
        Ok(())
    }
}

/// Whether the number of `image` belongs to another image that is confirmed, or may do so.
fn taken(confirmed: &Confirmed, image: &Image, set: bool) -> bool {
    let same = if set { confirmed.image.slot == image.slot } else { confirmed.image == *image };
    confirmed.image.sequence == image.sequence && !same
}

fn length(bytes: &[u8]) -> Result<u64> {
    u64::try_from(bytes.len()).map_err(|_| Reason::Internal)
}

fn idle(clinical: Use) -> Result<()> {
    if clinical.allows_disruption() { Ok(()) } else { Err(Reason::ClinicalUse) }
}

/// The shape of the slot, if the platform keeps its contract and the image fits.
fn shape(platform: &Platform<'_>, slot: ImageSlot, size: u64) -> Result<Geometry> {
    let geometry = platform.images.geometry(slot)?;
    let usable = geometry.erase_size.is_power_of_two()
        && geometry.write_size.is_power_of_two()
        && geometry.write_size <= geometry.erase_size
        && usize::try_from(geometry.write_size).is_ok_and(|unit| unit <= WRITE_SIZE)
        && round_up(geometry.size, u64::from(geometry.erase_size)) == geometry.size;
    match usable {
        false => Err(Reason::Misuse),
        true if size > geometry.size => Err(Reason::ImageTooLarge),
        true => Ok(geometry),
    }
}

/// Bytes between two entries of the journal: a multiple of the erase block.
fn checkpoint(geometry: Geometry) -> u64 {
    CHECKPOINT.max(u64::from(geometry.erase_size))
}

/// The next multiple of `unit`, a power of two.
const fn round_up(value: u64, unit: u64) -> u64 {
    let mask = unit.wrapping_sub(1);
    value.saturating_add(mask) & !mask
}
