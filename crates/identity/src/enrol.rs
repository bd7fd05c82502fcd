//! Enrolment with the owner and its renewal by EST (RFC 7030, RFC 8951, RFC 9908): bytes in, bytes out, no socket.
//!
//! ```text
//! start     make a key, record it
//! step      GET cacerts  ─►  GET csrattrs  ─►  make the request, record it  ─►  POST simpleenroll, simplereenroll
//!                                                  200: check, record on probation  ─►  Done
//!                                                  202: wait, then the same bytes again
//! ```
//!
//! The device presents the identity that [`Terms::origin`] names in a TLS connection on which it has found the other
//! end to be the registrar ([`Purpose::Enrolment`]); that is the transport's part.
//! Nothing that the registrar sends becomes trusted: anchors are those that the owner installed, and the certificates of
//! its list serve only to complete the device's own chain. Among them are those of a roll-over (RFC 7030 section 4.1.3, RFC 4210
//! section 4.4: the new root signed by the old one, and the reverse), so a device whose anchor is the old root accepts what the new one issues.
//!
//! Until the new identity has proven itself ([`crate::confirm_handshake`]) the former one is kept. A refused or broken
//! answer changes nothing that is stored. After power loss [`Enroller::start`] goes on with the same key and the same bytes.
//! Private keys are made here and nowhere else: there is no way to ask a server for one (serverkeygen).

use crate::credential::Origin;
use crate::est::{self, Action, Event, Request, Response, Terms};
use crate::keys;
use crate::request::{self, Wanted};
use crate::stored::{self, Birth, Held, Local, Workspace};
use crate::{path, successor};
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
/// next. What the registrar said meanwhile lies in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    phase: Phase,
    terms: Terms,
    /// A request was handed out, and has no answer yet.
    asked: bool,
    /// Bytes of CA certificates kept in the workspace, and of attributes after them.
    authorities: usize,
    attributes: usize,
    /// How often the request was redirected; bytes of the authority and of the path it goes to, in the workspace.
    redirects: u8,
    target: [usize; 2],
    /// The channel binding of the newest connection.
    binding: Option<[u8; 32]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Authorities,
    Attributes,
    Enrol,
    Done,
}

impl<'a> Enroller<'a> {
    /// Begins an enrolment with the birth identity ([`Terms::ENROL`]), or goes on with the one that a power cut, a restart
    /// or a refusal interrupted. See [`Enroller::start_with`].
    pub fn start(
        platform: &'a Platform<'a>,
        suite: &'a Suite<'a>,
        trust: &'a Trust<'a>,
        engine: &'a dyn PathEngine,
        workspace: &'a mut Workspace,
    ) -> Result<Self> {
        Self::start_with(platform, suite, trust, engine, workspace, Terms::ENROL)
    }

    /// Begins an enrolment or a renewal on these terms, or goes on with the one that was interrupted.
    ///
    /// * [`Reason::OwnerRootMissing`] unless the owner's trust store is installed and says who may answer as the registrar
    ///   and who vouches for devices: an enrolment that trusts whoever answers would give the device away.
    /// * [`Reason::NotProvisioned`] without a birth certificate.
    /// * [`Reason::Misuse`] to renew a local identity that is not in use.
    ///
    /// A new key is stored beside the identity in use, and its request before it is first sent. A former successor that never
    /// proved itself is given up.
    pub fn start_with(
        platform: &'a Platform<'a>,
        suite: &'a Suite<'a>,
        trust: &'a Trust<'a>,
        engine: &'a dyn PathEngine,
        workspace: &'a mut Workspace,
        terms: Terms,
    ) -> Result<Self> {
        let owner = trust.store(Authority::Owner).map_err(|_| Reason::OwnerRootMissing)?;
        if !Purposes::of(&[Purpose::Enrolment, Purpose::Telemetry]).within(owner.serves()) {
            return Err(Reason::OwnerRootMissing);
        }
        let requested = successor::prepare(platform, suite, terms.origin, workspace)?;
        // A request that is stored already is sent again as it is; one that proves possession is not stored.
        let attributes = terms.attributes && terms.origin == Origin::Birth && (terms.proof_of_possession || !requested);
        let progress = Progress {
            phase: Phase::Authorities,
            terms: Terms { attributes, ..terms },
            asked: false,
            authorities: 0,
            attributes: 0,
            redirects: 0,
            target: [0; 2],
            binding: None,
        };
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
    /// [`Reason::EstRefused`] for a refusal and for a redirect that is not followed, [`Reason::EstPending`] where the server is busy,
    /// [`Reason::EstNoMatch`] for an answer without our certificate, [`Reason::EstAttributes`] where it wants what this
    /// device cannot give, [`Reason::IdentityNameMismatch`] for a certificate in another's name, and the reasons of path
    /// validation. [`Reason::KeyBusy`] while a slow key store makes the next request: the same event again, or
    /// [`Event::Ready`], asks for it; an answer counts once. [`Reason::Misuse`] for an event after [`Action::Done`],
    /// and where possession is to be proven on a connection that was not reported ([`Event::Connected`]).
    pub fn step(&mut self, event: Event<'_>, now: Time) -> Result<Action<'_>> {
        let response = match event {
            _ if self.progress.phase == Phase::Done => return Err(Reason::Misuse),
            Event::Ready => {
                self.progress.forget_redirect();
                return self.request();
            }
            Event::Connected(binding) => {
                self.progress.binding = Some(*binding);
                return self.request();
            }
            // It was taken before the request failed that this is the repetition of.
            Event::Response(_) if !self.progress.asked => return self.request(),
            Event::Response(response) => response,
        };
        match response.status {
            301 | 302 | 307 | 308 => self.redirect(response.location)?,
            202 => return Ok(Action::Wait(est::wait(response.retry_after, now))),
            429 | 503 if !response.retry_after.trim().is_empty() => {
                return Ok(Action::Wait(est::wait(response.retry_after, now)));
            }
            _ => self.answered(response, now)?,
        }
        self.progress.asked = false;
        if self.progress.phase == Phase::Done { Ok(Action::Done) } else { self.request() }
    }

    /// Reports, as an event, why the transport accepted the registrar only with a flag
    /// ([`VerifiedPeer::degraded`](aseptic_core::trust::VerifiedPeer::degraded)).
    pub fn flagged(&self, reason: Reason) {
        self.platform.event(reason, Purpose::Enrolment as u64);
    }

    /// Takes a final answer, and goes on to the next request.
    fn answered(&mut self, response: Response<'_>, now: Time) -> Result<()> {
        self.progress.forget_redirect();
        self.progress.phase = match self.progress.phase {
            Phase::Attributes => {
                self.keep_attributes(est::decode_attributes(response)?)?;
                Phase::Enrol
            }
            _ if response.status != 200 => return Err(est::refused(response.status)),
            Phase::Authorities => {
                self.keep_authorities(est::decode(response)?)?;
                if self.progress.terms.attributes { Phase::Attributes } else { Phase::Enrol }
            }
            Phase::Enrol | Phase::Done => {
                self.accept(est::decode(response)?, now)?;
                Phase::Done
            }
        };
        Ok(())
    }

    fn request(&mut self) -> Result<Action<'_>> {
        let Terms { origin, .. } = self.progress.terms;
        let (method, path, content_type) = match (self.progress.phase, origin) {
            (Phase::Authorities, _) => ("GET", est::CACERTS, ""),
            (Phase::Attributes, _) => ("GET", est::CSRATTRS, ""),
            (_, Origin::Birth) => ("POST", est::SIMPLEENROLL, est::PKCS10),
            (_, Origin::Local) => ("POST", est::SIMPLEREENROLL, est::PKCS10),
        };
        let length = if method == "POST" { self.body()? } else { 0 };
        let body = self.workspace.payload.get(..length).ok_or(Reason::Internal)?;
        let (authority, path) = match self.progress.target {
            [_, 0] => ("", path),
            target => parts(&self.workspace.target, target)?,
        };
        self.progress.asked = true;
        Ok(Action::Request(Request { method, authority, path, content_type, body }))
    }

    /// Puts the request, in base64, into the payload of the workspace; gives its length. One that is not stored yet is made,
    /// and stored before it is ever sent.
    fn body(&mut self) -> Result<usize> {
        if !self.progress.terms.proof_of_possession {
            let Workspace { payload, frame, .. } = &mut *self.workspace;
            let local = Local::load(self.platform, frame)?;
            let current = local.current.and_then(|held| held.chain.leaf());
            let origin = self.progress.terms.origin;
            let stored = local.successor.filter(|held| request::serves(origin, held.request, current));
            if let Some(held) = stored {
                return base64::encode(held.request, payload);
            }
        }
        let mut csr = [0; limits::CSR];
        let (held, length) = self.make_request(&mut csr)?;
        let request = csr.get(..length).ok_or(Reason::Internal)?;
        if !self.progress.terms.proof_of_possession {
            successor::save(self.platform, Held { request, ..held }, self.workspace)?;
        }
        base64::encode(request, &mut self.workspace.payload)
    }

    fn make_request(&mut self, csr: &mut [u8]) -> Result<(Held<'static>, usize)> {
        let Progress { terms, authorities, attributes, binding, .. } = &self.progress;
        let Workspace { frame, notes, .. } = &mut *self.workspace;
        let held = successor::waiting(self.platform, frame)?;
        let binding = match terms.proof_of_possession {
            true => Some(binding.as_ref().ok_or(Reason::Misuse)?),
            false => None,
        };
        let attributes = notes.get(*authorities..authorities.saturating_add(*attributes)).unwrap_or_default();
        let wanted = Wanted { origin: terms.origin, attributes, binding };
        let length = request::write_wanted(self.platform, &wanted, &held, frame, csr)?;
        Ok((held, length))
    }

    fn redirect(&mut self, location: &str) -> Result<()> {
        let (authority, path) = est::target(location)?;
        if self.progress.redirects >= limits::EST_REDIRECTS {
            return Err(Reason::EstRefused);
        }
        // A path alone stays where the last redirect led.
        let former = match (authority, self.progress.target) {
            ("", [length, _]) => length,
            _ => 0,
        };
        let length = former.max(authority.len());
        let (front, rest) = self.workspace.target.split_at_mut_checked(length).ok_or(Reason::EstRefused)?;
        if !authority.is_empty() {
            bytes::copy(authority.as_bytes(), front).ok_or(Reason::EstRefused)?;
        }
        bytes::copy(path.as_bytes(), rest).ok_or(Reason::EstRefused)?;
        self.progress.target = [length, path.len()];
        self.progress.redirects = self.progress.redirects.saturating_add(1);
        Ok(())
    }

    /// Keeps the CA certificates of the registrar's list that others issued, one after the other.
    fn keep_authorities(&mut self, bundle: &[u8]) -> Result<()> {
        let mut writer = der::Writer::new(&mut self.workspace.notes);
        for certificate in cms::certificates(bundle)?.iter() {
            if path::is_authority(certificate) && !self.engine.is_self_signed(self.suite, certificate) {
                writer.raw(certificate);
            }
        }
        self.progress.authorities = writer.finish().map_err(|_| Reason::TooLarge)?.len();
        Ok(())
    }

    /// Keeps what the registrar wants in a request, once it is known that it can be given.
    fn keep_attributes(&mut self, attributes: &[u8]) -> Result<()> {
        let Workspace { frame, notes, .. } = &mut *self.workspace;
        let birth = Birth::load(self.platform, frame)?.0.ok_or(Reason::NotProvisioned)?;
        crate::attributes::Attributes::parse(attributes)?.check(&birth)?;
        let room = notes.get_mut(self.progress.authorities..).ok_or(Reason::Internal)?;
        self.progress.attributes = bytes::copy(attributes, room).ok_or(Reason::TooLarge)?.len();
        Ok(())
    }

    fn accept(&mut self, bundle: &[u8], now: Time) -> Result<()> {
        let Self { platform, suite, trust, engine, progress, .. } = *self;
        let Workspace { payload, frame, notes, .. } = &mut *self.workspace;
        let authorities = notes.get(..progress.authorities).unwrap_or_default();
        // The name is needed first, the records that change afterwards: one buffer serves both.
        let mut serial = [0; limits::NAME];
        let birth = Birth::load(platform, frame)?.0.ok_or(Reason::NotProvisioned)?;
        let serial = bytes::copy(birth.serial.as_bytes(), &mut serial).ok_or(Reason::RecordCorrupt)?;

        let local = Local::load(platform, frame)?;
        let pending = local.successor.filter(|held| !held.certified()).ok_or(Reason::Misuse)?;
        let mut bytes = [0; limits::PUBLIC_KEY];
        let key = keys::public(platform, pending.key, &mut bytes)?;
        let sent = cms::certificates(bundle)?;
        let leaf = path::leaf(sent.iter(), key)?;
        if leaf.device_serial() != Some(&*serial) {
            return Err(Reason::IdentityNameMismatch);
        }
        let candidates = || sent.iter().chain(path::each(authorities));
        let foreign = |der: &[u8]| !engine.is_self_signed(suite, der);
        // The chain must lead to an anchor that the owner installed for devices, and be in date.
        let judge = |part: &[&[u8]]| trust.verify_chain(suite, engine, Purpose::Telemetry, part, now);
        let chain = path::trusted(&path::chain(leaf, candidates, foreign)?, judge)?;

        let successor = Held { request: &[], chain, ..pending };
        let length = Local { successor: Some(successor), ..local }.encode(payload)?;
        stored::save(platform, Kind::LocalIdentity, payload, length, frame)
    }
}

impl Progress {
    fn forget_redirect(&mut self) {
        (self.redirects, self.target) = (0, [0; 2]);
    }
}

/// Authority and path of a redirect, as kept.
fn parts(target: &[u8], [authority, path]: [usize; 2]) -> Result<(&str, &str)> {
    let (authority, rest) = target.split_at_checked(authority).ok_or(Reason::Internal)?;
    let path = rest.get(..path).ok_or(Reason::Internal)?;
    let text = |bytes| core::str::from_utf8(bytes).map_err(|_| Reason::Internal);
    Ok((text(authority)?, text(path)?))
}
