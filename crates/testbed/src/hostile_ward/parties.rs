//! Who lives in the ward, with their keys, and what they believe of one another.

use super::Hybrid;
use crate::trust::KeyPair;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::{KeyAlg, Suite};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Accepted, Demand, Direction, HybridKey, Opened, Origin, Outgoing, Receiver, Sessions};

pub(super) const DEVICE: &str = "pump-1";
/// Another device of the owner, to which nobody says anything.
pub(super) const NEIGHBOUR: &str = "pump-2";
pub(super) const RECORD: &str = "adapter-1";
/// Another reader of the owner, whom the device names in its audience and sends nothing.
pub(super) const OTHER: &str = "adapter-2";
pub(super) const CONSOLE: &str = "console-1";
/// What every message says, and none shows.
pub(super) const BODY: &str = "occlusion of line";
pub(super) const TEXT: ContentType<'_> = ContentType::Text("text/plain");

/// xorshift64: the same attacks in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).expect("small")).expect("small")
    }
}

pub(super) struct Parties {
    pub(super) suite: Suite<'static>,
    pub(super) device: KeyPair,
    pub(super) own: KeyPair,
    pub(super) neighbour: KeyPair,
    pub(super) record: KeyPair,
    pub(super) other: KeyPair,
    pub(super) receipts: KeyPair,
    pub(super) console: KeyPair,
    pub(super) network: KeyPair,
    hybrid: Hybrid,
}

impl Parties {
    pub(super) fn new(suite: Suite<'static>, hybrid: Hybrid) -> Self {
        let [device, own, neighbour, record, other, receipts, console, network] =
            [51, 52, 53, 54, 55, 56, 57, 58].map(|number| KeyPair::new(KeyAlg::P256, number));
        Self { suite, device, own, neighbour, record, other, receipts, console, network, hybrid }
    }

    /// What the owner's trust store says of `name`.
    pub(super) fn peer(&self, name: &str, purpose: Purpose) -> Result<VerifiedPeer> {
        let sends = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit]);
        let one = |purpose| Purposes::of(&[purpose]);
        let known = [
            (DEVICE, sends, &self.device),
            (DEVICE, one(Purpose::Receive), &self.own),
            (NEIGHBOUR, one(Purpose::Receive), &self.neighbour),
            (RECORD, one(Purpose::Receive), &self.record),
            (RECORD, one(Purpose::Receipt), &self.receipts),
            (OTHER, one(Purpose::Receive), &self.other),
            (CONSOLE, one(Purpose::Command), &self.console),
        ];
        let found = known.into_iter().find(|(known, purposes, _)| *known == name && purposes.contains(purpose));
        let (_, purposes, key) = found.ok_or(Reason::MessageUnknownSender)?;
        let material = Material::Key(key.public());
        let entries = [Entry { purposes, name: name.as_bytes(), material }];
        danger::unsigned(Authority::Owner, &entries)?.pinned(&self.suite, purpose, name.as_bytes())
    }

    /// Runs `offer` with the KEM key of the record, where the ward has one.
    pub(super) fn with_hybrid<R>(&self, offer: impl FnOnce(Option<&HybridKey<'_>>) -> R) -> R {
        let Some((key, kem)) = &self.hybrid else { return offer(None) };
        let public = key.public().expect("a key");
        let thumbprint = public.thumbprint(&self.suite).expect("a thumbprint");
        let (alg, purposes) = (public.alg(), Purposes::of(&[Purpose::Receive]));
        let material = Material::Thumbprint(alg, &thumbprint);
        let entries = [Entry { purposes, name: RECORD.as_bytes(), material }];
        let trust = danger::unsigned(Authority::Owner, &entries).expect("a store");
        let peer = trust.pinned_long(&self.suite, Purpose::Receive, RECORD.as_bytes(), alg).expect("pinned");
        offer(Some(&HybridKey { peer: &peer, key: public.bytes(), kem: *kem }))
    }

    /// The record takes an offer, hybrid ones where it has the key.
    pub(super) fn accept(
        &self,
        sessions: &mut Sessions<4>,
        us: &Receiver<'_>,
        opened: &Opened<'_>,
    ) -> Result<Accepted> {
        let signer = self.peer(opened.from, opened.class)?;
        match &self.hybrid {
            Some((key, _)) => sessions.accept_hybrid(&self.suite, us, &**key, Demand::Either, &signer, opened),
            None => sessions.accept(&self.suite, us, &signer, opened),
        }
    }

    pub(super) fn receives(&self, name: &str) -> VerifiedPeer {
        self.peer(name, Purpose::Receive).expect("pinned")
    }
}

pub(super) fn origin<'a>(name: &'static str, key: &'a KeyPair) -> Origin<'a> {
    Origin { name: name.as_bytes(), key: key.public(), signer: &key.private }
}

pub(super) fn plain<'a>(class: Purpose, to: &'a [VerifiedPeer], body: &'a [u8]) -> Outgoing<'a> {
    Outgoing { class, stream: 0, to, fresh: None, content_type: TEXT, body, time: Time::UNKNOWN }
}

pub(super) fn receiver<'a>(name: &'static str, key: &'a KeyPair, direction: Direction) -> Receiver<'a> {
    let allowed = match direction {
        Direction::FromDevice => Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit]),
        Direction::ToDevice => Purposes::of(&[Purpose::Command]),
    };
    Receiver { name: name.as_bytes(), key: &key.private, direction, allowed }
}
