//! Smaller fleets than those of `cargo xtask fleet`, held to the same goals.

use aseptic_testbed::fleet::{DAY, Scenario, YEAR, curve, run, scenarios};

#[test]
fn a_lot_comes_back_spread_out_and_nobody_is_lost() {
    for scenario in scenarios(2000, 100) {
        let report = run(&scenario);
        println!("{report}");
        assert_eq!(report.helpless, 0, "{}", scenario.name);
        if scenario.clockless == 0 {
            assert!(report.in_time_percent() >= 99.9, "{report}");
        }
        if scenario.devices == 2000 {
            // In a small fleet chance makes hours fuller than in the one of ten thousand.
            assert!(report.fullest_percent() <= 1.0, "{report}");
            assert!(report.renewals >= 2 * 2000, "{report}");
            assert!(curve(&report).ends_with("</svg>\n"));
        }
    }
}

/// An outage of 30 days, whenever it begins.
#[test]
fn no_begin_of_an_outage_is_worse_than_the_schedule_can_bear() {
    for begin in (0..YEAR).step_by(usize::try_from(30 * DAY).unwrap()) {
        let scenario = Scenario {
            outage: begin..begin + 30 * DAY,
            roll_overs: vec![begin + 15 * DAY],
            ..Scenario::quiet("outage", 50, 3 * YEAR / 2)
        };
        let report = run(&scenario);
        assert!(report.in_time_percent() >= 99.9 && report.helpless == 0, "{begin}: {report}");
    }
}

/// The goals can be missed: a registrar that is gone for the rest of the life loses the fleet until it is back.
#[test]
fn devices_that_expired_come_back_with_the_registrar() {
    let outage = YEAR / 2..2 * YEAR;
    let gone = run(&Scenario { outage: outage.clone(), ..Scenario::quiet("gone", 50, 2 * YEAR) });
    assert_eq!((gone.helpless, gone.renewals), (50, 0));
    let back = run(&Scenario { outage, ..Scenario::quiet("back", 50, 2 * YEAR + 3 * DAY) });
    assert_eq!((back.helpless, back.recovered), (0, 50), "within three days");
}
