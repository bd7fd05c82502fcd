//! simplereenroll: with the local certificate, and after its end with the birth certificate; never with other names.

use super::desk::{DAY, START, World, ask_for, is_shut_out, renew, udi};
use crate::common::key;
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_infra::registrar::{Rules, authority};

#[test]
fn a_device_renews_for_the_same_names_and_an_old_request_is_dead() {
    let world = World::new();
    let desk = world.open(World::hospital(), |registrar| registrar.days(30));
    let device = world.born("PUMP-0001");
    let first_key = key();
    let first = ask_for(&first_key, "PUMP-0001", None);
    let answer = desk.newborn(&device).post("simpleenroll", &first).unwrap();
    // The answer got lost: the same request gets the same certificate, and not another.
    assert_eq!(desk.newborn(&device).post("simpleenroll", &first).unwrap().certificate(), answer.certificate());
    let local = [answer.certificate()];

    world.clock.set(START + 20 * DAY);
    let (next_key, client) = (key(), desk.client(Some((&local, &first_key))));
    let renewed = client.post("simplereenroll", &renew(&next_key, &local[0])).unwrap().certificate();
    let (old, new) = (Certificate::parse(&local[0]).unwrap(), Certificate::parse(&renewed).unwrap());
    assert_eq!((new.subject, new.uri()), (old.subject, Some(udi("PUMP-0001").as_str())));
    assert_ne!(new.serial, old.serial);
    assert_eq!(new.public_key().unwrap(), next_key.public().unwrap());
    assert_eq!((new.not_before, new.not_after), (START + 20 * DAY - 300, START + 50 * DAY));
    // RFC 7030 section 4.2.2 knows the same key too: a renewal in the narrow sense.
    assert_eq!(client.post("simplereenroll", &renew(&first_key, &local[0])).unwrap().status, 200);

    world.told();
    assert_eq!(desk.newborn(&device).post("simpleenroll", &first).unwrap().status, 403);
    let other = "https://id.gs1.org/01/09506000134352/21/PUMP-0002";
    let refused = [
        client.post("simplereenroll", &ask_for(&next_key, "PUMP-0001", Some(other))).unwrap(),
        client.post("simplereenroll", &ask_for(&next_key, "PUMP-0001", None)).unwrap(),
        client.post("simplereenroll", &ask_for(&next_key, "PUMP-0002", None)).unwrap(),
        // Whoever has a certificate of the hospital renews it.
        client.post("simpleenroll", &ask_for(&next_key, "PUMP-0001", None)).unwrap(),
        // What a birth certificate vouches for is not what the device asks for.
        desk.newborn(&device).post("simplereenroll", &ask_for(&next_key, "PUMP-0001", Some(other))).unwrap(),
    ];
    assert!(refused.iter().all(|reply| reply.status == 403));
    let reasons = [
        Reason::EstReplayed,
        Reason::EstNamesChanged,
        Reason::EstNamesChanged,
        Reason::IdentityNameMismatch,
        Reason::KeyWrongUse,
        Reason::IdentityNameMismatch,
    ];
    assert_eq!(world.told(), reasons.map(Some));
}

#[test]
fn after_expiry_the_birth_certificate_renews_and_no_person_is_asked() {
    let world = World::new();
    let maker: String =
        authority(world.maker.certificate()).unwrap().key.iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = format!(
        "[issuer.maker]\nkeys = [\"{maker}\"]\n[[rule]]\nissuer = \"maker\"\ndecision = \"approve\"\nretry = 60\nprofile = \"ward\"\n[profile.ward]\ndays = 30"
    );
    let desk = world.open(World::hospital(), |registrar| registrar.rules(Rules::parse(&rules).unwrap()));
    let device = world.born("PUMP-0001");
    let key_1 = key();
    let asked = ask_for(&key_1, "PUMP-0001", None);
    let waiting = desk.newborn(&device).post("simpleenroll", &asked).unwrap();
    assert_eq!(waiting.status, 202);
    assert!(waiting.head.contains("retry-after: 60"), "{}", waiting.head);
    // Nobody has approved, so there is no certificate that could be renewed: by the other door it is the same.
    assert_eq!(desk.newborn(&device).post("simplereenroll", &asked).unwrap().status, 202);
    desk.approve_all();
    let local = [desk.newborn(&device).post("simpleenroll", &asked).unwrap().certificate()];

    // With a valid local certificate the birth certificate only enrols, and a person decides.
    let next = renew(&key(), &local[0]);
    assert_eq!(desk.newborn(&device).post("simplereenroll", &next).unwrap().status, 202);
    // A year in a box.
    world.clock.set(START + 365 * DAY);
    world.told();
    assert!(is_shut_out(&desk.client(Some((&local, &key_1))).post("simplereenroll", &next)));
    let renewed = desk.newborn(&device).post("simplereenroll", &next).unwrap().certificate();
    let (old, new) = (Certificate::parse(&local[0]).unwrap(), Certificate::parse(&renewed).unwrap());
    assert_eq!((new.subject, new.uri()), (old.subject, old.uri()));
    assert!(world.told().contains(&Some(Reason::CertificateExpired)));
}
