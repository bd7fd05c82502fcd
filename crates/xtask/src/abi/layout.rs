//! The header and `tests/abi/layout.c`, compiled by every compiler for every width.

use super::header::Structure;
use super::{folder, found};
use crate::shell;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;

/// A compiler with the processor that it is to compile for.
struct Compiler {
    name: &'static str,
    target: &'static [&'static str],
    /// Whether it takes C++; else C.
    cpp: bool,
}

const CORTEX: &[&str] = &["-mcpu=cortex-m4", "-mthumb"];
const CLANG_ARM: &[&str] = &["--target=thumbv7em-none-eabihf"];
const COMPILERS: [Compiler; 12] = [
    Compiler { name: "gcc", target: &[], cpp: false },
    Compiler { name: "gcc", target: &["-m32"], cpp: false },
    Compiler { name: "g++", target: &[], cpp: true },
    Compiler { name: "g++", target: &["-m32"], cpp: true },
    Compiler { name: "clang", target: &[], cpp: false },
    Compiler { name: "clang", target: &["-m32"], cpp: false },
    Compiler { name: "clang++", target: &[], cpp: true },
    Compiler { name: "clang", target: CLANG_ARM, cpp: false },
    Compiler { name: "arm-none-eabi-gcc", target: CORTEX, cpp: false },
    Compiler { name: "arm-none-eabi-g++", target: CORTEX, cpp: true },
    Compiler { name: "aarch64-linux-gnu-gcc", target: &[], cpp: false },
    Compiler { name: "arm-linux-gnueabihf-gcc", target: &[], cpp: false },
];
const C: [&str; 3] = ["c99", "c11", "c17"];
const CPP: [&str; 1] = ["c++17"];
const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffreestanding", "-fsyntax-only"];

/// The header alone and the asserts compile everywhere, and the asserts name every structure and field of the header.
pub(super) fn check(structures: &[Structure<'_>]) -> Result<()> {
    let asserts = fs::read_to_string(folder().join("layout.c"))?;
    let missing = unnamed(structures, &asserts);
    if !missing.is_empty() {
        bail!("tests/abi/layout.c does not hold {}; run `cargo xtask abi --accept`", missing.join(", "));
    }
    let mut compiled = Vec::new();
    for compiler in &COMPILERS {
        if !found(compiler.name)? {
            continue;
        }
        let (language, dialects) = if compiler.cpp { ("c++", &CPP[..]) } else { ("c", &C[..]) };
        for dialect in dialects {
            for source in ["include/aseptic.h", "tests/abi/layout.c"] {
                let mut command = shell::program(compiler.name);
                command.args(compiler.target).args(STRICT).arg(format!("-std={dialect}"));
                shell::run(command.args(["-I", "include", "-x", language, source]))?;
            }
        }
        compiled.push([&[compiler.name], compiler.target].concat().join(" "));
    }
    let fields: usize = structures.iter().map(|structure| structure.fields.len()).sum();
    println!("abi: {} structures with {fields} fields have the promised layout", structures.len());
    println!("abi: header and layout compile as C99, C11, C17 or C++17 with {}", compiled.join(", "));
    Ok(())
}

/// Writes the asserts as two compilers lay the structures out, for a person to review.
pub(super) fn write(structures: &[Structure<'_>]) -> Result<()> {
    let narrow = measure(structures, "arm-none-eabi-gcc", CORTEX)?;
    let wide = measure(structures, "gcc", &[])?;
    let at = |name: &str| -> Result<String> {
        let pair = |sizes: &BTreeMap<String, u64>| sizes.get(name).copied().with_context(|| format!("no {name}"));
        Ok(format!("{}, {}", pair(&narrow)?, pair(&wide)?))
    };
    let mut text = fs::read_to_string(folder().join("layout.c"))?;
    let start = text.find(GENERATED).with_context(|| format!("layout.c has no line `{GENERATED}`"))?;
    text.truncate(start);
    text.push_str(GENERATED);
    text.push('\n');
    for Structure { name, fields } in structures {
        text.push_str(&format!("\nSIZE({name}, {});\n", at(name)?));
        // What is inside an opaque context is nobody's business.
        for field in fields.iter().filter(|field| **field != "_opaque") {
            text.push_str(&format!("AT({name}, {field}, {});\n", at(&format!("{name}__{field}"))?));
        }
    }
    fs::write(folder().join("layout.c"), text)?;
    println!("abi: wrote tests/abi/layout.c");
    Ok(())
}

const GENERATED: &str = "/* From here on written by `cargo xtask abi --accept`: bytes with 32 and with 64 bit. */";

/// Sizes and offsets as a compiler has them, each the size of an array less one.
fn measure(structures: &[Structure<'_>], compiler: &str, target: &[&str]) -> Result<BTreeMap<String, u64>> {
    let mut source = "#include \"aseptic.h\"\n".to_owned();
    for Structure { name, fields } in structures {
        source.push_str(&format!("char {name}__[sizeof({name}) + 1] = {{1}};\n"));
        for field in fields {
            source.push_str(&format!("char {name}__{field}[offsetof({name}, {field}) + 1] = {{1}};\n"));
        }
    }
    let place = shell::target().join("abi");
    fs::create_dir_all(&place)?;
    let (input, output) = (place.join("measure.c"), place.join("measure.o"));
    fs::write(&input, source)?;
    let mut compile = shell::program(compiler);
    compile.args(target).args(["-std=c99", "-ffreestanding", "-I", "include", "-c"]).arg(&input).arg("-o");
    shell::run(compile.arg(&output))?;
    let listed = shell::output(shell::program("nm").args(["--print-size", "--defined-only"]).arg(&output))?;
    let mut sizes = BTreeMap::new();
    for line in listed.lines() {
        let [_, size, _, name] = line.split_whitespace().collect::<Vec<_>>()[..] else { continue };
        let size = u64::from_str_radix(size, 16)?.saturating_sub(1);
        sizes.insert(name.strip_suffix("__").unwrap_or(name).to_owned(), size);
    }
    Ok(sizes)
}

/// What the header has and the asserts do not.
fn unnamed(structures: &[Structure<'_>], asserts: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for Structure { name, fields } in structures {
        let lines = fields.iter().filter(|field| **field != "_opaque").map(|field| format!("AT({name}, {field}, "));
        let wanted = std::iter::once(format!("SIZE({name}, ")).chain(lines);
        missing.extend(wanted.filter(|line| !asserts.lines().any(|present| present.starts_with(line.as_str()))));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_an_assert_is_named() {
        let structures =
            [Structure { name: "a", fields: vec!["x", "y"] }, Structure { name: "b", fields: vec!["_opaque"] }];
        assert_eq!(unnamed(&structures, "SIZE(a, 1, 1);\nAT(a, x, 0, 0);\nSIZE(b, 8, 8);\n"), ["AT(a, y, "]);
        assert_eq!(unnamed(&structures, "SIZE(a, 1, 1);\nAT(a, x, 0, 0);\nAT(a, y, 0, 0);\n"), ["SIZE(b, "]);
    }
}
