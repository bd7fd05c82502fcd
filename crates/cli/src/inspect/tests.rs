//! Whatever a file holds, looking at it ends in a tree or in a reason.

use super::*;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::write_key;
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::limits;
use aseptic_core::record::Kind;
use aseptic_identity::{DeviceName, Workspace, birth};
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{Manifest, Signature};
use aseptic_messaging::{Direction, Sender};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::fuzzing::TARGETS;
use aseptic_update::Digest;

/// One of everything that is not a record.
fn samples() -> Vec<(String, Vec<u8>)> {
    let known = |name: &str| name.starts_with("cose_") || name.starts_with("certificate") || name == "trust_store";
    let mut samples = Vec::new();
    for target in TARGETS.iter().filter(|target| known(target.name)) {
        // Empty and untagged inputs are of no kind.
        let seeds = (target.seeds)().into_iter().filter(|seed| matches!(seed.first(), Some(0x30 | 0xC0..=0xDB)));
        samples.extend(seeds.enumerate().map(|(at, seed)| (format!("{} {at}", target.name), seed)));
    }
    for (name, uri) in [("envelope", "https://pumps.example/7"), ("envelope with its image", "#image")] {
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let manifest = Manifest::new("pumps.example", "pump", 7, uri).image(b"firmware").unwrap();
        let signature = Signature { key: key.public().unwrap(), signer: &key };
        samples.push((name.into(), manifest.sign(&soft::suite(), &[signature]).unwrap()));
        let mut out = [0; 75];
        let length = write_key(key.public().unwrap(), &mut out).unwrap();
        samples.push(("COSE_Key".into(), out[..length].to_vec()));
        samples.push(("private key".into(), key.expose_pkcs8().to_vec()));
        samples.push(("PEM".into(), key.expose_pem().as_bytes().to_vec()));
    }
    let trust = (TARGETS.iter().find(|target| target.name == "trust_store").unwrap().seeds)().remove(0);
    let bare = aseptic_core::cose::Sign::parse(&trust).unwrap().payload.unwrap().to_vec();
    samples.push(("bare trust store".into(), bare));
    samples
}

/// The payload of every kind of record, of the library itself where it hands it out.
fn payloads() -> Vec<(Kind, Vec<u8>)> {
    let bench = Bench::new(1);
    let name = DeviceName {
        serial: "PUMP-SN-1",
        hardware_type: &[0x2B, 6, 1, 4, 1, 0x81, 0xFD, 0x59, 1],
        hardware_serial: b"HW-1",
        udi: Some(aseptic_identity::Udi::parse("(01)09521234543213(21)SN-1").unwrap()),
    };
    let mut out = [0; limits::CSR];
    birth::request(&bench.platform(), &soft::suite(), &name, &mut Box::new(Workspace::new()), &mut out).unwrap();
    Sender::load(&bench.platform(), Direction::FromDevice).unwrap();
    let slots = bench.snapshot().slots;
    let stored = |kind: Kind| {
        let frame = slots.get(&kind.slots()[0]).unwrap();
        (kind, frame[12..frame.len() - 4].to_vec())
    };
    let trust = (TARGETS.iter().find(|target| target.name == "trust_store").unwrap().seeds)().remove(0);
    let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[b"image"]).unwrap();
    vec![
        (Kind::TimeFloor, 1_700_000_000_u64.to_be_bytes().to_vec()),
        (Kind::TrustManufacturer, trust.clone()),
        (Kind::TrustOwner, trust),
        stored(Kind::BirthIdentity),
        (
            Kind::LocalIdentity,
            cbor(|w| {
                w.map(2).int(1).array(5).uint(7).uint(1).bytes(&[7; 32]).bytes(b"request").array(1).bytes(b"leaf");
                w.int(2).null();
            }),
        ),
        (
            Kind::UpdateJournal,
            cbor(|w| {
                w.array(8).uint(1).bytes(&[1; 32]).uint(1);
                digest.write(w);
                w.uint(1024).uint(7).uint(512);
                digest.write(w);
            }),
        ),
        (
            Kind::UpdateConfirmed,
            cbor(|w| {
                w.array(5).uint(0);
                digest.write(w);
                w.uint(1024).uint(7).uint(6);
            }),
        ),
        stored(Kind::SenderSequence),
        (Kind::ReplayWindows, vec![3; 2 * 41]),
        (Kind::AgreementKey, vec![0, 0, 0, 3]),
        (Kind::RevocationNumbers, vec![5; 2 * 52]),
    ]
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = [0; 512];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().unwrap().to_vec()
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = [b"aRec", &[kind as u8, 1][..], &length, &[0, 0, 0, 9], payload].concat();
    frame.extend(aseptic_core::record::crc32(&frame).to_be_bytes());
    frame
}

/// Looks at every truncation and at every flipped bit; gives how many inputs that were.
fn mistreat(bytes: &[u8], look: impl Fn(&[u8])) -> usize {
    (0..bytes.len()).for_each(|length| look(&bytes[..length]));
    let mut changed = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        changed[bit / 8] ^= 1 << (bit % 8);
        look(&changed);
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    bytes.len() * 9
}

fn show(bytes: &[u8]) {
    if let Ok(Some(tree)) = look(bytes) {
        assert!(!tree.text().is_empty());
        serde_json::from_str::<serde_json::Value>(&tree.json()).unwrap();
    }
}

/// A slot of a hosted device is such a file.
#[test]
fn the_mark_behind_a_record_in_a_folder_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let files = aseptic_hosted::files::Files::open(folder.path().join("device"), &[7; 32]).unwrap();
    aseptic_core::record::save(&files, Kind::SenderSequence, &[0; 16], &mut [0; 64]).unwrap();
    let slot = format!("device/slot-{:04x}", Kind::SenderSequence.slots()[0].0);
    let text = look(&std::fs::read(folder.path().join(slot)).unwrap()).unwrap().unwrap().text();
    assert!(text.contains("HMAC-SHA-256 under the storage secret"), "{text}");
}

#[test]
fn no_truncation_and_no_flipped_bit_of_anything_is_a_panic() {
    let mut inputs = 0;
    for (name, bytes) in samples() {
        assert!(matches!(look(&bytes), Ok(Some(_))), "{name}: {:?}", look(&bytes));
        inputs += mistreat(&bytes, show);
    }
    for (kind, payload) in payloads() {
        let whole = frame(kind, &payload);
        inputs += mistreat(&whole, show);
        // And with the check made right again.
        inputs += mistreat(&payload, |payload| show(&frame(kind, payload)));
    }
    println!("{inputs} inputs looked at");
}

#[test]
fn every_kind_of_record_has_named_fields_in_both_places() {
    let expected = [
        "floor: 1700000000",
        "trust store",
        "authority: 2",
        "hardware type: 1.3.6.1.4.1.32473.1",
        "current credential",
        "stage: writing",
        "rollback floor: 7",
        "stream 3: 1",
        "mark: ",
    ];
    for ((kind, payload), field) in payloads().into_iter().zip(expected) {
        let one = frame(kind, &payload);
        for bytes in [one.clone(), [one.clone(), one].concat()] {
            let text = look(&bytes).unwrap().unwrap().text();
            assert!(text.contains(field) && text.contains("it matches"), "{kind:?}: {text}");
        }
    }
}

#[test]
fn a_damaged_place_says_so() {
    let mut bytes = frame(Kind::TimeFloor, &[0; 8]);
    bytes[15] ^= 1;
    assert!(look(&bytes).unwrap().unwrap().text().contains("does not match"));
}

#[test]
fn deep_nesting_is_refused() {
    for open in [0x81, 0xC6] {
        let deep = [[0xD2, 0x84, 0x40, 0xA1, 0x05].as_slice(), &vec![open; 100_000]].concat();
        assert!(look(&deep).is_err());
    }
    let deep = [[0xA2, 0x01, 0x02, 0x20].as_slice(), &vec![0x81; 100_000]].concat();
    assert!(matches!(look(&deep), Ok(None) | Err(_)));
    show(&vec![0x30; 100_000]);
    let nested: Vec<u8> = (0..20_000).flat_map(|_| [0x30, 0x80]).collect();
    show(&nested);
}

#[test]
fn secret_parts_of_keys_are_never_shown() {
    let secret = [0x5E; 32];
    let keys = [
        cbor(|w| {
            w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&[1; 32]).int(-4).bytes(&secret);
        }),
        cbor(|w| {
            w.map(2).int(-4).bytes(&secret).int(1).int(1);
        }),
        cbor(|w| {
            w.map(2).int(1).int(4).int(-1).bytes(&secret);
        }),
        cbor(|w| {
            w.map(3).int(1).int(7).int(-1).bytes(&[1; 32]).int(-2).bytes(&secret);
        }),
        cbor(|w| {
            w.map(3).int(1).int(3).int(-1).bytes(&[1; 32]).int(-3).bytes(&secret);
        }),
        cbor(|w| {
            w.map(2).int(1).int(99).int(-1).bytes(&secret);
        }),
    ];
    for key in keys {
        // As a file, and as the payload of a message.
        let message = cbor(|w| {
            w.tag(18).array(4).bytes(&[]).map(0).bytes(&key).bytes(&[0; 64]);
        });
        for bytes in [key, message] {
            let tree = look(&bytes).unwrap().unwrap();
            assert!(tree.text().contains("not shown"), "{}", tree.text());
            for shown in [tree.text(), tree.json()] {
                assert!(!shown.contains("5e5e") && !shown.contains("^^"), "{shown}");
            }
        }
    }
}

#[test]
fn every_suit_vector_can_be_looked_at() {
    let vectors = std::env::var_os("ASEPTIC_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    let (mut seen, mut folders) = (0, vec![vectors.join("update/suit")]);
    if !folders[0].is_dir() {
        println!("skipped: {} is not there", folders[0].display());
        return;
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "suit" || kind == "cbor" || kind == "pem") {
                let bytes = std::fs::read(&path).unwrap();
                // Damaged it is shown or refused; a sample of the places and of the lengths.
                for at in (0..bytes.len()).step_by(41) {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 1 << (at % 8);
                    for sample in [&damaged[..], &damaged[..at]] {
                        let _ = look(sample).map(|tree| tree.map(|tree| tree.text()));
                    }
                }
                let tree = look(&bytes);
                let tree = tree.unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
                let text = tree.unwrap_or_else(|| panic!("{}: of no known kind", path.display())).text();
                assert_eq!(text.starts_with("SUIT envelope"), text.contains("manifest version"), "{text}");
                seen += 1;
            }
        }
    }
    println!("{seen} vectors looked at");
    assert!(seen > 0);
}
