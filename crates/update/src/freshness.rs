//! Whether a manifest is recent, also on a device without a clock.
//!
//! A manifest says by condition *use before* (4) until when its author wants it to be installed. Against the device's time,
//! which may be a lower bound or nothing, the answer is one of three; what each is worth is a policy for each source.
//! An old release is kept out by the floor, whatever its date says: this is about being held back on an old one.

use crate::policy::Role;
use aseptic_core::time::{Relation, Time};
use aseptic_core::{Reason, Result};

/// How recent a manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Freshness {
    /// Its date has certainly not passed.
    Fresh = 1,
    /// Its date has certainly passed.
    Stale = 2,
    /// It has no date, or no clock can tell.
    Unknown = 3,
}

impl Freshness {
    /// How recent something is that is to be used before `date`.
    #[must_use]
    pub fn of(now: Time, date: Option<u64>) -> Self {
        match date.map(|date| now.relation(date)) {
            Some(Relation::Before) => Self::Fresh,
            Some(Relation::After) => Self::Stale,
            Some(Relation::CannotTell) | None => Self::Unknown,
        }
    }
}

/// Where an update came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// Fetched from a server.
    Network = 1,
    /// Brought on a medium, by a person.
    Medium = 2,
}

/// What is accepted from one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Manifests whose date has passed.
    pub stale: bool,
    /// Manifests of which nobody can tell.
    pub unknown: bool,
    /// Security patches whose date has passed: a known hole is worse than a late patch.
    pub stale_patch: bool,
}

/// What is accepted from each source. Fresh manifests always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From a server.
    pub network: Accept,
    /// On a medium.
    pub medium: Accept,
}

impl Policy {
    /// From a server what is not certainly stale: there a newer one could be had. On a medium whatever the floor lets in,
    /// as media are late by nature and a person stands behind them. Stale security patches from both.
    pub const DEFAULT: Self = Self {
        network: Accept { stale: false, unknown: true, stale_patch: true },
        medium: Accept { stale: true, unknown: true, stale_patch: true },
    };

    /// [`Reason::UpdateStale`] or [`Reason::FreshnessUnknown`] unless it is accepted.
    pub const fn check(&self, source: Source, freshness: Freshness, role: Role) -> Result<()> {
        let accept = match source {
            Source::Network => self.network,
            Source::Medium => self.medium,
        };
        let patch = matches!(role, Role::SecurityPatch);
        match freshness {
            Freshness::Stale if !(accept.stale || patch && accept.stale_patch) => Err(Reason::UpdateStale),
            Freshness::Unknown if !accept.unknown => Err(Reason::FreshnessUnknown),
            Freshness::Fresh | Freshness::Stale | Freshness::Unknown => Ok(()),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
