//! The rules of both profiles, each once.

use super::forms::{access_in_form, constraints_in_form};
use super::{Difference, Position, Rule, Subject, Value};
use crate::certificate::{Certificate, KeyUsage};
use crate::name::{self, GeneralName, is_host};
use crate::{algorithm, oid};
use aseptic_core::Reason;

/// The strict profile.
pub(super) const DEVICE: &[Rule] = &[
    VERSION,
    SERIAL,
    KEY_TYPE,
    UNKNOWN_CRITICAL,
    CA_BASIC_CONSTRAINTS,
    CA_KEY_USAGE,
    CA_SUBJECT,
    ISSUER,
    CA_SUBJECT_KEY_ID,
    AUTHORITY_KEY_ID,
    ANCHOR_AUTHORITY_KEY_ID,
    LEAF_NO_CERT_SIGN,
    KEY_USAGE_FITS,
    EXTENDED_USAGE,
    NAMES_CRITICAL,
    DNS_SYNTAX,
    COMMON_NAME,
    NAME_CONSTRAINTS,
    POLICY_CONSTRAINTS_CRITICAL,
    INFORMATION_ACCESS,
    NO_REVOCATION,
];

/// What no certificate may break, however old its issuer is: all of it decides who may issue what.
pub(super) const COMPAT: &[Rule] = &[
    KEY_TYPE,
    UNKNOWN_CRITICAL,
    CA_BASIC_CONSTRAINTS_CA,
    CA_KEY_USAGE_IF_PRESENT,
    ISSUER,
    KEY_USAGE_FITS,
    NAMES_CRITICAL_IF_ALONE,
    NAME_CONSTRAINTS_FORM,
    NO_REVOCATION,
];

const VERSION: Rule = Rule {
    id: "version",
    clause: "RFC 5280 4.1.2.1: certificates with extensions are version 3",
    field: "version",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let version = subject.certificate.version;
        ensure(version == 3, "3", Value::Number(u64::from(version)))
    },
};

const SERIAL: Rule = Rule {
    id: "serial",
    clause: "RFC 5280 4.1.2.2: a positive serial number of at most 20 octets",
    field: "serialNumber",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let serial = subject.certificate.serial;
        let holds = match serial {
            [0] | [] => false,
            [first, ..] => first & 0x80 == 0 && serial.len() <= 20,
        };
        ensure(holds, "positive, at most 20 octets", Value::Bytes(serial))
    },
};

const KEY_TYPE: Rule = Rule {
    id: super::KEY_TYPE,
    clause: "profile: the key of every certificate is sound, and of an algorithm that the suite has",
    field: "subjectPublicKeyInfo",
    reason: Reason::AlgorithmUnsupported,
    judge: |subject| {
        let spki = subject.certificate.spki;
        ensure(algorithm::check_key(subject.suite, spki).is_ok(), "a key of the suite", Value::Bytes(spki))
    },
};

const UNKNOWN_CRITICAL: Rule = Rule {
    id: "unknown-critical",
    clause: "RFC 5280 4.2: an unknown critical extension refuses the certificate, of an anchor too",
    field: "extensions",
    reason: Reason::CertificateProfile,
    judge: |subject| match subject.certificate.extensions.unknown_critical().next() {
        Some(unknown) => ensure(false, "known extensions where critical", Value::Bytes(unknown.oid)),
        None => Ok(()),
    },
};

const CA_BASIC_CONSTRAINTS: Rule = Rule {
    id: "ca-basic-constraints",
    clause: "RFC 5280 4.2.1.9: critical basicConstraints with cA in every CA certificate",
    field: "basicConstraints",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let critical = subject.certificate.extensions.is_critical(oid::BASIC_CONSTRAINTS);
        let holds = subject.position == Position::Leaf || critical && is_ca(subject.certificate);
        ensure(holds, "critical, cA", constraints(subject.certificate))
    },
};

const CA_BASIC_CONSTRAINTS_CA: Rule = Rule {
    id: "ca-basic-constraints-ca",
    clause: "RFC 5280 6.1.4 (k): basicConstraints with cA in every CA certificate but anchors of version 1",
    field: "basicConstraints",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let old_anchor = subject.position == Position::Anchor && subject.certificate.version == 1;
        let holds = subject.position == Position::Leaf || old_anchor || is_ca(subject.certificate);
        ensure(holds, "cA", constraints(subject.certificate))
    },
};

const CA_KEY_USAGE: Rule = Rule {
    id: "ca-key-usage",
    clause: "RFC 5280 4.2.1.3: keyUsage with keyCertSign in every CA certificate",
    field: "keyUsage",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let usages = subject.certificate.extensions.key_usage;
        let holds =
            subject.position == Position::Leaf || usages.is_some_and(|usages| usages.contains(KeyUsage::KEY_CERT_SIGN));
        ensure(holds, "keyCertSign", usage(subject.certificate))
    },
};

const CA_KEY_USAGE_IF_PRESENT: Rule = Rule {
    id: "ca-key-usage-if-present",
    clause: "RFC 5280 6.1.4 (n): keyCertSign where a CA certificate has keyUsage",
    field: "keyUsage",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let usages = subject.certificate.extensions.key_usage;
        let holds =
            subject.position == Position::Leaf || usages.is_none_or(|usages| usages.contains(KeyUsage::KEY_CERT_SIGN));
        ensure(holds, "keyCertSign", usage(subject.certificate))
    },
};

const CA_SUBJECT: Rule = Rule {
    id: "ca-subject",
    clause: "RFC 5280 4.1.2.6: the subject of a CA is not empty",
    field: "subject",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let holds = subject.position == Position::Leaf || !subject.certificate.subject.is_empty();
        ensure(holds, "a name", Value::Absent)
    },
};

const ISSUER: Rule = Rule {
    id: "issuer",
    clause: "RFC 5280 4.1.2.4: the issuer is not empty",
    field: "issuer",
    reason: Reason::CertificateProfile,
    judge: |subject| ensure(!subject.certificate.issuer.is_empty(), "a name", Value::Absent),
};

const CA_SUBJECT_KEY_ID: Rule = Rule {
    id: "ca-subject-key-id",
    clause: "RFC 5280 4.2.1.2: subjectKeyIdentifier in every CA certificate, never critical",
    field: "subjectKeyIdentifier",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let extensions = &subject.certificate.extensions;
        let present = extensions.subject_key_id.is_some() || subject.position == Position::Leaf;
        let found = extensions.subject_key_id.map_or(Value::Absent, |_| Value::Rule("critical"));
        ensure(present && !extensions.is_critical(oid::SUBJECT_KEY_ID), "present, not critical", found)
    },
};

const AUTHORITY_KEY_ID: Rule = Rule {
    id: "authority-key-id",
    clause: "RFC 5280 4.2.1.1: authorityKeyIdentifier with a keyIdentifier but in self-signed ones, never critical",
    field: "authorityKeyIdentifier",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let extensions = &subject.certificate.extensions;
        let (named, found) = match extensions.authority_key_id {
            Some(authority) => (authority.key_id.is_some(), Value::Present),
            None => (subject.certificate.is_self_issued(), Value::Absent),
        };
        ensure(named && !extensions.is_critical(oid::AUTHORITY_KEY_ID), "a keyIdentifier, not critical", found)
    },
};

const ANCHOR_AUTHORITY_KEY_ID: Rule = Rule {
    id: "anchor-authority-key-id",
    clause: "CA/Browser Forum BR 7.1.2.1: where a root has authorityKeyIdentifier, it is its own key identifier alone",
    field: "authorityKeyIdentifier",
    reason: Reason::CertificateProfile,
    judge: |subject| match subject.certificate.extensions.authority_key_id {
        Some(authority) if subject.position == Position::Anchor && subject.certificate.is_self_issued() => {
            let own = subject.certificate.extensions.subject_key_id;
            if authority.names_certificate {
                return ensure(false, "a keyIdentifier alone", Value::Rule("a certificate is named"));
            }
            if authority.key_id == own {
                Ok(())
            } else {
                Err(Difference { wanted: id(own), found: id(authority.key_id) })
            }
        }
        _ => Ok(()),
    },
};

const LEAF_NO_CERT_SIGN: Rule = Rule {
    id: "leaf-no-cert-sign",
    clause: "RFC 5280 4.2.1.9: keyCertSign goes with cA alone",
    field: "keyUsage",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let usages = subject.certificate.extensions.key_usage;
        let holds = subject.position != Position::Leaf
            || !usages.is_some_and(|usages| usages.contains(KeyUsage::KEY_CERT_SIGN))
            || is_ca(subject.certificate);
        ensure(holds, "no keyCertSign", usage(subject.certificate))
    },
};

const KEY_USAGE_FITS: Rule = Rule {
    id: "ml-dsa-usage",
    clause: "RFC 9881 5: keys of ML-DSA only sign",
    field: "keyUsage",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let enciphers = KeyUsage::KEY_ENCIPHERMENT.or(KeyUsage::DATA_ENCIPHERMENT).or(KeyUsage::KEY_AGREEMENT);
        let enciphers = enciphers.or(KeyUsage::ENCIPHER_ONLY).or(KeyUsage::DECIPHER_ONLY);
        let usages = subject.certificate.extensions.key_usage;
        let holds = !usages.is_some_and(|usages| usages.intersects(enciphers)) || !is_ml_dsa(subject.certificate);
        ensure(holds, "usages of signatures alone", usage(subject.certificate))
    },
};

const EXTENDED_USAGE: Rule = Rule {
    id: "extended-key-usage",
    clause: "CA/Browser Forum BR 7.1.2: extKeyUsage names usages one by one, is never critical, and is not in a root",
    field: "extKeyUsage",
    reason: Reason::PathKeyUsage,
    judge: |subject| {
        let certificate = subject.certificate;
        let Some(listed) = certificate.extensions.extended_key_usage else { return Ok(()) };
        if subject.position == Position::Anchor && certificate.is_self_issued() {
            return ensure(false, "none in a root", Value::Present);
        }
        if certificate.extensions.is_critical(oid::EXTENDED_KEY_USAGE) {
            return ensure(false, "not critical", Value::Rule("critical"));
        }
        ensure(!listed.contains(oid::ANY_USAGE), "usages one by one", Value::Rule("anyExtendedKeyUsage"))
    },
};

const NAMES_CRITICAL: Rule = Rule {
    id: "names-critical",
    clause: "RFC 5280 4.2.1.6: subjectAltName is critical where the subject is empty, and only there",
    field: "subjectAltName",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let (critical, wanted) = names_critical(subject);
        let absent = subject.certificate.extensions.alternative_names.is_none();
        let holds = absent && !wanted || critical == wanted;
        ensure(
            holds,
            if wanted { "critical" } else { "not critical" },
            if absent { Value::Absent } else { Value::Present },
        )
    },
};

const NAMES_CRITICAL_IF_ALONE: Rule = Rule {
    id: "names-critical-if-alone",
    clause: "RFC 5280 4.2.1.6: subjectAltName is critical where the subject is empty",
    field: "subjectAltName",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let (critical, wanted) = names_critical(subject);
        ensure(critical || !wanted, "critical", Value::Absent)
    },
};

const DNS_SYNTAX: Rule = Rule {
    id: "dns-syntax",
    clause: "RFC 5280 4.2.1.6: a dNSName is in the preferred name syntax, with a wildcard as its left-most label at most",
    field: "subjectAltName",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let odd = subject.certificate.alternative_names().find_map(|name| match name {
            GeneralName::Dns(name) if !is_host(name.strip_prefix("*.").unwrap_or(name)) => Some(name),
            _ => None,
        });
        odd.map_or(Ok(()), |name| ensure(false, "a host name", Value::Text(name)))
    },
};

const COMMON_NAME: Rule = Rule {
    id: "common-name",
    clause: "CA/Browser Forum BR 7.1.4.3, eased: the commonName of a server repeats a name of subjectAltName or its domain",
    field: "subject",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let certificate = subject.certificate;
        let usages = certificate.extensions.extended_key_usage;
        let server = usages.is_some_and(|usages| usages.contains(oid::SERVER_AUTH));
        let Some(common) = certificate.common_name() else { return Ok(()) };
        if subject.position != Position::Leaf || !server {
            return Ok(());
        }
        let (mut named, mut hosts) = (false, false);
        for name in certificate.alternative_names() {
            named |= match name {
                GeneralName::Dns(name) => {
                    hosts = true;
                    let above = name.as_bytes().strip_suffix(common);
                    above.is_some_and(|below| below.is_empty() || below.ends_with(b"."))
                }
                GeneralName::Ip(address) => name::is_address_text(address, common),
                _ => false,
            };
        }
        // Beside addresses alone a domain is no claim to be another of them.
        let domain = || core::str::from_utf8(common).is_ok_and(|common| common.contains('.') && is_host(common));
        let none = certificate.extensions.alternative_names.is_none();
        ensure(named || none || !hosts && domain(), "a name of subjectAltName", Value::Bytes(common))
    },
};

const NAME_CONSTRAINTS: Rule = Rule {
    id: "name-constraints",
    clause: "RFC 5280 4.2.1.10: nameConstraints in CA certificates alone, critical, not empty, no leading period",
    field: "nameConstraints",
    reason: Reason::PathConstraint,
    judge: |subject| match subject.certificate.extensions.find(oid::NAME_CONSTRAINTS) {
        Some(extension) => {
            let placed = subject.position != Position::Leaf && extension.critical;
            let holds = placed && constraints_in_form(extension.value).is_ok();
            ensure(holds, "critical, in a CA certificate, not empty", Value::Bytes(extension.value))
        }
        None => Ok(()),
    },
};

const NAME_CONSTRAINTS_FORM: Rule = Rule {
    id: "name-constraints-form",
    clause: "RFC 5280 4.2.1.10: nameConstraints are not empty and have no leading period in a DNS name",
    field: "nameConstraints",
    reason: Reason::PathConstraint,
    judge: |subject| match subject.certificate.extensions.find(oid::NAME_CONSTRAINTS) {
        Some(extension) => {
            let holds = constraints_in_form(extension.value).is_ok();
            ensure(holds, "not empty, no leading period", Value::Bytes(extension.value))
        }
        None => Ok(()),
    },
};

const POLICY_CONSTRAINTS_CRITICAL: Rule = Rule {
    id: "policy-constraints-critical",
    clause: "RFC 5280 4.2.1.11: policyConstraints is critical",
    field: "policyConstraints",
    reason: Reason::PathConstraint,
    judge: |subject| {
        let found = subject.certificate.extensions.find(oid::POLICY_CONSTRAINTS);
        ensure(found.is_none_or(|extension| extension.critical), "critical", Value::Rule("not critical"))
    },
};

const INFORMATION_ACCESS: Rule = Rule {
    id: "information-access",
    clause: "RFC 5280 4.2.2.1: authorityInfoAccess is a list of descriptions, never critical",
    field: "authorityInfoAccess",
    reason: Reason::CertificateProfile,
    judge: |subject| match subject.certificate.extensions.find(oid::AUTHORITY_INFO_ACCESS) {
        Some(extension) => {
            let holds = !extension.critical && access_in_form(extension.value).is_ok();
            ensure(holds, "a list of descriptions, not critical", Value::Bytes(extension.value))
        }
        None => Ok(()),
    },
};

const NO_REVOCATION: Rule = Rule {
    id: "no-revocation",
    clause: "RFC 9608 2 and 4: noRevAvail only in certificates of no CA, not critical, and beside no cRLDistributionPoints",
    field: "noRevAvail",
    reason: Reason::CertificateProfile,
    judge: |subject| {
        let extensions = &subject.certificate.extensions;
        let Some(none) = extensions.find(oid::NO_REV_AVAIL) else { return Ok(()) };
        let placed = subject.position == Position::Leaf && !is_ca(subject.certificate) && !none.critical;
        let alone = extensions.find(oid::CRL_DISTRIBUTION_POINTS).is_none();
        ensure(placed && alone, "in a leaf, not critical, without distribution points", Value::Present)
    },
};

pub(super) const fn ensure<'c>(
    holds: bool,
    wanted: &'static str,
    found: Value<'c>,
) -> core::result::Result<(), Difference<'c>> {
    if holds { Ok(()) } else { Err(Difference { wanted: Value::Rule(wanted), found }) }
}

/// The bits of keyUsage, to be shown.
pub(super) fn usage<'c>(certificate: &Certificate<'c>) -> Value<'c> {
    certificate.extensions.key_usage.map_or(Value::Absent, |usage| Value::Number(u64::from(usage.bits())))
}

fn constraints<'c>(certificate: &Certificate<'c>) -> Value<'c> {
    match certificate.extensions.basic_constraints {
        Some(constraints) if constraints.ca => Value::Rule("cA, not critical"),
        Some(_) => Value::Rule("no cA"),
        None => Value::Absent,
    }
}

fn is_ca(certificate: &Certificate<'_>) -> bool {
    certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
}

fn id(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::Bytes)
}

/// Whether subjectAltName is critical, and whether it must be.
fn names_critical(subject: &Subject<'_, '_>) -> (bool, bool) {
    let certificate = subject.certificate;
    (certificate.extensions.is_critical(oid::SUBJECT_ALT_NAME), certificate.subject.is_empty())
}

/// The arc 2.16.840.1.101.3.4.3 with 17, 18 and 19 (RFC 9881 section 2).
fn is_ml_dsa(certificate: &Certificate<'_>) -> bool {
    let kind = algorithm::key_kind(certificate.spki).unwrap_or_default();
    matches!(kind.strip_prefix(ML_DSA_ARC), Some([17..=19]))
}

const ML_DSA_ARC: &[u8] = &[crate::der::OID, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];
