//! Every failing call and every power cut of a sender and of a receiver: no number twice, no command twice.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::Reason;
use aseptic_core::limits::SEQUENCE_BLOCK;
use aseptic_core::platform::Fault;
use aseptic_core::record::{self, Kind};
use aseptic_core::trust::Purpose;
use aseptic_messaging::{Direction, Fresh, Opener, Order, Outgoing, Sender};
use aseptic_testbed::bench::{At, Bench, Interruption, Log, StoreModel};
use std::collections::BTreeMap;
use ward::{Ward, outgoing};

/// Everything that can go wrong once in a run of this length.
fn interruptions(log: &Log) -> Vec<Interruption> {
    let mut all: Vec<_> = (0..log.calls).map(|call| Interruption::Fail { call, fault: Fault::Io }).collect();
    for (write, done) in log.writes.iter().enumerate() {
        all.push(Interruption::FailDone { write, fault: Fault::Io });
        // A torn record is no record wherever it is torn; `core::record` is swept byte by byte.
        let moments = [At::Before, At::After].into_iter().chain(done.tears().step_by(5).map(At::Torn));
        all.extend(moments.map(|at| Interruption::Cut { write, at }));
    }
    all
}

/// What a sender emits from its start on: two messages, one in another stream, one more. Stops where the power does.
fn shift(ward: &Ward, device: &Bench, sent: &mut Vec<Vec<u8>>) {
    let Ok(mut sender) = Sender::load(&device.platform(), Direction::FromDevice) else { return };
    let to = [ward.to(&ward.adapters[0])];
    for stream in [0, 1, 0] {
        let message = Outgoing { stream, ..outgoing(Purpose::Telemetry, &to, b"x") };
        sent.extend(ward.seal(&mut sender, device, &ward.pump, &message));
    }
}

/// The numbers of all messages; panics if one came twice.
fn numbers(ward: &Ward, sent: &[Vec<u8>]) -> Vec<(u64, u8, u64)> {
    let bench = Bench::new(77);
    let mut opener = Opener::load(&bench.platform()).unwrap();
    let mut out = vec![0; 1024];
    let mut all: Vec<_> = sent
        .iter()
        .map(|message| {
            let opened = ward.open(&mut opener, &bench, &ward.adapters[0], message, &mut out).unwrap();
            (opened.epoch, opened.stream, opened.sequence)
        })
        .collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "a number was used twice: {all:?}");
    all
}

#[test]
fn no_number_is_used_twice_whatever_fails() {
    let ward = Ward::new();
    let fresh = Bench::new(1).with_store(StoreModel::Torn);
    let used = fresh.clone();
    shift(&ward, &used, &mut Vec::new());
    used.restart();
    let mut runs = 0;
    for start in [fresh, used] {
        let whole = start.clone();
        whole.disarm();
        shift(&ward, &whole, &mut Vec::new());
        for interruption in interruptions(&whole.log()) {
            let device = start.clone();
            let mut sent = Vec::new();
            device.arm(interruption);
            shift(&ward, &device, &mut sent);
            assert!(device.fired(), "{interruption:?}");
            // Once without a restart, where the device still runs, and once after one.
            shift(&ward, &device, &mut sent);
            device.restart();
            let before = sent.len();
            shift(&ward, &device, &mut sent);
            assert_eq!(sent.len(), before + 3, "the sender goes on after {interruption:?}");
            numbers(&ward, &sent);
            runs += 1;
        }
    }
    println!("sender: {runs} failed calls, power cuts and torn writes, no number twice");
    assert!(runs > 150);
}

#[test]
fn the_end_of_a_block_is_no_exception() {
    let ward = Ward::new();
    let to = [ward.to(&ward.adapters[0])];
    let message = outgoing(Purpose::Telemetry, &to, b"x");
    for at in [At::Before, At::After] {
        let device = Bench::new(1);
        let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
        let mut last = Vec::new();
        device.disarm();
        for _ in 0..SEQUENCE_BLOCK {
            last = ward.seal(&mut sender, &device, &ward.pump, &message).unwrap();
        }
        assert_eq!(device.log().writes.len(), 2, "one record, in its two copies, for a block of numbers");
        device.arm(Interruption::Cut { write: 0, at });
        assert!(ward.seal(&mut sender, &device, &ward.pump, &message).is_err());
        device.restart();
        let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
        let next = ward.seal(&mut sender, &device, &ward.pump, &message).unwrap();
        let reserved = if at == At::Before { SEQUENCE_BLOCK + 1 } else { 2 * SEQUENCE_BLOCK + 1 };
        assert_eq!(numbers(&ward, &[last, next]), [(1, 0, SEQUENCE_BLOCK), (1, 0, reserved)]);
    }
}

#[test]
fn two_senders_at_once_and_a_lost_record_never_share_a_number() {
    let ward = Ward::new();
    let device = Bench::new(1);
    let to = [ward.to(&ward.adapters[0])];
    let message = outgoing(Purpose::Telemetry, &to, b"x");
    let load = || Sender::load(&device.platform(), Direction::FromDevice).unwrap();
    let (mut one, mut two) = (load(), load());
    let mut sent = Vec::new();
    for sender in [&mut one, &mut two] {
        sent.extend((0..3).map(|_| ward.seal(sender, &device, &ward.pump, &message).unwrap()));
    }
    // The record is damaged beyond repair: nothing goes on by itself, and starting over is a new epoch.
    device.edit(|medium| medium.slots.values_mut().for_each(|blob| blob[20] ^= 1));
    let damaged = Sender::load(&device.platform(), Direction::FromDevice);
    assert_eq!(damaged.unwrap_err(), Reason::RecordCorrupt);
    let mut fresh = Sender::start_over(&device.platform(), Direction::FromDevice).unwrap();
    assert_eq!(fresh.epoch(), 2);
    sent.push(ward.seal(&mut fresh, &device, &ward.pump, &message).unwrap());
    assert_eq!(numbers(&ward, &sent).last(), Some(&(2, 0, 1)));
}

#[test]
fn a_record_that_counts_from_zero_is_damaged() {
    let device = Bench::new(1);
    // The epoch and a mark for each stream; number 0 is never sent.
    for zero in 1..=4 {
        let mut marks = [1_u64; 5];
        marks[zero] = 0;
        let payload: Vec<u8> = marks.iter().flat_map(|mark| mark.to_be_bytes()).collect();
        record::save(&device, Kind::SenderSequence, &payload, &mut [0; 64]).unwrap();
        let loaded = Sender::load(&device.platform(), Direction::FromDevice);
        assert_eq!(loaded.unwrap_err(), Reason::RecordCorrupt);
    }
}

#[test]
fn a_busy_key_store_costs_no_number() {
    let ward = Ward::new();
    let device = Bench::new(1);
    let policy = aseptic_core::platform::KeyPolicy {
        alg: aseptic_core::crypto::KeyAlg::P256,
        usage: aseptic_core::platform::KeyUse::Sign,
    };
    let id = aseptic_core::platform::KeyId(7);
    device.put_key(id, policy, &[1; 32]);
    device.set_sign_delay(2);
    let signer = aseptic_core::cose::KeySigner::new(&device, id, aseptic_core::crypto::SigAlg::Es256);
    let origin = aseptic_messaging::Origin { signer: &signer, ..ward.pump.origin() };
    let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
    let to = [ward.to(&ward.adapters[0])];
    let mut out = vec![0; Sender::room(1)];
    let mut seal =
        || sender.seal(&device.platform(), &ward.suite, &origin, &outgoing(Purpose::Alarm, &to, b"x"), &mut out);
    assert_eq!([seal(), seal()], [Err(Reason::KeyBusy); 2]);
    let length = seal().unwrap();
    assert_eq!(numbers(&ward, &[out[..length].to_vec()]), [(1, 0, 1)]);
}

/// What the application beside the record has done: how often it was handed each message, and whether it said so.
#[derive(Clone, Copy, Debug, Default)]
struct Deed {
    delivered: u32,
    committed: bool,
}

/// A receiver that has just started, with two challenges open.
fn receiver(bench: &Bench) -> aseptic_core::Result<(Opener, [[u8; 16]; 2])> {
    let (platform, mut opener) = (bench.platform(), Opener::load(&bench.platform())?);
    let challenges = [opener.challenge(&platform, 1000)?, opener.challenge(&platform, 1000)?];
    Ok((opener, challenges))
}

/// One round of a receiver to which a relay brings all messages.
fn round(ward: &Ward, bench: &Bench, messages: &[(Purpose, Vec<u8>)], deeds: &mut BTreeMap<usize, Deed>) {
    let Ok((mut opener, _)) = receiver(bench) else { return };
    let mut out = vec![0; 1024];
    for (at, (_, message)) in messages.iter().enumerate() {
        let opened = ward.open(&mut opener, bench, &ward.adapters[0], message, &mut out);
        if bench.dark() {
            return;
        }
        let Ok(opened) = opened else { continue };
        let deed = deeds.entry(at).or_default();
        assert!(!deed.committed || opened.order == Order::Uncertain, "message {at} came again after its commit");
        // The application knows what it has by the name of the message.
        deed.delivered += u32::from(opened.order != Order::Uncertain || deed.delivered == 0);
        deed.committed = opener.commit(&bench.platform(), opened.ticket).is_ok();
        if bench.dark() {
            return;
        }
    }
}

#[test]
fn a_command_comes_at_most_once_and_all_else_at_least_once_whatever_fails() {
    let ward = Ward::new();
    let device = Bench::new(1);
    let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
    let to = [ward.to(&ward.adapters[0])];
    let start = Bench::new(2).with_store(StoreModel::Torn);
    let (_, [first, second]) = receiver(&start.clone()).unwrap();
    let fresh = |value| Some(Fresh::Challenge(value));
    let messages: Vec<_> = [
        (Purpose::Command, fresh(first)),
        (Purpose::Telemetry, None),
        (Purpose::Configuration, fresh(second)),
        (Purpose::Alarm, None),
    ]
    .into_iter()
    .map(|(class, fresh)| {
        let message = Outgoing { fresh, ..outgoing(class, &to, b"x") };
        (class, ward.seal(&mut sender, &device, &ward.pump, &message).unwrap())
    })
    .collect();
    let once = |class| matches!(class, Purpose::Command | Purpose::Configuration);

    let whole = start.clone();
    round(&ward, &whole, &messages, &mut BTreeMap::new());
    let (mut runs, mut lost, mut again) = (0, 0, 0);
    for interruption in interruptions(&whole.log()) {
        let bench = start.clone();
        let mut deeds = BTreeMap::new();
        bench.arm(interruption);
        round(&ward, &bench, &messages, &mut deeds);
        assert!(bench.fired(), "{interruption:?}");
        bench.restart();
        round(&ward, &bench, &messages, &mut deeds);
        let settled = bench.snapshot();
        round(&ward, &bench, &messages, &mut deeds);
        assert!(bench.snapshot() == settled, "replays change nothing");
        for (at, (class, _)) in messages.iter().enumerate() {
            let deed = deeds.get(&at).copied().unwrap_or_default();
            match deed.delivered {
                0 if once(*class) => lost += 1,
                0 => panic!("{class:?} never came after {interruption:?}"),
                1 => {}
                _ if once(*class) => panic!("{class:?} came twice after {interruption:?}"),
                _ => again += 1,
            }
        }
        runs += 1;
    }
    println!("receiver: {runs} failed calls, power cuts and torn writes; no command twice, {lost} cut short before");
    println!("receiver: nothing else lost, {again} delivered again because their commit was cut short");
    assert!(runs > 150 && lost > 0 && again > 0);
}

#[test]
fn copies_of_a_device_are_told_apart() {
    let ward = Ward::new();
    let device = Bench::new(1);
    let to = [ward.to(&ward.adapters[0])];
    let bench = Bench::new(2);
    let mut opener = Opener::load(&bench.platform()).unwrap();
    let mut out = vec![0; 1024];
    let mut boots = Vec::new();
    for restarted in [false, true] {
        let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
        let sealed = ward.seal(&mut sender, &device, &ward.pump, &outgoing(Purpose::Audit, &to, b"x")).unwrap();
        let opened = ward.open(&mut opener, &bench, &ward.adapters[0], &sealed, &mut out).unwrap();
        assert_eq!(opened.restarted, restarted);
        boots.push(opened.boot);
        opener.commit(&bench.platform(), opened.ticket).unwrap();
    }
    assert_ne!(boots[0], boots[1]);
    let mut forgotten = Opener::load(&bench.platform()).unwrap();
    forgotten.forget(&bench.platform(), &ward.suite, b"pump-1").unwrap();
    assert_eq!(forgotten.forget(&bench.platform(), &ward.suite, b"nobody"), Ok(()));
}
