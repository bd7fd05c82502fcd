//! One place of a stored record (see `aseptic_core::record`).

use super::node::Node;
use super::{cose, item};
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result};

/// Whether the bytes begin as a record does.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"aRec")
}

/// The frame and, where it is CBOR, the payload.
pub(crate) fn node(bytes: &[u8]) -> Result<Node> {
    let (head, rest) = bytes.split_at_checked(12).ok_or(Reason::RecordCorrupt)?;
    let (payload, check) = rest.split_last_chunk::<4>().ok_or(Reason::RecordCorrupt)?;
    let [_, _, _, _, kind, version, high, low, sequence @ ..] = head else {
        return Err(Reason::RecordCorrupt);
    };
    if usize::from(u16::from_be_bytes([*high, *low])) != payload.len() {
        return Err(Reason::RecordCorrupt);
    }
    let name = Kind::ALL.into_iter().find(|known| *known as u8 == *kind);
    let sequence = sequence.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    Ok(Node::new(
        "record",
        "",
        vec![
            Node::leaf("kind", kind.to_string()).meaning(name.map_or_else(String::new, |kind| format!("{kind:?}"))),
            Node::leaf("format version", version.to_string()),
            Node::leaf("sequence", sequence.to_string()).meaning("the higher of the two places counts"),
            content(payload),
            Node::bytes("check", check).meaning("CRC-32 of all before it"),
        ],
    )
    .meaning("one of the two places of a stored record"))
}

fn content(payload: &[u8]) -> Node {
    let cbor = || {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        let node = item::node(&mut reader, "payload")?;
        reader.end().map(|()| node)
    };
    match cose::node(payload) {
        Ok(Some(node)) => Node::new("payload", format!("{} bytes", payload.len()), vec![node]),
        _ => cbor().unwrap_or_else(|_| Node::bytes("payload", payload)),
    }
}
