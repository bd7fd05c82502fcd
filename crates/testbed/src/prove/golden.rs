//! Golden traces: for each scene the exact sequence of platform calls, the same from Rust and from C, and the same as last
//! time. The files lie in `tests/golden/update/`; `cargo xtask prove --accept` writes them anew, for review.

use super::rig::{Cut, Rig};
use super::scenes::{Order, Scene, Task, Verdict};
use super::world::{DEVICE, Keeps, Model, NOW, SERIAL, World, suite};
use super::{Counts, Depth, Job};
use crate::bench::{At, StoreModel};
use aseptic_core::clinical::Use;
use aseptic_core::platform::Geometry;
use aseptic_core::time::Floor;
use aseptic_core::trust::{self, Authority, Trust, TrustBuffers, TrustStore};
use aseptic_core::{Reason, Result, limits};
use aseptic_ffi::program::{Offer, Program};
use aseptic_update::{Interlock, Permission, Session, Source, Staged, boot, hold};
use std::path::PathBuf;

/// What an application may ask for, in either language.
trait Interface {
    fn set_use(&mut self, clinical: Use);
    fn start(&mut self) -> Result<()>;
    fn begin(&mut self, order: &Order) -> Result<()>;
    fn rest(&mut self, order: &Order) -> Result<()>;
    fn finish(&mut self) -> Result<()>;
    fn activate(&mut self) -> Result<()>;
    fn confirm(&mut self) -> Result<()>;
    fn abandon(&mut self) -> Result<()>;
    fn trust(&mut self, object: &[u8]) -> Result<()>;
    fn hold(&mut self, object: &[u8]) -> Result<()>;
}

/// A step of a scene.
enum Step {
    Use(Use),
    Start,
    Begin(Order),
    Rest(Order),
    Finish,
    Activate,
    Confirm,
    Abandon,
    Trust(Vec<u8>),
    Hold(Vec<u8>),
    /// The device starts again.
    Reset,
}

/// A job for each scene.
#[must_use]
pub fn jobs(_: Depth) -> Vec<Job> {
    (0..scenes().len()).map(|number| Job::new("golden traces", move || compare(number, false))).collect()
}

/// Writes the files anew.
pub fn accept() -> Verdict {
    (0..scenes().len()).try_for_each(|number| compare(number, true).map(drop))
}

fn compare(number: usize, accept: bool) -> Verdict<Counts> {
    let scenes = scenes();
    let (name, start, steps) = &scenes[number];
    let rust = trace(start, steps, |rig| {
        let interlock = Interlock::new(30 * 86_400_000);
        Box::new(Rust { rig, clinical: Use::InUse, interlock, session: None, staged: None })
    });
    let c = trace(start, steps, |rig| Box::new(C(Program::start(rig.platform()))));
    if let Some((line, (one, other))) = rust.iter().zip(&c).enumerate().find(|(_, (one, other))| one != other) {
        return Err(format!("{name}, line {}: `{one}` from Rust, `{other}` from C", line + 1));
    }
    if rust.len() != c.len() {
        return Err(format!("{name}: {} calls from Rust, {} from C", rust.len(), c.len()));
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/update");
    let path = folder.join(format!("{}.txt", name.replace(' ', "_")));
    let text = rust.join("\n") + "\n";
    if accept {
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &text));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let golden = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some((line, (was, is))) = golden.lines().zip(&rust).enumerate().find(|(_, (was, is))| was != is) {
        return Err(format!("{name}, line {}: was `{was}`, is `{is}`", line + 1));
    }
    if golden != text {
        return Err(format!("{name}: was {} lines, is {}", golden.lines().count(), rust.len()));
    }
    Ok(Counts {
        row: vec![(*name).into()],
        counts: vec![("lines, Rust", rust.len() as u64), ("lines, C", c.len() as u64)],
    })
}

fn trace<'s>(
    start: &Rig,
    steps: &[Step],
    interface: impl for<'r> Fn(&'r Rig) -> Box<dyn Interface + 'r> + 's,
) -> Vec<String> {
    let rig = start.clone();
    rig.arm(None);
    rig.listen();
    let mut program = interface(&rig);
    for step in steps {
        let (name, result) = match step {
            Step::Use(clinical) => {
                program.set_use(*clinical);
                continue;
            }
            Step::Reset => {
                drop(program);
                rig.reboot();
                program = interface(&rig);
                continue;
            }
            Step::Start => ("start", program.start()),
            Step::Begin(order) => ("begin", program.begin(order)),
            Step::Rest(order) => ("feed", program.rest(order)),
            Step::Finish => ("finish", program.finish()),
            Step::Activate => ("activate", program.activate()),
            Step::Confirm => ("confirm", program.confirm()),
            Step::Abandon => ("abandon", program.abandon()),
            Step::Trust(object) => ("trust update", program.trust(object)),
            Step::Hold(object) => ("hold", program.hold(object)),
        };
        rig.say(&format!("= {name}: {result:?}"));
    }
    drop(program);
    rig.heard()
}

fn scenes() -> Vec<(&'static str, Rig, Vec<Step>)> {
    use Step::{Abandon, Activate, Begin, Confirm, Finish, Hold, Reset, Rest, Start};
    let slot = Geometry { size: 512, erase_size: 256, write_size: 32 };
    let model = Model { name: "", slots: [slot; 2], erased: 0xFF, keeps: Keeps::Store(StoreModel::Atomic) };
    let scenes = Scene::all(&model, 200);
    let named = |name: &str| scenes.iter().find(|scene| scene.name == name).expect("a scene of this name");
    let order = |name: &str| match &named(name).task {
        Task::Install(order) => order.clone(),
        _ => unreachable!("an installation"),
    };
    let start = |name: &str| named(name).start.clone();
    let install = |order: &Order| {
        vec![Step::Use(Use::Idle), Start, Begin(order.clone()), Rest(order.clone()), Finish, Activate, Reset, Start]
    };
    let then = |mut steps: Vec<Step>, more: Vec<Step>| {
        steps.extend(more);
        steps
    };
    let new = order("confirm");
    // The power goes half way through the transfer.
    let half = start("install");
    half.arm(Some(Cut::Bench(5, At::After)));
    let _ = named("install").drive(&half);
    half.restart();
    let mut forged = new.clone();
    let at = forged.release.envelope.len() - 1;
    forged.release.envelope[at] ^= 1;
    let old = Order { token: None, ..order("downgrade") };
    let world = World::new();
    let stores = [world.store(2), world.store(2)].map(Step::Trust);
    let holds = [world.hold(&new.release, 1, NOW + 60), world.hold(&new.release, 2, 0)];
    let [held, lifted] = holds.map(Hold);
    vec![
        ("install", start("install"), then(install(&new), vec![Confirm, Start])),
        ("revert", start("install"), then(install(&new), vec![Reset, Start, Step::Use(Use::Idle), Abandon, Start])),
        ("resume", half, then(install(&new), vec![Confirm])),
        ("downgrade", start("downgrade"), then(install(&order("downgrade")), vec![Confirm])),
        ("back up again", start("back up again"), then(install(&order("back up again")), vec![Confirm])),
        ("USB medium", start("USB medium"), then(install(&order("USB medium")), vec![Confirm])),
        ("trust update", start("trust update"), stores.into()),
        ("hold", start("hold"), vec![held, Step::Use(Use::Idle), Begin(new.clone()), lifted, Begin(new.clone())]),
        ("therapy", start("install"), vec![Start, Begin(new.clone()), Step::Use(Use::Alarm), Begin(new)]),
        ("refusals", start("install"), vec![Step::Use(Use::Idle), Begin(forged), Begin(old), Confirm]),
    ]
}

/// The day of the firmware, as the C interface has it: 2026-01-01.
const WRITTEN: u64 = 1_767_225_600;

struct Rust<'r> {
    rig: &'r Rig,
    clinical: Use,
    interlock: Interlock,
    session: Option<Session>,
    staged: Option<Staged>,
}

impl Interface for Rust<'_> {
    fn set_use(&mut self, clinical: Use) {
        self.clinical = clinical;
    }
    fn start(&mut self) -> Result<()> {
        boot::verify_at_boot(&self.rig.platform(), &suite())?;
        boot::load(&self.rig.platform(), &suite()).map(drop)
    }
    fn begin(&mut self, order: &Order) -> Result<()> {
        let (suite, platform) = (suite(), self.rig.platform());
        let permit = self.interlock.ask(&platform, Permission::Install, self.clinical);
        let session = order.planned(self.rig, |plan| {
            let clinical = permit?;
            match Session::resume(&platform, &suite, plan) {
                Err(Reason::NoUpdate) => Session::begin(&platform, &suite, plan, clinical),
                session => session,
            }
        })?;
        self.session = Some(session);
        Ok(())
    }
    fn rest(&mut self, order: &Order) -> Result<()> {
        let session = self.session.as_mut().ok_or(Reason::Misuse)?;
        let image = &order.release.image[session.offset() as usize..];
        image
            .chunks(order.piece)
            .try_for_each(|piece| session.feed(&self.rig.platform(), &suite(), piece, self.clinical))
    }
    fn finish(&mut self) -> Result<()> {
        let session = self.session.take().ok_or(Reason::Misuse)?;
        self.staged = Some(session.finish(&self.rig.platform(), &suite(), self.clinical)?);
        Ok(())
    }
    fn activate(&mut self) -> Result<()> {
        self.staged.take().ok_or(Reason::Misuse)?.activate(&self.rig.platform(), self.clinical)
    }
    fn confirm(&mut self) -> Result<()> {
        boot::confirm(&self.rig.platform(), &suite(), 0).map(drop)
    }
    fn abandon(&mut self) -> Result<()> {
        Session::abandon(&self.rig.platform(), &suite())
    }
    fn trust(&mut self, object: &[u8]) -> Result<()> {
        let mut buffer = [0; limits::TRUST_STORE];
        let platform = self.rig.platform();
        trust::update(&platform, &suite(), None, Authority::Manufacturer, object, &mut buffer)?;
        // Its date is a time before which it is not.
        let store = TrustStore::load(&platform, Authority::Manufacturer, &mut buffer)?.ok_or(Reason::TrustMissing)?;
        Floor::load(&platform, WRITTEN)?.raise(&platform, store.issued)
    }
    fn hold(&mut self, object: &[u8]) -> Result<()> {
        let platform = self.rig.platform();
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&platform, &mut buffers)?;
        hold::take(&platform, &suite(), &trust, SERIAL, object)
    }
}

struct C<'r>(Program<'r>);

impl Interface for C<'_> {
    fn set_use(&mut self, clinical: Use) {
        let number = match clinical {
            Use::Idle => aseptic_ffi::ASEPTIC_USE_IDLE,
            Use::InUse => aseptic_ffi::ASEPTIC_USE_IN_USE,
            Use::Alarm => aseptic_ffi::ASEPTIC_USE_ALARM,
            Use::Emergency => aseptic_ffi::ASEPTIC_USE_EMERGENCY,
        };
        self.0.set_use(number).expect("a use");
    }
    fn start(&mut self) -> Result<()> {
        self.0.verify()?;
        self.0.state().map(drop)
    }
    fn begin(&mut self, order: &Order) -> Result<()> {
        self.0.begin(&Offer {
            envelope: &order.release.envelope,
            model: [DEVICE.vendor, DEVICE.class],
            component: b"main",
            serial: SERIAL,
            downgrade: order.token.as_deref().unwrap_or_default(),
            source: match order.source {
                Source::Network => aseptic_ffi::ASEPTIC_SOURCE_NETWORK,
                Source::Medium => aseptic_ffi::ASEPTIC_SOURCE_MEDIUM,
            },
        })
    }
    fn rest(&mut self, order: &Order) -> Result<()> {
        let start = self.0.offset()? as usize;
        order.release.image[start..].chunks(order.piece).try_for_each(|piece| self.0.feed(piece))
    }
    fn finish(&mut self) -> Result<()> {
        self.0.finish()
    }
    fn activate(&mut self) -> Result<()> {
        self.0.activate()
    }
    fn confirm(&mut self) -> Result<()> {
        self.0.confirm(0)
    }
    fn abandon(&mut self) -> Result<()> {
        self.0.abandon()
    }
    fn trust(&mut self, object: &[u8]) -> Result<()> {
        self.0.trust(1, object)
    }
    fn hold(&mut self, object: &[u8]) -> Result<()> {
        self.0.hold(SERIAL, object)
    }
}
