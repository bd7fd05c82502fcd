//! Store and counters.

use crate::{Finding, Power, Report, SLOTS, WORK, fill, holds};
use aseptic_core::limits;
use aseptic_core::platform::{Counter, Counters, Fault, Outcome, Store};

/// Cuts tried in one save; one that takes more writes is cut in its first ones.
const CUTS: u32 = 2000;

/// One save, its place in the list is the detail of a finding: slot, pattern, length.
const SAVES: [(usize, u8, usize); 8] =
    [(0, 0, 5), (1, 1, 300), (0, 2, 1000), (0, 0, 33), (1, 2, 1), (0, 1, limits::SLOT), (0, 2, 64), (1, 0, 256)];

pub(crate) fn store(store: &dyn Store, power: Option<&dyn Power>, work: &mut [u8; WORK], report: &mut Report<'_>) {
    let (old, room) = work.split_at_mut(limits::SLOT);
    let mut room = room;
    match store.load(SLOTS[0], old) {
        // A device without a store.
        Err(Fault::Unavailable) if store.save(SLOTS[0], &[0]) == Err(Fault::Unavailable) => return,
        _ => {}
    }
    // What lies in the slots is put back at the end; it is seldom anything.
    let mut other = [0; 512];
    let first = kept(store.load(SLOTS[0], old));
    let second = kept(store.load(SLOTS[1], &mut other));
    if contents(store, &mut room, report)
        && let Some(power) = power
    {
        cuts(store, power, room, report);
    }
    for (slot, content) in
        [(SLOTS[0], first.and_then(|len| old.get(..len))), (SLOTS[1], second.and_then(|len| other.get(..len)))]
    {
        let restored = content.map_or_else(|| store.erase(slot), |content| store.save(slot, content));
        report.check(restored.is_ok(), Finding::StoreFails, 90);
    }
}

fn kept(loaded: Outcome<usize>) -> Option<usize> {
    loaded.ok()
}

/// Saving, replacing, erasing and reading back; false if that alone is wrong.
fn contents(store: &dyn Store, room: &mut &mut [u8], report: &mut Report<'_>) -> bool {
    for (number, slot) in (0..).zip(SLOTS) {
        let absent = store.load(slot, &mut []) == Err(Fault::NotFound);
        let finding = if absent { Finding::StoreEraseAbsent } else { Finding::StoreFails };
        if !report.check(store.erase(slot).is_ok(), finding, number)
            || !report.check(store.load(slot, room) == Err(Fault::NotFound), Finding::StoreNotFound, number)
            || !report.check(store.erase(slot).is_ok(), Finding::StoreEraseAbsent, number)
        {
            return false;
        }
    }
    let mut stored: [Option<(u8, usize)>; 2] = [None; 2];
    for (number, (which, salt, length)) in (10..).zip(SAVES) {
        let (Some(slot), Some(bytes)) = (SLOTS.get(which), room.get_mut(..length)) else { return false };
        fill(bytes, salt);
        if !report.check(store.save(*slot, bytes).is_ok(), Finding::StoreFails, number) {
            return false;
        }
        if let Some(place) = stored.get_mut(which) {
            *place = Some((salt, length));
        }
        for (other, held) in SLOTS.iter().zip(stored) {
            let finding = if other == slot { Finding::StoreContent } else { Finding::StoreMixed };
            if !read_back(store, *other, held, room, (finding, number), report) {
                return false;
            }
        }
    }
    // 64 bytes stand in the first slot: less room, and none.
    for length in [63, 0] {
        let Some(less) = room.get_mut(..length) else { return false };
        report.check(store.load(SLOTS[0], less) == Err(Fault::Full), Finding::StoreTooSmall, 20);
    }
    report.check(store.erase(SLOTS[0]).is_ok(), Finding::StoreFails, 21);
    report.check(store.load(SLOTS[0], room) == Err(Fault::NotFound), Finding::StoreNotFound, 22);
    read_back(store, SLOTS[1], Some((0, 256)), room, (Finding::StoreMixed, 23), report)
}

fn read_back(
    store: &dyn Store,
    slot: aseptic_core::platform::Slot,
    held: Option<(u8, usize)>,
    room: &mut [u8],
    (finding, number): (Finding, u64),
    report: &mut Report<'_>,
) -> bool {
    room.fill(0xE7);
    let loaded = store.load(slot, room);
    let Some((salt, length)) = held else {
        return report.check(loaded == Err(Fault::NotFound), finding, number);
    };
    let (blob, beyond) = room.split_at_mut_checked(length).unwrap_or_default();
    report.check(loaded == Ok(length) && holds(blob, salt), finding, number)
        && report.check(beyond.iter().all(|byte| *byte == 0xE7), Finding::StoreBeyond, number)
}

/// A blob of 700 bytes is replaced by one of 900, cut at every write.
fn cuts(store: &dyn Store, power: &dyn Power, room: &mut [u8], report: &mut Report<'_>) {
    const OLD: usize = 700;
    const NEW: usize = 900;
    for writes in 0..CUTS {
        let number = u64::from(writes);
        let Some(bytes) = room.get_mut(..OLD) else { return };
        fill(bytes, 0);
        if !report.check(store.save(SLOTS[0], bytes).is_ok(), Finding::StoreFails, 30) {
            return;
        }
        let Some(bytes) = room.get_mut(..NEW) else { return };
        fill(bytes, 1);
        let cut = power.cut_after(writes);
        let saved = store.save(SLOTS[0], bytes);
        if cut.is_err() || power.restore().is_err() {
            return report.add(Finding::StoreFails, 31);
        }
        let loaded = store.load(SLOTS[0], room);
        let is = |length, salt| loaded == Ok(length) && room.get(..length).is_some_and(|blob| holds(blob, salt));
        let new = is(NEW, 1);
        if saved.is_ok() {
            report.check(new, Finding::StoreLost, number);
            return;
        }
        if !report.check(new || is(OLD, 0), Finding::StoreTorn, number) {
            return;
        }
    }
}

pub(crate) fn counters(counters: &dyn Counters, power: Option<&dyn Power>, report: &mut Report<'_>) {
    const COUNTER: Counter = Counter::SelfTest;
    const OTHERS: [Counter; 4] =
        [Counter::UpdateFloor, Counter::TrustManufacturer, Counter::TrustOwner, Counter::SenderEpoch];
    let before = OTHERS.map(|counter| counters.read(counter));
    if before.iter().all(|value| *value == Err(Fault::Unavailable)) {
        return;
    }
    let Ok(start) = counters.read(COUNTER) else { return report.add(Finding::CounterFails, 0) };
    let (next, high) = (start.saturating_add(1), start.saturating_add(3));
    for (number, to, holds) in [(1, next, next), (2, next, next), (3, start, next), (4, high, high), (5, 0, high)] {
        let advanced = counters.advance(COUNTER, to);
        let value = counters.read(COUNTER);
        if value.is_ok_and(|value| value < holds && number != 1 && number != 4) {
            return report.add(Finding::CounterBack, number);
        }
        if !report.check(advanced.is_ok() && value.is_ok(), Finding::CounterFails, number)
            || !report.check(value == Ok(holds), Finding::CounterValue, number)
        {
            return;
        }
    }
    for ((number, counter), before) in (1..).zip(OTHERS).zip(before) {
        report.check(counters.read(counter) == before, Finding::CounterMixed, number);
    }
    if let Some(power) = power {
        counter_cuts(counters, power, COUNTER, report);
    }
}

fn counter_cuts(counters: &dyn Counters, power: &dyn Power, counter: Counter, report: &mut Report<'_>) {
    for writes in 0..CUTS {
        let Ok(old) = counters.read(counter) else { return report.add(Finding::CounterFails, 10) };
        let new = old.saturating_add(1);
        let cut = power.cut_after(writes);
        let advanced = counters.advance(counter, new);
        if cut.is_err() || power.restore().is_err() {
            return report.add(Finding::CounterFails, 11);
        }
        let value = counters.read(counter);
        if advanced.is_ok() {
            report.check(value == Ok(new), Finding::CounterLost, u64::from(writes));
            return;
        }
        if !report.check(value == Ok(old) || value == Ok(new), Finding::CounterTorn, u64::from(writes)) {
            return;
        }
    }
}
