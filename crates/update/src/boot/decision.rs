//! The answer of a boot check, made so that one skipped instruction or one flipped bit does not turn no into yes.
//!
//! The word for a slot is computed out of two comparisons, not chosen by a branch: where either of them does not say yes, it is
//! the word of no slot. Words and verdicts differ from each other, from 0 and from all ones in at least eight bits.

use crate::digest::Digest;
use aseptic_core::platform::ImageSlot;
use aseptic_core::{Reason, Result};
use core::hint::black_box;

/// Which slot may run, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision(u32);

impl Decision {
    /// The word of slot A.
    pub const A: u32 = 0x3C96_A55A;
    /// The word of slot B: every bit the other way.
    pub const B: u32 = !Self::A;

    pub(super) fn of(slot: ImageSlot, found: &Digest, wanted: &Digest) -> Self {
        let word = match slot {
            ImageSlot::A => Self::A,
            ImageSlot::B => Self::B,
        };
        let alg = u8::from(found.alg() != wanted.alg());
        Self::word(word, same(found.as_bytes(), wanted.as_bytes(), alg), same(wanted.as_bytes(), found.as_bytes(), alg))
    }

    /// The slot. [`Reason::SlotMismatch`] unless the word is that of one; it is looked at twice.
    pub fn slot(self) -> Result<ImageSlot> {
        match (black_box(self.0), black_box(!self.0)) {
            (Self::A, Self::B) => Ok(ImageSlot::A),
            (Self::B, Self::A) => Ok(ImageSlot::B),
            _ => Err(Reason::SlotMismatch),
        }
    }

    /// The word: that of a slot, or one that stands for none.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// `word` if both verdicts are yes, else one that differs from the words of both slots.
    const fn word(word: u32, first: u32, second: u32) -> Self {
        Self(word ^ (first ^ YES) ^ (second ^ YES).rotate_left(TURN))
    }
}

const YES: u32 = 0x96C3_5A69;
const NO: u32 = YES ^ APART;
/// In what the verdicts differ.
const APART: u32 = 0x0FF0_33CC;
const TURN: u32 = 13;

/// [`YES`] if the strings have one length and one content, and the loop went over all of it; else [`NO`] or nonsense.
#[inline(never)]
fn same(one: &[u8], other: &[u8], other_kind: u8) -> u32 {
    let (mut difference, mut seen) = (other_kind, 0_usize);
    for (one, other) in one.iter().zip(other) {
        difference |= black_box(one ^ other);
        seen = seen.saturating_add(1);
    }
    let missed = u8::from(black_box(seen) != one.len()) | u8::from(seen != other.len()) | u8::from(seen == 0);
    // All ones if nothing differs, else 0.
    let equal = 0_u32.wrapping_sub(u32::from(black_box(difference | missed)).wrapping_sub(1) >> 31);
    NO ^ (APART & equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::crypto::HashAlg;

    #[test]
    fn only_equal_digests_give_a_word() {
        let good = Digest::new(HashAlg::Sha256, &[7; 32]).unwrap();
        for slot in [ImageSlot::A, ImageSlot::B] {
            assert_eq!(Decision::of(slot, &good, &good).slot(), Ok(slot));
            for bit in 0..256 {
                let mut bytes = [7; 32];
                bytes[bit / 8] ^= 1 << (bit % 8);
                let other = Digest::new(HashAlg::Sha256, &bytes).unwrap();
                assert_eq!(Decision::of(slot, &other, &good).slot(), Err(Reason::SlotMismatch));
            }
            let longer = Digest::new(HashAlg::Sha512, &[7; 64]).unwrap();
            assert_eq!(Decision::of(slot, &longer, &good).slot(), Err(Reason::SlotMismatch));
        }
        assert_eq!((same(&[], &[], 0), same(&[1], &[1, 2], 0), same(&[1], &[1], 1)), (NO, NO, NO));
    }

    // One comparison that is glitched to yes, and every word with up to two flipped bits.
    #[test]
    fn one_fault_is_no_slot() {
        for word in [Decision::A, Decision::B] {
            for (first, second) in [(YES, NO), (NO, YES), (NO, NO), (0, YES), (YES, 0), (u32::MAX, YES), (0, 0)] {
                assert!(Decision::word(word, first, second).slot().is_err(), "{first:x} {second:x}");
            }
            for (one, two) in (0..32).flat_map(|one| (0..32).map(move |two| (one, two))) {
                let flipped = word ^ (1 << one) ^ if one == two { 0 } else { 1 << two };
                assert!(Decision(flipped).slot().is_err());
            }
        }
        for (one, other) in
            [(Decision::A, Decision::B), (YES, NO), (Decision::A, 0), (Decision::B, 0), (YES, 0), (NO, 0)]
        {
            assert!((8..=32).contains(&(one ^ other).count_ones()));
        }
    }
}
