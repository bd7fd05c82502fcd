//! Encrypted payloads: installed as a device does it, from an envelope around the encryption info of the case.

use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Use;
use aseptic_core::cose::{self, Encrypt, Headers, RecipientKey};
use aseptic_core::crypto::soft::suite;
use aseptic_core::crypto::{Ctr, HashAlg, KeyAlg, soft};
use aseptic_core::platform::Geometry;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_core::{Reason, Result};
use aseptic_update::{Component, Device, Digest, Envelope, Session, Target};

const VENDOR: [u8; 16] = [0xA1; 16];
const CLASS: [u8; 16] = [0xC2; 16];
const DEVICE: Device<'static> = Device::new(VENDOR, CLASS, &[Component::whole(&[b"plain"])]);

/// What the payload says, by a way that shares no stream with the device: AES-GCM as a whole with its tag, or counter mode
/// from its first byte.
pub(super) fn plaintext(info: &[u8], payload: &[u8], keys: &[RecipientKey<'_>]) -> Result<Vec<u8>> {
    let message = Encrypt::parse(info)?;
    let mut failure = Reason::CoseNoRecipient;
    for key in keys {
        let mut out = vec![0; payload.len()];
        let opened = match message.header.alg {
            Some((_, true)) => message.open(&suite(), key, &[], Some(payload), &mut out),
            _ => counter(&message, payload, key, &mut out),
        };
        match opened {
            Ok(length) => {
                out.truncate(length);
                return Ok(out);
            }
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}

fn counter(message: &Encrypt<'_>, payload: &[u8], key: &RecipientKey<'_>, out: &mut [u8]) -> Result<usize> {
    let iv = message.header.iv.and_then(|iv| iv.try_into().ok()).ok_or(Reason::CoseHeader)?;
    let (mut cek, length) =
        ([0; 32], if matches!(message.header.alg, Some((alg, _)) if alg.0 == -65_532) { 32 } else { 16 });
    message.content_key(&suite(), key, &mut cek[..length])?;
    out.copy_from_slice(payload);
    soft::AesCtr.apply(&cek[..length], &iv, 0, out)?;
    Ok(out.len())
}

/// Brings `payload` into a slot: fetched in pieces, decrypted on its way, read back and compared with `plain`.
pub(super) fn install(info: &[u8], payload: &[u8], plain: &[u8], keys: &[RecipientKey<'_>]) -> Result<()> {
    let author = KeyPair::new(KeyAlg::P256, 7);
    let bytes = envelope(&author, &manifest(info, payload.len(), plain)?)?;
    let entry = Entry {
        purposes: Purposes::of(&[Purpose::UpdateInstall]),
        name: b"author",
        material: Material::Key(author.public()),
    };
    let entries = [entry];
    let trust = danger::unsigned(Authority::Manufacturer, &entries)?;
    let size = (plain.len() as u64).next_multiple_of(64);
    let bench = Bench::new(1).with_flash([Geometry { size, erase_size: 64, write_size: 8 }; 2], 0xFF);
    let platform = bench.platform();
    let authentic = Envelope::parse(&bytes)?.authenticate(&trust, &suite())?;
    let plan = authentic.plan(&suite(), &DEVICE, 0, Target::of(&platform)?)?.unlock(keys);
    let mut session = Session::begin(&platform, &suite(), &plan, Use::Idle)?;
    for piece in payload.chunks(7) {
        session.feed(&platform, &suite(), piece, Use::Idle)?;
    }
    session.finish(&platform, &suite(), Use::Idle)?;
    if bench.snapshot().flash[1].bytes.starts_with(plain) { Ok(()) } else { Err(Reason::SlotMismatch) }
}

/// A passage that is fetched, and copied decrypted into the one component.
fn manifest(info: &[u8], size: usize, plain: &[u8]) -> Result<Vec<u8>> {
    let digest = Digest::of(&suite(), HashAlg::Sha256, &[plain])?;
    let digest = cbor(|w| digest.write(w));
    let shared = cbor(|w| {
        w.array(6).int(20).map(4).int(1).bytes(&VENDOR).int(2).bytes(&CLASS);
        w.int(3).bytes(&digest).int(14).uint(plain.len() as u64);
        w.int(1).uint(15).int(2).uint(15);
    });
    let common = cbor(|w| {
        w.map(2).int(2).array(2).array(1).bytes(b"plain").array(1).bytes(b"encrypted").int(4).bytes(&shared);
    });
    let install = cbor(|w| {
        w.array(14).int(12).uint(1).int(20).map(2).int(14).uint(size as u64).int(21).text("coaps://example.com/it");
        w.int(21).uint(15).int(12).uint(0).int(20).map(2).int(19).bytes(info).int(22).uint(1).int(22).uint(15);
        w.int(3).uint(15);
    });
    let validate = cbor(|w| {
        w.array(2).int(3).uint(15);
    });
    Ok(cbor(|w| {
        w.map(5).int(1).uint(1).int(2).uint(1).int(3).bytes(&common).int(7).bytes(&validate).int(20).bytes(&install);
    }))
}

fn envelope(author: &KeyPair, manifest: &[u8]) -> Result<Vec<u8>> {
    let wrapped = cbor(|w| {
        w.bytes(manifest);
    });
    let digest = Digest::of(&suite(), HashAlg::Sha256, &[&wrapped])?;
    let digest = cbor(|w| digest.write(w));
    let mut block = vec![0; 256];
    let headers = Headers { kid: Some(&author.thumbprint), ..Headers::default() };
    let length = cose::sign1(&author.private, &headers, &digest, true, &[], &mut block)?;
    let wrapper = cbor(|w| {
        w.array(2).bytes(&digest).bytes(&block[..length]);
    });
    Ok(cbor(|w| {
        w.tag(107).map(2).int(2).bytes(&wrapper).int(3).raw(&wrapped);
    }))
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut query = Writer::new(&mut []);
    write(&mut query);
    let mut out = vec![0; query.needed()];
    write(&mut Writer::new(&mut out));
    out
}
