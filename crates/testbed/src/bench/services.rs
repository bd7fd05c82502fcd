//! Entropy, clock, store, counters and events.

use super::{Bench, Rest, StoreModel, Tear, WriteKind, garbage};
use aseptic_core::crypto::soft;
use aseptic_core::limits;
use aseptic_core::platform::{Clock, Counter, Counters, Entropy, Event, Events, Fault, Outcome, Slot, Store, Strength};
use aseptic_core::time::Time;

impl Entropy for Bench {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        self.state.borrow_mut().gate.call()?;
        self.draw(out)
    }
}

impl Bench {
    /// SHA-256 of seed and block number. Blocks are never drawn twice, over restarts as well.
    pub(super) fn draw(&self, out: &mut [u8]) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        for chunk in out.chunks_mut(32) {
            let block = soft::suite()
                .sha256(&[&state.seed.to_be_bytes(), &state.drawn.to_be_bytes()])
                .map_err(|_| Fault::Unavailable)?;
            chunk.copy_from_slice(&block[..chunk.len()]);
            state.drawn += 1;
        }
        Ok(())
    }
}

impl Clock for Bench {
    fn now(&self) -> Time {
        self.state.borrow().clock
    }

    fn uptime(&self) -> u64 {
        self.state.borrow().uptime
    }
}

impl Store for Bench {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let blob = state.medium.slots.get(&slot).ok_or(Fault::NotFound)?;
        out.get_mut(..blob.len()).ok_or(Fault::Full)?.copy_from_slice(blob);
        Ok(blob.len())
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        if bytes.len() > limits::SLOT {
            return Err(Fault::Full);
        }
        let units = if state.store == StoreModel::Torn { bytes.len() } else { 0 };
        state.write(WriteKind::Save, units, |medium, tear| {
            let blob = match tear {
                None => bytes.to_vec(),
                Some(tear) => torn(bytes, medium.slots.get(&slot), tear),
            };
            medium.slots.insert(slot, blob);
        })
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let stored = state.medium.slots.get(&slot).map_or(0, Vec::len);
        let units = if state.store == StoreModel::Torn { stored } else { 0 };
        state.write(WriteKind::Erase, units, |medium, tear| match tear {
            None => drop(medium.slots.remove(&slot)),
            Some(tear) => {
                if let Some(old) = medium.slots.get_mut(&slot) {
                    *old = torn(&vec![0; old.len()], Some(old), tear);
                }
            }
        })
    }
}

/// The front of `new` and what the tear leaves behind it.
fn torn(new: &[u8], old: Option<&Vec<u8>>, Tear { done, rest }: Tear) -> Vec<u8> {
    let mut blob = new[..done].to_vec();
    match rest {
        Rest::Old => blob.extend(old.and_then(|old| old.get(done..)).unwrap_or_default()),
        Rest::Absent => {}
        Rest::Garbage => blob.extend(garbage(done).take(new.len() - done)),
    }
    blob
}

impl Counters for Bench {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        Ok(state.medium.counters.get(&counter).copied().unwrap_or(0))
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        state.write(WriteKind::Advance, 0, |medium, _| {
            let value = medium.counters.entry(counter).or_default();
            *value = to.max(*value);
        })
    }

    fn strength(&self) -> Strength {
        self.state.borrow().strength
    }
}

impl Events for Bench {
    fn on_event(&self, event: Event) {
        self.state.borrow_mut().events.push(event);
    }
}
