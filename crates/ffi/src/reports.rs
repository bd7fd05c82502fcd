//! Reports: what became of messages, in the words of their recipient.

use crate::abi::{Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, output_apart, state};
use crate::device::aseptic_device;
use crate::identity::aseptic_identity;
use crate::opener::aseptic_opener;
use crate::sessions::aseptic_sessions;
use crate::ticket::{Claim, aseptic_ticket};
use aseptic_core::cose::KeySigner;
use aseptic_core::limits::{RECEIPTS, STREAMS};
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Direction, MessageId, Origin, REPORT, Receipt, Report, StreamReport, Verdict};

/// The message was handed over; whether it will be kept is not known yet.
pub const ASEPTIC_OUTCOME_DELIVERED: aseptic_status = 0;
/// The message is stored where it belongs.
pub const ASEPTIC_OUTCOME_STORED: aseptic_status = 1;

/// What names a message for ever, together with its sender.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_message_id {
    /// The epoch of the sender's numbers.
    pub epoch: u64,
    /// The number within stream and epoch.
    pub sequence: u64,
    /// The stream.
    pub stream: u8,
    /// 0.
    pub reserved: [u8; 7],
}

/// What the program says of a message that it has opened.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_outcome {
    /// The ticket of the message, a sealed one.
    pub ticket: *mut aseptic_ticket,
    /// `ASEPTIC_OUTCOME_DELIVERED`, `ASEPTIC_OUTCOME_STORED`, or the status for which it is genuine and will not be taken.
    pub outcome: aseptic_status,
    /// 0.
    pub reserved: u32,
}

/// What the recipient of a message says of it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_receipt {
    /// Which message.
    pub message: aseptic_message_id,
    /// The first half of SHA-256 of the message as it was signed.
    pub digest: [u8; 16],
    /// `ASEPTIC_OUTCOME_DELIVERED`, `ASEPTIC_OUTCOME_STORED`, or the status for which it is genuine and will not be taken.
    pub outcome: aseptic_status,
    /// 0.
    pub reserved: u32,
}

/// What the recipient knows of a stream: which messages it misses, and which it asks for again.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_stream {
    /// The epoch of the stream's numbers.
    pub epoch: u64,
    /// The highest number that was handed over; 0 if none since the recipient was started.
    pub high: u64,
    /// Which of the numbers below it were not: bit n stands for `high - 1 - n`.
    pub missing: u64,
    /// Numbers up to this one, and unseen since, may have been handed over or not: they are asked for again.
    pub uncertain: u64,
    /// The stream.
    pub stream: u8,
    /// 0.
    pub reserved: [u8; 7],
}

/// A report that was verified.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_report {
    /// How many of `receipts` there are.
    pub receipt_count: u32,
    /// How many of `streams` there are.
    pub stream_count: u32,
    /// The number of a session that the recipient has lost, as `aseptic_session_number` has it; 0 for none.
    pub lost_session: u32,
    /// 0.
    pub reserved: u32,
    /// Receipts; zeros from `receipt_count` on.
    pub receipts: [aseptic_receipt; 16],
    /// Streams; zeros from `stream_count` on.
    pub streams: [aseptic_stream; 4],
}

/// Verifies a report of `signer`, a name that the owner's trust store pins for receipts, and tells what it says: of each message
/// whether it is in the record, for a program that shows it. The outbox takes the same report by `aseptic_outbox_settle`.
///
/// Ownership: nothing is kept. Errors: NO_PURPOSE, UNKNOWN_SIGNER, SIGNATURE_INVALID (also for a report to another device),
/// MESSAGE_MALFORMED, KEY_WRONG_USE for a birth identity; `found` is zeroed then. Threads: as for all calls on a device. Power loss:
/// nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_report_verify(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    signer: aseptic_slice,
    report: aseptic_slice,
    found: *mut aseptic_report,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(identity), signer.place(), report.place()];
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let found = unsafe { output_apart(found, &inputs)? };
        *found = NOTHING;
        // SAFETY: as the caller promises.
        let (mut device, identity, signer, report) =
            unsafe { (state(device)?, state(identity)?, signer.bytes()?, report.bytes()?) };
        identity.require_local(&device)?;
        device.with(|parts| {
            let (_, suite, trust) = parts.load_trust()?;
            let peer = trust.pinned(&suite, Purpose::Receipt, signer)?;
            let report = Report::verify(&suite, &peer, identity.name()?, Direction::FromDevice, report)?;
            described(&report, found);
            Ok(())
        })
    })
}

/// Signs a report for `sender`, whose messages this device opens: `count` outcomes, at most 16, then which numbers of its streams
/// are missing and which are asked for again after a restart. If the message that was opened last was refused for its number
/// alone, and there is room, its receipt is given again; and the session is named whose message `sessions` has refused last because
/// nobody here knows it, in every report until `aseptic_sessions_accept` has taken another: whose it was cannot be told. `sessions`
/// may be NULL.
///
/// A message counts as stored after its `aseptic_message_commit` alone: the sender forgets it then. The recipient needs the key of
/// this device in its trust store, for receipts.
///
/// Ownership: nothing is kept; tickets may serve again. Errors: MISUSE for the outcome of a message of another sender or of a
/// session, for one as stored that was not committed, for an outcome that is no status; TOO_LARGE for more of them; KEY_WRONG_USE for
/// a birth identity, KEY_BUSY (call again), BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is stored;
/// what has no receipt comes again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_report_sign(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    opener: *mut aseptic_opener,
    sessions: *mut aseptic_sessions,
    sender: aseptic_slice,
    outcomes: *const aseptic_outcome,
    count: usize,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(identity), Place::of(opener), Place::of(sessions)];
    let [ours, who, memory, held] = contexts;
    let inputs = [ours, who, memory, held, sender.place(), Place::row(outcomes, count)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, identity, mut opener) = (state(device)?, state(identity)?, state(opener)?);
            let opener = opener.opener()?;
            let sessions = if sessions.is_null() { None } else { Some(state(sessions)?) };
            let sender = sender.bytes()?;
            let receipts = receipts(sender, outcomes, count)?;
            identity.require_local(&device)?;
            *needed = REPORT;
            let room = room.get_mut(..REPORT).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let (platform, suite) = (parts.platform, parts.suite);
                let key = identity.key()?;
                let signer =
                    KeySigner::new(platform.keys, identity.key_id, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
                let from = Origin { name: identity.name()?, key, signer: &signer };
                let mut report = opener.report(&suite, sender)?;
                report.receipts = receipts;
                if let Some(again) = opener.receipt_again(&suite, sender)? {
                    // Where all places are taken it waits for the next report.
                    let _full = report.add(again);
                }
                report.lost_session = sessions.as_ref().and_then(|sessions| sessions.lost);
                report.sign(&suite, &from, sender, Direction::ToDevice, room)
            })
        })
    }
}

/// # Safety
/// `outcomes` must be NULL, misaligned or readable for `count` of them, and their tickets contexts that no other call uses.
unsafe fn receipts(
    sender: &[u8],
    outcomes: *const aseptic_outcome,
    count: usize,
) -> Result<[Option<Receipt>; RECEIPTS]> {
    let mut receipts = [None; RECEIPTS];
    let places = receipts.get_mut(..count).ok_or(Reason::TooLarge)?;
    if count == 0 {
        return Ok(receipts);
    }
    if outcomes.is_null() || !outcomes.is_aligned() {
        return Err(Reason::Misuse);
    }
    // SAFETY: not null and aligned; readable, as the caller promises.
    let outcomes = unsafe { core::slice::from_raw_parts(outcomes, count) };
    for (place, said) in places.iter_mut().zip(outcomes) {
        // SAFETY: as the caller promises.
        let ticket = unsafe { state(said.ticket)? };
        let (receipt, _) = ticket.sealed.ok_or(Reason::Misuse)?;
        let verdict = match said.outcome {
            ASEPTIC_OUTCOME_DELIVERED => Verdict::Delivered,
            ASEPTIC_OUTCOME_STORED if matches!(ticket.claim, Claim::Committed) => Verdict::Stored,
            number => Verdict::Rejected(Reason::from_number(number).ok_or(Reason::Misuse)?),
        };
        if ticket.sender.bytes() != sender || said.reserved != 0 {
            return Err(Reason::Misuse);
        }
        *place = Some(Receipt { verdict, ..receipt });
    }
    Ok(receipts)
}

pub(crate) const fn id_of(id: MessageId) -> aseptic_message_id {
    aseptic_message_id { epoch: id.epoch, sequence: id.sequence, stream: id.stream, reserved: [0; 7] }
}

fn described(report: &Report, found: &mut aseptic_report) {
    for (place, receipt) in found.receipts.iter_mut().zip(report.receipts.iter().flatten()) {
        let Receipt { id, digest, verdict } = *receipt;
        let outcome = match verdict {
            Verdict::Delivered => ASEPTIC_OUTCOME_DELIVERED,
            Verdict::Stored => ASEPTIC_OUTCOME_STORED,
            Verdict::Rejected(reason) => reason.number(),
        };
        *place = aseptic_receipt { message: id_of(id), digest, outcome, reserved: 0 };
        found.receipt_count = found.receipt_count.saturating_add(1);
    }
    for (place, known) in found.streams.iter_mut().zip(report.streams.iter().flatten()) {
        let StreamReport { stream, epoch, high, missing, uncertain } = *known;
        *place = aseptic_stream { epoch, high, missing, uncertain, stream, reserved: [0; 7] };
        found.stream_count = found.stream_count.saturating_add(1);
    }
    found.lost_session = report.lost_session.map_or(0, u32::from_be_bytes);
}

const NOTHING: aseptic_report = aseptic_report {
    receipt_count: 0,
    stream_count: 0,
    lost_session: 0,
    reserved: 0,
    receipts: [aseptic_receipt {
        message: id_of(MessageId { stream: 0, epoch: 0, sequence: 0 }),
        digest: [0; 16],
        outcome: 0,
        reserved: 0,
    }; RECEIPTS],
    streams: [aseptic_stream { epoch: 0, high: 0, missing: 0, uncertain: 0, stream: 0, reserved: [0; 7] }; STREAMS],
};
