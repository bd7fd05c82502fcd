//! Places of a stored record (see `aseptic_core::record`): one, or both in a row.

use super::{content, cose, item};
use crate::tree::Node;
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::record::{Kind, crc32};
use aseptic_core::{Reason, Result};

const MAGIC: &[u8] = b"aRec";
const HEAD: usize = 12;
const CHECK: usize = 4;
/// What `aseptic_hosted::files` puts behind each blob.
const MARK: usize = 32;

/// Whether the bytes begin as a record does.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The frame, and the fields of the payload. Of two places in a row both are shown.
pub(crate) fn node(bytes: &[u8]) -> Result<Node> {
    let (first, rest) = place(bytes)?;
    if rest.is_empty() {
        return Ok(first);
    }
    if let Ok(mark) = <&[u8; MARK]>::try_from(rest) {
        let mark =
            Node::bytes("mark", mark).meaning("HMAC-SHA-256 under the storage secret of the folder; not checked");
        return Ok(
            Node::new("record", "in a file", vec![first, mark]).meaning("one of the two places, as a folder has it")
        );
    }
    let (second, rest) = place(rest)?;
    if !rest.is_empty() {
        return Err(Reason::RecordCorrupt);
    }
    Ok(Node::new("record", "2 places", vec![first, second]).meaning("the valid one with the higher sequence counts"))
}

/// The frame at the front, and what follows it.
fn place(bytes: &[u8]) -> Result<(Node, &[u8])> {
    let Some((&[_, _, _, _, number, version, high, low, s0, s1, s2, s3], _)) =
        bytes.strip_prefix(MAGIC).and_then(|_| bytes.split_first_chunk::<HEAD>())
    else {
        return Err(Reason::RecordCorrupt);
    };
    let end = HEAD.saturating_add(usize::from(u16::from_be_bytes([high, low])));
    let (body, rest) = bytes.split_at_checked(end).ok_or(Reason::RecordCorrupt)?;
    let (check, rest) = rest.split_first_chunk::<CHECK>().ok_or(Reason::RecordCorrupt)?;
    let payload = body.get(HEAD..).unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == number);
    let whole = crc32(body) == u32::from_be_bytes(*check);
    let sequence = u32::from_be_bytes([s0, s1, s2, s3]);
    let children = vec![
        Node::leaf("kind", number.to_string()).meaning(kind.map_or("unknown to this version", meaning)),
        Node::leaf("format version", version.to_string()),
        Node::leaf("sequence", sequence.to_string()).meaning("the higher one of the two places counts"),
        self::payload(kind.filter(|_| whole), payload),
        Node::bytes("check", check).meaning(if whole {
            "CRC-32 of all before it; it matches"
        } else {
            "CRC-32 of all before it; it does not match: this place is damaged, the other one counts"
        }),
    ];
    Ok((Node::new("record", "", children).meaning("one of the two places of a stored record"), rest))
}

/// By the kind of record; bytes that are not what the kind prescribes are shown as CBOR, or as bytes.
fn payload(kind: Option<Kind>, payload: &[u8]) -> Node {
    let cbor = || {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        let node = item::node(&mut reader, "payload")?;
        reader.end().map(|()| node)
    };
    let known = match kind {
        Some(Kind::TrustManufacturer | Kind::TrustOwner) => cose::node(payload).ok().flatten().map(|node| vec![node]),
        Some(kind) => content::fields(kind, payload).ok(),
        None => None,
    };
    match known {
        Some(fields) => Node::new("payload", format!("{} bytes", payload.len()), fields),
        None => cbor().unwrap_or_else(|_| Node::bytes("payload", payload)),
    }
}

const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::TimeFloor => "time floor: before this time it certainly is not",
        Kind::TrustManufacturer => "trust store of the manufacturer",
        Kind::TrustOwner => "trust store of the owner",
        Kind::BirthIdentity => "birth identity (IDevID)",
        Kind::LocalIdentity => "identity given by the owner (LDevID), with its successor",
        Kind::UpdateJournal => "journal of the update under way",
        Kind::UpdateConfirmed => "what was confirmed last, and the rollback floor",
        Kind::SenderSequence => "sequence numbers that a sender has reserved",
        Kind::ReplayWindows => "replay windows of a receiver",
        Kind::RevocationNumbers => "highest numbers of revocation lists: no older list is believed",
        Kind::AgreementKey => "which key others seal messages for",
        Kind::UpdateDowngrade => "which images may run below the rollback floor",
        Kind::UpdateHolds => "updates that the owner has put off or vetoed",
        Kind::UpdateReport => "account of the update under way, and the last report",
        Kind::Tombstone => "the device was decommissioned",
        Kind::RenewalSecret => "what spreads the renewals of a lot over time",
        _ => "unknown to this version",
    }
}
