//! ECDSA and ML-DSA under one update: made by authors, taken by a device with the suite of hosts, both or not at all.

use aseptic_core::cbor::Writer;
use aseptic_core::clinical::Use;
use aseptic_core::cose::Signer;
use aseptic_core::crypto::{HashAlg, KeyAlg, Parts, PublicKey, soft};
use aseptic_core::trust::{self, Authority, PhysicalPresence, Purpose, Trust, TrustBuffers};
use aseptic_core::{Reason, Result, limits};
use aseptic_hosted::crypto::suite;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{Envelope as Draft, Identity, Manifest, Signature};
use aseptic_infra::owner::Store;
use aseptic_testbed::bench::Bench;
use aseptic_update::boot::{self, BootState};
use aseptic_update::{Component, Device, Digest, Envelope, Session, Target};

const MAIN: &[&[u8]] = &[b"main"];

/// The authors of a maker who signs with both families, and one who is none of them.
struct Cast {
    classical: AuthorityKey,
    quantum: AuthorityKey,
    strangers: [AuthorityKey; 2],
}

impl Cast {
    fn new(quantum: KeyAlg) -> Self {
        let key = |alg| AuthorityKey::generate(alg).unwrap();
        Self { classical: key(KeyAlg::P256), quantum: key(quantum), strangers: [KeyAlg::P256, quantum].map(key) }
    }

    /// A device with release 5 in slot A that wants a signature of each family, and one author of the first family more.
    fn device(&self) -> Bench {
        let bench = Bench::new(1);
        let (platform, suite) = (bench.platform(), suite());
        let image = vec![5; 3000];
        bench.edit(|medium| medium.flash[0].program(&image));
        let digest = Digest::of(&suite, HashAlg::Sha256, &[&image]).unwrap();
        boot::provision(&platform, &suite, digest, 3000, 5).unwrap();

        let quantum = self.quantum.public().unwrap();
        let thumbprint = quantum.thumbprint(&suite).unwrap();
        let (charge, install) = (self.classical.public().unwrap(), [Purpose::UpdateInstall]);
        let store = Store::new(Authority::Manufacturer, 1)
            .signer(charge)
            .pin("classical", &install, charge)
            .pin("colleague", &install, self.strangers[0].public().unwrap())
            .pin_thumbprint("quantum", &install, quantum.alg(), &thumbprint)
            .quorum_of_both_families(Purpose::UpdateInstall, 2)
            .sign(&suite, &[(charge, &self.classical)])
            .unwrap();
        let mut buffer = [0; limits::TRUST_STORE];
        let present = PhysicalPresence::confirmed_at_the_device();
        trust::install(&platform, &suite, None, Authority::Manufacturer, &store, present, &mut buffer).unwrap();
        bench
    }
}

fn draft(sequence: u64, image: &[u8]) -> Draft {
    let manifest = Manifest::new("pumps.example", "pump", sequence, "https://pumps.example/6").image(image).unwrap();
    Draft::unsigned(&suite(), &manifest).unwrap()
}

/// A block of the author's making.
fn block(draft: &Draft, key: &AuthorityKey) -> Vec<u8> {
    draft.sign(&suite(), &Signature { key: key.public().unwrap(), signer: key }).unwrap()
}

/// A block of a forger's making: with what may be said in headers, over what may be signed.
struct Forgery<'f> {
    alg: i64,
    kid: &'f [u8],
    key: Option<&'f [u8]>,
    aad: &'f [u8],
    payload: &'f [u8],
    by: &'f AuthorityKey,
}

impl Forgery<'_> {
    fn block(&self) -> Vec<u8> {
        let protected = cbor(|w| {
            w.map(2).int(1).int(self.alg).int(4).bytes(self.kid);
        });
        let message = cbor(|w| {
            w.array(4).text("Signature1").bytes(&protected).bytes(self.aad).bytes(self.payload);
        });
        let mut signature = vec![0; 8192];
        let length = self.by.sign(&mut Parts(&[&message]), &mut signature).unwrap();
        cbor(|w| {
            w.tag(18).array(4).bytes(&protected);
            match self.key {
                Some(key) => w.map(1).int(-65_537).bytes(key),
                None => w.map(0),
            };
            w.null().bytes(&signature[..length]);
        })
    }
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut measure = Writer::new(&mut []);
    write(&mut measure);
    let mut out = vec![0; measure.needed()];
    write(&mut Writer::new(&mut out));
    out
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// An envelope with these blocks, whatever they are.
fn envelope(draft: &Draft, blocks: &[&[u8]]) -> Vec<u8> {
    let wrapper = cbor(|w| {
        w.array(blocks.len() + 1).bytes(draft.signed_bytes());
        for block in blocks {
            w.bytes(block);
        }
    });
    cbor(|w| {
        w.tag(107).map(2).int(2).bytes(&wrapper).int(3).bytes(draft.manifest());
    })
}

/// What a device says to an envelope.
fn judge(bench: &Bench, bytes: &[u8]) -> Result<()> {
    let mut buffers = TrustBuffers::new();
    let trust = Trust::load(&bench.platform(), &mut buffers)?;
    Envelope::parse(bytes)?.authenticate(&trust, &suite()).map(drop)
}

#[test]
fn a_device_installs_what_both_families_have_signed() {
    let image = vec![6; 5000];
    for alg in [KeyAlg::MlDsa44, KeyAlg::MlDsa65, KeyAlg::MlDsa87] {
        let (cast, suite) = (Cast::new(alg), suite());
        let bench = cast.device();
        let platform = bench.platform();
        let mut release = draft(6, &image);
        let keys = [cast.quantum.public().unwrap(), cast.classical.public().unwrap()];
        for key in [&cast.quantum, &cast.classical] {
            let block = block(&release, key);
            assert!(release.add(&suite, &block, &keys).unwrap().new);
        }
        // A second signature of ML-DSA is another one, by the same key.
        let again = block(&release, &cast.quantum);
        assert!(!release.add(&suite, &again, &keys).unwrap().new);

        let bytes = release.encode();
        let identity = Identity::named_by(&release).unwrap();
        let device = Device::new(identity.vendor, identity.class, &const { [Component::whole(MAIN)] });
        let mut buffers = TrustBuffers::new();
        let trust = Trust::load(&platform, &mut buffers).unwrap();
        let authentic = Envelope::parse(&bytes).unwrap().authenticate(&trust, &suite).unwrap();
        let plan = authentic.plan(&suite, &device, 5, Target::of(&platform).unwrap()).unwrap();
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        session.feed(&platform, &suite, &image, Use::Idle).unwrap();
        session.finish(&platform, &suite, Use::Idle).unwrap().activate(&platform, Use::Idle).unwrap();
        bench.reboot();
        assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_))));
        assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, 6);

        // A device with the suite of firmware says that it lacks the algorithm.
        let told = Envelope::parse(&bytes).unwrap().authenticate(&trust, &soft::suite()).err();
        assert_eq!(told, Some(Reason::AlgorithmUnsupported));
    }
}

#[test]
fn a_forgery_of_either_family_is_refused_and_changes_nothing() {
    let cast = Cast::new(KeyAlg::MlDsa65);
    let (bench, suite) = (cast.device(), suite());
    let (release, other) = (draft(6, b"image"), draft(7, b"another"));
    let keys = [&cast.classical, &cast.quantum].map(|key| key.public().unwrap());
    let names = keys.map(|key| key.thumbprint(&suite).unwrap());
    let [classical, quantum] = [&cast.classical, &cast.quantum].map(|key| block(&release, key));
    let last = |block: &[u8]| flipped(block, block.len() - 1);
    let digest = release.signed_bytes();
    // As the author makes it, but for what a case changes.
    let honest = [(-9, 0, None), (-49, 1, Some(keys[1].bytes()))].map(|(alg, at, key): (_, usize, _)| Forgery {
        alg,
        kid: &names[at],
        key,
        aad: &[],
        payload: digest,
        by: [&cast.classical, &cast.quantum][at],
    });
    let [ec, ml] = &honest;
    let stranger = cast.strangers[1].public().unwrap();
    let long: PublicKey<'_> = keys[1];
    let forged = |change: Forgery<'_>| change.block();

    assert_eq!(judge(&bench, &envelope(&release, &[&ec.block(), &ml.block()])), Ok(()));
    let cases: Vec<(&str, Vec<Vec<u8>>, Reason)> = vec![
        ("no ML-DSA", vec![classical.clone()], Reason::TrustThreshold),
        ("no ECDSA", vec![quantum.clone()], Reason::TrustThreshold),
        ("ECDSA twice", vec![classical.clone(), classical.clone()], Reason::TrustThreshold),
        ("ML-DSA twice", vec![quantum.clone(), block(&release, &cast.quantum)], Reason::TrustThreshold),
        ("two of ECDSA", vec![classical.clone(), block(&release, &cast.strangers[0])], Reason::FamilyMissing),
        ("a stranger's ML-DSA", vec![classical.clone(), block(&release, &cast.strangers[1])], Reason::TrustThreshold),
        ("ECDSA changed", vec![last(&classical), quantum.clone()], Reason::SignatureInvalid),
        ("ML-DSA changed", vec![classical.clone(), last(&quantum)], Reason::SignatureInvalid),
        ("ECDSA of another release", vec![block(&other, &cast.classical), quantum.clone()], Reason::SignatureInvalid),
        ("ML-DSA of another release", vec![classical.clone(), block(&other, &cast.quantum)], Reason::SignatureInvalid),
        (
            "a stranger under the name of ECDSA",
            vec![forged(Forgery { by: &cast.strangers[0], ..*ec }), quantum.clone()],
            Reason::SignatureInvalid,
        ),
        (
            "a stranger under the name of ML-DSA",
            vec![classical.clone(), forged(Forgery { by: &cast.strangers[1], ..*ml })],
            Reason::SignatureInvalid,
        ),
        (
            "a stranger with his own key under the name of ML-DSA",
            vec![classical.clone(), forged(Forgery { by: &cast.strangers[1], key: Some(stranger.bytes()), ..*ml })],
            Reason::KeyInvalid,
        ),
        ("ML-DSA without its key", vec![classical.clone(), forged(Forgery { key: None, ..*ml })], Reason::KeyInvalid),
        (
            "ML-DSA with a key too short",
            vec![classical.clone(), forged(Forgery { key: long.bytes().get(1..), ..*ml })],
            Reason::KeyInvalid,
        ),
        ("ML-DSA-65 that says 44", vec![classical.clone(), forged(Forgery { alg: -48, ..*ml })], Reason::CoseAlgorithm),
        ("ML-DSA that says ECDSA", vec![classical.clone(), forged(Forgery { alg: -9, ..*ml })], Reason::CoseAlgorithm),
        (
            "ML-DSA for statements",
            vec![classical.clone(), forged(Forgery { aad: b"aseptic update statement", ..*ml })],
            Reason::SignatureInvalid,
        ),
        (
            "a key of ML-DSA beside ECDSA",
            vec![forged(Forgery { key: Some(stranger.bytes()), ..*ec }), last(&quantum)],
            Reason::SignatureInvalid,
        ),
    ];
    let before = bench.snapshot();
    for (what, blocks, reason) in &cases {
        let blocks: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
        assert_eq!(judge(&bench, &envelope(&release, &blocks)), Err(*reason), "{what}");
        let turned: Vec<_> = blocks.iter().rev().copied().collect();
        assert!(judge(&bench, &envelope(&release, &turned)).is_err(), "{what}, the other way round");
    }
    // Any byte of an envelope, a few of those of the long key and signature.
    let whole = envelope(&release, &[&classical, &quantum]);
    let places = (0..whole.len()).filter(|at| *at < 200 || at % 61 == 0 || *at + 100 > whole.len());
    let mut tried = 0;
    for at in places {
        assert!(judge(&bench, &flipped(&whole, at)).is_err(), "byte {at}");
        tried += 1;
    }
    assert!(tried > 300, "{tried}");
    assert_eq!(bench.snapshot(), before);
}

/// The author's desk refuses what would spoil an envelope.
#[test]
fn a_block_that_lacks_its_long_key_is_not_added() {
    let cast = Cast::new(KeyAlg::MlDsa44);
    let (suite, mut release) = (suite(), draft(6, b"image"));
    let key = cast.quantum.public().unwrap();
    let kid = key.thumbprint(&suite).unwrap();
    let forgery =
        Forgery { alg: -48, kid: &kid, key: None, aad: &[], payload: release.signed_bytes(), by: &cast.quantum };
    let bare = forgery.block();
    let complete = Forgery { key: Some(key.bytes()), ..forgery }.block();
    let before = release.clone();
    assert_eq!(release.add(&suite, &bare, &[key]).unwrap_err().reason(), Reason::CoseHeader);
    assert_eq!(release, before);
    assert!(release.add(&suite, &complete, &[key]).unwrap().new);
}

/// Keys of ML-DSA sign software, and neither certificates nor trust stores.
#[test]
fn a_key_of_ml_dsa_signs_nothing_but_software() {
    let cast = Cast::new(KeyAlg::MlDsa65);
    let (key, suite) = (cast.quantum.public().unwrap(), suite());
    let store = Store::new(Authority::Manufacturer, 1);
    let classical = cast.classical.public().unwrap();
    for (charge, by) in [(key, &cast.classical), (classical, &cast.quantum)] {
        let told = store.clone().signer(charge).sign(&suite, &[(by.public().unwrap(), by)]).unwrap_err();
        assert_eq!(told.reason(), Reason::KeyWrongUse);
    }
    let again = AuthorityKey::from_pem(&cast.quantum.expose_pem()).unwrap();
    assert_eq!(again.public().unwrap(), key);
}
