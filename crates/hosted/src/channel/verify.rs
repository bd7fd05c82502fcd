//! The other side's proof: rustls hands over the chain, our trust judges it.

use super::Remote;
use super::handshake::Asking;
use crate::crypto;
use aseptic_certs::server;
use aseptic_core::trust::VerifiedPeer;
use aseptic_core::{Reason, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};

type Answer<T> = core::result::Result<T, Error>;

/// The verifier of both roles. It is told rustls' idea of time and does not use it.
#[derive(Debug)]
pub(super) struct OwnTrust {
    asking: Asking,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OwnTrust {
    pub(super) fn new(asking: Asking) -> Self {
        Self { asking, algorithms: crypto::provider().signature_verification_algorithms }
    }

    fn chain(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Answer<()> {
        self.asking.judge(std::iter::once(leaf).chain(rest).map(|der| der.to_vec()).collect())
    }

    fn signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Answer<HandshakeSignatureValid> {
        if !SCHEMES.contains(&signed.scheme) {
            return Err(PeerIncompatible::NoSignatureSchemesInCommon.into());
        }
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }
}

impl ServerCertVerifier for OwnTrust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Answer<ServerCertVerified> {
        self.chain(leaf, rest).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Answer<HandshakeSignatureValid> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Answer<HandshakeSignatureValid> {
        self.signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

impl ClientCertVerifier for OwnTrust {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Answer<ClientCertVerified> {
        self.chain(leaf, rest).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Answer<HandshakeSignatureValid> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Answer<HandshakeSignatureValid> {
        self.signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

/// The verdict about a chain, for the first purpose that it serves. `name` is the server that was meant, if we are its client.
///
/// Of several refusals the one is told that came closest: any other before "no path leads to an anchor".
pub(super) fn judge(remote: &Remote<'_>, name: Option<&str>, chain: &[&[u8]]) -> Result<VerifiedPeer> {
    let mut refusal = None;
    for purpose in remote.purposes {
        match remote.trust.verify_chain(remote.suite, remote.engine, *purpose, chain, remote.now) {
            Ok(peer) => return named(&peer, name, chain).map(|()| peer),
            Err(reason) if matches!(refusal, None | Some(Reason::PathUntrusted)) => refusal = Some(reason),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or(Reason::NoPurpose))
}

fn named(peer: &VerifiedPeer, name: Option<&str>, chain: &[&[u8]]) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    server::check_name(chain.first().ok_or(Reason::PathUntrusted)?, peer.purpose(), name)
}

/// What the peer is told: the alerts of RFC 8446 section 6.2, no more.
pub(super) const fn alert(reason: Reason) -> Error {
    Error::InvalidCertificate(match reason {
        Reason::CertificateExpired => CertificateError::Expired,
        Reason::CertificateNotYetValid => CertificateError::NotValidYet,
        Reason::CertificateRevoked | Reason::Denied => CertificateError::Revoked,
        Reason::PathUntrusted => CertificateError::UnknownIssuer,
        Reason::NameMismatch => CertificateError::NotValidForName,
        Reason::DerMalformed | Reason::CertificateMalformed => CertificateError::BadEncoding,
        _ => CertificateError::ApplicationVerificationFailure,
    })
}

const SCHEMES: [SignatureScheme; 2] = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];
