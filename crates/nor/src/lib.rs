//! [`Store`] and [`Counters`] on raw NOR flash, for devices whose system brings neither.
//!
//! What the integrator writes is [`Flash`]: four functions over an area of erase units that belongs to this package alone.
//! [`Nor`] over it keeps blobs and counters in a log that walks round the area, so that all units wear alike.
//!
//! After a power cut at any operation, torn or half erased, and after any operation that fails, a slot holds its old blob or
//! its new one, and no counter has stepped back. A program unit is never programmed twice between two erasures, so flash
//! with error correction, whose words can be written once, serves as well. Erasing a slot of secrets
//! ([`limits::SECRET_SLOTS`]) erases every copy of its bytes.
//!
//! Nothing is kept in memory between calls: what a call needs to know it reads from the flash. Calls take about 1 KiB of
//! stack. A [`Nor`] and its [`Flash`] must not be used from two threads at once.
//!
//! ```
//! use aseptic_core::platform::{Counter, Counters, Fault, Slot, Store};
//! use aseptic_nor::{Geometry, Nor};
//! use aseptic_testbed::nor::Chip;
//!
//! let chip = Chip::new(Geometry { size: 16 * 4096, erase_size: 4096, program_size: 8 });
//! let nor = Nor::new(&chip);
//! let mut room = [0; 32];
//! assert_eq!(nor.load(Slot(2), &mut room), Err(Fault::NotFound));
//! nor.save(Slot(2), b"a record").unwrap();
//! nor.advance(Counter::UpdateFloor, 7).unwrap();
//!
//! chip.restart();
//! assert_eq!(nor.load(Slot(2), &mut room), Ok(8));
//! assert_eq!(nor.read(Counter::UpdateFloor), Ok(7));
//! ```
#![no_std]

mod entry;
mod log;

use aseptic_core::limits;
use aseptic_core::platform::{Counter, Counters, Fault, Outcome, Slot, Store, Strength};
use aseptic_core::record::crc32;
use entry::{Entry, Kind};
use log::{Log, Newest};

/// An area of NOR flash, addressed from 0.
///
/// Erasing sets all bytes of an erase unit to 0xFF; programming clears bits. Each function has finished when it returns;
/// what it did may be lost or torn only if the power goes, or if it reports a fault.
pub trait Flash {
    /// The shape of the area. Always the same for one device: a log written with another shape is [`Fault::Corrupt`].
    fn geometry(&self) -> Outcome<Geometry>;
    /// Reads `out.len()` bytes from the medium itself. [`Fault::Corrupt`] for bytes that the error correction of the medium
    /// gives up, as a torn write leaves them, and for nothing else; any other fault fails the call that needed the bytes.
    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()>;
    /// Programs erased bytes. `at` and the length are multiples of the program size, the range crosses no multiple of 256 (the
    /// page of serial flash), and no program unit is written again before it was erased. `bytes` is aligned to 8.
    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()>;
    /// Erases the one erase unit that begins at `at`.
    fn erase(&self, at: u32) -> Outcome<()>;
}

/// The shape of an area of flash, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// All of it: at least two erase units, a whole number of them.
    pub size: u32,
    /// The unit of erasing: a power of two, at least 256.
    pub erase_size: u32,
    /// The unit and alignment of programming: a power of two, at most 32.
    pub program_size: u32,
}

/// Blobs and counters in an area of flash.
///
/// The area is blank, or erased, when the device is made. At most 64 slots and counters 1 to 15; of the area one erase unit
/// is always in reserve. [`Fault::Full`] when a blob does not fit beside all others and the one that it replaces; counters can
/// be advanced, slots erased all the same.
///
/// * Any fault of the flash is answered as it is, and leaves the old value or the new one.
/// * [`Fault::Corrupt`]: a blob cannot be read back as it was written, or the area holds a log that is damaged or of another
///   shape. Nothing is then written. An area whose geometry is not as documented is [`Fault::Denied`].
/// * A save erases a unit now and then: as many program operations as the blob has bytes in it, and one erasure for each
///   unit that the log has moved on. An erasure is one entry; of a slot that held a secret it erases every unit of the area in
///   turn, so that no copy stays behind: begun and interrupted, it is finished by the next call to erase that slot.
///
/// The counters are [`Strength::FlashOnly`]: whoever can rewrite the flash can step them back.
#[derive(Clone, Copy)]
pub struct Nor<'a> {
    flash: &'a dyn Flash,
}

impl<'a> Nor<'a> {
    /// Looks at nothing yet.
    #[must_use]
    pub const fn new(flash: &'a dyn Flash) -> Self {
        Self { flash }
    }

    /// Where the reserve begins: one erase unit whose content does not count, as long as nothing is stored meanwhile. For
    /// trying the flash out; what is done there changes nothing that is stored.
    pub fn reserve(&self) -> Outcome<u32> {
        Ok(Log::open(self.flash)?.reserve())
    }
}

impl Store for Nor<'_> {
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize> {
        let log = Log::open(self.flash)?;
        let newest = log.newest(slot.0)?;
        let Some(value) = newest.commit.filter(|value| value.generation > newest.gone) else {
            return Err(Fault::NotFound);
        };
        let blob = out.get_mut(..usize::from(value.length)).ok_or(Fault::Full)?;
        log.gather(slot.0, value.generation, blob)?;
        if crc32(blob) == value.check { Ok(blob.len()) } else { Err(Fault::Corrupt) }
    }

    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()> {
        let length = u16::try_from(bytes.len()).map_err(|_| Fault::Full)?;
        if bytes.len() > limits::SLOT {
            return Err(Fault::Full);
        }
        let mut log = Log::open(self.flash)?;
        let index = log.index()?;
        if !index.has_room_for(slot.0) || !log.has_room_for(&index, u32::from(length))? {
            return Err(Fault::Full);
        }
        let generation = index.generation.checked_add(1).ok_or(Fault::Full)?;
        let generation = log.pieces(slot.0, generation, bytes)?;
        let check = crc32(bytes);
        let commit = Entry { kind: Kind::Commit, name: slot.0, generation, length, check, ..Entry::EMPTY };
        log.note(&commit, Some((slot.0, generation)))
    }

    fn erase(&self, slot: Slot) -> Outcome<()> {
        let mut log = Log::open(self.flash)?;
        let Newest { gone, last, .. } = log.newest(slot.0)?;
        if last == 0 && gone == 0 {
            return Ok(());
        }
        if last > gone {
            let generation = log.index()?.generation.checked_add(1).ok_or(Fault::Full)?;
            log.note(&Entry { kind: Kind::Gone, name: slot.0, generation, ..Entry::EMPTY }, None)?;
        }
        if slot.0 < limits::SECRET_SLOTS {
            return Ok(());
        }
        // The bytes are still there. They go with the units that hold them, the last of which is erased by one turn more.
        log.turn_while(slot.0)
    }
}

impl Counters for Nor<'_> {
    fn read(&self, counter: Counter) -> Outcome<u64> {
        Log::open(self.flash)?.index()?.counter(counter as u8)
    }

    fn advance(&self, counter: Counter, to: u64) -> Outcome<()> {
        let mut log = Log::open(self.flash)?;
        if to <= log.index()?.counter(counter as u8)? {
            return Ok(());
        }
        log.note(&Entry { kind: Kind::Counter, name: counter as u16, value: to, ..Entry::EMPTY }, None)
    }

    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}
