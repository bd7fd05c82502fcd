//! What an EST server answers (RFC 7030 section 4, RFC 8951), without a socket.

use super::attributes::BINDING;
use super::store::{New, Wait};
use super::tls::Device;
use super::{Audit, Office, enrol};
use crate::Result;
use crate::error::While;
use aseptic_certs::{base64, cms};
use aseptic_core::{Reason, limits};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes of a request body: a certification request in base64, with room for any way of breaking lines.
pub(super) const BODY: usize = 2 * limits::CERTIFICATE;
/// Seconds after which a client tries again that came at a bad time.
const LATER: u32 = 60;
/// Bytes of a bundle beside its certificates, at most.
const FRAME: usize = 128;
/// Characters of the method and operation in an audit line.
const OPERATION: usize = 64;
const PREFIX: &str = "/.well-known/est/";
const BUNDLE: &str = "application/pkcs7-mime";
const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";
const ATTRIBUTES: &str = "application/csrattrs";
const TEXT: &str = "text/plain; charset=utf-8";

/// Who is at the other end of a channel.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) from: SocketAddr,
    /// None where the settings allow that nobody shows a certificate.
    pub(super) device: Option<Arc<Device>>,
    /// What binds a request to the channel; none in TLS 1.2.
    pub(super) binding: Option<[u8; BINDING]>,
    /// Whether a request of it came whole.
    pub(super) answered: AtomicBool,
}

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

/// What must be in the store before the answer leaves, beside its audit line.
pub(super) enum Record {
    Nothing,
    Issue(New),
    Queue(Wait),
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, allow: None, retry_after: None, body }
    }

    /// An answer for people: RFC 7030 section 4.2.3 wants plain text with each refusal.
    pub(super) fn text(status: u16, text: &str) -> Self {
        Self::new(status, TEXT, format!("{text}\n").into_bytes())
    }

    pub(super) fn refusal(status: u16, reason: Reason) -> Self {
        Self::text(status, &format!("{reason} {}", reason.remedy()))
    }

    /// A refusal that may not be one later.
    pub(super) fn later(status: u16, reason: Reason, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::refusal(status, reason) }
    }

    /// One certificate alone (RFC 7030 section 4.2.3); those above it come with cacerts.
    pub(super) fn certificate(der: &[u8]) -> Self {
        match bundle(&[der]) {
            Ok(body) => Self::new(200, CERTS_ONLY, body),
            Err(error) => Self::refusal(500, error.reason()),
        }
    }
}

/// Tells the audit log why what an authenticated client sent is no HTTP request.
pub(super) fn broken(office: &Office, client: &Client, reason: Reason) {
    let audit = Audit { reason: Some(reason), ..audit(office, client, "request".into()) };
    // There is nobody to tell that it cannot be written.
    let _ = office.tell(&audit);
}

fn audit(office: &Office, client: &Client, operation: String) -> Audit {
    let name = |device: &Device| String::from_utf8_lossy(device.peer.name()).into_owned();
    Audit {
        at: office.now(),
        from: client.from,
        device: client.device.as_deref().map(name),
        operation,
        status: None,
        reason: client.device.as_deref().and_then(|device| device.peer.degraded()),
        thumbprint: None,
        certificate: None,
    }
}

/// Answers the request of a client. The answer is in the audit log, and what it promises in the store, when this returns.
pub(super) fn answer(office: &Office, client: &Client, request: &Request<'_>) -> Answer {
    let operation = request.path.strip_prefix(PREFIX).unwrap_or(request.path);
    let asked = format!("{} {operation}", request.method).chars().take(OPERATION).collect();
    let mut audit = audit(office, client, asked);
    let (answer, record) = route(office, client, operation, request, &mut audit);
    audit.status = Some(answer.status);
    if let Record::Issue(new) = &record {
        audit.certificate = Some(new.serial.clone());
    }
    let line = audit.to_string();
    let recorded = office.store.write(move |ledger| {
        let known = match &record {
            Record::Nothing => None,
            Record::Issue(new) => ledger.issue(new)?,
            Record::Queue(wait) => {
                ledger.queue(wait)?;
                None
            }
        };
        ledger.tell(&line)?;
        Ok(known)
    });
    match recorded {
        Ok(known) => {
            office.told(&audit);
            // The same request came twice at once, and the other one was faster.
            known.map_or(answer, |certificate| Answer::certificate(&certificate))
        }
        Err(error) => unrecorded(office, audit, error.reason()),
    }
}

/// What is not in the store is not answered with. Of that the store hears too, if it can.
fn unrecorded(office: &Office, audit: Audit, reason: Reason) -> Answer {
    let status = if reason == Reason::IdentityNameMismatch { 403 } else { 503 };
    let audit = Audit { status: Some(status), reason: Some(reason), certificate: None, ..audit };
    if office.tell(&audit).is_err() {
        office.told(&audit);
    }
    if status == 403 { Answer::refusal(status, reason) } else { Answer::later(status, reason, LATER) }
}

fn route(
    office: &Office,
    client: &Client,
    operation: &str,
    request: &Request<'_>,
    audit: &mut Audit,
) -> (Answer, Record) {
    let answer = match (operation, request.method, client.device.as_deref()) {
        _ if request.body.is_err() => {
            let reason = request.body.err().unwrap_or(Reason::Internal);
            audit.reason = Some(reason);
            Answer::refusal(if reason == Reason::TooLarge { 413 } else { 400 }, reason)
        }
        _ if !request.path.starts_with(PREFIX) => Answer::text(404, "There is nothing here but /.well-known/est/."),
        ("cacerts", "GET", _) => ca_certificates(office),
        ("csrattrs", "GET", _) => attributes(office),
        ("cacerts" | "csrattrs", ..) => Answer { allow: Some("GET"), ..Answer::text(405, "Use GET.") },
        ("simpleenroll" | "simplereenroll", "POST", None) => {
            audit.reason = Some(Reason::PeerAnonymous);
            Answer::refusal(403, Reason::PeerAnonymous)
        }
        ("simpleenroll", "POST", Some(device)) => return enrol::enrol(office, client, device, request, audit),
        ("simplereenroll", "POST", Some(device)) => return enrol::renew(office, client, device, request, audit),
        ("simpleenroll" | "simplereenroll", ..) => Answer { allow: Some("POST"), ..Answer::text(405, "Use POST.") },
        // Keys are made where they are used.
        ("fullcmc" | "serverkeygen", ..) => Answer::text(501, "This server does not offer it."),
        _ => Answer::text(404, "There is no such operation."),
    };
    (answer, Record::Nothing)
}

/// Our certificates, and in a roll-over those that connect the roots (RFC 7030 section 4.1.3).
fn ca_certificates(office: &Office) -> Answer {
    let roll_over = office.registrar.roll_over.iter().flat_map(|roll_over| roll_over.certificates());
    let certificates: Vec<&[u8]> = office.registrar.ca.certificates().chain(roll_over).collect();
    match bundle(&certificates) {
        Ok(body) => Answer::new(200, BUNDLE, body),
        Err(error) => Answer::refusal(500, error.reason()),
    }
}

fn attributes(office: &Office) -> Answer {
    match office.registrar.attributes.der(office.registrar.proof) {
        // RFC 7030 section 4.5.2: no attributes are asked for.
        Ok(None) => Answer::new(204, TEXT, Vec::new()),
        Ok(Some(der)) => match one_line(&der) {
            Ok(body) => Answer::new(200, ATTRIBUTES, body),
            Err(error) => Answer::refusal(500, error.reason()),
        },
        Err(reason) => Answer::refusal(500, reason),
    }
}

fn bundle(certificates: &[&[u8]]) -> Result<Vec<u8>> {
    let most = certificates.iter().map(|certificate| certificate.len()).sum::<usize>().saturating_add(FRAME);
    let mut der = vec![0; most.min(limits::EST_ANSWER)];
    let length = cms::write(certificates, &mut der).during("writing a bundle")?;
    one_line(der.get(..length).unwrap_or_default())
}

/// Base64 on one line (RFC 8951 section 3.1), which every client reads.
fn one_line(der: &[u8]) -> Result<Vec<u8>> {
    let mut text = vec![0; base64::encoded_len(der.len())];
    let length = base64::encode(der, &mut text).during("writing an answer")?;
    text.truncate(length);
    text.retain(|byte| *byte != b'\n');
    text.push(b'\n');
    Ok(text)
}
