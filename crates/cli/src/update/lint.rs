//! `aseptic update lint`.

use super::keys;
use crate::error::{Error, Report, Result};
use crate::file;
use crate::tree::Node;
use aseptic_core::Reason;
use aseptic_hosted::crypto::suite;
use aseptic_infra::author::{Weight, lint};
use clap::Args;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Say what devices will refuse of an envelope, and what is unwise, before it is released.
///
/// Each finding has a stable id. With --key, the manifest is also walked by the device's own code, as a device of the vendor
/// and class that the manifest names, which trusts these keys. The exit status is 1 if devices would refuse the envelope.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic update lint pump-7.suit --key alice.pub")]
pub(crate) struct Arguments {
    /// The envelope
    file: PathBuf,
    /// Public keys of the authors: PEM, public keys or certificates; may be repeated
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Report> {
    let bytes = file::read(&arguments.file)?;
    let spki = keys::public(&arguments.key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let findings = lint(&suite(), &bytes, &keys::borrowed(&spki), now);
    let refused = findings.iter().any(|finding| finding.weight == Weight::Refused);
    let nodes = findings.iter().map(|finding| {
        let weight = match finding.weight {
            Weight::Refused => "devices refuse it",
            Weight::Unwise => "unwise",
        };
        let children = vec![Node::leaf("found", &finding.what), Node::leaf("remedy", finding.remedy)];
        Node::new(finding.id, weight, children)
    });
    let nodes: Vec<_> = nodes.collect();
    let verdict = match (refused, nodes.is_empty()) {
        (true, _) => "not to be released",
        (false, false) => "devices would take it",
        (false, true) => "no objection",
    };
    let tree = Node::new("lint", verdict, nodes);
    let refusal = || {
        Error::because(&arguments.file, Reason::ManifestUnsupported, "Devices would refuse the envelope.")
            .remedied("Do what the findings say.")
    };
    Ok(Report { text: if arguments.json { tree.json() } else { tree.text() }, refused: refused.then(refusal) })
}
