//! Which certificates of an issuer a list is about (RFC 5280 section 5.2.5), and which lists a certificate names (4.2.1.13).

use crate::certificate::Certificate;
use crate::der::{self, Reader};
use crate::oid;
use aseptic_core::{Reason, Result, bytes, limits};

/// The scope of a list: its issuingDistributionPoint, or everything of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    bytes: [u8; limits::CRL_SCOPE],
    length: usize,
    only: Only,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    All,
    Users,
    Authorities,
}

impl Scope {
    /// All certificates of the issuer.
    pub const COMPLETE: Self = Self { bytes: [0; limits::CRL_SCOPE], length: 0, only: Only::All };

    /// The DER of the issuingDistributionPoint; empty for a complete list.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether the list is about `certificate`, which its issuer issued.
    ///
    /// A partition is, if one of the certificate's distribution points bears one of its names, stands for every reason and
    /// for the same issuer.
    #[must_use]
    pub fn covers(&self, certificate: &Certificate<'_>) -> bool {
        let authority = certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca);
        let kind = match self.only {
            Only::All => true,
            Only::Users => !authority,
            Only::Authorities => authority,
        };
        kind && self.named(certificate).unwrap_or(false)
    }

    /// Reads the value of an issuingDistributionPoint. [`Reason::CrlUnsupported`] for lists of some reasons, of attribute
    /// certificates, of other issuers, and for names relative to the issuer.
    pub(super) fn parse(value: &[u8]) -> Result<Self> {
        let mut outer = Reader::new(value);
        let mut fields = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        if let Some(point) = fields.optional(der::context(0))? {
            full_names(point)?;
        }
        let (users, authorities) = (flag(&mut fields, 1)?, flag(&mut fields, 2)?);
        let reasons = fields.optional(der::context_primitive(3))?.is_some();
        let (indirect, attributes) = (flag(&mut fields, 4)?, flag(&mut fields, 5)?);
        fields.end()?;
        let only = match (users, authorities) {
            _ if reasons || indirect || attributes => return Err(Reason::CrlUnsupported),
            (true, true) => return Err(Reason::DerMalformed),
            (true, false) => Only::Users,
            (false, true) => Only::Authorities,
            (false, false) => Only::All,
        };
        let mut scope = Self { only, length: value.len(), ..Self::COMPLETE };
        bytes::copy(value, &mut scope.bytes).ok_or(Reason::CrlUnsupported)?;
        Ok(scope)
    }

    /// Whether the certificate names this distribution point, if the list has names at all.
    fn named(&self, certificate: &Certificate<'_>) -> Result<bool> {
        if self.length == 0 {
            return Ok(true);
        }
        let Some(point) = Reader::new(self.bytes()).nested(der::SEQUENCE)?.optional(der::context(0))? else {
            return Ok(true);
        };
        let names = full_names(point)?;
        let Some(extension) = certificate.extensions.find(oid::CRL_DISTRIBUTION_POINTS) else { return Ok(false) };
        let mut points = Reader::new(extension.value).nested(der::SEQUENCE)?;
        while !points.is_empty() {
            let mut fields = points.nested(der::SEQUENCE)?;
            let point = fields.optional(der::context(0))?;
            let whole = fields.is_empty();
            if whole
                && let Some(point) = point
                && common(names, full_names(point)?)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The GeneralNames of a DistributionPointName.
fn full_names(point: &[u8]) -> Result<&[u8]> {
    let mut choice = Reader::new(point);
    let Some(names) = choice.optional(der::context(0))? else { return Err(Reason::CrlUnsupported) };
    choice.end()?;
    if names.is_empty() { Err(Reason::DerMalformed) } else { Ok(names) }
}

/// Whether two lists of names have one in common, byte for byte.
fn common(ours: &[u8], theirs: &[u8]) -> Result<bool> {
    let mut ours = Reader::new(ours);
    while !ours.is_empty() {
        let name = ours.any()?;
        let mut others = Reader::new(theirs);
        while !others.is_empty() {
            if others.any()?.raw == name.raw {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// An implicitly tagged BOOLEAN with default FALSE: DER has it only where it is true.
fn flag(fields: &mut Reader<'_>, number: u8) -> Result<bool> {
    match fields.optional(der::context_primitive(number))? {
        None => Ok(false),
        Some([0xFF]) => Ok(true),
        Some(_) => Err(Reason::DerMalformed),
    }
}
