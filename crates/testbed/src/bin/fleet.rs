//! Lets fleets live in virtual time, prints what became of them, and fails where the goals are missed.

use aseptic_testbed::fleet::{Report, curve, run, scenarios};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let svg = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => None,
        (Some("--svg"), Some(file)) => Some(file),
        _ => {
            eprintln!("fleet [--svg FILE]");
            return ExitCode::from(2);
        }
    };
    println!("{}", Report::head());
    let mut good = true;
    let mut first = None;
    for scenario in scenarios(10_000, 1000) {
        let report = run(&scenario);
        println!("{report}");
        let in_time = report.in_time_percent() >= 99.9 || scenario.clockless > 0;
        good &= report.helpless == 0 && in_time && (scenario.devices < 10_000 || report.fullest_percent() <= 0.5);
        first.get_or_insert(report);
    }
    println!("human actions: 0; goals {}", if good { "met" } else { "MISSED" });
    if let (Some(file), Some(report)) = (svg, first)
        && let Err(error) = std::fs::write(&file, curve(&report))
    {
        eprintln!("{file}: {error}");
        good = false;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
