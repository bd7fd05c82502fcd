//! Header maps: read with every rule of RFC 9052 section 3, written in deterministic order.

use super::alg::CoseAlg;
use crate::cbor::{Key, Reader, Rules, Type, Writer};
use crate::crypto::PublicKey;
use crate::reason::Reason;
use crate::{Result, limits};

const ALG: i64 = 1;
const CRIT: i64 = 2;
const CONTENT_TYPE: i64 = 3;
const KID: i64 = 4;
const IV: i64 = 5;
const PARTIAL_IV: i64 = 6;
const CWT_CLAIMS: i64 = 15;
const TYP: i64 = 16;
/// The ephemeral COSE_Key of an ECDH-ES recipient, encoded.
pub(super) const EPHEMERAL: i64 = -1;
/// Of the private range.
const KEY: i64 = -65_537;

/// What a payload is: a number of the CoAP registry or a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType<'a> {
    /// CoAP Content-Format.
    Number(u64),
    /// Media type.
    Text(&'a str),
}

/// The header parameters of one layer as received, of both maps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header<'a> {
    /// The protected map as it goes into the signed structure; empty for both h'' and h'a0'.
    pub protected: &'a [u8],
    /// The algorithm, and whether it stands in the protected map.
    pub alg: Option<(CoseAlg, bool)>,
    /// Key identifier.
    pub kid: Option<&'a [u8]>,
    /// Content type.
    pub content_type: Option<ContentType<'a>>,
    /// Initialisation vector.
    pub iv: Option<&'a [u8]>,
    /// Partial initialisation vector.
    pub partial_iv: Option<&'a [u8]>,
    /// The CWT claims map (RFC 9597), encoded; given only if protected.
    pub claims: Option<&'a [u8]>,
    /// The type of the whole message (RFC 9596); given only if protected.
    pub typ: Option<ContentType<'a>>,
    /// The unprotected map, encoded; empty if there is none.
    pub(super) unprotected: &'a [u8],
}

/// The header parameters of a layer to be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// Key identifier; protected.
    pub kid: Option<&'a [u8]>,
    /// Content type; protected.
    pub content_type: Option<ContentType<'a>>,
    /// Type of the message; protected.
    pub typ: Option<ContentType<'a>>,
    /// Encoded CWT claims map; protected.
    pub claims: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Reads the two maps of a layer: `protected` as a byte string, then the unprotected map.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut header = Self::default();
        header.fill(reader).map(|()| header)
    }

    /// [`Header::read`] where it stays: to move one takes as long as to read one.
    #[inline]
    pub(super) fn fill(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        let protected = reader.bytes()?;
        if protected.len() > limits::COSE_HEADER {
            return Err(Reason::TooLarge);
        }
        let mut seen = Seen::default();
        if !protected.is_empty() {
            let mut inner = Reader::new(protected, Rules::Received);
            let entries = self.map(&mut inner, true, &mut seen)?;
            inner.end()?;
            seen.critical()?;
            // RFC 9052 section 3: an empty map is written h''; h'a0' is accepted and means the same.
            self.protected = if entries == 0 { &[] } else { protected };
        }
        let start = reader.rest();
        self.map(reader, false, &mut seen)?;
        let read = start.len().saturating_sub(reader.rest().len());
        self.unprotected = start.get(..read).unwrap_or_default();
        if self.iv.is_some() && self.partial_iv.is_some() {
            return Err(Reason::CoseHeader);
        }
        Ok(())
    }

    #[inline]
    fn map(&mut self, reader: &mut Reader<'a>, protected: bool, seen: &mut Seen<'a>) -> Result<usize> {
        let mut map = reader.map()?;
        let entries = map.left();
        while let Some(key) = map.next_unordered(reader)? {
            seen.note(key)?;
            match key {
                Key::Int(ALG) => self.alg = Some((CoseAlg(reader.int()?), protected)),
                Key::Int(CRIT) if protected => seen.critical = Some(reader.raw()?),
                Key::Int(CONTENT_TYPE) => self.content_type = Some(content_type(reader)?),
                Key::Int(KID) => self.kid = Some(bounded(reader.bytes()?, limits::KID)?),
                Key::Int(IV) => self.iv = Some(reader.bytes()?),
                Key::Int(PARTIAL_IV) => self.partial_iv = Some(reader.bytes()?),
                Key::Int(CWT_CLAIMS) if protected => self.claims = Some(reader.raw()?),
                Key::Int(TYP) if protected => self.typ = Some(content_type(reader)?),
                Key::Int(CRIT | CWT_CLAIMS | TYP) => return Err(Reason::CoseHeader),
                Key::Int(KEY | -26..=-20) => drop(reader.bytes()?),
                Key::Int(_) | Key::Text(_) => drop(reader.raw()?),
            }
        }
        Ok(entries)
    }

    /// The public key of the signer, where the receiver knows its thumbprint alone. Label -65537, in either map.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.rare_bytes(KEY)
    }

    /// The byte string under a label from -26 to -20: salt, identity, nonce and other of PartyU and of PartyV.
    pub(super) fn rare_bytes(&self, label: i64) -> Option<&'a [u8]> {
        Reader::new(self.rare(label)?, Rules::Received).bytes().ok()
    }

    /// The value of a label that few messages have: looked for when it is wanted, so that the others do not carry its room.
    pub(super) fn rare(&self, label: i64) -> Option<&'a [u8]> {
        [self.protected, self.unprotected].into_iter().find_map(|map| {
            let mut reader = Reader::new(map, Rules::Received);
            let mut map = reader.map().ok()?;
            while let Some(key) = map.next_unordered(&mut reader).ok()? {
                let value = reader.raw().ok()?;
                if key == Key::Int(label) {
                    return Some(value);
                }
            }
            None
        })
    }

    /// The algorithm, from either map. Only where the key alone decides which one is used, so that the header can do no
    /// more than refuse the message: some senders leave it unprotected.
    pub(super) fn any_alg(&self) -> Result<CoseAlg> {
        self.alg.map(|(alg, _)| alg).ok_or(Reason::CoseHeader)
    }

    /// [`Reason::CoseAlgorithm`] unless the layer names the algorithm that `key` verifies signatures with.
    pub fn signed_with(&self, key: PublicKey<'_>) -> Result<()> {
        let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
        if self.any_alg()?.signs_with(alg) { Ok(()) } else { Err(Reason::CoseAlgorithm) }
    }

    /// The algorithm, which must stand in the protected map (RFC 9052 section 3.1).
    pub fn protected_alg(&self) -> Result<CoseAlg> {
        match self.alg {
            Some((alg, true)) => Ok(alg),
            _ => Err(Reason::CoseHeader),
        }
    }
}

impl Headers<'_> {
    /// Writes the protected map with `alg` into `out`; labels ascend as deterministic encoding wants.
    pub fn protected<'o>(&self, alg: CoseAlg, out: &'o mut [u8]) -> Result<&'o [u8]> {
        let optional = [self.content_type.is_some(), self.kid.is_some(), self.claims.is_some(), self.typ.is_some()];
        let present = optional.iter().filter(|present| **present).count();
        let mut writer = Writer::new(out);
        writer.map(present.saturating_add(1)).int(ALG).int(alg.0);
        if let Some(content_type) = self.content_type {
            write_type(writer.int(CONTENT_TYPE), content_type);
        }
        if let Some(kid) = self.kid {
            writer.int(KID).bytes(bounded(kid, limits::KID)?);
        }
        if let Some(claims) = self.claims {
            writer.int(CWT_CLAIMS).raw(claims);
        }
        if let Some(typ) = self.typ {
            write_type(writer.int(TYP), typ);
        }
        writer.finish().map(|bytes| &*bytes)
    }
}

/// Labels met in either map: one that stands in both is refused (RFC 9052 section 3).
#[derive(Default)]
struct Seen<'a> {
    /// Bit n stands for the label n - 32.
    common: u64,
    others: Option<[Option<Key<'a>>; 16]>,
    /// The list of critical labels, encoded.
    critical: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    #[inline]
    fn note(&mut self, key: Key<'a>) -> Result<()> {
        if let Some(bit) = Self::bit(key) {
            let doubled = self.common & bit != 0;
            self.common |= bit;
            return if doubled { Err(Reason::CoseHeader) } else { Ok(()) };
        }
        for label in self.others.get_or_insert([None; 16]) {
            match label {
                Some(label) if *label == key => return Err(Reason::CoseHeader),
                Some(_) => {}
                None => {
                    *label = Some(key);
                    return Ok(());
                }
            }
        }
        Err(Reason::TooLarge)
    }

    fn bit(key: Key<'_>) -> Option<u64> {
        let Key::Int(label) = key else { return None };
        u32::try_from(label.wrapping_add(32)).ok().and_then(|place| 1_u64.checked_shl(place))
    }

    /// A critical list must be protected, not be empty, name only what we understand, and name only what stands in the
    /// protected map (RFC 9052 section 3.1); called when that map, and no other, has been read.
    fn critical(&self) -> Result<()> {
        let Some(list) = self.critical else {
            return Ok(());
        };
        let mut reader = Reader::new(list, Rules::Received);
        let count = reader.array()?;
        if count == 0 {
            return Err(Reason::CoseHeader);
        }
        for _ in 0..count {
            let label = match reader.peek()? {
                Type::Text => Key::Text(reader.text()?),
                _ => Key::Int(reader.int()?),
            };
            if !matches!(label, Key::Int(ALG..=PARTIAL_IV | CWT_CLAIMS | TYP)) {
                return Err(Reason::CoseCritical);
            }
            if Self::bit(label).is_none_or(|bit| self.common & bit == 0) {
                return Err(Reason::CoseHeader);
            }
        }
        Ok(())
    }
}

fn content_type<'a>(reader: &mut Reader<'a>) -> Result<ContentType<'a>> {
    match reader.peek()? {
        Type::Text => reader.text().map(ContentType::Text),
        _ => reader.uint().map(ContentType::Number),
    }
}

fn write_type(writer: &mut Writer<'_>, content_type: ContentType<'_>) {
    match content_type {
        ContentType::Number(number) => writer.uint(number),
        ContentType::Text(text) => writer.text(text),
    };
}

fn bounded(bytes: &[u8], most: usize) -> Result<&[u8]> {
    if bytes.len() <= most { Ok(bytes) } else { Err(Reason::TooLarge) }
}
