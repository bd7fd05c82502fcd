//! Keys that sign with ML-DSA: on the desks of authors, never in devices.

use aseptic_core::cose::Signer;
use aseptic_core::crypto::{KeyAlg, Message, PublicKey, SigAlg};
use aseptic_core::{Reason, Result};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use std::fmt;
use zeroize::Zeroizing;

/// A private key of ML-DSA (FIPS 204). It is wiped on drop and never printed; it may be used from several threads at once.
///
/// It signs as FIPS 204 recommends, hedged with fresh randomness: the same message has another signature each time.
pub struct MlDsaKey {
    alg: KeyAlg,
    pair: PqdsaKeyPair,
}

impl MlDsaKey {
    /// A fresh key. [`Reason::KeyWrongUse`] for another kind of key.
    pub fn generate(alg: KeyAlg) -> Result<Self> {
        let (_, engine) = ENGINES.into_iter().find(|(known, _)| *known == alg).ok_or(Reason::KeyWrongUse)?;
        let pair = PqdsaKeyPair::generate(engine).map_err(|_| Reason::EntropyFailed)?;
        Ok(Self { alg, pair })
    }

    /// Reads PKCS#8 in DER, with the seed, the expanded key, or both that agree (RFC 9881 section 6): what OpenSSL 3.5
    /// writes. [`Reason::KeyInvalid`] for anything else.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let read = |(alg, engine)| Some(Self { alg, pair: PqdsaKeyPair::from_pkcs8(engine, pkcs8).ok()? });
        ENGINES.into_iter().find_map(read).ok_or(Reason::KeyInvalid)
    }

    /// The key as PKCS#8 in DER with its seed, wiped when the value goes. [`Reason::KeyInvalid`] if it was read without
    /// its seed.
    pub fn expose_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let document = self.pair.to_pkcs8v1().map_err(|_| Reason::KeyInvalid)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The public key.
    pub fn public(&self) -> Result<PublicKey<'_>> {
        PublicKey::new(self.alg, self.pair.public_key().as_ref())
    }
}

impl Signer for MlDsaKey {
    fn alg(&self) -> SigAlg {
        // Each of the engines signs.
        self.alg.signs().unwrap_or(SigAlg::MlDsa65)
    }

    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> Result<usize> {
        let mut whole = Vec::new();
        message.read(&mut |part| {
            whole.extend_from_slice(part);
            Ok(())
        })?;
        if out.len() < self.pair.algorithm().signature_len() {
            return Err(Reason::BufferTooSmall);
        }
        self.pair.sign(&whole, out).map_err(|_| Reason::EntropyFailed)
    }
}

impl fmt::Debug for MlDsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MlDsaKey({:?}, redacted)", self.alg)
    }
}

const ENGINES: [(KeyAlg, &PqdsaSigningAlgorithm); 3] = [
    (KeyAlg::MlDsa44, &ML_DSA_44_SIGNING),
    (KeyAlg::MlDsa65, &ML_DSA_65_SIGNING),
    (KeyAlg::MlDsa87, &ML_DSA_87_SIGNING),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::suite;
    use aseptic_core::crypto::Parts;

    #[test]
    fn what_it_signs_verifies_and_the_key_comes_back_from_pkcs8() {
        for (alg, _) in ENGINES {
            let key = MlDsaKey::generate(alg).unwrap();
            let pkcs8 = key.expose_pkcs8().unwrap();
            let again = MlDsaKey::from_pkcs8(&pkcs8).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(format!("{key:?}"), format!("MlDsaKey({alg:?}, redacted)"));

            let mut out = vec![0; 5000];
            let length = again.sign(&mut Parts(&[b"in ", b"parts"]), &mut out).unwrap();
            let verify = |message: &[u8]| {
                suite().verify(key.public().unwrap(), &mut Parts(&[message]), out.get(..length).unwrap())
            };
            assert_eq!(verify(b"in parts"), Ok(()));
            assert_eq!(verify(b"in part"), Err(Reason::SignatureInvalid));
            assert_eq!(again.sign(&mut Parts(&[]), &mut vec![0; length - 1]), Err(Reason::BufferTooSmall));
            for cut in [0, 1, pkcs8.len() - 1] {
                assert_eq!(MlDsaKey::from_pkcs8(&pkcs8[..cut]).err(), Some(Reason::KeyInvalid));
            }
        }
        assert_eq!(MlDsaKey::generate(KeyAlg::P256).err(), Some(Reason::KeyWrongUse));
    }
}
