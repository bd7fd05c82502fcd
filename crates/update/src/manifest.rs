//! The manifest map of the profile: which members there are, not yet what their commands do.

use crate::digest::Digest;
use crate::envelope::Authentic;
use aseptic_core::cbor::{Key, Map, Reader, Rules, Type};
use aseptic_core::crypto::Suite;
use aseptic_core::{Reason, Result, limits};

/// The draft whose code points this crate reads and verifies, and goes on to verify whatever its successors say.
pub const DRAFT: &str = "draft-ietf-suit-manifest-37";

const VERSION: i64 = 1;
const SEQUENCE_NUMBER: i64 = 2;
const COMMON: i64 = 3;
const REFERENCE_URI: i64 = 4;
const VALIDATE: i64 = 7;
const LOAD: i64 = 8;
const INVOKE: i64 = 9;
const PAYLOAD_FETCH: i64 = 16;
const CANDIDATE_VERIFICATION: i64 = 18;
const INSTALL: i64 = 20;
const TEXT: i64 = 23;

const COMPONENTS: i64 = 2;
const SHARED_SEQUENCE: i64 = 4;

/// Members that may be severed.
const SEVERABLE: usize = 4;

/// The manifest as a frame around its command sequences.
pub(crate) struct Manifest<'a> {
    pub(crate) sequence: u64,
    /// The component identifiers: encoded arrays of byte strings, no two alike.
    pub(crate) components: [&'a [u8]; limits::COMPONENTS],
    /// How many there are, at least 1.
    pub(crate) count: usize,
    pub(crate) shared: &'a [u8],
    pub(crate) payload_fetch: Option<&'a [u8]>,
    pub(crate) candidate_verification: Option<&'a [u8]>,
    pub(crate) install: &'a [u8],
    pub(crate) validate: &'a [u8],
    pub(crate) load: Option<&'a [u8]>,
    pub(crate) invoke: Option<&'a [u8]>,
    /// What it says to people, where it came along.
    pub(crate) text: Option<&'a [u8]>,
}

impl<'a> Manifest<'a> {
    /// Reads the manifest of an authentic envelope and proves every severed member that the envelope has.
    ///
    /// [`Reason::ManifestUnsupported`] for any member outside the profile and for any that is missing;
    /// [`Reason::ManifestDigest`] for a severed member with other content, [`Reason::EnvelopeMalformed`] for a member of
    /// the envelope that the manifest does not vouch for, and for a severed sequence that did not come along.
    pub(crate) fn read(authentic: &Authentic<'a>, suite: &Suite<'_>) -> Result<Self> {
        let mut reader = Reader::new(authentic.manifest(), Rules::Deterministic);
        let mut map = reader.map()?;
        field(&mut map, &mut reader, VERSION)?;
        if reader.uint()? != 1 {
            return Err(Reason::ManifestVersion);
        }
        field(&mut map, &mut reader, SEQUENCE_NUMBER)?;
        let mut manifest = Self {
            sequence: reader.uint()?,
            components: [&[]; limits::COMPONENTS],
            count: 0,
            shared: &[],
            payload_fetch: None,
            candidate_verification: None,
            install: &[],
            validate: &[],
            load: None,
            invoke: None,
            text: None,
        };
        field(&mut map, &mut reader, COMMON)?;
        manifest.common(reader.bytes()?)?;

        let mut severed = [None; SEVERABLE];
        while let Some(key) = map.next(&mut reader)? {
            match key {
                Key::Int(REFERENCE_URI) if reader.text()?.len() <= limits::URI => {}
                Key::Int(VALIDATE) => manifest.validate = reader.bytes()?,
                Key::Int(LOAD) => manifest.load = Some(reader.bytes()?),
                Key::Int(INVOKE) => manifest.invoke = Some(reader.bytes()?),
                Key::Int(key @ (PAYLOAD_FETCH | CANDIDATE_VERIFICATION | INSTALL)) => {
                    let content = member(&mut reader, key, authentic, suite, &mut severed)?;
                    let content = content.ok_or(Reason::EnvelopeMalformed)?;
                    match key {
                        PAYLOAD_FETCH => manifest.payload_fetch = Some(content),
                        CANDIDATE_VERIFICATION => manifest.candidate_verification = Some(content),
                        _ => manifest.install = content,
                    }
                }
                // For people; it is proven if it is there, and decides nothing.
                Key::Int(TEXT) => manifest.text = member(&mut reader, TEXT, authentic, suite, &mut severed)?,
                Key::Int(_) | Key::Text(_) => return Err(Reason::ManifestUnsupported),
            }
        }
        reader.end()?;
        // Nothing may travel with the envelope that its signature does not cover.
        if authentic.members().any(|key| !severed.contains(&Some(key))) {
            return Err(Reason::EnvelopeMalformed);
        }
        // An empty string is no sequence either.
        if manifest.install.is_empty() || manifest.validate.is_empty() {
            return Err(Reason::ManifestUnsupported);
        }
        Ok(manifest)
    }

    /// The component identifiers.
    pub(crate) fn components(&self) -> impl Iterator<Item = &'a [u8]> {
        self.components.into_iter().take(self.count)
    }

    /// Components and shared sequence; no dependencies.
    fn common(&mut self, bytes: &'a [u8]) -> Result<()> {
        let mut reader = Reader::new(bytes, Rules::Deterministic);
        let mut map = reader.map()?;
        field(&mut map, &mut reader, COMPONENTS)?;
        let count = reader.array()?;
        if count == 0 || count > limits::COMPONENTS {
            return Err(Reason::ManifestUnsupported);
        }
        for _ in 0..count {
            let component = component(&mut reader)?;
            if self.components().any(|other| other == component) {
                return Err(Reason::ManifestUnsupported);
            }
            *self.components.get_mut(self.count).ok_or(Reason::Internal)? = component;
            self.count = self.count.saturating_add(1);
        }
        field(&mut map, &mut reader, SHARED_SEQUENCE)?;
        self.shared = reader.bytes()?;
        if map.left() != 0 {
            return Err(Reason::ManifestUnsupported);
        }
        reader.end()
    }
}

/// A severable member: inside the manifest, or in the envelope under the digest that the manifest holds.
fn member<'a>(
    reader: &mut Reader<'a>,
    key: i64,
    authentic: &Authentic<'a>,
    suite: &Suite<'_>,
    severed: &mut [Option<i64>; SEVERABLE],
) -> Result<Option<&'a [u8]>> {
    if reader.peek()? != Type::Array {
        return reader.bytes().map(Some);
    }
    let digest = Digest::read(reader)?;
    *severed.iter_mut().find(|place| place.is_none()).ok_or(Reason::Internal)? = Some(key);
    authentic.severed(suite, key, &digest)
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
