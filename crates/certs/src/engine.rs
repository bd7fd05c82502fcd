//! Path validation for devices: webpki builds and checks the path (RFC 5280 section 6), the rules of [`crate::profile`] close
//! what it leaves open, and the device's idea of time decides what validity means.

use crate::cache::{Signatures, Verified};
use crate::certificate::Certificate;
use crate::constraints;
use crate::findings::{Finding, Findings, Place};
use crate::oid;
use crate::policy::Required;
use crate::profile::{self, CHAIN_MOST, Profile};
use crate::revocation::{Answers, Lists, Question};
use crate::search::{Path, Search};
use crate::server;
use crate::usage::Usage;
use aseptic_core::crypto::Suite;
use aseptic_core::time::Time;
use aseptic_core::trust::danger::EngineLicence;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose, Trust, ValidatedPath};
use aseptic_core::{Reason, Result, limits};

/// A path engine with a profile.
///
/// It keeps the profile's rules for every certificate of the path, the anchor included. Extended key usage: servers
/// ([`Purpose::Enrolment`], [`Purpose::Network`]) must have serverAuth, authors ([`Purpose::UpdateInstall`])
/// codeSigning or updatePackageSigning; all others clientAuth where they have the extension at all. Whether the leaf names
/// the peer that was meant is for the caller to ask, with [`Certificate::matches_dns`].
///
/// Time: a trusted clock decides. Without one, a path is in date if there is an instant, at or after the floor, in the
/// validity of all its certificates. A path that ran out is searched once more at its last good second: only if it is
/// authentic is it answered with [`Validity::Expired`](aseptic_core::trust::Validity::Expired) or `LongExpired`.
///
/// Revocation is looked at where lists are given: [`PathValidator::with_lists`].
///
/// [`PathValidator::examine`] says the same as its verdict and everything behind it:
///
/// ```
/// use aseptic_certs::PathValidator;
/// use aseptic_core::Reason;
/// use aseptic_core::crypto::soft::suite;
/// use aseptic_core::time::Time;
/// use aseptic_core::trust::{Grounds, Purpose};
///
/// let (grounds, now) = (Grounds::of(&[]), Time::UNKNOWN);
/// let judgement = PathValidator::COMPAT.examine(&suite(), &[b"none"], &grounds, Purpose::Network, now);
/// assert_eq!(judgement.verdict.err(), Some(Reason::CertificateMalformed));
/// let finding = judgement.findings.iter().next().ok_or(Reason::Internal)?;
/// assert_eq!((finding.place.to_string().as_str(), finding.field), ("certificate 0", "certificate"));
/// # Ok::<(), Reason>(())
/// ```
#[derive(Clone, Copy)]
pub struct PathValidator<'a> {
    profile: &'a Profile,
    lists: Option<&'a dyn Lists>,
    policies: Required<'a>,
    cache: Option<&'a dyn Signatures>,
}

/// What was found out about a chain.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'c> {
    /// The verdict, as [`PathEngine::validate`] gives it.
    pub verdict: Result<ValidatedPath<'c>>,
    /// The path that leads to an anchor, if there is one.
    pub path: Option<Path>,
    /// Which revocation list answered for which certificate.
    pub answers: Answers,
    /// Everything that is wrong: with a verdict, what degrades it; without one, all that refuses the chain.
    pub findings: Findings<'c>,
}

impl PathValidator<'static> {
    /// The one meant for devices: strict.
    pub const DEVICE: Self = Self::new(&profile::DEVICE);
    /// The one for chains of others: RFC 5280 as the field has it.
    pub const COMPAT: Self = Self::new(&profile::COMPAT);
}

impl<'a> PathValidator<'a> {
    /// One with this profile and without revocation lists.
    #[must_use]
    pub const fn new(profile: &'a Profile) -> Self {
        Self { profile, lists: None, policies: Required::NOTHING, cache: None }
    }

    /// The same with revocation lists: every certificate of a path but the anchor must be covered by one.
    ///
    /// A missing, unusable or badly signed list makes the answer [`Revocation::Unknown`](aseptic_core::trust::Revocation::Unknown), never "not revoked"; what that
    /// means for each purpose says the response matrix ([`aseptic_core::clinical`]).
    #[must_use]
    pub const fn with_lists(self, lists: &'a dyn Lists) -> Self {
        Self { lists: Some(lists), ..self }
    }

    /// The same with the initial-policy-set of RFC 5280 section 6.1.1; an empty one is any policy.
    ///
    /// Where a policy is required, by `explicit` or by policyConstraints of a certificate of the path, one of `initial` must
    /// stand in every certificate of the path but the anchor, or anyPolicy in its place. This is stricter than RFC 5280:
    /// policyConstraints counts from the leaf on, and a path with policyMappings is refused.
    #[must_use]
    pub const fn with_policies(self, initial: &'a [&'a [u8]], explicit: bool) -> Self {
        Self { policies: Required { initial, explicit }, ..self }
    }

    /// The same with a cache of the signatures of authorities: where all of them are known, a chain of any length costs the
    /// verification of its leaf. The verdict is the same with it and without.
    #[must_use]
    pub const fn with_cache<const N: usize>(self, cache: &'a Verified<N>) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Validates as [`PathEngine::validate`] does and says which path was found and, for each thing that is wrong, at which
    /// certificate, in which field, what was wanted and what was found.
    ///
    /// It costs up to twice the signature checks of a verdict alone: for logs, tools and support, not for every handshake.
    pub fn examine<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'c>,
        purpose: Purpose,
        now: Time,
    ) -> Judgement<'c> {
        let found = self.find(suite, chain, grounds, purpose, now);
        let mut findings =
            Findings::of(self.profile, suite, chain, grounds.anchors, purpose, now, found.as_ref().map_err(|e| *e));
        let answers = found.as_ref().map_or(Answers::NONE, |(_, _, answers)| *answers);
        answers.iter().for_each(|answer| findings.revocation(answer, now));
        Judgement {
            path: found.as_ref().ok().map(|(_, path, _)| *path),
            verdict: found.map(|(validated, ..)| validated),
            answers,
            findings,
        }
    }

    /// Hands everything that a device sees wrong in a chain to `take`: what [`PathValidator::examine`] finds by the anchors of
    /// `trust`, what the trust stores refuse themselves, and a leaf that is another one than `name` (of a server its DNS name;
    /// empty where nobody is meant). The reason of a refusal by [`Trust::verify_chain`] is among theirs.
    #[expect(clippy::too_many_arguments, reason = "what a verdict takes, and where to say what is behind it")]
    pub fn explain(
        &self,
        suite: &Suite<'_>,
        trust: &Trust<'_>,
        chain: &[&[u8]],
        purpose: Purpose,
        name: &[u8],
        now: Time,
        take: &mut dyn FnMut(&Finding<'_>),
    ) -> Result<()> {
        trust.with_grounds(suite, self, purpose, chain, |grounds| {
            let judgement = self.examine(suite, chain, grounds, purpose, now);
            judgement.findings.iter().for_each(&mut *take);
            Ok(())
        })?;
        let parsed = chain.iter().enumerate().filter_map(|(at, der)| Some((at, der, Certificate::parse(der).ok()?)));
        for (at, der, certificate) in parsed {
            if trust.denies_certificate(suite, self, der)? {
                take(&Finding::denied(at, certificate.spki));
            }
            if at == 0 && purpose.of_devices() && certificate.device_serial().is_none() {
                take(&Finding::nameless());
            }
            if at == 0 && !name.is_empty() && !is_called(&certificate, purpose, name) {
                let (field, borne) = borne(&certificate, purpose);
                take(&Finding::of_another(field, name, borne));
            }
        }
        Ok(())
    }

    fn find<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        purpose: Purpose,
        now: Time,
    ) -> Result<(ValidatedPath<'c>, Path, Answers)> {
        let (first, intermediates) = chain.split_first().ok_or(Reason::PathUntrusted)?;
        if chain.len() > self.profile.chain.min(CHAIN_MOST) {
            return Err(Reason::PathTooLong);
        }
        let anchors = grounds.anchors;
        if anchors.len() > limits::TRUST_ENTRIES {
            return Err(Reason::TooLarge);
        }
        let (leaf, profile) = (Certificate::parse(first)?, self.profile);
        let usage = Usage::of(purpose, profile);
        let (policies, cache) = (self.policies, self.cache);
        let search = Search { suite, profile, leaf: &leaf, intermediates, anchors, usage, policies, cache };
        let (validity, path) = search.in_time(now)?;
        let name = name_of(&leaf, purpose);
        let key = match leaf.public_key() {
            Ok(key) => Some(key),
            // The rules saw that the suite has it, or that nobody asks.
            Err(Reason::AlgorithmUnsupported) => None,
            Err(reason) => return Err(reason),
        };
        let answers = self.revocation(suite, chain, grounds, &path, now)?;
        Ok((ValidatedPath { key, name, validity, revocation: answers.worst() }, path, answers))
    }

    /// Asks the lists about every link of a path. Apart, so that nothing of it is on the stack while signatures are verified.
    #[inline(never)]
    fn revocation(
        &self,
        suite: &Suite<'_>,
        chain: &[&[u8]],
        grounds: &Grounds<'_>,
        path: &Path,
        now: Time,
    ) -> Result<Answers> {
        let mut answers = Answers::NONE;
        let Some(lists) = self.lists else { return Ok(answers) };
        let mut issuer = grounds.anchors.get(path.anchor()).map(|anchor| anchor.certificate);
        let question = Question { lists, suite, minimums: grounds.minimums, now };
        // From the anchor down, as every issuer is the certificate before.
        for place in path.upwards() {
            let link = chain.get(place).copied();
            answers.push(question.ask(Place::Chain(place), &again(link)?, &again(issuer)?)?)?;
            issuer = link;
        }
        Ok(answers)
    }
}

impl PathEngine for PathValidator<'_> {
    fn licence(&self) -> EngineLicence {
        EngineLicence::this_engine_decides_whom_the_device_believes()
    }

    fn validate<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        purpose: Purpose,
        now: Time,
    ) -> Result<ValidatedPath<'c>> {
        self.find(suite, chain, grounds, purpose, now).map(|(validated, ..)| validated)
    }

    fn check_anchor(&self, anchor: &Anchor<'_>) -> Result<()> {
        constraints::check(anchor)
    }

    fn is_self_signed(&self, suite: &Suite<'_>, certificate: &[u8]) -> bool {
        Certificate::parse(certificate).is_ok_and(|certificate| {
            certificate.is_self_issued() && certificate.verify_signature_by(suite, certificate.spki).is_ok()
        })
    }

    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> Result<&'c [u8]> {
        Certificate::parse(certificate).map(|certificate| certificate.spki)
    }
}

/// How a peer of this purpose is known.
fn name_of<'c>(leaf: &Certificate<'c>, purpose: Purpose) -> &'c [u8] {
    let called = if purpose.of_devices() { None } else { leaf.common_name() };
    leaf.device_serial().or(called).unwrap_or_default()
}

/// The field in which the name of such a peer stands, and what stands there.
fn borne<'c>(leaf: &Certificate<'c>, purpose: Purpose) -> (&'static str, &'c [u8]) {
    match purpose {
        Purpose::Enrolment | Purpose::Network => {
            let names = leaf.extensions.find(oid::SUBJECT_ALT_NAME);
            ("subjectAltName", names.map_or(&[][..], |names| names.value))
        }
        _ => ("subject", name_of(leaf, purpose)),
    }
}

fn is_called(leaf: &Certificate<'_>, purpose: Purpose, name: &[u8]) -> bool {
    match purpose {
        Purpose::Enrolment | Purpose::Network => {
            core::str::from_utf8(name).is_ok_and(|host| server::check_name(leaf.der, purpose, host).is_ok())
        }
        _ => name_of(leaf, purpose) == name,
    }
}

/// What was parsed once is parsed again.
fn again(der: Option<&[u8]>) -> Result<Certificate<'_>> {
    Certificate::parse(der.ok_or(Reason::Internal)?).map_err(|_| Reason::Internal)
}

/// The path engine meant for devices: [`PathValidator::DEVICE`].
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
        PathValidator::DEVICE.licence()
    }

    fn validate<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        purpose: Purpose,
        now: Time,
    ) -> Result<ValidatedPath<'c>> {
        PathValidator::DEVICE.validate(suite, chain, grounds, purpose, now)
    }

    fn check_anchor(&self, anchor: &Anchor<'_>) -> Result<()> {
        PathValidator::DEVICE.check_anchor(anchor)
    }

    fn is_self_signed(&self, suite: &Suite<'_>, certificate: &[u8]) -> bool {
        PathValidator::DEVICE.is_self_signed(suite, certificate)
    }

    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> Result<&'c [u8]> {
        PathValidator::DEVICE.public_key_info(certificate)
    }
}
