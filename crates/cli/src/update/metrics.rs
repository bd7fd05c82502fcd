//! `aseptic update metrics`.

use crate::error::{Error, Result};
use crate::file;
use crate::tree::printable;
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_infra::reports::{Received, Reporter, gaps};
use aseptic_update::report::Outcome;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Measure how far releases have come, from the signed reports of devices.
///
/// For each release: the share of the devices that run it or a later one, and the time from its release until a device
/// had it. These are two of the three measures that FDA recommends to track and to submit; the share of vulnerabilities
/// that are patched follows from them with the list of those that a release ends.
///
/// Every report is verified, with the keys or certificates (PEM) in the folder --keys; one that does not verify ends the
/// command. A bare public key is that of the device which its file is named after. Gaps in the chain of a device are named behind the table.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic update metrics reports/ --keys devices/ --releases releases.toml --svg curve.svg\n\nreleases.toml:\n  fleet = 1200                        # optional; the devices that report, without it\n\n  [[release]]\n  name = \"2.1\"\n  sequence = 7\n  released = 2026-03-01T00:00:00Z"
)]
pub(crate) struct Arguments {
    /// Folder of reports: each file one COSE_Sign1
    folder: PathBuf,
    /// Folder of the devices' public keys or certificates: PEM, each file one
    #[arg(long, value_name = "FOLDER")]
    keys: PathBuf,
    /// Which releases there are, and since when (TOML)
    #[arg(long, value_name = "FILE")]
    releases: PathBuf,
    /// Write the curve of each release: share over days
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Replace the file of --svg
    #[arg(long, requires = "svg")]
    force: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Releases {
    fleet: Option<usize>,
    release: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    name: String,
    sequence: u64,
    released: toml::value::Datetime,
}

/// Everything that was measured, for programs.
#[derive(Serialize)]
struct Metrics {
    devices: usize,
    fleet: usize,
    reports: usize,
    gaps: BTreeMap<String, Vec<String>>,
    releases: Vec<Measured>,
}

#[derive(Serialize)]
struct Measured {
    name: String,
    sequence: u64,
    released: u64,
    /// Devices that run this release or a later one.
    installed: usize,
    /// The same in percent of the fleet.
    share: f64,
    /// Installations whose device could not tell the time.
    untimed: usize,
    /// Seconds from release to installation.
    median: Option<u64>,
    ninth_decile: Option<u64>,
    slowest: Option<u64>,
    reverted: usize,
    refused: usize,
    deferrals: u64,
    deferred_seconds: u64,
    /// Seconds after the release, ascending, of each installation that has a time.
    #[serde(skip)]
    times: Vec<u64>,
}

/// Gives what is to be printed.
pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let suite = soft::suite();
    let mut keys = Vec::new();
    for path in files(&arguments.keys)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        keys.push(Reporter::from_pem(&file::read(&path)?, &name).map_err(|error| Error::infra(&path, &error))?);
    }
    let mut reports = Vec::new();
    for path in files(&arguments.folder)? {
        let object = file::read(&path)?;
        reports.push(Received::verify(&suite, &keys, &object).map_err(|error| Error::infra(&path, &error))?);
    }
    let text = String::from_utf8(file::read(&arguments.releases)?).unwrap_or_default();
    let releases: Releases = toml::from_str(&text)
        .map_err(|error| Error::because(&arguments.releases, Reason::DescriptionInvalid, error.message()))?;
    let metrics = measure(&reports, &releases, &arguments.releases)?;
    if let Some(path) = &arguments.svg {
        file::write(path, curve(&metrics).as_bytes(), arguments.force)?;
    }
    if arguments.json { Ok(serde_json::to_string_pretty(&metrics).unwrap_or_default()) } else { Ok(table(&metrics)) }
}

fn measure(reports: &[Received], releases: &Releases, path: &Path) -> Result<Metrics> {
    let mut newest: BTreeMap<&[u8], u64> = BTreeMap::new();
    for report in reports {
        let runs = newest.entry(&report.device).or_default();
        if report.outcome == Outcome::Installed {
            *runs = report.sequence.max(*runs);
        }
    }
    let devices = newest.len();
    let fleet = releases.fleet.unwrap_or(devices);
    if fleet < devices || fleet == 0 {
        let cause = format!("The fleet is said to be {fleet} devices, and {devices} report.");
        return Err(Error::because(path, Reason::DescriptionInvalid, &cause));
    }
    let mut measured = Vec::new();
    for release in &releases.release {
        let released = seconds(&release.released.to_string())
            .ok_or_else(|| Error::because(path, Reason::DescriptionInvalid, "A date of release is no date."))?;
        // The first installation of this release or a later one ends the wait of a device.
        let mut first: BTreeMap<&[u8], &Received> = BTreeMap::new();
        let installed =
            |report: &&Received| report.outcome == Outcome::Installed && report.sequence >= release.sequence;
        for report in reports.iter().filter(installed) {
            let known = first.entry(&report.device).or_insert(report);
            if report.counter < known.counter {
                *known = report;
            }
        }
        let own = || reports.iter().filter(|report| report.sequence == release.sequence);
        let mut times: Vec<_> =
            first.values().filter_map(|report| report.timed()).map(|at| at.saturating_sub(released)).collect();
        times.sort_unstable();
        let rank = |tenths: usize| {
            let at = (times.len().saturating_mul(tenths)).div_ceil(10).saturating_sub(1);
            times.get(at).copied()
        };
        measured.push(Measured {
            name: release.name.clone(),
            sequence: release.sequence,
            released,
            installed: newest.values().filter(|runs| **runs >= release.sequence).count(),
            share: percent(first.len(), fleet),
            untimed: first.len().saturating_sub(times.len()),
            median: rank(5),
            ninth_decile: rank(9),
            slowest: times.last().copied(),
            reverted: own().filter(|report| report.outcome == Outcome::Reverted).count(),
            refused: own().filter(|report| matches!(report.outcome, Outcome::Refused(_))).count(),
            deferrals: own().map(|report| report.deferrals.0).sum(),
            deferred_seconds: own().map(|report| report.deferrals.1 / 1000).sum(),
            times,
        });
    }
    let gaps = gaps(reports).into_iter().map(|(device, gaps)| {
        (printable(&String::from_utf8_lossy(&device)), gaps.iter().map(ToString::to_string).collect())
    });
    Ok(Metrics { devices, fleet, reports: reports.len(), gaps: gaps.collect(), releases: measured })
}

fn table(metrics: &Metrics) -> String {
    let mut out = format!("{} reports of {} devices, fleet of {}\n\n", metrics.reports, metrics.devices, metrics.fleet);
    let days = |seconds: Option<u64>| seconds.map_or("-".to_owned(), |seconds| format!("{} d", seconds / DAY));
    let _ = writeln!(
        out,
        "{:<12} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "release", "installed", "share", "median", "9 of 10", "slowest", "reverted", "refused", "deferrals"
    );
    for release in &metrics.releases {
        let _ = writeln!(
            out,
            "{:<12} {:>9} {:>6.1} % {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
            printable(&release.name),
            release.installed,
            release.share,
            days(release.median),
            days(release.ninth_decile),
            days(release.slowest),
            release.reverted,
            release.refused,
            release.deferrals
        );
    }
    for (device, gaps) in &metrics.gaps {
        for gap in gaps {
            let _ = writeln!(out, "\n{device}: {gap}");
        }
    }
    out
}

/// A stair for each release: the share of the fleet over the days since it came out.
fn curve(metrics: &Metrics) -> String {
    const COLOURS: [&str; 6] = ["#0b6e99", "#c0392b", "#2e7d32", "#8e44ad", "#b9770e", "#34495e"];
    let longest = metrics.releases.iter().filter_map(|release| release.slowest).max().unwrap_or(0).max(DAY);
    let x = |seconds: u64| 60 + seconds.saturating_mul(600) / longest;
    let y = |count: usize| 340_u64.saturating_sub(wide(count).saturating_mul(300) / wide(metrics.fleet).max(1));
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 400\" font-family=\"sans-serif\" font-size=\"12\">\n",
    );
    for share in [0_u64, 25, 50, 75, 100] {
        let height = 340 - share * 3;
        let _ = writeln!(
            out,
            "<path d=\"M60 {height}H660\" stroke=\"#ddd\"/><text x=\"54\" y=\"{}\" text-anchor=\"end\">{share} %</text>",
            height + 4
        );
    }
    let _ = writeln!(out, "<text x=\"60\" y=\"360\">release</text>");
    let _ = writeln!(out, "<text x=\"660\" y=\"360\" text-anchor=\"end\">{} days</text>", longest.div_ceil(DAY));
    for (place, release) in metrics.releases.iter().enumerate() {
        let colour = COLOURS.get(place % COLOURS.len()).unwrap_or(&"black");
        let mut path = format!("M60 {}", y(0));
        for (count, seconds) in (1..).zip(&release.times) {
            let _ = write!(path, "H{}V{}", x(*seconds), y(count));
        }
        let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let name = printable(&release.name).replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"385\" fill=\"{colour}\">{name}: {:.1} %</text>",
            60 + place * 110,
            release.share
        );
    }
    out + "</svg>\n"
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| Error::file(folder, &error))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

/// A TOML date, or date and time with offset, in seconds since 1970; a date alone begins in UTC.
fn seconds(text: &str) -> Option<u64> {
    let whole = if text.contains([':', 'T']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    u64::try_from(OffsetDateTime::parse(&whole, &Rfc3339).ok()?.unix_timestamp()).ok()
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const DAY: u64 = 86_400;
