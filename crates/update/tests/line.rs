//! From the signed envelope to the confirmed image, and every step refused out of season.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::Reason;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::soft;
use aseptic_core::platform::{BootMode, Counter, Geometry, ImageSlot, Images, Slot};
use aseptic_core::record::Kind;
use aseptic_testbed::bench::Bench;
use aseptic_update::boot::{self, BootState};
use aseptic_update::journal::{Confirmed, Journal, Stage};
use aseptic_update::{Session, Staged};
use common::*;

const BUSY: [Use; 3] = [Use::InUse, Use::Alarm, Use::Emergency];

/// A device that left the factory with release 5 in slot A.
fn factory(bench: Bench) -> Bench {
    let old = program(9000, 5);
    bench.edit(|medium| medium.flash[0].program(&old));
    boot::provision(&bench.platform(), &soft::suite(), digest(&old), 9000, 5).unwrap();
    bench
}

fn device() -> Bench {
    factory(Bench::new(1))
}

/// Streams `image` in pieces of `piece` bytes until it is staged.
fn stage(bench: &Bench, author: &Author, image: &[u8], sequence: u64, piece: usize) -> Staged {
    let (suite, platform) = (soft::suite(), bench.platform());
    let bytes = author.envelope(&Spec::new(image, sequence).encode(), &[]);
    let plan = plan_on(author, bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    for chunk in image.chunks(piece) {
        session.feed(&platform, &suite, chunk, Use::Idle).unwrap();
    }
    session.finish(&platform, &suite, Use::Idle).unwrap()
}

fn slot_holds(bench: &Bench, slot: ImageSlot, image: &[u8]) {
    let flash = &bench.snapshot().flash[slot as usize];
    assert_eq!(&flash.bytes[..image.len()], image);
    assert!(flash.bytes[image.len()..].iter().all(|byte| *byte == flash.erased), "the tail is not erased");
}

#[test]
fn an_update_is_staged_tried_and_confirmed_and_the_floor_moves_only_then() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let new = program(20_001, 6);
    stage(&bench, &author, &new, 6, 4096).activate(&platform, Use::Idle).unwrap();
    assert_eq!(boot::floor(&platform), Ok(5));
    slot_holds(&bench, ImageSlot::B, &new);

    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(journal)) if journal.image.sequence == 6));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    assert_eq!(boot::floor(&platform), Ok(5));
    let confirmed = boot::confirm(&platform, &suite, 3).unwrap();
    assert_eq!((confirmed.image.sequence, confirmed.migration_floor), (6, 3));
    assert_eq!(boot::floor(&platform), Ok(6));
    assert_eq!(bench.snapshot().counters.get(&Counter::UpdateFloor), Some(&6));
    for _ in 0..3 {
        bench.reboot();
        assert_eq!(boot::load(&platform, &suite), Ok(BootState::Confirmed(Some(confirmed))));
        assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    }
    // The next one goes into the other slot.
    stage(&bench, &author, &program(100, 7), 7, 7).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(platform.images.running(), Ok(ImageSlot::A));
    assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().migration_floor, 3, "it never decreases");
}

#[test]
fn a_trial_that_is_not_confirmed_falls_back_and_says_so() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let new = program(5000, 6);
    stage(&bench, &author, &new, 6, 4096).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    bench.reboot();
    assert_eq!(platform.images.running(), Ok(ImageSlot::A));
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Reverted(journal)) if journal.image.sequence == 6));
    assert!(bench.events().iter().any(|event| event.reason == Reason::UpdateReverted && event.detail == 6));
    assert_eq!(boot::floor(&platform), Ok(5));
    assert_eq!(boot::confirm(&platform, &suite, 0), Err(Reason::NoUpdate));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
    // It may be tried again without another transfer, or anything newer installed.
    Staged::load(&platform, &suite).unwrap().activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_))));
    bench.reboot();
    stage(&bench, &author, &program(50, 7), 7, 50).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, 7);
}

#[test]
fn nothing_is_erased_selected_or_written_while_a_patient_depends_on_the_device() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let image = program(9000, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    for busy in BUSY {
        let before = bench.snapshot();
        assert_eq!(Session::begin(&platform, &suite, &plan, busy).err(), Some(Reason::ClinicalUse));
        assert_eq!(bench.snapshot(), before);
    }
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, &image[..5000], Use::Idle).unwrap();
    for busy in BUSY {
        let before = bench.snapshot();
        assert_eq!(session.feed(&platform, &suite, &image[5000..], busy), Err(Reason::ClinicalUse));
        assert_eq!(bench.snapshot(), before);
    }
    session.feed(&platform, &suite, &image[5000..], Use::Idle).unwrap();
    let before = bench.snapshot();
    assert_eq!(session.finish(&platform, &suite, Use::InUse).err(), Some(Reason::ClinicalUse));
    assert_eq!(bench.snapshot(), before);
    // Refusing to finish costs no byte: the journal goes on from its last entry.
    let mut session = Session::resume(&platform, &suite, &plan).unwrap();
    let at = session.offset() as usize;
    session.feed(&platform, &suite, &image[at..], Use::Idle).unwrap();
    session.finish(&platform, &suite, Use::Idle).unwrap();
    for busy in BUSY {
        let before = bench.snapshot();
        let staged = Staged::load(&platform, &suite).unwrap();
        assert_eq!(staged.activate(&platform, busy), Err(Reason::ClinicalUse));
        assert_eq!(bench.snapshot(), before);
    }
}

#[test]
fn every_shape_of_flash_and_every_size_of_piece_gives_the_same_image() {
    let author = Author::new(1);
    let mut runs = 0;
    for (write_size, erase_size) in [(1, 256), (8, 4096), (32, 4096), (32, 32), (4, 65_536), (1, 131_072)] {
        for erased in [0x00, 0xFF] {
            for length in [1, 31, 32, 33, 4095, 4096, 65_535, 65_536, 65_537, 131_072] {
                for piece in [1, 7, 4096, 200_000].into_iter().filter(|piece| length / piece < 10_000) {
                    let geometry = Geometry { size: 131_072, erase_size, write_size };
                    let small = Geometry { size: 262_144, ..geometry };
                    let bench = factory(Bench::new(1).with_flash([small, geometry], erased));
                    let image = program(length, 6);
                    stage(&bench, &author, &image, 6, piece);
                    slot_holds(&bench, ImageSlot::B, &image);
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} installs over 12 kinds of flash");
}

#[test]
fn an_image_larger_than_its_slot_is_refused_by_the_plan() {
    let author = Author::new(1);
    let bench = device();
    let image = program(65_537, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    assert_eq!(plan_on(&author, &bench, &bytes).err(), Some(Reason::ImageTooLarge));
}

#[test]
fn a_changed_image_is_refused_and_the_next_transfer_starts_anew() {
    let (author, suite) = (Author::new(1), soft::suite());
    let image = program(300, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let fresh = device();
    let plan = plan_on(&author, &fresh, &bytes).unwrap();
    for bit in 0..image.len() * 8 {
        let bench = fresh.clone();
        let platform = bench.platform();
        let before = bench.snapshot();
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        let mut changed = image.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        session.feed(&platform, &suite, &changed, Use::Idle).unwrap();
        assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::ImageMismatch));
        let after = bench.snapshot();
        assert_eq!((after.boot, after.counters), (before.boot, before.counters));
        assert_eq!(after.flash[0], before.flash[0]);
        assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::NoUpdate));
        assert_eq!(Staged::load(&platform, &suite).err(), Some(Reason::NoUpdate));
    }
    println!("{} bits flipped in the image, all refused", image.len() * 8);
}

// Endless data: what exceeds the signed size never reaches the slot.
#[test]
fn bytes_beyond_the_signed_size_and_missing_ones_are_refused() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let image = program(300, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, &image[..299], Use::Idle).unwrap();
    let before = bench.snapshot();
    assert_eq!(session.feed(&platform, &suite, &[image[299], 0], Use::Idle), Err(Reason::ImageMismatch));
    assert_eq!(bench.snapshot(), before);
    assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::ImageMismatch));
    assert_eq!(Session::resume(&platform, &suite, &plan).unwrap().missing(), 300);
}

// CVE-2020-25860 (RAUC): what was checked is not what lies there any more.
#[test]
fn a_slot_that_changes_behind_the_librarys_back_is_never_selected() {
    let (author, suite) = (Author::new(1), soft::suite());
    let image = program(2000, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let damage = |bench: &Bench, at: usize| bench.edit(|medium| medium.flash[1].bytes[at] ^= 0x10);
    for at in (0..2000).step_by(97) {
        // Between the transfer and the end.
        let bench = device();
        let platform = bench.platform();
        let plan = plan_on(&author, &bench, &bytes).unwrap();
        let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
        session.feed(&platform, &suite, &image, Use::Idle).unwrap();
        damage(&bench, at);
        assert_eq!(session.finish(&platform, &suite, Use::Idle).err(), Some(Reason::SlotMismatch));
        // Between staging and activation, with a restart in between.
        let bench = device();
        let platform = bench.platform();
        let _staged = stage(&bench, &author, &image, 6, 4096);
        damage(&bench, at);
        bench.reboot();
        assert_eq!(Staged::load(&platform, &suite).err(), Some(Reason::SlotMismatch));
        // Between activation and the boot loader.
        let bench = device();
        let platform = bench.platform();
        stage(&bench, &author, &image, 6, 4096).activate(&platform, Use::Idle).unwrap();
        damage(&bench, at);
        bench.reboot();
        assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
    }
}

#[test]
fn a_transfer_goes_on_where_the_medium_really_is() {
    let (author, suite) = (Author::new(1), soft::suite());
    let geometry = Geometry { size: 1 << 19, erase_size: 4096, write_size: 8 };
    let bench = factory(Bench::new(1).with_flash([geometry, geometry], 0xFF));
    let platform = bench.platform();
    let image = program(300_000, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    session.feed(&platform, &suite, &image[..200_000], Use::Idle).unwrap();
    drop(session);
    bench.restart();
    let session = Session::resume(&platform, &suite, &plan).unwrap();
    assert_eq!(session.offset(), 3 * 65_536);
    drop(session);
    // Damage in what was already written is found before another byte is fetched.
    let whole = bench.clone();
    bench.edit(|medium| medium.flash[1].bytes[100_000] ^= 1);
    assert_eq!(Session::resume(&platform, &suite, &plan).unwrap().offset(), 0);
    assert!(bench.events().iter().any(|event| event.reason == Reason::SlotMismatch));
    let platform = whole.platform();
    let mut session = Session::resume(&platform, &suite, &plan).unwrap();
    session.feed(&platform, &suite, &image[3 * 65_536..], Use::Idle).unwrap();
    session.finish(&platform, &suite, Use::Idle).unwrap();
    slot_holds(&whole, ImageSlot::B, &image);
}

#[test]
fn one_update_at_a_time_and_none_over_the_image_to_fall_back_to() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let (first, second) = (program(500, 6), program(500, 7));
    let first_bytes = author.envelope(&Spec::new(&first, 6).encode(), &[]);
    let second_bytes = author.envelope(&Spec::new(&second, 7).encode(), &[]);
    let (one, two) =
        (plan_on(&author, &bench, &first_bytes).unwrap(), plan_on(&author, &bench, &second_bytes).unwrap());
    drop(Session::begin(&platform, &suite, &one, Use::Idle).unwrap());
    assert_eq!(Session::begin(&platform, &suite, &two, Use::Idle).err(), Some(Reason::UpdateBusy));
    assert_eq!(Session::resume(&platform, &suite, &two).err(), Some(Reason::UpdateBusy));
    Session::abandon(&platform, &suite).unwrap();
    assert_eq!(Session::resume(&platform, &suite, &one).err(), Some(Reason::NoUpdate));
    stage(&bench, &author, &first, 6, 500).activate(&platform, Use::Idle).unwrap();

    // Before the restart the choice can still be taken back, and the slot is not selected while it is erased.
    let undecided = bench.clone();
    let other = undecided.platform();
    drop(Session::begin(&other, &suite, &two, Use::Idle).unwrap());
    assert_eq!(undecided.snapshot().boot.trial, None);

    bench.reboot();
    assert_eq!(
        Session::begin(&platform, &suite, &two, Use::Idle).err(),
        Some(Reason::Misuse),
        "plan of before the restart"
    );
    let two = plan_on(&author, &bench, &second_bytes).unwrap();
    assert_eq!(two.target().slot, ImageSlot::A);
    let before = bench.snapshot();
    assert_eq!(Session::begin(&platform, &suite, &two, Use::Idle).err(), Some(Reason::TrialPending));
    assert_eq!(Session::abandon(&platform, &suite), Err(Reason::TrialPending));
    assert_eq!(Staged::load(&platform, &suite).err(), Some(Reason::NoUpdate));
    assert_eq!(bench.snapshot(), before);
}

// mcuboot #1708, pithead #856: a correctly signed older release is refused on every path.
#[test]
fn an_older_release_is_refused_by_the_plan_the_session_the_activation_and_the_boot_loader() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let image = program(500, 4);
    let bytes = author.envelope(&Spec::new(&image, 4).encode(), &[]);
    assert_eq!(plan_on(&author, &bench, &bytes).err(), Some(Reason::SequenceTooOld));
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let session = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
    drop(session);
    let half = bench.clone();
    platform.counters.advance(Counter::UpdateFloor, 7).unwrap();
    assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::SequenceTooOld));
    assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::SequenceTooOld));
    let platform = half.platform();
    let mut session = Session::resume(&platform, &suite, &plan).unwrap();
    session.feed(&platform, &suite, &image, Use::Idle).unwrap();
    let staged = session.finish(&platform, &suite, Use::Idle).unwrap();
    let armed = half.clone();
    platform.counters.advance(Counter::UpdateFloor, 7).unwrap();
    assert_eq!(staged.activate(&platform, Use::Idle), Err(Reason::SequenceTooOld));
    let platform = armed.platform();
    Staged::load(&platform, &suite).unwrap().activate(&platform, Use::Idle).unwrap();
    armed.reboot();
    platform.counters.advance(Counter::UpdateFloor, 7).unwrap();
    assert_eq!(boot::confirm(&platform, &suite, 0), Err(Reason::SequenceTooOld));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Err(Reason::SequenceTooOld));
}

// Two builds of one number: neither is older, so whoever can replay the first would undo the second. And the envelope of
// what runs already, sent again and again, would wear out the flash and restart the device each time.
#[test]
fn at_the_floor_nothing_but_the_confirmed_image_is_put_back_and_only_where_it_was_damaged() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let (first, second) = (program(500, 6), program(600, 6));
    stage(&bench, &author, &second, 6, 500).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    let before = bench.snapshot();
    for image in [&first, &second] {
        let bytes = author.envelope(&Spec::new(image, 6).encode(), &[]);
        let plan = plan_on(&author, &bench, &bytes).unwrap();
        assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::SequenceTooOld));
    }
    assert_eq!(bench.snapshot(), before);

    // The confirmed image rots and the boot loader runs the other slot.
    bench.edit(|medium| medium.flash[1].bytes[3] ^= 1);
    bench.edit(|medium| medium.boot.permanent = ImageSlot::A);
    bench.reboot();
    let bytes = author.envelope(&Spec::new(&first, 6).encode(), &[]);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::SequenceTooOld));
    stage(&bench, &author, &second, 6, 500).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(platform.images.running(), Ok(ImageSlot::B));
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Confirmed(Some(_)))));
}

#[test]
fn what_was_staged_is_not_selected_after_its_slot_was_given_away_or_the_update_abandoned() {
    let (author, suite) = (Author::new(1), soft::suite());
    let image = program(5000, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    for abandon in [false, true] {
        let bench = device();
        let platform = bench.platform();
        let staged = stage(&bench, &author, &image, 6, 4096);
        if abandon {
            Session::abandon(&platform, &suite).unwrap();
        } else {
            let plan = plan_on(&author, &bench, &bytes).unwrap();
            let mut again = Session::begin(&platform, &suite, &plan, Use::Idle).unwrap();
            again.feed(&platform, &suite, &image[..2048], Use::Idle).unwrap();
        }
        let before = bench.snapshot();
        assert_eq!(staged.activate(&platform, Use::Idle), Err(Reason::NoUpdate));
        assert_eq!(bench.snapshot(), before);
        assert_eq!(before.boot.trial, None);
    }
}

#[test]
fn neither_an_old_record_nor_a_lost_one_lowers_the_floor() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let old = bench.snapshot();
    stage(&bench, &author, &program(500, 9), 9, 500).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    for slot in Kind::UpdateConfirmed.slots() {
        bench.edit(|medium| medium.slots.insert(slot, old.slots[&slot].clone()));
    }
    assert_eq!(boot::floor(&platform), Ok(9));
    for Slot(slot) in Kind::UpdateConfirmed.slots() {
        bench.edit(|medium| medium.slots.remove(&Slot(slot)));
    }
    assert_eq!(boot::floor(&platform), Ok(9));
    assert_eq!(boot::provision(&platform, &suite, digest(&program(500, 9)), 500, 8), Err(Reason::SequenceTooOld));
}

#[test]
fn a_confirmed_image_that_rots_is_replaced_and_one_that_is_whole_is_started_again() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    stage(&bench, &author, &program(500, 6), 6, 500).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    // The boot loader ran the other slot although the confirmed image is whole.
    bench.edit(|medium| medium.boot.permanent = ImageSlot::A);
    bench.reboot();
    let bytes = author.envelope(&Spec::new(b"next", 7).encode(), &[]);
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::RestartNeeded(_))));
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::UpdateBusy));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    // The same with a damaged image: the only way on is a new one.
    bench.edit(|medium| medium.flash[1].bytes[3] ^= 1);
    bench.edit(|medium| medium.boot.permanent = ImageSlot::A);
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Fallback(_))));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Err(Reason::SlotMismatch));
    stage(&bench, &author, b"next", 7, 4).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, 7);
}

#[test]
fn a_revert_is_no_update_under_way() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    stage(&bench, &author, &program(500, 6), 6, 500).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    let next = author.envelope(&Spec::new(b"next", 7).encode(), &[]);
    // On trial the other slot is what the device falls back to.
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_))));
    let plan = plan_on(&author, &bench, &next).unwrap();
    assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::NoUpdate));
    assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::TrialPending));
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Reverted(_))));
    let plan = plan_on(&author, &bench, &next).unwrap();
    assert_eq!(Session::resume(&platform, &suite, &plan).err(), Some(Reason::NoUpdate));
    stage(&bench, &author, b"next", 7, 4).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, 7);
}

#[test]
fn a_device_that_was_never_provisioned_takes_its_first_update() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = Bench::new(1);
    let platform = bench.platform();
    assert_eq!(boot::load(&platform, &suite), Ok(BootState::Confirmed(None)));
    assert_eq!(boot::confirm(&platform, &suite, 0), Err(Reason::NoUpdate));
    assert_eq!(boot::verify_at_boot(&platform, &suite), Err(Reason::PlatformNotFound));
    stage(&bench, &author, b"first", 0, 5).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_))));
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Reverted(_))));
    Staged::load(&platform, &suite).unwrap().activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    assert_eq!(boot::confirm(&platform, &suite, 1), Err(Reason::Misuse), "a migration floor above the image");
    boot::confirm(&platform, &suite, 0).unwrap();
    let again = boot::provision(&platform, &suite, digest(b"first"), 5, 0);
    assert_eq!(again, Err(Reason::AlreadyProvisioned));
}

#[test]
fn the_factory_records_only_what_the_slot_really_holds() {
    let (bench, suite) = (Bench::new(1), soft::suite());
    let platform = bench.platform();
    bench.edit(|medium| medium.flash[0].program(b"factory"));
    let before = bench.snapshot();
    for (claimed, size) in [(digest(b"another"), 7), (digest(b"factory"), 6), (digest(b"factory"), u64::MAX)] {
        assert_eq!(boot::provision(&platform, &suite, claimed, size, 1), Err(Reason::SlotMismatch));
        assert_eq!(bench.snapshot(), before);
    }
    boot::provision(&platform, &suite, digest(b"factory"), 7, 1).unwrap();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
}

#[test]
fn every_flipped_bit_of_the_stored_journal_leaves_a_device_that_boots_and_can_be_updated() {
    let (author, suite) = (Author::new(1), soft::suite());
    let mut flips = 0;
    for stage_of in [Stage::Writing, Stage::Staged, Stage::Activated] {
        let bench = device();
        let image = program(500, 6);
        let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
        if stage_of == Stage::Writing {
            let plan = plan_on(&author, &bench, &bytes).unwrap();
            drop(Session::begin(&bench.platform(), &suite, &plan, Use::Idle).unwrap());
        } else {
            let staged = stage(&bench, &author, &image, 6, 500);
            if stage_of == Stage::Activated {
                staged.activate(&bench.platform(), Use::Idle).unwrap();
                bench.reboot();
            }
        }
        assert_eq!(Journal::load(&bench.platform()).unwrap().unwrap().stage, stage_of);
        for slot in Kind::UpdateJournal.slots() {
            for bit in 0..bench.snapshot().slots[&slot].len() * 8 {
                let device = bench.clone();
                device.edit(|medium| medium.slots.get_mut(&slot).unwrap()[bit / 8] ^= 1 << (bit % 8));
                let platform = device.platform();
                assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Trial(_) | BootState::Confirmed(_))));
                // A trial ends with the next restart at the latest.
                device.reboot();
                assert!(boot::verify_at_boot(&platform, &suite).is_ok());
                stage(&device, &author, &image, 6, 500).activate(&platform, Use::Idle).unwrap();
                device.reboot();
                assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, 6);
                flips += 1;
            }
        }
    }
    println!("{flips} bits flipped in the journal");
}

#[test]
fn a_journal_beyond_repair_costs_a_transfer_and_no_device() {
    let (author, suite) = (Author::new(1), soft::suite());
    let bench = device();
    let platform = bench.platform();
    let _staged = stage(&bench, &author, b"image", 6, 5);
    for slot in Kind::UpdateJournal.slots() {
        bench.edit(|medium| medium.slots.get_mut(&slot).unwrap()[20] ^= 1);
    }
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Confirmed(_))));
    assert!(bench.events().iter().any(|event| event.reason == Reason::RecordCorrupt));
    stage(&bench, &author, b"image", 6, 5).activate(&platform, Use::Idle).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
}

#[test]
fn a_platform_that_breaks_its_contract_is_refused_before_anything_happens() {
    struct Odd<'b>(&'b Bench, Geometry);
    impl Images for Odd<'_> {
        fn geometry(&self, _: ImageSlot) -> aseptic_core::platform::Outcome<Geometry> {
            Ok(self.1)
        }
        fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> aseptic_core::platform::Outcome<()> {
            self.0.erase(slot, offset, len)
        }
        fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> aseptic_core::platform::Outcome<()> {
            self.0.write(slot, offset, bytes)
        }
        fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> aseptic_core::platform::Outcome<()> {
            self.0.read(slot, offset, out)
        }
        fn running(&self) -> aseptic_core::platform::Outcome<ImageSlot> {
            self.0.running()
        }
        fn select(&self, slot: ImageSlot, mode: BootMode) -> aseptic_core::platform::Outcome<()> {
            self.0.select(slot, mode)
        }
    }
    let (author, suite, bench) = (Author::new(1), soft::suite(), device());
    let bytes = author.envelope(&Spec::new(b"image", 6).encode(), &[]);
    for (size, erase_size, write_size) in
        [(65_536, 0, 8), (65_536, 4096, 0), (65_536, 4096, 64), (65_536, 3000, 8), (65_000, 4096, 8), (65_536, 8, 16)]
    {
        let images = Odd(&bench, Geometry { size, erase_size, write_size });
        let platform = aseptic_core::platform::Platform { images: &images, ..bench.platform() };
        let plan = plan_on(&author, &bench, &bytes).unwrap();
        let before = bench.snapshot();
        assert_eq!(Session::begin(&platform, &suite, &plan, Use::Idle).err(), Some(Reason::Misuse));
        assert_eq!(bench.snapshot(), before);
    }
}

#[test]
fn records_of_another_shape_are_damage_and_never_a_panic() {
    for length in 0..200 {
        for fill in [0x00, 0x41, 0x58, 0x82, 0x85, 0x88, 0xFF] {
            assert_eq!(Journal::parse(&vec![fill; length]), Err(Reason::RecordCorrupt));
            assert_eq!(Confirmed::parse(&vec![fill; length]), Err(Reason::RecordCorrupt));
        }
    }
}
