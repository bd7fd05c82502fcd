//! SUIT envelopes (draft-ietf-suit-manifest).

use super::{cose, item};
use crate::tree::{Node, show};
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::crypto::soft;
use aseptic_core::{Reason, Result};
use aseptic_infra::author::{Outline, SBOM};
use aseptic_update::Digest;

/// Nested command sequences that are shown.
const DEPTH: u8 = aseptic_core::limits::COMMAND_NESTING;

/// Whether the bytes begin with the tag of an envelope.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    matches!(Reader::new(bytes, Rules::Received).tag(), Ok(107))
}

/// Envelope, authentication and manifest, each with what is known of it without a key.
pub(crate) fn node(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    reader.tag()?;
    let mut map = reader.map()?;
    let (mut members, mut payloads) = (Vec::new(), Vec::new());
    while let Some(key) = map.next(&mut reader)? {
        let item = reader.raw()?;
        let content = Reader::new(item, Rules::Received).bytes()?;
        match key {
            Key::Int(key) => members.push((key, item, content)),
            Key::Text(uri) => payloads.push((uri, content)),
        }
    }
    reader.end()?;
    let of = |wanted| members.iter().find(|(key, ..)| *key == wanted);
    let signed = of(3).map(|(_, _, manifest)| *manifest).unwrap_or_default();
    let severed = |wanted| of(wanted).map(|(_, _, content)| *content);
    let outline = Outline::read(signed, severed).unwrap_or_default();
    let mut children = Vec::new();
    for (key, item, content) in &members {
        children.push(match key {
            2 => authentication(content, of(3).map(|(_, item, _)| *item))?,
            3 => manifest(content)?,
            key => member(*key, content)?.meaning(match outline.severed.get(key) {
                Some(digest) if fits(digest, item) => "severed; it fits the digest in the manifest",
                Some(_) => "severed; it does NOT FIT the digest in the manifest",
                None => "severed; the manifest names no digest of it: NOBODY SIGNED IT",
            }),
        });
    }
    for (uri, payload) in payloads {
        let named = outline.uris.iter().any(|named| named == uri);
        children.push(Node::bytes(format!("payload {uri}"), payload).meaning(
            match (named, outline.images.iter().any(|(digest, _)| fits(digest, payload))) {
                (true, true) => "carried inside the envelope; it fits a digest of the manifest",
                (true, false) => "carried inside the envelope; it fits no digest of the manifest, as it is",
                (false, _) => "carried inside the envelope; the manifest does not name it: NOBODY SIGNED IT",
            },
        ));
    }
    Ok(Node::new("SUIT envelope", format!("{} bytes", bytes.len()), children)
        .meaning("an update; no signature was verified here, so nothing of it is proven"))
}

/// A SUIT_Digest.
pub(super) fn digest(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    reader.array_exact(2)?;
    let algorithm = reader.int()?;
    let node = Node::leaf("digest", format!("{} {}", cose::algorithm(algorithm), show(reader.bytes()?)));
    reader.end().map(|()| node)
}

/// `manifest` is the byte string of the manifest with its head.
fn authentication(bytes: &[u8], manifest: Option<&[u8]>) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let count = reader.array()?;
    let signed = reader.bytes()?;
    let fits = Digest::parse(signed).is_ok_and(|signed| manifest.is_some_and(|manifest| fits(&signed, manifest)));
    let mut children = vec![digest(signed)?.meaning(if fits {
        "of the manifest with its byte string head; it fits"
    } else {
        "it does NOT FIT the manifest below"
    })];
    for _ in 1..count {
        let block = reader.bytes()?;
        children.push(match cose::node(block) {
            Ok(Some(node)) => node.meaning("over the digest; not verified here"),
            Ok(None) | Err(_) => Node::bytes("block", block).meaning("no COSE message that can be read"),
        });
    }
    reader.end()?;
    Ok(Node::new("authentication", format!("{} signatures", count.saturating_sub(1)), children))
}

/// A member of the manifest, inside of it or severed.
fn member(label: i64, content: &[u8]) -> Result<Node> {
    match label {
        7 | 8 | 9 | 15 | 16 | 18 | 20 | 24 => commands(content, section(label), DEPTH),
        23 => text(content),
        _ => Ok(Node::bytes(section(label), content)),
    }
}

fn text(bytes: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let mut languages = Vec::new();
    for _ in 0..reader.map()?.left() {
        let language = reader.text()?;
        let mut texts = Vec::new();
        for _ in 0..reader.map()?.left() {
            if reader.peek()? == Type::Array {
                let name = item::node(&mut reader, "component")?;
                let mut about = vec![name];
                for _ in 0..reader.map()?.left() {
                    let key = reader.int()?;
                    about.push(item::node(&mut reader, about_component(key))?);
                }
                texts.push(Node::new("about a component", "", about));
            } else {
                let key = reader.int()?;
                texts.push(item::node(&mut reader, about(key))?);
            }
        }
        languages.push(Node::new("language", language, texts));
    }
    reader.end()?;
    Ok(Node::new("text", format!("{} bytes", bytes.len()), languages))
}

const fn about(key: i64) -> &'static str {
    match key {
        1 => "manifest",
        2 => "update",
        3 => "source in JSON",
        4 => "source in YAML",
        SBOM => "SBOM",
        _ => "unknown text",
    }
}

const fn about_component(key: i64) -> &'static str {
    match key {
        1 => "vendor name",
        2 => "model name",
        3 => "vendor domain",
        4 => "model info",
        5 => "description",
        6 => "version",
        _ => "unknown text",
    }
}

/// Whether the digest is that of the bytes.
fn fits(digest: &Digest, bytes: &[u8]) -> bool {
    Digest::of(&soft::suite(), digest.alg(), &[bytes]).is_ok_and(|own| own == *digest)
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
            7..=9 | 15 | 16 | 18 | 20 | 23 | 24 if string => member(label, reader.bytes()?)?,
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
            Key::Int(1) if reader.peek()? == Type::Bytes => uuid(reader.bytes()?, "vendor"),
            Key::Int(2) => uuid(reader.bytes()?, "class").meaning("which devices the image is for"),
            Key::Int(3) => digest(reader.bytes()?)?.meaning("of the image"),
            Key::Int(4) => item::node(reader, "use before")?.meaning("seconds since 1970"),
            Key::Int(5) => item::node(reader, "slot")?.meaning("A is 0, B is 1"),
            Key::Int(14) => item::node(reader, "image size")?.meaning("bytes"),
            Key::Int(18) => item::node(reader, "content")?,
            Key::Int(19) => encryption_info(reader.bytes()?)?,
            Key::Int(21) => item::node(reader, "URI")?.meaning("where the image comes from"),
            Key::Int(22) => item::node(reader, "source component")?.meaning("index of a component"),
            Key::Int(23) => item::node(reader, "invoke arguments")?,
            Key::Int(24) => uuid(reader.bytes()?, "device"),
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
        25 => "condition: image does not match digest",
        28 => "condition: version",
        31 => "swap",
        32 => "run sequence",
        _ => "command outside the profile",
    }
}
