//! Two families of algorithms: both must verify, each may retire, and a device without a clock is not fooled.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{
    self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Quorum, Retirement, StoreContent, Trust,
    TrustBuffers,
};
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::lms::Hss;
use aseptic_testbed::trust::{KeyPair, signed};
use aseptic_update::Envelope;
use common::*;

const YEAR_2030: u64 = 1_893_456_000;

/// Two classical and two post-quantum authors.
struct Cast {
    classical: [Author; 2],
    quantum: [Hss; 2],
    charge: KeyPair,
}

impl Cast {
    fn new() -> Self {
        Self {
            classical: [1, 2].map(Author::new),
            quantum: [Hss::new(KeyAlg::HssLms192, 3), Hss::new(KeyAlg::HssLms256, 4)],
            charge: KeyPair::new(KeyAlg::P256, 9),
        }
    }

    /// A store with the first so many of each family.
    fn store(&self, pinned: [usize; 2], quorums: &[Quorum], retirements: &[Retirement]) -> Vec<u8> {
        let purposes = Purposes::of(&[Purpose::UpdateInstall]);
        let classical = self.classical.iter().take(pinned[0]).map(Author::public);
        let keys = classical.chain(self.quantum.iter().take(pinned[1]).map(Hss::public));
        let entries: Vec<_> =
            keys.map(|key| Entry { purposes, name: b"author", material: Material::Key(key) }).collect();
        let signers = [self.charge.public()];
        let content = StoreContent {
            authority: Authority::Manufacturer,
            version: 1,
            issued: 1_700_000_000,
            threshold: 1,
            signers: &signers,
            entries: &entries,
            denied: &[],
            overrides: &[],
            quorums,
            retirements,
            minimums: &[],
            epoch: 1,
        };
        signed(&content, &[&self.charge])
    }

    /// What a device says to an envelope signed by these classical and these post-quantum authors.
    fn judge(&self, bench: &Bench, classical: &[usize], quantum: &[usize]) -> Result<()> {
        let manifest = Spec::new(b"an image", 6).encode();
        let digest = suit_digest(&wrap(&manifest));
        let mut blocks: Vec<_> = classical.iter().map(|at| self.classical[*at].block(&digest)).collect();
        blocks.extend(quantum.iter().map(|at| self.quantum[*at].block(7, &digest, &[])));
        let bytes = envelope(&digest, &blocks, &manifest, &[]);
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers)?;
        Envelope::parse(&bytes)?.authenticate(&trust, &soft::suite()).map(drop)
    }
}

fn install(bench: &Bench, object: &[u8]) -> Result<()> {
    let present = PhysicalPresence::confirmed_at_the_device();
    let mut buffer = [0; limits::TRUST_STORE];
    let (platform, suite) = (bench.platform(), soft::suite());
    trust::install(&platform, &suite, None, Authority::Manufacturer, object, present, &mut buffer)
}

fn both(keys: u8) -> [Quorum; 1] {
    [Quorum { purpose: Purpose::UpdateInstall, keys, both_families: true }]
}

fn any(keys: u8) -> [Quorum; 1] {
    [Quorum { purpose: Purpose::UpdateInstall, keys, both_families: false }]
}

#[test]
fn both_families_must_verify() {
    let (cast, bench) = (Cast::new(), Bench::new(1));
    install(&bench, &cast.store([2, 2], &both(2), &[])).unwrap();
    assert_eq!(cast.judge(&bench, &[0], &[0]), Ok(()));
    assert_eq!(cast.judge(&bench, &[1], &[1]), Ok(()));
    assert_eq!(cast.judge(&bench, &[0, 1], &[]), Err(Reason::FamilyMissing));
    assert_eq!(cast.judge(&bench, &[], &[0, 1]), Err(Reason::FamilyMissing));
    assert_eq!(cast.judge(&bench, &[0], &[]), Err(Reason::TrustThreshold));
    assert_eq!(cast.judge(&bench, &[], &[0]), Err(Reason::TrustThreshold));
    // The same key twice is one, of either family.
    assert_eq!(cast.judge(&bench, &[], &[0, 0]), Err(Reason::TrustThreshold));
}

#[test]
fn a_retired_algorithm_no_longer_counts() {
    let cast = Cast::new();
    let retire = [Retirement { alg: KeyAlg::P256, at: YEAR_2030 }];
    let judge = |quorums: &[Quorum], now: Time, classical: &[usize], quantum: &[usize]| {
        let bench = Bench::new(1);
        install(&bench, &cast.store([2, 2], quorums, &retire)).unwrap();
        bench.set_clock(now);
        cast.judge(&bench, classical, quantum)
    };
    let (before, after) = (Time::trusted(YEAR_2030 - 1), Time::trusted(YEAR_2030));
    let (unknown, floor) = (Time::at_least(YEAR_2030 - 1), Time::at_least(YEAR_2030));
    // Any one key: the classical one alone is enough until the date, and nowhere without a clock.
    assert_eq!(judge(&any(1), before, &[0], &[]), Ok(()));
    for now in [after, floor, unknown, Time::UNKNOWN] {
        assert_eq!(judge(&any(1), now, &[0], &[]), Err(Reason::AlgorithmRetired), "{now:?}");
        assert_eq!(judge(&any(1), now, &[0], &[0]), Ok(()), "{now:?}");
    }
    assert_eq!(judge(&any(2), after, &[0], &[0]), Err(Reason::AlgorithmRetired));
    // Both families: without a clock it counts, for it never decides alone; after the date it is no longer asked for.
    for now in [before, unknown, Time::UNKNOWN] {
        assert_eq!(judge(&both(2), now, &[0], &[0]), Ok(()), "{now:?}");
        assert_eq!(judge(&both(2), now, &[0, 1], &[]), Err(Reason::FamilyMissing), "{now:?}");
        assert_eq!(judge(&both(2), now, &[], &[0, 1]), Err(Reason::FamilyMissing), "{now:?}");
    }
    for now in [after, floor] {
        assert_eq!(judge(&both(2), now, &[0], &[0]), Err(Reason::AlgorithmRetired), "{now:?}");
        assert_eq!(judge(&both(2), now, &[], &[0, 1]), Ok(()), "{now:?}");
    }
}

#[test]
fn a_store_that_would_strand_its_device_is_refused() {
    let cast = Cast::new();
    let retire = |alg| Retirement { alg, at: YEAR_2030 };
    let refused = [
        // No key of one family, or of none that stays.
        cast.store([2, 0], &both(2), &[]),
        cast.store([0, 2], &both(2), &[]),
        cast.store([2, 0], &any(1), &[retire(KeyAlg::P256)]),
        cast.store([2, 1], &both(2), &[retire(KeyAlg::P256)]),
        cast.store([1, 0], &[], &[retire(KeyAlg::P256)]),
        // Said twice, and of all that the store has.
        cast.store([1, 2], &any(1), &[retire(KeyAlg::P256), retire(KeyAlg::P256)]),
        cast.store([1, 2], &any(1), &[retire(KeyAlg::P256), retire(KeyAlg::HssLms192), retire(KeyAlg::HssLms256)]),
    ];
    for object in refused {
        assert_eq!(install(&Bench::new(1), &object), Err(Reason::TrustMalformed));
    }
    install(&Bench::new(1), &cast.store([1, 2], &both(2), &[retire(KeyAlg::P256)])).unwrap();
}

#[test]
fn a_block_with_a_changed_hash_based_signature_refuses_the_envelope() {
    let (cast, bench) = (Cast::new(), Bench::new(1));
    install(&bench, &cast.store([1, 1], &any(1), &[])).unwrap();
    let manifest = Spec::new(b"an image", 6).encode();
    let digest = suit_digest(&wrap(&manifest));
    let mut block = cast.quantum[0].block(3, &digest, &[]);
    *block.last_mut().unwrap() ^= 1;
    let bytes = envelope(&digest, &[cast.classical[0].block(&digest), block], &manifest, &[]);
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
    let told = Envelope::parse(&bytes).unwrap().authenticate(&trust, &soft::suite()).map(drop);
    assert_eq!(told, Err(Reason::SignatureInvalid));
}
