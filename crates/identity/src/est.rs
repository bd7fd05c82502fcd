//! The messages of EST (RFC 7030, RFC 8951) as they pass between an [`crate::enrol::Enroller`] and whatever speaks HTTPS.

use crate::credential::Origin;
use crate::date;
use aseptic_core::bytes::cut;
use aseptic_core::time::{Time, Trust};
use aseptic_core::{Reason, Result, limits};

/// Where the CA certificates are (RFC 7030 section 3.2.2).
pub const CACERTS: &str = "/.well-known/est/cacerts";
/// Where a device enrols.
pub const SIMPLEENROLL: &str = "/.well-known/est/simpleenroll";
/// Where a device renews what it enrolled for.
pub const SIMPLEREENROLL: &str = "/.well-known/est/simplereenroll";
/// Where the registrar says what it wants in a request.
pub const CSRATTRS: &str = "/.well-known/est/csrattrs";
/// Media type of a request.
pub const PKCS10: &str = "application/pkcs10";
/// Media type of an answer with certificates.
pub const PKCS7: &str = "application/pkcs7-mime";
/// Media type of an answer that says what the registrar wants.
pub const ATTRIBUTES: &str = "application/csrattrs";

/// How one registrar is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Which identity the device shows in the connection: the birth identity enrols, the local one renews itself. A
    /// registrar answers both; the birth identity is the way back where the local one has expired or is turned down.
    pub origin: Origin,
    /// Whether to ask what the registrar wants in a request (csrattrs, RFC 9908) before the first one.
    pub attributes: bool,
    /// Whether requests prove that the connection ends where the key is: the channel binding `tls-exporter` (RFC 9266) as
    /// challengePassword. RFC 7030 section 3.5 knows that for TLS 1.2 alone, so a registrar must be known to want it. Such a
    /// request holds for one connection; it is made anew for each and never stored.
    pub proof_of_possession: bool,
}

impl Terms {
    /// An enrolment with the birth identity.
    pub const ENROL: Self = Self { origin: Origin::Birth, attributes: true, proof_of_possession: false };
    /// A renewal of the local identity by itself. Names are copied from it, so nothing is asked.
    pub const RENEW: Self = Self { origin: Origin::Local, attributes: false, proof_of_possession: false };
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// The transport is ready: at the beginning, after a wait, and after an exchange that brought no answer.
    Ready,
    /// A new connection stands, whose channel binding `tls-exporter` (RFC 9266) this is. Only proof of possession needs it;
    /// it is answered with the request as it is to go over this connection.
    Connected(&'e [u8; 32]),
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
    /// Location, as received; empty if absent.
    pub location: &'e str,
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
    /// Where to, as `host` or `host:port`, if the registrar redirected the request; empty for the registrar itself. Another
    /// place than the one connected to takes a new connection with all checks, under the name of this host
    /// (RFC 7030 section 3.2.1).
    pub authority: &'a str,
    /// The path, from the root.
    pub path: &'a str,
    /// Content-Type; empty if there is no body.
    pub content_type: &'static str,
    /// The body; base64 in lines of 64 with a line feed after each, the form that every known server takes.
    pub body: &'a [u8],
}

/// Host (with port) and path of a redirect. [`Reason::EstRefused`] for another scheme, for user information, and for
/// what is neither an absolute URL nor a path from the root.
pub(crate) fn target(location: &str) -> Result<(&str, &str)> {
    // A character that is none of a URI could begin a header field of its own.
    if location.len() > limits::URI || !location.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Reason::EstRefused);
    }
    let whole = front(location, b'#');
    if whole.starts_with('/') && !whole.starts_with("//") {
        return Ok(("", whole));
    }
    let (scheme, rest) = cut(whole, b':').ok_or(Reason::EstRefused)?;
    let rest = rest.strip_prefix("//").ok_or(Reason::EstRefused)?;
    let authority = front(rest, b'/');
    let path = rest.strip_prefix(authority).filter(|path| !path.is_empty()).ok_or(Reason::EstRefused)?;
    let host = front(authority, b':');
    let port = authority.strip_prefix(host).unwrap_or_default();
    let port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let sound = scheme.eq_ignore_ascii_case("https") && aseptic_certs::name::is_host(host) && port;
    if sound { Ok((authority, path)) } else { Err(Reason::EstRefused) }
}

/// What stands before the first `mark`; all of it without one.
fn front(text: &str, mark: u8) -> &str {
    cut(text, mark).map_or(text, |(front, _)| front)
}

/// Whether `content_type` names the media type `wanted`, whatever its parameters.
pub(crate) fn is_media_type(content_type: &str, wanted: &str) -> bool {
    let media = content_type.as_bytes().split(|byte| *byte == b';').next();
    media.is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
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

/// Seconds to wait, within a second and [`limits::EST_WAIT`]: Retry-After as a number, or until its date (RFC 9110 section
/// 10.2.3) as far as `now` is known. A date without a clock, and anything else, is [`DEFAULT_WAIT`].
pub(crate) fn wait(retry_after: &str, now: Time) -> u32 {
    let text = retry_after.trim();
    if let Some(date) = date::parse(text) {
        return match now.trust {
            // A bound from below makes the wait longer than it need be, never shorter.
            Trust::Trusted | Trust::AtLeast => bounded(date.saturating_sub(now.seconds)),
            Trust::Unknown => DEFAULT_WAIT,
        };
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return DEFAULT_WAIT;
    }
    text.parse().map_or(limits::EST_WAIT, bounded)
}

fn bounded(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(limits::EST_WAIT).clamp(1, limits::EST_WAIT)
}

/// The reason behind a status that is neither 200 nor 202.
pub(crate) const fn refused(status: u16) -> Reason {
    match status {
        // 503 with or without Retry-After, 429: not now.
        429 | 503 => Reason::EstPending,
        _ => Reason::EstRefused,
    }
}

/// Decodes a bundle in place.
pub(crate) fn decode<'e>(response: Response<'e>) -> Result<&'e [u8]> {
    if is_bundle(response.content_type) { decode_body(response) } else { Err(Reason::EstTransfer) }
}

/// Decodes what a registrar wants in a request, in place; nothing if it wants nothing in particular (RFC 7030 section 4.5.2).
pub(crate) fn decode_attributes<'e>(response: Response<'e>) -> Result<&'e [u8]> {
    match response.status {
        // Not offered, or nothing to say.
        204 | 404 | 405 | 501 => Ok(&[]),
        200 if is_media_type(response.content_type, ATTRIBUTES) => decode_body(response),
        200 => Err(Reason::EstTransfer),
        other => Err(refused(other)),
    }
}

fn decode_body<'e>(response: Response<'e>) -> Result<&'e [u8]> {
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
            assert_eq!(wait(text, Time::UNKNOWN), expected, "{text}");
        }
    }

    #[test]
    fn a_date_is_waited_for_as_far_as_the_time_is_known() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (now, expected) in [
            (Time::trusted(784_111_777 - 90), 90),
            (Time::trusted(784_111_777), 1),
            (Time::trusted(784_111_777 + 5), 1),
            (Time::at_least(784_111_777 - 90), 90),
            (Time::at_least(0), limits::EST_WAIT),
            (Time::UNKNOWN, DEFAULT_WAIT),
        ] {
            assert_eq!(wait(date, now), expected, "{now:?}");
        }
    }

    #[test]
    fn redirects_name_a_path_or_a_host_by_https_and_nothing_else() {
        for (location, expected) in [
            ("/.well-known/est/x/cacerts", Some(("", "/.well-known/est/x/cacerts"))),
            ("https://est.example/a?b=c#d", Some(("est.example", "/a?b=c"))),
            ("HTTPS://est.example:8443/a", Some(("est.example:8443", "/a"))),
            ("http://est.example/a", None),
            ("https://est.example", None),
            ("https://user@est.example/a", None),
            ("https://est.example:0/a", None),
            ("https://est.example:65536/a", None),
            ("https://[::1]/a", None),
            ("https://10.0.0.1/a", None),
            ("https:///a", None),
            ("//est.example/a", None),
            ("a", None),
            ("", None),
            ("/a b", None),
            ("/a\r\nX: y", None),
            ("/\u{e4}", None),
        ] {
            assert_eq!(target(location).ok(), expected, "{location}");
        }
        assert_eq!(target(&std::format!("/{}", "a".repeat(limits::URI))), Err(Reason::EstRefused));
    }
}
