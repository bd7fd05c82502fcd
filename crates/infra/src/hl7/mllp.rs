//! MLLP release 1: a message between a start byte and two end bytes.
//!
//! The block has no length, so its end must not be mistaken: bytes below 0x20 other than the carriage return are refused
//! on both sides, and a block that grows beyond [`limits::MESSAGE`] is given up. A reader should also put a time limit on
//! its stream, as a block may never end.

use crate::{Error, Result};
use aseptic_core::{Reason, limits};

const START: u8 = 0x0B;
const END: u8 = 0x1C;
const RETURN: u8 = 0x0D;

/// The message as a block. [`Reason::Hl7Malformed`] if it holds a byte that a block must not hold.
pub fn encode(message: &[u8]) -> Result<Vec<u8>> {
    if message.len() > limits::MESSAGE {
        return Err(Error::new(Reason::TooLarge, "writing an MLLP block"));
    }
    if !message.iter().copied().all(allowed) {
        return Err(malformed("an MLLP block must not hold control characters"));
    }
    Ok([&[START], message, &[END, RETURN]].concat())
}

/// Takes a stream apart into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    block: Vec<u8>,
    /// What is still to be told after the messages that came before it.
    refused: Option<Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Inside,
    Ending,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come and gives the messages that they complete.
    ///
    /// On an error the stream has lost its frame: the connection is to be closed, and the decoder starts over. Messages that
    /// were whole before it are given first; the error then comes with the next call, whatever that brings.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut messages = Vec::new();
        let fed = match self.refused.take() {
            Some(error) => Err(error),
            None => self.take(bytes, &mut messages),
        };
        if let Err(error) = fed {
            *self = Self::new();
            if messages.is_empty() {
                return Err(error);
            }
            self.refused = Some(error);
        }
        Ok(messages)
    }

    /// Whether the stream may end here.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.state == State::Between && self.refused.is_none()
    }

    fn take(&mut self, bytes: &[u8], messages: &mut Vec<Vec<u8>>) -> Result<()> {
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (State::Between, START) => State::Inside,
                (State::Inside, END) => State::Ending,
                (State::Inside, byte) if allowed(byte) => {
                    if self.block.len() >= limits::MESSAGE {
                        return Err(Error::new(Reason::TooLarge, "reading an MLLP block"));
                    }
                    self.block.push(byte);
                    State::Inside
                }
                (State::Ending, RETURN) => {
                    messages.push(std::mem::take(&mut self.block));
                    State::Between
                }
                _ => return Err(malformed("a byte stands where an MLLP block must not have it")),
            };
        }
        Ok(())
    }
}

const fn allowed(byte: u8) -> bool {
    byte >= 0x20 || byte == RETURN
}

fn malformed(what: &'static str) -> Error {
    Error::new(Reason::Hl7Malformed, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_out_whole_however_the_stream_is_cut() {
        let stream = [encode(b"MSH|1\r").unwrap(), encode(b"").unwrap(), encode("MSH|\u{e9}\r".as_bytes()).unwrap()];
        let wire = stream.concat();
        for cut in 0..=wire.len() {
            let mut decoder = Decoder::new();
            let mut messages = decoder.feed(&wire[..cut]).unwrap();
            messages.extend(decoder.feed(&wire[cut..]).unwrap());
            assert_eq!(messages, [b"MSH|1\r".to_vec(), Vec::new(), "MSH|\u{e9}\r".as_bytes().to_vec()]);
            assert!(decoder.is_between());
        }
    }

    /// Many senders put a line feed behind their block; how the network cuts the stream must not decide what arrives.
    #[test]
    fn what_was_whole_before_the_frame_was_lost_comes_out() {
        let block = encode(b"MSH|1\r").unwrap();
        for stray in [&b"\n"[..], b"MSH", &[END]] {
            let wire = [&block[..], &block, stray].concat();
            for cut in 0..=wire.len() {
                let (mut decoder, mut messages, mut refusals) = (Decoder::new(), Vec::new(), 0);
                for part in [&wire[..cut], &wire[cut..], b"", b""] {
                    match decoder.feed(part) {
                        Ok(more) => messages.extend(more),
                        Err(error) => refusals += usize::from(error.reason() == Reason::Hl7Malformed),
                    }
                }
                assert_eq!((messages.len(), refusals), (2, 1), "cut at {cut}");
            }
            let mut decoder = Decoder::new();
            assert_eq!(decoder.feed(&wire).unwrap().len(), 2);
            assert!(!decoder.is_between(), "there is still something to be told");
        }
    }

    #[test]
    fn bytes_that_could_end_a_block_early_are_refused_on_both_sides() {
        for byte in (0..0x20).filter(|byte| *byte != RETURN) {
            assert_eq!(encode(&[b'M', byte]).unwrap_err().reason(), Reason::Hl7Malformed);
            if byte != END {
                let mut decoder = Decoder::new();
                let fed = decoder.feed(&[START, byte]);
                assert_eq!(fed.unwrap_err().reason(), Reason::Hl7Malformed);
                assert!(decoder.is_between());
            }
        }
        for wire in [&b"MSH"[..], &[START, END, END], &[START, END, b'M'], &[RETURN], &[START, START]] {
            assert_eq!(Decoder::new().feed(wire).unwrap_err().reason(), Reason::Hl7Malformed);
        }
    }

    #[test]
    fn a_block_without_end_is_given_up() {
        let mut decoder = Decoder::new();
        decoder.feed(&[START]).unwrap();
        decoder.feed(&vec![b'x'; limits::MESSAGE]).unwrap();
        assert!(!decoder.is_between());
        assert_eq!(decoder.feed(b"x").unwrap_err().reason(), Reason::TooLarge);
        assert_eq!(encode(&vec![b'x'; limits::MESSAGE + 1]).unwrap_err().reason(), Reason::TooLarge);
    }
}
