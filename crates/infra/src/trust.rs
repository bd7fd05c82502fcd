//! The trust of a server: the same signed stores as in a device, kept in memory.

use crate::Result;
use crate::error::While;
use aseptic_certs::Engine;
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
    /// A store is a record and a counter, which change one after the other.
    turn: Mutex<()>,
}

impl ServerTrust {
    /// Takes in signed stores, at most one of each authority, under the rules by which a device installs its first.
    pub fn new(suite: Suite<'static>, stores: &[(Authority, &[u8])]) -> Result<Self> {
        let memory = Memory::default();
        let mut buffer = [0; limits::TRUST_STORE];
        for (authority, object) in stores {
            let presence = PhysicalPresence::confirmed_at_the_device();
            trust::install(&memory.platform(), &suite, Some(&Engine), *authority, object, presence, &mut buffer)
                .during("taking in a trust store")?;
        }
        Ok(Self { suite, memory, turn: Mutex::new(()) })
    }

    /// Replaces the store of `authority` by a newer one, under the rules by which a device updates its own.
    pub fn update(&self, authority: Authority, object: &[u8]) -> Result<()> {
        let _in_turn = lock(&self.turn);
        let mut buffer = [0; limits::TRUST_STORE];
        trust::update(&self.memory.platform(), &self.suite, Some(&Engine), authority, object, &mut buffer)
            .during("updating a trust store")
    }

    /// The algorithms that it was made with.
    #[must_use]
    pub const fn suite(&self) -> &Suite<'static> {
        &self.suite
    }

    /// Hands the stores as they are now to `use_it`. An update meanwhile waits for nobody and shows the next time.
    pub fn with<T>(&self, use_it: impl FnOnce(&Trust<'_>) -> aseptic_core::Result<T>) -> aseptic_core::Result<T> {
        let mut buffers = TrustBuffers::new();
        let loaded = {
            let _in_turn = lock(&self.turn);
            Trust::load(&self.memory.platform(), &mut buffers)?
        };
        use_it(&loaded)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use crate::owner::Store as Author;
    use aseptic_core::Reason;
    use aseptic_core::crypto::{KeyAlg, soft};
    use aseptic_core::trust::Purpose;

    #[test]
    fn a_server_follows_the_stores_that_it_was_given() {
        let suite = soft::suite();
        let (author, stranger, adapter) = (key(), key(), key());
        let object = |version, pinned: &AuthorityKey, author: &AuthorityKey| {
            let public = author.public().unwrap();
            let store = Author::new(Authority::Owner, 1).version(version).signer(public);
            let store = store.pin("adapter", &[Purpose::Receive], pinned.public().unwrap());
            store.sign(&suite, &[(public, author)]).unwrap()
        };
        let server = ServerTrust::new(suite, &[(Authority::Owner, &object(1, &adapter, &author))]).unwrap();
        let pinned = || {
            let peer = server.with(|trust| trust.pinned(&suite, Purpose::Receive, b"adapter")).unwrap();
            peer.key().unwrap().bytes().to_vec()
        };
        assert_eq!(pinned(), adapter.public().unwrap().bytes());
        assert_eq!(server.with(|trust| trust.store(Authority::Manufacturer).map(drop)), Err(Reason::TrustMissing));

        let update = |object: &[u8]| server.update(Authority::Owner, object).map_err(|error| error.reason());
        assert_eq!(update(&object(2, &stranger, &stranger)), Err(Reason::TrustThreshold));
        assert_eq!(update(&object(1, &adapter, &author)), Err(Reason::TrustRollback));
        assert_eq!(pinned(), adapter.public().unwrap().bytes(), "a refused store changes nothing");
        assert_eq!(update(&object(2, &stranger, &author)), Ok(()));
        assert_eq!(pinned(), stranger.public().unwrap().bytes());
    }

    #[test]
    fn stores_of_the_other_authority_and_second_ones_are_refused() {
        let suite = soft::suite();
        let author = key();
        let public = author.public().unwrap();
        let object = Author::new(Authority::Owner, 1).signer(public).sign(&suite, &[(public, &author)]).unwrap();
        let new = |stores: &[(Authority, &[u8])]| ServerTrust::new(suite, stores).map_err(|error| error.reason()).err();
        assert_eq!(new(&[(Authority::Manufacturer, &object)]), Some(Reason::TrustPurpose));
        assert_eq!(new(&[(Authority::Owner, &object), (Authority::Owner, &object)]), Some(Reason::TrustExists));
        assert_eq!(new(&[]), None);
    }

    /// An operator replaces the stores while devices shake hands, and so does his colleague.
    #[test]
    fn updates_and_handshakes_at_once_leave_whole_stores() {
        const LAST: u64 = 150;
        let suite = soft::suite();
        let (author, adapter) = (key(), key());
        let objects: Vec<_> = (1..=LAST)
            .map(|version| {
                let public = author.public().unwrap();
                let store = Author::new(Authority::Owner, 1).version(version).signer(public);
                let store = store.pin("adapter", &[Purpose::Receive], adapter.public().unwrap());
                store.sign(&suite, &[(public, &author)]).unwrap()
            })
            .collect();
        let server = ServerTrust::new(suite, &[(Authority::Owner, &objects[0])]).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(std::sync::atomic::Ordering::SeqCst) {
                        server.with(|trust| trust.pinned(&suite, Purpose::Receive, b"adapter")).unwrap();
                    }
                });
            }
            let operators: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        for object in &objects[1..] {
                            let told = server.update(Authority::Owner, object).map_err(|error| error.reason());
                            assert!(matches!(told, Ok(()) | Err(Reason::TrustRollback)), "{told:?}");
                        }
                    })
                })
                .collect();
            let whole = operators.into_iter().all(|operator| operator.join().is_ok());
            over.store(true, std::sync::atomic::Ordering::SeqCst);
            assert!(whole);
        });
        let version = server.with(|trust| Ok(trust.store(Authority::Owner)?.version));
        assert_eq!(version, Ok(LAST));
    }

    fn key() -> AuthorityKey {
        AuthorityKey::generate(KeyAlg::P256).unwrap()
    }
}
