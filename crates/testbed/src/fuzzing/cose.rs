//! COSE messages: whatever verifies or opens with the keys of the seeds carries the one payload that they sealed.

use crate::bench::Bench;
use crate::trust::{KeyPair, seal};
use aseptic_core::cose::{
    ContentKey, ContentType, CoseAlg, Encrypt, Encrypt0, Headers, Mac0, MacKey, RecipientKey, SealTo, Sealer, Sign,
    Sign1, mac0, sign1,
};
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, soft};
use std::sync::LazyLock;

const PAYLOAD: &[u8] = b"what the keys of the seeds have sealed";
const SHARED: [u8; 32] = [0x5E; 32];
const ROOM: usize = 4096;

static SIGNERS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [KeyPair::new(KeyAlg::Ed25519, 1), KeyPair::new(KeyAlg::P256, 2)]);
static RECIPIENTS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [KeyPair::new(KeyAlg::P256, 3), KeyPair::new(KeyAlg::X25519, 4)]);

/// COSE_Sign1.
pub fn cose_sign1(data: &[u8]) {
    let _ = Sign1::parse_untagged(data);
    let Ok(message) = Sign1::parse(data) else { return };
    for key in SIGNERS.iter() {
        for detached in [None, Some(PAYLOAD)] {
            if message.verify(&soft::suite(), key.public(), &[], detached).is_ok() {
                assert_eq!(message.payload.or(detached), Some(PAYLOAD));
            }
        }
    }
}

/// COSE_Sign.
pub fn cose_sign(data: &[u8]) {
    let _ = Sign::parse_untagged(data);
    let Ok(message) = Sign::parse(data) else { return };
    for layer in message.layers() {
        for key in SIGNERS.iter() {
            if message.verify(layer, &soft::suite(), key.public(), &[], None).is_ok() {
                assert_eq!(message.payload, Some(PAYLOAD));
            }
        }
    }
}

/// COSE_Mac0.
pub fn cose_mac0(data: &[u8]) {
    let _ = Mac0::parse_untagged(data);
    let Ok(message) = Mac0::parse(data) else { return };
    let key = MacKey::new(HashAlg::Sha256, &SHARED).expect("a long key");
    for detached in [None, Some(PAYLOAD)] {
        if message.verify(&soft::suite(), &key, &[], detached).is_ok() {
            assert_eq!(message.payload.or(detached), Some(PAYLOAD));
        }
    }
}

/// COSE_Encrypt0.
pub fn cose_encrypt0(data: &[u8]) {
    let _ = Encrypt0::parse_untagged(data);
    let Ok(message) = Encrypt0::parse(data) else { return };
    for alg in [AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305] {
        let mut out = vec![0xEE; ROOM];
        let result = message.open(&soft::suite(), &content_key(alg), &[], None, &mut out);
        opened(result, &out);
    }
}

/// COSE_Encrypt, by each way in which a content key can travel.
pub fn cose_encrypt(data: &[u8]) {
    let _ = Encrypt::parse_untagged(data);
    let Ok(message) = Encrypt::parse(data) else { return };
    assert!(message.recipients().count() > 0);
    let mut keys = vec![
        RecipientKey::shared(content_key(AeadAlg::Aes256Gcm)),
        RecipientKey::wrap(&SHARED).expect("a key-encryption key"),
    ];
    for pair in RECIPIENTS.iter() {
        for alg in [CoseAlg::ECDH_ES_A128KW, CoseAlg::ECDH_ES_A256KW, CoseAlg::ECDH_ES_HKDF_256] {
            keys.extend(RecipientKey::agree(alg, &pair.private));
        }
    }
    for key in &keys {
        let mut out = vec![0xEE; ROOM];
        let result = message.open(&soft::suite(), key, &[], None, &mut out);
        opened(result, &out);
    }
}

fn opened(result: aseptic_core::Result<usize>, out: &[u8]) {
    match result {
        Ok(length) => assert_eq!(&out[..length], PAYLOAD),
        Err(_) => assert!(!out.windows(PAYLOAD.len()).any(|part| part == PAYLOAD), "plaintext left behind"),
    }
}

fn content_key(alg: AeadAlg) -> ContentKey<'static> {
    ContentKey::new(alg, &SHARED).expect("a key of 32 bytes")
}

pub(super) fn sign1_seeds() -> Vec<Vec<u8>> {
    let rich = Headers {
        kid: Some(b"kid"),
        content_type: Some(ContentType::Text("application/x")),
        typ: Some(ContentType::Number(18)),
        claims: Some(&[0xA1, 0x01, 0x61, 0x61]),
    };
    let mut seeds = Vec::new();
    for key in SIGNERS.iter() {
        for (headers, detached) in [(Headers::default(), false), (Headers::default(), true), (rich, false)] {
            seeds.push(made(|out| sign1(&key.private, &headers, PAYLOAD, detached, &[], out)));
        }
    }
    seeds
}

pub(super) fn sign_seeds() -> Vec<Vec<u8>> {
    let [first, second] = &*SIGNERS;
    vec![seal(PAYLOAD, &[first]), seal(PAYLOAD, &[first, second, first])]
}

pub(super) fn mac0_seeds() -> Vec<Vec<u8>> {
    let key = MacKey::new(HashAlg::Sha256, &SHARED).expect("a long key");
    let seed = |detached| made(|out| mac0(&soft::suite(), &key, &Headers::default(), PAYLOAD, detached, &[], out));
    vec![seed(false), seed(true)]
}

pub(super) fn encrypt0_seeds() -> Vec<Vec<u8>> {
    let seed = |alg| sealed(|sealer, out| sealer.encrypt0(&content_key(alg), &Headers::default(), PAYLOAD, &[], out));
    vec![seed(AeadAlg::Aes256Gcm), seed(AeadAlg::ChaCha20Poly1305)]
}

pub(super) fn encrypt_seeds() -> Vec<Vec<u8>> {
    let [p256, x25519] = RECIPIENTS.each_ref().map(KeyPair::public);
    let to: [&[SealTo<'_>]; 5] = [
        &[SealTo::shared(b"shared", &SHARED)],
        &[SealTo::wrap(b"kek", &SHARED)],
        &[SealTo::agree_direct(b"p256", p256)],
        &[SealTo::agree_direct(b"x25519", x25519)],
        &[SealTo::agree(b"p256", p256), SealTo::agree(b"x25519", x25519), SealTo::wrap(b"kek", &SHARED)],
    ];
    let seed = |recipients: &&[SealTo<'_>]| {
        sealed(|sealer, out| sealer.encrypt(AeadAlg::Aes256Gcm, &Headers::default(), recipients, PAYLOAD, &[], out))
    };
    to.iter().map(seed).collect()
}

fn sealed(write: impl FnOnce(&Sealer<'_>, &mut [u8]) -> aseptic_core::Result<usize>) -> Vec<u8> {
    let (bench, suite) = (Bench::new(1), soft::suite());
    made(|out| write(&Sealer { suite: &suite, entropy: &bench }, out))
}

fn made(write: impl FnOnce(&mut [u8]) -> aseptic_core::Result<usize>) -> Vec<u8> {
    let mut out = vec![0; ROOM];
    let length = write(&mut out).expect("a seed");
    out.truncate(length);
    out
}
