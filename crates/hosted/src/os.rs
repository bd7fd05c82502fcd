//! Randomness and time of the operating system.

use crate::crypto;
use aseptic_core::platform::{Clock, Entropy, Fault, Outcome};
use aseptic_core::time::Time;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The operating system's randomness, through the generator of AWS-LC.
///
/// Blocks until the system has gathered enough after boot. May be used from any thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        crypto::system_random(out).map_err(|_| Fault::Io)
    }
}

/// The system's clock, believed as far as its constructor says.
///
/// The wall clock may step back (a person, a battery, a wrong time server); what the library has seen proven holds all the
/// same, see [`aseptic_core::time::Floor`]. Uptime counts from the making of this value and never steps back.
#[derive(Clone, Copy, Debug)]
pub struct OsClock {
    started: Instant,
    trusted: bool,
}

impl OsClock {
    /// The integrator answers for the system time: it comes from an authenticated source within a known tolerance.
    #[must_use]
    pub fn trusted() -> Self {
        Self { started: Instant::now(), trusted: true }
    }

    /// The system time is a lower bound: a clock that may have stood still, but was never set ahead.
    #[must_use]
    pub fn at_least() -> Self {
        Self { started: Instant::now(), trusted: false }
    }
}

impl Clock for OsClock {
    fn now(&self) -> Time {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) if self.trusted => Time::trusted(since.as_secs()),
            Ok(since) => Time::at_least(since.as_secs()),
            // A clock before 1970 was never set.
            Err(_) => Time::UNKNOWN,
        }
    }

    fn uptime(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::time::{Relation, Trust};

    #[test]
    fn two_draws_differ_and_fill_to_the_end() {
        let (mut one, mut two) = ([0; 64], [0; 64]);
        OsEntropy.fill(&mut one).unwrap();
        OsEntropy.fill(&mut two).unwrap();
        assert_ne!(one, two);
        assert_ne!(one[56..], [0; 8]);
    }

    #[test]
    fn the_constructor_decides_what_the_time_is_worth() {
        let (trusted, bound) = (OsClock::trusted(), OsClock::at_least());
        assert_eq!(trusted.now().trust, Trust::Trusted);
        assert_eq!(bound.now().trust, Trust::AtLeast);
        // The year 2025 has begun, and a mere bound never says that an instant is still to come.
        assert_eq!(bound.now().relation(1_735_689_600), Relation::After);
        assert_eq!(bound.now().relation(u64::MAX), Relation::CannotTell);
        assert_eq!(trusted.now().relation(u64::MAX), Relation::Before);
        let before = trusted.uptime();
        assert!(trusted.uptime() >= before);
    }
}
