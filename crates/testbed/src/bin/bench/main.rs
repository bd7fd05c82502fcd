//! Speed, as ratios that are measured in one run: `bench [PILLAR]`, without one all of them.
//!
//! One module for each pillar, with one line in [`PILLARS`]. What is compared runs in turn, a short round each, so that a busy
//! machine slows all sides alike; [`measure`] says how. Nothing here fails: a figure that misses its aim is marked.

mod certs;
mod measure;
mod messaging;
mod registrar;
mod update;

use std::process::ExitCode;

/// A pillar's measurements: prints a line each.
type Bench = fn() -> Result<(), Box<dyn std::error::Error>>;

const PILLARS: &[(&str, Bench)] =
    &[("certs", certs::run), ("messaging", messaging::run), ("registrar", registrar::run), ("update", update::run)];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !PILLARS.iter().any(|(pillar, _)| pillar == name)) {
        let names: Vec<&str> = PILLARS.iter().map(|(name, _)| *name).collect();
        eprintln!("bench: there is no pillar `{unknown}`; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    for (name, bench) in PILLARS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name)) {
        if let Err(error) = bench() {
            eprintln!("bench: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
