//! The C interface, tested as C: the programs of `examples/c` and `tests/c` are compiled, linked and run.
//!
//! `cargo test` links the static library that cargo built beside this test. `cargo xtask c` runs the same tests against
//! `dist/`, static and shared, under sanitizers and under valgrind.

mod abi;
mod enrol;
mod hosted;
mod life;
mod outbox;
mod program;
mod pump;
#[path = "../common/registrar.rs"]
mod registrar;
mod scene;
mod set;

use aseptic_core::platform::{ImageSlot, Images};

#[test]
fn a_device_lives_its_whole_life_in_c() {
    let scene = scene::Scene::new(scene::Life::Blank);
    scene.device.write(ImageSlot::A, 0, &life::FIRST).unwrap();
    let mut child = program::spawn("life", scene.device.path());
    let mut line = life::Line::new(child.stdin.take().unwrap(), child.stdout.take().unwrap());
    life::accompany(&mut line, &scene, || assert_eq!(scene.device.restart(), Ok(ImageSlot::B)));
    drop(line);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(scene.device.restart(), Ok(ImageSlot::B), "the new image is the one that boots");
    println!("life: factory, owner, enrolment, messages both ways and an update, by C functions alone");
}
