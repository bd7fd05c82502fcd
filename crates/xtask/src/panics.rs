//! The proof that our code cannot panic in firmware (rule 9 of the C interface), and the list of what panics in the code of
//! others.
//!
//! A panic calls `aseptic_fault`, which the program defines. An image without it links only if no panic is reachable from any
//! function of the interface: the linker drops what nobody calls and complains about the name that nobody defines. One image
//! a pillar, with cryptography from hooks; and one with a panic planted, which must not link.
//!
//! The software cryptography and webpki have panics that their authors rule out and the linker cannot. `tests/abi/panics.txt`
//! names the functions around them; it may only shrink. Of our own there are those alone into which the compiler copies such code.

use crate::firmware::{Shape, TARGET, archive, compiler, ready};
use crate::shell;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The library without software cryptography.
const HOOKS: &str = "device,nor,panic-handler";
/// Adds `aseptic_planted_panic`, which is what its name says.
const PLANTED: &str = "device,nor,panic-handler,planted-panic";

/// What each pillar's functions begin with; the platform table and the trust stores are core's.
pub(crate) const PILLARS: [(&str, &[&str]); 6] = [
    ("core", &["abi_", "version", "status_", "device_", "platform_", "time_", "trust_"]),
    ("update", &["update_", "boot_"]),
    ("messaging", &["message_", "sender_", "opener_", "outbox_", "session_", "agreement_"]),
    ("listening", &["sessions_", "report_", "link_", "countersignature_"]),
    ("certs", &["certificate_", "list_", "peer_"]),
    ("identity", &["identity_", "inventory_", "birth_", "enroller_", "renewal_", "ticket_", "udi_", "workspace_"]),
];

/// Functions that sign with an identity, or end it: in the device shape alone, whatever their names begin with.
const WITH_IDENTITY: [&str; 5] =
    ["device_decommission", "device_tombstone", "update_account", "update_refused", "update_report"];

/// The self-test of a port, feature `selftest`: for the bench, in no image that ships.
const BENCH: &str = "aseptic_selftest_";

/// What validates certificate paths with webpki, which has panics that its authors rule out; they are in the list.
const PATHS: [&str; 6] = [
    "aseptic_birth_install",
    "aseptic_enroller_connected",
    "aseptic_enroller_step",
    "aseptic_peer_finding",
    "aseptic_peer_verify",
    "aseptic_peer_verify_listed",
];

/// Our functions that call software cryptography or webpki with nothing between, so that code of these becomes theirs.
const ADAPTERS: [&str; 2] = ["aseptic_core::crypto::soft::", "aseptic_certs::search::Search::path_at"];

/// Links the images and compares the list; `accept` writes the list anew.
pub(crate) fn run(accept: bool) -> Result<()> {
    if !ready()? {
        return Ok(());
    }
    let symbols = symbols()?;
    let library = kept(HOOKS, "hooks")?;
    for (pillar, prefixes) in PILLARS {
        let mut functions = of(&symbols, prefixes);
        functions.retain(|function| !PATHS.contains(function));
        let image = link(&format!("no panic in {pillar}"), &functions, &library, false)?;
        if let Err(complaint) = image {
            bail!("a panic is reachable in {pillar}, or the image does not link:\n{complaint}");
        }
        println!("panics: {pillar}: none reachable from {} functions", functions.len());
    }
    let planted = kept(PLANTED, "planted")?;
    match link("a planted panic", &["aseptic_planted_panic"], &planted, false)? {
        Err(complaint) if complaint.contains("aseptic_fault") => println!("panics: one that was planted is found"),
        Err(complaint) => bail!("the image with a planted panic fails for another reason:\n{complaint}"),
        Ok(_) => bail!("the image with a planted panic links: this proof proves nothing"),
    }
    let mut found = BTreeSet::new();
    for shape in [Shape::Boot, Shape::Device] {
        let functions = of_shape(&symbols, shape);
        let name = format!("panics of others in {}", shape.name());
        let image = link(&name, &functions, &kept(shape.features(), shape.name())?, true)?;
        found.append(&mut around_panics(&image.map_err(anyhow::Error::msg)?)?);
    }
    let ours = |name: &&String| {
        let name = name.trim_start_matches('<');
        name.starts_with("aseptic_") && !ADAPTERS.iter().any(|adapter| name.starts_with(adapter))
    };
    if let Some(ours) = found.iter().find(ours) {
        bail!("{ours} can panic");
    }
    compare(&found, accept)
}

/// The functions of the interface that ship. One that belongs to no pillar is an error: it would go unproven.
pub(crate) fn symbols() -> Result<Vec<String>> {
    let listed = fs::read_to_string(shell::root().join("tests/abi/symbols.txt"))?;
    let ships = |symbol: &&str| !symbol.starts_with(BENCH);
    let listed: Vec<String> = listed.lines().filter(ships).map(str::to_owned).collect();
    let known: Vec<&str> = PILLARS.iter().flat_map(|(_, prefixes)| of(&listed, prefixes)).collect();
    if let Some(stray) = listed.iter().find(|symbol| !known.contains(&symbol.as_str())) {
        bail!("{stray} belongs to no pillar; name its prefix in crates/xtask/src/panics.rs");
    }
    Ok(listed)
}

pub(crate) fn of<'s>(symbols: &'s [String], prefixes: &[&str]) -> Vec<&'s str> {
    let belongs = |symbol: &&str| {
        let name = symbol.strip_prefix("aseptic_").unwrap_or(symbol);
        if WITH_IDENTITY.iter().any(|prefix| name.starts_with(prefix)) {
            return prefixes.contains(&"identity_") || prefixes.contains(&"");
        }
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    symbols.iter().map(String::as_str).filter(belongs).collect()
}

/// The functions of a shape.
pub(crate) fn of_shape(symbols: &[String], shape: Shape) -> Vec<&str> {
    match shape {
        Shape::Boot => {
            of(symbols, &["abi_", "version", "status_", "device_", "platform_", "time_", "trust_", "update_", "boot_"])
        }
        Shape::Device => of(symbols, &[""]),
    }
}

/// Builds the library and keeps a copy that the next build does not write over.
pub(crate) fn kept(features: &str, name: &str) -> Result<PathBuf> {
    let copy = folder()?.join(format!("{name}.a"));
    fs::copy(archive(TARGET, features)?, &copy)?;
    Ok(copy)
}

/// Links an image from whose entry the `functions` are reachable, with any arguments: their addresses are handed out. With
/// `fault` it defines `aseptic_fault` and keeps its relocations. Gives the image, or what the linker says.
pub(crate) fn link(name: &str, functions: &[&str], library: &Path, fault: bool) -> Result<Result<PathBuf, String>> {
    let mut source = String::from("typedef void (*function)(void);\n");
    for function in functions {
        source.push_str(&format!("void {function}(void);\n"));
    }
    // Where the addresses go does not matter, but it must not be memory of the image, whose size is measured.
    source.push_str(&format!(
        "void entry(void);\n\
         void entry(void)\n\
         {{\n    static const function all[] = {{ {} }};\n\
         \x20   for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {{\n\
         \x20       *(function volatile *)0x40000000 = all[i];\n    }}\n}}\n",
        functions.join(", ")
    ));
    if fault {
        source.push_str("void aseptic_fault(void);\nvoid aseptic_fault(void)\n{\n    for (;;) {\n    }\n}\n");
    }
    let folder = folder()?;
    let (source_path, image) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.elf")));
    fs::write(&source_path, source)?;
    let mut command = compiler();
    command.args(["-Os", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections", "-nostartfiles"]);
    command.args(["--specs=nano.specs", "-Wl,--gc-sections", "-Wl,-e,entry", "-Wl,--no-warn-execstack"]);
    command.args(fault.then_some("-Wl,--emit-relocs")).arg(&source_path).arg(library).arg("-o").arg(&image);
    let output = command.output().context("cannot start arm-none-eabi-gcc")?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(if output.status.success() { Ok(image) } else { Err(complaint) })
}

/// The functions outside the standard library that call into it where it panics.
fn around_panics(image: &Path) -> Result<BTreeSet<String>> {
    let pairs = references(image)?;
    let mangled: BTreeSet<&str> = pairs.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let names = readable(&mangled)?;
    let named = |symbol: &str| names.get(symbol).map_or("", String::as_str);
    // By symbol: a name without its hash is that of every instance of a generic function, of which one may panic and another not.
    let mut callers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in &pairs {
        callers.entry(to).or_default().insert(from);
    }
    let panics = callers.keys().copied().filter(|symbol| named(symbol).starts_with("core::panicking::"));
    let mut seen: BTreeSet<&str> = panics.collect();
    let mut open: Vec<&str> = seen.iter().copied().collect();
    let mut found = BTreeSet::new();
    while let Some(symbol) = open.pop() {
        for caller in callers.get(symbol).into_iter().flatten() {
            if !standard(named(caller)) {
                found.insert(named(caller).to_owned());
            } else if seen.insert(caller) {
                open.push(caller);
            }
        }
    }
    if seen.is_empty() {
        bail!("{} has no panics at all: the names of the standard library have changed", image.display());
    }
    Ok(found)
}

/// What is not named as a source of panics itself: the standard library, and the pieces that the compiler shares between functions,
/// whose numbers are others with each build. Whoever calls them is.
fn standard(name: &str) -> bool {
    name.trim_start_matches('<').starts_with("core::") || name.starts_with("OUTLINED_FUNCTION_")
}

/// Which function's code refers to which function, by the relocations that the linker kept.
fn references(image: &Path) -> Result<BTreeSet<(String, String)>> {
    let table = shell::output(shell::program("arm-none-eabi-readelf").args(["-sW"]).arg(image))?;
    let mut places = BTreeMap::new();
    for line in table.lines() {
        let [_, value, size, kind, _, _, section, name] = words(line);
        if kind == "FUNC" && section != "UND" {
            // The lowest bit says Thumb.
            places.insert(number(value)? & !1, (size.parse::<u64>().unwrap_or(0), name.to_owned()));
        }
    }
    let at = |address: u64| {
        let (start, (size, name)) = places.range(..=address).next_back()?;
        (address < start.saturating_add(*size)).then(|| name.clone())
    };
    let mut pairs = BTreeSet::new();
    let relocations = shell::output(shell::program("arm-none-eabi-readelf").args(["-rW"]).arg(image))?;
    // Sections of the debugger begin at address 0, so that their places look like places in code.
    let mut code = false;
    for line in relocations.lines() {
        if line.starts_with("Relocation section") {
            code = line.contains("'.rel.text'");
        }
        let mut words = line.split_whitespace();
        let (Some(place), _, Some(kind), Some(value)) = (words.next(), words.next(), words.next(), words.next()) else {
            continue;
        };
        if code
            && kind.starts_with("R_ARM_")
            && let (Some(from), Some(to)) = (at(number(place)?), at(number(value)? & !1))
        {
            pairs.insert((from, to));
        }
    }
    Ok(pairs)
}

/// Names as a reader knows them, without what changes from one compiler to the next.
fn readable<'m>(mangled: &BTreeSet<&'m str>) -> Result<BTreeMap<&'m str, String>> {
    let list: Vec<&str> = mangled.iter().copied().collect();
    let names = folder()?.join("names.txt");
    fs::write(&names, list.join("\n"))?;
    let text = shell::output(shell::program("arm-none-eabi-c++filt").stdin(fs::File::open(&names)?))?;
    Ok(list.into_iter().zip(text.lines().map(plain)).collect())
}

/// Without hashes: `a::b::h0123456789abcdef` and `a[0123456789abcdef]::b` are `a::b`.
fn plain(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((front, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => front,
        _ => name,
    };
    let mut plain = String::new();
    let mut rest = name;
    while let Some((front, back)) = rest.split_once('[') {
        plain.push_str(front);
        match back.split_once(']') {
            Some((hash, later)) if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                rest = later
            }
            _ => {
                plain.push('[');
                rest = back;
            }
        }
    }
    plain + rest
}

/// Fails on a function that is not listed, and on one that is listed and gone.
fn compare(found: &BTreeSet<String>, accept: bool) -> Result<()> {
    let path = shell::root().join("tests/abi/panics.txt");
    let text: String = found.iter().map(|name| format!("{name}\n")).collect();
    if accept {
        fs::write(&path, text)?;
        println!("panics: {} functions written to tests/abi/panics.txt", found.len());
        return Ok(());
    }
    let listed = fs::read_to_string(&path).unwrap_or_default();
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let new: Vec<&str> = found.difference(&listed).map(String::as_str).collect();
    if !new.is_empty() {
        bail!(
            "a panic is reachable where none was; the list may only shrink, but for an engine that is new (--accept):\n  {}",
            new.join("\n  ")
        );
    }
    let gone: Vec<&str> = listed.difference(found).map(String::as_str).collect();
    if !gone.is_empty() {
        bail!("no panic is reachable any more here; take it off tests/abi/panics.txt:\n  {}", gone.join("\n  "));
    }
    println!("panics: {} functions of others, as listed", found.len());
    Ok(())
}

fn folder() -> Result<PathBuf> {
    let folder = shell::target().join("firmware proofs");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn number(text: &str) -> Result<u64> {
    u64::from_str_radix(text, 16).with_context(|| format!("not a number: {text}"))
}

/// The eight columns of a symbol; anything else is a line of another kind.
fn words(line: &str) -> [&str; 8] {
    let mut columns = [""; 8];
    for (column, word) in columns.iter_mut().zip(line.split_whitespace()) {
        *column = word;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_hashes_and_nothing_else() {
        assert_eq!(plain("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(plain("core[5585419f9effd512]::panicking::panic_fmt"), "core::panicking::panic_fmt");
        assert_eq!(plain("core::slice::<impl [T]>::copy_within"), "core::slice::<impl [T]>::copy_within");
        assert_eq!(plain("aseptic_update_feed"), "aseptic_update_feed");
        assert_eq!(plain("a::h0::b"), "a::h0::b");
    }

    #[test]
    fn every_function_of_the_interface_belongs_to_a_pillar() {
        assert!(symbols().unwrap().len() > 20);
    }
}
