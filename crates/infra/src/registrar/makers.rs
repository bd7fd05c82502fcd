//! Who issued a birth certificate: a name for people, a key for rules.

use super::Issuer;
use crate::Result;
use crate::error::While;
use crate::trust::ServerTrust;
use aseptic_certs::name::Name;
use aseptic_certs::{Certificate, oid};
use aseptic_core::Reason;
use aseptic_core::crypto::Suite;
use aseptic_core::trust::{Authority, Material, Purpose};
use aseptic_hosted::crypto;

/// The authorities that the maker's trust store vouches for births with. What they have put in between, a factory's own
/// authority, is not in it: see [`authority`].
pub fn authorities(trust: &ServerTrust) -> Result<Vec<Issuer>> {
    anchors(trust).during("reading the maker's trust store")?.iter().map(|der| authority(der)).collect()
}

/// The authority with this certificate (DER), as rules name it.
pub fn authority(certificate: &[u8]) -> Result<Issuer> {
    let named = Certificate::parse(certificate).and_then(|certificate| {
        let key = crypto::suite().sha256(&[certificate.spki])?;
        Ok(Issuer { name: common_name(&certificate.subject), key })
    });
    named.during("reading the certificate of an authority")
}

/// Who signed the first certificate of `chain`, a birth certificate that was validated with it.
///
/// Whoever may send certificates along can make a key that a given ECDSA signature fits. So all that can have signed are looked
/// at, the true one among them, and two are one too many.
pub(super) fn issuer(trust: &ServerTrust, chain: &[Vec<u8>]) -> aseptic_core::Result<Issuer> {
    let (leaf, sent) = chain.split_first().ok_or(Reason::PeerAnonymous)?;
    let leaf = Certificate::parse(leaf)?;
    let anchors = anchors(trust)?;
    let mut found = None;
    for candidate in sent.iter().chain(&anchors) {
        if let Some(key) = signed(&leaf, candidate, trust.suite())
            && found.replace(key).is_some_and(|before| before != key)
        {
            return Err(Reason::KeyInvalid);
        }
    }
    Ok(Issuer { name: common_name(&leaf.issuer), key: found.ok_or(Reason::PathUntrusted)? })
}

/// The thumbprint of the key of `candidate`, if it signed `leaf`.
fn signed(leaf: &Certificate<'_>, candidate: &[u8], suite: &Suite<'_>) -> Option<[u8; 32]> {
    let candidate = Certificate::parse(candidate).ok().filter(|candidate| candidate.subject == leaf.issuer)?;
    leaf.verify_signature_by(suite, candidate.spki).ok()?;
    suite.sha256(&[candidate.spki]).ok()
}

fn anchors(trust: &ServerTrust) -> aseptic_core::Result<Vec<Vec<u8>>> {
    trust.with(|trust| {
        let births = trust.store(Authority::Manufacturer)?.entries().filter_map(|entry| match entry.material {
            Material::Certificate(anchor) if entry.purposes.contains(Purpose::Birth) => {
                Some(anchor.certificate.to_vec())
            }
            _ => None,
        });
        Ok(births.collect())
    })
}

fn common_name(name: &Name<'_>) -> String {
    let value = name.single(oid::COMMON_NAME).map(|attribute| attribute.value).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
