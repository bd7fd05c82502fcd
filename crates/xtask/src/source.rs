//! The rules of the architecture that source text shows.

use crate::shell;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code that `crates/core` stays below: it holds what pillars share and must not become the drawer for everything.
const CORE: usize = 4000;
/// The same for `crypto::soft` and `crypto::lms`, optional fillings of the traits that the rest of `core` defines.
const SOFT: usize = 900;
/// Where those lie.
const FILLINGS: [&str; 2] = ["soft", "lms.rs"];
/// Lines of a source file, with all that is in it.
const FILE: usize = 800;
/// Packages that a device links. Lints deny these words there too; this also sees what an attribute allows.
const DEVICE: [&str; 7] = ["core", "certs", "identity", "messaging", "nor", "selftest", "update"];
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("];

/// Fails with every rule that is broken.
pub(crate) fn run() -> Result<()> {
    let mut broken = Vec::new();
    let mut files = 0;
    for folder in ["crates", "examples", "fuzz/fuzz_targets"] {
        for path in sources(&shell::root().join(folder))? {
            let lines = read(&path)?.lines().count();
            if lines > FILE {
                broken.push(format!("{} has {lines} lines, over {FILE}", path.display()));
            }
            files += 1;
        }
    }
    let core = DEVICE[0];
    let (mut lines, mut soft) = (0, 0);
    for package in DEVICE {
        for path in sources(&shell::root().join("crates").join(package).join("src"))? {
            let text = read(&path)?;
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let filling = path.components().any(|part| FILLINGS.iter().any(|name| part.as_os_str() == *name));
            let counted = if filling { &mut soft } else { &mut lines };
            for line in code(&text) {
                *counted += usize::from(package == core && !is_reason(line));
                broken.extend(
                    PANICS
                        .iter()
                        .filter(|word| line.contains(**word))
                        .map(|word| format!("{}: `{word}` in `{}`", path.display(), line.trim())),
                );
            }
        }
    }
    if lines >= CORE {
        broken.push(format!("crates/core has {lines} lines of code, not below {CORE}"));
    }
    if soft >= SOFT {
        broken.push(format!("crates/core/src/crypto/soft and lms.rs have {soft} lines of code, not below {SOFT}"));
    }
    if !broken.is_empty() {
        bail!("rules of the source broken:\n  {}", broken.join("\n  "));
    }
    println!(
        "source: {files} files below {FILE} lines, {lines} lines of code in core and {soft} in its engines, no panic in device packages"
    );
    Ok(())
}

/// The lines of code: without tests, which stand last in a file, comments and blank lines.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]\nmod ").or_else(|| text.find("#[cfg(test)]\n#[allow(")).unwrap_or(text.len());
    let lines = text.get(..end).unwrap_or(text).lines();
    lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
}

/// Whether the line is one of the table of reasons: data of all pillars, which `core` only keeps.
fn is_reason(line: &str) -> bool {
    let Some((name, rest)) = line.trim_start().split_once(" = ") else { return false };
    let mut parts = rest.splitn(3, ", ");
    let numbered = parts.next().is_some_and(|number| number.len() == 3 && number.parse::<u16>().is_ok());
    let blamed = parts.next().is_some_and(|blame| ["Peer", "Device", "Caller", "Later"].contains(&blame));
    numbered && blamed && parts.next().is_some_and(|cause| cause.starts_with('"')) && !name.contains(' ')
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_follows_the_rules() {
        run().unwrap();
    }

    #[test]
    fn a_row_of_the_table_of_reasons_is_told_from_code() {
        assert!(is_reason("    Misuse = 101, Caller, \"A call came out of order.\", \"Follow the order.\";"));
        for code in ["let a = 101, b;", "    const A: u32 = 101;", "a = b, Peer, \"c\"", "Misuse = 101, Caller, cause"]
        {
            assert!(!is_reason(code), "{code}");
        }
    }

    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        let text = "//! Docs.\n\nuse a;\n    // why\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), ["use a;", "fn f() {}"]);
        let text = "fn f() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {}\n";
        assert_eq!(code(text).count(), 1);
    }
}
