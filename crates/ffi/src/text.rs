//! Versions and texts.

use crate::abi::{aseptic_slice, aseptic_status};
use aseptic_core::Reason;

/// Rises when a program built against an older header would no longer run.
pub const ASEPTIC_ABI_VERSION: u32 = 1;

/// The ABI version of the library that is linked; compare it with `ASEPTIC_ABI_VERSION` of the header.
///
/// Ownership: none. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_abi_version() -> u32 {
    ASEPTIC_ABI_VERSION
}

/// The release of the library that is linked, as UTF-8 text without a final zero, for example `0.1.0`.
///
/// Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_version() -> aseptic_slice {
    text(env!("CARGO_PKG_VERSION"))
}

/// What a status means, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a
/// library that was built without its texts (feature `text`), as firmware is.
///
/// Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_status_cause(status: aseptic_status) -> aseptic_slice {
    text(sentences(status).0)
}

/// What to do about a status, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a
/// library that was built without its texts (feature `text`), as firmware is.
///
/// Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_status_remedy(status: aseptic_status) -> aseptic_slice {
    text(sentences(status).1)
}

/// Who must act on a status: 0 nobody (`ASEPTIC_OK`), 1 the maker of the bytes, 2 the device, 3 the calling program, 4 nobody yet:
/// the same call may succeed later.
///
/// Ownership: none. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_status_blame(status: aseptic_status) -> u8 {
    Reason::from_number(status).map_or(0, |reason| reason.blame() as u8)
}

pub(crate) const fn text(text: &'static str) -> aseptic_slice {
    aseptic_slice { ptr: text.as_ptr(), len: text.len() }
}

/// Cause and remedy.
fn sentences(status: aseptic_status) -> (&'static str, &'static str) {
    #[cfg(feature = "text")]
    if let Some(reason) = Reason::from_number(status) {
        return (reason.cause(), reason.remedy());
    }
    let _ = status;
    ("", "")
}
