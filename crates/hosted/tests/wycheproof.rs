//! Project Wycheproof on the fast suite, with the exceptions of the soft one and no other.

use aseptic_core::crypto::soft;
use aseptic_hosted::crypto;
use aseptic_testbed::conformance::{Source, vectors, wycheproof_on};

#[test]
fn the_fast_suite_passes_what_the_soft_one_passes() {
    let Some(vectors) = vectors() else {
        println!("skipped: no vectors; set ASEPTIC_VECTORS or put them into ../shared/vectors");
        return;
    };
    let source = Source { path: vectors.join("crypto/wycheproof"), keys: None };
    let [fast, soft] = [crypto::suite(), soft::suite()].map(|suite| wycheproof_on(&suite, &source).unwrap());
    println!("{fast}");
    assert_eq!(fast.failed(), 0, "{fast}");
    assert_eq!(fast.passed(), soft.passed());
    assert!(fast.passed() >= 2_600, "only {} cases passed", fast.passed());
}
