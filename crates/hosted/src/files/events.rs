//! The security log: a line an event.

use super::{Files, held};
use aseptic_core::platform::{Event, Events};
use aseptic_core::time::Trust;

const LOG: &str = "events";
const OLD: &str = "events.old";
/// Bytes after which the log becomes the old one.
const FULL: u64 = 1 << 20;

impl Events for Files {
    /// Writes `seconds trust number name detail`. Trust is `=` for a trusted time, `>=` for a lower bound, `?` for none.
    /// What cannot be written is kept as [`Files::last_error`].
    fn on_event(&self, event: Event) {
        let _one_at_a_time = held(&self.log);
        let now = self.clock.now();
        let trust = match now.trust {
            Trust::Trusted => "=",
            Trust::AtLeast => ">=",
            Trust::Unknown => "?",
        };
        let (number, name) = (event.reason.number(), event.reason.name());
        let line = format!("{} {trust} {number} {name} {}\n", now.seconds, event.detail);
        let written = self
            .disk
            .append(LOG, line.as_bytes())
            .and_then(|length| if length >= FULL { self.disk.rename(LOG, OLD) } else { Ok(()) });
        let _kept_as_last_error = self.outcome(written);
    }
}
