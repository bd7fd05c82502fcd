//! `examples/c/enrol.c`, which enrols over the TLS of OpenSSL, against our registrar.

use crate::program::{enrol, openssl};
use crate::scene::{Life, SERIAL, Scene, now};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::limits;
use aseptic_core::platform::KeyId;
use aseptic_core::trust::Authority;
use aseptic_identity::{Identity, Stage};
use aseptic_infra::ca::{Ca, Server, Validity};
use aseptic_infra::registrar::{Decision, Handle, Registrar};
use aseptic_infra::{AuthorityKey, ServerTrust};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "est.hospital.example";

#[test]
fn a_firmware_with_openssl_enrols_with_our_registrar() {
    if !openssl() {
        println!("enrol: the headers of OpenSSL are not here; `cargo xtask setup` installs them");
        return;
    }
    let scene = Scene::new(Life::Owned);
    let approved = Arc::new(AtomicBool::new(false));

    let elsewhere = registrar(&scene, &Scene::new(Life::Blank).hospital, &approved);
    let stranger = enrol(scene.device.path(), &[&elsewhere.address().to_string(), NAME]);
    assert_eq!(stranger.status, Some(1), "{stranger:?}");
    assert!(stranger.complained.starts_with("registrar: "), "another hospital's: {stranger:?}");
    elsewhere.shutdown();

    let handle = registrar(&scene, &scene.hospital, &approved);
    let address = handle.address().to_string();
    let run = |word: Option<&str>, status, stages: &str| {
        let words: Vec<&str> = [address.as_str(), NAME].into_iter().chain(word).collect();
        let outcome = enrol(scene.device.path(), &words);
        assert_eq!((outcome.status, outcome.said.as_str()), (Some(status), stages), "{word:?} {outcome:?}");
    };
    let [pending, probation, active] = [Stage::Pending, Stage::Probation, Stage::Active].map(|stage| stage as u8);
    let blank = Stage::Blank as u8;
    run(Some("renew"), 1, "");
    run(Some("prove"), 1, "");
    run(None, 3, &format!("local {pending} successor {pending}\n"));
    approved.store(true, Ordering::SeqCst);
    run(None, 0, &format!("local {probation} successor {probation}\n"));
    run(Some("prove"), 0, &format!("local {active} successor {blank}\n"));
    let first = key(&scene);

    // The renewal, which a person looks at too.
    approved.store(false, Ordering::SeqCst);
    run(Some("renew"), 3, &format!("local {active} successor {pending}\n"));
    assert_eq!(key(&scene), first, "the identity in use stays");
    approved.store(true, Ordering::SeqCst);
    run(Some("renew"), 0, &format!("local {active} successor {probation}\n"));
    run(Some("prove"), 0, &format!("local {active} successor {blank}\n"));
    assert_ne!(key(&scene), first, "a renewal takes a new key");
    let mut asked = String::new();
    handle.store().audit(&mut |_, _, line| asked += &format!("{line}\n")).unwrap();
    assert!(asked.contains("op=POST simplereenroll status=202") && asked.contains("op=POST simplereenroll status=200"));
    handle.shutdown();
    println!("enrol: OpenSSL carried an enrolment, a renewal, a wait for each, and a refusal");
}

/// The key of the local identity in use.
fn key(scene: &Scene) -> KeyId {
    let keys = scene.device.keys();
    let mut buffer = vec![0; 2 * limits::SLOT];
    let identity = Identity::load(&scene.device.platform(&keys), &mut buffer).unwrap();
    assert_eq!(identity.name(), Ok(SERIAL));
    identity.fallback().unwrap().key_id()
}

/// The registrar of a hospital, which wants a person to approve.
fn registrar(scene: &Scene, hospital: &Ca, approved: &Arc<AtomicBool>) -> Handle {
    let days = Validity::days(now() - 300, 365).unwrap();
    let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let chain = hospital.issue_server(NAME, key.public().unwrap(), Server::Registrar, days).unwrap();
    let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &scene.maker_store())]).unwrap();
    let seen = Arc::clone(approved);
    let ward = hospital.intermediate("Ward", Validity::years(now() - 500, 1).unwrap()).unwrap();
    Registrar::new(ward, Arc::new(trust), chain, key)
        .policy(move |_| match seen.load(Ordering::SeqCst) {
            true => Decision::Issue,
            false => Decision::Wait { seconds: 60 },
        })
        .serve(TcpListener::bind("127.0.0.1:0").unwrap())
        .unwrap()
}
