//! Copies and cuts that cannot panic: a length that does not fit is a value, not the end of the program.

use core::cell::Cell;
use core::ops::Range;

/// Copies all of `from` to the front of `to` and gives that front; `None` if it does not fit.
pub fn copy<'t>(from: &[u8], to: &'t mut [u8]) -> Option<&'t mut [u8]> {
    let front = to.get_mut(..from.len())?;
    front.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    Some(front)
}

/// Moves `range` towards the end, to begin at `to`; `None` if it lies outside, or if `to` is before it.
pub fn shift(bytes: &mut [u8], range: Range<usize>, to: usize) -> Option<()> {
    let end = to.checked_add(range.len()).filter(|_| to >= range.start)?;
    let cells = Cell::from_mut(bytes).as_slice_of_cells();
    // From the end, so that no byte is overwritten before it has moved.
    cells.get(range)?.iter().zip(cells.get(to..end)?).rev().for_each(|(from, to)| to.set(from.get()));
    Some(())
}

/// What stands before and behind the first `mark` of `text`, an ASCII character; `None` without one. `str::split_once` has a panic
/// in it that no input reaches, and that no linker can rule out.
#[must_use]
pub fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == mark)?;
    let (front, rest) = text.split_at_checked(at)?;
    Some((front, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_copied_and_nothing_else() {
        let mut room = [0; 4];
        assert_eq!(copy(&[1, 2], &mut room), Some(&mut [1, 2][..]));
        assert_eq!(room, [1, 2, 0, 0]);
        assert_eq!(copy(&[9; 5], &mut room), None);
        assert_eq!(room, [1, 2, 0, 0]);
        assert!(copy(&[], &mut []).is_some());
    }

    #[test]
    fn what_moves_is_what_copy_within_moves() {
        for start in 0..6 {
            for end in start..8 {
                for to in 0..10 {
                    let (mut own, mut theirs) = ([1_u8, 2, 3, 4, 5, 6], [1_u8, 2, 3, 4, 5, 6]);
                    let fits = end <= 6 && to + end - start <= 6 && to >= start;
                    assert_eq!(shift(&mut own, start..end, to).is_some(), fits, "{start}..{end} to {to}");
                    if fits {
                        theirs.copy_within(start..end, to);
                    }
                    assert_eq!(own, theirs, "{start}..{end} to {to}");
                }
            }
        }
    }
}
