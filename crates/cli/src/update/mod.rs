//! `aseptic update`: from the key of an author to an envelope that devices take, and how far it has come.

mod create;
mod encrypt;
mod inspect;
mod key;
mod keys;
mod lint;
mod metrics;
mod progress;
mod sever;
mod sign;
mod verify;

use crate::error::{Error, Report, Result};
use crate::file;
use crate::tree::{Node, hex};
use aseptic_hosted::crypto::suite;
use aseptic_infra::author::{Envelope, Outline};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Make, sign and check software updates (SUIT envelopes).
///
/// The order of things: `key` once for each author; for each release `encrypt` where an image is secret, `create`, `sign` by as
/// many as the devices ask for (`add-signature` brings together what was signed apart), `lint` and `verify` before it goes
/// out. `sever` takes out what devices need not carry. `inspect` shows an envelope of anybody's making and believes nothing.
///
/// The exit status is 0 if it was done or the envelope is good, 1 if something was refused, 2 for wrong arguments and files
/// that cannot be read or written.
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Key(key::Arguments),
    Create(Box<create::Arguments>),
    Encrypt(Box<encrypt::Arguments>),
    Sign(Box<sign::Sign>),
    AddSignature(Box<sign::AddSignature>),
    Sever(Box<sever::Arguments>),
    Inspect(inspect::Arguments),
    Lint(lint::Arguments),
    Verify(Box<verify::Arguments>),
    Metrics(metrics::Arguments),
}

/// Where an envelope goes.
#[derive(Args)]
struct Output {
    /// Where the envelope goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

/// Gives what is to be printed, and the refusal, if it is one.
pub(crate) fn run(command: &Command) -> Result<Report> {
    match command {
        Command::Key(arguments) => key::run(arguments).map(Report::done),
        Command::Create(arguments) => create::run(arguments).map(Report::done),
        Command::Encrypt(arguments) => encrypt::run(arguments).map(Report::done),
        Command::Sign(arguments) => sign::sign(arguments).map(Report::done),
        Command::AddSignature(arguments) => sign::add(arguments).map(Report::done),
        Command::Sever(arguments) => sever::run(arguments).map(Report::done),
        Command::Inspect(arguments) => inspect::run(arguments).map(Report::done),
        Command::Lint(arguments) => lint::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Metrics(arguments) => metrics::run(arguments).map(Report::done),
    }
}

impl Output {
    fn write(&self, envelope: &Envelope) -> Result<String> {
        write(&self.out, self.force, envelope, Vec::new())
    }
}

/// Writes an envelope, and says what it holds and what was done to it.
fn write(out: &Path, force: bool, envelope: &Envelope, done: Vec<Node>) -> Result<String> {
    let bytes = envelope.encode();
    let summary = summary(envelope, out)?;
    file::write(out, &bytes, force)?;
    let children = std::iter::once(summary).chain(done).collect();
    Ok(Node::new(out.display().to_string(), format!("{} bytes", bytes.len()), children).text())
}

/// What whoever signs should see, once it is clear that the signed digest is that of the manifest shown.
fn summary(envelope: &Envelope, path: &Path) -> Result<Node> {
    let fail = |error| Error::infra(path, &error);
    envelope.whole(&suite()).map_err(fail)?;
    let outline = Outline::of(envelope).map_err(fail)?;
    let mut children =
        vec![Node::leaf("sequence number", outline.sequence.map(|number| number.to_string()).unwrap_or_default())];
    for (digest, size) in &outline.images {
        let size = size.map_or("of unknown size".to_owned(), |size| format!("{size} bytes"));
        children.push(Node::leaf("image", hex(digest.as_bytes())).meaning(size));
    }
    children.extend(outline.uris.iter().map(|uri| Node::leaf("URI", uri)));
    children.push(Node::leaf("signatures", envelope.blocks().count().to_string()));
    let digest = hex(&suite().sha256(&[envelope.signed_bytes()]).map_err(|reason| Error::refused(path, reason))?);
    Ok(Node::new("manifest", format!("{} bytes", envelope.manifest().len()), children)
        .meaning(format!("compare before signing: {}", digest.get(..16).unwrap_or_default())))
}
