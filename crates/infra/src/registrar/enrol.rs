//! Who gets which certificate: simpleenroll and simplereenroll (RFC 7030 section 4.2).

use super::est::{Answer, BODY, Client, Record, Request};
use super::rates::Rate;
use super::store::{New, Standing, State, Wait};
use super::tls::{Device, Shown};
use super::{Applicant, Audit, Decision, Issuer, Office, Profile, attributes, makers};
use crate::ca::{Local, Proven, Validity};
use crate::error::While;
use crate::{Error, Result};
use aseptic_certs::csr::Csr;
use aseptic_certs::{Certificate, Extension, base64, oid};
use aseptic_core::Reason;

/// Seconds before now from which a certificate is valid, so that a device whose clock is a little behind can use it.
const BACKDATED: u64 = 300;

/// A refusal: status and reason.
type Refusal = (u16, Reason);

/// A device that asks, and what is known of it.
struct Case<'c> {
    office: &'c Office,
    device: &'c Device,
    serial: &'c str,
    /// The request (DER).
    der: &'c [u8],
    asked: Proven<'c>,
    thumbprint: [u8; 32],
    request: [u8; 32],
    standing: Standing,
    now: u64,
}

/// simpleenroll: for who comes with a birth certificate.
pub(super) fn enrol(
    office: &Office,
    client: &Client,
    device: &Device,
    request: &Request<'_>,
    audit: &mut Audit,
) -> (Answer, Record) {
    decided(office, client, device, request, audit, |_| match device.shown {
        Shown::Birth => Ok(false),
        // Whoever has a certificate of ours renews it.
        Shown::Local => Err((403, Reason::KeyWrongUse)),
    })
}

/// simplereenroll: for who has a certificate and asks for another with the same names.
pub(super) fn renew(
    office: &Office,
    client: &Client,
    device: &Device,
    request: &Request<'_>,
    audit: &mut Audit,
) -> (Answer, Record) {
    decided(office, client, device, request, audit, |case| case.renews())
}

/// Answers a request; `renews` says whether it is a renewal, or why it is none that is allowed.
fn decided(
    office: &Office,
    client: &Client,
    device: &Device,
    request: &Request<'_>,
    audit: &mut Audit,
    renews: impl FnOnce(&Case<'_>) -> std::result::Result<bool, Refusal>,
) -> (Answer, Record) {
    let mut der = [0; BODY];
    let outcome = Case::open(office, device, request, &mut der, audit).and_then(|case| {
        let renewal = renews(&case)?;
        case.decide(client, renewal, audit)
    });
    outcome.unwrap_or_else(|(status, reason)| {
        audit.reason = Some(reason);
        let answer = match status {
            429 => Answer::later(status, reason, office.rates.request_every()),
            _ => Answer::refusal(status, reason),
        };
        (answer, Record::Nothing)
    })
}

impl<'c> Case<'c> {
    /// What no policy can relax: a sound request, by a device for itself alone, for a key of its own.
    fn open(
        office: &'c Office,
        device: &'c Device,
        request: &Request<'_>,
        der: &'c mut [u8; BODY],
        audit: &mut Audit,
    ) -> std::result::Result<Self, Refusal> {
        if !request.content_type.is_some_and(|value| is_media_type(value, "application/pkcs10")) {
            return Err((415, Reason::HttpMalformed));
        }
        let malformed = |reason| (if reason == Reason::TooLarge { 413 } else { 400 }, reason);
        let length = request.body.and_then(|body| base64::decode(body, der)).map_err(malformed)?;
        let der = der.get(..length).unwrap_or_default();
        let suite = office.registrar.trust.suite();
        let asked = Proven::new(der).map_err(malformed)?;
        let (csr, key) = (&asked.csr, asked.key);
        let thumbprint = key.thumbprint(suite).map_err(malformed)?;
        audit.thumbprint = Some(thumbprint);
        let serial = std::str::from_utf8(device.peer.name()).map_err(|_| (403, Reason::IdentityNameMismatch))?;
        if csr.device_serial() != Some(device.peer.name()) {
            return Err((403, Reason::IdentityNameMismatch));
        }
        if device.shown == Shown::Birth {
            // A birth key is for enrolling alone; a local certificate for it would outlive every change of owner.
            if device.peer.key().is_ok_and(|birth| birth == key) {
                return Err((403, Reason::KeyWrongUse));
            }
            let birth = Certificate::parse(device.leaf()).map_err(malformed)?;
            let uri = csr.alternative_names().and_then(|names| names.uri());
            if uri.is_some() && uri != birth.uri() {
                return Err((403, Reason::IdentityNameMismatch));
            }
        }
        let request = suite.sha256(&[der]).map_err(|reason| (500, reason))?;
        let standing = office.store.read(|reading| Standing::of(reading, serial, &request));
        let standing = standing.map_err(|error| (503, error.reason()))?;
        Ok(Self { office, device, serial, der, asked, thumbprint, request, standing, now: office.now() })
    }

    /// Whether this renews the device's local certificate, with the same subject and alternative names (RFC 7030 section
    /// 4.2.2). With a birth certificate it does once the local one has expired; else it enrols, as by simpleenroll.
    fn renews(&self) -> std::result::Result<bool, Refusal> {
        let before: &[u8] = match (self.device.shown, &self.standing.current) {
            (Shown::Local, _) => self.device.leaf(),
            (Shown::Birth, Some((certificate, _))) => certificate,
            (Shown::Birth, None) => return Ok(false),
        };
        let before = Certificate::parse(before).map_err(|reason| (500, reason))?;
        match (self.device.shown, same_names(&self.asked.csr, &before)) {
            (Shown::Local, true) => Ok(true),
            (Shown::Local, false) => Err((403, Reason::EstNamesChanged)),
            (Shown::Birth, same) => Ok(same && before.not_after < self.now),
        }
    }

    fn decide(
        self,
        client: &Client,
        renewal: bool,
        audit: &mut Audit,
    ) -> std::result::Result<(Answer, Record), Refusal> {
        if let Some((certificate, newest)) = &self.standing.answered {
            let valid = Certificate::parse(certificate).is_ok_and(|certificate| certificate.not_after >= self.now);
            if !newest || !valid {
                return Err((403, Reason::EstReplayed));
            }
            // The answer got lost on its way.
            audit.certificate = Certificate::parse(certificate).ok().map(|certificate| certificate.serial.to_vec());
            return Ok((Answer::certificate(certificate), Record::Nothing));
        }
        // One that is queued was bound to the channel that it first came by.
        if self.office.registrar.proof && self.standing.state.is_none() {
            attributes::check_proof(self.der, client.binding.as_ref()).map_err(|reason| (403, reason))?;
        }
        if self.standing.state.is_none() && self.office.rates.request(self.serial) != Rate::Within {
            return Err((429, Reason::EstLimited));
        }
        let issuer = self.issuer().map_err(|reason| (500, reason))?;
        let applicant = Applicant {
            serial: self.serial,
            issuer: &issuer,
            thumbprint: &self.thumbprint,
            degraded: self.device.peer.degraded(),
            renewal,
        };
        match (self.office.decide(&applicant), self.standing.state) {
            // What a person has rejected stays so until a person approves it, whatever the rules say by then.
            ((Decision::Refuse, _), _) | (_, Some(State::Rejected)) => Err((403, Reason::EstRefused)),
            ((Decision::Issue, profile), _) | ((Decision::Wait { .. }, profile), Some(State::Approved)) => {
                let new = self.issue(issuer, profile, renewal).map_err(|error| match error.reason() {
                    reason @ (Reason::IdentityNameMismatch | Reason::EstNamesChanged) => (403, reason),
                    reason => (500, reason),
                })?;
                Ok((Answer::certificate(&new.certificate), Record::Issue(new)))
            }
            ((Decision::Wait { seconds }, _), _) => {
                audit.reason = Some(Reason::EstPending);
                let (device, request, thumbprint) = (self.serial.to_owned(), self.request, self.thumbprint);
                let wait = Wait { device, issuer, request, thumbprint, since: self.now };
                Ok((Answer::later(202, Reason::EstPending, seconds), Record::Queue(wait)))
            }
        }
    }

    /// Who issued the birth certificate of the device; nobody, if the store does not know any more.
    fn issuer(&self) -> aseptic_core::Result<Issuer> {
        match self.device.shown {
            Shown::Local => Ok(self.standing.current.as_ref().map(|(_, issuer)| issuer.clone()).unwrap_or_default()),
            Shown::Birth => makers::issuer(&self.office.registrar.trust, &self.device.chain),
        }
    }

    /// Makes the certificate, which nobody sees before it is recorded.
    fn issue(&self, issuer: Issuer, profile: Profile, renewal: bool) -> Result<New> {
        let ca = &self.office.registrar.ca;
        let authority = ca.validity()?;
        let not_before = self.now.saturating_sub(BACKDATED).max(authority.not_before());
        let not_after = self.now.saturating_add(profile.days.saturating_mul(86_400)).min(authority.not_after());
        let shown = Certificate::parse(self.device.leaf()).during("reading the certificate of the device")?;
        let uri = if renewal { self.asked.csr.alternative_names().and_then(|names| names.uri()) } else { shown.uri() };
        let uris: Vec<&str> = uri.filter(|_| renewal || profile.udi).into_iter().collect();
        let local = Local { serial: self.serial, validity: Validity::new(not_before, not_after)?, uris: &uris };
        let certificate = ca.issue_proven(&self.asked, &local)?.swap_remove(0);
        let issued = Certificate::parse(&certificate).during("reading the issued certificate")?;
        if renewal && !same_names(&self.asked.csr, &issued) {
            return Err(Error::new(Reason::EstNamesChanged, "comparing the names of a renewed certificate"));
        }
        Ok(New {
            serial: issued.serial.to_vec(),
            device: self.serial.to_owned(),
            issuer,
            request: self.request,
            at: self.now,
            certificate: certificate.clone(),
        })
    }
}

/// Whether a request asks for exactly the names of a certificate, with their criticality.
fn same_names(csr: &Csr<'_>, certificate: &Certificate<'_>) -> bool {
    let names = |extension: Extension<'_>| (extension.critical, extension.value.to_vec());
    csr.subject == certificate.subject
        && csr.extensions.find(oid::SUBJECT_ALT_NAME).map(names)
            == certificate.extensions.find(oid::SUBJECT_ALT_NAME).map(names)
}

/// Compares a media type without its parameters and without regard to case (RFC 9110 section 8.3.1).
fn is_media_type(value: &str, wanted: &str) -> bool {
    value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}
