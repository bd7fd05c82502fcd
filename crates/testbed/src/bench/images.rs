//! The program slots.

use super::{Bench, Flash, Rest, Tear, WriteKind, garbage};
use aseptic_core::platform::{BootMode, Fault, Geometry, ImageSlot, Images, Outcome};
use std::ops::Range;

/// Ranges outside the slot, wrong alignment and writing to what is not erased are [`Fault::Denied`]: they are mistakes of
/// the caller, and no torn write makes them right.
impl Images for Bench {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        Ok(state.medium.flash[slot as usize].geometry)
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let flash = &state.medium.flash[slot as usize];
        let range = inside(flash, offset, len)?;
        let block = flash.block();
        if range.start % block != 0 || range.len() % block != 0 {
            return Err(Fault::Denied);
        }
        state.write(WriteKind::ImageErase, range.len() / block, |medium, tear| {
            let flash = &mut medium.flash[slot as usize];
            let done = tear.map_or(range.len(), |tear| tear.done * block);
            clear(flash, range.start..range.start + done);
            if let Some(Tear { rest: Rest::Garbage, done: blocks }) = tear {
                // Erasing has begun in the next block: some bytes are gone, none may be written.
                spoil(flash, range.start + done..range.start + done + block, blocks);
            }
        })
    }

    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let flash = &state.medium.flash[slot as usize];
        let range = inside(flash, offset, bytes.len() as u64)?;
        let unit = flash.unit();
        let units = range.start / unit..range.end.div_ceil(unit);
        if range.start % unit != 0 || !flash.blank[units.clone()].iter().all(|blank| *blank) {
            return Err(Fault::Denied);
        }
        state.write(WriteKind::ImageWrite, units.len(), |medium, tear| {
            let flash = &mut medium.flash[slot as usize];
            let done = tear.map_or(units.len(), |tear| tear.done);
            let length = bytes.len().min(done * unit);
            flash.bytes[range.start..range.start + length].copy_from_slice(&bytes[..length]);
            flash.blank[units.start..units.start + done].fill(false);
            if let Some(Tear { rest: Rest::Garbage, done }) = tear {
                let start = range.start + done * unit;
                spoil(flash, start..start + unit, done);
            }
        })
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let flash = &state.medium.flash[slot as usize];
        out.copy_from_slice(&flash.bytes[inside(flash, offset, out.len() as u64)?]);
        Ok(())
    }

    fn running(&self) -> Outcome<ImageSlot> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        Ok(state.running)
    }

    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        state.write(WriteKind::Select, 0, |medium, _| medium.boot.select(slot, mode))
    }
}

fn inside(flash: &Flash, offset: u64, len: u64) -> Outcome<Range<usize>> {
    let end = offset.checked_add(len).filter(|end| *end <= flash.geometry.size).ok_or(Fault::Denied)?;
    Ok(usize::try_from(offset).map_err(|_| Fault::Denied)?..usize::try_from(end).map_err(|_| Fault::Denied)?)
}

fn clear(flash: &mut Flash, range: Range<usize>) {
    let unit = flash.unit();
    flash.blank[range.start / unit..range.end / unit].fill(true);
    flash.bytes[range].fill(flash.erased);
}

/// What a cut in the middle of a unit or block leaves: bytes between old and new, not to be written before an erase.
fn spoil(flash: &mut Flash, range: Range<usize>, seed: usize) {
    let unit = flash.unit();
    flash.blank[range.start / unit..range.end / unit].fill(false);
    flash.bytes[range].iter_mut().zip(garbage(seed)).for_each(|(byte, noise)| *byte ^= noise);
}
