//! A certification authority on P-256: of a maker for birth certificates, of a hospital for local ones and for servers.
//!
//! Every certificate has the validity that the caller names and a random serial number of 128 bits; none of the defaults
//! of the engine underneath reaches one. Nothing of a request but its key and its serial number enters a certificate.
//! What is issued is validated with the path engine of the devices before it is handed out.
//!
//! ```
//! use aseptic_core::crypto::KeyAlg;
//! use aseptic_infra::ca::{Ca, Server, Validity};
//! use aseptic_infra::AuthorityKey;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = 1_780_000_000;
//! let root = Ca::new("Hospital root", Validity::years(now, 20)?)?;
//! let issuing = root.intermediate("Hospital devices", Validity::years(now, 10)?)?;
//! let key = AuthorityKey::generate(KeyAlg::P256)?;
//! let chain = issuing.issue_server("est.example", key.public()?, Server::Registrar, Validity::days(now, 90)?)?;
//! assert_eq!(chain.len(), 2);
//! # Ok(())
//! # }
//! ```

mod roll_over;

pub use roll_over::RollOver;

use crate::error::While;
use crate::files::{self, Access};
use crate::{AuthorityKey, Error, Result};
use aseptic_certs::csr::Csr;
use aseptic_certs::der::{self, Writer};
use aseptic_certs::name::GeneralNames;
use aseptic_certs::profile::{self, DEVICE, Position};
use aseptic_certs::{Certificate, Engine, IDEVID_NOT_AFTER, devid, oid};
use aseptic_core::Reason;
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_hosted::crypto;
use aseptic_hosted::os::OsEntropy;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use std::path::Path;
use time::OffsetDateTime;

/// A chain of DER certificates, leaf first, without the anchor.
pub type Chain = Vec<Vec<u8>>;

/// The chain as it is handed to what validates it.
#[must_use]
pub fn links(chain: &Chain) -> Vec<&[u8]> {
    chain.iter().map(Vec::as_slice).collect()
}

/// From when until when a certificate is valid, both in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: u64,
    not_after: u64,
}

impl Validity {
    /// From `not_before` to `not_after`, both included; [`Reason::Misuse`] unless the first comes first.
    pub fn new(not_before: u64, not_after: u64) -> Result<Self> {
        if not_before < not_after && not_after <= IDEVID_NOT_AFTER {
            Ok(Self { not_before, not_after })
        } else {
            Err(Error::new(Reason::Misuse, "choosing a validity"))
        }
    }

    /// `count` years of 365 days from `not_before`.
    pub fn years(not_before: u64, count: u64) -> Result<Self> {
        Self::days(not_before, count.saturating_mul(365))
    }

    /// `count` days from `not_before`.
    pub fn days(not_before: u64, count: u64) -> Result<Self> {
        Self::new(not_before, not_before.saturating_add(count.saturating_mul(86_400)))
    }

    /// From `not_before` without a well-defined end: 99991231235959Z (RFC 5280 section 4.1.2.5).
    pub fn without_end(not_before: u64) -> Result<Self> {
        Self::new(not_before, IDEVID_NOT_AFTER)
    }

    /// The first second.
    #[must_use]
    pub const fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The last second.
    #[must_use]
    pub const fn not_after(&self) -> u64 {
        self.not_after
    }

    fn contains(&self, seconds: u64) -> bool {
        (self.not_before..=self.not_after).contains(&seconds)
    }
}

/// What the factory knows about the device that asks for its birth certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The serial number that the request must name: letters, digits and `'()+,-./:=?` or space, at most 64.
    pub serial: &'a str,
    /// What the device's key is.
    pub key: KeyAlg,
    /// The hardware type of the HardwareModuleName (RFC 4108): the content bytes of an object identifier.
    pub hardware_type: &'a [u8],
    /// The hardware serial number of the HardwareModuleName.
    pub hardware_serial: &'a [u8],
    /// The unique device identifier as a URI.
    pub udi: Option<&'a str>,
}

/// What a hospital grants in a local certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local<'a> {
    /// The serial number of the authenticated device, which the request must name.
    pub serial: &'a str,
    /// From when until when.
    pub validity: Validity,
    /// URIs that the certificate is to carry.
    pub uris: &'a [&'a str],
}

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Enrols devices: serverAuth and cmcRA (RFC 7030 section 3.6.1).
    Registrar,
    /// Takes sealed messages: serverAuth.
    Relay,
}

/// A certification authority: a certificate, its key, and the certificates above it.
#[derive(Debug)]
pub struct Ca {
    key: AuthorityKey,
    certificate: Vec<u8>,
    /// From the issuer of `certificate` up to the root.
    above: Vec<Vec<u8>>,
}

impl Ca {
    /// A new root with a fresh key. `name` is its commonName, at most 64 characters.
    pub fn new(name: &str, validity: Validity) -> Result<Self> {
        let key = AuthorityKey::generate(KeyAlg::P256)?;
        // An issuing authority, and one day the next root above it.
        let params = authority(name, validity, BasicConstraints::Constrained(2))?;
        let certificate = params.self_signed(key.pair()?).map_err(engine)?.der().to_vec();
        Ok(Self { key, certificate, above: Vec::new() })
    }

    /// A new authority below this root, with a fresh key; it issues no further authorities.
    pub fn intermediate(&self, name: &str, validity: Validity) -> Result<Self> {
        if !self.above.is_empty() {
            return Err(Error::new(Reason::PathTooLong, "making an intermediate authority"));
        }
        self.covers(validity)?;
        let key = AuthorityKey::generate(KeyAlg::P256)?;
        let mut params = authority(name, validity, BasicConstraints::Constrained(0))?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key.pair()?, &self.issuer()?).map_err(engine)?.der().to_vec();
        Ok(Self { key, certificate, above: vec![self.certificate.clone()] })
    }

    /// Its own certificate (DER).
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The root certificate (DER): what a trust store names.
    #[must_use]
    pub fn anchor(&self) -> &[u8] {
        self.above.last().unwrap_or(&self.certificate)
    }

    /// Its own certificate and those above it, the root last: what an EST server answers to cacerts.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.certificate).chain(&self.above).map(Vec::as_slice)
    }

    /// From when until when its own certificate is valid.
    pub fn validity(&self) -> Result<Validity> {
        let parsed = self.parsed()?;
        Ok(Validity { not_before: parsed.not_before, not_after: parsed.not_after })
    }

    /// Issues the birth certificate (IDevID) of a device, valid from `not_before` for ever, after IEEE 802.1AR.
    ///
    /// The request must be signed by its own key, name the serial number of the factory record, and hold a key of the kind
    /// that the factory expects; a HardwareModuleName or UDI that it asks for must be that of the record.
    pub fn issue_birth(&self, request: &[u8], expected: &Expected<'_>, not_before: u64) -> Result<Chain> {
        let request = Proven::new(request).during("checking a request")?;
        let names = request.names(expected.serial)?;
        if request.key.alg() != expected.key {
            return Err(Error::new(Reason::KeyInvalid, "checking a request for a birth certificate"));
        }
        let module = names.and_then(|names| names.hardware_module());
        let known = (expected.hardware_type, expected.hardware_serial);
        let udi = names.and_then(|names| names.uri());
        if module.is_some_and(|module| (module.hardware_type, module.serial) != known)
            || udi.is_some() && udi != expected.udi
        {
            return Err(Error::new(Reason::IdentityNameMismatch, "comparing the names of a request"));
        }
        let mut params = leaf(Validity::without_end(not_before)?, serial_name(expected.serial)?)?;
        params.custom_extensions = vec![birth_names(expected)?];
        let chain = self.issue(&params, request.key, Authority::Manufacturer, Purpose::Birth, not_before)?;
        let leaf = chain.first().map_or(&[][..], Vec::as_slice);
        Certificate::parse(leaf)
            .and_then(|leaf| devid::check_birth(&leaf))
            .during("checking the birth certificate against IEEE 802.1AR")?;
        Ok(chain)
    }

    /// Issues a local certificate (LDevID) for clientAuth.
    ///
    /// The request must be signed by its own key and name the serial number of the authenticated device; a URI that it asks
    /// for must be among those granted.
    pub fn issue_local(&self, request: &[u8], local: &Local<'_>) -> Result<Chain> {
        self.issue_proven(&Proven::new(request).during("checking a request")?, local)
    }

    pub(crate) fn issue_proven(&self, request: &Proven<'_>, local: &Local<'_>) -> Result<Chain> {
        if request.names(local.serial)?.and_then(|names| names.uri()).is_some_and(|uri| !local.uris.contains(&uri)) {
            return Err(Error::new(Reason::IdentityNameMismatch, "comparing the names of a request"));
        }
        self.covers(local.validity)?;
        let mut params = leaf(local.validity, serial_name(local.serial)?)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        for uri in local.uris {
            params.subject_alt_names.push(SanType::URI((*uri).try_into().map_err(engine)?));
        }
        self.issue(&params, request.key, Authority::Owner, Purpose::Telemetry, local.validity.not_before)
    }

    /// Issues the certificate of a TLS server with the name `dns`.
    pub fn issue_server(&self, dns: &str, key: PublicKey<'_>, server: Server, validity: Validity) -> Result<Chain> {
        self.covers(validity)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, bounded(dns)?);
        let mut params = leaf(validity, name)?;
        params.subject_alt_names = vec![SanType::DnsName(dns.try_into().map_err(engine)?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let purpose = match server {
            Server::Registrar => {
                params.extended_key_usages.push(ExtendedKeyUsagePurpose::Other(CMC_RA.to_vec()));
                Purpose::Enrolment
            }
            Server::Relay => Purpose::Network,
        };
        self.issue(&params, key, Authority::Owner, purpose, validity.not_before)
    }

    /// Writes `ca.key` (mode 0600) and `ca.pem` (its certificate and those above) into an existing folder;
    /// [`Reason::FileExists`] if one of them is there.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let pem: String = self.certificates().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der))).collect();
        self.key.save(&folder.join(KEY_FILE))?;
        files::write_new(&folder.join(CERTIFICATE_FILE), pem.as_bytes(), Access::All)
    }

    /// Reads what [`Ca::save`] wrote. [`Reason::IdentityKeyMismatch`] if the key is not that of the certificate,
    /// [`Reason::FileCorrupt`] unless each certificate is of an authority, issued by the next, and the last by itself;
    /// [`Reason::FileDenied`] for files that others may change, or read where they hold the key.
    pub fn load(folder: &Path) -> Result<Self> {
        let key = AuthorityKey::load(&folder.join(KEY_FILE))?;
        let path = folder.join(CERTIFICATE_FILE);
        let bytes = files::read(&path, Access::All)?;
        let blocks = pem::parse_many(&*bytes)
            .map_err(|error| Error::new(Reason::FileCorrupt, format!("reading {}: {error}", path.display())))?;
        let mut ders = blocks.into_iter().map(pem::Pem::into_contents);
        let certificate = ders.next().ok_or_else(|| Error::new(Reason::FileCorrupt, "reading ca.pem"))?;
        let above: Vec<_> = ders.collect();
        let ca = Self { key, certificate, above };
        ca.belongs_together()?;
        if ca.parsed()?.public_key().during("reading ca.pem")? != ca.key.public()? {
            return Err(Error::new(Reason::IdentityKeyMismatch, "comparing ca.key with ca.pem"));
        }
        Ok(ca)
    }

    /// Its root is what trust stores name: one that was slipped in would be believed by every device.
    fn belongs_together(&self) -> Result<()> {
        let certificates: Vec<_> = self
            .certificates()
            .map(Certificate::parse)
            .collect::<aseptic_core::Result<_>>()
            .during("reading ca.pem")?;
        let issuers = certificates.iter().skip(1).chain(certificates.last());
        let linked = certificates.iter().zip(issuers).all(|(certificate, issuer)| {
            let signed = issuer.public_key().and_then(|key| certificate.verify_signature(&SUITE, key)).is_ok();
            let subject = profile::Subject { certificate, position: Position::Intermediate, suite: &SUITE };
            signed && certificate.issuer == issuer.subject && profile::check(DEVICE.rules, &subject).is_ok()
        });
        if linked { Ok(()) } else { Err(Error::new(Reason::FileCorrupt, "following the issuers in ca.pem")) }
    }

    pub(crate) fn parsed(&self) -> Result<Certificate<'_>> {
        Certificate::parse(&self.certificate).during("reading the authority's certificate")
    }

    pub(crate) fn issuer(&self) -> Result<Issuer<'_, &rcgen::KeyPair>> {
        Issuer::from_ca_cert_der(&self.certificate.as_slice().into(), self.key.pair()?).map_err(engine)
    }

    /// A certificate must not outlive its issuer, birth certificates apart.
    fn covers(&self, validity: Validity) -> Result<()> {
        let own = self.validity()?;
        if own.contains(validity.not_before) && own.contains(validity.not_after) {
            Ok(())
        } else {
            Err(Error::new(Reason::CertificateProfile, "choosing a validity within that of the authority"))
        }
    }

    fn issue(
        &self,
        params: &CertificateParams,
        key: PublicKey<'_>,
        authority: Authority,
        purpose: Purpose,
        not_before: u64,
    ) -> Result<Chain> {
        if !self.validity()?.contains(not_before) {
            return Err(Error::new(Reason::CertificateProfile, "choosing a start within the authority's validity"));
        }
        let subject = Subject::new(key)?;
        let made = params.signed_by(&subject, &self.issuer()?).map_err(engine)?;
        let mut chain = vec![made.der().to_vec()];
        // The anchor does not travel with the chain.
        let below_root = self.certificates().count().saturating_sub(1);
        chain.extend(self.certificates().take(below_root).map(<[u8]>::to_vec));

        let entry = Entry {
            purposes: Purposes::of(&[purpose]),
            name: b"anchor",
            material: Material::certificate(self.anchor()),
        };
        let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let peer = danger::unsigned(authority, &[entry])
            .and_then(|trust| trust.verify_chain(&SUITE, &Engine, purpose, &links, Time::trusted(not_before)))
            .during("validating the issued certificate")?;
        if peer.key().during("validating the issued certificate")? != key {
            return Err(Error::new(Reason::IdentityKeyMismatch, "validating the issued certificate"));
        }
        Ok(chain)
    }
}

/// A request that the key in it has signed.
#[derive(Debug)]
pub(crate) struct Proven<'r> {
    pub(crate) csr: Csr<'r>,
    pub(crate) key: PublicKey<'r>,
}

impl<'r> Proven<'r> {
    /// Reads a request (DER) and checks its proof of possession.
    pub(crate) fn new(request: &'r [u8]) -> aseptic_core::Result<Self> {
        let csr = Csr::parse(request)?;
        csr.verify(&SUITE)?;
        Ok(Self { key: csr.public_key()?, csr })
    }

    /// The alternative names that it asks for, if it names `serial`.
    fn names(&self, serial: &str) -> Result<Option<GeneralNames<'r>>> {
        if self.csr.device_serial() == Some(serial.as_bytes()) {
            Ok(self.csr.alternative_names())
        } else {
            Err(Error::new(Reason::IdentityNameMismatch, "comparing the serial number of a request"))
        }
    }
}

/// The parameters that all certificates share, each set here.
fn parameters(validity: Validity, name: DistinguishedName) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.serial_number = Some(random_serial()?);
    params.subject_alt_names = Vec::new();
    params.distinguished_name = name;
    params.is_ca = IsCa::NoCa;
    params.key_usages = Vec::new();
    params.extended_key_usages = Vec::new();
    params.name_constraints = None;
    params.crl_distribution_points = Vec::new();
    params.custom_extensions = Vec::new();
    params.use_authority_key_identifier_extension = false;
    params.key_identifier_method = KeyIdMethod::Sha256;
    Ok(params)
}

fn authority(name: &str, validity: Validity, constraints: BasicConstraints) -> Result<CertificateParams> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, bounded(name)?);
    let mut params = parameters(validity, subject)?;
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf(validity: Validity, name: DistinguishedName) -> Result<CertificateParams> {
    let mut params = parameters(validity, name)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// A subject of one serialNumber (2.5.4.5), which X.520 wants as PrintableString.
fn serial_name(serial: &str) -> Result<DistinguishedName> {
    let mut name = DistinguishedName::new();
    let printable = bounded(serial)?.try_into().map_err(engine)?;
    name.push(DnType::CustomDnType(SERIAL_NUMBER.to_vec()), DnValue::PrintableString(printable));
    Ok(name)
}

/// The upper bound of commonName and serialNumber (RFC 5280 appendix A.1).
fn bounded(name: &str) -> Result<&str> {
    if (1..=64).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(Error::new(Reason::Misuse, "choosing a name of 1 to 64 characters"))
    }
}

/// The subjectAltName of a birth certificate: HardwareModuleName and the UDI. Not critical, as the subject is not empty
/// (RFC 5280 section 4.2.1.6).
fn birth_names(expected: &Expected<'_>) -> Result<CustomExtension> {
    if expected.udi.is_some_and(|uri| !uri.is_ascii()) {
        return Err(Error::new(Reason::UdiInvalid, "writing the names of a birth certificate"));
    }
    der::check_oid(expected.hardware_type).during("reading a hardware type")?;
    let mut out = vec![0; 1024];
    let mut writer = Writer::new(&mut out);
    writer.nested(der::SEQUENCE, |names| {
        names.nested(der::context(0), |other| {
            other.oid(oid::HARDWARE_MODULE_NAME).nested(der::context(0), |value| {
                value.nested(der::SEQUENCE, |module| {
                    module.oid(expected.hardware_type).element(der::OCTET_STRING, expected.hardware_serial);
                });
            });
        });
        if let Some(uri) = expected.udi {
            names.element(der::context_primitive(6), uri.as_bytes());
        }
    });
    let content = writer.finish().during("writing the names of a birth certificate")?.to_vec();
    Ok(CustomExtension::from_oid_content(SUBJECT_ALT_NAME, content))
}

/// 128 random bits; zero, which RFC 5280 section 4.1.2.2 forbids, is drawn again.
fn random_serial() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    while bytes == [0; 16] {
        aseptic_core::crypto::random(&OsEntropy, &mut bytes).during("drawing a serial number")?;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

pub(crate) fn date(seconds: u64) -> Result<OffsetDateTime> {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| Error::new(Reason::Misuse, "reading a date"))
}

pub(crate) fn engine(error: rcgen::Error) -> Error {
    Error::new(Reason::CertificateProfile, format!("writing a certificate: {error}"))
}

/// A subject's key, as the engine wants it.
struct Subject<'k> {
    bytes: &'k [u8],
    alg: &'static SignatureAlgorithm,
}

impl<'k> Subject<'k> {
    fn new(key: PublicKey<'k>) -> Result<Self> {
        let alg = match key.alg() {
            KeyAlg::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlg::Ed25519 => &rcgen::PKCS_ED25519,
            _ => return Err(Error::new(Reason::KeyWrongUse, "certifying a key that does not sign")),
        };
        Ok(Self { bytes: key.bytes(), alg })
    }
}

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.alg
    }
}

const KEY_FILE: &str = "ca.key";
const CERTIFICATE_FILE: &str = "ca.pem";
/// serialNumber, 2.5.4.5.
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
/// subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
/// id-kp-cmcRA, 1.3.6.1.5.5.7.3.28.
const CMC_RA: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 28];
/// What requests and chains are checked with.
const SUITE: Suite<'static> = crypto::suite();
