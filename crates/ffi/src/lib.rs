//! The C interface. The header `include/aseptic.h` is generated from here and opens with the essay that explains it.
//!
//! This is the one package with `unsafe` code: it turns pointers into references, once per call, and does nothing else that
//! needs it. All decisions are made in the packages below it.
//!
//! With an operating system it is linked with `std`. For bare metal it is `no_std` and needs no allocator.
#![cfg_attr(target_os = "none", no_std)]

// The shapes and numbers that all functions share.
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "a boot loader fills no buffers"))]
mod abi;
mod status;
mod text;

// Tier Boot, in the order in which a device meets it.
mod platform;

mod crypto;

mod device;

mod trust;

mod time;

mod boot;

mod update;

mod statement;

// Tier Device.
#[cfg(feature = "device")]
mod workspace;

#[cfg(feature = "device")]
mod birth;

#[cfg(feature = "device")]
mod lists;

#[cfg(feature = "device")]
mod peer;

#[cfg(feature = "device")]
mod finding;

#[cfg(feature = "device")]
mod identity;

#[cfg(feature = "device")]
mod enrol;

#[cfg(feature = "device")]
mod renewal;

#[cfg(feature = "device")]
mod wipe;

#[cfg(feature = "device")]
mod inventory;

#[cfg(feature = "device")]
mod message;

#[cfg(feature = "device")]
mod report;

#[cfg(feature = "device")]
mod outbox;

#[cfg(feature = "device")]
mod session;

#[cfg(feature = "device")]
mod agreement;

#[cfg(feature = "device")]
mod opener;

#[cfg(feature = "device")]
mod ticket;

#[cfg(feature = "device")]
mod sessions;

#[cfg(feature = "device")]
mod reports;

#[cfg(feature = "device")]
mod link;

#[cfg(feature = "device")]
mod countersignature;

// Tier Hosted.
#[cfg(feature = "hosted")]
mod files;

#[cfg(feature = "hosted")]
mod channel;

// For whoever writes a port.
#[cfg(feature = "selftest")]
mod selftest;

#[cfg(all(target_os = "none", feature = "panic-handler"))]
mod fault;
#[cfg(feature = "nor")]
mod flash;
/// cbindgen:ignore
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
/// cbindgen:ignore
#[cfg(feature = "planted-panic")]
mod planted;
/// cbindgen:ignore
#[cfg(feature = "fuzzing")]
pub mod program;

pub use abi::{ASEPTIC_OK, aseptic_buf, aseptic_slice, aseptic_status};
pub use boot::*;
pub use crypto::aseptic_crypto;
pub use device::*;
pub use platform::aseptic_platform;
#[cfg(feature = "selftest")]
pub use selftest::*;
pub use statement::*;
pub use status::*;
pub use text::*;
pub use time::*;
pub use trust::*;
pub use update::*;
#[cfg(feature = "device")]
pub use {
    agreement::*, birth::*, countersignature::*, enrol::*, finding::*, identity::*, inventory::*, link::*, lists::*,
    message::*, opener::*, outbox::*, peer::*, renewal::*, reports::*, session::*, sessions::*, ticket::*, wipe::*,
    workspace::*,
};
#[cfg(feature = "hosted")]
pub use {channel::*, files::*};
