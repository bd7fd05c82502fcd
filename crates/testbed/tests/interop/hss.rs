//! HSS/LMS signatures, with pyhsslms on the other side.

use crate::python;
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey, soft};
use aseptic_testbed::lms::Hss;
use serde_json::Value;

#[test]
fn signatures_made_in_python_verify_and_changed_ones_do_not() {
    let Some(told) = python("hss.py", &["write"]) else { return };
    let cases: Value = serde_json::from_str(&told).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 16);
    for case in cases {
        let [key, message, mut signature] =
            ["key", "message", "signature"].map(|name| hex::decode(case[name].as_str().unwrap()).unwrap());
        let alg = if key.len() == 52 { KeyAlg::HssLms192 } else { KeyAlg::HssLms256 };
        let key = PublicKey::new(alg, &key).unwrap();
        assert_eq!(soft::suite().verify(key, &mut Parts(&[&message]), &signature), Ok(()), "{:02x?}", key.bytes());
        for at in [3, 7, 11, 40, signature.len() / 2, signature.len() - 1] {
            signature[at] ^= 1;
            assert!(soft::suite().verify(key, &mut Parts(&[&message]), &signature).is_err(), "byte {at}");
            signature[at] ^= 1;
        }
        assert!(soft::suite().verify(key, &mut Parts(&[&message, b"."]), &signature).is_err());
    }
}

/// The signer of our tests is one that others understand.
#[test]
fn signatures_of_the_test_signer_verify_in_python() {
    for (alg, seed) in [(KeyAlg::HssLms256, 1), (KeyAlg::HssLms192, 2)] {
        let key = Hss::new(alg, seed);
        let (public, signature) = (hex::encode(key.public().bytes()), hex::encode(key.sign(5, b"message")));
        let Some(told) = python("hss.py", &["read", &public, &hex::encode("message"), &signature]) else { return };
        assert_eq!(told, "true");
        assert_eq!(python("hss.py", &["read", &public, &hex::encode("other"), &signature]).unwrap(), "false");
    }
}
