//! Explanations: each refusal names the certificate, the field and the two values that differ.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::profile::{Difference, Value};
use aseptic_certs::{Finding, PathValidator, Place};
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, Purpose, Validity};
use common::{Issued, START, YEAR, ca_params, device_params, issue, root, server_params, valid};
use rcgen::{BasicConstraints, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, SerialNumber};

const NOW: Time = Time::trusted(START + YEAR);

struct Line {
    root: Issued,
    middle: Issued,
    leaf: Issued,
}

fn line(top: rcgen::CertificateParams, middle: rcgen::CertificateParams, leaf: rcgen::CertificateParams) -> Line {
    let root = root(top);
    let middle = issue(middle, &root);
    let leaf = issue(leaf, &middle);
    Line { root, middle, leaf }
}

/// The verdict and the first finding, without lifetimes.
fn first(line: &Line, purpose: Purpose, now: Time, check: impl FnOnce(Option<Reason>, &Finding<'_>)) {
    let chain = [&line.leaf.der[..], &line.middle.der];
    let anchors = [Anchor::of(&line.root.der)];
    let judgement = PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), purpose, now);
    check(judgement.verdict.err(), judgement.findings.iter().next().unwrap());
}

#[test]
fn a_good_chain_has_a_path_and_nothing_to_say() {
    let line = line(ca_params("Root"), ca_params("Issuing CA"), device_params("PUMP-0001"));
    let stranger = root(ca_params("Other root"));
    let chain = [&line.leaf.der[..], &stranger.der, &line.middle.der];
    let anchors = [Anchor::of(&stranger.der), Anchor::of(&line.root.der)];
    let judgement =
        PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Telemetry, NOW);
    assert_eq!(judgement.verdict.unwrap().validity, Validity::InDate);
    let path = judgement.path.unwrap();
    assert_eq!((path.chain().collect::<Vec<_>>(), path.anchor()), (vec![0, 2], 1));
    assert_eq!(judgement.findings.count(), 0);
}

#[test]
fn expired_but_authentic_is_told_from_untrusted() {
    let mut short = device_params("PUMP-0001");
    valid(&mut short, START, START + YEAR);
    let line = line(ca_params("Root"), ca_params("Issuing CA"), short);
    let late = Time::trusted(START + YEAR + 60);
    let expired = Finding {
        reason: Reason::CertificateExpired,
        place: Place::Chain(0),
        field: "notAfter",
        difference: Difference { wanted: Value::Time(START + YEAR + 60), found: Value::Time(START + YEAR) },
        rule: None,
    };
    first(&line, Purpose::Telemetry, late, |refused, finding| {
        assert_eq!((refused, *finding), (None, expired));
    });
    let other = root(ca_params("Other root"));
    let anchors = [Anchor::of(&other.der)];
    let chain = [&line.leaf.der[..], &line.middle.der];
    let judgement =
        PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Telemetry, late);
    assert_eq!(judgement.verdict.err(), Some(Reason::PathUntrusted));
    let found: Vec<_> = judgement.findings.iter().copied().collect();
    assert_eq!(found[0], expired);
    assert_eq!((found[1].reason, found[1].place, found[1].field), (Reason::PathUntrusted, Place::Chain(1), "issuer"));
}

#[test]
fn a_signature_is_told_with_both_key_identifiers() {
    let line = line(ca_params("Root"), ca_params("Issuing CA"), device_params("PUMP-0001"));
    let namesake = root(ca_params("Root"));
    let chain = [&line.leaf.der[..], &line.middle.der];
    let anchors = [Anchor::of(&namesake.der)];
    let judgement =
        PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Telemetry, NOW);
    let finding = judgement.findings.iter().next().unwrap();
    assert_eq!(
        (finding.reason, finding.place, finding.field),
        (Reason::SignatureInvalid, Place::Chain(1), "signature")
    );
    let parsed = |der| aseptic_certs::Certificate::parse(der).unwrap().extensions;
    let wanted = Value::Bytes(parsed(&namesake.der).subject_key_id.unwrap());
    let found = Value::Bytes(parsed(&line.middle.der).authority_key_id.unwrap().key_id.unwrap());
    assert_eq!(finding.difference, Difference { wanted, found });
    assert_ne!(wanted, found);
}

#[test]
fn rules_usages_and_constraints_are_told_where_they_are_broken() {
    let device = || device_params("PUMP-0001");
    let mut zero = ca_params("Issuing CA");
    zero.serial_number = Some(SerialNumber::from(vec![0]));
    first(&line(ca_params("Root"), zero, device()), Purpose::Birth, NOW, |refused, finding| {
        assert_eq!(refused, Some(Reason::CertificateProfile));
        assert_eq!((finding.rule, finding.place, finding.field), (Some("serial"), Place::Chain(1), "serialNumber"));
        assert_eq!(finding.difference.found, Value::Bytes(&[0]));
    });
    let mut no_sign = ca_params("Root");
    no_sign.key_usages = vec![KeyUsagePurpose::CrlSign];
    first(&line(no_sign, ca_params("Issuing CA"), device()), Purpose::Birth, NOW, |refused, finding| {
        assert_eq!(refused, Some(Reason::PathKeyUsage));
        assert_eq!((finding.rule, finding.place), (Some("ca-key-usage"), Place::Anchor(0)));
        assert_eq!(finding.difference, Difference { wanted: Value::Rule("keyCertSign"), found: Value::Number(1 << 6) });
    });
    first(&line(ca_params("Root"), ca_params("CA"), device()), Purpose::Network, NOW, |refused, finding| {
        assert_eq!(refused, Some(Reason::PathKeyUsage));
        assert_eq!((finding.place, finding.field), (Place::Chain(0), "extKeyUsage"));
        assert_eq!(finding.difference.found, Value::Absent);
    });
    let mut inside = ca_params("Issuing CA");
    inside.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("hospital.example".into())],
        excluded_subtrees: vec![],
    });
    let outside = line(ca_params("Root"), inside, server_params("relay.elsewhere.example"));
    first(&outside, Purpose::Network, NOW, |refused, finding| {
        assert_eq!(refused, Some(Reason::PathConstraint));
        assert_eq!((finding.place, finding.field), (Place::Chain(1), "nameConstraints"));
    });
    let mut none_below = ca_params("Root");
    none_below.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    // webpki leaves the anchor's own bound aside (RFC 5280 section 6.2).
    first(&line(none_below, ca_params("Issuing CA"), device()), Purpose::Birth, NOW, |refused, finding| {
        assert_eq!(refused, Some(Reason::PathConstraint));
        assert_eq!((finding.place, finding.field), (Place::Anchor(0), "basicConstraints"));
    });
    let mut middle = ca_params("First CA");
    middle.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let top = root(ca_params("Root"));
    let first_ca = issue(middle, &top);
    let second = issue(ca_params("Second CA"), &first_ca);
    let leaf = issue(device(), &second);
    let chain = [&leaf.der[..], &second.der, &first_ca.der];
    let anchors = [Anchor::of(&top.der)];
    let judgement = PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Birth, NOW);
    assert_eq!(judgement.verdict.err(), Some(Reason::PathConstraint));
    let finding = judgement.findings.iter().next().unwrap();
    assert_eq!((finding.place, finding.field), (Place::Chain(2), "basicConstraints"));
    assert_eq!(finding.difference, Difference { wanted: Value::Number(0), found: Value::Number(1) });
}

#[test]
fn every_flipped_byte_is_refused_with_a_finding() {
    let line = line(ca_params("Root"), ca_params("Issuing CA"), device_params("PUMP-0001"));
    let anchors = [Anchor::of(&line.root.der)];
    let mut told = 0;
    for which in 0..2 {
        for at in 0..[&line.leaf.der, &line.middle.der][which].len() {
            let mut chain = [line.leaf.der.clone(), line.middle.der.clone()];
            chain[which][at] ^= 0x55;
            let chain = [&chain[0][..], &chain[1]];
            let judgement =
                PathValidator::DEVICE.examine(&soft::suite(), &chain, &Grounds::of(&anchors), Purpose::Birth, NOW);
            assert!(judgement.verdict.is_err() && judgement.path.is_none());
            assert!(judgement.findings.count() > 0, "certificate {which}, byte {at}");
            told += 1;
        }
    }
    println!("{told} changed bytes, each refused with a finding");
}
