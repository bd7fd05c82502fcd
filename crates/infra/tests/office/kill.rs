//! kill -9 in the middle of issuing: whatever left the registrar is in its store, with its line in the log.

use super::desk::{Device, NAME, World, ask_for};
use crate::common::key;
use aseptic_certs::Certificate;
use aseptic_infra::ca::Ca;
use aseptic_infra::registrar::{Limits, Store};
use aseptic_testbed::est::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FOLDER: &str = "ASEPTIC_TEST_REGISTRAR_FOLDER";
/// Kills, each at another moment.
const KILLS: u64 = 8;
/// Devices that enrol without a pause.
const DEVICES: usize = 4;

/// Not a test: what is killed.
#[test]
#[ignore = "the server that the test of this module starts and kills"]
fn server() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let world = World::with(Ca::load(&folder.join("maker")).unwrap());
    let generous =
        Limits { connections: 100, per_address: 100, handshakes: 1_000_000, requests: 1_000_000, ..Limits::default() };
    let desk = world.open(Ca::load(&folder.join("ca")).unwrap(), |registrar| {
        registrar.store(Store::open(&folder.join("store")).unwrap()).limits(generous)
    });
    std::fs::write(folder.join("address.new"), desk.handle.address().to_string()).unwrap();
    std::fs::rename(folder.join("address.new"), folder.join("address")).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn start(folder: &Path) -> (Child, SocketAddr) {
    let _ = std::fs::remove_file(folder.join("address"));
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "office::kill::server", "--ignored", "--quiet"])
        .env(FOLDER, folder)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if let Ok(address) = std::fs::read_to_string(folder.join("address")) {
            return (server, address.parse().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    panic!("the server does not start");
}

/// Enrols again and again until the server is gone; gives the certificates that came, by request.
fn busy(client: &Client, device: &Device, over: &AtomicBool, lost: &Mutex<Vec<Vec<u8>>>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut had = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        let request = ask_for(&key(), &device.serial, None);
        match client.post("simpleenroll", &request) {
            Ok(reply) => drop(had.insert(request, reply.certificate())),
            // Whether it was answered nobody knows; the device asks again later.
            Err(_) => lost.lock().unwrap().push(request),
        }
    }
    had
}

#[test]
fn nothing_is_issued_and_unrecorded() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["maker", "ca"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let (world, hospital) = (World::new(), World::hospital());
    world.maker.save(&folder.join("maker")).unwrap();
    hospital.save(&folder.join("ca")).unwrap();
    let devices: Vec<Device> = (0..DEVICES).map(|number| world.born(&format!("PUMP-{number:04}"))).collect();
    let client =
        |address, device: &Device| Client::new(address, NAME, hospital.anchor(), Some((&device.birth, &device.key)));
    let mut had = BTreeMap::new();
    for round in 0..KILLS {
        let (mut server, address) = start(folder);
        let (over, lost) = (AtomicBool::new(false), Mutex::default());
        std::thread::scope(|scope| {
            let busy: Vec<_> = devices
                .iter()
                .map(|device| scope.spawn(|| busy(&client(address, device), device, &over, &lost)))
                .collect();
            std::thread::sleep(Duration::from_millis(60 + 37 * round));
            server.kill().unwrap();
            server.wait().unwrap();
            over.store(true, Ordering::SeqCst);
            busy.into_iter().for_each(|thread| had.extend(thread.join().unwrap()));
        });
    }
    let store = Store::open(&folder.join("store")).unwrap();
    let issued = store.issued().unwrap();
    let recorded: BTreeSet<&[u8]> = issued.iter().map(|one| one.certificate.as_slice()).collect();
    assert!(had.values().all(|certificate| recorded.contains(certificate.as_slice())), "issued and unrecorded");
    let serials: BTreeSet<_> = had.values().map(|der| Certificate::parse(der).unwrap().serial.to_vec()).collect();
    assert_eq!(serials.len(), had.len(), "a serial number came twice");
    let mut told = BTreeSet::new();
    store
        .audit(&mut |_, _, line| {
            told.extend(line.split(' ').find_map(|field| field.strip_prefix("certificate=")).map(str::to_owned));
        })
        .unwrap();
    let known: BTreeSet<String> =
        issued.iter().map(|one| one.serial.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    assert_eq!(told, known, "each certificate has its line, and each line its certificate");
    assert!(had.len() >= usize::try_from(KILLS).unwrap(), "only {} enrolments before {KILLS} kills", had.len());
    println!("{KILLS} kills, {} certificates received, {} recorded, none unrecorded", had.len(), issued.len());
}
