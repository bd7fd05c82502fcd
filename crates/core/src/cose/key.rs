//! COSE_Key (RFC 9052 section 7, RFC 9053 section 7, RFC 8778 section 3): public keys that are held by value.

use crate::cbor::{Key, Reader, Rules, Type, Writer};
use crate::crypto::{KeyAlg, PublicKey, Suite};
use crate::reason::Reason;
use crate::{Result, bytes};

/// Bytes of the longest public COSE_Key that [`write_key`] writes.
pub const COSE_KEY: usize = 75;

const KTY: i64 = 1;
const HSS_LMS: i64 = 5;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;

/// Reads the public part of an encoded COSE_Key that fills `encoded`; the key bytes go into `out`.
///
/// A compressed P-256 point (y as a boolean) is expanded by the suite's P-256 engine. [`Reason::KeyInvalid`] for a key of
/// the wrong shape, [`Reason::AlgorithmUnsupported`] for another curve.
pub fn read_key<'o>(encoded: &[u8], suite: &Suite<'_>, out: &'o mut [u8; 65]) -> Result<PublicKey<'o>> {
    let mut reader = Reader::new(encoded, Rules::Received);
    let mut map = reader.map()?;
    let (mut kind, mut curve, mut x, mut y) = (None, None, None, None);
    while let Some(key) = map.next(&mut reader)? {
        match key {
            Key::Int(KTY) => kind = Some(reader.int()?),
            // The one label that all key types share: of hash-based keys it holds the key itself (RFC 8778 section 3).
            Key::Int(CRV) if reader.peek()? == Type::Bytes => x = Some(reader.bytes()?),
            Key::Int(CRV) => curve = Some(reader.int()?),
            Key::Int(X) => x = Some(reader.bytes()?),
            Key::Int(Y) if reader.peek()? == Type::Bytes => y = Some(Ordinate::Whole(reader.bytes()?)),
            Key::Int(Y) => y = Some(Ordinate::Sign(reader.bool()?)),
            _ => drop(reader.raw()?),
        }
    }
    reader.end()?;
    if kind == Some(HSS_LMS) {
        let key = x.ok_or(Reason::KeyInvalid)?;
        let alg = if key.len() == KeyAlg::HssLms192.public_len() { KeyAlg::HssLms192 } else { KeyAlg::HssLms256 };
        return PublicKey::new(alg, bytes::copy(key, out).ok_or(Reason::KeyInvalid)?);
    }
    // Leading zeros stand (RFC 9053 section 7.1.1), so a coordinate has 32 bytes, always.
    let x: &[u8; 32] = x.and_then(|x| x.try_into().ok()).ok_or(Reason::KeyInvalid)?;
    let alg = match (kind, curve) {
        (Some(2), Some(1)) => KeyAlg::P256,
        (Some(1), Some(4)) => KeyAlg::X25519,
        (Some(1), Some(6)) => KeyAlg::Ed25519,
        _ => return Err(Reason::AlgorithmUnsupported),
    };
    match (alg, y) {
        (KeyAlg::P256, Some(Ordinate::Whole(y))) => {
            let y: &[u8; 32] = y.try_into().map_err(|_| Reason::KeyInvalid)?;
            fill(out, [&[4][..], x, y]);
        }
        (KeyAlg::P256, Some(Ordinate::Sign(odd))) => {
            let mut compressed = [0; 33];
            fill(&mut compressed, [&[2 | u8::from(odd)][..], x]);
            suite.agreement(KeyAlg::P256)?.decompress(&compressed, out)?;
        }
        (KeyAlg::X25519 | KeyAlg::Ed25519, None) => {
            let room = out.first_chunk_mut().ok_or(Reason::Internal)?;
            *room = *x;
        }
        _ => return Err(Reason::KeyInvalid),
    }
    PublicKey::new(alg, out.get(..alg.public_len()).ok_or(Reason::Internal)?)
}

/// Writes a public key as COSE_Key, P-256 uncompressed; gives the length, at most [`COSE_KEY`]. [`Reason::KeyInvalid`]
/// for one that is not held by value.
pub fn write_key(key: PublicKey<'_>, out: &mut [u8]) -> Result<usize> {
    let mut writer = Writer::new(out);
    match (key.alg(), key.bytes()) {
        (KeyAlg::P256, [_, xy @ ..]) => {
            let (x, y) = xy.split_at_checked(32).ok_or(Reason::KeyInvalid)?;
            writer.map(4).int(KTY).int(2).int(CRV).int(1).int(X).bytes(x).int(Y).bytes(y);
        }
        (KeyAlg::X25519, x) => drop(writer.map(3).int(KTY).int(1).int(CRV).int(4).int(X).bytes(x)),
        (KeyAlg::Ed25519, x) => drop(writer.map(3).int(KTY).int(1).int(CRV).int(6).int(X).bytes(x)),
        (KeyAlg::HssLms256 | KeyAlg::HssLms192, key) => drop(writer.map(2).int(KTY).int(HSS_LMS).int(CRV).bytes(key)),
        _ => return Err(Reason::KeyInvalid),
    }
    writer.finish().map(|bytes| bytes.len())
}

enum Ordinate<'a> {
    Whole(&'a [u8]),
    Sign(bool),
}

fn fill<const N: usize>(out: &mut [u8], parts: [&[u8]; N]) {
    for (place, byte) in out.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
}
