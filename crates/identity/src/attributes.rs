//! What a registrar wants to find in a request: CsrAttrs (RFC 7030 section 4.5.2, RFC 9908).
//!
//! The old form is a list of object identifiers and attributes. Read of it are the extensions to ask for and the type of
//! the key; what is not known is passed over, as the RFC wants. The new form is a template of the whole request; where there
//! is one, the rest of the list does not count. Whatever is asked for, a request names this device or nothing: values that
//! the registrar leaves open are filled from the birth record, and what this device cannot fill is refused.

use crate::stored::Birth;
use aseptic_certs::csr::{CsrTemplate, write_extension, write_extension_request};
use aseptic_certs::der::{self, Reader, Writer};
use aseptic_certs::name::HardwareModuleName;
use aseptic_certs::oid;
use aseptic_core::{Reason, Result, limits};

/// What is to stand in the request; the default asks for nothing beyond the device's own names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a> {
    /// Extensions with their values, of the old form.
    extensions: &'a [u8],
    template: Option<Template<'a>>,
}

/// One extension: its type, whether it is critical, its value.
type Asked<'a> = (&'a [u8], bool, Option<&'a [u8]>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Template<'a> {
    /// Content of the NameTemplate; none if the subject is ours to choose.
    subject: Option<&'a [u8]>,
    /// Content of the SEQUENCE OF ExtensionTemplate or Extension.
    extensions: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Reads CsrAttrs that fill `der`; nothing at all asks for nothing. [`Reason::EstTransfer`] for what is no CsrAttrs,
    /// [`Reason::EstAttributes`] for a key that this device does not make.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self> {
        if der.is_empty() {
            return Ok(Self::default());
        }
        Self::read(der).map_err(|reason| match reason {
            Reason::EstAttributes | Reason::TooLarge => reason,
            _ => Reason::EstTransfer,
        })
    }

    fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(der);
        let mut list = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let (mut extensions, mut template, mut wanted_key) = (None, None, None);
        while !list.is_empty() {
            if list.peek() == Some(der::OID) {
                list.oid()?;
                continue;
            }
            let (kind, values) = attribute(&mut list)?;
            let doubled = match kind {
                oid::EXTENSION_REQUEST => extensions.replace(single(values, der::SEQUENCE)?).is_some(),
                oid::REQUEST_TEMPLATE => template.replace(single(values, der::SEQUENCE)?).is_some(),
                oid::EC_PUBLIC_KEY | oid::RSA_ENCRYPTION => wanted_key.replace((kind, values)).is_some(),
                _ => false,
            };
            if doubled {
                return Err(Reason::EstTransfer);
            }
        }
        if let Some(template) = template {
            return Ok(Self { extensions: &[], template: Some(Template::read(template)?) });
        }
        match wanted_key {
            Some((oid::EC_PUBLIC_KEY, curves)) if curves.is_empty() || single(curves, der::OID)? == oid::P256 => {}
            None => {}
            Some(_) => return Err(Reason::EstAttributes),
        }
        let extensions = extensions.unwrap_or_default();
        check_extensions(extensions)?;
        Ok(Self { extensions, template: None })
    }

    /// Whether the request can be written for the device that `birth` names; [`Reason::EstAttributes`] if not.
    pub(crate) fn check(&self, birth: &Birth<'_>) -> Result<()> {
        let Some(template) = self.template else { return Ok(()) };
        let mut names = Reader::new(template.subject.unwrap_or_default());
        while !names.is_empty() {
            let mut relative = names.nested(der::SET)?;
            while !relative.is_empty() {
                let (kind, value) = name_attribute(&mut relative)?;
                if value.is_none() && !matches!(kind, oid::SERIAL_NUMBER | oid::COMMON_NAME) {
                    return Err(Reason::EstAttributes);
                }
            }
        }
        let mut extensions = Reader::new(template.extensions);
        while !extensions.is_empty() {
            let (kind, _, value) = extension(&mut extensions)?;
            match value {
                None if matches!(kind, oid::SUBJECT_ALT_NAME | oid::KEY_USAGE) => {}
                None => return Err(Reason::EstAttributes),
                Some(names) if kind == oid::SUBJECT_ALT_NAME => check_open_names(names, birth)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Writes the content of the subject.
    pub(crate) fn write_subject(&self, birth: &Birth<'_>, writer: &mut Writer<'_>) {
        let Some(subject) = self.template.and_then(|template| template.subject) else {
            return own(birth).write_subject(writer);
        };
        let mut names = Reader::new(subject);
        while let Ok(mut relative) = names.nested(der::SET) {
            writer.nested(der::SET, |writer| {
                while let Ok(element) = relative.any() {
                    match name_attribute(&mut Reader::new(element.raw)) {
                        Ok((kind, None)) => {
                            let tag = if kind == oid::SERIAL_NUMBER { der::PRINTABLE_STRING } else { der::UTF8_STRING };
                            writer.nested(der::SEQUENCE, |writer| {
                                writer.oid(kind).element(tag, birth.serial.as_bytes());
                            });
                        }
                        _ => {
                            writer.raw(element.raw);
                        }
                    }
                }
            });
        }
    }

    /// Writes the extensions that are asked for, if there are any, as one attribute.
    pub(crate) fn write_extensions(&self, birth: &Birth<'_>, writer: &mut Writer<'_>) {
        let own_names = own(birth).has_names();
        let asked = self.template.map_or(self.extensions, |template| template.extensions);
        let named = self.template.is_some() || any(asked, oid::SUBJECT_ALT_NAME);
        if asked.is_empty() && (named || !own_names) {
            return;
        }
        write_extension_request(writer, |writer| {
            if !named && own_names {
                write_extension(writer, oid::SUBJECT_ALT_NAME, false, |writer| own(birth).write_names(writer));
            }
            let mut asked = Reader::new(asked);
            while let Ok((kind, critical, value)) = extension(&mut asked) {
                write_extension(writer, kind, critical, |writer| match (kind, value) {
                    (oid::SUBJECT_ALT_NAME, Some(names)) => write_open_names(names, birth, writer),
                    (_, Some(value)) => {
                        writer.raw(value);
                    }
                    (oid::KEY_USAGE, None) => {
                        writer.element(der::BIT_STRING, &DIGITAL_SIGNATURE);
                    }
                    (_, None) => own(birth).write_names(writer),
                });
            }
        });
    }
}

impl<'a> Template<'a> {
    /// CertificationRequestInfoTemplate (RFC 9908 section 3.4, implicit tags).
    fn read(content: &'a [u8]) -> Result<Self> {
        let mut fields = Reader::new(content);
        if fields.small()? != 0 {
            return Err(Reason::EstTransfer);
        }
        let subject = fields.optional(der::SEQUENCE)?;
        if let Some(key) = fields.optional(der::context(0))? {
            check_key(key)?;
        }
        let mut attributes = fields.nested(der::context(1))?;
        fields.end()?;
        let mut extensions = None;
        while !attributes.is_empty() {
            let (kind, values) = attribute(&mut attributes)?;
            let asked = matches!(kind, oid::EXTENSION_REQUEST | oid::EXTENSION_TEMPLATE);
            if asked && extensions.replace(single(values, der::SEQUENCE)?).is_some() {
                return Err(Reason::EstTransfer);
            }
        }
        let extensions = extensions.unwrap_or_default();
        check_extensions(extensions)?;
        Ok(Self { subject, extensions })
    }
}

/// The names of the device as its maker gave them.
pub(crate) fn own<'a>(birth: &Birth<'a>) -> CsrTemplate<'a> {
    CsrTemplate {
        serial: birth.serial,
        common_name: None,
        hardware_module: Some(HardwareModuleName { hardware_type: birth.hardware_type, serial: birth.hardware_serial }),
        uri: Some(birth.udi).filter(|udi| !udi.is_empty()),
    }
}

/// Writes a challengePassword (RFC 2985 section 5.4.1) with this text.
pub(crate) fn write_challenge(writer: &mut Writer<'_>, text: &[u8]) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(oid::CHALLENGE_PASSWORD).nested(der::SET, |writer| {
            writer.element(der::UTF8_STRING, text);
        });
    });
}

/// SubjectPublicKeyInfoTemplate: the key is P-256, or ours to choose.
fn check_key(content: &[u8]) -> Result<()> {
    let mut algorithm = Reader::new(content).nested(der::SEQUENCE)?;
    let ours = algorithm.oid()? == oid::EC_PUBLIC_KEY && (algorithm.is_empty() || algorithm.oid()? == oid::P256);
    if ours { Ok(()) } else { Err(Reason::EstAttributes) }
}

/// Each extension in form, and none twice.
fn check_extensions(content: &[u8]) -> Result<()> {
    let mut reader = Reader::new(content);
    let mut count = 0_usize;
    while !reader.is_empty() {
        let (kind, ..) = extension(&mut reader)?;
        count = count.saturating_add(1);
        if count > limits::EXTENSIONS {
            return Err(Reason::TooLarge);
        }
        let mut all = Reader::new(content);
        if core::iter::from_fn(|| extension(&mut all).ok()).filter(|(other, ..)| *other == kind).count() > 1 {
            return Err(Reason::EstTransfer);
        }
    }
    Ok(())
}

fn any(extensions: &[u8], wanted: &[u8]) -> bool {
    let mut reader = Reader::new(extensions);
    core::iter::from_fn(|| extension(&mut reader).ok()).any(|(kind, ..)| kind == wanted)
}

/// Attribute: its type, and the content of its set of values.
fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8])> {
    let mut fields = reader.nested(der::SEQUENCE)?;
    let kind = fields.oid()?;
    let values = fields.read(der::SET)?;
    fields.end()?;
    Ok((kind, values))
}

/// The content of the one value in a set.
fn single(values: &[u8], tag: u8) -> Result<&[u8]> {
    let mut reader = Reader::new(values);
    let value = reader.read(tag)?;
    reader.end()?;
    Ok(value)
}

/// SingleAttributeTemplate: its type, and its value unless that is left open.
fn name_attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Option<der::Element<'a>>)> {
    let mut fields = reader.nested(der::SEQUENCE)?;
    let kind = fields.oid()?;
    let value = if fields.is_empty() { None } else { Some(fields.any()?) };
    fields.end()?;
    Ok((kind, value))
}

/// Extension or ExtensionTemplate: its type, whether it is critical, and its value unless that is left open.
fn extension<'a>(reader: &mut Reader<'a>) -> Result<Asked<'a>> {
    let mut fields = reader.nested(der::SEQUENCE)?;
    let kind = fields.oid()?;
    let critical = fields.peek() == Some(der::BOOLEAN) && fields.boolean()?;
    let value = fields.optional(der::OCTET_STRING)?;
    fields.end()?;
    Ok((kind, critical, value))
}

/// Names without content are left open (RFC 9908 section 3.4); of these the device has a URI alone.
fn check_open_names(names: &[u8], birth: &Birth<'_>) -> Result<()> {
    let mut outer = Reader::new(names);
    let mut names = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    while !names.is_empty() {
        let name = names.any()?;
        if name.content.is_empty() && (name.tag != URI || birth.udi.is_empty()) {
            return Err(Reason::EstAttributes);
        }
    }
    Ok(())
}

fn write_open_names(names: &[u8], birth: &Birth<'_>, writer: &mut Writer<'_>) {
    writer.nested(der::SEQUENCE, |writer| {
        let Ok(mut names) = Reader::new(names).nested(der::SEQUENCE) else { return };
        while let Ok(name) = names.any() {
            match name.content {
                [] => writer.element(name.tag, birth.udi.as_bytes()),
                _ => writer.raw(name.raw),
            };
        }
    });
}

/// Tag of a uniformResourceIdentifier.
const URI: u8 = der::context_primitive(6);
/// keyUsage: seven unused bits, digitalSignature.
const DIGITAL_SIGNATURE: [u8; 2] = [7, 0x80];
