//! `aseptic trust` as a user runs it: stores are made, shown, followed by their next version, and planned.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;
use time::OffsetDateTime;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
const YEAR: i64 = 365 * 86_400;

/// A hospital with two keys in charge, a root for ten years and the one after it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["it", "nurse", "adapter"] {
            let public = desk.done(&["update", "key", "--out", &format!("{name}.key")]);
            desk.put(&format!("{name}.pub"), &public);
        }
        desk.put("root.pem", &root("Hospital root", START, START + 10 * YEAR));
        desk.put("next.pem", &root("Hospital root 2", START + 9 * YEAR, START + 19 * YEAR));
        desk
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_aseptic")).args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str], exit: i32, reason: u32, says: &str) {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(exit), &b""[..]), "{arguments:?}: {error}");
        assert!(error.contains(&format!("(E{reason})")) && error.contains(says), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }

    /// Describes a store with this in its anchor, and this behind it.
    fn describe(&self, anchor: &str, more: &str) {
        let text = format!(
            "authority = \"owner\"\nsigners = [\"it.pub\"]\n{more}\n\
             [[anchor]]\nname = \"hospital\"\npurposes = [\"network\", \"telemetry\"]\ncertificate = \"root.pem\"\n{anchor}\n\
             [[key]]\nname = \"adapter-1\"\npurposes = [\"receive\"]\npublic = \"adapter.pub\"\n"
        );
        self.put("owner.toml", &text);
    }

    fn first(&self) {
        self.describe("", "");
        self.done(&["trust", "update", "owner.toml", "--key", "it.key", "--out", "1.store"]);
    }

    fn next(&self, from: u32) -> String {
        let (from, to) = (format!("{from}.store"), format!("{}.store", from + 1));
        self.done(&["trust", "update", "owner.toml", "--from", &from, "--key", "it.key", "--out", &to])
    }
}

fn root(name: &str, from: i64, to: i64) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = OffsetDateTime::from_unix_timestamp(from).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(to).unwrap();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn versions_follow_each_other_and_the_epoch_follows_what_is_withdrawn() {
    let desk = Desk::new();
    desk.first();
    let shown = desk.done(&["trust", "list", "1.store"]);
    println!("{shown}");
    holds(
        &shown,
        &[
            "trust store of the owner: version 1",
            "epoch: 1",
            "in charge: 1 of 1",
            "hospital: Network, Telemetry",
            "anchor: Hospital root",
            "valid: 2026-01-01 to 2035-12-30",
            "adapter-1: Receive",
        ],
    );

    let announced = "successor = \"next.pem\"";
    desk.describe(announced, "");
    holds(&desk.next(1), &["version: 2", "epoch: 1", "nothing is withdrawn"]);
    holds(&desk.done(&["trust", "list", "2.store"]), &["successor: "]);

    let constraints = "path-length = 1\npermitted-dns = [\"hospital.example\"]\nexcluded-ip = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
                       policies = [\"1.3.6.1.4.1.32473.7\"]";
    let minimum = "[[minimum]]\nissuer = \"root.pem\"\nnumber = 300";
    desk.describe(&format!("{announced}\n{constraints}"), "deny = [\"nurse.pub\"]");
    let text = fs::read_to_string(desk.0.path().join("owner.toml")).unwrap();
    desk.put("owner.toml", &format!("{text}\n{minimum}\n"));
    holds(&desk.next(2), &["version: 3", "epoch: 3", "trust is withdrawn"]);
    let shown = desk.done(&["trust", "list", "3.store"]);
    println!("{shown}");
    holds(
        &shown,
        &[
            "intermediates: at most 1",
            "permitted: hospital.example",
            "excluded: 10.0.0.0/8, fd00::/8",
            "policies: 1.3.6.1.4.1.32473.7",
            "denied: 1",
            ": 0x012c",
        ],
    );
    holds(&desk.next(3), &["version: 4", "epoch: 3", "nothing is withdrawn"]);
    let tree: Value = serde_json::from_str(&desk.done(&["trust", "list", "--json", "4.store"])).unwrap();
    assert_eq!(tree["value"], "version 4");
    // The other command that looks into files knows the same fields.
    holds(
        &desk.done(&["inspect", "4.store"]),
        &["constraints: ", "successor: ", "epoch: 3", "lists of this issuer below"],
    );
}

#[test]
fn what_a_device_would_refuse_is_not_handed_out() {
    let desk = Desk::new();
    desk.first();
    let update = |more: [&'static str; 2]| {
        [&["trust", "update", "owner.toml", "--from", "1.store", "--out", "2.store"][..], &more].concat()
    };
    desk.fails(&update(["--key", "nurse.key"]), 1, 305, "Too few");
    for (anchor, more, reason, says) in [
        ("permitted-dns = [\".hospital.example\"]", "", 314, "constraint"),
        ("excluded-ip = [\"10.0.0.0/33\"]", "", 720, "no subnet"),
        ("policies = [\"3.1\"]", "", 720, "no object identifier"),
        ("colour = 1", "", 720, "colour"),
        ("successor = \"absent.pem\"", "", 801, "absent.pem"),
        ("", "deny = [\"adapter.pub\"]", 312, "deny list"),
        ("", "threshold = 2", 302, "malformed"),
    ] {
        desk.describe(anchor, more);
        let exit = if reason == 801 { 2 } else { 1 };
        desk.fails(&update(["--key", "it.key"]), exit, reason, says);
    }
    desk.put("owner.toml", "authority = \"owner\"\nsigners = [\"it.pub\"]\n");
    desk.fails(&update(["--key", "it.key"]), 1, 307, "without an anchor");
    desk.put("owner.toml", "authority = \"owner\"\nsigners = [\"it.pub\"]\n[[key]]\nname = \"x\"\npurposes = [\"update-install\"]\npublic = \"it.pub\"\n");
    desk.fails(&["trust", "update", "owner.toml", "--key", "it.key", "--out", "x.store"], 1, 306, "purpose");
    assert!(!desk.0.path().join("2.store").exists() && !desk.0.path().join("x.store").exists());
    let mut damaged = fs::read(desk.0.path().join("1.store")).unwrap();
    damaged[60] ^= 1;
    fs::write(desk.0.path().join("damaged.store"), damaged).unwrap();
    assert_eq!(desk.run(&["trust", "list", "damaged.store"]).status.code(), Some(1));
    // An existing file is not replaced.
    desk.describe("", "");
    desk.fails(
        &["trust", "update", "owner.toml", "--from", "1.store", "--key", "it.key", "--out", "1.store"],
        2,
        808,
        "1.store",
    );
}

#[test]
fn a_plan_names_ends_gaps_and_what_is_to_be_done() {
    let desk = Desk::new();
    desk.first();
    let plan = |store: &str, at: &str| desk.done(&["trust", "plan", store, "--at", at]);
    let text = plan("1.store", "2026-06-01T00:00:00Z");
    println!("{text}");
    holds(
        &text,
        &[
            "hospital (owner)",
            "until 2035-12-30",
            "no end",
            "Network: served until 2035-12-30 (hospital (owner)), nothing follows",
            "Receive: served without end",
            "by 2034-12-30: announce or grant the root after hospital (owner), which ends on 2035-12-30",
        ],
    );
    assert_eq!(text.matches("announce or grant").count(), 1, "one root, one thing to do");
    holds(&plan("1.store", "2035-06-01T00:00:00Z"), &["at once: announce or grant"]);
    holds(
        &plan("1.store", "2036-06-01T00:00:00Z"),
        &["Network: NOT SERVED, every anchor has ended", "at once: grant an anchor for Network"],
    );

    desk.describe("successor = \"next.pem\"", "");
    desk.next(1);
    holds(
        &plan("2.store", "2026-06-01T00:00:00Z"),
        &[
            "successor announced",
            "by 2034-12-30: move servers below the announced successor",
            "by 2035-12-30: grant the successor of hospital (owner) an entry",
        ],
    );
    desk.describe("", "\n[[anchor]]\nname = \"next\"\npurposes = [\"network\"]\ncertificate = \"next.pem\"\n");
    desk.done(&["trust", "update", "owner.toml", "--key", "it.key", "--out", "both.store"]);
    let text = desk.done(&["trust", "plan", "both.store", "--at", "2026-06-01T00:00:00Z", "--overlap", "730"]);
    println!("{text}");
    holds(
        &text,
        &[
            "Network: served until 2044-12-27 (next (owner))",
            "overlap of hospital (owner) and next (owner): 365 days only",
            "Telemetry: served until 2035-12-30",
        ],
    );
    desk.put("next.pem", &root("Hospital root 2", START + 11 * YEAR, START + 19 * YEAR));
    desk.done(&["trust", "update", "owner.toml", "--key", "it.key", "--out", "gap.store"]);
    holds(
        &plan("gap.store", "2026-06-01T00:00:00Z"),
        &["Network: served until 2035-12-30 (hospital (owner)), GAP until 2036-12-29"],
    );
}
