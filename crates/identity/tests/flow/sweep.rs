//! From the blank device to the active one, and from there to its successor: every platform call fails in every way, the
//! power is cut at every write, torn writes included. Afterwards nothing that worked is lost, no key is left over, and the
//! way can be gone on to its end.

use crate::support::*;
use aseptic_core::Result;
use aseptic_core::platform::{Fault, KeyId};
use aseptic_core::record::Kind;
use aseptic_identity::{Identity, Origin, Stage, Terms, Workspace, confirm_handshake, tidy};
use aseptic_testbed::bench::{At, Bench, Interruption, Log, StoreModel};
use aseptic_testbed::sweep::{FAULTS, cuts, failures};
use std::cell::Cell;
use std::collections::BTreeSet;

/// How far the device said it had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    #[default]
    Nothing,
    Born,
    Enrolled,
    Confirmed,
}

/// What a run tries, in order. Steps that were done before are left out, as a device does after a restart; `anew` makes it
/// enrol also where an owner's identity is on probation already.
fn line(world: &World, bench: &Bench, told: &Cell<Told>, anew: bool) -> Result<()> {
    let mut workspace = Box::new(Workspace::new());
    tidy(&bench.platform(), &mut workspace)?;
    if identity(bench, |identity| identity.birth_stage())? != Stage::Active {
        world.birth(bench)?;
    }
    told.set(Told::Born);
    let (local, successor) = identity(bench, |identity| (identity.local_stage(), identity.successor_stage()))?;
    if anew || successor != Stage::Probation {
        // An identity in use renews itself.
        let terms = if local == Stage::Active { Terms::RENEW } else { Terms::ENROL };
        world.enrol_on(bench, &Registrar::new(world), terms, now())?;
    }
    told.set(Told::Enrolled);
    let credential = |identity: &Identity<'_>| identity.credential().map(|used| (used.key_id(), used.origin()));
    let (key, origin) = identity(bench, credential)??;
    confirm_handshake(&bench.platform(), key, &mut workspace)?;
    if origin == Origin::Local {
        told.set(Told::Confirmed);
    }
    Ok(())
}

/// The keys in the key store, and those of the identity's credentials; loading it compares their public keys.
fn keys(bench: &Bench) -> (BTreeSet<KeyId>, BTreeSet<KeyId>) {
    let usable = identity(bench, |identity| {
        let credentials = [identity.birth(), identity.fallback(), identity.credential()];
        credentials.iter().flatten().map(|credential| credential.key_id()).collect()
    });
    (bench.snapshot().keys.keys().copied().collect(), usable.unwrap())
}

/// What must hold after every disturbance.
fn check(world: &World, bench: &Bench, told: Told, least: Origin) {
    drop(bench.take_events());
    let (_, usable) = keys(bench);
    assert!(bench.take_events().is_empty(), "a key that a record names is gone");
    let (birth, local, successor) =
        identity(bench, |identity| (identity.birth_stage(), identity.local_stage(), identity.successor_stage()))
            .unwrap();
    if told >= Told::Born {
        assert_eq!(birth, Stage::Active, "born, and forgot it");
        assert!(!usable.is_empty());
    }
    if told >= Told::Enrolled {
        assert!(local >= Stage::Probation, "enrolled, and forgot it");
    }
    if told >= Told::Confirmed || least == Origin::Local {
        assert_eq!(local, Stage::Active, "active, and forgot it");
    }

    tidy(&bench.platform(), &mut Box::new(Workspace::new())).unwrap();
    let (stored, usable_after) = keys(bench);
    assert_eq!(usable, usable_after, "tidying up costs nothing that works");
    let waiting = usize::from(matches!(successor, Stage::Keyed | Stage::Pending));
    if birth == Stage::Active {
        assert_eq!(stored.len(), usable.len() + waiting, "a key is left over");
    }

    // The way is gone on to its end.
    line(world, bench, &Cell::default(), false).unwrap();
    let (stored, usable) = keys(bench);
    assert_eq!(stored, usable, "a key is left over at the end");
    assert_eq!(
        identity(bench, |identity| (identity.local_stage(), identity.successor_stage())),
        Ok((Stage::Active, Stage::Blank))
    );
}

/// Whether this is tried. With `ASEPTIC_SWEEP=whole` everything is: each fault of each call, each torn byte, which takes an
/// hour. Otherwise each call fails in two ways, the second another one from call to call; and as the record is swept through
/// every torn byte where it is defined, the edges of its frame and some places in between suffice.
pub(crate) fn tried(interruption: &Interruption, log: &Log) -> bool {
    let whole = std::env::var("ASEPTIC_SWEEP").is_ok_and(|extent| extent == "whole");
    let one_of = |number: usize, fault: Fault| fault == Fault::Unavailable || fault == FAULTS[number % FAULTS.len()];
    whole
        || match *interruption {
            Interruption::Cut { write, at: At::Torn(tear) } => {
                let units = log.writes[write].units;
                let edge = tear.done < 2 || (11..14).contains(&tear.done) || tear.done + 5 > units;
                edge || tear.done % 251 == 0
            }
            Interruption::Cut { .. } => true,
            Interruption::Fail { call, fault } => one_of(call, fault),
            Interruption::FailDone { write, fault } => one_of(write, fault),
        }
}

fn sweep(name: &str, world: &World, start: &Bench, least: Origin) {
    let complete = start.clone();
    complete.disarm();
    line(world, &complete, &Cell::default(), true).unwrap();
    let log = complete.log();
    let (mut failed, mut cut, mut torn) = (0, 0, 0);
    for interruption in failures(&log).chain(cuts(&log)) {
        if !tried(&interruption, &log) {
            continue;
        }
        let bench = start.clone();
        bench.arm(interruption);
        let told = Cell::default();
        let result = line(world, &bench, &told, true);
        assert!(bench.fired(), "{interruption}");
        match interruption {
            Interruption::Cut { at: At::Torn(_), .. } => torn += 1,
            Interruption::Cut { .. } => cut += 1,
            _ => {
                failed += 1;
                let running = bench.clone();
                running.disarm();
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    check(world, &running, told.get(), least);
                }));
                assert!(outcome.is_ok(), "{name}: {interruption}, running on; {result:?}");
            }
        }
        bench.restart();
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(world, &bench, told.get(), least)));
        assert!(outcome.is_ok(), "{name}: {interruption}, after a restart; {result:?}");
    }
    assert!(cut + torn > 250, "{name}: too few points");
    println!(
        "{name}: {} calls, {} writes; {failed} failures, {cut} power cuts, {torn} torn writes: identity kept, keys tidy, way completed",
        log.calls,
        log.writes.len()
    );
}

#[test]
fn from_blank_to_active_through_every_failure_and_power_cut() {
    let world = World::new();
    sweep("birth and enrolment", &world, &Bench::new(1).with_store(StoreModel::Torn), Origin::Birth);
}

#[test]
fn from_active_to_its_successor_through_every_failure_and_power_cut() {
    let world = World::new();
    let bench = Bench::new(2).with_store(StoreModel::Torn);
    line(&world, &bench, &Cell::default(), true).unwrap();
    sweep("successor", &world, &bench, Origin::Local);
}

#[test]
fn from_an_unproven_successor_to_another_through_every_failure_and_power_cut() {
    let world = World::new();
    let bench = Bench::new(3).with_store(StoreModel::Torn);
    line(&world, &bench, &Cell::default(), true).unwrap();
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    sweep("successor after one that never proved itself", &world, &bench, Origin::Local);
}

/// The power goes between the two copies of a record: one still names the predecessor. Tidying up, disturbed in every way,
/// must leave keys for both copies, or two copies for the keys.
#[test]
fn whichever_copy_of_a_record_is_damaged_later_its_keys_are_there() {
    let world = World::new();
    let start = Bench::new(4);
    line(&world, &start, &Cell::default(), true).unwrap();
    world.enrol(&start, &Registrar::new(&world)).unwrap();
    let key = identity(&start, |identity| identity.credential().unwrap().key_id()).unwrap();
    start.arm(Interruption::Cut { write: 0, at: At::After });
    confirm_handshake(&start.platform(), key, &mut Box::new(Workspace::new())).unwrap_err();
    start.restart();

    let tidied = start.clone();
    tidied.disarm();
    tidy(&tidied.platform(), &mut Box::new(Workspace::new())).unwrap();
    let log = tidied.log();
    let mut points = 0;
    for interruption in failures(&log).chain(cuts(&log)).filter(|interruption| tried(interruption, &log)) {
        let bench = start.clone();
        bench.arm(interruption);
        // It may fail; what it leaves is looked at.
        let _ = tidy(&bench.platform(), &mut Box::new(Workspace::new()));
        bench.restart();
        for slot in Kind::LocalIdentity.slots() {
            let damaged = bench.clone();
            damaged.edit(|medium| medium.slots.get_mut(&slot).unwrap()[20] ^= 1);
            drop(damaged.take_events());
            assert_eq!(identity(&damaged, |identity| identity.local_stage()), Ok(Stage::Active), "{interruption}");
            assert!(damaged.take_events().is_empty(), "{interruption}: a key is gone that {slot:?} names");
            points += 1;
        }
    }
    println!("tidying up after a cut between two copies: {points} damaged copies, each with its keys");
}
