//! SUIT envelopes, with cbor2 and pyca/cryptography on the other side.

use crate::{folder, python};
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey, soft};
use aseptic_hosted::crypto;
use aseptic_hosted::os::OsEntropy;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::encrypt::{Cipher, Recipient, encrypt};
use aseptic_infra::author::{Description, Envelope, Manifest, Signature, verify};
use aseptic_update::Digest;
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::path::Path;

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

const SET: &str = r#"
    vendor = "pumps.example"
    class = "infusion pump 2"
    sequence = 9
    use-before = "2030-06-30T00:00:00Z"
    sbom = "sbom"
    severed = ["install", "text"]
    text.en.update = "Ends a delay."
    [[component]]
    file = "main"
    uri = "https://pumps.example/9.enc"
    encryption = "info"
    payload = "payload"
    [[component]]
    id = ["radio", "stack"]
    slot.a = { file = "a", uri = "https://pumps.example/a" }
    slot.b = { file = "b", uri = "https://pumps.example/b" }
    [[component]]
    id = ["calibration"]
    file = "a"
    how = "write"
"#;

/// A set with an encrypted component and one for each slot, severed: a reader without any of our code finds the same in it.
#[test]
fn they_read_the_sets_that_we_author_and_open_what_we_encrypt() {
    let folder = folder("suit-set");
    let suite = soft::suite();
    let (main, a, b) = (vec![7; 3000], vec![8; 2000], vec![9; 100]);
    for cipher in [Cipher::A128Gcm, Cipher::A256Gcm, Cipher::A128Ctr, Cipher::A256Ctr] {
        let made = encrypt(&suite, &OsEntropy, cipher, &[Recipient::Shared(b"ward", &[5; 16])], &main).unwrap();
        fs::write(folder.join("info"), &made.info).unwrap();
        fs::write(folder.join("payload"), &made.payload).unwrap();
        let [info, payload] = ["info", "payload"].map(|name| folder.join(name).display().to_string());
        let Some(plain) = python("suit.py", &["open", &info, &payload, &"05".repeat(16)]) else { return };
        assert_eq!(plain, hex::encode(&main), "{cipher:?}");
    }
    for (name, bytes) in [("main", &main), ("a", &a), ("b", &b), ("sbom", &b"{}".to_vec())] {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let open = |path: &Path| {
        let file = fs::File::open(folder.join(path)).unwrap();
        Ok(Box::new(file) as Box<dyn Read>)
    };
    let manifest = Description::parse(SET).unwrap().manifest(&suite, &open).unwrap();
    let key = AuthorityKey::generate(KeyAlg::Ed25519).unwrap();
    let public = key.public().unwrap();
    let path = folder.join("set.suit");
    fs::write(&path, manifest.sign(&suite, &[Signature { key: public, signer: &key }]).unwrap()).unwrap();
    let spki = hex::encode(public.spki().concat());
    let read: Value =
        serde_json::from_str(&python("suit.py", &["set", path.to_str().unwrap(), &spki]).unwrap()).unwrap();
    let image = |bytes: &[u8]| {
        let digest = Digest::of(&suite, HashAlg::Sha256, &[bytes]).unwrap();
        json!([hex::encode(digest.as_bytes()), bytes.len()])
    };
    let uri = |name: &str| format!("https://pumps.example/{name}");
    assert_eq!(
        read["components"],
        json!([
            { "id": ["main"], "images": [image(&main)], "uris": [], "source": 3, "encrypted": 96 },
            { "id": ["radio", "stack"], "images": [image(&a), image(&b)], "uris": [uri("a"), uri("b")], "source": null, "encrypted": null },
            { "id": ["calibration"], "images": [image(&a)], "uris": [], "source": null, "encrypted": null },
            { "id": ["main", "encrypted"], "images": [], "uris": [uri("9.enc")], "source": null, "encrypted": null },
        ])
    );
    // Fetch into the passage, copy out of it, fetch, write.
    assert_eq!(read["directives"], json!([[3, 21], [0, 22], [1, 21], [2, 18]]));
    assert_eq!((&read["use_before"], &read["update"]), (&json!(1_909_008_000), &json!("Ends a delay.")));
    assert_eq!(read["sbom"], "nih:sha-256;44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    fs::remove_dir_all(&folder).unwrap();
}

/// A signature that pycose makes, as an operator of an HSM would, goes into our envelope and counts.
#[test]
fn we_add_the_signatures_that_they_make() {
    let folder = folder("suit-block");
    let (path, block) = (folder.join("ours.suit"), folder.join("theirs.cose"));
    let suite = soft::suite();
    let manifest = Manifest::new("pumps.example", "infusion pump 2", 9, "#image").image(b"image").unwrap();
    let mut envelope = Envelope::unsigned(&suite, &manifest).unwrap();
    fs::write(&path, envelope.encode()).unwrap();
    let Some(spki) = python("suit.py", &["block", path.to_str().unwrap(), block.to_str().unwrap()]) else { return };
    let spki = hex::decode(spki).unwrap();
    let key = PublicKey::from_spki(&spki).unwrap();
    assert!(envelope.add(&suite, &fs::read(&block).unwrap(), &[key]).unwrap().new);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(verify(&suite, &envelope.encode(), &[key], Some(&manifest.identity())).unwrap().sequence, 9);
}

/// ML-DSA with pyca/cryptography: its keys sign for us, it verifies what we sign with ours, and its bare signatures go in.
#[test]
fn ml_dsa_goes_both_ways() {
    let folder = folder("suit-quantum");
    let (path, pem, message) = (folder.join("ours.suit"), folder.join("key.pem"), folder.join("message"));
    let [path, pem, message] = [path, pem, message].map(|path| path.display().to_string());
    let suite = crypto::suite();
    let manifest = Manifest::new("pumps.example", "infusion pump 2", 9, "#image").image(b"image").unwrap();
    for (name, alg) in [("ML-DSA-44", KeyAlg::MlDsa44), ("ML-DSA-65", KeyAlg::MlDsa65), ("ML-DSA-87", KeyAlg::MlDsa87)]
    {
        let Some(spki) = python("suit.py", &["key", name, &pem]) else { return };
        let theirs = AuthorityKey::from_pem(&fs::read_to_string(&pem).unwrap()).unwrap();
        assert_eq!(hex::encode(theirs.public().unwrap().spki().concat()), spki);
        let ours = AuthorityKey::generate(alg).unwrap();
        for key in [&theirs, &ours] {
            let public = key.public().unwrap();
            fs::write(&path, manifest.sign(&suite, &[Signature { key: public, signer: key }]).unwrap()).unwrap();
            let spki = hex::encode(public.spki().concat());
            assert_eq!(python("suit.py", &["quantum", &path, &spki]).unwrap(), "verified");
        }
        // As an HSM signs: bare, what it was handed; and with our private key in their hands.
        fs::write(&pem, ours.expose_pem().as_bytes()).unwrap();
        let (mut envelope, key) = (Envelope::unsigned(&suite, &manifest).unwrap(), ours.public().unwrap());
        fs::write(&message, envelope.message(&suite, key).unwrap()).unwrap();
        let signature = hex::decode(python("suit.py", &["raw", &message, &pem]).unwrap()).unwrap();
        let block = envelope.block(&suite, key, &signature).unwrap();
        assert!(envelope.add(&suite, &block, &[key]).unwrap().new);
        assert_eq!(verify(&suite, &envelope.encode(), &[key], Some(&manifest.identity())).unwrap().sequence, 9);
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// HSS/LMS with pyhsslms, which holds the key as an HSM would.
#[test]
fn a_bare_hash_based_signature_of_theirs_goes_in() {
    let suite = soft::suite();
    let manifest = Manifest::new("pumps.example", "infusion pump 2", 9, "#image").image(b"image").unwrap();
    let mut envelope = Envelope::unsigned(&suite, &manifest).unwrap();
    let folder = folder("suit-hss");
    let state = folder.join("hsm").display().to_string();
    let Some(public) = python("hss.py", &["make", &state]) else { return };
    let public = hex::decode(public).unwrap();
    let key = PublicKey::new(KeyAlg::HssLms256, &public).unwrap();
    let message = hex::encode(envelope.message(&suite, key).unwrap());
    let signature = hex::decode(python("hss.py", &["sign", &state, &message]).unwrap()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let block = envelope.block(&suite, key, &signature).unwrap();
    assert!(envelope.add(&suite, &block, &[key]).unwrap().new);
    assert_eq!(verify(&suite, &envelope.encode(), &[key], Some(&manifest.identity())).unwrap().sequence, 9);
}
