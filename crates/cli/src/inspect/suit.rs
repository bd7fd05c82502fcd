//! SUIT envelopes (draft-ietf-suit-manifest).

use super::{cose, item};
use crate::tree::{Node, show};
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::{Reason, Result};

/// Nested command sequences that are shown.
const DEPTH: u8 = aseptic_core::limits::COMMAND_NESTING;

/// Whether the bytes begin with the tag of an envelope.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    matches!(Reader::new(bytes, Rules::Received).tag(), Ok(107))
}

/// Envelope, authentication and manifest.
pub(crate) fn node(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    reader.tag()?;
    let mut map = reader.map()?;
    let mut children = Vec::new();
    while let Some(key) = map.next(&mut reader)? {
        children.push(match key {
            Key::Int(2) => authentication(reader.bytes()?)?,
            Key::Int(3) => manifest(reader.bytes()?)?,
            Key::Int(label) => Node::bytes(section(label), reader.bytes()?).meaning("severed from the manifest"),
            Key::Text(uri) => {
                Node::bytes(format!("payload {uri}"), reader.bytes()?).meaning("carried inside the envelope")
            }
        });
    }
    reader.end()?;
    Ok(Node::new("SUIT envelope", format!("{} bytes", bytes.len()), children).meaning("a signed update"))
}

/// A SUIT_Digest.
pub(crate) fn digest(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    reader.array_exact(2)?;
    let algorithm = reader.int()?;
    let node = Node::leaf("digest", format!("{} {}", cose::algorithm(algorithm), show(reader.bytes()?)));
    reader.end().map(|()| node)
}

fn authentication(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let count = reader.array()?;
    let mut children = vec![digest(reader.bytes()?)?.meaning("of the manifest with its byte string head")];
    for _ in 1..count {
        children.push(cose::node(reader.bytes()?)?.ok_or(Reason::CoseMalformed)?);
    }
    reader.end()?;
    Ok(Node::new("authentication", format!("{} signatures", count.saturating_sub(1)), children))
}

fn manifest(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let mut map = reader.map()?;
    let mut children = Vec::new();
    while let Some(key) = map.next(&mut reader)? {
        let Key::Int(label) = key else { return Err(Reason::EnvelopeMalformed) };
        let string = reader.peek()? == Type::Bytes;
        children.push(match label {
            1 => item::node(&mut reader, "manifest version")?,
            2 => item::node(&mut reader, "sequence number")?.meaning("an older one is refused"),
            3 => common(reader.bytes()?)?,
            4 => item::node(&mut reader, "reference URI")?,
            7 | 8 | 9 | 15 | 16 | 18 | 20 | 24 if string => commands(reader.bytes()?, section(label), DEPTH)?,
            14..=16 | 18 | 20 | 23 if !string => {
                digest(reader.raw()?)?.meaning(format!("of the severed {}", section(label)))
            }
            label => item::node(&mut reader, section(label))?,
        });
    }
    reader.end()?;
    Ok(Node::new("manifest", format!("{} bytes", bytes.len()), children))
}

fn common(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let mut map = reader.map()?;
    let mut children = Vec::new();
    while let Some(key) = map.next(&mut reader)? {
        children.push(match key {
            Key::Int(1) => item::node(&mut reader, "dependencies")?,
            Key::Int(2) => item::node(&mut reader, "components")?.meaning("what the update is made of"),
            Key::Int(4) => {
                commands(reader.bytes()?, "shared sequence", DEPTH)?.meaning("runs before every other sequence")
            }
            other => item::node(&mut reader, item::key(other))?,
        });
    }
    reader.end()?;
    Ok(Node::new("common", "", children))
}

fn commands(bytes: &[u8], name: &str, depth: u8) -> Result<Node> {
    let depth = depth.checked_sub(1).ok_or(Reason::TooLarge)?;
    let mut reader = Reader::new(bytes, Rules::Received);
    let count = reader.array()?;
    let mut children = Vec::new();
    for _ in 0..count / 2 {
        let code = reader.int()?;
        children.push(match code {
            19 | 20 => parameters(&mut reader, command(code))?,
            32 => commands(reader.bytes()?, command(code), depth)?,
            15 => {
                let branches = reader.array()?;
                let each = (0..branches).map(|_| {
                    if reader.null() {
                        Ok(Node::leaf("branch", "nothing"))
                    } else {
                        commands(reader.bytes()?, "branch", depth)
                    }
                });
                Node::new(command(code), format!("{branches} branches"), each.collect::<Result<_>>()?)
            }
            _ if reader.peek()? == Type::Unsigned => policy(reader.uint()?, command(code)),
            _ => item::node(&mut reader, command(code))?,
        });
    }
    reader.end()?;
    Ok(Node::new(name, format!("{} commands", count / 2), children))
}

/// The argument of conditions and of most directives: what a device is to report of them. Of a component index it is the
/// number itself.
fn policy(bits: u64, name: &str) -> Node {
    if name == command(12) {
        return Node::leaf(name, bits.to_string());
    }
    Node::leaf(name, "").meaning(match bits {
        0 => "reports nothing".into(),
        15 => "reports success and failure, with details".into(),
        bits => format!("reporting policy {bits}"),
    })
}

fn parameters(reader: &mut Reader<'_>, name: &str) -> Result<Node> {
    let mut map = reader.map()?;
    let mut children = Vec::new();
    while let Some(key) = map.next(reader)? {
        children.push(match key {
            Key::Int(1) => uuid(reader.bytes()?, "vendor"),
            Key::Int(2) => uuid(reader.bytes()?, "class").meaning("which devices the image is for"),
            Key::Int(3) => digest(reader.bytes()?)?.meaning("of the image"),
            Key::Int(14) => item::node(reader, "image size")?.meaning("bytes"),
            Key::Int(18) => item::node(reader, "content")?,
            Key::Int(19) => encryption_info(reader.bytes()?)?,
            Key::Int(21) => item::node(reader, "URI")?.meaning("where the image comes from"),
            Key::Int(22) => item::node(reader, "source component")?,
            other => item::node(reader, format!("parameter {}", item::key(other)))?,
        });
    }
    Ok(Node::new(name, "", children))
}

fn encryption_info(bytes: &[u8]) -> Result<Node> {
    let message = cose::node(bytes)?.ok_or(Reason::CoseMalformed)?;
    Ok(Node::new("encryption info", format!("{} bytes", bytes.len()), vec![message])
        .meaning("how the image is encrypted"))
}

fn uuid(bytes: &[u8], name: &str) -> Node {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..32)];
    match parts.into_iter().collect::<Option<Vec<_>>>() {
        Some(parts) if hex.len() == 32 => Node::leaf(name, parts.join("-")),
        _ => Node::leaf(name, show(bytes)),
    }
}

const fn section(label: i64) -> &'static str {
    match label {
        5 => "manifest component",
        7 => "validate",
        8 => "load",
        9 => "invoke",
        14 => "CoSWID",
        15 => "dependency resolution",
        16 => "payload fetch",
        18 => "candidate verification",
        20 => "install",
        23 => "text",
        24 => "uninstall",
        _ => "unknown element",
    }
}

const fn command(code: i64) -> &'static str {
    match code {
        1 => "condition: vendor",
        2 => "condition: class",
        3 => "condition: image matches digest",
        4 => "condition: use before",
        5 => "condition: component slot",
        6 => "condition: content",
        7 => "condition: dependency integrity",
        8 => "condition: is a dependency",
        11 => "process dependency",
        12 => "set component index",
        14 => "abort",
        15 => "try each",
        18 => "write",
        19 => "set parameters",
        20 => "override parameters",
        21 => "fetch",
        22 => "copy",
        23 => "invoke",
        24 => "condition: device",
        28 => "condition: version",
        31 => "swap",
        32 => "run sequence",
        _ => "command outside the profile",
    }
}
