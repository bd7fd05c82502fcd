//! The rules that a certificate must keep beyond what path validation itself asks, as one table with the clause of each.
//!
//! The table serves the [`crate::Engine`] on the device and whoever issues: what this table accepts, the device accepts.

use crate::certificate::{Certificate, KeyUsage};
use crate::der::{self, Reader};
use crate::name::{GeneralName, is_host};
use crate::oid;
use aseptic_core::{Reason, Result};

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

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its lasting name.
    pub id: &'static str,
    /// Where it is written.
    pub clause: &'static str,
    /// Why a certificate is refused that breaks it.
    pub reason: Reason,
    holds: fn(&Certificate<'_>, Position) -> bool,
}

/// The rules of `rules` that `certificate` breaks at `position`, in the order of the table.
pub fn violations<'r>(
    rules: &'r [Rule],
    certificate: &Certificate<'_>,
    position: Position,
) -> impl Iterator<Item = &'r Rule> {
    rules.iter().filter(move |rule| !(rule.holds)(certificate, position))
}

/// Refuses with the reason of the first rule that is broken.
pub fn check(rules: &[Rule], certificate: &Certificate<'_>, position: Position) -> Result<()> {
    violations(rules, certificate, position).next().map_or(Ok(()), |rule| Err(rule.reason))
}

/// The strict profile for devices.
pub const DEVICE: &[Rule] = &[
    Rule {
        id: "version",
        clause: "RFC 5280 4.1.2.1: certificates with extensions are version 3",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| certificate.version == 3,
    },
    Rule {
        id: "serial",
        clause: "RFC 5280 4.1.2.2: a positive serial number of at most 20 octets",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| match certificate.serial {
            [0] => false,
            [first, ..] => first & 0x80 == 0 && certificate.serial.len() <= 20,
            [] => false,
        },
    },
    Rule {
        id: "key-type",
        clause: "profile: the key of every certificate is of an algorithm that this library has",
        reason: Reason::AlgorithmUnsupported,
        holds: |certificate, _| certificate.public_key().is_ok(),
    },
    Rule {
        id: "unknown-critical",
        clause: "RFC 5280 4.2: an unknown critical extension refuses the certificate, of an anchor too",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| certificate.extensions.unknown_critical().next().is_none(),
    },
    Rule {
        id: "ca-basic-constraints",
        clause: "RFC 5280 4.2.1.9: critical basicConstraints with cA in every CA certificate",
        reason: Reason::PathKeyUsage,
        holds: |certificate, position| {
            position == Position::Leaf
                || certificate.extensions.is_critical(oid::BASIC_CONSTRAINTS)
                    && certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
        },
    },
    Rule {
        id: "ca-key-usage",
        clause: "RFC 5280 4.2.1.3: keyUsage with keyCertSign in every CA certificate",
        reason: Reason::PathKeyUsage,
        holds: |certificate, position| {
            position == Position::Leaf
                || certificate.extensions.key_usage.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
        },
    },
    Rule {
        id: "ca-subject",
        clause: "RFC 5280 4.1.2.6: the subject of a CA is not empty",
        reason: Reason::CertificateProfile,
        holds: |certificate, position| position == Position::Leaf || !certificate.subject.is_empty(),
    },
    Rule {
        id: "issuer",
        clause: "RFC 5280 4.1.2.4: the issuer is not empty",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| !certificate.issuer.is_empty(),
    },
    Rule {
        id: "ca-subject-key-id",
        clause: "RFC 5280 4.2.1.2: subjectKeyIdentifier in every CA certificate, never critical",
        reason: Reason::CertificateProfile,
        holds: |certificate, position| {
            let present = certificate.extensions.subject_key_id.is_some();
            (present || position == Position::Leaf) && !certificate.extensions.is_critical(oid::SUBJECT_KEY_ID)
        },
    },
    Rule {
        id: "authority-key-id",
        clause: "RFC 5280 4.2.1.1: authorityKeyIdentifier with a keyIdentifier but in self-signed ones, never critical",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| {
            let extensions = &certificate.extensions;
            let named = match extensions.authority_key_id {
                Some(authority) => authority.key_id.is_some(),
                None => certificate.is_self_issued(),
            };
            named && !extensions.is_critical(oid::AUTHORITY_KEY_ID)
        },
    },
    Rule {
        id: "anchor-authority-key-id",
        clause: "CA/Browser Forum BR 7.1.2.1: where a root has authorityKeyIdentifier, it is its own key identifier alone",
        reason: Reason::CertificateProfile,
        holds: |certificate, position| match certificate.extensions.authority_key_id {
            Some(authority) if position == Position::Anchor && certificate.is_self_issued() => {
                authority.key_id == certificate.extensions.subject_key_id && !authority.names_certificate
            }
            _ => true,
        },
    },
    Rule {
        id: "leaf-no-cert-sign",
        clause: "RFC 5280 4.2.1.9: keyCertSign goes with cA alone",
        reason: Reason::PathKeyUsage,
        holds: |certificate, position| {
            let extensions = &certificate.extensions;
            position != Position::Leaf
                || !extensions.key_usage.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
                || extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
        },
    },
    Rule {
        id: "names-critical",
        clause: "RFC 5280 4.2.1.6: subjectAltName is critical where the subject is empty, and only there",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| {
            certificate.extensions.alternative_names.is_none() && !certificate.subject.is_empty()
                || certificate.extensions.is_critical(oid::SUBJECT_ALT_NAME) == certificate.subject.is_empty()
        },
    },
    Rule {
        id: "dns-syntax",
        clause: "RFC 5280 4.2.1.6: a dNSName is in the preferred name syntax, with a wildcard as its left-most label at most",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| {
            certificate.alternative_names().all(|name| match name {
                GeneralName::Dns(name) => is_host(name.strip_prefix("*.").unwrap_or(name)),
                _ => true,
            })
        },
    },
    Rule {
        id: "name-constraints",
        clause: "RFC 5280 4.2.1.10: nameConstraints in CA certificates alone, critical, not empty, no leading period",
        reason: Reason::PathConstraint,
        holds: |certificate, position| match certificate.extensions.find(oid::NAME_CONSTRAINTS) {
            Some(extension) => {
                position != Position::Leaf && extension.critical && constraints_in_form(extension.value).is_ok()
            }
            None => true,
        },
    },
    Rule {
        id: "policy-constraints-critical",
        clause: "RFC 5280 4.2.1.11: policyConstraints is critical",
        reason: Reason::PathConstraint,
        holds: |certificate, _| {
            certificate.extensions.find(oid::POLICY_CONSTRAINTS).is_none_or(|extension| extension.critical)
        },
    },
    Rule {
        id: "information-access",
        clause: "RFC 5280 4.2.2.1: authorityInfoAccess is a list of descriptions, never critical",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| match certificate.extensions.find(oid::AUTHORITY_INFO_ACCESS) {
            Some(extension) => !extension.critical && access_in_form(extension.value).is_ok(),
            None => true,
        },
    },
];

/// What IEEE 802.1AR-2018 wants of a birth certificate (IDevID), as far as the certificate alone shows it.
pub const BIRTH: &[Rule] = &[
    Rule {
        id: "birth-serial-number",
        clause: "IEEE 802.1AR 8.6: one serialNumber in the subject, a PrintableString",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| {
            let serial = certificate.subject.single(oid::SERIAL_NUMBER);
            serial.is_some_and(|serial| serial.tag == der::PRINTABLE_STRING && !serial.value.is_empty())
        },
    },
    Rule {
        id: "birth-not-after",
        clause: "IEEE 802.1AR 8.7: notAfter 99991231235959Z",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| certificate.not_after == crate::IDEVID_NOT_AFTER,
    },
    Rule {
        id: "birth-hardware-module",
        clause: "IEEE 802.1AR 8.10.4: a HardwareModuleName (RFC 4108 section 5) in subjectAltName",
        reason: Reason::CertificateProfile,
        holds: |certificate, _| certificate.hardware_module().is_some(),
    },
    Rule {
        id: "birth-key-usage",
        clause: "IEEE 802.1AR 8.10.2: keyUsage with digitalSignature",
        reason: Reason::PathKeyUsage,
        holds: |certificate, _| {
            certificate.extensions.key_usage.is_some_and(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE))
        },
    },
    Rule {
        id: "birth-no-ca",
        clause: "IEEE 802.1AR 8.10: a device issues no certificates",
        reason: Reason::PathKeyUsage,
        holds: |certificate, _| !certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca),
    },
];

/// NameConstraints with at least one subtree, none of whose DNS names starts with a period.
fn constraints_in_form(value: &[u8]) -> Result<()> {
    let mut outer = Reader::new(value);
    let mut constraints = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    if constraints.is_empty() {
        return Err(Reason::DerMalformed);
    }
    for tag in [der::context(0), der::context(1)] {
        let Some(content) = constraints.optional(tag)? else { continue };
        let mut subtrees = Reader::new(content);
        subtree(&mut subtrees)?;
        while !subtrees.is_empty() {
            subtree(&mut subtrees)?;
        }
    }
    constraints.end()
}

fn subtree(subtrees: &mut Reader<'_>) -> Result<()> {
    let base = subtrees.nested(der::SEQUENCE)?.any()?;
    let leading_period = base.tag == crate::name::DNS_NAME && base.content.first() == Some(&b'.');
    if leading_period { Err(Reason::DerMalformed) } else { Ok(()) }
}

fn access_in_form(value: &[u8]) -> Result<()> {
    let mut outer = Reader::new(value);
    let mut list = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    loop {
        let mut description = list.nested(der::SEQUENCE)?;
        description.oid()?;
        // A GeneralName: a context-specific tag.
        if description.any()?.tag & 0xC0 != 0x80 {
            return Err(Reason::DerMalformed);
        }
        description.end()?;
        if list.is_empty() {
            return Ok(());
        }
    }
}
