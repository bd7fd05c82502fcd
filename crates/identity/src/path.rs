//! Which of the certificates that a registrar sent make up the chain of ours.

use crate::stored::Chain;
use aseptic_certs::Certificate;
use aseptic_certs::der::{self, Reader};
use aseptic_core::crypto::PublicKey;
use aseptic_core::{Reason, Result, limits};

/// The one certificate among `certificates` that is for `key`; [`Reason::EstNoMatch`] for none, and for two. A registrar may
/// send it among others and in any order (RFC 5272 section 4.1 calls it a set), so only the key tells.
pub(crate) fn leaf<'c>(certificates: impl Iterator<Item = &'c [u8]>, key: PublicKey<'_>) -> Result<Certificate<'c>> {
    let mut ours = certificates
        .filter_map(|der| Certificate::parse(der).ok())
        .filter(|certificate| certificate.public_key() == Ok(key));
    let leaf = ours.next().ok_or(Reason::EstNoMatch)?;
    if ours.next().is_some() { Err(Reason::EstNoMatch) } else { Ok(leaf) }
}

/// `leaf` with its issuers from `candidates`, each above the one it issued. What cannot be parsed is passed over, and so is
/// a self-issued certificate: a root is trusted because it is installed, not because it was sent.
///
/// The chain is a proposal; the path engine judges it.
pub(crate) fn chain<'c, I: Iterator<Item = &'c [u8]>>(
    leaf: Certificate<'c>,
    candidates: impl Fn() -> I,
) -> Result<Chain<'c>> {
    let mut chain = Chain::of(&[leaf.der])?;
    let mut last = leaf;
    for _ in 1..limits::CHAIN {
        let issuer = candidates().filter_map(|der| Certificate::parse(der).ok()).find(|candidate| {
            issued(candidate, &last) && !candidate.is_self_issued() && !chain.as_slice().contains(&candidate.der)
        });
        let Some(issuer) = issuer else { break };
        chain.push(issuer.der)?;
        last = issuer;
    }
    Ok(chain)
}

/// Whether names and, where both are there, key identifiers say that `issuer` issued `subject` (RFC 5280 section 4.2.1.1).
fn issued(issuer: &Certificate<'_>, subject: &Certificate<'_>) -> bool {
    let wanted = subject.extensions.authority_key_id.and_then(|authority| authority.key_id);
    let key_ids = wanted.zip(issuer.extensions.subject_key_id).is_none_or(|(wanted, offered)| wanted == offered);
    issuer.subject == subject.issuer && key_ids
}

/// Whether `der` is a CA certificate that another one issued.
pub(crate) fn is_intermediate(der: &[u8]) -> bool {
    Certificate::parse(der).is_ok_and(|certificate| {
        let ca = certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca);
        ca && !certificate.is_self_issued()
    })
}

/// The certificates that stand one after the other in `bytes`.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    core::iter::from_fn(move || reader.raw(der::SEQUENCE).ok())
}
