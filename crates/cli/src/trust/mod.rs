//! `aseptic trust`: look at trust stores, sign the next version, and see what must be done by when.

mod list;
mod plan;
mod update;

use crate::error::{Error, Result};
use crate::file;
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_core::trust::{Authority, Purpose, Purposes, TrustStore};
use aseptic_infra::ServerTrust;
use clap::Subcommand;
use std::path::Path;
use time::OffsetDateTime;

/// Look at trust stores, sign the next version of one, and plan for the end of roots.
///
/// The order of things: `update` makes the first version and each one after it, `list` shows what a store grants, `plan` says
/// what must be done by when.
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    List(list::Arguments),
    Update(update::Arguments),
    Plan(plan::Arguments),
}

/// Gives what is to be printed.
pub(crate) fn run(command: &Command) -> Result<String> {
    match command {
        Command::List(arguments) => list::run(arguments),
        Command::Update(arguments) => update::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
    }
}

/// Reads a store as a device does that installs it as its first.
fn with_store<T>(path: &Path, use_it: impl FnOnce(&TrustStore<'_>) -> aseptic_core::Result<T>) -> Result<T> {
    let object = file::read(path)?;
    let mut refusal = None;
    for authority in [Authority::Owner, Authority::Manufacturer] {
        match ServerTrust::new(soft::suite(), &[(authority, &object)]) {
            Ok(server) => {
                let used = server.with(|trust| use_it(trust.store(authority)?));
                return used.map_err(|reason| Error::refused(path, reason));
            }
            // A store of the other authority; of two refusals the one that says more is told.
            Err(error) => {
                if refusal.is_none() || error.reason() != Reason::TrustPurpose {
                    refusal = Some(error.reason());
                }
            }
        }
    }
    Err(Error::refused(path, refusal.unwrap_or(Reason::TrustMalformed)))
}

const fn name_of(authority: Authority) -> &'static str {
    match authority {
        Authority::Manufacturer => "manufacturer",
        Authority::Owner => "owner",
    }
}

/// The purposes of a set, as the source names them.
fn words(purposes: Purposes) -> String {
    let all = Purpose::ALL.into_iter().filter(|purpose| purposes.contains(*purpose));
    all.map(|purpose| format!("{purpose:?}")).collect::<Vec<_>>().join(", ")
}

/// Seconds since 1970 as a day.
fn day(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.map_or_else(|| format!("{seconds} s after 1970"), |date| date.date().to_string())
}
