//! The flash of the table, on which the library keeps store and counters.

use crate::platform::Table;
use aseptic_core::platform::Outcome;
use aseptic_nor::{Flash, Geometry};

// SAFETY of all calls below: as for the other entries of the table.

impl Flash for Table {
    fn geometry(&self) -> Outcome<Geometry> {
        let (mut size, mut erase_size, mut program_size) = (0, 0, 0);
        self.ask(self.0.flash_geometry, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, &raw mut size, &raw mut erase_size, &raw mut program_size) }
        })?;
        Ok(Geometry { size, erase_size, program_size })
    }

    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.flash_read, |entry, ctx| unsafe { entry(ctx, at, out.as_mut_ptr(), out.len()) })
    }

    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.flash_program, |entry, ctx| unsafe { entry(ctx, at, bytes.as_ptr(), bytes.len()) })
    }

    fn erase(&self, at: u32) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.flash_erase, |entry, ctx| unsafe { entry(ctx, at) })
    }
}
