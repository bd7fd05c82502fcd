//! The record under every failing call, every power cut, every torn byte and every flipped bit.

use aseptic_core::record::{self, Kind};
use aseptic_core::time::Floor;
use aseptic_core::{Reason, Result};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Count, Interrupted, sweep, sweep_pairs};

const KIND: Kind = Kind::LocalIdentity;
const FIRST: &[u8] = b"first";
const OLD: &[u8] = b"the old payload, a little longer";
const NEW: &[u8] = b"a new payload";
const MODELS: [StoreModel; 2] = [StoreModel::Atomic, StoreModel::Torn];

fn load(bench: &Bench) -> Result<Option<Vec<u8>>> {
    let mut buffer = [0; 256];
    record::load(bench, KIND, &mut buffer).map(|found| found.map(<[u8]>::to_vec))
}

fn save(bench: &Bench, payload: &[u8]) -> Result<()> {
    record::save(bench, KIND, payload, &mut [0; 256])
}

fn erase(bench: &Bench) -> Result<()> {
    record::erase(bench, KIND, &mut [0; 256])
}

/// A device on which these payloads were saved in turn.
fn holding(model: StoreModel, payloads: &[&[u8]]) -> Bench {
    let bench = Bench::new(1).with_store(model);
    payloads.iter().for_each(|payload| save(&bench, payload).unwrap());
    bench
}

/// Each start from which a save is swept: blank, one save, and more.
const STARTS: [&[&[u8]]; 4] = [&[], &[OLD], &[FIRST, OLD], &[NEW, FIRST, OLD]];

/// Old or new, new if the operation said so; and the job can be finished.
fn old_or_new(start: &[&[u8]]) -> impl Fn(&Bench, &Interrupted<'_>) {
    let old = start.last().map(|payload| payload.to_vec());
    move |bench, interrupted| {
        let found = load(bench).unwrap();
        assert!(found == old || found.as_deref() == Some(NEW), "{found:?}");
        if interrupted.result.is_ok() {
            assert_eq!(found.as_deref(), Some(NEW), "reported as saved");
        }
        save(bench, NEW).unwrap();
        assert_eq!(load(bench).unwrap().as_deref(), Some(NEW));
        survives_damage_to_either_copy(bench);
    }
}

/// Whatever happened before a save that succeeded: damage to one copy afterwards does not show.
fn survives_damage_to_either_copy(bench: &Bench) {
    for slot in KIND.slots() {
        let damaged = bench.clone();
        damaged.edit(|medium| *medium.slots.get_mut(&slot).unwrap().last_mut().unwrap() ^= 1);
        assert_eq!(load(&damaged).unwrap().as_deref(), Some(NEW), "lost with {slot:?}");
    }
}

#[test]
fn a_save_leaves_the_old_payload_or_the_new_one() {
    let mut total = Count::default();
    for model in MODELS {
        for start in STARTS {
            let count = sweep(|| holding(model, start), |bench| save(bench, NEW), old_or_new(start));
            println!("record save over {} saves, {model:?} store: {count}", start.len());
            total += count;
        }
    }
    println!("record save: {total}");
    assert!(total.failures > 0 && total.cuts > 0 && total.torn > 0);
}

/// The journal of an update is not mirrored: it is written in one place at a time.
#[test]
fn a_journal_save_leaves_the_old_payload_or_the_new_one() {
    let kind = Kind::UpdateJournal;
    let save = |bench: &Bench, payload: &[u8]| record::save(bench, kind, payload, &mut [0; 256]);
    let load = |bench: &Bench| record::load(bench, kind, &mut [0; 256]).unwrap().unwrap_or_default().to_vec();
    for start in STARTS {
        let setup = || {
            let bench = Bench::new(1).with_store(StoreModel::Torn);
            start.iter().for_each(|payload| save(&bench, payload).unwrap());
            bench
        };
        let old = start.last().copied().unwrap_or_default();
        let count = sweep(
            setup,
            |bench| save(bench, NEW),
            |bench, interrupted| {
                let found = load(bench);
                assert!(found == NEW || found == old && interrupted.result.is_err(), "{found:?}");
                save(bench, NEW).unwrap();
                assert_eq!(load(bench), NEW);
            },
        );
        println!("journal save over {} saves: {count}", start.len());
        let newest = kind.slots()[start.len() % 2];
        let bench = setup();
        save(&bench, NEW).unwrap();
        bench.edit(|medium| medium.slots.get_mut(&newest).unwrap().push(0));
        let found = load(&bench);
        assert!(found == NEW || found == old, "{found:?}");
    }
}

#[test]
fn a_save_that_is_cut_twice_leaves_the_old_payload_or_the_new_one() {
    for start in STARTS {
        let count = sweep_pairs(|| holding(StoreModel::Torn, start), |bench| save(bench, NEW), old_or_new(start));
        println!("record save over {} saves, cut twice: {count}", start.len());
        assert!(count.pairs > 0);
    }
}

#[test]
fn an_erasure_never_brings_an_older_payload_back() {
    for model in MODELS {
        for start in STARTS {
            let newest = start.last().map(|payload| payload.to_vec());
            let check = |bench: &Bench, interrupted: &Interrupted<'_>| {
                let found = load(bench).unwrap();
                assert!(found.is_none() || found == newest, "{found:?}");
                assert!(found.is_none() || interrupted.result.is_err(), "reported as erased");
                erase(bench).unwrap();
                assert_eq!(load(bench), Ok(None));
                assert!(bench.snapshot().slots.is_empty());
                save(bench, NEW).unwrap();
                survives_damage_to_either_copy(bench);
            };
            let count = sweep(|| holding(model, start), erase, check);
            println!("record erase after {} saves, {model:?} store: {count}", start.len());
        }
    }
}

#[test]
fn an_erasure_that_is_cut_twice_never_brings_an_older_payload_back() {
    for start in STARTS {
        let newest = start.last().map(|payload| payload.to_vec());
        let check = |bench: &Bench, _: &Interrupted<'_>| {
            let found = load(bench).unwrap();
            assert!(found.is_none() || found == newest, "{found:?}");
            erase(bench).unwrap();
            assert_eq!(load(bench), Ok(None));
        };
        let count = sweep_pairs(|| holding(StoreModel::Torn, start), erase, check);
        println!("record erase after {} saves, cut twice: {count}", start.len());
    }
}

#[test]
fn a_record_of_a_later_format_is_neither_read_nor_brought_back_by_erasing() {
    // The newest copy, in either place, is of format 2; the older one is of ours.
    for newest in KIND.slots() {
        let later = || {
            let bench = holding(StoreModel::Torn, &[FIRST, OLD]);
            bench.edit(|medium| {
                let blob = medium.slots.get_mut(&newest).unwrap();
                (blob[5], blob[11]) = (2, 9);
                reseal(blob);
            });
            bench
        };
        assert_eq!(load(&later()), Err(Reason::RecordVersion));
        let bench = later();
        let before = bench.snapshot();
        assert_eq!(save(&bench, NEW), Err(Reason::RecordVersion));
        assert_eq!(bench.snapshot(), before);
        let count = sweep(later, erase, |bench, _| {
            let found = load(bench);
            assert!(matches!(found, Ok(None) | Err(Reason::RecordVersion)), "{found:?}");
            erase(bench).unwrap();
            assert_eq!(load(bench), Ok(None));
        });
        println!("record erase of a later format: {count}");
    }
}

/// Bits flip one at a time in either copy, then bytes are lost at its end.
#[test]
fn a_damaged_copy_is_never_garbage() {
    let mut flips = 0;
    for start in [&[OLD][..], &[OLD, NEW], &[FIRST, OLD, NEW]] {
        let sound = holding(StoreModel::Atomic, start);
        let mut check = |bench: &Bench| {
            flips += 1;
            assert_eq!(load(bench).unwrap().as_deref(), start.last().copied(), "the other copy is sound");
            assert_eq!(bench.snapshot(), sound.snapshot(), "the damaged one is mended");
            save(bench, FIRST).unwrap();
            assert_eq!(load(bench).unwrap().as_deref(), Some(FIRST));
        };
        for slot in KIND.slots() {
            let length = sound.snapshot().slots[&slot].len();
            for bit in 0..length * 8 {
                let bench = sound.clone();
                bench.edit(|medium| medium.slots.get_mut(&slot).unwrap()[bit / 8] ^= 1 << (bit % 8));
                check(&bench);
            }
            for left in 0..length {
                let bench = sound.clone();
                bench.edit(|medium| medium.slots.get_mut(&slot).unwrap().truncate(left));
                check(&bench);
            }
            let bench = sound.clone();
            bench.edit(|medium| medium.slots.remove(&slot));
            check(&bench);
        }
    }
    println!("record: {flips} damaged copies");
}

/// Mending is a write like any other: it can fail and be cut, and what was read stands.
#[test]
fn mending_can_be_interrupted() {
    for slot in KIND.slots() {
        let setup = || {
            let bench = holding(StoreModel::Torn, &[FIRST, OLD]);
            bench.edit(|medium| medium.slots.get_mut(&slot).unwrap()[13] ^= 1);
            bench
        };
        let run = |bench: &Bench| load(bench).map(|_| ());
        let count = sweep(setup, run, |bench, _| assert_eq!(load(bench).unwrap().as_deref(), Some(OLD)));
        println!("record mended at {slot:?}: {count}");
        assert_eq!(count.writes, 1);
    }
}

#[test]
fn damage_to_both_copies_is_told_and_only_an_erasure_clears_it() {
    let bench = holding(StoreModel::Atomic, &[OLD, NEW]);
    bench.edit(|medium| medium.slots.values_mut().for_each(|blob| blob[13] ^= 1));
    assert_eq!(load(&bench), Err(Reason::RecordCorrupt));
    let before = bench.snapshot();
    assert_eq!(save(&bench, NEW), Err(Reason::RecordCorrupt));
    assert_eq!(bench.snapshot(), before);
    assert_eq!(erase(&bench), Ok(()));
    assert_eq!(load(&bench), Ok(None));
}

#[test]
fn a_copy_of_another_kind_is_damage() {
    let bench = holding(StoreModel::Atomic, &[OLD]);
    bench.edit(|medium| {
        for (from, to) in KIND.slots().into_iter().zip(Kind::BirthIdentity.slots()) {
            let blob = medium.slots[&from].clone();
            medium.slots.insert(to, blob);
        }
    });
    assert_eq!(record::load(&bench, Kind::BirthIdentity, &mut [0; 256]), Err(Reason::RecordCorrupt));
}

#[test]
fn small_buffers_and_large_payloads_change_nothing() {
    let bench = holding(StoreModel::Atomic, &[OLD]);
    let before = bench.snapshot();
    for size in 0..record::frame(OLD.len()) {
        let mut buffer = vec![0; size];
        assert_eq!(record::load(&bench, KIND, &mut buffer), Err(Reason::BufferTooSmall));
        assert_eq!(record::save(&bench, KIND, b"", &mut buffer), Err(Reason::BufferTooSmall));
        assert_eq!(record::erase(&bench, KIND, &mut buffer), Err(Reason::BufferTooSmall));
    }
    for size in [8177, 65535, 65536] {
        assert_eq!(record::save(&bench, KIND, &vec![1; size], &mut [0; 9000]), Err(Reason::TooLarge));
    }
    assert_eq!(record::save(&bench, KIND, &[1; 8176], &mut [0; 64]), Err(Reason::BufferTooSmall));
    assert_eq!(bench.snapshot(), before);
    assert_eq!(record::save(&bench, KIND, &[1; 8176], &mut [0; 8192]), Ok(()));
}

#[test]
fn saving_what_is_stored_writes_nothing() {
    let bench = holding(StoreModel::Atomic, &[FIRST, NEW]);
    bench.disarm();
    save(&bench, NEW).unwrap();
    assert!(bench.log().writes.is_empty());
}

const DAY: u64 = 86_400;

#[test]
fn the_time_floor_never_falls() {
    for model in MODELS {
        let setup = || {
            let bench = Bench::new(1).with_store(model);
            Floor::load(&bench.platform(), 5 * DAY).unwrap().raise(&bench.platform(), 7 * DAY).unwrap();
            bench
        };
        let raise = |bench: &Bench| Floor::load(&bench.platform(), 5 * DAY)?.raise(&bench.platform(), 9 * DAY);
        let count = sweep(setup, raise, |bench, interrupted| {
            let found = Floor::load(&bench.platform(), 5 * DAY).unwrap().seconds();
            assert!(found == 9 * DAY || found == 7 * DAY && interrupted.result.is_err(), "{found}");
            raise(bench).unwrap();
            assert_eq!(Floor::load(&bench.platform(), 5 * DAY).unwrap().seconds(), 9 * DAY);
        });
        println!("time floor, {model:?} store: {count}");
    }
}

#[test]
fn a_time_floor_that_rises_hour_by_hour_is_not_lost_with_the_power() {
    let bench = Bench::new(1);
    let platform = bench.platform();
    let mut floor = Floor::load(&platform, 5 * DAY).unwrap();
    for hour in 1..=240 {
        floor.raise(&platform, 5 * DAY + hour * 3600).unwrap();
        let found = Floor::load(&platform, 5 * DAY).unwrap().seconds();
        assert!(floor.seconds() - found < DAY, "after {hour} hours the flash is {} behind", floor.seconds() - found);
    }
    let writes = bench.log().writes.len();
    assert!(writes <= 2 * 10, "ten days cost {writes} writes");
}

#[test]
fn one_value_of_the_time_floor_does_not_lower_what_another_has_stored() {
    let bench = Bench::new(1);
    let platform = bench.platform();
    let mut old = Floor::load(&platform, 5 * DAY).unwrap();
    Floor::load(&platform, 5 * DAY).unwrap().raise(&platform, 100 * DAY).unwrap();
    old.raise(&platform, 7 * DAY).unwrap();
    assert_eq!(Floor::load(&platform, 5 * DAY).unwrap().seconds(), 100 * DAY);
}

/// CRC-32 (ISO-HDLC) over all but the last four bytes, written into these.
fn reseal(blob: &mut [u8]) {
    let body = blob.len() - 4;
    let crc = !blob[..body].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    blob[body..].copy_from_slice(&crc.to_be_bytes());
}
