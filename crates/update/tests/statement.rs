//! Statements about one update: the owner holds it back, the manufacturer lets a device go back or do without an approval.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::clinical::Use;
use aseptic_core::cose::{self, Headers};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::platform::{Counter, Counters, Geometry, ImageSlot};
use aseptic_core::record::Kind as Record;
use aseptic_core::time::Time;
use aseptic_core::trust::{
    self, Authority, Entry, Material, PhysicalPresence, Purpose, Purposes, Quorum, StoreContent, Trust, TrustBuffers,
};
use aseptic_core::{Reason, Result, limits};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::{Interrupted, sweep};
use aseptic_testbed::trust::{KeyPair, signed};
use aseptic_update::boot::{self, BootState};
use aseptic_update::statement::{CONTEXT, Kind, Statement};
use aseptic_update::{Downgrade, Envelope, Session, Staged, Target, Waiver, hold};
use common::*;

const SERIAL: &[u8] = b"PUMP-0001";
const NOW: u64 = 1_780_000_000;
const LATER: u64 = NOW + 86_400;
/// Releases: what runs, and the one to go back to.
const NEW: u64 = 9;
const OLD: u64 = 4;

struct Cast {
    authors: [Author; 2],
    /// For downgrades alone.
    back: Author,
    approver: Author,
    stranger: Author,
}

impl Cast {
    fn new() -> Self {
        let [authors @ .., back, approver, stranger] = [1, 2, 3, 4, 5].map(Author::new);
        Self { authors, back, approver, stranger }
    }

    /// A device that runs the newer release, confirmed, in slot A; both authors must sign, and the owner wants to be asked
    /// for releases if `asked`.
    fn device(&self, asked: bool) -> Bench {
        let geometry = Geometry { size: 2048, erase_size: 512, write_size: 8 };
        let bench = Bench::new(1).with_flash([geometry; 2], 0xFF);
        bench.set_clock(Time::trusted(NOW));
        let charge = KeyPair::new(KeyAlg::P256, 9);
        let signers = [charge.public()];
        let pin = |author: &'static Author, name: &'static [u8], purpose| Entry {
            purposes: Purposes::of(&[purpose]),
            name,
            material: Material::Key(author.public()),
        };
        let keep = |seed| &*Box::leak(Box::new(Author::new(seed)));
        let maker = [
            pin(keep(1), b"author", Purpose::UpdateInstall),
            pin(keep(2), b"author", Purpose::UpdateInstall),
            pin(keep(3), b"back", Purpose::Downgrade),
        ];
        let owner = [pin(keep(4), b"approver", Purpose::UpdateApprove)];
        let two = [Quorum { purpose: Purpose::UpdateInstall, keys: 2, both_families: false }];
        let one = [Quorum { purpose: Purpose::UpdateInstall, keys: 1, both_families: false }];
        let stores: [(_, &[Entry<'_>], &[Quorum]); 2] =
            [(Authority::Manufacturer, &maker, &two), (Authority::Owner, &owner, if asked { &one } else { &[] })];
        for (authority, entries, quorums) in stores {
            let content = StoreContent {
                authority,
                version: 1,
                issued: NOW - 86_400,
                threshold: 1,
                signers: &signers,
                entries,
                denied: &[],
                overrides: &[],
                quorums,
                retirements: &[],
                epoch: 1,
                minimums: &[],
            };
            let object = signed(&content, &[&charge]);
            let present = PhysicalPresence::confirmed_at_the_device();
            let mut buffer = [0; limits::TRUST_STORE];
            trust::install(&bench.platform(), &soft::suite(), None, authority, &object, present, &mut buffer).unwrap();
        }
        let image = program(700, 9);
        bench.edit(|medium| medium.flash[0].program(&image));
        boot::provision(&bench.platform(), &soft::suite(), digest(&image), 700, NEW).unwrap();
        bench
    }

    fn envelope(&self, image: &[u8], sequence: u64) -> Vec<u8> {
        let manifest = Spec::new(image, sequence).encode();
        let digest = suit_digest(&wrap(&manifest));
        let blocks: Vec<_> = self.authors.iter().map(|author| author.block(&digest)).collect();
        envelope(&digest, &blocks, &manifest, &[])
    }

    fn token(&self, envelope: &[u8], number: u64) -> Vec<u8> {
        make(&downgrade(envelope, number), &[&self.back])
    }
}

fn identity(bytes: &[u8]) -> [u8; 32] {
    // The signed digest is [-16, bytes]: its last 32 bytes are the name of the update.
    *Envelope::parse(bytes).unwrap().signed_bytes().last_chunk().unwrap()
}

fn downgrade(envelope: &[u8], number: u64) -> Statement<'static> {
    let (identity, sequence) = (identity(envelope), OLD);
    Statement { kind: Kind::Downgrade, identity, sequence, device: SERIAL, number, time: LATER }
}

fn make(statement: &Statement<'_>, by: &[&Author]) -> Vec<u8> {
    make_in(statement, by, CONTEXT)
}

fn make_in(statement: &Statement<'_>, by: &[&Author], context: &[u8]) -> Vec<u8> {
    let mut payload = [0; 256];
    let length = statement.encode(&mut payload).unwrap();
    let payload = &payload[..length];
    let blocks: Vec<_> = by
        .iter()
        .map(|author| {
            let mut out = vec![0; 256];
            let headers = Headers { kid: Some(&author.kid), ..Headers::default() };
            let length = cose::sign1(&author.key, &headers, payload, true, context, &mut out).unwrap();
            out.truncate(length);
            out
        })
        .collect();
    let blocks: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
    let mut out = vec![0; 1024];
    let length = Statement::assemble(payload, &blocks, &mut out).unwrap();
    out.truncate(length);
    out
}

/// Runs `with` with the trust that the device has installed.
fn trusting<T>(bench: &Bench, with: impl FnOnce(&Trust<'_>) -> Result<T>) -> Result<T> {
    let mut buffers = TrustBuffers::new();
    with(&Trust::load(&bench.platform(), &mut buffers)?)
}

fn verify(bench: &Bench, token: &[u8]) -> Result<Downgrade> {
    let now = bench_time(bench);
    trusting(bench, |trust| Downgrade::verify(&bench.platform(), &soft::suite(), trust, SERIAL, token, now, None))
}

fn bench_time(bench: &Bench) -> Time {
    bench.platform().clock.now()
}

/// As an application that has a token, if it has one: from the envelope to the activated image.
fn go(bench: &Bench, envelope: &[u8], image: &[u8], token: Option<&[u8]>) -> Result<()> {
    let (suite, platform) = (soft::suite(), bench.platform());
    trusting(bench, |trust| {
        let authentic = Envelope::parse(envelope)?.authenticate(trust, &suite)?;
        let (floor, target) = (boot::floor(&platform)?, Target::of(&platform)?);
        let plan = match token {
            Some(_) => {
                let now = bench_time(bench);
                let token = Downgrade::verify(&platform, &suite, trust, SERIAL, token.unwrap(), now, None)?;
                authentic.plan_downgrade(&suite, &DEVICE, floor, target, &token)?
            }
            None => authentic.plan(&suite, &DEVICE, floor, target)?,
        };
        let mut session = match Session::resume(&platform, &suite, &plan) {
            Err(Reason::NoUpdate) => Session::begin(&platform, &suite, &plan, Use::Idle)?,
            session => session?,
        };
        let at = session.offset() as usize;
        session.feed(&platform, &suite, &image[at..], Use::Idle)?;
        session.finish(&platform, &suite, Use::Idle)?.activate(&platform, Use::Idle)
    })
}

#[test]
fn a_token_lets_one_device_go_back_once_and_the_floor_stays() {
    let cast = Cast::new();
    let (bench, suite) = (cast.device(false), soft::suite());
    let platform = bench.platform();
    let image = program(600, 4);
    let bytes = cast.envelope(&image, OLD);
    assert_eq!(go(&bench, &bytes, &image, None), Err(Reason::SequenceTooOld));
    let token = cast.token(&bytes, 1);
    go(&bench, &bytes, &image, Some(&token)).unwrap();
    bench.reboot();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    assert_eq!(boot::confirm(&platform, &suite, 0).unwrap().image.sequence, OLD);
    assert_eq!(boot::floor(&platform), Ok(NEW));
    assert_eq!(Counters::read(&bench, Counter::Downgrades), Ok(1));
    for _ in 0..3 {
        bench.reboot();
        assert!(
            matches!(boot::load(&platform, &suite), Ok(BootState::Confirmed(Some(now))) if now.image.sequence == OLD)
        );
        assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    }
    // The floor stays also where its counter is lost.
    let stripped = bench.clone();
    stripped.edit(|medium| medium.counters.remove(&Counter::UpdateFloor));
    assert_eq!(boot::floor(&stripped.platform()), Ok(NEW));
    // One use.
    assert_eq!(verify(&bench, &token).err(), Some(Reason::StatementUsed));
    // Forward again: the exception ends for good.
    let old_flash = bench.snapshot();
    let forward = program(500, 10);
    go(&bench, &cast.envelope(&forward, 10), &forward, None).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    assert_eq!((boot::floor(&platform), Counters::read(&bench, Counter::Downgrades)), (Ok(10), Ok(2)));
    assert_eq!(Downgrade::next_number(&platform), Ok(3));
    // Whoever puts the records of before back, but not the counters, boots nothing old with them.
    bench.edit(|medium| {
        medium.slots = old_flash.slots.clone();
        medium.flash = old_flash.flash.clone();
        medium.boot = old_flash.boot;
    });
    bench.reboot();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Err(Reason::SequenceTooOld));
}

// mcuboot #1708, pithead #856: every way of going back that is not the one that was granted.
#[test]
fn a_token_for_anything_else_is_refused_and_nothing_is_stored() {
    let cast = Cast::new();
    let bench = cast.device(false);
    let image = program(600, 4);
    let (bytes, other) = (cast.envelope(&image, OLD), cast.envelope(&image, 3));
    let good = downgrade(&bytes, 1);
    let before = bench.snapshot();
    let cases = [
        (make(&Statement { device: b"PUMP-0002", ..good }, &[&cast.back]), Reason::StatementOther),
        (make(&Statement { device: b"", ..good }, &[&cast.back]), Reason::StatementOther),
        (make(&Statement { number: 0, ..good }, &[&cast.back]), Reason::StatementUsed),
        (make(&Statement { number: 2, ..good }, &[&cast.back]), Reason::StatementUsed),
        (make(&Statement { time: NOW, ..good }, &[&cast.back]), Reason::StatementExpired),
        (make(&Statement { kind: Kind::Waiver, ..good }, &[&cast.back]), Reason::StatementOther),
        (make(&Statement { kind: Kind::Hold, ..good }, &[&cast.back]), Reason::StatementOther),
        (make(&Statement { sequence: 3, ..good }, &[&cast.back]), Reason::StatementOther),
        (cast.token(&other, 1), Reason::StatementOther),
        // By those who author, approve, or are nobody.
        (make(&good, &[&cast.authors[0], &cast.authors[1]]), Reason::UnknownSigner),
        (make(&good, &[&cast.approver]), Reason::UnknownSigner),
        (make(&good, &[&cast.stranger]), Reason::UnknownSigner),
        (make(&good, &[]), Reason::ManifestUnsigned),
        // A signature of the same key over the same bytes in another context.
        (make_in(&good, &[&cast.back], b""), Reason::SignatureInvalid),
    ];
    for (token, reason) in &cases {
        assert_eq!(go(&bench, &bytes, &image, Some(token)), Err(*reason));
        assert_eq!(bench.snapshot(), before, "{reason:?}");
    }
    let whole = cast.token(&bytes, 1);
    for bit in 0..whole.len() * 8 {
        let mut token = whole.clone();
        token[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bench, &token).is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        assert!(verify(&bench, &whole[..length]).is_err());
    }
    assert_eq!(bench.snapshot(), before);
    println!("{} bits of a token flipped, all refused", whole.len() * 8);
    // Without a clock nobody can tell, but a person at the device.
    let suite = soft::suite();
    trusting(&bench, |trust| {
        let attempt = |presence| {
            let (platform, now) = (bench.platform(), Time::at_least(NOW));
            Downgrade::verify(&platform, &suite, trust, SERIAL, &whole, now, presence).err()
        };
        assert_eq!(attempt(None), Some(Reason::StatementExpired));
        assert_eq!(attempt(Some(PhysicalPresence::confirmed_at_the_device())), None);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_token_does_not_reach_below_the_migration_floor() {
    let cast = Cast::new();
    let (bench, suite) = (cast.device(false), soft::suite());
    let platform = bench.platform();
    let next = program(500, 10);
    go(&bench, &cast.envelope(&next, 10), &next, None).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 8).unwrap();
    let image = program(600, 4);
    let bytes = cast.envelope(&image, OLD);
    let before = bench.snapshot();
    assert_eq!(go(&bench, &bytes, &image, Some(&cast.token(&bytes, 1))), Err(Reason::MigrationFloor));
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn what_is_not_tried_or_not_confirmed_leaves_no_exception_and_no_token_used_up() {
    let cast = Cast::new();
    let (bench, suite) = (cast.device(false), soft::suite());
    let platform = bench.platform();
    let image = program(600, 4);
    let bytes = cast.envelope(&image, OLD);
    let token = cast.token(&bytes, 1);
    go(&bench, &bytes, &image, Some(&token)).unwrap();
    bench.reboot();
    bench.reboot();
    assert!(matches!(boot::load(&platform, &suite), Ok(BootState::Reverted(_))));
    Session::abandon(&platform, &suite).unwrap();
    assert!(Record::UpdateDowngrade.slots().iter().all(|slot| !bench.snapshot().slots.contains_key(slot)));
    assert_eq!(Staged::load(&platform, &suite).err(), Some(Reason::NoUpdate));
    go(&bench, &bytes, &image, Some(&token)).unwrap();
    bench.reboot();
    boot::confirm(&platform, &suite, 0).unwrap();
    // While it runs, a further step back does not take away what lets it boot.
    let older = program(400, 3);
    let manifest = cast.envelope(&older, 3);
    let second = make(&Statement { sequence: 3, ..downgrade(&manifest, 2) }, &[&cast.back]);
    go(&bench, &manifest, &older, Some(&second)).unwrap();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
    bench.reboot();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
    bench.reboot();
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::B));
}

/// Whatever fails on the way down: the device boots, and arrives, and its floor stays.
#[test]
fn a_downgrade_through_every_failure_and_power_cut() {
    let (cast, suite) = (Cast::new(), soft::suite());
    let image = program(600, 4);
    let bytes = cast.envelope(&image, OLD);
    let token = cast.token(&bytes, 1);
    let drive = |bench: &Bench| -> Result<()> {
        let platform = bench.platform();
        for _ in 0..4 {
            match boot::load(&platform, &suite)? {
                BootState::Trial(_) => return boot::confirm(&platform, &suite, 0).map(drop),
                BootState::Confirmed(Some(now)) if now.image.sequence == OLD => {
                    return boot::confirm(&platform, &suite, 0).map(drop);
                }
                BootState::RestartNeeded(_) => {}
                BootState::Fallback(_) => return Err(Reason::SlotMismatch),
                BootState::Confirmed(_) | BootState::Reverted(_) => match Staged::load(&platform, &suite) {
                    Err(Reason::NoUpdate | Reason::SlotMismatch) => go(bench, &bytes, &image, Some(&token))?,
                    staged => staged?.activate(&platform, Use::Idle)?,
                },
            }
            bench.reboot();
        }
        Err(Reason::Internal)
    };
    let check = |bench: &Bench, interrupted: &Interrupted<'_>| {
        let platform = bench.platform();
        assert_eq!(boot::floor(&platform), Ok(NEW));
        boot::load(&platform, &suite).unwrap();
        assert!(boot::verify_at_boot(&platform, &suite).is_ok());
        drive(bench).unwrap();
        bench.restart();
        assert_eq!(boot::verify_at_boot(&bench.platform(), &suite), Ok(ImageSlot::B));
        assert_eq!(boot::floor(&bench.platform()), Ok(NEW));
        assert_eq!(Counters::read(bench, Counter::Downgrades), Ok(1));
        assert_eq!(bench.snapshot().flash, interrupted.after.flash);
    };
    for model in [StoreModel::Atomic, StoreModel::Torn] {
        let count = sweep(|| cast.device(false).with_store(model), drive, check);
        println!("downgrade, {model:?} store: {count}");
        assert!(count.cuts > 20);
    }
}

fn held(bench: &Bench, cast: &Cast, statement: &Statement<'_>) -> Result<()> {
    let object = make(statement, &[&cast.approver]);
    trusting(bench, |trust| hold::take(&bench.platform(), &soft::suite(), trust, SERIAL, &object))
}

#[test]
fn the_owner_vetoes_puts_off_and_lets_go() {
    let cast = Cast::new();
    let bench = cast.device(false);
    let image = program(600, 10);
    let bytes = cast.envelope(&image, 10);
    let veto = Statement {
        kind: Kind::Hold,
        identity: identity(&bytes),
        sequence: 10,
        device: b"",
        number: 1,
        time: u64::MAX,
    };
    held(&bench, &cast, &veto).unwrap();
    let before = bench.snapshot();
    assert_eq!(go(&bench, &bytes, &image, None), Err(Reason::UpdateHeld));
    assert_eq!(bench.snapshot(), before);
    // Another update is not meant.
    let other = program(500, 11);
    go(&bench.clone(), &cast.envelope(&other, 11), &other, None).unwrap();
    // Neither the same word again, nor an older one, nor one for another device, nor one by anybody else.
    let refuse = |statement: &Statement<'_>, by: &Author, reason| {
        let object = make(statement, &[by]);
        let outcome = trusting(&bench, |trust| hold::take(&bench.platform(), &soft::suite(), trust, SERIAL, &object));
        assert_eq!(outcome, Err(reason));
        assert_eq!(bench.snapshot(), before);
    };
    refuse(&veto, &cast.approver, Reason::StatementUsed);
    refuse(&Statement { number: 0, time: 0, ..veto }, &cast.approver, Reason::StatementUsed);
    refuse(&Statement { number: 2, time: 0, device: b"PUMP-0002", ..veto }, &cast.approver, Reason::StatementOther);
    for by in [&cast.authors[0], &cast.back, &cast.stranger] {
        refuse(&Statement { number: 2, time: 0, ..veto }, by, Reason::UnknownSigner);
    }
    // Put off: until then, and where no clock can tell.
    held(&bench, &cast, &Statement { number: 2, time: LATER, device: SERIAL, ..veto }).unwrap();
    for now in [Time::trusted(NOW), Time::trusted(LATER - 1), Time::at_least(NOW), Time::UNKNOWN] {
        bench.set_clock(now);
        assert_eq!(go(&bench.clone(), &bytes, &image, None), Err(Reason::UpdateHeld), "{now:?}");
    }
    for now in [Time::trusted(LATER), Time::at_least(LATER)] {
        bench.set_clock(now);
        go(&bench.clone(), &bytes, &image, None).unwrap();
    }
    // Let go.
    bench.set_clock(Time::UNKNOWN);
    held(&bench, &cast, &Statement { number: 3, time: 0, ..veto }).unwrap();
    go(&bench, &bytes, &image, None).unwrap();
}

#[test]
fn a_veto_stops_an_update_that_is_staged_and_none_that_runs() {
    let (cast, suite) = (Cast::new(), soft::suite());
    let bench = cast.device(false);
    let platform = bench.platform();
    let image = program(600, 10);
    let bytes = cast.envelope(&image, 10);
    go(&bench, &bytes, &image, None).unwrap();
    let veto = Statement {
        kind: Kind::Hold,
        identity: identity(&bytes),
        sequence: 10,
        device: b"",
        number: 1,
        time: u64::MAX,
    };
    let tried = bench.clone();
    tried.reboot();
    held(&tried, &cast, &veto).unwrap();
    assert_eq!(boot::confirm(&tried.platform(), &suite, 0).unwrap().image.sequence, 10);
    held(&bench, &cast, &veto).unwrap();
    let staged = Staged::load(&platform, &suite).unwrap();
    let before = bench.snapshot();
    assert_eq!(staged.activate(&platform, Use::Idle), Err(Reason::UpdateHeld));
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn holds_are_bounded_and_what_the_floor_forbids_makes_room() {
    let cast = Cast::new();
    let bench = cast.device(false);
    let hold = |number: u64, sequence| Statement {
        kind: Kind::Hold,
        identity: [number as u8; 32],
        sequence,
        device: b"",
        number,
        time: u64::MAX,
    };
    for number in 1..=limits::HOLDS as u64 {
        held(&bench, &cast, &hold(number, if number == 3 { NEW - 1 } else { u64::MAX })).unwrap();
    }
    held(&bench, &cast, &hold(100, u64::MAX)).unwrap();
    let before = bench.snapshot();
    assert_eq!(held(&bench, &cast, &hold(101, u64::MAX)), Err(Reason::PlatformFull));
    assert_eq!(bench.snapshot(), before);
    // To lift one there is always room, and then for another.
    held(&bench, &cast, &Statement { identity: [5; 32], time: 0, ..hold(102, u64::MAX) }).unwrap();
    held(&bench, &cast, &hold(103, u64::MAX)).unwrap();
}

#[test]
fn a_hold_through_every_failure_and_power_cut() {
    let cast = Cast::new();
    let veto = Statement { kind: Kind::Hold, identity: [7; 32], sequence: 10, device: b"", number: 1, time: u64::MAX };
    for model in [StoreModel::Atomic, StoreModel::Torn] {
        let count = sweep(
            || cast.device(false).with_store(model),
            |bench| held(bench, &cast, &veto),
            |bench, interrupted| match held(bench, &cast, &veto) {
                Ok(()) => assert!(interrupted.result.is_err()),
                Err(reason) => assert_eq!(reason, Reason::StatementUsed),
            },
        );
        println!("hold, {model:?} store: {count}");
        assert!(count.cuts > 0);
    }
}

// The owner's approval key is lost: the manufacturer's quorum and a person at the device.
#[test]
fn a_lost_approval_key_strands_no_device() {
    let (cast, suite) = (Cast::new(), soft::suite());
    let bench = cast.device(true);
    let image = program(600, 10);
    let bytes = cast.envelope(&image, 10);
    assert_eq!(go(&bench, &bytes, &image, None), Err(Reason::ApprovalMissing));
    let good = Statement {
        kind: Kind::Waiver,
        identity: identity(&bytes),
        sequence: 10,
        device: SERIAL,
        number: 0,
        time: LATER,
    };
    let attempt = |statement: &Statement<'_>, by: &[&Author], now: Time| {
        let object = make(statement, by);
        trusting(&bench, |trust| {
            let present = PhysicalPresence::confirmed_at_the_device();
            let waiver = Waiver::verify(&suite, trust, SERIAL, &object, now, present)?;
            Envelope::parse(&bytes)?.authenticate_waived(trust, &suite, &waiver).map(drop)
        })
    };
    let [a, b] = [&cast.authors[0], &cast.authors[1]];
    let now = Time::trusted(NOW);
    assert_eq!(attempt(&good, &[a, b], now), Ok(()));
    assert_eq!(attempt(&good, &[a, b], Time::UNKNOWN), Ok(()));
    assert_eq!(attempt(&good, &[a, b], Time::trusted(LATER)), Err(Reason::StatementExpired));
    assert_eq!(attempt(&good, &[a], now), Err(Reason::TrustThreshold));
    assert_eq!(attempt(&good, &[a, a], now), Err(Reason::TrustThreshold));
    assert_eq!(attempt(&good, &[a, &cast.back], now), Err(Reason::TrustThreshold));
    assert_eq!(attempt(&good, &[&cast.stranger], now), Err(Reason::UnknownSigner));
    assert_eq!(attempt(&Statement { device: b"PUMP-0002", ..good }, &[a, b], now), Err(Reason::StatementOther));
    assert_eq!(attempt(&Statement { identity: [0; 32], ..good }, &[a, b], now), Err(Reason::StatementOther));
    assert_eq!(attempt(&Statement { kind: Kind::Downgrade, ..good }, &[a, b], now), Err(Reason::StatementOther));
}
