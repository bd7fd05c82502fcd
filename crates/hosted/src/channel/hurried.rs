//! A stream with an end in time.
//!
//! The time limits of a socket hold for each read and write, so a peer that sends a byte now and then passes them for ever.

use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

/// Fails with [`TimedOut`](io::ErrorKind::TimedOut) each read and write that begins after the end.
pub(crate) struct Hurried<S> {
    stream: S,
    /// None for an end beyond what the clock can name.
    end: Option<Instant>,
}

impl<S> Hurried<S> {
    /// Gives `stream` so much time from now on.
    pub(crate) fn new(stream: S, time: Duration) -> Self {
        Self { stream, end: Instant::now().checked_add(time) }
    }

    fn in_time(&self) -> io::Result<()> {
        if self.end.is_some_and(|end| Instant::now() >= end) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl<S: Read> Read for Hurried<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.in_time()?;
        self.stream.read(out)
    }
}

impl<S: Write> Write for Hurried<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time()?;
        self.stream.write(bytes)
    }

    /// rustls writes all that is left, an alert after a refusal among it, with one such call.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.in_time()?;
        self.stream.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
