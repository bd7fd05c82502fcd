//! What the README shows must compile. The Rust block is a documentation test of the library.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const README: &str = include_str!("../../../README.md");

#[test]
fn the_c_block_compiles_as_c99_without_a_warning() {
    let source = block("```c\n");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let mut compiler = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c", "-", "-I"])
        .arg(include)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler is one of the two things this project needs");
    compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success());
}

#[test]
fn it_is_short() {
    assert!(README.lines().count() <= 120);
    for start in ["```rust\n", "```c\n"] {
        let lines = block(start).lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 12, "{start}: {lines} lines");
    }
}

fn block(start: &str) -> &'static str {
    let (_, rest) = README.split_once(start).expect("the block");
    rest.split_once("```").expect("its end").0
}
