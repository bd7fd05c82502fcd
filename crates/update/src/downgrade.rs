//! Leave to go back: one older release, on one device, once.
//!
//! ```text
//! UpdateDowngrade  [ floor, [ + [ number, slot, digest, size, sequence ] ] ]     the one that runs, the one under way
//! ```
//!
//! A token never lowers the floor; it makes an exception for one image, which is asked for again at each step and at each
//! boot. The exception begins with the session, ends when the update is given up, and is used up when the image is
//! confirmed: [`Counter::Downgrades`] then holds its number. It lives on while that image is the confirmed one. The next
//! confirmation of another image ends it for good, as the counter moves past its number. An owner's store can demand approval
//! of downgrades as of releases. The migration floor holds: a release that cannot read the data is no way back.

use crate::boot;
use crate::digest::Digest;
use crate::journal::{Confirmed, Image, slot};
use crate::statement::{Kind, Statement};
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{Counter, Platform};
use aseptic_core::record;
use aseptic_core::time::Time;
use aseptic_core::trust::{PhysicalPresence, Trust};
use aseptic_core::{Reason, Result};

/// A downgrade token that has been verified.
#[derive(Clone, Copy, Debug)]
pub struct Downgrade {
    identity: [u8; 32],
    sequence: u64,
    number: u64,
}

impl Downgrade {
    /// Proves that enough keys for [`Purpose::Downgrade`](aseptic_core::trust::Purpose) have signed the token, for this
    /// device, that it was not used, and that it has not expired. Where no clock can tell, a person at the device can.
    ///
    /// Reasons: [`Reason::TrustThreshold`], [`Reason::ApprovalMissing`], [`Reason::UnknownSigner`],
    /// [`Reason::SignatureInvalid`], [`Reason::StatementOther`], [`Reason::StatementUsed`],
    /// [`Reason::StatementExpired`]. Stores nothing.
    #[inline(never)]
    pub fn verify(
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        trust: &Trust<'_>,
        device: &[u8],
        object: &[u8],
        now: Time,
        presence: Option<PhysicalPresence>,
    ) -> Result<Self> {
        let statement = Statement::verify(suite, trust, Kind::Downgrade, device, object)?;
        if platform.counters.read(Counter::Downgrades)?.checked_add(1) != Some(statement.number) {
            return Err(Reason::StatementUsed);
        }
        statement.in_date(now, presence.as_ref())?;
        Ok(Self { identity: statement.identity, sequence: statement.sequence, number: statement.number })
    }

    /// The number that the next token for this device must have.
    pub fn next_number(platform: &Platform<'_>) -> Result<u64> {
        Ok(platform.counters.read(Counter::Downgrades)?.saturating_add(1))
    }

    pub(crate) fn covers(&self, identity: &[u8; 32], sequence: u64) -> Result<()> {
        let covered = self.identity == *identity && self.sequence == sequence;
        if covered { Ok(()) } else { Err(Reason::StatementOther) }
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }
}

/// [`Reason::SequenceTooOld`] for an image below the floor, unless a token that is stored and not used up lets it run.
pub(crate) fn check(platform: &Platform<'_>, image: &Image) -> Result<()> {
    if image.sequence >= boot::floor(platform)? {
        return Ok(());
    }
    let exceptions = Exceptions::load(platform)?.ok_or(Reason::SequenceTooOld)?;
    let exception = exceptions.of(image).ok_or(Reason::SequenceTooOld)?;
    let counter = platform.counters.read(Counter::Downgrades)?;
    // Not used yet, or used last.
    if counter != exception.number && counter.checked_add(1) != Some(exception.number) {
        return Err(Reason::SequenceTooOld);
    }
    readable(platform, image)
}

/// [`Reason::MigrationFloor`] for an image that cannot read the data as stored.
pub(crate) fn readable(platform: &Platform<'_>, image: &Image) -> Result<()> {
    let migration_floor = Confirmed::load(platform)?.map_or(0, |confirmed| confirmed.migration_floor);
    if image.sequence < migration_floor { Err(Reason::MigrationFloor) } else { Ok(()) }
}

/// Stores the exception for the image of a session that is about to begin, and the floor it is made from.
pub(crate) fn begin(platform: &Platform<'_>, image: Image, number: u64) -> Result<()> {
    let floor = boot::floor(platform)?;
    let running = running(platform)?;
    Exceptions { floor, entries: [running, Some(Exception { number, image })] }.save(platform)
}

/// The set that was `planned` lies in its slot now, as one `image`: the exception is for that one.
pub(crate) fn restate(platform: &Platform<'_>, planned: &Image, image: Image) -> Result<()> {
    let Some(mut exceptions) = Exceptions::load(platform)? else { return Ok(()) };
    let entries = exceptions.entries.iter_mut().flatten();
    entries.filter(|exception| exception.image == *planned).for_each(|exception| exception.image = image);
    exceptions.save(platform)
}

/// Forgets an exception that was not used: another update begins, or this one is given up.
pub(crate) fn forget(platform: &Platform<'_>) -> Result<()> {
    let Some(exceptions) = Exceptions::load(platform)? else { return Ok(()) };
    match running(platform)? {
        Some(running) => Exceptions { entries: [Some(running), None], ..exceptions }.save(platform),
        None => erase(platform),
    }
}

/// The image is confirmed: its own exception is used up and stays; every other one ends for good.
pub(crate) fn complete(platform: &Platform<'_>, confirmed: &Image) -> Result<()> {
    let Some(exceptions) = Exceptions::load(platform)? else { return Ok(()) };
    if let Some(own) = exceptions.of(confirmed) {
        platform.counters.advance(Counter::Downgrades, own.number)?;
        return Exceptions { entries: [Some(own), None], ..exceptions }.save(platform);
    }
    let last = exceptions.entries.iter().flatten().map(|exception| exception.number).max().unwrap_or(0);
    platform.counters.advance(Counter::Downgrades, last.saturating_add(1))?;
    erase(platform)
}

/// The floor from which a device that runs below it went down.
pub(crate) fn floor(platform: &Platform<'_>) -> Result<u64> {
    Ok(Exceptions::load(platform)?.map_or(0, |exceptions| exceptions.floor))
}

/// The exception of the confirmed image.
fn running(platform: &Platform<'_>) -> Result<Option<Exception>> {
    let (exceptions, confirmed) = (Exceptions::load(platform)?, Confirmed::load(platform)?);
    Ok(exceptions.zip(confirmed).and_then(|(exceptions, confirmed)| exceptions.of(&confirmed.image)))
}

fn erase(platform: &Platform<'_>) -> Result<()> {
    record::erase(platform.store, record::Kind::UpdateDowngrade, &mut [0; FRAME])
}

#[derive(Clone, Copy)]
struct Exception {
    number: u64,
    image: Image,
}

struct Exceptions {
    floor: u64,
    /// Of the confirmed image, and of the one under way.
    entries: [Option<Exception>; 2],
}

const FRAME: usize = record::frame(16 + 2 * 112);

impl Exceptions {
    fn of(&self, image: &Image) -> Option<Exception> {
        self.entries.iter().flatten().find(|exception| exception.image == *image).copied()
    }

    fn load(platform: &Platform<'_>) -> Result<Option<Self>> {
        let mut buffer = [0; FRAME];
        let payload = record::load(platform.store, record::Kind::UpdateDowngrade, &mut buffer)?;
        payload.map(|payload| Self::parse(payload).map_err(|_| Reason::RecordCorrupt)).transpose()
    }

    fn parse(payload: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(2)?;
        let floor = reader.uint()?;
        let mut entries = [None; 2];
        let count = reader.array()?;
        for entry in entries.get_mut(..count).ok_or(Reason::RecordCorrupt)? {
            reader.array_exact(5)?;
            let number = reader.uint()?;
            let (slot, digest, size) = (slot(&mut reader)?, Digest::read(&mut reader)?, reader.uint()?);
            *entry = Some(Exception { number, image: Image { slot, digest, size, sequence: reader.uint()? } });
        }
        reader.end()?;
        Ok(Self { floor, entries })
    }

    fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; FRAME];
        let mut writer = Writer::new(&mut payload);
        writer.array(2).uint(self.floor).array(self.entries.iter().flatten().count());
        for Exception { number, image } in self.entries.iter().flatten() {
            writer.array(5).uint(*number).uint(u64::from(image.slot as u8));
            image.digest.write(&mut writer);
            writer.uint(image.size).uint(image.sequence);
        }
        record::save(platform.store, record::Kind::UpdateDowngrade, writer.finish()?, &mut [0; FRAME])
    }
}
