//! The unique device identifier (UDI) of a label, in the form of GS1.
//!
//! A UDI names the model (device identifier: the GTIN) and the unit (production identifiers: serial, lot, dates). Read here
//! are the two forms in which it stands on a label: the text for people, `(01)09521234543213(21)SN-1`, and the element
//! string out of the barcode, where an FNC1 (0x1D) ends each field of variable length.
//!
//! In a certificate it stands as a URI: the canonical GS1 Digital Link (GS1 Digital Link URI Syntax 1.2), for example
//! `https://id.gs1.org/01/09521234543213/21/SN-1`. That form has one spelling for each UDI, needs no registration of a URN,
//! and a hospital's inventory can compare it byte for byte with what it makes of its own scan.
//!
//! HIBCC and ICCBBA identifiers are not read.

use crate::text::Text;
use aseptic_core::{Reason, Result, limits};

/// A UDI whose form and check digit are right. The fields borrow from what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udi<'a> {
    gtin: &'a str,
    lot: Option<&'a str>,
    serial: Option<&'a str>,
    made: Option<&'a str>,
    expires: Option<&'a str>,
}

impl<'a> Udi<'a> {
    /// Reads the human-readable text or the element string. [`Reason::UdiInvalid`] unless it begins with a GTIN-14 whose
    /// check digit is right, and holds each further field (10 lot, 11 made, 17 expires, 21 serial) at most once, in the
    /// length and characters that GS1 prescribes. In the human-readable text a value holds no parenthesis.
    pub fn parse(text: &'a str) -> Result<Self> {
        let scanned = SYMBOLOGIES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        let mut fields = Fields { rest: scanned.trim_start_matches(FNC1), labelled: scanned.starts_with('(') };
        let Some((GTIN, gtin)) = fields.next()? else { return Err(Reason::UdiInvalid) };
        check_gtin(gtin)?;
        let mut udi = Self { gtin, lot: None, serial: None, made: None, expires: None };
        // Four fields may follow, each once.
        while let Some((identifier, value)) = fields.next()? {
            let place = match identifier {
                LOT => &mut udi.lot,
                SERIAL => &mut udi.serial,
                MADE => &mut udi.made,
                EXPIRES => &mut udi.expires,
                _ => return Err(Reason::UdiInvalid),
            };
            if place.replace(value).is_some() {
                return Err(Reason::UdiInvalid);
            }
        }
        Ok(udi)
    }

    /// The device identifier: 14 digits that name the model.
    #[must_use]
    pub const fn gtin(&self) -> &'a str {
        self.gtin
    }

    /// The serial number, if the label carries one.
    #[must_use]
    pub const fn serial(&self) -> Option<&'a str> {
        self.serial
    }

    /// The lot, if the label carries one.
    #[must_use]
    pub const fn lot(&self) -> Option<&'a str> {
        self.lot
    }

    /// The day of production as YYMMDD (day 00: some day of that month), if the label carries one.
    #[must_use]
    pub const fn made(&self) -> Option<&'a str> {
        self.made
    }

    /// The last day of use as YYMMDD, if the label carries one.
    #[must_use]
    pub const fn expires(&self) -> Option<&'a str> {
        self.expires
    }

    /// Writes the canonical GS1 Digital Link into `out`, for which [`limits::URI`] bytes always suffice.
    pub fn uri<'o>(&self, out: &'o mut [u8]) -> Result<&'o str> {
        let mut text = Text::new(out);
        text.push("https://id.gs1.org/01/").push(self.gtin);
        for (path, value) in [("/10/", self.lot), ("/21/", self.serial)] {
            if let Some(value) = value {
                text.push(path).escaped(value);
            }
        }
        let mut separator = "?";
        for (name, value) in [("11=", self.made), ("17=", self.expires)] {
            if let Some(value) = value {
                text.push(separator).push(name).push(value);
                separator = "&";
            }
        }
        text.finish()
    }
}

/// The walk over the fields of either form.
struct Fields<'a> {
    rest: &'a str,
    labelled: bool,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(&'a str, &'a str)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (identifier, rest) = if self.labelled {
            self.rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or(Reason::UdiInvalid)?
        } else {
            self.rest.split_at_checked(2).ok_or(Reason::UdiInvalid)?
        };
        let fixed = match identifier {
            GTIN => Some(14),
            MADE | EXPIRES => Some(6),
            _ => None,
        };
        let (value, rest) = match fixed {
            Some(length) => rest.split_at_checked(length).ok_or(Reason::UdiInvalid)?,
            None => rest.split_at_checked(end(rest, self.labelled)).ok_or(Reason::UdiInvalid)?,
        };
        self.rest = if self.labelled { rest } else { rest.strip_prefix(FNC1).unwrap_or(rest) };
        let sound = match identifier {
            GTIN => digits(value),
            MADE | EXPIRES => date(value),
            LOT | SERIAL => (1..=20).contains(&value.len()) && value.bytes().all(in_set_82),
            _ => false,
        };
        if sound { Ok(Some((identifier, value))) } else { Err(Reason::UdiInvalid) }
    }
}

/// Where a value of variable length ends.
fn end(rest: &str, labelled: bool) -> usize {
    rest.find(if labelled { '(' } else { FNC1 }).unwrap_or(rest.len())
}

fn digits(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

/// YYMMDD; day 00 stands for a month without a day.
fn date(value: &str) -> bool {
    let (month, day) = (value.get(2..4).unwrap_or_default(), value.get(4..6).unwrap_or_default());
    digits(value) && ("01"..="12").contains(&month) && ("00"..="31").contains(&day)
}

/// The check digit makes the sum with weights 3, 1, 3, … a multiple of ten (GS1 General Specifications, section 7.9).
fn check_gtin(gtin: &str) -> Result<()> {
    let weights = [3_u32, 1].into_iter().cycle();
    let digits = gtin.bytes().map(|byte| u32::from(byte & 0x0F));
    let sum = digits.zip(weights).fold(0_u32, |sum, (digit, weight)| sum.saturating_add(digit.saturating_mul(weight)));
    if sum.is_multiple_of(10) { Ok(()) } else { Err(Reason::UdiInvalid) }
}

/// GS1 AI encodable character set 82, from which lots and serial numbers are taken.
const fn in_set_82(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'!' | b'"' | b'%'..=b'/' | b':'..=b'?' | b'_')
}

const GTIN: &str = "01";
const LOT: &str = "10";
const MADE: &str = "11";
const EXPIRES: &str = "17";
const SERIAL: &str = "21";
/// The separator character of an element string.
const FNC1: char = '\u{1D}';
/// What scanners put before it: GS1-128, GS1 DataMatrix, GS1 QR Code (ISO/IEC 15424).
const SYMBOLOGIES: [&str; 3] = ["]C1", "]d2", "]Q3"];

const _: () = assert!(limits::URI >= 22 + 14 + 2 * (4 + 3 * 20) + 2 * 10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    fn uri(text: &str) -> Result<String> {
        let mut out = [0; limits::URI];
        Udi::parse(text)?.uri(&mut out).map(str::to_string)
    }

    #[test]
    fn label_and_barcode_give_one_link() {
        let link = "https://id.gs1.org/01/09521234543213/10/A213B1/21/1234?11=141231&17=150707";
        assert_eq!(uri("(01)09521234543213(11)141231(17)150707(10)A213B1(21)1234").unwrap(), link);
        for barcode in ["", "]d2", "]C1", "]Q3", "\u{1D}", "]d2\u{1D}"] {
            let scan = std::format!("{barcode}01095212345432131114123117150707{}\u{1D}211234", "10A213B1");
            assert_eq!(uri(&scan).unwrap(), link);
        }
        assert_eq!(uri("(01)09521234543213").unwrap(), "https://id.gs1.org/01/09521234543213");
        assert_eq!(uri("(01)09521234543213(17)300100").unwrap(), "https://id.gs1.org/01/09521234543213?17=300100");
    }

    /// GTINs of products on the market and of GS1's own texts, as an independent source of check digits.
    #[test]
    fn check_digits_of_known_numbers_hold_and_every_other_digit_fails() {
        for gtin in ["09506000134352", "09521234543213", "00012345678905", "04006381333931", "10614141000415"] {
            Udi::parse(&std::format!("(01){gtin}")).unwrap();
            for at in 0..14 {
                for digit in '0'..='9' {
                    let mut other: std::vec::Vec<char> = gtin.chars().collect();
                    other[at] = digit;
                    let other: String = other.into_iter().collect();
                    let expected = if other == gtin { Ok(()) } else { Err(Reason::UdiInvalid) };
                    assert_eq!(Udi::parse(&std::format!("(01){other}")).map(drop), expected, "{other}");
                }
            }
        }
    }

    #[test]
    fn reserved_characters_are_escaped_in_the_link() {
        assert_eq!(
            uri("(01)09521234543213(21)A/B%C_d?&").unwrap(),
            "https://id.gs1.org/01/09521234543213/21/A%2FB%25C_d%3F%26"
        );
    }

    #[test]
    fn wrong_forms_are_refused() {
        for text in [
            "",
            "(01)",
            "(01)0952123454321",
            "(01)0952123454321X",
            "(01)095212345432133",
            "(21)1(01)09521234543213",
            "(01)09521234543213(21)",
            "(01)09521234543213(21)123456789012345678901",
            "(01)09521234543213(21)a b",
            "(01)09521234543213(21)ä",
            "(01)09521234543213(21)1(21)1",
            "(01)09521234543213(17)251301",
            "(01)09521234543213(17)2512",
            "(01)09521234543213(99)1",
            "(01)09521234543213(01)09521234543213",
            "010952123454321321",
            "01ä9521234543213",
            "https://id.gs1.org/01/09521234543213",
        ] {
            assert_eq!(Udi::parse(text), Err(Reason::UdiInvalid), "{text:?}");
        }
    }

    #[test]
    fn a_short_buffer_is_told() {
        let udi = Udi::parse("(01)09521234543213(21)1234").unwrap();
        for room in 0..udi.uri(&mut [0; 256]).unwrap().len() {
            assert_eq!(udi.uri(&mut std::vec![0; room]), Err(Reason::BufferTooSmall));
        }
    }
}
