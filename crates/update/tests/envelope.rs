//! What an envelope must be before a word of its manifest is read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::Reason;
use aseptic_core::cbor::Writer;
use aseptic_core::crypto::soft;
use aseptic_core::trust::Purpose;
use aseptic_update::Envelope;
use common::*;
use std::collections::BTreeMap;

const IMAGE: &[u8] = b"an image of a few bytes";

fn authenticate(author: &Author, bytes: &[u8]) -> Option<Reason> {
    let suite = soft::suite();
    Envelope::parse(bytes).and_then(|envelope| envelope.authenticate(&author.trust(), &suite)).err()
}

/// An envelope with everything an envelope may have: severed install and text, and the image inside.
fn complete(author: &Author) -> Vec<u8> {
    let inside = commands(&[parameters(&[(21, text("#image"))]), (21, policy()), (3, policy())]);
    let words = cbor(|w| {
        w.map(1).text("en").map(0);
    });
    let manifest =
        Spec::new(IMAGE, 7).member(20, suit_digest(&wrap(&inside))).member(23, suit_digest(&wrap(&words))).encode();
    author.envelope(&manifest, &[member(20, &inside), member(23, &words), payload("#image", IMAGE)])
}

#[test]
fn an_authentic_envelope_becomes_a_plan() {
    let author = Author::new(1);
    let bytes = author.envelope(&Spec::new(IMAGE, 7).encode(), &[]);
    let plan = plan(&author, &bytes).unwrap();
    assert_eq!((plan.sequence(), plan.size(), plan.uri()), (7, IMAGE.len() as u64, URI));
    assert_eq!(*plan.digest(), digest(IMAGE));
    assert_eq!(plan.payload(), None);
    assert_eq!(plan.signer().name(), b"author");
    let bytes = complete(&author);
    assert_eq!(common::plan(&author, &bytes).unwrap().payload(), Some(IMAGE));
}

#[test]
fn every_flipped_bit_is_refused_with_a_reason() {
    let author = Author::new(1);
    let whole = complete(&author);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let reason = match plan(&author, &bytes) {
            Err(reason) => reason,
            // The plan names the digest of the image; what the envelope carries is judged by it when it is fed.
            Ok(plan) if plan.payload().is_some_and(|payload| digest(payload) != *plan.digest()) => {
                Reason::ImageMismatch
            }
            Ok(_) => panic!("bit {bit} of {} may be flipped", whole.len() * 8),
        };
        *reasons.entry(format!("{reason:?}")).or_default() += 1;
    }
    println!("{} bits flipped, all refused: {reasons:?}", whole.len() * 8);
    for expected in ["ManifestDigest", "SignatureInvalid", "UnknownSigner", "EnvelopeMalformed", "ImageMismatch"] {
        assert!(reasons.contains_key(expected), "{expected} never came up");
    }
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() {
    let author = Author::new(1);
    let whole = complete(&author);
    for length in 0..whole.len() {
        assert_eq!(authenticate(&author, &whole[..length]), Some(Reason::EnvelopeMalformed), "{length}");
    }
    for byte in 0..=255 {
        let longer = [whole.as_slice(), &[byte]].concat();
        assert_eq!(authenticate(&author, &longer), Some(Reason::CborTrailing));
    }
}

#[test]
fn an_unsigned_manifest_is_refused() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let bytes = envelope(&suit_digest(&wrap(&manifest)), &[], &manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::ManifestUnsigned));
}

#[test]
fn a_message_authentication_code_is_refused() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let digest = suit_digest(&wrap(&manifest));
    let block = |tag: u64| {
        cbor(|w| {
            w.tag(tag).array(4).bytes(&[0xA1, 1, 5]).map(0).null().bytes(&[7; 32]);
        })
    };
    for blocks in [vec![block(17)], vec![block(97)], vec![block(17), block(97)]] {
        let bytes = envelope(&digest, &blocks, &manifest, &[]);
        assert_eq!(authenticate(&author, &bytes), Some(Reason::SignatureByDevice));
    }
    // Beside a signature by the author it neither helps nor harms.
    let bytes = envelope(&digest, &[block(17), author.block(&digest)], &manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), None);
    let bytes = envelope(&digest, &[block(17), Author::new(2).block(&digest)], &manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::UnknownSigner));
}

#[test]
fn a_foreign_signer_is_refused_alone_and_passed_over_in_company() {
    let (author, foreigner) = (Author::new(1), Author::new(2));
    let manifest = Spec::new(IMAGE, 7).encode();
    let bytes = foreigner.envelope(&manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::UnknownSigner));
    let digest = suit_digest(&wrap(&manifest));
    let bytes = envelope(&digest, &[foreigner.block(&digest), author.block(&digest)], &manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), None);
}

#[test]
fn a_key_for_something_else_does_not_author_software() {
    let author = Author::new(1);
    let suite = soft::suite();
    let bytes = author.envelope(&Spec::new(IMAGE, 7).encode(), &[]);
    let envelope = Envelope::parse(&bytes).unwrap();
    let authors = [Purpose::UpdateInstall, Purpose::SecurityPatch];
    let others: Vec<_> = Purpose::ALL.into_iter().filter(|purpose| !authors.contains(purpose)).collect();
    let trust = author.trust_for(&others);
    assert_eq!(envelope.authenticate(&trust, &suite).err(), Some(Reason::UnknownSigner));
}

#[test]
fn a_broken_signature_by_a_known_key_refuses_the_envelope_even_beside_a_good_one() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let digest = suit_digest(&wrap(&manifest));
    let mut broken = author.block(&digest);
    *broken.last_mut().unwrap() ^= 1;
    let bytes = envelope(&digest, &[author.block(&digest), broken], &manifest, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::SignatureInvalid));
}

// CVE-2025-67903 (Mender), trailing bytes of HSS: a signature has one length.
#[test]
fn a_signature_of_any_other_length_is_refused() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let digest = suit_digest(&wrap(&manifest));
    let good = author.block(&digest);
    let signature = &good[good.len() - 64..];
    // d2 84 58 26: tag, array, head of the protected map of 38 bytes (algorithm and thumbprint).
    let protected = &good[4..42];
    for length in 0..=130 {
        let other: Vec<u8> = signature.iter().copied().cycle().take(length).collect();
        let block = cbor(|w| {
            w.tag(18).array(4).bytes(protected).map(0).null().bytes(&other);
        });
        let expected = if length == 64 { None } else { Some(Reason::SignatureInvalid) };
        assert_eq!(authenticate(&author, &envelope(&digest, &[block], &manifest, &[])), expected, "{length}");
    }
}

// wolfSSL CVE-2026-5194: the digest has the length of its algorithm, and the algorithm is signed with it.
#[test]
fn a_digest_that_is_short_empty_or_of_another_algorithm_is_refused() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let full = digest(&wrap(&manifest));
    let attempt = |alg: i64, bytes: &[u8]| {
        let digest = cbor(|w| {
            w.array(2).int(alg).bytes(bytes);
        });
        authenticate(&author, &envelope(&digest, &[author.block(&digest)], &manifest, &[]))
    };
    assert_eq!(attempt(-16, full.as_bytes()), None);
    for length in 0..32 {
        assert_eq!(attempt(-16, &full.as_bytes()[..length]), Some(Reason::EnvelopeMalformed), "{length}");
    }
    for alg in [-43, -44] {
        assert_eq!(attempt(alg, full.as_bytes()), Some(Reason::EnvelopeMalformed));
    }
    // SHAKE128, SHA-1 and an algorithm that does not exist.
    for alg in [-18, -14, 0] {
        assert_eq!(attempt(alg, full.as_bytes()), Some(Reason::AlgorithmUnsupported));
    }
    assert_eq!(attempt(-43, &[0; 48]), Some(Reason::ManifestDigest));
}

// The signature of one manifest beside another one.
#[test]
fn a_signed_digest_does_not_carry_another_manifest() {
    let author = Author::new(1);
    let old = Spec::new(IMAGE, 7).encode();
    let new = Spec::new(b"malware", 8).encode();
    let digest = suit_digest(&wrap(&old));
    let bytes = envelope(&digest, &[author.block(&digest)], &new, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::ManifestDigest));
    let forged = suit_digest(&wrap(&new));
    let bytes = envelope(&forged, &[author.block(&digest)], &new, &[]);
    assert_eq!(authenticate(&author, &bytes), Some(Reason::SignatureInvalid));
}

#[test]
fn the_manifest_does_not_come_before_what_authenticates_it() {
    let author = Author::new(1);
    let manifest = Spec::new(IMAGE, 7).encode();
    let digest = suit_digest(&wrap(&manifest));
    let wrapper = cbor(|w| {
        w.array(2).bytes(&digest).bytes(&author.block(&digest));
    });
    let build = |write: &dyn Fn(&mut Writer<'_>)| authenticate(&author, &cbor(|w| write(w)));
    let malformed = Some(Reason::EnvelopeMalformed);
    let swapped = build(&|w| {
        w.tag(107).map(2).int(3).bytes(&manifest).int(2).bytes(&wrapper);
    });
    assert_eq!(swapped, malformed);
    let doubled = build(&|w| {
        w.tag(107).map(3).int(2).bytes(&wrapper).int(3).bytes(&manifest).int(3).bytes(&manifest);
    });
    assert_eq!(doubled, malformed);
    let unknown = build(&|w| {
        w.tag(107).map(3).int(2).bytes(&wrapper).int(3).bytes(&manifest).int(1).bytes(&[]);
    });
    assert_eq!(unknown, malformed);
    let untagged = build(&|w| {
        w.map(2).int(2).bytes(&wrapper).int(3).bytes(&manifest);
    });
    assert_eq!(untagged, malformed);
    let bare = build(&|w| {
        w.tag(107).map(1).int(2).bytes(&wrapper);
    });
    assert_eq!(bare, malformed);
}

#[test]
fn what_exceeds_a_bound_is_refused_before_any_cryptography() {
    let author = Author::new(1);
    let manifest = vec![0; aseptic_core::limits::MANIFEST + 1];
    assert_eq!(authenticate(&author, &author.envelope(&manifest, &[])), Some(Reason::TooLarge));
    let manifest = Spec::new(IMAGE, 7).encode();
    let digest = suit_digest(&wrap(&manifest));
    let blocks: Vec<_> = (0..=aseptic_core::limits::AUTH_BLOCKS).map(|_| author.block(&digest)).collect();
    assert_eq!(authenticate(&author, &envelope(&digest, &blocks, &manifest, &[])), Some(Reason::TooLarge));
    let payloads: Vec<_> = (0..5).map(|at| payload(&format!("#{at}"), IMAGE)).collect();
    assert_eq!(authenticate(&author, &author.envelope(&manifest, &payloads)), Some(Reason::TooLarge));
}
