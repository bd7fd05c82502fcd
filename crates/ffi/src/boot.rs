//! Which image may run, which one does, and whether it stays.

use crate::abi::{Place, aseptic_slice, aseptic_status, call, output_apart, state};
use crate::device::aseptic_device;
use ::aseptic_update::Digest;
use ::aseptic_update::boot::{self, BootState, Decision};
use aseptic_core::Reason;
use aseptic_core::crypto::HashAlg;

/// The confirmed image runs.
pub const ASEPTIC_BOOT_CONFIRMED: u8 = 1;
/// A new image runs on trial: confirm it, or restart and be back on the old one.
pub const ASEPTIC_BOOT_TRIAL: u8 = 2;
/// The new image was not confirmed; the old one runs again.
pub const ASEPTIC_BOOT_REVERTED: u8 = 3;
/// A confirmation was interrupted and is complete now; restart when idle.
pub const ASEPTIC_BOOT_RESTART: u8 = 4;
/// The confirmed image is damaged and the other one runs; install again.
pub const ASEPTIC_BOOT_FALLBACK: u8 = 5;

/// Slot 0 may run. A word and not a flag: one flipped bit or skipped instruction makes no slot of it.
pub const ASEPTIC_START_A: u32 = 0x3C96_A55A;
/// Slot 1 may run.
pub const ASEPTIC_START_B: u32 = 0xC369_5AA5;

/// Writes down, at the factory, which image lies in the running slot: its digest (32 bytes SHA-256, 48 SHA-384, 64 SHA-512),
/// its size and its sequence number. The image is read from the medium and compared first. Nothing older runs from then on.
///
/// Ownership: `digest` is read during the call. Errors: ALREADY_PROVISIONED, SLOT_MISMATCH, SEQUENCE_TOO_OLD, MISUSE for a digest of
/// another length, those of the platform; nothing is stored then. Threads: as for all calls on a device. Power loss: written
/// down or not; call it again, ALREADY_PROVISIONED says that it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_boot_provision(
    device: *mut aseptic_device,
    digest: aseptic_slice,
    size: u64,
    sequence: u64,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, digest) = unsafe { (state(device)?, digest.bytes()?) };
        let alg = [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512];
        let alg = alg.into_iter().find(|alg| alg.digest_len() == digest.len()).ok_or(Reason::Misuse)?;
        let digest = Digest::new(alg, digest)?;
        device.with(|parts| boot::provision(&parts.platform, &parts.suite, digest, size, sequence).map(drop))
    })
}

/// For a boot loader: which slot may run now, `ASEPTIC_START_A` or `ASEPTIC_START_B`. Reads and hashes the image that the
/// selection of the table names (`image_running`); it runs if it is the confirmed one or the one activated for trial, and not
/// below the floor unless a token that is stored lets it, else the other slot runs on the same terms. `start` becomes 0 with
/// an error: run nothing then, and nothing for any other word. Look at it again just before the jump.
///
/// Ownership: `start` is the caller's. Errors: PLATFORM_NOT_FOUND on a device that was never provisioned, SEQUENCE_TOO_OLD,
/// MIGRATION_FLOOR or SLOT_MISMATCH if neither slot may run, those of the platform. Threads: as for all calls on a device. Power
/// loss: nothing is stored; call it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_boot_verify(device: *mut aseptic_device, start: *mut u32) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let start = unsafe { output_apart(start, &[Place::of(device)])? };
        *start = 0;
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        *start = device.with(|parts| boot::decide(&parts.platform, &parts.suite))?.to_u32();
        Ok(())
    })
}

/// Finds out what runs, once after each start, and completes a confirmation that was interrupted: `boot` becomes one of
/// `ASEPTIC_BOOT_...`, or 0 with an error.
///
/// Ownership: `boot` is the caller's. Errors: MISUSE, those of the platform. Threads: as for all calls on a device. Power loss: call
/// it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_boot_state(device: *mut aseptic_device, boot: *mut u8) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let boot = unsafe { output_apart(boot, &[Place::of(device)])? };
        *boot = 0;
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        *boot = match device.with(|parts| boot::load(&parts.platform, &parts.suite))? {
            BootState::Confirmed(_) => ASEPTIC_BOOT_CONFIRMED,
            BootState::Trial(_) => ASEPTIC_BOOT_TRIAL,
            BootState::Reverted(_) => ASEPTIC_BOOT_REVERTED,
            BootState::RestartNeeded(_) => ASEPTIC_BOOT_RESTART,
            BootState::Fallback(_) => ASEPTIC_BOOT_FALLBACK,
        };
        Ok(())
    })
}

/// Keeps the image that runs on trial; from now on nothing older is accepted. `migration_floor` is the lowest sequence number
/// that can read the data as stored from now on, 0 if that did not change.
///
/// Ownership: none. Errors: NO_UPDATE if nothing is on trial, MISUSE for a floor above the image. Threads: as for all calls on a
/// device. Power loss: on trial still, or confirmed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_boot_confirm(device: *mut aseptic_device, migration_floor: u64) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        device.with(|parts| boot::confirm(&parts.platform, &parts.suite, migration_floor).map(drop))
    })
}

const _: () = assert!(ASEPTIC_START_A == Decision::A && ASEPTIC_START_B == Decision::B);
