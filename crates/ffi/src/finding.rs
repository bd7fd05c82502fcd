//! Why a chain is refused or flagged, for the log and for support.

use crate::abi::{Place, aseptic_slice, aseptic_status, call, output_apart, state};
use crate::device::aseptic_device;
use crate::lists::{Listed, Whole, aseptic_list};
use crate::peer::{Links, purpose_from};
use crate::time;
use aseptic_certs::crl::Numbers;
use aseptic_certs::profile::Value;
use aseptic_certs::{Finding, PathValidator, Place as At};
use aseptic_core::Reason;

/// The finding is about a certificate of the chain.
pub const ASEPTIC_FINDING_CHAIN: u8 = 0;
/// The finding is about an anchor.
pub const ASEPTIC_FINDING_ANCHOR: u8 = 1;

/// Nothing is there, or nothing may be.
pub const ASEPTIC_VALUE_ABSENT: u8 = 0;
/// Something is there, and it is not shown.
pub const ASEPTIC_VALUE_PRESENT: u8 = 1;
/// A number, in `number`.
pub const ASEPTIC_VALUE_NUMBER: u8 = 2;
/// Seconds since 1970, in `number`.
pub const ASEPTIC_VALUE_TIME: u8 = 3;
/// UTF-8 text, in `bytes`: of the certificate, or a statement of the profile.
pub const ASEPTIC_VALUE_TEXT: u8 = 4;
/// Bytes of the certificate (an identifier, a serial number, a name in DER), in `bytes`.
pub const ASEPTIC_VALUE_BYTES: u8 = 5;

/// One side of a comparison.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_value {
    /// A number, or seconds since 1970.
    pub number: u64,
    /// One of `ASEPTIC_VALUE_...`.
    pub kind: u8,
    /// How many of `bytes` count.
    pub len: u8,
    /// 0.
    pub reserved: [u8; 6],
    /// Text or bytes; the first 64 where there are more.
    pub bytes: [u8; 64],
}

/// One thing that is wrong with a chain. Set `size` before the call; the rest is written.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_finding {
    /// `sizeof(aseptic_finding)`.
    pub size: u32,
    /// Why it matters: what to do about it says `aseptic_status_remedy`.
    pub reason: aseptic_status,
    /// `ASEPTIC_FINDING_CHAIN` or `ASEPTIC_FINDING_ANCHOR`.
    pub place: u8,
    /// Which certificate of the chain, the leaf is 0; or which anchor of the purpose.
    pub index: u8,
    /// 0.
    pub reserved: [u8; 6],
    /// In which field of it, by the name in RFC 5280; static text without a final zero.
    pub field: aseptic_slice,
    /// The rule of the profile that says so; static text, empty if it is path validation itself.
    pub rule: aseptic_slice,
    /// What was wanted.
    pub wanted: aseptic_value,
    /// What was found.
    pub found: aseptic_value,
}

/// Writes the finding number `index` of all that `aseptic_peer_verify` or, where there are `lists`, `aseptic_peer_verify_listed` sees
/// wrong in a chain, the leaf's first: what the chain is refused for, or what it is flagged for. After the last one `reason` is
/// `ASEPTIC_OK` and the call succeeds; a chain without any finding is good. At most 16 of path validation are told.
///
/// Ownership: as for `aseptic_peer_verify_listed`, `lists` may be NULL with `list_count` 0; `finding` is the caller's. Errors: MISUSE as
/// for `aseptic_peer_verify_listed` and for a finding of another size, PATH_TOO_LONG for more than 4 certificates, RECORD_CORRUPT,
/// those of the platform; all of `finding` but its size is zeroed then. Threads: as for all calls on a device; each call takes up
/// to twice the time of a verdict: for the log, not for every connection. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_finding(
    device: *mut aseptic_device,
    purpose: u8,
    name: aseptic_slice,
    chain: *const aseptic_slice,
    count: usize,
    lists: *mut aseptic_list,
    list_count: usize,
    index: u32,
    finding: *mut aseptic_finding,
) -> aseptic_status {
    call(|| {
        let inputs = [Place::of(device), Place::row(lists, list_count), Place::row(chain, count), name.place()];
        // SAFETY: as the caller promises.
        let out = unsafe { output_apart(finding, &inputs)? };
        if usize::try_from(out.size) != Ok(size_of::<aseptic_finding>()) {
            return Err(Reason::Misuse);
        }
        *out = aseptic_finding { size: out.size, ..NONE };
        // SAFETY: as the caller promises.
        let (mut device, name, links) = unsafe { (state(device)?, name.bytes()?, Links::read(chain, count)?) };
        if links.places().any(|link| link.overlaps(Place::of(finding))) {
            return Err(Reason::Misuse);
        }
        // SAFETY: as the caller promises.
        let read = unsafe { Whole::read(lists, list_count)? };
        let purpose = purpose_from(purpose)?;
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let (platform, suite, trust) = parts.load_trust()?;
            let numbers = &Numbers::load(&platform, &mut [0; Numbers::BUFFER])?;
            let listed = Listed { read: &read, numbers };
            let engine = PathValidator::DEVICE;
            let engine = if read.is_empty() { engine } else { engine.with_lists(&listed) };
            let mut left = index;
            engine.explain(&suite, &trust, links.as_slice(), purpose, name, now, &mut |found| {
                if left == 0 {
                    write(found, out);
                }
                left = left.wrapping_sub(1);
            })
        })
    })
}

fn write(found: &Finding<'_>, out: &mut aseptic_finding) {
    let (place, index) = match found.place {
        At::Chain(index) => (ASEPTIC_FINDING_CHAIN, index),
        At::Anchor(index) => (ASEPTIC_FINDING_ANCHOR, index),
    };
    *out = aseptic_finding {
        reason: found.reason.number(),
        place,
        index: u8::try_from(index).unwrap_or(u8::MAX),
        field: aseptic_slice::of(found.field.as_bytes()),
        rule: aseptic_slice::of(found.rule.unwrap_or_default().as_bytes()),
        wanted: value(found.difference.wanted),
        found: value(found.difference.found),
        ..*out
    };
}

fn value(value: Value<'_>) -> aseptic_value {
    let (kind, number, bytes) = match value {
        Value::Absent => (ASEPTIC_VALUE_ABSENT, 0, &[][..]),
        Value::Number(number) => (ASEPTIC_VALUE_NUMBER, number, &[][..]),
        Value::Time(seconds) => (ASEPTIC_VALUE_TIME, seconds, &[][..]),
        Value::Rule(text) => (ASEPTIC_VALUE_TEXT, 0, text.as_bytes()),
        Value::Text(text) => (ASEPTIC_VALUE_TEXT, 0, text.as_bytes()),
        Value::Bytes(bytes) => (ASEPTIC_VALUE_BYTES, 0, bytes),
        _ => (ASEPTIC_VALUE_PRESENT, 0, &[][..]),
    };
    let mut out = aseptic_value { number, kind, ..NOTHING };
    for (place, byte) in out.bytes.iter_mut().zip(bytes) {
        *place = *byte;
        out.len = out.len.saturating_add(1);
    }
    out
}

const NOTHING: aseptic_value =
    aseptic_value { number: 0, kind: ASEPTIC_VALUE_ABSENT, len: 0, reserved: [0; 6], bytes: [0; 64] };

const NONE: aseptic_finding = aseptic_finding {
    size: 0,
    reason: crate::ASEPTIC_OK,
    place: ASEPTIC_FINDING_CHAIN,
    index: 0,
    reserved: [0; 6],
    field: aseptic_slice::EMPTY,
    rule: aseptic_slice::EMPTY,
    wanted: NOTHING,
    found: NOTHING,
};
