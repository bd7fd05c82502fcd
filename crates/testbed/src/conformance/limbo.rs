//! x509-limbo: a JSON file of chains with the verdict that a verifier should reach.
//!
//! The verifier here is the device's: `aseptic_certs::Engine` with its strict profile, the soft suite and a trusted clock at
//! the case's own time (now, where it has none). Kind SERVER is asked for a network peer (serverAuth) and its DNS or IP
//! name, kind CLIENT for a sender of observations (clientAuth) and its mail addresses.

use super::{Error, Outcome, Report, Source, json};
use aseptic_certs::name::GeneralName;
use aseptic_certs::{Certificate, Engine};
use aseptic_core::crypto::soft::suite;
use aseptic_core::time::Time;
use aseptic_core::trust::{PathEngine, Purpose, Validity};
use aseptic_core::{Reason, Result as Verdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs every case of the file.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    let file = json(&source.path)?;
    let shape = |detail: &str| Error::Shape(source.path.clone(), detail.to_owned());
    for value in file["testcases"].as_array().ok_or_else(|| shape("no `testcases`"))? {
        let id = value["id"].as_str().ok_or_else(|| shape("a case without `id`"))?;
        let case = Case::read(value).ok_or_else(|| shape(id))?;
        let classes: &[&str] = if case.accept && case.has_foreign_key() { &[FOREIGN] } else { &[] };
        let outcome = match (case.verdict(), case.accept) {
            (Ok(()), true) | (Err(_), false) => Outcome::Pass,
            (Ok(()), false) => Outcome::Fail("accepted, must be refused".to_owned()),
            (Err(reason), true) => Outcome::Fail(format!("refused, must be accepted: {reason}")),
        };
        report.case(id, classes, outcome);
    }
    Ok(())
}

struct Case<'v> {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    anchors: Vec<Vec<u8>>,
    seconds: u64,
    purpose: Purpose,
    names: Vec<(&'v str, &'v str)>,
    accept: bool,
}

impl<'v> Case<'v> {
    /// None if a field is missing or ill-typed.
    fn read(value: &'v Value) -> Option<Self> {
        let list = |name: &str| value[name].as_array()?.iter().map(certificate).collect::<Option<Vec<_>>>();
        let single = Some(&value["expected_peer_name"]).filter(|name| !name.is_null());
        let names = single.into_iter().chain(value["expected_peer_names"].as_array()?);
        Some(Self {
            leaf: certificate(&value["peer_certificate"])?,
            intermediates: list("untrusted_intermediates")?,
            anchors: list("trusted_certs")?,
            seconds: match value["validation_time"].as_str() {
                Some(time) => seconds(time)?,
                None => SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs(),
            },
            purpose: match value["validation_kind"].as_str()? {
                "SERVER" => Purpose::Network,
                "CLIENT" => Purpose::Telemetry,
                _ => return None,
            },
            names: names.map(|name| Some((name["kind"].as_str()?, name["value"].as_str()?))).collect::<Option<_>>()?,
            accept: match value["expected_result"].as_str()? {
                "SUCCESS" => true,
                "FAILURE" => false,
                _ => return None,
            },
        })
    }

    /// Whether a key is of an algorithm that the suite does not have.
    fn has_foreign_key(&self) -> bool {
        std::iter::once(&self.leaf).chain(&self.intermediates).chain(&self.anchors).any(|der| {
            let key = Certificate::parse(der).and_then(|certificate| certificate.public_key());
            key.err() == Some(Reason::AlgorithmUnsupported)
        })
    }

    fn verdict(&self) -> Verdict<()> {
        let chain: Vec<&[u8]> = std::iter::once(&self.leaf).chain(&self.intermediates).map(Vec::as_slice).collect();
        let anchors: Vec<&[u8]> = self.anchors.iter().map(Vec::as_slice).collect();
        let now = Time::trusted(self.seconds);
        let path = Engine.validate(&suite(), &chain, &anchors, self.purpose, now)?;
        if path.validity != Validity::InDate {
            return Err(Reason::CertificateExpired);
        }
        let leaf = Certificate::parse(&self.leaf)?;
        let named = self.names.iter().all(|(kind, name)| match *kind {
            "DNS" => leaf.matches_dns(name),
            "IP" => name.parse().is_ok_and(|address| match address {
                IpAddr::V4(address) => leaf.matches_ip(&address.octets()),
                IpAddr::V6(address) => leaf.matches_ip(&address.octets()),
            }),
            "RFC822" => leaf.alternative_names().any(|presented| presented == GeneralName::Email(name)),
            _ => false,
        });
        if named { Ok(()) } else { Err(Reason::NameMismatch) }
    }
}

/// The DER of one PEM certificate.
fn certificate(pem: &Value) -> Option<Vec<u8>> {
    let body: String = pem.as_str()?.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).ok()
}

/// Whole seconds since 1970 of a date and time like `2024-01-01T00:00:00+00:00` or `2024-01-01T00:00:00.5Z`; UTC alone.
fn seconds(time: &str) -> Option<u64> {
    let time = time.strip_suffix("+00:00").or_else(|| time.strip_suffix('Z'))?;
    let (date, clock) = time.split_once('T')?;
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let digits = |text: &str, separator: &str| text.replace(separator, "");
    let form = format!("{}{}Z", digits(date, "-"), digits(clock, ":"));
    // GeneralizedTime from 2050, UTCTime before, as in certificates.
    let (tag, form) = if form.as_str() < "2050" { (0x17, form.get(2..)?) } else { (0x18, form.as_str()) };
    let der = [&[tag, u8::try_from(form.len()).ok()?], form.as_bytes()].concat();
    aseptic_certs::der::Reader::new(&der).time().ok()
}

/// The class of valid chains that the suite cannot check.
const FOREIGN: &str = "valid chain with a key of a foreign algorithm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_schema_are_read() {
        assert_eq!(seconds("2024-01-01T00:00:00+00:00"), Some(1_704_067_200));
        assert_eq!(seconds("2100-03-01T00:00:00.999Z"), Some(4_107_542_400));
        assert_eq!(seconds("2024-01-01T00:00:00+01:00"), None);
    }
}
