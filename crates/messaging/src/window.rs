//! Replay windows: which sequence numbers of a sender were handed over already.
//!
//! A window lives in memory. What is stored of it is a mark that no number handed over lies above: it is stored before the
//! first number above the old mark is taken, [`REPLAY_MARK`] numbers ahead, so that a million messages cost less than a
//! thousand records. After a restart nothing is known of the numbers below the mark: see [`Order::Uncertain`].

use aseptic_core::limits::{self, REPLAY_MARK, REPLAY_WINDOW};
use aseptic_core::{Reason, Result};

/// Where a message stands among those of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It follows the one handed over before.
    InOrder,
    /// It was overtaken: a message with a higher number was handed over before it.
    Late,
    /// So many numbers before it have not been seen. They may still come late, they may be lost, and after a restart of
    /// the sender some of them may never have been used.
    Gap(u64),
    /// It may have been handed over before this receiver was started: its number is at or below the stored mark. Look for
    /// its [`id`](crate::MessageId) among what is stored; if it is there, commit without storing it again.
    Uncertain,
}

/// How a number is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Any number that is new; the mark may run ahead.
    AtLeastOnce,
    /// Only a number above all before, restarts included; the mark does not run ahead.
    AtMostOnce,
}

/// The numbers of one stream of one sender in one epoch. Number 0 is never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The top of the window.
    high: u64,
    /// Whether the top itself was seen.
    top: Top,
    /// Bit n stands for the number `high - 1 - n`.
    seen: u64,
}

/// From 1 on: windows that hold nothing are then made of zeros, which take neither stack nor flash to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Top {
    #[default]
    Unseen = 1,
    Seen = 2,
}

impl Window {
    /// What handing over `sequence` would mean. Changes nothing.
    pub(crate) fn judge(self, sequence: u64) -> Result<Order> {
        if let Some(ahead) = sequence.checked_sub(self.high).filter(|ahead| *ahead > 0) {
            return Ok(match ahead.saturating_sub(1) {
                0 => Order::InOrder,
                missing => Order::Gap(missing),
            });
        }
        if sequence == 0 {
            return Err(Reason::MessageMalformed);
        }
        match self.high.saturating_sub(sequence) {
            behind if behind > REPLAY_WINDOW => Err(Reason::MessageTooOld),
            behind if self.bits() & shift(1, behind) == 0 => Ok(Order::Late),
            _ => Err(Reason::MessageReplayed),
        }
    }

    /// Takes note that `sequence` is handed over; the same verdict as [`Window::judge`], which a refusal does not change.
    pub(crate) fn take(&mut self, sequence: u64) -> Result<Order> {
        let order = self.judge(sequence)?;
        if let Some(ahead) = sequence.checked_sub(self.high).filter(|ahead| *ahead > 0) {
            *self = Self::of(sequence, shift(self.bits(), ahead) | 1);
        } else {
            *self = Self::of(self.high, self.bits() | shift(1, self.high.saturating_sub(sequence)));
        }
        Ok(order)
    }

    /// The highest number that was handed over; 0 if none was.
    pub(crate) const fn high(self) -> u64 {
        self.high
    }

    /// The numbers seen: bit n stands for `high - n`.
    fn bits(self) -> u128 {
        u128::from(self.seen) << 1 | u128::from(self.top == Top::Seen)
    }

    fn of(high: u64, bits: u128) -> Self {
        let seen = u64::try_from(bits >> 1 & u128::from(u64::MAX)).unwrap_or(0);
        Self { high, top: if bits & 1 == 1 { Top::Seen } else { Top::Unseen }, seen }
    }

    /// The top, and which of the [`REPLAY_WINDOW`] numbers below it were not seen: bit n stands for `high - 1 - n`.
    fn gaps(self) -> (u64, u64) {
        let count = u32::try_from(self.high.saturating_sub(1)).unwrap_or(u32::MAX);
        let below = 1_u64.checked_shl(count).map_or(u64::MAX, |bit| bit.wrapping_sub(1));
        (self.high, !self.seen & below)
    }
}

fn shift(bits: u128, by: u64) -> u128 {
    u32::try_from(by).ok().and_then(|by| bits.checked_shl(by)).unwrap_or(0)
}

/// Whose numbers a window counts, and what is known of that stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first half of SHA-256 of the sender's name.
    pub(crate) sender: [u8; 16],
    pub(crate) stream: u8,
    pub(crate) epoch: u64,
    pub(crate) boot: [u8; 8],
}

/// What the window of a place says about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) order: Order,
    /// The sender has started anew since its last message.
    pub(crate) restarted: bool,
    /// The mark has risen: it must be stored before the message is handed over.
    pub(crate) store: bool,
}

/// What a receiver knows of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamReport {
    /// The stream.
    pub stream: u8,
    /// The epoch of its numbers.
    pub epoch: u64,
    /// The highest number that was handed over; 0 if none since the receiver was started.
    pub high: u64,
    /// Which of the numbers below it were not: bit n stands for `high - 1 - n`.
    pub missing: u64,
    /// Numbers up to this one, and unseen since, may have been handed over or not: they are asked for again.
    pub uncertain: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    place: Place,
    window: Window,
    /// No number above it was handed over. Stored.
    mark: u64,
    /// The mark as this run found it: what lies at or below is uncertain.
    uncertain: u64,
}

/// The windows of all senders of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    entries: [Option<Entry>; limits::SENDERS],
}

/// Bytes of one stored window: sender, stream, epoch, boot, mark.
const ENTRY: usize = 16 + 1 + 8 + 8 + 8;

impl Windows {
    /// Bytes of the longest payload.
    pub(crate) const PAYLOAD: usize = ENTRY * limits::SENDERS;

    pub(crate) const fn new() -> Self {
        Self { entries: [None; limits::SENDERS] }
    }

    /// What handing over `sequence` would mean. Changes nothing.
    pub(crate) fn judge(&self, place: &Place, sequence: u64, care: Care) -> Result<Judgement> {
        self.next(place, sequence, care).map(|(_, _, judgement)| judgement)
    }

    /// Takes note that `sequence` is handed over, and has the windows stored where a mark rises. A refusal changes nothing,
    /// and neither does a failure to store.
    ///
    /// A lower epoch than the one known is [`Reason::MessageTooOld`], a higher one starts a new window: a sender
    /// starts a new epoch only when it has lost its numbers.
    pub(crate) fn take(
        &mut self,
        place: &Place,
        sequence: u64,
        care: Care,
        store: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Judgement> {
        let (at, entry, judgement) = self.next(place, sequence, care)?;
        let before = self.entries.get_mut(at).ok_or(Reason::Internal)?.replace(entry);
        if judgement.store
            && let Err(reason) = store(self)
        {
            *self.entries.get_mut(at).ok_or(Reason::Internal)? = before;
            return Err(reason);
        }
        Ok(judgement)
    }

    /// Where the entry of a place is or goes, and what it becomes.
    fn next(&self, place: &Place, sequence: u64, care: Care) -> Result<(usize, Entry, Judgement)> {
        let known = self.entries.iter().position(|entry| entry.is_some_and(|entry| entry.place.same_stream(place)));
        let Some(at) = known else {
            let mut entry = Entry::new(*place);
            let judgement = entry.take(place, sequence, care)?;
            let at = self.entries.iter().position(Option::is_none).ok_or(Reason::SendersFull)?;
            return Ok((at, entry, judgement));
        };
        let known = self.entries.get(at).copied().flatten().ok_or(Reason::Internal)?;
        if place.epoch < known.place.epoch {
            return Err(Reason::MessageTooOld);
        }
        let anew = place.epoch != known.place.epoch;
        let mut entry = if anew { Entry::new(*place) } else { known };
        let judgement = entry.take(place, sequence, care)?;
        let restarted = judgement.restarted || anew && place.boot != known.place.boot;
        Ok((at, entry, Judgement { restarted, ..judgement }))
    }

    /// What is known of the streams of a sender.
    pub(crate) fn report(&self, sender: &[u8; 16]) -> impl Iterator<Item = StreamReport> {
        self.entries.iter().flatten().filter(move |entry| entry.place.sender == *sender).map(|entry| {
            let (high, missing) = if entry.window.bits() == 0 { (0, 0) } else { entry.window.gaps() };
            let Entry { place: Place { stream, epoch, .. }, uncertain, .. } = *entry;
            StreamReport { stream, epoch, high, missing, uncertain }
        })
    }

    /// Removes all windows of a sender.
    pub(crate) fn forget(&mut self, sender: &[u8; 16]) {
        for entry in &mut self.entries {
            if entry.is_some_and(|entry| entry.place.sender == *sender) {
                *entry = None;
            }
        }
    }

    /// Writes the payload of the record; gives its length.
    pub(crate) fn encode(&self, out: &mut [u8; Self::PAYLOAD]) -> usize {
        let mut rest = out.chunks_exact_mut(ENTRY);
        let mut length = 0_usize;
        for (Entry { place, mark, .. }, room) in self.entries.iter().flatten().zip(&mut rest) {
            let fields: [&[u8]; 5] =
                [&place.sender, &[place.stream], &place.epoch.to_be_bytes(), &place.boot, &mark.to_be_bytes()];
            for (byte, value) in room.iter_mut().zip(fields.into_iter().flatten()) {
                *byte = *value;
            }
            length = length.saturating_add(ENTRY);
        }
        length
    }

    /// Reads the payload of the record into windows that hold nothing; after an error they are of no use.
    pub(crate) fn decode(&mut self, payload: &[u8]) -> Result<()> {
        let stored = payload.chunks_exact(ENTRY);
        if !stored.remainder().is_empty() || stored.len() > limits::SENDERS {
            return Err(Reason::RecordCorrupt);
        }
        for (entry, bytes) in self.entries.iter_mut().zip(stored) {
            *entry = Some(decode_entry(bytes).ok_or(Reason::RecordCorrupt)?);
        }
        Ok(())
    }
}

impl Entry {
    const fn new(place: Place) -> Self {
        Self { place, window: Window { high: 0, top: Top::Unseen, seen: 0 }, mark: 0, uncertain: 0 }
    }

    /// What the record says: a number was handed over close to the mark, and nothing else is known.
    const fn stored(place: Place, mark: u64) -> Self {
        let high = mark.saturating_sub(REPLAY_MARK);
        Self { place, window: Window { high, top: Top::Unseen, seen: 0 }, mark, uncertain: mark }
    }

    fn take(&mut self, place: &Place, sequence: u64, care: Care) -> Result<Judgement> {
        let mut window = self.window;
        let order = window.take(sequence)?;
        let uncertain = sequence <= self.uncertain;
        if care == Care::AtMostOnce && (order == Order::Late || uncertain) {
            return Err(Reason::MessageTooOld);
        }
        let store = sequence > self.mark;
        if store {
            self.mark = match care {
                Care::AtLeastOnce => sequence.saturating_add(REPLAY_MARK.saturating_sub(1)),
                Care::AtMostOnce => sequence,
            };
        }
        self.window = window;
        let restarted = order != Order::Late && place.boot != self.place.boot;
        if order != Order::Late {
            self.place = *place;
        }
        Ok(Judgement { order: if uncertain { Order::Uncertain } else { order }, restarted, store })
    }
}

impl Place {
    fn same_stream(&self, other: &Self) -> bool {
        self.sender == other.sender && self.stream == other.stream
    }
}

fn decode_entry(bytes: &[u8]) -> Option<Entry> {
    let (sender, rest) = bytes.split_first_chunk()?;
    let ([stream], rest) = rest.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (boot, rest) = rest.split_first_chunk()?;
    let (mark, _) = rest.split_first_chunk()?;
    let place = Place { sender: *sender, stream: *stream, epoch: u64::from_be_bytes(*epoch), boot: *boot };
    Some(Entry::stored(place, u64::from_be_bytes(*mark)))
}

const _: () = assert!(REPLAY_WINDOW == 64 && Windows::PAYLOAD + 16 <= limits::SLOT);

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::println;

    /// The window as it is explained to people: a set of all numbers ever seen.
    #[derive(Default)]
    struct Model(BTreeSet<u64>);

    impl Model {
        fn take(&mut self, sequence: u64) -> Result<Order> {
            let high = self.0.last().copied().unwrap_or(0);
            if sequence == 0 {
                return Err(Reason::MessageMalformed);
            }
            if high > 0 && sequence < high && high - sequence > REPLAY_WINDOW {
                return Err(Reason::MessageTooOld);
            }
            if !self.0.insert(sequence) {
                return Err(Reason::MessageReplayed);
            }
            Ok(match sequence {
                late if late < high => Order::Late,
                next if next == high + 1 => Order::InOrder,
                ahead => Order::Gap(ahead - high - 1),
            })
        }
    }

    /// xorshift64: the same orders in every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % limit
        }
    }

    #[test]
    fn the_window_agrees_with_a_set_over_random_orders() {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let (mut steps, mut accepted) = (0_u64, 0_u64);
        for round in 0..400 {
            let (mut window, mut model) = (Window::default(), Model::default());
            let base = if round % 4 == 3 { u64::MAX - 900 } else { 0 };
            let mut centre = base;
            for _ in 0..500 {
                centre = centre.saturating_add(dice.below(3));
                let jump = if dice.below(50) == 0 { dice.below(200) } else { 0 };
                centre = centre.saturating_add(jump);
                let sequence = centre.saturating_sub(dice.below(80)).saturating_add(dice.below(4));
                let before = window;
                let judged = window.judge(sequence);
                assert_eq!(window, before, "judging changes nothing");
                let expected = model.take(sequence);
                assert_eq!(judged, expected, "{sequence} in {before:?}");
                assert_eq!(window.take(sequence), expected);
                if expected.is_err() {
                    assert_eq!(window, before, "a refusal changes nothing");
                }
                steps += 1;
                accepted += u64::from(expected.is_ok());
            }
        }
        println!("replay window: {steps} numbers against a set, {accepted} accepted, all verdicts equal");
        assert!(accepted > steps / 10 && accepted < steps);
    }

    #[test]
    fn the_edge_of_the_window_is_where_the_limit_says() {
        let mut window = Window::default();
        assert_eq!(window.take(0), Err(Reason::MessageMalformed));
        assert_eq!(window.take(100), Ok(Order::Gap(99)));
        assert_eq!(window.take(100 - REPLAY_WINDOW), Ok(Order::Late));
        assert_eq!(window.take(100 - REPLAY_WINDOW), Err(Reason::MessageReplayed));
        assert_eq!(window.take(100 - REPLAY_WINDOW - 1), Err(Reason::MessageTooOld));
        assert_eq!(window.take(u64::MAX), Ok(Order::Gap(u64::MAX - 101)));
        assert_eq!(window.take(u64::MAX), Err(Reason::MessageReplayed));
        assert_eq!(window.take(100), Err(Reason::MessageTooOld));
        assert_eq!(window.take(0), Err(Reason::MessageMalformed));
    }

    const CARE: Care = Care::AtLeastOnce;

    fn place(sender: u8, epoch: u64) -> Place {
        Place { sender: [sender; 16], stream: 0, epoch, boot: [1; 8] }
    }

    #[test]
    fn an_older_epoch_is_refused_and_a_newer_one_starts_over() {
        let mut windows = Windows::new();
        let mut take = |place: &Place, sequence| {
            let judgement = windows.take(place, sequence, CARE, |_| Ok(()))?;
            Ok((judgement.order, judgement.restarted, judgement.store))
        };
        assert_eq!(take(&place(1, 5), 9), Ok((Order::Gap(8), false, true)));
        assert_eq!(take(&place(1, 4), 10), Err(Reason::MessageTooOld));
        assert_eq!(take(&place(1, 6), 1), Ok((Order::InOrder, false, true)));
        assert_eq!(take(&place(1, 5), 11), Err(Reason::MessageTooOld));
        let restarted = Place { boot: [2; 8], ..place(1, 6) };
        assert_eq!(take(&restarted, 2), Ok((Order::InOrder, true, false)));
        assert_eq!(take(&restarted, 3), Ok((Order::InOrder, false, false)));
    }

    #[test]
    fn the_table_is_bounded_and_what_is_stored_is_the_mark() {
        let mut windows = Windows::new();
        for sender in 0..32 {
            windows.take(&place(sender, 1), 7, CARE, |_| Ok(())).unwrap();
        }
        assert_eq!(windows.take(&place(99, 1), 1, CARE, |_| Ok(())), Err(Reason::SendersFull));
        let mut payload = [0; Windows::PAYLOAD];
        let length = windows.encode(&mut payload);
        let mut restarted = Windows::new();
        restarted.decode(&payload[..length]).unwrap();
        assert_eq!(restarted.report(&[3; 16]).next().map(|known| known.uncertain), Some(7 + REPLAY_MARK - 1));
        assert_eq!(Windows::new().decode(&payload[..length - 1]), Err(Reason::RecordCorrupt));
        windows.forget(&[3; 16]);
        assert!(windows.take(&place(99, 1), 1, CARE, |_| Ok(())).is_ok());
    }

    /// Random orders, with restarts that lose all that was not stored.
    #[test]
    fn over_any_restart_nothing_is_handed_over_twice_unmarked_and_no_command_at_all() {
        let mut dice = Dice(77);
        let (mut runs, mut uncertain, mut commands) = (0_u32, 0_u32, 0_u32);
        for _ in 0..60 {
            let (mut windows, mut stored) = (Windows::new(), std::vec::Vec::new());
            let (mut taken, mut centre) = (BTreeSet::new(), 0);
            for _ in 0..400 {
                if dice.below(40) == 0 {
                    windows = Windows::new();
                    windows.decode(&stored).unwrap();
                }
                centre += dice.below(2) + if dice.below(30) == 0 { dice.below(3000) } else { 0 };
                let sequence = (centre + dice.below(5)).saturating_sub(dice.below(70));
                let care = if dice.below(8) == 0 { Care::AtMostOnce } else { CARE };
                let judgement = windows.take(&place(1, 1), sequence, care, |windows| {
                    let mut payload = [0; Windows::PAYLOAD];
                    let length = windows.encode(&mut payload);
                    stored = payload[..length].to_vec();
                    Ok(())
                });
                let Ok(judgement) = judgement else { continue };
                let first = taken.insert(sequence);
                assert!(first || judgement.order == Order::Uncertain, "{sequence} again as {judgement:?}");
                assert!(first || care == CARE, "a command again");
                uncertain += u32::from(judgement.order == Order::Uncertain);
                commands += u32::from(care != CARE);
                runs += 1;
            }
        }
        println!("{runs} numbers over restarts: {uncertain} uncertain, {commands} commands");
        assert!(uncertain > 100 && commands > 100);
    }

    #[test]
    fn a_million_messages_cost_as_many_records_as_stated() {
        let mut windows = Windows::new();
        let mut stores = 0;
        for sequence in 1..=1_000_000 {
            let store = |_: &Windows| {
                stores += 1;
                Ok(())
            };
            windows.take(&place(1, 1), sequence, CARE, store).unwrap();
        }
        assert_eq!(stores, crate::RECORDS_PER_MILLION);
    }
}
