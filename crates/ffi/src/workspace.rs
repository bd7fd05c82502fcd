//! Working memory that only the seldom steps of a life need.

use crate::abi::output;
use ::aseptic_identity::Workspace;
use aseptic_core::Result;

/// Working memory of the calls that make or change an identity: plain memory of the caller, which needs no beginning and no
/// end and may serve other ends between two calls, except during an enrolment: from `aseptic_enroller_begin` until it is done
/// the same memory goes into each step. One serves all calls of a thread. Opaque.
#[repr(C)]
pub struct aseptic_workspace {
    _opaque: [u64; 2560],
}

/// # Safety
/// `workspace` must be NULL, misaligned, or writable and alias nothing else while the answer is used.
pub(crate) unsafe fn workspace<'a>(workspace: *mut aseptic_workspace) -> Result<&'a mut Workspace> {
    // SAFETY: as the caller promises.
    let bytes = core::ptr::from_mut(unsafe { output(workspace)? }).cast::<Workspace>();
    // SAFETY: arrays of bytes alone, of which every value is valid, and not larger than the memory.
    Ok(unsafe { &mut *bytes })
}

const _: () = assert!(size_of::<Workspace>() <= size_of::<aseptic_workspace>() && align_of::<Workspace>() == 1);
