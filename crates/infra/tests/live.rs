//! Real rustls sessions over real sockets while trust, revocation lists and certificates are replaced: what stays valid goes
//! on, what does not ends, and no ticket brings it back.

use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_certs::{Certificate, PathValidator, Verified};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result};
use aseptic_hosted::channel::{self, Judge, Live, Remote, SharedLists};
use aseptic_hosted::crypto::suite;
use aseptic_infra::ca::{Ca, Local, Server, Validity};
use aseptic_infra::owner::Store;
use aseptic_infra::revocation::{RevocationList, Revoked};
use aseptic_infra::{AuthorityKey, ServerTrust};
use rustls::{ClientConnection, HandshakeKind, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const NOW: u64 = 1_780_000_000;
const SERVER: &str = "relay.hospital.example";

/// What one side believes: the hospital's store, its lists, and authorities whose signatures are known.
struct Ward {
    trust: ServerTrust,
    lists: SharedLists,
    known: Verified,
    purpose: Purpose,
}

impl Judge for Ward {
    fn judge(&self, name: Option<&str>, chain: &[&[u8]]) -> Result<VerifiedPeer> {
        let engine = PathValidator::DEVICE.with_lists(&self.lists).with_cache(&self.known);
        let (suite, purposes) = (self.trust.suite(), [self.purpose]);
        self.trust.with(|trust| {
            Remote { suite, trust, engine: &engine, purposes: &purposes, now: Time::trusted(NOW) }.judge(name, chain)
        })
    }

    fn epoch(&self) -> Result<u64> {
        Ok(self.trust.with(|trust| Ok(trust.epoch()))?.saturating_add(self.lists.changes()))
    }
}

/// Somebody with a certificate, and what it believes.
struct Party {
    ward: Arc<Ward>,
    live: Live,
    leaf: Vec<u8>,
}

/// Two authorities of one hospital, and the store that names them.
struct Hospital {
    old: Ca,
    new: Ca,
    author: AuthorityKey,
    first: Vec<u8>,
}

const GRANTS: [Purpose; 2] = [Purpose::Network, Purpose::Command];

impl Hospital {
    fn new() -> Self {
        let ca = |name| Ca::new(name, Validity::years(NOW - 1000, 20).unwrap()).unwrap();
        let (old, new, author) = (ca("Old root"), ca("New root"), key());
        let mut hospital = Self { old, new, author, first: Vec::new() };
        hospital.first = hospital.store(1, |store| {
            store.anchor("old", &GRANTS, hospital.old.anchor()).anchor("new", &GRANTS, hospital.new.anchor())
        });
        hospital
    }

    fn store<'a>(&'a self, version: u64, fill: impl FnOnce(Store<'a>) -> Store<'a>) -> Vec<u8> {
        let public = self.author.public().unwrap();
        let store = Store::new(Authority::Owner, 1).signer(public);
        let store = if self.first.is_empty() { store } else { store.after(&self.first) };
        fill(store.version(version)).sign(&suite(), &[(public, &self.author)]).unwrap()
    }

    fn lists(&self, revoked: &[&[u8]]) -> Vec<Vec<u8>> {
        let serials: Vec<&[u8]> = revoked.iter().map(|der| Certificate::parse(der).unwrap().serial).collect();
        let revoked: Vec<_> = serials.iter().map(|serial| Revoked { serial, since: NOW - 1 }).collect();
        let validity = Validity::days(NOW - 10, 7).unwrap();
        let number = 1 + revoked.len() as u64;
        let list = RevocationList { number, validity, revoked: &revoked };
        [&self.old, &self.new].map(|ca| ca.revocation_list(&list).unwrap()).to_vec()
    }

    fn party(&self, purpose: Purpose, chain: Vec<Vec<u8>>, key: &AuthorityKey) -> Party {
        let trust = ServerTrust::new(suite(), &[(Authority::Owner, &self.first)]).unwrap();
        let ward = Arc::new(Ward { trust, lists: SharedLists::default(), known: Verified::new(), purpose });
        ward.lists.replace(self.lists(&[]));
        let links: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let live = Live::new(Arc::clone(&ward) as _, &links, &key.expose_pkcs8()).unwrap();
        Party { ward, live, leaf: chain[0].clone() }
    }

    fn relay(&self, ca: &Ca) -> (Vec<Vec<u8>>, AuthorityKey) {
        let key = self::key();
        let validity = Validity::days(NOW - 100, 90).unwrap();
        (ca.issue_server(SERVER, key.public().unwrap(), Server::Relay, validity).unwrap(), key)
    }

    fn server(&self) -> Party {
        let (chain, key) = self.relay(&self.old);
        self.party(Purpose::Command, chain, &key)
    }

    fn device(&self, ca: &Ca, serial: &str) -> Party {
        let key = self::key();
        let template = CsrTemplate { serial, common_name: None, hardware_module: None, uri: None };
        let mut request = vec![0; 1024];
        let length = csr::write(&key, key.public().unwrap(), &template, &mut request).unwrap();
        let validity = Validity::days(NOW - 100, 90).unwrap();
        let chain = ca.issue_local(&request[..length], &Local { serial, validity, uris: &[] }).unwrap();
        self.party(Purpose::Network, chain, &key)
    }
}

fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

type Client = StreamOwned<ClientConnection, TcpStream>;
type Served = StreamOwned<ServerConnection, TcpStream>;

/// A connection of which both ends have heard each other once; none if the server refused the client.
fn meet(device: &Party, server: &Party) -> Option<(Client, Served)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let limit = Duration::from_secs(10);
    let stream = channel::dial(listener.local_addr().unwrap(), limit).unwrap();
    let client = ClientConnection::new(device.live.client().unwrap(), SERVER.try_into().unwrap()).unwrap();
    let mut client = StreamOwned::new(client, stream);
    let accepted = listener.accept().unwrap().0;
    channel::limited(&accepted, limit).unwrap();
    let mut served = StreamOwned::new(ServerConnection::new(server.live.server().unwrap()).unwrap(), accepted);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| talk(&mut served, b"server"));
        let (heard, served) = (talk(&mut client, b"client"), serving.join().unwrap());
        (heard && served).then_some(())
    })?;
    Some((client, served))
}

/// Says something and hears something of the same length.
fn talk(stream: &mut (impl Read + Write), say: &[u8; 6]) -> bool {
    stream.write_all(say).and_then(|()| stream.flush()).and_then(|()| stream.read_exact(&mut [0; 6])).is_ok()
}

/// Both ends say something more on a connection that runs.
fn goes_on((client, served): &mut (Client, Served)) -> bool {
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| talk(served, b"server"));
        talk(client, b"client") && serving.join().unwrap()
    })
}

fn kind((client, served): &(Client, Served)) -> HandshakeKind {
    let kind = client.conn.handshake_kind().unwrap();
    assert_eq!(served.conn.handshake_kind(), Some(kind));
    kind
}

/// The verdict of the server about its client.
fn judged(server: &Party, connection: &(Client, Served)) -> std::result::Result<Vec<u8>, Reason> {
    let peer = server.live.judge_client(&connection.1.conn).map_err(|error| error.reason())?;
    Ok(peer.name().to_vec())
}

#[test]
fn a_session_is_resumed_and_judged_all_the_same() {
    let hospital = Hospital::new();
    let (server, device) = (hospital.server(), hospital.device(&hospital.old, "PUMP-0001"));
    let first = meet(&device, &server).unwrap();
    assert_eq!((kind(&first), judged(&server, &first)), (HandshakeKind::Full, Ok(b"PUMP-0001".to_vec())));
    let second = meet(&device, &server).unwrap();
    assert_eq!((kind(&second), judged(&server, &second)), (HandshakeKind::Resumed, Ok(b"PUMP-0001".to_vec())));
    let server_peer = device.live.judge_server(&second.0.conn, SERVER).unwrap();
    assert_eq!((server_peer.name(), server_peer.purpose()), (SERVER.as_bytes(), Purpose::Network));
    let other = device.live.judge_server(&second.0.conn, "other.hospital.example");
    assert_eq!(other.unwrap_err().reason(), Reason::NameMismatch);
}

#[test]
fn another_identity_is_shown_at_once_and_disturbs_nobody() {
    let hospital = Hospital::new();
    let (server, device) = (hospital.server(), hospital.device(&hospital.old, "PUMP-0001"));
    let mut running = meet(&device, &server).unwrap();
    let (chain, key) = hospital.relay(&hospital.new);
    let stranger = self::key();
    let refused = server.live.show(&[&chain[0]], &stranger.expose_pkcs8()).unwrap_err();
    assert_eq!(refused.reason(), Reason::IdentityKeyMismatch);
    server.live.show(&[&chain[0]], &key.expose_pkcs8()).unwrap();
    assert!(goes_on(&mut running));
    // A device that has no session sees the new one; the old session is as good as before.
    let newcomer = meet(&hospital.device(&hospital.old, "PUMP-0002"), &server).unwrap();
    assert_eq!(&*newcomer.0.conn.peer_certificates().unwrap()[0], &chain[0][..]);
    assert_eq!(kind(&meet(&device, &server).unwrap()), HandshakeKind::Resumed);
}

#[test]
fn a_newer_list_ends_what_it_revokes_and_nothing_else() {
    let hospital = Hospital::new();
    let server = hospital.server();
    let (lost, kept) = (hospital.device(&hospital.old, "PUMP-0001"), hospital.device(&hospital.old, "PUMP-0002"));
    let (of_lost, mut of_kept) = (meet(&lost, &server).unwrap(), meet(&kept, &server).unwrap());
    let before = server.live.epoch().unwrap();
    server.ward.lists.replace(hospital.lists(&[&lost.leaf]));
    assert!(server.live.epoch().unwrap() > before);
    assert_eq!(judged(&server, &of_lost), Err(Reason::CertificateRevoked));
    assert_eq!(judged(&server, &of_kept), Ok(b"PUMP-0002".to_vec()));
    assert!(goes_on(&mut of_kept));
    // Its ticket is worth nothing, and neither is its certificate.
    assert!(meet(&lost, &server).is_none());
    assert_eq!(kind(&meet(&kept, &server).unwrap()), HandshakeKind::Full);
}

#[test]
fn tickets_and_sessions_of_a_withdrawn_root_die() {
    let hospital = Hospital::new();
    let server = hospital.server();
    let (old, new) = (hospital.device(&hospital.old, "PUMP-0001"), hospital.device(&hospital.new, "PUMP-0002"));
    let (of_old, mut of_new) = (meet(&old, &server).unwrap(), meet(&new, &server).unwrap());
    assert_eq!(kind(&meet(&old, &server).unwrap()), HandshakeKind::Resumed);
    let withdrawn = hospital.store(2, |store| store.anchor("new", &GRANTS, hospital.new.anchor()));
    server.ward.trust.update(Authority::Owner, &withdrawn).unwrap();
    assert_eq!(judged(&server, &of_old), Err(Reason::PathUntrusted));
    assert_eq!(judged(&server, &of_new), Ok(b"PUMP-0002".to_vec()));
    assert!(goes_on(&mut of_new));
    assert!(meet(&old, &server).is_none());
    // The other side of the same: a device that does not believe the relay's root any more.
    assert_eq!(kind(&meet(&new, &server).unwrap()), HandshakeKind::Full);
    new.ward.trust.update(Authority::Owner, &withdrawn).unwrap();
    let told = new.live.judge_server(&of_new.0.conn, SERVER).unwrap_err();
    assert_eq!(told.reason(), Reason::PathUntrusted);
    assert!(meet(&new, &server).is_none());
}

#[test]
fn trust_that_only_grows_keeps_the_tickets() {
    let hospital = Hospital::new();
    let (server, device) = (hospital.server(), hospital.device(&hospital.old, "PUMP-0001"));
    meet(&device, &server).unwrap();
    let third = Ca::new("Third root", Validity::years(NOW - 1000, 20).unwrap()).unwrap();
    let grown = hospital.store(2, |store| {
        let store = store.anchor("old", &GRANTS, hospital.old.anchor()).anchor("new", &GRANTS, hospital.new.anchor());
        store.anchor("third", &GRANTS, third.anchor())
    });
    assert!(meet(&hospital.device(&third, "PUMP-0003"), &server).is_none());
    server.ward.trust.update(Authority::Owner, &grown).unwrap();
    assert_eq!(kind(&meet(&device, &server).unwrap()), HandshakeKind::Resumed);
    let empty = RevocationList { number: 1, validity: Validity::days(NOW - 10, 7).unwrap(), revoked: &[] };
    let lists = [hospital.lists(&[]), vec![third.revocation_list(&empty).unwrap()]];
    server.ward.lists.replace(lists.concat());
    let newcomer = meet(&hospital.device(&third, "PUMP-0003"), &server).unwrap();
    assert_eq!(judged(&server, &newcomer), Ok(b"PUMP-0003".to_vec()));
}
