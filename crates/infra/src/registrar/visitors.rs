//! Who is connected, by address: nobody takes the places of all the others.

use super::rates::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections of each address.
pub(super) struct Visitors {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, Count>>>,
}

#[derive(Default)]
struct Count {
    connections: usize,
    /// Somebody was told already that there are too many.
    told: bool,
}

/// What becomes of one more connection.
pub(super) enum Entry {
    /// It has a place for as long as this lives.
    Place(Place),
    /// Its address has all the places that it may have.
    Full {
        /// It is the first since the address was last without a connection.
        first: bool,
    },
}

/// A place taken; dropping it makes it free.
pub(super) struct Place {
    counts: Arc<Mutex<HashMap<IpAddr, Count>>>,
    address: IpAddr,
}

impl Visitors {
    /// At most `most` connections of an address at once.
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Arc::default() }
    }

    pub(super) fn enter(&self, address: IpAddr) -> Entry {
        let address = network(address);
        let mut counts = held(&self.counts);
        let count = counts.entry(address).or_default();
        if count.connections >= self.most {
            return Entry::Full { first: !std::mem::replace(&mut count.told, true) };
        }
        count.connections += 1;
        Entry::Place(Place { counts: Arc::clone(&self.counts), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = held(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            count.connections = count.connections.saturating_sub(1);
            if count.connections == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// The map is whole between any two statements.
fn held(counts: &Mutex<HashMap<IpAddr, Count>>) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_apart_and_forgotten() {
        let visitors = Visitors::new(2);
        let enter = |address: &str| visitors.enter(address.parse().unwrap());
        let full = |address: &str, first| matches!(enter(address), Entry::Full { first: told } if told == first);
        let (one, two) = (enter("10.0.0.1"), enter("::ffff:10.0.0.1"));
        assert!(full("10.0.0.1", true) && full("10.0.0.1", false));
        assert!(matches!(enter("10.0.0.2"), Entry::Place(_)));
        let _three = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(full("2001:db8::3", true) && matches!(enter("2001:db8:0:1::1"), Entry::Place(_)));
        drop(one);
        assert!(matches!(enter("10.0.0.1"), Entry::Place(_)));
        drop(two);
        assert_eq!(held(&visitors.counts).len(), 1, "only who is connected takes memory");
    }
}
