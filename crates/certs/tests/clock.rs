//! The clock matrix: what a device with each kind of clock says to each kind of evidence. The table in the manual is this one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

mod common;
#[path = "common/list.rs"]
mod lists;

use aseptic_certs::crl::Numbers;
use aseptic_certs::{HeldLists, PathValidator};
use aseptic_core::crypto::soft;
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::Bench;
use common::{Issued, START, YEAR, ca_params, device_params, issue, root, server_params, valid};
use lists::{List, list};

const DAY: u64 = 86_400;
/// 2027-01-02, the true time.
const TRUE: u64 = START + YEAR + DAY;
/// 2026-06-01: the firmware was made.
const BUILD: u64 = START + 151 * DAY;

/// A hospital: registrar and pump valid from 2026 to 2028, another pump's certificate until 2026-12-20, a list of 2027-01-01
/// that is due on 2027-01-08.
struct World {
    root: Issued,
    registrar: Issued,
    pump: Issued,
    expired: Issued,
    list: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let root = root(ca_params("Hospital root"));
        let (mut registrar, mut pump, mut expired) =
            (server_params("est.hospital.example"), device_params("PUMP-0001"), device_params("PUMP-0002"));
        valid(&mut registrar, START, START + 2 * YEAR);
        valid(&mut pump, START, START + 2 * YEAR);
        valid(&mut expired, START, START + 353 * DAY);
        let [registrar, pump, expired] = [registrar, pump, expired].map(|params| issue(params, &root));
        let made = List { this_update: START + YEAR, next_update: Some(START + YEAR + 7 * DAY), ..list(1) };
        let list = made.sign(&root);
        Self { root, registrar, pump, expired, list }
    }

    fn ask(&self, leaf: &Issued, purpose: Purpose, listed: bool, now: Time) -> String {
        let entries = [Entry {
            purposes: Purposes::of(&[Purpose::Enrolment, Purpose::Telemetry, Purpose::Command]),
            name: b"hospital",
            material: Material::certificate(&self.root.der),
        }];
        let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
        let held = [&self.list[..]];
        let lists = HeldLists { lists: &held, numbers: &Numbers::NONE };
        let engine = PathValidator::DEVICE;
        let engine = if listed { engine.with_lists(&lists) } else { engine };
        said(&trust.verify_chain(&soft::suite(), &engine, purpose, &[&leaf.der], now))
    }

    /// The cells of one row: what a device says whose floor and clock are these.
    fn row(&self, floor: Floor, bench: &Bench) -> String {
        let now = floor.now(&bench.platform());
        [
            (&self.registrar, Purpose::Enrolment, false),
            (&self.expired, Purpose::Telemetry, false),
            (&self.expired, Purpose::Command, false),
            (&self.pump, Purpose::Telemetry, true),
            (&self.pump, Purpose::Command, true),
        ]
        .map(|(leaf, purpose, listed)| self.ask(leaf, purpose, listed, now))
        .join(" | ")
    }
}

fn said(verdict: &Result<VerifiedPeer>) -> String {
    match verdict {
        Ok(peer) => peer.degraded().map_or("accept".to_owned(), |reason| format!("flag E{}", reason.number())),
        Err(reason) => format!("refuse E{}", reason.number()),
    }
}

/// Each clock: its name, its reading, and whether signed evidence has raised the floor to the true time before.
fn clocks() -> Vec<(&'static str, Time, bool)> {
    let year = |year: u64| START + (year - 2026) * YEAR + (year - 2026) / 4 * DAY;
    vec![
        ("no clock, first use", Time::UNKNOWN, false),
        ("no clock, at renewal", Time::UNKNOWN, true),
        ("reads 1970, first use", Time::trusted(0), false),
        ("reads 1970, at renewal", Time::trusted(0), true),
        ("reads the build date", Time::trusted(BUILD), false),
        ("right", Time::trusted(TRUE), false),
        ("a day behind", Time::trusted(TRUE - DAY), false),
        ("a day ahead", Time::trusted(TRUE + DAY), false),
        ("ten years ahead", Time::trusted(year(2037)), false),
        ("2038-01-19, past 31 bits", Time::trusted(1 << 31), false),
        ("2106-02-07, past 32 bits", Time::trusted(1 << 32), false),
        ("stepped back a year", Time::trusted(TRUE - YEAR), true),
    ]
}

fn table() -> String {
    let world = World::new();
    let mut table = String::from(
        "| clock | registrar | expired peer, observation | expired peer, command | list, observation | list, command |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for (name, reading, raised) in clocks() {
        let bench = Bench::new(1);
        bench.set_clock(reading);
        let mut floor = Floor::load(&bench.platform(), BUILD).unwrap();
        if raised {
            floor.raise(&bench.platform(), TRUE).unwrap();
        }
        table += &format!("| {name} | {} |\n", world.row(floor, &bench));
    }
    // Spoofed: whoever can sign claims a time of the far future, again and again.
    let bench = Bench::new(1);
    bench.set_clock(Time::UNKNOWN);
    let mut floor = Floor::load(&bench.platform(), BUILD).unwrap();
    for years in 1..100 {
        let _ = floor.raise(&bench.platform(), floor.seconds() + years * YEAR);
    }
    assert!(floor.seconds() <= BUILD + limits::FLOOR_LEAP);
    assert_eq!(floor.raise(&bench.platform(), TRUE + 30 * YEAR), Err(Reason::TimeImplausible));
    table += &format!("| spoofed to the cap | {} |\n", world.row(floor, &bench));
    table
}

#[test]
fn the_clock_matrix_is_the_one_in_the_manual() {
    let manual = include_str!("../../aseptic/manual/certificates.md");
    let table = table();
    assert!(manual.contains(&table), "the manual needs this table:\n{table}");
}

#[test]
fn a_step_back_is_told() {
    let bench = Bench::new(1);
    bench.set_clock(Time::trusted(TRUE));
    let mut floor = Floor::load(&bench.platform(), BUILD).unwrap();
    floor.raise(&bench.platform(), TRUE).unwrap();
    bench.set_clock(Time::trusted(TRUE - 1));
    assert_eq!(floor.now(&bench.platform()), Time::at_least(TRUE));
    assert!(bench.events().iter().any(|event| event.reason == Reason::ClockBehindFloor));
}
