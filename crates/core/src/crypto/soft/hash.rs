//! SHA-2, HMAC and HKDF.

use crate::Result;
use crate::bytes::copy;
use crate::crypto::{Hash, HashAlg, HashState, Kdf, Mac, Message, State};
use crate::reason::Reason;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Digest;

/// A hash on its way.
#[derive(Clone)]
pub(crate) enum Running {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

macro_rules! sha2_family {
    ($($hash:ident $mac:ident $kdf:ident $name:literal;)*) => {$(
        #[doc = concat!("SHA-", $name, " (FIPS 180-4).")]
        #[derive(Clone, Copy, Debug)]
        pub struct $hash;

        impl Hash for $hash {
            fn alg(&self) -> HashAlg {
                HashAlg::$hash
            }

            fn start(&self) -> Result<HashState> {
                Ok(HashState(State::Soft(Running::$hash(sha2::$hash::new()))))
            }

            fn update(&self, state: &mut HashState, bytes: &[u8]) -> Result<()> {
                let HashState(State::Soft(Running::$hash(hash))) = state else { return Err(Reason::Misuse) };
                hash.update(bytes);
                Ok(())
            }

            fn finish(&self, state: HashState, out: &mut [u8]) -> Result<()> {
                let HashState(State::Soft(Running::$hash(hash))) = state else { return Err(Reason::Misuse) };
                front(&hash.finalize(), out)
            }
        }

        #[doc = concat!("HMAC-SHA-", $name, " (RFC 2104).")]
        #[derive(Clone, Copy, Debug)]
        pub struct $mac;

        impl Mac for $mac {
            fn alg(&self) -> HashAlg {
                HashAlg::$hash
            }

            fn mac(&self, key: &[u8], message: &mut dyn Message, out: &mut [u8]) -> Result<()> {
                let mut mac = Hmac::<sha2::$hash>::new_from_slice(key).map_err(|_| Reason::Internal)?;
                message.read(&mut |part| {
                    mac.update(part);
                    Ok(())
                })?;
                front(&mac.finalize().into_bytes(), out)
            }
        }

        #[doc = concat!("HKDF-SHA-", $name, " (RFC 5869).")]
        #[derive(Clone, Copy, Debug)]
        pub struct $kdf;

        impl Kdf for $kdf {
            fn alg(&self) -> HashAlg {
                HashAlg::$hash
            }

            fn derive(&self, salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()> {
                // HMAC pads its key with zeros, so an empty salt is the zero salt of RFC 5869 section 2.2.
                // The one failure is an output of over 255 blocks (section 2.3).
                Hkdf::<sha2::$hash>::new(Some(salt), secret).expand_multi_info(info, out).map_err(|_| Reason::Misuse)
            }
        }
    )*};
}

sha2_family! {
    Sha256 HmacSha256 HkdfSha256 "256";
    Sha384 HmacSha384 HkdfSha384 "384";
    Sha512 HmacSha512 HkdfSha512 "512";
}

fn front(digest: &[u8], out: &mut [u8]) -> Result<()> {
    copy(digest, out).map(drop).ok_or(Reason::BufferTooSmall)
}
