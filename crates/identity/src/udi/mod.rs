//! The unique device identifier (UDI) of a label, in the forms of the three agencies that issue them: GS1, HIBCC, ICCBBA.
//!
//! A UDI names the model (device identifier, DI) and the unit (production identifiers, PI: serial, lot, dates). It is a name on a label that
//! everybody can read: never key material.
//!
//! In a certificate it stands as a URI that a hospital's inventory can compare byte for byte with what it makes of its own
//! scan:
//!
//! * GS1, read as the text for people, `(01)09521234543213(21)SN-1`, or as the element string out of the barcode, where an
//!   FNC1 (0x1D) ends each field of variable length: the canonical GS1 Digital Link (GS1 Digital Link URI Syntax 1.2), for
//!   example `https://id.gs1.org/01/09521234543213/21/SN-1`.
//! * HIBCC and ICCBBA, which have no such link: the text of the barcode as a `data:` URI (RFC 2397), `data:,` and the text
//!   with all but unreserved characters escaped. That needs no registration, and has one spelling for each UDI too.

use crate::text::Text;
use aseptic_core::{Reason, Result, limits};

mod gs1;
mod hibcc;
mod iccbba;

/// Who issued a UDI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Agency {
    /// GS1; the device identifier is a GTIN.
    Gs1,
    /// Health Industry Business Communications Council.
    Hibcc,
    /// ICCBBA, for products of human origin (ISBT 128).
    Iccbba,
}

/// A UDI whose form and check digit are right. The fields borrow from what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udi<'a> {
    agency: Agency,
    text: &'a str,
    device: &'a str,
    lot: Option<&'a str>,
    serial: Option<&'a str>,
    made: Option<&'a str>,
    expires: Option<&'a str>,
}

impl<'a> Udi<'a> {
    /// Reads a UDI; its first characters say whose it is. [`Reason::UdiInvalid`] unless it begins with a device identifier,
    /// its check digit or character is right where its agency has one, and each further field comes at most once, in the length and characters that
    /// the agency prescribes.
    ///
    /// * GS1: text or element string; after the GTIN-14 (01) lot (10), made (11), expires (17), serial (21). In the
    ///   human-readable text a value holds no parenthesis.
    /// * HIBCC (ANSI/HIBC 2.6): the primary and all secondary data in one symbol, `+` first, one check character last.
    /// * ICCBBA (ISBT 128): `=/` with the processor product identification code first; its structures have no check digit.
    pub fn parse(text: &'a str) -> Result<Self> {
        match text.as_bytes() {
            [b'+', ..] | [b'*', b'+', ..] => hibcc::parse(text),
            [b'=', b'/', ..] => iccbba::parse(text),
            _ => gs1::parse(text),
        }
    }

    const fn new(agency: Agency, text: &'a str, device: &'a str) -> Self {
        Self { agency, text, device, lot: None, serial: None, made: None, expires: None }
    }

    /// Who issued it.
    #[must_use]
    pub const fn agency(&self) -> Agency {
        self.agency
    }

    /// The device identifier, which names the model: 14 digits of GS1, 6 to 23 characters of HIBCC, 16 of ICCBBA.
    #[must_use]
    pub const fn device(&self) -> &'a str {
        self.device
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

    /// The day of production in the digits of the label, if it carries one: YYMMDD of GS1 (day 00: some day of that month),
    /// YYYYMMDD of HIBCC, cyyjjj of ICCBBA.
    #[must_use]
    pub const fn made(&self) -> Option<&'a str> {
        self.made
    }

    /// The last day of use in the digits of the label, if it carries one; HIBCC has several forms.
    #[must_use]
    pub const fn expires(&self) -> Option<&'a str> {
        self.expires
    }

    /// Writes it as a URI into `out`, for which [`limits::URI`] bytes always suffice.
    pub fn uri<'o>(&self, out: &'o mut [u8]) -> Result<&'o str> {
        let mut text = Text::new(out);
        match self.agency {
            Agency::Gs1 => gs1::write_link(self, &mut text),
            Agency::Hibcc | Agency::Iccbba => {
                text.push("data:,").escaped(self.text);
            }
        }
        text.finish()
    }
}

/// Puts `value` where nothing stands yet.
fn once<'a>(place: &mut Option<&'a str>, value: &'a str) -> Result<()> {
    if place.replace(value).is_some() { Err(Reason::UdiInvalid) } else { Ok(()) }
}

fn digits(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

fn alphanumeric(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Characters of the longest text that is no link. Of them at most 20 say what the others are and are escaped.
const TEXT: usize = 128;

const _: () = assert!(limits::URI >= 6 + TEXT + 2 * 20);

#[cfg(test)]
mod tests;
