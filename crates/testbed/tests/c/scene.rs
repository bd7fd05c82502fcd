//! Factory, hospital and author around one pump, whose folder is the one that the C program works on.

use crate::registrar;
use aseptic_certs::Engine;
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::limits;
use aseptic_core::time::Time;
use aseptic_core::trust::{self, Authority, PhysicalPresence, Purpose, Trust, TrustBuffers};
use aseptic_hosted::crypto::hybrid;
use aseptic_hosted::os::OsEntropy;
use aseptic_identity::{DeviceName, Enroller, Identity, Workspace, birth};
use aseptic_infra::adapter::{Record, RecordAdapter, Setup};
use aseptic_infra::author::{Manifest, Signature};
use aseptic_infra::ca::{Ca, Expected, Local, Validity};
use aseptic_infra::owner::Store;
use aseptic_infra::{AuthorityKey, ServerTrust};
use aseptic_messaging::{Decapsulate as _, Demand};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::posix::Folder;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const SERIAL: &str = "PUMP-0001";
pub(crate) const ADAPTER: &str = "record-adapter-1";
pub(crate) const VENDOR: &str = "pumps.example";
pub(crate) const CLASS: &str = "infusion-pump";
pub(crate) const PHARMACY: &str = "pharmacy-1";
pub(crate) const RELAY: &str = "relay-1";
pub(crate) const HARDWARE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01];
pub(crate) const HARDWARE_SERIAL: &[u8] = b"board 1";

pub(crate) struct Scene {
    pub(crate) device: Folder,
    /// Where the test puts what it hands to the pump.
    pub(crate) desk: TempDir,
    pub(crate) author: AuthorityKey,
    pub(crate) maker: Ca,
    pub(crate) hospital: Ca,
    pub(crate) owner: Vec<u8>,
    adapter: PrivateKey,
    pub(crate) kem: hybrid::PrivateKey,
    server: Bench,
    _folder: TempDir,
}

/// How far the pump has come before the test.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    Blank,
    Born,
    Owned,
    Enrolled,
}

impl Scene {
    /// A pump that has come as far as `life`.
    pub(crate) fn new(life: Life) -> Self {
        let years = Validity::years(now() - 1000, 20).unwrap();
        let (maker, hospital) = (Ca::new("Maker", years).unwrap(), Ca::new("Hospital", years).unwrap());
        let author = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let adapter = PrivateKey::from_bytes(KeyAlg::P256, &[3; 32]).unwrap();
        let kem = hybrid::PrivateKey::generate(&OsEntropy).unwrap();
        let owner = owner_store(&hospital, &author, &adapter, &kem, None);
        let scene = Self {
            device: Folder::new(folder.path()),
            desk: tempfile::tempdir().unwrap(),
            author,
            maker,
            hospital,
            owner,
            adapter,
            kem,
            server: Bench::new(2),
            _folder: folder,
        };
        if life >= Life::Born {
            scene.give_birth();
        }
        if life >= Life::Owned {
            scene.install(Authority::Owner, &scene.owner);
        }
        if life >= Life::Enrolled {
            scene.enrol();
        }
        scene
    }

    /// A file on the desk.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// Writes a file on the desk and gives its path.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.file(name), bytes).unwrap();
        self.file(name)
    }

    /// An envelope for this pump, signed by `key`.
    pub(crate) fn envelope(&self, class: &str, sequence: u64, image: &[u8], key: &AuthorityKey) -> Vec<u8> {
        let manifest = Manifest::new(VENDOR, class, sequence, "https://pumps.example/image").image(image).unwrap();
        manifest.sign(&soft::suite(), &[Signature { key: key.public().unwrap(), signer: key }]).unwrap()
    }

    /// What the record adapter makes of each sealed message, replay windows kept from one to the next.
    pub(crate) fn receive(&self, sealed: &[&[u8]]) -> Vec<aseptic_infra::Result<Record>> {
        self.receive_from(&self.chain(), sealed)
    }

    /// The same for a device with this chain.
    pub(crate) fn receive_from(&self, chain: &[Vec<u8>], sealed: &[&[u8]]) -> Vec<aseptic_infra::Result<Record>> {
        let mut received = Vec::new();
        self.with_adapter(chain, |adapter| {
            received = sealed.iter().map(|message| adapter.receive(message, Self::time(), &mut Vec::new())).collect();
        });
        received
    }

    /// A record adapter that knows the device with this chain, replay windows kept from one to the next.
    pub(crate) fn with_adapter(&self, chain: &[Vec<u8>], use_it: impl FnOnce(&mut RecordAdapter<'_>)) {
        self.with_adapter_that(Demand::Either, chain, use_it);
    }

    /// The same with its demand of the offers of sessions.
    pub(crate) fn with_adapter_that(
        &self,
        demand: Demand,
        chain: &[Vec<u8>],
        use_it: impl FnOnce(&mut RecordAdapter<'_>),
    ) {
        let trust = ServerTrust::new(soft::suite(), &[(Authority::Owner, &self.owner)]).unwrap();
        let used = trust.with(|trust| {
            let setup = Setup {
                platform: self.server.platform(),
                suite: soft::suite(),
                name: ADAPTER,
                key: &self.adapter,
                trust: *trust,
                engine: &Engine,
            };
            let mut adapter = RecordAdapter::open(setup).unwrap().with_hybrid(&self.kem, demand);
            let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            assert_eq!(adapter.register(&links, Self::time()).unwrap(), SERIAL);
            use_it(&mut adapter);
            Ok(())
        });
        used.unwrap();
    }

    /// What the clock of the hospital shows.
    pub(crate) fn time() -> Time {
        Time::trusted(now())
    }

    /// The certificates that the pump has from its owner.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let keys = self.device.keys();
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(&self.device.platform(&keys), &mut buffer).unwrap();
        identity.credential().unwrap().chain().iter().map(|der| der.to_vec()).collect()
    }

    fn install(&self, authority: Authority, object: &[u8]) {
        let keys = self.device.keys();
        let presence = PhysicalPresence::confirmed_at_the_device();
        let mut buffer = [0; limits::TRUST_STORE];
        let platform = self.device.platform(&keys);
        trust::install(&platform, &soft::suite(), None, authority, object, presence, &mut buffer).unwrap();
    }

    /// The manufacturer's trust store.
    pub(crate) fn maker_store(&self) -> Vec<u8> {
        Store::new(Authority::Manufacturer, now())
            .signer(self.author.public().unwrap())
            .anchor("maker", &[Purpose::Birth], self.maker.anchor())
            .pin("author", &[Purpose::UpdateInstall], self.author.public().unwrap())
            .sign(&soft::suite(), &[(self.author.public().unwrap(), &self.author)])
            .unwrap()
    }

    /// The owner's trust store after the first.
    pub(crate) fn next_owner_store(&self) -> Vec<u8> {
        owner_store(&self.hospital, &self.author, &self.adapter, &self.kem, Some(&self.owner))
    }

    fn give_birth(&self) {
        self.install(Authority::Manufacturer, &self.maker_store());
        let (keys, suite, mut workspace) = (self.device.keys(), soft::suite(), Workspace::new());
        let platform = self.device.platform(&keys);
        let name = DeviceName { serial: SERIAL, hardware_type: HARDWARE, hardware_serial: HARDWARE_SERIAL, udi: None };
        let mut request = [0; limits::CSR];
        let length = birth::request(&platform, &suite, &name, &mut workspace, &mut request).unwrap();
        let expected = Expected {
            serial: SERIAL,
            key: KeyAlg::P256,
            hardware_type: HARDWARE,
            hardware_serial: HARDWARE_SERIAL,
            udi: None,
        };
        let chain = self.maker.issue_birth(&request[..length], &expected, now() - 100).unwrap();
        let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        self.with_trust(|trust| {
            birth::install(&platform, &suite, trust, &Engine, &links, Time::trusted(now()), &mut workspace).unwrap();
        });
    }

    /// Enrolment with a registrar in the same room; the network is the matter of other tests.
    fn enrol(&self) {
        let (keys, suite, mut workspace) = (self.device.keys(), soft::suite(), Workspace::new());
        let platform = self.device.platform(&keys);
        self.with_trust(|trust| {
            let mut enroller = Enroller::start(&platform, &suite, trust, &Engine, &mut workspace).unwrap();
            let authorities: Vec<&[u8]> = self.hospital.certificates().collect();
            let issue = |csr: &[u8]| {
                let validity = Validity::days(now() - 300, 365).unwrap();
                self.hospital.issue_local(csr, &Local { serial: SERIAL, validity, uris: &[] }).unwrap()
            };
            let time = Time::trusted(now());
            registrar::enrol(&mut enroller, time, &authorities, issue, |_, answer| answer).unwrap();
        });
    }

    fn with_trust(&self, use_it: impl FnOnce(&Trust<'_>)) {
        let keys = self.device.keys();
        let mut buffers = TrustBuffers::new();
        use_it(&Trust::load(&self.device.platform(&keys), &mut buffers).unwrap());
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Version 1 of the owner's store, or the one after `installed`.
fn owner_store(
    hospital: &Ca,
    signer: &AuthorityKey,
    adapter: &PrivateKey,
    kem: &hybrid::PrivateKey,
    installed: Option<&[u8]>,
) -> Vec<u8> {
    let thumbprint = kem.public().unwrap().thumbprint(&soft::suite()).unwrap();
    let mut public = [0; 65];
    adapter.public(&mut public).unwrap();
    let mut pharmacy = [0; 65];
    pharmacy_key().public(&mut pharmacy).unwrap();
    let mut receipts = [0; 65];
    receipt_key().public(&mut receipts).unwrap();
    let mut relay = [0; 65];
    relay_key().public(&mut relay).unwrap();
    let devices = [Purpose::Enrolment, Purpose::Network, Purpose::Telemetry, Purpose::Alarm, Purpose::Audit];
    let mut store = Store::new(Authority::Owner, now());
    if let Some(installed) = installed {
        store = store.after(installed);
    }
    store
        .signer(signer.public().unwrap())
        .anchor("hospital", &devices, hospital.anchor())
        .pin(ADAPTER, &[Purpose::Receive], PublicKey::new(KeyAlg::P256, &public).unwrap())
        .pin_thumbprint(ADAPTER, &[Purpose::Receive], KeyAlg::XWing, &thumbprint)
        .pin(ADAPTER, &[Purpose::Receipt], PublicKey::new(KeyAlg::P256, &receipts).unwrap())
        .pin(RELAY, &[Purpose::Network], PublicKey::new(KeyAlg::P256, &relay).unwrap())
        .pin(PHARMACY, &[Purpose::Telemetry, Purpose::Configuration], PublicKey::new(KeyAlg::P256, &pharmacy).unwrap())
        .sign(&soft::suite(), &[(signer.public().unwrap(), signer)])
        .unwrap()
}

/// With it the record adapter signs its reports.
pub(crate) fn receipt_key() -> PrivateKey {
    PrivateKey::from_bytes(KeyAlg::P256, &[5; 32]).unwrap()
}

/// With it the relay marks what it carries.
pub(crate) fn relay_key() -> PrivateKey {
    PrivateKey::from_bytes(KeyAlg::P256, &[6; 32]).unwrap()
}

/// With it the pharmacy signs what it sends to devices.
pub(crate) fn pharmacy_key() -> PrivateKey {
    PrivateKey::from_bytes(KeyAlg::P256, &[4; 32]).unwrap()
}
