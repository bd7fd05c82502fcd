//! An update as its author describes it, in TOML.

use super::encrypt::overhead;
use super::manifest::{Component, Image, Manifest, Member, Payload, Source};
use crate::error::While;
use crate::{Error, Result};
use aseptic_core::crypto::{HashAlg, Suite};
use aseptic_core::platform::ImageSlot;
use aseptic_core::{Reason, limits};
use aseptic_update::Digest;
use aseptic_update::text::{About, AboutComponent};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What an update is described by, in TOML. Unknown fields are refused; paths are relative to the description.
///
/// ```toml
/// vendor = "pumps.example"                  # domain name
/// class = "infusion pump 2"
/// sequence = 7                              # rises with each release
/// use-before = "2027-06-30T00:00:00Z"       # optional, as all that follows but the component
/// reference = "https://pumps.example/7"     # where more is found, for people
/// sbom = "pump-7.spdx.json"                 # its SHA-256 is put into the text
/// invoke = "mode=clinical"                  # what the first component is told when it is started; "" for nothing
/// severed = ["text"]                        # travels beside the manifest; also "install"
///
/// [text.en]
/// manifest = "Release 7 of the infusion pump"
/// update = "Ends a delay of the air alarm."
///
/// [[component]]
/// id = ["main"]                             # optional; "main" without it
/// file = "pump-7.bin"                       # the image as it is to lie in its slot
/// uri = "https://pumps.example/7.bin"       # or "#name" to carry it inside the envelope
/// encryption = "pump-7.info"                # what `encrypt` made of the image
/// payload = "pump-7.enc"
///
/// [component.text.en]                       # also vendor-name, model-name, vendor-domain, model-info
/// description = "Pump control"
/// version = "7.0.1"
///
/// [[component]]
/// id = ["radio"]
/// slot.a = { file = "radio-a.bin", uri = "https://pumps.example/7-a.bin" }   # linked for its slot
/// slot.b = { file = "radio-b.bin", uri = "https://pumps.example/7-b.bin" }
///
/// [[component]]
/// id = ["calibration"]
/// file = "calibration.bin"
/// how = "write"                             # out of the manifest itself; "keep": copied from the slot that runs
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Description {
    vendor: String,
    class: String,
    sequence: u64,
    use_before: Option<String>,
    reference: Option<String>,
    sbom: Option<PathBuf>,
    invoke: Option<String>,
    #[serde(default)]
    severed: Vec<String>,
    #[serde(default)]
    text: BTreeMap<String, Text>,
    component: Vec<Part>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    manifest: Option<String>,
    update: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Part {
    #[serde(default = "main_component")]
    id: Vec<String>,
    file: Option<PathBuf>,
    uri: Option<String>,
    encryption: Option<PathBuf>,
    payload: Option<PathBuf>,
    how: Option<How>,
    slot: Option<Slots>,
    #[serde(default)]
    text: BTreeMap<String, PartText>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Slots {
    a: Linked,
    b: Linked,
}

/// An image that is linked for its slot.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Linked {
    file: PathBuf,
    uri: Option<String>,
    encryption: Option<PathBuf>,
    payload: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PartText {
    vendor_name: Option<String>,
    model_name: Option<String>,
    vendor_domain: Option<String>,
    model_info: Option<String>,
    description: Option<String>,
    version: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum How {
    #[default]
    Fetch,
    Write,
    Keep,
}

/// Gives the bytes of a file that a description names, from their beginning.
pub type Open<'o> = dyn Fn(&Path) -> Result<Box<dyn Read>> + 'o;

impl Description {
    /// Reads a description.
    pub fn parse(text: &str) -> Result<Self> {
        // The message of the parser says which line; that is for the person who wrote it.
        toml::from_str(text).map_err(|error| invalid(error.to_string()))
    }

    /// The manifest, with what `open` gives of its files. Images that travel apart are hashed as they are read, and take no
    /// memory. [`Reason::DescriptionInvalid`] says what is wrong.
    pub fn manifest(&self, suite: &Suite<'_>, open: &Open<'_>) -> Result<Manifest> {
        let files = Files { suite, open };
        let mut manifest = Manifest::new(&self.vendor, &self.class, self.sequence, "");
        manifest.reference.clone_from(&self.reference);
        manifest.use_before = self.use_before.as_deref().map(date).transpose()?;
        manifest.invoke = self.invoke.as_ref().map(|arguments| arguments.as_bytes().to_vec());
        let member =
            |name: &String| Member::named(name).ok_or_else(|| invalid(format!("no member \"{name}\" is severed")));
        manifest.severed = self.severed.iter().map(member).collect::<Result<_>>()?;
        if self.component.is_empty() {
            return Err(invalid("a [[component]] is missing"));
        }
        manifest.components = self.component.iter().map(|part| part.component(&files)).collect::<Result<_>>()?;

        for (language, text) in &self.text {
            for (about, text) in [(About::Manifest, &text.manifest), (About::Update, &text.update)] {
                text.iter().for_each(|text| manifest.texts.say(language, about, text));
            }
        }
        for (part, component) in self.component.iter().zip(&manifest.components) {
            for (language, text) in &part.text {
                for (about, text) in text.all() {
                    text.iter().for_each(|text| manifest.texts.say_of(language, &component.id, about, text));
                }
            }
        }
        if let Some(sbom) = &self.sbom {
            let (digest, _) = files.digest(sbom)?;
            let digest = digest.as_bytes().try_into();
            manifest.texts.sbom(digest.map_err(|_| Error::new(Reason::Internal, "hashing the SBOM"))?);
        }
        Ok(manifest)
    }
}

impl Part {
    fn component(&self, files: &Files<'_>) -> Result<Component> {
        let id = self.id.iter().map(|part| part.as_bytes().to_vec()).collect();
        let how = self.how.unwrap_or_default();
        let images = match (&self.slot, &self.file) {
            (None, Some(file)) => {
                let image = Linked {
                    file: file.clone(),
                    uri: self.uri.clone(),
                    encryption: self.encryption.clone(),
                    payload: self.payload.clone(),
                };
                vec![image.image(None, how, files)?]
            }
            (Some(slots), None) if self.uri.is_none() && self.encryption.is_none() && self.payload.is_none() => {
                if how == How::Keep {
                    return Err(invalid("what is linked for its slot cannot be kept from the other slot"));
                }
                vec![slots.a.image(Some(ImageSlot::A), how, files)?, slots.b.image(Some(ImageSlot::B), how, files)?]
            }
            _ => return Err(invalid("a component has either a file or slot.a and slot.b")),
        };
        let encrypted = |image: &Image| image.is_encrypted();
        if images.iter().any(encrypted) != images.iter().all(encrypted) {
            return Err(invalid("of two slots either both images are encrypted or none"));
        }
        Ok(Component { id, images })
    }
}

impl Linked {
    fn image(&self, slot: Option<ImageSlot>, how: How, files: &Files<'_>) -> Result<Image> {
        let (digest, size) = files.digest(&self.file)?;
        let encryption = self.encryption.as_deref().map(|path| files.read(path)).transpose()?;
        if encryption.is_some() != self.payload.is_some() {
            return Err(invalid("encryption and payload come together"));
        }
        let source = match (how, &self.uri) {
            (How::Fetch, Some(uri)) => {
                let path = self.payload.as_ref().unwrap_or(&self.file);
                let bytes = uri.starts_with('#').then(|| files.read(path)).transpose()?;
                let encryption = encryption.map(|info| Ok((info, files.digest(path)?.1))).transpose()?;
                if let Some((info, length)) = &encryption
                    && overhead(info).and_then(|more| size.checked_add(more)) != Some(*length)
                {
                    return Err(invalid(format!(
                        "{} is not the encryption of {}",
                        path.display(),
                        self.file.display()
                    )));
                }
                Source::Fetch(Payload { uri: uri.clone(), bytes, encryption })
            }
            (How::Write, None) => {
                // The whole manifest has to fit; a larger image is a mistake worth its own words.
                let content = files.read(self.payload.as_ref().unwrap_or(&self.file))?;
                if content.len() > limits::MANIFEST {
                    return Err(Error::new(
                        Reason::TooLarge,
                        format!("writing {} out of the manifest", self.file.display()),
                    ));
                }
                Source::Write { content, encryption }
            }
            (How::Keep, None) if encryption.is_none() => Source::Keep,
            (How::Fetch, None) => return Err(invalid("what is fetched has a uri")),
            (How::Write | How::Keep, _) => {
                return Err(invalid("what is written has no uri, what is kept no encryption"));
            }
        };
        Ok(Image { slot, digest, size, source })
    }
}

impl PartText {
    const fn all(&self) -> [(AboutComponent, &Option<String>); 6] {
        [
            (AboutComponent::VendorName, &self.vendor_name),
            (AboutComponent::ModelName, &self.model_name),
            (AboutComponent::VendorDomain, &self.vendor_domain),
            (AboutComponent::ModelInfo, &self.model_info),
            (AboutComponent::Description, &self.description),
            (AboutComponent::Version, &self.version),
        ]
    }
}

/// What a description names.
struct Files<'o> {
    suite: &'o Suite<'o>,
    open: &'o Open<'o>,
}

impl Files<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (self.open)(path)?.read_to_end(&mut bytes);
        read.map_err(|error| Error::io(&error, format!("reading {}", path.display())))?;
        Ok(bytes)
    }

    /// SHA-256 and length.
    fn digest(&self, path: &Path) -> Result<(Digest, u64)> {
        let hash = self.suite.hash(HashAlg::Sha256).during("hashing a file")?;
        let mut state = hash.start().during("hashing a file")?;
        let (mut file, mut piece, mut size) = ((self.open)(path)?, vec![0; PIECE], 0_u64);
        loop {
            let length =
                file.read(&mut piece).map_err(|error| Error::io(&error, format!("reading {}", path.display())))?;
            let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
            hash.update(&mut state, read).during("hashing a file")?;
            size = size.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        let mut digest = [0; 32];
        hash.finish(state, &mut digest).during("hashing a file")?;
        Ok((Digest::new(HashAlg::Sha256, &digest).during("hashing a file")?, size))
    }
}

/// Seconds since 1970 of a date in RFC 3339.
fn date(text: &str) -> Result<u64> {
    let date = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(|date| u64::try_from(date.unix_timestamp()).ok());
    date.ok_or_else(|| invalid(format!("write use-before like 2027-06-30T00:00:00Z, not \"{text}\"")))
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Reason::DescriptionInvalid, format!("reading the description: {what}"))
}

fn main_component() -> Vec<String> {
    vec!["main".to_owned()]
}

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;
