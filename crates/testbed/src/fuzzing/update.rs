//! Updates: only what the author signed is planned, and no record, however wrong, lowers the floor.

use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Use;
use aseptic_core::cose::{self, Headers};
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::limits;
use aseptic_core::platform::{Counter, Geometry, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_update::journal::{Confirmed, Journal};
use aseptic_update::{Component, Device, Digest, Envelope, Session, Target, boot};
use std::sync::LazyLock;

const DEVICE: Device<'static> = Device::new([0xA1; 16], [0xC2; 16], &[Component::whole(&[b"main"])]);
const IMAGE: &[u8] = b"an image of the seeds, somewhat longer than one unit of writing";
const URI: &str = "https://updates.example/pump.bin";
const SLOT: Geometry = Geometry { size: 256, erase_size: 64, write_size: 8 };
const FLOOR: u64 = 5;

static AUTHOR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::Ed25519, 21));
static ENVELOPES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let inside = manifest(IMAGE, "#image");
    vec![envelope(&manifest(IMAGE, URI), None), envelope(&inside, Some(IMAGE))]
});

/// An envelope as received, all the way to the slot if it is authentic; only the manifests of the seeds are.
pub fn suit_envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert!(envelope.blocks().count() <= limits::AUTH_BLOCKS);
    let Ok(authentic) = envelope.authenticate(&trust(), &soft::suite()) else { return };
    let signed = ENVELOPES.iter().map(|seed| Envelope::parse(seed).expect("a seed"));
    assert!(
        signed.into_iter().any(|seed| seed.signed_bytes() == Envelope::parse(data).expect("parsed").signed_bytes())
    );
    let bench = device();
    let planned = authentic.plan(&soft::suite(), &DEVICE, FLOOR, target(&bench)).is_ok();
    assert_eq!(planned, install(&bench, data));
}

/// A manifest that the author did sign, whatever it says: what is planned fits the device and never goes below the floor.
pub fn suit_manifest(data: &[u8]) {
    if data.len() > limits::MANIFEST {
        return;
    }
    let bytes = envelope(data, None);
    let bench = device();
    install(&bench, &bytes);
}

/// Both records of the update, with right checks around any payloads. The first two bytes are the length of the first.
pub fn update_records(data: &[u8]) {
    let Some((length, payloads)) = data.split_first_chunk::<2>() else { return };
    let Some((journal, confirmed)) = payloads.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
        return;
    };
    let _ = (Journal::parse(journal), Confirmed::parse(confirmed));
    let bench = device();
    let platform = bench.platform();
    bench.edit(|medium| {
        medium.flash[1].program(IMAGE);
        medium.counters.insert(Counter::UpdateFloor, FLOOR);
    });
    let stored = [(Kind::UpdateJournal, journal), (Kind::UpdateConfirmed, confirmed)];
    for (kind, payload) in stored.into_iter().filter(|(_, payload)| !payload.is_empty()) {
        if record::save(&bench, kind, payload, &mut vec![0; limits::SLOT]).is_err() {
            return;
        }
    }
    let suite = soft::suite();
    let before = boot::floor(&platform);
    let _ = boot::verify_at_boot(&platform, &suite);
    let _ = boot::load(&platform, &suite);
    let envelope = Envelope::parse(&ENVELOPES[0]).expect("a seed").authenticate(&trust(), &suite).expect("a seed");
    let plan = envelope.plan(&suite, &DEVICE, FLOOR, target(&bench)).expect("a seed");
    if let Ok(mut session) = Session::resume(&platform, &suite, &plan) {
        let rest = usize::try_from(session.offset()).ok().and_then(|offset| IMAGE.get(offset..)).expect("an offset");
        if session.feed(&platform, &suite, rest, Use::Idle).is_ok()
            && session.finish(&platform, &suite, Use::Idle).is_ok()
        {
            assert!(bench.snapshot().flash[1].bytes.starts_with(IMAGE), "staged is what the slot holds");
        }
    }
    let _ = boot::confirm(&platform, &suite, 0);
    if let (Ok(before), Ok(after)) = (before, boot::floor(&platform)) {
        assert!(before <= after && FLOOR <= after);
    }
}

/// Whether the envelope leads to a plan; then the session runs to its end, or is refused.
fn install(bench: &Bench, bytes: &[u8]) -> bool {
    let (platform, suite) = (bench.platform(), soft::suite());
    let before = bench.snapshot();
    let plan = Envelope::parse(bytes)
        .and_then(|envelope| envelope.authenticate(&trust(), &suite))
        .and_then(|envelope| envelope.plan(&suite, &DEVICE, FLOOR, target(bench)));
    assert_eq!(bench.snapshot(), before, "planning changes nothing");
    let Ok(plan) = plan else { return false };
    assert!(plan.sequence() >= FLOOR && plan.size() <= SLOT.size && plan.uri().len() <= limits::URI);
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).expect("a device that is idle");
    let image = plan.payload().unwrap_or(IMAGE);
    if session.feed(&platform, &suite, image, Use::Idle).is_ok()
        && let Ok(staged) = session.finish(&platform, &suite, Use::Idle)
    {
        assert_eq!(staged.image().digest, Digest::of(&suite, plan.digest().alg(), &[image]).expect("a digest"));
    }
    true
}

fn device() -> Bench {
    Bench::new(1).with_flash([SLOT; 2], 0xFF)
}

fn target(bench: &Bench) -> Target {
    let platform: Platform<'_> = bench.platform();
    Target::of(&platform).expect("a slot")
}

fn trust() -> Trust<'static> {
    static ENTRIES: LazyLock<[Entry<'static>; 1]> = LazyLock::new(|| {
        let material = Material::Key(AUTHOR.public());
        [Entry { purposes: Purposes::of(&[Purpose::UpdateInstall]), name: b"author", material }]
    });
    danger::unsigned(Authority::Manufacturer, &*ENTRIES).expect("one entry")
}

pub(super) fn envelope_seeds() -> Vec<Vec<u8>> {
    ENVELOPES.clone()
}

pub(super) fn manifest_seeds() -> Vec<Vec<u8>> {
    vec![manifest(IMAGE, URI), branching()]
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    let digest =
        |bytes: &[u8]| cbor(|w| Digest::of(&soft::suite(), HashAlg::Sha256, &[bytes]).expect("a digest").write(w));
    let suite = soft::suite();
    let authentic = Envelope::parse(&ENVELOPES[0]).expect("a seed").authenticate(&trust(), &suite).expect("a seed");
    let image = |w: &mut Writer<'_>, slot: u64, sequence: u64| {
        w.uint(slot).raw(&digest(IMAGE)).uint(IMAGE.len() as u64).uint(sequence);
    };
    let journal = |stage: u64, offset: usize| {
        cbor(|w| {
            w.array(8).uint(stage).bytes(authentic.identity());
            image(w, 1, 7);
            w.uint(offset as u64).raw(&digest(&IMAGE[..offset]));
        })
    };
    let confirmed = |slot: u64| {
        cbor(|w| {
            w.array(5);
            image(w, slot, 6);
            w.uint(3);
        })
    };
    let seed = |journal: &[u8], confirmed: &[u8]| {
        let length = u16::try_from(journal.len()).expect("a short record");
        [&length.to_be_bytes(), journal, confirmed].concat()
    };
    vec![
        seed(&journal(1, 32), &confirmed(0)),
        seed(&journal(2, IMAGE.len()), &[]),
        seed(&journal(3, IMAGE.len()), &confirmed(1)),
        seed(&[], &confirmed(1)),
    ]
}

/// The envelope of a manifest, signed by the author, perhaps with the image inside.
fn envelope(manifest: &[u8], inside: Option<&[u8]>) -> Vec<u8> {
    let wrapped = wrap(manifest);
    let digest = cbor(|w| Digest::of(&soft::suite(), HashAlg::Sha256, &[&wrapped]).expect("a digest").write(w));
    let mut block = vec![0; 256];
    let headers = Headers { kid: Some(&AUTHOR.thumbprint), ..Headers::default() };
    let length = cose::sign1(&AUTHOR.private, &headers, &digest, true, &[], &mut block).expect("room enough");
    let wrapper = cbor(|w| {
        w.array(2).bytes(&digest).bytes(&block[..length]);
    });
    cbor(|w| {
        w.tag(107).map(2 + usize::from(inside.is_some())).int(2).bytes(&wrapper).int(3).raw(&wrapped);
        if let Some(image) = inside {
            w.text("#image").bytes(image);
        }
    })
}

/// Parameters, both checks, fetch and image match.
fn manifest(image: &[u8], uri: &str) -> Vec<u8> {
    around(
        &cbor(|w| {
            w.array(6).int(20).map(4);
            identity(w);
            size_and_digest(w, image);
            w.int(1).uint(15).int(2).uint(15);
        }),
        uri,
    )
}

/// The same by way of try-each, run-sequence and set-component-index.
fn branching() -> Vec<u8> {
    let other = cbor(|w| {
        w.array(4).int(20).map(1).int(5).uint(0).int(5).uint(15);
    });
    let this = cbor(|w| {
        w.array(4).int(20).map(1).int(5).uint(1).int(5).uint(15);
    });
    let checks = cbor(|w| {
        w.array(4).int(1).uint(15).int(2).uint(15);
    });
    around(
        &cbor(|w| {
            w.array(8).int(12).uint(0).int(20).map(4);
            identity(w);
            size_and_digest(w, IMAGE);
            w.int(32).bytes(&checks).int(15).array(2).bytes(&other).bytes(&this);
        }),
        URI,
    )
}

fn identity(w: &mut Writer<'_>) {
    w.int(1).bytes(&DEVICE.vendor).int(2).bytes(&DEVICE.class);
}

fn size_and_digest(w: &mut Writer<'_>, image: &[u8]) {
    let digest = cbor(|w| Digest::of(&soft::suite(), HashAlg::Sha256, &[image]).expect("a digest").write(w));
    w.int(3).bytes(&digest).int(14).uint(image.len() as u64);
}

fn around(shared: &[u8], uri: &str) -> Vec<u8> {
    let common = cbor(|w| {
        w.map(2).int(2).array(1).array(1).bytes(b"main").int(4).bytes(shared);
    });
    let validate = cbor(|w| {
        w.array(2).int(3).uint(15);
    });
    let install = cbor(|w| {
        w.array(6).int(20).map(1).int(21).text(uri).int(21).uint(15).int(3).uint(15);
    });
    cbor(|w| {
        w.map(5).int(1).uint(1).int(2).uint(7).int(3).bytes(&common);
        w.int(7).bytes(&validate).int(20).bytes(&install);
    })
}

fn wrap(bytes: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.bytes(bytes);
    })
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut query = Writer::new(&mut []);
    write(&mut query);
    let mut out = vec![0; query.needed()];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().expect("as many bytes as were asked for");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_installed() {
        for seed in envelope_seeds() {
            assert!(install(&device(), &seed));
        }
        for seed in manifest_seeds() {
            assert!(install(&device(), &envelope(&seed, None)));
        }
        for seed in record_seeds() {
            let (length, payloads) = seed.split_first_chunk::<2>().unwrap();
            let (journal, confirmed) = payloads.split_at(u16::from_be_bytes(*length).into());
            assert!(journal.is_empty() || Journal::parse(journal).is_ok());
            assert!(confirmed.is_empty() || Confirmed::parse(confirmed).is_ok());
        }
    }
}
