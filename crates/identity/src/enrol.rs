//! Enrolment with the owner by EST (RFC 7030): bytes in, bytes out, no socket.
//!
//! ```text
//! start     make a key, record it, make the request, record it
//! step      GET cacerts  ─►  POST simpleenroll  ─►  200: check, record on probation  ─►  Done
//!                                               └►  202: wait, then the same bytes again
//! ```
//!
//! The device presents its birth identity ([`crate::Identity::birth`]) in a TLS connection on which it has found the other
//! end to be the registrar ([`Purpose::Enrolment`]); that is the transport's part.
//! Nothing that the registrar sends becomes trusted: anchors are those that the owner installed, and the certificates of
//! its list serve only to complete the device's own chain.
//!
//! Until the new identity has proven itself ([`crate::confirm_handshake`]) the former one is kept. A refused or broken
//! answer changes nothing that is stored. After power loss [`Enroller::start`] goes on with the same key and the same bytes.

use crate::est::{self, Action, Event, Request, Response};
use crate::keys::{self, Named};
use crate::stored::{self, Birth, Held, Local, Workspace};
use crate::{path, request};
use aseptic_certs::{base64, cms, der};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::record::Kind;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, PathEngine, Purpose, Purposes, Trust};
use aseptic_core::{Reason, Result, bytes, limits};

/// One enrolment under way. Dropping it loses nothing: what matters is stored.
pub struct Enroller<'a> {
    platform: &'a Platform<'a>,
    suite: &'a Suite<'a>,
    trust: &'a Trust<'a>,
    engine: &'a dyn PathEngine,
    workspace: &'a mut Workspace,
    progress: Progress,
}

/// How far an enrolment has come, for callers that cannot keep an [`Enroller`] with its references from one step to the
/// next. What the registrar sent meanwhile lies in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    phase: Phase,
    /// Bytes of CA certificates kept in the workspace.
    authorities: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Authorities,
    Enrol,
    Done,
}

impl<'a> Enroller<'a> {
    /// Begins an enrolment, or goes on with the one that a power cut, a restart or a refusal interrupted.
    ///
    /// * [`Reason::OwnerRootMissing`] unless the owner's trust store is installed and says who may answer as the registrar
    ///   and who vouches for devices: an enrolment that trusts whoever answers would give the device away.
    /// * [`Reason::NotProvisioned`] without a birth certificate.
    /// * [`Reason::KeyBusy`] while a slow key store works: call again.
    ///
    /// A new key and its request are stored beside the identity in use. A former successor that never proved itself is
    /// given up.
    pub fn start(
        platform: &'a Platform<'a>,
        suite: &'a Suite<'a>,
        trust: &'a Trust<'a>,
        engine: &'a dyn PathEngine,
        workspace: &'a mut Workspace,
    ) -> Result<Self> {
        let owner = trust.store(Authority::Owner).map_err(|_| Reason::OwnerRootMissing)?;
        if !Purposes::of(&[Purpose::Enrolment, Purpose::Telemetry]).within(owner.serves()) {
            return Err(Reason::OwnerRootMissing);
        }
        prepare(platform, suite, workspace)?;
        let progress = Progress { phase: Phase::Authorities, authorities: 0 };
        Ok(Self { platform, suite, trust, engine, workspace, progress })
    }

    /// Goes on where [`Enroller::progress`] was asked, with the same workspace. With one that was used for another
    /// enrolment since, the registrar's intermediate certificates are missed; nothing is trusted for lying there.
    pub fn resume(
        platform: &'a Platform<'a>,
        suite: &'a Suite<'a>,
        trust: &'a Trust<'a>,
        engine: &'a dyn PathEngine,
        workspace: &'a mut Workspace,
        progress: Progress,
    ) -> Self {
        Self { platform, suite, trust, engine, workspace, progress }
    }

    /// How far it has come.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// Tells what happened, and learns what to do. `now` is the best statement about the time
    /// ([`Floor::now`](aseptic_core::time::Floor::now)).
    ///
    /// On an error nothing that is stored has changed, and [`Event::Ready`] gives the same request again:
    /// [`Reason::EstTransfer`], [`Reason::CmsMalformed`] and [`Reason::TooLarge`] for answers out of form,
    /// [`Reason::EstRefused`] for a refusal, [`Reason::EstPending`] where the server is busy, [`Reason::EstNoMatch`] for an
    /// answer without our certificate, [`Reason::IdentityNameMismatch`] for one in another's name, and the reasons of path
    /// validation. [`Reason::Misuse`] for an event after [`Action::Done`].
    pub fn step(&mut self, event: Event<'_>, now: Time) -> Result<Action<'_>> {
        match (self.progress.phase, event) {
            (Phase::Done, _) => Err(Reason::Misuse),
            (_, Event::Ready) => self.request(),
            (_, Event::Response(Response { status: 202, retry_after, .. })) => Ok(Action::Wait(est::wait(retry_after))),
            (_, Event::Response(Response { status, .. })) if status != 200 => Err(est::refused(status)),
            (Phase::Authorities, Event::Response(response)) => {
                self.keep_authorities(est::decode(response)?)?;
                self.progress.phase = Phase::Enrol;
                self.request()
            }
            (Phase::Enrol, Event::Response(response)) => {
                self.accept(est::decode(response)?, now)?;
                self.progress.phase = Phase::Done;
                Ok(Action::Done)
            }
        }
    }

    /// Reports, as an event, why the transport accepted the registrar only with a flag
    /// ([`VerifiedPeer::degraded`](aseptic_core::trust::VerifiedPeer::degraded)).
    pub fn flagged(&self, reason: Reason) {
        self.platform.event(reason, Purpose::Enrolment as u64);
    }

    fn request(&mut self) -> Result<Action<'_>> {
        if self.progress.phase == Phase::Authorities {
            return Ok(Action::Request(Request { method: "GET", path: est::CACERTS, content_type: "", body: &[] }));
        }
        let Workspace { payload, frame, .. } = &mut *self.workspace;
        let local = Local::load(self.platform, frame)?;
        let pending = local.successor.filter(|held| !held.request.is_empty()).ok_or(Reason::Misuse)?;
        let length = base64::encode(pending.request, payload)?;
        let body = payload.get(..length).ok_or(Reason::Internal)?;
        Ok(Action::Request(Request { method: "POST", path: est::SIMPLEENROLL, content_type: est::PKCS10, body }))
    }

    /// Keeps the intermediate CA certificates of the registrar's list, one after the other.
    fn keep_authorities(&mut self, bundle: &[u8]) -> Result<()> {
        let mut writer = der::Writer::new(&mut self.workspace.authorities);
        for certificate in cms::certificates(bundle)?.iter() {
            if path::is_intermediate(certificate) {
                writer.raw(certificate);
            }
        }
        self.progress.authorities = writer.finish().map_err(|_| Reason::TooLarge)?.len();
        Ok(())
    }

    fn accept(&mut self, bundle: &[u8], now: Time) -> Result<()> {
        let kept = self.progress.authorities;
        let Workspace { payload, frame, authorities } = &mut *self.workspace;
        let authorities = authorities.get(..kept).unwrap_or_default();
        // The name is needed first, the records that change afterwards: one buffer serves both.
        let mut serial = [0; limits::NAME];
        let birth = Birth::load(self.platform, frame)?.0.ok_or(Reason::NotProvisioned)?;
        let serial = bytes::copy(birth.serial.as_bytes(), &mut serial).ok_or(Reason::RecordCorrupt)?;

        let local = Local::load(self.platform, frame)?;
        let pending = local.successor.filter(|held| !held.certified()).ok_or(Reason::Misuse)?;
        let mut bytes = [0; limits::PUBLIC_KEY];
        let key = keys::public(self.platform, pending.key, &mut bytes)?;
        let sent = cms::certificates(bundle)?;
        let leaf = path::leaf(sent.iter(), key)?;
        if leaf.device_serial() != Some(&*serial) {
            return Err(Reason::IdentityNameMismatch);
        }
        let chain = path::chain(leaf, || sent.iter().chain(path::each(authorities)))?;
        // The chain must lead to an anchor that the owner installed for devices, and be in date.
        let verified = self.trust.verify_chain(self.suite, self.engine, Purpose::Telemetry, chain.as_slice(), now)?;
        verified.degraded().map_or(Ok(()), Err)?;

        let successor = Held { request: &[], chain, ..pending };
        let length = Local { successor: Some(successor), ..local }.encode(payload)?;
        stored::save(self.platform, Kind::LocalIdentity, payload, length, frame)
    }
}

/// Sees to it that a key and its request are stored as the successor.
fn prepare(platform: &Platform<'_>, suite: &Suite<'_>, workspace: &mut Workspace) -> Result<()> {
    let birth = Birth::load(platform, &mut workspace.frame)?.0.filter(|birth| birth.held.certified());
    if birth.is_none() {
        return Err(Reason::NotProvisioned);
    }
    let held = match reusable(platform, workspace)? {
        Some((_, true)) => return Ok(()),
        Some((held, false)) => held,
        None => replace(platform, suite, workspace)?,
    };

    let mut csr = [0; limits::CSR];
    let birth = Birth::load(platform, &mut workspace.frame)?.0.ok_or(Reason::NotProvisioned)?;
    let length = request::write(platform, &birth, &held, &mut csr)?;
    let request = csr.get(..length).ok_or(Reason::Internal)?;
    save_successor(platform, Held { request, ..held }, workspace)
}

/// The key of the recorded successor if it still waits for a certificate and is in the key store, and whether its request
/// is stored too.
fn reusable(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<Option<(Held<'static>, bool)>> {
    let Some(held) = Local::load(platform, &mut workspace.frame)?.successor.filter(|held| !held.certified()) else {
        return Ok(None);
    };
    match keys::public(platform, held.key, &mut [0; limits::PUBLIC_KEY]) {
        Ok(_) => Ok(Some((held.key_only(), !held.request.is_empty()))),
        Err(Reason::IdentityKeyLost) => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// Makes a key and records it as the successor; the former successor's key is destroyed after that.
fn replace(platform: &Platform<'_>, suite: &Suite<'_>, workspace: &mut Workspace) -> Result<Held<'static>> {
    let named = Named::load(platform, workspace)?;
    let former = Local::load(platform, &mut workspace.frame)?.successor.map(|held| held.key);
    let held = keys::generate(platform, suite, &named)?;
    save_successor(platform, held, workspace)?;
    if let Some(former) = former {
        keys::discard(platform, former);
    }
    Ok(held)
}

fn save_successor(platform: &Platform<'_>, successor: Held<'_>, workspace: &mut Workspace) -> Result<()> {
    let local = Local::load(platform, &mut workspace.frame)?;
    let length = Local { successor: Some(successor), ..local }.encode(&mut workspace.payload)?;
    stored::save(platform, Kind::LocalIdentity, &workspace.payload, length, &mut workspace.frame)
}
