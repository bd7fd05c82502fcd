//! What a registrar asks of requests (csrattrs, RFC 7030 section 4.5, RFC 9908), and the binding of a request to its channel.

use aseptic_certs::der::{self, Reader, Writer};
use aseptic_certs::{base64, oid};
use aseptic_core::{Reason, Result};

/// What is answered to csrattrs. It helps clients that are not ours: a device of ours needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attributes {
    /// That nothing is asked for (status 204).
    #[default]
    None,
    /// A list of identifiers and attributes (RFC 8951 section 3.5): ECDSA with SHA-256, a key on P-256.
    List,
    /// A template of the request (RFC 9908 section 3.4): a subject of one serialNumber, which the client fills in, and a key
    /// on P-256.
    Template,
}

/// Bytes of a channel binding (RFC 9266 section 2).
pub(super) const BINDING: usize = 32;
/// The label of the exporter (RFC 9266 section 2).
pub(super) const BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Bytes of an answer.
const MOST: usize = 256;

impl Attributes {
    /// The CsrAttrs in DER, which ask for a proof of possession too if `proof`; none where nothing is asked for.
    pub(super) fn der(self, proof: bool) -> Result<Option<Vec<u8>>> {
        if self == Self::None && !proof {
            return Ok(None);
        }
        let mut out = [0; MOST];
        let mut writer = Writer::new(&mut out);
        writer.nested(der::SEQUENCE, |all| {
            // RFC 7030 section 4.5.2: the bare identifier asks for the binding.
            if proof {
                all.oid(oid::CHALLENGE_PASSWORD);
            }
            match self {
                Self::None => {}
                Self::List => {
                    all.oid(oid::ECDSA_SHA256);
                    all.nested(der::SEQUENCE, |key| {
                        key.oid(oid::EC_PUBLIC_KEY).nested(der::SET, |curves| {
                            curves.oid(oid::P256);
                        });
                    });
                }
                Self::Template => {
                    all.nested(der::SEQUENCE, |attribute| {
                        attribute.oid(oid::REQUEST_TEMPLATE).nested(der::SET, |values| {
                            values.nested(der::SEQUENCE, write_template);
                        });
                    });
                }
            }
        });
        writer.finish().map(|bytes| Some(bytes.to_vec()))
    }
}

/// CertificationRequestInfoTemplate (RFC 9908 appendix A, implicit tags).
fn write_template(template: &mut Writer<'_>) {
    template.magnitude(&[0]).nested(der::SEQUENCE, |subject| {
        subject.nested(der::SET, |name| {
            name.nested(der::SEQUENCE, |attribute| {
                // Without a value: the client fills it in.
                attribute.oid(oid::SERIAL_NUMBER);
            });
        });
    });
    template.nested(der::context(0), |key| {
        key.nested(der::SEQUENCE, |algorithm| {
            algorithm.oid(oid::EC_PUBLIC_KEY).oid(oid::P256);
        });
    });
    template.nested(der::context(1), |_| {});
}

/// Refuses a request (DER, well-formed) that does not carry the binding of the channel it came by, in base64 as
/// challengePassword (RFC 7030 section 3.5 with the exporter of RFC 9266). A channel of TLS 1.2 has none.
pub(super) fn check_proof(request: &[u8], binding: Option<&[u8; BINDING]>) -> Result<()> {
    let binding = binding.ok_or(Reason::EstProof)?;
    let shown = challenge_password(request).ok().flatten().ok_or(Reason::EstProof)?;
    let mut decoded = [0; BINDING];
    let length = base64::decode(shown, &mut decoded).map_err(|_| Reason::EstProof)?;
    if length == BINDING && decoded == *binding { Ok(()) } else { Err(Reason::EstProof) }
}

/// The content of the challengePassword of a request (RFC 2985 section 5.4.1), if it has one.
fn challenge_password(request: &[u8]) -> Result<Option<&[u8]>> {
    let mut info = Reader::new(request).nested(der::SEQUENCE)?.nested(der::SEQUENCE)?;
    info.integer()?;
    info.raw(der::SEQUENCE)?;
    info.raw(der::SEQUENCE)?;
    let mut attributes = info.nested(der::context(0))?;
    let mut found = None;
    while !attributes.is_empty() {
        let mut attribute = attributes.nested(der::SEQUENCE)?;
        let kind = attribute.oid()?;
        let mut values = attribute.nested(der::SET)?;
        if kind != oid::CHALLENGE_PASSWORD {
            continue;
        }
        let value = values.any()?;
        values.end()?;
        let text = matches!(value.tag, der::PRINTABLE_STRING | der::UTF8_STRING | der::IA5_STRING);
        if !text || found.replace(value.content).is_some() {
            return Err(Reason::CsrMalformed);
        }
    }
    Ok(found)
}
