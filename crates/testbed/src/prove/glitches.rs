//! One wrong answer while a boot loader decides: of the platform, of the hash engine, or of the word itself.
//!
//! The device stands before a slot that must not run. Then each call that `boot::decide` makes is skipped once, or answers
//! zeros, or one flipped bit; the slot must not be chosen in any of them. What this does not show: instructions of the machine
//! code that are skipped, two faults at once, and a fault that puts the digest expected in the place of the one computed.

use super::rig::Rig;
use super::scenes::{Scene, Verdict};
use super::world::{Keeps, Model, World, suite};
use super::{Counts, Depth, Job};
use crate::bench::StoreModel;
use aseptic_core::Result;
use aseptic_core::crypto::{Hash, HashAlg, HashState, Suite};
use aseptic_core::platform::{
    BootMode, Counter, Counters, Fault, Geometry, ImageSlot, Images, Outcome, Platform, Slot, Store, Strength,
};
use aseptic_update::boot::{self, Decision};
use std::sync::{Mutex, PoisonError};

/// What happens to one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glitch {
    /// The call is not made, and says that it was.
    Skipped,
    /// All its bytes are zero.
    Zeros,
    /// All its bytes are ones.
    Ones,
    /// One bit is another.
    Bit(usize),
}

/// A device that must not start this slot.
struct Attack {
    name: &'static str,
    rig: Rig,
    wrong: ImageSlot,
}

/// One job for each attack, and one for the word.
#[must_use]
pub fn jobs(_: Depth) -> Vec<Job> {
    let names = ["damaged image on trial", "damaged confirmed image", "old image, old record put back"];
    let mut jobs: Vec<_> =
        (0..names.len()).map(|number| Job::new("one wrong answer", move || answers(number))).collect();
    jobs.push(Job::new("one wrong answer", word));
    jobs
}

fn attack(number: usize) -> Attack {
    let slot = Geometry { size: 512, erase_size: 256, write_size: 32 };
    let model = Model { name: "", slots: [slot; 2], erased: 0xFF, keeps: Keeps::Store(StoreModel::Atomic) };
    let start = |name: &str| {
        let scene = Scene::all(&model, 200).into_iter().find(|scene| scene.name == name);
        scene.expect("a scene of this name").start
    };
    // Two bits: one flipped bit of what is read must not mend them.
    let damage = |rig: &Rig, slot: ImageSlot| rig.bench.edit(|medium| medium.flash[slot as usize].bytes[77] ^= 0x24);
    match number {
        0 => {
            let rig = start("confirm");
            damage(&rig, ImageSlot::B);
            Attack { name: "damaged image on trial", rig, wrong: ImageSlot::B }
        }
        1 => {
            let rig = start("install");
            damage(&rig, ImageSlot::A);
            Attack { name: "damaged confirmed image", rig, wrong: ImageSlot::A }
        }
        _ => {
            // All of an older device but its counters.
            let rig = start("second update");
            let older = World::new().factory(&model, &World::new().release(4, 196));
            let medium = older.bench.snapshot();
            rig.bench.edit(|now| (now.slots, now.flash, now.boot) = (medium.slots, medium.flash, medium.boot));
            rig.restart();
            Attack { name: "old image, old record put back", rig, wrong: ImageSlot::A }
        }
    }
}

fn answers(number: usize) -> Verdict<Counts> {
    let Attack { name, rig, wrong } = attack(number);
    let clean = Gate::default();
    if decide(&rig, &clean) == Ok(wrong) {
        return Err(format!("{name}: slot {wrong:?} is chosen without any fault"));
    }
    let lengths = clean.lengths.into_inner().unwrap_or_default();
    let mut tried = 0;
    for (call, length) in lengths.iter().enumerate() {
        let whole = [Glitch::Skipped, Glitch::Zeros, Glitch::Ones];
        for glitch in whole.into_iter().chain((0..length * 8).map(Glitch::Bit)) {
            let gate = Gate { glitch: Some((call, glitch)), ..Gate::default() };
            if decide(&rig, &gate) == Ok(wrong) {
                return Err(format!("{name}: call {call}, {glitch:?}: slot {wrong:?} is chosen"));
            }
            tried += 1;
        }
    }
    Ok(Counts { row: vec![name.into()], counts: vec![("calls", lengths.len() as u64), ("faults", tried)] })
}

/// Up to four flipped bits of the word that a boot loader compares.
fn word() -> Verdict<Counts> {
    let mut tried = 0;
    for (word, count) in [Decision::A, Decision::B].into_iter().flat_map(|word| (1..=4).map(move |count| (word, count)))
    {
        // Every mask of so many bits, in ascending order (Gosper).
        let mut mask = (1_u64 << count) - 1;
        while let Ok(bits) = u32::try_from(mask) {
            let flipped = word ^ bits;
            if flipped == Decision::A || flipped == Decision::B {
                return Err(format!("{word:08X} becomes {flipped:08X}"));
            }
            tried += 1;
            let low = mask & mask.wrapping_neg();
            let carried = mask + low;
            mask = (((carried ^ mask) >> 2) / low) | carried;
        }
    }
    Ok(Counts { row: vec!["the word, up to four bits".into()], counts: vec![("calls", 0), ("faults", tried)] })
}

fn decide(rig: &Rig, gate: &Gate) -> Result<ImageSlot> {
    let (machine, engine) = (Machine { rig, gate }, Engine { gate });
    let platform = Platform { store: &machine, counters: &machine, images: &machine, ..rig.platform() };
    boot::decide(&platform, &Suite { hashes: &[&engine], ..suite() })?.slot()
}

/// Counts the calls and spoils the answer to one.
#[derive(Default)]
struct Gate {
    glitch: Option<(usize, Glitch)>,
    /// The bytes of each answer so far.
    lengths: Mutex<Vec<usize>>,
}

impl Gate {
    /// Lets `make` write the answer, of so many bytes; or not.
    fn answer<E>(
        &self,
        out: &mut [u8],
        make: impl FnOnce(&mut [u8]) -> std::result::Result<usize, E>,
    ) -> std::result::Result<usize, E> {
        let mut lengths = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
        let glitch = self.glitch.filter(|(call, _)| *call == lengths.len()).map(|(_, glitch)| glitch);
        if glitch == Some(Glitch::Skipped) {
            lengths.push(0);
            return Ok(out.len());
        }
        let made = make(out);
        let length = *made.as_ref().unwrap_or(&0);
        lengths.push(length);
        match (glitch, out.get_mut(..length)) {
            (Some(Glitch::Zeros), Some(answer)) => answer.fill(0),
            (Some(Glitch::Ones), Some(answer)) => answer.fill(0xFF),
            (Some(Glitch::Bit(bit)), Some(answer)) => answer[bit / 8] ^= 1 << (bit % 8),
            _ => {}
        }
        made
    }

    fn number<const N: usize>(&self, make: impl FnOnce() -> Outcome<[u8; N]>) -> Outcome<[u8; N]> {
        let mut out = [0; N];
        self.answer(&mut out, |out| make().map(|bytes| out.copy_from_slice(&bytes)).map(|()| N))?;
        Ok(out)
    }
}

/// The rig behind the gate.
struct Machine<'r> {
    rig: &'r Rig,
    gate: &'r Gate,
}

impl Store for Machine<'_> {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        self.gate.answer(out, |out| self.rig.load(slot, out))
    }
    fn save(&self, _: Slot, _: &[u8]) -> Outcome<()> {
        Err(Fault::Denied)
    }
    fn erase(&self, _: Slot) -> Outcome<()> {
        Err(Fault::Denied)
    }
}

impl Counters for Machine<'_> {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        let value = self.gate.number(|| Counters::read(self.rig, counter).map(u64::to_be_bytes))?;
        Ok(u64::from_be_bytes(value))
    }
    fn advance(&self, _: Counter, _: u64) -> Outcome<()> {
        Err(Fault::Denied)
    }
    fn strength(&self) -> Strength {
        Strength::HardwareMonotonic
    }
}

impl Images for Machine<'_> {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        let geometry = self.rig.geometry(slot)?;
        let size = self.gate.number(|| Ok(geometry.size.to_be_bytes()))?;
        Ok(Geometry { size: u64::from_be_bytes(size), ..geometry })
    }
    fn erase(&self, _: ImageSlot, _: u64, _: u64) -> Outcome<()> {
        Err(Fault::Denied)
    }
    fn write(&self, _: ImageSlot, _: u64, _: &[u8]) -> Outcome<()> {
        Err(Fault::Denied)
    }
    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let length = out.len();
        self.gate.answer(out, |out| Images::read(self.rig, slot, offset, out).map(|()| length)).map(drop)
    }
    fn running(&self) -> Outcome<ImageSlot> {
        let [slot] = self.gate.number(|| self.rig.running().map(|slot| [slot as u8]))?;
        Ok(if slot & 1 == 0 { ImageSlot::A } else { ImageSlot::B })
    }
    fn select(&self, _: ImageSlot, _: BootMode) -> Outcome<()> {
        Err(Fault::Denied)
    }
}

/// SHA-256 behind the gate.
struct Engine<'g> {
    gate: &'g Gate,
}

impl Engine<'_> {
    fn inner() -> Result<&'static dyn Hash> {
        suite().hash(HashAlg::Sha256)
    }
}

impl Hash for Engine<'_> {
    fn alg(&self) -> HashAlg {
        HashAlg::Sha256
    }
    fn start(&self) -> Result<HashState> {
        Self::inner()?.start()
    }
    fn update(&self, state: &mut HashState, bytes: &[u8]) -> Result<()> {
        self.gate.answer(&mut [], |_| Self::inner()?.update(state, bytes).map(|()| 0)).map(drop)
    }
    fn finish(&self, state: HashState, out: &mut [u8]) -> Result<()> {
        let length = HashAlg::Sha256.digest_len();
        self.gate.answer(out, |out| Self::inner()?.finish(state, out).map(|()| length)).map(drop)
    }
}
