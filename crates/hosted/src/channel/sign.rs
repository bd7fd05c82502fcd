//! Our side's proof of possession: rustls asks, the key store signs.

use super::Local;
use super::handshake::Asking;
use aseptic_certs::der::{self, Writer};
use aseptic_core::crypto::{KeyAlg, Parts};
use aseptic_core::platform::{Progress, SignInput};
use aseptic_core::{Reason, Result, limits};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use std::time::Duration;

/// A key in the key store, as rustls sees it.
#[derive(Debug)]
pub(super) struct StoredKey {
    pub(super) asking: Asking,
    pub(super) alg: KeyAlg,
}

impl StoredKey {
    const fn scheme(&self) -> SignatureScheme {
        match self.alg {
            KeyAlg::Ed25519 => SignatureScheme::ED25519,
            _ => SignatureScheme::ECDSA_NISTP256_SHA256,
        }
    }
}

impl SigningKey for StoredKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = Self { asking: self.asking.clone(), alg: self.alg };
        offered.contains(&self.scheme()).then(|| Box::new(signer) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.alg {
            KeyAlg::Ed25519 => SignatureAlgorithm::ED25519,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl Signer for StoredKey {
    fn sign(&self, message: &[u8]) -> core::result::Result<Vec<u8>, rustls::Error> {
        self.asking.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        Self::scheme(self)
    }
}

/// The algorithm of our key; it must be one that signs.
pub(super) fn algorithm(local: &Local<'_>) -> Result<KeyAlg> {
    let mut public = [0; limits::PUBLIC_KEY];
    let (policy, _) = local.keys.public(local.key, &mut public)?;
    policy.alg.signs().ok_or(Reason::KeyWrongUse).map(|_| policy.alg)
}

/// Signs as TLS wants it: ECDSA as a DER sequence of r and s (RFC 8446 section 4.2.3), Ed25519 as it is.
///
/// A key store that works slowly is asked again for up to [`PATIENCE`] times [`PAUSE`].
pub(super) fn sign(local: &Local<'_>, alg: KeyAlg, message: &[u8]) -> Result<Vec<u8>> {
    let mut signature = [0; limits::SIGNATURE];
    for _ in 0..PATIENCE {
        let mut parts = Parts(&[message]);
        match local.keys.sign(local.key, SignInput::Message(&mut parts), &mut signature)? {
            Progress::Done(length) if length != signature.len() => return Err(Reason::Internal),
            Progress::Done(_) if alg == KeyAlg::Ed25519 => return Ok(signature.to_vec()),
            Progress::Done(_) => return sequence(&signature),
            Progress::Pending => std::thread::sleep(PAUSE),
        }
    }
    Err(Reason::KeyBusy)
}

fn sequence(signature: &[u8; limits::SIGNATURE]) -> Result<Vec<u8>> {
    let (r, s) = signature.split_at(limits::SIGNATURE / 2);
    // Two integers of at most 33 bytes, three heads of 2.
    let mut out = [0; 72];
    let mut writer = Writer::new(&mut out);
    writer.nested(der::SEQUENCE, |writer| {
        writer.magnitude(r).magnitude(s);
    });
    writer.finish().map(|der| der.to_vec())
}

const PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: u32 = 2500;
