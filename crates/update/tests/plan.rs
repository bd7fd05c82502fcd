//! What a correctly signed manifest may not ask for. Every test here is an attack or a mistake that others met.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::Reason;
use aseptic_core::cbor::Writer;
use aseptic_core::crypto::soft;
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_update::text::{About, AboutComponent};
use aseptic_update::{Component, Device, Envelope, Target};
use common::*;

const IMAGE: &[u8] = b"an image of a few bytes";

fn refusal(spec: &Spec) -> Option<Reason> {
    refusal_with(spec, &[])
}

fn refusal_with(spec: &Spec, members: &[(Vec<u8>, Vec<u8>)]) -> Option<Reason> {
    let author = Author::new(1);
    plan(&author, &author.envelope(&spec.encode(), members)).err()
}

fn base() -> Spec {
    Spec::new(IMAGE, 7)
}

fn encoded(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    cbor(write)
}

fn vendor() -> (i64, Vec<u8>) {
    (1, policy())
}

fn class() -> (i64, Vec<u8>) {
    (2, policy())
}

fn fetch() -> (i64, Vec<u8>) {
    (21, policy())
}

fn matches() -> (i64, Vec<u8>) {
    (3, policy())
}

fn all() -> (i64, Vec<u8>) {
    parameters(&[identity(VENDOR, CLASS), image(IMAGE)].concat())
}

fn uri(uri: &str) -> (i64, Vec<u8>) {
    parameters(&[(21, text(uri))])
}

fn sequence(code: i64, branches: &[Option<Vec<u8>>]) -> (i64, Vec<u8>) {
    let argument = encoded(|w| {
        w.array(branches.len());
        for branch in branches {
            match branch {
                Some(branch) => w.bytes(branch),
                None => w.null(),
            };
        }
    });
    (code, argument)
}

fn run(inner: &[(i64, Vec<u8>)]) -> (i64, Vec<u8>) {
    (32, wrap(&commands(inner)))
}

#[test]
fn the_whole_profile_is_accepted() {
    assert_eq!(refusal(&base()), None);
    let spec = base()
        .member(4, text("https://pumps.example/7"))
        .member(9, wrap(&commands(&[(12, uint(0)), (23, policy())])))
        .shared(&[
            (
                12,
                encoded(|w| {
                    w.bool(true);
                }),
            ),
            all(),
            vendor(),
            class(),
        ])
        .install(&[
            (
                12,
                encoded(|w| {
                    w.array(1).uint(0);
                }),
            ),
            run(&[uri("coap://x"), fetch()]),
            matches(),
        ]);
    assert_eq!(refusal(&spec), None);
}

#[test]
fn only_manifest_version_1_is_known() {
    for version in [0, 2, 255, u64::MAX] {
        assert_eq!(refusal(&Spec { version, ..base() }), Some(Reason::ManifestVersion));
    }
}

#[test]
fn an_older_sequence_number_is_refused_and_an_equal_one_is_a_reinstallation() {
    for sequence in 0..5 {
        assert_eq!(refusal(&Spec { sequence, ..base() }), Some(Reason::SequenceTooOld));
    }
    for sequence in [5, 6, u64::MAX] {
        assert_eq!(refusal(&Spec { sequence, ..base() }), None);
    }
}

#[test]
fn another_vendor_class_or_component_is_refused_by_name() {
    let parts = |vendor, class| [identity(vendor, class), image(IMAGE)].concat();
    let with = |vendor_id, class_id| base().shared(&[parameters(&parts(vendor_id, class_id)), vendor(), class()]);
    assert_eq!(refusal(&with([0; 16], CLASS)), Some(Reason::WrongVendor));
    assert_eq!(refusal(&with(VENDOR, [0; 16])), Some(Reason::WrongClass));
    assert_eq!(refusal(&with([0; 16], [0; 16])), Some(Reason::WrongVendor));
    let components: [&[&[u8]]; 4] = [&[b"radio"], &[], &[b"main", b"main"], &[b""]];
    for parts in components {
        let components = encoded(|w| {
            w.array(1).array(parts.len());
            for part in parts {
                w.bytes(part);
            }
        });
        assert_eq!(refusal(&Spec { components, ..base() }), Some(Reason::WrongComponent));
    }
}

// Names never become paths: a component identifier is compared and nothing else.
#[test]
fn a_component_that_looks_like_a_path_is_just_another_component() {
    for name in ["../main", "/main", "main\0", "MAIN"] {
        let components = encoded(|w| {
            w.array(1).array(1).bytes(name.as_bytes());
        });
        assert_eq!(refusal(&Spec { components, ..base() }), Some(Reason::WrongComponent));
    }
}

#[test]
fn both_identity_conditions_are_obligatory_and_stand_in_the_shared_sequence() {
    assert_eq!(refusal(&base().shared(&[all(), class()])), Some(Reason::ManifestUnsupported));
    assert_eq!(refusal(&base().shared(&[all(), vendor()])), Some(Reason::ManifestUnsupported));
    assert_eq!(refusal(&base().shared(&[all()])), Some(Reason::ManifestUnsupported));
    let install = base().shared(&[all()]).install(&[vendor(), class(), uri(URI), fetch(), matches()]);
    assert_eq!(refusal(&install), Some(Reason::ManifestUnsupported));
    // A parameter that is not set fails the condition.
    assert_eq!(refusal(&base().shared(&[vendor(), class(), all()])), Some(Reason::WrongVendor));
    // A condition in a branch that was not taken does not count.
    let hidden = sequence(15, &[Some(commands(&[])), Some(commands(&[vendor(), class()]))]);
    assert_eq!(refusal(&base().shared(&[all(), hidden])), Some(Reason::ManifestUnsupported));
    let skipped = sequence(15, &[Some(commands(&[vendor(), class(), (5, policy())])), None]);
    assert_eq!(refusal(&base().shared(&[all(), skipped])), Some(Reason::ManifestUnsupported));
}

// SUIT: side effects and custom commands in the shared sequence.
#[test]
fn the_shared_sequence_has_no_side_effects() {
    for command in [3, 18, 21, 22, 23, 31, 33, -257, -70_000, 0, 99] {
        let spec = base().shared(&[all(), vendor(), class(), (command, policy())]);
        assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "{command}");
    }
}

#[test]
fn every_command_outside_the_profile_is_refused_everywhere() {
    let known = [1, 2, 3, 5, 6, 12, 14, 15, 18, 20, 21, 22, 24, 25, 32];
    for command in (-300..300).filter(|command| !known.contains(command)) {
        let install = base().install(&[uri(URI), fetch(), matches(), (command, policy())]);
        assert_eq!(refusal(&install), Some(Reason::ManifestUnsupported), "{command}");
        let validate = base().validate(&[matches(), (command, policy())]);
        assert_eq!(refusal(&validate), Some(Reason::ManifestUnsupported), "{command}");
        // Not even where it would never run.
        let sleeping = sequence(15, &[Some(commands(&[])), Some(commands(&[(command, policy())]))]);
        let shared = base().shared(&[all(), vendor(), class(), sleeping]);
        assert_eq!(refusal(&shared), Some(Reason::ManifestUnsupported), "{command}");
    }
}

#[test]
fn every_parameter_outside_the_profile_is_refused() {
    let known = [1, 2, 3, 4, 5, 14, 18, 19, 21, 22, 23, 24];
    for parameter in (-3..300).filter(|parameter| !known.contains(parameter)) {
        let spec = base().shared(&[all(), parameters(&[(parameter, uint(0))]), vendor(), class()]);
        assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "{parameter}");
    }
}

#[test]
fn every_member_outside_the_profile_is_refused() {
    for key in (0..300).filter(|key| ![1, 2, 3, 4, 7, 8, 9, 16, 18, 20, 23].contains(key)) {
        let spec = base().member(key, wrap(&commands(&[])));
        assert!(refusal(&spec).is_some(), "{key}");
        if key > 3 {
            assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "{key}");
        }
    }
    let dependency = Spec {
        common: vec![(
            1,
            encoded(|w| {
                w.map(0);
            }),
        )],
        ..base()
    };
    assert_eq!(refusal(&dependency), Some(Reason::ManifestUnsupported));
    for missing in [7, 20] {
        let mut spec = base();
        spec.members.retain(|(key, _)| *key != missing);
        assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "{missing}");
    }
}

#[test]
fn no_component_twice_and_no_index_out_of_range() {
    for count in [0, 2, 8, 9] {
        let components = encoded(|w| {
            w.array(count);
            for _ in 0..count {
                w.array(1).bytes(b"main");
            }
        });
        assert_eq!(refusal(&Spec { components, ..base() }), Some(Reason::ManifestUnsupported));
    }
    let index = |argument: Vec<u8>| refusal(&base().install(&[(12, argument), uri(URI), fetch(), matches()]));
    assert_eq!(index(uint(0)), None);
    for bad in [
        uint(1),
        uint(u64::MAX),
        encoded(|w| {
            w.bool(false);
        }),
        encoded(|w| {
            w.array(2).uint(0).uint(0);
        }),
        encoded(|w| {
            w.array(1).uint(1);
        }),
        text("0"),
    ] {
        assert_eq!(index(bad), Some(Reason::ManifestUnsupported));
    }
}

// Set-parameters for a digest, and a digest changed after it was used.
#[test]
fn what_was_fetched_or_matched_is_not_changed_any_more() {
    let other = parameters(&image(b"malware"));
    let set = (19, other.1.clone());
    assert_eq!(refusal(&base().install(&[set, uri(URI), fetch(), matches()])), Some(Reason::ManifestUnsupported));
    for install in [
        vec![uri(URI), fetch(), other.clone(), matches()],
        vec![uri(URI), fetch(), matches(), other.clone()],
        vec![uri(URI), fetch(), uri("https://elsewhere"), matches()],
        vec![uri(URI), fetch(), fetch(), matches()],
        // What is installed must be what is validated.
        vec![uri(URI), other.clone(), fetch(), matches()],
        vec![fetch(), matches()],
        vec![uri(URI), fetch()],
        vec![],
    ] {
        assert_eq!(refusal(&base().install(&install)), Some(Reason::ManifestUnsupported), "{install:?}");
    }
    // Before the directive it is a condition on what runs, and nothing can be read here.
    for early in [vec![uri(URI), matches(), fetch()], vec![uri(URI), matches()]] {
        assert_eq!(refusal(&base().install(&early)), Some(Reason::ConditionFailed));
    }
    assert_eq!(refusal(&base().validate(&[other, matches()])), Some(Reason::ManifestUnsupported));
    assert_eq!(refusal(&base().validate(&[])), Some(Reason::ManifestUnsupported));
}

#[test]
fn an_image_has_a_size_and_a_digest_of_the_right_length() {
    let shared = |parts: &[(i64, Vec<u8>)]| {
        let parts = [identity(VENDOR, CLASS), parts.to_vec()].concat();
        refusal(&base().shared(&[parameters(&parts), vendor(), class()]))
    };
    let digest_of = |length: usize, alg: i64| {
        wrap(&encoded(|w| {
            w.array(2).int(alg).bytes(&[7; 64][..length]);
        }))
    };
    assert_eq!(shared(&[(3, digest_of(32, -16)), (14, uint(5))]), None);
    assert_eq!(shared(&[(14, uint(5))]), Some(Reason::ManifestUnsupported));
    assert_eq!(shared(&[(3, digest_of(32, -16))]), Some(Reason::ManifestUnsupported));
    assert_eq!(shared(&[(3, digest_of(32, -16)), (14, uint(0))]), Some(Reason::ManifestUnsupported));
    for length in (0..64).filter(|length| *length != 32) {
        assert_eq!(shared(&[(3, digest_of(length, -16)), (14, uint(5))]), Some(Reason::CborMalformed));
    }
    assert_eq!(shared(&[(3, digest_of(32, -14)), (14, uint(5))]), Some(Reason::AlgorithmUnsupported));
}

// CVE-2026-34155 (RAUC): sizes at the borders of 31, 32 and 63 bits are what they are.
#[test]
fn huge_sizes_neither_wrap_nor_pass() {
    for size in [1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) + 5, 1 << 63, u64::MAX] {
        let parts = [identity(VENDOR, CLASS), vec![(3, wrap(&suit_digest(IMAGE))), (14, uint(size))]].concat();
        let spec = base().shared(&[parameters(&parts), vendor(), class()]);
        assert_eq!(refusal(&spec), Some(Reason::ImageTooLarge), "{size}");
    }
}

#[test]
fn a_severed_member_is_what_the_manifest_says_or_nothing_is_installed() {
    let install = commands(&[uri(URI), fetch(), matches()]);
    let other = commands(&[uri("https://elsewhere"), fetch(), matches()]);
    let severed = base().member(20, suit_digest(&wrap(&install)));
    assert_eq!(refusal_with(&severed, &[member(20, &install)]), None);
    assert_eq!(refusal_with(&severed, &[member(20, &other)]), Some(Reason::ManifestDigest));
    // Stripped.
    assert_eq!(refusal_with(&severed, &[]), Some(Reason::EnvelopeMalformed));
    // The digest without the head of the byte string is another digest.
    let bare = base().member(20, suit_digest(&install));
    assert_eq!(refusal_with(&bare, &[member(20, &install)]), Some(Reason::ManifestDigest));
    // Text may be left out, and may not be forged.
    let words = encoded(|w| {
        w.map(0);
    });
    let spec = base().member(23, suit_digest(&wrap(&words)));
    assert_eq!(refusal_with(&spec, &[member(23, &words)]), None);
    assert_eq!(refusal_with(&spec, &[]), None);
    assert_eq!(refusal_with(&spec, &[member(23, b"\xa1")]), Some(Reason::ManifestDigest));
}

// Text is shown once it is authentic, and decides nothing.
#[test]
fn text_comes_out_of_a_plan_alone_and_any_other_shape_is_refused_when_it_is_read() {
    let author = Author::new(1);
    let component = encoded(|w| {
        w.array(1).bytes(b"main");
    });
    let words = encoded(|w| {
        w.map(2).text("en").map(2).int(2).text("Closes a hole.").raw(&component).map(1).int(6).text("2.1");
        w.text("de").map(1).int(2).text("Schliesst eine Luecke.");
    });
    let read = |words: &[u8], severed: bool| {
        let (spec, members) = match severed {
            true => (base().member(23, suit_digest(&wrap(words))), vec![member(23, words)]),
            false => (base().member(23, wrap(words)), vec![]),
        };
        let bytes = author.envelope(&spec.encode(), &members);
        let text = plan(&author, &bytes).unwrap().text().unwrap();
        let version = text.component("en", &component, AboutComponent::Version);
        let own = |text: Option<&str>| text.map(str::to_owned);
        (
            text.languages().map(str::to_owned).collect::<Vec<_>>(),
            text.get("de", About::Update).map(own),
            version.map(own),
        )
    };
    for severed in [true, false] {
        let (languages, german, version) = read(&words, severed);
        assert_eq!(languages, ["en", "de"]);
        assert_eq!(german, Ok(Some("Schliesst eine Luecke.".to_owned())));
        assert_eq!(version, Ok(Some("2.1".to_owned())));
    }
    let bytes = author.envelope(&base().member(23, wrap(&words)).encode(), &[]);
    let text = plan(&author, &bytes).unwrap().text().unwrap();
    assert_eq!(text.get("fr", About::Update), Ok(None));
    assert_eq!(text.get("en", About::Manifest), Ok(None));
    assert_eq!(text.component("en", b"\x81\x41x", AboutComponent::Version), Ok(None));
    assert_eq!(text.component("de", &component, AboutComponent::Version), Ok(None));
    // Signed nonsense is an error to whoever reads it, and never a panic.
    for length in 0..words.len() {
        assert!(read(&words[..length], true).1.is_err(), "{length}");
    }
    for at in 0..words.len() {
        for flip in [0x01, 0x20, 0x40, 0x80, 0xFF] {
            let mut changed = words.clone();
            changed[at] ^= flip;
            let _ = read(&changed, true);
        }
    }
    // Without text there is none.
    let bytes = author.envelope(&base().encode(), &[]);
    assert_eq!(plan(&author, &bytes).unwrap().text(), None);
}

// Mender MEN-1412, U-Boot CVE-2026-46728: whatever travels along is covered by the signature, or refused.
#[test]
fn nothing_travels_along_that_the_manifest_does_not_vouch_for() {
    let install = commands(&[uri(URI), fetch(), matches()]);
    for key in [14, 15, 16, 18, 20, 23] {
        assert_eq!(refusal_with(&base(), &[member(key, &install)]), Some(Reason::EnvelopeMalformed), "{key}");
    }
    assert_eq!(refusal_with(&base(), &[payload("#extra", IMAGE)]), Some(Reason::EnvelopeMalformed));
    let inside = base().install(&[uri("#image"), fetch(), matches()]);
    assert_eq!(refusal_with(&inside, &[payload("#image", IMAGE)]), None);
    assert_eq!(refusal_with(&inside, &[]), Some(Reason::EnvelopeMalformed));
    let extra = [payload("#image", IMAGE), payload("#more", IMAGE)];
    assert_eq!(refusal_with(&inside, &extra), Some(Reason::EnvelopeMalformed));
    let doubled = [payload("#image", IMAGE), payload("#image", IMAGE)];
    assert_eq!(refusal_with(&inside, &doubled), Some(Reason::EnvelopeMalformed));
    assert_eq!(refusal_with(&inside, &[payload("#image", &IMAGE[1..])]), Some(Reason::ImageMismatch));
    for name in ["#Image", "#image ", "image", "#", ""] {
        assert_eq!(refusal_with(&inside, &[payload(name, IMAGE)]), Some(Reason::EnvelopeMalformed), "{name}");
    }
}

// mcuboot and slot-linked images: the branch for the slot that is really written.
#[test]
fn try_each_chooses_by_slot_and_forgets_what_failed() {
    let author = Author::new(1);
    let branch = |slot: u64, bytes: &[u8]| {
        let condition = [parameters(&[(5, uint(slot))]), (5, policy()), parameters(&image(bytes))];
        Some(commands(&condition))
    };
    let parts = parameters(&identity(VENDOR, CLASS));
    let choice = sequence(15, &[branch(0, b"for slot A"), branch(1, b"for slot B, longer")]);
    let spec = base().shared(&[parts.clone(), choice, vendor(), class()]);
    let bytes = author.envelope(&spec.encode(), &[]);
    let plan = plan(&author, &bytes).unwrap();
    assert_eq!(*plan.digest(), digest(b"for slot B, longer"));
    // No branch for this slot, with and without the way out.
    let none = sequence(15, &[branch(0, b"x"), branch(2, b"y")]);
    let spec = base().shared(&[parts.clone(), none, vendor(), class()]);
    assert_eq!(refusal(&spec), Some(Reason::ConditionFailed));
    let out = sequence(15, &[branch(0, b"x"), branch(2, b"y"), None]);
    let spec = base().shared(&[parts, out, vendor(), class()]);
    assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "no digest is left over from a failed branch");
}

/// One digest and one payload a slot, all in one envelope: the plan takes what is for the slot that is written.
#[test]
fn an_image_linked_for_its_slot_may_travel_inside() {
    let author = Author::new(1);
    let images: [&[u8]; 2] = [b"for slot A", b"for slot B, longer"];
    let carried = [payload("#a", images[0]), payload("#b", images[1])];
    let shared = |apart: bool| {
        let branch = |slot: u64, bytes: &[u8], name: &str| {
            let (slot, image) = ((5, uint(slot)), image(bytes));
            let together = vec![image[0].clone(), slot.clone(), image[1].clone(), (21, text(name))];
            Some(commands(&if apart {
                vec![parameters(&[slot]), (5, policy()), parameters(&image), uri(name)]
            } else {
                vec![parameters(&together), (5, policy())]
            }))
        };
        let choice = sequence(15, &[branch(0, images[0], "#a"), branch(1, images[1], "#b")]);
        [parameters(&identity(VENDOR, CLASS)), choice, vendor(), class()]
    };
    for apart in [true, false] {
        let spec = base().shared(&shared(apart)).install(&[fetch(), matches()]);
        let bytes = author.envelope(&spec.encode(), &carried);
        for (slot, bytes_of_slot) in [(ImageSlot::A, images[0]), (ImageSlot::B, images[1])] {
            let authentic = Envelope::parse(&bytes).unwrap().authenticate(&author.trust(), &soft::suite()).unwrap();
            let geometry = Geometry { size: 4096, erase_size: 512, write_size: 8 };
            let plan = authentic.plan(&soft::suite(), &DEVICE, 0, Target { slot, geometry }).unwrap();
            assert_eq!((plan.payload(), *plan.digest()), (Some(bytes_of_slot), digest(bytes_of_slot)), "{apart}");
        }
        // A payload that no branch names, and the one that this slot wants under another name, or not at all.
        let more = [&carried[..], &[payload("#c", b"x")]].concat();
        assert_eq!(refusal_with(&spec, &more), Some(Reason::EnvelopeMalformed));
        assert_eq!(refusal_with(&spec, &carried[..1]), Some(Reason::EnvelopeMalformed));
        let swapped = [payload("#a", images[1]), payload("#b", images[0])];
        assert_eq!(refusal_with(&spec, &swapped), Some(Reason::ImageMismatch));
    }
}

#[test]
fn a_branch_of_try_each_may_bring_the_image_but_once() {
    let in_branch = sequence(15, &[Some(commands(&[matches()])), Some(commands(&[fetch(), matches()]))]);
    assert_eq!(refusal(&base().install(&[uri(URI), in_branch])), None);
    for inner in [fetch(), (23, policy())] {
        let install = base().install(&[
            uri(URI),
            sequence(15, &[Some(commands(&[inner])), Some(commands(&[]))]),
            fetch(),
            matches(),
        ]);
        assert_eq!(refusal(&install), Some(Reason::ManifestUnsupported));
    }
    for branches in [vec![], vec![None], vec![Some(commands(&[]))]] {
        let spec = base().shared(&[all(), vendor(), class(), sequence(15, &branches)]);
        assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported));
    }
    let early = sequence(15, &[None, Some(commands(&[]))]);
    assert_eq!(refusal(&base().shared(&[all(), vendor(), class(), early])), Some(Reason::CborMalformed));
}

// Try-each bombs, run-sequence recursion, ariel-os dress-up #17: every walk ends.
#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| {
        let mut inner = commands(&[]);
        for _ in 0..depth {
            inner = commands(&[(32, wrap(&inner))]);
        }
        refusal(&base().shared(&[all(), vendor(), class(), (32, wrap(&inner))]))
    };
    assert_eq!(nested(0), None);
    assert_eq!(nested(2), None);
    for depth in [3, 4, 20, 100] {
        assert_eq!(nested(depth), Some(Reason::TooLarge), "{depth}");
    }
    // 8 branches of 8 branches of 8 commands, inside one manifest of legal size.
    let leaf = Some(commands(&vec![vendor(); 8]));
    let level = |inner: &Option<Vec<u8>>| Some(commands(&[sequence(15, &vec![inner.clone(); 8])]));
    let bomb = level(&level(&leaf));
    let spec = base().shared(&[all(), vendor(), class(), (32, wrap(&bomb.unwrap()))]);
    assert_eq!(refusal(&spec), Some(Reason::TooLarge));
    let many = sequence(15, &vec![Some(commands(&[])); 9]);
    assert_eq!(refusal(&base().shared(&[all(), vendor(), class(), many])), Some(Reason::ManifestUnsupported));
    let long = commands(&vec![vendor(); 129]);
    assert_eq!(refusal(&Spec { shared: long, ..base() }), Some(Reason::TooLarge));
    let far = base().install(&[uri(&"u".repeat(257)), fetch(), matches()]);
    assert_eq!(refusal(&far), Some(Reason::TooLarge));
}

#[test]
fn the_encoding_is_deterministic_or_the_manifest_is_refused() {
    let author = Author::new(1);
    let attempt = |manifest: &[u8]| plan(&author, &author.envelope(manifest, &[])).err();
    let good = base().encode();
    assert_eq!(attempt(&good), None);
    // Sequence number 7 in two bytes instead of one: a5 01 01 02 07.
    let wide = [&good[..4], &[0x18, 7], &good[5..]].concat();
    assert_eq!(attempt(&wide), Some(Reason::CborNotDeterministic));
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(attempt(&trailing), Some(Reason::CborTrailing));
    let mut doubled = base();
    doubled.members.push(doubled.members[0].clone());
    doubled.members.sort_by_key(|(key, _)| *key);
    assert_eq!(attempt(&doubled.encode()), Some(Reason::CborNotDeterministic));
    let mut unsorted = base();
    unsorted.members.reverse();
    assert_eq!(attempt(&unsorted.encode()), Some(Reason::CborNotDeterministic));
    let odd = encoded(|w| {
        w.array(1).int(1);
    });
    assert_eq!(attempt(&Spec { shared: odd, ..base() }.encode()), Some(Reason::CborMalformed));
    let policy_of_a_text = base().validate(&[(3, text("15"))]);
    assert_eq!(attempt(&policy_of_a_text.encode()), Some(Reason::CborMalformed));
    let policy_too_high = base().validate(&[(3, uint(16))]);
    assert_eq!(attempt(&policy_too_high.encode()), Some(Reason::ManifestUnsupported));
}

// go-tuf CVE-2026-23991: a signed manifest of arbitrary bytes is a refusal, never a panic.
#[test]
fn every_damaged_manifest_that_the_author_signs_is_refused_or_means_something() {
    let author = Author::new(1);
    let good = base().encode();
    let mut accepted = 0;
    for at in 0..good.len() {
        for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1F, 0xFF] {
            let mut manifest = good.clone();
            manifest[at] ^= flip;
            accepted += usize::from(plan(&author, &author.envelope(&manifest, &[])).is_ok());
        }
        plan(&author, &author.envelope(&good[..at], &[])).unwrap_err();
    }
    println!("{} damaged manifests walked, {accepted} of them another valid one", good.len() * 11);
}

#[test]
fn a_refused_envelope_leaves_every_stored_byte_as_it_was() {
    let (author, foreigner) = (Author::new(1), Author::new(2));
    let bench = aseptic_testbed::bench::Bench::new(1);
    let platform = bench.platform();
    platform.counters.advance(aseptic_core::platform::Counter::UpdateFloor, 6).unwrap();
    let before = bench.snapshot();
    let good = base().encode();
    for bytes in [
        foreigner.envelope(&good, &[]),
        author.envelope(&Spec { sequence: 5, ..base() }.encode(), &[]),
        author.envelope(&Spec { version: 2, ..base() }.encode(), &[]),
        author.envelope(&good[..20], &[]),
    ] {
        assert!(plan_on(&author, &bench, &bytes).is_err());
        assert_eq!(bench.snapshot(), before);
    }
}

#[test]
fn another_device_refuses_what_this_one_takes() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bytes = author.envelope(&base().encode(), &[]);
    let authentic = Envelope::parse(&bytes).unwrap().authenticate(&author.trust(), &suite).unwrap();
    let refusal = |device: Device<'_>| authentic.plan(&suite, &device, 0, target()).err();
    assert_eq!(refusal(DEVICE), None);
    assert_eq!(refusal(Device { vendor: [1; 16], ..DEVICE }), Some(Reason::WrongVendor));
    assert_eq!(refusal(Device { class: [1; 16], ..DEVICE }), Some(Reason::WrongClass));
    assert_eq!(
        refusal(Device { components: &[Component::whole(&[b"radio"])], ..DEVICE }),
        Some(Reason::WrongComponent)
    );
}
