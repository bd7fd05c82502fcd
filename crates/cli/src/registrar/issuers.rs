//! `aseptic registrar issuers`.

use super::settings::Folder;
use crate::error::{Error, Result};
use crate::file;
use aseptic_core::Reason;
use aseptic_core::trust::Authority;
use aseptic_hosted::crypto;
use aseptic_infra::ServerTrust;
use aseptic_infra::registrar::{self, Issuer};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Print the part of rules.toml that names authorities by their keys.
///
/// Those in the maker's trust store, or those of the given certificates: a factory's own authority, whose certificate comes with the
/// delivery. A name is for people; whoever has another key is somebody else, whatever he calls himself.
#[derive(Args)]
#[command(
    after_help = "Example:\n  aseptic registrar issuers /var/lib/registrar factory.pem >> /var/lib/registrar/rules.toml"
)]
pub(crate) struct Arguments {
    /// The folder that `init` made
    folder: PathBuf,
    /// Certificates of authorities, in PEM
    certificates: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    if arguments.certificates.is_empty() {
        let path = Folder(&arguments.folder).maker();
        let makers = file::read(&path)?;
        let trust = ServerTrust::new(crypto::suite(), &[(Authority::Manufacturer, &makers)]);
        let known =
            trust.and_then(|trust| registrar::authorities(&trust)).map_err(|error| Error::infra(&path, &error))?;
        return Ok(part(&known).trim_end().to_owned());
    }
    let mut known = Vec::new();
    for path in &arguments.certificates {
        let blocks = file::pem_blocks(&file::read(path)?);
        let block = blocks.and_then(|blocks| blocks.into_iter().next());
        let block =
            block.ok_or_else(|| Error::because(path, Reason::FileCorrupt, "The file has no certificate in PEM."))?;
        known.push(registrar::authority(block.contents()).map_err(|error| Error::infra(path, &error))?);
    }
    Ok(part(&known).trim_end().to_owned())
}

/// The tables `issuer.NAME`; authorities of one name are in one.
pub(super) fn part(known: &[Issuer]) -> String {
    let mut named = BTreeMap::<String, Vec<String>>::new();
    for Issuer { name, key } in known {
        // What a certificate calls itself closes no quotation.
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || " ._-".contains(letter) { letter } else { '-' };
        let key = key.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        named.entry(name.chars().map(plain).collect()).or_default().push(format!("    \"{key}\",\n"));
    }
    named.iter().fold(String::new(), |mut text, (name, keys)| {
        let _ = write!(text, "[issuer.\"{name}\"]\nkeys = [\n{}]\n\n", keys.concat());
        text
    })
}
