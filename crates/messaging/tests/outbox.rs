//! The outbox: what is in stays in until the record has it, whatever happens to power, link and trust.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::limits::{self, OUTBOX};
use aseptic_core::platform::{Fault, Slot, Store};
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result, record};
use aseptic_messaging::{
    Direction, ENTRY, MessageId, Opener, Order, Outbox, REPORT, Receipt, Report, Sender, Settled, Verdict, stream_of,
};
use aseptic_testbed::bench::{At, Bench, Interruption, StoreModel};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use ward::{Ward, outgoing};

/// A device with its outbox.
struct Device<'w> {
    ward: &'w Ward,
    bench: &'w Bench,
    sender: Sender,
    outbox: Outbox,
}

fn load(ward: &Ward, bench: &Bench, capacity: usize) -> Result<Outbox> {
    Outbox::load(&bench.platform(), &ward.suite, capacity, &mut [0; ENTRY])
}

impl<'w> Device<'w> {
    fn start(ward: &'w Ward, bench: &'w Bench, capacity: usize) -> Result<Self> {
        let sender = Sender::load(&bench.platform(), Direction::FromDevice)?;
        Ok(Self { ward, bench, sender, outbox: load(ward, bench, capacity)? })
    }

    fn put(&mut self, class: Purpose, body: &[u8]) -> Result<MessageId> {
        let ward = self.ward;
        let to = [ward.to(&ward.adapters[0]), ward.to(&ward.adapters[1])];
        let (platform, message, mut buffer) = (self.bench.platform(), outgoing(class, &to, body), vec![0x55; ENTRY]);
        let put = self.outbox.put(&platform, &ward.suite, &mut self.sender, &ward.pump.origin(), &message, &mut buffer);
        assert!(buffer.iter().all(|byte| *byte == 0), "nothing is left in the buffer");
        put
    }

    fn next(&mut self, to: &[VerifiedPeer]) -> Result<Option<(MessageId, Vec<u8>)>> {
        let mut out = vec![0x55; Sender::room(512)];
        let next = self.outbox.seal_next(&self.bench.platform(), &self.ward.suite, &self.sender, to, &mut out)?;
        let used = next.map_or(0, |(_, length)| length);
        assert!(next.is_none() || out[used..].iter().all(|byte| *byte == 0), "the signed message does not stay behind");
        Ok(next.map(|(id, length)| (id, out[..length].to_vec())))
    }

    /// All that may be sent now, in order.
    fn all(&mut self, to: &[VerifiedPeer]) -> Vec<(MessageId, Vec<u8>)> {
        std::iter::from_fn(|| self.next(to).unwrap()).collect()
    }
}

/// Opens as an adapter that stores what it opens; gives the body and the receipt.
fn take(ward: &Ward, opener: &mut Opener, server: &Bench, message: &[u8]) -> Result<(Vec<u8>, Receipt, Order)> {
    let mut out = vec![0; message.len()];
    let opened = ward.open(opener, server, &ward.adapters[0], message, &mut out)?;
    let taken = (opened.body.to_vec(), opened.receipt(Verdict::Stored), opened.order);
    opener.commit(&server.platform(), opened.ticket)?;
    Ok(taken)
}

fn report(receipts: &[Receipt]) -> Report {
    let mut report = Report::default();
    receipts.iter().for_each(|receipt| report.add(*receipt).unwrap());
    report
}

#[test]
fn alarms_go_first_and_leave_when_the_record_has_them() {
    let (ward, server) = (Ward::new(), Bench::new(2));
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let to = [ward.to(&ward.adapters[0])];
    for (class, body) in [
        (Purpose::Telemetry, "t1"),
        (Purpose::Audit, "a1"),
        (Purpose::Alarm, "!1"),
        (Purpose::Telemetry, "t2"),
        (Purpose::Alarm, "!2"),
    ] {
        assert_eq!(device.put(class, body.as_bytes()).unwrap().stream, stream_of(class));
    }
    assert!(!device.bench.snapshot().slots.values().any(|blob| blob.windows(2).any(|word| word == b"!1")));
    let mut opener = Opener::load(&server.platform()).unwrap();
    let sent = device.all(&to);
    let taken: Vec<_> = sent.iter().map(|(_, sealed)| take(&ward, &mut opener, &server, sealed).unwrap()).collect();
    let bodies: Vec<&[u8]> = taken.iter().map(|(body, ..)| body.as_slice()).collect();
    assert_eq!(bodies, [&b"!1"[..], b"!2", b"a1", b"t1", b"t2"]);
    assert!(device.next(&to).unwrap().is_none(), "each once, until it is asked for again");

    // Delivered is not stored; a receipt with another digest is for another message.
    let Receipt { id, digest, .. } = taken[0].1;
    let wrong = Receipt { digest: [0; 16], ..taken[0].1 };
    let delivered = Receipt { id, digest, verdict: Verdict::Delivered };
    let platform = bench.platform();
    assert_eq!(device.outbox.settle(&platform, &report(&[wrong, delivered])), Ok(Settled::default()));
    assert_eq!(device.outbox.count(Purpose::Alarm), 2);
    let refused = Receipt { verdict: Verdict::Rejected(Reason::MessageTooOld), ..taken[3].1 };
    let settled = device.outbox.settle(&platform, &report(&[taken[0].1, taken[1].1, taken[2].1, refused]));
    assert_eq!(settled, Ok(Settled { stored: 3, rejected: 1, again: 0 }));
    assert!(device.bench.take_events().iter().any(|event| event.reason == Reason::MessageTooOld), "never silent");
    device.outbox.retry();
    let again = device.all(&to);
    assert_eq!(again.len(), 1);
    // The receiver knows it again, and owes a receipt for it.
    assert_eq!(take(&ward, &mut opener, &server, &again[0].1).unwrap_err(), Reason::MessageReplayed);
    let owed = opener.receipt_again(&ward.suite, b"pump-1").unwrap().unwrap();
    assert_eq!((owed, opener.receipt_again(&ward.suite, b"monitor-7").unwrap()), (taken[4].1, None));
    device.outbox.settle(&platform, &report(&[owed])).unwrap();
    assert!(device.outbox.is_empty());
}

#[test]
fn orders_do_not_wait_and_bodies_fit() {
    let ward = Ward::new();
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 4).unwrap();
    for class in [Purpose::Command, Purpose::Configuration, Purpose::Receive] {
        assert_eq!(device.put(class, b"x"), Err(Reason::MessageClass));
    }
    assert_eq!(device.put(Purpose::Telemetry, &vec![0; ENTRY]), Err(Reason::TooLarge));
    assert!(device.put(Purpose::Telemetry, &vec![0; ENTRY - 1024]).is_ok());
    for capacity in [0, OUTBOX + 1] {
        assert_eq!(load(&ward, &bench, capacity).map(drop), Err(Reason::Misuse));
    }
}

/// What gives way, as it is explained to people.
fn model(queue: &mut Vec<(u8, u32)>, rank: u8, number: u32, capacity: usize) -> bool {
    if queue.len() == capacity {
        let lowest = queue.iter().map(|(rank, _)| *rank).min().unwrap();
        if lowest > rank || lowest == rank && rank > 0 {
            return false;
        }
        let at = queue.iter().position(|(other, _)| *other == lowest).unwrap();
        queue.remove(at);
    }
    queue.push((rank, number));
    true
}

#[test]
fn alarms_never_give_way_and_the_oldest_telemetry_goes_first_over_random_loads_and_restarts() {
    let ward = Ward::new();
    let to = [ward.to(&ward.adapters[0])];
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % limit
    };
    let (mut refused, mut evicted) = (0, 0);
    for round in 0..6 {
        let (bench, mut queue, capacity) = (Bench::new(round), Vec::new(), 3 + usize::try_from(below(4)).unwrap());
        let mut device = Device::start(&ward, &bench, capacity).unwrap();
        for number in 0..30_u32 {
            if below(6) == 0 {
                bench.restart();
                device = Device::start(&ward, &bench, capacity).unwrap();
            }
            let rank = [0, 0, 0, 1, 2][usize::try_from(below(5)).unwrap()];
            let class = [Purpose::Telemetry, Purpose::Audit, Purpose::Alarm][usize::from(rank)];
            let full = queue.len() == capacity;
            let taken = model(&mut queue, rank, number, capacity);
            let put = device.put(class, &number.to_be_bytes());
            assert_eq!(put.map(drop), if taken { Ok(()) } else { Err(Reason::OutboxFull) });
            refused += u32::from(!taken);
            evicted += u32::from(taken && full);
            let gone = bench.take_events().iter().filter(|event| event.reason == Reason::OutboxFull).count();
            assert_eq!(gone, usize::from(taken && full), "what gives way is told");
        }
        queue.sort_by_key(|(rank, number)| (2 - rank, *number));
        let expected: Vec<u32> = queue.iter().map(|(_, number)| *number).collect();
        let (server, mut found) = (Bench::new(99), Vec::new());
        let mut opener = Opener::load(&server.platform()).unwrap();
        while !device.outbox.is_empty() {
            for (_, sealed) in device.all(&to) {
                let (body, receipt, _) = take(&ward, &mut opener, &server, &sealed).unwrap();
                found.push(u32::from_be_bytes(body.try_into().unwrap()));
                device.outbox.settle(&bench.platform(), &report(&[receipt])).unwrap();
            }
        }
        assert_eq!(found.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>());
        // What is far ahead of something unsettled waits for it, so order holds within a class.
        let rank_of: BTreeMap<u32, u8> = queue.iter().map(|(rank, number)| (*number, *rank)).collect();
        found.sort_by_key(|number| 2 - rank_of[number]);
        assert_eq!(found, expected, "in order");
    }
    println!("outbox: {evicted} gave way, {refused} found no room");
    assert!(refused > 2 && evicted > 25);
}

#[test]
fn what_is_queued_outlasts_withdrawn_trust_and_goes_to_whom_is_accepted() {
    let ward = Ward::new();
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let id = device.put(Purpose::Alarm, b"occlusion").unwrap();
    let [one, two, three] = [0, 1, 2].map(|at| ward.to(&ward.adapters[at]));
    // Nobody of its audience is accepted: it stays, and nobody else can ever read it.
    assert_eq!(device.all(&[]), []);
    device.outbox.retry();
    assert_eq!(device.all(std::slice::from_ref(&three)), []);
    bench.restart();
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    assert_eq!(device.outbox.count(Purpose::Alarm), 1);
    let sent = device.all(&[three, two]);
    assert_eq!(sent[0].0, id);
    let open = |at: usize, sealed: &[u8]| {
        let (server, mut out) = (Bench::new(2), vec![0; sealed.len()]);
        let mut opener = Opener::load(&server.platform()).unwrap();
        ward.open(&mut opener, &server, &ward.adapters[at], sealed, &mut out).map(|opened| opened.sequence)
    };
    assert_eq!(
        [0, 1, 2].map(|at| open(at, &sent[0].1)),
        [Err(Reason::CoseNoRecipient), Ok(1), Err(Reason::CoseNoRecipient)]
    );
    device.outbox.retry();
    let again = device.all(&[one]);
    assert_eq!(open(0, &again[0].1), Ok(1));
}

#[test]
fn what_is_held_for_one_recipient_goes_out_when_another_is_asked_for() {
    let ward = Ward::new();
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let id = device.put(Purpose::Alarm, b"occlusion").unwrap();
    let [one, _, three] = [0, 1, 2].map(|at| ward.to(&ward.adapters[at]));
    // A program that sends to its recipients in turn never calls `retry`.
    assert_eq!(device.all(std::slice::from_ref(&three)), []);
    assert_eq!(device.all(std::slice::from_ref(&one))[0].0, id);
    // However many are accepted, those of the audience are found among them.
    device.outbox.retry();
    let mut crowd = vec![three; 31];
    crowd.push(one.clone());
    assert_eq!(device.all(&crowd)[0].0, id);
    device.outbox.retry();
    crowd.push(one);
    assert_eq!(device.next(&crowd), Err(Reason::TooLarge));
}

#[test]
fn a_damaged_storage_key_is_told_for_each_message_that_it_costs() {
    let ward = Ward::new();
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    device.put(Purpose::Alarm, b"one").unwrap();
    device.put(Purpose::Telemetry, b"two").unwrap();
    let _ = bench.take_events();
    let mut key = [0; 64];
    let length = Store::load(&bench, record::OUTBOX_KEY, &mut key).unwrap();
    key[5] ^= 1;
    bench.save(record::OUTBOX_KEY, &key[..length]).unwrap();
    assert!(load(&ward, &bench, 8).unwrap().is_empty());
    let told = bench.take_events().iter().filter(|event| event.reason == Reason::OutboxDamaged).count();
    assert_eq!(told, 2);
    // A key that was destroyed on purpose is nothing to tell.
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    device.put(Purpose::Alarm, b"three").unwrap();
    Store::erase(&bench, record::OUTBOX_KEY).unwrap();
    assert!(load(&ward, &bench, 8).unwrap().is_empty());
    assert!(bench.take_events().iter().all(|event| event.reason != Reason::OutboxDamaged));
}

#[test]
fn an_entry_that_cannot_be_erased_stops_no_other() {
    let (ward, server) = (Ward::new(), Bench::new(2));
    let bench = Bench::new(1);
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let to = [ward.to(&ward.adapters[0])];
    device.put(Purpose::Alarm, b"one").unwrap();
    device.put(Purpose::Alarm, b"two").unwrap();
    let mut opener = Opener::load(&server.platform()).unwrap();
    let taken: Vec<_> =
        device.all(&to).iter().map(|(_, sealed)| take(&ward, &mut opener, &server, sealed).unwrap()).collect();
    let _ = bench.take_events();
    bench.arm(Interruption::Fail { call: 0, fault: Fault::Io });
    let settled = device.outbox.settle(&bench.platform(), &report(&[taken[0].1, taken[1].1]));
    assert!(bench.fired());
    bench.disarm();
    assert_eq!(settled, Ok(Settled { stored: 2, rejected: 0, again: 0 }));
    assert!(device.outbox.is_empty());
    assert!(bench.take_events().iter().any(|event| event.reason == Reason::PlatformIo), "never silent");
    // It is in again after a restart, and known as a duplicate.
    assert_eq!(Device::start(&ward, &bench, 8).unwrap().outbox.count(Purpose::Alarm), 1);
}

#[test]
fn erasing_leaves_no_key_and_no_entry_whenever_the_power_goes() {
    let ward = Ward::new();
    let start = Bench::new(1).with_store(StoreModel::Torn);
    let mut device = Device::start(&ward, &start, 4).unwrap();
    device.put(Purpose::Alarm, b"one").unwrap();
    device.put(Purpose::Telemetry, b"two").unwrap();
    let key_of = |bench: &Bench| {
        let mut key = [0; 64];
        Store::load(bench, record::OUTBOX_KEY, &mut key).map(|_| key)
    };
    let old = key_of(&start).unwrap();
    let whole = start.clone();
    whole.disarm();
    load(&ward, &whole, 4).unwrap().erase(&whole.platform()).unwrap();
    let writes = whole.log().writes.len();
    let mut finished = 0;
    for write in 0..writes {
        for at in [At::Before, At::After] {
            let bench = start.clone();
            let mut outbox = load(&ward, &bench, 4).unwrap();
            bench.arm(Interruption::Cut { write, at });
            let _ = outbox.erase(&bench.platform());
            bench.restart();
            let after = load(&ward, &bench, 4).unwrap();
            if key_of(&bench).unwrap() == old {
                assert_eq!((write, after.count(Purpose::Alarm)), (0, 1), "nothing has happened");
                continue;
            }
            assert!(after.is_empty());
            for slot in record::OUTBOX {
                assert!(Store::load(&bench, Slot(slot), &mut [0; ENTRY]).is_err());
            }
            finished += 1;
        }
    }
    println!("outbox erased: {writes} writes, power cut around each, {finished} times finished at the next start");
    assert!(finished > 2);
}

/// A day of a device: puts three messages, sends what it has, and settles what the server says. Stops where the power does.
fn day(ward: &Ward, bench: &Bench, server: &RefCell<(Opener, Bench)>, record: &mut Record) {
    let Ok(mut device) = Device::start(ward, bench, 2) else { return };
    for (class, body) in [(Purpose::Alarm, "!"), (Purpose::Telemetry, "t"), (Purpose::Telemetry, "u")] {
        let put = device.put(class, body.as_bytes());
        if put.is_ok() && class == Purpose::Alarm {
            record.promised += 1;
        }
        if bench.dark() {
            return;
        }
    }
    let to = [ward.to(&ward.adapters[0])];
    while let Ok(Some((id, sealed))) = device.next(&to) {
        let (opener, server) = &mut *server.borrow_mut();
        let receipt = match take(ward, opener, server, &sealed) {
            Ok((body, receipt, order)) => {
                assert!(order != Order::Uncertain, "the server was never restarted");
                let first = record.kept.insert(id, body).is_none();
                assert!(first, "{id:?} is another message of the same number");
                receipt
            }
            Err(Reason::MessageReplayed) => opener.receipt_again(&ward.suite, b"pump-1").unwrap().unwrap(),
            Err(other) => panic!("{other}"),
        };
        let _ = device.outbox.settle(&bench.platform(), &report(&[receipt]));
        if bench.dark() {
            return;
        }
    }
}

#[derive(Default)]
struct Record {
    /// Alarms that the device was told are in.
    promised: usize,
    kept: BTreeMap<MessageId, Vec<u8>>,
}

#[test]
fn an_alarm_that_is_in_arrives_once_whatever_fails_and_no_salt_comes_twice() {
    let ward = Ward::new();
    let start = Bench::new(1).with_store(StoreModel::Torn);
    let fresh_server = || RefCell::new((Opener::load(&Bench::new(2).platform()).unwrap(), Bench::new(2)));
    let whole = start.clone();
    day(&ward, &whole, &fresh_server(), &mut Record::default());
    let log = whole.log();
    let cuts = log.writes.iter().enumerate().flat_map(|(write, done)| {
        // Torn at both ends and in the middle: what lies between differs only in how much the seal finds wrong.
        let tears: Vec<_> = done.tears().collect();
        let some = [0, tears.len() / 2, tears.len().saturating_sub(1)].map(|at| tears.get(at).copied());
        let torn = some.into_iter().flatten().map(At::Torn);
        [At::Before, At::After]
            .into_iter()
            .chain(torn)
            .map(move |at| Interruption::Cut { write, at })
            .collect::<Vec<_>>()
    });
    let (mut runs, mut salts) = (0, BTreeMap::new());
    for interruption in cuts {
        let (bench, server, mut record) = (start.clone(), fresh_server(), Record::default());
        bench.arm(interruption);
        day(&ward, &bench, &server, &mut record);
        bench.restart();
        day(&ward, &bench, &server, &mut record);
        let alarms = record.kept.values().filter(|body| *body == b"!").count();
        assert!(alarms >= record.promised, "{interruption:?}: {alarms} of {}", record.promised);
        // Every salt that is on the medium is that of one plaintext under this key.
        for slot in record::OUTBOX {
            let mut entry = [0; ENTRY];
            if let Ok(length) = Store::load(&bench, Slot(slot), &mut entry) {
                let salt = entry[10..26].to_vec();
                let known = salts.entry((runs, salt)).or_insert_with(|| entry[..length].to_vec());
                assert_eq!(known[..], entry[..length]);
            }
        }
        runs += 1;
    }
    println!("outbox: {runs} power cuts and torn writes, every alarm that was in arrived once");
    assert!(runs > 60);
}

#[test]
fn a_receiver_that_was_restarted_asks_again_and_the_application_knows_what_it_has() {
    let (ward, bench, server) = (Ward::new(), Bench::new(1), Bench::new(2));
    let to = [ward.to(&ward.adapters[0])];
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let mut opener = Opener::load(&server.platform()).unwrap();
    let mut have = BTreeSet::new();
    for number in 0..6_u8 {
        device.put(Purpose::Telemetry, &[number]).unwrap();
    }
    // Four arrive, their receipts do not; two are lost on the way.
    for (id, sealed) in device.all(&to).iter().take(4) {
        take(&ward, &mut opener, &server, sealed).unwrap();
        have.insert(*id);
    }
    server.restart();
    let mut opener = Opener::load(&server.platform()).unwrap();
    let mut signed = vec![0; REPORT];
    let asked = opener.report(&ward.suite, b"pump-1").unwrap();
    assert_eq!(asked.streams[0].map(|known| (known.high, known.uncertain)), Some((0, limits::REPLAY_MARK)));
    let length =
        asked.sign(&ward.suite, &ward.monitor.origin(), b"pump-1", Direction::FromDevice, &mut signed).unwrap();
    let peer = ward.peer("monitor-7", Purpose::Receipt).unwrap();
    let heard = Report::verify(&ward.suite, &peer, b"pump-1", Direction::FromDevice, &signed[..length]).unwrap();
    assert_eq!(heard, asked);
    assert_eq!(device.outbox.settle(&bench.platform(), &heard).unwrap().again, 6);
    let (mut kept, mut known) = (0, 0);
    for (id, sealed) in device.all(&to) {
        let (_, receipt, order) = take(&ward, &mut opener, &server, &sealed).unwrap();
        assert_eq!(order, Order::Uncertain);
        if have.insert(id) {
            kept += 1
        } else {
            known += 1
        }
        device.outbox.settle(&bench.platform(), &report(&[receipt])).unwrap();
    }
    assert_eq!((kept, known, device.outbox.is_empty()), (2, 4, true));
}

#[test]
fn a_gap_is_asked_for_by_number() {
    let (ward, bench, server) = (Ward::new(), Bench::new(1), Bench::new(2));
    let to = [ward.to(&ward.adapters[0])];
    let mut device = Device::start(&ward, &bench, 8).unwrap();
    let mut opener = Opener::load(&server.platform()).unwrap();
    for number in 0..6_u8 {
        device.put(Purpose::Alarm, &[number]).unwrap();
    }
    for (at, (_, sealed)) in device.all(&to).iter().enumerate() {
        if at != 1 && at != 3 {
            take(&ward, &mut opener, &server, sealed).unwrap();
        }
    }
    let asked = opener.report(&ward.suite, b"pump-1").unwrap();
    assert_eq!(asked.streams[0].map(|known| (known.high, known.missing)), Some((6, 0b1010)));
    assert_eq!(device.outbox.settle(&bench.platform(), &asked).unwrap().again, 2);
    let again: Vec<u64> = device.all(&to).iter().map(|(id, _)| id.sequence).collect();
    assert_eq!(again, [2, 4]);
}

#[test]
fn a_report_is_believed_from_its_signer_for_its_device_alone() {
    let ward = Ward::new();
    let receipt =
        Receipt { id: MessageId { stream: 1, epoch: 2, sequence: 3 }, digest: [4; 16], verdict: Verdict::Stored };
    let mut full = Report { lost_session: Some([1, 2, 3, 4]), ..Report::default() };
    while full.add(receipt).is_ok() {}
    let worst = u64::MAX;
    let stream =
        aseptic_messaging::StreamReport { stream: 3, epoch: worst, high: worst, missing: worst, uncertain: worst };
    full.streams = [Some(stream); 4];
    full.receipts = full.receipts.map(|receipt| {
        let id = MessageId { stream: 3, epoch: worst, sequence: worst };
        receipt.map(|receipt| Receipt { id, verdict: Verdict::Rejected(Reason::MessageTooOld), ..receipt })
    });
    let mut out = vec![0; REPORT];
    let from = ward.monitor.origin();
    let length = full.sign(&ward.suite, &from, b"pump-1", Direction::FromDevice, &mut out).unwrap();
    println!("the longest report has {length} bytes");
    let peer = ward.peer("monitor-7", Purpose::Receipt).unwrap();
    let verify = |peer: &VerifiedPeer, us: &[u8], direction, bytes: &[u8]| {
        Report::verify(&ward.suite, peer, us, direction, bytes)
    };
    let signed = &out[..length];
    assert_eq!(verify(&peer, b"pump-1", Direction::FromDevice, signed), Ok(full));
    assert_eq!(verify(&peer, b"pump-2", Direction::FromDevice, signed), Err(Reason::SignatureInvalid));
    assert_eq!(verify(&peer, b"pump-1", Direction::ToDevice, signed), Err(Reason::SignatureInvalid));
    let other = ward.peer("pump-1", Purpose::Receipt).unwrap();
    assert_eq!(verify(&other, b"pump-1", Direction::FromDevice, signed), Err(Reason::UnknownSigner));
    let telemetry = ward.peer("monitor-7", Purpose::Telemetry).unwrap();
    assert_eq!(verify(&telemetry, b"pump-1", Direction::FromDevice, signed), Err(Reason::NoPurpose));
    let length = report(&[receipt]).sign(&ward.suite, &from, b"pump-1", Direction::FromDevice, &mut out).unwrap();
    for bit in 0..length * 8 {
        let changed = aseptic_testbed::hostile::flip(&out[..length], bit);
        assert!(verify(&peer, b"pump-1", Direction::FromDevice, &changed).is_err(), "bit {bit}");
    }
}
