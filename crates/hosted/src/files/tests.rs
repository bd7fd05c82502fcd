//! What must hold of the files whatever the medium does.

use super::disk::Step;
use super::*;
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey};
use aseptic_core::platform::{
    BootMode, Counter, Counters, Event, Events, ImageSlot, Images, KeyId, KeyPolicy, KeyUse, Keys, SignInput, Slot,
    Store, Strength,
};
use aseptic_core::record::{self, Kind};
use aseptic_core::secret::Secret;
use aseptic_core::time::{Floor, Time};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const SECRET: [u8; 32] = [7; 32];
const GEOMETRY: Geometry = Geometry { size: 16_384, erase_size: 4096, write_size: 8 };
const SIGN: KeyPolicy = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign };

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> Files {
    Options::new().images(GEOMETRY).open(folder.path(), &SECRET).unwrap()
}

fn sign(files: &Files, id: KeyId) -> Outcome<[u8; 64]> {
    let mut signature = [0; 64];
    files.sign(id, SignInput::Message(&mut Parts(&[b"m"])), &mut signature).map(|_| signature)
}

fn public(files: &Files, id: KeyId) -> Outcome<Vec<u8>> {
    let mut out = [0; 65];
    files.public(id, &mut out).map(|(_, length)| out[..length].to_vec())
}

fn load(files: &Files, slot: Slot) -> Outcome<Vec<u8>> {
    let mut out = [0; 8192];
    files.load(slot, &mut out).map(|length| out[..length].to_vec())
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = folder();
    let files = open(&folder);
    files.save(Slot(2), b"blob").unwrap();
    files.advance(Counter::UpdateFloor, 9).unwrap();
    files.generate(KeyId(5), SIGN).unwrap();
    files.write(ImageSlot::B, 8, b"program!").unwrap();
    files.select(ImageSlot::B, BootMode::Trial).unwrap();
    let key = public(&files, KeyId(5)).unwrap();
    drop(files);

    let files = open(&folder);
    assert_eq!(load(&files, Slot(2)).unwrap(), b"blob");
    assert_eq!(Counters::read(&files, Counter::UpdateFloor), Ok(9));
    assert_eq!(files.strength(), Strength::FlashOnly);
    assert_eq!(public(&files, KeyId(5)).unwrap(), key);
    let signature = sign(&files, KeyId(5)).unwrap();
    let key = PublicKey::new(KeyAlg::P256, &key).unwrap();
    assert_eq!(crypto::suite().verify(key, &mut Parts(&[b"m"]), &signature), Ok(()));
    let mut bytes = [0; 24];
    Images::read(&files, ImageSlot::B, 0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFprogram!\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    assert_eq!(files.reboot().unwrap(), ImageSlot::B);
    Images::erase(&files, ImageSlot::B, 0, 4096).unwrap();
    Images::read(&files, ImageSlot::B, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [0xFF; 24]);
}

#[test]
fn slots_are_replaced_erased_and_bounded() {
    let folder = folder();
    let files = open(&folder);
    assert_eq!(load(&files, Slot(1)), Err(Fault::NotFound));
    files.save(Slot(1), &[1; 8192]).unwrap();
    assert_eq!(files.save(Slot(1), &[2; 8193]), Err(Fault::Full));
    assert_eq!(files.load(Slot(1), &mut [0; 8191]), Err(Fault::Full));
    assert_eq!(load(&files, Slot(1)).unwrap(), [1; 8192]);
    files.save(Slot(1), &[]).unwrap();
    assert!(load(&files, Slot(1)).unwrap().is_empty());
    Store::erase(&files, Slot(1)).unwrap();
    Store::erase(&files, Slot(1)).unwrap();
    assert_eq!(load(&files, Slot(1)), Err(Fault::NotFound));
}

#[test]
fn counters_never_decrease() {
    let folder = folder();
    let files = open(&folder);
    assert_eq!(Counters::read(&files, Counter::TrustOwner), Ok(0));
    for (to, value) in [(3, 3), (2, 3), (3, 3), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        files.advance(Counter::TrustOwner, to).unwrap();
        assert_eq!(Counters::read(&files, Counter::TrustOwner), Ok(value));
    }
    assert_eq!(Counters::read(&files, Counter::TrustManufacturer), Ok(0));
}

#[test]
fn keys_keep_to_their_policy_and_ids_are_not_taken_twice() {
    let folder = folder();
    let files = open(&folder);
    let agree = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Agree };
    files.generate(KeyId(1), SIGN).unwrap();
    files.generate(KeyId(0x1_0000), agree).unwrap();
    assert_eq!(files.generate(KeyId(1), agree), Err(Fault::Denied));
    assert_eq!(files.generate(KeyId(0), SIGN), Err(Fault::Denied));
    let mixed = [(KeyAlg::X25519, KeyUse::Sign), (KeyAlg::Ed25519, KeyUse::Agree)];
    for (alg, usage) in mixed {
        assert_eq!(files.generate(KeyId(9), KeyPolicy { alg, usage }), Err(Fault::Denied));
    }
    assert_eq!(sign(&files, KeyId(0x1_0000)), Err(Fault::Denied));
    let peer = public(&files, KeyId(1)).unwrap();
    let mut shared = Secret::zeroed();
    assert_eq!(files.agree(KeyId(1), &peer, &mut shared), Err(Fault::Denied));
    for bad in [&[4; 65][..], &peer[..64], &[]] {
        assert_eq!(files.agree(KeyId(0x1_0000), bad, &mut shared), Err(Fault::Denied));
    }
    files.agree(KeyId(0x1_0000), &peer, &mut shared).unwrap();
    assert_ne!(shared, Secret::zeroed());
    assert_eq!(files.next(KeyId(0)), Ok(Some(KeyId(1))));
    assert_eq!(files.next(KeyId(1)), Ok(Some(KeyId(0x1_0000))));
    assert_eq!(files.next(KeyId(0x1_0000)), Ok(None));
    assert_eq!(sign(&files, KeyId(2)), Err(Fault::NotFound));
    files.destroy(KeyId(1)).unwrap();
    files.destroy(KeyId(1)).unwrap();
    assert_eq!(sign(&files, KeyId(1)), Err(Fault::NotFound));
}

#[test]
fn a_trial_boots_once_and_permanent_keeps() {
    use ImageSlot::{A, B};
    let folder = folder();
    let files = open(&folder);
    assert_eq!(files.running(), Ok(A));
    assert_eq!(files.reboot().unwrap(), A);
    files.select(B, BootMode::Trial).unwrap();
    assert_eq!(files.running(), Ok(A));
    assert_eq!(files.reboot().unwrap(), B);
    drop(files);
    let files = open(&folder);
    assert_eq!(files.running(), Ok(B));
    assert_eq!(files.reboot().unwrap(), A);
    files.select(B, BootMode::Trial).unwrap();
    assert_eq!(files.reboot().unwrap(), B);
    files.select(B, BootMode::Permanent).unwrap();
    assert_eq!(files.reboot().unwrap(), B);
    // The slot that did not confirm is left by selecting the other one.
    files.select(A, BootMode::Trial).unwrap();
    files.select(B, BootMode::Permanent).unwrap();
    assert_eq!(files.reboot().unwrap(), B);
}

#[test]
fn images_keep_to_their_geometry() {
    let folder = folder();
    let files = open(&folder);
    assert_eq!(files.geometry(ImageSlot::A), Ok(GEOMETRY));
    assert_eq!(files.write(ImageSlot::A, 16_384, b"x"), Err(Fault::Full));
    assert_eq!(files.write(ImageSlot::A, 4, b"x"), Err(Fault::Denied));
    assert_eq!(files.write(ImageSlot::A, u64::MAX, b"x"), Err(Fault::Full));
    assert_eq!(Images::erase(&files, ImageSlot::A, 4096, 1), Err(Fault::Denied));
    assert_eq!(Images::erase(&files, ImageSlot::A, 16_384, 4096), Err(Fault::Full));
    assert_eq!(Images::read(&files, ImageSlot::A, 16_380, &mut [0; 5]), Err(Fault::Full));
    drop(files);
    let other = Geometry { size: 8192, ..GEOMETRY };
    assert_eq!(refused(Options::new().images(other).open(folder.path(), &SECRET)), Reason::Misuse);
    let files = Files::open(folder.path(), &SECRET).unwrap();
    assert_eq!(files.platform().images.running(), Err(Fault::Unavailable));
}

fn refused(result: Result<Files>) -> Reason {
    result.err().unwrap().reason()
}

#[test]
fn the_secret_opens_the_folder_and_no_other_does() {
    let folder = folder();
    assert_eq!(refused(Files::open(folder.path(), &[7; 31])), Reason::SecretTooShort);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(open(&folder));
    for secret in [&[8; 32][..], &[7; 33]] {
        assert_eq!(refused(Files::open(folder.path(), secret)), Reason::SecretWrong);
    }
    assert!(Files::open(folder.path(), &SECRET).is_ok());
}

#[test]
fn a_lost_salt_is_not_replaced_while_something_depends_on_it() {
    let makers: [&dyn Fn(&Files); 3] = [
        &|files| files.generate(KeyId(1), SIGN).unwrap(),
        &|files| files.save(Slot(2), b"a record").unwrap(),
        &|files| files.advance(Counter::UpdateFloor, 1).unwrap(),
    ];
    for make in makers {
        let folder = folder();
        make(&Files::open(folder.path(), &SECRET).unwrap());
        fs::remove_file(folder.path().join("vault")).unwrap();
        assert_eq!(refused(Files::open(folder.path(), &SECRET)), Reason::FileMissing);
    }
}

#[test]
fn a_folder_serves_one_process() {
    let folder = folder();
    let files = open(&folder);
    assert_eq!(refused(Files::open(folder.path(), &SECRET)), Reason::FolderBusy);
    drop(files);
    assert!(Files::open(folder.path(), &SECRET).is_ok());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = folder();
    let path = parent.path().join("state");
    let files = Options::new().images(GEOMETRY).open(&path, &SECRET).unwrap();
    files.save(Slot(2), b"x").unwrap();
    files.advance(Counter::UpdateFloor, 1).unwrap();
    files.generate(KeyId(1), SIGN).unwrap();
    files.on_event(Event { reason: Reason::Misuse, detail: 0 });
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o700);
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 9);
    for name in names {
        assert_eq!(mode(name.clone()), 0o600, "{name:?}");
    }
}

#[test]
fn no_private_key_lies_in_the_clear() {
    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) -> Outcome<()> {
            out.fill(0x5A);
            Ok(())
        }
    }
    let folder = folder();
    let files = Options::new().entropy(Fixed).open(folder.path(), &SECRET).unwrap();
    files.generate(KeyId(1), SIGN).unwrap();
    let file = fs::read(folder.path().join("key-00000001")).unwrap();
    assert!(!file.windows(13).any(|window| window == [0x5A; 13]));
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_sealed_file_is_corruption() {
    let folder = folder();
    let files = open(&folder);
    files.generate(KeyId(1), SIGN).unwrap();
    files.advance(Counter::UpdateFloor, 77).unwrap();
    files.save(Slot(2), b"a record").unwrap();
    let checks: [(&str, &dyn Fn() -> Outcome<()>); 4] = [
        ("slot-0002", &|| load(&files, Slot(2)).map(drop)),
        ("key-00000001", &|| sign(&files, KeyId(1)).map(drop)),
        ("counter-1", &|| Counters::read(&files, Counter::UpdateFloor).map(drop)),
        ("boot", &|| files.running().map(drop)),
    ];
    let mut cases = 0;
    for (name, check) in checks {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            assert_eq!(check(), Err(Fault::Corrupt), "{name} bit {bit}");
            cases += 1;
        }
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(check(), Err(Fault::Corrupt), "{name} cut at {end}");
            cases += 1;
        }
        fs::write(&path, [&whole[..], &[0; 9000]].concat()).unwrap();
        assert_eq!(check(), Err(Fault::Corrupt));
        fs::write(&path, whole).unwrap();
        check().unwrap();
    }
    println!("{cases} damaged files refused");
}

#[test]
fn a_sealed_file_under_another_name_is_corruption_and_can_be_destroyed() {
    let folder = folder();
    let files = open(&folder);
    files.generate(KeyId(1), SIGN).unwrap();
    fs::copy(folder.path().join("key-00000001"), folder.path().join("key-00000002")).unwrap();
    assert_eq!(sign(&files, KeyId(2)), Err(Fault::Corrupt));
    assert_eq!(files.last_error().unwrap().reason(), Reason::FileCorrupt);
    assert_eq!(files.next(KeyId(1)), Ok(Some(KeyId(2))));
    assert_eq!(files.generate(KeyId(2), SIGN), Err(Fault::Denied));
    files.destroy(KeyId(2)).unwrap();
    assert_eq!(files.next(KeyId(1)), Ok(None));
    files.generate(KeyId(2), SIGN).unwrap();
}

/// A gate that lets `after` operations pass and then fails them all, or the next one alone.
fn failing(after: usize, kind: ErrorKind, tear: bool, for_good: bool) -> (Gate, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let gate = move |_: Step, _: &Path| {
        let at = seen.fetch_add(1, Ordering::Relaxed);
        match at {
            _ if at < after || (at > after && !for_good) => Verdict::Pass,
            _ if tear && at == after => Verdict::Tear(kind.into()),
            _ => Verdict::Fail(kind.into()),
        }
    };
    (Box::new(gate), count)
}

/// Everything a folder may hold, in its old and in its new state.
fn old_state(files: &Files) {
    files.save(Slot(2), b"old").unwrap();
    files.advance(Counter::UpdateFloor, 1).unwrap();
    files.generate(KeyId(1), SIGN).unwrap();
}

fn new_state(files: &Files) -> Outcome<()> {
    files.save(Slot(2), b"new blob")?;
    files.advance(Counter::UpdateFloor, 2)?;
    files.generate(KeyId(2), SIGN)?;
    files.write(ImageSlot::B, 0, b"image...")?;
    files.select(ImageSlot::B, BootMode::Trial)?;
    files.reboot().map_err(|error| fault(error.reason()))?;
    files.destroy(KeyId(1))?;
    Store::erase(files, Slot(2))
}

/// How many steps of [`new_state`] hold, from what the folder says; panics on anything that is neither old nor new.
fn check(files: &Files) {
    let blob = load(files, Slot(2));
    assert!(matches!(blob.as_deref(), Ok(b"old" | b"new blob") | Err(Fault::NotFound)), "{blob:?}");
    let counter = Counters::read(files, Counter::UpdateFloor).unwrap();
    assert!([1, 2].contains(&counter));
    assert!(counter == 1 || blob.as_deref() != Ok(b"old"));
    let new_key = sign(files, KeyId(2));
    assert!(matches!(new_key, Ok(_) | Err(Fault::NotFound)), "{new_key:?}");
    assert!(new_key.is_err() || counter == 2);
    let running = files.running().unwrap();
    assert!(running == ImageSlot::A || new_key.is_ok());
    match sign(files, KeyId(1)) {
        Ok(_) => assert_ne!(blob, Err(Fault::NotFound)),
        // A key whose destruction was interrupted is unreadable or gone, and can be destroyed again.
        Err(Fault::Corrupt | Fault::NotFound) => {
            assert_eq!(running, ImageSlot::B);
            files.destroy(KeyId(1)).unwrap();
            assert_eq!(sign(files, KeyId(1)), Err(Fault::NotFound));
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn power_lost_at_any_operation_leaves_old_or_new() {
    let mut cuts = 0;
    for tear in [false, true] {
        for after in 0.. {
            let folder = folder();
            old_state(&open(&folder));
            let (gate, count) = failing(after, ErrorKind::Other, tear, true);
            let done = match Options::new().images(GEOMETRY).gate(gate).open(folder.path(), &SECRET) {
                Ok(files) => new_state(&files).is_ok(),
                Err(_) => false,
            };
            check(&open(&folder));
            let left = fs::read_dir(folder.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"));
            assert_eq!(left.count(), 0);
            if done {
                assert!(count.load(Ordering::Relaxed) <= after);
                break;
            }
            cuts += 1;
        }
    }
    println!("power cut at {cuts} operations");
    assert!(cuts > 80);
}

#[test]
fn a_failing_operation_leaves_old_or_new_and_the_next_try_succeeds() {
    let mut failures = 0;
    for kind in [ErrorKind::StorageFull, ErrorKind::PermissionDenied, ErrorKind::Other] {
        for after in 0.. {
            let folder = folder();
            old_state(&open(&folder));
            let (gate, count) = failing(after, kind, true, false);
            if let Ok(files) = Options::new().images(GEOMETRY).gate(gate).open(folder.path(), &SECRET) {
                let done = new_state(&files);
                if count.load(Ordering::Relaxed) <= after {
                    assert_eq!(done, Ok(()));
                    break;
                }
                if let Err(told) = done {
                    let wanted = match kind {
                        ErrorKind::StorageFull => Fault::Full,
                        ErrorKind::PermissionDenied => Fault::Denied,
                        _ => Fault::Io,
                    };
                    assert_eq!(told, wanted);
                    check(&files);
                }
                files.save(Slot(2), b"new blob").unwrap();
                files.advance(Counter::UpdateFloor, 2).unwrap();
                if sign(&files, KeyId(2)).is_err() {
                    files.generate(KeyId(2), SIGN).unwrap();
                }
                files.select(ImageSlot::A, BootMode::Permanent).unwrap();
                files.destroy(KeyId(1)).unwrap();
            }
            drop(open(&folder));
            failures += 1;
        }
    }
    println!("{failures} failing operations");
    assert!(failures > 100);
}

#[test]
fn a_name_is_exchanged_only_when_its_content_lasts() {
    let folder = folder();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let gate = move |step: Step, path: &Path| {
        seen.lock().unwrap().push((step, path.file_name().unwrap().to_string_lossy().into_owned()));
        Verdict::Pass
    };
    let files = Options::new().images(GEOMETRY).gate(Box::new(gate)).open(folder.path(), &SECRET).unwrap();
    steps.lock().unwrap().clear();
    files.write(ImageSlot::B, 0, b"image...").unwrap();
    files.save(Slot(2), b"it is written").unwrap();
    let last = folder.path().file_name().unwrap().to_string_lossy().into_owned();
    let wanted = [
        (Step::Write, "image-b"),
        (Step::Sync, "image-b"),
        (Step::Create, "slot-0002.new"),
        (Step::Write, "slot-0002.new"),
        (Step::Sync, "slot-0002.new"),
        (Step::Rename, "slot-0002"),
        (Step::SyncFolder, last.as_str()),
    ];
    let steps = steps.lock().unwrap();
    let steps: Vec<_> = steps.iter().map(|(step, name)| (*step, name.as_str())).collect();
    assert_eq!(steps, wanted);
}

#[test]
fn missing_and_misplaced_files_are_told_with_their_path() {
    let parent = folder();
    let nowhere = parent.path().join("no").join("such");
    let error = Files::open(&nowhere, &SECRET).err().unwrap();
    assert_eq!(error.reason(), Reason::FileMissing);
    assert!(error.to_string().contains(&*nowhere.to_string_lossy()), "{error}");

    // A folder in the place of the file: unreadable and not to be replaced, also for root.
    let files = open(&parent);
    fs::create_dir(parent.path().join("slot-0002")).unwrap();
    assert_eq!(load(&files, Slot(2)), Err(Fault::Corrupt));
    let error = files.last_error().unwrap();
    assert_eq!(error.reason(), Reason::FileCorrupt);
    assert!(error.to_string().contains("slot-0002"), "{error}");
    assert!(files.last_error().is_none());
    assert_eq!(files.save(Slot(2), b"x"), Err(Fault::Corrupt));
}

#[test]
fn a_medium_without_room_is_told() {
    let folder = folder();
    drop(open(&folder));
    let gate: Gate = Box::new(|step, _| match step {
        Step::Write => Verdict::Tear(ErrorKind::StorageFull.into()),
        _ => Verdict::Pass,
    });
    let files = Options::new().gate(gate).open(folder.path(), &SECRET).unwrap();
    assert_eq!(files.save(Slot(2), b"x"), Err(Fault::Full));
    assert_eq!(files.last_error().unwrap().reason(), Reason::DiskFull);
    assert_eq!(load(&files, Slot(2)), Err(Fault::NotFound));
}

#[test]
fn refused_access_is_told() {
    let folder = folder();
    drop(open(&folder));
    let (gate, _) = failing(0, ErrorKind::PermissionDenied, false, true);
    assert_eq!(refused(Options::new().gate(gate).open(folder.path(), &SECRET)), Reason::FileDenied);
}

#[test]
fn system_errors_map_to_reasons_and_faults() {
    let cases = [
        (ErrorKind::NotFound, Reason::FileMissing, Fault::NotFound),
        (ErrorKind::PermissionDenied, Reason::FileDenied, Fault::Denied),
        (ErrorKind::ReadOnlyFilesystem, Reason::FileDenied, Fault::Denied),
        (ErrorKind::StorageFull, Reason::DiskFull, Fault::Full),
        (ErrorKind::QuotaExceeded, Reason::DiskFull, Fault::Full),
        (ErrorKind::FileTooLarge, Reason::DiskFull, Fault::Full),
        (ErrorKind::UnexpectedEof, Reason::FileCorrupt, Fault::Corrupt),
        (ErrorKind::IsADirectory, Reason::FileCorrupt, Fault::Corrupt),
        (ErrorKind::ResourceBusy, Reason::PlatformUnavailable, Fault::Unavailable),
        (ErrorKind::Other, Reason::PlatformIo, Fault::Io),
    ];
    for (kind, reason, wanted) in cases {
        let error = Error::file(Path::new("/state/slot-0002"), kind.into());
        assert_eq!((error.reason(), fault(error.reason())), (reason, wanted), "{kind:?}");
    }
}

#[test]
fn without_entropy_nothing_is_made() {
    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _: &mut [u8]) -> Outcome<()> {
            Err(Fault::Io)
        }
    }
    let folder = folder();
    assert_eq!(refused(Options::new().entropy(Dry).open(folder.path(), &SECRET)), Reason::EntropyFailed);
    drop(open(&folder));
    let files = Options::new().entropy(Dry).open(folder.path(), &SECRET).unwrap();
    assert_eq!(files.generate(KeyId(1), SIGN), Err(Fault::Io));
    assert_eq!(files.last_error().unwrap().reason(), Reason::EntropyFailed);
    assert_eq!(files.advance(Counter::UpdateFloor, 1), Err(Fault::Io));
    assert_eq!(files.next(KeyId(0)), Ok(None));
    assert_eq!(Counters::read(&files, Counter::UpdateFloor), Ok(0));
}

#[test]
fn a_clock_that_steps_back_is_told_and_the_floor_holds() {
    struct Set(u64);
    impl Clock for Set {
        fn now(&self) -> Time {
            Time::trusted(self.0)
        }
        fn uptime(&self) -> u64 {
            0
        }
    }
    const PROVEN: u64 = 1_800_000_000;
    let folder = folder();
    let files = Options::new().clock(Set(PROVEN)).open(folder.path(), &SECRET).unwrap();
    Floor::load(&files.platform(), 1_790_000_000).unwrap().raise(&files.platform(), PROVEN).unwrap();
    drop(files);
    let files = Options::new().clock(Set(PROVEN - 86_400)).open(folder.path(), &SECRET).unwrap();
    let floor = Floor::load(&files.platform(), 1_790_000_000).unwrap();
    assert_eq!(floor.now(&files.platform()), Time::at_least(PROVEN));
    let log = fs::read_to_string(folder.path().join("events")).unwrap();
    assert_eq!(log, format!("{} = 130 ClockBehindFloor {}\n", PROVEN - 86_400, PROVEN - 86_400));
}

#[test]
fn the_log_starts_over_when_it_is_full_and_keeps_the_old_one() {
    let folder = folder();
    let files = open(&folder);
    fs::write(folder.path().join("events"), vec![b'\n'; (1 << 20) - 10]).unwrap();
    files.on_event(Event { reason: Reason::Misuse, detail: 1 });
    files.on_event(Event { reason: Reason::Misuse, detail: 2 });
    assert!(fs::read_to_string(folder.path().join("events.old")).unwrap().ends_with(" 101 Misuse 1\n"));
    let log = fs::read_to_string(folder.path().join("events")).unwrap();
    assert!(log.ends_with(" 101 Misuse 2\n") && log.lines().count() == 1, "{log}");
    // A log that cannot be written fails no caller.
    fs::remove_file(folder.path().join("events")).unwrap();
    fs::create_dir(folder.path().join("events")).unwrap();
    files.on_event(Event { reason: Reason::Misuse, detail: 3 });
    assert!(files.last_error().is_some());
}

#[test]
fn files_may_be_shared_between_threads() {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Files>();
    let folder = folder();
    let files = open(&folder);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let files = &files;
            scope.spawn(move || {
                for round in 0..20 {
                    files.advance(Counter::UpdateFloor, round * 4 + thread).unwrap();
                }
            });
        }
    });
    assert_eq!(Counters::read(&files, Counter::UpdateFloor), Ok(79));
}

/// Somebody has the folder, for a moment, and not the secret.
#[test]
fn whoever_lacks_the_secret_cannot_plant_a_record() {
    let folder = folder();
    let files = open(&folder);
    let mut frame = [0; 256];
    record::save(&files, Kind::TrustOwner, b"the hospital", &mut frame).unwrap();

    // A record of the attacker's own making, whole in itself, with a higher sequence number.
    let other = tempfile::tempdir().unwrap();
    let theirs = Files::open(other.path(), &[9; 32]).unwrap();
    for content in [&b"somebody"[..], b"else", b"entirely"] {
        record::save(&theirs, Kind::TrustOwner, content, &mut frame).unwrap();
    }
    let mut bare = vec![0; 256];
    let length = theirs.load(Kind::TrustOwner.slots()[0], &mut bare).unwrap();
    bare.truncate(length);

    let [first, second] = Kind::TrustOwner.slots().map(|slot| format!("slot-{:04x}", slot.0));
    let ours = [&first, &second].map(|name| fs::read(folder.path().join(name)).unwrap());
    for planted in [fs::read(other.path().join(&first)).unwrap(), bare] {
        for name in [&first, &second] {
            fs::write(folder.path().join(name), &planted).unwrap();
        }
        assert_eq!(record::load(&files, Kind::TrustOwner, &mut frame), Err(Reason::RecordCorrupt));
        // One that is left as it was wins, whatever stands beside it.
        fs::write(folder.path().join(&first), &ours[0]).unwrap();
        assert_eq!(record::load(&files, Kind::TrustOwner, &mut frame), Ok(Some(&b"the hospital"[..])));
    }
    // Nor does one record pass for another.
    fs::write(folder.path().join("slot-0008"), &ours[1]).unwrap();
    assert_eq!(load(&files, Slot(8)), Err(Fault::Corrupt));
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (folder(), folder());
    let victim = elsewhere.path().join("passwd");
    let precious = b"root:x:0:0".as_slice();
    fs::write(&victim, precious).unwrap();
    drop(open(&folder));
    let untouched = |when: &str| assert_eq!(fs::read(&victim).unwrap(), precious, "{when}");

    // What a start clears away.
    symlink(&victim, folder.path().join("slot-0002.new")).unwrap();
    let files = open(&folder);
    untouched("sweeping temporary files");
    // What is written under a temporary name.
    symlink(&victim, folder.path().join("slot-0002.new")).unwrap();
    files.save(Slot(2), b"blob").unwrap();
    untouched("replacing a file");
    assert_eq!(load(&files, Slot(2)).unwrap(), b"blob");
    // What is destroyed, read, and added to.
    symlink(&victim, folder.path().join("key-00000007")).unwrap();
    files.destroy(KeyId(7)).unwrap();
    untouched("destroying a key");
    symlink(&victim, folder.path().join("slot-0004")).unwrap();
    assert!(load(&files, Slot(4)).is_err());
    symlink(&victim, folder.path().join("events")).unwrap();
    files.on_event(Event { reason: Reason::Misuse, detail: 0 });
    untouched("writing the log");
    drop(files);
    for name in ["image-b", "lock"] {
        fs::remove_file(folder.path().join(name)).unwrap();
        symlink(&victim, folder.path().join(name)).unwrap();
        assert!(Options::new().images(GEOMETRY).open(folder.path(), &SECRET).is_err(), "{name}");
        untouched(name);
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    // What never ends, and what has no end to read from.
    let pipe = folder.path().join("slot-0006");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(load(&open(&folder), Slot(6)), Err(Fault::Corrupt));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    drop(open(&folder));
    for (mode, expected) in [(0o770, false), (0o707, false), (0o722, false), (0o755, true), (0o700, true)] {
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        let opened = Files::open(folder.path(), &SECRET).map(drop).map_err(|error| error.reason());
        assert_eq!(opened, if expected { Ok(()) } else { Err(Reason::FileDenied) }, "{mode:o}");
    }
}

#[test]
fn one_of_many_threads_makes_a_key_and_a_slot_is_never_torn() {
    let folder = folder();
    let files = Files::open(folder.path(), &SECRET).unwrap();
    for round in 1..20 {
        let made: usize = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..4).map(|_| scope.spawn(|| usize::from(files.generate(KeyId(round), SIGN).is_ok()))).collect();
            tries.into_iter().map(|tried| tried.join().unwrap()).sum()
        });
        assert_eq!(made, 1, "round {round}");
    }
    std::thread::scope(|scope| {
        for thread in 1..5_u8 {
            let files = &files;
            scope.spawn(move || {
                for _ in 0..20 {
                    files.save(Slot(2), &vec![thread; 1000 * usize::from(thread)]).unwrap();
                    let blob = load(files, Slot(2)).unwrap();
                    assert_eq!(blob, vec![blob[0]; 1000 * usize::from(blob[0])]);
                }
            });
        }
    });
}

/// Whoever can send garbage can cause events; that must not push out of the log what it should show.
#[test]
fn a_flood_of_one_event_does_not_wash_out_the_others() {
    let folder = folder();
    let files = open(&folder);
    files.on_event(Event { reason: Reason::TrustRollback, detail: 4711 });
    for detail in 0..100_000 {
        files.on_event(Event { reason: Reason::DecryptFailed, detail });
    }
    files.on_event(Event { reason: Reason::Misuse, detail: 0 });
    let log = fs::read_to_string(folder.path().join("events")).unwrap();
    assert!(log.lines().next().unwrap().ends_with("TrustRollback 4711"), "{log}");
    assert!(log.lines().last().unwrap().ends_with("Misuse 0"));
    assert!(log.contains("DecryptFailed 65535 x65536\n"), "{log}");
    assert!(log.lines().count() < 40, "{}", log.lines().count());
}
