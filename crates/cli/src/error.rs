//! What the command says when it does not do what it was asked.

use aseptic_core::Reason;
use std::io;
use std::path::{Path, PathBuf};

/// A cause; [`Error::remedy`] is what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error("{path}: {cause}.", path = .path.display())]
    File { path: PathBuf, cause: io::ErrorKind },
    /// The content is nothing that we know.
    #[error("{}: the content is of no kind that this command knows.", .0.display())]
    Unknown(PathBuf),
    /// The content was refused.
    #[error("{path}: {cause} (E{number})", path = .path.display(), cause = .reason.cause(), number = .reason.number())]
    Refused { path: PathBuf, reason: Reason },
}

impl Error {
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), cause: error.kind() }
    }

    /// What to do about it, in one sentence.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::File { .. } => "Check the path and the permissions.".into(),
            Self::Unknown(_) => {
                "Pass a certificate, request, revocation list, COSE message, SUIT envelope or record.".into()
            }
            Self::Refused { reason, .. } => reason.remedy().into(),
        }
    }

    /// 1 for a refusal, 2 for misuse.
    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::File { .. } => 2,
            Self::Unknown(_) | Self::Refused { .. } => 1,
        }
    }
}
