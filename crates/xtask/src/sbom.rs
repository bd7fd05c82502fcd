//! What is inside each thing that we ship: a CycloneDX file a profile, and the licences of what others wrote.
//!
//! Own code, because `cargo-cyclonedx` describes packages of a workspace where they lie, all with the same features, while
//! a device maker wants the one library that was linked: its target, its features, no build tools. `cargo tree` resolves
//! exactly that; the rest is JSON.

use crate::firmware::Shape;
use crate::{setup, shell};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One thing that is shipped.
struct Profile {
    name: &'static str,
    package: &'static str,
    /// As CycloneDX calls it.
    kind: &'static str,
    what: &'static str,
    target: &'static str,
    features: Option<&'static str>,
    /// What of Rust itself is linked.
    runtime: &'static str,
}

const HOST: &str = "x86_64-unknown-linux-gnu";
const PROFILES: [Profile; 4] = [
    Profile {
        name: "boot",
        package: "aseptic-ffi",
        kind: "library",
        what: "libaseptic.a for boot loaders: updates, with software cryptography",
        target: setup::BARE_METAL,
        features: Some(Shape::Boot.features()),
        runtime: "core",
    },
    Profile {
        name: "device",
        package: "aseptic-ffi",
        kind: "library",
        what: "libaseptic.a for firmware: all pillars, with software cryptography",
        target: setup::BARE_METAL,
        features: Some(Shape::Device.features()),
        runtime: "core",
    },
    Profile {
        name: "hosted",
        package: "aseptic-ffi",
        kind: "library",
        what: "libaseptic.a and libaseptic.so for Linux",
        target: HOST,
        features: None,
        runtime: "std",
    },
    Profile {
        name: "command",
        package: "aseptic-cli",
        kind: "application",
        what: "the command aseptic",
        target: HOST,
        features: None,
        runtime: "std",
    },
];

/// A package inside, and what it uses.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    licence: String,
    ours: bool,
    uses: BTreeSet<(String, String)>,
}

/// Packages by name and version.
type Parts = BTreeMap<(String, String), Part>;

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

#[derive(Deserialize)]
struct Licences {
    licence: Vec<Licence>,
}

#[derive(Deserialize)]
struct Licence {
    name: String,
    asks: String,
}

/// Writes a file a profile into `folder`, and prints how many packages of others are inside.
pub(crate) fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let checksums = checksums(&fs::read_to_string(shell::root().join("Cargo.lock"))?)?;
    let compiler = shell::output(shell::program("rustc").arg("--version"))?;
    let compiler = compiler.split_whitespace().nth(1).context("rustc has no version")?.to_owned();
    // Of the commit, so that the same source gives the same file; without a repository there is none.
    let time = shell::output(shell::program("git").args(["log", "-1", "--format=%cI"])).ok();
    let allowed = allowed()?;
    let (mut files, mut needed) = (Vec::new(), BTreeSet::new());
    for profile in &PROFILES {
        let parts = parts(profile)?;
        needed.extend(judge(&parts, &allowed)?);
        let bom = bom(profile, &parts, &checksums, &compiler, time.as_deref().map(str::trim))?;
        let path = folder.join(format!("aseptic-{}.cdx.json", profile.name));
        fs::write(&path, serde_json::to_string_pretty(&bom)? + "\n")?;
        files.push(path);
        let (others, ours) =
            (parts.values().filter(|part| !part.ours).count(), parts.values().filter(|part| part.ours).count());
        println!("sbom: {}: {others} third-party packages, {ours} of ours, {}", profile.name, profile.target);
    }
    if let Some(idle) = allowed.iter().find(|name| !needed.contains(*name)) {
        bail!("tests/sbom/licences.toml: no package has needed {idle}; strike it");
    }
    Ok(files)
}

/// Lets the tools of the CycloneDX project read what was written.
pub(crate) fn check(folder: &Path) -> Result<()> {
    let files = write(folder)?;
    let Some(python) = setup::python() else {
        if shell::ci() {
            bail!("the Python packages are missing; run `cargo xtask setup`");
        }
        println!("sbom: validation skipped, the Python packages are not installed");
        return Ok(());
    };
    let mut validate = shell::program(&python.to_string_lossy());
    let said = shell::output(validate.arg("tests/sbom/validate.py").args(&files))?;
    if said.lines().count() != files.len() {
        bail!("the validator has not read all files:\n{said}");
    }
    println!("sbom: {} files follow the schema of CycloneDX {SPECIFICATION}", files.len());
    Ok(())
}

const SPECIFICATION: &str = "1.6";

/// What is linked into a profile, as cargo resolves it: no build scripts, no macros, no tests.
fn parts(profile: &Profile) -> Result<Parts> {
    let mut tree = shell::cargo();
    tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "|{p}|{l}"]);
    tree.args(["--package", profile.package, "--target", profile.target]);
    if let Some(features) = profile.features {
        tree.args(["--no-default-features", "--features", features]);
    }
    read(&shell::output(&mut tree)?)
}

/// Reads the lines of `cargo tree`: depth, package, licence. A package that stood before is not followed again.
fn read(tree: &str) -> Result<Parts> {
    let mut parts = Parts::new();
    let mut above: Vec<(String, String)> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('|').collect();
        let [depth, package, licence] = fields[..] else { bail!("cargo tree says `{line}`") };
        let depth: usize = depth.parse()?;
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v'))) else {
            bail!("cargo tree says `{line}`");
        };
        let key = (name.to_owned(), version.to_owned());
        let part = parts.entry(key.clone()).or_default();
        part.licence = licence.trim_end_matches(" (*)").to_owned();
        // Packages of others come from the registry, which is not shown; ours from a folder.
        part.ours = package.contains(" (/");
        above.truncate(depth);
        if let Some(user) = above.last().and_then(|user| parts.get_mut(user)) {
            user.uses.insert(key.clone());
        }
        above.push(key);
    }
    Ok(parts)
}

/// The licences that the packages need of those that are allowed. A package that cannot be met with them is an error.
fn judge(parts: &Parts, allowed: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut needed = BTreeSet::new();
    for ((name, version), part) in parts.iter().filter(|(_, part)| !part.ours) {
        let expression = spdx::Expression::parse_mode(&part.licence, spdx::ParseMode::LAX)
            .with_context(|| format!("{name} {version} has the licence `{}`", part.licence))?;
        let fits = |requirement: &spdx::LicenseReq| allowed.contains(&requirement.to_string());
        if !expression.evaluate(fits) {
            bail!("{name} {version} has the licence `{}`; tests/sbom/licences.toml does not allow it", part.licence);
        }
        needed.extend(expression.requirements().map(|requirement| requirement.req.to_string()));
    }
    Ok(needed)
}

fn allowed() -> Result<BTreeSet<String>> {
    let list: Licences = toml::from_str(&fs::read_to_string(shell::root().join("tests/sbom/licences.toml"))?)?;
    if let Some(licence) = list.licence.iter().find(|licence| licence.asks.trim().is_empty()) {
        bail!("tests/sbom/licences.toml does not say what {} asks", licence.name);
    }
    Ok(list.licence.into_iter().map(|licence| licence.name).collect())
}

/// SHA-256 of each package as the registry has it.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: Lock = toml::from_str(lock)?;
    let entry = |package: Locked| Some(((package.name, package.version), package.checksum?));
    Ok(lock.package.into_iter().filter_map(entry).collect())
}

fn bom(
    profile: &Profile,
    parts: &Parts,
    checksums: &BTreeMap<(String, String), String>,
    compiler: &str,
    time: Option<&str>,
) -> Result<Value> {
    let reference = |(name, version): &(String, String)| format!("{name}@{version}");
    let runtime = (format!("rust-{}", profile.runtime), compiler.to_owned());
    let (mut root, mut components, mut dependencies) = (Value::Null, Vec::new(), Vec::new());
    for (key, part) in parts {
        let (name, version) = key;
        let expression = spdx::Expression::canonicalize(&part.licence)?.unwrap_or_else(|| part.licence.clone());
        let mut component = json!({
            "type": "library",
            "bom-ref": reference(key),
            "name": name,
            "version": version,
            "scope": "required",
            "licenses": [{ "expression": expression }],
            // Ours are not on the registry, where somebody else may take their names.
            "purl": if part.ours { format!("pkg:generic/{name}@{version}") } else { format!("pkg:cargo/{name}@{version}") },
        });
        if !part.ours {
            let checksum = checksums.get(key).with_context(|| format!("{name} {version} has no checksum"))?;
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        let mut uses: Vec<String> = part.uses.iter().map(reference).collect();
        uses.push(reference(&runtime));
        dependencies.push(json!({ "ref": reference(key), "dependsOn": uses }));
        if name == profile.package {
            component["type"] = profile.kind.into();
            component["description"] = profile.what.into();
            root = component;
        } else {
            components.push(component);
        }
    }
    components.push(json!({
        "type": "library",
        "bom-ref": reference(&runtime),
        "name": "rust",
        "version": compiler,
        "description": format!("the library `{}` of Rust", profile.runtime),
        "scope": "required",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "purl": format!("pkg:generic/rust@{compiler}"),
    }));
    dependencies.push(json!({ "ref": reference(&runtime), "dependsOn": [] }));
    let mut bom = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": "cargo xtask dist" }] },
            "authors": [{ "name": "aseptic" }],
            "component": root,
            "properties": [
                { "name": "aseptic:target", "value": profile.target },
                { "name": "aseptic:features", "value": profile.features.unwrap_or("default") },
            ],
        },
        "components": components,
        "dependencies": dependencies,
    });
    if let Some(time) = time {
        bom["metadata"]["timestamp"] = time.into();
    }
    Ok(bom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str =
        "0|ours v0.1.0 (/home/ours)|MIT\n1|a v1.0.0|MIT/Apache-2.0\n2|b v2.0.0|ISC\n1|b v2.0.0|ISC (*)\n";

    fn key(name: &str, version: &str) -> (String, String) {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn the_tree_becomes_a_graph() {
        let parts = read(TREE).unwrap();
        let uses = |name: &str, version: &str| parts[&key(name, version)].uses.iter().cloned().collect::<Vec<_>>();
        assert_eq!(uses("ours", "0.1.0"), [key("a", "1.0.0"), key("b", "2.0.0")]);
        assert_eq!((uses("a", "1.0.0"), uses("b", "2.0.0")), (vec![key("b", "2.0.0")], vec![]));
        assert!(parts[&key("ours", "0.1.0")].ours && !parts[&key("a", "1.0.0")].ours);
    }

    #[test]
    fn a_licence_that_is_not_listed_is_refused() {
        let parts = read(TREE).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert!(judge(&parts, &set(&["MIT", "ISC"])).is_ok());
        assert!(judge(&parts, &set(&["Apache-2.0", "ISC"])).is_ok());
        assert!(judge(&parts, &set(&["MIT"])).is_err());
        assert!(judge(&read("0|x v1.0.0|\n").unwrap(), &set(&["MIT"])).is_err());
        assert!(judge(&read("0|x v1.0.0|GPL-3.0-only\n").unwrap(), &set(&["MIT"])).is_err());
    }

    #[test]
    fn every_package_of_others_has_an_allowed_licence() {
        let allowed = allowed().unwrap();
        for profile in &PROFILES {
            judge(&parts(profile).unwrap(), &allowed).unwrap();
        }
    }
}
