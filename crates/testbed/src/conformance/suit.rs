//! SUIT envelopes: those of the working group, or of anybody who keeps to the draft.
//!
//! Every `*.suit` and `*.cbor` file below the folder that holds tag 107 is a case. One with `unsigned` in its name must be
//! refused for want of a signature; each other must authenticate with one of the keys below the folder of keys (PEM or
//! COSE_Key). Keys printed in specifications are admitted by way of [`danger`], which no device does. An envelope that
//! carries a message authentication code alone passes if the code verifies **and** a device refuses the envelope as
//! [`Reason::SignatureByDevice`]. What such a manifest says is then planned by a device that is made for it, and noted.
//!
//! A COSE_Encrypt (tag 96) is the encryption info of an encrypted payload, which lies beside it: `...-info-NAME.cbor` and
//! `...payload-NAME.bin`. It passes if a device with one of the secrets or private keys installs the payload, and its plaintext
//! is what the tag proves, or, without a tag, what another case says. A COSE_Key passes if it is read whole, and if its private
//! part, where it has one, belongs to its public part.

mod encrypted;

use super::{Error, Outcome, Report, Source, files};
use aseptic_core::cbor::{Key, Reader, Rules, Type};
use aseptic_core::cose::{Mac0, MacKey, RecipientKey, Sign1};
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey};
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_update::{Authentic, Component, Device, Envelope, Target, payload_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::{Path, PathBuf};

/// The secret of the examples with a message authentication code.
const EXAMPLE_MAC_KEY: [u8; 32] = [b'a'; 32];

/// Judges every envelope below the folder.
pub(super) fn run(source: &Source, report: &mut Report) -> std::result::Result<(), Error> {
    let keys = Keys::below(source.keys.as_deref().unwrap_or(&source.path))?;
    let paths = files(&source.path, |name| name.ends_with(".suit") || name.ends_with(".cbor"))?;
    let read = |path: &Path| fs::read(path).map_err(|cause| Error::Unreadable(path.to_owned(), cause));
    let mut cases = Vec::new();
    for path in paths {
        let bytes = read(&path)?;
        cases.push((path, bytes));
    }
    let tag = |bytes: &[u8]| Reader::new(bytes, Rules::Received).tag();
    // Plaintexts that a tag has proven.
    let mut proven = Vec::new();
    for (path, info) in cases.iter().filter(|(_, bytes)| tag(bytes) == Ok(96)) {
        if let Some(payload) = beside(path).and_then(|path| fs::read(path).ok())
            && let Ok(plain) = keys.plaintext(info, &payload)
            && plain.len() < payload.len()
        {
            proven.push(plain);
        }
    }
    for (path, bytes) in cases {
        let id = path.strip_prefix(&source.path).unwrap_or(&path).to_string_lossy().into_owned();
        let outcome = match tag(&bytes) {
            Ok(107) => keys.envelope(&path, &bytes, report),
            Ok(96) => match beside(&path).map(|path| read(&path)).transpose()? {
                Some(payload) => keys.encrypted(&bytes, &payload, &proven),
                None => Outcome::Skip("no encrypted payload lies beside the encryption info".into()),
            },
            _ => match cose_key(&bytes) {
                Some(key) => key.outcome(),
                None => Outcome::Skip(
                    "the file is no SUIT envelope, no COSE_Encrypt and no COSE_Key of a known kind".into(),
                ),
            },
        };
        report.case(&id, &[], outcome);
    }
    Ok(())
}

/// The encrypted payload of an encryption info.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(".cbor")?;
    let (_, case) = name.split_once("-info-")?;
    let mut found = fs::read_dir(path.parent()?).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let end = format!("payload-{case}.bin");
    found.find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(&end)))
}

/// What lies below the folder of keys.
struct Keys {
    public: Vec<(KeyAlg, Vec<u8>)>,
    secret: Vec<Vec<u8>>,
    private: Vec<PrivateKey>,
}

impl Keys {
    fn below(folder: &Path) -> std::result::Result<Self, Error> {
        let mut keys = Self { public: Vec::new(), secret: vec![EXAMPLE_MAC_KEY.to_vec()], private: Vec::new() };
        for path in files(folder, |_| true)? {
            let bytes = fs::read(&path).map_err(|cause| Error::Unreadable(path.clone(), cause))?;
            if let Ok(text) = std::str::from_utf8(&bytes)
                && text.contains("-----BEGIN ")
            {
                keys.public.extend(pem(text).iter().filter_map(|(label, der)| from_der(label, der)));
            } else if let Some(key) = cose_key(&bytes) {
                keys.private.extend(key.private());
                match key {
                    CoseKey::Pair { alg, public, signs: true, .. } => keys.public.push((alg, public)),
                    CoseKey::Pair { .. } => {}
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

    fn envelope(&self, path: &Path, bytes: &[u8], report: &mut Report) -> Outcome {
        let unsigned = path.file_name().is_some_and(|name| name.to_string_lossy().contains("unsigned"));
        match (unsigned, self.authenticate(bytes)) {
            (true, Err(Reason::ManifestUnsigned)) => Outcome::Pass,
            (false, Ok(planned)) => {
                report.note(&match planned {
                    Ok(()) => "authentic manifests that a device made for them plans".into(),
                    Err(reason) => format!("authentic manifests outside of the profile: {reason}"),
                });
                Outcome::Pass
            }
            (true, Ok(_)) => Outcome::Fail("accepted, must be refused for want of a signature".into()),
            (false, Err(Reason::SignatureByDevice)) if self.authenticate_mac(bytes) => {
                report.note("envelopes with a valid message authentication code, which a device refuses");
                Outcome::Pass
            }
            (_, Err(reason)) => Outcome::Fail(reason.to_string()),
        }
    }

    fn encrypted(&self, info: &[u8], payload: &[u8], proven: &[Vec<u8>]) -> Outcome {
        let plain = match self.plaintext(info, payload) {
            Ok(plain) => plain,
            Err(reason) => return Outcome::Fail(reason.to_string()),
        };
        if plain.len() == payload.len() && !proven.contains(&plain) {
            return Outcome::Skip("nothing says what the plaintext of counter mode is".into());
        }
        match self.with(|keys| encrypted::install(info, payload, &plain, keys)) {
            Ok(()) => Outcome::Pass,
            Err(reason) => Outcome::Fail(reason.to_string()),
        }
    }

    fn plaintext(&self, info: &[u8], payload: &[u8]) -> Result<Vec<u8>> {
        self.with(|keys| encrypted::plaintext(info, payload, keys))
    }

    /// Runs `body` with every key that may open a payload.
    fn with<T>(&self, body: impl FnOnce(&[RecipientKey<'_>]) -> Result<T>) -> Result<T> {
        let secrets = self.secret.iter().filter_map(|secret| RecipientKey::wrap(secret).ok());
        let private = self.private.iter().map(|key| payload_key(key)).collect::<Result<Vec<_>>>()?;
        body(&secrets.chain(private).collect::<Vec<_>>())
    }

    /// As a device does that trusts all of these keys, whatever name the envelope calls them by.
    fn authenticate(&self, bytes: &[u8]) -> Result<Result<()>> {
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
                Ok(authentic) => return Ok(plan(&authentic)),
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

/// Plans the manifest as a device does that is of its vendor and class and has its components.
fn plan(authentic: &Authentic<'_>) -> Result<()> {
    let parts = made_for(authentic.manifest()).ok_or(Reason::ManifestUnsupported)?;
    let ids: Vec<Vec<&[u8]>> = parts.components.iter().map(|id| id.iter().map(Vec::as_slice).collect()).collect();
    let room = 1 << 32;
    let components: Vec<_> =
        (0..).zip(&ids).map(|(at, id)| Component { id, offset: at * room, length: room }).collect();
    let device = Device::new(parts.vendor, parts.class, &components);
    let geometry = Geometry { size: 1 << 62, erase_size: 1, write_size: 1 };
    authentic.plan(&suite(), &device, 0, Target { slot: ImageSlot::B, geometry }).map(drop)
}

struct Made {
    vendor: [u8; 16],
    class: [u8; 16],
    components: Vec<Vec<Vec<u8>>>,
}

/// Vendor and class of the first parameters of the shared sequence that have both, and the components.
fn made_for(manifest: &[u8]) -> Option<Made> {
    let mut reader = Reader::new(manifest, Rules::Received);
    let common = value(&mut reader, 3)?;
    let common = Reader::new(common, Rules::Received).bytes().ok()?;
    let mut list = Reader::new(value(&mut Reader::new(common, Rules::Received), 2)?, Rules::Received);
    let mut components = Vec::new();
    for _ in 0..list.array().ok()? {
        let count = list.array().ok()?;
        components.push((0..count).map(|_| list.bytes().map(<[u8]>::to_vec)).collect::<Result<_>>().ok()?);
    }
    let shared = value(&mut Reader::new(common, Rules::Received), 4)?;
    let mut shared = Reader::new(Reader::new(shared, Rules::Received).bytes().ok()?, Rules::Received);
    for _ in 0..shared.array().ok()? / 2 {
        let command = shared.int().ok()?;
        let argument = shared.raw().ok()?;
        let parameter = |key| {
            let raw = value(&mut Reader::new(argument, Rules::Received), key)?;
            Reader::new(raw, Rules::Received).bytes().ok()?.try_into().ok()
        };
        if command == 20
            && let (Some(vendor), Some(class)) = (parameter(1), parameter(2))
        {
            return Some(Made { vendor, class, components });
        }
    }
    None
}

/// The encoded value under a key of a map.
fn value<'a>(reader: &mut Reader<'a>, wanted: i64) -> Option<&'a [u8]> {
    let mut map = reader.map().ok()?;
    while let Some(key) = map.next(reader).ok()? {
        let raw = reader.raw().ok()?;
        if key == Key::Int(wanted) {
            return Some(raw);
        }
    }
    None
}

/// A key file in CBOR (RFC 9052 section 7).
enum CoseKey {
    Pair { alg: KeyAlg, public: Vec<u8>, private: Option<Vec<u8>>, signs: bool },
    Secret(Vec<u8>),
}

impl CoseKey {
    fn private(&self) -> Option<PrivateKey> {
        let Self::Pair { alg, private: Some(private), .. } = self else { return None };
        PrivateKey::from_bytes(*alg, private.first_chunk()?).ok()
    }

    fn outcome(&self) -> Outcome {
        let Self::Pair { alg, public, private, .. } = self else { return Outcome::Pass };
        let mut own = vec![0; alg.public_len()];
        let belongs = match (self.private(), private) {
            (Some(key), _) => key.public(&mut own).is_ok() && own == *public,
            (None, private) => private.is_none(),
        };
        match PublicKey::new(*alg, public) {
            Ok(_) if belongs => Outcome::Pass,
            Ok(_) => Outcome::Fail("the private key is not that of the public one".into()),
            Err(reason) => Outcome::Fail(reason.to_string()),
        }
    }
}

fn cose_key(bytes: &[u8]) -> Option<CoseKey> {
    let mut reader = Reader::new(bytes, Rules::Received);
    let mut map = reader.map().ok()?;
    let (mut kind, mut curve, mut alg) = (None, None, None);
    let (mut x, mut y, mut d, mut secret) = (None, None, None, None);
    while let Some(key) = map.next(&mut reader).ok()? {
        match (key, reader.peek().ok()?) {
            (Key::Int(1), Type::Unsigned) => kind = Some(reader.int().ok()?),
            (Key::Int(3), Type::Unsigned | Type::Negative) => alg = Some(reader.int().ok()?),
            (Key::Int(-1), Type::Unsigned) => curve = Some(reader.int().ok()?),
            (Key::Int(-1), Type::Bytes) => secret = Some(reader.bytes().ok()?),
            (Key::Int(-2), Type::Bytes) => x = Some(reader.bytes().ok()?),
            (Key::Int(-3), Type::Bytes) => y = Some(reader.bytes().ok()?),
            (Key::Int(-4), Type::Bytes) => d = Some(reader.bytes().ok()?.to_vec()),
            _ => drop(reader.raw().ok()?),
        }
    }
    reader.end().ok()?;
    let signs = alg.is_none_or(|alg| (-19..=-7).contains(&alg));
    let pair = |alg, public| Some(CoseKey::Pair { alg, public, private: d, signs });
    match (kind?, curve, alg) {
        (2, Some(1), None | Some(-7 | -9 | -31..=-25)) => pair(KeyAlg::P256, [&[4], x?, y?].concat()),
        (1, Some(6), None | Some(-8 | -19)) => pair(KeyAlg::Ed25519, x?.to_vec()),
        (1, Some(4), None | Some(-31..=-25)) => pair(KeyAlg::X25519, x?.to_vec()),
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
