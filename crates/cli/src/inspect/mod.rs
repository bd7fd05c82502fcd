//! `aseptic inspect`: a readable tree of what a file holds, with the meaning of each field.
//!
//! Looking proves nothing: no signature is verified here.

mod cose;
mod item;
mod node;
mod record;
mod suit;
mod trust;
mod x509;

use crate::error::Error;
use aseptic_core::Reason;
use node::Node;
use std::path::Path;
use x509_parser::pem::Pem;

/// Reads a file and gives its tree as text or JSON.
pub(crate) fn run(path: &Path, json: bool) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, &error))?;
    let tree = look(&bytes).map_err(|reason| Error::Refused { path: path.to_owned(), reason })?;
    let tree = tree.ok_or_else(|| Error::Unknown(path.to_owned()))?;
    Ok(if json { tree.json() } else { tree.text() })
}

/// The tree of `bytes`; none if they are of no known kind, a reason if they are of one but broken.
fn look(bytes: &[u8]) -> Result<Option<Node>, Reason> {
    if bytes.starts_with(b"-----BEGIN ") {
        return pem(bytes).map(Some);
    }
    match bytes.first() {
        Some(0x30) => x509::der(bytes).map(Some),
        _ if record::is_one(bytes) => record::node(bytes).map(Some),
        Some(0xC0..=0xDB) => tagged(bytes),
        _ => Ok(None),
    }
}

/// By CBOR tag.
fn tagged(bytes: &[u8]) -> Result<Option<Node>, Reason> {
    if suit::is_one(bytes) { suit::node(bytes).map(Some) } else { cose::node(bytes) }
}

fn pem(bytes: &[u8]) -> Result<Node, Reason> {
    let mut children = Vec::new();
    for block in Pem::iter_from_buffer(bytes) {
        let block = block.map_err(|_| Reason::DerMalformed)?;
        children.push(if block.label.ends_with("PRIVATE KEY") {
            Node::leaf("private key", format!("{} bytes", block.contents.len())).meaning("not shown")
        } else {
            x509::der(&block.contents)?
        });
    }
    match children.len() {
        0 => Err(Reason::DerMalformed),
        1 => Ok(children.remove(0)),
        count => Ok(Node::new("PEM file", format!("{count} blocks"), children)),
    }
}
