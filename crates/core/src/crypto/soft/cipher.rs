//! AEAD ciphers and AES key wrap.

use crate::Result;
use crate::crypto::{Aead, AeadAlg, Ctr, KeyWrap, NONCE, TAG};
use crate::reason::Reason;
use crate::secret::wipe;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_kw::{KwAes128, KwAes192, KwAes256};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

macro_rules! aeads {
    ($($(#[$doc:meta])* $name:ident = $engine:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Aead for $name {
            fn alg(&self) -> AeadAlg {
                AeadAlg::$name
            }

            fn seal(
                &self,
                key: &[u8],
                nonce: &[u8; NONCE],
                aad: &[u8],
                data: &mut [u8],
                tag: &mut [u8; TAG],
            ) -> Result<()> {
                let cipher = <$engine>::new_from_slice(key).map_err(|_| Reason::KeyWrongUse)?;
                let made = cipher
                    .encrypt_inout_detached(&(*nonce).into(), aad, data.into())
                    .map_err(|_| Reason::TooLarge)?;
                *tag = made.into();
                Ok(())
            }

            fn open(
                &self,
                key: &[u8],
                nonce: &[u8; NONCE],
                aad: &[u8],
                data: &mut [u8],
                tag: &[u8; TAG],
            ) -> Result<()> {
                let cipher = <$engine>::new_from_slice(key).map_err(|_| Reason::KeyWrongUse)?;
                let opened = cipher.decrypt_inout_detached(&(*nonce).into(), aad, (&mut *data).into(), &(*tag).into());
                opened.map_err(|_| {
                    wipe(data);
                    Reason::DecryptFailed
                })
            }
        }
    )*};
}

aeads! {
    /// AES-128-GCM (SP 800-38D).
    Aes128Gcm = aes_gcm::Aes128Gcm;
    /// AES-256-GCM (SP 800-38D).
    Aes256Gcm = aes_gcm::Aes256Gcm;
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305 = chacha20poly1305::ChaCha20Poly1305;
}

/// AES key wrap (RFC 3394) with keys of 128, 192 and 256 bits.
#[derive(Clone, Copy, Debug)]
pub struct AesKw;

impl KeyWrap for AesKw {
    fn wrap(&self, kek: &[u8], key: &[u8], out: &mut [u8]) -> Result<usize> {
        // RFC 3394 section 2: n is at least 2 blocks of 64 bits.
        if key.len() < 16 || !key.len().is_multiple_of(8) {
            return Err(Reason::KeyWrongUse);
        }
        let wrapped = match kek.len() {
            16 => KwAes128::new_from_slice(kek).map_err(|_| Reason::Internal)?.wrap_key(key, out),
            24 => KwAes192::new_from_slice(kek).map_err(|_| Reason::Internal)?.wrap_key(key, out),
            32 => KwAes256::new_from_slice(kek).map_err(|_| Reason::Internal)?.wrap_key(key, out),
            _ => return Err(Reason::KeyWrongUse),
        };
        wrapped.map(<[u8]>::len).map_err(|_| Reason::BufferTooSmall)
    }

    fn unwrap(&self, kek: &[u8], wrapped: &[u8], out: &mut [u8]) -> Result<usize> {
        if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
            return Err(Reason::DecryptFailed);
        }
        let key = match kek.len() {
            16 => KwAes128::new_from_slice(kek).map_err(|_| Reason::Internal)?.unwrap_key(wrapped, out),
            24 => KwAes192::new_from_slice(kek).map_err(|_| Reason::Internal)?.unwrap_key(wrapped, out),
            32 => KwAes256::new_from_slice(kek).map_err(|_| Reason::Internal)?.unwrap_key(wrapped, out),
            _ => return Err(Reason::KeyWrongUse),
        };
        key.map(<[u8]>::len).map_err(|error| match error {
            aes_kw::Error::InvalidOutputSize { .. } => Reason::BufferTooSmall,
            _ => Reason::DecryptFailed,
        })
    }
}

/// AES in counter mode (SP 800-38A) with keys of 128, 192 and 256 bits.
#[derive(Clone, Copy, Debug)]
pub struct AesCtr;

impl Ctr for AesCtr {
    fn apply(&self, key: &[u8], counter: &[u8; 16], offset: u64, data: &mut [u8]) -> Result<()> {
        match key.len() {
            16 => run::<Ctr128BE<aes::Aes128>>(key, counter, offset, data),
            24 => run::<Ctr128BE<aes::Aes192>>(key, counter, offset, data),
            32 => run::<Ctr128BE<aes::Aes256>>(key, counter, offset, data),
            _ => Err(Reason::KeyWrongUse),
        }
    }
}

fn run<C: KeyIvInit + StreamCipher + StreamCipherSeek>(
    key: &[u8],
    counter: &[u8; 16],
    offset: u64,
    data: &mut [u8],
) -> Result<()> {
    let mut cipher = C::new_from_slices(key, counter).map_err(|_| Reason::Internal)?;
    cipher.try_seek(offset).map_err(|_| Reason::TooLarge)?;
    cipher.try_apply_keystream(data).map_err(|_| Reason::TooLarge)
}
