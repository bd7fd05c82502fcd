//! An author who can also make every mistake, and a device for him to make them at.
#![allow(dead_code, unreachable_pub)]

use aseptic_core::Result;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{self, Headers};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey, soft};
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_testbed::bench::Bench;
use aseptic_update::{Component, Device, Digest, Envelope, Plan, Target};

pub mod set;

pub const VENDOR: [u8; 16] = [0xA1; 16];
pub const CLASS: [u8; 16] = [0xC2; 16];
pub const DEVICE: Device<'static> = Device::new(VENDOR, CLASS, &[Component::whole(&[b"main"])]);
pub const URI: &str = "https://updates.example/pump-2.bin";

/// CBOR as the closure writes it.
pub fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut query = Writer::new(&mut []);
    write(&mut query);
    let mut out = vec![0; query.needed()];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().unwrap();
    out
}

pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(&soft::suite(), HashAlg::Sha256, &[bytes]).unwrap()
}

pub fn suit_digest(bytes: &[u8]) -> Vec<u8> {
    cbor(|w| digest(bytes).write(w))
}

pub fn wrap(bytes: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.bytes(bytes);
    })
}

/// A key pair with its thumbprint.
pub struct Author {
    pub key: soft::PrivateKey,
    pub public: [u8; 65],
    pub kid: [u8; 32],
}

impl Author {
    pub fn new(seed: u8) -> Self {
        let key = soft::PrivateKey::from_bytes(KeyAlg::P256, &[seed; 32]).unwrap();
        let mut public = [0; 65];
        key.public(&mut public).unwrap();
        let kid = PublicKey::new(KeyAlg::P256, &public).unwrap().thumbprint(&soft::suite()).unwrap();
        Self { key, public, kid }
    }

    pub fn public(&self) -> PublicKey<'_> {
        PublicKey::new(KeyAlg::P256, &self.public).unwrap()
    }

    pub fn trust(&self) -> Trust<'_> {
        self.trust_for(&[Purpose::UpdateInstall])
    }

    pub fn trust_for(&self, purposes: &[Purpose]) -> Trust<'_> {
        let entry = Entry { purposes: Purposes::of(purposes), name: b"author", material: Material::Key(self.public()) };
        danger::unsigned(Authority::Manufacturer, vec![entry].leak()).unwrap()
    }

    /// A COSE_Sign1 over the encoded digest.
    pub fn block(&self, digest: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 256];
        let headers = Headers { kid: Some(&self.kid), ..Headers::default() };
        let length = cose::sign1(&self.key, &headers, digest, true, &[], &mut out).unwrap();
        out.truncate(length);
        out
    }

    /// The envelope of `manifest`, with further members as already encoded pairs of key and value.
    pub fn envelope(&self, manifest: &[u8], members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let digest = suit_digest(&wrap(manifest));
        envelope(&digest, &[self.block(&digest)], manifest, members)
    }
}

pub fn envelope(digest: &[u8], blocks: &[Vec<u8>], manifest: &[u8], members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let wrapper = cbor(|w| {
        w.array(1 + blocks.len()).bytes(digest);
        for block in blocks {
            w.bytes(block);
        }
    });
    cbor(|w| {
        w.tag(107).map(2 + members.len()).int(2).bytes(&wrapper).int(3).bytes(manifest);
        for (key, value) in members {
            w.raw(key).raw(value);
        }
    })
}

/// A member of an envelope: the encoded key and the wrapped value.
pub fn member(key: i64, content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = cbor(|w| {
        w.int(key);
    });
    (key, wrap(content))
}

pub fn payload(uri: &str, content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = cbor(|w| {
        w.text(uri);
    });
    (key, wrap(content))
}

/// A manifest, every part of which a test may replace.
#[derive(Clone)]
pub struct Spec {
    pub version: u64,
    pub sequence: u64,
    /// Encoded, what stands under the components.
    pub components: Vec<u8>,
    /// Encoded members of common behind the components.
    pub common: Vec<(i64, Vec<u8>)>,
    pub shared: Vec<u8>,
    /// Encoded members behind common, ascending.
    pub members: Vec<(i64, Vec<u8>)>,
}

pub fn commands(pairs: &[(i64, Vec<u8>)]) -> Vec<u8> {
    cbor(|w| {
        w.array(2 * pairs.len());
        for (command, argument) in pairs {
            w.int(*command).raw(argument);
        }
    })
}

pub fn uint(value: u64) -> Vec<u8> {
    cbor(|w| {
        w.uint(value);
    })
}

pub fn text(value: &str) -> Vec<u8> {
    cbor(|w| {
        w.text(value);
    })
}

/// Override-parameters with encoded values.
pub fn parameters(pairs: &[(i64, Vec<u8>)]) -> (i64, Vec<u8>) {
    let map = cbor(|w| {
        w.map(pairs.len());
        for (key, value) in pairs {
            w.int(*key).raw(value);
        }
    });
    (20, map)
}

pub fn identity(vendor: [u8; 16], class: [u8; 16]) -> Vec<(i64, Vec<u8>)> {
    vec![(1, wrap(&vendor)), (2, wrap(&class))]
}

pub fn image(bytes: &[u8]) -> Vec<(i64, Vec<u8>)> {
    vec![(3, wrap(&suit_digest(bytes))), (14, uint(bytes.len() as u64))]
}

pub fn policy() -> Vec<u8> {
    uint(15)
}

impl Spec {
    pub fn new(image_bytes: &[u8], sequence: u64) -> Self {
        let parts = [identity(VENDOR, CLASS), image(image_bytes)].concat();
        let shared = commands(&[parameters(&parts), (1, policy()), (2, policy())]);
        let install = commands(&[parameters(&[(21, text(URI))]), (21, policy()), (3, policy())]);
        Self {
            version: 1,
            sequence,
            components: cbor(|w| {
                w.array(1).array(1).bytes(b"main");
            }),
            common: vec![],
            shared,
            members: vec![(7, wrap(&commands(&[(3, policy())]))), (20, wrap(&install))],
        }
    }

    pub fn shared(mut self, pairs: &[(i64, Vec<u8>)]) -> Self {
        self.shared = commands(pairs);
        self
    }

    pub fn member(mut self, key: i64, value: Vec<u8>) -> Self {
        self.members.retain(|(other, _)| *other != key);
        self.members.push((key, value));
        self.members.sort_by_key(|(key, _)| *key);
        self
    }

    pub fn install(self, pairs: &[(i64, Vec<u8>)]) -> Self {
        self.member(20, wrap(&commands(pairs)))
    }

    pub fn validate(self, pairs: &[(i64, Vec<u8>)]) -> Self {
        self.member(7, wrap(&commands(pairs)))
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut common: Vec<_> = self.common.clone();
        common.push((2, self.components.clone()));
        common.push((4, wrap(&self.shared)));
        common.sort_by_key(|(key, _)| *key);
        let common = cbor(|w| {
            w.map(common.len());
            for (key, value) in &common {
                w.int(*key).raw(value);
            }
        });
        cbor(|w| {
            w.map(3 + self.members.len()).int(1).uint(self.version).int(2).uint(self.sequence).int(3).bytes(&common);
            for (key, value) in &self.members {
                w.int(*key).raw(value);
            }
        })
    }
}

pub fn target() -> Target {
    Target { slot: ImageSlot::B, geometry: Geometry { size: 1 << 16, erase_size: 4096, write_size: 8 } }
}

/// Parses, authenticates and plans as a device with floor 5 does.
pub fn plan<'a>(author: &Author, bytes: &'a [u8]) -> Result<Plan<'a>> {
    let suite = soft::suite();
    Envelope::parse(bytes)?.authenticate(&author.trust(), &suite)?.plan(&suite, &DEVICE, 5, target())
}

pub fn plan_on<'a>(author: &Author, bench: &Bench, bytes: &'a [u8]) -> Result<Plan<'a>> {
    let (suite, platform) = (soft::suite(), bench.platform());
    let floor = aseptic_update::boot::floor(&platform)?;
    Envelope::parse(bytes)?.authenticate(&author.trust(), &suite)?.plan(&suite, &DEVICE, floor, Target::of(&platform)?)
}

/// An image that no two lengths or seeds share.
pub fn program(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect()
}
