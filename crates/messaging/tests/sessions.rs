//! Sessions: small, once each, over with trust, and never for orders.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::cbor::Reader;
use aseptic_core::cbor::Rules;
use aseptic_core::cose::{ContentType, Encrypt0};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_messaging::{
    Accepted, Direction, Earlier, Opener, Order, SESSION_OVERHEAD, Sender, Session, SessionOffer, Sessions,
};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::hostile;
use std::collections::BTreeSet;
use ward::{NOW, Ward};

const TYPE: ContentType<'_> = ContentType::Text("x-application/hl7-v2+er7");

/// A device and a receiver, both just started.
struct Pair {
    ward: Ward,
    device: Bench,
    server: Bench,
    sender: Sender,
    opener: Opener,
    sessions: Sessions<2>,
}

impl Pair {
    fn new() -> Self {
        let (device, server) = (Bench::new(1), Bench::new(2));
        let sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
        let opener = Opener::load(&server.platform()).unwrap();
        Self { ward: Ward::new(), device, server, sender, opener, sessions: Sessions::default() }
    }

    fn to(&self) -> VerifiedPeer {
        self.ward.to(&self.ward.adapters[0])
    }

    fn offer(&mut self, class: Purpose) -> Result<(Session, Vec<u8>)> {
        self.offer_after(class, None)
    }

    fn offer_after(&mut self, class: Purpose, after: Option<&Session>) -> Result<(Session, Vec<u8>)> {
        let (to, mut out) = (self.to(), vec![0; Sender::room(128)]);
        let (platform, from) = (self.device.platform(), self.ward.pump.origin());
        let offer = SessionOffer { to: &to, class, content_type: TYPE, time: NOW, hybrid: None, after };
        let (session, length) = Session::offer(&platform, &self.ward.suite, &mut self.sender, &from, &offer, &mut out)?;
        out.truncate(length);
        Ok((session, out))
    }

    fn accept(&mut self, offer: &[u8]) -> Result<Accepted> {
        let (ward, mut out) = (&self.ward, vec![0; offer.len()]);
        let adapter = &ward.adapters[0];
        let opened = ward.open(&mut self.opener, &self.server, adapter, offer, &mut out)?;
        let signer = ward.sender(opened.from, opened.class)?;
        self.sessions.accept(&ward.suite, &adapter.receiver(), &signer, &opened)
    }

    fn seal(&self, session: &mut Session, body: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; body.len() + SESSION_OVERHEAD];
        let length = session.seal(&self.device.platform(), &self.ward.suite, &self.to(), body, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    fn take(&mut self, message: &[u8]) -> Result<(u64, Order)> {
        let (ward, mut out) = (&self.ward, vec![0x55; message.len()]);
        let mut senders = |name: &str, class| ward.sender(name, class);
        let opened = self.sessions.open(&self.server.platform(), &ward.suite, &mut senders, message, &mut out)?;
        assert_eq!((opened.from, opened.content_type), ("pump-1", TYPE));
        let (seen, ticket) = ((opened.sequence, opened.order), opened.ticket);
        self.sessions.commit(ticket)?;
        Ok(seen)
    }
}

#[test]
fn an_observation_of_200_bytes_grows_by_40_at_most() {
    let mut pair = Pair::new();
    let (mut session, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    let body = [7; 200];
    let (mut least, mut most) = (usize::MAX, 0);
    for number in 1..=70_000_u64 {
        if number > 300 && number < 65_400 {
            // Nothing is lost by numbers that are not delivered.
            pair.seal(&mut session, &[]).unwrap();
            continue;
        }
        let message = pair.seal(&mut session, &body).unwrap();
        (least, most) = (least.min(message.len() - body.len()), most.max(message.len() - body.len()));
        let order = if number == 65_400 { Order::Gap(65_099) } else { Order::InOrder };
        assert_eq!(pair.take(&message), Ok((number, order)));
    }
    println!("a session adds {least} to {most} bytes to 200, an offer has {}", offer.len());
    // A Partial IV of four bytes takes one more.
    assert!(most < SESSION_OVERHEAD);
    const { assert!(SESSION_OVERHEAD <= 40) }
}

#[test]
fn no_nonce_comes_twice_over_sessions_and_restarts_even_of_a_copied_device() {
    let mut pair = Pair::new();
    let mut seen = BTreeSet::new();
    for start in 0..6 {
        pair.device.restart();
        pair.sender = Sender::load(&pair.device.platform(), Direction::FromDevice).unwrap();
        for class in [Purpose::Telemetry, Purpose::Alarm, Purpose::Audit] {
            let (mut session, _) = pair.offer(class).unwrap();
            for _ in 0..20 {
                let message = pair.seal(&mut session, b"x").unwrap();
                let parsed = Encrypt0::parse(&message).unwrap();
                let nonce = (parsed.header.kid.unwrap().to_vec(), parsed.header.partial_iv.unwrap().to_vec());
                assert!(seen.insert(nonce), "start {start}");
            }
        }
    }
    assert_eq!(seen.len(), 6 * 3 * 20);
}

#[test]
fn every_changed_bit_is_refused_and_each_message_is_taken_once() {
    let mut pair = Pair::new();
    let (mut session, offer) = pair.offer(Purpose::Telemetry).unwrap();
    let early = pair.seal(&mut session, b"before the offer").unwrap();
    assert_eq!(pair.take(&early), Err(Reason::SessionUnknown));
    assert_eq!(pair.accept(&offer).map(|accepted| accepted.kid), Ok(session.kid()));
    assert_eq!(pair.accept(&offer), Err(Reason::MessageReplayed), "an offer is taken once");
    assert_eq!(pair.take(&early), Ok((1, Order::InOrder)));
    let message = pair.seal(&mut session, b"SpO2 97 %").unwrap();
    for bit in 0..message.len() * 8 {
        assert!(pair.take(&hostile::flip(&message, bit)).is_err(), "bit {bit}");
    }
    for end in 0..message.len() {
        assert!(pair.take(&message[..end]).is_err());
    }
    assert_eq!(pair.take(&message), Ok((2, Order::InOrder)));
    assert_eq!(pair.take(&message), Err(Reason::MessageReplayed));
    let numbered: Vec<_> = (3..=70).map(|_| pair.seal(&mut session, b"x").unwrap()).collect();
    assert_eq!(pair.take(&numbered[67]), Ok((70, Order::Gap(67))));
    assert_eq!(pair.take(&numbered[3]), Ok((6, Order::Late)));
    assert_eq!(pair.take(&numbered[2]), Err(Reason::MessageTooOld));
}

#[test]
fn an_older_offer_is_never_taken_restarts_included() {
    let mut pair = Pair::new();
    let (mut first, old) = pair.offer(Purpose::Telemetry).unwrap();
    let (_, new) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&new).unwrap();
    let message = pair.seal(&mut first, b"x").unwrap();
    let before = pair.server.snapshot();
    for restarted in [false, true] {
        if restarted {
            pair.server.restart();
            pair.opener = Opener::load(&pair.server.platform()).unwrap();
            pair.sessions = Sessions::default();
            assert_eq!(pair.accept(&new), Err(Reason::MessageTooOld), "an equal one neither");
        }
        assert_eq!(pair.accept(&old), Err(Reason::MessageTooOld));
        assert_eq!(pair.take(&message), Err(Reason::SessionUnknown));
        assert!(pair.server.snapshot() == before);
    }
    // The receiver has lost its keys: the next offer begins another session.
    let (mut next, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    let message = pair.seal(&mut next, b"x").unwrap();
    assert_eq!(pair.take(&message), Ok((1, Order::InOrder)));
    assert_eq!(Sessions::<2>::claimed(&message), Some(next.kid()));
}

#[test]
fn orders_never_travel_in_a_session_and_no_other_message_makes_one() {
    let mut pair = Pair::new();
    for class in [Purpose::Command, Purpose::Configuration, Purpose::Receive] {
        assert_eq!(pair.offer(class).map(drop), Err(Reason::MessageClass));
    }
    let to = [pair.to()];
    let message = ward::outgoing(Purpose::Telemetry, &to, &[0; 40]);
    let sealed = pair.ward.seal(&mut pair.sender, &pair.device, &pair.ward.pump, &message).unwrap();
    assert_eq!(pair.accept(&sealed), Err(Reason::MessageMalformed));
}

#[test]
fn a_session_ends_with_the_trust_in_either_end() {
    let mut pair = Pair::new();
    let (mut session, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    let message = pair.seal(&mut session, b"x").unwrap();
    // The recipient is another one now, or its key has changed.
    let mut seal =
        |to: &VerifiedPeer| session.seal(&pair.device.platform(), &pair.ward.suite, to, b"x", &mut [0; 64]).map(drop);
    assert_eq!(seal(&pair.ward.to(&pair.ward.adapters[1])), Err(Reason::SessionUnknown));
    let receive = Purposes::of(&[Purpose::Receive]);
    let material = Material::Key(pair.ward.adapters[1].public());
    let entries = [Entry { purposes: receive, name: b"adapter-1", material }];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    assert_eq!(
        seal(&trust.pinned(&pair.ward.suite, Purpose::Receive, b"adapter-1").unwrap()),
        Err(Reason::SessionUnknown)
    );
    // The sender is withdrawn, or has another key.
    let ward = &pair.ward;
    let refuse = |answer: &dyn Fn() -> Result<VerifiedPeer>| {
        let mut senders = |_: &str, _| answer();
        let mut out = vec![0x55; message.len()];
        let refusal =
            pair.sessions.open(&pair.server.platform(), &ward.suite, &mut senders, &message, &mut out).map(drop);
        assert!(out.iter().all(|byte| *byte == 0));
        refusal.unwrap_err()
    };
    assert_eq!(refuse(&|| Err(Reason::CertificateRevoked)), Reason::CertificateRevoked);
    assert_eq!(refuse(&|| ward.peer("monitor-7", Purpose::Telemetry)), Reason::SessionUnknown);
    assert_eq!(refuse(&|| ward.peer("pump-1", Purpose::Alarm)), Reason::NoPurpose);
    assert_eq!(pair.take(&message), Ok((1, Order::InOrder)));
    pair.sessions.end(b"pump-1");
    assert_eq!(pair.take(&message), Err(Reason::SessionUnknown));
}

#[test]
fn the_table_is_bounded_and_a_new_offer_replaces_the_old_session() {
    let mut pair = Pair::new();
    let (mut old, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    let (_, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    let message = pair.seal(&mut old, b"x").unwrap();
    assert_eq!(pair.take(&message), Err(Reason::SessionUnknown));
    let (_, offer) = pair.offer(Purpose::Alarm).unwrap();
    pair.accept(&offer).unwrap();
    let (_, offer) = pair.offer(Purpose::Audit).unwrap();
    assert_eq!(pair.accept(&offer), Err(Reason::SendersFull));
    let long = vec![0; limits::MESSAGE + 1];
    assert_eq!(pair.seal(&mut old, &long), Err(Reason::TooLarge));
}

/// A device that talks, loses power, counts on or anew, and a receiver that does; what each offer tells against a tally that
/// forgets nothing.
#[test]
fn each_offer_tells_what_is_missing_at_the_end_of_the_sessions_before() {
    let class = Purpose::Telemetry;
    let (mut told, mut unknown) = (0, 0);
    for seed in 1..=15_u64 {
        let (mut pair, mut dice) = (Pair::new(), seed);
        let mut below = |limit: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % limit
        };
        let mut session: Option<Session> = None;
        // Of the run: all that was sent, and the last of them that arrived; of the receiver: the run that it knows.
        let (mut run, mut sent, mut last, mut knows) = (0_u64, 0, 0, None);
        for _ in 0..30 {
            match below(6) {
                0 => {
                    pair.device.restart();
                    pair.sender = Sender::load(&pair.device.platform(), Direction::FromDevice).unwrap();
                    session = None;
                }
                1 => {
                    pair.server.restart();
                    pair.opener = Opener::load(&pair.server.platform()).unwrap();
                    (pair.sessions, knows) = (Sessions::default(), None);
                }
                _ => {}
            }
            let before = session.as_ref().filter(|_| below(5) > 0);
            if before.is_none() {
                (run, sent, last) = (run + 1, 0, 0);
            }
            let (mut next, offer) = pair.offer_after(class, before).unwrap();
            let arrives = below(3) > 0;
            if arrives {
                let accepted = pair.accept(&offer).unwrap();
                let expected = match knows {
                    None => Earlier::First { sent },
                    Some(known) if known == run => Earlier::Continued { missing: sent - last },
                    Some(_) => Earlier::Restarted { missing: sent },
                };
                assert_eq!(accepted.earlier, expected, "seed {seed}");
                unknown += u32::from(matches!(expected, Earlier::Restarted { .. }));
                told += u32::from(matches!(expected, Earlier::Continued { missing } if missing > 0));
                (knows, last) = (Some(run), sent);
            }
            for _ in 0..below(8) {
                let message = pair.seal(&mut next, b"x").unwrap();
                sent += 1;
                match pair.take(&message) {
                    Ok(_) if arrives => last = sent,
                    other => assert_eq!((arrives, other), (false, Err(Reason::SessionUnknown))),
                }
                // Lost on its way.
                for _ in 0..below(3) {
                    pair.seal(&mut next, b"x").unwrap();
                    sent += 1;
                }
            }
            session = Some(next);
        }
    }
    println!("{told} ends of sessions were told by number, {unknown} as not known");
    assert!(told > 25 && unknown > 25);
}

#[test]
fn a_count_is_of_one_recipient_one_class_and_one_epoch() {
    let mut pair = Pair::new();
    let (mut first, offer) = pair.offer(Purpose::Telemetry).unwrap();
    pair.accept(&offer).unwrap();
    pair.seal(&mut first, b"x").unwrap();
    let (_, alarms) = pair.offer_after(Purpose::Alarm, Some(&first)).unwrap();
    assert_eq!(pair.accept(&alarms).unwrap().earlier, Earlier::First { sent: 0 });
    let (mut second, offer) = pair.offer_after(Purpose::Telemetry, Some(&first)).unwrap();
    assert_eq!(pair.accept(&offer).unwrap().earlier, Earlier::Continued { missing: 1 });
    pair.seal(&mut second, b"x").unwrap();
    pair.sender = Sender::start_over(&pair.device.platform(), Direction::FromDevice).unwrap();
    let (_, offer) = pair.offer_after(Purpose::Telemetry, Some(&second)).unwrap();
    assert_eq!(pair.accept(&offer).unwrap().earlier, Earlier::Restarted { missing: 0 });
}

#[test]
fn what_is_on_the_wire_names_nobody() {
    let mut pair = Pair::new();
    let (mut session, offer) = pair.offer(Purpose::Alarm).unwrap();
    let message = pair.seal(&mut session, b"occlusion").unwrap();
    for word in [&b"pump-1"[..], b"adapter-1", b"occlusion", b"hl7"] {
        assert!(!message.windows(word.len()).any(|window| window == word));
    }
    assert!(!offer.windows(6).any(|window| window == b"pump-1"));
    let mut reader = Reader::new(&message, Rules::Deterministic);
    assert_eq!(reader.tag(), Ok(16));
}
