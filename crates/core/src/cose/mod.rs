//! COSE (RFC 9052, RFC 9053): the messages that the pillars use, verified over the bytes as received.
//!
//! | message | read | write | opened or verified with |
//! | --- | --- | --- | --- |
//! | COSE_Sign1, COSE_Sign | [`Sign1`], [`Sign`] | [`sign1`], [`sign`] | [`crate::crypto::PublicKey`] |
//! | COSE_Mac0 | [`Mac0`] | [`mac0`] | [`MacKey`] |
//! | COSE_Encrypt0 | [`Encrypt0`] | [`Sealer::encrypt0`] | [`ContentKey`] |
//! | COSE_Encrypt | [`Encrypt`] | [`Sealer::encrypt`] to [`SealTo`] | [`RecipientKey`] |
//!
//! * A key carries exactly one algorithm and the message must name that one. Where the content key travels with the
//!   message, its algorithm counts only if it is protected.
//! * Header labels may appear once, in one of the two maps; an unknown critical label refuses the message.
//! * A message type is chosen by the call, never by the tag alone.
//! * Nothing is re-encoded before it is verified.
//! * Encryption hides; it does not say who sent. Sign first, then seal.

mod agree;

mod alg;

mod content;

mod encrypt;

mod header;

mod key;

mod mac;

mod recipient;

mod sign;

mod structure;

pub use agree::{Agree, KdfContext, KeyAgree, Party};

pub use alg::CoseAlg;

pub use content::{ContentKey, Sealer};

pub use encrypt::{Encrypt, Encrypt0};

pub use header::{ContentType, Header, Headers};

pub use key::{COSE_KEY, read_key, write_key};

pub use mac::{Mac0, MacKey, mac0};

pub use recipient::{Recipient, RecipientKey, SealTo};

pub use sign::{KeySigner, Sign, Sign1, SignLayer, Signer, sign, sign1};

pub use structure::Structure;

#[cfg(test)]
mod tests;
