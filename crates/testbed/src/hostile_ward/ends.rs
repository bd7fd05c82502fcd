//! The device, the record and the console, and how each takes what reaches it.

use super::Coverage;
use super::books::{Books, Outcome};
use super::network::Network;
use super::parties::{BODY, CONSOLE, DEVICE, Dice, OTHER, Parties, RECORD, TEXT, origin, plain, receiver};
use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::Suite;
use aseptic_core::time::Time;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{
    Direction, ENTRY, Fresh, HYBRID_OFFER, MessageId, OFFER, Opener, Outbox, Outgoing, REPORT, Receipt, Report, Sender,
    Session, SessionOffer, Sessions, Verdict,
};
use std::collections::{BTreeSet, VecDeque};

/// Where a message is taken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Record,
    Orders,
    Reports,
}

/// A message on its way.
pub(super) type Carried = (Topic, Vec<u8>);

/// The classes of the sessions that the device has.
const SESSIONS: [Purpose; 2] = [Purpose::Telemetry, Purpose::Audit];

/// Lost sessions that the record tells of.
const LOST: usize = 4;

pub(super) struct Ward {
    pub(super) parties: Parties,
    pub(super) dice: Dice,
    pub(super) books: Books,
    pub(super) network: Network,
    pub(super) device: Device,
    record: Record,
    console: (Bench, Sender),
}

pub(super) struct Device {
    bench: Bench,
    sender: Sender,
    outbox: Outbox,
    sessions: [Option<Talk>; 2],
    pub(super) orders: Opener,
    restarted: bool,
    /// Turns for which the owner's store has no key of the record.
    distrusts: u32,
}

/// A session, and whether the record has lost it.
struct Talk {
    session: Session,
    lost: bool,
}

struct Record {
    bench: Bench,
    opener: Opener,
    sessions: Sessions<4>,
    /// The sessions whose offers it has taken.
    knows: BTreeSet<[u8; 4]>,
    owed: VecDeque<Receipt>,
    /// Those whose messages it could not open, told of in turn.
    lost: VecDeque<[u8; 4]>,
    restarted: bool,
}

impl Ward {
    pub(super) fn new(parties: Parties, seed: u64, coverage: Coverage) -> Self {
        let [device, record, console] = [1, 2, 3].map(|number| Bench::new(seed << 8 | number));
        let device = Device {
            sender: Sender::load(&device.platform(), Direction::FromDevice).expect("a blank device"),
            outbox: outbox(&parties.suite, &device),
            sessions: [None, None],
            orders: Opener::load(&device.platform()).expect("a blank device"),
            restarted: false,
            distrusts: 0,
            bench: device,
        };
        let record = Record {
            opener: Opener::load(&record.platform()).expect("a blank record"),
            sessions: Sessions::default(),
            knows: BTreeSet::new(),
            owed: VecDeque::new(),
            lost: VecDeque::new(),
            restarted: false,
            bench: record,
        };
        let sender = Sender::load(&console.platform(), Direction::ToDevice).expect("a blank console");
        let (dice, mut books) = (Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1), Books::default());
        books.outcome.coverage = coverage;
        Self { parties, dice, books, network: Network::default(), device, record, console: (console, sender) }
    }

    /// Sends at least `messages` messages through the network, then lets what waits arrive over a line without fault.
    pub(super) fn live(mut self, messages: u32) -> Outcome {
        while self.books.outcome.made < messages {
            self.turn();
        }
        self.books.turns += 1;
        self.deliver_held(u32::MAX);
        for _ in 0..64 {
            self.device.outbox.retry();
            self.send(false);
            self.report(false);
        }
        // What comes now shows what was missing before it; where a session is lost, its end in the offer of the next.
        for _ in 0..8 {
            (0..2).for_each(|class| self.observe(class, false));
            self.report(false);
        }
        let empty = self.device.outbox.is_empty();
        self.books.close(empty)
    }

    /// One turn: something happens at each end, and the network does what it does.
    fn turn(&mut self) {
        self.books.turns += 1;
        self.device.bench.pass(1);
        match self.dice.below(40) {
            0 => self.restart_device(),
            1 => self.restart_record(),
            2 if self.dice.below(4) == 0 => {
                // Trust withdrawn: what waits waits, and sessions are over.
                self.device.distrusts = 1 + u32::try_from(self.dice.below(6)).expect("few");
                self.device.sessions = [None, None];
            }
            2..8 => [true, false].into_iter().for_each(|challenged| self.order(challenged)),
            8..20 => {
                let class = self.dice.below(SESSIONS.len());
                (0..=self.dice.below(8)).for_each(|_| self.observe(class, true));
            }
            _ => (0..=self.dice.below(4)).for_each(|_| self.put()),
        }
        self.send(true);
        self.report(true);
        self.deliver_held(self.books.turns);
        self.device.distrusts = self.device.distrusts.saturating_sub(1);
        self.books.turn();
    }

    /// The power goes, and once in a while the record of the sender's numbers with it.
    pub(super) fn restart_device(&mut self) {
        let loses_numbers = self.dice.below(3) == 0;
        let device = &mut self.device;
        device.bench.restart();
        let platform = device.bench.platform();
        let load = if loses_numbers { Sender::start_over } else { Sender::load };
        device.sender = load(&platform, Direction::FromDevice).expect("a sender goes on");
        device.orders = Opener::load(&platform).expect("an opener goes on");
        device.outbox = outbox(&self.parties.suite, &device.bench);
        device.sessions = [None, None];
        device.restarted = true;
    }

    pub(super) fn restart_record(&mut self) {
        let record = &mut self.record;
        record.bench.restart();
        record.opener = Opener::load(&record.bench.platform()).expect("an opener goes on");
        record.sessions = Sessions::default();
        record.knows.clear();
        record.owed.clear();
        record.restarted = true;
    }

    /// A body that no other message has.
    fn body(&self) -> Vec<u8> {
        format!("{BODY} {}", self.books.outcome.made).into_bytes()
    }

    fn put(&mut self) {
        let class = [Purpose::Alarm, Purpose::Audit, Purpose::Telemetry, Purpose::Telemetry][self.dice.below(4)];
        let (body, to) = (self.body(), [RECORD, OTHER].map(|name| self.parties.receives(name)));
        let (message, from) = (plain(class, &to, &body), origin(DEVICE, &self.parties.device));
        let Device { bench, sender, outbox, .. } = &mut self.device;
        let _ = bench.take_events();
        match outbox.put(&bench.platform(), &self.parties.suite, sender, &from, &message, &mut [0; ENTRY]) {
            Ok(id) => {
                let events = bench.take_events();
                let gone = events.iter().filter(|event| event.reason == Reason::OutboxFull).map(|event| event.detail);
                self.books.put(id, class, body, &gone.collect::<Vec<_>>());
            }
            Err(Reason::OutboxFull) => {}
            Err(other) => self.books.violation(format!("the outbox takes nothing: {other}")),
        }
    }

    fn send(&mut self, hostile: bool) {
        let (to, mut out) = ([self.parties.receives(RECORD)], vec![0; Sender::room(256)]);
        let trusted = if self.device.distrusts == 0 { &to[..] } else { &[] };
        loop {
            let Device { bench, sender, outbox, .. } = &mut self.device;
            let next = outbox.seal_next(&bench.platform(), &self.parties.suite, sender, trusted, &mut out);
            let Some((id, length)) = next.expect("an outbox that sends") else { break };
            let state = self.state_of(id);
            self.carry(hostile, state, (Topic::Record, out.get(..length).expect("what was written").to_vec()));
        }
        (self.device.restarted, self.record.restarted) = (false, false);
    }

    /// In which of [`STATES`](super::STATES) a message of the outbox goes out.
    fn state_of(&self, id: MessageId) -> usize {
        match (id.sequence, id.epoch) {
            (1, 1) => 0,
            (1, _) => 1,
            _ if self.device.restarted => 3,
            _ if self.record.restarted => 4,
            _ => 2,
        }
    }

    fn observe(&mut self, class: usize, hostile: bool) {
        if self.device.distrusts > 0 {
            return;
        }
        let (to, suite) = (self.parties.receives(RECORD), self.parties.suite);
        let body = self.body();
        let Device { bench, sender, sessions, .. } = &mut self.device;
        let platform = bench.platform();
        let Some(Talk { session, lost: false }) = &mut sessions[class] else {
            let (from, mut out) = (origin(DEVICE, &self.parties.device), vec![0; Sender::room(HYBRID_OFFER)]);
            let after = sessions[class].as_ref().map(|talk| &talk.session);
            let (session, length) = self.parties.with_hybrid(|key| {
                let hybrid = key.filter(|_| SESSIONS[class] == Purpose::Audit);
                let class = SESSIONS[class];
                let offer = SessionOffer { to: &to, class, content_type: TEXT, time: Time::UNKNOWN, hybrid, after };
                Session::offer(&platform, &suite, sender, &from, &offer, &mut out).expect("an offer")
            });
            self.books.offer(SESSIONS[class], session.kid(), after.map(Session::kid));
            sessions[class] = Some(Talk { session, lost: false });
            out.truncate(length);
            return self.carry(hostile, 5, (Topic::Record, out));
        };
        let mut out = vec![0; body.len() + 64];
        let length = session.seal(&platform, &suite, &to, &body, &mut out).expect("a session");
        out.truncate(length);
        let kid = session.kid();
        self.books.observe(kid, body);
        let state = if self.record.knows.contains(&kid) { 6 } else { 7 };
        self.carry(hostile, state, (Topic::Record, out));
    }

    fn order(&mut self, challenged: bool) {
        let (to, body, platform) = ([self.parties.receives(DEVICE)], self.body(), self.device.bench.platform());
        let (state, fresh) = if challenged {
            let challenge = self.device.orders.challenge(&platform, 60_000).expect("a challenge");
            (8, Fresh::Challenge(challenge))
        } else {
            let (boot, uptime) = self.device.orders.ticks(&platform);
            (9, Fresh::Until { boot, uptime: uptime + 60_000 })
        };
        let message = Outgoing { fresh: Some(fresh), ..plain(Purpose::Command, &to, &body) };
        let from = origin(CONSOLE, &self.parties.console);
        let mut out = vec![0; Sender::room(body.len())];
        let (bench, sender) = &mut self.console;
        let length = sender.seal(&bench.platform(), &self.parties.suite, &from, &message, &mut out);
        out.truncate(length.expect("an order"));
        self.books.give(body);
        self.network.fresh = Some(fresh);
        self.carry(true, state, (Topic::Orders, out));
    }

    fn report(&mut self, hostile: bool) {
        let (suite, record) = (&self.parties.suite, &mut self.record);
        let mut report = record.opener.report(suite, DEVICE.as_bytes()).expect("a report");
        while let Some(receipt) = record.owed.pop_front() {
            if report.add(receipt).is_err() {
                record.owed.push_front(receipt);
                break;
            }
        }
        report.lost_session = record.lost.front().copied();
        record.lost.rotate_left(usize::from(!record.lost.is_empty()));
        let signed = signed(&self.parties, &report, &self.parties.receipts, DEVICE);
        self.network.report = report;
        self.books.report(signed.clone());
        self.carry(hostile, 10, (Topic::Reports, signed));
        // Nothing heard, or nothing believed: what has no receipt goes out again.
        self.device.outbox.retry();
    }

    pub(super) fn deliver(&mut self, (topic, message): &Carried) {
        let taken = match topic {
            Topic::Record if message.first() == Some(&0xD0) => self.take_observation(message),
            Topic::Record => self.take_sealed(message),
            Topic::Orders => self.take_order(message),
            Topic::Reports => self.take_report(message),
        };
        match taken {
            Ok(()) => self.books.outcome.accepted += 1,
            Err(reason) => *self.books.outcome.refused.entry(reason.name()).or_insert(0) += 1,
        }
    }

    fn take_sealed(&mut self, message: &[u8]) -> Result<()> {
        let (parties, record) = (&self.parties, &mut self.record);
        let us = receiver(RECORD, &parties.record, Direction::FromDevice);
        let (mut out, platform) = (vec![0; message.len()], record.bench.platform());
        let mut senders = |name: &str, class| parties.peer(name, class);
        let opened = match record.opener.open(&platform, &parties.suite, &us, &mut senders, message, &mut out) {
            Ok(opened) => opened,
            Err(reason) => {
                record.owed.extend(record.opener.receipt_again(&parties.suite, DEVICE.as_bytes())?);
                return Err(reason);
            }
        };
        if opened.content_type == ContentType::Text(OFFER) {
            let accepted = parties.accept(&mut record.sessions, &us, &opened)?;
            record.knows.insert(accepted.kid);
            self.books.begun(accepted.kid, accepted.earlier);
            record.lost.clear();
            return Ok(());
        }
        self.books.keep(opened.id(), opened.body, opened.order);
        let receipt = opened.receipt(Verdict::Stored);
        record.opener.commit(&platform, opened.ticket)?;
        record.owed.push_back(receipt);
        Ok(())
    }

    fn take_observation(&mut self, message: &[u8]) -> Result<()> {
        let (parties, record) = (&self.parties, &mut self.record);
        let mut senders = |name: &str, class| parties.peer(name, class);
        let (mut out, platform) = (vec![0; message.len()], record.bench.platform());
        let opened = record.sessions.open(&platform, &parties.suite, &mut senders, message, &mut out);
        let opened = opened.inspect_err(|reason| {
            let claimed = Sessions::<4>::claimed(message).filter(|kid| !record.lost.contains(kid));
            if *reason == Reason::SessionUnknown
                && let Some(kid) = claimed
            {
                // The newest first: the network names sessions that nobody ever had.
                record.lost.truncate(LOST - 1);
                record.lost.push_front(kid);
            }
        })?;
        self.books.see(opened.kid, opened.sequence, opened.body, opened.order);
        let ticket = opened.ticket;
        record.sessions.commit(ticket)
    }

    fn take_order(&mut self, message: &[u8]) -> Result<()> {
        let Device { bench, orders, .. } = &mut self.device;
        let body = open(&self.parties, orders, bench, (DEVICE, &self.parties.own, Direction::ToDevice), message)?;
        self.books.obey(body);
        Ok(())
    }

    fn take_report(&mut self, message: &[u8]) -> Result<()> {
        let peer = self.parties.peer(RECORD, Purpose::Receipt)?;
        let report = Report::verify(&self.parties.suite, &peer, DEVICE.as_bytes(), Direction::FromDevice, message)?;
        self.books.believe(message, &report);
        let Device { bench, outbox, sessions, .. } = &mut self.device;
        outbox.settle(&bench.platform(), &report)?;
        for talk in sessions.iter_mut().flatten() {
            talk.lost |= report.lost_session == Some(talk.session.kid());
        }
        Ok(())
    }
}

/// Opens and commits; gives the body.
pub(super) fn open(
    parties: &Parties,
    opener: &mut Opener,
    bench: &Bench,
    (name, key, direction): (&'static str, &KeyPair, Direction),
    message: &[u8],
) -> Result<Vec<u8>> {
    let (mut out, platform) = (vec![0; message.len()], bench.platform());
    let mut senders = |name: &str, class| parties.peer(name, class);
    let us = receiver(name, key, direction);
    let opened = opener.open(&platform, &parties.suite, &us, &mut senders, message, &mut out)?;
    let body = opened.body.to_vec();
    opener.commit(&platform, opened.ticket)?;
    Ok(body)
}

/// A report of the record for a device, under the key of anybody.
pub(super) fn signed(parties: &Parties, report: &Report, key: &KeyPair, device: &str) -> Vec<u8> {
    let (from, mut out) = (origin(RECORD, key), vec![0; REPORT]);
    let length = report.sign(&parties.suite, &from, device.as_bytes(), Direction::FromDevice, &mut out);
    out.truncate(length.expect("a report"));
    out
}

fn outbox(suite: &Suite<'_>, device: &Bench) -> Outbox {
    Outbox::load(&device.platform(), suite, 3, &mut [0; ENTRY]).expect("an outbox goes on")
}
