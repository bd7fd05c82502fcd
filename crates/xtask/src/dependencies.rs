//! The dependency rules of the architecture, checked against what cargo says.

use crate::shell;
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What each package of the workspace may depend on. Packages that ship may depend on nothing that is not listed.
const RULES: [(&str, &[&str]); 10] = [
    ("aseptic-core", &[]),
    ("aseptic-update", &["aseptic-core"]),
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
        &["aseptic-core", "aseptic-certs", "aseptic-identity", "aseptic-messaging", "aseptic-update", "aseptic-hosted"],
    ),
    (
        "aseptic",
        &["aseptic-core", "aseptic-certs", "aseptic-identity", "aseptic-messaging", "aseptic-update", "aseptic-hosted"],
    ),
];

/// Third-party packages that only the named packages may use.
const CONFINED: [(&str, &[&str]); 12] = [
    ("rustls", &["aseptic-hosted", "aseptic-infra", "aseptic-cli"]),
    ("rcgen", &["aseptic-infra", "aseptic-cli"]),
    ("x509-parser", &["aseptic-infra", "aseptic-cli"]),
    ("aws-lc-rs", &["aseptic-hosted"]),
    ("rustls-webpki", &["aseptic-certs"]),
    ("cbor4ii", &["aseptic-core"]),
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
    let broken = violations(&direct(&serde_json::from_str(&metadata)?));
    if !broken.is_empty() {
        bail!("dependency rules broken:\n  {}", broken.join("\n  "));
    }
    println!("dependencies: {} packages follow the rules", RULES.len());
    Ok(())
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

fn violations(packages: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let rules: BTreeMap<&str, &[&str]> = RULES.into_iter().collect();
    let mut broken = Vec::new();
    for (package, dependencies) in packages {
        let Some(allowed) = rules.get(package.as_str()) else { continue };
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
    fn a_pillar_that_uses_another_is_found() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let packages = BTreeMap::from([
            ("aseptic-core".to_owned(), set(&["cbor4ii"])),
            ("aseptic-update".to_owned(), set(&["aseptic-core", "aseptic-messaging", "cbor4ii"])),
            ("aseptic-messaging".to_owned(), set(&["aseptic-core"])),
        ]);
        assert_eq!(
            violations(&packages),
            ["aseptic-update must not depend on aseptic-messaging", "aseptic-update must not use cbor4ii"]
        );
    }
}
