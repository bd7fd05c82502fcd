//! A run that is told as it happens: a line a step, and a table at the end.

use aseptic_core::Reason;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// An error with a numbered reason behind it.
pub trait Because: std::fmt::Display {
    /// The reason.
    fn because(&self) -> Reason;
}

impl Because for Reason {
    fn because(&self) -> Reason {
        *self
    }
}

impl Because for aseptic_hosted::Error {
    fn because(&self) -> Reason {
        self.reason()
    }
}

impl Because for aseptic_infra::Error {
    fn because(&self) -> Reason {
        self.reason()
    }
}

/// How many bytes the outcome of a step stands for.
pub trait Weigh {
    /// Bytes on a wire or in a file; 0 where none are counted.
    fn bytes(&self) -> usize;
}

impl Weigh for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl Weigh for usize {
    fn bytes(&self) -> usize {
        *self
    }
}

impl Weigh for Vec<u8> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Weigh for Vec<Vec<u8>> {
    fn bytes(&self) -> usize {
        self.iter().map(Vec::len).sum()
    }
}

impl<S: std::io::Read + std::io::Write> Weigh for aseptic_hosted::channel::Channel<S> {
    fn bytes(&self) -> usize {
        0
    }
}

/// An error on its way to the reader, whatever package it came from.
#[derive(Debug)]
pub struct Failure {
    reason: Reason,
    text: String,
}

impl<E: Because> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { reason: error.because(), text: error.to_string() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (E{})\n{}", self.text, self.reason.number(), self.reason.remedy())
    }
}

#[derive(Default)]
struct Chapter {
    title: &'static str,
    proves: &'static str,
    steps: usize,
    refusals: usize,
    bytes: usize,
    time: Duration,
}

/// The story of one run.
pub struct Story {
    start: Instant,
    chapters: Vec<Chapter>,
    missing: Vec<String>,
}

impl Story {
    /// Tells `life` from beginning to end. The status is 0 only if every step succeeded and every refusal happened.
    #[must_use]
    pub fn tell(title: &str, life: impl FnOnce(&mut Self) -> Result<(), Failure>) -> ExitCode {
        println!("{title}\n");
        let mut story = Self { start: Instant::now(), chapters: Vec::new(), missing: Vec::new() };
        if let Err(failure) = life(&mut story) {
            story.missing.push(format!("the run itself: {failure}"));
        }
        story.end()
    }

    /// Begins a chapter: what it is about, and what it proves.
    pub fn chapter(&mut self, title: &'static str, proves: &'static str) {
        println!("{title}");
        self.chapters.push(Chapter { title, proves, ..Chapter::default() });
    }

    /// Tells a step that must succeed: `what` happened, and what that `proves`. A step that fails ends the run with its
    /// reason and status 1.
    pub fn step<T: Weigh>(&mut self, what: &str, proves: &str, run: impl FnOnce() -> Result<T, Failure>) -> T {
        let start = Instant::now();
        match run() {
            Ok(value) => {
                self.line(what, proves, value.bytes(), start.elapsed(), false);
                value
            }
            Err(Failure { reason, text }) => {
                eprintln!("  FAILED  {what}: {text} (E{})\n{}", reason.number(), reason.remedy());
                std::process::exit(1);
            }
        }
    }

    /// Tells an attempt that must be refused for `reason`. One that is not, or for another reason, fails the run.
    pub fn refused<T>(&mut self, what: &str, reason: Reason, run: impl FnOnce() -> Result<T, Failure>) {
        let start = Instant::now();
        let instead = match run() {
            Err(failure) if failure.reason == reason => {
                let why = format!("refused: {} (E{})", reason.cause().trim_end_matches('.'), reason.number());
                return self.line(what, &why, 0, start.elapsed(), true);
            }
            Err(failure) => format!("refused as {:?}", failure.reason),
            Ok(_) => "accepted".into(),
        };
        println!("  !! {what}: {instead}");
        self.missing.push(format!("{what}: {instead}, expected {reason:?}"));
    }

    /// Tells a fact that must hold. One that does not fails the run.
    pub fn check(&mut self, what: &str, proves: &str, holds: bool) {
        if holds {
            self.line(what, proves, 0, Duration::ZERO, false);
        } else {
            println!("  !! {what}: does not hold: {proves}");
            self.missing.push(format!("{what}: does not hold: {proves}"));
        }
    }

    /// Shows what somebody reads.
    pub fn quote(&self, text: &impl std::fmt::Display) {
        for line in text.to_string().lines() {
            println!("      | {line}");
        }
    }

    fn end(self) -> ExitCode {
        println!("\n| step | proves | steps | refused | bytes | ms |\n| --- | --- | ---: | ---: | ---: | ---: |");
        for Chapter { title, proves, steps, refusals, bytes, time } in &self.chapters {
            println!("| {title} | {proves} | {steps} | {refusals} | {bytes} | {:.1} |", time.as_secs_f64() * 1e3);
        }
        let total = |of: fn(&Chapter) -> usize| self.chapters.iter().map(of).sum::<usize>();
        let (steps, refusals, bytes) = (total(|c| c.steps), total(|c| c.refusals), total(|c| c.bytes));
        println!("| all | | {steps} | {refusals} | {bytes} | {:.1} |", self.start.elapsed().as_secs_f64() * 1e3);
        for missing in &self.missing {
            eprintln!("WENT WRONG: {missing}");
        }
        if self.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn line(&mut self, what: &str, proves: &str, bytes: usize, time: Duration, refusal: bool) {
        let size = if bytes == 0 { String::new() } else { format!("{bytes} B") };
        println!("  {what:<58} {proves:<76} {size:>10} {:>8.2} ms", time.as_secs_f64() * 1e3);
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.steps += usize::from(!refusal);
            chapter.refusals += usize::from(refusal);
            chapter.bytes += bytes;
            chapter.time += time;
        }
    }
}
