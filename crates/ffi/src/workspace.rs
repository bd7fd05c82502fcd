//! Working memory that only the seldom steps of a life need.

use crate::abi::output;
use ::aseptic_identity::Workspace;
use aseptic_core::Result;

/// Working memory of the calls that make or change an identity: plain memory of the caller, which needs no beginning and no
/// end and may serve other ends between two calls, except during an enrolment: from `aseptic_enroller_begin` until it is done
/// the same memory goes into each step. One serves all calls of a thread. Opaque.
#[repr(C)]
pub struct aseptic_workspace {
    _opaque: [u64; 2592],
}

/// # Safety
/// `workspace` must be NULL, misaligned, or writable and alias nothing else while the answer is used.
pub(crate) unsafe fn workspace<'a>(workspace: *mut aseptic_workspace) -> Result<&'a mut Workspace> {
    // SAFETY: as the caller promises.
    let bytes = core::ptr::from_mut(unsafe { output(workspace)? }).cast::<Workspace>();
    // SAFETY: arrays of bytes alone, of which every value is valid, and not larger than the memory.
    Ok(unsafe { &mut *bytes })
}

/// All of the workspace as bytes.
///
/// # Safety
/// As for [`workspace`].
pub(crate) unsafe fn whole<'a>(workspace: *mut aseptic_workspace) -> Result<&'a mut [u8]> {
    // SAFETY: NULL, misaligned or writable as the caller promises.
    let words = unsafe { output(workspace)? };
    // SAFETY: the same memory as bytes, of which every value is valid.
    Ok(unsafe {
        core::slice::from_raw_parts_mut(core::ptr::from_mut(words).cast::<u8>(), size_of::<aseptic_workspace>())
    })
}

const _: () = assert!(size_of::<Workspace>() <= size_of::<aseptic_workspace>() && align_of::<Workspace>() == 1);
