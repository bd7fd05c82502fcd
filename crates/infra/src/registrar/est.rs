//! What an EST server answers (RFC 7030 section 4, RFC 8951), without a socket.

use super::{Applicant, Audit, Decision, Device, Registrar};
use crate::ca::{Local, Validity};
use crate::error::While;
use crate::{Error, Result};
use aseptic_certs::csr::Csr;
use aseptic_certs::{base64, cms};
use aseptic_core::crypto::PublicKey;
use aseptic_core::{Reason, limits};

/// Bytes of a request body: a certification request in base64, with room for any way of breaking lines.
pub(super) const BODY: usize = 2 * limits::CERTIFICATE;
/// Seconds before now from which a certificate is valid, so that a device whose clock is a little behind can use it.
const BACKDATED: u64 = 300;
/// Characters of the method and operation in an audit line.
const OPERATION: usize = 64;
const PREFIX: &str = "/.well-known/est/";
const BUNDLE: &str = "application/pkcs7-mime";
const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";
const TEXT: &str = "text/plain; charset=utf-8";

/// A request, read whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) content_type: Option<&'a str>,
    /// The body, or why there is none.
    pub(super) body: aseptic_core::Result<&'a [u8]>,
}

/// The answer to it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) allow: Option<&'static str>,
    pub(super) retry_after: Option<u32>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, allow: None, retry_after: None, body }
    }

    /// An answer for people: RFC 7030 section 4.2.3 wants plain text with each refusal.
    pub(super) fn text(status: u16, text: &str) -> Self {
        Self::new(status, TEXT, format!("{text}\n").into_bytes())
    }

    fn refusal(status: u16, reason: Reason) -> Self {
        Self::text(status, &format!("{reason} {}", reason.remedy()))
    }
}

/// Tells the audit hook that an authenticated device sent what is no HTTP request.
pub(super) fn malformed(registrar: &Registrar, device: &Device) {
    registrar.tell(&audit(registrar, device, "request".into(), Some(Reason::HttpMalformed)));
}

/// A line about an authenticated device.
fn audit(registrar: &Registrar, device: &Device, operation: String, reason: Option<Reason>) -> Audit {
    Audit {
        at: registrar.clock.now().seconds,
        from: device.from,
        device: Some(String::from_utf8_lossy(device.peer.name()).into_owned()),
        operation,
        status: None,
        reason,
        thumbprint: None,
    }
}

/// Answers the request of an authenticated device, and tells the audit hook.
pub(super) fn answer(registrar: &Registrar, device: &Device, request: &Request<'_>) -> Answer {
    let operation = request.path.strip_prefix(PREFIX).unwrap_or(request.path);
    let asked = format!("{} {operation}", request.method).chars().take(OPERATION).collect();
    let mut audit = audit(registrar, device, asked, device.peer.degraded());
    let answer = match (operation, request.method) {
        _ if request.body.is_err() => {
            let reason = request.body.err().unwrap_or(Reason::Internal);
            audit.reason = Some(reason);
            Answer::refusal(if reason == Reason::TooLarge { 413 } else { 400 }, reason)
        }
        _ if !request.path.starts_with(PREFIX) => Answer::text(404, "There is nothing here but /.well-known/est/."),
        ("cacerts", "GET") => ca_certificates(registrar),
        ("simpleenroll", "POST") => enrol(registrar, device, request, &mut audit),
        // RFC 7030 section 4.5.2: no attributes are asked for.
        ("csrattrs", "GET") => Answer::new(204, TEXT, Vec::new()),
        ("cacerts" | "csrattrs", _) => Answer { allow: Some("GET"), ..Answer::text(405, "Use GET.") },
        ("simpleenroll", _) => Answer { allow: Some("POST"), ..Answer::text(405, "Use POST.") },
        ("simplereenroll" | "fullcmc" | "serverkeygen", _) => Answer::text(501, "This server does not offer it."),
        _ => Answer::text(404, "There is no such operation."),
    };
    audit.status = Some(answer.status);
    registrar.tell(&audit);
    answer
}

fn ca_certificates(registrar: &Registrar) -> Answer {
    let certificates: Vec<&[u8]> = registrar.ca.certificates().collect();
    match bundle(&certificates) {
        Ok(body) => Answer::new(200, BUNDLE, body),
        Err(error) => Answer::refusal(500, error.reason()),
    }
}

fn enrol(registrar: &Registrar, device: &Device, request: &Request<'_>, audit: &mut Audit) -> Answer {
    let mut refuse = |status, reason| {
        audit.reason = Some(reason);
        Answer::refusal(status, reason)
    };
    if !request.content_type.is_some_and(|value| is_media_type(value, "application/pkcs10")) {
        return refuse(415, Reason::HttpMalformed);
    }
    let mut der = [0; BODY];
    let decoded = request.body.and_then(|body| base64::decode(body, &mut der));
    let decoded = decoded.map(|length| der.get(..length).unwrap_or_default());
    let sound = decoded.and_then(|der| Ok((der, sound_request(registrar, der)?)));
    let (der, (csr, key, thumbprint)) = match sound {
        Ok(sound) => sound,
        Err(Reason::TooLarge) => return refuse(413, Reason::TooLarge),
        Err(reason) => return refuse(400, reason),
    };
    audit.thumbprint = Some(thumbprint);
    let mut refuse = |status, reason| {
        audit.reason = Some(reason);
        Answer::refusal(status, reason)
    };
    // The registrar's one rule that no policy can relax: a device asks for itself alone.
    let Ok(serial) = std::str::from_utf8(device.peer.name()) else {
        return refuse(403, Reason::IdentityNameMismatch);
    };
    if csr.device_serial() != Some(device.peer.name()) {
        return refuse(403, Reason::IdentityNameMismatch);
    }
    // A birth key is for enrolling alone; a local certificate for it would outlive every change of owner.
    if device.peer.key().is_ok_and(|birth| birth == key) {
        return refuse(403, Reason::KeyWrongUse);
    }
    match (registrar.policy)(&Applicant { serial, thumbprint: &thumbprint, degraded: device.peer.degraded() }) {
        Decision::Issue => {}
        Decision::Wait { seconds } => {
            audit.reason = Some(Reason::EstPending);
            return Answer { retry_after: Some(seconds), ..Answer::refusal(202, Reason::EstPending) };
        }
        Decision::Refuse => return refuse(403, Reason::EstRefused),
    }
    match issue(registrar, device, serial, der) {
        Ok(body) => Answer::new(200, CERTS_ONLY, body),
        Err(error) if error.reason() == Reason::IdentityNameMismatch => refuse(403, error.reason()),
        Err(error) => refuse(500, error.reason()),
    }
}

/// A request that is well-formed and signed by its own key; with its key and the key's thumbprint.
fn sound_request<'r>(registrar: &Registrar, der: &'r [u8]) -> aseptic_core::Result<(Csr<'r>, PublicKey<'r>, [u8; 32])> {
    let suite = registrar.trust.suite();
    let csr = Csr::parse(der)?;
    csr.verify(suite)?;
    let key = csr.public_key()?;
    Ok((csr, key, key.thumbprint(suite)?))
}

fn issue(registrar: &Registrar, device: &Device, serial: &str, request: &[u8]) -> Result<Vec<u8>> {
    let now = registrar.clock.now().seconds;
    let authority = registrar.ca.validity()?;
    let not_before = now.saturating_sub(BACKDATED).max(authority.not_before());
    let not_after = now.saturating_add(registrar.days.saturating_mul(86_400)).min(authority.not_after());
    let uris: Vec<&str> = device.udi.as_deref().into_iter().collect();
    let local = Local { serial, validity: Validity::new(not_before, not_after)?, uris: &uris };
    let chain = registrar.ca.issue_local(request, &local)?;
    // RFC 7030 section 4.2.3: the issued certificate alone; those above it come with cacerts.
    let leaf = chain.first().ok_or_else(|| Error::new(Reason::Internal, "issuing a local certificate"))?;
    bundle(&[leaf])
}

/// A certs-only bundle in base64 on one line (RFC 8951 section 3.1), which every client reads.
fn bundle(certificates: &[&[u8]]) -> Result<Vec<u8>> {
    let mut der = vec![0; limits::EST_ANSWER];
    let length = cms::write(certificates, &mut der).during("writing a bundle")?;
    let mut text = vec![0; base64::encoded_len(length)];
    let length = base64::encode(der.get(..length).unwrap_or_default(), &mut text).during("writing a bundle")?;
    text.truncate(length);
    text.retain(|byte| *byte != b'\n');
    text.push(b'\n');
    Ok(text)
}

/// Compares a media type without its parameters and without regard to case (RFC 9110 section 8.3.1).
fn is_media_type(value: &str, wanted: &str) -> bool {
    value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}
