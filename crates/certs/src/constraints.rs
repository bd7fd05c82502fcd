//! How far an anchor is believed: CertPathControls (RFC 5914 section 2.5), applied after RFC 5937 section 3.2.
//!
//! ```text
//! CertPathControls ::= SEQUENCE {            IMPLICIT TAGS
//!   taName                Name,                                 the subject of the anchor, no other
//!   certificate       [0] Certificate OPTIONAL,                 not here: the anchor is one
//!   policySet         [1] CertificatePolicies OPTIONAL,         without qualifiers
//!   policyFlags       [2] BIT STRING OPTIONAL,                  all three bits
//!   nameConstr        [3] NameConstraints OPTIONAL,             dNSName and iPAddress alone
//!   pathLenConstraint [4] INTEGER (0..MAX) OPTIONAL }
//! ```
//!
//! Whatever else stands there is not honoured, and refused as [`Reason::TrustConstraint`] before it is installed.

use crate::certificate::Certificate;
use crate::der::{self, Reader, Writer};
use crate::name::{DNS_NAME, IP_ADDRESS, Name, is_host};
use crate::oid;
use aseptic_core::trust::Anchor;
use aseptic_core::{Reason, Result};

/// What an anchor's constraints say, beside those of its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controls<'a> {
    /// The subject of the anchor: content of its SEQUENCE.
    pub name: &'a [u8],
    /// The policies of which a path must have one, if it must have any: content of CertificatePolicies.
    pub policy_set: Option<&'a [u8]>,
    /// Whether a path must have a policy.
    pub explicit_policy: bool,
    /// Whether anyPolicy stands for no other.
    pub inhibit_any_policy: bool,
    /// The names that are permitted and excluded: content of NameConstraints.
    pub name_constraints: Option<&'a [u8]>,
    /// How many intermediates a path has at most.
    pub path_length: Option<u32>,
}

impl<'a> Controls<'a> {
    /// Reads the constraints that fill `der`; empty bytes are none. [`Reason::TrustConstraint`] for all that is not honoured.
    pub fn parse(der: &'a [u8]) -> Result<Self> {
        if der.is_empty() {
            return Ok(Self::default());
        }
        Self::read(der).map_err(|_| Reason::TrustConstraint)
    }

    fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(der);
        let mut fields = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let name = Name::parse(fields.read(der::SEQUENCE)?)?.der();
        let policy_set = fields.optional(der::context(1))?;
        if let Some(set) = policy_set {
            whole_list(set, |entry| entry.nested(der::SEQUENCE).and_then(|mut policy| policy.oid().and(policy.end())))?;
        }
        let flags = fields.optional(der::context_primitive(2))?.map_or(Ok(0), flags)?;
        let name_constraints = fields.optional(der::context(3))?;
        name_constraints.map_or(Ok(()), honoured)?;
        let path_length = fields.optional(der::context_primitive(4))?.map(length).transpose()?;
        fields.end()?;
        let (explicit_policy, inhibit_any_policy) = (flags & EXPLICIT != 0, flags & NO_ANY != 0);
        Ok(Self { name, policy_set, explicit_policy, inhibit_any_policy, name_constraints, path_length })
    }

    /// The names that are permitted (list 0) or excluded (list 1): tag of the GeneralName and its content.
    pub fn subtrees(&self, list: u8) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut fields = Reader::new(self.name_constraints.unwrap_or_default());
        let mut found = Reader::new(&[]);
        while let Ok(field) = fields.any() {
            if field.tag == der::context(list) {
                found = Reader::new(field.content);
            }
        }
        core::iter::from_fn(move || {
            let base = found.nested(der::SEQUENCE).ok()?.any().ok()?;
            Some((base.tag, base.content))
        })
    }

    /// Whether a path under this policy is wanted.
    pub(crate) fn wants(&self, policy: &[u8]) -> bool {
        self.policy_set.is_none_or(|set| policies(set).any(|wanted| wanted == policy || wanted == oid::ANY_POLICY))
    }
}

/// What an author says about an anchor; written as CertPathControls by [`Wanted::write`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// How many intermediates a path has at most.
    pub path_length: Option<u32>,
    /// Domains whose hosts are permitted; empty for all.
    pub permitted_dns: &'a [&'a str],
    /// Domains whose hosts are not.
    pub excluded_dns: &'a [&'a str],
    /// Addresses with their masks (8 or 32 bytes) that are permitted; empty for all.
    pub permitted_ip: &'a [&'a [u8]],
    /// Addresses with their masks that are not.
    pub excluded_ip: &'a [&'a [u8]],
    /// Policies (content bytes of object identifiers) of which a path must have one; empty for none.
    pub policies: &'a [&'a [u8]],
}

impl Wanted<'_> {
    /// Writes the constraints for an anchor with this certificate into the front of `out`; gives the length.
    pub fn write(&self, certificate: &Certificate<'_>, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.nested(der::SEQUENCE, |fields| {
            fields.element(der::SEQUENCE, certificate.subject.der());
            if !self.policies.is_empty() {
                fields.nested(der::context(1), |set| {
                    for policy in self.policies {
                        set.nested(der::SEQUENCE, |entry| {
                            entry.oid(policy);
                        });
                    }
                });
                // requireExplicitPolicy alone: bit 1, six bits unused.
                fields.element(der::context_primitive(2), &[6, EXPLICIT]);
            }
            let permitted = [self.permitted_dns.len(), self.permitted_ip.len()] != [0, 0];
            let excluded = [self.excluded_dns.len(), self.excluded_ip.len()] != [0, 0];
            if permitted || excluded {
                fields.nested(der::context(3), |names| {
                    if permitted {
                        subtrees(names, 0, self.permitted_dns, self.permitted_ip);
                    }
                    if excluded {
                        subtrees(names, 1, self.excluded_dns, self.excluded_ip);
                    }
                });
            }
            if let Some(length) = self.path_length {
                fields.nested(der::context_primitive(4), |content| {
                    let bytes = length.to_be_bytes();
                    let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
                    let shortest = bytes.get(zeros..).unwrap_or_default();
                    if shortest.first().is_some_and(|first| first & 0x80 != 0) {
                        content.raw(&[0]);
                    }
                    content.raw(shortest);
                });
            }
        });
        let written = writer.finish()?;
        Controls::parse(written)?;
        Ok(written.len())
    }
}

/// Refuses an anchor whose constraints cannot be honoured.
pub(crate) fn check(anchor: &Anchor<'_>) -> Result<()> {
    let certificate = Certificate::parse(anchor.certificate)?;
    if anchor.constraints.is_empty() {
        return Ok(());
    }
    let controls = Controls::parse(anchor.constraints)?;
    if controls.name != certificate.subject.der() {
        return Err(Reason::TrustConstraint);
    }
    names_of(&controls, &certificate).map(drop)
}

/// The name constraints that hold for an anchor. The engine takes one list of them: an anchor whose certificate has its own
/// cannot have others beside.
pub(crate) fn names_of<'a>(controls: &Controls<'a>, certificate: &Certificate<'a>) -> Result<Option<&'a [u8]>> {
    let own = certificate.extensions.find(oid::NAME_CONSTRAINTS);
    match (controls.name_constraints, own) {
        (Some(_), Some(_)) => Err(Reason::TrustConstraint),
        (Some(names), None) => Ok(Some(names)),
        (None, Some(own)) => Reader::new(own.value).read(der::SEQUENCE).map(Some),
        (None, None) => Ok(None),
    }
}

/// The identifiers in the content of CertificatePolicies.
pub fn policies(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut list = Reader::new(content);
    core::iter::from_fn(move || list.nested(der::SEQUENCE).ok()?.oid().ok())
}

/// Refuses name constraints that the engine does not check: it knows those of hosts and of addresses.
fn honoured(content: &[u8]) -> Result<()> {
    let mut fields = Reader::new(content);
    if fields.is_empty() {
        return Err(Reason::DerMalformed);
    }
    for tag in [der::context(0), der::context(1)] {
        let Some(list) = fields.optional(tag)? else { continue };
        whole_list(list, |list| {
            let mut subtree = list.nested(der::SEQUENCE)?;
            let base = subtree.any()?;
            subtree.end()?;
            let known = match base.tag {
                DNS_NAME => core::str::from_utf8(base.content).is_ok_and(is_host),
                IP_ADDRESS => matches!(base.content.len(), 8 | 32),
                _ => false,
            };
            if known { Ok(()) } else { Err(Reason::TrustConstraint) }
        })?;
    }
    fields.end()
}

/// One element at least, and nothing after the last.
fn whole_list(content: &[u8], mut element: impl FnMut(&mut Reader<'_>) -> Result<()>) -> Result<()> {
    let mut list = Reader::new(content);
    element(&mut list)?;
    while !list.is_empty() {
        element(&mut list)?;
    }
    Ok(())
}

/// The bits of policyFlags, the first one highest. inhibitPolicyMapping needs nothing: mappings are never followed.
fn flags(content: &[u8]) -> Result<u8> {
    let known = NO_MAPPING | EXPLICIT | NO_ANY;
    match content {
        // A named bit list has no trailing zeros (X.690 section 11.2.2).
        [unused, bits] if bits & !known == 0 && bits.trailing_zeros() == u32::from(*unused) => Ok(*bits),
        [0] => Ok(0),
        _ => Err(Reason::DerMalformed),
    }
}

fn length(content: &[u8]) -> Result<u32> {
    let magnitude = content.strip_prefix(&[0]).unwrap_or(content);
    let shortest = match content {
        [0, second, ..] => second & 0x80 != 0,
        [first, ..] => first & 0x80 == 0,
        [] => false,
    };
    if !shortest || magnitude.len() > 4 {
        return Err(Reason::DerMalformed);
    }
    Ok(magnitude.iter().fold(0, |value: u32, byte| value.wrapping_shl(8) | u32::from(*byte)))
}

fn subtrees(names: &mut Writer<'_>, tag: u8, dns: &[&str], ip: &[&[u8]]) {
    names.nested(der::context(tag), |list| {
        let hosts = dns.iter().map(|name| (DNS_NAME, name.as_bytes()));
        for (tag, base) in hosts.chain(ip.iter().map(|address| (IP_ADDRESS, *address))) {
            list.nested(der::SEQUENCE, |subtree| {
                subtree.element(tag, base);
            });
        }
    });
}

const NO_MAPPING: u8 = 0x80;
const EXPLICIT: u8 = 0x40;
const NO_ANY: u8 = 0x20;
