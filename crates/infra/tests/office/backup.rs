//! A copy of the store that is made while devices enrol, and a registrar that goes on from it.

use super::desk::{World, ask_for, audit_lines};
use crate::common::key;
use aseptic_core::Reason;
use aseptic_infra::registrar::{Control, Limits, Store, control};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_copy_made_while_serving_is_whole_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (file, socket) = (folder.path().join("store"), folder.path().join("control"));
    let copies: Vec<_> = (0..3).map(|count| folder.path().join(format!("copy {count}"))).collect();
    let operate = |command: &Control| control(&socket, &file, command);
    let world = World::new();
    let device = world.born("PUMP-0001");
    // Requests and their answers, and how many of them came before each copy was asked for.
    let answered = Mutex::new(Vec::new());
    let before: Vec<usize> = {
        let desk = world.open(World::hospital(), |registrar| {
            let limits = Limits { handshakes: 1_000_000, requests: 1_000_000, ..Limits::default() };
            registrar.store(Store::open(&file).unwrap()).control(socket.clone()).limits(limits)
        });
        let (client, over) = (desk.newborn(&device), AtomicBool::new(false));
        let before = std::thread::scope(|scope| {
            let (client, over, answered) = (&client, &over, &answered);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let request = ask_for(&key(), "PUMP-0001", None);
                    let certificate = client.post("simpleenroll", &request).unwrap().certificate();
                    answered.lock().unwrap().push((request, certificate));
                }
            });
            let count = || answered.lock().unwrap().len();
            let before = copies.iter().map(|copy| {
                let so_far = count();
                while count() < so_far + 3 {
                    std::thread::yield_now();
                }
                let known = count();
                operate(&Control::Backup(copy.clone())).unwrap();
                known
            });
            let before = before.collect();
            over.store(true, Ordering::SeqCst);
            before
        });
        let again = operate(&Control::Backup(copies[0].clone())).unwrap_err();
        assert_eq!(again.reason(), Reason::FileExists, "a copy is never written over");
        desk.handle.shutdown();
        before
    };
    let answered = answered.into_inner().unwrap();
    for (copy, before) in copies.iter().zip(before) {
        assert_eq!(std::fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
        let issued: BTreeMap<_, _> =
            Store::open(copy).unwrap().issued().unwrap().into_iter().map(|one| (one.certificate, one.serial)).collect();
        assert!(answered[..before].iter().all(|(_, certificate)| issued.contains_key(certificate)), "{before}");
        // What was recorded later is in no part of it: each certificate has its line, and each line its certificate.
        let lines = audit_lines(copy);
        assert!(lines.iter().any(|line| line.contains("op=backup")), "{lines:#?}");
        let told = lines.iter().filter(|line| line.contains("status=200") && line.contains("certificate=")).count();
        assert_eq!(told, issued.len());
    }
    // Restored, it knows each request; the newest is answered with the same certificate, and none twice.
    let desk = world.open(World::hospital(), |registrar| registrar.store(Store::open(&copies[2]).unwrap()));
    let newest = Store::open(&copies[2]).err().map(|error| error.reason());
    assert_eq!(newest, Some(Reason::FolderBusy), "it is a store like any other");
    let kept: Vec<_> = desk.handle.store().issued().unwrap();
    let newest = kept.iter().find(|one| one.newest).unwrap();
    let (request, certificate) = answered.iter().find(|(_, certificate)| *certificate == newest.certificate).unwrap();
    assert_eq!(desk.newborn(&device).post("simpleenroll", request).unwrap().certificate(), *certificate);
    assert_eq!(desk.handle.store().issued().unwrap().len(), kept.len());
    desk.handle.shutdown();
    println!("backup: {} certificates, three copies meanwhile", answered.len());
}

#[test]
fn names_that_fit_no_command_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, socket) = (folder.path().join("store"), folder.path().join("control"));
    let world = World::new();
    let desk =
        world.open(World::hospital(), |registrar| registrar.store(Store::open(&file).unwrap()).control(socket.clone()));
    for name in ["/tmp/a\nlist", "relative", &format!("/{}", "x".repeat(2000))] {
        let told = control(&socket, &file, &Control::Backup(name.into())).unwrap_err();
        assert_eq!(told.reason(), Reason::Misuse, "{name}");
    }
    desk.handle.shutdown();
}
