//! SUIT envelopes, with cbor2 and pyca/cryptography on the other side.

use crate::{folder, python};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey, soft};
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{Manifest, Signature, verify};
use aseptic_update::Digest;
use serde_json::Value;
use std::fs;

#[test]
fn they_verify_what_we_author() {
    let folder = folder("suit-ours");
    let path = folder.join("ours.suit");
    let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let image = vec![7; 3000];
    for uri in ["#image", "https://pumps.example/9.bin"] {
        let manifest = Manifest::new("pumps.example", "infusion pump 2", 9, uri).image(&image).unwrap();
        let signature = Signature { key: key.public().unwrap(), signer: &key };
        fs::write(&path, manifest.sign(&soft::suite(), &[signature]).unwrap()).unwrap();
        let spki = hex::encode(key.public().unwrap().spki().concat());
        let Some(read) = python("suit.py", &["verify", path.to_str().unwrap(), &spki]) else { return };
        let read: Value = serde_json::from_str(&read).unwrap();
        let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[&image]).unwrap();
        assert_eq!((read["version"].as_u64(), read["sequence"].as_u64()), (Some(1), Some(9)));
        assert_eq!(read["size"].as_u64(), Some(3000));
        assert_eq!(read["digest"], hex::encode(digest.as_bytes()));
        assert_eq!(read["uri"], uri);
        assert_eq!(read["vendor"], "a303e95d-c07f-5d48-b2cc-77812b6a57e7");
        assert_eq!(read["class"], "ccf31e5b-6c25-54b9-b7cc-1c199c8148f5");
        let payload = if uri == "#image" { Value::from(hex::encode(&image)) } else { Value::Null };
        assert_eq!(read["payload"], payload);
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn we_install_what_they_author() {
    let folder = folder("suit-theirs");
    let (path, image_path) = (folder.join("theirs.suit"), folder.join("image"));
    let image = b"an image by another hand";
    fs::write(&image_path, image).unwrap();
    let Some(spki) = python("suit.py", &["author", path.to_str().unwrap(), image_path.to_str().unwrap()]) else {
        return;
    };
    let spki = hex::decode(spki).unwrap();
    let envelope = fs::read(&path).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let identity = Manifest::new("pumps.example", "infusion pump 2", 9, "#image").identity();
    let key = PublicKey::from_spki(&spki).unwrap();
    let found = verify(&soft::suite(), &envelope, &[key], Some(&identity)).unwrap();
    assert_eq!((found.sequence, found.size), (9, image.len() as u64));
    assert_eq!(found.payload.as_deref(), Some(image.as_slice()));
}
