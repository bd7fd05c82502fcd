//! What is kept under the storage secret: authenticated always, encrypted where it must not be read.
//!
//! Sealed, for what is written now and then:
//!
//! ```text
//! header     in the clear, authenticated
//! nonce      12 bytes, random with each write
//! body       AES-256-GCM; associated data: file name, header
//! tag        16 bytes
//! ```
//!
//! Marked, for what is written with every message (random nonces are good for 2^32 files, a mark for any number):
//!
//! ```text
//! body       in the clear, authenticated
//! mark       32 bytes, HMAC-SHA-256 of file name and body
//! ```
//!
//! Both keys are HKDF-SHA-256 of the secret with the random salt of the folder, so the same secret may serve many folders.
//! Whoever lacks the secret can neither read what is encrypted nor forge a file, nor pass one off under another name; he
//! can put back an older file of the same name, against which software alone has no means.

use super::disk::Disk;
use crate::{Error, Result};
use aseptic_core::Reason;
use aseptic_core::crypto::{AeadAlg, HashAlg, NONCE, Parts, Suite, TAG, random};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::{self, Secret};

const NAME: &str = "vault";
const MAGIC: &[u8; 5] = b"aVlt\x01";
const SALT: usize = 32;
/// Files that nobody can read again without the salt.
const DEPENDENT: [&str; 4] = ["key-", "slot-", "counter-", "boot"];

/// Bytes of randomness that a storage secret must have at least.
pub const SECRET: usize = 32;

/// Bytes of a mark.
pub(super) const MARK: usize = 32;

pub(super) struct Vault {
    suite: Suite<'static>,
    key: Secret<32>,
    marks: Secret<32>,
}

impl Vault {
    /// Opens the vault of a folder, or makes one where there is none.
    pub(super) fn open(disk: &Disk, suite: Suite<'static>, entropy: &dyn Entropy, secret: &[u8]) -> Result<Self> {
        if secret.len() < SECRET {
            return Err(Reason::SecretTooShort.into());
        }
        if disk.exists(NAME)? {
            let file = disk.read(NAME, MAGIC.len() + SALT + NONCE + TAG)?;
            let salt = file.strip_prefix(MAGIC).and_then(|rest| rest.get(..SALT)).ok_or(Reason::FileCorrupt)?;
            let vault = Self::derive(suite, secret, salt)?;
            vault.open_sealed(NAME, &file, MAGIC.len() + SALT).map_err(|_| Reason::SecretWrong)?;
            Ok(vault)
        } else if disk.names()?.iter().any(|name| DEPENDENT.iter().any(|kind| name.starts_with(kind))) {
            // A fresh salt would make these files unreadable for good.
            Err(Error::file(&disk.path(NAME), std::io::ErrorKind::NotFound.into()))
        } else {
            let mut header = MAGIC.to_vec();
            header.resize(MAGIC.len() + SALT, 0);
            random(entropy, header.split_at_mut(MAGIC.len()).1)?;
            let vault = Self::derive(suite, secret, header.split_at(MAGIC.len()).1)?;
            let sealed = vault.seal(entropy, NAME, &header, &[])?;
            disk.replace(NAME, &sealed)?;
            Ok(vault)
        }
    }

    fn derive(suite: Suite<'static>, secret: &[u8], salt: &[u8]) -> Result<Self> {
        let (mut key, mut marks) = (Secret::zeroed(), Secret::zeroed());
        let kdf = suite.kdf(HashAlg::Sha256)?;
        kdf.derive(salt, secret, &[b"aseptic files 1"], key.expose_mut())?;
        kdf.derive(salt, secret, &[b"aseptic files 1 marks"], marks.expose_mut())?;
        Ok(Self { suite, key, marks })
    }

    /// The content of the file `name`.
    pub(super) fn seal(&self, entropy: &dyn Entropy, name: &str, header: &[u8], body: &[u8]) -> Result<Vec<u8>> {
        let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
        random(entropy, &mut nonce)?;
        let mut file = Vec::with_capacity(header.len() + NONCE + body.len() + TAG);
        file.extend_from_slice(header);
        file.extend_from_slice(&nonce);
        file.extend_from_slice(body);
        let (_, sealed) = file.split_at_mut(header.len() + NONCE);
        let aad = [name.as_bytes(), &[0], header].concat();
        self.suite.aead(AeadAlg::Aes256Gcm)?.seal(self.key.expose(), &nonce, &aad, sealed, &mut tag)?;
        file.extend_from_slice(&tag);
        Ok(file)
    }

    /// The body of the file `name`, whose header has `header` bytes. [`Reason::FileCorrupt`] unless it is as sealed. The
    /// caller wipes what it must.
    pub(super) fn open_sealed(&self, name: &str, file: &[u8], header: usize) -> Result<Vec<u8>> {
        let parts = || {
            let (header, rest) = file.split_at_checked(header)?;
            let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
            let (body, tag) = rest.split_last_chunk::<TAG>()?;
            Some((header, nonce, body, tag))
        };
        let (header, nonce, body, tag) = parts().ok_or(Reason::FileCorrupt)?;
        let aad = [name.as_bytes(), &[0], header].concat();
        let mut body = body.to_vec();
        self.suite
            .aead(AeadAlg::Aes256Gcm)?
            .open(self.key.expose(), nonce, &aad, &mut body, tag)
            .map_err(|_| Reason::FileCorrupt)?;
        Ok(body)
    }

    /// The content of the file `name` with a body that may be read.
    pub(super) fn mark(&self, name: &str, body: &[u8]) -> Result<Vec<u8>> {
        Ok([body, &self.mark_of(name, body)?].concat())
    }

    /// The body of the marked file `name`. [`Reason::FileCorrupt`] unless it is as marked.
    pub(super) fn open_marked(&self, name: &str, mut file: Vec<u8>) -> Result<Vec<u8>> {
        let (body, mark) = file.split_last_chunk::<MARK>().ok_or(Reason::FileCorrupt)?;
        if !secret::equal(&self.mark_of(name, body)?, mark) {
            return Err(Reason::FileCorrupt.into());
        }
        file.truncate(file.len() - MARK);
        Ok(file)
    }

    fn mark_of(&self, name: &str, body: &[u8]) -> Result<[u8; MARK]> {
        let mut mark = [0; MARK];
        let mut content = Parts(&[name.as_bytes(), &[0], body]);
        self.suite.mac(HashAlg::Sha256)?.mac(self.marks.expose(), &mut content, &mut mark)?;
        Ok(mark)
    }
}
