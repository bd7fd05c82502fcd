//! Every operation of a run fails, is torn or loses power in every way of the model; what is stored stays old or new.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

use aseptic_core::limits;
use aseptic_core::platform::{Counter, Counters, Fault, Outcome, Slot, Store};
use aseptic_nor::{Flash, Geometry, Nor};
use aseptic_testbed::nor::{Chip, Fate, Tear};
use std::collections::BTreeMap;

/// What a device does with its store.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Slot and length; the content follows from the place in the script.
    Save(u16, usize),
    Erase(u16),
    Advance(Counter, u64),
}
use Step::{Advance, Erase, Save};

const COUNTERS: [Counter; 4] =
    [Counter::UpdateFloor, Counter::TrustManufacturer, Counter::TrustOwner, Counter::SenderEpoch];

/// What must be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stored {
    slots: BTreeMap<u16, Vec<u8>>,
    counters: BTreeMap<Counter, u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    operations: usize,
    cuts: usize,
    failures: usize,
    pairs: usize,
    reads: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.cuts += other.cuts;
        self.failures += other.failures;
        self.pairs += other.pairs;
        self.reads += other.reads;
    }
}

impl Stored {
    fn after(&self, step: Step, salt: usize) -> Self {
        let mut after = self.clone();
        match step {
            Save(slot, length) => drop(after.slots.insert(slot, content(slot, length, salt))),
            Erase(slot) => drop(after.slots.remove(&slot)),
            Advance(counter, to) => {
                let value = after.counters.entry(counter).or_default();
                *value = to.max(*value);
            }
        }
        after
    }

    /// What a device reads, of all slots that the scripts use.
    fn read(chip: &Chip) -> Self {
        let nor = Nor::new(chip);
        let mut room = vec![0; limits::SLOT];
        let mut stored = Self::default();
        for slot in 0..SLOTS {
            match nor.load(name(slot), &mut room) {
                Ok(length) => drop(stored.slots.insert(slot, room[..length].to_vec())),
                Err(fault) => assert_eq!(fault, Fault::NotFound, "slot {slot}"),
            }
        }
        for counter in COUNTERS {
            let value = nor.read(counter).unwrap();
            if value > 0 {
                stored.counters.insert(counter, value);
            }
        }
        stored
    }
}

fn content(slot: u16, length: usize, salt: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ (usize::from(slot) * 7) ^ (salt * 101)) as u8).collect()
}

fn run(chip: &Chip, step: Step, salt: usize) -> Outcome<()> {
    let nor = Nor::new(chip);
    match step {
        Save(slot, length) => nor.save(name(slot), &content(slot, length, salt)),
        Erase(slot) => nor.erase(name(slot)),
        Advance(counter, to) => nor.advance(counter, to),
    }
}

/// Runs the script once undisturbed; each step also from the same start with every disturbance.
fn sweep(chip: Chip, script: &[Step], pairs: bool) -> Count {
    let mut count = Count::default();
    let mut before = Stored::default();
    for (salt, step) in script.iter().enumerate() {
        let undisturbed = chip.clone();
        chip.disarm();
        run(&chip, *step, salt).unwrap_or_else(|fault| panic!("step {salt} {step:?}: {fault:?}"));
        let operations = chip.operations();
        let after = before.after(*step, salt);
        assert_eq!(Stored::read(&chip), after, "step {salt} {step:?}");
        count.operations += operations.len();
        for (number, operation) in operations.iter().enumerate() {
            for tear in operation.tears() {
                for fate in [Fate::Cut(tear), Fate::Fail(tear)] {
                    let context = format!("step {salt} {step:?}, operation {number} {operation:?}, {fate:?}");
                    let chip = undisturbed.clone();
                    chip.arm(number, fate);
                    let outcome = run(&chip, *step, salt);
                    chip.restart();
                    judge(&chip, &before, &after, outcome, &context);
                    match fate {
                        Fate::Cut(_) => count.cuts += 1,
                        Fate::Fail(_) => count.failures += 1,
                    }
                    recover(&chip, &before, &after, *step, salt, &context);
                    if pairs && let Fate::Cut(_) = fate {
                        let start = undisturbed.clone();
                        start.arm(number, fate);
                        let _ = run(&start, *step, salt);
                        start.restart();
                        count.pairs += again(&start, &before, &after, *step, salt, &context);
                    }
                }
            }
        }
        before = after;
    }
    count
}

fn judge(chip: &Chip, before: &Stored, after: &Stored, outcome: Outcome<()>, context: &str) {
    let stored = Stored::read(chip);
    let allowed = if outcome.is_ok() { stored == *after } else { stored == *before || stored == *after };
    assert!(allowed, "{context}: {outcome:?} left a third state");
}

/// The step succeeds when it is repeated, and so does the next one.
fn recover(chip: &Chip, before: &Stored, after: &Stored, step: Step, salt: usize, context: &str) {
    run(chip, step, salt).unwrap_or_else(|fault| panic!("{context}: repeated: {fault:?}"));
    let mut after = after.clone();
    for step in [Save(1, 40), Advance(Counter::SenderEpoch, 1000)] {
        run(chip, step, salt).unwrap_or_else(|fault| panic!("{context}: next {step:?}: {fault:?}"));
        after = after.after(step, salt);
    }
    assert_eq!(Stored::read(chip), after, "{context}: next; before {:?}", before.counters);
}

/// The power goes once more, at every operation of the repeated step.
fn again(start: &Chip, before: &Stored, after: &Stored, step: Step, salt: usize, context: &str) -> usize {
    let chip = start.clone();
    run(&chip, step, salt).unwrap();
    let mut pairs = 0;
    for (number, operation) in chip.operations().iter().enumerate() {
        for tear in operation.tears() {
            let chip = start.clone();
            chip.arm(number, Fate::Cut(tear));
            let outcome = run(&chip, step, salt);
            chip.restart();
            judge(&chip, before, after, outcome, &format!("{context}, then {number} {tear:?}"));
            pairs += 1;
        }
    }
    pairs
}

const SLOTS: u16 = 8;
/// A slot that holds a secret.
const KEY: Slot = Slot(limits::SECRET_SLOTS + 1);

/// Of the slots of the scripts, number 5 holds a secret.
fn name(slot: u16) -> Slot {
    if slot == 5 { KEY } else { Slot(slot) }
}

/// A life in which units fill, turn and are erased, with blobs smaller and larger than a unit.
fn life(large: usize, steps: usize) -> Vec<Step> {
    let mut script = vec![Save(2, 30), Advance(Counter::UpdateFloor, 3), Save(3, large), Save(4, 0), Save(5, 100)];
    for turn in 0..steps {
        let small = [1, 31, 32, 33, 64, 65, 150][turn % 7];
        script.push(Save(6, small));
        match turn % 6 {
            0 => script.push(Advance(COUNTERS[turn % 4], turn as u64 + 4)),
            1 => script.push(Save(3, large - turn)),
            2 => script.push(Erase(5)),
            3 => script.push(Save(7, 2 * small)),
            4 => script.push(Erase(7)),
            _ => script.push(Save(5, 100 + turn)),
        }
    }
    script
}

fn chips(size: u32, erase_size: u32) -> impl Iterator<Item = (String, Chip)> {
    [1, 4, 8, 16, 32].into_iter().flat_map(move |program_size| {
        let chip = Chip::new(Geometry { size, erase_size, program_size });
        let name = format!("{} units of {erase_size}, program {program_size}", size / erase_size);
        [(name.clone(), chip.clone()), (format!("{name}, write once"), chip.write_once())]
    })
}

fn print(name: &str, count: Count) {
    let Count { operations, cuts, failures, pairs, reads } = count;
    println!("{name}: {operations} operations, {cuts} cuts, {failures} failures, {pairs} pairs, {reads} failed reads");
}

#[test]
fn every_cut_and_every_failure_leaves_old_or_new() {
    let mut total = Count::default();
    for (units, erase_size, large, steps) in [(2, 4096, 900, 6), (4, 1024, 150, 6), (10, 512, 600, 4)] {
        for (name, chip) in chips(units * erase_size, erase_size) {
            let count = sweep(chip, &life(large, steps), false);
            print(&name, count);
            total += count;
        }
    }
    print("nor, in all", total);
}

#[test]
fn a_second_cut_during_recovery_leaves_old_or_new() {
    let mut total = Count::default();
    for (_, chip) in chips(3 * 1024, 1024).skip(4).take(2) {
        total += sweep(chip, &life(70, 2), true);
    }
    print("nor, cut twice", total);
}

#[test]
fn the_largest_blob_spans_units_of_4_kib() {
    let mut total = Count::default();
    for (_, chip) in chips(8 * 4096, 4096).skip(5).step_by(4) {
        total += sweep(chip, &[Save(2, 50), Save(3, limits::SLOT), Save(3, limits::SLOT)], false);
    }
    print("nor, blobs of 8192 bytes", total);
}

#[test]
fn failing_reads_change_nothing() {
    let mut count = Count::default();
    for (_, chip) in chips(3 * 1024, 1024).skip(4).take(2) {
        let mut before = Stored::default();
        for (salt, step) in life(90, 6).into_iter().enumerate() {
            let start = chip.clone();
            chip.disarm();
            run(&chip, step, salt).unwrap();
            let reads = chip.reads();
            let after = before.after(step, salt);
            for read in 0..reads {
                let chip = start.clone();
                chip.arm_read(read, Fault::Io);
                let outcome = run(&chip, step, salt);
                chip.restart();
                judge(&chip, &before, &after, outcome, &format!("step {salt} {step:?}, read {read}"));
                recover(&chip, &before, &after, step, salt, "failed read");
                count.reads += 1;
            }
            before = after;
        }
    }
    print("nor, reads", count);
}

#[test]
fn counters_never_step_back() {
    let mut cuts = 0;
    for (_, chip) in chips(2 * 512, 512).skip(4).take(2) {
        let mut held = 0;
        for to in 1..=60 {
            let start = chip.clone();
            chip.disarm();
            Nor::new(&chip).advance(Counter::UpdateFloor, to).unwrap();
            for (number, operation) in chip.operations().iter().enumerate() {
                for tear in operation.tears() {
                    let chip = start.clone();
                    chip.arm(number, Fate::Cut(tear));
                    let _ = Nor::new(&chip).advance(Counter::UpdateFloor, to);
                    chip.restart();
                    let value = Nor::new(&chip).read(Counter::UpdateFloor).unwrap();
                    assert!(value == held || value == to, "{value} is neither {held} nor {to}");
                    Nor::new(&chip).advance(Counter::UpdateFloor, to - 1).unwrap();
                    assert_eq!(Nor::new(&chip).read(Counter::UpdateFloor), Ok(value));
                    cuts += 1;
                }
            }
            held = to;
        }
    }
    println!("nor, counters: {cuts} cuts, none stepped back");
}

#[test]
fn an_erased_slot_leaves_no_byte_on_the_chip() {
    let secret = b"thirty-two bytes of a secret key";
    let found = |chip: &Chip| chip.content().windows(8).any(|part| secret.windows(8).any(|wanted| wanted == part));
    let (mut cuts, mut after_cut) = (0, 0);
    for (_, chip) in chips(4 * 512, 512).filter(|(name, _)| name.contains("program 8")) {
        let nor = Nor::new(&chip);
        for turn in 0..40 {
            nor.save(Slot(2), &content(2, 100, turn)).unwrap();
            if turn == 20 {
                nor.save(KEY, secret).unwrap();
            }
        }
        assert!(found(&chip));
        let start = chip.clone();
        chip.disarm();
        nor.erase(KEY).unwrap();
        assert!(!found(&chip));
        for (number, operation) in chip.operations().iter().enumerate() {
            for tear in operation.tears() {
                let chip = start.clone();
                chip.arm(number, Fate::Cut(tear));
                assert!(Nor::new(&chip).erase(KEY).is_err());
                chip.restart();
                after_cut += usize::from(found(&chip));
                Nor::new(&chip).erase(KEY).unwrap();
                assert!(!found(&chip), "operation {number} {tear:?}");
                cuts += 1;
            }
        }
    }
    println!("nor, erased keys: {cuts} cuts, {after_cut} left bytes until the erasure was repeated, none after");
}

#[test]
fn an_erasure_that_was_cut_is_finished_however_late() {
    let secret = b"thirty-two bytes of a secret key";
    let mut cases = 0;
    for (_, chip) in chips(4 * 512, 512).filter(|(name, _)| name.contains("program 8")) {
        Nor::new(&chip).save(KEY, secret).unwrap();
        for operation in 0..6 {
            let chip = chip.clone();
            chip.arm(operation, Fate::Cut(Tear::Everything));
            assert!(Nor::new(&chip).erase(KEY).is_err());
            chip.restart();
            for turn in 0..60 {
                let late = chip.clone();
                Nor::new(&late).erase(KEY).unwrap();
                assert!(!late.content().windows(8).any(|part| part == &secret[..8]), "{operation}, {turn} saves later");
                Nor::new(&chip).save(Slot(2), &content(2, 20, turn)).unwrap();
                cases += 1;
            }
        }
    }
    println!("nor, erased keys: {cases} erasures repeated later, none left a byte");
}

#[test]
fn a_first_save_that_was_cut_can_be_erased_to_the_last_byte() {
    let secret = b"thirty-two bytes of a secret key";
    for (_, chip) in chips(4 * 512, 512).filter(|(name, _)| name.contains("program 8")) {
        chip.arm(2, Fate::Cut(Tear::Trace(0)));
        assert!(Nor::new(&chip).save(KEY, secret).is_err());
        chip.restart();
        Nor::new(&chip).erase(KEY).unwrap();
        assert!(!chip.content().windows(8).any(|part| part == &secret[..8]));
    }
}

#[test]
fn all_units_wear_alike() {
    for (size, erase_size) in [(16 * 4096, 4096), (2 * 0x2_0000, 0x2_0000), (8 * 2048, 2048)] {
        let chip = Chip::new(Geometry { size, erase_size, program_size: 8 }).write_once();
        let nor = Nor::new(&chip);
        // What a device keeps and never changes, and what it changes for years.
        for slot in 2..8 {
            nor.save(Slot(slot), &content(slot, 600, 0)).unwrap();
        }
        let saves = 2000;
        for turn in 0..saves {
            nor.save(Slot(1), &content(1, 90, turn)).unwrap();
        }
        let (least, most) = (chip.erasures().into_iter().min().unwrap(), chip.erasures().into_iter().max().unwrap());
        println!(
            "nor, wear: {saves} saves of 90 bytes on {} units of {erase_size}: {least} to {most} erasures",
            size / erase_size
        );
        assert!(most - least <= 1);
    }
}

#[test]
fn a_full_log_refuses_and_keeps_what_it_has() {
    for (_, chip) in chips(4 * 1024, 1024) {
        let nor = Nor::new(&chip);
        let (mut slot, mut stored) = (0, Stored::default());
        while nor.save(Slot(slot), &content(slot, 150, 0)).is_ok() {
            stored = stored.after(Save(slot, 150), 0);
            slot += 1;
        }
        assert!(slot > 5, "{slot}");
        let erasures = chip.erasures();
        for _ in 0..50 {
            assert_eq!(nor.save(Slot(slot), &content(slot, 150, 0)), Err(Fault::Full));
        }
        assert_eq!(chip.erasures(), erasures, "a refusal wears nothing");
        for (turn, counter) in (1..).zip(COUNTERS.into_iter().cycle().take(200)) {
            nor.advance(counter, turn).unwrap();
            stored = stored.after(Advance(counter, turn), 0);
        }
        let mut room = vec![0; 200];
        for slot in 0..slot {
            assert_eq!(nor.load(Slot(slot), &mut room), Ok(150));
            assert_eq!(room[..150], stored.slots[&slot]);
        }
        assert_eq!(nor.load(Slot(0), &mut room[..149]), Err(Fault::Full));
        nor.erase(Slot(0)).unwrap();
        nor.save(Slot(slot), &content(slot, 100, 0)).unwrap();
    }
}

#[test]
fn limits_hold() {
    let chip = Chip::new(Geometry { size: 0x1_0000, erase_size: 0x1000, program_size: 4 });
    let nor = Nor::new(&chip);
    let mut room = vec![0; limits::SLOT];
    assert_eq!(nor.save(Slot(1), &vec![0; limits::SLOT + 1]), Err(Fault::Full));
    assert_eq!(nor.save(Slot(1), &vec![0; 0x1_0000]), Err(Fault::Full));
    nor.save(Slot(u16::MAX), &vec![0xFF; limits::SLOT]).unwrap();
    assert_eq!(nor.load(Slot(u16::MAX), &mut room), Ok(limits::SLOT));
    for slot in 1..64 {
        nor.save(Slot(slot), &[]).unwrap();
    }
    assert_eq!(nor.save(Slot(64), &[]), Err(Fault::Full));
    nor.save(Slot(63), b"again").unwrap();
    nor.erase(Slot(1000)).unwrap();
}

/// A log of seven units with all kinds of entries, and what is stored in it.
fn aged() -> (Chip, Stored) {
    let chip = Chip::new(Geometry { size: 7 * 512, erase_size: 512, program_size: 4 });
    let mut stored = Stored::default();
    let mut script = life(100, 0);
    script.extend([Save(3, 90), Advance(Counter::UpdateFloor, 9), Save(2, 31), Save(6, 33), Save(2, 32), Save(7, 5)]);
    script.push(Save(1, 0));
    for (salt, step) in script.into_iter().enumerate() {
        run(&chip, step, salt).unwrap();
        stored = stored.after(step, salt);
    }
    chip.disarm();
    (chip, stored)
}

/// Flash of which a cell loses its charge: nothing is lost, and when all units have been used once more nothing is left of it.
#[test]
fn one_flipped_bit_anywhere_changes_nothing() {
    let (chip, stored) = aged();
    for bit in 0..8 * 7 * 512 {
        let chip = chip.clone();
        chip.edit(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert_eq!(Stored::read(&chip), stored, "bit {bit}");
        if bit % 29 != 0 {
            continue;
        }
        let mut later = stored.clone();
        for salt in 0..40 {
            let step = if salt % 8 == 7 { Advance(COUNTERS[1], salt as u64 + 20) } else { Save(6, 60) };
            run(&chip, step, salt).unwrap();
            later = later.after(step, salt);
        }
        assert_eq!(Stored::read(&chip), later, "bit {bit}");
        // Mended where it was copied to.
        let written = chip.content();
        assert!(written.windows(32).any(|part| part == stored.slots[&2]), "bit {bit}");
    }
}

/// Two bits of one byte: what is behind the active unit is right or said to be damaged, never older.
#[test]
fn rotten_bytes_bring_nothing_old_back() {
    let (chip, stored) = aged();
    let (mut right, mut told, mut lost) = (0, 0, 0);
    let active = active(&chip, 512);
    for at in 0..7 * 512 {
        let chip = chip.clone();
        chip.edit(|bytes| bytes[at] ^= 0x11);
        let nor = Nor::new(&chip);
        let mut room = [0; 256];
        let mut judge = |right_value: bool, corrupt: bool| {
            assert!(right_value || corrupt || at / 512 == active, "byte {at}");
            if right_value {
                right += 1;
            } else if corrupt {
                told += 1;
            } else {
                lost += 1;
            }
        };
        for (slot, blob) in &stored.slots {
            let read = nor.load(name(*slot), &mut room);
            judge(read.is_ok_and(|length| room[..length] == *blob), read == Err(Fault::Corrupt));
        }
        for (counter, value) in &stored.counters {
            let read = nor.read(*counter);
            judge(read == Ok(*value), read == Err(Fault::Corrupt));
        }
    }
    println!("nor, two flipped bits: {right} reads right, {told} told damage, {lost} in the active unit lost");
}

/// The unit that was written last, by its sequence number.
fn active(chip: &Chip, erase_size: usize) -> usize {
    let content = chip.content();
    let sequence = |unit: &usize| u32::from_be_bytes(content[unit * erase_size + 4..][..4].try_into().unwrap());
    (0..content.len() / erase_size).filter(|unit| content[unit * erase_size] == 0x6E).max_by_key(sequence).unwrap()
}

#[test]
fn another_shape_and_damaged_units_are_told() {
    let geometry = Geometry { size: 8 * 1024, erase_size: 1024, program_size: 8 };
    let chip = Chip::new(geometry);
    for turn in 0..40 {
        Nor::new(&chip).save(Slot(1), &content(1, 200, turn)).unwrap();
    }
    let mut room = [0; 256];
    struct Seen<'c>(&'c Chip, Geometry);
    impl Flash for Seen<'_> {
        fn geometry(&self) -> Outcome<Geometry> {
            Ok(self.1)
        }
        fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
            self.0.read(at, out)
        }
        fn program(&self, _: u32, _: &[u8]) -> Outcome<()> {
            panic!("nothing is written")
        }
        fn erase(&self, _: u32) -> Outcome<()> {
            panic!("nothing is erased")
        }
    }
    for other in [
        Geometry { size: 4 * 1024, ..geometry },
        Geometry { erase_size: 2048, ..geometry },
        Geometry { program_size: 16, ..geometry },
    ] {
        let seen = Seen(&chip, other);
        assert_eq!(Nor::new(&seen).load(Slot(1), &mut room), Err(Fault::Corrupt));
        assert_eq!(Nor::new(&seen).read(Counter::UpdateFloor), Err(Fault::Corrupt));
        assert_eq!(Nor::new(&seen).save(Slot(1), b"x"), Err(Fault::Corrupt));
    }
    for wrong in [
        Geometry { size: 1024, ..geometry },
        Geometry { size: 8 * 1024 + 8, ..geometry },
        Geometry { size: 3000, erase_size: 1500, program_size: 8 },
        Geometry { erase_size: 128, ..geometry },
        Geometry { program_size: 64, ..geometry },
        Geometry { program_size: 3, ..geometry },
        Geometry { program_size: 0, ..geometry },
        Geometry { size: 0, erase_size: 0, program_size: 0 },
    ] {
        assert_eq!(Nor::new(&Seen(&chip, wrong)).load(Slot(1), &mut room), Err(Fault::Denied));
    }
    // One unit in use loses its head: what it held is gone, and that is not taken for an empty store.
    let damaged = (0..8).filter(|unit| {
        let chip = chip.clone();
        chip.edit(|bytes| bytes[unit * 1024 + 5] ^= 3);
        Nor::new(&chip).load(Slot(1), &mut room) == Err(Fault::Corrupt)
    });
    // The seventh is the active unit, without which the one before it is taken for active; the eighth is in reserve.
    assert_eq!(damaged.count(), 6);
}
