//! Sets of components: all old or all new, however they come.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::Reason;
use aseptic_core::cbor::{Reader, Rules};
use aseptic_core::clinical::Use;
use aseptic_core::cose::{Headers, KdfContext, RecipientKey, SealTo, Sealer, Sign1};
use aseptic_core::crypto::{AeadAlg, soft};
use aseptic_core::platform::{Geometry, ImageSlot};
use aseptic_core::time::Time;
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Count, Interrupted, sweep};
use aseptic_update::boot::{self, BootState};
use aseptic_update::journal::Confirmed;
use aseptic_update::report::{Outcome, REPORT, Report};
use aseptic_update::{Component, Device, Envelope, Interlock, Reporter, Session, Staged, Target, payload_key};
use common::set::*;
use common::*;

const OLD: u64 = 5;
const NEW: u64 = 6;
const SHAPE: Geometry = Geometry { size: 0x8000, erase_size: 0x1000, write_size: 8 };

fn old() -> [Vec<u8>; 3] {
    [program(0x2F01, 1), program(0x1234, 2), program(77, 3)]
}

/// The digest of a set is known when it lies in its slot, and the report has it, whether or not deferrals were told.
#[test]
fn a_set_is_reported_once_it_is_confirmed() {
    for told in [true, false] {
        let (bench, pieces) = (device(), every_way().remove(0));
        let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
        let reporter = Reporter { platform: &platform, suite: &suite, now: Time::UNKNOWN };
        let bytes = author.envelope(&manifest(&pieces, NEW).encode(), &inside(&pieces));
        let plan = set_plan(&author, &bench, &bytes).unwrap();
        let session = open(&platform, &plan).unwrap();
        reporter.open(plan.component(), None).unwrap();
        let staged = bring(&platform, &plan, &pieces, 4096, session).unwrap();
        if told {
            reporter.activating(staged.image(), &mut Interlock::new(0)).unwrap();
        }
        staged.activate(&platform, Use::Idle).unwrap();
        bench.reboot();
        assert_eq!(reporter.settle(&boot::load(&platform, &suite).unwrap()), Ok(None));
        let confirmed = boot::confirm(&platform, &suite, 0).unwrap();
        let state = BootState::Confirmed(Some(confirmed));
        assert_eq!(reporter.settle(&state), Ok(Some(Outcome::Installed)));
        assert_eq!(reporter.settle(&state), Ok(None));
        let mut out = [0; REPORT + 256];
        let length = reporter.sign(&author.key, &author.kid, &mut out).unwrap();
        let payload = Sign1::parse(&out[..length]).unwrap().payload.unwrap();
        let installed = Report::parse(payload).unwrap().installed.unwrap();
        assert_eq!((installed.image, installed.size), (confirmed.image.digest, confirmed.image.size));
    }
}

/// A device whose slot A holds the old set, confirmed as the factory does.
fn factory(bench: Bench) -> Bench {
    let erased = bench.snapshot().flash[0].erased;
    let mut slot = vec![erased; 0x6000 + 77];
    for (component, bytes) in PARTS.iter().zip(old()) {
        slot[component.offset as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    bench.edit(|medium| medium.flash[0].program(&slot));
    boot::provision(&bench.platform(), &soft::suite(), digest(&slot), slot.len() as u64, OLD).unwrap();
    bench
}

fn device() -> Bench {
    factory(Bench::new(1).with_flash([SHAPE; 2], 0xFF))
}

fn slot_holds(bench: &Bench, slot: ImageSlot, pieces: &[Piece]) {
    let flash = &bench.snapshot().flash[slot as usize];
    let mut expected = vec![flash.erased; flash.bytes.len()];
    for piece in pieces {
        let component = PARTS.iter().find(|component| component.id[0] == piece.id).unwrap();
        expected[component.offset as usize..][..piece.bytes.len()].copy_from_slice(&piece.bytes);
    }
    assert!(flash.bytes == expected, "every component at its place, and nothing between them");
}

/// From the envelope to the confirmation.
fn install(bench: &Bench, pieces: &[Piece], chunk: usize) -> Result<Confirmed, Reason> {
    let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
    let bytes = author.envelope(&manifest(pieces, NEW).encode(), &inside(pieces));
    let keys = [RecipientKey::wrap(&KEK)?];
    let plan = set_plan(&author, bench, &bytes)?.unlock(&keys);
    let staged = bring(&platform, &plan, pieces, chunk, open(&platform, &plan)?)?;
    staged.activate(&platform, Use::Idle)?;
    bench.reboot();
    boot::verify_at_boot(&platform, &suite)?;
    boot::confirm(&platform, &suite, 0)
}

fn every_way() -> Vec<Vec<Piece>> {
    let (a, b, c) = (program(0x2FFF, 7), program(0x1801, 8), program(300, 9));
    let [kept, radio, font] = old();
    vec![
        vec![piece(b"main", &a, How::Fetch), piece(b"radio", &b, How::Fetch), piece(b"font", &c, How::Fetch)],
        // Another order in the manifest than in the slot.
        vec![piece(b"font", &c, How::Write), piece(b"main", &a, How::Inside), piece(b"radio", &b, How::Passage)],
        vec![
            piece(b"main", &kept, How::Copy(0)),
            piece(b"radio", &radio, How::Copy(1)),
            piece(b"font", &c, How::Write),
        ],
        vec![piece(b"main", &a, How::PassageSealed(GCM)), piece(b"font", &c, How::WriteSealed(CTR))],
        vec![piece(b"radio", &b, How::PassageSealed(CTR)), piece(b"font", &font, How::Copy(1))],
        vec![piece(b"main", &a, How::PassageSealed(CTR)), piece(b"font", &c, How::WriteSealed(GCM))],
        vec![piece(b"main", &a, How::PassageSealed(GCM))],
    ]
}

#[test]
fn a_set_comes_whole_however_it_comes() {
    for pieces in every_way() {
        for chunk in [1000, 4096, usize::MAX] {
            let bench = device();
            let confirmed = install(&bench, &pieces, chunk).unwrap();
            slot_holds(&bench, ImageSlot::B, &pieces);
            assert_eq!((confirmed.image.slot, confirmed.image.sequence), (ImageSlot::B, NEW));
            let flash = bench.snapshot().flash[1].bytes.clone();
            assert_eq!(digest(&flash[..confirmed.image.size as usize]), confirmed.image.digest, "gaps included");
            // A bit anywhere in the set, or between its components, and it does not boot any more.
            for at in [0, 0x3000, 0x5FFF, confirmed.image.size as usize - 1] {
                if at < confirmed.image.size as usize {
                    let damaged = device();
                    install(&damaged, &pieces, chunk).unwrap();
                    damaged.edit(|medium| medium.flash[1].bytes[at] ^= 1);
                    assert_eq!(boot::verify_at_boot(&damaged.platform(), &soft::suite()), Err(Reason::SlotMismatch));
                }
            }
        }
    }
}

#[test]
fn sets_go_on_every_kind_of_flash() {
    let pieces = &every_way()[3];
    for write_size in [1, 8, 32] {
        for erased in [0x00, 0xFF] {
            for sizes in [[0x8000, 0x8000], [0x8000, 0x7000], [0x9000, 0x8000]] {
                let shapes = sizes.map(|size| Geometry { size, erase_size: 0x1000, write_size });
                let bench = factory(Bench::new(1).with_flash(shapes, erased));
                install(&bench, pieces, 1000).unwrap();
                slot_holds(&bench, ImageSlot::B, pieces);
            }
        }
    }
    let small = [0x8000, 0x6000].map(|size| Geometry { size, erase_size: 0x1000, write_size: 8 });
    let bench = factory(Bench::new(1).with_flash(small, 0xFF));
    assert_eq!(install(&bench, pieces, 1000), Err(Reason::ImageTooLarge));
    let coarse = Geometry { size: 0x8000, erase_size: 0x8000, write_size: 8 };
    let bench = factory(Bench::new(1).with_flash([coarse; 2], 0xFF));
    assert_eq!(install(&bench, pieces, 1000), Err(Reason::Misuse), "two components in one block");
}

#[test]
fn another_component_than_was_signed_is_given_up_at_its_end() {
    let pieces = &every_way()[0];
    for wrong in 0..3 {
        let bench = device();
        let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
        let bytes = author.envelope(&manifest(pieces, NEW).encode(), &[]);
        let plan = set_plan(&author, &bench, &bytes).unwrap();
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        for (at, piece) in pieces.iter().enumerate() {
            assert_eq!((session.part(), session.offset()), (at, 0));
            let mut bytes = piece.bytes.clone();
            bytes[3] ^= u8::from(at == wrong);
            let fed = session.feed(&platform, &suite, &bytes, Use::Idle);
            // The last one is found out at the end of all.
            if at == wrong && at != 2 {
                assert_eq!(fed, Err(Reason::ImageMismatch));
                assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::NoUpdate));
                break;
            }
            fed.unwrap();
        }
        if wrong == 2 {
            assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::ImageMismatch));
        }
        assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
    }
}

#[test]
fn what_lies_between_and_in_components_is_read_back_before_staging() {
    for at in [0, 0x3000 + 9, 0x6000 + 290] {
        let bench = device();
        let pieces = &every_way()[0];
        let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
        let bytes = author.envelope(&manifest(pieces, NEW).encode(), &[]);
        let plan = set_plan(&author, &bench, &bytes).unwrap();
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        for piece in pieces {
            session.feed(&platform, &suite, &piece.bytes, Use::Idle).unwrap();
        }
        bench.edit(|medium| medium.flash[1].bytes[at] ^= 0x10);
        assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::SlotMismatch), "{at:x}");
    }
}

#[test]
fn nothing_of_a_set_moves_unless_the_device_is_idle() {
    let bench = device();
    let pieces = &every_way()[2];
    let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
    let bytes = author.envelope(&manifest(pieces, NEW).encode(), &[]);
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    let before = bench.snapshot();
    for busy in [Use::InUse, Use::Alarm, Use::Emergency] {
        assert_eq!(session.copy(&platform, &suite, busy), Err(Reason::ClinicalUse));
        assert_eq!(session.feed(&platform, &suite, &[1], busy), Err(Reason::ClinicalUse));
        assert_eq!(bench.snapshot(), before);
    }
    assert_eq!(session.feed(&platform, &suite, &[1], Use::Idle), Err(Reason::Misuse), "a copy is due");
    assert_eq!(session.copy(&platform, &suite, Use::Idle), Ok(true));
}

#[test]
fn an_encrypted_payload_needs_its_key() {
    let pieces = &every_way()[3];
    let bench = device();
    let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
    let bytes = author.envelope(&manifest(pieces, NEW).encode(), &[]);
    let before = bench.snapshot();
    let other = [RecipientKey::wrap(&[1; 16]).unwrap()];
    let long = [RecipientKey::wrap(&[1; 32]).unwrap()];
    let cases: [(&[RecipientKey<'_>], Reason); 3] =
        [(&[], Reason::PayloadLocked), (&other, Reason::DecryptFailed), (&long, Reason::CoseNoRecipient)];
    for (keys, reason) in cases {
        let plan = set_plan(&author, &bench, &bytes).unwrap().unlock(keys);
        assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(reason));
        assert_eq!(bench.snapshot(), before);
    }
    let both = [RecipientKey::wrap(&[1; 16]).unwrap(), RecipientKey::wrap(&KEK).unwrap()];
    let plan = set_plan(&author, &bench, &bytes).unwrap().unlock(&both);
    Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
}

/// ECDH-ES with A128KW, from the sender of the core crate to a key of the device.
#[test]
fn a_payload_for_the_key_of_a_device_is_opened_by_it_alone() {
    let bench = device();
    let (suite, platform, author) = (soft::suite(), bench.platform(), Author::new(1));
    let (own, other) = (Author::new(40), Author::new(41));
    let plain = program(5000, 3);
    let context = KdfContext { supp_pub_other: Some(b"SUIT Payload Encryption"), ..KdfContext::default() };
    let to = SealTo::agree(b"kid-2", own.public()).with_context(context);
    let mut out = vec![0; 6000];
    let sealer = Sealer { suite: &suite, entropy: platform.entropy };
    let length = sealer.encrypt(AeadAlg::Aes128Gcm, &Headers::default(), &[to], &plain, &[], &mut out).unwrap();
    // The ciphertext travels apart.
    let mut reader = Reader::new(&out[..length], Rules::Received);
    assert_eq!((reader.tag(), reader.array()), (Ok(96), Ok(4)));
    let (protected, unprotected) = (reader.raw().unwrap(), reader.raw().unwrap());
    let payload = reader.bytes().unwrap();
    let info = cbor(|w| {
        w.tag(96).array(4).raw(protected).raw(unprotected).null().raw(reader.rest());
    });
    let spec = manifest(&[piece(b"main", &plain, How::Passage)], NEW);
    let install = [
        select(1),
        parameters(&[(21, text(URI))]),
        (21, policy()),
        select(0),
        parameters(&[(19, wrap(&info)), (22, uint(1))]),
        (22, policy()),
        (3, policy()),
    ];
    let bytes = author.envelope(&spec.install(&install).encode(), &[]);
    let plan = |keys| set_plan(&author, &bench, &bytes).unwrap().unlock(keys);
    let wrong = [payload_key(&other.key).unwrap()];
    let refused = Session::begin(&platform, &suite, &plan(&wrong), Use::Idle).err();
    assert_eq!(refused, Some(Reason::DecryptFailed));
    let keys = [payload_key(&own.key).unwrap()];
    // Interrupted in the middle of the stream, in the middle of a block.
    let mut session = Session::begin(&platform, &suite, &plan(&keys), Use::Idle).unwrap();
    session.feed(&platform, &suite, &payload[..4099], Use::Idle).unwrap();
    bench.restart();
    let mut session = Session::resume(&platform, &suite, &plan(&keys)).unwrap();
    let at = session.offset() as usize;
    session.feed(&platform, &suite, &payload[at..], Use::Idle).unwrap();
    session.finish(&platform, &suite, Use::Idle).unwrap();
    assert_eq!(bench.snapshot().flash[1].bytes[..plain.len()], plain);
}

/// The journal of an encrypted component names a position: the stream goes on there.
#[test]
fn an_encrypted_transfer_goes_on_at_its_checkpoint() {
    let shape = Geometry { size: 0x4_0000, erase_size: 0x1000, write_size: 8 };
    let bench = Bench::new(1).with_flash([shape; 2], 0xFF);
    let (suite, platform, author) = (soft::suite(), bench.platform(), Author::new(1));
    let parts = [
        Component { id: &[b"main"], offset: 0, length: 0x3_0000 },
        Component { id: &[b"radio"], offset: 0x3_0000, length: 0x1_0000 },
    ];
    let pieces = [
        piece(b"main", &program(0x2_8123, 1), How::PassageSealed(GCM)),
        piece(b"radio", &program(700, 2), How::PassageSealed(CTR)),
    ];
    let bytes = author.envelope(&manifest(&pieces, NEW).encode(), &[]);
    let authentic = Envelope::parse(&bytes).unwrap().authenticate(&author.trust(), &suite).unwrap();
    let device = Device { components: &parts, ..SET };
    let keys = [RecipientKey::wrap(&KEK).unwrap()];
    let plan = authentic.plan(&suite, &device, 0, Target::of(&platform).unwrap()).unwrap().unlock(&keys);
    let payload = pieces[0].payload();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, &payload[..0x1_F00D], Use::Idle).unwrap();
    bench.restart();
    let mut session = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!((session.part(), session.offset()), (0, 0x1_0000));
    session.feed(&platform, &suite, &payload[0x1_0000..0x2_8123], Use::Idle).unwrap();
    assert_eq!((session.part(), session.missing()), (0, 16), "the tag");
    session.feed(&platform, &suite, &payload[0x2_8123..], Use::Idle).unwrap();
    // The first component is whole; after a cut nothing of it is fetched again.
    bench.restart();
    let session = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!((session.part(), session.offset()), (1, 0));
    bring(&platform, &plan, &pieces, 100, session).unwrap();
    // And where it is not whole any more, all of it is.
    let again = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!((again.part(), again.missing()), (1, 0));
    bench.edit(|medium| medium.flash[1].bytes[17] ^= 1);
    let again = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!((again.part(), again.offset()), (0, 0));
}

#[test]
fn a_staged_set_is_found_again_and_a_damaged_one_is_put_back_under_its_number() {
    let bench = device();
    let pieces = &every_way()[0];
    let (author, suite, platform) = (Author::new(1), soft::suite(), bench.platform());
    let bytes = author.envelope(&manifest(pieces, NEW).encode(), &[]);
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    bring(&platform, &plan, pieces, 4096, open(&platform, &plan).unwrap()).unwrap();
    bench.reboot();
    // By the journal, and by the envelope once more without a byte fetched.
    Staged::load(&platform, &suite).unwrap();
    let again = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!(again.missing(), 0);
    let staged = again.finish(&platform, &suite, Use::Idle).unwrap();
    staged.activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    let confirmed = boot::confirm(&platform, &suite, 0).unwrap();
    // The same number again is nothing new while it runs.
    let again = set_plan(&author, &bench, &bytes).unwrap();
    assert_eq!(Session::begin(&platform, &suite, &again, Use::Idle).err(), Some(Reason::SequenceTooOld));
    // Damaged in its slot, and the boot loader has gone back.
    bench.edit(|medium| medium.flash[1].bytes[5] ^= 1);
    platform.images.select(ImageSlot::A, aseptic_core::platform::BootMode::Permanent).unwrap();
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Fallback(_))));
    let other: Vec<_> = pieces.iter().map(|piece| Piece { bytes: program(99, 1), ..piece.clone() }).collect();
    let forged = author.envelope(&manifest(&other, NEW).encode(), &[]);
    let plan = set_plan(&author, &bench, &forged).unwrap();
    let refused = bring(&platform, &plan, &other, 4096, open(&platform, &plan).unwrap()).err();
    assert_eq!(refused, Some(Reason::SequenceTooOld), "another set of the number that is confirmed");
    let plan = set_plan(&author, &bench, &bytes).unwrap();
    let staged = bring(&platform, &plan, pieces, 4096, open(&platform, &plan).unwrap()).unwrap();
    assert_eq!(*staged.image(), confirmed.image);
}

/// Every failing call, every power cut and every torn write, on every kind of flash: at each boot the set is all old or all new,
/// and the device goes on to the new one.
#[test]
fn a_cut_leaves_the_old_set_or_the_new_one() {
    let change = Change::small();
    for (write_size, erased) in [(1, 0x00), (1, 0xFF), (8, 0x00), (8, 0xFF), (32, 0x00), (32, 0xFF)] {
        let slots = [Geometry { write_size, ..Change::SHAPE }; 2];
        let (old, new) = (change.old_slot(erased), change.new_slot(erased));
        let setup = || {
            let bench = Bench::new(1).with_store(StoreModel::Atomic).with_flash(slots, erased);
            bench.edit(|medium| medium.flash[0].program(&old));
            bench.edit(|medium| medium.flash[1].program(&program(Change::SHAPE.size as usize, 4)));
            let provisioned =
                boot::provision(&bench.platform(), &soft::suite(), digest(&old), old.len() as u64, Change::OLD);
            provisioned.unwrap();
            bench
        };
        let drive = |bench: &Bench| change.drive(&bench.platform(), || bench.reboot());
        let holds = |bench: &Bench, slot: ImageSlot, set: &[u8]| {
            bench.snapshot().flash[slot as usize].bytes[..set.len()] == *set
        };
        let count = sweep(setup, drive, |bench: &Bench, cut: &Interrupted| {
            let platform = bench.platform();
            let runs = boot::verify_at_boot(&platform, &soft::suite()).unwrap();
            let set = if runs == ImageSlot::A { &old } else { &new };
            assert!(holds(bench, runs, set), "{:?}", cut.interruption);
            assert!(holds(bench, ImageSlot::A, &old), "the old set was touched");
            drive(bench).unwrap();
            assert!(holds(bench, ImageSlot::B, &new));
            assert_eq!(Confirmed::load(&platform).unwrap().unwrap().image.digest, digest(&new));
        });
        println!("a set, units of {write_size}, erased {erased:#04x}: {count}");
        let _: Count = count;
        assert!(count.cuts > 50 && count.torn > 50);
    }
}
