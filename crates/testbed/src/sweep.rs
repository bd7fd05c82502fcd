//! Every failing call, every power cut, every torn write of one operation.
//!
//! The operation is run once undisturbed, which tells how many calls and writes it makes. Then it is run again from the
//! same start for each way in which one of them can go wrong, and a check decides what the device must be like
//! afterwards: usually in the old state or the new one, and able to finish the job.
//!
//! ```
//! use aseptic_core::record::{self, Kind};
//! use aseptic_testbed::{bench::{Bench, StoreModel}, sweep::sweep};
//!
//! let save = |bench: &Bench| record::save(bench, Kind::TimeFloor, b"new", &mut [0; 64]);
//! let count = sweep(
//!     || Bench::new(1).with_store(StoreModel::Torn),
//!     save,
//!     |bench, interrupted| {
//!         let mut buffer = [0; 64];
//!         match record::load(bench, Kind::TimeFloor, &mut buffer) {
//!             Ok(None) => assert!(interrupted.result.is_err()),
//!             Ok(Some(payload)) => assert_eq!(payload, b"new"),
//!             Err(reason) => panic!("{reason}"),
//!         }
//!         assert_eq!(save(bench), Ok(()));
//!     },
//! );
//! assert_eq!((count.writes, count.cuts, count.torn), (2, 4, 2 * 19 * 3));
//! ```

use crate::bench::{At, Bench, Interruption, Log, Medium};
use aseptic_core::Result;
use aseptic_core::platform::Fault;
use std::fmt;

/// Every way in which a call can fail.
pub const FAULTS: [Fault; 6] =
    [Fault::Unavailable, Fault::Io, Fault::Full, Fault::NotFound, Fault::Denied, Fault::Corrupt];

/// One disturbed run, for the check to judge.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted<'s> {
    /// What went wrong.
    pub interruption: Interruption,
    /// What the operation answered.
    pub result: Result<()>,
    /// Whether the device has been restarted since. After a failed call it is checked both ways, after a cut always so.
    pub restarted: bool,
    /// What was stored before the operation.
    pub before: &'s Medium,
    /// What is stored after an undisturbed operation.
    pub after: &'s Medium,
}

/// What a sweep has tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls of the undisturbed run.
    pub calls: usize,
    /// Writes among them.
    pub writes: usize,
    /// Runs in which a call failed, or a write was reported as failed after it was done.
    pub failures: usize,
    /// Runs in which the power was cut before or after a write.
    pub cuts: usize,
    /// Runs in which the power was cut within a write.
    pub torn: usize,
    /// Runs in which the power was cut again while the operation was repeated.
    pub pairs: usize,
}

/// Disturbs `run` in every single way, starting from `setup` each time, and hands each outcome to `check`.
///
/// # Panics
/// If the undisturbed run fails, if `setup` and `run` are not deterministic, and whenever `check` does; the interruption
/// in question is then printed.
pub fn sweep(
    setup: impl Fn() -> Bench,
    run: impl Fn(&Bench) -> Result<()>,
    check: impl Fn(&Bench, &Interrupted<'_>),
) -> Count {
    let start = setup();
    let before = start.snapshot();
    let (log, after) = undisturbed(&start, &run);
    let mut count = Count { calls: log.calls, writes: log.writes.len(), ..Count::default() };
    for interruption in failures(&log).chain(cuts(&log)) {
        let context = Context(&[interruption]);
        let (bench, result) = disturbed(&start, &run, interruption);
        let outcome = |restarted| Interrupted { interruption, result, restarted, before: &before, after: &after };
        match interruption {
            Interruption::Cut { at: At::Torn(_), .. } => count.torn += 1,
            Interruption::Cut { .. } => count.cuts += 1,
            Interruption::Fail { .. } | Interruption::FailDone { .. } => {
                count.failures += 1;
                let running = bench.clone();
                running.disarm();
                check(&running, &outcome(false));
            }
        }
        bench.restart();
        check(&bench, &outcome(true));
        drop(context);
    }
    count
}

/// Cuts the power in every way, restarts, repeats the operation and cuts the power in every way again. For operations
/// with few writes, as the work grows with their square.
///
/// # Panics
/// As [`sweep`]. The repeated operation must succeed when nothing disturbs it.
pub fn sweep_pairs(
    setup: impl Fn() -> Bench,
    run: impl Fn(&Bench) -> Result<()>,
    check: impl Fn(&Bench, &Interrupted<'_>),
) -> Count {
    let start = setup();
    let before = start.snapshot();
    let (log, after) = undisturbed(&start, &run);
    let mut count = Count { calls: log.calls, writes: log.writes.len(), ..Count::default() };
    for first in cuts(&log) {
        let context = Context(&[first]);
        let (bench, _) = disturbed(&start, &run, first);
        bench.restart();
        let (log, _) = undisturbed(&bench, &run);
        drop(context);
        for interruption in cuts(&log) {
            let context = Context(&[first, interruption]);
            let (bench, result) = disturbed(&bench, &run, interruption);
            bench.restart();
            count.pairs += 1;
            check(&bench, &Interrupted { interruption, result, restarted: true, before: &before, after: &after });
            drop(context);
        }
    }
    count
}

/// Every way in which a call of this run can fail.
pub fn failures(log: &Log) -> impl Iterator<Item = Interruption> {
    let writes = log.writes.len();
    let fail = |call| FAULTS.map(|fault| Interruption::Fail { call, fault });
    let done = |write| [Fault::Io, Fault::Unavailable].map(|fault| Interruption::FailDone { write, fault });
    (0..log.calls).flat_map(fail).chain((0..writes).flat_map(done))
}

/// Every way in which the power can be cut in this run.
pub fn cuts(log: &Log) -> impl Iterator<Item = Interruption> {
    log.writes.iter().enumerate().flat_map(|(write, made)| {
        let torn = made.tears().map(At::Torn);
        [At::Before, At::After].into_iter().chain(torn).map(move |at| Interruption::Cut { write, at })
    })
}

fn undisturbed(start: &Bench, run: &impl Fn(&Bench) -> Result<()>) -> (Log, Medium) {
    let bench = start.clone();
    bench.disarm();
    let result = run(&bench);
    assert_eq!(result, Ok(()), "the undisturbed run fails");
    (bench.log(), bench.snapshot())
}

fn disturbed(start: &Bench, run: &impl Fn(&Bench) -> Result<()>, interruption: Interruption) -> (Bench, Result<()>) {
    let bench = start.clone();
    bench.arm(interruption);
    let result = run(&bench);
    assert!(bench.fired(), "the run did not come to its interruption");
    (bench, result)
}

/// Says what was going on when a check fails.
struct Context<'i>(&'i [Interruption]);

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for interruption in self.0 {
                eprintln!("while: {interruption}");
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, writes, failures, cuts, torn, pairs } = self;
        write!(f, "{calls} calls, {writes} writes: {failures} failures, {cuts} cuts, {torn} torn writes")?;
        if *pairs == 0 { Ok(()) } else { write!(f, ", {pairs} pairs of cuts") }
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.writes += other.writes;
        self.failures += other.failures;
        self.cuts += other.cuts;
        self.torn += other.torn;
        self.pairs += other.pairs;
    }
}
