//! The author's side, against the device's code.

use super::encrypt::{Cipher, Recipient, encrypt};
use super::*;
use crate::{AuthorityKey, Error};
use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, KeyAlg, PublicKey, soft};
use aseptic_hosted::os::OsEntropy;
use aseptic_update::Digest;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

const DESCRIPTION: &str = r##"
    vendor = "pumps.example"
    class = "infusion pump 2"
    sequence = 7
    [[component]]
    file = "pump-7.bin"
    uri = "#image"
"##;

/// Files in memory.
fn open(files: &[(&str, &[u8])]) -> impl Fn(&Path) -> Result<Box<dyn Read>> + use<> {
    let files: BTreeMap<_, _> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    move |path: &Path| match files.get(path.to_str().unwrap_or_default()) {
        Some(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
        None => Err(Error::new(Reason::FileMissing, "reading a file of memory")),
    }
}

fn described(text: &str, files: &[(&str, &[u8])]) -> Result<Manifest> {
    Description::parse(text)?.manifest(&soft::suite(), &open(files))
}

pub(super) fn key(alg: KeyAlg) -> AuthorityKey {
    AuthorityKey::generate(alg).unwrap()
}

pub(super) fn signature(key: &AuthorityKey) -> Signature<'_> {
    Signature { key: key.public().unwrap(), signer: key }
}

fn reason<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    result.unwrap_err().reason()
}

// The vendor of the examples in the SUIT manifest draft, and a class as another implementation names it.
#[test]
fn identifiers_are_those_that_others_derive() {
    let vendor = vendor_id("arm.com");
    assert_eq!(Uuid::from_bytes(vendor).to_string(), "fa6b4a53-d5ad-5fdf-be9d-e663e4d41ffe");
    // Python: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "pumps.example"), "infusion pump 2")
    let class = class_id(&vendor_id("pumps.example"), "infusion pump 2");
    assert_eq!(Uuid::from_bytes(class).to_string(), "ccf31e5b-6c25-54b9-b7cc-1c199c8148f5");
}

#[test]
fn a_description_becomes_an_envelope_that_a_device_takes() {
    let manifest = described(DESCRIPTION, &[("pump-7.bin", b"firmware")]).unwrap();
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let key = key(alg);
        let public = key.public().unwrap();
        let envelope = manifest.sign(&soft::suite(), &[signature(&key)]).unwrap();
        let found = verify(&soft::suite(), &envelope, &[public], Some(&manifest.identity())).unwrap();
        assert_eq!((found.sequence, found.size, found.uri.as_str()), (7, 8, "#image"));
        assert_eq!(found.payload.as_deref(), Some(b"firmware".as_slice()));
        assert_eq!(found.signer, public.thumbprint(&soft::suite()).unwrap());
        assert_eq!(verify(&soft::suite(), &envelope, &[public], None).unwrap().signer, found.signer);
        // Made twice it is the same, signature and all.
        assert_eq!(manifest.sign(&soft::suite(), &[signature(&key)]).unwrap(), envelope);
        assert_eq!(Envelope::parse(&envelope).unwrap().encode(), envelope);
        assert_eq!(Identity::named_by(&Envelope::parse(&envelope).unwrap()).unwrap(), manifest.identity());
    }
}

#[test]
fn two_authors_sign_one_manifest() {
    let (one, two) = (key(KeyAlg::P256), key(KeyAlg::Ed25519));
    let manifest = Manifest::new("pumps.example", "pump", 1, "https://pumps.example/1").image(b"x").unwrap();
    let envelope = manifest.sign(&soft::suite(), &[signature(&one), signature(&two)]).unwrap();
    for key in [&one, &two] {
        verify(&soft::suite(), &envelope, &[key.public().unwrap()], None).unwrap();
    }
}

#[test]
fn a_signature_goes_in_once_and_only_where_it_belongs() {
    let suite = soft::suite();
    let (alice, bob) = (key(KeyAlg::P256), key(KeyAlg::Ed25519));
    let keys = [alice.public().unwrap(), bob.public().unwrap()];
    let make = |sequence| {
        let manifest = Manifest::new("pumps.example", "pump", sequence, "https://pumps.example/1").image(b"x").unwrap();
        Envelope::unsigned(&suite, &manifest).unwrap()
    };
    let (mut envelope, other) = (make(1), make(2));
    let block = envelope.sign(&suite, &signature(&alice)).unwrap();
    assert!(envelope.add(&suite, &block, &keys).unwrap().new);
    let once = envelope.clone();
    assert!(!envelope.add(&suite, &block, &keys).unwrap().new);
    assert_eq!(
        reason(envelope.add(&suite, &other.sign(&suite, &signature(&bob)).unwrap(), &keys)),
        Reason::SignatureInvalid
    );
    let block = envelope.sign(&suite, &signature(&bob)).unwrap();
    assert_eq!(reason(envelope.add(&suite, &block, &keys[..1])), Reason::UnknownSigner);
    assert_eq!(reason(envelope.add(&suite, b"\xD2", &keys)), Reason::CborMalformed);
    assert_eq!(envelope, once, "what is refused changes nothing");
    assert!(envelope.add(&suite, &block, &keys).unwrap().new);
    assert_eq!(envelope.blocks().count(), 2);
}

/// Nobody signs a manifest whose digest is that of another one.
#[test]
fn an_exchanged_manifest_is_not_signed() {
    let suite = soft::suite();
    let make = |sequence| {
        let manifest = Manifest::new("pumps.example", "pump", sequence, "https://pumps.example/1").image(b"x").unwrap();
        Envelope::unsigned(&suite, &manifest).unwrap().encode()
    };
    let mut exchanged = make(1);
    let at = exchanged.windows(4).position(|window| window == [0x01, 0x01, 0x02, 0x01]).unwrap();
    exchanged[at + 3] = 2;
    let mut exchanged = Envelope::parse(&exchanged).unwrap();
    let alice = key(KeyAlg::P256);
    assert_eq!(reason(exchanged.sign(&suite, &signature(&alice))), Reason::ManifestDigest);
    let block = Envelope::parse(&make(1)).unwrap().sign(&suite, &signature(&alice)).unwrap();
    assert_eq!(reason(exchanged.add(&suite, &block, &[alice.public().unwrap()])), Reason::ManifestDigest);
}

#[test]
fn severed_text_goes_out_and_only_the_same_comes_back_in() {
    let suite = soft::suite();
    let text = DESCRIPTION
        .replace("sequence = 7", "sequence = 7\nsevered = [\"text\", \"install\"]\ntext.en.update = \"Ends a delay.\"");
    let manifest = described(&text, &[("pump-7.bin", b"firmware")]).unwrap();
    let author = key(KeyAlg::P256);
    let whole = manifest.sign(&suite, &[signature(&author)]).unwrap();
    let mut envelope = Envelope::parse(&whole).unwrap();
    let content = envelope.take(&suite, Member::Text).unwrap();
    assert_eq!(reason(envelope.take(&suite, Member::Text)), Reason::ManifestUnsupported);
    assert_eq!(reason(envelope.take(&suite, Member::PayloadFetch)), Reason::ManifestUnsupported);
    verify(&suite, &envelope.encode(), &[author.public().unwrap()], Some(&manifest.identity())).unwrap();
    assert_eq!(reason(envelope.put(&suite, Member::Text, b"\xA0")), Reason::ManifestDigest);
    assert_eq!(reason(envelope.put(&suite, Member::PayloadFetch, &content)), Reason::ManifestUnsupported);
    envelope.put(&suite, Member::Text, &content).unwrap();
    assert_eq!(envelope.encode(), whole);
}

#[test]
fn what_a_device_would_refuse_is_not_handed_out() {
    let (own, other) = (key(KeyAlg::P256), key(KeyAlg::P256));
    let new = |uri: &str| Manifest::new("pumps.example", "pump", 1, uri);
    let sign = |manifest: &Manifest, signature| manifest.sign(&soft::suite(), &[signature]);
    assert_eq!(reason(sign(&new("https://pumps.example/1"), signature(&own))), Reason::Misuse);
    let empty = new("https://pumps.example/1").image(b"").unwrap();
    assert_eq!(reason(sign(&empty, signature(&own))), Reason::ManifestUnsupported);
    let far = new(&"x".repeat(257)).image(b"x").unwrap();
    assert_eq!(reason(sign(&far, signature(&own))), Reason::TooLarge);
    let whole = new("https://pumps.example/1").image(b"x").unwrap();
    let wrong = Signature { key: other.public().unwrap(), signer: &own };
    assert_eq!(reason(sign(&whole, wrong)), Reason::SignatureInvalid);
    let envelope = sign(&whole, signature(&own)).unwrap();
    assert_eq!(reason(verify(&soft::suite(), &envelope, &[wrong.key], None)), Reason::UnknownSigner);
    let stranger = Identity { class: [0; 16], ..whole.identity() };
    let verified = verify(&soft::suite(), &envelope, &[own.public().unwrap()], Some(&stranger));
    assert_eq!(reason(verified), Reason::WrongClass);
}

#[test]
fn a_description_with_a_field_too_many_or_too_few_is_refused() {
    let files: &[(&str, &[u8])] = &[("pump-7.bin", b"firmware"), ("info", b"x")];
    let component = |more: &str| format!("{DESCRIPTION}\n{more}");
    for text in [
        String::new(),
        "vendor = 1".into(),
        component("force = true"),
        DESCRIPTION.replace("sequence", "version"),
        DESCRIPTION.replace("sequence = 7", "sequence = 7\nuse-before = \"soon\""),
        DESCRIPTION.replace("sequence = 7", "sequence = 7\nsevered = [\"validate\"]"),
        DESCRIPTION.replace("uri = \"#image\"", ""),
        component("how = \"keep\""),
        component("how = \"write\""),
        component("encryption = \"info\""),
        component("payload = \"pump-7.bin\""),
        component("encryption = \"info\"\npayload = \"pump-7.bin\""),
        component("slot.a = { file = \"pump-7.bin\", uri = \"#a\" }\nslot.b = { file = \"pump-7.bin\", uri = \"#b\" }"),
    ] {
        assert_eq!(reason(described(&text, files)), Reason::DescriptionInvalid, "{text}");
    }
    assert_eq!(reason(described(DESCRIPTION, &[])), Reason::FileMissing);
}

#[test]
fn images_linked_for_their_slots_may_travel_inside_one_envelope() {
    let slots = "slot.a = { file = \"a.bin\", uri = \"#a\" }\nslot.b = { file = \"b.bin\", uri = \"#b\" }";
    let text = DESCRIPTION.replace("file = \"pump-7.bin\"", slots).replace("uri = \"#image\"", "");
    let manifest = described(&text, &[("a.bin", b"for A"), ("b.bin", b"for B")]).unwrap();
    let carried: Vec<_> = manifest.payloads().collect();
    assert_eq!(carried, [("#a", &b"for A"[..]), ("#b", b"for B")]);
}

#[test]
fn lint_finds_what_it_says() {
    let suite = soft::suite();
    let author = key(KeyAlg::P256);
    let public = [author.public().unwrap()];
    let ids = |bytes: &[u8], keys: &[PublicKey<'_>]| {
        lint(&suite, bytes, keys, 2_000_000_000).into_iter().map(|finding| finding.id).collect::<Vec<_>>()
    };
    let good = Manifest::new("pumps.example", "pump", 1, "https://pumps.example/1").image(b"x").unwrap();
    let signed = |manifest: &Manifest| {
        let mut envelope = Envelope::unsigned(&suite, manifest).unwrap();
        let block = envelope.sign(&suite, &signature(&author)).unwrap();
        envelope.add(&suite, &block, &public).unwrap();
        envelope.encode()
    };
    assert_eq!(ids(&signed(&good), &public), [""; 0]);
    assert_eq!(ids(&Envelope::unsigned(&suite, &good).unwrap().encode(), &[]), ["unsigned"]);
    assert_eq!(ids(b"no envelope", &[]), ["frame"]);
    let stranger = key(KeyAlg::P256);
    assert_eq!(ids(&signed(&good), &[stranger.public().unwrap()]), ["signer-unknown"]);
    let mut zero = good.clone();
    (zero.sequence, zero.use_before) = (0, Some(1));
    assert_eq!(ids(&signed(&zero), &public), ["use-before-past", "sequence-zero"]);
    let http = Manifest::new("pumps.example", "pump", 1, "http://pumps.example/1").image(b"x").unwrap();
    assert_eq!(ids(&signed(&http), &public), ["uri-not-https"]);
    let large = Manifest::new("pumps.example", "pump", 1, "#image").image(&vec![0; 70_000]).unwrap();
    assert_eq!(ids(&signed(&large), &public), ["payload-large"]);
    let missing = Manifest::new("pumps.example", "pump", 1, "#image");
    let missing = missing.image_digest(Digest::of(&suite, HashAlg::Sha256, &[b"x"]).unwrap(), 1);
    assert_eq!(ids(&signed(&missing), &public), ["payload-missing"]);
    let empty = Manifest::new("pumps.example", "pump", 1, "https://pumps.example/1").image(b"").unwrap();
    assert_eq!(ids(&signed(&empty), &public), ["refused"]);
}

/// What is encrypted opens with the keys of its recipients, by the code that messages go through, and with no others.
#[test]
fn an_encrypted_image_opens_for_its_recipients() {
    use aseptic_core::cose::{CoseAlg, Encrypt, KdfContext, RecipientKey};
    use aseptic_core::crypto::soft::PrivateKey;
    let suite = soft::suite();
    let image = vec![7; 5000];
    for alg in [KeyAlg::P256, KeyAlg::X25519] {
        let device = PrivateKey::generate(alg, &OsEntropy).unwrap();
        let mut public = [0; 65];
        let length = device.public(&mut public).unwrap();
        let public = PublicKey::new(alg, &public[..length]).unwrap();
        let recipients = [Recipient::Device(public), Recipient::Shared(b"ward", &[9; 16])];
        let made = encrypt(&suite, &OsEntropy, Cipher::A128Gcm, &recipients, &image).unwrap();
        assert_eq!(made.payload.len(), image.len() + 16);
        let message = Encrypt::parse(&made.info).unwrap();
        let context = KdfContext { supp_pub_other: Some(b"SUIT Payload Encryption"), ..KdfContext::default() };
        let agree = RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, &device).unwrap().with_context(context);
        for key in [agree, RecipientKey::wrap(&[9; 16]).unwrap()] {
            let mut out = vec![0; made.payload.len()];
            let length = message.open(&suite, &key, &[], Some(&made.payload), &mut out).unwrap();
            assert_eq!(&out[..length], image);
        }
        let mut out = vec![0; made.payload.len()];
        let wrong = RecipientKey::wrap(&[8; 16]).unwrap();
        assert!(message.open(&suite, &wrong, &[], Some(&made.payload), &mut out).is_err());
    }
    let signing = key(KeyAlg::Ed25519);
    let wrong = [Recipient::Device(signing.public().unwrap())];
    assert_eq!(reason(encrypt(&suite, &OsEntropy, Cipher::A128Gcm, &wrong, b"x")), Reason::KeyWrongUse);
    assert_eq!(reason(encrypt(&suite, &OsEntropy, Cipher::A128Gcm, &[], b"x")), Reason::TooLarge);
}

/// Every cipher goes through the device's own session: with the key of a recipient it installs, with another one it refuses.
#[test]
fn a_device_installs_what_was_encrypted_for_it() {
    use aseptic_core::cose::RecipientKey;
    use aseptic_core::time::Time;
    use aseptic_update::Source;
    let suite = soft::suite();
    let author = key(KeyAlg::P256);
    let public = [author.public().unwrap()];
    let image = vec![7; 9000];
    for cipher in [Cipher::A128Gcm, Cipher::A256Gcm, Cipher::A128Ctr, Cipher::A256Ctr] {
        let recipients = [Recipient::Shared(b"other", &[8; 32]), Recipient::Shared(b"ward", &[9; 16])];
        let made = encrypt(&suite, &OsEntropy, cipher, &recipients, &image).unwrap();
        let text = DESCRIPTION.replace("\"#image\"", "\"#image\"\nencryption = \"info\"\npayload = \"payload\"");
        let files: &[(&str, &[u8])] = &[("pump-7.bin", &image), ("info", &made.info), ("payload", &made.payload)];
        let manifest = described(&text, files).unwrap();
        let envelope = manifest.sign(&suite, &[signature(&author)]).unwrap();
        let last = |kek: &[u8], name: &[u8]| {
            let question = Question {
                believed: Believed::Keys(&public),
                identity: Some(&manifest.identity()),
                floor: 7,
                now: Time::UNKNOWN,
                source: Source::Medium,
                keys: &[RecipientKey::wrap(kek).unwrap().with_kid(name)],
                payload: &|_| None,
            };
            let steps = examine(&suite, &envelope, &question);
            let last = steps.last().unwrap();
            assert_eq!(last.name, "installation", "{cipher:?}");
            last.outcome
        };
        assert_eq!(last(&[9; 16], b"ward"), Answer::Passed, "{cipher:?}");
        assert_eq!(last(&[8; 32], b"other"), Answer::Passed, "{cipher:?}");
        for (kek, name) in [(&[7; 16][..], &b"ward"[..]), (&[9; 16], b"other"), (&[9; 16], b"nobody")] {
            assert!(matches!(last(kek, name), Answer::Refused(_)), "{cipher:?} {name:?}");
        }
    }
}
