//! From one root to the next (RFC 4210 section 4.4, RFC 7030 section 4.1.3).

use super::{Ca, Subject, Validity, authority, engine};
use crate::error::While;
use crate::files::{self, Access};
use crate::{AuthorityKey, Error, Result};
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use rcgen::BasicConstraints;
use std::path::Path;

/// What connects a new root with the one before it. Whoever trusts one of them can follow to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOver {
    /// The old root (OldWithOld).
    old: Vec<u8>,
    /// The old root's key certified by the new root (OldWithNew), and the reverse (NewWithOld).
    crossed: [Vec<u8>; 2],
}

impl Ca {
    /// A new root with a fresh key and a name of its own, and what connects it with this one.
    ///
    /// The cross certificates are valid for as long as both roots are. [`Reason::Misuse`] for the name of this root, and
    /// unless this is a root that is valid at the start of `validity`.
    pub fn roll_over(&self, name: &str, validity: Validity) -> Result<(Self, RollOver)> {
        let own = self.validity()?;
        if !self.above.is_empty() || !own.contains(validity.not_before) {
            return Err(Error::new(Reason::Misuse, "rolling over from what is no valid root"));
        }
        let parsed = self.parsed()?;
        let old_name = parsed.common_name().and_then(|name| std::str::from_utf8(name).ok());
        let old_name =
            old_name.ok_or_else(|| Error::new(Reason::CertificateProfile, "reading the name of the root"))?;
        if old_name == name {
            return Err(Error::new(Reason::Misuse, "choosing the name of the root before"));
        }
        let new = Self::new(name, validity)?;
        let both = Validity::new(validity.not_before, own.not_after.min(validity.not_after))?;
        let crossed = [cross(&new, old_name, &self.key, both)?, cross(self, name, &new.key, both)?];
        Ok((new, RollOver { old: self.certificate.clone(), crossed }))
    }
}

impl RollOver {
    /// The old root (DER).
    #[must_use]
    pub fn old(&self) -> &[u8] {
        &self.old
    }

    /// OldWithOld, OldWithNew and NewWithOld: what goes out with cacerts beside the new root.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.old).chain(&self.crossed).map(Vec::as_slice)
    }

    /// The new root, certified by the old one: by it whoever knows the old root alone follows to what is below the new.
    #[must_use]
    pub fn new_with_old(&self) -> &[u8] {
        let [_, new_with_old] = &self.crossed;
        new_with_old
    }

    /// Writes `roll_over.pem` into an existing folder; [`Reason::FileExists`] if it is there.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let pem: String = self.certificates().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der))).collect();
        files::write_new(&folder.join(FILE), pem.as_bytes(), Access::All)
    }

    /// Reads what [`RollOver::save`] wrote; none if there is no such file. [`Reason::FileCorrupt`] unless it connects the
    /// root of `ca` with another: every device would believe a root that was slipped in.
    pub fn load(folder: &Path, ca: &Ca) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let corrupt = || Error::new(Reason::FileCorrupt, format!("reading {}", path.display()));
        let blocks = pem::parse_many(&*files::read(&path, Access::All)?).map_err(|_| corrupt())?;
        let ders: Vec<_> = blocks.into_iter().map(pem::Pem::into_contents).collect();
        let [old, old_with_new, new_with_old] = <[Vec<u8>; 3]>::try_from(ders).map_err(|_| corrupt())?;
        let this = Self { old, crossed: [old_with_new, new_with_old] };
        if this.connects(ca.anchor()).during("reading the certificates of a roll-over")? {
            Ok(Some(this))
        } else {
            Err(corrupt())
        }
    }

    fn connects(&self, new: &[u8]) -> aseptic_core::Result<bool> {
        let (new, old) = (Certificate::parse(new)?, Certificate::parse(&self.old)?);
        let [old_with_new, new_with_old] = &self.crossed;
        let crosses =
            |cross: &[u8], subject: &Certificate<'_>, issuer: &Certificate<'_>| -> aseptic_core::Result<bool> {
                let cross = Certificate::parse(cross)?;
                let signed = cross.verify_signature(&super::SUITE, issuer.public_key()?).is_ok();
                Ok(signed
                    && cross.subject == subject.subject
                    && cross.spki == subject.spki
                    && cross.issuer == issuer.subject)
            };
        Ok(crosses(&self.old, &old, &old)? && crosses(old_with_new, &old, &new)? && crosses(new_with_old, &new, &old)?)
    }
}

/// The authority `name` with the key `subject`, certified by `issuer`.
fn cross(issuer: &Ca, name: &str, subject: &AuthorityKey, validity: Validity) -> Result<Vec<u8>> {
    let mut params = authority(name, validity, BasicConstraints::Constrained(1))?;
    params.use_authority_key_identifier_extension = true;
    let made = params.signed_by(&Subject::new(subject.public()?)?, &issuer.issuer()?).map_err(engine)?;
    Ok(made.der().to_vec())
}

const FILE: &str = "roll_over.pem";
