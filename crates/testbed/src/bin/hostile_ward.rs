//! Runs the hostile ward in full: `cargo run --release -p aseptic-testbed --bin hostile_ward [MESSAGES [SEED]]`, by default
//! 10^5 messages.

use aseptic_testbed::hostile_ward::{ATTACKS, STATES, run};
use std::env;

fn main() {
    let number = |at, otherwise| env::args().nth(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise);
    let (messages, seed) = (number(1, 100_000), number(2, 1));
    let outcome = run(u32::try_from(messages).unwrap_or(u32::MAX), seed);
    println!("{} made, {} accepted, {} told as missing", outcome.made, outcome.accepted, outcome.told);
    println!("slowest alarm: {} turns; refused: {:?}", outcome.slowest_alarm, outcome.refused);
    println!("{} of {} pairs of attack and state", outcome.coverage.len(), ATTACKS.len() * STATES.len());
}
