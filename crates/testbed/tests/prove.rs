//! Some of every proof, and faults that are planted: each turns at least one of them red.
#![allow(clippy::unwrap_used, clippy::panic)]

use aseptic_core::platform::Geometry;
use aseptic_testbed::bench::StoreModel;
use aseptic_testbed::prove::model::Bounds;
use aseptic_testbed::prove::rig::Planted;
use aseptic_testbed::prove::scenes::Scene;
use aseptic_testbed::prove::world::{Keeps, Model};
use aseptic_testbed::prove::{Depth, cuts, flips, jobs, model, run};

/// `cargo xtask prove --quick` runs this alone and shows the counts.
#[test]
fn some_of_everything_holds() {
    let tables = run(&jobs(Depth::Quick, None)).unwrap_or_else(|violation| panic!("violation: {violation}"));
    println!("{tables}0 violations");
}

fn sweep(name: &str, planted: Option<Planted>) -> Result<(), String> {
    let slot = Geometry { size: 512, erase_size: 256, write_size: 32 };
    let small = Model { name: "small", slots: [slot; 2], erased: 0xFF, keeps: Keeps::Store(StoreModel::Atomic) };
    let scene = Scene::all(&small, 200).into_iter().find(|scene| scene.name == name).unwrap();
    cuts::sweep(&scene, small.name, false, planted).map(drop)
}

/// The text with which it is told, so that nobody takes another failure for this one.
fn red<T: std::fmt::Debug>(result: Result<T, String>, told: &str) {
    red_by(result, &[told]);
}

/// The same where several rules are broken, and any of them may be found first.
fn red_by<T: std::fmt::Debug>(result: Result<T, String>, told: &[&str]) {
    let violation = result.unwrap_err();
    assert!(told.iter().any(|told| violation.contains(told)), "{violation}");
}

#[test]
fn a_counter_that_moves_before_the_confirmation_is_noticed() {
    assert_eq!(sweep("confirm", None), Ok(()));
    red(sweep("confirm", Some(Planted::CounterFirst)), "power cut at write");
}

#[test]
fn a_slot_that_is_not_read_back_is_noticed() {
    flips::image(0, None).unwrap();
    red(flips::image(0, Some(Planted::Cached)), "bit 0: it was taken");
}

#[test]
fn a_selection_that_knows_no_trial_is_noticed() {
    // Tries are not bounded (I8), neither the old nor the new image is confirmed in the end (I6), which is another end than that
    // without cuts (I7).
    red_by(model::check(Bounds::releases(0, 7), Some(Planted::NoTrial)), &["I8 ", "I6 ", "I7 "]);
    red(sweep("install", Some(Planted::NoTrial)), "selected for good and was never confirmed");
}

#[test]
fn a_set_of_two_releases_is_noticed() {
    model::check(Bounds::sets(0, 3), None).unwrap();
    // Each component was signed, and they were never signed together.
    red(model::check(Bounds::sets(0, 3), Some(Planted::Mixed)), "I9 ");
}
