//! CBOR (RFC 8949) with bounds: a strict reader over received bytes, and a writer of deterministic encoding on cbor4ii.
//!
//! The reader refuses indefinite lengths, lengths beyond the input, nesting deeper than [`limits::CBOR_DEPTH`] and maps
//! longer than [`limits::CBOR_ITEMS`], never allocates, and takes time in proportion to the input. [`Rules::Deterministic`] also demands the shortest form and
//! ascending keys (RFC 8949 section 4.2.1); [`Rules::Received`] takes what other implementations send, without doubled keys.

use crate::reason::Reason;
use crate::{Result, bytes, limits};
use cbor4ii::core::enc::{self, Encode as _};

/// How strict a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Our own formats: one encoding of each value, and no more than [`Writer`] can write.
    Deterministic,
    /// Other people's formats: any definite-length encoding.
    Received,
}

/// The major type of the next item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Major type 0.
    Unsigned,
    /// Major type 1.
    Negative,
    /// Major type 2.
    Bytes,
    /// Major type 3.
    Text,
    /// Major type 4.
    Array,
    /// Major type 5.
    Map,
    /// Major type 6.
    Tag,
    /// Major type 7: booleans, null and the like.
    Simple,
}

/// A key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// An integer key.
    Int(i64),
    /// A text key.
    Text(&'a str),
}

/// A cursor over received bytes. Slices that it gives out borrow from the input.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    /// What was not read yet.
    rest: &'a [u8],
    rules: Rules,
    /// The bytes were read before: keys need not be compared again. Comparing them in nested maps each time an outer map
    /// looks for a doubled key would cost the product of their lengths.
    again: bool,
    /// Items that may still be read again, in all maps of this input together.
    searches: u32,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8], rules: Rules) -> Self {
        Self { input, rest: input, rules, again: false, searches: limits::CBOR_SEARCHES }
    }

    /// The bytes not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// [`Reason::CborTrailing`] unless all bytes have been read.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Reason::CborTrailing) }
    }

    /// The type of the next item.
    #[inline]
    pub fn peek(&self) -> Result<Type> {
        use Type::{Array, Bytes, Map, Negative, Simple, Tag, Text, Unsigned};
        let first = self.rest.first().ok_or(Reason::CborMalformed)?;
        let types = [Unsigned, Negative, Bytes, Text, Array, Map, Tag, Simple];
        types.get(usize::from(first >> 5)).copied().ok_or(Reason::Internal)
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64> {
        self.head(0)
    }

    /// An integer of either sign within `i64`.
    #[inline]
    pub fn int(&mut self) -> Result<i64> {
        // The one byte of most labels.
        if let [first @ (0..=0x17 | 0x20..=0x37), rest @ ..] = self.rest {
            self.rest = rest;
            let value = i64::from(first & 0x1F);
            return Ok(if *first > 0x17 { !value } else { value });
        }
        self.wide_int()
    }

    #[inline(never)]
    fn wide_int(&mut self) -> Result<i64> {
        let negative = self.peek()? != Type::Unsigned;
        let value = i64::try_from(self.head(u8::from(negative))?).map_err(|_| Reason::CborMalformed)?;
        Ok(if negative { !value } else { value })
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        self.string(2)
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        self.bytes()?.try_into().map_err(|_| Reason::CborMalformed)
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'a str> {
        str::from_utf8(self.string(3)?).map_err(|_| Reason::CborMalformed)
    }

    /// The head of an array: the number of items that follow.
    pub fn array(&mut self) -> Result<usize> {
        self.length(4)
    }

    /// The head of an array that must have `length` items.
    pub fn array_exact(&mut self, length: usize) -> Result<()> {
        if self.array()? == length { Ok(()) } else { Err(Reason::CborMalformed) }
    }

    /// The head of a map; its entries are walked with [`Map::next`].
    pub fn map(&mut self) -> Result<Map> {
        let left = self.length(5)?;
        Ok(Map { left, first: self.at(), last: 0..0 })
    }

    /// A tag number; the tagged item follows.
    pub fn tag(&mut self) -> Result<u64> {
        self.head(6)
    }

    /// A boolean.
    pub fn bool(&mut self) -> Result<bool> {
        let [first @ (0xF4 | 0xF5), rest @ ..] = self.rest else { return Err(Reason::CborMalformed) };
        self.rest = rest;
        Ok(*first == 0xF5)
    }

    /// Reads null if it is next, and tells whether it was.
    pub fn null(&mut self) -> bool {
        let null = self.rest.strip_prefix(&[0xF6]);
        self.rest = null.unwrap_or(self.rest);
        null.is_some()
    }

    /// Passes over one item of any type and gives its bytes.
    pub fn raw(&mut self) -> Result<&'a [u8]> {
        let before = self.rest;
        self.skip(limits::CBOR_DEPTH)?;
        before.get(..before.len().saturating_sub(self.rest.len())).ok_or(Reason::Internal)
    }

    fn skip(&mut self, depth: u8) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Reason::TooLarge)?;
        if self.again {
            self.searches = self.searches.checked_sub(1).ok_or(Reason::TooLarge)?;
        }
        match self.peek()? {
            Type::Unsigned => self.uint().map(drop),
            Type::Negative => self.int().map(drop),
            Type::Bytes => self.bytes().map(drop),
            Type::Text => self.text().map(drop),
            Type::Array => (0..self.array()?).try_for_each(|_| self.skip(depth)),
            Type::Map => {
                let mut map = self.map()?;
                while map.next(self)?.is_some() {
                    self.skip(depth)?;
                }
                Ok(())
            }
            Type::Tag => self.tag().and_then(|_| self.skip(depth)),
            Type::Simple => self.simple(),
        }
    }

    fn simple(&mut self) -> Result<()> {
        let width = match self.rest.first() {
            Some(0xF4..=0xF6) => 1,
            // Our own formats have neither floating-point numbers nor other simple values.
            Some(_) if self.rules == Rules::Deterministic => return Err(Reason::CborNotDeterministic),
            Some(0xE0..=0xF7) => 1,
            Some(0xF9) => 3,
            Some(0xFA) => 5,
            Some(0xFB) => 9,
            _ => return Err(Reason::CborMalformed),
        };
        self.rest = self.rest.get(width..).ok_or(Reason::CborMalformed)?;
        Ok(())
    }

    /// How many bytes were read.
    const fn at(&self) -> usize {
        self.input.len().saturating_sub(self.rest.len())
    }

    /// The argument of the head of the next item, which must be of this major type (RFC 8949 section 3).
    #[inline]
    fn head(&mut self, major: u8) -> Result<u64> {
        let (first, rest) = self.rest.split_first().ok_or(Reason::CborMalformed)?;
        match first.wrapping_sub(major << 5) {
            argument @ 0..=23 => {
                self.rest = rest;
                Ok(u64::from(argument))
            }
            info => self.wide(info, rest),
        }
    }

    /// An argument of one, two, four or eight bytes.
    fn wide(&mut self, info: u8, rest: &'a [u8]) -> Result<u64> {
        // Above lie reserved values and indefinite lengths.
        let width = if let 24..=27 = info { 1 << info.wrapping_sub(24) } else { return Err(Reason::CborMalformed) };
        let (wide, rest) = rest.split_at_checked(width).ok_or(Reason::CborMalformed)?;
        self.rest = rest;
        let argument = wide.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
        let shortest = head_len(argument) == width.saturating_add(1);
        if shortest || self.rules == Rules::Received { Ok(argument) } else { Err(Reason::CborNotDeterministic) }
    }

    #[inline]
    fn string(&mut self, major: u8) -> Result<&'a [u8]> {
        let length = usize::try_from(self.head(major)?).map_err(|_| Reason::CborMalformed)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(Reason::CborMalformed)?;
        self.rest = rest;
        Ok(string)
    }

    #[inline]
    fn length(&mut self, major: u8) -> Result<usize> {
        let length = usize::try_from(self.head(major)?).map_err(|_| Reason::TooLarge)?;
        if length <= limits::CBOR_ITEMS { Ok(length) } else { Err(Reason::TooLarge) }
    }
}

/// Bytes of the shortest head with this argument (RFC 8949 section 3).
const fn head_len(argument: u64) -> usize {
    match argument {
        0..=0x17 => 1,
        0x18..=0xFF => 2,
        0x100..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}

/// The walk over the entries of one map. Keys are integers or texts, and none may appear twice.
#[derive(Clone, Debug)]
pub struct Map {
    left: usize,
    first: usize,
    last: core::ops::Range<usize>,
}

impl Map {
    /// Entries not read yet.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Reads the next key; its value must be read before the next call. None at the end.
    pub fn next<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Option<Key<'a>>> {
        let start = reader.at();
        let Some(key) = self.next_unordered(reader)? else { return Ok(None) };
        let raw = start..reader.at();
        match reader.rules {
            Rules::Deterministic => {
                let last = reader.input.get(self.last.clone()).unwrap_or_default();
                let this = reader.input.get(raw.clone()).unwrap_or_default();
                if !last.is_empty() && last >= this {
                    return Err(Reason::CborNotDeterministic);
                }
                self.last = raw;
            }
            Rules::Received if !reader.again => self.unique(reader, key, start)?,
            Rules::Received => {}
        }
        Ok(Some(key))
    }

    /// The next key for a caller that looks for doubled ones itself.
    #[inline]
    pub(crate) fn next_unordered<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Option<Key<'a>>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        match reader.rest.first() {
            Some(0..=0x3F) => reader.int().map(|key| Some(Key::Int(key))),
            Some(0x60..=0x7F) => reader.text().map(|key| Some(Key::Text(key))),
            _ => Err(Reason::CborMalformed),
        }
    }

    /// Looks for `key` among the keys before `end`. Quadratic, and each value on the way may be large and hold maps that
    /// were searched before, so all searches of one reader share [`limits::CBOR_SEARCHES`].
    fn unique(&self, reader: &mut Reader<'_>, key: Key<'_>, end: usize) -> Result<()> {
        let rest = reader.input.get(self.first..end).ok_or(Reason::Internal)?;
        let mut earlier = Reader { input: rest, rest, again: true, ..*reader };
        while !earlier.rest.is_empty() {
            let other = match earlier.peek()? {
                Type::Text => Key::Text(earlier.text()?),
                _ => Key::Int(earlier.int()?),
            };
            if other == key {
                return Err(Reason::CborMalformed);
            }
            earlier.raw()?;
        }
        reader.searches = earlier.searches;
        Ok(())
    }
}

/// Writes deterministic encoding into a caller's buffer; the order of map keys is the caller's care.
///
/// Writing past the end is remembered, not done: [`Writer::finish`] then says [`Reason::BufferTooSmall`], and
/// [`Writer::needed`] how much would have fitted it all. An empty buffer is a size query.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    /// Starts at the first byte of `out`.
    #[must_use]
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value)
    }

    /// An integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        let major = if value < 0 { 0x20 } else { 0 };
        self.head(major, (value ^ (value >> 63)).unsigned_abs())
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes_head(bytes.len()).raw(bytes)
    }

    /// The head of a byte string of `length` bytes, which the caller writes next with [`Writer::raw`].
    pub fn bytes_head(&mut self, length: usize) -> &mut Self {
        self.sized(0x40, length)
    }

    /// A text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.sized(0x60, text.len()).raw(text.as_bytes())
    }

    /// The head of an array.
    pub fn array(&mut self, length: usize) -> &mut Self {
        self.sized(0x80, length)
    }

    /// The head of a map of `length` entries.
    pub fn map(&mut self, length: usize) -> &mut Self {
        self.sized(0xA0, length)
    }

    /// A tag number.
    pub fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(0xC0, tag)
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(&[0xF4 | u8::from(value)])
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[0xF6])
    }

    /// Bytes that are CBOR already.
    pub fn raw(&mut self, cbor: &[u8]) -> &mut Self {
        let end = self.len.saturating_add(cbor.len());
        if let Some(room) = self.out.get_mut(self.len..end) {
            bytes::copy(cbor, room);
        }
        self.len = end;
        self
    }

    /// Bytes written so far, whether they fitted or not.
    #[must_use]
    pub const fn needed(&self) -> usize {
        self.len
    }

    /// What was written.
    pub fn finish(self) -> Result<&'b mut [u8]> {
        self.out.get_mut(..self.len).ok_or(Reason::BufferTooSmall)
    }

    /// The head of a string, array or map. No target has longer addresses.
    fn sized(&mut self, major: u8, length: usize) -> &mut Self {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX))
    }

    /// The head of any item: that of the number, with another major type (RFC 8949 section 3).
    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        if let Ok(short @ 0..=0x17) = u8::try_from(argument) {
            return self.raw(&[major | short]);
        }
        let at = self.len;
        // Neither our writer nor the encoder of a number can fail.
        let _ = argument.encode(self);
        self.out.get_mut(at).into_iter().for_each(|first| *first |= major);
        self
    }
}

impl enc::Write for Writer<'_> {
    type Error = core::convert::Infallible;

    fn push(&mut self, input: &[u8]) -> core::result::Result<(), Self::Error> {
        self.raw(input);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn skip(bytes: &[u8], rules: Rules) -> Result<()> {
        let mut reader = Reader::new(bytes, rules);
        reader.raw()?;
        reader.end()
    }

    #[test]
    fn heads_of_every_width_round_trip_in_shortest_form() {
        for value in [0, 23, 24, 255, 256, 65535, 65536, u64::from(u32::MAX), u64::MAX] {
            let mut buffer = [0; 9];
            let mut writer = Writer::new(&mut buffer);
            writer.uint(value);
            let bytes = writer.finish().unwrap();
            assert_eq!(bytes.len(), head_len(value));
            assert_eq!(Reader::new(bytes, Rules::Deterministic).uint(), Ok(value));
        }
        for length in [0_usize, 23, 24, 255, 256, 65535, 65536, 0x0100_0000] {
            let mut buffer = [0; 9];
            let mut writer = Writer::new(&mut buffer);
            writer.bytes_head(length);
            assert_eq!(writer.finish().unwrap().len(), head_len(length as u64));
        }
    }

    #[test]
    fn other_encodings_are_received_but_not_deterministic() {
        for long in [&[0x18, 0x05][..], &[0x58, 0x01, 0xAA], &[0x98, 0x00], &[0xB8, 0x00], &[0x38, 0x01]] {
            assert_eq!(skip(long, Rules::Received), Ok(()));
            assert_eq!(skip(long, Rules::Deterministic), Err(Reason::CborNotDeterministic), "{long:x?}");
        }
        assert_eq!(skip(&[0xA2, 0x02, 0, 0x01, 0], Rules::Received), Ok(()));
        assert_eq!(skip(&[0xA2, 0x02, 0, 0x01, 0], Rules::Deterministic), Err(Reason::CborNotDeterministic));
    }

    #[test]
    fn doubled_keys_indefinite_lengths_and_bombs_are_refused() {
        for rules in [Rules::Received, Rules::Deterministic] {
            assert!(skip(&[0xA2, 0x01, 0, 0x01, 0], rules).is_err());
            for indefinite in [&[0x9F, 0xFF][..], &[0xBF, 0xFF], &[0x5F, 0x41, 0, 0xFF], &[0x7F, 0x61, 0x61, 0xFF]] {
                assert!(skip(indefinite, rules).is_err(), "{indefinite:x?}");
            }
            assert!(skip(&[0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], rules).is_err());
            assert!(skip(&[0x9B, 0, 0, 0, 1, 0, 0, 0, 0], rules).is_err());
            assert_eq!(skip(&[0x81; 17], rules), Err(Reason::TooLarge));
            assert!(skip(&[0xF8, 0x20], rules).is_err());
        }
        assert_eq!(skip(&[0xA2, 0x01, 0, 0x18, 0x01, 0], Rules::Received), Err(Reason::CborMalformed));
    }

    #[test]
    fn nested_maps_cost_no_more_than_their_size() {
        // Sixteen maps in one another, each with the next as its first value and fifteen entries behind it. Looking for
        // doubled keys again in each inner map would take 16 to the power of 15 steps.
        let mut bytes = Vec::new();
        for _ in 0..15 {
            bytes.extend([0xB0, 0x00]);
        }
        bytes.push(0xA0);
        for _ in 0..15 {
            bytes.extend((1..16).flat_map(|key| [key, 0]));
        }
        assert_eq!(skip(&bytes, Rules::Received), Ok(()));
    }

    #[test]
    fn large_values_in_nested_maps_are_not_read_again_for_ever() {
        // Thirteen maps in one another around 65,536 items, each with 255 more keys, each of which makes all that stands
        // inside be read again: over 200 million items in 80 kilobytes that anybody may send.
        let mut bytes = [0xB9, 0x01, 0x00, 0x00].repeat(13);
        bytes.extend([0x99, 0x01, 0x00]);
        for _ in 0..256 {
            bytes.extend([0x99, 0x01, 0x00]);
            bytes.extend([0; 256]);
        }
        for _ in 0..13 {
            bytes.extend((1..256_u16).flat_map(|key| [0x19, 0x01, u8::try_from(key).unwrap(), 0]));
        }
        assert_eq!(skip(&bytes, Rules::Received), Err(Reason::TooLarge));
        let mut flat = std::vec![0xB9, 0x01, 0x00];
        flat.extend((0..256_u16).flat_map(|key| [0x19, 0x01, u8::try_from(key).unwrap(), 0]));
        assert_eq!(skip(&flat, Rules::Received), Ok(()), "the longest map of small values");
    }

    #[test]
    fn a_full_buffer_reports_the_size_needed() {
        let mut writer = Writer::new(&mut []);
        writer.array(2).uint(1000).bytes(&[0; 30]);
        assert_eq!(writer.needed(), 1 + 3 + 2 + 30);
        assert_eq!(writer.finish().err(), Some(Reason::BufferTooSmall));
    }

    #[test]
    fn every_truncation_is_refused() {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer);
        writer.map(2).int(1).array(3).bool(true).null().int(-500).text("k").tag(18).bytes(b"xyz");
        let whole: Vec<u8> = writer.finish().unwrap().to_vec();
        assert_eq!(skip(&whole, Rules::Deterministic), Ok(()));
        for end in 0..whole.len() {
            assert!(skip(&whole[..end], Rules::Received).is_err());
        }
    }
}
