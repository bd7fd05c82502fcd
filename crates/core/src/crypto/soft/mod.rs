//! The pure-Rust suite: RustCrypto and dalek behind the traits of [`crate::crypto`].
//!
//! Each algorithm is a type without state. [`suite`] lists them all; firmware that wants fewer writes its own list, and
//! what it does not list is not linked:
//!
//! ```
//! use aseptic_core::crypto::{Suite, soft};
//!
//! const VERIFY_ONLY: Suite<'static> =
//!     Suite { hashes: &[&soft::Sha256], verifiers: &[&soft::Es256], ..Suite::EMPTY };
//! assert!(VERIFY_ONLY.hash(aseptic_core::crypto::HashAlg::Sha512).is_err());
//! ```

mod cipher;

mod curve25519;

mod hash;

mod p256;

mod private_key;

pub use cipher::{Aes128Gcm, Aes256Gcm, AesCtr, AesKw, ChaCha20Poly1305};

pub use curve25519::{Ed25519, X25519};

pub use hash::{HkdfSha256, HkdfSha384, HkdfSha512, HmacSha256, HmacSha384, HmacSha512, Sha256, Sha384, Sha512};

pub use p256::{EcdhP256, Es256};

pub use private_key::PrivateKey;

pub(crate) use hash::Running;

use super::Suite;
use super::lms::HssLms;

/// Every algorithm of this module.
#[must_use]
pub const fn suite() -> Suite<'static> {
    Suite {
        hashes: &[&Sha256, &Sha384, &Sha512],
        macs: &[&HmacSha256, &HmacSha384, &HmacSha512],
        kdfs: &[&HkdfSha256, &HkdfSha384, &HkdfSha512],
        verifiers: &[&Es256, &Ed25519, &HssLms(&Sha256)],
        aeads: &[&Aes128Gcm, &Aes256Gcm, &ChaCha20Poly1305],
        agreements: &[&EcdhP256, &X25519],
        wrap: Some(&AesKw),
        ctr: Some(&AesCtr),
    }
}

#[cfg(test)]
mod tests;
