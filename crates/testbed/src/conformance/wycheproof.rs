//! Project Wycheproof: a JSON file an algorithm, groups of cases with traps for implementers.
//!
//! `valid` must give the result of the file, `invalid` must be refused, `acceptable` may do either but gives no other
//! result than the file's.

use super::{Error, NOT_IN_SUITE, Outcome, Report, Source, files, json};
use aseptic_core::Reason;
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, Parts, PublicKey, Suite, soft};
use aseptic_core::platform::{Entropy, Fault, Outcome as Filled};
use aseptic_core::secret::Secret;
use serde_json::Value;

/// Runs every file below the folder on the soft suite.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    run_on(&soft::suite(), source, report)
}

/// Runs every file below the folder on `suite`.
pub(super) fn run_on(suite: &Suite<'_>, source: &Source, report: &mut Report) -> Result<(), Error> {
    for path in files(&source.path, |name| name.ends_with("_test.json") || name.ends_with("_test.json.gz"))? {
        let file = json(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shape = |detail: &str| Error::Shape(path.clone(), detail.to_owned());
        let algorithm = file["algorithm"].as_str().ok_or_else(|| shape("no `algorithm`"))?;
        for group in file["testGroups"].as_array().ok_or_else(|| shape("no `testGroups`"))? {
            let engine = Engine::of(algorithm, group);
            for test in group["tests"].as_array().ok_or_else(|| shape("no `tests`"))? {
                let case = Case { suite, group, test };
                let id = format!("{name}#{}", test["tcId"]);
                match engine {
                    Some(engine) => {
                        let (got, wanted) = engine.run(case).ok_or_else(|| shape(&id))?;
                        let outcome = judge(case, got, &wanted, report).ok_or_else(|| shape(&id))?;
                        report.case(&id, &case.classes(engine), outcome);
                    }
                    None => {
                        let class = lacking(algorithm, group);
                        let outcome = Outcome::Fail(format!("the library has no {class}"));
                        report.case(&id, &[&class, NOT_IN_SUITE], outcome);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The algorithms that the library has.
#[derive(Clone, Copy)]
enum Engine {
    Aead(AeadAlg),
    KeyWrap,
    Agree(KeyAlg),
    Verify(KeyAlg),
    Hkdf(HashAlg),
    Hmac(HashAlg),
}

/// What came out of a case, and what the file says.
type Pair = (Result<Vec<u8>, Reason>, Vec<u8>);

impl Engine {
    fn of(algorithm: &str, group: &Value) -> Option<Self> {
        let kind = group["type"].as_str().unwrap_or_default();
        match (algorithm, kind, curve(group), group["keySize"].as_u64()) {
            ("AES-GCM", _, _, Some(128)) => Some(Self::Aead(AeadAlg::Aes128Gcm)),
            ("AES-GCM", _, _, Some(256)) => Some(Self::Aead(AeadAlg::Aes256Gcm)),
            ("CHACHA20-POLY1305", ..) => Some(Self::Aead(AeadAlg::ChaCha20Poly1305)),
            ("AES-WRAP", ..) => Some(Self::KeyWrap),
            ("ECDH", "EcdhEcpointTest", "secp256r1", _) => Some(Self::Agree(KeyAlg::P256)),
            ("XDH", "XdhComp", "curve25519", _) => Some(Self::Agree(KeyAlg::X25519)),
            ("ECDSA", "EcdsaP1363Verify", "secp256r1", _) if group["sha"] == "SHA-256" => {
                Some(Self::Verify(KeyAlg::P256))
            }
            ("EDDSA", "EddsaVerify", "edwards25519", _) => Some(Self::Verify(KeyAlg::Ed25519)),
            ("HKDF-SHA-256", ..) => Some(Self::Hkdf(HashAlg::Sha256)),
            ("HKDF-SHA-384", ..) => Some(Self::Hkdf(HashAlg::Sha384)),
            ("HKDF-SHA-512", ..) => Some(Self::Hkdf(HashAlg::Sha512)),
            ("HMACSHA256", ..) => Some(Self::Hmac(HashAlg::Sha256)),
            ("HMACSHA384", ..) => Some(Self::Hmac(HashAlg::Sha384)),
            ("HMACSHA512", ..) => Some(Self::Hmac(HashAlg::Sha512)),
            _ => None,
        }
    }

    /// Runs the case; none if the file lacks a field.
    fn run(self, case: Case<'_>) -> Option<Pair> {
        match self {
            Self::Aead(alg) => Some((aead(alg, case)?, case.hex("msg")?)),
            Self::KeyWrap => Some((key_wrap(case)?, case.hex("msg")?)),
            Self::Agree(alg) => Some((agree(alg, case)?, case.hex("shared")?)),
            Self::Verify(alg) => Some((verify(alg, case)?, Vec::new())),
            Self::Hkdf(alg) => Some((hkdf(alg, case)?, case.hex("okm")?)),
            Self::Hmac(alg) => Some((hmac(alg, case)?, case.hex("tag")?)),
        }
    }
}

#[derive(Clone, Copy)]
struct Case<'v> {
    suite: &'v Suite<'v>,
    group: &'v Value,
    test: &'v Value,
}

impl Case<'_> {
    fn hex(&self, name: &str) -> Option<Vec<u8>> {
        hex::decode(self.test[name].as_str()?).ok()
    }

    /// What a valid case uses that the library does not have.
    fn classes(&self, engine: Engine) -> Vec<&'static str> {
        let other = |field: &str, size: u64| self.group[field].as_u64().is_some_and(|bits| bits != size);
        match engine {
            Engine::Aead(_) if self.test["result"] == "valid" && other("ivSize", 96) => vec!["nonce not of 96 bits"],
            Engine::Aead(_) if self.test["result"] == "valid" && other("tagSize", 128) => vec!["tag not of 128 bits"],
            _ => Vec::new(),
        }
    }
}

/// None if the file says neither valid, invalid nor acceptable.
fn judge(case: Case<'_>, got: Result<Vec<u8>, Reason>, wanted: &[u8], report: &mut Report) -> Option<Outcome> {
    Some(match case.test["result"].as_str()? {
        "valid" => Outcome::gives(got.as_deref(), wanted),
        "invalid" => Outcome::refused(got),
        "acceptable" => match got {
            Ok(got) => {
                report.note("acceptable cases were accepted");
                Outcome::gives(Ok::<_, Reason>(&got[..]), wanted)
            }
            Err(_) => {
                report.note("acceptable cases were refused");
                Outcome::Pass
            }
        },
        _ => return None,
    })
}

/// Opens; for what opens, sealing must give the same again.
fn aead(alg: AeadAlg, case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let (key, aad, message) = (case.hex("key")?, case.hex("aad")?, case.hex("msg")?);
    let (Ok(nonce), Ok(tag)) = (case.hex("iv")?.try_into(), case.hex("tag")?.try_into()) else {
        return Some(Err(Reason::CoseHeader));
    };
    let sealed = case.hex("ct")?;
    Some(case.suite.aead(alg).and_then(|aead| {
        let mut opened = sealed.clone();
        aead.open(&key, &nonce, &aad, &mut opened, &tag)?;
        let (mut data, mut made) = (message, [0; 16]);
        aead.seal(&key, &nonce, &aad, &mut data, &mut made)?;
        if data == sealed && made == tag { Ok(opened) } else { Err(Reason::Internal) }
    }))
}

/// Unwraps; for what unwraps, wrapping must give the same again.
fn key_wrap(case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let (kek, wrapped) = (case.hex("key")?, case.hex("ct")?);
    Some(case.suite.key_wrap().and_then(|wrap| {
        let mut key = vec![0; wrapped.len()];
        let length = wrap.unwrap(&kek, &wrapped, &mut key)?;
        key.truncate(length);
        let mut again = vec![0; wrapped.len()];
        wrap.wrap(&kek, &key, &mut again)?;
        if again == wrapped { Ok(key) } else { Err(Reason::Internal) }
    }))
}

fn agree(alg: KeyAlg, case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let private = case.hex("private")?;
    // Numbers come with and without leading zeros.
    let digits = &private[private.len().saturating_sub(32)..];
    let mut scalar = [0; 32];
    scalar[32 - digits.len()..].copy_from_slice(digits);
    let peer = case.hex("public")?;
    Some(case.suite.agreement(alg).and_then(|agreement| {
        let mut shared = Secret::zeroed();
        agreement.ephemeral(&Given(scalar), &peer, &mut [0; 65], &mut shared)?;
        Ok(shared.expose().to_vec())
    }))
}

/// A source that gives the private key of the case, which a suite takes for its ephemeral one.
struct Given([u8; 32]);

impl Entropy for Given {
    fn fill(&self, out: &mut [u8]) -> Filled<()> {
        *out.first_chunk_mut().ok_or(Fault::Full)? = self.0;
        Ok(())
    }
}

fn verify(alg: KeyAlg, case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let key = &case.group["publicKey"];
    let key = hex::decode(key["uncompressed"].as_str().or(key["pk"].as_str())?).ok()?;
    let (message, signature) = (case.hex("msg")?, case.hex("sig")?);
    let verified =
        PublicKey::new(alg, &key).and_then(|key| case.suite.verify(key, &mut Parts(&[&message]), &signature));
    Some(verified.map(|()| Vec::new()))
}

fn hkdf(alg: HashAlg, case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let mut out = vec![0; usize::try_from(case.test["size"].as_u64()?).ok()?];
    let (secret, salt, info) = (case.hex("ikm")?, case.hex("salt")?, case.hex("info")?);
    let derived = case.suite.kdf(alg).and_then(|kdf| kdf.derive(&salt, &secret, &[&info], &mut out));
    Some(derived.map(|()| out))
}

/// The code, cut to the length of the file's; a case of a wrong code is refused by comparing.
fn hmac(alg: HashAlg, case: Case<'_>) -> Option<Result<Vec<u8>, Reason>> {
    let (key, message, tag) = (case.hex("key")?, case.hex("msg")?, case.hex("tag")?);
    let mut code = [0; 64];
    let made = case.suite.mac(alg).and_then(|mac| mac.mac(&key, &mut Parts(&[&message]), &mut code));
    Some(made.and_then(|()| {
        let code = &code[..alg.digest_len()];
        if code.starts_with(&tag) && !tag.is_empty() { Ok(tag) } else { Err(Reason::MacInvalid) }
    }))
}

fn curve(group: &Value) -> &str {
    group["curve"].as_str().or(group["publicKey"]["curve"].as_str()).unwrap_or_default()
}

/// The class of what the library does not have: the algorithm, with its curve or key size where others of it are there.
fn lacking(algorithm: &str, group: &Value) -> String {
    match (algorithm, curve(group)) {
        ("AES-GCM", _) => format!("AES-GCM with keys of {} bits", group["keySize"]),
        (_, "") => algorithm.to_owned(),
        (_, curve) => format!("{algorithm} on {curve}"),
    }
}
