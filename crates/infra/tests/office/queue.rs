//! Requests that wait for a person, over a restart, and the log of it all.

use super::desk::{DAY, Desk, START, World, ask_for, audit_lines};
use crate::common::key;
use aseptic_core::Reason;
use aseptic_infra::ca::{Ca, Validity};
use aseptic_infra::registrar::{Control, Decision, State, Store, control};
use redb::{Database, ReadableTable, TableDefinition};

fn patient(desk_folder: &std::path::Path, registrar: aseptic_infra::Registrar) -> aseptic_infra::Registrar {
    registrar
        .store(Store::open(&desk_folder.join("store")).unwrap())
        .control(desk_folder.join("control"))
        .policy(|_| Decision::Wait { seconds: 5 })
}

impl Desk {
    /// Approves what waits, as an operator does.
    pub(crate) fn approve_all(&self) {
        for one in self.handle.store().waiting().unwrap() {
            self.handle.store().decide(&one.id, true, "tests", START).unwrap();
        }
    }
}

#[test]
fn a_queue_and_its_decisions_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (file, socket) = (folder.path().join("store"), folder.path().join("control"));
    let operate = |command: &Control| control(&socket, &file, command);
    let world = World::new();
    let (one, two) = (world.born("PUMP-0001"), world.born("PUMP-0002"));
    let (first, second) = (ask_for(&key(), "PUMP-0001", None), ask_for(&key(), "PUMP-0002", None));
    {
        let desk = world.open(World::hospital(), |registrar| patient(folder.path(), registrar));
        for (device, request) in [(&one, &first), (&two, &second), (&one, &first)] {
            let reply = desk.newborn(device).post("simpleenroll", request).unwrap();
            assert_eq!(reply.status, 202);
            assert!(reply.head.contains("retry-after: 5"), "{}", reply.head);
        }
        // The store is the server's, and operators ask it.
        assert_eq!(Store::open(&file).unwrap_err().reason(), Reason::FolderBusy);
        let listed = operate(&Control::List).unwrap();
        assert_eq!(listed.lines().count(), 2, "{listed}");
        assert!(listed.contains(" waiting ") && listed.contains("PUMP-0002 Maker"), "{listed}");
        assert_eq!(operate(&Control::Approve("00".into())).unwrap_err().reason(), Reason::PlatformNotFound);
        desk.handle.shutdown();
    }
    // While it is down the file is asked.
    let waiting = Store::open(&file).unwrap().waiting().unwrap();
    assert_eq!(waiting.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Waiting; 2]);
    operate(&Control::Approve(waiting[0].id.clone())).unwrap();
    {
        let desk = world.open(World::hospital(), |registrar| patient(folder.path(), registrar));
        operate(&Control::Reject(waiting[1].id.clone())).unwrap();
        let issued = desk.newborn(&one).post("simpleenroll", &first).unwrap().certificate();
        assert_eq!(desk.newborn(&two).post("simpleenroll", &second).unwrap().status, 403);
        // Approved was this one request; another of the same device waits again.
        let other = ask_for(&key(), "PUMP-0001", None);
        assert_eq!(desk.newborn(&one).post("simpleenroll", &other).unwrap().status, 202);
        assert_eq!(desk.newborn(&one).post("simpleenroll", &first).unwrap().certificate(), issued);
        let list = operate(&Control::Issued).unwrap();
        assert!(list.lines().count() == 1 && list.contains("newest PUMP-0001"), "{list}");
        let exported = operate(&Control::ExportAudit).unwrap();
        assert!(exported.lines().last().unwrap().contains("status=200"), "{exported}");
        desk.handle.shutdown();
    }
    let lines = audit_lines(&file);
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("op=approve"), count("op=reject"), count("by=uid-")), (1, 1, 2), "{lines:#?}");
    assert_eq!((count("status=202"), count("status=200"), count("E511 ")), (4, 2, 1), "{lines:#?}");
    println!("{}", lines.join("\n"));
}

#[test]
fn what_a_person_rejected_stays_so_whatever_the_rules_say_later() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let (device, request) = (world.born("PUMP-0001"), ask_for(&key(), "PUMP-0001", None));
    let desk = world.open(World::hospital(), |registrar| patient(folder.path(), registrar));
    assert_eq!(desk.newborn(&device).post("simpleenroll", &request).unwrap().status, 202);
    let id = desk.handle.store().waiting().unwrap()[0].id.clone();
    desk.handle.store().decide(&id, false, "tests", START).unwrap();
    desk.handle.shutdown();
    let issuing = |registrar| patient(folder.path(), registrar).policy(|_| Decision::Issue);
    let desk = world.open(World::hospital(), issuing);
    assert_eq!(desk.newborn(&device).post("simpleenroll", &request).unwrap().status, 403);
    desk.handle.store().decide(&id, true, "tests", START).unwrap();
    assert_eq!(desk.newborn(&device).post("simpleenroll", &request).unwrap().status, 200);
    desk.handle.shutdown();
}

#[test]
fn a_serial_number_is_one_makers_and_no_other_s_until_it_is_released() {
    let years = Validity::years(START - DAY, 40).unwrap();
    let other = Ca::new("Other", years).unwrap();
    let world = World::beside(Ca::new("Maker", years).unwrap(), Some(&other));
    let (genuine, namesake) = (world.born("PUMP-0001"), World::born_of(&other, "PUMP-0001"));
    let ask = || ask_for(&key(), "PUMP-0001", None);

    // While the one waits the other takes nothing from it; once it is turned down the number is free.
    let desk = world.open(World::hospital(), |registrar| registrar.policy(|_| Decision::Wait { seconds: 5 }));
    assert_eq!(desk.newborn(&namesake).post("simpleenroll", &ask()).unwrap().status, 202);
    assert_eq!(desk.newborn(&genuine).post("simpleenroll", &ask()).unwrap().status, 403);
    assert_eq!(world.told().pop(), Some(Some(Reason::IdentityNameMismatch)));
    let id = desk.handle.store().waiting().unwrap()[0].id.clone();
    desk.handle.store().decide(&id, false, "tests", START).unwrap();
    assert_eq!(desk.newborn(&genuine).post("simpleenroll", &ask()).unwrap().status, 202);
    desk.handle.shutdown();

    let desk = world.open(World::hospital(), |registrar| registrar.policy(|_| Decision::Issue));
    assert_eq!(desk.newborn(&genuine).post("simpleenroll", &ask()).unwrap().status, 200);
    assert_eq!(desk.newborn(&namesake).post("simpleenroll", &ask()).unwrap().status, 403);
    assert_eq!(world.told().pop(), Some(Some(Reason::IdentityNameMismatch)));
    assert_eq!(desk.newborn(&genuine).post("simpleenroll", &ask()).unwrap().status, 200);
    assert_eq!(desk.handle.store().issued().unwrap().len(), 2);
    desk.handle.store().release("PUMP-0001", "tests", START).unwrap();
    let again = desk.handle.store().release("PUMP-0001", "tests", START);
    assert_eq!(again.unwrap_err().reason(), Reason::PlatformNotFound);
    assert_eq!(desk.newborn(&namesake).post("simpleenroll", &ask()).unwrap().status, 200);
    assert_eq!(desk.newborn(&genuine).post("simpleenroll", &ask()).unwrap().status, 403);
    desk.handle.shutdown();
}

#[test]
fn a_changed_line_breaks_the_chain() {
    const AUDIT: TableDefinition<'_, u64, (&[u8; 32], &str)> = TableDefinition::new("audit");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let world = World::new();
    let desk = world.open(World::hospital(), |registrar| registrar.store(Store::open(&file).unwrap()));
    let device = world.born("PUMP-0001");
    for _ in 0..4 {
        desk.newborn(&device).get("cacerts").unwrap();
    }
    desk.handle.shutdown();
    assert_eq!(audit_lines(&file).len(), 4);
    let change = |number: u64, to: Option<&str>| {
        let database = Database::open(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(AUDIT).unwrap();
            let (hash, line) = {
                let row = table.get(number).unwrap().unwrap();
                (*row.value().0, row.value().1.to_owned())
            };
            match to {
                Some(to) => drop(table.insert(number, (&hash, line.replace("PUMP-0001", to).as_str())).unwrap()),
                None => drop(table.remove(number).unwrap()),
            }
        }
        transaction.commit().unwrap();
    };
    let broken_at = || {
        let error = Store::open(&file).unwrap().audit(&mut |_, _, _| {}).unwrap_err();
        assert_eq!(error.reason(), Reason::FileCorrupt);
        error.context().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    change(3, Some("PUMP-9999"));
    assert_eq!(broken_at(), 3);
    change(2, None);
    assert_eq!(broken_at(), 2);
}
