//! COSE_Encrypt0 and COSE_Encrypt (RFC 9052 section 5).

use super::alg::CoseAlg;
use super::content::{Content, ContentKey, Sealer, nonce, same_alg};
use super::header::{Header, Headers};
use super::recipient::{Recipient, RecipientKey, SealTo};
use super::sign::{one_payload, payload, tagged};
use crate::cbor::{Reader, Rules, Writer};
use crate::crypto::{AeadAlg, NONCE, Suite, TAG, random};
use crate::reason::{Blame, Reason};
use crate::secret::{Secret, wipe};
use crate::{Result, limits};

const TAG_ENCRYPT0: u64 = 16;
const TAG_ENCRYPT: u64 = 96;

/// A COSE_Encrypt0 message as received: encrypted with a key that both sides know.
#[derive(Clone, Copy, Debug)]
pub struct Encrypt0<'a> {
    /// Its header parameters.
    pub header: Header<'a>,
    /// The ciphertext with its tag; none if it travels apart.
    pub ciphertext: Option<&'a [u8]>,
}

impl<'a> Encrypt0<'a> {
    /// Reads a tagged message (tag 16) that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(tagged(bytes, TAG_ENCRYPT0)?)
    }

    /// Reads a message without its tag, where the context says what it is (RFC 9052 section 2).
    pub fn parse_untagged(bytes: &'a [u8]) -> Result<Self> {
        Self::read(Reader::new(bytes, Rules::Received))
    }

    #[inline]
    fn read(mut reader: Reader<'a>) -> Result<Self> {
        let mut message = Self { header: Header::default(), ciphertext: None };
        reader.array_exact(3)?;
        message.header.fill(&mut reader)?;
        message.ciphertext = payload(&mut reader)?;
        reader.end()?;
        Ok(message)
    }

    /// Decrypts into the front of `out`, which must hold the plaintext, and gives its length.
    ///
    /// `detached` is the ciphertext with its tag, where the message carries none. On error `out` holds no plaintext.
    pub fn open(
        &self,
        suite: &Suite<'_>,
        key: &ContentKey<'_>,
        aad: &[u8],
        detached: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<usize> {
        let sealed = one_payload(self.ciphertext, detached)?;
        let content = Content {
            context: "Encrypt0",
            alg: same_alg(&self.header, key)?,
            nonce: nonce(&self.header, key.base_iv())?,
            protected: self.header.protected,
            aad,
        };
        content.open(suite, key.bytes(), sealed, out)
    }
}

/// A COSE_Encrypt message as received: its content key reaches 1 to [`limits::COSE_LAYERS`] recipients.
#[derive(Clone, Copy, Debug)]
pub struct Encrypt<'a> {
    /// Header parameters of the content.
    pub header: Header<'a>,
    /// The ciphertext with its tag; none if it travels apart.
    pub ciphertext: Option<&'a [u8]>,
    /// The recipients, encoded; each was read once already.
    recipients: &'a [u8],
    count: usize,
}

impl<'a> Encrypt<'a> {
    /// Reads a tagged message (tag 96) that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(tagged(bytes, TAG_ENCRYPT)?)
    }

    /// Reads a message without its tag, where the context says what it is (RFC 9052 section 2).
    pub fn parse_untagged(bytes: &'a [u8]) -> Result<Self> {
        Self::read(Reader::new(bytes, Rules::Received))
    }

    #[inline]
    fn read(mut reader: Reader<'a>) -> Result<Self> {
        reader.array_exact(4)?;
        let header = Header::read(&mut reader)?;
        let ciphertext = payload(&mut reader)?;
        let count = reader.array()?;
        match count {
            0 => return Err(Reason::CoseMalformed),
            1..=limits::COSE_LAYERS => {}
            _ => return Err(Reason::TooLarge),
        }
        let recipients = reader.rest();
        for _ in 0..count {
            Recipient::read(&mut reader)?;
        }
        reader.end()?;
        Ok(Self { header, ciphertext, recipients, count })
    }

    /// The recipients, in the order of the message.
    pub fn recipients(&self) -> impl Iterator<Item = Recipient<'a>> {
        let mut reader = Reader::new(self.recipients, Rules::Received);
        (0..self.count).map_while(move |_| Recipient::read(&mut reader).ok())
    }

    /// Decrypts into the front of `out`, which must hold the plaintext, and gives its length.
    ///
    /// Tries every recipient that names the algorithm of `key` and, if both have one, its kid; [`Reason::CoseNoRecipient`]
    /// if there is none. `detached` is the ciphertext with its tag, where the message carries none. On error `out` holds
    /// no plaintext.
    pub fn open(
        &self,
        suite: &Suite<'_>,
        key: &RecipientKey<'_>,
        aad: &[u8],
        detached: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<usize> {
        let sealed = one_payload(self.ciphertext, detached)?;
        self.first(key, &mut |recipient| self.open_as(suite, key, recipient, aad, sealed, out))
    }

    /// Fills `out` with the content key alone, for a payload that travels apart and is decrypted as a stream.
    ///
    /// Recipients as in [`Encrypt::open`], by key wrap with or without key agreement; [`Reason::KeyWrongUse`] for another key.
    pub fn content_key(&self, suite: &Suite<'_>, key: &RecipientKey<'_>, out: &mut [u8]) -> Result<()> {
        if key.alone() {
            return Err(Reason::KeyWrongUse);
        }
        // Only keys that are alone bind the content algorithm.
        self.first(key, &mut |recipient| key.unlock(suite, recipient, AeadAlg::Aes128Gcm, out).map(|()| 0)).map(drop)
    }

    /// What `open` makes of the first recipient of `key` that it succeeds with.
    fn first(&self, key: &RecipientKey<'_>, open: &mut dyn FnMut(&Recipient<'_>) -> Result<usize>) -> Result<usize> {
        let mut failure = Reason::CoseNoRecipient;
        for recipient in self.recipients().filter(|recipient| key.fits(recipient)) {
            // RFC 9052 sections 8.5.1 and 8.5.4: beside such a recipient there is no other.
            if key.alone() && self.count != 1 {
                return Err(Reason::CoseMalformed);
            }
            match open(&recipient) {
                Err(reason) if reason.blame() == Blame::Peer => failure = reason,
                outcome => return outcome,
            }
        }
        Err(failure)
    }

    fn open_as(
        &self,
        suite: &Suite<'_>,
        key: &RecipientKey<'_>,
        recipient: &Recipient<'_>,
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let (alg, base_iv) = match key.shared_key() {
            Some(shared) => (same_alg(&self.header, shared)?, shared.base_iv()),
            // A key that travels with the message does not say its algorithm: it must be authenticated (RFC 9052 section 3.1).
            None => (self.header.protected_alg()?.aead()?, None),
        };
        let nonce = nonce(&self.header, base_iv)?;
        let mut cek = Secret::<32>::zeroed();
        let cek = cek.expose_mut().get_mut(..alg.key_len()).ok_or(Reason::Internal)?;
        key.unlock(suite, recipient, alg, cek)?;
        let content = Content { context: "Encrypt", alg, nonce, protected: self.header.protected, aad };
        content.open(suite, cek, sealed, out)
    }
}

impl Sealer<'_> {
    /// Writes a COSE_Encrypt0 under a fresh random IV; gives its length. On error `out` holds no plaintext.
    pub fn encrypt0(
        &self,
        key: &ContentKey<'_>,
        headers: &Headers<'_>,
        plaintext: &[u8],
        aad: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let mut buffer = [0; limits::COSE_HEADER];
        let protected = headers.protected(CoseAlg::for_aead(key.alg()), &mut buffer)?;
        let content = Content { context: "Encrypt0", alg: key.alg(), nonce: self.nonce()?, protected, aad };
        clean(out, |out| {
            let mut writer = Writer::new(out);
            writer.tag(TAG_ENCRYPT0).array(3);
            writer.bytes(protected).map(1).int(5).bytes(&content.nonce);
            let start = room_for(plaintext, &mut writer)?;
            let written = writer.finish()?;
            content.seal(self.suite, key.bytes(), sealed(written, start, plaintext)?)?;
            Ok(written.len())
        })
    }

    /// Writes a COSE_Encrypt0 under the Base IV of `key` and `number` as Partial IV; gives its length. On error `out`
    /// holds no plaintext. The caller never uses a number twice with a key: who does gives the plaintexts away.
    pub fn encrypt0_numbered(
        &self,
        key: &ContentKey<'_>,
        kid: &[u8],
        number: u64,
        plaintext: &[u8],
        aad: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let partial = number.to_be_bytes();
        let partial = partial.get(number.leading_zeros() as usize / 8..).ok_or(Reason::Internal)?;
        let header = Header { partial_iv: Some(partial), ..Header::default() };
        // The algorithm alone.
        let (nonce, mut buffer) = (nonce(&header, key.base_iv())?, [0; 16]);
        let protected = Headers::default().protected(CoseAlg::for_aead(key.alg()), &mut buffer)?;
        let content = Content { context: "Encrypt0", alg: key.alg(), nonce, protected, aad };
        clean(out, |out| {
            let mut writer = Writer::new(out);
            writer.tag(TAG_ENCRYPT0).array(3).bytes(protected).map(2).int(4).bytes(kid).int(6).bytes(partial);
            let start = room_for(plaintext, &mut writer)?;
            let written = writer.finish()?;
            content.seal(self.suite, key.bytes(), sealed(written, start, plaintext)?)?;
            Ok(written.len())
        })
    }

    /// Writes a COSE_Encrypt with a fresh content key (unless a recipient's algorithm prescribes one) and a fresh random
    /// IV, for 1 to [`limits::COSE_LAYERS`] recipients; gives its length. On error `out` holds no plaintext.
    ///
    /// [`Reason::CoseMalformed`] if a recipient must be the only one and is not.
    pub fn encrypt(
        &self,
        alg: AeadAlg,
        headers: &Headers<'_>,
        recipients: &[SealTo<'_>],
        plaintext: &[u8],
        aad: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        if recipients.is_empty() || recipients.len() > limits::COSE_LAYERS {
            return Err(Reason::TooLarge);
        }
        if recipients.len() > 1 && recipients.iter().any(SealTo::alone) {
            return Err(Reason::CoseMalformed);
        }
        let mut buffer = [0; limits::COSE_HEADER];
        let protected = headers.protected(CoseAlg::for_aead(alg), &mut buffer)?;
        let content = Content { context: "Encrypt", alg, nonce: self.nonce()?, protected, aad };
        let mut cek = Secret::<32>::zeroed();
        let cek = cek.expose_mut().get_mut(..alg.key_len()).ok_or(Reason::Internal)?;
        random(self.entropy, cek)?;
        clean(out, |out| {
            let mut writer = Writer::new(out);
            writer.tag(TAG_ENCRYPT).array(4);
            writer.bytes(protected).map(1).int(5).bytes(&content.nonce);
            let start = room_for(plaintext, &mut writer)?;
            writer.array(recipients.len());
            for recipient in recipients {
                recipient.write(self, alg, cek, &mut writer)?;
            }
            let written = writer.finish()?;
            content.seal(self.suite, cek, sealed(written, start, plaintext)?)?;
            Ok(written.len())
        })
    }

    fn nonce(&self) -> Result<[u8; NONCE]> {
        let mut nonce = [0; NONCE];
        random(self.entropy, &mut nonce)?;
        Ok(nonce)
    }
}

/// Writes the plaintext with room for its tag; gives the place where it stands.
fn room_for(plaintext: &[u8], writer: &mut Writer<'_>) -> Result<usize> {
    writer.bytes_head(plaintext.len().checked_add(TAG).ok_or(Reason::TooLarge)?);
    let start = writer.needed();
    writer.raw(plaintext).raw(&[0; TAG]);
    Ok(start)
}

/// The part of a written message that is to be sealed in place.
fn sealed<'o>(written: &'o mut [u8], start: usize, plaintext: &[u8]) -> Result<&'o mut [u8]> {
    let length = plaintext.len().saturating_add(TAG);
    written.get_mut(start..).and_then(|rest| rest.get_mut(..length)).ok_or(Reason::Internal)
}

/// Runs `write` on `out`, and wipes `out` where it fails, as plaintext may stand there.
fn clean(out: &mut [u8], write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<usize> {
    let outcome = write(out);
    if outcome.is_err() {
        wipe(out);
    }
    outcome
}
