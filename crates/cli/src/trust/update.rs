//! `aseptic trust update`.

use super::{name_of, with_store};
use crate::error::{Error, Result};
use crate::file;
use crate::tree::Node;
use aseptic_core::Reason;
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{PublicKey, soft};
use aseptic_infra::AuthorityKey;
use aseptic_infra::owner::Description;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Sign the first version of a trust store, or the next one after --from.
///
/// The description is TOML; paths in it are relative to it:
///   authority = "owner"                 # or "manufacturer"
///   threshold = 1                       # optional
///   signers = ["it.pub"]                # in charge of the next version: public keys or certificates
///   deny = ["lost.pub"]                 # optional; files, or SHA-256 of public keys in hexadecimal
///   [[anchor]]
///   name = "hospital"
///   purposes = ["network", "telemetry"]
///   certificate = "root.pem"
///   successor = "next-root.pem"         # optional: the announced next root
///   path-length = 1                     # optional constraints; also permitted-dns, excluded-dns, permitted-ip,
///                                       # excluded-ip, policies
///   [[key]]
///   name = "record-adapter-1"
///   purposes = ["receive"]
///   public = "adapter.pub"
///   [[minimum]]                         # older revocation lists are not believed
///   issuer = "issuing.pem"
///   number = 17
/// [[response]] and [[quorum]] are told in the documentation of aseptic-infra.
///
/// The description says all that the store is to hold, not what changes. Version and epoch follow from --from. Before the
/// store is written a device of memory takes it: what a device would refuse is not handed out.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic trust update owner.toml --from owner-3.store --key it.key --out owner-4.store"
)]
pub(crate) struct Arguments {
    /// What the store is to hold, in TOML
    description: PathBuf,
    /// The store that devices have now; without it this is version 1
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Private key of somebody in charge, PEM, mode 0600; repeated, several sign together
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Where the store goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the store if there is one
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.description;
    let fail = |error| Error::infra(path, &error);
    let text = String::from_utf8(file::read(path)?)
        .map_err(|_| Error::because(path, Reason::DescriptionInvalid, "The description is not text."))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = |named: &Path| {
        let named = folder.join(named);
        std::fs::read(&named).map_err(|error| aseptic_infra::Error::io(&error, format!("reading {}", named.display())))
    };
    let described = Description::parse(&soft::suite(), &text, &read).map_err(fail)?;
    let issued = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut store = described.store(issued).map_err(fail)?;

    let before = arguments.from.as_deref().map(file::read).transpose()?;
    let epoch = arguments.from.as_deref().map(|path| with_store(path, |store| Ok(store.epoch))).transpose()?;
    if let Some(object) = &before {
        store = store.after(object);
    }
    let load = |path: &PathBuf| AuthorityKey::load(path).map_err(|error| Error::infra(path, &error));
    let keys: Vec<_> = arguments.key.iter().map(load).collect::<Result<_>>()?;
    let pairs = keys.iter().map(|key| Ok((key.public()?, key as &dyn Signer)));
    let pairs: Vec<(PublicKey<'_>, &dyn Signer)> = pairs.collect::<aseptic_infra::Result<_>>().map_err(fail)?;
    let object = store.sign(&soft::suite(), &pairs).map_err(fail)?;
    file::write(&arguments.out, &object, arguments.force)?;

    with_store(&arguments.out, |store| {
        let withdrawn = match epoch {
            None => "this is the first version",
            Some(epoch) if epoch == store.epoch => "nothing is withdrawn: connections go on",
            Some(_) => "trust is withdrawn: what rests on it is judged anew",
        };
        let children = vec![
            Node::leaf("version", store.version.to_string()).meaning(name_of(store.authority)),
            Node::leaf("epoch", store.epoch.to_string()).meaning(withdrawn),
        ];
        Ok(Node::new(arguments.out.display().to_string(), format!("{} bytes", object.len()), children).text())
    })
}
