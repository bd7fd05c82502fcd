//! Whether the certificates of a path are revoked, by the lists at hand.

use crate::certificate::Certificate;
use crate::crl::{Age, Evidence, Number, Numbers, Scanner};
use crate::der::{self, Reader};
use crate::findings::Place;
use crate::oid;
use crate::profile::CHAIN_MOST;
use aseptic_core::crypto::{Parts, Suite};
use aseptic_core::time::Time;
use aseptic_core::trust::{ListMinimum, Revocation};
use aseptic_core::{Reason, Result, limits};

/// Where path validation finds revocation lists.
pub trait Lists {
    /// Hands every verified list that may be about `certificate`, which `issuer` issued, to `take`. A list that does not
    /// verify, or that is older than one seen before, is left out; one that was not scanned for its serial number says nothing.
    fn about(
        &self,
        suite: &Suite<'_>,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        take: &mut dyn FnMut(&Evidence),
    ) -> Result<()>;
}

/// Lists (DER) that lie in memory, and the numbers below which none is believed.
///
/// Each question scans and verifies the lists of its issuer anew: for hosts, tools and small lists.
#[derive(Clone, Copy, Debug)]
pub struct HeldLists<'a> {
    /// The lists, in any order.
    pub lists: &'a [&'a [u8]],
    /// The highest numbers seen.
    pub numbers: &'a Numbers,
}

impl Lists for HeldLists<'_> {
    fn about(
        &self,
        suite: &Suite<'_>,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        take: &mut dyn FnMut(&Evidence),
    ) -> Result<()> {
        for list in self.lists {
            if let Ok(evidence) = self.evidence(suite, certificate, issuer, list) {
                take(&evidence);
            }
        }
        Ok(())
    }
}

impl HeldLists<'_> {
    fn evidence(
        &self,
        suite: &Suite<'_>,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        list: &[u8],
    ) -> Result<Evidence> {
        let mut scanner = Scanner::<WINDOW>::new(&[certificate.serial])?;
        scanner.feed(suite, list)?;
        let signed = Reader::new(list).nested(der::SEQUENCE)?.raw(der::SEQUENCE)?;
        let evidence = scanner.scanned()?.verify(suite, issuer, Some(&mut Parts(&[signed])))?;
        self.numbers.check(suite, &evidence)?;
        Ok(evidence)
    }
}

/// The list that answered for one certificate of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For which certificate.
    pub place: Place,
    /// What it comes to.
    pub revocation: Revocation,
    /// The list; none if there was no usable one, or none is needed (RFC 9608).
    pub list: Option<ListUsed>,
}

/// What is logged of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListUsed {
    /// The row of lists that it belongs to.
    pub row: [u8; 32],
    /// Its number.
    pub number: Number,
    /// When it was made, in seconds since 1970.
    pub this_update: u64,
    /// When the next one is due.
    pub next_update: u64,
    /// How old that makes it.
    pub age: Age,
    /// When the certificate was revoked, if it was.
    pub revoked: Option<u64>,
}

/// The answers for a path, leaf first.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    list: [Option<Answer>; CHAIN_MOST],
    count: usize,
}

impl Answers {
    pub(crate) const NONE: Self = Self { list: [None; CHAIN_MOST], count: 0 };

    /// Each answer.
    pub fn iter(&self) -> impl Iterator<Item = &Answer> {
        self.list.iter().flatten()
    }

    /// What they come to together: the worst of them; [`Revocation::NotAsked`] if there are none.
    #[must_use]
    pub fn worst(&self) -> Revocation {
        self.iter().map(|answer| answer.revocation).max().unwrap_or(Revocation::NotAsked)
    }

    pub(crate) fn push(&mut self, answer: Answer) -> Result<()> {
        *self.list.get_mut(self.count).ok_or(Reason::Internal)? = Some(answer);
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

/// What the links of a path are asked with.
pub(crate) struct Question<'q> {
    pub(crate) lists: &'q dyn Lists,
    pub(crate) suite: &'q Suite<'q>,
    pub(crate) minimums: &'q [ListMinimum<'q>],
    pub(crate) now: Time,
}

impl Question<'_> {
    /// Asks about one link.
    #[inline(never)]
    pub(crate) fn ask(&self, place: Place, certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Result<Answer> {
        // RFC 9608 section 3: no revocation information exists, and none of it for a CA would be believed.
        let authority = certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca);
        if !authority && certificate.extensions.find(oid::NO_REV_AVAIL).is_some() {
            return Ok(Answer { place, revocation: Revocation::Good, list: None });
        }
        let mut rows = Rows { list: [None; limits::CRL_ROWS], overflow: false };
        self.lists.about(self.suite, certificate, issuer, &mut |evidence| {
            if evidence.scope.covers(certificate)
                && self.reaches_minimum(evidence)
                && let Ok(age) = evidence.age(self.now)
                && let Ok(row) = evidence.row(self.suite)
                && let Ok(revoked) = evidence.revoked(certificate.serial)
            {
                let Evidence { number, this_update, next_update, .. } = *evidence;
                rows.add(ListUsed { row, number, this_update, next_update, age, revoked });
            }
        })?;
        Ok(rows.answer(place))
    }

    /// Whether the trust stores let the list count; one below their minimum is as good as none.
    fn reaches_minimum(&self, evidence: &Evidence) -> bool {
        let too_low = |minimum: &ListMinimum<'_>| {
            *minimum.issuer == evidence.key && Number::new(minimum.number).is_ok_and(|lowest| evidence.number < lowest)
        };
        !self.minimums.iter().any(too_low)
    }
}

/// The newest list of each row.
struct Rows {
    list: [Option<ListUsed>; limits::CRL_ROWS],
    overflow: bool,
}

impl Rows {
    fn add(&mut self, used: ListUsed) {
        let same = |held: &Option<ListUsed>| held.is_none_or(|held| held.row == used.row);
        match self.list.iter_mut().find(|held| same(held)) {
            Some(held) => {
                let newer = |held: &ListUsed| (held.number, held.this_update) >= (used.number, used.this_update);
                if !held.as_ref().is_some_and(newer) {
                    *held = Some(used);
                }
            }
            None => self.overflow = true,
        }
    }

    /// Revoked if a newest list says so; else as good as the freshest of them.
    fn answer(&self, place: Place) -> Answer {
        let newest = || self.list.iter().flatten();
        let said = newest().find(|used| used.revoked.is_some()).or_else(|| newest().min_by_key(|used| used.age));
        let revocation = match said {
            Some(used) if used.revoked.is_some() => Revocation::Revoked,
            _ if self.overflow => Revocation::Unknown,
            Some(ListUsed { age: Age::Fresh, .. }) => Revocation::Good,
            Some(ListUsed { age: Age::Ageing, .. }) => Revocation::Ageing,
            Some(ListUsed { age: Age::Stale, .. }) | None => Revocation::Unknown,
        };
        Answer { place, revocation, list: said.copied() }
    }
}

/// Signatures of ML-DSA-87 lists fit.
const WINDOW: usize = 8192;
