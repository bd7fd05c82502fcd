//! A relay that means harm: what it can do to a sealed message with the keys it may have.
//!
//! The functions know the profile from its description, not from the code of `aseptic-messaging`, so that they are a
//! second opinion about it.

use aseptic_core::Result;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{
    Agree, ContentType, CoseAlg, Encrypt, Headers, RecipientKey, SealTo, Sealer, Signer as CoseSigner,
};
use aseptic_core::crypto::{AeadAlg, PublicKey, Suite};
use aseptic_core::platform::{Entropy, Platform};
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_messaging::{Direction, Origin, Outgoing, PROFILE, SEALED, Sender};

/// The message with one bit changed; bits are counted from the first byte, most significant first.
///
/// # Panics
/// If the message has no such bit.
#[must_use]
pub fn flip(message: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = message.to_vec();
    changed[bit / 8] ^= 0x80 >> (bit % 8);
    changed
}

/// The message with the name of a recipient on the outside exchanged. No key is needed.
///
/// # Panics
/// If the message does not name the recipient, or a name has more than 23 bytes.
#[must_use]
pub fn swap_recipient(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    // Label 4 (kid) and a short byte string.
    let pattern = |name: &str| {
        let length = u8::try_from(name.len()).ok().filter(|length| *length < 24).expect("a short name");
        [&[0x04, 0x40 | length], name.as_bytes()].concat()
    };
    let (old, new) = (pattern(from), pattern(to));
    let at = message.windows(old.len()).rposition(|window| window == old).expect("a message to this recipient");
    [&message[..at], &new, &message[at + old.len()..]].concat()
}

/// A recipient who was meant to read the message.
#[derive(Clone, Copy)]
pub struct Insider<'a> {
    /// The name under which it receives.
    pub name: &'a [u8],
    /// Its key.
    pub key: &'a dyn Agree,
}

/// Opens a message as an insider and seals what it holds, the genuine signature included, for somebody else.
pub fn pass_on(
    suite: &Suite<'_>,
    entropy: &dyn Entropy,
    insider: Insider<'_>,
    message: &[u8],
    (direction, class): (Direction, Purpose),
    to: &VerifiedPeer,
) -> Result<Vec<u8>> {
    let aad = cbor(|writer| {
        writer.array(3).text(PROFILE).uint(direction as u64).uint(class as u64);
    });
    let claims = cbor(|writer| {
        writer.map(1).int(-65537).uint(class as u64);
    });
    let key = RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, insider.key)?.with_kid(insider.name);
    let mut inner = vec![0; message.len()];
    let length = Encrypt::parse(message)?.open(suite, &key, &aad, None, &mut inner)?;
    let headers = Headers { typ: Some(ContentType::Text(PROFILE)), claims: Some(&claims), ..Headers::default() };
    let mut out = vec![0; SEALED];
    let recipients = [SealTo::agree(to.name(), to.key()?)];
    let sealer = Sealer { suite, entropy };
    let length = sealer.encrypt(AeadAlg::Aes128Gcm, &headers, &recipients, &inner[..length], &aad, &mut out)?;
    out.truncate(length);
    Ok(out)
}

/// The attacker's own key, and the key it says it has.
#[derive(Clone, Copy)]
pub struct Forger<'a> {
    /// What signs.
    pub signer: &'a dyn CoseSigner,
    /// The public key that the message is to name: the attacker's own, or the victim's.
    pub named: PublicKey<'a>,
}

/// A well-formed message of the attacker's own making, under the name `victim`, on a `platform` of its own.
pub fn sign_anew(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    forger: Forger<'_>,
    victim: &[u8],
    message: &Outgoing<'_>,
) -> Result<Vec<u8>> {
    let origin = Origin { name: victim, key: forger.named, signer: forger.signer };
    let mut out = vec![0; Sender::room(message.body.len())];
    let length = Sender::load(platform, Direction::FromDevice)?.seal(platform, suite, &origin, message, &mut out)?;
    out.truncate(length);
    Ok(out)
}

fn cbor(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 256];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer);
    writer.finish().expect("short claims").to_vec()
}
