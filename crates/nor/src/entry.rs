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

    /// None for anything that [`Entry::write`] has not written.
    pub(crate) fn parse(head: &[u8; HEAD as usize]) -> Option<Self> {
        let (fields, check) = head.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*check) != crc32(fields) {
            return None;
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

/// CRC-32 (ISO-HDLC), as in records.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !crc32_part(u32::MAX, bytes)
}

/// The state of a CRC-32 after more bytes: begins with all ones, and is inverted at the end.
pub(crate) fn crc32_part(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_its_catalogued_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(!crc32_part(crc32_part(u32::MAX, b"1234"), b"56789"), 0xCBF4_3926);
    }

    #[test]
    fn a_head_reads_back_and_no_changed_bit_does() {
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
            assert_eq!(Entry::parse(&changed), None);
        }
        assert_eq!(Entry::parse(&[0xFF; 32]), None);
        assert_eq!(Entry::parse(&[0; 32]), None);
    }
}
