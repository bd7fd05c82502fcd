//! SUIT_Digest: an algorithm and exactly as many bytes as it has.

use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::cose::CoseAlg;
use aseptic_core::crypto::{HashAlg, Parts, Suite};
use aseptic_core::{Reason, Result};
use core::fmt;

/// A digest that knows its algorithm: SHA-256, SHA-384 or SHA-512.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    alg: HashAlg,
    /// Zero behind the length of the algorithm.
    bytes: [u8; 64],
}

impl Digest {
    /// That of nothing in particular.
    pub(crate) const NONE: Self = Self { alg: HashAlg::Sha256, bytes: [0; 64] };

    /// A digest of `alg`; [`Reason::CborMalformed`] unless `digest` has just the length of the algorithm.
    pub fn new(alg: HashAlg, digest: &[u8]) -> Result<Self> {
        if digest.len() != alg.digest_len() {
            return Err(Reason::CborMalformed);
        }
        Ok(Self::again(alg, digest))
    }

    /// The digest of the concatenated parts.
    pub fn of(suite: &Suite<'_>, alg: HashAlg, parts: &[&[u8]]) -> Result<Self> {
        let digest = suite.digest(alg, &mut Parts(parts))?;
        Self::new(alg, digest.get(..alg.digest_len()).ok_or(Reason::Internal)?)
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> HashAlg {
        self.alg
    }

    /// The bytes, as many as the algorithm has.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.alg.digest_len()).unwrap_or_default()
    }

    /// Reads a SUIT_Digest that fills `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (alg, digest) = Self::borrowed(bytes)?;
        Ok(Self::again(alg, digest))
    }

    /// Algorithm and bytes of a SUIT_Digest that fills `bytes`.
    pub(crate) fn borrowed(bytes: &[u8]) -> Result<(HashAlg, &[u8])> {
        let mut reader = Reader::new(bytes, Rules::Deterministic);
        let digest = Self::parts(&mut reader)?;
        reader.end()?;
        Ok(digest)
    }

    /// What [`Digest::borrowed`] has read.
    pub(crate) fn again(alg: HashAlg, digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(digest).for_each(|(own, byte)| *own = *byte);
        Self { alg, bytes }
    }

    /// Writes a SUIT_Digest: `[algorithm, bytes]`.
    pub fn write(&self, writer: &mut Writer<'_>) {
        let alg = match self.alg {
            HashAlg::Sha256 => CoseAlg::SHA_256,
            HashAlg::Sha384 => CoseAlg::SHA_384,
            HashAlg::Sha512 => CoseAlg::SHA_512,
        };
        writer.array(2).int(alg.0).bytes(self.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let (alg, digest) = Self::parts(reader)?;
        Ok(Self::again(alg, digest))
    }

    fn parts<'a>(reader: &mut Reader<'a>) -> Result<(HashAlg, &'a [u8])> {
        reader.array_exact(2)?;
        let alg = CoseAlg(reader.int()?).hash()?;
        let digest = reader.bytes()?;
        if digest.len() == alg.digest_len() { Ok((alg, digest)) } else { Err(Reason::CborMalformed) }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:", self.alg)?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_algorithm_and_no_other() {
        for length in 0..=65 {
            let bytes = [7; 65];
            let fits = length == 32;
            assert_eq!(Digest::new(HashAlg::Sha256, &bytes[..length]).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
            let digest = Digest::new(alg, &[9; 64][..alg.digest_len()]).unwrap();
            let mut out = [0; 80];
            let mut writer = Writer::new(&mut out);
            digest.write(&mut writer);
            assert_eq!(Digest::parse(writer.finish().unwrap()), Ok(digest));
        }
    }
}
