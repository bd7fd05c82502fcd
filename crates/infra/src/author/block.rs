//! A signature under software as it travels: a COSE_Sign1 (RFC 9052 section 4.2) around a signature that was made anywhere.

use super::cbor;
use aseptic_core::cose::{CoseAlg, Headers, Structure};
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::{Reason, Result, limits};

/// Label of the public key in the unprotected header: of the private range.
const KEY: i64 = -65_537;

/// What `key` signs: the Sig_structure over the signed bytes of an envelope.
pub(super) fn message(suite: &Suite<'_>, key: PublicKey<'_>, payload: &[u8]) -> Result<Vec<u8>> {
    let protected = protected(suite, key)?;
    let structure = Structure { context: "Signature1", body: &protected, layer: None, aad: &[], payload, other: None };
    let mut message = Vec::new();
    structure.with(|parts| {
        parts.read(&mut |part| {
            message.extend_from_slice(part);
            Ok(())
        })
    })?;
    Ok(message)
}

/// The signature that `key` made of [`message`], with what names the key. One that devices know by its thumbprint alone
/// stands in the unprotected header: they hash it before they believe it.
pub(super) fn assemble(suite: &Suite<'_>, key: PublicKey<'_>, signature: &[u8]) -> Result<Vec<u8>> {
    let protected = protected(suite, key)?;
    Ok(cbor(|w| {
        w.tag(18).array(4).bytes(&protected);
        if key.alg().by_value() {
            w.map(0);
        } else {
            w.map(1).int(KEY).bytes(key.bytes());
        }
        w.null().bytes(signature);
    }))
}

/// The algorithm, and the thumbprint of the key as its identifier.
fn protected(suite: &Suite<'_>, key: PublicKey<'_>) -> Result<Vec<u8>> {
    let alg = CoseAlg::for_signature(key.alg().signs().ok_or(Reason::KeyWrongUse)?);
    let thumbprint = key.thumbprint(suite)?;
    let mut out = [0; limits::COSE_HEADER];
    Headers { kid: Some(&thumbprint), ..Headers::default() }.protected(alg, &mut out).map(<[u8]>::to_vec)
}
