//! What a C program links: `dist/` with header, libraries, pkg-config file and CMake config.

use crate::shell;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The system libraries that the static library needs, as `rustc --print native-static-libs` says.
const PRIVATE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// Builds `dist/` and gives its path.
pub(crate) fn run() -> Result<PathBuf> {
    shell::run(shell::cargo().args(["build", "--quiet", "--profile", "dist", "-p", "aseptic-ffi"]))?;
    let built = shell::target().join("dist");
    let dist = shell::root().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    for folder in ["include", "lib/pkgconfig", "lib/cmake/aseptic"] {
        fs::create_dir_all(dist.join(folder))?;
    }
    copy(&shell::root().join("include/aseptic.h"), &dist.join("include/aseptic.h"))?;
    copy(&built.join("libaseptic_ffi.a"), &dist.join("lib/libaseptic.a"))?;
    copy(&built.join("libaseptic_ffi.so"), &dist.join("lib/libaseptic.so.0"))?;
    std::os::unix::fs::symlink("libaseptic.so.0", dist.join("lib/libaseptic.so"))?;
    fs::write(dist.join("lib/pkgconfig/aseptic.pc"), pkg_config())?;
    fs::write(dist.join("lib/cmake/aseptic/asepticConfig.cmake"), cmake())?;
    println!("dist: {}", dist.display());
    Ok(dist)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

/// Paths are relative to the file, so that the folder can be moved.
fn pkg_config() -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         Name: aseptic\n\
         Description: Device security for medical devices\n\
         Version: {VERSION}\n\
         Cflags: -I${{prefix}}/include\n\
         Libs: -L${{prefix}}/lib -laseptic\n\
         Libs.private: {PRIVATE}\n"
    )
}

fn cmake() -> String {
    let libraries = PRIVATE.replace("-l", "").replace(' ', ";");
    format!(
        "get_filename_component(ASEPTIC_PREFIX \"${{CMAKE_CURRENT_LIST_DIR}}/../../..\" ABSOLUTE)\n\
         if(NOT TARGET aseptic::aseptic)\n\
         \x20 add_library(aseptic::aseptic STATIC IMPORTED)\n\
         \x20 set_target_properties(aseptic::aseptic PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{ASEPTIC_PREFIX}}/lib/libaseptic.a\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{ASEPTIC_PREFIX}}/include\"\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{libraries}\")\n\
         endif()\n\
         set(aseptic_VERSION {VERSION})\n"
    )
}
