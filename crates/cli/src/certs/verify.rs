//! `aseptic certs verify`.

use super::{CERTIFICATE, LIST, Strictness, blocks, show};
use crate::error::{Error, Report, Result};
use crate::tree::{Node, hex};
use aseptic_certs::crl::{Age, Numbers};
use aseptic_certs::{Answer, Certificate, HeldLists, Judgement, PathValidator};
use aseptic_core::Reason;
use aseptic_core::clinical::{self, Response};
use aseptic_core::time::{Time, Trust};
use aseptic_core::trust::{Anchor, Grounds, Purpose, Revocation, ValidatedPath, Validity};
use aseptic_hosted::crypto::suite;
use clap::{Args, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Say whether a device would believe a chain, and why.
///
/// Shown are the path that was found, the revocation lists that answered, and everything that is wrong: at which certificate,
/// in which field, what was wanted and what was found, with the remedy. Without --crls nobody asks about revocation; with
/// them every certificate of the path must be covered by a list. The exit status is 0 if the chain is accepted, with a flag
/// or without, and 1 if it is refused.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic certs verify --anchors hospital.pem --intermediates issuing.pem --crls lists.pem \\\n      --name relay.hospital.example --purpose network relay.pem"
)]
pub(crate) struct Arguments {
    /// The certificate to judge, in PEM or DER; further ones in the file are intermediates
    leaf: PathBuf,
    /// CA certificates that are trusted; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    anchors: Vec<PathBuf>,
    /// CA certificates in between, in any order; may be repeated
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// Revocation lists; may be repeated
    #[arg(long, value_name = "FILE")]
    crls: Vec<PathBuf>,
    /// The DNS name or address of the peer that was meant
    #[arg(long)]
    name: Option<String>,
    /// What the peer wants to do
    #[arg(long, value_enum, default_value = "network")]
    purpose: Use,
    /// By a trusted clock at this time (RFC 3339, or seconds since 1970) instead of now
    #[arg(long, value_name = "TIME", group = "clock", value_parser = time)]
    at: Option<u64>,
    /// Without a clock, but it is certainly this late
    #[arg(long, value_name = "TIME", group = "clock", value_parser = time)]
    floor: Option<u64>,
    /// Without any idea of the time
    #[arg(long, group = "clock")]
    no_clock: bool,
    /// How strict
    #[arg(long, value_enum, default_value = "device")]
    profile: Strictness,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The purposes of [`Purpose`].
#[derive(Clone, Copy, ValueEnum)]
enum Use {
    Birth,
    UpdateInstall,
    Enrolment,
    Network,
    Receive,
    Telemetry,
    Alarm,
    Audit,
    Command,
    Configuration,
}

pub(super) fn run(arguments: &Arguments) -> Result<Report> {
    let all = |paths: &[PathBuf], label| paths.iter().map(|path| blocks(path, label)).collect::<Result<Vec<_>>>();
    let mut chain = blocks(&arguments.leaf, CERTIFICATE)?;
    chain.extend(all(&arguments.intermediates, CERTIFICATE)?.concat());
    let (anchors, lists) = (all(&arguments.anchors, CERTIFICATE)?.concat(), all(&arguments.crls, LIST)?.concat());
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let anchors: Vec<&[u8]> = anchors.iter().map(Vec::as_slice).collect();
    let held: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();

    let lists = HeldLists { lists: &held, numbers: &Numbers::NONE };
    let validator = PathValidator::new(arguments.profile.profile());
    let validator = if held.is_empty() { validator } else { validator.with_lists(&lists) };
    let (purpose, now) = (arguments.purpose.purpose(), arguments.now());
    let grounds: Vec<_> = anchors.iter().map(|der| Anchor::of(der)).collect();
    let judgement = validator.examine(&suite(), &chain, &Grounds::of(&grounds), purpose, now);
    let named = arguments.name.as_deref().is_none_or(|name| chain.first().is_some_and(|leaf| bears(leaf, name)));
    let (verdict, refusal) = decide(&judgement.verdict, purpose, named);

    let mut children = vec![
        Node::leaf("purpose", format!("{purpose:?}")),
        Node::leaf("profile", arguments.profile.profile().name),
        Node::leaf(
            "now",
            match now.trust {
                Trust::Unknown => "unknown".to_owned(),
                Trust::AtLeast => format!("{} or later", show::date(now.seconds)),
                Trust::Trusted => show::date(now.seconds),
            },
        ),
    ];
    children.extend(path(&judgement, &chain, &anchors));
    children.extend(evidence(&judgement));
    let mut findings: Vec<_> = judgement.findings.iter().map(show::finding).collect();
    if let (false, Some(name)) = (named, &arguments.name) {
        findings.push(other_name(name, chain.first().copied().unwrap_or_default()));
    }
    children.push(Node::new("findings", findings.len().to_string(), findings));
    let tree = Node::new("verdict", verdict, children);
    Ok(Report {
        text: if arguments.json { tree.json() } else { tree.text() },
        refused: refusal.map(|reason| Error::refused(&arguments.leaf, reason)),
    })
}

/// The verdict in a word and, if it refuses, the reason. It follows the response matrix as a device does.
fn decide(
    verdict: &aseptic_core::Result<ValidatedPath<'_>>,
    purpose: Purpose,
    named: bool,
) -> (String, Option<Reason>) {
    let path = match verdict {
        Err(reason) => return ("refused".into(), Some(*reason)),
        Ok(_) if !named => return ("refused".into(), Some(Reason::NameMismatch)),
        Ok(path) => path,
    };
    let mut degraded = None;
    for (failure, reason) in path.imperfections() {
        match clinical::response(purpose.path(), failure) {
            Response::Flag => degraded = Some(reason),
            Response::Hold => return ("held: tell a person".into(), Some(reason)),
            Response::Refuse => return ("refused".into(), Some(reason)),
        }
    }
    let word = degraded.map_or("accepted".to_owned(), |reason: Reason| {
        format!("accepted with a flag: {} (E{})", reason.cause(), reason.number())
    });
    (word, None)
}

fn path(judgement: &Judgement<'_>, chain: &[&[u8]], anchors: &[&[u8]]) -> Option<Node> {
    let found = judgement.path?;
    let mut nodes: Vec<_> = found
        .chain()
        .filter_map(|place| Some(show::certificate(format!("certificate {place}"), chain.get(place)?)))
        .collect();
    nodes.extend(anchors.get(found.anchor()).map(|der| show::certificate(format!("anchor {}", found.anchor()), der)));
    let validity = match judgement.verdict.as_ref().ok()?.validity {
        Validity::InDate => "in date",
        Validity::Expired => "authentic, ran out recently",
        Validity::LongExpired => "authentic, ran out long ago",
    };
    Some(Node::new("path", validity, nodes))
}

fn evidence(judgement: &Judgement<'_>) -> Option<Node> {
    let revocation = judgement.verdict.as_ref().ok()?.revocation;
    let lists = judgement.answers.iter().map(list).collect();
    Some(Node::new("revocation", word(revocation), lists))
}

fn list(answer: &Answer) -> Node {
    let children = answer.list.map_or_else(Vec::new, |used| {
        let number = hex(used.number.bytes());
        let number = number.trim_start_matches('0');
        let mut nodes = vec![
            Node::leaf("list number", format!("0x{}", if number.is_empty() { "0" } else { number })),
            Node::leaf("this update", show::date(used.this_update)),
            Node::leaf("next update", show::date(used.next_update)).meaning(match used.age {
                Age::Fresh => "fresh",
                Age::Ageing => "ageing",
                Age::Stale => "stale",
            }),
        ];
        nodes.extend(used.revoked.map(|date| Node::leaf("revoked", show::date(date))));
        nodes
    });
    Node::new(answer.place.to_string(), word(answer.revocation), children)
}

const fn word(revocation: Revocation) -> &'static str {
    match revocation {
        Revocation::NotAsked => "not asked",
        Revocation::Good => "not revoked",
        Revocation::Ageing => "not revoked, by a list that is ageing",
        Revocation::Unknown => "unknown",
        Revocation::Revoked => "revoked",
    }
}

/// Whether the leaf bears this DNS name or address.
fn bears(leaf: &[u8], name: &str) -> bool {
    Certificate::parse(leaf).is_ok_and(|leaf| match name.parse() {
        Ok(IpAddr::V4(address)) => leaf.matches_ip(&address.octets()),
        Ok(IpAddr::V6(address)) => leaf.matches_ip(&address.octets()),
        Err(_) => leaf.matches_dns(name),
    })
}

fn other_name(name: &str, leaf: &[u8]) -> Node {
    let names: Vec<_> = Certificate::parse(leaf)
        .map(|leaf| leaf.alternative_names().map(|name| format!("{name:?}")).collect())
        .unwrap_or_default();
    let reason = Reason::NameMismatch;
    let children = vec![
        Node::leaf("wanted", name),
        Node::leaf("found", if names.is_empty() { "nothing".into() } else { names.join(", ") }),
        Node::leaf("remedy", reason.remedy()),
    ];
    Node::new("certificate 0, subjectAltName", format!("{} (E{})", reason.cause(), reason.number()), children)
}

impl Arguments {
    fn now(&self) -> Time {
        match (self.at, self.floor) {
            (Some(seconds), _) => Time::trusted(seconds),
            (None, Some(seconds)) => Time::at_least(seconds),
            (None, None) if self.no_clock => Time::UNKNOWN,
            (None, None) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(Time::UNKNOWN, |since| Time::trusted(since.as_secs()))
            }
        }
    }
}

impl Use {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Birth => Purpose::Birth,
            Self::UpdateInstall => Purpose::UpdateInstall,
            Self::Enrolment => Purpose::Enrolment,
            Self::Network => Purpose::Network,
            Self::Receive => Purpose::Receive,
            Self::Telemetry => Purpose::Telemetry,
            Self::Alarm => Purpose::Alarm,
            Self::Audit => Purpose::Audit,
            Self::Command => Purpose::Command,
            Self::Configuration => Purpose::Configuration,
        }
    }
}

fn time(text: &str) -> std::result::Result<u64, String> {
    let date = || u64::try_from(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp()).ok();
    let seconds = text.parse().ok().or_else(date);
    seconds.ok_or_else(|| "write it like 2026-01-31T12:00:00Z, or as seconds since 1970".to_owned())
}
