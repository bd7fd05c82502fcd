//! Every power cut, at every operation of flash and store, at every torn length; and every pair of them.
//!
//! MCUboot's simulator cuts before each whole operation, once a run (`run_revert_with_fails` and its kin), and five times at
//! random. What that scheme would have tried stands beside what is tried here.

use super::rig::{Cut, Planted};
use super::scenes::{Scene, Stored, Verdict};
use super::world::{Keeps, Model};
use super::{Counts, Depth, Job};
use crate::bench::StoreModel;
use aseptic_core::platform::Geometry;

const fn slot(size: u64, erase_size: u32, write_size: u32) -> Geometry {
    Geometry { size, erase_size, write_size }
}

const SMALL: Geometry = slot(512, 256, 32);
const NARROW: Geometry = slot(1024, 256, 8);
const BYTES: Geometry = slot(512, 128, 1);

/// The models of flash and store. The program slots of all of them are write-once: a unit takes one write an erasure.
const MODELS: [Model; 9] = [
    model("small", [SMALL; 2], 0xFF, Keeps::Store(StoreModel::Atomic)),
    model("erased is 0x00", [SMALL; 2], 0x00, Keeps::Store(StoreModel::Atomic)),
    model("torn store", [NARROW; 2], 0xFF, Keeps::Store(StoreModel::Torn)),
    model("writes of 1", [BYTES; 2], 0x00, Keeps::Store(StoreModel::Torn)),
    model("writes of 32", [slot(1024, 256, 32); 2], 0xFF, Keeps::Store(StoreModel::Torn)),
    model("unequal slots", [NARROW, slot(2048, 512, 32)], 0xFF, Keeps::Store(StoreModel::Torn)),
    model("log, words of 1", [SMALL; 2], 0xFF, Keeps::Log(1, false)),
    model("log, words of 8", [SMALL; 2], 0xFF, Keeps::Log(8, false)),
    model("log, write once", [SMALL; 2], 0xFF, Keeps::Log(32, true)),
];

/// A model whose images span the distance between two entries of the journal, so that a transfer goes on from the middle.
const LONG: Model = model("65 KiB", [slot(0x1_4000, 0x4000, 32); 2], 0xFF, Keeps::Store(StoreModel::Atomic));

const fn model(name: &'static str, slots: [Geometry; 2], erased: u8, keeps: Keeps) -> Model {
    Model { name, slots, erased, keeps }
}

/// One job for each scene on each model.
#[must_use]
pub fn jobs(depth: Depth) -> Vec<Job> {
    let mut jobs = Vec::new();
    let scenes = Scene::all(&MODELS[0], LENGTH).len();
    for (number, model) in MODELS.iter().enumerate() {
        // In short: all scenes on the small model and on one with a log.
        if depth == Depth::Quick && !matches!(number, 0 | 7) {
            continue;
        }
        for scene in 0..scenes {
            // The small model is swept in pairs, and so is a confirmation on a store that tears.
            let pairs = match (depth, number) {
                (Depth::Whole, 0 | 1) => true,
                (Depth::Quick, 0) => PAIRS.contains(&scene),
                (Depth::Whole, 2) => PAIRS.contains(&scene),
                _ => false,
            };
            jobs.push(Job::new("power cuts", move || {
                sweep(&Scene::all(model, LENGTH)[scene], model.name, pairs, None)
            }));
        }
    }
    if depth == Depth::Whole {
        for scene in [0, 1] {
            jobs.push(Job::new("power cuts", move || {
                sweep(&Scene::all(&LONG, 0x1_0400)[scene], LONG.name, false, None)
            }));
        }
    }
    jobs
}

const LENGTH: usize = 200;
/// Confirm, revert and hold.
const PAIRS: [usize; 2] = [2, 3];

/// Cuts the power of one scene in every way.
pub fn sweep(scene: &Scene, model: &str, pairs: bool, planted: Option<Planted>) -> Verdict<Counts> {
    let scene = &Scene { start: scene.start.clone().with(planted), ..scene.clone() };
    let start = &scene.start;
    let said = |cuts: &[Cut], what: String| {
        let cuts = cuts.iter().map(Cut::to_string).collect::<Vec<_>>().join(", then ");
        format!("{} on {model}, device of seed 1, {cuts}: {what}", scene.name)
    };
    let before = Scene::mark(start).map_err(|what| said(&[], what))?;
    let clean = start.clone();
    clean.arm(None);
    scene.drive(&clean).map_err(|reason| said(&[], format!("{reason:?} without any cut")))?;
    let (cuts, operations, end) = (clean.cuts(), clean.operations(), Stored::of(&clean));
    let mut tried = 0_u64;
    for first in &cuts {
        let rig = start.clone();
        rig.arm(Some(*first));
        let _ = scene.drive(&rig);
        if !rig.dark() {
            return Err(said(&[*first], "the run did not come to its cut".into()));
        }
        rig.restart();
        if pairs {
            let mark = scene.boots(&rig, before).map_err(|what| said(&[*first], what))?;
            let again = rig.clone();
            again.arm(None);
            scene.drive(&again).map_err(|reason| said(&[*first], format!("not finished: {reason:?}")))?;
            for second in again.cuts() {
                let rig = rig.clone();
                rig.arm(Some(second));
                let _ = scene.drive(&rig);
                rig.restart();
                scene.judge(&rig, mark, &end).map_err(|what| said(&[*first, second], what))?;
                tried += 1;
            }
        }
        scene.judge(&rig, before, &end).map_err(|what| said(&[*first], what))?;
    }
    Ok(Counts {
        row: vec![scene.name.into(), model.into()],
        counts: vec![
            ("operations", operations as u64),
            ("cuts", cuts.len() as u64),
            ("pairs", tried),
            ("MCUboot's scheme", operations as u64),
        ],
    })
}
