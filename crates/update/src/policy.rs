//! Who must have signed before software is installed.
//!
//! | role | keys | how many |
//! | --- | --- | --- |
//! | author of releases | manufacturer, [`Purpose::UpdateInstall`] | its store's quorum for that purpose, at least one |
//! | author of security patches | manufacturer, [`Purpose::SecurityPatch`] | its quorum for that purpose, at least one |
//! | approver | owner, [`Purpose::UpdateApprove`] | the owner's quorum for the purpose of the author, none if it has none |
//!
//! * What counts are distinct keys, by thumbprint. One that signed twice, or is pinned under two names, is one.
//! * Where a store wants both families, one classical and one post-quantum signature must verify; signatures of an
//!   algorithm that it has retired do not count ([`Quorum`](aseptic_core::trust::Quorum),
//!   [`Retirement`](aseptic_core::trust::Retirement)).
//! * A key counts in one role, the first of the table that it has: who authors does not approve as well.
//! * An approver never authors: approvals alone are signatures of nobody.
//! * Every block is a COSE_Sign1 over the same bytes, so signatures are collected by passing a file.

use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{KeyAlg, Suite};
use aseptic_core::trust::{Authority, Purpose, Trust, VerifiedPeer};
use aseptic_core::{Reason, Result, limits};

/// In which role the manufacturer vouches for an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A release.
    Release,
    /// A security patch, by keys that may author nothing else.
    SecurityPatch,
}

impl Role {
    /// What the keys of this role are pinned for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Release => Purpose::UpdateInstall,
            Self::SecurityPatch => Purpose::SecurityPatch,
        }
    }
}

/// Whose keys have signed, each counted once and in one role. It decides nothing: [`Envelope::authenticate`] does.
///
/// [`Envelope::authenticate`]: crate::Envelope::authenticate
#[derive(Debug)]
pub struct Tally {
    keys: [Option<(Purpose, KeyAlg, [u8; 32])>; limits::AUTH_BLOCKS],
    /// The first author, for whom the update is named.
    signer: Option<VerifiedPeer>,
    /// Why nobody counts, if nobody does.
    refusal: Reason,
}

/// What signatures have to be over, and whose count.
pub(crate) struct Question<'q> {
    pub(crate) trust: &'q Trust<'q>,
    pub(crate) suite: &'q Suite<'q>,
    /// A key counts in the first of them that it has.
    pub(crate) roles: &'q [Purpose],
    pub(crate) aad: &'q [u8],
    pub(crate) payload: &'q [u8],
}

impl Tally {
    /// Nobody has signed yet.
    pub(crate) const fn new() -> Self {
        Self { keys: [None; limits::AUTH_BLOCKS], signer: None, refusal: Reason::SignatureByDevice }
    }

    /// Counts one signature.
    ///
    /// A block by a key that is not known is passed over; one by a known key that does not verify is refused.
    #[inline(never)]
    pub(crate) fn take(&mut self, question: &Question<'_>, block: &[u8]) -> Result<()> {
        match Reader::new(block, Rules::Received).tag().map_err(|_| Reason::CoseMalformed)? {
            TAG_SIGN1 => match &signed(question, block) {
                Ok(Some(peer)) => self.count_in(question.suite, peer)?,
                Ok(None) => self.refusal = Reason::UnknownSigner,
                Err(reason) => return Err(*reason),
            },
            TAG_MAC0 | TAG_MAC => {}
            TAG_SIGN => self.refusal = Reason::ManifestUnsupported,
            _ => return Err(Reason::EnvelopeMalformed),
        }
        Ok(())
    }

    /// The distinct keys that have signed in the role, with their thumbprints.
    pub fn keys(&self, purpose: Purpose) -> impl Iterator<Item = (KeyAlg, &[u8; 32])> + Clone {
        let signed = self.keys.iter().flatten().filter(move |(role, ..)| *role == purpose);
        signed.map(|(_, alg, thumbprint)| (*alg, thumbprint))
    }

    /// How many distinct keys have signed in the role.
    pub(crate) fn count(&self, purpose: Purpose) -> usize {
        self.keys(purpose).count()
    }

    /// The first of the manufacturer's keys that have signed.
    pub(crate) fn signer(self) -> Result<VerifiedPeer> {
        self.signer.ok_or(self.refusal)
    }

    /// The role in which enough of the manufacturer's keys have signed.
    ///
    /// [`Reason::TrustThreshold`] if some have and not enough, or as [`Trust::agreed`] says.
    pub(crate) fn author(&self, trust: &Trust<'_>, roles: &[Role]) -> Result<Role> {
        if self.signer.is_none() {
            return Err(self.refusal);
        }
        let mut refusal = Reason::TrustThreshold;
        for role in roles {
            match self.enough(trust, role.purpose()) {
                Ok(()) => return Ok(*role),
                // Of a role in which nobody has signed there is nothing to tell.
                Err(reason) if self.count(role.purpose()) > 0 => refusal = reason,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// As [`Trust::agreed`] says of the manufacturer's keys that have signed in the role.
    pub(crate) fn enough(&self, trust: &Trust<'_>, purpose: Purpose) -> Result<()> {
        match self.count(purpose) {
            0 => Err(self.refusal),
            _ => trust.agreed(Authority::Manufacturer, purpose, self.algs(purpose)),
        }
    }

    /// Why nobody counts, if nobody does.
    pub(crate) const fn refusal(&self) -> Reason {
        self.refusal
    }

    /// [`Reason::ApprovalMissing`] unless the owner has agreed, as far as its store wants to be asked.
    pub(crate) fn approved(&self, trust: &Trust<'_>, purpose: Purpose) -> Result<()> {
        trust.agreed(Authority::Owner, purpose, self.algs(Purpose::UpdateApprove)).map_err(|_| Reason::ApprovalMissing)
    }

    fn algs(&self, purpose: Purpose) -> impl Iterator<Item = KeyAlg> + Clone {
        self.keys(purpose).map(|(alg, _)| alg)
    }

    fn count_in(&mut self, suite: &Suite<'_>, peer: &VerifiedPeer) -> Result<()> {
        let (alg, thumbprint) = (peer.alg().ok_or(Reason::Internal)?, peer.thumbprint(suite)?);
        if self.keys.iter().flatten().any(|(.., counted)| *counted == thumbprint) {
            return Ok(());
        }
        let place = self.keys.iter_mut().find(|place| place.is_none()).ok_or(Reason::TooLarge)?;
        *place = Some((peer.purpose(), alg, thumbprint));
        match peer.purpose() {
            // Whoever only approves is nobody as an author.
            Purpose::UpdateApprove => self.refusal = Reason::UnknownSigner,
            _ if self.signer.is_none() => self.signer = Some(peer.clone()),
            _ => {}
        }
        Ok(())
    }
}

/// The peer that made the signature, in the first of its roles; none if no trusted key claims to have.
#[inline(never)]
fn signed(question: &Question<'_>, block: &[u8]) -> Result<Option<VerifiedPeer>> {
    let Question { trust, suite, roles, aad, payload } = question;
    let message = Sign1::parse(block);
    let message = message.as_ref().map_err(|reason| *reason)?;
    let mut failure = None;
    for purpose in *roles {
        match trust.verify_sign1(suite, *purpose, message, aad, Some(payload)) {
            Ok(peer) => return Ok(Some(peer)),
            Err(Reason::UnknownSigner) => {}
            Err(reason) => failure = Some(reason),
        }
    }
    failure.map_or(Ok(None), Err)
}

const TAG_MAC0: u64 = 17;
const TAG_SIGN1: u64 = 18;
const TAG_MAC: u64 = 97;
const TAG_SIGN: u64 = 98;
