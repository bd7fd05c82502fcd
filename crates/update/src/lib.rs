//! Only authentic software runs, and the device always boots: signed updates in SUIT envelopes.
//!
//! The order of the types is the order of the protocol; each step needs the one before:
//!
//! ```text
//! Envelope ─► Authentic ─► Plan ─► Session ─► Staged ─► (restart) boot::load ─► boot::confirm
//!   frame      signature    dry      bytes     read back   trial, reverted        floor moves
//! ```
//!
//! * Nothing of a manifest is read before a trusted key's signature over it has been verified.
//! * A [`Plan`] walks the whole manifest with every bound before anything is written.
//! * Bytes go into the slot that is not running. Power may fail at any moment: [`Session::resume`] goes on where the
//!   medium really holds what the journal says.
//! * What is judged is content, by its digest, never a version string.
//! * The rollback floor moves in one step, when the running image confirms itself.
//! * Whatever erases or selects asks for the clinical [`Use`](aseptic_core::clinical::Use) and waits unless it is idle.
//!
//! The manifest profile is closed: one component, SHA-2, fetch and image match; what is outside of it is refused by name.
//! See [`plan`] for the profile, [`journal`] for what is stored, [`boot`] for what happens at the next start.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod boot;
pub mod journal;
pub mod plan;

mod digest;
mod envelope;
mod manifest;
mod medium;
mod session;

pub use digest::Digest;
pub use envelope::{Authentic, Envelope};
pub use plan::{Device, Plan, Target};
pub use session::{Session, Staged};
