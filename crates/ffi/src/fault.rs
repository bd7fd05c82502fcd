//! What happens should the library ever panic on bare metal.

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Defined by the program, on bare metal: puts the device into its safe state and does not return. Called should the
    /// library find itself in a state that its authors ruled out; nothing of it may be called any more.
    ///
    /// Ownership: none. Errors: none. Threads: the calling one. Power loss: whatever is stored is whole.
    fn aseptic_fault() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the program defines it as the header says: no argument, no return.
    unsafe { aseptic_fault() }
}
