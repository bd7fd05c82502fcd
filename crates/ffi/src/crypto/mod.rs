//! The cryptography that the library works with: built in, or a table of C functions.

#[cfg(feature = "device")]
mod built_on;
mod engine;
#[cfg(feature = "device")]
mod sealing;

use crate::abi::{aseptic_status, input};
use aseptic_core::Reason;
use aseptic_core::crypto::{Hash, HashAlg, SigAlg, Suite, Verifier};
use core::ffi::c_void;
use engine::{Ed25519, Es256, Sha256};

/// The words of a state: enough for SHA-512 with its block.
const WORDS: usize = 32;

/// The engines that the firmware brings, in hardware or software. Every entry is optional: NULL leaves it to the software that
/// is built into the library, and where none is built in the algorithm is absent and answers `ASEPTIC_ALGORITHM_UNSUPPORTED`.
///
/// Functions are called as those of `aseptic_platform` are. They answer `ASEPTIC_OK` or one of the `ASEPTIC_PLATFORM_...` numbers,
/// and what else each of them names. Several states are in progress at once and lie elsewhere at the next call: an engine keeps
/// in the words of a state all that it must know, and no pointer into them; one that cannot give its state away stays out.
/// Input and output never overlap, and have no alignment. HMAC, HKDF (on SHA-256) and AES key wrap are made from these.
/// The table is copied by `aseptic_device_init`; `ctx` is handed to each function as it is.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_crypto {
    /// `sizeof(aseptic_crypto)`: tells the library which entries this program knows.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to each function.
    pub ctx: *mut c_void,
    /// All of `sha256_...` together. Begins a hash; `state` has 32 words, all 0.
    pub sha256_start: Option<unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64) -> aseptic_status>,
    /// Takes in bytes, of any number.
    pub sha256_update:
        Option<unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64, bytes: *const u8, len: usize) -> aseptic_status>,
    /// Writes the digest, 32 bytes. The state is not used again.
    pub sha256_finish:
        Option<unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64, digest: *mut u8) -> aseptic_status>,
    /// Verifies ECDSA on P-256 (FIPS 186-5). `key` is 65 bytes, SEC 1 uncompressed: `ASEPTIC_KEY_INVALID` for what is no point of
    /// the curve. `digest` is 32 bytes. `signature` is r and s, 64 bytes: `ASEPTIC_SIGNATURE_INVALID`.
    pub p256_verify: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            digest: *const u8,
            signature: *const u8,
        ) -> aseptic_status,
    >,
    /// All of `ed25519_...` together. Begins to verify (RFC 8032, strict: no key and no R of small order or in a second
    /// encoding); `state` has 32 words, all 0, `key` 32 bytes, `signature` 64. `ASEPTIC_KEY_INVALID`, `ASEPTIC_SIGNATURE_INVALID`.
    pub ed25519_start: Option<
        unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64, key: *const u8, signature: *const u8) -> aseptic_status,
    >,
    /// Takes in bytes of the message, of any number.
    pub ed25519_update:
        Option<unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64, bytes: *const u8, len: usize) -> aseptic_status>,
    /// Says whether the signature is good, with the same key and signature: `ASEPTIC_SIGNATURE_INVALID`.
    pub ed25519_finish: Option<
        unsafe extern "C" fn(ctx: *mut c_void, state: *mut u64, key: *const u8, signature: *const u8) -> aseptic_status,
    >,
    /// Makes a fresh key pair on P-256, writes its public key (65 bytes, SEC 1 uncompressed) and the x coordinate of the secret
    /// shared with `peer` (65 and 32 bytes), and forgets the private key. `ASEPTIC_KEY_INVALID` for a peer not on the curve.
    pub p256_ephemeral: Option<
        unsafe extern "C" fn(ctx: *mut c_void, peer: *const u8, public_key: *mut u8, secret: *mut u8) -> aseptic_status,
    >,
    /// With `aes_gcm_open`. AES-GCM with a key of 16 or 32 bytes: encrypts `data` in place and writes the tag, 16 bytes;
    /// `nonce` has 12. `ASEPTIC_ALGORITHM_UNSUPPORTED` for a length of key that the engine lacks.
    pub aes_gcm_seal: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            key_len: usize,
            nonce: *const u8,
            aad: *const u8,
            aad_len: usize,
            data: *mut u8,
            len: usize,
            tag: *mut u8,
        ) -> aseptic_status,
    >,
    /// Decrypts `data` in place: `ASEPTIC_DECRYPT_FAILED` unless the tag fits.
    pub aes_gcm_open: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            key_len: usize,
            nonce: *const u8,
            aad: *const u8,
            aad_len: usize,
            data: *mut u8,
            len: usize,
            tag: *const u8,
        ) -> aseptic_status,
    >,
    /// With `chacha20_poly1305_open`. As `aes_gcm_seal`, by RFC 8439; the key has 32 bytes.
    pub chacha20_poly1305_seal: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            key_len: usize,
            nonce: *const u8,
            aad: *const u8,
            aad_len: usize,
            data: *mut u8,
            len: usize,
            tag: *mut u8,
        ) -> aseptic_status,
    >,
    /// As `aes_gcm_open`.
    pub chacha20_poly1305_open: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            key_len: usize,
            nonce: *const u8,
            aad: *const u8,
            aad_len: usize,
            data: *mut u8,
            len: usize,
            tag: *const u8,
        ) -> aseptic_status,
    >,
    /// One block of AES, 16 bytes, in place, for the wrapping of keys: the key has 16, 24 or 32 bytes; `decrypt` is 0 or 1.
    /// `ASEPTIC_ALGORITHM_UNSUPPORTED` for a length of key that the engine lacks.
    pub aes_block: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const u8,
            key_len: usize,
            decrypt: u8,
            block: *mut u8,
        ) -> aseptic_status,
    >,
}

/// The table, checked: groups are whole or absent. Without a table every entry is absent.
pub(crate) struct Engine(aseptic_crypto);

/// A suite lives for one call, which stays on its thread, and the table is only read.
// SAFETY: as said; `ctx` goes nowhere but to the functions of the program, on the thread that called.
unsafe impl Sync for Engine {}

impl Engine {
    /// Copies the table; NULL stands for one without entries. [`Reason::Misuse`] for a misaligned pointer, a table of another
    /// size or with an incomplete group.
    ///
    /// # Safety
    /// `table` must be NULL or misaligned or readable for as many bytes as its own first field says.
    pub(crate) unsafe fn read(table: *const aseptic_crypto) -> Result<Self, Reason> {
        if table.is_null() {
            return Ok(Self(NONE));
        }
        // SAFETY: the size is the first field, so it is readable in a table of any size.
        let size = *unsafe { input(table.cast::<u32>()) }?;
        if usize::try_from(size) != Ok(size_of::<aseptic_crypto>()) {
            return Err(Reason::Misuse);
        }
        // SAFETY: the table is as large as the type, so it is readable as such.
        let table = *unsafe { input(table) }?;
        let same = |group: &[bool]| group.iter().all(|there| Some(there) == group.first());
        let whole = same(&[table.sha256_start.is_some(), table.sha256_update.is_some(), table.sha256_finish.is_some()])
            && same(&[table.ed25519_start.is_some(), table.ed25519_update.is_some(), table.ed25519_finish.is_some()])
            && same(&[table.aes_gcm_seal.is_some(), table.aes_gcm_open.is_some()])
            && same(&[table.chacha20_poly1305_seal.is_some(), table.chacha20_poly1305_open.is_some()]);
        if table.reserved == 0 && whole { Ok(Self(table)) } else { Err(Reason::Misuse) }
    }

    /// Runs `body` with the suite: the engines of the table, and what is built in where it has none.
    pub(crate) fn with<T>(&self, body: impl FnOnce(Suite<'_>) -> T) -> T {
        let (own_sha256, own_ed25519) = (Sha256(self), Ed25519(self));
        let sha256 = self.0.sha256_start.map(|_| &own_sha256 as &dyn Hash);
        let sha256 = sha256.or(BUILT_IN.hash(HashAlg::Sha256).ok());
        let mut hashes: [&dyn Hash; 3] = [&own_sha256; 3];
        let longer = [HashAlg::Sha384, HashAlg::Sha512].map(|alg| BUILT_IN.hash(alg).ok());
        let hashes = present(&mut hashes, [sha256].into_iter().chain(longer));

        let own_es256 = Es256 { engine: self, hash: sha256.unwrap_or(&own_sha256) };
        let es256 = self.0.p256_verify.map(|_| &own_es256 as &dyn Verifier);
        let ed25519 = self.0.ed25519_start.map(|_| &own_ed25519 as &dyn Verifier);
        #[cfg(feature = "lms")]
        let own_hss = aseptic_core::crypto::lms::HssLms(sha256.unwrap_or(&own_sha256));
        #[cfg(feature = "lms")]
        let hss = sha256.map(|_| &own_hss as &dyn Verifier);
        #[cfg(not(feature = "lms"))]
        let hss = None;
        let mut verifiers: [&dyn Verifier; 3] = [&own_es256; 3];
        let chosen =
            [es256.or(BUILT_IN.verifier(SigAlg::Es256).ok()), ed25519.or(BUILT_IN.verifier(SigAlg::Ed25519).ok()), hss];
        let verifiers = present(&mut verifiers, chosen.into_iter());

        let suite = Suite { hashes, verifiers, ..Suite::EMPTY };
        #[cfg(feature = "device")]
        return sealing::with(self, suite, body);
        #[cfg(not(feature = "device"))]
        body(suite)
    }
}

/// The software of the library. A boot loader verifies, and nothing else is linked into it.
const BUILT_IN: Suite<'static> = built_in();

const fn built_in() -> Suite<'static> {
    #[cfg(all(feature = "soft", feature = "device"))]
    return aseptic_core::crypto::soft::suite();
    #[cfg(all(feature = "soft", not(feature = "device")))]
    return {
        use aseptic_core::crypto::soft;
        #[cfg(feature = "ed25519")]
        const VERIFIERS: &[&dyn Verifier] = &[&soft::Es256, &soft::Ed25519];
        #[cfg(not(feature = "ed25519"))]
        const VERIFIERS: &[&dyn Verifier] = &[&soft::Es256];
        Suite { hashes: &[&soft::Sha256], verifiers: VERIFIERS, ..Suite::EMPTY }
    };
    #[cfg(not(feature = "soft"))]
    Suite::EMPTY
}

const NONE: aseptic_crypto = aseptic_crypto {
    size: 0,
    reserved: 0,
    ctx: core::ptr::null_mut(),
    sha256_start: None,
    sha256_update: None,
    sha256_finish: None,
    p256_verify: None,
    ed25519_start: None,
    ed25519_update: None,
    ed25519_finish: None,
    p256_ephemeral: None,
    aes_gcm_seal: None,
    aes_gcm_open: None,
    chacha20_poly1305_seal: None,
    chacha20_poly1305_open: None,
    aes_block: None,
};

/// The entries that are there, in the front of `room`.
fn present<T: Copy>(room: &mut [T], entries: impl Iterator<Item = Option<T>>) -> &[T] {
    let count = room.iter_mut().zip(entries.flatten()).map(|(place, entry)| *place = entry).count();
    room.get(..count).unwrap_or_default()
}

#[cfg(all(test, feature = "soft", feature = "device"))]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the tables of a test live as long as it")]
mod tests;
