//! Reports of updates.

use crate::abi::{Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, state};
use crate::device::aseptic_device;
use crate::identity::{aseptic_identity, same_hardware};
use crate::time;
use crate::update::{aseptic_model, aseptic_update};
use ::aseptic_update::boot;
use ::aseptic_update::report::{REPORT, Reporter};
use aseptic_core::cbor::Writer;
use aseptic_core::cose::KeySigner;
use aseptic_core::{Reason, limits};

/// Bytes of a signed report at most: the report, its signature and the headers.
pub(crate) const ROOM: usize = REPORT + 192;

/// Opens the account of the update that has begun, once `aseptic_update_begin` has answered OK; where it is open already nothing
/// is written. `sbom` is SHA-256 of the list of what the software is made of, 32 bytes, or empty.
///
/// Ownership: `model` and `sbom` are read during the call. Errors: NO_UPDATE, TOO_LARGE for a component of over 60 bytes, MISUSE for
/// an `sbom` of another length. Threads: as for all calls on a device. Power loss: open or not; call it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_account(
    device: *mut aseptic_device,
    model: *const aseptic_model,
    sbom: aseptic_slice,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, component, sbom) =
            unsafe { (state(device)?, input(model)?.component.bytes()?, sbom.bytes()?) };
        let sbom: Option<&[u8; 32]> = match sbom {
            [] => None,
            digest => Some(digest.try_into().map_err(|_| Reason::Misuse)?),
        };
        let mut room = [0; limits::NAME];
        let mut writer = Writer::new(&mut room);
        writer.array(1).bytes(component);
        let component = writer.finish().map_err(|_| Reason::TooLarge)?;
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            Reporter { platform: &parts.platform, suite: &parts.suite, now }.open(component, sbom)
        })
    })
}

/// Adds to the account what the update was put off, which the restart would forget. To be called just before
/// `aseptic_update_activate`.
///
/// Ownership: none. Errors: MISUSE unless an image is staged, NO_UPDATE without an account. Threads: as for all calls on a
/// device. Power loss: added or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_account_deferrals(
    device: *mut aseptic_device,
    update: *mut aseptic_update,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, update) = unsafe { (state(device)?, state(update)?) };
        let staged = update.transfer.staged().ok_or(Reason::Misuse)?;
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let reporter = Reporter { platform: &parts.platform, suite: &parts.suite, now };
            reporter.activating(staged, parts.interlock)
        })
    })
}

/// Ends the account because the update was given up for `reason`, a status other than OK.
///
/// Ownership: none. Errors: NO_UPDATE without an account, MISUSE for a number that is no status. Threads: as for all calls on a
/// device. Power loss: ended or not; call it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_refused(device: *mut aseptic_device, reason: aseptic_status) -> aseptic_status {
    call(|| {
        let reason = Reason::from_number(reason).ok_or(Reason::Misuse)?;
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            Reporter { platform: &parts.platform, suite: &parts.suite, now }.refuse(reason)
        })
    })
}

/// Writes the report of the last attempt to update that has ended, signed by `identity`: a COSE_Sign1 around a SUIT_Report. It finds
/// out itself how an update under way has ended: call it after `aseptic_boot_state` at each start, and after
/// `aseptic_boot_confirm`. The same report may be written as often as needed, until the next one.
///
/// Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND before the first report, KEY_BUSY (call again), BUFFER_TOO_SMALL,
/// those of the platform. Threads: as for all calls on a device. Power loss: there is one report of each attempt, whatever is
/// called again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_report(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &[Place::of(device), Place::of(identity)], |room, needed| {
            let (mut device, identity) = (state(device)?, state(identity)?);
            same_hardware(&device)?;
            *needed = ROOM;
            let room = room.get_mut(..ROOM).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let (platform, suite) = (parts.platform, parts.suite);
                let key = identity.key()?;
                let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
                let reporter = Reporter { platform: &platform, suite: &suite, now: time::now(&platform)? };
                reporter.settle(&boot::load(&platform, &suite)?)?;
                reporter.sign(&KeySigner::new(platform.keys, identity.key_id, alg), &key.thumbprint(&suite)?, room)
            })
        })
    }
}
