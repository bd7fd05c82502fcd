//! X-Wing (draft-connolly-cfrg-xwing-kem-10): ML-KEM-768 (FIPS 203) with X25519, for the offers of hybrid sessions.
//!
//! ```text
//! public key   ek of ML-KEM (1,184), X25519 (32)
//! ciphertext   ct of ML-KEM (1,088), ephemeral X25519 (32)
//! secret       SHA3-256(secret of ML-KEM, secret of X25519, ephemeral X25519, X25519, 5C 2E 2F 2F 5E 5C)
//! ```
//!
//! Whoever breaks one of the two alone has learned nothing. Both engines are AWS-LC's; only the line above is ours. A private
//! key is kept in the expanded form of FIPS 203, as AWS-LC's Rust interface expands no seeds.

use super::Ecdh;
use aseptic_core::crypto::{Agreement as _, KeyAlg, PublicKey, random};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::Secret;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Decapsulate, Kem};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::{agreement, digest};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a public key of X-Wing.
pub const PUBLIC: usize = ENCAPSULATION + 32;
/// Bytes of a private key, as kept.
pub const PRIVATE: usize = DECAPSULATION + 32;
/// Bytes of the secret's carrier.
pub const CIPHERTEXT: usize = ENCRYPTED + 32;

const ENCAPSULATION: usize = 1184;
const DECAPSULATION: usize = 2400;
const ENCRYPTED: usize = 1088;
/// Where the encapsulation key stands in a decapsulation key (FIPS 203 algorithm 16).
const EMBEDDED: usize = 1152;
const LABEL: &[u8; 6] = br"\.//^\";

/// Encapsulation: the sender's half. It may be used from several threads at once.
#[derive(Clone, Copy, Debug)]
pub struct XWing;

impl Kem for XWing {
    fn alg(&self) -> KeyAlg {
        KeyAlg::XWing
    }

    /// The ephemeral key of X25519 is drawn from `entropy`, what ML-KEM draws comes from AWS-LC's own generator.
    fn encapsulate(
        &self,
        entropy: &dyn Entropy,
        key: &[u8],
        ciphertext: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize> {
        let (encapsulation, peer) = parts::<ENCAPSULATION>(key).ok_or(Reason::KeyInvalid)?;
        let room = ciphertext.get_mut(..CIPHERTEXT).ok_or(Reason::BufferTooSmall)?;
        let (encrypted, ephemeral) = room.split_at_mut(ENCRYPTED);
        let mut classical = Secret::zeroed();
        Ecdh(KeyAlg::X25519).ephemeral(entropy, peer, ephemeral, &mut classical)?;
        let key = EncapsulationKey::new(&ML_KEM_768, encapsulation).map_err(|_| Reason::KeyInvalid)?;
        let (made, lattice) = key.encapsulate().map_err(|_| Reason::KeyInvalid)?;
        encrypted.copy_from_slice(made.as_ref());
        *secret = combine(lattice.as_ref(), &classical, ephemeral, peer)?;
        Ok(CIPHERTEXT)
    }
}

/// A private key of X-Wing: the receiver's half. It may be used from several threads at once, and is never printed.
pub struct PrivateKey {
    lattice: DecapsulationKey,
    classical: agreement::PrivateKey,
    bytes: Zeroizing<[u8; PRIVATE]>,
    public: [u8; PUBLIC],
}

impl PrivateKey {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self> {
        let lattice = DecapsulationKey::generate(&ML_KEM_768).map_err(|_| Reason::EntropyFailed)?;
        let lattice = lattice.key_bytes().map_err(|_| Reason::Internal)?;
        let mut bytes = Zeroizing::new([0; PRIVATE]);
        let (first, second) = bytes.split_at_mut(DECAPSULATION);
        first.copy_from_slice(lattice.as_ref());
        random(entropy, second)?;
        Self::from_bytes(&bytes[..])
    }

    /// A key as kept: the decapsulation key of ML-KEM-768 (FIPS 203 section 7.1, 2,400 bytes) and the one of X25519.
    /// [`Reason::KeyInvalid`] for bytes that do not decapsulate what is encapsulated for the public key among them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: Zeroizing<[u8; PRIVATE]> = bytes.try_into().map(Zeroizing::new).map_err(|_| Reason::KeyInvalid)?;
        let (lattice, classical) = bytes.split_at(DECAPSULATION);
        let mut public = [0; PUBLIC];
        let (encapsulation, own) = public.split_at_mut(ENCAPSULATION);
        encapsulation.copy_from_slice(&lattice[EMBEDDED..EMBEDDED + ENCAPSULATION]);
        let lattice = DecapsulationKey::new(&ML_KEM_768, lattice).map_err(|_| Reason::KeyInvalid)?;
        let classical =
            agreement::PrivateKey::from_private_key(&agreement::X25519, classical).map_err(|_| Reason::KeyInvalid)?;
        own.copy_from_slice(classical.compute_public_key().map_err(|_| Reason::Internal)?.as_ref());
        // The pair-wise check of SP 800-227 section 4.1, which AWS-LC leaves to the caller.
        let check = EncapsulationKey::new(&ML_KEM_768, encapsulation).and_then(|key| Ok(key.encapsulate()?));
        let (ciphertext, secret) = check.map_err(|_| Reason::KeyInvalid)?;
        let opened = lattice.decapsulate(ciphertext).map_err(|_| Reason::KeyInvalid)?;
        if !aseptic_core::secret::equal(opened.as_ref(), secret.as_ref()) {
            return Err(Reason::KeyInvalid);
        }
        Ok(Self { lattice, classical, bytes, public })
    }

    /// The key, to be kept where a storage secret protects it.
    #[must_use]
    pub fn expose(&self) -> &[u8; PRIVATE] {
        &self.bytes
    }
}

impl Decapsulate for PrivateKey {
    fn public(&self) -> Result<PublicKey<'_>> {
        PublicKey::new(KeyAlg::XWing, &self.public)
    }

    fn decapsulate(&self, ciphertext: &[u8], secret: &mut Secret<32>) -> Result<()> {
        let (encrypted, ephemeral) = parts::<ENCRYPTED>(ciphertext).ok_or(Reason::DecryptFailed)?;
        let mut classical = Secret::zeroed();
        let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, ephemeral);
        agreement::agree(&self.classical, peer, Reason::KeyInvalid, |shared| {
            *classical.expose_mut() = shared.try_into().map_err(|_| Reason::Internal)?;
            Ok(())
        })?;
        let lattice = self.lattice.decapsulate(Ciphertext::from(encrypted)).map_err(|_| Reason::DecryptFailed)?;
        *secret = combine(lattice.as_ref(), &classical, ephemeral, &self.public[ENCAPSULATION..])?;
        Ok(())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// The first `N` bytes, and the key of X25519 behind them that ends it.
fn parts<const N: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(N).filter(|(_, classical)| classical.len() == 32)
}

/// Section 5.3 of the draft. What binds the ciphertext of ML-KEM is ML-KEM itself.
fn combine(lattice: &[u8], classical: &Secret<32>, ephemeral: &[u8], peer: &[u8]) -> Result<Secret<32>> {
    let mut hash = digest::Context::new(&digest::SHA3_256);
    for part in [lattice, classical.expose(), ephemeral, peer, LABEL] {
        hash.update(part);
    }
    hash.finish().as_ref().try_into().map(Secret::new).map_err(|_| Reason::Internal)
}

#[cfg(test)]
mod tests;
