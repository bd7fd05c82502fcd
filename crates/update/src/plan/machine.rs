//! The interpreter of command sequences. It changes nothing but itself.

use super::{Component, Device};
use crate::digest::Digest;
use crate::envelope::Authentic;
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

/// The parameters of the profile.
const PARAMETERS: [i64; 12] = [
    PARAMETER_VENDOR,
    PARAMETER_CLASS,
    PARAMETER_DIGEST,
    PARAMETER_USE_BEFORE,
    PARAMETER_SLOT,
    PARAMETER_SIZE,
    PARAMETER_CONTENT,
    PARAMETER_ENCRYPTION,
    PARAMETER_URI,
    PARAMETER_SOURCE,
    PARAMETER_ARGUMENTS,
    PARAMETER_DEVICE,
];

/// Those that say what is written.
const DECIDING: [i64; 6] =
    [PARAMETER_DIGEST, PARAMETER_SIZE, PARAMETER_CONTENT, PARAMETER_ENCRYPTION, PARAMETER_URI, PARAMETER_SOURCE];

/// Where the value of a parameter lies in the envelope, which begins with another thing: 0 where none is given. A machine holds
/// places instead of values because eight components have a hundred of them, twice, and firmware has a small stack.
type At = u32;

/// The parameters of one component, in the order of [`PARAMETERS`]. Each value was read once when it was given.
#[derive(Clone, Copy)]
struct Parameters([At; PARAMETERS.len()]);

/// Digest and size that an image match asks for; the digest is an encoded SUIT_Digest.
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

#[derive(Clone, Copy)]
enum Directive {
    Fetch,
    Write,
    Copy,
}

/// One component of the manifest.
#[derive(Clone, Copy)]
struct State {
    parameters: Parameters,
    /// Written in this sequence: what it was written from is settled.
    settled: bool,
    /// The directive; what it writes from, how that is encrypted, and its size.
    written: Option<(Directive, [At; 3])>,
    /// Digest and size.
    matched: Option<[At; 2]>,
    validated: bool,
}

/// What a plan is made in view of.
pub(super) struct World<'a, 'd> {
    /// All that was signed lies in its envelope.
    pub(super) authentic: &'d Authentic<'a>,
    pub(super) device: &'d Device<'d>,
    pub(super) suite: &'d Suite<'d>,
    /// Where the image would go.
    pub(super) slot: ImageSlot,
}

pub(super) struct Machine<'a, 'd> {
    world: &'d World<'a, 'd>,
    /// The components as the device has them; none where it has not.
    places: [Option<&'d Component<'d>>; limits::COMPONENTS],
    /// The parameters that shared left.
    initial: [Parameters; limits::COMPONENTS],
    count: usize,
    /// Commands that may still be taken.
    pub(super) budget: u32,
    readings: u32,
    /// One bit for each payload of the envelope that is named in a branch of try-each, whichever runs here.
    elsewhere: u8,
    walked: Walked,
}

/// What a branch of try-each that fails leaves as it was.
#[derive(Clone, Copy)]
struct Walked {
    components: [State; limits::COMPONENTS],
    /// One bit for each component that the next command is for.
    selected: u8,
    vendor_checked: bool,
    class_checked: bool,
    /// The date by which freshness is judged; no refusal yet, as that is a matter of the source.
    use_before: At,
    invoked: bool,
    arguments: At,
}

const _: () = assert!(limits::COMPONENTS <= 8 && limits::PAYLOADS <= 8, "one bit each");

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
    /// For a manifest without components yet.
    pub(super) const fn new(world: &'d World<'a, 'd>) -> Self {
        const STATE: State =
            State { parameters: Parameters::NONE, settled: false, written: None, matched: None, validated: false };
        Self {
            world,
            places: [None; limits::COMPONENTS],
            initial: [Parameters::NONE; limits::COMPONENTS],
            count: 0,
            budget: limits::COMMANDS,
            readings: limits::COMPONENT_READINGS,
            elsewhere: 0,
            walked: Walked {
                components: [STATE; limits::COMPONENTS],
                selected: 1,
                vendor_checked: false,
                class_checked: false,
                use_before: 0,
                invoked: false,
                arguments: 0,
            },
        }
    }

    /// One more component of the manifest, as the device has it.
    pub(super) fn add(&mut self, place: Option<&'d Component<'d>>) -> Result<()> {
        *self.places.get_mut(self.count).ok_or(Reason::TooLarge)? = place;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Walks one sequence to its end, from the parameters that shared left.
    pub(super) fn section(&mut self, section: Section, sequence: &'a [u8]) -> Result<()> {
        self.walked.selected = 1;
        for (state, initial) in self.walked.components.iter_mut().zip(&self.initial) {
            state.parameters.be(initial);
            state.settled = false;
        }
        let walk = Walk { section, depth: limits::COMMAND_NESTING, trying: false, live: true };
        if let Some(reason) = self.run(walk, sequence)? {
            return Err(reason);
        }
        if section == Section::Shared {
            for (state, initial) in self.walked.components.iter().zip(&mut self.initial) {
                initial.be(&state.parameters);
            }
        }
        Ok(())
    }

    /// Whether the payload of this number is named in a branch of try-each: another one than this may run elsewhere.
    pub(super) fn elsewhere(&self, payload: usize) -> bool {
        u32::try_from(payload).is_ok_and(|at| self.elsewhere.checked_shr(at).is_some_and(|bits| bits & 1 == 1))
    }

    /// Whether both the vendor and the class were checked.
    pub(super) const fn identified(&self) -> bool {
        self.walked.vendor_checked && self.walked.class_checked
    }

    /// The date before which the author wants the update to be installed.
    pub(super) fn use_before(&self) -> Option<u64> {
        self.value(self.walked.use_before)?.uint().ok()
    }

    /// What the image that is invoked is handed.
    pub(super) fn arguments(&self) -> Option<&'a [u8]> {
        self.value(self.walked.arguments)?.bytes().ok()
    }

    /// The component as the device has it; none if it has not.
    pub(super) fn place(&self, at: usize) -> Option<&'d Component<'d>> {
        self.places.get(at).copied().flatten()
    }

    /// What is brought into the component, if something is.
    pub(super) fn written(&self, at: usize) -> Option<Written<'a>> {
        let (directive, [from, encryption, size]) = self.walked.components.get(at)?.written?;
        let encryption = self.value(encryption).and_then(|mut value| value.bytes().ok());
        let mut from = self.value(from)?;
        Some(match directive {
            Directive::Fetch => {
                Written::Fetched(from.text().ok()?, self.value(size).and_then(|mut value| value.uint().ok()))
            }
            Directive::Write => Written::Content(from.bytes().ok()?, encryption),
            Directive::Copy => Written::Copied(usize::try_from(from.uint().ok()?).ok()?, encryption),
        })
    }

    /// What it has to be once it is there, if an image match says so.
    pub(super) fn matched(&self, at: usize) -> Option<Wanted<'a>> {
        self.wanted(self.walked.components.get(at)?.matched?)
    }

    /// Whether that is asked for again before it runs.
    pub(super) fn validated(&self, at: usize) -> bool {
        self.walked.components.get(at).is_some_and(|state| state.validated)
    }

    fn wanted(&self, [digest, size]: [At; 2]) -> Option<Wanted<'a>> {
        Some((self.value(digest)?.bytes().ok()?, self.value(size)?.uint().ok()?))
    }

    /// The value that lies there.
    fn value(&self, at: At) -> Option<Reader<'a>> {
        let at = usize::try_from(at).ok().filter(|at| *at != 0)?;
        Some(Reader::new(self.world.authentic.envelope().get(at..)?, Rules::Deterministic))
    }

    /// Where the rest of what a reader reads lies.
    fn at(&self, rest: &[u8]) -> Result<At> {
        let at = rest.as_ptr().addr().checked_sub(self.world.authentic.envelope().as_ptr().addr());
        at.and_then(|at| At::try_from(at).ok()).ok_or(Reason::TooLarge)
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
        let selected = self.walked.selected;
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
        let selected = self.walked.selected;
        let result = if walk.live {
            self.each(walk, &mut |machine, at| {
                machine.walked.selected = 1 << at;
                machine.once(walk, command, argument)
            })
        } else {
            self.spend()?;
            self.once(walk, command, argument)
        };
        self.walked.selected = selected;
        result
    }

    fn once(&mut self, walk: Walk, command: i64, argument: &'a [u8]) -> Result<Option<Reason>> {
        let mut reader = Reader::new(argument, Rules::Deterministic);
        match command {
            RUN_SEQUENCE => self.run(walk, reader.bytes()?),
            _ => self.try_each(walk, &mut reader),
        }
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
            if walk.live {
                failure = self.branch(walk, branch)?;
                walk.live = failure.is_some();
            } else {
                self.run(walk, branch)?;
            }
        }
        Ok(failure)
    }

    /// One branch that runs. Where it fails, what it did is undone; what it cost is not.
    #[inline(never)]
    fn branch(&mut self, walk: Walk, branch: &'a [u8]) -> Result<Option<Reason>> {
        let before = self.walked;
        let failure = self.run(walk, branch)?;
        if failure.is_some() {
            self.walked = before;
        }
        Ok(failure)
    }

    /// The commands whose argument is a reporting policy.
    #[inline(never)]
    fn simple(&mut self, section: Section, command: i64, at: usize) -> Result<Option<Reason>> {
        let state = *self.walked.components.get(at).ok_or(Reason::Internal)?;
        let own = &state.parameters;
        let later = matches!(section, Section::Validate | Section::Load);
        let device = self.world.device;
        let holds = match command {
            VENDOR => {
                self.walked.vendor_checked = true;
                return Ok(unless(self.names(own, PARAMETER_VENDOR, &device.vendor), Reason::WrongVendor));
            }
            CLASS => {
                self.walked.class_checked = true;
                return Ok(unless(self.names(own, PARAMETER_CLASS, &device.class), Reason::WrongClass));
            }
            DEVICE => device.id.is_some_and(|id| self.names(own, PARAMETER_DEVICE, &id)),
            COMPONENT_SLOT => {
                let slot = self.value(own.get(PARAMETER_SLOT)).and_then(|mut value| value.uint().ok());
                slot == Some(u64::from(self.world.slot as u8))
            }
            USE_BEFORE if self.walked.use_before == 0 => {
                self.walked.use_before = own.need(PARAMETER_USE_BEFORE)?;
                true
            }
            CHECK_CONTENT => self.content(at, own)?,
            IMAGE_NOT_MATCH if state.written.is_none() => self.installed(at, own)? == Some(false),
            IMAGE_MATCH if state.written.is_none() && later => return Err(Reason::ManifestUnsupported),
            IMAGE_MATCH if state.written.is_none() => self.installed(at, own)? == Some(true),
            IMAGE_MATCH => {
                let wanted = own.wanted()?;
                if later || state.matched.is_some() {
                    let first = state.matched.and_then(|first| self.wanted(first));
                    if first.is_none() || first != self.wanted(wanted) {
                        return Err(Reason::ManifestUnsupported);
                    }
                }
                let state = self.walked.components.get_mut(at).ok_or(Reason::Internal)?;
                state.matched = Some(wanted);
                state.validated |= section == Section::Validate;
                true
            }
            FETCH | WRITE | COPY if state.written.is_none() => {
                let written = own.written(command)?;
                let state = self.walked.components.get_mut(at).ok_or(Reason::Internal)?;
                (state.written, state.settled) = (Some(written), true);
                true
            }
            INVOKE if !self.walked.invoked => {
                (self.walked.invoked, self.walked.arguments) = (true, own.get(PARAMETER_ARGUMENTS));
                true
            }
            ABORT => false,
            _ => return Err(Reason::ManifestUnsupported),
        };
        Ok(unless(holds, Reason::ConditionFailed))
    }

    /// Whether a parameter is this UUID.
    fn names(&self, own: &Parameters, parameter: i64, id: &[u8; 16]) -> bool {
        self.value(own.get(parameter)).is_some_and(|mut value| value.bytes() == Ok(id))
    }

    /// Whether the running slot holds what image match asks for; none where it cannot be read.
    #[inline(never)]
    fn installed(&mut self, at: usize, own: &Parameters) -> Result<Option<bool>> {
        let (digest, size) = self.wanted(own.wanted()?).ok_or(Reason::Internal)?;
        let digest = Digest::parse(digest)?;
        let Some((images, slot, start)) = self.reading(at, size)? else { return Ok(None) };
        let engine = self.world.suite.hash(digest.alg())?;
        let mut hash = engine.start()?;
        medium::hash(images, slot, start, size, engine, &mut hash)?;
        Ok(Some(medium::digest(engine, &hash)? == digest))
    }

    /// Whether the component begins with the content.
    #[inline(never)]
    fn content(&mut self, at: usize, own: &Parameters) -> Result<bool> {
        let mut content = self.value(own.need(PARAMETER_CONTENT)?).ok_or(Reason::Internal)?;
        let content = content.bytes()?;
        match self.written(at) {
            Some(Written::Content(written, None)) => return Ok(equal(written, content)),
            Some(_) => return Err(Reason::ManifestUnsupported),
            None => {}
        }
        let size = u64::try_from(content.len()).map_err(|_| Reason::Internal)?;
        let Some((images, slot, mut at)) = self.reading(at, size)? else { return Ok(false) };
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
    fn reading(&mut self, at: usize, size: u64) -> Result<Option<(&'d dyn Images, ImageSlot, u64)>> {
        self.readings = self.readings.checked_sub(1).ok_or(Reason::TooLarge)?;
        let place = self.place(at).ok_or(Reason::ManifestUnsupported)?;
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
            self.walked.selected = selected;
        }
        Ok(())
    }

    #[inline(never)]
    fn override_parameters(&mut self, walk: Walk, reader: &mut Reader<'a>) -> Result<()> {
        let mut given = Parameters::NONE;
        let mut map = reader.map()?;
        while let Some(key) = map.next(reader)? {
            let Key::Int(key) = key else { return Err(Reason::ManifestUnsupported) };
            *given.room(key)? = self.at(reader.rest())?;
            match key {
                PARAMETER_VENDOR | PARAMETER_CLASS | PARAMETER_DEVICE => {
                    reader.array_of::<16>()?;
                }
                PARAMETER_DIGEST => {
                    Digest::parse(reader.bytes()?)?;
                }
                PARAMETER_CONTENT | PARAMETER_ENCRYPTION => {
                    reader.bytes()?;
                }
                PARAMETER_URI => {
                    let uri = reader.text()?;
                    bounded(uri.as_bytes(), limits::URI)?;
                    let at = self.world.authentic.payloads().position(|(name, _)| name == uri && walk.trying);
                    self.elsewhere |= at.map_or(0, |at| 1 << at);
                }
                PARAMETER_ARGUMENTS => bounded(reader.bytes()?, limits::INVOKE_ARGUMENTS)?,
                _ => {
                    let number = reader.uint()?;
                    let index = usize::try_from(number).is_ok_and(|index| index < self.count);
                    if key == PARAMETER_SOURCE && !index {
                        return Err(Reason::ManifestUnsupported);
                    }
                }
            }
        }
        let decides = DECIDING.iter().any(|parameter| given.get(*parameter) != 0);
        self.each(walk, &mut |machine, at| {
            let state = machine.walked.components.get_mut(at).ok_or(Reason::Internal)?;
            if state.settled && decides {
                return Err(Reason::ManifestUnsupported);
            }
            for (own, given) in state.parameters.0.iter_mut().zip(given.0).filter(|(_, given)| *given != 0) {
                *own = given;
            }
            Ok(None)
        })
        .map(drop)
    }
}

impl Parameters {
    const NONE: Self = Self([0; PARAMETERS.len()]);

    /// Takes the places of another. Apart from its callers: only so does the compiler know that the two do not overlap, and that it
    /// takes no memmove, which is 1.5 kB.
    #[inline(never)]
    fn be(&mut self, other: &Self) {
        *self = *other;
    }

    /// Where the value lies; 0 if none is given.
    fn get(&self, parameter: i64) -> At {
        PARAMETERS.iter().zip(self.0).find_map(|(known, at)| (*known == parameter).then_some(at)).unwrap_or(0)
    }

    fn need(&self, parameter: i64) -> Result<At> {
        match self.get(parameter) {
            0 => Err(Reason::ManifestUnsupported),
            at => Ok(at),
        }
    }

    fn room(&mut self, parameter: i64) -> Result<&mut At> {
        let mut rooms = PARAMETERS.iter().zip(&mut self.0);
        rooms.find_map(|(known, at)| (*known == parameter).then_some(at)).ok_or(Reason::ManifestUnsupported)
    }

    fn wanted(&self) -> Result<[At; 2]> {
        Ok([self.need(PARAMETER_DIGEST)?, self.need(PARAMETER_SIZE)?])
    }

    /// What the directive writes. Encryption info belongs to write and copy, and one parameter too many is no directive.
    fn written(&self, command: i64) -> Result<(Directive, [At; 3])> {
        let encryption = self.get(PARAMETER_ENCRYPTION);
        let (directive, from) = match command {
            FETCH if encryption == 0 => (Directive::Fetch, PARAMETER_URI),
            WRITE => (Directive::Write, PARAMETER_CONTENT),
            COPY => (Directive::Copy, PARAMETER_SOURCE),
            _ => return Err(Reason::ManifestUnsupported),
        };
        Ok((directive, [self.need(from)?, encryption, self.get(PARAMETER_SIZE)]))
    }
}

fn bounded(bytes: &[u8], most: usize) -> Result<()> {
    if bytes.len() <= most { Ok(()) } else { Err(Reason::TooLarge) }
}

fn unless(holds: bool, reason: Reason) -> Option<Reason> {
    if holds { None } else { Some(reason) }
}

/// Bytes of a component compared at once; on the stack.
const PIECE: usize = 64;
