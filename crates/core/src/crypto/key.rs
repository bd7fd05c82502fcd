//! Public keys: bytes that know the one algorithm they are for.

use crate::crypto::Suite;
use crate::reason::Reason;
use crate::{Result, limits};

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyAlg {
    /// ECDSA or ECDH on P-256; which of them is fixed by where the key is used.
    P256 = 1,
    /// Ed25519 (RFC 8032).
    Ed25519 = 2,
    /// X25519 (RFC 7748).
    X25519 = 3,
    /// HSS/LMS whose top level has SHA-256 (RFC 8554).
    HssLms256 = 4,
    /// HSS/LMS whose top level has SHA-256/192 (RFC 9858).
    HssLms192 = 5,
    /// ML-DSA-44 (FIPS 204).
    MlDsa44 = 6,
    /// ML-DSA-65.
    MlDsa65 = 7,
    /// ML-DSA-87.
    MlDsa87 = 8,
    /// X-Wing: ML-KEM-768 (FIPS 203) with X25519 (draft-connolly-cfrg-xwing-kem-10).
    XWing = 9,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum SigAlg {
    /// ECDSA on P-256 with SHA-256; signatures are r || s, 64 bytes.
    Es256 = 1,
    /// Ed25519; signatures are 64 bytes.
    Ed25519 = 2,
    /// An algorithm of certificates alone, known by its AlgorithmIdentifiers: see [`super::Verifier::identifiers`].
    Certificates = 3,
    /// HSS/LMS (RFC 8554, SP 800-208); see [`super::lms`].
    HssLms = 4,
    /// ML-DSA-44, pure and with an empty context (FIPS 204, RFC 9964).
    MlDsa44 = 5,
    /// ML-DSA-65.
    MlDsa65 = 6,
    /// ML-DSA-87.
    MlDsa87 = 7,
}

impl KeyAlg {
    /// Every kind of key, in the order of the numbers.
    #[rustfmt::skip]
    pub const ALL: [Self; 9] = [
        Self::P256, Self::Ed25519, Self::X25519, Self::HssLms256, Self::HssLms192, Self::MlDsa44, Self::MlDsa65, Self::MlDsa87,
        Self::XWing,
    ];

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::Ed25519 | Self::X25519 => 32,
            Self::HssLms256 => 60,
            Self::HssLms192 => 52,
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
            Self::XWing => 1216,
        }
    }

    /// How keys of this kind sign, if they can.
    #[must_use]
    pub const fn signs(self) -> Option<SigAlg> {
        match self {
            Self::P256 => Some(SigAlg::Es256),
            Self::Ed25519 => Some(SigAlg::Ed25519),
            Self::X25519 | Self::XWing => None,
            Self::HssLms256 | Self::HssLms192 => Some(SigAlg::HssLms),
            Self::MlDsa44 => Some(SigAlg::MlDsa44),
            Self::MlDsa65 => Some(SigAlg::MlDsa65),
            Self::MlDsa87 => Some(SigAlg::MlDsa87),
        }
    }

    /// Whether keys of this kind hold against a quantum computer, as far as is known.
    #[must_use]
    pub const fn is_post_quantum(self) -> bool {
        !matches!(self, Self::P256 | Self::Ed25519 | Self::X25519)
    }

    /// Whether a key of this kind is held by value: one over [`limits::PUBLIC_KEY`] bytes is pinned by its thumbprint and
    /// travels with what it signs.
    #[must_use]
    pub const fn by_value(self) -> bool {
        self.public_len() <= limits::PUBLIC_KEY
    }

    /// Reads the number used in stored records and in C.
    pub fn from_u8(value: u8) -> Result<Self> {
        Self::ALL.into_iter().find(|alg| *alg as u8 == value).ok_or(Reason::AlgorithmUnsupported)
    }

    /// What stands before the key bytes in a SubjectPublicKeyInfo (RFC 5480 section 2, RFC 8410 section 4, RFC 9802
    /// section 4, RFC 9881 section 4; X-Wing: section 5.8 of the draft).
    const fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => b"\x30\x59\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00",
            Self::Ed25519 => b"\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00",
            Self::X25519 => b"\x30\x2A\x30\x05\x06\x03\x2B\x65\x6E\x03\x21\x00",
            Self::HssLms256 => b"\x30\x4E\x30\x0D\x06\x0B\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x03\x11\x03\x3D\x00",
            Self::HssLms192 => b"\x30\x46\x30\x0D\x06\x0B\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x03\x11\x03\x35\x00",
            Self::MlDsa44 => b"\x30\x82\x05\x32\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x03\x82\x05\x21\x00",
            Self::MlDsa65 => b"\x30\x82\x07\xB2\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x82\x07\xA1\x00",
            Self::MlDsa87 => b"\x30\x82\x0A\x32\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13\x03\x82\x0A\x21\x00",
            Self::XWing => b"\x30\x82\x04\xD4\x30\x0D\x06\x0B\x2B\x06\x01\x04\x01\x83\xE6\x2D\x81\xC8\x7A\x03\x82\x04\xC1\x00",
        }
    }
}

/// A public key with its algorithm. Whether the bytes are a point of the curve is found out when the key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    alg: KeyAlg,
    bytes: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// A key of `alg` in its one encoding: P-256 as 65 bytes SEC 1 uncompressed, the others as their
    /// standards write them. Whether an HSS/LMS key names parameters that exist is found out when it is used.
    pub fn new(alg: KeyAlg, bytes: &'a [u8]) -> Result<Self> {
        let shape = bytes.len() == alg.public_len() && (alg != KeyAlg::P256 || bytes.first() == Some(&4));
        if shape { Ok(Self { alg, bytes }) } else { Err(Reason::KeyInvalid) }
    }

    /// Reads a DER SubjectPublicKeyInfo of one of our algorithms.
    pub fn from_spki(spki: &'a [u8]) -> Result<Self> {
        KeyAlg::ALL
            .into_iter()
            .find_map(|alg| Some((alg, spki.strip_prefix(alg.spki_prefix())?)))
            .ok_or(Reason::AlgorithmUnsupported)
            .and_then(|(alg, bytes)| Self::new(alg, bytes))
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> KeyAlg {
        self.alg
    }

    /// The key bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The DER SubjectPublicKeyInfo, as two parts to be written one after the other.
    #[must_use]
    pub const fn spki(&self) -> [&'a [u8]; 2] {
        [self.alg.spki_prefix(), self.bytes]
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the name of a key wherever two keys must be told apart.
    pub fn thumbprint(&self, suite: &Suite<'_>) -> Result<[u8; 32]> {
        suite.sha256(&self.spki())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spki_round_trips_and_refuses_compressed_points() {
        let mut spki = std::vec::Vec::from(KeyAlg::P256.spki_prefix());
        spki.push(4);
        spki.extend([7; 64]);
        let key = PublicKey::from_spki(&spki).unwrap();
        assert_eq!(key.alg(), KeyAlg::P256);
        assert_eq!(key.spki().concat(), spki);
        spki[26] = 2;
        assert_eq!(PublicKey::from_spki(&spki), Err(Reason::KeyInvalid));
        assert_eq!(PublicKey::from_spki(&spki[..90]), Err(Reason::KeyInvalid));
        assert_eq!(PublicKey::from_spki(&[]), Err(Reason::AlgorithmUnsupported));
    }
}
