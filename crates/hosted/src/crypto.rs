//! The fast suite: AWS-LC behind the traits of [`aseptic_core::crypto`].
//!
//! It has the entries of [`soft::suite`] and answers as that does, byte for byte and refusal for refusal. What AWS-LC does
//! not do better, or not the same way, stays with the soft entry:
//!
//! * hashes, whose running state must be plain words (both engines run at the speed of the processor's SHA instructions);
//! * Ed25519, where the soft verifier is the strict one: keys and signatures of small order are refused;
//! * AES key wrap, which AWS-LC's Rust interface lacks for 192-bit keys.
//!
//! Beyond the soft suite it verifies the certificates of hospital PKIs: see [`certificates`].

mod certificates;
mod counter;
pub mod hybrid;
mod ml_dsa;

pub use ml_dsa::MlDsaKey;

use aseptic_core::crypto::{
    Aead, AeadAlg, Agreement, HashAlg, Kdf, KeyAlg, Mac, Message, NONCE, SigAlg, Suite, TAG, Verifier, random, soft,
};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::{Secret, wipe};
use aseptic_core::{Reason, Result};
use aws_lc_rs::{aead, agreement, digest, hkdf, hmac, rand, signature};
use rustls::crypto::CryptoProvider;

/// Every algorithm of this module.
#[must_use]
pub const fn suite() -> Suite<'static> {
    Suite {
        hashes: soft::suite().hashes,
        macs: &[&Hmac(HashAlg::Sha256), &Hmac(HashAlg::Sha384), &Hmac(HashAlg::Sha512)],
        kdfs: &[&Hkdf(HashAlg::Sha256), &Hkdf(HashAlg::Sha384), &Hkdf(HashAlg::Sha512)],
        verifiers: certificates::VERIFIERS,
        aeads: &[&Cipher(AeadAlg::Aes128Gcm), &Cipher(AeadAlg::Aes256Gcm), &Cipher(AeadAlg::ChaCha20Poly1305)],
        agreements: &[&Ecdh(KeyAlg::P256), &Ecdh(KeyAlg::X25519)],
        wrap: Some(&soft::AesKw),
        ctr: Some(&counter::AesCtr),
    }
}

/// What TLS is made of: hybrid key exchange first (FIPS 203 with X25519), then X25519 and P-256; TLS 1.3 ciphers alone.
pub(crate) fn provider() -> CryptoProvider {
    use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..default_provider()
    }
}

/// As [`provider`], and what is still sound in TLS 1.2: ephemeral ECDH, ECDSA, AES-GCM.
pub(crate) fn legacy_provider() -> CryptoProvider {
    use rustls::crypto::aws_lc_rs::cipher_suite;
    let mut provider = provider();
    provider.cipher_suites.extend([
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ]);
    provider
}

/// Fills `out` from the generator of AWS-LC, which the operating system seeds.
pub(crate) fn system_random(out: &mut [u8]) -> Result<()> {
    rand::fill(out).map_err(|_| {
        wipe(out);
        Reason::EntropyFailed
    })
}

struct Hmac(HashAlg);

impl Mac for Hmac {
    fn alg(&self) -> HashAlg {
        self.0
    }

    fn mac(&self, key: &[u8], message: &mut dyn Message, out: &mut [u8]) -> Result<()> {
        let alg = match self.0 {
            HashAlg::Sha256 => hmac::HMAC_SHA256,
            HashAlg::Sha384 => hmac::HMAC_SHA384,
            HashAlg::Sha512 => hmac::HMAC_SHA512,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(alg, key));
        message.read(&mut |part| {
            context.update(part);
            Ok(())
        })?;
        let tag = context.sign();
        out.get_mut(..tag.as_ref().len()).ok_or(Reason::BufferTooSmall)?.copy_from_slice(tag.as_ref());
        Ok(())
    }
}

struct Hkdf(HashAlg);

/// The length of an output, as AWS-LC wants it told.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Kdf for Hkdf {
    fn alg(&self) -> HashAlg {
        self.0
    }

    fn derive(&self, salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        let alg = match self.0 {
            HashAlg::Sha256 => hkdf::HKDF_SHA256,
            HashAlg::Sha384 => hkdf::HKDF_SHA384,
            HashAlg::Sha512 => hkdf::HKDF_SHA512,
        };
        // The one failure is an output of over 255 blocks (RFC 5869 section 2.3).
        hkdf::Salt::new(alg, salt)
            .extract(secret)
            .expand(info, Length(out.len()))
            .and_then(|material| material.fill(out))
            .map_err(|_| Reason::Misuse)
    }
}

struct Es256;

impl Verifier for Es256 {
    fn alg(&self) -> SigAlg {
        SigAlg::Es256
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        // The one encoding: uncompressed; AWS-LC alone would take compressed points and SubjectPublicKeyInfo as well.
        if key.len() != KeyAlg::P256.public_len() || key.first() != Some(&4) {
            return Err(Reason::KeyInvalid);
        }
        let key = signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
            .map_err(|_| Reason::KeyInvalid)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        message.read(&mut |part| {
            hash.update(part);
            Ok(())
        })?;
        key.verify_digest_sig(&hash.finish(), signature).map_err(|_| Reason::SignatureInvalid)
    }

    fn hash(&self) -> Option<HashAlg> {
        soft::Es256.hash()
    }

    fn verify_digest(&self, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<()> {
        if key.len() != KeyAlg::P256.public_len() || key.first() != Some(&4) {
            return Err(Reason::KeyInvalid);
        }
        let key = signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
            .map_err(|_| Reason::KeyInvalid)?;
        let digest = digest::Digest::import_less_safe(digest, &digest::SHA256).map_err(|_| Reason::SignatureInvalid)?;
        key.verify_digest_sig(&digest, signature).map_err(|_| Reason::SignatureInvalid)
    }
}

struct Cipher(AeadAlg);

impl Cipher {
    fn key(&self, key: &[u8]) -> Result<aead::LessSafeKey> {
        let alg = match self.0 {
            AeadAlg::Aes128Gcm => &aead::AES_128_GCM,
            AeadAlg::Aes256Gcm => &aead::AES_256_GCM,
            AeadAlg::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        aead::UnboundKey::new(alg, key).map(aead::LessSafeKey::new).map_err(|_| Reason::KeyWrongUse)
    }
}

impl Aead for Cipher {
    fn alg(&self) -> AeadAlg {
        self.0
    }

    fn seal(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &mut [u8; TAG]) -> Result<()> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let made = self
            .key(key)?
            .seal_in_place_separate_tag(nonce, aead::Aad::from(aad), data)
            .map_err(|_| Reason::TooLarge)?;
        *tag = made.as_ref().try_into().map_err(|_| Reason::Internal)?;
        Ok(())
    }

    fn open(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &[u8; TAG]) -> Result<()> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = self.key(key)?.open_in_place_separate_tag(nonce, aead::Aad::from(aad), tag, data).is_ok();
        if !opened {
            wipe(data);
            return Err(Reason::DecryptFailed);
        }
        Ok(())
    }
}

struct Ecdh(KeyAlg);

impl Agreement for Ecdh {
    fn alg(&self) -> KeyAlg {
        self.0
    }

    /// The private key is drawn from `entropy` as the soft suite draws it, so that a failing source is noticed here too.
    fn ephemeral(
        &self,
        entropy: &dyn Entropy,
        peer: &[u8],
        public: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize> {
        if peer.len() != self.0.public_len() || (self.0 == KeyAlg::P256 && peer.first() != Some(&4)) {
            return Err(Reason::KeyInvalid);
        }
        let alg = if self.0 == KeyAlg::P256 { &agreement::ECDH_P256 } else { &agreement::X25519 };
        let key = self.draw(alg, entropy)?;
        agreement::agree(&key, agreement::UnparsedPublicKey::new(alg, peer), Reason::KeyInvalid, |shared| {
            *secret.expose_mut() = shared.try_into().map_err(|_| Reason::Internal)?;
            Ok(())
        })?;
        let own = key.compute_public_key().map_err(|_| Reason::Internal)?;
        let own = own.as_ref();
        public.get_mut(..own.len()).ok_or(Reason::BufferTooSmall)?.copy_from_slice(own);
        Ok(own.len())
    }

    fn decompress(&self, compressed: &[u8; 33], out: &mut [u8; 65]) -> Result<()> {
        if self.0 == KeyAlg::P256 {
            soft::EcdhP256.decompress(compressed, out)
        } else {
            soft::X25519.decompress(compressed, out)
        }
    }
}

impl Ecdh {
    fn draw(&self, alg: &'static agreement::Algorithm, entropy: &dyn Entropy) -> Result<agreement::PrivateKey> {
        // A random scalar is out of range once in 2^32 draws; twice in a row means a broken source.
        for _ in 0..2 {
            let mut bytes = Secret::<32>::zeroed();
            random(entropy, bytes.expose_mut())?;
            if let Ok(key) = agreement::PrivateKey::from_private_key(alg, bytes.expose()) {
                return Ok(key);
            }
        }
        Err(Reason::EntropyFailed)
    }
}

#[cfg(test)]
mod tests;
