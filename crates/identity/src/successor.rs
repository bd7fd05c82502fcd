//! The successor of the local identity while it waits for a certificate.

use crate::credential::Origin;
use crate::keys::{self, Named};
use crate::stored::{self, Birth, Held, Local, Workspace};
use crate::{request, wipe};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result, limits};

/// Sees to it that a key is stored as the successor, and tells whether a request is stored with it that serves for `origin`.
///
/// A key that waits already is used again, with or without a request; a former successor that never proved itself is given
/// up. [`Reason::Decommissioned`] for a device that was given up, [`Reason::NotProvisioned`] without a birth certificate, [`Reason::Misuse`] to renew without an identity in use.
pub(crate) fn prepare(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    origin: Origin,
    workspace: &mut Workspace,
) -> Result<bool> {
    wipe::refuse(platform, &mut workspace.frame)?;
    if !Birth::load(platform, &mut workspace.frame)?.0.is_some_and(|birth| birth.held.certified()) {
        return Err(Reason::NotProvisioned);
    }
    let local = Local::load(platform, &mut workspace.frame)?;
    let current = local.current.and_then(|held| held.chain.leaf());
    if origin == Origin::Local && current.is_none() {
        return Err(Reason::Misuse);
    }
    let waiting = local.successor.filter(|held| !held.certified());
    match waiting.map(|held| (held, keys::public(platform, held.key, &mut [0; limits::PUBLIC_KEY]).map(drop))) {
        Some((held, Ok(_))) => Ok(!held.request.is_empty() && request::serves(origin, held.request, current)),
        None | Some((_, Err(Reason::IdentityKeyLost))) => replace(platform, suite, workspace).map(|()| false),
        Some((_, Err(reason))) => Err(reason),
    }
}

/// The bare key that waits for a certificate. [`Reason::Misuse`] if none does.
pub(crate) fn waiting(platform: &Platform<'_>, frame: &mut [u8]) -> Result<Held<'static>> {
    let successor = Local::load(platform, frame)?.successor.filter(|held| !held.certified());
    successor.map(|held| held.key_only()).ok_or(Reason::Misuse)
}

/// Stores `successor` beside the identity in use.
pub(crate) fn save(platform: &Platform<'_>, successor: Held<'_>, workspace: &mut Workspace) -> Result<()> {
    let local = Local::load(platform, &mut workspace.frame)?;
    let length = Local { successor: Some(successor), ..local }.encode(&mut workspace.payload)?;
    stored::save(platform, Kind::LocalIdentity, &workspace.payload, length, &mut workspace.frame)
}

/// Makes a key and records it as the successor; the former successor's key is destroyed after that.
fn replace(platform: &Platform<'_>, suite: &Suite<'_>, workspace: &mut Workspace) -> Result<()> {
    let named = Named::load(platform, workspace)?;
    let former = Local::load(platform, &mut workspace.frame)?.successor.map(|held| held.key);
    let held = keys::generate(platform, suite, &named)?;
    save(platform, held, workspace)?;
    if let Some(former) = former {
        keys::discard(platform, former);
    }
    Ok(())
}
