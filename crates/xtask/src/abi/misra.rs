//! MISRA C:2012 by cppcheck over the header and the examples. Deviations are data.

use super::{folder, found};
use crate::shell;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
struct List {
    deviation: Vec<Deviation>,
}

/// A rule that is not kept, and why that is right.
#[derive(Deserialize)]
struct Deviation {
    rule: String,
    /// Files or folders below the root.
    places: Vec<String>,
    reason: String,
}

/// A finding: rule, file, line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    rule: String,
    file: String,
    line: String,
}

const HEADER: &str = "include/aseptic.h";
const EXAMPLES: &str = "examples/c";
const INCLUDE: [&str; 6] =
    ["include", EXAMPLES, "examples/c/freertos", "examples/c/zephyr/include", "tests/c", "tests/zephyr"];

/// Fails for a finding that no deviation covers, and for a deviation that covers none.
pub(super) fn check() -> Result<()> {
    if !found("cppcheck")? {
        return Ok(());
    }
    let text = fs::read_to_string(folder().join("misra.toml"))?;
    let list: List = toml::from_str(&text).context("tests/abi/misra.toml")?;
    let mut files = vec![HEADER.to_owned()];
    sources(&shell::root().join(EXAMPLES), EXAMPLES, &mut files)?;
    // One at a time: they are parts of several programs, each with its own main.
    let mut found = BTreeSet::new();
    for file in &files {
        let mut cppcheck = shell::program("cppcheck");
        cppcheck.args(["--quiet", "--addon=misra", "--enable=warning,performance,portability", "--std=c99"]);
        cppcheck.args(["--language=c", "--template={id} {file} {line} {message}"]);
        cppcheck.args(INCLUDE.iter().flat_map(|folder| ["-I", folder]));
        // Headers of systems that are not there are nothing to report.
        cppcheck.args(["--suppress=missingInclude", "--suppress=missingIncludeSystem", "--inline-suppr"]);
        let output = cppcheck.arg(file).output()?;
        if !output.status.success() {
            bail!("cppcheck {file}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let ours = |finding: &Finding| [HEADER, EXAMPLES].iter().any(|place| finding.file.starts_with(place));
        found.extend(findings(&String::from_utf8(output.stderr)?).into_iter().filter(ours));
    }
    list.judge(&found)?;
    println!(
        "abi: {} C files, {} MISRA findings, all of them under {} deviations",
        files.len(),
        found.len(),
        list.deviation.len()
    );
    Ok(())
}

impl List {
    fn judge(&self, findings: &BTreeSet<Finding>) -> Result<()> {
        if let Some(deviation) = self.deviation.iter().find(|deviation| deviation.reason.trim().is_empty()) {
            bail!("tests/abi/misra.toml: {} has no reason", deviation.rule);
        }
        let open: Vec<String> = findings
            .iter()
            .filter(|finding| !self.deviation.iter().any(|deviation| deviation.covers(finding)))
            .map(|Finding { rule, file, line }| format!("{file}:{line}: {rule}"))
            .collect();
        if !open.is_empty() {
            bail!("C that no deviation of tests/abi/misra.toml covers:\n  {}", open.join("\n  "));
        }
        for Deviation { rule, places, .. } in &self.deviation {
            for place in places {
                let used = |finding: &Finding| finding.rule == *rule && finding.file.starts_with(place.as_str());
                if !findings.iter().any(used) {
                    bail!("tests/abi/misra.toml: {rule} is kept in {place} now; strike the deviation");
                }
            }
        }
        Ok(())
    }
}

impl Deviation {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.places.iter().any(|place| finding.file.starts_with(place.as_str()))
    }
}

/// Reads cppcheck's lines; `misra-c2012-15.5` becomes `15.5`, other checks keep their names.
fn findings(text: &str) -> BTreeSet<Finding> {
    let finding = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (rule, file, line) = (words.next()?, words.next()?, words.next()?);
        let rule = rule.strip_prefix("misra-c2012-").map_or(rule.clone(), str::to_owned);
        line.parse::<u32>().is_ok().then_some(Finding { rule, file, line })
    };
    text.lines().filter_map(finding).collect()
}

fn sources(folder: &Path, name: &str, files: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {name}"))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for entry in names {
        let (path, name) = (folder.join(&entry), format!("{name}/{entry}"));
        if path.is_dir() {
            sources(&path, &name, files)?;
        } else if path.extension().is_some_and(|extension| extension == "c") {
            files.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rule: &str, place: &str) -> List {
        let deviation =
            Deviation { rule: rule.to_owned(), places: vec![place.to_owned()], reason: "because".to_owned() };
        List { deviation: vec![deviation] }
    }

    #[test]
    fn what_is_not_listed_and_what_is_listed_in_vain_fail() {
        let found =
            findings("misra-c2012-15.5 examples/c/pump.c 12 text\nnullPointer include/aseptic.h 3 text\nnofile: x\n");
        assert_eq!(found.len(), 2);
        let found = findings("misra-c2012-15.5 examples/c/pump.c 12 text\n");
        assert!(list("15.5", "examples/c/").judge(&found).is_ok());
        assert!(list("15.5", "include/").judge(&found).is_err());
        assert!(list("15.5", "examples/c/").judge(&BTreeSet::new()).is_err());
        let mut reasonless = list("15.5", "examples/c/");
        reasonless.deviation[0].reason.clear();
        assert!(reasonless.judge(&found).is_err());
    }
}
