//! From a device through a relay into the record, and what a hostile relay gets for its trouble.

use aseptic_core::cose::{ContentType, Sign1};
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::time::Time;
use aseptic_core::trust::{
    Anchor, Authority, Entry, Grounds, Material, PathEngine, Purpose, Purposes, Revocation, Trust, ValidatedPath,
    Validity, VerifiedPeer, danger,
};
use aseptic_core::{Reason, Result as CoreResult};
use aseptic_hosted::crypto::hybrid::{self, XWing};
use aseptic_hosted::os::OsEntropy;
use aseptic_infra::adapter::{Archive, Received, Record, RecordAdapter, Setup};
use aseptic_infra::hl7::{self, Code, Metric, Observation, Patient, Value, mllp};
use aseptic_infra::relay::{self, Relay};
use aseptic_infra::{Error, Result};
use aseptic_messaging::{
    Decapsulate as _, Demand, Direction, Earlier, Fresh, HYBRID_OFFER, HybridKey, MessageId, Order, Origin, Outgoing,
    Report, SESSION_OVERHEAD, Sender, Session, SessionOffer, Verdict,
};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::hostile::{self, Forger};
use std::net::{TcpListener, TcpStream};

const NOW: Time = Time::trusted(1_790_000_000);
const LATER: Time = Time::trusted(1_900_000_000);
const HL7: ContentType<'_> = ContentType::Text(hl7::CONTENT_TYPE);

/// Judges chains whose only certificate is a P-256 key and a name. Certificates themselves are the matter of another crate.
struct Engine;

impl PathEngine for Engine {
    fn licence(&self) -> danger::EngineLicence {
        danger::EngineLicence::this_engine_decides_whom_the_device_believes()
    }

    fn validate<'c>(
        &self,
        _: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        _: Purpose,
        now: Time,
    ) -> CoreResult<ValidatedPath<'c>> {
        let (key, name) = chain.first().and_then(|der| der.split_at_checked(65)).ok_or(Reason::CertificateMalformed)?;
        if grounds.anchors != [Anchor::of(b"hospital CA")] {
            return Err(Reason::PathUntrusted);
        }
        let validity = if now == NOW { Validity::InDate } else { Validity::LongExpired };
        Ok(ValidatedPath {
            key: Some(PublicKey::new(KeyAlg::P256, key)?),
            name,
            validity,
            revocation: Revocation::NotAsked,
        })
    }

    fn check_anchor(&self, _: &Anchor<'_>) -> CoreResult<()> {
        Ok(())
    }

    fn is_self_signed(&self, _: &Suite<'_>, _: &[u8]) -> bool {
        false
    }

    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> CoreResult<&'c [u8]> {
        certificate.get(..65).ok_or(Reason::CertificateMalformed)
    }
}

struct Party(PrivateKey, Vec<u8>);

impl Party {
    fn new(seed: u8) -> Self {
        let key = PrivateKey::from_bytes(KeyAlg::P256, &[seed; 32]).unwrap();
        let mut public = vec![0; 65];
        key.public(&mut public).unwrap();
        Self(key, public)
    }

    fn public(&self) -> PublicKey<'_> {
        PublicKey::new(KeyAlg::P256, &self.1).unwrap()
    }

    fn certificate(&self, name: &str) -> Vec<u8> {
        [&self.1, name.as_bytes()].concat()
    }
}

struct Hospital {
    suite: Suite<'static>,
    pump: Party,
    relay: Party,
    adapter: Party,
    device: Bench,
    server: Bench,
}

impl Hospital {
    fn new() -> Self {
        let [pump, relay, adapter] = [1, 2, 3].map(Party::new);
        Self { suite: soft::suite(), pump, relay, adapter, device: Bench::new(1), server: Bench::new(2) }
    }

    fn entries(&self) -> [Entry<'_>; 2] {
        let devices = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm]);
        let receive = Purposes::of(&[Purpose::Receive]);
        [
            Entry { purposes: devices, name: b"hospital CA", material: Material::certificate(b"hospital CA") },
            Entry { purposes: receive, name: b"record-adapter-1", material: Material::Key(self.adapter.public()) },
        ]
    }

    fn adapter<'a>(&'a self, trust: Trust<'a>) -> RecordAdapter<'a> {
        let (platform, suite) = (self.server.platform(), self.suite);
        let setup = Setup { platform, suite, name: "record-adapter-1", key: &self.adapter.0, trust, engine: &Engine };
        let mut adapter = RecordAdapter::open(setup).unwrap();
        assert_eq!(adapter.register(&[&self.pump.certificate("pump-1")], NOW).unwrap(), "pump-1");
        adapter
    }

    fn to(&self, trust: &Trust<'_>) -> [VerifiedPeer; 1] {
        [trust.pinned(&self.suite, Purpose::Receive, b"record-adapter-1").unwrap()]
    }

    /// What the pump learns from the next report.
    fn heard(&self, adapter: &mut RecordAdapter<'_>) -> Report {
        // The key with which the adapter signs; devices trust it for that and for nothing else.
        let (signer, name) = (Party::new(6), b"record-adapter-1");
        let material = Material::Key(signer.public());
        let pinned = [Entry { purposes: Purposes::of(&[Purpose::Receipt]), name, material }];
        let trust = danger::unsigned(Authority::Owner, &pinned).unwrap();
        let peer = trust.pinned(&self.suite, Purpose::Receipt, name).unwrap();
        let from = Origin { name, key: signer.public(), signer: &signer.0 };
        let report = adapter.report("pump-1", &from).unwrap();
        Report::verify(&self.suite, &peer, b"pump-1", Direction::FromDevice, &report).unwrap()
    }

    fn seal(&self, sender: &mut Sender, class: Purpose, to: &[VerifiedPeer], body: &[u8]) -> Vec<u8> {
        let origin = Origin { name: b"pump-1", key: self.pump.public(), signer: &self.pump.0 };
        let mut out = vec![0; Sender::room(body.len())];
        let fresh = (class == Purpose::Command).then_some(Fresh::Challenge([7; 16]));
        let message = Outgoing { class, stream: 0, to, content_type: HL7, body, time: NOW, fresh };
        let length = sender.seal(&self.device.platform(), &self.suite, &origin, &message, &mut out).unwrap();
        out.truncate(length);
        out
    }
}

fn observation() -> Vec<u8> {
    let metric = Metric {
        code: Code { number: 150_456, name: "MDC_PULS_OXIM_SAT_O2" },
        containment: [1, 1, 1, 1],
        value: Value::Number("97"),
        unit: Code { number: 262_688, name: "MDC_DIM_PERCENT" },
    };
    let observation = Observation {
        id: "PUMP1-1",
        application: "PUMP",
        facility: "WARD3",
        device: [1, 2, 3, 4, 5, 6, 7, 8],
        kind: Code { number: 69_642, name: "MDC_DEV_ANALY_SAT_O2_MDS" },
        patient: Some(Patient { id: "4711", authority: "HOSP", family: "Doe", given: "Jane" }),
        time: NOW.seconds,
        metrics: &[metric],
    };
    observation.encode().unwrap()
}

fn refused(received: Result<Record>) -> Reason {
    received.unwrap_err().reason()
}

#[test]
fn an_observation_reaches_the_record_and_the_relay_reads_no_word_of_it() {
    let hospital = Hospital::new();
    let entries = hospital.entries();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let mut adapter = hospital.adapter(trust);
    let mut sender = Sender::load(&hospital.device.platform(), Direction::FromDevice).unwrap();
    let body = observation();
    let sealed = hospital.seal(&mut sender, Purpose::Telemetry, &hospital.to(&trust), &body);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (carrier, messages) = Relay::new(8);
    std::thread::scope(|scope| {
        scope.spawn(|| relay::send(&mut TcpStream::connect(address).unwrap(), &sealed).unwrap());
        assert_eq!(carrier.serve(listener.accept().unwrap().0).unwrap(), 1);
    });
    let carried = messages.recv().unwrap();
    for word in ["MSH", "4711", "Doe", "MDC_PULS", "pump-1"] {
        assert!(!carried.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }

    let mut archive = Vec::new();
    let record = adapter.receive(&carried, NOW, &mut archive).unwrap();
    assert_eq!((record.from.as_str(), record.sequence, record.order), ("pump-1", 1, Order::InOrder));
    assert_eq!(record.body, body);
    assert_eq!(record.hl7().unwrap().field("OBX", 5), Some("97"));
    assert_eq!(mllp::Decoder::new().feed(&mllp::encode(&record.body).unwrap()).unwrap(), [body]);
    let original = Sign1::parse(&archive[0].signed).unwrap();
    assert_eq!(original.verify(&hospital.suite, hospital.pump.public(), &[], None), Ok(()));
    println!("{} bytes of HL7, {} bytes sealed:\n{}", record.body.len(), sealed.len(), record.hl7().unwrap());
}

#[test]
fn a_hostile_relay_gets_a_reason_for_each_attack_and_the_record_nothing() {
    let hospital = Hospital::new();
    let entries = hospital.entries();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let to = hospital.to(&trust);
    let mut adapter = hospital.adapter(trust);
    let mut sender = Sender::load(&hospital.device.platform(), Direction::FromDevice).unwrap();
    let first = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"1");
    let second = hospital.seal(&mut sender, Purpose::Alarm, &to, b"2");
    let command = hospital.seal(&mut sender, Purpose::Command, &to, b"3");
    let audit = hospital.seal(&mut sender, Purpose::Audit, &to, b"4");
    let mut archive = Vec::new();
    let mut receive = |message: &[u8]| adapter.receive(message, NOW, &mut archive);

    assert_eq!(receive(&second).unwrap().order, Order::Gap(1));
    assert_eq!(receive(&first).unwrap().order, Order::Late, "reordered: delivered and marked");
    assert_eq!(refused(receive(&first)), Reason::MessageReplayed);
    assert_eq!(refused(receive(&hostile::flip(&second, 1000))), Reason::DecryptFailed);
    let swapped = hostile::swap_recipient(&second, "record-adapter-1", "record-adapter-2");
    assert_eq!(refused(receive(&swapped)), Reason::CoseNoRecipient);
    assert_eq!(refused(receive(&command)), Reason::PathUntrusted, "no anchor vouches for devices that command");
    assert_eq!(refused(receive(&audit)), Reason::PathUntrusted, "nor for audit records");
    let relay = Bench::new(9);
    for (victim, named, reason) in [
        ("relay-1", hospital.relay.public(), Reason::MessageUnknownSender),
        ("pump-1", hospital.relay.public(), Reason::UnknownSigner),
        ("pump-1", hospital.pump.public(), Reason::SignatureInvalid),
    ] {
        let message = Outgoing {
            class: Purpose::Alarm,
            stream: 0,
            to: &to,
            content_type: HL7,
            body: b"!",
            time: NOW,
            fresh: None,
        };
        let forger = Forger { signer: &hospital.relay.0, named };
        let forged = hostile::sign_anew(&relay.platform(), &hospital.suite, forger, victim.as_bytes(), &message);
        assert_eq!(refused(receive(&forged.unwrap())), reason);
    }
    assert_eq!(archive.len(), 2, "the record holds the two genuine messages and nothing else");
    assert_eq!(archive[0].hl7().unwrap_err().reason(), Reason::Hl7Malformed, "a digit is no HL7");
}

/// An archive that has no room at first.
struct Full(u32, Vec<Record>);

impl Archive for Full {
    fn keep(&mut self, record: &Record) -> Result<()> {
        if self.0 > 0 {
            self.0 -= 1;
            return Err(Error::new(Reason::DiskFull, "keeping a message"));
        }
        self.1.keep(record)
    }

    fn holds(&self, device: &str, id: &MessageId, digest: &[u8; 16]) -> Result<bool> {
        self.1.holds(device, id, digest)
    }
}

#[test]
fn what_the_archive_could_not_keep_is_welcome_again_and_what_it_kept_stays_refused_after_a_restart() {
    let hospital = Hospital::new();
    let entries = hospital.entries();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let to = hospital.to(&trust);
    let mut adapter = hospital.adapter(trust);
    let mut sender = Sender::load(&hospital.device.platform(), Direction::FromDevice).unwrap();
    let sealed = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"1");
    let mut archive = Full(1, Vec::new());
    let before = hospital.server.snapshot();
    assert_eq!(refused(adapter.receive(&sealed, NOW, &mut archive)), Reason::DiskFull);
    assert!(hospital.server.snapshot() == before);
    assert_eq!(adapter.receive(&sealed, NOW, &mut archive).unwrap().sequence, 1);
    drop(adapter);
    hospital.server.restart();
    let mut adapter = hospital.adapter(trust);
    assert_eq!(refused(adapter.receive(&sealed, NOW, &mut archive)), Reason::MessageReplayed);
    assert_eq!(archive.1.len(), 1);

    // Observations of a device whose certificate ran out are taken with a flag: the patient comes first.
    let second = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"2");
    let flagged = adapter.receive(&second, LATER, &mut archive).unwrap();
    assert_eq!(flagged.degraded, Some(Reason::CertificateExpired));
    assert!(adapter.strike("pump-1") && !adapter.strike("pump-1"));
    let third = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"3");
    assert_eq!(refused(adapter.receive(&third, NOW, &mut archive)), Reason::MessageUnknownSender);
    let certificate = hospital.pump.certificate("pump-2");
    assert_eq!(adapter.register(&[&certificate[..]; 5], NOW).unwrap_err().reason(), Reason::PathTooLong);
}

#[test]
fn what_the_record_does_not_hold_is_never_told_as_stored() {
    let hospital = Hospital::new();
    let entries = hospital.entries();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let to = hospital.to(&trust);
    let mut adapter = hospital.adapter(trust);
    let load = || Sender::load(&hospital.device.platform(), Direction::FromDevice).unwrap();
    let mut sender = load();
    let factory = hospital.device.snapshot();
    let first = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"1");
    // The same device with the flash of before, which gives the number out a second time.
    hospital.device.edit(|medium| *medium = factory);
    let second = hospital.seal(&mut load(), Purpose::Telemetry, &to, b"2");

    let mut archive = Vec::new();
    let kept = adapter.receive(&first, NOW, &mut archive).unwrap();
    let receipt = hospital.heard(&mut adapter).receipts[0].unwrap();
    assert_eq!((receipt.id, receipt.verdict), (kept.id(), Verdict::Stored));
    assert_eq!(refused(adapter.receive(&second, NOW, &mut archive)), Reason::MessageReplayed);
    let other = hospital.heard(&mut adapter).receipts[0].unwrap();
    assert_eq!((other.id, other.verdict), (kept.id(), Verdict::Rejected(Reason::MessageReplayed)));
    assert_eq!(refused(adapter.receive(&first, NOW, &mut archive)), Reason::MessageReplayed);
    assert_eq!(hospital.heard(&mut adapter).receipts[0], Some(receipt), "the one that it holds");

    // After a restart the adapter knows no digest; the archive does, and keeps the other message beside the first.
    drop(adapter);
    let mut adapter = hospital.adapter(trust);
    assert_eq!(adapter.take(&first, NOW, &mut archive).unwrap(), Received::Known);
    drop(adapter);
    let mut adapter = hospital.adapter(trust);
    assert!(matches!(adapter.take(&second, NOW, &mut archive), Ok(Received::Kept(_))));
    assert_eq!(hospital.heard(&mut adapter).receipts[0].unwrap().verdict, Verdict::Stored);
    assert_eq!(archive.len(), 2);
}

/// What an offer of the device tells of the sessions before it.
fn begun(taken: Result<Received>) -> Earlier {
    match taken.unwrap() {
        Received::Session { from, class: Purpose::Telemetry, accepted } if from == "pump-1" => accepted.earlier,
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts_and_lost_sessions_are_reported_to_their_device() {
    let hospital = Hospital::new();
    let entries = hospital.entries();
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let to = hospital.to(&trust);
    let (suite, platform) = (hospital.suite, hospital.device.platform());
    let mut adapter = hospital.adapter(trust);
    let mut sender = Sender::load(&platform, Direction::FromDevice).unwrap();
    let sealed = hospital.seal(&mut sender, Purpose::Telemetry, &to, b"1");
    let origin = Origin { name: b"pump-1", key: hospital.pump.public(), signer: &hospital.pump.0 };
    let mut out = vec![0; Sender::room(128)];
    let class = Purpose::Telemetry;
    let terms = SessionOffer { to: &to[0], class, content_type: HL7, time: NOW, hybrid: None, after: None };
    let (mut session, length) = Session::offer(&platform, &suite, &mut sender, &origin, &terms, &mut out).unwrap();
    let offer = out[..length].to_vec();
    let mut archive = Vec::new();
    let seal = |session: &mut Session| {
        let mut out = vec![0; 1 + SESSION_OVERHEAD];
        let length = session.seal(&platform, &suite, &to[0], b"2", &mut out).unwrap();
        out.truncate(length);
        out
    };
    let heard = |adapter: &mut RecordAdapter<'_>| hospital.heard(adapter);

    assert!(matches!(adapter.take(&sealed, NOW, &mut archive), Ok(Received::Kept(_))));
    assert_eq!(begun(adapter.take(&offer, NOW, &mut archive)), Earlier::First { sent: 0 });
    let observed = adapter.receive(&seal(&mut session), NOW, &mut archive).unwrap();
    assert_eq!((observed.session, observed.signed.len()), (Some(session.kid()), 0));
    let report = heard(&mut adapter);
    let receipt = report.receipts[0].unwrap();
    assert_eq!((receipt.id, receipt.verdict), (archive[0].id(), Verdict::Stored));
    assert_eq!(heard(&mut adapter).receipts[0], None, "each receipt once");
    assert_eq!(refused(adapter.receive(&sealed, NOW, &mut archive)), Reason::MessageReplayed);
    assert_eq!(heard(&mut adapter).receipts[0], Some(receipt), "until the message comes again");

    // The adapter is restarted: what it may have is known by the archive, and the session is over.
    drop(adapter);
    let mut adapter = hospital.adapter(trust);
    assert_eq!(adapter.take(&sealed, NOW, &mut archive).unwrap(), Received::Known);
    assert_eq!(refused(adapter.receive(&seal(&mut session), NOW, &mut archive)), Reason::SessionUnknown);
    let report = heard(&mut adapter);
    assert_eq!((report.receipts[0], report.lost_session), (Some(receipt), Some(session.kid())));
    assert_eq!(archive.len(), 2);
}

#[test]
fn an_adapter_that_demands_hybrid_sessions_takes_no_other() {
    let hospital = Hospital::new();
    let key = hybrid::PrivateKey::generate(&OsEntropy).unwrap();
    let public = key.public().unwrap();
    let thumbprint = public.thumbprint(&hospital.suite).unwrap();
    let [anchor, classical] = hospital.entries();
    let pinned = Entry { material: Material::Thumbprint(KeyAlg::XWing, &thumbprint), ..classical };
    let entries = [anchor, classical, pinned];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let peer = trust.pinned_long(&hospital.suite, Purpose::Receive, b"record-adapter-1", KeyAlg::XWing).unwrap();
    let [to] = hospital.to(&trust);
    let (suite, platform) = (hospital.suite, hospital.device.platform());
    let mut sender = Sender::load(&platform, Direction::FromDevice).unwrap();
    let from = Origin { name: b"pump-1", key: hospital.pump.public(), signer: &hospital.pump.0 };
    let mut out = vec![0; Sender::room(HYBRID_OFFER)];
    let class = Purpose::Telemetry;
    let mut archive = Vec::new();
    let mut adapter = hospital.adapter(trust).with_hybrid(&key, Demand::Hybrid);

    let weak = SessionOffer { to: &to, class, content_type: HL7, time: NOW, hybrid: None, after: None };
    let strong = SessionOffer { hybrid: Some(&HybridKey { peer: &peer, key: public.bytes(), kem: &XWing }), ..weak };
    let weak = Session::offer(&platform, &suite, &mut sender, &from, &weak, &mut out).unwrap();
    assert_eq!(adapter.take(&out[..weak.1], NOW, &mut archive).unwrap_err().reason(), Reason::HybridRequired);
    let (mut session, length) = Session::offer(&platform, &suite, &mut sender, &from, &strong, &mut out).unwrap();
    assert_eq!(begun(adapter.take(&out[..length], NOW, &mut archive)), Earlier::First { sent: 0 });
    let length = session.seal(&platform, &suite, &to, b"2", &mut out).unwrap();
    assert!(matches!(adapter.take(&out[..length], NOW, &mut archive), Ok(Received::Kept(_))));
    assert_eq!(archive[0].session, Some(session.kid()));
}
