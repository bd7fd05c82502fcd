//! The CA of the owner rolls over, once while a device works and twice while it lies in its box.

use crate::support::*;
use aseptic_certs::Engine;
use aseptic_core::crypto::soft;
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{Authority, Purpose, Trust};
use aseptic_core::{Reason, limits};
use aseptic_identity::renewal::{Attempts, Decision, Life, Situation, next, spread};
use aseptic_identity::{Identity, Origin, Stage, Terms, Workspace, confirm_handshake, tidy};
use aseptic_testbed::bench::Bench;

const DAY: u64 = 86_400;

fn confirm(bench: &Bench) {
    let key = identity(bench, |identity| identity.credential().unwrap().key_id()).unwrap();
    confirm_handshake(&bench.platform(), key, &mut Box::new(Workspace::new())).unwrap();
}

/// What the device still believes: the first root.
fn first(owner: &CertificationAuthority) -> Trust<'_> {
    owner.trust(Authority::Owner, &[Purpose::Enrolment, Purpose::Network, Purpose::Telemetry])
}

fn chain_length(bench: &Bench) -> usize {
    identity(bench, |identity| identity.credential().unwrap().chain().len()).unwrap()
}

#[test]
fn a_device_with_the_old_root_takes_what_the_new_one_issues_and_the_reverse() {
    let mut world = World::new();
    let bench = world.born();
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    confirm(&bench);
    let old = world.owner;
    world.owner = old.rolled_over("Hospital");
    // The device believes the old root, and gets leaf, issuing CA and the new root signed by the old one.
    let registrar = Registrar::new(&world);
    assert_eq!(world.enrol_under(&bench, &registrar, &first(&old), Terms::RENEW, now()), Ok(0));
    assert_eq!(chain_length(&bench), 3);
    confirm(&bench);
    // One that believes the new root already needs no link.
    assert_eq!(world.enrol_under(&bench, &registrar, &first(&world.owner), Terms::RENEW, now()), Ok(0));
    assert_eq!(chain_length(&bench), 2);
    confirm(&bench);
    drop(registrar);
    // One that believes the new root is served by a registrar that still issues from the old one.
    let new = std::mem::replace(&mut world.owner, old);
    world.owner.links = new.links.clone();
    let registrar = Registrar::new(&world);
    assert_eq!(world.enrol_under(&bench, &registrar, &first(&new), Terms::RENEW, now()), Ok(0));
    assert_eq!(chain_length(&bench), 3);
    confirm(&bench);
    drop(registrar);

    // Without the links nothing is stored, and what worked goes on working.
    let mut strangers = World::new();
    std::mem::swap(&mut strangers.maker, &mut world.maker);
    let registrar = Registrar::new(&strangers);
    let told = strangers.enrol_under(&bench, &registrar, &first(&new), Terms::RENEW, now());
    assert_eq!(told, Err(Reason::SignatureInvalid), "the names are the same, the keys are not");
    identity(&bench, |identity| proves_possession(&bench, &identity.credential().unwrap())).unwrap();
}

/// Twelve years in a box: the battery is dead, the certificate has run out long ago, the CA has rolled over twice, and
/// nobody has touched the device since.
#[test]
fn from_the_shelf_to_the_bed_without_a_technician() {
    let mut world = World::new();
    let bench = world.born();
    bench.set_clock(Time::trusted(NOW));
    let mut floor = Floor::load(&bench.platform(), NOW - 90 * DAY).unwrap();
    floor.raise(&bench.platform(), NOW).unwrap();
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    confirm(&bench);
    // A renewal was under way when it was put away.
    let busy = Registrar::twisted(
        &world,
        |path, answer| {
            if path.ends_with("reenroll") { Answer::status(503) } else { answer }
        },
    );
    assert_eq!(refused(world.enrol_on(&bench, &busy, Terms::RENEW, now())), Reason::EstPending);
    drop(busy);

    let original = world.owner;
    world.owner = original.rolled_over("Hospital").rolled_over("Hospital");
    bench.restart();
    bench.set_clock(Time::UNKNOWN);
    let (platform, suite) = (bench.platform(), soft::suite());
    tidy(&platform, &mut Box::new(Workspace::new())).unwrap();
    let now = Floor::load(&platform, NOW - 90 * DAY).unwrap().now(&platform);
    assert_eq!(now, Time::at_least(NOW), "all that it knows");

    // A ward server turns the expired certificate down; that is enough.
    let decision = |hint| {
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(&platform, &mut buffer).unwrap();
        let used = identity.credential().unwrap();
        let spread = spread(&platform, &suite, used.thumbprint()).unwrap();
        let attempts = Attempts { failed: 0, since: 600 };
        let life = Some(Life::of(&used).unwrap());
        next(&Situation { life, spread, now, attempts, hint, clinical: aseptic_core::clinical::Use::Idle })
    };
    assert!(matches!(decision(None), Decision::Wait(_)));
    assert_eq!(decision(Some(aseptic_identity::renewal::Hint::TurnedDown)), Decision::Renew(Origin::Birth));

    // The registrar shows a chain with the links to the first root; the device believes that one alone.
    let trust = first(&original);
    let request = world.request(&Bench::new(3)).unwrap();
    let server = world.owner.issue(&request, YEAR, &Quirks { server_only: true, ..Quirks::default() });
    let [second_by_first, _, third_by_second, _] = &world.owner.links[..] else { panic!() };
    let shown = [&server, world.owner.intermediate.der().as_ref(), third_by_second.der(), second_by_first.der()];
    trust.verify_chain(&suite, &Engine, Purpose::Enrolment, &shown, now).unwrap();
    let reason = trust.verify_chain(&suite, &Engine, Purpose::Enrolment, &shown[..3], now).err();
    assert_eq!(reason, Some(Reason::SignatureInvalid), "a link is missing");
    let registrar = Registrar::new(&world);
    assert_eq!(world.enrol_under(&bench, &registrar, &trust, Terms::ENROL, now), Ok(0));
    assert_eq!(chain_length(&bench), 4, "leaf, issuing CA and two links");
    let stages = identity(&bench, |identity| (identity.local_stage(), identity.successor_stage())).unwrap();
    assert_eq!(stages, (Stage::Active, Stage::Probation));
    confirm(&bench);
    identity(&bench, |identity| proves_possession(&bench, &identity.credential().unwrap())).unwrap();
    let chain = identity(&bench, |identity| {
        identity.credential().unwrap().chain().iter().map(|der| der.to_vec()).collect::<Vec<_>>()
    })
    .unwrap();
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    trust.verify_chain(&suite, &Engine, Purpose::Telemetry, &chain, now).unwrap();
}
