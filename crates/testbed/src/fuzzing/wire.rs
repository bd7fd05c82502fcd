//! Encodings.

use aseptic_core::Result;
use aseptic_core::cbor::{Key, Reader, Rules, Type, Writer};

/// Neither rule reads beyond the item, and what the strict rule reads is what the writer writes.
pub fn cbor(data: &[u8]) {
    for rules in [Rules::Received, Rules::Deterministic] {
        let mut reader = Reader::new(data, rules);
        let Ok(raw) = reader.raw() else { continue };
        assert!(data.starts_with(raw) && !raw.is_empty());
        assert_eq!(reader.rest().len(), data.len() - raw.len());
        let mut again = vec![0; raw.len()];
        let mut writer = Writer::new(&mut again);
        let copied = copy(&mut Reader::new(raw, rules), &mut writer);
        if rules == Rules::Deterministic {
            assert_eq!(copied, Ok(()), "passed over, but not read");
            assert_eq!(writer.finish().as_deref(), Ok(raw), "another encoding of the same value");
        }
    }
    let mut reader = Reader::new(data, Rules::Received);
    if let Ok(text) = reader.text() {
        assert!(data.ends_with(reader.rest()) && text.len() < data.len());
    }
}

fn copy(reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Result<()> {
    match reader.peek()? {
        Type::Unsigned => drop(writer.uint(reader.uint()?)),
        Type::Negative => drop(writer.int(reader.int()?)),
        Type::Bytes => drop(writer.bytes(reader.bytes()?)),
        Type::Text => drop(writer.text(reader.text()?)),
        Type::Array => {
            let count = reader.array()?;
            writer.array(count);
            (0..count).try_for_each(|_| copy(reader, writer))?;
        }
        Type::Map => {
            let mut map = reader.map()?;
            writer.map(map.left());
            while let Some(key) = map.next(reader)? {
                match key {
                    Key::Int(key) => writer.int(key),
                    Key::Text(key) => writer.text(key),
                };
                copy(reader, writer)?;
            }
        }
        Type::Tag => {
            writer.tag(reader.tag()?);
            copy(reader, writer)?;
        }
        Type::Simple if reader.null() => drop(writer.null()),
        Type::Simple => drop(writer.bool(reader.bool()?)),
    }
    Ok(())
}

pub(super) fn cbor_seeds() -> Vec<Vec<u8>> {
    let make = |fill: fn(&mut Writer<'_>)| {
        let mut out = vec![0; 512];
        let mut writer = Writer::new(&mut out);
        fill(&mut writer);
        let length = writer.needed();
        out.truncate(length);
        out
    };
    vec![
        make(|writer| {
            writer.map(4).int(1).uint(u64::MAX).int(-1).int(i64::MIN).text("a").bool(true).text("bb").null();
        }),
        make(|writer| {
            writer
                .tag(98)
                .array(4)
                .bytes(&[7; 24])
                .map(0)
                .bytes(&[1; 256])
                .array(2)
                .text("text")
                .tag(24)
                .bytes(&[0xA0]);
        }),
        make(|writer| {
            for _ in 0..15 {
                writer.map(2).int(0);
            }
            writer.map(0);
            for _ in 0..15 {
                writer.int(1).uint(24);
            }
        }),
        vec![
            0xB9, 0x00, 0x02, 0x18, 0x05, 0xFB, 0x40, 0x09, 0x21, 0xFB, 0x54, 0x44, 0x2D, 0x18, 0x01, 0xF9, 0x7E, 0x00,
        ],
    ]
}
