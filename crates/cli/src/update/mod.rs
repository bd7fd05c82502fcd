//! `aseptic update`: make the key of an author, make an envelope, check one, and measure how far releases have come.

mod create;
mod key;
mod metrics;
mod verify;

use crate::error::Result;
use clap::Subcommand;

/// Make and check software updates (SUIT envelopes).
///
/// The order of things: `key` once, `create` for each release, `verify` wherever somebody wants to know what a device will
/// say to an envelope.
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Key(key::Arguments),
    Create(create::Arguments),
    Verify(verify::Arguments),
    Metrics(metrics::Arguments),
}

/// Gives what is to be printed.
pub(crate) fn run(command: &Command) -> Result<String> {
    match command {
        Command::Key(arguments) => key::run(arguments),
        Command::Create(arguments) => create::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Metrics(arguments) => metrics::run(arguments),
    }
}
