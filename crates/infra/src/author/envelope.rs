//! An envelope on the author's desk: what is passed from hand to hand until it is released.

use super::manifest::{Manifest, Member};
use super::outline::Outline;
use super::{block, cbor};
use crate::error::While;
use crate::{Error, Result};
use aseptic_core::cbor::{Key, Reader, Rules};
use aseptic_core::cose::{Sign1, Signer};
use aseptic_core::crypto::{HashAlg, Parts, PublicKey, Suite};
use aseptic_core::{Reason, limits};
use aseptic_update::{Digest, Envelope as Received};
use std::collections::BTreeMap;

/// One who signs.
#[derive(Clone, Copy)]
pub struct Signature<'k> {
    /// The public key; its thumbprint names it in the envelope.
    pub key: PublicKey<'k>,
    /// What signs with it.
    pub signer: &'k dyn Signer,
}

/// What became of a signature that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// The thumbprint of the key that made it.
    pub signer: [u8; 32],
    /// Whether the key had not signed before.
    pub new: bool,
}

/// A SUIT envelope in the making: the same signed bytes from the first signature to the last.
///
/// Whatever changes it first makes sure that its digest is the one of its manifest, so that nobody signs one manifest
/// while another is shown to them: [`Reason::ManifestDigest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    digest: Vec<u8>,
    blocks: Vec<Vec<u8>>,
    manifest: Vec<u8>,
    members: BTreeMap<i64, Vec<u8>>,
    payloads: BTreeMap<String, Vec<u8>>,
}

impl Envelope {
    /// The envelope of a manifest that nobody has signed yet, with the payloads that it carries.
    pub fn unsigned(suite: &Suite<'_>, manifest: &Manifest) -> Result<Self> {
        let (encoded, members) = manifest.encode(suite)?;
        let digest = digest_of(suite, HashAlg::Sha256, &encoded).during("hashing the manifest")?;
        let digest = cbor(|w| digest.write(w));
        let payloads = manifest.payloads().map(|(uri, bytes)| (uri.to_owned(), bytes.to_vec())).collect();
        Ok(Self { digest, blocks: Vec::new(), manifest: encoded, members, payloads })
    }

    /// Reads an envelope of anybody's making, as far as a device reads it without trust. Nothing in it is proven.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // The device judges the frame; what it accepted is only picked up here.
        let received = Received::parse(bytes).during("reading the envelope")?;
        Self::pick_up(bytes, &received).during("reading the envelope")
    }

    /// The envelope as it is sent: what authenticates, the manifest, severed members, payloads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wrapper = cbor(|w| {
            w.array(self.blocks.len().saturating_add(1)).bytes(&self.digest);
            for block in &self.blocks {
                w.bytes(block);
            }
        });
        let members = self.members.len().saturating_add(self.payloads.len());
        cbor(|w| {
            w.tag(107).map(members.saturating_add(2)).int(2).bytes(&wrapper).int(3).bytes(&self.manifest);
            for (key, content) in &self.members {
                w.int(*key).bytes(content);
            }
            let mut payloads: Vec<_> = self.payloads.iter().collect();
            // Deterministic order: the length of a key is encoded before its text.
            payloads.sort_by_key(|(uri, _)| (uri.len(), *uri));
            for (uri, payload) in payloads {
                w.text(uri).bytes(payload);
            }
        })
    }

    /// What every signature is over: the encoded SUIT_Digest of the manifest. It travels apart from the signatures.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.digest
    }

    /// The signatures, in the order in which they came; unproven ones after [`Envelope::parse`].
    pub fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().map(Vec::as_slice)
    }

    /// The encoded manifest map.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The severed members that the envelope has.
    pub fn members(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.members.iter().map(|(key, content)| (*key, content.as_slice()))
    }

    /// The payloads that it carries, by URI.
    pub fn payloads(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.payloads.iter().map(|(uri, payload)| (uri.as_str(), payload.as_slice()))
    }

    /// Signs, and gives the signature as a block that may travel apart; [`Envelope::add`] puts it in.
    pub fn sign(&self, suite: &Suite<'_>, signature: &Signature<'_>) -> Result<Vec<u8>> {
        let message = self.message(suite, signature.key)?;
        let mut out = vec![0; SIGNATURE];
        let length = signature.signer.sign(&mut Parts(&[&message]), &mut out).during("signing the manifest")?;
        out.truncate(length);
        self.block(suite, signature.key, &out)
    }

    /// What the holder of `key` signs, where the key is in an HSM that knows nothing of COSE: the bytes themselves, not their
    /// hash. [`Envelope::block`] takes the answer.
    pub fn message(&self, suite: &Suite<'_>, key: PublicKey<'_>) -> Result<Vec<u8>> {
        self.whole(suite)?;
        block::message(suite, key, &self.digest).during("preparing a signature")
    }

    /// The block of a bare signature that `key` made of [`Envelope::message`]: of ECDSA r and s with 32 bytes each, of the
    /// others as their standards write them. It is not verified here, but by [`Envelope::add`].
    pub fn block(&self, suite: &Suite<'_>, key: PublicKey<'_>, signature: &[u8]) -> Result<Vec<u8>> {
        block::assemble(suite, key, signature).during("putting a signature together")
    }

    /// Puts in a signature that was made anywhere, once it has been found to be one of this envelope by one of `keys`. A
    /// second one by the same key would count for nothing and is left out.
    ///
    /// A key of any algorithm that `suite` verifies will do; one that devices know by its thumbprint alone must stand in the
    /// header of the block. [`Reason::UnknownSigner`] or [`Reason::SignatureInvalid`] if none of `keys` made it,
    /// [`Reason::CoseHeader`] without such a key, [`Reason::TooLarge`] beyond [`limits::AUTH_BLOCKS`].
    pub fn add(&mut self, suite: &Suite<'_>, block: &[u8], keys: &[PublicKey<'_>]) -> Result<Added> {
        self.whole(suite)?;
        let key = self.made_by(suite, block, keys)?;
        let travels = Sign1::parse(block).is_ok_and(|message| message.header.key() == Some(key.bytes()));
        if !key.alg().by_value() && !travels {
            return Err(Error::new(Reason::CoseHeader, "looking for the public key in header -65537 of a signature"));
        }
        let signer = key.thumbprint(suite).during("naming the signer")?;
        if self.blocks().any(|other| self.made_by(suite, other, &[key]).is_ok()) {
            return Ok(Added { signer, new: false });
        }
        if self.blocks.len() >= limits::AUTH_BLOCKS {
            return Err(Error::new(Reason::TooLarge, "adding a signature"));
        }
        self.blocks.push(block.to_vec());
        Ok(Added { signer, new: true })
    }

    /// Which of `keys` made the signature `block` over this envelope.
    pub fn made_by<'k>(&self, suite: &Suite<'_>, block: &[u8], keys: &[PublicKey<'k>]) -> Result<PublicKey<'k>> {
        let message = Sign1::parse(block).during("reading a signature")?;
        let mut refusal = Reason::UnknownSigner;
        for key in keys {
            // A name of a key by thumbprint is a claim that can be checked; other names say nothing here.
            let named = message.header.kid.is_some_and(|kid| key.thumbprint(suite).is_ok_and(|own| kid == own));
            match message.verify(suite, *key, &[], Some(&self.digest)) {
                Ok(()) => return Ok(*key),
                Err(reason) if named => refusal = reason,
                Err(_) => {}
            }
        }
        Err(Error::new(refusal, "verifying a signature over this envelope"))
    }

    /// Takes a severed member out and gives its bytes: devices that have no use for it need not carry it.
    ///
    /// [`Reason::ManifestUnsupported`] if the member is not severed: then it is part of the signed manifest.
    pub fn take(&mut self, suite: &Suite<'_>, member: Member) -> Result<Vec<u8>> {
        self.whole(suite)?;
        self.members
            .remove(&member.key())
            .ok_or_else(|| Error::new(Reason::ManifestUnsupported, format!("the envelope has no severed {member}")))
    }

    /// Puts a severed member back in. [`Reason::ManifestDigest`] if it is not the one that was signed,
    /// [`Reason::ManifestUnsupported`] if the manifest names no digest of it.
    pub fn put(&mut self, suite: &Suite<'_>, member: Member, content: &[u8]) -> Result<()> {
        self.whole(suite)?;
        let outline = Outline::of(self)?;
        let signed = outline
            .severed
            .get(&member.key())
            .ok_or_else(|| Error::new(Reason::ManifestUnsupported, format!("the manifest has no severed {member}")))?;
        if digest_of(suite, signed.alg(), content).during("hashing a severed member")? != *signed {
            return Err(Error::new(Reason::ManifestDigest, format!("checking the severed {member}")));
        }
        self.members.insert(member.key(), content.to_vec());
        Ok(())
    }

    /// [`Reason::ManifestDigest`] unless the digest that is signed is the one of the manifest that is read.
    pub fn whole(&self, suite: &Suite<'_>) -> Result<()> {
        let digest = Digest::parse(&self.digest).during("reading the digest of the manifest")?;
        if digest_of(suite, digest.alg(), &self.manifest).during("hashing the manifest")? == digest {
            Ok(())
        } else {
            Err(Error::new(Reason::ManifestDigest, "comparing the manifest with what is signed"))
        }
    }

    fn pick_up(bytes: &[u8], received: &Received<'_>) -> aseptic_core::Result<Self> {
        let (mut manifest, mut members, mut payloads) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut reader = Reader::new(bytes, Rules::Received);
        reader.tag()?;
        let mut map = reader.map()?;
        while let Some(key) = map.next(&mut reader)? {
            let content = reader.bytes()?.to_vec();
            match key {
                Key::Int(2) => {}
                Key::Int(3) => manifest = content,
                Key::Int(key) => drop(members.insert(key, content)),
                Key::Text(uri) => drop(payloads.insert(uri.to_owned(), content)),
            }
        }
        let blocks = received.blocks().map(<[u8]>::to_vec).collect();
        Ok(Self { digest: received.signed_bytes().to_vec(), blocks, manifest, members, payloads })
    }
}

/// The digest of a member or manifest: over the byte string with its head, in the shortest form.
pub(super) fn digest_of(suite: &Suite<'_>, alg: HashAlg, content: &[u8]) -> aseptic_core::Result<Digest> {
    let head = cbor(|w| {
        w.bytes_head(content.len());
    });
    Digest::of(suite, alg, &[&head, content])
}

/// Bytes of room for a signature: ML-DSA-87 takes 4,627, HSS/LMS of several levels ten times that.
const SIGNATURE: usize = 64 * 1024;
