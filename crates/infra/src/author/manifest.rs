//! The manifest in the making, and how it is written.

use super::envelope::digest_of;
use super::texts::Texts;
use super::{Identity, bytes, cbor, class_id, text, uint, vendor_id};
use crate::error::While;
use crate::{Error, Result};
use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, Suite, soft};
use aseptic_core::platform::ImageSlot;
use aseptic_update::Digest;
use std::collections::BTreeMap;
use std::fmt;

/// A manifest in the making, of the profile that [`aseptic_update::plan`] decides.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The vendor.
    pub vendor: [u8; 16],
    /// The class of devices.
    pub class: [u8; 16],
    /// The sequence number.
    pub sequence: u64,
    /// Where more about the manifest is found, for people.
    pub reference: Option<String>,
    /// The date before which it is to be installed (seconds since 1970).
    pub use_before: Option<u64>,
    /// What it consists of, in the order in which it is installed.
    pub components: Vec<Component>,
    /// What the component that is started is told; none leaves the invoke sequence out.
    pub invoke: Option<Vec<u8>>,
    /// What it says to people.
    pub texts: Texts,
    /// Members that travel beside the manifest, which then holds their digest.
    pub severed: Vec<Member>,
    /// Where the image of [`Manifest::new`] comes from.
    uri: String,
}

/// A component, with its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The component identifier, in parts.
    pub id: Vec<Vec<u8>>,
    /// The one image for either slot, or one for each slot that it is linked for.
    pub images: Vec<Image>,
}

/// An image as it is to lie in the slot, and how it gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The slot that it is linked for; none for an image that runs in both.
    pub slot: Option<ImageSlot>,
    /// The digest of the plain image.
    pub digest: Digest,
    /// Bytes of the plain image.
    pub size: u64,
    /// How it gets there.
    pub source: Source,
}

/// How an image comes to its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a URI; a fragment (`#name`) is a payload inside the envelope.
    Fetch(Payload),
    /// Out of the manifest itself.
    Write {
        /// The image, or its ciphertext.
        content: Vec<u8>,
        /// COSE_Encrypt without its ciphertext, if it is encrypted.
        encryption: Option<Vec<u8>>,
    },
    /// It stays as it is: copied from the slot that runs.
    Keep,
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// From where.
    pub uri: String,
    /// What the envelope carries under a fragment.
    pub bytes: Option<Vec<u8>>,
    /// COSE_Encrypt without its ciphertext, and the bytes of that, if it is encrypted.
    pub encryption: Option<(Vec<u8>, u64)>,
}

/// Severed members by their keys.
pub type Severed = BTreeMap<i64, Vec<u8>>;

/// A member of a manifest that may be severed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// The payload fetch sequence.
    PayloadFetch,
    /// The candidate verification sequence.
    CandidateVerification,
    /// The install sequence.
    Install,
    /// The text.
    Text,
}

impl Manifest {
    /// A manifest for the devices of `class` (a name) by `vendor` (a domain name), component "main", no image yet.
    #[must_use]
    pub fn new(vendor: &str, class: &str, sequence: u64, uri: &str) -> Self {
        let vendor = vendor_id(vendor);
        Self {
            vendor,
            class: class_id(&vendor, class),
            sequence,
            reference: None,
            use_before: None,
            components: Vec::new(),
            invoke: None,
            texts: Texts::default(),
            severed: Vec::new(),
            uri: uri.to_owned(),
        }
    }

    /// Installs these bytes. Where the URI is a fragment the envelope carries them.
    pub fn image(self, image: &[u8]) -> Result<Self> {
        let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[image]).during("hashing the image")?;
        let size = u64::try_from(image.len()).map_err(|_| Error::new(Reason::TooLarge, "measuring the image"))?;
        let bytes = self.uri.starts_with('#').then(|| image.to_vec());
        Ok(self.main(digest, size, bytes))
    }

    /// Installs the image with this digest and size, which the author need not hold.
    #[must_use]
    pub fn image_digest(self, digest: Digest, size: u64) -> Self {
        self.main(digest, size, None)
    }

    /// The devices that it is for.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let mut components: Vec<_> = self.components.iter().map(|component| component.id.clone()).collect();
        if components.is_empty() {
            components.push(main());
        }
        Identity { vendor: self.vendor, class: self.class, components }
    }

    /// The payloads that the envelope carries.
    pub fn payloads(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fetched().filter_map(|payload| Some((payload.uri.as_str(), payload.bytes.as_deref()?)))
    }

    /// The manifest map in deterministic encoding, and the members that travel beside it. [`Reason::Misuse`] without an
    /// image, or with a component that has neither one image nor one for each slot.
    pub fn encode(&self, suite: &Suite<'_>) -> Result<(Vec<u8>, Severed)> {
        let shapely = |component: &Component| match component.images.as_slice() {
            [image] => image.slot.is_none(),
            [one, other] => one.slot.is_some() && other.slot.is_some() && one.slot != other.slot,
            _ => false,
        };
        if self.components.is_empty() || !self.components.iter().all(shapely) {
            return Err(Error::new(Reason::Misuse, "a manifest whose components have not each their image"));
        }
        let components = self.indices();
        let common = cbor(|w| {
            w.map(2).int(2).array(components.len());
            components.iter().for_each(|id| write_id(w, id));
            w.int(4).bytes(&self.shared());
        });
        let mut members: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        members.insert(VALIDATE, self.validate());
        members.insert(Member::Install.key(), self.install());
        if let Some(arguments) = &self.invoke {
            members.insert(INVOKE, self.start(arguments));
        }
        if !self.texts.is_empty() {
            members.insert(Member::Text.key(), self.texts.encode());
        }
        let (mut severed, mut written) = (BTreeMap::new(), BTreeMap::new());
        for (key, content) in members {
            let item = if self.severed.iter().any(|member| member.key() == key) {
                let digest = digest_of(suite, HashAlg::Sha256, &content).during("hashing a severed member")?;
                severed.insert(key, content);
                cbor(|w| digest.write(w))
            } else {
                bytes(&content)
            };
            written.insert(key, item);
        }
        let manifest = cbor(|w| {
            w.map(written.len().saturating_add(3).saturating_add(usize::from(self.reference.is_some())));
            w.int(1).uint(1).int(2).uint(self.sequence).int(3).bytes(&common);
            if let Some(reference) = &self.reference {
                w.int(4).text(reference);
            }
            for (key, item) in &written {
                w.int(*key).raw(item);
            }
        });
        Ok((manifest, severed))
    }

    fn main(mut self, digest: Digest, size: u64, bytes: Option<Vec<u8>>) -> Self {
        let source = Source::Fetch(Payload { uri: self.uri.clone(), bytes, encryption: None });
        self.components = vec![Component { id: main(), images: vec![Image { slot: None, digest, size, source }] }];
        self
    }

    fn fetched(&self) -> impl Iterator<Item = &Payload> {
        self.components.iter().flat_map(|component| &component.images).filter_map(|image| match &image.source {
            Source::Fetch(payload) => Some(payload),
            Source::Write { .. } | Source::Keep => None,
        })
    }

    /// The component identifiers: what is installed, and behind it a passage for each component that is decrypted as it comes.
    fn indices(&self) -> Vec<Vec<Vec<u8>>> {
        let installed = self.components.iter().map(|component| component.id.clone());
        let passages = self.components.iter().filter(|component| component.is_encrypted_fetch());
        installed.chain(passages.map(Component::passage)).collect()
    }

    /// The index of the passage of a component.
    fn passage(&self, component: usize) -> Option<usize> {
        let encrypted = |component: &Component| component.is_encrypted_fetch();
        self.components.get(component).filter(|component| encrypted(component))?;
        let before = self.components.iter().take(component).filter(|component| encrypted(component)).count();
        Some(self.components.len().saturating_add(before))
    }

    /// Whether indices have to be set: with one component there is none to choose from.
    fn several(&self) -> bool {
        self.indices().len() > 1
    }

    fn shared(&self) -> Vec<u8> {
        let mut commands = Sequence::new(self.several());
        for (index, component) in self.components.iter().enumerate() {
            commands.select(index);
            let mut parameters = Parameters::default();
            if index == 0 {
                parameters.bytes(1, &self.vendor);
                parameters.bytes(2, &self.class);
                if let Some(date) = self.use_before {
                    parameters.uint(4, date);
                }
            }
            if let [image] = component.images.as_slice() {
                parameters.image(image);
            }
            commands.set(&parameters);
            if index == 0 {
                commands.run(&[1, 2]);
                commands.run(if self.use_before.is_some() { &[4] } else { &[] });
            }
            if component.images.len() > 1 {
                let branches = component.images.iter().map(|image| self.branch(index, image)).collect::<Vec<_>>();
                commands.try_each(&branches);
            }
        }
        commands.encode()
    }

    /// What holds if the image goes into its slot.
    fn branch(&self, index: usize, image: &Image) -> Vec<u8> {
        let mut branch = Sequence::new(self.several());
        let mut slot = Parameters::default();
        slot.uint(5, image.slot.map_or(0, |slot| u64::from(slot as u8)));
        branch.select(index);
        branch.set(&slot);
        branch.run(&[5]);
        let mut parameters = Parameters::default();
        parameters.image(image);
        match self.passage(index) {
            Some(passage) => {
                parameters.encryption(image);
                branch.set(&parameters);
                branch.select(passage);
                let mut fetched = Parameters::default();
                fetched.source(image);
                branch.set(&fetched);
                branch.select(index);
            }
            None => {
                parameters.encryption(image);
                parameters.source(image);
                branch.set(&parameters);
            }
        }
        branch.encode()
    }

    fn install(&self) -> Vec<u8> {
        let mut commands = Sequence::new(self.several());
        for (index, component) in self.components.iter().enumerate() {
            // Where the slot decides, the shared sequence has set everything.
            let one = if component.images.len() == 1 { component.images.first() } else { None };
            let source = component.images.first().map(|image| &image.source);
            let mut parameters = Parameters::default();
            if let Some(passage) = self.passage(index) {
                commands.select(passage);
                if let Some(image) = one {
                    let mut fetched = Parameters::default();
                    fetched.source(image);
                    commands.set(&fetched);
                    parameters.encryption(image);
                }
                commands.run(&[FETCH]);
                commands.select(index);
                parameters.uint(22, u64::try_from(passage).unwrap_or(u64::MAX));
                commands.set(&parameters);
                commands.run(&[COPY, IMAGE_MATCH]);
                continue;
            }
            commands.select(index);
            if let Some(image) = one {
                parameters.encryption(image);
                parameters.source(image);
            }
            let directive = match source {
                Some(Source::Write { .. }) => WRITE,
                Some(Source::Keep) => {
                    parameters.uint(22, u64::try_from(index).unwrap_or(u64::MAX));
                    COPY
                }
                Some(Source::Fetch(_)) | None => FETCH,
            };
            commands.set(&parameters);
            commands.run(&[directive, IMAGE_MATCH]);
        }
        commands.encode()
    }

    fn validate(&self) -> Vec<u8> {
        let mut commands = Sequence::new(self.several());
        for index in 0..self.components.len() {
            commands.select(index);
            commands.run(&[IMAGE_MATCH]);
        }
        commands.encode()
    }

    fn start(&self, arguments: &[u8]) -> Vec<u8> {
        let mut commands = Sequence::new(self.several());
        let mut parameters = Parameters::default();
        if !arguments.is_empty() {
            parameters.bytes(23, arguments);
        }
        commands.select(0);
        commands.set(&parameters);
        commands.run(&[23]);
        commands.encode()
    }
}

impl Image {
    /// Whether it travels encrypted.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        match &self.source {
            Source::Fetch(payload) => payload.encryption.is_some(),
            Source::Write { encryption, .. } => encryption.is_some(),
            Source::Keep => false,
        }
    }
}

impl Component {
    /// An image in both slots alike.
    #[must_use]
    pub fn new(id: &[&str], image: Image) -> Self {
        Self { id: id.iter().map(|part| part.as_bytes().to_vec()).collect(), images: vec![image] }
    }

    /// Whether its bytes are fetched and decrypted on their way, through a component that no device has.
    fn is_encrypted_fetch(&self) -> bool {
        let fetched = |image: &Image| matches!(&image.source, Source::Fetch(_));
        self.images.iter().any(|image| fetched(image) && image.is_encrypted())
    }

    /// The name of the passage: the component's own, and one part more.
    fn passage(&self) -> Vec<Vec<u8>> {
        let mut id = self.id.clone();
        id.push(PASSAGE.to_vec());
        id
    }
}

impl Member {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PayloadFetch, Self::CandidateVerification, Self::Install, Self::Text];

    /// Its key in envelope and manifest.
    #[must_use]
    pub const fn key(self) -> i64 {
        match self {
            Self::PayloadFetch => 16,
            Self::CandidateVerification => 18,
            Self::Install => 20,
            Self::Text => 23,
        }
    }

    /// Its name in descriptions and arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PayloadFetch => "payload-fetch",
            Self::CandidateVerification => "candidate-verification",
            Self::Install => "install",
            Self::Text => "text",
        }
    }

    /// The member of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|member| member.name() == name)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes a component identifier.
pub(super) fn write_id(w: &mut aseptic_core::cbor::Writer<'_>, id: &[Vec<u8>]) {
    w.array(id.len());
    for part in id {
        w.bytes(part);
    }
}

fn main() -> Vec<Vec<u8>> {
    vec![b"main".to_vec()]
}

/// Commands in the making.
struct Sequence {
    several: bool,
    selected: Option<usize>,
    /// Pairs of a command and its encoded argument.
    pairs: Vec<(i64, Vec<u8>)>,
}

impl Sequence {
    const fn new(several: bool) -> Self {
        Self { several, selected: None, pairs: Vec::new() }
    }

    /// Set component index, where there is a choice. The draft wants it first in every sequence.
    fn select(&mut self, index: usize) {
        if self.several && self.selected != Some(index) {
            self.selected = Some(index);
            let index = u64::try_from(index).unwrap_or(u64::MAX);
            self.pairs.push((12, uint(index)));
        }
    }

    fn set(&mut self, parameters: &Parameters) {
        if !parameters.0.is_empty() {
            self.pairs.push((20, parameters.encode()));
        }
    }

    /// Commands whose argument is a reporting policy: report success and failure with all details.
    fn run(&mut self, commands: &[i64]) {
        self.pairs.extend(commands.iter().map(|command| (*command, vec![15])));
    }

    fn try_each(&mut self, branches: &[Vec<u8>]) {
        let argument = cbor(|w| {
            w.array(branches.len());
            for branch in branches {
                w.bytes(branch);
            }
        });
        self.pairs.push((15, argument));
    }

    fn encode(&self) -> Vec<u8> {
        cbor(|w| {
            w.array(self.pairs.len().saturating_mul(2));
            for (command, argument) in &self.pairs {
                w.int(*command).raw(argument);
            }
        })
    }
}

/// Parameters by number, encoded.
#[derive(Default)]
struct Parameters(BTreeMap<i64, Vec<u8>>);

impl Parameters {
    fn bytes(&mut self, key: i64, value: &[u8]) {
        self.0.insert(key, bytes(value));
    }

    fn uint(&mut self, key: i64, value: u64) {
        self.0.insert(key, uint(value));
    }

    /// Digest and size.
    fn image(&mut self, image: &Image) {
        self.bytes(3, &cbor(|w| image.digest.write(w)));
        self.uint(14, image.size);
    }

    /// Where its bytes come from; of a ciphertext that is fetched also how many they are.
    fn source(&mut self, image: &Image) {
        match &image.source {
            Source::Fetch(payload) => {
                self.0.insert(21, text(&payload.uri));
                if let Some((_, size)) = &payload.encryption {
                    self.uint(14, *size);
                }
            }
            Source::Write { content, .. } => self.bytes(18, content),
            Source::Keep => {}
        }
    }

    fn encryption(&mut self, image: &Image) {
        let info = match &image.source {
            Source::Fetch(payload) => payload.encryption.as_ref().map(|(info, _)| info),
            Source::Write { encryption, .. } => encryption.as_ref(),
            Source::Keep => None,
        };
        if let Some(info) = info {
            self.bytes(19, info);
        }
    }

    fn encode(&self) -> Vec<u8> {
        cbor(|w| {
            w.map(self.0.len());
            for (key, value) in &self.0 {
                w.int(*key).raw(value);
            }
        })
    }
}

const VALIDATE: i64 = 7;
const INVOKE: i64 = 9;
const IMAGE_MATCH: i64 = 3;
const WRITE: i64 = 18;
const FETCH: i64 = 21;
const COPY: i64 = 22;

/// The last part of the name of a component that bytes only pass through.
const PASSAGE: &[u8] = b"encrypted";
