//! The rules of the architecture: who may depend on whom, as cargo says it, and what [`source`] finds in the text.

use crate::{shell, source};
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What each package of the workspace may depend on. Packages that ship may depend on nothing that is not listed.
const RULES: [(&str, &[&str]); 12] = [
    ("aseptic-core", &[]),
    ("aseptic-update", &["aseptic-core"]),
    ("aseptic-nor", &["aseptic-core"]),
    ("aseptic-selftest", &["aseptic-core", "aseptic-nor"]),
    ("aseptic-certs", &["aseptic-core"]),
    ("aseptic-messaging", &["aseptic-core"]),
    ("aseptic-identity", &["aseptic-core", "aseptic-certs"]),
    ("aseptic-hosted", &["aseptic-core", "aseptic-certs", "aseptic-identity", "aseptic-messaging", "aseptic-update"]),
    (
        "aseptic-infra",
        &["aseptic-core", "aseptic-certs", "aseptic-identity", "aseptic-messaging", "aseptic-update", "aseptic-hosted"],
    ),
    (
        "aseptic-cli",
        &[
            "aseptic-core",
            "aseptic-certs",
            "aseptic-identity",
            "aseptic-messaging",
            "aseptic-update",
            "aseptic-hosted",
            "aseptic-infra",
        ],
    ),
    (
        "aseptic-ffi",
        &[
            "aseptic-core",
            "aseptic-certs",
            "aseptic-identity",
            "aseptic-messaging",
            "aseptic-update",
            "aseptic-nor",
            "aseptic-selftest",
            "aseptic-hosted",
        ],
    ),
    (
        "aseptic",
        &["aseptic-core", "aseptic-certs", "aseptic-identity", "aseptic-messaging", "aseptic-update", "aseptic-hosted"],
    ),
];

/// Packages that ship nothing. They may use all others, and no other may use them.
const TOOLS: [&str; 2] = ["aseptic-testbed", "xtask"];

/// Third-party packages that only the named packages may use.
const CONFINED: [(&str, &[&str]); 13] = [
    ("rustls", &["aseptic-hosted", "aseptic-infra", "aseptic-cli"]),
    ("rcgen", &["aseptic-infra", "aseptic-cli"]),
    ("x509-parser", &["aseptic-infra", "aseptic-cli"]),
    ("aws-lc-rs", &["aseptic-hosted"]),
    ("rustls-webpki", &["aseptic-certs"]),
    ("cbor4ii", &["aseptic-core"]),
    ("ecdsa", &["aseptic-core"]),
    ("p256", &["aseptic-core"]),
    ("ed25519-dalek", &["aseptic-core"]),
    ("x25519-dalek", &["aseptic-core"]),
    ("sha2", &["aseptic-core"]),
    ("aes-gcm", &["aseptic-core"]),
    ("chacha20poly1305", &["aseptic-core"]),
];

/// Fails with every rule that is broken.
pub(crate) fn run() -> Result<()> {
    let metadata = shell::output(shell::cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let broken = violations(&direct(&metadata));
    if !broken.is_empty() {
        bail!("dependency rules broken:\n  {}", broken.join("\n  "));
    }
    println!("dependencies: {} packages follow the rules", RULES.len());
    msrv(&metadata)?;
    source::run()
}

/// Package → its normal dependencies, without development and build ones.
fn direct(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let normal = |dependency: &Value| dependency["kind"].is_null();
    list(&metadata["packages"])
        .iter()
        .map(|package| (name(package), list(&package["dependencies"]).iter().filter(|d| normal(d)).map(name).collect()))
        .collect()
}

/// Every package states the oldest compiler that it builds with, all the same one; and whether it is the one in use, which
/// builds and tests everything here.
fn msrv(metadata: &Value) -> Result<()> {
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let stated: BTreeSet<&str> =
        packages.iter().map(|package| package["rust_version"].as_str().unwrap_or("")).collect();
    let [stated] = stated.into_iter().collect::<Vec<_>>()[..] else { bail!("packages state several rust-version") };
    let used = shell::output(shell::program("rustc").arg("--version"))?;
    let (oldest, newest) = (minor(stated), used.split_whitespace().nth(1).and_then(minor));
    match (oldest, newest) {
        (Some(oldest), Some(newest)) if newest == oldest => println!("rust-version: {stated} is the compiler in use"),
        (Some(oldest), Some(newest)) if newest > oldest => {
            println!(
                "rust-version: {stated} is stated and not tested here, the compiler in use is newer: {}",
                used.trim()
            );
        }
        _ => bail!("rust-version is {stated:?}, and the compiler in use {}", used.trim()),
    }
    Ok(())
}

/// The minor number of a version of Rust 1.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

fn violations(packages: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let rules: BTreeMap<&str, &[&str]> = RULES.into_iter().collect();
    let mut broken = Vec::new();
    for (package, dependencies) in packages {
        let Some(allowed) = rules.get(package.as_str()) else {
            if !TOOLS.contains(&package.as_str()) {
                broken.push(format!("{package} has no rule"));
            }
            continue;
        };
        for dependency in dependencies {
            let ours = packages.contains_key(dependency);
            let confined = CONFINED.iter().find(|(name, _)| name == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{package} must not depend on {dependency}"));
            }
            if confined.is_some_and(|(_, users)| !users.contains(&package.as_str())) {
                broken.push(format!("{package} must not use {dependency}"));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_follows_the_rules() {
        run().unwrap();
    }

    #[test]
    fn versions_are_compared_by_their_minor_number() {
        assert_eq!((minor("1.95"), minor("1.100.1"), minor("1.96.0-nightly")), (Some(95), Some(100), Some(96)));
        assert_eq!((minor(""), minor("2.0")), (None, None));
    }

    #[test]
    fn a_pillar_that_uses_another_is_found() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let packages = BTreeMap::from([
            ("aseptic-core".to_owned(), set(&["p256"])),
            ("aseptic-update".to_owned(), set(&["aseptic-core", "aseptic-messaging", "p256"])),
            ("aseptic-messaging".to_owned(), set(&["aseptic-core", "aseptic-testbed"])),
            ("aseptic-more".to_owned(), set(&[])),
            ("aseptic-testbed".to_owned(), set(&["aseptic-core", "aseptic-more"])),
        ]);
        assert_eq!(
            violations(&packages),
            [
                "aseptic-messaging must not depend on aseptic-testbed",
                "aseptic-more has no rule",
                "aseptic-update must not depend on aseptic-messaging",
                "aseptic-update must not use p256",
            ]
        );
    }
}
