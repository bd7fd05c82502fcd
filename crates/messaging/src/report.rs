//! What a receiver says back: signed receipts, gaps, and what it asks for again.
//!
//! A report is signed and not encrypted: it names numbers and digests, no device and no patient. The name of the device it
//! is for stands in the signature alone. Whoever holds reports back or plays them again changes nothing but the time at
//! which the sender learns what is true.
//!
//! ```text
//! COSE_Sign1    protected alg, kid = SHA-256 of the signer's SubjectPublicKeyInfo, typ = profile
//!               external_aad = [profile, direction of the messages, name of their sender]
//!   payload     [ [ * [stream, epoch, sequence, digest (16), verdict] ],   0 delivered, 1 stored, else the reason refused
//!                 [ * [stream, epoch, high, missing, uncertain] ],
//!                 key identifier of a session that is lost, or null ]
//! ```

use crate::envelope::{self, Direction};
use crate::sender::Origin;
use crate::window::StreamReport;
use aseptic_core::cbor::{Reader, Rules, Writer};
use aseptic_core::cose::{self, ContentType, CoseAlg, Headers, Sign1};
use aseptic_core::crypto::Suite;
use aseptic_core::limits::{NAME, RECEIPTS, STREAMS};
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result};

/// The name of the profile of reports, as `typ`.
pub const REPORT_PROFILE: &str = "vnd.aseptic.report-1";
/// Bytes of the longest report: sixteen receipts and four streams, with header and signature.
pub const REPORT: usize = 1280;

/// What names a message for ever, together with its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The stream.
    pub stream: u8,
    /// The epoch of the sender's numbers.
    pub epoch: u64,
    /// The number within stream and epoch.
    pub sequence: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was handed over; whether it will be kept is not known yet.
    Delivered,
    /// It is stored in the record.
    Stored,
    /// It is genuine and will not be taken.
    Rejected(Reason),
}

/// What became of one message, known by its name and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message.
    pub id: MessageId,
    /// The first half of SHA-256 of the signed message.
    pub digest: [u8; 16],
    /// What became of it.
    pub verdict: Verdict,
}

/// What a receiver says to one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Receipts.
    pub receipts: [Option<Receipt>; RECEIPTS],
    /// What is known of the sender's streams.
    pub streams: [Option<StreamReport>; STREAMS],
    /// A session whose key the receiver has not, or no more: the sender offers a new one.
    pub lost_session: Option<[u8; 4]>,
}

impl Report {
    /// Adds a receipt; [`Reason::TooLarge`] if there are [`RECEIPTS`].
    pub fn add(&mut self, receipt: Receipt) -> Result<()> {
        let place = self.receipts.iter_mut().find(|place| place.is_none()).ok_or(Reason::TooLarge)?;
        *place = Some(receipt);
        Ok(())
    }

    /// Signs the report for `device`, whose messages go in `direction`; gives its length, at most [`REPORT`].
    ///
    /// The key of `from` is one that the device's owner trusts for [`Purpose::Receipt`].
    pub fn sign(
        &self,
        suite: &Suite<'_>,
        from: &Origin<'_>,
        device: &[u8],
        direction: Direction,
        out: &mut [u8],
    ) -> Result<usize> {
        if from.key.alg().signs() != Some(from.signer.alg()) {
            return Err(Reason::KeyWrongUse);
        }
        let (mut payload, mut aad) = ([0; REPORT], [0; AAD]);
        let payload = self.encode(&mut payload)?;
        let headers = Headers {
            kid: Some(&from.key.thumbprint(suite)?),
            typ: Some(ContentType::Text(REPORT_PROFILE)),
            ..Headers::default()
        };
        cose::sign1(from.signer, &headers, payload, false, external(device, direction, &mut aad)?, out)
    }

    /// Reads a report for `us`, whose messages go in `direction`. `peer` is the verdict about its signer for
    /// [`Purpose::Receipt`]: the receiver that the messages were sealed for.
    ///
    /// [`Reason::SignatureInvalid`] also for a report to another device, [`Reason::UnknownSigner`] for another signer,
    /// [`Reason::MessageMalformed`] for what is no report.
    pub fn verify(
        suite: &Suite<'_>,
        peer: &VerifiedPeer,
        us: &[u8],
        direction: Direction,
        bytes: &[u8],
    ) -> Result<Self> {
        if bytes.len() > REPORT {
            return Err(Reason::TooLarge);
        }
        peer.require(Purpose::Receipt)?;
        let message = Sign1::parse(bytes)?;
        if message.header.typ != Some(ContentType::Text(REPORT_PROFILE)) {
            return Err(Reason::MessageMalformed);
        }
        let key = peer.key()?;
        let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
        if message.header.protected_alg()? != CoseAlg::for_signature(alg) {
            return Err(Reason::CoseAlgorithm);
        }
        if message.header.kid != Some(&key.thumbprint(suite)?) {
            return Err(Reason::UnknownSigner);
        }
        peer.verify_sign1(suite, &message, external(us, direction, &mut [0; AAD])?, None)?;
        Self::decode(message.payload.ok_or(Reason::MessageMalformed)?).map_err(envelope::malformed)
    }

    fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8]> {
        let mut writer = Writer::new(out);
        writer.array(3).array(self.receipts.iter().flatten().count());
        for Receipt { id, digest, verdict } in self.receipts.iter().flatten() {
            writer.array(5).uint(u64::from(id.stream)).uint(id.epoch).uint(id.sequence).bytes(digest);
            writer.uint(match verdict {
                Verdict::Delivered => 0,
                Verdict::Stored => 1,
                Verdict::Rejected(reason) => u64::from(reason.number().unsigned_abs()),
            });
        }
        writer.array(self.streams.iter().flatten().count());
        for known in self.streams.iter().flatten() {
            writer.array(5).uint(u64::from(known.stream)).uint(known.epoch);
            writer.uint(known.high).uint(known.missing).uint(known.uncertain);
        }
        match self.lost_session {
            Some(kid) => writer.bytes(&kid),
            None => writer.null(),
        };
        writer.finish().map(|bytes| &*bytes)
    }

    fn decode(payload: &[u8]) -> Result<Self> {
        let (mut report, mut reader) = (Self::default(), Reader::new(payload, Rules::Deterministic));
        reader.array_exact(3)?;
        let count = reader.array()?;
        for place in report.receipts.get_mut(..count).ok_or(Reason::TooLarge)? {
            reader.array_exact(5)?;
            let id = MessageId { stream: stream(&mut reader)?, epoch: reader.uint()?, sequence: reader.uint()? };
            let digest = *reader.array_of()?;
            let verdict = match reader.uint()? {
                0 => Verdict::Delivered,
                1 => Verdict::Stored,
                number => Verdict::Rejected(reason(number)?),
            };
            *place = Some(Receipt { id, digest, verdict });
        }
        let count = reader.array()?;
        for place in report.streams.get_mut(..count).ok_or(Reason::TooLarge)? {
            reader.array_exact(5)?;
            let (stream, epoch, high) = (stream(&mut reader)?, reader.uint()?, reader.uint()?);
            *place = Some(StreamReport { stream, epoch, high, missing: reader.uint()?, uncertain: reader.uint()? });
        }
        if !reader.null() {
            report.lost_session = Some(*reader.array_of()?);
        }
        reader.end()?;
        Ok(report)
    }
}

/// Bytes of the longest external data: profile, direction, name.
const AAD: usize = NAME + 32;

fn external<'o>(device: &[u8], direction: Direction, out: &'o mut [u8; AAD]) -> Result<&'o [u8]> {
    let mut writer = Writer::new(out);
    writer.array(3).text(REPORT_PROFILE).uint(u64::from(direction as u8)).text(envelope::name(device)?);
    writer.finish().map(|bytes| &*bytes)
}

fn stream(reader: &mut Reader<'_>) -> Result<u8> {
    u8::try_from(reader.uint()?).ok().filter(|stream| usize::from(*stream) < STREAMS).ok_or(Reason::MessageMalformed)
}

/// A newer receiver may name a reason that this release does not know: the message was refused all the same.
fn reason(number: u64) -> Result<Reason> {
    let number = i32::try_from(number).map_err(|_| Reason::MessageMalformed)?;
    Ok(Reason::from_number(number).unwrap_or(Reason::MessageMalformed))
}
