//! The trust store object: deterministic CBOR inside a COSE_Sign.
//!
//! ```text
//! { 1: format (1), 2: authority, 3: version, 4: issued (seconds since 1970), 5: threshold,
//!   6: [ + [key algorithm, key bytes] ],                     who may sign the next version
//!   7: [ * [purposes, name, key algorithm or 0, key bytes, thumbprint of a long key, or DER certificate,
//!           ? constraints (DER, empty if a successor alone follows), ? thumbprint of the successor] ],
//!   8: [ * thumbprint ],                                      denied keys
//!   ? 9: [ + [path failure response, justification] ],        responses that the owner changes
//!   ? 10: [ + [thumbprint of the issuer, cRLNumber] ],        revocation lists below are not believed
//!   ? 11: version that last withdrew trust,                   this one, if absent
//!   ? 12: [ + [purpose, keys, ? true] ],                      how many keys software takes; true: of both families
//!   ? 13: [ + [key algorithm, seconds] ] }                    from when on signatures under software no longer count
//! ```
//!
//! Devices before release 0.2 refuse a store with fields or elements that are optional here.

use super::quorum::{self, Quorum, Retirement};
use super::{Anchor, ListMinimum, Purpose, Purposes};
use crate::cbor::{Key, Reader, Rules, Writer};
use crate::clinical::Override;
use crate::cose::{Sign, SignLayer};
use crate::crypto::{KeyAlg, PublicKey, Suite};
use crate::platform::{Counter, Platform};
use crate::reason::Reason;
use crate::record::{self, Kind};
use crate::{Result, limits};

const FORMAT: u64 = 1;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Authority {
    /// The maker of the device.
    Manufacturer = 1,
    /// The hospital or person that runs the device.
    Owner = 2,
}

impl Authority {
    /// The purposes that this authority, and no other, grants.
    #[must_use]
    pub const fn grants(self) -> Purposes {
        match self {
            Self::Manufacturer => {
                Purposes::of(&[Purpose::Birth, Purpose::UpdateInstall, Purpose::SecurityPatch, Purpose::Downgrade])
            }
            Self::Owner => Purposes::of(&[
                Purpose::Enrolment,
                Purpose::Network,
                Purpose::Receive,
                Purpose::Telemetry,
                Purpose::Alarm,
                Purpose::Audit,
                Purpose::Command,
                Purpose::Configuration,
                Purpose::UpdateApprove,
                Purpose::Receipt,
            ]),
        }
    }

    pub(super) const fn record(self) -> Kind {
        match self {
            Self::Manufacturer => Kind::TrustManufacturer,
            Self::Owner => Kind::TrustOwner,
        }
    }

    pub(super) const fn counter(self) -> Counter {
        match self {
            Self::Manufacturer => Counter::TrustManufacturer,
            Self::Owner => Counter::TrustOwner,
        }
    }
}

/// What an entry trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material<'a> {
    /// This very key.
    Key(PublicKey<'a>),
    /// The key of this algorithm and thumbprint, too long to be held by value ([`KeyAlg::by_value`]): it travels in the header
    /// of what it signs, or, where it receives, by any way.
    Thumbprint(KeyAlg, &'a [u8; 32]),
    /// All that this CA certificate leads to.
    Certificate(Anchor<'a>),
}

impl<'a> Material<'a> {
    /// All that a CA certificate (DER) leads to, without constraints.
    #[must_use]
    pub const fn certificate(der: &'a [u8]) -> Self {
        Self::Certificate(Anchor::of(der))
    }

    /// The algorithm of a pinned key that signs, and what tells it from others.
    pub(super) fn signer(self) -> Option<(KeyAlg, &'a [u8])> {
        let (alg, bytes) = match self {
            Self::Key(key) => (key.alg(), key.bytes()),
            Self::Thumbprint(alg, thumbprint) => (alg, &thumbprint[..]),
            Self::Certificate(_) => return None,
        };
        alg.signs().map(|_| (alg, bytes))
    }
}

/// One grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it may do.
    pub purposes: Purposes,
    /// How it is called: for a pinned key the name by which messages address it. At most [`limits::NAME`] bytes.
    pub name: &'a [u8],
    /// The key or the anchor.
    pub material: Material<'a>,
}

impl Entry<'_> {
    /// The purposes that the material can serve: a key that does not sign can only receive, one that only signs cannot,
    /// and what is no whole DER SEQUENCE leads to nobody.
    fn serves(&self) -> Purposes {
        const RECEIVE: Purposes = Purposes::of(&[Purpose::Receive]);
        let purposes = self.purposes.bits();
        match self.material {
            Material::Key(key) => match key.alg() {
                KeyAlg::P256 => self.purposes,
                KeyAlg::X25519 => Purposes(purposes & RECEIVE.bits()),
                _ => Purposes(purposes & !RECEIVE.bits()),
            },
            // A second key for those who have one of P-256 already: alone it receives nothing.
            Material::Thumbprint(KeyAlg::XWing, _) => Purposes::default(),
            Material::Thumbprint(..) => Purposes(purposes & !RECEIVE.bits()),
            Material::Certificate(anchor) if is_sequence(anchor.certificate) => self.purposes,
            Material::Certificate(_) => Purposes::default(),
        }
    }

    /// Whether `other` vouches for whatever this entry vouches for, purposes apart.
    fn within(&self, other: &Self) -> bool {
        match (self.material, other.material) {
            // Messages know a pinned key by the name of its entry.
            (Material::Key(key), Material::Key(same)) => key == same && self.name == other.name,
            (Material::Certificate(anchor), Material::Certificate(same)) => anchor.within(&same),
            (Material::Thumbprint(..), _) => self.material == other.material && self.name == other.name,
            _ => false,
        }
    }
}

/// What an author puts into a trust store.
#[derive(Clone, Copy, Debug)]
pub struct StoreContent<'a> {
    /// Whose store it is.
    pub authority: Authority,
    /// Rises with each release; the first is 1.
    pub version: u64,
    /// When it was made, in seconds since 1970.
    pub issued: u64,
    /// How many distinct keys of `signers` must sign the next version.
    pub threshold: u64,
    /// The keys in charge.
    pub signers: &'a [PublicKey<'a>],
    /// The grants.
    pub entries: &'a [Entry<'a>],
    /// Thumbprints of keys that are refused whatever vouches for them.
    pub denied: &'a [[u8; 32]],
    /// Responses of the matrix that the owner changes.
    pub overrides: &'a [Override<'a>],
    /// How many keys software takes.
    pub quorums: &'a [Quorum],
    /// Algorithms whose signatures under software will no longer count.
    pub retirements: &'a [Retirement],
    /// Revocation lists that are too old.
    pub minimums: &'a [ListMinimum<'a>],
    /// The version that last withdrew trust: `version` itself, or that of the store before. See [`TrustStore::withdraws`].
    pub epoch: u64,
}

impl StoreContent<'_> {
    /// Writes the payload to be signed; gives its length. Reading it back checks it.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out);
        let lists = [self.overrides.len(), self.minimums.len(), self.quorums.len(), self.retirements.len()];
        let lists = lists.into_iter().map(|length| length > 0);
        let optional = lists.chain([self.epoch != self.version]).filter(|present| *present).count();
        writer.map(optional.saturating_add(8));
        writer.int(1).uint(FORMAT).int(2).uint(u64::from(self.authority as u8)).int(3).uint(self.version);
        writer.int(4).uint(self.issued).int(5).uint(self.threshold).int(6).array(self.signers.len());
        for key in self.signers {
            writer.array(2).uint(u64::from(key.alg() as u8)).bytes(key.bytes());
        }
        writer.int(7).array(self.entries.len());
        for entry in self.entries {
            let (length, kind, bytes, more) = match entry.material {
                Material::Key(key) => (4, key.alg() as u8, key.bytes(), None),
                Material::Thumbprint(alg, thumbprint) => (4, alg as u8, &thumbprint[..], None),
                Material::Certificate(anchor) => {
                    let length = match (anchor.constraints, anchor.successor) {
                        (_, Some(_)) => 6,
                        ([], None) => 4,
                        _ => 5,
                    };
                    (length, 0, anchor.certificate, Some(anchor))
                }
            };
            writer.array(length).uint(u64::from(entry.purposes.bits())).bytes(entry.name);
            writer.uint(u64::from(kind)).bytes(bytes);
            if let Some(Anchor { constraints, successor, .. }) = more.filter(|_| length > 4) {
                writer.bytes(constraints);
                successor.iter().for_each(|next| {
                    writer.bytes(*next);
                });
            }
        }
        writer.int(8).array(self.denied.len());
        for thumbprint in self.denied {
            writer.bytes(thumbprint);
        }
        if !self.overrides.is_empty() {
            writer.int(9).array(self.overrides.len());
            for change in self.overrides {
                writer.array(2).bytes(&change.cell).text(change.justification);
            }
        }
        if !self.minimums.is_empty() {
            writer.int(10).array(self.minimums.len());
            for minimum in self.minimums {
                writer.array(2).bytes(minimum.issuer).bytes(minimum.number);
            }
        }
        if self.epoch != self.version {
            writer.int(11).uint(self.epoch);
        }
        quorum::write(self.quorums, self.retirements, &mut writer);
        writer.finish().map(|bytes| bytes.len())
    }
}

/// A trust store as installed, or as offered for installation.
#[derive(Clone, Copy, Debug)]
pub struct TrustStore<'a> {
    /// Whose store it is.
    pub authority: Authority,
    /// Its version.
    pub version: u64,
    /// When it was made, in seconds since 1970.
    pub issued: u64,
    /// The version that last withdrew trust.
    pub epoch: u64,
    pub(super) threshold: u64,
    pub(super) signers: List<'a>,
    entries: List<'a>,
    /// Entries that nobody signed, in place of encoded ones.
    given: &'a [Entry<'a>],
    denied: List<'a>,
    overrides: List<'a>,
    quorums: List<'a>,
    retirements: List<'a>,
    minimums: List<'a>,
}

/// A list as it stands in the object: read when it is parsed, and again whenever it is looked at. Held by value the lists
/// would take two kilobytes of a stack that a microcontroller has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// An array without items.
    const EMPTY: Self = Self(&[0x80]);

    /// Reads an array of at most `most` items.
    fn read<T>(
        reader: &mut Reader<'a>,
        most: usize,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<T>,
    ) -> Result<Self> {
        let list = Self(reader.raw()?);
        let mut items = list.reader();
        let count = items.array()?;
        if count > most {
            return Err(Reason::TooLarge);
        }
        (0..count).try_for_each(|_| item(&mut items).map(drop))?;
        Ok(list)
    }

    /// Reads an array that is there only if it has items.
    fn some<T>(reader: &mut Reader<'a>, most: usize, item: impl FnMut(&mut Reader<'a>) -> Result<T>) -> Result<Self> {
        let list = Self::read(reader, most, item)?;
        if list == Self::EMPTY { Err(Reason::TrustMalformed) } else { Ok(list) }
    }

    /// The items. That they can be read has been found before.
    fn items<T>(self, item: fn(&mut Reader<'a>) -> Result<T>) -> Items<'a, T> {
        let mut reader = self.reader();
        Items { left: reader.array().unwrap_or_default(), reader, item }
    }

    const fn reader(self) -> Reader<'a> {
        Reader::new(self.0, Rules::Deterministic)
    }
}

/// What is left of a list.
#[derive(Clone)]
struct Items<'a, T> {
    left: usize,
    reader: Reader<'a>,
    item: fn(&mut Reader<'a>) -> Result<T>,
}

impl<T> Iterator for Items<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        (self.item)(&mut self.reader).ok()
    }
}

impl<'a> TrustStore<'a> {
    /// Loads the installed store of `authority`; none if there is none. [`Reason::TrustRollback`] if its counter says that
    /// a newer one was installed before.
    ///
    /// The signatures were verified when it was installed and are not verified again: what protects the flash protects it.
    pub fn load(platform: &Platform<'_>, authority: Authority, buffer: &'a mut [u8]) -> Result<Option<Self>> {
        let stored = record::load(platform.store, authority.record(), buffer)?;
        let seen = platform.counters.read(authority.counter())?;
        let Some(signed) = stored else {
            return if seen == 0 { Ok(None) } else { Err(Reason::TrustRollback) };
        };
        let store = Self::parse(&Sign::parse(signed)?)?;
        if store.version < seen {
            return Err(Reason::TrustRollback);
        }
        if store.version > seen {
            // Power was lost between storing the object and moving the counter.
            platform.counters.advance(authority.counter(), store.version)?;
        }
        Ok(Some(store))
    }

    /// The grants.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + Clone + use<'a> {
        self.given.iter().copied().chain(self.entries.items(entry))
    }

    /// All purposes that some entry serves.
    #[must_use]
    pub fn serves(&self) -> Purposes {
        self.entries().fold(Purposes::default(), |all, entry| all.union(entry.serves()))
    }

    /// How many of the keys in charge must sign the next version.
    #[must_use]
    pub const fn threshold(&self) -> u64 {
        self.threshold
    }

    /// Revocation lists that are too old.
    pub fn minimums(&self) -> impl Iterator<Item = ListMinimum<'a>> + use<'a> {
        self.minimums.items(minimum)
    }

    /// Responses of the matrix that the owner changes.
    pub(super) fn overrides(&self) -> impl Iterator<Item = Override<'a>> + use<'a> {
        self.overrides.items(change)
    }

    /// How many keys software takes.
    pub fn quorums(&self) -> impl Iterator<Item = Quorum> + use<'a> {
        self.quorums.items(Quorum::read)
    }

    /// Algorithms whose signatures under software will no longer count.
    pub fn retirements(&self) -> impl Iterator<Item = Retirement> + use<'a> {
        self.retirements.items(Retirement::read)
    }

    /// The thumbprints of the keys that are denied.
    pub fn denied(&self) -> impl Iterator<Item = &'a [u8; 32]> + use<'a> {
        self.denied.items(thumbprint)
    }

    /// Whether `next`, in place of this store, withdraws trust: a purpose of an entry is lost, its key, name, certificate,
    /// constraints or announced successor become others, a key is denied, or a minimum raised. To lift constraints, or to
    /// announce a successor, withdraws nothing.
    #[must_use]
    pub fn withdraws(&self, next: &TrustStore<'_>) -> bool {
        let kept = |entry: Entry<'_>| {
            let still = next.entries().filter(|other| entry.within(other));
            entry.purposes.within(still.fold(Purposes::default(), |all, other| all.union(other.purposes)))
        };
        let known = |minimum: ListMinimum<'_>| {
            self.minimums().any(|old| old.issuer == minimum.issuer && !minimum.is_above(&old))
        };
        !(self.entries().all(kept) && next.denied().all(|key| self.denies(key)) && next.minimums().all(known))
    }

    pub(super) fn denies(&self, thumbprint: &[u8; 32]) -> bool {
        self.denied().any(|denied| denied == thumbprint)
    }

    /// The keys in charge of the next version.
    pub fn signers(&self) -> impl Iterator<Item = PublicKey<'a>> + use<'a> {
        self.signers.items(signer)
    }

    /// Whether enough of this store's distinct keys have signed `object`.
    pub(super) fn authorises(&self, suite: &Suite<'_>, object: &Sign<'_>) -> Result<()> {
        let mut signed = 0_u64;
        for key in self.signers() {
            let thumbprint = key.thumbprint(suite)?;
            let by_it = |layer: &SignLayer<'_>| {
                layer.header.kid == Some(&thumbprint) && object.verify(layer, suite, key, &[], None).is_ok()
            };
            if object.layers().any(by_it) {
                signed = signed.saturating_add(1);
            }
        }
        if signed >= self.threshold { Ok(()) } else { Err(Reason::TrustThreshold) }
    }

    pub(super) fn parse(object: &Sign<'a>) -> Result<Self> {
        let payload = object.payload.ok_or(Reason::TrustMalformed)?;
        parse(payload).map_err(|reason| match reason {
            Reason::TooLarge | Reason::TrustPurpose | Reason::TrustMalformed => reason,
            _ => Reason::TrustMalformed,
        })
    }

    /// What nobody has signed: these entries and nothing else.
    pub(super) const fn unsigned(authority: Authority, given: &'a [Entry<'a>]) -> Self {
        let threshold = u64::MAX;
        let (signers, entries, denied, overrides) = (List::EMPTY, List::EMPTY, List::EMPTY, List::EMPTY);
        let (quorums, retirements, minimums) = (List::EMPTY, List::EMPTY, List::EMPTY);
        Self {
            authority,
            version: 0,
            issued: 0,
            epoch: 0,
            threshold,
            signers,
            entries,
            given,
            denied,
            overrides,
            quorums,
            retirements,
            minimums,
        }
    }
}

fn parse(payload: &[u8]) -> Result<TrustStore<'_>> {
    let mut reader = Reader::new(payload, Rules::Deterministic);
    let mut map = reader.map()?;
    let mut store = TrustStore::unsigned(Authority::Manufacturer, &[]);
    // Keys rise, so these are the first eight if all are there.
    let mut mandatory = 0_u8;
    while let Some(key) = map.next(&mut reader)? {
        let Key::Int(label) = key else { return Err(Reason::TrustMalformed) };
        mandatory = mandatory.saturating_add(u8::from(label <= 8));
        match (label, store.authority) {
            (1, _) if reader.uint()? == FORMAT => {}
            (2, _) => {
                store.authority = match reader.uint()? {
                    1 => Authority::Manufacturer,
                    2 => Authority::Owner,
                    _ => return Err(Reason::TrustMalformed),
                }
            }
            (3, _) => (store.version, store.epoch) = reader.uint().map(|version| (version, version))?,
            (4, _) => store.issued = reader.uint()?,
            (5, _) => store.threshold = reader.uint()?,
            (6, _) => store.signers = List::read(&mut reader, limits::TRUST_SIGNERS, signer)?,
            (7, authority) => {
                store.entries = List::read(&mut reader, limits::TRUST_ENTRIES, |reader| {
                    let granted = entry(reader)?.purposes.within(authority.grants());
                    if granted { Ok(()) } else { Err(Reason::TrustPurpose) }
                })?;
            }
            (8, _) => store.denied = List::read(&mut reader, limits::TRUST_DENIED, thumbprint)?,
            (9, Authority::Owner) => store.overrides = List::some(&mut reader, limits::OVERRIDES, change)?,
            (10, _) => store.minimums = List::some(&mut reader, limits::TRUST_MINIMUMS, minimum)?,
            // The version itself is said by leaving the field out.
            (11, _) => store.epoch = reader.uint().map(|epoch| if epoch == store.version { 0 } else { epoch })?,
            (12, _) => store.quorums = List::some(&mut reader, quorum::ROLES.len(), Quorum::read)?,
            (13, _) => store.retirements = List::some(&mut reader, limits::RETIREMENTS, Retirement::read)?,
            _ => return Err(Reason::TrustMalformed),
        }
    }
    reader.end()?;
    let count = store.signers().count();
    let doubled = store.signers().enumerate().any(|(at, key)| store.signers().take(at).any(|other| other == key));
    let reachable = u64::try_from(count).is_ok_and(|count| (1..=count).contains(&store.threshold));
    let dated = (1..=store.version).contains(&store.epoch);
    if mandatory != 8 || !dated || doubled || !reachable || !quorum::reachable(&store) {
        return Err(Reason::TrustMalformed);
    }
    Ok(store)
}

/// Whether one DER SEQUENCE fills `der` (X.690 section 8.1.3). The rest of a certificate is the matter of an engine.
fn is_sequence(der: &[u8]) -> bool {
    let (length, content) = match der {
        [0x30, short @ 0..=0x7F, content @ ..] => (usize::from(*short), content),
        [0x30, 0x81, byte, content @ ..] => (usize::from(*byte), content),
        [0x30, 0x82, high, low, content @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), content),
        _ => return false,
    };
    length == content.len()
}

fn signer<'a>(reader: &mut Reader<'a>) -> Result<PublicKey<'a>> {
    reader.array_exact(2)?;
    PublicKey::new(alg(reader.uint()?)?, reader.bytes()?)
}

fn thumbprint<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8; 32]> {
    reader.array_of()
}

fn change<'a>(reader: &mut Reader<'a>) -> Result<Override<'a>> {
    reader.array_exact(2)?;
    let change = Override { cell: *reader.array_of::<3>()?, justification: reader.text()? };
    change.check().map(|()| change)
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<Entry<'a>> {
    let length = reader.array()?;
    let purposes = Purposes(u32::try_from(reader.uint()?).map_err(|_| Reason::TrustPurpose)?);
    let name = reader.bytes()?;
    if name.len() > limits::NAME {
        return Err(Reason::TooLarge);
    }
    let material = match (reader.uint()?, length) {
        (0, 4..=6) => {
            let mut anchor = Anchor::of(reader.bytes()?);
            if length > 4 {
                anchor.constraints = reader.bytes()?;
            }
            if length > 5 {
                anchor.successor = Some(reader.array_of::<32>()?);
            }
            if length == 5 && anchor.constraints.is_empty() {
                return Err(Reason::TrustMalformed);
            }
            Material::Certificate(anchor)
        }
        (number, 4) => match alg(number)? {
            alg if alg.by_value() => Material::Key(PublicKey::new(alg, reader.bytes()?)?),
            alg => Material::Thumbprint(alg, reader.array_of::<32>()?),
        },
        _ => return Err(Reason::TrustMalformed),
    };
    Ok(Entry { purposes, name, material })
}

fn minimum<'a>(reader: &mut Reader<'a>) -> Result<ListMinimum<'a>> {
    reader.array_exact(2)?;
    let minimum = ListMinimum { issuer: reader.array_of::<32>()?, number: reader.bytes()? };
    let shortest = minimum.number.first().is_some_and(|first| *first != 0);
    if shortest && minimum.number.len() <= 20 { Ok(minimum) } else { Err(Reason::TrustMalformed) }
}

pub(super) fn alg(number: u64) -> Result<KeyAlg> {
    KeyAlg::from_u8(u8::try_from(number).map_err(|_| Reason::TrustMalformed)?)
}
