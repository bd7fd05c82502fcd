//! The cryptography that the library works with.

use aseptic_core::crypto::Suite;

/// The pure-Rust suite where it is built in.
pub(crate) const fn suite() -> Suite<'static> {
    #[cfg(feature = "soft")]
    return aseptic_core::crypto::soft::suite();
    #[cfg(not(feature = "soft"))]
    return Suite::EMPTY;
}
