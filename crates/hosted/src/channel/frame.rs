//! Messages on a stream: the length in 4 bytes, big endian, then the bytes.
//!
//! Channels send and receive them by themselves; these functions are for what passes them on over other streams.

use crate::Result;
use aseptic_core::Reason;
use std::io::{self, Read, Write};

/// Sends one frame of at most `most` bytes.
pub fn send(stream: &mut impl Write, bytes: &[u8], most: usize) -> Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= most).ok_or(Reason::TooLarge)?;
    // One piece, so that it leaves in as few records as it fits.
    let mut frame = Vec::with_capacity(4 + bytes.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
    stream.write_all(&frame)?;
    stream.flush()?;
    Ok(())
}

/// Receives one frame of at most `most` bytes; none when the stream has ended between two.
///
/// Memory is taken as bytes arrive, never for a length that was only announced.
pub fn receive(stream: &mut impl Read, most: usize) -> Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    let first = loop {
        match stream.read(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    stream.read_exact(head.split_at_mut(first).1)?;
    let length = u32::from_be_bytes(head);
    if usize::try_from(length).map_or(true, |length| length > most) {
        return Err(Reason::TooLarge.into());
    }
    let mut bytes = Vec::new();
    stream.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize {
        Ok(Some(bytes))
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_every_cut_is_told() {
        let mut wire = Vec::new();
        for frame in [&b"one"[..], b"", &[7; 300]] {
            send(&mut wire, frame, 300).unwrap();
        }
        let mut stream = &wire[..];
        assert_eq!(receive(&mut stream, 300).unwrap().unwrap(), b"one");
        assert_eq!(receive(&mut stream, 300).unwrap().unwrap(), b"");
        assert_eq!(receive(&mut stream, 300).unwrap().unwrap(), [7; 300]);
        assert!(receive(&mut stream, 300).unwrap().is_none());
        for cut in 1..7 {
            assert_eq!(receive(&mut &wire[..cut], 300).err().unwrap().reason(), Reason::NetworkFailed);
        }
    }

    #[test]
    fn frames_over_the_bound_are_neither_sent_nor_read() {
        let mut wire = Vec::new();
        assert_eq!(send(&mut wire, &[0; 9], 8).err().unwrap().reason(), Reason::TooLarge);
        assert!(wire.is_empty());
        for length in [9_u32, u32::MAX] {
            let wire = [&length.to_be_bytes()[..], &[0; 20]].concat();
            assert_eq!(receive(&mut &wire[..], 8).err().unwrap().reason(), Reason::TooLarge);
        }
    }
}
