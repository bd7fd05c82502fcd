//! Properties of COSE messages over random contents, keys and damage.

use aseptic_core::cose::{
    ContentKey, CoseAlg, Encrypt, Encrypt0, Headers, Mac0, MacKey, RecipientKey, SealTo, Sealer, Sign, Sign1, mac0,
    read_key, sign1,
};
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg, PublicKey};
use aseptic_core::platform::{Entropy, Outcome};
use aseptic_core::{Reason, limits};
use proptest::prelude::*;
use std::cell::Cell;

/// A repeatable stream of bytes (SplitMix64).
struct Stream(Cell<u64>);

impl Entropy for Stream {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        for chunk in out.chunks_mut(8) {
            self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
            let mut word = self.0.get();
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// What one message is made of.
#[derive(Clone, Debug)]
struct Content {
    plaintext: Vec<u8>,
    aad: Vec<u8>,
    kid: Vec<u8>,
    seed: u64,
}

fn content() -> impl Strategy<Value = Content> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    (bytes(2000), bytes(limits::COSE_AAD), bytes(limits::KID), any::<u64>())
        .prop_map(|(plaintext, aad, kid, seed)| Content { plaintext, aad, kid, seed })
}

fn aead() -> impl Strategy<Value = AeadAlg> {
    prop::sample::select(vec![AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305])
}

/// One thing that may happen to bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        place().prop_map(Damage::Remove),
        (place(), place()).prop_map(|(one, two)| Damage::Swap(one, two)),
    ]
}

impl Damage {
    fn apply(&self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        let length = message.len();
        match self {
            Self::Replace(at, byte) => message[at.index(length)] = *byte,
            Self::Insert(at, byte) => message.insert(at.index(length + 1), *byte),
            Self::Remove(at) => drop(message.remove(at.index(length))),
            Self::Swap(one, two) => message.swap(one.index(length), two.index(length)),
        }
        message
    }
}

fn made(write: impl FnOnce(&mut [u8]) -> aseptic_core::Result<usize>) -> Vec<u8> {
    let mut out = vec![0; 8192];
    let length = write(&mut out).unwrap();
    out.truncate(length);
    out
}

fn public(key: &PrivateKey) -> Vec<u8> {
    made(|out| key.public(out))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_signed_message_verifies_until_it_is_damaged(
        content in content(), detached: bool, damage in damage(), ed25519: bool,
    ) {
        let alg = if ed25519 { KeyAlg::Ed25519 } else { KeyAlg::P256 };
        let key = PrivateKey::generate(alg, &Stream(Cell::new(content.seed))).unwrap();
        let public = public(&key);
        let public = PublicKey::new(alg, &public).unwrap();
        let headers = Headers { kid: Some(&content.kid), ..Headers::default() };
        let message = made(|out| sign1(&key, &headers, &content.plaintext, detached, &content.aad, out));
        let apart = detached.then_some(&content.plaintext[..]);
        let verify = |message: &[u8]| Sign1::parse(message)?.verify(&suite(), public, &content.aad, apart);
        prop_assert_eq!(verify(&message), Ok(()));
        let damaged = damage.apply(&message);
        prop_assert!(damaged == message || verify(&damaged).is_err());
    }

    #[test]
    fn an_authenticated_message_verifies_until_it_is_damaged(content in content(), damage in damage()) {
        let key = content.seed.to_be_bytes().repeat(4);
        let key = MacKey::new(HashAlg::Sha384, &key).unwrap();
        let headers = Headers { kid: Some(&content.kid), ..Headers::default() };
        let message = made(|out| mac0(&suite(), &key, &headers, &content.plaintext, false, &content.aad, out));
        let verify = |message: &[u8]| Mac0::parse(message)?.verify(&suite(), &key, &content.aad, None);
        prop_assert_eq!(verify(&message), Ok(()));
        let damaged = damage.apply(&message);
        prop_assert!(damaged == message || verify(&damaged).is_err());
    }

    #[test]
    fn a_sealed_message_opens_until_it_is_damaged(content in content(), alg in aead(), damage in damage()) {
        let (suite, entropy) = (suite(), Stream(Cell::new(content.seed)));
        let sealer = Sealer { suite: &suite, entropy: &entropy };
        let key = content.seed.to_be_bytes().repeat(4);
        let key = ContentKey::new(alg, &key[..alg.key_len()]).unwrap();
        let headers = Headers { kid: Some(&content.kid), ..Headers::default() };
        let message = made(|out| sealer.encrypt0(&key, &headers, &content.plaintext, &content.aad, out));
        let open = |message: &[u8]| {
            let mut out = vec![0; message.len()];
            let length = Encrypt0::parse(message)?.open(&suite, &key, &content.aad, None, &mut out)?;
            Ok::<_, Reason>(out[..length].to_vec())
        };
        prop_assert_eq!(open(&message), Ok(content.plaintext.clone()));
        let damaged = damage.apply(&message);
        prop_assert!(damaged == message || open(&damaged).is_err());
    }

    #[test]
    fn every_recipient_opens_one_message_and_damage_never_gives_another(
        content in content(), alg in aead(), damage in damage(), x25519 in prop::collection::vec(any::<bool>(), 1..=8),
    ) {
        let (suite, entropy) = (suite(), Stream(Cell::new(content.seed)));
        let sealer = Sealer { suite: &suite, entropy: &entropy };
        let curve = |x25519: &bool| if *x25519 { KeyAlg::X25519 } else { KeyAlg::P256 };
        let keys: Vec<_> = x25519.iter().map(|x| PrivateKey::generate(curve(x), &entropy).unwrap()).collect();
        let publics: Vec<_> = keys.iter().map(|key| (key.alg(), public(key))).collect();
        let to: Vec<_> = publics
            .iter()
            .map(|(alg, bytes)| SealTo::agree(&content.kid, PublicKey::new(*alg, bytes).unwrap()))
            .collect();
        let headers = Headers::default();
        let message = made(|out| sealer.encrypt(alg, &headers, &to, &content.plaintext, &content.aad, out));
        let damaged = damage.apply(&message);
        let wrap = if alg.key_len() == 16 { CoseAlg::ECDH_ES_A128KW } else { CoseAlg::ECDH_ES_A256KW };
        for key in &keys {
            let key = RecipientKey::agree(wrap, key).unwrap().with_kid(&content.kid);
            let open = |message: &[u8]| {
                let mut out = vec![0; message.len()];
                let length = Encrypt::parse(message)?.open(&suite, &key, &content.aad, None, &mut out)?;
                Ok::<_, Reason>(out[..length].to_vec())
            };
            prop_assert_eq!(open(&message), Ok(content.plaintext.clone()));
            // Damage to the layer of another recipient, or to a hint, may leave the message readable, as it was.
            prop_assert!(open(&damaged).map_or(true, |opened| opened == content.plaintext));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), tag in 0_usize..6) {
        let heads: [&[u8]; 6] = [&[], &[0xD0, 0x83], &[0xD1, 0x84], &[0xD2, 0x84], &[0xD8, 96, 0x84], &[0xD8, 98, 0x84]];
        let bytes = [heads[tag], &bytes].concat();
        let _ = Sign1::parse(&bytes);
        let _ = Sign::parse(&bytes);
        let _ = Mac0::parse(&bytes);
        let _ = Encrypt0::parse(&bytes);
        let _ = Encrypt::parse(&bytes).map(|message| message.recipients().count());
        let _ = read_key(&bytes, &suite(), &mut [0; 65]);
    }
}
