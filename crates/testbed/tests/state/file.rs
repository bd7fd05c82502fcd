//! The file of one state: everything that a device has stored, and what others know of it. TOML, for people to read.

use crate::life::{GEOMETRY, NOW, World, running};
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::limits;
use aseptic_core::platform::{Counter, ImageSlot, KeyId, KeyPolicy, KeyUse, Slot};
use aseptic_core::record::Kind;
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{Authority, TrustStore};
use aseptic_identity::Identity;
use aseptic_testbed::bench::{Bench, Boot};
use aseptic_update::boot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What others know of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Messages that it has sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// The certificate of the sender of each.
    pub(crate) senders: Vec<Vec<u8>>,
    /// Commands that it has taken.
    pub(crate) received: Vec<Vec<u8>>,
}

/// The file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    /// The release that wrote it.
    pub(crate) release: String,
    /// What has happened so far.
    pub(crate) what: String,
    /// What the device reads in it.
    pub(crate) reads: Reads,
    /// Monotonic counters by name; those that are not listed were never advanced.
    counters: BTreeMap<String, u64>,
    boot: BootFile,
    /// The two program slots.
    image: Vec<ImageFile>,
    /// What lies in the store.
    #[serde(default)]
    pub(crate) slot: Vec<SlotFile>,
    /// Private keys of the key store. They guard nothing but this file.
    #[serde(default)]
    key: Vec<KeyFile>,
    /// Messages in hexadecimal.
    sent: Vec<String>,
    senders: Vec<String>,
    received: Vec<String>,
}

/// What a release that understands the state reads in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reads {
    /// The time before which it is not, in seconds since 1970.
    time_floor: u64,
    /// The lowest sequence number of an image that may run.
    update_floor: u64,
    /// Versions of the trust stores; 0 where there is none.
    manufacturer: u64,
    owner: u64,
    /// Stages of the identities.
    birth: String,
    local: String,
    successor: String,
    /// The name of the device, where it has one.
    name: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct BootFile {
    permanent: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<char>,
    running: char,
}

/// The first bytes of an image of the testbed, in an erased slot.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct ImageFile {
    slot: char,
    /// The number of the image; 0 for an empty slot.
    number: usize,
    bytes: usize,
    sha256: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlotFile {
    pub(crate) number: u16,
    /// The record that lives there.
    pub(crate) record: String,
    pub(crate) hex: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    id: u32,
    alg: u8,
    usage: String,
    secret: String,
}

const COUNTERS: [Counter; 4] =
    [Counter::UpdateFloor, Counter::TrustManufacturer, Counter::TrustOwner, Counter::SenderEpoch];

impl Stored {
    /// Takes down all that `bench` has stored.
    pub(crate) fn of(bench: &Bench, world: &World, state: &State, what: &str) -> Self {
        let medium = bench.snapshot();
        let images = [ImageSlot::A, ImageSlot::B].map(|slot| {
            let flash = &medium.flash[slot as usize];
            let used = flash.blank.iter().rposition(|blank| !blank).map_or(0, |unit| (unit + 1) * 8);
            let found = world.images.iter().position(|image| {
                let bytes = used.min(image.len());
                used != 0 && flash.bytes[..bytes] == image[..bytes]
            });
            let bytes = found.map_or(0, |at| used.min(world.images[at].len()));
            assert_eq!(bytes == 0, used == 0, "a slot holds a part of an image or nothing");
            ImageFile {
                slot: letter(slot),
                number: found.map_or(0, |at| at + 1),
                bytes,
                sha256: sha256(&flash.bytes[..bytes]),
            }
        });
        Self {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            what: what.to_owned(),
            reads: Reads::of(bench),
            counters: medium.counters.iter().map(|(counter, value)| (format!("{counter:?}"), *value)).collect(),
            boot: BootFile {
                permanent: letter(medium.boot.permanent),
                trial: medium.boot.trial.map(letter),
                running: letter(running(bench)),
            },
            image: images.to_vec(),
            slot: medium
                .slots
                .iter()
                .map(|(slot, bytes)| SlotFile { number: slot.0, record: record(*slot), hex: hex::encode(bytes) })
                .collect(),
            key: medium
                .keys
                .iter()
                .map(|(id, key)| KeyFile {
                    id: id.0,
                    alg: key.policy.alg as u8,
                    usage: format!("{:?}", key.policy.usage),
                    secret: hex::encode(key.secret),
                })
                .collect(),
            sent: state.sent.iter().map(hex::encode).collect(),
            senders: state.senders.iter().map(hex::encode).collect(),
            received: state.received.iter().map(hex::encode).collect(),
        }
    }

    /// The device as it was when the state was taken down, with other randomness from now on.
    pub(crate) fn device(&self, world: &World) -> (Bench, State) {
        let bench = Bench::new(77).with_flash([GEOMETRY; 2], 0xFF);
        bench.set_clock(Time::trusted(NOW));
        let trial = self.boot.trial.map(slot);
        bench.edit(|medium| {
            // The boot loader starts what ran.
            medium.boot = Boot { permanent: slot(self.boot.permanent), trial: Some(slot(self.boot.running)) };
            for file in &self.image {
                let image = file.number.checked_sub(1).map_or(&[][..], |at| &world.images[at][..file.bytes]);
                assert_eq!(sha256(image), file.sha256, "the images of the testbed are those of the release");
                if !image.is_empty() {
                    medium.flash[slot(file.slot) as usize].program(image);
                }
            }
            for file in &self.slot {
                medium.slots.insert(Slot(file.number), hex::decode(&file.hex).unwrap());
            }
            for (name, value) in &self.counters {
                let counter = COUNTERS.into_iter().find(|counter| format!("{counter:?}") == *name);
                medium.counters.insert(counter.expect("a counter of this release"), *value);
            }
        });
        bench.reboot();
        bench.edit(|medium| medium.boot.trial = trial);
        for file in &self.key {
            let usage = if file.usage == "Sign" { KeyUse::Sign } else { KeyUse::Agree };
            let policy = KeyPolicy { alg: KeyAlg::from_u8(file.alg).unwrap(), usage };
            bench.put_key(KeyId(file.id), policy, &hex::decode(&file.secret).unwrap().try_into().unwrap());
        }
        let list = |texts: &[String]| texts.iter().map(|text| hex::decode(text).unwrap()).collect();
        (bench, State { sent: list(&self.sent), senders: list(&self.senders), received: list(&self.received) })
    }
}

impl Reads {
    /// What this release reads on the device.
    pub(crate) fn of(bench: &Bench) -> Self {
        let platform = bench.platform();
        let (mut trust, mut buffer) = ([0; limits::TRUST_STORE], vec![0; 2 * limits::SLOT]);
        let mut version =
            |authority| TrustStore::load(&platform, authority, &mut trust).unwrap().map_or(0, |store| store.version);
        let (manufacturer, owner) = (version(Authority::Manufacturer), version(Authority::Owner));
        let identity = Identity::load(&platform, &mut buffer).unwrap();
        Self {
            time_floor: Floor::load(&platform, 0).unwrap().seconds(),
            update_floor: boot::floor(&platform).unwrap(),
            manufacturer,
            owner,
            birth: format!("{:?}", identity.birth_stage()),
            local: format!("{:?}", identity.local_stage()),
            successor: format!("{:?}", identity.successor_stage()),
            name: identity.name().unwrap_or_default().to_owned(),
        }
    }
}

/// The record that lives in a slot.
fn record(slot: Slot) -> String {
    match Kind::ALL.into_iter().find(|kind| kind.slots().contains(&slot)) {
        Some(kind) => format!("{kind:?}"),
        None => "SoftKey".to_owned(),
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = soft::suite().digest(HashAlg::Sha256, &mut aseptic_core::crypto::Parts(&[bytes])).unwrap();
    hex::encode(&digest[..32])
}

const fn letter(slot: ImageSlot) -> char {
    match slot {
        ImageSlot::A => 'A',
        ImageSlot::B => 'B',
    }
}

fn slot(letter: char) -> ImageSlot {
    if letter == 'A' { ImageSlot::A } else { ImageSlot::B }
}
