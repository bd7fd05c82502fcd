//! What a manifest says about itself, read without judging it: to show it, to warn about it, to find out whom it is for.

use super::Envelope;
use crate::error::While;
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::{Reason, Result, limits};
use aseptic_update::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// The facts of a manifest. Nothing of it is proven, and what is outside the profile is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The manifest version.
    pub version: Option<u64>,
    /// The sequence number.
    pub sequence: Option<u64>,
    /// The reference URI.
    pub reference: Option<String>,
    /// Component identifiers, in parts.
    pub components: Vec<Vec<Vec<u8>>>,
    /// Digests of the members that are severed, by their keys.
    pub severed: BTreeMap<i64, Digest>,
    /// Vendors that parameters name.
    pub vendors: BTreeSet<Vec<u8>>,
    /// Classes that parameters name.
    pub classes: BTreeSet<Vec<u8>>,
    /// Dates before which it is to be used (seconds since 1970).
    pub use_before: BTreeSet<u64>,
    /// Where payloads come from, in the order of the manifest.
    pub uris: Vec<String>,
    /// Sets of parameters that name a digest, each with the size that stands beside it.
    pub images: Vec<(Digest, Option<u64>)>,
    /// Encryption information (encoded COSE_Encrypt), in the order of the manifest.
    pub encryption: Vec<Vec<u8>>,
    /// The commands that occur anywhere.
    pub commands: BTreeSet<i64>,
    /// Indices of components that are fetched, and of those that are the source of a copy.
    fetched: BTreeSet<u64>,
    sources: BTreeSet<u64>,
    /// The component index as the walk has set it.
    selected: Vec<u64>,
}

impl Outline {
    /// Reads the manifest of an envelope, with the severed members that it has.
    pub fn of(envelope: &Envelope) -> crate::Result<Self> {
        let severed = |wanted| envelope.members().find_map(|(key, content)| (key == wanted).then_some(content));
        Self::read(envelope.manifest(), severed).during("reading the manifest")
    }

    /// The components that are installed: all but those that bytes only pass through.
    #[must_use]
    pub fn installed(&self) -> Vec<Vec<Vec<u8>>> {
        let passage = |index: usize| {
            u64::try_from(index).is_ok_and(|index| self.fetched.contains(&index) && self.sources.contains(&index))
        };
        let installed = self.components.iter().enumerate().filter(|(index, _)| !passage(*index));
        installed.map(|(_, id)| id.clone()).collect()
    }

    /// Reads a manifest map. `severed` gives the bytes of severed members, which are read in place of their digests.
    pub fn read<'m>(manifest: &'m [u8], severed: impl Fn(i64) -> Option<&'m [u8]>) -> Result<Self> {
        let mut outline = Self::default();
        let mut reader = Reader::new(manifest, Rules::Received);
        let mut map = reader.map()?;
        while let Some(key) = map.next(&mut reader)? {
            let Key::Int(key) = key else { return Err(Reason::EnvelopeMalformed) };
            match key {
                1 => outline.version = Some(reader.uint()?),
                2 => outline.sequence = Some(reader.uint()?),
                3 => outline.common(reader.bytes()?)?,
                4 => outline.reference = Some(reader.text()?.to_owned()),
                5 | 6 => drop(reader.raw()?),
                _ => {
                    let inside = reader.peek()? == Type::Bytes;
                    let raw = reader.raw()?;
                    let content = if inside { Some(Reader::new(raw, Rules::Received).bytes()?) } else { severed(key) };
                    if let Some(digest) = (!inside).then(|| Digest::parse(raw).ok()).flatten() {
                        outline.severed.insert(key, digest);
                    }
                    match content {
                        Some(sequence) if SEQUENCES.contains(&key) => {
                            outline.sequence(sequence)?;
                        }
                        _ => {}
                    }
                }
            }
        }
        reader.end()?;
        Ok(outline)
    }

    fn common(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader::new(bytes, Rules::Received);
        let mut map = reader.map()?;
        while let Some(key) = map.next(&mut reader)? {
            match key {
                Key::Int(2) => {
                    for _ in 0..reader.array()? {
                        let parts = reader.array()?;
                        let parts = (0..parts).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Result<_>>()?;
                        self.components.push(parts);
                    }
                }
                Key::Int(4) => self.sequence(reader.bytes()?)?,
                Key::Int(_) | Key::Text(_) => drop(reader.raw()?),
            }
        }
        reader.end()
    }

    fn sequence(&mut self, sequence: &[u8]) -> Result<()> {
        self.selected = vec![0];
        self.commands(sequence, limits::COMMAND_NESTING)
    }

    fn commands(&mut self, sequence: &[u8], depth: u8) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Reason::TooLarge)?;
        let mut reader = Reader::new(sequence, Rules::Received);
        for _ in 0..reader.array()? / 2 {
            let command = reader.int()?;
            self.commands.insert(command);
            match command {
                15 => {
                    for _ in 0..reader.array()? {
                        if !reader.null() {
                            self.commands(reader.bytes()?, depth)?;
                        }
                    }
                }
                19 | 20 => self.parameters(&mut reader)?,
                32 => self.commands(reader.bytes()?, depth)?,
                12 => self.select(&mut reader)?,
                21 => {
                    self.fetched.extend(&self.selected);
                    reader.raw()?;
                }
                _ => drop(reader.raw()?),
            }
        }
        reader.end()
    }

    /// Set component index: a number, all, or a list.
    fn select(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.selected = match reader.peek()? {
            Type::Unsigned => vec![reader.uint()?],
            Type::Array => (0..reader.array()?).map(|_| reader.uint()).collect::<Result<_>>()?,
            _ => {
                reader.raw()?;
                (0..self.components.len()).filter_map(|index| u64::try_from(index).ok()).collect()
            }
        };
        Ok(())
    }

    fn parameters(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let (mut digest, mut size) = (None, None);
        let mut map = reader.map()?;
        while let Some(key) = map.next(reader)? {
            match key {
                Key::Int(1) if reader.peek()? == Type::Bytes => drop(self.vendors.insert(reader.bytes()?.to_vec())),
                Key::Int(2) => drop(self.classes.insert(reader.bytes()?.to_vec())),
                Key::Int(3) => digest = Digest::parse(reader.bytes()?).ok(),
                Key::Int(4) => drop(self.use_before.insert(reader.uint()?)),
                Key::Int(14) => size = Some(reader.uint()?),
                Key::Int(19) => self.encryption.push(reader.bytes()?.to_vec()),
                Key::Int(21) => self.uris.push(reader.text()?.to_owned()),
                Key::Int(22) => drop(self.sources.insert(reader.uint()?)),
                Key::Int(_) | Key::Text(_) => drop(reader.raw()?),
            }
        }
        self.images.extend(digest.map(|digest| (digest, size)));
        Ok(())
    }
}

/// Members that are command sequences.
const SEQUENCES: [i64; 8] = [7, 8, 9, 15, 16, 18, 20, 24];
