//! What happens should the library ever panic on bare metal.

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Defined by the program: puts the device into its safe state and does not return.
    fn aseptic_fault() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the program defines it as the header says: no argument, no return.
    unsafe { aseptic_fault() }
}
