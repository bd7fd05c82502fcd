//! Every bit of every record of an update, flipped: on the store, and of everything that the log keeps on raw flash.

use super::rig::{Planted, Rig};
use super::scenes::{Order, Scene, Stored, Task, Verdict};
use super::world::{Keeps, Model, suite};
use super::{Counts, Depth, Job};
use crate::bench::StoreModel;
use aseptic_core::Reason;
use aseptic_core::clinical::Use;
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::record::Kind;
use aseptic_update::{Session, Staged, boot};

const SLOT: Geometry = Geometry { size: 512, erase_size: 256, write_size: 32 };
const STORE: Model = Model { name: "store", slots: [SLOT; 2], erased: 0xFF, keeps: Keeps::Store(StoreModel::Atomic) };
const LOG: Model = Model { name: "log", slots: [SLOT; 2], erased: 0xFF, keeps: Keeps::Log(8, false) };

/// A record, and the scene at whose start it is flipped.
const RECORDS: [(Kind, &str, &str); 9] = [
    (Kind::UpdateJournal, "being written", "resume"),
    (Kind::UpdateJournal, "staged", STAGED),
    (Kind::UpdateJournal, "on trial", "confirm"),
    (Kind::UpdateJournal, "reverted", "revert, next"),
    (Kind::UpdateConfirmed, "factory", "install"),
    (Kind::UpdateConfirmed, "second update", "second update"),
    (Kind::UpdateHolds, "held", "hold"),
    (Kind::UpdateDowngrade, "gone back", "back up again"),
    (Kind::TrustManufacturer, "factory", "trust update"),
];
const STAGED: &str = "staged";

/// A job for each record, and one for the log.
#[must_use]
pub fn jobs(depth: Depth) -> Vec<Job> {
    let mut jobs: Vec<_> =
        RECORDS.iter().map(|(kind, at, name)| Job::new("flipped bits", move || record(*kind, at, name))).collect();
    for (number, _) in MOMENTS.iter().enumerate() {
        jobs.push(Job::new("flipped bits", move || image(number, None)));
    }
    for name in ["confirm", "resume", "back up again"] {
        let stride = if depth == Depth::Quick { 997 } else { 1 };
        jobs.push(Job::new("flipped bits", move || log(name, stride)));
    }
    jobs
}

/// Flips each bit of both copies of one record, one at a time.
fn record(kind: Kind, at: &str, name: &str) -> Verdict<Counts> {
    let scene = start(&STORE, name);
    let blobs = scene.start.bench.snapshot().slots;
    let mut flipped = 0;
    for slot in kind.slots() {
        for bit in 0..blobs.get(&slot).map_or(0, |blob| blob.len() * 8) {
            let rig = scene.start.clone();
            rig.bench.edit(|medium| {
                let blob = medium.slots.get_mut(&slot);
                blob.and_then(|blob| blob.get_mut(bit / 8)).map(|byte| *byte ^= 1 << (bit % 8))
            });
            judge(&scene, &rig).map_err(|what| format!("{kind:?} {at}, slot {}, bit {bit}: {what}", slot.0))?;
            flipped += 1;
        }
    }
    if flipped == 0 {
        return Err(format!("{kind:?} {at}: nothing is stored"));
    }
    Ok(Counts { row: vec![format!("{kind:?}"), at.into()], counts: vec![("bits", flipped), ("told as damage", 0)] })
}

/// When a bit of the new image is flipped in its slot.
const MOMENTS: [&str; 4] = ["written, not read back", "staged", "selected for trial", "confirmed"];

/// Flips each bit of the image; the boot loader must never start it, nor may it be staged or selected.
pub fn image(moment: usize, planted: Option<Planted>) -> Verdict<Counts> {
    let scene = start(&STORE, "install");
    let Task::Install(order) = &scene.task else { return Err("no update".into()) };
    // The last bytes wait for a whole unit until the end of the transfer.
    let length = order.release.image.len();
    let written = if moment == 0 { length & !(SLOT.write_size as usize - 1) } else { length };
    let (mut flipped, bits) = (0, written * 8);
    for bit in 0..bits {
        let rig = scene.start.clone().with(planted);
        let flip = || rig.bench.edit(|medium| medium.flash[ImageSlot::B as usize].bytes[bit / 8] ^= 1 << (bit % 8));
        let refused = damaged(&rig, order, moment, flip);
        let started = boot::verify_at_boot(&rig.platform(), &suite());
        if !refused || started == Ok(ImageSlot::B) {
            return Err(format!("image {}, bit {bit}: it was taken, and {started:?} boots", MOMENTS[moment]));
        }
        flipped += 1;
    }
    let counts = vec![("bits", flipped), ("told as damage", flipped)];
    Ok(Counts { row: vec!["image".into(), MOMENTS[moment].into()], counts })
}

/// Whether the library told the damage where it could.
fn damaged(rig: &Rig, order: &Order, moment: usize, flip: impl Fn()) -> bool {
    let (suite, platform) = (suite(), rig.platform());
    let told = |result: Result<(), Reason>| result == Err(Reason::SlotMismatch);
    if moment == 0 {
        let finished = order.planned(rig, |plan| {
            let mut session = Session::begin(&platform, &suite, plan, Use::Idle)?;
            session.feed(&platform, &suite, &order.release.image, Use::Idle)?;
            flip();
            session.finish(&platform, &suite, Use::Idle)
        });
        return told(finished.map(drop));
    }
    let staged = order.transfer(rig).expect("nothing goes wrong yet");
    if moment == 1 {
        flip();
        return told(Staged::load(&platform, &suite).map(drop));
    }
    staged.activate(&platform, Use::Idle).expect("nothing goes wrong yet");
    rig.restart();
    if moment == 3 {
        boot::confirm(&platform, &suite, 0).expect("nothing goes wrong yet");
    }
    flip();
    true
}

/// Flips each bit of the chip. The log mends it: everything is as it was, and ends as it would have.
fn log(name: &str, stride: usize) -> Verdict<Counts> {
    let scene = start(&LOG, name);
    let chip = scene.start.chip().ok_or("no chip")?;
    let (before, end) = (Scene::mark(&scene.start)?, Stored::of(&scene.done()));
    let downgrades = Scene::downgrades(&scene.start);
    let mut flipped = 0;
    for bit in (0..chip.content().len() * 8).step_by(stride) {
        let rig = scene.start.clone();
        if let Some(chip) = rig.chip() {
            chip.edit(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        rig.restart();
        let said = |what| format!("log, {name}, bit {bit}: {what}");
        let mark = scene.boots(&rig, before).map_err(said)?;
        if Scene::downgrades(&rig) != downgrades {
            return Err(said("the count of downgrades is another one".into()));
        }
        scene.drive(&rig).map_err(|reason| said(format!("{reason:?}")))?;
        if Stored::of(&rig) != end {
            return Err(said("it ends otherwise".into()));
        }
        rig.restart();
        scene.boots(&rig, mark).map_err(said)?;
        flipped += 1;
    }
    Ok(Counts {
        row: vec!["all of the log".into(), name.into()],
        counts: vec![("bits", flipped), ("told as damage", 0)],
    })
}

fn judge(scene: &Scene, rig: &Rig) -> Verdict {
    let before = Scene::mark(&scene.start)?;
    let end = Stored::of(&scene.done());
    rig.restart();
    scene.judge(rig, before, &end)
}

fn start(model: &Model, name: &str) -> Scene {
    let wanted = if name == STAGED { "install" } else { name };
    let mut scene =
        Scene::all(model, 200).into_iter().find(|scene| scene.name == wanted).expect("a scene of this name");
    match &scene.task {
        Task::Install(order) if name == STAGED => {
            order.transfer(&scene.start).expect("nothing goes wrong");
        }
        Task::Hold(holds) => {
            let first = Scene { task: Task::Hold(vec![holds[0].clone()]), ..scene.clone() };
            scene.start = first.done();
        }
        _ => {}
    }
    scene
}
