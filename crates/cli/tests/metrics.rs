//! `aseptic update metrics` on signed reports of three devices.
#![allow(clippy::unwrap_used)]

use aseptic_core::Reason;
use aseptic_core::cose::{ContentType, Headers, sign1};
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::time::Time;
use aseptic_infra::AuthorityKey;
use aseptic_update::Digest;
use aseptic_update::report::{Installed, Outcome, REPORT, Report, TYPE};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// 2027-01-15T08:00:00Z.
const RELEASED: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn signed(key: &AuthorityKey, outcome: Outcome, days: u64) -> Vec<u8> {
    let suite = soft::suite();
    let image = Digest::of(&suite, HashAlg::Sha256, &[b"image"]).unwrap();
    let installed = Installed { component: &[0x81, 0x44, b'm', b'a', b'i', b'n'], image, size: 5 };
    let report = Report {
        counter: 1,
        previous: [0; 32],
        time: Time::trusted(RELEASED + days * DAY),
        outcome,
        identity: [2; 32],
        sequence: 7,
        installed: (outcome == Outcome::Installed).then_some(installed),
        deferrals: 3,
        waited: 60_000,
        reverts: 0,
        sbom: None,
    };
    let mut payload = [0; REPORT];
    let length = report.encode(&mut payload).unwrap();
    let kid = key.public().unwrap().thumbprint(&suite).unwrap();
    let headers = Headers { kid: Some(&kid), typ: Some(ContentType::Text(TYPE)), ..Headers::default() };
    let mut out = vec![0; 1024];
    let length = sign1(key, &headers, &payload[..length], false, &[], &mut out).unwrap();
    out.truncate(length);
    out
}

fn metrics(folder: &Path, more: &[&str]) -> Output {
    let arguments = ["update", "metrics", "reports", "--keys", "keys", "--releases", "releases.toml"];
    Command::new(env!("CARGO_BIN_EXE_aseptic")).current_dir(folder).args(arguments).args(more).output().unwrap()
}

#[test]
fn reports_become_a_share_and_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    fs::create_dir(place.join("reports")).unwrap();
    fs::create_dir(place.join("keys")).unwrap();
    fs::write(
        place.join("releases.toml"),
        "fleet = 4\n[[release]]\nname = \"2.1\"\nsequence = 7\nreleased = 2027-01-15T08:00:00Z\n",
    )
    .unwrap();
    for (name, outcome, days) in [
        ("pump-1", Outcome::Installed, 2),
        ("pump-2", Outcome::Installed, 4),
        ("pump-3", Outcome::Refused(Reason::ImageMismatch), 3),
    ] {
        let key = AuthorityKey::generate(KeyAlg::P256).unwrap();
        let spki = pem::encode(&pem::Pem::new("PUBLIC KEY", key.public().unwrap().spki().concat()));
        fs::write(place.join("keys").join(format!("{name}.pem")), spki).unwrap();
        fs::write(place.join("reports").join(format!("{name}.cose")), signed(&key, outcome, days)).unwrap();
    }

    let output = metrics(place, &["--json", "--svg", "curve.svg"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["devices"], &told["fleet"], &told["reports"]), (&3.into(), &4.into(), &3.into()));
    let release = &told["releases"][0];
    assert_eq!((&release["installed"], &release["refused"]), (&2.into(), &1.into()), "{told}");
    assert_eq!(release["share"].as_f64(), Some(50.0));
    assert_eq!(release["slowest"].as_u64(), Some(4 * DAY));
    assert!(fs::read_to_string(place.join("curve.svg")).unwrap().starts_with("<svg"));

    // One report that was changed ends it, and says whose it is.
    let path = place.join("reports/pump-2.cose");
    let mut changed = fs::read(&path).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, changed).unwrap();
    let output = metrics(place, &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("pump-2.cose") && told.contains("E223"), "{told}");
}
