//! Settings that open or close a door, and those who knock too often.

use super::desk::{World, ask_for, is_shut_out};
use crate::common::key;
use aseptic_core::Reason;
use aseptic_infra::registrar::{Attributes, Decision, Limits};
use rcgen::{Attribute, CertificateParams, DnType, DnValue, KeyPair};
use rustls::version::{TLS12, TLS13};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// ecdsa-with-SHA256, and id-ecPublicKey with secp256r1 (RFC 8951 section 3.5).
const LIST: &str = "302106082a8648ce3d040302301506072a8648ce3d0201310a06082a8648ce3d030107";
/// Read by pyasn1-alt-modules as RFC 9908 has it: v1, a serialNumber without a value, P-256, no attributes.
const TEMPLATE: &str = "303a3038060b2a864886f70d010910023d312930270201003009310730050603550405a015301306072a8648ce3d020106082a8648ce3d030107a100";

/// A request with a challengePassword, by another writer.
fn challenge(serial: &str, binding: &[u8]) -> Vec<u8> {
    let mut text = vec![0; aseptic_certs::base64::encoded_len(binding.len())];
    let length = aseptic_certs::base64::encode(binding, &mut text).unwrap();
    text.truncate(length);
    text.retain(|byte| *byte != b'\n');
    let length = |more: usize| u8::try_from(text.len() + more).unwrap();
    let values = [&[0x31, length(2), 0x13, length(0)][..], &text].concat();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let serial = DnValue::PrintableString(serial.try_into().unwrap());
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), serial);
    let attribute = Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values };
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    params.serialize_request_with_attributes(&key, vec![attribute]).unwrap().der().to_vec()
}

#[test]
fn a_request_is_bound_to_its_channel_where_that_is_asked_for() {
    let world = World::new();
    let desk = world.open(World::hospital(), |registrar| registrar.proof_of_possession(true));
    let device = world.born("PUMP-0001");
    let client = desk.newborn(&device);
    // The bare identifier of challengePassword.
    let asked = client.get("csrattrs").unwrap();
    assert!(asked.head.contains("content-type: application/csrattrs"));
    assert_eq!(asked.der(), [0x30, 11, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 7]);
    let bound = client.post_bound("simpleenroll", |binding| challenge("PUMP-0001", &binding)).unwrap();
    assert_eq!(bound.status, 200, "{}", String::from_utf8_lossy(&bound.body));
    world.told();
    let mut stolen = Vec::new();
    client
        .post_bound("cacerts", |binding| {
            stolen = challenge("PUMP-0001", &binding);
            stolen.clone()
        })
        .unwrap();
    world.told();
    let refused = [
        client.post("simpleenroll", &ask_for(&key(), "PUMP-0001", None)).unwrap(),
        client.post("simpleenroll", &stolen).unwrap(),
        client.post_bound("simpleenroll", |binding| challenge("PUMP-0001", &binding[..31])).unwrap(),
        client.post_bound("simpleenroll", |_| challenge("PUMP-0001", b"")).unwrap(),
    ];
    assert!(refused.iter().all(|reply| reply.status == 403));
    assert_eq!(world.told(), [Some(Reason::EstProof); 4]);
}

/// The very bytes come again by another channel, which RFC 7030 section 4.2.3 wants.
#[test]
fn a_bound_request_that_waits_may_come_again() {
    let world = World::new();
    let desk = world.open(World::hospital(), |registrar| {
        registrar.proof_of_possession(true).policy(|_| Decision::Wait { seconds: 1 })
    });
    let device = world.born("PUMP-0001");
    let mut request = Vec::new();
    let first = desk.newborn(&device).post_bound("simpleenroll", |binding| {
        request = challenge("PUMP-0001", &binding);
        request.clone()
    });
    assert_eq!(first.unwrap().status, 202);
    desk.approve_all();
    assert_eq!(desk.newborn(&device).post("simpleenroll", &request).unwrap().status, 200);
    // And once more, when the answer was lost.
    assert_eq!(desk.newborn(&device).post("simpleenroll", &request).unwrap().status, 200);
}

#[test]
fn clients_are_told_what_is_wanted_in_the_old_form_and_the_new() {
    let world = World::new();
    let device = world.born("PUMP-0001");
    for (form, expected) in [(Attributes::List, LIST), (Attributes::Template, TEMPLATE)] {
        let desk = world.open(World::hospital(), |registrar| registrar.attributes(form));
        let der = desk.newborn(&device).get("csrattrs").unwrap().der();
        let der: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(der, expected, "{form:?}");
    }
}

#[test]
fn tls_1_2_is_spoken_only_where_that_is_asked_for() {
    let world = World::new();
    let device = world.born("PUMP-0001");
    let request = ask_for(&key(), "PUMP-0001", None);
    let strict = world.open(World::hospital(), |registrar| registrar);
    assert!(is_shut_out(&strict.speaking(&TLS12, &device).post("simpleenroll", &request)));
    assert_eq!(strict.speaking(&TLS13, &device).post("simpleenroll", &request).unwrap().status, 200);
    let lenient = world.open(World::hospital(), |registrar| registrar.danger_legacy_tls12(true));
    assert_eq!(lenient.speaking(&TLS12, &device).post("simpleenroll", &request).unwrap().status, 200);
    // The same rules hold there.
    let foreign = World::new().born("PUMP-0001");
    assert!(is_shut_out(&lenient.speaking(&TLS12, &foreign).post("simpleenroll", &request)));
    let bound =
        world.open(World::hospital(), |registrar| registrar.danger_legacy_tls12(true).proof_of_possession(true));
    let client = bound.speaking(&TLS12, &device);
    assert_eq!(client.post_bound("simpleenroll", |binding| challenge("PUMP-0001", &binding)).unwrap().status, 403);
}

#[test]
fn without_a_certificate_there_are_cacerts_if_allowed_and_nothing_else() {
    let world = World::new();
    let closed = world.open(World::hospital(), |registrar| registrar);
    assert!(is_shut_out(&closed.client(None).get("cacerts")));
    let open = world.open(World::hospital(), |registrar| registrar.anonymous_cacerts(true));
    assert_eq!(open.client(None).get("cacerts").unwrap().certificates(), std::slice::from_ref(&open.root));
    assert_eq!(open.client(None).get("csrattrs").unwrap().status, 204);
    world.told();
    let request = ask_for(&key(), "PUMP-0001", None);
    assert_eq!(open.client(None).post("simpleenroll", &request).unwrap().status, 403);
    assert_eq!(open.client(None).post("simplereenroll", &request).unwrap().status, 403);
    assert_eq!(world.told(), [Some(Reason::PeerAnonymous); 2]);
    // A bad certificate is worse than none.
    let foreign = World::new().born("PUMP-0001");
    assert!(is_shut_out(&open.newborn(&foreign).get("cacerts")));
}

/// Three who say nothing, or too slowly: before the handshake, in the head, in the body.
#[test]
fn who_is_too_slow_is_given_up_and_told() {
    let world = World::new();
    let limits = Limits { patience: Duration::from_millis(300), ..Limits::default() };
    let desk = world.open(World::hospital(), |registrar| registrar.limits(limits));
    let device = world.born("PUMP-0001");
    let client = desk.newborn(&device);
    let _silent = TcpStream::connect(desk.handle.address()).unwrap();
    let trickle = |bytes: &[u8]| {
        let mut stream = client.connect().unwrap();
        let sent = bytes.iter().try_for_each(|byte| {
            std::thread::sleep(Duration::from_millis(30));
            stream.write_all(&[*byte])
        });
        sent.is_err() || stream.read(&mut [0]).map_or(true, |length| length == 0)
    };
    assert!(trickle(&[b'G'; 30]));
    let body =
        [&b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nContent-Length: 600\r\n\r\n"[..], &[b'A'; 100]].concat();
    let mut stream = client.connect().unwrap();
    stream.write_all(&body).unwrap();
    assert!(stream.read(&mut [0]).map_or(true, |length| length == 0));
    let told =
        || -> Vec<_> { world.log.lock().unwrap().iter().map(|line| (line.operation.clone(), line.reason)).collect() };
    let until = Instant::now() + Duration::from_secs(10);
    while told().len() < 3 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let failed = |operation: &str| told().contains(&(operation.to_owned(), Some(Reason::NetworkFailed)));
    assert!(failed("handshake") && failed("request") && failed("connection"), "{:?}", told());
    assert_eq!(client.get("cacerts").unwrap().status, 200);
}

#[test]
fn who_asks_too_often_waits_and_the_others_do_not() {
    let world = World::new();
    let limits = Limits { requests: 3, handshakes: 10, ..Limits::default() };
    let desk = world.open(World::hospital(), |registrar| registrar.limits(limits));
    let (one, two) = (world.born("PUMP-0001"), world.born("PUMP-0002"));
    let last = ask_for(&key(), "PUMP-0001", None);
    let statuses: Vec<u16> = [&ask_for(&key(), "PUMP-0001", None), &ask_for(&key(), "PUMP-0001", None), &last, &last]
        .iter()
        .map(|request| desk.newborn(&one).post("simpleenroll", request).unwrap().status)
        .collect();
    assert_eq!(statuses, [200; 4]);
    let limited = desk.newborn(&one).post("simpleenroll", &ask_for(&key(), "PUMP-0001", None)).unwrap();
    assert_eq!(limited.status, 429);
    assert!(limited.head.contains("retry-after: 1200"), "{}", limited.head);
    assert_eq!(desk.newborn(&two).post("simpleenroll", &ask_for(&key(), "PUMP-0002", None)).unwrap().status, 200);
    assert_eq!(world.told().iter().filter(|reason| **reason == Some(Reason::EstLimited)).count(), 1);
    // Then the address is through with its handshakes, and that is told once.
    let answered = (0..40).filter(|_| desk.newborn(&two).get("cacerts").is_ok()).count();
    assert!((10..=20).contains(&answered), "{answered} of 40");
    let until = Instant::now() + Duration::from_secs(5);
    let limited = || world.log.lock().unwrap().iter().filter(|line| line.operation == "connection").count();
    while limited() == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((1..=3).contains(&limited()), "{}", limited());
}
