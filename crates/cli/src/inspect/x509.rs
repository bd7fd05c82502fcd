//! Certificates, requests and revocation lists, through x509-parser.

use super::names::hardware_module;
pub(crate) use super::names::{dotted, uri};
use crate::tree::{Node, show};
use aseptic_certs::{cms, der, oid};
use aseptic_core::{Reason, Result};
use x509_parser::prelude::*;

/// The tree of a DER certificate, request, revocation list, bundle or key.
pub(crate) fn der(bytes: &[u8]) -> Result<Node> {
    if let Some(certificate) = whole(X509Certificate::from_der(bytes)) {
        return Ok(self::certificate(&certificate));
    }
    if let Some(request) = whole(X509CertificationRequest::from_der(bytes)) {
        return Ok(self::request(&request));
    }
    if let Some(list) = whole(CertificateRevocationList::from_der(bytes)) {
        return Ok(revocation_list(&list));
    }
    if let Some(key) = whole(SubjectPublicKeyInfo::from_der(bytes)) {
        return Ok(public_key(&key));
    }
    if is_private_key(bytes) {
        return Ok(private_key(bytes.len()));
    }
    bundle(bytes)
}

/// A private key of so many bytes.
pub(crate) fn private_key(size: usize) -> Node {
    Node::leaf("private key", format!("{size} bytes")).meaning("not shown")
}

/// The number of a key algorithm in our own formats.
pub(crate) const fn key_kind(number: u64) -> &'static str {
    match number {
        1 => "P-256",
        2 => "Ed25519",
        3 => "X25519",
        4 => "HSS/LMS with SHA-256",
        5 => "HSS/LMS with SHA-256/192",
        6 => "thumbprint, ML-DSA-44",
        7 => "thumbprint, ML-DSA-65",
        8 => "thumbprint, ML-DSA-87",
        _ => "unknown kind",
    }
}

/// PKCS#8 (RFC 5958) and the older forms for elliptic curves (RFC 5915) and RSA (RFC 8017 appendix A.1.2): a version, then
/// an algorithm and the key, the key itself, or eight numbers.
fn is_private_key(bytes: &[u8]) -> bool {
    let mut outer = der::Reader::new(bytes);
    let Ok(mut key) = outer.nested(der::SEQUENCE) else { return false };
    let version = key.small();
    if outer.end().is_ok() && key.peek() == Some(der::INTEGER) {
        return version == Ok(0) && (0..8).all(|_| key.integer().is_ok());
    }
    let next = if key.peek() == Some(der::SEQUENCE) { key.read(der::SEQUENCE).is_ok() } else { true };
    outer.end().is_ok() && matches!(version, Ok(0 | 1)) && next && key.read(der::OCTET_STRING).is_ok()
}

/// CMS that only carries certificates; the last resort, so that what is none is malformed DER first of all.
fn bundle(bytes: &[u8]) -> Result<Node> {
    let signed = {
        let mut outer = der::Reader::new(bytes);
        outer.nested(der::SEQUENCE).and_then(|mut inner| inner.oid()) == Ok(oid::SIGNED_DATA)
    };
    if !signed {
        return Err(Reason::DerMalformed);
    }
    let children: Vec<_> = cms::certificates(bytes)?
        .iter()
        .map(|bytes| match whole(X509Certificate::from_der(bytes)) {
            Some(certificate) => self::certificate(&certificate),
            None => Node::bytes("certificate", bytes).meaning("malformed"),
        })
        .collect();
    Ok(Node::new("certificate bundle", format!("{} certificates", children.len()), children)
        .meaning("CMS certs-only (RFC 5652), as EST answers with"))
}

/// The parser leaves trailing bytes to its caller.
fn whole<T, E>(parsed: std::result::Result<(&[u8], T), E>) -> Option<T> {
    parsed.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

fn certificate(certificate: &X509Certificate<'_>) -> Node {
    let validity = certificate.validity();
    let endless = validity.not_after.to_string().contains("9999");
    Node::new(
        "certificate",
        "",
        vec![
            Node::leaf("version", (certificate.version().0 + 1).to_string()),
            Node::leaf("serial", certificate.raw_serial_as_string()).meaning("unique for its issuer"),
            name("issuer", certificate.issuer()),
            Node::leaf("not before", validity.not_before.to_string()),
            Node::leaf("not after", validity.not_after.to_string()).meaning(if endless {
                "no end: the birth identity of a device (IEEE 802.1AR)"
            } else {
                ""
            }),
            name("subject", certificate.subject()),
            public_key(certificate.public_key()),
            extensions(certificate.extensions()),
            algorithm(&certificate.signature_algorithm),
            signature(&certificate.signature_value.data),
        ],
    )
    .meaning("X.509 (RFC 5280)")
}

fn request(request: &X509CertificationRequest<'_>) -> Node {
    let info = &request.certification_request_info;
    let mut asked = Vec::new();
    if let Some(list) = request.requested_extensions() {
        asked.extend(list.map(|extension| Node::new(kind(extension), value(extension, "", &[]), details(extension))));
    }
    Node::new(
        "certification request",
        "",
        vec![
            name("subject", &info.subject),
            public_key(&info.subject_pki),
            Node::new("requested extensions", asked.len().to_string(), asked),
            algorithm(&request.signature_algorithm),
            signature(&request.signature_value.data).meaning("by the key itself: proof that the requester holds it"),
        ],
    )
    .meaning("PKCS#10 (RFC 2986)")
}

fn revocation_list(list: &CertificateRevocationList<'_>) -> Node {
    let revoked: Vec<_> = list
        .iter_revoked_certificates()
        .map(|entry| {
            let reason = entry.reason_code().map_or_else(String::new, |(_, reason)| reason.to_string());
            Node::leaf(entry.raw_serial_as_string(), format!("revoked {}", entry.revocation_date)).meaning(reason)
        })
        .collect();
    Node::new(
        "certificate revocation list",
        "",
        vec![
            name("issuer", list.issuer()),
            Node::leaf("number", list.crl_number().map_or_else(|| "none".into(), ToString::to_string))
                .meaning("a lower one is older"),
            Node::leaf("this update", list.last_update().to_string()),
            Node::leaf("next update", list.next_update().map_or_else(|| "none".into(), |time| time.to_string())),
            Node::new("revoked", revoked.len().to_string(), revoked),
            algorithm(&list.signature_algorithm),
            signature(&list.signature_value.data),
        ],
    )
    .meaning("RFC 5280 section 5")
}

fn name(label: &str, name: &X509Name<'_>) -> Node {
    let attributes = name
        .iter_attributes()
        .map(|attribute| {
            let oid = attribute.attr_type().to_id_string();
            let (short, meaning) = match oid.as_str() {
                "2.5.4.3" => ("commonName", ""),
                "2.5.4.5" => ("serialNumber", "the device (IEEE 802.1AR)"),
                "2.5.4.6" => ("country", ""),
                "2.5.4.10" => ("organization", ""),
                "2.5.4.11" => ("organizationalUnit", ""),
                other => (other, ""),
            };
            Node::leaf(short, attribute.as_str().unwrap_or("(not text)")).meaning(meaning)
        })
        .collect();
    Node::new(label, name.to_string(), attributes)
}

fn public_key(key: &SubjectPublicKeyInfo<'_>) -> Node {
    let algorithm = key.algorithm.algorithm.to_id_string();
    let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
    let meaning = match (algorithm.as_str(), curve.as_deref()) {
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => "P-256",
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => "P-384",
        ("1.2.840.113549.1.1.1", _) => "RSA",
        ("1.3.101.112", _) => "Ed25519",
        ("1.3.101.110", _) => "X25519",
        _ => "another algorithm",
    };
    Node::bytes("public key", &key.subject_public_key.data).meaning(meaning)
}

fn algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Node {
    let oid = algorithm.algorithm.to_id_string();
    let name = match oid.as_str() {
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.840.113549.1.1.5" => "RSA with SHA-1, which proves nothing any more",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        _ => "an algorithm that this command does not know",
    };
    Node::leaf("signature algorithm", oid).meaning(name)
}

fn signature(bytes: &[u8]) -> Node {
    Node::bytes("signature", bytes)
}

fn extensions(list: &[X509Extension<'_>]) -> Node {
    let children = list
        .iter()
        .map(|extension| {
            let critical = if extension.critical { ", critical" } else { "" };
            let oid = extension.oid.to_id_string();
            let parsed = extension.parsed_extension();
            Node::new(format!("{}{critical}", kind(parsed)), value(parsed, &oid, extension.value), details(parsed))
        })
        .collect();
    Node::new("extensions", list.len().to_string(), children)
}

fn kind(extension: &ParsedExtension<'_>) -> &'static str {
    match extension {
        ParsedExtension::BasicConstraints(_) => "basic constraints",
        ParsedExtension::KeyUsage(_) => "key usage",
        ParsedExtension::ExtendedKeyUsage(_) => "extended key usage",
        ParsedExtension::SubjectAlternativeName(_) => "subject alternative name",
        ParsedExtension::SubjectKeyIdentifier(_) => "subject key identifier",
        ParsedExtension::AuthorityKeyIdentifier(_) => "authority key identifier",
        ParsedExtension::CRLDistributionPoints(_) => "CRL distribution points",
        ParsedExtension::NameConstraints(_) => "name constraints",
        _ => "extension",
    }
}

fn value(extension: &ParsedExtension<'_>, oid: &str, raw: &[u8]) -> String {
    match extension {
        ParsedExtension::BasicConstraints(constraints) if constraints.ca => match constraints.path_len_constraint {
            Some(length) => format!("CA, at most {length} CAs below"),
            None => "CA".into(),
        },
        ParsedExtension::BasicConstraints(_) => "no CA".into(),
        ParsedExtension::KeyUsage(usage) => usage.to_string(),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let known = [
                (usage.server_auth, "serverAuth"),
                (usage.client_auth, "clientAuth"),
                (usage.any, "any"),
                (usage.code_signing, "codeSigning"),
            ];
            let mut names: Vec<String> = known.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).into()).collect();
            names.extend(usage.other.iter().map(|oid| match oid.to_id_string().as_str() {
                "1.3.6.1.5.5.7.3.28" => "cmcRA (registrar)".into(),
                "1.3.6.1.5.5.7.3.43" => "updatePackageSigning".into(),
                other => other.to_owned(),
            }));
            names.join(", ")
        }
        ParsedExtension::SubjectKeyIdentifier(id) => show(id.0),
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            id.key_identifier.as_ref().map_or_else(String::new, |id| show(id.0))
        }
        ParsedExtension::SubjectAlternativeName(_) => String::new(),
        _ => format!("{oid} {}", show(raw)).trim().to_owned(),
    }
}

fn details(extension: &ParsedExtension<'_>) -> Vec<Node> {
    let ParsedExtension::SubjectAlternativeName(names) = extension else {
        return Vec::new();
    };
    names
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(host) => Node::leaf("DNS name", *host),
            GeneralName::URI(link) => uri(link),
            GeneralName::IPAddress(address) => Node::bytes("IP address", address),
            GeneralName::OtherName(oid, value) if oid.to_id_string() == "1.3.6.1.5.5.7.8.4" => hardware_module(value)
                .unwrap_or_else(|_| Node::bytes("hardware module name", value).meaning("malformed")),
            other => Node::leaf("other name", other.to_string()),
        })
        .collect()
}
