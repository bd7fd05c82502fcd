//! `examples/c/pump.c` on the board, the very source that runs on POSIX: what it seals the record adapter opens, what it
//! verifies the author's tool has written, and what it stages the boot loader starts.

use crate::board::{Board, programs};
use crate::bootloader::Maker;
use crate::line::{Run, serve};
use crate::scene::{CLASS, Life, SERIAL, Scene};
use aseptic_core::Reason;
use aseptic_core::platform::{Counter, Counters, Slot, Store};
use aseptic_testbed::hostile;
use std::fs;

/// The device of the scene as a board: its records, keys and counters, and a first image.
pub(crate) fn board(scene: &Scene, maker: &Maker) -> Board {
    let board = Board::blank();
    let folder = &scene.device;
    let named = |prefix: &str| -> Vec<u16> {
        let files = folder.snapshot().into_keys();
        files.filter_map(|name| u16::from_str_radix(name.strip_prefix(prefix)?, 16).ok()).collect()
    };
    board.program(|platform| {
        let mut room = vec![0; aseptic_core::limits::SLOT];
        for slot in named("slot-").into_iter().map(Slot) {
            let length = folder.load(slot, &mut room).unwrap();
            platform.store.save(slot, &room[..length]).unwrap();
        }
        let counters = [Counter::UpdateFloor, Counter::TrustManufacturer, Counter::TrustOwner, Counter::SenderEpoch];
        for counter in counters {
            platform.counters.advance(counter, Counters::read(folder, counter).unwrap()).unwrap();
        }
    });
    maker.provision(&board);
    board
}

fn run(board: &Board, words: &[&str]) -> Run {
    let pump = programs().unwrap().join("pump.elf");
    serve(board.start(&pump, "", words, false), None)
}

#[test]
fn what_the_pump_seals_on_the_board_reaches_the_record() {
    let Some(maker) = Maker::new() else { return };
    let scene = Scene::new(Life::Enrolled);
    let board = board(&scene, &maker);
    let seal = || {
        let out = scene.file("sealed");
        let run = run(&board, &["seal", out.to_str().unwrap()]);
        assert!(run.status == Some(0) && run.said.starts_with("sealed "), "{run:?}");
        fs::read(out).unwrap()
    };
    let (first, second) = (seal(), seal());
    let flipped = hostile::flip(&second, 1000);
    let records = scene.receive(&[&first, &flipped, &second, &second]);
    let [first, flipped, second, replayed] = records.try_into().unwrap();
    let first = first.unwrap();
    assert_eq!((first.from.as_str(), first.degraded), (SERIAL, None));
    assert_eq!(first.hl7().unwrap().field("OBX", 5), Some("2.5"));
    assert!(second.unwrap().sequence > first.sequence, "each start takes higher numbers");
    assert_eq!(flipped.unwrap_err().reason(), Reason::DecryptFailed);
    assert_eq!(replayed.unwrap_err().reason(), Reason::MessageReplayed);
    println!("2 messages sealed on the board, opened by the record adapter");
}

#[test]
fn what_the_pump_stages_on_the_board_is_what_the_author_signed() {
    let Some(maker) = Maker::new() else { return };
    let scene = Scene::new(Life::Owned);
    let board = board(&scene, &maker);
    let image = &maker.releases[1];
    let good = scene.envelope(CLASS, 7, image, &scene.author);
    let update = |envelope: &[u8], image: &[u8]| {
        let (envelope, image) = (scene.put("envelope", envelope), scene.put("image", image));
        run(&board, &["update", envelope.to_str().unwrap(), image.to_str().unwrap()])
    };
    let before = board.flash();
    for (what, envelope, reason) in [
        ("class", scene.envelope("other-pump", 7, image, &scene.author), Reason::WrongClass),
        ("tag", hostile::flip(&good, 0), Reason::EnvelopeMalformed),
        ("signer", scene.envelope(CLASS, 7, image, &maker.author), Reason::UnknownSigner),
    ] {
        let run = update(&envelope, image);
        assert!(run.status == Some(1) && run.said.contains(&format!("(E{})", reason.number())), "{what}: {run:?}");
        assert!(board.flash() == before, "{what}: the flash is as it was, to the bit");
    }
    let run = update(&good, image);
    assert_eq!((run.status, run.said.as_str()), (Some(0), "staged; restart for the trial boot\n"));
    let run = maker.boot(&board);
    assert_eq!(run.said, "boot loader: slot B\nrelease 2: on trial, confirmed\n");
    println!("3 envelopes refused with the flash unchanged, the right one staged, started and confirmed");
}
