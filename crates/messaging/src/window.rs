//! Replay windows: which sequence numbers of a sender were handed over already.

use aseptic_core::limits::{self, REPLAY_WINDOW};
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
}

/// The numbers of one stream of one sender in one epoch. Number 0 is never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The highest number handed over; 0 if there is none.
    high: u64,
    /// Bit n stands for the number `high - 1 - n`.
    seen: u64,
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
        match self.bit(sequence) {
            Some(0) => Err(Reason::MessageReplayed),
            None => Err(Reason::MessageTooOld),
            Some(bit) if self.seen & bit == 0 => Ok(Order::Late),
            Some(_) => Err(Reason::MessageReplayed),
        }
    }

    /// Takes note that `sequence` is handed over; the same verdict as [`Window::judge`], which a refusal does not change.
    pub(crate) fn take(&mut self, sequence: u64) -> Result<Order> {
        let order = self.judge(sequence)?;
        match order {
            Order::Late => self.seen |= self.bit(sequence).unwrap_or(0),
            Order::InOrder | Order::Gap(_) => {
                let ahead = sequence.saturating_sub(self.high);
                // The old high mark becomes bit `ahead - 1`; there is none to remember before the first message.
                let old = if self.high == 0 { 0 } else { shift(1, ahead.saturating_sub(1)) };
                self.seen = shift(self.seen, ahead) | old;
                self.high = sequence;
            }
        }
        Ok(order)
    }

    /// The bit of a number at or below the high mark: 0 for the mark itself, none below the window.
    fn bit(self, sequence: u64) -> Option<u64> {
        match self.high.saturating_sub(sequence) {
            0 => Some(0),
            behind @ 1..=REPLAY_WINDOW => Some(shift(1, behind.saturating_sub(1))),
            _ => None,
        }
    }
}

fn shift(bits: u64, by: u64) -> u64 {
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
}

/// The windows of all senders of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    entries: [Option<(Place, Window)>; limits::SENDERS],
}

/// Bytes of one stored window: sender, stream, epoch, boot, high mark, bits.
const ENTRY: usize = 16 + 1 + 8 + 8 + 8 + 8;

impl Windows {
    /// Bytes of the longest payload.
    pub(crate) const PAYLOAD: usize = ENTRY * limits::SENDERS;

    pub(crate) const fn new() -> Self {
        Self { entries: [None; limits::SENDERS] }
    }

    /// What handing over `sequence` would mean. Changes nothing.
    pub(crate) fn judge(&self, place: &Place, sequence: u64) -> Result<Judgement> {
        self.clone().take(place, sequence)
    }

    /// Takes note that `sequence` is handed over. A refusal changes nothing.
    ///
    /// A lower epoch than the one known is [`Reason::MessageTooOld`], a higher one starts a new window: a sender
    /// starts a new epoch only when it has lost its numbers.
    pub(crate) fn take(&mut self, place: &Place, sequence: u64) -> Result<Judgement> {
        let known = self.entries.iter_mut().flatten().find(|(other, _)| other.same_stream(place));
        if let Some((stored, window)) = known {
            if place.epoch < stored.epoch {
                return Err(Reason::MessageTooOld);
            }
            let mut next = if place.epoch == stored.epoch { *window } else { Window::default() };
            let order = next.take(sequence)?;
            let restarted = order != Order::Late && place.boot != stored.boot;
            if order != Order::Late {
                *stored = *place;
            }
            *window = next;
            return Ok(Judgement { order, restarted });
        }
        let mut window = Window::default();
        let order = window.take(sequence)?;
        *self.entries.iter_mut().find(|entry| entry.is_none()).ok_or(Reason::SendersFull)? = Some((*place, window));
        Ok(Judgement { order, restarted: false })
    }

    /// Removes all windows of a sender.
    pub(crate) fn forget(&mut self, sender: &[u8; 16]) {
        for entry in &mut self.entries {
            if entry.is_some_and(|(place, _)| place.sender == *sender) {
                *entry = None;
            }
        }
    }

    /// Writes the payload of the record; gives its length.
    pub(crate) fn encode(&self, out: &mut [u8; Self::PAYLOAD]) -> usize {
        let mut rest = out.chunks_exact_mut(ENTRY);
        let mut length = 0_usize;
        for ((place, window), room) in self.entries.iter().flatten().zip(&mut rest) {
            let fields: [&[u8]; 6] = [
                &place.sender,
                &[place.stream],
                &place.epoch.to_be_bytes(),
                &place.boot,
                &window.high.to_be_bytes(),
                &window.seen.to_be_bytes(),
            ];
            for (byte, value) in room.iter_mut().zip(fields.into_iter().flatten()) {
                *byte = *value;
            }
            length = length.saturating_add(ENTRY);
        }
        length
    }

    /// Reads the payload of the record.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self> {
        let mut windows = Self::new();
        let stored = payload.chunks_exact(ENTRY);
        if !stored.remainder().is_empty() || stored.len() > limits::SENDERS {
            return Err(Reason::RecordCorrupt);
        }
        for (entry, bytes) in windows.entries.iter_mut().zip(stored) {
            *entry = Some(decode_entry(bytes).ok_or(Reason::RecordCorrupt)?);
        }
        Ok(windows)
    }
}

impl Place {
    fn same_stream(&self, other: &Self) -> bool {
        self.sender == other.sender && self.stream == other.stream
    }
}

fn decode_entry(bytes: &[u8]) -> Option<(Place, Window)> {
    let (sender, rest) = bytes.split_first_chunk()?;
    let ([stream], rest) = rest.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (boot, rest) = rest.split_first_chunk()?;
    let (high, rest) = rest.split_first_chunk()?;
    let (seen, _) = rest.split_first_chunk()?;
    let place = Place { sender: *sender, stream: *stream, epoch: u64::from_be_bytes(*epoch), boot: *boot };
    Some((place, Window { high: u64::from_be_bytes(*high), seen: u64::from_be_bytes(*seen) }))
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

    fn place(sender: u8, epoch: u64) -> Place {
        Place { sender: [sender; 16], stream: 0, epoch, boot: [1; 8] }
    }

    #[test]
    fn an_older_epoch_is_refused_and_a_newer_one_starts_over() {
        let mut windows = Windows::new();
        assert_eq!(windows.take(&place(1, 5), 9).map(|judgement| judgement.order), Ok(Order::Gap(8)));
        assert_eq!(windows.take(&place(1, 4), 10), Err(Reason::MessageTooOld));
        assert_eq!(windows.take(&place(1, 6), 1).map(|judgement| judgement.order), Ok(Order::InOrder));
        assert_eq!(windows.take(&place(1, 5), 11), Err(Reason::MessageTooOld));
        let restarted = Place { boot: [2; 8], ..place(1, 6) };
        assert_eq!(windows.take(&restarted, 2), Ok(Judgement { order: Order::InOrder, restarted: true }));
        assert_eq!(windows.take(&restarted, 3), Ok(Judgement { order: Order::InOrder, restarted: false }));
    }

    #[test]
    fn the_table_is_bounded_and_survives_storage() {
        let mut windows = Windows::new();
        for sender in 0..32 {
            windows.take(&place(sender, 1), 7).unwrap();
        }
        assert_eq!(windows.take(&place(99, 1), 1), Err(Reason::SendersFull));
        let mut payload = [0; Windows::PAYLOAD];
        let length = windows.encode(&mut payload);
        assert_eq!(Windows::decode(&payload[..length]).as_ref(), Ok(&windows));
        assert_eq!(Windows::decode(&payload[..length - 1]), Err(Reason::RecordCorrupt));
        windows.forget(&[3; 16]);
        assert!(windows.take(&place(99, 1), 1).is_ok());
    }
}
