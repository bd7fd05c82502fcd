//! The ways of an enrolment beside the plain one: what registrars ask for, renewal, redirects, waits by date, proof of
//! possession, roll-over of the CA.

use crate::support::*;
use aseptic_certs::csr::Csr;
use aseptic_certs::der::{self, Writer};
use aseptic_certs::{Certificate, Engine, base64, oid};
use aseptic_core::crypto::soft;
use aseptic_core::platform::Keys;
use aseptic_core::time::Time;
use aseptic_core::{Reason, Result, limits};
use aseptic_identity::{Action, Enroller, Event, Origin, Response, Stage, Terms, Workspace, confirm_handshake};
use aseptic_testbed::bench::Bench;

fn confirm(bench: &Bench) {
    let key = identity(bench, |identity| identity.credential().unwrap().key_id()).unwrap();
    confirm_handshake(&bench.platform(), key, &mut Box::new(Workspace::new())).unwrap();
}

fn posted(registrar: &Registrar<'_>) -> Vec<Vec<u8>> {
    let requests = registrar.requests.borrow();
    let posts = requests.iter().filter(|(_, body)| !body.is_empty());
    posts.map(|(_, body)| decoded(body)).collect()
}

fn decoded(body: &[u8]) -> Vec<u8> {
    let mut der = vec![0; body.len()];
    let length = base64::decode(body, &mut der).unwrap();
    der.truncate(length);
    der
}

fn asking(world: &World, attributes: Vec<u8>) -> Registrar<'_> {
    Registrar::twisted(world, move |path, answer| match path.ends_with("csrattrs") {
        true => Answer { content_type: "application/csrattrs", body: text(&attributes, false), ..Answer::status(200) },
        false => answer,
    })
}

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().unwrap().to_vec()
}

/// Attribute with one value.
fn attribute(writer: &mut Writer<'_>, kind: &[u8], value: impl FnOnce(&mut Writer<'_>)) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(kind).nested(der::SET, value);
    });
}

fn extension(writer: &mut Writer<'_>, kind: &[u8], value: Option<&[u8]>) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(kind);
        if let Some(value) = value {
            writer.element(der::OCTET_STRING, value);
        }
    });
}

#[test]
fn the_old_form_of_attributes_adds_extensions_and_what_is_unknown_is_passed_over() {
    let world = World::new();
    let usage = [der::BIT_STRING, 2, 7, 0x80];
    let attributes = written(|writer| {
        writer.nested(der::SEQUENCE, |writer| {
            writer.oid(oid::CHALLENGE_PASSWORD).oid(&[0x2A, 0x03]);
            attribute(writer, oid::EC_PUBLIC_KEY, |writer| {
                writer.oid(oid::P256);
            });
            attribute(writer, &[0x2A, 0x03], |writer| {
                writer.magnitude(&[7]);
            });
            attribute(writer, oid::EXTENSION_REQUEST, |writer| {
                writer.nested(der::SEQUENCE, |writer| extension(writer, oid::KEY_USAGE, Some(&usage)));
            });
        });
    });
    let (bench, registrar) = (world.born(), asking(&world, attributes));
    world.enrol(&bench, &registrar).unwrap();
    let request = posted(&registrar).remove(0);
    let request = Csr::parse(&request).unwrap();
    request.verify(&soft::suite()).unwrap();
    assert_eq!(request.device_serial(), Some(SERIAL.as_bytes()));
    assert_eq!(request.extensions.find(oid::KEY_USAGE).unwrap().value, usage);
    assert_eq!(request.alternative_names().unwrap().uri(), Some(LINK), "its own names stay");
}

fn template(subject: impl FnOnce(&mut Writer<'_>), curve: &[u8], extensions: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    written(|writer| {
        writer.nested(der::SEQUENCE, |writer| {
            // Beside a template the rest of the list does not count.
            attribute(writer, oid::RSA_ENCRYPTION, |_| {});
            attribute(writer, oid::REQUEST_TEMPLATE, |writer| {
                writer.nested(der::SEQUENCE, |writer| {
                    writer.magnitude(&[0]).nested(der::SEQUENCE, subject).nested(der::context(0), |writer| {
                        writer.nested(der::SEQUENCE, |writer| {
                            writer.oid(oid::EC_PUBLIC_KEY).oid(curve);
                        });
                    });
                    writer.nested(der::context(1), |writer| {
                        attribute(writer, oid::EXTENSION_TEMPLATE, |writer| {
                            writer.nested(der::SEQUENCE, extensions);
                        });
                    });
                });
            });
        });
    })
}

fn part(writer: &mut Writer<'_>, kind: &[u8], value: Option<&[u8]>) {
    writer.nested(der::SET, |writer| {
        writer.nested(der::SEQUENCE, |writer| {
            writer.oid(kind);
            if let Some(value) = value {
                writer.element(der::UTF8_STRING, value);
            }
        });
    });
}

const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0A];

#[test]
fn a_template_is_followed_alone_and_filled_with_the_device_s_own_names() {
    let world = World::new();
    let attributes = template(
        |writer| {
            part(writer, ORGANIZATION, Some(b"Hospital"));
            part(writer, oid::COMMON_NAME, None);
            part(writer, oid::SERIAL_NUMBER, None);
        },
        oid::P256,
        |writer| {
            let names = written(|writer| {
                writer.nested(der::SEQUENCE, |writer| {
                    writer.element(der::context_primitive(2), b"ward.hospital.example");
                    writer.element(der::context_primitive(6), b"");
                });
            });
            extension(writer, oid::SUBJECT_ALT_NAME, Some(&names));
            extension(writer, oid::KEY_USAGE, None);
        },
    );
    let (bench, registrar) = (world.born(), asking(&world, attributes));
    world.enrol(&bench, &registrar).unwrap();
    let request = posted(&registrar).remove(0);
    let request = Csr::parse(&request).unwrap();
    request.verify(&soft::suite()).unwrap();
    let subject: Vec<(&[u8], u8, &[u8])> =
        request.subject.attributes().map(|part| (part.oid, part.tag, part.value)).collect();
    assert_eq!(
        subject,
        [
            (ORGANIZATION, der::UTF8_STRING, &b"Hospital"[..]),
            (oid::COMMON_NAME, der::UTF8_STRING, SERIAL.as_bytes()),
            (oid::SERIAL_NUMBER, der::PRINTABLE_STRING, SERIAL.as_bytes()),
        ]
    );
    assert_eq!(request.alternative_names().unwrap().uri(), Some(LINK));
    assert_eq!(request.alternative_names().unwrap().iter().count(), 2);
    assert_eq!(request.extensions.key_usage, Some(aseptic_certs::KeyUsage::DIGITAL_SIGNATURE));
}

#[test]
fn what_a_device_cannot_give_is_refused_and_no_malformed_wish_is_followed() {
    let world = World::new();
    let plain = |writer: &mut Writer<'_>| part(writer, oid::SERIAL_NUMBER, None);
    let p384 = [0x2B, 0x81, 0x04, 0x00, 0x22];
    let old = |kind: &'static [u8]| {
        written(|writer| {
            writer.nested(der::SEQUENCE, |writer| attribute(writer, kind, |_| {}));
        })
    };
    for (attributes, expected) in [
        (template(|writer| part(writer, ORGANIZATION, None), oid::P256, |_| {}), Reason::EstAttributes),
        (template(plain, &p384, |_| {}), Reason::EstAttributes),
        (template(plain, oid::P256, |writer| extension(writer, oid::EXTENDED_KEY_USAGE, None)), Reason::EstAttributes),
        (old(oid::RSA_ENCRYPTION), Reason::EstAttributes),
        (old(oid::EXTENSION_REQUEST), Reason::EstTransfer),
        (b"0".to_vec(), Reason::EstTransfer),
        (b"\x30\x03abc".to_vec(), Reason::EstTransfer),
    ] {
        let bench = world.born();
        let told = refused(world.enrol(&bench, &asking(&world, attributes.clone())));
        assert_eq!(told, expected, "{attributes:02x?}");
        // Another registrar, or the same one mended, is asked again.
        world.enrol(&bench, &Registrar::new(&world)).unwrap();
    }
    // Every truncation of a template, and every flipped bit: a request in the device's name, or none.
    let whole = template(plain, oid::P256, |writer| extension(writer, oid::SUBJECT_ALT_NAME, None));
    let flips = (0..whole.len() * 8).step_by(7).map(|bit| {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    for wish in (0..whole.len()).step_by(5).map(|end| whole[..end].to_vec()).chain(flips) {
        let bench = world.born();
        let registrar = asking(&world, wish);
        if world.enrol(&bench, &registrar).is_err() {
            world.enrol(&bench, &Registrar::new(&world)).unwrap();
        }
    }
}

#[test]
fn a_registrar_without_wishes_says_so_in_many_ways() {
    let world = World::new();
    for status in [204, 404, 405, 501] {
        let bench = world.born();
        let registrar =
            Registrar::twisted(
                &world,
                move |path, answer| {
                    if path.ends_with("csrattrs") { Answer::status(status) } else { answer }
                },
            );
        assert_eq!(world.enrol(&bench, &registrar), Ok(0), "{status}");
    }
    let bench = world.born();
    assert_eq!(world.enrol(&bench, &asking(&world, vec![0x30, 0])), Ok(0), "an empty list");
}

#[test]
fn a_renewal_copies_the_names_byte_by_byte_and_shows_the_local_identity() {
    let world = World::new();
    let bench = world.born();
    assert_eq!(refused(world.enrol_on(&bench, &Registrar::new(&world), Terms::RENEW, now())), Reason::Misuse);
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    assert_eq!(refused(world.enrol_on(&bench, &Registrar::new(&world), Terms::RENEW, now())), Reason::Misuse);
    confirm(&bench);
    let before = identity(&bench, |identity| identity.credential().unwrap().chain()[0].to_vec()).unwrap();

    let registrar = Registrar::new(&world);
    registrar.pending.set(2);
    assert_eq!(world.enrol_on(&bench, &registrar, Terms::RENEW, now()), Ok(60));
    assert!(registrar.requests.borrow().iter().all(|(path, _)| !path.ends_with("simpleenroll")));
    let posts = posted(&registrar);
    assert!(posts.len() == 3 && posts.iter().all(|post| *post == posts[0]), "the same bytes each time");
    let (request, leaf) = (Csr::parse(&posts[0]).unwrap(), Certificate::parse(&before).unwrap());
    assert_eq!(request.subject.der(), leaf.subject.der());
    assert_eq!(request.extensions.find(oid::SUBJECT_ALT_NAME), leaf.extensions.find(oid::SUBJECT_ALT_NAME));
    assert_ne!(request.public_key(), leaf.public_key(), "a new key each time");
    let stages = identity(&bench, |identity| (identity.local_stage(), identity.successor_stage())).unwrap();
    assert_eq!(stages, (Stage::Active, Stage::Probation));
    let (in_use, fallback) =
        identity(&bench, |identity| (identity.credential().unwrap().stage(), identity.fallback().unwrap().origin()))
            .unwrap();
    assert_eq!((in_use, fallback), (Stage::Probation, Origin::Local));
}

#[test]
fn a_redirect_is_followed_three_times_and_never_off_https() {
    let world = World::new();
    let to = |location: &'static str| {
        Registrar::twisted(&world, move |path, answer| match path {
            "/.well-known/est/cacerts" | "/.well-known/est/csrattrs" => answer,
            "/.well-known/est/simpleenroll" => Answer { location, ..Answer::status(307) },
            _ => answer,
        })
    };
    for (location, place) in [
        ("/.well-known/est/simplereenroll", "/.well-known/est/simplereenroll"),
        (
            "https://other.example:8443/.well-known/est/simplereenroll",
            "other.example:8443/.well-known/est/simplereenroll",
        ),
    ] {
        let (bench, registrar) = (world.born(), to(location));
        world.enrol(&bench, &registrar).unwrap();
        let requests = registrar.requests.take();
        let [.., asked, followed] = &requests[..] else { panic!() };
        assert_eq!((followed.0.as_str(), &followed.1), (place, &asked.1));
    }
    for location in ["", "http://other.example/a", "https://user:secret@other.example/a", "ftp://other.example/a", "x"]
    {
        let bench = world.born();
        assert_eq!(refused(world.enrol(&bench, &to(location))), Reason::EstRefused, "{location}");
    }
    // A circle ends.
    let (bench, registrar) = (world.born(), to("/.well-known/est/simpleenroll"));
    assert_eq!(refused(world.enrol(&bench, &registrar)), Reason::EstRefused);
    assert_eq!(posted(&registrar).len(), 1 + usize::from(limits::EST_REDIRECTS));
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
}

#[test]
fn a_wait_until_a_date_is_as_long_as_the_clock_can_tell() {
    let world = World::new();
    // 2026-01-01T00:02:00Z, two minutes from now.
    let late = |world| {
        let told = std::cell::Cell::new(false);
        Registrar::twisted(world, move |path, answer| match path.ends_with("simpleenroll") && !told.replace(true) {
            true => Answer { retry_after: "Thu, 01 Jan 2026 00:02:00 GMT", ..Answer::status(503) },
            false => answer,
        })
    };
    for (time, expected) in [(now(), 120), (Time::at_least(NOW - 60), 180), (Time::UNKNOWN, 60)] {
        assert_eq!(world.enrol_on(&world.born(), &late(&world), Terms::ENROL, time), Ok(expected), "{time:?}");
    }
}

/// Steps to the request that carries the CSR, over connections with these bindings.
fn bound(world: &World, bench: &Bench, bindings: &[[u8; 32]]) -> Result<Vec<Vec<u8>>> {
    let terms = Terms { proof_of_possession: true, ..Terms::ENROL };
    let mut workspace = Box::new(Workspace::new());
    let (platform, suite, trust) = (bench.platform(), soft::suite(), world.owner_trust());
    let mut enroller = Enroller::start_with(&platform, &suite, &trust, &Engine, &mut workspace, terms)?;
    let registrar = Registrar::new(world);
    for path in ["/.well-known/est/cacerts", "/.well-known/est/csrattrs"] {
        let Action::Request(request) = enroller.step(Event::Ready, now())? else { panic!() };
        assert_eq!(request.path, path);
        let Answer { status, content_type, mut body, .. } = registrar.answer(path, b"");
        let told = Event::Response(Response { status, content_type, retry_after: "", location: "", body: &mut body });
        if let Err(reason) = enroller.step(told, now()) {
            assert_eq!(reason, Reason::Misuse, "no connection was told");
        }
    }
    assert_eq!(enroller.step(Event::Ready, now()).err(), Some(Reason::Misuse));
    let mut requests = Vec::new();
    for binding in bindings {
        let Action::Request(request) = enroller.step(Event::Connected(binding), now())? else { panic!() };
        requests.push(decoded(request.body));
    }
    Ok(requests)
}

#[test]
fn possession_is_proven_anew_on_each_connection_and_nothing_of_it_is_stored() {
    let world = World::new();
    let bench = world.born();
    let requests = bound(&world, &bench, &[[1; 32], [2; 32]]).unwrap();
    for (request, binding) in requests.iter().zip([[1; 32], [2; 32]]) {
        Csr::parse(request).unwrap().verify(&soft::suite()).unwrap();
        let mut text = [0; base64::encoded_len(32)];
        base64::encode(&binding, &mut text).unwrap();
        let challenge = text.trim_ascii_end();
        assert_eq!(request.windows(challenge.len()).filter(|window| *window == challenge).count(), 1);
        let at = request.windows(oid::CHALLENGE_PASSWORD.len()).position(|at| at == oid::CHALLENGE_PASSWORD);
        assert!(at.is_some());
    }
    let keys: Vec<_> = requests.iter().map(|request| Csr::parse(request).unwrap().spki.to_vec()).collect();
    assert_eq!(keys[0], keys[1], "for one key");
    assert_eq!(identity(&bench, |identity| identity.successor_stage()), Ok(Stage::Keyed));
    let mut public = [0; limits::PUBLIC_KEY];
    bench.public(aseptic_core::platform::KeyId(2), &mut public).unwrap();
    assert!(keys[0].ends_with(&public));
}
