//! `aseptic certs lint`.

use super::{CERTIFICATE, blocks, show};
use crate::error::{Error, Report, Result};
use crate::tree::Node;
use aseptic_certs::Certificate;
use aseptic_certs::profile::{self, BIRTH, COMPAT, DEVICE, Position, Rule, Subject, TRUST_AUTHOR};
use aseptic_core::Reason;
use aseptic_hosted::crypto::suite;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Say which rules of a profile a certificate breaks, each with its clause.
///
/// The tables are those that devices apply and that the issuing CA checks before it hands a certificate out. Where a
/// certificate stands in its path is guessed from it, unless --position says so. The exit status is 1 if a rule is broken.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic certs lint --profile birth idevid.pem")]
pub(crate) struct Arguments {
    /// Certificates, in PEM or DER
    file: PathBuf,
    /// Which rules
    #[arg(long, value_enum, default_value = "device")]
    profile: Table,
    /// Where the certificate stands in its path
    #[arg(long, value_enum)]
    position: Option<Place>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Table {
    /// What devices accept
    Device,
    /// RFC 5280 as the field has it
    Compat,
    /// A birth certificate (IEEE 802.1AR), beside what devices accept
    Birth,
    /// Of a key that signs trust stores (RFC 9809), beside what devices accept
    TrustAuthor,
}

#[derive(Clone, Copy, ValueEnum)]
enum Place {
    Leaf,
    Intermediate,
    Anchor,
}

pub(super) fn run(arguments: &Arguments) -> Result<Report> {
    let tables: &[&[Rule]] = match arguments.profile {
        Table::Device => &[DEVICE.rules],
        Table::Compat => &[COMPAT.rules],
        Table::Birth => &[DEVICE.rules, BIRTH],
        Table::TrustAuthor => &[DEVICE.rules, TRUST_AUTHOR],
    };
    let (mut nodes, mut refused) = (Vec::new(), None);
    for (index, der) in blocks(&arguments.file, CERTIFICATE)?.iter().enumerate() {
        let certificate = Certificate::parse(der).map_err(|reason| Error::refused(&arguments.file, reason))?;
        let position = arguments.position.map_or_else(|| guess(&certificate), Place::position);
        let suite = suite();
        let subject = Subject { certificate: &certificate, position, suite: &suite };
        let mut broken = Vec::new();
        for (rule, difference) in tables.iter().flat_map(|table| profile::violations(table, subject)) {
            refused = refused.or(Some(rule.reason));
            let children = vec![
                Node::leaf("field", rule.field),
                Node::leaf("wanted", show::value(difference.wanted)),
                Node::leaf("found", show::value(difference.found)),
                Node::leaf("remedy", rule.reason.remedy()),
            ];
            broken.push(Node::new(rule.id, rule.clause, children));
        }
        let count =
            format!("{} of {} rules broken", broken.len(), tables.iter().map(|table| table.len()).sum::<usize>());
        let name = format!("certificate {index}, as {}", format!("{position:?}").to_lowercase());
        nodes.push(Node::new(name, count, broken));
    }
    let tree = Node::new("lint", if refused.is_some() { "not to be issued" } else { "no objection" }, nodes);
    Ok(Report {
        text: if arguments.json { tree.json() } else { tree.text() },
        refused: refused.map(|reason: Reason| Error::refused(&arguments.file, reason)),
    })
}

fn guess(certificate: &Certificate<'_>) -> Position {
    let authority = certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca);
    match (authority, certificate.is_self_issued()) {
        (false, _) => Position::Leaf,
        (true, false) => Position::Intermediate,
        (true, true) => Position::Anchor,
    }
}

impl Place {
    const fn position(self) -> Position {
        match self {
            Self::Leaf => Position::Leaf,
            Self::Intermediate => Position::Intermediate,
            Self::Anchor => Position::Anchor,
        }
    }
}
