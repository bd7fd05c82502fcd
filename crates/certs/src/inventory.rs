//! Everything with an end that a device relies on: anchors, its own certificates, and revocation lists.
//!
//! ```
//! use aseptic_certs::inventory::{Inventory, Thresholds};
//! use aseptic_core::crypto::soft::suite;
//! use aseptic_core::time::Time;
//! use aseptic_core::trust::Trust;
//!
//! let (trust, suite, now) = (Trust::default(), suite(), Time::trusted(1_800_000_000));
//! let inventory = Inventory { trust: &trust, suite: &suite, own: &[], lists: &[] };
//! for item in inventory.items().flatten() {
//!     println!("{:?}: {:?} days left", item.kind, item.days_left(now));
//! }
//! let crossed = inventory.items().flatten().filter(|item| Thresholds::STANDARD.crossed(item, 0, now)).count();
//! assert_eq!(crossed, 0);
//! ```

use crate::certificate::Certificate;
use crate::crl::{Evidence, Number};
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::time::{Time, Trust as Quality};
use aseptic_core::trust::{Authority, Material, Purposes, Trust};
use aseptic_core::{Reason, Result};

/// Where an inventory looks.
#[derive(Clone, Copy)]
pub struct Inventory<'a> {
    /// The trust stores, with their anchors.
    pub trust: &'a Trust<'a>,
    /// SHA-256 for the names of keys.
    pub suite: &'a Suite<'a>,
    /// The device's own chains (DER), each leaf first.
    pub own: &'a [&'a [&'a [u8]]],
    /// The revocation lists that it has verified.
    pub lists: &'a [List],
}

/// What an inventory shows of a verified revocation list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// SHA-256 of the SubjectPublicKeyInfo that signed it.
    pub key: [u8; 32],
    /// Its number.
    pub number: Number,
    /// When it was made, in seconds since 1970.
    pub this_update: u64,
    /// When the next one is due.
    pub next_update: u64,
}

impl From<&Evidence> for List {
    fn from(evidence: &Evidence) -> Self {
        let Evidence { key, number, this_update, next_update, .. } = *evidence;
        Self { key, number, this_update, next_update }
    }
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An anchor of a trust store.
    Anchor = 1,
    /// A certificate for a key of the device.
    Own = 2,
    /// A certificate above one of the device's own.
    Intermediate = 3,
    /// A revocation list.
    List = 4,
}

/// One thing with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is.
    pub kind: Kind,
    /// How a person knows it: the name of an anchor in its store; the serialNumber, else the commonName, of a certificate;
    /// empty for a list.
    pub name: &'a [u8],
    /// The subject of a certificate: content of its SEQUENCE; empty for a list.
    pub subject: &'a [u8],
    /// The serial number of a certificate, the cRLNumber of a list (20 bytes).
    pub serial: &'a [u8],
    /// SHA-256 of the SubjectPublicKeyInfo, for a list of its issuer's.
    pub key: [u8; 32],
    /// Its first second, since 1970.
    pub not_before: u64,
    /// Its last second, for a list the time of the next one.
    pub not_after: u64,
    /// What an anchor is trusted with; empty for the others.
    pub purposes: Purposes,
}

impl<'a> Inventory<'a> {
    /// Each item: anchors, own chains, lists. An error stands for a certificate that cannot be read; the others follow.
    pub fn items(&self) -> impl Iterator<Item = Result<Item<'a>>> + use<'a> {
        let inventory = *self;
        (0..).map_while(move |place| inventory.item(place))
    }

    /// The item at a place, in the order of [`Inventory::items`]; none after the last.
    #[inline(never)]
    #[must_use]
    pub fn item(&self, place: usize) -> Option<Result<Item<'a>>> {
        let mut left = place;
        for authority in [Authority::Manufacturer, Authority::Owner] {
            let Ok(store) = self.trust.store(authority) else { continue };
            for entry in store.entries() {
                let Material::Certificate(anchor) = entry.material else { continue };
                if left == 0 {
                    let item = certificate(self.suite, Kind::Anchor, anchor.certificate);
                    return Some(item.map(|item| Item { name: entry.name, purposes: entry.purposes, ..item }));
                }
                left = left.saturating_sub(1);
            }
        }
        for chain in self.own {
            if let Some(der) = chain.get(left) {
                let kind = if left == 0 { Kind::Own } else { Kind::Intermediate };
                return Some(certificate(self.suite, kind, der));
            }
            left = left.saturating_sub(chain.len());
        }
        self.lists.get(left).map(|list| Ok(of_list(list)))
    }
}

impl Item<'_> {
    /// Whole days until the end, negative after it; none without any idea of the time. By a floor ([`Quality::AtLeast`]) there
    /// are at most so many left.
    #[must_use]
    pub fn days_left(&self, now: Time) -> Option<i64> {
        if now.trust == Quality::Unknown {
            return None;
        }
        let days = |seconds: u64| i64::try_from(seconds.checked_div(DAY)?).ok();
        match self.not_after.checked_sub(now.seconds) {
            Some(ahead) => days(ahead),
            // A day that has begun is a day.
            None => days(now.seconds.saturating_sub(self.not_after).saturating_add(DAY - 1))?.checked_neg(),
        }
    }
}

/// When to warn: three times before the end, each so many days, but no earlier than when a half, three quarters and seven
/// eighths of the validity are over; so a certificate of 90 days warns 45, 22 and 11 days before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Days before the end, the most first.
    pub days: [u32; 3],
}

impl Thresholds {
    /// Half a year, two months, two weeks.
    pub const STANDARD: Self = Self { days: [180, 60, 14] };

    /// Whether one of them was crossed after `since` (seconds since 1970) and up to now. It never is without any idea of the
    /// time; by a floor it is when it certainly was.
    #[must_use]
    pub fn crossed(&self, item: &Item<'_>, since: u64, now: Time) -> bool {
        let validity = item.not_after.saturating_sub(item.not_before);
        now.trust != Quality::Unknown
            && self.days.iter().zip(1_u32..).any(|(days, share)| {
                let ahead = u64::from(*days).saturating_mul(DAY).min(validity.wrapping_shr(share));
                let at = item.not_after.saturating_sub(ahead);
                since < at && at <= now.seconds
            })
    }

    /// Reports each item that crossed a threshold after `since`, as the event [`Reason::ExpiryAhead`] with the days that are
    /// left (0 if it is over), and gives what to pass as `since` the next time. With 0 everything counts that was crossed at
    /// all: after a start, or when trust or identity have changed. To have each threshold told once in a life, store it.
    pub fn report(&self, platform: &Platform<'_>, inventory: &Inventory<'_>, since: u64, now: Time) -> u64 {
        for item in inventory.items().flatten().filter(|item| self.crossed(item, since, now)) {
            let left = item.days_left(now).and_then(|days| u64::try_from(days).ok());
            platform.event(Reason::ExpiryAhead, left.unwrap_or(0));
        }
        if now.trust == Quality::Unknown { since } else { since.max(now.seconds) }
    }
}

fn certificate<'a>(suite: &Suite<'_>, kind: Kind, der: &'a [u8]) -> Result<Item<'a>> {
    let certificate = Certificate::parse(der)?;
    Ok(Item {
        kind,
        name: certificate.device_serial().or(certificate.common_name()).unwrap_or_default(),
        subject: certificate.subject.der(),
        serial: certificate.serial,
        key: suite.sha256(&[certificate.spki])?,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        purposes: Purposes::default(),
    })
}

fn of_list(list: &List) -> Item<'_> {
    Item {
        kind: Kind::List,
        name: &[],
        subject: &[],
        serial: list.number.bytes(),
        key: list.key,
        not_before: list.this_update,
        not_after: list.next_update,
        purposes: Purposes::default(),
    }
}

const DAY: u64 = 86_400;
