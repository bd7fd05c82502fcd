//! UDIs of HIBCC (ANSI/HIBC 2.6, Supplier Labeling Standard): `+`, labeler, product and unit of measure, then `/` before each
//! piece of secondary data, and one check character over all.

use super::{Agency, TEXT, Udi, alphanumeric, digits, once};
use aseptic_core::bytes::cut;
use aseptic_core::{Reason, Result};

pub(super) fn parse(text: &str) -> Result<Udi<'_>> {
    // People see it between asterisks, which are no part of it.
    let text = text.strip_prefix('*').and_then(|text| text.strip_suffix('*')).unwrap_or(text);
    if text.len() > TEXT {
        return Err(Reason::UdiInvalid);
    }
    let body = checked(text)?.strip_prefix('+').ok_or(Reason::UdiInvalid)?;
    let (device, mut pieces) = cut(body, b'/').map_or((body, None), |(device, rest)| (device, Some(rest)));
    let unit = device.bytes().next_back().is_some_and(|unit| unit.is_ascii_digit());
    let labeler = device.bytes().next().is_some_and(|first| first.is_ascii_uppercase());
    if !(6..=23).contains(&device.len()) || !alphanumeric(device) || !unit || !labeler {
        return Err(Reason::UdiInvalid);
    }
    let mut udi = Udi::new(Agency::Hibcc, text, device);
    while let Some(rest) = pieces {
        let (piece, more) = cut(rest, b'/').map_or((rest, None), |(piece, more)| (piece, Some(more)));
        read(piece, &mut udi)?;
        pieces = more;
    }
    Ok(udi)
}

/// One piece of secondary data; its first characters say what it is.
fn read<'a>(piece: &'a str, udi: &mut Udi<'a>) -> Result<()> {
    if let Some(dated) = piece.strip_prefix("$$+") {
        let serial = expiry(dated, udi)?;
        return once(&mut udi.serial, value(serial)?);
    }
    if let Some(dated) = piece.strip_prefix("$$") {
        // A date may stand alone.
        return match expiry(dated, udi)? {
            "" => Ok(()),
            lot => once(&mut udi.lot, value(lot)?),
        };
    }
    if let Some(serial) = piece.strip_prefix("$+").or_else(|| piece.strip_prefix('S')) {
        return once(&mut udi.serial, value(serial)?);
    }
    if let Some(lot) = piece.strip_prefix('$') {
        return once(&mut udi.lot, value(lot)?);
    }
    let (place, date) = match (piece.strip_prefix("16D"), piece.strip_prefix("14D")) {
        (Some(date), _) => (&mut udi.made, date),
        (_, Some(date)) => (&mut udi.expires, date),
        _ => return Err(Reason::UdiInvalid),
    };
    if date.len() == 8 && digits(date) && is_day(date.get(4..6), date.get(6..8)) {
        once(place, date)
    } else {
        Err(Reason::UdiInvalid)
    }
}

/// Reads quantity and date before a lot or serial number; gives what follows.
fn expiry<'a>(text: &'a str, udi: &mut Udi<'a>) -> Result<&'a str> {
    let quantity = match text.as_bytes().first() {
        Some(b'8') => 3,
        Some(b'9') => 6,
        _ => 0,
    };
    let (count, text) = text.split_at_checked(quantity).ok_or(Reason::UdiInvalid)?;
    // The first digit names the form, and is part of the date where that begins with a month.
    let (flag, length) = match text.as_bytes().first() {
        Some(b'0' | b'1') => (0, 4),
        Some(b'2' | b'3') => (1, 6),
        Some(b'4') => (1, 8),
        Some(b'5') => (1, 5),
        Some(b'6') => (1, 7),
        Some(b'7') => (1, 0),
        _ => return Err(Reason::UdiInvalid),
    };
    let (form, text) = text.split_at_checked(flag).ok_or(Reason::UdiInvalid)?;
    let (date, rest) = text.split_at_checked(length).ok_or(Reason::UdiInvalid)?;
    let sound = match form {
        "" => is_day(date.get(..2), Some("01")),
        "2" => is_day(date.get(..2), date.get(2..4)),
        "3" => is_day(date.get(2..4), date.get(4..6)),
        "4" => is_day(date.get(2..4), date.get(4..6)) && date.get(6..8) <= Some("23"),
        "5" => is_day_of_year(date.get(2..5)),
        "6" => is_day_of_year(date.get(2..5)) && date.get(5..7) <= Some("23"),
        _ => true,
    };
    if !sound || !digits(date) || !digits(count) {
        return Err(Reason::UdiInvalid);
    }
    if !date.is_empty() {
        once(&mut udi.expires, date)?;
    }
    Ok(rest)
}

fn is_day(month: Option<&str>, day: Option<&str>) -> bool {
    month.is_some_and(|month| ("01"..="12").contains(&month)) && day.is_some_and(|day| ("01"..="31").contains(&day))
}

pub(super) fn is_day_of_year(day: Option<&str>) -> bool {
    day.is_some_and(|day| ("001"..="366").contains(&day))
}

/// A lot or serial number: 1 to 18 letters, digits, hyphens and full stops.
fn value(text: &str) -> Result<&str> {
    let sound = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if (1..=18).contains(&text.len()) && text.bytes().all(sound) { Ok(text) } else { Err(Reason::UdiInvalid) }
}

/// What stands before the check character, which is the sum of their values modulo 43.
fn checked(text: &str) -> Result<&str> {
    let (last, rest) = text.as_bytes().split_last().ok_or(Reason::UdiInvalid)?;
    let mut sum = 0_usize;
    for byte in rest {
        sum = sum.saturating_add(position(*byte)?);
    }
    if position(*last)? != sum.wrapping_rem(43) {
        return Err(Reason::UdiInvalid);
    }
    core::str::from_utf8(rest).map_err(|_| Reason::UdiInvalid)
}

fn position(byte: u8) -> Result<usize> {
    ALPHABET.iter().position(|other| *other == byte).ok_or(Reason::UdiInvalid)
}

/// The characters of Code 39, in the order of their values.
const ALPHABET: &[u8; 43] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
