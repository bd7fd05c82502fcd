//! A device with files enrols with a registrar over TCP and TLS.

use super::{Outcome, Registrar, enrol};
use crate::channel::{Channel, Local, Remote, accept, connect, dial, limited};
use crate::testing::{Belief, Ca, LIMIT, Leaf, NOW, Party, parameters};
use crate::{Error, Files, Result, crypto};
use aseptic_certs::csr::Csr;
use aseptic_certs::{Engine, IDEVID_NOT_AFTER, base64, cms, oid};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_core::{Reason, limits};
use aseptic_identity::{DeviceName, Enroller, Identity, Stage, Workspace, birth, confirm_handshake};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "registrar.hospital.example";
const SERIAL: &str = "PUMP-0001";

/// What a registrar answers to a path and a body: raw HTTP. None closes the connection.
type Script<'s> = dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Sync + 's;

struct World {
    maker: Ca,
    owner: Ca,
    files: Files,
    _folder: TempDir,
}

impl World {
    /// A device fresh from the factory.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path(), &[3; 32]).unwrap();
        let world = Self { maker: Ca::new("Maker"), owner: Ca::new("Hospital"), files, _folder: folder };
        let (platform, suite) = (world.files.platform(), crypto::suite());
        let (mut workspace, mut request) = (Box::new(Workspace::new()), [0; limits::CSR]);
        let name = DeviceName {
            serial: SERIAL,
            hardware_type: &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01],
            hardware_serial: b"HW-1",
            udi: None,
        };
        let length = birth::request(&platform, &suite, &name, &mut workspace, &mut request).unwrap();
        let leaf = issue(&world.maker, &request[..length], IDEVID_NOT_AFTER);
        let trust = trust(Authority::Manufacturer, &world.maker, &[Purpose::Birth]);
        let now = Time::trusted(NOW);
        birth::install(&platform, &suite, &trust, &Engine, &[&leaf], now, &mut workspace).unwrap();
        world
    }

    /// What an honest registrar answers.
    fn honest(&self, path: &str, body: &[u8]) -> Vec<u8> {
        match path {
            "/.well-known/est/cacerts" => bundle(self.owner.der()),
            "/.well-known/est/simpleenroll" => {
                let mut request = [0; limits::CSR];
                let length = base64::decode(body, &mut request).unwrap();
                bundle(&issue(&self.owner, &request[..length], NOW + 86_400))
            }
            other => panic!("{other}"),
        }
    }

    fn registrar(&self, leaf: &Leaf<'_>) -> Party {
        self.owner.party(KeyAlg::P256, leaf)
    }

    /// Enrols up to `tries` times against a registrar with this certificate and script; the last outcome and how many
    /// connections it took.
    fn enrol(&self, leaf: &Leaf<'_>, tries: usize, script: &Script<'_>) -> (Vec<Result<Outcome>>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (over, connections) = (AtomicBool::new(false), AtomicUsize::new(0));
        let party = self.registrar(leaf);
        std::thread::scope(|scope| {
            let (over, connections) = (&over, &connections);
            scope.spawn(move || {
                let belief =
                    Belief { authority: Authority::Manufacturer, anchor: self.maker.der(), grants: &[Purpose::Birth] };
                for stream in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    connections.fetch_add(1, Ordering::SeqCst);
                    let stream = stream.unwrap();
                    limited(&stream, LIMIT).unwrap();
                    let channel = party.with(belief, |local, remote| accept(stream, &[b"http/1.1"], local, remote));
                    if let Ok(channel) = channel {
                        assert_eq!(channel.peer().name(), SERIAL.as_bytes());
                        serve(channel, script);
                    }
                }
            });
            let outcomes = self.device(&address, tries);
            over.store(true, Ordering::SeqCst);
            drop(TcpStream::connect(&address));
            (outcomes, connections.load(Ordering::SeqCst))
        })
    }

    fn device(&self, address: &str, tries: usize) -> Vec<Result<Outcome>> {
        self.device_within(address, tries, LIMIT)
    }

    fn device_within(&self, address: &str, tries: usize, limit: Duration) -> Vec<Result<Outcome>> {
        let (platform, suite) = (self.files.platform(), crypto::suite());
        let trust = trust(Authority::Owner, &self.owner, &[Purpose::Enrolment, Purpose::Network, Purpose::Telemetry]);
        let mut workspace = Box::new(Workspace::new());
        let mut enroller = Enroller::start(&platform, &suite, &trust, &Engine, &mut workspace).unwrap();
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(&platform, &mut buffer).unwrap();
        let credential = identity.birth().unwrap();
        let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[], now: Time::trusted(NOW) };
        let registrar = Registrar { address, name: NAME, limit };
        (0..tries).map(|_| enrol(&mut enroller, &registrar, platform.keys, &credential, &remote)).collect()
    }

    fn stage(&self) -> Stage {
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(&self.files.platform(), &mut buffer).unwrap();
        identity.local_stage()
    }
}

const REGISTRAR: Leaf<'_> = Leaf { name: "registrar-1", dns: Some(NAME), ..Leaf::SERVER };

fn trust<'a>(authority: Authority, ca: &'a Ca, purposes: &[Purpose]) -> Trust<'a> {
    let material = Material::certificate(ca.der());
    danger::unsigned(authority, vec![Entry { purposes: Purposes::of(purposes), name: b"root", material }].leak())
        .unwrap()
}

fn issue(ca: &Ca, request: &[u8], until: u64) -> Vec<u8> {
    let request = Csr::parse(request).unwrap();
    request.verify(&crypto::suite()).unwrap();
    let mut params: CertificateParams = parameters("", until);
    params.distinguished_name = DistinguishedName::new();
    let serial = std::str::from_utf8(request.device_serial().unwrap()).unwrap();
    let serial = DnValue::PrintableString(serial.try_into().unwrap());
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), serial);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    if let Some(names) = request.extensions.find(oid::SUBJECT_ALT_NAME) {
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], names.value.to_vec()));
    }
    ca.sign(&params, KeyAlg::P256, request.public_key().unwrap().bytes())
}

fn bundle(certificate: &[u8]) -> Vec<u8> {
    let mut bundle = [0; 4096];
    let length = cms::write(&[certificate], &mut bundle).unwrap();
    let mut text = vec![0; base64::encoded_len(length)];
    base64::encode(&bundle[..length], &mut text).unwrap();
    text
}

/// An answer with this status, extra fields and body.
fn http(status: u16, fields: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    Some([head.as_bytes(), body].concat())
}

/// Reads requests and answers them until the script or the device ends the connection.
fn serve(channel: Channel<TcpStream>, script: &Script<'_>) {
    serve_as(channel, NAME, script);
}

fn serve_as(channel: Channel<TcpStream>, host: &str, script: &Script<'_>) {
    let mut channel = BufReader::new(channel);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let at = head.len();
            if channel.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = head[at..].strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        assert!(head.contains(&format!("\r\nHost: {host}\r\n")), "{head}");
        let mut body = vec![0; length];
        channel.read_exact(&mut body).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let answer = match path {
            // These registrars have no wishes.
            "/.well-known/est/csrattrs" => http(204, "", b""),
            _ => script(path, &body),
        };
        match answer {
            Some(answer) => channel.get_mut().write_all(&answer).unwrap(),
            None => {
                let _gone = channel.into_inner().close();
                return;
            }
        }
    }
}

#[track_caller]
fn told(outcome: &Result<Outcome>) -> Reason {
    match outcome {
        Err(error) => error.reason(),
        Ok(outcome) => panic!("{outcome:?}"),
    }
}

#[test]
fn a_device_enrols_on_one_connection_and_its_new_identity_works() {
    let world = World::new();
    assert_eq!(world.stage(), Stage::Blank);
    let (outcomes, connections) = world.enrol(&REGISTRAR, 1, &|path, body| http(200, "", &world.honest(path, body)));
    assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Done);
    assert_eq!(connections, 1);
    assert_eq!(world.stage(), Stage::Probation);

    // The new identity serves for a channel to the relay, and the birth identity is no such one by type.
    let relay = world.owner.party(KeyAlg::P256, &Leaf::SERVER);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let belief = Belief { authority: Authority::Owner, anchor: world.owner.der(), grants: &[Purpose::Telemetry] };
    let (platform, suite) = (world.files.platform(), crypto::suite());
    std::thread::scope(|scope| {
        let accepted = scope.spawn(move || {
            let stream = listener.accept().unwrap().0;
            let channel = relay.with(belief, |local, remote| accept(stream, &[], local, remote)).unwrap();
            String::from_utf8(channel.peer().name().to_vec()).unwrap()
        });
        let trust = trust(Authority::Owner, &world.owner, &[Purpose::Network]);
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(&platform, &mut buffer).unwrap();
        assert_eq!(identity.birth().unwrap().for_messages().err(), Some(Reason::KeyWrongUse));
        let credential = identity.credential().unwrap().for_messages().unwrap();
        let now = Time::trusted(NOW);
        let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[Purpose::Network], now };
        let local = Local::of(platform.keys, &credential);
        let stream = dial(address, LIMIT).unwrap();
        connect(stream, crate::testing::SERVER, &[], &local, &remote).unwrap();
        assert_eq!(accepted.join().unwrap(), SERIAL);
        confirm_handshake(&platform, credential.key_id(), &mut Box::new(Workspace::new())).unwrap();
    });
    assert_eq!(world.stage(), Stage::Active);
}

#[test]
fn servers_that_chunk_and_close_after_each_answer_are_served() {
    let world = World::new();
    let (outcomes, connections) = world.enrol(&REGISTRAR, 1, &|path, body| {
        let body = world.honest(path, body);
        let (first, rest) = body.split_at(50);
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/pkcs7-mime\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for part in [first, rest] {
            answer.extend(format!("{:X}\r\n", part.len()).bytes());
            answer.extend(part);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
        Some(answer)
    });
    assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Done);
    // One for the certificates, one for the wishes and the request.
    assert_eq!(connections, 2);
}

#[test]
fn a_kept_connection_that_the_server_closed_is_opened_again() {
    let world = World::new();
    let asked = AtomicUsize::new(0);
    let (outcomes, connections) = world.enrol(&REGISTRAR, 1, &|path, body| {
        // The second request of the first connection meets a closed door.
        (asked.fetch_add(1, Ordering::SeqCst) != 1).then(|| http(200, "", &world.honest(path, body)).unwrap())
    });
    assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Done);
    assert_eq!(connections, 2);
}

#[test]
fn a_wait_is_handed_on_and_the_same_request_goes_out_again() {
    let world = World::new();
    let bodies = std::sync::Mutex::new(Vec::new());
    let (outcomes, _) = world.enrol(&REGISTRAR, 2, &|path, body| {
        if path.ends_with("cacerts") {
            return http(200, "", &world.honest(path, body));
        }
        let mut bodies = bodies.lock().unwrap();
        bodies.push(body.to_vec());
        if bodies.len() == 1 { http(202, "Retry-After: 7\r\n", b"") } else { http(200, "", &world.honest(path, body)) }
    });
    assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Wait(Duration::from_secs(7)));
    assert_eq!(outcomes[1].as_ref().unwrap(), &Outcome::Done);
    let bodies = bodies.into_inner().unwrap();
    assert_eq!(bodies[0], bodies[1]);
}

#[test]
fn refusals_and_broken_answers_change_nothing_and_the_next_try_succeeds() {
    let world = World::new();
    let broken: [(&[u8], Reason); 6] = [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Reason::EstRefused),
        (b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n", Reason::EstRefused),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhtml", Reason::EstTransfer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", Reason::HttpMalformed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", Reason::TooLarge),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Reason::EstPending),
    ];
    for (answer, reason) in broken {
        let (outcomes, _) = world.enrol(&REGISTRAR, 1, &|_, _| Some(answer.to_vec()));
        assert_eq!(told(&outcomes[0]), reason, "{}", String::from_utf8_lossy(answer));
        assert_eq!(world.stage(), Stage::Keyed, "no request was made yet");
    }
    let count = AtomicUsize::new(0);
    let (outcomes, _) = world.enrol(&REGISTRAR, 3, &|path, body| match count.fetch_add(1, Ordering::SeqCst) {
        0 => None,
        1 => http(500, "", b"later"),
        _ => http(200, "", &world.honest(path, body)),
    });
    assert_eq!(told(&outcomes[0]), Reason::NetworkFailed);
    assert_eq!(told(&outcomes[1]), Reason::EstRefused);
    assert_eq!(outcomes[2].as_ref().unwrap(), &Outcome::Done);
}

#[test]
fn nobody_but_the_owners_registrar_hears_a_word_of_it() {
    let world = World::new();
    let silence: &Script<'_> = &|path, _| panic!("asked for {path}");
    let other_name = Leaf { dns: Some("other.hospital.example"), ..REGISTRAR };
    assert_eq!(told(&world.enrol(&other_name, 1, silence).0[0]), Reason::NameMismatch);
    let client = Leaf { usage: Some(ExtendedKeyUsagePurpose::ClientAuth), ..REGISTRAR };
    assert_eq!(told(&world.enrol(&client, 1, silence).0[0]), Reason::PathKeyUsage);
    let expired = Leaf { until: NOW - 2 * limits::GRACE, ..REGISTRAR };
    // The matrix lets an expired registrar renew devices, marked: the alternative is a ward without identities.
    let (outcomes, _) = world.enrol(&expired, 1, &|path, body| http(200, "", &world.honest(path, body)));
    assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Done);

    let mut stranger = World::new();
    stranger.owner = Ca::new("Somebody");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let party = world.registrar(&REGISTRAR);
    std::thread::scope(|scope| {
        let ended = scope.spawn(move || {
            let stream = listener.accept().unwrap().0;
            let belief =
                Belief { authority: Authority::Manufacturer, anchor: stranger.maker.der(), grants: &[Purpose::Birth] };
            party.with(belief, |local, remote| accept(stream, &[b"http/1.1"], local, remote).map(drop))
        });
        let outcome = world_with_other_owner(&world, &address);
        assert_eq!(told(&outcome), Reason::PathUntrusted);
        assert!(matches!(ended.join().unwrap(), Err(Error::Tls { .. })));
    });
}

/// A device whose owner is somebody else than the registrar's.
fn world_with_other_owner(world: &World, address: &str) -> Result<Outcome> {
    let other = Ca::new("Other hospital");
    let (platform, suite) = (world.files.platform(), crypto::suite());
    let trust = trust(Authority::Owner, &other, &[Purpose::Enrolment, Purpose::Telemetry]);
    let mut workspace = Box::new(Workspace::new());
    let mut enroller = Enroller::start(&platform, &suite, &trust, &Engine, &mut workspace)?;
    let mut buffer = vec![0; 2 * limits::SLOT];
    let identity = Identity::load(&platform, &mut buffer)?;
    let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[], now: Time::trusted(NOW) };
    let registrar = Registrar { address, name: NAME, limit: LIMIT };
    enrol(&mut enroller, &registrar, platform.keys, &identity.birth()?, &remote)
}

#[test]
fn a_registrar_may_be_known_by_its_role() {
    let world = World::new();
    let role = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 28]);
    let leaf = Leaf { dns: Some("ra.hospital.example"), usage: Some(ExtendedKeyUsagePurpose::ServerAuth), ..REGISTRAR };
    let mut party = world.registrar(&leaf);
    let mut public = [0; 65];
    party.keys.key.public(&mut public).unwrap();
    let mut params = parameters("registrar-1", NOW + 86_400);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, role];
    party.chain = vec![world.owner.sign(&params, KeyAlg::P256, &public)];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        let world = &world;
        scope.spawn(move || {
            let stream = listener.accept().unwrap().0;
            let belief =
                Belief { authority: Authority::Manufacturer, anchor: world.maker.der(), grants: &[Purpose::Birth] };
            let channel = party.with(belief, |local, remote| accept(stream, &[b"http/1.1"], local, remote)).unwrap();
            serve(channel, &|path, body| http(200, "", &world.honest(path, body)));
        });
        assert_eq!(world.device(&address, 1)[0].as_ref().unwrap(), &Outcome::Done);
    });
}

/// Each byte comes in time, the answer never.
#[test]
fn a_registrar_that_answers_byte_by_byte_does_not_hold_the_device() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let party = world.registrar(&REGISTRAR);
    let limit = Duration::from_millis(500);
    std::thread::scope(|scope| {
        let world = &world;
        // Whether the device left before the answer was whole.
        let slow = scope.spawn(move || {
            let stream = listener.accept().unwrap().0;
            limited(&stream, LIMIT).unwrap();
            let belief =
                Belief { authority: Authority::Manufacturer, anchor: world.maker.der(), grants: &[Purpose::Birth] };
            let mut channel =
                party.with(belief, |local, remote| accept(stream, &[b"http/1.1"], local, remote)).unwrap();
            assert!(channel.read(&mut [0; 1024]).unwrap() > 0);
            channel.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n").unwrap();
            (0..600).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                channel.write_all(b"A").and_then(|()| channel.flush()).is_err()
            })
        });
        let outcomes = world.device_within(&address, 1, limit);
        assert_eq!(told(&outcomes[0]), Reason::NetworkFailed);
        assert!(slow.join().unwrap());
    });
    assert_eq!(world.stage(), Stage::Keyed);
}

/// The registrar sends the device to another server, which is authenticated like itself, and under its own name.
#[test]
fn a_redirect_to_another_server_takes_a_new_connection_with_all_checks() {
    let world = World::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    for (leaf, expected) in [
        (Leaf { dns: Some("localhost"), ..REGISTRAR }, None),
        (Leaf { dns: Some("elsewhere.example"), ..REGISTRAR }, Some(Reason::NameMismatch)),
    ] {
        let party = world.registrar(&leaf);
        let followed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (world, other, followed) = (&world, &other, &followed);
            scope.spawn(move || {
                let stream = other.accept().unwrap().0;
                let belief =
                    Belief { authority: Authority::Manufacturer, anchor: world.maker.der(), grants: &[Purpose::Birth] };
                let channel = party.with(belief, |local, remote| accept(stream, &[b"http/1.1"], local, remote));
                if let Ok(channel) = channel {
                    serve_as(channel, &format!("localhost:{port}"), &|path, body| {
                        followed.fetch_add(1, Ordering::SeqCst);
                        http(200, "", &world.honest(path, body))
                    });
                }
            });
            let (outcomes, _) = world.enrol(&REGISTRAR, 1, &|path, body| match path.ends_with("simpleenroll") {
                true => http(307, &format!("Location: https://localhost:{port}{path}\r\n"), b""),
                false => http(200, "", &world.honest(path, body)),
            });
            match expected {
                None => assert_eq!(outcomes[0].as_ref().unwrap(), &Outcome::Done),
                Some(reason) => assert_eq!(told(&outcomes[0]), reason),
            }
        });
        assert_eq!(followed.into_inner(), usize::from(expected.is_none()));
    }
}

/// The response matrix lets an authentic registrar through whose certificate ran out, but not in silence.
#[test]
fn an_expired_registrar_is_told() {
    let world = World::new();
    let expired = Leaf { until: NOW - 2 * limits::GRACE, ..REGISTRAR };
    let (outcomes, _) = world.enrol(&expired, 1, &|path, body| http(200, "", &world.honest(path, body)));
    assert_eq!(*outcomes[0].as_ref().unwrap(), Outcome::Done);
    let log = std::fs::read_to_string(world._folder.path().join("events")).unwrap();
    assert_eq!(log.matches(Reason::CertificateExpired.name()).count(), 1, "{log}");
}
