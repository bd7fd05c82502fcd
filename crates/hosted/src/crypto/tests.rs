//! Both suites side by side: the same bytes and the same refusals.

use super::*;
use aseptic_core::crypto::{Parts, PublicKey};
use aseptic_core::platform::{Fault, Outcome};
use soft::PrivateKey;
use std::cell::Cell;

/// SplitMix64: bytes that repeat from run to run.
struct Repeatable(Cell<u64>);

impl Repeatable {
    fn bytes(&self, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        self.fill(&mut out).unwrap();
        out
    }

    fn below(&self, bound: usize) -> usize {
        usize::from(u16::from_le_bytes(self.bytes(2).try_into().unwrap())) % bound
    }
}

impl Entropy for Repeatable {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        for byte in out {
            self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
            let mut word = self.0.get();
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = (word ^ (word >> 31)) as u8;
        }
        Ok(())
    }
}

const ROUNDS: usize = 200;

fn source() -> Repeatable {
    Repeatable(Cell::new(22))
}

#[test]
fn hashes_macs_and_derivations_agree() {
    let (fast, soft, source) = (suite(), soft::suite(), source());
    for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
        for _ in 0..ROUNDS {
            let (key, message) = (source.bytes(source.below(200)), source.bytes(source.below(500)));
            let cut = source.below(message.len() + 1);
            let parts = [&message[..cut], &message[cut..]];
            assert_eq!(fast.digest(alg, &mut Parts(&parts)), soft.digest(alg, &mut Parts(&[&message])));
            let (mut one, mut two) = ([0; 64], [0; 64]);
            fast.mac(alg).unwrap().mac(&key, &mut Parts(&parts), &mut one).unwrap();
            soft.mac(alg).unwrap().mac(&key, &mut Parts(&[&message]), &mut two).unwrap();
            assert_eq!(one, two);
            let length = source.below(300);
            let (mut one, mut two) = (vec![0; length], vec![0; length]);
            let salt = &key[..key.len().min(cut)];
            let first = fast.kdf(alg).unwrap().derive(salt, &message, &parts, &mut one);
            let second = soft.kdf(alg).unwrap().derive(salt, &message, &[&message], &mut two);
            assert_eq!((first, one), (second, two), "{alg:?} salt {} output {length}", salt.len());
        }
        let most = 255 * alg.digest_len();
        for (length, outcome) in [(most, Ok(())), (most + 1, Err(Reason::Misuse))] {
            let mut out = vec![0; length];
            assert_eq!(fast.kdf(alg).unwrap().derive(&[], b"s", &[], &mut out), outcome);
            assert_eq!(soft.kdf(alg).unwrap().derive(&[], b"s", &[], &mut out), outcome);
        }
        assert_eq!(fast.mac(alg).unwrap().mac(b"k", &mut Parts(&[]), &mut [0; 31]), Err(Reason::BufferTooSmall));
    }
}

#[test]
fn signatures_and_their_forgeries_get_the_same_answer() {
    let (fast, soft, source) = (suite(), soft::suite(), source());
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        for round in 0..ROUNDS {
            let key = PrivateKey::generate(alg, &source).unwrap();
            let mut public = [0; 65];
            let length = key.public(&mut public).unwrap();
            let message = source.bytes(source.below(300));
            let mut signature = [0; 64];
            key.sign(&mut Parts(&[&message]), &mut signature).unwrap();
            let mut mutated = (public, signature, message.clone());
            match round % 4 {
                0 => {}
                1 => mutated.0[source.below(length)] ^= 1 << source.below(8),
                2 => mutated.1[source.below(64)] ^= 1 << source.below(8),
                _ => mutated.2.push(0),
            }
            let (public, signature, message) = mutated;
            let cut = source.below(message.len() + 1);
            let answers = [&fast, &soft].map(|suite| {
                let verifier = suite.verifier(alg.signs().unwrap()).unwrap();
                verifier.verify(&public[..length], &mut Parts(&[&message[..cut], &message[cut..]]), &signature)
            });
            assert_eq!(answers[0], answers[1], "{alg:?} round {round}");
            assert_eq!(answers[0].is_ok(), round % 4 == 0, "{alg:?} round {round}");
        }
    }
}

#[test]
fn odd_keys_and_signatures_get_the_same_answer() {
    let (fast, soft) = (suite(), soft::suite());
    let key = PrivateKey::generate(KeyAlg::P256, &source()).unwrap();
    let mut public = [0; 65];
    key.public(&mut public).unwrap();
    let mut signature = [0; 64];
    key.sign(&mut Parts(&[b"m"]), &mut signature).unwrap();
    let compressed = [&[2 | public[64] & 1], &public[1..33]].concat();
    let spki = PublicKey::new(KeyAlg::P256, &public).unwrap().spki().concat();
    let mut hybrid = public;
    hybrid[0] = 6;
    let keys: [&[u8]; 8] = [&public, &compressed, &spki, &hybrid, &public[..64], &[4; 65], &[0], &[]];
    let mut zero_r = signature;
    zero_r[..32].fill(0);
    let mut zero_s = signature;
    zero_s[32..].fill(0);
    let long = [&signature[..], &[0]].concat();
    let signatures: [&[u8]; 7] = [&signature, &signature[..63], &long, &[], &[0xFF; 64], &zero_r, &zero_s];
    for key in keys {
        for signature in signatures {
            let answers = [&fast, &soft].map(|suite| suite.verifiers[0].verify(key, &mut Parts(&[b"m"]), signature));
            assert_eq!(answers[0], answers[1], "{key:02X?} {signature:02X?}");
        }
    }
    assert_eq!(fast.verifiers[0].verify(&public, &mut Parts(&[b"m"]), &signature), Ok(()));
}

#[test]
fn ciphers_agree_on_every_length_and_refusal() {
    let (fast, soft, source) = (suite(), soft::suite(), source());
    for alg in [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305] {
        let engines = [fast.aead(alg).unwrap(), soft.aead(alg).unwrap()];
        for length in 0..ROUNDS {
            let key = source.bytes(alg.key_len());
            let nonce = source.bytes(12).try_into().unwrap();
            let (aad, data) = (source.bytes(source.below(40)), source.bytes(length));
            let sealed = engines.map(|engine| {
                let (mut data, mut tag) = (data.clone(), [0; 16]);
                engine.seal(&key, &nonce, &aad, &mut data, &mut tag).unwrap();
                (data, tag)
            });
            assert_eq!(sealed[0], sealed[1], "{alg:?} {length}");
            let (mut bad, mut tag) = sealed[0].clone();
            if length % 2 == 1 {
                bad[source.below(length)] ^= 1
            } else {
                tag[source.below(16)] ^= 1
            }
            for engine in engines {
                let (mut opened, tag) = (sealed[0].0.clone(), sealed[0].1);
                engine.open(&key, &nonce, &aad, &mut opened, &tag).unwrap();
                assert_eq!(opened, data);
            }
            for engine in engines {
                let mut data = bad.clone();
                assert_eq!(engine.open(&key, &nonce, &aad, &mut data, &tag), Err(Reason::DecryptFailed));
                assert_eq!(data, vec![0; length]);
                assert_eq!(engine.seal(&key[1..], &nonce, &aad, &mut data, &mut tag), Err(Reason::KeyWrongUse));
            }
        }
    }
}

#[test]
fn agreements_from_one_draw_agree() {
    let (fast, soft, source) = (suite(), soft::suite(), source());
    for alg in [KeyAlg::P256, KeyAlg::X25519] {
        for round in 0..ROUNDS {
            let key = PrivateKey::generate(alg, &source).unwrap();
            let mut peer = [0; 65];
            let length = key.public(&mut peer).unwrap();
            if round % 3 == 1 {
                peer[source.below(length)] ^= 1 << source.below(8);
            }
            let answers = [&fast, &soft].map(|suite| {
                let (mut public, mut secret) = ([0; 65], Secret::zeroed());
                let draw = Repeatable(Cell::new(round as u64));
                let engine = suite.agreement(alg).unwrap();
                let made = engine.ephemeral(&draw, &peer[..length], &mut public, &mut secret);
                if made.is_err() { (made, [0; 65], [0; 32]) } else { (made, public, *secret.expose()) }
            });
            assert_eq!(answers[0], answers[1], "{alg:?} round {round}");
        }
        let engines = [fast.agreement(alg).unwrap(), soft.agreement(alg).unwrap()];
        let mut one = [0; 32];
        one[0] = 1;
        for peer in [&[0; 32][..], &one, &[0; 65], &[4; 65], &[2; 33], &[]] {
            let mut out = Secret::zeroed();
            for engine in engines {
                assert_eq!(engine.ephemeral(&source, peer, &mut [0; 65], &mut out), Err(Reason::KeyInvalid));
                assert_eq!(out, Secret::zeroed());
            }
        }
    }
}

#[test]
fn without_entropy_there_is_no_ephemeral_key() {
    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _: &mut [u8]) -> Outcome<()> {
            Err(Fault::Io)
        }
    }
    let key = PrivateKey::generate(KeyAlg::P256, &source()).unwrap();
    let mut peer = [0; 65];
    key.public(&mut peer).unwrap();
    let engine = suite().agreement(KeyAlg::P256).unwrap();
    assert_eq!(engine.ephemeral(&Dry, &peer, &mut [0; 65], &mut Secret::zeroed()), Err(Reason::EntropyFailed));
}

#[test]
fn compressed_points_expand_alike() {
    let key = PrivateKey::generate(KeyAlg::P256, &source()).unwrap();
    let mut public = [0; 65];
    key.public(&mut public).unwrap();
    let mut compressed: [u8; 33] = public[..33].try_into().unwrap();
    compressed[0] = 2 | public[64] & 1;
    let mut expanded = [0; 65];
    suite().agreement(KeyAlg::P256).unwrap().decompress(&compressed, &mut expanded).unwrap();
    assert_eq!(expanded, public);
    assert_eq!(
        suite().agreement(KeyAlg::X25519).unwrap().decompress(&compressed, &mut expanded),
        Err(Reason::AlgorithmUnsupported)
    );
}
