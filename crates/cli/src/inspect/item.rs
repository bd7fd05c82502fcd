//! Any CBOR item as a tree.

use crate::tree::{Node, show};
use aseptic_core::cbor::{Key, Reader, Type};
use aseptic_core::{Reason, Result};

/// How deep a tree may go: as deep as the reader reads.
const DEPTH: u8 = aseptic_core::limits::CBOR_DEPTH;

/// Reads one item and shows it as `name`. Byte strings are shown as bytes.
pub(crate) fn node(reader: &mut Reader<'_>, name: impl Into<String>) -> Result<Node> {
    at_depth(reader, name.into(), DEPTH)
}

/// The key of a map as text.
pub(crate) fn key(key: Key<'_>) -> String {
    match key {
        Key::Int(number) => number.to_string(),
        Key::Text(text) => format!("\"{text}\""),
    }
}

fn at_depth(reader: &mut Reader<'_>, name: String, depth: u8) -> Result<Node> {
    let depth = depth.checked_sub(1).ok_or(Reason::TooLarge)?;
    Ok(match reader.peek()? {
        Type::Unsigned | Type::Negative => Node::leaf(name, number(reader)?),
        Type::Bytes => Node::leaf(name, show(reader.bytes()?)),
        Type::Text => Node::leaf(name, format!("\"{}\"", reader.text()?)),
        Type::Array => {
            let count = reader.array()?;
            let items: Result<Vec<_>> = (0..count).map(|at| at_depth(reader, format!("[{at}]"), depth)).collect();
            Node::new(name, format!("{count} items"), items?)
        }
        Type::Map => {
            let mut map = reader.map()?;
            let count = map.left();
            let mut children = Vec::new();
            while let Some(label) = map.next(reader)? {
                children.push(at_depth(reader, key(label), depth)?);
            }
            Node::new(name, format!("{count} entries"), children)
        }
        Type::Tag => {
            let tag = reader.tag()?;
            Node::new(name, format!("tag {tag}"), vec![at_depth(reader, "content".into(), depth)?])
        }
        Type::Simple => Node::leaf(name, simple(reader.raw()?)),
    })
}

fn number(reader: &mut Reader<'_>) -> Result<String> {
    match reader.peek()? {
        Type::Unsigned => reader.uint().map(|value| value.to_string()),
        _ => reader.int().map(|value| value.to_string()),
    }
}

fn simple(raw: &[u8]) -> String {
    match raw {
        [0xF4] => "false".into(),
        [0xF5] => "true".into(),
        [0xF6] => "null".into(),
        [0xF7] => "undefined".into(),
        other => show(other),
    }
}
