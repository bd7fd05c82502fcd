//! The platform as a table of C functions.

use crate::abi::{ASEPTIC_OK, aseptic_status, input};
use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, KeyAlg, Message, Suite};
use aseptic_core::platform::{
    BootMode, Clock, Counter, Counters, Entropy, Event, Events, Fault, Geometry, ImageSlot, Images, KeyId, KeyPolicy,
    KeyUse, Keys, Outcome, Progress, SignInput, Slot, Store, Strength,
};
use aseptic_core::secret::Secret;
use aseptic_core::time::Time;
use core::ffi::c_void;

/// What the firmware provides. Functions are called on the thread that called the library, may block, must not call the
/// library, and answer `ASEPTIC_OK` or one of the `ASEPTIC_PLATFORM_...` numbers. The table is copied by `aseptic_device_init`;
/// `ctx` is handed to each function as it is.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_platform {
    /// `sizeof(aseptic_platform)`: tells the library which entries this program knows.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to each function.
    pub ctx: *mut c_void,
    /// Required. Fills all of `out` with full-entropy bytes, or fails.
    pub entropy_fill: Option<unsafe extern "C" fn(ctx: *mut c_void, out: *mut u8, len: usize) -> aseptic_status>,
    /// Required. The wall clock in seconds since 1970, and its worth: 0 unknown, 1 at least this late, 2 trusted.
    pub clock_now: Option<unsafe extern "C" fn(ctx: *mut c_void, seconds: *mut u64, trust: *mut u8) -> aseptic_status>,
    /// Required. Milliseconds since boot; never steps back.
    pub clock_uptime: Option<unsafe extern "C" fn(ctx: *mut c_void) -> u64>,
    /// Required, all of `store_...` together, unless `flash_...` is there. Copies the blob of `slot` to `out` and its length to `len`. Nothing there: `ASEPTIC_PLATFORM_NOT_FOUND`.
    pub store_load: Option<
        unsafe extern "C" fn(ctx: *mut c_void, slot: u16, out: *mut u8, cap: usize, len: *mut usize) -> aseptic_status,
    >,
    /// Replaces the blob, of up to 8192 bytes. After power loss the slot holds the old blob or the new one.
    pub store_save:
        Option<unsafe extern "C" fn(ctx: *mut c_void, slot: u16, bytes: *const u8, len: usize) -> aseptic_status>,
    /// Removes the blob; removing what is not there succeeds. Slots from 256 on hold private keys: no copy of the bytes stays
    /// on the medium, as far as the medium allows.
    pub store_erase: Option<unsafe extern "C" fn(ctx: *mut c_void, slot: u16) -> aseptic_status>,
    /// Required, both together, unless `flash_...` is there. The value of a counter; one never advanced reads 0.
    pub counter_read: Option<unsafe extern "C" fn(ctx: *mut c_void, counter: u8, value: *mut u64) -> aseptic_status>,
    /// Moves a counter up to `value`, never down; a lower one changes nothing and succeeds. After power loss it holds the old value or the new one.
    pub counter_advance: Option<unsafe extern "C" fn(ctx: *mut c_void, counter: u8, value: u64) -> aseptic_status>,
    /// Optional. 1 if writing the flash back does not step the counters back; NULL means 0.
    pub counter_hardware: Option<unsafe extern "C" fn(ctx: *mut c_void) -> u8>,
    /// Optional, all of `key_...` together. NULL: the library keeps software keys in the store, as safe as the store is.
    /// Makes a private key; `alg` 1 P-256, 2 Ed25519, 3 X25519; `usage` 1 sign, 2 agree. `ASEPTIC_PLATFORM_DENIED` if taken.
    pub key_generate: Option<unsafe extern "C" fn(ctx: *mut c_void, key: u32, alg: u8, usage: u8) -> aseptic_status>,
    /// The public key (65 bytes for P-256, SEC 1 uncompressed, else 32), its algorithm and usage.
    pub key_public: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: u32,
            out: *mut u8,
            cap: usize,
            len: *mut usize,
            alg: *mut u8,
            usage: *mut u8,
        ) -> aseptic_status,
    >,
    /// Signs a digest of 32 bytes (P-256: SHA-256 of the message); the signature is r and s, 64 bytes.
    pub key_sign_digest: Option<
        unsafe extern "C" fn(ctx: *mut c_void, key: u32, digest: *const u8, signature: *mut u8) -> aseptic_status,
    >,
    /// The Diffie-Hellman secret with `peer`, 32 bytes.
    pub key_agree: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: u32,
            peer: *const u8,
            len: usize,
            secret: *mut u8,
        ) -> aseptic_status,
    >,
    /// The lowest key above `after`; 0 if there is none.
    pub key_next: Option<unsafe extern "C" fn(ctx: *mut c_void, after: u32, key: *mut u32) -> aseptic_status>,
    /// Removes a key beyond recovery, also one whose entry is damaged.
    pub key_destroy: Option<unsafe extern "C" fn(ctx: *mut c_void, key: u32) -> aseptic_status>,
    /// Optional, all of `image_...` together: the two program slots, 0 and 1. NULL: this device takes no updates.
    /// Size of a slot, unit of erasing, unit of writing (at most 32), in bytes.
    pub image_geometry: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            slot: u8,
            size: *mut u64,
            erase: *mut u32,
            write: *mut u32,
        ) -> aseptic_status,
    >,
    /// Erases a range of whole erase units.
    pub image_erase: Option<unsafe extern "C" fn(ctx: *mut c_void, slot: u8, offset: u64, len: u64) -> aseptic_status>,
    /// Writes to erased bytes.
    pub image_write: Option<
        unsafe extern "C" fn(ctx: *mut c_void, slot: u8, offset: u64, bytes: *const u8, len: usize) -> aseptic_status,
    >,
    /// Reads from the medium itself.
    pub image_read: Option<
        unsafe extern "C" fn(ctx: *mut c_void, slot: u8, offset: u64, out: *mut u8, len: usize) -> aseptic_status,
    >,
    /// The slot that is running.
    pub image_running: Option<unsafe extern "C" fn(ctx: *mut c_void, slot: *mut u8) -> aseptic_status>,
    /// Chooses the slot of the next boot; `mode` 1 once on trial, 2 from now on.
    pub image_select: Option<unsafe extern "C" fn(ctx: *mut c_void, slot: u8, mode: u8) -> aseptic_status>,
    /// Optional. Takes note of an event: its number, and a value that goes with it.
    pub on_event: Option<unsafe extern "C" fn(ctx: *mut c_void, reason: aseptic_status, detail: u64)>,
    /// Optional, all of `flash_...` together: an area of NOR flash that belongs to the library, addressed from 0. With it all of
    /// `store_...`, or all of `counter_...`, or both may be NULL: the library then keeps them in this area, old or new after a
    /// power cut at any operation. The area is erased when the device is made.
    /// Size of the area, unit of erasing (a power of two, at least 256; two or more in the area), unit of programming (a power of
    /// two, at most 32), in bytes. Always the same for one device.
    pub flash_geometry: Option<
        unsafe extern "C" fn(ctx: *mut c_void, size: *mut u32, erase: *mut u32, program: *mut u32) -> aseptic_status,
    >,
    /// Reads from the medium itself. `ASEPTIC_PLATFORM_CORRUPT` for bytes that the error correction gives up, as a torn write
    /// leaves them, and for nothing else.
    pub flash_read: Option<unsafe extern "C" fn(ctx: *mut c_void, at: u32, out: *mut u8, len: usize) -> aseptic_status>,
    /// Programs erased bytes; `at` and `len` are multiples of the unit, the range crosses no multiple of 256, `bytes` is aligned to
    /// 8, and no unit is programmed again before it was erased. Done when it returns.
    pub flash_program:
        Option<unsafe extern "C" fn(ctx: *mut c_void, at: u32, bytes: *const u8, len: usize) -> aseptic_status>,
    /// Erases the one unit that begins at `at`, to bytes of 0xFF. Done when it returns.
    pub flash_erase: Option<unsafe extern "C" fn(ctx: *mut c_void, at: u32) -> aseptic_status>,
}

/// The table, checked: required entries are there, optional groups whole or absent.
pub(crate) struct Table(pub(crate) aseptic_platform);

impl Table {
    /// Copies the table. [`Reason::Misuse`] for NULL, a misaligned pointer, a table of another size or with an incomplete
    /// group.
    ///
    /// # Safety
    /// `table` must be NULL or misaligned or readable for as many bytes as its own first field says.
    pub(crate) unsafe fn read(table: *const aseptic_platform) -> Result<Self, Reason> {
        // SAFETY: the size is the first field, so it is readable in a table of any size.
        let size = *unsafe { input(table.cast::<u32>()) }?;
        if usize::try_from(size) != Ok(size_of::<aseptic_platform>()) {
            return Err(Reason::Misuse);
        }
        // SAFETY: the table is as large as the type, so it is readable as such.
        let table = *unsafe { input(table) }?;
        let required = table.entropy_fill.is_some() && table.clock_now.is_some() && table.clock_uptime.is_some();
        let store = [table.store_load.is_some(), table.store_save.is_some(), table.store_erase.is_some()];
        let counters = [table.counter_read.is_some(), table.counter_advance.is_some()];
        let keys = [
            table.key_generate.is_some(),
            table.key_public.is_some(),
            table.key_sign_digest.is_some(),
            table.key_agree.is_some(),
            table.key_next.is_some(),
            table.key_destroy.is_some(),
        ];
        let images = [
            table.image_geometry.is_some(),
            table.image_erase.is_some(),
            table.image_write.is_some(),
            table.image_read.is_some(),
            table.image_running.is_some(),
            table.image_select.is_some(),
        ];
        let flash = [
            table.flash_geometry.is_some(),
            table.flash_read.is_some(),
            table.flash_program.is_some(),
            table.flash_erase.is_some(),
        ];
        let there = |group: &[bool]| group.iter().all(|entry| *entry);
        let whole = |group: &[bool]| there(group) || group.iter().all(|entry| !entry);
        let groups: [&[bool]; 5] = [&store, &counters, &keys, &images, &flash];
        // Without the package that keeps a log on it, flash replaces nothing.
        let kept = there(&store) && there(&counters) || cfg!(feature = "nor") && there(&flash);
        if table.reserved == 0 && required && kept && groups.into_iter().all(whole) {
            Ok(Self(table))
        } else {
            Err(Reason::Misuse)
        }
    }

    /// Whether the firmware brings its own key store.
    pub(crate) const fn has_keys(&self) -> bool {
        self.0.key_generate.is_some()
    }

    /// Whether there is raw flash for the library.
    #[cfg(feature = "selftest")]
    pub(crate) const fn has_flash(&self) -> bool {
        self.0.flash_geometry.is_some()
    }

    /// Whether the firmware brings its own store.
    #[cfg(feature = "nor")]
    pub(crate) const fn has_store(&self) -> bool {
        self.0.store_load.is_some()
    }

    /// Whether the firmware brings its own counters.
    #[cfg(feature = "nor")]
    pub(crate) const fn has_counters(&self) -> bool {
        self.0.counter_read.is_some()
    }

    /// Whether this device takes updates.
    pub(crate) const fn has_images(&self) -> bool {
        self.0.image_geometry.is_some()
    }

    /// Calls one entry with the context; a missing entry is unavailable.
    pub(crate) fn ask<F: Copy>(
        &self,
        entry: Option<F>,
        call: impl FnOnce(F, *mut c_void) -> aseptic_status,
    ) -> Outcome<()> {
        let entry = entry.ok_or(Fault::Unavailable)?;
        let status = call(entry, self.0.ctx);
        if status == ASEPTIC_OK {
            return Ok(());
        }
        match Reason::from_number(status) {
            Some(Reason::PlatformUnavailable) => Err(Fault::Unavailable),
            Some(Reason::PlatformFull) => Err(Fault::Full),
            Some(Reason::PlatformNotFound) => Err(Fault::NotFound),
            Some(Reason::PlatformDenied) => Err(Fault::Denied),
            Some(Reason::PlatformCorrupt) => Err(Fault::Corrupt),
            Some(_) | None => Err(Fault::Io),
        }
    }
}

// SAFETY of all calls below: the program that filled the table promises in `aseptic_device_init` that every entry may be
// called with `ctx` and with pointers that are valid for the lengths beside them, for as long as the device context lives.

impl Entropy for Table {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.entropy_fill, |entry, ctx| unsafe { entry(ctx, out.as_mut_ptr(), out.len()) })
    }
}

impl Clock for Table {
    fn now(&self) -> Time {
        let (mut seconds, mut trust) = (0, 0);
        // SAFETY: see above.
        let told = self.ask(self.0.clock_now, |entry, ctx| unsafe { entry(ctx, &raw mut seconds, &raw mut trust) });
        match (told, trust) {
            (Ok(()), 2) => Time::trusted(seconds),
            (Ok(()), 1) => Time::at_least(seconds),
            _ => Time::UNKNOWN,
        }
    }

    fn uptime(&self) -> u64 {
        // SAFETY: see above.
        self.0.clock_uptime.map_or(0, |entry| unsafe { entry(self.0.ctx) })
    }
}

impl Store for Table {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let mut len = 0;
        self.ask(self.0.store_load, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, slot.0, out.as_mut_ptr(), out.len(), &raw mut len) }
        })?;
        if len <= out.len() { Ok(len) } else { Err(Fault::Io) }
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.store_save, |entry, ctx| unsafe { entry(ctx, slot.0, bytes.as_ptr(), bytes.len()) })
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.store_erase, |entry, ctx| unsafe { entry(ctx, slot.0) })
    }
}

impl Counters for Table {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        let mut value = 0;
        // SAFETY: see above.
        self.ask(self.0.counter_read, |entry, ctx| unsafe { entry(ctx, counter as u8, &raw mut value) })?;
        Ok(value)
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.counter_advance, |entry, ctx| unsafe { entry(ctx, counter as u8, to) })
    }

    fn strength(&self) -> Strength {
        // SAFETY: see above.
        match self.0.counter_hardware.map(|entry| unsafe { entry(self.0.ctx) }) {
            Some(1) => Strength::HardwareMonotonic,
            _ => Strength::FlashOnly,
        }
    }
}

/// The key store of the firmware, beside the suite that hashes what it signs.
pub(crate) struct FirmwareKeys<'a> {
    pub(crate) table: &'a Table,
    pub(crate) suite: Suite<'a>,
}

impl Keys for FirmwareKeys<'_> {
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()> {
        self.table.ask(self.table.0.key_generate, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, id.0, policy.alg as u8, policy.usage as u8) }
        })
    }

    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        let (mut len, mut alg, mut usage) = (0, 0, 0);
        self.table.ask(self.table.0.key_public, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, id.0, out.as_mut_ptr(), out.len(), &raw mut len, &raw mut alg, &raw mut usage) }
        })?;
        let alg = KeyAlg::from_u8(alg).map_err(|_| Fault::Corrupt)?;
        let usage = match usage {
            1 => KeyUse::Sign,
            2 => KeyUse::Agree,
            _ => return Err(Fault::Corrupt),
        };
        if len == alg.public_len() && len <= out.len() { Ok((KeyPolicy { alg, usage }, len)) } else { Err(Fault::Io) }
    }

    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        let digest = match input {
            SignInput::Digest(digest) => <[u8; 32]>::try_from(digest).map_err(|_| Fault::Denied)?,
            SignInput::Message(message) => sha256(&self.suite, message)?,
        };
        let signature = out.get_mut(..64).ok_or(Fault::Full)?;
        self.table.ask(self.table.0.key_sign_digest, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, id.0, digest.as_ptr(), signature.as_mut_ptr()) }
        })?;
        Ok(Progress::Done(64))
    }

    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()> {
        self.table.ask(self.table.0.key_agree, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, id.0, peer.as_ptr(), peer.len(), out.expose_mut().as_mut_ptr()) }
        })
    }

    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>> {
        let mut key = 0;
        // SAFETY: see above.
        self.table.ask(self.table.0.key_next, |entry, ctx| unsafe { entry(ctx, after.0, &raw mut key) })?;
        match key {
            0 => Ok(None),
            key if key > after.0 => Ok(Some(KeyId(key))),
            // A walk that does not rise would never end.
            _ => Err(Fault::Io),
        }
    }

    fn destroy(&self, id: KeyId) -> Outcome<()> {
        // SAFETY: see above.
        self.table.ask(self.table.0.key_destroy, |entry, ctx| unsafe { entry(ctx, id.0) })
    }
}

impl Images for Table {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        let (mut size, mut erase_size, mut write_size) = (0, 0, 0);
        self.ask(self.0.image_geometry, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, slot as u8, &raw mut size, &raw mut erase_size, &raw mut write_size) }
        })?;
        Ok(Geometry { size, erase_size, write_size })
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.image_erase, |entry, ctx| unsafe { entry(ctx, slot as u8, offset, len) })
    }

    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.ask(self.0.image_write, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, slot as u8, offset, bytes.as_ptr(), bytes.len()) }
        })
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.ask(self.0.image_read, |entry, ctx| {
            // SAFETY: see above.
            unsafe { entry(ctx, slot as u8, offset, out.as_mut_ptr(), out.len()) }
        })
    }

    fn running(&self) -> Outcome<ImageSlot> {
        let mut slot = u8::MAX;
        // SAFETY: see above.
        self.ask(self.0.image_running, |entry, ctx| unsafe { entry(ctx, &raw mut slot) })?;
        match slot {
            0 => Ok(ImageSlot::A),
            1 => Ok(ImageSlot::B),
            _ => Err(Fault::Corrupt),
        }
    }

    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()> {
        // SAFETY: see above.
        self.ask(self.0.image_select, |entry, ctx| unsafe { entry(ctx, slot as u8, mode as u8) })
    }
}

impl Events for Table {
    fn on_event(&self, event: Event) {
        if let Some(entry) = self.0.on_event {
            // SAFETY: see above.
            unsafe { entry(self.0.ctx, event.reason.number(), event.detail) };
        }
    }
}

/// Firmware key stores sign digests, so that no message has to cross the table in one piece.
fn sha256(suite: &Suite<'_>, message: &mut dyn Message) -> Outcome<[u8; 32]> {
    let digest = suite.digest(HashAlg::Sha256, message).map_err(|_| Fault::Io)?;
    digest.first_chunk().copied().ok_or(Fault::Io)
}
