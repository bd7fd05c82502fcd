//! What the pillars of aseptic share.
//!
//! Device crates use neither `std` nor an allocator: bytes go in, bytes come out, the caller owns every buffer,
//! and the machine is reached only through the traits of [`platform`].
#![no_std]

#[cfg(test)]
extern crate std;

pub mod bytes;
pub mod cbor;
pub mod clinical;
pub mod cose;
pub mod crypto;
pub mod limits;
pub mod platform;
pub mod reason;
pub mod record;
pub mod secret;
pub mod time;
pub mod trust;

pub use reason::{Blame, Reason};

/// The result of every fallible operation of the device crates: a value, or the one numbered [`Reason`] why there is none.
pub type Result<T> = core::result::Result<T, Reason>;
