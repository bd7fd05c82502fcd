//! SUIT envelopes: those of the working group, or of anybody who keeps to the draft.
//!
//! Every `*.suit` and `*.cbor` file below the folder that holds tag 107 is a case. One with `unsigned` in its name must be
//! refused for want of a signature; each other must authenticate with one of the keys below the folder of keys (PEM or
//! COSE_Key). Keys printed in specifications are admitted by way of [`danger`], which no device does. An envelope that
//! carries a message authentication code alone passes if the code verifies **and** a device refuses the envelope as
//! [`Reason::SignatureByDevice`].

use super::{Error, Outcome, Report, Source, files};
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::cose::{Mac0, MacKey, Sign1};
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_update::Envelope;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::Path;

/// The secret of the examples with a message authentication code.
const EXAMPLE_MAC_KEY: [u8; 32] = [b'a'; 32];

/// Judges every envelope below the folder.
pub(super) fn run(source: &Source, report: &mut Report) -> std::result::Result<(), Error> {
    let keys = Keys::below(source.keys.as_deref().unwrap_or(&source.path))?;
    for path in files(&source.path, |name| name.ends_with(".suit") || name.ends_with(".cbor"))? {
        let bytes = fs::read(&path).map_err(|cause| Error::Unreadable(path.clone(), cause))?;
        let id = path.strip_prefix(&source.path).unwrap_or(&path).to_string_lossy().into_owned();
        if Reader::new(&bytes, Rules::Received).tag() != Ok(107) {
            report.case(&id, &[], Outcome::Skip("the file is no SUIT envelope (tag 107)".into()));
            continue;
        }
        let unsigned = path.file_name().is_some_and(|name| name.to_string_lossy().contains("unsigned"));
        let outcome = match (unsigned, keys.authenticate(&bytes)) {
            (true, Err(Reason::ManifestUnsigned)) | (false, Ok(())) => Outcome::Pass,
            (true, Ok(())) => Outcome::Fail("accepted, must be refused for want of a signature".into()),
            (false, Err(Reason::SignatureByDevice)) if keys.authenticate_mac(&bytes) => {
                report.note("envelopes with a valid message authentication code, which a device refuses");
                Outcome::Pass
            }
            (_, Err(reason)) => Outcome::Fail(reason.to_string()),
        };
        report.case(&id, &[], outcome);
    }
    Ok(())
}

/// What lies below the folder of keys.
struct Keys {
    public: Vec<(KeyAlg, Vec<u8>)>,
    secret: Vec<Vec<u8>>,
}

impl Keys {
    fn below(folder: &Path) -> std::result::Result<Self, Error> {
        let mut keys = Self { public: Vec::new(), secret: vec![EXAMPLE_MAC_KEY.to_vec()] };
        for path in files(folder, |_| true)? {
            let bytes = fs::read(&path).map_err(|cause| Error::Unreadable(path.clone(), cause))?;
            if let Ok(text) = std::str::from_utf8(&bytes)
                && text.contains("-----BEGIN ")
            {
                keys.public.extend(pem(text).iter().filter_map(|(label, der)| from_der(label, der)));
            } else if let Some(key) = cose_key(&bytes) {
                match key {
                    CoseKey::Public(alg, key) => keys.public.push((alg, key)),
                    CoseKey::Secret(key) => keys.secret.push(key),
                }
            } else if let Some(key) = from_der("PUBLIC KEY", &bytes).or_else(|| from_der("PRIVATE KEY", &bytes)) {
                keys.public.push(key);
            }
        }
        keys.public.sort_by(|one, other| one.1.cmp(&other.1));
        keys.public.dedup();
        Ok(keys)
    }

    /// As a device does that trusts all of these keys, whatever name the envelope calls them by.
    fn authenticate(&self, bytes: &[u8]) -> Result<()> {
        let envelope = Envelope::parse(bytes)?;
        let mut names: Vec<&[u8]> = envelope
            .blocks()
            .filter_map(|block| Sign1::parse(block).ok()?.header.kid)
            .filter(|kid| kid.len() <= limits::NAME)
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            names.push(b"author");
        }
        let keys: Vec<_> = self.public.iter().filter_map(|(alg, key)| PublicKey::new(*alg, key).ok()).collect();
        let entries: Vec<_> = keys
            .iter()
            .flat_map(|key| {
                let purposes = Purposes::of(&[Purpose::UpdateInstall]);
                names.iter().map(move |name| Entry { purposes, name, material: Material::Key(*key) })
            })
            .collect();
        let mut refusal =
            envelope.clone().authenticate(&danger::unsigned(Authority::Manufacturer, &[])?, &suite()).err();
        for some in entries.chunks(limits::TRUST_ENTRIES) {
            let trust = danger::unsigned(Authority::Manufacturer, some)?;
            match envelope.clone().authenticate(&trust, &suite()) {
                Ok(_) => return Ok(()),
                Err(reason) => refusal = Some(reason),
            }
        }
        Err(refusal.unwrap_or(Reason::UnknownSigner))
    }

    /// Whether one of the secrets made one of the codes. The digest of the manifest has been compared before.
    fn authenticate_mac(&self, bytes: &[u8]) -> bool {
        let Ok(envelope) = Envelope::parse(bytes) else { return false };
        let verifies = |block: &[u8], secret: &[u8]| {
            let key = MacKey::new(HashAlg::Sha256, secret)?;
            Mac0::parse(block)?.verify(&suite(), &key, &[], Some(envelope.signed_bytes()))
        };
        envelope.blocks().any(|block| self.secret.iter().any(|secret| verifies(block, secret).is_ok()))
    }
}

/// A key file in CBOR (RFC 9052 section 7).
enum CoseKey {
    Public(KeyAlg, Vec<u8>),
    Secret(Vec<u8>),
}

fn cose_key(bytes: &[u8]) -> Option<CoseKey> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let mut map = reader.map().ok()?;
    let (mut kind, mut curve, mut alg) = (None, None, None);
    let (mut x, mut y, mut secret) = (None, None, None);
    while let Some(key) = map.next(&mut reader).ok()? {
        match (key, reader.peek().ok()?) {
            (Key::Int(1), Type::Unsigned) => kind = Some(reader.int().ok()?),
            (Key::Int(3), Type::Unsigned | Type::Negative) => alg = Some(reader.int().ok()?),
            (Key::Int(-1), Type::Unsigned) => curve = Some(reader.int().ok()?),
            (Key::Int(-1), Type::Bytes) => secret = Some(reader.bytes().ok()?),
            (Key::Int(-2), Type::Bytes) => x = Some(reader.bytes().ok()?),
            (Key::Int(-3), Type::Bytes) => y = Some(reader.bytes().ok()?),
            _ => drop(reader.raw().ok()?),
        }
    }
    reader.end().ok()?;
    match (kind?, curve, alg) {
        (2, Some(1), None | Some(-7 | -9)) => Some(CoseKey::Public(KeyAlg::P256, [&[4], x?, y?].concat())),
        (1, Some(6), None | Some(-8 | -19)) => Some(CoseKey::Public(KeyAlg::Ed25519, x?.to_vec())),
        (4, None, _) => Some(CoseKey::Secret(secret?.to_vec())),
        _ => None,
    }
}

/// The blocks of a PEM file (RFC 7468): label and content.
fn pem(text: &str) -> Vec<(String, Vec<u8>)> {
    let block = |part: &str| {
        let (label, rest) = part.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        let body: String = body.split_whitespace().collect();
        Some((label.to_owned(), STANDARD.decode(body).ok()?))
    };
    text.split("-----BEGIN ").skip(1).filter_map(block).collect()
}

/// The public key of a SubjectPublicKeyInfo, a PKCS#8 or a SEC 1 private key; none for other kinds.
fn from_der(label: &str, der: &[u8]) -> Option<(KeyAlg, Vec<u8>)> {
    if label == "PUBLIC KEY" {
        let key = PublicKey::from_spki(der).ok()?;
        return Some((key.alg(), key.bytes().to_vec()));
    }
    // INTEGER 0 or 1, then an OCTET STRING of 32 bytes, are the secret in both PKCS#8 for Ed25519 and SEC 1 for P-256.
    let (alg, before) = match label {
        "PRIVATE KEY" if find(der, ED25519).is_some() => (KeyAlg::Ed25519, &[0x04, 0x22, 0x04, 0x20][..]),
        "PRIVATE KEY" | "EC PRIVATE KEY" if find(der, PRIME256V1).is_some() => {
            (KeyAlg::P256, &[0x02, 0x01, 0x01, 0x04, 0x20][..])
        }
        _ => return None,
    };
    let secret = der.get(find(der, before)? + before.len()..)?.first_chunk::<32>()?;
    let mut public = vec![0; alg.public_len()];
    PrivateKey::from_bytes(alg, secret).ok()?.public(&mut public).ok()?;
    Some((alg, public))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Object identifiers: 1.2.840.10045.3.1.7 and 1.3.101.112.
const PRIME256V1: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_pem_of_every_kind() {
        let secret = PrivateKey::from_bytes(KeyAlg::P256, &[7; 32]).unwrap();
        let mut public = [0; 65];
        secret.public(&mut public).unwrap();
        let spki = PublicKey::new(KeyAlg::P256, &public).unwrap().spki().concat();
        let sec1 = [&[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20][..], &[7; 32], &[0xA0, 0x0A], PRIME256V1].concat();
        let text = format!(
            "leading words\n-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n\
             -----BEGIN EC PRIVATE KEY-----\r\n{}\r\n-----END EC PRIVATE KEY-----\n\
             -----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            STANDARD.encode(&spki),
            STANDARD.encode(&sec1)
        );
        let keys: Vec<_> = pem(&text).iter().filter_map(|(label, der)| from_der(label, der)).collect();
        assert_eq!(keys, vec![(KeyAlg::P256, public.to_vec()); 2]);
    }
}
