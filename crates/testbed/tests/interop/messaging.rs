//! Sealed messages: pyca/cryptography and pycose open ours, and we open one that Python made from the description alone.

use crate::python;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_messaging::{Direction, Opener, Origin, Outgoing, Receiver, Sender};
use aseptic_testbed::bench::Bench;

const PUMP: [u8; 32] = [1; 32];
const ADAPTER: [u8; 32] = [11; 32];

fn public(secret: &[u8; 32]) -> [u8; 65] {
    let mut public = [0; 65];
    PrivateKey::from_bytes(KeyAlg::P256, secret).unwrap().public(&mut public).unwrap();
    public
}

#[test]
fn pyca_and_pycose_open_what_we_seal() {
    let (pump, adapter) = (public(&PUMP), public(&ADAPTER));
    let key = PublicKey::new(KeyAlg::P256, &adapter).unwrap();
    let purposes = Purposes::of(&[Purpose::Receive]);
    let entries =
        ["adapter-1", "adapter-2"].map(|name| Entry { purposes, name: name.as_bytes(), material: Material::Key(key) });
    let suite = soft::suite();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let to = ["adapter-1", "adapter-2"].map(|name| trust.pinned(&suite, Purpose::Receive, name.as_bytes()).unwrap());
    let device = Bench::new(1);
    let signer = PrivateKey::from_bytes(KeyAlg::P256, &PUMP).unwrap();
    let origin = Origin { name: b"pump-1", key: PublicKey::new(KeyAlg::P256, &pump).unwrap(), signer: &signer };
    let mut sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
    let content_type = ContentType::Text("text/plain");
    let message = Outgoing {
        class: Purpose::Telemetry,
        stream: 2,
        to: &to,
        content_type,
        body: b"SpO2 97 %",
        fresh: None,
        time: Time::at_least(1_790_000_000),
    };
    let mut sealed = vec![0; Sender::room(message.body.len())];
    let length = sender.seal(&device.platform(), &suite, &origin, &message, &mut sealed).unwrap();
    let arguments = [hex::encode(&sealed[..length]), hex::encode("adapter-2"), hex::encode(ADAPTER), hex::encode(pump)];
    let arguments: Vec<&str> = ["open"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let Some(printed) = python("sealed.py", &arguments) else { return };
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[1], hex::encode("SpO2 97 %"));
    // Name, recipients, time; the rest holds a random value and is compared in length.
    let mut buffer = [0; 128];
    let mut writer = Writer::new(&mut buffer);
    writer.map(4).int(1).text("pump-1").int(3).array(2).text("adapter-1").text("adapter-2");
    writer.int(6).uint(1_790_000_000).int(-65537).array(6).uint(2).uint(6).uint(1).bytes(&[0; 8]).uint(1).uint(1);
    let expected = writer.finish().unwrap();
    let claims = hex::decode(lines[0]).unwrap();
    assert_eq!(claims.len(), expected.len());
    assert_eq!(claims[..claims.len() - 10], expected[..expected.len() - 10]);
    assert_eq!(claims[claims.len() - 2..], [1, 1]);
    println!("{length} bytes sealed, opened by {}", lines[2]);
}

#[test]
fn we_open_what_python_seals() {
    let (pump, adapter) = (public(&PUMP), public(&ADAPTER));
    let arguments = [hex::encode("adapter-1"), hex::encode(adapter), hex::encode(PUMP)];
    let arguments: Vec<&str> = ["seal"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let Some(printed) = python("sealed.py", &arguments) else { return };
    let sealed = hex::decode(printed).unwrap();
    let suite = soft::suite();
    let entry = Entry {
        purposes: Purposes::of(&[Purpose::Alarm]),
        name: b"pump-1",
        material: Material::Key(PublicKey::new(KeyAlg::P256, &pump).unwrap()),
    };
    let entries = [entry];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let bench = Bench::new(2);
    let key = PrivateKey::from_bytes(KeyAlg::P256, &ADAPTER).unwrap();
    let allowed = Purposes::of(&[Purpose::Alarm]);
    let us = Receiver { name: b"adapter-1", key: &key, direction: Direction::FromDevice, allowed };
    let mut opener = Opener::load(&bench.platform()).unwrap();
    let mut senders = |name: &str, class| trust.pinned(&suite, class, name.as_bytes());
    let mut out = vec![0; sealed.len()];
    let opened = opener.open(&bench.platform(), &suite, &us, &mut senders, &sealed, &mut out).unwrap();
    assert_eq!((opened.from, opened.body, opened.sequence), ("pump-1", &b"sealed in Python"[..], 1));
    assert_eq!((opened.class, opened.time), (Purpose::Alarm, Time::UNKNOWN));
    println!("{} bytes from Python opened", sealed.len());
}
