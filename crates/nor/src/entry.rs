//! What the log is made of: heads of 32 bytes, some followed by a body.
//!
//! ```text
//! offset  0  mark        1 byte   0x6E
//!         1  kind        1 byte
//!         2  name        2 bytes  slot or counter
//!         4  generation  4 bytes  of a blob, or the sequence number of an erase unit
//!         8  offset      2 bytes  of a piece in its blob
//!        10  length      2 bytes  of the body; of a commit, of the blob
//!        12  value       8 bytes  of a counter; of an erase unit, its size and how many there are
//!        20  check       4 bytes  CRC-32 of the body; of a commit, of the blob; of an erase unit, where the one before ended
//!        24  version     1 byte   1
//!        25  zeros       3 bytes
//!        28  head check  4 bytes  CRC-32 of all that stands before
//! ```
//! Numbers are big endian. 32 is a multiple of every program size, so a head never shares a program unit.
//!
//! The two checks find errors, and mend the smallest: one flipped bit in a head or in a body is known by what it does to the CRC and
//! read as if it had not happened. In 32 bytes two to five flipped bits are told as damage, in a body two, whatever they are: the
//! distance of this CRC is 6 up to 268 bits and 4 up to 91,607 (Koopman, DSN 2002); mending one bit takes one off it.

use aseptic_core::record::crc32;

/// Bytes of a head.
pub(crate) const HEAD: u32 = 32;

const MARK: u8 = 0x6E;
const VERSION: u8 = 1;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The first of an erase unit, written last: all copies that were to be made stand behind it.
    Unit = 1,
    /// Part of a blob, in the body.
    Piece = 2,
    /// All pieces of a blob are there: it is the value of its slot from now on.
    Commit = 3,
    /// The slot holds nothing from now on.
    Gone = 4,
    /// A counter has reached a value.
    Counter = 5,
}

/// One head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) name: u16,
    pub(crate) generation: u32,
    pub(crate) offset: u16,
    pub(crate) length: u16,
    pub(crate) value: u64,
    pub(crate) check: u32,
}

impl Entry {
    /// All fields 0, to be filled in.
    pub(crate) const EMPTY: Self =
        Self { kind: Kind::Unit, name: 0, generation: 0, offset: 0, length: 0, value: 0, check: 0 };

    /// Bytes of the body, before it is padded.
    pub(crate) fn body(&self) -> u32 {
        if self.kind == Kind::Piece { u32::from(self.length) } else { 0 }
    }

    pub(crate) fn write(&self) -> [u8; HEAD as usize] {
        let mut head = [0; HEAD as usize];
        let fields: [&[u8]; 8] = [
            &[MARK, self.kind as u8],
            &self.name.to_be_bytes(),
            &self.generation.to_be_bytes(),
            &self.offset.to_be_bytes(),
            &self.length.to_be_bytes(),
            &self.value.to_be_bytes(),
            &self.check.to_be_bytes(),
            &[VERSION, 0, 0, 0],
        ];
        for (byte, value) in head.iter_mut().zip(fields.into_iter().flatten()) {
            *byte = *value;
        }
        if let Some((fields, check)) = head.split_last_chunk_mut::<4>() {
            *check = crc32(fields).to_be_bytes();
        }
        head
    }

    /// None for anything that [`Entry::write`] has not written, but for one flipped bit.
    pub(crate) fn parse(head: &[u8; HEAD as usize]) -> Option<Self> {
        let (fields, check) = head.split_last_chunk::<4>()?;
        let mut fields: [u8; HEAD as usize - 4] = fields.try_into().ok()?;
        let difference = u32::from_be_bytes(*check) ^ crc32(&fields);
        match Damage::of(difference, HEAD.saturating_sub(4)) {
            // One bit of the check itself.
            Damage::Beyond if !difference.is_power_of_two() => return None,
            damage => damage.mend(0, &mut fields),
        }
        let (&[mark, kind], rest) = fields.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_first_chunk()?;
        let (check, rest) = rest.split_first_chunk()?;
        let kind = match kind {
            1 => Kind::Unit,
            2 => Kind::Piece,
            3 => Kind::Commit,
            4 => Kind::Gone,
            5 => Kind::Counter,
            _ => return None,
        };
        (mark == MARK && *rest == [VERSION, 0, 0, 0]).then_some(Self {
            kind,
            name: u16::from_be_bytes(*name),
            generation: u32::from_be_bytes(*generation),
            offset: u16::from_be_bytes(*offset),
            length: u16::from_be_bytes(*length),
            value: u64::from_be_bytes(*value),
            check: u32::from_be_bytes(*check),
        })
    }
}

/// What is wrong with bytes whose CRC-32 is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    /// This bit is flipped; bit 0 is the lowest of the first byte.
    Bit(u32),
    Beyond,
}

impl Damage {
    /// Of `length` bytes, by the `difference` of the two checks. A CRC is linear: what a flipped bit does to it depends on how many
    /// bits follow, and on nothing else.
    pub(crate) fn of(difference: u32, length: u32) -> Self {
        let bits = length.saturating_mul(8);
        let mut effect = step(1);
        for bit in (0..bits).rev().take_while(|_| difference != 0) {
            if effect == difference {
                return Self::Bit(bit);
            }
            effect = step(effect);
        }
        if difference == 0 { Self::None } else { Self::Beyond }
    }

    /// Mends a part that begins at byte `start`.
    pub(crate) fn mend(self, start: u32, part: &mut [u8]) {
        if let Self::Bit(bit) = self {
            let place = usize::try_from((bit >> 3).wrapping_sub(start)).unwrap_or(usize::MAX);
            part.get_mut(place).into_iter().for_each(|byte| *byte ^= 1_u8.wrapping_shl(bit & 7));
        }
    }
}

/// A CRC-32 one bit further.
const fn step(crc: u32) -> u32 {
    (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_with_one_changed_bit_and_not_with_two() {
        let entry = Entry {
            kind: Kind::Piece,
            name: 0x0102,
            generation: 7,
            offset: 64,
            length: 300,
            value: u64::MAX - 1,
            check: 0xDEAD_BEEF,
        };
        let head = entry.write();
        assert_eq!(Entry::parse(&head), Some(entry));
        for bit in 0..head.len() * 8 {
            let mut changed = head;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::parse(&changed), Some(entry));
            for second in 0..bit {
                let mut changed = changed;
                changed[second / 8] ^= 1 << (second % 8);
                assert_eq!(Entry::parse(&changed), None);
            }
        }
        assert_eq!(Entry::parse(&[0xFF; 32]), None);
        assert_eq!(Entry::parse(&[0; 32]), None);
    }

    #[test]
    fn each_flipped_bit_of_the_longest_body_is_found_and_no_two_are_taken_for_one() {
        let body: [u8; 8192] = core::array::from_fn(|at| (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0]);
        let check = crc32(&body);
        assert_eq!(Damage::of(0, 8192), Damage::None);
        for bit in (0..8 * 8192_u32).step_by(61) {
            let mut changed = body;
            changed[bit as usize / 8] ^= 1 << (bit % 8);
            assert_eq!(Damage::of(crc32(&changed) ^ check, 8192), Damage::Bit(bit));
            let second = bit.wrapping_mul(7919) % (8 * 8192);
            changed[second as usize / 8] ^= 1 << (second % 8);
            let damage = Damage::of(crc32(&changed) ^ check, 8192);
            assert_eq!(damage, if second == bit { Damage::None } else { Damage::Beyond });
        }
        // In parts, as it is read.
        let mut part = [0; 4];
        Damage::Bit(8 * 70 + 3).mend(64, &mut part);
        assert_eq!(part, [0; 4]);
        Damage::Bit(8 * 66 + 3).mend(64, &mut part);
        assert_eq!(part, [0, 0, 8, 0]);
        Damage::Bit(8 * 63).mend(64, &mut part);
        assert_eq!(part, [0, 0, 8, 0]);
    }
}
