//! What flash has to bear: the constants are what is written, counted at the store, for as many messages as take long.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::Result;
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{Message, SigAlg};
use aseptic_core::limits::{RARE_BLOCK, REPLAY_MARK, SEQUENCE_BLOCK};
use aseptic_core::platform::{Outcome, Platform, Slot, Store};
use aseptic_core::record;
use aseptic_core::trust::Purpose;
use aseptic_messaging::{
    Direction, ENTRY, MessageId, OUTBOX_WRITES_PER_MILLION, Opener, Origin, Outbox, RARE_RECORDS_PER_MILLION,
    RECORDS_PER_MILLION, Report, Sender, Verdict,
};
use aseptic_testbed::bench::Bench;
use std::cell::Cell;
use ward::{Ward, outgoing};

/// A record has two places, and both are written.
const PLACES: u64 = 2;

/// A store that counts what is written: to records, and to the slots of the outbox.
struct Counted<'b> {
    bench: &'b Bench,
    records: Cell<u64>,
    entries: Cell<u64>,
}

impl<'b> Counted<'b> {
    fn new(bench: &'b Bench) -> Self {
        Self { bench, records: Cell::new(0), entries: Cell::new(0) }
    }

    fn platform(&self) -> Platform<'_> {
        Platform { store: self, ..self.bench.platform() }
    }

    fn count(&self, slot: Slot) {
        let counter = if record::OUTBOX.contains(&slot.0) { &self.entries } else { &self.records };
        counter.set(counter.get() + 1);
    }

    /// Records, and entries, that were written since the last time.
    fn taken(&self) -> (u64, u64) {
        (self.records.take() / PLACES, self.entries.take())
    }
}

impl Store for Counted<'_> {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        self.bench.load(slot, out)
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        self.count(slot);
        self.bench.save(slot, bytes)
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        self.count(slot);
        self.bench.erase(slot)
    }
}

/// Signs nothing, and fast: what is signed here is never read.
struct Nobody;

impl Signer for Nobody {
    fn alg(&self) -> SigAlg {
        SigAlg::Es256
    }

    fn sign(&self, _: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
        out[..64].fill(1);
        Ok(64)
    }
}

/// Puts `count` messages into an outbox with one place, where each takes that of the one before it.
fn put(ward: &Ward, platform: &Platform<'_>, sender: &mut Sender, outbox: &mut Outbox, count: u64) {
    let to = [ward.to(&ward.adapters[0])];
    let from = Origin { signer: &Nobody, ..ward.pump.origin() };
    let message = outgoing(Purpose::Telemetry, &to, b"2.5 ml/h");
    for _ in 0..count {
        outbox.put(platform, &ward.suite, sender, &from, &message, &mut [0; ENTRY]).unwrap();
    }
}

fn empty(ward: &Ward, platform: &Platform<'_>) -> Outbox {
    Outbox::load(platform, &ward.suite, 1, &mut [0; ENTRY]).unwrap()
}

#[test]
fn a_sender_and_an_outbox_write_as_often_as_stated() {
    let (ward, bench) = (Ward::new(), Bench::new(1));
    let store = Counted::new(&bench);
    let platform = store.platform();
    let mut sender = Sender::load(&platform, Direction::FromDevice).unwrap();
    let mut outbox = empty(&ward, &platform);
    let _ = store.taken();
    let blocks = 100;
    put(&ward, &platform, &mut sender, &mut outbox, blocks * SEQUENCE_BLOCK);
    assert_eq!(store.taken(), (blocks, blocks * SEQUENCE_BLOCK), "one record a block, one entry a message");
    println!("{} messages: {blocks} records, an entry each", blocks * SEQUENCE_BLOCK);
    put(&ward, &platform, &mut sender, &mut outbox, 1);
    assert_eq!(store.taken().0, 1, "and the next one with the next block");
    assert_eq!(RECORDS_PER_MILLION, 1_000_000_u64.div_ceil(SEQUENCE_BLOCK));
}

/// Alarms take a place until their receipt: an entry written, an entry removed, and a record for each small block.
#[test]
fn an_alarm_costs_an_entry_and_its_removal() {
    let (ward, bench, server) = (Ward::new(), Bench::new(1), Bench::new(2));
    let store = Counted::new(&bench);
    let platform = store.platform();
    let mut sender = Sender::load(&platform, Direction::FromDevice).unwrap();
    let (mut outbox, mut opener) = (empty(&ward, &platform), Opener::load(&server.platform()).unwrap());
    let to = [ward.to(&ward.adapters[0])];
    let _ = store.taken();
    let count = 5 * RARE_BLOCK;
    for number in 1..=count {
        let message = outgoing(Purpose::Alarm, &to, b"occlusion");
        let from = ward.pump.origin();
        let id = outbox.put(&platform, &ward.suite, &mut sender, &from, &message, &mut [0; ENTRY]).unwrap();
        assert_eq!(id, MessageId { stream: 1, epoch: 1, sequence: number });
        let mut sealed = vec![0; Sender::room(64)];
        let (_, length) =
            outbox.seal_next(&platform, &ward.suite, &sender, &to, &mut sealed).unwrap().expect("an alarm waits");
        let mut out = vec![0; length];
        let opened = ward.open(&mut opener, &server, &ward.adapters[0], &sealed[..length], &mut out).unwrap();
        let mut report = Report::default();
        report.add(opened.receipt(Verdict::Stored)).unwrap();
        opener.commit(&server.platform(), opened.ticket).unwrap();
        assert_eq!(outbox.settle(&platform, &report).unwrap().stored, 1);
    }
    assert_eq!(store.taken(), (5, 2 * count));
    assert_eq!(OUTBOX_WRITES_PER_MILLION, 2 * 1_000_000);
    assert_eq!(RARE_RECORDS_PER_MILLION, 1_000_000_u64.div_ceil(RARE_BLOCK));
}

/// The ends of ten blocks and the beginnings of the next, with messages that are really opened; what lies between them is
/// lost on the way. The window itself is tried with a million numbers beside its code.
#[test]
fn a_receiver_writes_as_often_as_stated() {
    let (ward, bench, server) = (Ward::new(), Bench::new(1), Bench::new(2));
    let (store, device) = (Counted::new(&server), bench.platform());
    let mut sender = Sender::load(&device, Direction::FromDevice).unwrap();
    let (mut outbox, mut opener) = (empty(&ward, &device), Opener::load(&store.platform()).unwrap());
    let to = [ward.to(&ward.adapters[0])];
    let mut open = |sender: &mut Sender| {
        let mut sealed = vec![0; Sender::room(64)];
        let message = outgoing(Purpose::Telemetry, &to, b"2.5 ml/h");
        let length = sender.seal(&device, &ward.suite, &ward.pump.origin(), &message, &mut sealed).unwrap();
        let mut out = vec![0; length];
        let opened = ward.open(&mut opener, &server, &ward.adapters[0], &sealed[..length], &mut out).unwrap();
        let sequence = opened.sequence;
        opener.commit(&store.platform(), opened.ticket).unwrap();
        (sequence, store.taken().0)
    };
    for block in 0..10 {
        assert_eq!(open(&mut sender), (block * REPLAY_MARK + 1, 1), "the mark rises by a block");
        put(&ward, &device, &mut sender, &mut outbox, REPLAY_MARK - 2);
        assert_eq!(open(&mut sender), ((block + 1) * REPLAY_MARK, 0), "and serves to the end of it");
    }
}
