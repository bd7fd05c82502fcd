//! What was sent, what arrived, what was told of: the judge of a ward.

use super::{ALARM_BOUND, ATTACKS, Coverage, STATES};
use aseptic_core::trust::Purpose;
use aseptic_messaging::{Earlier, MessageId, Order, Report, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Genuine messages that were made.
    pub made: u32,
    /// Those that arrived.
    pub arrived: u32,
    /// Those that gave way in the outbox, or will not be taken, and of which the device told.
    pub told: u32,
    /// Those of sessions that are missing and counted, by the numbers after them or by the offer of a later session.
    pub counted: u32,
    /// Those of sessions at the end of a run of which the record was told that it has lost sight of it: not how many.
    pub ended: u32,
    /// Orders that were not obeyed: the console sees no effect.
    pub void: u32,
    /// Messages that were kept, obeyed or believed, duplicates that were told as such included.
    pub accepted: u32,
    /// Accepted, and made by nobody.
    pub forged: u32,
    /// Accepted again, and not told as a possible duplicate.
    pub replayed: u32,
    /// Missing, and nobody told.
    pub silent: u32,
    /// Alarms beyond [`ALARM_BOUND`].
    pub late: u32,
    /// The most turns that an alarm took.
    pub slowest_alarm: u32,
    /// Deliveries that were refused, by reason.
    pub refused: BTreeMap<&'static str, u32>,
    /// How often each attack met each state.
    pub coverage: Coverage,
    /// The first of what must not be, in words.
    pub violations: Vec<String>,
}

impl Outcome {
    /// Whether nothing happened that must not, and every attack met every state.
    #[must_use]
    pub fn good(&self) -> bool {
        self.violations.is_empty() && self.missed().is_empty()
    }

    /// The pairs of attack and state that were never met.
    #[must_use]
    pub fn missed(&self) -> Vec<(&'static str, &'static str)> {
        let pairs = ATTACKS.into_iter().flat_map(|attack| STATES.map(|state| (attack, state)));
        pairs.filter(|pair| !self.coverage.contains_key(pair)).collect()
    }

    /// Adds what came of another ward.
    pub fn add(&mut self, other: Self) {
        for (sum, count) in [
            (&mut self.made, other.made),
            (&mut self.arrived, other.arrived),
            (&mut self.told, other.told),
            (&mut self.counted, other.counted),
            (&mut self.ended, other.ended),
            (&mut self.void, other.void),
            (&mut self.accepted, other.accepted),
            (&mut self.forged, other.forged),
            (&mut self.replayed, other.replayed),
            (&mut self.silent, other.silent),
            (&mut self.late, other.late),
        ] {
            *sum += count;
        }
        self.slowest_alarm = self.slowest_alarm.max(other.slowest_alarm);
        other.refused.iter().for_each(|(reason, count)| *self.refused.entry(reason).or_default() += count);
        other.coverage.iter().for_each(|(pair, count)| *self.coverage.entry(*pair).or_default() += count);
        self.violations.extend(other.violations);
        self.violations.truncate(10);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "genuine {}: arrived {}, told as given way {}", self.made, self.arrived, self.told)?;
        writeln!(out, "  of sessions: missing and counted {}, told as an end unknown {}", self.counted, self.ended)?;
        writeln!(out, "  of orders: without effect {}; missing and nobody told {}", self.void, self.silent)?;
        let refused: u32 = self.refused.values().sum();
        writeln!(out, "deliveries: accepted {}, refused {refused}", self.accepted)?;
        writeln!(out, "  forged accepted {}, replayed accepted {}", self.forged, self.replayed)?;
        writeln!(out, "alarms: slowest {} turns of {ALARM_BOUND}, late {}", self.slowest_alarm, self.late)?;
        writeln!(out, "refused: {:?}", self.refused)?;
        let pairs = ATTACKS.len() * STATES.len();
        writeln!(out, "attack in state: {} of {pairs} pairs met, how often:", pairs - self.missed().len())?;
        for state in STATES {
            let met = |attack: &str| self.coverage.iter().find(|((a, s), _)| *a == attack && *s == state);
            let counts = ATTACKS.map(|attack| format!("{attack} {}", met(attack).map_or(0, |(_, count)| *count)));
            writeln!(out, "  {state:<38} {}", counts.join(", "))?;
        }
        self.violations.iter().try_for_each(|violation| writeln!(out, "VIOLATION: {violation}"))
    }
}

/// The books of one ward.
#[derive(Default)]
pub(super) struct Books {
    pub(super) outcome: Outcome,
    pub(super) turns: u32,
    /// What was put into the outbox.
    made: BTreeMap<MessageId, Vec<u8>>,
    /// What the outbox holds, the oldest first.
    waiting: Vec<(MessageId, Purpose)>,
    /// When each alarm that has not arrived was made.
    alarms: BTreeMap<MessageId, u32>,
    kept: BTreeMap<MessageId, Vec<u8>>,
    told: BTreeSet<MessageId>,
    observed: BTreeMap<(Kid, u64), Vec<u8>>,
    seen: BTreeSet<(Kid, u64)>,
    gaps: BTreeMap<Kid, i64>,
    runs: Vec<Run>,
    offers: BTreeMap<Kid, Offer>,
    given: BTreeSet<Vec<u8>>,
    obeyed: BTreeSet<Vec<u8>>,
    reported: BTreeSet<Vec<u8>>,
}

type Kid = [u8; 4];

/// What the device sent in one class since it was started.
struct Run {
    class: Purpose,
    sent: Vec<(Kid, u64)>,
    /// The record knows what it lacks of so many of them.
    told: usize,
    /// The record knows that it may lack more.
    ended: bool,
}

/// A session of a run.
#[derive(Clone, Copy)]
struct Offer {
    run: usize,
    /// Messages of the run before it.
    before: usize,
}

impl Books {
    pub(super) fn violation(&mut self, what: String) {
        self.outcome.violations.push(format!("turn {}: {what}", self.turns));
    }

    /// The outbox took a message. The numbers are those that it told of as given way.
    pub(super) fn put(&mut self, id: MessageId, class: Purpose, body: Vec<u8>, gone: &[u64]) {
        for number in gone {
            // The oldest telemetry, then, for an alarm, the oldest audit record.
            let oldest = |class| self.waiting.iter().position(|(_, waiting)| *waiting == class);
            let at = oldest(Purpose::Telemetry).or_else(|| oldest(Purpose::Audit).filter(|_| class == Purpose::Alarm));
            match at.map(|at| self.waiting.remove(at)) {
                Some((id, _)) if id.sequence == *number => drop(self.told.insert(id)),
                other => self.violation(format!("{number} gave way in place of {other:?}")),
            }
        }
        self.outcome.made += 1;
        self.made.insert(id, body);
        self.waiting.push((id, class));
        if class == Purpose::Alarm {
            self.alarms.insert(id, self.turns);
        }
    }

    /// The record keeps a sealed message.
    pub(super) fn keep(&mut self, id: MessageId, body: &[u8], order: Order) {
        if self.made.get(&id).is_none_or(|made| made != body) {
            self.outcome.forged += 1;
            return self.violation(format!("{id:?} was never sent, or was changed"));
        }
        if self.kept.insert(id, body.to_vec()).is_some() && order != Order::Uncertain {
            self.outcome.replayed += 1;
            self.violation(format!("{id:?} came twice and nobody could tell"));
        }
        if let Some(made) = self.alarms.remove(&id) {
            self.outcome.slowest_alarm = self.outcome.slowest_alarm.max(self.turns - made);
        }
    }

    /// The device sends in a session; sessions number from 1.
    pub(super) fn observe(&mut self, kid: Kid, body: Vec<u8>) {
        let number = self.observed.range((kid, 0)..=(kid, u64::MAX)).count() + 1;
        let number = u64::try_from(number).expect("few");
        self.observed.insert((kid, number), body);
        self.runs[self.offers[&kid].run].sent.push((kid, number));
        self.outcome.made += 1;
    }

    /// The device offers a session, and goes on counting after another or begins a run.
    pub(super) fn offer(&mut self, class: Purpose, kid: Kid, after: Option<Kid>) {
        let run = after.map_or(self.runs.len(), |after| self.offers[&after].run);
        if run == self.runs.len() {
            self.runs.push(Run { class, sent: Vec::new(), told: 0, ended: false });
        }
        self.offers.insert(kid, Offer { run, before: self.runs[run].sent.len() });
    }

    /// The record takes the offer of a session, which tells it what it lacks.
    pub(super) fn begun(&mut self, kid: Kid, earlier: Earlier) {
        let Some(Offer { run, before }) = self.offers.get(&kid).copied() else {
            self.outcome.forged += 1;
            return self.violation(format!("{kid:?} was never offered"));
        };
        let this = &self.runs[run];
        let class = this.class;
        let last = this.sent.iter().rposition(|sent| self.seen.contains(sent)).map_or(0, |at| at + 1);
        let told = match earlier {
            Earlier::First { sent } => (sent, before),
            Earlier::Continued { missing } => (missing, before - last.max(this.told).min(before)),
            Earlier::Restarted { missing } => (missing, before),
        };
        if usize::try_from(told.0) != Ok(told.1) {
            self.violation(format!("{earlier:?} in place of {} before {kid:?}", told.1));
        }
        self.runs[run].told = before;
        if !matches!(earlier, Earlier::Continued { .. }) {
            self.runs[..run].iter_mut().filter(|run| run.class == class).for_each(|run| run.ended = true);
        }
    }

    /// The record takes a message of a session.
    pub(super) fn see(&mut self, kid: Kid, number: u64, body: &[u8], order: Order) {
        if self.observed.get(&(kid, number)).is_none_or(|made| made != body) {
            self.outcome.forged += 1;
            return self.violation(format!("{number} of {kid:?} was never sent, or was changed"));
        }
        if !self.seen.insert((kid, number)) {
            self.outcome.replayed += 1;
            return self.violation(format!("{number} of {kid:?} came twice"));
        }
        *self.gaps.entry(kid).or_insert(0) += match order {
            Order::Gap(missing) => i64::try_from(missing).expect("few"),
            Order::Late => -1,
            Order::InOrder | Order::Uncertain => 0,
        };
    }

    /// The console gives an order.
    pub(super) fn give(&mut self, body: Vec<u8>) {
        self.outcome.made += 1;
        self.given.insert(body);
    }

    /// The device obeys an order.
    pub(super) fn obey(&mut self, body: Vec<u8>) {
        if !self.given.contains(&body) {
            self.outcome.forged += 1;
            return self.violation("an order that nobody gave".to_owned());
        }
        if !self.obeyed.insert(body) {
            self.outcome.replayed += 1;
            self.violation("an order came twice".to_owned());
        }
    }

    /// The record signs a report.
    pub(super) fn report(&mut self, report: Vec<u8>) {
        self.reported.insert(report);
    }

    /// The device believes a report.
    pub(super) fn believe(&mut self, message: &[u8], report: &Report) {
        if !self.reported.contains(message) {
            self.outcome.forged += 1;
            return self.violation("a report that nobody made".to_owned());
        }
        for receipt in report.receipts.iter().flatten() {
            let waited = self.waiting.iter().position(|(id, _)| *id == receipt.id);
            match receipt.verdict {
                Verdict::Delivered => continue,
                Verdict::Stored if !self.kept.contains_key(&receipt.id) => {
                    self.violation(format!("a receipt for {:?}, which is not kept", receipt.id));
                }
                Verdict::Stored => {}
                // Told where it left the outbox for it.
                Verdict::Rejected(_) if waited.is_some() => drop(self.told.insert(receipt.id)),
                Verdict::Rejected(_) => {}
            }
            if let Some(at) = waited {
                self.waiting.remove(at);
            }
        }
    }

    /// The end of a turn.
    pub(super) fn turn(&mut self) {
        let (told, turns) = (&self.told, self.turns);
        self.alarms.retain(|id, _| !told.contains(id));
        let late: Vec<_> = self.alarms.extract_if(.., |_, made| turns - *made > ALARM_BOUND).collect();
        for (id, made) in late {
            self.outcome.late += 1;
            self.violation(format!("the alarm {id:?} of turn {made} takes too long"));
        }
    }

    /// The network has given up and what waits has arrived; `empty` says whether the outbox agrees.
    pub(super) fn close(mut self, empty: bool) -> Outcome {
        if !empty || !self.waiting.is_empty() {
            self.violation(format!("{:?} wait although the line is good", self.waiting));
        }
        let missing: Vec<_> = self.made.keys().filter(|id| !self.kept.contains_key(id)).copied().collect();
        for id in missing {
            if self.told.contains(&id) {
                self.outcome.told += 1;
            } else {
                self.outcome.silent += 1;
                self.violation(format!("{id:?} is missing and nobody told"));
            }
        }
        let mut kids: Vec<Kid> = self.observed.keys().map(|(kid, _)| *kid).collect();
        kids.dedup();
        for kid in kids {
            let range = (kid, 0)..=(kid, u64::MAX);
            let highest = self.seen.range(range.clone()).next_back().map_or(0, |(_, number)| *number);
            let seen = self.seen.range(range).count() as u64;
            let counted = self.gaps.get(&kid).copied().unwrap_or(0);
            if i64::try_from(highest - seen) != Ok(counted) {
                self.outcome.silent += 1;
                self.violation(format!("{counted} messages of {kid:?} are counted as missing"));
            }
        }
        for Run { sent, told, ended, .. } in std::mem::take(&mut self.runs) {
            let last = sent.iter().rposition(|sent| self.seen.contains(sent)).map_or(0, |at| at + 1);
            let missing = sent.iter().enumerate().filter(|(_, sent)| !self.seen.contains(*sent));
            for (at, (kid, number)) in missing {
                if at < told || self.seen.range((*kid, *number)..=(*kid, u64::MAX)).next().is_some() {
                    self.outcome.counted += 1;
                } else if ended && at >= last {
                    self.outcome.ended += 1;
                } else {
                    self.outcome.silent += 1;
                    self.outcome.violations.push(format!("{number} of {kid:?} is missing and nobody told"));
                }
            }
        }
        let count = |number: usize| u32::try_from(number).expect("few");
        self.outcome.arrived = count(self.kept.len() + self.seen.len() + self.obeyed.len());
        self.outcome.void = count(self.given.len() - self.obeyed.len());
        self.outcome
    }
}
