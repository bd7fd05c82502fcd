//! UDIs of GS1.

use super::{Agency, Udi, digits, once};
use crate::text::Text;
use aseptic_core::bytes::cut;
use aseptic_core::{Reason, Result, limits};

/// Reads the human-readable text or the element string.
pub(super) fn parse(text: &str) -> Result<Udi<'_>> {
    let scanned = SYMBOLOGIES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let mut fields = Fields { rest: scanned.trim_start_matches(FNC1), labelled: scanned.starts_with('(') };
    let Some((GTIN, gtin)) = fields.next()? else { return Err(Reason::UdiInvalid) };
    check_gtin(gtin)?;
    let mut udi = Udi::new(Agency::Gs1, text, gtin);
    // Four fields may follow, each once.
    while let Some((identifier, value)) = fields.next()? {
        let place = match identifier {
            LOT => &mut udi.lot,
            SERIAL => &mut udi.serial,
            MADE => &mut udi.made,
            EXPIRES => &mut udi.expires,
            _ => return Err(Reason::UdiInvalid),
        };
        once(place, value)?;
    }
    Ok(udi)
}

/// Writes the canonical GS1 Digital Link.
pub(super) fn write_link(udi: &Udi<'_>, text: &mut Text<'_>) {
    text.push("https://id.gs1.org/01/").push(udi.device);
    for (path, value) in [("/10/", udi.lot), ("/21/", udi.serial)] {
        if let Some(value) = value {
            text.push(path).escaped(value);
        }
    }
    let mut separator = "?";
    for (name, value) in [("11=", udi.made), ("17=", udi.expires)] {
        if let Some(value) = value {
            text.push(separator).push(name).push(value);
            separator = "&";
        }
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
            self.rest.strip_prefix('(').and_then(|rest| cut(rest, b')')).ok_or(Reason::UdiInvalid)?
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
    cut(rest, if labelled { b'(' } else { GROUP }).map_or(rest.len(), |(value, _)| value.len())
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
/// The same, as a byte.
const GROUP: u8 = b'\x1D';
/// What scanners put before it: GS1-128, GS1 DataMatrix, GS1 QR Code (ISO/IEC 15424).
const SYMBOLOGIES: [&str; 3] = ["]C1", "]d2", "]Q3"];

const _: () = assert!(limits::URI >= 22 + 14 + 2 * (4 + 3 * 20) + 2 * 10);
