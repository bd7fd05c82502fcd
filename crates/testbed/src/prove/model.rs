//! Model checking of the fourteen invariants, over the code itself.
//!
//! A state is what the medium holds and what memory holds; an action is a call of the library, an event at the bedside, or a
//! power cut at one write of a call. Breadth first from the factory; two states are one if no call could tell them apart.
//!
//! A session in memory is kept as the calls that made it, which are made again on a copy of the medium of that time.

use super::account::{self, Account, Meanwhile};
use super::rig::{Cut, Planted, Rig};
use super::scenes::{Order, Verdict, reset};
use super::world::{DEVICE, Keeps, Manifest, Model as Shape, NOW, Release, SERIAL, World, suite};
use super::{Counts, Depth, Job};
use crate::bench::{Bench, Medium, StoreModel};
use aseptic_core::clinical::Use;
use aseptic_core::platform::{Counter, Geometry, ImageSlot};
use aseptic_core::record::{self, Kind};
use aseptic_core::time::Time;
use aseptic_core::trust::{self, Authority, Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};
use aseptic_update::boot::{self, BootState};
use aseptic_update::journal::{Confirmed, Journal};
use aseptic_update::{Session, Source, Staged, hold};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The invariants, as the manual numbers them.
const INVARIANTS: [&str; 14] = [
    "I1 only authentic bytes run",
    "I2 one image always boots",
    "I3 the floor never falls, nor rises above what was confirmed",
    "I4 nothing below the floor boots, but by token",
    "I5 nothing is destroyed or selected during therapy",
    "I6 old or new is reached from everywhere",
    "I7 the end is that without cuts",
    "I8 one trial an activation",
    "I9 all of the old or all of the new",
    "I10 what runs is what was hashed",
    "I11 one outcome an attempt",
    "I12 a refusal changes nothing",
    "I13 a threshold counts distinct keys",
    "I14 every manifest ends within its budget",
];

/// Everything that the device is shown.
struct Clinic {
    orders: Vec<Order>,
    /// What has to be refused whenever it is shown, and why where that is always the same.
    refused: Vec<(&'static str, Order, Option<Reason>)>,
    trust: [Vec<u8>; 2],
    holds: [Vec<u8>; 2],
    releases: Vec<Release>,
    start: State,
    bounds: Bounds,
    planted: Option<Planted>,
}

/// One state of a device.
#[derive(Clone, Debug)]
struct State {
    medium: Arc<Medium>,
    running: ImageSlot,
    live: Option<Live>,
    /// Whether a patient depends on the device. So it is after each start, until the application says otherwise.
    in_use: bool,
    /// Whether the date of the stale manifest has passed.
    late: bool,
    cuts: u8,
    /// Steps that may still follow. Breadth first each state is met with the most that it can have, so it tells none apart.
    left: usize,
    /// Trial boots since the last activation.
    tries: u8,
    /// The highest floor so far.
    floor: u64,
    /// The releases that were confirmed at any time, a bit each.
    ever: u32,
    /// Whether the token was taken.
    token: bool,
    /// The invariants that the step to this state broke, a bit each.
    broken: u16,
}

/// What lies in memory: a session, or a staged image.
#[derive(Clone, Debug)]
struct Live {
    order: usize,
    /// The device when it was begun or resumed.
    made: Arc<Medium>,
    late: bool,
    /// The pieces since then, and whether they were the right ones.
    fed: Vec<bool>,
    staged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Offer(usize),
    Feed(bool),
    Finish,
    Activate,
    Confirm,
    Abandon,
    /// A crash, a watchdog or a wanted restart.
    Reset,
    InUse(bool),
    Late,
    Trust,
    Hold(usize),
    Cut(Box<Action>, Cut),
}

/// What may happen in one exploration; what may not is left out of its actions, so that it reaches deeper.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    name: &'static str,
    /// Which of the orders come.
    orders: &'static [usize],
    /// Trust updates, holds, the passing of a date, and a bedside that comes into use. Without it the device is always idle.
    all: bool,
    /// Whether releases are sets of two components.
    set: bool,
    cuts: u8,
    steps: usize,
}

impl Bounds {
    /// Two releases, nothing else.
    #[must_use]
    pub const fn releases(cuts: u8, steps: usize) -> Self {
        Self { name: "two releases", orders: &[0, 1], all: false, set: false, cuts, steps }
    }

    /// Two releases, each of two components.
    #[must_use]
    pub const fn sets(cuts: u8, steps: usize) -> Self {
        Self { name: "two sets of two", set: true, ..Self::releases(cuts, steps) }
    }

    /// A release, the token back, and the release on a stale medium.
    #[must_use]
    pub const fn back(cuts: u8, steps: usize) -> Self {
        Self { name: "release, token, medium", orders: &[0, 2, 3], all: false, set: false, cuts, steps }
    }

    /// Everything.
    #[must_use]
    pub const fn all(cuts: u8, steps: usize) -> Self {
        Self { name: "everything", orders: &[0, 1, 2, 3], all: true, set: false, cuts, steps }
    }
}

/// A job for each exploration.
#[must_use]
pub fn jobs(depth: Depth) -> Vec<Job> {
    let bounds: &[Bounds] = match depth {
        Depth::Quick => &QUICK,
        Depth::Whole => &WHOLE,
    };
    let bounds = bounds.iter().copied();
    bounds.map(|bounds| Job::new("model checking", move || check(bounds, None))).collect()
}

const QUICK: [Bounds; 3] = [Bounds::releases(1, 5), Bounds::sets(1, 3), Bounds::all(0, 4)];
const WHOLE: [Bounds; 8] = [
    Bounds::sets(0, 11),
    Bounds::sets(1, 9),
    Bounds::releases(0, 12),
    Bounds::releases(1, 9),
    Bounds::releases(2, 6),
    Bounds::back(1, 8),
    Bounds::all(0, 9),
    Bounds::all(1, 6),
];

/// Explores everything within these bounds.
pub fn check(bounds: Bounds, planted: Option<Planted>) -> Verdict<Counts> {
    let clinic = Clinic::new(bounds, planted);
    let checker = clinic.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut discoveries = checker.discoveries();
    // Proofs about what is never reached prove nothing.
    if discoveries.remove(INSTALLED).is_none() && bounds.steps >= STEPS && planted.is_none() {
        return Err(format!("{INSTALLED} is never reached, {}, {} cuts", bounds.name, bounds.cuts));
    }
    if let Some((invariant, path)) = discoveries.into_iter().next() {
        let actions: Vec<_> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
        return Err(format!("{invariant}, {}, {} cuts: {}", bounds.name, bounds.cuts, actions.join(", ")));
    }
    Ok(Counts {
        row: vec![bounds.name.into(), format!("{} cuts", bounds.cuts), format!("{} steps", bounds.steps)],
        counts: vec![
            ("unique states", checker.unique_state_count() as u64),
            ("steps tried", checker.state_count() as u64),
        ],
    })
}

impl Clinic {
    fn new(bounds: Bounds, planted: Option<Planted>) -> Self {
        let world = World::new();
        let slot = Geometry { size: 64, erase_size: 32, write_size: 16 };
        let shape = Shape { name: "", slots: [slot; 2], erased: 0xFF, keeps: Keeps::Store(StoreModel::Atomic) };
        let proper = |sequence: u64| {
            let length = sequence as usize;
            let program = |length, salt| super::world::program(length, salt);
            match bounds.set {
                // Two pieces and one.
                true => Manifest {
                    radio: Some(program(12 + length, sequence + 100)),
                    ..Manifest::new(sequence, program(20 + length, sequence))
                },
                false => Manifest::new(sequence, program(36 + length, sequence)),
            }
        };
        let release = |sequence| world.manifest(&proper(sequence));
        let [older, mut old, new, next] = [4, 5, 6, 7].map(release);
        if planted == Some(Planted::Mixed) {
            // The factory put the second component of another release beside the first.
            let second = old.parts[1].start;
            old.image.truncate(second);
            old.image.extend(older.payload(1));
        }
        let order = |release: Release, token, source| Order { release, confirm: true, token, source, piece: PIECE };
        let with = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = proper(6);
            change(&mut manifest);
            world.manifest(&manifest)
        };
        let network = |release| order(release, None, Source::Network);
        let stale = with(&|manifest| manifest.use_before = Some(DATE));
        let mut forged = new.clone();
        // In the vendor of the manifest.
        let at = forged.envelope.windows(16).position(|bytes| bytes == DEVICE.vendor).expect("a vendor");
        forged.envelope[at] ^= 1;
        let orders = vec![
            network(new.clone()),
            network(next.clone()),
            order(older.clone(), Some(world.token(&older, 1)), Source::Network),
            order(stale, None, Source::Medium),
        ];
        let refused = vec![
            ("forged", network(forged), Some(Reason::ManifestDigest)),
            ("older than the floor", network(older.clone()), Some(Reason::SequenceTooOld)),
            ("for another class", network(with(&|manifest| manifest.class = [9; 16])), None),
            ("signed by one of two", network(with(&|manifest| manifest.by = vec![0])), Some(Reason::TrustThreshold)),
            ("signed twice by one", network(with(&|manifest| manifest.by = vec![0, 0])), Some(Reason::TrustThreshold)),
            ("nested without end", network(with(&|manifest| manifest.nested = 60)), None),
            ("a token for another release", order(release(3), Some(world.token(&older, 1)), Source::Network), None),
        ];
        let device = world.factory(&shape, &old);
        device.bench.set_clock(Time::trusted(DATE - 1));
        let start = State {
            medium: Arc::new(device.bench.snapshot()),
            running: ImageSlot::A,
            live: None,
            in_use: bounds.all,
            late: false,
            cuts: bounds.cuts,
            left: bounds.steps,
            tries: 0,
            floor: 5,
            ever: 1 << 5,
            token: false,
            broken: 0,
        };
        Self {
            orders,
            refused,
            trust: [world.store(1), world.store(2)],
            holds: [world.hold(&new, 1, DATE), world.hold(&new, 2, 0)],
            releases: [4, 5, 6, 7].map(release).to_vec(),
            start,
            bounds,
            planted,
        }
    }

    fn rig(&self, medium: &Medium, running: ImageSlot, late: bool) -> Rig {
        let bench = Bench::new(1);
        bench.edit(|now| *now = medium.clone());
        bench.start(running);
        bench.set_clock(Time::trusted(if late { DATE + 1 } else { DATE - 1 }));
        Rig::new(bench).with(self.planted)
    }

    /// Does `action` on a device in this state, which may lose its power meanwhile; what then lies in memory.
    fn act(&self, state: &State, action: &Action, rig: &Rig) -> (Option<Live>, Result<()>) {
        let (suite, platform) = (suite(), rig.platform());
        let clinical = if state.in_use { Use::InUse } else { Use::Idle };
        let live = state.live.clone();
        match action {
            Action::Offer(number) => {
                let order = &self.orders[*number];
                let session = self.session(order, rig, clinical);
                let session = session.and_then(|session| {
                    order.planned(rig, |plan| account::open(rig, plan))?;
                    Ok(session)
                });
                let made = session.is_ok().then(|| Live {
                    order: *number,
                    made: state.medium.clone(),
                    late: state.late,
                    fed: Vec::new(),
                    staged: false,
                });
                (made, session.map(drop))
            }
            Action::Feed(right) => {
                let Some((mut live, mut session)) = self.revive(state) else { return (None, Err(Reason::Misuse)) };
                let result = self.feed(&mut session, &live, *right, rig, clinical);
                match result {
                    Ok(()) => live.fed.push(*right),
                    Err(Reason::ClinicalUse) => {}
                    Err(reason) => return (None, given_up(rig, reason)),
                }
                (Some(live), result)
            }
            Action::Finish => {
                let Some((live, session)) = self.revive(state) else { return (None, Err(Reason::Misuse)) };
                match session.finish(&platform, &suite, clinical) {
                    Ok(_) => (Some(Live { staged: true, made: Arc::new(rig.bench.snapshot()), ..live }), Ok(())),
                    Err(reason) => (None, given_up(rig, reason)),
                }
            }
            Action::Activate => {
                // The value in memory may be older than what the journal now says.
                let staged = match &state.live {
                    Some(live) if live.staged => {
                        let then = self.rig(&live.made, state.running, live.late);
                        Staged::load(&then.platform(), &suite)
                    }
                    _ => Staged::load(&platform, &suite),
                };
                let activated = staged.and_then(|staged| {
                    account::activating(rig, &staged)?;
                    staged.activate(&platform, clinical)
                });
                (live, activated)
            }
            Action::Confirm => {
                let confirmed = boot::confirm(&platform, &suite, 0);
                (live, confirmed.and_then(|_| account::settle(rig, &boot::load(&platform, &suite)?).map(drop)))
            }
            Action::Abandon => {
                let abandoned = Session::abandon(&platform, &suite);
                (live, abandoned.and_then(|()| account::refuse(rig, Reason::UpdateHeld)))
            }
            Action::Reset => (None, reset(rig).and_then(|()| begin(rig))),
            Action::Trust => {
                let mut buffer = [0; limits::TRUST_STORE];
                let object = &self.trust[1];
                (live, trust::update(&platform, &suite, None, Authority::Manufacturer, object, &mut buffer))
            }
            Action::Hold(number) => (live, self.hold(rig, &self.holds[*number])),
            Action::InUse(_) | Action::Late | Action::Cut(..) => (live, Ok(())),
        }
    }

    fn session(&self, order: &Order, rig: &Rig, clinical: Use) -> Result<Session> {
        let (suite, platform) = (suite(), rig.platform());
        order.planned(rig, |plan| match Session::resume(&platform, &suite, plan) {
            Err(Reason::NoUpdate | Reason::UpdateBusy) => Session::begin(&platform, &suite, plan, clinical),
            session => session,
        })
    }

    fn feed(&self, session: &mut Session, live: &Live, right: bool, rig: &Rig, clinical: Use) -> Result<()> {
        let release = &self.orders[live.order].release;
        // Nothing more is wanted: a piece beyond the end.
        let payload = release.payload(session.part().min(release.parts.len() - 1));
        let start = payload.len().min(session.offset() as usize);
        let end = payload.len().min(start + PIECE);
        let mut piece = payload[start..end].to_vec();
        if !right && let Some(byte) = piece.first_mut() {
            *byte ^= 1;
        }
        session.feed(&rig.platform(), &suite(), &piece, clinical)
    }

    /// The session in memory, made again on the device as it was then.
    fn revive(&self, state: &State) -> Option<(Live, Session)> {
        let live = state.live.clone().filter(|live| !live.staged)?;
        let rig = self.rig(&live.made, state.running, live.late);
        let mut session = self.session(&self.orders[live.order], &rig, Use::Idle).ok()?;
        for right in &live.fed {
            self.feed(&mut session, &live, *right, &rig, Use::Idle).ok()?;
        }
        Some((live, session))
    }

    fn hold(&self, rig: &Rig, object: &[u8]) -> Result<()> {
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&rig.platform(), &mut buffers)?;
        hold::take(&rig.platform(), &suite(), &trust, SERIAL, object)
    }

    /// The state after `action`, and which invariants the step broke.
    fn step(&self, before: &State, action: &Action) -> State {
        let rig = self.rig(&before.medium, before.running, before.late);
        let mut after = State { left: before.left - 1, ..before.clone() };
        let (inner, cut) = match action {
            Action::Cut(inner, cut) => (&**inner, Some(*cut)),
            inner => (inner, None),
        };
        let trial = before.medium.boot.trial;
        rig.arm(cut);
        let (live, result) = self.act(before, inner, &rig);
        after.live = live;
        let mut restarted = *inner == Action::Reset;
        match inner {
            Action::InUse(in_use) => after.in_use = *in_use,
            Action::Late => after.late = true,
            Action::Activate if result.is_ok() => after.tries = 0,
            Action::Offer(number) if self.orders[*number].token.is_some() && result.is_ok() => after.token = true,
            _ => {}
        }
        let medium = rig.bench.snapshot();
        if before.in_use {
            let selected = medium.boot.trial.is_some() && medium.boot.trial != trial;
            let destroyed = medium.flash != before.medium.flash || selected;
            after.broken |= u16::from(destroyed) << 4;
        }
        if let (Action::Offer(_) | Action::Activate | Action::Trust | Action::Hold(_), Err(reason), None) =
            (inner, result, cut)
        {
            // What the library refuses leaves everything as it was; what it finds damaged it may put down. That it was to be
            // activated the application has told the account before.
            let told = matches!(reason, Reason::SlotMismatch);
            let (mut was, mut is) = ((*before.medium).clone(), medium.clone());
            if *inner == Action::Activate {
                for slot in Kind::UpdateReport.slots() {
                    was.slots.remove(&slot);
                    is.slots.remove(&slot);
                }
            }
            after.broken |= u16::from(was != is && !told) << 11;
        }
        if cut.is_some() {
            after.cuts -= 1;
            // Activation was asked for, and the power went: whether it was done, the next start says.
            if *inner == Action::Activate && medium.boot.trial != trial {
                after.tries = 0;
            }
            if *inner == Action::Offer(BY_TOKEN) {
                after.token = true;
            }
            restarted = true;
            let pending = medium.boot.trial;
            rig.restart();
            after.tries += u8::from(pending.is_some());
            after.live = None;
            match boot::verify_at_boot(&rig.platform(), &suite()) {
                Ok(slot) => rig.bench.start(slot),
                Err(_) => after.broken |= 1 << 1,
            }
            after.broken |= u16::from(begin(&rig).is_err()) << 1;
        } else if restarted {
            after.tries += u8::from(trial.is_some());
            after.broken |= u16::from(result.is_err()) << 1;
        }
        if restarted {
            after.in_use = self.bounds.all;
        }
        let platform = rig.platform();
        after.running = platform.images.running().unwrap_or(before.running);
        after.medium = Arc::new(rig.bench.snapshot());
        after.broken |= u16::from(!self.accounted(before, inner, &after)) << 10;
        let floor = boot::floor(&platform).unwrap_or(0);
        if let Ok(Some(confirmed)) = Confirmed::load(&platform) {
            after.ever |= 1 << confirmed.image.sequence;
        }
        after.broken |= u16::from(floor < before.floor || after.ever >> floor == 0) << 2;
        after.floor = floor.max(before.floor);
        after
    }

    /// Whether what the device reports of the step is one outcome of its attempt, and true.
    fn accounted(&self, before: &State, action: &Action, after: &State) -> bool {
        let same = |slot| before.medium.slots.get(&slot) == after.medium.slots.get(&slot);
        if Kind::UpdateReport.slots().into_iter().all(same) {
            return true;
        }
        let [then, now] = [before, after].map(|state| self.rig(&state.medium, state.running, state.late));
        let meanwhile = match action {
            Action::Offer(_) => Meanwhile::Offered,
            Action::Abandon | Action::Feed(_) | Action::Finish => Meanwhile::GaveUp,
            Action::Reset if before.medium.boot.trial.is_some() => Meanwhile::Tried,
            _ => Meanwhile::Other,
        };
        match (Account::of(&then), Account::of(&now)) {
            (Some(was), Some(is)) => was.leads_to(&is, &now, meanwhile),
            _ => false,
        }
    }

    /// The releases of which the components in this slot are, each by itself; none where it is of no release.
    fn components(&self, medium: &Medium, slot: ImageSlot) -> Vec<Option<u64>> {
        let bytes = &medium.flash[slot as usize].bytes;
        let of = |part: usize| {
            let held = |release: &&Release| bytes[release.parts[part].start..].starts_with(release.payload(part));
            self.releases.iter().find(held).map(|release| release.sequence)
        };
        (0..self.releases[0].parts.len()).map(of).collect()
    }

    /// The release that this slot holds whole.
    fn held(&self, medium: &Medium, slot: ImageSlot) -> Option<&Release> {
        let bytes = &medium.flash[slot as usize].bytes;
        self.releases.iter().find(|release| bytes.starts_with(&release.image))
    }

    /// The release that boots if the device is restarted now, if any does.
    fn boots(&self, state: &State) -> Option<(Rig, Option<&Release>)> {
        let rig = self.rig(&state.medium, state.running, state.late);
        rig.restart();
        let slot = boot::verify_at_boot(&rig.platform(), &suite()).ok()?;
        rig.bench.start(slot);
        let release = self.held(&rig.bench.snapshot(), slot);
        Some((rig, release))
    }

    fn authentic(&self, state: &State) -> bool {
        self.running(state).iter().all(Option::is_some)
    }

    /// All components that boot are of one release.
    fn of_one(&self, state: &State) -> bool {
        self.running(state).windows(2).all(|pair| pair[0] == pair[1])
    }

    fn running(&self, state: &State) -> Vec<Option<u64>> {
        self.boots(state).map_or_else(Vec::new, |(rig, _)| {
            let slot = rig.platform().images.running().unwrap_or(state.running);
            self.components(&rig.bench.snapshot(), slot)
        })
    }

    fn above(&self, state: &State) -> bool {
        let Some((_, Some(release))) = self.boots(state) else { return true };
        release.sequence >= state.floor || state.token && release.sequence == 4
    }

    /// What boots for good was confirmed once, and nothing is tried twice.
    fn trials(&self, state: &State) -> bool {
        let permanent = self.held(&state.medium, state.medium.boot.permanent);
        state.tries <= 1 && permanent.is_none_or(|release| state.ever & (1 << release.sequence) != 0)
    }

    /// With power and rest the device comes to the newest release, and to the same end from everywhere.
    fn arrives(&self, state: &State) -> (bool, bool) {
        let Some((rig, _)) = self.boots(state) else { return (false, false) };
        if self.orders[1].drive(&rig).is_err() {
            return (false, false);
        }
        let medium = rig.bench.snapshot();
        let platform = rig.platform();
        let confirmed = Confirmed::load(&platform).ok().flatten();
        let (running, journal) = (platform.images.running(), Journal::load(&platform));
        let slot = confirmed.map(|confirmed| confirmed.image.slot);
        let there = confirmed.is_some_and(|confirmed| confirmed.image.sequence == 7) && running.ok() == slot;
        let selected = slot.is_some_and(|slot| medium.boot.permanent == slot && medium.boot.trial.is_none());
        let clean = slot.is_some_and(|slot| {
            let flash = &medium.flash[slot as usize];
            let tail = &flash.bytes[self.releases[3].image.len()..];
            tail.iter().all(|byte| *byte == flash.erased)
        });
        (there, selected && clean && journal == Ok(None) && medium.counters.get(&Counter::UpdateFloor) == Some(&7))
    }

    /// The start says one thing about the attempt; the event and the report say the same.
    fn outcomes(&self, state: &State) -> bool {
        let Some((rig, _)) = self.boots(state) else { return true };
        let told = boot::load(&rig.platform(), &suite());
        let events = rig.bench.take_events();
        let reverts = events.iter().filter(|event| event.reason == Reason::UpdateReverted).count();
        if let Ok(told) = &told
            && !account::told_at_once(&rig, told)
        {
            return false;
        }
        match told {
            Ok(BootState::Reverted(journal)) => {
                let confirmed = Confirmed::load(&rig.platform()).ok().flatten();
                reverts == 1 && confirmed.is_none_or(|confirmed| confirmed.image != journal.image)
            }
            Ok(_) => reverts == 0,
            Err(_) => false,
        }
    }

    /// Everything that is to be refused is, for its reason, and nothing stored changes.
    fn refuses(&self, state: &State, which: std::ops::Range<usize>) -> bool {
        self.refused[which].iter().all(|(_, order, why)| {
            let rig = self.rig(&state.medium, state.running, state.late);
            let result = self.session(order, &rig, Use::Idle).map(drop);
            let right = why.is_none_or(|why| result == Err(why));
            result.is_err() && right && rig.bench.snapshot() == *state.medium
        })
    }

    /// The first store again is no update of any.
    fn keeps_trust(&self, state: &State) -> bool {
        let rig = self.rig(&state.medium, state.running, state.late);
        let mut buffer = [0; limits::TRUST_STORE];
        let old = &self.trust[0];
        let result = trust::update(&rig.platform(), &suite(), None, Authority::Manufacturer, old, &mut buffer);
        result == Err(Reason::TrustRollback) && rig.bench.snapshot() == *state.medium
    }

    /// What the boot loader hashes is all of the image that runs: no byte of it can be another one.
    fn hashed(&self, state: &State) -> bool {
        let Some((rig, Some(release))) = self.boots(state) else { return true };
        let Ok(slot) = rig.platform().images.running() else { return false };
        // Of a set also between its components.
        [0, release.parts[0].end, release.image.len() / 2, release.image.len() - 1].into_iter().all(|at| {
            let at = at.min(release.image.len() - 1);
            rig.bench.edit(|medium| medium.flash[slot as usize].bytes[at] ^= 1);
            let other = boot::verify_at_boot(&rig.platform(), &suite());
            rig.bench.edit(|medium| medium.flash[slot as usize].bytes[at] ^= 1);
            other != Ok(slot)
        })
    }
}

/// The application gives up what the library has forgotten, and says why.
fn given_up(rig: &Rig, reason: Reason) -> Result<()> {
    if Journal::load(&rig.platform())?.is_none() {
        account::refuse(rig, reason)?;
    }
    Err(reason)
}

/// What an application does first: finish what was interrupted. Whatever reads a record writes the copy that a cut left
/// out, so that a later refusal has nothing to mend.
fn begin(rig: &Rig) -> Result<()> {
    account::settle(rig, &boot::load(&rig.platform(), &suite())?)?;
    let mut buffer = vec![0; limits::SLOT];
    for kind in Kind::ALL {
        record::load(rig, kind, &mut buffer)?;
    }
    Trust::load(&rig.platform(), &mut TrustBuffers::new()).map(drop)
}

/// What is reached somewhere.
const INSTALLED: &str = "a release that is confirmed and reported";
/// Steps of the longest way there.
const STEPS: usize = 8;
const PIECE: usize = 24;
/// The date of the stale manifest.
const DATE: u64 = NOW;
/// Which of the orders comes with a token.
const BY_TOKEN: usize = 2;

impl Model for Clinic {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // The checker's own bound would leave the last states unjudged.
        if state.left == 0 {
            return;
        }
        let mut whole: Vec<Action> = self.bounds.orders.iter().map(|order| Action::Offer(*order)).collect();
        if state.live.as_ref().is_some_and(|live| !live.staged) {
            whole.extend([Action::Feed(true), Action::Feed(false), Action::Finish]);
        }
        whole.extend([Action::Activate, Action::Confirm, Action::Abandon, Action::Reset]);
        if self.bounds.all {
            whole.extend([Action::Trust, Action::Hold(0), Action::Hold(1)]);
        }
        for action in whole {
            if state.cuts > 0 {
                let rig = self.rig(&state.medium, state.running, state.late);
                rig.arm(None);
                let _ = self.act(state, &action, &rig);
                actions.extend(rig.cuts().into_iter().map(|cut| Action::Cut(Box::new(action.clone()), cut)));
            }
            actions.push(action);
        }
        if self.bounds.all {
            actions.push(Action::InUse(!state.in_use));
        }
        if self.bounds.all && !state.late {
            actions.push(Action::Late);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.step(state, &action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let [one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen] =
            INVARIANTS;
        fn whole(state: &State, invariant: u16) -> bool {
            state.broken & (1 << (invariant - 1)) == 0
        }
        vec![
            Property::always(one, |clinic: &Self, state| clinic.authentic(state)),
            Property::always(two, |clinic: &Self, state| whole(state, 2) && clinic.boots(state).is_some()),
            Property::always(three, |_, state| whole(state, 3)),
            Property::always(four, |clinic: &Self, state| clinic.above(state)),
            Property::always(five, |_, state| whole(state, 5)),
            Property::always(six, |clinic: &Self, state| clinic.arrives(state).0),
            Property::always(seven, |clinic: &Self, state| clinic.arrives(state).1),
            Property::always(eight, |clinic: &Self, state| clinic.trials(state)),
            Property::always(nine, |clinic: &Self, state| clinic.of_one(state)),
            Property::always(ten, |clinic: &Self, state| clinic.hashed(state)),
            Property::always(eleven, |clinic: &Self, state| whole(state, 11) && clinic.outcomes(state)),
            Property::always(twelve, |clinic: &Self, state| {
                whole(state, 12)
                    && clinic.keeps_trust(state)
                    && clinic.refuses(state, 0..3)
                    && clinic.refuses(state, 6..7)
            }),
            Property::always(thirteen, |clinic: &Self, state| clinic.refuses(state, 3..5)),
            Property::always(fourteen, |clinic: &Self, state| clinic.refuses(state, 5..6)),
            Property::sometimes(INSTALLED, |clinic: &Self, state: &State| {
                let rig = clinic.rig(&state.medium, state.running, state.late);
                state.ever & (1 << 6) != 0 && Account::of(&rig).is_some_and(|account| account.tells_of(6))
            }),
        ]
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        key(&self.medium, into);
        (self.running, self.in_use, self.late, self.cuts, self.tries).hash(into);
        (self.floor, self.ever, self.token, self.broken).hash(into);
        if let Some(live) = &self.live {
            (live.order, live.late, &live.fed, live.staged).hash(into);
            key(&live.made, into);
        }
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let of = |state: &Self| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        of(self) == of(other)
    }
}

/// What calls can tell of a medium: the frames of records are numbered, and only the order of two numbers counts.
fn key<H: Hasher>(medium: &Medium, into: &mut H) {
    (&medium.counters, &medium.flash, medium.boot).hash(into);
    for kind in Kind::ALL {
        let frames = kind.slots().map(|slot| medium.slots.get(&slot));
        // Magic, kind and version; length; the number; payload; check.
        let number = frames.map(|frame| frame.and_then(|frame| frame.get(8..12)));
        number[0].cmp(&number[1]).hash(into);
        for frame in frames {
            let payload = frame.map(|frame| (frame.len(), frame.get(12..frame.len() - 4)));
            match payload {
                Some((_, Some(payload))) if kind == Kind::UpdateReport => match Account::essence(payload) {
                    Some(essence) => essence.hash(into),
                    None => payload.hash(into),
                },
                _ => payload.hash(into),
            }
        }
    }
}
