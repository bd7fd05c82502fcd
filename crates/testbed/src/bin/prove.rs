//! Tries to bring wrong software to run: `prove [--quick] [--only <part of a name>]`. `prove --accept` writes
//! the golden traces anew.
//!
//! Prints what was tried. Exit status 1 at the first violation, which it describes so that anybody can repeat it.

use aseptic_testbed::prove::{Depth, golden, jobs, run};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let (mut depth, mut only) = (Depth::Whole, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => depth = Depth::Quick,
            "--accept" => match golden::accept() {
                Ok(()) => return ExitCode::SUCCESS,
                Err(difference) => {
                    eprintln!("{difference}");
                    return ExitCode::from(1);
                }
            },
            "--only" => only = arguments.next(),
            _ => {
                eprintln!("usage: prove [--quick] [--only <part of a name>] | prove --accept");
                return ExitCode::from(2);
            }
        }
    }
    let start = Instant::now();
    match run(&jobs(depth, only.as_deref())) {
        Ok(tables) => {
            print!("{tables}0 violations, {} s", start.elapsed().as_secs());
            println!();
            ExitCode::SUCCESS
        }
        Err(violation) => {
            eprintln!("violation: {violation}");
            ExitCode::from(1)
        }
    }
}
