//! For programs that drive rustls themselves: what they show and whom they believe, replaceable while connections run.
//!
//! [`Live`] makes the configurations of rustls, with our verifiers behind them. Whom to believe says a [`Judge`], which is asked
//! in every handshake and so may change at any time: a newer trust store, newer revocation lists, a better clock. The own
//! certificate is replaced with [`Live::show`]. Connections that run go on.
//!
//! What withdraws trust raises the epoch of the judge. From then on
//!
//! * no ticket and no session from before is taken: configurations with the old ones are not handed out any more,
//! * a connection is judged again by whoever holds it, with [`Live::judge_client`] or [`Live::judge_server`]; those that stay
//!   valid go on.
//!
//! rustls resumes a session without looking at certificates; so no handshake leaves a verdict behind: these two methods alone
//! make one.

use super::verify::{self, Ask, OwnTrust};
use super::{Remote, handshake};
use crate::{Error, Result, crypto};
use aseptic_certs::{Certificate, Lists, crl::Evidence};
use aseptic_core::Reason;
use aseptic_core::crypto::Suite;
use aseptic_core::trust::VerifiedPeer;
use rustls::client::{ClientSessionMemoryCache, ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, SignatureScheme};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Whom to believe, at this moment.
///
/// A program holds its trust stores, lists and clock behind it, and answers with [`Remote::judge`].
pub trait Judge: Send + Sync {
    /// The verdict about the holder of a chain (leaf first); `name` is the server that was meant, if we are its client.
    fn judge(&self, name: Option<&str>, chain: &[&[u8]]) -> aseptic_core::Result<VerifiedPeer>;

    /// A number that rises whenever something is believed no longer: [`Trust::epoch`](aseptic_core::trust::Trust::epoch), to
    /// which [`SharedLists::changes`] is added where there are lists. On an error nothing is resumed.
    fn epoch(&self) -> aseptic_core::Result<u64>;
}

impl Remote<'_> {
    /// The verdict about a chain, for the first of the purposes that it serves; what [`connect`](super::connect) and
    /// [`accept`](super::accept) ask in a handshake.
    pub fn judge(&self, name: Option<&str>, chain: &[&[u8]]) -> aseptic_core::Result<VerifiedPeer> {
        verify::judge(self, name, chain)
    }
}

/// What a program shows and believes in TLS. It is shared by all of its connections and threads.
pub struct Live {
    judge: Arc<dyn Judge>,
    shown: Arc<Shown>,
    configs: Mutex<Option<Configs>>,
}

/// The configurations of one epoch, each with the sessions that were made under it.
struct Configs {
    epoch: u64,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Live {
    /// Begins with a chain (DER, leaf first, without the anchor) and its key in PKCS#8, P-256 or Ed25519.
    /// [`Reason::IdentityKeyMismatch`] if they do not belong together.
    pub fn new(judge: Arc<dyn Judge>, chain: &[&[u8]], pkcs8: &[u8]) -> Result<Self> {
        let shown = Arc::new(Shown(RwLock::new(certified(chain, pkcs8)?)));
        Ok(Self { judge, shown, configs: Mutex::new(None) })
    }

    /// Shows another chain from the next handshake on.
    pub fn show(&self, chain: &[&[u8]], pkcs8: &[u8]) -> Result<()> {
        let next = certified(chain, pkcs8)?;
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// The configuration for the next connection of a server: clients must show a certificate. Ask for it at each connection.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        self.current(|configs| Arc::clone(&configs.server))
    }

    /// The configuration for the next connection of a client. Ask for it at each connection.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        self.current(|configs| Arc::clone(&configs.client))
    }

    /// The verdict about the client of a connection by what is believed now. To be asked after every handshake, and again
    /// when [`Live::epoch`] has risen: a connection whose client is refused then is to be closed.
    pub fn judge_client(&self, connection: &ServerConnection) -> Result<VerifiedPeer> {
        self.peer(None, connection.peer_certificates())
    }

    /// The same about the server of a connection, of which `name` was meant.
    pub fn judge_server(&self, connection: &ClientConnection, name: &str) -> Result<VerifiedPeer> {
        self.peer(Some(name), connection.peer_certificates())
    }

    /// The epoch of the judge: see [`Judge::epoch`].
    pub fn epoch(&self) -> Result<u64> {
        Ok(self.judge.epoch()?)
    }

    fn peer(&self, name: Option<&str>, shown: Option<&[CertificateDer<'_>]>) -> Result<VerifiedPeer> {
        let chain: Vec<&[u8]> = shown.ok_or(Reason::PeerAnonymous)?.iter().map(|der| &**der).collect();
        Ok(self.judge.judge(name, &chain)?)
    }

    fn current<T>(&self, pick: impl FnOnce(&Configs) -> T) -> Result<T> {
        // Read before a handshake can begin: whatever is judged in it is judged by this epoch or a later one.
        let epoch = self.judge.epoch()?;
        let mut held = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        // An older epoch comes from a thread that was overtaken.
        if held.as_ref().is_none_or(|configs| configs.epoch < epoch) {
            *held = Some(self.configs(epoch)?);
        }
        held.as_ref().map(pick).ok_or_else(|| Reason::Internal.into())
    }

    fn configs(&self, epoch: u64) -> Result<Configs> {
        let provider = Arc::new(crypto::provider());
        let asked = || Arc::new(OwnTrust::new(Asked(Arc::clone(&self.judge))));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(handshake::internal)?
            .with_client_cert_verifier(asked())
            .with_cert_resolver(Arc::clone(&self.shown) as _);
        server.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(handshake::internal)?
            .dangerous()
            .with_custom_certificate_verifier(asked())
            .with_client_cert_resolver(Arc::clone(&self.shown) as _);
        client.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
        Ok(Configs { epoch, server: Arc::new(server), client: Arc::new(client) })
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// Revocation lists that may be replaced while others read them. They are what
/// [`PathValidator::with_lists`](aseptic_certs::PathValidator::with_lists) takes.
#[derive(Debug, Default)]
pub struct SharedLists(RwLock<Held>);

#[derive(Debug, Default)]
struct Held {
    lists: Vec<Vec<u8>>,
    changes: u64,
}

impl SharedLists {
    /// Replaces all of them (DER, in any order).
    pub fn replace(&self, lists: Vec<Vec<u8>>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held { lists, changes: held.changes.saturating_add(1) };
    }

    /// How often they were replaced: a part of [`Judge::epoch`], since a newer list may revoke.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).changes
    }
}

impl Lists for SharedLists {
    fn about(
        &self,
        suite: &Suite<'_>,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        take: &mut dyn FnMut(&Evidence),
    ) -> aseptic_core::Result<()> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let lists: Vec<&[u8]> = held.lists.iter().map(Vec::as_slice).collect();
        let numbers = &aseptic_certs::crl::Numbers::NONE;
        aseptic_certs::HeldLists { lists: &lists, numbers }.about(suite, certificate, issuer, take)
    }
}

/// The judge, as the verifiers ask it.
struct Asked(Arc<dyn Judge>);

impl Ask for Asked {
    fn judge(&self, name: Option<&str>, chain: &[&[u8]]) -> core::result::Result<(), rustls::Error> {
        self.0.judge(name, chain).map(drop).map_err(verify::alert)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

/// The own certificate, for both roles.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    fn now(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(chain: &[&[u8]], pkcs8: &[u8]) -> Result<Arc<CertifiedKey>> {
    let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    let key = PrivateKeyDer::Pkcs8(pkcs8.to_vec().into());
    let mismatch = |error: rustls::Error| Error::Tls { reason: Reason::IdentityKeyMismatch, detail: error.to_string() };
    let certified = CertifiedKey::from_der(chain, key, &crypto::provider()).map_err(mismatch)?;
    certified.keys_match().map_err(mismatch)?;
    Ok(Arc::new(certified))
}

/// Sessions that are kept for resumption, of a ward and more.
const SESSIONS: usize = 1024;
