//! The examples of the COSE working group: a JSON file a case, with the message and the keys.
//!
//! `cose-wg-expectations.json` beside or above the folder says which messages must be accepted; a file that it does not
//! list speaks for itself with `fail`. The examples of RFC 9338 are read too, from files named after it.

mod countersign;

mod diagnostic;

use super::{Error, NOT_IN_SUITE, Outcome, Report, Source, files, json};
use aseptic_core::Reason;
use aseptic_core::cose::{ContentKey, CoseAlg, Encrypt, Encrypt0, KdfContext, Mac0, MacKey, RecipientKey, Sign, Sign1};
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, PublicKey};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const EXPECTATIONS: &str = "cose-wg-expectations.json";

/// Some keys of the examples have padding, some have bits left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Runs every case below the folder.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    let expectations = Expectations::find(&source.path)?;
    for path in files(&source.path, |name| name.ends_with(".json") && name != EXPECTATIONS)? {
        run_file(&path, &json(&path)?, expectations.accepts(&path), report);
    }
    for path in files(&source.path, |name| name.starts_with("rfc9338") && name.ends_with(".txt"))? {
        countersign::run_examples(&path, report)?;
    }
    Ok(())
}

/// Runs the case in `file`, which lies at `path`; whether it must be accepted it may say itself.
pub(super) fn run_file(path: &Path, file: &Value, accept: Option<bool>, report: &mut Report) {
    let id = id(path);
    let Some(case) = Case::of(file) else {
        report.case(&id, &[], Outcome::Skip("the file holds no message".into()));
        return;
    };
    let accept = accept.unwrap_or(!case.says_fail());
    let classes = case.classes();
    let outcome = match (accept, classes.is_empty()) {
        (true, _) => Outcome::gives(case.open().as_deref(), &case.plaintext()),
        (false, true) => match case.open() {
            // A case that could not be read has proven nothing.
            Err(refusal @ (Refusal::Unsupported(_) | Refusal::Shape(_))) => Outcome::Fail(refusal.to_string()),
            opened => Outcome::refused(opened),
        },
        // It would be refused without its fault too, so its refusal proves nothing.
        (false, false) => Outcome::Fail("cannot be judged: it uses what the library does not have".into()),
    };
    report.case(&id, &classes.iter().map(String::as_str).collect::<Vec<_>>(), outcome);
}

/// Whether a file's message must be accepted, by the name of its folder and its own.
struct Expectations(HashMap<String, bool>);

impl Expectations {
    fn find(folder: &Path) -> Result<Self, Error> {
        let absolute = folder.canonicalize().map_err(|cause| Error::Unreadable(folder.to_owned(), cause))?;
        let Some(path) = absolute.ancestors().map(|above| above.join(EXPECTATIONS)).find(|path| path.is_file()) else {
            return Ok(Self(HashMap::new()));
        };
        let list = json(&path)?;
        let list = list.as_array().ok_or_else(|| Error::Shape(path.clone(), "no array".into()))?;
        let entry = |entry: &Value| {
            let (file, expect) = (entry["file"].as_str()?, entry["expect"].as_str()?);
            Some((id(Path::new(file)), expect == "accept"))
        };
        let entries = list.iter().map(entry).collect::<Option<_>>();
        entries.map(Self).ok_or_else(|| Error::Shape(path, "an entry lacks `file` or `expect`".into()))
    }

    fn accepts(&self, path: &Path) -> Option<bool> {
        self.0.get(&id(path)).copied()
    }
}

/// Folder and name, which is how the examples are known wherever they lie.
fn id(path: &Path) -> String {
    let parts: PathBuf = path.iter().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    parts.to_string_lossy().into_owned()
}

/// One file.
struct Case<'v> {
    file: &'v Value,
    kind: Kind,
    /// What is said about the message, apart from its plaintext.
    body: &'v Value,
    message: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sign1,
    Sign,
    Mac0,
    Mac,
    Encrypt0,
    Encrypt,
}

const KINDS: [(&str, Kind); 6] = [
    ("sign0", Kind::Sign1),
    ("sign", Kind::Sign),
    ("mac0", Kind::Mac0),
    ("mac", Kind::Mac),
    ("encrypted", Kind::Encrypt0),
    ("enveloped", Kind::Encrypt),
];

impl<'v> Case<'v> {
    fn of(file: &'v Value) -> Option<Self> {
        let message = hex::decode(file["output"]["cbor"].as_str()?).ok()?;
        let (kind, body) = KINDS.iter().find_map(|(name, kind)| Some((*kind, file["input"].get(name)?)))?;
        Some(Self { file, kind, body, message })
    }

    fn says_fail(&self) -> bool {
        self.file["fail"].as_bool().unwrap_or(false)
    }

    fn plaintext(&self) -> Vec<u8> {
        bytes(&self.file["input"], "plaintext").unwrap_or_default()
    }

    /// What the message uses that the library does not have, as the exceptions call it.
    fn classes(&self) -> Vec<String> {
        let mut classes = Vec::new();
        if self.kind == Kind::Mac {
            classes.push("COSE_Mac".to_owned());
        }
        let layers = [&self.body["recipients"], &self.body["signers"]];
        let layers = layers.into_iter().filter_map(Value::as_array).flatten();
        for layer in std::iter::once(self.body).chain(layers) {
            for class in alg_name(layer).and_then(lacking).into_iter().chain(countersign::lacking_of(layer)) {
                classes.extend([class.to_owned(), NOT_IN_SUITE.to_owned()]);
            }
            if self.kind == Kind::Encrypt && !std::ptr::eq(layer, self.body) && layer.get("recipients").is_some() {
                classes.push("nested recipients".to_owned());
            }
            if layer["protected"].get("crit").is_some() {
                classes.push("critical label".to_owned());
            }
            classes.extend(layer["key"]["crv"].as_str().filter(|crv| curve(crv).is_err()).map(str::to_owned));
        }
        classes
    }

    /// Opens or verifies the message with every key of the case, verifies its countersignatures, and gives its content.
    fn open(&self) -> Result<Vec<u8>, Refusal> {
        let content = match self.kind {
            Kind::Sign1 => self.sign1(),
            Kind::Sign => self.sign(),
            Kind::Mac0 => self.mac0(),
            Kind::Encrypt0 => self.encrypt0(),
            Kind::Encrypt => self.encrypt(),
            Kind::Mac => Err(Refusal::Unsupported("COSE_Mac".into())),
        }?;
        countersign::verify(&self.message, self.body)?;
        Ok(content)
    }

    fn sign1(&self) -> Result<Vec<u8>, Refusal> {
        let message = self.parse(Sign1::parse, Sign1::parse_untagged)?;
        let key = public(&self.body["key"])?;
        let plaintext = self.plaintext();
        let detached = message.payload.is_none().then_some(&plaintext[..]);
        message.verify(&suite(), key.key()?, &external(self.body), detached)?;
        Ok(message.payload.map_or(plaintext.clone(), <[u8]>::to_vec))
    }

    fn sign(&self) -> Result<Vec<u8>, Refusal> {
        let message = self.parse(Sign::parse, Sign::parse_untagged)?;
        let signers = self.body["signers"].as_array().ok_or(Refusal::shape("signers"))?;
        let plaintext = self.plaintext();
        let detached = message.payload.is_none().then_some(&plaintext[..]);
        if message.layers().count() != signers.len() {
            return Err(Refusal::shape("signers"));
        }
        for (layer, signer) in message.layers().zip(signers) {
            let key = public(&signer["key"])?;
            message.verify(layer, &suite(), key.key()?, &external(signer), detached)?;
        }
        Ok(message.payload.map_or(plaintext.clone(), <[u8]>::to_vec))
    }

    fn mac0(&self) -> Result<Vec<u8>, Refusal> {
        let message = self.parse(Mac0::parse, Mac0::parse_untagged)?;
        let alg = match self.alg()? {
            "HS256" => HashAlg::Sha256,
            "HS384" => HashAlg::Sha384,
            "HS512" => HashAlg::Sha512,
            other => return Err(Refusal::Unsupported(other.into())),
        };
        let key = secret(&self.body["recipients"][0])?;
        let plaintext = self.plaintext();
        let detached = message.payload.is_none().then_some(&plaintext[..]);
        message.verify(&suite(), &MacKey::new(alg, &key)?, &external(self.body), detached)?;
        Ok(message.payload.map_or(plaintext.clone(), <[u8]>::to_vec))
    }

    fn encrypt0(&self) -> Result<Vec<u8>, Refusal> {
        let message = self.parse(Encrypt0::parse, Encrypt0::parse_untagged)?;
        let key = secret(&self.body["recipients"][0])?;
        let base_iv = self.base_iv();
        let mut key = ContentKey::new(aead(self.alg()?)?, &key)?;
        if let Some(base_iv) = &base_iv {
            key = key.with_base_iv(base_iv);
        }
        let mut out = vec![0; self.message.len()];
        let length = message.open(&suite(), &key, &external(self.body), None, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    /// Opens the message for each of its recipients in turn; all must find the same.
    fn encrypt(&self) -> Result<Vec<u8>, Refusal> {
        let message = self.parse(Encrypt::parse, Encrypt::parse_untagged)?;
        let recipients = self.body["recipients"].as_array().ok_or(Refusal::shape("recipients"))?;
        let mut found: Option<Vec<u8>> = None;
        for recipient in recipients {
            let held = Held::of(recipient)?;
            let context = Unsent::of(recipient);
            let key = held.recipient_key(recipient, self.alg()?)?.with_context(context.kdf());
            let mut out = vec![0; self.message.len()];
            let length = message.open(&suite(), &key, &external(self.body), None, &mut out)?;
            out.truncate(length);
            if found.as_ref().is_some_and(|found| *found != out) {
                return Err(Refusal::shape("recipients"));
            }
            found = Some(out);
        }
        found.ok_or(Refusal::shape("recipients"))
    }

    /// Reads the message with or without its tag: some examples leave it out.
    fn parse<'m, T>(
        &'m self,
        tagged: impl Fn(&'m [u8]) -> Result<T, Reason>,
        untagged: impl Fn(&'m [u8]) -> Result<T, Reason>,
    ) -> Result<T, Refusal> {
        let has_tag = self.message.first().is_some_and(|first| first >> 5 == 6);
        Ok(if has_tag { tagged(&self.message)? } else { untagged(&self.message)? })
    }

    fn alg(&self) -> Result<&'v str, Refusal> {
        alg_name(self.body).ok_or(Refusal::shape("alg"))
    }

    /// The examples give the whole nonce; less the Partial IV it is the Base IV.
    fn base_iv(&self) -> Option<[u8; 12]> {
        let mut base: [u8; 12] = bytes(&self.body["unsent"], "IV")?.try_into().ok()?;
        let partial = bytes(&self.body["unprotected"], "partialIV").unwrap_or_default();
        for (byte, add) in base.iter_mut().rev().zip(partial.iter().rev()) {
            *byte ^= add;
        }
        Some(base)
    }
}

/// Why a message was not opened.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Library(Reason),
    #[error("the library has no {0}")]
    Unsupported(String),
    #[error("the case lacks `{0}`, or it does not fit the message")]
    Shape(&'static str),
}

impl Refusal {
    const fn shape(name: &'static str) -> Self {
        Self::Shape(name)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Library(reason)
    }
}

/// The key of one recipient.
enum Held {
    Secret(Vec<u8>),
    Private(PrivateKey),
}

impl Held {
    fn of(recipient: &Value) -> Result<Self, Refusal> {
        let key = &recipient["key"];
        if key["kty"] == "oct" {
            return secret(recipient).map(Self::Secret);
        }
        let alg = curve(key["crv"].as_str().unwrap_or_default())?;
        let scalar: [u8; 32] = padded(key, "d").ok_or(Refusal::shape("d"))?;
        Ok(Self::Private(PrivateKey::from_bytes(alg, &scalar)?))
    }

    fn recipient_key(&self, recipient: &Value, content: &str) -> Result<RecipientKey<'_>, Refusal> {
        let alg = alg_name(recipient).ok_or(Refusal::shape("alg"))?;
        match (self, alg) {
            (Self::Secret(key), "direct") => Ok(RecipientKey::shared(ContentKey::new(aead(content)?, key)?)),
            (Self::Secret(key), "A128KW" | "A192KW" | "A256KW") => Ok(RecipientKey::wrap(key)?),
            (Self::Private(key), name) => {
                let alg = match name {
                    "ECDH-ES" => CoseAlg::ECDH_ES_HKDF_256,
                    "ECDH-ES-512" => CoseAlg::ECDH_ES_HKDF_512,
                    "ECDH-ES-A128KW" => CoseAlg::ECDH_ES_A128KW,
                    "ECDH-ES-A192KW" => CoseAlg::ECDH_ES_A192KW,
                    "ECDH-ES-A256KW" => CoseAlg::ECDH_ES_A256KW,
                    _ => return Err(Refusal::Unsupported(name.into())),
                };
                Ok(RecipientKey::agree(alg, key)?)
            }
            (Self::Secret(_), name) => Err(Refusal::Unsupported(name.into())),
        }
    }
}

/// What both sides put into the key derivation without sending it.
struct Unsent {
    party_u: [Option<Vec<u8>>; 3],
    party_v: [Option<Vec<u8>>; 3],
    supp_pub_other: Option<Vec<u8>>,
    supp_priv: Option<Vec<u8>>,
}

impl Unsent {
    fn of(recipient: &Value) -> Self {
        let unsent = &recipient["unsent"];
        let party = |names: [&str; 3]| names.map(|name| bytes(unsent, name));
        Self {
            party_u: party(["apu_id", "apu_nonce", "apu_other"]),
            party_v: party(["apv_id", "apv_nonce", "apv_other"]),
            supp_pub_other: bytes(unsent, "pub_other"),
            supp_priv: bytes(unsent, "priv_other"),
        }
    }

    fn kdf(&self) -> KdfContext<'_> {
        KdfContext {
            party_u: self.party_u.each_ref().map(Option::as_deref),
            party_v: self.party_v.each_ref().map(Option::as_deref),
            supp_pub_other: self.supp_pub_other.as_deref(),
            supp_priv: self.supp_priv.as_deref(),
        }
    }
}

/// A public key with its bytes.
struct Public {
    alg: KeyAlg,
    bytes: Vec<u8>,
}

impl Public {
    fn key(&self) -> Result<PublicKey<'_>, Refusal> {
        Ok(PublicKey::new(self.alg, &self.bytes)?)
    }
}

fn public(key: &Value) -> Result<Public, Refusal> {
    if key["kty"] == "HSS-LMS" {
        let bytes = key["public"].as_str().and_then(|key| hex::decode(key).ok()).ok_or(Refusal::shape("public"))?;
        let alg = if bytes.len() == KeyAlg::HssLms192.public_len() { KeyAlg::HssLms192 } else { KeyAlg::HssLms256 };
        return Ok(Public { alg, bytes });
    }
    let alg = curve(key["crv"].as_str().unwrap_or_default())?;
    let x: [u8; 32] = padded(key, "x").ok_or(Refusal::shape("x"))?;
    if alg != KeyAlg::P256 {
        return Ok(Public { alg, bytes: x.to_vec() });
    }
    let y: [u8; 32] = padded(key, "y").ok_or(Refusal::shape("y"))?;
    Ok(Public { alg, bytes: [&[4][..], &x, &y].concat() })
}

fn secret(recipient: &Value) -> Result<Vec<u8>, Refusal> {
    let key = &recipient["key"];
    let text = || BASE64.decode(key["k"].as_str()?).ok();
    bytes_hex(key, "k").or_else(text).ok_or(Refusal::shape("k"))
}

/// Externally supplied data, which the examples give in hexadecimal.
fn external(layer: &Value) -> Vec<u8> {
    layer["external"].as_str().and_then(|text| hex::decode(text).ok()).unwrap_or_default()
}

/// A number of 32 bytes in base64url or hexadecimal, with or without leading zeros.
fn padded(key: &Value, name: &str) -> Option<[u8; 32]> {
    let text = || BASE64.decode(key[name].as_str()?).ok();
    let bytes = bytes_hex(key, name).or_else(text)?;
    let mut out = [0; 32];
    out.get_mut(32_usize.checked_sub(bytes.len())?..)?.copy_from_slice(&bytes);
    Some(out)
}

/// A byte string given as text, or in hexadecimal under the name with `_hex`.
fn bytes(value: &Value, name: &str) -> Option<Vec<u8>> {
    bytes_hex(value, name).or_else(|| Some(value.get(name)?.as_str()?.as_bytes().to_vec()))
}

fn bytes_hex(value: &Value, name: &str) -> Option<Vec<u8>> {
    hex::decode(value.get(format!("{name}_hex"))?.as_str()?).ok()
}

fn alg_name(layer: &Value) -> Option<&str> {
    ["protected", "unprotected", "unsent"].iter().find_map(|map| layer[map]["alg"].as_str()).or(layer["alg"].as_str())
}

fn curve(name: &str) -> Result<KeyAlg, Refusal> {
    match name {
        "P-256" => Ok(KeyAlg::P256),
        "Ed25519" => Ok(KeyAlg::Ed25519),
        "X25519" => Ok(KeyAlg::X25519),
        _ => Err(Refusal::Unsupported(name.into())),
    }
}

fn aead(name: &str) -> Result<AeadAlg, Refusal> {
    match name {
        "A128GCM" => Ok(AeadAlg::Aes128Gcm),
        "A256GCM" => Ok(AeadAlg::Aes256Gcm),
        "ChaCha-Poly1305" | "ChaCha20/Poly1305" => Ok(AeadAlg::ChaCha20Poly1305),
        _ => Err(Refusal::Unsupported(name.into())),
    }
}

/// The class of an algorithm that the library does not have; none if it has it.
fn lacking(alg: &str) -> Option<&str> {
    const HAVE: [&str; 20] = [
        "HSS-LMS",
        "ES256",
        "EdDSA",
        "HS256",
        "HS384",
        "HS512",
        "A128GCM",
        "A256GCM",
        "ChaCha-Poly1305",
        "ChaCha20/Poly1305",
        "direct",
        "A128KW",
        "A192KW",
        "A256KW",
        "ECDH-ES",
        "ECDH-ES-512",
        "ECDH-ES-A128KW",
        "ECDH-ES-A192KW",
        "ECDH-ES-A256KW",
        "Ed25519",
    ];
    const FAMILIES: [&str; 7] = ["AES-CCM", "AES-MAC", "ECDH-SS", "HKDF-AES", "HKDF-HMAC", "RSA-OAEP", "RSA-PSS"];
    if HAVE.contains(&alg) {
        return None;
    }
    FAMILIES.into_iter().find(|family| alg.starts_with(family)).or(Some(alg))
}
