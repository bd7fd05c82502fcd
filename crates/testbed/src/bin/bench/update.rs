//! A manifest judged, against its raw signature; and an image of 64 MiB streamed from a file, against one pass of SHA-256.

use super::measure::{Way, measure};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{HashAlg, Parts, SigAlg};
use aseptic_core::platform::{BootMode, Fault, Geometry, ImageSlot, Images, Outcome, Platform};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_hosted::crypto;
use aseptic_testbed::bench::Bench;
use aseptic_testbed::prove::world::{DEVICE, Manifest, World, program};
use aseptic_update::{Envelope, Session, Target};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// Measures and prints.
pub(super) fn run() -> Outcomes<()> {
    manifest()?;
    image()
}

fn manifest() -> Outcomes<()> {
    let (world, suite) = (World::new(), crypto::suite());
    let author = &world.authors[0];
    let mut manifest = Manifest::new(6, program(1000, 6));
    manifest.by = vec![0];
    let release = world.manifest(&manifest);
    let entry = Entry {
        purposes: Purposes::of(&[Purpose::UpdateInstall]),
        name: b"author",
        material: Material::Key(author.public()),
    };
    let trust = danger::unsigned(Authority::Manufacturer, core::slice::from_ref(&entry))?;
    let slot = Geometry { size: 1 << 20, erase_size: 4096, write_size: 8 };
    let target = Target { slot: ImageSlot::B, geometry: slot };
    // As long as the Sig_structure over a digest.
    let message = [0x5A; 64];
    let mut signature = [0; 64];
    author.private.sign(&mut Parts(&[&message]), &mut signature)?;
    let (public, verifier) = (author.public(), suite.verifier(SigAlg::Es256)?);
    let mut ways = [
        Way::new("ES256 signature", || {
            verifier.verify(public.bytes(), &mut Parts(&[&message]), &signature).expect("a good signature");
        }),
        Way::new("manifest authenticated", || {
            let envelope = Envelope::parse(&release.envelope).expect("an envelope");
            black_box(envelope.authenticate(&trust, &suite).expect("a good signature"));
        }),
        Way::new("manifest planned", || {
            let envelope = Envelope::parse(&release.envelope).expect("an envelope");
            let authentic = envelope.authenticate(&trust, &suite).expect("a good signature");
            black_box(authentic.plan(&suite, &DEVICE, 5, target).expect("a good manifest"));
        }),
    ];
    measure(&mut ways);
    let [raw, authentic, planned] = &ways;
    for way in &ways {
        println!("update: {}, AWS-LC: {:.1?}", way.name(), way.percentile(50));
    }
    println!("update: manifest authenticated, against the signature: {}", authentic.ratio(raw).against(1.05));
    println!("update: manifest authenticated and planned, against the signature: {}", planned.ratio(raw).against(1.05));
    Ok(())
}

fn image() -> Outcomes<()> {
    let (world, suite) = (World::new(), crypto::suite());
    let path = std::env::temp_dir().join(format!("aseptic-bench-{}.bin", std::process::id()));
    let image = program(SIZE, 6);
    std::fs::write(&path, &image)?;
    let mut manifest = Manifest::new(6, image);
    manifest.by = vec![0];
    let release = world.manifest(&manifest);
    drop(manifest);
    let author = &world.authors[0];
    let entry = Entry {
        purposes: Purposes::of(&[Purpose::UpdateInstall]),
        name: b"author",
        material: Material::Key(author.public()),
    };
    let trust = danger::unsigned(Authority::Manufacturer, core::slice::from_ref(&entry))?;
    let (bench, images) = (Bench::new(1), Disk(File::open(&path)?));
    let platform = Platform { images: &images, ..bench.platform() };
    let authentic = Envelope::parse(&release.envelope)?.authenticate(&trust, &suite)?;
    let plan = authentic.plan(&suite, &DEVICE, 5, Target::of(&platform)?)?;
    let pieces = |take: &mut dyn FnMut(&[u8])| {
        let mut file = File::open(&path).expect("the image");
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).expect("the image") {
                0 => break,
                length => take(&piece[..length]),
            }
        }
    };
    let feed = || {
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).expect("a new session");
        pieces(&mut |piece| session.feed(&platform, &suite, piece, Use::Idle).expect("the next piece"));
        session
    };
    let before = peak();
    let mut ways = [
        Way::new("one pass of SHA-256", || {
            let engine = suite.hash(HashAlg::Sha256).expect("SHA-256");
            let mut state = engine.start().expect("a state");
            pieces(&mut |piece| engine.update(&mut state, piece).expect("a piece"));
            let mut digest = [0; 64];
            engine.finish(state, &mut digest).expect("a digest");
            black_box(digest);
        }),
        Way::new("fed", || drop(black_box(feed()))),
        Way::new("read back", || {
            black_box(feed().finish(&platform, &suite, Use::Idle).expect("the image"));
        }),
    ];
    measure(&mut ways);
    let [pass, fed, whole] = &ways;
    for way in &ways {
        println!("update: 64 MiB from a file, {}: {:.1?}", way.name(), way.percentile(50));
    }
    println!("update: 64 MiB fed to a session, against one pass: {}", fed.ratio(pass).against(1.10));
    println!("update: 64 MiB fed, read back and hashed again, against one pass: {}", whole.ratio(pass).against(2.20));
    drop(ways);
    let grown = peak().saturating_sub(before);
    println!("update: 64 MiB: a session takes {} bytes; peak memory grew by {grown} KiB", size_of::<Session>());
    std::fs::remove_file(&path)?;
    Ok(())
}

/// The most memory that this process has ever held, in KiB, as Linux counts it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// A slot that takes everything and holds the image already: what is measured is the library and not a disk.
struct Disk(File);

impl Images for Disk {
    fn geometry(&self, _: ImageSlot) -> Outcome<Geometry> {
        Ok(Geometry { size: SIZE as u64, erase_size: 65_536, write_size: 32 })
    }
    fn erase(&self, _: ImageSlot, _: u64, _: u64) -> Outcome<()> {
        Ok(())
    }
    fn write(&self, _: ImageSlot, _: u64, bytes: &[u8]) -> Outcome<()> {
        black_box(bytes);
        Ok(())
    }
    fn read(&self, _: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.0.read_exact_at(out, offset).map_err(|_| Fault::Io)
    }
    fn running(&self) -> Outcome<ImageSlot> {
        Ok(ImageSlot::A)
    }
    fn select(&self, _: ImageSlot, _: BootMode) -> Outcome<()> {
        Ok(())
    }
}

const SIZE: usize = 64 << 20;
const PIECE: usize = 65_536;
