//! What is better found at the author's desk: what devices will refuse, and what is unwise.

use super::envelope::{Envelope, digest_of};
use super::verify::{Identity, with_authors};
use super::{Member, Outline, verify};
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::{Reason, limits};
use aseptic_update::Digest;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Devices take it; it is unwise.
    Unwise,
    /// Devices refuse it.
    Refused,
}

/// Something that the author should know. The id is stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is, in words with hyphens: for programs, and for whoever decides to live with it.
    pub id: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What it is about.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Looks at an envelope as of `now` (seconds since 1970). `keys` are those of the authors; without them a device's verdict on
/// the manifest is not asked for, and what the manifest says is looked at alone.
#[must_use]
pub fn lint(suite: &Suite<'_>, bytes: &[u8], keys: &[PublicKey<'_>], now: u64) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => {
            findings.refused("frame", error.to_string(), error.reason().remedy());
            return findings.0;
        }
    };
    if let Err(error) = envelope.whole(suite) {
        findings.refused(
            "manifest-digest",
            error.to_string(),
            "Make the envelope again; what is signed is another manifest.",
        );
    }
    findings.signatures(suite, &envelope);
    match Outline::of(&envelope) {
        Ok(outline) => {
            findings.members(suite, &outline, &envelope);
            findings.manifest(&outline, &envelope, now);
        }
        Err(error) => findings.refused("manifest", error.to_string(), error.reason().remedy()),
    }
    findings.device(suite, &envelope, bytes, keys);
    findings.0.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn refused(&mut self, id: &'static str, what: impl Into<String>, remedy: &'static str) {
        self.0.push(Finding { id, weight: Weight::Refused, what: what.into(), remedy });
    }

    fn unwise(&mut self, id: &'static str, what: impl Into<String>, remedy: &'static str) {
        self.0.push(Finding { id, weight: Weight::Unwise, what: what.into(), remedy });
    }

    fn signatures(&mut self, suite: &Suite<'_>, envelope: &Envelope) {
        let points: Vec<_> = published().collect();
        let published: Vec<_> = points.iter().filter_map(|key| PublicKey::new(KeyAlg::P256, key).ok()).collect();
        let mut signed = false;
        for (index, block) in envelope.blocks().enumerate() {
            let what = format!("signature {index}");
            match Reader::new(block, Rules::Received).tag() {
                Ok(18) => {}
                Ok(17 | 97) => {
                    self.unwise("signature-by-device", what, "A message authentication code counts for nothing: sign.");
                    continue;
                }
                _ => {
                    self.refused("signature-kind", what, "Use one COSE_Sign1 for each signer.");
                    continue;
                }
            }
            let message = match Sign1::parse(block) {
                Ok(message) => message,
                Err(reason) => {
                    self.refused(
                        "signature-malformed",
                        format!("{what}: {reason}"),
                        "Take the signature out, or make it again.",
                    );
                    continue;
                }
            };
            signed = true;
            if message.header.kid.is_none() {
                let remedy = "Name the key by its thumbprint (kid), so that devices need not try every key.";
                self.unwise("signature-unnamed", what.clone(), remedy);
            }
            if envelope.made_by(suite, block, &published).is_ok() {
                let remedy = "Everybody has the private key: sign with one of your own.";
                self.refused("published-test-key", what, remedy);
            }
        }
        if !signed {
            self.refused("unsigned", "there is no signature", "Sign it.");
        }
    }

    /// What travels beside the manifest.
    fn members(&mut self, suite: &Suite<'_>, outline: &Outline, envelope: &Envelope) {
        for (key, content) in envelope.members() {
            let own = |digest: &Digest| digest_of(suite, digest.alg(), content).is_ok_and(|own| own == *digest);
            let signed = outline.severed.get(&key).is_some_and(own);
            if !signed {
                let (id, what) = if key == Member::Text.key() {
                    ("text-unsigned", "the text is not the one that the manifest names".to_owned())
                } else {
                    ("member-unsigned", format!("member {key} is not the one that the manifest names"))
                };
                self.refused(id, what, "Take it out, or put the one back that was signed.");
            }
        }
        for (uri, payload) in envelope.payloads() {
            if payload.len() > INTEGRATED {
                let what = format!("{uri} has {} bytes", payload.len());
                self.unwise("payload-large", what, "Let devices fetch it: they hold the whole envelope in memory.");
            }
        }
    }

    fn manifest(&mut self, outline: &Outline, envelope: &Envelope, now: u64) {
        if outline.sequence == Some(0) {
            self.unwise(
                "sequence-zero",
                "the sequence number is 0",
                "Begin with 1: every device takes 0 only as its first.",
            );
        }
        for date in outline.use_before.iter().filter(|date| **date <= now) {
            let what = format!("use-before lies {} days back", now.saturating_sub(*date) / 86_400);
            self.refused("use-before-past", what, "Give it a later date, or none.");
        }
        if outline.vendors.is_empty() || outline.classes.is_empty() {
            let remedy = "Name the vendor and the class of the devices that it is for.";
            self.refused("audience-missing", "vendor or class is not named", remedy);
        }
        for (digest, size) in &outline.images {
            if size.is_none() {
                let what = format!("the size of the image with digest {digest:?} does not stand beside it");
                self.unwise("size-missing", what, "Set the size with the digest: without one devices refuse an image.");
            }
        }
        for uri in &outline.uris {
            if !uri.starts_with("https://") && !uri.starts_with('#') {
                let remedy = "Use https: others see what a hospital installs, and may hold it up.";
                self.unwise("uri-not-https", uri.clone(), remedy);
            }
            if uri.len() > limits::URI {
                self.refused("uri-long", format!("{} bytes", uri.len()), "Use a URI of 256 bytes at most.");
            }
            if uri.starts_with('#') && !envelope.payloads().any(|(name, _)| name == uri) {
                self.refused("payload-missing", uri.clone(), "Put the payload into the envelope.");
            }
        }
        for (uri, _) in envelope.payloads() {
            if !outline.uris.iter().any(|named| named == uri) {
                self.refused("payload-unnamed", uri, "Take it out: no signature covers it.");
            }
        }
        if envelope.manifest().len() > limits::MANIFEST / 2 {
            let what = format!("{} of {} bytes", envelope.manifest().len(), limits::MANIFEST);
            self.unwise("manifest-large", what, "Sever the text, and fetch what is written out of the manifest.");
        }
    }

    /// What a device of the kind that the manifest names says to it.
    fn device(&mut self, suite: &Suite<'_>, envelope: &Envelope, bytes: &[u8], keys: &[PublicKey<'_>]) {
        let signers: Vec<_> = keys
            .iter()
            .filter(|key| envelope.blocks().any(|block| envelope.made_by(suite, block, &[**key]).is_ok()))
            .collect();
        let Some(signer) = signers.first() else {
            if !keys.is_empty() {
                self.refused(
                    "signer-unknown",
                    "none of the keys that were passed has signed",
                    Reason::UnknownSigner.remedy(),
                );
            }
            return;
        };
        let identity = match Identity::named_by(envelope) {
            Ok(identity) => identity,
            // What is missing was told.
            Err(_) => return,
        };
        let key = **signer;
        if let Err(error) = with_authors(suite, &[key], |_| verify(suite, bytes, &[key], Some(&identity)))
            && !self.0.iter().any(|finding| finding.weight == Weight::Refused)
        {
            self.refused("refused", error.to_string(), error.reason().remedy());
        }
    }
}

/// Bytes of a payload inside an envelope beyond which it is better fetched: devices with 256 kB of RAM hold the envelope whole.
const INTEGRATED: usize = 64 * 1024;

/// Points of P-256 (x and y) whose private keys are printed: of draft-ietf-suit-manifest, which is libcsuit's trust anchor too,
/// and libcsuit's for a device and for a TAM. No trust store with one of them is installed.
const PUBLISHED: [[&str; 2]; 3] = [
    [
        "8496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad",
        "3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896",
    ],
    [
        "5886cd61dd875862e5aaa820e7a15274c968a9bc96048ddcace32f50c3651ba3",
        "9eed8125e932cd60c0ead3650d0a485cf726d378d1b016ed4298b2961e258f1b",
    ],
    [
        "0e908aa8f066db1f084e0c3652c63952bd99f2a5bdb22f9e01367aad03aba68b",
        "77da1bd8ac4f0cb490ba210648bf79ab164d49ad3551d71d314b2749ee42d29a",
    ],
];

/// The published keys, SEC 1 uncompressed.
fn published() -> impl Iterator<Item = Vec<u8>> {
    PUBLISHED.iter().map(|point| {
        let hex = point.concat();
        let bytes = hex
            .as_bytes()
            .chunks_exact(2)
            .filter_map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()));
        std::iter::once(4).chain(bytes).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use crate::owner::Store;
    use aseptic_core::crypto::soft;
    use aseptic_core::trust::{Authority, Purpose};

    /// The list is that of the devices: they install no store with one of these keys.
    #[test]
    fn published_keys_are_those_that_devices_refuse() {
        let signer = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let public = signer.public().unwrap();
        for key in published() {
            let key = PublicKey::new(KeyAlg::P256, &key).unwrap();
            let store =
                Store::new(Authority::Manufacturer, 1).signer(public).pin("author", &[Purpose::UpdateInstall], key);
            let error = store.sign(&soft::suite(), &[(public, &signer)]).unwrap_err();
            assert_eq!(error.reason(), Reason::PublishedTestKey);
        }
    }
}
