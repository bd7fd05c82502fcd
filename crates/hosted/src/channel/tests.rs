//! Handshakes on loopback: those that succeed, and every way in which they must not.

use super::*;
use crate::testing::{Belief, Ca, KEY, LIMIT, Leaf, NOW, Party, SERVER, meet};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::trust::Authority;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use std::net::TcpListener;

const RELAY: &[u8] = b"aseptic-relay/1";

fn owner(ca: &Ca, purpose: Purpose) -> Belief<'_> {
    let grants = Purpose::ALL.iter().position(|entry| *entry == purpose).unwrap();
    Belief { authority: Authority::Owner, anchor: ca.der(), grants: &Purpose::ALL[grants..=grants] }
}

fn device(ca: &Ca) -> Party {
    ca.party(KeyAlg::P256, &Leaf::DEVICE)
}

fn relay(ca: &Ca) -> Party {
    ca.party(KeyAlg::P256, &Leaf::SERVER)
}

type Ends = (Result<Channel<TcpStream>>, Result<Channel<TcpStream>>);

fn ordinary(ca: &Ca, device: Party, relay: Party) -> Ends {
    meet((device, owner(ca, Purpose::Network), SERVER, &[RELAY]), (relay, owner(ca, Purpose::Telemetry), &[RELAY]))
}

#[track_caller]
fn refused<S: Read + Write>(end: Result<Channel<S>>, reason: Reason) {
    let error = end.err().expect("the handshake should have been refused");
    assert_eq!(error.reason(), reason, "{error}");
}

/// In TLS 1.3 a client learns only at its first read that it was refused.
#[track_caller]
fn told(end: Result<Channel<TcpStream>>) {
    let error = match end {
        Ok(mut channel) => channel.recv_frame().expect_err("the channel should be dead"),
        Err(error) => error,
    };
    assert!(matches!(error.reason(), Reason::TlsFailed | Reason::NetworkFailed), "{error}");
}

#[test]
fn both_sides_know_each_other_and_share_a_binding() {
    let ca = Ca::new("Hospital");
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let (mut client, mut server) = match ordinary(&ca, ca.party(alg, &Leaf::DEVICE), ca.party(alg, &Leaf::SERVER)) {
            (Ok(client), Ok(server)) => (client, server),
            (client, server) => panic!("{:?} {:?}", client.err(), server.err()),
        };
        assert_eq!(client.peer().name(), SERVER.as_bytes());
        assert_eq!(client.peer().purpose(), Purpose::Network);
        assert_eq!(server.peer().name(), b"PUMP-0001");
        assert_eq!(server.peer().purpose(), Purpose::Telemetry);
        for channel in [&client, &server] {
            assert_eq!(channel.group(), "X25519MLKEM768");
            assert_eq!(channel.protocol(), Some(RELAY));
        }
        assert_eq!(client.exporter(), server.exporter());
        assert_ne!(client.exporter(), &[0; 32]);

        let body = vec![0x5A; limits::FRAME];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                client.send_frame(&body).unwrap();
                client.send_frame(b"").unwrap();
                assert_eq!(client.send_frame(&[0; limits::FRAME + 1]).err().unwrap().reason(), Reason::TooLarge);
                assert_eq!(client.recv_frame().unwrap().unwrap(), b"answer");
                client.close().unwrap();
            });
            assert_eq!(server.recv_frame().unwrap().unwrap(), body);
            assert_eq!(server.recv_frame().unwrap().unwrap(), b"");
            server.send_frame(b"answer").unwrap();
            assert!(server.recv_frame().unwrap().is_none());
        });
    }
}

#[test]
fn no_two_channels_share_a_binding() {
    let ca = Ca::new("Hospital");
    let bindings: Vec<[u8; 32]> =
        (0..2).map(|_| *ordinary(&ca, device(&ca), relay(&ca)).0.unwrap().exporter()).collect();
    assert_ne!(bindings[0], bindings[1]);
}

#[test]
fn a_stream_that_ends_without_a_farewell_is_told_from_a_closed_one() {
    let ca = Ca::new("Hospital");
    let (client, server) = ordinary(&ca, device(&ca), relay(&ca));
    let (client, mut server) = (client.unwrap(), server.unwrap());
    drop(client);
    assert_eq!(server.recv_frame().err().unwrap().reason(), Reason::NetworkFailed);
}

#[test]
fn a_connection_is_judged_again_and_ends_only_if_its_peer_is_believed_no_longer() {
    let (ca, other) = (Ca::new("Hospital"), Ca::new("Other"));
    let (client, server) = ordinary(&ca, device(&ca), relay(&ca));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let judge = |channel: &mut Channel<TcpStream>, ca: &Ca, purpose| {
        let judged = relay(ca).with(owner(ca, purpose), |_, remote| channel.judge_again(remote).map(drop));
        judged.map_err(|error| error.reason())
    };
    // Nothing changed, or only the purpose: both go on.
    assert_eq!(judge(&mut server, &ca, Purpose::Command), Ok(()));
    assert_eq!(server.peer().purpose(), Purpose::Command);
    assert_eq!(judge(&mut client, &ca, Purpose::Network), Ok(()));
    client.send_frame(b"goes on").unwrap();
    assert_eq!(server.recv_frame().unwrap().unwrap(), b"goes on");
    // The root is withdrawn on one side: what is on its way is not read any more, and nothing is sent.
    client.send_frame(b"too late").unwrap();
    assert_eq!(judge(&mut server, &other, Purpose::Telemetry), Err(Reason::PathUntrusted));
    assert_eq!(server.recv_frame().err().unwrap().reason(), Reason::PathUntrusted);
    assert_eq!(server.send_frame(b"secret").err().unwrap().reason(), Reason::PathUntrusted);
    // It is over for good, whatever is believed later, and the peer was told.
    assert_eq!(judge(&mut server, &ca, Purpose::Telemetry), Err(Reason::PathUntrusted));
    assert!(client.recv_frame().unwrap().is_none());
}

#[test]
fn the_device_refuses_servers_that_are_not_the_one_it_meant() {
    let ca = Ca::new("Hospital");
    let server = |leaf: Leaf<'_>| ca.party(KeyAlg::P256, &leaf);
    let cases = [
        (Ca::new("Somebody").party(KeyAlg::P256, &Leaf::SERVER), Reason::PathUntrusted),
        (Ca::new("Hospital").party(KeyAlg::P256, &Leaf::SERVER), Reason::SignatureInvalid),
        (server(Leaf { dns: Some("other.hospital.example"), ..Leaf::SERVER }), Reason::NameMismatch),
        (server(Leaf { dns: None, ..Leaf::SERVER }), Reason::NameMismatch),
        (server(Leaf { usage: Some(ExtendedKeyUsagePurpose::ClientAuth), ..Leaf::SERVER }), Reason::PathKeyUsage),
        (server(Leaf { usage: None, ..Leaf::SERVER }), Reason::PathKeyUsage),
    ];
    for (relay, reason) in cases {
        let (client, server) = ordinary(&ca, device(&ca), relay);
        refused(client, reason);
        refused(server, Reason::TlsFailed);
    }
}

#[test]
fn an_expired_relay_is_flagged_and_an_expired_registrar_judged_by_the_matrix() {
    let ca = Ca::new("Hospital");
    let expired = || ca.party(KeyAlg::P256, &Leaf { until: NOW - 1, ..Leaf::SERVER });
    let (client, server) = ordinary(&ca, device(&ca), expired());
    // Observations go out all the same, marked: the patient comes first.
    assert_eq!(client.unwrap().peer().degraded(), Some(Reason::CertificateExpired));
    server.unwrap();
    // Nothing that changes therapy comes in from a peer that has expired.
    let (client, server) = meet(
        (ca.party(KeyAlg::P256, &Leaf { until: NOW - 1, ..Leaf::DEVICE }), owner(&ca, Purpose::Network), SERVER, &[]),
        (relay(&ca), owner(&ca, Purpose::Command), &[]),
    );
    refused(server, Reason::CertificateExpired);
    told(client);
}

#[test]
fn the_server_refuses_devices_that_it_does_not_know() {
    let (ca, maker) = (Ca::new("Hospital"), Ca::new("Maker"));
    let cases = [
        // A birth identity where a local one is wanted.
        (maker.party(KeyAlg::P256, &Leaf::DEVICE), Reason::PathUntrusted),
        (
            ca.party(KeyAlg::P256, &Leaf { usage: Some(ExtendedKeyUsagePurpose::ServerAuth), ..Leaf::DEVICE }),
            Reason::PathKeyUsage,
        ),
    ];
    for (device, reason) in cases {
        let (client, server) = ordinary(&ca, device, relay(&ca));
        refused(server, reason);
        told(client);
    }
}

#[test]
fn a_server_may_take_peers_for_one_of_several_purposes() {
    let ca = Ca::new("Hospital");
    let purposes = [Purpose::Birth, Purpose::Telemetry];
    let judged = |chain: &[&[u8]]| {
        relay(&ca).with(owner(&ca, Purpose::Telemetry), |_, remote| {
            verify::judge(&Remote { purposes: &purposes, ..*remote }, None, chain)
        })
    };
    assert_eq!(judged(&[&device(&ca).chain[0]]).unwrap().purpose(), Purpose::Telemetry);
    let expired = ca.party(KeyAlg::P256, &Leaf { usage: Some(ExtendedKeyUsagePurpose::ServerAuth), ..Leaf::DEVICE });
    assert_eq!(judged(&[&expired.chain[0]]), Err(Reason::PathKeyUsage));
    assert_eq!(judged(&[]), Err(Reason::PathUntrusted));
}

#[test]
fn a_stolen_certificate_without_its_key_is_refused() {
    let ca = Ca::new("Hospital");
    let mut thief = device(&ca);
    thief.chain = device(&ca).chain;
    let (client, server) = ordinary(&ca, thief, relay(&ca));
    refused(server, Reason::TlsFailed);
    told(client);
    let mut thief = relay(&ca);
    thief.chain = relay(&ca).chain;
    let (client, server) = ordinary(&ca, device(&ca), thief);
    refused(client, Reason::TlsFailed);
    refused(server, Reason::TlsFailed);
}

#[test]
fn a_slow_key_store_is_waited_for_and_a_failing_one_is_named() {
    let ca = Ca::new("Hospital");
    let slow = device(&ca);
    slow.keys.pending.set(3);
    let (client, server) = ordinary(&ca, slow, relay(&ca));
    client.unwrap();
    server.unwrap();

    let wrong_key = |party: &Party| {
        party.with(owner(&ca, Purpose::Network), |local, remote| {
            let local = Local { key: KeyId(2), ..*local };
            connect(io::Cursor::new(Vec::new()), SERVER, &[], &local, remote).map(drop)
        })
    };
    assert_eq!(wrong_key(&device(&ca)).err().unwrap().reason(), Reason::PlatformNotFound);
    let mut bare = device(&ca);
    bare.chain.clear();
    let (listener, party) = (TcpListener::bind("127.0.0.1:0").unwrap(), bare);
    let stream = dial(listener.local_addr().unwrap(), LIMIT).unwrap();
    let end = party.with(owner(&ca, Purpose::Network), |local, remote| connect(stream, SERVER, &[], local, remote));
    refused(end, Reason::NotProvisioned);
}

#[test]
fn an_address_is_no_name() {
    let ca = Ca::new("Hospital");
    for name in ["127.0.0.1", "", "a b", "::1"] {
        let end = device(&ca).with(owner(&ca, Purpose::Network), |local, remote| {
            connect(io::Cursor::new(Vec::new()), name, &[], local, remote)
        });
        refused(end, Reason::NameMismatch);
    }
}

#[test]
fn protocols_that_differ_are_refused() {
    let ca = Ca::new("Hospital");
    let (client, server) = meet(
        (device(&ca), owner(&ca, Purpose::Network), SERVER, &[b"http/1.1"]),
        (relay(&ca), owner(&ca, Purpose::Telemetry), &[RELAY]),
    );
    refused(client, Reason::TlsFailed);
    refused(server, Reason::TlsFailed);
    let (client, server) = meet(
        (device(&ca), owner(&ca, Purpose::Network), SERVER, &[]),
        (relay(&ca), owner(&ca, Purpose::Telemetry), &[RELAY]),
    );
    assert_eq!(client.unwrap().protocol(), None);
    assert_eq!(server.unwrap().protocol(), None);
}

/// The time of the tests, for a client that would ask the machine.
#[derive(Debug)]
struct Fixed;

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

/// A plain rustls client of the same machine's library, to play those that we never are.
fn stranger(ca: &Ca, versions: &[&'static rustls::SupportedProtocolVersion], identity: bool) -> (Reason, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().to_vec().into()).unwrap();
    let provider = std::sync::Arc::new(crate::crypto::provider());
    let builder = rustls::ClientConfig::builder_with_details(provider, std::sync::Arc::new(Fixed));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = if identity {
        let key = KeyPair::generate().unwrap();
        let chain = vec![ca.issue(&Leaf::DEVICE, &key).der().clone()];
        builder.with_client_auth_cert(chain, key.serialize_der().try_into().unwrap()).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut tls = rustls::ClientConnection::new(config.into(), SERVER.try_into().unwrap()).unwrap();
            let mut stream = dial(address, LIMIT).unwrap();
            let _refused = Stream::new(&mut tls, &mut stream).write_all(b"x");
            let _refused = Stream::new(&mut tls, &mut stream).read(&mut [0]);
        });
        let stream = listener.accept().unwrap().0;
        limited(&stream, LIMIT).unwrap();
        let end = relay(ca).with(owner(ca, Purpose::Telemetry), |local, remote| accept(stream, &[], local, remote));
        end.map_or_else(
            |error| (error.reason(), error.to_string()),
            |channel| (Reason::Internal, String::from_utf8_lossy(channel.peer().name()).into_owned()),
        )
    })
}

#[test]
fn a_client_without_certificate_is_refused() {
    let ca = Ca::new("Hospital");
    assert_eq!(stranger(&ca, &[&rustls::version::TLS13], false).0, Reason::PeerAnonymous);
    // The counter-check: with a certificate the same client comes in.
    assert_eq!(stranger(&ca, &[&rustls::version::TLS13], true), (Reason::Internal, "PUMP-0001".into()));
}

#[test]
fn noise_and_silence_end_in_an_error() {
    let ca = Ca::new("Hospital");
    let noises: [&[u8]; 5] = [b"", b"GET / HTTP/1.1\r\n\r\n", &[0; 70_000], &[0x16, 3, 3, 0xFF, 0xFF], &[0x16; 40]];
    for noise in noises {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut stream = dial(address, LIMIT).unwrap();
                let _reset = stream.write_all(noise);
                let _reset = stream.shutdown(std::net::Shutdown::Write);
                let _reset = stream.read_to_end(&mut Vec::new());
            });
            let stream = listener.accept().unwrap().0;
            let end = relay(&ca)
                .with(owner(&ca, Purpose::Telemetry), |local, remote| accept(stream, &[], local, remote).map(drop));
            let reason = end.err().unwrap().reason();
            assert!(matches!(reason, Reason::TlsFailed | Reason::NetworkFailed), "{reason}");
        });
    }
    // Somebody who connects and says nothing does not hold us for ever.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _silent = dial(listener.local_addr().unwrap(), LIMIT).unwrap();
    let stream = listener.accept().unwrap().0;
    limited(&stream, std::time::Duration::from_millis(50)).unwrap();
    let end = relay(&ca).with(owner(&ca, Purpose::Telemetry), |local, remote| accept(stream, &[], local, remote));
    refused(end, Reason::NetworkFailed);
}

/// Each byte comes in time, the handshake never ends: whoever can connect could hold a thread for days.
#[test]
fn a_peer_that_shakes_hands_byte_by_byte_is_given_up() {
    let ca = Ca::new("Hospital");
    // The head of a record of 16 KiB, and then little of it. Whether the other side left before that was all.
    let drip = |mut stream: TcpStream| {
        let _gone = stream.write_all(&[0x16, 3, 3, 0x40, 0]);
        (0..600).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            stream.write_all(&[1]).is_err()
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| drip(dial(address, LIMIT).unwrap()));
        let stream = listener.accept().unwrap().0;
        limited(&stream, LIMIT).unwrap();
        let end = relay(&ca).with(owner(&ca, Purpose::Telemetry), |local, remote| accept(stream, &[], local, remote));
        refused(end, Reason::NetworkFailed);
        assert!(slow.join().unwrap());

        let slow = scope.spawn(|| drip(listener.accept().unwrap().0));
        let stream = dial(address, LIMIT).unwrap();
        let end =
            device(&ca).with(owner(&ca, Purpose::Network), |local, remote| connect(stream, SERVER, &[], local, remote));
        refused(end, Reason::NetworkFailed);
        assert!(slow.join().unwrap());
    });
}

#[test]
fn where_nobody_listens_the_network_failed() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = dial(address, LIMIT).err().unwrap();
    assert_eq!(error.reason(), Reason::NetworkFailed);
    assert!(matches!(error, Error::Network { .. }));
    assert_eq!(KEY, KeyId(1));
}

#[test]
fn many_addresses_share_the_time_of_one() {
    use std::time::Duration;
    let second = Duration::from_secs(1);
    assert_eq!([share(second, 1), share(second, 4), share(second, 0)], [second, second / 4, second]);
    assert_eq!(share(Duration::ZERO, 3), Duration::from_millis(1));
}

mod openssl {
    //! The other implementation that every hospital has.

    use super::*;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    /// OpenSSL 3 or newer; older ones and none at all are told. `cargo xtask setup` sees to it that CI has it.
    fn available() -> bool {
        let version = Command::new("openssl").arg("version").output().map(|out| out.stdout).unwrap_or_default();
        let there = version.starts_with(b"OpenSSL 3") || version.starts_with(b"OpenSSL 4");
        if !there {
            println!("skipped: no OpenSSL 3 on this machine");
        }
        there
    }

    fn identity(folder: &Path, ca: &Ca, leaf: &Leaf<'_>) {
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("cert.pem"), ca.issue(leaf, &key).pem()).unwrap();
        std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    }

    fn run(folder: &Path, arguments: &[&str]) -> Child {
        Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .args(["-tls1_3", "-key", "key.pem", "-cert", "cert.pem", "-CAfile", "ca.pem", "-verify_return_error"])
            // Certificates are valid at the tests' time, whenever they run.
            .args(["-attime", &NOW.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn our_device_and_its_server() {
        if !available() {
            return;
        }
        let (ca, folder) = (Ca::new("Hospital"), tempfile::tempdir().unwrap());
        identity(folder.path(), &ca, &Leaf::SERVER);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let accepts = format!("127.0.0.1:{port}");
        let mut server =
            run(folder.path(), &["s_server", "-accept", &accepts, "-Verify", "2", "-rev", "-alpn", "http/1.1"]);
        let stream = (0..100).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            dial(&*accepts, LIMIT).ok()
        });
        let end = device(&ca).with(owner(&ca, Purpose::Network), |local, remote| {
            connect(stream.unwrap(), SERVER, &[b"http/1.1"], local, remote)
        });
        let outcome = end.and_then(|mut channel| {
            channel.write_all(b"pump\n")?;
            let mut answer = [0; 5];
            channel.read_exact(&mut answer)?;
            Ok((answer, channel.group(), channel.protocol() == Some(b"http/1.1")))
        });
        server.kill().unwrap();
        let output = server.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (answer, group, protocol) = outcome.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(&answer, b"pmup\n");
        // OpenSSL has the hybrid group from 3.5 on.
        assert!(["x25519", "X25519MLKEM768"].contains(&group));
        assert!(protocol);
    }

    #[test]
    fn its_client_and_our_relay() {
        if !available() {
            return;
        }
        let (ca, folder) = (Ca::new("Hospital"), tempfile::tempdir().unwrap());
        for (leaf, reason) in [
            (Leaf::DEVICE, None),
            (Leaf { until: NOW - limits::GRACE * 2, ..Leaf::DEVICE }, Some(Reason::CertificateExpired)),
        ] {
            identity(folder.path(), &ca, &leaf);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let mut client = run(
                folder.path(),
                &["s_client", "-connect", &address, "-servername", SERVER, "-verify_hostname", SERVER, "-quiet"],
            );
            let stream = listener.accept().unwrap().0;
            limited(&stream, LIMIT).unwrap();
            let end = relay(&ca).with(owner(&ca, Purpose::Command), |local, remote| accept(stream, &[], local, remote));
            match (end, reason) {
                (Err(error), Some(reason)) => assert_eq!(error.reason(), reason, "{error}"),
                (Ok(mut channel), None) => {
                    assert_eq!(channel.peer().name(), b"PUMP-0001");
                    client.stdin.take().unwrap().write_all(b"from the pump").unwrap();
                    let mut heard = [0; 13];
                    channel.read_exact(&mut heard).unwrap();
                    assert_eq!(&heard, b"from the pump");
                    channel.close().unwrap();
                }
                (end, _) => panic!("{:?}", end.err()),
            }
            client.kill().unwrap();
            client.wait().unwrap();
        }
    }
}
