//! The log: erase units used in turn, entries one behind the other.
//!
//! The unit with the highest sequence number is the active one; entries are appended to it. The one after it in the ring is the
//! reserve: its content is dead. When the active unit is full, the reserve is erased, what still counts in the oldest unit is
//! copied to it, and its head is written last. Until that head is there the unit does not exist and the oldest one is
//! whole; from then on the oldest one is the reserve. So a copy is never the only one while its original is being erased, and
//! half-erased units are never looked at.
//!
//! A blob is written in pieces of a fresh generation, then committed; a head is written before its body and says how
//! long that is. A head that cannot be read is a torn write: nothing was written behind it, and the unit ends there. The head of
//! the next unit says where. One flipped bit of a head or a body is mended when it is read, and when the unit is copied.

use crate::entry::{Damage, Entry, HEAD, Kind};
use crate::{Flash, Geometry};
use aseptic_core::platform::{Fault, Outcome};
use aseptic_core::record::{crc32, crc32_part};

/// Blobs that the log tells apart.
const SLOTS: usize = 64;
/// Counters that the log tells apart; 0 is none.
const COUNTERS: usize = 16;
/// Bytes programmed in one operation at most: the page of serial flash, which is never crossed.
const CHUNK: usize = 256;
/// The least that a piece holds, unless it is the last: room smaller than that is left unused.
const PIECE: u32 = 64;

/// An opened log. Its end is known, everything else is read when it is needed.
pub(crate) struct Log<'a> {
    flash: &'a dyn Flash,
    unit: u32,
    program: u32,
    count: u32,
    /// The active unit; with `sequence` 0 there is none yet, and the next one is unit 0.
    active: u32,
    sequence: u32,
    end: u32,
}

/// What is known of one slot; 0 is no generation.
#[derive(Default)]
pub(crate) struct Newest {
    /// The newest commit.
    pub(crate) commit: Option<Entry>,
    /// The generation of the newest erasure.
    pub(crate) gone: u32,
    /// The highest generation of a piece or commit.
    pub(crate) last: u32,
}

/// What is known of all names.
pub(crate) struct Index {
    /// The highest generation of all.
    pub(crate) generation: u32,
    slots: [Option<Held>; SLOTS],
    counters: [u64; COUNTERS],
}

#[derive(Clone, Copy)]
struct Held {
    name: u16,
    generation: u32,
    gone: bool,
}

/// A walk along the entries of one unit.
struct Cursor {
    at: u32,
    limit: u32,
    /// The walk ended at erased bytes, which can be written.
    blank: bool,
}

/// A blob whose pieces are there and whose commit is not: slot and generation.
pub(crate) type Pending = Option<(u16, u32)>;

/// Some engines read what they program in words.
#[repr(align(8))]
struct Aligned([u8; CHUNK]);

impl<'a> Log<'a> {
    /// Finds the active unit and checks that the units before it are there.
    pub(crate) fn open(flash: &'a dyn Flash) -> Outcome<Self> {
        let Geometry { size, erase_size: unit, program_size: program } = flash.geometry()?;
        let shaped = unit.is_power_of_two() && unit >= 256 && program.is_power_of_two() && program <= HEAD;
        let count = size.checked_div(unit).unwrap_or(0);
        if !shaped || count < 2 || count.checked_mul(unit) != Some(size) {
            return Err(Fault::Denied);
        }
        let mut log = Self { flash, unit, program, count, active: count.saturating_sub(1), sequence: 0, end: size };
        for number in 0..count {
            if let Some(head) = log.head(number)?
                && head.generation > log.sequence
            {
                (log.active, log.sequence) = (number, head.generation);
            }
        }
        for back in 1..log.visible() {
            if log.head(log.before(back))?.map(|head| head.generation) != log.sequence.checked_sub(back) {
                return Err(Fault::Corrupt);
            }
        }
        if log.sequence > 0 {
            let mut cursor = log.cursor(0)?;
            while log.next(&mut cursor)?.is_some() {}
            log.end = if cursor.blank { cursor.at } else { cursor.limit };
        }
        Ok(log)
    }

    /// Where the unit begins that is erased next.
    pub(crate) fn reserve(&self) -> u32 {
        self.start(self.ring(1))
    }

    /// What is known of one slot.
    pub(crate) fn newest(&self, name: u16) -> Outcome<Newest> {
        let mut newest = Newest::default();
        self.each(|_, entry| {
            if entry.name == name {
                let Entry { kind, generation, .. } = *entry;
                match kind {
                    Kind::Commit if newest.commit.is_none_or(|held| held.generation < generation) => {
                        newest.commit = Some(*entry);
                    }
                    Kind::Gone => newest.gone = newest.gone.max(generation),
                    _ => {}
                }
                if matches!(kind, Kind::Piece | Kind::Commit) {
                    newest.last = newest.last.max(generation);
                }
            }
            Ok(())
        })?;
        Ok(newest)
    }

    /// What is known of all names.
    pub(crate) fn index(&self) -> Outcome<Index> {
        let mut index = Index { generation: 0, slots: [None; SLOTS], counters: [0; COUNTERS] };
        self.each(|_, entry| index.take(entry))?;
        Ok(index)
    }

    /// Reads the pieces of a blob; those that are damaged or missing leave `blob` as it is.
    pub(crate) fn gather(&self, name: u16, generation: u32, blob: &mut [u8]) -> Outcome<()> {
        self.each(|at, entry| {
            if entry.kind != Kind::Piece || entry.name != name || entry.generation != generation {
                return Ok(());
            }
            let (start, length) = (usize::from(entry.offset), usize::from(entry.length));
            let Some(place) = blob.get_mut(start..start.saturating_add(length)) else { return Err(Fault::Corrupt) };
            let body = at.saturating_add(HEAD);
            match self.damage(body, entry)? {
                Damage::Beyond => Ok(()),
                damage => self.flash.read(body, place).map(|()| damage.mend(0, place)),
            }
        })
    }

    /// Whether a blob of `length` bytes fits beside all that counts, with room left for every counter and an erasure.
    pub(crate) fn has_room_for(&self, index: &Index, length: u32) -> Outcome<bool> {
        let counters = HEAD.saturating_mul(u32::try_from(COUNTERS).unwrap_or(0));
        let pieces = length.div_ceil(PIECE).min(self.count);
        let mut need = pieces.saturating_mul(HEAD.saturating_add(self.program)).saturating_add(length);
        need = need.saturating_add(counters).saturating_add(HEAD.saturating_mul(2));
        self.each(|_, entry| {
            if matches!(entry.kind, Kind::Piece | Kind::Commit | Kind::Gone) && index.counts(entry) {
                need = need.saturating_add(self.footprint(entry.body()));
            }
            Ok(())
        })?;
        let usable = self.unit.saturating_sub(HEAD).saturating_sub(HEAD).saturating_sub(PIECE.max(self.program));
        Ok(need <= usable.saturating_mul(self.count.saturating_sub(1)))
    }

    /// Appends all of a blob as pieces that fit the units, and gives the generation that is whole: `generation`, or one above
    /// it, as after a failure all begins anew and nothing is there twice.
    pub(crate) fn pieces(&mut self, name: u16, generation: u32, blob: &[u8]) -> Outcome<u32> {
        let (mut generation, mut done, mut tries) = (generation, 0_usize, Tries::new(self.count));
        while let Some(rest) = blob.get(done..).filter(|rest| !rest.is_empty()) {
            let left = u32::try_from(rest.len()).map_err(|_| Fault::Full)?;
            let room = self.room();
            if room < left.min(PIECE) {
                tries.turn()?;
                self.turn(Some((name, generation)))?;
                continue;
            }
            let (body, _) = rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(0)));
            let entry = Entry {
                kind: Kind::Piece,
                name,
                generation,
                offset: u16::try_from(done).map_err(|_| Fault::Full)?,
                length: u16::try_from(body.len()).map_err(|_| Fault::Full)?,
                check: crc32(body),
                ..Entry::EMPTY
            };
            match self.append(&entry, body) {
                Ok(()) => done = done.saturating_add(body.len()),
                Err(fault) => {
                    tries.fail(fault)?;
                    (generation, done) = (generation.checked_add(1).ok_or(Fault::Full)?, 0);
                }
            }
        }
        Ok(generation)
    }

    /// Appends an entry without a body.
    pub(crate) fn note(&mut self, entry: &Entry, pending: Pending) -> Outcome<()> {
        let mut tries = Tries::new(self.count);
        loop {
            if self.limit().saturating_sub(self.end) < HEAD {
                tries.turn()?;
                self.turn(pending)?;
                continue;
            }
            match self.append(entry, &[]) {
                Ok(()) => return Ok(()),
                Err(fault) => tries.fail(fault)?,
            }
        }
    }

    /// Erases unit after unit until none holds a byte of the slot.
    pub(crate) fn turn_while(&mut self, name: u16) -> Outcome<()> {
        let mut tries = Tries::new(self.count);
        while self.newest(name)?.last != 0 {
            tries.turn()?;
            self.turn(None)?;
        }
        // What the last turn left behind lies in the reserve.
        self.turn(None)
    }

    /// Makes the reserve the active unit, and the oldest one the reserve.
    fn turn(&mut self, pending: Pending) -> Outcome<()> {
        let index = self.index()?;
        let fresh = self.ring(1);
        let sequence = self.sequence.checked_add(1).ok_or(Fault::Full)?;
        let start = self.start(fresh);
        let closed = self.closed()?;
        self.flash.erase(start)?;
        let mut end = start.saturating_add(HEAD);
        if self.visible() == self.count.saturating_sub(1) {
            let oldest = self.visible().saturating_sub(1);
            let mut cursor = self.cursor(oldest)?;
            while let Some((at, entry)) = self.next(&mut cursor)? {
                let counts = match entry.kind {
                    Kind::Gone => index.counts(&entry) && self.names(oldest, entry.name)?,
                    Kind::Piece if pending == Some((entry.name, entry.generation)) => true,
                    _ => index.counts(&entry),
                };
                let damage = if counts { self.damage(at.saturating_add(HEAD), &entry)? } else { Damage::Beyond };
                if damage != Damage::Beyond {
                    self.copy(&entry, at, end, damage)?;
                    end = end.saturating_add(self.footprint(entry.body()));
                }
            }
        }
        let head = Entry {
            kind: Kind::Unit,
            generation: sequence,
            length: u16::try_from(self.program).map_err(|_| Fault::Denied)?,
            value: self.shape(),
            check: closed,
            ..Entry::EMPTY
        };
        self.program(start, &head.write())?;
        (self.active, self.sequence, self.end) = (fresh, sequence, end);
        Ok(())
    }

    /// Where the entries of the active unit end, counted from its start: a head that fails later is told from a torn one.
    fn closed(&self) -> Outcome<u32> {
        if self.sequence == 0 {
            return Ok(0);
        }
        let mut cursor = self.cursor(0)?;
        while self.next(&mut cursor)?.is_some() {}
        Ok(cursor.at.saturating_sub(self.start(self.active)))
    }

    /// Whether the unit `back` before the active one holds pieces or commits of a slot.
    fn names(&self, back: u32, name: u16) -> Outcome<bool> {
        let mut cursor = self.cursor(back)?;
        while let Some((_, entry)) = self.next(&mut cursor)? {
            if entry.name == name && matches!(entry.kind, Kind::Piece | Kind::Commit) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes at the end. After a failure the unit takes nothing more: what stands there now is not known.
    fn append(&mut self, entry: &Entry, body: &[u8]) -> Outcome<()> {
        let at = self.end;
        self.end = self.limit();
        self.program(at, &entry.write())?;
        self.program(at.saturating_add(HEAD), body)?;
        self.end = at.saturating_add(self.footprint(entry.body()));
        Ok(())
    }

    /// Programs bytes, padded to whole program units, and reads them back.
    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let (part, later) = rest.split_at(span(at, rest.len()));
            let mut chunk = Aligned([0xFF; CHUNK]);
            let length = self.padded(u32::try_from(part.len()).map_err(|_| Fault::Denied)?);
            let out = chunk.0.get_mut(..usize::try_from(length).unwrap_or(CHUNK)).ok_or(Fault::Denied)?;
            out.iter_mut().zip(part).for_each(|(byte, value)| *byte = *value);
            self.write(at, out)?;
            (at, rest) = (at.saturating_add(length), later);
        }
        Ok(())
    }

    /// Writes the entry that stands at `from` at `to`, mended.
    fn copy(&self, entry: &Entry, from: u32, to: u32, damage: Damage) -> Outcome<()> {
        self.program(to, &entry.write())?;
        let (from, to, length) = (from.saturating_add(HEAD), to.saturating_add(HEAD), self.padded(entry.body()));
        let mut chunk = Aligned([0xFF; CHUNK]);
        let mut done = 0_u32;
        while done < length {
            let to = to.saturating_add(done);
            let part = span(to, usize::try_from(length.saturating_sub(done)).unwrap_or(CHUNK));
            let bytes = chunk.0.get_mut(..part).ok_or(Fault::Denied)?;
            self.flash.read(from.saturating_add(done), bytes)?;
            damage.mend(done, bytes);
            self.write(to, bytes)?;
            done = done.saturating_add(u32::try_from(part).unwrap_or(length));
        }
        Ok(())
    }

    /// One program operation, read back: worn cells and refused words report success on some parts.
    fn write(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        self.flash.program(at, bytes)?;
        let (mut back, mut at) = ([0; HEAD as usize], at);
        for part in bytes.chunks(back.len()) {
            let back = back.get_mut(..part.len()).ok_or(Fault::Denied)?;
            self.flash.read(at, back)?;
            if back != part {
                return Err(Fault::Io);
            }
            at = at.saturating_add(HEAD);
        }
        Ok(())
    }

    /// What is wrong with the body at `at`, by what its head says; nothing with one that has none.
    fn damage(&self, at: u32, entry: &Entry) -> Outcome<Damage> {
        if entry.body() == 0 {
            return Ok(Damage::None);
        }
        let (mut buffer, mut done, mut crc) = ([0; 64], 0_u32, u32::MAX);
        while done < entry.body() {
            let part = usize::try_from(entry.body().saturating_sub(done)).unwrap_or(0).min(buffer.len());
            let bytes = buffer.get_mut(..part).ok_or(Fault::Corrupt)?;
            match self.flash.read(at.saturating_add(done), bytes) {
                Ok(()) => {}
                Err(Fault::Corrupt) => return Ok(Damage::Beyond),
                Err(fault) => return Err(fault),
            }
            crc = crc32_part(crc, bytes);
            done = done.saturating_add(u32::try_from(part).unwrap_or(u32::MAX));
        }
        Ok(Damage::of(!crc ^ entry.check, entry.body()))
    }

    /// Shows every entry of the units that count.
    fn each(&self, mut visit: impl FnMut(u32, &Entry) -> Outcome<()>) -> Outcome<()> {
        for back in 0..self.visible() {
            let mut cursor = self.cursor(back)?;
            while let Some((at, entry)) = self.next(&mut cursor)? {
                visit(at, &entry)?;
            }
            if back > 0 && cursor.at != cursor.limit {
                return Err(Fault::Corrupt);
            }
        }
        Ok(())
    }

    /// The next entry of a unit, and where it stands.
    fn next(&self, cursor: &mut Cursor) -> Outcome<Option<(u32, Entry)>> {
        if cursor.limit.saturating_sub(cursor.at) < HEAD {
            return Ok(None);
        }
        let mut head = [0; HEAD as usize];
        match self.flash.read(cursor.at, &mut head) {
            Ok(()) => {}
            Err(Fault::Corrupt) => return Ok(None),
            Err(fault) => return Err(fault),
        }
        let at = cursor.at;
        let Some(entry) = Entry::parse(&head).filter(|entry| entry.kind != Kind::Unit) else {
            cursor.blank = head == [0xFF; HEAD as usize];
            return Ok(None);
        };
        let next = at.saturating_add(self.footprint(entry.body()));
        if next > cursor.limit {
            return Ok(None);
        }
        cursor.at = next;
        Ok(Some((at, entry)))
    }

    /// A walk along the unit `back` before the active one, up to where it ended when the next one was begun.
    fn cursor(&self, back: u32) -> Outcome<Cursor> {
        let start = self.start(self.before(back));
        let length = match back.checked_sub(1) {
            None => self.unit,
            Some(next) => self.head(self.before(next))?.map_or(0, |head| head.check).min(self.unit),
        };
        Ok(Cursor { at: start.saturating_add(HEAD), limit: start.saturating_add(length), blank: false })
    }

    /// The head of a unit, if it has one.
    fn head(&self, number: u32) -> Outcome<Option<Entry>> {
        let mut head = [0; HEAD as usize];
        match self.flash.read(self.start(number), &mut head) {
            Ok(()) => {}
            Err(Fault::Corrupt) => return Ok(None),
            Err(fault) => return Err(fault),
        }
        match Entry::parse(&head).filter(|entry| entry.kind == Kind::Unit) {
            None => Ok(None),
            Some(entry) if entry.value == self.shape() && u32::from(entry.length) == self.program => Ok(Some(entry)),
            // Written by a port that saw the area in another shape.
            Some(_) => Err(Fault::Corrupt),
        }
    }

    fn shape(&self) -> u64 {
        u64::from(self.unit) << 32 | u64::from(self.count)
    }

    /// How many units count: the active one and those before it, without the reserve.
    fn visible(&self) -> u32 {
        self.sequence.min(self.count.saturating_sub(1))
    }

    /// The unit `steps` after the active one.
    fn ring(&self, steps: u32) -> u32 {
        self.active.saturating_add(steps).checked_rem(self.count).unwrap_or(0)
    }

    /// The unit `back` before the active one.
    fn before(&self, back: u32) -> u32 {
        self.ring(self.count.saturating_sub(back))
    }

    fn start(&self, number: u32) -> u32 {
        number.saturating_mul(self.unit)
    }

    fn limit(&self) -> u32 {
        if self.sequence == 0 { self.end } else { self.start(self.active).saturating_add(self.unit) }
    }

    /// Bytes of the body that a piece appended now can have.
    fn room(&self) -> u32 {
        let room = self.limit().saturating_sub(self.end).saturating_sub(HEAD);
        room & !self.program.saturating_sub(1)
    }

    fn padded(&self, length: u32) -> u32 {
        length.checked_next_multiple_of(self.program).unwrap_or(u32::MAX)
    }

    fn footprint(&self, body: u32) -> u32 {
        HEAD.saturating_add(self.padded(body))
    }
}

impl Index {
    /// The value of a counter; [`Fault::Denied`] for one that the log cannot hold.
    pub(crate) fn counter(&self, number: u8) -> Outcome<u64> {
        self.counters.get(usize::from(number)).copied().ok_or(Fault::Denied)
    }

    /// Whether a slot is known, or can become so.
    pub(crate) fn has_room_for(&self, name: u16) -> bool {
        self.slots.iter().any(|held| held.is_none_or(|held| held.name == name))
    }

    fn take(&mut self, entry: &Entry) -> Outcome<()> {
        self.generation = self.generation.max(entry.generation);
        match entry.kind {
            Kind::Commit | Kind::Gone => {
                let Entry { name, generation, .. } = *entry;
                let place = self.slots.iter_mut().find(|held| held.is_none_or(|held| held.name == name));
                let place = place.ok_or(Fault::Corrupt)?;
                if place.is_none_or(|held| held.generation < generation) {
                    *place = Some(Held { name, generation, gone: entry.kind == Kind::Gone });
                }
            }
            Kind::Counter => {
                if let Some(value) = self.counters.get_mut(usize::from(entry.name)) {
                    *value = entry.value.max(*value);
                }
            }
            Kind::Piece | Kind::Unit => {}
        }
        Ok(())
    }

    /// Whether an entry is part of what is stored now. Counters that are not known here are those of a later release.
    fn counts(&self, entry: &Entry) -> bool {
        let current = |gone| {
            let held = self.slots.iter().flatten().find(|held| held.name == entry.name);
            held.is_some_and(|held| held.generation == entry.generation && held.gone == gone)
        };
        match entry.kind {
            Kind::Piece | Kind::Commit => current(false),
            Kind::Gone => current(true),
            Kind::Counter => self.counters.get(usize::from(entry.name)).is_none_or(|value| *value == entry.value),
            Kind::Unit => false,
        }
    }
}

/// How many of `left` bytes one operation programs at `at`: up to the next multiple of [`CHUNK`].
fn span(at: u32, left: usize) -> usize {
    let page = usize::try_from(at).unwrap_or(0) & CHUNK.saturating_sub(1);
    CHUNK.saturating_sub(page).min(left)
}

/// How often one call may turn the log, and how often an operation may fail in it.
struct Tries {
    turns: u32,
    failed: bool,
}

impl Tries {
    /// Two rounds: in the first the blobs make room, in the second it is used.
    fn new(count: u32) -> Self {
        Self { turns: count.saturating_mul(2), failed: false }
    }

    fn turn(&mut self) -> Outcome<()> {
        self.turns = self.turns.checked_sub(1).ok_or(Fault::Full)?;
        Ok(())
    }

    /// The first failure may be a word that an earlier power cut spoiled without a trace; in a fresh unit it is one of the part.
    fn fail(&mut self, fault: Fault) -> Outcome<()> {
        if self.failed {
            return Err(fault);
        }
        self.failed = true;
        Ok(())
    }
}
