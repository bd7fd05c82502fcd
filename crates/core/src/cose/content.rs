//! Content encryption, the innermost layer of COSE_Encrypt0 and COSE_Encrypt.

use super::alg::CoseAlg;
use super::header::Header;
use super::structure::with_enc_structure;
use crate::crypto::{AeadAlg, NONCE, Suite, TAG};
use crate::platform::Entropy;
use crate::reason::Reason;
use crate::{Result, bytes};
use core::fmt;

/// A key for one AEAD.
///
/// Each sealing draws a random 96-bit nonce, so that one key may seal 2^32 messages at most (SP 800-38D section 8.3).
#[derive(Clone, Copy)]
pub struct ContentKey<'k> {
    alg: AeadAlg,
    key: &'k [u8],
    base_iv: Option<&'k [u8; NONCE]>,
}

impl<'k> ContentKey<'k> {
    /// A key of exactly [`AeadAlg::key_len`] bytes.
    pub const fn new(alg: AeadAlg, key: &'k [u8]) -> Result<Self> {
        if key.len() == alg.key_len() { Ok(Self { alg, key, base_iv: None }) } else { Err(Reason::KeyWrongUse) }
    }

    /// The same key with its Base IV, to which a Partial IV is added (RFC 9052 section 3.1).
    #[must_use]
    pub const fn with_base_iv(self, base_iv: &'k [u8; NONCE]) -> Self {
        Self { base_iv: Some(base_iv), ..self }
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> AeadAlg {
        self.alg
    }

    pub(super) const fn base_iv(&self) -> Option<&'k [u8; NONCE]> {
        self.base_iv
    }

    pub(super) const fn bytes(&self) -> &'k [u8] {
        self.key
    }

    /// Fills `out`, provided the key is for `content`.
    pub(super) fn copy(&self, content: AeadAlg, out: &mut [u8]) -> Result<()> {
        if self.alg != content || self.key.len() != out.len() {
            return Err(Reason::CoseAlgorithm);
        }
        bytes::copy(self.key, out).map(drop).ok_or(Reason::CoseAlgorithm)
    }
}

impl fmt::Debug for ContentKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({:?}, redacted)", self.alg)
    }
}

/// What sealing takes: algorithms, and randomness for content keys, nonces and ephemeral keys.
#[derive(Clone, Copy)]
pub struct Sealer<'a> {
    /// The algorithms.
    pub suite: &'a Suite<'a>,
    /// The source of randomness.
    pub entropy: &'a dyn Entropy,
}

/// The content layer of a message: all but the key.
pub(super) struct Content<'c> {
    /// "Encrypt0" or "Encrypt".
    pub(super) context: &'static str,
    pub(super) alg: AeadAlg,
    pub(super) nonce: [u8; NONCE],
    pub(super) protected: &'c [u8],
    pub(super) aad: &'c [u8],
}

impl Content<'_> {
    /// Decrypts into the front of `out` and gives the length; on error nothing of the plaintext is left there.
    pub(super) fn open(&self, suite: &Suite<'_>, key: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize> {
        let (data, tag) = sealed.split_last_chunk::<TAG>().ok_or(Reason::DecryptFailed)?;
        let room = bytes::copy(data, out).ok_or(Reason::BufferTooSmall)?;
        let aead = suite.aead(self.alg)?;
        with_enc_structure(self.context, self.protected, self.aad, &mut |aad| {
            aead.open(key, &self.nonce, aad, room, tag)
        })?;
        Ok(data.len())
    }

    /// Encrypts `sealed` in place, all but its last [`TAG`] bytes, which become the tag.
    pub(super) fn seal(&self, suite: &Suite<'_>, key: &[u8], sealed: &mut [u8]) -> Result<()> {
        let (data, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Reason::Internal)?;
        let aead = suite.aead(self.alg)?;
        with_enc_structure(self.context, self.protected, self.aad, &mut |aad| {
            aead.seal(key, &self.nonce, aad, data, tag)
        })
    }
}

/// The nonce of a received message: its IV, or its Partial IV added to the Base IV of the key (RFC 9052 section 3.1).
pub(super) fn nonce(header: &Header<'_>, base_iv: Option<&[u8; NONCE]>) -> Result<[u8; NONCE]> {
    match (header.iv, header.partial_iv, base_iv) {
        // RFC 9053 sections 4.1 and 4.3: 96 bits, neither more nor less.
        (Some(iv), None, _) => iv.try_into().map_err(|_| Reason::CoseHeader),
        (None, Some(partial), Some(base)) if partial.len() <= NONCE => {
            let mut nonce = *base;
            for (byte, add) in nonce.iter_mut().rev().zip(partial.iter().rev()) {
                *byte ^= *add;
            }
            Ok(nonce)
        }
        _ => Err(Reason::CoseHeader),
    }
}

/// Refuses a message that names another algorithm than the one its key is for.
pub(super) fn same_alg(header: &Header<'_>, key: &ContentKey<'_>) -> Result<AeadAlg> {
    if header.any_alg()? == CoseAlg::for_aead(key.alg) { Ok(key.alg) } else { Err(Reason::CoseAlgorithm) }
}
