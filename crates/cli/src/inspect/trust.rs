//! The trust store object (see `aseptic_core::trust`).

use super::x509::{self, key_kind};
use crate::tree::{Node, hex};
use aseptic_core::cbor::{Key, Reader, Rules};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::trust::{Purpose, Purposes};
use aseptic_core::{Reason, Result};

/// Whether the bytes begin as the content of a trust store does: eight entries or a few more, a format and an authority.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes, Rules::Received);
    let Ok(map) = reader.map() else { return false };
    (8..=13).contains(&map.left())
        && reader.int() == Ok(1)
        && reader.uint().is_ok()
        && reader.int() == Ok(2)
        && reader.uint().is_ok()
}

/// The content of a trust store, or an error if it is none.
pub(crate) fn node(payload: &[u8]) -> Result<Node> {
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let mut map = reader.map()?;
    let mut children = Vec::new();
    if !(8..=13).contains(&map.left()) {
        return Err(Reason::TrustMalformed);
    }
    while let Some(Key::Int(label)) = map.next(&mut reader)? {
        children.push(match label {
            1 => Node::leaf("format", reader.uint()?.to_string()),
            2 => authority(reader.uint()?)?,
            3 => Node::leaf("version", reader.uint()?.to_string()).meaning("only a higher one replaces it"),
            4 => Node::leaf("issued", reader.uint()?.to_string()).meaning("seconds since 1970"),
            5 => Node::leaf("threshold", reader.uint()?.to_string())
                .meaning("distinct keys that must sign the next version"),
            6 => list(&mut reader, "signers", signer)?,
            7 => list(&mut reader, "entries", entry)?,
            8 => list(&mut reader, "denied", |reader| Ok(Node::bytes("thumbprint", reader.bytes()?)))?,
            9 => list(&mut reader, "changed responses", response)?,
            10 => list(&mut reader, "lowest numbers of revocation lists", minimum)?,
            11 => Node::leaf("epoch", reader.uint()?.to_string()).meaning("the version that last withdrew trust"),
            12 => list(&mut reader, "quorums", quorum)?,
            13 => list(&mut reader, "retired algorithms", retirement)?,
            _ => return Err(Reason::TrustMalformed),
        });
    }
    reader.end()?;
    Ok(Node::new("trust store", "", children).meaning("who may do what on a device"))
}

fn authority(number: u64) -> Result<Node> {
    let meaning = match number {
        1 => "the manufacturer: birth identities and updates",
        2 => "the owner: servers, recipients, senders",
        _ => return Err(Reason::TrustMalformed),
    };
    Ok(Node::leaf("authority", number.to_string()).meaning(meaning))
}

fn signer(reader: &mut Reader<'_>) -> Result<Node> {
    reader.array_exact(2)?;
    let kind = key_kind(reader.uint()?);
    Ok(Node::bytes("key", reader.bytes()?).meaning(kind))
}

fn entry(reader: &mut Reader<'_>) -> Result<Node> {
    let length = reader.array()?;
    let bits = reader.uint()?;
    let name = reader.bytes()?;
    let may = Purpose::ALL.into_iter().filter(|purpose| bits & u64::from(Purposes::of(&[*purpose]).bits()) != 0);
    let may: Vec<_> = may.map(|purpose| format!("{purpose:?}")).collect();
    let what = match reader.uint()? {
        0 => {
            let anchor = reader.bytes()?;
            match x509::der(anchor) {
                Ok(certificate) => Node::new("anchor", "", vec![certificate]),
                Err(_) => Node::bytes("anchor", anchor).meaning("not readable as a certificate"),
            }
        }
        kind => Node::bytes("key", reader.bytes()?).meaning(key_kind(kind)),
    };
    let mut children = vec![what];
    for what in ["constraints", "successor"].into_iter().take(length.saturating_sub(4)) {
        children.push(Node::bytes(what, reader.bytes()?));
    }
    let name = String::from_utf8_lossy(name);
    Ok(Node::new("entry", name, children).meaning(format!("may: {}", may.join(", "))))
}

fn quorum(reader: &mut Reader<'_>) -> Result<Node> {
    let length = reader.array()?;
    let number = u8::try_from(reader.uint()?).map_err(|_| Reason::TrustMalformed)?;
    let keys = Node::leaf(format!("{:?}", Purpose::from_u8(number)?), reader.uint()?.to_string());
    Ok(keys.meaning(match length {
        2 => "distinct keys of this authority that must agree",
        3 if reader.bool()? => "distinct keys of this authority that must agree, of both algorithm families",
        _ => return Err(Reason::TrustMalformed),
    }))
}

fn retirement(reader: &mut Reader<'_>) -> Result<Node> {
    reader.array_exact(2)?;
    let number = u8::try_from(reader.uint()?).map_err(|_| Reason::TrustMalformed)?;
    let at = Node::leaf(format!("{:?}", KeyAlg::from_u8(number)?), reader.uint()?.to_string());
    Ok(at.meaning("seconds since 1970, from when on its signatures under software no longer count"))
}

fn minimum(reader: &mut Reader<'_>) -> Result<Node> {
    reader.array_exact(2)?;
    let issuer = hex(reader.bytes()?);
    Ok(Node::leaf(issuer, format!("0x{}", hex(reader.bytes()?))).meaning("lists of this issuer below are not believed"))
}

fn response(reader: &mut Reader<'_>) -> Result<Node> {
    const PATHS: [&str; 6] = ["observations", "alarms", "commands", "configuration", "updates", "enrolment"];
    const FAILURES: [&str; 7] = [
        "expired",
        "long expired",
        "revoked",
        "own certificate expired",
        "forged",
        "revocation list ageing",
        "revocation unknown",
    ];
    const RESPONSES: [&str; 3] = ["flag", "hold", "refuse"];
    reader.array_exact(2)?;
    let [path, failure, response] = *reader.array_of::<3>()?;
    let word = |words: &[&'static str], number: u8| words.get(usize::from(number)).copied().unwrap_or("unknown");
    let why = reader.text()?.to_owned();
    let name = format!("{}, {}", word(&PATHS, path), word(&FAILURES, failure));
    Ok(Node::leaf(name, word(&RESPONSES, response)).meaning(why))
}

fn list(reader: &mut Reader<'_>, name: &str, item: impl Fn(&mut Reader<'_>) -> Result<Node>) -> Result<Node> {
    let count = reader.array()?;
    let items: Result<Vec<_>> = (0..count).map(|_| item(reader)).collect();
    Ok(Node::new(name, count.to_string(), items?))
}
