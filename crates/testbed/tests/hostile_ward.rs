//! The hostile ward, sampled: `cargo run --release -p aseptic-testbed --bin hostile_ward` runs 10^5 messages.

use aseptic_testbed::hostile_ward::{ATTACKS, STATES, run};

#[test]
fn every_attack_meets_every_state_and_gets_nothing() {
    let outcome = run(400, 7);
    let missed: Vec<_> = ATTACKS
        .into_iter()
        .flat_map(|attack| STATES.map(|state| (attack, state)))
        .filter(|pair| !outcome.coverage.contains_key(pair))
        .collect();
    println!("{} made, {} accepted, {} told as missing", outcome.made, outcome.accepted, outcome.told);
    println!("slowest alarm: {} turns; refused: {:?}", outcome.slowest_alarm, outcome.refused);
    assert!(outcome.told > 0, "some gave way, and were told of");
    assert!(missed.is_empty(), "never met: {missed:?}");
}
