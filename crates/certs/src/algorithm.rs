//! Signatures in X.509: AlgorithmIdentifiers, the two forms of an ECDSA signature, and a suite as webpki wants it.

use crate::der::{self, Reader, Writer};
use crate::oid;
use aseptic_core::crypto::{Parts, PublicKey, SigAlg, Suite};
use aseptic_core::{Reason, Result, limits};
use core::fmt;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// Verifies a signature over one piece of DER; `algorithm` is the content of its AlgorithmIdentifier.
pub(crate) fn verify(
    suite: &Suite<'_>,
    key: PublicKey<'_>,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
    if algorithm != identifier(alg) {
        return Err(Reason::AlgorithmUnsupported);
    }
    let fixed = match alg {
        SigAlg::Es256 => &fixed_length(signature)?,
        _ => signature,
    };
    suite.verify(key, &mut Parts(&[message]), fixed)
}

/// Writes AlgorithmIdentifier and signature (a BIT STRING) after signed content.
pub(crate) fn write_signature(writer: &mut Writer<'_>, alg: SigAlg, signature: &[u8; limits::SIGNATURE]) {
    writer.element(der::SEQUENCE, identifier(alg));
    match alg {
        SigAlg::Es256 => {
            let (r, s) = signature.split_at(32);
            // RFC 5480 appendix A: ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }.
            writer.nested(der::BIT_STRING, |writer| {
                writer.raw(&[0]).nested(der::SEQUENCE, |writer| {
                    writer.magnitude(r).magnitude(s);
                });
            });
        }
        _ => {
            writer.bit_bytes(&[signature]);
        }
    }
}

/// The verifiers of a suite, for webpki.
pub(crate) struct Algorithm<'a> {
    suite: &'a Suite<'a>,
    alg: SigAlg,
}

impl<'a> Algorithm<'a> {
    pub(crate) const fn new(suite: &'a Suite<'a>, alg: SigAlg) -> Self {
        Self { suite, alg }
    }
}

impl SignatureVerificationAlgorithm for Algorithm<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> core::result::Result<(), InvalidSignature> {
        let fixed = match self.alg {
            SigAlg::Es256 => &fixed_length(signature).map_err(|_| InvalidSignature)?,
            _ => signature,
        };
        let verifier = self.suite.verifier(self.alg).map_err(|_| InvalidSignature)?;
        verifier.verify(public_key, &mut Parts(&[message]), fixed).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.alg {
            SigAlg::Es256 => alg_id::ECDSA_P256,
            _ => alg_id::ED25519,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.alg {
            SigAlg::Es256 => alg_id::ECDSA_SHA256,
            _ => alg_id::ED25519,
        }
    }
}

impl fmt::Debug for Algorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algorithm({:?})", self.alg)
    }
}

/// The content of the AlgorithmIdentifier of `alg`; both have no parameters (RFC 5758 section 3.2, RFC 8410 section 3).
const fn identifier(alg: SigAlg) -> &'static [u8] {
    match alg {
        SigAlg::Es256 => &[der::OID, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02],
        _ => &[der::OID, 3, 0x2B, 0x65, 0x70],
    }
}

/// r || s of an ECDSA-Sig-Value on P-256.
fn fixed_length(signature: &[u8]) -> Result<[u8; 64]> {
    let read = || {
        let mut outer = Reader::new(signature);
        let mut pair = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        let (r, s) = (pair.magnitude()?, pair.magnitude()?);
        pair.end()?;
        let mut fixed = [0; 64];
        let (left, right) = fixed.split_at_mut(32);
        for (half, value) in [(left, r), (right, s)] {
            let start = half.len().checked_sub(value.len()).ok_or(Reason::SignatureInvalid)?;
            half.get_mut(start..).ok_or(Reason::SignatureInvalid)?.copy_from_slice(value);
        }
        Ok(fixed)
    };
    read().map_err(|_: Reason| Reason::SignatureInvalid)
}

const _: () = assert!(oid::ECDSA_SHA256.len() == 8 && oid::ED25519.len() == 3);
