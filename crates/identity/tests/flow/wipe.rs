//! The end of a device, and storage that comes up on other hardware.

use crate::support::*;
use crate::sweep::tried;
use aseptic_certs::Certificate;
use aseptic_core::crypto::soft;
use aseptic_core::platform::{Fault, KeyId, KeyPolicy, KeyUse, Keys, SignInput};
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result, crypto::KeyAlg, limits};
use aseptic_identity::wipe::{self, TOMBSTONE, Tombstone};
use aseptic_identity::{Identity, Terms, Workspace, agreement, confirm_handshake, renewal, tidy};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{cuts, failures};

/// A device with every sort of key: birth, local, successor, agreement, and one that nobody names.
fn full(world: &World, store: StoreModel) -> Bench {
    let bench = Bench::new(7).with_store(store);
    world.birth(&bench).unwrap();
    world.enrol(&bench, &Registrar::new(world)).unwrap();
    let mut workspace = Box::new(Workspace::new());
    let key = identity(&bench, |identity| identity.credential().unwrap().key_id()).unwrap();
    confirm_handshake(&bench.platform(), key, &mut workspace).unwrap();
    world.enrol_on(&bench, &Registrar::new(world), Terms::RENEW, now()).unwrap();
    agreement::public(&bench.platform(), &mut workspace).unwrap();
    renewal::spread(&bench.platform(), &soft::suite(), &[1; 32]).unwrap();
    bench.generate(KeyId(99), KeyPolicy { alg: KeyAlg::Ed25519, usage: KeyUse::Sign }).unwrap();
    bench
}

fn decommission(bench: &Bench) -> Result<Vec<u8>> {
    let mut out = [0; TOMBSTONE];
    let mut workspace = Box::new(Workspace::new());
    let length = wipe::decommission(&bench.platform(), &soft::suite(), now(), &mut workspace, &mut out)?;
    Ok(out[..length].to_vec())
}

fn birth_certificate(bench: &Bench) -> Vec<u8> {
    identity(bench, |identity| identity.birth().unwrap().chain()[0].to_vec()).unwrap()
}

#[test]
fn a_decommissioned_device_has_no_key_left_and_says_so_under_its_birth_key() {
    let world = World::new();
    let bench = full(&world, StoreModel::Atomic);
    let leaf = birth_certificate(&bench);
    let keys: Vec<KeyId> = bench.snapshot().keys.into_keys().collect();
    assert_eq!(keys.len(), 5);

    let stone = decommission(&bench).unwrap();
    assert!(bench.snapshot().keys.is_empty());
    for id in keys {
        assert_eq!(bench.public(id, &mut [0; 65]).err(), Some(Fault::NotFound));
        assert!(bench.sign(id, SignInput::Digest(&[0; 32]), &mut [0; 64]).is_err());
    }
    let left: Vec<_> = bench.snapshot().slots.into_keys().collect();
    assert_eq!(left, Kind::Tombstone.slots(), "nothing but the tombstone is stored");

    let signer = Certificate::parse(&leaf).unwrap().public_key().unwrap();
    let read = Tombstone::verify(&soft::suite(), signer, &stone).unwrap();
    assert_eq!((read.serial, read.hardware_serial, read.udi), (SERIAL, &b"HW-0042"[..], LINK));
    assert_eq!((read.hardware_type, read.time), (HARDWARE, now()));
    let birth = signer.thumbprint(&soft::suite()).unwrap();
    assert_eq!(read.thumbprints().count(), 3);
    assert_eq!(read.thumbprints().next(), Some(&birth));
    for bit in (0..stone.len() * 8).step_by(3) {
        let mut forged = stone.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(Tombstone::verify(&soft::suite(), signer, &forged).is_err(), "bit {bit}");
    }

    // It is nobody from now on, and says the same when asked again.
    assert_eq!(decommission(&bench), Ok(stone));
    let mut workspace = Box::new(Workspace::new());
    assert_eq!(tidy(&bench.platform(), &mut workspace), Ok(0));
    assert_eq!(identity(&bench, |_| ()), Err(Reason::Decommissioned));
    assert_eq!(refused(world.birth(&bench)), Reason::Decommissioned);
    assert_eq!(refused(world.enrol(&bench, &Registrar::new(&world))), Reason::Decommissioned);
    assert_eq!(agreement::public(&bench.platform(), &mut workspace).err(), Some(Reason::Decommissioned));
    assert_eq!(agreement::renew(&bench.platform(), &mut workspace).err(), Some(Reason::Decommissioned));
    assert_eq!(confirm_handshake(&bench.platform(), KeyId(2), &mut workspace), Err(Reason::Decommissioned));
}

#[test]
fn a_device_whose_birth_key_is_lost_is_buried_by_its_owner_s_key() {
    let world = World::new();
    let bench = full(&world, StoreModel::Atomic);
    let leaf = identity(&bench, |identity| identity.fallback().unwrap().chain()[0].to_vec()).unwrap();
    bench.destroy(KeyId(1)).unwrap();
    let stone = decommission(&bench).unwrap();
    let signer = Certificate::parse(&leaf).unwrap().public_key().unwrap();
    assert_eq!(Tombstone::verify(&soft::suite(), signer, &stone).unwrap().serial, SERIAL);
    assert_eq!(decommission(&Bench::new(1)), Err(Reason::NotProvisioned));
}

/// Before the tombstone is stored the device works as before; from then on nothing brings it back, and one call more ends it.
#[test]
fn a_wipe_that_is_interrupted_anywhere_is_whole_or_not_begun() {
    let world = World::new();
    let start = full(&world, StoreModel::Torn);
    let complete = start.clone();
    complete.disarm();
    decommission(&complete).unwrap();
    let log = complete.log();
    let mut points = 0;
    for interruption in failures(&log).chain(cuts(&log)).filter(|interruption| tried(interruption, &log)) {
        let bench = start.clone();
        bench.arm(interruption);
        let result = decommission(&bench);
        assert!(bench.fired(), "{interruption}");
        bench.restart();
        match identity(&bench, |identity| identity.credential().map(|used| used.key_id())) {
            Ok(used) => {
                assert_eq!(used, Ok(KeyId(3)), "{interruption}: it works as before");
                assert!(result.is_err(), "{interruption}");
            }
            Err(reason) => {
                assert_eq!(reason, Reason::Decommissioned, "{interruption}");
                // The next start alone finishes it.
                tidy(&bench.platform(), &mut Box::new(Workspace::new())).unwrap();
                assert!(bench.snapshot().keys.is_empty(), "{interruption}");
            }
        }
        decommission(&bench).unwrap();
        assert!(bench.snapshot().keys.is_empty(), "{interruption}");
        assert_eq!(bench.snapshot().slots.len(), 2, "{interruption}");
        points += 1;
    }
    println!("wipe: {points} failures and power cuts: whole or not begun, and finished by the next start");
}

#[test]
fn storage_that_comes_up_on_other_hardware_is_refused_and_reported() {
    let world = World::new();
    let bench = full(&world, StoreModel::Atomic);
    let load = |bench: &Bench, hardware: &[u8]| {
        let mut buffer = vec![0; 2 * limits::SLOT];
        Identity::load_on(&bench.platform(), hardware, &mut buffer).map(|identity| identity.name().is_ok())
    };
    drop(bench.take_events());
    assert_eq!(load(&bench, b"HW-0042"), Ok(true));
    assert!(bench.take_events().is_empty());
    // All of it was copied, the keys of a software key store too.
    let clone = bench.clone();
    for other in [&b"HW-0043"[..], b"", b"HW-0042\0"] {
        assert_eq!(load(&clone, other), Err(Reason::HardwareMismatch));
        assert_eq!(clone.take_events()[0].reason, Reason::HardwareMismatch);
    }
    assert_eq!(load(&Bench::new(1), b"HW-0043"), Ok(false), "a blank device is no clone");
}

#[test]
fn a_device_has_one_share_that_outlives_restarts_and_differs_from_others() {
    let suite = soft::suite();
    let shares: Vec<u64> = (0..200)
        .map(|seed| {
            let bench = Bench::new(seed);
            let share = renewal::spread(&bench.platform(), &suite, &[1; 32]).unwrap();
            bench.restart();
            assert_eq!(renewal::spread(&bench.platform(), &suite, &[1; 32]), Ok(share));
            assert_ne!(
                renewal::spread(&bench.platform(), &suite, &[2; 32]),
                Ok(share),
                "another certificate, another share"
            );
            share
        })
        .collect();
    for tenth in 0..10_u64 {
        let here = shares.iter().filter(|share| ((*share >> 32) * 10) >> 32 == tenth).count();
        assert!((8..40).contains(&here), "{tenth}: {here}");
    }
}
