//! The whole way with certificates: a device shakes hands with a relay by mutual TLS, and what it sealed is opened behind.

use aseptic_certs::Engine;
use aseptic_core::Reason;
use aseptic_core::cose::{ContentType, KeyAgree, KeySigner};
use aseptic_core::crypto::{KeyAlg, PublicKey, SigAlg};
use aseptic_core::platform::{KeyId, KeyPolicy, KeyUse, Keys};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_hosted::channel::{Local, Remote, connect, dial, limited};
use aseptic_infra::adapter::{RecordAdapter, Setup};
use aseptic_infra::hl7;
use aseptic_infra::relay::{PROTOCOL, Relay};
use aseptic_messaging::{Direction, Origin, Outgoing, Sender};
use aseptic_testbed::bench::Bench;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SignatureAlgorithm,
};
use std::net::TcpListener;
use std::time::Duration;

const RELAY: &str = "relay.hospital.example";
const LIMIT: Duration = Duration::from_secs(10);
const SIGN: KeyId = KeyId(1);
const AGREE: KeyId = KeyId(2);
const NOW: Time = Time::trusted(1_795_392_000);

struct Public(Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A machine with a signing and an agreement key.
fn machine(seed: u8) -> (Bench, [Vec<u8>; 2]) {
    let bench = Bench::new(u64::from(seed));
    let publics = [(SIGN, KeyUse::Sign, seed), (AGREE, KeyUse::Agree, seed + 100)].map(|(id, usage, secret)| {
        bench.put_key(id, KeyPolicy { alg: KeyAlg::P256, usage }, &[secret; 32]);
        let mut public = vec![0; 65];
        Keys::public(&bench, id, &mut public).unwrap();
        public
    });
    (bench, publics)
}

fn hospital(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Of a server with a DNS name, or of a device, which has a serial number.
fn certificate(ca: &CertifiedIssuer<'static, KeyPair>, name: &str, dns: Option<&str>, public: &[u8]) -> Vec<u8> {
    let kind = if dns.is_some() { DnType::CommonName } else { DnType::from_oid(&[2, 5, 4, 5]) };
    named(ca, kind, name, dns, public)
}

fn named(
    ca: &CertifiedIssuer<'static, KeyPair>,
    kind: DnType,
    name: &str,
    dns: Option<&str>,
    public: &[u8],
) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(kind, name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![if dns.is_some() { ExtendedKeyUsagePurpose::ServerAuth } else { ExtendedKeyUsagePurpose::ClientAuth }];
    params.subject_alt_names = dns.iter().map(|dns| SanType::DnsName((*dns).try_into().unwrap())).collect();
    params.signed_by(&Public(public.to_vec()), ca).unwrap().der().to_vec()
}

#[test]
fn a_sealed_observation_crosses_mutual_tls_and_is_opened_behind_the_relay() {
    let ca = hospital("Hospital");
    let (pump, [pump_key, _]) = machine(1);
    let (server, [_, adapter_key]) = machine(3);
    let pump_certificate = certificate(&ca, "PUMP-0001", None, &pump_key);
    let entries = entries(ca.as_ref().der(), &adapter_key);
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let suite = aseptic_hosted::crypto::suite();

    // The device seals with the keys of its key store.
    let to = [trust.pinned(&suite, Purpose::Receive, b"record-adapter-1").unwrap()];
    let platform = pump.platform();
    let signer = KeySigner::new(&pump, SIGN, SigAlg::Es256);
    let key = PublicKey::new(KeyAlg::P256, &pump_key).unwrap();
    let origin = Origin { name: b"PUMP-0001", key, signer: &signer };
    let mut sender = Sender::load(&platform, Direction::FromDevice).unwrap();
    let content_type = ContentType::Text(hl7::CONTENT_TYPE);
    let mut seal = |body: &[u8]| {
        let mut sealed = vec![0; Sender::room(body.len())];
        let message =
            Outgoing { class: Purpose::Telemetry, stream: 0, to: &to, content_type, body, time: NOW, fresh: None };
        let length = sender.seal(&platform, &suite, &origin, &message, &mut sealed).unwrap();
        sealed.truncate(length);
        sealed
    };
    let sealed = [seal(b"MSH|^~\\&|1\r"), seal(b"MSH|^~\\&|2\r")];

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (relay, messages) = Relay::new(4);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| relay_once(&listener, &relay, &ca));
        let local = Local { keys: &pump, key: SIGN, chain: &[&pump_certificate] };
        let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[Purpose::Network], now: NOW };
        let mut channel = connect(dial(address, LIMIT).unwrap(), RELAY, &[PROTOCOL], &local, &remote).unwrap();
        assert_eq!(channel.peer().name(), RELAY.as_bytes());
        for message in &sealed {
            channel.send_frame(message).unwrap();
        }
        channel.close().unwrap();
        assert_eq!(serving.join().unwrap().unwrap(), 2);
    });

    let agree = KeyAgree::new(&server, AGREE, KeyAlg::P256);
    let mut adapter = open(&server, &agree, trust, suite);
    assert_eq!(adapter.register(&[&pump_certificate], NOW).unwrap(), "PUMP-0001");
    for number in ["1", "2"] {
        let record = adapter.receive(&messages.recv().unwrap(), NOW, &mut Vec::new()).unwrap();
        assert_eq!((record.from.as_str(), record.hl7().unwrap().field("MSH", 3)), ("PUMP-0001", Some(number)));
    }
    // A certificate of somebody else's authority is not entered into the directory.
    let foreign = certificate(&hospital("Elsewhere"), "PUMP-0001", None, &pump_key);
    assert_eq!(adapter.register(&[&foreign], NOW).unwrap_err().reason(), Reason::PathUntrusted);
    // Nor does anybody become a device by being called like one.
    let nurse = named(&ca, DnType::CommonName, "PUMP-0001", None, &pump_key);
    assert_eq!(adapter.register(&[&nurse], NOW).unwrap_err().reason(), Reason::CertificateProfile);
}

#[test]
fn a_device_of_another_hospital_gets_no_further_than_the_handshake() {
    let (ca, elsewhere) = (hospital("Hospital"), hospital("Elsewhere"));
    let (pump, [pump_key, other]) = machine(1);
    let stranger = certificate(&elsewhere, "PUMP-0001", None, &pump_key);
    let entries = entries(ca.as_ref().der(), &other);
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let suite = aseptic_hosted::crypto::suite();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (relay, messages) = Relay::new(4);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| relay_once(&listener, &relay, &ca));
        let local = Local { keys: &pump, key: SIGN, chain: &[&stranger] };
        let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[Purpose::Network], now: NOW };
        if let Ok(mut channel) = connect(dial(address, LIMIT).unwrap(), RELAY, &[PROTOCOL], &local, &remote) {
            assert!(channel.recv_frame().is_err());
        }
        assert_eq!(serving.join().unwrap().unwrap_err().reason(), Reason::PathUntrusted);
    });
    assert!(messages.try_recv().is_err());
}

/// A relay with its own key and certificate, for one connection. It knows the hospital's anchor and no key of an adapter.
fn relay_once(
    listener: &TcpListener,
    relay: &Relay,
    ca: &CertifiedIssuer<'static, KeyPair>,
) -> aseptic_infra::Result<u64> {
    let (machine, [key, _]) = machine(2);
    let chain = certificate(ca, RELAY, Some(RELAY), &key);
    let purposes = Purposes::of(&[Purpose::Telemetry]);
    let anchor = [Entry { purposes, name: b"hospital", material: Material::certificate(ca.as_ref().der()) }];
    let trust = danger::unsigned(Authority::Owner, &anchor).unwrap();
    let suite = aseptic_hosted::crypto::suite();
    let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[Purpose::Telemetry], now: NOW };
    let local = Local { keys: &machine, key: SIGN, chain: &[&chain] };
    let stream = listener.accept().unwrap().0;
    limited(&stream, LIMIT).unwrap();
    relay.accept(stream, &local, &remote)
}

fn entries<'a>(anchor: &'a [u8], adapter: &'a [u8]) -> [Entry<'a>; 2] {
    let devices = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Network]);
    let receive = Purposes::of(&[Purpose::Receive]);
    let key = PublicKey::new(KeyAlg::P256, adapter).unwrap();
    [
        Entry { purposes: devices, name: b"hospital", material: Material::certificate(anchor) },
        Entry { purposes: receive, name: b"record-adapter-1", material: Material::Key(key) },
    ]
}

fn open<'a>(
    server: &'a Bench,
    key: &'a KeyAgree<'a>,
    trust: Trust<'a>,
    suite: aseptic_core::crypto::Suite<'a>,
) -> RecordAdapter<'a> {
    let platform = server.platform();
    RecordAdapter::open(Setup { platform, suite, name: "record-adapter-1", key, trust, engine: &Engine }).unwrap()
}
