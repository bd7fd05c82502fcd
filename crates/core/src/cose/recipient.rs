//! Recipients of a COSE_Encrypt: how its content key reaches them (RFC 9052 section 8.5, RFC 9053 section 6).

use super::agree::{Agree, KdfContext, Scheme};
use super::alg::CoseAlg;
use super::content::{ContentKey, Sealer};
use super::header::{EPHEMERAL, Header, Headers};
use super::key::{COSE_KEY, read_key, write_key};
use crate::cbor::{Reader, Writer};
use crate::crypto::{AeadAlg, KeyAlg, PublicKey, Suite};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::{Result, limits};
use core::fmt;

/// One recipient of a message as received.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Its header parameters.
    pub header: Header<'a>,
    encrypted_key: Option<&'a [u8]>,
    nested: bool,
}

impl<'a> Recipient<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let length = reader.array()?;
        let nested = length == 4;
        if !nested && length != 3 {
            return Err(Reason::CoseMalformed);
        }
        let header = Header::read(reader)?;
        let encrypted_key = super::sign::payload(reader)?;
        if nested {
            reader.raw()?;
        }
        Ok(Self { header, encrypted_key, nested })
    }
}

/// A key that opens messages, with the one algorithm it is for.
///
/// Its kid, if it has one, picks the recipients to try; those without a kid are tried too. A kid is a hint, never a proof.
#[derive(Clone, Copy)]
pub struct RecipientKey<'k> {
    alg: CoseAlg,
    kind: Kind<'k>,
    kid: Option<&'k [u8]>,
    context: KdfContext<'k>,
}

#[derive(Clone, Copy)]
enum Kind<'k> {
    Shared(ContentKey<'k>),
    Wrap(&'k [u8]),
    Agree(&'k dyn Agree, Scheme),
}

impl<'k> RecipientKey<'k> {
    /// The content key itself, which both sides know (direct, RFC 9053 section 6.1.1).
    #[must_use]
    pub fn shared(key: ContentKey<'k>) -> Self {
        Self::new(CoseAlg::DIRECT, Kind::Shared(key))
    }

    /// A key-encryption key of 16, 24 or 32 bytes, for AES key wrap (RFC 9053 section 6.2.1).
    pub fn wrap(kek: &'k [u8]) -> Result<Self> {
        Ok(Self::new(key_wrap(kek)?, Kind::Wrap(kek)))
    }

    /// A Diffie-Hellman key for one of the `ECDH_ES` algorithms (RFC 9053 sections 6.3.1 and 6.4.1).
    pub fn agree(alg: CoseAlg, key: &'k dyn Agree) -> Result<Self> {
        Ok(Self::new(alg, Kind::Agree(key, Scheme::of(alg)?)))
    }

    /// The same key with a kid.
    #[must_use]
    pub const fn with_kid(self, kid: &'k [u8]) -> Self {
        Self { kid: Some(kid), ..self }
    }

    /// The same key with context that is not sent; for key agreement alone.
    #[must_use]
    pub const fn with_context(self, context: KdfContext<'k>) -> Self {
        Self { context, ..self }
    }

    fn new(alg: CoseAlg, kind: Kind<'k>) -> Self {
        Self { alg, kind, kid: None, context: KdfContext::default() }
    }

    pub(super) const fn shared_key(&self) -> Option<&ContentKey<'k>> {
        match &self.kind {
            Kind::Shared(key) => Some(key),
            Kind::Wrap(_) | Kind::Agree(..) => None,
        }
    }

    /// Whether the recipient may be meant for this key.
    pub(super) fn fits(&self, recipient: &Recipient<'_>) -> bool {
        let kid = self.kid.is_none() || recipient.header.kid.is_none() || recipient.header.kid == self.kid;
        kid && !recipient.nested && recipient.header.alg.is_some_and(|(alg, _)| alg == self.alg)
    }

    /// Whether the algorithm gives one content key to one recipient, who must then be the only one.
    pub(super) const fn alone(&self) -> bool {
        match self.kind {
            Kind::Shared(_) => true,
            Kind::Wrap(_) => false,
            Kind::Agree(_, scheme) => scheme.wrap.is_none(),
        }
    }

    /// Fills `out` with the content key for `content`.
    pub(super) fn unlock(
        &self,
        suite: &Suite<'_>,
        recipient: &Recipient<'_>,
        content: AeadAlg,
        out: &mut [u8],
    ) -> Result<()> {
        let header = &recipient.header;
        match self.kind {
            Kind::Shared(key) => {
                unprotected(header)?;
                nothing_encrypted(recipient)?;
                key.copy(content, out)
            }
            Kind::Wrap(kek) => {
                unprotected(header)?;
                unwrap(suite, kek, recipient, out)
            }
            Kind::Agree(key, scheme) => {
                header.protected_alg()?;
                let mut shared = Secret::zeroed();
                agree(suite, key, header, &mut shared)?;
                let Some((alg, length)) = scheme.wrap else {
                    nothing_encrypted(recipient)?;
                    return scheme.derive(suite, &shared, CoseAlg::for_aead(content), header, &self.context, out);
                };
                let mut kek = Secret::<32>::zeroed();
                let kek = kek.expose_mut().get_mut(..length).ok_or(Reason::Internal)?;
                scheme.derive(suite, &shared, alg, header, &self.context, kek)?;
                unwrap(suite, kek, recipient, out)
            }
        }
    }
}

impl fmt::Debug for RecipientKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey({}, redacted)", self.alg.0)
    }
}

/// A recipient of a message to be written.
#[derive(Clone, Copy)]
pub struct SealTo<'k> {
    kid: &'k [u8],
    kind: To<'k>,
    context: KdfContext<'k>,
}

#[derive(Clone, Copy)]
enum To<'k> {
    Shared(&'k [u8]),
    Wrap(&'k [u8]),
    Agree(PublicKey<'k>),
    AgreeDirect(PublicKey<'k>),
}

impl<'k> SealTo<'k> {
    /// The holder of a private key, by ECDH-ES and key wrap: A128KW for content keys of 16 bytes, else A256KW.
    #[must_use]
    pub fn agree(kid: &'k [u8], key: PublicKey<'k>) -> Self {
        Self::new(kid, To::Agree(key))
    }

    /// The holder of a private key as the only recipient, by ECDH-ES with HKDF-SHA-256, without a wrapped key.
    #[must_use]
    pub fn agree_direct(kid: &'k [u8], key: PublicKey<'k>) -> Self {
        Self::new(kid, To::AgreeDirect(key))
    }

    /// A holder of a shared key-encryption key of 16, 24 or 32 bytes.
    #[must_use]
    pub fn wrap(kid: &'k [u8], kek: &'k [u8]) -> Self {
        Self::new(kid, To::Wrap(kek))
    }

    /// A holder of the content key, as the only recipient.
    #[must_use]
    pub fn shared(kid: &'k [u8], key: &'k [u8]) -> Self {
        Self::new(kid, To::Shared(key))
    }

    /// The same recipient with context that is not sent; for key agreement alone.
    #[must_use]
    pub const fn with_context(self, context: KdfContext<'k>) -> Self {
        Self { context, ..self }
    }

    fn new(kid: &'k [u8], kind: To<'k>) -> Self {
        Self { kid, kind, context: KdfContext::default() }
    }

    /// Writes the layer. The content key stands in `cek`, unless this recipient's algorithm prescribes one: then it is put
    /// there.
    pub(super) fn write(
        &self,
        sealer: &Sealer<'_>,
        content: AeadAlg,
        cek: &mut [u8],
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let mut buffer = [0; WRAPPED];
        writer.array(3);
        match self.kind {
            To::Shared(key) => {
                ContentKey::new(content, key)?.copy(content, cek)?;
                self.unprotected(CoseAlg::DIRECT, writer)?.bytes(&[]);
            }
            To::Wrap(kek) => {
                let wrapped = wrap(sealer.suite, kek, cek, &mut buffer)?;
                self.unprotected(key_wrap(kek)?, writer)?.bytes(wrapped);
            }
            To::AgreeDirect(key) => {
                let alg = CoseAlg::ECDH_ES_HKDF_256;
                self.ephemeral(sealer, key, alg, CoseAlg::for_aead(content), cek, writer)?;
                writer.bytes(&[]);
            }
            To::Agree(key) => {
                let (alg, purpose, length) = match content.key_len() {
                    16 => (CoseAlg::ECDH_ES_A128KW, CoseAlg::A128KW, 16),
                    _ => (CoseAlg::ECDH_ES_A256KW, CoseAlg::A256KW, 32),
                };
                let mut kek = Secret::<32>::zeroed();
                let kek = kek.expose_mut().get_mut(..length).ok_or(Reason::Internal)?;
                self.ephemeral(sealer, key, alg, purpose, kek, writer)?;
                writer.bytes(wrap(sealer.suite, kek, cek, &mut buffer)?);
            }
        }
        Ok(())
    }

    /// Whether this recipient must be the only one.
    pub(super) const fn alone(&self) -> bool {
        matches!(self.kind, To::Shared(_) | To::AgreeDirect(_))
    }

    /// Headers of the algorithms that cannot authenticate any.
    fn unprotected<'w, 'b>(&self, alg: CoseAlg, writer: &'w mut Writer<'b>) -> Result<&'w mut Writer<'b>> {
        Ok(writer.bytes(&[]).map(2).int(1).int(alg.0).int(4).bytes(self.kid()?))
    }

    /// Makes an ephemeral key (one for each recipient), fills `out` with the key for `purpose` and writes the headers.
    fn ephemeral(
        &self,
        sealer: &Sealer<'_>,
        key: PublicKey<'_>,
        alg: CoseAlg,
        purpose: CoseAlg,
        out: &mut [u8],
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let (mut public, mut shared) = ([0; limits::PUBLIC_KEY], Secret::zeroed());
        let engine = sealer.suite.agreement(key.alg())?;
        let length = engine.ephemeral(sealer.entropy, key.bytes(), &mut public, &mut shared)?;
        let public = PublicKey::new(key.alg(), public.get(..length).ok_or(Reason::Internal)?)?;
        let mut encoded = [0; COSE_KEY];
        let length = write_key(public, &mut encoded)?;
        let mut protected = [0; 8];
        let protected = Headers::default().protected(alg, &mut protected)?;
        let header = Header { protected, ..Header::default() };
        Scheme::of(alg)?.derive(sealer.suite, &shared, purpose, &header, &self.context, out)?;
        writer.bytes(protected).map(2).int(4).bytes(self.kid()?);
        writer.int(-1).raw(encoded.get(..length).ok_or(Reason::Internal)?);
        Ok(())
    }

    fn kid(&self) -> Result<&'k [u8]> {
        if self.kid.len() <= limits::KID { Ok(self.kid) } else { Err(Reason::TooLarge) }
    }
}

impl fmt::Debug for SealTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealTo({:02x?})", self.kid)
    }
}

/// Direct and key wrap cannot authenticate headers: none may be protected (RFC 9052 sections 8.5.1 and 8.5.2).
const fn unprotected(header: &Header<'_>) -> Result<()> {
    if header.protected.is_empty() { Ok(()) } else { Err(Reason::CoseHeader) }
}

/// Where the content key is known or derived, its field is a zero-length string (RFC 9052 sections 8.5.1 and 8.5.4).
const fn nothing_encrypted(recipient: &Recipient<'_>) -> Result<()> {
    match recipient.encrypted_key {
        Some([]) => Ok(()),
        _ => Err(Reason::CoseMalformed),
    }
}

/// The algorithm of a key-encryption key, by its length.
const fn key_wrap(kek: &[u8]) -> Result<CoseAlg> {
    match kek.len() {
        16 => Ok(CoseAlg::A128KW),
        24 => Ok(CoseAlg::A192KW),
        32 => Ok(CoseAlg::A256KW),
        _ => Err(Reason::KeyWrongUse),
    }
}

fn wrap<'o>(suite: &Suite<'_>, kek: &[u8], key: &[u8], out: &'o mut [u8]) -> Result<&'o [u8]> {
    let length = suite.key_wrap()?.wrap(kek, key, out)?;
    out.get(..length).ok_or(Reason::Internal)
}

/// Fills all of `out`: a wrapped key of another length than the content algorithm's is refused.
fn unwrap(suite: &Suite<'_>, kek: &[u8], recipient: &Recipient<'_>, out: &mut [u8]) -> Result<()> {
    let wrapped = recipient.encrypted_key.ok_or(Reason::CoseMalformed)?;
    if wrapped.len() != out.len().saturating_add(8) {
        return Err(Reason::DecryptFailed);
    }
    suite.key_wrap()?.unwrap(kek, wrapped, out).map(drop)
}

/// The secret shared with the ephemeral key in `header`, which must be on the curve of our key.
fn agree(suite: &Suite<'_>, key: &dyn Agree, header: &Header<'_>, out: &mut Secret<32>) -> Result<()> {
    let mut peer = [0; limits::PUBLIC_KEY];
    let peer = read_key(header.rare(EPHEMERAL).ok_or(Reason::CoseHeader)?, suite, &mut peer)?;
    if peer.alg() != key.alg() || peer.alg() == KeyAlg::Ed25519 {
        return Err(Reason::KeyInvalid);
    }
    key.agree(peer.bytes(), out)
}

/// Bytes of the longest wrapped content key.
const WRAPPED: usize = 40;
