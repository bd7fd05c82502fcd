//! The hospital's registrar: an EST server (RFC 7030) over mutual TLS 1.3.
//!
//! A device comes with its birth certificate (IEEE 802.1AR, and no other certificate of its maker); the maker's trust store
//! says which are genuine. It gets the hospital's CA certificates (`cacerts`, with those of a roll-over) and a local
//! certificate for its new key (`simpleenroll`), if its request is signed by that key, names the same device as the birth
//! certificate, and the hospital's policy agrees. It renews (`simplereenroll`) with its local certificate, or with its
//! birth certificate once that has expired, for the same names.
//!
//! | what holds | where |
//! | --- | --- |
//! | a certificate and its audit line are in the [`Store`] before the certificate leaves | [`Store`] |
//! | the same request gets the same certificate, until the device has a newer one | `simpleenroll`, `simplereenroll` |
//! | no answer leaves before its audit line is in the store | [`Audit`] |
//! | the first rule that fits decides | [`Rules`] |
//!
//! TLS comes from rustls, HTTP from hyper, the store from redb; what stands here is the RFC's own: paths, media types,
//! transfer, policy.
//!
//! ```no_run
//! use aseptic_core::trust::Authority;
//! use aseptic_hosted::crypto;
//! use aseptic_infra::ca::{Ca, Server, Validity};
//! use aseptic_infra::registrar::{Registrar, Rules, Store};
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
//!     .store(Store::open(Path::new("/var/lib/registrar/registrar.redb"))?)
//!     .rules(Rules::parse(&std::fs::read_to_string("/etc/registrar/rules.toml")?)?)
//!     .serve(TcpListener::bind("0.0.0.0:8443")?)?;
//! println!("listening on {}", handle.address());
//! handle.wait()?; // until SIGTERM
//! # Ok(())
//! # }
//! ```

mod attributes;
mod audit;
mod enrol;
mod est;
mod makers;
mod operator;
mod rates;
mod rules;
mod serve;
mod store;
mod tls;
mod visitors;

pub use attributes::Attributes;
pub use audit::Audit;
pub use makers::{authorities, authority};
pub use operator::{Control, control};
pub use rates::Limits;
pub use rules::{Profile, Rules};
pub use serve::Handle;
pub use store::{Issued, Issuer, State, Store, Waiting};

use crate::ca::{Ca, Chain, RollOver};
use crate::trust::ServerTrust;
use crate::{AuthorityKey, Error, Result};
use aseptic_core::Reason;
use aseptic_core::platform::Clock;
use aseptic_hosted::os::OsClock;
use rates::Rates;
use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

/// A device that asks for a certificate. It has proven to own the key of the certificate that it shows, and the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant<'a> {
    /// Its serial number, as in the certificate that it shows.
    pub serial: &'a str,
    /// Who issued its birth certificate.
    pub issuer: &'a Issuer,
    /// SHA-256 of the new key's SubjectPublicKeyInfo.
    pub thumbprint: &'a [u8; 32],
    /// Why the certificate that it shows was accepted only with a flag, if so: an authority above it has expired.
    pub degraded: Option<Reason>,
    /// It renews what it has: it shows its local certificate, or its birth certificate after that has expired.
    pub renewal: bool,
}

/// What the hospital's policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue the certificate.
    Issue,
    /// A person has yet to approve ([`Store::decide`]): the device asks again after so many seconds.
    Wait {
        /// Seconds to wait.
        seconds: u32,
    },
    /// Issue nothing.
    Refuse,
}

enum Policy {
    /// Of the program that the registrar is part of.
    Own(Box<dyn Fn(&Applicant<'_>) -> Decision + Send + Sync>),
    Rules(Rules),
}

type Sink = Box<dyn Fn(&Audit) + Send + Sync>;

/// An EST server in the making.
pub struct Registrar {
    ca: Ca,
    roll_over: Option<RollOver>,
    trust: Arc<ServerTrust>,
    chain: Chain,
    key: AuthorityKey,
    store: Option<Store>,
    profile: Profile,
    clock: Arc<dyn Clock + Send + Sync>,
    policy: Policy,
    limits: Limits,
    attributes: Attributes,
    proof: bool,
    anonymous: bool,
    tls12: bool,
    control: Option<PathBuf>,
    sink: Sink,
}

impl Registrar {
    /// A registrar that issues from `ca` to devices that `trust` knows by birth, and shows the TLS server certificate
    /// `chain` with `key`. Without further calls it issues to each of them, for a year, and forgets all when it ends.
    #[must_use]
    pub fn new(ca: Ca, trust: Arc<ServerTrust>, chain: Chain, key: AuthorityKey) -> Self {
        Self {
            ca,
            roll_over: None,
            trust,
            chain,
            key,
            store: None,
            profile: Profile::default(),
            clock: Arc::new(OsClock::trusted()),
            policy: Policy::Own(Box::new(|_| Decision::Issue)),
            limits: Limits::default(),
            attributes: Attributes::None,
            proof: false,
            anonymous: false,
            tls12: false,
            control: None,
            sink: Box::new(|_| {}),
        }
    }

    /// Where it keeps what it must not forget; else that lasts as long as the server.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// What connects the root with the one before it: goes out with cacerts, and certificates below the old root still renew.
    #[must_use]
    pub fn roll_over(mut self, roll_over: RollOver) -> Self {
        self.roll_over = Some(roll_over);
        self
    }

    /// For how many days a local certificate is valid where no rule says so; never longer than that of the authority.
    #[must_use]
    pub const fn days(mut self, days: u64) -> Self {
        self.profile.days = days;
        self
    }

    /// The clock that certificates are dated by; that of the operating system by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Who gets a certificate. Called for each sound request, on several threads at once; one that panics costs the
    /// connection.
    #[must_use]
    pub fn policy(mut self, policy: impl Fn(&Applicant<'_>) -> Decision + Send + Sync + 'static) -> Self {
        self.policy = Policy::Own(Box::new(policy));
        self
    }

    /// Who gets which certificate, as written down; in the place of [`Registrar::policy`].
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.policy = Policy::Rules(rules);
        self
    }

    /// How much is taken from whom.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What clients are told of the requests that are wanted.
    #[must_use]
    pub const fn attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Refuses requests that do not carry the binding of their channel (RFC 7030 section 3.5, with the exporter of RFC 9266).
    ///
    /// One that was taken into the queue, or answered, has proven it and is known when it comes again.
    #[must_use]
    pub const fn proof_of_possession(mut self, wanted: bool) -> Self {
        self.proof = wanted;
        self
    }

    /// Lets clients without a certificate have cacerts and csrattrs, and nothing else, which RFC 7030 section 4.1.1 wants of
    /// open networks. Devices of ours know their owner's root and need it not.
    #[must_use]
    pub const fn anonymous_cacerts(mut self, allowed: bool) -> Self {
        self.anonymous = allowed;
        self
    }

    /// Speaks TLS 1.2 too (ECDHE with ECDSA and AES-GCM alone), for old clients. Their certificates cross the network
    /// unencrypted, and their requests can be bound to no channel.
    #[must_use]
    pub const fn danger_legacy_tls12(mut self, allowed: bool) -> Self {
        self.tls12 = allowed;
        self
    }

    /// A Unix socket by which operators of this machine talk to the running server, see [`control`]. Made with mode 0600.
    #[must_use]
    pub fn control(mut self, path: PathBuf) -> Self {
        self.control = Some(path);
        self
    }

    /// Where each decision is told, beside the store. Called on several threads at once, after the store has it.
    #[must_use]
    pub fn audit(mut self, sink: impl Fn(&Audit) + Send + Sync + 'static) -> Self {
        self.sink = Box::new(sink);
        self
    }

    /// Serves on `listener` on threads of its own until [`Handle::shutdown`].
    pub fn serve(self, listener: TcpListener) -> Result<Handle> {
        serve::start(self, listener)
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// A registrar at work.
struct Office {
    registrar: Registrar,
    store: Arc<Store>,
    rates: Rates,
}

impl Office {
    fn open(mut registrar: Registrar) -> Result<Self> {
        let store = match registrar.store.take() {
            Some(store) => store,
            None => Store::in_memory()?,
        };
        Ok(Self { rates: Rates::new(registrar.limits), store: Arc::new(store), registrar })
    }

    fn now(&self) -> u64 {
        self.registrar.clock.now().seconds
    }

    fn decide(&self, applicant: &Applicant<'_>) -> (Decision, Profile) {
        match &self.registrar.policy {
            Policy::Own(policy) => (policy(applicant), self.registrar.profile),
            Policy::Rules(rules) => rules.decide(applicant),
        }
    }

    /// Writes a line, for what changes nothing else.
    fn tell(&self, audit: &Audit) -> Result<()> {
        let line = audit.to_string();
        self.store.write(move |ledger| ledger.tell(&line))?;
        self.told(audit);
        Ok(())
    }

    fn told(&self, audit: &Audit) {
        (self.registrar.sink)(audit);
    }

    /// The roots that local certificates may have: ours, and the one before it.
    fn roots(&self) -> impl Iterator<Item = &[u8]> {
        let before = self.registrar.roll_over.as_ref().map(RollOver::old);
        std::iter::once(self.registrar.ca.anchor()).chain(before)
    }
}

/// The error of a registrar whose policy or sink panicked.
fn panicked() -> Error {
    Error::new(Reason::Internal, "asking the policy or telling the audit sink")
}
