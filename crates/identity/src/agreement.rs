//! The key that others seal messages for: a P-256 agreement key of the device, with no certificate.
//!
//! Whoever seals for this device has its public part from an authentic source, for example from a message that the device
//! signed, and keeps it under the device's name. The private part is long-lived: whoever steals it reads the messages of the
//! past that were sealed for it, so [`renew`] it from time to time.

use crate::keys::{self, Named};
use crate::stored::Workspace;
use crate::wipe;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{Fault, KeyId, KeyUse, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::{Reason, Result, limits};

/// The key, if there is one.
pub fn load(platform: &Platform<'_>) -> Result<Option<KeyId>> {
    let mut frame = [0; FRAME];
    let Some(payload) = record::load(platform.store, Kind::AgreementKey, &mut frame)? else { return Ok(None) };
    let id = payload.try_into().map(u32::from_be_bytes).map_err(|_| Reason::RecordCorrupt)?;
    Ok(Some(KeyId(id)))
}

/// The key with its public part (SEC 1, uncompressed); made if there is none.
///
/// One that is not in the key store any more is reported as event [`Reason::IdentityKeyLost`] and made anew: others must
/// learn of the new public part. After power loss there is one key that a record names, or none.
pub fn public(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<(KeyId, [u8; limits::PUBLIC_KEY])> {
    wipe::refuse(platform, &mut workspace.frame)?;
    if let Some(id) = load(platform)? {
        match read(platform, id) {
            Err(Reason::IdentityKeyLost) => platform.event(Reason::IdentityKeyLost, u64::from(id.0)),
            found => return found.map(|public| (id, public)),
        }
    }
    renew(platform, workspace)
}

/// Replaces the key by a new one. Messages that were sealed for the former one do not open any more.
///
/// After power loss the old key is in use or the new one; what is left of the other is destroyed by
/// [`tidy`](crate::tidy).
pub fn renew(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<(KeyId, [u8; limits::PUBLIC_KEY])> {
    wipe::refuse(platform, &mut workspace.frame)?;
    let former = load(platform)?;
    let id = keys::make(platform, &Named::load(platform, workspace)?, KeyUse::Agree)?;
    let public = read(platform, id)?;
    record::save(platform.store, Kind::AgreementKey, &id.0.to_be_bytes(), &mut [0; FRAME])?;
    if let Some(former) = former {
        keys::discard(platform, former);
    }
    Ok((id, public))
}

/// [`Reason::IdentityKeyLost`] if the key is gone, cannot be read or is another sort of key.
fn read(platform: &Platform<'_>, id: KeyId) -> Result<[u8; limits::PUBLIC_KEY]> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    match platform.keys.public(id, &mut bytes) {
        Ok((policy, _)) if policy.usage == KeyUse::Agree && policy.alg == KeyAlg::P256 => Ok(bytes),
        Ok(_) | Err(Fault::NotFound | Fault::Corrupt) => Err(Reason::IdentityKeyLost),
        Err(fault) => Err(fault.into()),
    }
}

const FRAME: usize = record::frame(4);
