//! A ward whose network means harm: every attack on every state of the protocol, over messages without end.
//!
//! A device queues alarms, audit records and telemetry, offers sessions and talks in them; a record opens, keeps and reports;
//! a console gives orders. Both ends lose power at any time. Between them stands a network that does one of [`ATTACKS`] to
//! each message, in whatever of [`STATES`] it finds it. The record's and the device's own books say afterwards whether
//! anything was accepted that nobody sent, or twice, and whether anything is missing that nobody told of.

use crate::bench::Bench;
use crate::hostile::{self, Forger};
use crate::trust::KeyPair;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::{KeyAlg, Suite, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, VerifiedPeer, danger};
use aseptic_core::{Reason, Result};
use aseptic_messaging::{
    Direction, ENTRY, Fresh, MessageId, OFFER, Opener, Order, Origin, Outbox, Outgoing, REPORT, Receipt, Receiver,
    Report, Sender, Session, Sessions, Verdict,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the network does to one message.
pub const ATTACKS: [&str; 12] = [
    "read",
    "alter",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "truncate",
    "swap recipient",
    "swap topic",
    "re-sign",
    "replay over restarts",
    "flood",
];

/// In which state of the protocol a message is met.
pub const STATES: [&str; 8] = [
    "first of its stream",
    "in its stream",
    "after a restart of the sender",
    "after a restart of the receiver",
    "offer of a session",
    "in a session",
    "order under a challenge",
    "report",
];

/// Turns after which an alarm has arrived, whatever the network did meanwhile.
pub const ALARM_BOUND: u32 = 128;

const DEVICE: &str = "pump-1";
const RECORD: &str = "adapter-1";
const OTHER: &str = "adapter-2";
const CONSOLE: &str = "console-1";
const BODY: &str = "occlusion of line";
const TEXT: ContentType<'_> = ContentType::Text("text/plain");

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Messages that were made.
    pub made: u32,
    /// Messages that were kept, obeyed or believed.
    pub accepted: u32,
    /// Deliveries that were refused, by reason.
    pub refused: BTreeMap<&'static str, u32>,
    /// Messages that never arrived and of which the device or the record told.
    pub told: u32,
    /// The most turns that an alarm took.
    pub slowest_alarm: u32,
    /// How often each attack met each state.
    pub coverage: BTreeMap<(&'static str, &'static str), u32>,
}

/// Sends at least `messages` messages through the network, then lets what waits arrive over a line without fault.
///
/// # Panics
/// If anything forged, changed or replayed is accepted, if anything is missing that nobody told of, if an alarm takes longer
/// than its bound.
#[must_use]
pub fn run(messages: u32, seed: u64) -> Outcome {
    let parties = Parties::new();
    let [device, record, console] = [1, 2, 3].map(|number| Bench::new(seed << 8 | number));
    let mut ward = HostileWard::new(&parties, &device, &record, &console, seed);
    while ward.outcome.made < messages {
        ward.turn();
    }
    ward.finish()
}

/// xorshift64: the same attacks in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).expect("small")).expect("small")
    }
}

struct Parties {
    suite: Suite<'static>,
    device: KeyPair,
    own: KeyPair,
    record: KeyPair,
    other: KeyPair,
    receipts: KeyPair,
    console: KeyPair,
    network: KeyPair,
}

impl Parties {
    fn new() -> Self {
        let [device, own, record, other, receipts, console, network] =
            [51, 52, 53, 54, 55, 56, 57].map(|number| KeyPair::new(KeyAlg::P256, number));
        Self { suite: soft::suite(), device, own, record, other, receipts, console, network }
    }

    fn entries(&self) -> [Entry<'_>; 6] {
        let sends = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit]);
        let one = |purpose| Purposes::of(&[purpose]);
        [
            (DEVICE, sends, &self.device),
            (DEVICE, one(Purpose::Receive), &self.own),
            (RECORD, one(Purpose::Receive), &self.record),
            (RECORD, one(Purpose::Receipt), &self.receipts),
            (OTHER, one(Purpose::Receive), &self.other),
            (CONSOLE, one(Purpose::Command), &self.console),
        ]
        .map(|(name, purposes, key)| Entry {
            purposes,
            name: name.as_bytes(),
            material: Material::Key(key.public()),
        })
    }

    fn peer(&self, name: &str, purpose: Purpose) -> Result<VerifiedPeer> {
        let entries = self.entries();
        let trust: Trust<'_> = danger::unsigned(Authority::Owner, &entries)?;
        trust.pinned(&self.suite, purpose, name.as_bytes()).map_err(|_| Reason::MessageUnknownSender)
    }

    fn origin<'a>(name: &'static str, key: &'a KeyPair) -> Origin<'a> {
        Origin { name: name.as_bytes(), key: key.public(), signer: &key.private }
    }
}

/// Where a message is taken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Record,
    Orders,
    Reports,
}

type Carried = (Topic, Vec<u8>);

struct HostileWard<'w> {
    parties: &'w Parties,
    benches: [&'w Bench; 3],
    dice: Dice,
    outcome: Outcome,
    turns: u32,
    // The device.
    sender: Sender,
    outbox: Outbox,
    session: Option<Session>,
    orders: Opener,
    sender_restarted: bool,
    // The record.
    opener: Opener,
    sessions: Sessions<4>,
    owed: VecDeque<Receipt>,
    lost: Option<[u8; 4]>,
    receiver_restarted: bool,
    // The console.
    console: Sender,
    // The books.
    made: BTreeMap<MessageId, (Vec<u8>, u32, bool)>,
    kept: BTreeMap<MessageId, Vec<u8>>,
    observed: BTreeMap<([u8; 4], u64), Vec<u8>>,
    seen: BTreeSet<([u8; 4], u64)>,
    gaps: BTreeMap<[u8; 4], i64>,
    given: BTreeSet<Vec<u8>>,
    obeyed: BTreeSet<Vec<u8>>,
    reported: BTreeSet<Vec<u8>>,
    events: BTreeSet<u64>,
    // The network.
    held: Vec<(u32, Carried)>,
    captured: VecDeque<Carried>,
}

impl<'w> HostileWard<'w> {
    fn new(parties: &'w Parties, device: &'w Bench, record: &'w Bench, console: &'w Bench, seed: u64) -> Self {
        Self {
            parties,
            benches: [device, record, console],
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            outcome: Outcome::default(),
            turns: 0,
            sender: Sender::load(&device.platform(), Direction::FromDevice).expect("a blank device"),
            outbox: outbox(parties, device),
            session: None,
            orders: Opener::load(&device.platform()).expect("a blank device"),
            sender_restarted: false,
            opener: Opener::load(&record.platform()).expect("a blank record"),
            sessions: Sessions::default(),
            owed: VecDeque::new(),
            lost: None,
            receiver_restarted: false,
            console: Sender::load(&console.platform(), Direction::ToDevice).expect("a blank console"),
            made: BTreeMap::new(),
            kept: BTreeMap::new(),
            observed: BTreeMap::new(),
            seen: BTreeSet::new(),
            gaps: BTreeMap::new(),
            given: BTreeSet::new(),
            obeyed: BTreeSet::new(),
            reported: BTreeSet::new(),
            events: BTreeSet::new(),
            held: Vec::new(),
            captured: VecDeque::new(),
        }
    }

    /// One turn: something happens at each end, and the network does what it does.
    fn turn(&mut self) {
        self.turns += 1;
        match self.dice.below(40) {
            0 => self.restart_device(),
            1 => self.restart_record(),
            2..8 => self.order(),
            8..20 => self.observe(),
            _ => (0..=self.dice.below(4)).for_each(|_| self.put()),
        }
        self.send(true);
        self.report(true);
        let due: Vec<Carried> = {
            let turns = self.turns;
            let (due, rest) = std::mem::take(&mut self.held).into_iter().partition(|(when, _)| *when <= turns);
            self.held = rest;
            Vec::into_iter(due).map(|(_, carried)| carried).collect()
        };
        due.iter().for_each(|carried| self.deliver(carried));
        self.note_events();
        let late = self.made.iter().filter(|(id, (_, turn, alarm))| {
            *alarm
                && self.turns - turn > ALARM_BOUND
                && !self.kept.contains_key(id)
                && !self.events.contains(&id.sequence)
        });
        assert_eq!(late.count(), 0, "an alarm takes too long");
        // What is settled is of no more interest to the check above.
        let (kept, turns) = (&self.kept, self.turns);
        self.made.retain(|id, (_, turn, _)| !(kept.contains_key(id) && turns - *turn > 2 * ALARM_BOUND));
    }

    fn restart_device(&mut self) {
        let device = self.benches[0];
        device.restart();
        self.sender = Sender::load(&device.platform(), Direction::FromDevice).expect("a sender goes on");
        self.outbox = outbox(self.parties, device);
        self.orders = Opener::load(&device.platform()).expect("an opener goes on");
        self.session = None;
        self.sender_restarted = true;
    }

    fn restart_record(&mut self) {
        let record = self.benches[1];
        record.restart();
        self.opener = Opener::load(&record.platform()).expect("an opener goes on");
        self.sessions = Sessions::default();
        self.owed.clear();
        self.receiver_restarted = true;
    }

    fn put(&mut self) {
        let class = [Purpose::Alarm, Purpose::Audit, Purpose::Telemetry, Purpose::Telemetry][self.dice.below(4)];
        let body = format!("{BODY} {}", self.outcome.made);
        let to = [RECORD, OTHER].map(|name| self.parties.peer(name, Purpose::Receive).expect("pinned"));
        let message = plain(class, &to, body.as_bytes());
        let from = Parties::origin(DEVICE, &self.parties.device);
        let platform = self.benches[0].platform();
        let put = self.outbox.put(&platform, &self.parties.suite, &mut self.sender, &from, &message, &mut [0; ENTRY]);
        match put {
            Ok(id) => {
                self.outcome.made += 1;
                self.made.insert(id, (body.into_bytes(), self.turns, class == Purpose::Alarm));
            }
            Err(Reason::OutboxFull) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn send(&mut self, hostile: bool) {
        let to = [self.parties.peer(RECORD, Purpose::Receive).expect("pinned")];
        let mut out = vec![0; Sender::room(256)];
        loop {
            let platform = self.benches[0].platform();
            let next = self.outbox.seal_next(&platform, &self.parties.suite, &self.sender, &to, &mut out);
            let Some((id, length)) = next.expect("an outbox that sends") else { return };
            let state = match () {
                () if self.sender_restarted => 2,
                () if self.receiver_restarted => 3,
                () if id.sequence % 16 == 1 => 0,
                () => 1,
            };
            (self.sender_restarted, self.receiver_restarted) = (false, false);
            let message = out.get(..length).expect("what was written").to_vec();
            self.carry(hostile, state, (Topic::Record, message));
        }
    }

    fn observe(&mut self) {
        let to = self.parties.peer(RECORD, Purpose::Receive).expect("pinned");
        let platform = self.benches[0].platform();
        let Some(mut session) = self.session.take() else {
            let from = Parties::origin(DEVICE, &self.parties.device);
            let mut out = vec![0; Sender::room(128)];
            let (session, length) = Session::offer(
                &platform,
                &self.parties.suite,
                &mut self.sender,
                &from,
                &to,
                Purpose::Telemetry,
                TEXT,
                Time::UNKNOWN,
                &mut out,
            )
            .expect("an offer");
            out.truncate(length);
            self.session = Some(session);
            return self.carry(true, 4, (Topic::Record, out));
        };
        let body = format!("{BODY} {}", self.outcome.made).into_bytes();
        let mut out = vec![0; body.len() + 64];
        let length = session.seal(&platform, &self.parties.suite, &to, &body, &mut out).expect("a session");
        out.truncate(length);
        self.outcome.made += 1;
        let number = self.observed.range((session.kid(), 0)..=(session.kid(), u64::MAX)).count() + 1;
        self.observed.insert((session.kid(), u64::try_from(number).expect("few")), body);
        self.session = Some(session);
        self.carry(true, 5, (Topic::Record, out));
    }

    fn order(&mut self) {
        let to = [self.parties.peer(DEVICE, Purpose::Receive).expect("pinned")];
        let challenge = self.orders.challenge(&self.benches[0].platform(), 60_000).expect("a challenge");
        let body = format!("{BODY} {}", self.outcome.made).into_bytes();
        let message = Outgoing { fresh: Some(Fresh::Challenge(challenge)), ..plain(Purpose::Command, &to, &body) };
        let from = Parties::origin(CONSOLE, &self.parties.console);
        let mut out = vec![0; Sender::room(body.len())];
        let platform = self.benches[2].platform();
        let length = self.console.seal(&platform, &self.parties.suite, &from, &message, &mut out).expect("an order");
        out.truncate(length);
        self.outcome.made += 1;
        self.given.insert(body);
        self.carry(true, 6, (Topic::Orders, out));
    }

    fn report(&mut self, hostile: bool) {
        let suite = &self.parties.suite;
        let mut report = self.opener.report(suite, DEVICE.as_bytes()).expect("a report");
        while let Some(receipt) = self.owed.pop_front() {
            if report.add(receipt).is_err() {
                self.owed.push_front(receipt);
                break;
            }
        }
        report.lost_session = self.lost.take();
        let from = Parties::origin(RECORD, &self.parties.receipts);
        let mut out = vec![0; REPORT];
        let length = report.sign(suite, &from, DEVICE.as_bytes(), Direction::FromDevice, &mut out).expect("a report");
        out.truncate(length);
        self.reported.insert(out.clone());
        self.carry(hostile, 7, (Topic::Reports, out));
        // Nothing heard, or nothing believed: what has no receipt goes out again.
        self.outbox.retry();
    }

    /// The network carries one message, or does something else with it.
    fn carry(&mut self, hostile: bool, state: usize, carried: Carried) {
        if !hostile {
            return self.deliver(&carried);
        }
        let attack = self.attack(state);
        *self.outcome.coverage.entry((ATTACKS[attack], STATES[state])).or_insert(0) += 1;
        let (topic, message) = &carried;
        match ATTACKS[attack] {
            "read" => {
                for word in [BODY.as_bytes(), DEVICE.as_bytes()] {
                    let plain = message.windows(word.len()).any(|window| window == word);
                    // The name of a recipient is on the outside: that of the device, in an order to it.
                    assert!(!plain || *topic == Topic::Orders && word == DEVICE.as_bytes(), "the network reads a word");
                }
                self.deliver(&carried);
            }
            "alter" => {
                let bit = self.dice.below(message.len() * 8);
                self.deliver(&(*topic, hostile::flip(message, bit)));
            }
            "drop" => {}
            "duplicate" => (0..2).for_each(|_| self.deliver(&carried)),
            "reorder" => self.held.push((self.turns + 1, carried.clone())),
            "delay" => {
                let turns = u32::try_from(self.dice.below(60)).expect("few");
                self.held.push((self.turns + 2 + turns, carried.clone()));
            }
            "truncate" => {
                let end = self.dice.below(message.len());
                self.deliver(&(*topic, message.get(..end).expect("shorter").to_vec()));
            }
            "swap recipient" => {
                let named = message.windows(RECORD.len()).any(|window| window == RECORD.as_bytes());
                let swapped = if named && *topic == Topic::Record {
                    hostile::swap_recipient(message, RECORD, OTHER)
                } else {
                    hostile::flip(message, 8 * 12)
                };
                self.refused_by_other(&swapped);
                self.deliver(&(*topic, swapped));
            }
            "swap topic" => {
                self.refused_by_other(message);
                for other in [Topic::Record, Topic::Orders, Topic::Reports] {
                    self.deliver(&(other, message.clone()));
                }
            }
            "re-sign" => {
                let forged = self.forge(*topic);
                self.deliver(&forged);
                self.deliver(&carried);
            }
            "replay over restarts" => {
                match self.dice.below(3) {
                    0 => self.restart_record(),
                    1 => self.restart_device(),
                    _ => {}
                }
                self.replay(3);
                self.deliver(&carried);
            }
            _ => {
                for length in 0..20 {
                    let noise: Vec<u8> =
                        (0..length * 7).map(|at| u8::try_from(at * 31 % 251).expect("a byte")).collect();
                    self.deliver(&(*topic, noise));
                }
                self.replay(6);
                self.deliver(&carried);
            }
        }
        self.captured.push_back(carried);
        if self.captured.len() > 400 {
            self.captured.pop_front();
        }
    }

    /// What is done next: half of the time what was done least in this state, so that no pair waits for luck.
    fn attack(&mut self, state: usize) -> usize {
        let any = self.dice.below(ATTACKS.len());
        if self.dice.below(2) == 0 {
            return any;
        }
        let met = |attack: &usize| self.outcome.coverage.get(&(ATTACKS[*attack], STATES[state])).copied().unwrap_or(0);
        (0..ATTACKS.len()).min_by_key(met).unwrap_or(any)
    }

    fn replay(&mut self, count: usize) {
        for _ in 0..count.min(self.captured.len()) {
            let at = self.dice.below(self.captured.len());
            if let Some(old) = self.captured.get(at).cloned() {
                self.deliver(&old);
            }
        }
    }

    /// A message of the network's own making under the name of one of the parties.
    fn forge(&mut self, topic: Topic) -> Carried {
        let (victim, reader, class) = match topic {
            Topic::Orders => (CONSOLE, DEVICE, Purpose::Command),
            _ => (DEVICE, RECORD, Purpose::Alarm),
        };
        let to = [self.parties.peer(reader, Purpose::Receive).expect("pinned")];
        let fresh = (topic == Topic::Orders).then_some(Fresh::Challenge([7; 16]));
        let message = Outgoing { fresh, ..plain(class, &to, b"all is well") };
        let named = if self.dice.below(2) == 0 { self.parties.network.public() } else { self.parties.device.public() };
        let forger = Forger { signer: &self.parties.network.private, named };
        let bench = Bench::new(self.dice.0);
        let forged = if topic == Topic::Reports {
            let from = Parties::origin(RECORD, &self.parties.network);
            let mut out = vec![0; REPORT];
            let length = Report::default()
                .sign(&self.parties.suite, &from, DEVICE.as_bytes(), Direction::FromDevice, &mut out)
                .expect("a report");
            out.truncate(length);
            out
        } else {
            hostile::sign_anew(&bench.platform(), &self.parties.suite, forger, victim.as_bytes(), &message)
                .expect("a forgery")
        };
        (topic, forged)
    }

    /// Another reader, to whom nothing was sent, takes nothing.
    fn refused_by_other(&mut self, message: &[u8]) {
        let bench = Bench::new(7);
        let mut opener = Opener::load(&bench.platform()).expect("a blank reader");
        let key = &self.parties.other.private;
        let taken = open(self.parties, &mut opener, &bench, (OTHER, key, Direction::FromDevice), message);
        assert!(taken.is_err(), "taken by somebody else");
    }

    fn deliver(&mut self, (topic, message): &Carried) {
        let taken = match topic {
            Topic::Record if message.first() == Some(&0xD0) => self.take_observation(message),
            Topic::Record => self.take_sealed(message),
            Topic::Orders => self.take_order(message),
            Topic::Reports => self.take_report(message),
        };
        match taken {
            Ok(()) => self.outcome.accepted += 1,
            Err(reason) => *self.outcome.refused.entry(reason.name()).or_insert(0) += 1,
        }
    }

    fn take_sealed(&mut self, message: &[u8]) -> Result<()> {
        let (parties, bench) = (self.parties, self.benches[1]);
        let us = (RECORD, &parties.record.private, Direction::FromDevice);
        let mut out = vec![0; message.len()];
        let mut senders = |name: &str, class| parties.peer(name, class);
        let receiver = receiver(us);
        let opened = self.opener.open(&bench.platform(), &parties.suite, &receiver, &mut senders, message, &mut out);
        let opened = match opened {
            Ok(opened) => opened,
            Err(reason) => {
                self.owed.extend(self.opener.receipt_again(&parties.suite, DEVICE.as_bytes())?);
                return Err(reason);
            }
        };
        if opened.content_type == ContentType::Text(OFFER) {
            let signer = parties.peer(opened.from, opened.class)?;
            return self.sessions.accept(&parties.suite, &receiver, &signer, &opened).map(drop);
        }
        let (id, receipt) = (opened.id(), opened.receipt(Verdict::Stored));
        if let Some((body, turn, alarm)) = self.made.get(&id) {
            assert_eq!(opened.body, body, "changed on the way");
            if *alarm && !self.kept.contains_key(&id) {
                self.outcome.slowest_alarm = self.outcome.slowest_alarm.max(self.turns - turn);
            }
        } else {
            assert!(self.kept.contains_key(&id), "{id:?} was never sent");
        }
        let again = self.kept.insert(id, opened.body.to_vec());
        assert!(again.is_none() || opened.order == Order::Uncertain, "{id:?} came twice and nobody could tell");
        assert!(again.is_none_or(|body| body == opened.body), "two messages of one number");
        self.opener.commit(&bench.platform(), opened.ticket)?;
        self.owed.push_back(receipt);
        Ok(())
    }

    fn take_observation(&mut self, message: &[u8]) -> Result<()> {
        let parties = self.parties;
        let mut senders = |name: &str, class| parties.peer(name, class);
        let mut out = vec![0; message.len()];
        let platform = self.benches[1].platform();
        let opened = self.sessions.open(&platform, &parties.suite, &mut senders, message, &mut out);
        let opened = opened.inspect_err(|reason| {
            if *reason == Reason::SessionUnknown {
                self.lost = Sessions::<4>::claimed(message);
            }
        })?;
        let name = (opened.kid, opened.sequence);
        assert_eq!(self.observed.get(&name).map(Vec::as_slice), Some(opened.body), "never sent, or changed");
        assert!(self.seen.insert(name), "{name:?} came twice");
        *self.gaps.entry(opened.kid).or_insert(0) += match opened.order {
            Order::Gap(missing) => i64::try_from(missing).expect("few"),
            Order::Late => -1,
            Order::InOrder | Order::Uncertain => 0,
        };
        let ticket = opened.ticket;
        self.sessions.commit(ticket)
    }

    fn take_order(&mut self, message: &[u8]) -> Result<()> {
        let us = (DEVICE, &self.parties.own.private, Direction::ToDevice);
        let body = open(self.parties, &mut self.orders, self.benches[0], us, message)?;
        assert!(self.given.contains(&body), "an order that nobody gave");
        assert!(self.obeyed.insert(body), "an order came twice");
        Ok(())
    }

    fn take_report(&mut self, message: &[u8]) -> Result<()> {
        let peer = self.parties.peer(RECORD, Purpose::Receipt)?;
        let report = Report::verify(&self.parties.suite, &peer, DEVICE.as_bytes(), Direction::FromDevice, message)?;
        assert!(self.reported.contains(message), "a report that nobody made");
        for receipt in report.receipts.iter().flatten().filter(|receipt| receipt.verdict == Verdict::Stored) {
            assert!(self.kept.contains_key(&receipt.id), "a receipt for what is not kept");
        }
        self.outbox.settle(&self.benches[0].platform(), &report)?;
        if report.lost_session.is_some() && report.lost_session == self.session.as_ref().map(Session::kid) {
            self.session = None;
        }
        Ok(())
    }

    /// What the device told of: messages that gave way, and such as will not be taken.
    fn note_events(&mut self) {
        let told = [Reason::OutboxFull, Reason::MessageTooOld, Reason::OutboxDamaged];
        let events = self.benches[0].take_events();
        self.events.extend(events.iter().filter(|event| told.contains(&event.reason)).map(|event| event.detail));
        let _ = (self.benches[1].take_events(), self.benches[2].take_events());
    }

    /// The network gives up; what waits arrives, and the books are compared.
    fn finish(mut self) -> Outcome {
        for _ in 0..64 {
            self.outbox.retry();
            self.send(false);
            self.report(false);
        }
        self.note_events();
        assert!(self.outbox.is_empty(), "what waits arrives once it can");
        for id in self.made.keys().filter(|id| !self.kept.contains_key(id)) {
            assert!(self.events.contains(&id.sequence), "{id:?} is missing and nobody told");
            self.outcome.told += 1;
        }
        for (kid, gaps) in &self.gaps {
            let of =
                |all: &BTreeSet<([u8; 4], u64)>| all.range((*kid, 0)..=(*kid, u64::MAX)).copied().collect::<Vec<_>>();
            let seen = of(&self.seen);
            let highest = seen.last().map_or(0, |(_, number)| *number);
            let missing = i64::try_from(highest).expect("few") - i64::try_from(seen.len()).expect("few");
            assert_eq!(*gaps, missing, "the gaps of a session are those that were told");
        }
        self.outcome
    }
}

fn outbox(parties: &Parties, device: &Bench) -> Outbox {
    Outbox::load(&device.platform(), &parties.suite, 3, &mut [0; ENTRY]).expect("an outbox goes on")
}

fn plain<'a>(class: Purpose, to: &'a [VerifiedPeer], body: &'a [u8]) -> Outgoing<'a> {
    Outgoing { class, stream: 0, to, fresh: None, content_type: TEXT, body, time: Time::UNKNOWN }
}

type Us<'a> = (&'static str, &'a soft::PrivateKey, Direction);

fn receiver<'a>((name, key, direction): Us<'a>) -> Receiver<'a> {
    let classes = match direction {
        Direction::FromDevice => Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit]),
        Direction::ToDevice => Purposes::of(&[Purpose::Command]),
    };
    Receiver { name: name.as_bytes(), key, direction, allowed: classes }
}

/// Opens and commits; gives the body.
fn open(parties: &Parties, opener: &mut Opener, bench: &Bench, us: Us<'_>, message: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; message.len()];
    let mut senders = |name: &str, class| parties.peer(name, class);
    let opened = opener.open(&bench.platform(), &parties.suite, &receiver(us), &mut senders, message, &mut out)?;
    let body = opened.body.to_vec();
    opener.commit(&bench.platform(), opened.ticket)?;
    Ok(body)
}
