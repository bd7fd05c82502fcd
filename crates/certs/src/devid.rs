//! Birth certificates after IEEE 802.1AR.

use crate::certificate::Certificate;
use crate::profile::{self, BIRTH, DEVICE, Position, Subject};
use aseptic_core::Result;
use aseptic_core::crypto::Suite;

/// notAfter of a birth certificate, 99991231235959Z: it does not expire (RFC 5280 section 4.1.2.5).
pub const IDEVID_NOT_AFTER: u64 = 253_402_300_799;

/// Checks a birth certificate before it is installed: the rules of [`DEVICE`] for a leaf and those of [`BIRTH`]. Who issued
/// it and for which key is not looked at here.
pub fn check_birth(certificate: &Certificate<'_>) -> Result<()> {
    let subject = Subject { certificate, position: Position::Leaf, suite: &Suite::EMPTY };
    profile::check(DEVICE.rules, &subject)?;
    profile::check(BIRTH, &subject)
}
