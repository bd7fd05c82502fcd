//! A chain of two signatures: raw webpki, the same judged by the profile of devices, and with the authority known. And one
//! revocation list of a hundred thousand entries.

use super::measure::{Way, measure};
use aseptic_certs::crl::Scanner;
use aseptic_certs::{Certificate, PathValidator, Verified, server};
use aseptic_core::crypto::{KeyAlg, Parts, SigAlg, Suite, Verifier, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose};
use aseptic_hosted::crypto;
use aseptic_infra::AuthorityKey;
use aseptic_infra::ca::{Ca, Server, Validity};
use aseptic_infra::revocation::{RevocationList, Revoked};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures and prints.
pub(super) fn run() -> Outcome<()> {
    let line = Line::new()?;
    chain("AWS-LC", &crypto::suite(), webpki::aws_lc_rs::ECDSA_P256_SHA256, &line);
    chain("RustCrypto", &soft::suite(), &Soft, &line);
    list()
}

/// A registrar's certificate, the authority that issued it, and the root above.
struct Line {
    chain: Vec<Vec<u8>>,
    root: Vec<u8>,
}

impl Line {
    fn new() -> Outcome<Self> {
        let root = Ca::new("Hospital root", Validity::years(NOW - 1000, 20)?)?;
        let issuing = root.intermediate("Hospital devices", Validity::years(NOW - 1000, 10)?)?;
        let key = AuthorityKey::generate(KeyAlg::P256)?;
        let validity = Validity::days(NOW - 1000, 90)?;
        let chain = issuing.issue_server(NAME, key.public()?, Server::Relay, validity)?;
        Ok(Self { chain, root: root.anchor().to_vec() })
    }
}

fn chain(engine: &str, suite: &Suite<'_>, algorithm: &'static dyn SignatureVerificationAlgorithm, line: &Line) {
    let links: Vec<&[u8]> = line.chain.iter().map(Vec::as_slice).collect();
    let anchors = [Anchor::of(&line.root)];
    let grounds = Grounds::of(&anchors);
    let judge = |validator: PathValidator<'_>| {
        let path = validator.validate(suite, &links, &grounds, Purpose::Network, Time::trusted(NOW));
        black_box(path.expect("a good chain"));
        server::check_name(links[0], Purpose::Network, NAME).expect("its name");
    };
    let root = CertificateDer::from_slice(&line.root);
    let anchor = [webpki::anchor_from_trusted_cert(&root).expect("a root")];
    let raw = || {
        let intermediates = [CertificateDer::from_slice(links[1])];
        let der = CertificateDer::from_slice(links[0]);
        let leaf = webpki::EndEntityCert::try_from(&der).expect("a certificate");
        let (usage, now) = (webpki::KeyUsage::server_auth(), UnixTime::since_unix_epoch(Duration::from_secs(NOW)));
        let path = leaf.verify_for_usage(&[algorithm], &anchor, &intermediates, now, usage, None, None);
        black_box(path.expect("a good chain"));
        leaf.verify_is_valid_for_subject_name(&ServerName::try_from(NAME).expect("a name")).expect("its name");
    };
    let cache = Verified::<8>::new();
    let mut ways = [
        Way::new("webpki", raw),
        Way::new("aseptic", || judge(PathValidator::DEVICE)),
        Way::new("aseptic, authority known", || judge(PathValidator::DEVICE.with_cache(&cache))),
    ];
    measure(&mut ways);
    for way in &ways {
        println!("certs: chain of two signatures, {engine}, {}: {:.1?}", way.name(), way.percentile(50));
    }
    let [webpki, whole, known] = &ways;
    for (way, aim) in [(whole, 1.15), (known, 0.6)] {
        println!("certs: {engine}: {} / webpki = {}", way.name(), way.ratio(webpki).against(aim));
    }
}

fn list() -> Outcome<()> {
    let ca = Ca::new("Hospital root", Validity::years(NOW - 1000, 20)?)?;
    let serials: Vec<[u8; 16]> = (0..100_000_u128).map(|number| ((0x40 << 120) | number).to_be_bytes()).collect();
    let revoked: Vec<_> = serials.iter().map(|serial| Revoked { serial, since: NOW }).collect();
    let list =
        ca.revocation_list(&RevocationList { number: 1, validity: Validity::days(NOW, 7)?, revoked: &revoked })?;
    let suite = crypto::suite();
    let issuer = Certificate::parse(ca.certificate()).map_err(|reason| reason.to_string())?;
    let mut ways = [Way::new("list", || {
        let mut scanner = Scanner::<1024>::new(&[&[0x41]]).expect("one serial number");
        list.chunks(512).try_for_each(|piece| scanner.feed(&suite, piece)).expect("a good list");
        let evidence = scanner.scanned().expect("all of it").verify(&suite, &issuer, None);
        black_box(evidence.expect("its issuer's signature"));
    })];
    measure(&mut ways);
    let state = size_of::<Scanner<1024>>();
    let time = ways[0].percentile(50);
    println!("certs: list of 100,000 entries, {} bytes, through {state} bytes of state: {time:.1?}", list.len());
    Ok(())
}

/// The verifier of the soft suite, as raw webpki takes it.
#[derive(Debug)]
struct Soft;

impl SignatureVerificationAlgorithm for Soft {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let signature = p256_signature(signature).ok_or(InvalidSignature)?;
        let verifier: &dyn Verifier = &soft::Es256;
        debug_assert_eq!(verifier.alg(), SigAlg::Es256);
        verifier.verify(key, &mut Parts(&[message]), &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// r || s of an ECDSA-Sig-Value.
fn p256_signature(der: &[u8]) -> Option<[u8; 64]> {
    let mut fixed = [0; 64];
    let mut rest = der.get(2..)?;
    for half in fixed.chunks_mut(32) {
        let length = usize::from(*rest.get(1)?);
        let value = rest.get(2..2 + length)?;
        let value = value.strip_prefix(&[0]).unwrap_or(value);
        half.get_mut(32_usize.checked_sub(value.len())?..)?.copy_from_slice(value);
        rest = rest.get(2 + length..)?;
    }
    Some(fixed)
}

const NAME: &str = "relay.hospital.example";
/// 2026-05-28.
const NOW: u64 = 1_780_000_000;
