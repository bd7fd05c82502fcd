//! The life of a device with one thing going wrong: each call failing, each write failing after it was done, the power cut
//! before, in and after each write.

use crate::device::{Goal, Next, OBSERVATIONS, Outside, Standing, body, live, start};
use crate::world::{ADAPTER, BUILD, ISSUED, NEWEST, NOW, SERIAL, World};
use aseptic_core::platform::{Counter, Fault, Images, KeyId};
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{Authority, TrustStore};
use aseptic_core::{Reason, limits};
use aseptic_identity::{Identity, Origin, Stage};
use aseptic_infra::adapter::Record;
use aseptic_testbed::bench::{At, Bench, Interruption, Log, WriteKind};
use aseptic_testbed::sweep::cuts;
use aseptic_update::boot::{self, BootState};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The ways in which a call fails here; the sweeps of the single parts try every one.
const FAULTS: [Fault; 2] = [Fault::Io, Fault::NotFound];
const END: Standing = Standing {
    time: ISSUED[2],
    image: NEWEST,
    makers: 1,
    owners: 2,
    birth: Stage::Active,
    local: Stage::Active,
    epoch: 1,
};

#[test]
fn whatever_fails_and_wherever_the_power_goes_nothing_is_lost_and_nothing_used_twice() {
    let world = World::new();
    let days = days(&world);
    let points: Vec<(usize, Interruption)> =
        days.iter().enumerate().flat_map(|(at, day)| points(&day.log).map(move |point| (at, point))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            let (world, days, points, next) = (&world, days.clone(), &points, &next);
            scope.spawn(move || {
                while let Some((day, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    disturb(world, *day, &days[*day], *point);
                }
            });
        }
    });

    let count = |of: fn(&Interruption) -> bool| points.iter().filter(|(_, point)| of(point)).count();
    let failures = count(|point| matches!(point, Interruption::Fail { .. } | Interruption::FailDone { .. }));
    let torn = count(|point| matches!(point, Interruption::Cut { at: At::Torn(_), .. }));
    let cuts = points.len() - failures - torn;
    let calls: usize = days.iter().map(|day| day.log.calls).sum();
    let writes: Vec<_> = days.iter().flat_map(|day| &day.log.writes).collect();
    let tears: usize = writes.iter().map(|write| write.tears().count()).sum();
    println!(
        "life of a device, {} starts: {calls} calls, {} writes: {failures} failures, {cuts} power cuts, \
         {torn} torn writes (sampled from {tears}): nothing lost, nothing used twice, each life lived to its end",
        days.len(),
        writes.len(),
    );
    assert!(calls > 900 && writes.len() > 100 && torn > 700);
}

/// One start of the undisturbed life, and what went before. Nothing that matters is kept in memory from one to the next.
#[derive(Clone)]
struct Day {
    bench: Bench,
    outside: Outside,
    log: Log,
}

/// The undisturbed life.
fn days(world: &World) -> Vec<Day> {
    let (bench, mut outside, mut days) = (world.blank(), Outside::new(), Vec::new());
    loop {
        bench.disarm();
        let before = (bench.clone(), outside.clone());
        let next = start(&bench, world, &mut outside, Goal::End).unwrap();
        days.push(Day { bench: before.0, outside: before.1, log: bench.log() });
        match next {
            Next::Restart => bench.reboot(),
            Next::Rest => break,
        }
    }
    judge(world, &bench, outside);
    days
}

/// Everything that is tried: all failures and cuts, and of the torn writes those at the edges and in the middle.
fn points(log: &Log) -> impl Iterator<Item = Interruption> {
    let fail = |call| FAULTS.map(|fault| Interruption::Fail { call, fault });
    let done = |write| Interruption::FailDone { write, fault: Fault::Io };
    let failures = (0..log.calls).flat_map(fail).chain((0..log.writes.len()).map(done));
    failures.chain(cuts(log).filter(|cut| tried(cut, log)))
}

fn tried(cut: &Interruption, log: &Log) -> bool {
    let Interruption::Cut { write, at: At::Torn(tear) } = cut else { return true };
    let made = log.writes[*write];
    // In a blob: the first byte, the end of the frame's head, the middle, the last byte.
    let head = matches!(made.kind, WriteKind::Save) && tear.done == 12;
    head || [0, made.units / 2, made.units - 1].contains(&tear.done)
}

/// One life with one interruption. After an error the application tries again at once, and in another life after a restart.
fn disturb(world: &World, number: usize, day: &Day, interruption: Interruption) {
    let (bench, mut outside) = (day.bench.clone(), day.outside.clone());
    bench.arm(interruption);
    let result = live(&bench, world, &mut outside, Goal::End);
    let what = format!("start {number}, {interruption}; the application had {result:?}");
    assert!(bench.fired(), "{what}: the life did not come to it");
    if matches!(interruption, Interruption::Fail { fault: Fault::Io, .. } | Interruption::FailDone { .. }) {
        let running = bench.clone();
        running.disarm();
        attempt(&what, "running on", || judge(world, &running, outside.clone()));
    }
    bench.restart();
    attempt(&what, "after a restart", || judge(world, &bench, outside));
}

fn attempt(what: &str, how: &str, judge: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(judge)).is_ok(), "{what}, {how}");
}

/// What must hold after every disturbance, now and at the end of the life.
fn judge(world: &World, bench: &Bench, mut outside: Outside) {
    let now = standing(bench);
    assert!(now.covers(&outside.told), "told {:?}, found {now:?}", outside.told);
    boots(world, bench, now.image);
    let told = outside.told;

    live(bench, world, &mut outside, Goal::End).unwrap();
    assert!(outside.told.covers(&told), "{:?} became {:?}", told, outside.told);
    let end = standing(bench);
    assert!(end.covers(&now) && end.covers(&END), "{now:?} became {end:?}");
    boots(world, bench, NEWEST);
    identity(bench);
    delivery(world, &outside);

    bench.restart();
    let stored = bench.snapshot();
    assert_eq!(standing(bench), end);
    live(bench, world, &mut outside, Goal::End).unwrap();
    assert!(bench.snapshot() == stored, "a life at its end still changes");
}

/// What the device has come to, read from a copy so that reading mends nothing.
fn standing(bench: &Bench) -> Standing {
    let bench = bench.clone();
    bench.disarm();
    let (platform, mut buffer) = (bench.platform(), vec![0; 2 * limits::SLOT]);
    let version = |authority| {
        let store = TrustStore::load(&platform, authority, &mut [0; limits::TRUST_STORE])
            .map(|store| store.map_or(0, |store| store.version));
        store.unwrap()
    };
    let (makers, owners) = (version(Authority::Manufacturer), version(Authority::Owner));
    let identity = Identity::load(&platform, &mut buffer).unwrap();
    Standing {
        time: Floor::load(&platform, 0).unwrap().seconds(),
        image: boot::floor(&platform).unwrap(),
        makers,
        owners,
        birth: identity.birth_stage(),
        local: identity.local_stage(),
        epoch: platform.counters.read(Counter::SenderEpoch).unwrap(),
    }
}

/// The slot that runs holds a whole image that is not below the floor, and so does the one that would run next.
fn boots(world: &World, bench: &Bench, floor: u64) {
    let bench = bench.clone();
    bench.disarm();
    let whole = |bench: &Bench| {
        let slot = bench.running().unwrap();
        let bytes = &bench.snapshot().flash[slot as usize].bytes;
        world.images.iter().rposition(|image| bytes.starts_with(image)).expect("a whole image runs") as u64 + 1
    };
    let runs = whole(&bench);
    bench.restart();
    let next = whole(&bench);
    let (platform, suite) = (bench.platform(), &world.suite);
    if floor > 0 {
        assert!(boot::verify_at_boot(&platform, suite).is_ok(), "the boot loader finds nothing to start");
    }
    // After a confirmation that was cut short the older image may start, and gives way at once.
    let gives_way = |state| matches!(state, Ok(BootState::RestartNeeded(_)));
    assert!(next >= floor || gives_way(boot::load(&platform, suite)), "{runs}, then {next} below {floor}");
}

/// The same name, the keys of its two credentials, and no other.
fn identity(bench: &Bench) {
    drop(bench.take_events());
    let (platform, mut buffer) = (bench.platform(), vec![0; 2 * limits::SLOT]);
    let identity = Identity::load(&platform, &mut buffer).unwrap();
    assert_eq!(identity.name(), Ok(SERIAL));
    let (birth, local) = (identity.birth().unwrap(), identity.credential().unwrap());
    assert_eq!(
        (local.origin(), local.stage(), identity.successor_stage()),
        (Origin::Local, Stage::Active, Stage::Blank)
    );
    let keys: BTreeSet<KeyId> = bench.snapshot().keys.keys().copied().collect();
    assert_eq!(
        keys,
        BTreeSet::from([birth.key_id(), local.key_id()]),
        "keys of no credential, or credentials without one"
    );
    assert!(bench.take_events().is_empty(), "a key is not the one that was certified");
}

/// Every message that left the device opens; no number was used twice, so none is taken for another that came again; no
/// observation is missing.
fn delivery(world: &World, outside: &Outside) {
    let (bench, mut archive) = (Bench::new(2), Vec::<Record>::new());
    world.with_adapter(&bench, ADAPTER, &world.adapter, |adapter| {
        let now = Time::trusted(NOW);
        for sent in &outside.sent {
            let chain: Vec<&[u8]> = sent.chain.iter().map(Vec::as_slice).collect();
            assert_eq!(adapter.register(&chain, now).unwrap(), SERIAL);
            let record = adapter.receive(&sent.sealed, now, &mut archive).unwrap();
            assert_eq!(record.body, body(sent.observation));
        }
        let again = adapter.receive(&outside.sent.last().unwrap().sealed, now, &mut archive).unwrap_err();
        assert_eq!(again.reason(), Reason::MessageReplayed);
    });
    let numbers: BTreeSet<_> = archive.iter().map(|record| (record.epoch, record.stream, record.sequence)).collect();
    assert_eq!(numbers.len(), outside.sent.len(), "a number was used twice");
    let bodies: BTreeSet<_> = archive.iter().map(|record| record.body.clone()).collect();
    assert_eq!(bodies, (0..OBSERVATIONS.len()).map(body).collect(), "an observation is lost");
    assert_eq!(outside.sent.len(), OBSERVATIONS.len());
}

const _: () = assert!(BUILD < ISSUED[0]);
