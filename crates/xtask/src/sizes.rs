//! What the library takes on a microcontroller: flash and static RAM of each image, and for one signed object instructions and
//! stack, counted by the emulator and the same in every run.
//!
//! `tests/abi/sizes.toml` has the figures of the last review; one that grows by more than 2 % fails.

use crate::calls;
use crate::firmware::{Shape, TARGET, compile, emulate, ready, said};
use crate::panics::{PILLARS, kept, link, of, of_shape, symbols};
use crate::shell;
use crate::stack;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Figures by name, image by image.
type Figures = BTreeMap<String, BTreeMap<String, u64>>;

/// The function that takes an envelope.
const MANIFEST: &str = "aseptic_update_begin";
/// Per cent that a figure may grow.
const GROWTH: u64 = 2;
/// A stored state whose trust store, a signed object, is installed once more.
const STATE: &str = "tests/state/0.1.0/04_owned.toml";
/// Magic, kind, version, length and sequence before what a record holds, and the check after it.
const HEAD: usize = 12;
const CHECK: usize = 4;

/// Prints the figures and compares them; `accept` writes them down.
pub(crate) fn run(accept: bool) -> Result<()> {
    if !ready()? {
        return Ok(());
    }
    let symbols = symbols()?;
    let mut figures = Figures::new();
    for shape in [Shape::Boot, Shape::Device] {
        let library = kept(shape.features(), shape.name())?;
        let functions = of_shape(&symbols, shape);
        let mut measured = occupied(&format!("size of {}", shape.name()), &functions, &library)?;
        measured.extend(run_once(shape, &library)?);
        figures.insert(shape.name().to_owned(), measured);
    }
    for (pillar, prefixes) in PILLARS {
        let boot = pillar == "core" || pillar == "update";
        let library = kept(if boot { "panic-handler" } else { "device,panic-handler" }, &format!("{pillar} alone"))?;
        let functions = of(&symbols, prefixes);
        let measured = occupied(&format!("size of {pillar}"), &functions, &library)?;
        figures.insert(format!("{pillar} without cryptography"), measured);
        if pillar == "certs" {
            // What other X.509 libraries are: path, profile, revocation lists, and the trust stores behind them.
            let functions = of(&symbols, &["list_", "peer_verify", "trust_"]);
            let measured = occupied("size of paths", &functions, &library)?;
            figures.insert("path, profile, lists and trust without cryptography".to_owned(), measured);
        }
        if pillar == "update" {
            // What the SUIT libraries of others do: from an envelope to the verified plan.
            let measured = occupied("size of a manifest", &[MANIFEST], &library)?;
            figures.insert("manifest without cryptography".to_owned(), measured);
        }
    }
    figures.insert("HSS/LMS without its hash".to_owned(), lms()?);
    print(&figures);
    compare(&figures, accept)?;
    calls::run(&kept(Shape::Device.features(), Shape::Device.name())?, accept)
}

/// What signatures for decades add to an image that verifies manifests, and the stack of the verifier itself: what is below it of
/// SHA-256 depends on whose that is.
fn lms() -> Result<BTreeMap<String, u64>> {
    let image = |features, name| {
        let library = kept(features, name)?;
        link(name, &[MANIFEST], &library, true)?.map_err(anyhow::Error::msg)
    };
    let without = flash(&image("panic-handler", "manifest without LMS")?)?;
    let with = image("panic-handler,lms", "manifest with LMS")?;
    let verify = |name: &str| name.contains("HssLms") && name.contains("Verifier>::verify");
    let stack = stack::deepest(&with, verify)?;
    Ok([("flash", flash(&with)?.saturating_sub(without)), ("verify_stack", stack)]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
}

/// Bytes of flash (code, constants, initial values) and of static RAM that the functions bring into an image.
fn occupied(name: &str, functions: &[&str], library: &Path) -> Result<BTreeMap<String, u64>> {
    let image = link(name, functions, library, true)?.map_err(anyhow::Error::msg)?;
    let [code, data, bss] = sections(&image)?;
    Ok([("flash", code + data), ("static_ram", data + bss)].map(|(name, value)| (name.to_owned(), value)).into())
}

fn flash(image: &Path) -> Result<u64> {
    sections(image).map(|[code, data, _]| code + data)
}

/// Bytes of code and constants, of initial values, and of memory that begins as zeros.
fn sections(image: &Path) -> Result<[u64; 3]> {
    let text = shell::output(shell::program("arm-none-eabi-size").arg(image))?;
    let line = text.lines().nth(1).context("arm-none-eabi-size prints no figures")?;
    let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [code, data, bss, ..] = numbers.as_slice() else { bail!("arm-none-eabi-size prints {line}") };
    Ok([*code, *data, *bss])
}

/// Instructions and stack of the installation of a trust store, its signature with ES256 verified in software.
fn run_once(shape: Shape, library: &Path) -> Result<BTreeMap<String, u64>> {
    let generated = shell::target().join("firmware proofs");
    let bytes: Vec<String> = object()?.iter().map(|byte| format!("{byte:#04x}")).collect();
    let source = format!("#include <stdint.h>\nstatic const uint8_t OBJECT[] = {{ {} }};\n", bytes.join(", "));
    fs::write(generated.join("object.h"), source)?;
    let root = shell::root();
    let (tests, generated) = (format!("-I{}", root.join("tests/c").display()), format!("-I{}", generated.display()));
    let sources = ["../../tests/firmware/measure.c", "../../tests/c/ram.c"];
    let program = compile(&format!("measure {}", shape.name()), &sources, library, &[&tests, &generated])?;
    let said = said(emulate(&program, &[]).args(["-serial", "none", "-icount", "shift=0"]))?;
    let figure = |line: &str| {
        let (name, value) = line.split_once(" = ")?;
        Some((format!("install_{name}"), value.trim().parse().ok()?))
    };
    Ok(said.lines().filter_map(figure).collect())
}

/// The signed object in the manufacturer's record of the stored state.
fn object() -> Result<Vec<u8>> {
    let state: toml::Table = toml::from_str(&fs::read_to_string(shell::root().join(STATE))?)?;
    let slots = state.get("slot").and_then(toml::Value::as_array).context("a state without slots")?;
    let record = |slot: &&toml::Value| slot.get("record").and_then(toml::Value::as_str) == Some("TrustManufacturer");
    let hex = slots.iter().find(record).and_then(|slot| slot.get("hex")).and_then(toml::Value::as_str);
    let hex = hex.context("a state without a trust store")?;
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect::<Result<_>>()?;
    let object = bytes.get(HEAD..bytes.len().saturating_sub(CHECK)).context("a record without content")?;
    Ok(object.to_vec())
}

fn print(figures: &Figures) {
    println!("{TARGET}, opt-level as in the profile `firmware`:");
    for (image, measured) in figures {
        let list: Vec<String> = measured.iter().map(|(name, value)| format!("{name} {value}")).collect();
        println!("sizes: {image:<32} {}", list.join(", "));
    }
}

/// Fails on a figure that grew, and on one that nobody has reviewed.
fn compare(figures: &Figures, accept: bool) -> Result<()> {
    let path = shell::root().join("tests/abi/sizes.toml");
    if accept {
        fs::write(&path, toml::to_string(figures)?)?;
        println!("sizes: written to tests/abi/sizes.toml");
        return Ok(());
    }
    let reviewed: Figures = toml::from_str(&fs::read_to_string(&path).unwrap_or_default())?;
    let mut grown = Vec::new();
    for (image, measured) in figures {
        for (name, value) in measured {
            match reviewed.get(image).and_then(|known| known.get(name)) {
                Some(known) if !exceeds(*value, *known) => {}
                Some(known) => grown.push(format!("{image}: {name} {known} -> {value}")),
                None => grown.push(format!("{image}: {name} {value} is new")),
            }
        }
    }
    if !grown.is_empty() {
        bail!(
            "beyond tests/abi/sizes.toml by more than {GROWTH} % (--accept after a review):\n  {}",
            grown.join("\n  ")
        );
    }
    println!("sizes: within {GROWTH} % of tests/abi/sizes.toml");
    Ok(())
}

fn exceeds(value: u64, known: u64) -> bool {
    value.saturating_mul(100) > known.saturating_mul(100 + GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_per_cent_pass_and_more_do_not() {
        assert!(!exceeds(1020, 1000) && exceeds(1021, 1000));
        assert!(!exceeds(0, 0) && exceeds(1, 0));
    }

    #[test]
    fn the_object_is_a_signed_one() {
        // COSE_Sign, tag 98.
        assert!(object().unwrap().starts_with(&[0xD8, 0x62, 0x84]));
    }
}
