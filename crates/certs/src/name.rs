//! Names in certificates: attributes of distinguished names, general names, and how a host name matches.

use crate::der::{self, Reader};
use crate::oid;
use aseptic_core::bytes::cut;
use aseptic_core::{Reason, Result};

/// One attribute of a distinguished name (RFC 5280 section 4.1.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, as the content bytes of the object identifier.
    pub oid: &'a [u8],
    /// The tag of its value, which says the string type.
    pub tag: u8,
    /// The bytes of its value.
    pub value: &'a [u8],
}

/// A distinguished name: the content of its outer SEQUENCE, checked for shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Reads the content of a Name.
    pub fn parse(content: &'a [u8]) -> Result<Self> {
        let mut names = Reader::new(content);
        while !names.is_empty() {
            let mut relative = names.nested(der::SET)?;
            attribute(&mut relative)?;
            while !relative.is_empty() {
                attribute(&mut relative)?;
            }
        }
        Ok(Self(content))
    }

    /// The content bytes; equal bytes are equal names.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no attribute at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every attribute, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let mut names = Reader::new(self.0);
        let mut relative = Reader::new(&[]);
        core::iter::from_fn(move || {
            if relative.is_empty() {
                relative = names.nested(der::SET).ok()?;
            }
            attribute(&mut relative).ok()
        })
    }

    /// The one attribute of this type; none if there is none or more than one.
    #[must_use]
    pub fn single(&self, oid: &[u8]) -> Option<Attribute<'a>> {
        let mut found = self.attributes().filter(|attribute| attribute.oid == oid);
        found.next().filter(|_| found.next().is_none())
    }
}

/// The name of a hardware module (RFC 4108 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareModuleName<'a> {
    /// The type of the hardware: content bytes of an object identifier that the maker assigned.
    pub hardware_type: &'a [u8],
    /// The serial number, unique among modules of the type.
    pub serial: &'a [u8],
}

/// One entry of a subjectAltName (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneralName<'a> {
    /// dNSName.
    Dns(&'a str),
    /// iPAddress: 4 or 16 bytes.
    Ip(&'a [u8]),
    /// uniformResourceIdentifier.
    Uri(&'a str),
    /// rfc822Name.
    Email(&'a str),
    /// directoryName.
    Directory(Name<'a>),
    /// otherName with a HardwareModuleName.
    HardwareModule(HardwareModuleName<'a>),
    /// Any other: the tag and the content.
    Other(u8, &'a [u8]),
}

/// A list of general names, checked for shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralNames<'a>(&'a [u8]);

impl<'a> GeneralNames<'a> {
    /// Reads the SEQUENCE that fills `value`; an empty one is refused (RFC 5280 section 4.2.1.6).
    pub fn parse(value: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(value);
        let content = outer.read(der::SEQUENCE)?;
        outer.end()?;
        let mut names = Reader::new(content);
        general_name(&mut names)?;
        while !names.is_empty() {
            general_name(&mut names)?;
        }
        Ok(Self(content))
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        let mut names = Reader::new(self.0);
        core::iter::from_fn(move || general_name(&mut names).ok())
    }

    /// The first URI.
    #[must_use]
    pub fn uri(&self) -> Option<&'a str> {
        self.iter().find_map(|name| match name {
            GeneralName::Uri(uri) => Some(uri),
            _ => None,
        })
    }

    /// The first hardware module name.
    #[must_use]
    pub fn hardware_module(&self) -> Option<HardwareModuleName<'a>> {
        self.iter().find_map(|name| match name {
            GeneralName::HardwareModule(module) => Some(module),
            _ => None,
        })
    }
}

/// Whether the name `host`, which we meant to reach, is the one that `pattern` (a dNSName) presents.
///
/// RFC 9525 section 6: labels are compared without case; `*` stands for the whole left-most label and nothing else. Two
/// labels at least must follow it, so that no certificate covers a top-level domain. A name in Unicode is to be passed
/// as A-labels; an IP address never matches.
#[must_use]
pub fn dns_matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if !is_host(host) {
        return false;
    }
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            is_host(parent)
                && parent.contains('.')
                && cut(host, b'.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        None => is_host(pattern) && pattern.eq_ignore_ascii_case(host),
    }
}

/// Whether `name` is a host name in the preferred syntax of RFC 1034 section 3.5 as eased by RFC 1123: labels of letters,
/// digits and inner hyphens, and not all digits at the end, which would be an IP address.
#[must_use]
pub fn is_host(name: &str) -> bool {
    let label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    let dot = |byte: &u8| *byte == b'.';
    // As bytes: cutting text can panic.
    let name = name.as_bytes();
    name.len() <= 253
        && name.split(dot).all(label)
        && name.rsplit(dot).next().is_some_and(|last| !last.iter().all(u8::is_ascii_digit))
}

/// Whether `text` is the address (4 or 16 bytes) in its one canonical form: dotted decimal, or RFC 5952 section 4.
#[must_use]
pub fn is_address_text(address: &[u8], text: &[u8]) -> bool {
    let mut left = Some(text);
    let mut take = |byte: u8| left = left.and_then(|rest| rest.strip_prefix(&[byte]));
    match address.len() {
        4 => {
            for (index, octet) in address.iter().enumerate() {
                if index > 0 {
                    take(b'.');
                }
                digits(
                    &[octet.wrapping_div(100), octet.wrapping_div(10).wrapping_rem(10), octet.wrapping_rem(10)],
                    &mut take,
                );
            }
        }
        16 => groups(address, &mut take),
        _ => return false,
    }
    left == Some(&[])
}

/// Hexadecimal groups; the longest run of two zero groups or more, the first of equals, is left out.
fn groups(address: &[u8], take: &mut impl FnMut(u8)) {
    let group = |index: usize| match address.get(index.saturating_mul(2)..) {
        Some([high, low, ..]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let run = |start: usize| (start..8).take_while(|index| group(*index) == 0).count();
    let (mut gap, mut longest) = (8, 1);
    for start in 0..8 {
        if run(start) > longest {
            (gap, longest) = (start, run(start));
        }
    }
    let mut index = 0_usize;
    while index < 8 {
        if index == gap {
            take(b':');
            index = index.saturating_add(longest);
            if index == 8 {
                take(b':');
            }
            continue;
        }
        if index > 0 {
            take(b':');
        }
        let [high, low] = group(index).to_be_bytes();
        digits(&[high >> 4, high & 0xF, low >> 4, low & 0xF], take);
        index = index.saturating_add(1);
    }
}

/// Digits without leading zeros, in the lower case.
fn digits(values: &[u8], take: &mut impl FnMut(u8)) {
    let zeros = values.iter().take_while(|digit| **digit == 0).count().min(values.len().saturating_sub(1));
    for digit in values.iter().skip(zeros) {
        take(if *digit < 10 { b'0'.wrapping_add(*digit) } else { b'a'.wrapping_sub(10).wrapping_add(*digit) });
    }
}

fn attribute<'a>(relative: &mut Reader<'a>) -> Result<Attribute<'a>> {
    let mut pair = relative.nested(der::SEQUENCE)?;
    let oid = pair.oid()?;
    let value = pair.any()?;
    pair.end()?;
    Ok(Attribute { oid, tag: value.tag, value: value.content })
}

fn general_name<'a>(names: &mut Reader<'a>) -> Result<GeneralName<'a>> {
    let element = names.any()?;
    let content = element.content;
    match element.tag {
        OTHER_NAME => other_name(content),
        RFC822_NAME => ia5(content).map(GeneralName::Email),
        DNS_NAME => ia5(content).map(GeneralName::Dns),
        DIRECTORY_NAME => {
            let mut explicit = Reader::new(content);
            let name = Name::parse(explicit.read(der::SEQUENCE)?)?;
            explicit.end()?;
            Ok(GeneralName::Directory(name))
        }
        URI => ia5(content).map(GeneralName::Uri),
        IP_ADDRESS if matches!(content.len(), 4 | 16) => Ok(GeneralName::Ip(content)),
        IP_ADDRESS => Err(Reason::DerMalformed),
        tag if tag & 0xC0 == 0x80 => Ok(GeneralName::Other(tag, content)),
        _ => Err(Reason::DerMalformed),
    }
}

fn other_name(content: &[u8]) -> Result<GeneralName<'_>> {
    let mut other = Reader::new(content);
    let kind = other.oid()?;
    let mut value = other.nested(der::context(0))?;
    other.end()?;
    if kind != oid::HARDWARE_MODULE_NAME {
        return Ok(GeneralName::Other(OTHER_NAME, content));
    }
    let mut module = value.nested(der::SEQUENCE)?;
    value.end()?;
    let (hardware_type, serial) = (module.oid()?, module.read(der::OCTET_STRING)?);
    module.end()?;
    Ok(GeneralName::HardwareModule(HardwareModuleName { hardware_type, serial }))
}

fn ia5(content: &[u8]) -> Result<&str> {
    core::str::from_utf8(content).ok().filter(|text| text.is_ascii()).ok_or(Reason::DerMalformed)
}

pub(crate) const OTHER_NAME: u8 = der::context(0);
const RFC822_NAME: u8 = der::context_primitive(1);
pub(crate) const DNS_NAME: u8 = der::context_primitive(2);
const DIRECTORY_NAME: u8 = der::context(4);
pub(crate) const URI: u8 = der::context_primitive(6);
pub(crate) const IP_ADDRESS: u8 = der::context_primitive(7);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_left_most_label() {
        for (pattern, host, expected) in [
            ("relay.hospital.example", "RELAY.hospital.example", true),
            ("relay.hospital.example", "relay.hospital.example.", true),
            ("*.hospital.example", "relay.hospital.example", true),
            ("*.hospital.example", "hospital.example", false),
            ("*.hospital.example", "a.b.hospital.example", false),
            ("r*.hospital.example", "relay.hospital.example", false),
            ("relay.*.example", "relay.hospital.example", false),
            ("*.example", "relay.example", false),
            ("*", "example", false),
            ("*.hospital.example", "*.hospital.example", false),
            ("10.0.0.1", "10.0.0.1", false),
            ("a_b.example", "a_b.example", false),
            ("relay..example", "relay..example", false),
            ("", "", false),
            ("localhost", "localhost", true),
        ] {
            assert_eq!(dns_matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn an_address_has_one_text() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "192.168.255.100",
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1::1",
            "2001:db8::1:0:0:1",
            "fe80::abcd:0:ffff",
        ] {
            let parsed: std::net::IpAddr = address.parse().unwrap();
            let bytes = match parsed {
                std::net::IpAddr::V4(short) => std::vec::Vec::from(short.octets()),
                std::net::IpAddr::V6(long) => std::vec::Vec::from(long.octets()),
            };
            assert!(is_address_text(&bytes, address.as_bytes()), "{address}");
            for end in 0..address.len() {
                assert!(!is_address_text(&bytes, &address.as_bytes()[..end]), "{address} cut at {end}");
            }
            assert!(!is_address_text(&bytes, std::format!("{address}0").as_bytes()));
        }
        let one = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        for other in ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::1", "2001:db8::0:1", "2001:db8::"] {
            assert!(!is_address_text(&one, other.as_bytes()), "{other}");
        }
        for other in ["010.0.0.1", "10.0.0.01", "0xa.0.0.1", "167772161", "10.0.0.1."] {
            assert!(!is_address_text(&[10, 0, 0, 1], other.as_bytes()), "{other}");
        }
    }
}
