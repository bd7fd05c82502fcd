//! The shapes of the interface: status, views of memory, opaque contexts.

use aseptic_core::{Reason, Result};
use core::mem::{align_of, size_of};

/// 0 (`ASEPTIC_OK`) or the number of a reason. Numbers are never reused; `aseptic_status_cause` has the texts.
pub type aseptic_status = i32;

/// The call did what it says.
pub const ASEPTIC_OK: aseptic_status = 0;

/// Bytes to read. `ptr` may be NULL only where `len` is 0.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_slice {
    /// First byte.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

/// Room to write to. `cap` 0 is a size query: the call reports `ASEPTIC_BUFFER_TOO_SMALL` and the size in `len`.
#[repr(C)]
pub struct aseptic_buf {
    /// First byte of the room.
    pub ptr: *mut u8,
    /// Bytes of room.
    pub cap: usize,
    /// Bytes written; after `ASEPTIC_BUFFER_TOO_SMALL` the bytes needed; 0 after every other error.
    pub len: usize,
}

impl aseptic_slice {
    /// # Safety
    /// `ptr` must be readable for `len` bytes for as long as the answer is used.
    pub(crate) unsafe fn bytes<'a>(self) -> Result<&'a [u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.ptr.is_null() || isize::try_from(self.len).is_err() {
            return Err(Reason::Misuse);
        }
        // SAFETY: not null, and readable for `len` bytes as the caller promises.
        Ok(unsafe { core::slice::from_raw_parts(self.ptr, self.len) })
    }
}

impl aseptic_buf {
    /// # Safety
    /// `ptr` must be writable for `cap` bytes and alias nothing else while the answer is used.
    unsafe fn room<'a>(&mut self) -> Result<&'a mut [u8]> {
        if self.cap == 0 {
            return Ok(&mut []);
        }
        if self.ptr.is_null() || isize::try_from(self.cap).is_err() {
            return Err(Reason::Misuse);
        }
        // SAFETY: not null, and writable for `cap` bytes as the caller promises.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.ptr, self.cap) })
    }
}

/// Runs `body` and turns its result into a status.
pub(crate) fn call(body: impl FnOnce() -> Result<()>) -> aseptic_status {
    body().map_or_else(Reason::number, |()| ASEPTIC_OK)
}

/// Runs `body` on the room behind `out`. On error the room is zeroed and `len` is 0, or the size needed.
///
/// # Safety
/// `out` must be NULL or point to a buffer whose room is writable and aliases nothing that `body` uses.
pub(crate) unsafe fn fill(
    out: *mut aseptic_buf,
    body: impl FnOnce(&mut [u8], &mut usize) -> Result<usize>,
) -> aseptic_status {
    call(|| {
        // SAFETY: NULL or valid, as the caller promises.
        let out = unsafe { out.as_mut() }.ok_or(Reason::Misuse)?;
        out.len = 0;
        // SAFETY: as the caller promises.
        let room = unsafe { out.room() }?;
        let mut needed = 0;
        let result = body(room, &mut needed);
        match result {
            Ok(len) => out.len = len,
            Err(Reason::BufferTooSmall) => {
                room.fill(0);
                out.len = needed;
            }
            Err(_) => room.fill(0),
        }
        result.map(drop)
    })
}

/// A context in caller memory: `State` lives inside the opaque words of `Self`, behind a mark that says so.
///
/// C aligns the words to 8 bytes; a state that wants more lies at the first fitting address inside, which stays the same
/// because a context must not move. Zeroed memory carries no mark, so it is never a valid context or verdict.
pub(crate) trait Context: Sized {
    /// What lives inside.
    type State;
    /// Tells this type of context from the others and from random memory.
    const MARK: u64;

    /// Proves at compile time that the state fits, wherever the words begin.
    const FITS: () = assert!(
        size_of::<Marked<Self::State>>() + align_of::<Marked<Self::State>>() <= size_of::<Self>() + align_of::<Self>(),
        "the opaque words are too few"
    );
}

#[repr(C)]
pub(crate) struct Marked<S> {
    mark: u64,
    state: S,
}

/// Makes `*context` a valid context with `state`.
///
/// # Safety
/// `context` must be NULL or writable memory of the type `C` that holds no valid context.
pub(crate) unsafe fn put<C: Context>(context: *mut C, state: C::State) -> Result<()> {
    let () = C::FITS;
    let marked = place(context)?;
    // SAFETY: inside the context by `FITS`, aligned by `place`; what was there is no context that would need dropping.
    unsafe { marked.write(Marked { mark: C::MARK, state }) };
    Ok(())
}

/// The state inside, or [`Reason::Misuse`] for NULL, misaligned or unmarked memory.
///
/// # Safety
/// `context` must be NULL or readable and writable memory of the type `C` that no other thread uses during the call.
pub(crate) unsafe fn state<'a, C: Context>(context: *mut C) -> Result<&'a mut C::State> {
    let marked = place(context)?;
    // SAFETY: inside the context, aligned and readable; only the mark is read before it is known to be a context.
    if unsafe { core::ptr::addr_of!((*marked).mark).read() } != C::MARK {
        return Err(Reason::Misuse);
    }
    // SAFETY: the mark says that `put` wrote a state here.
    Ok(unsafe { &mut (*marked).state })
}

/// Ends a context: drops its state and wipes all its words. Does nothing to memory that holds none.
///
/// # Safety
/// As for [`state`].
pub(crate) unsafe fn wipe<C: Context>(context: *mut C) {
    // SAFETY: as the caller promises.
    let Ok(state) = (unsafe { state(context) }) else {
        return;
    };
    // SAFETY: `state` is valid, and the mark is removed below so that it is never used again.
    unsafe { core::ptr::drop_in_place(state) };
    // SAFETY: `state` has shown that the memory is a context, hence writable for the whole type.
    let bytes = unsafe { core::slice::from_raw_parts_mut(context.cast::<u8>(), size_of::<C>()) };
    aseptic_core::secret::wipe(bytes);
}

/// Where in the context its state lies.
fn place<C: Context>(context: *mut C) -> Result<*mut Marked<C::State>> {
    if context.is_null() || !context.is_aligned() {
        return Err(Reason::Misuse);
    }
    let first = context.cast::<u8>();
    let offset = first.align_offset(align_of::<Marked<C::State>>());
    if offset > size_of::<C>().saturating_sub(size_of::<Marked<C::State>>()) {
        return Err(Reason::Internal);
    }
    Ok(first.wrapping_add(offset).cast())
}
