//! EST: strongSwan's `pki`, and curl with OpenSSL, enrol and renew at our registrar.

use crate::folder;
use aseptic_certs::Certificate;
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::trust::{Authority, Purpose};
use aseptic_infra::ca::{Ca, Expected, Server, Validity};
use aseptic_infra::owner::Store as Author;
use aseptic_infra::registrar::{Handle, Rules};
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// strongSwan resolves names itself.
const NAME: &str = "localhost";
const SERIAL: &str = "PUMP-0001";
const UDI: &str = "https://id.gs1.org/01/09506000134352/21/PUMP-0001";

/// A registrar of a hospital with an issuing authority below its root, a folder, and a device that was born.
struct Scene {
    folder: PathBuf,
    handle: Handle,
}

fn key() -> AuthorityKey {
    AuthorityKey::generate(KeyAlg::P256).unwrap()
}

impl Scene {
    fn new(name: &str, adjust: impl FnOnce(Registrar) -> Registrar) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 3600;
        let years = Validity::years(now, 20).unwrap();
        let (maker, root) = (Ca::new("Maker", years).unwrap(), Ca::new("Hospital", years).unwrap());
        let issuing = root.intermediate("Hospital devices", Validity::years(now, 10).unwrap()).unwrap();
        let (author, server, device) = (key(), key(), key());
        let makers = Author::new(Authority::Manufacturer, now)
            .signer(author.public().unwrap())
            .anchor("maker", &[Purpose::Birth], maker.anchor())
            .sign(&soft::suite(), &[(author.public().unwrap(), &author)])
            .unwrap();
        let trust = ServerTrust::new(soft::suite(), &[(Authority::Manufacturer, &makers)]).unwrap();
        let validity = Validity::days(now, 90).unwrap();
        let chain = issuing.issue_server(NAME, server.public().unwrap(), Server::Registrar, validity).unwrap();
        let template =
            aseptic_certs::csr::CsrTemplate { serial: SERIAL, common_name: None, hardware_module: None, uri: None };
        let mut request = [0; 1024];
        let length = aseptic_certs::csr::write(&device, device.public().unwrap(), &template, &mut request).unwrap();
        let expected = Expected {
            serial: SERIAL,
            key: KeyAlg::P256,
            hardware_type: &[0x2B, 0x06, 0x01],
            hardware_serial: b"7F3A01",
            udi: Some(UDI),
        };
        let birth = maker.issue_birth(&request[..length], &expected, now).unwrap();

        let folder = folder(name);
        let pem = |ders: &[&[u8]]| {
            ders.iter().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", *der))).collect::<String>()
        };
        fs::write(folder.join("root.pem"), pem(&[root.anchor()])).unwrap();
        fs::write(folder.join("birth.pem"), pem(&[&birth[0]])).unwrap();
        device.save(&folder.join("birth.key")).unwrap();
        fs::write(folder.join("names.cnf"), CONFIGURATION).unwrap();
        let registrar = Registrar::new(issuing, Arc::new(trust), chain, server).audit(|line| println!("{line}"));
        let handle = adjust(registrar).serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Self { folder, handle }
    }

    fn url(&self) -> String {
        format!("https://{NAME}:{}", self.handle.address().port())
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Child {
        Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Standard output of a program that must succeed.
    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        ended(self.start(program, arguments), arguments)
    }

    /// A key and a request in DER, by OpenSSL, for the names of the birth certificate.
    fn request(&self, key: &str, request: &str) {
        let make =
            ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "names.cnf"];
        let rest = ["-reqexts", "birth", "-keyout", key, "-outform", "DER", "-out", request];
        self.run("openssl", &[&make[..], &rest].concat());
    }

    /// The same by strongSwan, for the device `serial`.
    fn strongswan_request(&self, name: &str, serial: &str) {
        let key = format!("{name}.key");
        fs::write(
            self.folder.join(&key),
            self.run("pki", &["--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem"]),
        )
        .unwrap();
        let subject = format!("serialNumber={serial}");
        let request = self.run("pki", &["--req", "--type", "ecdsa", "--in", &key, "--dn", &subject]);
        fs::write(self.folder.join(format!("{name}.der")), request).unwrap();
    }
}

fn strongswan<'a>(url: &'a str, request: &'a str, [cert, key]: [&'a str; 2]) -> [&'a str; 17] {
    [
        "--est",
        "--url",
        url,
        "--in",
        request,
        "--cacert",
        "root.pem",
        "--cacert",
        "issuing.pem",
        "--cacert",
        "issuing-1.pem",
        "--cert",
        cert,
        "--key",
        key,
        "--interval",
        "1",
    ]
}

fn ended(program: Child, arguments: &[&str]) -> Vec<u8> {
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn have(program: &str, argument: &str) -> bool {
    let there = Command::new(program).arg(argument).output().is_ok();
    if !there {
        eprintln!("skipped: {program} is not installed; `cargo xtask setup` installs it");
    }
    there
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn strongswan_enrols_waits_and_renews() {
    if !have("pki", "--help") || !have("openssl", "version") {
        return;
    }
    // strongSwan speaks TLS 1.2 with a P-256 key, asks for cacerts without a certificate, and writes no URI into requests.
    let rules = "[[rule]]\ndecision = \"approve\"\nretry = 1\nprofile = \"plain\"\n[profile.plain]\nudi = false";
    let scene = Scene::new("est", |registrar| {
        registrar.danger_legacy_tls12(true).anonymous_cacerts(true).rules(Rules::parse(rules).unwrap())
    });
    let url = scene.url();
    let cacerts =
        ["--estca", "--url", &url, "--cacert", "root.pem", "--caout", "issuing", "--outform", "pem", "--force"];
    scene.run("pki", &cacerts);
    // A person approves while it waits; with a certificate to show, strongSwan always asks for simplereenroll.
    scene.strongswan_request("first", SERIAL);
    let arguments = strongswan(&url, "first.der", ["birth.pem", "birth.key"]);
    let mut waits = scene.start("pki", &arguments);
    let until = Instant::now() + Duration::from_secs(20);
    let waiting = loop {
        if let [one] = &scene.handle.store().waiting().unwrap()[..] {
            break one.clone();
        }
        if Instant::now() > until || waits.try_wait().unwrap().is_some() {
            let _ = waits.kill();
            panic!("nothing waits: {}", String::from_utf8_lossy(&waits.wait_with_output().unwrap().stderr));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    scene.handle.store().decide(&waiting.id, true, "a person", 0).unwrap();
    let local = ended(waits, &arguments);
    let first = Certificate::parse(&local).unwrap();
    assert_eq!((first.device_serial(), first.uri()), (Some(SERIAL.as_bytes()), None));

    // Then it renews without one, and not for another device.
    fs::write(scene.folder.join("local.der"), &local).unwrap();
    scene.strongswan_request("second", SERIAL);
    let arguments = strongswan(&url, "second.der", ["local.der", "first.key"]);
    let renewed = scene.run("pki", &arguments);
    let second = Certificate::parse(&renewed).unwrap();
    assert_eq!(second.subject, first.subject);
    assert_ne!((second.serial, second.spki), (first.serial, first.spki));
    scene.strongswan_request("third", "PUMP-0002");
    let arguments = strongswan(&url, "third.der", ["local.der", "first.key"]);
    assert!(!scene.start("pki", &arguments).wait_with_output().unwrap().status.success());
    println!("strongSwan: cacerts, enrolment after a wait, renewal; another device's name refused");
}

/// Bodies in every form that RFC 8951 allows, and some beyond.
#[test]
fn curl_and_openssl_enrol_in_every_form() {
    if !have("curl", "--version") || !have("openssl", "version") {
        return;
    }
    let scene = Scene::new("est-curl", |registrar| registrar);
    scene.request("new.key", "new.der");
    scene.run("openssl", &["base64", "-in", "new.der", "-out", "wrapped"]);
    scene.run("openssl", &["base64", "-A", "-in", "new.der", "-out", "bare"]);
    let read = |name: &str| fs::read_to_string(scene.folder.join(name)).unwrap();
    let (wrapped, bare) = (read("wrapped"), read("bare"));
    let pkcs10 = "Content-Type: application/pkcs10";
    let transfer = "Content-Transfer-Encoding: base64";
    let table: [(&str, Vec<u8>, &[&str], &str); 10] = [
        ("lines of 64, LF", wrapped.clone().into(), &[pkcs10], "200"),
        ("lines of 64, CRLF", wrapped.replace('\n', "\r\n").into(), &[pkcs10], "200"),
        ("one line, no line end", bare.clone().into(), &[pkcs10], "200"),
        ("one line, LF", format!("{bare}\n").into(), &[pkcs10], "200"),
        ("spaces and tabs", wrapped.replace('\n', " \t").into(), &[pkcs10], "200"),
        ("Content-Transfer-Encoding", wrapped.clone().into(), &[pkcs10, transfer], "200"),
        ("media type in capitals", wrapped.clone().into(), &["Content-Type: APPLICATION/PKCS10"], "200"),
        ("chunked", wrapped.clone().into(), &[pkcs10, "Transfer-Encoding: chunked"], "200"),
        ("DER, not base64", fs::read(scene.folder.join("new.der")).unwrap(), &[pkcs10], "400"),
        ("another media type", wrapped.into(), &["Content-Type: text/plain"], "415"),
    ];
    let url = format!("{}/.well-known/est/simpleenroll", scene.url());
    for (form, body, headers, status) in table {
        let mut arguments = vec!["-sS", "--cacert", "root.pem", "--cert", "birth.pem", "--key", "birth.key"];
        headers.iter().for_each(|header| arguments.extend(["-H", header]));
        arguments.extend(["--data-binary", "@-", "--output", "answer", "--write-out", "%{http_code}", &url]);
        let mut curl = scene.start("curl", &arguments);
        curl.stdin.take().unwrap().write_all(&body).unwrap();
        let told = ended(curl, &arguments);
        assert_eq!(String::from_utf8(told).unwrap(), status, "{form}: {}", read("answer"));
        println!("curl: {form}: {status}");
    }
    // The same request each time: one certificate.
    assert_eq!(scene.handle.store().issued().unwrap().len(), 1);
}

const CONFIGURATION: &str = "\
[req]
prompt = no
distinguished_name = name
[name]
serialNumber = PUMP-0001
[birth]
subjectAltName = otherName:1.3.6.1.5.5.7.8.4;SEQUENCE:module,URI:https://id.gs1.org/01/09506000134352/21/PUMP-0001
[module]
type = OID:1.3.6.1
serial = FORMAT:HEX,OCTETSTRING:374633413031
";
