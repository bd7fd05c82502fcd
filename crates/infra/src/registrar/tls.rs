//! TLS 1.3 with a birth certificate on the other side: rustls, with the path validation of the devices behind it.

use crate::ca::Chain;
use crate::trust::ServerTrust;
use crate::{AuthorityKey, Error, Result};
use aseptic_certs::{Certificate, Engine, devid};
use aseptic_core::platform::Clock;
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, ServerConfig, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// The server side of TLS 1.3 for devices; nothing older, no resumption, HTTP/1.1 alone.
pub(super) fn server(
    chain: &Chain,
    key: &AuthorityKey,
    trust: Arc<ServerTrust>,
    clock: Arc<dyn Clock + Send + Sync>,
) -> Result<Arc<ServerConfig>> {
    let failed = |error: rustls::Error| Error::new(Reason::TlsFailed, format!("preparing TLS: {error}"));
    let provider = Arc::new(channel::provider());
    let verifier = Arc::new(Devices { trust, clock, provider: Arc::clone(&provider) });
    let certificates = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates, key.into())
        .map_err(failed)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Each connection shows its certificate anew: trust may have changed since the last one.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The verdict on the certificates that a device showed, and the UDI in the first of them.
///
/// A maker signs more than births with one root. Only what follows IEEE 802.1AR names a device by its serial number; of any
/// other certificate the name is whatever its owner was called.
pub(super) fn device(
    trust: &ServerTrust,
    clock: &dyn Clock,
    shown: &[CertificateDer<'_>],
) -> aseptic_core::Result<(VerifiedPeer, Option<String>)> {
    if shown.len() > limits::CHAIN {
        return Err(Reason::PathTooLong);
    }
    let chain: Vec<&[u8]> = shown.iter().map(|der| &**der).collect();
    let peer = trust.with(|stores| stores.verify_chain(trust.suite(), &Engine, Purpose::Birth, &chain, clock.now()))?;
    let birth = Certificate::parse(chain.first().ok_or(Reason::PeerAnonymous)?)?;
    devid::check_birth(&birth)?;
    Ok((peer, birth.uri().map(str::to_owned)))
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

/// Lets in whoever was born with a certificate of a maker that we trust.
struct Devices {
    trust: Arc<ServerTrust>,
    clock: Arc<dyn Clock + Send + Sync>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Devices {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        let shown: Vec<_> = std::iter::once(leaf).chain(others).cloned().collect();
        match device(&self.trust, &*self.clock, &shown) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(reason) => Err(CertificateError::Other(OtherError(Arc::new(reason))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 alone is spoken here".into()))
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

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Devices")
    }
}
