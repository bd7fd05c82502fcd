//! The key that others seal messages for.

use crate::abi::{Place, apart, aseptic_buf, aseptic_status, call, fill, state};
use crate::device::aseptic_device;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_identity::agreement;
use aseptic_core::{Reason, bytes, limits};

/// Writes the public part of the key that others seal messages for (P-256, SEC 1 uncompressed, 65 bytes), and makes the key
/// if there is none. The hospital keeps it under the device's name; let it get there in a message that the device sealed.
///
/// Ownership: `out` is the caller's, `workspace` is used during the call. Errors: BUFFER_TOO_SMALL, RECORD_CORRUPT,
/// PLATFORM_FULL, those of the platform. Threads: as for all calls on a device. Power loss: the key is recorded, or the next call
/// makes one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_agreement_public(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[Place::of(device), Place::of(workspace)], |room, needed| {
            apart(&[Place::of(device), Place::of(workspace)])?;
            let (mut device, memory) = (state(device)?, self::workspace(workspace)?);
            *needed = limits::PUBLIC_KEY;
            if room.len() < *needed {
                return Err(Reason::BufferTooSmall);
            }
            let (_, public) = device.with(|parts| agreement::public(&parts.platform, memory))?;
            bytes::copy(&public, room).ok_or(Reason::BufferTooSmall)?;
            Ok(public.len())
        })
    }
}

/// Replaces the key that others seal messages for. What was sealed for the former one does not open any more, so do it when
/// the hospital can take the new one; make the opener ready again after it.
///
/// Ownership: `workspace` is used during the call. Errors: RECORD_CORRUPT, PLATFORM_FULL, those of the platform. Threads: as for
/// all calls on a device. Power loss: the former key is in use or the new one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_agreement_renew(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
) -> aseptic_status {
    call(|| {
        apart(&[Place::of(device), Place::of(workspace)])?;
        // SAFETY: as the caller promises, and apart.
        let (mut device, memory) = unsafe { (state(device)?, self::workspace(workspace)?) };
        device.with(|parts| agreement::renew(&parts.platform, memory).map(drop))
    })
}
