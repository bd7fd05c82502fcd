//! Path validation on chains that rcgen issues: what is accepted, and each refusal with its reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::{Engine, PathValidator};
use aseptic_core::crypto::{Suite, Verifier, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{
    Anchor, Authority, Entry, Grounds, Material, PathEngine, Purpose, Purposes, Validity, danger,
};
use aseptic_core::{Reason, Result, limits};
use common::{Issued, START, YEAR, ca_params, device_params, issue, params, root, server_params, valid};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};

struct Line {
    root: Issued,
    middle: Issued,
    leaf: Issued,
}

impl Line {
    fn new(leaf: CertificateParams) -> Self {
        Self::with(ca_params("Root"), ca_params("Issuing CA"), leaf)
    }

    fn with(top: CertificateParams, middle: CertificateParams, leaf: CertificateParams) -> Self {
        let root = root(top);
        let middle = issue(middle, &root);
        let leaf = issue(leaf, &middle);
        Self { root, middle, leaf }
    }

    fn judge(&self, purpose: Purpose, now: Time) -> Result<Validity> {
        judge(&[&self.leaf.der, &self.middle.der], &[&self.root.der], purpose, now)
    }
}

fn judge(chain: &[&[u8]], anchors: &[&[u8]], purpose: Purpose, now: Time) -> Result<Validity> {
    let anchors: Vec<_> = anchors.iter().map(|der| Anchor::of(der)).collect();
    Engine.validate(&soft::suite(), chain, &Grounds::of(&anchors), purpose, now).map(|path| path.validity)
}

const NOW: Time = Time::trusted(START + YEAR);

#[test]
fn a_good_chain_gives_key_and_name() {
    let line = Line::new(device_params("PUMP-0001"));
    let path = Engine
        .validate(
            &soft::suite(),
            &[&line.leaf.der, &line.middle.der],
            &Grounds::of(&[Anchor::of(&line.root.der)]),
            Purpose::Telemetry,
            NOW,
        )
        .unwrap();
    assert_eq!(path.name, b"PUMP-0001");
    assert_eq!(path.validity, Validity::InDate);
    assert_eq!(path.key.unwrap().spki().concat(), rcgen::PublicKeyData::subject_public_key_info(&line.leaf.key));
    let server = Line::new(server_params("relay.hospital.example"));
    let path = Engine
        .validate(
            &soft::suite(),
            &[&server.leaf.der, &server.middle.der],
            &Grounds::of(&[Anchor::of(&server.root.der)]),
            Purpose::Network,
            NOW,
        )
        .unwrap();
    assert_eq!(path.name, b"relay.hospital.example");
}

#[test]
fn usages_are_for_their_purpose() {
    let server = Line::new(server_params("relay.hospital.example"));
    assert_eq!(server.judge(Purpose::Enrolment, NOW), Ok(Validity::InDate));
    assert_eq!(server.judge(Purpose::Telemetry, NOW), Err(Reason::PathKeyUsage));
    assert_eq!(server.judge(Purpose::UpdateInstall, NOW), Err(Reason::PathKeyUsage));
    let device = Line::new(device_params("PUMP-0001"));
    assert_eq!(device.judge(Purpose::Birth, NOW), Ok(Validity::InDate));
    assert_eq!(device.judge(Purpose::Network, NOW), Err(Reason::PathKeyUsage));
    // A certificate that may only sign does not receive.
    assert_eq!(device.judge(Purpose::Receive, NOW), Err(Reason::PathKeyUsage));
    // A CA restricted to clients cannot make a server.
    let mut clients = ca_params("Issuing CA");
    clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let nested = Line::with(ca_params("Root"), clients, server_params("relay.hospital.example"));
    assert_eq!(nested.judge(Purpose::Network, NOW), Err(Reason::PathKeyUsage));
}

#[test]
fn only_the_anchors_count() {
    let line = Line::new(device_params("PUMP-0001"));
    let other = root(ca_params("Other root"));
    let namesake = root(ca_params("Root"));
    let chain = [&line.leaf.der[..], &line.middle.der];
    assert_eq!(judge(&chain, &[], Purpose::Birth, NOW), Err(Reason::PathUntrusted));
    assert_eq!(judge(&chain, &[&other.der], Purpose::Birth, NOW), Err(Reason::PathUntrusted));
    assert_eq!(judge(&chain, &[&namesake.der], Purpose::Birth, NOW), Err(Reason::SignatureInvalid));
    assert_eq!(judge(&chain, &[&namesake.der, &other.der, &line.root.der], Purpose::Birth, NOW), Ok(Validity::InDate));
    assert_eq!(judge(&chain[..1], &[&line.root.der], Purpose::Birth, NOW), Err(Reason::PathUntrusted));
    // The root that a peer sends along is no anchor.
    let sent = [&line.leaf.der[..], &line.middle.der, &line.root.der];
    assert_eq!(judge(&sent, &[&other.der], Purpose::Birth, NOW), Err(Reason::PathUntrusted));
    assert_eq!(judge(&[], &[&line.root.der], Purpose::Birth, NOW), Err(Reason::PathUntrusted));
    // An intermediate as anchor ends the path there.
    assert_eq!(judge(&chain[..1], &[&line.middle.der], Purpose::Birth, NOW), Ok(Validity::InDate));
}

#[test]
fn chains_are_bounded() {
    let top = root(ca_params("Root"));
    let mut cas: Vec<Issued> = vec![];
    for depth in 0..limits::CHAIN {
        let next = issue(ca_params(&format!("CA {depth}")), cas.last().unwrap_or(&top));
        cas.push(next);
    }
    let long = issue(device_params("PUMP-0001"), &cas[limits::CHAIN - 1]);
    let fits = issue(device_params("PUMP-0001"), &cas[limits::CHAIN - 2]);
    let chain = |leaf: &'static str, count: usize| -> Vec<&[u8]> {
        let leaf = if leaf == "long" { &long.der } else { &fits.der };
        std::iter::once(&leaf[..]).chain(cas[..count].iter().rev().map(|ca| &ca.der[..])).collect()
    };
    let anchors = [&top.der[..]];
    assert_eq!(judge(&chain("fits", limits::CHAIN - 1), &anchors, Purpose::Birth, NOW), Ok(Validity::InDate));
    assert_eq!(judge(&chain("long", limits::CHAIN), &anchors, Purpose::Birth, NOW), Err(Reason::PathTooLong));
    let many = vec![&top.der[..]; limits::TRUST_ENTRIES + 1];
    assert_eq!(judge(&chain("fits", limits::CHAIN - 1), &many, Purpose::Birth, NOW), Err(Reason::TooLarge));
}

#[test]
fn path_length_is_kept() {
    let mut none_below = ca_params("Issuing CA");
    none_below.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let line = Line::with(ca_params("Root"), none_below.clone(), device_params("PUMP-0001"));
    assert_eq!(line.judge(Purpose::Birth, NOW), Ok(Validity::InDate));
    let first = issue(none_below, &line.root);
    let second = issue(ca_params("Second CA"), &first);
    let leaf = issue(device_params("PUMP-0001"), &second);
    let chain = [&leaf.der[..], &second.der, &first.der];
    assert_eq!(judge(&chain, &[&line.root.der], Purpose::Birth, NOW), Err(Reason::PathConstraint));
}

#[test]
fn the_profile_closes_what_webpki_leaves_open() {
    let refuse = |what: &str, line: &Line, reason: Reason| {
        assert_eq!(line.judge(Purpose::Birth, NOW), Err(reason), "{what}");
    };
    let device = || device_params("PUMP-0001");
    for position in ["root", "middle"] {
        let with = |ca: CertificateParams| match position {
            "root" => Line::with(ca, ca_params("Issuing CA"), device()),
            _ => Line::with(ca_params("Root"), ca, device()),
        };
        let mut no_sign = ca_params("CA");
        no_sign.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        refuse("keyCertSign missing", &with(no_sign), Reason::PathKeyUsage);
        let mut no_usage = ca_params("CA");
        no_usage.key_usages = vec![];
        refuse("keyUsage missing", &with(no_usage), Reason::PathKeyUsage);
        let mut zero = ca_params("CA");
        zero.serial_number = Some(SerialNumber::from(vec![0]));
        refuse("serial zero", &with(zero), Reason::CertificateProfile);
    }
    let mut no_ca = params("CA");
    no_ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    refuse("root without basicConstraints", &Line::with(no_ca.clone(), ca_params("I"), device()), Reason::PathKeyUsage);
    refuse("CA without basicConstraints", &Line::with(ca_params("R"), no_ca, device()), Reason::PathKeyUsage);
    let mut long = device();
    long.serial_number = Some(SerialNumber::from(vec![1; 21]));
    refuse("serial of 21 octets", &Line::new(long), Reason::CertificateProfile);
    let mut no_authority = device();
    no_authority.use_authority_key_identifier_extension = false;
    refuse("authorityKeyIdentifier missing", &Line::new(no_authority), Reason::CertificateProfile);
    let mut signs = device();
    signs.key_usages.push(KeyUsagePurpose::KeyCertSign);
    refuse("leaf with keyCertSign", &Line::new(signs), Reason::PathKeyUsage);
    let mut underscore = server_params("a_b.example");
    underscore.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    refuse("underscore in a dNSName", &Line::new(underscore), Reason::CertificateProfile);
    let mut stranger = device();
    let mut unknown = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 9], vec![5, 0]);
    unknown.set_criticality(true);
    stranger.custom_extensions = vec![unknown];
    refuse("unknown critical extension", &Line::new(stranger), Reason::CertificateProfile);
    refuse("a CA as peer", &Line::new(ca_params("CA")), Reason::PathKeyUsage);
}

#[test]
fn validity_by_a_trusted_clock() {
    let day = 86_400;
    let mut short = device_params("PUMP-0001");
    valid(&mut short, START + day, START + YEAR);
    let line = Line::new(short);
    let at = |seconds| line.judge(Purpose::Telemetry, Time::trusted(seconds));
    assert_eq!(at(START + day - 1), Err(Reason::CertificateNotYetValid));
    assert_eq!(at(START - YEAR), Err(Reason::CertificateNotYetValid));
    assert_eq!(at(0), Err(Reason::CertificateNotYetValid));
    assert_eq!(at(START + day), Ok(Validity::InDate));
    assert_eq!(at(START + YEAR), Ok(Validity::InDate));
    assert_eq!(at(START + YEAR + 1), Ok(Validity::Expired));
    assert_eq!(at(START + YEAR + limits::GRACE), Ok(Validity::Expired));
    assert_eq!(at(START + YEAR + limits::GRACE + 1), Ok(Validity::LongExpired));
    // Also where CA and root have run out since: the path ended with its first certificate.
    assert_eq!(at(START + 100 * YEAR), Ok(Validity::LongExpired));
    assert_eq!(at(u64::MAX), Ok(Validity::LongExpired));
}

#[test]
fn an_expired_chain_must_still_be_authentic() {
    let mut short = device_params("PUMP-0001");
    valid(&mut short, START, START + YEAR);
    let line = Line::new(short);
    let late = Time::trusted(START + 2 * YEAR);
    let namesake = root(ca_params("Root"));
    let chain = [&line.leaf.der[..], &line.middle.der];
    assert_eq!(judge(&chain, &[&namesake.der], Purpose::Telemetry, late), Err(Reason::SignatureInvalid));
    assert_eq!(judge(&chain[..1], &[&line.root.der], Purpose::Telemetry, late), Err(Reason::PathUntrusted));
    assert_eq!(judge(&chain, &[&line.root.der], Purpose::Network, late), Err(Reason::PathKeyUsage));
    let early = Time::trusted(START - YEAR);
    assert_eq!(judge(&chain, &[&namesake.der], Purpose::Telemetry, early), Err(Reason::SignatureInvalid));
}

#[test]
fn the_end_of_any_certificate_ends_the_path() {
    for position in 0..2 {
        let (mut top, mut middle) = (ca_params("Root"), ca_params("Issuing CA"));
        let short = if position == 0 { &mut top } else { &mut middle };
        valid(short, START, START + YEAR);
        let line = Line::with(top, middle, device_params("PUMP-0001"));
        let at = |seconds| line.judge(Purpose::Birth, Time::trusted(seconds));
        assert_eq!(at(START + YEAR), Ok(Validity::InDate));
        assert_eq!(at(START + YEAR + 1), Ok(Validity::Expired), "{position}");
        assert_eq!(at(START + 3 * YEAR), Ok(Validity::LongExpired), "{position}");
    }
    // Never were all of them valid at once.
    let (mut middle, mut leaf) = (ca_params("Issuing CA"), device_params("PUMP-0001"));
    valid(&mut middle, START, START + YEAR);
    valid(&mut leaf, START + 2 * YEAR, START + 3 * YEAR);
    let line = Line::with(ca_params("Root"), middle, leaf);
    for seconds in [0, START, START + 2 * YEAR, START + 9 * YEAR] {
        for now in [Time::trusted(seconds), Time::at_least(seconds), Time::UNKNOWN] {
            assert_eq!(line.judge(Purpose::Birth, now), Err(Reason::CertificateExpired), "{now:?}");
        }
    }
}

#[test]
fn without_a_clock_a_path_is_in_date_unless_it_certainly_ran_out() {
    let (mut middle, mut leaf) = (ca_params("Issuing CA"), device_params("PUMP-0001"));
    valid(&mut middle, START + YEAR, START + 5 * YEAR);
    valid(&mut leaf, START, START + 3 * YEAR);
    let line = Line::with(ca_params("Root"), middle, leaf);
    assert_eq!(line.judge(Purpose::Birth, Time::UNKNOWN), Ok(Validity::InDate));
    for (floor, expected) in [
        (0, Validity::InDate),
        (START, Validity::InDate),
        (START + 2 * YEAR, Validity::InDate),
        (START + 3 * YEAR + 1, Validity::Expired),
        (START + 4 * YEAR, Validity::LongExpired),
    ] {
        assert_eq!(line.judge(Purpose::Birth, Time::at_least(floor)), Ok(expected), "{floor}");
    }
    // A number that means nothing is not used.
    let meaningless = Time { seconds: START + 50 * YEAR, trust: aseptic_core::time::Trust::Unknown };
    assert_eq!(line.judge(Purpose::Birth, meaningless), Ok(Validity::InDate));
}

#[test]
fn a_reissued_root_serves_beside_the_old_one() {
    let mut old = ca_params("Root");
    valid(&mut old, START - 5 * YEAR, START - 1);
    let (old, key) = (root(old), common::key());
    let mut new = ca_params("Root");
    valid(&mut new, START, START + 10 * YEAR);
    // The new certificate is for the old key, by way of its PKCS #8 form.
    let same = KeyPair::try_from(old.key.serialize_der()).unwrap();
    let new = common::root_with(new, same);
    let leaf = issue(device_params("PUMP-0001"), &new);
    let anchors = [&old.der[..], &new.der];
    let backwards = [&new.der[..], &old.der];
    for anchors in [anchors, backwards] {
        assert_eq!(judge(&[&leaf.der], &anchors, Purpose::Birth, NOW), Ok(Validity::InDate));
    }
    assert_eq!(judge(&[&leaf.der], &anchors[..1], Purpose::Birth, NOW), Err(Reason::CertificateExpired));
    // A new root of the same name with another key is no stand-in.
    let other = common::root_with(ca_params("Root"), key);
    assert_eq!(judge(&[&leaf.der], &[&other.der], Purpose::Birth, NOW), Err(Reason::SignatureInvalid));
}

#[test]
fn ed25519_and_mixed_chains_hold_where_the_suite_has_both() {
    let ed25519 = || KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let top = common::root_with(ca_params("Root"), ed25519());
    let middle = issue(ca_params("Issuing CA"), &top);
    let leaf = common::issue_with(device_params("PUMP-0001"), &middle, ed25519());
    let chain = [&leaf.der[..], &middle.der];
    assert_eq!(judge(&chain, &[&top.der], Purpose::Birth, NOW), Ok(Validity::InDate));
    for verifiers in [&[&soft::Es256 as &dyn Verifier][..], &[&soft::Ed25519], &[]] {
        let suite = Suite { verifiers, ..soft::suite() };
        let result = Engine
            .validate(&suite, &chain, &Grounds::of(&[Anchor::of(&top.der)]), Purpose::Birth, NOW)
            .map(|path| path.validity);
        assert_eq!(result, Err(Reason::AlgorithmUnsupported));
    }
    let p384 =
        common::issue_with(device_params("P"), &middle, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
    assert_eq!(judge(&[&p384.der, &middle.der], &[&top.der], Purpose::Birth, NOW), Err(Reason::AlgorithmUnsupported));
}

#[test]
fn name_constraints_hold_for_the_leaf() {
    let mut inside = ca_params("Issuing CA");
    inside.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("hospital.example".into())],
        excluded_subtrees: vec![],
    });
    let line = |host| Line::with(ca_params("Root"), inside.clone(), server_params(host));
    assert_eq!(line("relay.hospital.example").judge(Purpose::Network, NOW), Ok(Validity::InDate));
    assert_eq!(line("relay.elsewhere.example").judge(Purpose::Network, NOW), Err(Reason::PathConstraint));
}

#[test]
fn the_verdict_follows_the_response_matrix() {
    let mut short = device_params("PUMP-0001");
    valid(&mut short, START, START + YEAR);
    let line = Line::new(short);
    let entries = [Entry {
        purposes: Purposes::of(&[Purpose::Telemetry, Purpose::Command]),
        name: b"hospital root",
        material: Material::certificate(&line.root.der),
    }];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    let chain = [&line.leaf.der[..], &line.middle.der];
    let ask = |purpose, now| trust.verify_chain(&soft::suite(), &Engine, purpose, &chain, Time::trusted(now));
    let peer = ask(Purpose::Telemetry, START + YEAR).unwrap();
    assert_eq!((peer.name(), peer.degraded()), (&b"PUMP-0001"[..], None));
    let late = ask(Purpose::Telemetry, START + YEAR + 1).unwrap();
    assert_eq!(late.degraded(), Some(Reason::CertificateExpired));
    assert_eq!(ask(Purpose::Command, START + YEAR + 1), Err(Reason::CertificateExpired));
    // The anchor is not there for a purpose that its entry does not name.
    assert_eq!(ask(Purpose::Alarm, START), Err(Reason::PathUntrusted));
}

#[test]
fn no_flipped_bit_and_no_truncation_is_believed() {
    let line = Line::new(device_params("PUMP-0001"));
    let mut flips = 0;
    for which in 0..2 {
        let length = [&line.leaf.der, &line.middle.der][which].len();
        for bit in 0..length * 8 {
            let mut chain = [line.leaf.der.clone(), line.middle.der.clone()];
            chain[which][bit / 8] ^= 1 << (bit % 8);
            let result = judge(&[&chain[0], &chain[1]], &[&line.root.der], Purpose::Birth, NOW);
            assert!(result.is_err(), "certificate {which}, bit {bit}");
            flips += 1;
        }
        for end in 0..length {
            let mut chain = [line.leaf.der.clone(), line.middle.der.clone()];
            chain[which].truncate(end);
            assert!(judge(&[&chain[0], &chain[1]], &[&line.root.der], Purpose::Birth, NOW).is_err());
            flips += 1;
        }
    }
    println!("{flips} mutations of a chain, none believed");
}

#[test]
fn a_required_policy_stands_in_every_certificate() {
    let policies = |ids: &[u8]| {
        let list: Vec<u8> = ids.iter().flat_map(|id| [0x30, 4, 6, 2, 0x2A, *id]).collect();
        let list = [&[0x30, list.len() as u8][..], &list].concat();
        rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], list)
    };
    let any =
        || rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 29, 32, 0]);
    let constrained = || rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 36], vec![0x30, 3, 0x80, 1, 0]);
    let one: &[&[u8]] = &[&[0x2A, 1]];
    for (middle, leaf, initial, explicit, holds) in [
        (vec![policies(&[1])], vec![policies(&[1])], one, true, true),
        (vec![policies(&[1, 2])], vec![policies(&[2, 1])], one, true, true),
        (vec![any()], vec![policies(&[1])], one, true, true),
        (vec![any()], vec![any()], one, true, true),
        (vec![policies(&[2])], vec![policies(&[1])], one, true, false),
        (vec![policies(&[2])], vec![policies(&[2])], one, true, false),
        (vec![policies(&[2])], vec![policies(&[2])], &[], true, true),
        (vec![policies(&[1])], vec![], one, true, false),
        (vec![], vec![], one, false, true),
        (vec![constrained()], vec![], &[], false, false),
        (vec![constrained(), policies(&[1])], vec![policies(&[1])], &[], false, true),
        (vec![constrained(), policies(&[1])], vec![policies(&[2])], &[], false, false),
    ] {
        let (mut above, mut end) = (ca_params("Issuing CA"), device_params("PUMP-0001"));
        let what = format!("{middle:?} {leaf:?} {initial:?} {explicit}");
        (above.custom_extensions, end.custom_extensions) = (middle, leaf);
        let line = Line::with(ca_params("Root"), above, end);
        let chain = [&line.leaf.der[..], &line.middle.der];
        let validator = PathValidator::COMPAT.with_policies(initial, explicit);
        let verdict = validator.validate(
            &soft::suite(),
            &chain,
            &Grounds::of(&[Anchor::of(&line.root.der)]),
            Purpose::Birth,
            NOW,
        );
        assert_eq!(verdict.err(), (!holds).then_some(Reason::PathConstraint), "{what}");
    }
}
