//! Round trips, every flipped bit, every truncation; the vectors of the COSE working group run in `aseptic-testbed`.

use super::*;
use crate::Result;
use crate::crypto::soft::{PrivateKey, suite};
use crate::crypto::{AeadAlg, HashAlg, KeyAlg, PublicKey, Suite};
use crate::platform::{Absent, Entropy, Outcome};
use crate::reason::Reason;
use core::cell::Cell;
use std::vec::Vec;

/// Bytes that differ from call to call and repeat from run to run.
struct Counting(Cell<u64>);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        for byte in out {
            self.0.set(self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
            *byte = self.0.get().to_be_bytes()[0];
        }
        Ok(())
    }
}

fn entropy() -> Counting {
    Counting(Cell::new(1))
}

const PLAINTEXT: &[u8] = b"MSH|^~\\&|infusion 5 ml/h";
const AADS: [&[u8]; 2] = [b"", b"record 7"];
const AEADS: [AeadAlg; 3] = [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305];
const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fn headers() -> Headers<'static> {
    Headers { kid: Some(b"k1"), content_type: Some(ContentType::Number(42)), ..Headers::default() }
}

fn written(write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Vec<u8> {
    let mut out = [0; 1024];
    let length = write(&mut out).unwrap();
    out[..length].to_vec()
}

/// Each flip of one bit that still gives something, as (byte, bit, what it gave).
fn accepted_flips<T>(message: &[u8], read: impl Fn(&[u8]) -> Result<T>) -> Vec<(usize, usize, T)> {
    let flip = |place: usize| {
        let mut flipped = message.to_vec();
        flipped[place / 8] ^= 1 << (place % 8);
        Some((place / 8, place % 8, read(&flipped).ok()?))
    };
    (0..message.len().saturating_mul(8)).filter_map(flip).collect()
}

fn refuses_truncation<T>(message: &[u8], read: impl Fn(&[u8]) -> Result<T>) {
    for end in 0..message.len() {
        assert!(read(&message[..end]).is_err(), "{end} of {} bytes", message.len());
    }
    let longer = [message, &[0]].concat();
    assert_eq!(read(&longer).err(), Some(Reason::CborTrailing));
}

struct Pair {
    private: PrivateKey,
    public: Vec<u8>,
}

impl Pair {
    fn new(alg: KeyAlg, seed: u64) -> Self {
        let private = PrivateKey::generate(alg, &Counting(Cell::new(seed))).unwrap();
        let mut public = [0; 65];
        let length = private.public(&mut public).unwrap();
        Self { private, public: public[..length].to_vec() }
    }

    fn public(&self) -> PublicKey<'_> {
        PublicKey::new(self.private.alg(), &self.public).unwrap()
    }
}

#[test]
fn sign1_verifies_and_every_flip_and_truncation_is_refused() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let pair = Pair::new(alg, 1);
        for aad in AADS {
            let message = written(|out| sign1(&pair.private, &headers(), PLAINTEXT, false, aad, out));
            let read = |bytes: &[u8]| Sign1::parse(bytes)?.verify(&suite(), pair.public(), aad, None);
            assert_eq!(read(&message), Ok(()));
            assert_eq!(accepted_flips(&message, read), []);
            refuses_truncation(&message, read);
            let message = Sign1::parse(&message).unwrap();
            assert_eq!(message.header.kid, Some(&b"k1"[..]));
            assert_eq!(message.header.content_type, Some(ContentType::Number(42)));
            let refused = message.verify(&suite(), pair.public(), b"other", None);
            assert_eq!(refused, Err(Reason::SignatureInvalid));
            let twice = message.verify(&suite(), pair.public(), aad, Some(PLAINTEXT));
            assert_eq!(twice, Err(Reason::CoseMalformed));
        }
    }
}

#[test]
fn a_detached_payload_must_be_the_signed_one() {
    let pair = Pair::new(KeyAlg::P256, 1);
    let message = written(|out| sign1(&pair.private, &headers(), PLAINTEXT, true, b"", out));
    let message = Sign1::parse(&message).unwrap();
    assert_eq!(message.payload, None);
    assert_eq!(message.verify(&suite(), pair.public(), b"", Some(PLAINTEXT)), Ok(()));
    assert_eq!(message.verify(&suite(), pair.public(), b"", Some(b"other")), Err(Reason::SignatureInvalid));
    assert_eq!(message.verify(&suite(), pair.public(), b"", None), Err(Reason::CoseMalformed));
}

#[test]
fn sign_verifies_layer_by_layer_and_every_flip_is_refused() {
    let pairs = [Pair::new(KeyAlg::P256, 1), Pair::new(KeyAlg::Ed25519, 2)];
    let signers: [(&dyn Signer, Headers<'_>); 2] =
        [(&pairs[0].private, headers()), (&pairs[1].private, Headers::default())];
    let message = written(|out| sign(&signers, PLAINTEXT, false, b"", out));
    let read = |bytes: &[u8]| {
        let message = Sign::parse(bytes)?;
        message
            .layers()
            .zip(&pairs)
            .try_for_each(|(layer, pair)| message.verify(layer, &suite(), pair.public(), b"", None))
    };
    assert_eq!(read(&message), Ok(()));
    assert_eq!(accepted_flips(&message, read), []);
    refuses_truncation(&message, read);
    let parsed = Sign::parse(&message).unwrap();
    let swapped = parsed.verify(parsed.layers().next().unwrap(), &suite(), pairs[1].public(), b"", None);
    assert_eq!(swapped, Err(Reason::CoseAlgorithm));
}

#[test]
fn mac0_verifies_and_every_flip_and_truncation_is_refused() {
    for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
        let key = MacKey::new(alg, KEY).unwrap();
        for aad in AADS {
            let message = written(|out| mac0(&suite(), &key, &headers(), PLAINTEXT, false, aad, out));
            let read = |bytes: &[u8]| Mac0::parse(bytes)?.verify(&suite(), &key, aad, None);
            assert_eq!(read(&message), Ok(()));
            assert_eq!(accepted_flips(&message, read), []);
            refuses_truncation(&message, read);
        }
    }
    let key = MacKey::new(HashAlg::Sha256, KEY).unwrap();
    let message = written(|out| mac0(&suite(), &key, &headers(), PLAINTEXT, true, b"", out));
    let message = Mac0::parse(&message).unwrap();
    assert_eq!(message.verify(&suite(), &key, b"", Some(PLAINTEXT)), Ok(()));
    assert_eq!(message.verify(&suite(), &key, b"", Some(b"other")), Err(Reason::MacInvalid));
    let other = MacKey::new(HashAlg::Sha512, KEY).unwrap();
    assert_eq!(message.verify(&suite(), &other, b"", Some(PLAINTEXT)), Err(Reason::CoseAlgorithm));
    assert_eq!(MacKey::new(HashAlg::Sha256, b"short").err(), Some(Reason::KeyWrongUse));
}

#[test]
fn encrypt0_opens_and_every_flip_and_truncation_is_refused() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    for alg in AEADS {
        let key = ContentKey::new(alg, &KEY[..alg.key_len()]).unwrap();
        for aad in AADS {
            for plaintext in [PLAINTEXT, b""] {
                let message = written(|out| sealer.encrypt0(&key, &headers(), plaintext, aad, out));
                let read = |bytes: &[u8]| {
                    let mut out = [0; 64];
                    let length = Encrypt0::parse(bytes)?.open(&suite, &key, aad, None, &mut out)?;
                    Ok(out[..length].to_vec())
                };
                assert_eq!(read(&message), Ok(plaintext.to_vec()));
                assert_eq!(accepted_flips(&message, read), []);
                refuses_truncation(&message, read);
            }
        }
    }
}

#[test]
fn what_cannot_be_opened_leaves_no_plaintext() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let key = ContentKey::new(AeadAlg::Aes128Gcm, &KEY[..16]).unwrap();
    let mut message = written(|out| sealer.encrypt0(&key, &headers(), PLAINTEXT, b"", out));
    *message.last_mut().unwrap() ^= 1;
    let mut out = [7; 24];
    let message = Encrypt0::parse(&message).unwrap();
    assert_eq!(message.open(&suite, &key, b"", None, &mut out), Err(Reason::DecryptFailed));
    assert_eq!(out, [0; 24]);
    assert_eq!(message.open(&suite, &key, b"", None, &mut out[..23]), Err(Reason::BufferTooSmall));
    // And what does not fit leaves none behind when it is sealed.
    let mut out = [7; 60];
    assert_eq!(sealer.encrypt0(&key, &headers(), PLAINTEXT, b"", &mut out), Err(Reason::BufferTooSmall));
    assert_eq!(out, [0; 60]);
}

/// How a message can reach its recipient: the writer's side and the reader's.
struct Way<'k> {
    name: &'static str,
    to: SealTo<'k>,
    key: RecipientKey<'k>,
    content: AeadAlg,
}

fn ways<'k>(p256: &'k Pair, x25519: &'k Pair) -> Vec<Way<'k>> {
    let mut ways = Vec::new();
    for content in AEADS {
        let shared = &KEY[..content.key_len()];
        let key = RecipientKey::shared(ContentKey::new(content, shared).unwrap());
        ways.push(Way { name: "direct", to: SealTo::shared(b"r1", shared), key, content });
        for kek in [16, 24, 32] {
            let kek = &KEY[..kek];
            ways.push(Way {
                name: "AES-KW",
                to: SealTo::wrap(b"r1", kek),
                key: RecipientKey::wrap(kek).unwrap(),
                content,
            });
        }
        for pair in [p256, x25519] {
            let wrap = if content.key_len() == 16 { CoseAlg::ECDH_ES_A128KW } else { CoseAlg::ECDH_ES_A256KW };
            let key = RecipientKey::agree(wrap, &pair.private).unwrap();
            ways.push(Way { name: "ECDH-ES+KW", to: SealTo::agree(b"r1", pair.public()), key, content });
            let key = RecipientKey::agree(CoseAlg::ECDH_ES_HKDF_256, &pair.private).unwrap();
            ways.push(Way { name: "ECDH-ES", to: SealTo::agree_direct(b"r1", pair.public()), key, content });
        }
    }
    for way in &mut ways {
        way.key = way.key.with_kid(b"r1");
    }
    ways
}

fn open(suite: &Suite<'_>, key: &RecipientKey<'_>, aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mut out = [0; 64];
    let length = Encrypt::parse(message)?.open(suite, key, aad, None, &mut out)?;
    Ok(out[..length].to_vec())
}

#[test]
fn encrypt_opens_every_way_and_a_flip_changes_nothing_but_hints() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let (p256, x25519) = (Pair::new(KeyAlg::P256, 1), Pair::new(KeyAlg::X25519, 2));
    for way in ways(&p256, &x25519) {
        let message = written(|out| sealer.encrypt(way.content, &headers(), &[way.to], PLAINTEXT, b"a", out));
        let read = |bytes: &[u8]| open(&suite, &way.key, b"a", bytes);
        assert_eq!(read(&message).as_deref(), Ok(PLAINTEXT), "{} {:?}", way.name, way.content);
        assert!(open(&suite, &way.key, b"b", &message).is_err());
        refuses_truncation(&message, read);
        // Unauthenticated by design of the format: the label of the kid, without which the message still opens, the
        // superfluous top bit of an X25519 key (RFC 7748 section 5), and other unknown members of the ephemeral key.
        let kid = message.windows(4).position(|bytes| bytes == b"\x04\x42r1").unwrap();
        let top = message.windows(5).position(|bytes| bytes == b"\x20\x04\x21\x58\x20").map(|place| place + 5 + 31);
        for (byte, bit, opened) in accepted_flips(&message, read) {
            let hint = byte == kid || (top == Some(byte) && bit == 7);
            assert!(hint && opened == PLAINTEXT, "{} {:?}: byte {byte} bit {bit}", way.name, way.content);
        }
    }
}

#[test]
fn several_recipients_open_one_message_and_a_stranger_does_not() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let pairs = [Pair::new(KeyAlg::P256, 1), Pair::new(KeyAlg::X25519, 2), Pair::new(KeyAlg::P256, 3)];
    let to: Vec<_> = pairs[..2].iter().map(|pair| SealTo::agree(b"same kid", pair.public())).collect();
    let message = written(|out| sealer.encrypt(AeadAlg::Aes256Gcm, &headers(), &to, PLAINTEXT, b"", out));
    assert_eq!(Encrypt::parse(&message).unwrap().recipients().count(), 2);
    let key = |pair: &'static str, index: usize| {
        let key = RecipientKey::agree(CoseAlg::ECDH_ES_A256KW, &pairs[index].private).unwrap();
        if pair.is_empty() { key } else { key.with_kid(pair.as_bytes()) }
    };
    for index in [0, 1] {
        assert_eq!(open(&suite, &key("same kid", index), b"", &message).as_deref(), Ok(PLAINTEXT));
        assert_eq!(open(&suite, &key("", index), b"", &message).as_deref(), Ok(PLAINTEXT));
        assert_eq!(open(&suite, &key("other", index), b"", &message), Err(Reason::CoseNoRecipient));
    }
    assert!(matches!(open(&suite, &key("", 2), b"", &message), Err(Reason::DecryptFailed | Reason::KeyInvalid)));
    let wrong = RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, &pairs[0].private).unwrap();
    assert_eq!(open(&suite, &wrong, b"", &message), Err(Reason::CoseNoRecipient));
}

#[test]
fn ephemeral_keys_content_keys_and_ivs_are_fresh_each_time() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let pair = Pair::new(KeyAlg::P256, 1);
    let to = [SealTo::agree(b"r", pair.public()); 2];
    let seal = || written(|out| sealer.encrypt(AeadAlg::Aes128Gcm, &headers(), &to, PLAINTEXT, b"", out));
    let (one, two) = (seal(), seal());
    let (one, two) = (Encrypt::parse(&one).unwrap(), Encrypt::parse(&two).unwrap());
    assert_ne!(one.header.iv, two.header.iv);
    let mut keys: Vec<_> = one.recipients().chain(two.recipients()).map(|r| r.header.rare(-1).unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[test]
fn a_lone_recipient_has_no_company() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let to = [SealTo::shared(b"r", &KEY[..16]), SealTo::wrap(b"r", KEY)];
    let seal =
        |to: &[SealTo<'_>], out: &mut [u8]| sealer.encrypt(AeadAlg::Aes128Gcm, &headers(), to, PLAINTEXT, b"", out);
    assert_eq!(seal(&to, &mut [0; 512]), Err(Reason::CoseMalformed));
    assert_eq!(seal(&[], &mut [0; 512]), Err(Reason::TooLarge));
    assert_eq!(seal(&[to[1]; 9], &mut [0; 4096]), Err(Reason::TooLarge));
    // The same from a peer: a second recipient beside a direct one.
    let message = written(|out| seal(&to[..1], out));
    let other = written(|out| seal(&to[1..], out));
    let layer = |message: &[u8]| {
        let start = message.windows(2).rposition(|bytes| bytes == [0x81, 0x83]).unwrap();
        (message[..start].to_vec(), message[start + 1..].to_vec())
    };
    let ((mut both, direct), (_, wrapped)) = (layer(&message), layer(&other));
    both.push(0x82);
    both.extend([direct, wrapped].concat());
    let key = RecipientKey::shared(ContentKey::new(AeadAlg::Aes128Gcm, &KEY[..16]).unwrap());
    assert_eq!(open(&suite, &key, b"", &message).as_deref(), Ok(PLAINTEXT));
    assert_eq!(open(&suite, &key, b"", &both), Err(Reason::CoseMalformed));
}

#[test]
fn context_that_is_not_sent_must_be_the_same() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let pair = Pair::new(KeyAlg::P256, 1);
    let context = |other, secret| KdfContext {
        party_u: [Some(b"pump"), None, None],
        supp_pub_other: other,
        supp_priv: secret,
        ..KdfContext::default()
    };
    let good = context(Some(&b"SUIT Payload Encryption"[..]), Some(&b"s"[..]));
    let to = [SealTo::agree(b"r", pair.public()).with_context(good)];
    let message = written(|out| sealer.encrypt(AeadAlg::Aes128Gcm, &headers(), &to, PLAINTEXT, b"", out));
    let key = RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, &pair.private).unwrap();
    assert_eq!(open(&suite, &key.with_context(good), b"", &message).as_deref(), Ok(PLAINTEXT));
    for wrong in [KdfContext::default(), context(None, Some(b"s")), context(good.supp_pub_other, None)] {
        assert_eq!(open(&suite, &key.with_context(wrong), b"", &message), Err(Reason::DecryptFailed));
    }
}

#[test]
fn a_partial_iv_is_added_to_the_base_iv_of_the_key() {
    let suite = suite();
    let mut data = *b"data";
    let mut tag = [0; 16];
    let mut nonce = [0xF0; 12];
    nonce[10] ^= 0x01;
    nonce[11] ^= 0x02;
    let aad = b"\x83\x68Encrypt0\x43\xA1\x01\x01\x40";
    suite.aead(AeadAlg::Aes128Gcm).unwrap().seal(&KEY[..16], &nonce, aad, &mut data, &mut tag).unwrap();
    let message = [&b"\xD0\x83\x43\xA1\x01\x01\xA1\x06\x42\x01\x02\x54"[..], &data, &tag].concat();
    let key = ContentKey::new(AeadAlg::Aes128Gcm, &KEY[..16]).unwrap();
    let open = |key: ContentKey<'_>| {
        let mut out = [0; 4];
        Encrypt0::parse(&message).unwrap().open(&suite, &key, b"", None, &mut out).map(|_| out)
    };
    assert_eq!(open(key.with_base_iv(&[0xF0; 12])), Ok(*b"data"));
    assert_eq!(open(key), Err(Reason::CoseHeader));
}

#[test]
fn algorithms_that_nobody_vouches_for_are_refused() {
    let (suite, entropy) = (suite(), entropy());
    let sealer = Sealer { suite: &suite, entropy: &entropy };
    let to = [SealTo::wrap(b"r", KEY)];
    let mut message = written(|out| sealer.encrypt(AeadAlg::Aes128Gcm, &Headers::default(), &to, PLAINTEXT, b"", out));
    // From {1: 1} protected and {5: iv} to nothing protected and {1: 1, 5: iv}.
    assert_eq!(message[2..9], [0x84, 0x43, 0xA1, 0x01, 0x01, 0xA1, 0x05]);
    message.splice(3..9, [0x40, 0xA2, 0x01, 0x01, 0x05]);
    assert_eq!(open(&suite, &RecipientKey::wrap(KEY).unwrap(), b"", &message), Err(Reason::CoseHeader));
}

#[test]
fn a_tag_names_one_type_and_none_needs_its_own_call() {
    let pair = Pair::new(KeyAlg::P256, 1);
    let message = written(|out| sign1(&pair.private, &headers(), PLAINTEXT, false, b"", out));
    assert_eq!(Mac0::parse(&message).err(), Some(Reason::CoseMalformed));
    assert_eq!(Encrypt::parse(&message).err(), Some(Reason::CoseMalformed));
    assert!(Sign1::parse(&message[1..]).is_err());
    let untagged = Sign1::parse_untagged(&message[1..]).unwrap();
    assert_eq!(untagged.verify(&suite(), pair.public(), b"", None), Ok(()));
}

#[test]
fn cose_keys_round_trip_and_compressed_points_are_read() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519, KeyAlg::X25519] {
        let pair = Pair::new(alg, 5);
        let encoded = written(|out| write_key(pair.public(), out));
        assert!(encoded.len() <= COSE_KEY);
        let mut out = [0; 65];
        assert_eq!(read_key(&encoded, &suite(), &mut out), Ok(pair.public()));
        for end in 0..encoded.len() {
            assert!(read_key(&encoded[..end], &suite(), &mut [0; 65]).is_err());
        }
        if alg == KeyAlg::P256 {
            let odd = pair.public[64] & 1;
            let mut compressed = encoded[..encoded.len() - 34].to_vec();
            compressed.push(0xF4 | odd);
            assert_eq!(read_key(&compressed, &suite(), &mut out), Ok(pair.public()));
            assert_eq!(read_key(&compressed, &Suite::EMPTY, &mut out), Err(Reason::AlgorithmUnsupported));
        }
    }
}

#[test]
fn without_entropy_nothing_is_sealed() {
    let suite = suite();
    let sealer = Sealer { suite: &suite, entropy: &Absent };
    let key = ContentKey::new(AeadAlg::Aes128Gcm, &KEY[..16]).unwrap();
    let mut out = [0; 512];
    assert_eq!(sealer.encrypt0(&key, &headers(), PLAINTEXT, b"", &mut out), Err(Reason::EntropyFailed));
    let to = [SealTo::wrap(b"r", KEY)];
    let sealed = sealer.encrypt(AeadAlg::Aes128Gcm, &headers(), &to, PLAINTEXT, b"", &mut out);
    assert_eq!(sealed, Err(Reason::EntropyFailed));
    assert_eq!(out, [0; 512]);
}

#[test]
fn headers_that_are_doubled_misplaced_or_not_understood_are_refused() {
    let parse = |protected: &[u8], unprotected: &[u8]| {
        let head = [0xD2, 0x84, 0x58, u8::try_from(protected.len()).unwrap()];
        let message = [&head[..], protected, unprotected, &[0x40, 0x40]].concat();
        Sign1::parse(&message).map(|_| ())
    };
    assert_eq!(parse(&[0xA1, 1, 0x28], &[0xA0]), Ok(()));
    assert_eq!(parse(&[0xA0], &[0xA1, 1, 0x28]), Ok(()));
    assert_eq!(parse(&[0xA1, 1, 0x28], &[0xA1, 1, 0x28]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[0xA2, 1, 0x28, 1, 0x28], &[0xA0]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[0xA2, 1, 0x28, 2, 0x81, 1], &[0xA0]), Ok(()));
    assert_eq!(parse(&[0xA2, 2, 0x81, 1, 1, 0x28], &[0xA0]), Ok(()));
    assert_eq!(parse(&[0xA1, 2, 0x81, 1], &[0xA0]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[0xA1, 2, 0x81, 1], &[0xA1, 1, 0x28]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[0xA1, 2, 0x81, 0x18, 99], &[0xA0]), Err(Reason::CoseCritical));
    assert_eq!(parse(&[0xA1, 2, 0x81, 0x61, b'x'], &[0xA0]), Err(Reason::CoseCritical));
    assert_eq!(parse(&[0xA1, 2, 0x80], &[0xA0]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[], &[0xA1, 2, 0x81, 1]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[0xA1, 5, 0x40], &[0xA1, 6, 0x40]), Err(Reason::CoseHeader));
    assert_eq!(parse(&[], &[0xA1, 16, 0]), Err(Reason::CoseHeader));
}
