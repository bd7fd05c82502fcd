//! Revocation lists with whatever a test wants in them.
#![allow(dead_code, unreachable_pub)]

use crate::common::{Issued, START, YEAR};
use aseptic_certs::Certificate;
use rcgen::SigningKey;

/// A list before it is signed.
#[derive(Clone)]
pub struct List {
    pub version: Option<u8>,
    pub this_update: u64,
    pub next_update: Option<u64>,
    /// Serial numbers (content) with the extensions of their entries (DER of the SEQUENCE, or nothing).
    pub revoked: Vec<(Vec<u8>, Vec<u8>)>,
    /// cRLNumber; none leaves it out.
    pub number: Option<Vec<u8>>,
    /// authorityKeyIdentifier of the issuer.
    pub authority: bool,
    /// Further extensions: object identifier, critical, value.
    pub extensions: Vec<(Vec<u8>, bool, Vec<u8>)>,
}

pub fn list(number: u8) -> List {
    List {
        version: Some(1),
        this_update: START + YEAR,
        next_update: Some(START + YEAR + 7 * 86_400),
        revoked: vec![],
        number: Some(vec![number]),
        authority: true,
        extensions: vec![],
    }
}

impl List {
    pub fn revoking(mut self, certificate: &[u8]) -> Self {
        self.revoked.push((Certificate::parse(certificate).unwrap().serial.to_vec(), vec![]));
        self
    }

    pub fn extended(mut self, oid: &[u8], critical: bool, value: Vec<u8>) -> Self {
        self.extensions.push((oid.to_vec(), critical, value));
        self
    }

    /// issuingDistributionPoint with a URI, if any, and further fields.
    pub fn partition(self, uri: Option<&str>, more: &[u8]) -> Self {
        let point = uri.map_or(vec![], |uri| element(0xA0, &element(0xA0, &element(0x86, uri.as_bytes()))));
        self.extended(&[0x55, 0x1D, 0x1C], true, element(0x30, &[&point[..], more].concat()))
    }

    pub fn sign(&self, issuer: &Issued) -> Vec<u8> {
        let parsed = Certificate::parse(&issuer.der).unwrap();
        let algorithm = element(0x30, signed_by(issuer));
        let mut body = self.version.map_or(vec![], |version| element(2, &[version]));
        body.extend(&algorithm);
        body.extend(element(0x30, parsed.subject.der()));
        body.extend(time(self.this_update));
        body.extend(self.next_update.map_or(vec![], time));
        if !self.revoked.is_empty() {
            let date = time(START);
            let entry = |(serial, extensions): &(Vec<u8>, Vec<u8>)| {
                element(0x30, &[&element(2, serial)[..], &date, extensions].concat())
            };
            body.extend(element(0x30, &self.revoked.iter().flat_map(entry).collect::<Vec<_>>()));
        }
        let mut extensions = vec![];
        if let Some(number) = &self.number {
            extensions.extend(extension(&[0x55, 0x1D, 0x14], false, &element(2, number)));
        }
        if let Some(id) = parsed.extensions.subject_key_id.filter(|_| self.authority) {
            extensions.extend(extension(&[0x55, 0x1D, 0x23], false, &element(0x30, &element(0x80, id))));
        }
        for (oid, critical, value) in &self.extensions {
            extensions.extend(extension(oid, *critical, value));
        }
        if !extensions.is_empty() {
            body.extend(element(0xA0, &element(0x30, &extensions)));
        }
        let tbs = element(0x30, &body);
        let signature = issuer.key.sign(&tbs).unwrap();
        element(0x30, &[&tbs[..], &algorithm, &element(3, &[&[0][..], &signature].concat())].concat())
    }
}

/// The AlgorithmIdentifier of what a key of this kind signs.
fn signed_by(issuer: &Issued) -> &'static [u8] {
    if issuer.key.algorithm() == &rcgen::PKCS_ED25519 {
        &[6, 3, 0x2B, 0x65, 0x70]
    } else {
        &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]
    }
}

pub fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { &[1, 1, 0xFF][..] } else { &[] };
    element(0x30, &[&element(6, oid)[..], critical, &element(4, value)].concat())
}

pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = match length {
        0..=0x7F => vec![tag, length as u8],
        0x80..=0xFF => vec![tag, 0x81, length as u8],
        0x100..=0xFFFF => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    out.extend(content);
    out
}

fn time(seconds: u64) -> Vec<u8> {
    let at = time::OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap();
    let (date, clock) = (at.date(), at.time());
    let text = format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}Z",
        date.year() % 100,
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    element(0x17, text.as_bytes())
}
