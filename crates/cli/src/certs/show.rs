//! Values of certificates as people read them.

use crate::tree::{Node, hex, show};
use aseptic_certs::profile::{Difference, Value};
use aseptic_certs::{Certificate, Finding};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970 as a date.
pub(super) fn date(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// One line of who a certificate is for.
pub(super) fn certificate(label: String, der: &[u8]) -> Node {
    match Certificate::parse(der) {
        Ok(certificate) => {
            let name = certificate.common_name().or_else(|| certificate.device_serial()).unwrap_or_default();
            let children = vec![
                Node::leaf("serial number", hex(certificate.serial)),
                Node::leaf("valid", format!("{} to {}", date(certificate.not_before), date(certificate.not_after))),
            ];
            Node::new(label, String::from_utf8_lossy(name), children)
        }
        Err(reason) => Node::leaf(label, reason.cause()),
    }
}

/// A finding with both values, the cause and the remedy.
pub(super) fn finding(finding: &Finding<'_>) -> Node {
    let Difference { wanted, found } = finding.difference;
    let mut children = vec![Node::leaf("wanted", value(wanted)), Node::leaf("found", value(found))];
    if let Some(rule) = finding.rule {
        children.push(Node::leaf("rule", rule));
    }
    children.push(Node::leaf("remedy", finding.reason.remedy()));
    let label = format!("{}, {}", finding.place, finding.field);
    Node::new(label, format!("{} (E{})", finding.reason.cause(), finding.reason.number()), children)
}

pub(super) fn value(value: Value<'_>) -> String {
    match value {
        Value::Absent => "nothing".into(),
        Value::Present => "something".into(),
        Value::Rule(text) => text.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => show(bytes),
        Value::Number(number) => number.to_string(),
        Value::Time(seconds) => date(seconds),
        _ => "a value of a newer kind".into(),
    }
}
