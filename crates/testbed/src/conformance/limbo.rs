//! x509-limbo: a JSON file of chains with the verdict that a verifier should reach.
//!
//! The verifier is `aseptic_certs::PathValidator` with the hosted suite and a trusted clock at the case's own time (now, where
//! it has none). Suite `limbo` runs every case in profile Device, suite `limbo-compat` every case in profile Compat; the
//! suite itself holds pairs that contradict each other, one for each. Kind SERVER is asked for a network peer (serverAuth)
//! and its DNS or IP name, kind CLIENT for a sender of observations (clientAuth) and its mail addresses.
//!
//! A valid chain that is refused belongs to the classes of what is in it ([`Case::classes`]), each with the reasons that it
//! leads to; one that is accepted and must not be, to those of the rules of profile Device that refuse it ([`Case::stricter`]).
//! So cases which nobody has seen are told from errors: what the engine does not do stands in the exceptions by class, not by
//! the name of a case, and a chain that is refused for something else is a failure, whatever is in it.

use super::{Error, Outcome, Report, Source, json};
use aseptic_certs::crl::Numbers;
use aseptic_certs::der::{self, Reader};
use aseptic_certs::name::GeneralName;
use aseptic_certs::profile::{COMPAT, DEVICE, Profile};
use aseptic_certs::{Certificate, Finding, HeldLists, PathValidator, oid};
use aseptic_core::Reason;
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, Purpose, Revocation, Validity};
use aseptic_hosted::crypto::suite;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs every case of the file in profile Device.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    run_in(DEVICE, source, report)
}

/// Runs every case of the file in profile Compat.
pub(super) fn run_compat(source: &Source, report: &mut Report) -> Result<(), Error> {
    run_in(COMPAT, source, report)
}

fn run_in(profile: Profile, source: &Source, report: &mut Report) -> Result<(), Error> {
    let file = json(&source.path)?;
    let shape = |detail: &str| Error::Shape(source.path.clone(), detail.to_owned());
    for value in file["testcases"].as_array().ok_or_else(|| shape("no `testcases`"))? {
        let id = value["id"].as_str().ok_or_else(|| shape("a case without `id`"))?;
        let case = Case::read(value).ok_or_else(|| shape(id))?;
        let (outcome, classes) = match (case.verdict(&profile), case.accept) {
            (Ok(()), true) | (Err(_), false) => (Outcome::Pass, vec![]),
            (Ok(()), false) => (Outcome::Fail("accepted, must be refused".to_owned()), case.stricter()),
            (Err((reason, findings)), true) => {
                let told = format!("refused, must be accepted: {reason} {}", findings.join("; "));
                (Outcome::Fail(told), case.classes(&profile, reason))
            }
        };
        report.case(id, &classes.iter().map(String::as_str).collect::<Vec<_>>(), outcome);
    }
    Ok(())
}

struct Case<'v> {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    anchors: Vec<Vec<u8>>,
    lists: Vec<Vec<u8>>,
    seconds: u64,
    purpose: Purpose,
    names: Vec<(&'v str, &'v str)>,
    depth: Option<usize>,
    accept: bool,
}

impl<'v> Case<'v> {
    /// None if a field that a verdict needs is missing or ill-typed; what may be left out is empty then. What should be a
    /// certificate and is none is judged as it is.
    fn read(value: &'v Value) -> Option<Self> {
        let entries = |name: &str| match &value[name] {
            Value::Null => Some(&[][..]),
            list => list.as_array().map(Vec::as_slice),
        };
        let list = |name: &str| entries(name)?.iter().map(certificate).collect::<Option<Vec<_>>>();
        let single = Some(&value["expected_peer_name"]).filter(|name| !name.is_null());
        let names = single.into_iter().chain(entries("expected_peer_names")?);
        Some(Self {
            leaf: certificate(&value["peer_certificate"])?,
            intermediates: list("untrusted_intermediates")?,
            anchors: list("trusted_certs")?,
            lists: list("crls")?,
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
            depth: value["max_chain_depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()),
            accept: match value["expected_result"].as_str()? {
                "SUCCESS" => true,
                "FAILURE" => false,
                _ => return None,
            },
        })
    }

    /// The rules of profile Device that refuse what is accepted; none if that profile accepts it too.
    fn stricter(&self) -> Vec<String> {
        let Err((_, findings)) = self.verdict(&DEVICE) else { return vec![] };
        let rules: BTreeSet<_> = findings.iter().filter_map(|told| told.split([' ', ':']).nth(2)).collect();
        rules.into_iter().map(|rule| format!("refused by {rule} of profile Device alone")).collect()
    }

    /// What of the chain this library does not take and therefore refuses with `reason`, whatever the case is called.
    fn classes(&self, profile: &Profile, reason: Reason) -> Vec<String> {
        let parsed = |ders: &[Vec<u8>]| {
            ders.iter().filter_map(|der| Certificate::parse(der).ok().map(|_| der.clone())).collect::<Vec<_>>()
        };
        let (leaf, between) = (parsed(std::slice::from_ref(&self.leaf)), parsed(&self.intermediates));
        let all = [&leaf[..], &between, &parsed(&self.anchors)].concat();
        let views = |ders: &[Vec<u8>], holds: &dyn Fn(&Certificate<'_>) -> bool| {
            ders.iter().any(|der| Certificate::parse(der).is_ok_and(|certificate| holds(&certificate)))
        };
        let authority =
            |certificate: &Certificate<'_>| certificate.extensions.basic_constraints.is_some_and(|basic| basic.ca);
        let constrained = |tag: u8| move |certificate: &Certificate<'_>| constrains(certificate, tag);
        let bounds = |certificate: &Certificate<'_>| {
            let length = certificate.extensions.basic_constraints.and_then(|basic| basic.path_length);
            length.is_some() || certificate.extensions.find(oid::NAME_CONSTRAINTS).is_some()
        };
        let self_issued = views(&between, &|certificate| certificate.is_self_issued());
        let mut classes = vec![];
        let mut class = |name: &str, reasons: &[Reason], holds: bool| {
            classes.extend(Some(name.to_owned()).filter(|_| holds && reasons.contains(&reason)));
        };
        class("CA certificate as leaf", &[Reason::PathKeyUsage], views(&leaf, &authority));
        class("self-issued authority", &[Reason::PathTooLong], self_issued && self.depth.is_some());
        // Where no candidate is left, webpki tells what it saw of the last one.
        let bounded = self_issued && views(&all, &bounds);
        class("self-issued authority", &[Reason::PathConstraint, Reason::SignatureInvalid], bounded);
        class("constraint on directory names", &[Reason::PathConstraint], views(&all, &constrained(0xA4)));
        class("constraint on mail addresses", &[Reason::PathConstraint], views(&all, &constrained(0x81)));
        let many = self.intermediates.len() >= profile.chain;
        class("more certificates than the profile takes", &[Reason::PathTooLong], many);
        let unlisted = views(&leaf, &|leaf| leaf.extensions.extended_key_usage.is_none());
        class("leaf without extended key usage", &[Reason::PathKeyUsage], unlisted);
        class(
            "authority without keyUsage",
            &[Reason::PathKeyUsage],
            views(&[&between[..], &parsed(&self.anchors)].concat(), &|ca| ca.extensions.key_usage.is_none()),
        );
        let zero = views(&all, &|certificate| certificate.serial == [0]);
        class("serial number zero", &[Reason::CertificateProfile], zero);
        class(
            "nameConstraints not critical",
            &[Reason::PathConstraint],
            views(&all, &|ca| ca.extensions.find(oid::NAME_CONSTRAINTS).is_some_and(|extension| !extension.critical)),
        );
        classes
    }

    /// Whether the chain is believed; if not, why, and where the engine sees it.
    fn verdict(&self, profile: &Profile) -> Result<(), (Reason, Vec<String>)> {
        let chain: Vec<&[u8]> = std::iter::once(&self.leaf).chain(&self.intermediates).map(Vec::as_slice).collect();
        let anchors: Vec<_> = self.anchors.iter().map(|der| Anchor::of(der)).collect();
        // A case may bound the intermediates; the leaf comes on top.
        let bound = self.depth.map_or(profile.chain, |depth| profile.chain.min(depth.saturating_add(1)));
        let bounded = Profile { chain: bound, ..*profile };
        let held: Vec<&[u8]> = self.lists.iter().map(Vec::as_slice).collect();
        let lists = HeldLists { lists: &held, numbers: &Numbers::NONE };
        let validator = PathValidator::new(&bounded);
        // A case without lists does not ask about revocation.
        let validator = if held.is_empty() { validator } else { validator.with_lists(&lists) };
        let judgement =
            validator.examine(&suite(), &chain, &Grounds::of(&anchors), self.purpose, Time::trusted(self.seconds));
        let path = judgement.verdict.map_err(|reason| (reason, judgement.findings.iter().map(finding).collect()))?;
        if path.validity != Validity::InDate {
            return Err((Reason::CertificateExpired, judgement.findings.iter().map(finding).collect()));
        }
        match path.revocation {
            Revocation::NotAsked | Revocation::Good => {}
            Revocation::Revoked => return Err((Reason::CertificateRevoked, vec![])),
            _ => return Err((Reason::RevocationUnknown, judgement.findings.iter().map(finding).collect())),
        }
        let leaf = Certificate::parse(&self.leaf).map_err(|reason| (reason, vec![]))?;
        let named = self.names.iter().all(|(kind, name)| match *kind {
            "DNS" => leaf.matches_dns(name),
            "IP" => name.parse().is_ok_and(|address| match address {
                IpAddr::V4(address) => leaf.matches_ip(&address.octets()),
                IpAddr::V6(address) => leaf.matches_ip(&address.octets()),
            }),
            "RFC822" => leaf.alternative_names().any(|presented| presented == GeneralName::Email(name)),
            _ => false,
        });
        if named { Ok(()) } else { Err((Reason::NameMismatch, vec![])) }
    }
}

/// Whether nameConstraints of a certificate are about names of this form.
fn constrains(certificate: &Certificate<'_>, form: u8) -> bool {
    let Some(extension) = certificate.extensions.find(oid::NAME_CONSTRAINTS) else { return false };
    let mut lists = match Reader::new(extension.value).nested(der::SEQUENCE) {
        Ok(lists) => lists,
        Err(_) => return false,
    };
    while let Ok(list) = lists.any() {
        let mut subtrees = Reader::new(list.content);
        while let Ok(mut subtree) = subtrees.nested(der::SEQUENCE) {
            if subtree.any().is_ok_and(|base| base.tag == form) {
                return true;
            }
        }
    }
    false
}

fn finding(finding: &Finding<'_>) -> String {
    format!("{} {}: {:?}", finding.place, finding.rule.unwrap_or(finding.field), finding.difference)
}

/// The DER of one PEM certificate or list.
fn certificate(pem: &Value) -> Option<Vec<u8>> {
    let body: String = pem.as_str()?.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    Some(STANDARD.decode(body).unwrap_or_default())
}

/// Whole seconds since 1970 of a date and time (RFC 3339), like `2024-01-01T00:00:00+00:00` or `2024-01-01T00:00:00.5Z`.
fn seconds(time: &str) -> Option<u64> {
    let (date, clock) = time.split_once(['T', ' '])?;
    let at = clock.find(['Z', '+', '-'])?;
    let (clock, zone) = clock.split_at(at);
    let ahead = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "+" { seconds } else { -seconds }
        }
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let digits = |text: &str, separator: &str| text.replace(separator, "");
    let form = format!("{}{}Z", digits(date, "-"), digits(clock, ":"));
    // GeneralizedTime from 2050, UTCTime before, as in certificates.
    let (tag, form) = if form.as_str() < "2050" { (0x17, form.get(2..)?) } else { (0x18, form.as_str()) };
    let der = [&[tag, u8::try_from(form.len()).ok()?], form.as_bytes()].concat();
    Reader::new(&der).time().ok()?.checked_add_signed(-ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_schema_are_read() {
        assert_eq!(seconds("2024-01-01T00:00:00+00:00"), Some(1_704_067_200));
        assert_eq!(seconds("2100-03-01T00:00:00.999Z"), Some(4_107_542_400));
        assert_eq!(seconds("2024-01-01T01:00:00+01:00"), Some(1_704_067_200));
        assert_eq!(seconds("2023-12-31 22:30:00-01:30"), Some(1_704_067_200));
        assert_eq!((seconds("2024-01-01T00:00:00"), seconds("yesterday")), (None, None));
    }
}
