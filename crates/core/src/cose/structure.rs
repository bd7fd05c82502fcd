//! What signatures, authentication codes, ciphers and countersignatures cover (RFC 9052 sections 4.4, 5.3, 6.3; RFC 9338
//! section 3.3).

use crate::cbor::Writer;
use crate::crypto::{Message, Parts};
use crate::reason::Reason;
use crate::{Result, limits};

/// Bytes of the largest Enc_structure: header and external data with the heads around them.
const ENC: usize = limits::COSE_HEADER + limits::COSE_AAD + 32;
/// Bytes of most.
const SHORT: usize = 96;

/// The Sig_structure, MAC_structure or Countersign_structure, fed to the algorithm in parts so that the payload stays where
/// it is.
///
/// For messages that this module does not write; those that it does are best left to it.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'s> {
    /// "Signature", "Signature1", "MAC0", or one of the four of countersignatures.
    pub context: &'static str,
    /// Protected header of the body.
    pub body: &'s [u8],
    /// Protected header of a signature of a COSE_Sign, or of a countersignature.
    pub layer: Option<&'s [u8]>,
    /// Externally supplied data.
    pub aad: &'s [u8],
    /// The payload, or the ciphertext.
    pub payload: &'s [u8],
    /// What stands behind the payload in the target of a countersignature: its signature or authentication code.
    pub other: Option<&'s [u8]>,
}

impl Structure<'_> {
    /// Hands the encoded structure to `use_it`.
    pub fn with<T>(&self, use_it: impl FnOnce(&mut dyn Message) -> Result<T>) -> Result<T> {
        // Context and the head of a byte string; the strings themselves are parts of their own.
        let mut start = [0; 32];
        let mut writer = Writer::new(&mut start);
        let optional = usize::from(self.layer.is_some()).saturating_add(usize::from(self.other.is_some()));
        writer.array(optional.saturating_add(4)).text(self.context).bytes_head(self.body.len());
        let start = &*writer.finish()?;
        let (mut layer, mut aad, mut payload, mut other) = ([0; 9], [0; 9], [0; 9], [0; 10]);
        let layer_head = match self.layer {
            Some(bytes) => head(&mut layer, bytes.len())?,
            None => &[],
        };
        let mut writer = Writer::new(&mut other);
        if let Some(bytes) = self.other {
            writer.array(1).bytes_head(bytes.len());
        }
        let parts = [
            start,
            self.body,
            layer_head,
            self.layer.unwrap_or_default(),
            head(&mut aad, self.aad.len())?,
            self.aad,
            head(&mut payload, self.payload.len())?,
            self.payload,
            writer.finish()?,
            self.other.unwrap_or_default(),
        ];
        use_it(&mut Parts(&parts))
    }
}

/// Hands the Enc_structure to `use_it`, in one piece as ciphers want their associated data. Most are short, and to clear
/// the longest buffer takes as long as to encrypt a short message.
pub(super) fn with_enc_structure(
    context: &str,
    protected: &[u8],
    aad: &[u8],
    use_it: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    if aad.len() > limits::COSE_AAD {
        return Err(Reason::TooLarge);
    }
    let mut structure = |out: &mut [u8]| {
        let mut writer = Writer::new(out);
        writer.array(3).text(context).bytes(protected).bytes(aad);
        use_it(writer.finish()?)
    };
    let short = protected.len().saturating_add(aad.len()) <= SHORT - 32;
    if short { structure(&mut [0; SHORT]) } else { structure(&mut [0; ENC]) }
}

/// Writes the head of a byte string of `length` bytes.
fn head(out: &mut [u8], length: usize) -> Result<&[u8]> {
    let mut writer = Writer::new(out);
    writer.bytes_head(length);
    writer.finish().map(|bytes| &*bytes)
}
