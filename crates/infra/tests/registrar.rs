//! The registrar over real sockets: asked by rustls' own client, by curl, and by whoever should not be let in.

mod common;

use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_certs::{Certificate, base64, cms};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::trust::{Authority, Purpose};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel;
use aseptic_infra::ca::{Ca, Chain, Expected, Local, Server, Validity};
use aseptic_infra::owner::Store;
use aseptic_infra::registrar::{Audit, Decision, Handle};
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use common::{have, key, request, run, write_pem};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NAME: &str = "registrar.example";
const SERIAL: &str = "PUMP-0001";
const UDI: &str = "https://id.gs1.org/01/09506000134352/21/PUMP-0001";

/// A maker, a hospital with its registrar, and a device that was born.
struct Scene {
    maker: Ca,
    hospital_root: Vec<u8>,
    handle: Handle,
    log: Arc<Mutex<Vec<Audit>>>,
    birth_key: AuthorityKey,
    birth: Chain,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn born(maker: &Ca, key: &AuthorityKey, serial: &str) -> Chain {
    let expected = Expected {
        serial,
        key: KeyAlg::P256,
        hardware_type: &[0x2B, 0x06, 0x01],
        hardware_serial: b"1",
        udi: Some(UDI),
    };
    maker.issue_birth(&request(key, serial), &expected, now() - 100).unwrap()
}

fn scene(adjust: impl FnOnce(Registrar) -> Registrar) -> Scene {
    let years = Validity::years(now() - 1000, 20).unwrap();
    let maker = Ca::new("Maker", years).unwrap();
    let hospital = Ca::new("Hospital", years).unwrap();
    let author = key();
    let store = Store::new(Authority::Manufacturer, now())
        .signer(author.public().unwrap())
        .anchor("maker", &[Purpose::Birth], maker.anchor())
        .sign(&soft::suite(), &[(author.public().unwrap(), &author)])
        .unwrap();
    let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &store)]).unwrap();
    let server_key = key();
    let year = Validity::years(now() - 1000, 1).unwrap();
    let chain = hospital.issue_server(NAME, server_key.public().unwrap(), Server::Registrar, year).unwrap();
    let (hospital_root, log) = (hospital.anchor().to_vec(), Arc::new(Mutex::new(Vec::new())));
    let sink = Arc::clone(&log);
    let registrar = Registrar::new(hospital, Arc::new(trust), chain, server_key)
        .audit(move |audit| sink.lock().unwrap().push(audit.clone()));
    let handle = adjust(registrar).serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let birth_key = key();
    let birth = born(&maker, &birth_key, SERIAL);
    Scene { maker, hospital_root, handle, log, birth_key, birth }
}

/// An HTTP answer: status, head, body.
#[derive(Debug)]
struct Answer(u16, String, Vec<u8>);

impl Scene {
    fn connect(&self, identity: Option<(&Chain, &AuthorityKey)>) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.hospital_root.clone().into()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(channel::provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some((chain, key)) => {
                // Unlike rustls' shorter ways this does not ask whether key and certificate belong together.
                let key = PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec());
                let key = channel::provider().key_provider.load_private_key(key.into()).unwrap();
                let certified = CertifiedKey::new(chain.iter().map(|der| der.clone().into()).collect(), key);
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => config.with_no_client_auth(),
        };
        let tls = ClientConnection::new(Arc::new(config), ServerName::try_from(NAME).unwrap()).unwrap();
        let stream = TcpStream::connect(self.handle.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        StreamOwned::new(tls, stream)
    }

    /// Sends raw bytes as the device and reads until the server closes.
    fn raw(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect(Some((&self.birth, &self.birth_key)));
        stream.write_all(bytes)?;
        let mut out = Vec::new();
        // A server that refuses early may reset the connection instead of closing it.
        match stream.read_to_end(&mut out) {
            Err(error) if out.is_empty() => Err(error),
            _ => Ok(out),
        }
    }

    fn ask(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        parse(&self.raw(&[head.as_bytes(), body].concat()).unwrap())
    }

    fn enrol(&self, body: &[u8]) -> Answer {
        self.ask("POST", "/.well-known/est/simpleenroll", "application/pkcs10", body)
    }

    fn last(&self) -> Audit {
        self.log.lock().unwrap().last().unwrap().clone()
    }

    /// Waits for the audit line of a connection that came to no request.
    fn handshake_reason(&self) -> Reason {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(audit) = self.log.lock().unwrap().pop() {
                assert_eq!((audit.operation.as_str(), audit.device), ("handshake", None));
                return audit.reason.unwrap();
            }
            assert!(Instant::now() < until, "no audit line");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer(status, head, bytes[end + 4..].to_vec())
}

fn wrapped(der: &[u8], line_end: &str) -> Vec<u8> {
    let mut out = vec![0; base64::encoded_len(der.len())];
    let length = base64::encode(der, &mut out).unwrap();
    std::str::from_utf8(&out[..length]).unwrap().replace('\n', line_end).into_bytes()
}

/// The certificates in an answer of the server, which must be one line of base64 and a line feed.
fn bundle(body: &[u8]) -> Vec<Vec<u8>> {
    assert_eq!(body.iter().position(|byte| *byte == b'\n'), Some(body.len() - 1), "one line and its end");
    let mut der = vec![0; body.len()];
    let length = base64::decode(body, &mut der).unwrap();
    cms::certificates(&der[..length]).unwrap().iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn a_device_enrols_with_its_birth_certificate() {
    let scene = scene(|registrar| registrar.days(30));
    let answer = scene.ask("GET", "/.well-known/est/cacerts", "x", b"");
    assert_eq!(answer.0, 200);
    assert!(answer.1.contains("content-type: application/pkcs7-mime"), "{}", answer.1);
    assert_eq!(bundle(&answer.2), std::slice::from_ref(&scene.hospital_root));
    assert_eq!(scene.last().operation, "GET cacerts");

    let key = key();
    let der = request(&key, SERIAL);
    let answer = scene.enrol(&wrapped(&der, "\n"));
    assert_eq!(answer.0, 200, "{answer:?}");
    assert!(answer.1.contains("content-type: application/pkcs7-mime; smime-type=certs-only"), "{}", answer.1);
    let issued = bundle(&answer.2);
    assert_eq!(issued.len(), 1, "the issued certificate alone");
    let leaf = Certificate::parse(&issued[0]).unwrap();
    assert_eq!(leaf.public_key().unwrap(), key.public().unwrap());
    assert_eq!(leaf.device_serial(), Some(SERIAL.as_bytes()));
    assert_eq!(leaf.uri(), Some(UDI), "the UDI that the birth certificate proves");
    assert!(leaf.not_before <= now() - 299 && leaf.not_after >= now() + 30 * 86_400 - 60);
    assert!(leaf.not_after <= now() + 30 * 86_400);

    let audit = scene.last();
    assert_eq!((audit.status, audit.reason), (Some(200), None));
    assert_eq!(audit.thumbprint, Some(key.public().unwrap().thumbprint(&soft::suite()).unwrap()));
    let line = audit.to_string();
    assert!(line.contains("device=PUMP-0001 op=POST simpleenroll status=200 key=") && !line.contains('\n'), "{line}");
    println!("{line}");
}

#[test]
fn two_requests_travel_on_one_connection() {
    let scene = scene(|registrar| registrar);
    let body = wrapped(&request(&key(), SERIAL), "\n");
    let both = [
        format!("GET /.well-known/est/cacerts HTTP/1.1\r\nHost: {NAME}\r\n\r\n").into_bytes(),
        format!("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/pkcs10\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes(),
        body,
    ];
    let answers = scene.raw(&both.concat()).unwrap();
    assert_eq!(String::from_utf8(answers).unwrap().matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn every_way_of_breaking_lines_is_understood() {
    let scene = scene(|registrar| registrar);
    let der = request(&key(), SERIAL);
    let one_line = wrapped(&der, "");
    let spaced: Vec<u8> = one_line.iter().flat_map(|byte| [*byte, b' ', b'\t']).collect();
    let bodies = [
        wrapped(&der, "\n"),
        wrapped(&der, "\r\n"),
        [&one_line[..], b"\n"].concat(),
        one_line,
        spaced,
        wrapped(&der, "\r\n\r\n"),
    ];
    for body in bodies {
        assert_eq!(scene.enrol(&body).0, 200, "{}", String::from_utf8_lossy(&body));
    }
    // RFC 8951: no transfer encoding is announced or read; media types have no case.
    let path = "/.well-known/est/simpleenroll";
    let shouted = scene.ask(
        "POST",
        path,
        "Application/PKCS10; charset=x\r\nContent-Transfer-Encoding: 8bit",
        &wrapped(&der, "\n"),
    );
    assert_eq!(shouted.0, 200);
    assert!(!shouted.1.contains("content-transfer-encoding"));
}

#[test]
fn whoever_was_not_born_of_a_known_maker_stays_outside() {
    let scene = scene(|registrar| registrar);
    let refused = |identity: Option<(&Chain, &AuthorityKey)>| {
        let mut stream = scene.connect(identity);
        // In TLS 1.3 a client learns of its refusal when it first reads.
        let sent = stream.write_all(b"GET /.well-known/est/cacerts HTTP/1.1\r\n\r\n");
        assert!(sent.is_err() || stream.read(&mut [0]).is_err());
        scene.handshake_reason()
    };
    assert_eq!(refused(None), Reason::PeerAnonymous);
    let (foreign, own) = (Ca::new("Maker", Validity::years(now() - 1000, 20).unwrap()).unwrap(), key());
    let reason = refused(Some((&born(&foreign, &own, SERIAL), &own)));
    assert!(matches!(reason, Reason::PathUntrusted | Reason::SignatureInvalid), "{reason}");
    // The device's own certificate, in the hands of somebody without its key.
    assert_eq!(refused(Some((&scene.birth, &own))), Reason::TlsFailed);
    // A server's certificate of the right maker is no birth certificate.
    let year = Validity::years(now() - 1000, 1).unwrap();
    let server = scene.maker.issue_server("device.example", own.public().unwrap(), Server::Relay, year).unwrap();
    assert_eq!(refused(Some((&server, &own))), Reason::PathKeyUsage);
}

/// What a maker signs with the same root for other uses must not become a device of any name.
#[test]
fn a_certificate_of_the_maker_that_is_no_birth_certificate_enrols_nobody() {
    let scene = scene(|registrar| registrar);
    let own = key();
    let year = Validity::years(now() - 1000, 1).unwrap();
    let local = Local { serial: SERIAL, validity: year, uris: &[UDI] };
    let chain = scene.maker.issue_local(&request(&own, SERIAL), &local).unwrap();
    let mut stream = scene.connect(Some((&chain, &own)));
    let sent = stream.write_all(b"GET /.well-known/est/cacerts HTTP/1.1\r\n\r\n");
    assert!(sent.is_err() || stream.read(&mut [0]).is_err());
    assert_eq!(scene.handshake_reason(), Reason::CertificateProfile);
}

#[test]
fn a_person_may_have_to_approve_first() {
    let approved = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&approved);
    let scene = scene(|registrar| {
        registrar.policy(move |applicant| {
            assert_eq!(applicant.serial, SERIAL);
            if *seen.lock().unwrap() { Decision::Issue } else { Decision::Wait { seconds: 90 } }
        })
    });
    let body = wrapped(&request(&key(), SERIAL), "\n");
    let answer = scene.enrol(&body);
    assert_eq!(answer.0, 202);
    assert!(answer.1.contains("retry-after: 90"), "{}", answer.1);
    assert_eq!((scene.last().status, scene.last().reason), (Some(202), Some(Reason::EstPending)));
    *approved.lock().unwrap() = true;
    assert_eq!(scene.enrol(&body).0, 200);
}

#[test]
fn refusals_say_why_in_plain_text() {
    let scene = scene(|registrar| {
        registrar.policy(|applicant| if applicant.serial == SERIAL { Decision::Issue } else { Decision::Refuse })
    });
    let (new, base) = (key(), "/.well-known/est");
    let good = request(&new, SERIAL);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let template = CsrTemplate { serial: SERIAL, common_name: None, hardware_module: None, uri: Some("https://other") };
    let mut other_udi = [0; 1024];
    let length = csr::write(&new, new.public().unwrap(), &template, &mut other_udi).unwrap();
    let enrol = |body: &[u8]| scene.enrol(body);
    let cases = [
        (enrol(&wrapped(&request(&new, "PUMP-0002"), "\n")), 403, Some(Reason::IdentityNameMismatch)),
        (enrol(&wrapped(&request(&scene.birth_key, SERIAL), "\n")), 403, Some(Reason::KeyWrongUse)),
        (enrol(&wrapped(&other_udi[..length], "\n")), 403, Some(Reason::IdentityNameMismatch)),
        (enrol(&wrapped(&forged, "\n")), 400, Some(Reason::CsrProof)),
        (enrol(b""), 400, Some(Reason::CsrMalformed)),
        (enrol(b"AAAA"), 400, Some(Reason::CsrMalformed)),
        (enrol(b"this is no base64!"), 400, Some(Reason::EstTransfer)),
        (enrol(&good), 400, Some(Reason::EstTransfer)),
        (enrol(&wrapped(&good[..good.len() - 1], "\n")), 400, Some(Reason::CsrMalformed)),
        (enrol(&wrapped(&[0x30; limits::CERTIFICATE + 1], "")), 413, Some(Reason::TooLarge)),
        (enrol(&vec![b'A'; 2 * limits::CERTIFICATE + 1]), 413, Some(Reason::TooLarge)),
        (
            scene.ask("POST", &format!("{base}/simpleenroll"), "text/plain", &wrapped(&good, "\n")),
            415,
            Some(Reason::HttpMalformed),
        ),
        (scene.ask("GET", &format!("{base}/simpleenroll"), "x", b""), 405, None),
        (scene.ask("POST", &format!("{base}/cacerts"), "x", b""), 405, None),
        (scene.ask("POST", &format!("{base}/serverkeygen"), "application/pkcs10", &wrapped(&good, "\n")), 501, None),
        (scene.ask("GET", &format!("{base}/nothing"), "x", b""), 404, None),
        (scene.ask("GET", "/.well-known/est", "x", b""), 404, None),
        (scene.ask("GET", "/etc/passwd", "x", b""), 404, None),
        (scene.ask("GET", &format!("{base}/csrattrs"), "x", b""), 204, None),
    ];
    let told: Vec<_> = scene.log.lock().unwrap().iter().map(|audit| audit.reason).collect();
    let expected: Vec<_> = cases.iter().map(|case| case.2).collect();
    assert_eq!(told, expected);
    for (answer, status, reason) in &cases {
        assert_eq!(answer.0, *status, "{answer:?}");
        assert!(answer.1.contains("content-type: text/plain"), "{}", answer.1);
        let text = std::str::from_utf8(&answer.2).unwrap();
        assert!(*status == 204 || text.ends_with(".\n") && text.lines().count() == 1, "{text:?}");
        assert!(reason.is_none_or(|reason| text.contains(reason.cause()) && text.contains(reason.remedy())), "{text}");
    }
    println!("{} refusals, each with its reason", cases.len());

    // Another device of the same maker, which the policy does not know.
    let stranger = key();
    let chain = born(&scene.maker, &stranger, "PUMP-0007");
    let mut stream = scene.connect(Some((&chain, &stranger)));
    let body = wrapped(&request(&new, "PUMP-0007"), "\n");
    let head = format!(
        "POST {base}/simpleenroll HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/pkcs10\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut out = Vec::new();
    stream.read_to_end(&mut out).unwrap();
    assert_eq!(parse(&out).0, 403);
    assert_eq!(scene.last().reason, Some(Reason::EstRefused));
}

#[test]
fn noise_does_not_stop_the_server() {
    let scene = scene(|registrar| registrar);
    let long = [&b"GET /"[..], &vec![b'a'; 100_000], b" HTTP/1.1\r\n\r\n"].concat();
    let noises: [&[u8]; 5] = [
        b"GET\r\n\r\n",
        b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        &[0; 5000],
        &long,
    ];
    for noise in noises {
        if let Ok(answer) = scene.raw(noise) {
            assert!(
                answer.is_empty() || (400..500).contains(&parse(&answer).0),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
    // An authenticated device that sends no HTTP has something wrong with it.
    let told = || -> Vec<_> {
        let log = scene.log.lock().unwrap();
        log.iter().filter(|audit| audit.device.as_deref() == Some(SERIAL)).map(|audit| audit.reason).collect()
    };
    // The line of a connection may be written after its end was seen.
    let until = Instant::now() + Duration::from_secs(10);
    while told().len() < noises.len() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(told().iter().filter(|reason| **reason == Some(Reason::HttpMalformed)).count(), 4, "{:?}", told());
    assert!(told().contains(&Some(Reason::NetworkFailed)), "a body that breaks off: {:?}", told());
    // And beneath TLS.
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xFF, 0xFF], &[0; 40_000], b""] {
        let mut stream = TcpStream::connect(scene.handle.address()).unwrap();
        let _reset = stream.write_all(noise);
        let _reset = stream.shutdown(std::net::Shutdown::Write);
        let _reset = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(scene.ask("GET", "/.well-known/est/cacerts", "x", b"").0, 200);
}

/// A connection from another address than the device's.
#[cfg(target_os = "linux")]
fn from_elsewhere(address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    runtime.block_on(socket.connect(address)).unwrap().into_std().unwrap()
}

/// Two hundred connections that say nothing, from another address than the device's.
#[cfg(target_os = "linux")]
#[test]
fn one_address_cannot_shut_the_others_out() {
    let scene = scene(|registrar| registrar);
    let silent: Vec<_> = (0..200).map(|_| from_elsewhere(scene.handle.address())).collect();
    assert_eq!(scene.ask("GET", "/.well-known/est/cacerts", "x", b"").0, 200);
    // Who it was stands in the log, once and not two hundred times.
    let told: Vec<_> =
        scene.log.lock().unwrap().iter().filter(|audit| audit.operation == "connection").cloned().collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].from.ip().to_string().as_str(), told[0].reason), ("127.0.0.2", Some(Reason::TooLarge)));
    drop(silent);
    // The place of a connection that has ended is free again.
    for _ in 0..20 {
        assert_eq!(scene.ask("GET", "/.well-known/est/cacerts", "x", b"").0, 200);
    }
}

/// The hospital's own code fails: that costs the connection which it was called for and no other.
#[cfg(target_os = "linux")]
#[test]
fn a_policy_or_sink_that_panics_does_not_stop_the_server() {
    let scene = scene(|registrar| {
        registrar.policy(|_| panic!("no policy today")).audit(|audit| {
            assert!(!matches!(audit.operation.as_str(), "connection" | "handshake"), "no audit today");
        })
    });
    let alive = || assert_eq!(scene.ask("GET", "/.well-known/est/cacerts", "x", b"").0, 200);
    let body = wrapped(&request(&key(), SERIAL), "\n");
    let head = format!(
        "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/pkcs10\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert!(scene.raw(&[head.as_bytes(), &body].concat()).map_or(true, |answer| answer.is_empty()));
    alive();
    let _stranger = scene.connect(None).write_all(b"GET / HTTP/1.1\r\n\r\n");
    alive();
    let silent: Vec<_> = (0..20).map(|_| from_elsewhere(scene.handle.address())).collect();
    std::thread::sleep(Duration::from_millis(100));
    alive();
    drop(silent);
}

#[test]
fn audit_lines_are_short_and_plain_and_leave_nothing_out() {
    let scene = scene(|registrar| registrar);
    let far = "/.well-known/est/\u{e9}\u{2003}status=200".to_owned() + &"x".repeat(6000);
    assert_eq!(scene.ask("GET", &far, "x", b"").0, 404);
    let line = scene.last().to_string();
    assert!(line.is_ascii() && line.len() < 300, "{} bytes: {line}", line.len());
    assert!(line.contains(" from=127.0.0.1:") && line.contains("op=GET \\u{e9}\\u{2003}status=200xxx"), "{line}");
    assert_eq!(line.split(' ').filter(|part| part.starts_with("status=")).collect::<Vec<_>>(), ["status=404"]);

    assert_eq!(scene.enrol(&vec![b'A'; 2 * limits::CERTIFICATE + 1]).0, 413);
    let audit = scene.last();
    assert_eq!((audit.status, audit.reason), (Some(413), Some(Reason::TooLarge)));
    assert_eq!((audit.device.as_deref(), audit.operation.as_str()), (Some(SERIAL), "POST simpleenroll"));
    let name = Audit { device: Some("A op=GET cacerts status=200".into()), ..audit };
    assert_eq!(name.to_string().matches(" op=").count(), 1, "{name}");
}

#[test]
fn shutdown_is_prompt_and_complete() {
    let scene = scene(|registrar| registrar);
    assert_eq!(scene.ask("GET", "/.well-known/est/cacerts", "x", b"").0, 200);
    // Somebody who connects and says nothing, and somebody who keeps a connection open.
    let address: SocketAddr = scene.handle.address();
    let _silent = TcpStream::connect(address).unwrap();
    let mut idle = scene.connect(Some((&scene.birth, &scene.birth_key)));
    idle.write_all(format!("GET /.well-known/est/cacerts HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).unwrap();
    assert!(idle.read(&mut [0; 64]).unwrap() > 0);
    // It waits for neither of them.
    scene.handle.shutdown();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn curl_and_openssl_enrol() {
    if !have("curl", "--version") || !have("openssl", "version") {
        return;
    }
    let scene = scene(|registrar| registrar);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_pem(file("root.pem").as_ref(), &[&scene.hospital_root]);
    write_pem(file("birth.pem").as_ref(), &[&scene.birth[0]]);
    scene.birth_key.save(file("birth.key").as_ref()).unwrap();
    // OpenSSL makes the key and the request, and curl carries it.
    let (made, text) = run(
        "openssl",
        &[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &file("new.key"),
            "-subj",
            "/serialNumber=PUMP-0001",
            "-outform",
            "DER",
            "-out",
            &file("new.csr"),
        ],
        &[],
    );
    assert!(made, "{text}");
    let body = wrapped(&std::fs::read(file("new.csr")).unwrap(), "\n");
    let port = scene.handle.address().port();
    let resolve = format!("{NAME}:{port}:127.0.0.1");
    let curl = |operation: &str, out: &str, extra: &[&str]| {
        let url = format!("https://{NAME}:{port}/.well-known/est/{operation}");
        let (cert, key, ca) = (file("birth.pem"), file("birth.key"), file("root.pem"));
        let out = file(out);
        let mut arguments =
            vec!["-sS", "--fail", "--resolve", &resolve, "--cacert", &ca, "--cert", &cert, "--key", &key];
        arguments.extend(["--output", &out, &url]);
        arguments.extend(extra);
        run("curl", &arguments, &body)
    };
    let (fetched, text) = curl("cacerts", "ca.b64", &[]);
    assert!(fetched, "{text}");
    let (enrolled, text) =
        curl("simpleenroll", "leaf.b64", &["-H", "Content-Type: application/pkcs10", "--data-binary", "@-"]);
    assert!(enrolled, "{text}");
    for (name, subject) in [("ca", "CN = Hospital"), ("leaf", "serialNumber = PUMP-0001")] {
        let base64 = std::fs::read(file(&format!("{name}.b64"))).unwrap();
        let (decoded, der) = (run("openssl", &["base64", "-d", "-A", "-out", &file("p7")], &base64).0, file("p7"));
        assert!(decoded);
        let (read, text) = run("openssl", &["pkcs7", "-inform", "DER", "-in", &der, "-print_certs"], &[]);
        assert!(read && text.contains(subject), "{text}");
        std::fs::write(file(&format!("{name}.pem")), text).unwrap();
    }
    let (verified, text) = run(
        "openssl",
        &["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", &file("ca.pem"), &file("leaf.pem")],
        &[],
    );
    assert!(verified, "{text}");
    // Without a certificate curl gets nothing, and TLS 1.2 is not spoken.
    let url = format!("https://{NAME}:{port}/.well-known/est/cacerts");
    let bare = ["-sS", "--resolve", &resolve, "--cacert", &file("root.pem"), &url];
    assert!(!run("curl", &bare, &[]).0);
    assert!(!curl("cacerts", "none", &["--tls-max", "1.2"]).0);
}
