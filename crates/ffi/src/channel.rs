//! TLS and EST, for systems that have an operating system.

use crate::abi::{
    Place, apart, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make, output, output_apart, state,
};
use crate::device::aseptic_device;
use crate::enrol::aseptic_est_terms;
use crate::identity::{aseptic_identity, same_hardware};
use crate::peer::aseptic_peer;
use crate::time;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_hosted::Error;
use ::aseptic_hosted::channel::{Channel, Local, Remote, connect, dial};
use ::aseptic_hosted::est::{Outcome, Registrar, enrol};
use ::aseptic_identity::{Enroller, Identity, Origin, Terms};
use aseptic_certs::Engine;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result, limits};
use std::boxed::Box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use std::vec;

/// A connection to a server of the owner: TLS 1.3, both sides authenticated.
pub struct aseptic_channel(Channel<TcpStream>);

/// Connects to `address` (host and port, UTF-8), shows `identity`, and gives the connection in `channel` and the verdict about the
/// server in `peer`: it must serve ASEPTIC_PURPOSE_NETWORK and bear the DNS name `name`. No step of it waits longer than `limit_ms`
/// milliseconds for the network.
///
/// Ownership: the inputs are read during the call; end `channel` with `aseptic_channel_free`; `peer` must not move until
/// `aseptic_peer_wipe`. Errors: NETWORK_FAILED, TLS_FAILED, PEER_ANONYMOUS, KEY_WRONG_USE for a birth identity, MISUSE where
/// `identity` was replaced since it was loaded, those of `aseptic_peer_verify`; `channel` is NULL and `peer` zeroed then. Threads: as
/// for all calls on a device, but the connection itself may then be used by another. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_channel_connect(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    address: aseptic_slice,
    name: aseptic_slice,
    limit_ms: u32,
    channel: *mut *mut aseptic_channel,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(identity), Place::of(peer)];
    // SAFETY: as the caller promises.
    let cleared = unsafe { output_apart(channel, &contexts) }.map(|channel| *channel = core::ptr::null_mut());
    if let Err(reason) = cleared.and(apart(&contexts)) {
        return reason.number();
    }
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(peer, &[], || {
            let (mut device, identity) = (state(device)?, state(identity)?);
            let (address, name) = (text(address)?, text(name)?);
            identity.require_local(&device)?;
            let limit = Duration::from_millis(limit_ms.into());
            device.with(|parts| {
                let mut buffer = vec![0; 2 * limits::SLOT];
                let stored = Identity::load(&parts.platform, &mut buffer)?;
                let all = [stored.credential(), stored.fallback()];
                let ours = all.iter().flatten().find(|found| found.key_id() == identity.key_id);
                let credential = ours.ok_or(Reason::Misuse)?;
                let now = time::now(&parts.platform)?;
                let (platform, suite, trust) = parts.load_trust()?;
                let local = Local { keys: platform.keys, key: credential.key_id(), chain: credential.chain() };
                let purposes = &[Purpose::Network];
                let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes, now };
                let stream = dial(address, limit).map_err(Reason::from)?;
                let connected = connect(stream, name, &[], &local, &remote).map_err(Reason::from)?;
                let verdict = connected.peer().clone();
                *output(channel)? = Box::into_raw(Box::new(aseptic_channel(connected)));
                Ok(verdict)
            })
        })
    }
}

/// Judges the server of a connection again by the trust stores and the time as they are now, and gives the new verdict in `peer`:
/// to be called when `aseptic_trust_epoch` has risen, and once a day on a connection that lasts. A server that is believed no
/// longer is told so, and the connection carries nothing more.
///
/// Ownership: `peer` must not move until `aseptic_peer_wipe`. Errors: those of `aseptic_peer_verify`, which every later call with
/// `channel` but `aseptic_channel_free` answers too; `peer` is zeroed then. Threads: as for all calls on a device, and no other
/// call on `channel` may run. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_channel_judge(
    device: *mut aseptic_device,
    channel: *mut aseptic_channel,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    if let Err(reason) = apart(&[Place::of(device), Place::of(channel), Place::of(peer)]) {
        return reason.number();
    }
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(peer, &[], || {
            let (mut device, channel) = (state(device)?, output(channel)?);
            device.with(|parts| {
                let now = time::now(&parts.platform)?;
                let (_, suite, trust) = parts.load_trust()?;
                let remote =
                    Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[Purpose::Network], now };
                channel.0.judge_again(&remote).cloned().map_err(Reason::from)
            })
        })
    }
}

/// Reads what has come, at most `out.cap` bytes, waiting for the first one; none when the server has closed the connection.
///
/// Ownership: `out` is the caller's. Errors: NETWORK_FAILED, also where nothing came in time or the stream ended without its end
/// being told; BUFFER_TOO_SMALL without room. Threads: one connection, one thread at a time. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_channel_read(channel: *mut aseptic_channel, out: *mut aseptic_buf) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[Place::of(channel)], |room, needed| {
            *needed = 1;
            if room.is_empty() {
                return Err(Reason::BufferTooSmall);
            }
            let count = output(channel)?.0.read(room).map_err(|error| Reason::from(Error::from(error)))?;
            Ok(count)
        })
    }
}

/// Sends all of `bytes`.
///
/// Ownership: `bytes` is read during the call. Errors: NETWORK_FAILED, TLS_FAILED: free the connection then. Threads: one
/// connection, one thread at a time. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_channel_write(channel: *mut aseptic_channel, bytes: aseptic_slice) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (channel, bytes) = unsafe { (output(channel)?, bytes.bytes()?) };
        channel.0.write_all(bytes).and_then(|()| channel.0.flush()).map_err(|error| Reason::from(Error::from(error)))
    })
}

/// Tells the server that nothing more will come, and closes the connection. Does nothing to NULL.
///
/// Ownership: `channel` is gone afterwards. Errors: none. Threads: one connection, one thread at a time. Power loss: nothing is
/// stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_channel_free(channel: *mut aseptic_channel) {
    if !channel.is_null() {
        // SAFETY: made by `aseptic_channel_connect`, as the caller promises, and not used any more.
        let channel = unsafe { Box::from_raw(channel) };
        // A server that is gone already needs not be told.
        let _told = channel.0.close();
    }
}

/// Enrols with the registrar at `address` (host and port, UTF-8), whose certificate must bear the DNS name `name`, with the
/// birth identity. `wait_seconds` becomes 0 when the new identity is stored, on probation; else call again after so long.
///
/// Ownership: `workspace` is used during the call. Errors: those of `aseptic_enroller_begin` and `aseptic_enroller_step`,
/// NETWORK_FAILED, TLS_FAILED, HTTP_MALFORMED; nothing that is stored changes then and `wait_seconds` is 0. Threads: as for all
/// calls on a device; blocks for at most nine times `limit_ms`. Power loss: call it again; key and request stay the same.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_est_enrol(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    address: aseptic_slice,
    name: aseptic_slice,
    limit_ms: u32,
    wait_seconds: *mut u32,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(workspace)];
    let terms = || Ok(Terms::ENROL);
    // SAFETY: as the caller promises.
    unsafe { enrol_with(device, workspace, &contexts, terms, address, name, limit_ms, wait_seconds) }
}

/// Enrols or renews on these terms; otherwise like `aseptic_est_enrol`. The library's own TLS proves possession by itself where
/// `terms` ask for it. `ASEPTIC_IDENTITY_SUCCESSOR` of `aseptic_identity_stage` shows how far a renewal has come: the identity
/// in use stays in use until its successor has been confirmed.
///
/// Ownership: `terms` is read during the call; the rest as there. Errors: as there, MISUSE for other numbers than `terms` may hold
/// and to renew where no local identity is in use, IDENTITY_KEY_LOST where its key is gone. Threads: as there. Power loss: as
/// there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_est_enrol_with(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    terms: *const aseptic_est_terms,
    address: aseptic_slice,
    name: aseptic_slice,
    limit_ms: u32,
    wait_seconds: *mut u32,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(workspace), Place::of(terms)];
    // SAFETY: as the caller promises.
    let terms = || unsafe { input(terms) }.and_then(aseptic_est_terms::read);
    // SAFETY: as the caller promises.
    unsafe { enrol_with(device, workspace, &contexts, terms, address, name, limit_ms, wait_seconds) }
}

/// # Safety
/// As for [`aseptic_est_enrol_with`]; `contexts` must name all that is read.
#[expect(clippy::too_many_arguments, reason = "those of the C function")]
unsafe fn enrol_with(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    contexts: &[Place],
    terms: impl Fn() -> Result<Terms>,
    address: aseptic_slice,
    name: aseptic_slice,
    limit_ms: u32,
    wait_seconds: *mut u32,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let wait = unsafe { output_apart(wait_seconds, contexts)? };
        *wait = 0;
        apart(contexts)?;
        let read = [address, name].map(aseptic_slice::place);
        if contexts.iter().any(|other| read.iter().any(|read| read.overlaps(*other))) {
            return Err(Reason::Misuse);
        }
        let terms = terms()?;
        // SAFETY: as the caller promises, and apart.
        let (mut device, memory) = unsafe { (state(device)?, self::workspace(workspace)?) };
        // SAFETY: as the caller promises.
        let (address, name) = unsafe { (text(address)?, text(name)?) };
        let registrar = Registrar { address, name, limit: Duration::from_millis(limit_ms.into()) };
        same_hardware(&device)?;
        device.with(|parts| {
            let mut buffer = vec![0; 2 * limits::SLOT];
            let now = time::now(&parts.platform)?;
            let (platform, suite, trust) = parts.load_trust()?;
            let mut enroller = Enroller::start_with(&platform, &suite, &trust, &Engine, memory, terms)?;
            let stored = Identity::load(&platform, &mut buffer)?;
            let shown = match terms.origin {
                Origin::Birth => stored.birth()?,
                Origin::Local => stored.fallback()?,
            };
            // Without its key the birth identity would take its place.
            if shown.origin() != terms.origin {
                return Err(Reason::IdentityKeyLost);
            }
            let remote = Remote { suite: &suite, trust: &trust, engine: &Engine, purposes: &[], now };
            if let Outcome::Wait(time) =
                enrol(&mut enroller, &registrar, platform.keys, &shown, &remote).map_err(Reason::from)?
            {
                *wait = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1);
            }
            Ok(())
        })
    })
}

/// # Safety
/// As for [`aseptic_slice::bytes`].
unsafe fn text<'a>(slice: aseptic_slice) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    core::str::from_utf8(unsafe { slice.bytes()? }).map_err(|_| Reason::Misuse)
}
