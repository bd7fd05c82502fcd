//! Payloads that only some can read: COSE_Encrypt with the ciphertext beside it (draft-ietf-suit-firmware-encryption).
//!
//! Encryption hides and proves nothing: a device takes what it decrypted for what was signed only by the digest of the plain
//! image in the manifest. Each call uses a fresh content key and IV, so two encryptions of one image differ; what `encrypt`
//! made goes into the description, and the envelope made from that is reproducible again.

use super::cbor;
use crate::error::While;
use crate::{Error, Result};
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::cose::{CoseAlg, Headers, KdfContext, RecipientKey, SealTo, Sealer};
use aseptic_core::crypto::{AeadAlg, KeyAlg, PublicKey, Suite, TAG, random};
use aseptic_core::platform::Entropy;
use aseptic_core::{Reason, limits};
use zeroize::Zeroizing;

/// How the image is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM.
    A128Gcm,
    /// AES-256-GCM; key-encryption keys alone.
    A256Gcm,
    /// AES-128 in counter mode: no tag, so that only the digest in the manifest says whether it was decrypted right.
    A128Ctr,
    /// AES-256 in counter mode; key-encryption keys alone.
    A256Ctr,
}

/// Who can read it.
#[derive(Clone, Copy)]
pub enum Recipient<'k> {
    /// The holders of a key-encryption key of 16, 24 or 32 bytes (AES key wrap), by the name of that key.
    Shared(&'k [u8], &'k [u8]),
    /// The device with this key for key agreement (ECDH-ES + A128KW), P-256 or X25519. Its thumbprint names it.
    Device(PublicKey<'k>),
}

/// An encrypted image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// COSE_Encrypt without the ciphertext: what goes into the manifest.
    pub info: Vec<u8>,
    /// The ciphertext with its tag: the payload.
    pub payload: Vec<u8>,
}

/// Encrypts an image for 1 to [`limits::COSE_LAYERS`] recipients.
///
/// [`Reason::KeyWrongUse`] for a key that cannot be a recipient's, or a cipher with 256 bits for key agreement, which the profile
/// has with A128KW alone. In counter mode there is room for one recipient less.
pub fn encrypt(
    suite: &Suite<'_>,
    entropy: &dyn Entropy,
    cipher: Cipher,
    recipients: &[Recipient<'_>],
    image: &[u8],
) -> Result<Encrypted> {
    let context = KdfContext { supp_pub_other: Some(CONTEXT), ..KdfContext::default() };
    let name = |recipient: &Recipient<'_>| match recipient {
        Recipient::Shared(name, _) => Ok(name.to_vec()),
        Recipient::Device(key) => key.thumbprint(suite).map(|name| name.to_vec()),
    };
    let names = recipients.iter().map(name).collect::<aseptic_core::Result<Vec<_>>>().during("naming a recipient")?;
    let mut layers = Vec::new();
    for (recipient, name) in recipients.iter().zip(&names) {
        layers.push(match *recipient {
            Recipient::Shared(_, kek) => SealTo::wrap(name, kek),
            Recipient::Device(key) if key.alg() != KeyAlg::Ed25519 && cipher.aead().key_len() == 16 => {
                SealTo::agree(name, key).with_context(context)
            }
            Recipient::Device(_) => return Err(Error::new(Reason::KeyWrongUse, "encrypting for a device")),
        });
    }
    let sealer = Sealer { suite, entropy };
    if matches!(cipher, Cipher::A128Gcm | Cipher::A256Gcm) {
        let message = seal(&sealer, cipher, &layers, image)?;
        return detach(&message).during("taking the ciphertext out");
    }
    // The layers of the recipients do not depend on the cipher of the content. So they are made around nothing, with one layer
    // more for ourselves, which tells the content key and is then left out.
    let mut own = Zeroizing::new([0; 32]);
    random(entropy, &mut *own).during("making a content key")?;
    layers.push(SealTo::wrap(b"", &*own));
    let message = seal(&sealer, cipher, &layers, &[])?;
    let around = detach(&message).during("taking the recipients out")?;
    counter_mode(&sealer, cipher, &around.info, &*own, image).during("encrypting the image")
}

fn seal(sealer: &Sealer<'_>, cipher: Cipher, layers: &[SealTo<'_>], image: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; image.len().saturating_add(ROOM)];
    let length = sealer
        .encrypt(cipher.aead(), &Headers::default(), layers, image, &[], &mut out)
        .during("encrypting the image")?;
    out.truncate(length);
    Ok(out)
}

/// A COSE_Encrypt in counter mode for all but the last recipient of `info`, whose key-encryption key is `own`.
fn counter_mode(
    sealer: &Sealer<'_>,
    cipher: Cipher,
    info: &[u8],
    own: &[u8],
    image: &[u8],
) -> aseptic_core::Result<Encrypted> {
    let mut key = Zeroizing::new(vec![0; cipher.aead().key_len()]);
    let reader = RecipientKey::wrap(own)?.with_kid(b"");
    aseptic_core::cose::Encrypt::parse(info)?.content_key(sealer.suite, &reader, &mut key)?;
    // The last half is counted up: a random start could wrap, as the counter is one number of 128 bits.
    let mut counter = [0; 16];
    random(sealer.entropy, &mut counter[..8])?;
    let mut payload = image.to_vec();
    sealer.suite.counter_mode()?.apply(&key, &counter, 0, &mut payload)?;

    let mut reader = Reader::new(info, Rules::Received);
    reader.tag()?;
    reader.array_exact(4)?;
    for _ in 0..3 {
        reader.raw()?;
    }
    let count = reader.array()?.saturating_sub(1);
    let recipients = (0..count).map(|_| reader.raw()).collect::<aseptic_core::Result<Vec<_>>>()?;
    let alg = if key.len() == 16 { A128CTR } else { A256CTR };
    let info = cbor(|w| {
        w.tag(96).array(4).bytes(&[]).map(2).int(1).int(alg).int(5).bytes(&counter).null().array(recipients.len());
        for recipient in &recipients {
            w.raw(recipient);
        }
    });
    Ok(Encrypted { info, payload })
}

impl Cipher {
    /// The authenticated cipher with a key as long.
    const fn aead(self) -> AeadAlg {
        match self {
            Self::A128Gcm | Self::A128Ctr => AeadAlg::Aes128Gcm,
            Self::A256Gcm | Self::A256Ctr => AeadAlg::Aes256Gcm,
        }
    }
}

/// Bytes that a ciphertext has more than the image; none for an encryption of another kind.
pub(super) fn overhead(info: &[u8]) -> Option<u64> {
    let message = aseptic_core::cose::Encrypt::parse(info).ok()?;
    match message.header.alg?.0 {
        CoseAlg::A128GCM | CoseAlg::A256GCM => u64::try_from(TAG).ok(),
        CoseAlg(A128CTR | A256CTR) => Some(0),
        _ => None,
    }
}

/// Parts a COSE_Encrypt from its ciphertext.
fn detach(message: &[u8]) -> aseptic_core::Result<Encrypted> {
    let mut reader = Reader::new(message, Rules::Received);
    reader.tag()?;
    reader.array_exact(4)?;
    let (protected, unprotected) = (reader.raw()?, reader.raw()?);
    let payload = reader.bytes()?.to_vec();
    let recipients = reader.raw()?;
    let info = cbor(|w| {
        w.tag(96).array(4).raw(protected).raw(unprotected).null().raw(recipients);
    });
    Ok(Encrypted { info, payload })
}

/// RFC 9459 section 8.
const A128CTR: i64 = -65534;
/// The same, with 256 bits.
const A256CTR: i64 = -65532;

/// SuppPubInfo.other of the key derivation.
const CONTEXT: &[u8] = b"SUIT Payload Encryption";

/// Bytes of a COSE_Encrypt beside its ciphertext, for as many recipients as it may have.
const ROOM: usize = limits::COSE_HEADER * (limits::COSE_LAYERS + 1);
