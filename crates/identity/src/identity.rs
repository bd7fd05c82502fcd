//! The identity of a device as stored.

use crate::credential::{Credential, Origin, Stage};
use crate::stored::{self, Birth, Held, Local, Workspace};
use crate::{keys, wipe};
use aseptic_certs::Certificate;
use aseptic_core::platform::{KeyId, Platform};
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result, limits};

/// Who this device is, read from its two records.
///
/// A credential whose key is not in the key store (lost, or the flash was copied from another device) is left out and
/// reported as event [`Reason::IdentityKeyLost`] with its key id, and one whose certificate cannot be read with the reason
/// of that; the others stay usable.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'b> {
    record: Option<Birth<'b>>,
    birth: Option<Held<'b>>,
    current: Option<Held<'b>>,
    successor: Option<Held<'b>>,
}

impl<'b> Identity<'b> {
    /// Reads what is stored. Both records go into `buffer`, one after the other: 2 × [`limits::SLOT`] bytes always suffice,
    /// 4 KiB for chains of two P-256 certificates; [`Reason::BufferTooSmall`] otherwise. Nothing is written.
    ///
    /// [`Reason::Decommissioned`] for a device that was given up ([`crate::wipe`]).
    pub fn load(platform: &Platform<'_>, buffer: &'b mut [u8]) -> Result<Self> {
        wipe::refuse(platform, buffer)?;
        let (record, free) = Birth::load(platform, buffer)?;
        let local = Local::load(platform, free)?;
        let birth = record.map(|record| record.held).filter(Held::certified);
        Ok(Self {
            record,
            birth: present(platform, birth)?,
            current: present(platform, local.current)?,
            successor: match local.successor {
                Some(held) if held.certified() => present(platform, Some(held))?,
                other => other,
            },
        })
    }

    /// As [`Identity::load`], on the hardware whose serial number is `hardware_serial`: what the platform reads from the
    /// machine itself (fuses, the number of a secure element), not from the storage that the identity lies in.
    ///
    /// [`Reason::HardwareMismatch`], and an event of that reason, where the identity was born on other hardware: the storage
    /// was copied. A blank device has nothing to mismatch.
    pub fn load_on(platform: &Platform<'_>, hardware_serial: &[u8], buffer: &'b mut [u8]) -> Result<Self> {
        let identity = Self::load(platform, buffer)?;
        match identity.record {
            Some(record) if record.hardware_serial != hardware_serial => {
                platform.event(Reason::HardwareMismatch, 0);
                Err(Reason::HardwareMismatch)
            }
            _ => Ok(identity),
        }
    }

    /// The device's name: the serial number in the subject of all its certificates. [`Reason::NotProvisioned`] before the
    /// first step at the factory.
    pub fn name(&self) -> Result<&'b str> {
        Ok(self.record.ok_or(Reason::NotProvisioned)?.serial)
    }

    /// The type (content bytes of an object identifier) and serial number of the hardware.
    pub fn hardware(&self) -> Result<(&'b [u8], &'b [u8])> {
        let record = self.record.ok_or(Reason::NotProvisioned)?;
        Ok((record.hardware_type, record.hardware_serial))
    }

    /// The UDI as the URI that stands in the certificates, if the device has one.
    #[must_use]
    pub fn udi(&self) -> Option<&'b str> {
        self.record.map(|record| record.udi).filter(|udi| !udi.is_empty())
    }

    /// How far the birth identity has come.
    #[must_use]
    pub fn birth_stage(&self) -> Stage {
        match self.record.map(|record| record.held) {
            None => Stage::Blank,
            Some(held) if held.certified() => Stage::Active,
            Some(Held { request: [], .. }) => Stage::Keyed,
            Some(_) => Stage::Requested,
        }
    }

    /// How far the local identity has come. A device that is active stays so while a successor is prepared; see
    /// [`Identity::successor_stage`].
    #[must_use]
    pub fn local_stage(&self) -> Stage {
        if self.current.is_some() { Stage::Active } else { self.successor_stage() }
    }

    /// How far the successor of the local identity has come; [`Stage::Blank`] if none is prepared.
    #[must_use]
    pub fn successor_stage(&self) -> Stage {
        match self.successor {
            None => Stage::Blank,
            Some(held) if held.certified() => Stage::Probation,
            Some(Held { request: [], .. }) => Stage::Keyed,
            Some(_) => Stage::Pending,
        }
    }

    /// What to present now: the local identity on probation, so that it can prove itself, else the active one, else the
    /// birth identity. [`Reason::NotProvisioned`] if there is none.
    pub fn credential(&self) -> Result<Credential<'b>> {
        self.on_probation().or_else(|| self.active()).map_or_else(|| self.birth(), Ok)
    }

    /// What to present where [`Identity::credential`], still on probation, was turned down.
    pub fn fallback(&self) -> Result<Credential<'b>> {
        self.active().map_or_else(|| self.birth(), Ok)
    }

    /// The birth identity, for the registrar. [`Reason::NotProvisioned`] if it has no certificate yet,
    /// [`Reason::IdentityKeyLost`] if its key is not in the key store.
    pub fn birth(&self) -> Result<Credential<'b>> {
        match self.birth {
            Some(held) => Ok(Credential::new(Origin::Birth, Stage::Active, held)),
            None if self.birth_stage() == Stage::Active => Err(Reason::IdentityKeyLost),
            None => Err(Reason::NotProvisioned),
        }
    }

    fn active(&self) -> Option<Credential<'b>> {
        self.current.map(|held| Credential::new(Origin::Local, Stage::Active, held))
    }

    fn on_probation(&self) -> Option<Credential<'b>> {
        let held = self.successor.filter(Held::certified)?;
        Some(Credential::new(Origin::Local, Stage::Probation, held))
    }
}

/// Ends the probation of the local identity whose key is `key`: it has been part of a mutually authenticated handshake with
/// a peer of the owner. Its predecessor is given up, and the predecessor's key destroyed.
///
/// For any other key that an identity holds nothing changes; [`Reason::Misuse`] for a key that none holds. After power
/// loss the predecessor is active or the successor is; both work.
pub fn confirm_handshake(platform: &Platform<'_>, key: KeyId, workspace: &mut Workspace) -> Result<()> {
    wipe::refuse(platform, &mut workspace.frame)?;
    if !keys::Named::load(platform, workspace)?.contains(key) {
        return Err(Reason::Misuse);
    }
    let local = Local::load(platform, &mut workspace.frame)?;
    let Some(proven) = local.successor.filter(|held| held.key == key && held.certified()) else {
        return Ok(());
    };
    let length = Local { current: Some(proven), successor: None }.encode(&mut workspace.payload)?;
    let predecessor = local.current.map(|held| held.key);
    stored::save(platform, Kind::LocalIdentity, &workspace.payload, length, &mut workspace.frame)?;
    if let Some(predecessor) = predecessor {
        keys::discard(platform, predecessor);
    }
    Ok(())
}

/// The credential, if its key is in the key store and is the one that its leaf certifies.
fn present<'b>(platform: &Platform<'_>, held: Option<Held<'b>>) -> Result<Option<Held<'b>>> {
    let Some((held, leaf)) = held.and_then(|held| Some((held, held.chain.leaf()?))) else { return Ok(None) };
    let mut bytes = [0; limits::PUBLIC_KEY];
    // It could be read when it was stored; what a later release makes of it must not cost the others too.
    let certified = match Certificate::parse(leaf).and_then(|leaf| leaf.public_key()) {
        Ok(certified) => certified,
        Err(reason) => {
            platform.event(reason, u64::from(held.key.0));
            return Ok(None);
        }
    };
    match keys::public(platform, held.key, &mut bytes) {
        Ok(key) if key == certified => Ok(Some(held)),
        Ok(_) | Err(Reason::IdentityKeyLost) => {
            platform.event(Reason::IdentityKeyLost, u64::from(held.key.0));
            Ok(None)
        }
        Err(reason) => Err(reason),
    }
}
