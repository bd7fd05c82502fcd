//! Signed statements about one update: the owner holds it back, the manufacturer lets a device go below its floor, or do
//! without an approval that nobody can give any more.
//!
//! ```text
//! [ bstr payload, + bstr COSE_Sign1 ]      signatures are collected by passing the file; the payload is detached
//! payload = [ kind, manifest, sequence, device, number, time ]
//!     kind      1 hold, 2 downgrade, 3 waiver
//!     manifest  SHA-256 of the manifest with the head of its byte string: Authentic::identity
//!     sequence  its sequence number
//!     device    the name of the one device that it is for; empty, in a hold alone, for all
//!     number    of a hold: higher than all before; of a downgrade: one more than the device's counter; of a waiver: 0
//!     time      of a hold: until when, 0 lifts it; of the others: when they expire (seconds since 1970)
//! ```
//!
//! The signatures have [`CONTEXT`] as external data, so that none of them is one under a manifest, and the reverse.

use crate::policy::{Question, Role, Tally};
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::crypto::Suite;
use aseptic_core::time::{Relation, Time};
use aseptic_core::trust::{PhysicalPresence, Purpose, Trust};
use aseptic_core::{Reason, Result, limits};

/// External data of the signatures under a statement.
pub const CONTEXT: &[u8] = b"aseptic update statement";

/// What is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The owner puts the update off, vetoes it, or lets it go again.
    Hold = 1,
    /// One device may run this older release.
    Downgrade = 2,
    /// One device may install this without the owner's approval, with a person at the device.
    Waiver = 3,
}

/// The content of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// What is stated.
    pub kind: Kind,
    /// Which update it is about: SHA-256 of its manifest.
    pub identity: [u8; 32],
    /// The sequence number of that update.
    pub sequence: u64,
    /// The device; empty for all.
    pub device: &'a [u8],
    /// The number that orders it, or lets it be used once.
    pub number: u64,
    /// Until when, in seconds since 1970.
    pub time: u64,
}

impl<'a> Statement<'a> {
    /// Writes the payload to be signed; gives its length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.array(6).uint(u64::from(self.kind as u8)).bytes(&self.identity).uint(self.sequence);
        writer.bytes(self.device).uint(self.number).uint(self.time);
        writer.finish().map(|bytes| bytes.len())
    }

    /// Puts a payload and its signatures together; gives the length.
    pub fn assemble(payload: &[u8], blocks: &[&[u8]], out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.array(blocks.len().saturating_add(1)).bytes(payload);
        for block in blocks {
            writer.bytes(block);
        }
        writer.finish().map(|bytes| bytes.len())
    }

    /// Reads a payload. Nothing in it is proven.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(6)?;
        let kind = match reader.uint()? {
            1 => Kind::Hold,
            2 => Kind::Downgrade,
            3 => Kind::Waiver,
            _ => return Err(Reason::ManifestUnsupported),
        };
        let (identity, sequence) = (*reader.array_of()?, reader.uint()?);
        let statement =
            Self { kind, identity, sequence, device: reader.bytes()?, number: reader.uint()?, time: reader.uint()? };
        reader.end()?;
        if statement.device.len() > limits::NAME {
            return Err(Reason::TooLarge);
        }
        Ok(statement)
    }

    /// The statement of this kind in `object`, for the device of this name, by enough keys of the role that may make it.
    pub(crate) fn verify(
        suite: &Suite<'_>,
        trust: &Trust<'_>,
        kind: Kind,
        device: &[u8],
        object: &'a [u8],
    ) -> Result<Self> {
        let mut reader = Reader::new(object, Rules::Received);
        let count = reader.array()?.checked_sub(1).ok_or(Reason::CborMalformed)?;
        let payload = reader.bytes()?;
        let mut blocks: [&[u8]; limits::AUTH_BLOCKS] = [&[]; limits::AUTH_BLOCKS];
        let blocks = blocks.get_mut(..count).ok_or(Reason::TooLarge)?;
        for block in blocks.iter_mut() {
            *block = reader.bytes()?;
        }
        reader.end()?;
        if blocks.is_empty() {
            return Err(Reason::ManifestUnsigned);
        }
        let purpose = match kind {
            Kind::Hold => Purpose::UpdateApprove,
            Kind::Downgrade => Purpose::Downgrade,
            Kind::Waiver => Role::Release.purpose(),
        };
        let roles = [purpose, Purpose::UpdateApprove];
        let question = Question { trust, suite, roles: &roles, aad: CONTEXT, payload };
        let mut tally = Tally::new();
        for block in blocks.iter() {
            tally.take(&question, block)?;
        }
        match kind {
            // One word of the owner is enough to hold an update back.
            Kind::Hold if tally.count(Purpose::UpdateApprove) == 0 => return Err(tally.refusal()),
            Kind::Hold => {}
            Kind::Downgrade | Kind::Waiver => tally.enough(trust, purpose)?,
        }
        if kind == Kind::Downgrade {
            tally.approved(trust, purpose)?;
        }
        let statement = Self::parse(payload)?;
        let meant = statement.device == device || kind == Kind::Hold && statement.device.is_empty();
        if statement.kind == kind && meant && !(device.is_empty() && kind != Kind::Hold) {
            Ok(statement)
        } else {
            Err(Reason::StatementOther)
        }
    }

    /// [`Reason::StatementExpired`] unless it certainly has not; where no clock can tell, a person at the device can.
    pub(crate) fn in_date(&self, now: Time, presence: Option<&PhysicalPresence>) -> Result<()> {
        match (now.relation(self.time), presence) {
            (Relation::Before, _) | (Relation::CannotTell, Some(_)) => Ok(()),
            _ => Err(Reason::StatementExpired),
        }
    }
}

/// The manufacturer's leave to install one update on one device without the owner's approval, because the owner's key is
/// lost, given to a person who stands at the device.
#[derive(Debug)]
pub struct Waiver {
    identity: [u8; 32],
}

impl Waiver {
    /// Proves that as many manufacturer keys as a release takes have signed the waiver, for this device, and that it has
    /// not expired.
    ///
    /// Reasons: [`Reason::TrustThreshold`], [`Reason::UnknownSigner`], [`Reason::SignatureInvalid`],
    /// [`Reason::StatementOther`], [`Reason::StatementExpired`].
    pub fn verify(
        suite: &Suite<'_>,
        trust: &Trust<'_>,
        device: &[u8],
        object: &[u8],
        now: Time,
        presence: PhysicalPresence,
    ) -> Result<Self> {
        let statement = Statement::verify(suite, trust, Kind::Waiver, device, object)?;
        statement.in_date(now, Some(&presence))?;
        Ok(Self { identity: statement.identity })
    }

    pub(crate) fn covers(&self, identity: &[u8; 32]) -> Result<()> {
        if self.identity == *identity { Ok(()) } else { Err(Reason::StatementOther) }
    }
}
