//! The end of a device: its keys are destroyed, and a signed tombstone says so.
//!
//! ```text
//! sign the tombstone  ─►  store it  ─►  destroy every key, see that none answers  ─►  erase the records
//!                         from here on the device is decommissioned; after power loss [`crate::tidy`] goes on
//! ```
//!
//! One record decides: before it is stored the device is what it was, afterwards it is nobody. The tombstone is signed with
//! the birth key, which is why it is made first; the maker's certificate, which maker and owner have on file, verifies it.
//! It stays on the device, so that whoever finds it learns what it was, and names what the hospital's records need: serial
//! number, hardware, UDI and the thumbprints of the keys that are gone. Certificates for them are to be revoked all the same.
//!
//! ```text
//! COSE_Sign1, tag 18, kid: the thumbprint of the signer; payload, in deterministic CBOR:
//! { 1: serial, 2: hardware type, 3: hardware serial, 4: URI of the UDI or "", 5: seconds, 6: what they are worth,
//!   7: [ * thumbprint ] }
//! ```

use crate::keys::{self, Named};
use crate::stored::{self, Birth, Fields, Held, Local, Workspace};
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::cose::{Headers, KeySigner, Sign1, sign1};
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::platform::{Fault, KeyId, Platform, SignInput};
use aseptic_core::record::{self, Kind};
use aseptic_core::time::{Time, Trust};
use aseptic_core::{Reason, Result, bytes, limits};

/// What a tombstone says, once its signature has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone<'a> {
    /// The serial number of the device.
    pub serial: &'a str,
    /// The type of its hardware.
    pub hardware_type: &'a [u8],
    /// The serial number of its hardware.
    pub hardware_serial: &'a [u8],
    /// The UDI as a URI; empty if there is none.
    pub udi: &'a str,
    /// When, as far as the device knew.
    pub time: Time,
    thumbprints: &'a [u8],
}

impl<'a> Tombstone<'a> {
    /// Reads a tombstone that `signer` has signed: the key in the birth certificate, or where that key was lost in the
    /// certificate of the owner. [`Reason::SignatureInvalid`] and [`Reason::CoseMalformed`] for anything else.
    pub fn verify(suite: &Suite<'_>, signer: PublicKey<'_>, tombstone: &'a [u8]) -> Result<Self> {
        let message = Sign1::parse(tombstone)?;
        message.verify(suite, signer, AAD, None)?;
        Self::read(message.payload.ok_or(Reason::CoseMalformed)?).map_err(|_| Reason::CoseMalformed)
    }

    fn read(payload: &'a [u8]) -> Result<Self> {
        let mut fields = Fields::new(payload)?;
        let (serial, hardware_type) = (fields.at(1)?.text()?, fields.at(2)?.bytes()?);
        let (hardware_serial, udi) = (fields.at(3)?.bytes()?, fields.at(4)?.text()?);
        let seconds = fields.at(5)?.uint()?;
        let trust = match fields.at(6)?.uint()? {
            0 => Trust::Unknown,
            1 => Trust::AtLeast,
            2 => Trust::Trusted,
            _ => return Err(Reason::CoseMalformed),
        };
        let thumbprints = fields.at(7)?.raw()?;
        fields.end()?;
        let tombstone =
            Self { serial, hardware_type, hardware_serial, udi, time: Time { seconds, trust }, thumbprints };
        let mut list = Reader::new(thumbprints, Rules::Deterministic);
        for _ in 0..list.array()? {
            list.array_of::<32>()?;
        }
        Ok(tombstone)
    }

    /// The thumbprints of the certified keys that are gone: SHA-256 of each SubjectPublicKeyInfo.
    pub fn thumbprints(&self) -> impl Iterator<Item = &'a [u8; 32]> + use<'a> {
        let mut list = Reader::new(self.thumbprints, Rules::Deterministic);
        let count = list.array().unwrap_or(0);
        core::iter::from_fn(move || list.array_of::<32>().ok()).take(count)
    }
}

/// Ends the device for good, and writes its tombstone into `out`, for which [`TOMBSTONE`] bytes suffice; gives the length.
///
/// Every key in the key store is destroyed, also those that no record names, and each is asked for once more: an error
/// ([`Reason::PlatformIo`] where a key still answers) means that the device is decommissioned and the destruction not proven.
/// Call it again then, and after power loss; or [`crate::tidy`], which does the same. Later calls give the same tombstone.
///
/// * [`Reason::NotProvisioned`] for a device that is blank, [`Reason::KeyBusy`] while a slow key store signs: nothing has
///   changed then.
/// * A device whose birth key is lost signs with the key of its owner's identity; with none left the tombstone is refused as
///   [`Reason::IdentityKeyLost`], and a factory erase is the way.
pub fn decommission(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    now: Time,
    workspace: &mut Workspace,
    out: &mut [u8],
) -> Result<usize> {
    if !is_decommissioned(platform, &mut workspace.frame)? {
        let length = sign(platform, suite, now, workspace)?;
        stored::save(platform, Kind::Tombstone, &workspace.payload, length, &mut workspace.frame)?;
        platform.event(Reason::Decommissioned, 0);
    }
    finish(platform, workspace)?;
    tombstone(platform, out)?.ok_or(Reason::Internal)
}

/// Writes the tombstone of a device that was decommissioned into `out`; gives its length, or none if it was not.
pub fn tombstone(platform: &Platform<'_>, out: &mut [u8]) -> Result<Option<usize>> {
    let mut frame = [0; record::frame(TOMBSTONE)];
    match record::load(platform.store, Kind::Tombstone, &mut frame)? {
        Some(stored) => {
            bytes::copy(stored, out).ok_or(Reason::BufferTooSmall)?;
            Ok(Some(stored.len()))
        }
        None => Ok(None),
    }
}

/// [`Reason::Decommissioned`] if the device was; `frame` is working memory.
pub(crate) fn refuse(platform: &Platform<'_>, frame: &mut [u8]) -> Result<()> {
    if is_decommissioned(platform, frame)? { Err(Reason::Decommissioned) } else { Ok(()) }
}

/// Whether a tombstone is stored. What cannot be read is an error: keys are destroyed for a tombstone that was read, and
/// nothing else goes on without knowing.
pub(crate) fn is_decommissioned(platform: &Platform<'_>, frame: &mut [u8]) -> Result<bool> {
    record::load(platform.store, Kind::Tombstone, frame).map(|found| found.is_some())
}

/// Destroys every key and every record of an identity, and tells how many keys there were. Once the tombstone is stored.
pub(crate) fn finish(platform: &Platform<'_>, workspace: &mut Workspace) -> Result<u32> {
    let destroyed = keys::sweep(platform, &Named::NOBODY)?;
    // Keys that a walk over the key store does not come by, because it is broken, are in the records.
    if let Ok(named) = Named::load(platform, workspace) {
        for id in named.ids() {
            platform.keys.destroy(id)?;
            is_gone(platform, id)?;
        }
    }
    if platform.keys.next(KeyId(0))?.is_some() {
        return Err(Reason::PlatformIo);
    }
    for kind in [Kind::LocalIdentity, Kind::AgreementKey, Kind::RenewalSecret, Kind::BirthIdentity] {
        record::erase(platform.store, kind, &mut workspace.frame)?;
    }
    Ok(destroyed)
}

/// [`Reason::PlatformIo`] unless the key neither shows its public part nor signs.
fn is_gone(platform: &Platform<'_>, id: KeyId) -> Result<()> {
    let shown = platform.keys.public(id, &mut [0; limits::PUBLIC_KEY]);
    let signed = platform.keys.sign(id, SignInput::Digest(&[0; 32]), &mut [0; limits::SIGNATURE]);
    match (shown, signed) {
        (Err(Fault::NotFound), Err(_)) => Ok(()),
        (Err(fault @ Fault::Unavailable), _) => Err(fault.into()),
        _ => Err(Reason::PlatformIo),
    }
}

/// Signs the tombstone into the payload of the workspace; gives its length.
fn sign(platform: &Platform<'_>, suite: &Suite<'_>, now: Time, workspace: &mut Workspace) -> Result<usize> {
    let mut thumbprints = [[0; 32]; 3];
    let local = Local::load(platform, &mut workspace.frame)?;
    let (current, successor) = (local.current.map(bare), local.successor.map(bare));
    let birth = Birth::load(platform, &mut workspace.frame)?.0.ok_or(Reason::NotProvisioned)?;
    let mut count = 0_usize;
    for (held, place) in [Some(birth.held), current, successor].into_iter().flatten().zip(&mut thumbprints) {
        *place = held.thumbprint;
        count = count.saturating_add(1);
    }

    let mut payload = [0; TOMBSTONE];
    let mut writer = Writer::new(&mut payload);
    writer.map(7).int(1).text(birth.serial).int(2).bytes(birth.hardware_type).int(3).bytes(birth.hardware_serial);
    writer.int(4).text(birth.udi).int(5).uint(now.seconds).int(6).uint(u64::from(now.trust as u8));
    writer.int(7).array(count);
    for thumbprint in thumbprints.iter().take(count) {
        writer.bytes(thumbprint);
    }
    let payload = writer.finish()?;

    for held in [Some(birth.held), current].into_iter().flatten() {
        let signer = match keys::public(platform, held.key, &mut [0; limits::PUBLIC_KEY]) {
            Ok(key) if key.thumbprint(suite)? == held.thumbprint => {
                KeySigner::new(platform.keys, held.key, key.alg().signs().ok_or(Reason::KeyWrongUse)?)
            }
            Ok(_) | Err(Reason::IdentityKeyLost) => continue,
            Err(reason) => return Err(reason),
        };
        let headers = Headers { kid: Some(&held.thumbprint), ..Headers::default() };
        let out = workspace.payload.get_mut(..TOMBSTONE).ok_or(Reason::Internal)?;
        return sign1(&signer, &headers, payload, false, AAD, out);
    }
    Err(Reason::IdentityKeyLost)
}

fn bare(held: Held<'_>) -> Held<'static> {
    held.key_only()
}

/// Bytes that a tombstone takes at most: two names, a hardware type, a URI, three thumbprints, a signature and its frame.
pub const TOMBSTONE: usize = 1024;
/// Keeps the signature apart from all others that a birth key makes.
const AAD: &[u8] = b"aseptic tombstone";

const _: () = assert!(TOMBSTONE >= 2 * limits::NAME + limits::OID + limits::URI + 3 * 34 + limits::SIGNATURE + 128);
