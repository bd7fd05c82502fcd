//! Encrypted payloads (draft-ietf-suit-firmware-encryption): decrypted as a stream, judged by the digest of the plaintext.
//!
//! AES-GCM is AES in counter mode with a tag at the end (SP 800-38D section 7). A stream cannot wait for the tag, and the
//! signed digest proves more than it would, so that both kinds of content are one counter mode here.

use aseptic_core::cose::{CoseAlg, Encrypt, RecipientKey};
use aseptic_core::crypto::{NONCE, Suite, TAG};
use aseptic_core::secret::Secret;
use aseptic_core::{Reason, Result, bytes};

/// AES in counter mode (RFC 9459), keys of 128 and 256 bits.
const A128CTR: CoseAlg = CoseAlg(-65_534);
const A256CTR: CoseAlg = CoseAlg(-65_532);

/// How the content is encrypted, without its key.
#[derive(Clone, Copy)]
pub(crate) struct Encryption {
    /// Bytes of the key.
    key: u8,
    counter: [u8; 16],
    /// Bytes behind the ciphertext.
    pub(crate) tail: u8,
}

impl Encryption {
    /// Reads the encryption info of a manifest. The algorithm is proven by the signature of the manifest, so that counter
    /// mode may name it where COSE cannot protect it (RFC 9459 section 8).
    pub(crate) fn read(info: &[u8]) -> Result<(Encrypt<'_>, Self)> {
        let message = Encrypt::parse(info)?;
        if message.ciphertext.is_some() {
            return Err(Reason::CoseMalformed);
        }
        let header = &message.header;
        let iv = header.iv.ok_or(Reason::CoseHeader)?;
        let (key, gcm) = match header.alg {
            Some((CoseAlg::A128GCM, true)) => (16, true),
            Some((CoseAlg::A256GCM, true)) => (32, true),
            Some((A128CTR, false)) if header.protected.is_empty() => (16, false),
            Some((A256CTR, false)) if header.protected.is_empty() => (32, false),
            _ => return Err(Reason::AlgorithmUnsupported),
        };
        // The first block of GCM's key stream is for the tag (SP 800-38D section 7.1: the data begin at inc(J0)).
        let mut counter = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let (length, tail) = if gcm { (NONCE, TAG_BYTES) } else { (counter.len(), 0) };
        if iv.len() != length {
            return Err(Reason::CoseHeader);
        }
        bytes::copy(iv, &mut counter).ok_or(Reason::Internal)?;
        Ok((message, Self { key, counter, tail }))
    }
}

const TAG_BYTES: u8 = 16;
const _: () = assert!(TAG == 16);

/// The keys of a plan. The function stands beside them so that key transport is linked where keys are given, and nowhere else: a
/// boot loader has neither.
#[derive(Clone, Debug)]
pub(crate) struct Keys<'k> {
    pub(crate) keys: &'k [RecipientKey<'k>],
    pub(crate) open: Option<Open>,
}

type Open = fn(&Suite<'_>, &[u8], &[RecipientKey<'_>]) -> Result<Cipher>;

impl Keys<'_> {
    /// [`Reason::PayloadLocked`] without keys, else as [`Cipher::unlock`].
    pub(crate) fn open(&self, suite: &Suite<'_>, info: &[u8]) -> Result<Cipher> {
        self.open.ok_or(Reason::PayloadLocked)?(suite, info, self.keys)
    }
}

/// A payload's cipher with its key, at any position.
pub(crate) struct Cipher {
    encryption: Encryption,
    key: Secret<32>,
}

impl Cipher {
    /// The content key, by the first of `keys` that opens it. [`Reason::PayloadLocked`] without any key, else what is wrong
    /// with the last.
    pub(crate) fn unlock(suite: &Suite<'_>, info: &[u8], keys: &[RecipientKey<'_>]) -> Result<Self> {
        let (message, encryption) = Encryption::read(info)?;
        let mut secret = Secret::zeroed();
        let room = secret.expose_mut().get_mut(..encryption.key.into()).ok_or(Reason::Internal)?;
        let mut failure = Reason::PayloadLocked;
        for key in keys {
            match message.content_key(suite, key, room) {
                Ok(()) => return Ok(Self { encryption, key: secret }),
                Err(reason) => failure = reason,
            }
        }
        Err(failure)
    }

    /// Bytes behind the ciphertext.
    pub(crate) fn tail(&self) -> u64 {
        self.encryption.tail.into()
    }

    /// Decrypts in place what stands at `offset` of the payload.
    pub(crate) fn apply(&self, suite: &Suite<'_>, offset: u64, data: &mut [u8]) -> Result<()> {
        let key = self.key.expose().get(..self.encryption.key.into()).ok_or(Reason::Internal)?;
        suite.counter_mode()?.apply(key, &self.encryption.counter, offset, data)
    }
}
