//! Birth certificates after IEEE 802.1AR.

use crate::certificate::Certificate;
use crate::profile::{self, BIRTH, DEVICE, Position};
use aseptic_core::Result;

/// notAfter of a birth certificate, 99991231235959Z: it does not expire (RFC 5280 section 4.1.2.5).
pub const IDEVID_NOT_AFTER: u64 = 253_402_300_799;

/// Checks a birth certificate before it is installed: the rules of [`DEVICE`] for a leaf and those of [`BIRTH`]. Who issued
/// it and for which key is not looked at here.
pub fn check_birth(certificate: &Certificate<'_>) -> Result<()> {
    profile::check(DEVICE, certificate, Position::Leaf)?;
    profile::check(BIRTH, certificate, Position::Leaf)
}
