//! Messages that were accepted: what the program is told of one, and the ticket that later calls ask for.

use crate::abi::{
    Context, Place, apart, aseptic_buf, aseptic_slice, aseptic_status, fill, make, output, output_apart, result, wipe,
};
use aseptic_core::cose::ContentType;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result, bytes, limits};
use aseptic_messaging::{Heartbeat, Order, Receipt, SessionTicket, Ticket};

/// The message follows the one that was opened before it.
pub const ASEPTIC_ORDER_NEXT: u8 = 1;
/// A message with a higher number was opened before this one.
pub const ASEPTIC_ORDER_LATE: u8 = 2;
/// `missing` numbers before this one have not been seen.
pub const ASEPTIC_ORDER_GAP: u8 = 3;
/// It may have been handed over before the last start of this device: look for `stream`, `epoch` and `sequence` among what is
/// stored.
pub const ASEPTIC_ORDER_UNCERTAIN: u8 = 4;

/// The proof that one message was opened, and the claim to have handed it over. Opaque.
#[repr(C)]
pub struct aseptic_ticket {
    _opaque: [u64; 28],
}

impl Context for aseptic_ticket {
    type State = Handed;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6308;
}

/// A message that was accepted. The slices lie in the buffer that it was opened into; those of a message of a session that say
/// who sent it and what it is lie in the sessions, until the next call with them.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_opened {
    /// The class, one of `ASEPTIC_TELEMETRY`, `_ALARM`, `_AUDIT`, `_COMMAND`, `_CONFIGURATION`.
    pub message_class: u8,
    /// The stream, 0 to 2; 3 for the offer of a session, to be given to `aseptic_sessions_accept`, and for what comes in it.
    pub stream: u8,
    /// Where it stands among the others of its stream, one of `ASEPTIC_ORDER_...`.
    pub order: u8,
    /// 1 if the sender has started anew since its last message, so that a gap may hold numbers that it never used; else 0.
    pub restarted: u8,
    /// What the sender's clock was worth, one of `ASEPTIC_TIME_...`.
    pub time_trust: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// How many numbers before this one have not been seen; 0 unless `order` is `ASEPTIC_ORDER_GAP`.
    pub missing: u64,
    /// The epoch of the sender's numbers; of a message of a session the number of its offer.
    pub epoch: u64,
    /// The number within stream and epoch.
    pub sequence: u64,
    /// When the sender says it wrote this, in seconds since 1970.
    pub seconds: u64,
    /// Why the sender was accepted only with a flag, as `aseptic_peer_degraded` has it; else `ASEPTIC_OK`.
    pub degraded: aseptic_status,
    /// The content type as a number (CoAP Content-Format), where it is not text.
    pub content_format: u32,
    /// The name of the sender, proven.
    pub sender: aseptic_slice,
    /// What the body is, a media type; empty where it is a number.
    pub content_type: aseptic_slice,
    /// The body.
    pub body: aseptic_slice,
    /// The message as the sender signed it (COSE_Sign1), body included, to be kept as evidence; empty for a message of a session,
    /// which is none.
    pub signed_message: aseptic_slice,
}

/// Ends `ticket` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: a message that was
/// not committed comes again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_ticket_wipe(ticket: *mut aseptic_ticket) {
    // SAFETY: as the caller promises.
    unsafe { wipe(ticket) }
}

/// What later calls need to know of a message.
pub(crate) struct Handed {
    pub(crate) claim: Claim,
    pub(crate) sender: Name,
    /// Of a sealed message: its name and digest, and the boot of its sender.
    pub(crate) sealed: Option<(Receipt, [u8; 8])>,
    pub(crate) class: Purpose,
    /// The body, where it is as long as a heartbeat.
    pub(crate) beat: Option<Heartbeat>,
}

/// What there is to commit.
pub(crate) enum Claim {
    Sealed(Ticket),
    Session(SessionTicket),
    Committed,
}

/// A name by value.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; limits::NAME],
    len: usize,
}

impl Name {
    pub(crate) fn new(name: &[u8]) -> Result<Self> {
        let mut bytes = [0; limits::NAME];
        bytes::copy(name, &mut bytes).ok_or(Reason::Misuse)?;
        Ok(Self { bytes, len: name.len() })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Runs `open` on the room behind `out`, and hands over all that it gives or nothing: after an error all three outputs are
/// zeroed. `inputs` must name all that is read, the `contexts` among them, and `opened` and `ticket`.
///
/// # Safety
/// `out`, `opened` and `ticket` must be NULL or misaligned or writable, the room behind `out` too.
pub(crate) unsafe fn hand_over(
    contexts: &[Place],
    inputs: &[Place],
    out: *mut aseptic_buf,
    opened: *mut aseptic_opened,
    ticket: *mut aseptic_ticket,
    open: impl FnOnce(&mut [u8], &mut usize) -> Result<(Handed, aseptic_opened, usize)>,
) -> aseptic_status {
    // SAFETY: NULL, misaligned or writable, as the caller promises.
    let told = unsafe { output_apart(opened, contexts) }.map(|opened| *opened = NOTHING);
    // SAFETY: as the caller promises. With an error this zeroes it.
    let placed = unsafe { fill(out, inputs, |_, _| told.and(apart(inputs)).map(|()| 0)) };
    if placed != crate::ASEPTIC_OK {
        return placed;
    }
    // SAFETY: NULL, misaligned or writable memory of the type, as the caller promises. This zeroes it.
    let _zeroed = unsafe { make(ticket, &[], || Err(Reason::Misuse)) };
    let mut found = NOTHING;
    // SAFETY: as the caller promises; all that is read is named.
    let status = unsafe {
        fill(out, inputs, |room, needed| {
            let mut length = 0;
            result(make(ticket, &[], || {
                let (handed, described, used) = open(room, needed)?;
                (found, length) = (described, used);
                Ok(handed)
            }))?;
            Ok(length)
        })
    };
    if status == crate::ASEPTIC_OK
        // SAFETY: it was written to before, and overlaps nothing else.
        && let Ok(opened) = unsafe { output(opened) }
    {
        *opened = found;
    }
    status
}

/// What stands in the header for an order: its number, and how many numbers are missing.
pub(crate) const fn order_of(order: Order) -> (u8, u64) {
    match order {
        Order::InOrder => (ASEPTIC_ORDER_NEXT, 0),
        Order::Late => (ASEPTIC_ORDER_LATE, 0),
        Order::Gap(missing) => (ASEPTIC_ORDER_GAP, missing),
        Order::Uncertain => (ASEPTIC_ORDER_UNCERTAIN, 0),
    }
}

/// What stands in the header for a content type: a text, or a number.
pub(crate) fn type_of(content_type: ContentType<'_>) -> (aseptic_slice, u32) {
    match content_type {
        ContentType::Text(text) => (aseptic_slice::of(text.as_bytes()), 0),
        ContentType::Number(number) => (aseptic_slice::EMPTY, u32::try_from(number).unwrap_or(u32::MAX)),
    }
}

/// Nothing was opened.
pub(crate) const NOTHING: aseptic_opened = aseptic_opened {
    message_class: 0,
    stream: 0,
    order: 0,
    restarted: 0,
    time_trust: 0,
    reserved: [0; 3],
    missing: 0,
    epoch: 0,
    sequence: 0,
    seconds: 0,
    degraded: 0,
    content_format: 0,
    sender: aseptic_slice::EMPTY,
    content_type: aseptic_slice::EMPTY,
    body: aseptic_slice::EMPTY,
    signed_message: aseptic_slice::EMPTY,
};
