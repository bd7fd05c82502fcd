//! Mutually authenticated TLS 1.3 over any byte stream.
//!
//! rustls speaks the protocol; whom to believe is decided by our own [`Trust`], and the private key stays in the device's
//! key store. Both sides show a certificate, always.
//!
//! * TLS 1.3 alone (RFC 8446), with X25519MLKEM768, X25519 or P-256, the first of them that both know.
//! * No resumption, no tickets, no early data: a change of trust, of revocation lists or of the own identity holds from the
//!   next handshake on, and for a connection that runs from [`Channel::judge_again`] on. No key log.
//! * Handshakes are signed with P-256 or Ed25519 keys.
//!
//! A program that drives rustls itself (on tokio, behind hyper) has the same judgement with [`Live`].
//!
//! **Blocking.** All calls block as the stream does. A stream without time limits waits for a silent peer for ever:
//! [`dial`] sets them, a server sets them on the streams it accepts. A handshake, in which nobody is known yet, ends after
//! half a minute and one such limit even if each byte of it comes in time.
//!
//! **Threads.** During the handshake a helper thread drives the protocol, while key store and trust are asked on the thread
//! that called; so they need be neither shareable nor long-lived. The helper is gone when the call returns.
//!
//! **When a peer is refused.** The side that judges gets the reason of its judgement. The other one learns of it from an
//! alert, as [`Reason::TlsFailed`]; in TLS 1.3 a client whose certificate is refused sees that only at its first read.

pub mod frame;
mod handshake;
mod hurried;
mod live;
mod sign;
mod verify;

pub use live::{Judge, Live, SharedLists};

pub(crate) use handshake::{Handshake, TIME};

use hurried::Hurried;

use crate::{Error, Result, crypto};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::{KeyId, Keys};
use aseptic_core::time::Time;
use aseptic_core::trust::{PathEngine, Purpose, Trust, VerifiedPeer};
use aseptic_core::{Reason, limits};
use aseptic_identity::LocalCredential;
use rustls::{Connection, Stream};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Who we are: a key in a key store, and the certificates that name it.
#[derive(Clone, Copy)]
pub struct Local<'a> {
    /// The key store.
    pub keys: &'a dyn Keys,
    /// The key, with the use of signing.
    pub key: KeyId,
    /// Its certificates (DER), leaf first, without the anchor.
    pub chain: &'a [&'a [u8]],
}

impl<'a> Local<'a> {
    /// The identity that the owner gave this device. A birth identity serves for enrolment alone, see
    /// [`est::enrol`](crate::est::enrol).
    #[must_use]
    pub fn of(keys: &'a dyn Keys, credential: &'a LocalCredential<'_>) -> Self {
        Self { keys, key: credential.key_id(), chain: credential.chain() }
    }
}

/// Whom we believe, and as what.
#[derive(Clone, Copy)]
pub struct Remote<'a> {
    /// The algorithms that path validation uses.
    pub suite: &'a Suite<'a>,
    /// The trust stores.
    pub trust: &'a Trust<'a>,
    /// The judge of certificate chains.
    pub engine: &'a dyn PathEngine,
    /// What the peer may come as; the first purpose that its chain serves becomes its verdict's.
    pub purposes: &'a [Purpose],
    /// Now, as well as it is known.
    pub now: Time,
}

/// An authenticated connection.
///
/// As a [`Read`] it ends (0 bytes) when the peer closed the channel, and fails with
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ended without that, which may be an attacker's doing.
pub struct Channel<S: Read + Write> {
    connection: Connection,
    stream: S,
    peer: VerifiedPeer,
    /// The server that was meant, if we are its client.
    name: Option<String>,
    /// Why the peer is believed no longer.
    refused: Option<Reason>,
    binding: [u8; 32],
    group: &'static str,
}

/// What every channel is made of, for a server that drives rustls itself: hybrid key exchange first, TLS 1.3 ciphers alone.
#[must_use]
pub fn provider() -> rustls::crypto::CryptoProvider {
    crypto::provider()
}

/// As [`provider`], and ciphers of TLS 1.2 (ephemeral ECDH, ECDSA and AES-GCM alone), for a server that must speak to clients
/// which know nothing newer. A channel of this module never does.
#[must_use]
pub fn danger_legacy_provider() -> rustls::crypto::CryptoProvider {
    crypto::legacy_provider()
}

/// Shakes hands as the client with the server `name`, a DNS name that its certificate must bear (RFC 9525).
///
/// A registrar ([`Purpose::Enrolment`]) may bear id-kp-cmcRA instead (RFC 7030 section 3.6.1). `protocols` are offered in
/// this order (ALPN, RFC 7301).
pub fn connect<S: Read + Write + Send>(
    stream: S,
    name: &str,
    protocols: &[&[u8]],
    local: &Local<'_>,
    remote: &Remote<'_>,
) -> Result<Channel<S>> {
    Handshake::client(name, protocols, local)?.shake(stream, local, remote)
}

/// Shakes hands as the server. A client that offers protocols must offer one of `protocols`; see [`Channel::protocol`] for
/// one that offers none.
pub fn accept<S: Read + Write + Send>(
    stream: S,
    protocols: &[&[u8]],
    local: &Local<'_>,
    remote: &Remote<'_>,
) -> Result<Channel<S>> {
    Handshake::server(protocols, local)?.shake(stream, local, remote)
}

/// Connects to `address` within `limit`; the stream then waits no longer than `limit` in each read and write.
///
/// Of a name with several addresses the first eight are tried in turn, each for its share of the time that is left. How
/// long it takes to look a name up is a matter of the system.
pub fn dial(address: impl ToSocketAddrs, limit: Duration) -> Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let addresses: Vec<_> = address.to_socket_addrs()?.take(ADDRESSES).collect();
    let began = Instant::now();
    for (address, to_try) in addresses.iter().zip((1..=addresses.len()).rev()) {
        match TcpStream::connect_timeout(address, share(limit.saturating_sub(began.elapsed()), to_try)) {
            Ok(stream) => {
                limited(&stream, limit)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure.into())
}

/// The time for one of so many attempts; the system takes no less than a little.
fn share(left: Duration, attempts: usize) -> Duration {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).max(1);
    (left / attempts).max(Duration::from_millis(1))
}

/// Lets each read and write of `stream` wait no longer than `limit`, and sends what is written at once.
pub fn limited(stream: &TcpStream, limit: Duration) -> Result<()> {
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(())
}

impl<S: Read + Write> Channel<S> {
    /// The verdict about the other side.
    #[must_use]
    pub const fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// The key exchange, by its name in the IANA registry.
    #[must_use]
    pub const fn group(&self) -> &'static str {
        self.group
    }

    pub(crate) const fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The protocol that both sides chose; none if the client offered none.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match &self.connection {
            Connection::Client(tls) => tls.alpn_protocol(),
            Connection::Server(tls) => tls.alpn_protocol(),
        }
    }

    /// The channel binding `tls-exporter` (RFC 9266): equal on both sides, and on no other channel.
    #[must_use]
    pub const fn exporter(&self) -> &[u8; 32] {
        &self.binding
    }

    /// Judges the peer again by what is believed now: after a change of trust or of revocation lists, and now and then on a
    /// connection that lasts for days. It costs no handshake; what is in flight stays.
    ///
    /// A peer that is refused gets no more bytes and is heard no more: the channel says so to it, and every later read and
    /// write fails. One that stays valid notices nothing.
    pub fn judge_again(&mut self, remote: &Remote<'_>) -> Result<&VerifiedPeer> {
        let shown = match &self.connection {
            Connection::Client(tls) => tls.peer_certificates(),
            Connection::Server(tls) => tls.peer_certificates(),
        };
        let chain: Vec<&[u8]> = shown.unwrap_or_default().iter().map(|der| &**der).collect();
        match self.refused.map_or_else(|| verify::judge(remote, self.name.as_deref(), &chain), Err) {
            Ok(peer) => {
                self.peer = peer;
                Ok(&self.peer)
            }
            Err(reason) => {
                self.refused = Some(reason);
                // A peer that is gone already needs not be told.
                let _told = self.farewell();
                Err(reason.into())
            }
        }
    }

    /// Sends one frame: the length in 4 bytes, big endian, then the bytes, at most [`limits::FRAME`].
    pub fn send_frame(&mut self, bytes: &[u8]) -> Result<()> {
        frame::send(self, bytes, limits::FRAME)
    }

    /// Receives one frame; none when the peer has closed the channel.
    pub fn recv_frame(&mut self) -> Result<Option<Vec<u8>>> {
        frame::receive(self, limits::FRAME)
    }

    /// Tells the peer that nothing more will come, and gives the stream back.
    pub fn close(mut self) -> Result<S> {
        self.farewell()?;
        Ok(self.stream)
    }

    fn farewell(&mut self) -> io::Result<()> {
        match &mut self.connection {
            Connection::Client(tls) => {
                tls.send_close_notify();
                Stream::new(tls, &mut self.stream).flush()
            }
            Connection::Server(tls) => {
                tls.send_close_notify();
                Stream::new(tls, &mut self.stream).flush()
            }
        }
    }

    fn believed(&self) -> io::Result<()> {
        match self.refused {
            None => Ok(()),
            Some(reason) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, Refused(reason))),
        }
    }
}

/// The peer of a channel is believed no longer.
#[derive(Debug, thiserror::Error)]
#[error("the peer is believed no longer: {0}")]
struct Refused(Reason);

impl<S: Read + Write> Read for Channel<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.believed()?;
        match &mut self.connection {
            Connection::Client(tls) => Stream::new(tls, &mut self.stream).read(out),
            Connection::Server(tls) => Stream::new(tls, &mut self.stream).read(out),
        }
    }
}

impl<S: Read + Write> Write for Channel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.believed()?;
        match &mut self.connection {
            Connection::Client(tls) => Stream::new(tls, &mut self.stream).write(bytes),
            Connection::Server(tls) => Stream::new(tls, &mut self.stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.believed()?;
        match &mut self.connection {
            Connection::Client(tls) => Stream::new(tls, &mut self.stream).flush(),
            Connection::Server(tls) => Stream::new(tls, &mut self.stream).flush(),
        }
    }
}

impl From<io::Error> for Error {
    /// Failures of a stream; what TLS itself refused comes wrapped in one and is told apart.
    fn from(error: io::Error) -> Self {
        if let Some(Refused(reason)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return (*reason).into();
        }
        let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match refused {
            Some(refused) => Self::Tls { reason: handshake::reason(refused), detail: refused.to_string() },
            None => Self::Network { reason: Reason::NetworkFailed, source: error },
        }
    }
}

/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;

#[cfg(test)]
mod tests;
