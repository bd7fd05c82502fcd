//! An EST registrar in the same room: an enrolment without a network.

use aseptic_certs::{base64, cms};
use aseptic_core::Result;
use aseptic_core::time::Time;
use aseptic_identity::{Action, Enroller, Event, Response, est};

/// Leads an enrolment to its end. `authorities` is the registrar's list of CA certificates; `issue` makes a chain out of a
/// request (DER); `alter` may change an answer on its way, `true` telling the one with the device's own certificate.
pub(crate) fn enrol(
    enroller: &mut Enroller<'_>,
    now: Time,
    authorities: &[&[u8]],
    issue: impl Fn(&[u8]) -> Vec<Vec<u8>>,
    alter: impl Fn(bool, Vec<u8>) -> Vec<u8>,
) -> Result<()> {
    let mut answer: Option<(u16, Vec<u8>)> = None;
    loop {
        let event = match &mut answer {
            None => Event::Ready,
            Some((status, body)) => {
                let content_type = "application/pkcs7-mime";
                Event::Response(Response { status: *status, content_type, retry_after: "", location: "", body })
            }
        };
        answer = match enroller.step(event, now)? {
            Action::Done => return Ok(()),
            // It has nothing to say about requests.
            Action::Request(request) if request.path == est::CSRATTRS => Some((204, Vec::new())),
            Action::Request(request) if request.method == "GET" => Some((200, alter(false, bundle(authorities)))),
            Action::Request(request) => {
                let mut csr = vec![0; request.body.len()];
                let length = base64::decode(request.body, &mut csr)?;
                let chain = issue(&csr[..length]);
                Some((200, alter(true, bundle(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>()))))
            }
            other => panic!("{other:?}"),
        };
    }
}

/// A PKCS #7 bundle in base64, as EST carries it.
pub(crate) fn bundle(certificates: &[&[u8]]) -> Vec<u8> {
    let mut der = vec![0; 8192];
    let length = cms::write(certificates, &mut der).unwrap();
    let mut out = vec![0; base64::encoded_len(length)];
    let length = base64::encode(&der[..length], &mut out).unwrap();
    out.truncate(length);
    out
}
