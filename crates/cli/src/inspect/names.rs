//! Names that need decoding: object identifiers, hardware modules, unique device identifiers.

use crate::tree::{Node, show};
use aseptic_certs::der::{self, Reader};
use aseptic_core::Result;

/// The dotted form of the content bytes of an object identifier (X.690 section 8.19).
pub(crate) fn dotted(oid: &[u8]) -> String {
    if der::check_oid(oid).is_err() {
        return show(oid);
    }
    let mut arcs: Vec<u128> = vec![0];
    for byte in oid {
        if let Some(arc) = arcs.last_mut() {
            *arc = (*arc << 7) | u128::from(byte & 0x7F);
        }
        if byte & 0x80 == 0 {
            arcs.push(0);
        }
    }
    arcs.pop();
    // The first two arcs share a number.
    let first = arcs.first().copied().unwrap_or_default();
    let top = (first / 40).min(2);
    let second = first.saturating_sub(top.saturating_mul(40));
    let rest = arcs.iter().skip(1).copied();
    let parts: Vec<_> = [top, second].into_iter().chain(rest).map(|arc| arc.to_string()).collect();
    parts.join(".")
}

/// A HardwareModuleName (RFC 4108 section 5) inside the explicit tag of an otherName.
pub(crate) fn hardware_module(value: &[u8]) -> Result<Node> {
    let mut outer = Reader::new(value);
    let mut tagged = outer.nested(der::context(0))?;
    let mut name = tagged.nested(der::SEQUENCE)?;
    let (kind, serial) = (name.oid()?, name.read(der::OCTET_STRING)?);
    name.end()?;
    tagged.end()?;
    outer.end()?;
    Ok(Node::new(
        "hardware module name",
        "",
        vec![
            Node::leaf("type", dotted(kind)).meaning("assigned by the maker"),
            Node::bytes("serial", serial).meaning("unique among modules of the type"),
        ],
    )
    .meaning("the hardware (RFC 4108)"))
}

/// A URI; a GS1 Digital Link is taken apart as a UDI.
pub(crate) fn uri(uri: &str) -> Node {
    let Some(fields) = digital_link(uri) else { return Node::leaf("URI", uri) };
    Node::new("UDI", uri, fields).meaning("unique device identification, as GS1 Digital Link")
}

/// `https://HOST/.../01/GTIN/KEY/VALUE...?KEY=VALUE...`, where the check digit of the GTIN is right.
fn digital_link(uri: &str) -> Option<Vec<Node>> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let (_, fields) = path.strip_prefix("https://").or_else(|| path.strip_prefix("http://"))?.split_once("/01/")?;
    let mut parts = fields.split('/');
    let gtin = parts.next().filter(|gtin| is_gtin(gtin))?;
    let mut nodes = vec![Node::leaf("GTIN", gtin).meaning("device identifier: the model")];
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        nodes.push(field(key, value));
    }
    nodes.extend(query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| field(key, value)));
    Some(nodes)
}

fn field(key: &str, value: &str) -> Node {
    let (name, meaning) = match key {
        "10" => ("lot", "production identifier"),
        "11" => ("made", "YYMMDD"),
        "17" => ("expires", "YYMMDD"),
        "21" => ("serial", "production identifier: the unit"),
        "22" => ("variant", "of a consumer product"),
        other => (other, "another application identifier of GS1"),
    };
    Node::leaf(name, value).meaning(meaning)
}

/// Fourteen digits, weighted 3 and 1 in turn, with a sum that ends in 0 (GS1 General Specifications section 7.9).
fn is_gtin(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(10)).collect();
    digits.is_some_and(|digits| {
        let sum: u32 = digits.iter().zip([3, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        digits.len() == 14 && sum.is_multiple_of(10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_are_dotted() {
        for (oid, expected) in [
            (&[0x2B, 6, 1, 4, 1, 0x81, 0xFD, 0x59, 1][..], "1.3.6.1.4.1.32473.1"),
            (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2], "1.2.840.10045.4.3.2"),
            (&[0x55, 4, 3], "2.5.4.3"),
            (&[0x88, 0x37, 3], "2.999.3"),
            (&[], "empty"),
            (&[0x80, 1], "8001"),
        ] {
            assert_eq!(dotted(oid), expected);
        }
        // An arc longer than any number that we can count with is cut, not a panic.
        dotted(&[[0x2B].as_slice(), &[0xFF; 40], &[1]].concat());
    }

    #[test]
    fn a_digital_link_is_a_udi_only_with_the_right_check_digit() {
        let good = uri("https://id.gs1.org/01/09521234543213/10/L1/21/SN-1?17=271231").text();
        for part in ["UDI: https", "GTIN: 09521234543213", "lot: L1", "serial: SN-1", "expires: 271231"] {
            assert!(good.contains(part), "{good}");
        }
        for other in ["https://id.gs1.org/01/09521234543214", "https://pumps.example/7.bin", "urn:x:/01/09521234543213"]
        {
            assert_eq!(uri(other).text(), format!("URI: {other}"));
        }
    }
}
