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
//! What an application does at each start, and when an envelope has come:
//!
//! ```
//! use aseptic_core::clinical::Use;
//! use aseptic_core::crypto::Suite;
//! use aseptic_core::platform::Platform;
//! use aseptic_core::trust::Trust;
//! use aseptic_core::{Reason, Result};
//! use aseptic_update::{Device, Envelope, Session, Target, boot};
//!
//! /// True once the new image is staged and selected: restart when idle, then confirm.
//! fn install(
//!     platform: &Platform<'_>,
//!     suite: &Suite<'_>,
//!     trust: &Trust<'_>,
//!     device: &Device<'_>,
//!     envelope: &[u8],
//!     mut fetch: impl FnMut(&str, u64, &mut [u8]) -> Result<usize>,
//!     clinical: Use,
//! ) -> Result<bool> {
//!     if let boot::BootState::Trial(_) = boot::load(platform, suite)? {
//!         // The application has checked itself, so this image may stay.
//!         boot::confirm(platform, suite, 0)?;
//!         return Ok(false);
//!     }
//!     let authentic = Envelope::parse(envelope)?.authenticate(trust, suite)?;
//!     let plan = authentic.plan(suite, device, boot::floor(platform)?, Target::of(platform)?)?;
//!     let mut session = match Session::resume(platform, suite, &plan) {
//!         Err(Reason::NoUpdate) => Session::begin(platform, suite, &plan, clinical)?,
//!         session => session?,
//!     };
//!     let mut piece = [0; 4096];
//!     while session.missing() > 0 {
//!         let length = fetch(plan.uri(), session.offset(), &mut piece)?;
//!         session.feed(platform, suite, piece.get(..length).ok_or(Reason::Internal)?, clinical)?;
//!     }
//!     session.finish(platform, suite, clinical)?.activate(platform, clinical)?;
//!     Ok(true)
//! }
//! ```
//!
//! The manifest profile is closed: what is outside of it is refused by name.
//! See [`plan`] for the profile, [`journal`] for what is stored, [`boot`] for what happens at the next start.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod boot;
pub mod downgrade;
pub mod freshness;
pub mod hold;
pub mod interlock;
pub mod journal;
pub mod plan;
pub mod policy;
pub mod report;
pub mod statement;
pub mod text;

mod digest;
mod encryption;
mod envelope;
mod manifest;
mod medium;
mod session;
mod transfer;

pub use digest::Digest;
pub use downgrade::Downgrade;
pub use envelope::{Authentic, Envelope};
pub use freshness::{Freshness, Source};
pub use interlock::{Interlock, Permission};
pub use manifest::DRAFT;
pub use plan::{Component, Device, Part, Plan, Target, payload_key};
pub use policy::Role;
pub use report::{Report, Reporter};
pub use session::{Next, ReadBack, Resume, Session, Staged};
pub use statement::Waiver;
pub use transfer::{STEP, Transfer};
