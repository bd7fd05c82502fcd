//! Devices from the factory to the hospital, through refusals, damage and power cuts.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod agreement;
mod birth;
mod enrol;
mod shelf;
mod support;
mod sweep;
mod terms;
mod wipe;
