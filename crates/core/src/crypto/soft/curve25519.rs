//! Ed25519 and X25519.

use super::PrivateKey;
use crate::Result;
use crate::bytes::copy;
use crate::crypto::{Agreement, KeyAlg, Message, SigAlg, Verifier};
use crate::platform::Entropy;
use crate::reason::Reason;
use crate::secret::Secret;
use core::cell::{Cell, RefCell};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign_byupdate};
use ed25519_dalek::{Signature, SignatureError, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};
use x25519_dalek::{PublicKey, StaticSecret};

/// Ed25519 (RFC 8032), strict: keys and R of small order are refused, so one signature fits one message and one key.
#[derive(Clone, Copy, Debug)]
pub struct Ed25519;

impl Verifier for Ed25519 {
    fn alg(&self) -> SigAlg {
        SigAlg::Ed25519
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        let key = point(key).ok_or(Reason::KeyInvalid)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| Reason::SignatureInvalid)?;
        let signature = Signature::from_bytes(signature);
        // R is a point like a key; that it is encoded canonically follows from the comparison at the end.
        point(signature.r_bytes()).ok_or(Reason::SignatureInvalid)?;
        let mut verifier = key.verify_stream(&signature).map_err(|_| Reason::SignatureInvalid)?;
        message.read(&mut |part| {
            verifier.update(part);
            Ok(())
        })?;
        verifier.finalize_and_verify().map_err(|_| Reason::SignatureInvalid)
    }
}

/// Diffie-Hellman on Curve25519 (RFC 7748).
#[derive(Clone, Copy, Debug)]
pub struct X25519;

impl Agreement for X25519 {
    fn alg(&self) -> KeyAlg {
        KeyAlg::X25519
    }

    fn ephemeral(
        &self,
        entropy: &dyn Entropy,
        peer: &[u8],
        public: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize> {
        let key = PrivateKey::generate(KeyAlg::X25519, entropy)?;
        key.agree(peer, secret)?;
        key.public(public)
    }
}

pub(super) fn ed25519_public(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

pub(super) fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The message is read twice (RFC 8032 section 5.1.6). Were it to differ, the two signatures over one nonce would give
/// the key away; so both readings are hashed, and nothing is signed unless they agree.
pub(super) fn sign(seed: &[u8; 32], message: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
    let key = SigningKey::from_bytes(seed).verifying_key();
    let message = RefCell::new(message);
    let (first, failed) = (Cell::new(None), Cell::new(None));
    let feed = |hash: &mut Sha512| {
        let mut seen = Sha512::new();
        let read = message.try_borrow_mut().map_err(|_| Reason::Internal).and_then(|mut message| {
            message.read(&mut |part| {
                seen.update(part);
                hash.update(part);
                Ok(())
            })
        });
        let seen = seen.finalize();
        let outcome = match (read, first.replace(Some(seen))) {
            (Err(reason), _) => Some(reason),
            (Ok(()), Some(before)) if before != seen => Some(Reason::Misuse),
            (Ok(()), _) => None,
        };
        failed.set(outcome);
        if outcome.is_some() { Err(SignatureError::new()) } else { Ok(()) }
    };
    let signature = raw_sign_byupdate::<Sha512, _>(&ExpandedSecretKey::from(seed), feed, &key)
        .map_err(|_| failed.get().unwrap_or(Reason::Internal))?;
    copy(&signature.to_bytes(), out).map(|written| written.len()).ok_or(Reason::BufferTooSmall)
}

/// RFC 7748 section 6.1: an all-zero result means that the peer's point has small order.
pub(super) fn agree(secret: &[u8; 32], peer: &[u8], out: &mut Secret<32>) -> Result<()> {
    let peer: [u8; 32] = peer.try_into().map_err(|_| Reason::KeyInvalid)?;
    let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(peer));
    if !shared.was_contributory() {
        return Err(Reason::KeyInvalid);
    }
    *out.expose_mut() = *shared.as_bytes();
    Ok(())
}

/// A point of the curve, in its one encoding (RFC 8032 section 5.1.3: y below p), and not of small order.
fn point(bytes: &[u8]) -> Option<VerifyingKey> {
    let bytes: &[u8; 32] = bytes.try_into().ok()?;
    let [low, middle @ .., high] = bytes;
    let canonical = *low < 0xED || high & 0x7F != 0x7F || middle.iter().any(|byte| *byte != 0xFF);
    VerifyingKey::from_bytes(bytes).ok().filter(|key| canonical && !key.is_weak())
}
