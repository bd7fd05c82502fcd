//! Sessions: frequent small messages to one recipient.

use crate::abi::{
    Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make, output_apart, result, state,
    wipe,
};
use crate::device::aseptic_device;
use crate::identity::{aseptic_identity, same_hardware};
use crate::message::{Told, aseptic_message, aseptic_sender};
use crate::time;
#[cfg(feature = "hosted")]
use ::aseptic_hosted::crypto::hybrid::XWing;
use aseptic_core::cose::KeySigner;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::Entropy;
use aseptic_core::secret::Secret;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};
use aseptic_messaging::{HYBRID_OFFER, HybridKey, Kem, Origin, SESSION_OVERHEAD, Sender, Session, SessionOffer};

/// A session with one recipient for one class of messages. It lives in this memory alone and ends with it. Opaque.
#[repr(C)]
pub struct aseptic_session {
    _opaque: [u64; 32],
}

impl Context for aseptic_session {
    type State = Session;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_630B;
}

/// Makes `session`, and in `out` the sealed message that offers it to the recipient of `message`: send it before any message of the
/// session. Of `message` class, recipient and content type count; its body is empty. Where `session` holds an earlier one to the
/// same recipient in the same class, the offer says how many messages went before, so that the recipient knows what it lacks at the
/// end of that one: offer again in the same memory, without `aseptic_session_wipe`.
///
/// Ownership: `session` must not move until `aseptic_session_wipe`. `out` is also working memory: a size query says how much it needs.
/// Errors: as for `aseptic_message_seal`, MISUSE for a body; `out` is zeroed then, and `session` holds what it held. Threads: as for
/// all calls on a device. Power loss: ends the session; offer a new one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_session_offer(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    sender: *mut aseptic_sender,
    message: *const aseptic_message,
    session: *mut aseptic_session,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { offer(device, identity, sender, message, None::<(_, NoKem)>, session, out) }
}

/// `aseptic_session_offer` of a hybrid session: its keys come from `kem_key` as well, the recipient's X-Wing key (ML-KEM-768 with
/// X25519, 1,216 bytes), by whatever way it came: the owner's trust store pins its thumbprint beside the recipient's other key. Who
/// records the messages of today then cannot read them with a quantum computer either.
///
/// Ownership: as for `aseptic_session_offer`; `kem_key` is read during the call. Errors: as there, NO_PURPOSE if the store pins no such
/// thumbprint for the recipient, KEY_INVALID for another key than the pinned one. Threads: as for all calls on a device. Power loss:
/// ends the session; offer a new one.
#[cfg(feature = "hosted")]
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_session_offer_hybrid(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    sender: *mut aseptic_sender,
    message: *const aseptic_message,
    kem_key: aseptic_slice,
    session: *mut aseptic_session,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { offer(device, identity, sender, message, Some((kem_key, XWing)), session, out) }
}

/// Seals `body` in the session: 37 bytes longer at most. The recipient is looked up in the owner's trust store of today.
///
/// Ownership: nothing is kept. Errors: NO_PURPOSE or SESSION_UNKNOWN if the recipient or its key is no longer trusted, TOO_LARGE,
/// SEQUENCE_EXHAUSTED: offer a new session; BUFFER_TOO_SMALL; no number is used then. Threads: as for all calls on a device.
/// Power loss: ends the session.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_session_seal(
    device: *mut aseptic_device,
    session: *mut aseptic_session,
    body: aseptic_slice,
    out: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(session), body.place()];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            let (mut device, mut session, body) = (state(device)?, state(session)?, body.bytes()?);
            same_hardware(&device)?;
            *needed = body.len().saturating_add(SESSION_OVERHEAD);
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let (platform, suite, trust) = parts.load_trust()?;
                let to = trust.pinned(&suite, Purpose::Receive, session.recipient())?;
                session.seal(&platform, &suite, &to, body, room)
            })
        })
    }
}

/// The number of the session, by which a report names one that its recipient has lost. Then offer a new one.
///
/// Ownership: nothing is kept. Errors: MISUSE; `number` is 0 then. Threads: as for all calls on a device. Power loss: nothing is
/// stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_session_number(session: *mut aseptic_session, number: *mut u32) -> aseptic_status {
    call(|| {
        // SAFETY: NULL, misaligned or writable, as the caller promises.
        let number = unsafe { output_apart(number, &[Place::of(session)])? };
        *number = 0;
        // SAFETY: as the caller promises.
        *number = u32::from_be_bytes(unsafe { state(session)? }.kid());
        Ok(())
    })
}

/// Ends `session` and wipes its keys. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_session_wipe(session: *mut aseptic_session) {
    // SAFETY: as the caller promises.
    unsafe { wipe(session) }
}

/// The KEM of a session that has none: there is no value of it, so that firmware links nothing of hybrid sessions.
enum NoKem {}

impl Kem for NoKem {
    fn alg(&self) -> KeyAlg {
        match *self {}
    }

    fn encapsulate(&self, _: &dyn Entropy, _: &[u8], _: &mut [u8], _: &mut Secret<32>) -> Result<usize> {
        match *self {}
    }
}

/// Offers a session, a hybrid one with the KEM key of the recipient.
///
/// # Safety
/// As the two functions above promise.
unsafe fn offer<K: Kem>(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    sender: *mut aseptic_sender,
    message: *const aseptic_message,
    kem: Option<(aseptic_slice, K)>,
    session: *mut aseptic_session,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: NULL, misaligned or readable, as the caller promises.
    let told = unsafe { input(message) }.copied();
    let [recipient, content_type] =
        told.map_or([Place::of::<()>(&()); 2], |told| [told.recipient, told.content_type].map(aseptic_slice::place));
    let kem_key = kem.as_ref().map_or(Place::of::<()>(&()), |(key, _)| key.place());
    let contexts = [
        Place::of(device),
        Place::of(identity),
        Place::of(sender),
        Place::of(message),
        recipient,
        content_type,
        kem_key,
    ];
    let [ours, who, memory, what, recipient, content_type, kem_key] = contexts;
    let inputs = [ours, who, memory, what, recipient, content_type, kem_key, Place::of(session)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(out, &inputs, |room, needed| {
            output_apart(session, &contexts).map(drop)?;
            let (mut device, identity, mut sender) = (state(device)?, state(identity)?, state(sender)?);
            let Told { class, recipient, content_type, body, .. } = Told::read(&told?)?;
            if !body.is_empty() {
                return Err(Reason::Misuse);
            }
            *needed = Sender::room(if kem.is_some() { HYBRID_OFFER } else { 128 });
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            identity.require_local(&device)?;
            let held = state(session).ok();
            let (offered, length) = device.with(|parts| {
                let time = time::now(&parts.platform)?;
                let (platform, suite, trust) = parts.load_trust()?;
                let key = identity.key()?;
                let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
                let signer = KeySigner::new(platform.keys, identity.key_id, alg);
                let from = Origin { name: identity.name()?, key, signer: &signer };
                let to = trust.pinned(&suite, Purpose::Receive, recipient)?;
                let offer = SessionOffer { to: &to, class, content_type, time, hybrid: None, after: held.as_deref() };
                let Some((key, kem)) = &kem else {
                    return Session::offer(&platform, &suite, &mut sender, &from, &offer, room);
                };
                let peer = trust.pinned_long(&suite, Purpose::Receive, recipient, kem.alg())?;
                let hybrid = HybridKey { peer: &peer, key: key.bytes()?, kem };
                let offer = SessionOffer { hybrid: Some(&hybrid), ..offer };
                Session::offer(&platform, &suite, &mut sender, &from, &offer, room)
            })?;
            match held {
                Some(mut held) => *held = offered,
                None => result(make(session, &[], || Ok(offered)))?,
            }
            Ok(length)
        })
    }
}
