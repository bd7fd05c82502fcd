//! What goes through, what does not, and why: one reason for each attack.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::Reason;
use aseptic_core::cose::ContentType;
use aseptic_core::limits;
use aseptic_core::time::Time;
use aseptic_core::trust::Purpose;
use aseptic_messaging::{CONTROL, Direction, Fresh, Opener, Order, Outgoing, Receiver, SEALED_OVERHEAD, Sender};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::hostile::{self, Forger, Insider};
use ward::{CLASSES, NOW, Ward, order, outgoing};

const BODY: &[u8] = b"SpO2 97 %";

fn sender(device: &Bench) -> Sender {
    Sender::load(&device.platform(), Direction::FromDevice).unwrap()
}

fn opener(bench: &Bench) -> Opener {
    Opener::load(&bench.platform()).unwrap()
}

#[test]
fn one_or_three_recipients_read_what_was_sent_and_nobody_else_does() {
    let (ward, device) = (Ward::new(), Bench::new(1));
    let mut sender = sender(&device);
    for count in [1, 3] {
        let to: Vec<_> = ward.adapters[..count].iter().map(|adapter| ward.to(adapter)).collect();
        let message = Outgoing { stream: 2, ..outgoing(Purpose::Alarm, &to, BODY) };
        let sealed = ward.seal(&mut sender, &device, &ward.pump, &message).unwrap();
        println!("{} bytes of body, {count} recipients: {} bytes sealed", BODY.len(), sealed.len());
        assert!(!sealed.windows(4).any(|window| window == &BODY[..4]), "the relay can read no word of it");
        assert!(!sealed.windows(6).any(|window| window == b"pump-1"), "nor who sent it");
        for (at, adapter) in ward.adapters.iter().chain([&ward.archive]).enumerate() {
            let bench = Bench::new(2);
            let mut out = vec![0; sealed.len()];
            let opened = ward.open(&mut opener(&bench), &bench, adapter, &sealed, &mut out);
            if at >= count {
                assert_eq!(opened.unwrap_err(), Reason::CoseNoRecipient);
                continue;
            }
            let opened = opened.unwrap();
            assert_eq!((opened.from, opened.class, opened.stream), ("pump-1", Purpose::Alarm, 2));
            assert_eq!((opened.body, opened.content_type), (BODY, ContentType::Text("text/plain")));
            assert_eq!((opened.time, opened.degraded, opened.restarted), (NOW, None, false));
            assert_eq!(opened.epoch, 1);
            let signed = aseptic_core::cose::Sign1::parse(opened.signed).unwrap();
            assert_eq!(signed.verify(&ward.suite, ward.pump.public(), &[], None), Ok(()));
        }
    }
}

#[test]
fn the_longest_body_and_eight_long_names_fit_the_stated_room() {
    let (ward, device) = (Ward::new(), Bench::new(1));
    let to = [ward.to(&ward.adapters[0])];
    let body = vec![7; limits::MESSAGE];
    let sealed = ward.seal(&mut sender(&device), &device, &ward.pump, &outgoing(Purpose::Telemetry, &to, &body));
    let bench = Bench::new(2);
    assert_eq!(ward.take(&mut opener(&bench), &bench, &ward.adapters[0], &sealed.unwrap()), Ok(1));
    // Inner: names, kid, type, numbers, signature. Outer: names, ephemeral keys, wrapped keys.
    let worst = 9 * (limits::NAME + 2) + 300 + limits::COSE_LAYERS * (limits::NAME + 130) + 100;
    assert!(worst < SEALED_OVERHEAD, "{worst}");
    let long = vec![7; limits::MESSAGE + 1];
    let refused = ward.seal(&mut sender(&device), &device, &ward.pump, &outgoing(Purpose::Telemetry, &to, &long));
    assert_eq!(refused, Err(Reason::TooLarge));
}

#[test]
fn every_changed_bit_and_every_truncation_is_refused_and_changes_nothing() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let to = [ward.to(adapter)];
    let (mut sender, mut opener) = (sender(&device), opener(&bench));
    let message = order(&mut opener, &bench, Purpose::Command, &to, BODY);
    let first = ward.seal(&mut sender, &device, &ward.pump, &message).unwrap();
    ward.take(&mut opener, &bench, adapter, &first).unwrap();
    let message = order(&mut opener, &bench, Purpose::Command, &to, BODY);
    let sealed = ward.seal(&mut sender, &device, &ward.pump, &message).unwrap();
    let before = bench.snapshot();
    let mut reasons = std::collections::BTreeMap::new();
    let mut refuse = |message: &[u8]| {
        let mut out = vec![0x55; sealed.len()];
        let reason = ward.open(&mut opener, &bench, adapter, message, &mut out).unwrap_err();
        assert!(bench.snapshot() == before, "{reason:?} changed what is stored");
        assert!(out.iter().all(|byte| *byte == 0), "{reason:?} left something of the plaintext");
        *reasons.entry(reason.name()).or_insert(0) += 1;
    };
    let bits = sealed.len() * 8;
    (0..bits).for_each(|bit| refuse(&hostile::flip(&sealed, bit)));
    (0..sealed.len()).for_each(|end| refuse(&sealed[..end]));
    refuse(&[&sealed[..], &[0]].concat());
    println!("{bits} single changed bits and {} truncations refused: {reasons:?}", sealed.len());
    assert_eq!(bench.events().len(), bits + sealed.len() + 1, "each refusal is an event");
    // Nothing was lost by all that: the genuine message still opens, in order.
    let mut out = vec![0; sealed.len()];
    assert_eq!(ward.open(&mut opener, &bench, adapter, &sealed, &mut out).unwrap().order, Order::InOrder);
}

#[test]
fn in_a_message_to_three_a_changed_bit_never_changes_what_one_of_them_reads() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let to: Vec<_> = ward.adapters.iter().map(|adapter| ward.to(adapter)).collect();
    let sealed = ward.seal(&mut sender(&device), &device, &ward.pump, &outgoing(Purpose::Alarm, &to, BODY)).unwrap();
    let mut opener = opener(&bench);
    let mut untouched = 0;
    for bit in 0..sealed.len() * 8 {
        let changed = hostile::flip(&sealed, bit);
        let mut out = vec![0; sealed.len()];
        // A change in the layer of another recipient is that recipient's loss, not ours.
        if let Ok(opened) = ward.open(&mut opener, &bench, &ward.adapters[1], &changed, &mut out) {
            assert_eq!((opened.body, opened.from, opened.sequence), (BODY, "pump-1", 1));
            untouched += 1;
        }
    }
    println!("{} bits: refused, or in the layers of the others ({untouched}) and without effect", sealed.len() * 8);
    assert!(untouched < 2 * 170 * 8, "the layers of two others have about 160 bytes each");
}

#[test]
fn each_attack_of_a_relay_has_its_own_reason() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let [one, two, _] = &ward.adapters;
    let to = [ward.to(one)];
    let (mut sender, mut opener) = (sender(&device), opener(&bench));
    let mut seal = || ward.seal(&mut sender, &device, &ward.pump, &outgoing(Purpose::Telemetry, &to, BODY)).unwrap();
    let (sealed, overtaken, later) = (seal(), seal(), seal());
    let mut take = |at, message: &[u8]| ward.take(&mut opener, &bench, at, message);

    assert_eq!(take(one, &hostile::flip(&sealed, 8 * 100)), Err(Reason::DecryptFailed), "a changed byte");
    assert_eq!(take(one, &sealed), Ok(1));
    assert_eq!(take(one, &sealed), Err(Reason::MessageReplayed), "played again");
    let swapped = hostile::swap_recipient(&sealed, "adapter-1", "adapter-2");
    assert_eq!(take(one, &swapped), Err(Reason::CoseNoRecipient), "another name on the outside");
    assert_eq!(take(two, &swapped), Err(Reason::DecryptFailed), "and sent to that one");
    let route = (Direction::FromDevice, Purpose::Telemetry);
    let insider = Insider { name: one.name.as_bytes(), key: &one.key };
    let passed_on = hostile::pass_on(&ward.suite, &device, insider, &overtaken, route, &ward.to(two)).unwrap();
    assert_eq!(take(two, &passed_on), Err(Reason::MessageNotForUs), "passed on by an insider");

    let relay = Bench::new(9);
    let forge = |victim: &str, named| {
        let forger = Forger { signer: &ward.stranger.key, named };
        let message = outgoing(Purpose::Telemetry, &to, b"SpO2 12 %");
        hostile::sign_anew(&relay.platform(), &ward.suite, forger, victim.as_bytes(), &message).unwrap()
    };
    let own = ward.stranger.public();
    assert_eq!(take(one, &forge("stranger", own)), Err(Reason::MessageUnknownSender), "signed anew, own name");
    assert_eq!(take(one, &forge("pump-1", own)), Err(Reason::UnknownSigner), "signed anew, own key");
    let lie = forge("pump-1", ward.pump.public());
    assert_eq!(take(one, &lie), Err(Reason::SignatureInvalid), "signed anew, key of the device named");

    // Reordered is not refused.
    let mut out = vec![0; 1024];
    let opened = ward.open(&mut opener, &bench, one, &later, &mut out).unwrap();
    assert_eq!((opened.sequence, opened.order), (3, Order::Gap(1)));
    opener.commit(&bench.platform(), opened.ticket).unwrap();
    let opened = ward.open(&mut opener, &bench, one, &overtaken, &mut out).unwrap();
    assert_eq!((opened.sequence, opened.order), (2, Order::Late));
}

#[test]
fn a_command_or_configuration_that_a_relay_held_back_does_not_undo_a_newer_one() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let to = [ward.to(adapter)];
    let (mut sender, mut opener) = (sender(&device), opener(&bench));
    for class in [Purpose::Command, Purpose::Configuration] {
        let mut seal = |opener: &mut Opener| {
            let message = order(opener, &bench, class, &to, BODY);
            ward.seal(&mut sender, &device, &ward.pump, &message).unwrap()
        };
        let (old, new, next) = (seal(&mut opener), seal(&mut opener), seal(&mut opener));
        ward.take(&mut opener, &bench, adapter, &new).unwrap();
        let before = bench.snapshot();
        assert_eq!(ward.take(&mut opener, &bench, adapter, &old), Err(Reason::MessageTooOld), "{class:?}");
        assert_eq!(ward.take(&mut opener, &bench, adapter, &new), Err(Reason::CommandNotFresh), "{class:?}");
        assert!(bench.snapshot() == before);
        ward.take(&mut opener, &bench, adapter, &next).unwrap();
    }
}

#[test]
fn a_device_of_the_ward_cannot_speak_for_another() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let to = [ward.to(adapter)];
    let forger = Forger { signer: &ward.monitor.key, named: ward.monitor.public() };
    let message = outgoing(Purpose::Telemetry, &to, BODY);
    let forged = hostile::sign_anew(&device.platform(), &ward.suite, forger, b"pump-1", &message).unwrap();
    // A directory that answers with the key that was used, whatever the name: the name decides all the same.
    let mut careless = |_: &str, class| ward.sender("monitor-7", class);
    let mut out = vec![0; forged.len()];
    let opened =
        opener(&bench).open(&bench.platform(), &ward.suite, &adapter.receiver(), &mut careless, &forged, &mut out);
    assert_eq!(opened.unwrap_err(), Reason::MessageIdentity);
}

#[test]
fn classes_are_denied_by_default_and_directions_do_not_mix() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let to = [ward.to(adapter)];
    let mut opener = opener(&bench);
    let message = order(&mut opener, &bench, Purpose::Command, &to, BODY);
    let sealed = ward.seal(&mut sender(&device), &device, &ward.pump, &message).unwrap();
    let mut open = |us: Receiver<'_>, granted: Purpose| {
        let mut senders = |name: &str, _| ward.sender(name, granted);
        let mut out = vec![0; sealed.len()];
        opener.open(&bench.platform(), &ward.suite, &us, &mut senders, &sealed, &mut out).map(|opened| opened.sequence)
    };
    let us = adapter.receiver();
    assert_eq!(open(Receiver { allowed: Default::default(), ..us }, Purpose::Command), Err(Reason::MessageClass));
    assert_eq!(open(Receiver { direction: Direction::ToDevice, ..us }, Purpose::Command), Err(Reason::DecryptFailed));
    assert_eq!(open(Receiver { allowed: CLASSES, ..us }, Purpose::Telemetry), Err(Reason::NoPurpose));
    assert_eq!(open(us, Purpose::Command), Ok(1));

    let mut sender = sender(&device);
    let mut refused = |message: &Outgoing<'_>| ward.seal(&mut sender, &device, &ward.pump, message).unwrap_err();
    assert_eq!(refused(&outgoing(Purpose::Receive, &to, BODY)), Reason::MessageClass);
    assert_eq!(refused(&outgoing(Purpose::Alarm, &[], BODY)), Reason::Misuse);
    let twice = [ward.to(adapter), ward.to(adapter)];
    assert_eq!(refused(&outgoing(Purpose::Alarm, &twice, BODY)), Reason::Misuse);
    assert_eq!(refused(&outgoing(Purpose::Alarm, &[ward.to(&ward.odd)], BODY)), Reason::KeyWrongUse);
    let network = [ward.peer("pump-1", Purpose::Telemetry).unwrap()];
    assert_eq!(refused(&outgoing(Purpose::Alarm, &network, BODY)), Reason::NoPurpose);
    for stream in [CONTROL, 4] {
        assert_eq!(refused(&Outgoing { stream, ..outgoing(Purpose::Alarm, &to, BODY) }), Reason::Misuse);
    }
    let fresh = Some(Fresh::Challenge([0; 16]));
    assert_eq!(refused(&outgoing(Purpose::Command, &to, BODY)), Reason::Misuse, "an order that answers nothing");
    assert_eq!(refused(&Outgoing { fresh, ..outgoing(Purpose::Alarm, &to, BODY) }), Reason::Misuse);
    let both = [ward.to(adapter), ward.to(&ward.archive)];
    assert_eq!(refused(&Outgoing { fresh, ..outgoing(Purpose::Command, &both, BODY) }), Reason::Misuse);
}

#[test]
fn a_failed_seal_uses_no_number_and_leaves_nothing_in_the_buffer() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let to = [ward.to(adapter)];
    let mut sender = sender(&device);
    let message = Outgoing { time: Time::UNKNOWN, ..outgoing(Purpose::Audit, &to, BODY) };
    let mut needed = 0;
    for room in 0.. {
        let mut out = vec![0x55; room];
        match sender.seal(&device.platform(), &ward.suite, &ward.pump.origin(), &message, &mut out) {
            Ok(length) => {
                needed = length;
                let mut opener = opener(&bench);
                assert_eq!(ward.take(&mut opener, &bench, adapter, &out[..length]), Ok(1));
                break;
            }
            Err(reason) => assert_eq!(reason, Reason::BufferTooSmall),
        }
        assert!(out.iter().all(|byte| *byte == 0));
    }
    println!("sealed in {needed} bytes once the buffer was large enough");
}

#[test]
fn windows_that_cannot_be_read_are_given_up_and_no_order_comes_twice() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let (to, mut sender, mut opener) = ([ward.to(adapter)], sender(&device), opener(&bench));
    let plain = ward.seal(&mut sender, &device, &ward.pump, &outgoing(Purpose::Telemetry, &to, BODY)).unwrap();
    let fresh = Some(Fresh::Challenge(opener.challenge(&bench.platform(), 60_000).unwrap()));
    let ordered = Outgoing { fresh, ..outgoing(Purpose::Command, &to, BODY) };
    let ordered = ward.seal(&mut sender, &device, &ward.pump, &ordered).unwrap();
    let number = ward.take(&mut opener, &bench, adapter, &plain).unwrap();
    ward.take(&mut opener, &bench, adapter, &ordered).unwrap();

    bench.edit(|medium| medium.slots.values_mut().for_each(|blob| blob[20] ^= 1));
    bench.restart();
    assert_eq!(Opener::load(&bench.platform()).unwrap_err(), Reason::RecordCorrupt);
    let mut opener = Opener::start_over(&bench.platform()).unwrap();
    assert_eq!(ward.take(&mut opener, &bench, adapter, &ordered), Err(Reason::CommandNotFresh));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &plain), Ok(number));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &plain), Err(Reason::MessageReplayed));
}

#[test]
fn an_order_is_taken_while_it_is_fresh_and_once() {
    let (ward, device, bench) = (Ward::new(), Bench::new(1), Bench::new(2));
    let adapter = &ward.adapters[0];
    let (to, platform) = ([ward.to(adapter)], bench.platform());
    let (mut sender, mut opener) = (sender(&device), opener(&bench));
    let mut seal = |fresh| {
        let message = Outgoing { fresh: Some(fresh), ..outgoing(Purpose::Command, &to, BODY) };
        ward.seal(&mut sender, &device, &ward.pump, &message).unwrap()
    };
    let challenge = |opener: &mut Opener, lifetime| Fresh::Challenge(opener.challenge(&platform, lifetime).unwrap());
    let stale = Err(Reason::CommandNotFresh);

    let made_up = seal(Fresh::Challenge([7; 16]));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &made_up), stale);
    let answer = challenge(&mut opener, 1000);
    let (first, second) = (seal(answer), seal(answer));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &first), Ok(2));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &second), stale, "a challenge serves once");
    let late = seal(challenge(&mut opener, 1000));
    bench.pass(1);
    assert_eq!(ward.take(&mut opener, &bench, adapter, &late), stale);
    let endless = seal(challenge(&mut opener, u64::MAX));
    bench.pass(limits::COMMAND_LIFETIME / 1000);
    assert_eq!(ward.take(&mut opener, &bench, adapter, &endless), stale, "no challenge holds for ever");
    // The oldest of too many gives way.
    let oldest = challenge(&mut opener, 5);
    for _ in 0..limits::CHALLENGES {
        challenge(&mut opener, 1000);
    }
    assert_eq!(ward.take(&mut opener, &bench, adapter, &seal(oldest)), stale);

    let (boot, now) = opener.ticks(&platform);
    let until = |ahead| Fresh::Until { boot, uptime: now + ahead };
    assert_eq!(ward.take(&mut opener, &bench, adapter, &seal(until(0))), stale);
    assert_eq!(ward.take(&mut opener, &bench, adapter, &seal(until(limits::COMMAND_LIFETIME + 1))), stale);
    let good = seal(until(10));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &good), Ok(9));
    assert_eq!(ward.take(&mut opener, &bench, adapter, &good), Err(Reason::MessageReplayed));
    // A restart ends all that was open.
    let (open, timed) = (seal(challenge(&mut opener, 1000)), seal(until(10)));
    bench.restart();
    let mut opener = Opener::load(&bench.platform()).unwrap();
    for order in [&open, &timed] {
        assert_eq!(ward.take(&mut opener, &bench, adapter, order), stale);
    }
}
