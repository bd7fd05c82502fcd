//! The other side of a device in one process: its factory, and a hospital with registrar, relay and record adapter.
//!
//! For examples and tests. Each server has its state in a folder of its own and its socket on loopback.

use crate::hostile::{self, Forger, Insider};
use crate::story::Failure;
use aseptic_certs::Engine;
use aseptic_core::clinical::Use;
use aseptic_core::cose::{ContentType, KeyAgree, Signer};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey, Suite};
use aseptic_core::platform::{Entropy, Geometry, ImageSlot, KeyId, KeyPolicy, KeyUse, Keys, Platform};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Purpose, Trust, TrustBuffers, VerifiedPeer};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel::{Channel, Local, Remote, connect, dial, limited};
use aseptic_hosted::os::OsEntropy;
use aseptic_hosted::{Files, est, files};
use aseptic_identity::{Credential, DeviceName, Enroller, Identity, LocalCredential, Udi};
use aseptic_infra::adapter::{RecordAdapter, Setup};
use aseptic_infra::author::{self, Manifest, Signature};
use aseptic_infra::ca::{self, Ca, Chain, Expected, Server, Validity};
use aseptic_infra::registrar::Handle;
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust, hl7, owner, relay};
use aseptic_messaging::{Direction, Origin, Outgoing, Sender};
use aseptic_update::{Component, Device, Digest, Envelope, Session, Target, boot};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The DNS name of the registrar.
pub const REGISTRAR: &str = "registrar.hospital.example";
/// The DNS name of the relay.
pub const RELAY: &str = "relay.hospital.example";
/// The name of the record adapter, to which devices seal.
pub const ADAPTER: &str = "record-adapter-1";
/// The name of another recipient in the same hospital.
pub const PHARMACY: &str = "pharmacy";
/// The vendor of the devices.
pub const VENDOR: &str = "pumps.example";
/// The class of the devices.
pub const CLASS: &str = "infusion-pump";

const SIGN: KeyId = KeyId(1);
const AGREE: KeyId = KeyId(2);
/// How long a connection may take for each step.
pub const LIMIT: Duration = Duration::from_secs(10);
/// The name of the device.
pub const SERIAL: &str = "PUMP-7F3A01";

const LABEL: &str = "(01)09506000134352(21)7F3A01";
const MODULE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xB1, 0x7F, 0x01];
const MODULE_SERIAL: &[u8] = b"7F3A01";

/// State in a folder of its own, with two program slots of 2 MiB, under a random secret that lives as long as the process.
///
/// # Panics
/// If the operating system gives no randomness.
pub fn open(root: &Path, name: &str) -> Result<Files, Failure> {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    let secret = SECRET.get_or_init(|| {
        let mut secret = [0; 32];
        OsEntropy.fill(&mut secret).expect("randomness of the operating system");
        secret
    });
    let geometry = Geometry { size: 2 << 20, erase_size: 4096, write_size: 8 };
    Ok(files::Options::new().images(geometry).open(root.join(name), secret)?)
}

/// The maker of the devices.
pub struct Factory {
    /// Its certification authority.
    pub ca: Ca,
    /// The signed trust store that goes into each device.
    pub trust: Vec<u8>,
    /// The key that signs updates.
    pub author: AuthorityKey,
    suite: Suite<'static>,
    now: Time,
}

impl Factory {
    /// A factory that opened a minute ago.
    pub fn new(suite: Suite<'static>, now: Time) -> Result<Self, Failure> {
        let ca = Ca::new("Pumps Example Factory", validity(now)?)?;
        let (maker, author) = (AuthorityKey::generate(KeyAlg::P256)?, AuthorityKey::generate(KeyAlg::P256)?);
        let trust = owner::Store::new(Authority::Manufacturer, now.seconds)
            .signer(maker.public()?)
            .anchor("factory", &[Purpose::Birth], ca.anchor())
            .pin("author", &[Purpose::UpdateInstall], author.public()?)
            .sign(&suite, &[(maker.public()?, &maker)])?;
        Ok(Self { ca, trust, author, suite, now })
    }

    /// The birth certificate of a device, from its request.
    pub fn birth(&self, request: &[u8]) -> Result<Chain, Failure> {
        let mut uri = [0; limits::URI];
        let udi = Some(Udi::parse(LABEL)?.uri(&mut uri)?);
        let (key, hardware_type, hardware_serial) = (KeyAlg::P256, MODULE, MODULE_SERIAL);
        let expected = Expected { serial: SERIAL, key, hardware_type, hardware_serial, udi };
        Ok(self.ca.issue_birth(request, &expected, self.now.seconds - 60)?)
    }

    /// An envelope for `image`, for devices of `class`, signed by `keys`.
    pub fn envelope(
        &self,
        class: &str,
        sequence: u64,
        image: &[u8],
        keys: &[&AuthorityKey],
    ) -> Result<Vec<u8>, Failure> {
        let manifest = Manifest::new(VENDOR, class, sequence, "https://pumps.example/image").image(image)?;
        let signatures: Result<Vec<_>, Failure> =
            keys.iter().map(|key| Ok(Signature { key: key.public()?, signer: *key })).collect();
        Ok(manifest.sign(&self.suite, &signatures?)?)
    }
}

/// The owner of the devices.
pub struct Hospital {
    /// The signed trust store that an operator installs in each device.
    pub trust: Vec<u8>,
    ca: Ca,
    servers: Arc<ServerTrust>,
    root: PathBuf,
    record: Files,
    pharmacy: Files,
    suite: Suite<'static>,
    now: Time,
}

impl Hospital {
    /// A hospital with its servers' folders below `root`, which knows devices of `factory` by birth.
    pub fn new(root: &Path, suite: Suite<'static>, factory: &Factory, now: Time) -> Result<Self, Failure> {
        let ca = Ca::new("Hospital Example Root", validity(now)?)?;
        let (record, pharmacy, director) =
            (open(root, "record")?, open(root, "pharmacy")?, AuthorityKey::generate(KeyAlg::P256)?);
        let (adapter_key, pharmacy_key) =
            (generate(&record, AGREE, KeyUse::Agree)?, generate(&pharmacy, AGREE, KeyUse::Agree)?);
        let anchored = [Purpose::Enrolment, Purpose::Network, Purpose::Telemetry, Purpose::Alarm];
        let trust = owner::Store::new(Authority::Owner, now.seconds)
            .signer(director.public()?)
            .anchor("hospital", &anchored, ca.anchor())
            .pin(ADAPTER, &[Purpose::Receive], PublicKey::new(KeyAlg::P256, &adapter_key)?)
            .pin(PHARMACY, &[Purpose::Receive], PublicKey::new(KeyAlg::P256, &pharmacy_key)?)
            .sign(&suite, &[(director.public()?, &director as &dyn Signer)])?;
        let stores = [(Authority::Manufacturer, &*factory.trust), (Authority::Owner, &*trust)];
        let servers = Arc::new(ServerTrust::new(suite, &stores)?);
        Ok(Self { trust, ca, servers, root: root.to_owned(), record, pharmacy, suite, now })
    }

    /// Starts the relay: its address, and where the messages come out. It runs until the process ends.
    pub fn relay(&self) -> Result<(SocketAddr, Receiver<Vec<u8>>), Failure> {
        let files = open(&self.root, "relay")?;
        let public = generate(&files, SIGN, KeyUse::Sign)?;
        let key = PublicKey::new(KeyAlg::P256, &public)?;
        let chain = self.ca.issue_server(RELAY, key, Server::Relay, validity(self.now)?)?;
        let listener = loopback()?;
        let address = listener.local_addr().map_err(aseptic_hosted::Error::from)?;
        let (relay, messages) = relay::Relay::new(64);
        let (servers, suite, now) = (self.servers.clone(), self.suite, self.now);
        std::thread::spawn(move || {
            let links = ca::links(&chain);
            let local = Local { keys: files.platform().keys, key: SIGN, chain: &links };
            for stream in listener.incoming().flatten() {
                // A device that is refused learns it from the alert; the relay goes on with the next one.
                let _ = servers.with(|trust| {
                    let purposes = &[Purpose::Telemetry];
                    let remote = Remote { suite: &suite, trust, engine: &Engine, purposes, now };
                    let _ = limited(&stream, LIMIT).map(|()| relay.accept(stream, &local, &remote));
                    Ok(())
                });
            }
        });
        Ok((address, messages))
    }

    /// Starts the registrar, which issues to every device of the factory, and hands over the recipients.
    pub fn registrar(self) -> Result<(Handle, Record), Failure> {
        let key = AuthorityKey::generate(KeyAlg::P256)?;
        let chain = self.ca.issue_server(REGISTRAR, key.public()?, Server::Registrar, validity(self.now)?)?;
        let handle = Registrar::new(self.ca, self.servers, chain, key).serve(loopback()?)?;
        Ok((handle, Record { files: self.record, pharmacy: self.pharmacy, suite: self.suite }))
    }
}

/// So many observations of a pump, each a PCD-01 ORU^R01.
pub fn observations(count: u32, now: Time) -> Result<Vec<Vec<u8>>, Failure> {
    (1..=count).map(|number| observation(number, now)).collect()
}

fn observation(number: u32, now: Time) -> Result<Vec<u8>, Failure> {
    let code = |number, name| hl7::Code { number, name };
    let metric = hl7::Metric {
        code: code(157_784, "MDC_FLOW_FLUID_PUMP"),
        containment: [1, 1, 1, 1],
        value: hl7::Value::Number("2.5"),
        unit: code(265_266, "MDC_DIM_MILLI_L_PER_HR"),
    };
    let observation = hl7::Observation {
        id: &number.to_string(),
        application: "PUMP",
        facility: "WARD-3",
        device: [0x00, 0x09, 0x50, 0x60, 0x00, 0x7F, 0x3A, 0x01],
        kind: code(69_985, "MDC_DEV_PUMP_INFUS_VMD"),
        patient: None,
        time: now.seconds,
        metrics: &[metric],
    };
    Ok(observation.encode()?)
}

/// How the device is called.
pub fn device_name() -> Result<DeviceName<'static>, Failure> {
    let udi = Some(Udi::parse(LABEL)?);
    Ok(DeviceName { serial: SERIAL, hardware_type: MODULE, hardware_serial: MODULE_SERIAL, udi })
}

/// Puts release 1 into slot A, as a programming station does; gives its size.
pub fn provision(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<usize, Failure> {
    let first = image(64 << 10);
    platform.images.write(ImageSlot::A, 0, &first).map_err(Reason::from)?;
    boot::provision(platform, suite, Digest::of(suite, HashAlg::Sha256, &[&first])?, 64 << 10, 1)?;
    Ok(first.len())
}

/// The device loses power and starts again.
pub fn restart(files: Files, root: &Path) -> Result<Files, Failure> {
    drop(files);
    open(root, "pump")
}

/// Enrols over the network; gives the bytes of the local certificate's chain.
pub fn enrol(
    enroller: &mut Enroller<'_>,
    registrar: &Handle,
    keys: &dyn Keys,
    birth: &Credential<'_>,
    remote: &Remote<'_>,
) -> Result<(), Failure> {
    let address = registrar.address().to_string();
    let place = est::Registrar { address: &address, name: REGISTRAR, limit: LIMIT };
    match est::enrol(enroller, &place, keys, birth, remote)? {
        est::Outcome::Done => Ok(()),
        est::Outcome::Wait(_) => Err(Reason::EstPending.into()),
    }
}

/// Connects to the relay and waits until it says that the device was let in.
pub fn call(address: SocketAddr, local: &Local<'_>, remote: &Remote<'_>) -> Result<Channel<TcpStream>, Failure> {
    let mut channel = connect(dial(address, LIMIT)?, RELAY, &[relay::PROTOCOL], local, remote)?;
    channel.recv_frame()?;
    Ok(channel)
}

/// The identity that the device signs with.
pub fn identity<'b>(pump: &Files, buffer: &'b mut [u8]) -> Result<LocalCredential<'b>, Failure> {
    Ok(Identity::load(&pump.platform(), buffer)?.credential()?.for_messages()?)
}

/// Signs and seals an observation.
pub fn seal(
    pump: &Files,
    sender: &mut Sender,
    local: &LocalCredential<'_>,
    to: &[VerifiedPeer],
    body: &[u8],
    time: Time,
) -> Result<Vec<u8>, Failure> {
    let (platform, suite, mut public) = (pump.platform(), aseptic_hosted::crypto::suite(), [0; limits::PUBLIC_KEY]);
    platform.keys.public(local.key_id(), &mut public).map_err(Reason::from)?;
    let signer = local.signer(platform.keys)?;
    let origin = Origin { name: SERIAL.as_bytes(), key: PublicKey::new(KeyAlg::P256, &public)?, signer: &signer };
    let content_type = ContentType::Text(hl7::CONTENT_TYPE);
    let message = Outgoing { class: Purpose::Telemetry, stream: 0, to, content_type, body, time, fresh: None };
    let mut out = vec![0; Sender::room(body.len())];
    let length = sender.seal(&platform, &suite, &origin, &message, &mut out)?;
    out.truncate(length);
    Ok(out)
}

/// Whether any word of four letters or more of `body` stands in `sealed`.
#[must_use]
pub fn leaks(sealed: &[u8], body: &[u8]) -> bool {
    body.windows(4).any(|word| sealed.windows(4).any(|window| window == word))
}

/// An image of so many bytes.
#[must_use]
pub fn image(size: u32) -> Vec<u8> {
    (0..size).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

/// What a device does with an update: verifies the envelope, then takes the image in pieces of 4 KiB, going on where it was
/// interrupted, and once it is whole selects it for trial. Gives the bytes it took.
pub fn install(pump: &Files, envelope: &[u8], image: &[u8], clinical: Use) -> Result<usize, Failure> {
    let (platform, suite, mut buffers) = (&pump.platform(), &aseptic_hosted::crypto::suite(), TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    let vendor = author::vendor_id(VENDOR);
    let components = [Component::whole(&[b"main"])];
    let device = Device::new(vendor, author::class_id(&vendor, CLASS), &components);
    let authentic = Envelope::parse(envelope)?.authenticate(&trust, suite)?;
    let plan = authentic.plan(suite, &device, boot::floor(platform)?, Target::of(platform)?)?;
    let mut session = match Session::resume(platform, suite, &plan) {
        Err(Reason::NoUpdate) => Session::begin(platform, suite, &plan, clinical)?,
        resumed => resumed?,
    };
    let start = usize::try_from(session.offset()).unwrap_or(usize::MAX);
    let rest = image.get(start..).unwrap_or_default();
    for piece in rest.chunks(4096) {
        session.feed(platform, suite, piece, clinical)?;
    }
    if session.missing() == 0 {
        session.finish(platform, suite, clinical)?.activate(platform, clinical)?;
    }
    Ok(rest.len())
}

/// A relay that means harm, with what it could lay its hands on: a key of its own, and a reader who works for it.
pub struct HostileRelay<'r> {
    files: Files,
    suite: Suite<'static>,
    record: &'r Record,
    victim: &'r VerifiedPeer,
    key: AuthorityKey,
}

impl<'r> HostileRelay<'r> {
    /// A relay that attacks the reader `victim`.
    pub fn new(
        root: &Path,
        suite: Suite<'static>,
        record: &'r Record,
        victim: &'r VerifiedPeer,
    ) -> Result<Self, Failure> {
        Ok(Self { files: open(root, "attacker")?, suite, record, victim, key: AuthorityKey::generate(KeyAlg::P256)? })
    }

    /// A message to the pharmacy, opened there and sealed anew for the victim, the device's signature included.
    pub fn pass_on(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let insider = Insider { name: PHARMACY.as_bytes(), key: &self.record.pharmacy() };
        let way = (Direction::FromDevice, Purpose::Telemetry);
        let entropy = self.files.platform().entropy;
        Ok(hostile::pass_on(&self.suite, entropy, insider, message, way, self.victim)?)
    }

    /// A message of its own, in the name of the device.
    pub fn sign_anew(&self, body: &[u8], time: Time) -> Result<Vec<u8>, Failure> {
        let to = std::slice::from_ref(self.victim);
        let content_type = ContentType::Text(hl7::CONTENT_TYPE);
        let message = Outgoing { class: Purpose::Telemetry, stream: 0, to, content_type, body, time, fresh: None };
        let forger = Forger { signer: &self.key, named: self.key.public()? };
        Ok(hostile::sign_anew(&self.files.platform(), &self.suite, forger, SERIAL.as_bytes(), &message)?)
    }
}

/// The recipients of a hospital, with their keys.
pub struct Record {
    files: Files,
    pharmacy: Files,
    suite: Suite<'static>,
}

impl Record {
    /// The key of the record adapter.
    #[must_use]
    pub fn key(&self) -> KeyAgree<'_> {
        KeyAgree::new(self.files.platform().keys, AGREE, KeyAlg::P256)
    }

    /// The key of the pharmacy.
    #[must_use]
    pub fn pharmacy(&self) -> KeyAgree<'_> {
        KeyAgree::new(self.pharmacy.platform().keys, AGREE, KeyAlg::P256)
    }

    /// The record adapter, with its replay windows as stored.
    pub fn adapter<'a>(&'a self, key: &'a KeyAgree<'a>, trust: Trust<'a>) -> Result<RecordAdapter<'a>, Failure> {
        let (platform, suite) = (self.files.platform(), self.suite);
        Ok(RecordAdapter::open(Setup { platform, suite, name: ADAPTER, key, trust, engine: &Engine })?)
    }
}

fn validity(now: Time) -> Result<Validity, Failure> {
    Ok(Validity::years(now.seconds - 60, 30)?)
}

fn loopback() -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0").map_err(aseptic_hosted::Error::from)?)
}

fn generate(files: &Files, id: KeyId, usage: KeyUse) -> Result<[u8; 65], Failure> {
    let (keys, mut public) = (files.platform().keys, [0; 65]);
    keys.generate(id, KeyPolicy { alg: KeyAlg::P256, usage }).map_err(Reason::from)?;
    keys.public(id, &mut public).map_err(Reason::from)?;
    Ok(public)
}
