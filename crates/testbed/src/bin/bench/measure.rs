//! Several ways to do one thing, timed in turn.

use std::time::{Duration, Instant};

/// One way.
pub struct Way<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    rounds: Vec<Duration>,
}

impl<'a> Way<'a> {
    /// One that `run` goes once.
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self { name, run: Box::new(run), rounds: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The time of one run in the round that so many per cent of the rounds were faster than.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.rounds.len().saturating_sub(1) * percent) / 100;
        self.rounds.get(at).copied().unwrap_or_default()
    }

    /// How its time compares with that of `base`: in the best rounds of both, and in the middle ones.
    pub fn ratio(&self, base: &Self) -> Ratio {
        let of = |percent| self.percentile(percent).as_secs_f64() / base.percentile(percent).as_secs_f64();
        Ratio { best: of(0), median: of(50) }
    }
}

/// A time as a multiple of another one.
#[derive(Clone, Copy)]
pub struct Ratio {
    pub best: f64,
    pub median: f64,
}

impl Ratio {
    /// Both, and whether the aim is met, in words.
    pub fn against(self, aim: f64) -> String {
        let met = if self.median <= aim { "met" } else { "MISSED" };
        format!("{:.3} (best rounds {:.3}), aim {aim:.2}: {met}", self.median, self.best)
    }
}

/// Runs each way in turn, round by round, until [`TIME`] is over. A round takes about [`ROUND`]; the first ones warm up and do
/// not count.
pub fn measure(ways: &mut [Way<'_>]) {
    let sizes: Vec<u32> = ways.iter_mut().map(|way| runs_in(ROUND, &mut way.run)).collect();
    let began = Instant::now();
    while began.elapsed() < TIME {
        for (way, size) in ways.iter_mut().zip(&sizes) {
            let start = Instant::now();
            (0..*size).for_each(|_| (way.run)());
            way.rounds.push(start.elapsed() / *size);
        }
    }
    ways.iter_mut().for_each(|way| way.rounds.sort_unstable());
}

/// How often `run` goes into so much time, at least once.
fn runs_in(time: Duration, run: &mut dyn FnMut()) -> u32 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time * WARM_UP {
        run();
        count += 1;
    }
    (count / WARM_UP).max(1)
}

const ROUND: Duration = Duration::from_millis(10);
const WARM_UP: u32 = 10;
const TIME: Duration = Duration::from_secs(6);
