//! COSE messages (RFC 9052).

use super::{claims, item, key, suit, trust};
use crate::tree::Node;
use aseptic_core::cbor::{Key, Map, Reader, Rules, Type};
use aseptic_core::{Reason, Result};

/// The tree of a tagged COSE message; none if the tag is of another thing.
pub(crate) fn node(bytes: &[u8]) -> Result<Option<Node>> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let Some(node) = message(&mut reader)? else {
        return Ok(None);
    };
    reader.end()?;
    Ok(Some(node))
}

/// Reads one tagged message.
pub(crate) fn message(reader: &mut Reader<'_>) -> Result<Option<Node>> {
    let (name, meaning, parts): (_, _, &[Part]) = match reader.tag()? {
        16 => ("COSE_Encrypt0", "encrypted with a key both sides know", &[Part::Ciphertext]),
        17 => ("COSE_Mac0", "authenticated with a key both sides know", &[Part::Payload, Part::Bytes("tag")]),
        18 => ("COSE_Sign1", "one signature", &[Part::Payload, Part::Bytes("signature")]),
        96 => ("COSE_Encrypt", "encrypted to recipients", &[Part::Ciphertext, Part::Layers("recipient", "ciphertext")]),
        97 => (
            "COSE_Mac",
            "authenticated for recipients",
            &[Part::Payload, Part::Bytes("tag"), Part::Layers("recipient", "ciphertext")],
        ),
        98 => ("COSE_Sign", "several signatures", &[Part::Payload, Part::Layers("signature", "signature")]),
        _ => return Ok(None),
    };
    if reader.array()? != parts.len() + 2 {
        return Err(Reason::CoseMalformed);
    }
    let mut children = headers(reader)?;
    for part in parts {
        children.push(part.read(reader)?);
    }
    Ok(Some(Node::new(name, "", children).meaning(meaning)))
}

/// Recipients of recipients that are shown.
const NESTED: u8 = 2;

/// What follows the two header maps.
enum Part {
    Payload,
    Ciphertext,
    Bytes(&'static str),
    Layers(&'static str, &'static str),
}

impl Part {
    fn read(&self, reader: &mut Reader<'_>) -> Result<Node> {
        Ok(match self {
            Self::Payload if reader.null() => Node::leaf("payload", "none").meaning("travels apart from the message"),
            Self::Payload => payload(reader.bytes()?),
            Self::Ciphertext if reader.null() => {
                Node::leaf("ciphertext", "none").meaning("travels apart from the message")
            }
            Self::Ciphertext => Node::bytes("ciphertext", reader.bytes()?).meaning("with a tag of 16 bytes at its end"),
            Self::Bytes(name) => Node::bytes(*name, reader.bytes()?),
            Self::Layers(name, last) => layers(reader, name, last, NESTED)?,
        })
    }
}

/// Layers, each with layers of its own where there are four parts (RFC 9052 section 5.1), `depth` times.
fn layers(reader: &mut Reader<'_>, name: &str, last: &str, depth: u8) -> Result<Node> {
    let count = reader.array()?;
    let mut children = Vec::new();
    for at in 0..count {
        let length = reader.array()?;
        let nested = depth.checked_sub(1).filter(|_| length == 4);
        if length != 3 && nested.is_none() {
            return Err(Reason::CoseMalformed);
        }
        let mut parts = headers(reader)?;
        parts.push(if reader.null() { Node::leaf(last, "none") } else { Node::bytes(last, reader.bytes()?) });
        if let Some(depth) = nested {
            parts.push(layers(reader, name, last, depth)?);
        }
        children.push(Node::new(format!("{name} {}", at + 1), "", parts));
    }
    Ok(Node::new(format!("{name}s"), count.to_string(), children))
}

/// A payload that we know is shown as what it is.
fn payload(bytes: &[u8]) -> Node {
    let cose_key = || {
        let mut reader = Reader::new(bytes, Rules::Received);
        let node = key::node(&mut reader, "COSE_Key").and_then(|node| reader.end().map(|()| node));
        node.and_then(|node| if key::is_one(bytes) { Ok(node) } else { Err(Reason::CoseMalformed) })
    };
    match trust::node(bytes).or_else(|_| suit::digest(bytes)).or_else(|_| cose_key()) {
        Ok(node) => Node::new("payload", format!("{} bytes", bytes.len()), vec![node]),
        Err(_) => Node::bytes("payload", bytes),
    }
}

fn headers(reader: &mut Reader<'_>) -> Result<Vec<Node>> {
    let protected = reader.bytes()?;
    let mut children = Vec::new();
    if !protected.is_empty() {
        let mut inner = Reader::new(protected, Rules::Received);
        let map = inner.map()?;
        children = parameters(&mut inner, map)?;
        inner.end()?;
    }
    let map = reader.map()?;
    let unprotected = parameters(reader, map)?;
    Ok(vec![
        Node::new("protected", format!("{} parameters", children.len()), children),
        Node::new("unprotected", format!("{} parameters", unprotected.len()), unprotected),
    ])
}

fn parameters(reader: &mut Reader<'_>, mut map: Map) -> Result<Vec<Node>> {
    let mut children = Vec::new();
    while let Some(key) = map.next(reader)? {
        let (name, meaning) = parameter(key);
        let numeric = matches!(reader.peek()?, Type::Unsigned | Type::Negative);
        children.push(if key == Key::Int(1) && numeric {
            let number = reader.int()?;
            Node::leaf(name, number.to_string()).meaning(algorithm(number))
        } else {
            match key {
                Key::Int(15) if reader.peek()? == Type::Map => claims::node(reader, &name)?,
                Key::Int(-1 | -2) if reader.peek()? == Type::Map => key::node(reader, &name)?,
                _ => item::node(reader, name)?,
            }
            .meaning(meaning)
        });
    }
    Ok(children)
}

/// Header parameters of the IANA registry.
fn parameter(key: Key<'_>) -> (String, &'static str) {
    let (name, meaning) = match key {
        Key::Int(1) => ("alg", ""),
        Key::Int(2) => ("crit", "parameters that must be understood"),
        Key::Int(3) => ("content type", "what the payload is"),
        Key::Int(4) => ("kid", "which key"),
        Key::Int(5) => ("IV", "nonce"),
        Key::Int(6) => ("Partial IV", "the lower part of the nonce"),
        Key::Int(15) => ("CWT claims", "who, to whom, when (RFC 9597)"),
        Key::Int(16) => ("typ", "what the whole message is (RFC 9596)"),
        Key::Int(33) => ("x5chain", "certificates (RFC 9360)"),
        Key::Int(34) => ("x5t", "hash of a certificate (RFC 9360)"),
        Key::Int(-1) => ("ephemeral key", "the sender's key of this message"),
        Key::Int(-2) => ("static key", "the sender's long-term key"),
        Key::Int(-20) => ("salt", "of the key derivation"),
        other => return (item::key(other), ""),
    };
    (name.into(), meaning)
}

/// Algorithms of the IANA registry.
pub(crate) fn algorithm(number: i64) -> &'static str {
    match number {
        1 => "A128GCM",
        2 => "A192GCM",
        3 => "A256GCM",
        4 => "HMAC 256/64",
        5 => "HMAC 256/256",
        6 => "HMAC 384/384",
        7 => "HMAC 512/512",
        24 => "ChaCha20-Poly1305",
        -3 => "A128KW",
        -4 => "A192KW",
        -5 => "A256KW",
        -6 => "direct",
        -7 => "ES256, the older number of ESP256",
        -8 => "EdDSA, the older number of Ed25519",
        -9 => "ESP256: ECDSA on P-256 with SHA-256",
        -16 => "SHA-256",
        -19 => "Ed25519",
        -25 => "ECDH-ES + HKDF-256",
        -26 => "ECDH-ES + HKDF-512",
        -29 => "ECDH-ES + A128KW",
        -30 => "ECDH-ES + A192KW",
        -31 => "ECDH-ES + A256KW",
        -35 => "ES384",
        -43 => "SHA-384",
        -44 => "SHA-512",
        -46 => "HSS-LMS",
        -48 => "ML-DSA-44",
        -49 => "ML-DSA-65",
        -50 => "ML-DSA-87",
        -51 => "ESP384",
        _ => "not in the profile of this library",
    }
}
