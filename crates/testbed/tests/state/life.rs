//! The application of a device, and everybody else, made of fixed keys: the same life in every run, to the byte.

use crate::file::State;
use crate::registrar;
use aseptic_certs::{Certificate, Engine, csr::Csr};
use aseptic_core::clinical::Use;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::{HashAlg, KeyAlg, Suite, soft};
use aseptic_core::platform::{Geometry, ImageSlot, KeyId, Platform};
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{self, Authority, PhysicalPresence, Purpose, Purposes, Trust, TrustBuffers, TrustStore};
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{
    Action, DeviceName, Enroller, Event, Identity, Response, Stage, Workspace, agreement, birth, confirm_handshake,
    tidy,
};
use aseptic_infra::author::{Manifest, Signature, class_id, vendor_id};
use aseptic_infra::owner::Store;
use aseptic_messaging::{Direction, Fresh, Opener, Origin, Outgoing, Receiver, Sender};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::fuzzing::{HARDWARE_TYPE, anchor, certificate_for};
use aseptic_testbed::trust::KeyPair;
use aseptic_update::boot::{self, BootState};
use aseptic_update::{Component, Device, Digest, Envelope, Plan, Session, Staged, Target};

/// What the certificates of the testbed name.
pub(crate) const SERIAL: &str = "PUMP-0001";
const WARD: &str = "ward-server-1";
const ADAPTER: &str = "record-adapter-1";
const VENDOR: &str = "pumps.example";
const CLASS: &str = "infusion-pump";
pub(crate) const NOW: u64 = 1_780_000_000;
const DAY: u64 = 86_400;
/// When the manufacturer's trust store and the two versions of the owner's were made.
const ISSUED: [u64; 3] = [NOW - 300 * DAY, NOW - 200 * DAY, NOW - 100 * DAY];
/// Bytes of the image that came before the transfer was interrupted: one entry of the journal is behind them.
const INTERRUPTED: usize = 65_600;
pub(crate) const GEOMETRY: Geometry = Geometry { size: 0x1_4000, erase_size: 0x1000, write_size: 8 };

/// How far a life has come. Each step is a state that is kept for every release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Made,
    Requested,
    Born,
    Owned,
    Pending,
    Probation,
    InUse,
    Renewing,
    Writing,
    Staged,
    Activated,
    OnTrial,
    Confirmed,
}

impl Step {
    /// Every step, its name as the name of a file, and what it is.
    pub(crate) const ALL: [(Self, &str, &str); 13] = [
        (Self::Made, "01_made", "the first image and the manufacturer's trust store are recorded"),
        (Self::Requested, "02_birth_requested", "the birth key is made and its certificate requested"),
        (Self::Born, "03_born", "the birth certificate is installed"),
        (Self::Owned, "04_owned", "the owner's trust store is installed by a person at the device"),
        (Self::Pending, "05_enrolment_pending", "the local key is made and its certificate requested"),
        (Self::Probation, "06_on_probation", "the local certificate is stored and has not proven itself"),
        (Self::InUse, "07_in_use", "the local identity is in use; messages were sent, and a command was received"),
        (Self::Renewing, "08_renewing", "a second local identity is on probation beside the one in use"),
        (Self::Writing, "09_update_interrupted", "the transfer of the second image was interrupted"),
        (Self::Staged, "10_update_staged", "the second image is whole in its slot"),
        (Self::Activated, "11_update_activated", "the second image is selected for a trial boot"),
        (
            Self::OnTrial,
            "12_update_on_trial",
            "the second image runs on trial, and has sent, received and renewed trust",
        ),
        (Self::Confirmed, "13_update_confirmed", "the second image is confirmed"),
    ];
}

pub(crate) struct World {
    suite: Suite<'static>,
    ward: KeyPair,
    adapter: KeyPair,
    /// The device's own key for commands, which its application holds.
    opener: KeyPair,
    makers: Vec<u8>,
    owners: [Vec<u8>; 2],
    pub(crate) images: [Vec<u8>; 2],
    envelope: Vec<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        let suite = soft::suite();
        let [author, owner, ward, adapter, opener] =
            [41, 42, 43, 44, 45].map(|number| KeyPair::new(KeyAlg::P256, number));
        let makers = Store::new(Authority::Manufacturer, ISSUED[0])
            .signer(author.public())
            .anchor("maker", &[Purpose::Birth], anchor())
            .pin("author", &[Purpose::UpdateInstall], author.public())
            .sign(&suite, &[(author.public(), &author.private)])
            .unwrap();
        let devices = [Purpose::Enrolment, Purpose::Telemetry, Purpose::Alarm];
        let owners = [1, 2].map(|version| {
            Store::new(Authority::Owner, ISSUED[usize::try_from(version).unwrap()])
                .version(version)
                .signer(owner.public())
                .anchor("hospital", &devices, anchor())
                .pin(ADAPTER, &[Purpose::Receive], adapter.public())
                .pin(WARD, &[Purpose::Command], ward.public())
                .pin(SERIAL, &[Purpose::Receive], opener.public())
                .sign(&suite, &[(owner.public(), &owner.private)])
                .unwrap()
        });
        let images = [2_001, 66_003].map(image);
        let manifest = Manifest::new(VENDOR, CLASS, 2, "https://pumps.example/2").image(&images[1]).unwrap();
        let envelope = manifest.sign(&suite, &[Signature { key: author.public(), signer: &author.private }]).unwrap();
        Self { suite, ward, adapter, opener, makers, owners, images, envelope }
    }

    /// A device as it leaves the line, with randomness of its own.
    pub(crate) fn blank(&self, seed: u64) -> Bench {
        let bench = Bench::new(seed).with_flash([GEOMETRY; 2], 0xFF);
        bench.set_clock(Time::trusted(NOW));
        bench.edit(|medium| medium.flash[0].program(&self.images[0]));
        bench
    }

    /// The command of this number of the ward, which answers a challenge of the device.
    fn order(&self, number: usize, challenge: [u8; 16]) -> Vec<u8> {
        let bench = Bench::new(9);
        let platform = bench.platform();
        let mut sender = Sender::load(&platform, Direction::ToDevice).unwrap();
        let trust = aseptic_infra::ServerTrust::new(self.suite, &[(Authority::Owner, &self.owners[0])]).unwrap();
        let sealed = trust.with(|trust| {
            let to = [trust.pinned(&self.suite, Purpose::Receive, SERIAL.as_bytes()).unwrap()];
            let from = Origin { name: WARD.as_bytes(), key: self.ward.public(), signer: &self.ward.private };
            let mut seal = |number: usize| {
                let body = format!("order {number}");
                let message = Outgoing {
                    class: Purpose::Command,
                    stream: 0,
                    to: &to,
                    content_type: ContentType::Text("text/plain"),
                    body: body.as_bytes(),
                    fresh: Some(Fresh::Challenge(challenge)),
                    time: Time::trusted(NOW),
                };
                let mut out = vec![0; Sender::room(body.len())];
                let length = sender.seal(&platform, &self.suite, &from, &message, &mut out).unwrap();
                out.truncate(length);
                out
            };
            Ok((1..=number).map(&mut seal).last())
        });
        sealed.unwrap().unwrap()
    }

    /// The numbers of these messages, which the record adapter has taken in this order, each only once.
    pub(crate) fn taken(&self, state: &State) -> Vec<(u64, u8, u64)> {
        let bench = Bench::new(10);
        let platform = bench.platform();
        let mut opener = Opener::load(&platform).unwrap();
        let trust = aseptic_infra::ServerTrust::new(self.suite, &[(Authority::Owner, &self.owners[0])]).unwrap();
        let us = Receiver {
            name: ADAPTER.as_bytes(),
            key: &self.adapter.private,
            direction: Direction::FromDevice,
            allowed: Purposes::of(&[Purpose::Telemetry]),
        };
        let numbers = trust.with(|trust| {
            let mut numbers = Vec::new();
            for (message, leaf) in state.sent.iter().zip(&state.senders) {
                let mut senders =
                    |_: &str, class| trust.verify_chain(&self.suite, &Engine, class, &[leaf], Time::trusted(NOW));
                let mut out = vec![0; message.len()];
                let opened = opener.open(&platform, &self.suite, &us, &mut senders, message, &mut out).unwrap();
                numbers.push((opened.epoch, opened.stream, opened.sequence));
                opener.commit(&platform, opened.ticket).unwrap();
            }
            Ok(numbers)
        });
        numbers.unwrap()
    }
}

/// Goes on from whatever is stored until `goal` is reached. `state` is what others know of the device: what it has sent,
/// and which commands it has taken.
pub(crate) fn live(bench: &Bench, world: &World, state: &mut State, goal: Step) -> Result<()> {
    for _ in 0..6 {
        if start(bench, world, state, goal)? {
            return Ok(());
        }
        bench.reboot();
    }
    Err(Reason::Internal)
}

/// From power on until the goal is reached, or a restart is due.
fn start(bench: &Bench, world: &World, state: &mut State, goal: Step) -> Result<bool> {
    let (platform, mut workspace) = (bench.platform(), Box::new(Workspace::new()));
    let image = software(&platform, world, goal)?;
    tidy(&platform, &mut workspace)?;
    let now = time_and_trust(&platform, world, goal, image)?;
    identity(&platform, world, goal, now, &mut workspace)?;
    if goal >= Step::InUse {
        // A message and a command in use, and one of each from the image on trial.
        let due = if image == 2 { 2 } else { 1 };
        report(&platform, world, state, due, now)?;
        agreement::public(&platform, &mut workspace)?;
        obey(&platform, world, state, due)?;
    }
    if goal >= Step::Renewing {
        renew(&platform, world, now, &mut workspace)?;
    }
    if goal >= Step::Writing && image == 1 {
        return install(&platform, world, goal);
    }
    Ok(true)
}

/// The sequence number of the image that runs; one on trial is confirmed if the goal says so.
fn software(platform: &Platform<'_>, world: &World, goal: Step) -> Result<u64> {
    let suite = &world.suite;
    match boot::load(platform, suite)? {
        BootState::Trial(journal) if goal < Step::Confirmed => Ok(journal.image.sequence),
        BootState::Trial(_) => boot::confirm(platform, suite, 0).map(|confirmed| confirmed.image.sequence),
        BootState::Confirmed(Some(confirmed)) => Ok(confirmed.image.sequence),
        BootState::Confirmed(None) => {
            let first = &world.images[0];
            let digest = Digest::of(suite, HashAlg::Sha256, &[first])?;
            boot::provision(platform, suite, digest, first.len() as u64, 1)?;
            Ok(1)
        }
        BootState::Reverted(_) => boot::floor(platform),
        BootState::RestartNeeded(_) | BootState::Fallback(_) => Err(Reason::SlotMismatch),
    }
}

fn time_and_trust(platform: &Platform<'_>, world: &World, goal: Step, image: u64) -> Result<Time> {
    let (suite, mut buffer) = (&world.suite, [0; limits::TRUST_STORE]);
    let mut floor = Floor::load(platform, ISSUED[0] - DAY)?;
    let stores =
        [(Authority::Manufacturer, &world.makers, Step::Made), (Authority::Owner, &world.owners[0], Step::Owned)];
    for (authority, first, when) in stores {
        if goal < when {
            continue;
        }
        let present = PhysicalPresence::confirmed_at_the_device();
        match trust::install(platform, suite, Some(&Engine), authority, first, present, &mut buffer) {
            Ok(()) | Err(Reason::TrustExists) => {}
            Err(reason) => return Err(reason),
        }
        if authority == Authority::Owner && image > 1 {
            match trust::update(platform, suite, Some(&Engine), authority, &world.owners[1], &mut buffer) {
                Ok(()) | Err(Reason::TrustRollback) => {}
                Err(reason) => return Err(reason),
            }
        }
        let store = TrustStore::load(platform, authority, &mut buffer)?.ok_or(Reason::TrustMissing)?;
        floor.raise(platform, store.issued)?;
    }
    Ok(floor.now(platform))
}

fn identity(platform: &Platform<'_>, world: &World, goal: Step, now: Time, workspace: &mut Workspace) -> Result<()> {
    let stages = |platform: &Platform<'_>| -> Result<(Stage, Stage)> {
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(platform, &mut buffer)?;
        Ok((identity.birth_stage(), identity.local_stage()))
    };
    let (born, local) = stages(platform)?;
    let mut buffers = Box::new(TrustBuffers::new());
    if goal >= Step::Requested && born != Stage::Active {
        let mut request = [0; limits::CSR];
        let length = birth::request(platform, &world.suite, &name(), workspace, &mut request)?;
        if goal >= Step::Born {
            let leaf = issue(&request[..length]);
            let trust = Trust::load(platform, &mut buffers)?;
            birth::install(platform, &world.suite, &trust, &Engine, &[&leaf], now, workspace)?;
        }
    }
    if goal >= Step::Pending && local < Stage::Probation {
        enrol(platform, world, goal >= Step::Probation, now, workspace)?;
    }
    if goal >= Step::InUse && stages(platform)?.1 < Stage::Active {
        prove(platform, workspace)?;
    }
    Ok(())
}

/// A second local identity beside the first, on probation; the image on trial is the first to use it.
fn renew(platform: &Platform<'_>, world: &World, now: Time, workspace: &mut Workspace) -> Result<()> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    if Identity::load(platform, &mut buffer)?.successor_stage() == Stage::Blank {
        enrol(platform, world, true, now, workspace)?;
    }
    Ok(())
}

fn enrol(platform: &Platform<'_>, world: &World, whole: bool, now: Time, workspace: &mut Workspace) -> Result<()> {
    let mut buffers = Box::new(TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    let mut enroller = Enroller::start(platform, &world.suite, &trust, &Engine, workspace)?;
    if !whole {
        // As far as the request: the registrar has CA certificates and no wishes.
        assert!(matches!(enroller.step(Event::Ready, now)?, Action::Request(_)));
        for (status, mut body) in [(200, registrar::bundle(&[anchor()])), (204, Vec::new())] {
            let content_type = "application/pkcs7-mime";
            let answer = Response { status, content_type, retry_after: "", location: "", body: &mut body };
            assert!(matches!(enroller.step(Event::Response(answer), now)?, Action::Request(_)));
        }
        return Ok(());
    }
    registrar::enrol(&mut enroller, now, &[anchor()], |csr| vec![issue(csr)], |_, answer| answer)
}

/// The handshake in which an identity proves itself is the matter of other tests.
fn prove(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<()> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    let key: KeyId = Identity::load(platform, &mut buffer)?.credential()?.key_id();
    confirm_handshake(platform, key, workspace)
}

fn issue(request: &[u8]) -> Vec<u8> {
    let request = Csr::parse(request).unwrap();
    request.verify(&soft::suite()).unwrap();
    certificate_for(request.public_key().unwrap(), false)
}

fn name() -> DeviceName<'static> {
    DeviceName { serial: SERIAL, hardware_type: HARDWARE_TYPE, hardware_serial: SERIAL.as_bytes(), udi: None }
}

/// Sends until `due` messages are sent.
fn report(platform: &Platform<'_>, world: &World, state: &mut State, due: usize, now: Time) -> Result<()> {
    let mut sender = None;
    while state.sent.len() < due {
        let mut buffer = vec![0; 2 * limits::SLOT];
        let identity = Identity::load(platform, &mut buffer)?;
        let credential = identity.credential()?.for_messages()?;
        let leaf = Certificate::parse(credential.chain().first().ok_or(Reason::Internal)?)?;
        let signer = credential.signer(platform.keys)?;
        let origin = Origin { name: identity.name()?.as_bytes(), key: leaf.public_key()?, signer: &signer };
        let mut buffers = Box::new(TrustBuffers::new());
        let to = [Trust::load(platform, &mut buffers)?.pinned(&world.suite, Purpose::Receive, ADAPTER.as_bytes())?];
        let body = format!("observation {}", state.sent.len() + 1);
        let message = Outgoing {
            class: Purpose::Telemetry,
            stream: 1,
            to: &to,
            content_type: ContentType::Text("text/plain"),
            body: body.as_bytes(),
            fresh: None,
            time: now,
        };
        if sender.is_none() {
            sender = Some(Sender::load(platform, Direction::FromDevice)?);
        }
        let sender = sender.as_mut().ok_or(Reason::Internal)?;
        let mut sealed = vec![0; Sender::room(body.len())];
        let length = sender.seal(platform, &world.suite, &origin, &message, &mut sealed)?;
        sealed.truncate(length);
        state.sent.push(sealed);
        state.senders.push(credential.chain().concat());
    }
    Ok(())
}

/// Takes commands until `due` are taken; those taken before are refused.
fn obey(platform: &Platform<'_>, world: &World, state: &mut State, due: usize) -> Result<()> {
    let mut buffers = Box::new(TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    let mut senders = |name: &str, class| trust.pinned(&world.suite, class, name.as_bytes());
    let mut opener = Opener::load(platform)?;
    let us = Receiver {
        name: SERIAL.as_bytes(),
        key: &world.opener.private,
        direction: Direction::ToDevice,
        allowed: Purposes::of(&[Purpose::Command]),
    };
    let mut open = |opener: &mut Opener, command: &[u8]| {
        let mut out = vec![0; command.len()];
        opener.open(platform, &world.suite, &us, &mut senders, command, &mut out).map(|opened| opened.ticket)
    };
    // Those of the state, which another release may have taken; then the next ones of the ward.
    for command in &state.received {
        let refusal = open(&mut opener, command).unwrap_err();
        assert!(matches!(refusal, Reason::MessageReplayed | Reason::MessageTooOld | Reason::CommandNotFresh));
    }
    while state.received.len() < due {
        let command = world.order(state.received.len() + 1, opener.challenge(platform, limits::COMMAND_LIFETIME)?);
        let ticket = open(&mut opener, &command)?;
        opener.commit(platform, ticket)?;
        state.received.push(command);
    }
    Ok(())
}

/// Brings the second image into its slot and selects it for a trial, as far as the goal says; whether that is all.
fn install(platform: &Platform<'_>, world: &World, goal: Step) -> Result<bool> {
    let staged = match Staged::load(platform, &world.suite) {
        Err(Reason::NoUpdate | Reason::SlotMismatch) => match transfer(platform, world, goal)? {
            Some(staged) => staged,
            None => return Ok(true),
        },
        staged => staged?,
    };
    if goal == Step::Staged {
        return Ok(true);
    }
    staged.activate(platform, Use::Idle)?;
    Ok(goal == Step::Activated)
}

fn transfer(platform: &Platform<'_>, world: &World, goal: Step) -> Result<Option<Staged>> {
    with_plan(platform, world, |plan| {
        let mut session = match Session::resume(platform, &world.suite, plan) {
            Err(Reason::NoUpdate) => Session::begin(platform, &world.suite, plan, Use::Idle)?,
            session => session?,
        };
        let end = if goal == Step::Writing { INTERRUPTED } else { world.images[1].len() };
        let from = usize::try_from(session.offset()).map_err(|_| Reason::Internal)?;
        for piece in world.images[1].get(from..end).unwrap_or_default().chunks(4096) {
            session.feed(platform, &world.suite, piece, Use::Idle)?;
        }
        if goal == Step::Writing {
            return Ok(None);
        }
        session.finish(platform, &world.suite, Use::Idle).map(Some)
    })
}

fn with_plan<T>(platform: &Platform<'_>, world: &World, use_it: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<T> {
    let mut buffers = Box::new(TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    let authentic = Envelope::parse(&world.envelope)?.authenticate(&trust, &world.suite)?;
    let vendor = vendor_id(VENDOR);
    let components = [Component::whole(&[b"main"])];
    let device = Device::new(vendor, class_id(&vendor, CLASS), &components);
    use_it(&authentic.plan(&world.suite, &device, boot::floor(platform)?, Target::of(platform)?)?)
}

/// Which slot runs.
pub(crate) fn running(bench: &Bench) -> ImageSlot {
    bench.platform().images.running().unwrap()
}

/// Bytes that look like a program.
fn image(length: usize) -> Vec<u8> {
    let mut state = u32::try_from(length).unwrap();
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
