//! An envelope through the eyes of a device, with the device's own code.

use super::Outline;
use super::envelope::Envelope;
use crate::error::While;
use crate::{Error, Result};
use aseptic_core::Reason;
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_update::{Component, Device, Digest, Envelope as Received, Target};

/// What identifies the devices that an update is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The vendor.
    pub vendor: [u8; 16],
    /// The class.
    pub class: [u8; 16],
    /// The component identifiers that the devices have, in parts.
    pub components: Vec<Vec<Vec<u8>>>,
}

/// What an authentic envelope says, as a device reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The thumbprint of the key that signed.
    pub signer: [u8; 32],
    /// The sequence number; 0 where no identity was given to judge the manifest by.
    pub sequence: u64,
    /// Bytes of the image.
    pub size: u64,
    /// The digest of the image; none where no identity was given.
    pub digest: Option<Digest>,
    /// Where the image is.
    pub uri: String,
    /// The image, where the envelope carries it. Its digest has been checked.
    pub payload: Option<Vec<u8>>,
}

impl Identity {
    /// The devices that an envelope says it is for: nothing of it is proven. [`Reason::ManifestUnsupported`] if it names no
    /// vendor and class, or several.
    pub fn named_by(envelope: &Envelope) -> Result<Self> {
        let outline = Outline::of(envelope)?;
        let one = |ids: &std::collections::BTreeSet<Vec<u8>>| match ids.iter().collect::<Vec<_>>().as_slice() {
            [id] => <[u8; 16]>::try_from(id.as_slice()).ok(),
            _ => None,
        };
        let named = || Error::new(Reason::ManifestUnsupported, "looking for the one vendor and class of the manifest");
        let vendor = one(&outline.vendors).ok_or_else(named)?;
        let class = one(&outline.classes).ok_or_else(named)?;
        Ok(Self { vendor, class, components: outline.installed() })
    }

    /// Calls `use_it` with such a device. Where its components lie in a slot is not known here: a single one has the slot for
    /// itself, several get regions that any image of theirs fits.
    pub(super) fn with_device<T>(&self, use_it: impl FnOnce(&Device<'_>) -> T) -> T {
        let ids: Vec<Vec<&[u8]>> = self.components.iter().map(|id| id.iter().map(Vec::as_slice).collect()).collect();
        let regions: Vec<_> = match ids.as_slice() {
            [only] => vec![Component::whole(only)],
            ids => ids.iter().zip(0_u64..).map(|(id, at)| region(id, at)).collect(),
        };
        use_it(&Device::new(self.vendor, self.class, &regions))
    }
}

const fn region<'d>(id: &'d [&'d [u8]], at: u64) -> Component<'d> {
    Component { id, offset: at.saturating_mul(REGION), length: REGION }
}

/// Reads the manifest as a device of `identity` does that trusts `keys` to author software; without an identity only the
/// signature is judged. Published test keys count like any other here, on the author's desk.
pub fn verify(
    suite: &Suite<'_>,
    envelope: &[u8],
    keys: &[PublicKey<'_>],
    identity: Option<&Identity>,
) -> Result<Found> {
    with_authors(suite, keys, |trust| {
        let authentic = Received::parse(envelope)
            .during("reading the envelope")?
            .authenticate(trust, suite)
            .during("verifying the envelope")?;
        let signer = authentic.signer().thumbprint(suite).during("naming the signer")?;
        let Some(identity) = identity else {
            return Ok(Found { signer, sequence: 0, size: 0, digest: None, uri: String::new(), payload: None });
        };
        let plan = identity
            .with_device(|device| authentic.plan(suite, device, 0, endless(ImageSlot::B)))
            .during("walking the manifest")?;
        for part in plan.parts().filter(|part| !part.encrypted()) {
            if let Some(payload) = part.payload
                && Digest::of(suite, part.digest().alg(), &[payload]).during("hashing the image")? != part.digest()
            {
                return Err(Error::new(Reason::ImageMismatch, "checking the image inside the envelope"));
            }
        }
        Ok(Found {
            signer,
            sequence: plan.sequence(),
            size: plan.size(),
            digest: Some(*plan.digest()),
            uri: plan.uri().to_owned(),
            payload: plan.payload().map(<[u8]>::to_vec),
        })
    })
}

/// Trust in bare keys, each of which may author releases by itself.
pub(super) fn with_authors<T>(
    suite: &Suite<'_>,
    keys: &[PublicKey<'_>],
    use_it: impl FnOnce(&Trust<'_>) -> Result<T>,
) -> Result<T> {
    let purposes = Purposes::of(&[Purpose::UpdateInstall]);
    let thumbprints: aseptic_core::Result<Vec<_>> = keys.iter().map(|key| key.thumbprint(suite)).collect();
    let thumbprints = thumbprints.during("naming the authors")?;
    let pinned = keys.iter().zip(&thumbprints).map(|(key, thumbprint)| match key.alg() {
        alg if alg.by_value() => Material::Key(*key),
        alg => Material::Thumbprint(alg, thumbprint),
    });
    let entries: Vec<_> = pinned.map(|material| Entry { purposes, name: b"author", material }).collect();
    use_it(&danger::unsigned(Authority::Manufacturer, &entries).during("taking the keys")?)
}

/// A slot without end: which devices have room is not known here.
pub(super) const fn endless(slot: ImageSlot) -> Target {
    Target { slot, geometry: Geometry { size: 1 << 62, erase_size: 1, write_size: 1 } }
}

/// Bytes from one component to the next.
pub(super) const REGION: u64 = 1 << 40;
