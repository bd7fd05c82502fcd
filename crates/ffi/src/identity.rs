//! Who this device is.

use crate::abi::{
    Context, Place, apart, aseptic_buf, aseptic_slice, aseptic_status, call, fill, make, output_apart, state, wipe,
};
use crate::device::aseptic_device;
use crate::peer::aseptic_peer;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_identity::{Credential, Identity, Origin, Stage, confirm_handshake, tidy};
use aseptic_certs::der::{self, Writer};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::{KeyId, Progress, SignInput};
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result, bytes, limits};

/// The identity that the maker gave. It may enrol with an owner and nothing else.
pub const ASEPTIC_IDENTITY_BIRTH: u8 = 1;
/// The identity that the owner gave: the one on probation, so that it can prove itself, else the active one.
pub const ASEPTIC_IDENTITY_LOCAL: u8 = 2;
/// What is to replace the local identity; for `aseptic_identity_stage` alone.
pub const ASEPTIC_IDENTITY_SUCCESSOR: u8 = 3;
/// The active local identity, where the one on probation was turned down; for `aseptic_identity_load` alone.
pub const ASEPTIC_IDENTITY_FALLBACK: u8 = 4;

/// Nothing is there.
pub const ASEPTIC_STAGE_BLANK: u8 = 0;
/// A key is there.
pub const ASEPTIC_STAGE_KEYED: u8 = 1;
/// The request of the birth identity is made; its certificate is awaited.
pub const ASEPTIC_STAGE_REQUESTED: u8 = 2;
/// The request of a local identity is made; the registrar's answer is awaited.
pub const ASEPTIC_STAGE_PENDING: u8 = 3;
/// The certificate is stored, and has not been part of a mutually authenticated handshake yet.
pub const ASEPTIC_STAGE_PROBATION: u8 = 4;
/// In use.
pub const ASEPTIC_STAGE_ACTIVE: u8 = 5;

/// One identity of this device, loaded. Opaque.
#[repr(C)]
pub struct aseptic_identity {
    _opaque: [u64; 24],
}

impl Context for aseptic_identity {
    type State = Loaded;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6302;
}

pub(crate) struct Loaded {
    pub(crate) key_id: KeyId,
    origin: Origin,
    alg: KeyAlg,
    key: [u8; limits::PUBLIC_KEY],
    name: [u8; limits::NAME],
    name_len: usize,
}

impl Loaded {
    pub(crate) fn key(&self) -> Result<PublicKey<'_>> {
        PublicKey::new(self.alg, self.key.get(..self.alg.public_len()).ok_or(Reason::Internal)?)
    }

    pub(crate) fn name(&self) -> Result<&[u8]> {
        self.name.get(..self.name_len).ok_or(Reason::Internal)
    }

    /// [`Reason::KeyWrongUse`] for a birth identity, [`Reason::HardwareMismatch`] on a device that was found to be a copy since
    /// this was loaded.
    pub(crate) fn require_local(&self, device: &crate::abi::Held<'_, aseptic_device>) -> Result<()> {
        same_hardware(device)?;
        match self.origin {
            Origin::Birth => Err(Reason::KeyWrongUse),
            Origin::Local => Ok(()),
        }
    }
}

/// Destroys the keys that a power loss left without a record; once at every start, before all else about identities.
/// `destroyed` says how many there were.
///
/// Ownership: `workspace` is used during the call. Errors: RECORD_CORRUPT, those of the platform; no key that a record names is
/// lost, call it again. Threads: as for all calls on a device. Power loss: call it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_tidy(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    destroyed: *mut u32,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(workspace)];
        // SAFETY: as the caller promises.
        let destroyed = unsafe { output_apart(destroyed, &contexts)? };
        *destroyed = 0;
        apart(&contexts)?;
        // SAFETY: as above.
        let (mut device, memory) = unsafe { (state(device)?, self::workspace(workspace)?) };
        *destroyed = device.with(|parts| tidy(&parts.platform, memory))?;
        Ok(())
    })
}

/// Tells the serial number of the hardware that the program runs on, as the machine itself says (fuses, the number of a secure
/// element), once at every start. An identity that was born on other hardware is not served: the storage was copied.
///
/// Ownership: `hardware_serial` is read during the call. Errors: HARDWARE_MISMATCH, which is an event as well; every call that
/// needs an identity answers the same from then on. DECOMMISSIONED, RECORD_CORRUPT, TOO_LARGE, those of the platform. Threads: as
/// for all calls on a device. Power loss: nothing is stored; tell it again after each `aseptic_device_init`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_check_hardware(
    device: *mut aseptic_device,
    hardware_serial: aseptic_slice,
) -> aseptic_status {
    call(|| {
        if hardware_serial.place().overlaps(Place::of(device)) {
            return Err(Reason::Misuse);
        }
        // SAFETY: as the caller promises.
        let (mut device, serial) = unsafe { (state(device)?, hardware_serial.bytes()?) };
        device.foreign = false;
        let checked = device
            .with(|parts| Identity::load_on(&parts.platform, serial, parts.memory.whole()).map(drop).map_err(roomy));
        device.foreign = checked == Err(Reason::HardwareMismatch);
        checked
    })
}

/// Writes how far an identity has come, one of `ASEPTIC_STAGE_...`; `which` is `ASEPTIC_IDENTITY_BIRTH`, `_LOCAL` or
/// `_SUCCESSOR`. A device that is active stays so while a successor is prepared.
///
/// Ownership: `stage` is the caller's. Errors: MISUSE, RECORD_CORRUPT, TOO_LARGE for records of longer chains than the device
/// has room for, those of the platform; `stage` is 0 then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_stage(
    device: *mut aseptic_device,
    which: u8,
    stage: *mut u8,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let stage = unsafe { output_apart(stage, &[Place::of(device)])? };
        *stage = ASEPTIC_STAGE_BLANK;
        // SAFETY: as above.
        let mut device = unsafe { state(device)? };
        *stage = with_identity(&mut device, |_, stored| match which {
            ASEPTIC_IDENTITY_BIRTH => Ok(stored.birth_stage()),
            ASEPTIC_IDENTITY_LOCAL => Ok(stored.local_stage()),
            ASEPTIC_IDENTITY_SUCCESSOR => Ok(stored.successor_stage()),
            _ => Err(Reason::Misuse),
        })? as u8;
        Ok(())
    })
}

/// Loads one identity of the device; `which` is `ASEPTIC_IDENTITY_BIRTH`, `_LOCAL` or `_FALLBACK`.
///
/// Ownership: `identity` must not move until `aseptic_identity_wipe`; load it again after each enrolment. Errors:
/// NOT_PROVISIONED without a birth identity, KEY_WRONG_USE where `_LOCAL` is asked for and there is only the birth identity,
/// which may enrol and nothing else, IDENTITY_KEY_LOST, RECORD_CORRUPT, TOO_LARGE for records of longer chains than the device
/// has room for; `identity` is zeroed then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_load(
    device: *mut aseptic_device,
    which: u8,
    identity: *mut aseptic_identity,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(identity, &[Place::of(device)], || {
            with_identity(&mut state(device)?, |platform, stored| {
                let credential = match which {
                    ASEPTIC_IDENTITY_BIRTH => stored.birth()?,
                    ASEPTIC_IDENTITY_LOCAL => *stored.credential()?.for_messages()?,
                    ASEPTIC_IDENTITY_FALLBACK => *stored.fallback()?.for_messages()?,
                    _ => return Err(Reason::Misuse),
                };
                let name = stored.name()?.as_bytes();
                let mut loaded = Loaded {
                    key_id: credential.key_id(),
                    origin: credential.origin(),
                    alg: credential.key_alg(),
                    key: [0; limits::PUBLIC_KEY],
                    name: [0; limits::NAME],
                    name_len: name.len(),
                };
                platform.keys.public(loaded.key_id, &mut loaded.key)?;
                bytes::copy(name, &mut loaded.name).ok_or(Reason::TooLarge)?;
                Ok(loaded)
            })
        })
    }
}

/// Writes the name of the device: the serial number in its certificates, UTF-8 without a final zero, at most 64 bytes.
///
/// Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing
/// is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_name(
    identity: *mut aseptic_identity,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[Place::of(identity)], |room, needed| {
            let identity = state(identity)?;
            copy(identity.name()?, room, needed)
        })
    }
}

/// Writes one certificate of the identity (DER), for the Certificate message of TLS: 0 is its own, each further one that of
/// the issuer before it; the anchor is not among them.
///
/// Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND beyond the last one, MISUSE where the identity was replaced since
/// it was loaded, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_certificate(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    index: u32,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[Place::of(device), Place::of(identity)], |room, needed| {
            let (mut device, identity) = (state(device)?, state(identity)?);
            with_identity(&mut device, |_, stored| {
                let ours = |found: &Credential<'_>| found.key_id() == identity.key_id;
                let all = [stored.birth(), stored.credential(), stored.fallback()];
                let credential = all.iter().flatten().find(|found| ours(found)).ok_or(Reason::Misuse)?;
                let index = usize::try_from(index).map_err(|_| Reason::PlatformNotFound)?;
                copy(credential.chain().get(index).ok_or(Reason::PlatformNotFound)?, room, needed)
            })
        })
    }
}

/// Signs for the device in the TLS handshake with `peer`, the verdict about the other side: `digest` is SHA-256 of what the
/// CertificateVerify message covers (32 bytes), `out` becomes its signature field (ECDSA-Sig-Value in DER, at most 72 bytes).
///
/// Ownership: nothing is kept. Errors: KEY_WRONG_USE for a birth identity and any other peer than the registrar, NO_PURPOSE for a
/// peer that is no server, KEY_BUSY (call again), BUFFER_TOO_SMALL below 72 bytes, MISUSE. Threads: as for all calls on a
/// device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_sign(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    peer: *mut aseptic_peer,
    digest: aseptic_slice,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(identity), Place::of(peer), digest.place()];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, identity, peer) = (state(device)?, state(identity)?, state(peer)?);
            let digest = digest.bytes()?;
            *needed = SIGNATURE;
            let room = room.get_mut(..SIGNATURE).ok_or(Reason::BufferTooSmall)?;
            same_hardware(&device)?;
            match peer.purpose() {
                Purpose::Enrolment => {}
                Purpose::Network => identity.require_local(&device)?,
                _ => return Err(Reason::NoPurpose),
            }
            if identity.alg != KeyAlg::P256 || digest.len() != 32 {
                return Err(Reason::Misuse);
            }
            let mut signature = [0; limits::SIGNATURE];
            device.with(|parts| {
                match parts.platform.keys.sign(identity.key_id, SignInput::Digest(digest), &mut signature)? {
                    Progress::Done(length) if length == signature.len() => Ok(()),
                    Progress::Done(_) => Err(Reason::PlatformIo),
                    Progress::Pending => Err(Reason::KeyBusy),
                }
            })?;
            let (r, s) = signature.split_at(limits::SIGNATURE / 2);
            let mut writer = Writer::new(room);
            writer.nested(der::SEQUENCE, |writer| {
                writer.magnitude(r).magnitude(s);
            });
            writer.finish().map(|der| der.len())
        })
    }
}

/// Ends the probation of `identity`: it has been part of a mutually authenticated handshake with `peer`, a server of the owner
/// that has answered since. Its predecessor and the key of it are gone then. Does nothing for an identity that is not on
/// probation; call it after each connection.
///
/// Ownership: `workspace` is used during the call. Errors: NO_PURPOSE for a peer that is no server, KEY_WRONG_USE for a birth
/// identity, MISUSE where the identity was replaced since it was loaded; nothing changes then. Threads: as for all calls on a
/// device. Power loss: the predecessor is active or this one is; both work.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_confirm(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    identity: *mut aseptic_identity,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    call(|| {
        apart(&[Place::of(device), Place::of(workspace), Place::of(identity), Place::of(peer)])?;
        // SAFETY: as the caller promises, and apart.
        let (mut device, identity, peer) = unsafe { (state(device)?, state(identity)?, state(peer)?) };
        // SAFETY: as above.
        let memory = unsafe { self::workspace(workspace)? };
        if !matches!(peer.purpose(), Purpose::Network | Purpose::Enrolment) {
            return Err(Reason::NoPurpose);
        }
        identity.require_local(&device)?;
        device.with(|parts| confirm_handshake(&parts.platform, identity.key_id, memory))
    })
}

/// Ends `identity` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_wipe(identity: *mut aseptic_identity) {
    // SAFETY: as the caller promises.
    unsafe { wipe(identity) }
}

/// Reads the identity records into the memory of the device.
fn with_identity<T>(
    device: &mut crate::abi::Held<'_, aseptic_device>,
    body: impl FnOnce(&aseptic_core::platform::Platform<'_>, &Identity<'_>) -> Result<T>,
) -> Result<T> {
    same_hardware(device)?;
    device.with(|parts| {
        let stored = Identity::load(&parts.platform, parts.memory.whole()).map_err(roomy)?;
        body(&parts.platform, &stored)
    })
}

/// [`Reason::HardwareMismatch`] on a device that was found to be a copy.
pub(crate) fn same_hardware(device: &crate::abi::Held<'_, aseptic_device>) -> Result<()> {
    if device.foreign { Err(Reason::HardwareMismatch) } else { Ok(()) }
}

/// The memory of a device is the library's, so it is the records that are too large for it.
pub(crate) const fn roomy(reason: Reason) -> Reason {
    match reason {
        Reason::BufferTooSmall => Reason::TooLarge,
        other => other,
    }
}

pub(crate) fn copy(from: &[u8], room: &mut [u8], needed: &mut usize) -> Result<usize> {
    *needed = from.len();
    bytes::copy(from, room).ok_or(Reason::BufferTooSmall)?;
    Ok(from.len())
}

/// Two integers of at most 33 bytes, three heads of 2.
const SIGNATURE: usize = 72;

const _: () = assert!(
    ASEPTIC_STAGE_BLANK == Stage::Blank as u8
        && ASEPTIC_STAGE_KEYED == Stage::Keyed as u8
        && ASEPTIC_STAGE_REQUESTED == Stage::Requested as u8
        && ASEPTIC_STAGE_PENDING == Stage::Pending as u8
        && ASEPTIC_STAGE_PROBATION == Stage::Probation as u8
        && ASEPTIC_STAGE_ACTIVE == Stage::Active as u8
);
