//! Revocation lists: what they prove, what they never prove, and that no older one comes back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::panic)]

mod common;
#[path = "common/list.rs"]
mod lists;

use aseptic_certs::crl::{Age, Evidence, Number, Numbers, Scanned, Scanner};
use aseptic_certs::der::Reader;
use aseptic_certs::{Certificate, HeldLists, PathValidator, Place};
use aseptic_core::clinical::{self, Failure, Response};
use aseptic_core::crypto::{Parts, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Authority, Entry, Grounds, Material, Purpose, Purposes, Revocation, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{sweep, sweep_pairs};
use common::{Issued, START, YEAR, ca_params, device_params, issue, root};
use lists::{List, element, extension, list};
use rcgen::{CertificateParams, CustomExtension, KeyPair, KeyUsagePurpose};

const NOW: Time = Time::trusted(START + YEAR + 86_400);

struct Line {
    root: Issued,
    middle: Issued,
    leaf: Issued,
}

impl Line {
    fn new() -> Self {
        Self::with(ca_params("Issuing CA"), device_params("PUMP-0001"))
    }

    fn with(middle: CertificateParams, leaf: CertificateParams) -> Self {
        let root = root(ca_params("Root"));
        let middle = issue(middle, &root);
        let leaf = issue(leaf, &middle);
        Self { root, middle, leaf }
    }

    /// The list of the root, which has nothing on it.
    fn upper(&self) -> Vec<u8> {
        list(1).sign(&self.root)
    }

    fn ask(&self, held: &[&[u8]], now: Time) -> Revocation {
        self.ask_above(held, &Numbers::NONE, now)
    }

    fn ask_above(&self, held: &[&[u8]], numbers: &Numbers, now: Time) -> Revocation {
        let lists = HeldLists { lists: held, numbers };
        let validator = PathValidator::DEVICE.with_lists(&lists);
        let chain = [&self.leaf.der[..], &self.middle.der];
        let anchors = [Anchor::of(&self.root.der)];
        let judgement = validator.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Birth, now);
        let said = judgement.verdict.unwrap().revocation;
        assert_eq!(said == Revocation::Good, judgement.findings.count() == 0);
        said
    }

    /// What the list of the issuing CA says of the leaf, beside a good one of the root.
    fn said(&self, issued: &List) -> Revocation {
        self.ask(&[&self.upper(), &issued.sign(&self.middle)], NOW)
    }
}

fn scan(bytes: &[u8], piece: usize, wanted: &[&[u8]]) -> Result<Scanned> {
    let suite = soft::suite();
    let mut scanner = Scanner::new(wanted)?;
    bytes.chunks(piece).try_for_each(|piece| scanner.feed(&suite, piece))?;
    scanner.scanned().copied()
}

fn evidence(bytes: &[u8], issuer: &Issued) -> Result<Evidence> {
    let signed = Reader::new(bytes).nested(0x30)?.raw(0x30)?;
    let issuer = Certificate::parse(&issuer.der).unwrap();
    scan(bytes, 64, &[])?.verify(&soft::suite(), &issuer, Some(&mut Parts(&[signed])))
}

#[test]
fn revoked_is_told_from_good_and_from_unknown() {
    let line = Line::new();
    let upper = line.upper();
    let (empty, full) = (list(1).sign(&line.middle), list(2).revoking(&line.leaf.der).sign(&line.middle));
    assert_eq!(line.ask(&[&upper, &empty], NOW), Revocation::Good);
    assert_eq!(line.ask(&[&upper, &full], NOW), Revocation::Revoked);
    // The newest counts, in whatever order they lie.
    assert_eq!(line.ask(&[&upper, &empty, &full], NOW), Revocation::Revoked);
    assert_eq!(line.ask(&[&full, &empty, &upper], NOW), Revocation::Revoked);
    let pardoned = list(3).sign(&line.middle);
    assert_eq!(line.ask(&[&upper, &pardoned, &full], NOW), Revocation::Good);
    // Every certificate of the path must be covered.
    assert_eq!(line.ask(&[&empty], NOW), Revocation::Unknown);
    assert_eq!(line.ask(&[&upper], NOW), Revocation::Unknown);
    assert_eq!(line.ask(&[], NOW), Revocation::Unknown);
    let fallen = list(2).revoking(&line.middle.der).sign(&line.root);
    assert_eq!(line.ask(&[&fallen, &empty], NOW), Revocation::Revoked);
    // A stale list still says who is revoked.
    let late = Time::trusted(START + 3 * YEAR);
    assert_eq!(line.ask(&[&upper, &full], late), Revocation::Revoked);
}

#[test]
fn ageing_is_graded_by_our_clock() {
    let line = Line::new();
    let (upper, own) = (line.upper(), list(1).sign(&line.middle));
    let due = START + YEAR + 7 * 86_400;
    let at = |now| line.ask(&[&upper, &own], now);
    for (seconds, expected) in [
        (START + YEAR, Revocation::Good),
        (due, Revocation::Good),
        (due + 1, Revocation::Ageing),
        (due + limits::GRACE, Revocation::Ageing),
        (due + limits::GRACE + 1, Revocation::Unknown),
    ] {
        assert_eq!(at(Time::trusted(seconds)), expected, "{seconds}");
        assert_eq!(at(Time::at_least(seconds)), expected, "at least {seconds}");
    }
    // A list of the future is none by a trusted clock; a device without one cannot know.
    assert_eq!(at(Time::trusted(START + YEAR - 1)), Revocation::Unknown);
    assert_eq!(at(Time::at_least(START)), Revocation::Good);
    assert_eq!(at(Time::UNKNOWN), Revocation::Good);
    let ages =
        [due, due + 1, due + limits::GRACE + 1].map(|at| evidence(&own, &line.middle).unwrap().age(Time::trusted(at)));
    assert_eq!(ages, [Ok(Age::Fresh), Ok(Age::Ageing), Ok(Age::Stale)]);
}

#[test]
fn what_is_not_signed_by_the_issuer_is_never_not_revoked() {
    let line = Line::new();
    let other = issue(ca_params("Issuing CA"), &line.root);
    assert_eq!(line.ask(&[&line.upper(), &list(9).sign(&other)], NOW), Revocation::Unknown);
    assert_eq!(line.ask(&[&line.upper(), &list(9).sign(&line.root)], NOW), Revocation::Unknown);
    let mut no_lists = ca_params("Issuing CA");
    no_lists.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let line = Line::with(no_lists, device_params("PUMP-0001"));
    assert_eq!(line.said(&list(1)), Revocation::Unknown);
    assert_eq!(evidence(&list(1).sign(&line.middle), &line.middle), Err(Reason::PathKeyUsage));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_list_makes_it_nothing() {
    let line = Line::new();
    let good = list(1).partition(Some("http://lists.example/1"), &[]).revoking(&line.leaf.der).sign(&line.middle);
    let whole = evidence(&good, &line.middle).unwrap();
    let mut refused = 0;
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(evidence(&changed, &line.middle).is_err(), "bit {bit}");
        refused += 1;
    }
    for end in 0..good.len() {
        assert!(evidence(&good[..end], &line.middle).is_err(), "cut at {end}");
        refused += 1;
    }
    assert!(evidence(&[&good[..], &[0]].concat(), &line.middle).is_err());
    // However it is cut into pieces, the same comes out.
    for piece in 1..=good.len() {
        let scanned = scan(&good, piece, &[]).unwrap();
        assert_eq!(scanned.fingerprint(), &whole.fingerprint, "pieces of {piece}");
    }
    println!("{refused} changed lists, none believed");
}

#[test]
fn kinds_of_lists_that_are_not_read_say_nothing() {
    let line = Line::new();
    let reason = |value: u8| element(0x30, &extension(&[0x55, 0x1D, 0x15], false, &[0x0A, 1, value]));
    let entry = |extensions: Vec<u8>| List { revoked: vec![(vec![7], extensions)], ..list(1) };
    let user = [0x81, 1, 0xFF];
    for (what, made, expected) in [
        ("version 1", List { version: None, ..list(1) }, Reason::CrlMalformed),
        ("version 3", List { version: Some(2), ..list(1) }, Reason::CrlMalformed),
        ("no next update", List { next_update: None, ..list(1) }, Reason::CrlMalformed),
        ("no number", List { number: None, ..list(1) }, Reason::CrlMalformed),
        ("a negative number", List { number: Some(vec![0x80]), ..list(1) }, Reason::CrlMalformed),
        ("a number of 21 octets", List { number: Some(vec![1; 21]), ..list(1) }, Reason::CrlMalformed),
        ("no extensions", List { number: None, authority: false, ..list(1) }, Reason::CrlMalformed),
        (
            "critical number",
            List { number: None, ..list(1) }.extended(&[0x55, 0x1D, 0x14], true, vec![2, 1, 1]),
            Reason::CrlMalformed,
        ),
        ("delta", list(1).extended(&[0x55, 0x1D, 0x1B], true, vec![2, 1, 1]), Reason::CrlUnsupported),
        ("delta, not critical", list(1).extended(&[0x55, 0x1D, 0x1B], false, vec![2, 1, 1]), Reason::CrlMalformed),
        ("unknown critical", list(1).extended(&[0x2A, 3], true, vec![5, 0]), Reason::CrlUnsupported),
        ("point not critical", list(1).extended(&[0x55, 0x1D, 0x1C], false, vec![0x30, 0]), Reason::CrlMalformed),
        ("some reasons", list(1).partition(None, &[0x83, 2, 1, 2]), Reason::CrlUnsupported),
        ("indirect", list(1).partition(None, &[0x84, 1, 0xFF]), Reason::CrlUnsupported),
        ("attributes", list(1).partition(None, &[0x85, 1, 0xFF]), Reason::CrlUnsupported),
        ("users and CAs", list(1).partition(None, &[&user[..], &[0x82, 1, 0xFF]].concat()), Reason::CrlMalformed),
        ("a relative name", list(1).partition(None, &[0xA0, 4, 0xA1, 2, 0x31, 0]), Reason::CrlUnsupported),
        ("removed from a delta", entry(reason(8)), Reason::CrlUnsupported),
        (
            "certificate issuer",
            entry(element(0x30, &extension(&[0x55, 0x1D, 0x1D], true, &[0x30, 0]))),
            Reason::CrlUnsupported,
        ),
    ] {
        assert_eq!(evidence(&made.sign(&line.middle), &line.middle).err(), Some(expected), "{what}");
        assert_eq!(line.said(&made), Revocation::Unknown, "{what}");
    }
    // With a reason that is read, and on hold: revoked.
    for value in [0, 1, 6] {
        let made = List {
            revoked: vec![(Certificate::parse(&line.leaf.der).unwrap().serial.to_vec(), reason(value))],
            ..list(1)
        };
        assert_eq!(line.said(&made), Revocation::Revoked, "reason {value}");
    }
}

#[test]
fn a_partition_speaks_for_its_own_certificates_alone() {
    let point = |uri: &str| {
        let names = element(0xA0, &element(0xA0, &element(0x86, uri.as_bytes())));
        CustomExtension::from_oid_content(&[2, 5, 29, 31], element(0x30, &element(0x30, &names)))
    };
    let mut leaf = device_params("PUMP-0001");
    leaf.custom_extensions = vec![point("http://lists.example/7")];
    let line = Line::with(ca_params("Issuing CA"), leaf);
    let (ours, theirs) = (Some("http://lists.example/7"), Some("http://lists.example/8"));
    assert_eq!(line.said(&list(1).partition(ours, &[])), Revocation::Good);
    assert_eq!(line.said(&list(1).partition(theirs, &[])), Revocation::Unknown);
    assert_eq!(line.said(&list(1).partition(ours, &[]).revoking(&line.leaf.der)), Revocation::Revoked);
    assert_eq!(line.said(&list(1).partition(None, &[0x81, 1, 0xFF])), Revocation::Good);
    assert_eq!(line.said(&list(1).partition(None, &[0x82, 1, 0xFF])), Revocation::Unknown);
    // Two rows: the complete list is older and silent, the partition revokes.
    let complete = list(200).sign(&line.middle);
    let partition = list(1).partition(ours, &[]).revoking(&line.leaf.der).sign(&line.middle);
    assert_eq!(line.ask(&[&line.upper(), &complete, &partition], NOW), Revocation::Revoked);
}

#[test]
fn no_revocation_available_needs_no_list() {
    let mut leaf = device_params("PUMP-0001");
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 56], vec![5, 0])];
    let line = Line::with(ca_params("Issuing CA"), leaf.clone());
    assert_eq!(line.ask(&[&line.upper()], NOW), Revocation::Good);
    // A CA cannot take itself out.
    let mut middle = ca_params("Issuing CA");
    middle.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 56], vec![5, 0])];
    let line = Line::with(middle, device_params("PUMP-0001"));
    let chain = [&line.leaf.der[..], &line.middle.der];
    let anchors = [Anchor::of(&line.root.der)];
    let judgement = PathValidator::COMPAT.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Birth, NOW);
    assert_eq!(
        judgement.findings.iter().next().map(|f| (f.place, f.rule)),
        Some((Place::Chain(1), Some("no-revocation")))
    );
}

#[test]
fn lists_signed_by_ed25519_are_read_twice() {
    let key = || KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let top = common::root_with(ca_params("Root"), key());
    let bytes = list(5).sign(&top);
    let issuer = Certificate::parse(&top.der).unwrap();
    let signed = Reader::new(&bytes).nested(0x30).unwrap().raw(0x30).unwrap();
    let scanned = scan(&bytes, 7, &[]).unwrap();
    assert_eq!(scanned.verify(&soft::suite(), &issuer, None).err(), Some(Reason::AlgorithmUnsupported));
    assert!(scanned.verify(&soft::suite(), &issuer, Some(&mut Parts(&[signed]))).is_ok());
    let other = list(6).sign(&top);
    let swapped = Reader::new(&other).nested(0x30).unwrap().raw(0x30).unwrap();
    let result = scanned.verify(&soft::suite(), &issuer, Some(&mut Parts(&[swapped])));
    assert_eq!(result.err(), Some(Reason::SignatureInvalid));
}

#[test]
fn a_list_that_was_verified_is_known_again_without_its_signature() {
    let line = Line::new();
    let issuer = Certificate::parse(&line.middle.der).unwrap();
    let serial = Certificate::parse(&line.leaf.der).unwrap().serial;
    let bytes = list(1).revoking(&line.leaf.der).sign(&line.middle);
    let first = evidence(&bytes, &line.middle).unwrap();
    let again = scan(&bytes, 512, &[&[1], serial]).unwrap();
    let known = again.known(&soft::suite(), &issuer, &first.fingerprint).unwrap();
    assert_eq!(known.revoked(&[1]), Ok(None));
    assert!(matches!(known.revoked(serial), Ok(Some(_))));
    assert_eq!([&[2][..], &[]].map(|serial| known.revoked(serial)), [Err(Reason::RevocationUnknown); 2]);
    let other = scan(&list(1).sign(&line.middle), 512, &[]).unwrap();
    assert_eq!(other.known(&soft::suite(), &issuer, &first.fingerprint), Err(Reason::SignatureInvalid));
}

#[test]
fn a_hundred_thousand_entries_pass_through_a_small_window() {
    let line = Line::new();
    let mut long = list(1);
    for number in 0..100_000_u32 {
        long.revoked.push(([&[0x40][..], &number.to_be_bytes(), &[7; 11]].concat(), vec![]));
    }
    let serial = Certificate::parse(&line.leaf.der).unwrap().serial;
    long.revoked.insert(77_777, (serial.to_vec(), vec![]));
    let bytes = long.sign(&line.middle);
    let issuer = Certificate::parse(&line.middle.der).unwrap();
    let start = std::time::Instant::now();
    let scanned = scan(&bytes, 256, &[serial, &[0x41]]).unwrap();
    let evidence = scanned.verify(&soft::suite(), &issuer, None).unwrap();
    assert!(matches!(evidence.revoked(serial), Ok(Some(_))));
    assert_eq!((evidence.entries, evidence.revoked(&[0x41])), (100_001, Ok(None)));
    println!(
        "{} entries, {} bytes, in pieces of 256, with {} bytes of state, in {:?}",
        evidence.entries,
        bytes.len(),
        size_of::<Scanner>(),
        start.elapsed()
    );
}

#[test]
fn bounds_hold() {
    let suite = soft::suite();
    let many = vec![&[1_u8][..]; limits::CRL_WANTED + 1];
    assert_eq!(Scanner::<1024>::new(&many).err(), Some(Reason::TooLarge));
    let line = Line::new();
    let mut wide = list(1);
    wide.revoked.push((vec![7], element(0x30, &extension(&[0x2A, 3], false, &[0; 1100]))));
    assert_eq!(evidence(&wide.sign(&line.middle), &line.middle).err(), Some(Reason::TooLarge));
    let mut scanner = Scanner::<1024>::new(&[]).unwrap();
    assert_eq!(scanner.feed(&suite, &[0x30, 0x84, 1, 0, 0, 0]).err(), Some(Reason::CrlMalformed));
    let mut scanner = Scanner::<1024>::new(&[]).unwrap();
    assert_eq!(scanner.feed(&suite, &[0x30, 0x83, 0xFF, 0xFF, 0xFF]).err(), Some(Reason::TooLarge));
}

fn accept(bench: &Bench, evidence: &Evidence) -> Result<Numbers> {
    let (platform, mut buffer) = (bench.platform(), [0; Numbers::BUFFER]);
    let mut numbers = Numbers::load(&platform, &mut buffer)?;
    numbers.accept(&platform, &soft::suite(), evidence, &mut buffer)?;
    Ok(numbers)
}

#[test]
fn no_older_list_comes_back() {
    let line = Line::new();
    let bench = Bench::new(1);
    let at = |number: u8| evidence(&list(number).sign(&line.middle), &line.middle).unwrap();
    accept(&bench, &at(5)).unwrap();
    assert_eq!(accept(&bench, &at(4)), Err(Reason::CrlRollback));
    accept(&bench, &at(5)).unwrap();
    let numbers = accept(&bench, &at(6)).unwrap();
    let row = at(6).row(&soft::suite()).unwrap();
    assert_eq!(numbers.lowest(&row), Number::new(&[6]).unwrap());
    // A longer number is a higher one.
    let long = evidence(&List { number: Some(vec![1, 0]), ..list(0) }.sign(&line.middle), &line.middle).unwrap();
    let numbers = accept(&bench, &long).unwrap();
    assert_eq!(accept(&bench, &at(0x7F)), Err(Reason::CrlRollback));
    let (upper, old) = (line.upper(), list(6).sign(&line.middle));
    assert_eq!(line.ask_above(&[&upper, &old], &numbers, NOW), Revocation::Unknown);
    // The root's row is another one.
    accept(&bench, &evidence(&upper, &line.root).unwrap()).unwrap();
    // Rows are bounded, and a row that finds no place is not used.
    for partition in 0..limits::CRL_ROWS - 2 {
        let uri = format!("http://lists.example/{partition}");
        accept(&bench, &evidence(&list(1).partition(Some(&uri), &[]).sign(&line.middle), &line.middle).unwrap())
            .unwrap();
    }
    let one_more = list(1).partition(Some("http://lists.example/more"), &[]).sign(&line.middle);
    assert_eq!(accept(&bench, &evidence(&one_more, &line.middle).unwrap()), Err(Reason::PlatformFull));
    assert!(accept(&bench, &long).is_ok());
}

#[test]
fn a_number_survives_every_power_cut_as_old_or_new() {
    let line = Line::new();
    let at = |number: u8| evidence(&list(number).sign(&line.middle), &line.middle).unwrap();
    let (old, new) = (at(5), at(6));
    let row = old.row(&soft::suite()).unwrap();
    for model in [StoreModel::Atomic, StoreModel::Torn] {
        let setup = || {
            let bench = Bench::new(1).with_store(model);
            accept(&bench, &old).unwrap();
            bench
        };
        let run = |bench: &Bench| accept(bench, &new).map(drop);
        let count = sweep(setup, run, |bench, interrupted| {
            let numbers = Numbers::load(&bench.platform(), &mut [0; Numbers::BUFFER]).unwrap();
            let lowest = numbers.lowest(&row);
            assert!(lowest == old.number || lowest == new.number);
            if interrupted.result.is_ok() {
                assert_eq!(lowest, new.number, "reported as kept");
            }
            // Whatever happened, an even older one is refused and the new one goes in.
            assert_eq!(accept(bench, &at(4)), Err(Reason::CrlRollback));
            assert_eq!(accept(bench, &new).unwrap().lowest(&row), new.number);
            assert_eq!(accept(bench, &old), Err(Reason::CrlRollback));
        });
        println!("{model:?}: {count:?}");
        assert!(count.cuts >= 4 && count.failures >= 4);
        let pairs = sweep_pairs(setup, run, |bench, _| {
            assert_eq!(accept(bench, &new).unwrap().lowest(&row), new.number);
        });
        assert!(pairs.pairs > 0);
    }
}

#[test]
fn the_verdict_follows_the_response_matrix() {
    let line = Line::new();
    let (upper, own) = (line.upper(), list(1).sign(&line.middle));
    let revoked = list(2).revoking(&line.leaf.der).sign(&line.middle);
    let due = START + YEAR + 7 * 86_400;
    let purposes = [Purpose::Telemetry, Purpose::Alarm, Purpose::Command, Purpose::Configuration];
    let entries =
        [Entry { purposes: Purposes::of(&purposes), name: b"root", material: Material::certificate(&line.root.der) }];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    for (held, now, failure, reason) in [
        (&[&upper[..], &own][..], NOW.seconds, None, Reason::Internal),
        (&[&upper, &own], due + 1, Some(Failure::ListAgeing), Reason::CrlStale),
        (&[&upper], NOW.seconds, Some(Failure::PeerUnknown), Reason::RevocationUnknown),
        (&[&upper, &own], due + 2 * limits::GRACE, Some(Failure::PeerUnknown), Reason::RevocationUnknown),
        (&[&upper, &own, &revoked], NOW.seconds, Some(Failure::PeerRevoked), Reason::CertificateRevoked),
    ] {
        let lists = HeldLists { lists: held, numbers: &Numbers::NONE };
        let engine = PathValidator::DEVICE.with_lists(&lists);
        for purpose in purposes {
            let chain = [&line.leaf.der[..], &line.middle.der];
            let verdict = trust.verify_chain(&soft::suite(), &engine, purpose, &chain, Time::trusted(now));
            let response = failure.map(|failure| clinical::response(purpose.path(), failure));
            match response {
                None => assert_eq!(verdict.unwrap().degraded(), None),
                Some(Response::Flag) => {
                    assert_eq!(verdict.unwrap().degraded(), Some(reason), "{purpose:?} {failure:?}")
                }
                Some(_) => assert_eq!(verdict, Err(reason), "{purpose:?} {failure:?}"),
            }
        }
    }
}
