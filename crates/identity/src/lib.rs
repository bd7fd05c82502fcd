//! The identity of a device: given at birth by its maker, given anew by each owner, kept through power cuts.
//!
//! * [`birth`]: the maker's certificate after IEEE 802.1AR, asked for and installed at the factory; [`DeviceName`] and
//!   [`Udi`] say whom it is for.
//! * [`enrol`]: the owner's certificate, by EST over whatever speaks HTTPS.
//! * [`Identity`]: what the device is and may present now; [`confirm_handshake`] puts a new identity in charge once it has
//!   worked.
//! * [`agreement`]: the key that others seal messages for.
//! * [`tidy`]: to be called at boot.
//! * `StoredKeys` (feature `soft`): a key store made of software, for devices without a secure element.
//!
//! Two records hold the identity, one of the maker's and one of the owner's. A key exists before a record names it and is
//! destroyed after none does, so a power cut at any moment leaves the identity that worked, and at worst a key too many,
//! which [`tidy`] destroys. The functions here must not be called from two threads at once for one platform.
//!
//! ```
//! use aseptic_core::{crypto::soft, limits};
//! use aseptic_identity::{DeviceName, Identity, Stage, Udi, Workspace, birth, tidy};
//! use aseptic_testbed::bench::Bench;
//!
//! # fn main() -> aseptic_core::Result<()> {
//! let device = Bench::new(1);
//! let platform = device.platform();
//! let mut workspace = Workspace::new();
//! tidy(&platform, &mut workspace)?;
//!
//! let name = DeviceName {
//!     serial: "PUMP-0042",
//!     hardware_type: &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01],
//!     hardware_serial: b"board 7",
//!     udi: Some(Udi::parse("(01)09521234543213(21)0042")?),
//! };
//! let mut request = [0; limits::CSR];
//! let length = birth::request(&platform, &soft::suite(), &name, &mut workspace, &mut request)?;
//! // request[..length] goes to the maker's CA; its answer to birth::install.
//! # assert!(length > 200);
//!
//! let mut buffer = [0; 4096];
//! let identity = Identity::load(&platform, &mut buffer)?;
//! assert_eq!(identity.name(), Ok("PUMP-0042"));
//! assert_eq!(identity.birth_stage(), Stage::Requested);
//! # Ok(())
//! # }
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

pub mod agreement;
mod attributes;
pub mod birth;
mod credential;
mod date;
pub mod enrol;
pub mod est;
mod identity;
mod keys;
mod name;
mod path;
pub mod renewal;
mod request;
mod stored;
#[cfg(feature = "soft")]
mod stored_keys;
mod successor;
mod text;
mod udi;
pub mod wipe;

pub use credential::{Credential, LocalCredential, Origin, Stage};
pub use enrol::{Enroller, Progress};
pub use est::{Action, Event, Request, Response, Terms};
pub use identity::{Identity, confirm_handshake};
pub use keys::tidy;
pub use name::DeviceName;
pub use stored::Workspace;
#[cfg(feature = "soft")]
pub use stored_keys::StoredKeys;
pub use udi::{Agency, Udi};
