//! The key that others seal messages for: made once, kept by everything but its renewal, through failures and power cuts.

use crate::support::*;
use aseptic_core::platform::{KeyId, KeyUse, Keys};
use aseptic_core::record::Kind;
use aseptic_core::{Reason, Result};
use aseptic_identity::{Workspace, agreement, tidy};
use aseptic_testbed::bench::{Bench, StoreModel};
use aseptic_testbed::sweep::sweep;

fn keys(bench: &Bench) -> Vec<u32> {
    bench.snapshot().keys.keys().map(|id| id.0).collect()
}

#[test]
fn one_key_is_made_and_kept_beside_the_identities() {
    let world = World::new();
    let bench = world.born();
    let mut workspace = Box::new(Workspace::new());
    let platform = bench.platform();
    assert_eq!(agreement::load(&platform), Ok(None));
    let (id, public) = agreement::public(&platform, &mut workspace).unwrap();
    assert_eq!(agreement::public(&platform, &mut workspace), Ok((id, public)));
    assert_eq!(bench.public(id, &mut [0; 65]).unwrap().0.usage, KeyUse::Agree);
    assert_eq!(tidy(&platform, &mut workspace), Ok(0), "it is named");
    world.enrol(&bench, &Registrar::new(&world)).unwrap();
    assert_eq!(keys(&bench), [1, 2, 3], "no two keys have one id");

    let (next, other) = agreement::renew(&platform, &mut workspace).unwrap();
    assert_ne!(public, other);
    assert_eq!((next, keys(&bench)), (KeyId(4), vec![1, 3, 4]));

    bench.destroy(next).unwrap();
    drop(bench.take_events());
    let (anew, _) = agreement::public(&platform, &mut workspace).unwrap();
    assert_eq!(bench.take_events()[0].reason, Reason::IdentityKeyLost);
    assert_eq!((anew, keys(&bench)), (KeyId(5), vec![1, 3, 5]), "a number that a record named is not used again");

    bench.edit(|medium| Kind::AgreementKey.slots().map(|slot| medium.slots.get_mut(&slot).unwrap()[14] ^= 1));
    assert_eq!(agreement::load(&platform), Err(Reason::RecordCorrupt));
    assert_eq!(tidy(&platform, &mut workspace), Err(Reason::RecordCorrupt), "nothing is destroyed for it");
    assert_eq!(keys(&bench), [1, 3, 5]);
}

#[test]
fn a_renewal_leaves_one_key_whatever_interrupts_it() {
    let world = World::new();
    let born = world.born();
    let start = Bench::new(8).with_store(StoreModel::Torn);
    start.edit(|medium| *medium = born.snapshot());
    agreement::public(&start.platform(), &mut Box::new(Workspace::new())).unwrap();
    let renew = |bench: &Bench| -> Result<()> {
        agreement::renew(&bench.platform(), &mut Box::new(Workspace::new())).map(drop)
    };
    let count = sweep(
        || start.clone(),
        renew,
        |bench, _| {
            let bench = bench.clone();
            drop(bench.take_events());
            let mut workspace = Box::new(Workspace::new());
            tidy(&bench.platform(), &mut workspace).unwrap();
            let (id, _) = agreement::public(&bench.platform(), &mut workspace).unwrap();
            assert!([2, 3].contains(&id.0));
            assert_eq!(keys(&bench), [1, id.0], "the key that is named, and the identity's");
            assert!(bench.take_events().is_empty(), "it was there");
        },
    );
    println!("renewal of the agreement key: {count:?}");
}
