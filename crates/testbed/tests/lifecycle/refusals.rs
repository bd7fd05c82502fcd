//! Everything that is refused along the line, each with its own reason, and what is stored before and after compared bit
//! for bit.

use crate::device::{self, Goal, Outside, live, with_plan};
use crate::registrar;
use crate::world::{ADAPTER, CLASS, NOW, SERIAL, World, envelope, key};
use aseptic_certs::{Certificate, Engine};
use aseptic_core::clinical::Use;
use aseptic_core::cose::ContentType;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::{Images, KeyId, KeyPolicy, KeyUse, Keys};
use aseptic_core::time::Time;
use aseptic_core::trust::{self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{DeviceName, Enroller, Workspace, birth};
use aseptic_infra::author::Manifest;
use aseptic_infra::owner::Store;
use aseptic_messaging::{Direction, Outgoing};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::hostile::{self, Forger, Insider};
use aseptic_testbed::trust::KeyPair;
use aseptic_update::Session;
use std::cell::Cell;

/// Counts refusals, and looks at what is stored around each of them.
#[derive(Default)]
struct Ledger(Cell<usize>);

impl Ledger {
    fn refused<T>(&self, bench: &Bench, what: &str, reason: Reason, attempt: impl FnOnce() -> Result<T>) {
        let before = bench.snapshot();
        assert_eq!(attempt().err(), Some(reason), "{what}");
        assert!(bench.snapshot() == before, "{what}: refused, and something has changed");
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn every_refusal_leaves_the_stored_state_bit_identical() {
    let (world, ledger) = (World::new(), Ledger::default());
    births(&world, &ledger);
    owners(&world, &ledger);
    enrolments(&world, &ledger);
    messages(&world, &ledger);
    updates(&world, &ledger);
    println!("refusals along the line: {} of them, what is stored bit-identical after each", ledger.0.get());
    assert!(ledger.0.get() >= 30);
}

/// A device that has come as far as `goal`.
fn device(world: &World, goal: Goal) -> Bench {
    let bench = world.blank();
    live(&bench, world, &mut Outside::new(), goal).unwrap();
    bench
}

fn links(chain: &[Vec<u8>]) -> Vec<&[u8]> {
    chain.iter().map(Vec::as_slice).collect()
}

fn with_trust<T>(bench: &Bench, use_it: impl FnOnce(&Trust<'_>) -> Result<T>) -> Result<T> {
    let mut buffers = Box::new(TrustBuffers::new());
    use_it(&Trust::load(&bench.platform(), &mut buffers)?)
}

/// Step a of the line.
fn births(world: &World, ledger: &Ledger) {
    let bench = device(world, Goal::Made);
    let (platform, mut workspace) = (bench.platform(), Box::new(Workspace::new()));
    let request = device::request(&platform, world, &mut workspace).unwrap();
    let chain = world.birth(&world.maker, &request).unwrap();

    let signature = hostile::flip(&request, 8 * request.len() - 8);
    ledger.refused(&bench, "a changed request", Reason::CsrProof, || {
        world.birth(&world.maker, &signature).map_err(|error| error.reason())
    });
    let other = world.blank();
    let other_request = {
        other.generate(KeyId(7), KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign }).unwrap();
        device::request(&other.platform(), world, &mut workspace).unwrap()
    };
    let others = world.birth(&world.maker, &other_request).unwrap();
    let foreign = world.birth(&world.hospital, &request).unwrap();
    let flipped = vec![hostile::flip(&chain[0], 8 * chain[0].len() - 8)];
    let cut = vec![chain[0][..chain[0].len() - 1].to_vec()];
    for (what, offered, reason) in [
        ("another device's certificate", &others, Reason::IdentityKeyMismatch),
        ("a certificate by a foreign authority", &foreign, Reason::PathUntrusted),
        ("a certificate with a changed signature", &flipped, Reason::SignatureInvalid),
        ("a certificate that ends early", &cut, Reason::CertificateMalformed),
        ("no certificate", &Vec::new(), Reason::CertificateMalformed),
    ] {
        ledger.refused(&bench, what, reason, || {
            let now = Time::trusted(NOW);
            with_trust(&bench, |trust| {
                birth::install(&platform, &world.suite, trust, &Engine, &links(offered), now, &mut workspace)
            })
        });
    }
    ledger.refused(&bench, "a request without a name", Reason::NameInvalid, || {
        let name = DeviceName { serial: "", ..world.name() };
        birth::request(&platform, &world.suite, &name, &mut workspace, &mut [0; limits::CSR])
    });
    let born = device(world, Goal::Born);
    ledger.refused(&born, "a second birth", Reason::AlreadyProvisioned, || {
        device::request(&born.platform(), world, &mut workspace)
    });
}

/// Step b of the line.
fn owners(world: &World, ledger: &Ledger) {
    let bench = device(world, Goal::Born);
    let (platform, suite, mut workspace) = (bench.platform(), &world.suite, Box::new(Workspace::new()));
    ledger.refused(&bench, "enrolling without an owner", Reason::OwnerRootMissing, || {
        with_trust(&bench, |trust| Enroller::start(&platform, suite, trust, &Engine, &mut workspace).map(drop))
    });
    let install = |bench: &Bench, authority, object: &[u8]| {
        let present = PhysicalPresence::confirmed_at_the_device();
        trust::install(
            &bench.platform(),
            suite,
            Some(&Engine),
            authority,
            object,
            present,
            &mut [0; limits::TRUST_STORE],
        )
    };
    let first = &world.owners[0];
    let changed = hostile::flip(first, 8 * first.len() - 8);
    ledger.refused(&bench, "a changed owner's store", Reason::TrustThreshold, || {
        install(&bench, Authority::Owner, &changed)
    });
    ledger.refused(&bench, "an owner's store as the manufacturer's", Reason::TrustExists, || {
        install(&bench, Authority::Manufacturer, first)
    });
    ledger.refused(&bench, "a manufacturer's store as the owner's", Reason::TrustPurpose, || {
        install(&bench, Authority::Owner, &world.makers)
    });

    let owned = device(world, Goal::Owned);
    ledger.refused(&owned, "a second first store", Reason::TrustExists, || install(&owned, Authority::Owner, first));
    let stranger = key();
    let theirs = Store::new(Authority::Owner, NOW)
        .version(2)
        .signer(stranger.public().unwrap())
        .anchor("theirs", &[Purpose::Enrolment, Purpose::Telemetry], world.maker.anchor())
        .sign(suite, &[(stranger.public().unwrap(), &stranger)])
        .unwrap();
    for (what, object, reason) in [
        ("the same version of a store", first, Reason::TrustRollback),
        ("a stranger's store", &theirs, Reason::TrustThreshold),
    ] {
        ledger.refused(&owned, what, reason, || {
            trust::update(
                &owned.platform(),
                suite,
                Some(&Engine),
                Authority::Owner,
                object,
                &mut [0; limits::TRUST_STORE],
            )
        });
    }
}

/// Step c of the line.
fn enrolments(world: &World, ledger: &Ledger) {
    let bench = device(world, Goal::Owned);
    let (platform, suite) = (bench.platform(), &world.suite);
    let authorities: Vec<&[u8]> = world.hospital.certificates().collect();
    let enrol = |issue: &dyn Fn(&[u8]) -> Vec<Vec<u8>>, alter: &dyn Fn(bool, Vec<u8>) -> Vec<u8>| {
        let mut workspace = Box::new(Workspace::new());
        with_trust(&bench, |trust| {
            let mut enroller = Enroller::start(&platform, suite, trust, &Engine, &mut workspace)?;
            registrar::enrol(&mut enroller, Time::trusted(NOW), &authorities, issue, alter)
        })
    };
    let good = |csr: &[u8]| world.local(&world.hospital, csr).unwrap();
    let same = |_: bool, answer: Vec<u8>| answer;
    // The key and its request are made once the registrar has said what it wants, before it answers them.
    enrol(&good, &|of_device, answer| if of_device { b"!".to_vec() } else { answer }).unwrap_err();

    let own = Cell::new(false);
    for (what, reason, alter) in [
        (
            "no base64",
            Reason::EstTransfer,
            (|mut answer: Vec<u8>| {
                answer[10] = b'!';
                answer
            }) as fn(Vec<u8>) -> Vec<u8>,
        ),
        ("an answer that ends early", Reason::CmsMalformed, |answer| answer[..answer.len() / 2 / 65 * 65].to_vec()),
        ("an empty answer", Reason::CmsMalformed, |_| Vec::new()),
    ] {
        for which in [false, true] {
            own.set(which);
            ledger.refused(&bench, what, reason, || {
                enrol(&good, &|of_device, answer| if of_device == own.get() { alter(answer) } else { answer })
            });
        }
    }
    ledger.refused(&bench, "a certificate by a foreign authority", Reason::PathUntrusted, || {
        enrol(&|csr| world.local(&world.maker, csr).unwrap(), &same)
    });
    ledger.refused(&bench, "the authority's own certificate", Reason::EstNoMatch, || {
        enrol(&|_| vec![world.hospital.anchor().to_vec()], &same)
    });
    ledger.refused(&bench, "a changed certificate", Reason::SignatureInvalid, || {
        let changed = |csr: &[u8]| {
            let leaf = &good(csr)[0];
            vec![hostile::flip(leaf, 8 * leaf.len() - 8)]
        };
        enrol(&changed, &same)
    });
    enrol(&good, &same).unwrap();
}

/// Step e of the line; it is the adapter's memory that must not change.
fn messages(world: &World, ledger: &Ledger) {
    let pump = world.blank();
    let mut outside = Outside::new();
    live(&pump, world, &mut outside, Goal::InUse).unwrap();
    let pump_before = pump.snapshot();
    let (message, chain) = (&outside.sent[0].sealed, &outside.sent[0].chain);
    let other = KeyPair::new(KeyAlg::P256, 9);
    let other_key = PrivateKey::from_bytes(KeyAlg::P256, &[9; 32]).unwrap();
    let second = "record-adapter-2";
    let entries = [(ADAPTER, public(&world.adapter)), (second, other.public().bytes().to_vec())];
    let entries = entries.each_ref().map(|(name, key)| Entry {
        purposes: Purposes::of(&[Purpose::Receive]),
        name: name.as_bytes(),
        material: Material::Key(PublicKey::new(KeyAlg::P256, key).unwrap()),
    });
    let trust = trust::danger::unsigned(Authority::Owner, &entries).unwrap();
    let peer = |name: &str| trust.pinned(&world.suite, Purpose::Receive, name.as_bytes()).unwrap();

    let attacker = Bench::new(66);
    let (platform, suite) = (attacker.platform(), &world.suite);
    let theirs = KeyPair::new(KeyAlg::P256, 13);
    let leaf = Certificate::parse(&chain[0]).unwrap();
    let to = [peer(ADAPTER)];
    let lie = Outgoing {
        class: Purpose::Telemetry,
        stream: 0,
        to: &to,
        content_type: ContentType::Text("text/plain"),
        body: b"all is well",
        fresh: None,
        time: Time::UNKNOWN,
    };
    let sign_anew = |named| {
        let forger = Forger { signer: &theirs.private, named };
        hostile::sign_anew(&platform, suite, forger, SERIAL.as_bytes(), &lie).unwrap()
    };
    let insider = Insider { name: ADAPTER.as_bytes(), key: &world.adapter };
    let about = (Direction::FromDevice, Purpose::Telemetry);
    let passed_on = hostile::pass_on(suite, &attacker, insider, message, about, &peer(second)).unwrap();

    let memory = Bench::new(2);
    world.with_adapter(&memory, ADAPTER, &world.adapter, |adapter| {
        let now = Time::trusted(NOW);
        adapter.register(&links(chain), now).unwrap();
        adapter.receive(message, now, &mut Vec::new()).unwrap();
        for (what, forged, reason) in [
            ("a changed byte", hostile::flip(message, 8 * message.len() - 8), Reason::DecryptFailed),
            ("a replay", message.clone(), Reason::MessageReplayed),
            ("another recipient outside", hostile::swap_recipient(message, ADAPTER, second), Reason::CoseNoRecipient),
            ("signed anew with another key", sign_anew(theirs.public()), Reason::UnknownSigner),
            ("signed anew in the device's name", sign_anew(leaf.public_key().unwrap()), Reason::SignatureInvalid),
            ("the first half", message[..message.len() / 2].to_vec(), Reason::CborMalformed),
        ] {
            ledger.refused(&memory, what, reason, || {
                adapter.receive(&forged, now, &mut Vec::new()).map_err(|error| error.reason())
            });
        }
        assert!(adapter.strike(SERIAL));
        ledger.refused(&memory, "a device that was struck off", Reason::MessageUnknownSender, || {
            adapter.receive(&outside.sent[2].sealed, now, &mut Vec::new()).map_err(|error| error.reason())
        });
    });
    let memory = Bench::new(3);
    world.with_adapter(&memory, second, &other_key, |adapter| {
        let now = Time::trusted(NOW);
        adapter.register(&links(chain), now).unwrap();
        ledger.refused(&memory, "passed on by another recipient", Reason::MessageNotForUs, || {
            adapter.receive(&passed_on, now, &mut Vec::new()).map_err(|error| error.reason())
        });
    });
    assert!(pump.snapshot() == pump_before, "what relays do is nothing to the device");
}

fn public(key: &PrivateKey) -> Vec<u8> {
    let mut public = [0; limits::PUBLIC_KEY];
    let length = key.public(&mut public).unwrap();
    public[..length].to_vec()
}

/// Step f of the line.
fn updates(world: &World, ledger: &Ledger) {
    let bench = device(world, Goal::InUse);
    let (platform, suite, image) = (bench.platform(), &world.suite, &world.images[1]);
    let good = &world.envelopes[0];
    let unsigned = {
        let manifest = Manifest::new(crate::world::VENDOR, CLASS, 2, "https://pumps.example/image").image(image);
        manifest.unwrap().sign(suite, &[]).unwrap()
    };
    for (what, offered, reason) in [
        ("a changed manifest", hostile::flip(good, 8 * good.len() - 8), Reason::ManifestDigest),
        ("a foreign signer", envelope(&key(), CLASS, 2, image), Reason::UnknownSigner),
        ("another class", envelope(&world.author, "ventilator", 2, image), Reason::WrongClass),
        ("an older sequence number", envelope(&world.author, CLASS, 0, image), Reason::SequenceTooOld),
        ("no signature", unsigned, Reason::ManifestUnsigned),
        ("half an envelope", good[..good.len() / 2].to_vec(), Reason::EnvelopeMalformed),
        ("too large an image", envelope(&world.author, CLASS, 2, &vec![7; 0x1_4001]), Reason::ImageTooLarge),
    ] {
        ledger.refused(&bench, what, reason, || {
            with_plan(&platform, world, &offered, |plan| Session::begin(&platform, suite, plan, Use::Idle).map(drop))
        });
    }
    for busy in [Use::InUse, Use::Alarm, Use::Emergency] {
        ledger.refused(&bench, "an installation in use", Reason::ClinicalUse, || {
            with_plan(&platform, world, good, |plan| Session::begin(&platform, suite, plan, busy).map(drop))
        });
    }

    // A changed image shows at its end, when it lies in the slot that does not run; all else is as before.
    let before = bench.snapshot();
    let feed = |bytes: &[u8], clinical| {
        with_plan(&platform, world, good, |plan| {
            let mut session = Session::begin(&platform, suite, plan, Use::Idle)?;
            bytes.chunks(4096).try_for_each(|piece| session.feed(&platform, suite, piece, Use::Idle))?;
            session.finish(&platform, suite, clinical)
        })
    };
    let changed = hostile::flip(image, 4 * image.len());
    assert_eq!(feed(&changed, Use::Idle).err(), Some(Reason::ImageMismatch));
    let mut after = bench.snapshot();
    let idle = bench.running().unwrap().other() as usize;
    after.flash[idle] = before.flash[idle].clone();
    assert!(after == before, "a changed image leaves something behind");
    ledger.0.set(ledger.0.get() + 1);

    // Staged, and then somebody needs the device.
    let staged = feed(image, Use::Idle).unwrap();
    ledger.refused(&bench, "an activation in use", Reason::ClinicalUse, || staged.activate(&platform, Use::InUse));
    let other = envelope(&world.author, CLASS, 3, image);
    ledger.refused(&bench, "another update under way", Reason::UpdateBusy, || {
        with_plan(&platform, world, &other, |plan| Session::begin(&platform, suite, plan, Use::Idle).map(drop))
    });
}
