//! Private keys of authorities: of a CA, of a hospital, of an author of software.

use crate::error::While;
use crate::files::{self, Access};
use crate::{Error, Result};
use aseptic_certs::der::{self, Reader};
use aseptic_core::Reason;
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{KeyAlg, Message, PublicKey, SigAlg};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use std::fmt;
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// A private key that signs certificates, trust stores or updates. Its PKCS#8 copy is wiped on drop, and it is never printed.
///
/// It may be used from several threads at once.
pub struct AuthorityKey {
    pair: KeyPair,
    alg: KeyAlg,
}

impl AuthorityKey {
    /// A fresh key: P-256 or Ed25519. Certificates need P-256.
    pub fn generate(alg: KeyAlg) -> Result<Self> {
        let engine = match alg {
            KeyAlg::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlg::Ed25519 => &rcgen::PKCS_ED25519,
            _ => return Err(Error::new(Reason::KeyWrongUse, "making a signing key")),
        };
        let pair = KeyPair::generate_for(engine)
            .map_err(|error| Error::new(Reason::EntropyFailed, format!("making a signing key: {error}")))?;
        Ok(Self { pair, alg })
    }

    /// Reads PKCS#8 in PEM. [`Reason::AlgorithmUnsupported`] for keys that are neither P-256 nor Ed25519.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let pair = KeyPair::from_pem(pem)
            .map_err(|error| Error::new(Reason::KeyInvalid, format!("reading a private key: {error}")))?;
        let alg = if pair.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256) {
            KeyAlg::P256
        } else if pair.is_compatible(&rcgen::PKCS_ED25519) {
            KeyAlg::Ed25519
        } else {
            return Err(Error::new(Reason::AlgorithmUnsupported, "reading a private key"));
        };
        Ok(Self { pair, alg })
    }

    /// The key as PKCS#8 in PEM, wiped when the value goes.
    #[must_use]
    pub fn expose_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.pair.serialize_pem())
    }

    /// The key as PKCS#8 in DER, wiped when the value goes; what a TLS server is configured with.
    #[must_use]
    pub fn expose_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.pair.serialize_der())
    }

    /// Reads a PEM file, whose mode must keep others out.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path, Access::Owner)?;
        let pem = std::str::from_utf8(&bytes)
            .map_err(|_| Error::new(Reason::FileCorrupt, format!("{} is not PEM", path.display())))?;
        Self::from_pem(pem)
    }

    /// Writes a PEM file of mode 0600; [`Reason::FileExists`] if there is one. After power loss it is whole or absent.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_new(path, self.expose_pem().as_bytes(), Access::Owner)
    }

    /// The public key.
    pub fn public(&self) -> Result<PublicKey<'_>> {
        PublicKey::new(self.alg, self.pair.der_bytes()).during("reading a public key")
    }

    pub(crate) const fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

impl Signer for AuthorityKey {
    fn alg(&self) -> SigAlg {
        self.alg.signs().unwrap_or(SigAlg::Es256)
    }

    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> aseptic_core::Result<usize> {
        let mut whole = Vec::new();
        message.read(&mut |part| {
            whole.extend_from_slice(part);
            Ok(())
        })?;
        let made = self.pair.sign(&whole).map_err(|_| Reason::PlatformIo)?;
        let fixed: [u8; 64] = match self.alg {
            KeyAlg::P256 => fixed_length(&made).map_err(|_| Reason::Internal)?,
            _ => made.as_slice().try_into().map_err(|_| Reason::Internal)?,
        };
        out.get_mut(..64).ok_or(Reason::BufferTooSmall)?.copy_from_slice(&fixed);
        Ok(64)
    }
}

impl Drop for AuthorityKey {
    fn drop(&mut self) {
        self.pair.zeroize();
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKey({:?}, redacted)", self.alg)
    }
}

/// Turns the ECDSA-Sig-Value of RFC 3279 section 2.2.3 into r || s.
fn fixed_length(signature: &[u8]) -> aseptic_core::Result<[u8; 64]> {
    let mut out = [0; 64];
    let mut reader = Reader::new(signature);
    let mut pair = reader.nested(der::SEQUENCE)?;
    reader.end()?;
    for half in out.chunks_exact_mut(32) {
        let value = pair.magnitude()?;
        let room = half.len().checked_sub(value.len()).and_then(|at| half.get_mut(at..));
        room.ok_or(Reason::DerMalformed)?.copy_from_slice(value);
    }
    pair.end()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::cose::{Headers, Sign1, sign1};
    use aseptic_core::crypto::soft;

    #[test]
    fn what_it_signs_verifies_with_the_suite_of_a_device() {
        for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
            let key = AuthorityKey::generate(alg).unwrap();
            // Often enough to meet an r or an s with leading zeros (one in 128).
            for round in 0_u32..1000 {
                let mut out = [0; 256];
                let length = sign1(&key, &Headers::default(), &round.to_be_bytes(), false, &[], &mut out).unwrap();
                let message = Sign1::parse(&out[..length]).unwrap();
                message.verify(&soft::suite(), key.public().unwrap(), &[], None).unwrap();
            }
        }
    }

    #[test]
    fn a_key_file_keeps_others_out_and_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.key");
        assert_eq!(AuthorityKey::load(&path).unwrap_err().reason(), Reason::FileMissing);
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        key.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(AuthorityKey::load(&path).unwrap().public().unwrap(), key.public().unwrap());
        assert_eq!(key.save(&path).unwrap_err().reason(), Reason::FileExists);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside the key");

        // What a power cut left of a former attempt is neither kept nor in the way.
        let left = folder.path().join(format!("other.key.{}.new", std::process::id()));
        std::fs::write(&left, "half a key").unwrap();
        key.save(&folder.path().join("other.key")).unwrap();
        assert!(!left.exists());

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert_eq!(AuthorityKey::load(&path).unwrap_err().reason(), Reason::FileDenied);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert_eq!(AuthorityKey::load(&path).unwrap_err().reason(), Reason::KeyInvalid);
    }

    #[test]
    fn keys_of_other_kinds_are_refused_and_no_key_is_printed() {
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        assert_eq!(AuthorityKey::from_pem(&other.serialize_pem()).unwrap_err().reason(), Reason::AlgorithmUnsupported);
        assert_eq!(AuthorityKey::generate(KeyAlg::X25519).unwrap_err().reason(), Reason::KeyWrongUse);
        let key = AuthorityKey::generate(KeyAlg::Ed25519).unwrap();
        assert_eq!(format!("{key:?}"), "AuthorityKey(Ed25519, redacted)");
    }
}
