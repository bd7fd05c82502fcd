//! The shapes of the interface: status, views of memory, opaque contexts.

use aseptic_core::{Reason, Result};
use core::ops::{Deref, DerefMut};

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

#[cfg(feature = "device")]
impl aseptic_slice {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self { ptr: core::ptr::null(), len: 0 };

    /// These bytes; NULL where there are none.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::EMPTY } else { Self { ptr: bytes.as_ptr(), len: bytes.len() } }
    }
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

    /// The memory behind it.
    pub(crate) fn place(self) -> Place {
        Place { first: self.ptr.addr(), len: self.len }
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

#[cfg(feature = "device")]
impl aseptic_buf {
    /// What lies in the room, to be changed in place; [`Reason::Misuse`] for more of it than there is room.
    ///
    /// # Safety
    /// `ptr` must be writable for `len` bytes that are initialised, and alias nothing else while the answer is used.
    pub(crate) unsafe fn content<'a>(&self) -> Result<&'a mut [u8]> {
        if self.len > self.cap {
            return Err(Reason::Misuse);
        }
        if self.len == 0 {
            return Ok(&mut []);
        }
        if self.ptr.is_null() || isize::try_from(self.len).is_err() {
            return Err(Reason::Misuse);
        }
        // SAFETY: not null, and writable for `len` bytes as the caller promises.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.ptr, self.len) })
    }
}

/// A stretch of the caller's memory, by its numbers alone.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    first: usize,
    len: usize,
}

impl Place {
    /// Where one value lies.
    pub(crate) fn of<T>(pointer: *const T) -> Self {
        Self { first: pointer.addr(), len: size_of::<T>() }
    }

    /// Where several values in a row lie.
    #[cfg(feature = "device")]
    pub(crate) fn row<T>(pointer: *const T, count: usize) -> Self {
        Self { first: pointer.addr(), len: size_of::<T>().saturating_mul(count) }
    }

    /// Where the room of a buffer lies.
    #[cfg(feature = "device")]
    pub(crate) fn of_buffer(buffer: &aseptic_buf) -> Self {
        Self { first: buffer.ptr.addr(), len: buffer.len.max(buffer.cap) }
    }

    /// Where these bytes lie.
    #[cfg(feature = "device")]
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self { first: bytes.as_ptr().addr(), len: bytes.len() }
    }

    /// Whether a byte lies in one of the `others` too. Once for all functions: in each of them it would take some flash.
    #[inline(never)]
    pub(crate) fn meets(self, others: &[Self]) -> bool {
        others.iter().any(|other| other.overlaps(self))
    }

    /// Whether a byte lies in both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let (end, other_end) = (self.first.saturating_add(self.len), other.first.saturating_add(other.len));
        self.first < other_end && other.first < end && self.len != 0 && other.len != 0
    }
}

/// [`Reason::Misuse`] unless no two of the `places` share a byte. What NULL points to lies nowhere.
#[inline(never)]
pub(crate) fn apart(places: &[Place]) -> Result<()> {
    let shared = places.iter().enumerate().any(|(at, one)| {
        one.first != 0 && places.iter().skip(at.saturating_add(1)).any(|other| other.first != 0 && one.overlaps(*other))
    });
    if shared { Err(Reason::Misuse) } else { Ok(()) }
}

/// What `pointer` points to; [`Reason::Misuse`] for NULL and for a misaligned pointer.
///
/// # Safety
/// `pointer` must be NULL, misaligned, or readable for as long as the answer is used.
pub(crate) unsafe fn input<'a, T>(pointer: *const T) -> Result<&'a T> {
    if !pointer.is_aligned() {
        return Err(Reason::Misuse);
    }
    // SAFETY: aligned; NULL or readable, as the caller promises.
    unsafe { pointer.as_ref() }.ok_or(Reason::Misuse)
}

/// What `pointer` points to, to write to; [`Reason::Misuse`] for NULL and for a misaligned pointer.
///
/// # Safety
/// `pointer` must be NULL, misaligned, or valid and alias nothing else for as long as the answer is used.
pub(crate) unsafe fn output<'a, T>(pointer: *mut T) -> Result<&'a mut T> {
    if !pointer.is_aligned() {
        return Err(Reason::Misuse);
    }
    // SAFETY: aligned; NULL or valid, as the caller promises.
    unsafe { pointer.as_mut() }.ok_or(Reason::Misuse)
}

/// [`output`] for memory that overlaps none of the `others`; [`Reason::Misuse`] if it does.
///
/// # Safety
/// `pointer` must be NULL, misaligned, or valid and alias nothing but the `others` for as long as the answer is used.
pub(crate) unsafe fn output_apart<'a, T>(pointer: *mut T, others: &[Place]) -> Result<&'a mut T> {
    if Place::of(pointer).meets(others) {
        return Err(Reason::Misuse);
    }
    // SAFETY: as the caller promises, and apart from the others.
    unsafe { output(pointer) }
}

/// Runs `body` and turns its result into a status.
pub(crate) fn call(body: impl FnOnce() -> Result<()>) -> aseptic_status {
    body().map_or_else(Reason::number, |()| ASEPTIC_OK)
}

/// The result behind a status of our own.
pub(crate) fn result(status: aseptic_status) -> Result<()> {
    if status == ASEPTIC_OK { Ok(()) } else { Err(Reason::from_number(status).unwrap_or(Reason::Internal)) }
}

/// Runs `body` on the room behind `out`. On error the room is zeroed and `len` is 0, or the size needed.
///
/// [`Reason::Misuse`] where the room overlaps `out` itself or one of the `inputs`; nothing is written to it then.
///
/// # Safety
/// `out` must be NULL or misaligned or point to a buffer whose room is writable. `inputs` must name all that `body` reads.
pub(crate) unsafe fn fill(
    out: *mut aseptic_buf,
    inputs: &[Place],
    body: impl FnOnce(&mut [u8], &mut usize) -> Result<usize>,
) -> aseptic_status {
    let mut body = Some(body);
    // SAFETY: as the caller promises.
    unsafe {
        fill_room(out, inputs, &mut |room, needed| body.take().map_or(Err(Reason::Internal), |body| body(room, needed)))
    }
}

/// [`fill`], once for all functions.
///
/// # Safety
/// As for [`fill`].
#[inline(never)]
unsafe fn fill_room(
    out: *mut aseptic_buf,
    inputs: &[Place],
    body: &mut dyn FnMut(&mut [u8], &mut usize) -> Result<usize>,
) -> aseptic_status {
    call(|| {
        let own = Place::of(out);
        // SAFETY: as the caller promises.
        let out = unsafe { output(out) }?;
        out.len = 0;
        let written = Place { first: out.ptr.addr(), len: out.cap };
        if written.overlaps(own) || written.meets(inputs) {
            return Err(Reason::Misuse);
        }
        // SAFETY: writable as the caller promises, and apart from everything else that is read or written here.
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

/// A context in caller memory: `State` lives inside the opaque words of `Self`, behind a mark that says so, and `Room` after it.
///
/// C aligns the words to 8 bytes; a state that wants more lies at the first fitting address inside, which stays the same
/// because a context must not move. Zeroed memory carries no mark, so it is never a valid context or verdict.
pub(crate) trait Context: Sized {
    /// What lives inside.
    type State;
    /// Working memory beside it. It begins as zeros where it lies and is never moved, so that none of it is ever on the stack.
    type Room: Zeroed;
    /// Tells this type of context from the others and from random memory.
    const MARK: u64;

    /// Proves at compile time that the state fits, wherever the words begin.
    const FITS: () = assert!(
        size_of::<Marked<Self>>() + align_of::<Marked<Self>>() <= size_of::<Self>() + align_of::<Self>(),
        "the opaque words are too few"
    );
}

/// Memory that may begin as zeros.
///
/// # Safety
/// All zeros must be a value of the type.
pub(crate) unsafe trait Zeroed {}

// SAFETY: there is nothing in it.
unsafe impl Zeroed for () {}

#[repr(C)]
pub(crate) struct Marked<C: Context> {
    mark: u64,
    state: C::State,
    room: C::Room,
}

/// A context in use. It carries the mark inverted for as long as this lives, so that a platform function that calls the library
/// back with it is answered [`Reason::Misuse`] instead of being let in twice or making it anew.
pub(crate) struct Held<'a, C: Context> {
    mark: *mut u64,
    state: &'a mut C::State,
    room: &'a mut C::Room,
}

impl<C: Context> Held<'_, C> {
    /// The state and the working memory beside it.
    pub(crate) fn parts(&mut self) -> (&mut C::State, &mut C::Room) {
        (self.state, self.room)
    }
}

impl<C: Context> Deref for Held<'_, C> {
    type Target = C::State;

    fn deref(&self) -> &C::State {
        self.state
    }
}

impl<C: Context> DerefMut for Held<'_, C> {
    fn deref_mut(&mut self) -> &mut C::State {
        self.state
    }
}

impl<C: Context> Drop for Held<'_, C> {
    fn drop(&mut self) {
        // SAFETY: the mark lies beside the state, which is borrowed for as long as this lives.
        unsafe { self.mark.write(C::MARK) };
    }
}

/// Makes `*context` a valid context with the state that `build` gives. After an error it is zeroed, whatever it was before; but
/// nothing is written to one that a call is using, or that shares memory with the `others`: [`Reason::Misuse`].
///
/// # Safety
/// `context` must be NULL or misaligned or writable memory of the type `C`.
pub(crate) unsafe fn make<C: Context>(
    context: *mut C,
    others: &[Place],
    build: impl FnOnce() -> Result<C::State>,
) -> aseptic_status {
    let () = C::FITS;
    call(|| {
        // SAFETY: as the caller promises.
        let marked = unsafe { begin(context, others)? };
        match build() {
            Ok(state) => {
                // SAFETY: inside the context by `FITS`, aligned by `place`; what was there is no context any more, and the room is
                // zeros, which are a value of it.
                unsafe {
                    (&raw mut (*marked).state).write(state);
                    (&raw mut (*marked).mark).write(C::MARK);
                }
                Ok(())
            }
            Err(reason) => {
                // SAFETY: writable for the whole type.
                unsafe { context.write_bytes(0, 1) };
                Err(reason)
            }
        }
    })
}

/// As [`make`] for a state that is too large for the stack of a microcontroller: `empty` is written to where it lies, and
/// `fill` makes it what it is to be there.
///
/// # Safety
/// As for [`make`].
pub(crate) unsafe fn make_in_place<C: Context>(
    context: *mut C,
    others: &[Place],
    empty: fn() -> C::State,
    fill: impl FnOnce(&mut C::State) -> Result<()>,
) -> aseptic_status {
    let () = C::FITS;
    call(|| {
        // SAFETY: as the caller promises.
        let marked = unsafe { begin(context, others)? };
        // SAFETY: inside the context by `FITS`, aligned by `place`; what was there is no context any more, and the room is
        // zeros, which are a value of it.
        let state = unsafe { lay(&raw mut (*marked).state, empty) };
        let result = fill(state);
        match result {
            // SAFETY: the state is whole.
            Ok(()) => unsafe { (&raw mut (*marked).mark).write(C::MARK) },
            Err(_) => {
                // SAFETY: the state is valid, and without a mark it is never looked at again.
                unsafe { core::ptr::drop_in_place(state) };
                // SAFETY: writable for the whole type.
                unsafe { context.write_bytes(0, 1) };
            }
        }
        result
    })
}

/// Zeroes a context and marks it as one in use, so that a platform function that calls the library back finds it so.
///
/// # Safety
/// As for [`make`].
unsafe fn begin<C: Context>(context: *mut C, others: &[Place]) -> Result<*mut Marked<C>> {
    let marked = place(context)?;
    // SAFETY: inside the context and aligned; only the mark is touched.
    let mark = unsafe { &raw mut (*marked).mark };
    // SAFETY: as the caller promises, with the size of the type.
    unsafe { begin_bytes(context.cast(), size_of::<C>(), mark, C::MARK, others)? };
    Ok(marked)
}

/// [`begin`], once for all contexts.
///
/// # Safety
/// `context` must be writable for `size` bytes, `mark` lie in it and be aligned.
#[inline(never)]
unsafe fn begin_bytes(context: *mut u8, size: usize, mark: *mut u64, ours: u64, others: &[Place]) -> Result<()> {
    // SAFETY: as the caller promises.
    let in_use = unsafe { mark.read() } == !ours;
    if in_use || (Place { first: context.addr(), len: size }).meets(others) {
        return Err(Reason::Misuse);
    }
    // SAFETY: as the caller promises; zeros are as good as any other opaque words.
    unsafe {
        context.write_bytes(0, size);
        mark.write(!ours);
    }
    Ok(())
}

/// Apart from its caller, so that what the compiler puts on the stack on the way is free again.
///
/// # Safety
/// `room` must be writable and aligned, and alias nothing while the answer is used.
#[inline(never)]
unsafe fn lay<'a, T>(room: *mut T, empty: fn() -> T) -> &'a mut T {
    // SAFETY: as the caller promises.
    unsafe {
        room.write(empty());
        &mut *room
    }
}

/// The state inside, or [`Reason::Misuse`] for NULL, misaligned or unmarked memory.
///
/// # Safety
/// `context` must be NULL or misaligned or readable and writable memory of the type `C` that no other thread uses during the
/// call.
pub(crate) unsafe fn state<'a, C: Context>(context: *mut C) -> Result<Held<'a, C>> {
    let marked = place(context)?;
    // SAFETY: inside the context and aligned; only the mark is touched before it is known to be a context.
    let mark = unsafe { &raw mut (*marked).mark };
    // SAFETY: as above.
    unsafe { enter(mark, C::MARK)? };
    // SAFETY: the mark said that `make` wrote a state here and zeroed the room, and with the mark gone nobody else gets at them.
    Ok(unsafe { Held { mark, state: &mut (*marked).state, room: &mut (*marked).room } })
}

/// Inverts a mark that is there.
///
/// # Safety
/// `mark` must be aligned, readable and writable.
#[inline(never)]
unsafe fn enter(mark: *mut u64, ours: u64) -> Result<()> {
    // SAFETY: as the caller promises.
    if unsafe { mark.read() } != ours {
        return Err(Reason::Misuse);
    }
    // SAFETY: as above.
    unsafe { mark.write(!ours) };
    Ok(())
}

/// Ends a context: drops its state and wipes all its words. Does nothing to memory that holds none, or that is in use.
///
/// # Safety
/// As for [`state`].
pub(crate) unsafe fn wipe<C: Context>(context: *mut C) {
    // SAFETY: as the caller promises.
    let Ok(held) = (unsafe { state(context) }) else {
        return;
    };
    // SAFETY: the state is valid, and is never looked at again: the wiping below takes the mark away.
    unsafe { core::ptr::drop_in_place(&raw mut *held.state) };
    drop(held);
    // SAFETY: `state` has shown that the memory is a context, hence writable for the whole type.
    let bytes = unsafe { core::slice::from_raw_parts_mut(context.cast::<u8>(), size_of::<C>()) };
    aseptic_core::secret::wipe(bytes);
}

/// Where in the context its state lies.
fn place<C: Context>(context: *mut C) -> Result<*mut Marked<C>> {
    let slack = size_of::<C>().saturating_sub(size_of::<Marked<C>>());
    let offset = offset(context.addr(), align_of::<C>(), align_of::<Marked<C>>(), slack)?;
    Ok(context.cast::<u8>().wrapping_add(offset).cast())
}

/// Bytes from the first of a context to its state: to the next multiple of `inner`, at most `slack`.
#[inline(never)]
fn offset(first: usize, outer: usize, inner: usize, slack: usize) -> Result<usize> {
    if first == 0 || !first.is_multiple_of(outer) {
        return Err(Reason::Misuse);
    }
    let offset = first.checked_next_multiple_of(inner).ok_or(Reason::Misuse)?.saturating_sub(first);
    if offset <= slack { Ok(offset) } else { Err(Reason::Internal) }
}
