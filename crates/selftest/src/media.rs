//! Raw flash and program slots.

use crate::{Finding, Report, fill, holds, pattern};
use aseptic_core::platform::{Fault, Geometry, ImageSlot, Images, Outcome};
use aseptic_nor::{Flash, Nor};

/// Some engines read what they program in words.
#[repr(align(8))]
struct Aligned([u8; 256]);

/// Tries the reserve of the log out; false if the flash cannot carry a store.
pub(crate) fn flash(flash: &dyn Flash, report: &mut Report<'_>) -> bool {
    let reserve = match (flash.geometry(), Nor::new(flash).reserve()) {
        (Ok(_), Err(Fault::Denied)) | (Err(_), _) => {
            report.add(Finding::FlashGeometry, 0);
            return false;
        }
        (Ok(_), Err(_)) => {
            report.add(Finding::FlashFails, 0);
            return false;
        }
        (Ok(geometry), Ok(reserve)) => (geometry, reserve),
    };
    let (geometry, at) = reserve;
    let Ok(outside) = sum_outside(flash, geometry, at) else {
        report.add(Finding::FlashFails, 1);
        return false;
    };
    let right = units(flash, geometry, at, report);
    let same = sum_outside(flash, geometry, at) == Ok(outside);
    report.check(same, Finding::FlashEraseWide, u64::from(at)) && right
}

/// Erases the unit at `at` and programs its beginning, its middle and its end.
fn units(flash: &dyn Flash, geometry: aseptic_nor::Geometry, at: u32, report: &mut Report<'_>) -> bool {
    let (unit, program) = (geometry.erase_size, geometry.program_size);
    if !report.check(flash.erase(at).is_ok(), Finding::FlashFails, 2) || !erased(flash, at, unit, report) {
        return false;
    }
    let page = unit.min(256);
    let last = unit.saturating_sub(program);
    // Offset and length: one program unit at either end, and a page in between where there is one.
    let mut ranges = [(0, program), (last, program), (page, 0)];
    if unit >= 1024 {
        ranges = [(0, program), (last, program), (page, page)];
    }
    for (number, (offset, length)) in (0..).zip(ranges) {
        let mut bytes = Aligned([0; 256]);
        let Some(bytes) = bytes.0.get_mut(..usize::try_from(length).unwrap_or(0)) else { return false };
        fill(bytes, number);
        let place = at.saturating_add(offset);
        if !bytes.is_empty() && !report.check(flash.program(place, bytes).is_ok(), Finding::FlashFails, 3) {
            return false;
        }
    }
    let (mut offset, mut right, mut beside) = (0, true, true);
    while offset < unit {
        let mut byte = [0; 1];
        if flash.read(at.saturating_add(offset), &mut byte).is_err() {
            report.add(Finding::FlashFails, 4);
            return false;
        }
        let written =
            (0..).zip(ranges).find(|(_, (start, length))| (*start..start.saturating_add(*length)).contains(&offset));
        match written {
            None => beside &= byte == [0xFF],
            Some((number, (start, _))) => {
                let place = usize::try_from(offset.saturating_sub(start)).unwrap_or(0);
                right &= byte == [pattern(number, place)];
            }
        }
        offset = offset.saturating_add(1);
    }
    if !report.check(right, Finding::FlashProgram, u64::from(at))
        || !report.check(beside, Finding::FlashProgramWide, u64::from(at))
    {
        return false;
    }
    report.check(flash.erase(at).is_ok(), Finding::FlashFails, 5) && erased(flash, at, unit, report)
}

fn erased(flash: &dyn Flash, at: u32, unit: u32, report: &mut Report<'_>) -> bool {
    let mut offset = 0_u32;
    while offset < unit {
        let mut bytes = [0; 64];
        let read = flash.read(at.saturating_add(offset), &mut bytes);
        if !report.check(read == Ok(()) && bytes == [0xFF; 64], Finding::FlashErase, u64::from(offset)) {
            return false;
        }
        offset = offset.saturating_add(64);
    }
    true
}

/// A sum over all bytes but those of the unit at `at`.
fn sum_outside(flash: &dyn Flash, geometry: aseptic_nor::Geometry, at: u32) -> Outcome<u64> {
    let (mut sum, mut place) = (0, 0_u32);
    while place < geometry.size {
        if place == at {
            place = place.saturating_add(geometry.erase_size);
            continue;
        }
        let mut bytes = [0; 256];
        match flash.read(place, &mut bytes) {
            // Torn words that an earlier power cut has left.
            Ok(()) | Err(Fault::Corrupt) => {}
            Err(fault) => return Err(fault),
        }
        sum = mix(sum, &bytes);
        place = place.saturating_add(256);
    }
    Ok(sum)
}

/// FNV-1a: finds accidents.
fn mix(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3).wrapping_add(1))
}

pub(crate) fn images(images: &dyn Images, danger_other_image: bool, report: &mut Report<'_>) {
    let running = images.running();
    if running == Err(Fault::Unavailable) && images.geometry(ImageSlot::A) == Err(Fault::Unavailable) {
        return;
    }
    let Ok(running) = running else { return report.add(Finding::ImageRunning, 0) };
    report.check(images.running() == Ok(running), Finding::ImageRunning, 1);
    for slot in [ImageSlot::A, ImageSlot::B] {
        let right = images.geometry(slot).is_ok_and(|geometry| {
            let Geometry { size, erase_size, write_size } = geometry;
            let powers = erase_size.is_power_of_two() && write_size.is_power_of_two();
            powers
                && write_size <= 32
                && write_size <= erase_size
                && size > 0
                && size.is_multiple_of(u64::from(erase_size))
        });
        if !report.check(right, Finding::ImageGeometry, slot as u64) {
            return;
        }
    }
    if danger_other_image && let Ok(geometry) = images.geometry(running.other()) {
        let before = beginning(images, running);
        other_image(images, running.other(), geometry, report);
        report.check(before.is_ok() && beginning(images, running) == before, Finding::ImageWide, 0);
    }
}

/// A sum over the first bytes of a slot.
fn beginning(images: &dyn Images, slot: ImageSlot) -> Outcome<u64> {
    let mut bytes = [0; 256];
    let mut sum = 0;
    for place in 0..16_u64 {
        match images.read(slot, place.saturating_mul(256), &mut bytes) {
            Ok(()) => sum = mix(sum, &bytes),
            Err(_) if place > 0 => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(sum)
}

/// Erases the first and the last erase unit and writes to both; the last bytes are no multiple of the write size.
fn other_image(images: &dyn Images, slot: ImageSlot, geometry: Geometry, report: &mut Report<'_>) {
    let unit = u64::from(geometry.erase_size);
    let last = geometry.size.saturating_sub(unit);
    let odd = usize::try_from(geometry.write_size).unwrap_or(0).saturating_add(3);
    for (salt, at) in [(1, 0), (2, last)] {
        if !report.check(images.erase(slot, at, unit).is_ok(), Finding::ImageFails, 1) {
            return;
        }
        let mut room = [0; 64];
        if !report.check(images.read(slot, at, &mut room).is_ok(), Finding::ImageFails, 2) {
            return;
        }
        let blank = room[0];
        if !report.check(room.iter().all(|byte| *byte == blank), Finding::ImageErase, at) {
            return;
        }
        let Some(bytes) = room.get_mut(..odd) else { return };
        fill(bytes, salt);
        if !report.check(images.write(slot, at, bytes).is_ok(), Finding::ImageFails, 3) {
            return;
        }
        let mut back = [0; 64];
        let read = images.read(slot, at, &mut back).is_ok();
        let right = back.get(..odd).is_some_and(|bytes| holds(bytes, salt));
        if !report.check(read && right, Finding::ImageWrite, at) {
            return;
        }
        // The rest of the write unit may hold anything that erased bytes and padding are.
        let behind = odd.next_multiple_of(usize::try_from(geometry.write_size).unwrap_or(1).max(1));
        let beside = back.iter().skip(behind).all(|byte| *byte == blank);
        report.check(beside, Finding::ImageWide, at);
        report.check(images.erase(slot, at, unit).is_ok(), Finding::ImageFails, 4);
    }
}
