//! `aseptic update sever`.

use super::{Output, keys};
use crate::error::{Error, Result};
use crate::file;
use crate::tree::Node;
use aseptic_core::crypto::soft;
use aseptic_infra::author::Member;
use clap::Args;
use std::path::PathBuf;

/// Take severed members out of an envelope, or put them back in.
///
/// A member that the description lists under `severed` travels beside the manifest, which holds its digest: it may be left
/// out where nobody needs it, and no signature changes. What is put back must be what was signed.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  aseptic update sever pump-7.suit --take text=pump-7.text --out pump-7.small.suit\n  \
                  aseptic update sever pump-7.small.suit --put text=pump-7.text --out pump-7.whole.suit"
)]
pub(crate) struct Arguments {
    /// The envelope
    file: PathBuf,
    /// Move this member (text, install, payload-fetch, candidate-verification) out into a file
    #[arg(long, value_name = "MEMBER=FILE", value_parser = parse)]
    take: Vec<(Member, PathBuf)>,
    /// Move this member back in from a file
    #[arg(long, value_name = "MEMBER=FILE", value_parser = parse, required_unless_present = "take")]
    put: Vec<(Member, PathBuf)>,
    #[command(flatten)]
    out: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.file;
    let mut envelope = keys::envelope(path)?;
    let mut lines = Vec::new();
    let mut taken = Vec::new();
    for (member, to) in &arguments.take {
        let content = envelope.take(&soft::suite(), *member).map_err(|error| Error::infra(path, &error))?;
        lines.push(Node::leaf(format!("{member} out"), to.display().to_string()));
        taken.push((to, content));
    }
    for (member, from) in &arguments.put {
        let content = file::read(from)?;
        envelope.put(&soft::suite(), *member, &content).map_err(|error| Error::infra(from, &error))?;
        lines.push(Node::leaf(format!("{member} in"), from.display().to_string()).meaning("as signed"));
    }
    for (to, content) in taken {
        file::write(to, &content, arguments.out.force)?;
    }
    super::write(&arguments.out.out, arguments.out.force, &envelope, lines)
}

fn parse(text: &str) -> std::result::Result<(Member, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write MEMBER=FILE")?;
    let member = Member::named(name).ok_or("the member is text, install, payload-fetch or candidate-verification")?;
    Ok((member, path.into()))
}
