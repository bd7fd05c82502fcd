//! The root object: platform, suite, what the bedside is doing.

use crate::abi::{Context, aseptic_slice, aseptic_status, call, make, state, wipe};
use crate::platform::{Table, aseptic_platform};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{Suite, soft};
use aseptic_core::platform::{Absent, Images, Keys, Platform};
use aseptic_core::trust::{self, Authority, PhysicalPresence, Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};

/// Idle: no patient depends on the device now.
pub const ASEPTIC_USE_IDLE: u8 = 0;
/// Therapy or monitoring runs. The state after `aseptic_device_init`, until the program says otherwise.
pub const ASEPTIC_USE_IN_USE: u8 = 1;
/// An alarm is active.
pub const ASEPTIC_USE_ALARM: u8 = 2;
/// Emergency operation.
pub const ASEPTIC_USE_EMERGENCY: u8 = 3;

/// Trust store of the maker of the device.
pub const ASEPTIC_MANUFACTURER: u8 = 1;
/// Trust store of the hospital or person that runs the device.
pub const ASEPTIC_OWNER: u8 = 2;

/// A person stands at the device and confirmed; never pass it for anything that came over a network.
pub const ASEPTIC_PRESENCE_CONFIRMED: u32 = 0x5052_4553;

/// The root object: platform and trust of one device, in the caller's memory. Opaque.
#[repr(C)]
pub struct aseptic_device {
    _opaque: [u64; 1216],
}

impl Context for aseptic_device {
    type State = Device;
    const MARK: u64 = 0x6473_6574_7069_6301;
}

pub(crate) struct Device {
    table: Table,
    trust: TrustBuffers,
    scratch: [u8; limits::TRUST_STORE],
    clinical: Use,
}

/// What a call works with, put together afresh each time so that nothing points into itself.
pub(crate) struct Parts<'d> {
    pub(crate) platform: Platform<'d>,
    pub(crate) suite: Suite<'d>,
    pub(crate) clinical: Use,
    pub(crate) trust: &'d mut TrustBuffers,
    pub(crate) scratch: &'d mut [u8; limits::TRUST_STORE],
}

impl Device {
    /// Runs `body` with the device's platform and suite.
    pub(crate) fn with<T>(&mut self, body: impl FnOnce(Parts<'_>) -> Result<T>) -> Result<T> {
        let table = &self.table;
        let software = soft::StoredKeys { store: table, entropy: table };
        let keys: &dyn Keys = if table.has_keys() { table } else { &software };
        let images: &dyn Images = if table.has_images() { table } else { &Absent };
        let platform =
            Platform { entropy: table, clock: table, store: table, counters: table, keys, images, events: table };
        body(Parts {
            platform,
            suite: soft::suite(),
            clinical: self.clinical,
            trust: &mut self.trust,
            scratch: &mut self.scratch,
        })
    }
}

impl<'d> Parts<'d> {
    /// Loads both trust stores.
    pub(crate) fn load_trust(self) -> Result<(Platform<'d>, Suite<'d>, Trust<'d>)> {
        let trust = Trust::load(&self.platform, self.trust)?;
        Ok((self.platform, self.suite, trust))
    }
}

/// Makes `device` ready over `platform`, whose table is copied.
///
/// Ownership: the caller owns both; `device` must not move until `aseptic_device_wipe`. Errors: MISUSE for a NULL, a table of
/// another size, a missing required entry or an incomplete group; `device` is zeroed then. Threads: one device, one thread at
/// a time. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_init(
    device: *mut aseptic_device,
    platform: *const aseptic_platform,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe {
        make(device, || {
            Ok(Device {
                table: Table::read(platform)?,
                trust: TrustBuffers::new(),
                scratch: [0; limits::TRUST_STORE],
                clinical: Use::InUse,
            })
        })
    }
}

/// Ends `device` and wipes its memory. Does nothing to NULL or to memory that holds no device; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: no call on this device may run. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_wipe(device: *mut aseptic_device) {
    // SAFETY: NULL or memory of the type, as the caller promises.
    unsafe { wipe(device) }
}

/// Tells what the bedside is doing: one of `ASEPTIC_USE_...`; any other number counts as an emergency. Nothing that erases,
/// reboots or switches starts unless it is idle.
///
/// Ownership: none. Errors: MISUSE. Threads: as for all calls on a device. Power loss: not stored; after each start the device
/// counts as in use until told otherwise.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_set_use(device: *mut aseptic_device, clinical_use: u8) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        unsafe { state(device) }?.clinical = Use::from_u8(clinical_use);
        Ok(())
    })
}

/// Installs the first trust store of `authority` (`ASEPTIC_MANUFACTURER`, `ASEPTIC_OWNER`) from a signed object, by a person at
/// the device: `presence` must be `ASEPTIC_PRESENCE_CONFIRMED`.
///
/// Ownership: `object` is read during the call. Errors: TRUST_EXISTS, TRUST_MALFORMED, TRUST_THRESHOLD, TRUST_PURPOSE,
/// PUBLISHED_TEST_KEY; nothing is stored then. Threads: as for all calls on a device. Power loss: installed or not.
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
        device.with(|parts| {
            let presence = PhysicalPresence::confirmed_at_the_device();
            trust::install(&parts.platform, &parts.suite, authority, object, presence, parts.scratch)
        })
    })
}

/// Replaces the trust store of `authority` by a newer one that its keys have signed.
///
/// Ownership: `object` is read during the call. Errors: TRUST_MISSING, TRUST_ROLLBACK, TRUST_SKIPPED, TRUST_THRESHOLD,
/// TRUST_WOULD_STRAND, TRUST_PURPOSE; nothing changes then. Threads: as for all calls on a device. Power loss: old or new.
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
        device.with(|parts| trust::update(&parts.platform, &parts.suite, authority, object, parts.scratch))
    })
}

fn authority_from(number: u8) -> Result<Authority> {
    match number {
        ASEPTIC_MANUFACTURER => Ok(Authority::Manufacturer),
        ASEPTIC_OWNER => Ok(Authority::Owner),
        _ => Err(Reason::Misuse),
    }
}
