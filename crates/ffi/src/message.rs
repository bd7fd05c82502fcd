//! Sealed messages.

use crate::abi::{Context, Place, aseptic_buf, aseptic_slice, aseptic_status, fill, input, make, state, wipe};
use crate::device::aseptic_device;
use crate::identity::aseptic_identity;
use crate::time;
use aseptic_core::cose::{ContentType, KeySigner};
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Direction, Origin, Outgoing, Sender};

/// Class of observations.
pub const ASEPTIC_TELEMETRY: u8 = 6;
/// Class of alarms.
pub const ASEPTIC_ALARM: u8 = 7;
/// Class of audit records.
pub const ASEPTIC_AUDIT: u8 = 8;

/// What is sent.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_message {
    /// `ASEPTIC_TELEMETRY`, `ASEPTIC_ALARM` or `ASEPTIC_AUDIT`.
    pub message_class: u8,
    /// The stream it belongs to, 0 to 2; each has its own order. Use one for each class.
    pub stream: u8,
    /// 0.
    pub reserved: [u8; 6],
    /// The name of the recipient, as the owner's trust store has it.
    pub recipient: aseptic_slice,
    /// What the body is: a media type, for example `x-application/hl7-v2+er7`.
    pub content_type: aseptic_slice,
    /// The body, at most 65,536 bytes.
    pub body: aseptic_slice,
}

/// The sender of messages: holds the sequence numbers that are reserved. Opaque.
#[repr(C)]
pub struct aseptic_sender {
    _opaque: [u64; 16],
}

impl Context for aseptic_sender {
    type State = Sender;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6303;
}

/// Makes `sender` ready; once at every start.
///
/// Ownership: `sender` must not move until `aseptic_sender_wipe`; have one sender a device. Errors: RECORD_CORRUPT: see
/// `aseptic_sender_start_over`; ENTROPY_FAILED; `sender` is zeroed then. Threads: as for all calls on a device. Power loss: no sequence number is ever used twice.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sender_init(
    device: *mut aseptic_device,
    sender: *mut aseptic_sender,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe {
        make(sender, &[Place::of(device)], || {
            state(device)?.with(|parts| Sender::load(&parts.platform, Direction::FromDevice))
        })
    }
}

/// Gives up sequence numbers that cannot be read any more, where `aseptic_sender_init` answers RECORD_CORRUPT, and makes `sender`
/// ready in a new epoch: nothing that was sent before is ever named anew.
///
/// Ownership: as for `aseptic_sender_init`. Errors: ENTROPY_FAILED, those of the platform; `sender` is zeroed then. Threads: as
/// for all calls on a device. Power loss: the epoch is a new one as well, or the record is still there and cannot be read.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sender_start_over(
    device: *mut aseptic_device,
    sender: *mut aseptic_sender,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe {
        make(sender, &[Place::of(device)], || {
            state(device)?.with(|parts| Sender::start_over(&parts.platform, Direction::FromDevice))
        })
    }
}

/// Signs `message` and seals it for its recipient: nobody on the way can read it, change it, or pass it on as meant for
/// somebody else.
///
/// `out` is also working memory: a size query says how much it needs. It must not overlap anything else that is passed.
/// Ownership: nothing is kept.
/// Errors: NO_PURPOSE if the owner's trust store has no such recipient, MESSAGE_CLASS, KEY_WRONG_USE for a birth identity, TOO_LARGE, KEY_BUSY (call again),
/// BUFFER_TOO_SMALL; no sequence number is used then. Threads: as for all calls on a device. Power loss: at most a
/// sequence number is skipped.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_message_seal(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    sender: *mut aseptic_sender,
    message: *const aseptic_message,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: NULL, misaligned or readable, as the caller promises.
    let told = unsafe { input(message) }.copied();
    let [recipient, content_type, body] = told.map_or([Place::of::<()>(&()); 3], |told| {
        [told.recipient, told.content_type, told.body].map(aseptic_slice::place)
    });
    let inputs =
        [Place::of(device), Place::of(identity), Place::of(sender), Place::of(message), recipient, content_type, body];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, identity, mut sender) = (state(device)?, state(identity)?, state(sender)?);
            let message = told?;
            let body = message.body.bytes()?;
            *needed = Sender::room(body.len());
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            let Told { class, stream, recipient, content_type, body } = Told::read(&message)?;
            identity.require_local(&device)?;
            device.with(|parts| {
                let now = time::now(&parts.platform)?;
                let (platform, suite, trust) = parts.load_trust()?;
                let key = identity.key()?;
                let signer =
                    KeySigner::new(platform.keys, identity.key_id, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
                let from = Origin { name: identity.name()?, key, signer: &signer };
                let to = [trust.pinned(&suite, Purpose::Receive, recipient)?];
                let outgoing = Outgoing { class, stream, to: &to, fresh: None, content_type, body, time: now };
                sender.seal(&platform, &suite, &from, &outgoing, room)
            })
        })
    }
}

/// Ends `sender` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_sender_wipe(sender: *mut aseptic_sender) {
    // SAFETY: as the caller promises.
    unsafe { wipe(sender) }
}

/// A message read from the caller's struct: its class, and the parts of it.
pub(crate) struct Told<'m> {
    pub(crate) class: Purpose,
    pub(crate) stream: u8,
    pub(crate) recipient: &'m [u8],
    pub(crate) content_type: ContentType<'m>,
    pub(crate) body: &'m [u8],
}

impl Told<'_> {
    /// # Safety
    /// The slices of `message` must be readable for as long as the answer is used.
    pub(crate) unsafe fn read(message: &aseptic_message) -> Result<Self> {
        // SAFETY: as the caller promises.
        let [recipient, content_type, body] =
            unsafe { [message.recipient.bytes()?, message.content_type.bytes()?, message.body.bytes()?] };
        let content_type = core::str::from_utf8(content_type).map_err(|_| Reason::Misuse)?;
        let (class, content_type) = (class(message)?, ContentType::Text(content_type));
        Ok(Self { class, stream: message.stream, recipient, content_type, body })
    }
}

/// What a device sends through this interface; commands and configuration go the other way.
fn class(message: &aseptic_message) -> Result<Purpose> {
    if message.reserved != [0; 6] {
        return Err(Reason::Misuse);
    }
    sent_class(message.message_class)
}

/// The class of this number, among those that a device sends.
pub(crate) fn sent_class(number: u8) -> Result<Purpose> {
    match number {
        ASEPTIC_TELEMETRY => Ok(Purpose::Telemetry),
        ASEPTIC_ALARM => Ok(Purpose::Alarm),
        ASEPTIC_AUDIT => Ok(Purpose::Audit),
        _ => Err(Reason::MessageClass),
    }
}

const _: () = assert!(
    ASEPTIC_TELEMETRY == Purpose::Telemetry as u8
        && ASEPTIC_ALARM == Purpose::Alarm as u8
        && ASEPTIC_AUDIT == Purpose::Audit as u8
);
