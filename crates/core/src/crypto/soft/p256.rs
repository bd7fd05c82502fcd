//! ECDSA and ECDH on P-256.

use super::{PrivateKey, Sha256};
use crate::Result;
use crate::bytes::copy;
use crate::crypto::{Agreement, Hash, HashAlg, KeyAlg, Message, SigAlg, Verifier};
use crate::platform::Entropy;
use crate::reason::Reason;
use crate::secret::Secret;
use ecdsa::hazmat::sign_prehashed_rfc6979;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::{PublicKey, SecretKey};
use zeroize::Zeroizing;

/// ECDSA on P-256 with SHA-256 (FIPS 186-5).
#[derive(Clone, Copy, Debug)]
pub struct Es256;

impl Verifier for Es256 {
    fn alg(&self) -> SigAlg {
        SigAlg::Es256
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        self.verify_digest(key, &digest(message)?, signature)
    }

    fn hash(&self) -> Option<HashAlg> {
        Some(HashAlg::Sha256)
    }

    fn verify_digest(&self, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<()> {
        let key = VerifyingKey::from(point(key)?);
        let signature = Signature::from_slice(signature).map_err(|_| Reason::SignatureInvalid)?;
        key.verify_prehash(digest, &signature).map_err(|_| Reason::SignatureInvalid)
    }
}

/// Diffie-Hellman on P-256 (SP 800-56A, RFC 9053 section 6.3).
#[derive(Clone, Copy, Debug)]
pub struct EcdhP256;

impl Agreement for EcdhP256 {
    fn alg(&self) -> KeyAlg {
        KeyAlg::P256
    }

    fn ephemeral(
        &self,
        entropy: &dyn Entropy,
        peer: &[u8],
        public: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize> {
        let key = PrivateKey::generate(KeyAlg::P256, entropy)?;
        key.agree(peer, secret)?;
        key.public(public)
    }

    fn decompress(&self, compressed: &[u8; 33], out: &mut [u8; 65]) -> Result<()> {
        let point = PublicKey::from_sec1_bytes(compressed).map_err(|_| Reason::KeyInvalid)?;
        write(&point, out).map(drop)
    }
}

/// Whether `scalar` is a private key: at least 1 and below the order of the group.
pub(super) fn valid(scalar: &[u8; 32]) -> bool {
    SecretKey::from_slice(scalar).is_ok()
}

pub(super) fn public(scalar: &[u8; 32], out: &mut [u8]) -> Result<usize> {
    write(&secret(scalar)?.public_key(), out)
}

/// Deterministic ECDSA (RFC 6979): no nonce that a weak generator could spoil.
pub(super) fn sign_digest(scalar: &[u8; 32], digest: &[u8; 32], out: &mut [u8]) -> Result<usize> {
    let key = Zeroizing::new(secret(scalar)?.to_nonzero_scalar());
    let (signature, _): (Signature, _) = sign_prehashed_rfc6979::<_, sha2::Sha256>(&key, digest, &[]);
    copy(&signature.to_bytes(), out).map(|written| written.len()).ok_or(Reason::BufferTooSmall)
}

pub(super) fn agree(scalar: &[u8; 32], peer: &[u8], out: &mut Secret<32>) -> Result<()> {
    let shared = secret(scalar)?.diffie_hellman(&point(peer)?);
    *out.expose_mut() = (*shared.raw_secret_bytes()).into();
    Ok(())
}

pub(super) fn digest(message: &mut dyn Message) -> Result<[u8; 32]> {
    let mut state = Sha256.start()?;
    message.read(&mut |part| Sha256.update(&mut state, part))?;
    let mut digest = [0; 32];
    Sha256.finish(state, &mut digest)?;
    Ok(digest)
}

fn secret(scalar: &[u8; 32]) -> Result<SecretKey> {
    SecretKey::from_slice(scalar).map_err(|_| Reason::KeyInvalid)
}

/// A point in its one encoding: 65 bytes, uncompressed; that it lies on the curve is checked.
fn point(bytes: &[u8]) -> Result<PublicKey> {
    match bytes {
        [4, xy @ ..] if xy.len() == 64 => PublicKey::from_sec1_bytes(bytes).map_err(|_| Reason::KeyInvalid),
        _ => Err(Reason::KeyInvalid),
    }
}

fn write(point: &PublicKey, out: &mut [u8]) -> Result<usize> {
    use p256::elliptic_curve::sec1::ToSec1Point;
    let encoded = point.to_sec1_point(false);
    copy(encoded.as_bytes(), out).map(|written| written.len()).ok_or(Reason::BufferTooSmall)
}
