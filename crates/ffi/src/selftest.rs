//! The self-test of a port.

use crate::abi::{aseptic_slice, aseptic_status, call, input, output};
use crate::crypto::{Engine, aseptic_crypto};
use crate::device::assemble;
use crate::platform::{Table, aseptic_platform};
use crate::text::text;
use ::aseptic_selftest::{Finding, Power, Subject, WORK, run};
use aseptic_core::Reason;
use aseptic_core::platform::{Fault, Outcome};
use core::ffi::c_void;

/// The program slot that is not running may be erased and written to.
pub const ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE: u32 = 1;
/// Power is back: what `power_cut` is called with after each cut.
pub const ASEPTIC_SELFTEST_POWER_BACK: u32 = u32::MAX;

/// Working memory of the self-test: plain memory of the caller. Opaque.
#[repr(C)]
pub struct aseptic_selftest_memory {
    _opaque: [u64; 2048],
}

const _: () = assert!(size_of::<aseptic_selftest_memory>() == WORK);

/// How a port is tried out.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_selftest {
    /// `sizeof(aseptic_selftest)`.
    pub size: u32,
    /// 0, or `ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE`.
    pub options: u32,
    /// Handed to both functions.
    pub ctx: *mut c_void,
    /// Required. Takes each finding as it is made: its number, and a number that goes with it.
    pub finding: Option<unsafe extern "C" fn(ctx: *mut c_void, finding: u16, detail: u64)>,
    /// Optional. Acts as if the power went: lets `writes` writes to the medium happen, spoils the next one as a power cut does, and
    /// lets every platform call after it answer `ASEPTIC_PLATFORM_UNAVAILABLE`. With `ASEPTIC_SELFTEST_POWER_BACK` power is back: the
    /// port forgets what it had in memory and starts on what is stored.
    pub power_cut: Option<unsafe extern "C" fn(ctx: *mut c_void, writes: u32) -> aseptic_status>,
}

impl Power for aseptic_selftest {
    fn cut_after(&self, writes: u32) -> Outcome<()> {
        let entry = self.power_cut.ok_or(Fault::Unavailable)?;
        // SAFETY: the program promises that the function may be called with its context while the test runs.
        if unsafe { entry(self.ctx, writes) } == crate::ASEPTIC_OK { Ok(()) } else { Err(Fault::Io) }
    }

    fn restore(&self) -> Outcome<()> {
        self.cut_after(ASEPTIC_SELFTEST_POWER_BACK)
    }
}

/// Tries `platform` out, on the device itself, and tells `test` what is wrong with it; `findings` is how much. For whoever writes
/// a port: it takes seconds and writes to the medium, and no device context may be in use meanwhile. `crypto` may be NULL; with
/// it, or with the cryptography that is built in, the signatures of the port are verified.
///
/// Afterwards slots 0x00F0 and 0x00F1 are as they were, counter 7 is some steps higher, and no key is left. What stands on raw
/// flash is not touched; its reserve is tried out. Not found: entropy that is the same after each start, and a wrong
/// `image_select`, which is not called.
///
/// Ownership: all memory stays the caller's. Errors: MISUSE for NULL, a table of another size, a missing required entry or an
/// incomplete group; `findings` is 0 then. A port with findings is answered with OK. Threads: no other call on this platform
/// meanwhile. Power loss: the two slots may then hold test bytes, and two keys remain until the next start.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_selftest_run(
    platform: *const aseptic_platform,
    crypto: *const aseptic_crypto,
    test: *const aseptic_selftest,
    memory: *mut aseptic_selftest_memory,
    findings: *mut u32,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let findings = unsafe { output(findings) }?;
        *findings = 0;
        // SAFETY: the size is the first field, so it is readable in a test of any size.
        let size = *unsafe { input(test.cast::<u32>()) }?;
        if usize::try_from(size) != Ok(size_of::<aseptic_selftest>()) {
            return Err(Reason::Misuse);
        }
        // SAFETY: as large as the type, as the caller promises.
        let test = *unsafe { input(test) }?;
        let take = test.finding.ok_or(Reason::Misuse)?;
        if test.options & !ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE != 0 {
            return Err(Reason::Misuse);
        }
        // SAFETY: as the caller promises.
        let memory = core::ptr::from_mut(unsafe { output(memory) }?).cast::<[u8; WORK]>();
        // SAFETY: as large as the type, bytes alone, of which every value is valid.
        let memory = unsafe { &mut *memory };
        // SAFETY: as the caller promises.
        let (table, engine) = unsafe { (Table::read(platform)?, Engine::read(crypto)?) };
        *findings = assemble(&table, &engine, |platform, suite| {
            let subject = Subject {
                platform,
                suite,
                flash: if table.has_flash() { Some(&table) } else { None },
                power: if test.power_cut.is_some() { Some(&test) } else { None },
                danger_other_image: test.options & ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE != 0,
            };
            // SAFETY: as above.
            run(&subject, memory, &mut |finding, detail| unsafe { take(test.ctx, finding.number(), detail) })
        });
        Ok(())
    })
}

/// What a finding means, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a library that
/// was built without its texts (feature `text`).
///
/// Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_selftest_problem(finding: u16) -> aseptic_slice {
    text(sentences(finding).0)
}

/// What to do about a finding, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a library
/// that was built without its texts (feature `text`).
///
/// Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub extern "C" fn aseptic_selftest_remedy(finding: u16) -> aseptic_slice {
    text(sentences(finding).1)
}

/// Problem and remedy.
fn sentences(finding: u16) -> (&'static str, &'static str) {
    #[cfg(feature = "text")]
    if let Some(finding) = Finding::from_number(finding) {
        return (finding.problem(), finding.remedy());
    }
    let _ = Finding::from_number(finding);
    ("", "")
}
