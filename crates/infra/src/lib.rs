//! The other side: what makers and hospitals run so that devices can be born, enrolled, updated and heard.
//!
//! Unlike the device crates this one uses `std`, threads and sockets. Keys of authorities live in files of mode 0600 or
//! in the caller's hands; nothing here ever runs on a device.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod adapter;
pub mod author;
pub mod ca;
mod error;
mod files;
pub mod hl7;
mod keys;
pub mod owner;
pub mod registrar;
pub mod relay;
pub mod reports;
pub mod revocation;
mod trust;

pub use ca::{Ca, Validity};
pub use error::{Error, Result};
pub use keys::{AuthorityKey, agreement_key, algorithm_name};
pub use registrar::Registrar;
pub use trust::ServerTrust;
