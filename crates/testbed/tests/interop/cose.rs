//! Every kind of COSE message that core writes and reads, and those that messaging countersigns, with pycose, cwt and
//! pyca/cryptography on the other side.

use crate::{folder, python};
use aseptic_core::Result;
use aseptic_core::cose::{
    ContentKey, CoseAlg, Encrypt, Encrypt0, Headers, Mac0, MacKey, RecipientKey, SealTo, Sealer, Sign, Sign1, mac0,
    sign, sign1,
};
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, soft};
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

struct Keys {
    p256: KeyPair,
    ed25519: KeyPair,
    agree: KeyPair,
}

impl Keys {
    fn new() -> Self {
        Self {
            p256: KeyPair::new(KeyAlg::P256, P256),
            ed25519: KeyPair::new(KeyAlg::Ed25519, ED25519),
            agree: KeyPair::new(KeyAlg::P256, AGREE),
        }
    }

    fn told(&self) -> Value {
        let (p256, agree) = (self.p256.public(), self.agree.public());
        let part = |bytes: &[u8], from: usize| hex::encode(&bytes[from..from + 32]);
        json!({
            "shared": hex::encode(SHARED),
            "p256-x": part(p256.bytes(), 1), "p256-y": part(p256.bytes(), 33), "p256-d": hex::encode([P256; 32]),
            "agree-x": part(agree.bytes(), 1), "agree-y": part(agree.bytes(), 33), "agree-d": hex::encode([AGREE; 32]),
            "ed25519-x": part(self.ed25519.public().bytes(), 0), "ed25519-d": hex::encode([ED25519; 32]),
        })
    }
}

fn made(write: impl FnOnce(&mut [u8]) -> Result<usize>) -> String {
    let mut out = vec![0; 2048];
    let length = write(&mut out).unwrap();
    hex::encode(&out[..length])
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
    ];
    for (counter, of) in COUNTER {
        let (_, message) = all.iter().find(|(kind, _)| *kind == of).unwrap();
        all.push((counter, carried(message, keys)));
    }
    all
}

/// The payload of a message of this kind.
fn read(kind: &str, message: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    let suite = soft::suite();
    let mut out = vec![0; 1024];
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
        "encrypt-agree" => {
            opened(encrypt(RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, &keys.agree.private)?, &mut out), &out)
        }
        "encrypt-agree-direct" => {
            opened(encrypt(RecipientKey::agree(CoseAlg::ECDH_ES_HKDF_256, &keys.agree.private)?, &mut out), &out)
        }
        other => panic!("{other}"),
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
    }
}

#[test]
fn we_read_what_pycose_and_cwt_write() {
    let keys = Keys::new();
    let Some(theirs) = script("cose-theirs", "write", &json!({ "keys": keys.told() })) else { return };
    let theirs = theirs.as_array().unwrap();
    for entry in theirs {
        let (kind, tool) = (entry["kind"].as_str().unwrap(), entry["tool"].as_str().unwrap());
        let message = hex::decode(entry["message"].as_str().unwrap()).unwrap();
        assert_eq!(read(kind, &message, &keys).unwrap(), b"written in Python", "{kind} by {tool}");
        let last = message.len() - 1;
        let forged = [&message[..last], &[message[last] ^ 1]].concat();
        assert!(read(kind, &forged, &keys).is_err(), "{kind} by {tool}");
    }
    let kinds: std::collections::BTreeSet<_> = theirs.iter().map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds.len(), 9 + COUNTER.len());
    println!("{} messages of {} kinds read", theirs.len(), kinds.len());
}
