//! Trust stores: installed, updated and refused, under every failing call, every power cut and every flipped bit.

use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Override;
use aseptic_core::cose::{Headers, Sign1, sign1};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite, soft};
use aseptic_core::platform::Counter;
use aseptic_core::record;
use aseptic_core::time::Time;
use aseptic_core::trust::*;
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Count, Interrupted, sweep, sweep_pairs};
use aseptic_testbed::trust::{KeyPair, seal, signed};

const OWNER: Authority = Authority::Owner;

/// A whole SEQUENCE, as long as an Ed25519 key.
const CERTIFICATE: [u8; 32] = {
    let mut der = [0; 32];
    (der[0], der[1]) = (0x30, 30);
    der
};

/// The keys in charge are `a`, `b` and `c`, of which two must sign; `author` and `adapter` are pinned.
struct Cast {
    a: KeyPair,
    b: KeyPair,
    c: KeyPair,
    d: KeyPair,
    adapter: KeyPair,
    author: KeyPair,
}

impl Cast {
    fn new() -> Self {
        let [a, b, c, d] = [1, 2, 3, 4].map(|number| KeyPair::new(KeyAlg::Ed25519, number));
        Self { a, b, c, d, adapter: KeyPair::new(KeyAlg::P256, 5), author: KeyPair::new(KeyAlg::P256, 6) }
    }

    fn signers(&self) -> [PublicKey<'_>; 3] {
        [self.a.public(), self.b.public(), self.c.public()]
    }

    fn entries(&self) -> [Entry<'_>; 1] {
        let purposes = Purposes::of(&[Purpose::Receive, Purpose::Command]);
        [Entry { purposes, name: b"adapter-1", material: Material::Key(self.adapter.public()) }]
    }

    /// The owner's store of this version, after `change`, signed by `by`.
    fn store<'s>(&'s self, version: u64, by: &[&KeyPair], change: impl FnOnce(&mut StoreContent<'s>)) -> Vec<u8> {
        // Leaked, so that `change` may put in what lives as long as this cast.
        let (signers, entries) = (Box::leak(Box::new(self.signers())), Box::leak(Box::new(self.entries())));
        let mut content = StoreContent {
            authority: OWNER,
            version,
            issued: 1_700_000_000,
            threshold: 2,
            signers,
            entries,
            denied: &[],
            overrides: &[],
            quorums: &[],
            retirements: &[],
            minimums: &[],
            epoch: version,
        };
        change(&mut content);
        signed(&content, by)
    }

    /// A store with a value in every field.
    fn full<'s>(&'s self, version: u64, change: impl FnOnce(&mut StoreContent<'s>)) -> Vec<u8> {
        self.store(version, &[&self.a, &self.b], |content| {
            let hospital = Material::Certificate(Anchor {
                certificate: &CERTIFICATE,
                constraints: b"constraints",
                successor: Some(&[0x5C; 32]),
            });
            let purposes = Purposes::of(&[Purpose::Telemetry, Purpose::Network]);
            let entry = Entry { purposes, name: b"hospital", material: hospital };
            content.entries = vec![content.entries[0], entry].leak();
            content.denied = &[[0xDE; 32]];
            content.overrides = &[Override { cell: [0, 0, 2], justification: "ward 7" }];
            content.minimums = &[ListMinimum { issuer: &[0x15; 32], number: &[1, 0] }];
            change(content);
        })
    }

    fn plain(&self, version: u64) -> Vec<u8> {
        self.store(version, &[&self.a, &self.b], |_| {})
    }
}

fn install_owner(bench: &Bench, object: &[u8]) -> Result<()> {
    let present = PhysicalPresence::confirmed_at_the_device();
    let mut buffer = [0; limits::TRUST_STORE];
    install(&bench.platform(), &soft::suite(), None, OWNER, object, present, &mut buffer)
}

fn update_owner(bench: &Bench, object: &[u8]) -> Result<()> {
    update(&bench.platform(), &soft::suite(), None, OWNER, object, &mut [0; limits::TRUST_STORE])
}

/// The version that the device goes by; 0 without a store. Where the record was written but not the counter, loading
/// makes up for it.
fn version(bench: &Bench) -> u64 {
    let mut buffer = [0; limits::TRUST_STORE];
    let store = TrustStore::load(&bench.platform(), OWNER, &mut buffer).unwrap();
    let version = store.map_or(0, |store| store.version);
    assert_eq!(bench.snapshot().counters.get(&Counter::TrustOwner).copied().unwrap_or(0), version);
    version
}

fn with(model: StoreModel, objects: &[&[u8]]) -> Bench {
    let bench = Bench::new(1).with_store(model);
    for (at, object) in objects.iter().enumerate() {
        if at == 0 { install_owner(&bench, object) } else { update_owner(&bench, object) }.unwrap();
    }
    bench
}

#[test]
fn an_installation_is_done_or_not_done() {
    let cast = Cast::new();
    let object = cast.plain(1);
    let mut total = Count::default();
    for model in [StoreModel::Atomic, StoreModel::Torn] {
        let count = sweep(
            || with(model, &[]),
            |bench| install_owner(bench, &object),
            |bench, interrupted| {
                let found = version(bench);
                assert!(found == 1 || found == 0 && interrupted.result.is_err());
                if found == 0 {
                    assert_eq!(install_owner(bench, &object), Ok(()));
                }
                assert_eq!(install_owner(bench, &object), Err(Reason::TrustExists));
                assert_eq!(version(bench), 1);
            },
        );
        println!("trust install, {model:?} store: {count}");
        total += count;
    }
    assert!(total.torn > 0);
}

/// Old or new, never refused as rolled back; and the update can be finished.
fn old_or_new<'a>(old: u64, new: u64, object: &'a [u8]) -> impl Fn(&Bench, &Interrupted<'_>) + 'a {
    move |bench, interrupted| {
        let found = version(bench);
        assert!(found == new || found == old && interrupted.result.is_err(), "{found}");
        let again = update_owner(bench, object);
        assert_eq!(again, if found == new { Err(Reason::TrustRollback) } else { Ok(()) });
        assert_eq!(version(bench), new);
        for slot in record::Kind::TrustOwner.slots() {
            let damaged = bench.clone();
            damaged.edit(|medium| medium.slots.get_mut(&slot).unwrap()[100] ^= 1);
            assert_eq!(version(&damaged), new, "one damaged copy strands no device");
        }
    }
}

#[test]
fn an_update_leaves_the_old_store_or_the_new_one() {
    let cast = Cast::new();
    let first = cast.plain(1);
    let denied = [cast.d.thumbprint];
    let content = cast.store(5, &[&cast.b, &cast.c], |content| content.denied = &denied);
    let others = [cast.b.public(), cast.c.public(), cast.d.public()];
    let rotation = cast.store(2, &[&cast.b, &cast.c], |content| content.signers = &others);
    let (full, more) = (cast.full(1, |_| {}), cast.full(6, |content| content.epoch = 1));
    let new = cast.full(6, |_| {});
    for (name, first, new, object) in [
        ("content", &first, 5, &content),
        ("signers", &first, 2, &rotation),
        ("every field", &full, 6, &more),
        ("every field, out of none", &first, 6, &new),
    ] {
        for model in [StoreModel::Atomic, StoreModel::Torn] {
            let count =
                sweep(|| with(model, &[first]), |bench| update_owner(bench, object), old_or_new(1, new, object));
            println!("trust update of {name}, {model:?} store: {count}");
        }
    }
    // Cut twice, at every write, with an atomic store.
    let count = sweep_pairs(
        || with(StoreModel::Atomic, &[&first]),
        |bench| match update_owner(bench, &rotation) {
            Err(Reason::TrustRollback) => Ok(()),
            other => other,
        },
        |bench, _| {
            assert!([1, 2].contains(&version(bench)));
        },
    );
    println!("trust update cut twice: {count}");
}

/// Loading writes, where it makes up for a counter that was not moved.
#[test]
fn loading_can_be_interrupted_as_well() {
    let cast = Cast::new();
    let behind = || {
        let bench = with(StoreModel::Torn, &[&cast.plain(1), &cast.plain(2)]);
        bench.edit(|medium| *medium.counters.get_mut(&Counter::TrustOwner).unwrap() = 1);
        bench
    };
    let load = |bench: &Bench| {
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers)?;
        trust.store(OWNER).map(|_| ())
    };
    let count = sweep(behind, load, |bench, _| assert_eq!(version(bench), 2));
    println!("trust load: {count}");
    assert_eq!(count.writes, 1);
}

/// Offers `object` and demands `reason`, and that nothing stored has changed.
fn refused(bench: &Bench, object: &[u8], reason: Reason) {
    let before = bench.snapshot();
    let blank = before.slots.is_empty();
    let result = if blank { install_owner(bench, object) } else { update_owner(bench, object) };
    assert_eq!(result, Err(reason));
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn what_the_keys_in_charge_did_not_sign_is_refused() {
    let cast = Cast::new();
    let Cast { a, b, c, d, .. } = &cast;
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let stranger = KeyPair::new(KeyAlg::P256, 99);
    for by in [&[a][..], &[a, a], &[d, a], &[d, &stranger], &[c, c, c]] {
        refused(&bench, &cast.store(2, by, |_| {}), Reason::TrustThreshold);
        refused(&Bench::new(1), &cast.store(1, by, |_| {}), Reason::TrustThreshold);
    }
    // A key that gives itself the name of another one.
    let mut pretender = KeyPair::new(KeyAlg::Ed25519, 77);
    pretender.thumbprint = b.thumbprint;
    refused(&bench, &cast.store(2, &[a, &pretender], |_| {}), Reason::TrustThreshold);
    // New keys in charge have not agreed, or the old ones have not.
    let others = [c.public(), d.public()];
    refused(&bench, &cast.store(2, &[a, b], |content| content.signers = &others), Reason::TrustThreshold);
    refused(&bench, &cast.store(2, &[c, d], |content| content.signers = &others), Reason::TrustThreshold);
    refused(&bench, &cast.store(2, &[a, b], |content| content.threshold = 3), Reason::TrustThreshold);
    // Enough of both have.
    let both = cast.store(2, &[a, c, d], |content| content.signers = &others);
    assert_eq!(update_owner(&bench, &both), Ok(()));
    refused(&bench, &cast.store(3, &[a, b], |content| content.signers = &others), Reason::TrustThreshold);
    assert_eq!(update_owner(&bench, &cast.store(3, &[c, d], |content| content.signers = &others)), Ok(()));
}

#[test]
fn versions_only_rise_and_changes_of_signers_skip_none() {
    let cast = Cast::new();
    let Cast { a, b, c, .. } = &cast;
    let bench = with(StoreModel::Atomic, &[&cast.plain(3)]);
    for version in [1, 2, 3] {
        refused(&bench, &cast.plain(version), Reason::TrustRollback);
    }
    let fewer = [a.public(), b.public()];
    for version in [5, 6, u64::MAX] {
        refused(&bench, &cast.store(version, &[a, b, c], |content| content.signers = &fewer), Reason::TrustSkipped);
        refused(&bench, &cast.store(version, &[a, b, c], |content| content.threshold = 1), Reason::TrustSkipped);
    }
    assert_eq!(update_owner(&bench, &cast.plain(9)), Ok(()), "content may skip forward");
    // The flash of before is put back, with one copy or with both; or everything is erased.
    let old = with(StoreModel::Atomic, &[&cast.plain(3)]).snapshot().slots;
    let [first, second] = record::Kind::TrustOwner.slots();
    for slots in [[Some(first), Some(second)], [Some(first), None], [None, Some(second)], [None, None]] {
        let restored = bench.clone();
        restored.edit(|medium| {
            medium.slots.clear();
            medium.slots.extend(slots.iter().flatten().map(|slot| (*slot, old[slot].clone())));
        });
        let mut buffers = TrustBuffers::new();
        assert_eq!(Trust::load(&restored.platform(), &mut buffers).err(), Some(Reason::TrustRollback));
        let before = restored.snapshot();
        assert_eq!(install_owner(&restored, &cast.plain(3)), Err(Reason::TrustRollback));
        assert_eq!(update_owner(&restored, &cast.plain(10)), Err(Reason::TrustRollback));
        assert_eq!(restored.snapshot(), before);
    }
}

#[test]
fn a_store_keeps_to_its_own_purposes_and_strands_nobody() {
    let cast = Cast::new();
    let Cast { a, b, d, .. } = &cast;
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let by = [a, b];
    let update_key = [Entry {
        purposes: Purposes::of(&[Purpose::UpdateInstall]),
        name: b"author",
        material: Material::Key(cast.author.public()),
    }];
    refused(&bench, &cast.store(2, &by, |content| content.entries = &update_key), Reason::TrustPurpose);
    refused(&bench, &cast.store(2, &by, |content| content.authority = Authority::Manufacturer), Reason::TrustPurpose);
    let manufacturer = |content: &mut StoreContent<'_>| content.authority = Authority::Manufacturer;
    refused(&Bench::new(1), &cast.store(1, &by, manufacturer), Reason::TrustPurpose);

    refused(&bench, &cast.store(2, &by, |content| content.entries = &[]), Reason::TrustWouldStrand);
    let mut fewer = cast.entries();
    fewer[0].purposes = Purposes::of(&[Purpose::Receive, Purpose::Alarm]);
    refused(&bench, &cast.store(2, &by, |content| content.entries = &fewer), Reason::TrustWouldStrand);
    let denied = [cast.adapter.thumbprint];
    refused(&bench, &cast.store(2, &by, |content| content.denied = &denied), Reason::Denied);
    let denied = [b.thumbprint];
    refused(&bench, &cast.store(2, &by, |content| content.denied = &denied), Reason::Denied);
    let denied = [d.thumbprint];
    assert_eq!(update_owner(&bench, &cast.store(2, &by, |content| content.denied = &denied)), Ok(()));
}

/// The public key of the examples of draft-ietf-suit-manifest, whose private key stands beside it.
const PUBLISHED: &str = "048496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad\
                         3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896";

#[test]
fn published_test_keys_are_nobody() {
    let cast = Cast::new();
    let bytes: Vec<u8> = (0..65).map(|at| u8::from_str_radix(&PUBLISHED[2 * at..2 * at + 2], 16).unwrap()).collect();
    let published = PublicKey::new(KeyAlg::P256, &bytes).unwrap();
    let by = [&cast.a, &cast.b];
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let entries = [Entry { material: Material::Key(published), ..cast.entries()[0] }];
    let signers = [cast.a.public(), cast.b.public(), published];
    for (bench, version) in [(&Bench::new(1), 1), (&bench, 2)] {
        let pinned = cast.store(version, &by, |content| content.entries = &entries);
        refused(bench, &pinned, Reason::PublishedTestKey);
        let in_charge = cast.store(version, &by, |content| content.signers = &signers);
        refused(bench, &in_charge, Reason::PublishedTestKey);
    }
}

#[test]
fn a_malformed_store_is_refused_whoever_signed_it() {
    let cast = Cast::new();
    let by = [&cast.a, &cast.b];
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let doubled = [cast.a.public(), cast.a.public(), cast.b.public()];
    refused(&bench, &cast.store(2, &by, |content| content.signers = &doubled), Reason::TrustMalformed);
    for threshold in [0, 4, u64::MAX] {
        refused(&bench, &cast.store(2, &by, |content| content.threshold = threshold), Reason::TrustMalformed);
    }
    refused(&bench, &cast.store(2, &by, |content| content.signers = &[]), Reason::TrustMalformed);
    refused(&Bench::new(1), &cast.store(0, &by, |_| {}), Reason::TrustMalformed);
    let name = [b'n'; limits::NAME + 1];
    let entries = [Entry { name: &name, ..cast.entries()[0] }];
    refused(&bench, &cast.store(2, &by, |content| content.entries = &entries), Reason::TooLarge);
    let many = [cast.entries()[0]; limits::TRUST_ENTRIES + 1];
    refused(&bench, &cast.store(2, &by, |content| content.entries = &many), Reason::TooLarge);
    let certificate = vec![0x30; limits::TRUST_STORE];
    let entries = [cast.entries()[0], Entry { material: Material::certificate(&certificate), ..cast.entries()[0] }];
    refused(&bench, &cast.store(2, &by, |content| content.entries = &entries), Reason::TooLarge);

    // Payloads that no author tool writes, signed by the keys in charge.
    let mut map = vec![0; 4096];
    for fields in 0..=9 {
        let mut writer = Writer::new(&mut map);
        writer.map(fields);
        for field in 1..=fields {
            writer.uint(field as u64).uint(1);
        }
        let payload = writer.finish().unwrap().to_vec();
        refused(&bench, &seal(&payload, &by), Reason::TrustMalformed);
    }
    for payload in [&b""[..], b"\xA0", b"\x80", b"\xF6", b"\xA8", &[0xA1; 40], &[0x5F, 0xFF]] {
        refused(&bench, &seal(payload, &by), Reason::TrustMalformed);
    }
}

/// Every bit of a signed object flipped, every truncation, every byte inserted at the end: refused, nothing stored.
#[test]
fn no_damaged_object_is_accepted() {
    let cast = Cast::new();
    let installed = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let mut tried = 0;
    let full = with(StoreModel::Atomic, &[&cast.full(2, |_| {})]);
    for (bench, object) in [
        (Bench::new(1), cast.plain(1)),
        (installed, cast.plain(2)),
        (Bench::new(1), cast.full(3, |content| content.epoch = 2)),
        (full, cast.full(3, |content| content.epoch = 2)),
    ] {
        let before = bench.snapshot();
        let mut refused = |damaged: &[u8]| {
            tried += 1;
            let blank = before.slots.is_empty();
            let result = if blank { install_owner(&bench, damaged) } else { update_owner(&bench, damaged) };
            assert!(result.is_err());
            assert_eq!(bench.snapshot(), before);
        };
        for bit in 0..object.len() * 8 {
            let mut damaged = object.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            refused(&damaged);
        }
        for end in 0..object.len() {
            refused(&object[..end]);
        }
        refused(&[&object[..], &[0]].concat());
    }
    println!("trust: {tried} damaged objects refused");
}

#[test]
fn a_key_that_either_authority_denies_is_refused_whatever_vouches_for_it() {
    let cast = Cast::new();
    let suite = soft::suite();
    let by = [&cast.a, &cast.b];
    let bench = Bench::new(1);
    let author = [Entry {
        purposes: Purposes::of(&[Purpose::UpdateInstall]),
        name: b"author",
        material: Material::Key(cast.author.public()),
    }];
    let makers = cast.store(1, &by, |content| {
        content.authority = Authority::Manufacturer;
        content.entries = &author;
    });
    let present = PhysicalPresence::confirmed_at_the_device();
    let mut buffer = [0; limits::TRUST_STORE];
    install(&bench.platform(), &suite, None, Authority::Manufacturer, &makers, present, &mut buffer).unwrap();
    install_owner(&bench, &cast.plain(1)).unwrap();

    let mut message = [0; 256];
    let headers = Headers { kid: Some(&cast.author.thumbprint), ..Headers::default() };
    let length = sign1(&cast.author.private, &headers, b"release", false, &[], &mut message).unwrap();
    let message = Sign1::parse(&message[..length]).unwrap();
    let verdicts = |bench: &Bench| {
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
        let signed = trust.verify_sign1(&suite, Purpose::UpdateInstall, &message, &[], None);
        let other = trust.verify_sign1(&suite, Purpose::Command, &message, &[], None);
        assert!(other.is_err(), "a key speaks for its own purposes alone");
        (signed.map(drop), trust.pinned(&suite, Purpose::UpdateInstall, b"author").map(drop))
    };
    assert_eq!(verdicts(&bench), (Ok(()), Ok(())));
    let denied = [cast.author.thumbprint];
    update_owner(&bench, &cast.store(2, &by, |content| content.denied = &denied)).unwrap();
    assert_eq!(verdicts(&bench), (Err(Reason::Denied), Err(Reason::Denied)));
}

/// Takes any chain to any anchor. A certificate is a SEQUENCE of nothing but a SubjectPublicKeyInfo.
struct Engine;

impl PathEngine for Engine {
    fn licence(&self) -> danger::EngineLicence {
        danger::EngineLicence::this_engine_decides_whom_the_device_believes()
    }

    fn validate<'c>(
        &self,
        _: &Suite<'_>,
        chain: &[&'c [u8]],
        grounds: &Grounds<'_>,
        _: Purpose,
        _: Time,
    ) -> Result<ValidatedPath<'c>> {
        if grounds.anchors.is_empty() {
            return Err(Reason::PathUntrusted);
        }
        let key = PublicKey::from_spki(self.public_key_info(chain[0])?)?;
        Ok(ValidatedPath {
            key: Some(key),
            name: b"pump-1",
            validity: Validity::InDate,
            revocation: Revocation::NotAsked,
        })
    }

    fn check_anchor(&self, anchor: &Anchor<'_>) -> Result<()> {
        if anchor.constraints.is_empty() { Ok(()) } else { Err(Reason::TrustConstraint) }
    }

    fn is_self_signed(&self, _: &Suite<'_>, _: &[u8]) -> bool {
        true
    }

    fn public_key_info<'c>(&self, certificate: &'c [u8]) -> Result<&'c [u8]> {
        certificate.get(2..).ok_or(Reason::CertificateMalformed)
    }
}

fn certificate(key: &KeyPair) -> Vec<u8> {
    let info = key.public().spki().concat();
    [&[0x30, u8::try_from(info.len()).unwrap()][..], &info].concat()
}

#[test]
fn a_denied_authority_vouches_for_nobody_wherever_it_stands_in_a_chain() {
    let cast = Cast::new();
    let by = [&cast.a, &cast.b];
    let [root, middle, leaf] = [7, 8, 9].map(|number| KeyPair::new(KeyAlg::P256, number));
    let [anchor, issuing, device] = [&root, &middle, &leaf].map(certificate);
    let anchors = [Entry {
        purposes: Purposes::of(&[Purpose::Receive, Purpose::Command, Purpose::Telemetry]),
        name: b"hospital",
        material: Material::certificate(&anchor),
    }];
    let verdict = |denied: &[[u8; 32]]| {
        let bench = Bench::new(1);
        let object = cast.store(1, &by, |content| {
            (content.entries, content.denied) = (Box::leak(Box::new(anchors)), Vec::from(denied).leak());
        });
        install_owner(&bench, &object).unwrap();
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
        let chain: [&[u8]; 2] = [&device, &issuing];
        trust.verify_chain(&soft::suite(), &Engine, Purpose::Telemetry, &chain, Time::UNKNOWN).map(drop)
    };
    assert_eq!(verdict(&[]), Ok(()));
    assert_eq!(verdict(&[leaf.thumbprint]), Err(Reason::Denied));
    assert_eq!(verdict(&[middle.thumbprint]), Err(Reason::Denied));
    assert_eq!(verdict(&[root.thumbprint]), Err(Reason::PathUntrusted));
}

#[test]
fn an_anchor_that_cannot_serve_its_purpose_does_not_keep_a_store_from_stranding() {
    let cast = Cast::new();
    let by = [&cast.a, &cast.b];
    let (signs, agrees) = (KeyPair::new(KeyAlg::Ed25519, 10), KeyPair::new(KeyAlg::X25519, 11));
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let whole = certificate(&cast.adapter);
    let truncated = &whole[..whole.len() - 1];
    for (material, serves) in [
        (Material::Key(signs.public()), false),
        (Material::Key(agrees.public()), false),
        (Material::certificate(b""), false),
        (Material::certificate(b"hospital CA"), false),
        (Material::certificate(truncated), false),
        (Material::certificate(&whole), true),
    ] {
        let entries = [Entry { material, ..cast.entries()[0] }];
        let object = cast.store(2, &by, |content| content.entries = Box::leak(Box::new(entries)));
        match serves {
            false => refused(&bench, &object, Reason::TrustWouldStrand),
            true => update_owner(&bench, &object).unwrap(),
        }
    }
}

#[test]
fn the_owner_changes_responses_with_a_justification_and_loosens_none_that_changes_the_device() {
    use aseptic_core::clinical::{Failure, Path, Response, response};
    let cast = Cast::new();
    let by = [&cast.a, &cast.b];
    let all = |number: u8| {
        let change =
            |path: u8, failure: u8, response: u8| Override { cell: [path, failure, response], justification: "r" };
        (0..7).flat_map(move |path| (0..8).map(move |failure| change(path, failure, number)))
    };
    let (mut taken, mut refusals) = (0, 0);
    for change in (0..4).flat_map(all) {
        let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
        let changes = [change];
        let changes: &'static [Override<'static>] = Box::leak(Box::new(changes));
        let object = cast.store(2, &by, |content| content.overrides = changes);
        let [path, failure, number] = change.cell;
        let exists = path < 6 && failure < 7 && number < 3;
        let rows =
            [Path::ObservationOut, Path::AlarmOut, Path::CommandIn, Path::ConfigurationIn, Path::UpdateIn, Path::Enrol];
        let columns = [
            Failure::PeerExpired,
            Failure::PeerLongExpired,
            Failure::PeerRevoked,
            Failure::OwnExpired,
            Failure::Forged,
            Failure::ListAgeing,
            Failure::PeerUnknown,
        ];
        let wanted = [Response::Flag, Response::Hold, Response::Refuse];
        if !exists {
            refused(&bench, &object, Reason::TrustMalformed);
            refusals += 1;
            continue;
        }
        let (row, column) = (rows[usize::from(path)], columns[usize::from(failure)]);
        let (new, default) = (wanted[usize::from(number)], response(row, column));
        let changes_device = matches!(row, Path::CommandIn | Path::ConfigurationIn | Path::UpdateIn);
        if (changes_device || column == Failure::Forged) && new < default {
            refused(&bench, &object, Reason::TrustPurpose);
            refusals += 1;
            continue;
        }
        update_owner(&bench, &object).unwrap();
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&bench.platform(), &mut buffers).unwrap();
        for (at, other) in rows.into_iter().flat_map(|row| columns.map(|column| (row, column))).enumerate() {
            let here = at == usize::from(path) * 7 + usize::from(failure);
            let expected = if here { new } else { response(other.0, other.1) };
            assert_eq!(trust.response(other.0, other.1), expected, "{change:?} at {other:?}");
        }
        taken += 1;
    }
    println!("{taken} changes of the matrix taken, {refusals} refused");
    let bench = with(StoreModel::Atomic, &[&cast.plain(1)]);
    let silent: &[Override<'_>] = &[Override { cell: [0, 0, 2], justification: " " }];
    refused(&bench, &cast.store(2, &by, |content| content.overrides = silent), Reason::TrustMalformed);
    let good: &[Override<'_>] = &[Override { cell: [0, 0, 2], justification: "ward 7 keeps no expired sender" }];
    // The maker has no say in it, and nobody changes it without the owner's keys.
    let makers = cast.store(2, &by, |content| {
        content.authority = Authority::Manufacturer;
        content.entries = &[];
        content.overrides = good;
    });
    refused(&bench, &makers, Reason::TrustMalformed);
    refused(&bench, &cast.store(2, &[&cast.a], |content| content.overrides = good), Reason::TrustThreshold);
    update_owner(&bench, &cast.store(2, &by, |content| content.overrides = good)).unwrap();
}

/// What each change of a store means for trust that somebody relies on.
#[test]
fn the_epoch_rises_when_trust_is_withdrawn() {
    type Change = fn(&mut StoreContent<'_>);
    fn anchor(content: &mut StoreContent<'_>, change: impl FnOnce(&mut Entry<'static>, &mut Anchor<'static>)) {
        let Material::Certificate(_) = content.entries[1].material else { panic!() };
        let (mut entry, mut anchor) = (
            Entry { purposes: content.entries[1].purposes, name: b"hospital", material: Material::certificate(b"") },
            Anchor { certificate: &CERTIFICATE, constraints: b"constraints", successor: Some(&[0x5C; 32]) },
        );
        change(&mut entry, &mut anchor);
        entry.material = Material::Certificate(anchor);
        let first = content.entries[0];
        content.entries = vec![first, entry].leak();
    }
    let cases: &[(&str, bool, Change)] = &[
        ("nothing", false, |_| {}),
        ("a date", false, |content| content.issued += 1),
        ("another order", false, |content| content.entries = vec![content.entries[1], content.entries[0]].leak()),
        ("a label of an anchor", false, |content| anchor(content, |entry, _| entry.name = b"Hospital")),
        ("one more purpose", false, |content| {
            anchor(content, |entry, _| entry.purposes = entry.purposes.union(Purposes::of(&[Purpose::Audit])));
        }),
        ("one purpose elsewhere", false, |content| {
            let (first, mut more) = (content.entries[0], content.entries[1]);
            let mut less = more;
            less.purposes = Purposes::of(&[Purpose::Telemetry]);
            more.purposes = Purposes::of(&[Purpose::Network]);
            content.entries = vec![first, more, less].leak();
        }),
        ("constraints lifted", false, |content| anchor(content, |_, anchor| anchor.constraints = b"")),
        ("a denial lifted", false, |content| content.denied = &[]),
        ("a minimum lowered", false, |content| {
            content.minimums = &[ListMinimum { issuer: &[0x15; 32], number: &[255] }];
        }),
        ("a minimum dropped", false, |content| content.minimums = &[]),
        ("another response", false, |content| content.overrides = &[]),
        ("a purpose lost", true, |content| {
            let purposes = Purposes::of(&[Purpose::Telemetry]);
            let mut second = content.entries[1];
            second.purposes = purposes;
            // Another key keeps the purpose from being stranded.
            let mut first = content.entries[0];
            first.purposes = first.purposes.union(Purposes::of(&[Purpose::Network]));
            content.entries = vec![first, second].leak();
        }),
        ("an entry lost", true, |content| {
            let mut first = content.entries[0];
            first.purposes = first.purposes.union(content.entries[1].purposes);
            content.entries = vec![first].leak();
        }),
        ("another name of a key", true, |content| {
            let mut first = content.entries[0];
            first.name = b"adapter-2";
            content.entries = vec![first, content.entries[1]].leak();
        }),
        ("another certificate", true, |content| {
            anchor(content, |_, anchor| anchor.certificate = b"\x30\x02\x05\x00");
        }),
        ("other constraints", true, |content| anchor(content, |_, anchor| anchor.constraints = b"constraint")),
        ("the successor lost", true, |content| anchor(content, |_, anchor| anchor.successor = None)),
        ("another successor", true, |content| anchor(content, |_, anchor| anchor.successor = Some(&[0x5D; 32]))),
        ("a key denied", true, |content| content.denied = &[[0xDE; 32], [0xDF; 32]]),
        ("a minimum raised", true, |content| {
            content.minimums = &[ListMinimum { issuer: &[0x15; 32], number: &[1, 1] }];
        }),
        ("a new minimum", true, |content| {
            content.minimums = &[
                ListMinimum { issuer: &[0x15; 32], number: &[1, 0] },
                ListMinimum { issuer: &[0x16; 32], number: &[1] },
            ];
        }),
    ];
    let cast = Cast::new();
    let installed = with(StoreModel::Atomic, &[&cast.full(5, |content| content.epoch = 3)]);
    for (what, withdraws, change) in cases {
        for epoch in 1..=7 {
            let object = cast.full(7, |content| {
                change(content);
                content.epoch = epoch;
            });
            let holds = epoch > 5 || epoch == 3 && !withdraws;
            if !holds {
                refused(&installed, &object, Reason::TrustEpoch);
                continue;
            }
            let bench = installed.clone();
            assert_eq!(update_owner(&bench, &object), Ok(()), "{what}, epoch {epoch}");
            let mut buffers = TrustBuffers::new();
            assert_eq!(Trust::load(&bench.platform(), &mut buffers).unwrap().epoch(), epoch, "{what}");
        }
    }
    // A store that says nothing, as those of before, counts as one that withdraws.
    let old = with(StoreModel::Atomic, &[&cast.plain(1), &cast.plain(4)]);
    let mut buffers = TrustBuffers::new();
    assert_eq!(Trust::load(&old.platform(), &mut buffers).unwrap().epoch(), 4);
    assert_eq!(Trust::default().epoch(), 0);
}

#[test]
fn what_is_optional_has_one_form() {
    let cast = Cast::new();
    let by = [&cast.a, &cast.b];
    let bench = with(StoreModel::Atomic, &[&cast.full(2, |_| {})]);
    let patched = |version, change: &dyn Fn(&mut StoreContent<'_>), from: &[u8], to: &[u8]| {
        let object = cast.full(version, |content| change(content));
        let payload = aseptic_core::cose::Sign::parse(&object).unwrap().payload.unwrap();
        let at = payload.windows(from.len()).rposition(|window| window == from).expect("the bytes to replace");
        seal(&[&payload[..at], to, &payload[at + from.len()..]].concat(), &by)
    };
    let nothing: &dyn Fn(&mut StoreContent<'_>) = &|_| {};
    refused(&bench, &patched(3, &|content| content.epoch = 2, &[11, 2], &[11, 3]), Reason::TrustMalformed);
    for epoch in [0, 4, u64::MAX] {
        refused(&bench, &cast.full(3, |content| content.epoch = epoch), Reason::TrustMalformed);
    }
    // Constraints that are empty although nothing follows, a successor of another length, a key with constraints.
    let tail = [&[0x4B][..], b"constraints", &[0x58, 32], &[0x5C; 32]].concat();
    for (length, to) in [(0x85, &[0x40][..]), (0x86, &[0x40, 0x41, 0x5C]), (0x87, &[0x41, 1, 0x41, 2, 0x41, 3])] {
        let object = cast.full(3, |_| {});
        let payload = aseptic_core::cose::Sign::parse(&object).unwrap().payload.unwrap();
        let at = payload.windows(tail.len()).position(|window| window == tail).unwrap();
        let mut changed = [&payload[..at], to, &payload[at + tail.len()..]].concat();
        let head = changed.windows(8).position(|window| window[0] == 0x86 && window.ends_with(b"hosp")).unwrap();
        changed[head] = length;
        refused(&bench, &seal(&changed, &by), Reason::TrustMalformed);
    }
    let certificate = [&[0, 0x58, 32][..], &CERTIFICATE].concat();
    let key = [&[2, 0x58, 32][..], &CERTIFICATE].concat();
    refused(&bench, &patched(3, nothing, &certificate, &key), Reason::TrustMalformed);
    for number in [&[][..], &[0], &[0, 1], &[1; 21]] {
        let minimum: &'static [ListMinimum<'static>] =
            vec![ListMinimum { issuer: &[0x15; 32], number: number.to_vec().leak() }].leak();
        refused(&bench, &cast.full(3, |content| content.minimums = minimum), Reason::TrustMalformed);
    }
    let many = [ListMinimum { issuer: &[0x15; 32], number: &[1] }; limits::TRUST_MINIMUMS + 1];
    refused(&bench, &cast.full(3, |content| content.minimums = Vec::from(many).leak()), Reason::TooLarge);
    refused(
        &bench,
        &patched(3, nothing, &[10, 0x81, 0x82, 0x58, 32], &[10, 0x80, 0x82, 0x58, 32]),
        Reason::TrustMalformed,
    );
    assert_eq!(update_owner(&bench, &cast.full(3, |content| content.epoch = 2)), Ok(()));
}
