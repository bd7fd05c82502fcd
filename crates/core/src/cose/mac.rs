//! COSE_Mac0.

use super::alg::CoseAlg;
use super::header::{Header, Headers};
use super::sign::{one_payload, payload, tagged, write_payload};
use super::structure::Structure;
use crate::cbor::{Reader, Rules, Writer};
use crate::crypto::{HashAlg, Suite};
use crate::reason::Reason;
use crate::secret::equal;
use crate::{Result, limits};
use core::fmt;

const TAG_MAC0: u64 = 17;

/// A shared key for one HMAC.
#[derive(Clone, Copy)]
pub struct MacKey<'k> {
    alg: HashAlg,
    key: &'k [u8],
}

impl<'k> MacKey<'k> {
    /// A key for HMAC with `alg`, of at least 16 bytes. Keys of the length of the hash are best (RFC 9053 section 3.1).
    pub const fn new(alg: HashAlg, key: &'k [u8]) -> Result<Self> {
        if key.len() < 16 { Err(Reason::KeyWrongUse) } else { Ok(Self { alg, key }) }
    }
}

impl fmt::Debug for MacKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({:?}, redacted)", self.alg)
    }
}

/// A COSE_Mac0 message as received (RFC 9052 section 6.2). Nothing in it is proven before [`Mac0::verify`].
#[derive(Clone, Copy, Debug)]
pub struct Mac0<'a> {
    /// Its header parameters.
    pub header: Header<'a>,
    /// The payload; none if it travels apart.
    pub payload: Option<&'a [u8]>,
    tag: &'a [u8],
}

impl<'a> Mac0<'a> {
    /// Reads a tagged message (tag 17) that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(tagged(bytes, TAG_MAC0)?)
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
        let tag = reader.bytes()?;
        reader.end()?;
        Ok(Self { header, payload, tag })
    }

    /// Verifies with `key`; `detached` is the payload where the message carries none.
    /// [`Reason::MacInvalid`] if the code is another one.
    pub fn verify(&self, suite: &Suite<'_>, key: &MacKey<'_>, aad: &[u8], detached: Option<&[u8]>) -> Result<()> {
        let payload = one_payload(self.payload, detached)?;
        if self.header.any_alg()? != CoseAlg::for_hmac(key.alg) {
            return Err(Reason::CoseAlgorithm);
        }
        let mut buffer = [0; 64];
        let wanted = code(suite, key, self.header.protected, aad, payload, &mut buffer)?;
        if equal(wanted, self.tag) { Ok(()) } else { Err(Reason::MacInvalid) }
    }
}

/// Writes a COSE_Mac0 with `payload` inside, or beside it if `detached`; gives its length.
pub fn mac0(
    suite: &Suite<'_>,
    key: &MacKey<'_>,
    headers: &Headers<'_>,
    payload: &[u8],
    detached: bool,
    aad: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let mut buffer = [0; limits::COSE_HEADER];
    let protected = headers.protected(CoseAlg::for_hmac(key.alg), &mut buffer)?;
    let mut buffer = [0; 64];
    let tag = code(suite, key, protected, aad, payload, &mut buffer)?;
    let mut writer = Writer::new(out);
    writer.tag(TAG_MAC0).array(4).bytes(protected).map(0);
    write_payload(&mut writer, payload, detached);
    writer.bytes(tag);
    writer.finish().map(|bytes| bytes.len())
}

fn code<'o>(
    suite: &Suite<'_>,
    key: &MacKey<'_>,
    protected: &[u8],
    aad: &[u8],
    payload: &[u8],
    out: &'o mut [u8; 64],
) -> Result<&'o [u8]> {
    let mac = suite.mac(key.alg)?;
    let structure = Structure { context: "MAC0", body: protected, layer: None, aad, payload, other: None };
    structure.with(|message| mac.mac(key.key, message, out))?;
    out.get(..key.alg.digest_len()).ok_or(Reason::Internal)
}
