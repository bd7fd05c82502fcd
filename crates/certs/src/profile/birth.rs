//! What IEEE 802.1AR-2018 wants of a birth certificate (IDevID), as far as the certificate alone shows it.

use super::rules::{ensure, usage};
use super::{Rule, Value};
use crate::certificate::KeyUsage;
use crate::{der, oid};
use aseptic_core::Reason;

/// The rules for birth certificates, beside those of [`super::DEVICE`].
pub const BIRTH: &[Rule] = &[
    Rule {
        id: "birth-serial-number",
        clause: "IEEE 802.1AR 8.6: one serialNumber in the subject, a PrintableString",
        field: "subject",
        reason: Reason::CertificateProfile,
        judge: |subject| {
            let serial = subject.certificate.subject.single(oid::SERIAL_NUMBER);
            let found = serial.map_or(Value::Absent, |serial| Value::Bytes(serial.value));
            let holds = serial.is_some_and(|serial| serial.tag == der::PRINTABLE_STRING && !serial.value.is_empty());
            ensure(holds, "one serialNumber, a PrintableString", found)
        },
    },
    Rule {
        id: "birth-not-after",
        clause: "IEEE 802.1AR 8.7: notAfter 99991231235959Z",
        field: "notAfter",
        reason: Reason::CertificateProfile,
        judge: |subject| {
            let end = subject.certificate.not_after;
            ensure(end == crate::IDEVID_NOT_AFTER, "99991231235959Z", Value::Time(end))
        },
    },
    Rule {
        id: "birth-hardware-module",
        clause: "IEEE 802.1AR 8.10.4: a HardwareModuleName (RFC 4108 section 5) in subjectAltName",
        field: "subjectAltName",
        reason: Reason::CertificateProfile,
        judge: |subject| ensure(subject.certificate.hardware_module().is_some(), "a HardwareModuleName", Value::Absent),
    },
    Rule {
        id: "birth-key-usage",
        clause: "IEEE 802.1AR 8.10.2: keyUsage with digitalSignature",
        field: "keyUsage",
        reason: Reason::PathKeyUsage,
        judge: |subject| {
            let usages = subject.certificate.extensions.key_usage;
            let holds = usages.is_some_and(|usages| usages.contains(KeyUsage::DIGITAL_SIGNATURE));
            ensure(holds, "digitalSignature", usage(subject.certificate))
        },
    },
    Rule {
        id: "birth-no-ca",
        clause: "IEEE 802.1AR 8.10: a device issues no certificates",
        field: "basicConstraints",
        reason: Reason::PathKeyUsage,
        judge: |subject| {
            let constraints = subject.certificate.extensions.basic_constraints;
            ensure(!constraints.is_some_and(|constraints| constraints.ca), "no cA", Value::Rule("cA"))
        },
    },
];
