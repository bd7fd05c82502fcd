//! A device of files and the other side of sockets: born below one intermediate authority, enrolled below another.

use aseptic_certs::{Certificate, Engine, IDEVID_NOT_AFTER};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::Keys;
use aseptic_core::time::Time;
use aseptic_core::trust::{self, Authority, PhysicalPresence, Purpose, Trust, TrustBuffers};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel::Remote;
use aseptic_hosted::est::{self, Outcome};
use aseptic_hosted::{Files, crypto};
use aseptic_identity::{Credential, DeviceName, Enroller, Identity, Stage, Udi, Workspace, birth};
use aseptic_infra::ca::{Ca, Expected, Server, Validity};
use aseptic_infra::owner::Store;
use aseptic_infra::registrar::Decision;
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NAME: &str = "registrar.hospital.example";
const HARDWARE_TYPE: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xFD, 0x59, 0x01];
const UDI: &str = "(01)09506000134352(21)PUMP-0001";

fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A root and an issuing authority below it.
fn authorities(name: &str) -> (Ca, Ca) {
    let root = Ca::new(&format!("{name} root"), Validity::years(now() - 2000, 25).unwrap()).unwrap();
    let issuing = root.intermediate(&format!("{name} issuing"), Validity::years(now() - 1000, 20).unwrap()).unwrap();
    (root, issuing)
}

fn store(authority: Authority, ca: &Ca, purposes: &[Purpose], author: &AuthorityKey) -> Vec<u8> {
    Store::new(authority, now())
        .signer(author.public().unwrap())
        .anchor("root", purposes, ca.certificate())
        .sign(&crypto::suite(), &[(author.public().unwrap(), author)])
        .unwrap()
}

/// A driver of the EST client.
type Drive = fn(
    &mut Enroller<'_>,
    &est::Registrar<'_>,
    &dyn Keys,
    &Credential<'_>,
    &Remote<'_>,
) -> aseptic_hosted::Result<Outcome>;

#[test]
fn from_the_factory_to_the_ward() {
    story(est::enrol);
}

#[test]
fn from_the_factory_to_the_ward_on_tokio() {
    story(|enroller, registrar, keys, credential, remote| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(est::enrol_async(enroller, registrar, keys, credential, remote))
    });
}

fn story(drive: Drive) {
    let suite = crypto::suite();
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path(), &[7; 32]).unwrap();
    let platform = files.platform();
    let at = Time::trusted(now());
    let mut workspace = Box::new(Workspace::new());
    let mut buffer = vec![0; 2 * limits::SLOT];
    let install = |authority, object: &[u8]| {
        let presence = PhysicalPresence::confirmed_at_the_device();
        trust::install(&platform, &suite, Some(&Engine), authority, object, presence, &mut [0; limits::TRUST_STORE])
            .unwrap();
    };

    // The factory.
    let (maker, line) = authorities("Maker");
    let makers = store(Authority::Manufacturer, &maker, &[Purpose::Birth], &key());
    install(Authority::Manufacturer, &makers);
    let udi = Udi::parse(UDI).unwrap();
    let name =
        DeviceName { serial: "PUMP-0001", hardware_type: HARDWARE_TYPE, hardware_serial: b"HW-42", udi: Some(udi) };
    let mut request = [0; limits::CSR];
    let length = birth::request(&platform, &suite, &name, &mut workspace, &mut request).unwrap();
    let mut uri = [0; limits::URI];
    let expected = Expected {
        serial: "PUMP-0001",
        key: KeyAlg::P256,
        hardware_type: HARDWARE_TYPE,
        hardware_serial: b"HW-42",
        udi: Some(udi.uri(&mut uri).unwrap()),
    };
    let chain = line.issue_birth(&request[..length], &expected, at.seconds - 60).unwrap();
    assert_eq!(chain.len(), 2);
    let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let mut buffers = Box::new(TrustBuffers::new());
    let trusted = Trust::load(&platform, &mut buffers).unwrap();
    birth::install(&platform, &suite, &trusted, &Engine, &links, at, &mut workspace).unwrap();

    // The hospital, where a person has to approve.
    let (hospital, ward) = authorities("Hospital");
    let server_key = key();
    let year = Validity::years(now() - 500, 1).unwrap();
    let server = ward.issue_server(NAME, server_key.public().unwrap(), Server::Registrar, year).unwrap();
    let servers_trust = ServerTrust::new(suite, &[(Authority::Manufacturer, &makers)]).unwrap();
    let approved = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&approved);
    let handle = Registrar::new(ward, Arc::new(servers_trust), server, server_key)
        .policy(move |_| match seen.load(Ordering::SeqCst) {
            true => Decision::Issue,
            false => Decision::Wait { seconds: 3600 },
        })
        .audit(|audit| println!("{audit}"))
        .serve(TcpListener::bind("127.0.0.1:0").unwrap())
        .unwrap();
    let address = handle.address().to_string();
    let registrar = est::Registrar { address: &address, name: NAME, limit: Duration::from_secs(10) };

    // Without an owner there is no enrolment.
    let refused = Enroller::start(&platform, &suite, &trusted, &Engine, &mut workspace).err();
    assert_eq!(refused, Some(Reason::OwnerRootMissing));
    let purposes = [Purpose::Enrolment, Purpose::Network, Purpose::Telemetry];
    install(Authority::Owner, &store(Authority::Owner, &hospital, &purposes, &key()));
    let mut buffers = Box::new(TrustBuffers::new());
    let trusted = Trust::load(&platform, &mut buffers).unwrap();

    let remote = Remote { suite: &suite, trust: &trusted, engine: &Engine, purposes: &[], now: at };
    for (ready, outcome) in [(false, Outcome::Wait(Duration::from_secs(3600))), (true, Outcome::Done)] {
        approved.store(ready, Ordering::SeqCst);
        let mut enroller = Enroller::start(&platform, &suite, &trusted, &Engine, &mut workspace).unwrap();
        let identity = Identity::load(&platform, &mut buffer).unwrap();
        let credential = identity.birth().unwrap();
        assert_eq!(drive(&mut enroller, &registrar, platform.keys, &credential, &remote).unwrap(), outcome);
    }
    handle.shutdown();

    let identity = Identity::load(&platform, &mut buffer).unwrap();
    assert_eq!(identity.local_stage(), Stage::Probation);
    let local = identity.credential().unwrap();
    let [leaf, intermediate] = local.chain() else { panic!("leaf and intermediate: {}", local.chain().len()) };
    let (leaf, intermediate) = (Certificate::parse(leaf).unwrap(), Certificate::parse(intermediate).unwrap());
    assert_eq!(leaf.issuer.der(), intermediate.subject.der());
    assert_eq!(leaf.uri(), expected.udi, "label, birth certificate and local certificate agree");
    assert!(leaf.not_after < IDEVID_NOT_AFTER);
    let peer = trusted.verify_chain(&suite, &Engine, Purpose::Telemetry, local.chain(), at).unwrap();
    assert_eq!(peer.name(), b"PUMP-0001");
}
