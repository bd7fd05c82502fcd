//! Chains of every algorithm that the hosted suite has and devices do not, alone and mixed.

use aseptic_certs::profile::{COMPAT, DEVICE};
use aseptic_certs::{Certificate, PathValidator, Place};
use aseptic_core::crypto::{KeyAlg, Parts, Suite, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{
    Anchor, Authority, Entry, Grounds, Material, PathEngine, Purpose, Purposes, Validity, danger,
};
use aseptic_core::{Reason, Result};
use aseptic_hosted::crypto::suite;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber, SignatureAlgorithm,
};
use time::OffsetDateTime;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
const NOW: Time = Time::trusted(1_800_000_000);

struct Issued {
    params: CertificateParams,
    key: KeyPair,
    der: Vec<u8>,
}

fn params(name: &str, usages: Vec<KeyUsagePurpose>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(vec![1, 2, 3]));
    params.use_authority_key_identifier_extension = true;
    params.not_before = OffsetDateTime::from_unix_timestamp(START).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(START + 10 * 365 * 86_400).unwrap();
    params.key_usages = usages;
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn root(alg: &'static SignatureAlgorithm) -> Issued {
    let (params, key) = (authority("Root"), KeyPair::generate_for(alg).unwrap());
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Issued { params, key, der }
}

fn issue(params: CertificateParams, issuer: &Issued, alg: &'static SignatureAlgorithm) -> Issued {
    let key = KeyPair::generate_for(alg).unwrap();
    let der = params.signed_by(&key, &Issuer::from_params(&issuer.params, &issuer.key)).unwrap().der().to_vec();
    Issued { params, key, der }
}

fn leaf() -> CertificateParams {
    let mut params = params("a pump", vec![KeyUsagePurpose::DigitalSignature]);
    params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 5]), "PUMP-0001");
    params
}

fn judge(suite: &Suite<'_>, chain: &[&[u8]], root: &[u8]) -> Result<Validity> {
    PathValidator::DEVICE
        .validate(suite, chain, &Grounds::of(&[Anchor::of(root)]), Purpose::Telemetry, NOW)
        .map(|path| path.validity)
}

fn all() -> Vec<(&'static str, &'static SignatureAlgorithm)> {
    vec![
        ("P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("P-521", &rcgen::PKCS_ECDSA_P521_SHA512),
        ("Ed25519", &rcgen::PKCS_ED25519),
        ("RSA", &rcgen::PKCS_RSA_SHA256),
        ("ML-DSA-44", &rcgen::PKCS_ML_DSA_44),
        ("ML-DSA-65", &rcgen::PKCS_ML_DSA_65),
        ("ML-DSA-87", &rcgen::PKCS_ML_DSA_87),
    ]
}

#[test]
fn every_algorithm_leads_to_every_other() {
    let algorithms = all();
    let mut chains = 0;
    for (top, root_alg) in &algorithms {
        let root = root(root_alg);
        for (middle, middle_alg) in &algorithms {
            let middle_ca = issue(authority("Issuing CA"), &root, middle_alg);
            // A P-256 leaf as devices have it, and one of the kind of the root.
            for (end, leaf_alg) in [algorithms[0], (*top, *root_alg)] {
                let leaf = issue(leaf(), &middle_ca, leaf_alg);
                let what = format!("{top} > {middle} > {end}");
                let chain = [&leaf.der[..], &middle_ca.der];
                assert_eq!(judge(&suite(), &chain, &root.der), Ok(Validity::InDate), "{what}");
                let known = [top, middle, &end].iter().all(|name| ["P-256", "Ed25519"].contains(name));
                let soft = if known { Ok(Validity::InDate) } else { Err(Reason::AlgorithmUnsupported) };
                assert_eq!(judge(&soft::suite(), &chain, &root.der), soft, "{what} with the soft suite");
                chains += 1;
            }
        }
    }
    println!("{chains} chains of {} algorithms", algorithms.len());
}

#[test]
fn no_changed_bit_of_a_signature_is_believed() {
    let mut flips = 0;
    for (name, alg) in all() {
        let root = root(alg);
        let leaf = issue(leaf(), &root, alg);
        let parsed = Certificate::parse(&leaf.der).unwrap();
        let start = leaf.der.len() - parsed.signature.len();
        // Every bit of a short signature, every byte of a long one.
        let step = if parsed.signature.len() > 200 { 8 } else { 1 };
        for bit in (0..parsed.signature.len() * 8).step_by(step) {
            let mut changed = leaf.der.clone();
            changed[start + bit / 8] ^= 1 << (bit % 8);
            let verdict = judge(&suite(), &[&changed], &root.der);
            assert!(verdict.is_err(), "{name}, bit {bit} of the signature");
            flips += 1;
        }
    }
    println!("{flips} changed signatures, none believed");
}

#[test]
fn a_peer_with_a_large_key_has_a_name_and_no_key_by_value() {
    for (name, alg) in all() {
        let root = root(alg);
        let leaf = issue(leaf(), &root, alg);
        let entries = [Entry {
            purposes: Purposes::of(&[Purpose::Telemetry]),
            name: b"hospital root",
            material: Material::certificate(&root.der),
        }];
        let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
        let peer = trust.verify_chain(&suite(), &PathValidator::DEVICE, Purpose::Telemetry, &[&leaf.der], NOW).unwrap();
        assert_eq!(peer.name(), b"PUMP-0001");
        match name {
            "P-256" => assert_eq!(peer.key().unwrap().alg(), KeyAlg::P256),
            "Ed25519" => assert_eq!(peer.key().unwrap().alg(), KeyAlg::Ed25519),
            _ => assert_eq!(peer.key(), Err(Reason::AlgorithmUnsupported), "{name}"),
        }
        let other = issue(self::leaf(), &root, alg);
        let other =
            trust.verify_chain(&suite(), &PathValidator::DEVICE, Purpose::Telemetry, &[&other.der], NOW).unwrap();
        assert_ne!(peer, other, "{name}: two keys, two peers");
    }
}

#[test]
fn keys_of_ml_dsa_only_sign() {
    for alg in [&rcgen::PKCS_ML_DSA_44, &rcgen::PKCS_ML_DSA_65, &rcgen::PKCS_ML_DSA_87] {
        let root = root(alg);
        let usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyAgreement];
        let both = issue(params("PUMP-0001", usages.clone()), &root, alg);
        for profile in [DEVICE, COMPAT] {
            let validator = PathValidator::new(&profile);
            let anchors = [Anchor::of(&root.der)];
            let judgement = validator.examine(&suite(), &[&both.der], &Grounds::of(&anchors), Purpose::Telemetry, NOW);
            assert_eq!(judgement.verdict.err(), Some(Reason::PathKeyUsage));
            let finding = judgement.findings.iter().next().unwrap();
            assert_eq!((finding.place, finding.rule), (Place::Chain(0), Some("ml-dsa-usage")));
        }
        // The same usages are no matter for another key.
        let mixed = issue(params("PUMP-0001", usages), &root, &rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(judge(&suite(), &[&mixed.der], &root.der), Ok(Validity::InDate));
    }
}

#[test]
fn keys_in_another_encoding_are_no_keys() {
    for verifier in suite().verifiers {
        for key in [&[][..], &[0; 32], &[2; 33], &[3; 49], &[4; 65], &[4; 97], &[4; 133], &[0x30, 0]] {
            if verifier.alg() == aseptic_core::crypto::SigAlg::Ed25519 {
                continue;
            }
            let answer = verifier.verify(key, &mut Parts(&[b"message"]), &[]);
            assert_eq!(answer, Err(Reason::KeyInvalid), "{:02X?}", verifier.identifiers());
        }
    }
}
