//! TLS 1.3 with a birth or local certificate on the other side: rustls, with the path validation of the devices behind it.

use super::Office;
use crate::ca::RollOver;
use crate::{Error, Result};
use aseptic_certs::{Certificate, Engine, devid};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, VerifiedPeer, danger};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsAcceptor;

/// The server side of TLS 1.3 for devices; nothing older unless that is asked for, no resumption, HTTP/1.1 alone.
pub(super) struct Door {
    office: Arc<Office>,
    provider: Arc<CryptoProvider>,
    identity: Arc<SingleCertAndKey>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Door {
    pub(super) fn new(office: &Arc<Office>) -> Result<Self> {
        let registrar = &office.registrar;
        let provider = Arc::new(if registrar.tls12 { channel::danger_legacy_provider() } else { channel::provider() });
        let cross = registrar.roll_over.as_ref().map(RollOver::new_with_old);
        let chain = registrar.chain.iter().map(Vec::as_slice).chain(cross);
        let certificates = chain.map(|der| CertificateDer::from(der.to_vec())).collect();
        let key = PrivatePkcs8KeyDer::from(registrar.key.expose_pkcs8().to_vec());
        let identity = CertifiedKey::from_der(certificates, key.into(), &provider).map_err(failed)?;
        Ok(Self {
            office: Arc::clone(office),
            provider,
            identity: Arc::new(identity.into()),
            versions: if registrar.tls12 { VERSIONS } else { &VERSIONS[..1] },
        })
    }

    /// For one connection: what shakes hands, and where the verdict on its client will be.
    pub(super) fn open(&self) -> Result<(TlsAcceptor, Arc<Doorman>)> {
        let doorman = Arc::new(Doorman {
            office: Arc::clone(&self.office),
            provider: Arc::clone(&self.provider),
            verdict: OnceLock::new(),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map_err(failed)?
            .with_client_cert_verifier(Arc::<Doorman>::clone(&doorman))
            .with_cert_resolver(Arc::<SingleCertAndKey>::clone(&self.identity));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each connection shows its certificate anew: trust may have changed since the last one.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok((TlsAcceptor::from(Arc::new(config)), doorman))
    }
}

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

fn failed(error: rustls::Error) -> Error {
    Error::new(Reason::TlsFailed, format!("preparing TLS: {error}"))
}

/// Which certificate a device shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Birth,
    Local,
}

/// A device that has proven to own the key of its certificate.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) peer: VerifiedPeer,
    pub(super) shown: Shown,
    /// What it shows (DER), leaf first.
    pub(super) chain: Vec<Vec<u8>>,
}

impl Device {
    pub(super) fn leaf(&self) -> &[u8] {
        self.chain.first().map(Vec::as_slice).unwrap_or_default()
    }
}

/// The verdict on the certificates that a device showed.
///
/// A maker signs more than births with one root. Only what follows IEEE 802.1AR names a device by its serial number; of any
/// other certificate the name is whatever its owner was called. Of a local certificate it is enough that we issued it.
fn device(office: &Office, chain: &[&[u8]]) -> aseptic_core::Result<Device> {
    if chain.len() > limits::CHAIN {
        return Err(Reason::PathTooLong);
    }
    let leaf = Certificate::parse(chain.first().ok_or(Reason::PeerAnonymous)?)?;
    let now = office.registrar.clock.now();
    let (peer, shown) = if ours(office, chain)? {
        (local(office, chain, now)?, Shown::Local)
    } else {
        let trust = &office.registrar.trust;
        let judge = |stores: &Trust<'_>| stores.verify_chain(trust.suite(), &Engine, Purpose::Birth, chain, now);
        let peer = trust.with(judge)?;
        devid::check_birth(&leaf)?;
        (peer, Shown::Birth)
    };
    Ok(Device { peer, shown, chain: chain.iter().map(|der| der.to_vec()).collect() })
}

/// Whether a chain names us, or our root before, among its issuers: which rules it is judged by.
fn ours(office: &Office, chain: &[&[u8]]) -> aseptic_core::Result<bool> {
    let issuers = office.registrar.ca.certificates().chain(office.registrar.roll_over.as_ref().map(RollOver::old));
    for issuer in issuers {
        let issuer = Certificate::parse(issuer)?;
        for link in chain {
            if Certificate::parse(link)?.issuer == issuer.subject {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The verdict on a local certificate: telemetry is what each of them is for.
fn local(office: &Office, chain: &[&[u8]], now: Time) -> aseptic_core::Result<VerifiedPeer> {
    let purposes = Purposes::of(&[Purpose::Telemetry]);
    let entry = |(root, name): (_, &'static [u8])| Entry { purposes, name, material: Material::certificate(root) };
    let entries: Vec<_> = office.roots().zip([&b"root"[..], &b"root before"[..]]).map(entry).collect();
    let suite = office.registrar.trust.suite();
    let trust = danger::unsigned(Authority::Owner, &entries)?;
    let peer = trust.verify_chain(suite, &Engine, Purpose::Telemetry, chain, now)?;
    // Telemetry goes on after expiry, with a flag. A renewal then takes the birth certificate.
    match peer.degraded() {
        None => Ok(peer),
        Some(reason) => Err(reason),
    }
}

/// The reason behind a failed handshake: ours, if it was the certificate.
pub(super) fn reason(error: &std::io::Error) -> Reason {
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return Reason::NetworkFailed;
    };
    match inner {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(ours))) => {
            ours.downcast_ref::<Reason>().copied().unwrap_or(Reason::TlsFailed)
        }
        rustls::Error::NoCertificatesPresented => Reason::PeerAnonymous,
        _ => Reason::TlsFailed,
    }
}

/// Lets in whoever was born with a certificate of a maker that we trust, or has a local one of ours; at one connection.
pub(super) struct Doorman {
    office: Arc<Office>,
    provider: Arc<CryptoProvider>,
    verdict: OnceLock<Arc<Device>>,
}

impl Doorman {
    /// Who came in, once hands are shaken: until then nothing shows that it owns the key. None who showed no certificate.
    pub(super) fn verdict(&self) -> Option<Arc<Device>> {
        self.verdict.get().cloned()
    }
}

impl ClientCertVerifier for Doorman {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        !self.office.registrar.anonymous
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        let chain: Vec<&[u8]> = std::iter::once(leaf).chain(others).map(|der| &**der).collect();
        match device(&self.office, &chain) {
            Ok(device) => {
                // TLS asks once a connection; a second verdict would not replace the first.
                self.verdict.get_or_init(|| Arc::new(device));
                Ok(ClientCertVerified::assertion())
            }
            Err(reason) => Err(CertificateError::Other(OtherError(Arc::new(reason))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}

impl fmt::Debug for Doorman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorman")
    }
}
