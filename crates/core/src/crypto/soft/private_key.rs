//! A private key in software.

use super::{curve25519, p256};
use crate::Result;
use crate::bytes::copy;
use crate::cose::Signer;
use crate::crypto::{KeyAlg, Message, SigAlg, random};
use crate::platform::Entropy;
use crate::reason::Reason;
use crate::secret::Secret;
use core::fmt;

/// A private key in memory, for key stores made of software, makers' tools and tests.
///
/// It is wiped on drop and never printed. All three kinds are 32 bytes: the scalar of P-256 (big endian, SEC 1), the seed
/// of Ed25519 (RFC 8032), the secret of X25519 (RFC 7748, clamped when used).
pub struct PrivateKey {
    alg: KeyAlg,
    secret: Secret<32>,
}

impl PrivateKey {
    /// A fresh key of one of the curves; [`Reason::AlgorithmUnsupported`] for another algorithm.
    pub fn generate(alg: KeyAlg, entropy: &dyn Entropy) -> Result<Self> {
        // A random scalar is out of range once in 2^32 draws; twice in a row means a broken source.
        for _ in 0..2 {
            let mut secret = Secret::zeroed();
            random(entropy, secret.expose_mut())?;
            match Self::from_secret(alg, secret) {
                Err(Reason::KeyInvalid) => {}
                made => return made,
            }
        }
        Err(Reason::EntropyFailed)
    }

    /// The key of these bytes; [`Reason::KeyInvalid`] for a P-256 scalar of 0 or not below the order.
    pub fn from_bytes(alg: KeyAlg, bytes: &[u8; 32]) -> Result<Self> {
        Self::from_secret(alg, Secret::new(*bytes))
    }

    fn from_secret(alg: KeyAlg, secret: Secret<32>) -> Result<Self> {
        match alg {
            KeyAlg::P256 if !p256::valid(secret.expose()) => Err(Reason::KeyInvalid),
            KeyAlg::P256 | KeyAlg::Ed25519 | KeyAlg::X25519 => Ok(Self { alg, secret }),
            _ => Err(Reason::AlgorithmUnsupported),
        }
    }

    /// What the key is.
    #[must_use]
    pub const fn alg(&self) -> KeyAlg {
        self.alg
    }

    /// The secret bytes, for sealed storage.
    #[must_use]
    pub const fn expose(&self) -> &Secret<32> {
        &self.secret
    }

    /// Writes the public key ([`KeyAlg::public_len`] bytes) into the front of `out` and gives its length.
    pub fn public(&self, out: &mut [u8]) -> Result<usize> {
        let bytes = match self.alg {
            KeyAlg::P256 => return p256::public(self.secret.expose(), out),
            KeyAlg::Ed25519 => curve25519::ed25519_public(self.secret.expose()),
            KeyAlg::X25519 => curve25519::x25519_public(self.secret.expose()),
            _ => return Err(Reason::AlgorithmUnsupported),
        };
        copy(&bytes, out).map(|written| written.len()).ok_or(Reason::BufferTooSmall)
    }

    /// Signs a message, which is read once (P-256) or twice (Ed25519); 64 bytes into the front of `out`.
    pub fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
        match self.alg {
            KeyAlg::P256 => p256::sign_digest(self.secret.expose(), &p256::digest(message)?, out),
            KeyAlg::Ed25519 => curve25519::sign(self.secret.expose(), message, out),
            _ => Err(Reason::KeyWrongUse),
        }
    }

    /// Signs the SHA-256 digest of a message; P-256 alone, as Ed25519 hashes the message itself.
    pub fn sign_digest(&self, digest: &[u8; 32], out: &mut [u8]) -> Result<usize> {
        match self.alg {
            KeyAlg::P256 => p256::sign_digest(self.secret.expose(), digest, out),
            _ => Err(Reason::KeyWrongUse),
        }
    }

    /// The secret shared with `peer` (P-256: the x coordinate). [`Reason::KeyInvalid`] for a peer that is not on the curve
    /// or of small order; `out` is then unchanged.
    pub fn agree(&self, peer: &[u8], out: &mut Secret<32>) -> Result<()> {
        match self.alg {
            KeyAlg::P256 => p256::agree(self.secret.expose(), peer, out),
            KeyAlg::X25519 => curve25519::agree(self.secret.expose(), peer, out),
            _ => Err(Reason::KeyWrongUse),
        }
    }
}

/// An X25519 key does not sign; as a [`Signer`] it answers [`Reason::KeyWrongUse`].
impl Signer for PrivateKey {
    fn alg(&self) -> SigAlg {
        self.alg.signs().unwrap_or(SigAlg::Ed25519)
    }

    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
        Self::sign(self, message, out)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?}, redacted)", self.alg)
    }
}
