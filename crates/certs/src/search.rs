//! The one place that asks webpki: building a path, and what its answers mean.

use crate::algorithm::Verification;
use crate::cache::Signatures;
use crate::certificate::Certificate;
use crate::constraints::{self, Controls};
use crate::der::{self, Reader};
use crate::policy::Required;
use crate::profile::{self, CHAIN_MOST, Position, Profile, Subject};
use crate::usage::{EKU_NOT_FOUND, Usage};
use aseptic_core::crypto::Suite;
use aseptic_core::time::{Time, Trust};
use aseptic_core::trust::{Anchor, Validity};
use aseptic_core::{Reason, Result, limits};
use core::cell::Cell;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, Der, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, VerifiedPath};

/// The certificates of a path, by their places in what was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    above: [u8; CHAIN_MOST - 1],
    count: u8,
    anchor: u8,
}

impl Path {
    /// The places of its certificates in the chain, leaf first.
    pub fn chain(&self) -> impl Iterator<Item = usize> + use<> {
        let above = self.above;
        core::iter::once(0).chain(above.into_iter().take(usize::from(self.count)).map(usize::from))
    }

    /// The same from the certificate below the anchor down to the leaf.
    pub(crate) fn upwards(&self) -> impl Iterator<Item = usize> + use<> {
        let count = usize::from(self.count);
        let above = self.above;
        above.into_iter().take(count).rev().map(usize::from).chain(core::iter::once(0))
    }

    /// The place of its anchor among the anchors.
    #[must_use]
    pub fn anchor(&self) -> usize {
        usize::from(self.anchor)
    }
}

/// Which way the search left the time that it began with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Now,
    Later,
    Earlier,
}

/// One question to webpki.
pub(crate) struct Search<'s, 'c> {
    pub(crate) suite: &'s Suite<'s>,
    pub(crate) profile: &'s Profile,
    pub(crate) leaf: &'s Certificate<'c>,
    pub(crate) intermediates: &'s [&'c [u8]],
    pub(crate) anchors: &'s [Anchor<'s>],
    pub(crate) usage: Usage,
    pub(crate) policies: Required<'s>,
    pub(crate) cache: Option<&'s dyn Signatures>,
}

impl Search<'_, '_> {
    /// Finds an instant at which a path holds, and judges it against the clock. webpki wants an instant and answers with
    /// the offending date; each round moves to that date, always the same way.
    pub(crate) fn in_time(&self, now: Time) -> Result<(Validity, Path)> {
        let start = if now.trust == Trust::Unknown { 0 } else { now.seconds };
        let (mut at, mut direction) = match start {
            early if early < self.leaf.not_before => (self.leaf.not_before, Direction::Later),
            late if late > self.leaf.not_after => (self.leaf.not_after, Direction::Earlier),
            within => (within, Direction::Now),
        };
        for _ in 0..ROUNDS {
            match self.path_at(at) {
                Ok(path) => return judge(now, at, direction).map(|validity| (validity, path)),
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
    fn path_at(&self, at: u64) -> core::result::Result<Path, Refusal> {
        let leaf = CertificateDer::from_slice(self.leaf.der);
        let leaf = EndEntityCert::try_from(&leaf).map_err(refusal)?;
        let intermediates: [CertificateDer<'_>; CHAIN_MOST - 1] = der_array(self.intermediates);
        let intermediates = intermediates.get(..self.intermediates.len()).unwrap_or_default();
        let held: [CertificateDer<'_>; limits::TRUST_ENTRIES] = core::array::from_fn(|index| {
            CertificateDer::from_slice(self.anchors.get(index).map(|anchor| anchor.certificate).unwrap_or_default())
        });
        let mut anchors: [TrustAnchor<'_>; limits::TRUST_ENTRIES] = core::array::from_fn(|_| NO_ANCHOR);
        let usable = self.anchors.iter().zip(&held).filter_map(|(anchor, der)| {
            let usable = webpki::anchor_from_trusted_cert(der).ok()?;
            let (_, _, names) = believed(anchor).ok()?;
            Some(TrustAnchor { name_constraints: names.map(Der::from_slice), ..usable })
        });
        let mut count = 0_usize;
        for (place, anchor) in anchors.iter_mut().zip(usable) {
            *place = anchor;
            count = count.saturating_add(1);
        }
        let anchors = anchors.get(..count).unwrap_or_default();

        // webpki's hook can only answer with an error of webpki; what the rules had to say is kept here.
        let (objection, found) = (Cell::new(None), Cell::new(None));
        let hook = |path: &VerifiedPath<'_>| {
            self.check_path(path, at).map(|path| found.set(Some(path))).map_err(|reason| match reason {
                Refusal::NotYet(not_before) => Error::CertNotValidYet { time: unix(at), not_before: unix(not_before) },
                Refusal::Over(not_after) => Error::CertExpired { time: unix(at), not_after: unix(not_after) },
                Refusal::Other(reason) => {
                    objection.set(Some(reason));
                    Error::UnknownIssuer
                }
            })
        };
        let mut answer = Err(Error::UnknownIssuer);
        let verification = Verification { suite: self.suite, cache: self.cache, leaf: self.leaf.tbs };
        verification.with_verifiers(&mut |algorithms| {
            answer = leaf
                .verify_for_usage(algorithms, anchors, intermediates, unix(at), &self.usage, None, Some(&hook))
                .map(drop);
        });
        match answer.map_err(refusal) {
            Ok(()) => found.get().ok_or(Refusal::Other(Reason::Internal)),
            // A path that reached an anchor and broke a rule says more than candidates that led nowhere.
            Err(Refusal::Other(reason)) => Err(Refusal::Other(objection.get().unwrap_or(reason))),
            Err(dated) => Err(dated),
        }
    }

    /// Applies the rules to a path that webpki found.
    fn check_path(&self, path: &VerifiedPath<'_>, at: u64) -> core::result::Result<Path, Refusal> {
        self.keeps_rules(self.leaf, Position::Leaf)?;
        self.usage.admits(self.leaf).map_err(|_| Reason::PathKeyUsage)?;
        let mut found = Path { above: [0; CHAIN_MOST - 1], count: 0, anchor: 0 };
        let mut ders: [&[u8]; CHAIN_MOST] = [self.leaf.der; CHAIN_MOST];
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            self.keeps_rules(&Certificate::parse(&der)?, Position::Intermediate)?;
            let place = self.intermediates.iter().position(|given| **given == *der).ok_or(Reason::Internal)?;
            let given = *self.intermediates.get(place).ok_or(Reason::Internal)?;
            // The leaf is number 0 of the chain.
            let number = place.checked_add(1).and_then(|number| u8::try_from(number).ok()).ok_or(Reason::Internal)?;
            *found.above.get_mut(usize::from(found.count)).ok_or(Reason::Internal)? = number;
            found.count = found.count.saturating_add(1);
            *ders.get_mut(usize::from(found.count)).ok_or(Reason::Internal)? = given;
        }
        // Parsed once more where somebody asks, which takes less of the stack than to hold them.
        let path_of =
            || ders.iter().take(usize::from(found.count).saturating_add(1)).map(|der| Certificate::parse(der));
        let anchor = self.check_anchor(path.anchor(), at, u32::from(found.count), &|controls| {
            self.policies.check(controls, path_of())
        })?;
        found.anchor = u8::try_from(anchor).map_err(|_| Reason::Internal)?;
        Ok(found)
    }

    fn keeps_rules(&self, certificate: &Certificate<'_>, position: Position) -> Result<()> {
        let subject = Subject { certificate, position, suite: self.suite };
        // The key of an issuer has verified a signature of this path: that it is sound need not be computed again.
        let proven = |rule: &profile::Rule| position != Position::Leaf && rule.id == profile::KEY_TYPE;
        let mut open = self.profile.rules.iter().filter(|rule| !proven(rule));
        open.try_for_each(|rule| rule.judge(&subject).map_err(|_| rule.reason))
    }

    /// webpki keeps name, key and name constraints of an anchor and drops the rest; so the certificates are looked at here.
    /// Several may have the same name and key (a reissued root): one that holds is enough.
    fn check_anchor(
        &self,
        found: &TrustAnchor<'_>,
        at: u64,
        below: u32,
        policies: &dyn Fn(&Controls<'_>) -> Result<()>,
    ) -> core::result::Result<usize, Refusal> {
        let mut refused = Refusal::Other(Reason::PathUntrusted);
        for (place, held) in self.anchors.iter().enumerate() {
            let Ok((anchor, controls, names)) = believed(held) else { continue };
            let key = Reader::new(anchor.spki).read(der::SEQUENCE)?;
            if anchor.subject.der() != found.subject.as_ref()
                || key != found.subject_public_key_info.as_ref()
                || names != found.name_constraints.as_ref().map(AsRef::as_ref)
            {
                continue;
            }
            let own = anchor.extensions.basic_constraints.and_then(|constraints| constraints.path_length);
            let too_long = [own, controls.path_length].into_iter().flatten().any(|most| below > most);
            let checked = match self.keeps_rules(&anchor, Position::Anchor).and_then(|()| policies(&controls)) {
                Err(reason) => Err(Refusal::Other(reason)),
                // RFC 5280 section 6.2 leaves it to the verifier whether an anchor's own bound counts; here it does.
                Ok(()) if too_long => Err(Refusal::Other(Reason::PathConstraint)),
                Ok(()) if at < anchor.not_before => Err(Refusal::NotYet(anchor.not_before)),
                Ok(()) if at > anchor.not_after => Err(Refusal::Over(anchor.not_after)),
                Ok(()) => Ok(place),
            };
            match checked {
                Ok(place) => return Ok(place),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }
}

/// An anchor's certificate, its constraints, and the name constraints that hold for it; an error if they cannot be honoured.
fn believed<'a>(anchor: &Anchor<'a>) -> Result<(Certificate<'a>, Controls<'a>, Option<&'a [u8]>)> {
    let certificate = Certificate::parse(anchor.certificate)?;
    let controls = Controls::parse(anchor.constraints)?;
    let names = constraints::names_of(&controls, &certificate)?;
    Ok((certificate, controls, names))
}

/// Why there is no path at an instant.
pub(crate) enum Refusal {
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
const ROUNDS: usize = CHAIN_MOST + 2;
