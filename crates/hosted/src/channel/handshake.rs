//! The handshake, between two threads.
//!
//! rustls wants verifiers and keys that live for ever and may be used from any thread; ours borrow the device's trust and
//! key store. So rustls runs on a helper thread and asks ([`Asking`]), and the calling thread, which holds the borrows,
//! answers until the handshake is over.

use super::sign::{self, StoredKey};
use super::verify::{self, Ask, OwnTrust};
use super::{Channel, Hurried, Local, Remote};
use crate::{Error, Result, crypto};
use aseptic_core::Reason;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::trust::VerifiedPeer;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, NamedGroup, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A handshake under way, which goes on whenever its stream can.
pub(crate) struct Handshake {
    connection: Connection,
    alg: KeyAlg,
    /// The server that is meant, if we are its client.
    name: Option<String>,
    asking: Asking,
    questions: Receiver<Question>,
    peer: Option<VerifiedPeer>,
}

impl Handshake {
    pub(crate) fn client(name: &str, protocols: &[&[u8]], local: &Local<'_>) -> Result<Self> {
        let server = match ServerName::try_from(name.to_owned()) {
            Ok(server @ ServerName::DnsName(_)) => server,
            _ => return Err(Reason::NameMismatch.into()),
        };
        let (asking, questions) = Asking::pair();
        let (alg, identity) = identity(local, &asking)?;
        let mut config = ClientConfig::builder_with_details(Arc::new(crypto::provider()), Arc::new(NoTime))
            .with_protocol_versions(&[&TLS13])
            .map_err(internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OwnTrust::new(asking.clone())))
            .with_client_cert_resolver(identity);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let connection = ClientConnection::new(Arc::new(config), server).map_err(internal)?.into();
        Ok(Self { connection, alg, name: Some(name.to_owned()), asking, questions, peer: None })
    }

    pub(super) fn server(protocols: &[&[u8]], local: &Local<'_>) -> Result<Self> {
        let (asking, questions) = Asking::pair();
        let (alg, identity) = identity(local, &asking)?;
        let mut config = ServerConfig::builder_with_details(Arc::new(crypto::provider()), Arc::new(NoTime))
            .with_protocol_versions(&[&TLS13])
            .map_err(internal)?
            .with_client_cert_verifier(Arc::new(OwnTrust::new(asking.clone())))
            .with_cert_resolver(identity);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let connection = ServerConnection::new(Arc::new(config)).map_err(internal)?.into();
        Ok(Self { connection, alg, name: None, asking, questions, peer: None })
    }

    /// The whole handshake, over a stream that blocks.
    pub(super) fn shake<S: Read + Write + Send>(
        mut self,
        mut stream: S,
        local: &Local<'_>,
        remote: &Remote<'_>,
    ) -> Result<Channel<S>> {
        self.advance(&mut Hurried::new(&mut stream, TIME), local, remote)?;
        self.finish(stream)
    }

    /// Goes on until hands are shaken. A stream that would block ends it with that error, and it goes on with the next call.
    pub(crate) fn advance<S: Read + Write + Send>(
        &mut self,
        stream: &mut S,
        local: &Local<'_>,
        remote: &Remote<'_>,
    ) -> Result<()> {
        let desk = Desk { local, alg: self.alg, remote, name: self.name.as_deref() };
        let (connection, asking, questions) = (&mut self.connection, &self.asking, &self.questions);
        let (verdict, shaken) = std::thread::scope(|scope| {
            let helper = std::thread::Builder::new().name("handshake".into()).spawn_scoped(scope, move || {
                // The connection keeps its verifiers, which can still ask: the end must be told.
                let shaken = complete(connection, stream);
                asking.over();
                shaken
            })?;
            let verdict = desk.answer(questions);
            Ok::<_, Error>((verdict, helper.join().map_err(|_| Reason::Internal)?))
        })?;
        match (verdict, shaken) {
            // Our own judgement says more than the alert that it led to.
            (Err(reason), Err(error)) => Err(match error.into() {
                Error::Tls { detail, .. } => Error::Tls { reason, detail },
                other => other,
            }),
            (Err(reason), Ok(())) => Err(reason.into()),
            (Ok(peer), shaken) => {
                self.peer = peer.or(self.peer.take());
                Ok(shaken?)
            }
        }
    }

    /// The channel, once hands are shaken.
    pub(crate) fn finish<S: Read + Write>(self, stream: S) -> Result<Channel<S>> {
        channel_of(self.connection, stream, self.peer.ok_or(Reason::Internal)?, self.name)
    }
}

/// What a refusal by rustls comes to.
pub(super) const fn reason(error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::NoCertificatesPresented => Reason::PeerAnonymous,
        rustls::Error::FailedToGetRandomBytes => Reason::EntropyFailed,
        rustls::Error::InvalidCertificate(refused) => verify::refusal(refused),
        _ => Reason::TlsFailed,
    }
}

/// The calling thread's part: it has the key store and the trust.
struct Desk<'a> {
    local: &'a Local<'a>,
    alg: KeyAlg,
    remote: &'a Remote<'a>,
    name: Option<&'a str>,
}

impl Desk<'_> {
    /// Answers until the helper is done. The verdict about the peer, or the first thing that we could not or would not
    /// do.
    fn answer(&self, questions: &Receiver<Question>) -> aseptic_core::Result<Option<VerifiedPeer>> {
        let mut verdict = Ok(None);
        for question in questions {
            match question {
                Question::Judge { chain, answer } => {
                    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
                    verdict = verify::judge(self.remote, self.name, &chain).map(Some);
                    // A helper that is gone needs no answer.
                    let _gone = answer.send(verdict.as_ref().map(drop).map_err(|reason| *reason));
                }
                Question::Sign { message, answer } => {
                    let signed = sign::sign(self.local, self.alg, &message);
                    if let Err(reason) = signed {
                        verdict = verdict.and(Err(reason));
                    }
                    let _gone = answer.send(signed);
                }
                Question::Over => break,
            }
        }
        verdict
    }
}

enum Question {
    Judge { chain: Vec<Vec<u8>>, answer: Sender<aseptic_core::Result<()>> },
    Sign { message: Vec<u8>, answer: Sender<aseptic_core::Result<Vec<u8>>> },
    Over,
}

/// The helper thread's line to the calling thread.
#[derive(Clone, Debug)]
pub(super) struct Asking(Sender<Question>);

impl Asking {
    fn pair() -> (Self, Receiver<Question>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    pub(super) fn sign(&self, message: &[u8]) -> core::result::Result<Vec<u8>, rustls::Error> {
        let message = message.to_vec();
        self.ask(|answer| Question::Sign { message, answer })?
            .map_err(|reason| rustls::Error::General(format!("the key store did not sign: {reason}")))
    }

    fn over(&self) {
        // Whom this does not reach has left already.
        let _gone = self.0.send(Question::Over);
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> core::result::Result<T, rustls::Error> {
        let (sender, receiver) = channel();
        let gone = || rustls::Error::General("nobody is left to answer".into());
        self.0.send(question(sender)).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())
    }
}

impl Ask for Asking {
    /// The name is known at the desk.
    fn judge(&self, _: Option<&str>, chain: &[&[u8]]) -> core::result::Result<(), rustls::Error> {
        let chain = chain.iter().map(|der| der.to_vec()).collect();
        self.ask(|answer| Question::Judge { chain, answer })?.map_err(verify::alert)
    }
}

/// Time for a handshake: two flights over the slowest network, and a slow key store.
pub(crate) const TIME: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 30 });

/// Validity is judged by [`Remote::now`]; rustls only passes this on.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::ZERO))
    }
}

fn identity(local: &Local<'_>, asking: &Asking) -> Result<(KeyAlg, Arc<SingleCertAndKey>)> {
    if local.chain.is_empty() {
        return Err(Reason::NotProvisioned.into());
    }
    let alg = sign::algorithm(local)?;
    let chain = local.chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    let key = CertifiedKey::new(chain, Arc::new(StoredKey { asking: asking.clone(), alg }));
    Ok((alg, Arc::new(SingleCertAndKey::from(key))))
}

fn complete(connection: &mut Connection, stream: &mut (impl Read + Write)) -> io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(stream)?;
    }
    // The last flight of a client leaves with the next write otherwise.
    while connection.wants_write() {
        connection.write_tls(stream)?;
    }
    stream.flush()
}

fn channel_of<S: Read + Write>(
    connection: Connection,
    stream: S,
    peer: VerifiedPeer,
    name: Option<String>,
) -> Result<Channel<S>> {
    // RFC 9266 section 2: this label, no context, 32 bytes.
    let binding =
        connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[])).map_err(internal)?;
    let group = match connection.negotiated_key_exchange_group().map(|group| group.name()) {
        Some(NamedGroup::X25519MLKEM768) => "X25519MLKEM768",
        Some(NamedGroup::X25519) => "x25519",
        Some(NamedGroup::secp256r1) => "secp256r1",
        _ => return Err(Reason::Internal.into()),
    };
    Ok(Channel { connection, stream, peer, name, refused: None, binding, group })
}

/// A failure before any byte was exchanged.
pub(super) fn internal(error: rustls::Error) -> Error {
    Error::Tls { reason: reason(&error), detail: error.to_string() }
}
