//! The birth identity, at the factory.

use crate::abi::{Place, apart, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, state};
use crate::device::aseptic_device;
use crate::identity::copy;
use crate::peer::Links;
use crate::time;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_identity::{DeviceName, Udi, birth};
use aseptic_certs::Engine;
use aseptic_core::{Reason, Result, limits};

/// What the birth certificate is to say about the device (IEEE 802.1AR).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_device_name {
    /// The serial number, unique among all devices of the maker, and the device's name in every message: 1 to 64 characters of
    /// letters, digits, space and `'()+,-./:=?`.
    pub serial: aseptic_slice,
    /// The type of the hardware: the content bytes of an object identifier below the maker's own arc.
    pub hardware_type: aseptic_slice,
    /// The serial number of the hardware module, 1 to 64 bytes.
    pub hardware_serial: aseptic_slice,
    /// The UDI as it stands on the label or in its barcode; empty if there is none. If it carries a serial number, `serial` must
    /// end with it.
    pub udi: aseptic_slice,
}

/// Checks a UDI, the text of the label or the scan of its barcode, and writes it as the URI that stands in certificates (GS1
/// Digital Link), at most 256 bytes of ASCII.
///
/// Ownership: `text` is read during the call. Errors: UDI_INVALID, BUFFER_TOO_SMALL. Threads: any. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_udi_check(text: aseptic_slice, out: *mut aseptic_buf) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[text.place()], |room, needed| {
            let mut uri = [0; limits::URI];
            copy(udi(text.bytes()?)?.uri(&mut uri)?.as_bytes(), room, needed)
        })
    }
}

/// Writes the device's request for its birth certificate (PKCS #10, DER) into `out`, which must have room for 1,024 bytes. The
/// first call makes the key; later ones give the same request again, or with another name a new one for the same key.
///
/// Ownership: `name` is read and `workspace` used during the call. Errors: NAME_INVALID, UDI_INVALID, ALREADY_PROVISIONED once a
/// certificate is installed, KEY_BUSY (call again), BUFFER_TOO_SMALL, those of the platform. Threads: as for all calls on a
/// device. Power loss: the device is blank, or has the key and perhaps the request; call it again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_birth_request(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    name: *const aseptic_device_name,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: NULL, misaligned or readable, as the caller promises.
    let told = unsafe { input(name) }.copied();
    let [serial, hardware_type, hardware_serial, label] = told.map_or([Place::of::<()>(&()); 4], |told| {
        [told.serial, told.hardware_type, told.hardware_serial, told.udi].map(aseptic_slice::place)
    });
    let inputs =
        [Place::of(device), Place::of(workspace), Place::of(name), serial, hardware_type, hardware_serial, label];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let [device_place, workspace_place, names @ ..] = inputs;
            apart(&[device_place, workspace_place])?;
            if names.iter().any(|name| name.overlaps(workspace_place) || name.overlaps(device_place)) {
                return Err(Reason::Misuse);
            }
            let (mut device, memory, name) = (state(device)?, self::workspace(workspace)?, told?);
            let (serial, label) = (name.serial.bytes()?, name.udi.bytes()?);
            let name = DeviceName {
                serial: core::str::from_utf8(serial).map_err(|_| Reason::NameInvalid)?,
                hardware_type: name.hardware_type.bytes()?,
                hardware_serial: name.hardware_serial.bytes()?,
                udi: if label.is_empty() { None } else { Some(udi(label)?) },
            };
            name.check()?;
            *needed = limits::CSR;
            let room = room.get_mut(..limits::CSR).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| birth::request(&parts.platform, &parts.suite, &name, memory, room))
        })
    }
}

/// Installs the birth certificate with its intermediates: `chain` holds `count` certificates (DER), leaf first, without the
/// anchor, which the manufacturer's trust store has.
///
/// Ownership: `chain` is read and `workspace` used during the call. Errors: NOT_PROVISIONED before a request,
/// ALREADY_PROVISIONED, IDENTITY_KEY_MISMATCH, IDENTITY_NAME_MISMATCH, CERTIFICATE_PROFILE, those of `aseptic_peer_verify`;
/// nothing is stored then. Threads: as for all calls on a device. Power loss: installed or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_birth_install(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    chain: *const aseptic_slice,
    count: usize,
) -> aseptic_status {
    call(|| {
        let (ours, work) = (Place::of(device), Place::of(workspace));
        apart(&[ours, work])?;
        // SAFETY: as the caller promises.
        let (mut device, links) = unsafe { (state(device)?, Links::read(chain, count)?) };
        if links.places().any(|link| link.overlaps(work) || link.overlaps(ours)) {
            return Err(Reason::Misuse);
        }
        // SAFETY: as the caller promises, and apart from all that is read.
        let memory = unsafe { self::workspace(workspace)? };
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let (platform, suite, trust) = parts.load_trust()?;
            birth::install(&platform, &suite, &trust, &Engine, links.as_slice(), now, memory)
        })
    })
}

fn udi(text: &[u8]) -> Result<Udi<'_>> {
    Udi::parse(core::str::from_utf8(text).map_err(|_| Reason::UdiInvalid)?)
}
