//! Every kind of COSE message that core writes and reads, and those that messaging countersigns, with pycose, cwt and
//! pyca/cryptography on the other side.

use crate::{folder, python};
use aseptic_core::Result;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{
    ContentKey, CoseAlg, Encrypt, Encrypt0, Headers, Mac0, MacKey, RecipientKey, SealTo, Sealer, Sign, Sign1, Signer,
    Structure, mac0, sign, sign1,
};
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, soft};
use aseptic_hosted::crypto::MlDsaKey;
use aseptic_messaging::{Countersigned, countersign};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::KeyPair;
use serde_json::{Value, json};
use std::fs;

const PAYLOAD: &[u8] = b"written in Rust";
const SHARED: [u8; 32] = [0x5E; 32];
/// The private keys of [`KeyPair::new`].
const P256: u8 = 1;
const ED25519: u8 = 2;
const AGREE: u8 = 3;
const X25519: u8 = 4;
/// The seed of ML-DSA (FIPS 204 algorithm 6).
const ML_DSA: u8 = 5;

struct Keys {
    p256: KeyPair,
    ed25519: KeyPair,
    agree: KeyPair,
    x25519: KeyPair,
    ml_dsa: MlDsaKey,
}

impl Keys {
    fn new() -> Self {
        Self {
            p256: KeyPair::new(KeyAlg::P256, P256),
            ed25519: KeyPair::new(KeyAlg::Ed25519, ED25519),
            agree: KeyPair::new(KeyAlg::P256, AGREE),
            x25519: KeyPair::new(KeyAlg::X25519, X25519),
            // RFC 9881 section 6: a seed alone.
            ml_dsa: MlDsaKey::from_pkcs8(
                &[&hex::decode("3034020100300B06096086480165030403110422").unwrap()[..], &[0x80, 32], &[ML_DSA; 32]]
                    .concat(),
            )
            .unwrap(),
        }
    }

    fn told(&self) -> Value {
        let (p256, agree) = (self.p256.public(), self.agree.public());
        let part = |bytes: &[u8], from: usize| hex::encode(&bytes[from..from + 32]);
        json!({
            "shared": hex::encode(SHARED),
            "p256-x": part(p256.bytes(), 1), "p256-y": part(p256.bytes(), 33), "p256-d": hex::encode([P256; 32]),
            "agree-x": part(agree.bytes(), 1), "agree-y": part(agree.bytes(), 33), "agree-d": hex::encode([AGREE; 32]),
            "x25519-x": part(self.x25519.public().bytes(), 0), "x25519-d": hex::encode([X25519; 32]),
            "ml-dsa": hex::encode(self.ml_dsa.public().unwrap().bytes()), "ml-dsa-seed": hex::encode([ML_DSA; 32]),
            "ed25519-x": part(self.ed25519.public().bytes(), 0), "ed25519-d": hex::encode([ED25519; 32]),
        })
    }
}

fn made(write: impl FnOnce(&mut [u8]) -> Result<usize>) -> String {
    let mut out = vec![0; 4096];
    let length = write(&mut out).unwrap();
    hex::encode(&out[..length])
}

/// What authors do for updates: core's own writers sign with what devices have.
fn by_ml_dsa(key: &MlDsaKey, out: &mut [u8]) -> Result<usize> {
    let (mut protected, mut signature) = ([0; 16], [0; 2420]);
    let body = Headers::default().protected(CoseAlg::ML_DSA_44, &mut protected)?;
    let structure = Structure { context: "Signature1", body, layer: None, aad: &[], payload: PAYLOAD, other: None };
    structure.with(|message| key.sign(message, &mut signature))?;
    let mut writer = Writer::new(out);
    writer.tag(18).array(4).bytes(body).map(0).bytes(PAYLOAD).bytes(&signature);
    writer.finish().map(|written| written.len())
}

/// Two hops of one relay.
fn carried(message: &str, keys: &Keys) -> String {
    let hop = Headers { kid: Some(b"ed25519"), ..Headers::default() };
    let once = made(|out| countersign(&keys.ed25519.private, &hop, &hex::decode(message).unwrap(), &[], out));
    made(|out| countersign(&keys.ed25519.private, &hop, &hex::decode(once).unwrap(), &[], out))
}

/// The kinds that are countersigned as well, and of what they are made.
const COUNTER: [(&str, &str); 5] = [
    ("counter-sign1", "sign1-p256"),
    ("counter-sign", "sign"),
    ("counter-mac0", "mac0"),
    ("counter-encrypt0", "encrypt0-gcm"),
    ("counter-encrypt", "encrypt-wrap"),
];

/// One message of each kind.
fn ours(keys: &Keys) -> Vec<(&'static str, String)> {
    let (suite, bench) = (soft::suite(), Bench::new(1));
    let sealer = Sealer { suite: &suite, entropy: &bench };
    let none = Headers::default();
    let named = |kid| Headers { kid: Some(kid), ..Headers::default() };
    let mac = MacKey::new(HashAlg::Sha256, &SHARED).unwrap();
    let shared = |alg| ContentKey::new(alg, &SHARED).unwrap();
    let encrypt =
        |alg, to: SealTo<'_>| made(|out| sealer.encrypt(alg, &none, std::slice::from_ref(&to), PAYLOAD, &[], out));
    let both: [(&dyn aseptic_core::cose::Signer, Headers<'_>); 2] =
        [(&keys.p256.private, named(b"p256")), (&keys.ed25519.private, named(b"ed25519"))];
    let mut all = vec![
        ("sign1-p256", made(|out| sign1(&keys.p256.private, &named(b"p256"), PAYLOAD, false, &[], out))),
        ("sign1-ed25519", made(|out| sign1(&keys.ed25519.private, &named(b"ed25519"), PAYLOAD, false, &[], out))),
        ("sign", made(|out| sign(&both, PAYLOAD, false, &[], out))),
        ("mac0", made(|out| mac0(&suite, &mac, &named(b"kid"), PAYLOAD, false, &[], out))),
        ("encrypt0-gcm", made(|out| sealer.encrypt0(&shared(AeadAlg::Aes256Gcm), &named(b"kid"), PAYLOAD, &[], out))),
        (
            "encrypt0-chacha",
            made(|out| sealer.encrypt0(&shared(AeadAlg::ChaCha20Poly1305), &named(b"kid"), PAYLOAD, &[], out)),
        ),
        ("encrypt-wrap", encrypt(AeadAlg::Aes256Gcm, SealTo::wrap(b"kid", &SHARED[..16]))),
        ("encrypt-agree", encrypt(AeadAlg::Aes128Gcm, SealTo::agree(b"agree", keys.agree.public()))),
        ("encrypt-agree-direct", encrypt(AeadAlg::Aes256Gcm, SealTo::agree_direct(b"agree", keys.agree.public()))),
        ("encrypt-direct", encrypt(AeadAlg::Aes256Gcm, SealTo::shared(b"kid", &SHARED))),
        ("encrypt-x25519", encrypt(AeadAlg::Aes128Gcm, SealTo::agree(b"x25519", keys.x25519.public()))),
        ("encrypt-x25519-direct", encrypt(AeadAlg::Aes256Gcm, SealTo::agree_direct(b"x25519", keys.x25519.public()))),
        ("sign1-ml-dsa", made(|out| by_ml_dsa(&keys.ml_dsa, out))),
    ];
    for (counter, of) in COUNTER {
        let (_, message) = all.iter().find(|(kind, _)| *kind == of).unwrap();
        all.push((counter, carried(message, keys)));
    }
    all
}

/// The payload of a message of this kind.
fn read(kind: &str, message: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    // As the soft suite, and ML-DSA.
    let suite = aseptic_hosted::crypto::suite();
    let mut out = vec![0; 4096];
    let opened = |length: Result<usize>, out: &[u8]| length.map(|length| out[..length].to_vec());
    let encrypt0 =
        |alg, out: &mut [u8]| Encrypt0::parse(message)?.open(&suite, &ContentKey::new(alg, &SHARED)?, &[], None, out);
    let encrypt = |key: RecipientKey<'_>, out: &mut [u8]| Encrypt::parse(message)?.open(&suite, &key, &[], None, out);
    if let Some((_, of)) = COUNTER.iter().find(|(counter, _)| *counter == kind) {
        let carried = Countersigned::parse(message)?;
        assert_eq!(carried.countersignatures().count(), 2);
        for hop in carried.countersignatures() {
            assert_eq!(hop.header.kid, Some(&b"ed25519"[..]));
            hop.verify(&suite, keys.ed25519.public(), &[])?;
        }
        return read(of, message, keys);
    }
    match kind {
        "sign1-p256" | "sign1-ed25519" => {
            let key = if kind == "sign1-p256" { &keys.p256 } else { &keys.ed25519 };
            let message = Sign1::parse(message)?;
            message.verify(&suite, key.public(), &[], None)?;
            Ok(message.payload.unwrap_or_default().to_vec())
        }
        "sign1-ml-dsa" => {
            let message = Sign1::parse(message)?;
            message.verify(&suite, keys.ml_dsa.public()?, &[], None)?;
            Ok(message.payload.unwrap_or_default().to_vec())
        }
        "sign" => {
            let message = Sign::parse(message)?;
            let layers: Vec<_> = message.layers().collect();
            assert_eq!(layers.len(), 2);
            for (layer, key) in layers.into_iter().zip([&keys.p256, &keys.ed25519]) {
                message.verify(layer, &suite, key.public(), &[], None)?;
            }
            Ok(message.payload.unwrap_or_default().to_vec())
        }
        "mac0" => {
            let message = Mac0::parse(message)?;
            message.verify(&suite, &MacKey::new(HashAlg::Sha256, &SHARED)?, &[], None)?;
            Ok(message.payload.unwrap_or_default().to_vec())
        }
        "encrypt0-gcm" => opened(encrypt0(AeadAlg::Aes256Gcm, &mut out), &out),
        "encrypt0-chacha" => opened(encrypt0(AeadAlg::ChaCha20Poly1305, &mut out), &out),
        "encrypt-wrap" => opened(encrypt(RecipientKey::wrap(&SHARED[..16])?, &mut out), &out),
        "encrypt-direct" => {
            opened(encrypt(RecipientKey::shared(ContentKey::new(AeadAlg::Aes256Gcm, &SHARED)?), &mut out), &out)
        }
        _ => {
            let alg = if kind.ends_with("-direct") { CoseAlg::ECDH_ES_HKDF_256 } else { CoseAlg::ECDH_ES_A128KW };
            let key = if kind.starts_with("encrypt-x25519") { &keys.x25519 } else { &keys.agree };
            opened(encrypt(RecipientKey::agree(alg, &key.private)?, &mut out), &out)
        }
    }
}

/// Runs the script on a file with these contents.
fn script(name: &str, mode: &str, told: &Value) -> Option<Value> {
    let folder = folder(name);
    let path = folder.join("told.json");
    fs::write(&path, told.to_string()).unwrap();
    let printed = python("cose.py", &[mode, path.to_str().unwrap()]);
    fs::remove_dir_all(&folder).unwrap();
    printed.map(|printed| serde_json::from_str(&printed).unwrap())
}

#[test]
fn pycose_and_cwt_read_what_we_write() {
    let keys = Keys::new();
    let ours = ours(&keys);
    for (kind, message) in &ours {
        assert_eq!(read(kind, &hex::decode(message).unwrap(), &keys).unwrap(), PAYLOAD, "{kind}");
    }
    let messages: Vec<_> = ours.iter().map(|(kind, message)| json!({ "kind": kind, "message": message })).collect();
    let Some(found) = script("cose-ours", "read", &json!({ "keys": keys.told(), "messages": messages })) else {
        return;
    };
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), ours.len());
    for entry in found {
        let by = entry["found"].as_object().unwrap();
        assert!(!by.is_empty() && by.values().all(|payload| *payload == hex::encode(PAYLOAD)), "{entry}");
        println!("{} read by {}", entry["kind"], by.keys().cloned().collect::<Vec<_>>().join(" and "));
        // Each library reads it, or the script says why it does not.
        let unread = entry["unread"].as_object().unwrap();
        for tool in ["pycose", "cwt"] {
            let reads = by.keys().any(|by| by.starts_with(tool));
            assert!(reads != unread.contains_key(tool), "{tool}: {entry}");
        }
        unread.iter().for_each(|(tool, why)| println!("{} not read by {tool}, which {why}", entry["kind"]));
    }
}

#[test]
fn we_read_what_pycose_and_cwt_write() {
    let keys = Keys::new();
    let Some(theirs) = script("cose-theirs", "write", &json!({ "keys": keys.told() })) else { return };
    let (theirs, unwritten) = (theirs["made"].as_array().unwrap(), &theirs["unwritten"]);
    for entry in theirs {
        let (kind, tool) = (entry["kind"].as_str().unwrap(), entry["tool"].as_str().unwrap());
        let message = hex::decode(entry["message"].as_str().unwrap()).unwrap();
        assert_eq!(read(kind, &message, &keys).unwrap(), b"written in Python", "{kind} by {tool}");
        let last = message.len() - 1;
        let forged = [&message[..last], &[message[last] ^ 1]].concat();
        assert!(read(kind, &forged, &keys).is_err(), "{kind} by {tool}");
    }
    let kinds: std::collections::BTreeSet<_> = theirs.iter().map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds.len(), 13 + COUNTER.len());
    println!("{} messages of {} kinds read", theirs.len(), kinds.len());
    // Each library makes it, or the script says why it does not.
    for kind in kinds.into_iter().flatten() {
        for tool in ["pycose", "cwt"] {
            let makes = theirs.iter().any(|entry| entry["kind"] == kind && entry["tool"] == tool);
            let why = unwritten[kind].get(tool);
            assert!(makes != why.is_some(), "{tool}: {kind}");
            why.iter().for_each(|why| println!("{kind} not made by {tool}, which {why}"));
        }
    }
}
