//! Base64 (RFC 4648 section 4) as EST transfers it (RFC 8951 section 3.1).

use aseptic_core::{Reason, Result};

/// Bytes that [`encode`] writes for `length` bytes.
#[must_use]
pub const fn encoded_len(length: usize) -> usize {
    let text = length.div_ceil(3).saturating_mul(4);
    text.saturating_add(text.div_ceil(LINE))
}

/// Writes `bytes` in lines of 64 characters, each ended by a line feed, into the front of `out`; gives the length.
pub fn encode(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    let length = encoded_len(bytes.len());
    let mut places = out.get_mut(..length).ok_or(Reason::BufferTooSmall)?.iter_mut();
    let mut put = |byte: u8| places.next().map(|place| *place = byte).ok_or(Reason::Internal);
    for line in bytes.chunks(LINE_BYTES) {
        for group in line.chunks(3) {
            let mut three = [0; 3];
            three.iter_mut().zip(group).for_each(|(place, byte)| *place = *byte);
            let [a, b, c] = three;
            let sextets = [a >> 2, (a & 3) << 4 | b >> 4, (b & 15) << 2 | c >> 6, c & 63];
            for (position, sextet) in sextets.into_iter().enumerate() {
                put(if position > group.len() { b'=' } else { letter(sextet) })?;
            }
        }
        put(b'\n')?;
    }
    Ok(length)
}

/// Decodes `text` into the front of `out`; gives the length. Carriage return, line feed, space and tab are skipped
/// wherever they stand; any other stray character, wrong padding and stray bits at the end are [`Reason::EstTransfer`].
pub fn decode(text: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut places = out.iter_mut();
    let mut decoder = Decoder::default();
    for byte in text {
        if let Some(whole) = decoder.take(*byte)? {
            *places.next().ok_or(Reason::BufferTooSmall)? = whole;
        }
    }
    decoder.end()
}

/// As [`decode`], into the front of `text` itself; after an error its content means nothing.
pub fn decode_in_place(text: &mut [u8]) -> Result<usize> {
    let mut decoder = Decoder::default();
    for at in 0..text.len() {
        let byte = text.get(at).copied().ok_or(Reason::Internal)?;
        let place = decoder.length;
        if let Some(whole) = decoder.take(byte)? {
            // Four characters make three bytes: writing never overtakes reading.
            *text.get_mut(place).ok_or(Reason::Internal)? = whole;
        }
    }
    decoder.end()
}

/// What has been read so far.
#[derive(Default)]
struct Decoder {
    length: usize,
    bits: u32,
    have: u8,
    padding: u8,
    characters: u8,
}

impl Decoder {
    /// Takes one character, and gives the byte that it completes.
    fn take(&mut self, byte: u8) -> Result<Option<u8>> {
        if matches!(byte, b'\r' | b'\n' | b' ' | b'\t') {
            return Ok(None);
        }
        self.characters = self.characters.wrapping_add(1) & 3;
        if byte == b'=' {
            self.padding = self.padding.saturating_add(1);
            return Ok(None);
        }
        let value = value(byte).filter(|_| self.padding == 0).ok_or(Reason::EstTransfer)?;
        self.bits = self.bits.wrapping_shl(6) | u32::from(value);
        self.have = self.have.saturating_add(6);
        let Some(left) = self.have.checked_sub(8) else { return Ok(None) };
        let [.., whole] = self.bits.wrapping_shr(u32::from(left)).to_be_bytes();
        self.have = left;
        self.bits &= !u32::MAX.wrapping_shl(u32::from(left));
        self.length = self.length.saturating_add(1);
        Ok(Some(whole))
    }

    /// The length, if what is left over is nothing, 4 bits before two `=`, or 2 bits before one.
    fn end(&self) -> Result<usize> {
        let whole = matches!((self.have, self.padding), (0, 0) | (4, 2) | (2, 1));
        if whole && self.characters == 0 && self.bits == 0 { Ok(self.length) } else { Err(Reason::EstTransfer) }
    }
}

const fn letter(sextet: u8) -> u8 {
    match sextet {
        0..=25 => sextet.wrapping_add(b'A'),
        26..=51 => sextet.wrapping_sub(26).wrapping_add(b'a'),
        52..=61 => sextet.wrapping_sub(52).wrapping_add(b'0'),
        62 => b'+',
        _ => b'/',
    }
}

const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(byte.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0').wrapping_add(52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

const LINE: usize = 64;
const LINE_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn vectors_of_rfc_4648_section_10() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg==\n"),
            ("fo", "Zm8=\n"),
            ("foo", "Zm9v\n"),
            ("foob", "Zm9vYg==\n"),
            ("fooba", "Zm9vYmE=\n"),
            ("foobar", "Zm9vYmFy\n"),
        ] {
            let mut out = [0; 16];
            let length = encode(plain.as_bytes(), &mut out).unwrap();
            assert_eq!(&out[..length], text.as_bytes());
            let mut back = [0; 16];
            let length = decode(text.as_bytes(), &mut back).unwrap();
            assert_eq!(&back[..length], plain.as_bytes());
        }
    }

    #[test]
    fn every_length_round_trips_in_lines_of_64() {
        for length in 0..300 {
            let bytes: Vec<u8> = (0..=255).cycle().step_by(37).take(length).collect();
            let mut text = vec![0; encoded_len(length)];
            assert_eq!(encode(&bytes, &mut text), Ok(text.len()));
            assert!(text.split(|byte| *byte == b'\n').all(|line| line.len() <= 64));
            assert!(text.is_empty() || text.ends_with(b"\n"));
            let mut back = vec![0; length];
            assert_eq!(decode(&text, &mut back), Ok(length));
            assert_eq!(back, bytes);
            let mut place = text.clone();
            assert_eq!(decode_in_place(&mut place), Ok(length));
            assert_eq!(place[..length], bytes);
            if length > 0 {
                assert_eq!(encode(&bytes, &mut text[1..]), Err(Reason::BufferTooSmall));
                assert_eq!(decode(&text, &mut back[1..]), Err(Reason::BufferTooSmall));
            }
        }
    }

    #[test]
    fn strays_are_refused_and_white_space_is_not() {
        let mut out = [0; 16];
        assert_eq!(decode(b" Z\tm9\r\nv \n", &mut out), Ok(3));
        for bad in ["Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zg==Zg==", "Zm-v", "====", "=", "Zm9v\0"] {
            assert_eq!(decode(bad.as_bytes(), &mut out), Err(Reason::EstTransfer), "{bad}");
            assert_eq!(decode_in_place(&mut Vec::from(bad)), Err(Reason::EstTransfer), "{bad}");
        }
    }
}
