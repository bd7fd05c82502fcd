//! Measurements that need servers of their own: one module for each, run by `cargo xtask bench`.

pub mod registrar;
