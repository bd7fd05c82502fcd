//! The author of updates: from a description and an image to a signed SUIT envelope, and back through the device's eyes.
//!
//! ```
//! use aseptic_core::crypto::{KeyAlg, soft};
//! use aseptic_infra::AuthorityKey;
//! use aseptic_infra::author::{Manifest, Signature, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = AuthorityKey::generate(KeyAlg::P256)?;
//! let image = b"firmware";
//! let manifest = Manifest::new("pumps.example", "infusion pump 2", 7, "https://pumps.example/7.bin").image(image)?;
//! let envelope = manifest.sign(&soft::suite(), &[Signature { key: key.public()?, signer: &key }])?;
//!
//! let found = verify(&soft::suite(), &envelope, &[key.public()?], Some(&manifest.identity()))?;
//! assert_eq!((found.sequence, found.size), (7, 8));
//! # Ok(())
//! # }
//! ```

use crate::error::While;
use crate::{Error, Result};
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{self, Headers, Signer};
use aseptic_core::crypto::{HashAlg, PublicKey, Suite, soft};
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_core::{Reason, limits};
use aseptic_update::{Component, Device, Digest, Envelope, Target};
use serde::Deserialize;
use std::path::PathBuf;
use uuid::Uuid;

/// The identifier of a vendor: version 5 of its domain name (SUIT manifest, vendor identifier).
#[must_use]
pub fn vendor_id(domain: &str) -> [u8; 16] {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, domain.as_bytes()).into_bytes()
}

/// The identifier of a class of a vendor's devices: version 5 of its name in the name space of the vendor.
#[must_use]
pub fn class_id(vendor: &[u8; 16], class: &str) -> [u8; 16] {
    Uuid::new_v5(&Uuid::from_bytes(*vendor), class.as_bytes()).into_bytes()
}

/// What an update is described by, in TOML. Unknown fields are refused.
///
/// ```toml
/// vendor = "pumps.example"            # domain name
/// class = "infusion pump 2"
/// sequence = 7                        # rises with each release
/// uri = "https://pumps.example/7.bin" # or "#name" to carry the image inside the envelope
/// image = "pump-7.bin"                # where the author has it
/// component = ["main"]                # optional
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Domain name of the vendor.
    pub vendor: String,
    /// Name of the class of devices.
    pub class: String,
    /// The sequence number.
    pub sequence: u64,
    /// Where devices get the image; a fragment (`#name`) puts it into the envelope.
    pub uri: String,
    /// The file of the image, relative to the description.
    pub image: PathBuf,
    /// The parts of the component identifier.
    #[serde(default = "main_component")]
    pub component: Vec<String>,
}

impl Description {
    /// Reads a description.
    pub fn parse(text: &str) -> Result<Self> {
        // The message of the parser says which line; that is for the person who wrote it.
        toml::from_str(text)
            .map_err(|error| Error::new(Reason::DescriptionInvalid, format!("reading the description: {error}")))
    }

    /// The manifest for the bytes of the image.
    pub fn manifest(&self, image: &[u8]) -> Result<Manifest> {
        let mut manifest = Manifest::new(&self.vendor, &self.class, self.sequence, &self.uri);
        manifest.component = self.component.iter().map(|part| part.as_bytes().to_vec()).collect();
        manifest.image(image)
    }
}

/// A manifest in the making, of profile 1 (see [`aseptic_update::plan`]).
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The vendor.
    pub vendor: [u8; 16],
    /// The class of devices.
    pub class: [u8; 16],
    /// The sequence number.
    pub sequence: u64,
    /// The component identifier, in parts.
    pub component: Vec<Vec<u8>>,
    /// Where devices get the image.
    pub uri: String,
    digest: Option<(Digest, u64)>,
    payload: Option<Vec<u8>>,
}

/// One of the signatures under a manifest.
#[derive(Clone, Copy)]
pub struct Signature<'k> {
    /// The public key; its thumbprint names it in the envelope.
    pub key: PublicKey<'k>,
    /// What signs with it.
    pub signer: &'k dyn Signer,
}

/// What identifies the devices that an update is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The vendor.
    pub vendor: [u8; 16],
    /// The class.
    pub class: [u8; 16],
    /// The component identifier, in parts.
    pub component: Vec<Vec<u8>>,
}

/// What an authentic envelope says, as a device reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The thumbprint of the key that signed.
    pub signer: [u8; 32],
    /// The sequence number; 0 where no identity was given to judge the manifest by.
    pub sequence: u64,
    /// Bytes of the image.
    pub size: u64,
    /// The digest of the image; none where no identity was given.
    pub digest: Option<Digest>,
    /// Where the image is.
    pub uri: String,
    /// The image, where the envelope carries it. Its digest has been checked.
    pub payload: Option<Vec<u8>>,
}

impl Manifest {
    /// A manifest for the devices of `class` (a name) by `vendor` (a domain name), component "main", no image yet.
    #[must_use]
    pub fn new(vendor: &str, class: &str, sequence: u64, uri: &str) -> Self {
        let vendor = vendor_id(vendor);
        let component = vec![b"main".to_vec()];
        let class = class_id(&vendor, class);
        Self { vendor, class, sequence, component, uri: uri.to_owned(), digest: None, payload: None }
    }

    /// Installs these bytes. Where the URI is a fragment the envelope carries them.
    pub fn image(mut self, image: &[u8]) -> Result<Self> {
        let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[image]).during("hashing the image")?;
        let size = u64::try_from(image.len()).map_err(|_| Error::new(Reason::TooLarge, "measuring the image"))?;
        self.payload = self.uri.starts_with('#').then(|| image.to_vec());
        Ok(self.image_digest(digest, size))
    }

    /// Installs the image with this digest and size, which the author need not hold.
    #[must_use]
    pub const fn image_digest(mut self, digest: Digest, size: u64) -> Self {
        self.digest = Some((digest, size));
        self
    }

    /// The devices that it is for.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { vendor: self.vendor, class: self.class, component: self.component.clone() }
    }

    /// The manifest map in deterministic encoding. [`Reason::Misuse`] without an image.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let (digest, size) = self.digest.ok_or_else(|| Error::new(Reason::Misuse, "a manifest without an image"))?;
        let parameters = cbor(|w| {
            w.map(4).int(1).bytes(&self.vendor).int(2).bytes(&self.class);
            w.int(3).bytes(&cbor(|w| digest.write(w))).int(14).uint(size);
        });
        let shared = sequence(&[(20, &parameters), (1, POLICY), (2, POLICY)]);
        let components = cbor(|w| {
            w.array(1).array(self.component.len());
            for part in &self.component {
                w.bytes(part);
            }
        });
        let common = cbor(|w| {
            w.map(2).int(2).raw(&components).int(4).bytes(&shared);
        });
        let fetch = cbor(|w| {
            w.map(1).int(21).text(&self.uri);
        });
        let install = sequence(&[(20, &fetch), (21, POLICY), (3, POLICY)]);
        let validate = sequence(&[(3, POLICY)]);
        Ok(cbor(|w| {
            w.map(5).int(1).uint(1).int(2).uint(self.sequence).int(3).bytes(&common);
            w.int(7).bytes(&validate).int(20).bytes(&install);
        }))
    }

    /// Signs and gives the envelope, after a look at it through the eyes of a device: what a device would refuse comes
    /// back as the device's own reason.
    pub fn sign(&self, suite: &Suite<'_>, signatures: &[Signature<'_>]) -> Result<Vec<u8>> {
        let manifest = self.encode()?;
        let wrapped = cbor(|w| {
            w.bytes(&manifest);
        });
        let digest = Digest::of(suite, HashAlg::Sha256, &[&wrapped]).during("hashing the manifest")?;
        let digest = cbor(|w| digest.write(w));
        let blocks: Vec<_> =
            signatures.iter().map(|signature| block(suite, signature, &digest)).collect::<Result<_>>()?;
        let wrapper = cbor(|w| {
            w.array(blocks.len().saturating_add(1)).bytes(&digest);
            for block in &blocks {
                w.bytes(block);
            }
        });
        let envelope = cbor(|w| {
            w.tag(107).map(if self.payload.is_some() { 3 } else { 2 }).int(2).bytes(&wrapper).int(3).bytes(&manifest);
            if let Some(payload) = &self.payload {
                w.text(&self.uri).bytes(payload);
            }
        });
        for signature in signatures {
            verify(suite, &envelope, &[signature.key], Some(&self.identity()))?;
        }
        Ok(envelope)
    }
}

/// Reads the manifest as a device of `identity` does that trusts `keys` to author software; without an identity only the
/// signature is judged. Published test keys count like any other here, on the author's desk.
pub fn verify(
    suite: &Suite<'_>,
    envelope: &[u8],
    keys: &[PublicKey<'_>],
    identity: Option<&Identity>,
) -> Result<Found> {
    let purposes = Purposes::of(&[Purpose::UpdateInstall]);
    let entries: Vec<_> =
        keys.iter().map(|key| Entry { purposes, name: b"author", material: Material::Key(*key) }).collect();
    let trust = danger::unsigned(Authority::Manufacturer, &entries).during("taking the keys")?;
    let authentic = Envelope::parse(envelope)
        .during("reading the envelope")?
        .authenticate(&trust, suite)
        .during("verifying the envelope")?;
    let signer = authentic.signer().key().and_then(|key| key.thumbprint(suite)).during("naming the signer")?;
    let Some(identity) = identity else {
        return Ok(Found { signer, sequence: 0, size: 0, digest: None, uri: String::new(), payload: None });
    };
    let component: Vec<&[u8]> = identity.component.iter().map(Vec::as_slice).collect();
    let components = [Component::whole(&component)];
    let device = Device::new(identity.vendor, identity.class, &components);
    // A slot without end: which devices have room is not known here.
    let geometry = Geometry { size: 1 << 62, erase_size: 1, write_size: 1 };
    let plan =
        authentic.plan(suite, &device, 0, Target { slot: ImageSlot::B, geometry }).during("walking the manifest")?;
    if let Some(payload) = plan.payload()
        && Digest::of(suite, plan.digest().alg(), &[payload]).during("hashing the image")? != *plan.digest()
    {
        return Err(Error::new(Reason::ImageMismatch, "checking the image inside the envelope"));
    }
    Ok(Found {
        signer,
        sequence: plan.sequence(),
        size: plan.size(),
        digest: Some(*plan.digest()),
        uri: plan.uri().to_owned(),
        payload: plan.payload().map(<[u8]>::to_vec),
    })
}

/// A COSE_Sign1 over the encoded digest, which travels apart.
fn block(suite: &Suite<'_>, signature: &Signature<'_>, digest: &[u8]) -> Result<Vec<u8>> {
    let thumbprint = signature.key.thumbprint(suite).during("naming the author's key")?;
    let headers = Headers { kid: Some(&thumbprint), ..Headers::default() };
    let mut out = vec![0; limits::COSE_HEADER];
    let length = cose::sign1(signature.signer, &headers, digest, true, &[], &mut out).during("signing the manifest")?;
    out.truncate(length);
    Ok(out)
}

/// An encoded command sequence of commands with encoded arguments.
fn sequence(commands: &[(i64, &[u8])]) -> Vec<u8> {
    cbor(|w| {
        w.array(commands.len().saturating_mul(2));
        for (command, argument) in commands {
            w.int(*command).raw(argument);
        }
    })
}

/// CBOR as the closure writes it, measured first.
fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut measure = Writer::new(&mut []);
    write(&mut measure);
    let mut out = vec![0; measure.needed()];
    write(&mut Writer::new(&mut out));
    out
}

fn main_component() -> Vec<String> {
    vec!["main".to_owned()]
}

/// Report success and failure with all details: the encoded reporting policy of every condition and directive.
const POLICY: &[u8] = &[15];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use aseptic_core::crypto::KeyAlg;

    const DESCRIPTION: &str = r##"
        vendor = "pumps.example"
        class = "infusion pump 2"
        sequence = 7
        uri = "#image"
        image = "pump-7.bin"
    "##;

    fn reason<T: std::fmt::Debug>(result: Result<T>) -> Reason {
        result.unwrap_err().reason()
    }

    // The vendor of the examples in the SUIT manifest draft, and a class as another implementation names it.
    #[test]
    fn identifiers_are_those_that_others_derive() {
        let vendor = vendor_id("arm.com");
        assert_eq!(Uuid::from_bytes(vendor).to_string(), "fa6b4a53-d5ad-5fdf-be9d-e663e4d41ffe");
        // Python: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "pumps.example"), "infusion pump 2")
        let class = class_id(&vendor_id("pumps.example"), "infusion pump 2");
        assert_eq!(Uuid::from_bytes(class).to_string(), "ccf31e5b-6c25-54b9-b7cc-1c199c8148f5");
    }

    #[test]
    fn a_description_becomes_an_envelope_that_a_device_takes() {
        let description = Description::parse(DESCRIPTION).unwrap();
        let manifest = description.manifest(b"firmware").unwrap();
        for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
            let key = AuthorityKey::generate(alg).unwrap();
            let signature = Signature { key: key.public().unwrap(), signer: &key };
            let envelope = manifest.sign(&soft::suite(), &[signature]).unwrap();
            let found = verify(&soft::suite(), &envelope, &[signature.key], Some(&manifest.identity())).unwrap();
            assert_eq!((found.sequence, found.size, found.uri.as_str()), (7, 8, "#image"));
            assert_eq!(found.payload.as_deref(), Some(b"firmware".as_slice()));
            assert_eq!(found.signer, signature.key.thumbprint(&soft::suite()).unwrap());
            assert_eq!(verify(&soft::suite(), &envelope, &[signature.key], None).unwrap().signer, found.signer);
        }
    }

    #[test]
    fn two_authors_sign_one_manifest() {
        let (one, two) =
            (AuthorityKey::generate(KeyAlg::P256).unwrap(), AuthorityKey::generate(KeyAlg::Ed25519).unwrap());
        let manifest = Manifest::new("pumps.example", "pump", 1, "https://pumps.example/1").image(b"x").unwrap();
        let signatures = [&one, &two].map(|key| Signature { key: key.public().unwrap(), signer: key });
        let envelope = manifest.sign(&soft::suite(), &signatures).unwrap();
        for key in [&one, &two] {
            verify(&soft::suite(), &envelope, &[key.public().unwrap()], None).unwrap();
        }
    }

    #[test]
    fn what_a_device_would_refuse_is_not_handed_out() {
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let other = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let signature = Signature { key: key.public().unwrap(), signer: &key };
        let manifest = Manifest::new("pumps.example", "pump", 1, "https://pumps.example/1");
        let sign = |manifest: &Manifest, signature| manifest.sign(&soft::suite(), &[signature]);
        assert_eq!(reason(sign(&manifest, signature)), Reason::Misuse);
        assert_eq!(reason(sign(&manifest.clone().image(b"").unwrap(), signature)), Reason::ManifestUnsupported);
        let far = Manifest { uri: "x".repeat(257), ..manifest.clone() }.image(b"x").unwrap();
        assert_eq!(reason(sign(&far, signature)), Reason::TooLarge);
        let wrong = Signature { key: other.public().unwrap(), signer: &key };
        let whole = manifest.image(b"x").unwrap();
        assert_eq!(reason(sign(&whole, wrong)), Reason::SignatureInvalid);
        let envelope = sign(&whole, signature).unwrap();
        assert_eq!(reason(verify(&soft::suite(), &envelope, &[wrong.key], None)), Reason::UnknownSigner);
        let stranger = Identity { class: [0; 16], ..whole.identity() };
        assert_eq!(reason(verify(&soft::suite(), &envelope, &[signature.key], Some(&stranger))), Reason::WrongClass);
    }

    #[test]
    fn a_description_with_a_field_too_many_or_too_few_is_refused() {
        for text in
            ["", "vendor = 1", &format!("{DESCRIPTION}\nforce = true"), &DESCRIPTION.replace("sequence", "version")]
        {
            assert_eq!(reason(Description::parse(text)), Reason::DescriptionInvalid, "{text}");
        }
    }
}
