//! The application of the device: at each start it finds out how far its life has come, and goes on from there.

use crate::registrar;
use crate::world::{ADAPTER, BUILD, NEWEST, World};
use aseptic_certs::{Certificate, Engine};
use aseptic_core::clinical::Use;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::HashAlg;
use aseptic_core::platform::Platform;
use aseptic_core::time::{Floor, Time};
use aseptic_core::trust::{self, Authority, PhysicalPresence, Purpose, Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{Enroller, Identity, Stage, Workspace, birth, confirm_handshake, tidy};
use aseptic_infra::author::vendor_id;
use aseptic_messaging::{Direction, Origin, Outgoing, Sender};
use aseptic_testbed::bench::Bench;
use aseptic_update::boot::{self, BootState};
use aseptic_update::{Component, Device, Digest, Envelope, Plan, Session, Staged, Target};

/// How often a life may need to start the device, each time it is gone on with.
const STARTS: usize = 8;
/// The observations of a life: from which image on each of them is made.
pub(crate) const OBSERVATIONS: [u64; 6] = [1, 1, 1, 2, 3, 3];
/// Bytes that the application fetches of an image at a time.
const PIECE: usize = 4096;

/// How far a life is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Goal {
    /// The manufacturer's trust is installed, and the first image recorded.
    Made,
    /// The birth certificate is installed.
    Born,
    /// The owner's trust is installed.
    Owned,
    /// The owner's identity is in use, and the first observations are sent.
    InUse,
    /// Both updates are confirmed, the owner's trust is renewed, all observations are sent.
    End,
}

/// What the device has come to. Nothing of it ever decreases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) time: u64,
    pub(crate) image: u64,
    pub(crate) makers: u64,
    pub(crate) owners: u64,
    pub(crate) birth: Stage,
    pub(crate) local: Stage,
    pub(crate) epoch: u64,
}

impl Standing {
    const BLANK: Self =
        Self { time: 0, image: 0, makers: 0, owners: 0, birth: Stage::Blank, local: Stage::Blank, epoch: 0 };

    /// Whether nothing of `other` is lost in this.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.time >= other.time
            && self.image >= other.image
            && self.makers >= other.makers
            && self.owners >= other.owners
            && self.birth >= other.birth
            && self.local >= other.local
            && self.epoch >= other.epoch
    }
}

/// A message that has left the device, with the certificates of its sender.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) observation: usize,
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) sealed: Vec<u8>,
}

/// What others know of the device; a power cut takes nothing from it.
#[derive(Clone)]
pub(crate) struct Outside {
    /// What calls of the library have reported as done.
    pub(crate) told: Standing,
    /// Every message that has left the device.
    pub(crate) sent: Vec<Sent>,
}

impl Outside {
    pub(crate) const fn new() -> Self {
        Self { told: Standing::BLANK, sent: Vec::new() }
    }
}

/// How a start ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// With a restart: a new image is selected, or the day's work is done.
    Restart,
    /// With nothing left to do.
    Rest,
}

/// Lives on until `goal` is reached, and once more starts the device to find that nothing is left to do.
pub(crate) fn live(bench: &Bench, world: &World, outside: &mut Outside, goal: Goal) -> Result<()> {
    for _ in 0..STARTS {
        match start(bench, world, outside, goal)? {
            Next::Restart => bench.reboot(),
            Next::Rest => return Ok(()),
        }
    }
    Err(Reason::Internal)
}

/// From power on until the device rests or restarts.
pub(crate) fn start(bench: &Bench, world: &World, outside: &mut Outside, goal: Goal) -> Result<Next> {
    let (platform, mut workspace) = (bench.platform(), Box::new(Workspace::new()));
    let Some(image) = software(&platform, world)? else { return Ok(Next::Restart) };
    outside.told.image = outside.told.image.max(image);
    tidy(&platform, &mut workspace)?;
    let now = time_and_trust(&platform, world, outside, goal, image)?;
    if goal >= Goal::Born {
        be_born(&platform, world, now, &mut workspace)?;
        outside.told.birth = Stage::Active;
    }
    if goal >= Goal::InUse {
        enrol(&platform, world, outside, now, &mut workspace)?;
        if report(&platform, world, outside, image, now)? {
            return Ok(Next::Restart);
        }
    }
    if goal >= Goal::End && image < NEWEST {
        install(&platform, world, image + 1)?;
        return Ok(Next::Restart);
    }
    Ok(Next::Rest)
}

/// What runs, and whether it may stay: the sequence number of the confirmed image, or nothing if a restart is due.
fn software(platform: &Platform<'_>, world: &World) -> Result<Option<u64>> {
    let suite = &world.suite;
    match boot::load(platform, suite)? {
        BootState::Trial(_) => boot::confirm(platform, suite, 0).map(|confirmed| Some(confirmed.image.sequence)),
        BootState::Confirmed(Some(confirmed)) => Ok(Some(confirmed.image.sequence)),
        BootState::Confirmed(None) => {
            let first = &world.images[0];
            let digest = Digest::of(suite, HashAlg::Sha256, &[first])?;
            boot::provision(platform, suite, digest, first.len() as u64, 1)?;
            Ok(Some(1))
        }
        BootState::Reverted(_) => boot::floor(platform).map(Some),
        BootState::RestartNeeded(_) => Ok(None),
        BootState::Fallback(_) => Err(Reason::SlotMismatch),
    }
}

/// Installs and renews what the device is to trust by now, and raises the floor of time by what is signed.
fn time_and_trust(
    platform: &Platform<'_>,
    world: &World,
    outside: &mut Outside,
    goal: Goal,
    image: u64,
) -> Result<Time> {
    let (suite, mut buffer) = (&world.suite, [0; limits::TRUST_STORE]);
    let mut floor = Floor::load(platform, BUILD)?;
    let told = &mut outside.told;
    let stores =
        [(Authority::Manufacturer, &world.makers, Goal::Made), (Authority::Owner, &world.owners[0], Goal::Owned)];
    for (authority, first, when) in stores {
        if goal < when {
            continue;
        }
        let present = PhysicalPresence::confirmed_at_the_device();
        match trust::install(platform, suite, Some(&Engine), authority, first, present, &mut buffer) {
            Ok(()) | Err(Reason::TrustExists) => {}
            Err(reason) => return Err(reason),
        }
        let renewal = authority == Authority::Owner && image > 1;
        if renewal {
            match trust::update(platform, suite, Some(&Engine), authority, &world.owners[1], &mut buffer) {
                Ok(()) | Err(Reason::TrustRollback) => {}
                Err(reason) => return Err(reason),
            }
        }
        match authority {
            Authority::Manufacturer => told.makers = 1,
            Authority::Owner => told.owners = if renewal { 2 } else { told.owners.max(1) },
        }
        let store = trust::TrustStore::load(platform, authority, &mut buffer)?.ok_or(Reason::TrustMissing)?;
        floor.raise(platform, store.issued)?;
        told.time = told.time.max(store.issued);
    }
    Ok(floor.now(platform))
}

fn be_born(platform: &Platform<'_>, world: &World, now: Time, workspace: &mut Workspace) -> Result<()> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    if Identity::load(platform, &mut buffer)?.birth_stage() == Stage::Active {
        return Ok(());
    }
    let request = request(platform, world, workspace)?;
    let chain = world.birth(&world.maker, &request).unwrap();
    let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let mut buffers = Box::new(TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    birth::install(platform, &world.suite, &trust, &Engine, &links, now, workspace)
}

/// The device's request for its birth certificate.
pub(crate) fn request(platform: &Platform<'_>, world: &World, workspace: &mut Workspace) -> Result<Vec<u8>> {
    let mut request = [0; limits::CSR];
    let length = birth::request(platform, &world.suite, &world.name(), workspace, &mut request)?;
    Ok(request[..length].to_vec())
}

/// Sees to it that an identity of the owner is in use. The handshake that proves it is the matter of other tests.
fn enrol(
    platform: &Platform<'_>,
    world: &World,
    outside: &mut Outside,
    now: Time,
    workspace: &mut Workspace,
) -> Result<()> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    let identity = Identity::load(platform, &mut buffer)?;
    let (local, successor) = (identity.local_stage(), identity.successor_stage());
    if local == Stage::Active && successor == Stage::Blank {
        outside.told.local = Stage::Active;
        return Ok(());
    }
    if successor != Stage::Probation {
        let mut buffers = Box::new(TrustBuffers::new());
        let trust = Trust::load(platform, &mut buffers)?;
        let mut enroller = Enroller::start(platform, &world.suite, &trust, &Engine, workspace)?;
        let authorities: Vec<&[u8]> = world.hospital.certificates().collect();
        let issue = |csr: &[u8]| world.local(&world.hospital, csr).unwrap();
        registrar::enrol(&mut enroller, now, &authorities, issue, |_, answer| answer)?;
    }
    outside.told.local = outside.told.local.max(Stage::Probation);
    let key = Identity::load(platform, &mut buffer)?.credential()?.for_messages()?.key_id();
    confirm_handshake(platform, key, workspace)?;
    outside.told.local = Stage::Active;
    Ok(())
}

/// Sends what is to be sent and has not left the device; whether anything was.
fn report(platform: &Platform<'_>, world: &World, outside: &mut Outside, image: u64, now: Time) -> Result<bool> {
    let sent = |outside: &Outside, at| outside.sent.iter().any(|sent| sent.observation == at);
    let due = OBSERVATIONS.iter().enumerate().filter(|(at, from)| **from <= image && !sent(outside, *at));
    let due: Vec<usize> = due.map(|(at, _)| at).collect();
    if due.is_empty() {
        return Ok(false);
    }
    let mut sender = Sender::load(platform, Direction::FromDevice)?;
    outside.told.epoch = outside.told.epoch.max(sender.epoch());
    for observation in due {
        let message = seal(platform, world, &mut sender, observation, now)?;
        outside.sent.push(message);
    }
    Ok(true)
}

/// One observation, signed and sealed for the record adapter; the streams take turns.
pub(crate) fn seal(
    platform: &Platform<'_>,
    world: &World,
    sender: &mut Sender,
    observation: usize,
    now: Time,
) -> Result<Sent> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    let identity = Identity::load(platform, &mut buffer)?;
    let credential = identity.credential()?.for_messages()?;
    let leaf = Certificate::parse(credential.chain().first().ok_or(Reason::Internal)?)?;
    let signer = credential.signer(platform.keys)?;
    let origin = Origin { name: identity.name()?.as_bytes(), key: leaf.public_key()?, signer: &signer };
    let mut buffers = Box::new(TrustBuffers::new());
    let to = [Trust::load(platform, &mut buffers)?.pinned(&world.suite, Purpose::Receive, ADAPTER.as_bytes())?];
    let alarm = observation % 2 == 1;
    let body = body(observation);
    let message = Outgoing {
        class: if alarm { Purpose::Alarm } else { Purpose::Telemetry },
        stream: u8::from(alarm),
        to: &to,
        content_type: ContentType::Text("text/plain"),
        body: &body,
        fresh: None,
        time: now,
    };
    let mut sealed = vec![0; Sender::room(body.len())];
    let length = sender.seal(platform, &world.suite, &origin, &message, &mut sealed)?;
    sealed.truncate(length);
    Ok(Sent { observation, chain: credential.chain().iter().map(|der| der.to_vec()).collect(), sealed })
}

/// What an observation says.
pub(crate) fn body(observation: usize) -> Vec<u8> {
    format!("observation {observation}").into_bytes()
}

/// Brings the image of this sequence number into its slot and selects it for a trial.
fn install(platform: &Platform<'_>, world: &World, sequence: u64) -> Result<()> {
    let at = usize::try_from(sequence).map_err(|_| Reason::Internal)?;
    let (image, envelope) = (&world.images[at - 1], &world.envelopes[at - 2]);
    let staged = match Staged::load(platform, &world.suite) {
        Err(Reason::NoUpdate | Reason::SlotMismatch) => transfer(platform, world, envelope, image)?,
        staged => staged?,
    };
    staged.activate(platform, Use::Idle)
}

fn transfer(platform: &Platform<'_>, world: &World, envelope: &[u8], image: &[u8]) -> Result<Staged> {
    with_plan(platform, world, envelope, |plan| {
        let mut session = match Session::resume(platform, &world.suite, plan) {
            Err(Reason::NoUpdate) => Session::begin(platform, &world.suite, plan, Use::Idle)?,
            session => session?,
        };
        let rest = usize::try_from(session.offset()).ok().and_then(|at| image.get(at..)).ok_or(Reason::Internal)?;
        for piece in rest.chunks(PIECE) {
            session.feed(platform, &world.suite, piece, Use::Idle)?;
        }
        session.finish(platform, &world.suite, Use::Idle)
    })
}

/// The plan of an envelope, if this device takes it.
pub(crate) fn with_plan<T>(
    platform: &Platform<'_>,
    world: &World,
    envelope: &[u8],
    use_it: impl FnOnce(&Plan<'_>) -> Result<T>,
) -> Result<T> {
    let mut buffers = Box::new(TrustBuffers::new());
    let trust = Trust::load(platform, &mut buffers)?;
    let authentic = Envelope::parse(envelope)?.authenticate(&trust, &world.suite)?;
    let vendor = vendor_id(crate::world::VENDOR);
    let class = aseptic_infra::author::class_id(&vendor, crate::world::CLASS);
    let components = [Component::whole(&[b"main"])];
    let device = Device::new(vendor, class, &components);
    use_it(&authentic.plan(&world.suite, &device, boot::floor(platform)?, Target::of(platform)?)?)
}
