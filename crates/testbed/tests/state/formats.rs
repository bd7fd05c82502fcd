//! A strict reader of stored records that shares no code with the library: it knows the frame, and for the payload a
//! description in a part of CDDL (RFC 8610), kept beside the states of each release.
//!
//! The part: `uint`, `bstr`, `tstr`, `false`, `true`, `null`, numbers, `.size N` and `.size A..B`, `.cbor rule`, `[ ... ]` with `* item` last,
//! `{ number: type, ... }`, `#6.N(type)`, `a / b`, and names of rules. CBOR must be deterministic (RFC 8949 section 4.2.1).

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Formats {
    record: Vec<Record>,
    cddl: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    kind: String,
    /// The two slots of the record; of software keys the first and the last one.
    slots: [u16; 2],
    /// The byte of the frame that names the record, and the version of the payload; none where there is no frame.
    frame: Option<[u8; 2]>,
    /// Fixed bytes: widths of the fields, repeated at most so often. Else `rule` of the CDDL.
    fields: Option<Vec<usize>>,
    #[serde(default)]
    repeat: usize,
    rule: Option<String>,
    /// Why the life of the states writes none.
    unwritten: Option<String>,
}

impl Formats {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether the release can read what is in this slot.
    pub(crate) fn check(&self, slot: u16, bytes: &[u8]) -> Result<(), String> {
        let Some(record) = self.of(slot) else { return Err("a slot that the release does not know".into()) };
        let payload = match record.frame {
            Some(expected) => unframed(expected, bytes)?,
            None => bytes,
        };
        match (&record.fields, &record.rule) {
            (Some(fields), None) => {
                let unit: usize = fields.iter().sum();
                let count = payload.len() / unit;
                let whole =
                    payload.len() % unit == 0 && count <= record.repeat.max(1) && (record.repeat > 0 || count == 1);
                whole.then_some(()).ok_or(format!("{} bytes for fields of {unit}", payload.len()))
            }
            (None, Some(rule)) => Cddl::parse(&self.cddl)?.check(rule, payload),
            _ => Err(format!("{} has fields or a rule", record.kind)),
        }
    }

    /// A description that nothing is held against proves nothing: all but those with a reason are used, and those are not.
    pub(crate) fn all_used(&self, slots: &[u16]) {
        for record in &self.record {
            let used = slots.iter().any(|slot| self.of(*slot).is_some_and(|used| used.kind == record.kind));
            assert_eq!(used, record.unwritten.is_none(), "{}", record.kind);
        }
    }

    /// Whether a record is described.
    pub(crate) fn describes(&self, kind: &str) -> bool {
        self.record.iter().any(|record| record.kind == kind)
    }

    fn of(&self, slot: u16) -> Option<&Record> {
        self.record.iter().find(|record| (record.slots[0]..=record.slots[1]).contains(&slot))
    }
}

/// The payload inside a frame that is right in every byte.
fn unframed([kind, version]: [u8; 2], bytes: &[u8]) -> Result<&[u8], String> {
    let (body, check) = bytes.split_last_chunk::<4>().ok_or("too short")?;
    let payload = body.get(12..).ok_or("too short")?;
    let head = [&b"aRec"[..], &[kind, version], &u16::try_from(payload.len()).map_err(|_| "too long")?.to_be_bytes()];
    if body[..8] != head.concat() {
        return Err(format!("head {:02x?}", &body[..8]));
    }
    let mut crc = flate2::Crc::new();
    crc.update(body);
    (crc.sum().to_be_bytes() == *check).then_some(payload).ok_or("check".into())
}

enum Type {
    Uint,
    Number(u64),
    /// -1 - n.
    Negative(u64),
    /// False, true or null: the byte that says so.
    Simple(u8),
    /// Byte or text string with bounds, and what it wraps.
    Bytes(u8, usize, usize, Option<Box<Type>>),
    Array(Vec<Type>, Option<Box<Type>>),
    Map(Vec<(u64, Type)>),
    Tag(u64, Box<Type>),
    Choice(Vec<Type>),
    Name(String),
}

struct Cddl(BTreeMap<String, Type>);

impl Cddl {
    fn parse(text: &str) -> Result<Self, String> {
        let mut rules = BTreeMap::new();
        let code: String =
            text.lines().filter_map(|line| line.split(';').next()).flat_map(|line| [line, "\n"]).collect();
        let mut words = Words::of(&code);
        while let Some(name) = words.next() {
            words.expect("=")?;
            rules.insert(name, words.choice()?);
        }
        Ok(Self(rules))
    }

    fn check(&self, rule: &str, bytes: &[u8]) -> Result<(), String> {
        let rest = self.take(&Type::Name(rule.to_owned()), bytes)?;
        rest.is_empty().then_some(()).ok_or("bytes behind the end".into())
    }

    /// Reads one item of this type; gives what follows.
    fn take<'b>(&self, kind: &Type, bytes: &'b [u8]) -> Result<&'b [u8], String> {
        match kind {
            Type::Name(name) => {
                let kind = self.0.get(name).ok_or(format!("no rule {name}"))?;
                self.take(kind, bytes).map_err(|error| format!("{name}: {error}"))
            }
            Type::Choice(kinds) => {
                let tried = kinds.iter().map(|kind| self.take(kind, bytes));
                let mut errors = Vec::new();
                for result in tried {
                    match result {
                        Ok(rest) => return Ok(rest),
                        Err(error) => errors.push(error),
                    }
                }
                Err(errors.join(" and "))
            }
            Type::Simple(byte) => bytes.strip_prefix(&[*byte]).ok_or(format!("no {byte:02x}: {:02x?}", bytes.first())),
            Type::Uint => head(0, bytes).map(|(_, rest)| rest),
            Type::Number(number) => match head(0, bytes)? {
                (found, rest) if found == *number => Ok(rest),
                (found, _) => Err(format!("{found} for {number}")),
            },
            Type::Negative(number) => match head(1, bytes)? {
                (found, rest) if found == *number => Ok(rest),
                (found, _) => Err(format!("-1-{found} for -1-{number}")),
            },
            Type::Bytes(major, least, most, inside) => {
                let (length, rest) = head(*major, bytes)?;
                let length = usize::try_from(length).map_err(|error| error.to_string())?;
                if !(*least..=*most).contains(&length) {
                    return Err(format!("{length} bytes for {least}..{most}"));
                }
                let (content, rest) = rest.split_at_checked(length).ok_or("cut short")?;
                if *major == 3 && std::str::from_utf8(content).is_err() {
                    return Err("no UTF-8".into());
                }
                match inside {
                    Some(kind) if !self.take(kind, content)?.is_empty() => Err("bytes behind what is wrapped".into()),
                    _ => Ok(rest),
                }
            }
            Type::Array(items, more) => {
                let (count, mut rest) = head(4, bytes)?;
                let count = usize::try_from(count).map_err(|error| error.to_string())?;
                if count < items.len() || count > items.len() && more.is_none() {
                    return Err(format!("{count} items for {}", items.len()));
                }
                for at in 0..count {
                    let kind = items.get(at).or(more.as_deref()).ok_or("items")?;
                    rest = self.take(kind, rest)?;
                }
                Ok(rest)
            }
            Type::Map(fields) => {
                let (count, mut rest) = head(5, bytes)?;
                if count != fields.len() as u64 {
                    return Err(format!("{count} fields for {}", fields.len()));
                }
                for (key, kind) in fields {
                    rest = self.take(kind, self.take(&Type::Number(*key), rest)?)?;
                }
                Ok(rest)
            }
            Type::Tag(number, kind) => match head(6, bytes)? {
                (found, rest) if found == *number => self.take(kind, rest),
                (found, _) => Err(format!("tag {found} for {number}")),
            },
        }
    }
}

/// The argument of an item of this major type, in its shortest form.
fn head(major: u8, bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    let (first, rest) = bytes.split_first().ok_or("cut short")?;
    if first >> 5 != major {
        return Err(format!("major type {} for {major}", first >> 5));
    }
    let info = first & 31;
    let width = match info {
        0..=23 => return Ok((u64::from(info), rest)),
        24..=27 => 1_usize << (info - 24),
        _ => return Err("indefinite length".into()),
    };
    let (argument, rest) = rest.split_at_checked(width).ok_or("cut short")?;
    let value = argument.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let least = if width == 1 { 24 } else { 1_u64 << (4 * width) };
    (value >= least).then_some((value, rest)).ok_or("not the shortest form".into())
}

struct Words(std::vec::IntoIter<String>, Option<String>);

impl Words {
    fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut open = false;
        for letter in text.chars() {
            let part = letter.is_alphanumeric() || "-_.#".contains(letter);
            match words.last_mut() {
                Some(word) if part && open => word.push(letter),
                _ if !letter.is_whitespace() => words.push(letter.to_string()),
                _ => {}
            }
            open = part;
        }
        let mut words = words.into_iter();
        let first = words.next();
        Self(words, first)
    }

    fn next(&mut self) -> Option<String> {
        std::mem::replace(&mut self.1, self.0.next())
    }

    fn follows(&mut self, word: &str) -> bool {
        let found = self.1.as_deref() == Some(word);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.follows(word) { Ok(()) } else { Err(format!("{:?} where {word:?} is due", self.1)) }
    }

    fn number(&mut self) -> Result<u64, String> {
        let word = self.next().ok_or("the end where a number is due")?;
        word.parse().map_err(|_| format!("{word} is no number"))
    }

    fn choice(&mut self) -> Result<Type, String> {
        let first = self.one()?;
        if self.1.as_deref() != Some("/") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.follows("/") {
            all.push(self.one()?);
        }
        Ok(Type::Choice(all))
    }

    fn one(&mut self) -> Result<Type, String> {
        let word = self.next().ok_or("the end where a type is due")?;
        Ok(match word.as_str() {
            "uint" => Type::Uint,
            "false" => Type::Simple(0xF4),
            "true" => Type::Simple(0xF5),
            "null" => Type::Simple(0xF6),
            "bstr" => self.string(2)?,
            "tstr" => self.string(3)?,
            "[" => {
                let (mut items, mut more) = (Vec::new(), None);
                while !self.follows("]") {
                    if self.follows("*") {
                        more = Some(Box::new(self.choice()?));
                    } else {
                        items.push(self.choice()?);
                    }
                    self.follows(",");
                }
                Type::Array(items, more)
            }
            "{" => {
                let mut fields = Vec::new();
                while !self.follows("}") {
                    let key = self.number()?;
                    self.expect(":")?;
                    fields.push((key, self.choice()?));
                    self.follows(",");
                }
                Type::Map(fields)
            }
            tag if tag.starts_with("#6.") => {
                let number = tag[3..].parse().map_err(|_| format!("{tag} is no tag"))?;
                self.expect("(")?;
                let kind = self.choice()?;
                self.expect(")")?;
                Type::Tag(number, Box::new(kind))
            }
            negative if negative.starts_with('-') => {
                let number = negative[1..].parse::<u64>().map_err(|_| format!("{negative} is no number"))?;
                Type::Negative(number.checked_sub(1).ok_or("-0")?)
            }
            number if number.starts_with(|letter: char| letter.is_ascii_digit()) => {
                Type::Number(number.parse().map_err(|_| format!("{number} is no number"))?)
            }
            name => Type::Name(name.to_owned()),
        })
    }

    fn string(&mut self, major: u8) -> Result<Type, String> {
        if self.follows(".cbor") {
            return Ok(Type::Bytes(major, 0, usize::MAX, Some(Box::new(self.one()?))));
        }
        if !self.follows(".size") {
            return Ok(Type::Bytes(major, 0, usize::MAX, None));
        }
        let word = self.next().ok_or("the end where a size is due")?;
        let (least, most) = word.split_once("..").unwrap_or((&word, &word));
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text} is no size"));
        Ok(Type::Bytes(major, number(least)?, number(most)?, None))
    }
}

#[test]
fn the_reader_is_strict() {
    let cddl = Cddl::parse(
        "a = [ uint, 0 / 1, bstr .size 2..3, * tstr ] ; comment\nb = { 1: a / null, 2: #6.98([bstr .cbor a]) }\nc = null",
    )
    .unwrap();
    let good = [0x83, 0x18, 24, 1, 0x42, 7, 7];
    assert_eq!(cddl.check("a", &good), Ok(()));
    assert_eq!(cddl.check("a", &[&[0x84], &good[1..], &[0x61, b'x']].concat()), Ok(()));
    let wrapped = [&[0xA2, 1, 0xF6, 2, 0xD8, 98, 0x81, 0x47][..], &good].concat();
    assert_eq!(cddl.check("b", &wrapped), Ok(()));
    for length in 0..wrapped.len() {
        assert!(cddl.check("b", &wrapped[..length]).is_err());
    }
    let wrong: [&[u8]; 7] = [
        &[0x83, 0x18, 23, 1, 0x42, 7, 7],
        &[0x83, 0x18, 24, 2, 0x42, 7, 7],
        &[0x83, 0x18, 24, 1, 0x41, 7],
        &[0x83, 0x18, 24, 1, 0x62, 7, 7],
        &[0x83, 0x18, 24, 1, 0x42, 7, 7, 0],
        &[0x9F, 0x18, 24, 1, 0x42, 7, 7, 0xFF],
        &[0x82, 0x18, 24, 1],
    ];
    for bytes in wrong {
        assert!(cddl.check("a", bytes).is_err(), "{bytes:02x?}");
    }
}
