//! `aseptic trust list`.

use super::{day, name_of, with_store, words};
use crate::error::Result;
use crate::tree::{Node, hex};
use aseptic_certs::Certificate;
use aseptic_certs::constraints::Controls;
use aseptic_core::crypto::{PublicKey, soft};
use aseptic_core::trust::{Anchor, Entry, Material, TrustStore};
use aseptic_infra::algorithm_name;
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// Show a trust store: who is in charge, who may do what, and what is refused.
///
/// The store is read as a device reads it that installs it as its first: one that no device would take is refused here.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic trust list owner-4.store")]
pub(crate) struct Arguments {
    /// A signed trust store
    file: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let tree = with_store(&arguments.file, |store| Ok(tree(store)))?;
    Ok(if arguments.json { tree.json() } else { tree.text() })
}

fn tree(store: &TrustStore<'_>) -> Node {
    let signers: Vec<_> = store.signers().map(|signer| key("key", signer)).collect();
    let needed = format!("{} of {}", store.threshold(), signers.len());
    let mut children = vec![
        Node::leaf("issued", day(store.issued)),
        Node::leaf("epoch", store.epoch.to_string()).meaning("the version that last withdrew trust"),
        Node::new("in charge", needed, signers).meaning("must sign the next version"),
    ];
    let entries: Vec<_> = store.entries().map(entry).collect();
    children.push(Node::new("grants", entries.len().to_string(), entries));
    let denied: Vec<_> = store.denied().map(|thumbprint| Node::leaf("key", hex(thumbprint))).collect();
    if !denied.is_empty() {
        children.push(Node::new("denied", denied.len().to_string(), denied));
    }
    let minimums: Vec<_> =
        store.minimums().map(|minimum| Node::leaf(hex(minimum.issuer), format!("0x{}", hex(minimum.number)))).collect();
    if !minimums.is_empty() {
        let meaning = "revocation lists of these issuers below are not believed";
        children.push(Node::new("lowest lists", minimums.len().to_string(), minimums).meaning(meaning));
    }
    for quorum in store.quorums() {
        let both = if quorum.both_families { "with one classical and one post-quantum key" } else { "" };
        let name = format!("quorum for {:?}", quorum.purpose);
        children.push(Node::leaf(name, quorum.keys.to_string()).meaning(both));
    }
    for retirement in store.retirements() {
        children
            .push(Node::leaf("retires", algorithm_name(retirement.alg)).meaning(format!("on {}", day(retirement.at))));
    }
    Node::new(
        format!("trust store of the {}", name_of(store.authority)),
        format!("version {}", store.version),
        children,
    )
}

fn entry(entry: Entry<'_>) -> Node {
    let name = String::from_utf8_lossy(entry.name).into_owned();
    let children = match entry.material {
        Material::Key(pinned) => vec![key("key", pinned)],
        Material::Thumbprint(alg, thumbprint) => vec![Node::leaf("key", hex(thumbprint)).meaning(algorithm_name(alg))],
        Material::Certificate(anchor) => certificate(&anchor),
    };
    Node::new(name, words(entry.purposes), children)
}

fn key(label: &str, key: PublicKey<'_>) -> Node {
    Node::leaf(label, key.thumbprint(&soft::suite()).map(|name| hex(&name)).unwrap_or_default())
        .meaning(algorithm_name(key.alg()))
}

fn certificate(anchor: &Anchor<'_>) -> Vec<Node> {
    let Ok(parsed) = Certificate::parse(anchor.certificate) else { return vec![Node::leaf("anchor", "not readable")] };
    let subject = parsed.common_name().or_else(|| parsed.device_serial()).unwrap_or_default();
    let thumbprint = soft::suite().sha256(&[parsed.spki]).map(|name| hex(&name)).unwrap_or_default();
    let mut nodes = vec![
        Node::leaf("anchor", String::from_utf8_lossy(subject)),
        Node::leaf("valid", format!("{} to {}", day(parsed.not_before), day(parsed.not_after))),
        Node::leaf("key", thumbprint),
    ];
    if let Ok(controls) = Controls::parse(anchor.constraints) {
        nodes.extend(constraints(&controls));
    }
    nodes.extend(
        anchor.successor.map(|next| Node::leaf("successor", hex(next)).meaning("announced key of the next root")),
    );
    nodes
}

fn constraints(controls: &Controls<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    nodes.extend(controls.path_length.map(|most| Node::leaf("intermediates", format!("at most {most}"))));
    for (label, names) in [("permitted", controls.subtrees(0)), ("excluded", controls.subtrees(1))] {
        let names: Vec<_> = names.map(|(tag, base)| name(tag, base)).collect();
        if !names.is_empty() {
            nodes.push(Node::leaf(label, names.join(", ")));
        }
    }
    if let Some(set) = controls.policy_set {
        let policies: Vec<_> = aseptic_certs::constraints::policies(set).map(crate::inspect::names::dotted).collect();
        let meaning =
            if controls.explicit_policy { "one of them is required" } else { "one of them, where one is required" };
        nodes.push(Node::leaf("policies", policies.join(", ")).meaning(meaning));
    }
    nodes
}

/// A host, or an address with its mask.
fn name(tag: u8, base: &[u8]) -> String {
    let address = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => IpAddr::from(four).to_string(),
        (_, Ok(sixteen)) => IpAddr::from(sixteen).to_string(),
        _ => hex(bytes),
    };
    if tag == 0x82 {
        return String::from_utf8_lossy(base).into_owned();
    }
    let (bits, mask) = base.split_at(base.len() / 2);
    format!("{}/{}", address(bits), mask.iter().map(|byte| byte.count_ones()).sum::<u32>())
}
