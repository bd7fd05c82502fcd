//! The author of updates: from a description and images to a signed SUIT envelope, and back through the device's eyes.
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

mod block;
mod description;
pub mod encrypt;
mod envelope;
mod examine;
mod lint;
mod manifest;
mod outline;
mod standing;
mod texts;
mod verify;

pub use description::{Description, Open};
pub use envelope::{Added, Envelope, Signature};
pub use examine::{Answer, Believed, Payloads, Question, Step, examine};
pub use lint::{Finding, Weight, lint};
pub use manifest::{Component, Image, Manifest, Member, Payload, Severed, Source};
pub use outline::Outline;
pub use standing::{Pinned, Standing};
pub use texts::{SBOM, Texts};
pub use verify::{Found, Identity, verify};

use crate::Result;
use aseptic_core::cbor::Writer;
use aseptic_core::crypto::Suite;
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

impl Manifest {
    /// Signs and gives the envelope, after a look at it through the eyes of a device: what a device would refuse comes
    /// back as the device's own reason.
    pub fn sign(&self, suite: &Suite<'_>, signatures: &[Signature<'_>]) -> Result<Vec<u8>> {
        let mut envelope = Envelope::unsigned(suite, self)?;
        for signature in signatures {
            let block = envelope.sign(suite, signature)?;
            envelope.add(suite, &block, &[signature.key])?;
        }
        let envelope = envelope.encode();
        for signature in signatures {
            verify(suite, &envelope, &[signature.key], Some(&self.identity()))?;
        }
        Ok(envelope)
    }
}

/// CBOR as the closure writes it, measured first.
fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut measure = Writer::new(&mut []);
    write(&mut measure);
    let mut out = vec![0; measure.needed()];
    write(&mut Writer::new(&mut out));
    out
}

/// One unsigned integer.
fn uint(value: u64) -> Vec<u8> {
    cbor(|w| {
        w.uint(value);
    })
}

/// One integer.
fn int(value: i64) -> Vec<u8> {
    cbor(|w| {
        w.int(value);
    })
}

/// One byte string.
fn bytes(value: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.bytes(value);
    })
}

/// One text string.
fn text(value: &str) -> Vec<u8> {
    cbor(|w| {
        w.text(value);
    })
}

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod tests;
