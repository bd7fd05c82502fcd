//! Time as a device knows it: a number of seconds together with how far the number can be trusted.
//!
//! No function of the device crates reads a clock behind the caller's back. What a device has seen proven is kept as a
//! persisted [`Floor`]: it is never earlier than that, whatever its clock says.

use crate::platform::{Clock, Platform};
use crate::reason::Reason;
use crate::record::{self, Kind};
use crate::{Result, limits};

/// How far [`Time::seconds`] can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Trust {
    /// The seconds mean nothing.
    #[default]
    Unknown = 0,
    /// It is this late or later.
    AtLeast = 1,
    /// It is this time, within the tolerance that the integrator answers for.
    Trusted = 2,
}

/// A point in time: seconds since 1970-01-01T00:00:00Z without leap seconds, and what they are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: u64,
    /// What the seconds are worth.
    pub trust: Trust,
}

/// Where now lies against a given instant. Three-valued, because a device without a clock often cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Now is certainly before the instant.
    Before,
    /// Now is certainly at or after the instant.
    After,
    /// Nothing certain can be said.
    CannotTell,
}

impl Time {
    /// No idea of the time.
    pub const UNKNOWN: Self = Self { seconds: 0, trust: Trust::Unknown };

    /// A time that the integrator vouches for.
    #[must_use]
    pub const fn trusted(seconds: u64) -> Self {
        Self { seconds, trust: Trust::Trusted }
    }

    /// A lower bound.
    #[must_use]
    pub const fn at_least(seconds: u64) -> Self {
        Self { seconds, trust: Trust::AtLeast }
    }

    /// Where this time lies against the instant `seconds`.
    #[must_use]
    pub const fn relation(self, seconds: u64) -> Relation {
        match self.trust {
            Trust::Trusted if self.seconds < seconds => Relation::Before,
            Trust::Trusted | Trust::AtLeast if self.seconds >= seconds => Relation::After,
            _ => Relation::CannotTell,
        }
    }
}

/// The time before which it certainly is not, kept over power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    seconds: u64,
    /// What a restart will find, as far as this value knows.
    stored: u64,
    /// What signed evidence can raise it to at most.
    ceiling: u64,
}

impl Floor {
    /// Reads the floor; a device that never stored one starts at `build_time`, the day its firmware was made.
    pub fn load(platform: &Platform<'_>, build_time: u64) -> Result<Self> {
        let seconds = stored(platform)?.max(build_time);
        Ok(Self { seconds, stored: seconds, ceiling: build_time.saturating_add(limits::FLOOR_LEAP) })
    }

    /// The floor in seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// The best statement about now: the clock where it is trusted and not behind the floor, else the floor.
    ///
    /// A trusted clock behind the floor has stepped back; the event [`Reason::ClockBehindFloor`] says so and the floor holds.
    #[must_use]
    pub fn now(self, platform: &Platform<'_>) -> Time {
        let clock: Time = Clock::now(platform.clock);
        match clock.trust {
            Trust::Unknown => Time::at_least(self.seconds),
            _ if clock.seconds < self.seconds => {
                platform.event(Reason::ClockBehindFloor, clock.seconds);
                Time::at_least(self.seconds)
            }
            _ => clock,
        }
    }

    /// Raises the floor to `signed`, a time read from evidence that has been verified, and stores it.
    ///
    /// The flash is spared while the stored floor is less than [`limits::FLOOR_STEP`] behind, however many steps led
    /// there. A time over [`limits::FLOOR_LEAP`] after the day the firmware was made is refused as poison, however many steps
    /// lead there too. After power loss the stored floor is the old one or the new one.
    pub fn raise(&mut self, platform: &Platform<'_>, signed: u64) -> Result<()> {
        if signed > self.ceiling {
            return Err(Reason::TimeImplausible);
        }
        if signed.saturating_sub(self.stored) >= limits::FLOOR_STEP {
            // Another value of this type may have stored a later time since this one was loaded.
            let stored = stored(platform)?;
            if signed > stored {
                let mut frame = [0; record::frame(8)];
                record::save(platform.store, Kind::TimeFloor, &signed.to_be_bytes(), &mut frame)?;
            }
            self.stored = stored.max(signed);
        }
        self.seconds = self.seconds.max(signed);
        Ok(())
    }
}

/// The stored floor; 0 if none was stored.
fn stored(platform: &Platform<'_>) -> Result<u64> {
    let mut frame = [0; record::frame(8)];
    match record::load(platform.store, Kind::TimeFloor, &mut frame)? {
        Some(payload) => Ok(u64::from_be_bytes(payload.try_into().map_err(|_| Reason::RecordCorrupt)?)),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_bound_never_says_before() {
        assert_eq!(Time::at_least(100).relation(200), Relation::CannotTell);
        assert_eq!(Time::at_least(200).relation(200), Relation::After);
        assert_eq!(Time::trusted(100).relation(200), Relation::Before);
        assert_eq!(Time::trusted(200).relation(200), Relation::After);
        assert_eq!(Time::UNKNOWN.relation(0), Relation::CannotTell);
    }
}
