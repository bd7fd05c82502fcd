//! Writes the seeds of every fuzz target: `cargo run -p aseptic-testbed --bin seeds [FOLDER]`, by default `fuzz/corpus`.

use aseptic_testbed::fuzzing::TARGETS;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let corpus = env::args_os().nth(1).map_or_else(|| PathBuf::from("fuzz/corpus"), PathBuf::from);
    for target in TARGETS {
        let folder = corpus.join(target.name);
        fs::create_dir_all(&folder)?;
        let seeds = (target.seeds)();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
        println!("{}: {} seeds in {}", target.name, seeds.len(), folder.display());
    }
    Ok(())
}
