//! Hops of relays: added without opening, read without a key to the content, and tied to the one message.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use aseptic_core::cose::{
    ContentKey, Encrypt, Encrypt0, Headers, Mac0, MacKey, RecipientKey, SealTo, Sealer, Sign, Sign1, mac0, sign, sign1,
};
use aseptic_core::crypto::soft::suite;
use aseptic_core::crypto::{AeadAlg, HashAlg, KeyAlg};
use aseptic_core::{Reason, Result, limits};
use aseptic_messaging::{Countersigned, Form, countersign, countersign0};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::KeyPair;

const BODY: &[u8] = b"occlusion";
const SECRET: [u8; 16] = [7; 16];

fn made(write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let length = write(&mut out).unwrap();
    out.truncate(length);
    out
}

fn named(name: &[u8]) -> Headers<'_> {
    Headers { kid: Some(name), ..Headers::default() }
}

/// The type of a message, the message, and whether it still opens.
type Known = (&'static str, Vec<u8>, fn(&[u8]) -> bool);

/// One message of each type.
fn messages() -> Vec<Known> {
    let (suite, bench, key) = (suite(), Bench::new(3), KeyPair::new(KeyAlg::P256, 1));
    let sealer = Sealer { suite: &suite, entropy: &bench };
    let content = ContentKey::new(AeadAlg::Aes128Gcm, &SECRET).unwrap();
    let mac = MacKey::new(HashAlg::Sha256, &SECRET).unwrap();
    let none = Headers::default();
    vec![
        ("sign1", made(|out| sign1(&key.private, &none, BODY, false, &[], out)), |message| {
            let key = KeyPair::new(KeyAlg::P256, 1);
            Sign1::parse(message).and_then(|sign1| sign1.verify(&self::suite(), key.public(), &[], None)).is_ok()
        }),
        ("sign", made(|out| sign(&[(&key.private, none)], BODY, false, &[], out)), |message| {
            let key = KeyPair::new(KeyAlg::P256, 1);
            let sign = Sign::parse(message).unwrap();
            sign.layers().all(|layer| sign.verify(layer, &self::suite(), key.public(), &[], None).is_ok())
        }),
        ("mac0", made(|out| mac0(&suite, &mac, &none, BODY, false, &[], out)), |message| {
            let key = MacKey::new(HashAlg::Sha256, &SECRET).unwrap();
            Mac0::parse(message).and_then(|mac0| mac0.verify(&self::suite(), &key, &[], None)).is_ok()
        }),
        ("encrypt0", made(|out| sealer.encrypt0(&content, &none, BODY, &[], out)), |message| {
            let (key, mut out) = (ContentKey::new(AeadAlg::Aes128Gcm, &SECRET).unwrap(), [0; 64]);
            Encrypt0::parse(message).and_then(|it| it.open(&self::suite(), &key, &[], None, &mut out)).is_ok()
        }),
        (
            "encrypt",
            made(|out| {
                sealer.encrypt(AeadAlg::Aes128Gcm, &none, &[SealTo::wrap(b"adapter-1", &SECRET)], BODY, &[], out)
            }),
            |message| {
                let (key, mut out) = (RecipientKey::wrap(&SECRET).unwrap(), [0; 64]);
                Encrypt::parse(message).and_then(|it| it.open(&self::suite(), &key, &[], None, &mut out)).is_ok()
            },
        ),
    ]
}

#[test]
fn hops_are_told_in_turn_and_the_message_opens_as_before() {
    let relays = [KeyPair::new(KeyAlg::P256, 11), KeyPair::new(KeyAlg::Ed25519, 12), KeyPair::new(KeyAlg::P256, 13)];
    for (kind, message, opens) in messages() {
        assert_eq!(Countersigned::parse(&message).unwrap().countersignatures().count(), 0, "{kind}");
        let mut carried = message.clone();
        for (number, relay) in (0_u8..).zip(&relays) {
            let before = carried.len();
            carried = made(|out| countersign(&relay.private, &named(&[number]), &carried, &[], out));
            assert!(carried.len() - before <= 84, "{kind}: {} bytes a hop", carried.len() - before);
            assert!(opens(&carried), "{kind}");
        }
        let read = Countersigned::parse(&carried).unwrap();
        let hops: Vec<_> = read.countersignatures().collect();
        assert_eq!(hops.len(), relays.len(), "{kind}");
        for (number, hop) in hops.iter().enumerate() {
            assert_eq!((hop.form, hop.header.kid), (Form::Full, Some(&[u8::try_from(number).unwrap()][..])), "{kind}");
            for (other, relay) in relays.iter().enumerate() {
                let verdict = hop.verify(&suite(), relay.public(), &[]);
                assert_eq!(verdict.is_ok(), number == other, "{kind}: hop {number} with the key of {other}");
            }
            assert_eq!(hop.verify(&suite(), relays[number].public(), b"else"), Err(Reason::SignatureInvalid), "{kind}");
        }
    }
}

#[test]
fn an_abbreviated_countersignature_stands_alone_and_once() {
    let relay = KeyPair::new(KeyAlg::Ed25519, 12);
    for (kind, message, opens) in messages() {
        let carried = made(|out| countersign0(&relay.private, &message, &[], out));
        assert!(opens(&carried), "{kind}");
        assert_eq!(carried.len() - message.len(), 67, "{kind}");
        let both = made(|out| countersign(&relay.private, &named(b"r"), &carried, &[], out));
        let read = Countersigned::parse(&both).unwrap();
        let found: Vec<_> =
            read.countersignatures().map(|one| (one.form, one.verify(&suite(), relay.public(), &[]))).collect();
        assert_eq!(found, [(Form::Full, Ok(())), (Form::Abbreviated, Ok(()))], "{kind}");
        assert_eq!(countersign0(&relay.private, &carried, &[], &mut [0; 4096]), Err(Reason::CoseHeader), "{kind}");
    }
}

/// Every bit of what a hop signs is signed: header, content, and the signature or code of the message.
#[test]
fn no_flipped_bit_of_the_message_keeps_a_hop() {
    let relay = KeyPair::new(KeyAlg::Ed25519, 12);
    for (kind, message, _) in messages() {
        let carried = made(|out| countersign(&relay.private, &named(b"r"), &message, &[], out));
        let mut kept = Vec::new();
        for place in 0..carried.len() * 8 {
            let mut flipped = carried.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let Ok(read) = Countersigned::parse(&flipped) else { continue };
            if read.countersignatures().any(|hop| hop.verify(&suite(), relay.public(), &[]).is_ok()) {
                kept.push(place / 8);
            }
        }
        kept.dedup();
        // The tag is not signed, nor are the IV in the unprotected map and the layers of others.
        let free = |place: &usize| match kind {
            "sign1" | "mac0" => *place < 2,
            "encrypt0" => *place < 2 || iv(&carried).contains(place),
            "encrypt" => *place < 2 || iv(&carried).contains(place) || *place > recipients(&carried),
            _ => *place < 2 || *place > recipients(&carried),
        };
        let signed: Vec<_> = kept.into_iter().filter(|place| !free(place)).collect();
        assert!(signed.is_empty(), "{kind}: {signed:?} of {}", carried.len());
    }
}

/// Where the entry with the IV of a message lies: its label, its head and twelve bytes.
fn iv(message: &[u8]) -> std::ops::Range<usize> {
    let at = message.windows(2).position(|pair| pair == [5, 0x4C]).unwrap();
    at..at + 14
}

/// Where the list of one recipient or signature begins.
fn recipients(message: &[u8]) -> usize {
    message.windows(2).rposition(|pair| pair == [0x81, 0x83]).unwrap()
}

#[test]
fn a_hop_of_another_message_proves_nothing() {
    let relay = KeyPair::new(KeyAlg::P256, 11);
    let key = KeyPair::new(KeyAlg::P256, 1);
    let [one, other] = [b"occlusion 1", b"occlusion 2"]
        .map(|body| made(|out| sign1(&key.private, &Headers::default(), body, false, &[], out)));
    let carried = made(|out| countersign(&relay.private, &named(b"r"), &one, &[], out));
    // The unprotected map of the one in the place of the other's empty one.
    let at = one.iter().position(|byte| *byte == 0xA0).unwrap();
    let map = &carried[at..carried.len() - (one.len() - at - 1)];
    let moved = [&other[..at], map, &other[at + 1..]].concat();
    let read = Countersigned::parse(&moved).unwrap();
    let verdicts: Vec<_> = read.countersignatures().map(|hop| hop.verify(&suite(), relay.public(), &[])).collect();
    assert_eq!(verdicts, [Err(Reason::SignatureInvalid)]);
}

#[test]
fn hops_are_bounded_and_what_is_cut_is_refused() {
    let relay = KeyPair::new(KeyAlg::Ed25519, 12);
    let (_, mut carried, _) = messages().remove(3);
    for _ in 0..limits::COSE_LAYERS {
        carried = made(|out| countersign(&relay.private, &named(b"r"), &carried, &[], out));
    }
    assert_eq!(countersign(&relay.private, &named(b"r"), &carried, &[], &mut [0; 4096]), Err(Reason::TooLarge));
    for end in 0..carried.len() {
        assert!(Countersigned::parse(&carried[..end]).is_err(), "{end}");
    }
    assert_eq!(Countersigned::parse(&[&carried[..], &[0]].concat()).err(), Some(Reason::CborTrailing));
    let mut small = vec![0; carried.len()];
    let (_, message, _) = messages().remove(3);
    assert_eq!(
        countersign(&relay.private, &named(b"r"), &message, &[], &mut small[..message.len()]),
        Err(Reason::BufferTooSmall)
    );
}

#[test]
fn ill_formed_messages_and_lists_are_refused() {
    let empty_list = [0xD0, 0x83, 0x40, 0xA1, 11, 0x80, 0x41, 0];
    let apart = [0xD0, 0x83, 0x40, 0xA0, 0xF6];
    let two_codes = [0xD1, 0x85, 0x40, 0xA0, 0x40, 0x40, 0x40];
    let short = [0x82, 0x40, 0xA0];
    let twice = [0xD0, 0x83, 0x40, 0xA2, 12, 0x40, 12, 0x40, 0x40];
    let list_of_two_fields = [0xD0, 0x83, 0x40, 0xA1, 11, 0x81, 0x82, 0x40, 0xA0, 0x40];
    let mut many = vec![0xD0, 0x83, 0x40, 0xA1, 11, 0x89];
    (0..9).for_each(|_| many.extend([0x83, 0x40, 0xA0, 0x40]));
    many.push(0x40);
    let cases: [&[u8]; 7] = [&empty_list, &apart, &two_codes, &short, &twice, &list_of_two_fields, &many];
    for case in cases {
        assert!(Countersigned::parse(case).is_err(), "{case:02x?}");
    }
    many[5] = 0x88;
    many.drain(6..10);
    assert!(Countersigned::parse(&many).is_ok(), "eight are as many as there may be");
}
