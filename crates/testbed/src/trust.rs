//! Keys and signed trust stores made up for tests.

use aseptic_core::cose::{Headers, Signer, sign};
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::limits;
use aseptic_core::trust::StoreContent;

/// A key pair that anybody can make again from its number.
#[derive(Debug)]
pub struct KeyPair {
    /// The private key.
    pub private: PrivateKey,
    /// SHA-256 of the public key's SubjectPublicKeyInfo.
    pub thumbprint: [u8; 32],
    bytes: Vec<u8>,
}

impl KeyPair {
    /// The key of this number.
    ///
    /// # Panics
    /// Never for the algorithms there are.
    #[must_use]
    pub fn new(alg: KeyAlg, number: u8) -> Self {
        let private = PrivateKey::from_bytes(alg, &[number.max(1); 32]).expect("a scalar below the order");
        let mut bytes = vec![0; limits::PUBLIC_KEY];
        let length = private.public(&mut bytes).expect("room for a public key");
        bytes.truncate(length);
        let thumbprint = PublicKey::new(alg, &bytes)
            .and_then(|key| key.thumbprint(&soft::suite()))
            .expect("a public key of its own kind");
        Self { private, thumbprint, bytes }
    }

    /// The public key.
    ///
    /// # Panics
    /// Never: the bytes were made as a key of this kind.
    #[must_use]
    pub fn public(&self) -> PublicKey<'_> {
        PublicKey::new(self.private.alg(), &self.bytes).expect("a public key of its own kind")
    }
}

/// The trust store object with this content, signed by each of these keys once.
///
/// # Panics
/// If the content does not fit, or a key does not sign.
#[must_use]
pub fn signed(content: &StoreContent<'_>, by: &[&KeyPair]) -> Vec<u8> {
    let mut payload = vec![0; 2 * limits::TRUST_STORE];
    let length = content.encode(&mut payload).expect("content within the bounds");
    seal(&payload[..length], by)
}

/// A COSE_Sign over `payload`, with the thumbprint of each key as its kid.
///
/// # Panics
/// If there are too many keys, or one does not sign.
#[must_use]
pub fn seal(payload: &[u8], by: &[&KeyPair]) -> Vec<u8> {
    let signers: Vec<(&dyn Signer, Headers<'_>)> = by
        .iter()
        .map(|key| {
            let signer: &dyn Signer = &key.private;
            (signer, Headers { kid: Some(&key.thumbprint), ..Headers::default() })
        })
        .collect();
    let mut out = vec![0; payload.len() + 200 * by.len() + 64];
    let length = sign(&signers, payload, false, &[], &mut out).expect("signatures");
    out.truncate(length);
    out
}
