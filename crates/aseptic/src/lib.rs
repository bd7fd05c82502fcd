//! Device security for medical devices: one small, memory-safe library that keeps a device's identity, what it trusts, its
//! messages and its software, from the factory to the end of its service life.
//!
//! Three rules stand above all others:
//!
//! 1. Fail secure on everything that can change the device, fail operational on everything that keeps the patient safe, and
//!    never silently. No call of this library can stop therapy, and no therapy code ever waits for one.
//! 2. A security verdict is a value, not a flag: [`core::trust::VerifiedPeer`] is made in one place, and the next step asks for it.
//! 3. A refused input leaves all stored state as it was, to the bit; a power cut leaves the old state or the new one.
//!
//! | pillar | promise | starts at |
//! | --- | --- | --- |
//! | [`identity`] | a key born in the device, enrolled at the hospital, never half-switched | [`identity::birth`], [`identity::enrol`] |
//! | [`certs`] | certificates judged by one profile, also without a clock | [`certs::Engine`] |
//! | [`messaging`] | read by the recipient named in the signature and by nobody on the way | [`messaging::Sender`], [`messaging::Opener`] |
//! | [`update`] | only authentic software runs, and never starts during therapy | [`update::Envelope`] |
//!
//! The [`manual`] explains design, threats, certificates, porting and support.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub use aseptic_certs as certs;
pub use aseptic_core as core;
#[cfg(feature = "hosted")]
pub use aseptic_hosted as hosted;
pub use aseptic_identity as identity;
pub use aseptic_messaging as messaging;
pub use aseptic_update as update;

pub use aseptic_core::{Reason, Result};

pub mod manual;

/// The Rust block of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
