//! What a transfer keeps of its plan: where each component lies, and how its payload becomes its bytes.

use super::write::{round_up, shape};
use crate::digest::Digest;
use crate::encryption::Cipher;
use crate::journal::Image;
use crate::plan::{Part, Plan};
use aseptic_core::crypto::{HashAlg, Suite};
use aseptic_core::platform::{Geometry, ImageSlot, Platform};
use aseptic_core::{Reason, Result, bytes, limits};

/// The components of one slot, ascending and apart; at least one.
pub(super) struct Layout {
    places: [Place; limits::COMPONENTS],
    count: usize,
    /// The digest where there is one component, at the beginning of the slot: it may have any algorithm. None for a set.
    single: Option<Digest>,
}

/// One component.
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) size: u64,
    /// Of a set; SHA-256.
    digest: [u8; 32],
    /// Where it is copied from in the running slot.
    pub(super) copied: Option<u64>,
    pub(super) cipher: Option<Cipher>,
}

impl Layout {
    /// None yet.
    pub(super) const EMPTY: Self =
        Self { places: [const { Place::EMPTY }; limits::COMPONENTS], count: 0, single: None };

    /// That of a plan, with the keys of its encrypted payloads.
    pub(super) fn fill(&mut self, suite: &Suite<'_>, plan: &Plan<'_>) -> Result<()> {
        self.count = 0;
        for (part, place) in plan.parts().zip(&mut self.places) {
            place.fill(suite, plan, part)?;
            self.count = self.count.saturating_add(1);
        }
        let whole = self.count == 1 && self.place(0)?.start == 0;
        self.single = whole.then_some(*plan.digest());
        Ok(())
    }

    /// That of an image which is in its slot already.
    pub(super) fn whole(&mut self, image: &Image) {
        if let Some(first) = self.places.first_mut() {
            (first.start, first.size) = (0, image.size);
            (first.copied, first.cipher) = (None, None);
        }
        (self.count, self.single) = (1, Some(image.digest));
    }

    /// Whether the slot has a digest of its own beside those of its components.
    pub(super) const fn is_set(&self) -> bool {
        self.single.is_none()
    }

    pub(super) fn place(&self, at: usize) -> Result<&Place> {
        self.places.get(at).ok_or(Reason::Internal)
    }

    pub(super) fn last(&self) -> usize {
        self.count.saturating_sub(1)
    }

    pub(super) fn digest(&self, at: usize) -> Result<Digest> {
        match self.single {
            Some(digest) => Ok(digest),
            None => Digest::new(HashAlg::Sha256, &self.place(at)?.digest),
        }
    }

    /// Bytes of the components before this one.
    pub(super) fn before(&self, at: usize) -> u64 {
        self.places().take(at).fold(0, |sum, place| sum.saturating_add(place.size))
    }

    /// The end of the last component.
    pub(super) fn end(&self) -> u64 {
        self.places().last().map_or(0, Place::end)
    }

    /// The first byte from `at` on that lies in no block of a component.
    pub(super) fn gap(&self, at: u64, block: u64) -> u64 {
        self.places().fold(at, |at, place| if at < place.start { at } else { at.max(round_up(place.end(), block)) })
    }

    /// The shape of the slot, if the platform keeps its contract and every component fits, and is there to be copied.
    pub(super) fn shape(&self, platform: &Platform<'_>, slot: ImageSlot) -> Result<Geometry> {
        let geometry = shape(platform, slot, self.end())?;
        for place in self.places() {
            if round_up(place.start, u64::from(geometry.erase_size)) != place.start {
                return Err(Reason::Misuse);
            }
            if let Some(from) = place.copied {
                let source = platform.images.geometry(slot.other())?.size;
                if from.checked_add(place.size).is_none_or(|end| end > source) {
                    return Err(Reason::ImageTooLarge);
                }
            }
        }
        Ok(geometry)
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().take(self.count)
    }
}

impl Place {
    const EMPTY: Self = Self { start: 0, size: 0, digest: [0; 32], copied: None, cipher: None };

    fn fill(&mut self, suite: &Suite<'_>, plan: &Plan<'_>, part: &Part<'_>) -> Result<()> {
        (self.start, self.size, self.copied) = (part.offset, part.size, part.copied);
        self.cipher = match part.encryption {
            Some(info) => Some(plan.keys().open(suite, info)?),
            None => None,
        };
        // Another algorithm than SHA-256 is that of one image, whose digest stands apart.
        bytes::copy(part.digest().as_bytes(), &mut self.digest);
        Ok(())
    }

    pub(super) const fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    /// Bytes of the payload behind those of the component.
    pub(super) fn tail(&self) -> u64 {
        self.cipher.as_ref().map_or(0, Cipher::tail)
    }
}
