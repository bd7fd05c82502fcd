//! Runs the hostile ward in full: `cargo xtask ward`, or `hostile_ward [WARDS [MESSAGES [SEED]]]`, by default 100 wards with
//! 1,000 messages each. Fails if anything forged or replayed was accepted, anything is missing that nobody told of, an alarm
//! came late, or an attack never met a state.

use aseptic_testbed::hostile_ward::run_all;
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let number = |at, otherwise| env::args().nth(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise);
    let outcome = run_all(number(1, 100), number(2, 1000), u64::from(number(3, 1)));
    print!("{outcome}");
    if outcome.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
