//! What runs out, and when.

use crate::abi::{Place, apart, aseptic_status, call, output_apart, state};
use crate::device::aseptic_device;
use crate::lists::{Told, aseptic_list_info};
use crate::time;
use crate::workspace::{aseptic_workspace, whole};
use ::aseptic_identity::{Credential, Identity, Origin, Stage};
use aseptic_certs::inventory::{Inventory, Item, Kind, Thresholds};
use aseptic_core::time::Time;
use aseptic_core::{Reason, Result, bytes};

/// There is no further item.
pub const ASEPTIC_INVENTORY_END: u8 = 0;
/// An anchor of a trust store.
pub const ASEPTIC_INVENTORY_ANCHOR: u8 = 1;
/// A certificate for a key of this device.
pub const ASEPTIC_INVENTORY_OWN: u8 = 2;
/// A certificate above one of the device's own.
pub const ASEPTIC_INVENTORY_INTERMEDIATE: u8 = 3;
/// A revocation list.
pub const ASEPTIC_INVENTORY_LIST: u8 = 4;

/// One thing with an end. Set `size` before the call; the rest is written.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_inventory_item {
    /// `sizeof(aseptic_inventory_item)`.
    pub size: u32,
    /// What an anchor is trusted with: bit n stands for purpose n; 0 for the others.
    pub purposes: u32,
    /// First second of its validity, since 1970; for a list when it was made.
    pub not_before: u64,
    /// Last second of its validity, since 1970; for a list when the next one is due.
    pub not_after: u64,
    /// Whole days until the end, negative after it; 0 where `time_trust` is `ASEPTIC_TIME_UNKNOWN`.
    pub days_left: i64,
    /// One of `ASEPTIC_INVENTORY_...`.
    pub kind: u8,
    /// What `days_left` is worth, one of `ASEPTIC_TIME_...`: with `ASEPTIC_TIME_AT_LEAST` at most so many days are left.
    pub time_trust: u8,
    /// Bytes of `name`.
    pub name_len: u8,
    /// Bytes of `serial`.
    pub serial_len: u8,
    /// The serial number of the certificate, its last 20 bytes where there are more; the number of a list.
    pub serial: [u8; 20],
    /// SHA-256 of the SubjectPublicKeyInfo; for a list of its issuer's.
    pub key: [u8; 32],
    /// The name of an anchor in its store; else serialNumber or commonName of the subject, its first 64 bytes; empty for a list.
    pub name: [u8; 64],
}

/// Writes the next item of all that runs out: the anchors of both trust stores, then the device's own certificates with those
/// above them, then the revocation lists: what `aseptic_list_accept` said of them, `list_count` of them, at most 16, or NULL and
/// 0. `place` is 0 before the first call and moves on with each; at the end `kind` is `ASEPTIC_INVENTORY_END`.
///
/// Ownership: `workspace` is used and `lists` read during the call, `place` and `item` are the caller's. Errors: MISUSE for an item
/// or a list of another size, CERTIFICATE_MALFORMED for one that cannot be read (the next call gives the one after it), RECORD_CORRUPT, those of
/// the platform; all of `item` but its size is zeroed then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_inventory_next(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    lists: *const aseptic_list_info,
    list_count: usize,
    place: *mut u32,
    item: *mut aseptic_inventory_item,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(workspace), Place::row(lists, list_count)];
        // SAFETY: as the caller promises.
        let out = unsafe { output_apart(item, &[contexts[0], contexts[1], contexts[2], Place::of(place)])? };
        if usize::try_from(out.size) != Ok(size_of::<aseptic_inventory_item>()) {
            return Err(Reason::Misuse);
        }
        *out = aseptic_inventory_item { size: out.size, ..EMPTY };
        // SAFETY: as the caller promises.
        let place = unsafe { output_apart(place, &contexts)? };
        apart(&contexts)?;
        // SAFETY: as the caller promises.
        let (mut device, memory) = unsafe { (state(device)?, whole(workspace)?) };
        let mut told = Told::NOTHING;
        // SAFETY: as the caller promises.
        unsafe { told.read(lists, list_count)? };
        let at = *place;
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let identity = Identity::load(&parts.platform, memory)?;
            let (_, suite, trust) = parts.load_trust()?;
            let held = credentials(&identity);
            let inventory =
                Inventory { trust: &trust, suite: &suite, own: &held.each_ref().map(chain), lists: told.as_slice() };
            let found = inventory.item(usize::try_from(at).map_err(|_| Reason::TooLarge)?);
            if found.is_some() {
                *place = at.saturating_add(1);
            }
            found.map_or(Ok(()), |found| write(&found?, now, out))
        })
    })
}

/// Reports each item that runs out in less than 180, 60 and 14 days (of short validities when a half, three quarters and seven
/// eighths are over) as the event EXPIRY_AHEAD with the days that are left. `since` is 0 before the first call after a start, or
/// after a change of trust or identity, and is moved to now: each threshold is reported once. Call it once a day. `lists` is as for
/// `aseptic_inventory_next`.
///
/// Ownership: `workspace` is used and `lists` read during the call, `since` is the caller's. Errors: MISUSE, RECORD_CORRUPT, those of the platform;
/// `since` is as it was then. Threads: as for all calls on a device. Power loss: nothing is stored; `since` may be stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_inventory_warn(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    lists: *const aseptic_list_info,
    list_count: usize,
    since: *mut u64,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(workspace), Place::row(lists, list_count)];
        // SAFETY: as the caller promises.
        let since = unsafe { output_apart(since, &contexts)? };
        apart(&contexts)?;
        // SAFETY: as the caller promises.
        let (mut device, memory) = unsafe { (state(device)?, whole(workspace)?) };
        let mut told = Told::NOTHING;
        // SAFETY: as the caller promises.
        unsafe { told.read(lists, list_count)? };
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let identity = Identity::load(&parts.platform, memory)?;
            let (platform, suite, trust) = parts.load_trust()?;
            let held = credentials(&identity);
            let inventory =
                Inventory { trust: &trust, suite: &suite, own: &held.each_ref().map(chain), lists: told.as_slice() };
            *since = Thresholds::STANDARD.report(&platform, &inventory, *since, now);
            Ok(())
        })
    })
}

/// The birth identity, the active local one, the one on probation.
#[inline(never)]
fn credentials<'b>(identity: &Identity<'b>) -> [Option<Credential<'b>>; 3] {
    let local = |credential: &Credential<'_>| credential.origin() == Origin::Local;
    let probation = identity.credential().ok().filter(|found| local(found) && found.stage() == Stage::Probation);
    [identity.birth().ok(), identity.fallback().ok().filter(local), probation]
}

fn chain<'c>(credential: &'c Option<Credential<'c>>) -> &'c [&'c [u8]] {
    credential.as_ref().map(Credential::chain).unwrap_or_default()
}

fn write(item: &Item<'_>, now: Time, out: &mut aseptic_inventory_item) -> Result<()> {
    out.purposes = item.purposes.bits();
    (out.not_before, out.not_after) = (item.not_before, item.not_after);
    (out.days_left, out.time_trust) = (item.days_left(now).unwrap_or(0), now.trust as u8);
    out.kind = item.kind as u8;
    out.key = item.key;
    let serial = item.serial.get(item.serial.len().saturating_sub(out.serial.len())..).unwrap_or_default();
    out.serial_len = put(serial, &mut out.serial)?;
    let name = item.name.get(..item.name.len().min(out.name.len())).unwrap_or_default();
    out.name_len = put(name, &mut out.name)?;
    Ok(())
}

fn put(text: &[u8], room: &mut [u8]) -> Result<u8> {
    let written = bytes::copy(text, room).ok_or(Reason::Internal)?.len();
    u8::try_from(written).map_err(|_| Reason::Internal)
}

const EMPTY: aseptic_inventory_item = aseptic_inventory_item {
    size: 0,
    purposes: 0,
    not_before: 0,
    not_after: 0,
    days_left: 0,
    kind: ASEPTIC_INVENTORY_END,
    time_trust: time::ASEPTIC_TIME_UNKNOWN,
    name_len: 0,
    serial_len: 0,
    serial: [0; 20],
    key: [0; 32],
    name: [0; 64],
};

const _: () = assert!(
    ASEPTIC_INVENTORY_ANCHOR == Kind::Anchor as u8
        && ASEPTIC_INVENTORY_OWN == Kind::Own as u8
        && ASEPTIC_INVENTORY_INTERMEDIATE == Kind::Intermediate as u8
        && ASEPTIC_INVENTORY_LIST == Kind::List as u8
);
