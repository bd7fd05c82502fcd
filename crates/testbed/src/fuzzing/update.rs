//! Updates: only what the author signed is planned, and no record, however wrong, lowers the floor.

use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Use;
use aseptic_core::cose::{self, Headers, RecipientKey};
use aseptic_core::crypto::{Aead, HashAlg, KeyAlg, KeyWrap, soft};
use aseptic_core::platform::{Counter, Geometry, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_core::{Result, limits};
use aseptic_update::journal::{Confirmed, Journal};
use aseptic_update::{Component, Device, Digest, Envelope, Plan, Session, Target, boot};
use std::sync::LazyLock;

const DEVICE: Device<'static> = Device::new([0xA1; 16], [0xC2; 16], COMPONENTS);
const COMPONENTS: &[Component<'static>] =
    &[Component { id: &[b"main"], offset: 0, length: 128 }, Component { id: &[b"radio"], offset: 128, length: 128 }];
const KEK: [u8; 16] = [0x4B; 16];
const CEK: [u8; 16] = [0xCE; 16];
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
    let device = Device { images: Some(platform.images), ..DEVICE };
    let plan = Envelope::parse(bytes)
        .and_then(|envelope| envelope.authenticate(&trust(), &suite))
        .and_then(|envelope| envelope.plan(&suite, &device, FLOOR, target(bench)));
    assert_eq!(bench.snapshot(), before, "planning changes nothing");
    let Ok(plan) = plan else { return false };
    let keys = [RecipientKey::wrap(&KEK).expect("16 bytes")];
    let plan = plan.unlock(&keys);
    assert!(plan.sequence() >= FLOOR && plan.size() <= SLOT.size && plan.commands() <= limits::COMMANDS);
    assert!(plan.invoke_arguments().is_none_or(|arguments| arguments.len() <= limits::INVOKE_ARGUMENTS));
    let mut end = 0;
    for part in plan.parts() {
        assert!(part.offset >= end && part.size > 0 && part.uri.is_none_or(|uri| uri.len() <= limits::URI));
        end = part.offset + part.size;
    }
    assert!((1..=SLOT.size).contains(&end));
    // A key that does not fit, or a source that is too short, is found out before anything is stored.
    let Ok(mut session) = Session::begin(&platform, &suite, &plan, Use::Idle) else {
        assert_eq!(bench.snapshot(), before, "what does not begin changes nothing");
        return true;
    };
    let brought = bring(&platform, &plan, &mut session);
    if brought.is_ok()
        && let Ok(staged) = session.finish(&platform, &suite, Use::Idle)
    {
        let slot = bench.snapshot().flash[1].bytes.clone();
        for part in plan.parts() {
            let at = |at: u64| usize::try_from(at).expect("inside the slot");
            let bytes = &slot[at(part.offset)..at(part.offset + part.size)];
            assert_eq!(part.digest(), Digest::of(&suite, part.digest().alg(), &[bytes]).expect("a digest"));
        }
        let whole = usize::try_from(staged.image().size).expect("inside the slot");
        let digest = Digest::of(&suite, staged.image().digest.alg(), &[&slot[..whole]]).expect("a digest");
        assert_eq!(staged.image().digest, digest);
    }
    assert_eq!(bench.snapshot().flash[0], before.flash[0], "what runs is never touched");
    true
}

/// What travels: what came along, or the image of the seeds, encrypted where that is wanted.
fn bring(platform: &Platform<'_>, plan: &Plan<'_>, session: &mut Session) -> Result<()> {
    let suite = soft::suite();
    while session.missing() > 0 {
        if session.copy(platform, &suite, Use::Idle)? {
            continue;
        }
        let part = plan.parts().nth(session.part()).expect("a part that is missing");
        let sealed = sealed(IMAGE);
        let payload = part.payload.unwrap_or(if part.encrypted() { &sealed } else { IMAGE });
        session.feed(platform, &suite, payload, Use::Idle)?;
    }
    Ok(())
}

/// As AES-GCM leaves it.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let (mut data, mut tag) = (plain.to_vec(), [0; 16]);
    let protected = cbor(|w| {
        w.map(1).int(1).int(1);
    });
    let aad = cbor(|w| {
        w.array(3).text("Encrypt").bytes(&protected).bytes(&[]);
    });
    soft::Aes128Gcm.seal(&CEK, &[7; 12], &aad, &mut data, &mut tag).expect("a short text");
    data.extend(tag);
    data
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
    vec![manifest(IMAGE, URI), branching(), set(), on_its_way()]
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

/// Two components: one copied as it runs, or written where it is another; both conditions about what is installed.
fn set() -> Vec<u8> {
    let shared = cbor(|w| {
        w.array(16).int(12).bool(true).int(20).map(4);
        identity(w);
        size_and_digest(w, IMAGE);
        w.int(1).uint(15).int(2).uint(15).int(12).array(1).uint(1).int(20).map(1).int(5).uint(1).int(5).uint(15);
        w.int(12).uint(0);
    });
    let same = cbor(|w| {
        w.array(8).int(3).uint(15).int(20).map(1).int(22).uint(0).int(22).uint(15).int(3).uint(15);
    });
    let new = cbor(|w| {
        w.array(10).int(25).uint(15).int(20).map(1).int(18).bytes(IMAGE).int(18).uint(15).int(6).uint(15);
        w.int(3).uint(15);
    });
    let never = cbor(|w| {
        w.array(2).int(14).uint(15);
    });
    let install = cbor(|w| {
        w.array(10).int(15).array(3).bytes(&never).bytes(&same).bytes(&new).int(12).uint(1);
        w.int(20).map(1).int(21).text(URI).int(21).uint(15).int(3).uint(15);
    });
    let validate = cbor(|w| {
        w.array(4).int(12).bool(true).int(3).uint(15);
    });
    let invoke = cbor(|w| {
        w.array(4).int(20).map(1).int(23).bytes(b"--safe").int(23).uint(15);
    });
    let common = cbor(|w| {
        w.map(2).int(2).array(2).array(1).bytes(b"main").array(1).bytes(b"radio").int(4).bytes(&shared);
    });
    cbor(|w| {
        w.map(7).int(1).uint(1).int(2).uint(7).int(3).bytes(&common).int(7).bytes(&validate).int(8).bytes(&validate);
        w.int(9).bytes(&invoke).int(20).bytes(&install);
    })
}

/// One component that is fetched first, then checked, then decrypted into its place.
fn on_its_way() -> Vec<u8> {
    let shared = cbor(|w| {
        w.array(6).int(20).map(4);
        identity(w);
        size_and_digest(w, IMAGE);
        w.int(1).uint(15).int(2).uint(15);
    });
    let common = cbor(|w| {
        w.map(2).int(2).array(2).array(1).bytes(b"main").array(1).bytes(b"sealed").int(4).bytes(&shared);
    });
    let mut wrapped = [0; 24];
    soft::AesKw.wrap(&KEK, &CEK, &mut wrapped).expect("two keys of 16 bytes");
    let protected = cbor(|w| {
        w.map(1).int(1).int(1);
    });
    let info = cbor(|w| {
        w.tag(96).array(4).bytes(&protected).map(1).int(5).bytes(&[7; 12]).null().array(1);
        w.array(3).bytes(&[]).map(1).int(1).int(-3).bytes(&wrapped);
    });
    let fetch = cbor(|w| {
        w.array(6).int(12).uint(1).int(20).map(1).int(21).text(URI).int(21).uint(15);
    });
    let verify = cbor(|w| {
        w.array(0);
    });
    let install = cbor(|w| {
        w.array(6).int(20).map(2).int(19).bytes(&info).int(22).uint(1).int(22).uint(15).int(3).uint(15);
    });
    let validate = cbor(|w| {
        w.array(2).int(3).uint(15);
    });
    cbor(|w| {
        w.map(7).int(1).uint(1).int(2).uint(7).int(3).bytes(&common).int(7).bytes(&validate);
        w.int(16).bytes(&fetch).int(18).bytes(&verify).int(20).bytes(&install);
    })
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
