//! The security log: a line an event.
//!
//! Many events are caused by what a peer sends, so whoever floods the device could fill the log until what it should show
//! is gone. Of each reason the first [`WHOLE`] of a day have a line each; after them the 32nd, the 64th and so on.

use super::{Files, held};
use aseptic_core::platform::{Event, Events};
use aseptic_core::time::Trust;
use std::collections::BTreeMap;

const LOG: &str = "events";
const OLD: &str = "events.old";
/// Bytes after which the log becomes the old one.
const FULL: u64 = 1 << 20;
/// Events of a reason that each have a line.
const WHOLE: u64 = 16;
/// Milliseconds after which the events of a reason are counted from one again.
const DAY: u64 = 86_400_000;

/// How often each reason came since when (milliseconds of uptime).
#[derive(Default)]
pub(super) struct Log(BTreeMap<i32, (u64, u64)>);

impl Log {
    /// Which event of its reason this is today.
    fn count(&mut self, number: i32, uptime: u64) -> u64 {
        let (since, count) = self.0.entry(number).or_insert((uptime, 0));
        if uptime.saturating_sub(*since) >= DAY {
            (*since, *count) = (uptime, 0);
        }
        *count = count.saturating_add(1);
        *count
    }
}

impl Events for Files {
    /// Writes `seconds trust number name detail`. Trust is `=` for a trusted time, `>=` for a lower bound, `?` for none.
    /// A line that stands for others as well ends in ` x` and how many there were. What cannot be written is kept as
    /// [`Files::last_error`].
    fn on_event(&self, event: Event) {
        let mut log = held(&self.log);
        let (number, name) = (event.reason.number(), event.reason.name());
        let count = log.count(number, self.clock.uptime());
        let times = match count {
            1..=WHOLE => String::new(),
            _ if count.is_power_of_two() => format!(" x{count}"),
            _ => return,
        };
        let now = self.clock.now();
        let trust = match now.trust {
            Trust::Trusted => "=",
            Trust::AtLeast => ">=",
            Trust::Unknown => "?",
        };
        let line = format!("{} {trust} {number} {name} {}{times}\n", now.seconds, event.detail);
        let written = self
            .disk
            .append(LOG, line.as_bytes())
            .and_then(|length| if length >= FULL { self.disk.rename(LOG, OLD) } else { Ok(()) });
        let _kept_as_last_error = self.outcome(written);
    }
}
