//! What the fuzzers run: one function for each parser and state machine, and seeds that lead them inside.
//!
//! A target takes any bytes. It panics when the library breaks a promise: reads what it should refuse, accepts what
//! nobody signed, changes what is stored although it refused. The targets under `fuzz/` call these functions; a test of
//! this package runs them over the seeds, over every small mutation of them and over the stored corpus, on stable Rust.

mod c;
mod cose;
mod identity;
mod messaging;
mod report;
mod state;
mod update;
mod wire;
mod x509;

pub use c::c_calls;
pub use cose::{cose_encrypt, cose_encrypt0, cose_mac0, cose_sign, cose_sign1};
pub use identity::{est_answer, identity_records};
pub use messaging::{message, message_records};
pub use report::message_report;
pub use state::{record, trust_store};
pub use update::{suit_envelope, suit_manifest, update_records};
pub use wire::cbor;
pub use x509::{HARDWARE_TYPE, anchor, certificate_for};
pub use x509::{certificate, certificate_bundle, certificate_import, certificate_request, est_base64, revocation_list};

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, as in `fuzz/fuzz_targets` and `fuzz/corpus`.
    pub name: &'static str,
    /// The function that takes any bytes.
    pub run: fn(&[u8]),
    /// Well-formed inputs to start from, always the same.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "cbor", run: wire::cbor, seeds: wire::cbor_seeds },
    Target { name: "cose_sign1", run: cose::cose_sign1, seeds: cose::sign1_seeds },
    Target { name: "cose_sign", run: cose::cose_sign, seeds: cose::sign_seeds },
    Target { name: "cose_mac0", run: cose::cose_mac0, seeds: cose::mac0_seeds },
    Target { name: "cose_encrypt0", run: cose::cose_encrypt0, seeds: cose::encrypt0_seeds },
    Target { name: "cose_encrypt", run: cose::cose_encrypt, seeds: cose::encrypt_seeds },
    Target { name: "record", run: state::record, seeds: state::record_seeds },
    Target { name: "trust_store", run: state::trust_store, seeds: state::trust_store_seeds },
    Target { name: "certificate", run: x509::certificate, seeds: x509::certificate_seeds },
    Target { name: "certificate_request", run: x509::certificate_request, seeds: x509::certificate_request_seeds },
    Target { name: "certificate_bundle", run: x509::certificate_bundle, seeds: x509::certificate_bundle_seeds },
    Target { name: "certificate_import", run: x509::certificate_import, seeds: x509::certificate_import_seeds },
    Target { name: "revocation_list", run: x509::revocation_list, seeds: x509::revocation_list_seeds },
    Target { name: "est_base64", run: x509::est_base64, seeds: x509::est_base64_seeds },
    Target { name: "c_calls", run: c::c_calls, seeds: c::c_calls_seeds },
    Target { name: "est_answer", run: identity::est_answer, seeds: identity::est_seeds },
    Target { name: "identity_records", run: identity::identity_records, seeds: identity::record_seeds },
    Target { name: "message", run: messaging::message, seeds: messaging::message_seeds },
    Target { name: "message_records", run: messaging::message_records, seeds: messaging::record_seeds },
    Target { name: "message_report", run: report::message_report, seeds: report::report_seeds },
    Target { name: "suit_envelope", run: update::suit_envelope, seeds: update::envelope_seeds },
    Target { name: "suit_manifest", run: update::suit_manifest, seeds: update::manifest_seeds },
    Target { name: "update_records", run: update::update_records, seeds: update::record_seeds },
];
