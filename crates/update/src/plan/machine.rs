//! The interpreter of command sequences. It changes nothing but itself.

use super::{Component, Device};
use crate::digest::Digest;
use crate::medium;
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{ImageSlot, Images};
use aseptic_core::secret::equal;
use aseptic_core::{Reason, Result, limits};

const VENDOR: i64 = 1;
const CLASS: i64 = 2;
const IMAGE_MATCH: i64 = 3;
const USE_BEFORE: i64 = 4;
const COMPONENT_SLOT: i64 = 5;
const CHECK_CONTENT: i64 = 6;
const SET_COMPONENT_INDEX: i64 = 12;
const ABORT: i64 = 14;
const TRY_EACH: i64 = 15;
const WRITE: i64 = 18;
const OVERRIDE_PARAMETERS: i64 = 20;
const FETCH: i64 = 21;
const COPY: i64 = 22;
const INVOKE: i64 = 23;
const DEVICE: i64 = 24;
const IMAGE_NOT_MATCH: i64 = 25;
const RUN_SEQUENCE: i64 = 32;

const PARAMETER_VENDOR: i64 = 1;
const PARAMETER_CLASS: i64 = 2;
const PARAMETER_DIGEST: i64 = 3;
const PARAMETER_USE_BEFORE: i64 = 4;
const PARAMETER_SLOT: i64 = 5;
const PARAMETER_SIZE: i64 = 14;
const PARAMETER_CONTENT: i64 = 18;
const PARAMETER_ENCRYPTION: i64 = 19;
const PARAMETER_URI: i64 = 21;
const PARAMETER_SOURCE: i64 = 22;
const PARAMETER_ARGUMENTS: i64 = 23;
const PARAMETER_DEVICE: i64 = 24;

/// The highest reporting policy: four bits.
const POLICY: u64 = 15;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Shared,
    PayloadFetch,
    CandidateVerification,
    Install,
    Validate,
    Load,
    Invoke,
}

impl Section {
    /// Whether the profile has `command` here; `trying` inside a branch of try-each.
    const fn allows(self, command: i64, trying: bool) -> bool {
        match command {
            SET_COMPONENT_INDEX | OVERRIDE_PARAMETERS | RUN_SEQUENCE => true,
            VENDOR | CLASS | DEVICE | COMPONENT_SLOT | CHECK_CONTENT | IMAGE_NOT_MATCH | ABORT | TRY_EACH => {
                !matches!(self, Self::Invoke)
            }
            USE_BEFORE => !trying && matches!(self, Self::Shared),
            IMAGE_MATCH => !matches!(self, Self::Shared | Self::Invoke),
            FETCH => matches!(self, Self::PayloadFetch | Self::Install),
            WRITE | COPY => matches!(self, Self::Install),
            INVOKE => matches!(self, Self::Invoke),
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Parameters<'a> {
    vendor: Option<&'a [u8; 16]>,
    class: Option<&'a [u8; 16]>,
    device: Option<&'a [u8; 16]>,
    /// An encoded SUIT_Digest that has been read once.
    digest: Option<&'a [u8]>,
    use_before: Option<u64>,
    slot: Option<u64>,
    size: Option<u64>,
    content: Option<&'a [u8]>,
    encryption: Option<&'a [u8]>,
    uri: Option<&'a str>,
    source: Option<usize>,
    arguments: Option<&'a [u8]>,
}

/// Digest and size that an image match asks for.
pub(super) type Wanted<'a> = (&'a [u8], u64);

/// What a directive brings into a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written<'a> {
    /// What is at the URI; the size that was asked for, if one was.
    Fetched(&'a str, Option<u64>),
    /// Bytes in the manifest, perhaps encrypted.
    Content(&'a [u8], Option<&'a [u8]>),
    /// Another component of the manifest, perhaps encrypted.
    Copied(usize, Option<&'a [u8]>),
}

/// One component of the manifest.
#[derive(Clone, Copy, Default)]
pub(super) struct State<'a, 'd> {
    /// As the device has it; none if it has not.
    pub(super) place: Option<&'d Component<'d>>,
    parameters: Parameters<'a>,
    /// What shared left.
    initial: Parameters<'a>,
    /// Written in this sequence: what it was written from is settled.
    settled: bool,
    pub(super) written: Option<Written<'a>>,
    pub(super) matched: Option<Wanted<'a>>,
    pub(super) validated: bool,
}

/// What a plan is made in view of.
pub(super) struct World<'d> {
    pub(super) device: &'d Device<'d>,
    pub(super) suite: &'d Suite<'d>,
    /// Where the image would go.
    pub(super) slot: ImageSlot,
}

#[derive(Clone)]
pub(super) struct Machine<'a, 'd> {
    world: &'d World<'d>,
    pub(super) components: [State<'a, 'd>; limits::COMPONENTS],
    count: usize,
    /// One bit for each component that the next command is for.
    selected: u8,
    /// Commands that may still be taken.
    pub(super) budget: u32,
    readings: u32,
    pub(super) vendor_checked: bool,
    pub(super) class_checked: bool,
    /// What freshness is judged by; no refusal yet, as that is a matter of the source.
    pub(super) use_before: Option<u64>,
    invoked: bool,
    pub(super) arguments: Option<&'a [u8]>,
}

const _: () = assert!(limits::COMPONENTS <= 8, "one bit each");

/// How a sequence is walked.
#[derive(Clone, Copy)]
struct Walk {
    section: Section,
    depth: u8,
    trying: bool,
    /// False where it does not run: it is read all the same, so that no command escapes the profile.
    live: bool,
}

impl<'a, 'd> Machine<'a, 'd> {
    /// For the components of a manifest, as the device knows them.
    pub(super) fn new(
        world: &'d World<'d>,
        components: impl Iterator<Item = Result<Option<&'d Component<'d>>>>,
    ) -> Result<Self> {
        let mut machine = Self {
            world,
            components: [State::default(); limits::COMPONENTS],
            count: 0,
            selected: 1,
            budget: limits::COMMANDS,
            readings: limits::COMPONENT_READINGS,
            vendor_checked: false,
            class_checked: false,
            use_before: None,
            invoked: false,
            arguments: None,
        };
        for place in components {
            machine.components.get_mut(machine.count).ok_or(Reason::TooLarge)?.place = place?;
            machine.count = machine.count.saturating_add(1);
        }
        Ok(machine)
    }

    /// Walks one sequence to its end, from the parameters that shared left.
    pub(super) fn section(&mut self, section: Section, sequence: &'a [u8]) -> Result<()> {
        self.selected = 1;
        for state in &mut self.components {
            state.parameters = state.initial;
            state.settled = false;
        }
        let walk = Walk { section, depth: limits::COMMAND_NESTING, trying: false, live: true };
        if let Some(reason) = self.run(walk, sequence)? {
            return Err(reason);
        }
        if section == Section::Shared {
            for state in &mut self.components {
                state.initial = state.parameters;
            }
        }
        Ok(())
    }

    /// The answer is the first condition that does not hold; an error is what no try-each forgives.
    fn run(&mut self, walk: Walk, sequence: &'a [u8]) -> Result<Option<Reason>> {
        let depth = walk.depth.checked_sub(1).ok_or(Reason::TooLarge)?;
        let mut walk = Walk { depth, ..walk };
        let mut reader = Reader::new(sequence, Rules::Deterministic);
        let items = reader.array()?;
        if items % 2 != 0 {
            return Err(Reason::CborMalformed);
        }
        let mut failure = None;
        for _ in 0..items / 2 {
            let command = reader.int()?;
            if !walk.section.allows(command, walk.trying) {
                return Err(Reason::ManifestUnsupported);
            }
            let result = match command {
                SET_COMPONENT_INDEX => self.select(walk, &mut reader).map(|()| None),
                OVERRIDE_PARAMETERS => self.override_parameters(walk, &mut reader).map(|()| None),
                TRY_EACH | RUN_SEQUENCE => self.nested(walk, command, &mut reader),
                _ if reader.uint()? > POLICY => Err(Reason::ManifestUnsupported),
                _ => self.each(walk, &mut |machine, at| machine.simple(walk.section, command, at)),
            }?;
            if walk.live && result.is_some() {
                failure = result;
                walk.live = false;
            }
        }
        reader.end()?;
        Ok(failure)
    }

    /// Runs a command for each selected component, until it fails for one.
    fn each(
        &mut self,
        walk: Walk,
        command: &mut dyn FnMut(&mut Self, usize) -> Result<Option<Reason>>,
    ) -> Result<Option<Reason>> {
        if !walk.live {
            self.spend()?;
            return Ok(None);
        }
        let selected = self.selected;
        for at in (0..self.count).filter(|at| selected & (1 << at) != 0) {
            self.spend()?;
            if let Some(reason) = command(self, at)? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn spend(&mut self) -> Result<()> {
        self.budget = self.budget.checked_sub(1).ok_or(Reason::TooLarge)?;
        Ok(())
    }

    /// Run-sequence and try-each, once for each selected component; the selection is then what it was.
    fn nested(&mut self, walk: Walk, command: i64, reader: &mut Reader<'a>) -> Result<Option<Reason>> {
        let argument = reader.raw()?;
        let selected = self.selected;
        let once = |machine: &mut Self| {
            let mut reader = Reader::new(argument, Rules::Deterministic);
            match command {
                RUN_SEQUENCE => machine.run(walk, reader.bytes()?),
                _ => machine.try_each(walk, &mut reader),
            }
        };
        let result = if walk.live {
            self.each(walk, &mut |machine, at| {
                machine.selected = 1 << at;
                once(machine)
            })
        } else {
            self.spend()?;
            once(self)
        };
        self.selected = selected;
        result
    }

    /// The first branch whose conditions hold counts; the others are walked all the same.
    fn try_each(&mut self, walk: Walk, reader: &mut Reader<'a>) -> Result<Option<Reason>> {
        let branches = reader.array()?;
        if !(2..=limits::COMMAND_BRANCHES).contains(&branches) {
            return Err(Reason::ManifestUnsupported);
        }
        let mut walk = Walk { trying: true, ..walk };
        let mut failure = None;
        for left in (0..branches).rev() {
            if reader.null() {
                if left != 0 {
                    return Err(Reason::CborMalformed);
                }
                failure = None;
                continue;
            }
            let branch = reader.bytes()?;
            if !walk.live {
                self.run(walk, branch)?;
                continue;
            }
            let before = self.clone();
            failure = self.run(walk, branch)?;
            if failure.is_some() {
                // What the branch did is undone, what it cost is not.
                *self = Self { budget: self.budget, readings: self.readings, ..before };
            } else {
                walk.live = false;
            }
        }
        Ok(failure)
    }

    /// The commands whose argument is a reporting policy.
    fn simple(&mut self, section: Section, command: i64, at: usize) -> Result<Option<Reason>> {
        let state = *self.components.get(at).ok_or(Reason::Internal)?;
        let parameters = &state.parameters;
        let device = self.world.device;
        let holds = match command {
            VENDOR => {
                self.vendor_checked = true;
                return Ok(unless(parameters.vendor == Some(&device.vendor), Reason::WrongVendor));
            }
            CLASS => {
                self.class_checked = true;
                return Ok(unless(parameters.class == Some(&device.class), Reason::WrongClass));
            }
            DEVICE => device.id.is_some() && parameters.device == device.id.as_ref(),
            COMPONENT_SLOT => parameters.slot == Some(u64::from(self.world.slot as u8)),
            USE_BEFORE if self.use_before.is_none() => {
                self.use_before = Some(parameters.use_before.ok_or(Reason::ManifestUnsupported)?);
                true
            }
            CHECK_CONTENT => self.content(&state)?,
            IMAGE_NOT_MATCH if state.written.is_none() => self.installed(&state)? == Some(false),
            IMAGE_MATCH if state.written.is_none() && matches!(section, Section::Validate | Section::Load) => {
                return Err(Reason::ManifestUnsupported);
            }
            IMAGE_MATCH if state.written.is_none() => self.installed(&state)? == Some(true),
            IMAGE_MATCH => {
                let wanted = wanted(parameters)?;
                let state = self.components.get_mut(at).ok_or(Reason::Internal)?;
                let first = !matches!(section, Section::Validate | Section::Load) && state.matched.is_none();
                if !first && state.matched != Some(wanted) {
                    return Err(Reason::ManifestUnsupported);
                }
                state.matched = Some(wanted);
                state.validated |= section == Section::Validate;
                true
            }
            FETCH | WRITE | COPY if state.written.is_none() => {
                let written = written(command, parameters)?;
                let state = self.components.get_mut(at).ok_or(Reason::Internal)?;
                (state.written, state.settled) = (Some(written), true);
                true
            }
            INVOKE if !self.invoked => {
                (self.invoked, self.arguments) = (true, parameters.arguments);
                true
            }
            ABORT => false,
            _ => return Err(Reason::ManifestUnsupported),
        };
        Ok(unless(holds, Reason::ConditionFailed))
    }

    /// Whether the running slot holds what image match asks for; none where it cannot be read.
    fn installed(&mut self, state: &State<'a, 'd>) -> Result<Option<bool>> {
        let (digest, size) = wanted(&state.parameters)?;
        let digest = Digest::parse(digest)?;
        let Some((images, slot, start)) = self.reading(state, size)? else { return Ok(None) };
        let engine = self.world.suite.hash(digest.alg())?;
        let mut hash = engine.start()?;
        medium::hash(images, slot, start, size, engine, &mut hash)?;
        Ok(Some(medium::digest(engine, &hash)? == digest))
    }

    /// Whether the component begins with the content.
    fn content(&mut self, state: &State<'a, 'd>) -> Result<bool> {
        let content = state.parameters.content.ok_or(Reason::ManifestUnsupported)?;
        match state.written {
            Some(Written::Content(written, None)) => return Ok(equal(written, content)),
            Some(_) => return Err(Reason::ManifestUnsupported),
            None => {}
        }
        let size = u64::try_from(content.len()).map_err(|_| Reason::Internal)?;
        let Some((images, slot, mut at)) = self.reading(state, size)? else { return Ok(false) };
        let mut same = true;
        for piece in content.chunks(PIECE) {
            let mut found = [0; PIECE];
            let found = found.get_mut(..piece.len()).ok_or(Reason::Internal)?;
            images.read(slot, at, found)?;
            same &= equal(found, piece);
            at = at.saturating_add(u64::try_from(piece.len()).map_err(|_| Reason::Internal)?);
        }
        Ok(same)
    }

    /// Where to read the first `size` bytes of a component as it runs; none if that cannot be.
    fn reading(&mut self, state: &State<'a, 'd>, size: u64) -> Result<Option<(&'d dyn Images, ImageSlot, u64)>> {
        self.readings = self.readings.checked_sub(1).ok_or(Reason::TooLarge)?;
        let place = state.place.ok_or(Reason::ManifestUnsupported)?;
        let Some(images) = self.world.device.images else { return Ok(None) };
        let slot = self.world.slot.other();
        let end = place.offset.checked_add(size);
        let there = size <= place.length && end.is_some_and(|end| images.geometry(slot).is_ok_and(|g| end <= g.size));
        Ok(there.then_some((images, slot, place.offset)))
    }

    /// The index is a number, true for all, or a list.
    fn select(&mut self, walk: Walk, reader: &mut Reader<'_>) -> Result<()> {
        self.spend()?;
        let all = u8::MAX.checked_shr(8_u32.saturating_sub(u32::try_from(self.count).unwrap_or(0))).unwrap_or(0);
        let bit = |reader: &mut Reader<'_>| {
            let index = u32::try_from(reader.uint()?).map_err(|_| Reason::ManifestUnsupported)?;
            1_u8.checked_shl(index).filter(|bit| bit & all != 0).ok_or(Reason::ManifestUnsupported)
        };
        let selected = match reader.peek()? {
            Type::Unsigned => bit(reader)?,
            Type::Simple if reader.bool()? => all,
            Type::Array => {
                let mut selected = 0;
                for _ in 0..reader.array()? {
                    let bit = bit(reader)?;
                    // Once each: the list is a set.
                    if selected & bit != 0 {
                        return Err(Reason::ManifestUnsupported);
                    }
                    selected |= bit;
                }
                selected
            }
            _ => 0,
        };
        if selected == 0 {
            return Err(Reason::ManifestUnsupported);
        }
        if walk.live {
            self.selected = selected;
        }
        Ok(())
    }

    fn override_parameters(&mut self, walk: Walk, reader: &mut Reader<'a>) -> Result<()> {
        let mut given = Parameters::default();
        let mut map = reader.map()?;
        while let Some(key) = map.next(reader)? {
            match key {
                Key::Int(PARAMETER_VENDOR) => given.vendor = Some(reader.array_of()?),
                Key::Int(PARAMETER_CLASS) => given.class = Some(reader.array_of()?),
                Key::Int(PARAMETER_DEVICE) => given.device = Some(reader.array_of()?),
                Key::Int(PARAMETER_DIGEST) => {
                    let digest = reader.bytes()?;
                    Digest::parse(digest)?;
                    given.digest = Some(digest);
                }
                Key::Int(PARAMETER_USE_BEFORE) => given.use_before = Some(reader.uint()?),
                Key::Int(PARAMETER_SLOT) => given.slot = Some(reader.uint()?),
                Key::Int(PARAMETER_SIZE) => given.size = Some(reader.uint()?),
                Key::Int(PARAMETER_CONTENT) => given.content = Some(reader.bytes()?),
                Key::Int(PARAMETER_ENCRYPTION) => given.encryption = Some(reader.bytes()?),
                Key::Int(PARAMETER_URI) => given.uri = Some(bounded(reader.text()?, limits::URI)?),
                Key::Int(PARAMETER_SOURCE) => {
                    let index = usize::try_from(reader.uint()?).ok().filter(|index| *index < self.count);
                    given.source = Some(index.ok_or(Reason::ManifestUnsupported)?);
                }
                Key::Int(PARAMETER_ARGUMENTS) => {
                    let arguments = reader.bytes()?;
                    if arguments.len() > limits::INVOKE_ARGUMENTS {
                        return Err(Reason::TooLarge);
                    }
                    given.arguments = Some(arguments);
                }
                Key::Int(_) | Key::Text(_) => return Err(Reason::ManifestUnsupported),
            }
        }
        self.each(walk, &mut |machine, at| {
            let state = machine.components.get_mut(at).ok_or(Reason::Internal)?;
            if state.settled && given.decides() {
                return Err(Reason::ManifestUnsupported);
            }
            state.parameters.put(&given);
            Ok(None)
        })
        .map(drop)
    }
}

impl Parameters<'_> {
    /// Whether one of them says what is written.
    const fn decides(&self) -> bool {
        self.digest.is_some()
            || self.size.is_some()
            || self.content.is_some()
            || self.encryption.is_some()
            || self.uri.is_some()
            || self.source.is_some()
    }
}

impl<'a> Parameters<'a> {
    fn put(&mut self, given: &Self) {
        fn over<T: Copy>(own: &mut Option<T>, given: Option<T>) {
            *own = given.or(*own);
        }
        over(&mut self.vendor, given.vendor);
        over(&mut self.class, given.class);
        over(&mut self.device, given.device);
        over(&mut self.digest, given.digest);
        over(&mut self.use_before, given.use_before);
        over(&mut self.slot, given.slot);
        over(&mut self.size, given.size);
        over(&mut self.content, given.content);
        over(&mut self.encryption, given.encryption);
        over(&mut self.uri, given.uri);
        over(&mut self.source, given.source);
        over(&mut self.arguments, given.arguments);
    }
}

fn wanted<'a>(parameters: &Parameters<'a>) -> Result<Wanted<'a>> {
    parameters.digest.zip(parameters.size).ok_or(Reason::ManifestUnsupported)
}

/// What the directive writes. Encryption info belongs to write and copy, and one parameter too many is no directive.
fn written<'a>(command: i64, parameters: &Parameters<'a>) -> Result<Written<'a>> {
    match (command, parameters) {
        (FETCH, Parameters { uri: Some(uri), encryption: None, .. }) => Ok(Written::Fetched(uri, parameters.size)),
        (WRITE, Parameters { content: Some(content), encryption, .. }) => Ok(Written::Content(content, *encryption)),
        (COPY, Parameters { source: Some(source), encryption, .. }) => Ok(Written::Copied(*source, *encryption)),
        _ => Err(Reason::ManifestUnsupported),
    }
}

const fn bounded(text: &str, most: usize) -> Result<&str> {
    if text.len() <= most { Ok(text) } else { Err(Reason::TooLarge) }
}

fn unless(holds: bool, reason: Reason) -> Option<Reason> {
    if holds { None } else { Some(reason) }
}

/// Bytes of a component compared at once; on the stack.
const PIECE: usize = 64;
