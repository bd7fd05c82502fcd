//! Where aseptic is put to the test: a deterministic device in memory whose calls fail and whose power is cut on demand,
//! drivers that try every such point, and suites that measure the library against the vectors of others.
//!
//! Nothing that ships depends on this crate.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bench;

pub mod conformance;

#[cfg(feature = "story")]
pub mod est;

pub mod fleet;

pub mod fuzzing;

pub mod hostile;

pub mod hostile_ward;

pub mod lms;

pub mod nor;

pub mod posix;

#[cfg(feature = "prove")]
pub mod prove;

pub mod sweep;

#[cfg(feature = "story")]
pub mod story;

pub mod trust;

#[cfg(feature = "story")]
pub mod ward;
