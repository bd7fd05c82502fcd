//! The rules that a certificate must keep beyond what path validation itself asks, as tables with the clause of each.
//!
//! [`DEVICE`] is what devices accept and what is worth issuing. [`COMPAT`] is RFC 5280 as the field has it, for chains that
//! others issue and nobody can change. The tables serve [`crate::PathValidator`] on the device and whoever issues: what a
//! profile accepts there, the device accepts.

mod author;
mod birth;
mod forms;
mod rules;

pub use author::TRUST_AUTHOR;
pub use birth::BIRTH;

use crate::certificate::Certificate;
use aseptic_core::crypto::Suite;
use aseptic_core::{Reason, Result, limits};

/// How strict path validation is.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What every certificate of a path must keep, the anchor included.
    pub rules: &'static [Rule],
    /// Certificates of a chain at most, leaf included and anchor not; at most [`CHAIN_MOST`].
    pub chain: usize,
    /// Whether a server or an author must list its extended key usage; if not, the extension may be absent, and
    /// anyExtendedKeyUsage is every usage (RFC 5280 section 4.2.1.12).
    pub strict_usage: bool,
}

/// Most certificates of a chain in any profile: webpki holds six intermediates.
pub const CHAIN_MOST: usize = 7;

/// The strict profile for devices.
pub const DEVICE: Profile = Profile { name: "device", rules: rules::DEVICE, chain: limits::CHAIN, strict_usage: true };

/// RFC 5280 as the field has it.
pub const COMPAT: Profile = Profile { name: "compat", rules: rules::COMPAT, chain: CHAIN_MOST, strict_usage: false };

/// The name of the rule about the key itself.
pub(crate) const KEY_TYPE: &str = "key-type";

/// Where a certificate stands in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// First: the peer's own.
    Leaf,
    /// In between.
    Intermediate,
    /// Last: the one that the trust store holds.
    Anchor,
}

/// What a rule looks at.
#[derive(Clone, Copy)]
pub struct Subject<'s, 'c> {
    /// The certificate.
    pub certificate: &'s Certificate<'c>,
    /// Where it stands.
    pub position: Position,
    /// The algorithms that its key must be among.
    pub suite: &'s Suite<'s>,
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'c> {
    /// Nothing is there.
    Absent,
    /// Something is there, and it is not shown.
    Present,
    /// A statement of the profile.
    Rule(&'static str),
    /// Text of the certificate.
    Text(&'c str),
    /// Bytes of the certificate: an identifier, a serial number, a name in DER.
    Bytes(&'c [u8]),
    /// A number.
    Number(u64),
    /// Seconds since 1970.
    Time(u64),
}

/// What a profile wants of a field, and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'c> {
    /// What was wanted.
    pub wanted: Value<'c>,
    /// What was found.
    pub found: Value<'c>,
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its lasting name.
    pub id: &'static str,
    /// Where it is written.
    pub clause: &'static str,
    /// The field of the certificate that it is about.
    pub field: &'static str,
    /// Why a certificate is refused that breaks it.
    pub reason: Reason,
    judge: for<'c> fn(&Subject<'_, 'c>) -> core::result::Result<(), Difference<'c>>,
}

impl Rule {
    /// Holds, or the difference that breaks it.
    pub fn judge<'c>(&self, subject: &Subject<'_, 'c>) -> core::result::Result<(), Difference<'c>> {
        (self.judge)(subject)
    }
}

/// The rules of `rules` that a certificate breaks, with the difference, in the order of the table.
pub fn violations<'r, 'c>(
    rules: &'r [Rule],
    subject: Subject<'r, 'c>,
) -> impl Iterator<Item = (&'r Rule, Difference<'c>)> {
    rules.iter().filter_map(move |rule| Some((rule, rule.judge(&subject).err()?)))
}

/// Refuses with the reason of the first rule that is broken.
pub fn check(rules: &[Rule], subject: &Subject<'_, '_>) -> Result<()> {
    rules.iter().try_for_each(|rule| rule.judge(subject).map_err(|_| rule.reason))
}
