//! The outbox: signed messages that wait for their receipt, through power loss, broken links and withdrawn trust.
//!
//! A message is signed and numbered when it is put in, and encrypted when it is sent, to whoever of its signed audience is
//! accepted on that day. It leaves the outbox when a receipt says that the record has it.
//!
//! ```text
//! slot    version (1), class, order (8, big endian), salt (16), A128GCM of the COSE_Sign1 with its tag
//! keys    HKDF-SHA-256(salt, storage key, "aseptic outbox") = key (16), nonce (12); associated data = slot number, header
//! ```
//!
//! Each message has a key of its own under a random salt, so no nonce is ever used twice. The storage key lies in a slot of
//! secrets: [`Outbox::erase`] destroys it first, and all that was ever queued with it.

use crate::envelope::Claims;
use crate::opener::fingerprint;
use crate::report::{MessageId, Report, Verdict};
use crate::sender::{Origin, Outgoing, Sender, seal_signed};
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{AeadAlg, HashAlg, NONCE, Suite, TAG, random};
use aseptic_core::limits::{OUTBOX, REPLAY_WINDOW, SLOT};
use aseptic_core::platform::{Fault, Platform, Slot};
use aseptic_core::record;
use aseptic_core::secret::{Secret, wipe};
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result};
use core::cell::Cell;
use core::mem::replace;

/// Bytes of the longest entry, and of the working memory of the calls below.
pub const ENTRY: usize = SLOT;

/// Verdicts that [`Outbox::seal_next`] takes; the audience of one message is smaller.
const TO: usize = 32;
const VERSION: u8 = 1;
const SALT: usize = 16;
const HEAD: usize = 2 + 8 + SALT;
/// Bytes of the stored key: version, key, the first bytes of its digest.
const KEY: usize = 1 + 32 + 4;

/// The stream on which an outbox sends messages of a class: each has numbers of its own, so that none waits for another.
#[must_use]
pub const fn stream_of(class: Purpose) -> u8 {
    match class {
        Purpose::Alarm => 1,
        Purpose::Audit => 2,
        _ => 0,
    }
}

/// Store and forward, bounded, in slots of the [`Store`](aseptic_core::platform::Store).
///
/// An alarm goes before an audit record, that before telemetry; within a class the oldest goes first. Where it is full the
/// oldest telemetry gives way, then, to an alarm alone, the oldest audit record; an alarm never does. What gives way is
/// reported as [`Reason::OutboxFull`] with its number, and the receiver finds the gap. One outbox a device, used from one
/// thread; give the streams of [`stream_of`] to nothing else.
#[derive(Debug)]
pub struct Outbox {
    key: Secret<32>,
    capacity: usize,
    /// Rises with each message put in.
    order: u64,
    /// Names those to whom was sent last: what is held is held for them.
    asked: [u8; 16],
    rows: [Option<Row>; OUTBOX],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    order: u64,
    class: Purpose,
    id: MessageId,
    digest: [u8; 16],
    state: State,
}

/// From 1 on: an empty row is then made of zeros, which take neither stack nor flash to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting = 1,
    /// Sent, and not asked for again.
    Sent = 2,
    /// None of its audience is among those to whom is sent now.
    Held = 3,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Messages that the record has: they left the outbox.
    pub stored: u32,
    /// Messages that will not be taken: they left the outbox, each with an event.
    pub rejected: u32,
    /// Messages that the receiver asks for again.
    pub again: u32,
}

impl Outbox {
    /// Goes on with what is stored, or makes the storage key where there is none. `capacity` is the number of slots used,
    /// at most [`OUTBOX`]; `buffer` holds [`ENTRY`] bytes.
    ///
    /// What cannot be read back is removed, with the event [`Reason::OutboxDamaged`]: a message whose writing the power
    /// cut short, which its caller was never told was in, or one whose medium failed; all of them, an event each, where the
    /// storage key is damaged. Messages without a key are what an interrupted [`Outbox::erase`] leaves; they go too.
    pub fn load(platform: &Platform<'_>, suite: &Suite<'_>, capacity: usize, buffer: &mut [u8]) -> Result<Self> {
        let mut place = None;
        Self::load_into(&mut place, platform, suite, capacity, buffer)?;
        place.ok_or(Reason::Internal)
    }

    /// [`Outbox::load`] where the outbox is to lie, for small stacks: `place` holds it afterwards, or after an error nothing.
    pub fn load_into(
        place: &mut Option<Self>,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        capacity: usize,
        buffer: &mut [u8],
    ) -> Result<()> {
        if capacity == 0 || capacity > OUTBOX || buffer.len() < ENTRY {
            *place = None;
            return Err(Reason::Misuse);
        }
        let loaded = Self::empty(place, capacity).read_rows(platform, suite, buffer);
        if loaded.is_err() {
            *place = None;
        }
        loaded
    }

    /// Apart, so that what is moved into `place` has left the stack before anything is read.
    #[inline(never)]
    fn empty(place: &mut Option<Self>, capacity: usize) -> &mut Self {
        let (key, asked, rows) = (Secret::zeroed(), [0; 16], const { [None; OUTBOX] });
        place.insert(Self { key, capacity, order: 1, asked, rows })
    }

    fn read_rows(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, buffer: &mut [u8]) -> Result<()> {
        self.key = match load_key(platform, suite)? {
            Stored::Key(key) => key,
            lost => {
                if matches!(lost, Stored::Damaged) {
                    for slot in record::OUTBOX {
                        if platform.store.load(Slot(slot), &mut []) != Err(Fault::NotFound) {
                            platform.event(Reason::OutboxDamaged, u64::from(slot));
                        }
                    }
                }
                remove_all(platform)?;
                make_key(platform, suite)?
            }
        };
        for (slot, place) in record::OUTBOX.zip(0..OUTBOX) {
            let found = self.read_row(platform, suite, Slot(slot), buffer);
            wipe(buffer);
            let row = match found {
                Ok(row) => row,
                Err(Reason::OutboxDamaged) => {
                    platform.event(Reason::OutboxDamaged, u64::from(slot));
                    give_up(platform, Slot(slot), u64::from(slot));
                    None
                }
                Err(other) => return Err(other),
            };
            self.order = self.order.max(row.map_or(0, |row| row.order).saturating_add(1));
            *self.rows.get_mut(place).ok_or(Reason::Internal)? = row;
        }
        Ok(())
    }

    /// Signs a message, on the stream of its class, and puts it in: after success it survives power loss.
    ///
    /// `message.to` is the audience; `buffer` holds [`ENTRY`] bytes and is wiped. [`Reason::MessageClass`] for Command and
    /// Configuration, whose challenge would not outlast the wait; [`Reason::OutboxFull`] where all that is in matters
    /// more; [`Reason::TooLarge`] for a body that leaves no room for header and signature. On any error the message is
    /// not in, and nothing gave way for it but what the power cut.
    pub fn put(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &mut Sender,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        buffer: &mut [u8],
    ) -> Result<MessageId> {
        let put = self.try_put(platform, suite, sender, from, message, buffer);
        wipe(buffer);
        put
    }

    fn try_put(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &mut Sender,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        buffer: &mut [u8],
    ) -> Result<MessageId> {
        let class = message.class;
        rank(class).ok_or(Reason::MessageClass)?;
        let place = self.place_for(class)?;
        let slot = slot_of(place)?;
        let buffer = buffer.get_mut(..ENTRY).ok_or(Reason::Misuse)?;
        let (head, room) = buffer.split_first_chunk_mut::<HEAD>().ok_or(Reason::Internal)?;
        let message = Outgoing { stream: stream_of(class), ..*message };
        let room = room.get_mut(..ENTRY - HEAD - TAG).ok_or(Reason::Internal)?;
        let (position, length) = sender.sign(platform, suite, from, &message, room).map_err(|reason| match reason {
            Reason::BufferTooSmall => Reason::TooLarge,
            other => other,
        })?;
        let digest = fingerprint(suite, room.get(..length).ok_or(Reason::Internal)?)?;
        let mut salt = [0; SALT];
        random(platform.entropy, &mut salt)?;
        let fields: [&[u8]; 3] = [&[VERSION, class as u8], &self.order.to_be_bytes(), &salt];
        for (byte, value) in head.iter_mut().zip(fields.into_iter().flatten()) {
            *byte = *value;
        }
        let head = *head;
        let total = HEAD.saturating_add(length).saturating_add(TAG);
        let entry = buffer.get_mut(..total).ok_or(Reason::Internal)?;
        let (_, sealed) = entry.split_at_mut_checked(HEAD).ok_or(Reason::Internal)?;
        let (data, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Reason::Internal)?;
        self.with_key(suite, slot, &head, |key, nonce, aad| {
            suite.aead(AeadAlg::Aes128Gcm)?.seal(key, nonce, aad, data, tag)
        })?;
        // The number of what gives way is told before it is gone.
        let gone = self.rows.get(place).copied().flatten();
        platform.store.save(slot, entry)?;
        if let Some(gone) = gone {
            platform.event(Reason::OutboxFull, gone.id.sequence);
        }
        let id = MessageId { stream: position.stream, epoch: position.epoch, sequence: position.sequence };
        let row = Row { order: self.order, class, id, digest, state: State::Waiting };
        *self.rows.get_mut(place).ok_or(Reason::Internal)? = Some(row);
        self.order = self.order.saturating_add(1);
        Ok(id)
    }

    /// Seals the next message to be sent, if there is one, into the front of `out` for those of `to` that its signed
    /// audience names; `to` are today's verdicts. Gives its name and length.
    ///
    /// `out` holds [`Sender::room`] of the longest body; `to` are at most 32, [`Reason::TooLarge`] for more. A message of
    /// whose audience `to` has nobody stays in, and is held until others are named or [`Outbox::retry`]. Nothing but an alarm goes out more than [`REPLAY_WINDOW`] numbers ahead of one
    /// that has no receipt, so that none becomes too old for its receiver; no alarm waits for a receipt. Nothing is stored: what was sent before a restart is sent
    /// again after it, and told as a duplicate by its name.
    pub fn seal_next(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &Sender,
        to: &[VerifiedPeer],
        out: &mut [u8],
    ) -> Result<Option<(MessageId, usize)>> {
        let asked = to.iter().try_fold([0; 16], |asked, peer| {
            suite.sha256(&[&asked, peer.name()])?.first_chunk().copied().ok_or(Reason::Internal)
        })?;
        if replace(&mut self.asked, asked) != asked {
            for row in self.rows.iter_mut().flatten().filter(|row| row.state == State::Held) {
                row.state = State::Waiting;
            }
        }
        while let Some(place) = self.next() {
            let row = self.rows.get(place).copied().flatten().ok_or(Reason::Internal)?;
            let sealed = self.seal_row(platform, suite, sender, place, row.class, to, out);
            wipe(out.get_mut(*sealed.as_ref().unwrap_or(&0)..).unwrap_or_default());
            let (state, answer) = match sealed {
                Ok(length) => (Some(State::Sent), Ok(Some((row.id, length)))),
                Err(Reason::MessageNotForUs) => (Some(State::Held), Ok(None)),
                Err(Reason::OutboxDamaged) => {
                    platform.event(Reason::OutboxDamaged, row.id.sequence);
                    give_up(platform, slot_of(place)?, row.id.sequence);
                    (None, Ok(None))
                }
                Err(other) => return Err(other),
            };
            if let Some(entry) = self.rows.get_mut(place) {
                *entry = state.map(|state| Row { state, ..row });
            }
            if !matches!(answer, Ok(None)) {
                return answer;
            }
        }
        Ok(None)
    }

    /// Takes a report that was verified. A message leaves only for a receipt with its own digest.
    ///
    /// After power loss a message that left may be in again, as it may where its slot could not be erased, which an event with
    /// the reason of the platform tells: it is sent again and told as a duplicate.
    pub fn settle(&mut self, platform: &Platform<'_>, report: &Report) -> Result<Settled> {
        let mut settled = Settled::default();
        for receipt in report.receipts.iter().flatten() {
            let of = |row: &Option<Row>| row.is_some_and(|row| row.id == receipt.id && row.digest == receipt.digest);
            let Some(place) = self.rows.iter().position(of) else { continue };
            match receipt.verdict {
                Verdict::Delivered => continue,
                Verdict::Stored => settled.stored = settled.stored.saturating_add(1),
                Verdict::Rejected(reason) => {
                    platform.event(reason, receipt.id.sequence);
                    settled.rejected = settled.rejected.saturating_add(1);
                }
            }
            give_up(platform, slot_of(place)?, receipt.id.sequence);
            if let Some(entry) = self.rows.get_mut(place) {
                *entry = None;
            }
        }
        for known in report.streams.iter().flatten() {
            for row in self.rows.iter_mut().flatten().filter(|row| row.state == State::Sent) {
                let sequence = row.id.sequence;
                let wanted = row.id.stream == known.stream
                    && row.id.epoch == known.epoch
                    && (sequence <= known.uncertain || missing(known.high, known.missing, sequence));
                if wanted {
                    row.state = State::Waiting;
                    settled.again = settled.again.saturating_add(1);
                }
            }
        }
        Ok(settled)
    }

    /// Lets all that has no receipt be sent again: after a reconnection, or when receipts are overdue.
    pub fn retry(&mut self) {
        for row in self.rows.iter_mut().flatten() {
            row.state = State::Waiting;
        }
    }

    /// Messages of a class that have no receipt.
    #[must_use]
    pub fn count(&self, class: Purpose) -> usize {
        self.rows.iter().flatten().filter(|row| row.class == class).count()
    }

    /// Whether every message has its receipt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(Option::is_none)
    }

    /// Destroys the storage key, and with it all that is queued; then removes the entries. This outbox takes nothing more.
    ///
    /// After power loss nothing has happened, or nothing can be read any more and [`Outbox::load`] finishes.
    pub fn erase(&mut self, platform: &Platform<'_>) -> Result<()> {
        // Nothing more goes out, whatever happens now.
        self.rows = [None; OUTBOX];
        self.capacity = 0;
        platform.store.erase(record::OUTBOX_KEY)?;
        remove_all(platform)
    }

    /// Where a new message of a class goes: a free slot, or that of the one that gives way.
    fn place_for(&self, class: Purpose) -> Result<usize> {
        let used = self.rows.get(..self.capacity).ok_or(Reason::Internal)?;
        if let Some(free) = used.iter().position(Option::is_none) {
            return Ok(free);
        }
        let weakest = |(_, row): &(usize, Row)| (rank(row.class), row.order);
        let rows = used.iter().enumerate().filter_map(|(place, row)| row.map(|row| (place, row)));
        let (place, row) = rows.min_by_key(weakest).ok_or(Reason::Misuse)?;
        let gives_way = rank(row.class) < rank(class) || row.class == Purpose::Telemetry;
        if gives_way { Ok(place) } else { Err(Reason::OutboxFull) }
    }

    /// The place of the message that is to be sent first.
    fn next(&self) -> Option<usize> {
        let may_go = |row: &Row| {
            if row.class == Purpose::Alarm {
                return true;
            }
            let in_stream = self.rows.iter().flatten().filter(|other| other.id.stream == row.id.stream);
            let first = in_stream.map(|other| (other.id.epoch, other.id.sequence)).min();
            first.is_none_or(|(epoch, sequence)| {
                epoch == row.id.epoch && row.id.sequence.saturating_sub(sequence) <= REPLAY_WINDOW
            })
        };
        let waiting = self.rows.iter().enumerate().filter_map(|(place, row)| row.map(|row| (place, row)));
        let waiting = waiting.filter(|(_, row)| row.state == State::Waiting && may_go(row));
        waiting.max_by_key(|(_, row)| (rank(row.class), u64::MAX.saturating_sub(row.order))).map(|(place, _)| place)
    }

    #[allow(clippy::too_many_arguments, reason = "one step of a call that has as many")]
    fn seal_row(
        &self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &Sender,
        place: usize,
        class: Purpose,
        to: &[VerifiedPeer],
        out: &mut [u8],
    ) -> Result<usize> {
        let (_, _, length) = self.read(platform, suite, slot_of(place)?, out)?.ok_or(Reason::OutboxDamaged)?;
        let signed = Sign1::parse(out.get(..length).ok_or(Reason::Internal)?)?;
        let claims = Claims::read(signed.header.claims)?;
        let mut fit = [false; TO];
        for (fit, peer) in fit.get_mut(..to.len()).ok_or(Reason::TooLarge)?.iter_mut().zip(to) {
            *fit = claims.names(peer.name());
        }
        if !fit.contains(&true) {
            return Err(Reason::MessageNotForUs);
        }
        let chosen = to.iter().zip(fit).filter_map(|(peer, fit)| fit.then_some(peer));
        seal_signed(platform, suite, sender.direction(), class, chosen, length, out)
    }

    /// Reads one slot; none where there is nothing. The signed message is left in the buffer.
    fn read_row(
        &self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        slot: Slot,
        buffer: &mut [u8],
    ) -> Result<Option<Row>> {
        let Some((order, class, length)) = self.read(platform, suite, slot, buffer)? else { return Ok(None) };
        let signed = buffer.get(..length).ok_or(Reason::Internal)?;
        let claims = Sign1::parse(signed).and_then(|signed| Claims::read(signed.header.claims));
        let position = claims.map_err(|_| Reason::OutboxDamaged)?.position;
        let id = MessageId { stream: position.stream, epoch: position.epoch, sequence: position.sequence };
        Ok(Some(Row { order, class, id, digest: fingerprint(suite, signed)?, state: State::Waiting }))
    }

    /// Decrypts one slot into the front of `buffer`: order, class and length of the signed message.
    fn read(
        &self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        slot: Slot,
        buffer: &mut [u8],
    ) -> Result<Option<(u64, Purpose, usize)>> {
        let length = match platform.store.load(slot, buffer) {
            Ok(length) => length,
            Err(Fault::NotFound) => return Ok(None),
            Err(Fault::Corrupt) => return Err(Reason::OutboxDamaged),
            Err(Fault::Full) => return Err(Reason::BufferTooSmall),
            Err(fault) => return Err(fault.into()),
        };
        let entry = buffer.get_mut(..length).ok_or(Reason::PlatformIo)?;
        let (head, sealed) = entry.split_first_chunk_mut::<HEAD>().ok_or(Reason::OutboxDamaged)?;
        let head = *head;
        let (data, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Reason::OutboxDamaged)?;
        let ([version, class], rest) = head.split_first_chunk::<2>().ok_or(Reason::Internal)?;
        let (order, _) = rest.split_first_chunk::<8>().ok_or(Reason::Internal)?;
        let class = Purpose::from_u8(*class).ok().filter(|class| *version == VERSION && rank(*class).is_some());
        let class = class.ok_or(Reason::OutboxDamaged)?;
        let opened = self.with_key(suite, slot, &head, |key, nonce, aad| {
            suite.aead(AeadAlg::Aes128Gcm)?.open(key, nonce, aad, data, tag)
        });
        opened.map_err(|reason| if reason == Reason::DecryptFailed { Reason::OutboxDamaged } else { reason })?;
        let length = data.len();
        front(buffer, HEAD, length)?;
        Ok(Some((u64::from_be_bytes(*order), class, length)))
    }

    /// Hands the key of one entry, its nonce and its associated data to `body`.
    fn with_key(
        &self,
        suite: &Suite<'_>,
        slot: Slot,
        head: &[u8; HEAD],
        body: impl FnOnce(&[u8], &[u8; NONCE], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let salt = head.last_chunk::<SALT>().ok_or(Reason::Internal)?;
        let mut derived = Secret::<28>::zeroed();
        suite.kdf(HashAlg::Sha256)?.derive(salt, self.key.expose(), &[b"aseptic outbox"], derived.expose_mut())?;
        let (key, nonce) = derived.expose().split_first_chunk::<16>().ok_or(Reason::Internal)?;
        let nonce = nonce.first_chunk().ok_or(Reason::Internal)?;
        let mut aad = [0; 2 + HEAD];
        let parts = slot.0.to_be_bytes().into_iter().chain(*head);
        aad.iter_mut().zip(parts).for_each(|(byte, value)| *byte = value);
        body(key, nonce, &aad)
    }
}

/// What matters more; none for classes that do not wait.
const fn rank(class: Purpose) -> Option<u8> {
    match class {
        Purpose::Telemetry => Some(0),
        Purpose::Audit => Some(1),
        Purpose::Alarm => Some(2),
        _ => None,
    }
}

/// Whether a receiver that knows numbers up to `high` misses this one.
fn missing(high: u64, missing: u64, sequence: u64) -> bool {
    let behind = high.checked_sub(sequence).and_then(|behind| u32::try_from(behind.checked_sub(1)?).ok());
    behind.is_some_and(|bit| missing.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

fn slot_of(place: usize) -> Result<Slot> {
    let slot = u16::try_from(place).ok().and_then(|place| record::OUTBOX.start.checked_add(place));
    slot.filter(|slot| record::OUTBOX.contains(slot)).map(Slot).ok_or(Reason::Internal)
}

/// Moves `length` bytes at `start` to the front.
fn front(buffer: &mut [u8], start: usize, length: usize) -> Result<()> {
    let cells = Cell::from_mut(buffer).as_slice_of_cells();
    let from = cells.get(start..).and_then(|rest| rest.get(..length)).ok_or(Reason::Internal)?;
    cells.iter().zip(from).for_each(|(to, from)| to.set(from.get()));
    Ok(())
}

/// Erases an entry that is of no use any more. Where that fails the slot counts as free all the same, and is written over: a
/// medium that wears out must not keep the others from going out.
fn give_up(platform: &Platform<'_>, slot: Slot, detail: u64) {
    if let Err(fault) = platform.store.erase(slot) {
        platform.event(fault.into(), detail);
    }
}

fn remove_all(platform: &Platform<'_>) -> Result<()> {
    for slot in record::OUTBOX {
        platform.store.erase(Slot(slot))?;
    }
    Ok(())
}

/// The storage key as it was found.
enum Stored {
    Absent,
    Damaged,
    Key(Secret<32>),
}

fn load_key(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Stored> {
    let mut stored = Secret::<KEY>::zeroed();
    match platform.store.load(record::OUTBOX_KEY, stored.expose_mut()) {
        Ok(KEY) => {}
        Err(Fault::NotFound) => return Ok(Stored::Absent),
        Ok(_) | Err(Fault::Corrupt | Fault::Full) => return Ok(Stored::Damaged),
        Err(fault) => return Err(fault.into()),
    }
    let (version, rest) = stored.expose().split_first().ok_or(Reason::Internal)?;
    let (key, check) = rest.split_first_chunk::<32>().ok_or(Reason::Internal)?;
    let whole = *version == VERSION && suite.sha256(&[key])?.starts_with(check);
    Ok(if whole { Stored::Key(Secret::new(*key)) } else { Stored::Damaged })
}

fn make_key(platform: &Platform<'_>, suite: &Suite<'_>) -> Result<Secret<32>> {
    let mut key = Secret::<32>::zeroed();
    random(platform.entropy, key.expose_mut())?;
    let mut stored = Secret::<KEY>::zeroed();
    let digest = suite.sha256(&[key.expose()])?;
    let parts: [&[u8]; 3] = [&[VERSION], key.expose(), &digest];
    for (byte, value) in stored.expose_mut().iter_mut().zip(parts.into_iter().flatten()) {
        *byte = *value;
    }
    platform.store.save(record::OUTBOX_KEY, stored.expose())?;
    Ok(key)
}

const _: () = assert!(HEAD == 26 && ENTRY > HEAD + TAG);
