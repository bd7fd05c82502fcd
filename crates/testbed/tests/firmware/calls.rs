//! What each call of the C interface takes on the board, over the whole life of a device: instructions, and stack.

use crate::board::{Board, programs};
use crate::life::{FIRST, Line, accompany};
use crate::line::serve;
use crate::scene::{Life, Scene};
use aseptic_core::platform::ImageSlot;
use std::fs::File;
use std::process::Command;

/// 1 ns an instruction: 40 to a tick of the timer.
const FINEST: u32 = 0;

/// Prints `call <name> <instructions> <stack>` for each function; `cargo xtask firmware --sizes` reads it.
#[test]
fn a_device_lives_its_whole_life_on_the_board_and_each_call_is_measured() {
    let Some(programs) = programs() else { return };
    let scene = Scene::new(Life::Blank);
    let board = Board::blank();
    board.program(|platform| platform.images.write(ImageSlot::A, 0, &FIRST).unwrap());
    let pipes = ["input", "output"].map(|name| scene.file(name));
    assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
    let words = pipes.each_ref().map(|pipe| pipe.to_str().unwrap());
    let emulator = board.start_counting(&programs.join("life.elf"), &words, FINEST);
    // A pipe opens when both ends do; the program opens its input first.
    let to = File::create(&pipes[0]).unwrap();
    let mut line = Line::new(to, File::open(&pipes[1]).unwrap());
    accompany(&mut line, &scene, || ());
    drop(line);
    let run = serve(emulator, None);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.said.lines().filter(|line| line.starts_with("call ")).count() > 30, "{run:?}");
    print!("{}", run.said);
}
