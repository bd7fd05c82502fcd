//! CWT claims (RFC 8392), and those of our own messages.

use super::item;
use crate::tree::Node;
use aseptic_core::Result;
use aseptic_core::cbor::{Key, Reader, Type};
use aseptic_core::trust::Purpose;

/// The claim of our message profile, in the private range.
const OURS: i64 = -65537;

/// Reads one map of claims.
pub(crate) fn node(reader: &mut Reader<'_>, name: &str) -> Result<Node> {
    let mut map = reader.map()?;
    let mut children = Vec::new();
    while let Some(label) = map.next(reader)? {
        let kind = reader.peek()?;
        children.push(match label {
            Key::Int(1) => item::node(reader, "iss")?.meaning("who sends"),
            Key::Int(2) => item::node(reader, "sub")?.meaning("whom it is about"),
            Key::Int(3) => item::node(reader, "aud")?.meaning("to whom"),
            Key::Int(4) => item::node(reader, "exp")?.meaning("not after, in seconds since 1970"),
            Key::Int(5) => item::node(reader, "nbf")?.meaning("not before, in seconds since 1970"),
            Key::Int(6) => item::node(reader, "iat")?.meaning("said at, in seconds since 1970"),
            Key::Int(7) => item::node(reader, "cti")?.meaning("identifies the token"),
            Key::Int(OURS) if kind == Type::Unsigned => class(reader)?,
            Key::Int(OURS) if kind == Type::Array => position(reader)?,
            other => item::node(reader, item::key(other))?,
        });
    }
    Ok(Node::new(name, format!("{} claims", children.len()), children))
}

fn class(reader: &mut Reader<'_>) -> Result<Node> {
    let number = reader.uint()?;
    let class = Purpose::ALL.into_iter().find(|class| u64::from(*class as u8) == number);
    Ok(Node::leaf("class", number.to_string()).meaning(class.map_or_else(String::new, |class| format!("{class:?}"))))
}

/// Six fields; of another number none is named.
fn position(reader: &mut Reader<'_>) -> Result<Node> {
    if reader.clone().array()? != 6 {
        return item::node(reader, "position");
    }
    reader.array()?;
    let fields = vec![
        item::node(reader, "stream")?,
        if reader.peek()? == Type::Unsigned { class(reader)? } else { item::node(reader, "class")? },
        item::node(reader, "epoch")?.meaning("of the sender's numbers"),
        item::node(reader, "boot")?.meaning("drawn at random at each start of the sender"),
        item::node(reader, "sequence number")?.meaning("none is used twice"),
        item::node(reader, "trust in the time")?.meaning("0 none, 1 a lower bound, 2 trusted"),
    ];
    Ok(Node::new("position", "", fields).meaning("where the message stands in its stream"))
}
