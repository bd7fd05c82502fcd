//! Generated chains, good and spoilt, judged by both profiles, by raw webpki and by OpenSSL. A difference is a finding, or it
//! stands in [`DIFFERENCES`] with its reason.
//!
//! The cases follow from their numbers. A run takes a sample; `ASEPTIC_CHAINS` sets how many, and `cargo xtask interop` takes
//! many.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;

use aseptic_certs::{Certificate, PathValidator};
use aseptic_core::crypto::{Message, Parts, SigAlg, Verifier, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose, Validity};
use common::{Issued, START, YEAR, ca_params, issue_with, key, root_with, server_params, valid};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What may be wrong with a chain, or only odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Oddity {
    Expired,
    NotYet,
    PathLengthZero,
    NotAnAuthority,
    NoCertSign,
    NoUsageInAuthority,
    NoUsageInLeaf,
    ClientUsage,
    AnyUsage,
    ClientAuthority,
    AnyAuthority,
    NamesPermitted,
    NamesElsewhere,
    NamesExcluded,
    OtherSigner,
    UnknownCritical,
    UnknownOptional,
    ExtensionTwice,
    SerialZero,
    SerialLong,
    SelfIssued,
    AuthorityAsLeaf,
    NoIntermediate,
    Shuffled,
    OtherHost,
    WildcardHost,
    NoAuthorityKey,
    FlippedBit,
    Truncated,
}

use Oddity::*;

const ODDITIES: [Oddity; 29] = [
    Expired,
    NotYet,
    PathLengthZero,
    NotAnAuthority,
    NoCertSign,
    NoUsageInAuthority,
    NoUsageInLeaf,
    ClientUsage,
    AnyUsage,
    ClientAuthority,
    AnyAuthority,
    NamesPermitted,
    NamesElsewhere,
    NamesExcluded,
    OtherSigner,
    UnknownCritical,
    UnknownOptional,
    ExtensionTwice,
    SerialZero,
    SerialLong,
    SelfIssued,
    AuthorityAsLeaf,
    NoIntermediate,
    Shuffled,
    OtherHost,
    WildcardHost,
    NoAuthorityKey,
    FlippedBit,
    Truncated,
];

/// Which two disagree, and the first of them accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    CompatNotOpenssl,
    OpensslNotCompat,
    WebpkiNotCompat,
    CompatNotWebpki,
}

use Pair::*;

/// Disagreements that are known, each with the oddity that it comes from and its reason.
const DIFFERENCES: &[(Pair, Oddity, &str)] = &[
    (OpensslNotCompat, SelfIssued, "webpki gives self-issued certificates no exemption (RFC 5280 section 6.1)"),
    (OpensslNotCompat, AuthorityAsLeaf, "a CA certificate is never a peer"),
    (CompatNotOpenssl, AnyAuthority, "OpenSSL does not take anyExtendedKeyUsage of an authority for serverAuth"),
    (
        CompatNotOpenssl,
        AnyUsage,
        "OpenSSL does not take anyExtendedKeyUsage for serverAuth (RFC 5280 section 4.2.1.12 leaves it open)",
    ),
    (
        CompatNotOpenssl,
        SelfIssued,
        "without authorityKeyIdentifier OpenSSL takes a self-issued authority for its own issuer",
    ),
    (CompatNotWebpki, AnyUsage, "webpki does not know anyExtendedKeyUsage"),
    (CompatNotWebpki, AnyAuthority, "webpki does not know anyExtendedKeyUsage"),
    (
        OpensslNotCompat,
        ExtensionTwice,
        "OpenSSL takes an extension twice unless it needs it; RFC 5280 section 4.2 forbids it",
    ),
    (
        WebpkiNotCompat,
        ExtensionTwice,
        "webpki takes an extension twice that it does not know; RFC 5280 section 4.2 forbids it",
    ),
    (WebpkiNotCompat, NoCertSign, "webpki does not look at keyUsage of authorities; RFC 5280 section 6.1.4 (n) does"),
];

const HOST: &str = "relay.hospital.example";
const NOW: u64 = START + YEAR;

/// A chain (leaf first), the root, and what is odd about it.
struct Case {
    chain: Vec<Vec<u8>>,
    root: Vec<u8>,
    oddities: Vec<Oddity>,
}

/// Keys for all cases, as new ones would take the most time.
struct Keys([KeyPair; 5]);

/// SplitMix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

impl Case {
    /// The case of a number: up to two intermediates, up to two oddities, each at a certificate that the number chooses.
    fn new(number: u64, keys: &Keys) -> Self {
        let mut numbers = Numbers(number);
        let depth = numbers.below(3);
        let mut oddities: Vec<_> = (0..numbers.below(3)).map(|_| ODDITIES[numbers.below(ODDITIES.len())]).collect();
        oddities.dedup();
        let mut params: Vec<CertificateParams> = vec![ca_params("Hospital root")];
        params.extend((0..depth).map(|level| ca_params(&format!("Authority {level}"))));
        params.push(server_params(HOST));
        let mut signers: Vec<usize> = (0..params.len()).map(|level| level.saturating_sub(1)).collect();
        for oddity in &oddities {
            // The anchor is the matter of other tests: verifiers differ about all of it by design.
            let at = 1 + numbers.below(depth + 1);
            spoil(*oddity, &mut params, at, &mut signers);
        }
        let mut issued: Vec<Issued> = Vec::new();
        for (level, params) in params.into_iter().enumerate() {
            let key = KeyPair::try_from(keys.0[level].serialize_der()).unwrap();
            let made = match level {
                0 => root_with(params, key),
                _ if signers[level] == usize::MAX => {
                    let impostor = Issued {
                        params: issued[level - 1].params.clone(),
                        key: KeyPair::try_from(keys.0[4].serialize_der()).unwrap(),
                        der: vec![],
                    };
                    issue_with(params, &impostor, key)
                }
                _ => issue_with(params, &issued[level - 1], key),
            };
            issued.push(made);
        }
        let root = issued.remove(0).der;
        let mut chain: Vec<Vec<u8>> = issued.into_iter().rev().map(|made| made.der).collect();
        for oddity in &oddities {
            let at = numbers.below(chain.len());
            match oddity {
                NoIntermediate => chain.truncate(1),
                Shuffled => chain[1..].reverse(),
                FlippedBit => {
                    let bit = numbers.below(chain[at].len() * 8);
                    chain[at][bit / 8] ^= 1 << (bit % 8);
                }
                Truncated => {
                    let end = numbers.below(chain[at].len());
                    chain[at].truncate(end);
                }
                _ => {}
            }
        }
        Self { chain, root, oddities }
    }

    fn links(&self) -> Vec<&[u8]> {
        self.chain.iter().map(Vec::as_slice).collect()
    }

    fn accepted(&self, validator: PathValidator<'_>) -> bool {
        let anchors = [Anchor::of(&self.root)];
        let grounds = Grounds::of(&anchors);
        let path = validator.validate(&soft::suite(), &self.links(), &grounds, Purpose::Network, Time::trusted(NOW));
        let named = Certificate::parse(&self.chain[0]).is_ok_and(|leaf| leaf.matches_dns(HOST));
        path.is_ok_and(|path| path.validity == Validity::InDate) && named
    }

    fn accepted_by_webpki(&self) -> bool {
        let (der, root) = (CertificateDer::from_slice(&self.chain[0]), CertificateDer::from_slice(&self.root));
        let others: Vec<_> = self.chain[1..].iter().map(|der| CertificateDer::from_slice(der)).collect();
        let anchor = [webpki::anchor_from_trusted_cert(&root).unwrap()];
        let Ok(leaf) = webpki::EndEntityCert::try_from(&der) else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
        let usage = webpki::KeyUsage::server_auth();
        leaf.verify_for_usage(&[&Es256], &anchor, &others, now, usage, None, None).is_ok()
            && leaf.verify_is_valid_for_subject_name(&ServerName::try_from(HOST).unwrap()).is_ok()
    }

    /// None where it is not installed.
    fn accepted_by_openssl(&self, folder: &Path) -> Option<bool> {
        let pem = |name: &str, ders: &[Vec<u8>]| {
            let text: String = ders.iter().map(|der| block(der)).collect();
            fs::write(folder.join(name), text).unwrap();
        };
        pem("root.pem", std::slice::from_ref(&self.root));
        pem("leaf.pem", &self.chain[..1]);
        pem("others.pem", &self.chain[1..]);
        let time = NOW.to_string();
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["verify", "-attime", &time, "-purpose", "sslserver", "-CAfile", "root.pem"]);
        command.args(["-no-CApath", "-no-CAstore", "-verify_hostname", HOST]);
        if self.chain.len() > 1 {
            command.args(["-untrusted", "others.pem"]);
        }
        command.arg("leaf.pem").output().ok().map(|output| output.status.success())
    }
}

/// Makes the certificate at `at` odd; some oddities are those of the leaf, or of authorities alone.
fn spoil(oddity: Oddity, params: &mut [CertificateParams], at: usize, signers: &mut [usize]) {
    let last = params.len() - 1;
    // An authority between root and leaf, if there is one.
    let authority = if last > 1 { Some(at.min(last - 1)) } else { None };
    let names = |permitted: &[&str], excluded: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).into())).collect();
        Some(NameConstraints { permitted_subtrees: list(permitted), excluded_subtrees: list(excluded) })
    };
    match (oddity, authority) {
        (Expired, _) => valid(&mut params[at], START, NOW - 1),
        (NotYet, _) => valid(&mut params[at], NOW + 1, NOW + YEAR),
        (PathLengthZero, Some(at)) => params[at].is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
        (NotAnAuthority, Some(at)) => params[at].is_ca = IsCa::ExplicitNoCa,
        (NoCertSign, Some(at)) => params[at].key_usages = vec![KeyUsagePurpose::DigitalSignature],
        (NoUsageInAuthority, Some(at)) => params[at].key_usages = vec![],
        (NoUsageInLeaf, _) => params[last].extended_key_usages = vec![],
        (ClientUsage, _) => params[last].extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        (AnyUsage, _) => params[last].extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
        (ClientAuthority, Some(at)) => params[at].extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        (AnyAuthority, Some(at)) => params[at].extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
        (NamesPermitted, Some(at)) => params[at].name_constraints = names(&["hospital.example"], &[]),
        (NamesElsewhere, Some(at)) => params[at].name_constraints = names(&["elsewhere.example"], &[]),
        (NamesExcluded, Some(at)) => params[at].name_constraints = names(&[], &["hospital.example"]),
        (OtherSigner, _) => signers[at] = usize::MAX,
        (UnknownCritical, _) => params[at].custom_extensions.push(unknown(true)),
        (UnknownOptional, _) => params[at].custom_extensions.push(unknown(false)),
        (ExtensionTwice, _) => params[at].custom_extensions.extend([unknown(false), unknown(false)]),
        (SerialZero, _) => params[at].serial_number = Some(SerialNumber::from_slice(&[0])),
        (SerialLong, _) => params[at].serial_number = Some(SerialNumber::from_slice(&[0x11; 24])),
        (SelfIssued, Some(at)) => params[at].distinguished_name = params[at - 1].distinguished_name.clone(),
        (AuthorityAsLeaf, _) => params[last].is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        (OtherHost, _) => params[last].subject_alt_names = vec![SanType::DnsName("x.example".try_into().unwrap())],
        (WildcardHost, _) => {
            params[last].subject_alt_names = vec![SanType::DnsName("*.hospital.example".try_into().unwrap())];
        }
        (NoAuthorityKey, _) => params[at].use_authority_key_identifier_extension = false,
        _ => {}
    }
}

/// 1.3.6.1.4.1.32473.99, of the arc for examples (RFC 5612).
fn unknown(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 99], vec![5, 0]);
    extension.set_criticality(critical);
    extension
}

#[test]
fn no_difference_without_a_reason() {
    let count = std::env::var("ASEPTIC_CHAINS").ok().and_then(|count| count.parse().ok()).unwrap_or(150);
    let folder = std::env::temp_dir().join(format!("aseptic-differential-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let keys = Keys(std::array::from_fn(|_| key()));
    let (mut findings, mut known, mut accepted) = (Vec::new(), BTreeMap::new(), [0; 4]);
    for number in 0..count {
        let case = Case::new(number, &keys);
        let device = case.accepted(PathValidator::DEVICE);
        let compat = case.accepted(PathValidator::COMPAT);
        let webpki = case.accepted_by_webpki();
        let openssl = case.accepted_by_openssl(&folder);
        for (place, verdict) in accepted.iter_mut().zip([device, compat, webpki, openssl == Some(true)]) {
            *place += u32::from(verdict);
        }
        if device && !compat {
            findings.push(format!("{number}: Device accepts what Compat refuses: {:?}", case.oddities));
        }
        let mut pairs = match (compat, webpki) {
            (true, false) => vec![CompatNotWebpki],
            (false, true) => vec![WebpkiNotCompat],
            _ => vec![],
        };
        match (compat, openssl) {
            (true, Some(false)) => pairs.push(CompatNotOpenssl),
            (false, Some(true)) => pairs.push(OpensslNotCompat),
            _ => {}
        }
        for pair in pairs {
            let listed =
                |(of, oddity, _): &&(Pair, Oddity, &'static str)| *of == pair && case.oddities.contains(oddity);
            match DIFFERENCES.iter().find(listed) {
                Some((_, oddity, reason)) => *known.entry((format!("{pair:?}"), *oddity, *reason)).or_insert(0) += 1,
                None => findings.push(format!("{number}: {pair:?} {:?}", case.oddities)),
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    let [device, compat, webpki, openssl] = accepted;
    println!("{count} chains; accepted by Device {device}, Compat {compat}, webpki {webpki}, OpenSSL {openssl}");
    for ((pair, oddity, reason), times) in known {
        println!("{times} times {pair}, {oddity:?}: {reason}");
    }
    assert!(findings.is_empty(), "{} differences:\n{}", findings.len(), findings.join("\n"));
    // Neither all nor nothing: the generator makes both kinds.
    assert!(device > count as u32 / 10 && device < count as u32 * 9 / 10);
}

fn block(der: &[u8]) -> String {
    let mut text = vec![0; aseptic_certs::base64::encoded_len(der.len())];
    let length = aseptic_certs::base64::encode(der, &mut text).unwrap();
    let text = String::from_utf8(text[..length].to_vec()).unwrap().replace(['\r', '\n'], "");
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The verifier of the soft suite, as raw webpki takes it.
#[derive(Debug)]
struct Es256;

impl SignatureVerificationAlgorithm for Es256 {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let signature = fixed(signature).ok_or(InvalidSignature)?;
        let (verifier, mut parts): (&dyn Verifier, _) = (&soft::Es256, Parts(&[message]));
        assert_eq!(verifier.alg(), SigAlg::Es256);
        let message: &mut dyn Message = &mut parts;
        verifier.verify(key, message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// r || s of an ECDSA-Sig-Value, by the library's reader of DER.
fn fixed(der: &[u8]) -> Option<[u8; 64]> {
    let mut outer = aseptic_certs::der::Reader::new(der);
    let mut pair = outer.nested(aseptic_certs::der::SEQUENCE).ok()?;
    outer.end().ok()?;
    let mut fixed = [0; 64];
    for half in fixed.chunks_mut(32) {
        let value = pair.magnitude().ok()?;
        half.get_mut(32_usize.checked_sub(value.len())?..)?.copy_from_slice(value);
    }
    pair.end().ok()?;
    Some(fixed)
}
