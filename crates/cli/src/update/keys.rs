//! Keys and envelopes in files.

use crate::error::{Error, Result};
use crate::file;
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_core::crypto::PublicKey;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::Envelope;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Private keys of authors.
pub(super) fn private(paths: &[PathBuf]) -> Result<Vec<AuthorityKey>> {
    paths.iter().map(|path| AuthorityKey::load(path).map_err(|error| Error::infra(path, &error))).collect()
}

/// The SubjectPublicKeyInfo of every key in the files; [`borrowed`] makes keys of them.
pub(super) fn public(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    Ok(paths.iter().map(|path| public_keys(path)).collect::<Result<Vec<_>>>()?.concat())
}

/// Keys out of what [`public`] gave, which read them once already.
pub(super) fn borrowed(spki: &[Vec<u8>]) -> Vec<PublicKey<'_>> {
    spki.iter().filter_map(|spki| PublicKey::from_spki(spki).ok()).collect()
}

/// An envelope from a file.
pub(super) fn envelope(path: &Path) -> Result<Envelope> {
    Envelope::parse(&file::read(path)?).map_err(|error| Error::infra(path, &error))
}

/// The SubjectPublicKeyInfo of every key and certificate in a PEM file.
fn public_keys(path: &Path) -> Result<Vec<Vec<u8>>> {
    let refused = |cause| {
        Error::because(path, Reason::KeyInvalid, cause)
            .remedied("Pass a PEM file with a public key or a certificate, P-256 or Ed25519.")
    };
    let blocks = file::pem_blocks(&file::read(path)?).ok_or_else(|| refused("The PEM is damaged."))?;
    if blocks.is_empty() {
        return Err(refused("It holds no PEM."));
    }
    let mut keys = Vec::new();
    for block in &blocks {
        keys.push(match block.tag() {
            "PUBLIC KEY" => PublicKey::from_spki(block.contents())
                .map(|key| key.spki().concat())
                .map_err(|_| refused("The public key is of no kind that a device knows."))?,
            "CERTIFICATE" => Certificate::parse(block.contents())
                .and_then(|certificate| certificate.public_key().map(|key| key.spki().concat()))
                .map_err(|_| refused("The certificate holds no key that a device knows."))?,
            tag if tag.ends_with("PRIVATE KEY") => return Err(refused("It holds a private key.")),
            _ => return Err(refused("It holds something else than public keys.")),
        });
    }
    Ok(keys)
}

/// Key-encryption keys, whose files must keep others out.
pub(super) fn secrets(named: &[(String, PathBuf)]) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>> {
    let read = |(name, path): &(String, PathBuf)| {
        let mode = std::fs::metadata(path).map_err(|error| Error::file(path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::refused(path, Reason::FileDenied));
        }
        let bytes = Zeroizing::new(file::read(path)?);
        match bytes.len() {
            16 | 24 | 32 => Ok((name.clone(), bytes)),
            _ => Err(Error::because(path, Reason::KeyInvalid, "A key-encryption key has 16, 24 or 32 bytes.")
                .remedied("Make one: openssl rand 16.")),
        }
    };
    named.iter().map(read).collect()
}

/// A device's private key for key agreement, whose file must keep others out.
pub(super) fn agreement(path: &Path) -> Result<PrivateKey> {
    aseptic_infra::agreement_key(path).map_err(|error| Error::infra(path, &error))
}
