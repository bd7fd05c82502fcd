//! What a program that is linked already relies on: how calls are refused, symbols, layout, and the text of the header.

use crate::program::{STRICT, beside, compiler, root, run, words};
use crate::scene::{Life, Scene};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn passes(name: &str, arguments: &[&Path]) {
    let outcome = run(name, arguments);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    print!("{name}: {}", outcome.said);
}

#[test]
fn null_misaligned_and_zeroed_pointers_are_refused() {
    passes("nothing", &[]);
}

#[test]
fn the_table_is_checked() {
    passes("table", &[]);
}

#[test]
fn a_port_is_tried_out_and_its_defects_named() {
    passes("selftest", &[]);
}

#[test]
fn the_template_of_a_port_compiles_and_pretends_nothing() {
    passes("template", &[]);
}

#[test]
fn calls_out_of_order_are_refused() {
    passes("order", &[]);
}

#[test]
fn outputs_are_measured_zeroed_and_apart() {
    passes("outputs", &[Scene::new(Life::Enrolled).device.path()]);
}

#[test]
fn the_shared_library_exports_the_listed_symbols_and_no_others() {
    let library = env::var("ASEPTIC_SHARED").map_or_else(|_| beside("libaseptic_ffi.so"), Into::into);
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let listed = fs::read_to_string(root().join("tests/abi/symbols.txt")).unwrap();
    let listed: BTreeSet<&str> = listed.lines().collect();
    let header = header();
    let mut declared: BTreeSet<&str> = declarations(&header).into_iter().map(|(name, _)| name).collect();
    assert!(declared.remove("aseptic_fault"), "the one function that the program defines, on bare metal");
    let hosted = hosted(&header);
    assert!(hosted.is_subset(&declared));
    // The library beside this test has the functions of hosts, the one in `dist/` has none of them.
    let here = hosted.intersection(&exported).count();
    assert!([0, hosted.len()].contains(&here), "{here} functions of hosts");
    let exported: BTreeSet<&str> = exported.difference(&hosted).copied().collect();
    assert_eq!(exported, listed, "a symbol that is gone breaks programs; a new one is a promise for 15 years");
    assert_eq!(declared.difference(&hosted).copied().collect::<BTreeSet<_>>(), listed);
    println!("{} symbols, {here} of hosts", listed.len());
}

#[test]
fn the_layout_is_the_promised_one() {
    let check = |mode: &[&str]| {
        let mut command = words("cc");
        command.current_dir(root()).args(["-std=c99", "-ffreestanding", "-fsyntax-only", "-I", "include"]);
        command.args(STRICT).args(mode).arg("tests/abi/layout.c");
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (native, text) = check(&[]);
    assert!(native, "{text}");
    // A compiler for another processor than x86 does not know the option.
    let (narrow, text) = check(&["-m32"]);
    assert!(narrow || !text.contains("size_of") && !text.contains("aseptic_"), "{text}");
    println!("layout: native{}", if narrow { " and 32 bit" } else { ", no 32 bit compiler" });
}

/// What the library was compiled with is what the header says.
#[test]
fn the_library_has_the_sizes_of_the_header() {
    let sizes = [
        (size_of::<aseptic_ffi::aseptic_device>(), "aseptic_device", 9984),
        (size_of::<aseptic_ffi::aseptic_identity>(), "aseptic_identity", 192),
        (size_of::<aseptic_ffi::aseptic_sender>(), "aseptic_sender", 128),
        (size_of::<aseptic_ffi::aseptic_update>(), "aseptic_update", 2176),
        (size_of::<aseptic_ffi::aseptic_workspace>(), "aseptic_workspace", 20736),
        (size_of::<aseptic_ffi::aseptic_peer>(), "aseptic_peer", 192),
        (size_of::<aseptic_ffi::aseptic_enroller>(), "aseptic_enroller", 128),
        (size_of::<aseptic_ffi::aseptic_opener>(), "aseptic_opener", 3008),
        (size_of::<aseptic_ffi::aseptic_outbox>(), "aseptic_outbox", 4224),
        (size_of::<aseptic_ffi::aseptic_session>(), "aseptic_session", 256),
        (size_of::<aseptic_ffi::aseptic_settled>(), "aseptic_settled", 16),
        (size_of::<aseptic_ffi::aseptic_ticket>(), "aseptic_ticket", 224),
        (size_of::<aseptic_ffi::aseptic_sessions>(), "aseptic_sessions", 1408),
        (size_of::<aseptic_ffi::aseptic_accepted>(), "aseptic_accepted", 24),
        (size_of::<aseptic_ffi::aseptic_link>(), "aseptic_link", 192),
        (size_of::<aseptic_ffi::aseptic_report>(), "aseptic_report", 944),
        (size_of::<aseptic_ffi::aseptic_outcome>(), "aseptic_outcome", 16),
        (size_of::<aseptic_ffi::aseptic_list>(), "aseptic_list", 3840),
        (size_of::<aseptic_ffi::aseptic_finding>(), "aseptic_finding", 208),
        (size_of::<aseptic_ffi::aseptic_device_name>(), "aseptic_device_name", 64),
        (size_of::<aseptic_ffi::aseptic_est_answer>(), "aseptic_est_answer", 80),
        (size_of::<aseptic_ffi::aseptic_enrol_action>(), "aseptic_enrol_action", 88),
        (size_of::<aseptic_ffi::aseptic_est_terms>(), "aseptic_est_terms", 8),
        (size_of::<aseptic_ffi::aseptic_renewal_state>(), "aseptic_renewal_state", 40),
        (size_of::<aseptic_ffi::aseptic_renewal>(), "aseptic_renewal", 32),
        (size_of::<aseptic_ffi::aseptic_opened>(), "aseptic_opened", 112),
        (size_of::<aseptic_ffi::aseptic_message>(), "aseptic_message", 56),
        (size_of::<aseptic_ffi::aseptic_model>(), "aseptic_model", 104),
        (size_of::<aseptic_ffi::aseptic_platform>(), "aseptic_platform", 224),
        (size_of::<aseptic_ffi::aseptic_crypto>(), "aseptic_crypto", 120),
        (size_of::<aseptic_ffi::aseptic_selftest>(), "aseptic_selftest", 32),
        (size_of::<aseptic_ffi::aseptic_selftest_memory>(), "aseptic_selftest_memory", 16384),
    ];
    let layout = fs::read_to_string(root().join("tests/abi/layout.c")).unwrap();
    for (size, name, expected) in sizes {
        assert_eq!(size, expected, "{name}");
        assert!(layout.contains(&format!("SIZE({name}, ")), "{name}");
        assert!(
            layout
                .lines()
                .any(|line| line.starts_with(&format!("SIZE({name}, ")) && line.ends_with(&format!(" {size});")))
        );
    }
}

#[test]
fn the_header_compiles_alone_in_every_dialect() {
    let header = root().join("include/aseptic.h");
    for (compiler, language, dialect) in
        [("cc", "c", "c99"), ("cc", "c", "c11"), ("cc", "c", "c17"), ("c++", "c++", "c++17")]
    {
        let mut command = words(compiler);
        command.args(STRICT).args(["-ffreestanding", "-fsyntax-only", "-x", language]).arg(format!("-std={dialect}"));
        command.arg("-DASEPTIC_HOSTED");
        match command.arg(&header).output() {
            Ok(output) => {
                assert!(output.status.success(), "{dialect}: {}", String::from_utf8_lossy(&output.stderr));
                println!("header: {dialect}");
            }
            // Rust and a C compiler are all that this command needs.
            Err(_) if compiler == "c++" && env::var("CI").as_deref() != Ok("true") => {
                println!("header: {dialect} skipped, no C++ compiler is installed");
            }
            Err(error) => panic!("{compiler}: {error}"),
        }
    }
    assert!(self::compiler().arg("--version").output().unwrap().status.success());
}

#[test]
fn every_function_says_who_owns_what_fails_when_and_survives() {
    let header = header();
    let declarations = declarations(&header);
    assert!(declarations.len() >= 62, "{}", declarations.len());
    for (name, documentation) in &declarations {
        for word in ["Ownership: ", "Errors: ", "Threads: ", "Power loss: "] {
            assert!(documentation.contains(word), "{name} does not say {word:?}:\n{documentation}");
        }
    }
    println!("{} functions documented", declarations.len());
}

#[test]
fn the_essay_names_every_function_in_the_order_of_the_header() {
    let header = header();
    let (_, essay) = header.split_once("LIFE CYCLE.").unwrap();
    let (essay, _) = essay.split_once("\n *\n").unwrap();
    let named = essay.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let named: Vec<&str> = named.filter(|word| word.starts_with("aseptic_")).collect();
    let mut declared: Vec<&str> = declarations(&header).into_iter().map(|(name, _)| name).collect();
    declared.retain(|name| *name != "aseptic_fault");
    assert_eq!(named, declared);
}

fn header() -> String {
    fs::read_to_string(root().join("include/aseptic.h")).unwrap()
}

/// The functions that stand under ASEPTIC_HOSTED.
fn hosted(header: &str) -> BTreeSet<&str> {
    let guarded = header.split("#if defined(ASEPTIC_HOSTED)").skip(1).filter_map(|rest| rest.split_once("\n#endif"));
    guarded.flat_map(|(inside, _)| declarations(inside)).map(|(name, _)| name).collect()
}

/// Every function of the header with the comment before it, on one line.
fn declarations(header: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut documentation = String::new();
    for line in header.lines() {
        let text = line.trim_start();
        if text.starts_with("/**") {
            documentation.clear();
        } else if let Some(comment) = text.strip_prefix('*') {
            documentation.push_str(comment.trim_end_matches('/'));
        } else if let Some((before, _)) = text.split_once('(')
            && !text.starts_with('#')
            && !line.starts_with(' ')
            && let Some(name) = before.split([' ', '*']).next_back()
            && name.starts_with("aseptic_")
        {
            found.push((name, std::mem::take(&mut documentation)));
        }
    }
    found
}
