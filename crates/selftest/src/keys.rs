//! The key store.

use crate::{Finding, Report};
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey, Suite};
use aseptic_core::limits;
use aseptic_core::platform::{Fault, KeyId, KeyPolicy, KeyUse, Keys, Progress, SignInput};
use aseptic_core::secret::Secret;

const SIGN: KeyPolicy = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign };
const AGREE: KeyPolicy = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Agree };
/// How often a slow engine is asked for one signature.
const PATIENCE: u32 = 1_000_000;

type Point = [u8; limits::PUBLIC_KEY];

pub(crate) fn keys(keys: &dyn Keys, suite: &Suite<'_>, report: &mut Report<'_>) {
    if keys.next(KeyId(0)) == Err(Fault::Unavailable) && keys.public(KeyId(1), &mut [0; 65]) == Err(Fault::Unavailable)
    {
        return;
    }
    let mut free = (1..=limits::SOFT_KEYS).rev().map(KeyId);
    let mut free = || free.by_ref().find(|id| keys.public(*id, &mut [0; 65]) == Err(Fault::NotFound));
    let (Some(second), Some(first)) = (free(), free()) else {
        return report.add(Finding::KeyFails, 0);
    };
    for policy in [SIGN, AGREE] {
        exercise(keys, suite, [first, second], policy, report);
        for id in [first, second] {
            let gone = keys.destroy(id).is_ok() && keys.public(id, &mut [0; 65]) == Err(Fault::NotFound);
            let again = keys.destroy(id).is_ok();
            let listed = walk(keys).is_none_or(|ids| ids.contains(&Some(id)));
            report.check(gone && again && !listed, Finding::KeyRemains, u64::from(id.0));
        }
    }
}

fn exercise(keys: &dyn Keys, suite: &Suite<'_>, ids: [KeyId; 2], policy: KeyPolicy, report: &mut Report<'_>) {
    let mut points: [Point; 2] = [[0; limits::PUBLIC_KEY]; 2];
    for (id, point) in ids.into_iter().zip(&mut points) {
        if !report.check(keys.generate(id, policy).is_ok(), Finding::KeyFails, 1) {
            return;
        }
        let public = keys.public(id, point);
        let valid = PublicKey::new(KeyAlg::P256, point).is_ok();
        if !report.check(public == Ok((policy, limits::PUBLIC_KEY)) && valid, Finding::KeyPublic, u64::from(id.0)) {
            return;
        }
    }
    let [first, second] = ids;
    let [point, other] = points;
    report.check(point != other, Finding::KeySame, 0);
    report.check(keys.generate(first, policy) == Err(Fault::Denied), Finding::KeyTaken, u64::from(first.0));
    let mut now = [0; limits::PUBLIC_KEY];
    let same = keys.public(first, &mut now).is_ok() && now == point;
    report.check(same, Finding::KeyTaken, u64::from(first.0));
    let listed = walk(keys).is_some_and(|found| ids.iter().all(|id| found.contains(&Some(*id))));
    report.check(listed, Finding::KeyWalk, 0);
    if policy.usage == KeyUse::Sign {
        signatures(keys, suite, first, &point, report);
        let used = keys.agree(first, &other, &mut Secret::zeroed());
        report.check(used.is_err(), Finding::KeyPolicy, 1);
    } else {
        agreement(keys, [first, second], [&point, &other], report);
        let used = keys.sign(first, SignInput::Digest(&[1; 32]), &mut [0; limits::SIGNATURE]);
        report.check(used.is_err(), Finding::KeyPolicy, 2);
    }
}

/// Messages of several lengths, signed as messages and as digests.
fn signatures(keys: &dyn Keys, suite: &Suite<'_>, id: KeyId, point: &Point, report: &mut Report<'_>) {
    let Ok(key) = PublicKey::new(KeyAlg::P256, point) else { return };
    for (number, message) in (0..).zip([&b""[..], b"a", &[0; 200]]) {
        let Ok(digest) = suite.sha256(&[message]) else { return report.add(Finding::KeyFails, 2) };
        for whole in [true, false] {
            let mut signature = [0; limits::SIGNATURE];
            let parts = &[message][..];
            let signed = patiently(|| {
                let mut parts = Parts(parts);
                let input = if whole { SignInput::Message(&mut parts) } else { SignInput::Digest(&digest) };
                keys.sign(id, input, &mut signature)
            });
            if !report.check(signed == Ok(limits::SIGNATURE), Finding::KeyFails, 3) {
                return;
            }
            let verified = suite.verify(key, &mut Parts(parts), &signature).is_ok();
            if !report.check(verified, Finding::KeySignature, number) {
                return;
            }
        }
    }
}

fn patiently(
    mut sign: impl FnMut() -> aseptic_core::platform::Outcome<Progress<usize>>,
) -> aseptic_core::platform::Outcome<usize> {
    for _ in 0..PATIENCE {
        if let Progress::Done(length) = sign()? {
            return Ok(length);
        }
    }
    Err(Fault::Unavailable)
}

fn agreement(keys: &dyn Keys, ids: [KeyId; 2], points: [&Point; 2], report: &mut Report<'_>) {
    let ([first, second], [point, other]) = (ids, points);
    let (mut here, mut there): (Secret<32>, Secret<32>) = (Secret::zeroed(), Secret::zeroed());
    let agreed = keys.agree(first, other, &mut here).is_ok() && keys.agree(second, point, &mut there).is_ok();
    if !report.check(agreed, Finding::KeyFails, 4) {
        return;
    }
    let real = *here.expose() != [0; 32];
    report.check(real && here.expose() == there.expose(), Finding::KeyAgreement, 0);
    // A point beside the curve gives away the private key piece by piece (invalid-curve attack).
    let mut beside = *other;
    if let Some(last) = beside.last_mut() {
        *last ^= 1;
    }
    report.check(keys.agree(first, &beside, &mut here).is_err(), Finding::KeyPeer, 0);
}

/// All ids in the order of the walk; none if it fails, does not rise or does not end.
fn walk(keys: &dyn Keys) -> Option<[Option<KeyId>; limits::KEYS]> {
    let mut found = [None; limits::KEYS];
    let mut after = KeyId(0);
    for place in &mut found {
        let Some(id) = keys.next(after).ok()? else { return Some(found) };
        if id <= after {
            return None;
        }
        (*place, after) = (Some(id), id);
    }
    None
}
