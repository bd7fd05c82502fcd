//! What an update leaves in durable records: the journal of the one under way, and what was confirmed last.
//!
//! ```text
//! UpdateJournal    [ stage, identity, slot, digest, size, sequence, offset, prefix ]
//! UpdateConfirmed  [ slot, digest, size, floor, migration floor ]
//! digest           [ COSE algorithm, bytes ]
//! ```
//!
//! Both are deterministic CBOR inside a [`record`]; what lets an image run below the floor, and what the owner holds back,
//! lies beside them ([`crate::downgrade`], [`crate::hold`]). They hold intent and content, never a claim that has to be believed:
//! what is in a slot is found out by hashing it.

use crate::digest::Digest;
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::platform::{ImageSlot, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::{Reason, Result};

/// How far the update under way has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Bytes are being written to the slot; it holds the first [`Journal::offset`] of them.
    Writing = 1,
    /// The whole image has been read back from the slot and matches.
    Staged = 2,
    /// The slot is, or is about to be, selected for a trial boot.
    Activated = 3,
}

/// The image in one slot: where, what, how long, which release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// The slot.
    pub slot: ImageSlot,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// The sequence number of its manifest.
    pub sequence: u64,
}

/// The update under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// How far it has come.
    pub stage: Stage,
    /// SHA-256 of its manifest.
    pub identity: [u8; 32],
    /// The image that it installs.
    pub image: Image,
    /// Bytes that the slot holds for certain.
    pub offset: u64,
    /// The digest of those bytes.
    pub prefix: Digest,
}

/// What was confirmed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The confirmed image; its sequence number is the rollback floor.
    pub image: Image,
    /// The lowest sequence number that can read the stored data. Never above the floor.
    pub migration_floor: u64,
}

/// Bytes that hold the frame of either record.
const FRAME: usize = 320;

impl Journal {
    /// That of no update.
    pub(crate) const NONE: Self = Self {
        stage: Stage::Writing,
        identity: [0; 32],
        image: Image { slot: ImageSlot::A, digest: Digest::NONE, size: 0, sequence: 0 },
        offset: 0,
        prefix: Digest::NONE,
    };

    /// The journal, if an update is under way.
    ///
    /// A journal beyond repair counts as none, and the event hook hears of it: all that is lost is a transfer, while a
    /// device that could no longer be updated would be lost for good.
    pub fn load(platform: &Platform<'_>) -> Result<Option<Self>> {
        let mut buffer = [0; FRAME];
        let loaded = record::load(platform.store, Kind::UpdateJournal, &mut buffer);
        match loaded.and_then(|payload| payload.map(Self::parse).transpose()) {
            Err(Reason::RecordCorrupt) => {
                platform.event(Reason::RecordCorrupt, Kind::UpdateJournal as u64);
                Ok(None)
            }
            journal => journal,
        }
    }

    /// Reads the payload of the record.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        stored(payload, |reader| {
            reader.array_exact(8)?;
            let stage = match reader.uint()? {
                1 => Stage::Writing,
                2 => Stage::Staged,
                3 => Stage::Activated,
                _ => return Err(Reason::RecordCorrupt),
            };
            let identity = *reader.array_of()?;
            let (slot, digest, size) = (slot(reader)?, Digest::read(reader)?, reader.uint()?);
            let image = Image { slot, digest, size, sequence: reader.uint()? };
            Ok(Self { stage, identity, image, offset: reader.uint()?, prefix: Digest::read(reader)? })
        })
    }

    pub(crate) fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; FRAME];
        let mut writer = Writer::new(&mut payload);
        writer.array(8).uint(u64::from(self.stage as u8)).bytes(&self.identity);
        writer.uint(u64::from(self.image.slot as u8));
        self.image.digest.write(&mut writer);
        writer.uint(self.image.size).uint(self.image.sequence).uint(self.offset);
        self.prefix.write(&mut writer);
        let payload = writer.finish()?;
        match record::save(platform.store, Kind::UpdateJournal, payload, &mut [0; FRAME]) {
            Err(Reason::RecordCorrupt) => {
                Self::erase(platform)?;
                record::save(platform.store, Kind::UpdateJournal, payload, &mut [0; FRAME])
            }
            result => result,
        }
    }

    pub(crate) fn erase(platform: &Platform<'_>) -> Result<()> {
        record::erase(platform.store, Kind::UpdateJournal, &mut [0; FRAME])
    }
}

impl Confirmed {
    /// What was confirmed last; none before the first time.
    pub fn load(platform: &Platform<'_>) -> Result<Option<Self>> {
        let mut buffer = [0; FRAME];
        record::load(platform.store, Kind::UpdateConfirmed, &mut buffer)?.map(Self::parse).transpose()
    }

    /// Reads the payload of the record.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        stored(payload, |reader| {
            reader.array_exact(5)?;
            let (slot, digest, size) = (slot(reader)?, Digest::read(reader)?, reader.uint()?);
            let image = Image { slot, digest, size, sequence: reader.uint()? };
            Ok(Self { image, migration_floor: reader.uint()? })
        })
    }

    pub(crate) fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; FRAME];
        let mut writer = Writer::new(&mut payload);
        writer.array(5).uint(u64::from(self.image.slot as u8));
        self.image.digest.write(&mut writer);
        writer.uint(self.image.size).uint(self.image.sequence).uint(self.migration_floor);
        record::save(platform.store, Kind::UpdateConfirmed, writer.finish()?, &mut [0; FRAME])
    }
}

/// Whatever is wrong in a record that its check found whole is damage all the same.
fn stored<T>(payload: &[u8], read: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<T> {
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let value = read(&mut reader).map_err(|_| Reason::RecordCorrupt)?;
    reader.end().map_err(|_| Reason::RecordCorrupt)?;
    Ok(value)
}

pub(crate) fn slot(reader: &mut Reader<'_>) -> Result<ImageSlot> {
    match reader.uint()? {
        0 => Ok(ImageSlot::A),
        1 => Ok(ImageSlot::B),
        _ => Err(Reason::RecordCorrupt),
    }
}
