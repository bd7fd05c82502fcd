//! What the algorithms promise beyond the test vectors, which `aseptic-testbed` runs.

use super::*;
use crate::crypto::{AeadAlg, Ctr, HashAlg, KeyAlg, Message, Parts, PublicKey};
use crate::platform::{Absent, Entropy, Outcome};
use crate::reason::Reason;
use crate::secret::Secret;
use core::cell::Cell;
use std::format;
use std::vec::Vec;

/// Bytes that differ from call to call and repeat from run to run.
struct Counting(Cell<u8>);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        for byte in out {
            self.0.set(self.0.get().wrapping_mul(5).wrapping_add(3));
            *byte = self.0.get();
        }
        Ok(())
    }
}

fn entropy() -> Counting {
    Counting(Cell::new(1))
}

fn public(key: &PrivateKey) -> Vec<u8> {
    let mut out = [0; 65];
    let length = key.public(&mut out).unwrap();
    out[..length].to_vec()
}

#[test]
fn one_digest_whatever_the_parts() {
    let suite = suite();
    for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
        let whole = suite.digest(alg, &mut Parts(&[b"abcdefgh"])).unwrap();
        assert_eq!(suite.digest(alg, &mut Parts(&[b"abc", b"", b"defgh"])).unwrap(), whole);
        assert!(whole[alg.digest_len()..].iter().all(|byte| *byte == 0));
    }
    // FIPS 180-4, appendix: the digest of "abc".
    assert_eq!(suite.sha256(&[b"abc"]).unwrap()[..4], [0xBA, 0x78, 0x16, 0xBF]);
}

#[test]
fn a_hash_state_of_another_hash_is_misuse() {
    use crate::crypto::Hash;
    let mut state = Sha256.start().unwrap();
    assert_eq!(Sha512.update(&mut state, b"x"), Err(Reason::Misuse));
    assert_eq!(Sha384.finish(state, &mut [0; 64]), Err(Reason::Misuse));
}

#[test]
fn signatures_verify_and_every_flipped_bit_is_refused() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let key = PrivateKey::generate(alg, &entropy()).unwrap();
        let public = public(&key);
        let public = PublicKey::new(alg, &public).unwrap();
        let mut signature = [0; 64];
        assert_eq!(key.sign(&mut Parts(&[b"dose", b" 5 ml"]), &mut signature), Ok(64));
        let verify = |message: &[u8], signature: &[u8]| suite().verify(public, &mut Parts(&[message]), signature);
        assert_eq!(verify(b"dose 5 ml", &signature), Ok(()));
        assert_eq!(verify(b"dose 50 ml", &signature), Err(Reason::SignatureInvalid));
        for bit in 0..512 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(b"dose 5 ml", &flipped), Err(Reason::SignatureInvalid), "{alg:?} bit {bit}");
        }
        for end in 0..64 {
            assert_eq!(verify(b"dose 5 ml", &signature[..end]), Err(Reason::SignatureInvalid));
        }
    }
}

/// RFC 6979, appendix A.2.5: P-256 with SHA-256.
#[test]
fn the_nonce_of_a_signature_is_that_of_the_rfc() {
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes = |hex: &str| -> Vec<u8> { hex.as_bytes().chunks(2).map(byte).collect() };
    let secret = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let key = PrivateKey::from_bytes(KeyAlg::P256, secret.first_chunk().unwrap()).unwrap();
    for (message, r, s) in [
        (
            "sample",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            "test",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
        ),
    ] {
        let mut signature = [0; 64];
        key.sign(&mut Parts(&[message.as_bytes()]), &mut signature).unwrap();
        assert_eq!(signature.to_vec(), [bytes(r), bytes(s)].concat(), "{message}");
    }
}

#[test]
fn a_digest_signs_as_its_message_does() {
    let key = PrivateKey::generate(KeyAlg::P256, &entropy()).unwrap();
    let (mut one, mut two) = ([0; 64], [0; 64]);
    key.sign(&mut Parts(&[b"m"]), &mut one).unwrap();
    key.sign_digest(&suite().sha256(&[b"m"]).unwrap(), &mut two).unwrap();
    assert_eq!(one, two);
}

#[test]
fn ed25519_keys_of_small_order_or_with_a_second_encoding_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    // A signature of zero by the identity holds for every message under the loose equation.
    let mut signature = [0; 64];
    signature[0] = 1;
    let mut above_p = [0xFF; 32];
    above_p[31] = 0x7F;
    above_p[0] = 0xF0;
    for key in [identity, [0; 32], above_p] {
        let key = PublicKey::new(KeyAlg::Ed25519, &key).unwrap();
        assert_eq!(suite().verify(key, &mut Parts(&[b"m"]), &signature), Err(Reason::KeyInvalid));
    }
}

/// A message that is another one each time it is read.
struct Shifting(u8);

impl Message for Shifting {
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> crate::Result<()>) -> crate::Result<()> {
        self.0 = self.0.wrapping_add(1);
        sink(&[self.0])
    }
}

#[test]
fn a_message_that_changes_between_readings_is_not_signed() {
    let key = PrivateKey::generate(KeyAlg::Ed25519, &entropy()).unwrap();
    let mut signature = [0; 64];
    assert_eq!(key.sign(&mut Shifting(0), &mut signature), Err(Reason::Misuse));
    assert_eq!(signature, [0; 64]);
}

#[test]
fn both_sides_agree_on_one_secret() {
    for alg in [KeyAlg::P256, KeyAlg::X25519] {
        let key = PrivateKey::generate(alg, &entropy()).unwrap();
        let (mut theirs, mut ours) = (Secret::zeroed(), Secret::zeroed());
        let mut ephemeral = [0; 65];
        let source = Counting(Cell::new(77));
        let engine = suite().agreement(alg).unwrap();
        let length = engine.ephemeral(&source, &public(&key), &mut ephemeral, &mut theirs).unwrap();
        key.agree(&ephemeral[..length], &mut ours).unwrap();
        assert_eq!(ours, theirs);
        assert_ne!(ours, Secret::zeroed());
    }
}

#[test]
fn points_that_are_no_public_keys_are_refused() {
    let mut out = Secret::zeroed();
    let p256 = PrivateKey::generate(KeyAlg::P256, &entropy()).unwrap();
    let mut off_curve = public(&p256);
    off_curve[64] ^= 1;
    for peer in [&off_curve[..], &off_curve[..64], &[0], &[]] {
        assert_eq!(p256.agree(peer, &mut out), Err(Reason::KeyInvalid));
    }
    let x25519 = PrivateKey::generate(KeyAlg::X25519, &entropy()).unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    for peer in [[0; 32], one] {
        assert_eq!(x25519.agree(&peer, &mut out), Err(Reason::KeyInvalid));
    }
    assert_eq!(out, Secret::zeroed());
}

#[test]
fn compressed_points_expand_to_the_key() {
    let key = public(&PrivateKey::generate(KeyAlg::P256, &entropy()).unwrap());
    let mut compressed = [0; 33];
    compressed.copy_from_slice(&key[..33]);
    compressed[0] = 2 | key[64] & 1;
    let mut expanded = [0; 65];
    let engine = suite().agreement(KeyAlg::P256).unwrap();
    engine.decompress(&compressed, &mut expanded).unwrap();
    assert_eq!(expanded[..], key[..]);
    compressed[0] = 4;
    assert_eq!(engine.decompress(&compressed, &mut expanded), Err(Reason::KeyInvalid));
}

#[test]
fn aeads_open_what_they_seal_and_nothing_else() {
    for alg in [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305] {
        let aead = suite().aead(alg).unwrap();
        let key = &[7; 32][..alg.key_len()];
        let (mut data, mut tag) = (*b"infusion", [0; 16]);
        aead.seal(key, &[1; 12], b"aad", &mut data, &mut tag).unwrap();
        for bit in 0..(8 + 16) * 8 {
            let (mut data, mut tag) = (data, tag);
            if bit < 64 {
                data[bit / 8] ^= 1 << (bit % 8)
            } else {
                tag[bit / 8 - 8] ^= 1 << (bit % 8)
            }
            assert_eq!(aead.open(key, &[1; 12], b"aad", &mut data, &tag), Err(Reason::DecryptFailed));
            assert_eq!(data, [0; 8]);
        }
        assert_eq!(aead.open(key, &[1; 12], b"AAD", &mut data.clone(), &tag), Err(Reason::DecryptFailed));
        assert_eq!(aead.open(&key[1..], &[1; 12], b"aad", &mut data.clone(), &tag), Err(Reason::KeyWrongUse));
        aead.open(key, &[1; 12], b"aad", &mut data, &tag).unwrap();
        assert_eq!(&data, b"infusion");
    }
}

#[test]
fn wrapped_keys_unwrap_and_every_flipped_bit_is_refused() {
    let wrap = suite().key_wrap().unwrap();
    for (kek, key) in [(16, 16), (24, 32), (32, 64)] {
        let (kek, key) = (&[9; 32][..kek], &[3; 64][..key]);
        let (mut wrapped, mut out) = ([0; 72], [0; 64]);
        let length = wrap.wrap(kek, key, &mut wrapped).unwrap();
        assert_eq!(length, key.len() + 8);
        assert_eq!(wrap.unwrap(kek, &wrapped[..length], &mut out), Ok(key.len()));
        assert_eq!(out[..key.len()], *key);
        assert_eq!(wrap.unwrap(kek, &wrapped[..length], &mut out[..8]), Err(Reason::BufferTooSmall));
        for bit in 0..length * 8 {
            let mut flipped = wrapped;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(wrap.unwrap(kek, &flipped[..length], &mut out), Err(Reason::DecryptFailed));
        }
        for end in 0..length {
            assert_eq!(wrap.unwrap(kek, &wrapped[..end], &mut out), Err(Reason::DecryptFailed));
        }
    }
    assert_eq!(wrap.wrap(&[0; 16], &[0; 8], &mut [0; 16]), Err(Reason::KeyWrongUse));
    assert_eq!(wrap.wrap(&[0; 17], &[0; 16], &mut [0; 24]), Err(Reason::KeyWrongUse));
}

#[test]
fn without_entropy_there_is_no_key() {
    for alg in [KeyAlg::P256, KeyAlg::Ed25519, KeyAlg::X25519] {
        assert_eq!(PrivateKey::generate(alg, &Absent).err(), Some(Reason::EntropyFailed));
    }
    /// A source stuck at zero, which is no scalar of P-256.
    struct Stuck;
    impl Entropy for Stuck {
        fn fill(&self, out: &mut [u8]) -> Outcome<()> {
            out.fill(0);
            Ok(())
        }
    }
    assert_eq!(PrivateKey::generate(KeyAlg::P256, &Stuck).err(), Some(Reason::EntropyFailed));
    assert_eq!(PrivateKey::from_bytes(KeyAlg::P256, &[0xFF; 32]).err(), Some(Reason::KeyInvalid));
}

#[test]
fn keys_are_for_one_use_and_never_printed() {
    let x25519 = PrivateKey::from_bytes(KeyAlg::X25519, &[0xAB; 32]).unwrap();
    assert_eq!(x25519.sign(&mut Parts(&[b"m"]), &mut [0; 64]), Err(Reason::KeyWrongUse));
    assert_eq!(x25519.sign_digest(&[0; 32], &mut [0; 64]), Err(Reason::KeyWrongUse));
    let ed25519 = PrivateKey::from_bytes(KeyAlg::Ed25519, &[0xAB; 32]).unwrap();
    assert_eq!(ed25519.agree(&[9; 32], &mut Secret::zeroed()), Err(Reason::KeyWrongUse));
    assert_eq!(format!("{x25519:?}"), "PrivateKey(X25519, redacted)");
}

/// SP 800-38A, F.5.1 and F.5.5: whole, and from every byte on.
#[test]
fn counter_mode_gives_the_examples_of_the_standard() {
    let hex = |text: &str| -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let counter = 0xF0F1_F2F3_F4F5_F6F7_F8F9_FAFB_FCFD_FEFF_u128.to_be_bytes();
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let cases = [
        ("2b7e151628aed2a6abf7158809cf4f3c", "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
        ),
    ];
    for (key, sealed) in cases.map(|(key, sealed)| (hex(key), hex(sealed))) {
        for from in 0..plain.len() {
            let mut data = sealed[from..].to_vec();
            AesCtr.apply(&key, &counter, from as u64, &mut data).unwrap();
            assert_eq!(data, plain[from..]);
        }
    }
    assert_eq!(AesCtr.apply(&[0; 15], &counter, 0, &mut []), Err(Reason::KeyWrongUse));
}
