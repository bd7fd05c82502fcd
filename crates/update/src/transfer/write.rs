//! How bytes come to lie in the slot: whole write units behind erased blocks, each component judged by its digest.

use super::{Transfer, length};
use crate::journal::{Journal, Stage};
use crate::medium;
use aseptic_core::crypto::{Hash, Suite};
use aseptic_core::platform::{Geometry, ImageSlot, Platform};
use aseptic_core::{Reason, Result, bytes};

/// The journal is written when this many bytes have come to lie in the slot: what a power cut costs at most.
const CHECKPOINT: u64 = 64 * 1024;
/// Or one of so many parts of the image, where that is more: entries wear out the flash that they lie in, and take time.
const CHECKPOINTS: u64 = 256;
/// The largest unit of writing that a platform may have.
pub(super) const WRITE_SIZE: usize = 32;
/// Bytes decrypted at once; on the stack.
const PIECE: usize = 512;

impl Transfer {
    /// Takes the next bytes of the payload, no more than are missing of this component's. Encrypted ones are decrypted.
    pub(super) fn take_payload(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, chunk: &[u8]) -> Result<()> {
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
                Some(_) if clear != 0 => self.decrypt(platform, suite, part)?,
                Some(_) => self.tail = self.tail.saturating_add(length(part)?),
            }
            self.next_part(platform, suite)?;
        }
        Ok(())
    }

    /// Copies the next bytes of the component from the running slot.
    pub(super) fn copy(&mut self, platform: &Platform<'_>, suite: &Suite<'_>) -> Result<()> {
        let from = self.place()?.copied.ok_or(Reason::Internal)?;
        let (slot, start) = (self.journal.image.slot.other(), from.saturating_add(self.offset));
        let step = self.missing().min(super::STEP);
        medium::read(platform.images, slot, start, step, &mut |piece| self.take(platform, suite, piece))?;
        self.next_part(platform, suite)
    }

    #[inline(never)]
    fn decrypt(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, part: &[u8]) -> Result<()> {
        let mut buffer = [0; PIECE];
        let plain = bytes::copy(part, &mut buffer).ok_or(Reason::Internal)?;
        let cipher = self.place()?.cipher.as_ref().ok_or(Reason::Internal)?;
        cipher.apply(suite, self.offset, plain)?;
        self.take(platform, suite, plain)
    }

    /// Takes the next bytes of the component, as they are to lie in the slot.
    fn take(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, bytes: &[u8]) -> Result<()> {
        let engine = suite.hash(self.layout.digest(self.at)?.alg())?;
        let step = checkpoint(self.geometry, self.journal.image.size);
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
        let engine = self.end_part(platform, suite)?;
        self.begin_part(engine, self.at.saturating_add(1), 0)?;
        self.note(platform, engine)
    }

    /// Writes the last bytes of the component, if it has the digest that was signed; else the update is forgotten.
    pub(super) fn end_part<'s>(&mut self, platform: &Platform<'_>, suite: &Suite<'s>) -> Result<&'s dyn Hash> {
        let digest = self.layout.digest(self.at)?;
        let engine = suite.hash(digest.alg())?;
        if medium::digest(engine, &self.state)? != digest {
            Journal::erase(platform)?;
            return Err(Reason::ImageMismatch);
        }
        // At the end of a component it may be less than a unit.
        if self.carried != 0 {
            self.flush(platform)?;
        }
        Ok(engine)
    }

    /// Goes to a checkpoint in a component: its beginning, the border of an erase block, or its end, whose block is erased
    /// already. The hash starts over.
    pub(super) fn begin_part(&mut self, engine: &dyn Hash, at: usize, offset: u64) -> Result<()> {
        (self.at, self.offset, self.tail) = (at, offset, 0);
        self.state = engine.start()?;
        self.erased_from(offset)
    }

    /// The slot is erased as far as the block reaches in which this byte of the component, not taken in yet, lies.
    pub(super) fn erased_from(&mut self, offset: u64) -> Result<()> {
        let start = self.place()?.start;
        self.erased = round_up(start.saturating_add(offset), u64::from(self.geometry.erase_size));
        Ok(())
    }

    /// Notes in the journal how far it is.
    #[inline(never)]
    pub(super) fn note(&mut self, platform: &Platform<'_>, engine: &dyn Hash) -> Result<()> {
        self.journal.stage = Stage::Writing;
        self.journal.offset = self.layout.before(self.at).saturating_add(self.offset);
        self.journal.prefix = medium::digest(engine, &self.state)?;
        self.journal.save(platform)
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
            self.erase_to(platform, at.saturating_add(length(body)?))?;
            platform.images.write(self.journal.image.slot, at, body)?;
        }
        if !tail.is_empty() {
            bytes::copy(tail, &mut self.carry).ok_or(Reason::Internal)?;
            self.carried = tail.len();
        }
        Ok(())
    }

    /// Writes what is carried.
    fn flush(&mut self, platform: &Platform<'_>) -> Result<()> {
        self.flush_at(platform, self.write_at()?).map(drop)
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
}

/// The shape of the slot, if the platform keeps its contract and the image fits.
pub(super) fn shape(platform: &Platform<'_>, slot: ImageSlot, size: u64) -> Result<Geometry> {
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

/// Bytes between two entries of the journal: a multiple of the erase block, as all are powers of two.
fn checkpoint(geometry: Geometry, size: u64) -> u64 {
    let part = size.div_ceil(CHECKPOINTS).checked_next_power_of_two().unwrap_or(0);
    CHECKPOINT.max(u64::from(geometry.erase_size)).max(part)
}

/// The next multiple of `unit`, a power of two.
pub(super) const fn round_up(value: u64, unit: u64) -> u64 {
    let mask = unit.wrapping_sub(1);
    value.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_written_at_borders_of_blocks_and_not_too_often() {
        for erase_size in [256_u32, 4096, 0x1_0000, 0x2_0000] {
            let geometry = Geometry { size: 1 << 40, erase_size, write_size: 8 };
            for size in [1_u64, 0x1_0000, 0x1_0001, 64 << 20, (64 << 20) + 1, 3 << 30, 1 << 40] {
                let step = checkpoint(geometry, size);
                assert!(step >= CHECKPOINT && step.is_multiple_of(u64::from(erase_size)), "{erase_size} {size}");
                assert!(size.div_ceil(step) <= CHECKPOINTS, "{erase_size} {size}");
            }
        }
    }
}
