//! Messages that are sealed on the device and opened beside the record, through relays that nobody has to trust.
//!
//! One profile, no negotiation. The body is signed inside (COSE_Sign1) and encrypted outside (COSE_Encrypt):
//!
//! ```text
//! COSE_Encrypt  A128GCM, fresh key per message          external_aad = [profile, direction, class]
//!   protected   typ = profile, CWT claims { -65537: class }
//!   recipients  ECDH-ES + A128KW on P-256, kid = name of the recipient, 1 to 8 of them
//!   plaintext   COSE_Sign1
//!     protected alg, content type, kid = SHA-256 of the signer's SubjectPublicKeyInfo, typ = profile, CWT claims
//!               { 1: sender, 3: recipient or [ + recipient ], ? 6: seconds since 1970,
//!                 -65537: [stream, class, epoch, boot, sequence, time quality] }
//!     payload   the body
//! ```
//!
//! The recipients stand inside the signature as well, so that none of them can pass the message on as if it had been
//! meant for somebody else. A relay sees the class and the names of the recipients, and nothing more.
//!
//! What the profile does not give: a recipient's agreement key is long-lived, so whoever steals it reads the messages of
//! the past that were sealed for it. Rotate these keys and destroy the old ones.
//!
//! * [`Sender`] numbers messages so that no number is used twice, whatever happens to the power.
//! * [`Opener`] hands each message over in a known order of checks and refuses what it has handed over before.
#![no_std]

#[cfg(test)]
extern crate std;

mod envelope;
mod opener;
mod sender;
mod window;

pub use envelope::{Direction, PROFILE};
pub use opener::{Opened, Opener, Receiver, Senders, Ticket};
pub use sender::{Origin, Outgoing, Sender};
pub use window::Order;

use aseptic_core::limits;

/// Bytes that signing and sealing add to a body at most: the inner header and signature, and eight recipients of some 300
/// bytes each.
pub const SEALED_OVERHEAD: usize = 4096;
/// Bytes of the longest sealed message; the bound of a frame that carries one.
pub const SEALED: usize = limits::MESSAGE + SEALED_OVERHEAD;
