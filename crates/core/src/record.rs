//! The one power-safe record.
//!
//! A record lives in two places of the [`Store`]. It is always written first to the place that does not hold the newest
//! valid copy, so a write that is torn, lost or interrupted leaves the old copy readable; the newest valid copy wins. Then
//! it is written to the other place too, so that damage to either copy later neither loses the record nor brings an old
//! one back. Nothing depends on a single magic word: a copy is valid when its whole frame is.
//!
//! ```text
//! offset  0  magic      4 bytes  "aRec"
//!         4  kind       1 byte   which record this is
//!         5  version    1 byte   format of the payload
//!         6  length     2 bytes  of the payload, big endian
//!         8  sequence   4 bytes  rises by one with each write, big endian
//!        12  payload
//!        ..  check      4 bytes  CRC-32 of all that stands before, big endian
//! ```
//!
//! The check finds accidents; it is no defence against somebody who can write the flash. That is the platform's part:
//! debug port locked, flash on the chip or encrypted, counters in hardware.
//! A record must not be used from two threads at once; different kinds are independent.

use crate::platform::{Fault, Slot, Store};
use crate::reason::Reason;
use crate::{Result, bytes, limits};

const MAGIC: [u8; 4] = *b"aRec";
const HEAD: usize = 12;
const CHECK: usize = 4;

/// The registry of records: each has its number, hence its two slots, here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// [`crate::time::Floor`].
    TimeFloor = 1,
    /// [`crate::trust::TrustStore`] of the manufacturer.
    TrustManufacturer = 2,
    /// [`crate::trust::TrustStore`] of the owner.
    TrustOwner = 3,
    /// The birth identity of the device.
    BirthIdentity = 4,
    /// The identity given by the owner, with its pending successor.
    LocalIdentity = 5,
    /// The journal of an update under way.
    UpdateJournal = 6,
    /// What is confirmed: digest, floor, migration floor.
    UpdateConfirmed = 7,
    /// Sequence numbers reserved by the sender of messages.
    SenderSequence = 8,
    /// Replay windows of a receiver of messages.
    ReplayWindows = 9,
    /// Which key others seal messages for.
    AgreementKey = 10,
    /// The highest numbers of revocation lists.
    RevocationNumbers = 11,
    /// Which images may run below the rollback floor.
    UpdateDowngrade = 12,
    /// Updates that the owner has put off or vetoed.
    UpdateHolds = 13,
    /// The account of attempts to update, with the last report.
    UpdateReport = 14,
    /// That the device was decommissioned.
    Tombstone = 15,
    /// What spreads the renewals of a lot over time.
    RenewalSecret = 16,
}

/// The slots of an outbox's messages, each sealed by itself: they are no records.
pub const OUTBOX: core::ops::Range<u16> = 0x80..0xC0;
/// The slot of the key under which they are sealed.
pub const OUTBOX_KEY: Slot = Slot(limits::SECRET_SLOTS | 0x20);

impl Kind {
    /// Every kind of record, in the order of the numbers.
    #[rustfmt::skip]
    pub const ALL: [Self; 16] = [
        Self::TimeFloor, Self::TrustManufacturer, Self::TrustOwner, Self::BirthIdentity, Self::LocalIdentity,
        Self::UpdateJournal, Self::UpdateConfirmed, Self::SenderSequence, Self::ReplayWindows, Self::AgreementKey,
        Self::RevocationNumbers, Self::UpdateDowngrade, Self::UpdateHolds,
        Self::UpdateReport, Self::Tombstone, Self::RenewalSecret,
    ];

    /// The format version that this release writes and reads.
    const fn version(self) -> u8 {
        1
    }

    /// Whether a save fills both places. The journal alone is written often, and an older one only costs work done twice.
    const fn mirrored(self) -> bool {
        !matches!(self, Self::UpdateJournal)
    }

    /// The two slots of this record.
    #[must_use]
    pub const fn slots(self) -> [Slot; 2] {
        let first = (self as u16) << 1;
        [Slot(first), Slot(first | 1)]
    }
}

/// Bytes that the frame of a payload of `payload` bytes takes; for sizing buffers.
#[must_use]
pub const fn frame(payload: usize) -> usize {
    payload.saturating_add(HEAD + CHECK)
}

/// Reads the newest valid copy; none if the record was never written or was erased.
///
/// `buffer` must hold the frame of the larger copy. [`Reason::RecordCorrupt`] if both copies exist and neither is valid,
/// [`Reason::RecordVersion`] if the newest valid one has another format. Damage to one copy does not
/// show, and is mended here by writing that copy anew, so that only both at once are a loss. Of [`Kind::UpdateJournal`]
/// the payload before the last may be read.
pub fn load<'b>(store: &dyn Store, kind: Kind, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>> {
    load_split(store, kind, buffer).map(|(payload, _)| payload)
}

/// As [`load`], and gives the part of `buffer` that the record left free, for the next one.
pub fn load_split<'b>(store: &dyn Store, kind: Kind, buffer: &'b mut [u8]) -> Result<(Option<&'b [u8]>, &'b mut [u8])> {
    let Newest { copy, both } = current(store, kind, buffer)?;
    let Some((place, head)) = copy else {
        return Ok((None, buffer));
    };
    again(store, kind, place, buffer)?;
    let (used, free) = buffer.split_at_mut_checked(frame(head.length)).ok_or(Reason::Internal)?;
    if !both {
        // What was read stands whether this succeeds or not; the next load tries again.
        let _ = store.save(slot(kind, place ^ 1), used);
    }
    Ok((Some(payload(used, head.length)?), free))
}

/// Writes `payload` as the newest copy, through `buffer`, which must hold the frame of the old and of the new one.
///
/// After power loss, and after an error, the record holds the old payload or the new one; success means two copies of the
/// new one. Saving what is stored already writes nothing while both copies are there.
/// [`Reason::RecordCorrupt`] and [`Reason::RecordVersion`] as in [`load`]: only [`erase`] gives such a record up.
pub fn save(store: &dyn Store, kind: Kind, payload: &[u8], buffer: &mut [u8]) -> Result<()> {
    let Newest { copy, both } = current(store, kind, buffer)?;
    if let Some((place, head)) = copy.filter(|_| both) {
        again(store, kind, place, buffer)?;
        if self::payload(buffer, head.length)? == payload {
            return Ok(());
        }
    }
    let sequence = copy.map_or(0, |(_, head)| head.sequence).checked_add(1).ok_or(Reason::Internal)?;
    let length = u16::try_from(payload.len()).map_err(|_| Reason::TooLarge)?;
    let total = frame(payload.len());
    if total > limits::SLOT {
        return Err(Reason::TooLarge);
    }
    let out = buffer.get_mut(..total).ok_or(Reason::BufferTooSmall)?;
    let (body, check) = out.split_at_mut_checked(total.saturating_sub(CHECK)).ok_or(Reason::Internal)?;
    let (head, room) = body.split_at_mut_checked(HEAD).ok_or(Reason::Internal)?;
    let fields: [&[u8]; 5] = [&MAGIC, &[kind as u8], &[kind.version()], &length.to_be_bytes(), &sequence.to_be_bytes()];
    for (byte, value) in head.iter_mut().zip(fields.into_iter().flatten()) {
        *byte = *value;
    }
    bytes::copy(payload, room).ok_or(Reason::Internal)?;
    bytes::copy(&crc32(body).to_be_bytes(), check).ok_or(Reason::Internal)?;
    let last = copy.map_or(1, |(place, _)| place);
    store.save(slot(kind, last ^ 1), out)?;
    if kind.mirrored() || copy.is_none() {
        store.save(slot(kind, last), out)?;
    }
    Ok(())
}

/// Removes the record. The older copy goes first, so that an interruption never brings an old payload back.
pub fn erase(store: &dyn Store, kind: Kind, buffer: &mut [u8]) -> Result<()> {
    let last = match newest(store, kind, buffer) {
        Ok(newest) => newest.copy.map_or(0, |(place, _)| place),
        Err(Reason::RecordCorrupt) => 0,
        Err(other) => return Err(other),
    };
    store.erase(slot(kind, last ^ 1))?;
    store.erase(slot(kind, last))?;
    Ok(())
}

struct Newest {
    /// The newest valid copy: its place and its head.
    copy: Option<(u8, Head)>,
    /// Both places are as a save that succeeded leaves them.
    both: bool,
}

#[derive(Clone, Copy)]
struct Head {
    version: u8,
    length: usize,
    sequence: u32,
}

enum Found {
    Absent,
    Damaged,
    Valid(Head),
}

/// The newest valid copy, if it is of the format that this release reads and writes.
fn current(store: &dyn Store, kind: Kind, buffer: &mut [u8]) -> Result<Newest> {
    let newest = newest(store, kind, buffer)?;
    let readable = newest.copy.is_none_or(|(_, head)| head.version == kind.version());
    if readable { Ok(newest) } else { Err(Reason::RecordVersion) }
}

fn newest(store: &dyn Store, kind: Kind, buffer: &mut [u8]) -> Result<Newest> {
    let mut best: Option<(u8, Head)> = None;
    let (mut both, mut damaged) = (false, true);
    for place in [0, 1] {
        let found = read(store, kind, place, buffer)?;
        damaged &= matches!(found, Found::Damaged);
        let Found::Valid(head) = found else { continue };
        both = best.is_some_and(|(_, other)| !kind.mirrored() || head.sequence == other.sequence);
        if best.is_none_or(|(_, other)| head.sequence >= other.sequence) {
            best = Some((place, head));
        }
    }
    // Damage without a second copy is a first write or an erasure that was interrupted: there is no record.
    if best.is_none() && damaged { Err(Reason::RecordCorrupt) } else { Ok(Newest { copy: best, both }) }
}

/// Has the newest copy in `buffer`, where [`newest`] has left place 1: a copy is large, and a store may be slow.
fn again(store: &dyn Store, kind: Kind, place: u8, buffer: &mut [u8]) -> Result<()> {
    let there = place != 0 || matches!(read(store, kind, 0, buffer)?, Found::Valid(_));
    if there { Ok(()) } else { Err(Reason::RecordCorrupt) }
}

fn read(store: &dyn Store, kind: Kind, place: u8, buffer: &mut [u8]) -> Result<Found> {
    let length = match store.load(slot(kind, place), buffer) {
        Ok(length) => length,
        Err(Fault::NotFound) => return Ok(Found::Absent),
        Err(Fault::Corrupt) => return Ok(Found::Damaged),
        Err(Fault::Full) => return Err(Reason::BufferTooSmall),
        Err(fault) => return Err(fault.into()),
    };
    let bytes = buffer.get(..length).ok_or(Reason::PlatformIo)?;
    Ok(parse(kind, bytes).map_or(Found::Damaged, Found::Valid))
}

fn parse(kind: Kind, bytes: &[u8]) -> Option<Head> {
    let (body, check) = bytes.split_last_chunk::<CHECK>()?;
    let (magic, rest) = body.split_first_chunk::<4>()?;
    let ([stored_kind, version], rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (sequence, payload) = rest.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let valid = *magic == MAGIC
        && *stored_kind == kind as u8
        && length == payload.len()
        && u32::from_be_bytes(*check) == crc32(body);
    valid.then_some(Head { version: *version, length, sequence: u32::from_be_bytes(*sequence) })
}

fn payload(buffer: &[u8], length: usize) -> Result<&[u8]> {
    buffer.get(HEAD..).and_then(|rest| rest.get(..length)).ok_or(Reason::Internal)
}

const fn slot(kind: Kind, place: u8) -> Slot {
    let [first, second] = kind.slots();
    if place == 0 { first } else { second }
}

/// CRC-32 (ISO-HDLC), the checksum of records and of raw flash: it finds damage, and no attacker.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    !crc32_part(u32::MAX, bytes)
}

/// The state of a CRC-32 after more bytes: begins with all ones, and is inverted at the end.
#[must_use]
pub fn crc32_part(state: u32, bytes: &[u8]) -> u32 {
    let half = |crc: u32| (crc >> 4) ^ HALVES.get(crc as usize & 15).copied().unwrap_or(0);
    bytes.iter().fold(state, |crc, byte| half(half(crc ^ u32::from(*byte))))
}

/// What four bits do to a CRC-32: a kilobyte less of flash than for eight bits, a third of the time of single ones.
#[rustfmt::skip]
const HALVES: [u32; 16] = [
    0x0000_0000, 0x1DB7_1064, 0x3B6E_20C8, 0x26D9_30AC, 0x76DC_4190, 0x6B6B_51F4, 0x4DB2_6158, 0x5005_713C,
    0xEDB8_8320, 0xF00F_9344, 0xD6D6_A3E8, 0xCB61_B38C, 0x9B64_C2B0, 0x86D3_D2D4, 0xA00A_E278, 0xBDBD_F21C,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_its_catalogued_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(!crc32_part(crc32_part(u32::MAX, b"1234"), b"56789"), 0xCBF4_3926);
    }

    #[test]
    fn no_two_records_share_a_slot() {
        let mut slots: std::vec::Vec<_> = Kind::ALL.iter().flat_map(|kind| kind.slots()).collect();
        slots.sort();
        slots.dedup();
        assert_eq!(slots.len(), 2 * Kind::ALL.len());
        assert!(slots.iter().all(|slot| slot.0 < OUTBOX.start));
        assert_eq!(usize::from(OUTBOX.end - OUTBOX.start), limits::OUTBOX);
    }
}
