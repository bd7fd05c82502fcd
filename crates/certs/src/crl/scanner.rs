//! Reading a revocation list of any length through a small window (RFC 5280 section 5).

use super::{Kept, Number, Scanned, Scope};
use crate::algorithm::{self, SIGNATURE_ALGORITHM};
use crate::der::{self, Reader};
use crate::name::Name;
use crate::oid;
use aseptic_core::crypto::{HashAlg, HashState, Suite};
use aseptic_core::{Reason, Result, limits};

/// Reads a list in pieces of any size and remembers only what was asked for.
///
/// It never holds the list: its window is `WINDOW` bytes, which one entry, the extensions and the signature must fit. Lists
/// signed with ML-DSA need 8,192. Each call of [`Scanner::feed`] takes time in proportion to its piece, so the caller decides
/// how long a step lasts. Nothing it says is proven before [`Scanned::verify`].
#[derive(Clone)]
pub struct Scanner<const WINDOW: usize = 1024> {
    window: Kept<WINDOW>,
    reading: Reading<WINDOW>,
}

/// What is known beside the element in the window.
#[derive(Clone)]
struct Reading<const WINDOW: usize> {
    step: Step,
    /// Bytes of the list seen so far.
    offset: u32,
    list_end: u32,
    tbs_end: u32,
    revoked_end: u32,
    /// The signed bytes up to and with the algorithm, which says how the rest is hashed.
    head: Kept<HEAD>,
    hashes: Hashes,
    found: Scanned<WINDOW>,
}

/// Where in the list the next element stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    List,
    Tbs,
    Version,
    Algorithm,
    Issuer,
    ThisUpdate,
    NextUpdate,
    Revoked,
    Entry,
    Extensions,
    OuterAlgorithm,
    Signature,
    Done,
    /// After an error.
    Failed,
}

/// SHA-256 always, for the fingerprint; the hash of the signature beside it if it is another one.
#[derive(Clone, Default)]
struct Hashes {
    fingerprint: Option<HashState>,
    signed: Option<(HashAlg, HashState)>,
}

impl<const WINDOW: usize> Scanner<WINDOW> {
    /// A scanner that looks for these serial numbers (contents of the INTEGERs).
    ///
    /// [`Reason::TooLarge`] for more than [`limits::CRL_WANTED`], or one that is longer than RFC 5280 section 4.1.2.2 lets it be.
    pub fn new(wanted: &[&[u8]]) -> Result<Self> {
        let mut found = Scanned::EMPTY;
        if wanted.len() > found.sought.len() {
            return Err(Reason::TooLarge);
        }
        for (sought, serial) in found.sought.iter_mut().zip(wanted) {
            sought.serial.set(serial)?;
        }
        let (window, head) = (Kept::EMPTY, Kept::EMPTY);
        let (step, hashes) = (Step::List, Hashes::default());
        Ok(Self {
            window,
            reading: Reading { step, offset: 0, list_end: 0, tbs_end: 0, revoked_end: 0, head, hashes, found },
        })
    }

    /// Takes in the next piece; `suite` is the same for all of them. After an error the scanner is of no more use.
    ///
    /// [`Reason::CrlMalformed`] for what RFC 5280 does not allow, [`Reason::CrlUnsupported`] for lists that this library does
    /// not read: delta and indirect ones, those of some reasons only, and any with a critical extension that is not
    /// understood. [`Reason::TooLarge`] over [`limits::CRL`] bytes or [`limits::CRL_ENTRIES`] entries, or if an element is
    /// larger than the window.
    pub fn feed(&mut self, suite: &Suite<'_>, piece: &[u8]) -> Result<()> {
        let fed = self.take_in(suite, piece);
        if fed.is_err() {
            self.reading.step = Step::Failed;
        }
        fed
    }

    /// What was found, when all of the list was fed; [`Reason::CrlMalformed`] before, and after an error.
    pub fn scanned(&self) -> Result<&Scanned<WINDOW>> {
        if self.reading.step == Step::Done { Ok(&self.reading.found) } else { Err(Reason::CrlMalformed) }
    }

    fn take_in(&mut self, suite: &Suite<'_>, mut piece: &[u8]) -> Result<()> {
        while !piece.is_empty() {
            if self.reading.step >= Step::Done {
                return Err(Reason::CrlMalformed);
            }
            let need = self.need()?;
            let missing = need.saturating_sub(self.window.length);
            let (taken, rest) = piece.split_at_checked(missing).unwrap_or((piece, &[]));
            self.window.add(taken)?;
            self.reading.pass(suite, taken)?;
            piece = rest;
            if self.window.length == need && self.need()? == need {
                self.reading.element(suite, self.window.bytes())?;
                self.window.length = 0;
            }
        }
        Ok(())
    }

    /// Bytes of the window that the next element takes: its header first, then all of it, if it is one to be read whole.
    fn need(&self) -> Result<usize> {
        let seen = self.window.bytes();
        let header = match seen {
            [_, first, ..] if *first > 0x80 => 2_usize.saturating_add(usize::from(first & 0x7F)),
            _ => 2,
        };
        if header > 5 {
            return Err(Reason::CrlMalformed);
        }
        if seen.len() < header || self.reading.opens(seen) {
            return Ok(header);
        }
        let (_, length, header) = der::head(seen).map_err(malformed)?;
        let whole = header.saturating_add(length);
        if whole > WINDOW { Err(Reason::TooLarge) } else { Ok(whole) }
    }
}

impl<const WINDOW: usize> Reading<WINDOW> {
    /// Whether the element is gone into, not read whole.
    fn opens(&self, seen: &[u8]) -> bool {
        match self.step {
            Step::List | Step::Tbs => true,
            Step::NextUpdate | Step::Revoked => seen.first() == Some(&der::SEQUENCE),
            _ => false,
        }
    }

    /// Counts bytes, and puts them under the hashes while they are signed ones.
    fn pass(&mut self, suite: &Suite<'_>, bytes: &[u8]) -> Result<()> {
        let count = u32::try_from(bytes.len()).map_err(|_| Reason::TooLarge)?;
        self.offset = self.offset.checked_add(count).ok_or(Reason::TooLarge)?;
        match self.step {
            Step::Tbs | Step::Version | Step::Algorithm => self.head.add(bytes),
            step if step > Step::Algorithm && step < Step::OuterAlgorithm => self.hashes.update(suite, bytes),
            _ => Ok(()),
        }
    }

    /// An element is complete.
    fn element(&mut self, suite: &Suite<'_>, whole: &[u8]) -> Result<()> {
        let next = self.read(suite, whole)?;
        self.step = self.after(next)?;
        if self.step == Step::OuterAlgorithm {
            self.hashes.finish(suite, &mut self.found)?;
        }
        Ok(())
    }

    fn read(&mut self, suite: &Suite<'_>, whole: &[u8]) -> Result<Step> {
        let (tag, length, _) = der::head(whole).map_err(malformed)?;
        let length = u32::try_from(length).map_err(|_| Reason::TooLarge)?;
        let end = self.offset.checked_add(length).ok_or(Reason::TooLarge)?;
        let mut reader = Reader::new(whole);
        match self.step {
            Step::List if tag == der::SEQUENCE => {
                if end > limits::CRL {
                    return Err(Reason::TooLarge);
                }
                self.list_end = end;
                Ok(Step::Tbs)
            }
            Step::Tbs if tag == der::SEQUENCE && end < self.list_end => {
                self.tbs_end = end;
                Ok(Step::Version)
            }
            // Version 2 is the number 1; version 1 has no extensions and hence no number.
            Step::Version if whole == [der::INTEGER, 1, 1] => Ok(Step::Algorithm),
            Step::Algorithm => {
                let content = reader.read(der::SEQUENCE).map_err(malformed)?;
                self.found.algorithm.set(content)?;
                self.hashes = Hashes::start(suite, content)?;
                self.hashes.update(suite, self.head.bytes())?;
                Ok(Step::Issuer)
            }
            Step::Issuer => {
                let name = reader.read(der::SEQUENCE).and_then(Name::parse).map_err(malformed)?;
                if name.is_empty() {
                    return Err(Reason::CrlMalformed);
                }
                self.found.issuer = suite.sha256(&[name.der()])?;
                Ok(Step::ThisUpdate)
            }
            Step::ThisUpdate => {
                self.found.this_update = reader.time().map_err(malformed)?;
                Ok(Step::NextUpdate)
            }
            Step::NextUpdate if matches!(tag, der::UTC_TIME | der::GENERALIZED_TIME) => {
                self.found.next_update = reader.time().map_err(malformed)?;
                Ok(Step::Revoked)
            }
            // RFC 5280 section 5.1.2.6: where there are none, the list is absent.
            Step::Revoked if tag == der::SEQUENCE && length > 0 && end <= self.tbs_end => {
                self.revoked_end = end;
                Ok(Step::Entry)
            }
            Step::Entry => {
                self.entry(&mut reader).map_err(unless_unsupported)?;
                Ok(Step::Entry)
            }
            Step::Revoked | Step::Extensions if tag == der::context(0) => {
                let content = reader.read(tag).map_err(malformed)?;
                self.extensions(suite, content).map_err(unless_unsupported)?;
                Ok(Step::OuterAlgorithm)
            }
            Step::OuterAlgorithm => {
                // RFC 5280 section 5.1.1.2: the same as in the signed part.
                let content = reader.read(der::SEQUENCE).map_err(malformed)?;
                if content == self.found.algorithm.bytes() { Ok(Step::Signature) } else { Err(Reason::CrlMalformed) }
            }
            Step::Signature => {
                self.found.signature.set(reader.bit_bytes().map_err(malformed)?)?;
                Ok(Step::Done)
            }
            _ => Err(Reason::CrlMalformed),
        }
    }

    /// Checks that every level ends where its header said.
    fn after(&self, next: Step) -> Result<Step> {
        let next = match next {
            Step::Entry if self.step == Step::Entry && self.offset == self.revoked_end => Step::Extensions,
            Step::Entry if self.offset > self.revoked_end => return Err(Reason::CrlMalformed),
            other => other,
        };
        let fits = match next {
            Step::List | Step::Tbs | Step::Version => true,
            Step::OuterAlgorithm => self.offset == self.tbs_end,
            Step::Signature => self.offset < self.list_end,
            Step::Done => self.offset == self.list_end,
            // A number must follow, which stands in the extensions.
            _ => self.offset < self.tbs_end,
        };
        if fits { Ok(next) } else { Err(Reason::CrlMalformed) }
    }

    fn entry(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let mut fields = reader.nested(der::SEQUENCE)?;
        let serial = fields.integer()?;
        let date = fields.time()?;
        if !fields.is_empty() {
            let mut extensions = fields.nested(der::SEQUENCE)?;
            while !extensions.is_empty() {
                let extension = crate::certificate::Extension::read(&mut extensions)?;
                // Of certificateIssuer (indirect lists) and anything new; removeFromCRL (8) is for delta lists.
                if extension.critical || (extension.oid == oid::REASON_CODE && extension.value == [0x0A, 1, 8]) {
                    return Err(Reason::CrlUnsupported);
                }
            }
        }
        fields.end()?;
        self.found.entries = self.found.entries.saturating_add(1);
        if self.found.entries > limits::CRL_ENTRIES {
            return Err(Reason::TooLarge);
        }
        for sought in self.found.sought.iter_mut().filter(|sought| sought.serial.bytes() == serial) {
            sought.revoked = Some(date);
        }
        Ok(())
    }

    fn extensions(&mut self, suite: &Suite<'_>, content: &[u8]) -> Result<()> {
        let extensions = crate::certificate::Extensions::parse(content)?;
        let mut number = None;
        for extension in extensions.iter() {
            match extension.oid {
                // RFC 5280 section 5.2.3: never critical, and at most 20 octets.
                oid::CRL_NUMBER if !extension.critical => {
                    let mut value = Reader::new(extension.value);
                    number = Some(Number::new(value.magnitude()?)?);
                    value.end()?;
                }
                oid::CRL_NUMBER => return Err(Reason::DerMalformed),
                oid::ISSUING_DISTRIBUTION_POINT if extension.critical => {
                    self.found.scope = Scope::parse(extension.value)?;
                }
                _ if extension.critical => return Err(Reason::CrlUnsupported),
                // Said to be critical by RFC 5280: without that bit its neglect would widen the list.
                oid::ISSUING_DISTRIBUTION_POINT | oid::DELTA_CRL_INDICATOR => return Err(Reason::DerMalformed),
                _ => {}
            }
        }
        self.found.authority = match extensions.authority_key_id.and_then(|authority| authority.key_id) {
            Some(id) => Some(suite.sha256(&[id])?),
            None => None,
        };
        self.found.number = number.ok_or(Reason::DerMalformed)?;
        Ok(())
    }
}

impl Hashes {
    /// The hashes for signatures of this AlgorithmIdentifier.
    fn start(suite: &Suite<'_>, algorithm: &[u8]) -> Result<Self> {
        let signed = match algorithm::hash_of(suite, algorithm)? {
            Some(alg) if alg != HashAlg::Sha256 => Some((alg, suite.hash(alg)?.start()?)),
            _ => None,
        };
        Ok(Self { fingerprint: Some(suite.hash(HashAlg::Sha256)?.start()?), signed })
    }

    fn update(&mut self, suite: &Suite<'_>, bytes: &[u8]) -> Result<()> {
        if let Some(state) = &mut self.fingerprint {
            suite.hash(HashAlg::Sha256)?.update(state, bytes)?;
        }
        if let Some((alg, state)) = &mut self.signed {
            suite.hash(*alg)?.update(state, bytes)?;
        }
        Ok(())
    }

    /// All signed bytes have passed.
    fn finish<const WINDOW: usize>(&mut self, suite: &Suite<'_>, found: &mut Scanned<WINDOW>) -> Result<()> {
        let fingerprint = self.fingerprint.take().ok_or(Reason::Internal)?;
        suite.hash(HashAlg::Sha256)?.finish(fingerprint, &mut found.fingerprint)?;
        found.digest = [0; 64];
        match self.signed.take() {
            Some((alg, state)) => suite.hash(alg)?.finish(state, &mut found.digest),
            None => found.digest.first_chunk_mut().map(|digest| *digest = found.fingerprint).ok_or(Reason::Internal),
        }
    }
}

fn malformed(_: Reason) -> Reason {
    Reason::CrlMalformed
}

fn unless_unsupported(reason: Reason) -> Reason {
    match reason {
        Reason::CrlUnsupported | Reason::TooLarge => reason,
        _ => Reason::CrlMalformed,
    }
}

/// Header of the signed part, version, and the longest AlgorithmIdentifier (RSASSA-PSS with all of its parameters).
const HEAD: usize = 5 + 3 + SIGNATURE_ALGORITHM;
