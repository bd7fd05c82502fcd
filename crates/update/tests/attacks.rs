//! Attacks and vulnerabilities that others met, each under its name. What a correctly signed manifest may ask for in detail is in
//! `plan.rs`, who has to sign in `policy.rs`, what the transfer withstands in `line.rs` and `set.rs`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Use;
use aseptic_core::cose::RecipientKey;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::platform::ImageSlot;
use aseptic_core::trust::{
    self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Quorum, StoreContent, Trust, TrustBuffers,
};
use aseptic_core::{Reason, limits};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::{KeyPair, signed};
use aseptic_update::{Device, Envelope, Session, Target, boot};
use common::set::*;
use common::*;

const IMAGE: &[u8] = b"an image of a few bytes";

fn refusal(spec: &Spec) -> Option<Reason> {
    refusal_with(spec, &[])
}

fn refusal_with(spec: &Spec, members: &[(Vec<u8>, Vec<u8>)]) -> Option<Reason> {
    let author = Author::new(1);
    plan(&author, &author.envelope(&spec.encode(), members)).err()
}

/// The refusal of a manifest for [`SET`], which has three components.
fn set_refusal(spec: &Spec) -> Option<Reason> {
    let (author, bench) = (Author::new(1), Bench::new(1));
    set_plan(&author, &bench, &author.envelope(&spec.encode(), &[])).err()
}

fn base() -> Spec {
    Spec::new(IMAGE, 7)
}

fn all() -> (i64, Vec<u8>) {
    parameters(&[identity(VENDOR, CLASS), image(IMAGE)].concat())
}

const fn command(code: i64) -> impl Fn() -> (i64, Vec<u8>) {
    move || (code, policy())
}

fn uri(uri: &str) -> (i64, Vec<u8>) {
    parameters(&[(21, text(uri))])
}

fn try_each(branches: &[Vec<u8>]) -> (i64, Vec<u8>) {
    let argument = cbor(|w| {
        w.array(branches.len());
        for branch in branches {
            w.bytes(branch);
        }
    });
    (15, argument)
}

fn two_components() -> Vec<Piece> {
    vec![piece(b"main", &program(5000, 1), How::Fetch), piece(b"radio", &program(900, 2), How::Fetch)]
}

// ---- Vulnerabilities by number ------------------------------------------------------------------------------------------

// RAUC: an overflow beyond 2 GiB, so that the signature covered only the first bytes.
#[test]
fn cve_2026_34155_rauc_size_overflow() {
    for size in [(1 << 31) - 1, 1 << 31, 1 << 32, (1 << 32) + 5, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let parts = [identity(VENDOR, CLASS), vec![(3, wrap(&suit_digest(IMAGE))), (14, uint(size))]].concat();
        let spec = base().shared(&[parameters(&parts), command(1)(), command(2)()]);
        assert_eq!(refusal(&spec), Some(Reason::ImageTooLarge), "{size}");
        // In a region that does not begin at 0 the end would wrap round.
        let mut pieces = two_components();
        pieces.remove(0);
        let spec = manifest(&pieces, 7);
        let wanted = parameters(&[(3, wrap(&suit_digest(IMAGE))), (14, uint(size))]);
        let spec = Spec {
            shared: commands(&[parameters(&identity(VENDOR, CLASS)), command(1)(), command(2)(), wanted]),
            ..spec
        };
        assert_eq!(set_refusal(&spec), Some(Reason::ImageTooLarge), "{size}");
    }
}

// RAUC: what was checked is not what was installed.
#[test]
fn cve_2020_25860_rauc_change_between_check_and_use() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let bytes = author.envelope(&base().encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let session = || {
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        session.feed(&platform, &suite, IMAGE, Use::Idle).unwrap();
        session
    };
    // Before the read back, and between it and the selection.
    let early = session();
    bench.edit(|medium| medium.flash[1].bytes[0] ^= 1);
    assert_eq!(early.finish(&platform, &suite, Use::Idle).err(), Some(Reason::SlotMismatch));
    let late = session().finish(&platform, &suite, Use::Idle).unwrap();
    bench.edit(|medium| medium.flash[1].bytes[0] ^= 1);
    late.activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert!(boot::verify_at_boot(&platform, &suite).is_err());
}

// Mender: signatures of other lengths, payloads that nothing lists, names made equal before they are compared.
#[test]
fn cve_2025_67903_mender_signature_bypass() {
    let author = Author::new(1);
    let manifest = base().encode();
    let digest = suit_digest(&wrap(&manifest));
    let block = author.block(&digest);
    for cut in 1..=65 {
        let short = [&block[..block.len() - cut.min(block.len())], &[]].concat();
        assert!(plan(&author, &envelope(&digest, &[short], &manifest, &[])).is_err());
    }
    let inside = base().install(&[uri("#image.bin"), command(21)(), command(3)()]);
    assert_eq!(refusal_with(&inside, &[payload("#image.bin", IMAGE)]), None);
    for name in ["#image", "#image.bin.gz", "#./image.bin", "#IMAGE.BIN", "image.bin"] {
        assert_eq!(refusal_with(&inside, &[payload(name, IMAGE)]), Some(Reason::EnvelopeMalformed), "{name}");
    }
    let more = [payload("#image.bin", IMAGE), payload("#script", b"rm")];
    assert_eq!(refusal_with(&inside, &more), Some(Reason::EnvelopeMalformed));
    // Nothing listed at all.
    let nothing = base().install(&[]).validate(&[]);
    assert_eq!(refusal(&nothing), Some(Reason::ManifestUnsupported));
}

// Mender: checksums of headers were not verified, only that of the payload.
#[test]
fn men_1412_mender_every_member_is_covered() {
    let (author, install) = (Author::new(1), commands(&[uri(URI), command(21)(), command(3)()]));
    for key in [14, 15, 16, 18, 20, 23] {
        assert_eq!(refusal_with(&base(), &[member(key, &install)]), Some(Reason::EnvelopeMalformed), "{key}");
    }
    let bytes = author.envelope(&base().encode(), &[]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(plan(&author, &changed).is_err(), "byte {at}");
    }
}

// tough CVE-2021-41149 and CVE-2026-6968, go-tuf CVE-2026-24686, python-tuf GHSA-wjw6-2cqr-j4qr, Mender: names as paths.
#[test]
fn cve_2021_41149_path_traversal() {
    for name in ["../main", "/main", "main/", "main\0", "..", "C:main"] {
        let components = cbor(|w| {
            w.array(1).array(1).bytes(name.as_bytes());
        });
        assert_eq!(refusal(&Spec { components, ..base() }), Some(Reason::WrongComponent));
    }
    // A URI is handed to whoever fetches, as it is; it names no file here.
    let far = base().install(&[uri("../../etc/passwd"), command(21)(), command(3)()]);
    let author = Author::new(1);
    let bytes = author.envelope(&far.encode(), &[]);
    assert_eq!(plan(&author, &bytes).unwrap().uri(), "../../etc/passwd");
}

// SWUpdate: the description was parsed, and its scripts ran, before it was verified.
#[test]
fn cve_2023_7216_swupdate_parse_before_verification() {
    let (author, stranger) = (Author::new(1), Author::new(2));
    for manifest in [&b""[..], b"\xFF\xFF\xFF", &base().encode()[..9], &[0x9F; 500]] {
        assert_eq!(plan(&author, &stranger.envelope(manifest, &[])).err(), Some(Reason::UnknownSigner));
        let digest = suit_digest(&wrap(manifest));
        assert_eq!(plan(&author, &envelope(&digest, &[], manifest, &[])).err(), Some(Reason::ManifestUnsigned));
    }
}

// SWUpdate: an underflow in the lengths of the parts of an upload.
#[test]
fn cve_2026_28525_swupdate_length_underflow() {
    let author = Author::new(1);
    let bytes = author.envelope(&base().encode(), &[]);
    for length in 0..bytes.len() {
        assert!(Envelope::parse(&bytes[..length]).is_err(), "{length}");
    }
    // Heads that announce more than there is.
    for head in [&[0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0x5A, 0xFF, 0xFF, 0xFF, 0xFF]] {
        let frame = [&[0xD8, 107, 0xA2, 0x02][..], head].concat();
        assert_eq!(Envelope::parse(&frame).err(), Some(Reason::EnvelopeMalformed));
    }
}

fn quorum(keys: u8) -> Quorum {
    Quorum { purpose: Purpose::UpdateInstall, keys, both_families: false }
}

fn provisioned(entries: &[Entry<'_>], quorums: &[Quorum]) -> (Bench, Option<Reason>) {
    let bench = Bench::new(1);
    let refused = store(&bench, Authority::Manufacturer, entries, quorums).err();
    (bench, refused)
}

fn store(bench: &Bench, authority: Authority, entries: &[Entry<'_>], quorums: &[Quorum]) -> aseptic_core::Result<()> {
    let charge = KeyPair::new(KeyAlg::P256, 9);
    let signers = [charge.public()];
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
        minimums: &[],
        epoch: 1,
        retirements: &[],
    };
    let (object, present) = (signed(&content, &[&charge]), PhysicalPresence::confirmed_at_the_device());
    let mut room = [0; limits::TRUST_STORE];
    trust::install(&bench.platform(), &soft::suite(), None, authority, &object, present, &mut room)
}

/// What a device says to a manifest with these signatures.
fn judge(bench: &Bench, by: &[&Author]) -> Option<Reason> {
    let manifest = base().encode();
    let digest = suit_digest(&wrap(&manifest));
    let blocks: Vec<_> = by.iter().map(|author| author.block(&digest)).collect();
    let (bytes, mut buffers) = (envelope(&digest, &blocks, &manifest, &[]), TrustBuffers::new());
    let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
    Envelope::parse(&bytes).unwrap().authenticate(&trust, &soft::suite()).err()
}

fn author_entry<'a>(author: &'a Author, name: &'a [u8]) -> Entry<'a> {
    let purposes = Purposes::of(&[Purpose::UpdateInstall]);
    Entry { purposes, name, material: Material::Key(author.public()) }
}

// tough CVE-2020-15093 and CVE-2026-6966, TUF SB2022090678: one key counted twice.
#[test]
fn cve_2020_15093_tough_one_key_counted_twice() {
    let [one, two] = [1, 2].map(Author::new);
    let entries = [author_entry(&one, b"a"), author_entry(&one, b"b"), author_entry(&two, b"c")];
    let (bench, refused) = provisioned(&entries, &[quorum(2)]);
    assert_eq!(refused, None);
    assert_eq!(judge(&bench, &[&one, &one]), Some(Reason::TrustThreshold));
    assert_eq!(judge(&bench, &[&one, &two]), None);
}

// go-tuf: a threshold of 0 switched the check off.
#[test]
fn cve_2026_23992_go_tuf_threshold_zero() {
    let one = Author::new(1);
    let (_, refused) = provisioned(&[author_entry(&one, b"a")], &[quorum(0)]);
    assert!(refused.is_some());
}

// go-tuf: a panic on malformed metadata, before any signature. Any bytes are an answer.
#[test]
fn cve_2026_23991_go_tuf_panic_on_malformed_metadata() {
    let author = Author::new(1);
    let good = author.envelope(&manifest(&two_components(), 7).encode(), &[]);
    for at in 0..good.len() {
        for byte in [0x00, 0x1F, 0x5F, 0x7F, 0x9F, 0xBF, 0xF6, 0xFF] {
            let mut changed = good.clone();
            changed[at] = byte;
            let _ = set_plan(&author, &Bench::new(1), &changed);
        }
    }
}

// go-tuf CVE-2022-29173, tough CVE-2025-2887: rollback of what was not the root. The floor is one, and holds on every path.
#[test]
fn cve_2022_29173_go_tuf_rollback() {
    let author = Author::new(1);
    for sequence in 0..5 {
        assert_eq!(refusal(&Spec { sequence, ..base() }), Some(Reason::SequenceTooOld));
    }
    let (bench, suite) = (Bench::new(1), soft::suite());
    let bytes = author.envelope(&manifest(&two_components(), 4).encode(), &[]);
    let old = set_plan(&author, &bench, &bytes).unwrap();
    bench.platform().counters.advance(aseptic_core::platform::Counter::UpdateFloor, 5).unwrap();
    assert_eq!(Session::begin(&bench.platform(), &suite, &old, Use::Idle).err(), Some(Reason::SequenceTooOld));
    assert_eq!(set_plan(&author, &bench, &bytes).err(), Some(Reason::SequenceTooOld));
}

// tough: what was refused afterwards had been stored before, and froze the client.
#[test]
fn cve_2025_2888_tough_refused_input_was_stored() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let before = bench.snapshot();
    let pieces = [piece(b"main", &program(100, 1), How::PassageSealed(GCM))];
    let bytes = author.envelope(&manifest(&pieces, 7).encode(), &[]);
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    assert_eq!(Session::begin(&bench.platform(), &suite, &plan, Use::Idle).err(), Some(Reason::PayloadLocked));
    assert_eq!(Session::begin(&bench.platform(), &suite, &plan, Use::InUse).err(), Some(Reason::ClinicalUse));
    assert_eq!(bench.snapshot(), before);
}

// tough: expiry, hash and length were not checked of delegated metadata. Each component is held to what the first is.
#[test]
fn cve_2026_6967_tough_only_the_first_was_checked() {
    let spec = manifest(&two_components(), 7);
    let lone = |install: &[(i64, Vec<u8>)]| set_refusal(&spec.clone().install(install));
    let fetch = |at: u64| vec![select(at), uri(URI), command(21)()];
    let both = [fetch(0), vec![command(3)()], fetch(1), vec![command(3)()]].concat();
    assert_eq!(lone(&both), None);
    assert_eq!(lone(&both[..7]), Some(Reason::ManifestUnsupported), "the second is not matched");
    let validate = spec.clone().install(&both).validate(&[select(0), command(3)()]);
    assert_eq!(set_refusal(&validate), Some(Reason::ManifestUnsupported), "the second is not validated");
    let empty = vec![select(1), parameters(&[(14, uint(0))]), uri(URI), command(21)(), command(3)()];
    let first = [fetch(0), vec![command(3)()]].concat();
    assert_eq!(lone(&[first, empty].concat()), Some(Reason::ManifestUnsupported), "the second is empty");
}

// tuf-conformance: metadata that was cached under another authority. What is stored belongs to one manifest.
#[test]
fn tuf_cached_under_another_authority() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let [one, two] = [7, 8].map(|sequence| author.envelope(&Spec { sequence, ..base() }.encode(), &[]));
    let first = plan_on(&author, &bench, &one).unwrap();
    let mut session = Session::begin(&platform, &suite, &first, Use::Idle).unwrap();
    session.feed(&platform, &suite, &IMAGE[..10], Use::Idle).unwrap();
    let second = plan_on(&author, &bench, &two).unwrap();
    assert_eq!(Session::resume(&platform, &suite, &second).err(), Some(Reason::UpdateBusy));
    assert_eq!(Session::begin(&platform, &suite, &second, Use::Idle).err(), Some(Reason::UpdateBusy));
}

// U-Boot: the signature was good for another configuration than the one that was started.
#[test]
fn cve_2020_10648_uboot_another_configuration_than_was_verified() {
    let other = parameters(&image(b"malware"));
    assert_eq!(refusal(&base().validate(&[other, command(3)()])), Some(Reason::ManifestUnsupported));
    let spec = manifest(&two_components(), 7);
    let crossed = [select(0), parameters(&image(&program(900, 2))), command(3)(), select(1), command(3)()];
    assert_eq!(set_refusal(&spec.validate(&crossed)), Some(Reason::ManifestUnsupported));
}

// U-Boot: a list that says which bytes are hashed, and is itself not hashed. Here the slot is hashed from its beginning.
#[test]
fn cve_2026_46728_uboot_what_is_hashed_is_fixed() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let shape = platform.images.geometry(ImageSlot::B).unwrap();
    let pieces = two_components();
    let bytes = author.envelope(&manifest(&pieces, 7).encode(), &[]);
    assert!(0x3000_u64.is_multiple_of(u64::from(shape.erase_size)));
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    let staged = bring(&platform, &plan, &pieces, 4096, open(&platform, &plan).unwrap()).unwrap();
    staged.activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    for at in [0, 4999, 5000, 0x2FFF, 0x3000, 0x3000 + 899] {
        bench.edit(|medium| medium.flash[1].bytes[at] ^= 1);
        assert!(boot::verify_at_boot(&platform, &suite).is_err(), "{at:x}");
        bench.edit(|medium| medium.flash[1].bytes[at] ^= 1);
    }
}

// wolfSSL: digests shorter than their algorithm's.
#[test]
fn cve_2026_5194_wolfssl_short_digest() {
    for length in (0..=65).filter(|length| *length != 32) {
        let digest = wrap(&cbor(|w| {
            w.array(2).int(-16).bytes(&[7; 65][..length]);
        }));
        let parts = [identity(VENDOR, CLASS), vec![(3, digest), (14, uint(5))]].concat();
        assert!(refusal(&base().shared(&[parameters(&parts), command(1)(), command(2)()])).is_some(), "{length}");
    }
}

// TF-M: a write beyond the staging area.
#[test]
fn cve_2021_43619_tfm_write_beyond_the_area() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let pieces = two_components();
    let bytes = author.envelope(&manifest(&pieces, 7).encode(), &[]);
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    let platform = bench.platform();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    let before = bench.snapshot();
    let both = [pieces[0].bytes.clone(), pieces[1].bytes.clone()].concat();
    assert_eq!(session.feed(&platform, &suite, &both, Use::Idle), Err(Reason::ImageMismatch), "over the border");
    assert_eq!(bench.snapshot(), before);
    // A component that does not fit its region, though it would fit the slot.
    let large = [piece(b"radio", &program(0x2001, 2), How::Fetch)];
    assert_eq!(set_refusal(&manifest(&large, 7)), Some(Reason::ImageTooLarge));
}

// MCUboot: keys of its repository in production. Those of the SUIT drafts are refused where trust is stored.
#[test]
fn ghsa_gcxh_546h_phg4_mcuboot_development_keys() {
    // The key of the examples of draft-ietf-suit-manifest, appendix A.
    let mut key = [4; 65];
    let x = "8496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad";
    let y = "3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896";
    for (at, byte) in key[1..].iter_mut().enumerate() {
        *byte = u8::from_str_radix([x, y].concat().get(2 * at..2 * at + 2).unwrap(), 16).unwrap();
    }
    let material = Material::Key(aseptic_core::crypto::PublicKey::new(KeyAlg::P256, &key).unwrap());
    let entry = Entry { purposes: Purposes::of(&[Purpose::UpdateInstall]), name: b"a", material };
    assert_eq!(provisioned(&[entry], &[]).1, Some(Reason::PublishedTestKey));
}

// ---- The attacks of the TUF specification -------------------------------------------------------------------------------

#[test]
fn tuf_arbitrary_software() {
    let (author, stranger) = (Author::new(1), Author::new(2));
    assert_eq!(plan(&author, &stranger.envelope(&base().encode(), &[])).err(), Some(Reason::UnknownSigner));
}

#[test]
fn tuf_endless_data() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let bytes = author.envelope(&base().encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    assert_eq!(session.feed(&platform, &suite, &[0; 1000], Use::Idle), Err(Reason::ImageMismatch));
    session.feed(&platform, &suite, IMAGE, Use::Idle).unwrap();
    assert_eq!(session.feed(&platform, &suite, &[0], Use::Idle), Err(Reason::ImageMismatch));
    let long = Spec { shared: vec![0x80; limits::MANIFEST + 1], ..base() };
    assert_eq!(refusal(&long), Some(Reason::TooLarge));
}

#[test]
fn tuf_freeze() {
    use aseptic_core::time::{self, Time};
    use aseptic_update::Source;
    use aseptic_update::freshness::Policy;
    let dated = parameters(&[(4, uint(1000))]);
    let spec = base().shared(&[all(), dated, command(1)(), command(2)(), command(4)()]);
    let author = Author::new(1);
    let bytes = author.envelope(&spec.encode(), &[]);
    let at = |seconds| {
        let now = Time { seconds, trust: time::Trust::Trusted };
        plan(&author, &bytes).unwrap().fresh_enough(&Policy::DEFAULT, Source::Network, now).err()
    };
    assert_eq!((at(999), at(1000)), (None, Some(Reason::UpdateStale)));
}

// A number far ahead leaves no room above it: the floor rises only when an image of that number has proven itself.
#[test]
fn tuf_fast_forward() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let bytes = author.envelope(&Spec { sequence: u64::MAX, ..base() }.encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, IMAGE, Use::Idle).unwrap();
    session.finish(&platform, &suite, Use::Idle).unwrap().activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    bench.reboot();
    assert_eq!(boot::floor(&platform), Ok(0));
    plan_on(&author, &bench, &author.envelope(&base().encode(), &[])).unwrap();
}

// Components of two releases together: each manifest brings its own set, and its digests.
#[test]
fn tuf_mix_and_match() {
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let platform = bench.platform();
    let pieces = two_components();
    let bytes = author.envelope(&manifest(&pieces, 7).encode(), &[]);
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, &pieces[0].bytes, Use::Idle).unwrap();
    session.feed(&platform, &suite, &program(900, 99), Use::Idle).unwrap();
    assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::ImageMismatch));
}

#[test]
fn tuf_wrong_software() {
    let with = |vendor, class| {
        let parts = [identity(vendor, class), image(IMAGE)].concat();
        refusal(&base().shared(&[parameters(&parts), command(1)(), command(2)()]))
    };
    assert_eq!(with([0; 16], CLASS), Some(Reason::WrongVendor));
    assert_eq!(with(VENDOR, [0; 16]), Some(Reason::WrongClass));
    // For another one of the devices of this class.
    let one = parameters(&[(24, wrap(&[3; 16]))]);
    let author = Author::new(1);
    let spec = base().shared(&[all(), one, command(1)(), command(2)(), command(24)()]);
    let bytes = author.envelope(&spec.encode(), &[]);
    let authentic = Envelope::parse(&bytes).unwrap().authenticate(&author.trust(), &soft::suite()).unwrap();
    let on = |id| authentic.plan(&soft::suite(), &Device { id, ..DEVICE }, 0, target()).err();
    assert_eq!(on(Some([3; 16])), None);
    assert_eq!(on(Some([4; 16])), Some(Reason::ConditionFailed));
    assert_eq!(on(None), Some(Reason::ConditionFailed));
}

#[test]
fn tuf_extraneous_dependencies() {
    let dependencies = cbor(|w| {
        w.map(1).uint(1).map(0);
    });
    assert_eq!(refusal(&Spec { common: vec![(1, dependencies)], ..base() }), Some(Reason::ManifestUnsupported));
    for code in [7, 8, 11] {
        let install = base().install(&[uri(URI), command(21)(), command(code)(), command(3)()]);
        assert_eq!(refusal(&install), Some(Reason::ManifestUnsupported), "{code}");
    }
}

#[test]
fn tuf_key_compromise() {
    let [one, two] = [1, 2].map(Author::new);
    let entries = [author_entry(&one, b"a"), author_entry(&two, b"b")];
    let (bench, refused) = provisioned(&entries, &[quorum(2)]);
    assert_eq!(refused, None);
    assert_eq!(judge(&bench, &[&one]), Some(Reason::TrustThreshold));
}

// ---- The threats of RFC 9124, and what is particular to SUIT ---------------------------------------------------------------

#[test]
fn suit_wrong_location() {
    // A component of the device, in a slot that the image is not linked for.
    let slot = |slot| {
        let mut parts = [identity(VENDOR, CLASS), image(IMAGE), vec![(5, uint(slot))]].concat();
        parts.sort_by_key(|(key, _)| *key);
        refusal(&base().shared(&[parameters(&parts), command(1)(), command(2)(), command(5)()]))
    };
    assert_eq!((slot(1), slot(0)), (None, Some(Reason::ConditionFailed)));
    // The running slot is never a target, whatever a caller says.
    let (author, suite, bench) = (Author::new(1), soft::suite(), Bench::new(1));
    let bytes = author.envelope(&base().encode(), &[]);
    let authentic = Envelope::parse(&bytes).unwrap().authenticate(&author.trust(), &suite).unwrap();
    let running = Target { slot: ImageSlot::A, ..Target::of(&bench.platform()).unwrap() };
    let plan = authentic.plan(&suite, &DEVICE, 0, running).unwrap();
    assert_eq!(Session::begin(&bench.platform(), &suite, &plan, Use::Idle).err(), Some(Reason::Misuse));
}

#[test]
fn suit_unapproved_update_and_single_factor_signature() {
    let (author, approver) = (Author::new(1), Author::new(6));
    let (bench, refused) = provisioned(&[author_entry(&author, b"a")], &[]);
    assert_eq!(refused, None);
    let purposes = Purposes::of(&[Purpose::UpdateApprove]);
    let entry = Entry { purposes, name: b"ward", material: Material::Key(approver.public()) };
    store(&bench, Authority::Owner, &[entry], &[quorum(1)]).unwrap();
    assert_eq!(judge(&bench, &[&author]), Some(Reason::ApprovalMissing));
    // Who approves is no author.
    assert!(judge(&bench, &[&approver]).is_some());
    assert_eq!(judge(&bench, &[&author, &approver]), None);
}

#[test]
fn suit_stripped_severable_member_replaced() {
    let install = commands(&[uri(URI), command(21)(), command(3)()]);
    for key in [16, 18, 20] {
        let content = if key == 18 { commands(&[]) } else { install.clone() };
        let spec = if key == 20 { base() } else { base().install(&[command(3)()]) };
        let spec = match key {
            18 => base().member(18, suit_digest(&wrap(&content))),
            _ => spec.member(key, suit_digest(&wrap(&content))),
        };
        assert_eq!(refusal_with(&spec, &[member(key, &content)]), None, "{key}");
        let other = commands(&[uri("https://elsewhere"), command(21)(), command(3)()]);
        assert_eq!(refusal_with(&spec, &[member(key, &other)]), Some(Reason::ManifestDigest), "{key}");
        assert_eq!(refusal_with(&spec, &[]), Some(Reason::EnvelopeMalformed), "{key}");
    }
}

#[test]
fn suit_auth_block_removed_from_a_multi_signed_envelope() {
    let [one, two, three] = [1, 2, 3].map(Author::new);
    let entries = [author_entry(&one, b"a"), author_entry(&two, b"b"), author_entry(&three, b"c")];
    let (bench, refused) = provisioned(&entries, &[quorum(3)]);
    assert_eq!(refused, None);
    assert_eq!(judge(&bench, &[&one, &two, &three]), None);
    for left in [[&one, &two], [&one, &three], [&two, &three]] {
        assert_eq!(judge(&bench, &left), Some(Reason::TrustThreshold));
    }
}

#[test]
fn suit_digest_algorithm_swapped() {
    let author = Author::new(1);
    let manifest = base().encode();
    let bytes = digest(&wrap(&manifest));
    for alg in [-43, -44, -18, -45, 0, -14] {
        let swapped = cbor(|w| {
            w.array(2).int(alg).bytes(bytes.as_bytes());
        });
        let bytes = envelope(&swapped, &[author.block(&swapped)], &manifest, &[]);
        assert!(plan(&author, &bytes).is_err(), "{alg}");
    }
}

#[test]
fn suit_duplicate_map_keys_and_maps_out_of_order() {
    let twice = parameters(&[identity(VENDOR, CLASS), image(IMAGE), image(b"malware")].concat());
    let spec = base().shared(&[twice, command(1)(), command(2)()]);
    assert_eq!(refusal(&spec), Some(Reason::CborNotDeterministic));
    let mut backwards = [identity(VENDOR, CLASS), image(IMAGE)].concat();
    backwards.reverse();
    let spec = base().shared(&[parameters(&backwards), command(1)(), command(2)()]);
    assert_eq!(refusal(&spec), Some(Reason::CborNotDeterministic));
}

#[test]
fn suit_side_effects_and_custom_commands_in_the_shared_sequence() {
    for code in [3, 18, 21, 22, 23, 31, 33, -257, -70_000] {
        let spec = base().shared(&[all(), command(1)(), command(2)(), command(code)()]);
        assert_eq!(refusal(&spec), Some(Reason::ManifestUnsupported), "{code}");
    }
}

#[test]
fn suit_try_each_bombs_and_run_sequence_recursion() {
    // Ten to the fourth conditions in one legal manifest, for all components at once.
    let leaf = commands(&vec![command(5)(); 10]);
    let level = |inner: &Vec<u8>| commands(&[try_each(&vec![inner.clone(); 8])]);
    let bomb = level(&level(&leaf));
    let spec = manifest(&two_components(), 7);
    let everything = (
        12,
        cbor(|w| {
            w.bool(true);
        }),
    );
    let shared = [parameters(&identity(VENDOR, CLASS)), command(1)(), command(2)(), everything, (32, wrap(&bomb))];
    assert_eq!(set_refusal(&spec.shared(&shared)), Some(Reason::TooLarge));
    let mut deep = commands(&[]);
    for _ in 0..40 {
        deep = commands(&[(32, wrap(&deep))]);
    }
    assert_eq!(
        refusal(&base().shared(&[all(), command(1)(), command(2)(), (32, wrap(&deep))])),
        Some(Reason::TooLarge)
    );
}

#[test]
fn suit_component_index_out_of_range() {
    let list = |items: &[u64]| {
        cbor(|w| {
            w.array(items.len());
            for item in items {
                w.uint(*item);
            }
        })
    };
    let spec = manifest(&two_components(), 7);
    let bad = [uint(2), uint(8), uint(u64::MAX), list(&[]), list(&[0, 2]), list(&[1, 1]), list(&[0, u64::MAX])];
    for argument in bad {
        let shared = [parameters(&identity(VENDOR, CLASS)), command(1)(), command(2)(), (12, argument.clone())];
        assert_eq!(set_refusal(&spec.clone().shared(&shared)), Some(Reason::ManifestUnsupported), "{argument:x?}");
    }
    for source in [2, u64::MAX] {
        let install = [select(0), parameters(&[(22, uint(source))]), command(22)(), command(3)()];
        assert_eq!(set_refusal(&spec.clone().install(&install)), Some(Reason::ManifestUnsupported));
    }
}

#[test]
fn suit_parameters_that_override_a_digest() {
    let other = parameters(&image(b"malware"));
    for install in [
        vec![uri(URI), command(21)(), other.clone(), command(3)()],
        vec![uri(URI), other.clone(), command(21)(), command(3)()],
        vec![uri(URI), command(21)(), command(3)(), other.clone(), command(3)()],
        // Set-parameters is not in the profile.
        vec![(19, other.1), uri(URI), command(21)(), command(3)()],
    ] {
        assert_eq!(refusal(&base().install(&install)), Some(Reason::ManifestUnsupported));
    }
}

#[test]
fn suit_payload_of_another_uri_than_the_manifest_names() {
    let inside = base().install(&[uri("#a"), command(21)(), command(3)()]);
    assert_eq!(refusal_with(&inside, &[payload("#b", IMAGE)]), Some(Reason::EnvelopeMalformed));
}

// Counter mode proves nothing: without a digest of the plaintext there is no plan, and with it no other plaintext.
#[test]
fn suit_encrypted_payload_with_ctr_and_no_digest() {
    let pieces = [piece(b"main", &program(100, 1), How::PassageSealed(CTR))];
    let spec = manifest(&pieces, 7);
    let bare = [parameters(&identity(VENDOR, CLASS)), command(1)(), command(2)(), parameters(&[(14, uint(100))])];
    assert_eq!(set_refusal(&spec.clone().shared(&bare)), Some(Reason::ManifestUnsupported));
    let (author, suite) = (Author::new(1), soft::suite());
    let keys = [RecipientKey::wrap(&KEK).unwrap()];
    let bytes = author.envelope(&spec.encode(), &[]);
    for alg in [CTR, GCM] {
        let bench = Bench::new(1);
        let (platform, pieces) = (bench.platform(), [piece(b"main", &program(100, 1), How::PassageSealed(alg))]);
        let bytes = if alg == CTR { bytes.clone() } else { author.envelope(&manifest(&pieces, 7).encode(), &[]) };
        let plan = set_plan(&author, &bench, &bytes).unwrap().unlock(&keys);
        for at in [0, 50, 99] {
            let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
            let mut sealed = pieces[0].payload();
            sealed[at] ^= 1;
            session.feed(&platform, &suite, &sealed, Use::Idle).unwrap();
            assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::ImageMismatch), "{alg} {at}");
        }
    }
}

// What may be encrypted, and how, is closed too.
#[test]
fn suit_encryption_outside_of_the_profile() {
    let author = Author::new(1);
    let with = |info: Vec<u8>| {
        let bytes = program(100, 1);
        let given = parameters(&[(18, wrap(&seal(GCM, &bytes))), (19, wrap(&info))]);
        let spec = manifest(&[piece(b"main", &bytes, How::Write)], 7);
        let spec = spec.install(&[given, command(18)(), command(3)()]);
        set_plan(&author, &Bench::new(1), &author.envelope(&spec.encode(), &[])).err()
    };
    let good = info(GCM);
    assert_eq!(with(good.clone()), None);
    let recipient = |w: &mut Writer<'_>| {
        w.array(3).bytes(&[]).map(1).int(1).int(-3).bytes(&[0; 24]);
    };
    // AES-CCM, ChaCha20, AES-CBC, no algorithm of COSE.
    for alg in [10, 24, -65_531, 0] {
        assert_eq!(with(info_of(alg, recipient)), Some(Reason::AlgorithmUnsupported), "{alg}");
    }
    for length in 0..good.len() {
        assert!(with(good[..length].to_vec()).is_some(), "{length}");
    }
    // Fetch does not decrypt, and a digest of the ciphertext decides nothing.
    let spec = manifest(&[piece(b"main", &program(100, 1), How::Fetch)], 7);
    let sealed = [parameters(&[(19, wrap(&good)), (21, text(URI))]), command(21)(), command(3)()];
    assert_eq!(set_refusal(&spec.install(&sealed)), Some(Reason::ManifestUnsupported));
}

// A component that the device does not have is on its way, once, or the manifest is for another device.
#[test]
fn suit_passages_that_lead_elsewhere() {
    let bytes = program(100, 1);
    let spec = manifest(&[piece(b"main", &bytes, How::Passage)], 7);
    assert_eq!(set_refusal(&spec), None);
    let fetch = [select(1), uri(URI), command(21)()];
    let copy = [select(0), parameters(&[(22, uint(1))]), command(22)(), command(3)()];
    let install = |parts: &[&[(i64, Vec<u8>)]]| set_refusal(&spec.clone().install(&parts.concat()));
    assert_eq!(install(&[&fetch, &copy]), None);
    assert!(install(&[&copy]).is_some(), "nothing was fetched");
    assert_eq!(install(&[&fetch]), Some(Reason::ManifestUnsupported), "not copied");
    let direct = [select(0), uri(URI), command(21)(), command(3)()];
    assert_eq!(install(&[&fetch, &direct]), Some(Reason::WrongComponent), "not used");
    let other = [select(1), parameters(&image(b"something else")), uri(URI), command(21)(), command(3)()];
    assert_eq!(install(&[&other, &copy]), Some(Reason::ManifestUnsupported), "matched as something else");
}
