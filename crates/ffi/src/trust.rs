//! Whom the device believes.

use crate::abi::{Place, aseptic_slice, aseptic_status, call, output_apart, state};
use crate::device::{Parts, aseptic_device};
use crate::time;
use aseptic_core::platform::Platform;
use aseptic_core::trust::{self, Authority, PathEngine, PhysicalPresence, TrustStore};
use aseptic_core::{Reason, Result};

/// Trust store of the maker of the device.
pub const ASEPTIC_MANUFACTURER: u8 = 1;
/// Trust store of the hospital or person that runs the device.
pub const ASEPTIC_OWNER: u8 = 2;

/// A person stands at the device and confirmed; never pass it for anything that came over a network.
pub const ASEPTIC_PRESENCE_CONFIRMED: u32 = 0x5052_4553;

/// Installs the first trust store of `authority` (`ASEPTIC_MANUFACTURER`, `ASEPTIC_OWNER`) from a signed object, by a person at
/// the device: `presence` must be `ASEPTIC_PRESENCE_CONFIRMED`.
///
/// The date of the object becomes a time before which it is not.
///
/// Ownership: `object` is read during the call. Errors: TRUST_EXISTS, TRUST_MALFORMED, TRUST_THRESHOLD, TRUST_PURPOSE,
/// TRUST_CONSTRAINT, DENIED, CERTIFICATE_MALFORMED, PUBLISHED_TEST_KEY; nothing is stored then. Threads: as for all calls on a device. Power loss: installed or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_trust_install(
    device: *mut aseptic_device,
    authority: u8,
    object: aseptic_slice,
    presence: u32,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, object) = unsafe { (state(device)?, object.bytes()?) };
        if presence != ASEPTIC_PRESENCE_CONFIRMED {
            return Err(Reason::Misuse);
        }
        let authority = authority_from(authority)?;
        device.with(|mut parts| {
            let presence = PhysicalPresence::confirmed_at_the_device();
            let Parts { platform, suite, memory, .. } = &mut parts;
            trust::install(platform, suite, ENGINE, authority, object, presence, &mut memory.scratch)?;
            dated(parts, authority)
        })
    })
}

/// Replaces the trust store of `authority` by a newer one that its keys have signed. The date of the object becomes a time
/// before which it is not.
///
/// Ownership: `object` is read during the call. Errors: TRUST_MISSING, TRUST_ROLLBACK, TRUST_SKIPPED, TRUST_THRESHOLD,
/// TRUST_WOULD_STRAND, TRUST_EPOCH, and those of `aseptic_trust_install` but TRUST_EXISTS; nothing changes then. Threads: as for all calls on a device. Power loss: old or new.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_trust_update(
    device: *mut aseptic_device,
    authority: u8,
    object: aseptic_slice,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, object) = unsafe { (state(device)?, object.bytes()?) };
        let authority = authority_from(authority)?;
        device.with(|mut parts| {
            let Parts { platform, suite, memory, .. } = &mut parts;
            trust::update(platform, suite, ENGINE, authority, object, &mut memory.scratch)?;
            dated(parts, authority)
        })
    })
}

/// Writes the version of the installed trust store of `authority`, which the next one must exceed.
///
/// Ownership: `version` is the caller's. Errors: TRUST_MISSING, TRUST_ROLLBACK if the flash was put back, RECORD_CORRUPT;
/// `version` is 0 then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_trust_version(
    device: *mut aseptic_device,
    authority: u8,
    version: *mut u64,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let version = unsafe { output_apart(version, &[Place::of(device)])? };
        *version = 0;
        let authority = authority_from(authority)?;
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        *version = device.with(|parts| Ok(parts.load_trust()?.2.store(authority)?.version))?;
        Ok(())
    })
}

/// Writes a number that rises whenever trust is withdrawn: a grant or an anchor is lost, a key denied, a minimum of revocation
/// lists raised. What rests on a verdict, such as a connection, is to be judged anew when the number is another one than it was
/// at the verdict. 0 without any trust store.
///
/// Ownership: `epoch` is the caller's. Errors: TRUST_ROLLBACK if the flash was put back, RECORD_CORRUPT; `epoch` is 0 then.
/// Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_trust_epoch(device: *mut aseptic_device, epoch: *mut u64) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let epoch = unsafe { output_apart(epoch, &[Place::of(device)])? };
        *epoch = 0;
        // SAFETY: as the caller promises.
        let mut device = unsafe { state(device)? };
        *epoch = device.with(|parts| Ok(parts.load_trust()?.2.epoch()))?;
        Ok(())
    })
}

/// Who looks at anchors before they are installed: a boot loader reads no certificates.
#[cfg(feature = "device")]
const ENGINE: Option<&dyn PathEngine> = Some(&aseptic_certs::Engine);
#[cfg(not(feature = "device"))]
const ENGINE: Option<&dyn PathEngine> = None;

/// The store is installed and its date is signed: it is not earlier than that. A date that cannot be believed, or not be
/// stored, is told as an event and changes nothing.
#[inline(never)]
fn dated(parts: Parts<'_>, authority: Authority) -> Result<()> {
    let Parts { platform, memory, .. } = parts;
    let issued = issued(&platform, authority, &mut memory.scratch)?;
    if let Err(reason) = time::raise(&platform, issued) {
        platform.event(reason, issued);
    }
    Ok(())
}

/// Apart from its caller, whose stack is needed for more.
#[inline(never)]
fn issued(platform: &Platform<'_>, authority: Authority, scratch: &mut [u8]) -> Result<u64> {
    Ok(TrustStore::load(platform, authority, scratch)?.ok_or(Reason::TrustMissing)?.issued)
}

fn authority_from(number: u8) -> Result<Authority> {
    match number {
        ASEPTIC_MANUFACTURER => Ok(Authority::Manufacturer),
        ASEPTIC_OWNER => Ok(Authority::Owner),
        _ => Err(Reason::Misuse),
    }
}
