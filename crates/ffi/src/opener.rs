//! Messages to this device: opened once each, in a known order of checks.

use crate::abi::{Context, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, make_in_place, state, wipe};
use crate::device::aseptic_device;
use crate::identity::aseptic_identity;
use crate::peer::aseptic_peer;
use crate::ticket::{Claim, Handed, NOTHING, Name, aseptic_opened, aseptic_ticket, hand_over, order_of, type_of};
use ::aseptic_identity::agreement;
use aseptic_core::cose::KeyAgree;
use aseptic_core::crypto::{KeyAlg, Suite};
use aseptic_core::platform::{KeyId, Platform};
use aseptic_core::trust::{Purpose, Purposes, Trust, VerifiedPeer};
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Direction, Heartbeat, Opened, Opener, Receiver, Verdict};
use core::mem::replace;

/// Class of commands that change therapy; only ever received.
pub const ASEPTIC_COMMAND: u8 = 9;
/// Class of configuration and drug libraries; only ever received.
pub const ASEPTIC_CONFIGURATION: u8 = 10;

/// The device's memory of the messages that it has handed over. Opaque.
#[repr(C)]
pub struct aseptic_opener {
    _opaque: [u64; 376],
}

impl Context for aseptic_opener {
    type State = Receiving;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6307;
}

pub(crate) struct Receiving {
    opener: Option<Opener>,
    pub(crate) key: KeyId,
    pub(crate) classes: Purposes,
}

impl Receiving {
    pub(crate) fn opener_ref(&self) -> Result<&Opener> {
        self.opener.as_ref().ok_or(Reason::Misuse)
    }

    pub(crate) fn opener(&mut self) -> Result<&mut Opener> {
        self.opener.as_mut().ok_or(Reason::Misuse)
    }
}

/// Makes `opener` ready; once at every start. `classes` are those that this device takes, all others are refused: the sum of
/// `1u << ASEPTIC_...`, for example `1u << ASEPTIC_CONFIGURATION`.
///
/// Ownership: `opener` must not move until `aseptic_opener_wipe`; have one opener a device. Errors: MISUSE before the first
/// `aseptic_agreement_public`, MESSAGE_CLASS for classes that are none, RECORD_CORRUPT: see
/// `aseptic_opener_start_over`; ENTROPY_FAILED; `opener` is zeroed then. Threads: as for
/// all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_opener_init(
    device: *mut aseptic_device,
    classes: u32,
    opener: *mut aseptic_opener,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { ready(device, classes, opener, Opener::load_into) }
}

/// Gives up the memory of what was opened, where `aseptic_opener_init` answers RECORD_CORRUPT, and makes `opener` ready with none:
/// what was handed over before may be handed over once more, by whoever kept it, but no command and no configuration.
///
/// Ownership: as for `aseptic_opener_init`. Errors: as there; `opener` is zeroed then. Threads: as for all calls on a device. Power
/// loss: the record is gone, or is there and cannot be read.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_opener_start_over(
    device: *mut aseptic_device,
    classes: u32,
    opener: *mut aseptic_opener,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { ready(device, classes, opener, Opener::start_over_into) }
}

/// Draws a challenge of 16 bytes for one command or configuration, to be sent to whoever is to give it, for example as the body
/// of a message. It holds for `lifetime_ms` milliseconds, ten minutes at most, and serves once; four may be open.
///
/// Ownership: nothing is kept. Errors: MISUSE, ENTROPY_FAILED, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss:
/// ends all challenges.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_opener_challenge(
    device: *mut aseptic_device,
    opener: *mut aseptic_opener,
    lifetime_ms: u64,
    challenge: *mut aseptic_buf,
) -> aseptic_status {
    let inputs = [Place::of(device), Place::of(opener)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        fill(challenge, &inputs, |room, needed| {
            let (mut device, mut opener) = (state(device)?, state(opener)?);
            *needed = 16;
            let room = room.first_chunk_mut::<16>().ok_or(Reason::BufferTooSmall)?;
            *room = device.with(|parts| opener.opener()?.challenge(&parts.platform, lifetime_ms))?;
            Ok(16)
        })
    }
}

/// Opens one message that was sealed for this device under the name of `identity`. The sender is known by the key that the
/// owner's trust store pins for its name and the class of the message; or, if it has a certificate, by the verdict `sender`
/// about that for this class, else NULL.
///
/// A command or configuration is handed over once at most and never after a newer one of its stream: that is stored before.
/// It must be for this device alone and answer a challenge of `aseptic_opener_challenge`, or name a time of its present boot.
/// All other classes are handed over until `aseptic_message_commit` was called with `ticket`, so commit when the body is stored.
///
/// Ownership: `out` must have room for `sealed.len` bytes and overlap nothing else; the slices of `opened` lie in it. `ticket` must
/// not move until `aseptic_ticket_wipe`. Errors: COSE_NO_RECIPIENT, DECRYPT_FAILED, MESSAGE_MALFORMED, MESSAGE_UNKNOWN_SENDER,
/// UNKNOWN_SIGNER, SIGNATURE_INVALID, MESSAGE_IDENTITY, MESSAGE_NOT_FOR_US, MESSAGE_CLASS, COMMAND_NOT_FRESH, MESSAGE_REPLAYED, MESSAGE_TOO_OLD,
/// SENDERS_FULL, KEY_WRONG_USE for a birth identity, BUFFER_TOO_SMALL; nothing is stored then and all outputs are zeroed.
/// Threads: as for all calls on a device. Power loss: a command is handed over once or never, other messages come again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_message_open(
    device: *mut aseptic_device,
    identity: *mut aseptic_identity,
    opener: *mut aseptic_opener,
    sender: *mut aseptic_peer,
    sealed: aseptic_slice,
    out: *mut aseptic_buf,
    opened: *mut aseptic_opened,
    ticket: *mut aseptic_ticket,
) -> aseptic_status {
    let contexts = [Place::of(device), Place::of(identity), Place::of(opener), Place::of(sender)];
    let [ours, who, memory, peer] = contexts;
    let inputs = [ours, who, memory, peer, sealed.place(), Place::of(opened), Place::of(ticket)];
    // SAFETY: as the caller promises; all that is read is named.
    unsafe {
        hand_over(&contexts, &inputs, out, opened, ticket, |room, needed| {
            let (mut device, identity, mut opener) = (state(device)?, state(identity)?, state(opener)?);
            let known = if sender.is_null() { None } else { Some(state(sender)?) };
            let sealed = sealed.bytes()?;
            identity.require_local(&device)?;
            *needed = sealed.len();
            let room = room.get_mut(..*needed).ok_or(Reason::BufferTooSmall)?;
            device.with(|parts| {
                let (platform, suite, trust) = parts.load_trust()?;
                let mut senders = |name: &str, class| verdict(known.as_deref(), &trust, &suite, name.as_bytes(), class);
                let Receiving { opener, key, classes } = &mut *opener;
                let opener = opener.as_mut().ok_or(Reason::Misuse)?;
                let key = KeyAgree::new(platform.keys, *key, KeyAlg::P256);
                let (name, direction) = (identity.name()?, Direction::ToDevice);
                let us = Receiver { name, key: &key, direction, allowed: *classes };
                let message = opener.open(&platform, &suite, &us, &mut senders, sealed, room)?;
                let (described, length) = (described(&message), message.signed.len());
                // What became of it is for the program to say.
                let sealed = Some((message.receipt(Verdict::Delivered), message.boot));
                let (sender, class) = (Name::new(message.from.as_bytes())?, message.class);
                let beat = Heartbeat::decode(message.body).ok();
                Ok((Handed { claim: Claim::Sealed(message.ticket), sender, sealed, class, beat }, described, length))
            })
        })
    }
}

/// Takes note that the message of `ticket` was handled: from now on it is refused when it comes again.
///
/// Ownership: `ticket` is committed once, and serves for a receipt after it. Errors: MESSAGE_REPLAYED or MESSAGE_TOO_OLD if the
/// message was committed, or fell out of the window, since it was opened: then it has been handled twice. MISUSE for a ticket that
/// is committed, of a session, or of another opener or an earlier life of this one. After those of the platform the message may be handed over again. Threads: as for all calls on a
/// device. Power loss: noted or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_message_commit(
    device: *mut aseptic_device,
    opener: *mut aseptic_opener,
    ticket: *mut aseptic_ticket,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut opener, mut ticket) = unsafe { (state(device)?, state(opener)?, state(ticket)?) };
        match replace(&mut ticket.claim, Claim::Committed) {
            Claim::Sealed(claim) if opener.opener()?.require_own(&claim).is_ok() => {
                device.with(|parts| opener.opener()?.commit(&parts.platform, claim))
            }
            other => {
                ticket.claim = other;
                Err(Reason::Misuse)
            }
        }
    })
}

/// Forgets what was opened of one sender. Its old messages would be accepted again, so forget only what can no longer sign.
///
/// Ownership: `name` is read during the call. Errors: MISUSE, those of the platform; nothing changes then. Threads: as for all
/// calls on a device. Power loss: forgotten or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_opener_forget(
    device: *mut aseptic_device,
    opener: *mut aseptic_opener,
    name: aseptic_slice,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, mut opener, name) = unsafe { (state(device)?, state(opener)?, name.bytes()?) };
        device.with(|parts| opener.opener()?.forget(&parts.platform, &parts.suite, name))
    })
}

/// Ends `opener` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_opener_wipe(opener: *mut aseptic_opener) {
    // SAFETY: as the caller promises.
    unsafe { wipe(opener) }
}

/// # Safety
/// As for [`aseptic_opener_init`].
unsafe fn ready(
    device: *mut aseptic_device,
    classes: u32,
    opener: *mut aseptic_opener,
    load: fn(&mut Option<Opener>, &Platform<'_>) -> Result<()>,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        let nothing = || Receiving { opener: None, key: KeyId(0), classes: Purposes::default() };
        make_in_place(opener, &[Place::of(device)], nothing, |receiving| {
            let mut device = state(device)?;
            let allowed = Purpose::ALL.into_iter().filter(|class| CLASSES.contains(*class));
            let chosen = allowed.filter(|class| Purposes::of(&[*class]).bits() & classes != 0);
            receiving.classes = chosen.fold(Purposes::default(), |sum, class| sum.union(Purposes::of(&[class])));
            if receiving.classes.bits() != classes {
                return Err(Reason::MessageClass);
            }
            device.with(|parts| {
                receiving.key = agreement::load(&parts.platform)?.ok_or(Reason::Misuse)?;
                load(&mut receiving.opener, &parts.platform)
            })
        })
    }
}

/// The verdict about the sender of a message of `class`: the one that the program has, or that of a pinned key.
pub(crate) fn verdict(
    known: Option<&VerifiedPeer>,
    trust: &Trust<'_>,
    suite: &Suite<'_>,
    name: &[u8],
    class: Purpose,
) -> Result<VerifiedPeer> {
    match known {
        Some(peer) if peer.purpose() == class && peer.name() == name => Ok(peer.clone()),
        _ => trust.pinned(suite, class, name).map_err(|reason| match reason {
            Reason::NoPurpose => Reason::MessageUnknownSender,
            other => other,
        }),
    }
}

fn described(message: &Opened<'_>) -> aseptic_opened {
    let ((order, missing), (content_type, content_format)) = (order_of(message.order), type_of(message.content_type));
    aseptic_opened {
        message_class: message.class as u8,
        stream: message.stream,
        order,
        restarted: u8::from(message.restarted),
        time_trust: message.time.trust as u8,
        missing,
        epoch: message.epoch,
        sequence: message.sequence,
        seconds: message.time.seconds,
        degraded: message.degraded.map_or(crate::ASEPTIC_OK, Reason::number),
        content_format,
        sender: aseptic_slice::of(message.from.as_bytes()),
        content_type,
        body: aseptic_slice::of(message.body),
        signed_message: aseptic_slice::of(message.signed),
        ..NOTHING
    }
}

const CLASSES: Purposes =
    Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit, Purpose::Command, Purpose::Configuration]);

const _: () =
    assert!(ASEPTIC_COMMAND == Purpose::Command as u8 && ASEPTIC_CONFIGURATION == Purpose::Configuration as u8);
