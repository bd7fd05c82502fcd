//! A platform of files, for systems that have an operating system.

use crate::abi::{ASEPTIC_OK, aseptic_slice, aseptic_status, call, input, output};
use crate::platform::aseptic_platform;
use ::aseptic_hosted::Files;
use ::aseptic_hosted::files::Options;
use aseptic_core::Reason;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{
    BootMode, Counter, Event, Fault, Geometry, ImageSlot, KeyId, KeyPolicy, KeyUse, Outcome, Platform, Progress,
    SignInput, Slot, Strength,
};
use aseptic_core::secret::Secret;
use core::ffi::c_void;
use std::boxed::Box;

/// All that a device stores, in one folder that is locked for as long as this lives: slots and counters sealed, keys
/// encrypted.
pub struct aseptic_files(Files);

/// Opens the folder `folder` (UTF-8), or makes it in one that exists, and gives in `files` what `aseptic_files_platform` makes a
/// table of. `secret` has at least 32 random bytes from a place that is safer than the folder. `slot_size` is the size of each
/// of the two program slots in bytes, a multiple of 4,096; 0 for a device that takes no updates.
///
/// Ownership: the inputs are read during the call; end `files` with `aseptic_files_free`. Errors: SECRET_TOO_SHORT, SECRET_WRONG,
/// FOLDER_BUSY while another process works on it, FILE_MISSING, FILE_DENIED, FILE_CORRUPT, DISK_FULL, MISUSE for slots of another
/// size than before; `files` is NULL then. Threads: any. Power loss: the folder is as it was, or new and empty.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_files_new(
    folder: aseptic_slice,
    secret: aseptic_slice,
    slot_size: u64,
    files: *mut *mut aseptic_files,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let files = unsafe { output(files)? };
        *files = core::ptr::null_mut();
        // SAFETY: as the caller promises.
        let (folder, secret) = unsafe { (folder.bytes()?, secret.bytes()?) };
        let folder = core::str::from_utf8(folder).map_err(|_| Reason::FileMissing)?;
        let options = match slot_size {
            0 => Options::new(),
            size if size.is_multiple_of(u64::from(ERASE_SIZE)) => {
                Options::new().images(Geometry { size, erase_size: ERASE_SIZE, write_size: WRITE_SIZE })
            }
            _ => return Err(Reason::Misuse),
        };
        let opened = options.open(folder, secret).map_err(Reason::from)?;
        *files = Box::into_raw(Box::new(aseptic_files(opened)));
        Ok(())
    })
}

/// Fills `platform` with a table over `files`, for `aseptic_device_init`.
///
/// Ownership: `platform` is the caller's; `files` must outlive every device that is made of it. Errors: MISUSE; `platform` is left
/// alone then. Threads: any. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_files_platform(
    files: *mut aseptic_files,
    platform: *mut aseptic_platform,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (_, platform) = unsafe { (input(files.cast_const())?, output(platform)?) };
        // SAFETY: a number, NULL and absent functions are all zeros.
        let empty: aseptic_platform = unsafe { core::mem::zeroed() };
        *platform = aseptic_platform {
            size: u32::try_from(size_of::<aseptic_platform>()).map_err(|_| Reason::Internal)?,
            ctx: files.cast(),
            entropy_fill: Some(entropy_fill),
            clock_now: Some(clock_now),
            clock_uptime: Some(clock_uptime),
            store_load: Some(store_load),
            store_save: Some(store_save),
            store_erase: Some(store_erase),
            counter_read: Some(counter_read),
            counter_advance: Some(counter_advance),
            counter_hardware: Some(counter_hardware),
            key_generate: Some(key_generate),
            key_public: Some(key_public),
            key_sign_digest: Some(key_sign_digest),
            key_agree: Some(key_agree),
            key_next: Some(key_next),
            key_destroy: Some(key_destroy),
            image_geometry: Some(image_geometry),
            image_erase: Some(image_erase),
            image_write: Some(image_write),
            image_read: Some(image_read),
            image_running: Some(image_running),
            image_select: Some(image_select),
            on_event: Some(on_event),
            ..empty
        };
        Ok(())
    })
}

/// Closes `files` and releases the folder. Does nothing to NULL.
///
/// Ownership: `files` is gone afterwards. Errors: none. Threads: no device made of it may be in use. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_files_free(files: *mut aseptic_files) {
    if !files.is_null() {
        // SAFETY: made by `aseptic_files_new`, as the caller promises, and not used any more.
        drop(unsafe { Box::from_raw(files) });
    }
}

const ERASE_SIZE: u32 = 4096;
const WRITE_SIZE: u32 = 8;

/// # Safety
/// `ctx` must be what `aseptic_files_new` gave.
unsafe fn of<'a>(ctx: *mut c_void) -> Platform<'a> {
    // SAFETY: as the caller promises.
    unsafe { &*ctx.cast::<aseptic_files>() }.0.platform()
}

fn told(outcome: Outcome<()>) -> aseptic_status {
    outcome.map_or_else(|fault| Reason::from(fault).number(), |()| ASEPTIC_OK)
}

/// Runs `body` on the platform behind `ctx`.
///
/// # Safety
/// As for [`of`].
unsafe fn ask(ctx: *mut c_void, body: impl FnOnce(Platform<'_>) -> Outcome<()>) -> aseptic_status {
    // SAFETY: as the caller promises.
    told(body(unsafe { of(ctx) }))
}

fn counter(number: u8) -> Outcome<Counter> {
    let all = [Counter::UpdateFloor, Counter::TrustManufacturer, Counter::TrustOwner, Counter::SenderEpoch];
    all.into_iter().find(|counter| *counter as u8 == number).ok_or(Fault::NotFound)
}

const fn slot(number: u8) -> Outcome<ImageSlot> {
    match number {
        0 => Ok(ImageSlot::A),
        1 => Ok(ImageSlot::B),
        _ => Err(Fault::NotFound),
    }
}

fn usage(number: u8) -> Outcome<KeyUse> {
    [KeyUse::Sign, KeyUse::Agree].into_iter().find(|usage| *usage as u8 == number).ok_or(Fault::Denied)
}

// SAFETY of all functions below: the library passes the context of its table, and pointers with the lengths beside them that
// nobody else uses meanwhile.

unsafe extern "C" fn entropy_fill(ctx: *mut c_void, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.entropy.fill(core::slice::from_raw_parts_mut(out, len))) }
}

unsafe extern "C" fn clock_now(ctx: *mut c_void, seconds: *mut u64, trust: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        let now = of(ctx).clock.now();
        (*seconds, *trust) = (now.seconds, now.trust as u8);
    }
    ASEPTIC_OK
}

unsafe extern "C" fn clock_uptime(ctx: *mut c_void) -> u64 {
    // SAFETY: see above.
    unsafe { of(ctx) }.clock.uptime()
}

unsafe extern "C" fn store_load(
    ctx: *mut c_void,
    slot: u16,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            *len = platform.store.load(Slot(slot), core::slice::from_raw_parts_mut(out, cap))?;
            Ok(())
        })
    }
}

unsafe extern "C" fn store_save(ctx: *mut c_void, slot: u16, bytes: *const u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.store.save(Slot(slot), core::slice::from_raw_parts(bytes, len))) }
}

unsafe extern "C" fn store_erase(ctx: *mut c_void, slot: u16) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.store.erase(Slot(slot))) }
}

unsafe extern "C" fn counter_read(ctx: *mut c_void, number: u8, value: *mut u64) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            *value = platform.counters.read(counter(number)?)?;
            Ok(())
        })
    }
}

unsafe extern "C" fn counter_advance(ctx: *mut c_void, number: u8, value: u64) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.counters.advance(counter(number)?, value)) }
}

unsafe extern "C" fn counter_hardware(ctx: *mut c_void) -> u8 {
    // SAFETY: see above.
    u8::from(unsafe { of(ctx) }.counters.strength() == Strength::HardwareMonotonic)
}

unsafe extern "C" fn key_generate(ctx: *mut c_void, key: u32, alg: u8, usage: u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            let alg = KeyAlg::from_u8(alg).map_err(|_| Fault::Denied)?;
            platform.keys.generate(KeyId(key), KeyPolicy { alg, usage: self::usage(usage)? })
        })
    }
}

unsafe extern "C" fn key_public(
    ctx: *mut c_void,
    key: u32,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
    alg: *mut u8,
    usage: *mut u8,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            let (policy, length) = platform.keys.public(KeyId(key), core::slice::from_raw_parts_mut(out, cap))?;
            (*len, *alg, *usage) = (length, policy.alg as u8, policy.usage as u8);
            Ok(())
        })
    }
}

unsafe extern "C" fn key_sign_digest(
    ctx: *mut c_void,
    key: u32,
    digest: *const u8,
    signature: *mut u8,
) -> aseptic_status {
    // SAFETY: see above; the header fixes both lengths.
    unsafe {
        ask(ctx, |platform| {
            let input = SignInput::Digest(core::slice::from_raw_parts(digest, 32));
            match platform.keys.sign(KeyId(key), input, core::slice::from_raw_parts_mut(signature, 64))? {
                Progress::Done(64) => Ok(()),
                Progress::Done(_) => Err(Fault::Io),
                Progress::Pending => Err(Fault::Unavailable),
            }
        })
    }
}

unsafe extern "C" fn key_agree(
    ctx: *mut c_void,
    key: u32,
    peer: *const u8,
    len: usize,
    secret: *mut u8,
) -> aseptic_status {
    // SAFETY: see above; the header fixes the length of the secret.
    unsafe {
        ask(ctx, |platform| {
            let mut shared = Secret::zeroed();
            platform.keys.agree(KeyId(key), core::slice::from_raw_parts(peer, len), &mut shared)?;
            core::slice::from_raw_parts_mut(secret, 32).copy_from_slice(shared.expose());
            Ok(())
        })
    }
}

unsafe extern "C" fn key_next(ctx: *mut c_void, after: u32, key: *mut u32) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            *key = platform.keys.next(KeyId(after))?.map_or(0, |id| id.0);
            Ok(())
        })
    }
}

unsafe extern "C" fn key_destroy(ctx: *mut c_void, key: u32) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.keys.destroy(KeyId(key))) }
}

unsafe extern "C" fn image_geometry(
    ctx: *mut c_void,
    number: u8,
    size: *mut u64,
    erase: *mut u32,
    write: *mut u32,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            let geometry = platform.images.geometry(slot(number)?)?;
            (*size, *erase, *write) = (geometry.size, geometry.erase_size, geometry.write_size);
            Ok(())
        })
    }
}

unsafe extern "C" fn image_erase(ctx: *mut c_void, number: u8, offset: u64, len: u64) -> aseptic_status {
    // SAFETY: see above.
    unsafe { ask(ctx, |platform| platform.images.erase(slot(number)?, offset, len)) }
}

unsafe extern "C" fn image_write(
    ctx: *mut c_void,
    number: u8,
    offset: u64,
    bytes: *const u8,
    len: usize,
) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| platform.images.write(slot(number)?, offset, core::slice::from_raw_parts(bytes, len)))
    }
}

unsafe extern "C" fn image_read(ctx: *mut c_void, number: u8, offset: u64, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| platform.images.read(slot(number)?, offset, core::slice::from_raw_parts_mut(out, len)))
    }
}

unsafe extern "C" fn image_running(ctx: *mut c_void, number: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            *number = platform.images.running()? as u8;
            Ok(())
        })
    }
}

unsafe extern "C" fn image_select(ctx: *mut c_void, number: u8, mode: u8) -> aseptic_status {
    // SAFETY: see above.
    unsafe {
        ask(ctx, |platform| {
            let mode = [BootMode::Trial, BootMode::Permanent].into_iter().find(|known| *known as u8 == mode);
            platform.images.select(slot(number)?, mode.ok_or(Fault::Denied)?)
        })
    }
}

unsafe extern "C" fn on_event(ctx: *mut c_void, reason: aseptic_status, detail: u64) {
    if let Some(reason) = Reason::from_number(reason) {
        // SAFETY: see above.
        unsafe { of(ctx) }.events.on_event(Event { reason, detail });
    }
}
