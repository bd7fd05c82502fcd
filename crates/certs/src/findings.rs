//! Why a chain is refused or degraded: the certificate, the field, and the two values that differ.
//!
//! This looks again at a chain that the engine has judged; what it finds explains the verdict and never changes it.

use crate::certificate::{BasicConstraints, Certificate};
use crate::oid;
use crate::profile::{self, Difference, Position, Profile, Subject, Value};
use crate::revocation::{Answer, Answers, ListUsed};
use crate::search::Path;
use crate::usage::Usage;
use aseptic_core::crypto::Suite;
use aseptic_core::time::{Relation, Time};
use aseptic_core::trust::{Anchor, Purpose, Revocation, ValidatedPath};
use aseptic_core::{Reason, Result};
use core::fmt;

/// Which certificate a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This one of the chain that the peer showed; the leaf is number 0.
    Chain(usize),
    /// This one of the anchors.
    Anchor(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(index) => write!(f, "certificate {index}"),
            Self::Anchor(index) => write!(f, "anchor {index}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding<'c> {
    /// Why it matters.
    pub reason: Reason,
    /// At which certificate.
    pub place: Place,
    /// In which of its fields, by the name in RFC 5280.
    pub field: &'static str,
    /// What was wanted and what was found.
    pub difference: Difference<'c>,
    /// The rule of the profile that says so; none if it is path validation itself.
    pub rule: Option<&'static str>,
}

impl<'c> Finding<'c> {
    /// The key of a certificate is one that a trust store denies.
    pub(crate) const fn denied(at: usize, spki: &'c [u8]) -> Self {
        let (wanted, found) = (Value::Rule("a key that no trust store denies"), Value::Bytes(spki));
        let (reason, field) = (Reason::Denied, "subjectPublicKeyInfo");
        Self { reason, place: Place::Chain(at), field, difference: Difference { wanted, found }, rule: None }
    }

    /// A device without a serial number.
    pub(crate) const fn nameless() -> Self {
        let (wanted, found) = (Value::Rule("one serialNumber, by which a device is known"), Value::Absent);
        let (reason, field) = (Reason::CertificateProfile, "subject");
        Self { reason, place: Place::Chain(0), field, difference: Difference { wanted, found }, rule: None }
    }

    /// The leaf is somebody else's.
    pub(crate) fn of_another(field: &'static str, wanted: &'c [u8], found: &'c [u8]) -> Self {
        let shown = |bytes| if <[u8]>::is_empty(bytes) { Value::Absent } else { Value::Bytes(bytes) };
        let wanted = core::str::from_utf8(wanted).map_or(Value::Bytes(wanted), Value::Text);
        let difference = Difference { wanted, found: shown(found) };
        Self { reason: Reason::NameMismatch, place: Place::Chain(0), field, difference, rule: None }
    }
}

/// Findings in the order of the certificates, leaf first; at most [`FINDINGS`], the rest is not kept.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'c> {
    list: [Option<Finding<'c>>; FINDINGS],
    count: usize,
}

/// Findings that are kept.
pub const FINDINGS: usize = 16;

impl<'c> Findings<'c> {
    /// Each finding.
    pub fn iter(&self) -> impl Iterator<Item = &Finding<'c>> {
        self.list.iter().flatten()
    }

    /// How many there were, kept or not.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn of(
        profile: &Profile,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        anchors: &[Anchor<'c>],
        purpose: Purpose,
        now: Time,
        found: core::result::Result<&(ValidatedPath<'c>, Path, Answers), Reason>,
    ) -> Self {
        let mut findings = Self { list: [None; FINDINGS], count: 0 };
        let mut look = Look { profile, suite, chain, anchors, now, findings: &mut findings };
        match found {
            Ok((_, path, _)) => {
                for place in path.chain() {
                    look.validity(Place::Chain(place));
                }
                look.validity(Place::Anchor(path.anchor()));
            }
            Err(reason) => look.refused(purpose, reason),
        }
        findings
    }

    /// What a list, or the lack of one, degrades.
    pub(crate) fn revocation(&mut self, answer: &Answer, now: Time) {
        let (reason, field, wanted, found) = match (answer.revocation, answer.list) {
            (Revocation::NotAsked | Revocation::Good, _) => return,
            (Revocation::Revoked, Some(ListUsed { revoked: Some(date), .. })) => {
                (Reason::CertificateRevoked, "revocationDate", Value::Absent, Value::Time(date))
            }
            (_, Some(used)) => {
                (Reason::CrlStale, "nextUpdate", Value::Time(now.seconds), Value::Time(used.next_update))
            }
            (_, None) => (Reason::RevocationUnknown, "serialNumber", Value::Rule("a current list"), Value::Absent),
        };
        let difference = Difference { wanted, found };
        self.push(Finding { reason, place: answer.place, field, difference, rule: None });
    }

    fn push(&mut self, finding: Finding<'c>) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = Some(finding);
        }
        self.count = self.count.saturating_add(1);
    }
}

struct Look<'l, 'c> {
    profile: &'l Profile,
    suite: &'l Suite<'l>,
    chain: &'l [&'c [u8]],
    anchors: &'l [Anchor<'c>],
    now: Time,
    findings: &'l mut Findings<'c>,
}

impl<'c> Look<'_, 'c> {
    fn add(&mut self, reason: Reason, place: Place, field: &'static str, wanted: Value<'c>, found: Value<'c>) {
        self.findings.push(Finding { reason, place, field, difference: Difference { wanted, found }, rule: None });
    }

    fn parse(&self, place: Place) -> Result<Certificate<'c>> {
        let der = match place {
            Place::Chain(index) => self.chain.get(index).copied(),
            Place::Anchor(index) => self.anchors.get(index).map(|anchor| anchor.certificate),
        };
        Certificate::parse(der.ok_or(Reason::PathUntrusted)?)
    }

    /// Follows the chain from the leaf by names, the first issuer that signed each one.
    fn refused(&mut self, purpose: Purpose, verdict: Reason) {
        let length = Value::Number(u64::try_from(self.chain.len()).unwrap_or(u64::MAX));
        if self.chain.len() > self.profile.chain {
            let most = Value::Number(u64::try_from(self.profile.chain).unwrap_or(u64::MAX));
            self.add(Reason::PathTooLong, Place::Chain(self.profile.chain), "chain", most, length);
            return;
        }
        let mut place = Place::Chain(0);
        let mut below = 0_u32;
        // Each step takes one certificate of the chain; an anchor ends it.
        for _ in 0..=self.chain.len() {
            let certificate = match self.parse(place) {
                Ok(certificate) => certificate,
                Err(reason) => {
                    return self.add(reason, place, "certificate", Value::Rule("DER after RFC 5280"), Value::Present);
                }
            };
            self.rules(&certificate, place);
            self.validity(place);
            if place == Place::Chain(0) {
                if let Err((field, difference)) = Usage::of(purpose, self.profile).admits(&certificate) {
                    self.findings.push(Finding { reason: Reason::PathKeyUsage, place, field, difference, rule: None });
                }
            } else {
                self.constraints(&certificate, place, below, verdict);
                below = below.saturating_add(u32::from(!certificate.is_self_issued()));
            }
            if let Place::Anchor(index) = place {
                let constraints = self.anchors.get(index).map(|anchor| anchor.constraints).unwrap_or_default();
                if verdict == Reason::PathConstraint && !constraints.is_empty() {
                    self.add(verdict, place, "certPathControls", Value::Bytes(constraints), Value::Absent);
                }
                break;
            }
            match self.issuer(&certificate, place) {
                Some(next) => place = next,
                None => break,
            }
        }
        if self.findings.count == 0 {
            // What only the engine sees: its answer alone.
            self.add(verdict, Place::Chain(0), "chain", Value::Rule("a path to an anchor"), Value::Absent);
        }
    }

    /// Where the issuer is; tells if there is none, or none that signed.
    fn issuer(&mut self, certificate: &Certificate<'c>, place: Place) -> Option<Place> {
        let anchors = (0..self.anchors.len()).map(Place::Anchor);
        let others = (1..self.chain.len()).map(Place::Chain).filter(|other| *other != place);
        let mut named = None;
        for candidate in anchors.chain(others) {
            let Ok(issuer) = self.parse(candidate) else { continue };
            if issuer.subject != certificate.issuer {
                continue;
            }
            match certificate.verify_signature_by(self.suite, issuer.spki) {
                Ok(()) => return Some(candidate),
                Err(reason) => named = Some((reason, issuer)),
            }
        }
        match named {
            Some((Reason::AlgorithmUnsupported, _)) => {
                let algorithm = Value::Bytes(certificate.signature_algorithm);
                let wanted = Value::Rule("an algorithm of the suite that fits the issuer's key");
                self.add(Reason::AlgorithmUnsupported, place, "signatureAlgorithm", wanted, algorithm);
            }
            Some((_, issuer)) => {
                let wanted = issuer.extensions.subject_key_id.map_or(Value::Absent, Value::Bytes);
                let found = certificate.extensions.authority_key_id.and_then(|authority| authority.key_id);
                self.add(
                    Reason::SignatureInvalid,
                    place,
                    "signature",
                    wanted,
                    found.map_or(Value::Absent, Value::Bytes),
                );
            }
            None => {
                let issuer = Value::Bytes(certificate.issuer.der());
                self.add(Reason::PathUntrusted, place, "issuer", issuer, Value::Absent);
            }
        }
        None
    }

    fn rules(&mut self, certificate: &Certificate<'c>, place: Place) {
        let position = match place {
            Place::Chain(0) => Position::Leaf,
            Place::Chain(_) => Position::Intermediate,
            Place::Anchor(_) => Position::Anchor,
        };
        let subject = Subject { certificate, position, suite: self.suite };
        for (rule, difference) in profile::violations(self.profile.rules, subject) {
            let (reason, field) = (rule.reason, rule.field);
            self.findings.push(Finding { reason, place, field, difference, rule: Some(rule.id) });
        }
    }

    fn validity(&mut self, place: Place) {
        let Ok(certificate) = self.parse(place) else { return };
        let now = Value::Time(self.now.seconds);
        if self.now.relation(certificate.not_before) == Relation::Before {
            self.add(Reason::CertificateNotYetValid, place, "notBefore", now, Value::Time(certificate.not_before));
        }
        if self.now.relation(certificate.not_after.saturating_add(1)) == Relation::After {
            self.add(Reason::CertificateExpired, place, "notAfter", now, Value::Time(certificate.not_after));
        }
    }

    /// Constraints that a CA puts on what is below it.
    fn constraints(&mut self, certificate: &Certificate<'c>, place: Place, below: u32, verdict: Reason) {
        if let Some(BasicConstraints { path_length: Some(most), .. }) = certificate.extensions.basic_constraints
            && below > most
        {
            let (most, below) = (Value::Number(u64::from(most)), Value::Number(u64::from(below)));
            self.add(Reason::PathConstraint, place, "basicConstraints", most, below);
        }
        if verdict == Reason::PathConstraint
            && let Some(names) = certificate.extensions.find(oid::NAME_CONSTRAINTS)
        {
            let leaf = self.parse(Place::Chain(0)).ok().and_then(|leaf| leaf.extensions.find(oid::SUBJECT_ALT_NAME));
            let found = leaf.map_or(Value::Absent, |names| Value::Bytes(names.value));
            self.add(Reason::PathConstraint, place, "nameConstraints", Value::Bytes(names.value), found);
        }
    }
}
