//! The one error of this crate: a numbered reason, and what was being done.

use aseptic_core::Reason;
use std::borrow::Cow;
use std::io;

/// Why something was not done, with the context in which it was tried.
///
/// The reason decides what to do about it and is stable; the context is for people and may change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{context}: {reason}")]
pub struct Error {
    reason: Reason,
    context: Cow<'static, str>,
}

/// The result of every fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error for `reason` while doing `context`, a short phrase such as "reading ca.key".
    pub fn new(reason: Reason, context: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, context: context.into() }
    }

    /// The reason for a failed operation on a file or socket.
    pub fn io(error: &io::Error, context: impl Into<Cow<'static, str>>) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => Reason::FileMissing,
            io::ErrorKind::PermissionDenied => Reason::FileDenied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Reason::DiskFull,
            io::ErrorKind::InvalidData => Reason::FileCorrupt,
            io::ErrorKind::AddrInUse
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::WouldBlock => Reason::NetworkFailed,
            _ => Reason::PlatformIo,
        };
        Self::new(reason, context)
    }

    /// The numbered reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// What was being done.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }
}

/// Gives a result of the device crates the context that it lacks.
pub(crate) trait While<T> {
    /// Names what was being done.
    fn during(self, context: &'static str) -> Result<T>;
}

impl<T> While<T> for aseptic_core::Result<T> {
    fn during(self, context: &'static str) -> Result<T> {
        self.map_err(|reason| Error::new(reason, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_tried_and_why_it_failed() {
        let error = Error::io(&io::ErrorKind::NotFound.into(), "reading ca.key");
        assert_eq!(error.reason(), Reason::FileMissing);
        assert_eq!(error.to_string(), "reading ca.key: A file is missing. (E801)");
    }
}
