//! `aseptic update inspect`.

use crate::error::{Error, Result};
use crate::file;
use crate::inspect::suit;
use clap::Args;
use std::path::PathBuf;

/// Show what an envelope of anybody's making holds, and believe nothing of it.
///
/// Beside each part stands what is known of it without any key: whether digests fit what they are of. No signature is
/// verified and no policy asked; `verify` does that.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic update inspect pump-7.suit")]
pub(crate) struct Arguments {
    /// The envelope
    file: PathBuf,
    /// As JSON: a tree of name, value, meaning, children
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.file;
    let tree = suit::node(&file::read(path)?).map_err(|reason| Error::refused(path, reason))?;
    Ok(if arguments.json { tree.json() } else { tree.text() })
}
