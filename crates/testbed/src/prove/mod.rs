//! Proofs that no power cut, flipped bit or order of events brings wrong software to run, or none.
//!
//! Each proof is a list of jobs; a job tries everything of one kind and counts it, or says what failed so that anybody can
//! make it happen again. Everything is deterministic: the device of a seed, the cut of a number.

pub mod account;
pub mod cuts;
pub mod flips;
pub mod glitches;
pub mod golden;
pub mod model;
pub mod rig;
pub mod scenes;
pub mod world;

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Some of everything, in a few seconds.
    Quick,
    /// All of it, in minutes.
    Whole,
}

/// What a job has tried.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// What of: the first cells of its row in the table.
    pub row: Vec<String>,
    /// How many of what.
    pub counts: Vec<(&'static str, u64)>,
}

/// One part of a proof. Jobs share nothing.
pub struct Job {
    proof: &'static str,
    run: Box<dyn Fn() -> Result<Counts, String> + Send + Sync>,
}

impl Job {
    /// A part of `proof`.
    pub fn new(proof: &'static str, run: impl Fn() -> Result<Counts, String> + Send + Sync + 'static) -> Self {
        Self { proof, run: Box::new(run) }
    }
}

/// Every job of every proof, or of those whose name contains `only`.
#[must_use]
pub fn jobs(depth: Depth, only: Option<&str>) -> Vec<Job> {
    let mut jobs: Vec<Job> =
        [cuts::jobs(depth), flips::jobs(depth), glitches::jobs(depth), model::jobs(depth), golden::jobs(depth)]
            .into_iter()
            .flatten()
            .collect();
    jobs.retain(|job| only.is_none_or(|only| job.proof.contains(only)));
    jobs
}

/// Runs the jobs on all processors. The tables of what was tried, or the first violation; then no further job begins.
pub fn run(jobs: &[Job]) -> Result<String, String> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<Result<Counts, String>>>> = Mutex::new(vec![None; jobs.len()]);
    let start = Instant::now();
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(number) else { break };
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (job.run)()))
                .unwrap_or_else(|_| Err("a panic, told above".into()))
                .map_err(|what| format!("{}: {what}", job.proof));
            if let Ok(counts) = &result {
                eprintln!("{}: {}: done after {} s", job.proof, counts.row.join(", "), start.elapsed().as_secs());
            }
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().expect("no job panics outside").get_mut(number).map(|place| place.replace(result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut tables: Vec<(&str, Vec<Counts>)> = Vec::new();
    for (job, result) in jobs.iter().zip(results.into_inner().expect("no job panics outside")) {
        let Some(result) = result else { continue };
        let counts = result?;
        match tables.iter_mut().find(|(proof, _)| *proof == job.proof) {
            Some((_, rows)) => rows.push(counts),
            None => tables.push((job.proof, vec![counts])),
        }
    }
    Ok(tables.iter().map(|(proof, rows)| table(proof, rows)).collect())
}

/// A table for people, each column as wide as it has to be, with the sums below.
fn table(proof: &str, rows: &[Counts]) -> String {
    let first = &rows[0];
    let mut lines = vec![vec![proof.to_owned()]];
    lines[0].extend(first.row.iter().skip(1).map(|_| String::new()));
    lines[0].extend(first.counts.iter().map(|(what, _)| (*what).to_owned()));
    for row in rows {
        lines.push(row.row.iter().cloned().chain(row.counts.iter().map(|(_, count)| count.to_string())).collect());
    }
    let sum = |column: usize| rows.iter().filter_map(|row| row.counts.get(column)).map(|(_, count)| count).sum::<u64>();
    let sums = (0..first.counts.len()).map(|column| sum(column).to_string());
    let blank = first.row.iter().skip(1).map(|_| String::new());
    lines.push(std::iter::once("all".to_owned()).chain(blank).chain(sums).collect());
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column < first.row.len() {
                true => write!(out, "{cell:<width$}  "),
                false => write!(out, "{cell:>width$}  "),
            };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.push('\n');
    out
}
