//! `aseptic registrar` as an operator runs it: from an empty folder over a queue and a new authority to the log.

use aseptic_certs::Certificate;
use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::trust::{Authority, Purpose};
use aseptic_infra::AuthorityKey;
use aseptic_infra::ca::{Ca, Chain, Expected, Validity};
use aseptic_infra::owner::Store;
use aseptic_testbed::est::Client;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const NAME: &str = "registrar.example";

fn aseptic(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aseptic")).current_dir(folder).args(arguments).output().unwrap()
}

/// Standard output of a command that must succeed.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = aseptic(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A server that ends by SIGTERM.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    client: Client,
}

impl Running {
    fn start(folder: &Path, root: &[u8], identity: (&Chain, &AuthorityKey)) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aseptic"))
            .current_dir(folder)
            .args(["registrar", "serve", "registrar"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("registrar.example listens on ").unwrap().parse().unwrap();
        let client = Client::new(address, NAME, root, Some((identity.0, identity.1)));
        Self { child, out, client }
    }

    /// Ends it as a service manager does; gives what it printed.
    fn stop(mut self) -> Vec<String> {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success() && self.child.wait().unwrap().success());
        self.out.lines().map(Result::unwrap).collect()
    }
}

fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

fn request(key: &AuthorityKey, serial: &str) -> Vec<u8> {
    let template = CsrTemplate { serial, common_name: None, hardware_module: None, uri: None };
    let mut out = [0; 1024];
    let length = csr::write(key, key.public().unwrap(), &template, &mut out).unwrap();
    out[..length].to_vec()
}

/// `maker.trust` in the folder, and a device of that maker.
fn factory(folder: &Path) -> (AuthorityKey, Chain) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 3600;
    let maker = Ca::new("Maker", Validity::years(now, 20).unwrap()).unwrap();
    let (author, device) = (key(), key());
    let makers = Store::new(Authority::Manufacturer, now)
        .signer(author.public().unwrap())
        .anchor("maker", &[Purpose::Birth], maker.anchor())
        .sign(&soft::suite(), &[(author.public().unwrap(), &author)])
        .unwrap();
    fs::write(folder.join("maker.trust"), makers).unwrap();
    let (hardware_type, hardware_serial) = (&[0x2B, 0x06, 0x01][..], &b"1"[..]);
    let expected = Expected { serial: "PUMP-0001", key: KeyAlg::P256, hardware_type, hardware_serial, udi: None };
    let birth = maker.issue_birth(&request(&device, "PUMP-0001"), &expected, now).unwrap();
    (device, birth)
}

#[test]
fn a_hospital_without_pki_staff_runs_a_registrar() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (device, birth) = factory(folder);
    let init = ["registrar", "init", "registrar", "--name", NAME, "--maker", "maker.trust", "--owner", "St Example"];
    let said = done(folder, &init);
    assert!(said.contains("registrar/root"), "{said}");
    let again = aseptic(folder, &init);
    assert_eq!(again.status.code(), Some(2), "a folder that is there is left alone");
    // Another port for each test, and no root on the machine.
    let settings = folder.join("registrar/registrar.toml");
    let text = fs::read_to_string(&settings).unwrap().replace("[::]:8443", "127.0.0.1:0");
    fs::write(&settings, text).unwrap();
    fs::rename(folder.join("registrar/root"), folder.join("safe")).unwrap();
    let root = pem::parse(fs::read(folder.join("safe/ca.pem")).unwrap()).unwrap().into_contents();

    // Rules name the maker by its key; another with its name is nobody.
    let rules = folder.join("registrar/rules.toml");
    let before = fs::read_to_string(&rules).unwrap();
    let issuers = done(folder, &["registrar", "issuers", "registrar"]);
    assert!(issuers.starts_with("[issuer.\"Maker\"]\nkeys = [") && before.contains(issuers.trim_end()), "{before}");
    let other = Ca::new("Maker", Validity::years(1_790_000_000, 20).unwrap()).unwrap();
    fs::write(folder.join("other.pem"), pem::encode(&pem::Pem::new("CERTIFICATE", other.certificate()))).unwrap();
    let others = done(folder, &["registrar", "issuers", "registrar", "other.pem"]);
    assert!(others.starts_with("[issuer.\"Maker\"]") && others != issuers, "{others}");
    fs::write(&rules, before.replace("decision = \"approve\"", "decision = \"approve\"\nissuer = \"Maker\"")).unwrap();

    let server = Running::start(folder, &root, (&birth, &device));
    let asked = request(&key(), "PUMP-0001");
    let waits = server.client.post("simpleenroll", &asked).unwrap();
    assert_eq!(waits.status, 202);
    assert!(waits.head.contains("retry-after: 600"), "{}", waits.head);
    let list = done(folder, &["registrar", "list", "registrar"]);
    assert!(list.contains(" waiting ") && list.contains(" PUMP-0001 Maker"), "{list}");
    let id = list.split(' ').next().unwrap();
    assert_eq!(aseptic(folder, &["registrar", "approve", "registrar", "0000"]).status.code(), Some(1));
    assert_eq!(done(folder, &["registrar", "approve", "registrar", id]), "approved\n");
    let certificate = server.client.post("simpleenroll", &asked).unwrap().certificate();
    let backup = ["registrar", "backup", "registrar", "copy.redb"];
    assert!(done(folder, &backup).contains("copy.redb is written"));
    assert_eq!(aseptic(folder, &backup).status.code(), Some(2), "a copy is never written over");
    let log = server.stop();
    assert!(log.last().unwrap().contains("has ended") && log.iter().any(|line| line.contains("status=200")), "{log:?}");

    // A new issuing authority below the same root; the device notices nothing.
    let renew = ["registrar", "renew-ca", "registrar", "--root", "safe", "--name", "St Example devices 2"];
    done(folder, &renew);
    let server = Running::start(folder, &root, (&birth, &device));
    assert_eq!(server.client.get("cacerts").unwrap().certificates().len(), 2);
    assert_eq!(server.client.post("simpleenroll", &asked).unwrap().certificate(), certificate);
    server.stop();
    // A new root; whoever knows the old one alone still follows.
    let roll =
        ["registrar", "roll-over", "registrar", "--root", "safe", "--new-root", "safe2", "--name", "St Example 3"];
    done(folder, &roll);
    let server = Running::start(folder, &root, (&birth, &device));
    assert_eq!(server.client.get("cacerts").unwrap().certificates().len(), 5);
    server.stop();

    // The machine is lost, and the folder is put together again as the runbook says.
    fs::create_dir(folder.join("restored")).unwrap();
    let kept = Command::new("cp").args(["-a", "registrar/.", "restored"]).current_dir(folder).status().unwrap();
    assert!(kept.success());
    fs::rename(folder.join("copy.redb"), folder.join("restored/registrar.redb")).unwrap();
    let restored = done(folder, &["registrar", "list", "restored", "--issued"]);
    assert_eq!(restored.lines().count(), 1, "{restored}");
    let audit = done(folder, &["registrar", "export-audit", "restored"]);
    assert!(audit.lines().last().unwrap().ends_with("op=backup"), "{audit}");

    // With the server down the same commands work on the file.
    let issued = done(folder, &["registrar", "list", "registrar", "--issued"]);
    let serial: String = Certificate::parse(&certificate).unwrap().serial.iter().map(|b| format!("{b:02x}")).collect();
    assert!(issued.contains(&format!("{serial} newest PUMP-0001")), "{issued}");
    let release = ["registrar", "release", "registrar", "PUMP-0001"];
    assert_eq!(done(folder, &release).trim_end(), "released");
    assert_eq!(aseptic(folder, &release).status.code(), Some(1), "there is nobody any more");
    let audit = done(folder, &["registrar", "export-audit", "registrar"]);
    for what in ["status=202", "op=approve", "op=release", "status=200", &format!("certificate={serial}")] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
    let numbers: Vec<usize> = audit.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}

#[test]
fn settings_that_are_not_understood_start_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    factory(folder);
    fs::write(folder.join("no.trust"), b"no store").unwrap();
    let init = |maker| ["registrar", "init", "registrar", "--name", NAME, "--maker", maker, "--owner", "St Example"];
    assert_eq!(aseptic(folder, &init("no.trust")).status.code(), Some(1));
    assert!(!folder.join("registrar").exists());
    done(folder, &init("maker.trust"));
    for (file, text) in
        [("registrar.toml", "name = \"x\"\nlisten = \"127.0.0.1:0\"\nport = 3\n"), ("rules.toml", "[[rule]]\n")]
    {
        let path = folder.join("registrar").join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let output = aseptic(folder, &["registrar", "serve", "registrar"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && error.contains(file) && error.contains("E720"), "{error}");
        fs::write(&path, before).unwrap();
    }
}
