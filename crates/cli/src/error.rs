//! What the command says when it does not do what it was asked.

use aseptic_core::Reason;
use std::io;
use std::path::Path;

/// Two sentences: the cause, with what it is about and the number of the reason, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{cause} (E{number})", number = .reason.number())]
pub(crate) struct Error {
    reason: Reason,
    cause: String,
    remedy: String,
    misuse: bool,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What is to be printed, and the refusal, if it is one.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) refused: Option<Error>,
}

impl Report {
    /// Nothing was refused.
    pub(crate) const fn done(text: String) -> Self {
        Self { text, refused: None }
    }
}

impl Error {
    /// The content of a file is refused.
    pub(crate) fn refused(path: &Path, reason: Reason) -> Self {
        Self::because(path, reason, reason.cause())
    }

    /// As [`Error::refused`], with a cause that says more than that of the reason.
    pub(crate) fn because(path: &Path, reason: Reason, cause: &str) -> Self {
        let cause = format!("{}: {cause}", path.display());
        Self { reason, cause, remedy: reason.remedy().into(), misuse: false }
    }

    /// A file cannot be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        let (reason, remedy) = match error.kind() {
            io::ErrorKind::NotFound => (Reason::FileMissing, "Check the path."),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (Reason::FileDenied, "Check owner and mode of the file and of its folder.")
            }
            io::ErrorKind::IsADirectory => (Reason::FileDenied, "Pass a file, not a folder."),
            io::ErrorKind::AlreadyExists => {
                (Reason::FileExists, "Choose another name, or pass --force to replace the file.")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (Reason::DiskFull, "Free some space."),
            _ => (Reason::PlatformIo, "Check the path and the medium."),
        };
        let cause = match error.kind() {
            io::ErrorKind::IsADirectory => "It is a folder.",
            io::ErrorKind::ReadOnlyFilesystem => "The file system is read-only.",
            _ => reason.cause(),
        };
        Self { remedy: remedy.into(), misuse: true, ..Self::because(path, reason, cause) }
    }

    /// What the other side's library refused to do with a file.
    pub(crate) fn infra(path: &Path, error: &aseptic_infra::Error) -> Self {
        let reason = error.reason();
        // A parser's picture of the place has lines of its own; the first line and the last one say it all.
        let context: Vec<_> = error.context().lines().filter(|line| !line.contains(" |")).collect();
        let context = context.join(": ");
        let named = context.contains(&path.display().to_string());
        let cause = if named { String::new() } else { format!("{}: ", path.display()) };
        let misuse = matches!(
            reason,
            Reason::FileMissing | Reason::FileDenied | Reason::FileExists | Reason::DiskFull | Reason::PlatformIo
        );
        let cause = format!("{cause}{context}: {}", reason.cause());
        Self { reason, cause, remedy: reason.remedy().into(), misuse }
    }

    /// Nothing can listen on an address.
    pub(crate) fn address(address: &str, error: &io::Error) -> Self {
        let (reason, remedy) = (Reason::NetworkFailed, "Check address and port; another program may have it.".into());
        Self { reason, cause: format!("listening on {address}: {error}."), remedy, misuse: true }
    }

    /// The result cannot be written to standard output.
    pub(crate) fn output(error: &io::Error) -> Self {
        Self::file(Path::new("standard output"), error)
    }

    /// Another remedy than that of the reason.
    pub(crate) fn remedied(self, remedy: &str) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// What to do about it, in one sentence.
    pub(crate) fn remedy(&self) -> &str {
        &self.remedy
    }

    /// 1 for a refusal, 2 for misuse.
    pub(crate) const fn exit(&self) -> u8 {
        if self.misuse { 2 } else { 1 }
    }
}
