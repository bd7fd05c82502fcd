//! How many keys must agree before software is installed.

use super::store::{Authority, Material, TrustStore};
use super::{Purpose, Purposes};
use crate::Result;
use crate::cbor::{Reader, Writer};
use crate::crypto::PublicKey;
use crate::reason::Reason;

/// What agreement can be asked for: releases, security patches, downgrades.
pub(super) const ROLES: [Purpose; 3] = [Purpose::UpdateInstall, Purpose::SecurityPatch, Purpose::Downgrade];

/// How many distinct pinned keys of a store must agree to software of a role.
///
/// In the manufacturer's store they are the keys with that purpose, in the owner's those with [`Purpose::UpdateApprove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// [`Purpose::UpdateInstall`], [`Purpose::SecurityPatch`] or [`Purpose::Downgrade`].
    pub purpose: Purpose,
    /// How many keys; never 0, and never more than the store has.
    pub keys: u8,
}

impl Quorum {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.array_exact(2)?;
        let mut byte = || u8::try_from(reader.uint()?).map_err(|_| Reason::TrustMalformed);
        Ok(Self { purpose: Purpose::from_u8(byte()?)?, keys: byte()? })
    }
}

pub(super) fn write(quorums: &[Quorum], writer: &mut Writer<'_>) {
    writer.array(quorums.len());
    for quorum in quorums {
        writer.array(2).uint(u64::from(quorum.purpose as u8)).uint(u64::from(quorum.keys));
    }
}

/// The number demanded for `purpose`; 0 if the store says nothing.
pub(super) fn of(quorums: &[Option<Quorum>], purpose: Purpose) -> usize {
    let demanded = quorums.iter().flatten().find(|quorum| quorum.purpose == purpose);
    demanded.map_or(0, |quorum| usize::from(quorum.keys))
}

/// Whether each quorum is of a role that has one, named once, and can be met by keys of the store itself.
pub(super) fn reachable(store: &TrustStore<'_>) -> bool {
    let all = || store.quorums.iter().flatten();
    all().all(|quorum| {
        let once = all().filter(|other| other.purpose == quorum.purpose).count() == 1;
        let purpose = match store.authority {
            Authority::Manufacturer => quorum.purpose,
            Authority::Owner => Purpose::UpdateApprove,
        };
        let keys = distinct(store, Purposes::of(&[purpose]));
        ROLES.contains(&quorum.purpose) && once && (1..=keys).contains(&usize::from(quorum.keys))
    })
}

/// How many different keys may do all of `purposes`: one pinned twice, under two names, is one.
fn distinct(store: &TrustStore<'_>, purposes: Purposes) -> usize {
    let keys =
        || store.entries().filter(|entry| purposes.within(entry.purposes)).filter_map(|entry| key(entry.material));
    keys().enumerate().filter(|(at, key)| !keys().take(*at).any(|other| other == *key)).count()
}

const fn key(material: Material<'_>) -> Option<PublicKey<'_>> {
    match material {
        Material::Key(key) if key.alg().signs().is_some() => Some(key),
        Material::Key(_) | Material::Certificate(_) => None,
    }
}
