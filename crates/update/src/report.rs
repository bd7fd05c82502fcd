//! One signed report for each attempt to update: what was tried, how it ended, how often the bedside came first.
//!
//! ```text
//! COSE_Sign1 by the device's identity, which alone says whose it is, around a SUIT_Report (draft-ietf-suit-report), deterministic CBOR:
//! { 3: [ { 0: component, 3: image digest, 14: size } ],        what runs now, if it is what was installed
//!   4: true / { 5: number of the reason, 6: record, 7: reason of SUIT },
//!   99: [ "", digest of the manifest ],
//!   -65537: { 1: counter, 2: SHA-256 of the report before, 4: [seconds, trust], 5: outcome, 6: sequence number,
//!             7: deferrals, 8: milliseconds that they lasted, 9: reverts of this device so far, ? 10: digest of the SBOM } }
//!
//! UpdateReport  [ the last report, counter, reverts, [ ? attempt under way, or reverted ] ]
//! ```
//!
//! Counters rise by one, and each report has the digest of the one before (zeros in the first), so a collector sees every
//! report that it did not get, whoever withheld it. What is digested is the report without signature: signing it again,
//! after a power cut for example, gives the same report.
//!
//! An attempt lasts from [`Reporter::open`] to its one outcome. Both are single atomic records: there is never a second
//! report of an attempt, and none is lost between the restart into an image and its confirmation.

use crate::boot::BootState;
use crate::digest::Digest;
use crate::interlock::Interlock;
use crate::journal::{self, Image, Journal};
use aseptic_core::cbor::{Key, Reader, Rules, Writer};
use aseptic_core::cose::{ContentType, Headers, Signer, sign1};
use aseptic_core::crypto::{HashAlg, Suite};
use aseptic_core::platform::Platform;
use aseptic_core::record::{self, Kind};
use aseptic_core::time::{self, Time};
use aseptic_core::{Reason, Result, bytes, limits};

/// The type of the message, in its protected header (RFC 9596).
pub const TYPE: &str = "application/suit-report+cose";
/// Bytes of the longest report, without signature.
pub const REPORT: usize = 384;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The image runs and is confirmed.
    Installed,
    /// It was tried and not confirmed; the old one runs again.
    Reverted,
    /// It was given up for this reason, before it ran.
    Refused(Reason),
    /// Another update took its place.
    Abandoned,
}

/// An image that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed<'a> {
    /// The encoded identifier of the component.
    pub component: &'a [u8],
    /// Its digest.
    pub image: Digest,
    /// Its bytes.
    pub size: u64,
}

/// A report. What a device says about itself; nothing of it is proven before its signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Its number; the first is 1.
    pub counter: u64,
    /// SHA-256 of the report before; zeros in the first.
    pub previous: [u8; 32],
    /// When the attempt ended, as far as the device knew.
    pub time: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// SHA-256 of the manifest, [`Plan::identity`](crate::Plan::identity).
    pub identity: [u8; 32],
    /// The sequence number of the manifest.
    pub sequence: u64,
    /// What runs now, if it is what was installed.
    pub installed: Option<Installed<'a>>,
    /// How often the update was put off.
    pub deferrals: u64,
    /// Milliseconds that it was put off in all.
    pub waited: u64,
    /// Reverts of this device so far.
    pub reverts: u64,
    /// SHA-256 of the list of what the software is made of.
    pub sbom: Option<[u8; 32]>,
}

/// Keeps the account of attempts in a device's store. Its calls must not be made from two threads at once.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    /// The device.
    pub platform: &'a Platform<'a>,
    /// Its algorithms; SHA-256 is used.
    pub suite: &'a Suite<'a>,
    /// The time now, as far as it is known.
    pub now: Time,
}

impl Reporter<'_> {
    /// Opens the account of the update under way, once its session has begun or been resumed. Where it is open already,
    /// nothing is written; one of another update ends as [`Outcome::Abandoned`].
    ///
    /// `component` is [`Plan::component`](crate::Plan::component), `sbom` SHA-256 of the list of what the software is made
    /// of. [`Reason::NoUpdate`] if none is under way, [`Reason::TooLarge`] for a component over [`limits::NAME`]. After power
    /// loss the account is open or not: call it again.
    pub fn open(&self, component: &[u8], sbom: Option<&[u8; 32]>) -> Result<()> {
        let mut buffer = [0; FRAME];
        let account = Account::load(self.platform, &mut buffer)?;
        let journal = Journal::load(self.platform)?.ok_or(Reason::NoUpdate)?;
        let attempt = Attempt {
            identity: journal.identity,
            image: journal.image,
            component: Component::of(component)?,
            deferrals: 0,
            waited: 0,
            sbom: sbom.copied(),
            reverted: false,
        };
        match account.open {
            Some(open) if open.identity == attempt.identity && !open.reverted => Ok(()),
            Some(open) if !open.reverted => self.end(&account, &open, Outcome::Abandoned, Some(attempt)),
            _ => Account { open: Some(attempt), ..account }.save(self.platform),
        }
    }

    /// To be called before [`Staged::activate`](crate::Staged::activate) with that image: adds the deferrals that have ended,
    /// which a restart would forget. [`Reason::NoUpdate`] if there is no account of this update.
    pub fn activating(&self, staged: &Image, interlock: &mut Interlock) -> Result<()> {
        let mut buffer = [0; FRAME];
        let account = Account::load(self.platform, &mut buffer)?;
        let journal = Journal::load(self.platform)?.filter(|journal| journal.image == *staged);
        let identity = journal.ok_or(Reason::NoUpdate)?.identity;
        let mut attempt = account.open.filter(|open| open.identity == identity).ok_or(Reason::NoUpdate)?;
        let (count, waited) = interlock.unreported();
        attempt.deferrals = attempt.deferrals.saturating_add(u64::from(count));
        attempt.waited = attempt.waited.saturating_add(waited);
        Account { open: Some(attempt), ..account }.save(self.platform)?;
        interlock.reported();
        Ok(())
    }

    /// Ends the attempt if the device has come to know how: to be called after [`boot::load`](crate::boot::load) at each
    /// start, and again after [`boot::confirm`](crate::boot::confirm), with what they say. Gives the outcome if there is a
    /// new report. An update that was reverted and runs on trial once more is a new attempt. After power loss there is a
    /// report or not: call it again.
    pub fn settle(&self, state: &BootState) -> Result<Option<Outcome>> {
        let mut buffer = [0; FRAME];
        let account = Account::load(self.platform, &mut buffer)?;
        if let (BootState::Trial(journal), Some(open)) = (state, account.open)
            && journal.identity == open.identity
            && (open.reverted || open.image != journal.image)
        {
            // What a set is as a whole, the device has found out since.
            let open = Some(Attempt { image: journal.image, reverted: false, ..open });
            return Account { open, ..account }.save(self.platform).map(|()| None);
        }
        let Some(open) = account.open.filter(|open| !open.reverted) else { return Ok(None) };
        let outcome = match state {
            BootState::Confirmed(Some(confirmed)) if open.image == confirmed.image => Outcome::Installed,
            BootState::Reverted(journal) if journal.identity == open.identity => Outcome::Reverted,
            _ => return Ok(None),
        };
        let kept = Attempt { reverted: true, deferrals: 0, waited: 0, ..open };
        self.end(&account, &open, outcome, (outcome == Outcome::Reverted).then_some(kept)).map(|()| Some(outcome))
    }

    /// Ends the attempt because it was given up for `reason`. [`Reason::NoUpdate`] if no account is open.
    pub fn refuse(&self, reason: Reason) -> Result<()> {
        let mut buffer = [0; FRAME];
        let account = Account::load(self.platform, &mut buffer)?;
        let open = account.open.filter(|open| !open.reverted).ok_or(Reason::NoUpdate)?;
        self.end(&account, &open, Outcome::Refused(reason), None)
    }

    /// Signs the last report; gives the length. `kid` is the thumbprint of the key of `signer`, the device's identity.
    ///
    /// [`Reason::PlatformNotFound`] before the first one. It may be signed as often as is needed until the next attempt
    /// ends; nothing is stored.
    pub fn sign(&self, signer: &dyn Signer, kid: &[u8; 32], out: &mut [u8]) -> Result<usize> {
        let mut buffer = [0; FRAME];
        let account = Account::load(self.platform, &mut buffer)?;
        if account.last.is_empty() {
            return Err(Reason::PlatformNotFound);
        }
        let headers = Headers { kid: Some(kid), typ: Some(ContentType::Text(TYPE)), ..Headers::default() };
        sign1(signer, &headers, account.last, false, &[], out)
    }

    fn end(&self, account: &Account<'_>, open: &Attempt, outcome: Outcome, next: Option<Attempt>) -> Result<()> {
        let reverts = account.reverts.saturating_add(u64::from(outcome == Outcome::Reverted));
        let previous = if account.last.is_empty() { [0; 32] } else { self.suite.sha256(&[account.last])? };
        let installed = Installed { component: open.component.get(), image: open.image.digest, size: open.image.size };
        let report = Report {
            counter: account.counter.checked_add(1).ok_or(Reason::SequenceExhausted)?,
            previous,
            time: self.now,
            outcome,
            identity: open.identity,
            sequence: open.image.sequence,
            installed: (outcome == Outcome::Installed).then_some(installed),
            deferrals: open.deferrals,
            waited: open.waited,
            reverts,
            sbom: open.sbom,
        };
        let mut room = [0; REPORT];
        let length = report.encode(&mut room)?;
        let last = room.get(..length).ok_or(Reason::Internal)?;
        Account { last, counter: report.counter, reverts, open: next }.save(self.platform)
    }
}

/// Whether there is an account of the attempt at this update that says nothing of its end. A damaged one says nothing at all, and
/// keeps no update off.
///
/// Reads no more than that: a boot loader, which makes no reports, has this function too.
#[inline(never)]
pub(crate) fn unsettled(platform: &Platform<'_>, identity: &[u8; 32]) -> Result<bool> {
    let mut buffer = [0; FRAME];
    let payload = match record::load(platform.store, Kind::UpdateReport, &mut buffer) {
        Ok(Some(payload)) => payload,
        Ok(None) | Err(Reason::RecordCorrupt) => return Ok(false),
        Err(reason) => return Err(reason),
    };
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let mut read = || -> Result<bool> {
        reader.array_exact(4)?;
        // The report, its number, and the reverts.
        for _ in 0..3 {
            reader.raw()?;
        }
        if reader.array()? != FIELDS || reader.bytes()? != identity {
            return Ok(false);
        }
        for _ in 2..FIELDS {
            reader.raw()?;
        }
        reader.bool().map(|reverted| !reverted)
    };
    Ok(read().unwrap_or(false))
}

impl<'a> Report<'a> {
    /// Writes the SUIT_Report; gives its length, at most [`REPORT`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        writer.map(4).int(RECORDS);
        if let Some(Installed { component, image, size }) = &self.installed {
            writer.array(1).map(3).int(0).raw(component).int(3);
            image.write(&mut writer);
            writer.int(14).uint(*size).int(RESULT).bool(true);
        } else {
            let (section, why) = match self.outcome {
                Outcome::Reverted => (INVOKE, CONDITION_FAILED),
                _ => (INSTALL, OPERATION_FAILED),
            };
            writer.array(0).int(RESULT).map(3).int(5).int(i64::from(self.outcome.reason().number()));
            writer.int(6).array(5).array(0).int(section).uint(0).uint(0).map(0).int(7).int(why);
        }
        writer.int(REFERENCE).array(2).text("");
        Digest::new(HashAlg::Sha256, &self.identity)?.write(&mut writer);
        writer.int(OWN).map(if self.sbom.is_some() { 9 } else { 8 }).int(1).uint(self.counter);
        writer.int(2).bytes(&self.previous);
        writer.int(4).array(2).uint(self.time.seconds).uint(u64::from(self.time.trust as u8));
        writer.int(5).uint(self.outcome.number()).int(6).uint(self.sequence).int(7).uint(self.deferrals);
        writer.int(8).uint(self.waited).int(9).uint(self.reverts);
        if let Some(sbom) = &self.sbom {
            writer.int(10).bytes(sbom);
        }
        writer.finish().map(|bytes| bytes.len())
    }

    /// Reads a SUIT_Report as devices with this library make it; [`Reason::ReportMalformed`] for any other.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let report = Self::read(payload).map_err(|_| Reason::ReportMalformed)?;
        // There is one encoding of what was understood; whatever differs was not.
        let mut again = [0; REPORT];
        match report.encode(&mut again) {
            Ok(length) if again.get(..length) == Some(payload) => Ok(report),
            _ => Err(Reason::ReportMalformed),
        }
    }

    fn read(payload: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        let mut map = reader.map()?;
        let reader = &mut reader;
        map.next(reader)?;
        let mut installed = None;
        if reader.array()? > 0 {
            let mut claims = reader.map()?;
            claims.next(reader)?;
            let component = reader.raw()?;
            claims.next(reader)?;
            let image = Digest::read(reader)?;
            claims.next(reader)?;
            installed = Some(Installed { component, image, size: reader.uint()? });
        }
        map.next(reader)?;
        let mut number = None;
        if installed.is_some() {
            reader.bool()?;
        } else {
            let mut result = reader.map()?;
            while let Some(key) = result.next(reader)? {
                match key {
                    Key::Int(5) => number = Some(reader.int()?),
                    _ => drop(reader.raw()?),
                }
            }
        }
        map.next(reader)?;
        reader.array_exact(2)?;
        reader.text()?;
        let manifest = Digest::read(reader)?;
        map.next(reader)?;
        let mut own = reader.map()?;
        let mut report = Self {
            counter: 0,
            previous: [0; 32],
            time: Time::UNKNOWN,
            outcome: Outcome::Installed,
            identity: *manifest.as_bytes().first_chunk().ok_or(Reason::CborMalformed)?,
            sequence: 0,
            installed,
            deferrals: 0,
            waited: 0,
            reverts: 0,
            sbom: None,
        };
        while let Some(key) = own.next(reader)? {
            match key {
                Key::Int(1) => report.counter = reader.uint()?,
                Key::Int(2) => report.previous = *reader.array_of()?,
                Key::Int(4) => {
                    reader.array_exact(2)?;
                    let seconds = reader.uint()?;
                    let trust = match reader.uint()? {
                        0 => time::Trust::Unknown,
                        1 => time::Trust::AtLeast,
                        2 => time::Trust::Trusted,
                        _ => return Err(Reason::CborMalformed),
                    };
                    report.time = Time { seconds, trust };
                }
                Key::Int(5) => report.outcome = Outcome::of(reader.uint()?, number)?,
                Key::Int(6) => report.sequence = reader.uint()?,
                Key::Int(7) => report.deferrals = reader.uint()?,
                Key::Int(8) => report.waited = reader.uint()?,
                Key::Int(9) => report.reverts = reader.uint()?,
                Key::Int(10) => report.sbom = Some(*reader.array_of()?),
                _ => return Err(Reason::CborMalformed),
            }
        }
        reader.end()?;
        let fits = (report.outcome == Outcome::Installed) == report.installed.is_some();
        if report.counter > 0 && fits { Ok(report) } else { Err(Reason::CborMalformed) }
    }
}

impl Outcome {
    /// Why, in the words of the table of reasons; of an installation there is none to give.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Refused(reason) => reason,
            Self::Reverted => Reason::UpdateReverted,
            Self::Installed | Self::Abandoned => Reason::UpdateBusy,
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Installed => 1,
            Self::Reverted => 2,
            Self::Refused(_) => 3,
            Self::Abandoned => 4,
        }
    }

    /// A reason that this release does not know is an internal one to it.
    fn of(number: u64, reason: Option<i64>) -> Result<Self> {
        let reason = reason.and_then(|number| i32::try_from(number).ok()).and_then(Reason::from_number);
        match number {
            1 => Ok(Self::Installed),
            2 => Ok(Self::Reverted),
            3 => reason.map(Self::Refused).ok_or(Reason::CborMalformed),
            4 => Ok(Self::Abandoned),
            _ => Err(Reason::CborMalformed),
        }
    }
}

/// The attempt under way.
#[derive(Clone, Copy)]
struct Attempt {
    identity: [u8; 32],
    image: Image,
    component: Component,
    deferrals: u64,
    waited: u64,
    sbom: Option<[u8; 32]>,
    /// It has ended so, and may be tried again.
    reverted: bool,
}

impl Attempt {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let identity = *reader.array_of()?;
        let (slot, digest, size) = (journal::slot(reader)?, Digest::read(reader)?, reader.uint()?);
        let image = Image { slot, digest, size, sequence: reader.uint()? };
        let component = Component::of(reader.bytes()?)?;
        let (deferrals, waited, sbom) = (reader.uint()?, reader.uint()?, reader.bytes()?);
        let sbom = match sbom.first_chunk() {
            Some(digest) if sbom.len() == 32 => Some(*digest),
            None if sbom.is_empty() => None,
            _ => return Err(Reason::CborMalformed),
        };
        let reverted = reader.bool()?;
        Ok(Self { identity, image, component, deferrals, waited, sbom, reverted })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.identity).uint(u64::from(self.image.slot as u8));
        self.image.digest.write(writer);
        writer.uint(self.image.size).uint(self.image.sequence).bytes(self.component.get());
        writer.uint(self.deferrals).uint(self.waited);
        writer.bytes(self.sbom.as_ref().map_or(&[], |digest| digest)).bool(self.reverted);
    }
}

/// An encoded component identifier.
#[derive(Clone, Copy)]
struct Component {
    bytes: [u8; limits::NAME],
    length: usize,
}

impl Component {
    fn of(encoded: &[u8]) -> Result<Self> {
        let mut own = [0; limits::NAME];
        bytes::copy(encoded, &mut own).ok_or(Reason::TooLarge)?;
        Ok(Self { bytes: own, length: encoded.len() })
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What the record holds.
struct Account<'a> {
    last: &'a [u8],
    counter: u64,
    reverts: u64,
    open: Option<Attempt>,
}

impl<'a> Account<'a> {
    fn load(platform: &Platform<'_>, buffer: &'a mut [u8; FRAME]) -> Result<Self> {
        match record::load(platform.store, Kind::UpdateReport, buffer)? {
            Some(payload) => Self::parse(payload).map_err(|_| Reason::RecordCorrupt),
            None => Ok(Self { last: &[], counter: 0, reverts: 0, open: None }),
        }
    }

    fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(payload, Rules::Deterministic);
        reader.array_exact(4)?;
        let (last, counter, reverts) = (reader.bytes()?, reader.uint()?, reader.uint()?);
        let open = match reader.array()? {
            0 => None,
            FIELDS => Some(Attempt::read(&mut reader)?),
            _ => return Err(Reason::CborMalformed),
        };
        reader.end()?;
        Ok(Self { last, counter, reverts, open })
    }

    fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; FRAME];
        let mut writer = Writer::new(&mut payload);
        writer.array(4).bytes(self.last).uint(self.counter).uint(self.reverts);
        match &self.open {
            Some(open) => open.write(writer.array(FIELDS)),
            None => drop(writer.array(0)),
        }
        record::save(platform.store, Kind::UpdateReport, writer.finish()?, &mut [0; FRAME])
    }
}

/// Bytes that hold the frame of the record: the last report, and an attempt of at most 280.
const FRAME: usize = record::frame(REPORT + 320);

/// Items of an attempt in the record: the first is its identity, the last whether it was reverted.
const FIELDS: usize = 10;

/// Members of a SUIT_Report.
const RECORDS: i64 = 3;
const RESULT: i64 = 4;
const REFERENCE: i64 = 99;
/// Of the private range.
const OWN: i64 = -65_537;
/// Command sequences of a manifest, and reasons of draft-ietf-suit-report.
const INVOKE: i64 = 9;
const INSTALL: i64 = 20;
const CONDITION_FAILED: i64 = 10;
const OPERATION_FAILED: i64 = 11;
