//! Everybody else around the C program `tests/c/life.c`, which lives the whole life of a device.

use crate::registrar::bundle;
use crate::scene::{ADAPTER, CLASS, HARDWARE, HARDWARE_SERIAL, PHARMACY, RELAY, SERIAL, Scene};
use crate::scene::{now, pharmacy_key, receipt_key, relay_key};
use aseptic_certs::{Certificate, base64, der};
use aseptic_core::Reason;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{ContentType, Headers};
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{HashAlg, KeyAlg, Parts, PublicKey};
use aseptic_core::limits::REPLAY_MARK;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_identity::wipe::Tombstone;
use aseptic_infra::AuthorityKey;
use aseptic_infra::adapter::Received;
use aseptic_infra::ca::{Expected, Local, Server, Validity};
use aseptic_infra::revocation::{RevocationList, Revoked};
use aseptic_messaging::{
    Centre, Countersigned, Direction, Earlier, Fresh, Heartbeat, Origin, Outgoing, Receipt, Report, SESSION_OVERHEAD,
    Sender, Session, SessionOffer, Verdict, countersign,
};
use aseptic_testbed::bench::Bench;
use aseptic_update::Digest;
use std::io::{Read, Write};

/// The image that the device leaves the factory with.
pub(crate) const FIRST: [u8; 4096] = [0x5A; 4096];

/// The other end of the program's input and output.
pub(crate) struct Line {
    to: Box<dyn Write>,
    from: Box<dyn Read>,
}

impl Line {
    pub(crate) fn new(to: impl Write + 'static, from: impl Read + 'static) -> Self {
        Self { to: Box::new(to), from: Box::new(from) }
    }

    pub(crate) fn tell(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap();
        self.to.write_all(&[&length.to_be_bytes()[..], bytes].concat()).unwrap();
        self.to.flush().unwrap();
    }

    pub(crate) fn tell_chain(&mut self, chain: &[Vec<u8>]) {
        self.tell(&[u8::try_from(chain.len()).unwrap()]);
        chain.iter().for_each(|link| self.tell(link));
    }

    pub(crate) fn hear(&mut self) -> Vec<u8> {
        let mut head = [0; 4];
        self.from.read_exact(&mut head).expect("the program goes on");
        let mut bytes = vec![0; u32::from_be_bytes(head) as usize];
        self.from.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// Plays factory, hospital and author for the program, which has [`FIRST`] in its first slot; `restart` is done where the device
/// restarts.
pub(crate) fn accompany(line: &mut Line, scene: &Scene, restart: impl FnOnce()) {
    // The factory.
    line.tell(&scene.maker_store());
    let request = line.hear();
    let uri = "https://id.gs1.org/01/09521234543213/21/0001";
    let expected = Expected {
        serial: SERIAL,
        key: KeyAlg::P256,
        hardware_type: HARDWARE,
        hardware_serial: HARDWARE_SERIAL,
        udi: Some(uri),
    };
    line.tell_chain(&scene.maker.issue_birth(&request, &expected, now() - 100).unwrap());
    line.tell(Digest::of(&soft::suite(), HashAlg::Sha256, &[&FIRST]).unwrap().as_bytes());

    // The hospital.
    line.tell(&scene.owner);
    let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let days = Validity::days(now() - 300, 365).unwrap();
    let est = scene.hospital.issue_server("est.hospital.example", key.public().unwrap(), Server::Registrar, days);
    let est = est.unwrap();
    line.tell_chain(&est);
    line.tell(scene.hospital.certificate());
    // Long enough for steps that take in as much as a step can.
    let others: Vec<[u8; 16]> = (1..100).map(|number| [number; 16]).collect();
    let serials = others.iter().map(|serial| &serial[..]).chain([Certificate::parse(&est[0]).unwrap().serial]);
    let lost: Vec<_> = serials.map(|serial| Revoked { serial, since: now() - 200 }).collect();
    for (number, revoked) in [(2, &[][..]), (1, &[]), (3, &lost)] {
        let validity = Validity::days(now() - 100, 7).unwrap();
        line.tell(&scene.hospital.revocation_list(&RevocationList { number, validity, revoked }).unwrap());
    }
    let birth = proven(line, 1);
    assert_eq!(Certificate::parse(&birth[0]).unwrap().uri(), Some(uri));
    let authorities: Vec<&[u8]> = scene.hospital.certificates().collect();
    let mut paths = Vec::new();
    loop {
        let path = line.hear();
        if path.is_empty() {
            break;
        }
        let body = line.hear();
        if body.is_empty() {
            line.tell(&bundle(&authorities));
        } else {
            let mut csr = vec![0; body.len()];
            let length = base64::decode(&body, &mut csr).unwrap();
            let local = Local { serial: SERIAL, validity: days, uris: &[uri] };
            let chain = scene.hospital.issue_local(&csr[..length], &local).unwrap();
            line.tell(&bundle(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
        paths.push(String::from_utf8(path).unwrap());
    }
    assert_eq!(paths, ["/.well-known/est/cacerts", "/.well-known/est/simpleenroll"]);
    let local = proven(line, 2);
    assert_ne!(Certificate::parse(&local[0]).unwrap().spki, Certificate::parse(&birth[0]).unwrap().spki);

    // Messages out, and in.
    let sealed = line.hear();
    let records = scene.receive_from(&local, &[&sealed]);
    let record = records.into_iter().next().unwrap().unwrap();
    assert_eq!((record.from.as_str(), record.body.as_slice()), (SERIAL, &b"flow 2.5 ml/h"[..]));
    let public = line.hear();
    let mut pharmacy = Pharmacy::new(&public);
    line.tell(&pharmacy.seal(Purpose::Telemetry, None, b"bed 7"));
    let challenge = line.hear().try_into().expect("a challenge of 16 bytes");
    line.tell(&pharmacy.seal(Purpose::Configuration, Some(Fresh::Challenge(challenge)), b"limits 4"));

    // An alarm from the outbox, and its receipt.
    let alarm = line.hear();
    line.tell(&kept(scene, &local, &alarm));
    let offers = [line.hear(), line.hear()];
    assert_eq!(begun(scene, &local, &offers), [Earlier::First { sent: 0 }, Earlier::Continued { missing: 2 }]);

    // A session that comes over a relay, heartbeats in it, and what the device says of what came.
    pharmacy.device = line.hear();
    let beat = Heartbeat::decode(&line.hear()).unwrap();
    let (offer, mut session) = pharmacy.offer("application/heartbeat", None);
    line.tell(&carried(&offer));
    line.tell(&pharmacy.say(&mut session, &Centre::new(0).answer(0, beat).encode()));
    pharmacy.say(&mut session, b"lost");
    line.tell(&pharmacy.say(&mut session, b"bed 9"));
    let message = pharmacy.seal(Purpose::Telemetry, None, b"bed 8");
    line.tell(&message);
    line.tell(&pharmacy.offer("application/heartbeat", Some(&session)).0);
    let device = Certificate::parse(&local[0]).unwrap().public_key().unwrap();
    let [stored, refused] = [line.hear(), line.hear()].map(|report| read_report(device, &report));
    let receipt = stored.receipts[0].unwrap();
    assert_eq!((receipt.verdict, receipt.id.stream, receipt.id.epoch), (Verdict::Stored, 0, 1));
    assert_eq!((stored.receipts[1], stored.lost_session), (None, Some(session.kid())));
    let known = stored.streams.iter().flatten().find(|known| known.stream == 0).unwrap();
    // The device was started since the first message: it may have it, and asks for it again.
    assert_eq!((receipt.id.sequence, known.high, known.missing, known.uncertain), (2, 2, 1, REPLAY_MARK));
    let refusal = Some(Receipt { verdict: Verdict::Rejected(Reason::MessageClass), ..receipt });
    assert_eq!((refused.receipts[0], refused.lost_session), (refusal, stored.lost_session), "until it is learned");
    let (passed_on, suite) = (line.hear(), soft::suite());
    assert_eq!(Countersigned::parse(&message).unwrap().countersignatures().count(), 0);
    let read = Countersigned::parse(&passed_on).unwrap();
    let hop = read.countersignatures().next().unwrap();
    assert_eq!(hop.header.kid, Some(SERIAL.as_bytes()));
    assert!(hop.header.claims.is_some(), "the device knows a time");
    hop.verify(&suite, device, &[]).unwrap();

    // What the owner trusts from now on, and new software.
    line.tell(&scene.next_owner_store());
    let image: Vec<u8> = (0..20_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    line.tell(&scene.envelope(CLASS, 2, &image, &scene.author));
    line.tell(&image);
    assert_eq!(line.hear(), b"restart");
    restart();
    line.tell(&[]);

    // The end: the maker knows the birth key.
    let stone = line.hear();
    let signer = Certificate::parse(&birth[0]).unwrap().public_key().unwrap();
    assert_eq!(Tombstone::verify(&soft::suite(), signer, &stone).unwrap().serial, SERIAL);
    assert_eq!(line.hear(), stone);
    assert_eq!(line.hear(), b"lived");
}

/// The record adapter takes the alarm, and reports.
fn kept(scene: &Scene, chain: &[Vec<u8>], alarm: &[u8]) -> Vec<u8> {
    let (key, mut public, mut report) = (receipt_key(), [0; 65], Vec::new());
    key.public(&mut public).unwrap();
    let signer = Origin { name: ADAPTER.as_bytes(), key: PublicKey::new(KeyAlg::P256, &public).unwrap(), signer: &key };
    scene.with_adapter(chain, |adapter| {
        assert_eq!(adapter.receive(alarm, Scene::time(), &mut Vec::new()).unwrap().body, b"air in line");
        report = adapter.report(SERIAL, &signer).unwrap();
    });
    report
}

/// The record adapter takes offers of the device: what each tells of the sessions before it.
fn begun(scene: &Scene, chain: &[Vec<u8>], offers: &[Vec<u8>; 2]) -> Vec<Earlier> {
    let mut told = Vec::new();
    scene.with_adapter(chain, |adapter| {
        told = offers
            .iter()
            .map(|offer| match adapter.take(offer, Scene::time(), &mut Vec::new()) {
                Ok(Received::Session { accepted, .. }) => accepted.earlier,
                other => panic!("{other:?}"),
            })
            .collect();
    });
    told
}

/// What the pharmacy reads of a report by the device with this key.
fn read_report(device: PublicKey<'_>, report: &[u8]) -> Report {
    let suite = soft::suite();
    let (purposes, name) = (Purposes::of(&[Purpose::Receipt]), SERIAL.as_bytes());
    let entries = [Entry { purposes, name, material: Material::Key(device) }];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let peer = trust.pinned(&suite, Purpose::Receipt, name).unwrap();
    Report::verify(&suite, &peer, PHARMACY.as_bytes(), Direction::ToDevice, report).unwrap()
}

/// A message that went through the hands of the relay, which says when.
fn carried(message: &[u8]) -> Vec<u8> {
    let mut claims = [0; 16];
    let mut writer = Writer::new(&mut claims);
    writer.map(1).int(6).uint(1_800_000_000);
    let claims = writer.finish().unwrap();
    let headers = Headers { kid: Some(RELAY.as_bytes()), claims: Some(claims), ..Headers::default() };
    let mut out = vec![0; message.len() + 256];
    let length = countersign(&relay_key(), &headers, message, &[], &mut out).unwrap();
    out.truncate(length);
    out
}

/// What the device shows in a handshake: its chain, whose leaf made the signature.
fn proven(line: &mut Line, seed: u8) -> Vec<Vec<u8>> {
    let handshake = [seed; 98];
    line.tell(&soft::suite().sha256(&[&handshake]).unwrap());
    let signature = line.hear();
    let mut chain = Vec::new();
    loop {
        let link = line.hear();
        if link.is_empty() {
            break;
        }
        chain.push(link);
    }
    let leaf = Certificate::parse(&chain[0]).unwrap();
    let mut pair = der::Reader::new(&signature).nested(der::SEQUENCE).expect("an ECDSA-Sig-Value");
    let mut fixed = [0; 64];
    for end in [32, 64] {
        let number = pair.magnitude().unwrap();
        fixed[end - number.len()..end].copy_from_slice(number);
    }
    soft::suite().verify(leaf.public_key().unwrap(), &mut Parts(&[&handshake]), &fixed).expect("signed by the leaf");
    chain
}

/// Somebody of the hospital who sends to devices, with a key that the owner's store pins.
struct Pharmacy {
    bench: Bench,
    key: PrivateKey,
    device: Vec<u8>,
    sender: Sender,
}

impl Pharmacy {
    fn new(device: &[u8]) -> Self {
        let bench = Bench::new(5);
        let sender = Sender::load(&bench.platform(), Direction::ToDevice).unwrap();
        Self { bench, key: pharmacy_key(), device: device.to_vec(), sender }
    }

    /// The verdict that the device may receive, and who sends.
    fn to(&self) -> VerifiedPeer {
        let material = Material::Key(PublicKey::new(KeyAlg::P256, &self.device).unwrap());
        let entry = Entry { purposes: Purposes::of(&[Purpose::Receive]), name: SERIAL.as_bytes(), material };
        let entries = [entry];
        let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
        trust.pinned(&soft::suite(), Purpose::Receive, SERIAL.as_bytes()).unwrap()
    }

    fn seal(&mut self, class: Purpose, fresh: Option<Fresh>, body: &[u8]) -> Vec<u8> {
        let (to, public) = ([self.to()], public(&self.key));
        let from = origin(&self.key, &public);
        let content_type = ContentType::Text("text/plain");
        let stream = u8::from(class == Purpose::Configuration);
        let message = Outgoing { class, stream, to: &to, fresh, content_type, body, time: Time::trusted(now()) };
        let mut out = vec![0; Sender::room(body.len())];
        let length = self.sender.seal(&self.bench.platform(), &soft::suite(), &from, &message, &mut out).unwrap();
        out.truncate(length);
        out
    }

    /// Offers a session of telemetry.
    fn offer(&mut self, content_type: &str, after: Option<&Session>) -> (Vec<u8>, Session) {
        let (to, public, class) = (self.to(), public(&self.key), Purpose::Telemetry);
        let (from, content_type) = (origin(&self.key, &public), ContentType::Text(content_type));
        let (platform, mut out) = (self.bench.platform(), vec![0; Sender::room(128)]);
        let (suite, time) = (soft::suite(), Time::trusted(now()));
        let offer = SessionOffer { to: &to, class, content_type, time, hybrid: None, after };
        let (session, length) = Session::offer(&platform, &suite, &mut self.sender, &from, &offer, &mut out).unwrap();
        out.truncate(length);
        (out, session)
    }

    fn say(&self, session: &mut Session, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0; body.len() + SESSION_OVERHEAD];
        let length = session.seal(&self.bench.platform(), &soft::suite(), &self.to(), body, &mut out).unwrap();
        out.truncate(length);
        out
    }
}

fn public(key: &PrivateKey) -> [u8; 65] {
    let mut public = [0; 65];
    key.public(&mut public).unwrap();
    public
}

fn origin<'a>(key: &'a PrivateKey, public: &'a [u8; 65]) -> Origin<'a> {
    Origin { name: PHARMACY.as_bytes(), key: PublicKey::new(KeyAlg::P256, public).unwrap(), signer: key }
}
