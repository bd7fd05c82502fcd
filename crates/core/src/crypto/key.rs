//! Public keys: bytes that know the one algorithm they are for.

use crate::Result;
use crate::crypto::Suite;
use crate::reason::Reason;

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
}

impl KeyAlg {
    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::Ed25519 | Self::X25519 => 32,
        }
    }

    /// How keys of this kind sign, if they can.
    #[must_use]
    pub const fn signs(self) -> Option<SigAlg> {
        match self {
            Self::P256 => Some(SigAlg::Es256),
            Self::Ed25519 => Some(SigAlg::Ed25519),
            Self::X25519 => None,
        }
    }

    /// Reads the number used in stored records and in C.
    pub const fn from_u8(value: u8) -> Result<Self> {
        match value {
            1 => Ok(Self::P256),
            2 => Ok(Self::Ed25519),
            3 => Ok(Self::X25519),
            _ => Err(Reason::AlgorithmUnsupported),
        }
    }

    /// What stands before the key bytes in a SubjectPublicKeyInfo (RFC 5480 section 2, RFC 8410 section 4).
    const fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => &[
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86,
                0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
            ],
            Self::Ed25519 => &[0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00],
            Self::X25519 => &[0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x03, 0x21, 0x00],
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
    /// A key of `alg` in its one encoding: P-256 as 65 bytes SEC 1 uncompressed, the others as 32 bytes.
    pub fn new(alg: KeyAlg, bytes: &'a [u8]) -> Result<Self> {
        let shape = bytes.len() == alg.public_len() && (alg != KeyAlg::P256 || bytes.first() == Some(&4));
        if shape { Ok(Self { alg, bytes }) } else { Err(Reason::KeyInvalid) }
    }

    /// Reads a DER SubjectPublicKeyInfo of one of our algorithms.
    pub fn from_spki(spki: &'a [u8]) -> Result<Self> {
        [KeyAlg::P256, KeyAlg::Ed25519, KeyAlg::X25519]
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
