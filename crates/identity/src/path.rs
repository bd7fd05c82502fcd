//! Which of the certificates that a registrar sent make up the chain of ours.

use crate::stored::Chain;
use aseptic_certs::Certificate;
use aseptic_certs::der::{self, Reader};
use aseptic_core::crypto::PublicKey;
use aseptic_core::trust::VerifiedPeer;
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
/// what is not `foreign`, a self-signed certificate: a root is trusted because it is installed, not because it was sent. One
/// that bears its own name as issuer but is signed by another key is the link between two roots of a roll-over.
///
/// The chain is a proposal; the path engine judges it.
pub(crate) fn chain<'c, I: Iterator<Item = &'c [u8]>>(
    leaf: Certificate<'c>,
    candidates: impl Fn() -> I,
    foreign: impl Fn(&[u8]) -> bool,
) -> Result<Chain<'c>> {
    let mut chain = Chain::of(&[leaf.der])?;
    let mut last = leaf;
    for _ in 1..limits::CHAIN {
        let issuer = candidates().filter_map(|der| Certificate::parse(der).ok()).find(|candidate| {
            issued(candidate, &last) && !leads_back(candidate, chain.as_slice()) && foreign(candidate.der)
        });
        let Some(issuer) = issuer else { break };
        chain.push(issuer.der)?;
        last = issuer;
    }
    Ok(chain)
}

/// As much of `chain` as `judge` lets lead to an anchor; the links of a roll-over above it are left out. A chain that is
/// let in with a flag alone is refused with the reason of the flag: what is new must be good.
pub(crate) fn trusted<'c>(chain: &Chain<'c>, judge: impl Fn(&[&[u8]]) -> Result<VerifiedPeer>) -> Result<Chain<'c>> {
    let mut refusal = Reason::PathUntrusted;
    for length in 1..=chain.as_slice().len() {
        let part = chain.as_slice().get(..length).unwrap_or_default();
        match judge(part) {
            Ok(verified) => return verified.degraded().map_or_else(|| Chain::of(part), Err),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

/// Whether `candidate` is in `chain` already, or its issuer is: of the two links between roots of a roll-over one leads on, and
/// the other one back to where the chain came from.
fn leads_back(candidate: &Certificate<'_>, chain: &[&[u8]]) -> bool {
    let authority = candidate.extensions.authority_key_id.and_then(|authority| authority.key_id);
    let issuer = |der: &&[u8]| {
        let key = Certificate::parse(der).ok().and_then(|certificate| certificate.extensions.subject_key_id);
        key.is_some() && key == authority
    };
    chain.contains(&candidate.der) || chain.iter().any(issuer)
}

/// Whether names and, where both are there, key identifiers say that `issuer` issued `subject` (RFC 5280 section 4.2.1.1).
fn issued(issuer: &Certificate<'_>, subject: &Certificate<'_>) -> bool {
    let wanted = subject.extensions.authority_key_id.and_then(|authority| authority.key_id);
    let key_ids = wanted.zip(issuer.extensions.subject_key_id).is_none_or(|(wanted, offered)| wanted == offered);
    issuer.subject == subject.issuer && key_ids
}

/// Whether `der` is a CA certificate.
pub(crate) fn is_authority(der: &[u8]) -> bool {
    Certificate::parse(der)
        .is_ok_and(|certificate| certificate.extensions.basic_constraints.is_some_and(|constraints| constraints.ca))
}

/// The certificates that stand one after the other in `bytes`.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    core::iter::from_fn(move || reader.raw(der::SEQUENCE).ok())
}
