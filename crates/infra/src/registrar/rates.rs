//! How much is taken from whom.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bounds of a registrar. The default fits a gateway with some hundred devices that have addresses of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait in the listener's queue.
    pub connections: usize,
    /// Connections at once from one address (IPv6: from one /64), so that whoever opens many and says nothing keeps only
    /// himself out. Devices behind one address translator are closed and try again.
    pub per_address: usize,
    /// Handshakes a minute from one address; twice as many at once.
    pub handshakes: u32,
    /// New requests for certificates an hour from one device; as many at once. The same request again is not counted.
    pub requests: u32,
    /// How long a handshake, or the head of a request, may take; a whole connection six times as long, enough for two
    /// requests on the slowest ward network.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, per_address: 8, handshakes: 120, requests: 30, patience: Duration::from_secs(10) }
    }
}

/// Addresses or devices that are remembered at most; then those are forgotten that have all their tokens.
const REMEMBERED: usize = 65_536;

/// The token buckets of addresses and of devices.
pub(super) struct Rates {
    handshakes: Buckets<IpAddr>,
    requests: Buckets<String>,
}

/// What becomes of one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Within,
    /// Too many; the first since the bound was last kept.
    First,
    Beyond,
}

impl Rates {
    pub(super) fn new(limits: Limits) -> Self {
        let minute = Duration::from_secs(60).checked_div(limits.handshakes).unwrap_or(Duration::MAX);
        let hour = Duration::from_secs(3600).checked_div(limits.requests).unwrap_or(Duration::MAX);
        Self {
            handshakes: Buckets::new(limits.handshakes.saturating_mul(2), minute),
            requests: Buckets::new(limits.requests, hour),
        }
    }

    /// One more handshake from `address`.
    pub(super) fn handshake(&self, address: IpAddr) -> Rate {
        self.handshakes.take(network(address), Instant::now())
    }

    /// One more new request of `device`.
    pub(super) fn request(&self, device: &str) -> Rate {
        self.requests.take(device.to_owned(), Instant::now())
    }

    /// Seconds until the next request of a device that has asked too often.
    pub(super) fn request_every(&self) -> u32 {
        u32::try_from(self.requests.every.as_secs()).unwrap_or(u32::MAX).max(1)
    }
}

/// A host has a whole /64 of IPv6 to choose addresses from (RFC 4291 section 2.5.1), and one of IPv4.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Each key has so many tokens and gets one back after each pause.
struct Buckets<K> {
    most: u32,
    every: Duration,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    tokens: u32,
    filled: Instant,
    told: bool,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(most: u32, every: Duration) -> Self {
        Self { most, every: every.max(Duration::from_millis(1)), buckets: Mutex::default() }
    }

    fn take(&self, key: K, now: Instant) -> Rate {
        // The map is whole between any two statements.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED {
            let full = self.every.saturating_mul(self.most);
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.filled) < full);
        }
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&key) {
            return Rate::Beyond;
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.most, filled: now, told: false });
        let passed = now.saturating_duration_since(bucket.filled).as_millis() / self.every.as_millis();
        let earned = u32::try_from(passed).unwrap_or(u32::MAX);
        bucket.tokens = bucket.tokens.saturating_add(earned).min(self.most);
        bucket.filled = match self.every.checked_mul(earned).and_then(|time| bucket.filled.checked_add(time)) {
            Some(filled) if bucket.tokens < self.most => filled,
            _ => now,
        };
        match bucket.tokens.checked_sub(1) {
            Some(left) => {
                bucket.tokens = left;
                bucket.told = false;
                Rate::Within
            }
            None if std::mem::replace(&mut bucket.told, true) => Rate::Beyond,
            None => Rate::First,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_one_by_one_and_the_first_refusal_is_told() {
        let buckets = Buckets::new(3, Duration::from_secs(10));
        let start = Instant::now();
        let take = |key: &'static str, after: u64| buckets.take(key, start + Duration::from_secs(after));
        let all = [take("a", 0), take("a", 1), take("a", 2), take("a", 3), take("a", 4)];
        assert_eq!(all, [Rate::Within, Rate::Within, Rate::Within, Rate::First, Rate::Beyond]);
        assert_eq!(take("b", 4), Rate::Within, "another has its own");
        assert_eq!([take("a", 12), take("a", 13)], [Rate::Within, Rate::First]);
        assert_eq!([take("a", 23), take("a", 24)], [Rate::Within, Rate::First]);
        // However long it is quiet, no more than the most is saved up.
        let later: Vec<_> = (0..4).map(|_| take("a", 100_000)).collect();
        assert_eq!(later, [Rate::Within, Rate::Within, Rate::Within, Rate::First]);
    }

    #[test]
    fn a_bound_of_nothing_lets_nobody_in() {
        let buckets = Buckets::new(0, Duration::MAX);
        assert_eq!(buckets.take("a", Instant::now()), Rate::First);
    }
}
