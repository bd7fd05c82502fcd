//! What the owner holds back: an update put off until a time, or vetoed.
//!
//! ```text
//! UpdateHolds  [ highest number, [ * [ manifest, sequence, number, until ] ] ]
//! ```
//!
//! One owner key is enough to hold an update back, and nothing about it needs the manufacturer. A hold stands until its
//! time, or until a later statement of the owner about the same update lifts it; a device that cannot tell the time waits.
//! It keeps an update from beginning and from being activated. It does not touch an image that runs already: no statement
//! stops a device.

use crate::boot;
use crate::statement::{Kind, Statement};
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::record;
use aseptic_core::time::{Floor, Relation, Time};
use aseptic_core::trust::Trust;
use aseptic_core::{Reason, Result, limits};

/// Takes a signed hold for this device, or the lifting of one, and stores it.
///
/// [`Reason::UnknownSigner`] and [`Reason::SignatureInvalid`] unless the owner has signed it, [`Reason::StatementOther`]
/// if it is for another device, [`Reason::StatementUsed`] unless its number is higher than all before,
/// [`Reason::PlatformFull`] beyond [`limits::HOLDS`] updates that could still be installed; nothing is stored then. After
/// power loss it is stored or not.
pub fn take(platform: &Platform<'_>, suite: &Suite<'_>, trust: &Trust<'_>, device: &[u8], object: &[u8]) -> Result<()> {
    let statement = Statement::verify(suite, trust, Kind::Hold, device, object)?;
    let mut holds = Holds::load(platform)?;
    if statement.number <= holds.highest {
        return Err(Reason::StatementUsed);
    }
    let floor = boot::floor(platform)?;
    let hold = Hold {
        identity: statement.identity,
        sequence: statement.sequence,
        number: statement.number,
        until: statement.time,
    };
    // What the floor forbids needs no hold, and what is lifted is none.
    let spent = |entry: &Option<Hold>| {
        entry.is_none_or(|entry| entry.identity == hold.identity || entry.sequence < floor || entry.until == 0)
    };
    let place = holds.entries.iter_mut().find(|entry| spent(entry)).ok_or(Reason::PlatformFull)?;
    *place = Some(hold);
    for entry in &mut holds.entries {
        *entry = entry.filter(|other| other.identity != hold.identity || other.number == hold.number);
    }
    holds.highest = hold.number;
    holds.save(platform)
}

/// [`Reason::UpdateHeld`] while the owner holds the update back.
pub(crate) fn check(platform: &Platform<'_>, identity: &[u8; 32]) -> Result<()> {
    let holds = Holds::load(platform)?;
    let Some(hold) = holds.entries.iter().flatten().find(|hold| hold.identity == *identity) else {
        return Ok(());
    };
    let now: Time = Floor::load(platform, 0)?.now(platform);
    match now.relation(hold.until) {
        Relation::After => Ok(()),
        Relation::Before | Relation::CannotTell if hold.until == 0 => Ok(()),
        Relation::Before | Relation::CannotTell => Err(Reason::UpdateHeld),
    }
}

#[derive(Clone, Copy)]
struct Hold {
    identity: [u8; 32],
    sequence: u64,
    number: u64,
    until: u64,
}

struct Holds {
    highest: u64,
    entries: [Option<Hold>; limits::HOLDS],
}

/// Bytes that hold the frame of the record: each entry takes at most 62.
const FRAME: usize = record::frame(16 + 64 * limits::HOLDS);

impl Holds {
    fn load(platform: &Platform<'_>) -> Result<Self> {
        let mut buffer = [0; FRAME];
        match record::load(platform.store, record::Kind::UpdateHolds, &mut buffer)? {
            Some(payload) => Self::parse(payload).map_err(|_| Reason::RecordCorrupt),
            None => Ok(Self { highest: 0, entries: [None; limits::HOLDS] }),
        }
    }

    fn parse(payload: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(2)?;
        let highest = reader.uint()?;
        let mut entries = [None; limits::HOLDS];
        let count = reader.array()?;
        for entry in entries.get_mut(..count).ok_or(Reason::RecordCorrupt)? {
            reader.array_exact(4)?;
            let identity = *reader.array_of()?;
            *entry = Some(Hold { identity, sequence: reader.uint()?, number: reader.uint()?, until: reader.uint()? });
        }
        reader.end()?;
        Ok(Self { highest, entries })
    }

    fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; FRAME];
        let mut writer = Writer::new(&mut payload);
        writer.array(2).uint(self.highest).array(self.entries.iter().flatten().count());
        for hold in self.entries.iter().flatten() {
            writer.array(4).bytes(&hold.identity).uint(hold.sequence).uint(hold.number).uint(hold.until);
        }
        record::save(platform.store, record::Kind::UpdateHolds, writer.finish()?, &mut [0; FRAME])
    }
}
