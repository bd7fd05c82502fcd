//! The published suites, wherever their vectors are at hand: nothing fails but what `tests/conformance/*.toml` excepts.

use aseptic_testbed::conformance::{Error, Source, json, run, vectors};
use std::fs;
use std::path::PathBuf;

/// Runs the suite on a path below the vectors; where they are absent it says so.
fn suite(name: &str, path: &str, keys: Option<&str>, at_least: usize) {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    let source = Source { path: vectors.join(path), keys: keys.map(|keys| vectors.join(keys)) };
    let report = run(name, &source).unwrap();
    eprintln!("{name}: {report}");
    assert_eq!(report.failed(), 0, "{report}");
    assert!(report.passed() >= at_least, "only {} cases passed", report.passed());
}

#[test]
fn cose() {
    suite("cose", "cose/cose-wg-examples", None, 61);
    suite("cose", "cose/rfc9338-draft-appendix.txt", None, 4);
}

#[test]
fn suit() {
    suite("suit", "update/suit/ietf-manifest", Some("update/suit/keys"), 12);
    suite("suit", "update/suit/ietf-firmware-encryption", Some("update/suit/keys"), 5);
    suite("suit", "update/suit", None, 17);
}

#[test]
fn limbo() {
    suite("limbo", "certs/limbo/limbo-core-regenerated.json.gz", None, 192);
    suite("limbo-compat", "certs/limbo/limbo-core-regenerated.json.gz", None, 160);
}

#[test]
fn wycheproof() {
    suite("wycheproof", "crypto/wycheproof", None, 2_600);
}

#[test]
fn hash_based_signatures() {
    suite("lms", "crypto/pq/lms", None, 28);
    suite("lms", "crypto/pq/cose", None, 2);
}

#[test]
fn lattice_signatures() {
    suite("mldsa", "crypto/pq/ml-dsa", None, 550);
    suite("mldsa", "crypto/pq/cose", None, 21);
    suite("mldsa", "cose/mldsa-rfc9964", None, 21);
}

#[test]
fn what_is_not_there_is_an_error_and_no_success() {
    let here = |path: PathBuf| Source { path, keys: None };
    assert!(matches!(run("no such suite", &here("/".into())), Err(Error::UnknownSuite(_))));
    assert!(matches!(run("cose", &here("/no/such/folder".into())), Err(Error::Unreadable(..))));
    let empty = std::env::temp_dir().join(format!("aseptic-empty-{}", std::process::id()));
    fs::create_dir_all(&empty).unwrap();
    assert!(matches!(run("cose", &here(empty.clone())), Err(Error::Empty(_))));
    fs::write(empty.join("bad.json"), "{").unwrap();
    assert!(matches!(run("cose", &here(empty.clone())), Err(Error::Shape(..))));
    fs::remove_dir_all(&empty).unwrap();
}

/// The runner itself can fail: a message changed behind its expectation is reported.
#[test]
fn a_changed_case_is_told() {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    let folder = std::env::temp_dir().join(format!("aseptic-changed-{}", std::process::id())).join("sign1-tests");
    fs::create_dir_all(&folder).unwrap();
    let good = fs::read_to_string(vectors.join("cose/cose-wg-examples/sign1-tests/sign-pass-02.json")).unwrap();
    fs::write(folder.join("sign-pass-02.json"), good.replace("This is the content.", "This is no content.")).unwrap();
    // The same message once more, said to be one that must be refused.
    fs::write(folder.join("sign-fail-99.json"), good.replacen('{', "{\"fail\": true,", 1)).unwrap();
    // One bit of a countersignature, which the message under it does not notice.
    let countersigned = fs::read_to_string(vectors.join("cose/cose-wg-examples/countersign/signed-03.json")).unwrap();
    fs::write(folder.join("countersigned.json"), countersigned.replace("B7CACBA2", "B7CACBA3")).unwrap();
    fs::write(folder.join("as-it-was.json"), countersigned).unwrap();
    let report = run("cose", &Source { path: folder.clone(), keys: None }).unwrap();
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    assert_eq!((report.passed(), report.failed()), (1, 3), "{report}");
}

/// The same for envelopes: a changed manifest, a signed one called unsigned and the reverse.
#[test]
fn a_changed_envelope_is_told() {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    let folder = std::env::temp_dir().join(format!("aseptic-changed-suit-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let examples = vectors.join("update/suit/ietf-manifest");
    let signed = fs::read(examples.join("example1-signed.suit")).unwrap();
    let unsigned = fs::read(examples.join("example1-unsigned.suit")).unwrap();
    let mut changed = signed.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (name, bytes) in [("signed.suit", &unsigned), ("unsigned.suit", &signed), ("changed.cbor", &changed)] {
        fs::write(folder.join(name), bytes).unwrap();
    }
    fs::write(folder.join("good.suit"), &signed).unwrap();
    let report = run("suit", &Source { path: folder.clone(), keys: Some(examples) }).unwrap();
    let strangers = run("suit", &Source { path: folder.clone(), keys: None }).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!((report.passed(), report.failed()), (1, 3), "{report}");
    // Without the key nothing authenticates; what is called unsigned and is not fails too.
    assert_eq!((strangers.passed(), strangers.failed()), (0, 4), "{strangers}");
}

/// No case of x509-limbo passes both as it is and with its expectation turned round.
#[test]
fn a_turned_verdict_is_told() {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    let path = vectors.join("certs/limbo/limbo-core-regenerated.json.gz");
    let straight = run("limbo", &Source { path: path.clone(), keys: None }).unwrap();
    let mut file = json(&path).unwrap();
    for case in file["testcases"].as_array_mut().unwrap() {
        let turned = if case["expected_result"] == "SUCCESS" { "FAILURE" } else { "SUCCESS" };
        case["expected_result"] = turned.into();
    }
    let turned = std::env::temp_dir().join(format!("aseptic-turned-{}.json", std::process::id()));
    fs::write(&turned, file.to_string()).unwrap();
    let report = run("limbo", &Source { path: turned.clone(), keys: None }).unwrap();
    fs::remove_file(&turned).unwrap();
    // What passes now can only be what was excepted before.
    assert!(report.passed() <= straight.skipped(), "{straight}\n\nturned round:\n{report}");
    assert!(report.failed() > 100, "{report}");
}
