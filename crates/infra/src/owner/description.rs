//! A trust store as its author describes it, in TOML.

use super::Store;
use crate::error::While;
use crate::{Error, Result};
use aseptic_certs::Certificate;
use aseptic_certs::constraints::Wanted;
use aseptic_core::clinical::{Failure, Path as Row, Response};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::trust::{Anchor, Authority, Purpose};
use aseptic_core::{Reason, limits};
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A description with all that it names, read from files.
///
/// ```toml
/// authority = "owner"                       # or "manufacturer"
/// threshold = 2                             # optional; 1 without it
/// signers = ["alice.pub", "bob.pub"]        # public keys or certificates, in PEM
/// deny = ["lost.pub"]                       # here and below: a public key, a certificate, or 64 hexadecimal digits
///
/// [[anchor]]
/// name = "hospital"
/// purposes = ["network", "telemetry", "alarm"]
/// certificate = "root.pem"
/// successor = "next-root.pem"               # optional (RFC 8649)
/// path-length = 1                           # optional, as all that follows (RFC 5914)
/// permitted-dns = ["hospital.example"]
/// excluded-dns = ["guests.hospital.example"]
/// permitted-ip = ["10.0.0.0/8"]
/// excluded-ip = ["10.9.0.0/16"]
/// policies = ["1.3.6.1.4.1.32473.7"]        # one of them is required
///
/// [[key]]
/// name = "record-adapter-1"
/// purposes = ["receive"]
/// public = "adapter.pub"
///
/// [[minimum]]                               # no older revocation list is believed
/// issuer = "issuing.pem"
/// number = 17
///
/// [[response]]                              # of the owner alone
/// path = "observation-out"
/// failure = "peer-revoked"
/// response = "refuse"
/// justification = "ward 7 keeps no revoked sender"
///
/// [[quorum]]
/// purpose = "update-install"
/// keys = 2
/// both-families = true                      # optional: one classical and one post-quantum signature among them
///
/// [[retire]]                                # from then on, signatures of this algorithm under software do not count
/// algorithm = "p256"                        # p256, ed25519, hss-lms256, hss-lms192, ml-dsa44, ml-dsa65, ml-dsa87
/// at = 1_893_456_000                        # seconds since 1970
/// ```
///
/// Keys of ML-DSA are pinned by their thumbprint, which keeps the store small; they travel with what they sign.
///
/// Unknown fields are refused.
#[derive(Clone, Debug)]
pub struct Description {
    raw: Raw,
    signers: Vec<Vec<u8>>,
    anchors: Vec<Read>,
    keys: Vec<(Vec<u8>, [u8; 32])>,
    denied: Vec<[u8; 32]>,
    minimums: Vec<([u8; 32], [u8; 8])>,
}

/// What an anchor is made of.
#[derive(Clone, Debug)]
struct Read {
    certificate: Vec<u8>,
    constraints: Vec<u8>,
    successor: Option<[u8; 32]>,
}

impl Description {
    /// Reads a description; `read` gives the bytes of the files that it names. [`Reason::DescriptionInvalid`] says what is wrong.
    pub fn parse(suite: &Suite<'_>, text: &str, read: &dyn Fn(&Path) -> Result<Vec<u8>>) -> Result<Self> {
        let raw: Raw = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let files = Files { suite, read };
        let anchors = raw.anchor.iter().map(|entry| {
            let certificate = files.certificate(&entry.certificate)?;
            let successor = entry.successor.as_deref().map(|text| files.thumbprint(text)).transpose()?;
            Ok(Read { constraints: entry.constraints(&certificate)?, certificate, successor })
        });
        Ok(Self {
            signers: raw.signers.iter().map(|path| files.public(path)).collect::<Result<_>>()?,
            anchors: anchors.collect::<Result<_>>()?,
            keys: raw.key.iter().map(|entry| files.pinned(&entry.public)).collect::<Result<_>>()?,
            denied: raw.deny.iter().map(|text| files.thumbprint(text)).collect::<Result<_>>()?,
            minimums: raw
                .minimum
                .iter()
                .map(|entry| Ok((files.thumbprint(&entry.issuer)?, entry.number.to_be_bytes())))
                .collect::<Result<_>>()?,
            raw,
        })
    }

    /// Whose store it describes.
    #[must_use]
    pub const fn authority(&self) -> Authority {
        match self.raw.authority {
            Who::Manufacturer => Authority::Manufacturer,
            Who::Owner => Authority::Owner,
        }
    }

    /// The store, made at `issued` (seconds since 1970), to be signed.
    pub fn store(&self, issued: u64) -> Result<Store<'_>> {
        let mut store = Store::new(self.authority(), issued).threshold(self.raw.threshold);
        for spki in &self.signers {
            store = store.signer(key(spki)?);
        }
        for (entry, Read { certificate, constraints, successor }) in self.raw.anchor.iter().zip(&self.anchors) {
            let anchor = Anchor { certificate, constraints, successor: successor.as_ref() };
            store = store.believe(&entry.name, &purposes(&entry.purposes)?, anchor);
        }
        for (entry, (spki, thumbprint)) in self.raw.key.iter().zip(&self.keys) {
            let (purposes, key) = (purposes(&entry.purposes)?, key(spki)?);
            store = match key.alg() {
                alg if alg.by_value() => store.pin(&entry.name, &purposes, key),
                alg => store.pin_thumbprint(&entry.name, &purposes, alg, thumbprint),
            };
        }
        for thumbprint in &self.denied {
            store = store.deny(*thumbprint);
        }
        for (issuer, number) in &self.minimums {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            store = store.minimum(issuer, number.get(zeros..).unwrap_or_default());
        }
        for change in &self.raw.response {
            let row = word("path", &change.path, &ROWS)?;
            let failure = word("failure", &change.failure, &FAILURES)?;
            let response = word("response", &change.response, &RESPONSES)?;
            store = store.respond(row, failure, response, &change.justification);
        }
        for quorum in &self.raw.quorum {
            let purpose = word("purpose", &quorum.purpose, &Purpose::ALL)?;
            store = match quorum.both_families {
                true => store.quorum_of_both_families(purpose, quorum.keys),
                false => store.quorum(purpose, quorum.keys),
            };
        }
        for retirement in &self.raw.retire {
            store = store.retire(word("algorithm", &retirement.algorithm, &KeyAlg::ALL)?, retirement.at);
        }
        Ok(store)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Who {
    Manufacturer,
    Owner,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    authority: Who,
    #[serde(default = "one")]
    threshold: u64,
    signers: Vec<PathBuf>,
    #[serde(default)]
    deny: Vec<String>,
    #[serde(default)]
    anchor: Vec<RawAnchor>,
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    minimum: Vec<RawMinimum>,
    #[serde(default)]
    response: Vec<RawResponse>,
    #[serde(default)]
    quorum: Vec<RawQuorum>,
    #[serde(default)]
    retire: Vec<RawRetirement>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawAnchor {
    name: String,
    purposes: Vec<String>,
    certificate: PathBuf,
    successor: Option<String>,
    path_length: Option<u32>,
    #[serde(default)]
    permitted_dns: Vec<String>,
    #[serde(default)]
    excluded_dns: Vec<String>,
    #[serde(default)]
    permitted_ip: Vec<String>,
    #[serde(default)]
    excluded_ip: Vec<String>,
    #[serde(default)]
    policies: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawKey {
    name: String,
    purposes: Vec<String>,
    public: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMinimum {
    issuer: String,
    number: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResponse {
    path: String,
    failure: String,
    response: String,
    justification: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawQuorum {
    purpose: String,
    keys: u8,
    #[serde(default)]
    both_families: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetirement {
    algorithm: String,
    at: u64,
}

impl RawAnchor {
    /// CertPathControls, or nothing if nothing is constrained.
    fn constraints(&self, certificate: &[u8]) -> Result<Vec<u8>> {
        let addresses = |list: &[String]| list.iter().map(|text| subnet(text)).collect::<Result<Vec<_>>>();
        let (permitted, excluded) = (addresses(&self.permitted_ip)?, addresses(&self.excluded_ip)?);
        let policies = self.policies.iter().map(|text| oid(text)).collect::<Result<Vec<_>>>()?;
        let wanted = Wanted {
            path_length: self.path_length,
            permitted_dns: &slices(&self.permitted_dns),
            excluded_dns: &slices(&self.excluded_dns),
            permitted_ip: &slices(&permitted),
            excluded_ip: &slices(&excluded),
            policies: &slices(&policies),
        };
        if wanted == Wanted::default() {
            return Ok(Vec::new());
        }
        let mut out = vec![0; limits::TRUST_STORE];
        let certificate = Certificate::parse(certificate).during("reading an anchor")?;
        let length = wanted.write(&certificate, &mut out).during("writing the constraints of an anchor")?;
        out.truncate(length);
        Ok(out)
    }
}

fn slices<T: ?Sized, O: AsRef<T>>(list: &[O]) -> Vec<&T> {
    list.iter().map(AsRef::as_ref).collect()
}

/// What a description names by file.
struct Files<'f> {
    suite: &'f Suite<'f>,
    read: &'f dyn Fn(&Path) -> Result<Vec<u8>>,
}

impl Files<'_> {
    fn certificate(&self, path: &Path) -> Result<Vec<u8>> {
        let bytes = (self.read)(path)?;
        if bytes.first() == Some(&0x30) {
            return Ok(bytes);
        }
        self.block(path, &bytes, &["CERTIFICATE"]).map(|(_, der)| der)
    }

    /// The SubjectPublicKeyInfo of a public key or of a certificate.
    fn public(&self, path: &Path) -> Result<Vec<u8>> {
        let bytes = (self.read)(path)?;
        let (tag, der) = if bytes.first() == Some(&0x30) {
            ("CERTIFICATE".to_owned(), bytes)
        } else {
            self.block(path, &bytes, &["PUBLIC KEY", "CERTIFICATE"])?
        };
        if tag == "PUBLIC KEY" {
            return Ok(der);
        }
        let certificate = Certificate::parse(&der).map_err(|reason| Error::new(reason, path.display().to_string()))?;
        Ok(certificate.spki.to_vec())
    }

    /// The same with its thumbprint.
    fn pinned(&self, path: &Path) -> Result<(Vec<u8>, [u8; 32])> {
        let spki = self.public(path)?;
        let thumbprint = self.suite.sha256(&[&spki]).during("hashing a public key")?;
        Ok((spki, thumbprint))
    }

    fn thumbprint(&self, text: &str) -> Result<[u8; 32]> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let mut out = [0; 32];
            for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
                *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
            }
            return Ok(out);
        }
        self.suite.sha256(&[&self.public(Path::new(text))?]).during("hashing a public key")
    }

    fn block(&self, path: &Path, bytes: &[u8], tags: &[&str]) -> Result<(String, Vec<u8>)> {
        let blocks = pem::parse_many(bytes).unwrap_or_default();
        match blocks.as_slice() {
            [block] if tags.contains(&block.tag()) => Ok((block.tag().to_owned(), block.contents().to_vec())),
            _ => Err(invalid(format!("{} holds something else than one {}", path.display(), tags.join(" or ")))),
        }
    }
}

fn key(spki: &[u8]) -> Result<PublicKey<'_>> {
    PublicKey::from_spki(spki).during("reading a public key")
}

fn purposes(names: &[String]) -> Result<Vec<Purpose>> {
    names.iter().map(|name| word("purpose", name, &Purpose::ALL)).collect()
}

/// The value whose name this is, written with hyphens.
fn word<T: Copy + std::fmt::Debug>(what: &str, name: &str, all: &[T]) -> Result<T> {
    let known = |value: &T| {
        let mut written = String::new();
        for letter in format!("{value:?}").chars() {
            if letter.is_ascii_uppercase() && !written.is_empty() {
                written.push('-');
            }
            written.push(letter.to_ascii_lowercase());
        }
        written
    };
    all.iter().copied().find(|value| known(value) == name).ok_or_else(|| {
        invalid(format!("{what} \"{name}\" is none of {}", all.iter().map(known).collect::<Vec<_>>().join(", ")))
    })
}

/// `10.0.0.0/8` as address and mask.
fn subnet(text: &str) -> Result<Vec<u8>> {
    let parsed = || {
        let (address, prefix) = text.split_once('/')?;
        let address = match address.parse().ok()? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let prefix: usize = prefix.parse().ok()?;
        let bits = address.len().checked_mul(8)?;
        let mask = (0..bits).map(|bit| bit < prefix).collect::<Vec<_>>();
        let mask = mask.chunks(8).map(|bits| bits.iter().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit)));
        (prefix <= bits).then(|| address.iter().copied().chain(mask).collect())
    };
    parsed().ok_or_else(|| invalid(format!("\"{text}\" is no subnet like 10.0.0.0/8")))
}

/// The content bytes of an object identifier (X.690 section 8.19).
fn oid(text: &str) -> Result<Vec<u8>> {
    let parsed = || {
        let arcs = text.split('.').map(|arc| arc.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
        let [first @ 0..=2, second, rest @ ..] = arcs.as_slice() else { return None };
        if *first < 2 && *second > 39 {
            return None;
        }
        let joined = first.checked_mul(40)?.checked_add(*second)?;
        let mut out = Vec::new();
        for arc in std::iter::once(&joined).chain(rest) {
            let groups = (0..10_u32).rev().map(|group| u8::try_from(arc >> (group * 7) & 0x7F).unwrap_or(0));
            let significant: Vec<_> = groups.skip_while(|group| *group == 0).collect();
            let (last, before) = significant.split_last().unwrap_or((&0, &[]));
            out.extend(before.iter().map(|group| group | 0x80));
            out.push(*last);
        }
        Some(out)
    };
    parsed().ok_or_else(|| invalid(format!("\"{text}\" is no object identifier")))
}

fn invalid(context: String) -> Error {
    Error::new(Reason::DescriptionInvalid, format!("reading the description: {context}"))
}

const fn one() -> u64 {
    1
}

const ROWS: [Row; 6] =
    [Row::ObservationOut, Row::AlarmOut, Row::CommandIn, Row::ConfigurationIn, Row::UpdateIn, Row::Enrol];
const FAILURES: [Failure; 7] = [
    Failure::PeerExpired,
    Failure::PeerLongExpired,
    Failure::PeerRevoked,
    Failure::OwnExpired,
    Failure::Forged,
    Failure::ListAgeing,
    Failure::PeerUnknown,
];
const RESPONSES: [Response; 3] = [Response::Flag, Response::Hold, Response::Refuse];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use aseptic_core::crypto::soft;

    #[test]
    fn both_families_and_a_retirement_are_written_and_a_long_key_by_its_thumbprint() {
        let suite = soft::suite();
        let (charge, classical) =
            (AuthorityKey::generate(KeyAlg::P256).unwrap(), AuthorityKey::generate(KeyAlg::P256).unwrap());
        let pem = |spki: Vec<u8>| pem::encode(&pem::Pem::new("PUBLIC KEY", spki)).into_bytes();
        let long = [7; 1952];
        let long = PublicKey::new(KeyAlg::MlDsa65, &long).unwrap().spki().concat();
        let hash = [0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 8].into_iter().chain([7; 40]).collect::<Vec<u8>>();
        let hash = PublicKey::new(KeyAlg::HssLms192, &hash).unwrap().spki().concat();
        let read = |path: &Path| {
            Ok(match path.to_str() {
                Some("charge.pub") => pem(charge.public().unwrap().spki().concat()),
                Some("classical.pub") => pem(classical.public().unwrap().spki().concat()),
                Some("long.pub") => pem(long.clone()),
                _ => pem(hash.clone()),
            })
        };
        let key = |file: &str| format!("[[key]]\nname = \"a\"\npurposes = [\"update-install\"]\npublic = \"{file}\"\n");
        let text = |keys: &[&str], rest: &str| {
            let keys: String = keys.iter().map(|file| key(file)).collect();
            format!("authority = \"manufacturer\"\nsigners = [\"charge.pub\"]\n{keys}{rest}")
        };
        let quorum = "[[quorum]]\npurpose = \"update-install\"\nkeys = 2\nboth-families = true\n";
        let retire = "[[retire]]\nalgorithm = \"p256\"\nat = 1_893_456_000\n";
        let sign = |text: &str| {
            let description = Description::parse(&suite, text, &read)?;
            description.store(1)?.sign(&suite, &[(charge.public().unwrap(), &charge)])
        };
        let whole = text(&["classical.pub", "long.pub", "hash.pub"], &format!("{quorum}{retire}"));
        let object = sign(&whole).unwrap();
        assert!(object.len() < 600, "{} bytes", object.len());
        let stranding = text(&["classical.pub", "long.pub"], &format!("{quorum}{retire}"));
        assert_eq!(sign(&stranding).unwrap_err().reason(), Reason::TrustMalformed);
        let unknown = whole.replace("p256", "rsa");
        assert_eq!(sign(&unknown).unwrap_err().reason(), Reason::DescriptionInvalid);
    }
}
