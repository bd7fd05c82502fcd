//! What each call of the C interface takes at most over the whole life of a device on the board: instructions and stack.
//!
//! `tests/abi/calls.toml` has the figures of the last review, one that grows fails; the essay of the header shows them, in
//! instructions, milliseconds and bytes.

use crate::firmware;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Instructions, and bytes of stack.
type Calls = BTreeMap<String, [u64; 2]>;

/// Per cent that a figure may grow. Keys and signatures differ from run to run, which makes up to 3 % where they are verified.
const GROWTH: u64 = 5;
/// Lives of which the most is written down, and the least must have grown to fail: which call cleans the log of the flash up
/// hangs on the lengths of certificates and signatures, which differ from life to life.
const LIVES: usize = 4;
/// Instructions below which a call is quick (1 ms at 64 MHz); such calls are not in the table, and do not fail.
const QUICK: u64 = 53_000;
/// Bytes of stack that may come and go unseen.
const SLACK: u64 = 64;
/// Cycles an instruction of such code takes on a Cortex-M4 without wait states.
const TENTHS_OF_CYCLES: u64 = 12;
/// For hosts, and for the bench.
const ELSEWHERE: [&str; 5] =
    ["aseptic_channel_", "aseptic_est_", "aseptic_files_", "aseptic_selftest_", "aseptic_session_offer_hybrid"];

const BEGIN: &str = " *                                instructions   at 64 MHz   at 120 MHz   stack\n";
const END: &str = " *\n * POWER LOSS.";

/// Measures, compares, and checks the table; `accept` writes both anew.
pub(crate) fn run(library: &Path, accept: bool) -> Result<()> {
    let mut measured = firmware::calls(library)?;
    all_there(&measured)?;
    let root = shell::root();
    let path = root.join("tests/abi/calls.toml");
    let essay = root.join("crates/ffi/cbindgen.toml");
    let text = fs::read_to_string(&essay)?;
    if accept {
        for _ in 1..LIVES {
            join(&mut measured, &firmware::calls(library)?, u64::max);
        }
        print(&measured);
        fs::write(&path, toml::to_string(&measured)?)?;
        fs::write(&essay, with_table(&text, &measured)?)?;
        println!("calls: written to tests/abi/calls.toml and the header's essay; `cargo xtask header` is next");
        return Ok(());
    }
    let reviewed: Calls = toml::from_str(&fs::read_to_string(&path).unwrap_or_default())?;
    let mut grown = beyond(&reviewed, &measured);
    for _ in 1..LIVES {
        if grown.is_empty() {
            break;
        }
        join(&mut measured, &firmware::calls(library)?, u64::min);
        grown = beyond(&reviewed, &measured);
    }
    print(&measured);
    if !grown.is_empty() {
        bail!(
            "beyond tests/abi/calls.toml by more than {GROWTH} % (--accept after a review):\n  {}",
            grown.join("\n  ")
        );
    }
    if with_table(&text, &reviewed)? != text {
        bail!("the table in the essay of the header is not that of tests/abi/calls.toml");
    }
    println!("calls: {} functions within {GROWTH} % of tests/abi/calls.toml, as the header says", measured.len());
    Ok(())
}

/// What has grown by more than it may.
fn beyond(reviewed: &Calls, measured: &Calls) -> Vec<String> {
    let mut grown = Vec::new();
    for (name, [instructions, stack]) in measured {
        match reviewed.get(name) {
            None => grown.push(format!("{name} is new")),
            Some([known, _]) if *instructions > QUICK && exceeds(*instructions, *known) => {
                grown.push(format!("{name}: {known} -> {instructions} instructions"));
            }
            Some([_, known]) if *stack > known + SLACK && exceeds(*stack, *known) => {
                grown.push(format!("{name}: {known} -> {stack} bytes of stack"));
            }
            Some(_) => {}
        }
    }
    grown
}

/// The `choice` of the figures of two lives.
fn join(figures: &mut Calls, other: &Calls, choice: impl Fn(u64, u64) -> u64) {
    for (figures, other) in figures.iter_mut().filter_map(|(name, figures)| Some((figures, other.get(name)?))) {
        *figures = [choice(figures[0], other[0]), choice(figures[1], other[1])];
    }
}

fn print(calls: &Calls) {
    for (name, [instructions, stack]) in calls {
        println!("calls: {name:<32} instructions {instructions:>9}, stack {stack:>6}");
    }
}

/// Fails on a function that no call of the life reaches: its time would be unknown.
fn all_there(measured: &Calls) -> Result<()> {
    let header = fs::read_to_string(shell::root().join("include/aseptic.h"))?;
    let unknown: Vec<&str> = firmware::fallible(&header)
        .filter(|name| !measured.contains_key(*name) && !ELSEWHERE.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    if !unknown.is_empty() {
        bail!("tests/c/life.c does not call {}", unknown.join(", "));
    }
    Ok(())
}

/// The essay with the table of `calls`, the longest first.
fn with_table(essay: &str, calls: &Calls) -> Result<String> {
    let (front, rest) = essay.split_once(BEGIN).context("the essay has no table of times")?;
    let (_, back) = rest.split_once(END).context("the table of times has no end")?;
    let mut rows: Vec<(&String, [u64; 2])> = calls
        .iter()
        .map(|(name, [instructions, stack])| (name, [rounded(*instructions), round_to(*stack, 100)]))
        .collect();
    rows.retain(|(_, [instructions, _])| *instructions >= QUICK);
    rows.sort_by_key(|(name, [instructions, _])| (u64::MAX - instructions, *name));
    let mut text = format!("{front}{BEGIN}");
    for (name, [instructions, stack]) in rows {
        let ms = |megahertz: u64| format!("{} ms", (instructions * TENTHS_OF_CYCLES / 10).div_ceil(megahertz * 1000));
        let line =
            format!(" *   {name:<29} {:>10}   {:>9}   {:>10}  {stack:>6}\n", grouped(instructions), ms(64), ms(120));
        text.push_str(&line);
    }
    Ok(text + END + back)
}

/// Up, to two digits that say something.
fn rounded(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    round_to(number, unit)
}

const fn round_to(number: u64, unit: u64) -> u64 {
    number.div_ceil(unit) * unit
}

/// With a comma after each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn exceeds(value: u64, known: u64) -> bool {
    value.saturating_mul(100) > known.saturating_mul(100 + GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_in_every_life_has_grown() {
        let life = |a, b| Calls::from([("a".to_owned(), [a, 100]), ("b".to_owned(), [b, 100])]);
        let reviewed = life(1_000_000, 1_000_000);
        let mut measured = life(1_060_000, 1_070_000);
        assert_eq!(beyond(&reviewed, &measured).len(), 2);
        join(&mut measured, &life(1_040_000, 1_080_000), u64::min);
        assert_eq!(beyond(&reviewed, &measured), ["b: 1000000 -> 1070000 instructions"]);
        join(&mut measured, &life(9, 2_000_000), u64::max);
        assert_eq!(measured, life(1_040_000, 2_000_000));
    }

    #[test]
    fn numbers_are_rounded_up_and_grouped() {
        assert_eq!([rounded(9_373_720), rounded(54_001), rounded(99), rounded(100)], [9_400_000, 55_000, 99, 100]);
        assert_eq!([grouped(9_400_000), grouped(999), grouped(1_000)], ["9,400,000", "999", "1,000"]);
    }

    #[test]
    fn the_table_is_replaced_and_nothing_else() {
        let essay = format!("before\n{BEGIN} *   old\n{END} after");
        let calls =
            Calls::from([("aseptic_a".to_owned(), [1_000_000, 101]), ("aseptic_b".to_owned(), [QUICK - 1000, 9])]);
        let made = with_table(&essay, &calls).unwrap();
        let row = " *   aseptic_a                      1,000,000       19 ms        10 ms     200\n";
        assert_eq!(made, format!("before\n{BEGIN}{row}{END} after"));
        assert_eq!(with_table(&made, &calls).unwrap(), made);
    }
}
