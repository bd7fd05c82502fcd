//! Runs one suite of published test vectors: `conformance <suite> <path> [--keys <folder>]`.
//!
//! Ends with `N passed, N failed, N skipped`. Exit status 0 if none failed, 1 if one did, 2 if the suite could not be run.

use aseptic_testbed::conformance::{Source, run};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (suite, source) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [suite, path] => (suite, Source { path: path.into(), keys: None }),
        [suite, path, "--keys", keys] | ["--keys", keys, suite, path] => {
            (suite, Source { path: path.into(), keys: Some(PathBuf::from(keys)) })
        }
        _ => {
            eprintln!("usage: conformance <suite> <path> [--keys <folder>]");
            return ExitCode::from(2);
        }
    };
    match run(suite, &source) {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(report.failed() > 0))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
