//! The record adapter: stands beside the electronic health record, opens what devices sealed, keeps the signed originals
//! and hands clear HL7 on. The protection of a sealed message ends here.

use crate::error::While;
use crate::{Error, Result, hl7};
use aseptic_core::cose::{Agree, ContentType};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::time::Time;
use aseptic_core::trust::{PathEngine, Purpose, Purposes, Trust, VerifiedPeer};
use aseptic_core::{Reason, limits};
use aseptic_messaging::{Direction, Opened, Opener, Order, Receiver};
use std::collections::BTreeMap;

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
    /// The original as the device signed it (COSE_Sign1), body included.
    pub signed: Vec<u8>,
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
        }
    }
}

/// The record: where messages stay.
pub trait Archive {
    /// Stores a message durably before it returns. The same message may come twice, if power was lost in between; storing
    /// it again must then succeed.
    fn keep(&mut self, record: &Record) -> Result<()>;
}

/// An archive in memory, for tools and tests.
impl Archive for Vec<Record> {
    fn keep(&mut self, record: &Record) -> Result<()> {
        self.push(record.clone());
        Ok(())
    }
}

/// Opens sealed messages beside the record.
pub struct RecordAdapter<'a> {
    setup: Setup<'a>,
    opener: Opener,
    devices: BTreeMap<String, Vec<Vec<u8>>>,
}

impl<'a> RecordAdapter<'a> {
    /// Goes on with the stored replay windows. The directory of devices is empty; see [`RecordAdapter::register`].
    pub fn open(setup: Setup<'a>) -> Result<Self> {
        let opener = Opener::load(&setup.platform).during("loading the replay windows")?;
        Ok(Self { setup, opener, devices: BTreeMap::new() })
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
    /// noted, and the message is welcome again.
    pub fn receive(&mut self, message: &[u8], now: Time, archive: &mut dyn Archive) -> Result<Record> {
        let Setup { platform, suite, name, key, trust, engine } = self.setup;
        let us = Receiver { name: name.as_bytes(), key, direction: Direction::FromDevice, allowed: CLASSES };
        let devices = &self.devices;
        let mut senders = |name: &str, class: Purpose| -> aseptic_core::Result<VerifiedPeer> {
            let chain = devices.get(name).ok_or(Reason::MessageUnknownSender)?;
            let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            trust.verify_chain(&suite, engine, class, &chain, now)
        };
        let mut plaintext = vec![0; message.len().min(limits::FRAME)];
        let opened = self
            .opener
            .open(&platform, &suite, &us, &mut senders, message, &mut plaintext)
            .during("opening a message")?;
        let record = Record::of(&opened);
        archive.keep(&record)?;
        self.opener.commit(&platform, opened.ticket).during("noting a message as seen")?;
        Ok(record)
    }

    /// Strikes a device from the directory. Its replay windows stay, so that its old messages stay refused.
    pub fn strike(&mut self, name: &str) -> bool {
        self.devices.remove(name).is_some()
    }
}
