//! A certificate as received (RFC 5280 section 4).

use crate::der::{self, Reader};
use crate::name::{GeneralName, GeneralNames, HardwareModuleName, Name, dns_matches};
use crate::{algorithm, oid};
use aseptic_core::crypto::{Parts, PublicKey, Suite};
use aseptic_core::{Reason, Result, limits};

/// A view of one certificate. Its shape is checked, its signature is not.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// All of it.
    pub der: &'a [u8],
    /// The part that is signed.
    pub tbs: &'a [u8],
    /// The version: 1, 2 or 3.
    pub version: u8,
    /// The serial number: content of the INTEGER as issued.
    pub serial: &'a [u8],
    /// The signature's AlgorithmIdentifier, the same inside and outside of the signed part: content of its SEQUENCE.
    pub signature_algorithm: &'a [u8],
    /// Who issued it.
    pub issuer: Name<'a>,
    /// The first second of its validity, since 1970.
    pub not_before: u64,
    /// The last second of its validity, since 1970.
    pub not_after: u64,
    /// Whom it is for.
    pub subject: Name<'a>,
    /// The SubjectPublicKeyInfo.
    pub spki: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// Its extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate that fills `der`.
    ///
    /// [`Reason::TooLarge`] over [`limits::CERTIFICATE`] bytes; [`Reason::CertificateMalformed`] for anything that RFC 5280
    /// does not allow, among it an extension that comes twice, unique identifiers, and two different signature algorithms.
    pub fn parse(der: &'a [u8]) -> Result<Self> {
        if der.len() > limits::CERTIFICATE {
            return Err(Reason::TooLarge);
        }
        Self::read(der).map_err(|_| Reason::CertificateMalformed)
    }

    fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let tbs = certificate.raw(der::SEQUENCE)?;
        let outer_algorithm = certificate.read(der::SEQUENCE)?;
        let signature = certificate.bit_bytes()?;
        certificate.end()?;

        let mut fields = Reader::new(tbs).nested(der::SEQUENCE)?;
        let version = match fields.optional(der::context(0))? {
            None => 1,
            Some(explicit) => match explicit {
                [der::INTEGER, 1, 1] => 2,
                [der::INTEGER, 1, 2] => 3,
                _ => return Err(Reason::CertificateMalformed),
            },
        };
        let serial = fields.integer()?;
        let signature_algorithm = fields.read(der::SEQUENCE)?;
        if signature_algorithm != outer_algorithm {
            return Err(Reason::CertificateMalformed);
        }
        Reader::new(signature_algorithm).oid()?;
        let issuer = Name::parse(fields.read(der::SEQUENCE)?)?;
        let mut validity = fields.nested(der::SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let subject = Name::parse(fields.read(der::SEQUENCE)?)?;
        let spki = fields.raw(der::SEQUENCE)?;
        let mut key = Reader::new(spki).nested(der::SEQUENCE)?;
        key.nested(der::SEQUENCE)?.oid()?;
        key.bits()?;
        key.end()?;
        let extensions = match fields.optional(der::context(3))? {
            Some(explicit) if version == 3 => Extensions::parse(explicit)?,
            Some(_) => return Err(Reason::CertificateMalformed),
            None => Extensions::default(),
        };
        fields.end()?;
        if not_before > not_after {
            return Err(Reason::CertificateMalformed);
        }
        Ok(Self {
            der,
            tbs,
            version,
            serial,
            signature_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            spki,
            signature,
            extensions,
        })
    }

    /// The key, or [`Reason::AlgorithmUnsupported`] if it is none of ours.
    pub fn public_key(&self) -> Result<PublicKey<'a>> {
        algorithm::own_key(self.spki)
    }

    /// The device's serial number: the subject's one serialNumber attribute (2.5.4.5), not the certificate's number.
    #[must_use]
    pub fn device_serial(&self) -> Option<&'a [u8]> {
        self.subject.single(oid::SERIAL_NUMBER).map(|attribute| attribute.value)
    }

    /// The subject's one commonName.
    #[must_use]
    pub fn common_name(&self) -> Option<&'a [u8]> {
        self.subject.single(oid::COMMON_NAME).map(|attribute| attribute.value)
    }

    /// The alternative names of the subject; none if there is no such extension.
    pub fn alternative_names(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        self.extensions.alternative_names.into_iter().flat_map(|names| names.iter())
    }

    /// The first URI among the alternative names; in our device certificates the UDI.
    #[must_use]
    pub fn uri(&self) -> Option<&'a str> {
        self.extensions.alternative_names?.uri()
    }

    /// The first HardwareModuleName among the alternative names.
    #[must_use]
    pub fn hardware_module(&self) -> Option<HardwareModuleName<'a>> {
        self.extensions.alternative_names?.hardware_module()
    }

    /// Whether a dNSName of the certificate is `host` (RFC 9525; the commonName is not looked at). See
    /// [`dns_matches`].
    #[must_use]
    pub fn matches_dns(&self, host: &str) -> bool {
        self.alternative_names().any(|name| matches!(name, GeneralName::Dns(pattern) if dns_matches(pattern, host)))
    }

    /// Whether an iPAddress of the certificate is `address` (4 or 16 bytes).
    #[must_use]
    pub fn matches_ip(&self, address: &[u8]) -> bool {
        self.alternative_names().any(|name| name == GeneralName::Ip(address))
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Verifies that `issuer` signed the certificate. This is one link and no path: [`crate::Engine`] decides about trust.
    pub fn verify_signature(&self, suite: &Suite<'_>, issuer: PublicKey<'_>) -> Result<()> {
        algorithm::verify(suite, issuer, self.signature_algorithm, self.tbs, self.signature)
    }

    /// As [`Certificate::verify_signature`], by the key in a SubjectPublicKeyInfo of any algorithm that the suite has.
    pub fn verify_signature_by(&self, suite: &Suite<'_>, issuer_spki: &[u8]) -> Result<()> {
        algorithm::verify_by(suite, issuer_spki, self.signature_algorithm, &mut Parts(&[self.tbs]), self.signature)
    }
}

/// One extension as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its identifier, as the content bytes of the object identifier.
    pub oid: &'a [u8],
    /// Whether whoever does not understand it must refuse the certificate.
    pub critical: bool,
    /// The DER in its OCTET STRING.
    pub value: &'a [u8],
}

/// Extensions of a certificate or a request (RFC 5280 section 4.2), those that we know read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'a> {
    raw: &'a [u8],
    /// keyUsage.
    pub key_usage: Option<KeyUsage>,
    /// extKeyUsage.
    pub extended_key_usage: Option<Oids<'a>>,
    /// basicConstraints.
    pub basic_constraints: Option<BasicConstraints>,
    /// subjectAltName.
    pub alternative_names: Option<GeneralNames<'a>>,
    /// subjectKeyIdentifier.
    pub subject_key_id: Option<&'a [u8]>,
    /// authorityKeyIdentifier.
    pub authority_key_id: Option<AuthorityKey<'a>>,
}

impl<'a> Extensions<'a> {
    /// Reads the SEQUENCE OF Extension that fills `value`; at most [`limits::EXTENSIONS`], none of them twice.
    pub fn parse(value: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(value);
        let raw = outer.read(der::SEQUENCE)?;
        outer.end()?;
        let mut extensions = Self { raw, ..Self::default() };
        let mut reader = Reader::new(raw);
        let mut count = 0_usize;
        while !reader.is_empty() {
            let extension = Extension::read(&mut reader)?;
            count = count.saturating_add(1);
            if count > limits::EXTENSIONS
                || extensions.iter().take(count).filter(|e| e.oid == extension.oid).count() > 1
            {
                return Err(Reason::DerMalformed);
            }
            extensions.take(&extension)?;
        }
        Ok(extensions)
    }

    /// Every extension, in order.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut reader = Reader::new(self.raw);
        core::iter::from_fn(move || Extension::read(&mut reader).ok())
    }

    /// The extension with this identifier.
    #[must_use]
    pub fn find(&self, oid: &[u8]) -> Option<Extension<'a>> {
        self.iter().find(|extension| extension.oid == oid)
    }

    /// Whether the extension with this identifier is there and critical.
    #[must_use]
    pub fn is_critical(&self, oid: &[u8]) -> bool {
        self.find(oid).is_some_and(|extension| extension.critical)
    }

    /// The critical extensions that neither this view nor the path engine reads.
    pub fn unknown_critical(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        self.iter().filter(|extension| extension.critical && !UNDERSTOOD.contains(&extension.oid))
    }

    fn take(&mut self, extension: &Extension<'a>) -> Result<()> {
        let mut value = Reader::new(extension.value);
        match extension.oid {
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage::read(&mut value)?),
            oid::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(Oids::read(&mut value)?),
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(BasicConstraints::read(&mut value)?),
            oid::SUBJECT_KEY_ID => self.subject_key_id = Some(value.read(der::OCTET_STRING)?),
            oid::AUTHORITY_KEY_ID => self.authority_key_id = Some(AuthorityKey::read(&mut value)?),
            oid::SUBJECT_ALT_NAME => {
                self.alternative_names = Some(GeneralNames::parse(extension.value)?);
                return Ok(());
            }
            _ => return Ok(()),
        }
        value.end()
    }
}

impl<'a> Extension<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut fields = reader.nested(der::SEQUENCE)?;
        let oid = fields.oid()?;
        // DER leaves out a value that is the default (X.690 section 11.5).
        let critical = fields.peek() == Some(der::BOOLEAN);
        if critical && !fields.boolean()? {
            return Err(Reason::DerMalformed);
        }
        let value = fields.read(der::OCTET_STRING)?;
        fields.end()?;
        Ok(Self { oid, critical, value })
    }
}

/// keyUsage: bit n is bit n of RFC 5280 section 4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// digitalSignature.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// nonRepudiation.
    pub const NON_REPUDIATION: Self = Self(1 << 1);
    /// keyEncipherment.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// dataEncipherment.
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    /// keyAgreement.
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// keyCertSign.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// cRLSign.
    pub const CRL_SIGN: Self = Self(1 << 6);
    /// encipherOnly.
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    /// decipherOnly.
    pub const DECIPHER_ONLY: Self = Self(1 << 8);

    /// Whether every usage of `other` is among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a usage of `other` is among these.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits as a number.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let (_, bytes) = reader.bits()?;
        let usage = match bytes {
            [first] => u16::from(first.reverse_bits()),
            [first, second] => u16::from_le_bytes([first.reverse_bits(), second.reverse_bits()]),
            _ => return Err(Reason::DerMalformed),
        };
        // RFC 5280 section 4.2.1.3: where the extension is there, a bit is set. Nine bits are defined.
        if usage == 0 || usage > 0x1FF { Err(Reason::DerMalformed) } else { Ok(Self(usage)) }
    }
}

/// basicConstraints (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may issue certificates.
    pub ca: bool,
    /// How many intermediate certificates may follow.
    pub path_length: Option<u32>,
}

impl BasicConstraints {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut fields = reader.nested(der::SEQUENCE)?;
        let ca = fields.peek() == Some(der::BOOLEAN) && fields.boolean()?;
        let path_length = if fields.is_empty() { None } else { Some(fields.small()?) };
        fields.end()?;
        Ok(Self { ca, path_length })
    }
}

/// authorityKeyIdentifier (RFC 5280 section 4.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityKey<'a> {
    /// keyIdentifier: the subjectKeyIdentifier of the issuer.
    pub key_id: Option<&'a [u8]>,
    /// Whether authorityCertIssuer or authorityCertSerialNumber is there.
    pub names_certificate: bool,
}

impl<'a> AuthorityKey<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut fields = reader.nested(der::SEQUENCE)?;
        let key_id = fields.optional(der::context_primitive(0))?;
        let issuer = fields.optional(der::context(1))?;
        let serial = fields.optional(der::context_primitive(2))?;
        fields.end()?;
        Ok(Self { key_id, names_certificate: issuer.is_some() || serial.is_some() })
    }
}

/// A list of object identifiers, checked for shape and not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oids<'a>(&'a [u8]);

impl<'a> Oids<'a> {
    /// The identifiers in order, as content bytes.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.oid().ok())
    }

    /// Whether `oid` is in the list.
    #[must_use]
    pub fn contains(&self, oid: &[u8]) -> bool {
        self.iter().any(|entry| entry == oid)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let list = reader.read(der::SEQUENCE)?;
        let mut entries = Reader::new(list);
        entries.oid()?;
        while !entries.is_empty() {
            entries.oid()?;
        }
        Ok(Self(list))
    }
}

/// Extensions that this view reads or the path engine honours, and those whose neglect grants nothing.
const UNDERSTOOD: [&[u8]; 7] = [
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::BASIC_CONSTRAINTS,
    oid::SUBJECT_ALT_NAME,
    oid::NAME_CONSTRAINTS,
    oid::SUBJECT_KEY_ID,
    oid::AUTHORITY_KEY_ID,
];
