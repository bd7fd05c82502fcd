//! The root object: platform, suite, what the bedside is doing.

use crate::abi::{Context, Held, Place, Zeroed, aseptic_status, call, make, state, wipe};
use crate::crypto::{Engine, aseptic_crypto};
use crate::platform::{FirmwareKeys, Table, aseptic_platform};
use ::aseptic_update::{Interlock, Permission};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{Absent, Images, Keys, Platform};
#[cfg(feature = "nor")]
use aseptic_core::platform::{Counters, Store};
use aseptic_core::trust::{Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};

/// Idle: no patient depends on the device now.
pub const ASEPTIC_USE_IDLE: u8 = 0;
/// Therapy or monitoring runs. The state after `aseptic_device_init`, until the program says otherwise.
pub const ASEPTIC_USE_IN_USE: u8 = 1;
/// An alarm is active.
pub const ASEPTIC_USE_ALARM: u8 = 2;
/// Emergency operation.
pub const ASEPTIC_USE_EMERGENCY: u8 = 3;

/// Milliseconds after which an update that is put off counts as overdue: thirty days.
const OVERDUE: u64 = 30 * 86_400_000;

/// The root object: platform, cryptography and trust of one device, in the caller's memory. Opaque.
#[repr(C)]
pub struct aseptic_device {
    _opaque: [u64; 1248],
}

impl Context for aseptic_device {
    type State = Device;
    type Room = Memory;
    const MARK: u64 = 0x6473_6574_7069_6301;
}

pub(crate) struct Device {
    table: Table,
    engine: Engine,
    clinical: Use,
    pub(crate) interlock: Interlock,
    /// Whether the identity was found to be that of other hardware.
    #[cfg(feature = "device")]
    pub(crate) foreign: bool,
}

/// What the calls of a device work in.
#[repr(C)]
pub(crate) struct Memory {
    pub(crate) trust: TrustBuffers,
    pub(crate) scratch: [u8; limits::TRUST_STORE],
}

// SAFETY: bytes alone.
unsafe impl Zeroed for Memory {}

#[cfg(feature = "device")]
impl Memory {
    /// All of it as one piece; the trust stores are read again afterwards.
    pub(crate) fn whole(&mut self) -> &mut [u8] {
        // SAFETY: two arrays of bytes, one after the other, of which every value is valid.
        unsafe { core::slice::from_raw_parts_mut(core::ptr::from_mut(self).cast::<u8>(), size_of::<Self>()) }
    }
}

const _: () = assert!(size_of::<Memory>() == 3 * limits::TRUST_STORE);

/// What a call works with, put together afresh each time so that nothing points into itself.
pub(crate) struct Parts<'d> {
    pub(crate) platform: Platform<'d>,
    pub(crate) suite: Suite<'d>,
    pub(crate) clinical: Use,
    pub(crate) interlock: &'d mut Interlock,
    pub(crate) memory: &'d mut Memory,
}

impl Held<'_, aseptic_device> {
    /// Runs `body` with the device's platform and suite.
    pub(crate) fn with<T>(&mut self, body: impl FnOnce(Parts<'_>) -> Result<T>) -> Result<T> {
        let (mut body, mut result) = (Some(body), Err(Reason::Internal));
        self.run(&mut |parts| {
            if let Some(body) = body.take() {
                result = body(parts);
            }
        });
        result
    }

    /// Once for all functions: in each of them it would take a kilobyte of flash.
    #[inline(never)]
    fn run(&mut self, body: &mut dyn FnMut(Parts<'_>)) {
        let (Device { table, engine, clinical, interlock, .. }, memory) = self.parts();
        let clinical = *clinical;
        assemble(table, engine, |platform, suite| body(Parts { platform, suite, clinical, interlock, memory }));
    }
}

/// Runs `body` with the platform and the suite that the two tables make.
pub(crate) fn assemble<T>(table: &Table, engine: &Engine, body: impl FnOnce(Platform<'_>, Suite<'_>) -> T) -> T {
    engine.with(|suite| {
        let firmware = FirmwareKeys { table, suite };
        #[cfg(feature = "nor")]
        let nor = &aseptic_nor::Nor::new(table);
        #[cfg(feature = "nor")]
        let store: &dyn Store = if table.has_store() { table } else { nor };
        #[cfg(feature = "nor")]
        let counters: &dyn Counters = if table.has_counters() { table } else { nor };
        #[cfg(not(feature = "nor"))]
        let (store, counters) = (table, table);
        #[cfg(all(feature = "device", feature = "soft"))]
        let software = &aseptic_identity::StoredKeys { store, entropy: table };
        #[cfg(not(all(feature = "device", feature = "soft")))]
        let software = &Absent;
        let keys: &dyn Keys = if table.has_keys() { &firmware } else { software };
        let images: &dyn Images = if table.has_images() { table } else { &Absent };
        let platform = Platform { entropy: table, clock: table, store, counters, keys, images, events: table };
        body(platform, suite)
    })
}

impl<'d> Parts<'d> {
    /// Asks the therapy interlock; a refusal is counted.
    pub(crate) fn permit(&mut self, permission: Permission) -> Result<Use> {
        self.interlock.ask(&self.platform, permission, self.clinical)
    }

    /// Loads both trust stores.
    pub(crate) fn load_trust(self) -> Result<(Platform<'d>, Suite<'d>, Trust<'d>)> {
        let trust = Trust::load(&self.platform, &mut self.memory.trust)?;
        Ok((self.platform, self.suite, trust))
    }
}

/// Makes `device` ready over `platform` and `crypto`, whose tables are copied. `crypto` may be NULL: then all cryptography is
/// what is built into the library.
///
/// Ownership: the caller owns all of them; `device` must not move until `aseptic_device_wipe`. Errors: MISUSE for another NULL, a
/// table of another size, a missing required entry or an incomplete group; `device` is zeroed then. Threads: one device, one thread at
/// a time. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_device_init(
    device: *mut aseptic_device,
    platform: *const aseptic_platform,
    crypto: *const aseptic_crypto,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe {
        make(device, &[Place::of(platform), Place::of(crypto)], || {
            let (table, engine) = (Table::read(platform)?, Engine::read(crypto)?);
            Ok(Device {
                table,
                engine,
                clinical: Use::InUse,
                interlock: Interlock::new(OVERDUE),
                #[cfg(feature = "device")]
                foreign: false,
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
