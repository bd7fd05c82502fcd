//! `aseptic registrar`.

mod authority;
mod init;
mod issuers;
mod operate;
mod serve;
mod settings;

use crate::error::Result;
use clap::Subcommand;

/// Run the registrar of a hospital or factory: devices get their certificates from it (EST, RFC 7030).
///
/// All commands work on one folder, which `init` makes. The manual's page "registrar" is the runbook.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(init::Arguments),
    Issuers(issuers::Arguments),
    Serve(serve::Arguments),
    List(operate::List),
    Approve(operate::Decide),
    Reject(operate::Decide),
    Release(operate::Release),
    ExportAudit(operate::Export),
    Backup(operate::Backup),
    RenewCa(authority::RenewCa),
    RollOver(authority::RollOver),
}

pub(crate) fn run(command: &Command) -> Result<String> {
    match command {
        Command::Init(arguments) => init::run(arguments),
        Command::Issuers(arguments) => issuers::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::List(arguments) => operate::list(arguments),
        Command::Approve(arguments) => operate::decide(arguments, true),
        Command::Reject(arguments) => operate::decide(arguments, false),
        Command::Release(arguments) => operate::release(arguments),
        Command::ExportAudit(arguments) => operate::export(arguments),
        Command::Backup(arguments) => operate::backup(arguments),
        Command::RenewCa(arguments) => authority::renew(arguments),
        Command::RollOver(arguments) => authority::roll_over(arguments),
    }
}
