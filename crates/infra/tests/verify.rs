//! What `aseptic update verify` finds of components that stay as they are, and of images linked for their slots.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::platform::ImageSlot;
use aseptic_core::time::Time;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{
    Answer, Believed, Component, Image, Manifest, Payload, Question, Signature, Source, Step, examine, verify,
};
use aseptic_update::Digest;

fn image(slot: Option<ImageSlot>, bytes: &[u8], source: Source) -> Image {
    let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[bytes]).unwrap();
    Image { slot, digest, size: bytes.len() as u64, source }
}

fn carried(name: &str, bytes: &[u8]) -> Source {
    Source::Fetch(Payload { uri: name.to_owned(), bytes: Some(bytes.to_vec()), encryption: None })
}

/// The steps that a device takes with these components, and the signed envelope.
fn steps(components: Vec<Component>) -> (Vec<Step>, Vec<u8>, AuthorityKey, Manifest) {
    let (suite, author) = (soft::suite(), AuthorityKey::generate(KeyAlg::P256).unwrap());
    let mut manifest = Manifest::new("pumps.example", "infusion-pump", 7, "");
    manifest.components = components;
    let key = author.public().unwrap();
    let envelope = manifest.sign(&suite, &[Signature { key, signer: &author }]).unwrap();
    let question = Question {
        believed: Believed::Keys(&[key]),
        identity: None,
        floor: 0,
        now: Time::UNKNOWN,
        source: aseptic_update::Source::Medium,
        keys: &[],
        payload: &|_| None,
    };
    (examine(&suite, &envelope, &question), envelope, author, manifest)
}

fn answers(steps: &[Step]) -> Vec<(&str, &Answer)> {
    steps.iter().map(|step| (step.name.as_str(), &step.outcome)).collect()
}

/// What stays is copied by the device from where it runs, which only the device has: the rest is judged, and that is left open.
#[test]
fn what_stays_as_it_is_is_planned_and_its_installation_left_open() {
    let kept = Component::new(&["boot"], image(None, b"as it is", Source::Keep));
    let brought = Component::new(&["main"], image(None, b"new", carried("#main", b"new")));
    let (steps, envelope, author, manifest) = steps(vec![kept, brought]);
    let (last, before) = steps.split_last().unwrap();
    assert!(before.iter().all(|step| step.outcome == Answer::Passed), "{:?}", answers(&steps));
    assert_eq!((last.name.as_str(), &last.outcome), ("installation", &Answer::Open));
    assert!(last.details[0].contains("copied"), "{last:?}");
    let planned = before.iter().find(|step| step.name == "manifest, slot A").unwrap();
    assert!(planned.details.iter().any(|line| line.contains("copied from the slot that runs: 8 bytes")), "{planned:?}");

    let (suite, key) = (soft::suite(), author.public().unwrap());
    let found = verify(&suite, &envelope, &[key], Some(&manifest.identity())).unwrap();
    assert_eq!((found.sequence, found.size, found.payload), (7, 8 + 3, None), "the first component travels nowhere");
}

/// An envelope may carry one image for each slot: a device takes the one for the slot that it writes, and each is judged.
#[test]
fn images_linked_for_their_slots_are_each_installed_out_of_one_envelope() {
    let linked = |first: &[u8]| Component {
        id: vec![b"main".to_vec()],
        images: vec![
            image(Some(ImageSlot::A), b"for A", carried("#a", first)),
            image(Some(ImageSlot::B), b"for B!", carried("#b", b"for B!")),
        ],
    };
    let (good, ..) = steps(vec![linked(b"for A")]);
    assert!(good.iter().all(|step| step.outcome == Answer::Passed), "{:?}", answers(&good));
    let names: Vec<&str> = good.iter().map(|step| step.name.as_str()).collect();
    assert!(names.ends_with(&["installation, slot B", "installation, slot A"]), "{names:?}");

    let (other, ..) = steps(vec![linked(b"for C")]);
    let last = other.last().unwrap();
    assert_eq!((last.name.as_str(), &last.outcome), ("installation, slot A", &Answer::Refused(Reason::ImageMismatch)));
}
