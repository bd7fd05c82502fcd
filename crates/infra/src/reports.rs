//! What devices report about their updates: signatures checked, and the chain of each device, so that a gap shows.

use crate::error::While;
use crate::{Error, Result};
use aseptic_core::cose::{ContentType, Sign1};
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::time::Time;
use aseptic_core::{Reason, time};
use aseptic_update::report::{Outcome, Report, TYPE};
use std::collections::BTreeMap;
use std::fmt;

/// A key that signs reports.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// Its DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// The device whose it is.
    pub device: Vec<u8>,
}

/// A report whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The name of the device.
    pub device: Vec<u8>,
    /// Its number.
    pub counter: u64,
    /// When the attempt ended, as far as the device knew.
    pub time: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// The sequence number of the manifest.
    pub sequence: u64,
    /// How often the update was put off, and for how many milliseconds in all.
    pub deferrals: (u64, u64),
    /// Reverts of the device so far.
    pub reverts: u64,
    digest: [u8; 32],
    previous: [u8; 32],
}

/// What is not as it should be in the reports of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Reports are missing, from the first number to the last.
    Missing(u64, u64),
    /// The report of this number does not follow the one that is here before it.
    Broken(u64),
    /// There are two different reports of this number.
    Doubled(u64),
}

impl Received {
    /// Verifies a report (COSE_Sign1) with the key that it names among `keys`.
    ///
    /// [`Reason::UnknownSigner`] if none of them is named, [`Reason::ReportMalformed`] for another type of message, those of
    /// COSE. A device may have had several keys, one after the other.
    pub fn verify(suite: &Suite<'_>, keys: &[Reporter], object: &[u8]) -> Result<Self> {
        verify(suite, keys, object).during("reading a report")
    }

    /// Whether the time of the report is one that the device could vouch for.
    #[must_use]
    pub fn timed(&self) -> Option<u64> {
        (self.time.trust == time::Trust::Trusted).then_some(self.time.seconds)
    }
}

/// The gaps in the reports of each device, by the names of the devices; empty if there are none.
///
/// Each chain begins with report 1. That the last report is the newest one of its device nobody can tell from the chain.
#[must_use]
pub fn gaps(reports: &[Received]) -> BTreeMap<Vec<u8>, Vec<Gap>> {
    let mut chains: BTreeMap<&[u8], Vec<&Received>> = BTreeMap::new();
    for report in reports {
        chains.entry(&report.device).or_default().push(report);
    }
    let mut found: BTreeMap<Vec<u8>, Vec<Gap>> = BTreeMap::new();
    for (device, mut chain) in chains {
        chain.sort_by_key(|report| (report.counter, report.digest));
        // The same report may have come twice.
        chain.dedup_by_key(|report| report.digest);
        let (mut last, mut gaps) = ((0, [0; 32]), Vec::new());
        for report in chain {
            if report.counter == last.0 {
                gaps.push(Gap::Doubled(report.counter));
            } else if report.counter > last.0.saturating_add(1) {
                gaps.push(Gap::Missing(last.0.saturating_add(1), report.counter.saturating_sub(1)));
            } else if report.previous != last.1 {
                gaps.push(Gap::Broken(report.counter));
            }
            last = (report.counter, report.digest);
        }
        if !gaps.is_empty() {
            found.insert(device.to_vec(), gaps);
        }
    }
    found
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(first, last) if first == last => write!(f, "report {first} is missing"),
            Self::Missing(first, last) => write!(f, "reports {first} to {last} are missing"),
            Self::Broken(number) => write!(f, "report {number} does not follow the one before it"),
            Self::Doubled(number) => write!(f, "there are two different reports {number}"),
        }
    }
}

fn verify(suite: &Suite<'_>, keys: &[Reporter], object: &[u8]) -> aseptic_core::Result<Received> {
    let message = Sign1::parse(object)?;
    let named = keys.iter().find(|key| {
        let thumbprint = suite.sha256(&[&key.spki]);
        thumbprint.is_ok_and(|thumbprint| message.header.kid == Some(&thumbprint[..]))
    });
    let named = named.ok_or(Reason::UnknownSigner)?;
    message.verify(suite, PublicKey::from_spki(&named.spki)?, &[], None)?;
    if message.header.typ != Some(ContentType::Text(TYPE)) {
        return Err(Reason::ReportMalformed);
    }
    let payload = message.payload.ok_or(Reason::ReportMalformed)?;
    let report = Report::parse(payload)?;
    Ok(Received {
        device: named.device.clone(),
        counter: report.counter,
        time: report.time,
        outcome: report.outcome,
        sequence: report.sequence,
        deferrals: (report.deferrals, report.waited),
        reverts: report.reverts,
        digest: suite.sha256(&[payload])?,
        previous: report.previous,
    })
}

impl Reporter {
    /// The key in a PEM file: a device's certificate, which also says whose it is, or a public key, then of the device
    /// `name`. Of a chain only the first certificate counts. [`Reason::KeyInvalid`] if there is none.
    pub fn from_pem(text: &[u8], name: &str) -> Result<Self> {
        let blocks = pem::parse_many(text).unwrap_or_default();
        let block = blocks.first().ok_or(Error::new(Reason::KeyInvalid, "reading a key of a device"))?;
        if block.tag() == "PUBLIC KEY" {
            return Ok(Self { spki: block.contents().to_vec(), device: name.as_bytes().to_vec() });
        }
        let certificate =
            aseptic_certs::Certificate::parse(block.contents()).during("reading the certificate of a device")?;
        let device = certificate.device_serial().or(certificate.common_name());
        Ok(Self { spki: certificate.spki.to_vec(), device: device.unwrap_or(name.as_bytes()).to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use aseptic_core::cose::{Headers, sign1};
    use aseptic_core::crypto::{KeyAlg, soft};
    use aseptic_update::report::REPORT;

    fn report(counter: u64, previous: [u8; 32]) -> Report<'static> {
        Report {
            counter,
            previous,
            time: Time::trusted(1_800_000_000),
            outcome: Outcome::Refused(Reason::ImageMismatch),
            identity: [2; 32],
            sequence: 7,
            installed: None,
            deferrals: 0,
            waited: 0,
            reverts: 0,
            sbom: None,
        }
    }

    /// Five reports of one device, in order.
    fn chain(key: &AuthorityKey, kind: &str) -> Vec<Vec<u8>> {
        let (suite, mut previous, mut signed) = (soft::suite(), [0; 32], Vec::new());
        let kid = key.public().unwrap().thumbprint(&suite).unwrap();
        for counter in 1..=5 {
            let mut payload = [0; REPORT];
            let length = report(counter, previous).encode(&mut payload).unwrap();
            previous = suite.sha256(&[&payload[..length]]).unwrap();
            let mut out = vec![0; 1024];
            let headers = Headers { kid: Some(&kid), typ: Some(ContentType::Text(kind)), ..Headers::default() };
            let length = sign1(key, &headers, &payload[..length], false, &[], &mut out).unwrap();
            out.truncate(length);
            signed.push(out);
        }
        signed
    }

    #[test]
    fn a_withheld_a_forged_and_a_second_report_show() {
        let suite = soft::suite();
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let spki = key.public().unwrap().spki().concat();
        let keys = [Reporter { spki, device: b"pump-7".to_vec() }];
        let read = |object: &[u8]| Received::verify(&suite, &keys, object).map_err(|error| error.reason());
        let chain = chain(&key, TYPE);
        let all: Vec<_> = chain.iter().map(|object| read(object).unwrap()).collect();
        assert!(gaps(&all).is_empty());
        for at in 0..4 {
            let mut some = all.clone();
            some.remove(at);
            let number = all[at].counter;
            assert_eq!(gaps(&some)[&b"pump-7"[..]], [Gap::Missing(number, number)], "{at}");
        }
        let mut forged = all.clone();
        forged[2].digest = [9; 32];
        assert_eq!(gaps(&forged)[&b"pump-7"[..]], [Gap::Broken(4)]);
        forged.push(all[2].clone());
        assert!(gaps(&forged)[&b"pump-7"[..]].contains(&Gap::Doubled(3)));
        let twice = [all.clone(), all.clone()].concat();
        assert!(gaps(&twice).is_empty());

        let mut changed = chain[0].clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(read(&changed), Err(Reason::SignatureInvalid));
        let stranger = AuthorityKey::generate(KeyAlg::P256).unwrap();
        assert_eq!(read(&self::chain(&stranger, TYPE)[0]), Err(Reason::UnknownSigner));
        assert_eq!(read(&self::chain(&key, "application/cwt")[0]), Err(Reason::ReportMalformed));
    }
}
