//! Verified updates.

use crate::abi::{Context, aseptic_slice, aseptic_status, call, input, make, output, state, wipe};
use crate::device::aseptic_device;
use crate::statement::{aseptic_statements, begin};
use ::aseptic_update::{Next, Permission, ReadBack, Resume, Session, Staged};
use aseptic_core::{Reason, Result};

/// What this device is, as far as updates must fit it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_model {
    /// The vendor, a UUID (RFC 9562).
    pub vendor: [u8; 16],
    /// The class of devices, a UUID.
    pub device_class: [u8; 16],
    /// The component that is updated, one identifier, for example `main`.
    pub component: aseptic_slice,
}

/// An update under way. It exists only after its manifest was verified. Opaque.
#[repr(C)]
pub struct aseptic_update {
    _opaque: [u64; 256],
}

impl Context for aseptic_update {
    type State = Stage;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6304;
}

/// Each stage is left for the next one; what fails in between leaves `Over`.
pub(crate) enum Stage {
    Resuming(Resume),
    Receiving(Session),
    ReadingBack(ReadBack),
    Staged(Staged),
    Over,
}

/// Verifies the SUIT envelope and begins its update, or goes on with it where a power loss interrupted it. Call
/// `aseptic_update_step` until nothing is left to do; then `aseptic_update_offset` says which byte of the image is wanted.
///
/// Ownership: `envelope` and `model` are read during the call; `update` must not move until `aseptic_update_wipe`. Errors:
/// MANIFEST_UNSIGNED, MANIFEST_DIGEST, SIGNATURE_INVALID, UNKNOWN_SIGNER, TRUST_THRESHOLD, APPROVAL_MISSING, UPDATE_HELD,
/// UPDATE_STALE, WRONG_VENDOR, WRONG_CLASS, WRONG_COMPONENT, SEQUENCE_TOO_OLD, MIGRATION_FLOOR, IMAGE_TOO_LARGE, CLINICAL_USE
/// unless the device is idle, PERMISSION_WITHHELD, UPDATE_OVERDUE in place of these two, UPDATE_BUSY; nothing that is stored
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
    unsafe { make(update, || begin(state(device)?, envelope.bytes()?, input(model)?, &aseptic_statements::NONE)) }
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
    unsafe { make(update, || begin(state(device)?, envelope.bytes()?, input(model)?, input(statements)?)) }
}

/// Does a bounded part of what is to be done before the next bytes or the activation: erases at most one block, or reads
/// and hashes at most 4,096 bytes. `more` becomes 1 while something is left, else 0.
///
/// After `aseptic_update_begin` it reads again what was written before a power loss; after `aseptic_update_finish` it erases the
/// rest of the slot and reads the whole image back.
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
        let more = unsafe { output(more)? };
        *more = 0;
        // SAFETY: as the caller promises.
        let (mut device, mut update) = unsafe { (state(device)?, state(update)?) };
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Install)?;
            let stage = match core::mem::replace(&mut *update, Stage::Over) {
                Stage::Resuming(resume) => match resume.step(&parts.platform, &parts.suite)? {
                    Next::More(resume) => Stage::Resuming(resume),
                    Next::Done(session) => Stage::Receiving(session),
                },
                Stage::ReadingBack(check) => match check.step(&parts.platform, &parts.suite, clinical)? {
                    Next::More(check) => Stage::ReadingBack(check),
                    Next::Done(staged) => Stage::Staged(staged),
                },
                Stage::Over => return Err(Reason::Misuse),
                done => done,
            };
            *more = u8::from(matches!(stage, Stage::Resuming(_) | Stage::ReadingBack(_)));
            *update = stage;
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
        if offset == missing {
            return Err(Reason::Misuse);
        }
        // SAFETY: as the caller promises, and not the same.
        let (offset, missing) = unsafe { (output(offset)?, output(missing)?) };
        (*offset, *missing) = (0, 0);
        // SAFETY: as the caller promises.
        let mut update = unsafe { state(update)? };
        let session = receiving(&mut update)?;
        (*offset, *missing) = (session.offset(), session.missing());
        Ok(())
    })
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
        let session = receiving(&mut update)?;
        device.with(|mut parts| {
            let clinical = parts.permit(Permission::Download)?;
            session.feed(&parts.platform, &parts.suite, bytes, clinical)
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
        receiving(&mut update)?;
        let clinical = device.with(|mut parts| parts.permit(Permission::Install))?;
        let Stage::Receiving(session) = core::mem::replace(&mut *update, Stage::Over) else {
            return Err(Reason::Misuse);
        };
        *update =
            Stage::ReadingBack(device.with(|parts| ReadBack::new(session, &parts.platform, &parts.suite, clinical))?);
        Ok(())
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
        if !matches!(*update, Stage::Staged(_)) {
            return Err(Reason::Misuse);
        }
        let clinical = device.with(|mut parts| parts.permit(Permission::Activate))?;
        let Stage::Staged(staged) = core::mem::replace(&mut *update, Stage::Over) else { return Err(Reason::Misuse) };
        device.with(|parts| staged.activate(&parts.platform, clinical))
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

fn receiving(update: &mut Stage) -> Result<&mut Session> {
    match update {
        Stage::Receiving(session) => Ok(session),
        _ => Err(Reason::Misuse),
    }
}
