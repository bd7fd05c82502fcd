//! The C firmware of `examples/c` on QEMU's mps2-an386, played against a factory, an author and a hospital written in Rust.
//!
//! `cargo xtask firmware` builds the programs, names their folder in `ASEPTIC_FIRMWARE` and runs these tests; without it
//! they skip.

mod board;
mod bootloader;
mod calls;
#[path = "../c/life.rs"]
mod life;
mod line;
mod pump;
#[path = "../common/registrar.rs"]
mod registrar;
#[path = "../c/scene.rs"]
#[allow(dead_code, reason = "the tests of the C interface use all of it")]
mod scene;
mod therapy;
