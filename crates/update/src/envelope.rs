//! The SUIT envelope: its frame, and the proof of who made it.
//!
//! Until [`Envelope::authenticate`] has succeeded only the frame is read: where the members lie, not what they say.

use crate::digest::Digest;
use crate::downgrade::Downgrade;
use crate::plan::{self, Device, Plan, Target};
use crate::policy::{Role, Tally};
use crate::statement::Waiver;
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::crypto::Suite;
use aseptic_core::trust::{Purpose, Trust, VerifiedPeer};
use aseptic_core::{Reason, Result, limits};

/// CBOR tag of an envelope.
const TAG: u64 = 107;

/// Who signs envelopes; the first that a key has is what it counts for.
const ROLES: [Purpose; 3] = [Purpose::UpdateInstall, Purpose::SecurityPatch, Purpose::UpdateApprove];

const WRAPPER: i64 = 2;
const MANIFEST: i64 = 3;
/// Members that may travel beside the manifest, which then holds their digest.
const SEVERABLE: [i64; 6] = [14, 15, 16, 18, 20, 23];

/// An envelope as received. Nothing in it is proven; it answers no question about its content.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    digest: &'a [u8],
    blocks: [Option<&'a [u8]>; limits::AUTH_BLOCKS],
    manifest: Wrapped<'a>,
    members: [Option<Wrapped<'a>>; SEVERABLE.len()],
    payloads: [Option<(&'a str, &'a [u8])>; limits::PAYLOADS],
}

/// A byte string with its head, which counts for digests, and without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrapped<'a> {
    pub(crate) item: &'a [u8],
    pub(crate) content: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads the frame of an envelope that fills `bytes`.
    ///
    /// [`Reason::EnvelopeMalformed`] unless it is tag 107 around a map with the authentication wrapper (key 2) before the
    /// manifest (key 3), and besides these severable members and integrated payloads alone; [`Reason::TooLarge`] beyond
    /// [`limits::MANIFEST`], [`limits::AUTH_BLOCKS`] or [`limits::PAYLOADS`]; [`Reason::CborTrailing`] for bytes behind it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        frame(bytes).map_err(|reason| match reason {
            Reason::TooLarge | Reason::CborTrailing => reason,
            _ => Reason::EnvelopeMalformed,
        })
    }

    /// Adds a signature that travelled apart: a COSE_Sign1 over [`Envelope::signed_bytes`], such as an owner's approval.
    /// [`Reason::TooLarge`] beyond [`limits::AUTH_BLOCKS`].
    pub fn with_block(mut self, block: &'a [u8]) -> Result<Self> {
        *self.blocks.iter_mut().find(|place| place.is_none()).ok_or(Reason::TooLarge)? = Some(block);
        Ok(self)
    }

    /// Proves that the manifest is whole, and signed by as many keys as `trust` asks for: of the manufacturer, who
    /// authors, and where the owner wants to be asked, of the owner; see [`policy`](crate::policy).
    ///
    /// Blocks by keys that are not known here are passed over: another party may have signed too. One by a known key that
    /// does not verify refuses the envelope. Reasons: [`Reason::ManifestUnsigned`] without any block,
    /// [`Reason::ManifestDigest`] for a changed manifest, [`Reason::SignatureByDevice`] where there are only message
    /// authentication codes, [`Reason::UnknownSigner`], [`Reason::SignatureInvalid`], [`Reason::TrustThreshold`],
    /// [`Reason::ApprovalMissing`].
    pub fn authenticate(self, trust: &Trust<'_>, suite: &Suite<'_>) -> Result<Authentic<'a>> {
        self.judge(trust, suite, None)
    }

    /// As [`Envelope::authenticate`], where the manufacturer has waived the owner's approval.
    /// [`Reason::StatementOther`] if it has waived that of another update.
    pub fn authenticate_waived(self, trust: &Trust<'_>, suite: &Suite<'_>, waiver: &Waiver) -> Result<Authentic<'a>> {
        self.judge(trust, suite, Some(waiver))
    }

    fn judge(self, trust: &Trust<'_>, suite: &Suite<'_>, waiver: Option<&Waiver>) -> Result<Authentic<'a>> {
        if self.blocks().next().is_none() {
            return Err(Reason::ManifestUnsigned);
        }
        let digest = Digest::parse(self.digest).map_err(|reason| match reason {
            Reason::AlgorithmUnsupported => reason,
            _ => Reason::EnvelopeMalformed,
        })?;
        if !self.manifest.matches(suite, &digest)? {
            return Err(Reason::ManifestDigest);
        }
        let tally = self.tally(trust, suite)?;
        let (role, signer) = tally.author(trust, &[Role::Release, Role::SecurityPatch])?;
        let (signer, identity) = (signer.clone(), suite.sha256(&[self.manifest.item])?);
        match waiver {
            Some(waiver) => waiver.covers(&identity)?,
            None => tally.approved(trust, role.purpose())?,
        }
        Ok(Authentic { envelope: self, signer, role, identity })
    }

    /// Which known keys have signed what the envelope says is the digest of its manifest: for people who look for what is
    /// missing. [`Reason::SignatureInvalid`] and the like if a block by a known key does not verify.
    pub fn tally(&self, trust: &Trust<'_>, suite: &Suite<'_>) -> Result<Tally> {
        Tally::of(trust, suite, &ROLES, self.blocks(), &[], self.digest)
    }

    /// The authentication blocks as received.
    pub fn blocks(&self) -> impl Iterator<Item = &'a [u8]> {
        self.blocks.iter().flatten().copied()
    }

    /// The encoded SUIT_Digest as received: the detached payload of every authentication block.
    #[must_use]
    pub const fn signed_bytes(&self) -> &'a [u8] {
        self.digest
    }
}

/// An envelope whose manifest is whole and signed by a trusted author.
#[derive(Clone, Debug)]
pub struct Authentic<'a> {
    envelope: Envelope<'a>,
    signer: VerifiedPeer,
    role: Role,
    identity: [u8; 32],
}

impl<'a> Authentic<'a> {
    /// Who signed it: the first of the manufacturer's keys.
    #[must_use]
    pub const fn signer(&self) -> &VerifiedPeer {
        &self.signer
    }

    /// In which role the manufacturer vouches for it.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The encoded manifest map.
    #[must_use]
    pub const fn manifest(&self) -> &'a [u8] {
        self.envelope.manifest.content
    }

    /// SHA-256 of the manifest with the head of its byte string: the name of this update in the journal.
    #[must_use]
    pub const fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Walks the whole manifest without any side effect and says what is to be installed; see [`plan`](crate::plan).
    ///
    /// `floor` is [`boot::floor`](crate::boot::floor), `target` the slot that is not running.
    pub fn plan(&self, suite: &Suite<'_>, device: &Device<'_>, floor: u64, target: Target) -> Result<Plan<'a>> {
        plan::make(self, suite, device, floor, target, None)
    }

    /// As [`Authentic::plan`] for an update below the floor, which a token lets this device go back to.
    /// [`Reason::StatementOther`] if the token is for another one.
    pub fn plan_downgrade(
        &self,
        suite: &Suite<'_>,
        device: &Device<'_>,
        floor: u64,
        target: Target,
        token: &Downgrade,
    ) -> Result<Plan<'a>> {
        plan::make(self, suite, device, floor, target, Some(token))
    }

    /// The severed member under `key`, if the envelope has it, proven against the `digest` of the manifest.
    pub(crate) fn severed(&self, suite: &Suite<'_>, key: i64, digest: &Digest) -> Result<Option<&'a [u8]>> {
        match self.member(key) {
            Some(member) if member.matches(suite, digest)? => Ok(Some(member.content)),
            Some(_) => Err(Reason::ManifestDigest),
            None => Ok(None),
        }
    }

    pub(crate) fn member(&self, key: i64) -> Option<Wrapped<'a>> {
        let mut members = SEVERABLE.iter().zip(&self.envelope.members);
        members.find_map(|(severable, member)| if *severable == key { *member } else { None })
    }

    /// The keys of the severed members that the envelope has.
    pub(crate) fn members(&self) -> impl Iterator<Item = i64> {
        SEVERABLE.iter().zip(&self.envelope.members).filter_map(|(key, member)| member.map(|_| *key))
    }

    pub(crate) fn payloads(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.envelope.payloads.iter().flatten().copied()
    }
}

impl<'a> Wrapped<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        if reader.peek()? != Type::Bytes {
            return Err(Reason::CborMalformed);
        }
        let item = reader.raw()?;
        Ok(Self { item, content: Reader::new(item, Rules::Received).bytes()? })
    }

    fn matches(&self, suite: &Suite<'_>, digest: &Digest) -> Result<bool> {
        Ok(Digest::of(suite, digest.alg(), &[self.item])? == *digest)
    }
}

fn frame(bytes: &[u8]) -> Result<Envelope<'_>> {
    let mut reader = Reader::new(bytes, Rules::Received);
    if reader.tag()? != TAG {
        return Err(Reason::EnvelopeMalformed);
    }
    let mut map = reader.map()?;
    let mut wrapper = None;
    let mut manifest = None;
    let mut members = [None; SEVERABLE.len()];
    let mut payloads = [None; limits::PAYLOADS];
    while let Some(key) = map.next(&mut reader)? {
        match key {
            Key::Int(WRAPPER) => wrapper = Some(reader.bytes()?),
            // What authenticates comes first, so that a streaming reader never holds what it cannot judge.
            Key::Int(MANIFEST) if wrapper.is_some() => manifest = Some(Wrapped::read(&mut reader)?),
            Key::Int(key) => {
                let place = SEVERABLE.iter().position(|severable| *severable == key);
                let place = place.and_then(|at| members.get_mut(at)).ok_or(Reason::EnvelopeMalformed)?;
                *place = Some(Wrapped::read(&mut reader)?);
            }
            Key::Text(uri) => {
                let place = payloads.iter_mut().find(|place| place.is_none()).ok_or(Reason::TooLarge)?;
                *place = Some((uri, reader.bytes()?));
            }
        }
    }
    reader.end()?;
    let manifest: Wrapped<'_> = manifest.ok_or(Reason::EnvelopeMalformed)?;
    if manifest.content.len() > limits::MANIFEST {
        return Err(Reason::TooLarge);
    }
    let mut reader = Reader::new(wrapper.ok_or(Reason::EnvelopeMalformed)?, Rules::Received);
    let count = reader.array()?.checked_sub(1).ok_or(Reason::EnvelopeMalformed)?;
    let digest = reader.bytes()?;
    let mut blocks = [None; limits::AUTH_BLOCKS];
    for block in blocks.get_mut(..count).ok_or(Reason::TooLarge)? {
        *block = Some(reader.bytes()?);
    }
    // Bytes behind the array stand inside a byte string that ended too late; that is a wrong frame, not a trailer.
    reader.end().map_err(|_| Reason::EnvelopeMalformed)?;
    Ok(Envelope { digest, blocks, manifest, members, payloads })
}
