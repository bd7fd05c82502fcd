//! Reading a slot back: the only way to know what it holds.

use crate::digest::Digest;
use crate::journal::Image;
use aseptic_core::crypto::{Hash, HashState, Suite};
use aseptic_core::platform::{ImageSlot, Images, Platform};
use aseptic_core::{Reason, Result};

/// Bytes read at once; on the stack. Where there is an operating system each reading is a call of it, and a stack is large.
const PIECE: usize = if cfg!(target_os = "none") { 1024 } else { 4096 };

/// Hands `length` bytes of the slot from `start` on, as read from the medium, to `sink`.
pub(crate) fn read(
    images: &dyn Images,
    slot: ImageSlot,
    start: u64,
    length: u64,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut piece = [0; PIECE];
    let (mut at, end) = (start, start.saturating_add(length));
    while at < end {
        let left = end.saturating_sub(at);
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let part = piece.get_mut(..size).ok_or(Reason::Internal)?;
        images.read(slot, at, part)?;
        sink(part)?;
        at = at.saturating_add(u64::try_from(size).map_err(|_| Reason::Internal)?);
    }
    Ok(())
}

/// Takes `length` bytes of the slot from `start` on into `state`.
pub(crate) fn hash(
    images: &dyn Images,
    slot: ImageSlot,
    start: u64,
    length: u64,
    hash: &dyn Hash,
    state: &mut HashState,
) -> Result<()> {
    read(images, slot, start, length, &mut |part| hash.update(state, part))
}

/// The digest so far; the state goes on.
pub(crate) fn digest(hash: &dyn Hash, state: &HashState) -> Result<Digest> {
    let mut out = [0; 64];
    hash.finish(state.clone(), &mut out)?;
    Digest::new(hash.alg(), out.get(..hash.alg().digest_len()).ok_or(Reason::Internal)?)
}

/// Whether the slot holds the image.
pub(crate) fn holds(platform: &Platform<'_>, suite: &Suite<'_>, image: &Image) -> Result<bool> {
    Ok(found(platform, suite, image)? == Some(image.digest))
}

/// The digest of as many bytes of the slot as the image has; none if the slot is smaller.
pub(crate) fn found(platform: &Platform<'_>, suite: &Suite<'_>, image: &Image) -> Result<Option<Digest>> {
    if image.size > platform.images.geometry(image.slot)?.size {
        return Ok(None);
    }
    let engine = suite.hash(image.digest.alg())?;
    let mut state = engine.start()?;
    hash(platform.images, image.slot, 0, image.size, engine, &mut state)?;
    digest(engine, &state).map(Some)
}
