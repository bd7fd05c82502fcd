//! `aseptic update` as authors, hospitals and release engineers run it, on real files passed between folders.

mod desk;

use desk::Desk;
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PUMP: [&str; 4] = ["--vendor", "pumps.example", "--class", "pump"];
const URI: &str = "https://pumps.example/7.bin";

impl Desk {
    fn verify<'s>(file: &'s str, more: &[&'s str]) -> Vec<&'s str> {
        [&["update", "verify", file, "--key", "author.pub"], more].concat()
    }

    /// Makes a key pair, and a secret file of mode 0600.
    fn author(&self, name: &str) {
        let public = self.done(&["update", "key", "--algorithm", "ed25519", "--out", &format!("{name}.key")]);
        self.put(&format!("{name}.pub"), public.as_bytes());
    }

    fn secret(&self, name: &str, bytes: &[u8]) {
        self.put(name, bytes);
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Steps and outcomes of a verdict in JSON.
    fn steps(&self, text: &str) -> Vec<(String, String)> {
        let json: Value = serde_json::from_str(text).unwrap();
        let steps = json["steps"].as_array().unwrap().iter();
        steps.map(|step| (step["step"].as_str().unwrap().into(), step["outcome"].as_str().unwrap().into())).collect()
    }
}

#[test]
fn an_update_is_created_signed_and_verified() {
    let desk = Desk::new();
    let created = desk.done(&["update", "create", "7.toml", "--out", "7.unsigned"]);
    assert!(created.contains("sequence number: 7") && created.contains("8 bytes"), "{created}");
    assert!(created.contains("signatures: 0"), "{created}");
    desk.refuses(&Desk::verify("7.unsigned", &[]), 1, "7.unsigned", 702);
    let signed = desk.done(&["update", "sign", "7.unsigned", "--key", "author.key", "--out", "7.suit"]);
    assert!(signed.contains("signatures: 1") && signed.contains("signed by author.key"), "{signed}");

    // The device of the manifest itself; the one that was asked for; its payload at hand.
    assert!(desk.done(&Desk::verify("7.suit", &[])).contains("the manifest itself names"));
    let apart = desk.done(&Desk::verify("7.suit", &PUMP));
    assert!(apart.starts_with("update: accepted as far as it was judged; 1 steps were not"), "{apart}");
    let payload = format!("{URI}=image.bin");
    let whole = [&PUMP[..], &["--payload", &payload, "--json"]].concat();
    let json = desk.done(&Desk::verify("7.suit", &whole));
    let names = ["envelope", "signatures", "quorum", "audience", "manifest, slot A", "manifest, slot B", "freshness"];
    let expected: Vec<_> =
        names.iter().chain(&["installation"]).map(|step| ((*step).into(), "passed".into())).collect();
    assert_eq!(desk.steps(&json), expected);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["accepted"], true);

    desk.describe("#image");
    desk.create();
    let inside = desk.done(&Desk::verify("7.suit", &PUMP));
    assert!(inside.starts_with("update: accepted\n"), "{inside}");
}

/// Everybody makes the same envelope, and everybody's signature is the same each time.
#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, other) = (Desk::new(), Desk::new());
    fs::copy(one.path("author.key"), other.path("author.key")).unwrap();
    other.author("ed");
    for name in ["ed.key", "ed.pub"] {
        fs::copy(other.path(name), one.path(name)).unwrap();
    }
    for desk in [&one, &other] {
        desk.describe("#image");
        desk.done(&["update", "create", "7.toml", "--out", "7.unsigned"]);
        let both = ["--key", "author.key", "--key", "ed.key", "--out", "7.suit"];
        desk.done(&[&["update", "sign", "7.unsigned"], &both[..]].concat());
    }
    for name in ["7.unsigned", "7.suit"] {
        assert_eq!(one.read(name), other.read(name), "{name}");
    }
}

/// Two of three authors and a hospital's approval, by passing files: one signs the envelope, the others copies of it.
#[test]
fn signatures_are_collected_by_passing_files() {
    let maker = Desk::new();
    for name in ["alice", "bob", "carol", "hospital"] {
        maker.author(name);
    }
    maker.done(&["update", "create", "7.toml", "--out", "7.suit"]);
    let colleague = tempfile::tempdir().unwrap();
    for name in ["7.suit", "bob.key", "hospital.key"] {
        fs::copy(maker.path(name), colleague.path().join(name)).unwrap();
    }
    maker.done(&["update", "sign", "7.suit", "--key", "alice.key", "--out", "7.alice"]);
    for (name, out) in [("bob", "bob.cose"), ("hospital", "hospital.cose")] {
        let key = format!("{name}.key");
        let output = desk::run(colleague.path(), &["update", "sign", "7.suit", "--key", &key, "--detached", out]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        fs::copy(colleague.path().join(out), maker.path(out)).unwrap();
    }
    maker.put(
        "maker.toml",
        b"authority = \"manufacturer\"\nsigners = [\"author.pub\"]\n[[key]]\nname = \"alice\"\npurposes = [\"update-install\"]\n\
          public = \"alice.pub\"\n[[key]]\nname = \"bob\"\npurposes = [\"update-install\"]\npublic = \"bob.pub\"\n[[key]]\n\
          name = \"carol\"\npurposes = [\"update-install\"]\npublic = \"carol.pub\"\n[[quorum]]\n\
          purpose = \"update-install\"\nkeys = 2\n",
    );
    maker.put(
        "hospital.toml",
        b"authority = \"owner\"\nsigners = [\"hospital.pub\"]\n[[key]]\nname = \"device safety\"\n\
          purposes = [\"update-approve\"]\npublic = \"hospital.pub\"\n[[quorum]]\npurpose = \"update-install\"\nkeys = 1\n",
    );
    maker.done(&["trust", "update", "hospital.toml", "--key", "hospital.key", "--out", "hospital.store"]);
    // One author is too few, two without the hospital as well; a store as its description and as the signed object.
    let policy = |file: &'static str| {
        let owner = "hospital.store";
        ["update", "verify", file, "--policy", "maker.toml", "--policy", owner].map(str::to_owned)
    };
    let refuses = |file: &'static str, reason| {
        let arguments = policy(file);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        maker.refuses(&arguments, 1, file, reason)
    };
    let told = refuses("7.alice", 305);
    assert!(told.contains("author of releases: 1 of 2 keys, by alice (Ed25519, "), "{told}");
    assert!(told.contains("; not by bob (Ed25519, ") && told.contains(", carol (Ed25519, "), "{told}");
    // The same where only the last line is read, and for programs.
    let arguments = policy("7.alice");
    let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--json"]).collect();
    let output = maker.run(&arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("quorum: ") && error.contains(" author of releases: 1 of 2 keys, by alice ("), "{error}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let step = json["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&step["step"], &step["outcome"], &step["reason"]), (&"quorum".into(), &"refused".into(), &305.into()));
    let names = |keys: &Value| -> Vec<String> {
        keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().into()).collect()
    };
    let role = &step["roles"][0];
    assert_eq!((&role["role"], &role["needed"]), (&"author of releases".into(), &2.into()));
    assert_eq!((&role["purpose"], &role["both_families"]), (&"UpdateInstall".into(), &false.into()));
    assert_eq!(
        (names(&role["signed"]), names(&role["others"])),
        (vec!["alice".into()], vec!["bob".into(), "carol".into()])
    );
    assert_eq!(role["signed"][0]["algorithm"], "Ed25519");
    assert_eq!(role["signed"][0]["thumbprint"].as_str().unwrap().len(), 64);
    assert_eq!((&step["roles"][1]["role"], &step["roles"][1]["needed"]), (&"approver".into(), &1.into()));
    let add = |from: &str, block: &str, key: &str, out: &str| {
        let key = [key, ".pub"].concat();
        maker.done(&["update", "add-signature", from, "--block", block, "--key", &key, "--out", out])
    };
    add("7.alice", "bob.cose", "bob", "7.two");
    let told = refuses("7.two", 721);
    assert!(told.contains("0: verifies, by alice (UpdateInstall)"), "{told}");
    assert!(told.contains("1: verifies, by bob (UpdateInstall)"), "{told}");
    assert!(told.contains("author of releases: 2 of 2 keys, by alice ("), "{told}");
    assert!(told.contains("approver: 0 of 1 keys, by nobody; not by device safety (Ed25519, "), "{told}");
    add("7.two", "hospital.cose", "hospital", "7.three");
    let accepted = policy("7.three");
    let accepted = maker.done(&accepted.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(accepted.contains("Release: as many authors and approvals as the stores ask for"), "{accepted}");
    assert!(accepted.contains("approver: 1 of 1 keys, by device safety ("), "{accepted}");

    // A copy that a colleague signed is as good as the block, and what is there already is not added again.
    maker.done(&["update", "sign", "7.suit", "--key", "bob.key", "--out", "7.bob"]);
    let all = ["--key", "bob.pub", "--key", "hospital.pub", "--out", "7.again"];
    let again =
        [&["update", "add-signature", "7.three", "--block", "7.bob", "--block", "hospital.cose"], &all[..]].concat();
    assert_eq!(maker.done(&again).matches("nothing was added").count(), 2);
    assert_eq!(maker.read("7.again"), maker.read("7.three"));

    // Signatures by others, over something else, and things that are none.
    let refused = |from: &str, block: &str, key: &str, reason| {
        let arguments = ["update", "add-signature", from, "--block", block, "--key", key, "--out", "7.never"];
        maker.fails(&arguments, 1, block, reason);
        assert!(!maker.path("7.never").exists());
    };
    refused("7.suit", "bob.cose", "alice.pub", 311);
    maker.put("8.toml", &[maker.read("7.toml"), b"\n".to_vec()].concat().replace(b"sequence = 7", b"sequence = 8"));
    maker.done(&["update", "create", "8.toml", "--out", "8.suit"]);
    refused("8.suit", "bob.cose", "bob.pub", 223);
    refused("7.suit", "image.bin", "bob.pub", 201);
    let mut damaged = maker.read("bob.cose");
    *damaged.last_mut().unwrap() ^= 1;
    maker.put("damaged.cose", &damaged);
    refused("7.suit", "damaged.cose", "bob.pub", 223);
}

trait Replace {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = self.windows(from.len()).position(|window| window == from).unwrap();
        [&self[..at], to, &self[at + from.len()..]].concat()
    }
}

/// Three components: one encrypted, one linked for its slot, one out of the manifest; the device's own code installs them.
#[test]
fn a_set_is_encrypted_signed_severed_and_installed() {
    let desk = Desk::new();
    for (name, bytes) in
        [("main.bin", vec![1; 9000]), ("a.bin", vec![2; 5000]), ("b.bin", vec![3; 4096]), ("cal.bin", vec![4; 300])]
    {
        desk.put(name, &bytes);
    }
    desk.put("sbom.json", b"{}");
    desk.secret("ward.kek", &[7; 16]);
    desk.secret("other.kek", &[8; 16]);
    let device = openssl(&desk, &["genpkey", "-algorithm", "X25519", "-out", "device.key"])
        && openssl(&desk, &["pkey", "-in", "device.key", "-pubout", "-out", "device.pub"]);
    let mut encrypt =
        vec!["update", "encrypt", "main.bin", "--kek", "ward=ward.kek", "--info", "main.info", "--out", "main.enc"];
    if device {
        fs::set_permissions(desk.path("device.key"), PermissionsExt::from_mode(0o600)).unwrap();
        encrypt.extend(["--recipient", "device.pub"]);
    }
    desk.done(&encrypt);
    assert_eq!(desk.read("main.enc").len(), 9016);
    desk.put(
        "set.toml",
        br#"
            vendor = "pumps.example"
            class = "pump"
            sequence = 7
            use-before = "2100-01-01T00:00:00Z"
            sbom = "sbom.json"
            invoke = "mode=clinical"
            severed = ["text", "install"]
            text.en.update = "Ends a delay of the air alarm."
            [[component]]
            file = "main.bin"
            uri = "https://pumps.example/main"
            encryption = "main.info"
            payload = "main.enc"
            text.en.version = "7.0.1"
            [[component]]
            id = ["radio", "stack"]
            slot.a = { file = "a.bin", uri = "https://pumps.example/a" }
            slot.b = { file = "b.bin", uri = "https://pumps.example/b" }
            [[component]]
            id = ["calibration"]
            file = "cal.bin"
            how = "write"
        "#,
    );
    desk.done(&["update", "create", "set.toml", "--out", "set"]);
    desk.done(&["update", "sign", "set", "--key", "author.key", "--out", "set.suit"]);
    assert_eq!(desk.done(&["update", "lint", "set.suit", "--key", "author.pub"]), "lint: no objection\n");
    let payloads = ["main=main.enc", "a=a.bin", "b=b.bin"].map(|payload| format!("https://pumps.example/{payload}"));
    let verify = |file: &'static str, more: &[&'static str]| -> Vec<String> {
        let mut arguments: Vec<String> =
            Desk::verify(file, &PUMP).iter().map(|argument| (*argument).to_owned()).collect();
        arguments.extend(payloads.iter().flat_map(|payload| ["--payload".to_owned(), payload.clone()]));
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        arguments
    };
    let done = |arguments: Vec<String>| desk.done(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let mut keys: Vec<&[&str]> = vec![&["--kek", "ward=ward.kek"]];
    if device {
        keys.push(&["--device-key", "device.key"]);
    }
    for key in keys {
        let told = done(verify("set.suit", &[key, &["--json"]].concat()));
        let steps = desk.steps(&told);
        for slot in ["installation, slot A", "installation, slot B"] {
            assert!(steps.contains(&(slot.into(), "passed".into())), "{told}");
        }
    }
    assert!(done(verify("set.suit", &[])).contains("no key of a device is at hand"));
    // The wrong key under the right name, and the right key under another one.
    for kek in ["ward=other.kek", "ward-2=ward.kek"] {
        let arguments = verify("set.suit", &["--kek", kek]);
        let output = desk.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{kek}");
    }
    let mut damaged = desk.read("main.enc");
    damaged[17] ^= 1;
    desk.put("main.enc", &damaged);
    let arguments = verify("set.suit", &["--kek", "ward=ward.kek"]);
    let told = desk.refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 1, "installation", 709);
    assert!(told.contains("remedy: Get the image again."), "{told}");

    // The text goes out, what devices need stays in, and only what was signed comes back.
    let shown = desk.done(&["update", "inspect", "set.suit"]);
    assert!(shown.contains("Ends a delay") && shown.contains("SBOM: \"nih:sha-256;44136fa355b3678a"), "{shown}");
    desk.done(&["update", "sever", "set.suit", "--take", "text=text.cbor", "--out", "small.suit"]);
    assert!(desk.read("small.suit").len() + desk.read("text.cbor").len() < desk.read("set.suit").len());
    desk.done(&Desk::verify("small.suit", &PUMP));
    desk.done(&["update", "sever", "small.suit", "--put", "text=text.cbor", "--out", "whole.suit"]);
    assert_eq!(desk.read("whole.suit"), desk.read("set.suit"));
    let put = |member: &str| {
        let arguments = ["update", "sever", "small.suit", "--put", member, "--out", "never.suit"];
        desk.fails(
            &arguments,
            1,
            member.split_once('=').unwrap().1,
            if member.starts_with("text") { 703 } else { 705 },
        );
    };
    put("text=cal.bin");
    put("payload-fetch=text.cbor");
    desk.fails(&["update", "sever", "small.suit", "--take", "text=x", "--out", "never.suit"], 1, "small.suit", 705);
    desk.done(&["update", "sever", "set.suit", "--take", "install=install.cbor", "--out", "bare.suit"]);
    desk.refuses(&Desk::verify("bare.suit", &PUMP), 1, "bare.suit", 701);
}

#[test]
fn encrypt_says_what_is_wrong_with_its_keys() {
    let desk = Desk::new();
    let encrypt = |more: &[&'static str]| {
        [&["update", "encrypt", "image.bin", "--info", "x.info", "--out", "x.enc"], more].concat()
    };
    desk.put("open.kek", &[7; 16]);
    fs::set_permissions(desk.path("open.kek"), PermissionsExt::from_mode(0o644)).unwrap();
    desk.fails(&encrypt(&["--kek", "a=open.kek"]), 1, "open.kek", 802);
    desk.secret("short.kek", &[7; 15]);
    desk.fails(&encrypt(&["--kek", "a=short.kek"]), 1, "short.kek", 221);
    desk.fails(&encrypt(&["--kek", "a=missing"]), 2, "missing", 801);
    desk.author("ed");
    desk.fails(&encrypt(&["--recipient", "ed.pub"]), 1, "image.bin", 222);
    desk.fails(&encrypt(&["--recipient", "author.pub", "--cipher", "a256gcm"]), 1, "image.bin", 222);
    desk.put("image.bin", b"");
    desk.secret("ward.kek", &[7; 16]);
    desk.fails(&encrypt(&["--kek", "a=ward.kek"]), 1, "image.bin", 709);
    assert!(!desk.path("x.info").exists() && !desk.path("x.enc").exists());
}

#[test]
fn a_certificate_stands_for_its_key() {
    let desk = Desk::new();
    let key = KeyPair::generate().unwrap();
    desk.secret("third.key", key.serialize_pem().as_bytes());
    let certificate = CertificateParams::new(vec!["author.example".into()]).unwrap().self_signed(&key).unwrap();
    desk.put("third.crt", certificate.pem().as_bytes());
    desk.author("ed");
    desk.done(&["update", "create", "7.toml", "--out", "7"]);
    desk.done(&["update", "sign", "7", "--key", "third.key", "--key", "ed.key", "--out", "7.suit"]);
    desk.done(&["update", "verify", "7.suit", "--key", "third.crt"]);
    desk.done(&["update", "verify", "--anchors", "stranger.pub", "--anchors", "third.crt", "7.suit"]);
    let both = [desk.read("stranger.pub"), desk.read("third.crt")].concat();
    desk.put("both.pub", &both);
    desk.done(&["update", "verify", "7.suit", "--key", "both.pub"]);
    desk.put("both.pub", &both[..both.len() - 20]);
    desk.fails(&["update", "verify", "7.suit", "--key", "both.pub"], 1, "both.pub", 221);
    desk.fails(&["inspect", "both.pub"], 1, "both.pub", 401);
    desk.refuses(&["update", "verify", "7.suit", "--key", "stranger.pub"], 1, "7.suit", 311);
}

#[test]
fn verify_refuses_as_a_device_does() {
    let desk = Desk::new();
    desk.create();
    let refuses = |file: &'static str, more: &[&'static str], subject: &str, reason| {
        desk.refuses(&Desk::verify(file, more), 1, subject, reason)
    };
    desk.refuses(&["update", "verify", "7.suit", "--key", "stranger.pub"], 1, "7.suit", 311);
    refuses("7.suit", &["--vendor", "pumps.example", "--class", "other"], "7.suit", 708);
    refuses("7.suit", &["--vendor", "other.example", "--class", "pump"], "7.suit", 707);
    refuses("7.suit", &["--class-id", "00000000-0000-0000-0000-000000000000"], "7.suit", 708);
    refuses("7.suit", &["--component", "other"], "7.suit", 719);
    let told = refuses("7.suit", &["--floor", "8"], "7.suit", 706);
    assert!(told.contains("remedy: Install a newer release."), "{told}");
    desk.done(&Desk::verify("7.suit", &["--floor", "7", "--component", "main"]));
    for (name, bytes) in [("long.bin", &b"firmware!"[..]), ("short.bin", b"firm"), ("other.bin", b"firmwarf")] {
        desk.put(name, bytes);
        let payload = format!("{URI}={name}");
        desk.refuses(&Desk::verify("7.suit", &["--payload", &payload]), 1, "installation", 709);
    }
    desk.fails(&Desk::verify("7.suit", &["--payload", "x=missing"]), 2, "missing", 801);
    refuses("image.bin", &[], "image.bin", 701);
    desk.fails(&Desk::verify("missing", &[]), 2, "missing", 801);
    desk.fails(&["update", "verify", "7.suit", "--key", "missing"], 2, "missing", 801);
    desk.fails(&["update", "verify", "7.suit", "--key", "author.key"], 1, "author.key", 221);
    desk.fails(&["update", "verify", "7.suit", "--key", "image.bin"], 1, "image.bin", 221);
    desk.fails(&["update", "verify", "7.suit", "--policy", "image.bin"], 1, "image.bin", 720);
    desk.fails(&["update", "verify", "7.suit", "--policy", "7.suit"], 1, "7.suit", 210);

    let envelope = desk.read("7.suit");
    for at in 0..envelope.len() {
        let mut changed = envelope.clone();
        changed[at] ^= 1;
        desk.put("changed.suit", &changed);
        // A sample of the places: the library itself is swept elsewhere.
        if at % 16 == 0 {
            let output = desk.run(&Desk::verify("changed.suit", &PUMP));
            assert_eq!(output.status.code(), Some(1), "byte {at}");
        }
    }
    desk.put("changed.suit", &envelope.replace(&[0x02, 0x07], &[0x02, 0x08]));
    refuses("changed.suit", &[], "changed.suit", 703);
    // Nobody signs what is not what it seems.
    desk.fails(&["update", "sign", "changed.suit", "--key", "author.key", "--out", "x"], 1, "changed.suit", 703);
    let stale = String::from_utf8(desk.read("7.toml"))
        .unwrap()
        .replace("sequence", "use-before = \"2020-01-01T00:00:00Z\"\nsequence");
    desk.put("7.toml", stale.as_bytes());
    desk.create();
    refuses("7.suit", &[], "freshness", 730);
    desk.done(&Desk::verify("7.suit", &["--source", "medium"]));
    desk.done(&Desk::verify("7.suit", &["--at", "1500000000"]));
    let told = desk.refuses(&["update", "lint", "7.suit", "--json"], 1, "7.suit", 705);
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(json["children"][0]["name"], "use-before-past");
}

/// Envelopes of others, with the key that the draft prints: none of them makes the command fall over, the reasons are those of
/// devices, and lint knows the key.
#[test]
fn envelopes_of_the_draft_are_judged() {
    let folder = std::env::var_os("ASEPTIC_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from)
        .join("update/suit");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let desk = Desk::new();
    let key = KeyPair::from_pem(&fs::read_to_string(folder.join("ietf-manifest/private_key.pem")).unwrap()).unwrap();
    desk.put("draft.pub", key.public_key_pem().as_bytes());
    let mut seen = 0;
    for path in envelopes(&folder) {
        let name = path.display().to_string();
        // The others carry no signature, or a message authentication code.
        let signed = name.contains("-signed") || name.contains("es-ecdh");
        assert_eq!(desk.run(&["update", "inspect", &name]).status.code(), Some(0), "{name}");
        let linted = desk.run(&["update", "lint", &name]);
        assert_eq!(linted.status.code(), Some(1), "{name}");
        assert_eq!(String::from_utf8_lossy(&linted.stdout).contains("published-test-key"), signed, "{name}");
        let verdict = desk.run(&["update", "verify", &name, "--key", "draft.pub", "--json"]);
        let json: Value = serde_json::from_slice(&verdict.stdout).unwrap();
        let passed = json["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["step"] == "signatures" && step["outcome"] == "passed");
        // One of them is signed with the key of a TAM.
        assert_eq!(passed, signed && !name.contains("dependency"), "{name}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// The envelopes among the vectors.
fn envelopes(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.starts_with(&[0xD8, 107])) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn openssl(desk: &Desk, arguments: &[&str]) -> bool {
    Command::new("openssl")
        .current_dir(desk.0.path())
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn an_existing_output_stays_unless_forced() {
    let desk = Desk::new();
    let create = ["update", "create", "7.toml", "--out", "image.bin.suit"];
    desk.put("image.bin.suit", b"mine");
    desk.fails(&create, 2, "image.bin.suit", 808);
    assert_eq!(desk.read("image.bin.suit"), b"mine");
    desk.done(&[&create[..], &["--force"]].concat());
    assert_ne!(desk.read("image.bin.suit"), b"mine");

    let before = desk.read("author.key");
    desk.fails(&["update", "key", "--out", "author.key"], 2, "author.key", 808);
    assert_eq!(desk.read("author.key"), before);
    assert_eq!(fs::metadata(desk.path("author.key")).unwrap().permissions().mode() & 0o777, 0o600);
    desk.fails(&["update", "key", "--out", "no/author.key"], 2, "no/author.key", 801);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let desk = Desk::new();
    let create = |out| ["update", "create", "7.toml", "--force", "--out", out];
    if Path::new("/dev/full").exists() {
        desk.fails(&create("/dev/full"), 2, "/dev/full", 803);
        desk.fails(&["update", "create", "7.toml", "--out", "/dev/full"], 2, "/dev/full", 808);
    }
    desk.fails(&create("no/7.suit"), 2, "no/7.suit", 801);
    desk.fails(&create("."), 2, ".", 802);
    let left: Vec<_> = fs::read_dir(desk.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
}

#[test]
fn create_and_sign_say_what_is_wrong_with_their_files() {
    let desk = Desk::new();
    let create = |description| ["update", "create", description, "--out", "7.suit"];
    desk.fails(&create("missing.toml"), 2, "missing.toml", 801);
    desk.put("bad.toml", b"vendor = \"pumps.example\"\nforce = true\n");
    desk.fails(&create("bad.toml"), 1, "bad.toml", 720);
    desk.put("bytes.toml", &[0xFF]);
    desk.fails(&create("bytes.toml"), 1, "bytes.toml", 720);
    desk.done(&create("7.toml"));
    let sign = |file, key| ["update", "sign", file, "--key", key, "--out", "signed"];
    desk.fails(&sign("7.suit", "missing.key"), 2, "missing.key", 801);
    fs::set_permissions(desk.path("7.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    desk.fails(&sign("7.suit", "7.toml"), 2, "7.toml", 802);
    desk.secret("bad.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    desk.fails(&sign("7.suit", "bad.key"), 1, "bad.key", 221);
    desk.fails(&sign("image.bin", "author.key"), 1, "image.bin", 701);
    let two = ["update", "sign", "7.suit", "--key", "author.key", "--key", "stranger.key", "--detached", "two.cose"];
    desk.fails(&two, 1, "7.suit", 101);
    fs::remove_file(desk.path("image.bin")).unwrap();
    desk.fails(&["update", "create", "7.toml", "--out", "8.suit"], 2, "image.bin", 801);
    // An empty image is made into an envelope, and nobody signs it: devices refuse it.
    desk.put("image.bin", b"");
    desk.done(&["update", "create", "7.toml", "--out", "8.suit"]);
    desk.fails(&sign("8.suit", "author.key"), 1, "8.suit", 705);
    assert!(!desk.path("signed").exists() && !desk.path("two.cose").exists());
}
