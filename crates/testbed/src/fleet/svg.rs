//! The curve of a fleet as a picture.

use super::{HOUR, Report, YEAR};
use std::fmt::Write;

/// Renewals by hour as SVG, from the first year to the end, with the line of an even spread. Each point is the fullest hour
/// of its column.
#[must_use]
pub fn curve(report: &Report) -> String {
    let columns = usize::try_from(WIDTH).unwrap_or(1);
    let each = report.hours.len().div_ceil(columns).max(1);
    let peaks: Vec<u32> = report.hours.chunks(each).map(|hours| hours.iter().copied().max().unwrap_or(0)).collect();
    let top = f64::from(peaks.iter().copied().max().unwrap_or(1)).max(report.even) * 1.1;
    let height = |value: f64| f64::from(HEIGHT) * (1.0 - value / top);
    let mut svg = String::new();
    let (full_width, full_height) = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN);
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full_width} {full_height}" font-family="sans-serif" font-size="12">"#
    );
    let _ = writeln!(svg, r#"<rect width="{full_width}" height="{full_height}" fill="white"/>"#);
    let _ = writeln!(svg, r#"<g transform="translate({MARGIN},{MARGIN})">"#);
    let points: String =
        peaks.iter().enumerate().map(|(column, peak)| format!("{column},{:.1} ", height(f64::from(*peak)))).collect();
    let _ = writeln!(svg, r##"<polyline fill="none" stroke="#1f5fa8" points="{points}"/>"##);
    let even = height(report.even);
    let _ = writeln!(
        svg,
        r##"<line x1="0" x2="{WIDTH}" y1="{even:.1}" y2="{even:.1}" stroke="#c33" stroke-dasharray="6 4"/>"##
    );
    let _ = writeln!(
        svg,
        r##"<text x="{WIDTH}" y="{:.1}" text-anchor="end" fill="#c33">even: {:.1} an hour</text>"##,
        even - 4.0,
        report.even
    );
    let _ = writeln!(svg, r#"<line x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}" stroke="black"/>"#);
    let years = report.hours.len() as u64 * HOUR / YEAR;
    for year in 0..=years {
        let x = year * u64::from(WIDTH) * YEAR / HOUR / report.hours.len().max(1) as u64;
        let _ = writeln!(svg, r#"<text x="{x}" y="{}" text-anchor="middle">{year}</text>"#, HEIGHT + 16);
    }
    let _ = writeln!(
        svg,
        r#"<text x="0" y="-10">{}: {} devices, renewals by hour over years; fullest hour {} ({:.2} % of the fleet)</text>"#,
        report.name,
        report.devices,
        report.fullest,
        report.fullest_percent()
    );
    svg.push_str("</g>\n</svg>\n");
    svg
}

const WIDTH: u32 = 900;
const HEIGHT: u32 = 300;
const MARGIN: u32 = 40;
