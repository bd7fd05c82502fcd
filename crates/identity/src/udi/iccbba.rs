//! UDIs of ICCBBA (ISBT 128 Standard Technical Specification): data structures one after the other, each with its own first
//! characters and its own length.

use super::hibcc::is_day_of_year;
use super::{Agency, TEXT, Udi, alphanumeric, digits, once};
use aseptic_core::{Reason, Result};

pub(super) fn parse(text: &str) -> Result<Udi<'_>> {
    if text.len() > TEXT {
        return Err(Reason::UdiInvalid);
    }
    let (device, mut rest) = structure(text, "=/", 16)?;
    let mut udi = Udi::new(Agency::Iccbba, text, device);
    let mut donation = None;
    // Five structures may follow, each once.
    while !rest.is_empty() {
        let (place, (value, after)) = match rest.as_bytes() {
            [b'=', b',', ..] => (&mut udi.serial, structure(rest, "=,", 6)?),
            [b'=', b'>', ..] => (&mut udi.expires, date(rest, "=>")?),
            [b'=', b'}', ..] => (&mut udi.made, date(rest, "=}")?),
            [b'&', b',', b'1', ..] => (&mut udi.lot, structure(rest, "&,1", 18)?),
            [b'=', first, ..] if first.is_ascii_alphanumeric() => (&mut donation, structure(rest, "=", 15)?),
            _ => return Err(Reason::UdiInvalid),
        };
        once(place, value)?;
        rest = after;
    }
    Ok(udi)
}

/// A structure of `length` characters after `identifier`; and what follows.
fn structure<'a>(text: &'a str, identifier: &str, length: usize) -> Result<(&'a str, &'a str)> {
    let content = text.strip_prefix(identifier).ok_or(Reason::UdiInvalid)?;
    let (value, rest) = content.split_at_checked(length).ok_or(Reason::UdiInvalid)?;
    if alphanumeric(value) { Ok((value, rest)) } else { Err(Reason::UdiInvalid) }
}

/// cyyjjj: century, year, day of the year.
fn date<'a>(text: &'a str, identifier: &str) -> Result<(&'a str, &'a str)> {
    let (value, rest) = structure(text, identifier, 6)?;
    if digits(value) && is_day_of_year(value.get(3..6)) { Ok((value, rest)) } else { Err(Reason::UdiInvalid) }
}
