//! aseptic on a system with an operating system.
//!
//! * [`files`], [`os`]: everything the device crates ask of their [`Platform`](aseptic_core::platform::Platform).
//! * [`crypto`]: the fast suite.
//! * [`channel`]: mutually authenticated TLS 1.3, for devices and for servers.
//! * [`est`]: enrolment with a registrar over the network.

pub mod channel;
pub mod crypto;
mod error;
pub mod est;
pub mod files;
pub mod os;

#[cfg(test)]
mod testing;

pub use error::Error;

pub use files::Files;

/// The result of every fallible operation of hosts.
pub type Result<T> = std::result::Result<T, Error>;
