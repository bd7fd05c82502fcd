//! The trust of a server: the same signed stores as in a device, kept in memory.

use crate::Result;
use crate::error::While;
use aseptic_core::crypto::Suite;
use aseptic_core::limits;
use aseptic_core::platform::{Absent, Counter, Counters, Fault, Outcome, Platform, Slot, Store, Strength};
use aseptic_core::trust::{self, Authority, PhysicalPresence, Trust, TrustBuffers};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Trust stores that a server works with. A hospital's registrar takes the maker's store, to know birth certificates, and
/// the hospital's own.
///
/// It may be used from several threads at once and lasts as long as the value: a server reads the objects from its
/// configuration each time it starts, and whoever may change those decides whom the server trusts.
pub struct ServerTrust {
    suite: Suite<'static>,
    memory: Memory,
}

impl ServerTrust {
    /// Takes in signed stores, at most one of each authority, under the rules by which a device installs its first.
    pub fn new(suite: Suite<'static>, stores: &[(Authority, &[u8])]) -> Result<Self> {
        let memory = Memory::default();
        let mut buffer = [0; limits::TRUST_STORE];
        for (authority, object) in stores {
            let presence = PhysicalPresence::confirmed_at_the_device();
            trust::install(&memory.platform(), &suite, *authority, object, presence, &mut buffer)
                .during("taking in a trust store")?;
        }
        Ok(Self { suite, memory })
    }

    /// Replaces the store of `authority` by a newer one, under the rules by which a device updates its own.
    pub fn update(&self, authority: Authority, object: &[u8]) -> Result<()> {
        let mut buffer = [0; limits::TRUST_STORE];
        trust::update(&self.memory.platform(), &self.suite, authority, object, &mut buffer)
            .during("updating a trust store")
    }

    /// The algorithms that it was made with.
    #[must_use]
    pub const fn suite(&self) -> &Suite<'static> {
        &self.suite
    }

    /// Hands the stores as they are now to `use_it`.
    pub fn with<T>(&self, use_it: impl FnOnce(&Trust<'_>) -> aseptic_core::Result<T>) -> aseptic_core::Result<T> {
        let mut buffers = TrustBuffers::new();
        use_it(&Trust::load(&self.memory.platform(), &mut buffers)?)
    }
}

impl fmt::Debug for ServerTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTrust").finish_non_exhaustive()
    }
}

/// A store and counters that last as long as the value.
#[derive(Default)]
pub(crate) struct Memory {
    slots: Mutex<HashMap<Slot, Vec<u8>>>,
    counters: Mutex<HashMap<Counter, u64>>,
}

impl Memory {
    /// A platform of nothing but this memory.
    pub(crate) fn platform(&self) -> Platform<'_> {
        Platform {
            entropy: &Absent,
            clock: &Absent,
            store: self,
            counters: self,
            keys: &Absent,
            images: &Absent,
            events: &Absent,
        }
    }
}

/// Each call leaves the maps whole, so what a panicking thread left behind can be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Memory {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let slots = lock(&self.slots);
        let blob = slots.get(&slot).ok_or(Fault::NotFound)?;
        out.get_mut(..blob.len()).ok_or(Fault::Full)?.copy_from_slice(blob);
        Ok(blob.len())
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        lock(&self.slots).insert(slot, bytes.to_vec());
        Ok(())
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        lock(&self.slots).remove(&slot);
        Ok(())
    }
}

impl Counters for Memory {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        Ok(lock(&self.counters).get(&counter).copied().unwrap_or_default())
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        let mut counters = lock(&self.counters);
        let value = counters.entry(counter).or_default();
        *value = to.max(*value);
        Ok(())
    }

    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}
