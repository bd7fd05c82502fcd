//! What a C program links: `dist/` with header, libraries, pkg-config file and CMake config.

use crate::{sbom, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The system libraries that the static library needs, as `rustc --print native-static-libs` says; [`check`] compares.
pub(crate) const PRIVATE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
const SOURCES: [&str; 2] = ["examples/c/pump.c", "examples/c/platform_posix.c"];

/// Builds `dist/` and gives its path.
pub(crate) fn run() -> Result<PathBuf> {
    shell::run(shell::cargo().args(["build", "--quiet", "--profile", "dist", "-p", "aseptic-ffi"]))?;
    let built = shell::target().join("dist");
    let dist = shell::root().join("dist");
    // `dist/firmware` is the work of another chore.
    for folder in ["include", "lib"].map(|name| dist.join(name)) {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    for folder in ["include", "lib/pkgconfig", "lib/cmake/aseptic"] {
        fs::create_dir_all(dist.join(folder))?;
    }
    copy(&shell::root().join("include/aseptic.h"), &dist.join("include/aseptic.h"))?;
    copy(&built.join("libaseptic_ffi.a"), &dist.join("lib/libaseptic.a"))?;
    copy(&built.join("libaseptic_ffi.so"), &dist.join("lib/libaseptic.so.0"))?;
    std::os::unix::fs::symlink("libaseptic.so.0", dist.join("lib/libaseptic.so"))?;
    fs::write(dist.join("lib/pkgconfig/aseptic.pc"), pkg_config())?;
    fs::write(dist.join("lib/cmake/aseptic/asepticConfig.cmake"), cmake_config())?;
    fs::write(dist.join("lib/cmake/aseptic/asepticConfigVersion.cmake"), cmake_version())?;
    sbom::write(&dist.join("sbom"))?;
    println!("dist: {}", dist.display());
    Ok(dist)
}

/// Builds the pump from a copy of `dist/` in another place, by pkg-config and by CMake, and compares the system libraries
/// with what rustc names.
pub(crate) fn check(dist: &Path) -> Result<()> {
    let named = native_libraries()?;
    if named != PRIVATE {
        bail!("the static library needs {named}, dist/ says {PRIVATE}");
    }
    let place = shell::target().join("dist check");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let moved = place.join("aseptic");
    shell::run(shell::program("cp").arg("-R").arg(dist).arg(&moved))?;
    sbom::check(&dist.join("sbom"))?;
    optional("pkg-config", || by_pkg_config(&moved, &place))?;
    optional("cmake", || by_cmake(&moved, &place))
}

/// Under CI every tool must be there.
fn optional(tool: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    if shell::answers(tool, "--version") {
        step()?;
        println!("dist: the pump builds with {tool}");
    } else if shell::ci() {
        bail!("{tool} is missing; run `cargo xtask setup`");
    } else {
        println!("dist: {tool} skipped, it is not installed");
    }
    Ok(())
}

/// Once against the shared library, once with everything static.
fn by_pkg_config(moved: &Path, place: &Path) -> Result<()> {
    for mode in [&[][..], &["--static"]] {
        let mut ask = shell::program("pkg-config");
        ask.env("PKG_CONFIG_PATH", moved.join("lib/pkgconfig")).args(["--cflags", "--libs"]).args(mode);
        let mut flags = split(shell::output(ask.arg("aseptic"))?.trim());
        if !mode.is_empty() {
            // The linker prefers the shared library where it finds both; a static link names the file.
            let library = flags.iter().position(|flag| flag == "-laseptic").context("no -laseptic")?;
            if let Some(flag) = flags.get_mut(library) {
                *flag = "-l:libaseptic.a".to_owned();
            }
            if !PRIVATE.split(' ').all(|library| flags.iter().any(|flag| flag == library)) {
                bail!("pkg-config --static does not give {PRIVATE}");
            }
        }
        let pump = place.join(format!("pump{}", mode.concat()));
        shell::run(shell::program("gcc").args(["-std=c99", "-O2"]).args(SOURCES).args(flags).arg("-o").arg(&pump))?;
        started(Command::new(&pump).env("LD_LIBRARY_PATH", moved.join("lib")))?;
    }
    Ok(())
}

fn by_cmake(moved: &Path, place: &Path) -> Result<()> {
    let (source, build) = (place.join("source"), place.join("build"));
    fs::create_dir_all(&source)?;
    let sources = SOURCES.map(|name| format!("\"{}\"", shell::root().join(name).display())).join(" ");
    let project = format!(
        "cmake_minimum_required(VERSION 3.13)\n\
         project(pump C)\n\
         find_package(aseptic {VERSION} REQUIRED)\n\
         foreach(kind static shared)\n\
         \x20 add_executable(pump-${{kind}} {sources})\n\
         \x20 target_link_libraries(pump-${{kind}} PRIVATE aseptic::${{kind}})\n\
         endforeach()\n"
    );
    fs::write(source.join("CMakeLists.txt"), project)?;
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", moved.display());
    shell::output(shell::program("cmake").arg("-S").arg(&source).arg("-B").arg(&build).arg(prefix))?;
    shell::output(shell::program("cmake").arg("--build").arg(&build))?;
    for kind in ["static", "shared"] {
        started(&mut Command::new(build.join(format!("pump-{kind}"))))?;
    }
    Ok(())
}

/// The pump starts: without words it answers with its status for misuse, after it has compared versions with the library.
fn started(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.code() != Some(2) {
        bail!("the pump does not start: {status}");
    }
    Ok(())
}

/// What the compiler of this workspace says that a static library needs.
fn native_libraries() -> Result<String> {
    let empty = shell::target().join("empty.rs");
    fs::write(&empty, "")?;
    let mut rustc = shell::program(std::env::var("RUSTC").as_deref().unwrap_or("rustc"));
    rustc.args(["--print", "native-static-libs", "--crate-type", "staticlib", "-o"]);
    let output = rustc.arg(shell::target().join("libempty.a")).arg(&empty).output()?;
    let text = String::from_utf8(output.stderr)?;
    let line = text.lines().find_map(|line| line.split_once("native-static-libs: "));
    line.map(|(_, libraries)| libraries.trim().to_owned()).context("rustc names no libraries")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

/// Splits what pkg-config prints, which escapes spaces inside a flag.
fn split(flags: &str) -> Vec<String> {
    let kept = flags.replace("\\ ", "\u{0}");
    kept.split_whitespace().map(|flag| flag.replace('\u{0}', " ")).collect()
}

/// Paths are relative to the file, so that the folder can be moved.
fn pkg_config() -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         includedir=${{prefix}}/include\n\
         libdir=${{prefix}}/lib\n\
         \n\
         Name: aseptic\n\
         Description: Device security for medical devices\n\
         Version: {VERSION}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -laseptic\n\
         Libs.private: {PRIVATE}\n"
    )
}

/// `aseptic::aseptic` is the static library; `aseptic::shared` the other one.
fn cmake_config() -> String {
    let libraries = PRIVATE.replace("-l", "").replace(' ', ";");
    format!(
        "get_filename_component(_aseptic_prefix \"${{CMAKE_CURRENT_LIST_DIR}}/../../..\" ABSOLUTE)\n\
         if(NOT TARGET aseptic::static)\n\
         \x20 add_library(aseptic::static STATIC IMPORTED)\n\
         \x20 set_target_properties(aseptic::static PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{_aseptic_prefix}}/lib/libaseptic.a\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{_aseptic_prefix}}/include\"\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{libraries}\")\n\
         \x20 add_library(aseptic::shared SHARED IMPORTED)\n\
         \x20 set_target_properties(aseptic::shared PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{_aseptic_prefix}}/lib/libaseptic.so.0\"\n\
         \x20   IMPORTED_SONAME \"libaseptic.so.0\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{_aseptic_prefix}}/include\")\n\
         \x20 add_library(aseptic::aseptic INTERFACE IMPORTED)\n\
         \x20 set_target_properties(aseptic::aseptic PROPERTIES INTERFACE_LINK_LIBRARIES aseptic::static)\n\
         endif()\n\
         unset(_aseptic_prefix)\n"
    )
}

/// Before 1.0 a minor version may break what is linked: only the same one fits.
fn cmake_version() -> String {
    let series = VERSION.rsplit_once('.').map_or(VERSION, |(series, _)| series);
    format!(
        "set(PACKAGE_VERSION {VERSION})\n\
         set(PACKAGE_VERSION_EXACT FALSE)\n\
         set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)\n\
         \x20 set(PACKAGE_VERSION_EXACT TRUE)\n\
         endif()\n\
         if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION AND PACKAGE_FIND_VERSION MATCHES \"^{}\")\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         endif()\n",
        series.replace('.', "\\\\.")
    )
}
