//! The record adapter: stands beside the electronic health record, opens what devices sealed, keeps the signed originals,
//! answers with signed receipts and hands clear HL7 on. The protection of a sealed message ends here.

use crate::error::While;
use crate::{Error, Result, hl7};
use aseptic_core::cose::{Agree, ContentType};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::time::Time;
use aseptic_core::trust::{PathEngine, Purpose, Purposes, Trust, VerifiedPeer};
use aseptic_core::{Reason, limits};
use aseptic_hosted::crypto;
use aseptic_messaging::{
    Accepted, Decapsulate, Demand, Direction, MessageId, OFFER, Observation, Opened, Opener, Order, Origin, REPORT,
    Receipt, Receiver, Sessions, Verdict,
};
use std::collections::{BTreeMap, VecDeque};

/// The classes that devices send to a record.
const CLASSES: Purposes = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit]);

/// What a record adapter is made of.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Where it keeps its replay windows.
    pub platform: Platform<'a>,
    /// The algorithms.
    pub suite: Suite<'a>,
    /// The name by which devices address it, as the owner's trust store has it.
    pub name: &'a str,
    /// Its P-256 agreement key.
    pub key: &'a dyn Agree,
    /// The hospital's trust: the anchors of its devices.
    pub trust: Trust<'a>,
    /// The judge of certificate chains.
    pub engine: &'a dyn PathEngine,
}

/// A message as it goes into the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The device, proven.
    pub from: String,
    /// The class.
    pub class: Purpose,
    /// Stream, epoch and number: with the device they name the message for ever.
    pub stream: u8,
    /// See `stream`.
    pub epoch: u64,
    /// See `stream`.
    pub sequence: u64,
    /// Where it stands among the others.
    pub order: Order,
    /// The device has started anew since its last message.
    pub restarted: bool,
    /// When the device says it wrote this, and what its clock was worth.
    pub time: Time,
    /// Why the device was accepted only with a flag, if so.
    pub degraded: Option<Reason>,
    /// What the body is.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The original as the device signed it (COSE_Sign1), body included. Empty for a message of a session, which is proven
    /// to this adapter and to nobody else.
    pub signed: Vec<u8>,
    /// The session that a message came in, by the number of its offer; `epoch` and `sequence` then count in it.
    pub session: Option<[u8; 4]>,
}

impl Record {
    /// The body as HL7, to be read or printed; [`Reason::Hl7Malformed`] if it is anything else.
    pub fn hl7(&self) -> Result<hl7::Message<'_>> {
        if self.content_type != hl7::CONTENT_TYPE {
            return Err(Error::new(Reason::Hl7Malformed, format!("the body is {}", self.content_type)));
        }
        hl7::Message::parse(&self.body)
    }

    fn of(opened: &Opened<'_>) -> Self {
        Self {
            from: opened.from.to_owned(),
            class: opened.class,
            stream: opened.stream,
            epoch: opened.epoch,
            sequence: opened.sequence,
            order: opened.order,
            restarted: opened.restarted,
            time: opened.time,
            degraded: opened.degraded,
            content_type: match opened.content_type {
                ContentType::Text(text) => text.to_owned(),
                ContentType::Number(number) => number.to_string(),
            },
            body: opened.body.to_vec(),
            signed: opened.signed.to_vec(),
            session: None,
        }
    }

    fn observed(observation: &Observation<'_>) -> Self {
        Self {
            from: observation.from.to_owned(),
            class: observation.class,
            stream: aseptic_messaging::CONTROL,
            epoch: observation.epoch.1,
            sequence: observation.sequence,
            order: observation.order,
            restarted: false,
            time: Time::UNKNOWN,
            degraded: None,
            content_type: match observation.content_type {
                ContentType::Text(text) => text.to_owned(),
                ContentType::Number(number) => number.to_string(),
            },
            body: observation.body.to_vec(),
            signed: Vec::new(),
            session: Some(observation.kid),
        }
    }

    /// What names the message for ever, together with the device.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        MessageId { stream: self.stream, epoch: self.epoch, sequence: self.sequence }
    }
}

/// The record: where messages stay.
pub trait Archive {
    /// Stores a message durably before it returns. The same message may come twice, if power was lost in between; storing
    /// it again must then succeed.
    fn keep(&mut self, record: &Record) -> Result<()>;
    /// Whether this very message of the device was kept: by its name, and by `digest`, the first half of SHA-256 of
    /// [`Record::signed`], because a device that was copied or set back signs other messages under the same names. What is
    /// answered goes into a signed receipt, upon which the device gives its copy up.
    fn holds(&self, device: &str, id: &MessageId, digest: &[u8; 16]) -> Result<bool>;
}

/// An archive in memory, for tools and tests.
impl Archive for Vec<Record> {
    fn keep(&mut self, record: &Record) -> Result<()> {
        self.push(record.clone());
        Ok(())
    }

    fn holds(&self, device: &str, id: &MessageId, digest: &[u8; 16]) -> Result<bool> {
        let named = |record: &&Record| record.session.is_none() && record.from == device && record.id() == *id;
        let mut same = self.iter().filter(named).map(|record| crypto::suite().sha256(&[&record.signed]));
        Ok(same.any(|hash| hash.is_ok_and(|hash| hash.starts_with(digest))))
    }
}

/// What came in with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A message that is now in the record.
    Kept(Record),
    /// One that the record had already; its receipt is due again.
    Known,
    /// A device has begun a session.
    Session {
        /// The device, proven.
        from: String,
        /// The class of its messages.
        class: Purpose,
        /// Its name, and what is missing at the end of those before it: for the record to say so.
        accepted: Accepted,
    },
}

/// Opens sealed messages beside the record.
pub struct RecordAdapter<'a> {
    setup: Setup<'a>,
    opener: Opener,
    sessions: Box<Sessions<SESSIONS>>,
    devices: BTreeMap<String, Vec<Vec<u8>>>,
    receipts: BTreeMap<String, Vec<Receipt>>,
    lost: VecDeque<[u8; 4]>,
    hybrid: Option<(&'a dyn Decapsulate, Demand)>,
}

/// Sessions of one adapter at a time: as many as it has replay windows for.
const SESSIONS: usize = limits::SENDERS;
/// Sessions without a key that an adapter remembers to report.
const LOST: usize = 64;
/// Receipts that an adapter holds for a device that fetches none; the oldest go, and are made again when the message comes again.
const OWED: usize = 1024;

impl<'a> RecordAdapter<'a> {
    /// Goes on with the stored replay windows. The directory of devices is empty; see [`RecordAdapter::register`].
    pub fn open(setup: Setup<'a>) -> Result<Self> {
        let opener = Opener::load(&setup.platform).during("loading the replay windows")?;
        let (sessions, devices) = (Box::default(), BTreeMap::new());
        let (receipts, lost) = (BTreeMap::new(), VecDeque::new());
        Ok(Self { setup, opener, sessions, devices, receipts, lost, hybrid: None })
    }

    /// The same adapter with a KEM key, which the owner's store pins by its thumbprint beside the P-256 one, and what it
    /// demands of the offers of sessions from now on.
    #[must_use]
    pub fn with_hybrid(self, key: &'a dyn Decapsulate, demand: Demand) -> Self {
        Self { hybrid: Some((key, demand)), ..self }
    }

    /// Enters a device into the directory by its certificates (DER, leaf first), or replaces those it has; gives its name.
    ///
    /// The chain must lead to an anchor for [`Purpose::Telemetry`]. It is judged again, for the class, with each message.
    pub fn register(&mut self, chain: &[&[u8]], now: Time) -> Result<String> {
        let Setup { suite, trust, engine, .. } = self.setup;
        let fits = chain.len() <= limits::CHAIN && chain.iter().all(|der| der.len() <= limits::CERTIFICATE);
        let chain = if fits { Ok(chain) } else { Err(Reason::PathTooLong) }.during("registering a device")?;
        let peer = trust.verify_chain(&suite, engine, Purpose::Telemetry, chain, now).during("registering a device")?;
        let name = std::str::from_utf8(peer.name())
            .map_err(|_| Error::new(Reason::NameMismatch, "registering a device"))?
            .to_owned();
        self.devices.insert(name.clone(), chain.iter().map(|der| der.to_vec()).collect());
        Ok(name)
    }

    /// Opens one message, has the archive keep it, and only then takes note that it was seen.
    ///
    /// A refused message changes nothing; its reason is one of those of [`Opener::open`]. If the archive fails nothing is
    /// noted, and the message is welcome again. [`Reason::MessageReplayed`] for one that the archive has.
    pub fn receive(&mut self, message: &[u8], now: Time, archive: &mut dyn Archive) -> Result<Record> {
        match self.take(message, now, archive)? {
            Received::Kept(record) => Ok(record),
            Received::Known => Err(Error::new(Reason::MessageReplayed, "the record has it")),
            Received::Session { .. } => Err(Error::new(Reason::MessageMalformed, "the offer of a session")),
        }
    }

    /// As [`RecordAdapter::receive`], for messages of sessions and offers of them as well.
    pub fn take(&mut self, message: &[u8], now: Time, archive: &mut dyn Archive) -> Result<Received> {
        // COSE_Encrypt0 is tag 16, in one byte.
        if message.first() == Some(&0xD0) {
            self.observe(message, now, archive)
        } else {
            self.open_sealed(message, now, archive)
        }
    }

    /// The signed report that is due to a device: receipts, gaps, what is asked for again, and a session that is lost. Empty
    /// reports are not worth sending; this one is made all the same. `from` has a key that the device trusts for
    /// [`Purpose::Receipt`].
    pub fn report(&mut self, device: &str, from: &Origin<'_>) -> Result<Vec<u8>> {
        let suite = &self.setup.suite;
        let mut report = self.opener.report(suite, device.as_bytes()).during("reporting to a device")?;
        let owed = self.receipts.entry(device.to_owned()).or_default();
        for receipt in owed.drain(..owed.len().min(limits::RECEIPTS)) {
            report.add(receipt).during("reporting to a device")?;
        }
        // Whose it was nobody can tell any more: each device is told in turn, and knows its own.
        report.lost_session = self.lost.front().copied();
        self.lost.rotate_left(usize::from(!self.lost.is_empty()));
        let mut out = vec![0; REPORT];
        let length =
            report.sign(suite, from, device.as_bytes(), Direction::FromDevice, &mut out).during("signing a report")?;
        out.truncate(length);
        Ok(out)
    }

    fn open_sealed(&mut self, message: &[u8], now: Time, archive: &mut dyn Archive) -> Result<Received> {
        let Setup { platform, suite, name, key, trust, engine } = self.setup;
        let us = Receiver { name: name.as_bytes(), key, direction: Direction::FromDevice, allowed: CLASSES };
        let mut senders = directory(&self.devices, &suite, trust, engine, now);
        let mut plaintext = vec![0; message.len().min(limits::FRAME)];
        let opened = match self.opener.open(&platform, &suite, &us, &mut senders, message, &mut plaintext) {
            Ok(opened) => opened,
            Err(reason) => {
                for device in self.devices.keys() {
                    if let Some(receipt) = self.opener.receipt_again(&suite, device.as_bytes()).unwrap_or_default() {
                        owe(&mut self.receipts, device, answered(receipt, device, archive)?);
                    }
                }
                return Err(reason).during("opening a message");
            }
        };
        if opened.content_type == ContentType::Text(OFFER) {
            let signer = senders(opened.from, opened.class).during("taking the offer of a session")?;
            let accepted = match self.hybrid {
                Some((key, demand)) => self.sessions.accept_hybrid(&suite, &us, key, demand, &signer, &opened),
                None => self.sessions.accept(&suite, &us, &signer, &opened),
            };
            let accepted = accepted.during("taking the offer of a session")?;
            return Ok(Received::Session { from: opened.from.to_owned(), class: opened.class, accepted });
        }
        let receipt = opened.receipt(Verdict::Stored);
        let record = Record::of(&opened);
        let known = opened.order == Order::Uncertain && archive.holds(&record.from, &receipt.id, &receipt.digest)?;
        if !known {
            archive.keep(&record)?;
        }
        self.opener.commit(&platform, opened.ticket).during("noting a message as seen")?;
        owe(&mut self.receipts, &record.from, receipt);
        Ok(if known { Received::Known } else { Received::Kept(record) })
    }

    fn observe(&mut self, message: &[u8], now: Time, archive: &mut dyn Archive) -> Result<Received> {
        let Setup { platform, suite, trust, engine, .. } = self.setup;
        let mut senders = directory(&self.devices, &suite, trust, engine, now);
        let mut plaintext = vec![0; message.len().min(limits::FRAME)];
        let opened = self.sessions.open(&platform, &suite, &mut senders, message, &mut plaintext);
        if matches!(opened, Err(Reason::SessionUnknown))
            && let Some(kid) = Sessions::<SESSIONS>::claimed(message)
            && !self.lost.contains(&kid)
        {
            self.lost.truncate(LOST - 1);
            self.lost.push_front(kid);
        }
        let observation = opened.during("opening a message of a session")?;
        let record = Record::observed(&observation);
        let ticket = observation.ticket;
        archive.keep(&record)?;
        self.sessions.commit(ticket).during("noting a message as seen")?;
        Ok(Received::Kept(record))
    }

    /// Strikes a device from the directory. Its replay windows stay, so that its old messages stay refused.
    pub fn strike(&mut self, name: &str) -> bool {
        self.sessions.end(name.as_bytes());
        self.devices.remove(name).is_some()
    }
}

/// The lookup of senders among the devices of an adapter.
fn directory<'d>(
    devices: &'d BTreeMap<String, Vec<Vec<u8>>>,
    suite: &'d Suite<'_>,
    trust: Trust<'d>,
    engine: &'d dyn PathEngine,
    now: Time,
) -> impl FnMut(&str, Purpose) -> aseptic_core::Result<VerifiedPeer> + use<'d> {
    move |name, class| {
        let chain = devices.get(name).ok_or(Reason::MessageUnknownSender)?;
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        trust.verify_chain(suite, engine, class, &chain, now)
    }
}

/// The receipt for a message that was refused because its number was taken: "stored" only where the archive holds this very
/// message, else the device would give up what nobody has.
fn answered(receipt: Receipt, device: &str, archive: &dyn Archive) -> Result<Receipt> {
    let verdict = match receipt.verdict {
        Verdict::Stored if !archive.holds(device, &receipt.id, &receipt.digest)? => {
            Verdict::Rejected(Reason::MessageReplayed)
        }
        verdict => verdict,
    };
    Ok(Receipt { verdict, ..receipt })
}

/// Notes a receipt for the next reports to a device.
fn owe(receipts: &mut BTreeMap<String, Vec<Receipt>>, device: &str, receipt: Receipt) {
    let owed = receipts.entry(device.to_owned()).or_default();
    owed.retain(|other| other.id != receipt.id);
    if owed.len() >= OWED {
        owed.remove(0);
    }
    owed.push(receipt);
}
