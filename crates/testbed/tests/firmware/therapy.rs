//! `examples/c/cortex_m/therapy.c`: a therapy loop of 1 ms beside the library, and how long each call of it takes.

use crate::board::programs;
use crate::bootloader::Maker;
use crate::line::{Run, serve};
use crate::pump::board;
use crate::scene::{CLASS, Life, Scene};
use std::collections::BTreeMap;

/// 8 ns an instruction: a processor of 125 MHz with an instruction a cycle.
const PRODUCT: u32 = 3;
/// 1 ns an instruction: 40 to a tick of the timer.
const FINEST: u32 = 0;
const INSTRUCTIONS: f64 = 40.0;
/// Measured cycles an instruction of such code on a Cortex-M4 without wait states.
const CYCLES: f64 = 1.2;

fn run(program: &str, mode: &str, shift: u32) -> Option<Run> {
    let maker = Maker::new()?;
    let scene = Scene::new(Life::Enrolled);
    let board = board(&scene, &maker);
    let image = &maker.releases[1];
    let envelope = scene.put("envelope", &scene.envelope(CLASS, 7, image, &scene.author));
    let image = scene.put("image", image);
    let words = [envelope.to_str().unwrap(), image.to_str().unwrap(), mode];
    Some(serve(board.start_counting(&programs()?.join(program), &words, shift), None))
}

#[test]
fn therapy_misses_no_deadline_while_every_platform_call_fails_blocks_and_lies() {
    let Some(run) = run("therapy.elf", "faults", PRODUCT) else { return };
    print!("{}", run.said);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.said.contains(" us, 0 deadlines missed\n"), "{run:?}");
}

/// The same program with interrupts masked around each call: the watch must see it.
#[test]
fn a_call_that_masks_interrupts_is_told() {
    let Some(run) = run("therapy-masked.elf", "once", PRODUCT) else { return };
    assert_eq!(run.status, Some(1), "{run:?}");
    let told = run.said.lines().find(|line| line.ends_with(" deadlines missed")).unwrap();
    assert!(!told.ends_with(" 0 deadlines missed"), "{run:?}");
    println!("with interrupts masked, {told}");
}

#[test]
fn the_time_of_each_call_is_known() {
    let Some(run) = run("therapy.elf", "times", FINEST) else { return };
    assert_eq!(run.status, Some(0), "{run:?}");
    let mut times = BTreeMap::new();
    println!("| longest call | instructions | ms at 64 MHz | ms at 120 MHz |\n| --- | ---: | ---: | ---: |");
    for line in run.said.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let ["time", name, ticks, status] = words[..] else { continue };
        assert_eq!(status, "0", "{line}");
        let instructions = ticks.parse::<f64>().unwrap() * INSTRUCTIONS;
        let ms = |clock: f64| instructions * CYCLES / clock / 1000.0;
        println!("| `{name}` | {instructions:.0} | {:.1} | {:.1} |", ms(64.0), ms(120.0));
        times.insert(name.to_owned(), instructions);
    }
    assert!(times.len() >= 14, "{}", run.said);
}
