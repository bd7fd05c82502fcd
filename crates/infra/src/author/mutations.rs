//! Envelopes of anybody's making: the author's tools read what is thrown at them and never fall over.

use super::tests::{key, signature};
use super::*;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::time::Time;
use aseptic_update::Source;
use std::path::PathBuf;

/// The published envelopes, and two of our own where those are not at hand.
fn seeds() -> Vec<Vec<u8>> {
    let author = key(KeyAlg::P256);
    let sign = |uri| {
        let manifest = Manifest::new("pumps.example", "pump", 7, uri).image(b"firmware").unwrap();
        manifest.sign(&soft::suite(), &[signature(&author)]).unwrap()
    };
    let mut seeds = vec![sign("#image"), sign("https://pumps.example/7.bin")];
    let vectors = std::env::var_os("ASEPTIC_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    let mut folders = vec![vectors.join("update/suit")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && bytes.starts_with(&[0xD8, 107])
            {
                seeds.push(bytes);
            }
        }
    }
    seeds
}

/// A sequence that is the same each time (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides.max(1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.roll(bytes.len());
        match self.roll(6) {
            0 => bytes[at] ^= 1 << self.roll(8),
            1 => bytes[at] = [0x00, 0x40, 0x60, 0x80, 0xA0, 0xF6, 0x9F, 0xFF][self.roll(8)],
            2 => bytes.truncate(at.max(4)),
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, u8::try_from(self.roll(256)).unwrap()),
            _ => {
                let piece = bytes[at..bytes.len().min(at + 1 + self.roll(40))].to_vec();
                let to = self.roll(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn mutated_envelopes_are_read_or_refused() {
    let suite = soft::suite();
    let (author, other) = (key(KeyAlg::P256), key(KeyAlg::Ed25519));
    let keys = [author.public().unwrap()];
    let question = Question {
        believed: Believed::Keys(&keys),
        identity: None,
        floor: 0,
        now: Time::UNKNOWN,
        source: Source::Network,
        keys: &[],
        payload: &|_| None,
    };
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut read, mut refused) = (0, 0);
    let seeds = seeds();
    for seed in &seeds {
        for _ in 0..2400 / seeds.len() {
            let mut bytes = seed.clone();
            for _ in 0..=dice.roll(3) {
                dice.mutate(&mut bytes);
            }
            assert!(!examine(&suite, &bytes, &question).is_empty());
            let findings = lint(&suite, &bytes, &keys, 1_800_000_000);
            let Ok(mut envelope) = Envelope::parse(&bytes) else {
                assert_eq!(findings[0].id, "frame");
                refused += 1;
                continue;
            };
            read += 1;
            // What was read is written as it is read again.
            assert_eq!(Envelope::parse(&envelope.encode()).unwrap(), envelope);
            let _ = Identity::named_by(&envelope);
            // Signed again by somebody: it walks on to what comes behind the signatures.
            if let Ok(block) = envelope.sign(&suite, &signature(&other)) {
                let public = other.public().unwrap();
                if envelope.add(&suite, &block, &[public]).is_ok() {
                    let resigned = Question { believed: Believed::Keys(&[public]), ..question };
                    let steps = examine(&suite, &envelope.encode(), &resigned);
                    assert_eq!((steps[0].name.as_str(), steps[0].outcome), ("envelope", Answer::Passed));
                }
            }
        }
    }
    assert!(read > 50 && refused > 50, "{read} read, {refused} refused");
}
