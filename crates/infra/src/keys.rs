//! Private keys of authorities: of a CA, of a hospital, of an author of software.

use crate::error::While;
use crate::files::{self, Access};
use crate::{Error, Result};
use aseptic_certs::der::{self, Reader};
use aseptic_core::Reason;
use aseptic_core::cose::Signer;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::crypto::{KeyAlg, Message, PublicKey, SigAlg};
use aseptic_hosted::crypto::MlDsaKey;
use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{KeyPair, PublicKeyData};
use std::fmt;
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// A private key that signs certificates, trust stores or updates. Its PKCS#8 copy is wiped on drop, and it is never printed.
///
/// What a classical key signs in COSE is deterministic (RFC 6979, RFC 8032): the same key and the same bytes give the same
/// signature. ML-DSA is hedged, as FIPS 204 recommends, and gives another one each time. It may be used from several threads
/// at once.
pub struct AuthorityKey {
    kind: Kind,
    alg: KeyAlg,
}

enum Kind {
    /// P-256 or Ed25519.
    Classical(KeyPair),
    /// ML-DSA, and PKCS#8 as it was read.
    MlDsa(MlDsaKey, Zeroizing<Vec<u8>>),
}

impl AuthorityKey {
    /// A fresh key: P-256, Ed25519 or ML-DSA. Certificates need P-256; ML-DSA signs software alone.
    pub fn generate(alg: KeyAlg) -> Result<Self> {
        let engine = match alg {
            KeyAlg::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlg::Ed25519 => &rcgen::PKCS_ED25519,
            _ => {
                let made = MlDsaKey::generate(alg).and_then(|key| Ok((key.expose_pkcs8()?, key)));
                let (pkcs8, key) = made.during("making a signing key")?;
                return Ok(Self { kind: Kind::MlDsa(key, pkcs8), alg });
            }
        };
        let pair = KeyPair::generate_for(engine)
            .map_err(|error| Error::new(Reason::EntropyFailed, format!("making a signing key: {error}")))?;
        Ok(Self { kind: Kind::Classical(pair), alg })
    }

    /// Reads PKCS#8 in PEM, also as OpenSSL writes it. [`Reason::AlgorithmUnsupported`] for keys that are neither P-256,
    /// Ed25519 nor ML-DSA.
    pub fn from_pem(pem: &str) -> Result<Self> {
        if let Ok(block) = pem::parse(pem) {
            let pkcs8 = Zeroizing::new(block.into_contents());
            if let Ok(key) = MlDsaKey::from_pkcs8(&pkcs8) {
                let alg = key.public().during("reading a private key")?.alg();
                return Ok(Self { kind: Kind::MlDsa(key, pkcs8), alg });
            }
        }
        let pair = KeyPair::from_pem(pem)
            .map_err(|error| Error::new(Reason::KeyInvalid, format!("reading a private key: {error}")))?;
        let alg = if pair.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256) {
            KeyAlg::P256
        } else if pair.is_compatible(&rcgen::PKCS_ED25519) {
            KeyAlg::Ed25519
        } else {
            return Err(Error::new(Reason::AlgorithmUnsupported, "reading a private key"));
        };
        private(alg, &pair).during("reading a private key")?;
        Ok(Self { kind: Kind::Classical(pair), alg })
    }

    /// The key as PKCS#8 in PEM, wiped when the value goes.
    #[must_use]
    pub fn expose_pem(&self) -> Zeroizing<String> {
        match &self.kind {
            Kind::Classical(pair) => Zeroizing::new(pair.serialize_pem()),
            Kind::MlDsa(_, pkcs8) => {
                let block = Pem::new("PRIVATE KEY", &pkcs8[..]);
                let text = pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF));
                drop(Zeroizing::new(block.into_contents()));
                Zeroizing::new(text)
            }
        }
    }

    /// The key as PKCS#8 in DER, wiped when the value goes; what a TLS server is configured with.
    #[must_use]
    pub fn expose_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        match &self.kind {
            Kind::Classical(pair) => Zeroizing::new(pair.serialize_der()),
            Kind::MlDsa(_, pkcs8) => pkcs8.clone(),
        }
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
        match &self.kind {
            Kind::Classical(pair) => PublicKey::new(self.alg, pair.der_bytes()),
            Kind::MlDsa(key, _) => key.public(),
        }
        .during("reading a public key")
    }

    /// What certificates are signed with. [`Reason::KeyWrongUse`] of ML-DSA.
    pub(crate) fn pair(&self) -> Result<&KeyPair> {
        match &self.kind {
            Kind::Classical(pair) => Ok(pair),
            Kind::MlDsa(..) => Err(Error::new(Reason::KeyWrongUse, "signing a certificate")),
        }
    }
}

/// A device's private key for key agreement out of a PEM file, whose mode must keep others out: P-256 or X25519, in PKCS#8. For
/// makers' tools; a device keeps its own in its key store.
pub fn agreement_key(path: &Path) -> Result<PrivateKey> {
    let bytes = files::read(path, Access::Owner)?;
    let invalid = |reason| Error::new(reason, "reading a private key for key agreement");
    let block = pem::parse(&bytes[..]).map_err(|_| invalid(Reason::KeyInvalid))?;
    let contents = Zeroizing::new(block.into_contents());
    let alg = algorithm(&contents).map_err(invalid)?;
    secret(alg, &contents).and_then(|secret| PrivateKey::from_bytes(alg, secret)).map_err(invalid)
}

/// What people call the algorithm of a key.
#[must_use]
pub const fn algorithm_name(alg: KeyAlg) -> &'static str {
    match alg {
        KeyAlg::P256 => "P-256",
        KeyAlg::Ed25519 => "Ed25519",
        KeyAlg::X25519 => "X25519",
        KeyAlg::HssLms256 => "HSS/LMS with SHA-256",
        KeyAlg::HssLms192 => "HSS/LMS with SHA-256/192",
        KeyAlg::MlDsa44 => "ML-DSA-44",
        KeyAlg::MlDsa65 => "ML-DSA-65",
        KeyAlg::MlDsa87 => "ML-DSA-87",
        KeyAlg::XWing => "X-Wing",
        _ => "of another algorithm",
    }
}

impl Signer for AuthorityKey {
    fn alg(&self) -> SigAlg {
        self.alg.signs().unwrap_or(SigAlg::Es256)
    }

    fn sign(&self, message: &mut dyn Message, out: &mut [u8]) -> aseptic_core::Result<usize> {
        match &self.kind {
            Kind::Classical(pair) => private(self.alg, pair)?.sign(message, out),
            Kind::MlDsa(key, _) => key.sign(message, out),
        }
    }
}

impl Drop for AuthorityKey {
    fn drop(&mut self) {
        if let Kind::Classical(pair) = &mut self.kind {
            pair.zeroize();
        }
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKey({:?}, redacted)", self.alg)
    }
}

/// The same key for signatures that need no randomness.
fn private(alg: KeyAlg, pair: &KeyPair) -> aseptic_core::Result<PrivateKey> {
    let pkcs8 = Zeroizing::new(pair.serialize_der());
    let secret = secret(alg, &pkcs8).map_err(|_| Reason::KeyInvalid)?;
    PrivateKey::from_bytes(alg, secret)
}

/// What a OneAsymmetricKey (RFC 5958) is for: X25519 (RFC 8410), or P-256 (RFC 5480).
fn algorithm(pkcs8: &[u8]) -> aseptic_core::Result<KeyAlg> {
    let mut key = Reader::new(pkcs8).nested(der::SEQUENCE)?;
    key.read(der::INTEGER)?;
    match key.read(der::SEQUENCE)? {
        [0x06, 0x03, 0x2B, 0x65, 0x6E] => Ok(KeyAlg::X25519),
        [.., 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07] => Ok(KeyAlg::P256),
        _ => Err(Reason::AlgorithmUnsupported),
    }
}

/// The secret inside a OneAsymmetricKey (RFC 5958): of P-256 in an ECPrivateKey (RFC 5915), of Ed25519 in an octet string
/// (RFC 8410 section 7).
fn secret(alg: KeyAlg, pkcs8: &[u8]) -> aseptic_core::Result<&[u8; 32]> {
    let mut key = Reader::new(pkcs8).nested(der::SEQUENCE)?;
    key.read(der::INTEGER)?;
    key.read(der::SEQUENCE)?;
    let mut inner = Reader::new(key.read(der::OCTET_STRING)?);
    let secret = match alg {
        KeyAlg::P256 => {
            let mut inner = inner.nested(der::SEQUENCE)?;
            inner.read(der::INTEGER)?;
            inner.read(der::OCTET_STRING)?
        }
        _ => inner.read(der::OCTET_STRING)?,
    };
    secret.try_into().map_err(|_| Reason::KeyInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::cose::{Headers, Sign1, sign1};
    use aseptic_core::crypto::{Parts, soft};

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

    /// RFC 6979 A.2.5 (P-256, SHA-256, "sample") and RFC 8032 section 7.1, test 1: keys as OpenSSL writes them.
    #[test]
    fn signatures_are_those_of_the_standards_byte_for_byte() {
        let cases: [(&str, &[u8], &str); 2] = [
            (
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg\n\
                 /tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ",
                b"sample",
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                 f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
            ),
            (
                "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
                b"",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
        ];
        for (base64, message, signature) in cases {
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
            let key = AuthorityKey::from_pem(&pem).unwrap();
            let mut out = [0; 64];
            assert_eq!(key.sign(&mut Parts(&[message]), &mut out), Ok(64));
            let made: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(made, signature);
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
