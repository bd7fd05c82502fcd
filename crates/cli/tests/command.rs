//! The command as a user runs it: results on standard output, two lines on standard error, exit status 0, 1 or 2.

use aseptic_core::crypto::KeyAlg;
use aseptic_testbed::fuzzing::TARGETS;
use rcgen::{CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with an author's keys, a description and an image.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["author", "stranger"] {
            let public = desk.done(&["update", "key", "--out", &format!("{name}.key")]);
            desk.put(&format!("{name}.pub"), public.as_bytes());
        }
        desk.put("image.bin", b"firmware");
        desk.describe("https://pumps.example/7.bin");
        desk
    }

    fn describe(&self, uri: &str) {
        let text = format!(
            "vendor = \"pumps.example\"\nclass = \"pump\"\nsequence = 7\nuri = \"{uri}\"\nimage = \"image.bin\"\n"
        );
        self.put("7.toml", text.as_bytes());
    }

    fn create(&self) {
        self.done(&["update", "create", "7.toml", "--key", "author.key", "--out", "7.suit", "--force"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.0.path(), arguments)
    }

    /// Standard output of a command that must succeed and say nothing else.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that must fail with this exit status, naming `subject` and this reason.
    fn fails(&self, arguments: &[&str], exit: i32, subject: &str, reason: u32) {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let lines: Vec<_> = error.lines().collect();
        let [cause, remedy] = lines.as_slice() else { panic!("{arguments:?}: {error}") };
        assert!(cause.contains(subject) && cause.ends_with(&format!(" (E{reason})")), "{arguments:?}: {cause}");
        assert!(remedy.ends_with('.'), "{arguments:?}: {remedy}");
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aseptic")).current_dir(folder).args(arguments).output().unwrap()
}

/// A revocation list and its issuer, in PEM.
fn revocation_list() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key).unwrap().pem();
    let at = |day| rcgen::date_time_ymd(2026, 1, day);
    let list = CertificateRevocationListParams {
        this_update: at(1),
        next_update: at(2),
        crl_number: SerialNumber::from(5_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(9_u64),
            revocation_time: at(1),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&Issuer::from_params(&params, &key)).unwrap().pem().unwrap();
    (list, certificate)
}

#[test]
fn inspect_knows_every_kind_and_its_json_is_json() {
    let desk = Desk::new();
    desk.create();
    let mut expected = vec![("7.suit".to_owned(), "SUIT envelope"), ("author.pub".into(), "public key: ")];
    for (target, meaning) in [
        ("certificate", "type: 1.3.6.1.4.1.32473.1"),
        ("certificate_request", "GTIN: 09506000134352"),
        ("certificate_bundle", "certificate bundle: 2 certificates"),
        ("cose_sign1", "COSE_Sign1"),
        ("cose_sign", "COSE_Sign"),
        ("cose_mac0", "COSE_Mac0"),
        ("cose_encrypt0", "COSE_Encrypt0"),
        ("cose_encrypt", "COSE_Encrypt"),
        ("trust_store", "may: Network, Receive"),
    ] {
        let seeds = (TARGETS.iter().find(|known| known.name == target).unwrap().seeds)();
        desk.put(target, &seeds[0]);
        expected.push((target.into(), meaning));
    }
    let (list, issuer) = revocation_list();
    desk.put("list.pem", list.as_bytes());
    desk.put("issuer.txt", format!("Certificate:\n    Data:\n{issuer}").as_bytes());
    desk.put("both.pem", format!("{list}{issuer}").as_bytes());
    desk.put("record", &[b"aRec\x01\x01\x00\x08\0\0\0\x02\0\0\0\0\0\0\0\x07".as_slice(), &[0; 4]].concat());
    expected.extend([
        ("list.pem".into(), "certificate revocation list"),
        ("issuer.txt".into(), "signature algorithm: 1.2.840.10045.4.3.2  - ECDSA with SHA-256"),
        ("both.pem".into(), "PEM file: 2 blocks"),
        ("author.key".into(), "not shown"),
        ("record".into(), "time floor"),
    ]);
    for (file, meaning) in expected {
        let text = desk.done(&["inspect", &file]);
        assert!(text.contains(meaning), "{file}: {text}");
        let json: Value = serde_json::from_str(&desk.done(&["inspect", &file, "--json"])).unwrap();
        assert!(json["name"].is_string(), "{file}");
    }
}

#[test]
fn inspect_says_what_is_wrong_with_a_file() {
    let desk = Desk::new();
    desk.fails(&["inspect", "missing"], 2, "missing", 801);
    desk.fails(&["inspect", "."], 2, ".", 802);
    desk.put("garbage", b"\x00garbage");
    desk.fails(&["inspect", "garbage"], 1, "garbage", 804);
    desk.put("empty", b"");
    desk.fails(&["inspect", "empty"], 1, "empty", 804);
    desk.put("der", &[0x30, 0x03, 0x02, 0x01, 0x01]);
    desk.fails(&["inspect", "der"], 1, "der", 401);
    desk.put("torn.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n");
    desk.fails(&["inspect", "torn.pem"], 1, "torn.pem", 401);
    desk.put("message", &[0xD2, 0x84, 0x40]);
    desk.fails(&["inspect", "message"], 1, "message", 201);
    desk.put("record", b"aRec\x01");
    desk.fails(&["inspect", "record"], 1, "record", 120);
    let hidden = desk.path("hidden");
    fs::write(&hidden, b"x").unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing is hidden from root.
    if fs::read(&hidden).is_err() {
        desk.fails(&["inspect", "hidden"], 2, "hidden", 802);
    }
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let desk = Desk::new();
    let command = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aseptic"));
        command.current_dir(desk.0.path()).args(["inspect", "author.pub"]).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        let output = command(full.into()).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("standard output: The disk is full. (E803)"));
    }
    let mut child = command(Stdio::piped());
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn an_update_is_created_and_verified() {
    let desk = Desk::new();
    let created = desk.done(&["update", "create", "7.toml", "--key", "author.key", "--out", "7.suit"]);
    assert!(created.contains("sequence number: 7") && created.contains("image size: 8"), "{created}");

    let signature = ["update", "verify", "7.suit", "--key", "author.pub"];
    assert!(desk.done(&signature).contains("not judged"));
    let whole = [&signature[..], &["--vendor", "pumps.example", "--class", "pump"]].concat();
    assert!(desk.done(&whole).contains("not seen here"));
    let payload = [&whole[..], &["--payload", "image.bin", "--json"]].concat();
    let json: Value = serde_json::from_str(&desk.done(&payload)).unwrap();
    assert_eq!((&json["authentic"], &json["sequence"], &json["size"]), (&true.into(), &7.into(), &8.into()));
    assert_eq!(json["uri"], "https://pumps.example/7.bin");
    assert_eq!(json["image"], "apart from the envelope, checked");

    desk.describe("#image");
    desk.create();
    assert!(desk.done(&whole).contains("inside the envelope, checked"));
}

#[test]
fn several_authors_sign_and_a_certificate_stands_for_its_key() {
    let desk = Desk::new();
    let key = KeyPair::generate().unwrap();
    desk.put("third.key", key.serialize_pem().as_bytes());
    fs::set_permissions(desk.path("third.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let certificate = CertificateParams::new(vec!["author.example".into()]).unwrap().self_signed(&key).unwrap();
    desk.put("third.crt", certificate.pem().as_bytes());
    desk.done(&["update", "key", "--ed25519", "--out", "ed.key"]);
    desk.done(&["update", "create", "7.toml", "--key", "third.key", "--key", "ed.key", "--out", "7.suit"]);
    desk.done(&["update", "verify", "7.suit", "--key", "third.crt"]);
    desk.done(&["update", "verify", "--key", "stranger.pub", "--key", "third.crt", "7.suit"]);
    let both = [fs::read(desk.path("stranger.pub")).unwrap(), fs::read(desk.path("third.crt")).unwrap()].concat();
    desk.put("both.pub", &both);
    desk.done(&["update", "verify", "7.suit", "--key", "both.pub"]);
    desk.put("both.pub", &both[..both.len() - 20]);
    desk.fails(&["update", "verify", "7.suit", "--key", "both.pub"], 1, "both.pub", 221);
    desk.fails(&["inspect", "both.pub"], 1, "both.pub", 401);
    desk.fails(&["update", "verify", "7.suit", "--key", "stranger.pub"], 1, "7.suit", 311);
}

#[test]
fn verify_refuses_as_a_device_does() {
    let desk = Desk::new();
    desk.create();
    let verify = |file, more: &[&'static str]| [&["update", "verify", file, "--key", "author.pub"], more].concat();
    let pump = ["--vendor", "pumps.example", "--class", "pump"];
    desk.fails(&["update", "verify", "7.suit", "--key", "stranger.pub"], 1, "7.suit", 311);
    desk.fails(&verify("7.suit", &["--vendor", "pumps.example", "--class", "other"]), 1, "7.suit", 708);
    desk.fails(&verify("7.suit", &["--vendor", "other.example", "--class", "pump"]), 1, "7.suit", 707);
    desk.fails(&verify("7.suit", &[&pump[..], &["--component", "other"]].concat()), 1, "7.suit", 719);
    desk.put("other.bin", b"firmware!");
    desk.fails(&verify("7.suit", &[&pump[..], &["--payload", "other.bin"]].concat()), 1, "other.bin", 709);
    desk.fails(&verify("7.suit", &[&pump[..], &["--payload", "missing"]].concat()), 2, "missing", 801);
    desk.fails(&verify("image.bin", &[]), 1, "image.bin", 701);
    desk.fails(&verify("missing", &[]), 2, "missing", 801);
    desk.fails(&["update", "verify", "7.suit", "--key", "missing"], 2, "missing", 801);
    desk.fails(&["update", "verify", "7.suit", "--key", "author.key"], 1, "author.key", 221);
    desk.fails(&["update", "verify", "7.suit", "--key", "image.bin"], 1, "image.bin", 221);

    let envelope = fs::read(desk.path("7.suit")).unwrap();
    for at in 0..envelope.len() {
        let mut changed = envelope.clone();
        changed[at] ^= 1;
        desk.put("changed.suit", &changed);
        // A sample of the places: the library itself is swept elsewhere.
        if at % 16 == 0 {
            let output = desk.run(&verify("changed.suit", &pump));
            assert_eq!(output.status.code(), Some(1), "byte {at}");
        }
    }
    let sequence = envelope.windows(2).position(|pair| pair == [0x02, 0x07]).unwrap();
    let mut changed = envelope.clone();
    changed[sequence + 1] = 8;
    desk.put("changed.suit", &changed);
    desk.fails(&verify("changed.suit", &[]), 1, "changed.suit", 703);
}

#[test]
fn an_existing_output_stays_unless_forced() {
    let desk = Desk::new();
    let create = ["update", "create", "7.toml", "--key", "author.key", "--out", "image.bin.suit"];
    desk.put("image.bin.suit", b"mine");
    desk.fails(&create, 2, "image.bin.suit", 808);
    assert_eq!(fs::read(desk.path("image.bin.suit")).unwrap(), b"mine");
    desk.done(&[&create[..], &["--force"]].concat());
    assert_ne!(fs::read(desk.path("image.bin.suit")).unwrap(), b"mine");

    let before = fs::read(desk.path("author.key")).unwrap();
    desk.fails(&["update", "key", "--out", "author.key"], 2, "author.key", 808);
    assert_eq!(fs::read(desk.path("author.key")).unwrap(), before);
    assert_eq!(fs::metadata(desk.path("author.key")).unwrap().permissions().mode() & 0o777, 0o600);
    desk.fails(&["update", "key", "--out", "no/author.key"], 2, "no/author.key", 801);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let desk = Desk::new();
    let create = |out| ["update", "create", "7.toml", "--key", "author.key", "--force", "--out", out];
    if Path::new("/dev/full").exists() {
        desk.fails(&create("/dev/full"), 2, "/dev/full", 803);
        desk.fails(&["update", "create", "7.toml", "--key", "author.key", "--out", "/dev/full"], 2, "/dev/full", 808);
    }
    desk.fails(&create("no/7.suit"), 2, "no/7.suit", 801);
    desk.fails(&create("."), 2, ".", 802);
    let left: Vec<_> = fs::read_dir(desk.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
}

#[test]
fn create_says_what_is_wrong_with_its_files() {
    let desk = Desk::new();
    let create = |description, key| ["update", "create", description, "--key", key, "--out", "7.suit"];
    desk.fails(&create("missing.toml", "author.key"), 2, "missing.toml", 801);
    desk.fails(&create("7.toml", "missing.key"), 2, "missing.key", 801);
    desk.fails(&create("7.toml", "7.toml"), 2, "7.toml", 802);
    desk.put("bad.toml", b"vendor = \"pumps.example\"\nforce = true\n");
    desk.fails(&create("bad.toml", "author.key"), 1, "bad.toml", 720);
    desk.put("bytes.toml", &[0xFF]);
    desk.fails(&create("bytes.toml", "author.key"), 1, "bytes.toml", 720);
    desk.put("bad.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    fs::set_permissions(desk.path("bad.key"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.fails(&create("7.toml", "bad.key"), 1, "bad.key", 221);
    fs::remove_file(desk.path("image.bin")).unwrap();
    desk.fails(&create("7.toml", "author.key"), 2, "image.bin", 801);
    desk.put("image.bin", b"");
    desk.fails(&create("7.toml", "author.key"), 1, "7.toml", 705);
    assert!(!desk.path("7.suit").exists());
}

#[test]
fn wrong_arguments_are_two_lines_and_help_is_a_result() {
    let desk = Desk::new();
    for arguments in [
        &[][..],
        &["inspect"],
        &["inspect", "a", "b"],
        &["frobnicate"],
        &["update"],
        &["update", "create", "7.toml"],
        &["update", "verify", "7.suit"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--vendor", "pumps.example"],
        &["update", "verify", "7.suit", "--key", "author.pub", "--payload", "image.bin"],
    ] {
        let output = desk.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{arguments:?}");
        assert_eq!(error.lines().count(), 2, "{arguments:?}: {error}");
    }
    for arguments in [
        &["--help"][..],
        &["inspect", "--help"],
        &["update", "--help"],
        &["update", "key", "--help"],
        &["update", "create", "--help"],
        &["update", "verify", "--help"],
    ] {
        let text = desk.done(arguments);
        assert!(text.contains("Usage: "), "{text}");
        if arguments.len() == 3 || arguments[0] == "inspect" {
            assert!(text.contains("Example"), "{text}");
        }
    }
    assert!(desk.done(&["--version"]).starts_with("aseptic "));
}

/// The authors' keys of this library are those of the command.
#[test]
fn a_printed_public_key_is_that_of_the_file() {
    let desk = Desk::new();
    let key = aseptic_infra::AuthorityKey::load(&desk.path("author.key")).unwrap();
    let public = pem::parse(fs::read(desk.path("author.pub")).unwrap()).unwrap();
    assert_eq!((public.tag(), key.public().unwrap().alg()), ("PUBLIC KEY", KeyAlg::P256));
    assert_eq!(public.contents(), key.public().unwrap().spki().concat());
}
