//! The cache of signatures: what it spares, and that no verdict depends on it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::{PathValidator, Verified};
use aseptic_core::crypto::{Message, SigAlg, Suite, Verifier, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose, Validity};
use aseptic_core::{Reason, Result};
use common::{Issued, START, YEAR, ca_params, device_params, issue, root, valid};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const NOW: Time = Time::trusted(START + YEAR);

/// ES256, counted. The question whether a key is sound comes without a signature and does not count.
struct Counting(AtomicUsize);

impl Verifier for Counting {
    fn alg(&self) -> SigAlg {
        SigAlg::Es256
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        self.0.fetch_add(usize::from(!signature.is_empty()), Relaxed);
        soft::Es256.verify(key, message, signature)
    }
}

/// Root, issuing authority, leaf.
struct Line([Issued; 3]);

impl Line {
    fn new(root_name: &str) -> Self {
        let top = root(ca_params(root_name));
        let middle = issue(ca_params("Issuing CA"), &top);
        let leaf = issue(device_params("PUMP-0001"), &middle);
        Self([top, middle, leaf])
    }

    fn chain(&self) -> [&[u8]; 2] {
        [&self.0[2].der, &self.0[1].der]
    }
}

/// The verdict with the cache, and the signatures that were verified for it. It is the one without a cache.
fn ask<const N: usize>(cache: &Verified<N>, chain: &[&[u8]], root: &[u8], now: Time) -> (Result<Validity>, usize) {
    let count = Counting(AtomicUsize::new(0));
    let verifiers: [&dyn Verifier; 1] = [&count];
    let suite = Suite { verifiers: &verifiers, ..soft::suite() };
    let anchors = [Anchor::of(root)];
    let judge = |engine: PathValidator<'_>, suite: &Suite<'_>| {
        engine.validate(suite, chain, &Grounds::of(&anchors), Purpose::Birth, now).map(|path| path.validity)
    };
    let verdict = judge(PathValidator::DEVICE.with_cache(cache), &suite);
    assert_eq!(verdict, judge(PathValidator::DEVICE, &soft::suite()));
    (verdict, count.0.into_inner())
}

#[test]
fn a_known_authority_costs_no_second_verification() {
    let line = Line::new("Root");
    let cache = Verified::<8>::new();
    let root = &line.0[0].der;
    assert_eq!(ask(&cache, &line.chain(), root, NOW), (Ok(Validity::InDate), 2));
    assert_eq!(ask(&cache, &line.chain(), root, NOW), (Ok(Validity::InDate), 1));
    // The leaf is verified each time; another one of the same authority, too.
    let other = issue(device_params("PUMP-0002"), &line.0[1]);
    assert_eq!(ask(&cache, &[&other.der, &line.0[1].der], root, NOW), (Ok(Validity::InDate), 1));
    // Two threads may have one cache.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(ask(&cache, &line.chain(), root, NOW), (Ok(Validity::InDate), 1)));
        }
    });
}

#[test]
fn what_changes_is_judged_anew() {
    let line = Line::new("Root");
    let cache = Verified::<8>::new();
    let root = &line.0[0].der;
    ask(&cache, &line.chain(), root, NOW).0.unwrap();
    // Trust withdrawn: the anchor is another one, by key and by name.
    let (namesake, other) = (Line::new("Root"), Line::new("Other"));
    assert_eq!(ask(&cache, &line.chain(), &namesake.0[0].der, NOW).0, Err(Reason::SignatureInvalid));
    assert_eq!(ask(&cache, &line.chain(), &other.0[0].der, NOW).0, Err(Reason::PathUntrusted));
    // Time went on.
    let late = Time::trusted(START + 100 * YEAR);
    assert_eq!(ask(&cache, &line.chain(), root, late).0, Ok(Validity::LongExpired));
    // An authority that ran out.
    let mut short = ca_params("Issuing CA");
    valid(&mut short, START, START + YEAR / 2);
    let middle = issue(short, &line.0[0]);
    let leaf = issue(device_params("PUMP-0003"), &middle);
    let before = Time::trusted(START + YEAR / 4);
    assert_eq!(ask(&cache, &[&leaf.der, &middle.der], root, before).0, Ok(Validity::InDate));
    assert_eq!(ask(&cache, &[&leaf.der, &middle.der], root, NOW).0, Ok(Validity::LongExpired));
}

#[test]
fn no_flipped_bit_of_a_known_chain_is_believed() {
    let line = Line::new("Root");
    let cache = Verified::<8>::new();
    ask(&cache, &line.chain(), &line.0[0].der, NOW).0.unwrap();
    for which in 0..2 {
        for at in 0..line.chain()[which].len() {
            let mut chain = line.chain().map(<[u8]>::to_vec);
            chain[which][at] ^= 1 << (at % 8);
            let (verdict, _) = ask(&cache, &[&chain[0], &chain[1]], &line.0[0].der, NOW);
            assert!(verdict.is_err(), "certificate {which}, byte {at}");
        }
    }
}

#[test]
fn strangers_do_not_fill_it() {
    let (line, stranger) = (Line::new("Root"), Line::new("Root"));
    let cache = Verified::<1>::new();
    let root = &line.0[0].der;
    ask(&cache, &line.chain(), root, NOW).0.unwrap();
    for _ in 0..3 {
        // The same names, signed by others, below an authority that is not ours.
        assert!(ask(&cache, &stranger.chain(), root, NOW).0.is_err());
        assert!(ask(&cache, &[&stranger.0[2].der, &stranger.0[1].der, &stranger.0[0].der], root, NOW).0.is_err());
    }
    assert_eq!(ask(&cache, &line.chain(), root, NOW), (Ok(Validity::InDate), 1));
}
