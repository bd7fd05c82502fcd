//! What time it is, as far as anything is proven.

use crate::abi::{Place, aseptic_status, call, output_apart, state};
use crate::device::aseptic_device;
use aseptic_core::Result;
use aseptic_core::platform::Platform;
use aseptic_core::time::Floor;
use aseptic_core::time::Time;

/// The seconds mean nothing.
pub const ASEPTIC_TIME_UNKNOWN: u8 = 0;
/// It is this late or later.
pub const ASEPTIC_TIME_AT_LEAST: u8 = 1;
/// It is this time, within the tolerance that the program's clock answers for.
pub const ASEPTIC_TIME_TRUSTED: u8 = 2;

/// 2026-01-01T00:00:00Z: no device runs this library before it was written.
const WRITTEN: u64 = 1_767_225_600;

/// Raises the stored floor to a signed time.
pub(crate) fn raise(platform: &Platform<'_>, signed: u64) -> Result<()> {
    Floor::load(platform, WRITTEN)?.raise(platform, signed)
}

/// The best statement about now.
pub(crate) fn now(platform: &Platform<'_>) -> Result<Time> {
    Ok(Floor::load(platform, WRITTEN)?.now(platform))
}

/// Writes the best statement about now: `seconds` since 1970, and in `trust` what they are worth, one of `ASEPTIC_TIME_...`.
/// That is the clock of the table where it is trusted and not behind what is proven, else the latest time that is proven: by
/// the dates of the trust stores that were installed here. Nothing unsigned moves it.
///
/// Ownership: the outputs are the caller's. Errors: MISUSE, RECORD_CORRUPT, those of the platform; both outputs are 0 then.
/// Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_time_now(
    device: *mut aseptic_device,
    seconds: *mut u64,
    trust: *mut u8,
) -> aseptic_status {
    call(|| {
        let context = Place::of(device);
        // SAFETY: as the caller promises.
        let seconds = unsafe { output_apart(seconds, &[context, Place::of(trust)])? };
        // SAFETY: as the caller promises.
        let trust = unsafe { output_apart(trust, &[context, Place::of(&raw const *seconds)])? };
        (*seconds, *trust) = (0, ASEPTIC_TIME_UNKNOWN);
        // SAFETY: as the caller promises.
        let now = unsafe { state(device)? }.with(|parts| now(&parts.platform))?;
        (*seconds, *trust) = (now.seconds, now.trust as u8);
        Ok(())
    })
}
