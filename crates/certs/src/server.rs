//! Whether a server is the one that was meant.

use crate::{Certificate, oid};
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};

/// [`Reason::NameMismatch`] unless the certificate `leaf` (DER) of a server bears the DNS name `name` (RFC 9525).
///
/// A registrar ([`Purpose::Enrolment`]) may be known by its role instead (id-kp-cmcRA, RFC 7030 section 3.6.1): the anchor
/// that vouches for it is an explicit one.
pub fn check_name(leaf: &[u8], purpose: Purpose, name: &str) -> Result<()> {
    let leaf = Certificate::parse(leaf)?;
    let registrar = purpose == Purpose::Enrolment
        && leaf.extensions.extended_key_usage.is_some_and(|usages| usages.contains(oid::CMC_RA));
    if registrar || leaf.matches_dns(name) { Ok(()) } else { Err(Reason::NameMismatch) }
}
