//! What is stored, and what wants to be.

use crate::bench::Bench;
use crate::trust::{KeyPair, signed};
use aseptic_core::Reason;
use aseptic_core::cose::Sign;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::limits;
use aseptic_core::record::{self, Kind};
use aseptic_core::trust::{
    Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, StoreContent, Trust, TrustBuffers, TrustStore,
    install, update,
};

const KIND: Kind = Kind::LocalIdentity;

/// A record whose two copies hold any bytes. The first two bytes of `data` say where the second copy begins; if their
/// highest bit is set, the check of both copies is made right, which no fuzzer would find.
pub fn record(data: &[u8]) {
    let Some((start, blobs)) = data.split_first_chunk::<2>() else { return };
    let start = u16::from_be_bytes(*start);
    let mut copies = match blobs.split_at_checked(usize::from(start & 0x7FFF)) {
        Some((first, second)) => [Some(first.to_vec()), Some(second.to_vec())],
        None => [Some(blobs.to_vec()), None],
    };
    if start & 0x8000 != 0 {
        copies.iter_mut().flatten().for_each(|copy| seal(copy));
    }
    let copies = copies;
    if copies.iter().flatten().any(|copy| copy.len() > limits::SLOT) {
        return;
    }
    let bench = Bench::new(1);
    bench.edit(|medium| {
        let stored = KIND.slots().into_iter().zip(&copies);
        medium.slots.extend(stored.filter_map(|(slot, copy)| Some((slot, copy.clone()?))));
    });
    let mut buffer = vec![0; limits::SLOT];
    match record::load(&bench, KIND, &mut buffer).map(|found| found.map(<[u8]>::to_vec)) {
        Ok(None) => {}
        Ok(Some(payload)) => {
            let mut frames = copies.iter().flatten();
            assert!(frames.any(|copy| copy.get(12..12 + payload.len()) == Some(&payload)));
        }
        Err(reason) => {
            assert!(matches!(reason, Reason::RecordCorrupt | Reason::RecordVersion), "{reason:?}");
            record::erase(&bench, KIND, &mut buffer).expect("erasing");
        }
    }
    match record::save(&bench, KIND, b"new", &mut buffer) {
        Ok(()) => assert_eq!(record::load(&bench, KIND, &mut buffer), Ok(Some(&b"new"[..]))),
        // The one sequence number that cannot rise.
        Err(reason) => assert_eq!(reason, Reason::Internal),
    }
    record::erase(&bench, KIND, &mut buffer).expect("erasing");
    assert_eq!(record::load(&bench, KIND, &mut buffer), Ok(None));
}

/// CRC-32 (ISO-HDLC) of all but the last four bytes, written into these; and the length, which stands at 6.
fn seal(copy: &mut [u8]) {
    let Some((body, check)) = copy.split_last_chunk_mut::<4>() else { return };
    let payload = body.len().checked_sub(12).and_then(|length| u16::try_from(length).ok());
    if let (Some(length), Some(field)) = (payload, body.get_mut(6..8)) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    let step = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    *check = (!body.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))).to_be_bytes();
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    let bench = Bench::new(1);
    let mut buffer = vec![0; limits::SLOT];
    let mut seeds = vec![vec![0, 0]];
    let mut take = |payload: &[u8]| {
        record::save(&bench, KIND, payload, &mut buffer).expect("a seed");
        let slots = bench.snapshot().slots;
        let [first, second] = KIND.slots().map(|slot| slots.get(&slot).cloned().unwrap_or_default());
        let split = u16::try_from(first.len()).expect("a short record");
        for start in [split, split | 0x8000] {
            seeds.push([&start.to_be_bytes()[..], &first, &second].concat());
        }
    };
    take(b"first");
    take(b"");
    take(&[0x55; 200]);
    seeds
}

/// Two of three keys in charge must sign; the seeds are the installed store, two updates and one that is refused.
struct Cast {
    /// The owner's store of version 1 is installed on it.
    bench: Bench,
    seeds: Vec<Vec<u8>>,
}

thread_local! {
    static CAST: Cast = cast();
}

fn cast() -> Cast {
    let signers = [1, 2, 3].map(|number| KeyPair::new(KeyAlg::Ed25519, number));
    let adapter = KeyPair::new(KeyAlg::P256, 5);
    let seeds = vec![
        store(&signers, &adapter, 1, 2, &[]),
        store(&signers, &adapter, 2, 2, &[[7; 32]]),
        store(&signers, &adapter, 2, 1, &[]),
        store(&signers, &adapter, 9, 3, &[]),
    ];
    let bench = Bench::new(1);
    let present = PhysicalPresence::confirmed_at_the_device();
    let mut buffer = [0; limits::TRUST_STORE];
    install(&bench.platform(), &soft::suite(), None, Authority::Owner, &seeds[0], present, &mut buffer)
        .expect("a seed");
    Cast { bench, seeds }
}

fn store(signers: &[KeyPair; 3], adapter: &KeyPair, version: u64, threshold: u64, denied: &[[u8; 32]]) -> Vec<u8> {
    let purposes = Purposes::of(&[Purpose::Receive, Purpose::Network]);
    let content = StoreContent {
        authority: Authority::Owner,
        version,
        issued: 1_700_000_000,
        threshold,
        signers: &signers.each_ref().map(KeyPair::public),
        entries: &[
            Entry { purposes, name: b"adapter-1", material: Material::Key(adapter.public()) },
            Entry { purposes, name: b"root", material: Material::certificate(&[0x30, 0x03, 0x02, 0x01, 0x01]) },
        ],
        denied,
        overrides: &[],
        quorums: &[],
        retirements: &[],
        minimums: &[],
        epoch: version,
    };
    signed(&content, &[&signers[0], &signers[2]])
}

/// An object offered as an update: accepted only if the keys in charge signed its content, else nothing stored changes.
/// The same bytes then stand where the installed store was, as if the flash had been written.
pub fn trust_store(data: &[u8]) {
    let bench = CAST.with(|cast| cast.bench.clone());
    let before = bench.snapshot();
    let mut buffer = [0; limits::TRUST_STORE];
    match update(&bench.platform(), &soft::suite(), None, Authority::Owner, data, &mut buffer) {
        Ok(()) => {
            let signed = |seed: &Vec<u8>| Sign::parse(seed).expect("a seed").payload.map(<[u8]>::to_vec);
            let accepted = Sign::parse(data).expect("an accepted object").payload.map(<[u8]>::to_vec);
            assert!(CAST.with(|cast| cast.seeds.iter().any(|seed| signed(seed) == accepted)));
            assert!(TrustStore::load(&bench.platform(), Authority::Owner, &mut buffer).is_ok());
        }
        Err(_) => assert_eq!(bench.snapshot(), before),
    }

    let stolen = Bench::new(1);
    if record::save(&stolen, Kind::TrustOwner, data, &mut vec![0; limits::SLOT]).is_ok() {
        let mut buffers = TrustBuffers::new();
        if let Ok(trust) = Trust::load(&stolen.platform(), &mut buffers) {
            let _ = trust.pinned(&soft::suite(), Purpose::Receive, b"adapter-1");
        }
    }
}

pub(super) fn trust_store_seeds() -> Vec<Vec<u8>> {
    CAST.with(|cast| cast.seeds.clone())
}
