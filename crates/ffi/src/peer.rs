//! Verdicts about the other side, for a TLS of the program's own.

use crate::abi::{
    Context, Place, apart, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make, output_apart, state,
    wipe,
};
use crate::device::aseptic_device;
use crate::identity::copy;
use crate::lists::{Listed, Whole, aseptic_list};
use crate::time;
use aseptic_certs::crl::Numbers;
use aseptic_certs::{Engine, PathValidator, server};
use aseptic_core::clinical::Path;
use aseptic_core::platform::Platform;
use aseptic_core::trust::{PathEngine, Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result, limits};

/// The registrar, asked for certificates in an enrolment.
pub const ASEPTIC_PURPOSE_ENROLMENT: u8 = 3;
/// A server of the owner, to which the device connects.
pub const ASEPTIC_PURPOSE_NETWORK: u8 = 4;

/// The verdict that a peer is who it says and may do one thing. Only `aseptic_peer_verify` makes one. Opaque.
#[repr(C)]
pub struct aseptic_peer {
    _opaque: [u64; 24],
}

impl Context for aseptic_peer {
    type State = VerifiedPeer;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6305;
}

/// Judges the holder of a certificate chain by the owner's trust store: for `ASEPTIC_PURPOSE_ENROLMENT` and
/// `ASEPTIC_PURPOSE_NETWORK` a server whose certificate must bear the DNS name `name`, for a class of messages a sender of that
/// name. `chain` holds `count` certificates (DER), leaf first, without the anchor, at most 4; call it where TLS asks whether
/// the chain of its peer is good, and let TLS check that the peer has the key.
///
/// Ownership: `name` and `chain` are read during the call; `peer` must not move until `aseptic_peer_wipe`. Errors: PATH_UNTRUSTED,
/// PATH_KEY_USAGE, PATH_CONSTRAINT, PATH_TOO_LONG, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_MALFORMED,
/// CERTIFICATE_PROFILE, SIGNATURE_INVALID, NAME_MISMATCH, DENIED, MISUSE for another purpose or an empty name; `peer` is zeroed
/// then. Threads: as for all calls on a device. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_verify(
    device: *mut aseptic_device,
    purpose: u8,
    name: aseptic_slice,
    chain: *const aseptic_slice,
    count: usize,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { judge(device, purpose, name, chain, count, None, peer) }
}

/// As `aseptic_peer_verify`, with `list_count` revocation lists, at most 16, each begun with this `chain` and read to its end:
/// each certificate of the chain must be covered by one. A missing, unusable or badly signed list never counts as "not
/// revoked", and neither does one that was begun with another chain; what it means for the purpose says the response matrix:
/// refused, or accepted with a flag, see `aseptic_peer_degraded`. Lists below a number that `aseptic_list_accept` has kept do not
/// count. With no lists at all every certificate is uncovered.
///
/// Ownership: `name` and `chain` are read during the call and `lists` used, which serves any number of calls; `peer` must not move
/// until `aseptic_peer_wipe`. Errors: those of `aseptic_peer_verify`, CERTIFICATE_REVOKED, REVOCATION_UNKNOWN, CRL_STALE,
/// RECORD_CORRUPT, MISUSE for a list that was not read to its end; `peer` is zeroed then. Threads: as for all calls on a device;
/// verifies a signature for each list of an issuer of the chain, and reads those that Ed25519 signed once more. Power loss: nothing
/// is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_verify_listed(
    device: *mut aseptic_device,
    purpose: u8,
    name: aseptic_slice,
    chain: *const aseptic_slice,
    count: usize,
    lists: *mut aseptic_list,
    list_count: usize,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    if let Err(reason) = apart(&[Place::row(lists, list_count), Place::of(peer)]) {
        return reason.number();
    }
    // SAFETY: as the caller promises.
    match unsafe { Whole::read(lists, list_count) } {
        // SAFETY: as the caller promises.
        Ok(read) => unsafe { judge(device, purpose, name, chain, count, Some(&read), peer) },
        // SAFETY: NULL or writable memory of the type.
        Err(reason) => unsafe { make(peer, &[], || Err(reason)) },
    }
}

/// # Safety
/// As for [`aseptic_peer_verify`].
unsafe fn judge(
    device: *mut aseptic_device,
    purpose: u8,
    name: aseptic_slice,
    chain: *const aseptic_slice,
    count: usize,
    read: Option<&Whole<'_>>,
    peer: *mut aseptic_peer,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(peer, &[Place::of(device), name.place(), Place::row(chain, count)], || {
            let (mut device, name, links) = (state(device)?, name.bytes()?, Links::read(chain, count)?);
            let purpose = purpose_from(purpose)?;
            if name.is_empty() {
                return Err(Reason::Misuse);
            }
            device.with(|parts| {
                let now = time::now(&parts.platform)?;
                let (platform, suite, trust) = parts.load_trust()?;
                let verify =
                    |engine: &dyn PathEngine| trust.verify_chain(&suite, engine, purpose, links.as_slice(), now);
                let peer = match read {
                    None => verify(&Engine)?,
                    Some(read) => verify_listed(&platform, read, &verify)?,
                };
                match purpose {
                    Purpose::Enrolment | Purpose::Network => {
                        let host = core::str::from_utf8(name).map_err(|_| Reason::NameMismatch)?;
                        server::check_name(links.leaf()?, purpose, host)?;
                    }
                    _ if peer.name() != name => return Err(Reason::NameMismatch),
                    _ => {}
                }
                Ok(peer)
            })
        })
    }
}

/// Apart, so that its memory is on no other stack.
#[inline(never)]
fn verify_listed(
    platform: &Platform<'_>,
    read: &Whole<'_>,
    verify: &dyn Fn(&dyn PathEngine) -> Result<VerifiedPeer>,
) -> Result<VerifiedPeer> {
    let numbers = &Numbers::load(platform, &mut [0; Numbers::BUFFER])?;
    verify(&PathValidator::DEVICE.with_lists(&Listed { read, numbers }))
}

/// Writes the name in the peer's certificate (its serialNumber, else its commonName), as it is there, at most 64 bytes.
///
/// Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss:
/// nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_name(peer: *mut aseptic_peer, out: *mut aseptic_buf) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { fill(out, &[Place::of(peer)], |room, needed| copy(state(peer)?.name(), room, needed)) }
}

/// Writes why the peer was accepted only with a flag: CERTIFICATE_EXPIRED where it ran out and cutting it off would do more harm
/// than listening to it, else `ASEPTIC_OK`. Show it to whoever looks after the device.
///
/// Ownership: `flag` is the caller's. Errors: MISUSE; `flag` is MISUSE as well then. Threads: as for all calls on a device.
/// Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_degraded(peer: *mut aseptic_peer, flag: *mut aseptic_status) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let flag = unsafe { output_apart(flag, &[Place::of(peer)])? };
        *flag = Reason::Misuse.number();
        // SAFETY: as the caller promises.
        *flag = unsafe { state(peer)? }.degraded().map_or(crate::ASEPTIC_OK, Reason::number);
        Ok(())
    })
}

/// Ends `peer` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_peer_wipe(peer: *mut aseptic_peer) {
    // SAFETY: as the caller promises.
    unsafe { wipe(peer) }
}

/// The certificates of a chain, leaf first.
pub(crate) struct Links<'a> {
    links: [&'a [u8]; limits::CHAIN],
    count: usize,
}

impl<'a> Links<'a> {
    /// # Safety
    /// `chain` must be NULL, misaligned or readable for `count` slices, and each of them for its bytes, as long as the answer
    /// is used.
    pub(crate) unsafe fn read(chain: *const aseptic_slice, count: usize) -> Result<Self> {
        if count > limits::CHAIN {
            return Err(Reason::PathTooLong);
        }
        let mut links: [&[u8]; limits::CHAIN] = [&[]; limits::CHAIN];
        for (at, link) in links.iter_mut().enumerate().take(count) {
            // SAFETY: within the slices that the caller promises; each is readable.
            *link = unsafe { input(chain.wrapping_add(at))?.bytes()? };
        }
        Ok(Self { links, count })
    }

    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        self.links.get(..self.count).unwrap_or_default()
    }

    /// Where they lie.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.as_slice().iter().map(|link| Place::bytes(link))
    }

    fn leaf(&self) -> Result<&'a [u8]> {
        self.as_slice().first().copied().ok_or(Reason::PathUntrusted)
    }
}

/// Whom a chain may speak for through this interface: births and software are judged inside of the calls that meet them.
pub(crate) fn purpose_from(number: u8) -> Result<Purpose> {
    match Purpose::from_u8(number) {
        Ok(Purpose::Birth | Purpose::Receive) | Err(_) => Err(Reason::Misuse),
        Ok(Purpose::Receipt) => Err(Reason::Misuse),
        Ok(purpose) if purpose.path() == Path::UpdateIn => Err(Reason::Misuse),
        purpose => purpose,
    }
}

const _: () =
    assert!(ASEPTIC_PURPOSE_ENROLMENT == Purpose::Enrolment as u8 && ASEPTIC_PURPOSE_NETWORK == Purpose::Network as u8);
