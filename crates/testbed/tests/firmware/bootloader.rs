//! `examples/c/bootloader.c`: starts A, takes an update over the serial line, is killed and cut anywhere, and always starts
//! what may run.

use crate::board::{Board, POWER_CUT, programs};
use crate::line::{Offer, Run, serve};
use aseptic_core::Reason;
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::platform::ImageSlot;
use aseptic_core::trust::{Authority, Purpose};
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{Manifest, Signature};
use aseptic_infra::owner::Store;
use aseptic_testbed::hostile;
use aseptic_update::{Digest, boot};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

const CONFIRMED_A: &str = "boot loader: slot A\nrelease 1: confirmed\n";
const TRIAL_B: &str = "boot loader: slot B\nrelease 2: on trial, confirmed\n";
const CONFIRMED_B: &str = "boot loader: slot B\nrelease 2: confirmed\n";

/// Boot loader, releases and their author.
pub(crate) struct Maker {
    loader: PathBuf,
    pub(crate) releases: [Vec<u8>; 3],
    pub(crate) author: AuthorityKey,
}

impl Maker {
    pub(crate) fn new() -> Option<Self> {
        let folder = programs()?;
        let release = |number| fs::read(folder.join(format!("application-{number}.bin"))).unwrap();
        let author = AuthorityKey::generate(KeyAlg::P256).unwrap();
        Some(Self { loader: folder.join("bootloader.elf"), releases: [1, 2, 3].map(release), author })
    }

    /// A board with the maker's trust and release 1 in slot A.
    fn board(&self) -> Board {
        let board = Board::blank();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let store = Store::new(Authority::Manufacturer, now)
            .signer(self.author.public().unwrap())
            .pin("author", &[Purpose::UpdateInstall], self.author.public().unwrap())
            .sign(&soft::suite(), &[(self.author.public().unwrap(), &self.author)])
            .unwrap();
        board.install(Authority::Manufacturer, &store).unwrap();
        self.provision(&board);
        board
    }

    /// Puts release 1 into slot A and writes it down.
    pub(crate) fn provision(&self, board: &Board) {
        let first = &self.releases[0];
        let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[first]).unwrap();
        board.program(|platform| {
            platform.images.write(ImageSlot::A, 0, first).unwrap();
            boot::provision(platform, &soft::suite(), digest, first.len() as u64, 1).unwrap();
        });
    }

    fn envelope(&self, sequence: u64, image: &[u8], key: &AuthorityKey) -> Vec<u8> {
        let manifest = Manifest::new("pumps.example", "infusion-pump", sequence, "https://pumps.example/image");
        let signature = Signature { key: key.public().unwrap(), signer: key };
        manifest.image(image).unwrap().sign(&soft::suite(), &[signature]).unwrap()
    }

    pub(crate) fn boot(&self, board: &Board) -> Run {
        self.boot_cut(board, "", "")
    }

    /// The power goes at an operation of the boot loader, or of the application.
    fn boot_cut(&self, board: &Board, loader: &str, application: &str) -> Run {
        let flash = format!("{}{application}", board.path().display());
        serve(board.start(&self.loader, loader, &["boot", &flash], false), None)
    }

    fn update(&self, board: &Board, cut: &str, offer: &Offer<'_>) -> Run {
        let flash = board.path().display().to_string();
        serve(board.start(&self.loader, cut, &["update", &flash], true), Some(offer))
    }
}

fn started(said: &str) -> Run {
    Run { status: Some(0), said: said.to_owned(), update: None, offset: None }
}

#[test]
fn an_update_over_the_line_goes_on_where_it_was_killed_and_is_confirmed() {
    let Some(maker) = Maker::new() else { return };
    let board = maker.board();
    assert_eq!(maker.boot(&board), started(CONFIRMED_A));
    // Padded, because the journal is written every 64 KiB.
    let mut image = maker.releases[1].clone();
    image.resize(120 * 1024, 0x5A);
    let image = &image;
    let envelope = maker.envelope(2, image, &maker.author);
    let mut reached = 0;
    for kill_after in [20, 80, 30] {
        let offer = Offer { envelope: &envelope, image, kill_after: Some(kill_after) };
        let run = maker.update(&board, "", &offer);
        assert_eq!((run.status, run.update), (None, None), "{run:?}");
        assert!(run.offset.unwrap() >= reached, "{run:?}");
        reached = run.offset.unwrap();
        assert_eq!(maker.boot(&board), started(CONFIRMED_A), "the old image runs in between");
    }
    let run = maker.update(&board, "", &Offer { envelope: &envelope, image, kill_after: None });
    assert_eq!((run.status, run.update), (Some(0), Some(0)), "{run:?}");
    assert_eq!((run.offset, reached), (Some(65_536), 65_536), "{run:?}");
    assert_eq!(maker.boot(&board), started(TRIAL_B));
    assert_eq!(maker.boot(&board), started(CONFIRMED_B));
    let old = maker.envelope(1, &maker.releases[0], &maker.author);
    let run = maker.update(&board, "", &Offer { envelope: &old, image: &maker.releases[0], kill_after: None });
    assert_eq!(run.update, Some(Reason::SequenceTooOld.number()), "never back to release 1");
    println!("3 emulators killed, {} of {} bytes kept, release 2 confirmed", reached, image.len());
}

#[test]
fn an_image_that_never_confirms_is_left_at_the_next_reset() {
    let Some(maker) = Maker::new() else { return };
    let board = maker.board();
    let image = &maker.releases[2];
    let envelope = maker.envelope(3, image, &maker.author);
    let run = maker.update(&board, "", &Offer { envelope: &envelope, image, kill_after: None });
    assert_eq!((run.status, run.update), (Some(0), Some(0)), "{run:?}");
    assert_eq!(maker.boot(&board), started("boot loader: slot B\nrelease 3: on trial, self-test failed\n"));
    for _ in 0..2 {
        assert_eq!(maker.boot(&board), started("boot loader: slot A\nrelease 1: reverted\n"));
    }
}

#[test]
fn what_is_not_authentic_or_not_whole_never_starts() {
    let Some(maker) = Maker::new() else { return };
    let board = maker.board();
    let made = board.flash();
    let image = &maker.releases[1];
    let envelope = maker.envelope(2, image, &maker.author);
    let stranger = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let flipped = hostile::flip(image, 4 * image.len());
    for (what, envelope, image, reason) in [
        ("stranger", maker.envelope(2, image, &stranger), image.clone(), Reason::UnknownSigner),
        ("tag", hostile::flip(&envelope, 0), image.clone(), Reason::EnvelopeMalformed),
        ("flipped", envelope.clone(), flipped, Reason::ImageMismatch),
        ("short", envelope.clone(), image[..image.len() - 1].to_vec(), Reason::ImageMismatch),
    ] {
        board.set_flash(&made);
        let run = maker.update(&board, "", &Offer { envelope: &envelope, image: &image, kill_after: None });
        assert_eq!((run.status, run.update), (Some(0), Some(reason.number())), "{what}: {run:?}");
        assert_eq!(run.said, CONFIRMED_A, "{what}: the same run starts the old image");
    }
    // Staged and selected, then damaged on the medium: A runs. Damaged itself: nothing does.
    board.set_flash(&made);
    maker.update(&board, "", &Offer { envelope: &envelope, image, kill_after: None });
    damage(&board, ImageSlot::B);
    let run = maker.boot(&board);
    assert!(run.said.starts_with("boot loader: slot A\nrelease 1: ") && run.status == Some(0), "{run:?}");
    damage(&board, ImageSlot::A);
    let run = maker.boot(&board);
    let refused = format!("boot loader: nothing to start, status {}\n", Reason::SlotMismatch.number());
    assert_eq!((run.status, run.said), (Some(3), refused));
}

/// Clears a bit in the middle of an image.
fn damage(board: &Board, slot: ImageSlot) {
    board.program(|platform| {
        let mut byte = [0];
        let offset = (1000..).find(|offset| {
            platform.images.read(slot, *offset, &mut byte).unwrap();
            byte[0] != 0
        });
        platform.images.write(slot, offset.unwrap(), &[byte[0] & (byte[0] - 1)]).unwrap();
    });
}

/// The power goes at every erasure and program operation of the update, of the boot that follows, and of the confirmation. The
/// next boot starts A or B, and the update is finished from there. `ASEPTIC_STRIDE` takes every so manieth alone.
#[test]
fn every_power_cut_leaves_a_board_that_boots_and_finishes() {
    let Some(maker) = Maker::new() else { return };
    let stride = env::var("ASEPTIC_STRIDE").map_or(1, |stride| stride.parse().unwrap());
    let board = maker.board();
    let image = &maker.releases[1];
    let envelope = maker.envelope(2, image, &maker.author);
    let offer = Offer { envelope: &envelope, image, kill_after: None };
    let made = board.flash();
    let (cuts, counts) = sweep(&board, &made, stride, |cut| maker.update(&board, cut, &offer), &maker, &offer);
    println!("update: power cut at {cuts} operations, then {counts:?}");

    board.set_flash(&made);
    maker.update(&board, "", &offer);
    let staged = board.flash();
    let (cuts, counts) = sweep(&board, &staged, stride, |cut| maker.boot_cut(&board, cut, ""), &maker, &offer);
    println!("trial boot: power cut at {cuts} operations of the boot loader, then {counts:?}");
    let (cuts, counts) = sweep(&board, &staged, stride, |cut| maker.boot_cut(&board, "", cut), &maker, &offer);
    println!("confirmation: power cut at {cuts} operations of the application, then {counts:?}");
}

/// How the boots after the cuts came out.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Counts {
    slot_a: usize,
    slot_b: usize,
    finished: usize,
}

fn sweep(
    board: &Board,
    start: &[u8],
    stride: usize,
    run: impl Fn(&str) -> Run,
    maker: &Maker,
    offer: &Offer<'_>,
) -> (usize, Counts) {
    let mut counts = Counts::default();
    let mut cuts = 0;
    for operation in (1..).step_by(stride) {
        board.set_flash(start);
        let cut = run(&format!("@{operation}"));
        if cut.status != Some(POWER_CUT) {
            assert_eq!(cut.status, Some(0), "{cut:?}");
            return (cuts, counts);
        }
        cuts += 1;
        let after = maker.boot(board);
        assert_eq!(after.status, Some(0), "operation {operation}: {after:?}");
        counts.slot_a += usize::from(after.said.starts_with("boot loader: slot A\nrelease 1: "));
        counts.slot_b += usize::from(after.said.starts_with("boot loader: slot B\nrelease 2: "));
        if after.said.contains("slot A") {
            let again = maker.update(board, "", offer);
            assert_eq!((again.status, again.update), (Some(0), Some(0)), "operation {operation}: {again:?}");
            assert_eq!(maker.boot(board), started(TRIAL_B), "operation {operation}");
        }
        assert_eq!(maker.boot(board), started(CONFIRMED_B), "operation {operation}");
        counts.finished += 1;
        assert_eq!(counts.slot_a + counts.slot_b, cuts, "operation {operation}: {after:?}");
    }
    unreachable!("the run without a cut ends the loop")
}
