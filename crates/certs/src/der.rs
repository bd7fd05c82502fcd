//! DER (X.690), as far as certificates need it: a bounded reader over bytes as received and a writer into a caller's buffer.
//!
//! The reader walks one level at a time and never recurses, so depth is a matter of the calling code. It refuses what DER
//! forbids: indefinite and non-minimal lengths, padded integers, booleans other than 00 and FF, tags of more than one byte
//! (no format here has one).

use aseptic_core::{Reason, Result, bytes};

/// Tag of BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Tag of INTEGER.
pub const INTEGER: u8 = 0x02;
/// Tag of BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Tag of OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Tag of NULL.
pub const NULL: u8 = 0x05;
/// Tag of OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// Tag of UTF8String.
pub const UTF8_STRING: u8 = 0x0C;
/// Tag of PrintableString.
pub const PRINTABLE_STRING: u8 = 0x13;
/// Tag of IA5String.
pub const IA5_STRING: u8 = 0x16;
/// Tag of UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// Tag of GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// Tag of SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// Tag of SET.
pub const SET: u8 = 0x31;

/// Tag `[n]` of a constructed context-specific element; `n` at most 30.
#[must_use]
pub const fn context(n: u8) -> u8 {
    0xA0 | (n & 0x1F)
}

/// Tag `[n]` of a primitive context-specific element; `n` at most 30.
#[must_use]
pub const fn context_primitive(n: u8) -> u8 {
    0x80 | (n & 0x1F)
}

/// One element as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// Its content, without tag and length.
    pub content: &'a [u8],
    /// All of it.
    pub raw: &'a [u8],
}

/// Reads the elements of one level in order. Every failure is [`Reason::DerMalformed`].
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over the elements in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses bytes after the last element.
    pub const fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Reason::DerMalformed) }
    }

    /// The tag of the next element, if there is one.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever its tag.
    pub fn any(&mut self) -> Result<Element<'a>> {
        let (tag, length, header) = head(self.rest)?;
        let total = header.checked_add(length).ok_or(Reason::DerMalformed)?;
        let (raw, rest) = self.rest.split_at_checked(total).ok_or(Reason::DerMalformed)?;
        let content = raw.get(header..).ok_or(Reason::DerMalformed)?;
        self.rest = rest;
        Ok(Element { tag, content, raw })
    }

    /// The content of the next element, which must have `tag`.
    pub fn read(&mut self, tag: u8) -> Result<&'a [u8]> {
        if self.peek() == Some(tag) { Ok(self.any()?.content) } else { Err(Reason::DerMalformed) }
    }

    /// All of the next element, which must have `tag`.
    pub fn raw(&mut self, tag: u8) -> Result<&'a [u8]> {
        if self.peek() == Some(tag) { Ok(self.any()?.raw) } else { Err(Reason::DerMalformed) }
    }

    /// The content of the next element if it has `tag`; otherwise nothing is read.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        if self.peek() == Some(tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// A reader of the next element's content.
    pub fn nested(&mut self, tag: u8) -> Result<Reader<'a>> {
        self.read(tag).map(Reader::new)
    }

    /// The content of an INTEGER: two's complement, minimal.
    pub fn integer(&mut self) -> Result<&'a [u8]> {
        let bytes = self.read(INTEGER)?;
        minimal(bytes)?;
        Ok(bytes)
    }

    /// A non-negative INTEGER as its magnitude without leading zeros (zero itself is one zero byte).
    pub fn magnitude(&mut self) -> Result<&'a [u8]> {
        match self.integer()? {
            [0, rest @ ..] if !rest.is_empty() => Ok(rest),
            [first, ..] if first & 0x80 != 0 => Err(Reason::DerMalformed),
            bytes => Ok(bytes),
        }
    }

    /// A non-negative INTEGER that fits 32 bits.
    pub fn small(&mut self) -> Result<u32> {
        let bytes = self.magnitude()?;
        if bytes.len() > 4 {
            return Err(Reason::DerMalformed);
        }
        Ok(bytes.iter().fold(0, |value: u32, byte| value.wrapping_shl(8) | u32::from(*byte)))
    }

    /// A BOOLEAN.
    pub fn boolean(&mut self) -> Result<bool> {
        match self.read(BOOLEAN)? {
            [0x00] => Ok(false),
            [0xFF] => Ok(true),
            _ => Err(Reason::DerMalformed),
        }
    }

    /// The content bytes of an OBJECT IDENTIFIER, each arc in its shortest form.
    pub fn oid(&mut self) -> Result<&'a [u8]> {
        let bytes = self.read(OID)?;
        check_oid(bytes)?;
        Ok(bytes)
    }

    /// A BIT STRING: how many bits of the last byte are unused (they are zero), and the bytes.
    pub fn bits(&mut self) -> Result<(u8, &'a [u8])> {
        let (unused, bytes) = self.read(BIT_STRING)?.split_first().ok_or(Reason::DerMalformed)?;
        let padding = match (*unused, bytes.last()) {
            (0, _) => 0,
            (1..=7, Some(last)) => last & !0xFF_u8.wrapping_shl(u32::from(*unused)),
            _ => return Err(Reason::DerMalformed),
        };
        if padding == 0 { Ok((*unused, bytes)) } else { Err(Reason::DerMalformed) }
    }

    /// A BIT STRING of whole bytes.
    pub fn bit_bytes(&mut self) -> Result<&'a [u8]> {
        match self.bits()? {
            (0, bytes) => Ok(bytes),
            _ => Err(Reason::DerMalformed),
        }
    }

    /// UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5, as seconds since 1970. Times before 1970
    /// and the wrong form for a year (UTCTime up to 2049, GeneralizedTime from 2050) are refused.
    pub fn time(&mut self) -> Result<u64> {
        let element = self.any()?;
        let (year, rest) = match (element.tag, element.content) {
            (UTC_TIME, [y1, y2, rest @ ..]) => {
                let short = digits(&[*y1, *y2])?;
                (if short < 50 { short.saturating_add(2000) } else { short.saturating_add(1900) }, rest)
            }
            (GENERALIZED_TIME, [y1, y2, y3, y4, rest @ ..]) => {
                let year = digits(&[*y1, *y2, *y3, *y4])?;
                if year < 2050 {
                    return Err(Reason::DerMalformed);
                }
                (year, rest)
            }
            _ => return Err(Reason::DerMalformed),
        };
        let [o1, o2, d1, d2, h1, h2, m1, m2, s1, s2, b'Z'] = rest else { return Err(Reason::DerMalformed) };
        let (month, day) = (digits(&[*o1, *o2])?, digits(&[*d1, *d2])?);
        let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
        let days = days_since_1970(year, month, day).ok_or(Reason::DerMalformed)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(Reason::DerMalformed);
        }
        [(24, hour), (60, minute), (60, second)]
            .into_iter()
            .try_fold(days, |sum, (factor, part)| sum.checked_mul(factor)?.checked_add(part))
            .ok_or(Reason::DerMalformed)
    }
}

/// Checks that `bytes` are the content of an object identifier.
pub fn check_oid(bytes: &[u8]) -> Result<()> {
    let mut start = true;
    for byte in bytes {
        if start && *byte == 0x80 {
            return Err(Reason::DerMalformed);
        }
        start = byte & 0x80 == 0;
    }
    if start && !bytes.is_empty() { Ok(()) } else { Err(Reason::DerMalformed) }
}

/// Writes elements one after the other; what does not fit is counted, and [`Writer::finish`] refuses.
///
/// An empty buffer is a size query: [`Writer::needed`] says how much would have been written.
///
/// ```
/// use aseptic_certs::der::{self, Reader, Writer};
///
/// let mut out = [0; 16];
/// let mut writer = Writer::new(&mut out);
/// writer.nested(der::SEQUENCE, |writer| {
///     writer.magnitude(&[0x80]).element(der::UTF8_STRING, b"pump");
/// });
/// let der = writer.finish()?;
/// assert_eq!(der, b"\x30\x0A\x02\x02\x00\x80\x0C\x04pump");
/// assert_eq!(Reader::new(der).nested(der::SEQUENCE)?.small()?, 128);
/// # Ok::<(), aseptic_core::Reason>(())
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    length: usize,
}

impl<'b> Writer<'b> {
    /// A writer to the front of `out`.
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self { out, length: 0 }
    }

    /// Bytes written so far, or that would have been with room enough.
    #[must_use]
    pub const fn needed(&self) -> usize {
        self.length
    }

    /// What was written after the first `start` bytes, or [`Reason::BufferTooSmall`]. Inside [`Writer::nested`] these are
    /// the finished elements of its content, where `start` was [`Writer::needed`] before them.
    pub fn since(&self, start: usize) -> Result<&[u8]> {
        self.out.get(start..self.length).ok_or(Reason::BufferTooSmall)
    }

    /// What was written, or [`Reason::BufferTooSmall`].
    pub fn finish(self) -> Result<&'b mut [u8]> {
        self.out.get_mut(..self.length).ok_or(Reason::BufferTooSmall)
    }

    /// Bytes that are DER already.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        let end = self.length.saturating_add(value.len());
        if let Some(room) = self.out.get_mut(self.length..end) {
            bytes::copy(value, room);
        }
        self.length = end;
        self
    }

    /// An element of `tag` with what `content` writes.
    pub fn nested(&mut self, tag: u8, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw(&[tag, 0]);
        let start = self.length;
        content(self);
        self.close(start);
        self
    }

    /// An element of `tag` with these content bytes.
    pub fn element(&mut self, tag: u8, content: &[u8]) -> &mut Self {
        self.nested(tag, |writer| {
            writer.raw(content);
        })
    }

    /// An OBJECT IDENTIFIER from its content bytes.
    pub fn oid(&mut self, oid: &[u8]) -> &mut Self {
        self.element(OID, oid)
    }

    /// A non-negative INTEGER from its big-endian magnitude; leading zeros are dropped.
    pub fn magnitude(&mut self, bytes: &[u8]) -> &mut Self {
        let bytes = strip_zeros(bytes);
        self.nested(INTEGER, |writer| {
            if bytes.first().is_none_or(|first| first & 0x80 != 0) {
                writer.raw(&[0]);
            }
            writer.raw(bytes);
        })
    }

    /// A BIT STRING of whole bytes.
    pub fn bit_bytes(&mut self, parts: &[&[u8]]) -> &mut Self {
        self.nested(BIT_STRING, |writer| {
            writer.raw(&[0]);
            parts.iter().for_each(|part| {
                writer.raw(part);
            });
        })
    }

    /// Puts in the length of an element whose content begins at `start`, one byte after its place; a longer length moves
    /// the content.
    fn close(&mut self, start: usize) {
        let content = self.length.saturating_sub(start);
        let (bytes, used) = encode_length(content);
        let Some(encoded) = bytes.get(..used) else { return };
        let moved = used.saturating_sub(1);
        let end = self.length;
        self.length = end.saturating_add(moved);
        if self.length > self.out.len() {
            return;
        }
        if bytes::shift(self.out, start..end, start.saturating_add(moved)).is_none() {
            return;
        }
        let place = start.saturating_sub(1);
        if let Some(room) = self.out.get_mut(place..place.saturating_add(used)) {
            bytes::copy(encoded, room);
        }
    }
}

/// `bytes` without leading zeros.
#[must_use]
pub fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Tag, length of the content and length of the header of the first element.
pub fn head(bytes: &[u8]) -> Result<(u8, usize, usize)> {
    let [tag, first, rest @ ..] = bytes else { return Err(Reason::DerMalformed) };
    if tag & 0x1F == 0x1F {
        return Err(Reason::DerMalformed);
    }
    let (length, header): (u32, usize) = match (*first, rest) {
        (short @ 0..=0x7F, _) => (u32::from(short), 2),
        (0x81, [a, ..]) => (u32::from(*a), 3),
        (0x82, [a, b, ..]) => (u32::from_be_bytes([0, 0, *a, *b]), 4),
        (0x83, [a, b, c, ..]) => (u32::from_be_bytes([0, *a, *b, *c]), 5),
        _ => return Err(Reason::DerMalformed),
    };
    let shortest = match length {
        0..=0x7F => 2,
        0x80..=0xFF => 3,
        0x100..=0xFFFF => 4,
        _ => 5,
    };
    if header != shortest {
        return Err(Reason::DerMalformed);
    }
    Ok((*tag, usize::try_from(length).map_err(|_| Reason::DerMalformed)?, header))
}

/// The shortest encoding of a length. Lengths of 16 MiB and more do not occur: the reader refuses them too.
fn encode_length(length: usize) -> ([u8; 4], usize) {
    let [.., a, b, c] = length.to_be_bytes();
    match (a, b, c) {
        (0, 0, 0..=0x7F) => ([c, 0, 0, 0], 1),
        (0, 0, _) => ([0x81, c, 0, 0], 2),
        (0, _, _) => ([0x82, b, c, 0], 3),
        _ => ([0x83, a, b, c], 4),
    }
}

/// X.690 section 8.3.2: the first nine bits are neither all zero nor all one.
const fn minimal(bytes: &[u8]) -> Result<()> {
    match bytes {
        [] => Err(Reason::DerMalformed),
        [0, next, ..] if *next & 0x80 == 0 => Err(Reason::DerMalformed),
        [0xFF, next, ..] if *next & 0x80 != 0 => Err(Reason::DerMalformed),
        _ => Ok(()),
    }
}

fn digits(bytes: &[u8]) -> Result<u64> {
    bytes.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => Ok(value.saturating_mul(10).saturating_add(u64::from(byte & 0x0F))),
        _ => Err(Reason::DerMalformed),
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; none if there is no such date, or it lies before 1970.
#[must_use]
pub fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths: [u64; 12] = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    if day == 0 || day > *lengths.get(before)? {
        return None;
    }
    let past = year.checked_sub(1)?;
    let leaps = past.wrapping_div(4).checked_sub(past.wrapping_div(100))?.checked_add(past.wrapping_div(400))?;
    // 477 leap days lie between year 1 and 1970.
    let years = year.checked_sub(1970)?.checked_mul(365)?.checked_add(leaps.checked_sub(477)?)?;
    let months = lengths.get(..before)?.iter().sum::<u64>();
    years.checked_add(months)?.checked_add(day)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn lengths_round_trip_and_only_in_their_shortest_form() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 100_000] {
            let content = vec![7; length];
            let mut out = vec![0; length + 5];
            let written = Writer::new(&mut out).element(OCTET_STRING, &content).needed();
            let mut reader = Reader::new(&out[..written]);
            assert_eq!(reader.read(OCTET_STRING).unwrap(), content);
            reader.end().unwrap();
        }
        for bad in [
            &[0x04, 0x80, 0, 0][..],
            &[0x04, 0x81, 0x01, 7],
            &[0x04, 0x82, 0, 1, 7],
            &[0x04, 0x84, 0, 0, 0, 1, 7],
            &[0x04, 2, 7],
            &[0x1F, 1, 7],
            &[0x04],
            &[],
        ] {
            assert_eq!(Reader::new(bad).any(), Err(Reason::DerMalformed), "{bad:02x?}");
        }
    }

    #[test]
    fn writer_counts_what_does_not_fit() {
        let build = |out: &mut [u8]| {
            let mut writer = Writer::new(out);
            writer.nested(SEQUENCE, |writer| {
                writer.nested(SET, |writer| {
                    writer.element(OCTET_STRING, &[1; 200]);
                });
                writer.magnitude(&[0, 0x80]).magnitude(&[0, 0]).bit_bytes(&[&[1], &[2]]);
            });
            let needed = writer.needed();
            (needed, writer.finish().map(|bytes| bytes.to_vec()))
        };
        let (needed, whole) = build(&mut [0; 400]);
        let whole = whole.unwrap();
        assert_eq!(needed, whole.len());
        for room in 0..needed {
            let (asked, result) = build(&mut vec![0; room]);
            assert_eq!((asked, result), (needed, Err(Reason::BufferTooSmall)));
        }
        let mut reader = Reader::new(&whole).nested(SEQUENCE).unwrap();
        assert_eq!(reader.nested(SET).unwrap().read(OCTET_STRING).unwrap(), [1; 200]);
        assert_eq!(reader.integer().unwrap(), [0, 0x80]);
        assert_eq!(reader.small().unwrap(), 0);
        assert_eq!(reader.bit_bytes().unwrap(), [1, 2]);
        reader.end().unwrap();
    }

    #[test]
    fn integers_are_minimal() {
        for bad in [&[2, 0][..], &[2, 2, 0, 1], &[2, 2, 0xFF, 0x80]] {
            assert!(Reader::new(bad).integer().is_err());
        }
        assert!(Reader::new(&[2, 1, 0x80]).magnitude().is_err());
        assert_eq!(Reader::new(&[2, 2, 0, 0x80]).magnitude().unwrap(), [0x80]);
        assert!(Reader::new(&[2, 5, 1, 0, 0, 0, 0]).small().is_err());
    }

    #[test]
    fn bits_booleans_and_oids_are_strict() {
        assert_eq!(Reader::new(&[3, 2, 5, 0xA0]).bits().unwrap(), (5, &[0xA0][..]));
        for bad in [&[3, 2, 5, 0xA1][..], &[3, 1, 1], &[3, 0], &[3, 2, 8, 0]] {
            assert!(Reader::new(bad).bits().is_err());
        }
        assert!(Reader::new(&[1, 1, 1]).boolean().is_err());
        assert!(Reader::new(&[6, 2, 0x2A, 0x80]).oid().is_err());
        assert!(Reader::new(&[6, 3, 0x2A, 0x80, 1]).oid().is_err());
        assert!(Reader::new(&[6, 0]).oid().is_err());
    }

    fn time(tag: u8, text: &str) -> Result<u64> {
        let mut der = Vec::from([tag, u8::try_from(text.len()).unwrap()]);
        der.extend(text.as_bytes());
        Reader::new(&der).time()
    }

    #[test]
    fn times_are_seconds_since_1970() {
        // Values by `date -u -d ... +%s`.
        assert_eq!(time(UTC_TIME, "700101000000Z"), Ok(0));
        assert_eq!(time(UTC_TIME, "000229235959Z"), Ok(951_868_799));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Ok(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, "20500101000000Z"), Ok(2_524_608_000));
        assert_eq!(time(GENERALIZED_TIME, "21000301000000Z"), Ok(4_107_542_400));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Ok(253_402_300_799));
        for bad in
            ["690101000000Z", "000230000000Z", "010229000000Z", "001301000000Z", "000101240000Z", "000101000060Z"]
        {
            assert!(time(UTC_TIME, bad).is_err(), "{bad}");
        }
        for bad in ["0001010000Z", "000101000000+0000", "000101000000", "0001010000a0Z"] {
            assert!(time(UTC_TIME, bad).is_err(), "{bad}");
        }
        for bad in ["20490101000000Z", "21000229000000Z", "20500101000000.5Z"] {
            assert!(time(GENERALIZED_TIME, bad).is_err(), "{bad}");
        }
    }
}
