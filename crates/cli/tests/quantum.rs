//! `aseptic update` with keys that hold against quantum computers: ML-DSA on the desk, HSS/LMS in an HSM.

mod desk;

use aseptic_core::crypto::KeyAlg;
use aseptic_testbed::lms::Hss;
use desk::Desk;
use pem::Pem;

impl Desk {
    /// A manufacturer's store that wants a signature of each family, of author.pub and of another key.
    fn both_families(&self, other: &str) {
        let key = |name: &str| {
            format!("[[key]]\nname = \"{name}\"\npurposes = [\"update-install\"]\npublic = \"{name}.pub\"\n")
        };
        let quorum = "[[quorum]]\npurpose = \"update-install\"\nkeys = 1\nboth-families = true\n";
        let text = format!(
            "authority = \"manufacturer\"\nsigners = [\"author.pub\"]\n{}{}{}{quorum}",
            key("author"),
            key("stranger"),
            key(other)
        );
        self.put("maker.toml", text.as_bytes());
        self.done(&["trust", "update", "maker.toml", "--key", "author.key", "--out", "maker.store", "--force"]);
    }
}

const POLICY: [&str; 2] = ["--policy", "maker.store"];

fn verify<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["update", "verify", file], &POLICY[..], more].concat()
}

#[test]
fn ecdsa_and_ml_dsa_sign_one_release() {
    let desk = Desk::new();
    for alg in ["ml-dsa44", "ml-dsa65", "ml-dsa87"] {
        let _removed = std::fs::remove_file(desk.path("quantum.key"));
        let public = desk.done(&["update", "key", "--algorithm", alg, "--out", "quantum.key"]);
        desk.put("quantum.pub", public.as_bytes());
        desk.both_families("quantum");
        let listed = desk.done(&["trust", "list", "maker.store"]);
        let name = alg.replace("ml-dsa", "ML-DSA-");
        assert!(listed.contains(&name), "{listed}");
        assert!(listed.contains("one classical and one post-quantum"), "{listed}");

        desk.describe("#image");
        desk.done(&["update", "create", "7.toml", "--out", "7", "--force"]);
        let sign = |from, key, out| {
            desk.done(&["update", "sign", from, "--key", key, "--out", out, "--force"]);
        };
        sign("7", "quantum.key", "7.quantum");
        sign("7", "author.key", "7.classical");
        desk.done(&["update", "sign", "7.classical", "--key", "stranger.key", "--out", "7.two", "--force"]);
        for half in ["7.quantum", "7.classical", "7.two"] {
            desk.refuses(&verify(half, &[]), 1, half, 317);
        }
        sign("7.quantum", "author.key", "7.suit");
        let told = desk.done(&verify("7.suit", &[]));
        assert!(told.starts_with("update: accepted\n"), "{told}");
        assert!(told.contains(&format!("verifies, by quantum (UpdateInstall), {name}")), "{told}");
        // Whoever has firmware alone is told before the release goes out.
        desk.refuses(&verify("7.suit", &["--suite", "firmware"]), 1, "7.suit", 220);
        desk.done(&["update", "verify", "7.quantum", "--key", "quantum.pub"]);
        desk.done(&["update", "lint", "7.suit", "--key", "quantum.pub"]);

        // A colleague's block, which is another one each time; what lacks half of it or is changed goes nowhere.
        desk.done(&["update", "sign", "7", "--key", "quantum.key", "--detached", "quantum.cose", "--force"]);
        let add = |block| {
            ["update", "add-signature", "7.classical", "--block", block, "--key", "quantum.pub", "--out", "7.added"]
        };
        desk.done(&add("quantum.cose"));
        desk.done(&verify("7.added", &[]));
        std::fs::remove_file(desk.path("7.added")).unwrap();
        let block = desk.read("quantum.cose");
        for at in [block.len() - 1, block.len() / 2, 60] {
            let mut changed = block.clone();
            changed[at] ^= 1;
            desk.put("changed.cose", &changed);
            let output = desk.run(&add("changed.cose"));
            assert_eq!(output.status.code(), Some(1), "byte {at}");
        }
        assert!(!desk.path("7.added").exists());
    }
    desk.fails(
        &["trust", "update", "maker.toml", "--key", "quantum.key", "--out", "never.store"],
        1,
        "signing a trust store",
        222,
    );
}

/// A key that never leaves its HSM: what it signs goes there in a file, and its bare answer comes back.
#[test]
fn a_signature_that_was_made_elsewhere_goes_in() {
    let desk = Desk::new();
    let (hsm, other) = (Hss::new(KeyAlg::HssLms256, 1), Hss::new(KeyAlg::HssLms256, 2));
    for (name, key) in [("hsm.pub", &hsm), ("other.pub", &other)] {
        desk.put(name, pem::encode(&Pem::new("PUBLIC KEY", key.public().spki().concat())).as_bytes());
    }
    desk.both_families("hsm");
    desk.describe("#image");
    desk.create();
    let message = |from, public, out| ["update", "sign", from, "--public", public, "--message", out];
    let told = desk.done(&message("7.suit", "hsm.pub", "7.hsm"));
    assert!(told.contains("to be signed by: hsm.pub"), "{told}");
    assert!(told.contains("compare before signing"), "{told}");
    desk.put("hsm.sig", &hsm.sign(3, &desk.read("7.hsm")));
    let add = |raw, key| ["update", "add-signature", "7.suit", "--raw", raw, "--key", key, "--out", "7.both"];

    // Of another message or key, cut short, longer, or none at all.
    let signature = desk.read("hsm.sig");
    desk.put("short.sig", &signature[..signature.len() - 1]);
    desk.put("long.sig", &[&signature[..], &[0]].concat());
    desk.put("other.sig", &other.sign(3, &desk.read("7.hsm")));
    desk.put("again.sig", &hsm.sign(4, b"another message"));
    for raw in ["short.sig", "long.sig", "other.sig", "again.sig", "image.bin"] {
        desk.fails(&add(raw, "hsm.pub"), 1, raw, 223);
    }
    desk.fails(&add("hsm.sig", "other.pub"), 1, "hsm.sig", 223);
    assert!(!desk.path("7.both").exists());
    desk.refuses(&verify("7.suit", &[]), 1, "7.suit", 317);

    desk.done(&add("hsm.sig", "hsm.pub"));
    for suite in ["host", "firmware"] {
        let told = desk.done(&verify("7.both", &["--suite", suite]));
        assert!(told.starts_with("update: accepted\n"), "{told}");
    }
    desk.fails(&message("7.suit", "author.key", "x"), 1, "author.key", 221);
    let missing = desk.run(&["update", "sign", "7.suit", "--message", "x"]);
    assert_eq!(missing.status.code(), Some(2));
}
