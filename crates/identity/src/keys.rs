//! The keys behind the records.

use crate::stored::{Birth, Held, Local, Workspace};
use crate::{agreement, wipe};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::platform::{Fault, KeyId, KeyPolicy, KeyUse, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::{Reason, Result, bytes, limits};

/// Destroys every key that no record of this package names, and tells how many. To be called at boot, before anything else here.
///
/// A power cut leaves such keys behind: one made just before its record, one whose record was just replaced. On a device
/// without a birth record nothing is destroyed: a store that comes up empty must not cost the device the key in its secure
/// element; [`crate::birth::request`] clears what is left of a first attempt. If a record cannot be read nothing is
/// destroyed either. On a device that was decommissioned every key is destroyed ([`crate::wipe`]). After an error or a power
/// cut, call it again.
pub fn tidy(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<u32> {
    if wipe::is_decommissioned(platform, &mut workspace.frame)? {
        return wipe::finish(platform, workspace);
    }
    // A cut between the two copies of a record leaves one that names other keys. It must not come back once they are gone.
    for kind in [Kind::BirthIdentity, Kind::LocalIdentity, Kind::AgreementKey] {
        settle(platform, kind, workspace)?;
    }
    let named = Named::load(platform, workspace)?;
    if named.birth { sweep(platform, &named) } else { Ok(0) }
}

/// The keys that the records name.
pub(crate) struct Named {
    birth: bool,
    ids: [Option<KeyId>; 4],
}

impl Named {
    /// No keys at all.
    pub(crate) const NOBODY: Self = Self { birth: false, ids: [None; 4] };

    pub(crate) fn load(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<Self> {
        let birth = Birth::load(platform, &mut workspace.frame)?.0.map(|birth| birth.held.key);
        let local = Local::load(platform, &mut workspace.frame)?;
        let id = |held: Option<Held<'_>>| held.map(|held| held.key);
        let (current, successor) = (id(local.current), id(local.successor));
        Ok(Self { birth: birth.is_some(), ids: [birth, current, successor, agreement::load(platform)?] })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.ids.into_iter().flatten()
    }

    pub(crate) fn contains(&self, id: KeyId) -> bool {
        self.ids.contains(&Some(id))
    }
}

/// Destroys every key that is not in `named`.
pub(crate) fn sweep(platform: &Platform<'_>, named: &Named) -> Result<u32> {
    let mut destroyed = 0_u32;
    walk(platform, |id| {
        if !named.contains(id) {
            platform.keys.destroy(id)?;
            destroyed = destroyed.saturating_add(1);
        }
        Ok(())
    })?;
    Ok(destroyed)
}

/// Sees to it that both copies of a record are the one that was read.
fn settle(platform: &Platform<'_>, kind: Kind, workspace: &mut Workspace) -> Result<()> {
    let Some(stored) = record::load(platform.store, kind, &mut workspace.frame)? else { return Ok(()) };
    let room = bytes::copy(stored, &mut workspace.payload).ok_or(Reason::Internal)?;
    record::save(platform.store, kind, room, &mut workspace.frame)
}

/// Makes a P-256 signature key for an identity.
pub(crate) fn generate(platform: &Platform<'_>, suite: &Suite<'_>, named: &Named) -> Result<Held<'static>> {
    let key = make(platform, named, KeyUse::Sign)?;
    let mut bytes = [0; limits::PUBLIC_KEY];
    let thumbprint = public(platform, key, &mut bytes)?.thumbprint(suite)?;
    Ok(Held { key, alg: KeyAlg::P256, thumbprint, request: &[], chain: crate::stored::Chain::EMPTY })
}

/// Makes a P-256 key under an id above every one that exists or is named, so that no id ever stands for two keys at a time.
pub(crate) fn make(platform: &Platform<'_>, named: &Named, usage: KeyUse) -> Result<KeyId> {
    let mut highest = named.ids.iter().flatten().copied().max().unwrap_or(KeyId(0));
    walk(platform, |id| {
        highest = highest.max(id);
        Ok(())
    })?;
    let key = KeyId(highest.0.checked_add(1).ok_or(Reason::PlatformFull)?);
    platform.keys.generate(key, KeyPolicy { alg: KeyAlg::P256, usage })?;
    Ok(key)
}

/// The public key; [`Reason::IdentityKeyLost`] if the key is gone, cannot be read or may not sign.
pub(crate) fn public<'o>(platform: &Platform<'_>, key: KeyId, out: &'o mut [u8]) -> Result<PublicKey<'o>> {
    match platform.keys.public(key, out) {
        Ok((policy, length)) if policy.usage == KeyUse::Sign => {
            PublicKey::new(policy.alg, out.get(..length).ok_or(Reason::PlatformIo)?)
        }
        Ok(_) | Err(Fault::NotFound | Fault::Corrupt) => Err(Reason::IdentityKeyLost),
        Err(fault) => Err(fault.into()),
    }
}

/// Destroys a key that no record names any more. What fails here is reported and made good by [`tidy`] at the next boot.
pub(crate) fn discard(platform: &Platform<'_>, key: KeyId) {
    if let Err(fault) = platform.keys.destroy(key) {
        platform.event(fault.into(), u64::from(key.0));
    }
}

/// Visits every key, at most [`limits::KEYS`]; ids rise, or the key store is broken.
fn walk(platform: &Platform<'_>, mut visit: impl FnMut(KeyId) -> Result<()>) -> Result<()> {
    let mut last = KeyId(0);
    for _ in 0..limits::KEYS {
        match platform.keys.next(last)? {
            None => return Ok(()),
            Some(id) if id > last => {
                visit(id)?;
                last = id;
            }
            Some(_) => return Err(Reason::PlatformCorrupt),
        }
    }
    Err(Reason::PlatformFull)
}
