//! Each defect that is planted into a port is found and named; a port without a defect has no finding.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

use aseptic_core::crypto::soft;
use aseptic_core::platform::*;
use aseptic_core::secret::Secret;
use aseptic_core::time::Time;
use aseptic_nor::{Flash, Geometry as FlashGeometry, Nor};
use aseptic_selftest::{Finding, Power, SLOTS, Subject, WORK, run};
use aseptic_testbed::bench::{At, Bench, Interruption, Rest, StoreModel, Tear};
use aseptic_testbed::nor::{Chip, Fate};
use std::cell::Cell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    EntropyFails,
    EntropyWords,
    EntropyOnce,
    EntropyBiased,
    UptimeBack,
    UptimeStands,
    ClockImplausible,
    StoreFails,
    StoreCuts,
    StoreLong,
    StoreBeyond,
    StoreEmpty,
    StoreAnyRoom,
    StoreByte,
    StoreEraseAbsent,
    StoreErasesNothing,
    CounterFails,
    CounterHalf,
    CounterBack,
    CounterOne,
    KeyTaken,
    KeyPublic,
    KeySignature,
    KeyAgreement,
    KeyPolicy,
    KeyPeer,
    KeyWalk,
    KeyRemains,
    ImageGeometry,
    ImageErase,
    ImageWrite,
    ImageBank,
    ImageFails,
}

/// A bench with one defect.
struct Port {
    bench: Bench,
    defect: Defect,
    ticks: Cell<u64>,
    /// Whether a power cut comes in the middle of a write.
    torn: Cell<bool>,
}

impl Port {
    fn new(defect: Defect) -> Self {
        let bench = Bench::new(7);
        bench.set_clock(Time::trusted(1_800_000_000));
        Self { bench, defect, ticks: Cell::new(0), torn: Cell::new(false) }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn findings(&self, power: Option<&dyn Power>) -> Vec<Finding> {
        let before = self.bench.snapshot();
        let platform = Platform {
            entropy: self,
            clock: self,
            store: self,
            counters: self,
            keys: self,
            images: self,
            events: self,
        };
        let findings = findings(platform, None, power, true);
        if self.is(Defect::None) {
            let (mut before, mut after) = (before, self.bench.snapshot());
            before.counters.remove(&Counter::SelfTest);
            assert_eq!((&after.slots, &after.keys), (&before.slots, &before.keys), "what was stored is as it was");
            after.counters.remove(&Counter::SelfTest);
            assert_eq!((&after.counters, &after.flash[0]), (&before.counters, &before.flash[0]));
        }
        findings
    }
}

fn findings(
    platform: Platform<'_>,
    flash: Option<&dyn Flash>,
    power: Option<&dyn Power>,
    danger_other_image: bool,
) -> Vec<Finding> {
    let (mut work, mut found) = (Box::new([0; WORK]), Vec::new());
    let subject = Subject { platform, suite: soft::suite(), flash, power, danger_other_image };
    let count = run(&subject, &mut work, &mut |finding, detail| {
        println!("{} {finding:?} ({detail}): {} {}", finding.number(), finding.problem(), finding.remedy());
        found.push(finding);
    });
    assert_eq!(count as usize, found.len());
    found.dedup();
    found
}

impl Entropy for Port {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        match self.defect {
            Defect::EntropyFails => return Err(Fault::Io),
            Defect::EntropyOnce => {
                out.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8);
                return Ok(());
            }
            Defect::EntropyWords => {
                let words = out.len() / 4 * 4;
                return self.bench.fill(&mut out[..words]);
            }
            _ => self.bench.fill(out)?,
        }
        if self.is(Defect::EntropyBiased) {
            out.iter_mut().for_each(|byte| *byte &= 0xFE);
        }
        Ok(())
    }
}

impl Clock for Port {
    fn now(&self) -> Time {
        if self.is(Defect::ClockImplausible) { Time::trusted(3600) } else { self.bench.now() }
    }
    fn uptime(&self) -> u64 {
        self.ticks.set(self.ticks.get() + 1);
        match self.defect {
            Defect::UptimeStands => 5,
            Defect::UptimeBack => self.ticks.get() % 300,
            _ => self.ticks.get(),
        }
    }
}

impl Store for Port {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let loaded = self.bench.load(slot, out);
        match (self.defect, loaded) {
            (Defect::StoreEmpty, Err(Fault::NotFound)) => Ok(0),
            (Defect::StoreAnyRoom, Err(Fault::Full)) => Ok(out.len()),
            (Defect::StoreBeyond, Ok(length)) => {
                if let Some(byte) = out.get_mut(length) {
                    *byte = 0;
                }
                Ok(length)
            }
            (_, loaded) => loaded,
        }
    }
    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        match self.defect {
            Defect::StoreFails => Err(Fault::Io),
            Defect::StoreCuts => self.bench.save(slot, &bytes[..bytes.len().min(4096)]),
            Defect::StoreLong if bytes.len() > 4096 => Err(Fault::Full),
            Defect::StoreByte => self.bench.save(SLOTS[0], bytes),
            _ => self.bench.save(slot, bytes),
        }
    }
    fn erase(&self, slot: Slot) -> Outcome<()> {
        match self.defect {
            Defect::StoreEraseAbsent if self.bench.load(slot, &mut []) == Err(Fault::NotFound) => Err(Fault::NotFound),
            Defect::StoreErasesNothing => Ok(()),
            _ => Store::erase(&self.bench, slot),
        }
    }
}

impl Counters for Port {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        let counter = if self.is(Defect::CounterOne) { Counter::UpdateFloor } else { counter };
        match self.defect {
            Defect::CounterFails if counter == Counter::SelfTest => Err(Fault::Io),
            Defect::CounterHalf => Counters::read(&self.bench, counter).map(|value| value & 1),
            _ => Counters::read(&self.bench, counter),
        }
    }
    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        if self.is(Defect::CounterBack) {
            self.bench.edit(|medium| {
                medium.counters.insert(counter, to);
            });
            return Ok(());
        }
        let counter = if self.is(Defect::CounterOne) { Counter::UpdateFloor } else { counter };
        self.bench.advance(counter, to)
    }
    fn strength(&self) -> Strength {
        self.bench.strength()
    }
}

impl Keys for Port {
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()> {
        if self.is(Defect::KeyTaken) {
            self.bench.destroy(id)?;
        }
        self.bench.generate(id, policy)
    }
    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        let public = Keys::public(&self.bench, id, out)?;
        if self.is(Defect::KeyPublic) {
            out[0] = 0x02;
        }
        Ok(public)
    }
    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        if self.is(Defect::KeyPolicy) {
            return Ok(self.bench.sign(id, input, out).unwrap_or(Progress::Done(64)));
        }
        let signed = self.bench.sign(id, input, out)?;
        if self.is(Defect::KeySignature) {
            out[..32].reverse();
        }
        Ok(signed)
    }
    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()> {
        let agreed = self.bench.agree(id, peer, out);
        match self.defect {
            Defect::KeyPeer => Ok(()),
            Defect::KeyAgreement => {
                out.expose_mut()[0] ^= id.0 as u8;
                agreed
            }
            _ => agreed,
        }
    }
    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>> {
        let next = Keys::next(&self.bench, after)?;
        if self.is(Defect::KeyWalk) && next.is_some() { Keys::next(&self.bench, KeyId(0)) } else { Ok(next) }
    }
    fn destroy(&self, id: KeyId) -> Outcome<()> {
        if self.is(Defect::KeyRemains) { Ok(()) } else { self.bench.destroy(id) }
    }
}

impl Images for Port {
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry> {
        let geometry = self.bench.geometry(slot)?;
        Ok(if self.is(Defect::ImageGeometry) { Geometry { size: geometry.size + 8, ..geometry } } else { geometry })
    }
    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        if self.is(Defect::ImageErase) {
            self.bench.edit(|medium| {
                let flash = &mut medium.flash[slot as usize];
                let range = offset as usize..(offset + len) as usize;
                flash.bytes[range].iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8);
            });
            return Ok(());
        }
        Images::erase(&self.bench, slot, offset, len)
    }
    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        match self.defect {
            Defect::ImageFails => Err(Fault::Denied),
            Defect::ImageWrite => Images::write(&self.bench, slot, offset, &bytes[..bytes.len() / 8 * 8]),
            Defect::ImageBank => {
                Images::write(&self.bench, slot.other(), offset, bytes)?;
                Images::write(&self.bench, slot, offset, bytes)
            }
            _ => Images::write(&self.bench, slot, offset, bytes),
        }
    }
    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        Images::read(&self.bench, slot, offset, out)
    }
    fn running(&self) -> Outcome<ImageSlot> {
        self.bench.running()
    }
    fn select(&self, _: ImageSlot, _: BootMode) -> Outcome<()> {
        panic!("the test does not change what boots")
    }
}

impl Events for Port {
    fn on_event(&self, _: Event) {}
}

/// Cuts the power of the bench, also within a write.
impl Power for Port {
    fn cut_after(&self, writes: u32) -> Outcome<()> {
        let tear = At::Torn(Tear { done: 350, rest: Rest::Garbage });
        let at = if self.torn.get() { tear } else { At::After };
        self.bench.arm(Interruption::Cut { write: writes as usize, at });
        Ok(())
    }
    fn restore(&self) -> Outcome<()> {
        self.bench.restart();
        Ok(())
    }
}

#[test]
fn a_right_port_has_no_finding() {
    let port = Port::new(Defect::None);
    port.bench.save(SLOTS[0], &[1; 8192]).unwrap();
    port.bench.save(Slot(2), b"a record").unwrap();
    port.bench.advance(Counter::UpdateFloor, 9).unwrap();
    port.bench
        .generate(KeyId(16), KeyPolicy { alg: aseptic_core::crypto::KeyAlg::Ed25519, usage: KeyUse::Sign })
        .unwrap();
    assert_eq!(port.findings(Some(&port)), []);
    assert_eq!(port.findings(None), []);
    let absent = Absent;
    let lean = Platform { store: &absent, counters: &absent, keys: &absent, images: &absent, ..port.bench.platform() };
    assert_eq!(findings(Platform { clock: &port, ..lean }, None, None, true), []);
}

#[test]
fn each_planted_defect_is_found_and_named() {
    let expected = [
        (Defect::EntropyFails, Finding::EntropyFails),
        (Defect::EntropyWords, Finding::EntropyShort),
        (Defect::EntropyOnce, Finding::EntropyStuck),
        (Defect::EntropyBiased, Finding::EntropyBiased),
        (Defect::UptimeBack, Finding::UptimeBack),
        (Defect::UptimeStands, Finding::UptimeStands),
        (Defect::ClockImplausible, Finding::ClockImplausible),
        (Defect::StoreFails, Finding::StoreFails),
        (Defect::StoreCuts, Finding::StoreContent),
        (Defect::StoreLong, Finding::StoreFails),
        (Defect::StoreBeyond, Finding::StoreBeyond),
        (Defect::StoreEmpty, Finding::StoreNotFound),
        (Defect::StoreAnyRoom, Finding::StoreTooSmall),
        (Defect::StoreByte, Finding::StoreMixed),
        (Defect::StoreEraseAbsent, Finding::StoreEraseAbsent),
        (Defect::CounterFails, Finding::CounterFails),
        (Defect::CounterHalf, Finding::CounterValue),
        (Defect::CounterBack, Finding::CounterBack),
        (Defect::CounterOne, Finding::CounterMixed),
        (Defect::KeyTaken, Finding::KeyTaken),
        (Defect::KeyPublic, Finding::KeyPublic),
        (Defect::KeySignature, Finding::KeySignature),
        (Defect::KeyAgreement, Finding::KeyAgreement),
        (Defect::KeyPolicy, Finding::KeyPolicy),
        (Defect::KeyPeer, Finding::KeyPeer),
        (Defect::KeyWalk, Finding::KeyWalk),
        (Defect::KeyRemains, Finding::KeyRemains),
        (Defect::ImageGeometry, Finding::ImageGeometry),
        (Defect::ImageErase, Finding::ImageErase),
        (Defect::ImageWrite, Finding::ImageWrite),
        (Defect::ImageBank, Finding::ImageWide),
        (Defect::ImageFails, Finding::ImageFails),
    ];
    for (defect, finding) in expected {
        let found = Port::new(defect).findings(None);
        assert!(found.contains(&finding), "{defect:?}: {found:?}");
    }
    println!("selftest: {} planted defects, each found and named", expected.len());
    let keeps = Port::new(Defect::StoreErasesNothing);
    keeps.bench.save(SLOTS[0], b"old").unwrap();
    assert!(keeps.findings(None).contains(&Finding::StoreNotFound));
}

#[test]
fn a_store_that_tears_is_found_where_the_power_can_be_cut() {
    let mut port = Port::new(Defect::None);
    port.bench = port.bench.clone().with_store(StoreModel::Torn);
    port.torn.set(true);
    assert_eq!(port.findings(None), []);
    assert_eq!(port.findings(Some(&port)), [Finding::StoreTorn]);
}

/// Flash in memory with one defect, and a switch.
struct Part {
    chip: Chip,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Geometry,
    EraseHalf,
    EraseNext,
    Protected,
    Swapped,
    Stretched,
}

impl Flash for Part {
    fn geometry(&self) -> Outcome<FlashGeometry> {
        let geometry = self.chip.geometry()?;
        Ok(if self.wrong == Wrong::Geometry { FlashGeometry { erase_size: 3000, ..geometry } } else { geometry })
    }
    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
        self.chip.read(at, out)
    }
    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        match self.wrong {
            Wrong::Protected => Ok(()),
            Wrong::Swapped => {
                self.chip.edit(|chip| {
                    for (at, byte) in (at as usize..).zip(bytes) {
                        chip[at ^ 1] = *byte;
                    }
                });
                Ok(())
            }
            Wrong::Stretched => {
                self.chip.edit(|chip| chip[(at as usize + bytes.len()) % (8 * 2048)] &= 0xF0);
                self.chip.program(at, bytes)
            }
            _ => self.chip.program(at, bytes),
        }
    }
    fn erase(&self, at: u32) -> Outcome<()> {
        self.chip.erase(at)?;
        match self.wrong {
            Wrong::EraseHalf => self.chip.edit(|chip| chip[at as usize + 1024..][..1024].fill(0)),
            Wrong::EraseNext => self.chip.erase((at + 2048) % (8 * 2048))?,
            _ => {}
        }
        Ok(())
    }
}

impl Power for Part {
    fn cut_after(&self, writes: u32) -> Outcome<()> {
        self.chip.arm(writes as usize, Fate::Cut(aseptic_testbed::nor::Tear::Scattered));
        Ok(())
    }
    fn restore(&self) -> Outcome<()> {
        self.chip.restart();
        Ok(())
    }
}

#[test]
fn flash_is_tried_out_where_nothing_is_stored() {
    for (wrong, expected) in [
        (Wrong::Nothing, None),
        (Wrong::Geometry, Some(Finding::FlashGeometry)),
        (Wrong::EraseHalf, Some(Finding::FlashErase)),
        (Wrong::EraseNext, Some(Finding::FlashEraseWide)),
        (Wrong::Protected, Some(Finding::FlashProgram)),
        (Wrong::Swapped, Some(Finding::FlashProgram)),
        (Wrong::Stretched, Some(Finding::FlashProgramWide)),
    ] {
        let chip = Chip::new(FlashGeometry { size: 8 * 2048, erase_size: 2048, program_size: 8 });
        let nor = Nor::new(&chip);
        for turn in 0..40 {
            nor.save(Slot(2), &[turn; 300]).unwrap();
        }
        nor.advance(Counter::UpdateFloor, 4).unwrap();
        let part = Part { chip: chip.clone(), wrong };
        let nor = Nor::new(&part);
        let port = Port::new(Defect::None);
        let platform = Platform { store: &nor, counters: &nor, clock: &port, ..port.bench.platform() };
        let found = findings(platform, Some(&part), Some(&part), false);
        assert_eq!(found.first().copied(), expected, "{wrong:?}: {found:?}");
        if wrong == Wrong::Nothing {
            let mut room = [0; 300];
            assert_eq!((nor.load(Slot(2), &mut room), room), (Ok(300), [39; 300]));
            assert_eq!(nor.read(Counter::UpdateFloor), Ok(4));
        }
    }
}

#[test]
fn the_slots_of_the_test_belong_to_nobody_else() {
    let taken = aseptic_core::record::Kind::ALL.iter().flat_map(|kind| kind.slots());
    assert!(taken.chain([Slot(0x100)]).all(|slot| !SLOTS.contains(&slot)));
}
