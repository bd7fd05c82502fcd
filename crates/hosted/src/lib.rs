//! aseptic on a system with an operating system.
//!
//! Everything the device crates ask of their [`Platform`](aseptic_core::platform::Platform), made of files, the system's
//! randomness and clock, and the fast suite.

pub mod crypto;
mod error;
pub mod files;
pub mod os;

pub use error::Error;

pub use files::Files;

/// The result of every fallible operation of hosts.
pub type Result<T> = std::result::Result<T, Error>;
