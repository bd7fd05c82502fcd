//! Fleets of devices that renew their identities, in virtual time: years pass in seconds, and every decision is that of
//! [`renewal::next`] with the share of [`renewal::spread`].
//!
//! What is modelled is the world around: registrars that are down, CAs that roll over, an algorithm that is retired,
//! devices that are used on patients most of the day, lie in boxes, or have no clock. What a roll-over comes to in
//! certificates is the matter of the tests of `aseptic-identity`; here a link counts as good.

mod svg;

pub use svg::curve;

use crate::bench::Bench;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::soft;
use aseptic_core::time::Time;
use aseptic_identity::Origin;
use aseptic_identity::renewal::{self, Attempts, Decision, Hint, Life, Situation};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::Range;

/// Seconds of an hour, a day and a year.
pub const HOUR: u64 = 3600;
/// Seconds of a day.
pub const DAY: u64 = 24 * HOUR;
/// Seconds of a year.
pub const YEAR: u64 = 365 * DAY;

/// What happens to a fleet.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the table calls it.
    pub name: &'static str,
    /// Devices of one lot, all enrolled on the first day.
    pub devices: u64,
    /// How long it is watched.
    pub length: u64,
    /// When the registrar is not to be reached.
    pub outage: Range<u64>,
    /// When the CA of the owner rolls over. The registrar then takes renewals by certificates of the last root alone;
    /// older ones come back by their birth identity.
    pub roll_overs: Vec<u64>,
    /// When the registrar wants all certificates of the old algorithm replaced, and when servers turn them down.
    pub retirement: Option<Range<u64>>,
    /// Of a hundred devices, how many spend two years in a box.
    pub stored: u64,
    /// Of a hundred devices, how many have no clock.
    pub clockless: u64,
    /// Hours of each day in which a device is used on a patient.
    pub hours_in_use: u64,
}

impl Scenario {
    /// A lot of this size, watched for so long, to which nothing happens; in use 20 hours a day.
    #[must_use]
    pub const fn quiet(name: &'static str, devices: u64, length: u64) -> Self {
        Self {
            name,
            devices,
            length,
            outage: 0..0,
            roll_overs: Vec::new(),
            retirement: None,
            stored: 0,
            clockless: 0,
            hours_in_use: 20,
        }
    }

    /// How many roots there have been at `time`.
    fn root(&self, time: u64) -> usize {
        self.roll_overs.iter().filter(|roll_over| **roll_over <= time).count()
    }
}

/// What became of a fleet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What it is about.
    pub name: &'static str,
    /// Devices.
    pub devices: u64,
    /// Certificates that were replaced.
    pub renewals: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Renewals that came before the old certificate had expired, of those of devices that were not in a box.
    pub in_time: u64,
    /// Renewals that came after it, of the same devices.
    pub late: u64,
    /// Devices that came back after expiry, boxes among them.
    pub recovered: u64,
    /// Devices without a valid certificate at the end: each would need a person.
    pub helpless: u64,
    /// Renewals in the fullest hour.
    pub fullest: u64,
    /// Renewals in an hour, if a generation were spread evenly over the tenth of a year that it has.
    pub even: f64,
    /// Renewals by hour.
    pub hours: Vec<u32>,
}

impl Report {
    /// Of a hundred renewals, how many came before expiry.
    #[must_use]
    pub fn in_time_percent(&self) -> f64 {
        100.0 * self.in_time as f64 / (self.in_time + self.late).max(1) as f64
    }

    /// The fullest hour in hundredths of the fleet.
    #[must_use]
    pub fn fullest_percent(&self) -> f64 {
        100.0 * self.fullest as f64 / self.devices as f64
    }

    /// The head of the table that reports are the rows of.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<44}{:>8}{:>10}{:>10}{:>9}{:>9}{:>10}{:>11}{:>11}{:>10}",
            "fleet",
            "devices",
            "renewals",
            "failures",
            "fullest",
            "% fleet",
            "even",
            "% in time",
            "recovered",
            "helpless"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<44}{:>8}{:>10}{:>10}{:>9}{:>9.2}{:>10.1}{:>11.2}{:>11}{:>10}",
            self.name,
            self.devices,
            self.renewals,
            self.failures,
            self.fullest,
            self.fullest_percent(),
            self.even,
            self.in_time_percent(),
            self.recovered,
            self.helpless
        )
    }
}

/// Lets the fleet live. The same scenario gives the same report.
#[must_use]
pub fn run(scenario: &Scenario) -> Report {
    let mut report = Report {
        name: scenario.name,
        devices: scenario.devices,
        even: scenario.devices as f64 / (YEAR / 10 / HOUR) as f64,
        hours: vec![0; usize::try_from(scenario.length / HOUR + 1).unwrap_or(0)],
        ..Report::default()
    };
    let mut devices: Vec<Device> = (0..scenario.devices).map(|number| Device::new(number, scenario)).collect();
    let mut agenda: BinaryHeap<_> = (0..devices.len()).map(|at| Reverse((devices[at].enrolled, at))).collect();
    while let Some(Reverse((time, at))) = agenda.pop() {
        if time >= scenario.length {
            continue;
        }
        let next = devices[at].live(time, scenario, &mut report);
        agenda.push(Reverse((next.max(time + 1), at)));
    }
    report.fullest = report.hours.iter().copied().max().unwrap_or(0).into();
    report.helpless = devices.iter().filter(|device| !device.accepted(scenario.length, scenario)).count() as u64;
    report
}

struct Device {
    number: u64,
    enrolled: u64,
    life: Life,
    spread: u64,
    generation: u64,
    root: usize,
    /// Whether its certificate is of the algorithm that is retired.
    old_algorithm: bool,
    failed: u32,
    /// When the last attempt ended, or the device started.
    last: u64,
    /// When it lies in a box.
    boxed: Range<u64>,
    clockless: bool,
}

impl Device {
    fn new(number: u64, scenario: &Scenario) -> Self {
        let enrolled = draw(number, 1) % (8 * HOUR);
        let kind = draw(number, 2) % 100;
        let begin = YEAR / 4 + draw(number, 3) % scenario.length.saturating_sub(3 * YEAR).max(1);
        let boxed = if kind < scenario.stored { begin..begin + 2 * YEAR } else { 0..0 };
        let mut device = Self {
            number,
            enrolled,
            life: Life { not_before: 0, not_after: 0 },
            spread: 0,
            generation: 0,
            root: 0,
            old_algorithm: true,
            failed: 0,
            last: enrolled,
            boxed,
            clockless: draw(number, 4) % 100 < scenario.clockless,
        };
        device.certify(enrolled, scenario);
        device
    }

    /// A new certificate of a year.
    fn certify(&mut self, time: u64, scenario: &Scenario) {
        self.life = Life { not_before: START + time, not_after: START + time + YEAR };
        self.generation += 1;
        self.root = scenario.root(time);
        self.old_algorithm = scenario.retirement.as_ref().is_none_or(|retirement| time < retirement.start);
        let mut thumbprint = [0; 32];
        thumbprint[..8].copy_from_slice(&draw(self.number, 1000 + self.generation).to_be_bytes());
        // The secret of a bench is that of its seed.
        let bench = Bench::new(self.number);
        self.spread = renewal::spread(&bench.platform(), &soft::suite(), &thumbprint).expect("a bench without faults");
        (self.failed, self.last) = (0, time);
    }

    /// Whether the servers of the hospital take its certificate.
    fn accepted(&self, time: u64, scenario: &Scenario) -> bool {
        let retired = scenario.retirement.as_ref().is_some_and(|retirement| time >= retirement.end);
        START + time <= self.life.not_after && !(retired && self.old_algorithm)
    }

    /// Does what is to be done at `time`; gives when it is to be looked at again.
    fn live(&mut self, time: u64, scenario: &Scenario, report: &mut Report) -> u64 {
        if self.boxed.contains(&time) {
            self.failed = 0;
            self.last = self.boxed.end;
            return self.boxed.end;
        }
        let hint = match &scenario.retirement {
            // What a server turns down it turns down at the next connection.
            _ if !self.accepted(time, scenario) => Some(Hint::TurnedDown),
            Some(retirement) if self.old_algorithm && time >= retirement.start => {
                Some(Hint::Window { start: START + retirement.start, end: START + retirement.end - 30 * DAY })
            }
            _ => None,
        };
        // Without a clock a device knows the date of the last thing that was signed for it.
        let now = if self.clockless { Time::at_least(self.life.not_before) } else { Time::trusted(START + time) };
        let attempts = Attempts { failed: self.failed, since: time - self.last };
        let clinical = if self.in_use(time, scenario) { Use::InUse } else { Use::Idle };
        let situation = Situation { life: Some(self.life), spread: self.spread, now, attempts, hint, clinical };
        match renewal::next(&situation) {
            Decision::Wait(seconds) => time + seconds.min(DAY),
            Decision::Deferred(_) => time + HOUR / 2,
            Decision::Renew(origin) => {
                if self.attempt(origin, time, scenario) {
                    self.count(time, report);
                    self.certify(time, scenario);
                } else {
                    report.failures += 1;
                    self.failed += 1;
                    self.last = time;
                }
                time + 1
            }
        }
    }

    /// Whether the registrar issues.
    fn attempt(&self, origin: Origin, time: u64, scenario: &Scenario) -> bool {
        let up = !scenario.outage.contains(&time);
        let valid = self.accepted(time, scenario) && self.root + 1 >= scenario.root(time);
        up && (origin == Origin::Birth || valid)
    }

    fn count(&self, time: u64, report: &mut Report) {
        report.renewals += 1;
        report.hours[usize::try_from(time / HOUR).unwrap_or(0)] += 1;
        let expired = START + time > self.life.not_after;
        if expired {
            report.recovered += 1;
        }
        // A box is no network: what expires there is none of the schedule's failures.
        let was_boxed =
            self.boxed.end > self.life.not_before - START && self.boxed.start < time && !self.boxed.is_empty();
        if !was_boxed {
            *(if expired { &mut report.late } else { &mut report.in_time }) += 1;
        }
    }

    fn in_use(&self, time: u64, scenario: &Scenario) -> bool {
        let hour = (time / HOUR + draw(self.number, 5)) % 24;
        hour < scenario.hours_in_use
    }
}

/// A number that depends on nothing but its arguments (splitmix64).
fn draw(device: u64, what: u64) -> u64 {
    let mixed = device.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(what.wrapping_mul(0xD1B5_4A32_D192_ED03));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The fleets that `cargo xtask fleet` lets live; the outage is the one of the worst start.
#[must_use]
pub fn scenarios(lot: u64, ward: u64) -> Vec<Scenario> {
    let outage = Scenario {
        // It begins when the first device of the lot wants to renew, and the CA rolls over in its middle.
        outage: YEAR * 6 / 10..YEAR * 6 / 10 + 30 * DAY,
        roll_overs: vec![YEAR * 6 / 10 + 15 * DAY],
        ..Scenario::quiet("30 days without registrar, CA rolls over", ward, 2 * YEAR)
    };
    let years = Scenario {
        roll_overs: vec![5 * YEAR, 10 * YEAR],
        retirement: Some(8 * YEAR..8 * YEAR + 120 * DAY),
        ..Scenario::quiet("15 years, 2 roll-overs, 1 algorithm retired", ward, 15 * YEAR)
    };
    let shelves = Scenario {
        stored: 20,
        clockless: 10,
        ..Scenario { name: "the same, 20 % two years boxed, 10 % no clock", ..years.clone() }
    };
    vec![Scenario::quiet("one lot, certificates of a year", lot, 3 * YEAR), outage, years, shelves]
}

/// 2026-01-01.
const START: u64 = 1_767_225_600;
