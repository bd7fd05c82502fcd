//! Text into a caller's buffer.

use aseptic_core::{Reason, Result};

/// Writes text piece by piece; what does not fit is remembered, and [`Text::finish`] refuses.
pub(crate) struct Text<'o> {
    out: &'o mut [u8],
    length: usize,
}

impl<'o> Text<'o> {
    pub(crate) const fn new(out: &'o mut [u8]) -> Self {
        Self { out, length: 0 }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        text.bytes().for_each(|byte| self.byte(byte));
        self
    }

    /// All but the unreserved characters of RFC 3986 section 2.3 as percent and two digits.
    pub(crate) fn escaped(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.byte(byte);
            } else {
                [b'%', hex(byte >> 4), hex(byte & 0x0F)].into_iter().for_each(|byte| self.byte(byte));
            }
        }
        self
    }

    pub(crate) fn finish(self) -> Result<&'o str> {
        let bytes = self.out.get(..self.length).ok_or(Reason::BufferTooSmall)?;
        core::str::from_utf8(bytes).map_err(|_| Reason::Internal)
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.out.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0'.wrapping_add(nibble) } else { b'A'.wrapping_sub(10).wrapping_add(nibble) }
}
