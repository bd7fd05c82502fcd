//! Path validation for devices: webpki builds and checks the path (RFC 5280 section 6), the rules of [`crate::profile`] close
//! what it leaves open, and the device's idea of time decides what validity means.

use crate::algorithm::Algorithm;
use crate::certificate::{Certificate, KeyUsage};
use crate::der::{self, Reader};
use crate::oid;
use crate::profile::{self, DEVICE, Position};
use aseptic_core::crypto::{SigAlg, Suite};
use aseptic_core::time::{Time, Trust};
use aseptic_core::trust::danger::EngineLicence;
use aseptic_core::trust::{PathEngine, Purpose, ValidatedPath, Validity};
use aseptic_core::{Reason, Result, limits};
use core::cell::Cell;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, Der, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, VerifiedPath};

/// The path engine meant for devices.
///
/// It keeps the strict profile [`DEVICE`] for every certificate of the path, the anchor included. Extended key usage:
/// servers ([`Purpose::Enrolment`], [`Purpose::Network`]) must have serverAuth, authors ([`Purpose::UpdateInstall`])
/// codeSigning or updatePackageSigning; all others clientAuth where they have the extension at all. Whether the leaf names
/// the peer that was meant is for the caller to ask, with [`Certificate::matches_dns`].
///
/// Time: a trusted clock decides. Without one, a path is in date if there is an instant, at or after the floor, in the
/// validity of all its certificates. A path that ran out is searched once more at its last good second: only if it is
/// authentic is it answered with [`Validity::Expired`] or [`Validity::LongExpired`]. Revocation is not looked at.
///
/// It is handed to [`Trust::verify_chain`](aseptic_core::trust::Trust::verify_chain), which makes the verdict:
///
/// ```
/// use aseptic_certs::Engine;
/// use aseptic_core::Reason;
/// use aseptic_core::crypto::soft::suite;
/// use aseptic_core::time::Time;
/// use aseptic_core::trust::{Purpose, Trust};
///
/// // A device without any trust believes nobody.
/// let trust = Trust::default();
/// let verdict = trust.verify_chain(&suite(), &Engine, Purpose::Network, &[b"no certificate"], Time::UNKNOWN);
/// assert_eq!(verdict, Err(Reason::CertificateMalformed));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine;

impl PathEngine for Engine {
    fn licence(&self) -> EngineLicence {
        EngineLicence::this_engine_decides_whom_the_device_believes()
    }

    fn validate<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        anchors: &[&[u8]],
        purpose: Purpose,
        now: Time,
    ) -> Result<ValidatedPath<'c>> {
        let (first, rest) = chain.split_first().ok_or(Reason::PathUntrusted)?;
        if chain.len() > limits::CHAIN {
            return Err(Reason::PathTooLong);
        }
        if anchors.len() > limits::TRUST_ENTRIES {
            return Err(Reason::TooLarge);
        }
        let leaf = Certificate::parse(first)?;
        let search = Search { suite, leaf: &leaf, intermediates: rest, anchors, usage: Usage::of(purpose) };
        let validity = search.in_time(now)?;
        let name = leaf.device_serial().or_else(|| leaf.common_name()).unwrap_or_default();
        Ok(ValidatedPath { key: leaf.public_key()?, name, validity })
    }

    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> Result<&'c [u8]> {
        Certificate::parse(certificate).map(|certificate| certificate.spki)
    }
}

/// What the purpose asks of key usages.
struct Usage {
    /// The extended key usages of which one must be listed where the extension is.
    extended: &'static [&'static [u8]],
    /// Whether the leaf must have the extension.
    required: bool,
    /// What keyUsage must allow where the extension is.
    key: KeyUsage,
}

impl Usage {
    const fn of(purpose: Purpose) -> Self {
        let (extended, required): (&[&[u8]], bool) = match purpose {
            Purpose::Enrolment | Purpose::Network => (&[oid::SERVER_AUTH], true),
            Purpose::UpdateInstall => (&[oid::CODE_SIGNING, oid::UPDATE_PACKAGE_SIGNING], true),
            _ => (&[oid::CLIENT_AUTH], false),
        };
        let key = match purpose {
            Purpose::Receive => KeyUsage::KEY_AGREEMENT,
            _ => KeyUsage::DIGITAL_SIGNATURE,
        };
        Self { extended, required, key }
    }

    fn admits(&self, leaf: &Certificate<'_>) -> Result<()> {
        let listed = match leaf.extensions.extended_key_usage {
            Some(list) => self.extended.iter().any(|oid| list.contains(oid)),
            None => !self.required,
        };
        let allowed = leaf.extensions.key_usage.is_none_or(|usage| usage.contains(self.key));
        if listed && allowed { Ok(()) } else { Err(Reason::PathKeyUsage) }
    }
}

/// webpki asks this for every certificate of the path, so that a CA restricted to one usage cannot give another.
impl ExtendedKeyUsageValidator for &Usage {
    fn validate(&self, listed: KeyPurposeIdIter<'_, '_>) -> core::result::Result<(), Error> {
        let mut absent = true;
        for usage in listed {
            let usage = usage?;
            absent = false;
            if self.extended.iter().any(|oid| usage == KeyPurposeId::new(oid)) {
                return Ok(());
            }
        }
        if absent { Ok(()) } else { Err(EKU_NOT_FOUND) }
    }
}

/// The one with a context has fields or none, as webpki's feature `alloc` is on or off in a build.
#[expect(deprecated, reason = "the other one cannot be built in both cases")]
const EKU_NOT_FOUND: Error = Error::RequiredEkuNotFound;

/// Which way the search left the time that it began with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Now,
    Later,
    Earlier,
}

/// One question to webpki.
struct Search<'s, 'c> {
    suite: &'s Suite<'s>,
    leaf: &'s Certificate<'c>,
    intermediates: &'s [&'c [u8]],
    anchors: &'s [&'s [u8]],
    usage: Usage,
}

impl Search<'_, '_> {
    /// Finds an instant at which a path holds, and judges it against the clock. webpki wants an instant and answers with
    /// the offending date; each round moves to that date, always the same way.
    fn in_time(&self, now: Time) -> Result<Validity> {
        let start = if now.trust == Trust::Unknown { 0 } else { now.seconds };
        let (mut at, mut direction) = match start {
            early if early < self.leaf.not_before => (self.leaf.not_before, Direction::Later),
            late if late > self.leaf.not_after => (self.leaf.not_after, Direction::Earlier),
            within => (within, Direction::Now),
        };
        for _ in 0..ROUNDS {
            match self.path_at(at) {
                Ok(()) => return judge(now, at, direction),
                Err(Refusal::NotYet(not_before)) if not_before > at && direction != Direction::Earlier => {
                    (at, direction) = (not_before, Direction::Later);
                }
                Err(Refusal::Over(not_after)) if not_after < at && direction != Direction::Later => {
                    (at, direction) = (not_after, Direction::Earlier);
                }
                // The validities of the path have no instant in common.
                Err(Refusal::NotYet(_) | Refusal::Over(_)) => return Err(Reason::CertificateExpired),
                Err(Refusal::Other(reason)) => return Err(reason),
            }
        }
        Err(Reason::PathTooLong)
    }

    /// Searches a path as if it were `at` seconds after 1970.
    fn path_at(&self, at: u64) -> core::result::Result<(), Refusal> {
        let leaf = CertificateDer::from_slice(self.leaf.der);
        let leaf = EndEntityCert::try_from(&leaf).map_err(refusal)?;
        let intermediates: [CertificateDer<'_>; limits::CHAIN] = der_array(self.intermediates);
        let intermediates = intermediates.get(..self.intermediates.len()).unwrap_or_default();
        let held: [CertificateDer<'_>; limits::TRUST_ENTRIES] = der_array(self.anchors);
        let mut anchors: [TrustAnchor<'_>; limits::TRUST_ENTRIES] = core::array::from_fn(|_| NO_ANCHOR);
        let usable = held.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok());
        let mut count = 0_usize;
        for (place, anchor) in anchors.iter_mut().zip(usable) {
            *place = anchor;
            count = count.saturating_add(1);
        }
        let anchors = anchors.get(..count).unwrap_or_default();

        let (es256, ed25519) = (Algorithm::new(self.suite, SigAlg::Es256), Algorithm::new(self.suite, SigAlg::Ed25519));
        let both: [&dyn SignatureVerificationAlgorithm; 2] = [&es256, &ed25519];
        let has = |alg| self.suite.verifier(alg).is_ok();
        let algorithms = match (has(SigAlg::Es256), has(SigAlg::Ed25519)) {
            (true, true) => both.get(..),
            (true, false) => both.get(..1),
            (false, true) => both.get(1..),
            (false, false) => None,
        };
        // webpki's hook can only answer with an error of webpki; what the rules had to say is kept here.
        let objection = Cell::new(None);
        let hook = |path: &VerifiedPath<'_>| {
            self.check_path(path, at).map_err(|reason| match reason {
                Refusal::NotYet(not_before) => Error::CertNotValidYet { time: unix(at), not_before: unix(not_before) },
                Refusal::Over(not_after) => Error::CertExpired { time: unix(at), not_after: unix(not_after) },
                Refusal::Other(reason) => {
                    objection.set(Some(reason));
                    Error::UnknownIssuer
                }
            })
        };
        let found = leaf.verify_for_usage(
            algorithms.unwrap_or_default(),
            anchors,
            intermediates,
            unix(at),
            &self.usage,
            None,
            Some(&hook),
        );
        match found.map_err(refusal) {
            Ok(_) => Ok(()),
            // A path that reached an anchor and broke a rule says more than candidates that led nowhere.
            Err(Refusal::Other(reason)) => Err(Refusal::Other(objection.get().unwrap_or(reason))),
            Err(dated) => Err(dated),
        }
    }

    /// Applies the rules to a path that webpki found.
    fn check_path(&self, path: &VerifiedPath<'_>, at: u64) -> core::result::Result<(), Refusal> {
        profile::check(DEVICE, self.leaf, Position::Leaf)?;
        self.usage.admits(self.leaf)?;
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            profile::check(DEVICE, &Certificate::parse(&der)?, Position::Intermediate)?;
        }
        self.check_anchor(path.anchor(), at)
    }

    /// webpki keeps name, key and name constraints of an anchor and drops the rest; so the certificates are looked at here.
    /// Several may have the same name and key (a reissued root): one that holds is enough.
    fn check_anchor(&self, found: &TrustAnchor<'_>, at: u64) -> core::result::Result<(), Refusal> {
        let mut refused = Refusal::Other(Reason::PathUntrusted);
        for held in self.anchors {
            let Ok(anchor) = Certificate::parse(held) else { continue };
            let key = Reader::new(anchor.spki).read(der::SEQUENCE)?;
            if anchor.subject.der() != found.subject.as_ref() || key != found.subject_public_key_info.as_ref() {
                continue;
            }
            let checked = match profile::check(DEVICE, &anchor, Position::Anchor) {
                Err(reason) => Err(Refusal::Other(reason)),
                Ok(()) if at < anchor.not_before => Err(Refusal::NotYet(anchor.not_before)),
                Ok(()) if at > anchor.not_after => Err(Refusal::Over(anchor.not_after)),
                Ok(()) => Ok(()),
            };
            match checked {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }
}

/// Why there is no path at an instant.
enum Refusal {
    /// A certificate begins later.
    NotYet(u64),
    /// A certificate ended before.
    Over(u64),
    /// Anything else, at whatever time.
    Other(Reason),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Other(reason)
    }
}

/// What a path that holds at `at` means for a device whose idea of now is `now`.
fn judge(now: Time, at: u64, direction: Direction) -> Result<Validity> {
    match direction {
        Direction::Now => Ok(Validity::InDate),
        Direction::Later if now.trust == Trust::Trusted => Err(Reason::CertificateNotYetValid),
        Direction::Later => Ok(Validity::InDate),
        Direction::Earlier if now.seconds.saturating_sub(at) <= limits::GRACE => Ok(Validity::Expired),
        Direction::Earlier => Ok(Validity::LongExpired),
    }
}

/// The one place where errors of webpki become ours.
fn refusal(error: Error) -> Refusal {
    let reason = match error {
        Error::CertNotValidYet { not_before, .. } => return Refusal::NotYet(not_before.as_secs()),
        Error::CertExpired { not_after, .. } => return Refusal::Over(not_after.as_secs()),
        Error::UnknownIssuer => Reason::PathUntrusted,
        Error::InvalidSignatureForPublicKey => Reason::SignatureInvalid,
        Error::CertDistrusted => Reason::Denied,
        Error::CertRevoked => Reason::CertificateRevoked,
        Error::UnknownRevocationStatus => Reason::RevocationUnknown,
        Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa
        | Error::RequiredEkuNotFoundContext(_)
        | EKU_NOT_FOUND
        | Error::EmptyEkuExtension => Reason::PathKeyUsage,
        Error::NameConstraintViolation
        | Error::PathLenConstraintViolated
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint => Reason::PathConstraint,
        Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => Reason::PathTooLong,
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Reason::AlgorithmUnsupported
        }
        Error::UnsupportedCriticalExtension => Reason::CertificateProfile,
        Error::BadDer
        | Error::BadDerTime
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedDnsIdentifier
        | Error::MalformedExtensions
        | Error::SignatureAlgorithmMismatch
        | Error::TrailingData(_)
        | Error::UnsupportedCertVersion => Reason::CertificateMalformed,
        _ => Reason::PathUntrusted,
    };
    Refusal::Other(reason)
}

const fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn der_array<'a, const N: usize>(list: &[&'a [u8]]) -> [CertificateDer<'a>; N] {
    core::array::from_fn(|index| CertificateDer::from_slice(list.get(index).copied().unwrap_or_default()))
}

const NO_ANCHOR: TrustAnchor<'static> = TrustAnchor {
    subject: Der::from_slice(&[]),
    subject_public_key_info: Der::from_slice(&[]),
    name_constraints: None,
};

/// Each certificate of the longest path, and the anchor, can move the instant once.
const ROUNDS: usize = limits::CHAIN + 2;
