//! NIST PKITS: chains with revocation lists and policies, and whether each is valid.
//!
//! The source is a folder with `pkits-manifest.json` and `settings.json`, which say what is expected, and the certificates and
//! lists of the suite in `rsa2048-certs` and `rsa2048-crls` (also read as `certs` and `crls`). Every case is run in profile
//! Compat with the hosted suite, all lists at hand and a trusted clock in 2024, as a sender of observations. Policies are
//! required where a case says so; mappings are not followed.

use super::{Error, Outcome, Report, Source, files, json};
use aseptic_certs::crl::Numbers;
use aseptic_certs::{HeldLists, PathValidator};
use aseptic_core::Reason;
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, Purpose, Revocation, Validity};
use aseptic_hosted::crypto::suite;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs every case of the manifest.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    let manifest = source.path.join("pkits-manifest.json");
    let shape = |detail: &str| Error::Shape(manifest.clone(), detail.to_owned());
    let settings = json(&source.path.join("settings.json"))?;
    let certificates = folder(&source.path, "certs")?;
    let lists = files(&folder(&source.path, "crls")?, |name| name.ends_with(".crl"))?;
    let named = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lists = lists.iter().map(|path| Ok((named(path), read(path)?))).collect::<Result<Vec<_>, Error>>()?;
    let anchor = read(&certificates.join("TrustAnchorRootCertificate.crt"))?;
    let cases = json(&manifest)?;
    let mut seen = HashMap::new();
    for value in cases.as_array().ok_or_else(|| shape("no list of cases"))? {
        let id = value["id"].as_str().ok_or_else(|| shape("a case without `id`"))?;
        let accept = match value["expected"].as_str() {
            Some("valid") => true,
            Some("invalid") => false,
            _ => return Err(shape(id)),
        };
        let asked = value["settings"].as_str().ok_or_else(|| shape(id))?;
        let policies = required(&settings[asked]).ok_or_else(|| shape(asked))?;
        let mut chain = vec![read(&certificates.join(value["target"].as_str().ok_or_else(|| shape(id))?))?];
        for name in value["intermediates"].as_array().ok_or_else(|| shape(id))?.iter().rev() {
            chain.push(intermediate(&certificates, name.as_str().ok_or_else(|| shape(id))?)?);
        }
        // The case of two lists has a second form, in which the good one of them is not at hand.
        let lists: Vec<&[u8]> = lists
            .iter()
            .filter(|(name, _)| id != "4.4.7-2" || name != "TwoCRLsCAGoodCRL.crl")
            .map(|(_, list)| list.as_slice())
            .collect();
        let outcome = match (verdict(&chain, &anchor, &lists, &policies), accept) {
            (Ok(()), true) | (Err(_), false) => Outcome::Pass,
            (Ok(()), false) => Outcome::Fail("accepted, must be refused".to_owned()),
            (Err(told), true) => Outcome::Fail(format!("refused, must be accepted: {told}")),
        };
        // The manifest has two cases once more, with the other expectation: those have a number behind their name.
        let times: &mut u32 = seen.entry(id).or_default();
        *times += 1;
        let name = if *times == 1 { id.to_owned() } else { format!("{id} ({times})") };
        report.case(&name, &[], outcome);
    }
    Ok(())
}

fn verdict(chain: &[Vec<u8>], anchor: &[u8], lists: &[&[u8]], policies: &(Vec<Vec<u8>>, bool)) -> Result<(), String> {
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let lists = HeldLists { lists, numbers: &Numbers::NONE };
    let (initial, explicit) = policies;
    let initial: Vec<&[u8]> = initial.iter().map(Vec::as_slice).collect();
    let validator = PathValidator::COMPAT.with_lists(&lists).with_policies(&initial, *explicit);
    let anchors = [Anchor::of(anchor)];
    let judgement = validator.examine(&suite(), &chain, &Grounds::of(&anchors), Purpose::Telemetry, Time::trusted(NOW));
    let refused = match judgement.verdict {
        Err(reason) => Some(reason),
        Ok(path) if path.validity != Validity::InDate => Some(Reason::CertificateExpired),
        Ok(path) => match path.revocation {
            Revocation::Good => None,
            Revocation::Revoked => Some(Reason::CertificateRevoked),
            _ => Some(Reason::RevocationUnknown),
        },
    };
    refused.map_or(Ok(()), |reason| {
        let findings: Vec<_> =
            judgement.findings.iter().map(|found| format!("{} {}", found.place, found.field)).collect();
        Err(format!("{reason} {}", findings.join(", ")))
    })
}

/// The initial-policy-set of a case, and whether it sets initial-explicit-policy.
fn required(settings: &Value) -> Option<(Vec<Vec<u8>>, bool)> {
    let Some(policies) = settings["policies"].as_array() else { return Some((vec![], false)) };
    let policy = |value: &Value| {
        let number: u8 = value[0].as_str()?.parse().ok()?;
        Some([TEST_POLICIES, &[number]].concat())
    };
    Some((policies.iter().map(policy).collect::<Option<_>>()?, !settings["explicit"].as_array()?.is_empty()))
}

/// A folder of the suite, by either of its names.
fn folder(root: &Path, kind: &str) -> Result<PathBuf, Error> {
    let long = root.join(format!("rsa2048-{kind}"));
    let path = if long.is_dir() { long } else { root.join(kind) };
    if path.is_dir() { Ok(path) } else { Err(Error::Empty(path)) }
}

/// The certificate of an intermediate: its name goes on with `CACert` or `Cert`.
fn intermediate(certificates: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = |end: &str| certificates.join(format!("{name}{end}.crt"));
    read(&path("CACert")).or_else(|_| read(&path("Cert")))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|cause| Error::Unreadable(path.to_owned(), cause))
}

/// The arc of NIST's test policies, 2.16.840.1.101.3.2.1.48.
const TEST_POLICIES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x02, 0x01, 0x30];
/// 2024-01-01T00:00:00Z: the suite is valid from 2010 to 2030.
const NOW: u64 = 1_704_067_200;
