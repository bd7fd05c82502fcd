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
//!                 -65537: [stream, class, epoch, boot, sequence, time quality, ? fresh] }
//!                 fresh, for Command and Configuration alone: challenge (16) / [boot of the recipient (8), its uptime]
//!     payload   the body
//! ```
//!
//! The recipients stand inside the signature as well, so that none of them can pass the message on as if it had been
//! meant for somebody else. A relay sees the class and the names of the recipients, and nothing more.
//!
//! What the profile does not give: a recipient's agreement key is long-lived, so whoever steals it reads the messages of
//! the past that were sealed for it. Rotate these keys and destroy the old ones.
//!
//! ```
//! # use aseptic_core::crypto::{KeyAlg, PublicKey, soft::{self, PrivateKey}};
//! # use aseptic_core::trust::{Authority, Entry, Material, danger};
//! use aseptic_core::{Reason, cose::ContentType, time::Time, trust::{Purpose, Purposes}};
//! use aseptic_messaging::{Direction, Opener, Origin, Outgoing, Receiver, Sender};
//!
//! # fn main() -> aseptic_core::Result<()> {
//! # let (device, server, suite) = (aseptic_testbed::bench::Bench::new(1), aseptic_testbed::bench::Bench::new(2), soft::suite());
//! # let (device, server) = (device.platform(), server.platform());
//! # let pump = PrivateKey::from_bytes(KeyAlg::P256, &[1; 32])?;
//! # let adapter = PrivateKey::from_bytes(KeyAlg::P256, &[2; 32])?;
//! # let mut public = [[0; 65]; 2];
//! # pump.public(&mut public[0])?;
//! # adapter.public(&mut public[1])?;
//! # let [pump_key, adapter_key] = [PublicKey::new(KeyAlg::P256, &public[0])?, PublicKey::new(KeyAlg::P256, &public[1])?];
//! # let entries = [
//! #     Entry { purposes: Purposes::of(&[Purpose::Alarm]), name: b"pump-1", material: Material::Key(pump_key) },
//! #     Entry { purposes: Purposes::of(&[Purpose::Receive]), name: b"adapter-1", material: Material::Key(adapter_key) },
//! # ];
//! # let trust = danger::unsigned(Authority::Owner, &entries)?;
//! // On the device, once it has started.
//! let mut sender = Sender::load(&device, Direction::FromDevice)?;
//! let us = Origin { name: b"pump-1", key: pump_key, signer: &pump };
//! let message = Outgoing {
//!     class: Purpose::Alarm,
//!     stream: 0,
//!     to: &[trust.pinned(&suite, Purpose::Receive, b"adapter-1")?],
//!     fresh: None,
//!     content_type: ContentType::Text("text/plain"),
//!     body: b"occlusion",
//!     time: Time::UNKNOWN,
//! };
//! let mut sealed = [0; Sender::room(9)];
//! let length = sender.seal(&device, &suite, &us, &message, &mut sealed)?;
//!
//! // Beside the record.
//! let mut opener = Opener::load(&server)?;
//! let allowed = Purposes::of(&[Purpose::Telemetry, Purpose::Alarm]);
//! let us = Receiver { name: b"adapter-1", key: &adapter, direction: Direction::FromDevice, allowed };
//! let mut senders = |name: &str, class| trust.pinned(&suite, class, name.as_bytes());
//! let mut plaintext = [0; 1024];
//! let opened = opener.open(&server, &suite, &us, &mut senders, &sealed[..length], &mut plaintext)?;
//! assert_eq!((opened.from, opened.body), ("pump-1", &b"occlusion"[..]));
//! // Now the application stores the body; only then the message counts as seen.
//! opener.commit(&server, opened.ticket)?;
//! let again = opener.open(&server, &suite, &us, &mut senders, &sealed[..length], &mut plaintext);
//! assert_eq!(again.unwrap_err(), Reason::MessageReplayed);
//! # Ok(())
//! # }
//! ```
//!
//! * [`Sender`] numbers messages so that no number is used twice, whatever happens to the power.
//! * [`Opener`] hands each message over in a known order of checks and refuses what it has handed over before.
#![no_std]

#[cfg(test)]
extern crate std;

mod countersign;
mod envelope;
mod hybrid;
mod link;
mod opener;
mod outbox;
mod report;
mod sender;
mod session;
mod window;

pub use countersign::{Countersignature, Countersigned, Form, countersign, countersign0};
pub use envelope::{Direction, Fresh, PROFILE};
pub use hybrid::{Decapsulate, Demand, HybridKey, Kem};
pub use link::{Centre, Heartbeat, LEASE, Link};
pub use opener::{Opened, Opener, Receiver, Senders, Ticket};
pub use outbox::{ENTRY, Outbox, Settled, stream_of};
pub use report::{MessageId, REPORT, REPORT_PROFILE, Receipt, Report, Verdict};
pub use sender::{CONTROL, Origin, Outgoing, Sender};
pub use session::{
    Accepted, Earlier, HYBRID_OFFER, OFFER, Observation, SESSION_OVERHEAD, Session, SessionOffer, SessionTicket,
    Sessions,
};
pub use window::{Order, StreamReport};

use aseptic_core::limits;

/// Bytes that signing and sealing add to a body at most: the inner header and signature, and eight recipients of some 300
/// bytes each.
pub const SEALED_OVERHEAD: usize = 4096;
/// Bytes of the longest sealed message; the bound of a frame that carries one.
pub const SEALED: usize = limits::MESSAGE + SEALED_OVERHEAD;
/// Records written for a million messages of stream 0, in each of the two places of a record: by their sender, which
/// reserves blocks of numbers, and by their receiver, which stores marks. A command or configuration costs its receiver one
/// record, a message of a session none.
pub const RECORDS_PER_MILLION: u64 = 1_000_000_u64.div_ceil(limits::SEQUENCE_BLOCK);
/// The same for a million messages of any other stream, by their sender, which reserves small blocks there. Their receiver
/// writes [`RECORDS_PER_MILLION`].
pub const RARE_RECORDS_PER_MILLION: u64 = 1_000_000_u64.div_ceil(limits::RARE_BLOCK);
/// Slots written or erased for a million messages that go through an [`Outbox`], beside the records of their numbers: each is
/// written when it is put in, and erased on its receipt.
pub const OUTBOX_WRITES_PER_MILLION: u64 = 2_000_000;
const _: () = assert!(limits::REPLAY_MARK == limits::SEQUENCE_BLOCK);
