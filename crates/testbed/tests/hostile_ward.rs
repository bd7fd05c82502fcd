//! The hostile ward, sampled: `cargo xtask ward` runs 10^5 messages.

use aseptic_testbed::hostile_ward::run;

#[test]
fn every_attack_meets_every_state_and_gets_nothing() {
    let outcome = run(16, 60, 7);
    print!("{outcome}");
    assert!(outcome.told > 0, "some gave way, and were told of");
    assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    assert_eq!([outcome.forged, outcome.replayed, outcome.silent, outcome.late], [0; 4]);
    assert!(outcome.missed().is_empty(), "never met: {:?}", outcome.missed());
}
