//! Sessions that others have offered to this device: their frequent small messages.

use crate::abi::{Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, make, output_apart, state, wipe};
use crate::device::aseptic_device;
use crate::identity::aseptic_identity;
use crate::opener::{Receiving, aseptic_opener, verdict};
use crate::peer::aseptic_peer;
use crate::ticket::{Claim, Handed, NOTHING, Name, aseptic_opened, aseptic_ticket, hand_over, order_of, type_of};
use aseptic_core::cose::{KeyAgree, Sign1};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::time::Time;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{CONTROL, Direction, Earlier, Heartbeat, Observation, Opened, Order, Receiver, Sessions};
use core::mem::replace;

/// No session of this sender and class was known here. `messages` is how many its sender has sent since it was started: compare with
/// those that are stored.
pub const ASEPTIC_EARLIER_FIRST: u8 = 1;
/// `messages` that were sent after the last one that was committed here are lost.
pub const ASEPTIC_EARLIER_CONTINUED: u8 = 2;
/// The sender was started anew, or counts anew. `messages` of the new count are lost, and whether it had sent any after the last one
/// that was committed here nobody knows.
pub const ASEPTIC_EARLIER_RESTARTED: u8 = 3;

/// A session that was accepted, and what is missing at the end of those before it of the same sender and class.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_accepted {
    /// The number of the session, as its sender has it by `aseptic_session_number`.
    pub number: u32,
    /// What is known of the messages before the session, one of `ASEPTIC_EARLIER_...`.
    pub earlier: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// The number of the offer that the sender's count began with: `messages` of sessions with the same one add up.
    pub run: u64,
    /// Messages, as `earlier` has it.
    pub messages: u64,
}

/// Sessions that one device holds as their recipient: a sender and a class each.
const SESSIONS: usize = 4;

/// The receiving ends of up to four sessions. They live in this memory alone and end with it. Opaque.
#[repr(C)]
pub struct aseptic_sessions {
    _opaque: [u64; 176],
}

impl Context for aseptic_sessions {
    type State = Held;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_630C;
}

pub(crate) struct Held {
    table: Sessions<SESSIONS>,
    /// The session of the message that was refused last because nobody here knows it, until another one is accepted: whose it is
    /// nobody can tell, so each report to each sender names it.
    pub(crate) lost: Option<[u8; 4]>,
}

/// Makes `sessions` ready, with none in it; once at every start.
///
/// Ownership: `sessions` must not move until `aseptic_sessions_wipe`. Errors: MISUSE. Threads: as for all calls on a device. Power
/// loss: ends all sessions; their senders offer new ones when a report says so.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_init(sessions: *mut aseptic_sessions) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe { make(sessions, &[], || Ok(Held { table: Sessions::default(), lost: None })) }
}

/// Takes the offer of a session, a message that `aseptic_message_open` has handed over on stream 3: `signed_message` as it was told,
/// and its `ticket`. It replaces the session of the same sender and class, and `accepted` tells what is missing at the end of that
/// one: commit what was opened first. `sender` as it was there.
///
/// Ownership: nothing is kept; `ticket` is committed. Errors: MISUSE for a ticket of another message or one that is committed,
/// MESSAGE_MALFORMED for a message that offers none, ALGORITHM_UNSUPPORTED for a hybrid offer, which wants a KEM key that no device
/// has, MESSAGE_UNKNOWN_SENDER or DENIED if the sender is not accepted any more, SENDERS_FULL: call `aseptic_sessions_end` and this
/// again; nothing changes then, and `accepted` is zeroed. Threads: as for all calls on a device. Power loss: ends the session.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_accept(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    opener: *mut aseptic_opener,
    sessions: *mut aseptic_sessions,
    sender: *mut aseptic_peer,
    signed_message: aseptic_slice,
    ticket: *mut aseptic_ticket,
    accepted: *mut aseptic_accepted,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(identity), Place::of(opener), Place::of(sessions)];
        let [ours, who, memory, table] = contexts;
        let inputs = [ours, who, memory, table, Place::of(sender), signed_message.place(), Place::of(ticket)];
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let told = unsafe { output_apart(accepted, &inputs)? };
        *told = aseptic_accepted { number: 0, earlier: 0, reserved: [0; 3], run: 0, messages: 0 };
        // SAFETY: as the caller promises.
        let (mut device, identity, opener, mut sessions, mut ticket, signed) = unsafe {
            (
                state(device)?,
                state(identity)?,
                state(opener)?,
                state(sessions)?,
                state(ticket)?,
                signed_message.bytes()?,
            )
        };
        // SAFETY: as the caller promises.
        let known = if sender.is_null() { None } else { Some(unsafe { state(sender)? }) };
        identity.require_local(&device)?;
        device.with(|parts| {
            let (platform, suite, trust) = parts.load_trust()?;
            let (Receiving { key, classes, .. }, known_here) = (&*opener, opener.opener_ref()?);
            let key = KeyAgree::new(platform.keys, *key, KeyAlg::P256);
            let us = Receiver { name: identity.name()?, key: &key, direction: Direction::ToDevice, allowed: *classes };
            let Handed { claim, sender, sealed, class, .. } = &mut *ticket;
            let ((receipt, boot), from) = (sealed.ok_or(Reason::Misuse)?, sender.bytes());
            if !suite.sha256(&[signed])?.starts_with(&receipt.digest) {
                return Err(Reason::Misuse);
            }
            let inner = Sign1::parse(signed)?;
            let signer = verdict(known.as_deref(), &trust, &suite, from, *class)?;
            let held = match replace(claim, Claim::Committed) {
                Claim::Sealed(held) if known_here.require_own(&held).is_ok() => held,
                other => {
                    *claim = other;
                    return Err(Reason::Misuse);
                }
            };
            let offer = Opened {
                from: core::str::from_utf8(from).map_err(|_| Reason::Internal)?,
                class: *class,
                stream: receipt.id.stream,
                epoch: receipt.id.epoch,
                boot,
                sequence: receipt.id.sequence,
                order: Order::InOrder,
                restarted: false,
                time: Time::UNKNOWN,
                content_type: inner.header.content_type.ok_or(Reason::Internal)?,
                body: inner.payload.ok_or(Reason::Internal)?,
                signed,
                digest: receipt.digest,
                degraded: None,
                ticket: held,
            };
            let accepted = match sessions.table.accept(&suite, &us, &signer, &offer) {
                Ok(accepted) => accepted,
                Err(reason) => {
                    *claim = Claim::Sealed(offer.ticket);
                    return Err(reason);
                }
            };
            // Whoever had lost one has learned of it.
            sessions.lost = None;
            told.number = u32::from_be_bytes(accepted.kid);
            told.run = accepted.run.1;
            (told.earlier, told.messages) = match accepted.earlier {
                Earlier::First { sent } => (ASEPTIC_EARLIER_FIRST, sent),
                Earlier::Continued { missing } => (ASEPTIC_EARLIER_CONTINUED, missing),
                Earlier::Restarted { missing } => (ASEPTIC_EARLIER_RESTARTED, missing),
            };
            Ok(())
        })
    })
}

/// Opens one message of a session. Its sender is looked up in the owner's trust store of today, or is the one of the verdict
/// `sender` about its certificate for this class, else NULL. It is handed over until `aseptic_sessions_commit` was called with
/// `ticket`, so commit when the body is stored.
///
/// Ownership: `out` must have room for `message.len` bytes and overlap nothing else. `ticket` must not move until
/// `aseptic_ticket_wipe`. Errors: SESSION_UNKNOWN if no session has its key: say so by `aseptic_report_sign`; DECRYPT_FAILED,
/// MESSAGE_REPLAYED, MESSAGE_TOO_OLD, MESSAGE_UNKNOWN_SENDER or DENIED if the sender is not accepted any more, COSE_MALFORMED,
/// BUFFER_TOO_SMALL; all outputs are zeroed then. Threads: as for all calls on a device. Power loss: ends all sessions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_open(
    device: *mut aseptic_device,
    sessions: *mut aseptic_sessions,
    sender: *mut aseptic_peer,
    message: aseptic_slice,
    out: *mut aseptic_buf,
    opened: *mut aseptic_opened,
    ticket: *mut aseptic_ticket,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(sessions), Place::of(sender)];
    let [ours, memory, peer] = contexts;
    let inputs = [ours, memory, peer, message.place(), Place::of(opened), Place::of(ticket)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        hand_over(&contexts, &inputs, out, opened, ticket, |room, needed| {
            let (mut device, mut sessions, message) = (state(device)?, state(sessions)?, message.bytes()?);
            let known = if sender.is_null() { None } else { Some(state(sender)?) };
            *needed = message.len();
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            let Held { table, lost } = &mut *sessions;
            device.with(|parts| {
                let (platform, suite, trust) = parts.load_trust()?;
                let mut senders = |name: &str, class| verdict(known.as_deref(), &trust, &suite, name.as_bytes(), class);
                let found = table.open(&platform, &suite, &mut senders, message, room);
                if found.as_ref().err() == Some(&Reason::SessionUnknown) {
                    *lost = Sessions::<SESSIONS>::claimed(message);
                }
                hand(found?)
            })
        })
    }
}

/// Takes note that the message of `ticket` was handled: from now on it is refused when it comes again.
///
/// Ownership: `ticket` is committed once. Errors: MESSAGE_REPLAYED if the message was committed since it was opened,
/// SESSION_UNKNOWN if the session has ended: either way the program has it. MISUSE for a ticket that is committed or of a sealed
/// message. Threads: as for all calls on a device. Power loss: ends all sessions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_commit(
    sessions: *mut aseptic_sessions,
    ticket: *mut aseptic_ticket,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut sessions, mut ticket) = unsafe { (state(sessions)?, state(ticket)?) };
        match replace(&mut ticket.claim, Claim::Committed) {
            Claim::Session(claim) => sessions.table.commit(claim),
            other => {
                ticket.claim = other;
                Err(Reason::Misuse)
            }
        }
    })
}

/// Ends the sessions of the sender `name` and wipes their keys; for a sender that is gone, or to make room for another.
///
/// Ownership: `name` is read during the call. Errors: MISUSE. Threads: as for all calls on a device. Power loss: ends all sessions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_end(sessions: *mut aseptic_sessions, name: aseptic_slice) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut sessions, name) = unsafe { (state(sessions)?, name.bytes()?) };
        sessions.table.end(name);
        Ok(())
    })
}

/// Ends `sessions` and wipes their keys. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sessions_wipe(sessions: *mut aseptic_sessions) {
    // SAFETY: as the caller promises.
    unsafe { wipe(sessions) }
}

fn hand(message: Observation<'_>) -> Result<(Handed, aseptic_opened, usize)> {
    let ((order, missing), (content_type, content_format)) = (order_of(message.order), type_of(message.content_type));
    let described = aseptic_opened {
        message_class: message.class as u8,
        stream: CONTROL,
        order,
        missing,
        epoch: message.epoch.1,
        sequence: message.sequence,
        content_format,
        sender: aseptic_slice::of(message.from.as_bytes()),
        content_type,
        body: aseptic_slice::of(message.body),
        ..NOTHING
    };
    let (sender, beat) = (Name::new(message.from.as_bytes())?, Heartbeat::decode(message.body).ok());
    let handed = Handed { claim: Claim::Session(message.ticket), sender, sealed: None, class: message.class, beat };
    Ok((handed, described, message.body.len()))
}
