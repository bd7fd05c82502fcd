//! NOR flash in memory: erasing sets bytes to 0xFF, programming clears bits, operations fail, are torn and wear.

use aseptic_core::platform::{Fault, Outcome};
use aseptic_nor::{Flash, Geometry};
use std::cell::RefCell;

/// A chip. Cloning it copies the device with all that it has stored.
#[derive(Clone, Debug)]
pub struct Chip {
    geometry: Geometry,
    write_once: bool,
    state: RefCell<State>,
}

/// One operation that changes the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// So many program units.
    Program(usize),
    /// One erase unit.
    Erase,
}

/// What happens to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It answers a fault; the device runs on.
    Fail(Tear),
    /// The power goes; until [`Chip::restart`] every call fails.
    Cut(Tear),
}

/// How much of an operation is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Nothing.
    Nothing,
    /// All of it.
    Everything,
    /// The first so many program units. Of an erasure: so many sixteenths of the erase unit.
    First(usize),
    /// As `First`, and in the next program unit some of the bits. On a chip with error correction that unit is unreadable.
    Some(usize),
    /// As `First`, and the next program unit reads as erased but takes no further write.
    Trace(usize),
    /// Every other program unit. Of an erasure: of the erase unit.
    Scattered,
    /// An erasure: all but the first so many sixteenths.
    Last(usize),
    /// An erasure: some bits of all bytes. On a chip with error correction everything is unreadable.
    Noise,
    /// An erasure: everything reads as erased, and takes no write.
    Weak,
}

#[derive(Clone, Debug)]
struct State {
    bytes: Vec<u8>,
    units: Vec<Unit>,
    erasures: Vec<u32>,
    operations: Vec<Operation>,
    reads: usize,
    plan: Option<(usize, Fate)>,
    failing_read: Option<(usize, Fault)>,
    dark: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Erased,
    Written,
    /// Neither: looks like anything, keeps nothing.
    Weak,
    /// The error correction gives up.
    Unreadable,
}

impl Chip {
    /// An erased chip whose words may be programmed again to clear more bits.
    ///
    /// # Panics
    /// If a size is no power of two or the whole is no multiple of the erase size.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let Geometry { size, erase_size, program_size } = geometry;
        assert!(erase_size.is_power_of_two() && program_size.is_power_of_two() && size.is_multiple_of(erase_size));
        let state = State {
            bytes: vec![0xFF; size as usize],
            units: vec![Unit::Erased; (size / program_size) as usize],
            erasures: vec![0; (size / erase_size) as usize],
            operations: Vec::new(),
            reads: 0,
            plan: None,
            failing_read: None,
            dark: false,
        };
        Self { geometry, write_once: false, state: RefCell::new(state) }
    }

    /// The same chip with error correction: a word is programmed once between two erasures, a second time is refused.
    #[must_use]
    pub fn write_once(mut self) -> Self {
        self.write_once = true;
        self
    }

    /// Starts a new count of operations, in which this happens to the one with this number.
    pub fn arm(&self, operation: usize, fate: Fate) {
        self.disarm();
        self.state.borrow_mut().plan = Some((operation, fate));
    }

    /// Starts a new count of reads, in which the one with this number fails.
    pub fn arm_read(&self, read: usize, fault: Fault) {
        self.disarm();
        self.state.borrow_mut().failing_read = Some((read, fault));
    }

    /// Starts a new count, in which nothing happens.
    pub fn disarm(&self) {
        let mut state = self.state.borrow_mut();
        state.operations.clear();
        (state.reads, state.plan, state.failing_read) = (0, None, None);
    }

    /// Power is back.
    pub fn restart(&self) {
        self.disarm();
        self.state.borrow_mut().dark = false;
    }

    /// Whether the power is off.
    #[must_use]
    pub fn dark(&self) -> bool {
        self.state.borrow().dark
    }

    /// The operations since the last count began.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.state.borrow().operations.clone()
    }

    /// The reads since the last count began.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.state.borrow().reads
    }

    /// How often each erase unit was erased.
    #[must_use]
    pub fn erasures(&self) -> Vec<u32> {
        self.state.borrow().erasures.clone()
    }

    /// Everything on the chip, as somebody reads it who has it on the bench.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        self.state.borrow().bytes.clone()
    }

    /// Changes what is stored.
    pub fn edit(&self, change: impl FnOnce(&mut [u8])) {
        change(&mut self.state.borrow_mut().bytes);
    }
}

impl Operation {
    /// Every way in which this operation can be torn; of long ones, at the ends and in the middle.
    #[must_use]
    pub fn tears(self) -> Vec<Tear> {
        let mut tears = vec![Tear::Nothing, Tear::Everything];
        match self {
            Self::Program(units) => {
                let mut at = vec![0, 1, units / 2, units - 1];
                at.retain(|first| *first < units);
                at.sort_unstable();
                at.dedup();
                for first in at {
                    tears.extend([Tear::First(first), Tear::Some(first), Tear::Trace(first)]);
                }
                tears.push(Tear::Scattered);
            }
            Self::Erase => {
                for part in [1, 8, 15] {
                    tears.extend([Tear::First(part), Tear::Last(part)]);
                }
                tears.extend([Tear::Scattered, Tear::Noise, Tear::Weak]);
            }
        }
        tears
    }
}

/// Ranges outside the chip and wrong alignment are mistakes of the caller.
///
/// # Panics
/// On every breach of the contract of [`Flash`], but for the second program of a word, which is answered.
impl Flash for Chip {
    fn geometry(&self) -> Outcome<Geometry> {
        Ok(self.geometry)
    }

    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        if state.dark {
            return Err(Fault::Unavailable);
        }
        let number = state.reads;
        state.reads += 1;
        if let Some((read, fault)) = state.failing_read
            && read == number
        {
            return Err(fault);
        }
        let (start, end) = (at as usize, at as usize + out.len());
        let unit = self.geometry.program_size as usize;
        if state.units[start / unit..end.div_ceil(unit)].contains(&Unit::Unreadable) {
            return Err(Fault::Corrupt);
        }
        out.copy_from_slice(&state.bytes[start..end]);
        Ok(())
    }

    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        let (start, unit) = (at as usize, self.geometry.program_size as usize);
        assert!(start.is_multiple_of(unit) && bytes.len().is_multiple_of(unit) && !bytes.is_empty(), "alignment");
        assert!((bytes.as_ptr() as usize).is_multiple_of(8), "bytes in memory are aligned");
        assert_eq!(start / 256, (start + bytes.len() - 1) / 256, "one page");
        let count = bytes.len() / unit;
        let mut state = self.state.borrow_mut();
        let (tear, outcome) = state.begin(Operation::Program(count))?;
        let write = |state: &mut State, number: usize| state.program(start, number, unit, bytes, self.write_once);
        let mut refused = false;
        match tear {
            Tear::Nothing | Tear::Last(_) | Tear::Noise | Tear::Weak => {}
            Tear::Everything => (0..count).for_each(|number| refused |= !write(&mut state, number)),
            Tear::Scattered => (0..count).step_by(2).for_each(|number| refused |= !write(&mut state, number)),
            Tear::First(first) | Tear::Some(first) | Tear::Trace(first) => {
                (0..first).for_each(|number| refused |= !write(&mut state, number));
                let touched = start / unit + first;
                if state.units[touched] != Unit::Erased {
                } else if let Tear::Trace(_) = tear {
                    state.units[touched] = Unit::Weak;
                } else if let Tear::Some(_) = tear {
                    state.units[touched] = if self.write_once { Unit::Unreadable } else { Unit::Written };
                    let from = first * unit;
                    for (place, byte) in state.bytes[start + from..].iter_mut().zip(&bytes[from..from + unit]) {
                        *place &= byte | 0x5A;
                    }
                }
            }
        }
        if refused { outcome.and(Err(Fault::Io)) } else { outcome }
    }

    fn erase(&self, at: u32) -> Outcome<()> {
        let (start, size) = (at as usize, self.geometry.erase_size as usize);
        assert!(start.is_multiple_of(size), "alignment");
        let mut state = self.state.borrow_mut();
        let (tear, outcome) = state.begin(Operation::Erase)?;
        state.erasures[start / size] += 1;
        let unit = self.geometry.program_size as usize;
        let all = 0..size / unit;
        let part = |sixteenths: usize| (size / unit * sixteenths) / 16;
        let mut erase = |number: usize| {
            state.units[start / unit + number] = Unit::Erased;
            state.bytes[start + number * unit..][..unit].fill(0xFF);
        };
        match tear {
            Tear::Nothing | Tear::Some(_) | Tear::Trace(_) => {}
            Tear::Everything => all.for_each(erase),
            Tear::First(sixteenths) => (0..part(sixteenths)).for_each(erase),
            Tear::Last(sixteenths) => (part(sixteenths)..all.end).for_each(erase),
            Tear::Scattered => all.step_by(2).for_each(erase),
            Tear::Weak => {
                all.clone().for_each(&mut erase);
                state.units[start / unit..][all].fill(Unit::Weak);
            }
            Tear::Noise => {
                let left = if self.write_once { Unit::Unreadable } else { Unit::Weak };
                state.units[start / unit..][all].fill(left);
                for (place, byte) in state.bytes[start..start + size].iter_mut().enumerate() {
                    *byte |= (place as u8).wrapping_mul(37).rotate_left(3);
                }
            }
        }
        outcome
    }
}

impl State {
    /// What the plan makes of the next operation.
    fn begin(&mut self, operation: Operation) -> Outcome<(Tear, Outcome<()>)> {
        if self.dark {
            return Err(Fault::Unavailable);
        }
        let number = self.operations.len();
        self.operations.push(operation);
        match self.plan {
            Some((planned, Fate::Fail(tear))) if planned == number => Ok((tear, Err(Fault::Io))),
            Some((planned, Fate::Cut(tear))) if planned == number => {
                self.dark = true;
                Ok((tear, Err(Fault::Unavailable)))
            }
            _ => Ok((Tear::Everything, Ok(()))),
        }
    }

    /// Programs one unit; false if it takes no write.
    fn program(&mut self, start: usize, number: usize, unit: usize, bytes: &[u8], write_once: bool) -> bool {
        let at = start + number * unit;
        let held = self.units[at / unit];
        if held != Unit::Erased && write_once {
            return false;
        }
        // What a weak cell takes is not what it gives back.
        let noise = if held == Unit::Weak { 0xA7 } else { 0xFF };
        for (place, byte) in self.bytes[at..at + unit].iter_mut().zip(&bytes[number * unit..]) {
            *place &= byte & noise;
        }
        if held == Unit::Erased {
            self.units[at / unit] = Unit::Written;
        }
        true
    }
}
