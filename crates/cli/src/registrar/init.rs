//! `aseptic registrar init`.

use super::issuers;
use super::settings::{Folder, now};
use crate::error::{Error, Result};
use crate::file;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::trust::Authority;
use aseptic_infra::ca::{Ca, Validity};
use aseptic_infra::{AuthorityKey, ServerTrust, registrar};
use clap::Args;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Seconds before now from which the authorities are valid, for devices whose clock is a little behind.
const BACKDATED: u64 = 3600;

/// Make the folder of a registrar: a root, an issuing authority below it, settings and rules.
///
/// FOLDER is made with mode 0700. Then: put FOLDER/root/ca.pem into the owner's trust store of the devices, take FOLDER/root to
/// two media that are kept apart from this machine, and remove it here. Look through registrar.toml and rules.toml.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic registrar init /var/lib/registrar --name registrar.hospital.example --maker maker.trust --owner \"St Example\""
)]
pub(crate) struct Arguments {
    /// The folder, which is not there yet
    folder: PathBuf,
    /// The DNS name that devices connect to
    #[arg(long)]
    name: String,
    /// The signed trust store of the maker of the devices
    #[arg(long, value_name = "FILE")]
    maker: PathBuf,
    /// The name of the hospital or factory, in the names of the authorities
    #[arg(long)]
    owner: String,
    /// Years of the root; the issuing authority has half of them
    #[arg(long, default_value_t = 20)]
    years: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.folder;
    let fail = |error| Error::infra(path, &error);
    let makers = file::read(&arguments.maker)?;
    let refused = |error| Error::infra(&arguments.maker, &error);
    let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &makers)]).map_err(refused)?;
    let known = registrar::authorities(&trust).map_err(refused)?;
    let start = now().saturating_sub(BACKDATED);
    let years = |count| Validity::years(start, count).map_err(fail);
    let root = Ca::new(&format!("{} root", arguments.owner), years(arguments.years)?).map_err(fail)?;
    let name = format!("{} devices", arguments.owner);
    let issuing = root.intermediate(&name, years(arguments.years.div_ceil(2))?).map_err(fail)?;
    let server = AuthorityKey::generate(KeyAlg::P256).map_err(fail)?;
    // What would not serve is not made.
    let validity = Validity::days(start, 1).map_err(fail)?;
    let public = server.public().map_err(fail)?;
    issuing.issue_server(&arguments.name, public, aseptic_infra::ca::Server::Registrar, validity).map_err(fail)?;

    let folder = Folder(path);
    for made in [path.clone(), folder.root(), folder.ca()] {
        make_folder(&made)?;
    }
    root.save(&folder.root()).map_err(fail)?;
    issuing.save(&folder.ca()).map_err(fail)?;
    server.save(&folder.tls_key()).map_err(fail)?;
    file::write(&folder.maker(), &makers, false)?;
    file::write(&folder.settings(), SETTINGS.replace("NAME", &arguments.name).as_bytes(), false)?;
    file::write(&folder.rules(), format!("{RULES}\n{}", issuers::part(&known)).as_bytes(), false)?;
    Ok(format!(
        "{}: a registrar for {}\nNext: take {} to two safe media and remove it here; edit rules.toml; then `aseptic registrar serve`.",
        path.display(),
        arguments.name,
        folder.root().display()
    ))
}

pub(super) fn make_folder(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).map_err(|error| Error::file(path, &error))
}

const SETTINGS: &str = r#"# The settings of this registrar. They are read when it starts.

name = "NAME"              # the DNS name that devices connect to
listen = "[::]:8443"       # address and port

# Refuse requests that are not bound to their TLS channel (RFC 9266); devices must know that.
proof_of_possession = false
# Let anybody have the CA certificates, without a certificate of their own.
anonymous_cacerts = false
# What clients are told to ask for: "none", "list" (RFC 7030) or "template" (RFC 9908).
csrattrs = "none"
# Speak TLS 1.2 too, for clients of others that know nothing newer. Device certificates then cross the network unencrypted.
danger_legacy_tls12 = false

[limits]
connections = 64           # at once
per_address = 8            # at once, from one address
handshakes = 120           # a minute, from one address
requests = 30              # new requests an hour, of one device
"#;

const RULES: &str = r#"# Who may enrol as what. The first rule that fits a device decides; a device that none fits gets nothing.
#   issuer    a name from below, of authorities of which one issued its birth certificate; left out: any that the maker's trust store
#             vouches for. `aseptic registrar issuers FOLDER CERTIFICATE` writes such a part for a factory's own authority
#   serials   serial numbers, "*" at the end stands for any rest; left out: any
#   decision  "issue", "approve" (a person looks first) or "refuse"
#   renewal   the same, for a device that renews what it has; left out: "issue", or "refuse" if the decision is
#   retry     seconds after which a device that waits asks again
#   profile   what its certificates are

[[rule]]
decision = "approve"
retry = 600
profile = "ward"

[profile.ward]
days = 365                 # how long a certificate is valid
udi = true                 # whether the UDI of the birth certificate goes into it
"#;
