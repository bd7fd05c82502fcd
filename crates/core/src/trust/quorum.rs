//! How many keys, and of which algorithms, must agree before software is installed.

use super::store::{self, Authority, TrustStore};
use super::{Purpose, Purposes};
use crate::Result;
use crate::cbor::{Reader, Writer};
use crate::crypto::KeyAlg;
use crate::reason::Reason;
use crate::time::{Relation, Time};

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
    /// Whether among them there must be one of a classical and one of a post-quantum algorithm. A family whose keys in this
    /// store are all retired is no longer asked for.
    pub both_families: bool,
}

/// An algorithm whose signatures under software stop counting, for the keys of the store that says so.
///
/// Where no clock can tell whether the time has come, they still count if the quorum asks for both families, because then
/// they never decide alone; else they do not, because whoever keeps a device from knowing the time must not thereby keep
/// a broken algorithm alive. What a store does not retire must be able to meet each of its quorums alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// The algorithm.
    pub alg: KeyAlg,
    /// From when on, in seconds since 1970.
    pub at: u64,
}

impl Quorum {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let length = reader.array()?;
        let mut byte = || u8::try_from(reader.uint()?).map_err(|_| Reason::TrustMalformed);
        let (purpose, keys) = (Purpose::from_u8(byte()?)?, byte()?);
        let both_families = length == 3 && reader.bool()?;
        // False is said by leaving it out.
        if length == 2 || both_families {
            Ok(Self { purpose, keys, both_families })
        } else {
            Err(Reason::TrustMalformed)
        }
    }
}

impl Retirement {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.array_exact(2)?;
        Ok(Self { alg: store::alg(reader.uint()?)?, at: reader.uint()? })
    }
}

/// Writes fields 12 and 13, each if there is something in it.
pub(super) fn write(quorums: &[Quorum], retirements: &[Retirement], writer: &mut Writer<'_>) {
    if !quorums.is_empty() {
        writer.int(12).array(quorums.len());
    }
    for Quorum { purpose, keys, both_families } in quorums {
        writer.array(if *both_families { 3 } else { 2 }).uint(u64::from(*purpose as u8)).uint(u64::from(*keys));
        both_families.then(|| writer.bool(true));
    }
    if !retirements.is_empty() {
        writer.int(13).array(retirements.len());
    }
    for Retirement { alg, at } in retirements {
        writer.array(2).uint(u64::from(*alg as u8)).uint(*at);
    }
}

/// Whether keys of these algorithms, all different, are enough for `purpose` at the time `now`.
pub(super) fn agreed<S>(store: &TrustStore<'_>, purpose: Purpose, signed: S, now: Time) -> Result<()>
where
    S: Iterator<Item = KeyAlg> + Clone,
{
    let quorum = store.quorums().find(|quorum| quorum.purpose == purpose);
    let (demanded, both) = match (quorum, store.authority) {
        (Some(quorum), _) => (usize::from(quorum.keys), quorum.both_families),
        (None, Authority::Manufacturer) => (1, false),
        (None, Authority::Owner) => return Ok(()),
    };
    let counts = |alg: &KeyAlg| {
        let retirement = store.retirements().find(|retirement| retirement.alg == *alg);
        let relation = retirement.map_or(Relation::Before, |retirement| now.relation(retirement.at));
        relation == Relation::Before || relation == Relation::CannotTell && both
    };
    if signed.clone().count() < demanded {
        return Err(Reason::TrustThreshold);
    }
    if signed.clone().filter(counts).count() < demanded {
        return Err(Reason::AlgorithmRetired);
    }
    let missing = |family: bool| {
        let of_it = |alg: &KeyAlg| alg.is_post_quantum() == family;
        let mut held = keys(store, purpose).map(|(alg, _)| alg).filter(of_it).peekable();
        let lapsed = held.peek().is_some() && !held.any(|alg| counts(&alg));
        !lapsed && !signed.clone().filter(of_it).any(|alg| counts(&alg))
    };
    if both && (missing(false) || missing(true)) { Err(Reason::FamilyMissing) } else { Ok(()) }
}

/// Whether each quorum is of a role that has one, named once, and can be met by keys of the store itself, now and after all
/// retirements.
pub(super) fn reachable(store: &TrustStore<'_>) -> bool {
    let (quorums, retired) = (|| store.quorums(), || store.retirements());
    let role = |quorum: Quorum| quorum.keys > 0 && ROLES.contains(&quorum.purpose);
    let once = |retirement: Retirement| retired().filter(|other| other.alg == retirement.alg).count() == 1;
    let met = |purpose: &Purpose| {
        let quorums = quorums().filter(|quorum| quorum.purpose == *purpose).count();
        // One pinned twice, under two names, is one.
        let distinct = keys(store, *purpose).enumerate();
        let distinct = distinct.filter(|(at, key)| !keys(store, *purpose).take(*at).any(|other| other == *key));
        let algs = distinct.map(|(_, (alg, _))| alg);
        let at = |seconds| agreed(store, *purpose, algs.clone(), Time::trusted(seconds)).is_ok();
        (quorums, algs.clone().next()) == (0, None) || quorums <= 1 && at(0) && at(u64::MAX)
    };
    quorums().all(role) && retired().all(once) && ROLES.iter().all(met)
}

/// The pinned keys whose signatures count for `purpose`, each as often as it is pinned.
fn keys<'s>(store: &'s TrustStore<'_>, purpose: Purpose) -> impl Iterator<Item = (KeyAlg, &'s [u8])> + Clone {
    let purposes = match store.authority {
        Authority::Manufacturer => Purposes::of(&[purpose]),
        Authority::Owner => Purposes::of(&[Purpose::UpdateApprove]),
    };
    let able = store.entries().filter(move |entry| purposes.within(entry.purposes));
    able.filter_map(|entry| entry.material.signer())
}
