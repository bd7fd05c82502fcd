//! Algorithm numbers of the IANA COSE registry, and what they mean here.

use crate::Result;
use crate::crypto::{AeadAlg, HashAlg, SigAlg};
use crate::reason::Reason;

/// A COSE algorithm number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoseAlg(pub i64);

impl CoseAlg {
    /// ECDSA on P-256 with SHA-256, fully specified (RFC 9864). What we write.
    pub const ESP256: Self = Self(-9);
    /// ECDSA with SHA-256, the older polymorphic number. Read for a P-256 key.
    pub const ES256: Self = Self(-7);
    /// Ed25519, fully specified (RFC 9864). What we write.
    pub const ED25519: Self = Self(-19);
    /// EdDSA, the older polymorphic number. Read for an Ed25519 key.
    pub const EDDSA: Self = Self(-8);
    /// HSS/LMS (RFC 8778).
    pub const HSS_LMS: Self = Self(-46);
    /// ML-DSA-44 (RFC 9964).
    pub const ML_DSA_44: Self = Self(-48);
    /// ML-DSA-65.
    pub const ML_DSA_65: Self = Self(-49);
    /// ML-DSA-87.
    pub const ML_DSA_87: Self = Self(-50);
    /// HMAC-SHA-256.
    pub const HMAC_256: Self = Self(5);
    /// HMAC-SHA-384.
    pub const HMAC_384: Self = Self(6);
    /// HMAC-SHA-512.
    pub const HMAC_512: Self = Self(7);
    /// AES-128-GCM.
    pub const A128GCM: Self = Self(1);
    /// AES-256-GCM.
    pub const A256GCM: Self = Self(3);
    /// ChaCha20-Poly1305.
    pub const CHACHA20_POLY1305: Self = Self(24);
    /// The content key is the shared key itself.
    pub const DIRECT: Self = Self(-6);
    /// AES-128 key wrap.
    pub const A128KW: Self = Self(-3);
    /// AES-192 key wrap.
    pub const A192KW: Self = Self(-4);
    /// AES-256 key wrap.
    pub const A256KW: Self = Self(-5);
    /// ECDH-ES with HKDF-SHA-256, content key derived.
    pub const ECDH_ES_HKDF_256: Self = Self(-25);
    /// ECDH-ES with HKDF-SHA-512, content key derived.
    pub const ECDH_ES_HKDF_512: Self = Self(-26);
    /// ECDH-ES with HKDF-SHA-256 and AES-128 key wrap.
    pub const ECDH_ES_A128KW: Self = Self(-29);
    /// ECDH-ES with HKDF-SHA-256 and AES-192 key wrap.
    pub const ECDH_ES_A192KW: Self = Self(-30);
    /// ECDH-ES with HKDF-SHA-256 and AES-256 key wrap.
    pub const ECDH_ES_A256KW: Self = Self(-31);
    /// SHA-256 (RFC 9054), as in SUIT digests.
    pub const SHA_256: Self = Self(-16);
    /// SHA-384.
    pub const SHA_384: Self = Self(-43);
    /// SHA-512.
    pub const SHA_512: Self = Self(-44);

    /// The number that we write for a signature algorithm.
    #[must_use]
    pub const fn for_signature(alg: SigAlg) -> Self {
        match alg {
            SigAlg::Es256 => Self::ESP256,
            SigAlg::Ed25519 => Self::ED25519,
            SigAlg::HssLms => Self::HSS_LMS,
            SigAlg::MlDsa44 => Self::ML_DSA_44,
            SigAlg::MlDsa65 => Self::ML_DSA_65,
            SigAlg::MlDsa87 => Self::ML_DSA_87,
            // Reserved: no message names it.
            SigAlg::Certificates => Self(0),
        }
    }

    /// Whether a message that names this number may be verified with a key of `alg`.
    #[must_use]
    pub fn signs_with(self, alg: SigAlg) -> bool {
        match alg {
            SigAlg::Es256 => self == Self::ESP256 || self == Self::ES256,
            SigAlg::Ed25519 => self == Self::ED25519 || self == Self::EDDSA,
            SigAlg::Certificates => false,
            _ => self == Self::for_signature(alg),
        }
    }

    /// The number of an AEAD.
    #[must_use]
    pub const fn for_aead(alg: AeadAlg) -> Self {
        match alg {
            AeadAlg::Aes128Gcm => Self::A128GCM,
            AeadAlg::Aes256Gcm => Self::A256GCM,
            AeadAlg::ChaCha20Poly1305 => Self::CHACHA20_POLY1305,
        }
    }

    /// The AEAD of this number.
    pub fn aead(self) -> Result<AeadAlg> {
        let all = [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305];
        all.into_iter().find(|alg| Self::for_aead(*alg) == self).ok_or(Reason::AlgorithmUnsupported)
    }

    /// The number of an HMAC.
    #[must_use]
    pub const fn for_hmac(alg: HashAlg) -> Self {
        match alg {
            HashAlg::Sha256 => Self::HMAC_256,
            HashAlg::Sha384 => Self::HMAC_384,
            HashAlg::Sha512 => Self::HMAC_512,
        }
    }

    /// The hash of this number.
    pub const fn hash(self) -> Result<HashAlg> {
        match self {
            Self::SHA_256 => Ok(HashAlg::Sha256),
            Self::SHA_384 => Ok(HashAlg::Sha384),
            Self::SHA_512 => Ok(HashAlg::Sha512),
            _ => Err(Reason::AlgorithmUnsupported),
        }
    }
}
