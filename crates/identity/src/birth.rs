//! The birth identity: made once at the factory, never renewed (IDevID of IEEE 802.1AR).
//!
//! ```text
//! request   make the key, record it, make the PKCS#10 request, record it, hand it out
//! install   check what the CA made of it, record it
//! ```
//!
//! Cut at any point, `request` goes on where it stopped: the key is the one that the record names, and once a request was
//! handed out the very same bytes are handed out again.

use crate::keys::{self, Named};
use crate::name::DeviceName;
use crate::request;
use crate::stored::{self, Birth, Chain, Held, Workspace};
use crate::wipe;
use aseptic_certs::{Certificate, devid};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::record::Kind;
use aseptic_core::time::Time;
use aseptic_core::trust::{PathEngine, Purpose, Trust};
use aseptic_core::{Reason, Result, bytes, limits};

/// Writes the device's request for its birth certificate (PKCS#10, DER) into `out`, which must have room for
/// [`limits::CSR`] bytes, and gives its length.
///
/// The first call makes the key (P-256) in the key store. Later calls give the same request again; with another `name`, a
/// new request for the same key. [`Reason::AlreadyProvisioned`] once a certificate is installed,
/// [`Reason::KeyBusy`] while a slow key store works: call again. [`Reason::Decommissioned`] for a device that was given up.
///
/// After power loss the device is blank, or has the key and perhaps the request; calling again completes it. Keys that a
/// blank device holds are leftovers of a first attempt and are destroyed.
pub fn request(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    name: &DeviceName<'_>,
    workspace: &mut Workspace,
    out: &mut [u8],
) -> Result<usize> {
    name.check()?;
    let out = out.get_mut(..limits::CSR).ok_or(Reason::BufferTooSmall)?;
    let mut uri = [0; limits::URI];
    let udi = match name.udi {
        Some(udi) => udi.uri(&mut uri)?,
        None => "",
    };
    let DeviceName { serial, hardware_type, hardware_serial, .. } = *name;
    let named = |held| Birth { serial, hardware_type, hardware_serial, udi, held };

    wipe::refuse(platform, &mut workspace.frame)?;
    let stored = Birth::load(platform, &mut workspace.frame)?.0;
    let held = match stored {
        Some(birth) if birth.held.certified() => return Err(Reason::AlreadyProvisioned),
        Some(birth) if there(platform, &birth.held)? => {
            let same_name = (birth.serial, birth.hardware_type, birth.hardware_serial, birth.udi)
                == (serial, hardware_type, hardware_serial, udi);
            if same_name && !birth.held.request.is_empty() {
                bytes::copy(birth.held.request, out).ok_or(Reason::RecordCorrupt)?;
                return Ok(birth.held.request.len());
            }
            birth.held.key_only()
        }
        _ => {
            let others = Named::load(platform, workspace)?;
            keys::sweep(platform, &others)?;
            keys::generate(platform, suite, &others)?
        }
    };

    save(platform, &named(held), workspace)?;
    let length = request::write(platform, &named(held), &held, out)?;
    let request = out.get(..length).ok_or(Reason::Internal)?;
    save(platform, &named(Held { request, ..held }), workspace)?;
    Ok(length)
}

/// Takes the birth certificate with its intermediates (`chain`: DER, leaf first, without the anchor).
///
/// What is checked, in this order, before anything is stored:
/// * the leaf is for the key of the request ([`Reason::IdentityKeyMismatch`]) and for this device: its subject's
///   serialNumber, its HardwareModuleName and its UDI are those of the request ([`Reason::IdentityNameMismatch`]);
/// * it follows IEEE 802.1AR ([`devid::check_birth`]);
/// * the chain leads to an anchor that may vouch for births, and is in date as far as `now` can tell.
///
/// [`Reason::NotProvisioned`] before the first [`request`], [`Reason::AlreadyProvisioned`] if a certificate is installed. A refusal
/// changes nothing; after power loss the certificate is installed or it is not.
pub fn install(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    trust: &Trust<'_>,
    engine: &dyn PathEngine,
    chain: &[&[u8]],
    now: Time,
    workspace: &mut Workspace,
) -> Result<()> {
    wipe::refuse(platform, &mut workspace.frame)?;
    let birth = Birth::load(platform, &mut workspace.frame)?.0.ok_or(Reason::NotProvisioned)?;
    if birth.held.certified() {
        return Err(Reason::AlreadyProvisioned);
    }
    let leaf = Certificate::parse(chain.first().ok_or(Reason::CertificateMalformed)?)?;
    request::check_issued(platform, &birth, &birth.held, &leaf)?;
    let module = leaf.hardware_module().map(|module| (module.hardware_type, module.serial));
    let udi = birth.udi.is_empty() || leaf.uri() == Some(birth.udi);
    if module != Some((birth.hardware_type, birth.hardware_serial)) || !udi {
        return Err(Reason::IdentityNameMismatch);
    }
    devid::check_birth(&leaf)?;
    let verified = trust.verify_chain(suite, engine, Purpose::Birth, chain, now)?;
    if let Some(reason) = verified.degraded() {
        return Err(reason);
    }

    let held = Held { request: &[], chain: Chain::of(chain)?, ..birth.held };
    let length = Birth { held, ..birth }.encode(&mut workspace.payload)?;
    stored::save(platform, Kind::BirthIdentity, &workspace.payload, length, &mut workspace.frame)
}

/// Whether the key is still in the key store. One that was lost before it was certified is made anew.
fn there(platform: &Platform<'_>, held: &Held<'_>) -> Result<bool> {
    match keys::public(platform, held.key, &mut [0; limits::PUBLIC_KEY]) {
        Ok(_) => Ok(true),
        Err(Reason::IdentityKeyLost) => Ok(false),
        Err(reason) => Err(reason),
    }
}

fn save(platform: &Platform<'_>, birth: &Birth<'_>, workspace: &mut Workspace) -> Result<()> {
    let length = birth.encode(&mut workspace.payload)?;
    stored::save(platform, Kind::BirthIdentity, &workspace.payload, length, &mut workspace.frame)
}
