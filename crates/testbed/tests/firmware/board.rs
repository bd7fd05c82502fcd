//! The board: a flash in a file, which the factory fills through the library's own log, and the emulator that runs on it.

use aseptic_core::Result;
use aseptic_core::crypto::soft;
use aseptic_core::limits;
use aseptic_core::platform::{Absent, BootMode, Clock, Entropy, Fault, Geometry, ImageSlot, Images, Outcome, Platform};
use aseptic_core::time::Time;
use aseptic_core::trust::{self, Authority, PhysicalPresence};
use aseptic_identity::StoredKeys;
use aseptic_nor::{Flash, Nor};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};
use tempfile::TempDir;

/// As `cortex_m/nor.h` and `cortex_m/platform_cortex_m.c` have it.
const SIZE: usize = 0x8_0000;
const LOG: u32 = 0x2_0000;
const IMAGES: usize = 0x4_0000;
const IMAGE_SIZE: usize = 0x2_0000;
const ERASE_SIZE: u32 = 4096;
const PROGRAM_SIZE: u32 = 8;
/// The exit status of an emulator whose flash lost its power.
pub(crate) const POWER_CUT: i32 = 99;

/// The folder of the programs; none where nobody built them.
pub(crate) fn programs() -> Option<PathBuf> {
    let folder = env::var_os("ASEPTIC_FIRMWARE").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: `cargo xtask firmware` builds the firmware and runs this");
    }
    folder
}

/// One board. Its flash outlives each run, and goes with the value.
pub(crate) struct Board {
    folder: TempDir,
}

impl Board {
    /// A board fresh from the chip's maker: everything is erased.
    pub(crate) fn blank() -> Self {
        let board = Self { folder: tempfile::tempdir().unwrap() };
        board.set_flash(&[0xFF; SIZE]);
        board
    }

    /// What the flash holds.
    pub(crate) fn flash(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// Puts back what the flash held.
    pub(crate) fn set_flash(&self, bytes: &[u8]) {
        fs::write(self.path(), bytes).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("flash")
    }

    /// Changes the flash through the library's own log and the images' place, as a factory's programmer does.
    pub(crate) fn program<T>(&self, work: impl FnOnce(&Platform<'_>) -> T) -> T {
        let chip = Chip { bytes: RefCell::new(self.flash()) };
        let nor = Nor::new(&chip);
        let keys = StoredKeys { store: &nor, entropy: &Host };
        let platform = Platform {
            entropy: &Host,
            clock: &Host,
            store: &nor,
            counters: &nor,
            keys: &keys,
            images: &chip,
            events: &Absent,
        };
        let done = work(&platform);
        let bytes = chip.bytes.borrow().clone();
        self.set_flash(&bytes);
        done
    }

    /// Installs a first trust store.
    pub(crate) fn install(&self, authority: Authority, object: &[u8]) -> Result<()> {
        self.program(|platform| {
            let presence = PhysicalPresence::confirmed_at_the_device();
            let mut buffer = [0; limits::TRUST_STORE];
            trust::install(platform, &soft::suite(), None, authority, object, presence, &mut buffer)
        })
    }

    /// Starts a program of the folder with the flash as its first word, which may carry `@` and the number of the flash
    /// operation at which the power goes.
    pub(crate) fn start(&self, program: &Path, cut: &str, words: &[&str], serial: bool) -> Child {
        self.command(program, cut, words, serial).spawn().unwrap()
    }

    /// As [`Board::start`], with time that passes by instructions alone: one takes 2 to the power of `shift` nanoseconds.
    pub(crate) fn start_counting(&self, program: &Path, words: &[&str], shift: u32) -> Child {
        let mut command = self.command(program, "", words, false);
        command.args(["-icount", &format!("shift={shift},align=off,sleep=off")]).spawn().unwrap()
    }

    fn command(&self, program: &Path, cut: &str, words: &[&str], serial: bool) -> Command {
        let mut arguments = format!(",arg={},arg={}{cut}", program.display(), self.path().display());
        for word in words {
            arguments.push_str(",arg=");
            arguments.push_str(word);
        }
        let mut command = Command::new("qemu-system-arm");
        // A reset ends the emulator: the test decides when the board starts again.
        command.args(["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-no-reboot"]);
        command.args(["-serial", if serial { "stdio" } else { "none" }]);
        command.args(["-semihosting-config", &format!("enable=on,target=native{arguments}")]);
        command.arg("-kernel").arg(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The flash while the factory works on it.
struct Chip {
    bytes: RefCell<Vec<u8>>,
}

impl Chip {
    fn put(&self, at: usize, new: &[u8]) -> Outcome<()> {
        let mut bytes = self.bytes.borrow_mut();
        let place = bytes.get_mut(at..at + new.len()).ok_or(Fault::Io)?;
        place.iter_mut().zip(new).for_each(|(there, new)| *there &= new);
        Ok(())
    }

    fn get(&self, at: usize, out: &mut [u8]) -> Outcome<()> {
        out.copy_from_slice(self.bytes.borrow().get(at..at + out.len()).ok_or(Fault::Io)?);
        Ok(())
    }

    fn erase(&self, at: usize, len: usize) -> Outcome<()> {
        self.bytes.borrow_mut().get_mut(at..at + len).ok_or(Fault::Io)?.fill(0xFF);
        Ok(())
    }
}

impl Flash for Chip {
    fn geometry(&self) -> Outcome<aseptic_nor::Geometry> {
        Ok(aseptic_nor::Geometry { size: LOG, erase_size: ERASE_SIZE, program_size: PROGRAM_SIZE })
    }

    fn read(&self, at: u32, out: &mut [u8]) -> Outcome<()> {
        self.get(at as usize, out)
    }

    fn program(&self, at: u32, bytes: &[u8]) -> Outcome<()> {
        self.put(at as usize, bytes)
    }

    fn erase(&self, at: u32) -> Outcome<()> {
        Self::erase(self, at as usize, ERASE_SIZE as usize)
    }
}

fn image_at(slot: ImageSlot, offset: u64) -> usize {
    IMAGES + slot as usize * IMAGE_SIZE + usize::try_from(offset).unwrap()
}

/// The factory knows slot A alone, and the selection is erased.
impl Images for Chip {
    fn geometry(&self, _: ImageSlot) -> Outcome<Geometry> {
        Ok(Geometry { size: IMAGE_SIZE as u64, erase_size: ERASE_SIZE, write_size: PROGRAM_SIZE })
    }

    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()> {
        Self::erase(self, image_at(slot, offset), usize::try_from(len).unwrap())
    }

    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.put(image_at(slot, offset), bytes)
    }

    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.get(image_at(slot, offset), out)
    }

    fn running(&self) -> Outcome<ImageSlot> {
        Ok(ImageSlot::A)
    }

    fn select(&self, slot: ImageSlot, _: BootMode) -> Outcome<()> {
        if slot == ImageSlot::A { Ok(()) } else { Err(Fault::Denied) }
    }
}

/// What the factory's own machine gives.
struct Host;

impl Entropy for Host {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        use std::io::Read;
        fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(out)).map_err(|_| Fault::Unavailable)
    }
}

impl Clock for Host {
    fn now(&self) -> Time {
        Time::UNKNOWN
    }

    fn uptime(&self) -> u64 {
        0
    }
}
