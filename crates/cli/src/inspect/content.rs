//! What the payloads of the records mean, field by field.

use super::x509;
use crate::tree::{Node, hex};
use aseptic_core::cbor::{Key, Map, Reader, Rules};
use aseptic_core::platform::ImageSlot;
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result};
use aseptic_update::Digest;
use aseptic_update::journal::{Confirmed, Journal, Stage};

/// The fields of the payload of a record of this kind; trust stores are COSE messages and not read here.
pub(crate) fn fields(kind: Kind, payload: &[u8]) -> Result<Vec<Node>> {
    match kind {
        Kind::TimeFloor => time_floor(payload),
        Kind::BirthIdentity => birth(payload),
        Kind::LocalIdentity => local(payload),
        Kind::UpdateJournal => Journal::parse(payload).map(|journal| self::journal(&journal)),
        Kind::UpdateConfirmed => Confirmed::parse(payload).map(|confirmed| self::confirmed(&confirmed)),
        Kind::SenderSequence => sender(payload),
        Kind::ReplayWindows => windows(payload),
        Kind::AgreementKey => agreement_key(payload),
        Kind::RevocationNumbers => revocation_numbers(payload),
        _ => Err(Reason::RecordVersion),
    }
}

fn time_floor(payload: &[u8]) -> Result<Vec<Node>> {
    let seconds = u64::from_be_bytes(payload.try_into().map_err(|_| Reason::RecordCorrupt)?);
    Ok(vec![Node::leaf("floor", seconds.to_string()).meaning("seconds since 1970")])
}

fn revocation_numbers(payload: &[u8]) -> Result<Vec<Node>> {
    let (rows, rest) = payload.as_chunks::<52>();
    if !rest.is_empty() {
        return Err(Reason::RecordCorrupt);
    }
    let row = |row: &[u8; 52]| {
        let (name, number) = row.split_at(32);
        let number = hex(number);
        let number = number.trim_start_matches('0');
        let lowest = Node::leaf("lowest number", format!("0x{}", if number.is_empty() { "0" } else { number }));
        Node::new("row of lists", hex(name), vec![lowest]).meaning("by issuer key and distribution point")
    };
    Ok(rows.iter().map(row).collect())
}

fn birth(payload: &[u8]) -> Result<Vec<Node>> {
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let mut map = reader.map()?;
    expect(&mut reader, &mut map, 1)?;
    let serial = Node::leaf("serial number", reader.text()?).meaning("the device, in the subject of its certificates");
    expect(&mut reader, &mut map, 2)?;
    let kind = Node::leaf("hardware type", x509::dotted(reader.bytes()?)).meaning("assigned by the maker (RFC 4108)");
    expect(&mut reader, &mut map, 3)?;
    let hardware = Node::bytes("hardware serial number", reader.bytes()?).meaning("unique among modules of the type");
    expect(&mut reader, &mut map, 4)?;
    let link = match reader.text()? {
        "" => Node::leaf("UDI", "none"),
        link => x509::uri(link),
    };
    expect(&mut reader, &mut map, 5)?;
    let credential = credential(&mut reader, "credential")?;
    reader.end()?;
    Ok(vec![serial, kind, hardware, link, credential])
}

fn local(payload: &[u8]) -> Result<Vec<Node>> {
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let mut map = reader.map()?;
    let mut children = Vec::new();
    for (label, name, meaning) in
        [(1, "current credential", "has proven itself"), (2, "successor", "becomes current once it has proven itself")]
    {
        expect(&mut reader, &mut map, label)?;
        let node = if reader.null() { Node::leaf(name, "none") } else { credential(&mut reader, name)? };
        children.push(node.meaning(meaning));
    }
    reader.end()?;
    Ok(children)
}

fn credential(reader: &mut Reader<'_>, name: &str) -> Result<Node> {
    reader.array_exact(5)?;
    let mut children = vec![
        Node::leaf("key id", reader.uint()?.to_string()).meaning("in the key store of the device"),
        Node::leaf("key algorithm", reader.uint().map(x509::key_kind)?),
        Node::leaf("thumbprint", hex(reader.bytes()?)).meaning("SHA-256 of the public key"),
    ];
    let request = reader.bytes()?;
    children.push(if request.is_empty() { Node::leaf("request", "none") } else { inside("request", request) });
    let count = reader.array()?;
    let chain: Result<Vec<_>> =
        (1..=count).map(|at| Ok(inside(&format!("certificate {at}"), reader.bytes()?))).collect();
    children.push(Node::new("chain", count.to_string(), chain?).meaning("the device's own certificate first"));
    Ok(Node::new(name, "", children))
}

/// DER where it can be read, else bytes.
fn inside(name: &str, bytes: &[u8]) -> Node {
    match x509::der(bytes) {
        Ok(node) => Node::new(name, format!("{} bytes", bytes.len()), vec![node]),
        Err(_) => Node::bytes(name, bytes),
    }
}

fn journal(journal: &Journal) -> Vec<Node> {
    let image = &journal.image;
    let (stage, meaning) = match journal.stage {
        Stage::Writing => ("writing", "the image is being received"),
        Stage::Staged => ("staged", "the whole image was read back and matches"),
        Stage::Activated => ("activated", "the slot is selected for a trial boot"),
    };
    vec![
        Node::leaf("stage", stage).meaning(meaning),
        Node::leaf("identity", hex(&journal.identity)).meaning("SHA-256 of the manifest"),
        slot(image.slot),
        digest("image digest", &image.digest),
        Node::leaf("image size", image.size.to_string()).meaning("bytes"),
        Node::leaf("sequence number", image.sequence.to_string()).meaning("of the manifest"),
        Node::leaf("offset", journal.offset.to_string()).meaning("bytes that the slot holds for certain"),
        digest("prefix digest", &journal.prefix).meaning("of those bytes"),
    ]
}

fn confirmed(confirmed: &Confirmed) -> Vec<Node> {
    let image = &confirmed.image;
    vec![
        slot(image.slot),
        digest("image digest", &image.digest),
        Node::leaf("image size", image.size.to_string()).meaning("bytes"),
        Node::leaf("rollback floor", image.sequence.to_string()).meaning("older sequence numbers are refused"),
        Node::leaf("migration floor", confirmed.migration_floor.to_string())
            .meaning("the lowest sequence number that can read the stored data"),
    ]
}

fn slot(slot: ImageSlot) -> Node {
    Node::leaf("slot", format!("{slot:?}"))
}

fn digest(name: &str, digest: &Digest) -> Node {
    Node::leaf(name, format!("{:?} {}", digest.alg(), hex(digest.as_bytes())))
}

/// The epoch, then for each stream the first number that is not reserved; 8 bytes each, big endian.
fn sender(payload: &[u8]) -> Result<Vec<Node>> {
    let ([epoch, marks @ ..], []) = payload.as_chunks::<8>() else { return Err(Reason::RecordCorrupt) };
    let mut children = vec![
        Node::leaf("epoch", u64::from_be_bytes(*epoch).to_string())
            .meaning("rises when a device has lost its sequence numbers"),
    ];
    children.extend(marks.iter().enumerate().map(|(stream, next)| {
        Node::leaf(format!("stream {stream}"), u64::from_be_bytes(*next).to_string())
            .meaning("the first sequence number that is not reserved")
    }));
    Ok(children)
}

/// One window after another: sender (16), stream (1), epoch (8), boot (8), mark (8).
fn agreement_key(payload: &[u8]) -> Result<Vec<Node>> {
    let id = u32::from_be_bytes(payload.try_into().map_err(|_| Reason::RecordCorrupt)?);
    Ok(vec![Node::leaf("key id", id.to_string())])
}

fn windows(payload: &[u8]) -> Result<Vec<Node>> {
    let (entries, []) = payload.as_chunks::<41>() else { return Err(Reason::RecordCorrupt) };
    Ok(entries.iter().enumerate().map(|(at, entry)| window(at, entry)).collect())
}

fn window(at: usize, entry: &[u8; 41]) -> Node {
    let (sender, rest) = entry.split_at(16);
    let (stream, rest) = rest.split_at(1);
    let (numbers, _) = rest.as_chunks::<8>();
    let mut children = vec![
        Node::leaf("sender", hex(sender)).meaning("the first half of SHA-256 of its name"),
        Node::leaf("stream", stream.iter().map(u8::to_string).collect::<String>()),
    ];
    let fields = [
        ("epoch", "of the sender's numbers"),
        ("boot", "drawn at random at each start of the sender"),
        ("mark", "no sequence number handed over lies above"),
    ];
    for ((name, meaning), bytes) in fields.into_iter().zip(numbers) {
        let number = u64::from_be_bytes(*bytes);
        let value = match name {
            "boot" => hex(bytes),
            _ => number.to_string(),
        };
        children.push(Node::leaf(name, value).meaning(meaning));
    }
    Node::new(format!("window {}", at.saturating_add(1)), "", children)
}

fn expect(reader: &mut Reader<'_>, map: &mut Map, label: i64) -> Result<()> {
    match map.next(reader)? {
        Some(Key::Int(key)) if key == label => Ok(()),
        _ => Err(Reason::RecordCorrupt),
    }
}
