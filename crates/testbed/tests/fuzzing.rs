//! The fuzz targets over their seeds, over mutations of them and over what a fuzzer has stored, without a fuzzer.

use aseptic_testbed::fuzzing::{TARGETS, Target};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// No target may be missing from the fuzz workspace, and none may be there without its function.
#[test]
fn every_target_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().into())
        .collect();
    files.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    let manifest = fs::read_to_string(folder.join("../Cargo.toml")).unwrap();
    for target in TARGETS {
        let source = fs::read_to_string(folder.join(target.name).with_extension("rs")).unwrap();
        assert!(source.contains(&format!("fuzzing::{}(data)", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}

#[test]
fn the_seeds_are_always_the_same() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        assert_eq!(seeds, (target.seeds)(), "{}", target.name);
    }
}

#[test]
fn no_target_panics_on_its_corpus() {
    let corpus = env::var_os("ASEPTIC_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus"), Into::into);
    for target in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(corpus.join(target.name)).into_iter().flatten().flatten() {
            (target.run)(&fs::read(entry.path()).unwrap());
            inputs += 1;
        }
        println!("{}: {inputs} inputs of the corpus", target.name);
    }
}

/// How long each target is given for random mutations; the systematic ones are not cut short.
const TIME: Duration = Duration::from_millis(300);

#[test]
fn no_target_panics_on_mutated_seeds() {
    let waiting = Mutex::new(TARGETS.iter());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let next = || waiting.lock().unwrap().next();
                while let Some(target) = next() {
                    mutated(target);
                }
            });
        }
    });
}

fn mutated(target: &Target) {
    let seeds = (target.seeds)();
    let mut runs = 0;
    let mut run = |input: &[u8]| {
        (target.run)(input);
        runs += 1;
    };
    run(&[]);
    for seed in &seeds {
        run(seed);
        systematic(seed, &mut run);
    }
    let end = Instant::now() + TIME;
    let mut random = Random(1);
    while Instant::now() < end {
        let mut input = random.pick(&seeds).clone();
        for _ in 0..=random.below(4) {
            random.mutate(&mut input, &seeds);
        }
        run(&input);
    }
    println!("{}: {runs} mutated inputs", target.name);
}

/// Truncations, and bytes set to each of the values that mean something to an encoding: at every byte of a short seed, at
/// some 60 of a long one. The tests of each package try them all.
fn systematic(seed: &[u8], run: &mut impl FnMut(&[u8])) {
    // An odd step meets every place of a structure that is repeated.
    let step = (seed.len() / 60) | 1;
    for at in (0..seed.len()).step_by(step) {
        run(&seed[..at]);
        let mut input = seed.to_vec();
        for value in VALUES.into_iter().chain([seed[at] ^ 1, seed[at] ^ 0x80, seed[at].wrapping_add(1)]) {
            input[at] = value;
            run(&input);
        }
    }
}

const VALUES: [u8; 10] = [0x00, 0x17, 0x1B, 0x40, 0x5B, 0x5F, 0x7F, 0x9B, 0xBF, 0xFF];

/// xorshift64*, for mutations that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound.max(1)
    }

    fn pick<'s>(&mut self, seeds: &'s [Vec<u8>]) -> &'s Vec<u8> {
        &seeds[self.below(seeds.len())]
    }

    /// Changes, removes, doubles or inserts a part, or goes on as another seed does.
    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        if input.is_empty() {
            input.push(0);
        }
        let at = self.below(input.len());
        let end = at + 1 + self.below((input.len() - at).min(16));
        let end = end.min(input.len());
        match self.below(6) {
            0 => input[at] ^= 1 << self.below(8),
            1 => input[at] = self.below(256) as u8,
            2 => drop(input.drain(at..end)),
            3 => {
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            4 => input.insert(at, VALUES[self.below(VALUES.len())]),
            _ => {
                let other = self.pick(seeds);
                let from = self.below(other.len());
                input.truncate(at);
                input.extend(&other[from..]);
            }
        }
        input.truncate(8192);
    }
}
