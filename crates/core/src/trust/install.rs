//! How a trust store comes to be installed, and how it changes.

use super::PathEngine;
use super::store::{Authority, Material, TrustStore};
use crate::cose::Sign;
use crate::crypto::Suite;
use crate::platform::Platform;
use crate::reason::Reason;
use crate::{Result, limits, record};

/// Thumbprints of private keys that are printed in specifications and examples. Whoever signs with one is nobody.
const PUBLISHED: [[u8; 32]; 3] = [
    // draft-ietf-suit-manifest, examples; libcsuit, trust anchor
    [
        0xAD, 0xE2, 0xDA, 0xD6, 0x11, 0x71, 0x7E, 0x91, 0x0E, 0x29, 0x5D, 0xB3, 0xBA, 0x08, 0x6F, 0xC4, 0x04, 0x90,
        0xB0, 0xDA, 0xAC, 0xFC, 0x23, 0xAA, 0xCE, 0x93, 0x48, 0x07, 0x7B, 0x83, 0x9B, 0x17,
    ],
    // libcsuit, device
    [
        0x6D, 0xFA, 0x30, 0x12, 0xEE, 0x45, 0xAD, 0x4E, 0xCA, 0xAF, 0xC4, 0x7D, 0x1F, 0x72, 0x74, 0x40, 0x96, 0x80,
        0x71, 0x13, 0x7D, 0xFA, 0xD9, 0x18, 0xCA, 0xE0, 0x96, 0xCD, 0x0B, 0xF2, 0xD4, 0x26,
    ],
    // libcsuit, TAM
    [
        0xB1, 0xE6, 0xD3, 0x7B, 0xE3, 0x5D, 0x42, 0x46, 0xD5, 0x96, 0xCB, 0x5D, 0xEA, 0x54, 0xC1, 0x13, 0xD8, 0xE7,
        0xB5, 0x15, 0x2C, 0x81, 0x70, 0x9F, 0xB0, 0x8D, 0xC0, 0x02, 0xF9, 0x14, 0xA3, 0x1E,
    ],
];

/// A person stands at the device and wants this: the application says so, having asked a button, a jumper or a service key.
#[derive(Debug)]
pub struct PhysicalPresence(());

impl PhysicalPresence {
    /// The application vouches for the person. Never call it for anything that came over a network.
    #[must_use]
    pub const fn confirmed_at_the_device() -> Self {
        Self(())
    }
}

/// Installs the first trust store of `authority`.
///
/// The object must be signed by the keys that it puts in charge. `engine` looks at the anchors: their constraints must be
/// ones that it honours ([`Reason::TrustConstraint`]), and no key of theirs may be a published one. A device that reads no
/// certificates has none, and stores what it will never use. [`Reason::TrustExists`] if one is installed already: its
/// own keys change it, see [`update`]. After power loss the store is installed or it is not. `buffer` holds at least
/// [`limits::TRUST_STORE`] bytes.
pub fn install(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    engine: Option<&dyn PathEngine>,
    authority: Authority,
    object: &[u8],
    _presence: PhysicalPresence,
    buffer: &mut [u8],
) -> Result<()> {
    if exists(platform, authority, buffer)? {
        return Err(Reason::TrustExists);
    }
    let signed = Sign::parse(object)?;
    let offered = check(suite, engine, authority, &signed)?;
    offered.authorises(suite, &signed)?;
    store(platform, &offered, object, buffer)
}

/// Replaces the installed trust store of `authority` by a newer one that its keys have signed.
///
/// * The version must be higher ([`Reason::TrustRollback`]).
/// * Where keys or threshold change, the version must be the very next one ([`Reason::TrustSkipped`]) and the new keys
///   must have signed as well.
/// * Every purpose that has an anchor now must have one afterwards ([`Reason::TrustWouldStrand`]).
/// * The epoch, which is the version that last withdrew trust, is the installed one, or lies above the installed version: this
///   it must if anything is withdrawn ([`Reason::TrustEpoch`], [`TrustStore::withdraws`]).
///
/// `engine` is as for [`install`].
///
/// After power loss the old store or the new one is installed; a refused object changes nothing.
pub fn update(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    engine: Option<&dyn PathEngine>,
    authority: Authority,
    object: &[u8],
    buffer: &mut [u8],
) -> Result<()> {
    let installed = TrustStore::load(platform, authority, buffer)?.ok_or(Reason::TrustMissing)?;
    let signed = Sign::parse(object)?;
    let offered = check(suite, engine, authority, &signed)?;
    if offered.version <= installed.version {
        return Err(Reason::TrustRollback);
    }
    installed.authorises(suite, &signed)?;
    if offered.signers != installed.signers || offered.threshold != installed.threshold {
        if offered.version != installed.version.saturating_add(1) {
            return Err(Reason::TrustSkipped);
        }
        offered.authorises(suite, &signed)?;
    }
    if !installed.serves().within(offered.serves()) {
        return Err(Reason::TrustWouldStrand);
    }
    let risen = offered.epoch > installed.version;
    if !risen && (offered.epoch != installed.epoch || installed.withdraws(&offered)) {
        return Err(Reason::TrustEpoch);
    }
    store(platform, &offered, object, buffer)
}

/// Apart from its caller, whose stack has no room for a second store.
#[inline(never)]
fn exists(platform: &Platform<'_>, authority: Authority, buffer: &mut [u8]) -> Result<bool> {
    Ok(TrustStore::load(platform, authority, buffer)?.is_some())
}

/// What must hold for an object whoever signed it.
fn check<'a>(
    suite: &Suite<'_>,
    engine: Option<&dyn PathEngine>,
    authority: Authority,
    signed: &Sign<'a>,
) -> Result<TrustStore<'a>> {
    let offered = TrustStore::parse(signed)?;
    if offered.authority != authority {
        return Err(Reason::TrustPurpose);
    }
    let acceptable = |thumbprint: &[u8; 32]| {
        if PUBLISHED.contains(thumbprint) {
            Err(Reason::PublishedTestKey)
        } else if offered.denies(thumbprint) {
            Err(Reason::Denied)
        } else {
            Ok(())
        }
    };
    for key in offered.signers() {
        acceptable(&key.thumbprint(suite)?)?;
    }
    for entry in offered.entries() {
        match (entry.material, engine) {
            (Material::Key(key), _) => acceptable(&key.thumbprint(suite)?)?,
            (Material::Thumbprint(_, thumbprint), _) => acceptable(thumbprint)?,
            (Material::Certificate(anchor), Some(engine)) => {
                engine.check_anchor(&anchor)?;
                acceptable(&suite.sha256(&[engine.public_key_info(anchor.certificate)?])?)?;
                anchor.successor.map_or(Ok(()), acceptable)?;
            }
            (Material::Certificate(_), None) => {}
        }
    }
    Ok(offered)
}

/// The record first, then the counter; [`TrustStore::load`] moves the counter if power is lost in between.
fn store(platform: &Platform<'_>, offered: &TrustStore<'_>, object: &[u8], buffer: &mut [u8]) -> Result<()> {
    if record::frame(object.len()) > limits::TRUST_STORE {
        return Err(Reason::TooLarge);
    }
    record::save(platform.store, offered.authority.record(), object, buffer)?;
    platform.counters.advance(offered.authority.counter(), offered.version)?;
    Ok(())
}
