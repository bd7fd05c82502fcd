//! Verified updates.

use crate::abi::{
    Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make_in_place, output_apart, state,
    wipe,
};
use crate::device::aseptic_device;
use crate::statement::{aseptic_statements, begin};
use ::aseptic_update::{Permission, Plan, Session, Transfer};
use aseptic_core::{Reason, Result, bytes, limits};
use core::ops::Range;

/// What this device is, as far as updates must fit it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_model {
    /// The vendor, a UUID (RFC 9562).
    pub vendor: [u8; 16],
    /// The class of devices, a UUID.
    pub device_class: [u8; 16],
    /// The only component, which has a slot for itself: one identifier, for example `main`. Not read where there are
    /// `components`.
    pub component: aseptic_slice,
    /// Several components that share a slot, or NULL. At most 8; all of a slot boot together.
    pub components: *const aseptic_component,
    /// How many there are.
    pub component_count: usize,
    /// The device itself, a UUID, for manifests that are for one device; empty if it has none.
    pub device_id: aseptic_slice,
    /// The key for AES key wrap (16, 24 or 32 bytes) that encrypted payloads are meant for; empty if there is none. Neither this
    /// nor the next is read in the boot shape of the library, which takes no encrypted payloads.
    pub key_encryption_key: aseptic_slice,
    /// The P-256 key of the key store that encrypted payloads are meant for. 0: the one of `aseptic_agreement_public`, where
    /// there is one.
    pub agreement_key: u32,
}

/// A component: a region of either slot.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_component {
    /// One identifier.
    pub id: aseptic_slice,
    /// Where it begins in the slot: a multiple of the erase unit.
    pub offset: u64,
    /// Bytes that it may take; regions do not overlap.
    pub length: u64,
}

/// What an update wants next.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_part {
    /// Where to get the payload; empty if nothing has to be fetched.
    pub uri: aseptic_slice,
    /// The payload, where the envelope carries it; empty if not.
    pub payload: aseptic_slice,
    /// The number of the next byte of the payload.
    pub offset: u64,
    /// Bytes of it that are missing; 0 once all components are whole.
    pub missing: u64,
    /// The component that it is for, in the order of the slot.
    pub number: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// An update under way. It exists only after its manifest was verified. Opaque.
#[repr(C)]
pub struct aseptic_update {
    _opaque: [u64; 272],
}

impl Context for aseptic_update {
    type State = Update;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6304;
}

/// The transfer, and what is left of the plan.
pub(crate) struct Update {
    pub(crate) transfer: Transfer,
    /// Where URI and payload of each component lie in the envelope.
    places: [[(u32, u32); 2]; limits::COMPONENTS],
    arguments: [u8; limits::INVOKE_ARGUMENTS],
    arguments_len: u8,
}

impl Update {
    const fn new() -> Self {
        let (places, arguments) = ([[(0, 0); 2]; limits::COMPONENTS], [0; limits::INVOKE_ARGUMENTS]);
        Self { transfer: Transfer::new(), places, arguments, arguments_len: 0 }
    }

    /// Keeps what later calls ask of the plan.
    pub(crate) fn keep(&mut self, plan: &Plan<'_>, envelope: &[u8]) -> Result<()> {
        let given = plan.invoke_arguments().unwrap_or_default();
        bytes::copy(given, &mut self.arguments).ok_or(Reason::Internal)?;
        self.arguments_len = u8::try_from(given.len()).map_err(|_| Reason::TooLarge)?;
        let number = |value: usize| u32::try_from(value).map_err(|_| Reason::TooLarge);
        for (part, place) in plan.parts().zip(&mut self.places) {
            let there = [part.uri.unwrap_or_default().as_bytes(), part.payload.unwrap_or_default()];
            for (bytes, place) in there.into_iter().zip(place).filter(|(bytes, _)| !bytes.is_empty()) {
                let at = bytes.as_ptr().addr().saturating_sub(envelope.as_ptr().addr());
                *place = (number(at)?, number(bytes.len())?);
            }
        }
        Ok(())
    }
}

/// Verifies the SUIT envelope and begins its update, or goes on with it where a power loss interrupted it. Call
/// `aseptic_update_step` until nothing is left to do; then `aseptic_update_offset` says which byte of the image is wanted.
///
/// Ownership: `envelope` and `model` are read during the call; `update` must not move until `aseptic_update_wipe`. Errors:
/// MANIFEST_UNSIGNED, MANIFEST_DIGEST, SIGNATURE_INVALID, UNKNOWN_SIGNER, TRUST_THRESHOLD, APPROVAL_MISSING, UPDATE_HELD,
/// UPDATE_STALE, WRONG_VENDOR, WRONG_CLASS, WRONG_COMPONENT, SEQUENCE_TOO_OLD, MIGRATION_FLOOR, IMAGE_TOO_LARGE, PAYLOAD_LOCKED
/// and DECRYPT_FAILED where no key opens an encrypted payload, MISUSE for components that overlap, CLINICAL_USE
/// unless the device is idle, PERMISSION_WITHHELD, UPDATE_OVERDUE in place of these two, UPDATE_BUSY while another one is under way, or
/// was reverted and `aseptic_update_report` has yet to tell; nothing that is stored
/// changes then, and `update` is zeroed. Threads: as for all calls on a device. Power loss: the journal names this update or it does not; the running image is untouched.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_begin(
    device: *mut aseptic_device,
    envelope: aseptic_slice,
    model: *const aseptic_model,
    update: *mut aseptic_update,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make_in_place(update, &[Place::of(device), envelope.place(), Place::of(model)], Update::new, |update| {
            begin(update, state(device)?, envelope.bytes()?, input(model)?, &aseptic_statements::NONE)
        })
    }
}

/// As `aseptic_update_begin`, with signed statements that came beside the envelope.
///
/// Ownership: all inputs are read during the call; `update` must not move until `aseptic_update_wipe`. Errors: as
/// `aseptic_update_begin`, and STATEMENT_OTHER, STATEMENT_USED, STATEMENT_EXPIRED; nothing that is stored changes then, and
/// `update` is zeroed. Threads: as for all calls on a device. Power loss: the journal names this update or it does not; the
/// running image is untouched.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_begin_with(
    device: *mut aseptic_device,
    envelope: aseptic_slice,
    model: *const aseptic_model,
    statements: *const aseptic_statements,
    update: *mut aseptic_update,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        let others = [Place::of(device), envelope.place(), Place::of(model), Place::of(statements)];
        make_in_place(update, &others, Update::new, |update| {
            begin(update, state(device)?, envelope.bytes()?, input(model)?, input(statements)?)
        })
    }
}

/// Does a bounded part of what is to be done before the next bytes or the activation: erases at most one block, or reads
/// and hashes, or copies, at most 4,096 bytes. `more` becomes 1 while something is left, else 0.
///
/// After `aseptic_update_begin` it reads again what was written before a power loss, and brings a component that is copied from
/// the running slot; call it again before each `aseptic_update_part` where there are several components. After
/// `aseptic_update_finish` it erases the rest of the slot and reads the whole image back.
///
/// Ownership: `more` is the caller's. Errors: MISUSE for an update that is over, CLINICAL_USE unless the device is idle: nothing has
/// happened then. SLOT_MISMATCH if the medium does not hold what was written, those of the platform: begin again. Threads: as
/// for all calls on a device. Power loss: the image is staged, or the transfer goes on where it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_step(
    device: *mut aseptic_device,
    update: *mut aseptic_update,
    more: *mut u8,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let more = unsafe { output_apart(more, &[Place::of(device), Place::of(update)])? };
        *more = 0;
        // SAFETY: as the caller promises.
        let (mut device, mut update) = unsafe { (state(device)?, state(update)?) };
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Install)?;
            *more = u8::from(update.transfer.step(&parts.platform, &parts.suite, clinical)?);
            Ok(())
        })
    })
}

/// Writes the number of the next byte of the image that is wanted, and how many are still missing.
///
/// Ownership: none. Errors: MISUSE unless bytes are being received. Threads: as for all calls on a device. Power loss: nothing
/// is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_offset(
    update: *mut aseptic_update,
    offset: *mut u64,
    missing: *mut u64,
) -> aseptic_status {
    call(|| {
        let others = [Place::of(update), Place::of(offset)];
        // SAFETY: as the caller promises, and apart.
        let (offset, missing) =
            unsafe { (output_apart(offset, &[Place::of(update)])?, output_apart(missing, &others)?) };
        (*offset, *missing) = (0, 0);
        // SAFETY: as the caller promises.
        let update = unsafe { state(update)? };
        update.transfer.receiving()?;
        (*offset, *missing) = (update.transfer.offset(), update.transfer.missing());
        Ok(())
    })
}

/// Writes what is wanted next: for which component, where its payload is, and from which byte on. With one component
/// `aseptic_update_offset` says enough.
///
/// Ownership: `envelope` must hold the bytes that `update` began with; `uri` and `payload` of `part` point into it. Errors: MISUSE
/// unless bytes are being received, and for another envelope as far as that shows; `part` is zeroed then. Threads: as for all
/// calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_part(
    update: *mut aseptic_update,
    envelope: aseptic_slice,
    part: *mut aseptic_part,
) -> aseptic_status {
    call(|| {
        let none = aseptic_slice { ptr: core::ptr::null(), len: 0 };
        // SAFETY: as the caller promises.
        let part = unsafe { output_apart(part, &[Place::of(update), envelope.place()])? };
        *part = aseptic_part { uri: none, payload: none, offset: 0, missing: 0, number: 0, reserved: [0; 7] };
        // SAFETY: as the caller promises.
        let (update, envelope) = unsafe { (state(update)?, envelope.bytes()?) };
        let transfer = &update.transfer;
        transfer.receiving()?;
        let (number, offset, missing) = (transfer.part(), transfer.offset(), transfer.missing());
        let [uri, payload] = update.places.get(number).ok_or(Reason::Internal)?.map(|(at, len)| {
            let (start, len) = (usize::try_from(at).ok()?, usize::try_from(len).ok()?);
            let bytes = envelope.get(Range { start, end: start.saturating_add(len) })?;
            Some(if len == 0 { none } else { aseptic_slice { ptr: bytes.as_ptr(), len } })
        });
        let number = u8::try_from(number).map_err(|_| Reason::Internal)?;
        let (uri, payload) = (uri.ok_or(Reason::Misuse)?, payload.ok_or(Reason::Misuse)?);
        *part = aseptic_part { uri, payload, offset, missing, number, reserved: [0; 7] };
        Ok(())
    })
}

/// Writes the arguments that the manifest hands to the image which it invokes, at most 64 bytes; of length 0 if there are
/// none. What they mean, and how they reach the image, is the program's.
///
/// Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is
/// stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_invoke_arguments(
    update: *mut aseptic_update,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[Place::of(update)], |room, needed| {
            let update = state(update)?;
            *needed = update.arguments_len.into();
            let arguments = update.arguments.get(..*needed).ok_or(Reason::Internal)?;
            bytes::copy(arguments, room).ok_or(Reason::BufferTooSmall)?;
            Ok(arguments.len())
        })
    }
}

/// Takes the next bytes of the image, of any number.
///
/// Ownership: `bytes` is read during the call. Errors: CLINICAL_USE unless the device is idle and IMAGE_MISMATCH for bytes beyond
/// the size that was signed: nothing has happened then. After any other error begin again. Threads: as for all calls on
/// a device. Power loss: the journal knows how far the slot is written.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_feed(
    device: *mut aseptic_device,
    update: *mut aseptic_update,
    bytes: aseptic_slice,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut update, bytes) = unsafe { (state(device)?, state(update)?, bytes.bytes()?) };
        update.transfer.receiving()?;
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Download)?;
            update.transfer.feed(&parts.platform, &parts.suite, bytes, clinical)
        })
    })
}

/// Ends the transfer and compares what came with what was signed. Call `aseptic_update_step` until nothing is left to do: it
/// reads the whole image back from the medium.
///
/// Ownership: none. Errors: MISUSE while `aseptic_update_step` has more to do, CLINICAL_USE unless the device is idle: nothing has
/// happened then. IMAGE_MISMATCH: begin again. Threads: as for all calls on a device. Power loss: the transfer goes on where
/// it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_finish(
    device: *mut aseptic_device,
    update: *mut aseptic_update,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut update) = unsafe { (state(device)?, state(update)?) };
        update.transfer.receiving()?;
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Install)?;
            update.transfer.finish(&parts.platform, &parts.suite, clinical)
        })
    })
}

/// Selects the staged image for one trial boot. The restart itself is the program's.
///
/// Ownership: none. Errors: MISUSE unless an image is staged, CLINICAL_USE unless the device is idle, SEQUENCE_TOO_OLD, UPDATE_HELD.
/// Threads: as for all calls on a device. Power loss: the old image boots, or the new one on trial.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_activate(
    device: *mut aseptic_device,
    update: *mut aseptic_update,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut update) = unsafe { (state(device)?, state(update)?) };
        update.transfer.staged().ok_or(Reason::Misuse)?;
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Activate)?;
            update.transfer.activate(&parts.platform, clinical)
        })
    })
}

/// Ends `update` and wipes its memory; what is stored of it stays and can be gone on with. Does nothing to NULL or to memory
/// that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_wipe(update: *mut aseptic_update) {
    // SAFETY: as the caller promises.
    unsafe { wipe(update) }
}

/// Forgets the update under way for good. The running image stays.
///
/// Ownership: none. Errors: TRIAL_PENDING while that image runs on trial, UPDATE_BUSY. Threads: as for all calls on a device.
/// Power loss: forgotten or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_abandon(device: *mut aseptic_device) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        device.with(|parts| Session::abandon(&parts.platform, &parts.suite))
    })
}
