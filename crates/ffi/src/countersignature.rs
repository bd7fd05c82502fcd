//! Hops: whose hands a message went through (RFC 9338).

use crate::abi::{Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, output_apart, state};
use crate::device::aseptic_device;
use crate::identity::aseptic_identity;
use crate::opener::verdict;
use crate::peer::aseptic_peer;
use crate::time;
use aseptic_core::cbor::{Key, Reader, Rules, Writer};
use aseptic_core::cose::{Headers, KeySigner};
use aseptic_core::time::Trust;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result, limits};
use aseptic_messaging::{Countersigned, countersign};

/// The claim of a time, in seconds since 1970 (RFC 8392 section 3.1.6).
const ISSUED_AT: i64 = 6;
/// Bytes of a hop at most: its signature, its header, and the heads of both.
const HOP: usize = limits::SIGNATURE + limits::NAME + 64;

/// Proves that the relay `name` had `message`, which need not be opened for it: one of its countersignatures names the relay and was
/// made with the key that the owner's trust store pins for it, for `ASEPTIC_PURPOSE_NETWORK`, or that the verdict `relay` about its
/// certificate has, else NULL. `seconds` is when the relay says that was, in seconds since 1970; 0 if it says none.
///
/// Nobody can make a hop up, anybody on the way may take one out: what is not proven may have been there all the same.
///
/// Ownership: nothing is kept. Errors: UNKNOWN_SIGNER if no countersignature names the relay, SIGNATURE_INVALID if none that does
/// verifies, MESSAGE_UNKNOWN_SENDER if the owner knows no such relay, COSE_MALFORMED; `seconds` is 0 then. Threads: as for all calls on
/// a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_countersignature_verify(
    device: *mut aseptic_device,
    relay: *mut aseptic_peer,
    name: aseptic_slice,
    message: aseptic_slice,
    seconds: *mut u64,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(relay), name.place(), message.place()];
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let seconds = unsafe { output_apart(seconds, &inputs)? };
        *seconds = 0;
        // SAFETY: as the caller promises.
        let (mut device, name, message) = unsafe { (state(device)?, name.bytes()?, message.bytes()?) };
        // SAFETY: as the caller promises.
        let known = if relay.is_null() { None } else { Some(unsafe { state(relay)? }) };
        *seconds = device.with(|parts| {
            let (_, suite, trust) = parts.load_trust()?;
            let peer = verdict(known.as_deref(), &trust, &suite, name, Purpose::Network)?;
            let (key, message) = (peer.key()?, Countersigned::parse(message)?);
            let mut failure = Reason::UnknownSigner;
            for hop in message.countersignatures().filter(|hop| hop.header.kid == Some(name)) {
                match hop.verify(&suite, key, &[]) {
                    Ok(()) => return issued_at(hop.header.claims),
                    Err(reason) => failure = reason,
                }
            }
            Err(failure)
        })?;
        Ok(())
    })
}

/// Writes `message`, of anybody for anybody, with a countersignature of this device more: for a device that carries the messages of
/// others. It names the local identity, and the time if the device knows one. The message opens as before.
///
/// Ownership: nothing is kept. Errors: COSE_MALFORMED, TOO_LARGE where there are eight already, KEY_WRONG_USE for a birth identity,
/// KEY_BUSY (call again), BUFFER_TOO_SMALL: pass the message on as it was. Threads: as for all calls on a device. Power loss: nothing
/// is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_countersignature_add(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    message: aseptic_slice,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(identity), message.place()];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, identity, message) = (state(device)?, state(identity)?, message.bytes()?);
            identity.require_local(&device)?;
            *needed = message.len().saturating_add(HOP);
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let (now, alg) = (time::now(&parts.platform)?, identity.key()?.alg());
                let signer =
                    KeySigner::new(parts.platform.keys, identity.key_id, alg.signs().ok_or(Reason::KeyWrongUse)?);
                let mut claims = [0; 16];
                let mut writer = Writer::new(&mut claims);
                writer.map(1).int(ISSUED_AT).uint(now.seconds);
                let claims = (now.trust != Trust::Unknown).then(|| writer.finish()).transpose()?;
                let headers = Headers {
                    kid: Some(identity.name()?),
                    claims: claims.map(|claims| &*claims),
                    ..Headers::default()
                };
                countersign(&signer, &headers, message, &[], room)
            })
        })
    }
}

/// The time among the claims of a hop; 0 for none.
fn issued_at(claims: Option<&[u8]>) -> Result<u64> {
    let Some(claims) = claims else { return Ok(0) };
    let mut reader = Reader::new(claims, Rules::Received);
    let mut map = reader.map()?;
    while let Some(label) = map.next(&mut reader)? {
        if label == Key::Int(ISSUED_AT) {
            return reader.uint();
        }
        reader.raw()?;
    }
    Ok(0)
}
