//! The bedside comes first, and a device without a clock is a normal device.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_possible_truncation)]

mod common;

use aseptic_core::Reason;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::soft;
use aseptic_core::platform::ImageSlot;
use aseptic_core::time::Time;
use aseptic_testbed::bench::Bench;
use aseptic_update::freshness::{Accept, Freshness, Policy, Source};
use aseptic_update::{Interlock, Permission, Role, Session, boot};
use common::*;

const PERMISSIONS: [Permission; 3] = [Permission::Download, Permission::Install, Permission::Activate];
const USES: [Use; 4] = [Use::Idle, Use::InUse, Use::Alarm, Use::Emergency];
const HOUR: u64 = 3_600_000;

#[test]
fn the_whole_table_of_permissions() {
    let bench = Bench::new(1);
    let platform = bench.platform();
    for asked in PERMISSIONS {
        for clinical in USES {
            for set in 0_u8..8 {
                let mut interlock = Interlock::new(HOUR);
                for (at, permission) in PERMISSIONS.into_iter().enumerate() {
                    interlock.grant(permission, set >> at & 1 == 1);
                }
                let granted = set >> (asked as u8 - 1) & 1 == 1;
                let expected = match (clinical, granted) {
                    (Use::Idle, true) => Ok(Use::Idle),
                    (Use::Idle, false) => Err(Reason::PermissionWithheld),
                    _ => Err(Reason::ClinicalUse),
                };
                assert_eq!(interlock.ask(&platform, asked, clinical), expected);
            }
        }
    }
}

#[test]
fn what_is_put_off_is_counted_reported_in_bounds_called_overdue_and_never_forced() {
    let bench = Bench::new(1);
    let platform = bench.platform();
    let mut interlock = Interlock::new(HOUR);
    let before = bench.snapshot();
    for second in 0..7200_u32 {
        let expected = if second < 3600 { Reason::ClinicalUse } else { Reason::UpdateOverdue };
        assert_eq!(interlock.ask(&platform, Permission::Install, Use::InUse), Err(expected), "{second}");
        let deferral = interlock.deferral().unwrap();
        assert_eq!((deferral.count, deferral.waited), (second + 1, u64::from(second) * 1000));
        bench.pass(1);
    }
    assert_eq!(bench.snapshot(), before, "nothing is written while a patient depends on the device");
    assert_eq!(bench.take_events().len(), 13, "at 1, 2, 4, .. 4096");
    assert_eq!(interlock.ask(&platform, Permission::Install, Use::Idle), Ok(Use::Idle));
    assert_eq!((interlock.deferral(), interlock.ended()), (None, 1));
    assert!(bench.events().iter().any(|event| event.reason == Reason::UpdateResumed && event.detail == 7_199_000));
}

/// The power fails in the middle of each part of an update, and the patient is back before it goes on.
#[test]
fn nothing_is_finished_after_a_power_cut_while_a_patient_depends_on_the_device() {
    let (author, suite) = (Author::new(1), soft::suite());
    let image = program(9000, 6);
    let bytes = author.envelope(&Spec::new(&image, 6).encode(), &[]);
    let bench = Bench::new(1);
    let old = program(500, 5);
    bench.edit(|medium| medium.flash[0].program(&old));
    boot::provision(&bench.platform(), &suite, digest(&old), 500, 5).unwrap();
    let platform = bench.platform();
    let mut interlock = Interlock::new(HOUR);
    let plan = plan_on(&author, &bench, &bytes).unwrap();
    let ask = |interlock: &mut Interlock, permission, clinical| interlock.ask(&platform, permission, clinical);

    // Half of the bytes; after the cut the rest has to wait, also for whoever passes the interlock by.
    let idle = ask(&mut interlock, Permission::Install, Use::Idle).unwrap();
    let mut session = Session::begin(&platform, &suite, &plan, idle).unwrap();
    session.feed(&platform, &suite, &image[..5000], idle).unwrap();
    bench.restart();
    let before = bench.snapshot();
    let mut session = Session::resume(&platform, &suite, &plan).unwrap();
    let at = session.offset() as usize;
    assert_eq!(ask(&mut interlock, Permission::Download, Use::InUse), Err(Reason::ClinicalUse));
    assert_eq!(session.feed(&platform, &suite, &image[at..], Use::InUse), Err(Reason::ClinicalUse));
    assert_eq!(bench.snapshot(), before);
    session.feed(&platform, &suite, &image[at..], Use::Idle).unwrap();
    let _lost = session.finish(&platform, &suite, Use::Idle).unwrap();

    // Staged; after the cut the selection has to wait.
    bench.restart();
    let before = bench.snapshot();
    let staged = aseptic_update::Staged::load(&platform, &suite).unwrap();
    assert_eq!(staged.activate(&platform, Use::Alarm), Err(Reason::ClinicalUse));
    assert_eq!(bench.snapshot(), before);
    assert_eq!(boot::verify_at_boot(&platform, &suite), Ok(ImageSlot::A));
}

const DATE: u64 = 1_790_000_000;

fn dated(date: Option<u64>) -> Spec {
    let mut parts = [identity(VENDOR, CLASS), image(b"image")].concat();
    parts.extend(date.map(|date| (4, uint(date))));
    parts.sort_by_key(|(key, _)| *key);
    let mut shared = vec![parameters(&parts), (1, policy()), (2, policy())];
    shared.extend(date.map(|_| (4, policy())));
    Spec::new(b"image", 7).shared(&shared)
}

// Freeze and slow retrieval (TUF); foundriesio/docs #669: media that are too old by a clock that nobody has.
#[test]
fn freshness_has_three_values_and_each_source_its_policy() {
    let author = Author::new(1);
    let judge = |date: Option<u64>, now: Time, policy: &Policy, source| {
        let bytes = author.envelope(&dated(date).encode(), &[]);
        let plan = plan(&author, &bytes)?;
        assert_eq!(plan.use_before(), date);
        plan.fresh_enough(policy, source, now).map(|plan| plan.freshness(now))
    };
    let (early, late) = (Time::trusted(DATE - 1), Time::trusted(DATE));
    let normal = Policy::DEFAULT;
    for source in [Source::Network, Source::Medium] {
        assert_eq!(judge(Some(DATE), early, &normal, source), Ok(Freshness::Fresh));
        for now in [Time::at_least(DATE - 1), Time::UNKNOWN] {
            assert_eq!(judge(Some(DATE), now, &normal, source), Ok(Freshness::Unknown));
        }
        for now in [early, late, Time::UNKNOWN] {
            assert_eq!(judge(None, now, &normal, source), Ok(Freshness::Unknown));
        }
    }
    for now in [late, Time::at_least(DATE)] {
        assert_eq!(judge(Some(DATE), now, &normal, Source::Network), Err(Reason::UpdateStale));
        assert_eq!(judge(Some(DATE), now, &normal, Source::Medium), Ok(Freshness::Stale));
    }
    let none = Accept { stale: false, unknown: false, stale_patch: true };
    let strict = Policy { network: none, medium: none };
    for source in [Source::Network, Source::Medium] {
        assert_eq!(judge(Some(DATE), Time::UNKNOWN, &strict, source), Err(Reason::FreshnessUnknown));
        assert_eq!(judge(Some(DATE), late, &strict, source), Err(Reason::UpdateStale));
        assert_eq!(strict.check(source, Freshness::Stale, Role::SecurityPatch), Ok(()));
        assert_eq!(strict.check(source, Freshness::Stale, Role::Release), Err(Reason::UpdateStale));
    }
}

#[test]
fn a_date_is_checked_once_in_the_shared_sequence_with_its_parameter() {
    let author = Author::new(1);
    let refusal = |spec: &Spec| plan(&author, &author.envelope(&spec.encode(), &[])).err();
    assert_eq!(refusal(&dated(Some(DATE))), None);
    let all = parameters(&[identity(VENDOR, CLASS), image(b"image")].concat());
    let checks = [(1, policy()), (2, policy())];
    let without = [vec![all.clone(), (4, policy())], checks.to_vec()].concat();
    assert_eq!(refusal(&dated(None).shared(&without)), Some(Reason::ManifestUnsupported));
    let date = parameters(&[(4, uint(DATE))]);
    let twice = [vec![all.clone(), date.clone(), (4, policy()), (4, policy())], checks.to_vec()].concat();
    assert_eq!(refusal(&dated(None).shared(&twice)), Some(Reason::ManifestUnsupported));
    let install = dated(None).install(&[
        parameters(&[(4, uint(DATE)), (21, text(URI))]),
        (4, policy()),
        (21, policy()),
        (3, policy()),
    ]);
    assert_eq!(refusal(&install), Some(Reason::ManifestUnsupported));
}
