//! Entropy and clock.

use crate::{Finding, Report};
use aseptic_core::platform::{Clock, Entropy};
use aseptic_core::time::{Time, Trust};

/// Draws compared with one another.
const DRAWS: usize = 16;
/// Bytes of each.
const DRAW: usize = 48;

pub(crate) fn entropy(source: &dyn Entropy, report: &mut Report<'_>) {
    let mut draws = [[0; DRAW]; DRAWS];
    for (number, draw) in draws.iter_mut().enumerate() {
        // What lies there already differs from draw to draw: a byte that is not filled shows.
        draw.fill(if number % 2 == 0 { 0x00 } else { 0xFF });
        if source.fill(draw).is_err() {
            return report.add(Finding::EntropyFails, 0);
        }
    }
    for at in 0..DRAW {
        let old =
            |(number, draw): (usize, &[u8; DRAW])| draw.get(at) == Some(if number % 2 == 0 { &0x00 } else { &0xFF });
        if draws.iter().enumerate().all(old) {
            report.add(Finding::EntropyShort, u64::try_from(at).unwrap_or(0));
            break;
        }
    }
    short_rooms(source, report);
    let words = || draws.iter().flat_map(|draw| draw.chunks_exact(8));
    let twice = words().enumerate().any(|(at, word)| words().skip(at.saturating_add(1)).any(|other| other == word));
    if report.check(!twice, Finding::EntropyStuck, 0) {
        bias(source, report);
    }
}

/// Lengths that are no multiple of a word.
fn short_rooms(source: &dyn Entropy, report: &mut Report<'_>) {
    for length in [1, 2, 3, 5, 7, 31, 33] {
        // Sixteen draws: a byte that stays as it was each time was not filled.
        let (mut filled, mut beyond) = ([false; 40], false);
        for turn in 0..16 {
            let mark = if turn % 2 == 0 { 0xA5 } else { 0x5A };
            let mut room = [mark; 40];
            let Some(out) = room.get_mut(..length) else { return };
            if source.fill(out).is_err() {
                return report.add(Finding::EntropyFails, u64::try_from(length).unwrap_or(0));
            }
            filled.iter_mut().zip(room).for_each(|(filled, byte)| *filled |= byte != mark);
            beyond |= room.iter().skip(length).any(|byte| *byte != mark);
        }
        let number = u64::try_from(length).unwrap_or(0);
        let all = filled.iter().take(length).all(|filled| *filled);
        if !report.check(!beyond, Finding::EntropyBeyond, number) || !report.check(all, Finding::EntropyShort, number) {
            return;
        }
    }
}

/// Ones among 32768 bits: 16384, with a standard deviation of 91; ten of them never happen.
fn bias(source: &dyn Entropy, report: &mut Report<'_>) {
    let mut ones = 0_u32;
    for _ in 0..64 {
        let mut draw = [0; 64];
        if source.fill(&mut draw).is_err() {
            return report.add(Finding::EntropyFails, 64);
        }
        ones = draw.iter().fold(ones, |ones, byte| ones.saturating_add(byte.count_ones()));
    }
    report.check((15_474..=17_294).contains(&ones), Finding::EntropyBiased, u64::from(ones));
}

pub(crate) fn clock(clock: &dyn Clock, report: &mut Report<'_>) {
    let mut last = clock.uptime();
    for _ in 0..10_000 {
        let now = clock.uptime();
        if !report.check(now >= last, Finding::UptimeBack, last.saturating_sub(now)) {
            break;
        }
        last = now;
    }
    let now = clock.now();
    if now.trust == Trust::Trusted {
        report.check((EARLIEST..LATEST).contains(&now.seconds), Finding::ClockImplausible, now.seconds);
    }
}

/// The first second of 2024 and of 2150.
const EARLIEST: u64 = 1_704_067_200;
const LATEST: u64 = 5_680_281_600;

/// Both clocks at the start of the test.
pub(crate) struct Moment {
    uptime: u64,
    time: Time,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { uptime: clock.uptime(), time: clock.now() }
    }

    /// The test takes far longer than a millisecond on every device.
    pub(crate) fn compare(&self, clock: &dyn Clock, report: &mut Report<'_>) {
        let end = Self::now(clock);
        report.check(end.uptime != self.uptime, Finding::UptimeStands, end.uptime);
        if self.time.trust == Trust::Trusted && end.time.trust == Trust::Trusted {
            let back = self.time.seconds.saturating_sub(end.time.seconds);
            report.check(back == 0, Finding::ClockBack, back);
        }
    }
}
