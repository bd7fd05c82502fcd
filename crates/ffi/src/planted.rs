//! A panic, so that the proof that there is none is seen to fail. Nothing that ships has it.

/// Panics for an index above 3.
#[unsafe(no_mangle)]
#[allow(clippy::indexing_slicing, reason = "the panic that is to be found")]
pub extern "C" fn aseptic_planted_panic(index: usize) -> u8 {
    [1, 2, 3, 4][index]
}
