//! Makers, owners, releases and statements: all that the devices of the proofs are shown.

use super::rig::Rig;
use crate::bench::{Bench, StoreModel};
use crate::nor::Chip;
use crate::trust::{KeyPair, signed};
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{Headers, sign1};
use aseptic_core::crypto::{HashAlg, KeyAlg, Message, SigAlg, Suite, Verifier, soft};
use aseptic_core::platform::Geometry;
use aseptic_core::time::Time;
use aseptic_core::trust::{
    self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Quorum, StoreContent,
};
use aseptic_core::{Result, limits};
use aseptic_update::statement::{CONTEXT, Kind, Statement};
use aseptic_update::{Component, Device, Digest, Envelope, boot};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// The model of all devices.
pub const DEVICE: Device<'static> = Device::new([0xA1; 16], [0xC2; 16], &[Component::whole(&[b"main"])]);
/// The same model with two components in each slot; see [`Manifest::radio`].
pub const SET: Device<'static> = Device::new(
    DEVICE.vendor,
    DEVICE.class,
    &[
        Component { id: &[b"main"], offset: 0, length: RADIO as u64 },
        Component { id: &[b"radio"], offset: RADIO as u64, length: RADIO as u64 },
    ],
);
/// Where the second component begins: behind a block of the smallest slots.
const RADIO: usize = 32;
/// The name by which statements call the device.
pub const SERIAL: &[u8] = b"PUMP-0001";
/// What the clocks show.
pub const NOW: u64 = 1_780_000_000;
const DAY: u64 = 86_400;
const URI: &str = "https://updates.example/pump.bin";
const RADIO_URI: &str = "https://updates.example/radio.bin";

/// One release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its sequence number.
    pub sequence: u64,
    /// Its bytes, as they lie in a slot: of a set with the gap between its components, erased.
    pub image: Vec<u8>,
    /// Where in them each component lies.
    pub parts: Vec<Range<usize>>,
    /// What is signed.
    pub envelope: Vec<u8>,
}

/// Everybody who signs.
#[derive(Debug)]
pub struct World {
    /// Both must sign a release.
    pub authors: [KeyPair; 2],
    /// Signs downgrades.
    pub back: KeyPair,
    /// The owner's.
    pub approver: KeyPair,
    /// In charge of both trust stores.
    pub charge: KeyPair,
}

/// How flash and store of a device are made.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// How it is called in the table.
    pub name: &'static str,
    /// The program slots.
    pub slots: [Geometry; 2],
    /// What an erased byte reads as.
    pub erased: u8,
    /// Where records and counters lie.
    pub keeps: Keeps,
}

/// Where records and counters lie.
#[derive(Clone, Copy, Debug)]
pub enum Keeps {
    /// In the store of the bench.
    Store(StoreModel),
    /// In the log of `crates/nor`, on a chip with this unit of programming; the second is whether it is written once.
    Log(u32, bool),
}

impl World {
    /// Always the same one.
    #[must_use]
    pub fn new() -> Self {
        let [first, second, back, approver, charge] = [1, 2, 3, 4, 9].map(|number| KeyPair::new(KeyAlg::P256, number));
        Self { authors: [first, second], back, approver, charge }
    }

    /// A release signed by both authors.
    #[must_use]
    pub fn release(&self, sequence: u64, length: usize) -> Release {
        self.manifest(&Manifest::new(sequence, program(length, sequence)))
    }

    /// A release with anything about it changed.
    #[must_use]
    pub fn manifest(&self, manifest: &Manifest) -> Release {
        let encoded = manifest.encode();
        let digest = suit_digest(&wrap(&encoded));
        let blocks: Vec<_> = manifest.by.iter().map(|author| block(&self.authors[*author], &digest, &[])).collect();
        let wrapper = cbor(|w| {
            w.array(1 + blocks.len()).bytes(&digest);
            for block in &blocks {
                w.bytes(block);
            }
        });
        let envelope = cbor(|w| {
            w.tag(107).map(2 + usize::from(manifest.inside)).int(2).bytes(&wrapper).int(3).bytes(&encoded);
            if manifest.inside {
                w.text(URI).bytes(&manifest.image);
            }
        });
        let (mut image, whole) = (manifest.image.clone(), 0..manifest.image.len());
        let mut parts = vec![whole];
        if let Some(radio) = &manifest.radio {
            image.resize(RADIO, 0xFF);
            image.extend(radio);
            parts.push(RADIO..image.len());
        }
        Release { sequence: manifest.sequence, image, parts, envelope }
    }

    /// A token that lets the device go back to `release`.
    #[must_use]
    pub fn token(&self, release: &Release, number: u64) -> Vec<u8> {
        self.statement(Kind::Downgrade, release, number, NOW + DAY, &self.back)
    }

    /// The owner holds `release` back until this time; 0 lets it go again.
    #[must_use]
    pub fn hold(&self, release: &Release, number: u64, until: u64) -> Vec<u8> {
        self.statement(Kind::Hold, release, number, until, &self.approver)
    }

    fn statement(&self, kind: Kind, release: &Release, number: u64, time: u64, by: &KeyPair) -> Vec<u8> {
        let envelope = Envelope::parse(&release.envelope).expect("an envelope");
        // The signed digest is [-16, bytes]: its last 32 bytes are the name of the update.
        let identity = *envelope.signed_bytes().last_chunk().expect("a digest");
        let statement = Statement { kind, identity, sequence: release.sequence, device: SERIAL, number, time };
        let mut payload = [0; 256];
        let length = statement.encode(&mut payload).expect("room");
        let block = block(by, &payload[..length], CONTEXT);
        let mut out = vec![0; 1024];
        let length = Statement::assemble(&payload[..length], &[&block], &mut out).expect("room");
        out.truncate(length);
        out
    }

    /// The manufacturer's trust store of this version: releases take both authors.
    #[must_use]
    pub fn store(&self, version: u64) -> Vec<u8> {
        let entries = [
            pin(&self.authors[0], b"author", Purpose::UpdateInstall),
            pin(&self.authors[1], b"author", Purpose::UpdateInstall),
            pin(&self.back, b"back", Purpose::Downgrade),
        ];
        let two = Quorum { purpose: Purpose::UpdateInstall, keys: 2, both_families: false };
        self.sign(Authority::Manufacturer, version, &entries, &[two])
    }

    fn sign(&self, authority: Authority, version: u64, entries: &[Entry<'_>], quorums: &[Quorum]) -> Vec<u8> {
        let content = StoreContent {
            authority,
            version,
            issued: NOW - DAY + version,
            threshold: 1,
            signers: &[self.charge.public()],
            entries,
            denied: &[],
            overrides: &[],
            quorums,
            retirements: &[],
            minimums: &[],
            // No version withdraws anything.
            epoch: 1,
        };
        signed(&content, &[&self.charge])
    }

    /// A device of this model that runs `release`, confirmed, in slot A, knows the time, and has leftovers in slot B.
    ///
    /// # Panics
    /// If the device does not take it.
    #[must_use]
    pub fn factory(&self, model: &Model, release: &Release) -> Rig {
        let (store, chip) = match model.keeps {
            Keeps::Store(store) => (store, None),
            Keeps::Log(program_size, write_once) => {
                let chip = Chip::new(aseptic_nor::Geometry { size: 6 * 1024, erase_size: 1024, program_size });
                (StoreModel::Atomic, Some(if write_once { chip.write_once() } else { chip }))
            }
        };
        let bench = Bench::new(1).with_store(store).with_flash(model.slots, model.erased);
        bench.set_clock(Time::trusted(NOW));
        bench.edit(|medium| {
            medium.flash[0].program(&release.image);
            let leftovers = program(medium.flash[1].bytes.len(), 3);
            medium.flash[1].program(&leftovers);
        });
        let rig = Rig::new(bench).with_chip(chip);
        let (platform, suite) = (rig.platform(), suite());
        let owner = [pin(&self.approver, b"approver", Purpose::UpdateApprove)];
        for (authority, object) in
            [(Authority::Manufacturer, self.store(1)), (Authority::Owner, self.sign(Authority::Owner, 1, &owner, &[]))]
        {
            let present = PhysicalPresence::confirmed_at_the_device();
            let mut buffer = [0; limits::TRUST_STORE];
            trust::install(&platform, &suite, None, authority, &object, present, &mut buffer).expect("a trust store");
        }
        let digest = Digest::of(&suite, HashAlg::Sha256, &[&release.image]).expect("a digest");
        boot::provision(&platform, &suite, digest, release.image.len() as u64, release.sequence)
            .expect("what the factory put there");
        rig
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What a manifest says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its sequence number.
    pub sequence: u64,
    /// Its image.
    pub image: Vec<u8>,
    /// Whether the image lies in the envelope, as on a medium.
    pub inside: bool,
    /// The class of devices that it is for.
    pub class: [u8; 16],
    /// The date before which it is to be used.
    pub use_before: Option<u64>,
    /// Which authors sign, in this order.
    pub by: Vec<usize>,
    /// So many sequences inside one another, in the shared sequence.
    pub nested: usize,
    /// The second component of a set, whose first then has at most 32 bytes; for [`SET`].
    pub radio: Option<Vec<u8>>,
}

impl Release {
    /// The devices that it is for.
    #[must_use]
    pub fn device(&self) -> &'static Device<'static> {
        if self.parts.len() > 1 { &SET } else { &DEVICE }
    }

    /// What is fed of a component.
    #[must_use]
    pub fn payload(&self, part: usize) -> &[u8] {
        &self.image[self.parts[part].clone()]
    }
}

impl Manifest {
    /// A proper one.
    #[must_use]
    pub fn new(sequence: u64, image: Vec<u8>) -> Self {
        let class = DEVICE.class;
        Self { sequence, image, inside: false, class, use_before: None, by: vec![0, 1], nested: 0, radio: None }
    }

    fn encode(&self) -> Vec<u8> {
        let policy = 15;
        let parameters = cbor(|w| {
            w.map(4 + usize::from(self.use_before.is_some()));
            w.int(1).bytes(&DEVICE.vendor).int(2).bytes(&self.class).int(3).bytes(&suit_digest(&self.image));
            if let Some(date) = self.use_before {
                w.int(4).uint(date);
            }
            w.int(14).uint(self.image.len() as u64);
        });
        let mut nest = cbor(|w| {
            w.array(2).int(1).int(policy);
        });
        for _ in 0..self.nested {
            nest = cbor(|w| {
                w.array(2).int(32).bytes(&nest);
            });
        }
        let shared = cbor(|w| {
            let dated = self.use_before.is_some();
            let set = if self.radio.is_some() { 6 } else { 0 };
            w.array(6 + set + 2 * (usize::from(dated) + usize::from(self.nested > 0)));
            if self.radio.is_some() {
                w.int(12).uint(0);
            }
            w.int(20).raw(&parameters).int(1).int(policy).int(2).int(policy);
            if dated {
                w.int(4).int(policy);
            }
            if self.nested > 0 {
                w.int(32).bytes(&nest);
            }
            if let Some(radio) = &self.radio {
                w.int(12).uint(1).int(20).map(2).int(3).bytes(&suit_digest(radio)).int(14).uint(radio.len() as u64);
            }
        });
        let count = 1 + usize::from(self.radio.is_some());
        let components = cbor(|w| {
            w.array(count).array(1).bytes(b"main");
            if self.radio.is_some() {
                w.array(1).bytes(b"radio");
            }
        });
        let common = cbor(|w| {
            w.map(2).int(2).raw(&components).int(4).bytes(&shared);
        });
        // Of a set each component in its turn.
        let sequence = |commands: usize, write: &dyn Fn(&mut Writer<'_>, usize)| {
            cbor(|w| {
                let set = self.radio.is_some();
                w.array((commands + 2 * usize::from(set)) * count);
                for index in 0..count {
                    if set {
                        w.int(12).uint(index as u64);
                    }
                    write(w, index);
                }
            })
        };
        let install = sequence(6, &|w, index| {
            let uri = if index == 0 { URI } else { RADIO_URI };
            w.int(20).map(1).int(21).text(uri).int(21).int(policy).int(3).int(policy);
        });
        let validate = sequence(2, &|w, _| {
            w.int(3).int(policy);
        });
        cbor(|w| {
            w.map(5).int(1).uint(1).int(2).uint(self.sequence).int(3).bytes(&common);
            w.int(7).bytes(&validate).int(20).bytes(&install);
        })
    }
}

/// An image that no two lengths or releases share.
#[must_use]
pub fn program(length: usize, salt: u64) -> Vec<u8> {
    let byte = |at: usize| (at as u8).wrapping_mul(31) ^ ((at >> 8) as u8) ^ (salt as u8).wrapping_mul(0x35);
    (0..length).map(byte).collect()
}

/// The pure-Rust suite, which verifies no signature twice on one thread: the proofs show the same few a million times.
#[must_use]
pub fn suite() -> Suite<'static> {
    static VERIFIERS: OnceLock<Vec<&'static dyn Verifier>> = OnceLock::new();
    let once = |verifier: &&'static dyn Verifier| -> &'static dyn Verifier { Box::leak(Box::new(Once(*verifier))) };
    let verifiers = VERIFIERS.get_or_init(|| soft::suite().verifiers.iter().map(once).collect());
    Suite { verifiers, ..soft::suite() }
}

struct Once(&'static dyn Verifier);

/// Key, message and signature.
type Asked = [Vec<u8>; 3];

thread_local! {
    static KNOWN: RefCell<HashMap<Asked, Result<()>>> = RefCell::new(HashMap::new());
}

impl Verifier for Once {
    fn alg(&self) -> SigAlg {
        self.0.alg()
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        let mut whole = Vec::new();
        message.read(&mut |part| {
            whole.extend_from_slice(part);
            Ok(())
        })?;
        let asked = [key.to_vec(), whole, signature.to_vec()];
        KNOWN.with_borrow_mut(|known| {
            if known.len() > 10_000 {
                known.clear();
            }
            *known.entry(asked).or_insert_with(|| self.0.verify(key, message, signature))
        })
    }
}

fn pin<'a>(key: &'a KeyPair, name: &'a [u8], purpose: Purpose) -> Entry<'a> {
    Entry { purposes: Purposes::of(&[purpose]), name, material: Material::Key(key.public()) }
}

fn block(key: &KeyPair, payload: &[u8], context: &[u8]) -> Vec<u8> {
    let headers = Headers { kid: Some(&key.thumbprint), ..Headers::default() };
    let mut out = vec![0; 256];
    let length = sign1(&key.private, &headers, payload, true, context, &mut out).expect("a signature");
    out.truncate(length);
    out
}

fn suit_digest(bytes: &[u8]) -> Vec<u8> {
    let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[bytes]).expect("a digest");
    cbor(|w| digest.write(w))
}

fn wrap(bytes: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.bytes(bytes);
    })
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut measure = Writer::new(&mut []);
    write(&mut measure);
    let mut out = vec![0; measure.needed()];
    write(&mut Writer::new(&mut out));
    out
}
