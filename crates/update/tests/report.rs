//! Reports: one for each attempt, chained, whatever is cut in between.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::clinical::Use;
use aseptic_core::cose::{ContentType, Sign1};
use aseptic_core::crypto::soft;
use aseptic_core::platform::Geometry;
use aseptic_core::time::Time;
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Interrupted, sweep};
use aseptic_update::boot::{self, BootState};
use aseptic_update::report::{Outcome, REPORT, Report, Reporter, TYPE};
use aseptic_update::{Interlock, Permission, Session, Staged};
use common::*;

const GEOMETRY: Geometry = Geometry { size: 1024, erase_size: 256, write_size: 32 };
const NOW: Time = Time::trusted(1_800_000_000);
const SBOM: [u8; 32] = [0x5B; 32];

struct Pump {
    author: Author,
    identity: Author,
    bench: Bench,
}

/// A device that runs release 5, and an author of others.
fn pump(store: StoreModel) -> Pump {
    let bench = Bench::new(1).with_store(store).with_flash([GEOMETRY; 2], 0xFF);
    let old = program(100, 5);
    bench.edit(|medium| medium.flash[0].program(&old));
    boot::provision(&bench.platform(), &soft::suite(), digest(&old), old.len() as u64, 5).unwrap();
    Pump { author: Author::new(1), identity: Author::new(2), bench }
}

/// The reporter of a device, for one call.
fn with<T>(bench: &Bench, work: impl FnOnce(Reporter<'_>) -> Result<T>) -> Result<T> {
    let (platform, suite) = (bench.platform(), soft::suite());
    work(Reporter { platform: &platform, suite: &suite, now: NOW })
}

/// The last report as signed, verified.
fn last(pump: &Pump) -> Result<(Vec<u8>, u64, Outcome)> {
    let mut out = [0; REPORT + 256];
    let length = with(&pump.bench, |reporter| reporter.sign(&pump.identity.key, &pump.identity.kid, &mut out))?;
    let message = Sign1::parse(&out[..length]).unwrap();
    message.verify(&soft::suite(), pump.identity.public(), &[], None).unwrap();
    assert_eq!(message.header.typ, Some(ContentType::Text(TYPE)));
    let payload = message.payload.unwrap().to_vec();
    let report = Report::parse(&payload).unwrap();
    let (counter, outcome) = (report.counter, report.outcome);
    assert_eq!(report.time, NOW);
    Ok((payload, counter, outcome))
}

/// An image that was reverted is to be activated again, and the power goes before it is: nothing was tried, nothing is told.
#[test]
fn an_activation_that_never_ran_is_no_second_revert() {
    let Pump { author, bench, .. } = pump(StoreModel::Atomic);
    let (suite, platform) = (soft::suite(), bench.platform());
    let bytes = author.envelope(&Spec::new(&program(200, 6), 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    with(&bench, |reporter| reporter.open(plan.component(), None)).unwrap();
    session.feed(&platform, &suite, &program(200, 6), Use::Idle).unwrap();
    let mut staged = session.finish(&platform, &suite, Use::Idle).unwrap();
    let settle = || with(&bench, |reporter| reporter.settle(&boot::load(&platform, &suite).unwrap()));
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        with(&bench, |reporter| reporter.activating(staged.image(), &mut Interlock::new(0))).unwrap();
        bench.restart();
        assert_eq!(settle(), Ok(None), "it was not activated");
        staged.activate(&platform, Use::Idle).unwrap();
        for _ in 0..2 {
            bench.reboot();
            outcomes.push(settle().unwrap());
            assert_eq!(settle(), Ok(None));
        }
        staged = Staged::load(&platform, &suite).unwrap();
    }
    assert_eq!(outcomes, [None, Some(Outcome::Reverted), None, Some(Outcome::Reverted)]);
}

/// What an application does at each start: bring the device to release `sequence`, and keep account of it.
fn drive(author: &Author, bench: &Bench, sequence: u64) -> Result<()> {
    let image = program(200, sequence as u8);
    let envelope = author.envelope(&Spec::new(&image, sequence).encode(), &[]);
    let (suite, platform) = (soft::suite(), bench.platform());
    for _ in 0..4 {
        let state = boot::load(&platform, &suite)?;
        with(bench, |reporter| reporter.settle(&state))?;
        match state {
            BootState::Trial(_) => {
                let confirmed = boot::confirm(&platform, &suite, 0)?;
                return with(bench, |reporter| reporter.settle(&BootState::Confirmed(Some(confirmed)))).map(drop);
            }
            BootState::Confirmed(Some(confirmed)) if confirmed.image.sequence == sequence => return Ok(()),
            BootState::RestartNeeded(_) => {
                bench.reboot();
                continue;
            }
            _ => {}
        }
        let staged = match Staged::load(&platform, &suite) {
            Err(Reason::NoUpdate | Reason::SlotMismatch) => {
                let plan = plan_on(author, bench, &envelope)?;
                let mut session = match Session::resume(&platform, &suite, &plan) {
                    Err(Reason::NoUpdate) => Session::begin(&platform, &suite, &plan, Use::Idle)?,
                    session => session?,
                };
                with(bench, |reporter| reporter.open(plan.component(), Some(&SBOM)))?;
                let at = session.offset() as usize;
                session.feed(&platform, &suite, &image[at..], Use::Idle)?;
                session.finish(&platform, &suite, Use::Idle)?
            }
            staged => staged?,
        };
        with(bench, |reporter| reporter.activating(staged.image(), &mut Interlock::new(u64::MAX)))?;
        staged.activate(&platform, Use::Idle)?;
        bench.reboot();
    }
    Err(Reason::Internal)
}

/// Whatever was cut, and wherever: in the end there is one report, and it says so.
fn check(author: &Author, bench: &Bench, interrupted: &Interrupted<'_>) {
    // A restart into a trial that nobody confirmed is a revert, which is an attempt of its own.
    bench.restart();
    drive(author, bench, 6).unwrap();
    let pump = Pump { author: Author::new(1), identity: Author::new(2), bench: bench.clone() };
    let (payload, counter, outcome) = last(&pump).unwrap();
    let reverts = Report::parse(&payload).unwrap().reverts;
    assert_eq!((counter, outcome), (1 + reverts, Outcome::Installed), "{:?}", interrupted.interruption);
    assert!(reverts <= 1);
}

#[test]
fn every_cut_leaves_one_report_of_an_attempt() {
    let author = Author::new(1);
    let setup = || pump(StoreModel::Atomic).bench;
    let count = sweep(setup, |bench| drive(&author, bench, 6), |bench, cut| check(&author, bench, cut));
    println!("report: {count}");
    assert!(count.cuts > 40);
}

#[test]
fn a_record_that_is_torn_is_the_old_or_the_new_one() {
    let image = program(200, 6);
    let author = Author::new(1);
    let envelope = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let setup = || {
        let bench = pump(StoreModel::Torn).bench;
        let plan = plan_on(&author, &bench, &envelope).unwrap();
        Session::begin(&bench.platform(), &soft::suite(), &plan, Use::Idle).unwrap();
        with(&bench, |reporter| reporter.open(plan.component(), None)).unwrap();
        bench
    };
    let refuse = |bench: &Bench| match with(bench, |reporter| reporter.refuse(Reason::ImageMismatch)) {
        // Done before.
        Err(Reason::NoUpdate) => Ok(()),
        told => told,
    };
    let count = sweep(setup, refuse, |bench, _| {
        // Done, or to be done again; never twice.
        refuse(bench).unwrap();
        let pump = Pump { author: Author::new(1), identity: Author::new(2), bench: bench.clone() };
        let (_, counter, outcome) = last(&pump).unwrap();
        assert_eq!((counter, outcome), (1, Outcome::Refused(Reason::ImageMismatch)));
    });
    println!("report, torn store: {count}");
    assert!(count.torn > 100);
}

#[test]
fn reports_are_chained_and_tell_reverts_and_what_was_put_off() {
    let pump = pump(StoreModel::Atomic);
    let (suite, bench) = (soft::suite(), &pump.bench);
    assert_eq!(last(&pump), Err(Reason::PlatformNotFound));
    assert_eq!(with(bench, |reporter| reporter.refuse(Reason::ImageMismatch)), Err(Reason::NoUpdate));
    drive(&pump.author, bench, 6).unwrap();
    let (first, counter, outcome) = last(&pump).unwrap();
    assert_eq!((counter, outcome), (1, Outcome::Installed));
    let report = Report::parse(&first).unwrap();
    assert_eq!((report.previous, report.sbom, report.sequence), ([0; 32], Some(SBOM), 6));
    assert_eq!(report.installed.map(|installed| installed.image), Some(digest(&program(200, 6))));

    // The bedside comes first three times, then the image fails its trial.
    let mut interlock = Interlock::new(u64::MAX);
    let image = program(150, 7);
    let envelope = pump.author.envelope(&Spec::new(&image, 7).encode(), &[]);
    let platform = bench.platform();
    let plan = plan_on(&pump.author, bench, &envelope).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    with(bench, |reporter| reporter.open(plan.component(), None)).unwrap();
    for _ in 0..3 {
        assert!(interlock.ask(&platform, Permission::Install, Use::InUse).is_err());
        interlock.ask(&platform, Permission::Install, Use::Idle).unwrap();
    }
    session.feed(&platform, &suite, &image, Use::Idle).unwrap();
    let staged = session.finish(&platform, &suite, Use::Idle).unwrap();
    for _ in 0..2 {
        with(bench, |reporter| reporter.activating(staged.image(), &mut interlock)).unwrap();
    }
    staged.activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_))));
    bench.reboot();
    let state = boot::load(&platform, &suite).unwrap();
    // The journal is all that knows of the revert: no update takes its place before the account does.
    let next = pump.author.envelope(&Spec::new(&image, 8).encode(), &[]);
    let plan = plan_on(&pump.author, bench, &next).unwrap();
    assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::UpdateBusy));
    assert_eq!(with(bench, |reporter| reporter.settle(&state)), Ok(Some(Outcome::Reverted)));
    assert_eq!(with(bench, |reporter| reporter.settle(&state)), Ok(None));
    let (second, counter, outcome) = last(&pump).unwrap();
    let report = Report::parse(&second).unwrap();
    assert_eq!((counter, outcome), (2, Outcome::Reverted));
    assert_eq!(report.previous, suite.sha256(&[&first]).unwrap());
    assert_eq!((report.deferrals, report.reverts, report.installed), (3, 1, None));

    // Another update takes the place of one that had begun.
    for sequence in [8, 9] {
        let envelope = pump.author.envelope(&Spec::new(&image, sequence).encode(), &[]);
        let plan = plan_on(&pump.author, bench, &envelope).unwrap();
        if sequence == 9 {
            Session::abandon(&platform, &suite).unwrap();
            assert_eq!(with(bench, |reporter| reporter.open(plan.component(), None)), Err(Reason::NoUpdate));
        }
        assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::NoUpdate));
        Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        for _ in 0..2 {
            with(bench, |reporter| reporter.open(plan.component(), None)).unwrap();
        }
    }
    let (third, counter, outcome) = last(&pump).unwrap();
    assert_eq!((counter, outcome), (3, Outcome::Abandoned));
    assert_eq!(Report::parse(&third).unwrap().previous, suite.sha256(&[&second]).unwrap());
}

#[test]
fn a_report_has_one_encoding_and_its_largest_fits() {
    let component = cbor(|w| {
        w.array(1).bytes(&[b'c'; limits::NAME - 3]);
    });
    let image = aseptic_update::Digest::new(aseptic_core::crypto::HashAlg::Sha512, &[7; 64]).unwrap();
    let report = Report {
        counter: u64::MAX,
        previous: [1; 32],
        time: Time::trusted(u64::MAX),
        outcome: Outcome::Installed,
        identity: [2; 32],
        sequence: u64::MAX,
        installed: Some(aseptic_update::report::Installed { component: &component, image, size: u64::MAX }),
        deferrals: u64::MAX,
        waited: u64::MAX,
        reverts: u64::MAX,
        sbom: Some([3; 32]),
    };
    let mut out = [0; REPORT];
    let length = report.encode(&mut out).unwrap();
    assert_eq!(Report::parse(&out[..length]), Ok(report));
    assert!(REPORT - length < 64, "{length} bytes at most");
    for at in 0..length {
        assert_eq!(Report::parse(&out[..at]), Err(Reason::ReportMalformed));
        let mut changed = out;
        changed[at] ^= 0x80;
        // Another value in a field is another report; nothing is read as the same one.
        assert_ne!(Report::parse(&changed[..length]), Ok(report), "{at}");
    }
    assert_eq!(Report::parse(&[&out[..length], &[0]].concat()), Err(Reason::ReportMalformed));
}
