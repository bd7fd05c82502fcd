//! The C program `tests/c/hosted.c`, which uses the files, the TLS and the EST of the library, and a hospital's servers.

use crate::life::Line;
use crate::program::{hosted, spawn};
use crate::scene::{HARDWARE, HARDWARE_SERIAL, Life, SERIAL, Scene, now};
use aseptic_certs::Engine;
use aseptic_core::Reason;
use aseptic_core::crypto::{KeyAlg, PublicKey, soft};
use aseptic_core::platform::{KeyId, KeyPolicy, KeyUse, Keys};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Purpose};
use aseptic_hosted::channel::{Local, Remote, accept, limited};
use aseptic_infra::adapter::Received;
use aseptic_infra::ca::{Expected, Server, Validity};
use aseptic_infra::registrar::{Decision, Registrar};
use aseptic_infra::{AuthorityKey, ServerTrust};
use aseptic_messaging::{Decapsulate as _, Demand, Earlier};
use aseptic_testbed::bench::Bench;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn a_device_of_files_enrols_and_connects_by_c_functions() {
    if !hosted() {
        println!("hosted: not in this library");
        return;
    }
    let scene = Scene::new(Life::Blank);
    let folder = tempfile::tempdir().unwrap();
    let mut child = spawn("hosted", &folder.path().join("device"));
    let mut line = Line::new(child.stdin.take().unwrap(), child.stdout.take().unwrap());

    let makers = scene.maker_store();
    line.tell(&makers);
    let request = line.hear();
    let expected = Expected {
        serial: SERIAL,
        key: KeyAlg::P256,
        hardware_type: HARDWARE,
        hardware_serial: HARDWARE_SERIAL,
        udi: None,
    };
    line.tell_chain(&scene.maker.issue_birth(&request, &expected, now() - 100).unwrap());
    line.tell(&scene.owner);

    let days = Validity::days(now() - 300, 365).unwrap();
    let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
    let chain =
        scene.hospital.issue_server("est.hospital.example", key.public().unwrap(), Server::Registrar, days).unwrap();
    let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &makers)]).unwrap();
    let approved = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&approved);
    let ward = scene.hospital.intermediate("Ward", Validity::years(now() - 500, 1).unwrap()).unwrap();
    let handle = Registrar::new(ward, Arc::new(trust), chain, key)
        .policy(move |_| match seen.load(Ordering::SeqCst) {
            true => Decision::Issue,
            false => Decision::Wait { seconds: 60 },
        })
        .serve(TcpListener::bind("127.0.0.1:0").unwrap())
        .unwrap();
    line.tell(handle.address().to_string().as_bytes());
    assert!(line.hear().is_empty());
    approved.store(true, Ordering::SeqCst);
    line.tell(&[]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    line.tell(listener.local_addr().unwrap().to_string().as_bytes());
    welcome(&scene, &listener);

    // A person looks at the renewal too.
    assert!(line.hear().is_empty());
    approved.store(false, Ordering::SeqCst);
    line.tell(&[]);
    assert!(line.hear().is_empty());
    approved.store(true, Ordering::SeqCst);
    line.tell(&[]);
    welcome(&scene, &listener);
    hybrid_session(&scene, &mut line);
    assert_eq!(line.hear(), b"lived");
    drop(line);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    handle.shutdown();
}

/// A session of the device for whose messages an attacker would have to break two kinds of cryptography.
fn hybrid_session(scene: &Scene, line: &mut Line) {
    let links = line.hear()[0];
    let chain: Vec<_> = (0..links).map(|_| line.hear()).collect();
    line.tell(scene.kem.public().unwrap().bytes());
    let (offer, message, lost) = (line.hear(), line.hear(), line.hear());
    scene.with_adapter_that(Demand::Hybrid, &chain, |adapter| {
        let mut archive = Vec::new();
        let told = adapter.take(&offer, Scene::time(), &mut archive).unwrap();
        assert!(matches!(told, Received::Session { accepted, .. } if accepted.earlier == Earlier::First { sent: 0 }));
        assert_eq!(adapter.receive(&message, Scene::time(), &mut archive).unwrap().body, b"flow 2.5 ml/h");
        // Offered in the same memory, without a KEM: told apart, and refused where the hospital demands one.
        assert_eq!(adapter.take(&lost, Scene::time(), &mut archive).unwrap_err().reason(), Reason::HybridRequired);
    });
}

/// A server of the hospital: it takes one connection of a device, hears it, answers and ends it.
fn welcome(scene: &Scene, listener: &TcpListener) {
    let keys = Bench::new(9);
    keys.generate(KeyId(1), KeyPolicy { alg: KeyAlg::P256, usage: KeyUse::Sign }).unwrap();
    let mut public = [0; 65];
    keys.public(KeyId(1), &mut public).unwrap();
    let public = PublicKey::new(KeyAlg::P256, &public).unwrap();
    let days = Validity::days(now() - 300, 365).unwrap();
    let chain = scene.hospital.issue_server("net.hospital.example", public, Server::Relay, days).unwrap();
    let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let trust = ServerTrust::new(soft::suite(), &[(Authority::Owner, &scene.owner)]).unwrap();
    let suite = soft::suite();
    let heard = trust.with(|trust| {
        let local = Local { keys: &keys, key: KeyId(1), chain: &links };
        let purposes = &[Purpose::Telemetry];
        let remote = Remote { suite: &suite, trust, engine: &Engine, purposes, now: Time::trusted(now()) };
        let stream = listener.accept().unwrap().0;
        limited(&stream, Duration::from_secs(20)).unwrap();
        let mut channel = accept(stream, &[], &local, &remote).unwrap();
        assert_eq!(channel.peer().name(), SERIAL.as_bytes());
        let mut heard = [0; 5];
        channel.read_exact(&mut heard).unwrap();
        channel.write_all(b"welcome").unwrap();
        channel.close().unwrap();
        Ok(heard)
    });
    assert_eq!(&heard.unwrap(), b"hello");
}
