//! What the certificate of somebody who signs trust stores is to be.

use super::rules::{ensure, usage};
use super::{Rule, Value};
use crate::certificate::KeyUsage;
use crate::oid;
use aseptic_core::Reason;

/// The rules for certificates of keys that sign trust stores, beside those of [`super::DEVICE`]. Devices know these keys by
/// value and read no certificate of theirs; the rules are for the authority that keeps them.
pub const TRUST_AUTHOR: &[Rule] = &[
    Rule {
        id: "trust-author-usage",
        clause: "RFC 9809 3: extKeyUsage with id-kp-trustAnchorConfigSigning, and nothing beside it",
        field: "extKeyUsage",
        reason: Reason::PathKeyUsage,
        judge: |subject| {
            let listed = subject.certificate.extensions.extended_key_usage;
            let found = listed.and_then(|list| list.iter().next()).map_or(Value::Absent, Value::Bytes);
            let alone = listed.is_some_and(|list| list.iter().all(|usage| usage == oid::TRUST_ANCHOR_CONFIG_SIGNING));
            ensure(alone, "id-kp-trustAnchorConfigSigning alone", found)
        },
    },
    Rule {
        id: "trust-author-key-usage",
        clause: "RFC 9809 3: keyUsage with digitalSignature",
        field: "keyUsage",
        reason: Reason::PathKeyUsage,
        judge: |subject| {
            let usages = subject.certificate.extensions.key_usage;
            let holds = usages.is_some_and(|usages| usages.contains(KeyUsage::DIGITAL_SIGNATURE));
            ensure(holds, "digitalSignature", usage(subject.certificate))
        },
    },
    Rule {
        id: "trust-author-no-ca",
        clause: "profile: who signs trust stores issues no certificates",
        field: "basicConstraints",
        reason: Reason::PathKeyUsage,
        judge: |subject| {
            let constraints = subject.certificate.extensions.basic_constraints;
            ensure(!constraints.is_some_and(|constraints| constraints.ca), "no cA", Value::Rule("cA"))
        },
    },
];
