//! The link: who sounds the alarm, the device at the bed or the central station.
//!
//! The device alarms locally unless it holds a lease, and it holds one only while the station has answered a heartbeat that
//! is younger than [`LEASE`]. The station counts itself responsible for as long as any answer of its own can still be
//! believed. Heartbeats and answers travel as messages of a session, so both are authentic, and neither needs a clock: each
//! side counts its own milliseconds.
//!
//! ```text
//! device   sends a heartbeat at time s .......... silent from the answer until s + LEASE
//! station  answers it at r, which is after s .... responsible until r + LEASE + LEASE / 64
//! ```
//!
//! The device's silence begins after the station has taken over, and ends before the station lets go, whatever is lost,
//! late, doubled or out of order in between, and as long as the two clocks run apart by less than one part in 64. A station
//! that was restarted may have answered just before: it is responsible for [`LEASE`] from its start.

use aseptic_core::crypto::random;
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, Result};

/// Milliseconds for which an answer keeps the device silent.
pub const LEASE: u64 = 10_000;
/// What the station adds, for clocks that run apart.
const MARGIN: u64 = LEASE / 64;
/// Heartbeats that may be on their way at a time.
const OPEN: usize = 4;

/// A heartbeat or its answer: what stands in the body of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat(u64);

impl Heartbeat {
    /// The body.
    #[must_use]
    pub const fn encode(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Reads the body of a message that was opened. [`Reason::MessageMalformed`] for anything else.
    pub fn decode(body: &[u8]) -> Result<Self> {
        body.try_into().map(|number| Self(u64::from_be_bytes(number))).map_err(|_| Reason::MessageMalformed)
    }
}

/// The device's end. `now` is its own uptime in milliseconds, which never steps back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    next: u64,
    /// When each open heartbeat was sent.
    open: [Option<(u64, u64)>; OPEN],
    silent_until: u64,
}

impl Link {
    /// Begins at the start of the device, alarming. Heartbeats are numbered from a random value, so that no answer to an
    /// earlier boot fits.
    pub fn new(platform: &Platform<'_>) -> Result<Self> {
        let mut first = [0; 8];
        random(platform.entropy, &mut first)?;
        Ok(Self { next: u64::from_be_bytes(first), open: [None; OPEN], silent_until: 0 })
    }

    /// The next heartbeat. Send one each third of a [`LEASE`].
    pub fn beat(&mut self, now: u64) -> Heartbeat {
        self.next = self.next.wrapping_add(1);
        self.open.rotate_right(1);
        if let Some(first) = self.open.first_mut() {
            *first = Some((self.next, now));
        }
        Heartbeat(self.next)
    }

    /// Takes an answer, from a message that the station's key has made. One to no open heartbeat changes nothing.
    pub fn answered(&mut self, answer: Heartbeat) {
        let sent = self.open.iter_mut().find(|open| open.is_some_and(|(number, _)| number == answer.0));
        if let Some((_, sent)) = sent.and_then(Option::take) {
            self.silent_until = self.silent_until.max(sent.saturating_add(LEASE));
        }
    }

    /// Until when the station has the alarms, on the scale of `now`; 0 after [`Link::new`].
    #[must_use]
    pub const fn silent_until(&self) -> u64 {
        self.silent_until
    }

    /// Whether the device must sound its alarms itself: always, unless the station has them.
    #[must_use]
    pub const fn alarms(&self, now: u64) -> bool {
        now >= self.silent_until
    }
}

/// The station's end, for one device. `now` is its own uptime in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Centre {
    responsible_until: u64,
}

impl Centre {
    /// Begins at the start of the station, when an answer from before may still be believed.
    #[must_use]
    pub const fn new(now: u64) -> Self {
        Self { responsible_until: now.saturating_add(LEASE).saturating_add(MARGIN) }
    }

    /// Takes a heartbeat, from a message that the device's key has made, and gives the answer. Answer only while somebody
    /// there can hear an alarm; from here on the station is responsible.
    pub fn answer(&mut self, now: u64, heartbeat: Heartbeat) -> Heartbeat {
        self.responsible_until = self.responsible_until.max(now.saturating_add(LEASE).saturating_add(MARGIN));
        heartbeat
    }

    /// Whether the station must sound the device's alarms, and raise one when it hears nothing of it.
    #[must_use]
    pub const fn alarms(&self, now: u64) -> bool {
        now < self.responsible_until
    }
}
