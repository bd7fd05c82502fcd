//! The bench keeps the contracts of the platform traits, and breaks exactly what it is told to break.

use aseptic_core::crypto::{KeyAlg, Parts, PublicKey, soft};
use aseptic_core::platform::*;
use aseptic_core::secret::Secret;
use aseptic_testbed::bench::*;

const SIGN: KeyPolicy = KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign };
const AGREE: KeyPolicy = KeyPolicy { alg: KeyAlg::X25519, usage: KeyUse::Agree };

#[test]
fn the_same_seed_gives_the_same_device() {
    let run = |seed| {
        let bench = Bench::new(seed);
        let mut random = [0; 40];
        bench.fill(&mut random).unwrap();
        bench.generate(KeyId(1), SIGN).unwrap();
        bench.restart();
        let mut more = [0; 40];
        bench.fill(&mut more).unwrap();
        assert_ne!(random, more);
        (random, bench.snapshot())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn keys_obey_their_policy_and_sign_what_verifies() {
    let bench = Bench::new(1);
    bench.generate(KeyId(1), SIGN).unwrap();
    bench.generate(KeyId(2), AGREE).unwrap();
    assert_eq!(bench.generate(KeyId(1), AGREE), Err(Fault::Denied));
    assert_eq!(bench.generate(KeyId(0), SIGN), Err(Fault::Denied));
    assert_eq!(bench.generate(KeyId(3), KeyPolicy { alg: KeyAlg::Ed25519, usage: KeyUse::Agree }), Err(Fault::Denied));

    let (mut public, mut signature) = ([0; 65], [0; 64]);
    assert_eq!(Keys::public(&bench, KeyId(1), &mut public), Ok((SIGN, 65)));
    bench.set_sign_delay(2);
    for done in [Progress::Pending, Progress::Pending, Progress::Done(64)] {
        let mut message = Parts(&[b"a", b"b"]);
        assert_eq!(bench.sign(KeyId(1), SignInput::Message(&mut message), &mut signature), Ok(done));
    }
    let key = PublicKey::new(KeyAlg::P256, &public).unwrap();
    soft::suite().verify(key, &mut Parts(&[b"ab"]), &signature).unwrap();

    let mut secret = Secret::zeroed();
    assert_eq!(bench.agree(KeyId(1), &public, &mut secret), Err(Fault::Denied));
    assert_eq!(bench.agree(KeyId(2), &[9; 32], &mut secret), Ok(()));
    assert_eq!(Keys::next(&bench, KeyId(0)), Ok(Some(KeyId(1))));
    bench.edit(|medium| medium.keys.get_mut(&KeyId(1)).unwrap().corrupt = true);
    assert_eq!(Keys::public(&bench, KeyId(1), &mut public), Err(Fault::Corrupt));
    assert_eq!(bench.destroy(KeyId(1)), Ok(()));
    assert_eq!(Keys::next(&bench, KeyId(0)), Ok(Some(KeyId(2))));
}

#[test]
fn counters_never_decrease() {
    let bench = Bench::new(1);
    for (to, holds) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
        bench.advance(Counter::UpdateFloor, to).unwrap();
        assert_eq!(Counters::read(&bench, Counter::UpdateFloor), Ok(holds));
    }
}

#[test]
fn flash_is_written_once_between_erasures() {
    let geometry = Geometry { size: 64, erase_size: 16, write_size: 4 };
    for erased in [0xFF, 0x00] {
        let bench = Bench::new(1).with_flash([geometry, Geometry { size: 32, ..geometry }], erased);
        let mut out = [1; 16];
        Images::read(&bench, ImageSlot::A, 48, &mut out).unwrap();
        assert_eq!(out, [erased; 16]);
        // A short last unit takes the whole unit.
        Images::write(&bench, ImageSlot::A, 4, &[7; 6]).unwrap();
        for (offset, len) in [(4, 4), (8, 4), (2, 2), (62, 4)] {
            assert_eq!(Images::write(&bench, ImageSlot::A, offset, &[1; 4][..len]), Err(Fault::Denied), "{offset}");
        }
        Images::write(&bench, ImageSlot::A, 12, &[erased; 4]).unwrap();
        assert_eq!(Images::write(&bench, ImageSlot::A, 12, &[1; 4]), Err(Fault::Denied));
        for (offset, len) in [(8, 16), (0, 8), (64, 16), (u64::MAX, 16)] {
            assert_eq!(Images::erase(&bench, ImageSlot::A, offset, len), Err(Fault::Denied));
        }
        assert_eq!(Images::erase(&bench, ImageSlot::B, 32, 16), Err(Fault::Denied));
        Images::erase(&bench, ImageSlot::A, 0, 16).unwrap();
        assert_eq!(Images::write(&bench, ImageSlot::A, 0, &[1; 16]), Ok(()));
    }
}

#[test]
fn a_trial_boots_once() {
    let bench = Bench::new(1);
    bench.select(ImageSlot::B, BootMode::Trial).unwrap();
    assert_eq!(bench.running(), Ok(ImageSlot::A));
    bench.reboot();
    assert_eq!(bench.running(), Ok(ImageSlot::B));
    bench.reboot();
    assert_eq!(bench.running(), Ok(ImageSlot::A));
    bench.select(ImageSlot::B, BootMode::Trial).unwrap();
    bench.reboot();
    bench.select(ImageSlot::B, BootMode::Permanent).unwrap();
    bench.restart();
    assert_eq!(bench.running(), Ok(ImageSlot::B));
}

#[test]
fn an_interruption_happens_where_it_was_armed_and_darkness_lasts_until_the_restart() {
    let bench = Bench::new(1);
    let mut out = [0; 8];
    bench.arm(Interruption::Fail { call: 1, fault: Fault::Full });
    assert_eq!(bench.save(Slot(1), b"one"), Ok(()));
    assert_eq!(bench.save(Slot(1), b"two"), Err(Fault::Full));
    assert_eq!(bench.load(Slot(1), &mut out), Ok(3));
    assert!(bench.fired() && out.starts_with(b"one"));

    bench.arm(Interruption::FailDone { write: 0, fault: Fault::Io });
    assert_eq!(bench.save(Slot(1), b"two"), Err(Fault::Io));
    bench.arm(Interruption::Cut { write: 1, at: At::After });
    assert_eq!(bench.save(Slot(2), b"more"), Ok(()));
    assert_eq!(bench.advance(Counter::TrustOwner, 3), Err(Fault::Unavailable));
    assert_eq!(bench.load(Slot(1), &mut out), Err(Fault::Unavailable));
    assert_eq!(bench.fill(&mut out), Err(Fault::Unavailable));
    bench.disarm();
    bench.reboot();
    assert!(bench.dark());
    bench.restart();
    assert_eq!(bench.load(Slot(1), &mut out), Ok(3));
    assert!(out.starts_with(b"two"));
    assert_eq!(Counters::read(&bench, Counter::TrustOwner), Ok(3));
    assert_eq!(bench.log(), Log { calls: 2, writes: vec![] });
}

#[test]
fn a_torn_write_is_the_front_of_the_new_and_the_rest_of_something_else() {
    let tear = |rest, done| {
        let bench = Bench::new(1).with_store(StoreModel::Torn);
        bench.save(Slot(1), b"oldold").unwrap();
        bench.arm(Interruption::Cut { write: 0, at: At::Torn(Tear { done, rest }) });
        assert_eq!(bench.save(Slot(1), b"new."), Err(Fault::Unavailable));
        bench.snapshot().slots[&Slot(1)].clone()
    };
    assert_eq!(tear(Rest::Old, 2), b"nedold");
    assert_eq!(tear(Rest::Absent, 3), b"new");
    let garbage = tear(Rest::Garbage, 1);
    assert!(garbage.starts_with(b"n") && garbage.len() == 4 && garbage != b"new.");

    let bench = Bench::new(1);
    bench.save(Slot(1), b"old").unwrap();
    assert_eq!(bench.log().writes, [Write { kind: WriteKind::Save, units: 0 }], "an atomic store does not tear");

    let geometry = Geometry { size: 32, erase_size: 16, write_size: 4 };
    let bench = Bench::new(1).with_flash([geometry; 2], 0xFF);
    bench.arm(Interruption::Cut { write: 0, at: At::Torn(Tear { done: 1, rest: Rest::Garbage }) });
    assert_eq!(Images::write(&bench, ImageSlot::B, 0, &[1; 12]), Err(Fault::Unavailable));
    let flash = bench.snapshot().flash[1].clone();
    assert_eq!((&flash.bytes[..4], &flash.bytes[8..12]), (&[1; 4][..], &[0xFF; 4][..]));
    assert_eq!(flash.blank[..4], [false, false, true, true]);
    bench.restart();
    bench.arm(Interruption::Cut { write: 0, at: At::Torn(Tear { done: 0, rest: Rest::Garbage }) });
    assert_eq!(Images::erase(&bench, ImageSlot::B, 0, 32), Err(Fault::Unavailable));
    assert_eq!(bench.snapshot().flash[1].blank, [false, false, false, false, true, true, true, true]);
}
