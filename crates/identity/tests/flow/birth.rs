//! The birth identity.

use crate::support::*;
use aseptic_certs::csr::Csr;
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_core::platform::{KeyId, Keys};
use aseptic_identity::{DeviceName, Origin, Stage, Workspace, birth, tidy};
use aseptic_testbed::bench::Bench;

#[test]
fn a_device_is_born_with_its_serial_number_hardware_and_udi() {
    let world = World::new();
    let bench = Bench::new(1);
    identity(&bench, |identity| {
        assert_eq!(identity.birth_stage(), Stage::Blank);
        assert_eq!(identity.name(), Err(Reason::NotProvisioned));
        assert_eq!(identity.credential(), Err(Reason::NotProvisioned));
    })
    .unwrap();

    let request = world.request(&bench).unwrap();
    let csr = Csr::parse(&request).unwrap();
    csr.verify(&soft::suite()).unwrap();
    assert_eq!(csr.device_serial(), Some(SERIAL.as_bytes()));
    assert_eq!(csr.alternative_names().unwrap().uri(), Some(LINK));
    let module = csr.alternative_names().unwrap().hardware_module().unwrap();
    assert_eq!((module.hardware_type, module.serial), (HARDWARE, &b"HW-0042"[..]));
    identity(&bench, |identity| assert_eq!(identity.birth_stage(), Stage::Requested)).unwrap();

    world.birth(&bench).unwrap();
    identity(&bench, |identity| {
        assert_eq!((identity.birth_stage(), identity.local_stage()), (Stage::Active, Stage::Blank));
        assert_eq!(identity.name(), Ok(SERIAL));
        assert_eq!(identity.hardware(), Ok((HARDWARE, &b"HW-0042"[..])));
        assert_eq!(identity.udi(), Some(LINK));
        let credential = identity.credential().unwrap();
        assert_eq!((credential.origin(), credential.stage()), (Origin::Birth, Stage::Active));
        assert_eq!(credential.chain().len(), 2);
        assert_eq!(credential.for_messages(), Err(Reason::KeyWrongUse), "it may enrol and nothing else");
        proves_possession(&bench, &credential);
    })
    .unwrap();
    assert_eq!(refused(world.request(&bench)), Reason::AlreadyProvisioned);
    assert_eq!(refused(world.install(&bench, &[])), Reason::AlreadyProvisioned);
}

#[test]
fn a_request_is_handed_out_again_byte_for_byte_and_anew_for_another_name() {
    let world = World::new();
    let bench = Bench::new(2);
    let first = world.request(&bench).unwrap();
    bench.restart();
    assert_eq!(world.request(&bench).unwrap(), first);

    let mut out = [0; 1024];
    let other = DeviceName { serial: "PUMP-X-0042", ..name() };
    let mut workspace = Box::new(Workspace::new());
    let length = birth::request(&bench.platform(), &soft::suite(), &other, &mut workspace, &mut out).unwrap();
    let renamed = Csr::parse(&out[..length]).unwrap();
    assert_eq!(renamed.device_serial(), Some(&b"PUMP-X-0042"[..]));
    assert_eq!(renamed.spki, Csr::parse(&first).unwrap().spki, "the same key");
    let leaf = world.maker.issue(&first, NEVER, &Quirks::default());
    assert_eq!(refused(world.install(&bench, &[&leaf, world.maker.intermediate.der()])), Reason::IdentityNameMismatch);
}

#[test]
fn a_small_buffer_and_a_wrong_name_leave_the_device_blank() {
    let bench = Bench::new(3);
    let before = bench.snapshot();
    let mut workspace = Box::new(Workspace::new());
    let mut request = |name: &DeviceName<'_>, room: usize| {
        birth::request(&bench.platform(), &soft::suite(), name, &mut workspace, &mut vec![0; room])
    };
    assert_eq!(request(&name(), 1023), Err(Reason::BufferTooSmall));
    assert_eq!(request(&DeviceName { serial: "", ..name() }, 1024), Err(Reason::NameInvalid));
    assert_eq!(request(&DeviceName { serial: "PUMP-0043", ..name() }, 1024), Err(Reason::UdiInvalid));
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn what_the_maker_got_wrong_is_refused_with_its_own_reason_and_changes_nothing() {
    let world = World::new();
    let other_device = Bench::new(4);
    let other_request = world.request(&other_device).unwrap();
    let other_key = Csr::parse(&other_request).unwrap().public_key().unwrap().bytes().to_vec();
    let bench = Bench::new(5);
    assert_eq!(refused(world.install(&bench, &[])), Reason::NotProvisioned);
    let csr = world.request(&bench).unwrap();
    let before = bench.snapshot();
    let good = Quirks::default();
    let other_names = {
        let mut names =
            Csr::parse(&csr).unwrap().extensions.find(aseptic_certs::oid::SUBJECT_ALT_NAME).unwrap().value.to_vec();
        let last = names.len() - 1;
        names[last] ^= 1;
        names
    };
    let intermediate = world.maker.intermediate.der();
    for (quirks, reason) in [
        (Quirks { key: Some(other_key), ..good.clone() }, Reason::IdentityKeyMismatch),
        (Quirks { serial: Some("PUMP-2024-0043"), ..good.clone() }, Reason::IdentityNameMismatch),
        (Quirks { names: Some(None), ..good.clone() }, Reason::IdentityNameMismatch),
        (Quirks { names: Some(Some(other_names)), ..good.clone() }, Reason::IdentityNameMismatch),
        (Quirks { not_after: Some(YEAR), ..good.clone() }, Reason::CertificateProfile),
        (Quirks { ca: true, ..good.clone() }, Reason::PathKeyUsage),
        (Quirks { server_only: true, ..good.clone() }, Reason::PathKeyUsage),
    ] {
        let leaf = world.maker.issue(&csr, NEVER, &quirks);
        assert_eq!(refused(world.install(&bench, &[&leaf, intermediate])), reason);
        assert_eq!(bench.snapshot(), before, "{reason}");
    }
    let leaf = world.maker.issue(&csr, NEVER, &good);
    let by_owner = world.owner.issue(&csr, NEVER, &good);
    for (chain, reason) in [
        (&[][..], Reason::CertificateMalformed),
        (&[&leaf[..]][..], Reason::PathUntrusted),
        (&[&by_owner, world.owner.intermediate.der()], Reason::PathUntrusted),
        (&[intermediate, &leaf], Reason::IdentityKeyMismatch),
        (&[&leaf, intermediate, intermediate, intermediate, intermediate], Reason::PathTooLong),
    ] {
        assert_eq!(refused(world.install(&bench, chain)), reason);
        assert_eq!(bench.snapshot(), before, "{reason}");
    }
    world.install(&bench, &[&leaf, intermediate]).unwrap();
}

#[test]
fn every_flipped_bit_and_every_truncation_of_the_certificate_is_refused() {
    let world = World::new();
    let bench = Bench::new(6);
    let csr = world.request(&bench).unwrap();
    let before = bench.snapshot();
    let leaf = world.maker.issue(&csr, NEVER, &Quirks::default());
    let intermediate = world.maker.intermediate.der();
    let mut tried = 0;
    for bit in 0..leaf.len() * 8 {
        let mut flipped = leaf.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(world.install(&bench, &[&flipped, intermediate]).is_err(), "bit {bit}");
        tried += 1;
    }
    for length in 0..leaf.len() {
        assert!(world.install(&bench, &[&leaf[..length], intermediate]).is_err(), "length {length}");
        tried += 1;
    }
    assert_eq!(bench.snapshot(), before);
    println!("birth certificate: {tried} flipped bits and truncations refused");
}

#[test]
fn a_slow_key_store_is_asked_again() {
    let world = World::new();
    let bench = Bench::new(8);
    bench.set_sign_delay(3);
    for _ in 0..3 {
        assert_eq!(refused(world.request(&bench)), Reason::KeyBusy);
        identity(&bench, |identity| assert_eq!(identity.birth_stage(), Stage::Keyed)).unwrap();
    }
    world.request(&bench).unwrap();
    assert_eq!(bench.next(KeyId(0)), Ok(Some(KeyId(1))));
    assert_eq!(bench.next(KeyId(1)), Ok(None), "one key, however often it was asked");
}

#[test]
fn leftovers_go_and_a_store_that_comes_up_empty_costs_no_key() {
    let world = World::new();
    let bench = world.born();
    let policy = bench.public(KeyId(1), &mut [0; 65]).unwrap().0;
    bench.generate(KeyId(9), policy).unwrap();
    let mut workspace = Box::new(Workspace::new());
    assert_eq!(tidy(&bench.platform(), &mut workspace), Ok(1));
    assert_eq!(tidy(&bench.platform(), &mut workspace), Ok(0));
    assert_eq!(bench.next(KeyId(1)), Ok(None));

    let slots = bench.snapshot().slots;
    bench.edit(|medium| medium.slots.clear());
    assert_eq!(tidy(&bench.platform(), &mut workspace), Ok(0));
    bench.edit(|medium| medium.slots = slots.clone());
    identity(&bench, |identity| proves_possession(&bench, &identity.credential().unwrap())).unwrap();

    // Damage to the record is told, and costs no key either.
    bench.edit(|medium| medium.slots.values_mut().for_each(|blob| blob[20] ^= 1));
    assert_eq!(tidy(&bench.platform(), &mut workspace), Err(Reason::RecordCorrupt));
    assert_eq!(bench.next(KeyId(0)), Ok(Some(KeyId(1))));
}

#[test]
fn flash_copied_to_another_device_is_no_identity_there() {
    let world = World::new();
    let bench = world.born();
    let copy = Bench::new(99);
    let slots = bench.snapshot().slots;
    copy.edit(|medium| medium.slots = slots.clone());
    for key in [None, Some([5; 32])] {
        if let Some(secret) = key {
            let policy = bench.public(KeyId(1), &mut [0; 65]).unwrap().0;
            copy.put_key(KeyId(1), policy, &secret);
        }
        identity(&copy, |identity| assert_eq!(identity.credential(), Err(Reason::IdentityKeyLost))).unwrap();
        assert_eq!(copy.take_events()[0].reason, Reason::IdentityKeyLost);
    }
}
