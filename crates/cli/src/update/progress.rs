//! Long work shows how far it is, where somebody looks: on a terminal, and for files that take a while.

use indicatif::{ProgressBar, ProgressBarIter, ProgressStyle};
use std::fs::File;
use std::io;
use std::path::Path;

/// A file whose reading is shown.
pub(super) fn open(path: &Path) -> io::Result<ProgressBarIter<File>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    // A bar draws to standard error, and nothing where that is no terminal.
    let bar = if length < SHOWN { ProgressBar::hidden() } else { ProgressBar::new(length) };
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {bytes} of {total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
    Ok(bar.wrap_read(file))
}

/// Bytes of a file that is read in no time.
const SHOWN: u64 = 8 << 20;
