//! The side that seals: numbers that are never used twice, signed inside, encrypted outside.

use crate::SEALED_OVERHEAD;
use crate::envelope::{self, CLAIMS, Direction, Fresh, PROFILE, Position};
use aseptic_core::cose::{self, ContentType, Headers, SealTo, Signer};
use aseptic_core::crypto::{AeadAlg, KeyAlg, PublicKey, Suite, random};
use aseptic_core::limits::{COSE_LAYERS, MESSAGE, RARE_BLOCK, SEQUENCE_BLOCK, STREAMS};
use aseptic_core::platform::{Counter, Platform};
use aseptic_core::record::{self, Kind};
use aseptic_core::secret::wipe;
use aseptic_core::time::Time;
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result, bytes};

/// Who sends.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The sender's name, as its certificate or its entry in a trust store has it. UTF-8, at most 64 bytes.
    pub name: &'a [u8],
    /// Its public key.
    pub key: PublicKey<'a>,
    /// The private key to it.
    pub signer: &'a dyn Signer,
}

/// What is sent.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// Telemetry, Alarm, Audit, Command or Configuration.
    pub class: Purpose,
    /// The stream it belongs to, below [`CONTROL`]; each has its own order. Use one for each class.
    pub stream: u8,
    /// Its recipients, 1 to [`COSE_LAYERS`] with names of their own, each found fit for [`Purpose::Receive`]. A command or
    /// configuration has one.
    pub to: &'a [VerifiedPeer],
    /// For a command or configuration, and for nothing else: what makes it fresh.
    pub fresh: Option<Fresh>,
    /// What the body is.
    pub content_type: ContentType<'a>,
    /// The body, at most [`MESSAGE`] bytes.
    pub body: &'a [u8],
    /// The time of the statement, and what it is worth.
    pub time: Time,
}

/// The stream of what the library itself sends.
pub const CONTROL: u8 = 3;
const _: () = assert!(CONTROL as usize == STREAMS - 1);

/// A sender of messages.
///
/// Numbers are reserved in the store before they are used, [`SEQUENCE_BLOCK`] at a time on stream 0, which is for telemetry,
/// and [`RARE_BLOCK`] at a time on the others, so that none is used twice whatever happens to the power; what was reserved
/// and not used before a restart is never used. One block costs one record. A sender is used from one thread.
#[derive(Debug)]
pub struct Sender {
    direction: Direction,
    epoch: u64,
    boot: [u8; 8],
    blocks: [Block; STREAMS],
}

/// Numbers of one stream that are reserved and not used: `next` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    next: u64,
    end: u64,
}

impl Sender {
    /// Goes on where the record says, or begins with number 1 where there is none.
    ///
    /// A device without a record may have lost one: it then begins a new epoch, counted by [`Counter::SenderEpoch`], and
    /// receivers start a new window. [`Reason::RecordCorrupt`] if the record cannot be read; see [`Sender::start_over`].
    pub fn load(platform: &Platform<'_>, direction: Direction) -> Result<Self> {
        let mut boot = [0; 8];
        random(platform.entropy, &mut boot)?;
        let epoch = match Marks::load(platform)? {
            Some(marks) => marks.epoch,
            None => {
                let epoch = platform.counters.read(Counter::SenderEpoch)?.checked_add(1);
                let epoch = epoch.ok_or(Reason::SequenceExhausted)?;
                platform.counters.advance(Counter::SenderEpoch, epoch)?;
                Marks { epoch, next: [1; STREAMS] }.save(platform)?;
                epoch
            }
        };
        Ok(Self { direction, epoch, boot, blocks: [Block::default(); STREAMS] })
    }

    /// Gives up a record that cannot be read, and begins a new epoch. After power loss the epoch is a new one as well.
    pub fn start_over(platform: &Platform<'_>, direction: Direction) -> Result<Self> {
        record::erase(platform.store, Kind::SenderSequence, &mut [0; FRAME])?;
        Self::load(platform, direction)
    }

    /// The epoch of this sender's numbers.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Bytes that suffice for `out` of [`Sender::seal`].
    #[must_use]
    pub const fn room(body: usize) -> usize {
        body.saturating_add(SEALED_OVERHEAD).saturating_mul(2)
    }

    /// Signs and seals one message into the front of `out` and gives its length.
    ///
    /// `out` is also the place where the signed message lies before it is encrypted, so it must hold both; what is left
    /// of it there is wiped. On any error `out` is wiped and no number is used; [`Reason::KeyBusy`] asks for the same
    /// call again. Where a block of numbers runs out the next one is reserved first: [`Reason::SequenceExhausted`] after
    /// 2^64 numbers.
    pub fn seal(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        out: &mut [u8],
    ) -> Result<usize> {
        if message.stream == CONTROL {
            wipe(out);
            return Err(Reason::Misuse);
        }
        self.seal_on_any(platform, suite, from, message, out).map(|(_, length)| length)
    }

    /// [`Sender::seal`], on [`CONTROL`] too; gives the number as well.
    pub(crate) fn seal_on_any(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        out: &mut [u8],
    ) -> Result<(u64, usize)> {
        let signed = self.try_sign(platform, suite, from, message, out);
        let sealed = signed.and_then(|(position, inner)| {
            let length = seal_signed(platform, suite, self.direction, message.class, message.to.iter(), inner, out)?;
            Ok((position.sequence, length))
        });
        wipe(out.get_mut(sealed.map_or(0, |(_, length)| length)..).unwrap_or_default());
        if sealed.is_ok() {
            self.use_up(message.stream);
        }
        sealed
    }

    /// Signs one message into the front of `out`; gives where it stands and its length. On any error `out` is wiped and no
    /// number is used.
    pub(crate) fn sign(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        out: &mut [u8],
    ) -> Result<(Position, usize)> {
        let signed = self.try_sign(platform, suite, from, message, out);
        match signed {
            Ok(_) => self.use_up(message.stream),
            Err(_) => wipe(out),
        }
        signed
    }

    /// Which way this sender's messages go.
    pub(crate) const fn direction(&self) -> Direction {
        self.direction
    }

    /// The salt of all keys that this sender derives in this boot.
    pub(crate) const fn boot(&self) -> &[u8; 8] {
        &self.boot
    }

    fn try_sign(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        from: &Origin<'_>,
        message: &Outgoing<'_>,
        out: &mut [u8],
    ) -> Result<(Position, usize)> {
        envelope::require_class(message.class)?;
        let orders = envelope::orders(message.class);
        if orders != message.fresh.is_some() || orders && message.to.len() != 1 {
            return Err(Reason::Misuse);
        }
        if message.body.len() > MESSAGE {
            return Err(Reason::TooLarge);
        }
        recipients(message.to.iter())?;
        let sequence = self.reserve(platform, message.stream)?;
        let position = Position { stream: message.stream, epoch: self.epoch, boot: self.boot, sequence };
        let length = sign(suite, from, message, &position, out)?;
        Ok((position, length))
    }

    fn use_up(&mut self, stream: u8) {
        if let Some(block) = self.blocks.get_mut(usize::from(stream)) {
            block.next = block.next.saturating_add(1);
        }
    }

    /// The next number of a stream, with a new block reserved where none is left. The number is used up by the caller.
    fn reserve(&mut self, platform: &Platform<'_>, stream: u8) -> Result<u64> {
        let stream = usize::from(stream);
        let block = self.blocks.get_mut(stream).ok_or(Reason::Misuse)?;
        if block.next == block.end {
            let mut marks = Marks::load(platform)?.ok_or(Reason::Misuse)?;
            if marks.epoch != self.epoch {
                return Err(Reason::Misuse);
            }
            let mark = marks.next.get_mut(stream).ok_or(Reason::Internal)?;
            let next = *mark;
            let count = if stream == 0 { SEQUENCE_BLOCK } else { RARE_BLOCK };
            let end = next.checked_add(count).ok_or(Reason::SequenceExhausted)?;
            *mark = end;
            marks.save(platform)?;
            *block = Block { next, end };
        }
        Ok(block.next)
    }
}

/// Writes the inner layer into the front of `out`.
fn sign(
    suite: &Suite<'_>,
    from: &Origin<'_>,
    message: &Outgoing<'_>,
    position: &Position,
    out: &mut [u8],
) -> Result<usize> {
    if from.key.alg().signs() != Some(from.signer.alg()) {
        return Err(Reason::KeyWrongUse);
    }
    let mut claims = [0; CLAIMS];
    let name = envelope::name(from.name)?;
    let Outgoing { to, time, class, fresh, .. } = *message;
    let claims = envelope::write_claims(name, to, time, class, fresh, position, &mut claims)?;
    let headers = Headers {
        kid: Some(&from.key.thumbprint(suite)?),
        content_type: Some(message.content_type),
        typ: Some(ContentType::Text(PROFILE)),
        claims: Some(claims),
    };
    cose::sign1(from.signer, &headers, message.body, false, &[], out)
}

/// Encrypts the signed message in the first `inner` bytes of `out` for `to`, into the front of `out`; what is left of it
/// behind that is for the caller to wipe.
pub(crate) fn seal_signed<'p>(
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    direction: Direction,
    class: Purpose,
    to: impl Iterator<Item = &'p VerifiedPeer>,
    inner: usize,
    out: &mut [u8],
) -> Result<usize> {
    let (recipients, count) = recipients(to)?;
    let recipients = recipients.get(..count).ok_or(Reason::Internal)?;
    // The signed message moves to the end of the buffer and the sealed one grows from the beginning towards it.
    let start = out.len().checked_sub(inner).ok_or(Reason::Internal)?;
    bytes::shift(out, 0..inner, start).ok_or(Reason::Internal)?;
    let (out, signed) = out.split_at_mut_checked(start).ok_or(Reason::Internal)?;
    let (mut claims, mut aad) = ([0; 16], [0; 32]);
    let headers = Headers {
        typ: Some(ContentType::Text(PROFILE)),
        claims: Some(envelope::outer_claims(class, &mut claims)?),
        ..Headers::default()
    };
    let aad = envelope::outer_aad(direction, class, &mut aad)?;
    let sealer = cose::Sealer { suite, entropy: platform.entropy };
    sealer.encrypt(AeadAlg::Aes128Gcm, &headers, recipients, signed, aad, out)
}

/// The recipients as the encryption wants them, and how many: fit to receive, each once, with P-256 keys.
fn recipients<'p>(to: impl Iterator<Item = &'p VerifiedPeer>) -> Result<([SealTo<'p>; COSE_LAYERS], usize)> {
    let mut to = to.peekable();
    let first = *to.peek().ok_or(Reason::Misuse)?;
    let mut recipients = [SealTo::agree(first.name(), first.key()?); COSE_LAYERS];
    let mut names: [Option<&[u8]>; COSE_LAYERS] = [None; COSE_LAYERS];
    let mut count = 0_usize;
    for peer in to {
        peer.require(Purpose::Receive)?;
        if peer.key()?.alg() != KeyAlg::P256 {
            return Err(Reason::KeyWrongUse);
        }
        if names.contains(&Some(peer.name())) {
            return Err(Reason::Misuse);
        }
        *names.get_mut(count).ok_or(Reason::TooLarge)? = Some(peer.name());
        *recipients.get_mut(count).ok_or(Reason::TooLarge)? = SealTo::agree(peer.name(), peer.key()?);
        count = count.saturating_add(1);
    }
    Ok((recipients, count))
}

/// The record: the epoch, and for each stream the first number that is not reserved.
struct Marks {
    epoch: u64,
    next: [u64; STREAMS],
}

const PAYLOAD: usize = 8 * (STREAMS + 1);
const FRAME: usize = record::frame(PAYLOAD);

impl Marks {
    fn load(platform: &Platform<'_>) -> Result<Option<Self>> {
        let mut buffer = [0; FRAME];
        let Some(payload) = record::load(platform.store, Kind::SenderSequence, &mut buffer)? else {
            return Ok(None);
        };
        let (numbers, rest) = payload.as_chunks::<8>();
        let ([epoch, marks @ ..], []) = (numbers, rest) else {
            return Err(Reason::RecordCorrupt);
        };
        let marks: &[[u8; 8]; STREAMS] = marks.try_into().map_err(|_| Reason::RecordCorrupt)?;
        let next = marks.map(u64::from_be_bytes);
        // Number 0 is never sent, and no receiver takes it.
        if next.contains(&0) {
            return Err(Reason::RecordCorrupt);
        }
        Ok(Some(Self { epoch: u64::from_be_bytes(*epoch), next }))
    }

    fn save(&self, platform: &Platform<'_>) -> Result<()> {
        let mut payload = [0; PAYLOAD];
        let numbers = core::iter::once(&self.epoch).chain(&self.next);
        for (room, number) in payload.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *room = number.to_be_bytes();
        }
        record::save(platform.store, Kind::SenderSequence, &payload, &mut [0; FRAME])
    }
}
