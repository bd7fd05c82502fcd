//! What a chain of certificates may lead to, and what the trust stores say beside it.

/// A trust anchor: a CA certificate, and how far it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor<'a> {
    /// The certificate (DER).
    pub certificate: &'a [u8],
    /// CertPathControls (RFC 5914 section 2.5, DER) that hold for every path to it; empty for none. Engines read them.
    pub constraints: &'a [u8],
    /// The next root, announced as in RFC 8649: SHA-256 of its SubjectPublicKeyInfo. A self-signed certificate of that key in
    /// a peer's chain is an anchor with the same purposes and constraints, while this one goes on.
    pub successor: Option<&'a [u8; 32]>,
}

impl<'a> Anchor<'a> {
    /// An anchor without constraints and without a successor.
    #[must_use]
    pub const fn of(certificate: &'a [u8]) -> Self {
        Self { certificate, constraints: &[], successor: None }
    }

    /// Whether all that this anchor vouches for, `other` vouches for as well.
    pub(super) fn within(&self, other: &Self) -> bool {
        self.certificate == other.certificate
            && (other.constraints.is_empty() || self.constraints == other.constraints)
            && (self.successor.is_none() || self.successor == other.successor)
    }
}

/// The lowest number at which the revocation lists of an issuer are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListMinimum<'a> {
    /// SHA-256 of the issuer's SubjectPublicKeyInfo.
    pub issuer: &'a [u8; 32],
    /// The cRLNumber, big endian without leading zeros, at most 20 bytes; it holds for all lists of the issuer.
    pub number: &'a [u8],
}

impl ListMinimum<'_> {
    pub(super) fn is_above(&self, other: &Self) -> bool {
        (self.number.len(), self.number) > (other.number.len(), other.number)
    }
}

/// What the trust stores say about the paths of one purpose.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'t> {
    /// Where a path may end.
    pub anchors: &'t [Anchor<'t>],
    /// Which revocation lists are too old; of several for one issuer each holds.
    pub minimums: &'t [ListMinimum<'t>],
}

impl<'t> Grounds<'t> {
    /// These anchors and nothing else.
    #[must_use]
    pub const fn of(anchors: &'t [Anchor<'t>]) -> Self {
        Self { anchors, minimums: &[] }
    }
}
