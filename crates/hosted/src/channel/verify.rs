//! The other side's proof: rustls hands over the chain, our trust judges it.

use super::Remote;
use crate::crypto;
use aseptic_certs::server;
use aseptic_core::trust::VerifiedPeer;
use aseptic_core::{Reason, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};
use std::fmt;

pub(super) type Answer<T> = core::result::Result<T, Error>;

/// Who is asked about a chain.
pub(super) trait Ask: fmt::Debug + Send + Sync {
    /// Whether the holder of the chain is believed; `name` is the server that was meant, in the role of its client.
    fn judge(&self, name: Option<&str>, chain: &[&[u8]]) -> Answer<()>;
}

/// The verifier of both roles. It is told rustls' idea of time and does not use it.
#[derive(Debug)]
pub(super) struct OwnTrust<A> {
    asked: A,
    algorithms: WebPkiSupportedAlgorithms,
}

impl<A: Ask> OwnTrust<A> {
    pub(super) fn new(asked: A) -> Self {
        Self { asked, algorithms: crypto::provider().signature_verification_algorithms }
    }

    fn chain(&self, name: Option<&str>, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Answer<()> {
        let chain: Vec<&[u8]> = std::iter::once(leaf).chain(rest).map(|der| &**der).collect();
        self.asked.judge(name, &chain)
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

impl<A: Ask> ServerCertVerifier for OwnTrust<A> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Answer<ServerCertVerified> {
        self.chain(Some(&name.to_str()), leaf, rest).map(|()| ServerCertVerified::assertion())
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

impl<A: Ask> ClientCertVerifier for OwnTrust<A> {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Answer<ClientCertVerified> {
        self.chain(None, leaf, rest).map(|()| ClientCertVerified::assertion())
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

/// The reason behind an alert of ours, as far as it tells.
pub(super) const fn refusal(refused: &CertificateError) -> Reason {
    match refused {
        CertificateError::Expired => Reason::CertificateExpired,
        CertificateError::NotValidYet => Reason::CertificateNotYetValid,
        CertificateError::Revoked => Reason::CertificateRevoked,
        CertificateError::UnknownIssuer => Reason::PathUntrusted,
        CertificateError::NotValidForName => Reason::NameMismatch,
        CertificateError::BadEncoding => Reason::CertificateMalformed,
        _ => Reason::TlsFailed,
    }
}

const SCHEMES: [SignatureScheme; 2] = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];
