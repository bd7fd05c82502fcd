//! What survives the loss of power.

use aseptic_core::platform::{BootMode, Counter, Geometry, ImageSlot, KeyId, KeyPolicy, Slot};
use std::collections::BTreeMap;
use std::fmt;

/// Everything durable of one device. Two media are equal exactly if no call of the platform could tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Medium {
    /// The blobs of the store.
    pub slots: BTreeMap<Slot, Vec<u8>>,
    /// The monotonic counters; one never advanced is not listed.
    pub counters: BTreeMap<Counter, u64>,
    /// The private keys.
    pub keys: BTreeMap<KeyId, StoredKey>,
    /// The program slots A and B.
    pub flash: [Flash; 2],
    /// What the boot loader will start.
    pub boot: Boot,
}

impl Medium {
    pub(super) fn new() -> Self {
        let flash = Flash::new(Geometry { size: 0x1_0000, erase_size: 0x1000, write_size: 8 }, 0xFF);
        Self {
            slots: BTreeMap::new(),
            counters: BTreeMap::new(),
            keys: BTreeMap::new(),
            flash: [flash.clone(), flash],
            boot: Boot { permanent: ImageSlot::A, trial: None },
        }
    }
}

/// One private key of the key store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoredKey {
    /// What it may do.
    pub policy: KeyPolicy,
    /// The secret bytes.
    pub secret: [u8; 32],
    /// The public key.
    pub public: Vec<u8>,
    /// Set by a test: the entry can no longer be parsed, only destroyed.
    pub corrupt: bool,
}

/// What the boot loader will start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot {
    /// The slot that boots from now on.
    pub permanent: ImageSlot,
    /// The slot that boots once, before `permanent` boots again.
    pub trial: Option<ImageSlot>,
}

impl Boot {
    pub(super) fn select(&mut self, slot: ImageSlot, mode: BootMode) {
        match mode {
            BootMode::Trial => self.trial = Some(slot),
            BootMode::Permanent => *self = Self { permanent: slot, trial: None },
        }
    }
}

/// One program slot: NOR flash, or anything else that is erased in blocks and written once in units.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Flash {
    /// Its shape.
    pub geometry: Geometry,
    /// What an erased byte reads as.
    pub erased: u8,
    /// The content.
    pub bytes: Vec<u8>,
    /// For each write unit whether it is erased and may be written.
    pub blank: Vec<bool>,
}

impl Flash {
    /// An erased slot.
    ///
    /// # Panics
    /// If the geometry is not one that [`Geometry`] allows.
    #[must_use]
    pub fn new(geometry: Geometry, erased: u8) -> Self {
        let Geometry { size, erase_size, write_size } = geometry;
        assert!(erase_size.is_power_of_two() && write_size.is_power_of_two() && write_size <= 32.min(erase_size));
        assert!(size % u64::from(erase_size) == 0, "a slot is a whole number of erase blocks");
        let size = usize::try_from(size).expect("a slot that fits into memory");
        let units = size / write_size as usize;
        Self { geometry, erased, bytes: vec![erased; size], blank: vec![true; units] }
    }

    /// Puts `image` at the start of the erased slot, as a factory programmer does.
    pub fn program(&mut self, image: &[u8]) {
        *self = Self::new(self.geometry, self.erased);
        self.bytes[..image.len()].copy_from_slice(image);
        let used = image.len().div_ceil(self.unit());
        self.blank[..used].fill(false);
    }

    pub(super) const fn unit(&self) -> usize {
        self.geometry.write_size as usize
    }

    pub(super) const fn block(&self) -> usize {
        self.geometry.erase_size as usize
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredKey({:?}, {:?})", self.policy.alg, self.policy.usage)
    }
}

/// The content in a few words: a slot is too long to be printed when an assertion fails.
impl fmt::Debug for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.blank.iter().filter(|blank| !**blank).count() * self.unit();
        write!(f, "Flash({written} of {} bytes written)", self.bytes.len())
    }
}
