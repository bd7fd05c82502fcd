//! `aseptic trust plan`.

use super::{day, name_of, with_store};
use crate::error::{Error, Result};
use crate::tree::printable;
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_core::trust::{Material, Purpose, Purposes, TrustStore};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Say when the anchors of trust stores end, which purpose is left without one, and what must be done by when.
///
/// Each anchor is a bar over the years: = while it is valid, > from where the next root should stand beside it. A pinned key
/// has no end. Where the next root of a purpose comes too late or not at all, the gap is named, and the day by which it must
/// be announced or granted.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic trust plan maker.store owner.store --overlap 730")]
pub(crate) struct Arguments {
    /// Signed trust stores
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// As seen on this day (RFC 3339, or seconds since 1970) instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<u64>,
    /// Days for which an old and a new root are to stand side by side
    #[arg(long, value_name = "DAYS", default_value = "365")]
    overlap: u32,
}

/// An anchor, or a pinned key, whose end is never.
struct Bar {
    name: String,
    purposes: Purposes,
    from: u64,
    to: Option<u64>,
    successor: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let mut bars = Vec::new();
    for path in &arguments.files {
        bars.extend(with_store(path, |store| Ok(of_store(store)))?);
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = arguments.at.unwrap_or(clock);
    let overlap = u64::from(arguments.overlap).saturating_mul(DAY);
    let Some(last) = bars.iter().filter_map(|bar| bar.to).filter(|to| *to < FOR_EVER).max() else {
        let first = arguments.files.first().cloned().unwrap_or_default();
        return Err(Error::because(&first, Reason::TrustMissing, "It has no anchor that ends.").remedied(
            "Nothing has to be planned: pinned keys are replaced when they are lost, not when they are old.",
        ));
    };
    let mut out = timeline(&bars, now, last.max(now), overlap);
    let (purposes, mut deeds) = purposes(&bars, now, overlap);
    out.push_str(&purposes);
    deeds.sort();
    deeds.dedup();
    let _ = write!(out, "\nto do:{}", if deeds.is_empty() { " nothing" } else { "" });
    for (by, deed) in deeds {
        let when = if by <= now { "at once".to_owned() } else { format!("by {}", day(by)) };
        let _ = write!(out, "\n  {when}: {deed}");
    }
    Ok(out)
}

fn of_store(store: &TrustStore<'_>) -> Vec<Bar> {
    let bar = |name: &[u8], purposes, span: Option<(u64, u64)>, successor| Bar {
        name: printable(&format!("{} ({})", String::from_utf8_lossy(name), name_of(store.authority))),
        purposes,
        from: span.map_or(0, |(from, _)| from),
        to: span.map(|(_, to)| to),
        successor,
    };
    let of_entry = |entry: aseptic_core::trust::Entry<'_>| match entry.material {
        Material::Key(_) | Material::Thumbprint(..) => Some(bar(entry.name, entry.purposes, None, false)),
        Material::Certificate(anchor) => {
            let certificate = Certificate::parse(anchor.certificate).ok()?;
            let span = (certificate.not_before, certificate.not_after);
            Some(bar(entry.name, entry.purposes, Some(span), anchor.successor.is_some()))
        }
    };
    store.entries().filter_map(of_entry).collect()
}

/// The years on top, a bar for each anchor.
fn timeline(bars: &[Bar], now: u64, last: u64, overlap: u64) -> String {
    let label = bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
    let step = last.saturating_sub(now).max(1).div_ceil(COLUMNS);
    let at = |column: u64| now.saturating_add(column.saturating_mul(step));
    let mut years = String::new();
    let mut shown = 0;
    for column in 0..COLUMNS {
        let year = year(at(column));
        let length = u64::try_from(years.len()).unwrap_or(u64::MAX);
        // A year whose first column is taken has no label.
        if year != shown && length <= column {
            let gap = usize::try_from(column.saturating_sub(length)).unwrap_or(0);
            let _ = write!(years, "{:gap$}{year} ", "");
        }
        shown = year;
    }
    let mut out = format!("{:label$}  {}\n", "", years.trim_end());
    for bar in bars {
        let drawn: String = (0..=COLUMNS)
            .map(|column| match bar.to {
                None => '=',
                Some(to) if at(column) > to || at(column) < bar.from => ' ',
                Some(to) if at(column) > to.saturating_sub(overlap) => '>',
                Some(_) => '=',
            })
            .collect();
        let end = bar.to.map_or("no end".to_owned(), |to| {
            if to >= FOR_EVER { "no end".into() } else { format!("until {}", day(to)) }
        });
        let next = if bar.successor { ", successor announced" } else { "" };
        let _ = writeln!(out, "{:label$}  {}  {end}{next}", bar.name, drawn.trim_end());
    }
    out
}

/// For each purpose until when it is served without a gap, and what is to be done about its end.
fn purposes(bars: &[Bar], now: u64, overlap: u64) -> (String, Vec<(u64, String)>) {
    let (mut out, mut deeds) = ("\n".to_owned(), Vec::new());
    for purpose in Purpose::ALL {
        let serving: Vec<_> = bars.iter().filter(|bar| bar.purposes.contains(purpose)).collect();
        if serving.is_empty() {
            continue;
        }
        // Further and further, as long as something that has begun lasts longer.
        let mut end = Some(now);
        let mut held_by: Option<&Bar> = None;
        while let Some(reached) = end {
            let longer =
                serving.iter().copied().filter(|bar| bar.from <= reached && bar.to.is_none_or(|to| to > reached));
            let Some(best) = longer.max_by_key(|bar| bar.to.unwrap_or(u64::MAX)) else { break };
            (end, held_by) = (best.to.filter(|to| *to < FOR_EVER), Some(best));
        }
        let Some(end) = end else {
            let _ = writeln!(out, "{purpose:?}: served without end");
            continue;
        };
        let later = serving.iter().filter(|bar| bar.from > end).map(|bar| bar.from).min();
        let _ = match (held_by, later) {
            (None, None) => writeln!(out, "{purpose:?}: NOT SERVED, every anchor has ended"),
            (None, Some(later)) => writeln!(out, "{purpose:?}: NOT SERVED until {}", day(later)),
            (Some(bar), None) => {
                writeln!(out, "{purpose:?}: served until {} ({}), nothing follows", day(end), bar.name)
            }
            (Some(bar), Some(later)) => {
                writeln!(out, "{purpose:?}: served until {} ({}), GAP until {}", day(end), bar.name, day(later))
            }
        };
        // Where an overlap is shorter than wanted, it is named as well.
        for pair in ends(&serving) {
            if let (old, Some(next)) = pair
                && let Some(to) = old.to
                && (now..=to).contains(&to)
                && next.from <= to
                && next.from > to.saturating_sub(overlap)
            {
                let days = to.saturating_sub(next.from).checked_div(DAY).unwrap_or(0);
                let _ = writeln!(out, "  overlap of {} and {}: {days} days only", old.name, next.name);
            }
        }
        match held_by {
            Some(bar) if bar.successor => {
                deeds.push((
                    end.saturating_sub(overlap),
                    format!("move servers below the announced successor of {}", bar.name),
                ));
                deeds.push((end, format!("grant the successor of {} an entry of its own", bar.name)));
            }
            Some(bar) => deeds.push((
                end.saturating_sub(overlap),
                format!("announce or grant the root after {}, which ends on {}", bar.name, day(end)),
            )),
            None => deeds.push((now, format!("grant an anchor for {purpose:?}"))),
        }
    }
    (out, deeds)
}

/// Each bar with an end, and the one that ends next after it.
fn ends<'b>(serving: &[&'b Bar]) -> Vec<(&'b Bar, Option<&'b Bar>)> {
    let next = |old: &Bar| {
        let later = serving.iter().copied().filter(|bar| bar.to.unwrap_or(u64::MAX) > old.to.unwrap_or(u64::MAX));
        later.min_by_key(|bar| bar.from)
    };
    serving.iter().filter(|bar| bar.to.is_some()).map(|bar| (*bar, next(bar))).collect()
}

fn year(seconds: u64) -> i32 {
    let date = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.map_or(0, OffsetDateTime::year)
}

fn time(text: &str) -> std::result::Result<u64, String> {
    let date = || u64::try_from(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp()).ok();
    let seconds = text.parse().ok().or_else(date);
    seconds.ok_or_else(|| "write it like 2026-01-31T12:00:00Z, or as seconds since 1970".to_owned())
}

const DAY: u64 = 86_400;
/// Width of the bars.
const COLUMNS: u64 = 60;
/// 9999-12-31 and later is no end (RFC 5280 section 4.1.2.5).
const FOR_EVER: u64 = aseptic_certs::IDEVID_NOT_AFTER;
