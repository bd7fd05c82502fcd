//! Certificate bundles: CMS SignedData that signs nothing and only carries certificates (RFC 5652 section 5, RFC 5272
//! section 4.1), as EST answers with (RFC 7030 sections 4.1.3 and 4.2.3).

use crate::der::{self, Reader, Writer};
use crate::oid;
use aseptic_core::{Reason, Result, limits};

/// The certificates of a bundle: an unordered set, none of it proven.
#[derive(Clone, Copy, Debug)]
pub struct Certificates<'a>(&'a [u8]);

impl<'a> Certificates<'a> {
    /// Each certificate's DER, in the order of the bundle.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.raw(der::SEQUENCE).ok())
    }
}

/// Reads the certificates of a certs-only bundle that fills `bundle`.
///
/// At most [`limits::EST_CERTIFICATES`] of at most [`limits::CERTIFICATE`] bytes each, else [`Reason::TooLarge`].
/// Revocation lists in it are skipped; content, signers and other kinds of certificates are [`Reason::CmsMalformed`].
pub fn certificates(bundle: &[u8]) -> Result<Certificates<'_>> {
    let set = certificate_set(bundle).map_err(|_| Reason::CmsMalformed)?;
    let mut reader = Reader::new(set);
    let mut count = 0_usize;
    while !reader.is_empty() {
        let certificate = reader.raw(der::SEQUENCE).map_err(|_| Reason::CmsMalformed)?;
        count = count.saturating_add(1);
        if count > limits::EST_CERTIFICATES || certificate.len() > limits::CERTIFICATE {
            return Err(Reason::TooLarge);
        }
    }
    Ok(Certificates(set))
}

/// Writes a certs-only bundle of these DER certificates into the front of `out`; gives the length.
///
/// DER wants a set in the order of its encodings (X.690 section 11.6), so they are sorted; one that comes twice is
/// written once.
pub fn write(certificates: &[&[u8]], out: &mut [u8]) -> Result<usize> {
    if certificates.len() > limits::EST_CERTIFICATES {
        return Err(Reason::TooLarge);
    }
    let mut writer = Writer::new(out);
    writer.nested(der::SEQUENCE, |writer| {
        writer.oid(oid::SIGNED_DATA).nested(der::context(0), |writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.magnitude(&[1]).element(der::SET, &[]).nested(der::SEQUENCE, |writer| {
                    writer.oid(oid::DATA);
                });
                writer.nested(der::context(0), |writer| {
                    let mut last: &[u8] = &[];
                    while let Some(next) = certificates.iter().copied().filter(|other| *other > last).min() {
                        writer.raw(next);
                        last = next;
                    }
                });
                writer.element(der::SET, &[]);
            });
        });
    });
    writer.finish().map(|bytes| bytes.len())
}

/// The content of the certificates field; empty if it is absent.
fn certificate_set(bundle: &[u8]) -> Result<&[u8]> {
    let mut outer = Reader::new(bundle);
    let mut info = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    if info.oid()? != oid::SIGNED_DATA {
        return Err(Reason::CmsMalformed);
    }
    let mut explicit = info.nested(der::context(0))?;
    info.end()?;
    let mut signed = explicit.nested(der::SEQUENCE)?;
    explicit.end()?;
    signed.small()?;
    signed.read(der::SET)?;
    let mut content = signed.nested(der::SEQUENCE)?;
    content.oid()?;
    content.end()?;
    let set = signed.optional(der::context(0))?.unwrap_or_default();
    signed.optional(der::context(1))?;
    if !signed.read(der::SET)?.is_empty() {
        return Err(Reason::CmsMalformed);
    }
    signed.end()?;
    Ok(set)
}
