//! Signatures in X.509: AlgorithmIdentifiers, the two forms of an ECDSA signature, and a suite as webpki wants it.

use crate::cache;
use crate::der::{self, Reader, Writer};
use crate::oid;
use aseptic_core::bytes::copy;
use aseptic_core::crypto::{HashAlg, Message, Parts, PublicKey, SigAlg, Suite, Verifier};
use aseptic_core::{Reason, Result, limits};
use core::{array, fmt};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// Verifies a signature over one piece of DER; `algorithm` is the content of its AlgorithmIdentifier.
pub(crate) fn verify(
    suite: &Suite<'_>,
    key: PublicKey<'_>,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
    if algorithm != identifier(alg) {
        return Err(Reason::AlgorithmUnsupported);
    }
    let fixed = match alg {
        SigAlg::Es256 => &fixed_length(signature)?,
        _ => signature,
    };
    suite.verify(key, &mut Parts(&[message]), fixed)
}

/// Writes AlgorithmIdentifier and signature (a BIT STRING) after signed content.
pub(crate) fn write_signature(writer: &mut Writer<'_>, alg: SigAlg, signature: &[u8; limits::SIGNATURE]) {
    writer.element(der::SEQUENCE, identifier(alg));
    match alg {
        SigAlg::Es256 => {
            let (r, s) = signature.split_at(32);
            // RFC 5480 appendix A: ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }.
            writer.nested(der::BIT_STRING, |writer| {
                writer.raw(&[0]).nested(der::SEQUENCE, |writer| {
                    writer.magnitude(r).magnitude(s);
                });
            });
        }
        _ => {
            writer.bit_bytes(&[signature]);
        }
    }
}

/// Verifies a signature by the key in a DER SubjectPublicKeyInfo, of any algorithm that the suite has.
///
/// [`Reason::AlgorithmUnsupported`] if the suite has none for this key and this AlgorithmIdentifier.
pub(crate) fn verify_by(
    suite: &Suite<'_>,
    spki: &[u8],
    algorithm: &[u8],
    message: &mut dyn Message,
    signature: &[u8],
) -> Result<()> {
    let (kind, key) = subject_key(spki)?;
    let fitting = of_certificates(suite).find(|verifier| identifiers(*verifier) == [algorithm, kind]);
    check(fitting.ok_or(Reason::AlgorithmUnsupported)?, key, message, signature)
}

/// As [`verify_by`], of a message of which only the digest is left: the first bytes of `digest`, as many as the hash has.
pub(crate) fn verify_digest_by(
    suite: &Suite<'_>,
    spki: &[u8],
    algorithm: &[u8],
    digest: &[u8; 64],
    signature: &[u8],
) -> Result<()> {
    let (kind, key) = subject_key(spki)?;
    let fitting = of_certificates(suite).find(|verifier| identifiers(*verifier) == [algorithm, kind]);
    let verifier = fitting.ok_or(Reason::AlgorithmUnsupported)?;
    let length = verifier.hash().ok_or(Reason::AlgorithmUnsupported)?.digest_len();
    let fixed = match verifier.alg() {
        SigAlg::Es256 => &fixed_length(signature)?,
        _ => signature,
    };
    verifier.verify_digest(key, digest.get(..length).ok_or(Reason::Internal)?, fixed)
}

/// The hash under signatures of this AlgorithmIdentifier, none if they have none; [`Reason::AlgorithmUnsupported`] if the
/// suite does not know it.
pub(crate) fn hash_of(suite: &Suite<'_>, algorithm: &[u8]) -> Result<Option<HashAlg>> {
    let known = of_certificates(suite).find(|verifier| identifiers(*verifier)[0] == algorithm);
    known.map(|verifier| verifier.hash()).ok_or(Reason::AlgorithmUnsupported)
}

/// Whether the suite can verify with the key in a DER SubjectPublicKeyInfo, or use it to receive.
///
/// [`Reason::AlgorithmUnsupported`] if it has no algorithm for it, [`Reason::KeyInvalid`] for one that is broken or too short.
pub(crate) fn check_key(suite: &Suite<'_>, spki: &[u8]) -> Result<()> {
    let (kind, key) = subject_key(spki)?;
    let Some(verifier) = of_certificates(suite).find(|verifier| identifiers(*verifier)[1] == kind) else {
        return own_key(spki).map(drop);
    };
    // A verifier looks at the key first, whatever the signature is.
    match verifier.verify(key, &mut Parts(&[]), &[]) {
        Err(Reason::KeyInvalid) => Err(Reason::KeyInvalid),
        _ => Ok(()),
    }
}

/// What verifies the signatures of a path: the suite, and a cache that may spare it some.
#[derive(Clone, Copy)]
pub(crate) struct Verification<'a> {
    pub(crate) suite: &'a Suite<'a>,
    pub(crate) cache: Option<&'a dyn cache::Signatures>,
    /// The signed part of the leaf, whose signature is never remembered: there are as many of them as there are peers.
    pub(crate) leaf: &'a [u8],
}

impl Verification<'_> {
    /// The verifiers as webpki wants them, handed to `body`.
    pub(crate) fn with_verifiers(&self, body: &mut dyn FnMut(&[&dyn SignatureVerificationAlgorithm])) {
        // Firmware has one or two, and a small stack.
        let few = of_certificates(self.suite).count() <= FEW;
        if few { self.some::<FEW>(body) } else { self.some::<ALGORITHMS>(body) }
    }

    fn some<const N: usize>(&self, body: &mut dyn FnMut(&[&dyn SignatureVerificationAlgorithm])) {
        let mut verifiers = of_certificates(self.suite);
        let all: [Algorithm<'_>; N] = array::from_fn(|_| Algorithm { verifier: verifiers.next(), verification: *self });
        let none = Algorithm { verifier: None, verification: *self };
        let all: [&dyn SignatureVerificationAlgorithm; N] =
            array::from_fn(|index| all.get(index).unwrap_or(&none) as _);
        body(all.get(..of_certificates(self.suite).count().min(N)).unwrap_or_default());
    }

    fn verify(&self, verifier: &dyn Verifier, key: &[u8], message: &[u8], signature: &[u8]) -> Result<()> {
        let cache = self.cache.filter(|_| message != self.leaf);
        let known = match cache {
            // A suite without SHA-256 has no use of the cache.
            Some(cache) => digest(self.suite, verifier, key, message, signature).ok().map(|digest| (cache, digest)),
            None => None,
        };
        if known.is_some_and(|(cache, digest)| cache.knows(&digest)) {
            return Ok(());
        }
        check(verifier, key, &mut Parts(&[message]), signature)?;
        if let Some((cache, digest)) = known {
            cache.learn(&digest);
        }
        Ok(())
    }
}

/// Tells a signature from all others: by algorithm, key, message and signature, each behind its length.
fn digest(
    suite: &Suite<'_>,
    verifier: &dyn Verifier,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<[u8; 32]> {
    let [algorithm, kind] = identifiers(verifier);
    let lengths = [algorithm, kind, key, message].map(|part| (part.len() as u64).to_be_bytes());
    suite.sha256(&[lengths.as_flattened(), algorithm, kind, key, message, signature])
}

/// What a suite verifies certificates with: an algorithm without identifiers is for other uses alone.
fn of_certificates<'a>(suite: &Suite<'a>) -> impl Iterator<Item = &'a dyn Verifier> + use<'a> {
    suite.verifiers.iter().copied().filter(|verifier| identifiers(*verifier).iter().all(|id| !id.is_empty()))
}

/// A verifier of a suite, for webpki.
struct Algorithm<'a> {
    verifier: Option<&'a dyn Verifier>,
    verification: Verification<'a>,
}

impl SignatureVerificationAlgorithm for Algorithm<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> core::result::Result<(), InvalidSignature> {
        let verifier = self.verifier.ok_or(InvalidSignature)?;
        self.verification.verify(verifier, public_key, message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        let [_, key] = self.verifier.map(identifiers).unwrap_or_default();
        AlgorithmIdentifier::from_slice(key)
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        let [signature, _] = self.verifier.map(identifiers).unwrap_or_default();
        AlgorithmIdentifier::from_slice(signature)
    }
}

impl fmt::Debug for Algorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algorithm({:?})", self.verifier.map(Verifier::alg))
    }
}

/// Asks `verifier` about a signature as X.509 holds it.
fn check(verifier: &dyn Verifier, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
    let fixed = match verifier.alg() {
        SigAlg::Es256 => &fixed_length(signature)?,
        _ => signature,
    };
    verifier.verify(key, message, fixed)
}

/// The AlgorithmIdentifiers of signatures and of keys.
fn identifiers(verifier: &dyn Verifier) -> [&'static [u8]; 2] {
    match verifier.alg() {
        alg @ SigAlg::Es256 => [identifier(alg), P256],
        alg @ SigAlg::Ed25519 => [identifier(alg); 2],
        _ => verifier.identifiers(),
    }
}

/// The public key in a SubjectPublicKeyInfo, if it is of a curve: what devices have in certificates and sign messages with.
pub(crate) fn own_key(spki: &[u8]) -> Result<PublicKey<'_>> {
    let key = PublicKey::from_spki(spki)?;
    if key.alg().is_post_quantum() { Err(Reason::AlgorithmUnsupported) } else { Ok(key) }
}

/// The content of the AlgorithmIdentifier in a SubjectPublicKeyInfo.
pub(crate) fn key_kind(spki: &[u8]) -> Option<&[u8]> {
    subject_key(spki).ok().map(|(kind, _)| kind)
}

/// The AlgorithmIdentifier and the bits of a SubjectPublicKeyInfo.
fn subject_key(spki: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut fields = Reader::new(spki).nested(der::SEQUENCE)?;
    let kind = fields.read(der::SEQUENCE)?;
    let key = fields.bit_bytes()?;
    fields.end()?;
    Ok((kind, key))
}

/// The content of the AlgorithmIdentifier of `alg`; both have no parameters (RFC 5758 section 3.2, RFC 8410 section 3).
const fn identifier(alg: SigAlg) -> &'static [u8] {
    match alg {
        SigAlg::Es256 => &[der::OID, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02],
        _ => &[der::OID, 3, 0x2B, 0x65, 0x70],
    }
}

/// r || s of an ECDSA-Sig-Value on P-256.
fn fixed_length(signature: &[u8]) -> Result<[u8; 64]> {
    let read = || {
        let mut outer = Reader::new(signature);
        let mut pair = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let (r, s) = (pair.magnitude()?, pair.magnitude()?);
        pair.end()?;
        let mut fixed = [0; 64];
        let (left, right) = fixed.split_at_mut(32);
        for (half, value) in [(left, r), (right, s)] {
            let start = half.len().checked_sub(value.len()).ok_or(Reason::SignatureInvalid)?;
            half.get_mut(start..).and_then(|place| copy(value, place)).ok_or(Reason::SignatureInvalid)?;
        }
        Ok(fixed)
    };
    read().map_err(|_: Reason| Reason::SignatureInvalid)
}

/// id-ecPublicKey with secp256r1 (RFC 5480 section 2.1.1).
const P256: &[u8] = &[
    der::OID,
    7,
    0x2A,
    0x86,
    0x48,
    0xCE,
    0x3D,
    0x02,
    0x01,
    der::OID,
    8,
    0x2A,
    0x86,
    0x48,
    0xCE,
    0x3D,
    0x03,
    0x01,
    0x07,
];

/// Bytes of an AlgorithmIdentifier of signatures: RSASSA-PSS with all of its parameters has 65.
pub(crate) const SIGNATURE_ALGORITHM: usize = 96;

/// Algorithms of a suite that path validation looks at; the hosted suite has 18.
const ALGORITHMS: usize = 20;
const FEW: usize = 3;

const _: () = assert!(oid::ECDSA_SHA256.len() == 8 && oid::ED25519.len() == 3);
