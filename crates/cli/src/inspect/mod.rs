//! `aseptic inspect`: a readable tree of what a file holds, with the meaning of each field.
//!
//! Looking proves nothing: no signature is verified here.

mod claims;
mod content;
mod cose;
mod item;
mod key;
pub(crate) mod names;
mod record;
pub(crate) mod suit;
#[cfg(test)]
mod tests;
mod trust;
mod x509;

use crate::error::{Error, Result};
use crate::file;
use crate::tree::Node;
use aseptic_core::Reason;
use aseptic_core::cbor::{Reader, Rules};
use clap::Args;
use std::path::PathBuf;

/// Show what a file holds, with the meaning of each field.
///
/// Known are certificates, certification requests, revocation lists, certificate bundles (CMS) and public keys, in PEM or
/// DER; COSE messages and keys, SUIT envelopes and trust stores in CBOR; and the records that a device stores, one place
/// or both. Looking proves nothing: no signature is verified. Private keys are never shown.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  aseptic inspect device.pem\n  aseptic inspect pump-7.suit --json"
)]
pub(crate) struct Arguments {
    /// PEM, DER, CBOR or a stored record
    file: PathBuf,
    /// As JSON: a tree of name, value, meaning, children
    #[arg(long)]
    json: bool,
}

/// Reads a file and gives its tree as text or JSON.
pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.file;
    let tree = look(&file::read(path)?).map_err(|reason| Error::refused(path, reason))?;
    let Some(tree) = tree else {
        let unknown = Error::because(path, Reason::FileCorrupt, "The content is of no kind that this command knows.");
        return Err(unknown.remedied(KNOWN));
    };
    Ok(if arguments.json { tree.json() } else { tree.text() })
}

/// The tree of `bytes`; none if they are of no known kind, a reason if they are of one but broken.
fn look(bytes: &[u8]) -> aseptic_core::Result<Option<Node>> {
    if is_pem(bytes) {
        return pem(bytes).map(Some);
    }
    match bytes.first() {
        Some(0x30) => x509::der(bytes).map(Some),
        _ if record::is_one(bytes) => record::node(bytes).map(Some),
        Some(0xA0..=0xBB) => map(bytes),
        Some(0xC0..=0xDB) => tagged(bytes),
        _ => Ok(None),
    }
}

/// By CBOR tag.
fn tagged(bytes: &[u8]) -> aseptic_core::Result<Option<Node>> {
    if suit::is_one(bytes) { suit::node(bytes).map(Some) } else { cose::node(bytes) }
}

/// A bare trust store or a COSE_Key.
fn map(bytes: &[u8]) -> aseptic_core::Result<Option<Node>> {
    if trust::is_one(bytes) {
        return trust::node(bytes).map(Some);
    }
    if !key::is_one(bytes) {
        return Ok(None);
    }
    let mut reader = Reader::new(bytes, Rules::Received);
    let node = key::node(&mut reader, "COSE_Key")?;
    reader.end().map(|()| Some(node))
}

/// Text with a block in it; OpenSSL puts an explanation before it.
fn is_pem(bytes: &[u8]) -> bool {
    bytes.starts_with(file::PEM_BEGIN)
        || (std::str::from_utf8(bytes).is_ok()
            && bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(file::PEM_BEGIN)))
}

fn pem(bytes: &[u8]) -> aseptic_core::Result<Node> {
    let blocks = file::pem_blocks(bytes).ok_or(Reason::DerMalformed)?;
    let mut children = blocks.iter().map(block).collect::<aseptic_core::Result<Vec<_>>>()?;
    match (children.len(), children.pop()) {
        (_, None) => Err(Reason::DerMalformed),
        (1, Some(only)) => Ok(only),
        (count, Some(last)) => {
            children.push(last);
            Ok(Node::new("PEM file", format!("{count} blocks"), children))
        }
    }
}

fn block(block: &pem::Pem) -> aseptic_core::Result<Node> {
    match block.tag() {
        tag if tag.ends_with("PRIVATE KEY") => Ok(x509::private_key(block.contents().len())),
        "CERTIFICATE"
        | "TRUSTED CERTIFICATE"
        | "X509 CERTIFICATE"
        | "CERTIFICATE REQUEST"
        | "NEW CERTIFICATE REQUEST"
        | "X509 CRL"
        | "CMS"
        | "PKCS7"
        | "PUBLIC KEY" => x509::der(block.contents()),
        other => {
            let size = format!("{} bytes", block.contents().len());
            Ok(Node::leaf(other, size).meaning("of a kind that this command does not know"))
        }
    }
}

const KNOWN: &str =
    "Pass a certificate, request, revocation list, bundle, COSE message or key, SUIT envelope or stored record.";
