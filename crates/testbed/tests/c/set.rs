//! Two components in each slot, installed by the C program `tests/c/set.c` through the header: cut, tried, reverted, kept.

use crate::program::{Outcome, run};
use crate::scene::{CLASS, Life, Scene, VENDOR};
use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, soft};
use aseptic_core::platform::{ImageSlot, Images};
use aseptic_infra::author::{Component, Image, Manifest, Payload, Signature, Source};
use aseptic_testbed::prove::world::program;
use aseptic_update::{Digest, boot};
use std::path::Path;

/// Where the second component begins.
const RADIO: usize = 8192;
const LOST: i32 = 9;
/// The number of no change.
const NEVER: &str = "999999";

/// Two components as one release brings them.
struct Set {
    sequence: u64,
    main: Vec<u8>,
    radio: Vec<u8>,
}

impl Set {
    fn new(sequence: u64) -> Self {
        Self { sequence, main: program(5000, sequence), radio: program(3001, 100 + sequence) }
    }

    /// A slot from its beginning to the end of the second component.
    fn slot(&self) -> Vec<u8> {
        let mut slot = self.main.clone();
        slot.resize(RADIO, 0xFF);
        slot.extend(&self.radio);
        slot
    }

    fn envelope(&self, scene: &Scene) -> Vec<u8> {
        let suite = soft::suite();
        let component = |id: &str, bytes: &[u8], uri: &str, carried: bool| {
            let payload = Payload { uri: uri.to_owned(), bytes: carried.then(|| bytes.to_vec()), encryption: None };
            let digest = Digest::of(&suite, HashAlg::Sha256, &[bytes]).unwrap();
            let source = Source::Fetch(payload);
            Component::new(&[id], Image { slot: None, digest, size: bytes.len() as u64, source })
        };
        let mut manifest = Manifest::new(VENDOR, CLASS, self.sequence, "");
        manifest.components = vec![
            component("main", &self.main, "https://pumps.example/main", false),
            component("radio", &self.radio, "#radio", true),
        ];
        manifest.sign(&suite, &[Signature { key: scene.author.public().unwrap(), signer: &scene.author }]).unwrap()
    }
}

/// A device that runs the first set, confirmed.
fn factory(first: &Set) -> Scene {
    let scene = Scene::new(Life::Owned);
    let slot = first.slot();
    scene.device.write(ImageSlot::A, 0, &slot).unwrap();
    let keys = scene.device.keys();
    let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[&slot]).unwrap();
    let platform = scene.device.platform(&keys);
    boot::provision(&platform, &soft::suite(), digest, slot.len() as u64, first.sequence).unwrap();
    scene
}

fn update(scene: &Scene, set: &Set, cut: &str) -> Outcome {
    let (envelope, main) = (scene.put("envelope", &set.envelope(scene)), scene.put("main", &set.main));
    run("set", &[scene.device.path(), Path::new("update"), &envelope, &main, Path::new(cut)])
}

fn state(scene: &Scene, keep: &str) -> String {
    let outcome = run("set", &[scene.device.path(), Path::new("boot"), Path::new(keep)]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    outcome.said
}

fn holds(scene: &Scene, slot: ImageSlot, set: &Set) -> bool {
    let expected = set.slot();
    let mut bytes = vec![0; expected.len()];
    Images::read(&scene.device, slot, 0, &mut bytes).unwrap();
    bytes == expected
}

/// Every `ASEPTIC_STRIDE`th cut, or every fourth: before, inside and after a change in turn.
#[test]
fn a_set_is_all_old_or_all_new_whenever_the_power_is_lost() {
    let (first, second) = (Set::new(5), Set::new(6));
    let whole = factory(&first);
    let outcome = update(&whole, &second, NEVER);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let changes: usize = outcome.said.trim().strip_prefix("changes ").unwrap().parse().unwrap();
    assert!(changes > 15, "{changes}");
    let stride = std::env::var("ASEPTIC_STRIDE").map_or(4, |stride| stride.parse().unwrap());
    let cuts = (0..3 * changes).step_by(stride);
    println!("a set in C: {} of {} cuts at {changes} changes", cuts.len(), 3 * changes);
    for cut in cuts {
        let scene = factory(&first);
        let outcome = update(&scene, &second, &cut.to_string());
        assert_eq!(outcome.status, Some(LOST), "{cut}: {outcome:?}");
        let runs = scene.device.restart().unwrap();
        let expected = if runs == ImageSlot::A { &first } else { &second };
        assert!(holds(&scene, runs, expected), "{cut}");
        assert!(holds(&scene, ImageSlot::A, &first), "{cut}: the old set was touched");
        if runs == ImageSlot::A {
            assert_eq!(update(&scene, &second, NEVER).status, Some(0), "{cut}");
            assert_eq!(scene.device.restart(), Ok(ImageSlot::B), "{cut}");
        }
        assert!(holds(&scene, ImageSlot::B, &second), "{cut}");
        assert_eq!(state(&scene, "1"), "state 2\n");
        assert_eq!(scene.device.restart(), Ok(ImageSlot::B), "{cut}: confirmed for good");
        assert_eq!(state(&scene, "0"), "state 1\n");
    }
}

#[test]
fn a_set_that_nobody_keeps_is_left_again_and_the_next_one_begins() {
    let (first, second, third) = (Set::new(5), Set::new(6), Set::new(7));
    let scene = factory(&first);
    assert_eq!(update(&scene, &second, NEVER).status, Some(0));
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B));
    assert_eq!(state(&scene, "0"), "state 2\n");
    assert_eq!(scene.device.restart(), Ok(ImageSlot::A));
    assert_eq!(state(&scene, "0"), "state 3\n");
    assert!(holds(&scene, ImageSlot::A, &first));
    // Nothing has to be given up first.
    let outcome = update(&scene, &third, NEVER);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B));
    assert_eq!(state(&scene, "1"), "state 2\n");
    assert!(holds(&scene, ImageSlot::B, &third));
    // Below the floor now.
    let outcome = update(&scene, &second, NEVER);
    assert_eq!((outcome.status, outcome.said), (Some(1), format!("refused: {}\n", Reason::SequenceTooOld.number())));
}
