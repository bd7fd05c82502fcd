//! COSE_Sign1 and COSE_Sign.

use super::alg::CoseAlg;
use super::header::{Header, Headers};
use super::structure::Structure;
use crate::cbor::{Reader, Rules, Writer};
use crate::crypto::{Message, PublicKey, SigAlg, Suite};
use crate::platform::{KeyId, Keys, Progress, SignInput};
use crate::reason::Reason;
use crate::{Result, limits};

const TAG_SIGN1: u64 = 18;
const TAG_SIGN: u64 = 98;

/// Something that signs: a key of the device's key store, or of a maker's tool.
pub trait Signer {
    /// How it signs.
    fn alg(&self) -> SigAlg;
    /// Signs a message in parts; the signature fills the front of `out`, its length is given.
    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> Result<usize>;
}

/// A key of the device's key store as a [`Signer`].
#[derive(Clone, Copy)]
pub struct KeySigner<'a> {
    keys: &'a dyn Keys,
    id: KeyId,
    alg: SigAlg,
}

impl<'a> KeySigner<'a> {
    /// The signer for key `id`, which must sign with `alg`.
    #[must_use]
    pub const fn new(keys: &'a dyn Keys, id: KeyId, alg: SigAlg) -> Self {
        Self { keys, id, alg }
    }
}

impl Signer for KeySigner<'_> {
    fn alg(&self) -> SigAlg {
        self.alg
    }

    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
        match self.keys.sign(self.id, SignInput::Message(message), out)? {
            Progress::Done(length) => Ok(length),
            Progress::Pending => Err(Reason::KeyBusy),
        }
    }
}

/// A COSE_Sign1 message as received: one signature. Nothing in it is proven before [`Sign1::verify`].
#[derive(Clone, Copy, Debug)]
pub struct Sign1<'a> {
    /// Its header parameters.
    pub header: Header<'a>,
    /// The payload; none if it travels apart.
    pub payload: Option<&'a [u8]>,
    signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    /// Reads a tagged message (tag 18) that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(tagged(bytes, TAG_SIGN1)?)
    }

    /// Reads a message without its tag, where the context says what it is (RFC 9052 section 2).
    pub fn parse_untagged(bytes: &'a [u8]) -> Result<Self> {
        Self::read(Reader::new(bytes, Rules::Received))
    }

    #[inline]
    fn read(mut reader: Reader<'a>) -> Result<Self> {
        let mut message = Self { header: Header::default(), payload: None, signature: &[] };
        reader.array_exact(4)?;
        message.header.fill(&mut reader)?;
        message.payload = payload(&mut reader)?;
        message.signature = reader.bytes()?;
        reader.end()?;
        Ok(message)
    }

    /// Verifies with `key`; `detached` is the payload where the message carries none.
    pub fn verify(&self, suite: &Suite<'_>, key: PublicKey<'_>, aad: &[u8], detached: Option<&[u8]>) -> Result<()> {
        let payload = one_payload(self.payload, detached)?;
        self.header.signed_with(key)?;
        let structure =
            Structure { context: "Signature1", body: self.header.protected, layer: None, aad, payload, other: None };
        structure.with(|message| suite.verify(key, message, self.signature))
    }
}

/// One signature of a [`Sign`].
#[derive(Clone, Copy, Debug)]
pub struct SignLayer<'a> {
    /// Its header parameters.
    pub header: Header<'a>,
    signature: &'a [u8],
}

/// A COSE_Sign message as received: several signatures over one payload.
#[derive(Clone, Copy, Debug)]
pub struct Sign<'a> {
    /// Header parameters of the body.
    pub header: Header<'a>,
    /// The payload; none if it travels apart.
    pub payload: Option<&'a [u8]>,
    layers: [Option<SignLayer<'a>>; limits::COSE_LAYERS],
}

impl<'a> Sign<'a> {
    /// Reads a tagged message (tag 98) that fills `bytes`, with 1 to [`limits::COSE_LAYERS`] signatures.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(tagged(bytes, TAG_SIGN)?)
    }

    /// Reads a message without its tag, where the context says what it is (RFC 9052 section 2).
    pub fn parse_untagged(bytes: &'a [u8]) -> Result<Self> {
        Self::read(Reader::new(bytes, Rules::Received))
    }

    #[inline]
    fn read(mut reader: Reader<'a>) -> Result<Self> {
        reader.array_exact(4)?;
        let header = Header::read(&mut reader)?;
        let payload = payload(&mut reader)?;
        let count = reader.array()?;
        let mut layers = [None; limits::COSE_LAYERS];
        if count == 0 {
            return Err(Reason::CoseMalformed);
        }
        for layer in layers.get_mut(..count).ok_or(Reason::TooLarge)? {
            reader.array_exact(3)?;
            *layer = Some(SignLayer { header: Header::read(&mut reader)?, signature: reader.bytes()? });
        }
        reader.end()?;
        Ok(Self { header, payload, layers })
    }

    /// The signatures, in the order of the message.
    pub fn layers(&self) -> impl Iterator<Item = &SignLayer<'a>> {
        self.layers.iter().flatten()
    }

    /// Verifies one signature with `key`. How many there must be, and whose, is the caller's policy.
    pub fn verify(
        &self,
        layer: &SignLayer<'_>,
        suite: &Suite<'_>,
        key: PublicKey<'_>,
        aad: &[u8],
        detached: Option<&[u8]>,
    ) -> Result<()> {
        let payload = one_payload(self.payload, detached)?;
        layer.header.signed_with(key)?;
        let structure = Structure {
            context: "Signature",
            body: self.header.protected,
            layer: Some(layer.header.protected),
            aad,
            payload,
            other: None,
        };
        structure.with(|message| suite.verify(key, message, layer.signature))
    }
}

/// Writes a COSE_Sign1 with `payload` inside, or beside it if `detached`; gives its length.
pub fn sign1(
    signer: &dyn Signer,
    headers: &Headers<'_>,
    payload: &[u8],
    detached: bool,
    aad: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let mut buffer = [0; limits::COSE_HEADER];
    let protected = headers.protected(CoseAlg::for_signature(signer.alg()), &mut buffer)?;
    let structure = Structure { context: "Signature1", body: protected, layer: None, aad, payload, other: None };
    let mut buffer = [0; limits::SIGNATURE];
    let signature = signature(&structure, signer, &mut buffer)?;
    let mut writer = Writer::new(out);
    writer.tag(TAG_SIGN1).array(4).bytes(protected).map(0);
    write_payload(&mut writer, payload, detached);
    writer.bytes(signature);
    writer.finish().map(|bytes| bytes.len())
}

/// Writes a COSE_Sign with one signature of each signer, each with its own headers; gives its length.
pub fn sign(
    signers: &[(&dyn Signer, Headers<'_>)],
    payload: &[u8],
    detached: bool,
    aad: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    if signers.is_empty() || signers.len() > limits::COSE_LAYERS {
        return Err(Reason::TooLarge);
    }
    let mut writer = Writer::new(out);
    writer.tag(TAG_SIGN).array(4).bytes(&[]).map(0);
    write_payload(&mut writer, payload, detached);
    writer.array(signers.len());
    for (signer, headers) in signers {
        let mut buffer = [0; limits::COSE_HEADER];
        let protected = headers.protected(CoseAlg::for_signature(signer.alg()), &mut buffer)?;
        let structure =
            Structure { context: "Signature", body: &[], layer: Some(protected), aad, payload, other: None };
        let mut room = [0; limits::SIGNATURE];
        let signature = signature(&structure, *signer, &mut room)?;
        writer.array(3).bytes(protected).map(0).bytes(signature);
    }
    writer.finish().map(|bytes| bytes.len())
}

fn signature<'o>(structure: &Structure<'_>, signer: &dyn Signer, out: &'o mut [u8]) -> Result<&'o [u8]> {
    let length = structure.with(|message| signer.sign(message, out))?;
    out.get(..length).ok_or(Reason::Internal)
}

/// A reader behind the wanted tag; another tag, or none, is another type of message.
pub(super) fn tagged(bytes: &[u8], tag: u64) -> Result<Reader<'_>> {
    let mut reader = Reader::new(bytes, Rules::Received);
    if reader.tag()? == tag { Ok(reader) } else { Err(Reason::CoseMalformed) }
}

/// A payload or ciphertext: a byte string, or null where it travels apart.
pub(super) fn payload<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>> {
    if reader.null() { Ok(None) } else { reader.bytes().map(Some) }
}

pub(super) fn write_payload(writer: &mut Writer<'_>, payload: &[u8], detached: bool) {
    if detached {
        writer.null()
    } else {
        writer.bytes(payload)
    };
}

/// Exactly one of the two payloads: a message that carries one must not be checked against another.
pub(super) fn one_payload<'p>(inside: Option<&'p [u8]>, detached: Option<&'p [u8]>) -> Result<&'p [u8]> {
    match (inside, detached) {
        (Some(payload), None) | (None, Some(payload)) => Ok(payload),
        _ => Err(Reason::CoseMalformed),
    }
}
