//! The messages of EST (RFC 7030, RFC 8951) as they pass between an [`crate::enrol::Enroller`] and whatever speaks HTTPS.

use aseptic_core::{Reason, Result, limits};

/// Where the CA certificates are (RFC 7030 section 3.2.2).
pub const CACERTS: &str = "/.well-known/est/cacerts";
/// Where a device enrols.
pub const SIMPLEENROLL: &str = "/.well-known/est/simpleenroll";
/// Media type of a request.
pub const PKCS10: &str = "application/pkcs10";
/// Media type of an answer.
pub const PKCS7: &str = "application/pkcs7-mime";

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// The transport is ready: at the beginning, after a wait, and after an exchange that brought no answer.
    Ready,
    /// The registrar answered the last request.
    Response(Response<'e>),
}

/// An answer of the registrar, as received over TLS from a peer that was found to be the registrar.
#[derive(Debug)]
pub struct Response<'e> {
    /// The HTTP status.
    pub status: u16,
    /// Content-Type, with its parameters; empty if absent.
    pub content_type: &'e str,
    /// Retry-After, as received; empty if absent.
    pub retry_after: &'e str,
    /// The body, at most [`limits::EST_ANSWER`] bytes. It is decoded in place.
    pub body: &'e mut [u8],
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Send this, then report [`Event::Response`], or [`Event::Ready`] if no answer came.
    Request(Request<'a>),
    /// The registrar wants time, perhaps for a person to approve ([`Reason::EstPending`] is its name in a log). Report
    /// [`Event::Ready`] after so many seconds, or after a restart.
    Wait(u32),
    /// The new identity is stored; see [`crate::confirm_handshake`].
    Done,
}

/// An HTTP request to the registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: &'static str,
    /// The path, from the root.
    pub path: &'static str,
    /// Content-Type; empty if there is no body.
    pub content_type: &'static str,
    /// The body; base64 in lines of 64 with a line feed after each, the form that every known server takes.
    pub body: &'a [u8],
}

/// Whether `content_type` announces a bundle of certificates: PKCS #7, and if it says which kind, certs-only
/// (RFC 7030 sections 4.1.3 and 4.2.3; the parameter may be absent).
pub(crate) fn is_bundle(content_type: &str) -> bool {
    // As bytes: cutting text can panic.
    let mut parts = content_type.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let media = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(PKCS7.as_bytes()));
    media
        && parts.all(|parameter| {
            let mut sides = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            match (sides.next(), sides.next()) {
                (Some(name), Some(value)) if name.eq_ignore_ascii_case(b"smime-type") => {
                    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                    inner.unwrap_or(value).eq_ignore_ascii_case(b"certs-only")
                }
                _ => true,
            }
        })
}

/// Seconds to wait: Retry-After as a number, within a second and [`limits::EST_WAIT`]; anything else, a date among it, is
/// [`DEFAULT_WAIT`].
pub(crate) fn wait(retry_after: &str) -> u32 {
    let text = retry_after.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return DEFAULT_WAIT;
    }
    text.parse().unwrap_or(limits::EST_WAIT).clamp(1, limits::EST_WAIT)
}

/// The reason behind a status that is neither 200 nor 202.
pub(crate) const fn refused(status: u16) -> Reason {
    match status {
        // 503 with or without Retry-After, 429: not now.
        429 | 503 => Reason::EstPending,
        _ => Reason::EstRefused,
    }
}

/// Decodes the body of an answer in place.
pub(crate) fn decode<'e>(response: Response<'e>) -> Result<&'e [u8]> {
    if !is_bundle(response.content_type) {
        return Err(Reason::EstTransfer);
    }
    if response.body.len() > limits::EST_ANSWER {
        return Err(Reason::TooLarge);
    }
    let length = aseptic_certs::base64::decode_in_place(response.body)?;
    response.body.get(..length).ok_or(Reason::Internal)
}

/// Seconds to wait where the registrar does not say: a person is likely to be asked.
const DEFAULT_WAIT: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_case_and_parameters_are_read() {
        for (text, expected) in [
            ("application/pkcs7-mime", true),
            ("application/pkcs7-mime; smime-type=certs-only", true),
            ("Application/PKCS7-MIME;charset=x; SMIME-Type=\"Certs-Only\"", true),
            ("application/pkcs7-mime; smime-type=server-generated-key", false),
            ("application/pkcs7-mimes", false),
            ("text/html", false),
            ("", false),
        ] {
            assert_eq!(is_bundle(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_are_bounded_whatever_the_registrar_says() {
        for (text, expected) in [
            ("120", 120),
            (" 7 ", 7),
            ("0", 1),
            ("86400", 86_400),
            ("86401", limits::EST_WAIT),
            ("99999999999999999999", limits::EST_WAIT),
            ("", DEFAULT_WAIT),
            ("-1", DEFAULT_WAIT),
            ("+1", DEFAULT_WAIT),
            ("Fri, 31 Dec 2027 23:59:59 GMT", DEFAULT_WAIT),
        ] {
            assert_eq!(wait(text), expected, "{text}");
        }
    }
}
