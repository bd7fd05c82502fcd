//! Certificates out of whatever file an administrator has: DER, a certs-only bundle (PKCS#7), or either in PEM (RFC 7468).

use crate::certificate::Certificate;
use crate::{base64, cms};
use aseptic_core::{Reason, Result, bytes, limits};

/// Writes the certificate at `place` of `file` (DER) into the front of `out`; gives its length, or none after the last one.
///
/// In PEM each block `CERTIFICATE` is one, and a block `PKCS7` or `CMS` is as many as the bundle holds, which must fit `out`
/// as a whole; other blocks and text between them are skipped. At most [`limits::EST_CERTIFICATES`] a file, else
/// [`Reason::TooLarge`]. [`Reason::CertificateMalformed`], [`Reason::CmsMalformed`] or [`Reason::EstTransfer`] for what cannot
/// be read, among it a PEM block without an end and a file that holds neither. [`Reason::BufferTooSmall`] never for room of
/// the length of `file`. Nothing of it is proven.
pub fn certificate(file: &[u8], place: usize, out: &mut [u8]) -> Result<Option<usize>> {
    if place >= limits::EST_CERTIFICATES {
        return if certificate_in(file, place, out)?.is_some() { Err(Reason::TooLarge) } else { Ok(None) };
    }
    certificate_in(file, place, out)
}

fn certificate_in(file: &[u8], mut place: usize, out: &mut [u8]) -> Result<Option<usize>> {
    if file.first() == Some(&0x30) {
        return match of_der(file, &mut place)? {
            Some(der) => copy(der, out).map(Some),
            None => Ok(None),
        };
    }
    let (mut rest, mut blocks) = (file, 0_usize);
    while let Some(block) = Block::next(&mut rest)? {
        if !block.holds_certificates() {
            continue;
        }
        blocks = blocks.saturating_add(1);
        let length = base64::decode(block.text, out)?;
        let der = out.get(..length).ok_or(Reason::Internal)?;
        let Some(found) = of_der(der, &mut place)? else { continue };
        // Where it lies in the room, as it is moved to the front of it.
        let start = found.as_ptr().addr().saturating_sub(der.as_ptr().addr());
        let end = start.saturating_add(found.len());
        if end > out.len() {
            return Err(Reason::Internal);
        }
        let moved = end.saturating_sub(start);
        out.copy_within(start..end, 0);
        return Ok(Some(moved));
    }
    if blocks == 0 { Err(Reason::CertificateMalformed) } else { Ok(None) }
}

/// The certificate at `place` of one certificate or of a bundle; where there are fewer, `place` counts on from the next file.
fn of_der<'d>(der: &'d [u8], place: &mut usize) -> Result<Option<&'d [u8]>> {
    let (count, found) = match cms::certificates(der) {
        Ok(bundle) => (bundle.iter().count(), bundle.iter().nth(*place)),
        Err(Reason::TooLarge) => return Err(Reason::TooLarge),
        Err(_) => (1, Some(der).filter(|_| *place == 0)),
    };
    *place = place.saturating_sub(count);
    found.map(|der| Certificate::parse(der).map(|certificate| certificate.der)).transpose()
}

fn copy(der: &[u8], out: &mut [u8]) -> Result<usize> {
    bytes::copy(der, out).map(|written| written.len()).ok_or(Reason::BufferTooSmall)
}

/// A block of PEM.
struct Block<'a> {
    label: &'a [u8],
    text: &'a [u8],
}

impl<'a> Block<'a> {
    /// The next one, if there is one; `rest` is what follows it.
    fn next(rest: &mut &'a [u8]) -> Result<Option<Self>> {
        let Some((_, begun)) = split(rest, b"-----BEGIN ") else { return Ok(None) };
        let malformed = Reason::CertificateMalformed;
        let (label, begun) = split(begun, b"-----").ok_or(malformed)?;
        let (text, ended) = split(begun, b"-----END ").ok_or(malformed)?;
        let (closed, ended) = split(ended, b"-----").ok_or(malformed)?;
        if label != closed {
            return Err(malformed);
        }
        *rest = ended;
        Ok(Some(Self { label, text }))
    }

    fn holds_certificates(&self) -> bool {
        matches!(self.label, b"CERTIFICATE" | b"PKCS7" | b"CMS")
    }
}

/// What stands before and after the first `mark`.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    let (before, after) = text.split_at_checked(at)?;
    Some((before, after.get(mark.len()..)?))
}
