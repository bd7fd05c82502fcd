//! `aseptic registrar list`, `approve`, `reject`, `release`, `export-audit` and `backup`.

use super::settings::Folder;
use crate::error::{Error, Result};
use aseptic_infra::registrar::{Control, control};
use clap::Args;
use std::path::{Path, PathBuf};

/// List the requests that wait: id, state, since when, key, device, name and key of the issuer of its birth certificate.
#[derive(Args)]
#[command(after_help = "Example:\n  aseptic registrar list /var/lib/registrar")]
pub(crate) struct List {
    /// The folder that `init` made
    folder: PathBuf,
    /// List the certificates that were issued: from when, until when, serial number, whether it is the newest, device
    #[arg(long)]
    issued: bool,
}

/// Decide on a request that waits, by the id in the list.
///
/// The device learns of it when it asks again. The decision is for this one request, not for the device.
#[derive(Args)]
#[command(after_help = "Example:\n  aseptic registrar approve /var/lib/registrar 9f86d081884c7d65")]
pub(crate) struct Decide {
    /// The folder that `init` made
    folder: PathBuf,
    /// The id of the request
    id: String,
}

/// Free the serial number of a device that is gone, for one of another maker.
///
/// Serial numbers are unique for one maker alone: the registrar refuses a second device of the same number whose birth certificate
/// another authority issued. What was issued to the first one stays valid until it ends; refuse its renewal by a rule.
#[derive(Args)]
#[command(after_help = "Example:\n  aseptic registrar release /var/lib/registrar PUMP-0001")]
pub(crate) struct Release {
    /// The folder that `init` made
    folder: PathBuf,
    /// The serial number
    device: String,
}

/// Print the audit log: number, hash and text of each line.
///
/// The hash of a line is SHA-256 of the hash before it (32 bytes, zeros at first) and the text. It is checked here: a log that
/// was changed is refused. Keep the last hash elsewhere, and a log that was cut off shows as well.
#[derive(Args)]
#[command(after_help = "Example:\n  aseptic registrar export-audit /var/lib/registrar > audit.txt")]
pub(crate) struct Export {
    /// The folder that `init` made
    folder: PathBuf,
}

/// Copy the store of issued certificates, queue and log into a new file, also while the server runs.
///
/// The server writes it, so its user must be able to. Put it into a folder with a copy of the other files as registrar.redb, and
/// that folder serves.
#[derive(Args)]
#[command(after_help = "Example:\n  aseptic registrar backup /var/lib/registrar /mnt/backup/registrar-2026-12-01.redb")]
pub(crate) struct Backup {
    /// The folder that `init` made
    folder: PathBuf,
    /// The copy, which is not there yet
    file: PathBuf,
}

pub(crate) fn backup(arguments: &Backup) -> Result<String> {
    let file = std::path::absolute(&arguments.file).map_err(|error| Error::file(&arguments.file, &error))?;
    operate(&arguments.folder, &Control::Backup(file))
}

pub(crate) fn list(arguments: &List) -> Result<String> {
    operate(&arguments.folder, &if arguments.issued { Control::Issued } else { Control::List })
}

pub(crate) fn decide(arguments: &Decide, approve: bool) -> Result<String> {
    let id = arguments.id.clone();
    operate(&arguments.folder, &if approve { Control::Approve(id) } else { Control::Reject(id) })
}

pub(crate) fn release(arguments: &Release) -> Result<String> {
    operate(&arguments.folder, &Control::Release(arguments.device.clone()))
}

pub(crate) fn export(arguments: &Export) -> Result<String> {
    operate(&arguments.folder, &Control::ExportAudit)
}

fn operate(path: &Path, command: &Control) -> Result<String> {
    let folder = Folder(path);
    let text = control(&folder.control(), &folder.store(), command).map_err(|error| Error::infra(path, &error))?;
    Ok(text.trim_end().to_owned())
}
