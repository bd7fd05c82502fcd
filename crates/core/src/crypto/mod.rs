//! Cryptography as a plain struct of algorithms, passed explicitly.
//!
//! What a [`Suite`] does not list is not linked and not accepted. [`soft`] is the pure-Rust default; firmware fills a
//! suite from its own engines. Never does a peer's message choose an algorithm: a key carries exactly one, and the
//! message must name that one.

#[cfg(feature = "soft")]
pub mod soft;

mod key;

pub mod lms;

pub use key::{KeyAlg, PublicKey, SigAlg};

use crate::platform::Entropy;
use crate::reason::Reason;
use crate::secret::{Secret, wipe};
use crate::{Result, limits};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HashAlg {
    /// SHA-256 (FIPS 180-4).
    Sha256 = 1,
    /// SHA-384.
    Sha384 = 2,
    /// SHA-512.
    Sha512 = 3,
}

impl HashAlg {
    /// Bytes of a digest.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// An AEAD cipher. All of them take a 96-bit nonce and append a 128-bit tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AeadAlg {
    /// AES-128-GCM.
    Aes128Gcm = 1,
    /// AES-256-GCM.
    Aes256Gcm = 2,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305 = 3,
}

impl AeadAlg {
    /// Bytes of a key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// Bytes of every AEAD nonce.
pub const NONCE: usize = 12;
/// Bytes of every AEAD tag.
pub const TAG: usize = 16;

/// A message that is read in parts and can be read again, so that none has to lie in one piece in memory.
pub trait Message {
    /// Hands the whole message, from its beginning, to `sink` in order; each call starts over.
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
}

/// A message whose parts lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a>(pub &'a [&'a [u8]]);

impl Message for Parts<'_> {
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|part| sink(part))
    }
}

/// A running hash: one of the soft states, or the opaque words of a foreign engine.
#[derive(Clone)]
pub struct HashState(pub(crate) State);

#[derive(Clone)]
pub(crate) enum State {
    Foreign([u64; WORDS]),
    #[cfg(feature = "soft")]
    Soft(soft::Running),
}

/// Words a foreign hash engine may keep; SHA-512 with its block buffer takes 26.
const WORDS: usize = 32;

impl HashState {
    /// The state of a foreign engine.
    #[must_use]
    pub const fn foreign(words: [u64; WORDS]) -> Self {
        Self(State::Foreign(words))
    }

    /// The words of a foreign engine; none if the state is not a foreign one.
    pub const fn words(&mut self) -> Option<&mut [u64; WORDS]> {
        match &mut self.0 {
            State::Foreign(words) => Some(words),
            #[cfg(feature = "soft")]
            State::Soft(_) => None,
        }
    }
}

/// Fills `out` with random bytes; on [`Reason::EntropyFailed`] `out` is zeroed.
pub fn random(entropy: &dyn Entropy, out: &mut [u8]) -> Result<()> {
    entropy.fill(out).map_err(|_| {
        wipe(out);
        Reason::EntropyFailed
    })
}

/// A hash function.
pub trait Hash: Send + Sync {
    /// Which one.
    fn alg(&self) -> HashAlg;
    /// A fresh state.
    fn start(&self) -> Result<HashState>;
    /// Takes in `bytes`.
    fn update(&self, state: &mut HashState, bytes: &[u8]) -> Result<()>;
    /// Writes the digest into the first [`HashAlg::digest_len`] bytes of `out`.
    fn finish(&self, state: HashState, out: &mut [u8]) -> Result<()>;
}

/// HMAC (RFC 2104) with one hash.
pub trait Mac: Send + Sync {
    /// The hash underneath.
    fn alg(&self) -> HashAlg;
    /// Writes the tag of the message into the first [`HashAlg::digest_len`] bytes of `out`.
    fn mac(&self, key: &[u8], message: &mut dyn Message, out: &mut [u8]) -> Result<()>;
}

/// HKDF (RFC 5869) with one hash.
pub trait Kdf: Send + Sync {
    /// The hash underneath.
    fn alg(&self) -> HashAlg;
    /// Fills all of `out`; an empty `salt` means the zero salt of the RFC. `info` is the concatenation of its parts.
    fn derive(&self, salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()>;
}

/// Signature verification with one algorithm.
pub trait Verifier: Send + Sync {
    /// Which one.
    fn alg(&self) -> SigAlg;
    /// [`Reason::SignatureInvalid`] unless `signature` is one of the message by `key`; [`Reason::KeyInvalid`] for a key
    /// that is no point of the curve.
    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()>;
    /// The hash whose digest [`Verifier::verify_digest`] takes; none if the algorithm signs messages themselves.
    fn hash(&self) -> Option<HashAlg> {
        None
    }
    /// As [`Verifier::verify`], where only the digest is left of a message that was too long to keep.
    fn verify_digest(&self, _key: &[u8], _digest: &[u8], _signature: &[u8]) -> Result<()> {
        Err(Reason::AlgorithmUnsupported)
    }
    /// Of [`SigAlg::Certificates`]: the AlgorithmIdentifiers (contents of the SEQUENCEs) of signatures and of keys. Key and
    /// signature are then what the BIT STRINGs of X.509 hold.
    fn identifiers(&self) -> [&'static [u8]; 2] {
        [&[], &[]]
    }
}

/// An AEAD cipher, in place.
pub trait Aead: Send + Sync {
    /// Which one.
    fn alg(&self) -> AeadAlg;
    /// Encrypts `data` in place and writes the tag.
    fn seal(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &mut [u8; TAG]) -> Result<()>;
    /// Decrypts `data` in place; on [`Reason::DecryptFailed`] `data` is zeroed.
    fn open(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &[u8; TAG]) -> Result<()>;
}

/// Ephemeral Diffie-Hellman on one curve, for the sender of an encrypted message.
pub trait Agreement: Send + Sync {
    /// The curve.
    fn alg(&self) -> KeyAlg;
    /// Makes a fresh key pair, writes its public key (65 or 32 bytes) and its length, and the secret shared with `peer`.
    fn ephemeral(
        &self,
        entropy: &dyn Entropy,
        peer: &[u8],
        public: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize>;
    /// Expands a compressed P-256 point (SEC 1 section 2.3.4): peers may send one in a COSE_Key (RFC 9053 section 7.1.1).
    /// An engine need not know how; it then answers [`Reason::AlgorithmUnsupported`].
    fn decompress(&self, _compressed: &[u8; 33], _out: &mut [u8; 65]) -> Result<()> {
        Err(Reason::AlgorithmUnsupported)
    }
}

/// AES key wrap (RFC 3394) with keys of 16, 24 and 32 bytes.
pub trait KeyWrap: Send + Sync {
    /// Writes `key.len() + 8` bytes.
    fn wrap(&self, kek: &[u8], key: &[u8], out: &mut [u8]) -> Result<usize>;
    /// Writes `wrapped.len() - 8` bytes, or [`Reason::DecryptFailed`].
    fn unwrap(&self, kek: &[u8], wrapped: &[u8], out: &mut [u8]) -> Result<usize>;
}

/// AES in counter mode (SP 800-38A section 6.5) with keys of 16, 24 and 32 bytes. It hides and proves nothing: only for bytes
/// that a digest decides about.
pub trait Ctr: Send + Sync {
    /// Encrypts or decrypts `data` in place, which begins `offset` bytes behind the block of `counter`; the counter is one
    /// big-endian number of 128 bits.
    fn apply(&self, key: &[u8], counter: &[u8; 16], offset: u64, data: &mut [u8]) -> Result<()>;
}

/// The algorithms that a device has.
#[derive(Clone, Copy, Default)]
pub struct Suite<'a> {
    /// Hash functions.
    pub hashes: &'a [&'a dyn Hash],
    /// HMACs.
    pub macs: &'a [&'a dyn Mac],
    /// HKDFs.
    pub kdfs: &'a [&'a dyn Kdf],
    /// Signature verifiers.
    pub verifiers: &'a [&'a dyn Verifier],
    /// AEAD ciphers.
    pub aeads: &'a [&'a dyn Aead],
    /// Curves for encryption to a recipient.
    pub agreements: &'a [&'a dyn Agreement],
    /// AES key wrap.
    pub wrap: Option<&'a dyn KeyWrap>,
    /// AES in counter mode.
    pub ctr: Option<&'a dyn Ctr>,
}

impl<'a> Suite<'a> {
    /// A suite without any algorithm, to build others from.
    pub const EMPTY: Self =
        Self { hashes: &[], macs: &[], kdfs: &[], verifiers: &[], aeads: &[], agreements: &[], wrap: None, ctr: None };

    /// The hash, or [`Reason::AlgorithmUnsupported`].
    pub fn hash(&self, alg: HashAlg) -> Result<&'a dyn Hash> {
        pick(self.hashes, |entry| entry.alg() == alg)
    }

    /// The HMAC, or [`Reason::AlgorithmUnsupported`].
    pub fn mac(&self, alg: HashAlg) -> Result<&'a dyn Mac> {
        pick(self.macs, |entry| entry.alg() == alg)
    }

    /// The HKDF, or [`Reason::AlgorithmUnsupported`].
    pub fn kdf(&self, alg: HashAlg) -> Result<&'a dyn Kdf> {
        pick(self.kdfs, |entry| entry.alg() == alg)
    }

    /// The verifier, or [`Reason::AlgorithmUnsupported`].
    pub fn verifier(&self, alg: SigAlg) -> Result<&'a dyn Verifier> {
        pick(self.verifiers, |entry| entry.alg() == alg)
    }

    /// The AEAD, or [`Reason::AlgorithmUnsupported`].
    pub fn aead(&self, alg: AeadAlg) -> Result<&'a dyn Aead> {
        pick(self.aeads, |entry| entry.alg() == alg)
    }

    /// The curve, or [`Reason::AlgorithmUnsupported`].
    pub fn agreement(&self, alg: KeyAlg) -> Result<&'a dyn Agreement> {
        pick(self.agreements, |entry| entry.alg() == alg)
    }

    /// AES key wrap, or [`Reason::AlgorithmUnsupported`].
    pub fn key_wrap(&self) -> Result<&'a dyn KeyWrap> {
        self.wrap.ok_or(Reason::AlgorithmUnsupported)
    }

    /// AES in counter mode, or [`Reason::AlgorithmUnsupported`].
    pub fn counter_mode(&self) -> Result<&'a dyn Ctr> {
        self.ctr.ok_or(Reason::AlgorithmUnsupported)
    }

    /// Verifies a signature by `key` over a message in parts.
    pub fn verify(&self, key: PublicKey<'_>, message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
        self.verifier(alg)?.verify(key.bytes(), message, signature)
    }

    /// The digest of a message in parts, in the first [`HashAlg::digest_len`] bytes of the answer.
    pub fn digest(&self, alg: HashAlg, message: &mut dyn Message) -> Result<[u8; 64]> {
        let hash = self.hash(alg)?;
        let mut state = hash.start()?;
        message.read(&mut |part| hash.update(&mut state, part))?;
        let mut out = [0; 64];
        hash.finish(state, &mut out)?;
        Ok(out)
    }

    /// SHA-256 of the concatenated parts.
    pub fn sha256(&self, parts: &[&[u8]]) -> Result<[u8; 32]> {
        let digest = self.digest(HashAlg::Sha256, &mut Parts(parts))?;
        digest.first_chunk().copied().ok_or(Reason::Internal)
    }
}

fn pick<'a, T: ?Sized>(list: &'a [&'a T], wanted: impl Fn(&T) -> bool) -> Result<&'a T> {
    list.iter().copied().find(|entry| wanted(entry)).ok_or(Reason::AlgorithmUnsupported)
}

const _: () = assert!(limits::PUBLIC_KEY == 65);
