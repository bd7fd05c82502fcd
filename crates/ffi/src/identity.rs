//! Who this device is.

use crate::abi::{Context, Place, aseptic_buf, aseptic_status, fill, make, state, wipe};
use crate::device::aseptic_device;
use ::aseptic_identity::Identity;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::KeyId;
use aseptic_core::{Reason, Result, limits};

/// Bytes for the two identity records: chains of two P-256 certificates each, requests included.
const RECORDS: usize = 6144;

/// The identity that the owner gave to this device, loaded. Opaque.
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
}

/// Loads the local identity of the device, the one it signs messages with.
///
/// Ownership: `identity` must not move until `aseptic_identity_wipe`; load it again after each enrolment. Errors:
/// NOT_PROVISIONED without an identity, KEY_WRONG_USE while there is only the birth identity, which may enrol and nothing
/// else, IDENTITY_KEY_LOST; `identity` is zeroed then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_identity_load(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, as the caller promises.
    unsafe {
        make(identity, || {
            state(device)?.with(|parts| {
                let mut records = [0; RECORDS];
                let stored = Identity::load(&parts.platform, &mut records)?;
                let credential = stored.credential()?.for_messages()?;
                let name = stored.name()?.as_bytes();
                let mut loaded = Loaded {
                    key_id: credential.key_id(),
                    alg: credential.key_alg(),
                    key: [0; limits::PUBLIC_KEY],
                    name: [0; limits::NAME],
                    name_len: name.len(),
                };
                parts.platform.keys.public(loaded.key_id, &mut loaded.key)?;
                loaded.name.get_mut(..name.len()).ok_or(Reason::TooLarge)?.copy_from_slice(name);
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
            let name = identity.name()?;
            *needed = name.len();
            room.get_mut(..name.len()).ok_or(Reason::BufferTooSmall)?.copy_from_slice(name);
            Ok(name.len())
        })
    }
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
