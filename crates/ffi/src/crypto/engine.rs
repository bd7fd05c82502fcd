//! The engines of the table as algorithms of a suite.

use super::{Engine, WORDS};
use crate::abi::{ASEPTIC_OK, aseptic_status};
use aseptic_core::crypto::{Hash, HashAlg, HashState, Message, SigAlg, Verifier};
use aseptic_core::{Reason, Result};
use core::ffi::c_void;

// SAFETY of all calls below: the program that filled the table promises in `aseptic_device_init` that every entry may be
// called with `ctx` and with pointers that are valid for the lengths beside them, for as long as the device context lives.

impl Engine {
    /// Calls one entry with the context. Nothing but `ASEPTIC_OK` is success; of the reasons an engine may name those of its
    /// contract, and every other answer counts as a failure of the engine.
    pub(super) fn ask<F: Copy>(
        &self,
        entry: Option<F>,
        named: &[Reason],
        call: impl FnOnce(F, *mut c_void) -> aseptic_status,
    ) -> Result<()> {
        let status = call(entry.ok_or(Reason::AlgorithmUnsupported)?, self.0.ctx);
        if status == ASEPTIC_OK {
            return Ok(());
        }
        match Reason::from_number(status) {
            Some(reason) if PLATFORM.contains(&reason) || named.contains(&reason) => Err(reason),
            Some(_) | None => Err(Reason::PlatformIo),
        }
    }
}

/// SHA-256 of the table.
pub(super) struct Sha256<'a>(pub(super) &'a Engine);

impl Hash for Sha256<'_> {
    fn alg(&self) -> HashAlg {
        HashAlg::Sha256
    }

    fn start(&self) -> Result<HashState> {
        let mut words = [0; WORDS];
        // SAFETY: see above.
        self.0.ask(self.0.0.sha256_start, &[], |entry, ctx| unsafe { entry(ctx, words.as_mut_ptr()) })?;
        Ok(HashState::foreign(words))
    }

    fn update(&self, state: &mut HashState, bytes: &[u8]) -> Result<()> {
        let words = state.words().ok_or(Reason::Misuse)?;
        self.0.ask(self.0.0.sha256_update, &[], |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, words.as_mut_ptr(), bytes.as_ptr(), bytes.len()) }
        })
    }

    fn finish(&self, mut state: HashState, out: &mut [u8]) -> Result<()> {
        let words = state.words().ok_or(Reason::Misuse)?;
        let digest = out.first_chunk_mut::<32>().ok_or(Reason::BufferTooSmall)?;
        self.0.ask(self.0.0.sha256_finish, &[], |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, words.as_mut_ptr(), digest.as_mut_ptr()) }
        })
    }
}

/// ECDSA on P-256 of the table, with SHA-256 from wherever it comes.
pub(super) struct Es256<'a> {
    pub(super) engine: &'a Engine,
    pub(super) hash: &'a dyn Hash,
}

impl Verifier for Es256<'_> {
    fn alg(&self) -> SigAlg {
        SigAlg::Es256
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        let key: &[u8; 65] = key.try_into().map_err(|_| Reason::KeyInvalid)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| Reason::SignatureInvalid)?;
        let mut state = self.hash.start()?;
        message.read(&mut |part| self.hash.update(&mut state, part))?;
        let mut digest = [0; 32];
        self.hash.finish(state, &mut digest)?;
        self.engine.ask(self.engine.0.p256_verify, &VERIFIED, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, key.as_ptr(), digest.as_ptr(), signature.as_ptr()) }
        })
    }
}

/// Ed25519 of the table.
pub(super) struct Ed25519<'a>(pub(super) &'a Engine);

impl Verifier for Ed25519<'_> {
    fn alg(&self) -> SigAlg {
        SigAlg::Ed25519
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        let key: &[u8; 32] = key.try_into().map_err(|_| Reason::KeyInvalid)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| Reason::SignatureInvalid)?;
        let (engine, mut words) = (self.0, [0; WORDS]);
        engine.ask(engine.0.ed25519_start, &VERIFIED, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, words.as_mut_ptr(), key.as_ptr(), signature.as_ptr()) }
        })?;
        message.read(&mut |part| {
            engine.ask(engine.0.ed25519_update, &VERIFIED, |entry, ctx| {
                // SAFETY: see above.
                unsafe { entry(ctx, words.as_mut_ptr(), part.as_ptr(), part.len()) }
            })
        })?;
        engine.ask(engine.0.ed25519_finish, &VERIFIED, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, words.as_mut_ptr(), key.as_ptr(), signature.as_ptr()) }
        })
    }
}

/// The reasons of `ASEPTIC_PLATFORM_...` and the one for what an engine lacks.
const PLATFORM: [Reason; 7] = [
    Reason::PlatformUnavailable,
    Reason::PlatformIo,
    Reason::PlatformFull,
    Reason::PlatformNotFound,
    Reason::PlatformDenied,
    Reason::PlatformCorrupt,
    Reason::AlgorithmUnsupported,
];
const VERIFIED: [Reason; 2] = [Reason::SignatureInvalid, Reason::KeyInvalid];
