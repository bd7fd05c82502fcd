//! `aseptic update verify`.

use super::{keys, progress};
use crate::error::{Error, Report, Result};
use crate::file;
use crate::tree::{Node, hex};
use aseptic_core::Reason;
use aseptic_core::cose::RecipientKey;
use aseptic_core::crypto::soft;
use aseptic_core::time::Time;
use aseptic_core::trust::Authority;
use aseptic_hosted::crypto;
use aseptic_infra::author::{self, Answer, Believed, Identity, Pinned, Question, Standing, Step, examine};
use aseptic_infra::owner::Description;
use aseptic_infra::{ServerTrust, algorithm_name};
use aseptic_update::{Source, payload_key};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Check an update as a device does, with the device's own code, step by step.
///
/// Whom the device believes say --policy (its trust stores, with their quorums) or, for a look at the signatures alone, --key.
/// Which device it is say --vendor and --class; without them it is one of those that the manifest itself names. Payloads are
/// brought into a slot of memory, decrypted where there is a key, read back and compared.
///
/// What only a device knows is not judged: whether it is in use, what it has room for, whether its owner holds the update
/// back. What is not judged is said.
///
/// The exit status is 0 if every step that was judged passed, 1 if one refuses the update, 2 for wrong arguments and files
/// that cannot be read.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic update verify pump-7.suit --policy maker.store --policy hospital.store \\\n      \
                  --vendor pumps.example --class 'infusion pump 2' --payload https://pumps.example/7.bin=pump-7.bin"
)]
pub(crate) struct Arguments {
    /// The envelope
    file: PathBuf,
    /// Public keys each of which may author releases: PEM, public keys or certificates; may be repeated
    #[arg(long, visible_alias = "anchors", value_name = "FILE", required_unless_present = "policy")]
    key: Vec<PathBuf>,
    /// A trust store, signed, or as the TOML that `trust update` makes it from; one of the manufacturer, one of the owner
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    policy: Vec<PathBuf>,
    /// Domain name of the maker of the device
    #[arg(long, value_name = "DOMAIN", conflicts_with = "vendor_id")]
    vendor: Option<String>,
    /// Name of the class of devices
    #[arg(long, value_name = "NAME", requires = "vendor", conflicts_with = "class_id")]
    class: Option<String>,
    /// Vendor as a UUID
    #[arg(long, value_name = "UUID", requires = "class_id")]
    vendor_id: Option<Uuid>,
    /// Class as a UUID; without a vendor, that of the manifest
    #[arg(long, value_name = "UUID")]
    class_id: Option<Uuid>,
    /// A component that the device has, its parts joined by /; may be repeated; without it, those that the manifest installs
    #[arg(long, value_name = "ID")]
    component: Vec<String>,
    /// The rollback floor of the device
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    floor: u64,
    /// What time it is at the device (seconds since 1970), instead of now
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// How the envelope comes to the device
    #[arg(long, value_enum, default_value = "network")]
    source: From,
    /// A payload that travels apart from the envelope, under its URI; may be repeated
    #[arg(long, value_name = "URI=FILE", value_parser = payload)]
    payload: Vec<(String, PathBuf)>,
    /// Private key of the device for encrypted payloads: PEM (PKCS#8), P-256 or X25519, mode 0600
    #[arg(long, value_name = "FILE")]
    device_key: Option<PathBuf>,
    /// Key-encryption key of the device by its name, raw bytes, mode 0600; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = payload)]
    kek: Vec<(String, PathBuf)>,
    /// With which algorithms the device verifies: firmware has no ML-DSA
    #[arg(long, value_enum, default_value = "host")]
    suite: Algorithms,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithms {
    Host,
    Firmware,
}

#[derive(Clone, Copy, ValueEnum)]
enum From {
    Network,
    Medium,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Verdict {
    accepted: bool,
    steps: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    step: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    details: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Role>,
}

/// How far one role has come.
#[derive(Serialize)]
struct Role {
    role: &'static str,
    purpose: String,
    needed: usize,
    both_families: bool,
    signed: Vec<Key>,
    others: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    name: String,
    algorithm: &'static str,
    thumbprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retires: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Report> {
    let envelope = file::read(&arguments.file)?;
    let spki = keys::public(&arguments.key)?;
    let public = keys::borrowed(&spki);
    let stores = (!arguments.policy.is_empty()).then(|| stores(&arguments.policy)).transpose()?;
    let identity = identity(arguments, &envelope)?;
    let device_key = arguments.device_key.as_deref().map(keys::agreement).transpose()?;
    let keks = keys::secrets(&arguments.kek)?;
    let mut unlock = Vec::new();
    if let (Some(key), Some(path)) = (&device_key, &arguments.device_key) {
        unlock.push(payload_key(key).map_err(|reason| Error::refused(path, reason))?);
    }
    for ((name, kek), (_, path)) in keks.iter().zip(&arguments.kek) {
        let key = RecipientKey::wrap(kek).map_err(|reason| Error::refused(path, reason))?;
        unlock.push(key.with_kid(name.as_bytes()));
    }
    let open = |uri: &str| {
        let (_, path) = arguments.payload.iter().find(|(named, _)| named == uri)?;
        Some(match progress::open(path) {
            Ok(file) => Ok(Box::new(file) as Box<dyn Read>),
            Err(error) => Err(aseptic_infra::Error::io(&error, format!("reading {}", path.display()))),
        })
    };
    // A file that cannot be read is misuse, before the device is asked anything.
    for (_, path) in &arguments.payload {
        progress::open(path).map_err(|error| Error::file(path, &error))?;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let question = Question {
        believed: stores.as_ref().map_or(Believed::Keys(&public), Believed::Stores),
        identity: identity.as_ref(),
        floor: arguments.floor,
        now: Time::trusted(arguments.at.unwrap_or(clock)),
        source: match arguments.source {
            From::Network => Source::Network,
            From::Medium => Source::Medium,
        },
        keys: &unlock,
        payload: &open,
    };
    let suite = match arguments.suite {
        Algorithms::Host => crypto::suite(),
        Algorithms::Firmware => soft::suite(),
    };
    let steps = examine(&suite, &envelope, &question);
    let refusal = steps.iter().find_map(|step| match step.outcome {
        Answer::Refused(reason) => Some((step, reason)),
        Answer::Passed | Answer::Open => None,
    });
    let verdict = Verdict { accepted: refusal.is_none(), steps: steps.iter().map(Told::of).collect() };
    let text = if arguments.json { serde_json::to_string_pretty(&verdict).unwrap_or_default() } else { verdict.text() };
    let refused = refusal.map(|(step, reason)| {
        let short: String = step.short().map(|standing| format!(" {}.", standing.line())).collect();
        Error::because(&arguments.file, reason, &format!("{}: {}{short}", step.name, reason.cause()))
    });
    Ok(Report { text, refused })
}

impl Verdict {
    fn text(&self) -> String {
        let nodes = self.steps.iter().map(|step| {
            let mut children: Vec<_> = step.details.iter().map(|detail| Node::leaf("seen", detail)).collect();
            if let (Some(cause), Some(remedy)) = (step.cause, step.remedy) {
                children.push(Node::leaf("cause", cause));
                children.push(Node::leaf("remedy", remedy));
            }
            Node::new(&step.step, step.outcome, children)
        });
        let open = self.steps.iter().filter(|step| step.outcome == NOT_JUDGED).count();
        let word = match (self.accepted, open) {
            (false, _) => "refused".to_owned(),
            (true, 0) => "accepted".to_owned(),
            (true, open) => format!("accepted as far as it was judged; {open} steps were not"),
        };
        Node::new("update", word, nodes.collect()).text()
    }
}

impl Told {
    fn of(step: &Step) -> Self {
        let (outcome, reason) = match step.outcome {
            Answer::Passed => ("passed", None),
            Answer::Refused(reason) => ("refused", Some(reason)),
            Answer::Open => (NOT_JUDGED, None),
        };
        Self {
            step: step.name.clone(),
            outcome,
            reason: reason.map(Reason::number),
            cause: reason.map(Reason::cause),
            remedy: reason.map(Reason::remedy),
            details: step.details.clone(),
            roles: step.standings.iter().map(Role::of).collect(),
        }
    }
}

impl Role {
    fn of(standing: &Standing) -> Self {
        let keys = |keys: &[Pinned]| {
            let key = |key: &Pinned| Key {
                name: key.name.clone(),
                algorithm: algorithm_name(key.algorithm),
                thumbprint: hex(&key.thumbprint),
                retires: key.retires,
            };
            keys.iter().map(key).collect()
        };
        Self {
            role: standing.role,
            purpose: format!("{:?}", standing.purpose),
            needed: standing.needed,
            both_families: standing.both_families,
            signed: keys(&standing.signed),
            others: keys(&standing.others),
        }
    }
}

/// The trust of a device with these stores. A description stands for the store that would be made of it.
fn stores(paths: &[PathBuf]) -> Result<ServerTrust> {
    let suite = crypto::suite();
    let mut objects: Vec<(Option<Authority>, Vec<u8>)> = Vec::new();
    for path in paths {
        let bytes = file::read(path)?;
        let fail = |error| Error::infra(path, &error);
        // A signed store is a COSE_Sign: its first byte is no text.
        objects.push(match std::str::from_utf8(&bytes) {
            Ok(text) if bytes.first().is_some_and(u8::is_ascii) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let read = |named: &Path| {
                    let named = folder.join(named);
                    std::fs::read(&named)
                        .map_err(|error| aseptic_infra::Error::io(&error, format!("reading {}", named.display())))
                };
                let described = Description::parse(&suite, text, &read).map_err(fail)?;
                let object = described.store(0).and_then(|store| store.rehearsal(&suite)).map_err(fail)?;
                (Some(described.authority()), object)
            }
            _ => (None, bytes),
        });
    }
    // Whose a signed store is stands in it: the one that takes it is its authority.
    let of = |authority, object: &[u8]| ServerTrust::new(suite, &[(authority, object)]);
    let mut named = Vec::new();
    for ((authority, object), path) in objects.iter().zip(paths) {
        let authority = match authority {
            Some(authority) => *authority,
            None => match (of(Authority::Manufacturer, object), of(Authority::Owner, object)) {
                (Ok(_), _) => Authority::Manufacturer,
                (_, Ok(_)) => Authority::Owner,
                (Err(one), Err(other)) => {
                    let said = if one.reason() == Reason::TrustPurpose { other } else { one };
                    return Err(Error::infra(path, &said));
                }
            },
        };
        named.push((authority, object.as_slice()));
    }
    ServerTrust::new(suite, &named)
        .map_err(|error| Error::infra(paths.first().map_or(Path::new(""), |path| path), &error))
}

/// The device that was asked for; none if nothing was said about it.
fn identity(arguments: &Arguments, envelope: &[u8]) -> Result<Option<Identity>> {
    let vendor = match (&arguments.vendor, arguments.vendor_id) {
        (Some(domain), _) => Some(author::vendor_id(domain)),
        (None, id) => id.map(Uuid::into_bytes),
    };
    let class = match (&arguments.class, vendor, arguments.class_id) {
        (Some(name), Some(vendor), _) => Some(author::class_id(&vendor, name)),
        (_, _, id) => id.map(Uuid::into_bytes),
    };
    if vendor.is_none() && class.is_none() && arguments.component.is_empty() {
        return Ok(None);
    }
    // What nobody said is taken from the manifest; if that cannot be read, the device says so better than this.
    let Ok(named) = author::Envelope::parse(envelope).and_then(|envelope| Identity::named_by(&envelope)) else {
        return Ok(None);
    };
    let parts = |id: &String| id.split('/').map(|part| part.as_bytes().to_vec()).collect();
    let components = match arguments.component.as_slice() {
        [] => named.components,
        given => given.iter().map(parts).collect(),
    };
    Ok(Some(Identity { vendor: vendor.unwrap_or(named.vendor), class: class.unwrap_or(named.class), components }))
}

fn payload(text: &str) -> std::result::Result<(String, PathBuf), String> {
    // A URI may have an equals sign in its query; a path has none here.
    let (uri, path) = text.rsplit_once('=').ok_or("write URI=FILE")?;
    Ok((uri.to_owned(), path.into()))
}

const NOT_JUDGED: &str = "not judged";
