//! A ward whose network means harm: every attack on every state of the protocol, over messages without end.
//!
//! A device queues alarms, audit records and telemetry, offers sessions and talks in them, hybrid ones among them; a record
//! opens, keeps and reports; a console gives orders. Both ends lose power at any time, and the device now and then its
//! numbers, or its owner's trust in the record. Between them stands a
//! network that does one of [`ATTACKS`] to each message, in whatever of [`STATES`] it finds it. The books of both ends say
//! afterwards whether anything was accepted that nobody sent, or twice, and whether anything is missing that nobody told of.

mod books;
mod ends;
mod network;
mod parties;

pub use books::Outcome;

use aseptic_core::crypto::{Suite, soft};
use aseptic_messaging::{Decapsulate, Kem};
use parties::Parties;
use std::collections::BTreeMap;

/// What the network does to one message.
pub const ATTACKS: [&str; 12] = [
    "read",
    "alter",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "truncate",
    "swap recipient",
    "swap topic",
    "re-sign",
    "replay over restarts",
    "flood",
];

/// In which state of the protocol a message is met.
pub const STATES: [&str; 11] = [
    "first of its stream",
    "first of a new epoch",
    "in its stream",
    "after a restart of the sender",
    "after a restart of the receiver",
    "offer of a session",
    "in a session",
    "in a session that the record has lost",
    "order under a challenge",
    "order with a time",
    "report",
];

/// Turns after which an alarm has arrived, whatever the network did meanwhile; in each turn what has no receipt goes out
/// again.
pub const ALARM_BOUND: u32 = 40;

/// How often each attack met each state.
pub type Coverage = BTreeMap<(&'static str, &'static str), u32>;

/// Lets `wards` wards with at least `messages` messages each live one after the other, and sums up what came of them. The
/// second one on, the network goes for what it has done least.
#[must_use]
pub fn run(wards: u32, messages: u32, seed: u64) -> Outcome {
    let mut sum = Outcome::default();
    for number in 0..wards {
        let seed = seed.wrapping_add(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let coverage = std::mem::take(&mut sum.coverage);
        sum.add(ends::Ward::new(Parties::new(suite(number), hybrid(number)), seed, coverage).live(messages));
    }
    sum
}

/// The same on all processors.
///
/// # Panics
/// If a ward does.
#[must_use]
pub fn run_all(wards: u32, messages: u32, seed: u64) -> Outcome {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = u32::try_from(threads).unwrap_or(1).min(wards).max(1);
    let share = |number: u32| wards / threads + u32::from(number < wards % threads);
    std::thread::scope(|scope| {
        let start = |number: u32| scope.spawn(move || run(share(number), messages, seed ^ u64::from(number) << 48));
        let running: Vec<_> = (0..threads).map(start).collect();
        let mut sum = Outcome::default();
        for thread in running {
            sum.add(thread.join().expect("a ward without a panic"));
        }
        sum
    })
}

/// One ward computes with the cryptography of devices, the next with that of hosts.
fn suite(number: u32) -> Suite<'static> {
    #[cfg(feature = "hosted")]
    if number % 2 == 1 {
        return aseptic_hosted::crypto::suite();
    }
    let _ = number;
    soft::suite()
}

/// The KEM of every fourth ward, in which the sessions for audit records are hybrid.
type Hybrid = Option<(Box<dyn Decapsulate>, &'static dyn Kem)>;

fn hybrid(number: u32) -> Hybrid {
    #[cfg(feature = "hosted")]
    if number % 4 == 1 {
        let bench = crate::bench::Bench::new(u64::from(number));
        let key = aseptic_hosted::crypto::hybrid::PrivateKey::generate(bench.platform().entropy);
        return Some((Box::new(key.expect("a key")), &aseptic_hosted::crypto::hybrid::XWing));
    }
    let _ = number;
    None
}
