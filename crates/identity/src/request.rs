//! Requests for a certificate. What they name is the same for maker and owner: RFC 8995 section 2.3.1 wants the registrar
//! to find the serial number that the maker put there.

use crate::attributes::{Attributes, own, write_challenge};
use crate::credential::Origin;
use crate::keys;
use crate::stored::{Birth, Held, Local};
use aseptic_certs::csr::{self, Csr};
use aseptic_certs::der::Writer;
use aseptic_certs::{Certificate, base64, oid};
use aseptic_core::cose::KeySigner;
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, Result, limits};

/// Writes the PKCS#10 request for a birth certificate into `out`; gives its length. [`Reason::KeyBusy`] while a slow engine
/// signs: the same call again goes on.
pub(crate) fn write(platform: &Platform<'_>, birth: &Birth<'_>, held: &Held<'_>, out: &mut [u8]) -> Result<usize> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    let key = keys::public(platform, held.key, &mut bytes)?;
    let signer = KeySigner::new(platform.keys, held.key, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
    csr::write(&signer, key, &own(birth), out)
}

/// What an owner's registrar is to find in a request beside the key.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Whose names: those of the birth record, or those of the certificate in use, byte by byte (RFC 7030 section 4.2.2).
    pub(crate) origin: Origin,
    /// CsrAttrs, for a request with the names of birth.
    pub(crate) attributes: &'a [u8],
    /// The channel binding that proves possession.
    pub(crate) binding: Option<&'a [u8; 32]>,
}

/// Writes the request for the owner's certificate into `out`, like [`write()`]; `frame` is working memory.
/// [`Reason::Misuse`] without a certificate in use whose names could be copied, [`Reason::EstAttributes`] for attributes
/// that this device cannot give, [`Reason::TooLarge`] for more of them than there is room.
pub(crate) fn write_wanted(
    platform: &Platform<'_>,
    wanted: &Wanted<'_>,
    held: &Held<'_>,
    frame: &mut [u8],
    out: &mut [u8],
) -> Result<usize> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    let key = keys::public(platform, held.key, &mut bytes)?;
    let signer = KeySigner::new(platform.keys, held.key, key.alg().signs().ok_or(Reason::KeyWrongUse)?);
    let mut text = [0; base64::encoded_len(32)];
    let challenge = match wanted.binding {
        Some(binding) => {
            let length = base64::encode(binding, &mut text)?;
            text.get(..length).map(<[u8]>::trim_ascii_end)
        }
        None => None,
    };
    let prove = |writer: &mut Writer<'_>| {
        if let Some(challenge) = challenge {
            write_challenge(writer, challenge);
        }
    };
    let written = match wanted.origin {
        Origin::Local => {
            let leaf =
                Local::load(platform, frame)?.current.and_then(|held| held.chain.leaf()).ok_or(Reason::Misuse)?;
            csr::renew_with(&signer, key, &Certificate::parse(leaf)?, prove, out)
        }
        Origin::Birth => {
            let birth = Birth::load(platform, frame)?.0.ok_or(Reason::NotProvisioned)?;
            let attributes = Attributes::parse(wanted.attributes)?;
            attributes.check(&birth)?;
            let subject = |writer: &mut Writer<'_>| attributes.write_subject(&birth, writer);
            let all = |writer: &mut Writer<'_>| {
                prove(writer);
                attributes.write_extensions(&birth, writer);
            };
            csr::assemble(&signer, key, subject, all, out)
        }
    };
    written.map_err(|reason| if reason == Reason::BufferTooSmall { Reason::TooLarge } else { reason })
}

/// Whether a stored request serves for `origin`: a renewal has the very names of the `current` certificate, and a request
/// that copied names beyond those of birth serves for nothing else.
pub(crate) fn serves(origin: Origin, request: &[u8], current: Option<&[u8]>) -> bool {
    let Ok(request) = Csr::parse(request) else { return false };
    let copied = current.and_then(|leaf| Certificate::parse(leaf).ok()).is_some_and(|leaf| {
        let names = oid::SUBJECT_ALT_NAME;
        request.subject == leaf.subject && request.extensions.find(names) == leaf.extensions.find(names)
    });
    match origin {
        Origin::Local => copied,
        Origin::Birth => !copied || request.subject.attributes().count() == 1,
    }
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
    let key = keys::public(platform, held.key, &mut bytes)?;
    if leaf.public_key() != Ok(key) {
        return Err(Reason::IdentityKeyMismatch);
    }
    if leaf.device_serial() == Some(birth.serial.as_bytes()) { Ok(()) } else { Err(Reason::IdentityNameMismatch) }
}
