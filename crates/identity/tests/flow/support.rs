//! Both sides of the tests: a device with its driver, a maker's and an owner's CA, and a registrar without a network.

use aseptic_certs::csr::Csr;
use aseptic_certs::{Engine, base64, cms, oid};
use aseptic_core::crypto::{PublicKey, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{Action, DeviceName, Enroller, Event, Identity, Response, Terms, Udi, Workspace, birth};
use aseptic_testbed::bench::Bench;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SerialNumber, SignatureAlgorithm,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use time::OffsetDateTime;

pub(crate) const SERIAL: &str = "PUMP-2024-0042";
pub(crate) const HARDWARE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01];
pub(crate) const LABEL: &str = "(01)09521234543213(11)241203(21)0042";
pub(crate) const LINK: &str = "https://id.gs1.org/01/09521234543213/21/0042?11=241203";
/// 2026-01-01, within the validity of all certificates here.
pub(crate) const NOW: u64 = 1_767_225_600;

pub(crate) fn now() -> Time {
    Time::trusted(NOW)
}

pub(crate) fn name() -> DeviceName<'static> {
    DeviceName {
        serial: SERIAL,
        hardware_type: HARDWARE,
        hardware_serial: b"HW-0042",
        udi: Some(Udi::parse(LABEL).unwrap()),
    }
}

/// What a CA puts into a device's certificate; the default is what it should.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Quirks {
    pub(crate) serial: Option<&'static str>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) names: Option<Option<Vec<u8>>>,
    pub(crate) not_after: Option<i64>,
    pub(crate) server_only: bool,
    pub(crate) ca: bool,
}

/// Certificates by request, end and quirks.
type Issued = HashMap<(Vec<u8>, i64, Quirks), Vec<u8>>;

/// A CA with a root and an intermediate.
pub(crate) struct CertificationAuthority {
    pub(crate) root: Certificate,
    pub(crate) intermediate: Certificate,
    /// What links its root to those before and after it (RFC 4210 section 4.4), as cacerts has them.
    pub(crate) links: Vec<Certificate>,
    root_issuer: Issuer<'static, KeyPair>,
    issuer: Issuer<'static, KeyPair>,
    /// What was issued: the same request is answered with the same certificate, so that runs can be compared.
    issued: RefCell<Issued>,
}

impl CertificationAuthority {
    pub(crate) fn new(name: &str) -> Self {
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let root_params = ca_params(&format!("{name} Root"), 1);
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = ca_params(&format!("{name} Issuing CA"), 2);
        params.use_authority_key_identifier_extension = true;
        let intermediate = params.signed_by(&key, &root_issuer).unwrap();
        let issuer = Issuer::new(params, key);
        Self { root, intermediate, links: Vec::new(), root_issuer, issuer, issued: RefCell::default() }
    }

    /// The next root of the same name, with the links to the roots before it.
    pub(crate) fn rolled_over(&self, name: &str) -> Self {
        let mut next = Self::new(name);
        let mut params = ca_params(&format!("{name} Root"), 3);
        params.use_authority_key_identifier_extension = true;
        let new_with_old = params.signed_by(next.root_issuer.key(), &self.root_issuer).unwrap();
        let old_with_new = params.signed_by(self.root_issuer.key(), &next.root_issuer).unwrap();
        next.links = self.links.iter().cloned().chain([new_with_old, old_with_new]).collect();
        next
    }

    /// A certificate for the request, which is checked as a registrar would.
    pub(crate) fn issue(&self, csr: &[u8], not_after: i64, quirks: &Quirks) -> Vec<u8> {
        let key = (csr.to_vec(), not_after, quirks.clone());
        if let Some(leaf) = self.issued.borrow().get(&key) {
            return leaf.clone();
        }
        let leaf = self.sign(csr, not_after, quirks);
        self.issued.borrow_mut().insert(key, leaf.clone());
        leaf
    }

    fn sign(&self, csr: &[u8], not_after: i64, quirks: &Quirks) -> Vec<u8> {
        let csr = Csr::parse(csr).unwrap();
        csr.verify(&soft::suite()).unwrap();
        let mut params = CertificateParams::default();
        let serial = quirks.serial.unwrap_or_else(|| std::str::from_utf8(csr.device_serial().unwrap()).unwrap());
        params.distinguished_name = DistinguishedName::new();
        let printable = DnValue::PrintableString(serial.try_into().unwrap());
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), printable);
        params.not_before = OffsetDateTime::from_unix_timestamp(NOW as i64 - 86_400).unwrap();
        params.not_after = OffsetDateTime::from_unix_timestamp(quirks.not_after.unwrap_or(not_after)).unwrap();
        let number = u16::try_from(self.issued.borrow().len()).unwrap();
        params.serial_number = Some(SerialNumber::from_slice(&(0x4000 + number).to_be_bytes()));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if quirks.server_only {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        if quirks.ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        let asked = csr.extensions.find(oid::SUBJECT_ALT_NAME).map(|extension| extension.value.to_vec());
        if let Some(names) = quirks.names.clone().unwrap_or(asked) {
            params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], names));
        }
        let key = quirks.key.clone().unwrap_or_else(|| csr.public_key().unwrap().bytes().to_vec());
        params.signed_by(&Key(key), &self.issuer).unwrap().der().to_vec()
    }

    /// The trust in this CA for `purposes`.
    pub(crate) fn trust(&self, authority: Authority, purposes: &[Purpose]) -> Trust<'_> {
        let material = Material::certificate(self.root.der());
        danger::unsigned(authority, vec![Entry { purposes: Purposes::of(purposes), name: b"root", material }].leak())
            .unwrap()
    }
}

struct Key(Vec<u8>);

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn ca_params(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from_slice(&[number]));
    params.not_before = OffsetDateTime::from_unix_timestamp(NOW as i64 - 10 * 86_400).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(aseptic_certs::IDEVID_NOT_AFTER as i64).unwrap();
    params
}

pub(crate) const NEVER: i64 = aseptic_certs::IDEVID_NOT_AFTER as i64;
pub(crate) const YEAR: i64 = NOW as i64 + 365 * 86_400;

/// Maker and owner.
pub(crate) struct World {
    pub(crate) maker: CertificationAuthority,
    pub(crate) owner: CertificationAuthority,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { maker: CertificationAuthority::new("Maker"), owner: CertificationAuthority::new("Hospital") }
    }

    pub(crate) fn maker_trust(&self) -> Trust<'_> {
        self.maker.trust(Authority::Manufacturer, &[Purpose::Birth])
    }

    pub(crate) fn owner_trust(&self) -> Trust<'_> {
        self.owner.trust(Authority::Owner, &[Purpose::Enrolment, Purpose::Network, Purpose::Telemetry])
    }

    /// The request of a device.
    pub(crate) fn request(&self, bench: &Bench) -> Result<Vec<u8>> {
        let mut out = vec![0; limits::CSR];
        let mut workspace = Box::new(Workspace::new());
        let length = birth::request(&bench.platform(), &soft::suite(), &name(), &mut workspace, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    pub(crate) fn install(&self, bench: &Bench, chain: &[&[u8]]) -> Result<()> {
        let mut workspace = Box::new(Workspace::new());
        let (platform, suite, trust) = (bench.platform(), soft::suite(), self.maker_trust());
        birth::install(&platform, &suite, &trust, &Engine, chain, now(), &mut workspace)
    }

    /// The factory: request, issue, install.
    pub(crate) fn birth(&self, bench: &Bench) -> Result<()> {
        let leaf = self.maker.issue(&self.request(bench)?, NEVER, &Quirks::default());
        self.install(bench, &[&leaf, self.maker.intermediate.der()])
    }

    /// A device fresh from the factory.
    pub(crate) fn born(&self) -> Bench {
        let bench = Bench::new(7);
        self.birth(&bench).unwrap();
        bench
    }

    /// One enrolment from its beginning to its end; seconds waited.
    pub(crate) fn enrol(&self, bench: &Bench, registrar: &Registrar<'_>) -> Result<u32> {
        self.enrol_on(bench, registrar, Terms::ENROL, now())
    }

    /// The same on other terms and at another time.
    pub(crate) fn enrol_on(&self, bench: &Bench, registrar: &Registrar<'_>, terms: Terms, now: Time) -> Result<u32> {
        self.enrol_under(bench, registrar, &self.owner_trust(), terms, now)
    }

    /// The same by a device that believes what `trust` says.
    pub(crate) fn enrol_under(
        &self,
        bench: &Bench,
        registrar: &Registrar<'_>,
        trust: &Trust<'_>,
        terms: Terms,
        now: Time,
    ) -> Result<u32> {
        let mut workspace = Box::new(Workspace::new());
        let (platform, suite) = (bench.platform(), soft::suite());
        let mut enroller = Enroller::start_with(&platform, &suite, trust, &Engine, &mut workspace, terms)?;
        let mut waited = 0;
        let mut answer: Option<Answer> = None;
        // A registrar here asks for at most a few waits.
        for _ in 0..20 {
            let event = match &mut answer {
                None => Event::Ready,
                Some(answer) => Event::Response(Response {
                    status: answer.status,
                    content_type: answer.content_type,
                    retry_after: answer.retry_after,
                    location: answer.location,
                    body: &mut answer.body,
                }),
            };
            let step = enroller.step(event, now);
            if step == Err(Reason::KeyBusy) {
                // The same call again.
                continue;
            }
            answer = match step? {
                Action::Request(request) => {
                    let place = format!("{}{}", request.authority, request.path);
                    registrar.requests.borrow_mut().push((place, request.body.to_vec()));
                    Some(registrar.answer(request.path, request.body))
                }
                Action::Wait(seconds) => {
                    waited += seconds;
                    None
                }
                Action::Done => return Ok(waited),
                other => panic!("{other:?}"),
            };
        }
        panic!("the enrolment does not end");
    }
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: &'static str,
    pub(crate) location: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn bundle(certificates: &[&[u8]], wrapped: bool) -> Self {
        let mut bundle = vec![0; 16_384];
        let length = cms::write(certificates, &mut bundle).unwrap();
        Self { body: text(&bundle[..length], wrapped), ..Self::status(200) }
    }

    pub(crate) fn status(status: u16) -> Self {
        let content_type = "application/pkcs7-mime; smime-type=certs-only";
        Self { status, content_type, retry_after: "", location: "", body: Vec::new() }
    }
}

/// Base64, in lines or in one.
pub(crate) fn text(der: &[u8], wrapped: bool) -> Vec<u8> {
    let mut text = vec![0; base64::encoded_len(der.len())];
    base64::encode(der, &mut text).unwrap();
    if !wrapped {
        text.retain(|byte| *byte != b'\n');
    }
    text
}

type Twist<'w> = Box<dyn Fn(&str, Answer) -> Answer + 'w>;

/// A registrar as a function, with what it was asked.
pub(crate) struct Registrar<'w> {
    pub(crate) world: &'w World,
    pub(crate) quirks: Quirks,
    pub(crate) wrapped: bool,
    pub(crate) pending: Cell<u32>,
    pub(crate) requests: RefCell<Vec<(String, Vec<u8>)>>,
    /// What is done to an answer before it is sent.
    pub(crate) twist: Twist<'w>,
}

impl<'w> Registrar<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            quirks: Quirks::default(),
            wrapped: true,
            pending: Cell::new(0),
            requests: RefCell::default(),
            twist: Box::new(|_, answer| answer),
        }
    }

    pub(crate) fn twisted(world: &'w World, twist: impl Fn(&str, Answer) -> Answer + 'w) -> Self {
        Self { twist: Box::new(twist), ..Self::new(world) }
    }

    pub(crate) fn answer(&self, path: &str, body: &[u8]) -> Answer {
        let owner = &self.world.owner;
        let answer = match path {
            "/.well-known/est/cacerts" => {
                let own = [owner.root.der(), owner.intermediate.der()];
                let links = owner.links.iter().map(|link| link.der());
                Answer::bundle(&own.into_iter().chain(links).map(|der| &der[..]).collect::<Vec<_>>(), self.wrapped)
            }
            "/.well-known/est/simpleenroll" | "/.well-known/est/simplereenroll" if self.pending.get() > 0 => {
                self.pending.set(self.pending.get() - 1);
                Answer { retry_after: "30", ..Answer::status(202) }
            }
            "/.well-known/est/csrattrs" => Answer::status(204),
            "/.well-known/est/simpleenroll" | "/.well-known/est/simplereenroll" => {
                assert!(body.ends_with(b"\n") && body.split(|byte| *byte == b'\n').all(|line| line.len() <= 64));
                let mut csr = vec![0; limits::CSR];
                let length = base64::decode(body, &mut csr).unwrap();
                let leaf = owner.issue(&csr[..length], YEAR, &self.quirks);
                Answer::bundle(&[&leaf], self.wrapped)
            }
            other => panic!("{other}"),
        };
        (self.twist)(path, answer)
    }
}

/// Reads the identity, and hands it to `look`.
pub(crate) fn identity<T>(bench: &Bench, look: impl FnOnce(&Identity<'_>) -> T) -> Result<T> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    Identity::load(&bench.platform(), &mut buffer).map(|identity| look(&identity))
}

/// A signature by the key of `credential` verifies with the key in its leaf.
pub(crate) fn proves_possession(bench: &Bench, credential: &aseptic_identity::Credential<'_>) {
    use aseptic_core::cose::Signer;
    use aseptic_core::crypto::Parts;
    let mut signature = [0; limits::SIGNATURE];
    credential.signer(bench).unwrap().sign(&mut Parts(&[b"nonce"]), &mut signature).unwrap();
    let leaf = aseptic_certs::Certificate::parse(credential.chain()[0]).unwrap();
    let key: PublicKey<'_> = leaf.public_key().unwrap();
    soft::suite().verify(key, &mut Parts(&[b"nonce"]), &signature).unwrap();
}

pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    result.unwrap_err()
}
