//! X.509 for devices: DER, certificates, certification requests, bundles, and path validation without a clock.
//!
//! * [`der`]: a bounded reader and writer of the DER that certificates are made of.
//! * [`Certificate`], [`csr`], [`cms`], [`base64`]: views of what a peer sent, and writers of what we send. A view proves
//!   nothing; every accessor reads bytes that were checked for shape when the view was made.
//! * [`Engine`]: the [`PathEngine`](aseptic_core::trust::PathEngine) behind every chain that a device believes, with the
//!   strict rules of [`profile`]; [`PathValidator`] is the same with another profile, and explains its verdicts.
//! * [`Verified`]: a cache of signatures, so that a chain of known authorities costs one verification.
//! * [`constraints`]: how far an anchor is believed, beyond what its certificate says.
//! * [`import`]: certificates out of the files that administrators have.
//! * [`inventory`]: what of all this runs out, and when.
//! * [`devid`]: what IEEE 802.1AR wants of a birth certificate.
//!
//! Nothing here allocates, reads a clock or keeps state. PEM is for hosts; devices speak DER.
#![no_std]

#[cfg(test)]
extern crate std;

mod algorithm;
pub mod base64;
mod cache;
mod certificate;
pub mod cms;
pub mod constraints;
pub mod crl;
pub mod csr;
pub mod der;
pub mod devid;
mod engine;
mod findings;
pub mod import;
pub mod inventory;
pub mod name;
pub mod oid;
mod policy;
pub mod profile;
mod revocation;
mod search;
pub mod server;
mod usage;

pub use cache::Verified;
pub use certificate::{AuthorityKey, BasicConstraints, Certificate, Extension, Extensions, KeyUsage, Oids};
pub use devid::IDEVID_NOT_AFTER;
pub use engine::{Engine, Judgement, PathValidator};
pub use findings::{FINDINGS, Finding, Findings, Place};
pub use revocation::{Answer, Answers, HeldLists, ListUsed, Lists};
pub use search::Path;
