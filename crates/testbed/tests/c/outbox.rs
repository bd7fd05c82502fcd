//! The C program `examples/c/outbox.c` on a serial line that loses and changes bytes, and with its power cut.

use crate::program::{example, example_started};
use crate::scene::{ADAPTER, Life, SERIAL, Scene, receipt_key};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_infra::adapter::{Received, Record, RecordAdapter};
use aseptic_messaging::Origin;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

const END: u8 = 0xC0;

/// xorshift64: the same line in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The frames of one turn; none when the program has ended.
fn turn(from: &mut impl Read) -> Option<Vec<Vec<u8>>> {
    let (mut frames, mut frame, mut byte) = (Vec::new(), Vec::new(), [0]);
    while from.read_exact(&mut byte).is_ok() {
        match byte[0] {
            END if frame.is_empty() => return Some(frames),
            END => frames.push(std::mem::take(&mut frame)),
            other => frame.push(other),
        }
    }
    None
}

/// What the line makes of an encoded frame; it may become nothing.
fn carry(dice: &mut Dice, frame: &[u8]) -> Vec<u8> {
    let mut carried = frame.to_vec();
    match dice.below(4) {
        0 => carried.clear(),
        1 => {
            let at = usize::try_from(dice.below(carried.len() as u64)).unwrap();
            carried[at] ^= 1 << dice.below(8);
        }
        2 if dice.below(2) == 0 => drop(carried.pop()),
        _ => {}
    }
    carried.retain(|byte| *byte != END);
    carried
}

fn unstuffed(frame: &[u8]) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), frame.iter());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            0xDB => {
                if bytes.next() == Some(&0xDC) {
                    END
                } else {
                    0xDB
                }
            }
            other => *other,
        });
    }
    out
}

fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let stuff = |byte: &u8| match *byte {
        END => vec![0xDB, 0xDC],
        0xDB => vec![0xDB, 0xDD],
        other => vec![other],
    };
    bytes.iter().flat_map(stuff).collect()
}

/// Plays the line and the record for one run of the program; after `kill` turns its power is cut.
fn serve(
    child: &mut Child,
    dice: &mut Dice,
    adapter: &mut RecordAdapter<'_>,
    archive: &mut Vec<Record>,
    kill: Option<u32>,
) -> Option<i32> {
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let key = receipt_key();
    let mut public = [0; 65];
    key.public(&mut public).unwrap();
    let signer = Origin { name: ADAPTER.as_bytes(), key: PublicKey::new(KeyAlg::P256, &public).unwrap(), signer: &key };
    let mut turns = 0;
    while let Some(frames) = turn(&mut from) {
        turns += 1;
        if kill == Some(turns) {
            child.kill().unwrap();
            break;
        }
        for frame in frames {
            let message = unstuffed(&carry(dice, &frame));
            // Refused, known or kept; what is changed on the way is never kept.
            let _: aseptic_infra::Result<Received> = adapter.take(&message, Scene::time(), archive);
        }
        let report = adapter.report(SERIAL, &signer).unwrap();
        let report = carry(dice, &stuffed(&report));
        if to.write_all(&[&report[..], &[END]].concat()).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
    child.wait().unwrap().code()
}

#[test]
fn over_a_lossy_line_and_power_cuts_every_message_arrives_once() {
    let scene = Scene::new(Life::Enrolled);
    let folder = scene.device.path();
    let (mut dice, mut archive, mut expected) = (Dice(0x11CE), Vec::new(), BTreeSet::new());
    scene.with_adapter(&scene.chain(), |adapter| {
        for round in 0..4 {
            for number in 0..3 {
                let (class, body) = (["alarm", "telemetry"][number % 2], format!("{round}.{number}"));
                assert_eq!(example("outbox", folder, &["put", class, &body]).status, Some(0));
                expected.insert(body);
            }
            let mut child = example_started("outbox", folder, &["run"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // In every other round the power goes on the way.
            let kill = (round % 2 == 0).then_some(2);
            let status = serve(&mut child, &mut dice, adapter, &mut archive, kill);
            assert_eq!(status, if kill.is_some() { None } else { Some(0) });
        }
    });
    let bodies: Vec<String> = archive.iter().map(|record| String::from_utf8(record.body.clone()).unwrap()).collect();
    assert_eq!(bodies.len(), expected.len(), "each once: {bodies:?}");
    assert_eq!(bodies.into_iter().collect::<BTreeSet<_>>(), expected);
}
