//! The C program `examples/c/pump.c`, played against a factory, a hospital and an author written in Rust.

use crate::program::{Outcome, pump, start};
use crate::scene::{CLASS, Life, SERIAL, Scene};
use aseptic_core::Reason;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{Counter, Counters, ImageSlot};
use aseptic_core::record::Kind;
use aseptic_infra::AuthorityKey;
use aseptic_infra::adapter::Record;
use aseptic_testbed::hostile;
use std::fs;
use std::time::{Duration, Instant};

impl Scene {
    fn run(&self, words: &[&str]) -> Outcome {
        pump(self.device.path(), words)
    }

    /// Seals an observation and gives the message.
    fn seal(&self) -> Vec<u8> {
        let out = self.file("sealed");
        let outcome = self.run(&["seal", out.to_str().unwrap()]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        assert!(outcome.said.starts_with("sealed "), "{outcome:?}");
        fs::read(out).unwrap()
    }

    fn update(&self, envelope: &[u8], image: &[u8]) -> Outcome {
        let (envelope, image) = (self.put("envelope", envelope), self.put("image", image));
        self.run(&["update", envelope.to_str().unwrap(), image.to_str().unwrap()])
    }

    fn boot(&self) -> String {
        let outcome = self.run(&["boot"]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        outcome.said
    }

    /// The pump refuses: exit status 1, the reason with its remedy on standard error, nothing else said.
    fn refuses(&self, outcome: &Outcome, reason: Reason) {
        assert_eq!(outcome.status, Some(1), "{reason}: {outcome:?}");
        assert!(outcome.complained.contains(&format!("{} (E{})", reason.cause(), reason.number())), "{outcome:?}");
        assert!(outcome.complained.contains(reason.remedy()), "{outcome:?}");
        assert!(outcome.said.is_empty(), "{outcome:?}");
    }
}

/// An image of `length` bytes without a pattern.
fn image(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn place(record: &Record) -> (u64, u64) {
    (record.epoch, record.sequence)
}

#[test]
fn what_the_pump_seals_reaches_the_record() {
    let scene = Scene::new(Life::Enrolled);
    let (first, second) = (scene.seal(), scene.seal());
    for word in ["MSH", "4711", "MDC_FLOW", SERIAL] {
        assert!(!first.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }
    let flipped = hostile::flip(&second, 1000);
    let records = scene.receive(&[&first, &flipped, &second, &second, &first]);
    let [first, flipped, second, replayed, old] = records.try_into().unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.from.as_str(), first.degraded), (SERIAL, None));
    let hl7 = first.hl7().unwrap();
    assert_eq!((hl7.field("OBX", 5), hl7.field("MSH", 3)), (Some("2.5"), Some("PUMP")));
    assert!(place(&second) > place(&first), "{:?} {:?}", place(&first), place(&second));
    assert_eq!(flipped.unwrap_err().reason(), Reason::DecryptFailed);
    assert_eq!(replayed.unwrap_err().reason(), Reason::MessageReplayed);
    assert_eq!(old.unwrap_err().reason(), Reason::MessageTooOld, "each start takes numbers far above the last ones");
}

/// The pump is killed at any moment; no number is used twice and the message after it is still taken.
#[test]
fn no_sequence_number_is_used_twice_whenever_the_pump_is_killed() {
    let scene = Scene::new(Life::Enrolled);
    let mut messages = vec![scene.seal()];
    let mut killed = 0;
    for round in 0..8_u64 {
        let out = scene.file(&format!("killed-{round}"));
        let mut child = start(scene.device.path(), &["seal", out.to_str().unwrap()]);
        std::thread::sleep(Duration::from_millis(3 * round));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
        // Written in full, or not a message.
        messages.extend(fs::read(&out).ok().filter(|bytes| !bytes.is_empty()));
        messages.push(scene.seal());
    }
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let places: Vec<_> = scene.receive(&messages).into_iter().map(|record| place(&record.unwrap())).collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    println!("{} messages, {killed} runs killed, no number twice", places.len());
}

#[test]
fn an_update_is_staged_tried_and_kept() {
    let scene = Scene::new(Life::Owned);
    assert_eq!(scene.boot(), "running image: confirmed\n");
    let new = image(300_001, 1);
    let outcome = scene.update(&scene.envelope(CLASS, 7, &new, &scene.author), &new);
    assert_eq!((outcome.status, outcome.said.as_str()), (Some(0), "staged; restart for the trial boot\n"));
    assert_eq!(Counters::read(&scene.device, Counter::UpdateFloor), Ok(0), "the floor rises with the confirmation");
    assert!(fs::read(scene.device.path().join("image-0001")).unwrap().starts_with(&new));

    assert_eq!(scene.device.restart(), Ok(ImageSlot::B));
    assert_eq!(scene.boot(), "running image: on trial\n");
    assert_eq!(Counters::read(&scene.device, Counter::UpdateFloor), Ok(7));
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B), "confirmed for good");
    assert_eq!(scene.boot(), "running image: confirmed\n");

    let before = scene.device.snapshot();
    let old = image(5000, 2);
    scene.refuses(&scene.update(&scene.envelope(CLASS, 6, &old, &scene.author), &old), Reason::SequenceTooOld);
    assert!(scene.device.snapshot() == before);
}

#[test]
fn an_update_that_is_not_confirmed_is_left_again() {
    let scene = Scene::new(Life::Owned);
    let new = image(10_000, 1);
    assert_eq!(scene.update(&scene.envelope(CLASS, 7, &new, &scene.author), &new).status, Some(0));
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B));
    // Its self-test never came to an end.
    assert_eq!(scene.device.restart(), Ok(ImageSlot::A));
    assert_eq!(scene.boot(), "running image: reverted\n");
    assert_eq!(Counters::read(&scene.device, Counter::UpdateFloor), Ok(0));
}

#[test]
fn what_the_maker_did_not_sign_is_refused_and_changes_nothing() {
    let scene = Scene::new(Life::Enrolled);
    let new = image(20_000, 3);
    let good = scene.envelope(CLASS, 7, &new, &scene.author);
    let stranger = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let before = scene.device.snapshot();
    let check = |what: &str, envelope: &[u8], reason: Reason| {
        scene.refuses(&scene.update(envelope, &new), reason);
        assert!(scene.device.snapshot() == before, "{what}");
    };
    check("tag", &hostile::flip(&good, 0), Reason::EnvelopeMalformed);
    check("manifest", &tampered(&good, b"https://pumps.example/image"), Reason::ManifestDigest);
    check("signer", &scene.envelope(CLASS, 7, &new, &stranger), Reason::UnknownSigner);
    check("class", &scene.envelope("other-pump", 7, &new, &scene.author), Reason::WrongClass);
    check("cut", &good[..good.len() - 1], Reason::EnvelopeMalformed);
    check("empty", &[], Reason::EnvelopeMalformed);
    println!("6 envelopes refused, {} files unchanged", before.len());
}

/// The image is hashed as it streams: what was signed is what is staged, and what runs stays.
#[test]
fn an_image_other_than_the_signed_one_is_never_selected() {
    let scene = Scene::new(Life::Enrolled);
    let new = image(20_000, 4);
    let envelope = scene.envelope(CLASS, 7, &new, &scene.author);
    // The other slot is scratch, the journal and the choice of the boot loader say that nothing is there to boot.
    let kept = |mut files: std::collections::BTreeMap<String, Vec<u8>>| {
        let journal = Kind::UpdateJournal.slots().map(|slot| format!("slot-{:04x}", slot.0));
        files.retain(|name, _| !journal.contains(name) && name != "image-0001" && name != "boot-0000");
        files
    };
    let before = kept(scene.device.snapshot());
    for (what, other) in [
        ("flipped", hostile::flip(&new, 123_456)),
        ("longer", [&new[..], b"x"].concat()),
        ("shorter", new[..19_999].to_vec()),
        ("empty", Vec::new()),
    ] {
        scene.refuses(&scene.update(&envelope, &other), Reason::ImageMismatch);
        assert!(kept(scene.device.snapshot()) == before, "{what}");
        assert_eq!(scene.device.clone().restart(), Ok(ImageSlot::A), "{what}");
    }
    assert_eq!(scene.boot(), "running image: confirmed\n");
    assert_eq!(scene.update(&envelope, &new).status, Some(0), "and the right one is still welcome");
}

/// SIGKILL after a moment, again and again: each run goes on where the last one was cut, until one arrives.
#[test]
fn an_update_goes_on_where_the_pump_was_killed() {
    let scene = Scene::new(Life::Owned);
    let new = image(1_000_000, 5);
    let envelope = scene.put("envelope", &scene.envelope(CLASS, 7, &new, &scene.author));
    let image = scene.put("image", &new);
    let words = ["update", envelope.to_str().unwrap(), image.to_str().unwrap()];
    let slot = scene.device.path().join("image-0001");
    let written = || fs::metadata(&slot).map_or(0, |data| data.len());
    let mut killed = 0;
    for part in 1..=4 {
        let mut child = start(scene.device.path(), &words);
        let end = Instant::now() + Duration::from_secs(60);
        // A fifth of the image further each time, whatever the speed of the machine.
        while written() < part * 200_000 && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "no progress");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
        assert_eq!(scene.device.restart(), Ok(ImageSlot::A), "the power comes back, the old image runs");
    }
    let outcome = scene.run(&words);
    assert_eq!((outcome.status, outcome.said.as_str()), (Some(0), "staged; restart for the trial boot\n"));
    assert!(fs::read(&slot).unwrap().starts_with(&new));
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B));
    assert_eq!(scene.boot(), "running image: on trial\n");
    println!("{killed} runs killed, the update arrived");
    assert!(killed > 0);
}

#[test]
fn a_pump_that_lacks_something_says_what() {
    let sealed = |scene: &Scene| {
        let out = scene.file("out");
        scene.run(&["seal", out.to_str().unwrap()])
    };
    let blank = Scene::new(Life::Blank);
    blank.refuses(&sealed(&blank), Reason::NotProvisioned);
    let new = image(100, 6);
    blank.refuses(&blank.update(&blank.envelope(CLASS, 7, &new, &blank.author), &new), Reason::UnknownSigner);
    assert!(blank.device.snapshot().is_empty(), "nothing was written");

    let born = Scene::new(Life::Born);
    born.refuses(&sealed(&born), Reason::KeyWrongUse);

    let scene = Scene::new(Life::Enrolled);
    for slot in Kind::TrustOwner.slots() {
        fs::remove_file(scene.device.path().join(format!("slot-{:04x}", slot.0))).unwrap();
    }
    scene.refuses(&sealed(&scene), Reason::TrustRollback);
    fs::remove_file(scene.device.path().join("counter-0003")).unwrap();
    scene.refuses(&sealed(&scene), Reason::NoPurpose);

    let missing = scene.file("no-such-folder");
    let outcome = pump(&missing, &["seal", scene.file("out").to_str().unwrap()]);
    scene.refuses(&outcome, Reason::PlatformNotFound);
    let plain = scene.put("plain", b"");
    assert_eq!(pump(&plain, &["boot"]).status, Some(1), "a file is no folder");
    for words in [&["seal"][..], &["fly", "x"], &[]] {
        assert_eq!(scene.run(words).status, Some(2), "{words:?}");
    }
}

#[test]
fn a_damaged_record_is_named_and_one_damaged_copy_is_mended() {
    for (kind, reason) in [
        (Kind::BirthIdentity, Reason::RecordCorrupt),
        (Kind::LocalIdentity, Reason::RecordCorrupt),
        (Kind::TrustOwner, Reason::RecordCorrupt),
        (Kind::SenderSequence, Reason::RecordCorrupt),
    ] {
        let scene = Scene::new(Life::Enrolled);
        let out = scene.file("out");
        let seal = || scene.run(&["seal", out.to_str().unwrap()]);
        assert_eq!(seal().status, Some(0));
        let files = kind.slots().map(|slot| scene.device.path().join(format!("slot-{:04x}", slot.0)));
        let damage = |path: &std::path::Path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, hostile::flip(&bytes, 4 * bytes.len())).unwrap();
        };
        damage(&files[0]);
        assert_eq!(seal().status, Some(0), "{kind:?}: the other copy serves");
        damage(&files[0]);
        damage(&files[1]);
        scene.refuses(&seal(), reason);
    }
}

/// `envelope` with one bit changed inside `part`.
fn tampered(envelope: &[u8], part: &[u8]) -> Vec<u8> {
    let at = envelope.windows(part.len()).position(|window| window == part).unwrap();
    let mut changed = envelope.to_vec();
    changed[at] ^= 1;
    changed
}
