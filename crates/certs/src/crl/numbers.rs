//! The highest number seen of each row of lists, kept over power loss.

use super::{Evidence, Number};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::record::{self, Kind};
use aseptic_core::{Reason, Result, bytes, limits};

/// Rows and their numbers. A number never goes back.
///
/// ```text
/// stored:  { row name (32 bytes), number (20 bytes) } for each row, in the order in which they were first seen
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    rows: [([u8; 32], Number); limits::CRL_ROWS],
    count: usize,
}

impl Numbers {
    /// None seen yet.
    pub const NONE: Self = Self { rows: [([0; 32], Number([0; 20])); limits::CRL_ROWS], count: 0 };

    /// Bytes of a buffer for [`Numbers::load`] and [`Numbers::accept`].
    pub const BUFFER: usize = record::frame(limits::CRL_ROWS * ROW);

    /// Reads what is stored.
    pub fn load(platform: &Platform<'_>, buffer: &mut [u8; Self::BUFFER]) -> Result<Self> {
        let mut numbers = Self::NONE;
        let stored = record::load(platform.store, Kind::RevocationNumbers, buffer)?.unwrap_or_default();
        let (rows, rest) = stored.as_chunks::<ROW>();
        if !rest.is_empty() || rows.len() > limits::CRL_ROWS {
            return Err(Reason::RecordCorrupt);
        }
        for (place, row) in numbers.rows.iter_mut().zip(rows) {
            let (name, number) = row.split_first_chunk::<32>().ok_or(Reason::Internal)?;
            *place = (*name, Number::new(number)?);
        }
        numbers.count = rows.len();
        Ok(numbers)
    }

    /// The lowest number that is still believed of a row; zero if it was never seen.
    #[must_use]
    pub fn lowest(&self, row: &[u8; 32]) -> Number {
        self.rows().find(|(name, _)| name == row).map(|(_, number)| *number).unwrap_or_default()
    }

    /// Refuses a list that is older than one seen before, with [`Reason::CrlRollback`].
    pub fn check(&self, suite: &Suite<'_>, evidence: &Evidence) -> Result<()> {
        if evidence.number < self.lowest(&evidence.row(suite)?) { Err(Reason::CrlRollback) } else { Ok(()) }
    }

    /// Takes note of a verified list and stores its number if it is a higher one.
    ///
    /// [`Reason::CrlRollback`] if the list is older than one seen before, [`Reason::PlatformFull`] if it begins a row and
    /// all [`limits::CRL_ROWS`] are taken: then it must not be used, since nothing would keep it from going back. After power
    /// loss the old number or the new one is stored. The list itself is to be stored before: if power is lost in between,
    /// the newer list is there and its number is still to be noted.
    pub fn accept(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        evidence: &Evidence,
        buffer: &mut [u8; Self::BUFFER],
    ) -> Result<()> {
        self.check(suite, evidence)?;
        let row = evidence.row(suite)?;
        let mut next = *self;
        match next.rows.iter_mut().take(self.count).find(|(name, _)| *name == row) {
            Some((_, number)) => *number = evidence.number,
            None => {
                *next.rows.get_mut(self.count).ok_or(Reason::PlatformFull)? = (row, evidence.number);
                next.count = self.count.saturating_add(1);
            }
        }
        if next != *self {
            let mut payload = [0; limits::CRL_ROWS * ROW];
            for (place, (name, number)) in payload.as_chunks_mut::<ROW>().0.iter_mut().zip(next.rows()) {
                let (head, tail) = place.split_first_chunk_mut::<32>().ok_or(Reason::Internal)?;
                *head = *name;
                bytes::copy(number.bytes(), tail).ok_or(Reason::Internal)?;
            }
            let length = next.count.saturating_mul(ROW);
            let payload = payload.get(..length).ok_or(Reason::Internal)?;
            record::save(platform.store, Kind::RevocationNumbers, payload, buffer)?;
            *self = next;
        }
        Ok(())
    }

    fn rows(&self) -> impl Iterator<Item = &([u8; 32], Number)> {
        self.rows.iter().take(self.count)
    }
}

const ROW: usize = 52;
