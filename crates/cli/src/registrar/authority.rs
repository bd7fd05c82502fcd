//! `aseptic registrar renew-ca` and `roll-over`.

use super::init::make_folder;
use super::settings::{Folder, now};
use crate::error::{Error, Result};
use aseptic_infra::ca::{self, Ca, Validity};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// Seconds before now from which the authorities are valid.
const BACKDATED: u64 = 3600;

/// Replace the issuing authority by a new one below the same root: before it runs out, or when its key is lost.
///
/// Nothing changes on the devices. The old one is kept beside the new one. Restart the registrar afterwards.
#[derive(Args)]
#[command(
    after_help = "Example:\n  aseptic registrar renew-ca /var/lib/registrar --root /media/root --name \"St Example devices 2\""
)]
pub(crate) struct RenewCa {
    /// The folder that `init` made
    folder: PathBuf,
    /// The folder of the root, from its safe place
    #[arg(long, value_name = "FOLDER")]
    root: PathBuf,
    /// The name of the new authority, another than before
    #[arg(long)]
    name: String,
    /// Years of the new authority
    #[arg(long, default_value_t = 10)]
    years: u64,
}

/// Replace the root by a new one: years before it runs out.
///
/// Makes the new root with its cross certificates, and an issuing authority below it. Then put the new root into the owner's
/// trust store of the devices, beside the old one; devices below the old root still renew. Restart the registrar afterwards.
#[derive(Args)]
#[command(
    after_help = "Example:\n  aseptic registrar roll-over /var/lib/registrar --root /media/root --new-root /media/root-2 --name \"St Example 2\""
)]
pub(crate) struct RollOver {
    /// The folder that `init` made
    folder: PathBuf,
    /// The folder of the old root, from its safe place
    #[arg(long, value_name = "FOLDER")]
    root: PathBuf,
    /// The folder of the new root, which is made
    #[arg(long, value_name = "FOLDER")]
    new_root: PathBuf,
    /// The name of the new authorities, another than before
    #[arg(long)]
    name: String,
    /// Years of the new root; the issuing authority has half of them
    #[arg(long, default_value_t = 20)]
    years: u64,
}

pub(crate) fn renew(arguments: &RenewCa) -> Result<String> {
    let root = Ca::load(&arguments.root).map_err(|error| Error::infra(&arguments.root, &error))?;
    let fail = |error| Error::infra(&arguments.folder, &error);
    let own = root.validity().map_err(fail)?;
    let wanted =
        Validity::years(now().saturating_sub(BACKDATED).max(own.not_before()), arguments.years).map_err(fail)?;
    let validity = Validity::new(wanted.not_before(), wanted.not_after().min(own.not_after())).map_err(fail)?;
    let issuing = root.intermediate(&arguments.name, validity).map_err(fail)?;
    let aside = replace(&arguments.folder, &issuing, None)?;
    Ok(format!("new issuing authority; the old one is in {}\nRestart the registrar.", aside.display()))
}

pub(crate) fn roll_over(arguments: &RollOver) -> Result<String> {
    let old = Ca::load(&arguments.root).map_err(|error| Error::infra(&arguments.root, &error))?;
    let fail = |error| Error::infra(&arguments.folder, &error);
    let years = |count| Validity::years(now().saturating_sub(BACKDATED), count).map_err(fail);
    let (root, connection) =
        old.roll_over(&format!("{} root", arguments.name), years(arguments.years)?).map_err(fail)?;
    let name = format!("{} devices", arguments.name);
    let issuing = root.intermediate(&name, years(arguments.years.div_ceil(2))?).map_err(fail)?;
    make_folder(&arguments.new_root)?;
    root.save(&arguments.new_root).map_err(fail)?;
    let aside = replace(&arguments.folder, &issuing, Some(&connection))?;
    Ok(format!(
        "new root in {}, new issuing authority; the old one is in {}\nPut {} into the owner's trust store, and restart the registrar.",
        arguments.new_root.display(),
        aside.display(),
        arguments.new_root.join("ca.pem").display()
    ))
}

/// Puts `issuing` in the place of the authority of the folder, which is kept under the next free name. The new one is whole
/// before the old one moves.
fn replace(path: &Path, issuing: &Ca, connection: Option<&ca::RollOver>) -> Result<PathBuf> {
    let fail = |error| Error::infra(path, &error);
    let (current, beside) = (Folder(path).ca(), path.join("ca.new"));
    make_folder(&beside)?;
    issuing.save(&beside).map_err(fail)?;
    connection.map_or(Ok(()), |connection| connection.save(&beside)).map_err(fail)?;
    let mut aside = (1_u32..).map(|number| path.join(format!("ca.{number}"))).skip_while(|name| name.exists());
    let aside = aside.next().unwrap_or_else(|| path.join("ca.old"));
    let moved = fs::rename(&current, &aside).and_then(|()| fs::rename(&beside, &current));
    moved.map_err(|error| Error::file(&current, &error))?;
    Ok(aside)
}
