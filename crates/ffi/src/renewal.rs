//! When the local identity is renewed.

use crate::abi::{Place, aseptic_status, call, input, output_apart, state};
use crate::device::aseptic_device;
use crate::identity::{ASEPTIC_IDENTITY_BIRTH, ASEPTIC_IDENTITY_FALLBACK, roomy, same_hardware};
use crate::time;
use ::aseptic_identity::renewal::{Attempts, Decision, Hint, Life, Situation, next, spread};
use ::aseptic_identity::{Identity, Origin};
use aseptic_core::{Reason, Result};

/// Peers said nothing about the certificate.
pub const ASEPTIC_HINT_NONE: u8 = 0;
/// The registrar wants it renewed between `window_start` and `window_end`.
pub const ASEPTIC_HINT_WINDOW: u8 = 1;
/// A server of the owner turned it down as expired, revoked or unknown.
pub const ASEPTIC_HINT_TURNED_DOWN: u8 = 2;

/// Nothing for `seconds`.
pub const ASEPTIC_RENEW_WAIT: u8 = 1;
/// Enrol or renew now, with `identity` as in `aseptic_est_terms`.
pub const ASEPTIC_RENEW_NOW: u8 = 2;
/// It is due, but the device is in use: ask again when that ends.
pub const ASEPTIC_RENEW_DEFERRED: u8 = 3;

/// What the program knows and the library does not. Set `size` before the call.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_renewal_state {
    /// `sizeof(aseptic_renewal_state)`.
    pub size: u32,
    /// How many attempts have failed since the last one that succeeded; 0 after a restart is fine.
    pub failed: u32,
    /// Seconds since the last attempt ended, or since the start of the device if there was none.
    pub since_seconds: u64,
    /// From here on, in seconds since 1970; for `ASEPTIC_HINT_WINDOW` alone.
    pub window_start: u64,
    /// Up to here.
    pub window_end: u64,
    /// One of `ASEPTIC_HINT_...`.
    pub hint: u8,
    /// 0.
    pub reserved: [u8; 7],
}

/// What to do.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_renewal {
    /// Seconds for which nothing is due; asking earlier does no harm.
    pub seconds: u64,
    /// Whole days until the identity expires, 0 once it has, -1 where that cannot be told; for `ASEPTIC_RENEW_DEFERRED` alone.
    pub days_left: i64,
    /// How many times the device will rest until then, if it rests once a day; -1 where that cannot be told.
    pub windows_left: i64,
    /// One of `ASEPTIC_RENEWAL_...`; 0 with an error.
    pub kind: u8,
    /// The identity to show, for `aseptic_est_terms`; for `ASEPTIC_RENEW_NOW` alone.
    pub identity: u8,
    /// 0.
    pub reserved: [u8; 6],
}

/// Decides when the local identity is renewed, by its certificate, the time, and what the bedside does
/// (`aseptic_device_set_use`): first at 60 to 70 % of its life, at a moment of the device's own; after failures again at growing
/// random intervals; after expiry for ever, by the birth identity. The manual has the rules.
///
/// Ownership: `known` is read during the call, `decision` is the caller's. Errors: MISUSE, NOT_PROVISIONED without a birth
/// identity, IDENTITY_KEY_LOST, HARDWARE_MISMATCH, RECORD_CORRUPT, those of the platform; `decision` is zeroed then. Threads: as
/// for all calls on a device. Power loss: the first call stores a secret that spreads a lot over time; nothing else is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_renewal_next(
    device: *mut aseptic_device,
    known: *const aseptic_renewal_state,
    decision: *mut aseptic_renewal,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let decision = unsafe { output_apart(decision, &[Place::of(device), Place::of(known)])? };
        *decision = NOTHING;
        // SAFETY: as the caller promises.
        let (mut device, known) = unsafe { (state(device)?, input(known)?) };
        let (attempts, hint) = known.read()?;
        same_hardware(&device)?;
        *decision = device.with(|parts| {
            let (now, clinical) = (time::now(&parts.platform)?, parts.clinical);
            let identity = Identity::load(&parts.platform, parts.memory.whole()).map_err(roomy)?;
            let used = identity.credential()?;
            let life = match used.origin() {
                Origin::Birth => None,
                Origin::Local => Some(Life::of(&used)?),
            };
            let spread = spread(&parts.platform, &parts.suite, used.thumbprint())?;
            Ok(described(next(&Situation { life, spread, now, attempts, hint, clinical })))
        })?;
        Ok(())
    })
}

impl aseptic_renewal_state {
    fn read(&self) -> Result<(Attempts, Option<Hint>)> {
        let hint = match self.hint {
            ASEPTIC_HINT_NONE => None,
            ASEPTIC_HINT_WINDOW => Some(Hint::Window { start: self.window_start, end: self.window_end }),
            ASEPTIC_HINT_TURNED_DOWN => Some(Hint::TurnedDown),
            _ => return Err(Reason::Misuse),
        };
        let size = usize::try_from(self.size) == Ok(size_of::<Self>());
        if !size || self.reserved != [0; 7] {
            return Err(Reason::Misuse);
        }
        Ok((Attempts { failed: self.failed, since: self.since_seconds }, hint))
    }
}

fn described(decision: Decision) -> aseptic_renewal {
    let told = |value: Option<u64>| value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
    match decision {
        Decision::Wait(seconds) => aseptic_renewal { kind: ASEPTIC_RENEW_WAIT, seconds, ..NOTHING },
        Decision::Renew(origin) => {
            let identity = match origin {
                Origin::Birth => ASEPTIC_IDENTITY_BIRTH,
                Origin::Local => ASEPTIC_IDENTITY_FALLBACK,
            };
            aseptic_renewal { kind: ASEPTIC_RENEW_NOW, identity, ..NOTHING }
        }
        Decision::Deferred(forecast) => aseptic_renewal {
            kind: ASEPTIC_RENEW_DEFERRED,
            days_left: told(forecast.days()),
            windows_left: told(forecast.windows_left),
            ..NOTHING
        },
    }
}

const NOTHING: aseptic_renewal =
    aseptic_renewal { seconds: 0, days_left: 0, windows_left: 0, kind: 0, identity: 0, reserved: [0; 6] };
