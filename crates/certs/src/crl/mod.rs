//! Certificate revocation lists (RFC 5280 section 5): complete ones and partitions, read without holding them.
//!
//! [`Scanner`] takes a list in pieces and gives a [`Scanned`]; [`Scanned::verify`] proves who signed it and makes it
//! [`Evidence`]; [`Numbers`] keeps the highest number seen of each scope, so that no older list comes back. A list that is
//! missing, malformed, of a kind that is not read, or not signed by the issuer says nothing: the answer is then "unknown",
//! and never "not revoked".

mod numbers;
mod scanner;
mod scope;

pub use numbers::Numbers;
pub use scanner::Scanner;
pub use scope::Scope;

use crate::algorithm::{self, SIGNATURE_ALGORITHM};
use crate::certificate::{Certificate, KeyUsage};
use aseptic_core::crypto::{Message, Suite};
use aseptic_core::time::{Relation, Time};
use aseptic_core::{Reason, Result, bytes, limits};
use core::cmp::Ordering;

/// A cRLNumber: at most 20 octets, compared as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number([u8; 20]);

impl Number {
    /// Nought, which every list reaches.
    pub const ZERO: Self = Self([0; 20]);

    /// From a big-endian magnitude.
    pub fn new(magnitude: &[u8]) -> Result<Self> {
        let mut number = [0; 20];
        let start = number.len().checked_sub(magnitude.len()).ok_or(Reason::CrlMalformed)?;
        bytes::copy(magnitude, number.get_mut(start..).ok_or(Reason::Internal)?).ok_or(Reason::Internal)?;
        Ok(Self(number))
    }

    /// The bytes, big endian.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

/// How old a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// A newer one is not due yet, as far as the device can tell.
    Fresh,
    /// A newer one was due at most [`limits::GRACE`] seconds ago.
    Ageing,
    /// A newer one was due longer ago.
    Stale,
}

/// What was read from a list. Nothing of it is proven.
#[derive(Clone, Copy, Debug)]
pub struct Scanned<const WINDOW: usize = 1024> {
    algorithm: Kept<SIGNATURE_ALGORITHM>,
    issuer: [u8; 32],
    authority: Option<[u8; 32]>,
    this_update: u64,
    next_update: u64,
    entries: u32,
    sought: [Sought; limits::CRL_WANTED],
    number: Number,
    scope: Scope,
    fingerprint: [u8; 32],
    digest: [u8; 64],
    signature: Kept<WINDOW>,
}

impl<const WINDOW: usize> Scanned<WINDOW> {
    const EMPTY: Self = Self {
        algorithm: Kept::EMPTY,
        issuer: [0; 32],
        authority: None,
        this_update: 0,
        next_update: 0,
        entries: 0,
        sought: [Sought { serial: Kept::EMPTY, revoked: None }; limits::CRL_WANTED],
        number: Number([0; 20]),
        scope: Scope::COMPLETE,
        fingerprint: [0; 32],
        digest: [0; 64],
        signature: Kept::EMPTY,
    };

    /// SHA-256 of the signed part: by it a list that was verified once is known again without verifying it again.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Proves that `issuer` signed the list and may do so.
    ///
    /// Where the algorithm signs the message itself and no hash (Ed25519, ML-DSA), `again` must give the signed part (the
    /// first element inside the list) once more; that it is what was scanned is checked.
    /// [`Reason::SignatureInvalid`] if it is not the issuer's, [`Reason::PathKeyUsage`] if the issuer may not sign lists.
    pub fn verify(
        &self,
        suite: &Suite<'_>,
        issuer: &Certificate<'_>,
        again: Option<&mut dyn Message>,
    ) -> Result<Evidence> {
        let named = self.issuer == suite.sha256(&[issuer.subject.der()])?;
        let by_key = match (self.authority, issuer.extensions.subject_key_id) {
            (Some(authority), Some(id)) => authority == suite.sha256(&[id])?,
            _ => true,
        };
        if !named || !by_key {
            return Err(Reason::SignatureInvalid);
        }
        // RFC 5280 section 6.3.3 (f): cRLSign, where there is keyUsage.
        if issuer.extensions.key_usage.is_some_and(|usage| !usage.contains(KeyUsage::CRL_SIGN)) {
            return Err(Reason::PathKeyUsage);
        }
        let (algorithm, signature) = (self.algorithm.bytes(), self.signature.bytes());
        match again {
            Some(message) if algorithm::hash_of(suite, algorithm)?.is_none() => {
                if suite.digest(aseptic_core::crypto::HashAlg::Sha256, message)?.get(..32) != Some(&self.fingerprint) {
                    return Err(Reason::SignatureInvalid);
                }
                algorithm::verify_by(suite, issuer.spki, algorithm, message, signature)?;
            }
            _ => algorithm::verify_digest_by(suite, issuer.spki, algorithm, &self.digest, signature)?,
        }
        let key = suite.sha256(&[issuer.spki])?;
        Ok(self.evidence(key))
    }

    /// The same of a list that was verified before, by this issuer's key, and has this fingerprint.
    /// [`Reason::SignatureInvalid`] if it is another one.
    pub fn known(&self, suite: &Suite<'_>, issuer: &Certificate<'_>, fingerprint: &[u8; 32]) -> Result<Evidence> {
        if self.fingerprint != *fingerprint || self.issuer != suite.sha256(&[issuer.subject.der()])? {
            return Err(Reason::SignatureInvalid);
        }
        Ok(self.evidence(suite.sha256(&[issuer.spki])?))
    }

    fn evidence(&self, key: [u8; 32]) -> Evidence {
        Evidence {
            key,
            number: self.number,
            this_update: self.this_update,
            next_update: self.next_update,
            entries: self.entries,
            scope: self.scope,
            fingerprint: self.fingerprint,
            sought: self.sought,
        }
    }
}

/// What a verified list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of the SubjectPublicKeyInfo that signed it.
    pub key: [u8; 32],
    /// Its number.
    pub number: Number,
    /// When it was made, in seconds since 1970.
    pub this_update: u64,
    /// When the next one is due.
    pub next_update: u64,
    /// How many certificates it lists.
    pub entries: u32,
    /// Which certificates of the issuer it is about.
    pub scope: Scope,
    /// SHA-256 of its signed part.
    pub fingerprint: [u8; 32],
    sought: [Sought; limits::CRL_WANTED],
}

impl Evidence {
    /// When the certificate with this serial number was revoked; none if it is not listed. [`Reason::RevocationUnknown`] if the
    /// scanner did not look for it.
    pub fn revoked(&self, serial: &[u8]) -> Result<Option<u64>> {
        let sought = self.sought.iter().find(|sought| !serial.is_empty() && sought.serial.bytes() == serial);
        sought.map(|sought| sought.revoked).ok_or(Reason::RevocationUnknown)
    }

    /// How old the list is. [`Reason::RevocationUnknown`] if it was made after a trusted now: such a list is not used.
    pub const fn age(&self, now: Time) -> Result<Age> {
        if matches!(now.relation(self.this_update), Relation::Before) {
            return Err(Reason::RevocationUnknown);
        }
        match now.relation(self.next_update.saturating_add(1)) {
            Relation::Before | Relation::CannotTell => Ok(Age::Fresh),
            Relation::After if now.seconds.saturating_sub(self.next_update) <= limits::GRACE => Ok(Age::Ageing),
            Relation::After => Ok(Age::Stale),
        }
    }

    /// The name of the row of lists that this one belongs to: SHA-256 of the key and of the distribution point.
    pub fn row(&self, suite: &Suite<'_>) -> Result<[u8; 32]> {
        suite.sha256(&[&self.key, self.scope.bytes()])
    }

    /// Whether it is newer than `other` of the same row.
    #[must_use]
    pub fn newer(&self, other: &Self) -> bool {
        self.number.cmp(&other.number).then(self.this_update.cmp(&other.this_update)) == Ordering::Greater
    }
}

/// A serial number, and when its certificate was revoked, if it was. An empty one is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sought {
    serial: Kept<SERIAL>,
    revoked: Option<u64>,
}

/// A few bytes held by value; what lies behind them is not looked at.
#[derive(Clone, Copy, Debug)]
struct Kept<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Kept<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    fn set(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = 0;
        self.add(bytes)
    }

    fn add(&mut self, more: &[u8]) -> Result<()> {
        let room = self.bytes.get_mut(self.length..).ok_or(Reason::TooLarge)?;
        bytes::copy(more, room).ok_or(Reason::TooLarge)?;
        self.length = self.length.saturating_add(more.len());
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<const N: usize> PartialEq for Kept<N> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl<const N: usize> Eq for Kept<N> {}

/// Octets of a serial number as issued (RFC 5280 section 4.1.2.2), and one for those who did not count the sign.
const SERIAL: usize = 21;
