//! Who must sign before software is installed: quorums, roles, approval, and every way around them that others met.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::crypto::soft;
use aseptic_core::trust::{
    self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Quorum, StoreContent, Trust, TrustBuffers,
};
use aseptic_core::{Reason, limits};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::{KeyPair, signed};
use aseptic_update::{Envelope, Role};
use common::*;

const IMAGE: &[u8] = b"an image of a few bytes";

/// Three authors of releases, two of patches, and the hospital's keys; 1 and 2 of each may stand for any number.
struct Cast {
    authors: [Author; 3],
    patchers: [Author; 2],
    approvers: [Author; 2],
    charge: KeyPair,
}

fn entry<'a>(author: &'a Author, name: &'a [u8], purpose: Purpose) -> Entry<'a> {
    Entry { purposes: Purposes::of(&[purpose]), name, material: Material::Key(author.public()) }
}

impl Cast {
    fn new() -> Self {
        Self {
            authors: [1, 2, 3].map(Author::new),
            patchers: [4, 5].map(Author::new),
            approvers: [6, 7].map(Author::new),
            charge: KeyPair::new(aseptic_core::crypto::KeyAlg::P256, 9),
        }
    }

    fn entries(&self, authority: Authority) -> Vec<Entry<'_>> {
        match authority {
            Authority::Manufacturer => {
                let authors = self.authors.iter().map(|key| entry(key, b"author", Purpose::UpdateInstall));
                authors.chain(self.patchers.iter().map(|key| entry(key, b"patcher", Purpose::SecurityPatch))).collect()
            }
            Authority::Owner => {
                self.approvers.iter().map(|key| entry(key, b"approver", Purpose::UpdateApprove)).collect()
            }
        }
    }

    fn store(&self, authority: Authority, entries: &[Entry<'_>], quorums: &[Quorum]) -> Vec<u8> {
        let signers = [self.charge.public()];
        let content = StoreContent {
            authority,
            version: 1,
            issued: 1_700_000_000,
            threshold: 1,
            signers: &signers,
            entries,
            denied: &[],
            overrides: &[],
            quorums,
            retirements: &[],
            minimums: &[],
            epoch: 1,
        };
        signed(&content, &[&self.charge])
    }

    /// A device with both stores.
    fn device(&self, manufacturer: &[Quorum], owner: &[Quorum]) -> Bench {
        let bench = Bench::new(1);
        for (authority, quorums) in [(Authority::Manufacturer, manufacturer), (Authority::Owner, owner)] {
            install(&bench, authority, &self.store(authority, &self.entries(authority), quorums)).unwrap();
        }
        bench
    }
}

fn install(bench: &Bench, authority: Authority, object: &[u8]) -> aseptic_core::Result<()> {
    let present = PhysicalPresence::confirmed_at_the_device();
    let mut buffer = [0; limits::TRUST_STORE];
    trust::install(&bench.platform(), &soft::suite(), None, authority, object, present, &mut buffer)
}

fn quorum(purpose: Purpose, keys: u8) -> Quorum {
    Quorum { purpose, keys, both_families: false }
}

/// What the device says to an envelope with these signatures.
fn judge(bench: &Bench, blocks: &[Vec<u8>]) -> Result<Role, Reason> {
    let before = bench.snapshot();
    let manifest = manifest();
    let digest = suit_digest(&wrap(&manifest));
    let bytes = envelope(&digest, blocks, &manifest, &[]);
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers)?;
    let role = Envelope::parse(&bytes)?.authenticate(&trust, &soft::suite()).map(|authentic| authentic.role());
    assert_eq!(bench.snapshot(), before, "a verdict changes nothing");
    role
}

fn manifest() -> Vec<u8> {
    Spec::new(IMAGE, 7).encode()
}

fn block(author: &Author) -> Vec<u8> {
    author.block(&suit_digest(&wrap(&manifest())))
}

fn blocks(authors: &[&Author]) -> Vec<Vec<u8>> {
    authors.iter().map(|author| block(author)).collect()
}

#[test]
fn two_of_three_manufacturer_keys_and_one_hospital_approval() {
    let cast = Cast::new();
    let bench = cast.device(&[quorum(Purpose::UpdateInstall, 2)], &[quorum(Purpose::UpdateInstall, 1)]);
    let [a, b, c] = &cast.authors;
    let [h, i] = &cast.approvers;
    // Every set of the five keys, in both orders: what counts is how many of each role.
    let all = [a, b, c, h, i];
    for set in 0_usize..32 {
        let chosen: Vec<_> =
            all.into_iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, key)| key).collect();
        let (authors, approvers) = ((set & 7).count_ones(), (set >> 3).count_ones());
        let expected = match (authors, approvers) {
            (0, 0) => Err(Reason::ManifestUnsigned),
            (0, _) => Err(Reason::UnknownSigner),
            (1, _) => Err(Reason::TrustThreshold),
            (_, 0) => Err(Reason::ApprovalMissing),
            _ => Ok(Role::Release),
        };
        let mut signatures = blocks(&chosen);
        assert_eq!(judge(&bench, &signatures), expected, "{set:05b}");
        signatures.reverse();
        assert_eq!(judge(&bench, &signatures), expected, "{set:05b}, reversed");
    }
}

// tough CVE-2020-15093, CVE-2026-6966; SB2022090678: one key counted twice for the threshold.
#[test]
fn one_key_is_one_signature_however_often_it_signs_and_whatever_it_is_called() {
    let cast = Cast::new();
    let [a, b, _] = &cast.authors;
    let bench = cast.device(&[quorum(Purpose::UpdateInstall, 2)], &[]);
    assert_eq!(judge(&bench, &[block(a), block(a), block(a)]), Err(Reason::TrustThreshold));
    // Without a kid and with the name in its place: other bytes by the same key.
    let digest = suit_digest(&wrap(&manifest()));
    let named = |kid: Option<&[u8]>| {
        let mut out = vec![0; 256];
        let headers = aseptic_core::cose::Headers { kid, ..Default::default() };
        let length = aseptic_core::cose::sign1(&a.key, &headers, &digest, true, &[], &mut out).unwrap();
        out.truncate(length);
        out
    };
    assert_eq!(judge(&bench, &[block(a), named(None), named(Some(b"author"))]), Err(Reason::TrustThreshold));
    assert_eq!(judge(&bench, &[named(None), block(b)]), Ok(Role::Release));
    // Pinned under two names it is still one, and a quorum of two cannot be met.
    let entries = [entry(a, b"author", Purpose::UpdateInstall), entry(a, b"other", Purpose::UpdateInstall)];
    let doubled = cast.store(Authority::Manufacturer, &entries, &[quorum(Purpose::UpdateInstall, 2)]);
    assert_eq!(install(&Bench::new(1), Authority::Manufacturer, &doubled), Err(Reason::TrustMalformed));
    let single = cast.store(Authority::Manufacturer, &entries, &[quorum(Purpose::UpdateInstall, 1)]);
    assert_eq!(install(&Bench::new(1), Authority::Manufacturer, &single), Ok(()));
}

// go-tuf CVE-2026-23992: a threshold of 0 disables the check.
#[test]
fn a_quorum_of_none_or_of_more_keys_than_there_are_is_no_store() {
    let cast = Cast::new();
    let refused = |authority, quorums: &[Quorum]| {
        let bench = Bench::new(1);
        let before = bench.snapshot();
        let object = cast.store(authority, &cast.entries(authority), quorums);
        assert_eq!(install(&bench, authority, &object), Err(Reason::TrustMalformed), "{quorums:?}");
        assert_eq!(bench.snapshot(), before);
    };
    for keys in [0, 4, 255] {
        refused(Authority::Manufacturer, &[quorum(Purpose::UpdateInstall, keys)]);
    }
    for keys in [0, 3] {
        refused(Authority::Manufacturer, &[quorum(Purpose::SecurityPatch, keys)]);
        refused(Authority::Owner, &[quorum(Purpose::UpdateInstall, keys)]);
    }
    refused(Authority::Manufacturer, &[quorum(Purpose::Downgrade, 1)]);
    refused(Authority::Manufacturer, &[quorum(Purpose::Birth, 1)]);
    refused(Authority::Owner, &[quorum(Purpose::UpdateApprove, 1)]);
    refused(Authority::Owner, &[quorum(Purpose::UpdateInstall, 1), quorum(Purpose::UpdateInstall, 2)]);
}

// Uptane, SUIT threats: a party that may only agree tries to author.
#[test]
fn the_hospital_approves_and_never_authors() {
    let cast = Cast::new();
    let bench = cast.device(&[], &[]);
    let [h, i] = &cast.approvers;
    assert_eq!(judge(&bench, &blocks(&[h])), Err(Reason::UnknownSigner));
    assert_eq!(judge(&bench, &blocks(&[h, i])), Err(Reason::UnknownSigner));
    // The owner's store cannot grant it either.
    for purpose in [Purpose::UpdateInstall, Purpose::SecurityPatch, Purpose::Downgrade] {
        let object = cast.store(Authority::Owner, &[entry(h, b"approver", purpose)], &[]);
        assert_eq!(install(&Bench::new(1), Authority::Owner, &object), Err(Reason::TrustPurpose));
    }
    // Nor does the manufacturer approve in the hospital's place.
    let object = cast.store(Authority::Manufacturer, &[entry(h, b"maker", Purpose::UpdateApprove)], &[]);
    assert_eq!(install(&Bench::new(1), Authority::Manufacturer, &object), Err(Reason::TrustPurpose));
}

#[test]
fn a_key_in_two_roles_signs_in_one() {
    let cast = Cast::new();
    let [a, b, _] = &cast.authors;
    let bench = Bench::new(1);
    let authors = cast.entries(Authority::Manufacturer);
    install(&bench, Authority::Manufacturer, &cast.store(Authority::Manufacturer, &authors, &[])).unwrap();
    let approver = [entry(a, b"author", Purpose::UpdateApprove)];
    let owner = cast.store(Authority::Owner, &approver, &[quorum(Purpose::UpdateInstall, 1)]);
    install(&bench, Authority::Owner, &owner).unwrap();
    assert_eq!(judge(&bench, &blocks(&[a])), Err(Reason::ApprovalMissing));
    assert_eq!(judge(&bench, &[block(a), block(a)]), Err(Reason::ApprovalMissing));
    assert_eq!(judge(&bench, &blocks(&[a, b])), Err(Reason::ApprovalMissing));
}

#[test]
fn a_security_patch_is_a_role_of_its_own_and_needs_the_approval_that_the_owner_asks_for_patches() {
    let cast = Cast::new();
    let ([a, b, _], [p, q], [h, _]) = (&cast.authors, &cast.patchers, &cast.approvers);
    let makers = [quorum(Purpose::UpdateInstall, 2), quorum(Purpose::SecurityPatch, 2)];
    // The owner wants to approve releases; patches come without.
    let bench = cast.device(&makers, &[quorum(Purpose::UpdateInstall, 1)]);
    assert_eq!(judge(&bench, &blocks(&[p, q])), Ok(Role::SecurityPatch));
    assert_eq!(judge(&bench, &blocks(&[p])), Err(Reason::TrustThreshold));
    assert_eq!(judge(&bench, &blocks(&[a, p])), Err(Reason::TrustThreshold), "half of each is neither");
    assert_eq!(judge(&bench, &blocks(&[a, p, h])), Err(Reason::TrustThreshold));
    assert_eq!(judge(&bench, &blocks(&[a, b, p, q])), Err(Reason::ApprovalMissing), "a release is a release");
    // Another hospital wants to be asked for patches too.
    let bench = cast.device(&makers, &[quorum(Purpose::SecurityPatch, 1)]);
    assert_eq!(judge(&bench, &blocks(&[p, q])), Err(Reason::ApprovalMissing));
    assert_eq!(judge(&bench, &blocks(&[p, q, h])), Ok(Role::SecurityPatch));
    assert_eq!(judge(&bench, &blocks(&[a, b])), Ok(Role::Release));
}

#[test]
fn an_approval_may_travel_apart_and_is_for_one_manifest() {
    let cast = Cast::new();
    let bench = cast.device(&[], &[quorum(Purpose::UpdateInstall, 1)]);
    let ([a, ..], [h, _]) = (&cast.authors, &cast.approvers);
    let bytes = a.envelope(&manifest(), &[]);
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
    let with = |approval: &[u8]| {
        Envelope::parse(&bytes)?
            .with_block(approval)?
            .authenticate(&trust, &soft::suite())
            .map(|authentic| authentic.role())
    };
    assert_eq!(with(&block(h)), Ok(Role::Release));
    let other = h.block(&suit_digest(&wrap(&Spec::new(IMAGE, 8).encode())));
    assert_eq!(with(&other), Err(Reason::SignatureInvalid));
    assert_eq!(with(&block(&Author::new(77))), Err(Reason::ApprovalMissing));
    // A bound on how many there may be.
    let approval = block(h);
    let full = (0..limits::AUTH_BLOCKS).try_fold(Envelope::parse(&bytes).unwrap(), |all, _| all.with_block(&approval));
    assert_eq!(full.err(), Some(Reason::TooLarge));
}

// SUIT: the signatures of a multi-signed envelope are stripped to those that an attacker likes.
#[test]
fn a_stripped_signature_is_missed() {
    let cast = Cast::new();
    let bench = cast.device(&[quorum(Purpose::UpdateInstall, 3)], &[quorum(Purpose::UpdateInstall, 2)]);
    let ([a, b, c], [h, i]) = (&cast.authors, &cast.approvers);
    let whole = [a, b, c, h, i];
    assert_eq!(judge(&bench, &blocks(&whole)), Ok(Role::Release));
    for gone in 0..whole.len() {
        let left: Vec<_> = (0..whole.len()).filter(|at| *at != gone).map(|at| whole[at]).collect();
        let expected = if gone < 3 { Reason::TrustThreshold } else { Reason::ApprovalMissing };
        assert_eq!(judge(&bench, &blocks(&left)), Err(expected));
    }
}
