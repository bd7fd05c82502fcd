//! Keys that are too long to be held: pinned by their thumbprint, they travel with what they sign.

use aseptic_core::Reason;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_hosted::crypto::suite;
use aseptic_testbed::conformance::{json, vectors};

/// A published message (RFC 9964) with something in its unprotected header.
fn with_key(message: &[u8], key: Option<&[u8]>) -> Vec<u8> {
    // Tag, array, protected header of 39 bytes behind a head of two; then an empty map.
    let (front, rest) = message.split_at(2 + 2 + 39);
    assert_eq!(rest[0], 0xA0);
    let mut map = vec![0; 4096];
    let mut writer = Writer::new(&mut map);
    match key {
        Some(key) => writer.map(1).int(-65_537).bytes(key),
        None => writer.map(0),
    };
    let map = writer.finish().unwrap();
    [front, map, &rest[1..]].concat()
}

#[test]
fn a_key_is_believed_by_its_thumbprint_and_no_other_key_is() {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    for (name, alg) in [("44", KeyAlg::MlDsa44), ("65", KeyAlg::MlDsa65), ("87", KeyAlg::MlDsa87)] {
        let file = json(&vectors.join(format!("cose/mldsa-rfc9964/ML_DSA_{name}.cose.json"))).unwrap();
        let bytes = |field: &str| hex::decode(file[field].as_str().unwrap()).unwrap();
        let (key, message) = (bytes("raw_public_key"), bytes("sign1"));
        let thumbprint = PublicKey::new(alg, &key).unwrap().thumbprint(&suite()).unwrap();
        let kid = Sign1::parse(&message).unwrap().header.kid.unwrap().to_vec();
        let judge = |material: Material<'_>, message: &[u8]| {
            let purposes = Purposes::of(&[Purpose::UpdateInstall]);
            let entries = [Entry { purposes, name: &kid, material }];
            let trust = danger::unsigned(Authority::Manufacturer, &entries).unwrap();
            let message = Sign1::parse(message).unwrap();
            trust.verify_sign1(&suite(), Purpose::UpdateInstall, &message, &[], None)
        };
        let pinned = Material::Thumbprint(alg, &thumbprint);
        let peer = judge(pinned, &with_key(&message, Some(&key))).unwrap();
        assert_eq!((peer.alg(), peer.thumbprint(&suite())), (Some(alg), Ok(thumbprint)));
        assert_eq!(peer.key(), Err(Reason::AlgorithmUnsupported), "the key is not held");

        let mut other = key.clone();
        other[9] ^= 1;
        let short = &key[..key.len() - 1];
        for wrong in [None, Some(&other[..]), Some(short), Some(&[][..])] {
            assert_eq!(judge(pinned, &with_key(&message, wrong)).err(), Some(Reason::KeyInvalid));
        }
        let mut changed = with_key(&message, Some(&key));
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(judge(pinned, &changed).err(), Some(Reason::SignatureInvalid));
        // The right key, pinned as one of another algorithm.
        let wrong = if alg == KeyAlg::MlDsa44 { KeyAlg::MlDsa65 } else { KeyAlg::MlDsa44 };
        let told = judge(Material::Thumbprint(wrong, &thumbprint), &with_key(&message, Some(&key)));
        assert_eq!(told.err(), Some(Reason::KeyInvalid));
    }
}
