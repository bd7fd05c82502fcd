//! What an update says to people: SUIT text, in one or more languages.
//!
//! There is none before the signature has been verified, and none that the manifest does not vouch for: a [`Text`] comes
//! out of a [`Plan`](crate::Plan) alone.

use aseptic_core::cbor::{Reader, Rules, Type};
use aseptic_core::{Reason, Result};

/// The text of an authentic manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub(crate) &'a [u8]);

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum About {
    /// The manifest as such.
    Manifest = 1,
    /// What the update changes, for whoever decides about it.
    Update = 2,
}

/// What a text about a component is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AboutComponent {
    /// Name of the vendor.
    VendorName = 1,
    /// Name of the model.
    ModelName = 2,
    /// Domain of the vendor.
    VendorDomain = 3,
    /// More about the model.
    ModelInfo = 4,
    /// What the component is.
    Description = 5,
    /// Its version, for people: nothing is decided by it.
    Version = 6,
}

impl<'a> Text<'a> {
    /// The languages (RFC 5646) that there are, in the order of the manifest.
    pub fn languages(&self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new(self.0, Rules::Received);
        let count = reader.map().map_or(0, |map| map.left());
        (0..count).map_while(move |_| {
            let language = reader.text().ok()?;
            texts(&mut reader).ok()?;
            Some(language)
        })
    }

    /// The text in a language; none if there is none. [`Reason::CborMalformed`] for text of another shape.
    pub fn get(&self, language: &str, about: About) -> Result<Option<&'a str>> {
        let Some(texts) = self.language(language)? else { return Ok(None) };
        value(texts, |reader| Ok(reader.peek()? == Type::Unsigned && reader.uint()? == u64::from(about as u8)))
    }

    /// The text about a component, an encoded array of byte strings such as [`Plan::component`](crate::Plan::component).
    pub fn component(&self, language: &str, component: &[u8], about: AboutComponent) -> Result<Option<&'a str>> {
        let Some(texts) = self.language(language)? else { return Ok(None) };
        let Some(texts) = find(texts, |reader| Ok(reader.raw()? == component))? else { return Ok(None) };
        value(texts, |reader| Ok(reader.peek()? == Type::Unsigned && reader.uint()? == u64::from(about as u8)))
    }

    fn language(&self, language: &str) -> Result<Option<&'a [u8]>> {
        let mut reader = Reader::new(self.0, Rules::Received);
        let mut found = None;
        for _ in 0..reader.map()?.left() {
            let name = reader.text()?;
            let texts = texts(&mut reader)?;
            found = found.or((name == language).then_some(texts));
        }
        reader.end().map_err(|_| Reason::CborMalformed)?;
        Ok(found)
    }
}

/// The texts of one language. Keys of that map are numbers, and component identifiers, which are arrays.
fn texts<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let start = reader.rest();
    for _ in 0..reader.map()?.left() {
        reader.raw()?;
        reader.raw()?;
    }
    start.get(..start.len().saturating_sub(reader.rest().len())).ok_or(Reason::Internal)
}

/// As [`find`], of a text.
fn value<'a>(map: &'a [u8], wanted: impl Fn(&mut Reader<'a>) -> Result<bool>) -> Result<Option<&'a str>> {
    match find(map, wanted)? {
        Some(item) => Reader::new(item, Rules::Received).text().map(Some),
        None => Ok(None),
    }
}

/// The encoded value behind the first key that `wanted` says is meant.
fn find<'a>(map: &'a [u8], wanted: impl Fn(&mut Reader<'a>) -> Result<bool>) -> Result<Option<&'a [u8]>> {
    let mut reader = Reader::new(map, Rules::Received);
    for _ in 0..reader.map()?.left() {
        let key = reader.raw()?;
        let value = reader.raw()?;
        let mut key = Reader::new(key, Rules::Received);
        if wanted(&mut key)? && key.end().is_ok() {
            return Ok(Some(value));
        }
    }
    reader.end().map_err(|_| Reason::CborMalformed)?;
    Ok(None)
}
