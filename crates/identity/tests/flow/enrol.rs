//! Enrolment with the owner.

use crate::support::*;
use aseptic_certs::{Engine, base64, cms};
use aseptic_core::crypto::soft;
use aseptic_core::platform::{KeyId, Keys};
use aseptic_core::record::{self, Kind};
use aseptic_core::time::Time;
use aseptic_core::trust::Trust;
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{Action, Enroller, Event, Origin, Response, Stage, Terms, Workspace, confirm_handshake, tidy};
use aseptic_testbed::bench::Bench;

fn confirm(bench: &Bench) -> Result<()> {
    let key = identity(bench, |identity| identity.credential().unwrap().key_id())?;
    confirm_handshake(&bench.platform(), key, &mut Box::new(Workspace::new()))
}

fn stages(bench: &Bench) -> (Stage, Stage) {
    identity(bench, |identity| (identity.local_stage(), identity.successor_stage())).unwrap()
}

fn key_ids(bench: &Bench) -> Vec<u32> {
    bench.snapshot().keys.keys().map(|id| id.0).collect()
}

#[test]
fn a_device_enrols_and_the_owner_s_identity_takes_over_once_it_has_proven_itself() {
    let world = World::new();
    let bench = world.born();
    let registrar = Registrar::new(&world);
    assert_eq!(world.enrol(&bench, &registrar), Ok(0));
    assert_eq!(stages(&bench), (Stage::Probation, Stage::Probation));
    identity(&bench, |identity| {
        let credential = identity.credential().unwrap();
        assert_eq!((credential.origin(), credential.stage()), (Origin::Local, Stage::Probation));
        assert_eq!(credential.chain().len(), 2, "leaf and, from the list of CA certificates, its issuer");
        proves_possession(&bench, &credential);
        let fallback = identity.fallback().unwrap();
        assert_eq!(fallback.origin(), Origin::Birth);
        assert_ne!(fallback.key_id(), credential.key_id());
        proves_possession(&bench, &fallback);
    })
    .unwrap();
    confirm(&bench).unwrap();
    confirm(&bench).unwrap();
    assert_eq!(stages(&bench), (Stage::Active, Stage::Blank));
    identity(&bench, |identity| {
        let credential = identity.credential().unwrap().for_messages().unwrap();
        assert_eq!(credential.stage(), Stage::Active);
        assert_eq!(identity.fallback().unwrap(), *credential);
        assert_eq!(identity.birth().unwrap().origin(), Origin::Birth);
    })
    .unwrap();
    assert_eq!(key_ids(&bench), [1, 2]);
}

#[test]
fn an_active_device_enrols_again_beside_its_identity_and_gives_up_the_old_key_last() {
    let world = World::new();
    let bench = world.born();
    let registrar = Registrar::new(&world);
    world.enrol(&bench, &registrar).unwrap();
    confirm(&bench).unwrap();
    world.enrol(&bench, &registrar).unwrap();
    assert_eq!(stages(&bench), (Stage::Active, Stage::Probation));
    assert_eq!(key_ids(&bench), [1, 2, 3]);
    identity(&bench, |identity| {
        assert_eq!(identity.credential().unwrap().key_id(), KeyId(3));
        assert_eq!(identity.fallback().unwrap().key_id(), KeyId(2));
    })
    .unwrap();
    // A handshake with what worked before proves nothing, and one with a key of nobody is a mistake.
    let mut workspace = Box::new(Workspace::new());
    confirm_handshake(&bench.platform(), KeyId(2), &mut workspace).unwrap();
    confirm_handshake(&bench.platform(), KeyId(1), &mut workspace).unwrap();
    assert_eq!(confirm_handshake(&bench.platform(), KeyId(4), &mut workspace), Err(Reason::Misuse));
    assert_eq!(stages(&bench), (Stage::Active, Stage::Probation));
    // One that never proves itself is replaced.
    world.enrol(&bench, &registrar).unwrap();
    assert_eq!(key_ids(&bench), [1, 2, 4]);
    confirm(&bench).unwrap();
    assert_eq!(key_ids(&bench), [1, 4]);
    assert_eq!(tidy(&bench.platform(), &mut workspace), Ok(0));
}

#[test]
fn a_slow_key_store_costs_no_step() {
    let world = World::new();
    let bench = world.born();
    let registrar = Registrar::new(&world);
    bench.set_sign_delay(3);
    assert_eq!(world.enrol(&bench, &registrar), Ok(0));
    let asked: Vec<String> = registrar.requests.borrow().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(asked, ["cacerts", "csrattrs", "simpleenroll"].map(|path| format!("/.well-known/est/{path}")));
    assert_eq!(stages(&bench), (Stage::Probation, Stage::Probation));
}

#[test]
fn without_an_owner_or_a_birth_there_is_no_enrolment() {
    let world = World::new();
    let start = |bench: &Bench, trust: &Trust<'_>| {
        let before = bench.snapshot();
        let mut workspace = Box::new(Workspace::new());
        let reason = Enroller::start(&bench.platform(), &soft::suite(), trust, &Engine, &mut workspace).err();
        assert_eq!(bench.snapshot(), before);
        reason
    };
    use aseptic_core::trust::{Authority, Purpose};
    let born = world.born();
    assert_eq!(start(&born, &Trust::default()), Some(Reason::OwnerRootMissing));
    assert_eq!(start(&born, &world.maker_trust()), Some(Reason::OwnerRootMissing));
    for lone in [Purpose::Enrolment, Purpose::Telemetry] {
        assert_eq!(start(&born, &world.owner.trust(Authority::Owner, &[lone])), Some(Reason::OwnerRootMissing));
    }
    let blank = Bench::new(1);
    assert_eq!(start(&blank, &world.owner_trust()), Some(Reason::NotProvisioned));
    world.request(&blank).unwrap();
    assert_eq!(start(&blank, &world.owner_trust()), Some(Reason::NotProvisioned));
}

#[test]
fn a_wait_and_a_restart_send_the_very_same_request() {
    let world = World::new();
    let bench = world.born();
    let registrar = Registrar::new(&world);
    registrar.pending.set(2);
    assert_eq!(world.enrol(&bench, &registrar), Ok(60));
    let requests = registrar.requests.take();
    let posts: Vec<_> = requests.iter().filter(|(path, _)| path.ends_with("simpleenroll")).collect();
    assert_eq!(posts.len(), 3);
    assert!(posts.iter().all(|post| *post == posts[0]));

    // A refusal ends one run; the next, after a restart, sends the same bytes.
    let bench = world.born();
    let registrar =
        Registrar::twisted(
            &world,
            |path, answer| {
                if path.ends_with("simpleenroll") { Answer::status(503) } else { answer }
            },
        );
    assert_eq!(refused(world.enrol(&bench, &registrar)), Reason::EstPending);
    assert_eq!(stages(&bench), (Stage::Pending, Stage::Pending));
    bench.restart();
    let after = Registrar::new(&world);
    world.enrol(&bench, &after).unwrap();
    assert_eq!(registrar.requests.take().last(), after.requests.take().last());
}

#[test]
fn every_form_of_a_good_answer_is_taken() {
    let world = World::new();
    let root = world.owner.root.der();
    let intermediate = world.owner.intermediate.der();
    // Everything there is, in any order, with strangers among it.
    let strangers = [world.maker.root.der(), world.maker.intermediate.der()];
    for turn in 0..5 {
        for wrapped in [true, false] {
            let bench = world.born();
            let registrar = Registrar {
                wrapped,
                ..Registrar::twisted(&world, move |path, answer| {
                    match path {
                        "/.well-known/est/cacerts" => return Answer::bundle(&[root], wrapped),
                        "/.well-known/est/csrattrs" => return answer,
                        _ => {}
                    }
                    let leaf = certificates(&answer).remove(0);
                    let mut all = vec![&leaf[..], root, intermediate, strangers[0], strangers[1]];
                    all.rotate_left(turn);
                    Answer { body: text(&unsorted(&all), wrapped), ..answer }
                })
            };
            world.enrol(&bench, &registrar).unwrap();
            identity(&bench, |identity| assert_eq!(identity.credential().unwrap().chain().len(), 2)).unwrap();
        }
    }
    // Base64 with every kind of white space, and other spellings of the media type.
    for (content_type, join) in [
        ("application/pkcs7-mime", "\r\n"),
        ("Application/Pkcs7-Mime; SMIME-TYPE=\"certs-only\"", "\n \t"),
        ("application/pkcs7-mime ; charset=utf-8; smime-type=certs-only", "\n\n"),
    ] {
        let bench = world.born();
        let registrar = Registrar::twisted(&world, move |_, answer| {
            let body = String::from_utf8(answer.body).unwrap();
            let body = body.lines().collect::<Vec<_>>().join(join).into_bytes();
            Answer { content_type, body, ..answer }
        });
        world.enrol(&bench, &registrar).unwrap();
    }
}

/// The certificates of an answer.
fn certificates(answer: &Answer) -> Vec<Vec<u8>> {
    let mut der = vec![0; answer.body.len()];
    let length = base64::decode(&answer.body, &mut der).unwrap();
    cms::certificates(&der[..length]).unwrap().iter().map(<[u8]>::to_vec).collect()
}

/// A bundle with its certificates in this order, which is not the one of DER.
fn unsorted(certificates: &[&[u8]]) -> Vec<u8> {
    use aseptic_certs::der::{self, Writer};
    use aseptic_certs::oid;
    let mut out = vec![0; 16_384];
    let mut writer = Writer::new(&mut out);
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(oid::SIGNED_DATA).nested(der::context(0), |writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.magnitude(&[1]).element(der::SET, &[]).nested(der::SEQUENCE, |writer| {
                    writer.oid(oid::DATA);
                });
                writer.nested(der::context(0), |writer| {
                    for certificate in certificates {
                        writer.raw(certificate);
                    }
                });
                writer.element(der::SET, &[]);
            });
        });
    });
    writer.finish().unwrap().to_vec()
}

/// Everything that a registrar can get wrong, each with its reason.
#[test]
fn a_bad_answer_is_refused_with_its_own_reason_and_changes_nothing() {
    let world = World::new();
    let bench = world.born();
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    confirm(&bench).unwrap();
    // A second enrolment is under way when the answers come.
    let busy = Registrar::twisted(
        &world,
        |path, answer| {
            if path.ends_with("simpleenroll") { Answer::status(503) } else { answer }
        },
    );
    assert_eq!(refused(world.enrol(&bench, &busy)), Reason::EstPending);
    let before = bench.snapshot();
    let other = world.born();
    let other_key = identity(&other, |identity| {
        let leaf = aseptic_certs::Certificate::parse(identity.credential().unwrap().chain()[0]).unwrap();
        leaf.public_key().unwrap().bytes().to_vec()
    })
    .unwrap();

    let good = Quirks::default();
    for (quirks, reason) in [
        (Quirks { key: Some(other_key), ..good.clone() }, Reason::EstNoMatch),
        (Quirks { serial: Some("PUMP-2024-0043"), ..good.clone() }, Reason::IdentityNameMismatch),
        (Quirks { not_after: Some(NOW as i64 - 3600), ..good.clone() }, Reason::CertificateExpired),
        (Quirks { server_only: true, ..good.clone() }, Reason::PathKeyUsage),
        (Quirks { ca: true, ..good.clone() }, Reason::PathKeyUsage),
    ] {
        let registrar = Registrar { quirks, ..Registrar::new(&world) };
        assert_eq!(refused(world.enrol(&bench, &registrar)), reason);
        assert_eq!(bench.snapshot(), before, "{reason}");
    }

    let enroll = |twist: fn(&World, Answer) -> Answer| {
        Registrar::twisted(&world, {
            let world = &world;
            move |path, answer| if path.ends_with("simpleenroll") { twist(world, answer) } else { answer }
        })
    };
    let lists = |twist: fn(&World, Answer) -> Answer| {
        Registrar::twisted(&world, {
            let world = &world;
            move |path, answer| if path.ends_with("cacerts") { twist(world, answer) } else { answer }
        })
    };
    for (what, registrar, reason) in [
        ("refused", enroll(|_, _| Answer::status(403)), Reason::EstRefused),
        ("unauthorized", enroll(|_, _| Answer::status(401)), Reason::EstRefused),
        ("redirected", enroll(|_, _| Answer::status(302)), Reason::EstRefused),
        ("failing", enroll(|_, _| Answer::status(500)), Reason::EstRefused),
        ("busy", enroll(|_, _| Answer::status(503)), Reason::EstPending),
        ("html", enroll(|_, answer| Answer { content_type: "text/html", ..answer }), Reason::EstTransfer),
        (
            "a private key",
            enroll(|_, answer| Answer {
                content_type: "application/pkcs7-mime; smime-type=server-generated-key",
                ..answer
            }),
            Reason::EstTransfer,
        ),
        ("empty", enroll(|_, answer| Answer { body: Vec::new(), ..answer }), Reason::CmsMalformed),
        ("no base64", enroll(|_, answer| Answer { body: b"<html>".to_vec(), ..answer }), Reason::EstTransfer),
        ("huge", enroll(|_, answer| Answer { body: vec![b'A'; limits::EST_ANSWER + 4], ..answer }), Reason::TooLarge),
        ("no certificate", enroll(|_, _| Answer::bundle(&[], true)), Reason::EstNoMatch),
        ("only CAs", enroll(|world, _| Answer::bundle(&[world.owner.intermediate.der()], true)), Reason::EstNoMatch),
        (
            "our certificate twice",
            enroll(|_, answer| {
                let leaf = certificates(&answer).remove(0);
                Answer { body: text(&unsorted(&[&leaf, &leaf]), true), ..answer }
            }),
            Reason::EstNoMatch,
        ),
        (
            "too many certificates",
            enroll(|world, answer| {
                let many = [&world.owner.root.der()[..]; limits::EST_CERTIFICATES + 1];
                Answer { body: text(&unsorted(&many), true), ..answer }
            }),
            Reason::TooLarge,
        ),
        ("no list", lists(|_, _| Answer::status(404)), Reason::EstRefused),
        ("list of nothing", lists(|_, answer| Answer { body: Vec::new(), ..answer }), Reason::CmsMalformed),
        ("list without the issuer", lists(|_, _| Answer::bundle(&[], true)), Reason::PathUntrusted),
        (
            "another's issuer",
            lists(|world, _| Answer::bundle(&[world.maker.intermediate.der()], true)),
            Reason::PathUntrusted,
        ),
        (
            "a foreign CA",
            enroll(|world, answer| {
                let leaf = certificates(&answer).remove(0);
                // What the maker's CA issues for the same key is not the owner's word.
                let spki = aseptic_certs::Certificate::parse(&leaf).unwrap().public_key().unwrap().bytes().to_vec();
                let bench = Bench::new(1);
                let csr = world.request(&bench).unwrap();
                let leaf = world.maker.issue(&csr, YEAR, &Quirks { key: Some(spki), ..Quirks::default() });
                Answer::bundle(&[&leaf, world.maker.intermediate.der(), world.maker.root.der()], true)
            }),
            Reason::PathUntrusted,
        ),
    ] {
        assert_eq!(refused(world.enrol(&bench, &registrar)), reason, "{what}");
        assert_eq!(bench.snapshot(), before, "{what}");
    }
    identity(&bench, |identity| proves_possession(&bench, &identity.credential().unwrap())).unwrap();
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
}

#[test]
fn every_flipped_bit_and_every_truncation_of_an_answer_is_refused() {
    let world = World::new();
    let bench = world.born();
    let busy = Registrar::twisted(
        &world,
        |path, answer| {
            if path.ends_with("simpleenroll") { Answer::status(503) } else { answer }
        },
    );
    assert_eq!(refused(world.enrol(&bench, &busy)), Reason::EstPending);
    let before = bench.snapshot();
    let body = busy.requests.take().pop().unwrap().1;
    let mut csr = vec![0; limits::CSR];
    let length = base64::decode(&body, &mut csr).unwrap();
    let leaf = world.owner.issue(&csr[..length], YEAR, &Quirks::default());
    let mut bundle = vec![0; 4096];
    let length = cms::write(&[&leaf, world.owner.intermediate.der()], &mut bundle).unwrap();
    bundle.truncate(length);

    let mut workspace = Box::new(Workspace::new());
    let (platform, suite, trust) = (bench.platform(), soft::suite(), world.owner_trust());
    let mut enroller = Enroller::start(&platform, &suite, &trust, &Engine, &mut workspace).unwrap();
    assert!(matches!(enroller.step(Event::Ready, now()), Ok(Action::Request(_))));
    let mut answer = |body: &mut [u8]| {
        let content_type = "application/pkcs7-mime";
        let event = Event::Response(Response { status: 200, content_type, retry_after: "", location: "", body });
        enroller.step(event, now()).map(|action| matches!(action, Action::Done))
    };
    assert_eq!(answer(&mut text(&unsorted(&[world.owner.root.der()]), true)), Ok(false));
    // In the frame around the certificates some bits mean nothing (the version, the type of the absent content). Inside of
    // them none goes unnoticed.
    let find = |der: &[u8]| bundle.windows(der.len()).position(|window| window == der).unwrap();
    let places = [&leaf[..], world.owner.intermediate.der()].map(|der| (find(der), find(der) + der.len()));
    let mut frame = Vec::new();
    let mut tried = 0;
    for bit in 0..bundle.len() * 8 {
        let mut flipped = bundle.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if places.iter().any(|(start, end)| (*start..*end).contains(&(bit / 8))) {
            assert!(answer(&mut text(&flipped, true)).is_err(), "bit {bit}");
            tried += 1;
        } else {
            frame.push(flipped);
        }
    }
    for length in 0..bundle.len() {
        assert!(answer(&mut text(&bundle[..length], true)).is_err(), "length {length}");
        tried += 1;
    }
    let wrapped = text(&bundle, true);
    for length in 0..wrapped.len() - 2 {
        assert!(answer(&mut wrapped[..length].to_vec()).is_err(), "characters {length}");
        tried += 1;
    }
    assert_eq!(bench.snapshot(), before);
    assert_eq!(answer(&mut text(&bundle, true)), Ok(true));
    assert_eq!(answer(&mut text(&bundle, true)), Err(Reason::Misuse), "it is over");
    let proper = bench.snapshot();
    let mut without_meaning = 0;
    for flipped in frame {
        let mut workspace = Box::new(Workspace::new());
        bench.edit(|medium| *medium = before.clone());
        let mut enroller = Enroller::start(&platform, &suite, &trust, &Engine, &mut workspace).unwrap();
        let content_type = "application/pkcs7-mime";
        for body in [&mut text(&unsorted(&[world.owner.root.der()]), true), &mut text(&flipped, true)] {
            let event = Event::Response(Response { status: 200, content_type, retry_after: "", location: "", body });
            let done = enroller.step(event, now()).is_ok_and(|action| matches!(action, Action::Done));
            without_meaning += usize::from(done);
        }
        assert!([&before, &proper].contains(&&bench.snapshot()), "nothing else than the certificates is stored");
        tried += 1;
    }
    println!("enrolment answer: {tried} flipped bits and truncations, {without_meaning} of them without meaning");
}

#[test]
fn a_lost_key_is_replaced_and_the_birth_identity_takes_over() {
    let world = World::new();
    let bench = world.born();
    let registrar = Registrar::new(&world);
    world.enrol(&bench, &registrar).unwrap();
    confirm(&bench).unwrap();
    bench.destroy(KeyId(2)).unwrap();
    identity(&bench, |identity| {
        assert_eq!(identity.credential().unwrap().origin(), Origin::Birth);
        assert_eq!(identity.local_stage(), Stage::Blank);
    })
    .unwrap();
    assert_eq!(bench.take_events()[0].reason, Reason::IdentityKeyLost);
    world.enrol(&bench, &registrar).unwrap();
    confirm(&bench).unwrap();
    identity(&bench, |identity| proves_possession(&bench, &identity.credential().unwrap())).unwrap();

    // The key of a request is lost while the registrar thinks: a new one is made.
    let busy = Registrar::twisted(&world, |_, _| Answer::status(503));
    assert_eq!(refused(world.enrol(&bench, &busy)), Reason::EstPending);
    let pending = *key_ids(&bench).last().unwrap();
    bench.destroy(KeyId(pending)).unwrap();
    world.enrol(&bench, &registrar).unwrap();
    assert!(*key_ids(&bench).last().unwrap() > pending);
}

#[test]
fn a_device_without_a_clock_enrols() {
    let world = World::new();
    for time in [Time::UNKNOWN, Time::at_least(NOW)] {
        let bench = world.born();
        assert_eq!(world.enrol_on(&bench, &Registrar::new(&world), Terms::ENROL, time), Ok(0));
    }
}

/// A later release may read certificates more strictly than the one that stored them.
#[test]
fn a_stored_certificate_that_cannot_be_read_costs_its_own_identity_alone() {
    let world = World::new();
    let bench = world.born();
    assert_eq!(world.enrol(&bench, &Registrar::new(&world)), Ok(0));
    confirm(&bench).unwrap();
    let leaf = |origin| {
        identity(&bench, |identity| {
            let credential = if origin == Origin::Birth { identity.birth() } else { identity.credential() };
            credential.unwrap().chain()[0].to_vec()
        })
        .unwrap()
    };
    let spoil = |kind, leaf: &[u8]| {
        let (mut frame, platform) = (vec![0; limits::SLOT], bench.platform());
        let mut payload = record::load(platform.store, kind, &mut frame).unwrap().unwrap().to_vec();
        let at = payload.windows(leaf.len()).position(|window| window == leaf).unwrap();
        payload[at] = 0x31;
        record::save(platform.store, kind, &payload, &mut frame).unwrap();
    };
    let (birth, local) = (leaf(Origin::Birth), leaf(Origin::Local));
    let _earlier = bench.take_events();
    spoil(Kind::BirthIdentity, &birth);
    identity(&bench, |identity| {
        proves_possession(&bench, &identity.credential().unwrap());
        assert_eq!(identity.credential().unwrap().origin(), Origin::Local);
        assert_eq!(identity.birth(), Err(Reason::IdentityKeyLost));
    })
    .unwrap();
    assert_eq!(bench.take_events()[0].reason, Reason::CertificateMalformed);
    spoil(Kind::LocalIdentity, &local);
    identity(&bench, |identity| assert_eq!(identity.credential(), Err(Reason::IdentityKeyLost))).unwrap();
}
