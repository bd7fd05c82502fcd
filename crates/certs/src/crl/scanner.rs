//! Reading a revocation list of any length through a small window (RFC 5280 section 5).

use super::{Number, Scope};
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
/// how long a step lasts. Nothing it says is proven before [`super::Scanned::verify`].
#[derive(Clone)]
pub struct Scanner<'q, const WINDOW: usize = 1024> {
    suite: &'q Suite<'q>,
    wanted: &'q [&'q [u8]],
    step: Step,
    /// Bytes of the list seen so far.
    offset: u32,
    list_end: u32,
    tbs_end: u32,
    revoked_end: u32,
    window: [u8; WINDOW],
    filled: usize,
    /// The signed bytes up to and with the algorithm, which says how the rest is hashed.
    head: [u8; HEAD],
    head_len: usize,
    hashes: Hashes,
    pub(super) found: super::Scanned<WINDOW>,
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
}

/// SHA-256 always, for the fingerprint; the hash of the signature beside it if it is another one.
#[derive(Clone, Default)]
struct Hashes {
    fingerprint: Option<HashState>,
    signed: Option<(HashAlg, HashState)>,
}

impl<'q, const WINDOW: usize> Scanner<'q, WINDOW> {
    /// A scanner that looks for these serial numbers (contents of the INTEGERs), at most [`limits::CRL_WANTED`].
    pub fn new(suite: &'q Suite<'q>, wanted: &'q [&'q [u8]]) -> Result<Self> {
        if wanted.len() > limits::CRL_WANTED {
            return Err(Reason::TooLarge);
        }
        Ok(Self {
            suite,
            wanted,
            step: Step::List,
            offset: 0,
            list_end: 0,
            tbs_end: 0,
            revoked_end: 0,
            window: [0; WINDOW],
            filled: 0,
            head: [0; HEAD],
            head_len: 0,
            hashes: Hashes::default(),
            found: super::Scanned::EMPTY,
        })
    }

    /// Takes in the next piece. After an error the scanner is of no more use.
    ///
    /// [`Reason::CrlMalformed`] for what RFC 5280 does not allow, [`Reason::CrlUnsupported`] for lists that this library does
    /// not read: delta and indirect ones, those of some reasons only, and any with a critical extension that is not
    /// understood. [`Reason::TooLarge`] over [`limits::CRL`] bytes or [`limits::CRL_ENTRIES`] entries, or if an element is
    /// larger than the window.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<()> {
        while !piece.is_empty() {
            if self.step == Step::Done {
                return Err(Reason::CrlMalformed);
            }
            let need = self.need()?;
            let missing = need.saturating_sub(self.filled);
            let (taken, rest) = piece.split_at_checked(missing).unwrap_or((piece, &[]));
            self.take(taken)?;
            piece = rest;
            if self.filled == need && self.need()? == need {
                self.element()?;
            }
        }
        Ok(())
    }

    /// What was found, when all of the list was fed.
    pub fn finish(mut self) -> Result<super::Scanned<WINDOW>> {
        if self.step != Step::Done {
            return Err(Reason::CrlMalformed);
        }
        let hash = self.suite.hash(HashAlg::Sha256)?;
        let fingerprint = self.hashes.fingerprint.take().ok_or(Reason::Internal)?;
        hash.finish(fingerprint, &mut self.found.fingerprint)?;
        self.found.digest = self.found.fingerprint_digest();
        if let Some((alg, state)) = self.hashes.signed.take() {
            self.suite.hash(alg)?.finish(state, &mut self.found.digest)?;
        }
        Ok(self.found)
    }

    /// Bytes of the window that the next element takes: its header first, then all of it, if it is one to be read whole.
    fn need(&self) -> Result<usize> {
        let header = match self.window.get(..self.filled) {
            Some([_, first, ..]) if *first > 0x80 => 2_usize.saturating_add(usize::from(first & 0x7F)),
            _ => 2,
        };
        if header > 5 {
            return Err(Reason::CrlMalformed);
        }
        if self.filled < header || self.opens() {
            return Ok(header);
        }
        let (_, length, header) = der::head(self.window.get(..self.filled).unwrap_or_default()).map_err(malformed)?;
        let whole = header.saturating_add(length);
        if whole > WINDOW { Err(Reason::TooLarge) } else { Ok(whole) }
    }

    /// Whether the element is gone into, not read whole.
    fn opens(&self) -> bool {
        match self.step {
            Step::List | Step::Tbs => true,
            Step::NextUpdate | Step::Revoked => self.window.first() == Some(&der::SEQUENCE),
            _ => false,
        }
    }

    /// Moves bytes into the window, and under the hashes while they are signed ones.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.filled.saturating_add(bytes.len());
        self.window.get_mut(self.filled..end).ok_or(Reason::TooLarge)?.copy_from_slice(bytes);
        self.filled = end;
        let count = u32::try_from(bytes.len()).map_err(|_| Reason::TooLarge)?;
        self.offset = self.offset.checked_add(count).ok_or(Reason::TooLarge)?;
        if matches!(self.step, Step::Tbs | Step::Version | Step::Algorithm) {
            let end = self.head_len.saturating_add(bytes.len());
            self.head.get_mut(self.head_len..end).ok_or(Reason::TooLarge)?.copy_from_slice(bytes);
            self.head_len = end;
        } else if self.step > Step::Algorithm && self.step < Step::OuterAlgorithm {
            self.hashes.update(self.suite, bytes)?;
        }
        Ok(())
    }

    /// The element in the window is complete.
    fn element(&mut self) -> Result<()> {
        let whole = self.window;
        let whole = whole.get(..self.filled).ok_or(Reason::Internal)?;
        self.filled = 0;
        let next = self.read(whole)?;
        self.step = self.after(next)?;
        Ok(())
    }

    fn read(&mut self, whole: &[u8]) -> Result<Step> {
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
                self.hashes = Hashes::start(self.suite, content)?;
                let head = self.head;
                self.hashes.update(self.suite, head.get(..self.head_len).unwrap_or_default())?;
                Ok(Step::Issuer)
            }
            Step::Issuer => {
                let name = reader.read(der::SEQUENCE).and_then(Name::parse).map_err(malformed)?;
                if name.is_empty() {
                    return Err(Reason::CrlMalformed);
                }
                self.found.issuer = self.suite.sha256(&[name.der()])?;
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
                self.extensions(content).map_err(unless_unsupported)?;
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
        for (wanted, place) in self.wanted.iter().zip(&mut self.found.revoked) {
            if *wanted == serial {
                *place = Some(date);
            }
        }
        Ok(())
    }

    fn extensions(&mut self, content: &[u8]) -> Result<()> {
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
            Some(id) => Some(self.suite.sha256(&[id])?),
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
