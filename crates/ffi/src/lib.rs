//! The C interface. The header `include/aseptic.h` is generated from here and opens with the essay that explains it.
//!
//! This is the one package with `unsafe` code: it turns pointers into references, once per call, and does nothing else that
//! needs it. All decisions are made in the packages below it.
//!
//! With an operating system it is linked with `std`. For bare metal it is `no_std` and needs no allocator.
#![cfg_attr(target_os = "none", no_std)]

#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "a boot loader fills no buffers"))]
mod abi;
mod crypto;
mod device;
#[cfg(all(target_os = "none", feature = "panic-handler"))]
mod fault;
/// cbindgen:ignore
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(feature = "device")]
mod identity;
#[cfg(feature = "device")]
mod message;
mod platform;
mod status;
mod text;
mod trust;
mod update;

pub use abi::{ASEPTIC_OK, aseptic_buf, aseptic_slice, aseptic_status};
pub use crypto::aseptic_crypto;
pub use device::{
    ASEPTIC_USE_ALARM, ASEPTIC_USE_EMERGENCY, ASEPTIC_USE_IDLE, ASEPTIC_USE_IN_USE, aseptic_device,
    aseptic_device_init, aseptic_device_set_use, aseptic_device_wipe,
};
#[cfg(feature = "device")]
pub use identity::{aseptic_identity, aseptic_identity_load, aseptic_identity_name, aseptic_identity_wipe};
#[cfg(feature = "device")]
pub use message::{
    ASEPTIC_ALARM, ASEPTIC_AUDIT, ASEPTIC_TELEMETRY, aseptic_message, aseptic_message_seal, aseptic_sender,
    aseptic_sender_init, aseptic_sender_wipe,
};
pub use platform::aseptic_platform;
pub use status::*;
pub use text::{
    ASEPTIC_ABI_VERSION, aseptic_abi_version, aseptic_status_blame, aseptic_status_cause, aseptic_status_remedy,
    aseptic_version,
};
pub use trust::{
    ASEPTIC_MANUFACTURER, ASEPTIC_OWNER, ASEPTIC_PRESENCE_CONFIRMED, aseptic_trust_install, aseptic_trust_update,
};
pub use update::{
    ASEPTIC_BOOT_CONFIRMED, ASEPTIC_BOOT_FALLBACK, ASEPTIC_BOOT_RESTART, ASEPTIC_BOOT_REVERTED, ASEPTIC_BOOT_TRIAL,
    aseptic_boot_confirm, aseptic_boot_state, aseptic_boot_verify, aseptic_model, aseptic_update,
    aseptic_update_abandon, aseptic_update_activate, aseptic_update_begin, aseptic_update_feed, aseptic_update_finish,
    aseptic_update_offset, aseptic_update_step, aseptic_update_wipe,
};
