//! What is kept under the storage secret: authenticated always, encrypted where it must not be read.
//!
//! ```text
//! header     in the clear, authenticated
//! nonce      12 bytes, random with each write
//! body       AES-256-GCM; associated data: file name, header
//! tag        16 bytes
//! ```
//!
//! The cipher's key is HKDF-SHA-256 of the secret with the random salt of the folder, so the same secret may serve many
//! folders. Whoever lacks the secret can neither read nor forge a sealed file, nor pass one off under another name; he can
//! put back an older file of the same name, against which software alone has no means.

use super::disk::Disk;
use crate::{Error, Result};
use aseptic_core::Reason;
use aseptic_core::crypto::{AeadAlg, HashAlg, NONCE, Suite, TAG, random};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::Secret;

const NAME: &str = "vault";
const MAGIC: &[u8; 5] = b"aVlt\x01";
const SALT: usize = 32;

/// Bytes of randomness that a storage secret must have at least.
pub const SECRET: usize = 32;

pub(super) struct Vault {
    suite: Suite<'static>,
    key: Secret<32>,
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
        } else if disk.names()?.iter().any(|name| name.starts_with("key-")) {
            // A fresh salt would make these keys unreadable for good.
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
        let mut key = Secret::zeroed();
        suite.kdf(HashAlg::Sha256)?.derive(salt, secret, &[b"aseptic files 1"], key.expose_mut())?;
        Ok(Self { suite, key })
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
}
