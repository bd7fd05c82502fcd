//! The reader: segments and fields of a message, for printing and for looking one up.

use crate::{Error, Result};
use aseptic_core::{Reason, limits};
use std::fmt;

/// Segments of one message.
const SEGMENTS: usize = 1024;
/// Fields of one segment. The longest segment of HL7 v2.6 has some 50.
const FIELDS: usize = 256;

/// A message in ER7 encoding, read from bytes that it borrows. Texts are given as they stand, escapes included.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    text: &'a str,
    separator: char,
}

/// One segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    text: &'a str,
    separator: char,
}

impl<'a> Message<'a> {
    /// Reads a message: UTF-8, segments that end with a carriage return (the last may lack it), MSH first, at most
    /// [`limits::MESSAGE`] bytes, no other control characters. [`Reason::Hl7Malformed`] for anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > limits::MESSAGE {
            return Err(Error::new(Reason::TooLarge, "reading an HL7 message"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("an HL7 message is not UTF-8"))?;
        if text.chars().any(|character| character.is_control() && character != '\r') {
            return Err(malformed("an HL7 message holds a control character"));
        }
        let separator = text.strip_prefix("MSH").and_then(|rest| rest.chars().next());
        let separator = separator
            .filter(|separator| separator.is_ascii_punctuation())
            .ok_or_else(|| malformed("an HL7 message does not begin with MSH and a separator"))?;
        let message = Self { text, separator };
        for (at, segment) in message.segments().enumerate() {
            let name = segment.name();
            let named = name.len() == 3
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && (name == "MSH") == (at == 0);
            if !named || at >= SEGMENTS || segment.fields().count() > FIELDS {
                return Err(malformed("a segment of an HL7 message is malformed"));
            }
        }
        Ok(message)
    }

    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        let separator = self.separator;
        let text = self.text.strip_suffix('\r').unwrap_or(self.text);
        text.split('\r').map(move |text| Segment { text, separator })
    }

    /// A field of the first segment of that name, numbered as the standard does.
    #[must_use]
    pub fn field(&self, segment: &str, number: usize) -> Option<&'a str> {
        self.segments().find(|found| found.name() == segment)?.field(number)
    }
}

impl<'a> Segment<'a> {
    /// Its name: three letters or digits.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.text.split(self.separator).next().unwrap_or_default()
    }

    /// Its fields with their numbers. MSH-1 is the separator itself.
    pub fn fields(&self) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
        let header = self.name() == "MSH";
        let separator = self.text.get(3..4).filter(|_| header).unwrap_or_default();
        let rest = self.text.split(self.separator).skip(1);
        std::iter::once(separator).filter(move |_| header).chain(rest).zip(1..).map(|(field, number)| (number, field))
    }

    /// One field by its number; none where the segment is shorter.
    #[must_use]
    pub fn field(&self, number: usize) -> Option<&'a str> {
        self.fields().find(|(found, _)| *found == number).map(|(_, field)| field)
    }
}

/// One segment a line, as people read it.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments().try_for_each(|segment| writeln!(f, "{}", segment.text))
    }
}

fn malformed(what: &'static str) -> Error {
    Error::new(Reason::Hl7Malformed, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbered_as_the_standard_does() {
        let message = Message::parse(b"MSH|^~\\&|A||B\rPID\rOBX|1|NM\rOBX|2|ST\r").unwrap();
        assert_eq!(message.field("MSH", 1), Some("|"));
        assert_eq!(message.field("MSH", 5), Some("B"));
        assert_eq!(message.field("MSH", 6), None);
        assert_eq!(message.field("PID", 1), None);
        assert_eq!(message.field("OBX", 2), Some("NM"));
        assert_eq!(message.field("ZZZ", 1), None);
        let last = message.segments().last().unwrap();
        assert_eq!(last.fields().collect::<Vec<_>>(), [(1, "2"), (2, "ST")]);
        assert_eq!(message.to_string(), "MSH|^~\\&|A||B\nPID\nOBX|1|NM\nOBX|2|ST\n");
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [
            &b""[..],
            b"MSH",
            b"MSHA^~\\&",
            b"PID|1\rMSH|^~\\&",
            b"MSH|^~\\&\rMSH|^~\\&\r",
            b"MSH|^~\\&\r\r",
            b"MSH|^~\\&\rob|1\r",
            b"MSH|^~\\&\nPID|1\r",
            b"MSH|^~\\&|\x1c\r",
            b"MSH|^~\\&|\xff\r",
            "MSH\u{e9}^~\\&".as_bytes(),
        ] {
            assert_eq!(Message::parse(bytes).unwrap_err().reason(), Reason::Hl7Malformed, "{bytes:?}");
        }
        let wide = ["MSH|^~\\&", &"|".repeat(FIELDS)].concat();
        assert_eq!(Message::parse(wide.as_bytes()).unwrap_err().reason(), Reason::Hl7Malformed);
        let long = ["MSH|^~\\&\r", &"PID\r".repeat(SEGMENTS)].concat();
        assert_eq!(Message::parse(long.as_bytes()).unwrap_err().reason(), Reason::Hl7Malformed);
        assert_eq!(Message::parse(&[b'M'; limits::MESSAGE + 1]).unwrap_err().reason(), Reason::TooLarge);
    }

    #[test]
    fn every_truncation_is_read_or_refused_without_panic() {
        let whole = "MSH|^~\\&|A\u{e9}|B\rPID|||1\rOBX|1|NM\r".as_bytes();
        for end in 0..whole.len() {
            let _ = Message::parse(&whole[..end]);
        }
    }
}
