//! Everybody but the device: maker, hospital, author, and the record adapter with its memory.

use aseptic_certs::Engine;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::platform::Geometry;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Purpose};
use aseptic_hosted::crypto;
use aseptic_identity::{DeviceName, Udi};
use aseptic_infra::adapter::{RecordAdapter, Setup};
use aseptic_infra::author::{Manifest, Signature};
use aseptic_infra::ca::{Ca, Expected, Local, Validity};
use aseptic_infra::owner::Store;
use aseptic_infra::{AuthorityKey, ServerTrust};
use aseptic_testbed::bench::{Bench, StoreModel};
use std::collections::HashMap;
use std::sync::Mutex;

pub(crate) const SERIAL: &str = "PUMP-0001";
pub(crate) const ADAPTER: &str = "record-adapter-1";
pub(crate) const VENDOR: &str = "pumps.example";
pub(crate) const CLASS: &str = "infusion-pump";
/// The sequence number of the last release.
pub(crate) const NEWEST: u64 = 3;
pub(crate) const NOW: u64 = 1_780_000_000;
/// When the first image was made.
pub(crate) const BUILD: u64 = NOW - 400 * DAY;
const DAY: u64 = 86_400;
/// When the manufacturer's store and the two versions of the owner's were made.
pub(crate) const ISSUED: [u64; 3] = [NOW - 300 * DAY, NOW - 200 * DAY, NOW - 100 * DAY];
const HARDWARE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01];
const UDI: &str = "(01)09506000134352(21)PUMP-0001";

/// The certificate of an authority, and the request that it was asked to grant.
type Asked = (Vec<u8>, Vec<u8>);

pub(crate) struct World {
    pub(crate) suite: Suite<'static>,
    pub(crate) maker: Ca,
    pub(crate) hospital: Ca,
    pub(crate) author: AuthorityKey,
    pub(crate) adapter: PrivateKey,
    /// The manufacturer's trust store.
    pub(crate) makers: Vec<u8>,
    /// Both versions of the owner's trust store.
    pub(crate) owners: [Vec<u8>; 2],
    /// The image that the factory installs, and its two successors.
    pub(crate) images: [Vec<u8>; 3],
    /// The envelopes of the successors.
    pub(crate) envelopes: [Vec<u8>; 2],
    /// What was issued: asked twice, an authority answers the same.
    issued: Mutex<HashMap<Asked, Vec<Vec<u8>>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let suite = crypto::suite();
        let years = Validity::years(NOW - 1000 * DAY, 20).unwrap();
        let (maker, hospital) = (Ca::new("Maker", years).unwrap(), Ca::new("Hospital", years).unwrap());
        let (author, owner) = (key(), key());
        let adapter = PrivateKey::from_bytes(KeyAlg::P256, &[3; 32]).unwrap();
        let makers = Store::new(Authority::Manufacturer, ISSUED[0])
            .signer(author.public().unwrap())
            .anchor("maker", &[Purpose::Birth], maker.anchor())
            .pin("author", &[Purpose::UpdateInstall], author.public().unwrap())
            .sign(&suite, &[(author.public().unwrap(), &author)])
            .unwrap();
        let owners = [1, 2].map(|version| {
            let devices = [Purpose::Enrolment, Purpose::Telemetry, Purpose::Alarm, Purpose::Audit];
            let mut public = [0; 65];
            adapter.public(&mut public).unwrap();
            Store::new(Authority::Owner, ISSUED[usize::try_from(version).unwrap()])
                .version(version)
                .signer(owner.public().unwrap())
                .anchor("hospital", &devices, hospital.anchor())
                .pin(ADAPTER, &[Purpose::Receive], PublicKey::new(KeyAlg::P256, &public).unwrap())
                .sign(&suite, &[(owner.public().unwrap(), &owner)])
                .unwrap()
        });
        // Long enough for an entry of the journal in the middle, and not a whole number of write units.
        let images = [9_001, 66_003, 67_005].map(|length| image(length, 1));
        let envelopes =
            [2, 3].map(|sequence| envelope(&author, CLASS, sequence, &images[usize::try_from(sequence).unwrap() - 1]));
        let issued = Mutex::default();
        Self { suite, maker, hospital, author, adapter, makers, owners, images, envelopes, issued }
    }

    /// A device as it leaves the line: the first image in its slot, leftovers in the other, and nothing else.
    pub(crate) fn blank(&self) -> Bench {
        let geometry = Geometry { size: 0x1_4000, erase_size: 0x4000, write_size: 32 };
        let bench = Bench::new(1).with_store(StoreModel::Torn).with_flash([geometry; 2], 0xFF);
        bench.set_clock(Time::trusted(NOW));
        bench.edit(|medium| {
            medium.flash[0].program(&self.images[0]);
            medium.flash[1].program(&image(0x1_4000, 77));
        });
        bench
    }

    pub(crate) fn name(&self) -> DeviceName<'static> {
        let udi = Some(Udi::parse(UDI).unwrap());
        DeviceName { serial: SERIAL, hardware_type: HARDWARE, hardware_serial: b"board 1", udi }
    }

    /// The birth certificate by `ca`, with its chain.
    pub(crate) fn birth(&self, ca: &Ca, request: &[u8]) -> aseptic_infra::Result<Vec<Vec<u8>>> {
        let mut uri = [0; 256];
        let expected = Expected {
            serial: SERIAL,
            key: KeyAlg::P256,
            hardware_type: HARDWARE,
            hardware_serial: b"board 1",
            udi: Some(self.name().udi.unwrap().uri(&mut uri).unwrap()),
        };
        self.once(ca, request, || ca.issue_birth(request, &expected, NOW - 350 * DAY))
    }

    /// The owner's certificate by `ca`, with its chain.
    pub(crate) fn local(&self, ca: &Ca, request: &[u8]) -> aseptic_infra::Result<Vec<Vec<u8>>> {
        let mut uri = [0; 256];
        let uri = self.name().udi.unwrap().uri(&mut uri).unwrap();
        let local = Local { serial: SERIAL, validity: Validity::days(NOW - DAY, 365).unwrap(), uris: &[uri] };
        self.once(ca, request, || ca.issue_local(request, &local))
    }

    /// A record adapter with the owner's trust, its memory on `bench`.
    pub(crate) fn with_adapter<T>(
        &self,
        bench: &Bench,
        name: &str,
        key: &PrivateKey,
        use_it: impl FnOnce(&mut RecordAdapter<'_>) -> T,
    ) -> T {
        let trust = ServerTrust::new(self.suite, &[(Authority::Owner, &self.owners[0])]).unwrap();
        let with = trust.with(|trust| {
            let (platform, suite) = (bench.platform(), self.suite);
            let setup = Setup { platform, suite, name, key, trust: *trust, engine: &Engine };
            Ok(use_it(&mut RecordAdapter::open(setup).unwrap()))
        });
        with.unwrap()
    }

    fn once(
        &self,
        ca: &Ca,
        request: &[u8],
        issue: impl FnOnce() -> aseptic_infra::Result<Vec<Vec<u8>>>,
    ) -> aseptic_infra::Result<Vec<Vec<u8>>> {
        let mut issued = self.issued.lock().unwrap();
        let asked = (ca.anchor().to_vec(), request.to_vec());
        if let Some(chain) = issued.get(&asked) {
            return Ok(chain.clone());
        }
        let chain = issue()?;
        issued.insert(asked, chain.clone());
        Ok(chain)
    }
}

pub(crate) fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

/// An envelope for devices of `class`.
pub(crate) fn envelope(author: &AuthorityKey, class: &str, sequence: u64, image: &[u8]) -> Vec<u8> {
    let manifest = Manifest::new(VENDOR, class, sequence, "https://pumps.example/image").image(image).unwrap();
    manifest.sign(&crypto::suite(), &[Signature { key: author.public().unwrap(), signer: author }]).unwrap()
}

/// Bytes that look like a program.
pub(crate) fn image(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_add(u32::try_from(length).unwrap());
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
