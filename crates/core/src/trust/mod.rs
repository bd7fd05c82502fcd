//! Who may do what: trust stores, and the verdict that every other part demands.
//!
//! A device holds two signed [`TrustStore`]s: the manufacturer's and the owner's. Each grants only its own purposes.
//! [`Trust`] looks at both and is the only place where a [`VerifiedPeer`] is made: from a pinned key and a signature, or
//! from a certificate chain through a [`PathEngine`].

mod anchor;
pub mod danger;
mod install;
mod quorum;
mod store;

pub use anchor::{Anchor, Grounds, ListMinimum};
pub use install::{PhysicalPresence, install, update};
pub use quorum::{Quorum, Retirement};
pub use store::{Authority, Entry, Material, StoreContent, TrustStore};

use crate::clinical::{self, Failure, Path, Response};
use crate::cose::Sign1;
use crate::crypto::{KeyAlg, PublicKey, Suite};
use crate::platform::Platform;
use crate::reason::Reason;
use crate::time::{Floor, Time};
use crate::{Result, bytes, limits};

/// What a key, an anchor, a message class or an operation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Purpose {
    /// Vouch for birth identities (IDevID). Manufacturer.
    Birth = 1,
    /// Author software. Manufacturer.
    UpdateInstall = 2,
    /// Answer as the registrar. Owner.
    Enrolment = 3,
    /// Be the other end of a network connection. Owner.
    Network = 4,
    /// Receive sealed messages. Owner.
    Receive = 5,
    /// Send observations. Owner.
    Telemetry = 6,
    /// Send alarms. Owner.
    Alarm = 7,
    /// Send audit records. Owner.
    Audit = 8,
    /// Send commands that change therapy. Owner.
    Command = 9,
    /// Send configuration and drug libraries. Owner.
    Configuration = 10,
    /// Approve software, put it off or veto it; never author it. Owner.
    UpdateApprove = 11,
    /// Author security patches, which an owner may let in without approval. Manufacturer.
    SecurityPatch = 12,
    /// Let one device run an older release. Manufacturer.
    Downgrade = 13,
    /// Sign receipts for messages. Owner.
    Receipt = 14,
}

impl Purpose {
    /// Every purpose, in the order of the numbers.
    #[rustfmt::skip]
    pub const ALL: [Self; 14] = [
        Self::Birth, Self::UpdateInstall, Self::Enrolment, Self::Network, Self::Receive,
        Self::Telemetry, Self::Alarm, Self::Audit, Self::Command, Self::Configuration,
        Self::UpdateApprove, Self::SecurityPatch, Self::Downgrade, Self::Receipt,
    ];

    /// The row of the response matrix that judges an imperfect peer of this purpose.
    #[must_use]
    pub const fn path(self) -> Path {
        match self {
            Self::Birth | Self::Enrolment => Path::Enrol,
            Self::UpdateInstall | Self::UpdateApprove | Self::SecurityPatch | Self::Downgrade => Path::UpdateIn,
            Self::Network | Self::Receive | Self::Telemetry | Self::Audit | Self::Receipt => Path::ObservationOut,
            Self::Alarm => Path::AlarmOut,
            Self::Command => Path::CommandIn,
            Self::Configuration => Path::ConfigurationIn,
        }
    }

    /// Whether it is devices that do this: each is then known by the serial number in its certificate and by nothing else
    /// (IEEE 802.1AR section 8.6). A commonName is whatever somebody was called.
    #[must_use]
    pub const fn of_devices(self) -> bool {
        matches!(self, Self::Birth | Self::Telemetry | Self::Alarm | Self::Audit)
    }

    /// Reads the number used on the wire and in C.
    pub fn from_u8(value: u8) -> Result<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == value).ok_or(Reason::NoPurpose)
    }
}

/// A set of purposes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purposes(u32);

impl Purposes {
    /// The set of these purposes.
    #[must_use]
    pub const fn of(purposes: &[Purpose]) -> Self {
        let mut bits = 0;
        let mut rest = purposes;
        while let [first, tail @ ..] = rest {
            bits |= Self::bit(*first);
            rest = tail;
        }
        Self(bits)
    }

    /// Whether `purpose` is in the set.
    #[must_use]
    pub const fn contains(self, purpose: Purpose) -> bool {
        self.0 & Self::bit(purpose) != 0
    }

    /// Whether all of this set is in `other`.
    #[must_use]
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits as stored: bit n stands for purpose n.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    const fn bit(purpose: Purpose) -> u32 {
        1_u32.wrapping_shl(purpose as u32)
    }
}

/// Whether a peer's evidence is in date, as far as the device can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is, or nothing says it is not.
    InDate,
    /// It ran out, less than [`limits::GRACE`] seconds ago.
    Expired,
    /// It ran out longer ago.
    LongExpired,
}

/// What revocation lists say about a path, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revocation {
    /// The engine has no lists: nobody asked.
    NotAsked,
    /// Current lists cover every certificate, and none is on them.
    Good,
    /// The same, but a newer list was due up to [`limits::GRACE`] seconds ago.
    Ageing,
    /// A list is missing, cannot be believed, or is older.
    Unknown,
    /// A certificate is revoked.
    Revoked,
}

/// A chain that leads to an anchor, as judged by a [`PathEngine`].
#[derive(Clone, Copy, Debug)]
pub struct ValidatedPath<'c> {
    /// The key of the leaf; none if it is of an algorithm for certificates alone (RSA, P-384, ML-DSA).
    pub key: Option<PublicKey<'c>>,
    /// The name of the leaf: the value of its subject's serialNumber; where it need not be a device, else of its
    /// commonName; empty if there is none.
    pub name: &'c [u8],
    /// Whether the chain is in date. A chain that is not yet valid by a trusted clock is an error, not a validity.
    pub validity: Validity,
    /// Whether a certificate of it is revoked.
    pub revocation: Revocation,
}

impl ValidatedPath<'_> {
    /// What is not as it should be, each with the column of the response matrix that judges it.
    pub fn imperfections(&self) -> impl Iterator<Item = (Failure, Reason)> + use<> {
        let late = match self.validity {
            Validity::InDate => None,
            Validity::Expired => Some((Failure::PeerExpired, Reason::CertificateExpired)),
            Validity::LongExpired => Some((Failure::PeerLongExpired, Reason::CertificateExpired)),
        };
        let listed = match self.revocation {
            Revocation::NotAsked | Revocation::Good => None,
            Revocation::Ageing => Some((Failure::ListAgeing, Reason::CrlStale)),
            Revocation::Unknown => Some((Failure::PeerUnknown, Reason::RevocationUnknown)),
            Revocation::Revoked => Some((Failure::PeerRevoked, Reason::CertificateRevoked)),
        };
        [late, listed].into_iter().flatten()
    }
}

/// An engine that validates certificate chains; `aseptic-certs` has the one meant for devices.
pub trait PathEngine {
    /// The admission that this engine decides whom the device believes; see [`danger`].
    fn licence(&self) -> danger::EngineLicence;

    /// Validates `chain` (DER certificates, leaf first, without the anchor) for `purpose` to one of the anchors of
    /// `grounds`, within its constraints; an anchor whose constraints the engine cannot honour is none, and a revocation
    /// list below a minimum says nothing. Authentic but expired chains are answered with their [`Validity`]; anything else
    /// that is wrong is a reason.
    fn validate<'c>(
        &self,
        suite: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        purpose: Purpose,
        now: Time,
    ) -> Result<ValidatedPath<'c>>;

    /// Refuses an anchor before it is installed: [`Reason::TrustConstraint`] for constraints that the engine does not
    /// understand or cannot honour, another reason for a certificate that it cannot read.
    fn check_anchor(&self, anchor: &Anchor<'_>) -> Result<()>;

    /// Whether a certificate bears its own name as issuer and is signed by its own key.
    fn is_self_signed(&self, suite: &Suite<'_>, certificate: &[u8]) -> bool;

    /// The DER SubjectPublicKeyInfo in a certificate, by which [`Trust`] knows the keys that are denied. A certificate for
    /// which this fails must not count for a path.
    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> Result<&'c [u8]>;
}

/// The verdict: this key has been found to belong to a peer that may do one thing.
///
/// It cannot be built outside this module, and there is no default or zero value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPeer {
    purpose: Purpose,
    alg: Option<KeyAlg>,
    /// The key, or the thumbprint of one that is not held by value.
    key: [u8; limits::PUBLIC_KEY],
    name: [u8; limits::NAME],
    name_len: usize,
    degraded: Option<Reason>,
}

impl VerifiedPeer {
    fn mint(purpose: Purpose, alg: Option<KeyAlg>, key: &[u8], name: &[u8], degraded: Option<Reason>) -> Result<Self> {
        let mut peer = Self {
            purpose,
            alg,
            key: [0; limits::PUBLIC_KEY],
            name: [0; limits::NAME],
            name_len: name.len(),
            degraded,
        };
        bytes::copy(key, &mut peer.key).ok_or(Reason::TooLarge)?;
        bytes::copy(name, &mut peer.name).ok_or(Reason::TooLarge)?;
        Ok(peer)
    }

    /// The one thing the peer may do.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// [`Reason::NoPurpose`] unless the verdict is for `purpose`.
    pub fn require(&self, purpose: Purpose) -> Result<()> {
        if self.purpose == purpose { Ok(()) } else { Err(Reason::NoPurpose) }
    }

    /// The peer's key. [`Reason::AlgorithmUnsupported`] if it is not held by value: of an algorithm for certificates alone,
    /// whose peer shows itself in a handshake and signs no messages, or too long ([`KeyAlg::by_value`]).
    pub fn key(&self) -> Result<PublicKey<'_>> {
        let alg = self.alg.filter(|alg| alg.by_value()).ok_or(Reason::AlgorithmUnsupported)?;
        PublicKey::new(alg, self.key.get(..alg.public_len()).ok_or(Reason::Internal)?)
    }

    /// The peer's key where it is not held by value, as it came from elsewhere: [`Reason::KeyInvalid`] for any other key.
    pub fn long_key<'k>(&self, suite: &Suite<'_>, bytes: &'k [u8]) -> Result<PublicKey<'k>> {
        let key = PublicKey::new(self.alg.ok_or(Reason::AlgorithmUnsupported)?, bytes)?;
        if key.thumbprint(suite)? == self.thumbprint(suite)? { Ok(key) } else { Err(Reason::KeyInvalid) }
    }

    /// The algorithm of the key; none for certificates alone.
    #[must_use]
    pub const fn alg(&self) -> Option<KeyAlg> {
        self.alg
    }

    /// The thumbprint of the peer's key, of whatever length.
    pub fn thumbprint(&self, suite: &Suite<'_>) -> Result<[u8; 32]> {
        match self.key() {
            Ok(key) => key.thumbprint(suite),
            Err(_) => self.key.first_chunk().copied().ok_or(Reason::Internal),
        }
    }

    /// The peer's name: of the trust store's entry, or of the certificate.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name.get(..self.name_len).unwrap_or_default()
    }

    /// Why the peer was accepted only with a flag, if so.
    #[must_use]
    pub const fn degraded(&self) -> Option<Reason> {
        self.degraded
    }

    /// Verifies a signature by this peer over a COSE_Sign1.
    pub fn verify_sign1(
        &self,
        suite: &Suite<'_>,
        message: &Sign1<'_>,
        aad: &[u8],
        detached: Option<&[u8]>,
    ) -> Result<()> {
        message.verify(suite, self.key()?, aad, detached)
    }
}

/// Room for the stored objects behind a [`Trust`].
pub struct TrustBuffers([[u8; limits::TRUST_STORE]; 2]);

impl TrustBuffers {
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self([[0; limits::TRUST_STORE]; 2])
    }
}

impl Default for TrustBuffers {
    fn default() -> Self {
        Self::new()
    }
}

/// Both trust stores of a device, either of which may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    stores: [Option<TrustStore<'a>>; 2],
    /// When retirements are judged.
    now: Time,
}

impl<'a> Trust<'a> {
    /// Loads what is installed. [`Reason::TrustRollback`] if a store is older than its counter, which means that the
    /// flash was put back.
    ///
    /// Where a store retires algorithms, it is judged by the time floor and the clock as they are now: load it anew for
    /// each update.
    pub fn load(platform: &Platform<'_>, buffers: &'a mut TrustBuffers) -> Result<Self> {
        let [first, second] = &mut buffers.0;
        let manufacturer = TrustStore::load(platform, Authority::Manufacturer, first)?;
        let stores = [manufacturer, TrustStore::load(platform, Authority::Owner, second)?];
        let retires = stores.iter().flatten().any(|store| store.retirements().next().is_some());
        let now = if retires { Floor::load(platform, 0)?.now(platform) } else { Time::UNKNOWN };
        Ok(Self { stores, now })
    }

    /// The installed store of one authority, or [`Reason::TrustMissing`].
    pub fn store(&self, authority: Authority) -> Result<&TrustStore<'a>> {
        self.stores.iter().flatten().find(|store| store.authority == authority).ok_or(Reason::TrustMissing)
    }

    /// Finds the pinned key with `purpose` that made `message`, and verifies it.
    ///
    /// A message with a kid (the thumbprint or the name of a key) is tried with the keys that it names; one without is
    /// tried with all of them. [`Reason::UnknownSigner`] if none fits, [`Reason::SignatureInvalid`] if the named one
    /// did not make it.
    pub fn verify_sign1(
        &self,
        suite: &Suite<'_>,
        purpose: Purpose,
        message: &Sign1<'_>,
        aad: &[u8],
        detached: Option<&[u8]>,
    ) -> Result<VerifiedPeer> {
        let mut failure = Reason::UnknownSigner;
        for entry in self.granted(purpose) {
            let (key, thumbprint) = match entry.material {
                Material::Key(key) => (Some(key), key.thumbprint(suite)?),
                Material::Thumbprint(alg, pinned) => {
                    let key = message.header.key().and_then(|key| PublicKey::new(alg, key).ok());
                    let travelled = key.map_or(Ok(None), |key| key.thumbprint(suite).map(Some))?;
                    (key.filter(|_| travelled.as_ref() == Some(pinned)), *pinned)
                }
                Material::Certificate(_) => continue,
            };
            if message.header.kid.is_some_and(|kid| kid != thumbprint && kid != entry.name) {
                continue;
            }
            let verified = key.ok_or(Reason::KeyInvalid);
            match verified.and_then(|key| message.verify(suite, key, aad, detached).map(|()| key)) {
                Ok(_) if self.denies(&thumbprint) => return Err(Reason::Denied),
                Ok(key) => {
                    let held = if key.alg().by_value() { key.bytes() } else { &thumbprint };
                    return VerifiedPeer::mint(purpose, Some(key.alg()), held, entry.name, None);
                }
                Err(reason) if message.header.kid.is_some() => failure = reason,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// A number that rises whenever trust is withdrawn (a grant or an anchor is lost, a key denied, a minimum raised), and
    /// with the first store of each authority. What rests on a verdict (a connection, a ticket, a message that waits) is
    /// to be judged anew when the number is another one than it was at the verdict.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        // Neither addend ever falls.
        self.stores.iter().flatten().fold(0, |sum, store| sum.saturating_add(store.epoch))
    }

    /// Judges the holder of a certificate chain (leaf first). [`Reason::Denied`] if any certificate of it has a denied key;
    /// an anchor that has one is no anchor. [`Reason::CertificateProfile`] for a leaf without serial number where only
    /// devices speak. An authentic chain that has expired, is revoked, or of which that is not known, is accepted with a
    /// flag, or refused, as [`Trust::response`] says for the purpose.
    pub fn verify_chain(
        &self,
        suite: &Suite<'_>,
        engine: &dyn PathEngine,
        purpose: Purpose,
        chain: &[&[u8]],
        now: Time,
    ) -> Result<VerifiedPeer> {
        let _licensed = engine.licence();
        let path = self.with_grounds(suite, engine, purpose, chain, |grounds| {
            engine.validate(suite, chain, grounds, purpose, now)
        })?;
        if path.name.is_empty() && purpose.of_devices() {
            return Err(Reason::CertificateProfile);
        }
        let leaf = engine.public_key_info(chain.first().ok_or(Reason::PathUntrusted)?)?;
        let thumbprint = path.key.map_or_else(|| suite.sha256(&[leaf]), |key| key.thumbprint(suite))?;
        if self.denies(&thumbprint) {
            return Err(Reason::Denied);
        }
        for certificate in chain {
            if self.denies_certificate(suite, engine, certificate)? {
                return Err(Reason::Denied);
            }
        }
        let (alg, key) = path.key.map_or((None, &thumbprint[..]), |key| (Some(key.alg()), key.bytes()));
        let mut degraded = None;
        for (failure, reason) in path.imperfections() {
            match self.response(purpose.path(), failure) {
                Response::Flag => degraded = Some(reason),
                Response::Hold | Response::Refuse => return Err(reason),
            }
        }
        VerifiedPeer::mint(purpose, alg, key, path.name, degraded)
    }

    /// Runs `body` with what the stores say about the paths of a purpose: what [`Trust::verify_chain`] hands to its engine, for
    /// those who explain its verdict.
    pub fn with_grounds<T>(
        &self,
        suite: &Suite<'_>,
        engine: &dyn PathEngine,
        purpose: Purpose,
        chain: &[&[u8]],
        body: impl FnOnce(&Grounds<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut anchors = [Anchor::of(&[]); limits::TRUST_ENTRIES];
        let count = self.anchors(suite, engine, purpose, chain, &mut anchors)?;
        let mut minimums = [ListMinimum { issuer: &[0; 32], number: &[] }; 2 * limits::TRUST_MINIMUMS];
        let mut known = 0_usize;
        for (place, minimum) in minimums.iter_mut().zip(self.stores.iter().flatten().flat_map(TrustStore::minimums)) {
            *place = minimum;
            known = known.saturating_add(1);
        }
        body(&Grounds {
            anchors: anchors.get(..count).unwrap_or_default(),
            minimums: minimums.get(..known).unwrap_or_default(),
        })
    }

    /// Whether enough keys of `authority` agree to software of the role `purpose`: of the manufacturer keys that have this
    /// purpose, at least one; of the owner keys with [`Purpose::UpdateApprove`], none unless its store demands it. `signed`
    /// are the algorithms of the distinct keys that have signed. See [`Quorum`] and [`Retirement`].
    ///
    /// [`Reason::TrustThreshold`] for too few, [`Reason::AlgorithmRetired`] if too few of them still count,
    /// [`Reason::FamilyMissing`] if a classical or a post-quantum signature is missing.
    pub fn agreed<S: Iterator<Item = KeyAlg> + Clone>(
        &self,
        authority: Authority,
        purpose: Purpose,
        signed: S,
    ) -> Result<()> {
        match (self.store(authority), authority) {
            (Ok(store), _) => quorum::agreed(store, purpose, signed, self.now),
            (Err(_), Authority::Manufacturer) => Err(Reason::TrustThreshold),
            (Err(_), Authority::Owner) => Ok(()),
        }
    }

    /// The response to `failure` on `path`: the owner's, where its store changes it, else the default.
    #[must_use]
    pub fn response(&self, path: Path, failure: Failure) -> Response {
        let changes = self.stores.iter().flatten().flat_map(TrustStore::overrides);
        let changed = changes.filter_map(|change| change.response(path, failure)).max();
        changed.unwrap_or_else(|| clinical::response(path, failure))
    }

    /// The pinned key of the named entry with `purpose`; for keys that encrypt, where there is no signature to verify.
    pub fn pinned(&self, suite: &Suite<'_>, purpose: Purpose, name: &[u8]) -> Result<VerifiedPeer> {
        self.named(suite, purpose, name, |material| matches!(material, Material::Key(_)))
    }

    /// As [`Trust::pinned`], where the entry has the thumbprint of a key of `alg`: see [`VerifiedPeer::long_key`].
    pub fn pinned_long(&self, suite: &Suite<'_>, purpose: Purpose, name: &[u8], alg: KeyAlg) -> Result<VerifiedPeer> {
        self.named(suite, purpose, name, |material| matches!(material, Material::Thumbprint(kind, _) if *kind == alg))
    }

    fn named(
        &self,
        suite: &Suite<'_>,
        purpose: Purpose,
        name: &[u8],
        fits: impl Fn(&Material<'_>) -> bool,
    ) -> Result<VerifiedPeer> {
        let mut entries = self.granted(purpose);
        let entry = entries.find(|entry| entry.name == name && fits(&entry.material)).ok_or(Reason::NoPurpose)?;
        let (alg, held, thumbprint) = match entry.material {
            Material::Key(key) => (key.alg(), key.bytes(), key.thumbprint(suite)?),
            Material::Thumbprint(alg, thumbprint) => (alg, &thumbprint[..], *thumbprint),
            Material::Certificate(_) => return Err(Reason::NoPurpose),
        };
        if self.denies(&thumbprint) {
            return Err(Reason::Denied);
        }
        VerifiedPeer::mint(purpose, Some(alg), held, entry.name, None)
    }

    fn granted(&self, purpose: Purpose) -> impl Iterator<Item = Entry<'a>> {
        let entries = self.stores.iter().flatten().flat_map(TrustStore::entries);
        entries.filter(move |entry| entry.purposes.contains(purpose))
    }

    /// Gathers the anchors of a purpose, and what `chain` holds of their announced successors; gives their number.
    fn anchors<'s>(
        &'s self,
        suite: &Suite<'_>,
        engine: &dyn PathEngine,
        purpose: Purpose,
        chain: &[&'s [u8]],
        anchors: &mut [Anchor<'s>; limits::TRUST_ENTRIES],
    ) -> Result<usize> {
        let mut places = anchors.iter_mut();
        let mut put = |anchor| places.next().map(|place| *place = anchor).ok_or(Reason::TooLarge);
        let mut count = 0_usize;
        for entry in self.granted(purpose) {
            let Material::Certificate(anchor) = entry.material else { continue };
            if self.denies_certificate(suite, engine, anchor.certificate)? {
                continue;
            }
            put(anchor)?;
            count = count.saturating_add(1);
            let Some(next) = anchor.successor.filter(|next| !self.denies(next)) else { continue };
            for certificate in chain.iter().skip(1) {
                let Ok(info) = engine.public_key_info(certificate) else { continue };
                if suite.sha256(&[info])? == *next && engine.is_self_signed(suite, certificate) {
                    put(Anchor { certificate, successor: None, ..anchor })?;
                    count = count.saturating_add(1);
                }
            }
        }
        Ok(count)
    }

    /// Whether the key in a certificate is denied. One that has none to be found is on no path.
    pub fn denies_certificate(&self, suite: &Suite<'_>, engine: &dyn PathEngine, certificate: &[u8]) -> Result<bool> {
        match engine.public_key_info(certificate) {
            Ok(info) => Ok(self.denies(&suite.sha256(&[info])?)),
            Err(_) => Ok(false),
        }
    }

    /// Whether either authority denies the key: granting is divided between them, refusing is not.
    fn denies(&self, thumbprint: &[u8; 32]) -> bool {
        self.stores.iter().flatten().any(|store| store.denies(thumbprint))
    }
}
