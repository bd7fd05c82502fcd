//! The hospital's registrar: an EST server (RFC 7030) over mutual TLS 1.3.
//!
//! A device comes with its birth certificate (IEEE 802.1AR, and no other certificate of its maker); the maker's trust store
//! says which are genuine. It gets the hospital's CA
//! certificates (`cacerts`) and a local certificate for its new key (`simpleenroll`), if its request is signed by that
//! key, names the same device as the birth certificate, and the hospital's policy agrees. Each decision is told to an
//! audit hook.
//!
//! TLS comes from rustls, HTTP from hyper; what stands here is the RFC's own: paths, media types, transfer, policy.
//!
//! ```no_run
//! use aseptic_core::trust::Authority;
//! use aseptic_hosted::crypto;
//! use aseptic_infra::ca::{Ca, Server, Validity};
//! use aseptic_infra::registrar::{Decision, Registrar};
//! use aseptic_infra::{AuthorityKey, ServerTrust};
//! use std::{net::TcpListener, path::Path, sync::Arc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now = 1_780_000_000;
//! let ca = Ca::load(Path::new("/etc/registrar/ca"))?;
//! let key = AuthorityKey::load(Path::new("/etc/registrar/tls.key"))?;
//! let chain = ca.issue_server("est.example", key.public()?, Server::Registrar, Validity::days(now, 90)?)?;
//! let makers = std::fs::read("/etc/registrar/maker.trust")?;
//! let trust = ServerTrust::new(crypto::suite(), &[(Authority::Manufacturer, &makers)])?;
//! let handle = Registrar::new(ca, Arc::new(trust), chain, key)
//!     .policy(|device| if device.serial.starts_with("PUMP-") { Decision::Issue } else { Decision::Refuse })
//!     .audit(|line| println!("{line}"))
//!     .serve(TcpListener::bind("0.0.0.0:8443")?)?;
//! println!("listening on {}", handle.address());
//! # handle.shutdown();
//! # Ok(())
//! # }
//! ```

mod est;
mod serve;
mod tls;
mod visitors;

pub use serve::Handle;

use crate::ca::{Ca, Chain};
use crate::trust::ServerTrust;
use crate::{AuthorityKey, Result};
use aseptic_core::Reason;
use aseptic_core::platform::Clock;
use aseptic_core::trust::VerifiedPeer;
use aseptic_hosted::os::OsClock;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// A device that asks for a certificate. It has proven to own its birth key and the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant<'a> {
    /// Its serial number, as in its birth certificate.
    pub serial: &'a str,
    /// SHA-256 of the new key's SubjectPublicKeyInfo.
    pub thumbprint: &'a [u8; 32],
    /// Why its birth certificate was accepted only with a flag, if so: an authority above it has expired.
    pub degraded: Option<Reason>,
}

/// What the hospital's policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue the certificate.
    Issue,
    /// A person has yet to approve: the device asks again after so many seconds.
    Wait {
        /// Seconds to wait.
        seconds: u32,
    },
    /// Issue nothing.
    Refuse,
}

/// One line of the audit log; [`fmt::Display`] writes it as one line of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Seconds since 1970.
    pub at: u64,
    /// Where the connection came from.
    pub from: SocketAddr,
    /// The serial number of the authenticated device; none where nobody authenticated.
    pub device: Option<String>,
    /// What was asked for: `handshake`, `connection` (one too many from an address), `request` (what is none), or the
    /// method and operation, cut off after 64 characters.
    pub operation: String,
    /// The HTTP status of the answer; none where it did not come to one.
    pub status: Option<u16>,
    /// Why it was not done, or done with a flag.
    pub reason: Option<Reason>,
    /// SHA-256 of the SubjectPublicKeyInfo that a certificate was asked for.
    pub thumbprint: Option<[u8; 32]>,
}

/// An authenticated device at the other end.
#[derive(Debug)]
struct Device {
    from: SocketAddr,
    peer: VerifiedPeer,
    /// The unique device identifier that its birth certificate proves.
    udi: Option<String>,
}

type Policy = Box<dyn Fn(&Applicant<'_>) -> Decision + Send + Sync>;
type Sink = Box<dyn Fn(&Audit) + Send + Sync>;

/// An EST server in the making.
pub struct Registrar {
    ca: Ca,
    trust: Arc<ServerTrust>,
    chain: Chain,
    key: AuthorityKey,
    days: u64,
    clock: Arc<dyn Clock + Send + Sync>,
    policy: Policy,
    sink: Sink,
}

impl Registrar {
    /// A registrar that issues from `ca` to devices that `trust` knows by birth, and shows the TLS server certificate
    /// `chain` with `key`. Without further calls it issues to each of them, for a year, and keeps no log.
    #[must_use]
    pub fn new(ca: Ca, trust: Arc<ServerTrust>, chain: Chain, key: AuthorityKey) -> Self {
        Self {
            ca,
            trust,
            chain,
            key,
            days: 365,
            clock: Arc::new(OsClock::trusted()),
            policy: Box::new(|_| Decision::Issue),
            sink: Box::new(|_| {}),
        }
    }

    /// For how many days a local certificate is valid; never longer than that of the authority.
    #[must_use]
    pub const fn days(mut self, days: u64) -> Self {
        self.days = days;
        self
    }

    /// The clock that certificates are dated by; that of the operating system by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Who gets a certificate. Called on the server's thread for each sound request; a slow policy delays the others.
    #[must_use]
    pub fn policy(mut self, policy: impl Fn(&Applicant<'_>) -> Decision + Send + Sync + 'static) -> Self {
        self.policy = Box::new(policy);
        self
    }

    /// Where each decision is told. Called on the server's thread.
    #[must_use]
    pub fn audit(mut self, sink: impl Fn(&Audit) + Send + Sync + 'static) -> Self {
        self.sink = Box::new(sink);
        self
    }

    /// Serves on `listener` on a thread of its own until [`Handle::shutdown`].
    pub fn serve(self, listener: TcpListener) -> Result<Handle> {
        serve::start(self, listener)
    }

    fn tell(&self, audit: &Audit) {
        (self.sink)(audit);
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("days", &self.days).finish_non_exhaustive()
    }
}

/// Whatever a peer sends, it begins no field and no line of its own.
fn plain(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    if character.is_ascii_graphic() && character != '\\' {
        write!(f, "{character}")
    } else {
        write!(f, "{}", character.escape_unicode())
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from={} device=", self.at, self.from)?;
        self.device.as_deref().unwrap_or("-").chars().try_for_each(|character| plain(f, character))?;
        f.write_str(" op=")?;
        // One space stands between method and operation, and none in either.
        let (method, operation) = self.operation.split_once(' ').unwrap_or((&self.operation, ""));
        method.chars().try_for_each(|character| plain(f, character))?;
        if !operation.is_empty() {
            f.write_str(" ")?;
            operation.chars().try_for_each(|character| plain(f, character))?;
        }
        if let Some(status) = self.status {
            write!(f, " status={status}")?;
        }
        if let Some(reason) = self.reason {
            write!(f, " reason=E{} {}", reason.number(), reason.name())?;
        }
        if let Some(thumbprint) = &self.thumbprint {
            f.write_str(" key=")?;
            thumbprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}
