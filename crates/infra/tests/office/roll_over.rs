//! A new root: devices below the old one renew, and can follow to the new one.

use super::desk::{DAY, NAME, START, World, renew};
use crate::common::{have, key, run, write_pem};
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_infra::ca::{Ca, RollOver, Validity};
use aseptic_testbed::est::Client;

#[test]
fn a_device_below_the_old_root_renews_below_the_new_one() {
    let world = World::new();
    let old = World::hospital();
    let old_root = old.anchor().to_vec();
    let (root, roll_over) = old.roll_over("Hospital 2", Validity::years(START, 20).unwrap()).unwrap();
    let new = root.intermediate("Hospital devices 2", Validity::years(START, 10).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    new.save(folder.path()).unwrap();
    roll_over.save(folder.path()).unwrap();
    let device = world.born("PUMP-0001");
    let (local, local_key) = {
        let desk = world.open(old, |registrar| registrar);
        desk.enrolled(&device)
    };

    world.clock.set(START + DAY);
    let loaded = RollOver::load(folder.path(), &new).unwrap().unwrap();
    assert_eq!(loaded, roll_over);
    let desk = world.open(Ca::load(folder.path()).unwrap(), |registrar| registrar.roll_over(loaded));
    let cacerts = desk.client(Some((&local, &local_key))).get("cacerts").unwrap().certificates();
    assert_eq!(cacerts.len(), 5, "the issuing authority, the new root, OldWithOld, OldWithNew, NewWithOld");
    // A device that knows the old root alone follows to the registrar below the new one.
    let client = Client::new(desk.handle.address(), NAME, &old_root, Some((&local, &local_key)));
    let reply = client.post("simplereenroll", &renew(&key(), &local[0])).unwrap();
    let renewed = reply.certificate();
    assert_eq!(Certificate::parse(&renewed).unwrap().issuer, Certificate::parse(new.certificate()).unwrap().subject);

    // OpenSSL follows from either root to what is below the other.
    if have("openssl", "version") {
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let [old, old_with_new, new_with_old] = roll_over.certificates().collect::<Vec<_>>()[..] else { panic!() };
        let verify = |root: &[u8], cross: &[u8], leaf: &[u8]| {
            write_pem(file("root").as_ref(), &[root]);
            write_pem(file("cross").as_ref(), &[cross, new.certificate()]);
            write_pem(file("leaf").as_ref(), &[leaf]);
            let (root, cross, leaf) = (file("root"), file("cross"), file("leaf"));
            run("openssl", &["verify", "-x509_strict", "-CAfile", &root, "-untrusted", &cross, &leaf], &[])
        };
        for (root, cross, leaf) in [(old, new_with_old, &renewed), (new.anchor(), old_with_new, &local[0])] {
            let (verified, text) = verify(root, cross, leaf);
            assert!(verified, "{text}");
        }
        assert!(!verify(old, old_with_new, &renewed).0);
    }
}

#[test]
fn a_root_that_was_slipped_in_is_none() {
    let (old, other) = (World::hospital(), World::hospital());
    let validity = Validity::years(START, 20).unwrap();
    let (new, roll_over) = old.roll_over("Hospital 2", validity).unwrap();
    let (foreign, _) = other.roll_over("Hospital 2", validity).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(RollOver::load(folder.path(), &new).unwrap(), None);
    roll_over.save(folder.path()).unwrap();
    assert_eq!(RollOver::load(folder.path(), &foreign).unwrap_err().reason(), Reason::FileCorrupt);
    assert_eq!(old.roll_over("Hospital", validity).unwrap_err().reason(), Reason::Misuse);
    let below = old.intermediate("Devices", validity).unwrap();
    assert_eq!(below.roll_over("Devices 2", validity).unwrap_err().reason(), Reason::Misuse);
}
