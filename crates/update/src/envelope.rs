//! The SUIT envelope: its frame, and the proof of who made it.
//!
//! Until [`Envelope::authenticate`] has succeeded only the frame is read: where the members lie, not what they say.

use crate::digest::Digest;
use crate::downgrade::Downgrade;
use crate::plan::{self, Device, Plan, Target};
use crate::policy::{Question, Role, Tally};
use crate::statement::Waiver;
use aseptic_core::cbor::{Key, Map, Reader, Rules, Type};
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
    /// All of it. It was read once, and is read again for what is seldom asked for.
    bytes: &'a [u8],
    digest: &'a [u8],
    wrapper: &'a [u8],
    /// Signatures that travelled apart.
    apart: [Option<&'a [u8]>; limits::AUTH_BLOCKS],
    manifest: Wrapped<'a>,
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
    #[inline(never)]
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        frame(bytes).map_err(|reason| match reason {
            Reason::TooLarge | Reason::CborTrailing => reason,
            _ => Reason::EnvelopeMalformed,
        })
    }

    /// Adds a signature that travelled apart: a COSE_Sign1 over [`Envelope::signed_bytes`], such as an owner's approval.
    /// [`Reason::TooLarge`] beyond [`limits::AUTH_BLOCKS`].
    pub fn with_block(mut self, block: &'a [u8]) -> Result<Self> {
        self.add_block(block)?;
        Ok(self)
    }

    /// As [`Envelope::with_block`], where the envelope lies.
    pub fn add_block(&mut self, block: &'a [u8]) -> Result<()> {
        let room = limits::AUTH_BLOCKS.checked_sub(self.blocks().count()).filter(|room| *room != 0);
        room.ok_or(Reason::TooLarge)?;
        *self.apart.iter_mut().find(|place| place.is_none()).ok_or(Reason::TooLarge)? = Some(block);
        Ok(())
    }

    /// Proves that the manifest is whole, and signed by as many keys as `trust` asks for: of the manufacturer, who
    /// authors, and where the owner wants to be asked, of the owner; see [`policy`](crate::policy).
    ///
    /// Blocks by keys that are not known here are passed over: another party may have signed too. One by a known key that
    /// does not verify refuses the envelope. Reasons: [`Reason::ManifestUnsigned`] without any block,
    /// [`Reason::ManifestDigest`] for a changed manifest, [`Reason::SignatureByDevice`] where there are only message
    /// authentication codes, [`Reason::UnknownSigner`], [`Reason::SignatureInvalid`], [`Reason::TrustThreshold`],
    /// [`Reason::ApprovalMissing`].
    #[inline]
    pub fn authenticate(self, trust: &Trust<'_>, suite: &Suite<'_>) -> Result<Authentic<'a>> {
        let proof = self.prove(trust, suite, None)?;
        Ok(Authentic { envelope: self, proof })
    }

    /// As [`Envelope::authenticate`], where the manufacturer has waived the owner's approval.
    /// [`Reason::StatementOther`] if it has waived that of another update.
    #[inline]
    pub fn authenticate_waived(self, trust: &Trust<'_>, suite: &Suite<'_>, waiver: &Waiver) -> Result<Authentic<'a>> {
        let proof = self.prove(trust, suite, Some(waiver))?;
        Ok(Authentic { envelope: self, proof })
    }

    #[inline(never)]
    fn prove(&self, trust: &Trust<'_>, suite: &Suite<'_>, waiver: Option<&Waiver>) -> Result<Proof> {
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
        let mut tally = Tally::new();
        self.count(trust, suite, &mut tally)?;
        let role = tally.author(trust, &[Role::Release, Role::SecurityPatch])?;
        let identity = suite.sha256(&[self.manifest.item])?;
        match waiver {
            Some(waiver) => waiver.covers(&identity)?,
            None => tally.approved(trust, role.purpose())?,
        }
        Ok(Proof { signer: tally.signer()?, role, identity })
    }

    /// Which known keys have signed what the envelope says is the digest of its manifest: for people who look for what is
    /// missing. [`Reason::SignatureInvalid`] and the like if a block by a known key does not verify.
    pub fn tally(&self, trust: &Trust<'_>, suite: &Suite<'_>) -> Result<Tally> {
        let mut tally = Tally::new();
        self.count(trust, suite, &mut tally)?;
        Ok(tally)
    }

    fn count(&self, trust: &Trust<'_>, suite: &Suite<'_>, tally: &mut Tally) -> Result<()> {
        let question = Question { trust, suite, roles: &ROLES, aad: &[], payload: self.digest };
        self.blocks().try_for_each(|block| tally.take(&question, block))
    }

    /// The authentication blocks as received.
    pub fn blocks(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.wrapper, Rules::Received);
        let count = reader.array().unwrap_or(0);
        // The first is the digest.
        let inside = (0..count).map_while(move |_| reader.bytes().ok()).skip(1);
        inside.chain(self.apart.iter().flatten().copied())
    }

    /// The keys of the map, each with what it stands for.
    fn entries(&self) -> Entries<'a> {
        let mut reader = Reader::new(self.bytes, Rules::Received);
        let map = reader.tag().and_then(|_| reader.map()).ok();
        Entries { reader, map }
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
    proof: Proof,
}

/// What the signatures of an envelope prove.
#[derive(Clone, Debug)]
struct Proof {
    signer: VerifiedPeer,
    role: Role,
    identity: [u8; 32],
}

impl<'a> Authentic<'a> {
    /// Who signed it: the first of the manufacturer's keys.
    #[must_use]
    pub const fn signer(&self) -> &VerifiedPeer {
        &self.proof.signer
    }

    /// In which role the manufacturer vouches for it.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.proof.role
    }

    /// The encoded manifest map.
    #[must_use]
    pub const fn manifest(&self) -> &'a [u8] {
        self.envelope.manifest.content
    }

    /// All of the envelope, in which the manifest and its severed members lie.
    pub(crate) const fn envelope(&self) -> &'a [u8] {
        self.envelope.bytes
    }

    /// SHA-256 of the manifest with the head of its byte string: the name of this update in the journal.
    #[must_use]
    pub const fn identity(&self) -> &[u8; 32] {
        &self.proof.identity
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
        self.envelope.entries().find_map(|(own, member)| (own == Key::Int(key)).then_some(member))
    }

    /// The keys of the severed members that the envelope has.
    pub(crate) fn members(&self) -> impl Iterator<Item = i64> {
        self.envelope.entries().filter_map(|(key, _)| match key {
            Key::Int(key) if SEVERABLE.contains(&key) => Some(key),
            _ => None,
        })
    }

    pub(crate) fn payloads(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.envelope.entries().filter_map(|(key, payload)| match key {
            Key::Text(uri) => Some((uri, payload.content)),
            Key::Int(_) => None,
        })
    }
}

/// The map of an envelope that was read before.
struct Entries<'a> {
    reader: Reader<'a>,
    map: Option<Map>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Key<'a>, Wrapped<'a>);

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        let key = self.map.as_mut()?.next(&mut self.reader).ok()??;
        Some((key, Wrapped::read(&mut self.reader).ok()?))
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
    let mut payloads = 0_usize;
    while let Some(key) = map.next(&mut reader)? {
        match key {
            Key::Int(WRAPPER) => wrapper = Some(reader.bytes()?),
            // What authenticates comes first, so that a streaming reader never holds what it cannot judge.
            Key::Int(MANIFEST) if wrapper.is_some() => manifest = Some(Wrapped::read(&mut reader)?),
            Key::Int(key) if SEVERABLE.contains(&key) => {
                Wrapped::read(&mut reader)?;
            }
            Key::Int(_) => return Err(Reason::EnvelopeMalformed),
            Key::Text(_) if payloads == limits::PAYLOADS => return Err(Reason::TooLarge),
            Key::Text(_) => {
                payloads = payloads.saturating_add(1);
                reader.bytes()?;
            }
        }
    }
    reader.end()?;
    let manifest: Wrapped<'_> = manifest.ok_or(Reason::EnvelopeMalformed)?;
    if manifest.content.len() > limits::MANIFEST {
        return Err(Reason::TooLarge);
    }
    let wrapper = wrapper.ok_or(Reason::EnvelopeMalformed)?;
    let mut reader = Reader::new(wrapper, Rules::Received);
    let count = reader.array()?.checked_sub(1).ok_or(Reason::EnvelopeMalformed)?;
    let digest = reader.bytes()?;
    if count > limits::AUTH_BLOCKS {
        return Err(Reason::TooLarge);
    }
    for _ in 0..count {
        reader.bytes()?;
    }
    // Bytes behind the array stand inside a byte string that ended too late; that is a wrong frame, not a trailer.
    reader.end().map_err(|_| Reason::EnvelopeMalformed)?;
    Ok(Envelope { bytes, digest, wrapper, apart: [None; limits::AUTH_BLOCKS], manifest })
}
