//! Blobs of the library, a marked file each. The check that records carry finds accidents; the mark finds whoever can
//! write the folder and would put in a trust store or an identity of his own.

use super::Files;
use super::vault::MARK;
use aseptic_core::limits;
use aseptic_core::platform::{Fault, Outcome, Slot, Store};

impl Store for Files {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let name = name(slot);
        let read = self.disk.read(&name, limits::SLOT + MARK);
        let bytes = self.outcome(read.and_then(|file| self.vault.open_marked(&name, file)))?;
        out.get_mut(..bytes.len()).ok_or(Fault::Full)?.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        if bytes.len() > limits::SLOT {
            return Err(Fault::Full);
        }
        let name = name(slot);
        let marked = self.images_last().and_then(|()| self.vault.mark(&name, bytes));
        self.outcome(marked.and_then(|file| self.disk.replace(&name, &file)))
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        let name = name(slot);
        self.outcome(if slot.0 < limits::SECRET_SLOTS { self.disk.remove(&name) } else { self.disk.shred(&name) })
    }
}

fn name(slot: Slot) -> String {
    format!("slot-{:04x}", slot.0)
}
