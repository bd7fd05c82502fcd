//! What a device is in the middle of when something goes wrong, what its application does about it, and what must hold then.

use super::account;
use super::rig::Rig;
use super::world::{Model, NOW, Release, SERIAL, World, suite};
use crate::bench::{Boot, Flash};
use aseptic_core::clinical::Use;
use aseptic_core::platform::{Counter, Counters, ImageSlot};
use aseptic_core::record::{self, Kind};
use aseptic_core::trust::{self, Authority, Trust, TrustBuffers, TrustStore};
use aseptic_core::{Reason, Result, limits};
use aseptic_update::boot::{self, BootState};
use aseptic_update::freshness::Policy;
use aseptic_update::journal::{Confirmed, Journal};
use aseptic_update::{Downgrade, Envelope, Plan, Session, Source, Staged, Target, hold};
use std::collections::BTreeMap;

/// A device and what is to be done with it.
#[derive(Clone)]
pub struct Scene {
    /// How it is called in the table.
    pub name: &'static str,
    /// The device before anything happens.
    pub start: Rig,
    /// What its application is at.
    pub task: Task,
    /// Every image that may ever run.
    pub releases: Vec<Release>,
}

/// What an application is at. It does the same at each start, wherever it was interrupted.
#[derive(Clone)]
pub enum Task {
    /// Bring this release to run: on trial, or confirmed.
    Install(Order),
    /// Let the trial end, and give the update up.
    Revert,
    /// Take these trust stores of the manufacturer, in this order.
    Trust(Vec<Vec<u8>>),
    /// Take these holds of the owner, in this order.
    Hold(Vec<Vec<u8>>),
}

/// An update to be installed.
#[derive(Clone)]
pub struct Order {
    /// Which release.
    pub release: Release,
    /// Whether the application is content with it at its first start.
    pub confirm: bool,
    /// The token that lets the device go back to it.
    pub token: Option<Vec<u8>>,
    /// Where it comes from.
    pub source: Source,
    /// Bytes that come at once.
    pub piece: usize,
}

/// The release that every device left the factory with, and hence confirmed once.
const FACTORY: u64 = 5;

/// What can only rise.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    floor: u64,
    /// The releases that were ever confirmed, a bit each.
    ever: u32,
    trust: u64,
}

/// What is stored, as the next start understands it: the numbers of the frames of records are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    flash: [Flash; 2],
    boot: Boot,
    running: ImageSlot,
    counters: BTreeMap<Counter, u64>,
    records: BTreeMap<u8, Result<Option<Vec<u8>>>>,
}

/// What must hold, or why it does not.
pub type Verdict<T = ()> = std::result::Result<T, String>;

impl Scene {
    /// Every scene there is on a device of this model, with images of about this length.
    #[must_use]
    pub fn all(model: &Model, length: usize) -> Vec<Self> {
        let world = World::new();
        let [older, old, new, next] =
            [4, FACTORY, 6, 7].map(|sequence| world.release(sequence, length - sequence as usize));
        let releases = vec![older.clone(), old.clone(), new.clone(), next.clone()];
        let factory = world.factory(model, &old);
        let piece = length / 3 + 1;
        let order = |release: &Release| Order {
            release: release.clone(),
            confirm: true,
            token: None,
            source: Source::Network,
            piece,
        };
        let scene = |name, start: &Rig, task| Self { name, start: start.clone(), task, releases: releases.clone() };
        let install = scene("install", &factory, Task::Install(Order { confirm: false, ..order(&new) }));
        let trial = install.done();
        let reverted = trial.clone();
        reverted.reboot();
        let whole = Task::Install(order(&new));
        let confirmed = scene("", &trial, whole.clone()).done();
        let token = Some(world.token(&older, 1));
        let back = scene("downgrade", &factory, Task::Install(Order { token, ..order(&older) }));
        let gone_back = back.done();
        let mut manifest = super::world::Manifest::new(6, new.image.clone());
        (manifest.inside, manifest.use_before) = (true, Some(NOW - 1));
        let medium = Order { source: Source::Medium, ..order(&world.manifest(&manifest)) };
        let half = install.half();
        vec![
            install,
            scene("resume", &half, whole.clone()),
            scene("confirm", &trial, whole.clone()),
            scene("revert", &trial, Task::Revert),
            scene("revert, next", &reverted, Task::Install(order(&next))),
            scene("second update", &confirmed, Task::Install(order(&next))),
            back,
            scene("back up again", &gone_back, Task::Install(order(&next))),
            scene("USB medium", &factory, Task::Install(medium)),
            scene("trust update", &factory, Task::Trust(vec![world.store(2), world.store(3)])),
            scene("hold", &factory, Task::Hold(vec![world.hold(&new, 1, NOW + 60), world.hold(&new, 2, 0)])),
        ]
    }

    /// Does the task, as far as the power lasts.
    pub fn drive(&self, rig: &Rig) -> Result<()> {
        match &self.task {
            Task::Install(order) => order.drive(rig),
            Task::Revert => revert(rig),
            Task::Trust(stores) => stores.iter().try_for_each(|object| take_trust(rig, object)),
            Task::Hold(holds) => holds.iter().try_for_each(|object| take_hold(rig, object)),
        }
    }

    /// The device when the task is done and nothing went wrong.
    ///
    /// # Panics
    /// If it cannot be done.
    #[must_use]
    pub fn done(&self) -> Rig {
        let rig = self.start.clone();
        rig.arm(None);
        self.drive(&rig).expect("nothing goes wrong");
        rig.arm(None);
        rig
    }

    /// The device in the middle of the transfer, at the last entry of the journal there or before it.
    fn half(&self) -> Rig {
        let rig = self.start.clone();
        let writes = self.done_operations();
        rig.arm(Some(super::rig::Cut::Bench(writes / 2, crate::bench::At::After)));
        let _ = self.drive(&rig);
        rig.restart();
        rig
    }

    fn done_operations(&self) -> usize {
        let rig = self.start.clone();
        rig.arm(None);
        let _ = self.drive(&rig);
        rig.bench.log().writes.len()
    }

    /// What can only rise, on this device now.
    pub fn mark(rig: &Rig) -> Verdict<Mark> {
        let platform = rig.platform();
        let told = |what: &str, reason: Reason| format!("{what} cannot be read: {reason:?}");
        let confirmed = Confirmed::load(&platform).map_err(|reason| told("what is confirmed", reason))?;
        let floor = boot::floor(&platform).map_err(|reason| told("the floor", reason))?;
        let mut buffer = [0; limits::TRUST_STORE];
        let store = TrustStore::load(&platform, Authority::Manufacturer, &mut buffer);
        let store = store.map_err(|reason| told("the trust store", reason))?.ok_or("the trust store is gone")?;
        let confirmed = confirmed.ok_or("nothing is confirmed any more")?.image.sequence;
        Ok(Mark { floor, ever: 1 << confirmed | 1 << FACTORY, trust: store.version })
    }

    /// How many downgrade tokens the device counts as used.
    #[must_use]
    pub fn downgrades(rig: &Rig) -> u64 {
        Counters::read(rig, Counter::Downgrades).unwrap_or(0)
    }

    /// The boot loader judges what is selected and starts it: it must be whole, authentic and not below the floor; and
    /// nothing that can only rise has stepped back.
    pub fn boots(&self, rig: &Rig, before: Mark) -> Verdict<Mark> {
        let slot = boot::verify_at_boot(&rig.platform(), &suite())
            .map_err(|reason| format!("the device does not boot: {reason:?}"))?;
        rig.bench.start(slot);
        let medium = rig.bench.snapshot();
        let held = |slot: ImageSlot| {
            let bytes = &medium.flash[slot as usize].bytes;
            self.releases.iter().find(|release| bytes.starts_with(&release.image))
        };
        let release = held(slot);
        let release = release.ok_or_else(|| format!("slot {slot:?} boots and holds no image that anybody signed"))?;
        let mut mark = Self::mark(rig)?;
        mark.ever |= before.ever;
        let Mark { floor, ever, trust } = mark;
        if floor < before.floor || trust < before.trust {
            return Err(format!("stepped back from {before:?} to {mark:?}"));
        }
        if ever >> floor == 0 {
            return Err(format!("the floor is {floor}, and no image as high was ever confirmed"));
        }
        match held(medium.boot.permanent) {
            Some(release) if ever & (1 << release.sequence) == 0 => {
                return Err(format!("image {} is selected for good and was never confirmed", release.sequence));
            }
            _ => {}
        }
        if release.sequence < floor && !self.may_go_back(release) {
            return Err(format!("image {} boots below the floor {floor}", release.sequence));
        }
        Ok(mark)
    }

    /// After an interruption and a restart: the device boots, and can finish what it was at as if nothing had happened.
    pub fn judge(&self, rig: &Rig, before: Mark, end: &Stored) -> Verdict {
        let mark = self.boots(rig, before)?;
        self.drive(rig).map_err(|reason| format!("the task cannot be finished: {reason:?}"))?;
        let now = Stored::of(rig);
        if now != *end {
            return Err(format!("the task ends otherwise than without the interruption:\n  {now:?}\n  {end:?}"));
        }
        rig.restart();
        self.boots(rig, mark).map(drop)
    }

    /// A token was signed for this release, or the device went back to it before.
    fn may_go_back(&self, release: &Release) -> bool {
        let signed = match &self.task {
            Task::Install(order) => order.token.is_some() && order.release.sequence == release.sequence,
            _ => false,
        };
        signed || self.name == "back up again" && release.sequence == 4
    }
}

impl Order {
    /// Brings the release to run, as far as the power lasts.
    pub fn drive(&self, rig: &Rig) -> Result<()> {
        let (suite, platform) = (suite(), rig.platform());
        let goal = self.release.sequence;
        for _ in 0..4 {
            let state = boot::load(&platform, &suite)?;
            // Where there is an account, the next update waits until it is settled.
            account::settle(rig, &state)?;
            match state {
                BootState::Trial(journal) if journal.image.sequence == goal && !self.confirm => return Ok(()),
                BootState::Trial(journal) if journal.image.sequence == goal => {
                    return boot::confirm(&platform, &suite, 0).map(drop);
                }
                BootState::Confirmed(Some(confirmed)) if confirmed.image.sequence == goal => {
                    return boot::confirm(&platform, &suite, 0).map(drop);
                }
                BootState::Trial(_) | BootState::RestartNeeded(_) => {
                    reset(rig)?;
                    continue;
                }
                BootState::Fallback(_) => return Err(Reason::SlotMismatch),
                BootState::Confirmed(_) | BootState::Reverted(_) => {}
            }
            let found = match Staged::load(&platform, &suite) {
                Ok(staged) if staged.image().sequence == goal => Some(staged),
                Ok(_) | Err(Reason::NoUpdate | Reason::SlotMismatch) => None,
                Err(reason) => return Err(reason),
            };
            let staged = found.map_or_else(|| self.transfer(rig), Ok)?;
            staged.activate(&platform, Use::Idle)?;
            reset(rig)?;
        }
        Err(Reason::Internal)
    }

    /// Fetches the image, as far as it is missing, and stages it.
    pub fn transfer(&self, rig: &Rig) -> Result<Staged> {
        let (suite, platform) = (suite(), rig.platform());
        self.planned(rig, |plan| {
            let mut session = match Session::resume(&platform, &suite, plan) {
                Err(Reason::NoUpdate) => Session::begin(&platform, &suite, plan, Use::Idle)?,
                // Another one was under way: this one is wanted.
                Err(Reason::UpdateBusy) => {
                    Session::abandon(&platform, &suite)?;
                    Session::begin(&platform, &suite, plan, Use::Idle)?
                }
                session => session?,
            };
            while session.missing() > 0 {
                let payload = self.release.payload(session.part());
                for chunk in payload[session.offset() as usize..].chunks(self.piece) {
                    session.feed(&platform, &suite, chunk, Use::Idle)?;
                }
            }
            session.finish(&platform, &suite, Use::Idle)
        })
    }

    /// Runs `with` with the plan that the device makes of the envelope.
    pub fn planned<T>(&self, rig: &Rig, with: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<T> {
        let (suite, platform) = (suite(), rig.platform());
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&platform, &mut buffers)?;
        let now = aseptic_core::time::Floor::load(&platform, 0)?.now(&platform);
        let authentic = Envelope::parse(&self.release.envelope)?.authenticate(&trust, &suite)?;
        let (floor, target) = (boot::floor(&platform)?, Target::of(&platform)?);
        let plan = match &self.token {
            Some(token) => {
                let token = Downgrade::verify(&platform, &suite, &trust, SERIAL, token, now, None)?;
                authentic.plan_downgrade(&suite, self.release.device(), floor, target, &token)?
            }
            None => authentic.plan(&suite, self.release.device(), floor, target)?,
        };
        with(&plan.fresh_enough(&Policy::DEFAULT, self.source, now)?)
    }
}

/// A reset by the application, through the boot loader.
pub fn reset(rig: &Rig) -> Result<()> {
    if rig.dark() {
        return Err(Reason::PlatformUnavailable);
    }
    rig.reboot();
    let slot = boot::verify_at_boot(&rig.platform(), &suite())?;
    rig.bench.start(slot);
    Ok(())
}

fn revert(rig: &Rig) -> Result<()> {
    let (suite, platform) = (suite(), rig.platform());
    for _ in 0..3 {
        match boot::load(&platform, &suite)? {
            BootState::Trial(_) => reset(rig)?,
            BootState::Reverted(_) => Session::abandon(&platform, &suite)?,
            BootState::Confirmed(_) => return Journal::load(&platform)?.map_or(Ok(()), |_| Err(Reason::UpdateBusy)),
            BootState::RestartNeeded(_) | BootState::Fallback(_) => return Err(Reason::Internal),
        }
    }
    Err(Reason::Internal)
}

fn take_trust(rig: &Rig, object: &[u8]) -> Result<()> {
    let mut buffer = [0; limits::TRUST_STORE];
    match trust::update(&rig.platform(), &suite(), None, Authority::Manufacturer, object, &mut buffer) {
        // Taken before the power went, or a later one.
        Ok(()) | Err(Reason::TrustRollback) => Ok(()),
        Err(reason) => Err(reason),
    }
}

fn take_hold(rig: &Rig, object: &[u8]) -> Result<()> {
    let (suite, platform) = (suite(), rig.platform());
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&platform, &mut buffers)?;
    match hold::take(&platform, &suite, &trust, SERIAL, object) {
        Ok(()) | Err(Reason::StatementUsed) => Ok(()),
        Err(reason) => Err(reason),
    }
}

impl Stored {
    /// What is stored on this device.
    #[must_use]
    pub fn of(rig: &Rig) -> Self {
        let medium = rig.bench.snapshot();
        let counters = [
            Counter::UpdateFloor,
            Counter::TrustManufacturer,
            Counter::TrustOwner,
            Counter::SenderEpoch,
            Counter::Downgrades,
        ];
        let counters = counters.map(|counter| (counter, Counters::read(rig, counter).unwrap_or(u64::MAX)));
        let record = |kind| {
            let mut buffer = vec![0; limits::SLOT];
            record::load(rig, kind, &mut buffer).map(|payload| payload.map(<[u8]>::to_vec))
        };
        Self {
            flash: medium.flash,
            boot: medium.boot,
            running: rig.platform().images.running().unwrap_or(ImageSlot::A),
            counters: counters.into(),
            records: Kind::ALL.map(|kind| (kind as u8, record(kind))).into(),
        }
    }
}
