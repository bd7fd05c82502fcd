//! Certification requests: PKCS #10 (RFC 2986).

use crate::certificate::{Certificate, Extensions};
use crate::der::{self, Reader, Writer};
use crate::name::{self, GeneralNames, HardwareModuleName, Name};
use crate::{algorithm, oid};
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{Parts, PublicKey, Suite};
use aseptic_core::{Reason, Result, limits};

/// What a new device asks to be called.
#[derive(Clone, Copy, Debug)]
pub struct CsrTemplate<'a> {
    /// The subject's serialNumber: 1 to 64 characters of PrintableString.
    pub serial: &'a str,
    /// The subject's commonName: 1 to 64 bytes of UTF-8.
    pub common_name: Option<&'a str>,
    /// A HardwareModuleName among the alternative names; the serial at most 64 bytes.
    pub hardware_module: Option<HardwareModuleName<'a>>,
    /// A URI among the alternative names, at most [`limits::URI`] ASCII bytes; for us the UDI.
    pub uri: Option<&'a str>,
}

/// Writes a request for `key`, signed by `signer`, into the front of `out`; gives the length.
///
/// `signer` must hold the private half of `key`: this is not checked here, but [`Csr::verify`] will. An ECDSA signature
/// differs each time, so a request that is to be sent again must be kept. [`limits::CSR`] bytes of room are enough.
/// [`Reason::TemplateInvalid`] for a name outside its bounds.
///
/// ```
/// use aseptic_certs::csr::{self, Csr, CsrTemplate};
/// use aseptic_core::crypto::{KeyAlg, PublicKey, soft};
///
/// # fn main() -> aseptic_core::Result<()> {
/// let private = soft::PrivateKey::from_bytes(KeyAlg::P256, &[7; 32])?;
/// let mut public = [0; 65];
/// private.public(&mut public)?;
/// let key = PublicKey::new(KeyAlg::P256, &public)?;
///
/// let template = CsrTemplate { serial: "PUMP-0001", common_name: None, hardware_module: None, uri: None };
/// let mut out = [0; aseptic_core::limits::CSR];
/// let length = csr::write(&private, key, &template, &mut out)?;
///
/// let request = Csr::parse(&out[..length])?;
/// request.verify(&soft::suite())?;
/// assert_eq!(request.device_serial(), Some(&b"PUMP-0001"[..]));
/// # Ok(())
/// # }
/// ```
pub fn write(signer: &dyn Signer, key: PublicKey<'_>, template: &CsrTemplate<'_>, out: &mut [u8]) -> Result<usize> {
    template.check()?;
    let attributes = |writer: &mut Writer<'_>| {
        if template.has_names() {
            write_extension_request(writer, |writer| {
                write_extension(writer, oid::SUBJECT_ALT_NAME, false, |writer| template.write_names(writer));
            });
        }
    };
    assemble(signer, key, |writer| template.write_subject(writer), attributes, out)
}

/// Writes a request for the same names as in `certificate`, which RFC 7030 section 4.2.2 wants for a renewal: subject and
/// alternative names with their criticality are copied byte by byte. Otherwise like [`write()`].
pub fn renew(signer: &dyn Signer, key: PublicKey<'_>, certificate: &Certificate<'_>, out: &mut [u8]) -> Result<usize> {
    renew_with(signer, key, certificate, |_| {}, out)
}

/// As [`renew`], with the attributes that `more` writes beside the names.
pub fn renew_with(
    signer: &dyn Signer,
    key: PublicKey<'_>,
    certificate: &Certificate<'_>,
    more: impl Fn(&mut Writer<'_>),
    out: &mut [u8],
) -> Result<usize> {
    let subject = |writer: &mut Writer<'_>| {
        writer.raw(certificate.subject.der());
    };
    let attributes = |writer: &mut Writer<'_>| {
        if let Some(names) = certificate.extensions.find(oid::SUBJECT_ALT_NAME) {
            write_extension_request(writer, |writer| {
                write_extension(writer, names.oid, names.critical, |writer| {
                    writer.raw(names.value);
                });
            });
        }
        more(writer);
    };
    assemble(signer, key, subject, attributes, out)
}

/// Writes a request whose subject (the content of its Name) and attributes the caller writes; for registrars that say what
/// they want (RFC 9908). Otherwise like [`write()`].
pub fn assemble(
    signer: &dyn Signer,
    key: PublicKey<'_>,
    subject: impl Fn(&mut Writer<'_>),
    attributes: impl Fn(&mut Writer<'_>),
    out: &mut [u8],
) -> Result<usize> {
    if key.alg().signs() != Some(signer.alg()) {
        return Err(Reason::KeyWrongUse);
    }
    let mut outcome = Ok(());
    let mut writer = Writer::new(out);
    writer.nested(der::SEQUENCE, |writer| {
        let start = writer.needed();
        writer.nested(der::SEQUENCE, |writer| {
            writer.magnitude(&[0]).nested(der::SEQUENCE, &subject);
            let [prefix, point] = key.spki();
            writer.raw(prefix).raw(point).nested(der::context(0), &attributes);
        });
        outcome = sign(signer, writer, start);
    });
    outcome?;
    writer.finish().map(|bytes| bytes.len())
}

/// Writes an extensionRequest (RFC 2985 section 5.4.2) with what `extensions` writes, each by [`write_extension`].
pub fn write_extension_request(writer: &mut Writer<'_>, extensions: impl Fn(&mut Writer<'_>)) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(oid::EXTENSION_REQUEST).nested(der::SET, |writer| {
            writer.nested(der::SEQUENCE, |writer| extensions(writer));
        });
    });
}

/// Writes one extension around the value that `value` writes.
pub fn write_extension(writer: &mut Writer<'_>, oid: &[u8], critical: bool, value: impl Fn(&mut Writer<'_>)) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(oid);
        if critical {
            writer.element(der::BOOLEAN, &[0xFF]);
        }
        writer.nested(der::OCTET_STRING, |writer| value(writer));
    });
}

/// Writes one attribute of a subject, as a relative name of its own.
fn write_attribute(writer: &mut Writer<'_>, oid: &[u8], tag: u8, value: &[u8]) {
    writer.nested(der::SET, |writer| {
        writer.nested(der::SEQUENCE, |writer| {
            writer.oid(oid).element(tag, value);
        });
    });
}

/// A request as received. Nothing in it is proven before [`Csr::verify`].
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    /// Whom the certificate is to be for.
    pub subject: Name<'a>,
    /// The SubjectPublicKeyInfo.
    pub spki: &'a [u8],
    /// The extensions that are asked for; none is an empty set.
    pub extensions: Extensions<'a>,
    info: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Csr<'a> {
    /// Reads a request that fills `der`, at most [`limits::CERTIFICATE`] bytes. Attributes other than extensionRequest
    /// are passed over.
    pub fn parse(der: &'a [u8]) -> Result<Self> {
        if der.len() > limits::CERTIFICATE {
            return Err(Reason::TooLarge);
        }
        Self::read(der).map_err(|_| Reason::CsrMalformed)
    }

    fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(der);
        let mut request = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let info = request.raw(der::SEQUENCE)?;
        let algorithm = request.read(der::SEQUENCE)?;
        let signature = request.bit_bytes()?;
        request.end()?;

        let mut fields = Reader::new(info).nested(der::SEQUENCE)?;
        if fields.small()? != 0 {
            return Err(Reason::CsrMalformed);
        }
        let subject = Name::parse(fields.read(der::SEQUENCE)?)?;
        let spki = fields.raw(der::SEQUENCE)?;
        let mut attributes = fields.nested(der::context(0))?;
        fields.end()?;
        let mut extensions = None;
        while !attributes.is_empty() {
            let mut attribute = attributes.nested(der::SEQUENCE)?;
            let kind = attribute.oid()?;
            let values = attribute.read(der::SET)?;
            attribute.end()?;
            if kind == oid::EXTENSION_REQUEST && extensions.replace(Extensions::parse(values)?).is_some() {
                return Err(Reason::CsrMalformed);
            }
        }
        Ok(Self { subject, spki, extensions: extensions.unwrap_or_default(), info, algorithm, signature })
    }

    /// The key, or [`Reason::AlgorithmUnsupported`] if it is none of ours.
    pub fn public_key(&self) -> Result<PublicKey<'a>> {
        algorithm::own_key(self.spki)
    }

    /// The subject's one serialNumber.
    #[must_use]
    pub fn device_serial(&self) -> Option<&'a [u8]> {
        self.subject.single(oid::SERIAL_NUMBER).map(|attribute| attribute.value)
    }

    /// The subject's one commonName.
    #[must_use]
    pub fn common_name(&self) -> Option<&'a [u8]> {
        self.subject.single(oid::COMMON_NAME).map(|attribute| attribute.value)
    }

    /// The alternative names that are asked for.
    #[must_use]
    pub const fn alternative_names(&self) -> Option<GeneralNames<'a>> {
        self.extensions.alternative_names
    }

    /// Verifies that the request was signed by the key that it names; [`Reason::CsrProof`] if not.
    pub fn verify(&self, suite: &Suite<'_>) -> Result<()> {
        let verified = algorithm::verify(suite, self.public_key()?, self.algorithm, self.info, self.signature);
        verified.map_err(|reason| match reason {
            Reason::SignatureInvalid | Reason::KeyInvalid => Reason::CsrProof,
            other => other,
        })
    }
}

impl CsrTemplate<'_> {
    /// [`Reason::TemplateInvalid`] for a name outside its bounds: those of RFC 5280 appendix A.1, ub-serial-number 64 and
    /// ub-common-name 64.
    pub fn check(&self) -> Result<()> {
        let bounded = |text: &str| (1..=NAME).contains(&text.len());
        let serial = bounded(self.serial) && self.serial.bytes().all(is_printable);
        let common_name = self.common_name.is_none_or(bounded);
        let module = self.hardware_module.is_none_or(|module| {
            der::check_oid(module.hardware_type).is_ok()
                && module.hardware_type.len() <= NAME
                && (1..=NAME).contains(&module.serial.len())
        });
        let uri = self.uri.is_none_or(|uri| (1..=limits::URI).contains(&uri.len()) && uri.is_ascii());
        if serial && common_name && module && uri { Ok(()) } else { Err(Reason::TemplateInvalid) }
    }

    /// Writes the content of the subject.
    pub fn write_subject(&self, writer: &mut Writer<'_>) {
        if let Some(common_name) = self.common_name {
            write_attribute(writer, oid::COMMON_NAME, der::UTF8_STRING, common_name.as_bytes());
        }
        write_attribute(writer, oid::SERIAL_NUMBER, der::PRINTABLE_STRING, self.serial.as_bytes());
    }

    /// Whether there are alternative names.
    #[must_use]
    pub const fn has_names(&self) -> bool {
        self.hardware_module.is_some() || self.uri.is_some()
    }

    /// Writes the alternative names.
    pub fn write_names(&self, writer: &mut Writer<'_>) {
        writer.nested(der::SEQUENCE, |writer| {
            if let Some(module) = self.hardware_module {
                write_module(writer, &module);
            }
            if let Some(uri) = self.uri {
                writer.element(name::URI, uri.as_bytes());
            }
        });
    }
}

/// Whether a character may stand in a PrintableString (X.680 section 41.4).
pub(crate) const fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\'' | b'(' | b')' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?')
}

/// Signs what was written since `start` and writes the signature after it.
fn sign(signer: &dyn Signer, writer: &mut Writer<'_>, start: usize) -> Result<()> {
    let mut signature = [0; limits::SIGNATURE];
    let info = writer.since(start)?;
    if signer.sign(&mut Parts(&[info]), &mut signature)? != limits::SIGNATURE {
        return Err(Reason::Internal);
    }
    algorithm::write_signature(writer, signer.alg(), &signature);
    Ok(())
}

fn write_module(writer: &mut Writer<'_>, module: &HardwareModuleName<'_>) {
    writer.nested(name::OTHER_NAME, |writer| {
        writer.oid(oid::HARDWARE_MODULE_NAME).nested(der::context(0), |writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.oid(module.hardware_type).element(der::OCTET_STRING, module.serial);
            });
        });
    });
}

const NAME: usize = 64;
