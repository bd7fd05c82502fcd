//! Properties of the CBOR reader and writer over random values and random bytes.

use aseptic_core::cbor::{Key, Reader, Rules, Type, Writer};
use aseptic_core::{Reason, limits};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Whatever the writer can write.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Uint(u64),
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    Map(Vec<(MapKey, Value)>),
    Tag(u64, Box<Value>),
    Bool(bool),
    Null,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MapKey {
    Int(i64),
    Text(String),
}

impl Value {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Uint(value) => drop(writer.uint(*value)),
            Self::Int(value) => drop(writer.int(*value)),
            Self::Bytes(bytes) => drop(writer.bytes(bytes)),
            Self::Text(text) => drop(writer.text(text)),
            Self::Array(items) => {
                writer.array(items.len());
                items.iter().for_each(|item| item.write(writer));
            }
            Self::Map(entries) => {
                writer.map(entries.len());
                for (key, value) in entries {
                    key.write(writer);
                    value.write(writer);
                }
            }
            Self::Tag(tag, value) => value.write(writer.tag(*tag)),
            Self::Bool(value) => drop(writer.bool(*value)),
            Self::Null => drop(writer.null()),
        }
    }

    fn encode(&self) -> Vec<u8> {
        encode(|writer| self.write(writer))
    }

    /// Reads any item, an integer of major type 0 as `Uint`.
    fn read(reader: &mut Reader<'_>) -> aseptic_core::Result<Self> {
        Ok(match reader.peek()? {
            Type::Unsigned => Self::Uint(reader.uint()?),
            Type::Negative => Self::Int(reader.int()?),
            Type::Bytes => Self::Bytes(reader.bytes()?.to_vec()),
            Type::Text => Self::Text(reader.text()?.into()),
            Type::Array => Self::Array((0..reader.array()?).map(|_| Self::read(reader)).collect::<Result<_, _>>()?),
            Type::Map => {
                let mut map = reader.map()?;
                let mut entries = Vec::new();
                while let Some(key) = map.next(reader)? {
                    let key = match key {
                        Key::Int(key) => MapKey::Int(key),
                        Key::Text(key) => MapKey::Text(key.into()),
                    };
                    entries.push((key, Self::read(reader)?));
                }
                Self::Map(entries)
            }
            Type::Tag => Self::Tag(reader.tag()?, Box::new(Self::read(reader)?)),
            Type::Simple if reader.null() => Self::Null,
            Type::Simple => Self::Bool(reader.bool()?),
        })
    }
}

impl MapKey {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Int(key) => writer.int(*key),
            Self::Text(key) => writer.text(key),
        };
    }

    fn encode(&self) -> Vec<u8> {
        encode(|writer| self.write(writer))
    }
}

fn encode(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut query = Writer::new(&mut []);
    write(&mut query);
    let mut out = vec![0; query.needed()];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().expect("the size that was asked for");
    out
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (0..70_000_u64).prop_map(Value::Uint),
        (i64::MIN..0).prop_map(Value::Int),
        (-70_000_i64..0).prop_map(Value::Int),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 40, |inner| {
        let key = prop_oneof![any::<i64>().prop_map(MapKey::Int), ".{0,30}".prop_map(MapKey::Text)];
        prop_oneof![
            vec(inner.clone(), 0..40).prop_map(Value::Array),
            btree_map(key, inner.clone(), 0..30).prop_map(sorted),
            (any::<u64>(), inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
        ]
    })
}

/// The order of deterministic encoding: by the encoded keys, byte by byte (RFC 8949 section 4.2.1).
fn sorted(entries: BTreeMap<MapKey, Value>) -> Value {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.encode());
    Value::Map(entries)
}

fn read(bytes: &[u8], rules: Rules) -> aseptic_core::Result<Value> {
    let mut reader = Reader::new(bytes, rules);
    let value = Value::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Bytes that often begin like CBOR.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        0..24_u8,
        proptest::sample::select(vec![
            0x18, 0x19, 0x38, 0x41, 0x58, 0x61, 0x81, 0x82, 0xA1, 0xA2, 0xC1, 0xD8, 0xF4, 0xF6
        ])
    ];
    vec(byte, 0..64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in values()) {
        let bytes = value.encode();
        for rules in [Rules::Deterministic, Rules::Received] {
            prop_assert_eq!(read(&bytes, rules), Ok(value.clone()));
            let mut reader = Reader::new(&bytes, rules);
            prop_assert_eq!(reader.raw(), Ok(&bytes[..]));
        }
    }

    #[test]
    fn every_truncation_is_refused(value in values(), cut in any::<proptest::sample::Index>()) {
        let bytes = value.encode();
        let end = cut.index(bytes.len());
        prop_assert!(read(&bytes[..end], Rules::Received).is_err());
        prop_assert!(Reader::new(&bytes[..end], Rules::Received).raw().is_err());
    }

    #[test]
    fn the_strict_reader_takes_only_what_the_writer_writes(bytes in likely()) {
        if let Ok(value) = read(&bytes, Rules::Deterministic) {
            prop_assert_eq!(value.encode(), bytes.clone());
            prop_assert_eq!(read(&bytes, Rules::Received), Ok(value));
        }
        // Passing over an item judges it as reading it does.
        let mut reader = Reader::new(&bytes, Rules::Deterministic);
        if let Ok(raw) = reader.raw() {
            prop_assert_eq!(read(raw, Rules::Deterministic).map(|value| value.encode()), Ok(raw.to_vec()));
        }
    }

    #[test]
    fn any_mutation_of_a_value_is_refused_or_is_another_value(value in values(), at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = value.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        match read(&bytes, Rules::Deterministic) {
            Ok(other) => prop_assert_ne!(other, value),
            Err(reason) => prop_assert!(matches!(
                reason,
                Reason::CborMalformed | Reason::CborNotDeterministic | Reason::CborTrailing | Reason::TooLarge
            ), "{:?}", reason),
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_read_beyond_them(bytes in prop_oneof![vec(any::<u8>(), 0..200), likely()]) {
        for rules in [Rules::Deterministic, Rules::Received] {
            let mut reader = Reader::new(&bytes, rules);
            if let Ok(raw) = reader.raw() {
                prop_assert!(bytes.starts_with(raw));
            }
        }
    }
}

/// Heads of every width, all that is possible in two bytes and samples of the rest, against a table of the RFC's rule.
#[test]
fn the_strict_reader_knows_one_head_for_each_argument() {
    for argument in (0..=70_000_u64).chain([u64::from(u32::MAX), 1 << 32, u64::MAX]) {
        for (width, extra) in [(0, 0), (24, 1), (25, 2), (26, 4), (27, 8)] {
            let mut bytes = vec![if width == 0 { argument as u8 } else { width }];
            bytes.extend(&argument.to_be_bytes()[8 - extra..]);
            let fits = if extra == 0 { argument < 24 } else { extra == 8 || argument < 1 << (8 * extra) };
            if !fits {
                continue;
            }
            let shortest = match argument {
                0..24 => 0,
                24..0x100 => 1,
                0x100..0x1_0000 => 2,
                0x1_0000..0x1_0000_0000 => 4,
                _ => 8,
            };
            let expected = if extra == shortest { Ok(argument) } else { Err(Reason::CborNotDeterministic) };
            assert_eq!(Reader::new(&bytes, Rules::Deterministic).uint(), expected);
            assert_eq!(Reader::new(&bytes, Rules::Received).uint(), Ok(argument));
        }
    }
}

#[test]
fn bounds_hold_to_the_item() {
    let nested = |depth: u8| [vec![0x81; usize::from(depth) - 1], vec![0]].concat();
    assert!(Reader::new(&nested(limits::CBOR_DEPTH), Rules::Received).raw().is_ok());
    assert_eq!(Reader::new(&nested(limits::CBOR_DEPTH + 1), Rules::Received).raw(), Err(Reason::TooLarge));
    for (items, expected) in [(limits::CBOR_ITEMS, true), (limits::CBOR_ITEMS + 1, false)] {
        let array = Value::Array(vec![Value::Null; items]).encode();
        let map = sorted((0..items).map(|key| (MapKey::Int(key as i64), Value::Null)).collect()).encode();
        for bytes in [array, map] {
            assert_eq!(Reader::new(&bytes, Rules::Received).raw().is_ok(), expected);
        }
    }
}
