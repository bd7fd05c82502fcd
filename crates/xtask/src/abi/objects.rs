//! No memory of our own: the static libraries have no writable variables but the listed ones.

use super::{folder, found};
use crate::firmware::Shape;
use crate::{setup, shell};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
struct List {
    variable: Vec<Variable>,
}

/// Writable memory that may be there: all symbols that begin so.
#[derive(Deserialize)]
struct Variable {
    begins: String,
    reason: String,
}

/// What firmware links, of each shape of the library; software cryptography included, as it is the larger part.
const SHAPES: [Shape; 2] = [Shape::Boot, Shape::Device];

pub(super) fn check(dist: &Path) -> Result<()> {
    if !found("readelf")? {
        return Ok(());
    }
    let text = fs::read_to_string(folder().join("variables.toml"))?;
    let list: List = toml::from_str(&text).context("tests/abi/variables.toml")?;
    if let Some(entry) = list.variable.iter().find(|entry| entry.reason.trim().is_empty()) {
        bail!("tests/abi/variables.toml: {} has no reason", entry.begins);
    }
    if setup::has_bare_metal() {
        for shape in SHAPES {
            let (shape, features) = (shape.name(), shape.features());
            let build = [
                "rustc",
                "--quiet",
                "-p",
                "aseptic-ffi",
                "--lib",
                "--crate-type",
                "staticlib",
                "--no-default-features",
            ];
            let target = ["--target", setup::BARE_METAL, "--features", features];
            shell::run(shell::cargo().args(build).args(target))?;
            let library = shell::target().join(setup::BARE_METAL).join("debug/libaseptic_ffi.a");
            let variables = writable(&library)?;
            if !variables.is_empty() {
                bail!("{shape} has variables on {}: {}", setup::BARE_METAL, join(&variables));
            }
            println!("abi: no global mutable state, {}, {shape} shape", setup::BARE_METAL);
        }
    }
    let hosted = writable(&dist.join("lib/libaseptic.a"))?;
    let unlisted: BTreeSet<String> = hosted.iter().filter(|name| !list.allows(name)).cloned().collect();
    if !unlisted.is_empty() {
        bail!("variables that tests/abi/variables.toml does not list: {}", join(&unlisted));
    }
    let idle: Vec<&str> = list.idle(&hosted);
    if !idle.is_empty() {
        bail!("tests/abi/variables.toml lists what is not there any more: {}", idle.join(", "));
    }
    println!(
        "abi: no global mutable state of ours in dist/lib/libaseptic.a; {} variables of others, all listed",
        hosted.len()
    );
    Ok(())
}

impl List {
    fn allows(&self, name: &str) -> bool {
        self.variable.iter().any(|entry| name.starts_with(&entry.begins))
    }

    /// Entries that allow nothing.
    fn idle(&self, names: &BTreeSet<String>) -> Vec<&str> {
        let idle = |entry: &&Variable| !names.iter().any(|name| name.starts_with(&entry.begins));
        self.variable.iter().filter(idle).map(|entry| entry.begins.as_str()).collect()
    }
}

/// The names of all symbols in writable sections. Read with readelf: nm takes the compiler's bitcode for the code.
fn writable(library: &Path) -> Result<BTreeSet<String>> {
    let listed = shell::output(shell::program("readelf").args(["-SsW", "--demangle"]).arg(library))?;
    if !listed.contains("aseptic_abi_version") {
        bail!("readelf shows nothing of ours in {}", library.display());
    }
    Ok(variables(&listed))
}

fn variables(listed: &str) -> BTreeSet<String> {
    let (mut sections, mut found) = (BTreeSet::new(), BTreeSet::new());
    for line in listed.lines() {
        if line.starts_with("File: ") {
            sections.clear();
        } else if let Some((number, section)) =
            line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            if writable_section(section) {
                sections.insert(number.trim());
            }
        } else if let Some((section, name)) = symbol(line)
            && (section == "COM" || sections.contains(section))
            // The loader's own, one in each object that can unwind.
            && name != "DW.ref.rust_eh_personality"
        {
            found.insert(name.to_owned());
        }
    }
    found
}

/// Whether a line of the section headers (name, type, address, offset, size, entry size, flags) is of memory that is
/// written while the program runs. `.data.rel.ro` holds constants with addresses in them: the loader alone writes it.
fn writable_section(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, _, _, _, size, _, flags, ..] = words[..] else { return false };
    flags.contains('W')
        && flags.contains('A')
        && size.contains(|digit| digit != '0')
        && !name.starts_with(".data.rel.ro")
}

/// Section and name of a symbol (number, value, size, type, binding, visibility, section, name) that is no section itself.
fn symbol(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.trim_start().split_once(": ")?;
    number.parse::<u32>().ok()?;
    let mut rest = rest.trim_start();
    let mut words = [""; 6];
    for word in &mut words {
        let (first, after) = rest.split_once(' ')?;
        (*word, rest) = (first, after.trim_start());
    }
    let [_, _, kind, _, _, section] = words;
    matches!(kind, "OBJECT" | "TLS" | "NOTYPE").then_some((section, rest.trim_end()))
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "File: lib.a(x.o)\n\
        Section Headers:\n\
        \x20 [ 3] .text.f PROGBITS 00000000 000034 000010 00 AX 0 0 4\n\
        \x20 [ 4] .bss.counter NOBITS 00000000 000044 000004 00 WA 0 0 4\n\
        \x20 [ 5] .data.rel.ro.table PROGBITS 00000000 000044 000004 00 WA 0 0 4\n\
        Symbol table '.symtab' contains 4 entries:\n\
        \x20  Num:    Value  Size Type    Bind   Vis      Ndx Name\n\
        \x20    1: 00000000    16 FUNC    GLOBAL DEFAULT    3 aseptic_f\n\
        \x20    2: 00000000     4 OBJECT  LOCAL  DEFAULT    4 <a as b>::COUNTER\n\
        \x20    3: 00000000     4 OBJECT  LOCAL  DEFAULT    5 TABLE\n\
        \x20    4: 00000004     4 OBJECT  GLOBAL DEFAULT  COM shared\n\
        File: lib.a(y.o)\n\
        \x20    1: 00000000     4 OBJECT  LOCAL  DEFAULT    4 elsewhere\n";

    #[test]
    fn variables_are_told_from_code_and_constants() {
        let found = variables(LISTED);
        assert_eq!(found.iter().collect::<Vec<_>>(), ["<a as b>::COUNTER", "shared"]);
        let entry = |begins: &str| Variable { begins: begins.to_owned(), reason: "r".to_owned() };
        let list = List { variable: vec![entry("std::"), entry("sha")] };
        assert!(list.allows("shared") && !list.allows("<a as b>::COUNTER"));
        assert_eq!(list.idle(&found), ["std::"]);
    }
}
