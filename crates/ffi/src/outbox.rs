//! Store and forward: messages that wait for their receipt.

use crate::abi::{
    Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make_in_place, output_apart, state,
    wipe,
};
use crate::device::{Parts, aseptic_device};
use crate::identity::{aseptic_identity, same_hardware};
use crate::message::{Told, aseptic_message, aseptic_sender};
use crate::reports::{aseptic_message_id, id_of};
use crate::time;
use aseptic_core::cose::KeySigner;
use aseptic_core::trust::{Purpose, Trust};
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Direction, ENTRY, MessageId, Origin, Outbox, Outgoing, Report, Sender};

/// Messages that wait, in the store of the device. Opaque.
#[repr(C)]
pub struct aseptic_outbox {
    _opaque: [u64; 528],
}

impl Context for aseptic_outbox {
    type State = Option<Outbox>;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_630A;
}

/// What a report has changed.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_settled {
    /// Messages that the record has: they left the outbox.
    pub stored: u32,
    /// Messages that will not be taken: they left the outbox, each with an event.
    pub rejected: u32,
    /// Messages that are asked for again: `aseptic_outbox_next` gives them.
    pub again: u32,
    /// The number of a session that the recipient has lost, as `aseptic_session_number` has it; 0 for none.
    pub lost_session: u32,
}

/// Makes `outbox` ready with `capacity` messages, 64 at most; once at every start. Each takes one slot of the store of up to
/// 8,192 bytes; with the entries for raw flash keep the capacity at 16.
///
/// Ownership: `outbox` must not move until `aseptic_outbox_wipe`; have one outbox a device. Errors: MISUSE, ENTROPY_FAILED, those of
/// the platform; `outbox` is zeroed then. Threads: as for all calls on a device. Power loss: what was put in is in; what cannot be
/// read back is removed with the event OUTBOX_DAMAGED.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_init(
    device: *mut aseptic_device,
    capacity: u32,
    outbox: *mut aseptic_outbox,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make_in_place(
            outbox,
            &[Place::of(device)],
            || None,
            |outbox| {
                let capacity = usize::try_from(capacity).map_err(|_| Reason::Misuse)?;
                state(device)?.with(|Parts { platform, suite, memory, .. }| {
                    Outbox::load_into(outbox, &platform, &suite, capacity, memory.whole())
                })
            },
        )
    }
}

/// Signs `message` and puts it in: after this it survives power loss, until a report says that the record has it. Its stream
/// follows from its class. Where the outbox is full the oldest telemetry gives way, then, to an alarm alone, the oldest audit
/// record; an alarm never does. `id` is the name by which reports speak of the message; it may be NULL.
///
/// Ownership: nothing is kept. Errors: NO_PURPOSE if the owner's trust store has no such recipient, MESSAGE_CLASS, KEY_WRONG_USE for
/// a birth identity, TOO_LARGE, KEY_BUSY (call again), OUTBOX_FULL: alarm locally; the message is not in then, and `id` is zeroed.
/// Threads: as for all calls on a device. Power loss: the message is in, or this call did not succeed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_put(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    sender: *mut aseptic_sender,
    outbox: *mut aseptic_outbox,
    message: *const aseptic_message,
    id: *mut aseptic_message_id,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(identity), Place::of(sender), Place::of(outbox), Place::of(message)];
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let id = if id.is_null() { None } else { Some(unsafe { output_apart(id, &contexts)? }) };
        let mut name = MessageId { stream: 0, epoch: 0, sequence: 0 };
        let id = id.map(|id| {
            *id = id_of(name);
            id
        });
        // SAFETY: as the caller promises.
        let (mut device, identity, mut sender, mut outbox) =
            unsafe { (state(device)?, state(identity)?, state(sender)?, state(outbox)?) };
        // SAFETY: NULL, misaligned or readable with all that it points to, as the caller promises.
        let Told { class, stream, recipient, content_type, body } = unsafe { Told::read(input(message)?)? };
        identity.require_local(&device)?;
        device.with(|Parts { platform, suite, memory, .. }| {
            let time = time::now(&platform)?;
            let to = [Trust::load(&platform, &mut memory.trust)?.pinned(&suite, Purpose::Receive, recipient)?];
            let key = identity.key()?;
            let signer = KeySigner::new(platform.keys, identity.key_id, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
            let from = Origin { name: identity.name()?, key, signer: &signer };
            let message = Outgoing { class, stream, to: &to, fresh: None, content_type, body, time };
            name = whole(&mut outbox)?.put(&platform, &suite, &mut sender, &from, &message, memory.whole())?;
            Ok(())
        })?;
        if let Some(id) = id {
            *id = id_of(name);
        }
        Ok(())
    })
}

/// Seals the message that is to be sent next, if there is one, for `recipient`, as far as the owner's trust store accepts it today:
/// an alarm before an audit record before telemetry, the oldest first, each once until it is asked for again. `out->len` is 0 if
/// nothing is to be sent.
///
/// Ownership: nothing is kept. `out` is also working memory: twice the body and 8,192 bytes are enough. Errors: NO_PURPOSE if
/// the recipient is not accepted today; all stays in then. BUFFER_TOO_SMALL, with what the longest message needs. Threads: as for all
/// calls on a device. Power loss: the message is sent again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_next(
    device: *mut aseptic_device,
    sender: *mut aseptic_sender,
    outbox: *mut aseptic_outbox,
    recipient: aseptic_slice,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(sender), Place::of(outbox), recipient.place()];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, sender, mut outbox) = (state(device)?, state(sender)?, state(outbox)?);
            same_hardware(&device)?;
            let recipient = recipient.bytes()?;
            *needed = Sender::room(ENTRY);
            device.with(|parts| {
                let (platform, suite, trust) = parts.load_trust()?;
                let to = [trust.pinned(&suite, Purpose::Receive, recipient)?];
                let next = whole(&mut outbox)?.seal_next(&platform, &suite, &sender, &to, room)?;
                Ok(next.map_or(0, |(_, length)| length))
            })
        })
    }
}

/// Takes the signed report of `signer`, a name that the owner's trust store pins for receipts: what the record has leaves the
/// outbox, what is missing there is sent again.
///
/// Ownership: nothing is kept. Errors: NO_PURPOSE, UNKNOWN_SIGNER, SIGNATURE_INVALID (also for a report to another device),
/// MESSAGE_MALFORMED, KEY_WRONG_USE for a birth identity; `settled` is zeroed then and nothing changes. Threads: as for all calls on a
/// device. Power loss: what left may be in again; it is sent again, and known as a duplicate.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_settle(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    outbox: *mut aseptic_outbox,
    signer: aseptic_slice,
    report: aseptic_slice,
    settled: *mut aseptic_settled,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(identity), Place::of(outbox), signer.place(), report.place()];
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let settled = unsafe { output_apart(settled, &inputs)? };
        *settled = aseptic_settled { stored: 0, rejected: 0, again: 0, lost_session: 0 };
        // SAFETY: as the caller promises.
        let (mut device, identity, mut outbox, signer, report) =
            unsafe { (state(device)?, state(identity)?, state(outbox)?, signer.bytes()?, report.bytes()?) };
        identity.require_local(&device)?;
        *settled = device.with(|parts| {
            let (platform, suite, trust) = parts.load_trust()?;
            let peer = trust.pinned(&suite, Purpose::Receipt, signer)?;
            let report = Report::verify(&suite, &peer, identity.name()?, Direction::FromDevice, report)?;
            let found = whole(&mut outbox)?.settle(&platform, &report)?;
            let lost_session = report.lost_session.map_or(0, u32::from_be_bytes);
            Ok(aseptic_settled { stored: found.stored, rejected: found.rejected, again: found.again, lost_session })
        })?;
        Ok(())
    })
}

/// Lets all that has no receipt be sent again: after a reconnection, or when reports are overdue.
///
/// Ownership: nothing is kept. Errors: MISUSE. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_retry(outbox: *mut aseptic_outbox) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let mut outbox = unsafe { state(outbox)? };
        whole(&mut outbox)?.retry();
        Ok(())
    })
}

/// How many messages of a class wait for their receipt: `ASEPTIC_TELEMETRY`, `ASEPTIC_ALARM` or `ASEPTIC_AUDIT`.
///
/// Ownership: nothing is kept. Errors: MISUSE, MESSAGE_CLASS; `count` is 0 then. Threads: as for all calls on a device. Power loss:
/// nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_count(
    outbox: *mut aseptic_outbox,
    message_class: u8,
    count: *mut u32,
) -> aseptic_status {
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let count = unsafe { output_apart(count, &[Place::of(outbox)])? };
        *count = 0;
        // SAFETY: as the caller promises.
        let mut outbox = unsafe { state(outbox)? };
        let class = crate::message::sent_class(message_class)?;
        *count = u32::try_from(whole(&mut outbox)?.count(class)).map_err(|_| Reason::Internal)?;
        Ok(())
    })
}

/// Destroys the storage key of the outbox, and with it all that is queued, then the entries; ends `outbox` as
/// `aseptic_outbox_wipe` does. For a device that leaves its owner.
///
/// Ownership: the memory stays the caller's. Errors: MISUSE, those of the platform: call `aseptic_outbox_init` and this again.
/// Threads: as for all calls on a device. Power loss: nothing has happened, or nothing can be read any more.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_erase(
    device: *mut aseptic_device,
    outbox: *mut aseptic_outbox,
) -> aseptic_status {
    let status = call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut outbox) = unsafe { (state(device)?, state(outbox)?) };
        device.with(|parts| whole(&mut outbox)?.erase(&parts.platform))
    });
    if status != aseptic_core::Reason::Misuse.number() {
        // SAFETY: as the caller promises.
        unsafe { wipe(outbox) }
    }
    status
}

/// Ends `outbox` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_outbox_wipe(outbox: *mut aseptic_outbox) {
    // SAFETY: as the caller promises.
    unsafe { wipe(outbox) }
}

fn whole(outbox: &mut Option<Outbox>) -> Result<&mut Outbox> {
    outbox.as_mut().ok_or(Reason::Misuse)
}
