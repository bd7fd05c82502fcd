//! The manifest map of the profile: which members there are, not yet what their commands do.

use crate::digest::Digest;
use crate::envelope::Authentic;
use aseptic_core::cbor::{Key, Map, Reader, Rules, Type};
use aseptic_core::crypto::Suite;
use aseptic_core::{Reason, Result, limits};

const VERSION: i64 = 1;
const SEQUENCE_NUMBER: i64 = 2;
const COMMON: i64 = 3;
const REFERENCE_URI: i64 = 4;
const VALIDATE: i64 = 7;
const INVOKE: i64 = 9;
const INSTALL: i64 = 20;
const TEXT: i64 = 23;

const COMPONENTS: i64 = 2;
const SHARED_SEQUENCE: i64 = 4;

/// The manifest as a frame around its command sequences.
pub(crate) struct Manifest<'a> {
    pub(crate) sequence: u64,
    /// The component identifier: an encoded array of byte strings.
    pub(crate) component: &'a [u8],
    pub(crate) shared: &'a [u8],
    pub(crate) install: &'a [u8],
    pub(crate) validate: &'a [u8],
    pub(crate) invoke: Option<&'a [u8]>,
    /// What it says to people, where it came along.
    pub(crate) text: Option<&'a [u8]>,
}

impl<'a> Manifest<'a> {
    /// Reads the manifest of an authentic envelope and proves every severed member that the envelope has.
    ///
    /// [`Reason::ManifestUnsupported`] for any member outside the profile and for any that is missing;
    /// [`Reason::ManifestDigest`] for a severed member with other content, [`Reason::EnvelopeMalformed`] for a member of
    /// the envelope that the manifest does not vouch for.
    pub(crate) fn read(authentic: &Authentic<'a>, suite: &Suite<'_>) -> Result<Self> {
        let mut reader = Reader::new(authentic.manifest(), Rules::Deterministic);
        let mut map = reader.map()?;
        field(&mut map, &mut reader, VERSION)?;
        if reader.uint()? != 1 {
            return Err(Reason::ManifestVersion);
        }
        field(&mut map, &mut reader, SEQUENCE_NUMBER)?;
        let sequence = reader.uint()?;
        field(&mut map, &mut reader, COMMON)?;
        let (component, shared) = common(reader.bytes()?)?;

        let (mut install, mut validate, mut invoke, mut text) = (None, None, None, None);
        let mut severed = [None; 2];
        while let Some(key) = map.next(&mut reader)? {
            match key {
                Key::Int(REFERENCE_URI) if reader.text()?.len() <= limits::URI => {}
                Key::Int(VALIDATE) => validate = Some(reader.bytes()?),
                Key::Int(INVOKE) => invoke = Some(reader.bytes()?),
                Key::Int(INSTALL) => match member(&mut reader, INSTALL, authentic, suite, &mut severed)? {
                    Some(content) => install = Some(content),
                    None => return Err(Reason::EnvelopeMalformed),
                },
                // For people; it is proven if it is there, and decides nothing.
                Key::Int(TEXT) => text = member(&mut reader, TEXT, authentic, suite, &mut severed)?,
                Key::Int(_) | Key::Text(_) => return Err(Reason::ManifestUnsupported),
            }
        }
        reader.end()?;
        // Nothing may travel with the envelope that its signature does not cover.
        if authentic.members().any(|key| !severed.contains(&Some(key))) {
            return Err(Reason::EnvelopeMalformed);
        }
        let (install, validate) =
            (install.ok_or(Reason::ManifestUnsupported)?, validate.ok_or(Reason::ManifestUnsupported)?);
        Ok(Self { sequence, component, shared, install, validate, invoke, text })
    }
}

/// A severable member: inside the manifest, or in the envelope under the digest that the manifest holds.
fn member<'a>(
    reader: &mut Reader<'a>,
    key: i64,
    authentic: &Authentic<'a>,
    suite: &Suite<'_>,
    severed: &mut [Option<i64>; 2],
) -> Result<Option<&'a [u8]>> {
    if reader.peek()? != Type::Array {
        return reader.bytes().map(Some);
    }
    let digest = Digest::read(reader)?;
    *severed.iter_mut().find(|place| place.is_none()).ok_or(Reason::Internal)? = Some(key);
    authentic.severed(suite, key, &digest)
}

/// Components and shared sequence; one component, no dependencies.
fn common(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut reader = Reader::new(bytes, Rules::Deterministic);
    let mut map = reader.map()?;
    field(&mut map, &mut reader, COMPONENTS)?;
    if reader.array()? != 1 {
        return Err(Reason::ManifestUnsupported);
    }
    let component = component(&mut reader)?;
    field(&mut map, &mut reader, SHARED_SEQUENCE)?;
    let shared = reader.bytes()?;
    if map.left() != 0 {
        return Err(Reason::ManifestUnsupported);
    }
    reader.end()?;
    Ok((component, shared))
}

fn component<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let raw = reader.raw()?;
    let mut parts = Reader::new(raw, Rules::Deterministic);
    for _ in 0..parts.array()? {
        parts.bytes()?;
    }
    Ok(raw)
}

/// The next key, which the profile wants to be `label`.
fn field<'a>(map: &mut Map, reader: &mut Reader<'a>, label: i64) -> Result<()> {
    match map.next(reader)? {
        Some(Key::Int(key)) if key == label => Ok(()),
        _ => Err(Reason::ManifestUnsupported),
    }
}
