//! `examples/c/enrol.c`, which enrols over the TLS of OpenSSL, against our registrar.

use crate::program::{enrol, openssl};
use crate::scene::{Life, SERIAL, Scene, now};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::limits;
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
    let waiting = enrol(scene.device.path(), &[&address, NAME]);
    assert_eq!(waiting.status, Some(3), "{waiting:?}");
    approved.store(true, Ordering::SeqCst);
    let done = enrol(scene.device.path(), &[&address, NAME]);
    assert_eq!(done.status, Some(0), "{done:?}");

    let keys = scene.device.keys();
    let mut buffer = vec![0; 2 * limits::SLOT];
    let identity = Identity::load(&scene.device.platform(&keys), &mut buffer).unwrap();
    assert_eq!((identity.local_stage(), identity.name()), (Stage::Probation, Ok(SERIAL)));
    handle.shutdown();
    println!("enrol: OpenSSL carried an enrolment, a wait and a refusal");
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
