//! The request for a certificate, the same for maker and owner: RFC 8995 section 2.3.1 wants the registrar to find the
//! serial number that the maker put there.

use crate::stored::{Birth, Held};
use aseptic_certs::Certificate;
use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_certs::name::HardwareModuleName;
use aseptic_core::cose::KeySigner;
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, Result, limits};

/// Writes a PKCS#10 request for `held`, which names the device as `birth` does, into `out`; gives its length.
/// [`Reason::KeyBusy`] while a slow engine signs: the same call again goes on.
pub(crate) fn write(platform: &Platform<'_>, birth: &Birth<'_>, held: &Held<'_>, out: &mut [u8]) -> Result<usize> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    let key = crate::keys::public(platform, held.key, &mut bytes)?;
    let signer = KeySigner::new(platform.keys, held.key, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
    let template = CsrTemplate {
        serial: birth.serial,
        common_name: None,
        hardware_module: Some(HardwareModuleName { hardware_type: birth.hardware_type, serial: birth.hardware_serial }),
        uri: Some(birth.udi).filter(|udi| !udi.is_empty()),
    };
    csr::write(&signer, key, &template, out)
}

/// Whether `leaf` is for the key in the key store and for this device: [`Reason::IdentityKeyMismatch`],
/// [`Reason::IdentityNameMismatch`].
pub(crate) fn check_issued(
    platform: &Platform<'_>,
    birth: &Birth<'_>,
    held: &Held<'_>,
    leaf: &Certificate<'_>,
) -> Result<()> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    let key = crate::keys::public(platform, held.key, &mut bytes)?;
    if leaf.public_key() != Ok(key) {
        return Err(Reason::IdentityKeyMismatch);
    }
    if leaf.device_serial() == Some(birth.serial.as_bytes()) { Ok(()) } else { Err(Reason::IdentityNameMismatch) }
}
