//! The plan of an update: the whole manifest walked dry, before anything is written.
//!
//! # Profile 1
//!
//! * Manifest version 1, a sequence number not below the floor (at the floor, [`Session::begin`](crate::Session::begin)
//!   takes a repair alone), exactly one component, which the device must have.
//! * The shared sequence sets parameters and checks vendor and class; both checks are obligatory. It may check a date once
//!   (use before); see [`freshness`](crate::freshness) for what comes of it.
//! * Install: one fetch from a URI or from a payload inside the envelope, then image match.
//! * Validate: image match, of the same digest and size. Invoke: at most one invoke; the boot loader's business.
//! * Commands: 1 vendor, 2 class, 3 image match, 4 use before, 5 component slot, 12 set component index (0 or all), 15 try each,
//!   20 override parameters, 21 fetch, 23 invoke, 32 run sequence. Parameters: 1 vendor, 2 class, 3 digest, 4 use before, 5 slot,
//!   14 size, 21 URI. Any other refuses the manifest with [`Reason::ManifestUnsupported`], also where it would not run.
//! * A branch of try-each holds conditions that can be judged now (vendor, class, slot) and parameters, no more; one that
//!   fails leaves no parameter behind.

use crate::digest::Digest;
use crate::downgrade::Downgrade;
use crate::envelope::Authentic;
use crate::freshness::{Freshness, Policy, Source};
use crate::manifest::Manifest;
use crate::policy::Role;
use crate::text::Text;
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{Geometry, ImageSlot, Platform};
use aseptic_core::time::Time;
use aseptic_core::trust::VerifiedPeer;
use aseptic_core::{Reason, Result, limits};

/// What the device says it is.
#[derive(Clone, Copy, Debug)]
pub struct Device<'d> {
    /// The vendor, a UUID.
    pub vendor: [u8; 16],
    /// The class of devices, a UUID.
    pub class: [u8; 16],
    /// The identifier of its one component, in parts.
    pub component: &'d [&'d [u8]],
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
    sequence: u64,
    digest: Digest,
    size: u64,
    uri: &'a str,
    component: &'a [u8],
    payload: Option<&'a [u8]>,
    target: Target,
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
        self.sequence
    }

    /// The digest of the image.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bytes of the image.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where to get the image.
    #[must_use]
    pub const fn uri(&self) -> &'a str {
        self.uri
    }

    /// The image itself, where the envelope carries it. It still goes through [`Session::feed`](crate::Session::feed).
    #[must_use]
    pub const fn payload(&self) -> Option<&'a [u8]> {
        self.payload
    }

    /// The component identifier, an encoded array of byte strings.
    #[must_use]
    pub const fn component(&self) -> &'a [u8] {
        self.component
    }

    /// The slot that the image is for.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
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
        policy.check(source, self.freshness(now), self.role).map(|()| self)
    }

    /// Who signed the manifest.
    #[must_use]
    pub const fn signer(&self) -> &VerifiedPeer {
        &self.signer
    }
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
    if !is_component(manifest.component, device.component)? {
        return Err(Reason::WrongComponent);
    }
    let mut shared = Machine::new(device, target.slot);
    shared.section(Section::Shared, manifest.shared)?;
    if !(shared.vendor_checked && shared.class_checked) {
        return Err(Reason::ManifestUnsupported);
    }
    // Each section starts from what the shared sequence left, with the budget that all of them have in common.
    let mut install = shared.clone();
    install.section(Section::Install, manifest.install)?;
    let (uri, image) = match (install.fetched, install.matched) {
        (Some(uri), Some(image)) => (uri, image),
        _ => return Err(Reason::ManifestUnsupported),
    };
    let mut validate = Machine { budget: install.budget, ..shared.clone() };
    validate.section(Section::Validate, manifest.validate)?;
    if validate.matched != Some(image) {
        return Err(Reason::ManifestUnsupported);
    }
    if let Some(sequence) = manifest.invoke {
        let mut invoke = Machine { budget: validate.budget, ..shared };
        invoke.section(Section::Invoke, sequence)?;
    }
    let (digest, size) = image;
    if size == 0 {
        return Err(Reason::ManifestUnsupported);
    }
    if size > target.geometry.size {
        return Err(Reason::ImageTooLarge);
    }
    let payload = payload(authentic, uri, size)?;
    Ok(Plan {
        identity: *authentic.identity(),
        sequence: manifest.sequence,
        digest,
        size,
        uri,
        component: manifest.component,
        payload,
        target,
        downgrade,
        use_before: shared.use_before,
        role: authentic.role(),
        text: manifest.text.map(Text),
        signer: authentic.signer().clone(),
    })
}

/// The payload of this name inside the envelope. A payload that nothing names is refused: the signature does not cover it.
fn payload<'a>(authentic: &Authentic<'a>, uri: &str, size: u64) -> Result<Option<&'a [u8]>> {
    let mut found = None;
    for (name, payload) in authentic.payloads() {
        if name != uri {
            return Err(Reason::EnvelopeMalformed);
        }
        found = Some(payload);
    }
    match found {
        Some(payload) if u64::try_from(payload.len()) != Ok(size) => Err(Reason::ImageMismatch),
        // A fragment can only be inside.
        None if uri.starts_with('#') => Err(Reason::EnvelopeMalformed),
        found => Ok(found),
    }
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

const VENDOR: i64 = 1;
const CLASS: i64 = 2;
const IMAGE_MATCH: i64 = 3;
const USE_BEFORE: i64 = 4;
const COMPONENT_SLOT: i64 = 5;
const SET_COMPONENT_INDEX: i64 = 12;
const TRY_EACH: i64 = 15;
const OVERRIDE_PARAMETERS: i64 = 20;
const FETCH: i64 = 21;
const INVOKE: i64 = 23;
const RUN_SEQUENCE: i64 = 32;

const PARAMETER_VENDOR: i64 = 1;
const PARAMETER_CLASS: i64 = 2;
const PARAMETER_DIGEST: i64 = 3;
const PARAMETER_USE_BEFORE: i64 = 4;
const PARAMETER_SLOT: i64 = 5;
const PARAMETER_SIZE: i64 = 14;
const PARAMETER_URI: i64 = 21;

/// The highest reporting policy: four bits.
const POLICY: u64 = 15;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Shared,
    Install,
    Validate,
    Invoke,
}

impl Section {
    /// Whether the profile has `command` here; `trying` inside a branch of try-each.
    const fn allows(self, command: i64, trying: bool) -> bool {
        match command {
            SET_COMPONENT_INDEX => true,
            VENDOR | CLASS | COMPONENT_SLOT | TRY_EACH | OVERRIDE_PARAMETERS | RUN_SEQUENCE => {
                !matches!(self, Self::Invoke)
            }
            USE_BEFORE => !trying && matches!(self, Self::Shared),
            IMAGE_MATCH => !trying && matches!(self, Self::Install | Self::Validate),
            FETCH => !trying && matches!(self, Self::Install),
            INVOKE => !trying && matches!(self, Self::Invoke),
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Parameters<'a> {
    vendor: Option<&'a [u8; 16]>,
    class: Option<&'a [u8; 16]>,
    digest: Option<Digest>,
    use_before: Option<u64>,
    slot: Option<u64>,
    size: Option<u64>,
    uri: Option<&'a str>,
}

/// The interpreter. It changes nothing but itself.
#[derive(Clone)]
struct Machine<'a, 'd> {
    device: &'d Device<'d>,
    slot: ImageSlot,
    parameters: Parameters<'a>,
    budget: u32,
    vendor_checked: bool,
    class_checked: bool,
    /// What freshness is judged by; no refusal yet, as that is a matter of the source.
    use_before: Option<u64>,
    fetched: Option<&'a str>,
    matched: Option<(Digest, u64)>,
    invoked: bool,
}

impl<'a, 'd> Machine<'a, 'd> {
    fn new(device: &'d Device<'d>, slot: ImageSlot) -> Self {
        Self {
            device,
            slot,
            parameters: Parameters::default(),
            budget: limits::COMMANDS,
            vendor_checked: false,
            class_checked: false,
            use_before: None,
            fetched: None,
            matched: None,
            invoked: false,
        }
    }

    fn section(&mut self, section: Section, sequence: &'a [u8]) -> Result<()> {
        self.run(section, sequence, limits::COMMAND_NESTING, false)?.map_or(Ok(()), Err)
    }

    /// Walks one sequence to its end. The answer is the first condition that does not hold; an error is what no try-each
    /// forgives. The walk goes on behind a failed condition, so that no command escapes the profile by not running.
    fn run(&mut self, section: Section, sequence: &'a [u8], depth: u8, trying: bool) -> Result<Option<Reason>> {
        let depth = depth.checked_sub(1).ok_or(Reason::TooLarge)?;
        let mut reader = Reader::new(sequence, Rules::Deterministic);
        let items = reader.array()?;
        if items % 2 != 0 {
            return Err(Reason::CborMalformed);
        }
        let mut failure = None;
        for _ in 0..items / 2 {
            self.budget = self.budget.checked_sub(1).ok_or(Reason::TooLarge)?;
            let command = reader.int()?;
            if !section.allows(command, trying) {
                return Err(Reason::ManifestUnsupported);
            }
            let result = match command {
                SET_COMPONENT_INDEX => set_component_index(&mut reader).map(|()| None),
                OVERRIDE_PARAMETERS => self.override_parameters(&mut reader).map(|()| None),
                TRY_EACH => self.try_each(section, &mut reader, depth),
                RUN_SEQUENCE => self.run(section, reader.bytes()?, depth, trying),
                _ => {
                    if reader.uint()? > POLICY {
                        return Err(Reason::ManifestUnsupported);
                    }
                    self.simple(command)
                }
            }?;
            failure = failure.or(result);
        }
        reader.end()?;
        Ok(failure)
    }

    /// The commands whose argument is a reporting policy.
    fn simple(&mut self, command: i64) -> Result<Option<Reason>> {
        let parameters = &self.parameters;
        match command {
            VENDOR => {
                self.vendor_checked = true;
                Ok(unless(parameters.vendor == Some(&self.device.vendor), Reason::WrongVendor))
            }
            CLASS => {
                self.class_checked = true;
                Ok(unless(parameters.class == Some(&self.device.class), Reason::WrongClass))
            }
            USE_BEFORE if self.use_before.is_none() => {
                self.use_before = Some(parameters.use_before.ok_or(Reason::ManifestUnsupported)?);
                Ok(None)
            }
            COMPONENT_SLOT => {
                let slot = u64::from(self.slot as u8);
                Ok(unless(parameters.slot == Some(slot), Reason::ConditionFailed))
            }
            FETCH if self.fetched.is_none() && self.matched.is_none() => {
                self.fetched = Some(parameters.uri.ok_or(Reason::ManifestUnsupported)?);
                Ok(None)
            }
            IMAGE_MATCH => match (parameters.digest, parameters.size) {
                (Some(digest), Some(size)) => {
                    self.matched = Some((digest, size));
                    Ok(None)
                }
                _ => Err(Reason::ManifestUnsupported),
            },
            INVOKE if !self.invoked => {
                self.invoked = true;
                Ok(None)
            }
            _ => Err(Reason::ManifestUnsupported),
        }
    }

    /// The first branch whose conditions hold counts; the others are walked all the same.
    fn try_each(&mut self, section: Section, reader: &mut Reader<'a>, depth: u8) -> Result<Option<Reason>> {
        let branches = reader.array()?;
        if !(2..=limits::COMMAND_BRANCHES).contains(&branches) {
            return Err(Reason::ManifestUnsupported);
        }
        let mut chosen: Option<Self> = None;
        let mut failure = None;
        for left in (0..branches).rev() {
            if reader.null() {
                if left != 0 {
                    return Err(Reason::CborMalformed);
                }
                failure = None;
                continue;
            }
            let mut branch = self.clone();
            let result = branch.run(section, reader.bytes()?, depth, true)?;
            self.budget = branch.budget;
            match result {
                None if chosen.is_none() => chosen = Some(branch),
                None => {}
                Some(reason) => failure = Some(reason),
            }
        }
        match chosen {
            Some(branch) => {
                *self = Self { budget: self.budget, ..branch };
                Ok(None)
            }
            None => Ok(failure),
        }
    }

    fn override_parameters(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        // What has been fetched or matched is settled.
        if self.fetched.is_some() || self.matched.is_some() {
            return Err(Reason::ManifestUnsupported);
        }
        let mut map = reader.map()?;
        while let Some(key) = map.next(reader)? {
            match key {
                Key::Int(PARAMETER_VENDOR) => self.parameters.vendor = Some(reader.array_of()?),
                Key::Int(PARAMETER_CLASS) => self.parameters.class = Some(reader.array_of()?),
                Key::Int(PARAMETER_DIGEST) => self.parameters.digest = Some(Digest::parse(reader.bytes()?)?),
                Key::Int(PARAMETER_USE_BEFORE) => self.parameters.use_before = Some(reader.uint()?),
                Key::Int(PARAMETER_SLOT) => self.parameters.slot = Some(reader.uint()?),
                Key::Int(PARAMETER_SIZE) => self.parameters.size = Some(reader.uint()?),
                Key::Int(PARAMETER_URI) => {
                    let uri = reader.text()?;
                    if uri.len() > limits::URI {
                        return Err(Reason::TooLarge);
                    }
                    self.parameters.uri = Some(uri);
                }
                Key::Int(_) | Key::Text(_) => return Err(Reason::ManifestUnsupported),
            }
        }
        Ok(())
    }
}

/// There is one component, so the only index is 0 and "all" is the same.
fn set_component_index(reader: &mut Reader<'_>) -> Result<()> {
    let first = match reader.peek()? {
        Type::Unsigned => reader.uint()? == 0,
        Type::Simple => reader.bool()?,
        Type::Array => reader.array()? == 1 && reader.uint()? == 0,
        _ => false,
    };
    if first { Ok(()) } else { Err(Reason::ManifestUnsupported) }
}

fn unless(holds: bool, reason: Reason) -> Option<Reason> {
    if holds { None } else { Some(reason) }
}
