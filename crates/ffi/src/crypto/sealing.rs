//! What sealed messages take beside hashes and verifiers.

use super::built_on::{AesKw, HkdfSha256, HmacSha256};
use super::engine::Sha256;
use super::{BUILT_IN, Engine, aseptic_crypto, present};
use crate::abi::aseptic_status;
use aseptic_core::crypto::{Aead, AeadAlg, Agreement, Ctr, HashAlg, Kdf, KeyAlg, KeyWrap, Mac, NONCE, Suite, TAG};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::{Secret, wipe};
use aseptic_core::{Reason, Result};
use core::ffi::c_void;

/// Runs `body` with `suite` and the rest of a device's algorithms.
pub(super) fn with<T>(engine: &Engine, suite: Suite<'_>, body: impl FnOnce(Suite<'_>) -> T) -> T {
    // The built-in HMAC has a SHA-256 of its own: with the one of the table it is made anew.
    let hash = Sha256(engine);
    let (own_hmac, own_hkdf) = (HmacSha256(&hash), HkdfSha256(&hash));
    let hmac = engine.0.sha256_start.map(|_| &own_hmac as &dyn Mac);
    let hkdf = engine.0.sha256_start.map(|_| &own_hkdf as &dyn Kdf);
    let [mac256, mac384, mac512] = SIZES.map(|alg| BUILT_IN.mac(alg).ok());
    let [kdf256, kdf384, kdf512] = SIZES.map(|alg| BUILT_IN.kdf(alg).ok());
    let mut macs: [&dyn Mac; 3] = [&own_hmac; 3];
    let mut kdfs: [&dyn Kdf; 3] = [&own_hkdf; 3];

    let ciphers = CIPHERS.map(|alg| Cipher { engine, alg });
    let [own_cipher, ..] = &ciphers;
    let mut aeads: [&dyn Aead; 3] = [own_cipher; 3];
    let chosen = ciphers.each_ref().map(|own| {
        let there = cipher(&engine.0, own.alg).0.is_some();
        there.then_some(own as &dyn Aead).or(BUILT_IN.aead(own.alg).ok())
    });

    let own_p256 = P256(engine);
    let p256 = engine.0.p256_ephemeral.map(|_| &own_p256 as &dyn Agreement);
    let mut agreements: [&dyn Agreement; 2] = [&own_p256; 2];
    let curves = [p256.or(BUILT_IN.agreement(KeyAlg::P256).ok()), BUILT_IN.agreement(KeyAlg::X25519).ok()];

    let own_wrap = AesKw(|decrypt, key: &[u8], block: &mut [u8; 16]| {
        engine.ask(engine.0.aes_block, &[], |entry, ctx| {
            // SAFETY: as for all calls of the table.
            unsafe { entry(ctx, key.as_ptr(), key.len(), u8::from(decrypt), block.as_mut_ptr()) }
        })
    });
    let wrap = engine.0.aes_block.map(|_| &own_wrap as &dyn KeyWrap);
    let ctr = engine.0.aes_block.map(|_| &own_wrap as &dyn Ctr);
    body(Suite {
        macs: present(&mut macs, [hmac.or(mac256), mac384, mac512].into_iter()),
        kdfs: present(&mut kdfs, [hkdf.or(kdf256), kdf384, kdf512].into_iter()),
        aeads: present(&mut aeads, chosen.into_iter()),
        agreements: present(&mut agreements, curves.into_iter()),
        wrap: wrap.or(BUILT_IN.wrap),
        ctr: ctr.or(BUILT_IN.ctr),
        ..suite
    })
}

/// An AEAD cipher of the table.
struct Cipher<'a> {
    engine: &'a Engine,
    alg: AeadAlg,
}

impl Cipher<'_> {
    /// [`Reason::KeyWrongUse`] for a key of another length than the algorithm's.
    fn key<'k>(&self, key: &'k [u8]) -> Result<&'k [u8]> {
        if key.len() == self.alg.key_len() { Ok(key) } else { Err(Reason::KeyWrongUse) }
    }
}

impl Aead for Cipher<'_> {
    fn alg(&self) -> AeadAlg {
        self.alg
    }

    fn seal(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &mut [u8; TAG]) -> Result<()> {
        let key = self.key(key)?;
        self.engine.ask(cipher(&self.engine.0, self.alg).0, &[], |entry, ctx| {
            let (nonce, data_ptr, tag) = (nonce.as_ptr(), data.as_mut_ptr(), tag.as_mut_ptr());
            // SAFETY: as for all calls of the table.
            unsafe { entry(ctx, key.as_ptr(), key.len(), nonce, aad.as_ptr(), aad.len(), data_ptr, data.len(), tag) }
        })
    }

    fn open(&self, key: &[u8], nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: &[u8; TAG]) -> Result<()> {
        let key = self.key(key)?;
        let opened = self.engine.ask(cipher(&self.engine.0, self.alg).1, &[Reason::DecryptFailed], |entry, ctx| {
            let (nonce, data_ptr, tag) = (nonce.as_ptr(), data.as_mut_ptr(), tag.as_ptr());
            // SAFETY: as for all calls of the table.
            unsafe { entry(ctx, key.as_ptr(), key.len(), nonce, aad.as_ptr(), aad.len(), data_ptr, data.len(), tag) }
        });
        if opened.is_err() {
            // An engine may have written what it decrypted before it found out.
            wipe(data);
        }
        opened
    }
}

/// Diffie-Hellman on P-256 of the table.
struct P256<'a>(&'a Engine);

impl Agreement for P256<'_> {
    fn alg(&self) -> KeyAlg {
        KeyAlg::P256
    }

    fn ephemeral(
        &self,
        _entropy: &dyn Entropy,
        peer: &[u8],
        public: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize> {
        let peer: &[u8; 65] = peer.try_into().map_err(|_| Reason::KeyInvalid)?;
        let public = public.first_chunk_mut::<65>().ok_or(Reason::BufferTooSmall)?;
        self.0.ask(self.0.0.p256_ephemeral, &[Reason::KeyInvalid, Reason::EntropyFailed], |entry, ctx| {
            // SAFETY: as for all calls of the table.
            unsafe { entry(ctx, peer.as_ptr(), public.as_mut_ptr(), secret.expose_mut().as_mut_ptr()) }
        })?;
        Ok(public.len())
    }

    fn decompress(&self, compressed: &[u8; 33], out: &mut [u8; 65]) -> Result<()> {
        BUILT_IN.agreement(KeyAlg::P256)?.decompress(compressed, out)
    }
}

type Seal = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const u8,
    *const u8,
    usize,
    *mut u8,
    usize,
    *mut u8,
) -> aseptic_status;
type Open = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const u8,
    *const u8,
    usize,
    *mut u8,
    usize,
    *const u8,
) -> aseptic_status;

/// The two functions of a cipher.
fn cipher(table: &aseptic_crypto, alg: AeadAlg) -> (Option<Seal>, Option<Open>) {
    match alg {
        AeadAlg::Aes128Gcm | AeadAlg::Aes256Gcm => (table.aes_gcm_seal, table.aes_gcm_open),
        AeadAlg::ChaCha20Poly1305 => (table.chacha20_poly1305_seal, table.chacha20_poly1305_open),
    }
}

const SIZES: [HashAlg; 3] = [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512];
const CIPHERS: [AeadAlg; 3] = [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305];
