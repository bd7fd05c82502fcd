//! What releases have stored, and whether all others can live with it.
//!
//! `tests/state/RELEASE` holds a file for each state of one life, made with fixed keys and a fixed seed, and the formats of
//! the release's records (`formats.toml`). Files of a release never change once it has a tag.
//!
//! * New loads old: this code reads every state of every release, and lives on from there to the end.
//! * Old loads new: what this code writes until an update is confirmed is read by [`formats`], a strict reader of its own
//!   that knows nothing but the formats of the old release; and byte for byte as long as the formats are the same. With
//!   `cargo xtask state --against TAG` the old release itself reads it, with these very tests as they were at its tag:
//!   `ASEPTIC_STATES` names the folder.
//!
//! `ASEPTIC_WRITE_STATES` names a folder to write the states of this code to.

mod file;
mod formats;
mod life;
#[path = "../common/registrar.rs"]
mod registrar;

use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{Fault, KeyId, KeyPolicy, KeyUse, Keys, Progress, SignInput};
use aseptic_core::record::Kind;
use aseptic_core::secret::Secret;
use aseptic_identity::StoredKeys;
use aseptic_testbed::bench::Bench;
use file::{Reads, SlotFile, State, Stored};
use life::{Step, World, live};
use std::path::{Path, PathBuf};
use std::{env, fs};

const SOFT_KEYS: &str = "20_software_keys";
/// Every algorithm with every use that a software key may have, under the ids 1 to 4.
const POLICIES: [KeyPolicy; 4] = [
    KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign },
    KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Agree },
    KeyPolicy { alg: KeyAlg::Ed25519, usage: KeyUse::Sign },
    KeyPolicy { alg: KeyAlg::X25519, usage: KeyUse::Agree },
];

#[test]
fn every_stored_state_is_read_and_lived_on_with() {
    let world = World::new();
    for folder in releases() {
        let mut count = 0;
        for (name, stored) in states(&folder) {
            let (bench, mut state) = stored.device(&world);
            assert_eq!(Reads::of(&bench), stored.reads, "{name} of {}", stored.release);
            if name == SOFT_KEYS {
                soft_keys(&bench);
            } else {
                goes_on(&bench, &world, &mut state, &name);
            }
            count += 1;
        }
        println!("stored states: {count} of {} are read and lived on with", folder.display());
        assert!(count >= Step::ALL.len(), "{} has a file for each state", folder.display());
    }
}

/// Lives to the end of the life. Messages that left before and those that leave now have numbers of their own.
fn goes_on(bench: &Bench, world: &World, state: &mut State, name: &str) {
    live(bench, world, state, Step::Confirmed).unwrap_or_else(|reason| panic!("{name}: {reason:?}"));
    assert_eq!((state.sent.len(), state.received.len()), (2, 2), "{name}");
    let numbers = world.taken(state);
    assert!(numbers[0] < numbers[1], "{name}: {numbers:?}");
    let mut end = state.clone();
    live(bench, world, &mut end, Step::Confirmed).unwrap();
    assert_eq!((end.sent.len(), end.received.len()), (2, 2), "{name}: nothing is left to do");
    assert_eq!(aseptic_update::boot::floor(&bench.platform()), Ok(2), "{name}");
}

/// The keys are there, do what they are for, and nothing else.
fn soft_keys(bench: &Bench) {
    let keys = StoredKeys { store: bench, entropy: bench };
    for (id, policy) in (1..).map(KeyId).zip(POLICIES) {
        let (mut public, mut out, mut secret) = ([0; 65], [0; 64], Secret::new([0; 32]));
        let (stored, length) = keys.public(id, &mut public).unwrap();
        assert_eq!(stored, policy);
        let signed = keys.sign(id, SignInput::Message(&mut aseptic_core::crypto::Parts(&[b"message"])), &mut out);
        let agreed = keys.agree(id, &public[..length], &mut secret);
        match policy.usage {
            KeyUse::Sign => assert_eq!((signed, agreed), (Ok(Progress::Done(64)), Err(Fault::Denied))),
            KeyUse::Agree => assert_eq!((signed, agreed), (Err(Fault::Denied), Ok(()))),
        }
    }
    let id = KeyId(5);
    assert_eq!(keys.next(KeyId(4)), Ok(None));
    keys.generate(id, POLICIES[0]).unwrap();
    keys.destroy(KeyId(1)).unwrap();
    assert_eq!(keys.next(KeyId(0)), Ok(Some(KeyId(2))));
}

#[test]
fn what_this_release_writes_is_what_its_files_hold() {
    let folder = root().join(env!("CARGO_PKG_VERSION"));
    let written = written();
    if let Some(target) = env::var_os("ASEPTIC_WRITE_STATES") {
        let target = PathBuf::from(target);
        fs::create_dir_all(&target).unwrap();
        // What a trial leaves behind is made anew each time, for the old release to read.
        let extra = if env::var_os("ASEPTIC_REVERTED").is_some() { reverted(&World::new()) } else { Vec::new() };
        for (name, stored) in written.iter().chain(&extra) {
            let text = format!("{HEAD}{}", toml::to_string(stored).unwrap());
            fs::write(target.join(format!("{name}.toml")), text).unwrap();
        }
        println!("stored states: {} written to {}", written.len(), target.display());
        return;
    }
    let stored = states(&folder);
    assert_eq!(stored.len(), written.len());
    for ((name, stored), (_, written)) in stored.iter().zip(&written) {
        let changed =
            |(old, new): (&SlotFile, &SlotFile)| (old != new).then(|| format!("{} {}", new.record, new.number));
        let slots: Vec<String> = stored.slot.iter().zip(&written.slot).filter_map(changed).collect();
        assert!(
            stored == written,
            "{name} is written otherwise now ({} slots, changed: {slots:?}). Another release may have to read this: see the \
             manual, stored formats, before you run `cargo xtask state --write`",
            written.slot.len()
        );
    }
}

#[test]
fn the_formats_of_this_release_describe_every_record() {
    let formats = formats::Formats::read(&root().join(env!("CARGO_PKG_VERSION")).join("formats.toml"));
    for kind in Kind::ALL {
        assert!(formats.describes(&format!("{kind:?}")), "{kind:?}");
    }
}

#[test]
fn what_this_release_writes_is_in_the_formats_of_every_release() {
    for folder in releases() {
        let formats = formats::Formats::read(&folder.join("formats.toml"));
        let mut records = 0;
        for (name, stored) in written() {
            // A record that the old release does not know is none that it has to read.
            for slot in &stored.slot {
                formats.check(slot.number, &hex::decode(&slot.hex).unwrap()).unwrap_or_else(|error| {
                    panic!(
                        "{name}, {} in slot {}: not as {} has it: {error}",
                        slot.record,
                        slot.number,
                        folder.display()
                    )
                });
                records += 1;
            }
        }
        formats.all_used(
            &written().iter().flat_map(|(_, stored)| &stored.slot).map(|slot| slot.number).collect::<Vec<_>>(),
        );
        println!("stored formats: {records} copies of records are as {} has them", folder.display());
    }
}

/// The image of an old release is replaced by this one on trial, which lives and is not confirmed; then the old one runs
/// again. What it finds is in its own formats, and can be lived on with.
fn reverted(world: &World) -> Vec<(String, Stored)> {
    let trial = |folder: PathBuf| {
        let (_, stored) = states(&folder).into_iter().find(|(name, _)| name == ACTIVATED).expect("an activated update");
        let (bench, mut state) = stored.device(world);
        bench.reboot();
        live(&bench, world, &mut state, Step::OnTrial).unwrap();
        assert_eq!(state.sent.len(), 2, "the trial has used the records");
        bench.reboot();
        let what = format!("release {} runs again after a trial of this one", stored.release);
        (format!("30_reverted_to_{}", stored.release), Stored::of(&bench, world, &state, &what))
    };
    releases().into_iter().map(trial).collect()
}

#[test]
fn what_a_trial_leaves_behind_is_lived_on_with_after_a_revert() {
    let world = World::new();
    for (folder, (name, stored)) in releases().iter().zip(reverted(&world)) {
        let formats = formats::Formats::read(&folder.join("formats.toml"));
        for slot in &stored.slot {
            let checked = formats.check(slot.number, &hex::decode(&slot.hex).unwrap());
            assert_eq!(checked, Ok(()), "{name}, {} in slot {}", slot.record, slot.number);
        }
        let (bench, mut state) = stored.device(&world);
        goes_on(&bench, &world, &mut state, &name);
    }
}

const ACTIVATED: &str = "11_update_activated";
const HEAD: &str = "# A stored state, written by `cargo xtask state --write`. All keys are made up for it.\n";

/// One life, taken down at each step.
fn written() -> Vec<(String, Stored)> {
    let world = World::new();
    let (bench, mut state) = (world.blank(1), State::default());
    let mut all = Vec::new();
    for (step, name, what) in Step::ALL {
        live(&bench, &world, &mut state, step).unwrap_or_else(|reason| panic!("{name}: {reason:?}"));
        all.push((name.to_owned(), Stored::of(&bench, &world, &state, what)));
    }
    let bench = world.blank(2);
    let keys = StoredKeys { store: &bench, entropy: &bench };
    for (id, policy) in (1..).map(KeyId).zip(POLICIES) {
        keys.generate(id, policy).unwrap();
    }
    let what = "software keys of every algorithm and use";
    all.push((SOFT_KEYS.to_owned(), Stored::of(&bench, &world, &State::default(), what)));
    all
}

/// The folders of all releases, or the one that the environment names.
fn releases() -> Vec<PathBuf> {
    if let Some(folder) = env::var_os("ASEPTIC_STATES") {
        return vec![folder.into()];
    }
    let mut folders: Vec<_> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn states(folder: &Path) -> Vec<(String, Stored)> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|name| name != "formats.toml"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        (name, toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    paths.into_iter().map(read).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/state")
}
