//! Signatures that no device makes itself: of certificates and revocation lists (P-384, P-521, RSA, ML-DSA), and of software
//! (HSS/LMS, ML-DSA).
//!
//! | algorithm | keys | clause |
//! | --- | --- | --- |
//! | ECDSA with SHA-384 on P-384, SHA-512 on P-521, SHA-256 on P-384, SHA-384 on P-256 | uncompressed | RFC 5758 section 3.2 |
//! | RSA PKCS#1 v1.5 with SHA-256, SHA-384, SHA-512; parameters NULL or absent | 2,048 to 8,192 bits | RFC 4055 section 5 |
//! | RSASSA-PSS with the same hashes, salt as long as the hash | the same, as rsaEncryption | RFC 4055 section 3.1 |
//! | ML-DSA-44, ML-DSA-65, ML-DSA-87: pure, without context | as FIPS 204 encodes them | RFC 9881 |
//!
//! SHA-1, DSA and shorter RSA keys are not here: a certificate that needs them is refused. Keys that are no whole number of
//! bytes long are refused too, which no sound generator makes.

use super::Es256;
use aseptic_certs::der::{self, Reader};
use aseptic_core::crypto::lms::HssLms;
use aseptic_core::crypto::{HashAlg, KeyAlg, Message, SigAlg, Verifier, soft};
use aseptic_core::{Reason, Result};
use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::{AlgorithmIdentifier, alg_id};

/// What this suite verifies with.
#[rustfmt::skip]
pub(super) const VERIFIERS: &[&dyn Verifier] = &[
    &Es256,
    &soft::Ed25519,
    &HssLms(&soft::Sha256),
    &MlDsa(KeyAlg::MlDsa44, &alg_id::ML_DSA_44, &signature::ML_DSA_44),
    &MlDsa(KeyAlg::MlDsa65, &alg_id::ML_DSA_65, &signature::ML_DSA_65),
    &MlDsa(KeyAlg::MlDsa87, &alg_id::ML_DSA_87, &signature::ML_DSA_87),
    &Foreign { kind: Kind::Ec(97), hash: &SHA384, ids: [&alg_id::ECDSA_SHA384, &alg_id::ECDSA_P384], engine: &signature::ECDSA_P384_SHA384_ASN1 },
    &Foreign { kind: Kind::Ec(97), hash: &SHA256, ids: [&alg_id::ECDSA_SHA256, &alg_id::ECDSA_P384], engine: &signature::ECDSA_P384_SHA256_ASN1 },
    &Foreign { kind: Kind::Ec(65), hash: &SHA384, ids: [&alg_id::ECDSA_SHA384, &alg_id::ECDSA_P256], engine: &signature::ECDSA_P256_SHA384_ASN1 },
    &Foreign { kind: Kind::Ec(133), hash: &SHA512, ids: [&alg_id::ECDSA_SHA512, &alg_id::ECDSA_P521], engine: &signature::ECDSA_P521_SHA512_ASN1 },
    &Foreign { kind: Kind::Rsa, hash: &SHA256, ids: [&alg_id::RSA_PKCS1_SHA256, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA256 },
    &Foreign { kind: Kind::Rsa, hash: &SHA384, ids: [&alg_id::RSA_PKCS1_SHA384, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA384 },
    &Foreign { kind: Kind::Rsa, hash: &SHA512, ids: [&alg_id::RSA_PKCS1_SHA512, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA512 },
    &Foreign { kind: Kind::Rsa, hash: &SHA256, ids: [&BARE_SHA256, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA256 },
    &Foreign { kind: Kind::Rsa, hash: &SHA384, ids: [&BARE_SHA384, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA384 },
    &Foreign { kind: Kind::Rsa, hash: &SHA512, ids: [&BARE_SHA512, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PKCS1_2048_8192_SHA512 },
    &Foreign { kind: Kind::Rsa, hash: &SHA256, ids: [&alg_id::RSA_PSS_SHA256, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PSS_2048_8192_SHA256 },
    &Foreign { kind: Kind::Rsa, hash: &SHA384, ids: [&alg_id::RSA_PSS_SHA384, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PSS_2048_8192_SHA384 },
    &Foreign { kind: Kind::Rsa, hash: &SHA512, ids: [&alg_id::RSA_PSS_SHA512, &alg_id::RSA_ENCRYPTION], engine: &signature::RSA_PSS_2048_8192_SHA512 },
];

/// ML-DSA, pure and with an empty context: under software (RFC 9964) and in certificates (RFC 9881).
struct MlDsa(KeyAlg, &'static AlgorithmIdentifier, &'static dyn VerificationAlgorithm);

impl Verifier for MlDsa {
    fn alg(&self) -> SigAlg {
        self.0.signs().unwrap_or(SigAlg::Certificates)
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        // AWS-LC alone would take a SubjectPublicKeyInfo as well.
        if key.len() != self.0.public_len() {
            return Err(Reason::KeyInvalid);
        }
        let key = ParsedPublicKey::new(self.2, key).map_err(|_| Reason::KeyInvalid)?;
        // What is signed is the message itself, not its hash.
        let mut whole = Vec::new();
        message.read(&mut |part| {
            whole.extend_from_slice(part);
            Ok(())
        })?;
        key.verify_sig(&whole, signature).map_err(|_| Reason::SignatureInvalid)
    }

    fn identifiers(&self) -> [&'static [u8]; 2] {
        [self.1, self.1]
    }
}

/// An algorithm of certificates alone.
struct Foreign {
    kind: Kind,
    hash: &'static digest::Algorithm,
    /// AlgorithmIdentifiers of signatures and of keys.
    ids: [&'static AlgorithmIdentifier; 2],
    engine: &'static dyn VerificationAlgorithm,
}

/// What a key looks like.
#[derive(Clone, Copy)]
enum Kind {
    /// An uncompressed point of so many bytes.
    Ec(usize),
    /// RSAPublicKey (RFC 8017 appendix A.1.1).
    Rsa,
}

impl Kind {
    /// The one encoding, because AWS-LC alone would take compressed points and SubjectPublicKeyInfo as well.
    fn fits(self, key: &[u8]) -> bool {
        match self {
            Self::Ec(length) => key.len() == length && key.first() == Some(&4),
            Self::Rsa => modulus(key).is_ok_and(|modulus| {
                modulus.first().is_some_and(|first| first & 0x80 != 0) && (256..=1024).contains(&modulus.len())
            }),
        }
    }
}

impl Verifier for Foreign {
    fn alg(&self) -> SigAlg {
        SigAlg::Certificates
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        if !self.kind.fits(key) {
            return Err(Reason::KeyInvalid);
        }
        let key = ParsedPublicKey::new(self.engine, key).map_err(|_| Reason::KeyInvalid)?;
        let mut hash = digest::Context::new(self.hash);
        message.read(&mut |part| {
            hash.update(part);
            Ok(())
        })?;
        key.verify_digest_sig(&hash.finish(), signature).map_err(|_| Reason::SignatureInvalid)
    }

    fn hash(&self) -> Option<HashAlg> {
        [(&SHA256, HashAlg::Sha256), (&SHA384, HashAlg::Sha384), (&SHA512, HashAlg::Sha512)]
            .into_iter()
            .find_map(|(hash, alg)| (hash == self.hash).then_some(alg))
    }

    fn verify_digest(&self, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<()> {
        if !self.kind.fits(key) {
            return Err(Reason::KeyInvalid);
        }
        let key = ParsedPublicKey::new(self.engine, key).map_err(|_| Reason::KeyInvalid)?;
        let digest = Digest::import_less_safe(digest, self.hash).map_err(|_| Reason::SignatureInvalid)?;
        key.verify_digest_sig(&digest, signature).map_err(|_| Reason::SignatureInvalid)
    }

    fn identifiers(&self) -> [&'static [u8]; 2] {
        self.ids.map(|id| &**id)
    }
}

/// The modulus of an RSAPublicKey.
fn modulus(key: &[u8]) -> Result<&[u8]> {
    let mut outer = Reader::new(key);
    let mut pair = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    let modulus = pair.magnitude()?;
    pair.magnitude()?;
    pair.end()?;
    Ok(modulus)
}

/// RSA without the NULL: RFC 4055 section 5 wants it accepted.
const BARE_SHA256: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11]);
const BARE_SHA384: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 12]);
const BARE_SHA512: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 13]);
