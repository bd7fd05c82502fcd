//! Certificates, requests, bundles and their transfer: nothing verifies with the keys of the seeds but the seeds, and no
//! chain leads to their anchor but theirs.

use crate::trust::KeyPair;
use aseptic_certs::crl::Scanner;
use aseptic_certs::csr::{self, Csr, CsrTemplate};
use aseptic_certs::der::{self, Reader, Writer};
use aseptic_certs::name::HardwareModuleName;
use aseptic_certs::{Certificate, Engine, base64, cms, devid, import, oid};
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey, soft};
use aseptic_core::time::Time;
use aseptic_core::trust::{Anchor, Grounds, PathEngine, Purpose};
use aseptic_core::{Reason, limits};
use std::sync::LazyLock;

static AUTHORITY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::Ed25519, 11));
static DEVICE: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::Ed25519, 12));
static ANCHOR: LazyLock<Vec<u8>> = LazyLock::new(|| certificate_of(true));
static LEAF: LazyLock<Vec<u8>> = LazyLock::new(|| certificate_of(false));

/// A certificate: every accessor, the signature, and the engine as a leaf below the anchor of the seeds.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = Certificate::parse(data) {
        let _ = (certificate.device_serial(), certificate.common_name(), certificate.uri());
        let _ = (certificate.hardware_module(), certificate.public_key(), devid::check_birth(&certificate));
        let _ = (certificate.matches_dns("pump.example"), certificate.matches_ip(&[127, 0, 0, 1]));
        assert!(certificate.not_before <= certificate.not_after);
        assert!(certificate.extensions.iter().count() <= limits::EXTENSIONS);
        if certificate.verify_signature(&soft::suite(), AUTHORITY.public()).is_ok() {
            assert!([&*ANCHOR, &*LEAF].iter().any(|seed| seed.as_slice() == data));
        }
    }
    for now in [Time::UNKNOWN, Time::trusted(1_800_000_000)] {
        if Engine.validate(&soft::suite(), &[data], &Grounds::of(&[Anchor::of(&ANCHOR)]), Purpose::Birth, now).is_ok() {
            assert_eq!(data, LEAF.as_slice());
        }
        let _ = Engine.validate(&soft::suite(), &[&LEAF], &Grounds::of(&[Anchor::of(data)]), Purpose::Birth, now);
        if Engine.validate(&soft::suite(), &[&LEAF, data], &Grounds::of(&[]), Purpose::Birth, now).is_ok() {
            panic!("a path without an anchor");
        }
    }
}

/// A certification request.
pub fn certificate_request(data: &[u8]) {
    let Ok(csr) = Csr::parse(data) else { return };
    let _ = (csr.device_serial(), csr.common_name(), csr.alternative_names().map(|names| names.iter().count()));
    if csr.verify(&soft::suite()).is_ok() && csr.public_key() == Ok(DEVICE.public()) {
        assert!(certificate_request_seeds().iter().any(|seed| seed == data));
    }
}

/// A bundle of certificates; what was read can be written and read again.
pub fn certificate_bundle(data: &[u8]) {
    let Ok(certificates) = cms::certificates(data) else { return };
    let mut list: Vec<&[u8]> = certificates.iter().collect();
    assert!(list.len() <= limits::EST_CERTIFICATES);
    let mut out = vec![0; data.len() + 64];
    let length = cms::write(&list, &mut out).expect("as much as was read, or less");
    list.sort_unstable();
    list.dedup();
    let again: Vec<&[u8]> = cms::certificates(&out[..length]).expect("our own bundle").iter().collect();
    assert_eq!(again, list);
}

/// A revocation list: in pieces it reads as in one, and nobody but the authority of the seeds signs one.
pub fn revocation_list(data: &[u8]) {
    let (suite, wanted) = (soft::suite(), [&[7_u8][..], &[0x7F; 20]]);
    let scan = |size: usize| {
        let mut scanner = Scanner::<512>::new(&wanted)?;
        data.chunks(size).try_for_each(|piece| scanner.feed(&suite, piece))?;
        scanner.scanned().copied()
    };
    let whole = scan(data.len().max(1));
    for size in [1, 7] {
        assert_eq!(
            scan(size).map(|list| *list.fingerprint()),
            whole.as_ref().map(|list| *list.fingerprint()).map_err(|r| *r)
        );
    }
    let signed = Reader::new(data).nested(der::SEQUENCE).and_then(|mut list| list.raw(der::SEQUENCE));
    let (Ok(list), Ok(signed)) = (whole, signed) else { return };
    if let Ok(list) = list.verify(&suite, &lister(), Some(&mut Parts(&[signed]))) {
        assert!(revocation_list_seeds().iter().any(|seed| seed == data));
        assert_eq!(list.revoked(wanted[0]).expect("looked for").is_some(), list.entries == 1);
    }
}

/// The authority of the seeds as one that may sign lists, which its keyUsage leaves out.
fn lister() -> Certificate<'static> {
    let mut issuer = Certificate::parse(&ANCHOR).expect("the anchor of the seeds");
    issuer.extensions.key_usage = None;
    issuer
}

/// A file of certificates: each is one that can be read, and there are no more than the bound.
pub fn certificate_import(data: &[u8]) {
    let mut out = vec![0; data.len()];
    for place in 0..=limits::EST_CERTIFICATES {
        match import::certificate(data, place, &mut out) {
            Ok(Some(length)) => {
                assert!(place < limits::EST_CERTIFICATES);
                Certificate::parse(&out[..length]).expect("what import gives is a certificate");
            }
            Ok(None) => break,
            Err(reason) => {
                assert_ne!(reason, Reason::BufferTooSmall);
                break;
            }
        }
    }
}

/// Base64 as EST transfers it, both ways and in place.
pub fn est_base64(data: &[u8]) {
    let mut text = vec![0; base64::encoded_len(data.len())];
    assert_eq!(base64::encode(data, &mut text), Ok(text.len()));
    let mut back = vec![0; data.len()];
    assert_eq!(base64::decode(&text, &mut back), Ok(data.len()));
    assert_eq!(back, data);
    let (mut apart, mut place) = (vec![0; data.len()], data.to_vec());
    let decoded = base64::decode(data, &mut apart);
    assert_eq!(base64::decode_in_place(&mut place), decoded);
    if let Ok(length) = decoded {
        assert_eq!(apart[..length], place[..length]);
    }
}

pub(super) fn certificate_seeds() -> Vec<Vec<u8>> {
    vec![LEAF.clone(), ANCHOR.clone()]
}

pub(super) fn certificate_request_seeds() -> Vec<Vec<u8>> {
    let module = HardwareModuleName { hardware_type: HARDWARE_TYPE, serial: b"PUMP-0001" };
    let full = CsrTemplate {
        serial: "PUMP-0001",
        common_name: Some("Infusion pump"),
        hardware_module: Some(module),
        uri: Some("https://id.gs1.org/01/09506000134352/21/PUMP-0001"),
    };
    let bare = CsrTemplate { common_name: None, hardware_module: None, uri: None, ..full };
    let write = |template| {
        let mut out = vec![0; limits::CSR];
        let length = csr::write(&DEVICE.private, DEVICE.public(), &template, &mut out).expect("a good template");
        out.truncate(length);
        out
    };
    vec![write(full), write(bare)]
}

pub(super) fn certificate_bundle_seeds() -> Vec<Vec<u8>> {
    let write = |certificates: &[&[u8]]| {
        let mut out = vec![0; 2048];
        let length = cms::write(certificates, &mut out).expect("room enough");
        out.truncate(length);
        out
    };
    vec![write(&[&LEAF, &ANCHOR]), write(&[])]
}

/// Nobody revoked, and the certificate number 7.
pub(super) fn revocation_list_seeds() -> Vec<Vec<u8>> {
    vec![list_of(&[]), list_of(&[&[7]])]
}

pub(super) fn certificate_import_seeds() -> Vec<Vec<u8>> {
    let pem = |label: &str, der: &[u8]| {
        let mut text = vec![0; base64::encoded_len(der.len())];
        base64::encode(der, &mut text).expect("room enough");
        [format!("-----BEGIN {label}-----\n").as_bytes(), &text, format!("-----END {label}-----\n").as_bytes()].concat()
    };
    let [bundle, _] = &certificate_bundle_seeds()[..] else { return vec![] };
    vec![LEAF.clone(), bundle.clone(), [pem("CERTIFICATE", &LEAF), pem("PKCS7", bundle)].concat()]
}

pub(super) fn est_base64_seeds() -> Vec<Vec<u8>> {
    let mut text = vec![0; base64::encoded_len(LEAF.len())];
    base64::encode(&LEAF, &mut text).expect("room enough");
    vec![text, b"Zg==\r\n".to_vec()]
}

/// A revocation list of the anchor, of number 1.
fn list_of(serials: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0; 1024];
    let mut writer = Writer::new(&mut out);
    writer.nested(der::SEQUENCE, |writer| {
        let start = writer.needed();
        writer.nested(der::SEQUENCE, |writer| {
            writer.magnitude(&[1]).element(der::SEQUENCE, ED25519);
            name(writer, oid::COMMON_NAME, "Root");
            writer.element(der::UTC_TIME, b"270101000000Z").element(der::UTC_TIME, b"270108000000Z");
            if !serials.is_empty() {
                writer.nested(der::SEQUENCE, |writer| {
                    for serial in serials {
                        writer.nested(der::SEQUENCE, |writer| {
                            writer.magnitude(serial).element(der::UTC_TIME, b"261231000000Z");
                        });
                    }
                });
            }
            // cRLNumber, 2.5.29.20.
            writer.nested(der::context(0), |writer| {
                writer.nested(der::SEQUENCE, |writer| {
                    writer.element(der::SEQUENCE, &[der::OID, 3, 0x55, 0x1D, 0x14, der::OCTET_STRING, 3, 2, 1, 1]);
                });
            });
        });
        let tbs = writer.since(start).expect("room enough").to_vec();
        let mut signature = [0; limits::SIGNATURE];
        Signer::sign(&AUTHORITY.private, &mut Parts(&[&tbs]), &mut signature).expect("an Ed25519 key");
        writer.element(der::SEQUENCE, ED25519).bit_bytes(&[&signature]);
    });
    let length = writer.finish().expect("room enough").len();
    out.truncate(length);
    out
}

/// The anchor of the seeds.
#[must_use]
pub fn anchor() -> &'static [u8] {
    &ANCHOR
}

/// The anchor, or a device below it.
fn certificate_of(authority: bool) -> Vec<u8> {
    certificate_for(if authority { &AUTHORITY } else { &DEVICE }.public(), authority)
}

/// The anchor, or a device with this key below it, signed with Ed25519 so that every run makes the same bytes.
///
/// # Panics
/// Never: a public key fits.
#[must_use]
pub fn certificate_for(key: PublicKey<'_>, authority: bool) -> Vec<u8> {
    let mut out = vec![0; 2048];
    let mut writer = Writer::new(&mut out);
    writer.nested(der::SEQUENCE, |writer| {
        let start = writer.needed();
        writer.nested(der::SEQUENCE, |writer| {
            writer.element(der::context(0), &[der::INTEGER, 1, 2]).magnitude(&[1 + u8::from(authority)]);
            writer.element(der::SEQUENCE, ED25519);
            name(writer, oid::COMMON_NAME, "Root");
            writer.nested(der::SEQUENCE, |writer| {
                writer.element(der::UTC_TIME, b"260101000000Z").element(der::GENERALIZED_TIME, b"99991231235959Z");
            });
            if authority {
                name(writer, oid::COMMON_NAME, "Root")
            } else {
                name(writer, oid::SERIAL_NUMBER, "PUMP-0001")
            }
            let [prefix, point] = key.spki();
            writer.raw(prefix).raw(point).nested(der::context(3), |writer| {
                writer.nested(der::SEQUENCE, |writer| extensions(writer, authority));
            });
        });
        let tbs = writer.since(start).expect("room enough").to_vec();
        let mut signature = [0; limits::SIGNATURE];
        Signer::sign(&AUTHORITY.private, &mut Parts(&[&tbs]), &mut signature).expect("an Ed25519 key");
        writer.element(der::SEQUENCE, ED25519).bit_bytes(&[&signature]);
    });
    let length = writer.finish().expect("room enough").len();
    out.truncate(length);
    out
}

fn name(writer: &mut Writer<'_>, kind: &[u8], value: &str) {
    writer.nested(der::SEQUENCE, |writer| {
        writer.nested(der::SET, |writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.oid(kind).element(der::PRINTABLE_STRING, value.as_bytes());
            });
        });
    });
}

fn extensions(writer: &mut Writer<'_>, authority: bool) {
    let mut extension = |kind: &[u8], critical: bool, value: &dyn Fn(&mut Writer<'_>)| {
        writer.nested(der::SEQUENCE, |writer| {
            writer.oid(kind);
            if critical {
                writer.element(der::BOOLEAN, &[0xFF]);
            }
            writer.nested(der::OCTET_STRING, |writer| value(writer));
        });
    };
    if authority {
        extension(oid::BASIC_CONSTRAINTS, true, &|writer| {
            writer.element(der::SEQUENCE, &[der::BOOLEAN, 1, 0xFF]);
        });
        extension(oid::SUBJECT_KEY_ID, false, &|writer| {
            writer.element(der::OCTET_STRING, KEY_ID);
        });
    } else {
        extension(oid::AUTHORITY_KEY_ID, false, &|writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.element(der::context_primitive(0), KEY_ID);
            });
        });
        extension(oid::SUBJECT_ALT_NAME, false, &|writer| {
            writer.nested(der::SEQUENCE, |writer| {
                writer.nested(der::context(0), |writer| {
                    writer.oid(oid::HARDWARE_MODULE_NAME).nested(der::context(0), |writer| {
                        writer.nested(der::SEQUENCE, |writer| {
                            writer.oid(HARDWARE_TYPE).element(der::OCTET_STRING, b"PUMP-0001");
                        });
                    });
                });
            });
        });
    }
    // keyCertSign, or digitalSignature.
    let usage: &[u8] = if authority { &[2, 0x04] } else { &[7, 0x80] };
    extension(oid::KEY_USAGE, true, &|writer| {
        writer.element(der::BIT_STRING, usage);
    });
}

const ED25519: &[u8] = &[der::OID, 3, 0x2B, 0x65, 0x70];
const KEY_ID: &[u8] = b"authority key 01";
/// 1.3.6.1.4.1.32473.1, of the arc for examples (RFC 5612).
pub const HARDWARE_TYPE: &[u8] = &[0x2B, 6, 1, 4, 1, 0x81, 0xFD, 0x59, 1];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_lists_of_the_authority() {
        let suite = soft::suite();
        for (count, seed) in revocation_list_seeds().iter().enumerate() {
            let signed = Reader::new(seed).nested(der::SEQUENCE).unwrap().raw(der::SEQUENCE).unwrap();
            let mut scanner = Scanner::<512>::new(&[&[7]]).unwrap();
            scanner.feed(&suite, seed).unwrap();
            let list = scanner.scanned().unwrap().verify(&suite, &lister(), Some(&mut Parts(&[signed]))).unwrap();
            assert_eq!((list.entries as usize, list.revoked(&[7]).unwrap().is_some()), (count, count == 1));
        }
    }

    #[test]
    fn the_seed_is_a_good_birth_certificate() {
        let leaf = Certificate::parse(&LEAF).unwrap();
        devid::check_birth(&leaf).unwrap();
        let anchors = [Anchor::of(&ANCHOR)];
        let grounds = Grounds::of(&anchors);
        let path = Engine.validate(&soft::suite(), &[&LEAF], &grounds, Purpose::Birth, Time::UNKNOWN).unwrap();
        assert_eq!(path.name, b"PUMP-0001");
    }
}
