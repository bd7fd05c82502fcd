//! Monotonic counters, a sealed file each: `"aCtr" 1`, number, value (8 bytes, big endian), seal.

use super::Files;
use crate::Result;
use aseptic_core::Reason;
use aseptic_core::platform::{Counter, Counters, Outcome, Strength};

const MAGIC: &[u8; 5] = b"aCtr\x01";
const HEADER: usize = 14;
const MOST: usize = 64;

impl Counters for Files {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        self.outcome(self.value(counter))
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        self.outcome(self.raise(counter, to))
    }

    /// Sealed files cannot be forged, but older ones can be put back.
    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}

impl Files {
    fn value(&self, counter: Counter) -> Result<u64> {
        let name = name(counter);
        if !self.disk.exists(&name)? {
            return Ok(0);
        }
        let file = self.disk.read(&name, MOST)?;
        self.vault.open_sealed(&name, &file, HEADER)?;
        let value = file
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix(&[counter as u8]))
            .and_then(|rest| rest.first_chunk())
            .ok_or(Reason::FileCorrupt)?;
        Ok(u64::from_be_bytes(*value))
    }

    fn raise(&self, counter: Counter, to: u64) -> Result<()> {
        // Two threads must not step it back between reading and writing.
        let _one_at_a_time = super::held(&self.changing);
        if to <= self.value(counter)? {
            return Ok(());
        }
        let name = name(counter);
        let header = [MAGIC.as_slice(), &[counter as u8], &to.to_be_bytes()].concat();
        let file = self.vault.seal(self.entropy.as_ref(), &name, &header, &[])?;
        self.images_last()?;
        self.disk.replace(&name, &file)
    }
}

fn name(counter: Counter) -> String {
    format!("counter-{}", counter as u8)
}
