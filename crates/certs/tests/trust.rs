//! Anchors with constraints, minimum list numbers and announced successors: what they let through, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::panic)]

mod common;
#[path = "common/list.rs"]
mod lists;

use aseptic_certs::constraints::{Controls, Wanted};
use aseptic_certs::inventory::{Inventory, Kind, List, Thresholds};
use aseptic_certs::{Certificate, Engine, HeldLists, PathValidator, crl::Numbers};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{
    Anchor, Authority, Entry, Grounds, ListMinimum, Material, PathEngine, PhysicalPresence, Purpose, Purposes,
    Revocation, StoreContent, Trust, TrustBuffers, install, update,
};
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::{KeyPair, signed};
use common::{Issued, START, YEAR, ca_params, device_params, issue, root, server_params};
use lists::list;
use rcgen::{CertificateParams, CustomExtension};

const NOW: Time = Time::trusted(START + YEAR + 86_400);
const RELAY: &str = "relay.hospital.example";

struct Line {
    root: Issued,
    middle: Issued,
    leaf: Issued,
}

impl Line {
    fn new(leaf: CertificateParams) -> Self {
        Self::with(ca_params("Root"), ca_params("Issuing CA"), leaf)
    }

    fn with(root_params: CertificateParams, middle: CertificateParams, leaf: CertificateParams) -> Self {
        let root = root(root_params);
        let middle = issue(middle, &root);
        let leaf = issue(leaf, &middle);
        Self { root, middle, leaf }
    }

    fn chain(&self) -> [&[u8]; 2] {
        [&self.leaf.der, &self.middle.der]
    }

    /// The verdict of a device that believes the root within these constraints.
    fn within(&self, constraints: &[u8]) -> Result<()> {
        let anchors = [Anchor { constraints, ..Anchor::of(&self.root.der) }];
        Engine.check_anchor(&anchors[0])?;
        let purpose = if self.leaf.params.extended_key_usages.is_empty() { Purpose::Birth } else { Purpose::Network };
        Engine.validate(&soft::suite(), &self.chain(), &Grounds::of(&anchors), purpose, NOW).map(drop)
    }
}

fn written(wanted: &Wanted<'_>, anchor: &[u8]) -> Vec<u8> {
    let mut out = [0; 512];
    let length = wanted.write(&Certificate::parse(anchor).unwrap(), &mut out).unwrap();
    out[..length].to_vec()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
}

/// CertPathControls of these fields behind the name of the anchor.
fn controls(anchor: &[u8], fields: &[u8]) -> Vec<u8> {
    let name = element(0x30, Certificate::parse(anchor).unwrap().subject.der());
    element(0x30, &[&name[..], fields].concat())
}

#[test]
fn names_are_held_within_what_an_anchor_is_believed_for() {
    let relay = Line::new(server_params(RELAY));
    let lan: &[&[u8]] = &[&[10, 0, 0, 0, 255, 0, 0, 0]];
    for (wanted, holds) in [
        (Wanted { permitted_dns: &["hospital.example"], ..Wanted::default() }, true),
        (Wanted { permitted_dns: &["clinic.example", RELAY], ..Wanted::default() }, true),
        (Wanted { permitted_dns: &["clinic.example"], ..Wanted::default() }, false),
        (Wanted { permitted_dns: &["ospital.example"], ..Wanted::default() }, false),
        (Wanted { excluded_dns: &["relay.hospital.example"], ..Wanted::default() }, false),
        (Wanted { excluded_dns: &["clinic.example"], ..Wanted::default() }, true),
        (Wanted { permitted_ip: lan, ..Wanted::default() }, true),
        (Wanted { permitted_dns: &["hospital.example"], excluded_ip: lan, ..Wanted::default() }, true),
    ] {
        let verdict = relay.within(&written(&wanted, &relay.root.der));
        assert_eq!(verdict.err(), (!holds).then_some(Reason::PathConstraint), "{wanted:?}");
    }
    // The finding shows the constraints and names the anchor.
    let constraints = written(&Wanted { permitted_dns: &["clinic.example"], ..Wanted::default() }, &relay.root.der);
    let anchors = [Anchor { constraints: &constraints, ..Anchor::of(&relay.root.der) }];
    let chain = relay.chain();
    let found = PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Network, NOW);
    assert!(found.findings.iter().any(|finding| finding.field == "certPathControls"));
}

#[test]
fn a_path_is_no_longer_than_its_anchor_is_believed_for() {
    let line = Line::new(device_params("PUMP-0001"));
    for (most, holds) in [(0, false), (1, true), (127, true), (128, true), (70_000, true), (u32::MAX, true)] {
        let constraints = written(&Wanted { path_length: Some(most), ..Wanted::default() }, &line.root.der);
        assert_eq!(Controls::parse(&constraints).unwrap().path_length, Some(most));
        assert_eq!(line.within(&constraints).err(), (!holds).then_some(Reason::PathConstraint));
    }
}

#[test]
fn a_path_is_under_a_policy_that_its_anchor_is_believed_for() {
    let policies = |ids: &[u8]| {
        let entries: Vec<u8> = ids.iter().flat_map(|id| [0x30, 4, 6, 2, 0x2A, *id]).collect();
        vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], element(0x30, &entries))]
    };
    let any =
        || vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 29, 32, 0])];
    let set = [0xA1, 6, 0x30, 4, 6, 2, 0x2A, 1];
    let explicit = [0x82, 2, 6, 0x40];
    let no_any = [0x82, 2, 5, 0x60];
    let plain: Vec<u8> = set.to_vec();
    let (required, strict) = ([&set[..], &explicit].concat(), [&set[..], &no_any].concat());
    for (fields, middle, leaf, holds) in [
        (&plain, vec![], vec![], true),
        (&required, vec![], vec![], false),
        (&required, policies(&[1]), policies(&[1, 2]), true),
        (&required, policies(&[2]), policies(&[2]), false),
        (&required, any(), policies(&[1]), true),
        (&required, any(), any(), true),
        (&strict, any(), policies(&[1]), false),
        (&strict, any(), any(), false),
        (&strict, policies(&[2, 1]), policies(&[1]), true),
    ] {
        let (mut above, mut end) = (ca_params("Issuing CA"), device_params("PUMP-0001"));
        let what = format!("{fields:x?} {middle:?} {leaf:?}");
        (above.custom_extensions, end.custom_extensions) = (middle, leaf);
        let line = Line::with(ca_params("Root"), above, end);
        let verdict = line.within(&controls(&line.root.der, fields));
        assert_eq!(verdict.err(), (!holds).then_some(Reason::PathConstraint), "{what}");
    }
    // What the author tool writes is the same.
    let line = Line::new(device_params("PUMP-0001"));
    let tool = written(&Wanted { policies: &[&[0x2A, 1]], ..Wanted::default() }, &line.root.der);
    assert_eq!(tool, controls(&line.root.der, &required));
}

/// Each is refused when it would be installed, and, if it were there all the same, leads to nobody.
#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let line = Line::new(device_params("PUMP-0001"));
    let root = &line.root.der;
    let subtree = |base: &[u8]| element(0xA3, &element(0xA0, &element(0x30, base)));
    let other = common::root(ca_params("Other root"));
    let mut refused = vec![
        ("other name", controls(&other.der, &[])),
        ("certificate", controls(root, &[0xA0, 0])),
        ("qualifier", controls(root, &[0xA1, 8, 0x30, 6, 6, 2, 0x2A, 1, 0x30, 0])),
        ("empty policy set", controls(root, &[0xA1, 0])),
        ("unknown flag", controls(root, &[0x82, 2, 4, 0x10])),
        ("flags not minimal", controls(root, &[0x82, 2, 5, 0x40])),
        ("empty name constraints", controls(root, &[0xA3, 0])),
        ("directory name", controls(root, &subtree(&[0xA4, 2, 0x30, 0]))),
        ("mail", controls(root, &subtree(&element(0x81, b"hospital.example")))),
        ("URI", controls(root, &subtree(&element(0x86, b"hospital.example")))),
        ("leading period", controls(root, &subtree(&element(0x82, b".hospital.example")))),
        ("minimum", controls(root, &subtree(&[&element(0x82, b"hospital.example")[..], &[0x80, 1, 0]].concat()))),
        ("address without mask", controls(root, &subtree(&element(0x87, &[10, 0, 0, 1])))),
        ("negative length", controls(root, &[0x84, 1, 0x80])),
        ("padded length", controls(root, &[0x84, 2, 0, 1])),
        ("endless length", controls(root, &[0x84, 6, 1, 0, 0, 0, 0, 0])),
        ("wrong order", controls(root, &[0x84, 1, 1, 0x82, 2, 6, 0x40])),
        ("more", controls(root, &[0x85, 1, 1])),
        ("no sequence", vec![0x31, 0]),
        ("no name", vec![0x30, 0]),
    ];
    let whole = written(&Wanted { path_length: Some(1), ..Wanted::default() }, root);
    refused.extend((1..whole.len()).map(|end| ("truncated", whole[..end].to_vec())));
    refused.push(("trailing", [&whole[..], &[0]].concat()));
    for (what, constraints) in refused {
        let anchors = [Anchor { constraints: &constraints, ..Anchor::of(root) }];
        assert_eq!(Engine.check_anchor(&anchors[0]), Err(Reason::TrustConstraint), "{what}");
        if what != "other name" {
            let verdict = Engine.validate(&soft::suite(), &line.chain(), &Grounds::of(&anchors), Purpose::Birth, NOW);
            assert_eq!(verdict.err(), Some(Reason::PathUntrusted), "{what}");
        }
    }
    // The engine takes one list of name constraints.
    let mut own = ca_params("Root");
    own.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("hospital.example".into())],
        excluded_subtrees: vec![],
    });
    let line = Line::with(own, ca_params("Issuing CA"), server_params(RELAY));
    assert_eq!(line.within(&[]), Ok(()));
    let beside = Wanted { permitted_dns: &["example"], ..Wanted::default() };
    assert_eq!(line.within(&written(&beside, &line.root.der)), Err(Reason::TrustConstraint));
    let length = Wanted { path_length: Some(1), ..Wanted::default() };
    assert_eq!(line.within(&written(&length, &line.root.der)), Ok(()));
}

/// One root, believed for two things: no path mixes them.
#[test]
fn two_entries_of_one_root_do_not_add_up() {
    let relay = Line::new(server_params(RELAY));
    let short = Wanted { path_length: Some(0), ..Wanted::default() };
    let elsewhere = Wanted { permitted_dns: &["clinic.example"], ..Wanted::default() };
    let constraints = [written(&short, &relay.root.der), written(&elsewhere, &relay.root.der)];
    let both = constraints.each_ref().map(|der| Anchor { constraints: der, ..Anchor::of(&relay.root.der) });
    for anchors in [both, [both[1], both[0]]] {
        let verdict = Engine.validate(&soft::suite(), &relay.chain(), &Grounds::of(&anchors), Purpose::Network, NOW);
        assert_eq!(verdict.err(), Some(Reason::PathConstraint));
    }
}

#[test]
fn a_list_below_the_minimum_says_nothing() {
    let line = Line::new(device_params("PUMP-0001"));
    let suite = soft::suite();
    let issuer = |der: &[u8]| suite.sha256(&[Certificate::parse(der).unwrap().spki]).unwrap();
    let (top, middle) = (issuer(&line.root.der), issuer(&line.middle.der));
    let (upper, lower) = (list(100).sign(&line.root), list(100).sign(&line.middle));
    let held: [&[u8]; 2] = [&upper, &lower];
    let lists = HeldLists { lists: &held, numbers: &Numbers::NONE };
    let anchors = [Anchor::of(&line.root.der)];
    let ask = |minimums: &[ListMinimum<'_>]| {
        let grounds = Grounds { anchors: &anchors, minimums };
        let validator = PathValidator::DEVICE.with_lists(&lists);
        validator.validate(&suite, &line.chain(), &grounds, Purpose::Birth, NOW).unwrap().revocation
    };
    let at = |issuer, number: &'static [u8]| ListMinimum { issuer, number };
    assert_eq!(ask(&[]), Revocation::Good);
    assert_eq!(ask(&[at(&top, &[100]), at(&middle, &[100])]), Revocation::Good);
    assert_eq!(ask(&[at(&top, &[101])]), Revocation::Unknown);
    assert_eq!(ask(&[at(&middle, &[1, 0])]), Revocation::Unknown);
    assert_eq!(ask(&[at(&[7; 32], &[255; 20])]), Revocation::Good, "of another issuer");
    assert_eq!(ask(&[at(&middle, &[1]), at(&middle, &[101])]), Revocation::Unknown, "the highest holds");
}

/// The owner's store with one anchor, signed by one key.
fn store(key: &KeyPair, version: u64, epoch: u64, anchor: Anchor<'_>, minimums: &[ListMinimum<'_>]) -> Vec<u8> {
    denying(key, version, epoch, anchor, minimums, &[])
}

fn denying(
    key: &KeyPair,
    version: u64,
    epoch: u64,
    anchor: Anchor<'_>,
    minimums: &[ListMinimum<'_>],
    denied: &[[u8; 32]],
) -> Vec<u8> {
    let purposes = Purposes::of(&[Purpose::Telemetry, Purpose::Command]);
    let content = StoreContent {
        authority: Authority::Owner,
        version,
        issued: START,
        threshold: 1,
        signers: &[key.public()],
        entries: &[Entry { purposes, name: b"hospital", material: Material::Certificate(anchor) }],
        denied,
        overrides: &[],
        quorums: &[],
        retirements: &[],
        minimums,
        epoch,
    };
    signed(&content, &[key])
}

fn offer(bench: &Bench, object: &[u8]) -> Result<()> {
    let mut buffer = [0; limits::TRUST_STORE];
    let (platform, suite) = (bench.platform(), soft::suite());
    if bench.snapshot().slots.is_empty() {
        let present = PhysicalPresence::confirmed_at_the_device();
        return install(&platform, &suite, Some(&Engine), Authority::Owner, object, present, &mut buffer);
    }
    update(&platform, &suite, Some(&Engine), Authority::Owner, object, &mut buffer)
}

fn believes(bench: &Bench, purpose: Purpose, chain: &[&[u8]]) -> Result<()> {
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers)?;
    trust.verify_chain(&soft::suite(), &Engine, purpose, chain, NOW).map(drop)
}

/// What every refusal is for is among what is told about it, and a chain that is believed without a flag has nothing to tell.
#[test]
fn an_explanation_has_the_reason_of_the_verdict() {
    let suite = soft::suite();
    let key = KeyPair::new(KeyAlg::Ed25519, 1);
    let mut nameless = device_params("PUMP-0001");
    nameless.distinguished_name = rcgen::DistinguishedName::new();
    nameless.distinguished_name.push(rcgen::DnType::CommonName, "pump");
    let (pump, other) = (Line::new(device_params("PUMP-0001")), Line::new(device_params("PUMP-0001")));
    let (nameless, server) = (Line::new(nameless), Line::new(server_params(RELAY)));
    let spki = |der: &[u8]| suite.sha256(&[Certificate::parse(der).unwrap().spki]).unwrap();
    let late = Time::trusted(START + 30 * YEAR);
    let cases = [
        (&pump, &pump, None, &b"PUMP-0001"[..], Purpose::Telemetry, NOW, None),
        (&pump, &pump, None, b"", Purpose::Telemetry, NOW, None),
        (&pump, &pump, None, b"PUMP-0002", Purpose::Telemetry, NOW, Some(Reason::NameMismatch)),
        (&pump, &pump, Some(spki(&pump.leaf.der)), b"", Purpose::Telemetry, NOW, Some(Reason::Denied)),
        (&pump, &pump, Some(spki(&pump.middle.der)), b"", Purpose::Telemetry, NOW, Some(Reason::Denied)),
        (&pump, &other, None, b"", Purpose::Telemetry, NOW, Some(Reason::SignatureInvalid)),
        (&pump, &pump, None, b"", Purpose::Network, NOW, Some(Reason::PathUntrusted)),
        (&pump, &pump, None, b"", Purpose::Command, late, Some(Reason::CertificateExpired)),
        (&nameless, &nameless, None, b"", Purpose::Telemetry, NOW, Some(Reason::CertificateProfile)),
        (&server, &server, None, b"", Purpose::Telemetry, NOW, Some(Reason::PathKeyUsage)),
    ];
    for (number, (line, anchor, denied, name, purpose, now, expected)) in cases.into_iter().enumerate() {
        let bench = Bench::new(1);
        let denied: Vec<[u8; 32]> = denied.into_iter().collect();
        offer(&bench, &denying(&key, 1, 1, Anchor::of(&anchor.root.der), &[], &denied)).unwrap();
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
        let (chain, mut told) = (line.chain(), vec![]);
        let mut take = |finding: &aseptic_certs::Finding<'_>| told.push(finding.reason);
        PathValidator::DEVICE.explain(&suite, &trust, &chain, purpose, name, now, &mut take).unwrap();
        let verdict = trust.verify_chain(&suite, &Engine, purpose, &chain, now);
        match expected {
            Some(Reason::NameMismatch) => assert!(verdict.is_ok()),
            _ => assert_eq!(verdict.as_ref().err(), expected.as_ref(), "case {number}"),
        }
        assert_eq!(told.is_empty(), expected.is_none(), "case {number}: {told:?}");
        assert!(expected.is_none_or(|reason| told.contains(&reason)), "case {number}: {told:?}");
    }
}

#[test]
fn an_announced_successor_takes_over_while_the_old_root_goes_on() {
    let suite = soft::suite();
    let key = KeyPair::new(KeyAlg::Ed25519, 1);
    let old = Line::new(device_params("PUMP-0001"));
    let new = Line::with(ca_params("Root 2"), ca_params("Issuing CA 2"), device_params("PUMP-0002"));
    let next = suite.sha256(&[Certificate::parse(&new.root.der).unwrap().spki]).unwrap();
    let with_root: [&[u8]; 3] = [&new.leaf.der, &new.middle.der, &new.root.der];
    let bench = Bench::new(1);
    offer(&bench, &store(&key, 1, 1, Anchor::of(&old.root.der), &[])).unwrap();
    assert_eq!(believes(&bench, Purpose::Telemetry, &with_root), Err(Reason::PathUntrusted), "not announced");

    // To announce withdraws nothing, so the epoch stays.
    let announced = Anchor { successor: Some(&next), ..Anchor::of(&old.root.der) };
    offer(&bench, &store(&key, 2, 1, announced, &[])).unwrap();
    assert_eq!(believes(&bench, Purpose::Telemetry, &old.chain()), Ok(()));
    assert_eq!(believes(&bench, Purpose::Telemetry, &with_root), Ok(()));
    assert_eq!(believes(&bench, Purpose::Command, &with_root), Ok(()));
    assert_eq!(believes(&bench, Purpose::Alarm, &with_root), Err(Reason::PathUntrusted), "its own purposes alone");
    assert_eq!(believes(&bench, Purpose::Telemetry, &new.chain()), Err(Reason::PathUntrusted), "not shown");

    // The key alone makes no anchor: the certificate must be signed by it, and name itself.
    let mut forged = new.root.der.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let chain: [&[u8]; 3] = [&new.leaf.der, &new.middle.der, &forged];
    assert_eq!(believes(&bench, Purpose::Telemetry, &chain), Err(Reason::PathUntrusted));
    let issued = common::issue_with(
        ca_params("Root 2"),
        &old.middle,
        rcgen::KeyPair::from_pem(&new.root.key.serialize_pem()).unwrap(),
    );
    let stranger = Line::with(ca_params("Root 2"), ca_params("Issuing CA 2"), device_params("PUMP-0003"));
    let chain: [&[u8]; 3] = [&stranger.leaf.der, &stranger.middle.der, &stranger.root.der];
    assert_eq!(believes(&bench, Purpose::Telemetry, &chain), Err(Reason::PathUntrusted));
    assert!(!Engine.is_self_signed(&suite, &issued.der));

    // It is held to the constraints of the entry, and both go when the announcement goes.
    let short = written(&Wanted { path_length: Some(0), ..Wanted::default() }, &old.root.der);
    let tight = Anchor { constraints: &short, ..announced };
    assert_eq!(offer(&bench, &store(&key, 3, 1, tight, &[])), Err(Reason::TrustEpoch));
    offer(&bench, &store(&key, 3, 3, tight, &[])).unwrap();
    assert_eq!(believes(&bench, Purpose::Telemetry, &with_root), Err(Reason::PathConstraint));
    assert_eq!(offer(&bench, &store(&key, 4, 3, Anchor { successor: None, ..tight }, &[])), Err(Reason::TrustEpoch));
    offer(&bench, &store(&key, 4, 3, announced, &[])).unwrap();
    assert_eq!(believes(&bench, Purpose::Telemetry, &with_root), Ok(()), "constraints lifted");
}

/// Its private key is printed in draft-ietf-suit-manifest.
#[test]
fn a_published_key_is_refused_inside_a_certificate_too() {
    let line = Line::new(device_params("PUMP-0001"));
    let mut root = line.root.der.clone();
    let own = Certificate::parse(&line.root.der).unwrap().spki.to_vec();
    let published = "048496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad\
                     3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896";
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    let bytes: Vec<u8> = published.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let at = root.windows(own.len()).position(|window| window == own).unwrap() + own.len() - 65;
    root[at..at + 65].copy_from_slice(&bytes);
    let key = KeyPair::new(KeyAlg::Ed25519, 1);
    let bench = Bench::new(1);
    assert_eq!(offer(&bench, &store(&key, 1, 1, Anchor::of(&root), &[])), Err(Reason::PublishedTestKey));
    let thumbprint = soft::suite().sha256(&[&own[..own.len() - 65], &bytes]).unwrap();
    let announced = Anchor { successor: Some(&thumbprint), ..Anchor::of(&line.root.der) };
    assert_eq!(offer(&bench, &store(&key, 1, 1, announced, &[])), Err(Reason::PublishedTestKey));
    assert_eq!(offer(&bench, &store(&key, 1, 1, Anchor::of(b"\x30\x00"), &[])), Err(Reason::CertificateMalformed));
    let odd = Anchor { constraints: b"\x30\x00", ..Anchor::of(&line.root.der) };
    assert_eq!(offer(&bench, &store(&key, 1, 1, odd, &[])), Err(Reason::TrustConstraint));
    assert!(bench.snapshot().slots.is_empty());
    assert_eq!(offer(&bench, &store(&key, 1, 1, Anchor::of(&line.root.der), &[])), Ok(()));
}

#[test]
fn the_inventory_shows_all_that_runs_out_and_warns_once_for_each_threshold() {
    const DAY: u64 = 86_400;
    let mut short = device_params("PUMP-0001");
    common::valid(&mut short, START, START + 80 * DAY);
    let line = Line::new(short);
    let (suite, bench, key) = (soft::suite(), Bench::new(1), KeyPair::new(KeyAlg::Ed25519, 1));
    offer(&bench, &store(&key, 1, 1, Anchor::of(&line.root.der), &[])).unwrap();
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
    let signed = list(9).sign(&line.root);
    let mut scanner = aseptic_certs::crl::Scanner::<1024>::new(&[]).unwrap();
    scanner.feed(&suite, &signed).unwrap();
    let root = Certificate::parse(&line.root.der).unwrap();
    let lists = [List::from(&scanner.scanned().unwrap().verify(&suite, &root, None).unwrap())];
    let (chain, broken): ([&[u8]; 2], [&[u8]; 1]) = (line.chain(), [b"\x30\x00"]);
    let own: [&[&[u8]]; 2] = [&broken, &chain];
    let inventory = Inventory { trust: &trust, suite: &suite, own: &own, lists: &lists };
    let items: Vec<_> = inventory.items().collect();
    assert_eq!(items[1], Err(Reason::CertificateMalformed));
    let of = |place: usize| items[place].unwrap();
    assert_eq!([0, 2, 3, 4].map(|at| of(at).kind), [Kind::Anchor, Kind::Own, Kind::Intermediate, Kind::List]);
    assert_eq!((of(0).name, of(2).name, of(3).name), (&b"hospital"[..], &b"PUMP-0001"[..], &b"Issuing CA"[..]));
    assert_eq!(of(0).purposes, Purposes::of(&[Purpose::Telemetry, Purpose::Command]));
    assert_eq!((of(0).key, of(4).key, of(4).serial.last()), (suite.sha256(&[root.spki]).unwrap(), of(0).key, Some(&9)));
    let (subject, serial) = (Certificate::parse(&line.leaf.der).unwrap().subject, &items[2].unwrap().serial);
    assert_eq!((of(2).subject, of(2).not_after), (subject.der(), START + 80 * DAY));
    assert_eq!(*serial, Certificate::parse(&line.leaf.der).unwrap().serial);

    // Days left, by a clock and by a floor, and after the end.
    let own = of(2);
    for (seconds, days) in [(0, 80), (1, 79), (DAY, 79), (80 * DAY, 0), (80 * DAY + 1, -1), (90 * DAY, -10)] {
        assert_eq!(own.days_left(Time::trusted(START + seconds)), Some(days));
        assert_eq!(own.days_left(Time::at_least(START + seconds)), Some(days));
    }
    assert_eq!(own.days_left(Time::UNKNOWN), None);

    // Hour by hour: 80 days warn at 40, 20 and 10 days before the end; the next ones are of the CA, years later.
    let own_chain: [&[&[u8]]; 1] = [&chain];
    let inventory = Inventory { own: &own_chain, lists: &[], ..inventory };
    let mut since = START;
    for hour in 0..100 * 24 {
        since = Thresholds::STANDARD.report(&bench.platform(), &inventory, since, Time::trusted(START + hour * 3600));
        assert_eq!(Thresholds::STANDARD.report(&bench.platform(), &inventory, since, Time::UNKNOWN), since);
    }
    let told = |bench: &Bench| -> Vec<_> { bench.events().iter().map(|event| (event.reason, event.detail)).collect() };
    assert_eq!(told(&bench), [40, 20, 10].map(|days| (Reason::ExpiryAhead, days)));
    // A restart long after all of them tells it once, with no days left.
    let late = Bench::new(1);
    let now = Time::at_least(START + 200 * DAY);
    let since = Thresholds::STANDARD.report(&late.platform(), &inventory, 0, now);
    assert_eq!((since, told(&late)), (now.seconds, vec![(Reason::ExpiryAhead, 0)]));
    let ca = of(3);
    let crossings = |day| Thresholds::STANDARD.crossed(&ca, START + day * DAY, Time::trusted(START + (day + 1) * DAY));
    let days: Vec<_> = (0..3650).filter(|day| crossings(*day)).collect();
    assert_eq!(days, [3650 - 180 - 1, 3650 - 60 - 1, 3650 - 14 - 1]);
}
