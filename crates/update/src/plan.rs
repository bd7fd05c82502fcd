//! The plan of an update: the whole manifest walked dry, before anything is written.
//!
//! The profile is closed: the manual (`update.md`, "Manifests") has it as a table. In short, with a device whose components are
//! regions of a slot:
//!
//! * the shared sequence checks vendor and class, both obligatory, and has no side effect;
//! * payload fetch, candidate verification and install, in this order, write each component of the set once, by fetch, write or
//!   copy, into the slot that does not run, and match its digest;
//! * validate matches the same digests again; load and invoke are the boot loader's business;
//! * whatever is outside refuses the manifest with [`Reason::ManifestUnsupported`], also where it would not run.
//!
//! Conditions about what is installed are judged now, on the slot that runs, and only there. Where the walk cannot read it,
//! they fail.

mod machine;

use crate::digest::Digest;
use crate::downgrade::Downgrade;
use crate::encryption::{Cipher, Encryption, Keys};
use crate::envelope::Authentic;
use crate::freshness::{Freshness, Policy, Source};
use crate::journal::Image;
use crate::manifest::Manifest;
use crate::medium;
use crate::policy::Role;
use crate::text::Text;
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::cose::{Agree, CoseAlg, KdfContext, RecipientKey};
use aseptic_core::crypto::{HashAlg, Suite};
use aseptic_core::platform::{Geometry, ImageSlot, Images, Platform};
use aseptic_core::time::Time;
use aseptic_core::trust::VerifiedPeer;
use aseptic_core::{Reason, Result, limits};
use core::fmt;
use machine::{Machine, Section, World, Written};

/// What the device says it is.
#[derive(Clone, Copy)]
pub struct Device<'d> {
    /// The vendor, a UUID.
    pub vendor: [u8; 16],
    /// The class of devices, a UUID.
    pub class: [u8; 16],
    /// The device itself, a UUID, if it has one; for manifests that are for one device.
    pub id: Option<[u8; 16]>,
    /// Its components, at most [`limits::COMPONENTS`].
    pub components: &'d [Component<'d>],
    /// Its slots, for conditions about what is installed; without them such conditions fail.
    pub images: Option<&'d dyn Images>,
}

impl<'d> Device<'d> {
    /// A device without an identifier of its own, whose slots manifests cannot ask about.
    #[must_use]
    pub const fn new(vendor: [u8; 16], class: [u8; 16], components: &'d [Component<'d>]) -> Self {
        Self { vendor, class, id: None, components, images: None }
    }
}

impl fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({:02x?} {:02x?} {:?})", self.vendor, self.class, self.components)
    }
}

/// A component of the device: a region of either slot. All regions of a slot boot, and are updated, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'d> {
    /// Its identifier, in parts.
    pub id: &'d [&'d [u8]],
    /// Where it begins in the slot: 0, or a multiple of the erase unit.
    pub offset: u64,
    /// Bytes that it may take; regions do not overlap.
    pub length: u64,
}

impl<'d> Component<'d> {
    /// The only component, which has the slot for itself.
    #[must_use]
    pub const fn whole(id: &'d [&'d [u8]]) -> Self {
        Self { id, offset: 0, length: u64::MAX }
    }
}

/// One component as it is to be.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The component identifier, an encoded array of byte strings.
    pub id: &'a [u8],
    /// Where it begins in the slot.
    pub offset: u64,
    digest: (HashAlg, &'a [u8]),
    /// How many bytes.
    pub size: u64,
    /// Where to get the payload, if it is to be fetched.
    pub uri: Option<&'a str>,
    /// The payload itself, where the envelope or the manifest carries it. It still goes through
    /// [`Session::feed`](crate::Session::feed).
    pub payload: Option<&'a [u8]>,
    /// Where it is copied from in the running slot, if it is.
    pub copied: Option<u64>,
    pub(crate) encryption: Option<&'a [u8]>,
}

impl Part<'_> {
    /// The digest of its bytes in the slot.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::again(self.digest.0, self.digest.1)
    }

    /// Whether the payload is encrypted.
    #[must_use]
    pub const fn encrypted(&self) -> bool {
        self.encryption.is_some()
    }
}

/// Where an image would go: the slot that is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which slot.
    pub slot: ImageSlot,
    /// Its shape.
    pub geometry: Geometry,
}

impl Target {
    /// The slot that is not running, with its shape.
    pub fn of(platform: &Platform<'_>) -> Result<Self> {
        let slot = platform.images.running()?.other();
        Ok(Self { slot, geometry: platform.images.geometry(slot)? })
    }
}

/// What is to be installed, and nothing left to ask. It can only come from an authentic manifest.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    identity: [u8; 32],
    image: Image,
    geometry: Geometry,
    parts: [Option<Part<'a>>; limits::COMPONENTS],
    keys: Keys<'a>,
    arguments: Option<&'a [u8]>,
    commands: u32,
    downgrade: Option<u64>,
    use_before: Option<u64>,
    role: Role,
    text: Option<Text<'a>>,
    signer: VerifiedPeer,
}

impl<'a> Plan<'a> {
    /// The name of the update: SHA-256 of its manifest.
    #[must_use]
    pub const fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// The manifest's sequence number: the floor once the image is confirmed.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.image.sequence
    }

    /// The components, in the order in which they lie in the slot and are brought; at least one.
    pub fn parts(&self) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().flatten()
    }

    /// The digest of the image. Of a set it is one over the list of its components, and stands for the plan alone.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.image.digest
    }

    /// Bytes of the image, or of all components together.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.image.size
    }

    /// Where to get the first component.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.parts().next().and_then(|part| part.uri).unwrap_or_default()
    }

    /// The payload of the first component, where it came along: see [`Part::payload`].
    #[must_use]
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.parts().next().and_then(|part| part.payload)
    }

    /// The identifier of the first component, an encoded array of byte strings.
    #[must_use]
    pub fn component(&self) -> &'a [u8] {
        self.parts().next().map_or(&[], |part| part.id)
    }

    /// The slot that the image is for.
    #[must_use]
    pub const fn target(&self) -> Target {
        Target { slot: self.image.slot, geometry: self.geometry }
    }

    /// What the manifest hands to the image that it invokes; what that means is the application's.
    #[must_use]
    pub const fn invoke_arguments(&self) -> Option<&'a [u8]> {
        self.arguments
    }

    /// Commands that its walk has taken, of [`limits::COMMANDS`]: one for each component that a command is for.
    #[must_use]
    pub const fn commands(&self) -> u32 {
        self.commands
    }

    /// The plan with the keys that open its encrypted payloads: those for AES key wrap and for ECDH-ES with key wrap; see
    /// [`payload_key`]. Which of them fits is found out when the session begins or goes on.
    #[must_use]
    pub const fn unlock(mut self, keys: &'a [RecipientKey<'a>]) -> Self {
        self.set_keys(keys);
        self
    }

    /// As [`Plan::unlock`], where the plan lies.
    pub const fn set_keys(&mut self, keys: &'a [RecipientKey<'a>]) {
        self.keys = Keys { keys, open: Some(Cipher::unlock) };
    }

    /// The number of the token that lets this device go below its floor, if it is one.
    #[must_use]
    pub const fn downgrade(&self) -> Option<u64> {
        self.downgrade
    }

    /// What it says to people, where that came along.
    #[must_use]
    pub const fn text(&self) -> Option<Text<'a>> {
        self.text
    }

    /// The date before which its author wants it installed (seconds since 1970), if it has one.
    #[must_use]
    pub const fn use_before(&self) -> Option<u64> {
        self.use_before
    }

    /// How recent the manifest is by this time.
    #[must_use]
    pub fn freshness(&self, now: Time) -> Freshness {
        Freshness::of(now, self.use_before)
    }

    /// The plan, if `policy` accepts it from this source at this time: [`Reason::UpdateStale`] or
    /// [`Reason::FreshnessUnknown`] if not.
    pub fn fresh_enough(self, policy: &Policy, source: Source, now: Time) -> Result<Self> {
        self.require_fresh(policy, source, now).map(|()| self)
    }

    /// As [`Plan::fresh_enough`], where the plan lies.
    pub fn require_fresh(&self, policy: &Policy, source: Source, now: Time) -> Result<()> {
        policy.check(source, self.freshness(now), self.role)
    }

    /// Who signed the manifest.
    #[must_use]
    pub const fn signer(&self) -> &VerifiedPeer {
        &self.signer
    }

    pub(crate) const fn image(&self) -> &Image {
        &self.image
    }

    pub(crate) const fn keys(&self) -> &Keys<'a> {
        &self.keys
    }
}

/// A key for ECDH-ES with A128KW, as encrypted payloads use it (draft-ietf-suit-firmware-encryption).
pub fn payload_key<'k>(key: &'k dyn Agree) -> Result<RecipientKey<'k>> {
    let context = KdfContext { supp_pub_other: Some(b"SUIT Payload Encryption"), ..KdfContext::default() };
    Ok(RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, key)?.with_context(context))
}

pub(crate) fn make<'a>(
    authentic: &Authentic<'a>,
    suite: &Suite<'_>,
    device: &Device<'_>,
    floor: u64,
    target: Target,
    token: Option<&Downgrade>,
) -> Result<Plan<'a>> {
    let manifest = Manifest::read(authentic, suite)?;
    let downgrade = match token {
        // At the floor or above no leave is needed, and none is used up.
        Some(token) if manifest.sequence < floor => {
            token.covers(authentic.identity(), manifest.sequence)?;
            Some(token.number())
        }
        _ if manifest.sequence < floor => return Err(Reason::SequenceTooOld),
        _ => None,
    };
    let world = World { authentic, device, suite, slot: target.slot };
    let mut machine = Machine::new(&world);
    for id in manifest.components() {
        machine.add(place(device, id)?)?;
    }
    // Where none of them is ours nothing else is worth saying.
    if (0..limits::COMPONENTS).all(|at| machine.place(at).is_none()) {
        return Err(Reason::WrongComponent);
    }
    machine.section(Section::Shared, manifest.shared)?;
    if !machine.identified() {
        return Err(Reason::ManifestUnsupported);
    }
    let sections = [
        (Section::PayloadFetch, manifest.payload_fetch),
        (Section::CandidateVerification, manifest.candidate_verification),
        (Section::Install, Some(manifest.install)),
        (Section::Validate, Some(manifest.validate)),
        (Section::Load, manifest.load),
        (Section::Invoke, manifest.invoke),
    ];
    for (section, sequence) in sections {
        if let Some(sequence) = sequence {
            machine.section(section, sequence)?;
        }
    }
    let mut parts: Parts<'a> = [None; limits::COMPONENTS];
    fill(&mut parts, authentic, &machine, &manifest, target)?;
    let (digest, size) = name(suite, &parts)?;
    Ok(Plan {
        identity: *authentic.identity(),
        image: Image { slot: target.slot, digest, size, sequence: manifest.sequence },
        geometry: target.geometry,
        parts,
        keys: Keys { keys: &[], open: None },
        arguments: machine.arguments(),
        commands: limits::COMMANDS.saturating_sub(machine.budget),
        downgrade,
        use_before: machine.use_before(),
        role: authentic.role(),
        text: manifest.text.map(Text),
        signer: authentic.signer().clone(),
    })
}

type Parts<'a> = [Option<Part<'a>>; limits::COMPONENTS];

/// The component of the device with this identifier, an encoded array of byte strings.
fn place<'d>(device: &Device<'d>, id: &[u8]) -> Result<Option<&'d Component<'d>>> {
    for component in device.components {
        if is_component(id, component.id)? {
            return Ok(Some(component));
        }
    }
    Ok(None)
}

fn is_component(encoded: &[u8], parts: &[&[u8]]) -> Result<bool> {
    let mut reader = Reader::new(encoded, Rules::Deterministic);
    if reader.array()? != parts.len() {
        return Ok(false);
    }
    for part in parts {
        if reader.bytes()? != *part {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the walk has written, in the order of the slot.
#[inline(never)]
fn fill<'a>(
    parts: &mut Parts<'a>,
    authentic: &Authentic<'a>,
    machine: &Machine<'a, '_>,
    manifest: &Manifest<'a>,
    target: Target,
) -> Result<()> {
    // What the device does not have is on its way to what it has: fetched, and copied once.
    for at in (0..manifest.count).filter(|at| machine.place(*at).is_none()) {
        let copies = |other: &usize| matches!(machine.written(*other), Some(Written::Copied(from, _)) if from == at);
        let fetched = matches!(machine.written(at), Some(Written::Fetched(..)));
        if !fetched || (0..manifest.count).filter(copies).count() != 1 {
            return Err(Reason::WrongComponent);
        }
    }
    // One that is not passed by lies in the region of another.
    let mut passed = 0;
    let mut left = (0..manifest.count)
        .filter(|at| machine.place(*at).is_some() && machine.written(*at).is_some())
        .fold(0_usize, |left, _| left.saturating_add(1));
    if left == 0 {
        return Err(Reason::ManifestUnsupported);
    }
    for (room, _) in parts.iter_mut().zip(0..left) {
        let next = manifest.components().enumerate().filter_map(|(at, id)| {
            machine.written(at)?;
            machine.place(at).filter(|place| place.offset >= passed).map(|place| (place, at, id))
        });
        let Some((place, at, id)) = next.min_by_key(|(place, ..)| place.offset) else { break };
        passed = place.offset.saturating_add(place.length);
        let mut found = part(machine, place, at, id, target)?;
        found.find(authentic)?;
        *room = Some(found);
        left = left.saturating_sub(1);
    }
    if left != 0 {
        return Err(Reason::Misuse);
    }
    // A payload that nothing names is refused: the signature does not cover it. One that a branch names which did not run, such as
    // that for the other slot, is passed over.
    let named = |name: &str| parts.iter().flatten().any(|part| part.uri == Some(name));
    if authentic.payloads().enumerate().any(|(at, (name, _))| !named(name) && !machine.elsewhere(at)) {
        return Err(Reason::EnvelopeMalformed);
    }
    Ok(())
}

/// The component with the number `at` of the manifest, as it is to be.
#[inline(never)]
fn part<'a>(
    machine: &Machine<'a, '_>,
    place: &Component<'_>,
    at: usize,
    id: &'a [u8],
    target: Target,
) -> Result<Part<'a>> {
    let matched = machine.matched(at).filter(|(_, size)| machine.validated(at) && *size != 0);
    let (digest, size) = matched.ok_or(Reason::ManifestUnsupported)?;
    let end = place.offset.checked_add(size);
    if size > place.length || end.is_none_or(|end| end > target.geometry.size) {
        return Err(Reason::ImageTooLarge);
    }
    let digest = Digest::borrowed(digest)?;
    let (offset, mut uri, mut payload, mut copied, mut encryption) = (place.offset, None, None, None, None);
    match machine.written(at).ok_or(Reason::Internal)? {
        Written::Fetched(from, _) => uri = Some(from),
        Written::Content(content, info) => (payload, encryption) = (Some(content), info),
        Written::Copied(source, info) => match (machine.place(source), machine.written(source)) {
            // As it runs. Where the manifest brings something else there, which of both would be meant?
            (Some(own), brought) if info.is_none() && (brought.is_none() || own.offset == place.offset) => {
                copied = Some(own.offset);
            }
            (None, Some(Written::Fetched(from, fetched))) => {
                let same = |wanted| info.is_none() && machine.matched(at) == Some(wanted);
                let sized = fetched.is_none_or(|fetched| payload_size(size, info) == Ok(fetched));
                if !machine.matched(source).is_none_or(same) || !sized {
                    return Err(Reason::ManifestUnsupported);
                }
                (uri, encryption) = (Some(from), info);
            }
            _ => return Err(Reason::ManifestUnsupported),
        },
    }
    Ok(Part { id, offset, digest, size, uri, payload, copied, encryption })
}

/// Bytes of the payload: as many as of the component, and the tag of an encrypted one.
fn payload_size(size: u64, encryption: Option<&[u8]>) -> Result<u64> {
    let tail = match encryption {
        Some(info) => Encryption::read(info)?.1.tail,
        None => 0,
    };
    size.checked_add(tail.into()).ok_or(Reason::TooLarge)
}

impl<'a> Part<'a> {
    /// Looks for the payload in the envelope, and that it is as long as it has to be.
    fn find(&mut self, authentic: &Authentic<'a>) -> Result<()> {
        let size = payload_size(self.size, self.encryption)?;
        if let Some(uri) = self.uri {
            self.payload = authentic.payloads().find(|(name, _)| *name == uri).map(|(_, payload)| payload);
        }
        match self.payload {
            Some(payload) if u64::try_from(payload.len()) != Ok(size) => Err(Reason::ImageMismatch),
            // A fragment can only be inside.
            None if self.uri.is_some_and(|uri| uri.starts_with('#')) => Err(Reason::EnvelopeMalformed),
            _ => Ok(()),
        }
    }
}

/// Digest and size that stand for the parts: those of the image where it is one from the beginning of the slot.
#[inline(never)]
fn name(suite: &Suite<'_>, parts: &Parts<'_>) -> Result<(Digest, u64)> {
    let [Some(first), second, ..] = parts else { return Err(Reason::Internal) };
    if second.is_none() && first.offset == 0 {
        return Ok((first.digest(), first.size));
    }
    let hash = suite.hash(HashAlg::Sha256)?;
    let (mut state, mut total) = (hash.start()?, 0_u64);
    for part in parts.iter().flatten() {
        // The digest of a slot has one algorithm, so its parts have it too.
        if part.digest.0 != HashAlg::Sha256 {
            return Err(Reason::AlgorithmUnsupported);
        }
        hash.update(&mut state, &part.offset.to_be_bytes())?;
        hash.update(&mut state, &part.size.to_be_bytes())?;
        hash.update(&mut state, part.digest.1)?;
        total = total.saturating_add(part.size);
    }
    Ok((medium::digest(hash, &state)?, total))
}
