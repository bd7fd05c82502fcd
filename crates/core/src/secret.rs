//! Containers for key material: wiped on drop, compared in constant time, never printed.

use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Exactly `N` secret bytes.
///
/// The bytes are wiped when the value is dropped. There is no `Copy`, no `Clone`, and `Debug` prints no byte.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// A secret of zero bytes, to be filled by a derivation or an entropy source.
    #[must_use]
    pub const fn zeroed() -> Self {
        Self([0; N])
    }

    /// Takes over `bytes`. The caller's own copy, if it keeps one, is the caller's to wipe.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes. Named so that every place where a secret is read can be searched for.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes, to be filled.
    pub const fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}
impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>(redacted)")
    }
}

/// Whether two byte strings are equal, in a time that depends only on their lengths.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Overwrites `bytes` with zeros in a way the compiler may not remove.
pub fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn debug_prints_no_byte() {
        assert_eq!(format!("{:?}", Secret::new([0xAB; 4])), "Secret<4>(redacted)");
    }

    #[test]
    fn equality_looks_at_every_byte_and_the_length() {
        assert_eq!(Secret::new([1, 2]), Secret::new([1, 2]));
        assert_ne!(Secret::new([1, 2]), Secret::new([1, 3]));
        assert!(!equal(&[1, 2], &[1, 2, 0]));
    }
}
