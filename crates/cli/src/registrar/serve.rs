//! `aseptic registrar serve`.

use super::settings::{Folder, Settings, now};
use crate::error::{Error, Result};
use crate::{file, print};
use aseptic_core::Reason;
use aseptic_core::trust::Authority;
use aseptic_hosted::crypto;
use aseptic_infra::ca::{Ca, RollOver, Server, Validity};
use aseptic_infra::registrar::{Rules, Store};
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use clap::Args;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

/// Days of the server's own certificate, which is made anew at each start.
const DAYS: u64 = 366;
/// Seconds before now from which it is valid.
const BACKDATED: u64 = 3600;

/// Serve devices until SIGTERM or ctrl-c; requests under way are answered first.
///
/// The server's own certificate is issued at each start, for a year: restart it more often than that. Each decision is a line on
/// standard output, after it is in the store.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic registrar serve /var/lib/registrar")]
pub(crate) struct Arguments {
    /// The folder that `init` made
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.folder;
    let fail = |error| Error::infra(path, &error);
    let folder = Folder(path);
    let settings = Settings::load(&folder)?;
    let rules_path = folder.rules();
    let rules = String::from_utf8(file::read(&rules_path)?)
        .map_err(|_| Error::because(&rules_path, Reason::DescriptionInvalid, "The rules are not text."))?;
    let rules = Rules::parse(&rules).map_err(|error| Error::infra(&rules_path, &error))?;
    let ca = Ca::load(&folder.ca()).map_err(fail)?;
    let roll_over = RollOver::load(&folder.ca(), &ca).map_err(fail)?;
    let key = AuthorityKey::load(&folder.tls_key()).map_err(fail)?;
    let makers = file::read(&folder.maker())?;
    let trust = ServerTrust::new(crypto::suite(), &[(Authority::Manufacturer, &makers)]);
    let trust = trust.map_err(|error| Error::infra(&folder.maker(), &error))?;

    let own = ca.validity().map_err(fail)?;
    let (start, end) = (now().saturating_sub(BACKDATED), now().saturating_add(DAYS * 86_400));
    let validity = Validity::new(start.max(own.not_before()), end.min(own.not_after())).map_err(fail)?;
    let public = key.public().map_err(fail)?;
    let chain = ca.issue_server(&settings.name, public, Server::Registrar, validity).map_err(fail)?;

    let mut registrar = Registrar::new(ca, Arc::new(trust), chain, key)
        .store(Store::open(&folder.store()).map_err(fail)?)
        .rules(rules)
        .limits(settings.limits())
        .attributes(settings.attributes())
        .proof_of_possession(settings.proof_of_possession)
        .anonymous_cacerts(settings.anonymous_cacerts)
        .danger_legacy_tls12(settings.danger_legacy_tls12)
        .control(folder.control())
        // A reader of the lines that has gone is no reason to stop: the store has them.
        .audit(|line| drop(print(&line.to_string())));
    if let Some(roll_over) = roll_over {
        registrar = registrar.roll_over(roll_over);
    }
    let listener = TcpListener::bind(&settings.listen).map_err(|error| Error::address(&settings.listen, &error))?;
    let handle = registrar.serve(listener).map_err(fail)?;
    print(&format!("{} listens on {}", settings.name, handle.address()))?;
    handle.wait().map_err(fail)?;
    Ok(format!("{} has ended", settings.name))
}
