//! A small ward in memory: three devices, four receivers, and what each of them knows of the others.
#![allow(dead_code)]

use aseptic_core::cose::ContentType;
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, VerifiedPeer, danger};
use aseptic_core::{Reason, Result};
use aseptic_messaging::{Direction, Fresh, Opened, Opener, Origin, Outgoing, Receiver, Sender};
use aseptic_testbed::bench::Bench;

pub(crate) const CLASSES: Purposes =
    Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit, Purpose::Command, Purpose::Configuration]);

/// A party with a key of its own.
pub(crate) struct Party {
    pub(crate) name: &'static str,
    pub(crate) key: PrivateKey,
    public: [u8; 65],
}

impl Party {
    fn new(name: &'static str, alg: KeyAlg, seed: u8) -> Self {
        let key = PrivateKey::from_bytes(alg, &[seed; 32]).unwrap();
        let mut public = [0; 65];
        key.public(&mut public).unwrap();
        Self { name, key, public }
    }

    pub(crate) fn public(&self) -> PublicKey<'_> {
        PublicKey::new(self.key.alg(), &self.public[..self.key.alg().public_len()]).unwrap()
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { name: self.name.as_bytes(), key: self.public(), signer: &self.key }
    }

    /// The receiver that this party is, for messages of devices in all classes.
    pub(crate) fn receiver(&self) -> Receiver<'_> {
        let name = self.name.as_bytes();
        Receiver { name, key: &self.key, direction: Direction::FromDevice, allowed: CLASSES }
    }

    fn entry(&self, purposes: Purposes) -> Entry<'_> {
        Entry { purposes, name: self.name.as_bytes(), material: Material::Key(self.public()) }
    }
}

pub(crate) struct Ward {
    pub(crate) suite: Suite<'static>,
    /// Known devices.
    pub(crate) pump: Party,
    pub(crate) monitor: Party,
    /// A device that nobody registered; the key of the hostile relay.
    pub(crate) stranger: Party,
    pub(crate) adapters: [Party; 3],
    /// A receiver to whom nothing is sent.
    pub(crate) archive: Party,
    /// A receiver with another kind of key.
    pub(crate) odd: Party,
}

pub(crate) const NOW: Time = Time::trusted(1_790_000_000);

impl Ward {
    pub(crate) fn new() -> Self {
        Self {
            suite: soft::suite(),
            pump: Party::new("pump-1", KeyAlg::P256, 1),
            monitor: Party::new("monitor-7", KeyAlg::P256, 2),
            stranger: Party::new("stranger", KeyAlg::P256, 3),
            adapters: [
                Party::new("adapter-1", KeyAlg::P256, 11),
                Party::new("adapter-2", KeyAlg::P256, 12),
                Party::new("adapter-3", KeyAlg::P256, 13),
            ],
            archive: Party::new("archive-1", KeyAlg::P256, 14),
            odd: Party::new("odd-1", KeyAlg::X25519, 15),
        }
    }

    fn with_trust<T>(&self, use_it: impl FnOnce(&Trust<'_>) -> T) -> T {
        let receive = Purposes::of(&[Purpose::Receive]);
        let entries: Vec<Entry<'_>> = [&self.pump, &self.monitor]
            .into_iter()
            .map(|device| device.entry(CLASSES.union(Purposes::of(&[Purpose::Receipt]))))
            .chain(self.adapters.iter().chain([&self.archive, &self.odd]).map(|adapter| adapter.entry(receive)))
            .collect();
        use_it(&danger::unsigned(Authority::Owner, &entries).unwrap())
    }

    /// The verdict on a receiver.
    pub(crate) fn to(&self, party: &Party) -> VerifiedPeer {
        self.peer(party.name, Purpose::Receive).unwrap()
    }

    /// The verdict on anybody.
    pub(crate) fn peer(&self, name: &str, purpose: Purpose) -> Result<VerifiedPeer> {
        self.with_trust(|trust| trust.pinned(&self.suite, purpose, name.as_bytes()))
    }

    /// The lookup of senders.
    pub(crate) fn sender(&self, name: &str, class: Purpose) -> Result<VerifiedPeer> {
        self.peer(name, class).map_err(|reason| match reason {
            Reason::NoPurpose => Reason::MessageUnknownSender,
            other => other,
        })
    }

    pub(crate) fn seal(
        &self,
        sender: &mut Sender,
        device: &Bench,
        from: &Party,
        message: &Outgoing<'_>,
    ) -> Result<Vec<u8>> {
        let mut out = vec![0; Sender::room(message.body.len())];
        let length = sender.seal(&device.platform(), &self.suite, &from.origin(), message, &mut out)?;
        assert!(out[length..].iter().all(|byte| *byte == 0), "the signed message does not stay behind");
        out.truncate(length);
        Ok(out)
    }

    pub(crate) fn open<'o>(
        &self,
        opener: &mut Opener,
        bench: &Bench,
        at: &Party,
        message: &[u8],
        out: &'o mut [u8],
    ) -> Result<Opened<'o>> {
        let mut senders = |name: &str, class| self.sender(name, class);
        opener.open(&bench.platform(), &self.suite, &at.receiver(), &mut senders, message, out)
    }

    /// Opens and commits; gives the sequence number.
    pub(crate) fn take(&self, opener: &mut Opener, bench: &Bench, at: &Party, message: &[u8]) -> Result<u64> {
        let mut out = vec![0; message.len()];
        let opened = self.open(opener, bench, at, message, &mut out)?;
        let sequence = opened.sequence;
        opener.commit(&bench.platform(), opened.ticket)?;
        Ok(sequence)
    }
}

pub(crate) fn outgoing<'a>(class: Purpose, to: &'a [VerifiedPeer], body: &'a [u8]) -> Outgoing<'a> {
    Outgoing { class, stream: 0, to, content_type: ContentType::Text("text/plain"), body, time: NOW, fresh: None }
}

/// A command or configuration that answers a challenge of its receiver.
pub(crate) fn order<'a>(
    opener: &mut Opener,
    bench: &Bench,
    class: Purpose,
    to: &'a [VerifiedPeer],
    body: &'a [u8],
) -> Outgoing<'a> {
    let challenge = opener.challenge(&bench.platform(), 60_000).unwrap();
    Outgoing { fresh: Some(Fresh::Challenge(challenge)), ..outgoing(class, to, body) }
}
