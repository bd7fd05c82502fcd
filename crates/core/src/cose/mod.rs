//! COSE (RFC 9052, RFC 9053): the messages that the pillars use, verified over the bytes as received.
//!
//! * A key carries exactly one algorithm and the message must name that one; `alg` counts only where it is protected.
//! * Header labels may appear once, in one of the two maps; an unknown critical label refuses the message.
//! * A message type is chosen by the call, never by the tag alone.
//! * Nothing is re-encoded before it is verified.

mod alg;

mod header;

mod sign;

pub use alg::CoseAlg;

pub use header::{ContentType, Header, Headers};

pub use sign::{KeySigner, Sign, Sign1, SignLayer, Signer, sign, sign1};
