//! What the two records of an identity hold: deterministic CBOR.
//!
//! ```text
//! birth  { 1: serial, 2: hardware type, 3: hardware serial, 4: URI of the UDI or "", 5: credential }
//! local  { 1: credential in use or null, 2: its successor or null }
//! credential = [ key id, key algorithm, thumbprint, request or '', [ * certificate ] ]
//! ```
//!
//! A credential names a key that exists: it is written after the key is made, and the key is destroyed after no record
//! names it any more.

use aseptic_core::cbor::{Key, Reader, Rules, Writer};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{KeyId, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::{Reason, Result, limits};

/// Working memory of every call that changes an identity: the record being written, and its frame.
pub struct Workspace {
    pub(crate) payload: [u8; limits::SLOT],
    pub(crate) frame: [u8; limits::SLOT],
    /// What a registrar said: its CA certificates, then the attributes it wants in a request.
    pub(crate) notes: [u8; limits::EST_AUTHORITIES],
    /// Where it redirected a request: authority, then path.
    pub(crate) target: [u8; limits::URI],
}

impl Workspace {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            payload: [0; limits::SLOT],
            frame: [0; limits::SLOT],
            notes: [0; limits::EST_AUTHORITIES],
            target: [0; limits::URI],
        }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// Certificates, leaf first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain<'a> {
    certificates: [&'a [u8]; limits::CHAIN],
    length: usize,
}

impl<'a> Chain<'a> {
    pub(crate) const EMPTY: Self = Self { certificates: [&[]; limits::CHAIN], length: 0 };

    pub(crate) fn of(certificates: &[&'a [u8]]) -> Result<Self> {
        let mut chain = Self::EMPTY;
        certificates.iter().try_for_each(|der| chain.push(der))?;
        Ok(chain)
    }

    pub(crate) fn push(&mut self, der: &'a [u8]) -> Result<()> {
        *self.certificates.get_mut(self.length).ok_or(Reason::PathTooLong)? = der;
        self.length = self.length.saturating_add(1);
        Ok(())
    }

    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        self.certificates.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn leaf(&self) -> Option<&'a [u8]> {
        self.as_slice().first().copied()
    }
}

/// A key with what there is to it so far: nothing, a request, or a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held<'a> {
    pub(crate) key: KeyId,
    pub(crate) alg: KeyAlg,
    pub(crate) thumbprint: [u8; 32],
    pub(crate) request: &'a [u8],
    pub(crate) chain: Chain<'a>,
}

impl<'a> Held<'a> {
    pub(crate) fn certified(&self) -> bool {
        self.chain.leaf().is_some()
    }

    /// The bare key, as it was when it was made.
    pub(crate) const fn key_only(&self) -> Held<'static> {
        Held { key: self.key, alg: self.alg, thumbprint: self.thumbprint, request: &[], chain: Chain::EMPTY }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        reader.array_exact(5)?;
        let key = KeyId(u32::try_from(reader.uint()?).map_err(|_| Reason::RecordCorrupt)?);
        let alg = KeyAlg::from_u8(u8::try_from(reader.uint()?).map_err(|_| Reason::RecordCorrupt)?)?;
        let thumbprint = *reader.array_of::<32>()?;
        let request = reader.bytes()?;
        let mut chain = Chain::EMPTY;
        for _ in 0..reader.array()? {
            chain.push(reader.bytes()?)?;
        }
        Ok(Self { key, alg, thumbprint, request, chain })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(5).uint(u64::from(self.key.0)).uint(u64::from(self.alg as u8)).bytes(&self.thumbprint);
        writer.bytes(self.request).array(self.chain.length);
        for certificate in self.chain.as_slice() {
            writer.bytes(certificate);
        }
    }
}

/// The record of [`Kind::BirthIdentity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth<'a> {
    pub(crate) serial: &'a str,
    pub(crate) hardware_type: &'a [u8],
    pub(crate) hardware_serial: &'a [u8],
    pub(crate) udi: &'a str,
    pub(crate) held: Held<'a>,
}

impl<'a> Birth<'a> {
    /// The stored record, and what it left free of `buffer`.
    pub(crate) fn load<'b: 'a>(platform: &Platform<'_>, buffer: &'b mut [u8]) -> Result<(Option<Self>, &'b mut [u8])> {
        let (payload, free) = record::load_split(platform.store, Kind::BirthIdentity, buffer)?;
        Ok((payload.map(Self::parse).transpose()?, free))
    }

    fn parse(payload: &'a [u8]) -> Result<Self> {
        Self::read(payload).map_err(|_| Reason::RecordCorrupt)
    }

    fn read(payload: &'a [u8]) -> Result<Self> {
        let mut fields = Fields::new(payload)?;
        let serial = fields.at(1)?.text()?;
        let hardware_type = fields.at(2)?.bytes()?;
        let hardware_serial = fields.at(3)?.bytes()?;
        let udi = fields.at(4)?.text()?;
        let held = Held::read(fields.at(5)?)?;
        fields.end()?;
        Ok(Self { serial, hardware_type, hardware_serial, udi, held })
    }

    /// Encodes the record into `out`; gives its length.
    pub(crate) fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.map(5).int(1).text(self.serial).int(2).bytes(self.hardware_type).int(3).bytes(self.hardware_serial);
        writer.int(4).text(self.udi).int(5);
        self.held.write(&mut writer);
        finish(writer)
    }
}

/// The record of [`Kind::LocalIdentity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Local<'a> {
    /// What has proven itself.
    pub(crate) current: Option<Held<'a>>,
    /// What is to replace it: a key, a key with its request, or a chain on probation.
    pub(crate) successor: Option<Held<'a>>,
}

impl<'a> Local<'a> {
    /// The stored record, empty where there is none.
    pub(crate) fn load<'b: 'a>(platform: &Platform<'_>, buffer: &'b mut [u8]) -> Result<Self> {
        record::load(platform.store, Kind::LocalIdentity, buffer)?.map_or(Ok(Self::default()), Self::parse)
    }

    fn parse(payload: &'a [u8]) -> Result<Self> {
        Self::read(payload).map_err(|_| Reason::RecordCorrupt)
    }

    fn read(payload: &'a [u8]) -> Result<Self> {
        let mut fields = Fields::new(payload)?;
        let mut held = |label| {
            let reader = fields.at(label)?;
            if reader.null() { Ok(None) } else { Held::read(reader).map(Some) }
        };
        let local = Self { current: held(1)?, successor: held(2)? };
        fields.end()?;
        Ok(local)
    }

    /// Encodes the record into `out`; gives its length.
    pub(crate) fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.map(2);
        for (label, held) in [(1, &self.current), (2, &self.successor)] {
            writer.int(label);
            match held {
                Some(held) => held.write(&mut writer),
                None => {
                    writer.null();
                }
            }
        }
        finish(writer)
    }
}

/// Stores the first `length` bytes of `payload`; after power loss the old record stands or the new one.
pub(crate) fn save(platform: &Platform<'_>, kind: Kind, payload: &[u8], length: usize, frame: &mut [u8]) -> Result<()> {
    record::save(platform.store, kind, payload.get(..length).ok_or(Reason::Internal)?, frame)
}

/// A map with ascending labels, all of them there.
pub(crate) struct Fields<'a> {
    reader: Reader<'a>,
    map: aseptic_core::cbor::Map,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        let map = reader.map()?;
        Ok(Self { reader, map })
    }

    pub(crate) fn at(&mut self, label: i64) -> Result<&mut Reader<'a>> {
        match self.map.next(&mut self.reader)? {
            Some(Key::Int(key)) if key == label => Ok(&mut self.reader),
            _ => Err(Reason::RecordCorrupt),
        }
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.map.left() == 0 { self.reader.end() } else { Err(Reason::RecordCorrupt) }
    }
}

/// A record that would not fit its slot is too large, whoever sent the certificates in it.
fn finish(writer: Writer<'_>) -> Result<usize> {
    writer.finish().map(|bytes| bytes.len()).map_err(|_| Reason::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(key: u32, certificates: &[&'static [u8]]) -> Held<'static> {
        Held {
            key: KeyId(key),
            alg: KeyAlg::P256,
            thumbprint: [7; 32],
            request: b"request",
            chain: Chain::of(certificates).unwrap(),
        }
    }

    #[test]
    fn records_round_trip_and_every_truncation_and_every_added_byte_is_refused() {
        let birth = Birth {
            serial: "SN-1",
            hardware_type: &[0x2B, 1],
            hardware_serial: b"HW",
            udi: "https://id.gs1.org/01/09521234543213",
            held: held(1, &[]),
        };
        let local = Local { current: Some(held(2, &[b"leaf", b"issuer"])), successor: None };
        let mut out = [0; 512];
        let length = birth.encode(&mut out).unwrap();
        assert_eq!(Birth::parse(&out[..length]), Ok(birth));
        for wrong in (0..length).chain([length + 1]) {
            assert_eq!(Birth::parse(&out[..wrong]), Err(Reason::RecordCorrupt));
        }
        let mut out = [0; 512];
        let length = local.encode(&mut out).unwrap();
        assert_eq!(Local::parse(&out[..length]), Ok(local));
        for wrong in (0..length).chain([length + 1]) {
            assert_eq!(Local::parse(&out[..wrong]), Err(Reason::RecordCorrupt));
        }
    }

    #[test]
    fn a_chain_holds_what_the_bound_allows() {
        assert_eq!(Chain::of(&[b"x".as_slice(); limits::CHAIN]).unwrap().as_slice().len(), limits::CHAIN);
        assert_eq!(Chain::of(&[b"x".as_slice(); limits::CHAIN + 1]), Err(Reason::PathTooLong));
    }
}
