//! The one error type of hosts: a numbered reason, and what a person needs to find the cause.

use aseptic_core::Reason;
use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done on a host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be used.
    #[error("{reason} {}: {source}", path.display())]
    File {
        /// What it comes to.
        reason: Reason,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The other side, or we, refused the handshake, or the protected stream was damaged.
    #[error("{reason}: {detail}")]
    Tls {
        /// What it comes to: where we judged the peer, the reason of that.
        reason: Reason,
        /// What TLS said.
        detail: String,
    },
    /// The connection failed underneath.
    #[error("{reason}: {source}")]
    Network {
        /// What it comes to.
        reason: Reason,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else; the reason says all there is to say.
    #[error("{0}")]
    Reason(#[from] Reason),
}

impl Error {
    /// The reason: number, cause, remedy, and who must act.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::File { reason, .. }
            | Self::Tls { reason, .. }
            | Self::Network { reason, .. }
            | Self::Reason(reason) => *reason,
        }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        let reason = match source.kind() {
            io::ErrorKind::NotFound => Reason::FileMissing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Reason::FileDenied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Reason::DiskFull,
            io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory => Reason::FileCorrupt,
            io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::ResourceBusy => {
                Reason::PlatformUnavailable
            }
            _ => Reason::PlatformIo,
        };
        Self::File { reason, path: path.to_path_buf(), source }
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        error.reason()
    }
}
