//! The end of a device.

use crate::abi::{Place, apart, aseptic_buf, aseptic_status, fill, state};
use crate::device::aseptic_device;
use crate::time;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_identity::wipe;
use aseptic_core::Reason;

/// Ends the device for good: stores a tombstone that its birth key has signed (COSE_Sign1), destroys every key of the key store,
/// sees that none answers any more, erases the identities, and writes the tombstone into `out`, which must have room for
/// 1,024 bytes. From then on every call about identities answers DECOMMISSIONED; a size query changes nothing.
///
/// Ownership: `workspace` is used during the call. Errors: CLINICAL_USE unless the device is idle, NOT_PROVISIONED for a blank
/// device, IDENTITY_KEY_LOST where no key is left to sign, KEY_BUSY (call again), BUFFER_TOO_SMALL; nothing has changed then.
/// PLATFORM_IO and others of the platform where a key may still be there: call it again, or `aseptic_identity_tidy` at the next
/// start. Threads: as for all calls on a device. Power loss: not begun, or finished by the next call or `aseptic_identity_tidy`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_decommission(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(workspace)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            apart(&inputs)?;
            let (mut device, memory) = (state(device)?, self::workspace(workspace)?);
            *needed = wipe::TOMBSTONE;
            let room = room.get_mut(..wipe::TOMBSTONE).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                if !parts.clinical.allows_disruption() {
                    return Err(Reason::ClinicalUse);
                }
                let now = time::now(&parts.platform)?;
                wipe::decommission(&parts.platform, &parts.suite, now, memory, room)
            })
        })
    }
}

/// Writes the tombstone of a device that was decommissioned, at most 1,024 bytes.
///
/// Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND for a device that was not decommissioned, BUFFER_TOO_SMALL,
/// RECORD_CORRUPT, those of the platform. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_tombstone(
    device: *mut aseptic_device,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &[Place::of(device)], |room, needed| {
            *needed = wipe::TOMBSTONE;
            state(device)?.with(|parts| wipe::tombstone(&parts.platform, room))?.ok_or(Reason::PlatformNotFound)
        })
    }
}
