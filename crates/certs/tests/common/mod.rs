//! A small certification authority for the tests: rcgen with the validity, the serial and the extensions that a test wants.
#![allow(dead_code, unreachable_pub)]

use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::{Entropy, Outcome};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use std::cell::Cell;
use time::OffsetDateTime;

/// 2026-01-01T00:00:00Z.
pub const START: u64 = 1_767_225_600;
/// Seconds of a year.
pub const YEAR: u64 = 365 * 86_400;

/// A certificate with its key.
pub struct Issued {
    pub params: CertificateParams,
    pub key: KeyPair,
    pub der: Vec<u8>,
}

impl Issued {
    pub fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

pub fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// Parameters valid for ten years from [`START`].
pub fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from(serial().to_vec()));
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, START, START + 10 * YEAR);
    params
}

pub fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub fn server_params(host: &str) -> CertificateParams {
    let mut params = params(host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = vec![SanType::DnsName(host.try_into().unwrap())];
    params
}

/// A device: serialNumber in the subject, no extended key usage.
pub fn device_params(serial: &str) -> CertificateParams {
    let mut params = params("Infusion pump");
    params
        .distinguished_name
        .push(DnType::CustomDnType(vec![2, 5, 4, 5]), DnValue::PrintableString(serial.try_into().unwrap()));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// A device's birth certificate with a HardwareModuleName, hardware type 1.3.6.1.4.1.32473.1.
pub fn birth_params(serial: &str) -> CertificateParams {
    let mut params = device_params(serial);
    valid(&mut params, START, aseptic_certs::IDEVID_NOT_AFTER);
    let mut module = vec![6, 9, 0x2B, 6, 1, 4, 1, 0x81, 0xFD, 0x59, 1, 4, serial.len() as u8];
    module.extend(serial.as_bytes());
    let wrap = |tag: u8, content: &[u8]| [&[tag, content.len() as u8][..], content].concat();
    let kind = [6, 8, 0x2B, 6, 1, 5, 5, 7, 8, 4];
    let other = [&kind[..], &wrap(0xA0, &wrap(0x30, &module))].concat();
    let names = wrap(0x30, &wrap(0xA0, &other));
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    params
}

pub fn valid(params: &mut CertificateParams, from: u64, to: u64) {
    params.not_before = OffsetDateTime::from_unix_timestamp(from as i64).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(to as i64).unwrap();
}

pub fn root(params: CertificateParams) -> Issued {
    root_with(params, key())
}

pub fn root_with(params: CertificateParams, key: KeyPair) -> Issued {
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Issued { params, key, der }
}

pub fn issue(params: CertificateParams, issuer: &Issued) -> Issued {
    issue_with(params, issuer, key())
}

pub fn issue_with(params: CertificateParams, issuer: &Issued, key: KeyPair) -> Issued {
    let der = params.signed_by(&key, &issuer.issuer()).unwrap().der().to_vec();
    Issued { params, key, der }
}

/// 16 positive bytes, never the same.
fn serial() -> [u8; 16] {
    let mut bytes = [0; 16];
    Os.fill(&mut bytes).unwrap();
    bytes[0] = bytes[0] & 0x7F | 0x40;
    bytes
}

/// Randomness of the machine.
pub struct Os;

impl Entropy for Os {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        use std::io::Read;
        std::fs::File::open("/dev/urandom").unwrap().read_exact(out).unwrap();
        Ok(())
    }
}

/// The same bytes in every run.
pub struct Counting(pub Cell<u8>);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        for byte in out {
            self.0.set(self.0.get().wrapping_mul(31).wrapping_add(7));
            *byte = self.0.get();
        }
        Ok(())
    }
}

/// A key and its public half.
pub struct Pair {
    pub private: PrivateKey,
    public: Vec<u8>,
}

impl Pair {
    pub fn new(alg: KeyAlg) -> Self {
        let private = PrivateKey::generate(alg, &Counting(Cell::new(alg as u8))).unwrap();
        let mut public = vec![0; alg.public_len()];
        private.public(&mut public).unwrap();
        Self { private, public }
    }

    pub fn public(&self) -> PublicKey<'_> {
        PublicKey::new(self.private.alg(), &self.public).unwrap()
    }
}
