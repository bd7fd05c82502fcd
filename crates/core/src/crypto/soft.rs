//! pure Rust
