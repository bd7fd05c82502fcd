//! Messages: whatever opens with the keys of the seeds is what they sealed, once.

use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{ContentType, Headers, SealTo, Sealer, sign1};
use aseptic_core::crypto::{AeadAlg, KeyAlg, soft};
use aseptic_core::record::{self, Kind};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_messaging::{Direction, Opener, Origin, Outgoing, PROFILE, Receiver, SEALED, Sender};
use std::sync::LazyLock;

const BODY: &[u8] = b"what the device of the seeds has observed";
const DEVICE: &[u8] = b"pump-1";
const ADAPTER: &[u8] = b"adapter-1";
const CLASSES: [Purpose; 2] = [Purpose::Telemetry, Purpose::Alarm];

static PUMP: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::Ed25519, 31));
static RECORD: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::P256, 32));
static MESSAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| sealed(&Bench::new(1)));

/// A message. The first byte says how much of it the attacker made: 0 all of it, 1 what is encrypted, by somebody who has
/// the adapter's public key, as everybody has; 2 the claims, signed by the device itself.
pub fn message(data: &[u8]) {
    let Some((layer, data)) = data.split_first() else { return };
    let message = match layer % 3 {
        0 => Some(data.to_vec()),
        1 => encrypted(data),
        _ => signed(data).and_then(|inner| encrypted(&inner)),
    };
    let Some(message) = message else { return };
    let bench = Bench::new(2);
    let mut opener = Opener::load(&bench.platform()).expect("no windows");
    let before = bench.snapshot();
    let Ok(again) = open(&bench, &mut opener, &message, layer % 3 != 2) else {
        assert_eq!(bench.snapshot(), before, "a refused message changes nothing");
        return;
    };
    let ticket = again;
    opener.commit(&bench.platform(), ticket).expect("a message that was opened");
    assert_eq!(open(&bench, &mut opener, &message, false).err(), Some(Reason::MessageReplayed));
    // After a restart it is known as one that may have been handed over.
    let mut opener = Opener::load(&bench.platform()).expect("our own windows");
    match open(&bench, &mut opener, &message, false) {
        Ok(ticket) => opener.commit(&bench.platform(), ticket).expect("an uncertain message"),
        Err(reason) => assert!(matches!(reason, Reason::MessageTooOld | Reason::CommandNotFresh), "{reason}"),
    }
    assert!(open(&bench, &mut opener, &message, false).is_err());
}

/// The stored windows of a receiver and numbers of a sender, with right checks around any payloads. The first two bytes
/// are the length of the first.
pub fn message_records(data: &[u8]) {
    let Some((length, payloads)) = data.split_first_chunk::<2>() else { return };
    let Some((windows, numbers)) = payloads.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return };
    let bench = Bench::new(3);
    let stored = [(Kind::ReplayWindows, windows), (Kind::SenderSequence, numbers)];
    for (kind, payload) in stored.into_iter().filter(|(_, payload)| !payload.is_empty()) {
        if record::save(&bench, kind, payload, &mut vec![0; limits::SLOT]).is_err() {
            return;
        }
    }
    if let Ok(mut opener) = Opener::load(&bench.platform()) {
        for message in MESSAGES.iter() {
            if let Ok(ticket) = open(&bench, &mut opener, message, true) {
                opener.commit(&bench.platform(), ticket).expect("a message that was opened");
                assert_eq!(open(&bench, &mut opener, message, true).err(), Some(Reason::MessageReplayed));
            }
        }
    }
    if let Ok(mut sender) = Sender::load(&bench.platform(), Direction::FromDevice) {
        let first = seal(&bench, &mut sender, Purpose::Telemetry);
        let second = seal(&bench, &mut sender, Purpose::Telemetry);
        if let (Ok(first), Ok(second)) = (first, second) {
            let receiver = Bench::new(4);
            let mut opener = Opener::load(&receiver.platform()).expect("no windows");
            for message in [first, second] {
                let ticket = open(&receiver, &mut opener, &message, true).expect("our own message");
                opener.commit(&receiver.platform(), ticket).expect("numbers that differ");
            }
        }
    }
}

/// Opens as the adapter; `genuine` if only the device can have made the body.
fn open(bench: &Bench, opener: &mut Opener, message: &[u8], genuine: bool) -> Result<aseptic_messaging::Ticket> {
    let suite = soft::suite();
    let trust = trust();
    let allowed = Purposes::of(&CLASSES);
    let us = Receiver { name: ADAPTER, key: &RECORD.private, direction: Direction::FromDevice, allowed };
    let mut senders = |name: &str, class| trust.pinned(&suite, class, name.as_bytes());
    let mut out = vec![0xEE; message.len()];
    let opened = match opener.open(&bench.platform(), &suite, &us, &mut senders, message, &mut out) {
        Ok(opened) => opened,
        Err(reason) => {
            assert!(out.iter().all(|byte| *byte == 0) || message.len() > SEALED, "plaintext left behind");
            return Err(reason);
        }
    };
    assert_eq!(opened.from.as_bytes(), DEVICE);
    assert!(allowed.contains(opened.class) && usize::from(opened.stream) < limits::STREAMS);
    assert!(!genuine || opened.body == BODY);
    Ok(opened.ticket)
}

fn trust() -> Trust<'static> {
    static ENTRIES: LazyLock<[Entry<'static>; 2]> = LazyLock::new(|| {
        [
            Entry { purposes: Purposes::of(&CLASSES), name: DEVICE, material: Material::Key(PUMP.public()) },
            Entry {
                purposes: Purposes::of(&[Purpose::Receive]),
                name: ADAPTER,
                material: Material::Key(RECORD.public()),
            },
        ]
    });
    danger::unsigned(Authority::Owner, &*ENTRIES).expect("two entries")
}

/// One message of each class.
fn sealed(bench: &Bench) -> Vec<Vec<u8>> {
    let mut sender = Sender::load(&bench.platform(), Direction::FromDevice).expect("a blank device");
    CLASSES.map(|class| seal(bench, &mut sender, class).expect("a seed")).into()
}

fn seal(bench: &Bench, sender: &mut Sender, class: Purpose) -> Result<Vec<u8>> {
    let suite = soft::suite();
    let from = Origin { name: DEVICE, key: PUMP.public(), signer: &PUMP.private };
    let message = Outgoing {
        class,
        stream: 0,
        to: &[trust().pinned(&suite, Purpose::Receive, ADAPTER)?],
        content_type: ContentType::Text("text/plain"),
        body: BODY,
        fresh: None,
        time: Time::trusted(1_800_000_000),
    };
    let mut out = vec![0; Sender::room(BODY.len())];
    let length = sender.seal(&bench.platform(), &suite, &from, &message, &mut out)?;
    out.truncate(length);
    Ok(out)
}

/// The inner layer with any claims, signed by the device.
fn signed(claims: &[u8]) -> Option<Vec<u8>> {
    let headers = Headers {
        kid: Some(&PUMP.thumbprint),
        content_type: Some(ContentType::Text("text/plain")),
        typ: Some(ContentType::Text(PROFILE)),
        claims: Some(claims),
    };
    made(|out| sign1(&PUMP.private, &headers, BODY, false, &[], out))
}

/// The outer layer of a telemetry message around anything.
fn encrypted(inner: &[u8]) -> Option<Vec<u8>> {
    let (bench, suite, class) = (Bench::new(1), soft::suite(), CLASSES[0] as u64);
    let aad = cbor(|writer| {
        writer.array(3).text(PROFILE).uint(Direction::FromDevice as u64).uint(class);
    });
    let claims = cbor(|writer| {
        writer.map(1).int(-65537).uint(class);
    });
    let headers = Headers { typ: Some(ContentType::Text(PROFILE)), claims: Some(&claims), ..Headers::default() };
    let recipients = [SealTo::agree(ADAPTER, RECORD.public())];
    let sealer = Sealer { suite: &suite, entropy: &bench };
    made(|out| sealer.encrypt(AeadAlg::Aes128Gcm, &headers, &recipients, inner, &aad, out))
}

fn made(write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Option<Vec<u8>> {
    let mut out = vec![0; 32 * 1024];
    let length = write(&mut out).ok()?;
    out.truncate(length);
    Some(out)
}

pub(super) fn message_seeds() -> Vec<Vec<u8>> {
    let claims = cbor(|w| {
        w.map(4).int(1).text("pump-1").int(3).text("adapter-1").int(6).uint(1_800_000_000);
        w.int(-65537).array(6).uint(0).uint(CLASSES[0] as u64).uint(1).bytes(&[7; 8]).uint(1).uint(1);
    });
    let inner = signed(&claims).expect("a seed");
    let with = |layer: u8, data: &[u8]| [&[layer], data].concat();
    vec![with(0, &MESSAGES[0]), with(0, &MESSAGES[1]), with(1, &inner), with(2, &claims)]
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    let (server, device) = (Bench::new(5), Bench::new(6));
    let mut opener = Opener::load(&server.platform()).expect("no windows");
    for message in MESSAGES.iter() {
        let ticket = open(&server, &mut opener, message, true).expect("a seed");
        opener.commit(&server.platform(), ticket).expect("a seed");
    }
    sealed(&device);
    let payload = |bench: &Bench, kind| {
        let mut buffer = vec![0; limits::SLOT];
        record::load(bench, kind, &mut buffer).expect("a record").expect("a record").to_vec()
    };
    let (windows, numbers) = (payload(&server, Kind::ReplayWindows), payload(&device, Kind::SenderSequence));
    let seed = |windows: &[u8], numbers: &[u8]| {
        let length = u16::try_from(windows.len()).expect("a short record");
        [&length.to_be_bytes(), windows, numbers].concat()
    };
    vec![seed(&windows, &numbers), seed(&[], &numbers), seed(&windows, &[])]
}

fn cbor(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 256];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer);
    writer.finish().expect("short claims").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_open() {
        for seed in message_seeds() {
            let message = match seed[0] {
                0 => Some(seed[1..].to_vec()),
                1 => encrypted(&seed[1..]),
                _ => signed(&seed[1..]).and_then(|inner| encrypted(&inner)),
            };
            let bench = Bench::new(2);
            let mut opener = Opener::load(&bench.platform()).unwrap();
            let ticket = open(&bench, &mut opener, &message.unwrap(), true).unwrap();
            opener.commit(&bench.platform(), ticket).unwrap();
        }
    }
}
