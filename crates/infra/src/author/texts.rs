//! What a manifest says to people, and the digest of the list of its software.

use super::manifest::write_id;
use super::{cbor, int, text};
use aseptic_core::cbor::Writer;
use aseptic_update::text::{About, AboutComponent};
use std::collections::BTreeMap;

/// The key of the digest of the SBOM, among the texts about the manifest as such: private use, as the profile has no CoSWID.
/// The value is a `nih` URI (RFC 6920 section 7): "nih:sha-256;" and 64 hexadecimal digits.
pub const SBOM: i64 = -257;

/// Texts by language (RFC 5646).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<String, Language>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Language {
    own: BTreeMap<i64, String>,
    components: BTreeMap<Vec<Vec<u8>>, BTreeMap<i64, String>>,
}

impl Texts {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says something about the update.
    pub fn say(&mut self, language: &str, about: About, text: &str) {
        self.0.entry(language.to_owned()).or_default().own.insert(about as i64, text.to_owned());
    }

    /// Says something about a component.
    pub fn say_of(&mut self, language: &str, component: &[Vec<u8>], about: AboutComponent, text: &str) {
        let texts = &mut self.0.entry(language.to_owned()).or_default().components;
        texts.entry(component.to_vec()).or_default().insert(about as i64, text.to_owned());
    }

    /// Names the list of software (SBOM) by its SHA-256, in every language that there is; in English if there is none.
    pub fn sbom(&mut self, digest: &[u8; 32]) {
        if self.0.is_empty() {
            self.0.insert("en".to_owned(), Language::default());
        }
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        for language in self.0.values_mut() {
            language.own.insert(SBOM, format!("nih:sha-256;{hex}"));
        }
    }

    /// The SUIT_Text_Map, in deterministic encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        map(self.0.iter().map(|(language, texts)| (text(language), texts.encode())).collect())
    }
}

impl Language {
    fn encode(&self) -> Vec<u8> {
        let components =
            self.components.iter().map(|(id, texts)| (cbor(|w| write_id(w, id)), map(numbered(texts).collect())));
        map(numbered(&self.own).chain(components).collect())
    }
}

fn numbered(texts: &BTreeMap<i64, String>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    texts.iter().map(|(key, value)| (int(*key), text(value)))
}

/// Entries in the order of their encoded keys (RFC 8949 section 4.2.1).
fn map(mut entries: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    entries.sort();
    cbor(|w: &mut Writer<'_>| {
        w.map(entries.len());
        for (key, value) in &entries {
            w.raw(key).raw(value);
        }
    })
}
