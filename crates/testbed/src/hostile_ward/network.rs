//! The network: what it does to a message in which state.

use super::ends::{Carried, Topic, Ward, open, signed};
use super::parties::{BODY, CONSOLE, DEVICE, NEIGHBOUR, OTHER, RECORD, TEXT, origin, plain};
use super::{ATTACKS, STATES};
use crate::bench::Bench;
use crate::hostile;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::time::Time;
use aseptic_core::trust::Purpose;
use aseptic_messaging::{Direction, Fresh, Opener, Origin, Outgoing, Report, Sender, Session, SessionOffer};
use std::collections::VecDeque;

/// Messages of one state that it keeps to replay them.
const CAPTURED: usize = 64;

/// What the network holds and has seen.
#[derive(Default)]
pub(super) struct Network {
    /// Held back until the turn.
    held: Vec<(u32, Carried)>,
    captured: [VecDeque<Carried>; STATES.len()],
    /// The name of a session that was seen before, other than the one at hand.
    kids: VecDeque<[u8; 4]>,
    /// What the last order answers, and the last report says: the network is assumed to know both.
    pub(super) fresh: Option<Fresh>,
    pub(super) report: Report,
}

impl Ward {
    /// The network carries one message, or does something else with it.
    pub(super) fn carry(&mut self, hostile: bool, state: usize, carried: Carried) {
        if !hostile {
            return self.deliver(&carried);
        }
        let attack = self.attack(state, &carried.1);
        *self.books.outcome.coverage.entry((ATTACKS[attack], STATES[state])).or_insert(0) += 1;
        let (topic, message) = &carried;
        match ATTACKS[attack] {
            "read" => {
                self.read(&carried);
                self.deliver(&carried);
            }
            "alter" => {
                let bit = self.dice.below(message.len() * 8);
                self.deliver(&(*topic, hostile::flip(message, bit)));
            }
            "drop" => {}
            "duplicate" => (0..2).for_each(|_| self.deliver(&carried)),
            "reorder" => self.network.held.push((self.books.turns + 1, carried.clone())),
            "delay" => {
                let turns = u32::try_from(self.dice.below(60)).expect("few");
                self.network.held.push((self.books.turns + 2 + turns, carried.clone()));
            }
            "truncate" => {
                let end = self.dice.below(message.len());
                self.deliver(&(*topic, message.get(..end).expect("shorter").to_vec()));
            }
            "swap recipient" => {
                let swapped = self.swapped(state, message);
                self.refused_elsewhere(&swapped);
                self.deliver(&(*topic, swapped));
            }
            "swap topic" => {
                self.refused_elsewhere(message);
                for other in [Topic::Record, Topic::Orders, Topic::Reports] {
                    self.deliver(&(other, message.clone()));
                }
            }
            "re-sign" => {
                let forged = self.forged(state, message);
                self.deliver(&(*topic, forged));
                self.deliver(&carried);
            }
            "replay over restarts" => {
                self.deliver(&carried);
                match topic {
                    Topic::Record => self.restart_record(),
                    Topic::Orders | Topic::Reports => self.restart_device(),
                }
                self.deliver(&carried);
                self.replay(state, 3);
            }
            _ => {
                for length in 0..20 {
                    let noise = (0..length * 7).map(|at| u8::try_from(at * 31 % 251).expect("a byte")).collect();
                    self.deliver(&(*topic, noise));
                }
                self.replay(state, 6);
                self.deliver(&carried);
            }
        }
        let captured = &mut self.network.captured[state];
        captured.push_back(carried);
        if captured.len() > CAPTURED {
            captured.pop_front();
        }
    }

    /// Delivers what is held back until `turn` at most.
    pub(super) fn deliver_held(&mut self, turn: u32) {
        let (due, rest) = std::mem::take(&mut self.network.held).into_iter().partition(|(when, _)| *when <= turn);
        self.network.held = rest;
        Vec::into_iter(due).for_each(|(_, carried)| self.deliver(&carried));
    }

    /// What is done next: a third of the time it only reads, another third it does what it has done least in this state, so
    /// that no pair waits for luck.
    fn attack(&mut self, state: usize, message: &[u8]) -> usize {
        if let Some(kid) = kid(message)
            && !self.network.kids.contains(&kid)
        {
            self.network.kids.push_back(kid);
        }
        let (any, mood) = (self.dice.below(ATTACKS.len()), self.dice.below(3));
        let possible = |attack: &usize| ATTACKS[*attack] != "swap recipient" || self.other_kid(message).is_some();
        let met =
            |attack: &usize| self.books.outcome.coverage.get(&(ATTACKS[*attack], STATES[state])).copied().unwrap_or(0);
        match mood {
            0 => return 0,
            1 if possible(&any) => return any,
            _ => {}
        }
        (0..ATTACKS.len()).filter(possible).min_by_key(met).unwrap_or(any)
    }

    /// Nothing of the content stands in a message, and no name but that of the recipient of a sealed one.
    fn read(&mut self, (topic, message): &Carried) {
        let named = [DEVICE, RECORD, OTHER, CONSOLE].into_iter().filter(|name| match topic {
            Topic::Record => *name != RECORD,
            Topic::Orders => *name != DEVICE,
            Topic::Reports => true,
        });
        for word in named.chain([BODY]) {
            if message.windows(word.len()).any(|window| window == word.as_bytes()) {
                self.books.violation(format!("the network reads {word:?}"));
            }
        }
    }

    /// Another session than that of the message; none for a message that is of none: then any name of a recipient serves.
    fn other_kid(&self, message: &[u8]) -> Option<[u8; 4]> {
        match kid(message) {
            Some(kid) => self.network.kids.iter().rev().find(|other| **other != kid).copied(),
            None => Some([0; 4]),
        }
    }

    /// The message for somebody else: under the name of another recipient, in another session, or, of a report, which names
    /// nobody, the same said to another device.
    fn swapped(&self, state: usize, message: &[u8]) -> Vec<u8> {
        match STATES[state] {
            "report" => signed(&self.parties, &self.network.report, &self.parties.receipts, NEIGHBOUR),
            "order under a challenge" | "order with a time" => hostile::swap_recipient(message, DEVICE, NEIGHBOUR),
            _ => match (kid(message), self.other_kid(message)) {
                (Some(kid), Some(other)) => renamed(message, kid, other),
                _ => hostile::swap_recipient(message, RECORD, OTHER),
            },
        }
    }

    /// The same kind of message, of the network's own making and under somebody else's name.
    fn forged(&mut self, state: usize, message: &[u8]) -> Vec<u8> {
        let (bench, network) = (Bench::new(self.dice.0), &self.parties.network);
        let genuine = self.dice.below(2) == 0;
        let (suite, platform) = (&self.parties.suite, bench.platform());
        let named = |victim| if genuine { victim } else { network.public() };
        let device = Origin { key: named(self.parties.device.public()), ..origin(DEVICE, network) };
        let mut sender = Sender::load(&platform, Direction::FromDevice).expect("a blank device");
        let mut out = vec![0; Sender::room(128)];
        let mut offer = |class| {
            let to = self.parties.receives(RECORD);
            let offer =
                SessionOffer { to: &to, class, content_type: TEXT, time: Time::UNKNOWN, hybrid: None, after: None };
            let (session, length) =
                Session::offer(&platform, suite, &mut sender, &device, &offer, &mut out).expect("a forgery");
            (session, out[..length].to_vec())
        };
        match STATES[state] {
            "report" if genuine => {
                let from = Origin { key: self.parties.receipts.public(), ..origin(RECORD, network) };
                let mut out = vec![0; aseptic_messaging::REPORT];
                let length = self.network.report.sign(suite, &from, DEVICE.as_bytes(), Direction::FromDevice, &mut out);
                out.truncate(length.expect("a forgery"));
                out
            }
            "report" => signed(&self.parties, &self.network.report, network, DEVICE),
            "offer of a session" => offer(Purpose::Telemetry).1,
            "in a session" | "in a session that the record has lost" => {
                // With a key of its own, under the name of the session.
                let ((mut session, _), to) = (offer(Purpose::Telemetry), self.parties.receives(RECORD));
                let mut sealed = vec![0; 128];
                let length = session.seal(&platform, suite, &to, b"all is well", &mut sealed).expect("a forgery");
                sealed.truncate(length);
                renamed(&sealed, session.kid(), kid(message).expect("a message of a session"))
            }
            "order under a challenge" | "order with a time" => {
                let to = [self.parties.receives(DEVICE)];
                let message = Outgoing { fresh: self.network.fresh, ..plain(Purpose::Command, &to, b"stop the pump") };
                let from = Origin { key: named(self.parties.console.public()), ..origin(CONSOLE, network) };
                sealed(&platform, suite, Direction::ToDevice, &from, &message)
            }
            _ => {
                let to = [self.parties.receives(RECORD)];
                sealed(&platform, suite, Direction::FromDevice, &device, &plain(Purpose::Alarm, &to, b"all is well"))
            }
        }
    }

    /// Half of them of this state.
    fn replay(&mut self, state: usize, count: usize) {
        for number in 0..count {
            let of = if number % 2 == 0 { state } else { self.dice.below(STATES.len()) };
            let captured = &self.network.captured[of];
            if captured.is_empty() {
                continue;
            }
            let old = captured[self.dice.below(captured.len())].clone();
            self.deliver(&old);
        }
    }

    /// Others of the owner, to whom nothing was said, take nothing.
    fn refused_elsewhere(&mut self, message: &[u8]) {
        let others = [
            (OTHER, &self.parties.other, Direction::FromDevice),
            (NEIGHBOUR, &self.parties.neighbour, Direction::ToDevice),
        ];
        for other in others {
            let bench = Bench::new(7);
            let mut opener = Opener::load(&bench.platform()).expect("a blank reader");
            if open(&self.parties, &mut opener, &bench, other, message).is_ok() {
                self.books.outcome.forged += 1;
                return self.books.violation("taken by somebody to whom it was not said".to_owned());
            }
        }
    }
}

/// A sealed message of the network's own.
fn sealed(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    direction: Direction,
    from: &Origin<'_>,
    message: &Outgoing<'_>,
) -> Vec<u8> {
    let mut out = vec![0; Sender::room(message.body.len())];
    let mut sender = Sender::load(platform, direction).expect("a blank device");
    let length = sender.seal(platform, suite, from, message, &mut out);
    out.truncate(length.expect("a forgery"));
    out
}

/// The name of the session that a message is of.
fn kid(message: &[u8]) -> Option<[u8; 4]> {
    if message.first() == Some(&0xD0) { aseptic_messaging::Sessions::<1>::claimed(message) } else { None }
}

/// A message of a session under the name of another.
fn renamed(message: &[u8], from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let mut renamed = message.to_vec();
    let at = message.windows(4).position(|window| window == from).expect("the name of the session");
    renamed[at..at + 4].copy_from_slice(&to);
    renamed
}
