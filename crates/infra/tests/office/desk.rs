//! A maker, a hospital with its registrar on a clock that can be set, and devices that were born.

use crate::common::key;
use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_core::Reason;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::platform::Clock;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Purpose};
use aseptic_infra::ca::{Ca, Chain, Expected, Server, Validity};
use aseptic_infra::owner::Store as Author;
use aseptic_infra::registrar::{Audit, Handle, Store};
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use aseptic_testbed::est::{Client, Reply};
use rustls::SupportedProtocolVersion;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const NAME: &str = "registrar.example";
pub(crate) const DAY: u64 = 86_400;
/// When these tests begin; rustls' own client reads the real clock, which is before the end of every server certificate.
pub(crate) const START: u64 = 1_790_000_000;

#[derive(Clone)]
pub(crate) struct SetClock(Arc<AtomicU64>);

impl SetClock {
    pub(crate) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time::trusted(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> u64 {
        0
    }
}

/// What lasts when the registrar does not.
pub(crate) struct World {
    pub(crate) maker: Ca,
    makers: Vec<u8>,
    pub(crate) clock: SetClock,
    pub(crate) log: Arc<Mutex<Vec<Audit>>>,
}

/// A registrar that runs.
pub(crate) struct Desk {
    pub(crate) root: Vec<u8>,
    pub(crate) handle: Handle,
}

pub(crate) struct Device {
    pub(crate) serial: String,
    pub(crate) key: AuthorityKey,
    pub(crate) birth: Chain,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Ca::new("Maker", Validity::years(START - DAY, 40).unwrap()).unwrap())
    }

    pub(crate) fn with(maker: Ca) -> Self {
        Self::beside(maker, None)
    }

    /// The same where devices of another maker are born too.
    pub(crate) fn beside(maker: Ca, other: Option<&Ca>) -> Self {
        let author = key();
        let mut makers = Author::new(Authority::Manufacturer, START).signer(author.public().unwrap()).anchor(
            "maker",
            &[Purpose::Birth],
            maker.anchor(),
        );
        if let Some(other) = other {
            makers = makers.anchor("other", &[Purpose::Birth], other.anchor());
        }
        let makers = makers.sign(&soft::suite(), &[(author.public().unwrap(), &author)]).unwrap();
        let clock = SetClock(Arc::new(AtomicU64::new(START)));
        Self { maker, makers, clock, log: Arc::default() }
    }

    pub(crate) fn hospital() -> Ca {
        Ca::new("Hospital", Validity::years(START - DAY, 30).unwrap()).unwrap()
    }

    /// The registrar of `ca`, adjusted.
    pub(crate) fn open(&self, ca: Ca, adjust: impl FnOnce(Registrar) -> Registrar) -> Desk {
        let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &self.makers)]).unwrap();
        let (server, root) = (key(), ca.anchor().to_vec());
        let own = ca.validity().unwrap();
        let validity = Validity::new(own.not_before(), own.not_after()).unwrap();
        let chain = ca.issue_server(NAME, server.public().unwrap(), Server::Registrar, validity).unwrap();
        let log = Arc::clone(&self.log);
        let registrar = Registrar::new(ca, Arc::new(trust), chain, server)
            .clock(Arc::new(self.clock.clone()))
            .audit(move |audit| log.lock().unwrap().push(audit.clone()));
        let handle = adjust(registrar).serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Desk { root, handle }
    }

    pub(crate) fn born(&self, serial: &str) -> Device {
        Self::born_of(&self.maker, serial)
    }

    pub(crate) fn born_of(maker: &Ca, serial: &str) -> Device {
        let key = key();
        let uri = udi(serial);
        let expected = Expected {
            serial,
            key: KeyAlg::P256,
            hardware_type: &[0x2B, 0x06, 0x01],
            hardware_serial: serial.as_bytes(),
            udi: Some(&uri),
        };
        let birth = maker.issue_birth(&ask_for(&key, serial, None), &expected, START - DAY).unwrap();
        Device { serial: serial.to_owned(), key, birth }
    }

    /// The reasons that were told, oldest first; the log is empty afterwards.
    pub(crate) fn told(&self) -> Vec<Option<Reason>> {
        self.log.lock().unwrap().drain(..).map(|audit| audit.reason).collect()
    }
}

impl Desk {
    pub(crate) fn client(&self, identity: Option<(&[Vec<u8>], &AuthorityKey)>) -> Client {
        Client::new(self.handle.address(), NAME, &self.root, identity)
    }

    pub(crate) fn speaking(&self, version: &'static SupportedProtocolVersion, device: &Device) -> Client {
        let identity = Some((&device.birth[..], &device.key));
        Client::speaking(version, self.handle.address(), NAME, &self.root, identity)
    }

    /// The device as it was born.
    pub(crate) fn newborn(&self, device: &Device) -> Client {
        self.client(Some((&device.birth, &device.key)))
    }

    /// Enrols: the certificate and its key.
    pub(crate) fn enrolled(&self, device: &Device) -> (Vec<Vec<u8>>, AuthorityKey) {
        let key = key();
        let reply = self.newborn(device).post("simpleenroll", &ask_for(&key, &device.serial, None)).unwrap();
        (vec![reply.certificate()], key)
    }
}

pub(crate) fn udi(serial: &str) -> String {
    format!("https://id.gs1.org/01/09506000134352/21/{serial}")
}

/// A request of the device `serial`.
pub(crate) fn ask_for(key: &AuthorityKey, serial: &str, uri: Option<&str>) -> Vec<u8> {
    let template = CsrTemplate { serial, common_name: None, hardware_module: None, uri };
    let mut out = [0; 1024];
    let length = csr::write(key, key.public().unwrap(), &template, &mut out).unwrap();
    out[..length].to_vec()
}

/// A request for the names of `certificate`.
pub(crate) fn renew(key: &AuthorityKey, certificate: &[u8]) -> Vec<u8> {
    let certificate = aseptic_certs::Certificate::parse(certificate).unwrap();
    let mut out = [0; 1024];
    let length = csr::renew(key, key.public().unwrap(), &certificate, &mut out).unwrap();
    out[..length].to_vec()
}

/// The audit log in the file of a registrar that has ended, verified.
pub(crate) fn audit_lines(path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let count = Store::open(path).unwrap().audit(&mut |_, _, line| lines.push(line.to_owned())).unwrap();
    assert_eq!(count, lines.len() as u64);
    lines
}

/// Whether whoever asks is not let in.
pub(crate) fn is_shut_out(reply: &io::Result<Reply>) -> bool {
    reply.is_err()
}
