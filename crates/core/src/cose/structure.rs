//! What signatures, authentication codes and ciphers cover (RFC 9052 sections 4.4, 5.3, 6.3).

use crate::cbor::Writer;
use crate::crypto::{Message, Parts};
use crate::reason::Reason;
use crate::{Result, limits};

/// Bytes of the largest Enc_structure: header and external data with the heads around them.
pub(super) const ENC: usize = limits::COSE_HEADER + limits::COSE_AAD + 32;

/// The Sig_structure or MAC_structure, fed to the algorithm in parts so that the payload stays where it is.
pub(super) struct Structure<'s> {
    /// "Signature", "Signature1", "MAC0".
    pub(super) context: &'static str,
    /// Protected header of the body.
    pub(super) body: &'s [u8],
    /// Protected header of a signature of a COSE_Sign.
    pub(super) layer: Option<&'s [u8]>,
    /// Externally supplied data.
    pub(super) aad: &'s [u8],
    /// The payload.
    pub(super) payload: &'s [u8],
}

impl Structure<'_> {
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut dyn Message) -> Result<T>) -> Result<T> {
        // Context, three heads of byte strings; the strings themselves are parts of their own.
        let mut start = [0; 24];
        let mut writer = Writer::new(&mut start);
        writer.array(if self.layer.is_some() { 5 } else { 4 }).text(self.context).bytes_head(self.body.len());
        let start = &*writer.finish()?;
        let (mut layer, mut aad, mut payload) = ([0; 9], [0; 9], [0; 9]);
        let layer_head = match self.layer {
            Some(bytes) => head(&mut layer, bytes.len())?,
            None => &[],
        };
        let parts = [
            start,
            self.body,
            layer_head,
            self.layer.unwrap_or_default(),
            head(&mut aad, self.aad.len())?,
            self.aad,
            head(&mut payload, self.payload.len())?,
            self.payload,
        ];
        use_it(&mut Parts(&parts))
    }
}

/// The Enc_structure, in one piece as ciphers want their associated data.
pub(super) fn enc_structure<'o>(
    context: &str,
    protected: &[u8],
    aad: &[u8],
    out: &'o mut [u8; ENC],
) -> Result<&'o [u8]> {
    if aad.len() > limits::COSE_AAD {
        return Err(Reason::TooLarge);
    }
    let mut writer = Writer::new(out);
    writer.array(3).text(context).bytes(protected).bytes(aad);
    writer.finish().map(|bytes| &*bytes)
}

/// Writes the head of a byte string of `length` bytes.
fn head(out: &mut [u8], length: usize) -> Result<&[u8]> {
    let mut writer = Writer::new(out);
    writer.bytes_head(length);
    writer.finish().map(|bytes| &*bytes)
}
