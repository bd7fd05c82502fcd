//! Key agreement of recipients: who holds the private key, and the KDF context (RFC 9053 section 5.2).

use super::alg::CoseAlg;
use super::header::Header;
use crate::cbor::Writer;
use crate::crypto::{HashAlg, KeyAlg, Suite};
use crate::platform::{Fault, KeyId, Keys};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::{Result, limits};

/// Something that holds a Diffie-Hellman private key: the device's key store, or a tool's memory.
pub trait Agree {
    /// The curve.
    fn alg(&self) -> KeyAlg;
    /// The secret shared with `peer`, a public key in the one encoding of [`crate::crypto::PublicKey`].
    /// [`Reason::KeyInvalid`] for a peer that is no valid key of the curve.
    fn agree(&self, peer: &[u8], out: &mut Secret<32>) -> Result<()>;
}

/// A key of the device's key store as an [`Agree`].
#[derive(Clone, Copy)]
pub struct KeyAgree<'a> {
    keys: &'a dyn Keys,
    id: KeyId,
    alg: KeyAlg,
}

impl<'a> KeyAgree<'a> {
    /// Key `id`, whose curve must be `alg`.
    #[must_use]
    pub const fn new(keys: &'a dyn Keys, id: KeyId, alg: KeyAlg) -> Self {
        Self { keys, id, alg }
    }
}

impl Agree for KeyAgree<'_> {
    fn alg(&self) -> KeyAlg {
        self.alg
    }

    fn agree(&self, peer: &[u8], out: &mut Secret<32>) -> Result<()> {
        self.keys.agree(self.id, peer, out).map_err(|fault| match fault {
            Fault::Denied => Reason::KeyInvalid,
            other => other.into(),
        })
    }
}

#[cfg(feature = "soft")]
impl Agree for crate::crypto::soft::PrivateKey {
    fn alg(&self) -> KeyAlg {
        Self::alg(self)
    }

    fn agree(&self, peer: &[u8], out: &mut Secret<32>) -> Result<()> {
        Self::agree(self, peer, out)
    }
}

/// What both sides put into the key derivation without sending it: one party's identity, nonce and other data.
pub type Party<'a> = [Option<&'a [u8]>; 3];

/// The parts of a COSE_KDF_Context that are known to both sides and not sent. What a received header does carry of a
/// party comes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct KdfContext<'a> {
    /// PartyU: identity, nonce, other.
    pub party_u: Party<'a>,
    /// PartyV: identity, nonce, other.
    pub party_v: Party<'a>,
    /// SuppPubInfo.other, as SUIT wants it for encrypted payloads.
    pub supp_pub_other: Option<&'a [u8]>,
    /// SuppPrivInfo: a secret of both sides.
    pub supp_priv: Option<&'a [u8]>,
}

/// One of the ECDH-ES algorithms (RFC 9053 sections 6.3.1 and 6.4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheme {
    hash: HashAlg,
    /// The key wrap that follows and the length of its key; none where the content key is derived directly.
    pub(super) wrap: Option<(CoseAlg, usize)>,
}

impl Scheme {
    pub(super) const fn of(alg: CoseAlg) -> Result<Self> {
        let (hash, wrap) = match alg {
            CoseAlg::ECDH_ES_HKDF_256 => (HashAlg::Sha256, None),
            CoseAlg::ECDH_ES_HKDF_512 => (HashAlg::Sha512, None),
            CoseAlg::ECDH_ES_A128KW => (HashAlg::Sha256, Some((CoseAlg::A128KW, 16))),
            CoseAlg::ECDH_ES_A192KW => (HashAlg::Sha256, Some((CoseAlg::A192KW, 24))),
            CoseAlg::ECDH_ES_A256KW => (HashAlg::Sha256, Some((CoseAlg::A256KW, 32))),
            _ => return Err(Reason::AlgorithmUnsupported),
        };
        Ok(Self { hash, wrap })
    }

    /// Fills `out` with the key for `purpose` (the key wrap, or the content algorithm), from the shared secret.
    pub(super) fn derive(
        self,
        suite: &Suite<'_>,
        shared: &Secret<32>,
        purpose: CoseAlg,
        header: &Header<'_>,
        context: &KdfContext<'_>,
        out: &mut [u8],
    ) -> Result<()> {
        let bits = u64::try_from(out.len()).map_err(|_| Reason::Internal)?.saturating_mul(8);
        let mut buffer = [0; limits::KDF_CONTEXT];
        let mut writer = Writer::new(&mut buffer);
        writer.array(if context.supp_priv.is_some() { 5 } else { 4 }).int(purpose.0);
        party(&mut writer, header, -21, &context.party_u);
        party(&mut writer, header, -24, &context.party_v);
        writer.array(if context.supp_pub_other.is_some() { 3 } else { 2 }).uint(bits).bytes(header.protected);
        if let Some(other) = context.supp_pub_other {
            writer.bytes(other);
        }
        if let Some(secret) = context.supp_priv {
            writer.bytes(secret);
        }
        let info = writer.finish().map_err(|_| Reason::TooLarge)?;
        suite.kdf(self.hash)?.derive(header.rare_bytes(-20).unwrap_or_default(), shared.expose(), &[info], out)
    }
}

/// One party, its three labels downwards from `first`.
fn party(writer: &mut Writer<'_>, header: &Header<'_>, first: i64, known: &Party<'_>) {
    writer.array(3);
    for (label, known) in (first.saturating_sub(2)..=first).rev().zip(known) {
        match header.rare_bytes(label).or(*known) {
            Some(value) => writer.bytes(value),
            None => writer.null(),
        };
    }
}
