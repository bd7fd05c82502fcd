//! The identity of a device: given at birth by its maker, given anew by each owner, kept through power cuts.
//!
//! * [`birth`]: the maker's certificate after IEEE 802.1AR, asked for and installed at the factory; [`DeviceName`] and
//!   [`Udi`] say whom it is for.
//! * [`enrol`]: the owner's certificate, by EST over whatever speaks HTTPS.
//! * [`Identity`]: what the device is and may present now; [`confirm_handshake`] puts a new identity in charge once it has
//!   worked.
//! * [`tidy`]: to be called at boot.
//!
//! Two records hold it all, one of the maker's and one of the owner's. A key exists before a record names it and is
//! destroyed after none does, so a power cut at any moment leaves the identity that worked, and at worst a key too many,
//! which [`tidy`] destroys. The functions here must not be called from two threads at once for one platform.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod birth;
mod credential;
pub mod enrol;
pub mod est;
mod identity;
mod keys;
mod name;
mod path;
mod request;
mod stored;
mod text;
mod udi;

pub use credential::{Credential, LocalCredential, Origin, Stage};
pub use enrol::Enroller;
pub use est::{Action, Event, Request, Response};
pub use identity::{Identity, confirm_handshake};
pub use keys::tidy;
pub use name::DeviceName;
pub use stored::Workspace;
pub use udi::Udi;
