//! Every step that a device takes with an envelope, on a device made of memory.

use super::envelope::Envelope;
use super::standing::{Standing, signatures};
use super::verify::{Identity, endless, with_authors};
use crate::trust::Memory;
use crate::{Result, ServerTrust};
use aseptic_core::Reason;
use aseptic_core::clinical::Use;
use aseptic_core::cose::RecipientKey;
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::platform::{BootMode, Fault, Geometry, ImageSlot, Images, Outcome, Platform};
use aseptic_core::time::Time;
use aseptic_core::trust::{Purpose, Trust};
use aseptic_update::freshness::Policy;
use aseptic_update::{Authentic, Component, Device, Envelope as Received, Plan, Session, Source, Target};
use std::cell::RefCell;
use std::io::Read;

/// The device that is asked, and what is at hand for it.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// Whom it believes.
    pub believed: Believed<'q>,
    /// What it is; none for what the manifest names.
    pub identity: Option<&'q Identity>,
    /// Its rollback floor.
    pub floor: u64,
    /// What time it is there.
    pub now: Time,
    /// How the envelope comes to it.
    pub source: Source,
    /// Its keys for encrypted payloads.
    pub keys: &'q [RecipientKey<'q>],
    /// The payloads that travel apart, by URI; none where one is not at hand.
    pub payload: &'q Payloads<'q>,
}

/// Gives the payload under a URI, from its beginning.
pub type Payloads<'p> = dyn Fn(&str) -> Option<Result<Box<dyn Read>>> + 'p;

/// Whom a device believes.
#[derive(Clone, Copy)]
pub enum Believed<'q> {
    /// Each of these keys to author releases, alone. Published test keys count like any other.
    Keys(&'q [PublicKey<'q>]),
    /// Whom its trust stores name, as many as they ask for.
    Stores(&'q ServerTrust),
}

/// One step of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub name: String,
    /// What came of it.
    pub outcome: Answer,
    /// What was seen, for people.
    pub details: Vec<String>,
    /// Of the step "quorum": how far each role has come.
    pub standings: Vec<Standing>,
}

impl Step {
    /// The roles for which it was refused: the approver, or in which the manufacturer's keys have signed.
    pub fn short(&self) -> impl Iterator<Item = &Standing> {
        let approval = self.outcome == Answer::Refused(Reason::ApprovalMissing);
        let refused = matches!(self.outcome, Answer::Refused(_));
        self.standings.iter().filter(move |standing| {
            let approver = standing.purpose == Purpose::UpdateApprove;
            refused && approver == approval && (approver || !standing.signed.is_empty())
        })
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The device goes on.
    Passed,
    /// The device refuses the envelope.
    Refused(Reason),
    /// It cannot be judged here.
    Open,
}

/// Takes the steps of a device with an envelope, up to the first refusal; what can be judged in either slot is judged in both.
///
/// What only a device knows is not judged: whether it is in use, what it has room for, whether its owner holds the update back.
#[must_use]
pub fn examine(suite: &Suite<'_>, bytes: &[u8], question: &Question<'_>) -> Vec<Step> {
    let mut steps = Steps(Vec::new());
    // The refusal is a step of its own; there is nothing behind it.
    let _ended = match question.believed {
        Believed::Keys(keys) => {
            let walked = with_authors(suite, keys, |trust| Ok(steps.walk(suite, bytes, question, trust)));
            walked.unwrap_or_else(|error| steps.refused("trust", error.reason(), vec![error.context().to_owned()]))
        }
        Believed::Stores(stores) => {
            let walked = stores.with(|trust| Ok(steps.walk(suite, bytes, question, trust)));
            walked.unwrap_or_else(|reason| steps.refused("trust", reason, Vec::new()))
        }
    };
    steps.0
}

struct Steps(Vec<Step>);

/// The walk is over.
struct Ended;

type Walk<T> = std::result::Result<T, Ended>;

impl Steps {
    fn walk(&mut self, suite: &Suite<'_>, bytes: &[u8], question: &Question<'_>, trust: &Trust<'_>) -> Walk<()> {
        let received = self.step("envelope", Received::parse(bytes), |_| vec![format!("{} bytes", bytes.len())])?;
        let blocks = signatures(suite, bytes, trust);
        let standings =
            received.tally(trust, suite).map(|tally| Standing::all(suite, trust, &tally)).unwrap_or_default();
        let lines = standings.iter().map(Standing::line);
        let authentic = match received.authenticate(trust, suite) {
            Ok(authentic) => authentic,
            Err(reason) if TOO_FEW.contains(&reason) => {
                self.passed("signatures", blocks);
                let lines = lines.collect();
                self.0.push(Step {
                    name: "quorum".to_owned(),
                    outcome: Answer::Refused(reason),
                    details: lines,
                    standings,
                });
                return Err(Ended);
            }
            Err(reason) => return self.refused("signatures", reason, blocks.into_iter().chain(lines).collect()),
        };
        self.passed("signatures", blocks);
        let lines = quorum(&authentic).into_iter().chain(lines).collect();
        self.0.push(Step { name: "quorum".to_owned(), outcome: Answer::Passed, details: lines, standings });

        let own = match question.identity {
            Some(identity) => Ok(identity.clone()),
            None => Envelope::parse(bytes).and_then(|envelope| Identity::named_by(&envelope)),
        };
        let identity = match own {
            Ok(identity) => identity,
            Err(error) => return self.refused("audience", error.reason(), vec![error.context().to_owned()]),
        };
        let whose = match question.identity {
            Some(_) => "the device that was asked for",
            None => "the devices that the manifest itself names, as no vendor and class was given",
        };
        self.passed("audience", vec![whose.to_owned()]);

        identity.with_device(|device| {
            let plan = |slot| authentic.plan(suite, device, question.floor, endless(slot));
            let first = self.step("manifest, slot A", plan(ImageSlot::A), told)?;
            let second = self.step("manifest, slot B", plan(ImageSlot::B), told)?;
            let date = first.use_before().map_or("it has no date".to_owned(), |date| format!("use before {date}"));
            let freshness = format!("{date}: {:?}", first.freshness(question.now)).to_lowercase();
            let fresh = first.clone().fresh_enough(&Policy::DEFAULT, question.source, question.now);
            self.step("freshness", fresh, |_| vec![freshness.clone()])?;

            let alike = first.digest() == second.digest() && uris(&first).eq(uris(&second));
            for (plan, slot) in [(&second, ImageSlot::B), (&first, ImageSlot::A)].iter().take(if alike { 1 } else { 2 })
            {
                let name = if alike { "installation".to_owned() } else { format!("installation, slot {slot:?}") };
                self.install(suite, question, &authentic, &identity, plan, &name)?;
            }
            Ok(())
        })
    }

    /// Brings every payload into a slot of memory, as the device's session does.
    fn install(
        &mut self,
        suite: &Suite<'_>,
        question: &Question<'_>,
        authentic: &Authentic<'_>,
        identity: &Identity,
        plan: &Plan<'_>,
        name: &str,
    ) -> Walk<()> {
        let mut payloads = Vec::new();
        for part in plan.parts() {
            let payload: Box<dyn Read> = match part.payload {
                _ if part.copied.is_some() => {
                    return self
                        .open(name, "a component is copied from the slot that runs, which is not here".to_owned());
                }
                Some(payload) => Box::new(std::io::Cursor::new(payload.to_vec())),
                None => {
                    let uri = part.uri.unwrap_or_default();
                    match (question.payload)(uri) {
                        Some(Ok(payload)) => payload,
                        Some(Err(error)) => {
                            return self.refused(name, error.reason(), vec![error.context().to_owned()]);
                        }
                        None => return self.open(name, format!("the payload {uri} is not at hand")),
                    }
                }
            };
            payloads.push(payload);
        }
        if plan.parts().any(aseptic_update::Part::encrypted) && question.keys.is_empty() {
            return self.open(name, "a payload is encrypted, and no key of a device is at hand".to_owned());
        }
        let installed = rehearse(suite, question, authentic, identity, plan, &mut payloads);
        let digests = plan.parts().map(|part| format!("{:?}, {} bytes, as signed", part.digest(), part.size));
        self.step(name, installed, |()| digests.collect())
    }

    fn step<T>(
        &mut self,
        name: &str,
        result: aseptic_core::Result<T>,
        details: impl FnOnce(&T) -> Vec<String>,
    ) -> Walk<T> {
        match result {
            Ok(value) => {
                self.passed(name, details(&value));
                Ok(value)
            }
            Err(reason) => {
                self.push(name, Answer::Refused(reason), Vec::new());
                Err(Ended)
            }
        }
    }

    fn passed(&mut self, name: &str, details: Vec<String>) {
        self.push(name, Answer::Passed, details);
    }

    fn refused(&mut self, name: &str, reason: Reason, details: Vec<String>) -> Walk<()> {
        self.push(name, Answer::Refused(reason), details);
        Err(Ended)
    }

    fn open(&mut self, name: &str, why: String) -> Walk<()> {
        self.push(name, Answer::Open, vec![why]);
        Ok(())
    }

    fn push(&mut self, name: &str, outcome: Answer, details: Vec<String>) {
        self.0.push(Step { name: name.to_owned(), outcome, details, standings: Vec::new() });
    }
}

fn quorum(authentic: &Authentic<'_>) -> Vec<String> {
    vec![format!("{:?}: as many authors and approvals as the stores ask for", authentic.role())]
}

fn told(plan: &Plan<'_>) -> Vec<String> {
    let part = |part: &aseptic_update::Part<'_>| {
        let from = match (part.copied, part.uri) {
            (Some(_), _) => "copied from the slot that runs",
            (None, Some(uri)) => uri,
            (None, None) => "written out of the manifest",
        };
        let encrypted = if part.encrypted() { ", encrypted" } else { "" };
        format!("{from}{encrypted}: {} bytes, {:?}", part.size, part.digest())
    };
    std::iter::once(format!("sequence number {}", plan.sequence())).chain(plan.parts().map(part)).collect()
}

fn uris<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Option<&'p str>> {
    plan.parts().map(|part| part.uri)
}

/// The device's own session, from the first byte to the image read back whole.
fn rehearse(
    suite: &Suite<'_>,
    question: &Question<'_>,
    authentic: &Authentic<'_>,
    identity: &Identity,
    wanted: &Plan<'_>,
    payloads: &mut [Box<dyn Read>],
) -> aseptic_core::Result<()> {
    // The components one behind the other: where a device has them does not change what is judged.
    let ids: Vec<Vec<&[u8]>> = identity.components.iter().map(|id| id.iter().map(Vec::as_slice).collect()).collect();
    let mut regions = Vec::new();
    let mut end = 0_u64;
    for id in &ids {
        let size = wanted.parts().find(|part| named(part.id, id)).map_or(0, |part| part.size);
        let length = size.div_ceil(u64::from(ERASE)).max(1).saturating_mul(u64::from(ERASE));
        regions.push(Component { id, offset: end, length });
        end = end.saturating_add(length);
    }
    let geometry = Geometry { size: end, erase_size: ERASE, write_size: 1 };
    let target = Target { slot: wanted.target().slot, geometry };
    let slots = Slots { running: target.slot.other(), geometry, bytes: RefCell::new(Vec::new()) };
    let memory = Memory::default();
    let platform = Platform { images: &slots, ..memory.platform() };
    let device = Device::new(identity.vendor, identity.class, &regions);
    let plan = authentic.plan(suite, &device, question.floor, target)?.unlock(question.keys);
    let mut session = Session::begin(&platform, suite, &plan, Use::Idle)?;
    let mut piece = vec![0; PIECE];
    for payload in payloads {
        loop {
            let length = payload.read(&mut piece).map_err(|_| Reason::PlatformIo)?;
            let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
            session.feed(&platform, suite, read, Use::Idle)?;
        }
    }
    session.finish(&platform, suite, Use::Idle).map(drop)
}

/// Whether an encoded component identifier has these parts.
fn named(encoded: &[u8], id: &[&[u8]]) -> bool {
    let own = super::cbor(|w| {
        w.array(id.len());
        for part in id {
            w.bytes(part);
        }
    });
    own == encoded
}

/// The slot that is written; the other one holds nothing that anybody asks for.
struct Slots {
    running: ImageSlot,
    geometry: Geometry,
    bytes: RefCell<Vec<u8>>,
}

impl Slots {
    fn range(offset: u64, length: usize) -> Outcome<std::ops::Range<usize>> {
        let start = usize::try_from(offset).map_err(|_| Fault::Full)?;
        Ok(start..start.checked_add(length).ok_or(Fault::Full)?)
    }
}

impl Images for Slots {
    fn geometry(&self, _slot: ImageSlot) -> Outcome<Geometry> {
        Ok(self.geometry)
    }

    fn erase(&self, _slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        let range = Self::range(offset, usize::try_from(len).map_err(|_| Fault::Full)?)?;
        let mut bytes = self.bytes.borrow_mut();
        let end = range.end.max(bytes.len());
        bytes.resize(end, 0xFF);
        bytes.get_mut(range).ok_or(Fault::Full)?.fill(0xFF);
        Ok(())
    }

    fn write(&self, _slot: ImageSlot, offset: u64, from: &[u8]) -> Outcome<()> {
        let range = Self::range(offset, from.len())?;
        self.bytes.borrow_mut().get_mut(range).ok_or(Fault::Full)?.copy_from_slice(from);
        Ok(())
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let range = Self::range(offset, out.len())?;
        if slot == self.running {
            return Err(Fault::Unavailable);
        }
        out.copy_from_slice(self.bytes.borrow().get(range).ok_or(Fault::Full)?);
        Ok(())
    }

    fn running(&self) -> Outcome<ImageSlot> {
        Ok(self.running)
    }

    fn select(&self, _slot: ImageSlot, _mode: BootMode) -> Outcome<()> {
        Ok(())
    }
}

/// What is refused because signatures are missing, and not because one is wrong.
const TOO_FEW: [Reason; 4] =
    [Reason::TrustThreshold, Reason::AlgorithmRetired, Reason::FamilyMissing, Reason::ApprovalMissing];
/// The erase unit of the slots of memory.
const ERASE: u32 = 4096;
/// Bytes that are fed at a time.
const PIECE: usize = 64 * 1024;
