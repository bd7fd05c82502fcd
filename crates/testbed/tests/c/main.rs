//! The C interface, tested as C: the programs of `examples/c` and `tests/c` are compiled, linked and run.
//!
//! `cargo test` links the static library that cargo built beside this test. `cargo xtask c` runs the same tests against
//! `dist/`, static and shared, under sanitizers and under valgrind.

mod abi;
mod hosted;
mod life;
mod program;
mod pump;
#[path = "../common/registrar.rs"]
mod registrar;
mod scene;
