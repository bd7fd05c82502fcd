//! Who sounds the alarm, this device or the central station.

use crate::abi::{
    Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, make, output_apart, state, wipe,
};
use crate::device::aseptic_device;
use crate::ticket::{Name, aseptic_ticket};
use aseptic_core::{Reason, bytes};
use aseptic_messaging::Link;

/// The device's end of the link to one central station. It lives in this memory alone. Opaque.
#[repr(C)]
pub struct aseptic_link {
    _opaque: [u64; 24],
}

impl Context for aseptic_link {
    type State = Station;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_630D;
}

pub(crate) struct Station {
    link: Link,
    name: Name,
}

/// Makes `link` ready, for answers of the central station `station`; once at every start. The device begins by alarming.
///
/// Ownership: `link` must not move until `aseptic_link_wipe`. Errors: MISUSE, ENTROPY_FAILED; `link` is zeroed then: alarm. Threads:
/// as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_link_init(
    device: *mut aseptic_device,
    station: aseptic_slice,
    link: *mut aseptic_link,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(link, &[Place::of(device), station.place()], || {
            let (mut device, name) = (state(device)?, Name::new(station.bytes()?)?);
            Ok(Station { link: device.with(|parts| Link::new(&parts.platform))?, name })
        })
    }
}

/// Writes the next heartbeat, 8 bytes: send it to the station as the body of a message of a session, every three seconds. The
/// station answers with the same bytes, while somebody there can hear an alarm.
///
/// Ownership: nothing is kept. Errors: MISUSE, BUFFER_TOO_SMALL; no heartbeat is open then. Threads: as for all calls on a device.
/// Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_link_beat(
    device: *mut aseptic_device,
    link: *mut aseptic_link,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &[Place::of(device), Place::of(link)], |room, needed| {
            let (mut device, mut link) = (state(device)?, state(link)?);
            *needed = 8;
            let room = room.get_mut(..8).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let beat = link.link.beat(parts.platform.clock.uptime());
                bytes::copy(&beat.encode(), room).ok_or(Reason::Internal)?;
                Ok(8)
            })
        })
    }
}

/// Takes the answer to a heartbeat: the message of `ticket`, which was opened. One to no open heartbeat changes nothing.
///
/// Ownership: nothing is kept; commit the message as any other. Errors: MESSAGE_IDENTITY for a message of anybody but the station,
/// MESSAGE_MALFORMED for one that is no heartbeat; nothing changes then. Threads: as for all calls on a device. Power loss: the
/// device alarms.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_link_answered(link: *mut aseptic_link, ticket: *mut aseptic_ticket) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut link, ticket) = unsafe { (state(link)?, state(ticket)?) };
        if ticket.sender.bytes() != link.name.bytes() {
            return Err(Reason::MessageIdentity);
        }
        link.link.answered(ticket.beat.ok_or(Reason::MessageMalformed)?);
        Ok(())
    })
}

/// Until when the station has the alarms: `until` on the scale of the platform's uptime, in milliseconds. From then on, and always
/// after an error, which leaves 0, the device sounds its alarms itself.
///
/// Hand the time to the task that alarms, which compares it with the uptime: then the device alarms although the task that calls
/// the library hangs. Write it so that it cannot be read half.
///
/// Ownership: nothing is kept. Errors: MISUSE. Threads: as for all calls on a device. Power loss: the device alarms.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_link_silent_until(link: *mut aseptic_link, until: *mut u64) -> aseptic_status {
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let until = unsafe { output_apart(until, &[Place::of(link)])? };
        *until = 0;
        // SAFETY: as the caller promises.
        *until = unsafe { state(link)? }.link.silent_until();
        Ok(())
    })
}

/// Ends `link` and wipes its memory: alarm from now on. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_link_wipe(link: *mut aseptic_link) {
    // SAFETY: as the caller promises.
    unsafe { wipe(link) }
}
