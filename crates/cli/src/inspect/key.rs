//! COSE_Key (RFC 9052 section 7, RFC 9053 section 7). The private part is never shown.

use super::{cose, item};
use crate::tree::Node;
use aseptic_core::Result;
use aseptic_core::cbor::{Key, Reader, Rules, Type};

/// Whether the bytes are a map with a key type.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    kind(&mut Reader::new(bytes, Rules::Received)).is_ok_and(|kind| kind.is_some())
}

/// Reads one key.
pub(crate) fn node(reader: &mut Reader<'_>, name: &str) -> Result<Node> {
    // What a label means depends on the key type, which need not come first.
    let kind = kind(&mut reader.clone())?;
    let mut map = reader.map()?;
    let mut children = Vec::new();
    let mut secret = false;
    while let Some(label) = map.next(reader)? {
        let numeric = matches!(reader.peek()?, Type::Unsigned | Type::Negative);
        children.push(match label {
            Key::Int(1) if numeric => {
                let number = reader.int()?;
                Node::leaf("kty", number.to_string()).meaning(key_type(number))
            }
            Key::Int(2) => item::node(reader, "kid")?.meaning("which key"),
            Key::Int(3) if numeric => {
                let number = reader.int()?;
                Node::leaf("alg", number.to_string()).meaning(cose::algorithm(number))
            }
            Key::Int(4) => item::node(reader, "key_ops")?.meaning("what it may be used for"),
            Key::Int(5) => item::node(reader, "Base IV")?,
            Key::Int(-1) if numeric && matches!(kind, Some(1 | 2)) => {
                let number = reader.int()?;
                Node::leaf("crv", number.to_string()).meaning(curve(number))
            }
            Key::Int(-2) if matches!(kind, Some(1 | 2)) => item::node(reader, "x")?.meaning("public"),
            Key::Int(-3) if kind == Some(2) => item::node(reader, "y")?.meaning("public"),
            Key::Int(-1) if kind == Some(3) => item::node(reader, "n")?.meaning("public"),
            Key::Int(-2) if kind == Some(3) => item::node(reader, "e")?.meaning("public"),
            Key::Int(-1) if matches!(kind, Some(5 | 7)) => item::node(reader, "pub")?.meaning("public"),
            // Everything else below zero is secret or unknown.
            Key::Int(label) if label < 0 => {
                secret = true;
                let size = reader.raw()?.len();
                Node::leaf("secret part", format!("{size} bytes")).meaning("not shown")
            }
            other => item::node(reader, item::key(other))?,
        });
    }
    Ok(Node::new(name, "", children).meaning(if secret { "a secret key: keep it" } else { "a public key" }))
}

fn kind(reader: &mut Reader<'_>) -> Result<Option<i64>> {
    let mut map = reader.map()?;
    while let Some(label) = map.next(reader)? {
        if label == Key::Int(1) && matches!(reader.peek()?, Type::Unsigned | Type::Negative) {
            return reader.int().map(Some);
        }
        reader.raw()?;
    }
    Ok(None)
}

const fn key_type(number: i64) -> &'static str {
    match number {
        1 => "OKP: Edwards and Montgomery curves",
        2 => "EC2: curves with two coordinates",
        3 => "RSA",
        4 => "symmetric",
        5 => "HSS-LMS",
        7 => "AKP: ML-DSA and the like",
        _ => "unknown kind",
    }
}

const fn curve(number: i64) -> &'static str {
    match number {
        1 => "P-256",
        2 => "P-384",
        3 => "P-521",
        4 => "X25519",
        5 => "X448",
        6 => "Ed25519",
        7 => "Ed448",
        8 => "secp256k1",
        _ => "unknown curve",
    }
}
