//! What weakens the guarantees, each as a value that has to be named.

use super::Trust;
use super::store::{Authority, Entry, TrustStore};
use crate::reason::Reason;
use crate::time::Time;
use crate::{Result, limits};

/// The admission of a [`super::PathEngine`] that its answers decide whom a device believes.
#[derive(Clone, Copy, Debug)]
pub struct EngineLicence(());

impl EngineLicence {
    /// Taken out by `aseptic-certs`, and by whoever replaces it with an engine of their own.
    #[must_use]
    pub const fn this_engine_decides_whom_the_device_believes() -> Self {
        Self(())
    }
}

/// Trust from a bare list of entries that nobody signed, published test keys allowed. For conformance suites and tools
/// on a desk; a device loads its trust with [`Trust::load`].
pub fn unsigned<'a>(authority: Authority, entries: &'a [Entry<'a>]) -> Result<Trust<'a>> {
    if entries.len() > limits::TRUST_ENTRIES {
        return Err(Reason::TooLarge);
    }
    Ok(Trust { stores: [Some(TrustStore::unsigned(authority, entries)), None], now: Time::UNKNOWN })
}
