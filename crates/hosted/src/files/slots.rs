//! Blobs of the library, a file each, as they are: records carry a check of their own.

use super::Files;
use aseptic_core::limits;
use aseptic_core::platform::{Fault, Outcome, Slot, Store};

impl Store for Files {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let bytes = self.outcome(self.disk.read(&name(slot), limits::SLOT))?;
        out.get_mut(..bytes.len()).ok_or(Fault::Full)?.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        if bytes.len() > limits::SLOT {
            return Err(Fault::Full);
        }
        self.outcome(self.images_last().and_then(|()| self.disk.replace(&name(slot), bytes)))
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        self.outcome(self.disk.remove(&name(slot)))
    }
}

fn name(slot: Slot) -> String {
    format!("slot-{:04x}", slot.0)
}
