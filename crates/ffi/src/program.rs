//! The C functions of an update over a platform of Rust traits, for tests that compare what both interfaces ask it for.

use crate::*;
use aseptic_core::platform::{BootMode, Counter, Event, Fault, ImageSlot, Outcome, Platform, Slot};
use aseptic_core::{Reason, Result};
use core::ffi::c_void;
use core::marker::PhantomData;
use std::boxed::Box;

/// One C program: a device, and one update on it.
pub struct Program<'p> {
    // What the table points to; it stays where it is.
    platform: Box<Platform<'p>>,
    device: Box<aseptic_device>,
    update: Box<aseptic_update>,
    borrows: PhantomData<&'p ()>,
}

/// What `aseptic_update_begin_with` is given.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// The envelope.
    pub envelope: &'a [u8],
    /// The vendor and the class of the device.
    pub model: [[u8; 16]; 2],
    /// The component.
    pub component: &'a [u8],
    /// The name of the device in statements.
    pub serial: &'a [u8],
    /// A downgrade token, or nothing.
    pub downgrade: &'a [u8],
    /// `ASEPTIC_SOURCE_...`.
    pub source: u8,
}

impl<'p> Program<'p> {
    /// Starts the program, with the cryptography that is built in.
    #[must_use]
    pub fn start(platform: Platform<'p>) -> Self {
        let platform = Box::new(platform);
        // SAFETY: zeros are what the header asks of a context before its first use.
        let (device, update) = unsafe { (Box::new(core::mem::zeroed()), Box::new(core::mem::zeroed())) };
        let mut program = Self { platform, device, update, borrows: PhantomData };
        let table = table(core::ptr::from_ref::<Platform<'p>>(&program.platform).cast_mut().cast());
        // SAFETY: live memory, and a table whose context outlives the device.
        let status = unsafe { aseptic_device_init(&raw mut *program.device, &raw const table, core::ptr::null()) };
        assert_eq!(status, ASEPTIC_OK);
        program
    }

    /// `aseptic_device_set_use`.
    pub fn set_use(&mut self, clinical: u8) -> Result<()> {
        // SAFETY: a live context.
        told(unsafe { aseptic_device_set_use(&raw mut *self.device, clinical) })
    }

    /// `aseptic_boot_verify`.
    pub fn verify(&mut self) -> Result<u32> {
        let mut word = 0;
        // SAFETY: a live context.
        told(unsafe { aseptic_boot_verify(&raw mut *self.device, &raw mut word) })?;
        Ok(word)
    }

    /// `aseptic_boot_state`.
    pub fn state(&mut self) -> Result<u8> {
        let mut state = 0;
        // SAFETY: a live context.
        told(unsafe { aseptic_boot_state(&raw mut *self.device, &raw mut state) })?;
        Ok(state)
    }

    /// `aseptic_boot_confirm`.
    pub fn confirm(&mut self, migration_floor: u64) -> Result<()> {
        // SAFETY: a live context.
        told(unsafe { aseptic_boot_confirm(&raw mut *self.device, migration_floor) })
    }

    /// `aseptic_trust_update`.
    pub fn trust(&mut self, authority: u8, object: &[u8]) -> Result<()> {
        // SAFETY: a live context and live bytes.
        told(unsafe { aseptic_trust_update(&raw mut *self.device, authority, slice(object)) })
    }

    /// `aseptic_update_hold`.
    pub fn hold(&mut self, serial: &[u8], object: &[u8]) -> Result<()> {
        // SAFETY: a live context and live bytes.
        told(unsafe { aseptic_update_hold(&raw mut *self.device, slice(serial), slice(object)) })
    }

    /// `aseptic_update_begin_with`, and `aseptic_update_step` until nothing is left.
    pub fn begin(&mut self, offer: &Offer<'_>) -> Result<()> {
        let [vendor, device_class] = offer.model;
        let model = aseptic_model {
            vendor,
            device_class,
            component: slice(offer.component),
            components: core::ptr::null(),
            component_count: 0,
            device_id: slice(&[]),
            key_encryption_key: slice(&[]),
            agreement_key: 0,
        };
        let statements = aseptic_statements {
            serial: slice(offer.serial),
            approval: slice(&[]),
            downgrade: slice(offer.downgrade),
            waiver: slice(&[]),
            presence: 0,
            source: offer.source,
        };
        let (device, update) = (&raw mut *self.device, &raw mut *self.update);
        // SAFETY: live contexts and live bytes.
        told(unsafe {
            aseptic_update_wipe(update);
            aseptic_update_begin_with(device, slice(offer.envelope), &raw const model, &raw const statements, update)
        })?;
        self.steps()
    }

    /// `aseptic_update_offset`: the number of the next byte.
    pub fn offset(&mut self) -> Result<u64> {
        let (mut offset, mut missing) = (0, 0);
        // SAFETY: a live context.
        told(unsafe { aseptic_update_offset(&raw mut *self.update, &raw mut offset, &raw mut missing) })?;
        Ok(offset)
    }

    /// `aseptic_update_feed`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: live contexts and live bytes.
        told(unsafe { aseptic_update_feed(&raw mut *self.device, &raw mut *self.update, slice(bytes)) })
    }

    /// `aseptic_update_finish`, and `aseptic_update_step` until nothing is left.
    pub fn finish(&mut self) -> Result<()> {
        // SAFETY: live contexts.
        told(unsafe { aseptic_update_finish(&raw mut *self.device, &raw mut *self.update) })?;
        self.steps()
    }

    /// `aseptic_update_activate`.
    pub fn activate(&mut self) -> Result<()> {
        // SAFETY: live contexts.
        told(unsafe { aseptic_update_activate(&raw mut *self.device, &raw mut *self.update) })
    }

    /// `aseptic_update_abandon`.
    pub fn abandon(&mut self) -> Result<()> {
        // SAFETY: a live context.
        told(unsafe { aseptic_update_abandon(&raw mut *self.device) })
    }

    fn steps(&mut self) -> Result<()> {
        let mut more = 1;
        while more != 0 {
            // SAFETY: live contexts.
            told(unsafe { aseptic_update_step(&raw mut *self.device, &raw mut *self.update, &raw mut more) })?;
        }
        Ok(())
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: live contexts.
        unsafe {
            aseptic_update_wipe(&raw mut *self.update);
            aseptic_device_wipe(&raw mut *self.device);
        }
    }
}

fn told(status: aseptic_status) -> Result<()> {
    if status == ASEPTIC_OK { Ok(()) } else { Err(Reason::from_number(status).unwrap_or(Reason::Internal)) }
}

fn slice(bytes: &[u8]) -> aseptic_slice {
    aseptic_slice { ptr: bytes.as_ptr(), len: bytes.len() }
}

fn status(outcome: Outcome<()>) -> aseptic_status {
    match outcome {
        Ok(()) => ASEPTIC_OK,
        Err(Fault::Unavailable) => ASEPTIC_PLATFORM_UNAVAILABLE,
        Err(Fault::Full) => ASEPTIC_PLATFORM_FULL,
        Err(Fault::NotFound) => ASEPTIC_PLATFORM_NOT_FOUND,
        Err(Fault::Denied) => ASEPTIC_PLATFORM_DENIED,
        Err(Fault::Corrupt) => ASEPTIC_PLATFORM_CORRUPT,
        Err(_) => ASEPTIC_PLATFORM_IO,
    }
}

/// # Safety
/// `ctx` must be the platform of a program that lives.
unsafe fn platform<'a>(ctx: *mut c_void) -> &'a Platform<'a> {
    // SAFETY: as the caller promises.
    unsafe { &*ctx.cast::<Platform<'a>>() }
}

/// # Safety
/// Valid for so many bytes.
unsafe fn bytes<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    if len == 0 { &[] } else { unsafe { core::slice::from_raw_parts(ptr, len) } }
}

/// # Safety
/// Valid for so many bytes, and for nobody else.
unsafe fn room<'a>(ptr: *mut u8, len: usize) -> &'a mut [u8] {
    // SAFETY: as the caller promises.
    if len == 0 { &mut [] } else { unsafe { core::slice::from_raw_parts_mut(ptr, len) } }
}

fn slot(number: u8) -> ImageSlot {
    if number == 0 { ImageSlot::A } else { ImageSlot::B }
}

fn counter(number: u8) -> Outcome<Counter> {
    let all = [
        Counter::UpdateFloor,
        Counter::TrustManufacturer,
        Counter::TrustOwner,
        Counter::SenderEpoch,
        Counter::Downgrades,
    ];
    all.into_iter().find(|counter| *counter as u8 == number).ok_or(Fault::Denied)
}

fn table(ctx: *mut c_void) -> aseptic_platform {
    aseptic_platform {
        size: u32::try_from(size_of::<aseptic_platform>()).unwrap_or(0),
        reserved: 0,
        ctx,
        entropy_fill: Some(entropy_fill),
        clock_now: Some(clock_now),
        clock_uptime: Some(clock_uptime),
        store_load: Some(store_load),
        store_save: Some(store_save),
        store_erase: Some(store_erase),
        counter_read: Some(counter_read),
        counter_advance: Some(counter_advance),
        counter_hardware: None,
        key_generate: None,
        key_public: None,
        key_sign_digest: None,
        key_agree: None,
        key_next: None,
        key_destroy: None,
        image_geometry: Some(image_geometry),
        image_erase: Some(image_erase),
        image_write: Some(image_write),
        image_read: Some(image_read),
        image_running: Some(image_running),
        image_select: Some(image_select),
        on_event: Some(on_event),
        flash_geometry: None,
        flash_read: None,
        flash_program: None,
        flash_erase: None,
    }
}

// SAFETY of all functions below: the library passes the context of its table and pointers with their lengths.

unsafe extern "C" fn entropy_fill(ctx: *mut c_void, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).entropy.fill(room(out, len))) }
}

unsafe extern "C" fn clock_now(ctx: *mut c_void, seconds: *mut u64, trust: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        let now = platform(ctx).clock.now();
        *seconds = now.seconds;
        *trust = match now.trust {
            aseptic_core::time::Trust::Trusted => 2,
            aseptic_core::time::Trust::AtLeast => 1,
            aseptic_core::time::Trust::Unknown => 0,
        };
    }
    ASEPTIC_OK
}

unsafe extern "C" fn clock_uptime(ctx: *mut c_void) -> u64 {
    // SAFETY: see above.
    unsafe { platform(ctx) }.clock.uptime()
}

unsafe extern "C" fn store_load(
    ctx: *mut c_void,
    slot: u16,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).store.load(Slot(slot), room(out, cap)).map(|length| *len = length)) }
}

unsafe extern "C" fn store_save(ctx: *mut c_void, slot: u16, data: *const u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).store.save(Slot(slot), bytes(data, len))) }
}

unsafe extern "C" fn store_erase(ctx: *mut c_void, slot: u16) -> aseptic_status {
    // SAFETY: see above.
    status(unsafe { platform(ctx) }.store.erase(Slot(slot)))
}

unsafe extern "C" fn counter_read(ctx: *mut c_void, number: u8, value: *mut u64) -> aseptic_status {
    // SAFETY: see above.
    let read = counter(number).and_then(|counter| unsafe { platform(ctx) }.counters.read(counter));
    // SAFETY: see above.
    status(read.map(|read| unsafe { *value = read }))
}

unsafe extern "C" fn counter_advance(ctx: *mut c_void, number: u8, value: u64) -> aseptic_status {
    // SAFETY: see above.
    status(counter(number).and_then(|counter| unsafe { platform(ctx) }.counters.advance(counter, value)))
}

unsafe extern "C" fn image_geometry(
    ctx: *mut c_void,
    number: u8,
    size: *mut u64,
    erase: *mut u32,
    write: *mut u32,
) -> aseptic_status {
    // SAFETY: see above.
    let geometry = unsafe { platform(ctx) }.images.geometry(slot(number));
    status(geometry.map(|geometry| {
        // SAFETY: see above.
        unsafe { (*size, *erase, *write) = (geometry.size, geometry.erase_size, geometry.write_size) }
    }))
}

unsafe extern "C" fn image_erase(ctx: *mut c_void, number: u8, offset: u64, len: u64) -> aseptic_status {
    // SAFETY: see above.
    status(unsafe { platform(ctx) }.images.erase(slot(number), offset, len))
}

unsafe extern "C" fn image_write(
    ctx: *mut c_void,
    number: u8,
    offset: u64,
    data: *const u8,
    len: usize,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).images.write(slot(number), offset, bytes(data, len))) }
}

unsafe extern "C" fn image_read(ctx: *mut c_void, number: u8, offset: u64, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).images.read(slot(number), offset, room(out, len))) }
}

unsafe extern "C" fn image_running(ctx: *mut c_void, number: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe { status(platform(ctx).images.running().map(|slot| *number = slot as u8)) }
}

unsafe extern "C" fn image_select(ctx: *mut c_void, number: u8, mode: u8) -> aseptic_status {
    let mode = if mode == BootMode::Trial as u8 { BootMode::Trial } else { BootMode::Permanent };
    // SAFETY: see above.
    status(unsafe { platform(ctx) }.images.select(slot(number), mode))
}

unsafe extern "C" fn on_event(ctx: *mut c_void, reason: aseptic_status, detail: u64) {
    if let Some(reason) = Reason::from_number(reason) {
        // SAFETY: see above.
        unsafe { platform(ctx) }.events.on_event(Event { reason, detail });
    }
}
