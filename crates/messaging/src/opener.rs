//! The side that opens: one order of checks, one reason for each refusal, nothing handed over twice.

use crate::envelope::{self, Claims, Direction, Fresh, Position};
use crate::report::{MessageId, Receipt, Report, Verdict};
use crate::sender::CONTROL;
use crate::session;
use crate::window::{Care, Judgement, Order, Place, Windows};
use crate::{SEALED, envelope::require_profile};
use aseptic_core::cose::{Agree, ContentType, CoseAlg, Encrypt, RecipientKey, Sign1};
use aseptic_core::crypto::{AeadAlg, Suite, random};
use aseptic_core::limits::{CHALLENGES, COMMAND_LIFETIME};
use aseptic_core::platform::Platform;
use aseptic_core::record::{self, Kind};
use aseptic_core::secret::wipe;
use aseptic_core::time::Time;
use aseptic_core::trust::{Purpose, Purposes, VerifiedPeer};
use aseptic_core::{Reason, Result};

/// Who opens.
#[derive(Clone, Copy)]
pub struct Receiver<'a> {
    /// The name by which senders address this receiver.
    pub name: &'a [u8],
    /// Its P-256 agreement key.
    pub key: &'a dyn Agree,
    /// Which way the messages go that it opens.
    pub direction: Direction,
    /// The classes that it takes. All others are refused, so the default is to take none.
    pub allowed: Purposes,
}

/// Finds the sender that a message claims: its name and the class of the message go in, the verdict that its key may send
/// such messages comes out. [`Reason::MessageUnknownSender`] for a name that is not known.
pub type Senders<'s> = dyn FnMut(&str, Purpose) -> Result<VerifiedPeer> + 's;

/// A message that was accepted.
#[derive(Debug)]
pub struct Opened<'o> {
    /// The name of the sender, proven.
    pub from: &'o str,
    /// The class.
    pub class: Purpose,
    /// The stream.
    pub stream: u8,
    /// The epoch of the sender's numbers.
    pub epoch: u64,
    /// A random value that the sender drew when it started; keeps two devices with copied memories apart.
    pub boot: [u8; 8],
    /// The number within stream and epoch.
    pub sequence: u64,
    /// Where it stands among the others.
    pub order: Order,
    /// The sender has started anew since its last message, so that a gap may hold numbers that it never used.
    pub restarted: bool,
    /// When the sender says it wrote this, and what its clock was worth.
    pub time: Time,
    /// What the body is.
    pub content_type: ContentType<'o>,
    /// The body.
    pub body: &'o [u8],
    /// The message as the sender signed it (COSE_Sign1), body included, to be kept as evidence.
    pub signed: &'o [u8],
    /// The first half of SHA-256 of `signed`, which a receipt names.
    pub digest: [u8; 16],
    /// Why the sender was accepted only with a flag, if so.
    pub degraded: Option<Reason>,
    /// To be given to [`Opener::commit`] when the body is stored.
    pub ticket: Ticket,
}

impl Opened<'_> {
    /// What names the message for ever, together with its sender.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        MessageId { stream: self.stream, epoch: self.epoch, sequence: self.sequence }
    }

    /// The receipt for it.
    #[must_use]
    pub const fn receipt(&self, verdict: Verdict) -> Receipt {
        Receipt { id: self.id(), digest: self.digest, verdict }
    }
}

/// The claim to have handed over one message.
#[derive(Debug)]
#[must_use = "a message that is not committed is delivered again"]
pub struct Ticket {
    place: Place,
    sequence: u64,
    care: Care,
    opener: [u8; 8],
}

/// A receiver's memory of what it handed over.
///
/// Commands and configuration are handed over at most once, and never after a newer one of their stream: their number is
/// stored before. They must be for this receiver alone and answer one of its challenges, or name a time of its present boot
/// that has not come; both hold for [`COMMAND_LIFETIME`] at most, and a challenge serves once.
///
/// All other classes are handed over at least once: [`Opener::commit`], which the application calls when it has stored the
/// body, takes note of them; until then the same message is delivered again. What is stored is a mark ahead of the numbers,
/// so that a million messages cost [`RECORDS_PER_MILLION`](crate::RECORDS_PER_MILLION). After a restart the numbers up to
/// the mark, at most [`REPLAY_MARK`](aseptic_core::limits::REPLAY_MARK), are [`Order::Uncertain`]; [`Opener::report`]
/// asks the sender for them. An opener is used from one thread.
#[derive(Debug)]
pub struct Opener {
    windows: Windows,
    /// Names this boot, and this opener: drawn at its load.
    boot: [u8; 8],
    challenges: [Option<Challenge>; CHALLENGES],
    /// The receipt of an authentic message that was refused for its number alone, and the fingerprint of its sender.
    again: Option<([u8; 16], Receipt)>,
}

#[derive(Clone, Copy, Debug)]
struct Challenge {
    value: [u8; 16],
    /// In milliseconds since boot.
    until: u64,
}

impl Opener {
    /// Goes on with the stored windows, or with none. [`Reason::RecordCorrupt`] if they cannot be read; see
    /// [`Opener::start_over`].
    pub fn load(platform: &Platform<'_>) -> Result<Self> {
        let mut place = None;
        Self::load_into(&mut place, platform)?;
        place.ok_or(Reason::Internal)
    }

    /// Gives up windows that cannot be read, and begins with none: what was handed over before may be handed over once more, by
    /// whoever kept it. Orders are not, as what made them fresh ended with the boot that asked for them.
    ///
    /// After power loss the windows are gone or still cannot be read.
    pub fn start_over(platform: &Platform<'_>) -> Result<Self> {
        let mut place = None;
        Self::start_over_into(&mut place, platform)?;
        place.ok_or(Reason::Internal)
    }

    /// [`Opener::start_over`] where the opener is to lie, as [`Opener::load_into`] does.
    pub fn start_over_into(place: &mut Option<Self>, platform: &Platform<'_>) -> Result<()> {
        *place = None;
        record::erase(platform.store, Kind::ReplayWindows, &mut [0; FRAME])?;
        Self::load_into(place, platform)
    }

    /// [`Opener::load`] where the opener is to lie, for small stacks: `place` holds it afterwards, or after an error nothing.
    pub fn load_into(place: &mut Option<Self>, platform: &Platform<'_>) -> Result<()> {
        let opener = Self::empty(place);
        let loaded = random(platform.entropy, &mut opener.boot).and_then(|()| opener.windows.load(platform));
        if loaded.is_err() {
            *place = None;
        }
        loaded
    }

    /// Apart, so that what is moved into `place` has left the stack before anything is read.
    #[inline(never)]
    fn empty(place: &mut Option<Self>) -> &mut Self {
        place.insert(Self {
            windows: const { Windows::new() },
            boot: [0; 8],
            challenges: [None; CHALLENGES],
            again: None,
        })
    }

    /// Draws a challenge for one command or configuration, to be sent to whoever is to give it. It holds for `lifetime`
    /// milliseconds, at most [`COMMAND_LIFETIME`], in memory alone: a restart ends it. The oldest gives way to a new one
    /// where [`CHALLENGES`] are open.
    pub fn challenge(&mut self, platform: &Platform<'_>, lifetime: u64) -> Result<[u8; 16]> {
        let mut value = [0; 16];
        random(platform.entropy, &mut value)?;
        let until = platform.clock.uptime().saturating_add(lifetime.min(COMMAND_LIFETIME));
        let place = self.challenges.iter_mut().min_by_key(|place| place.map_or(0, |open| open.until));
        *place.ok_or(Reason::Internal)? = Some(Challenge { value, until });
        Ok(value)
    }

    /// This boot, and for how many milliseconds it has lasted: what [`Fresh::Until`] is made of.
    #[must_use]
    pub fn ticks(&self, platform: &Platform<'_>) -> ([u8; 8], u64) {
        (self.boot, platform.clock.uptime())
    }

    /// What this receiver knows of the streams of `sender`, to be signed and sent to it: gaps, and what it asks for again.
    /// Receipts are added with [`Report::add`].
    pub fn report(&self, suite: &Suite<'_>, sender: &[u8]) -> Result<Report> {
        let mut report = Report::default();
        let sender = fingerprint(suite, sender)?;
        let known = self.windows.report(&sender);
        for (place, known) in report.streams.iter_mut().zip(known) {
            *place = Some(known);
        }
        Ok(report)
    }

    /// The receipt that `sender` is still owed, where the message that was opened last was refused for its number alone
    /// ([`Reason::MessageReplayed`], [`Reason::MessageTooOld`]): it is genuine, and the first receipt may have been lost.
    pub fn receipt_again(&self, suite: &Suite<'_>, sender: &[u8]) -> Result<Option<Receipt>> {
        let whose = fingerprint(suite, sender)?;
        Ok(self.again.filter(|(sender, _)| *sender == whose).map(|(_, receipt)| receipt))
    }

    /// Opens one message; the plaintext lies in `out`, which must hold `message.len()` bytes.
    ///
    /// The checks run in this order, and the first that fails is the reason:
    /// 1. it is addressed to us and decrypts ([`Reason::CoseNoRecipient`], [`Reason::DecryptFailed`]),
    /// 2. it follows the profile ([`Reason::MessageMalformed`]),
    /// 3. `senders` knows its sender ([`Reason::MessageUnknownSender`] or what else it answers), and that sender's key is
    ///    the one that the message names ([`Reason::UnknownSigner`]) and made the signature
    ///    ([`Reason::SignatureInvalid`]): a message signed anew by somebody else ends at one of these three,
    /// 4. the key belongs to the device of that name ([`Reason::MessageIdentity`]),
    /// 5. the signed audience names us ([`Reason::MessageNotForUs`]): a message that another recipient passed on ends here,
    /// 6. its class is allowed ([`Reason::MessageClass`]),
    /// 7. a command or configuration is for us alone ([`Reason::MessageNotForUs`]) and fresh ([`Reason::CommandNotFresh`]),
    /// 8. its number is new ([`Reason::MessageReplayed`], [`Reason::MessageTooOld`], [`Reason::SendersFull`]), and that of a
    ///    command or configuration is above all before it ([`Reason::MessageTooOld`]).
    ///
    /// A refused message changes no state, leaves `out` wiped, and is reported as an event.
    pub fn open<'o>(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        us: &Receiver<'_>,
        senders: &mut Senders<'_>,
        message: &[u8],
        out: &'o mut [u8],
    ) -> Result<Opened<'o>> {
        let accepted = match self.check(platform, suite, us, senders, message, out) {
            Ok(accepted) => accepted,
            Err(reason) => {
                wipe(out);
                platform.event(reason, 0);
                return Err(reason);
            }
        };
        let signed: &'o [u8] = out.get(..accepted.length).ok_or(Reason::Internal)?;
        let inner = Sign1::parse(signed)?;
        let Claims { from, class, time, position, .. } = Claims::read(inner.header.claims)?;
        Ok(Opened {
            from,
            class,
            stream: position.stream,
            epoch: position.epoch,
            boot: position.boot,
            sequence: position.sequence,
            order: accepted.judgement.order,
            restarted: accepted.judgement.restarted,
            time,
            content_type: inner.header.content_type.ok_or(Reason::Internal)?,
            body: inner.payload.ok_or(Reason::Internal)?,
            signed,
            digest: accepted.digest,
            degraded: accepted.degraded,
            ticket: accepted.ticket,
        })
    }

    /// Takes note that a message was handled. Only then is it refused when it comes again; after a restart it may come
    /// again as [`Order::Uncertain`].
    ///
    /// [`Reason::MessageReplayed`] or [`Reason::MessageTooOld`] if it was committed, or fell out of the window, since it
    /// was opened: the application then has it twice. [`Reason::Misuse`] for a ticket of another opener, or of this one before
    /// it was loaded again. After power loss, and after an error, the note is there or it is not.
    pub fn commit(&mut self, platform: &Platform<'_>, ticket: Ticket) -> Result<()> {
        self.require_own(&ticket)?;
        match ticket.care {
            Care::AtMostOnce => Ok(()),
            Care::AtLeastOnce => self.take(platform, &ticket.place, ticket.sequence, ticket.care).map(drop),
        }
    }

    /// [`Reason::Misuse`] unless the ticket is of a message that this opener opened.
    pub fn require_own(&self, ticket: &Ticket) -> Result<()> {
        if ticket.opener == self.boot { Ok(()) } else { Err(Reason::Misuse) }
    }

    /// Forgets a sender's windows. Its old messages would be accepted again, so forget only what can no longer sign:
    /// a device that is gone, or one that comes back wiped with a new key.
    pub fn forget(&mut self, platform: &Platform<'_>, suite: &Suite<'_>, name: &[u8]) -> Result<()> {
        let mut windows = self.windows.clone();
        windows.forget(&fingerprint(suite, name)?);
        save(platform, &windows)?;
        self.windows = windows;
        Ok(())
    }

    fn check(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        us: &Receiver<'_>,
        senders: &mut Senders<'_>,
        message: &[u8],
        out: &mut [u8],
    ) -> Result<Accepted> {
        self.again = None;
        let (length, outer_class) = decrypt(suite, us, message, out)?;
        let signed = out.get(..length).ok_or(Reason::Internal)?;
        let inner = Sign1::parse(signed)?;
        require_profile(inner.header.typ)?;
        let claims = Claims::read(inner.header.claims)?;
        if claims.class != outer_class || inner.payload.is_none() || inner.header.content_type.is_none() {
            return Err(Reason::MessageMalformed);
        }
        let peer = senders(claims.from, claims.class)?;
        authenticate(suite, &peer, &inner, &claims)?;
        if !claims.names(us.name) {
            return Err(Reason::MessageNotForUs);
        }
        if !us.allowed.contains(claims.class) {
            return Err(Reason::MessageClass);
        }
        let Position { stream, epoch, boot, sequence } = claims.position;
        let offer = session::is_offer(inner.header.content_type);
        if (stream == CONTROL) != offer {
            return Err(Reason::MessageMalformed);
        }
        let challenge = if envelope::orders(claims.class) {
            if !claims.names_only(us.name) {
                return Err(Reason::MessageNotForUs);
            }
            self.require_fresh(platform, claims.fresh)?
        } else {
            None
        };
        let place = Place { sender: fingerprint(suite, claims.from.as_bytes())?, stream, epoch, boot };
        let care = if envelope::orders(claims.class) || offer { Care::AtMostOnce } else { Care::AtLeastOnce };
        let digest = fingerprint(suite, signed)?;
        let judgement = self.windows.judge(&place, sequence, care).inspect_err(|reason| {
            let id = MessageId { stream, epoch, sequence };
            let verdict = match (*reason, care) {
                (Reason::MessageReplayed, Care::AtLeastOnce) => Verdict::Stored,
                (Reason::MessageReplayed, Care::AtMostOnce) => Verdict::Delivered,
                _ => Verdict::Rejected(*reason),
            };
            self.again = Some((place.sender, Receipt { id, digest, verdict }));
        })?;
        if care == Care::AtMostOnce {
            self.take(platform, &place, sequence, care)?;
            if let Some(place) = challenge.and_then(|at| self.challenges.get_mut(at)) {
                *place = None;
            }
        }
        let ticket = Ticket { place, sequence, care, opener: self.boot };
        Ok(Accepted { length, digest, judgement, degraded: peer.degraded(), ticket })
    }

    /// The place of the challenge that is answered, if it is one.
    fn require_fresh(&mut self, platform: &Platform<'_>, fresh: Option<Fresh>) -> Result<Option<usize>> {
        let now = platform.clock.uptime();
        match fresh {
            Some(Fresh::Challenge(value)) => {
                let answers =
                    |open: &Option<Challenge>| open.is_some_and(|open| open.value == value && now < open.until);
                let place = self.challenges.iter().position(answers);
                place.map(Some).ok_or(Reason::CommandNotFresh)
            }
            Some(Fresh::Until { boot, uptime }) => {
                let ahead = uptime.saturating_sub(now);
                let holds = self.boot == boot && (1..=COMMAND_LIFETIME).contains(&ahead);
                if holds { Ok(None) } else { Err(Reason::CommandNotFresh) }
            }
            None => Err(Reason::CommandNotFresh),
        }
    }

    /// Takes note of a number, and stores the mark first where it rises; or changes nothing.
    fn take(&mut self, platform: &Platform<'_>, place: &Place, sequence: u64, care: Care) -> Result<Judgement> {
        self.windows.take(place, sequence, care, |windows| save(platform, windows))
    }
}

/// What [`Opener::open`] knows when all checks have passed; no reference into the plaintext.
struct Accepted {
    length: usize,
    digest: [u8; 16],
    judgement: Judgement,
    degraded: Option<Reason>,
    ticket: Ticket,
}

/// Opens the outer layer; gives the length of the plaintext and the class that the layer is bound to.
fn decrypt(suite: &Suite<'_>, us: &Receiver<'_>, message: &[u8], out: &mut [u8]) -> Result<(usize, Purpose)> {
    if message.len() > SEALED {
        return Err(Reason::TooLarge);
    }
    let outer = Encrypt::parse(message)?;
    require_profile(outer.header.typ)?;
    let class = envelope::outer_class(outer.header.claims)?;
    // The profile has one content algorithm; the suite may have more.
    if outer.header.protected_alg()? != CoseAlg::for_aead(AeadAlg::Aes128Gcm) {
        return Err(Reason::CoseAlgorithm);
    }
    if !outer.recipients().any(|recipient| recipient.header.kid == Some(us.name)) {
        return Err(Reason::CoseNoRecipient);
    }
    let key = RecipientKey::agree(CoseAlg::ECDH_ES_A128KW, us.key)?.with_kid(us.name);
    let mut aad = [0; 32];
    let aad = envelope::outer_aad(us.direction, class, &mut aad)?;
    let length = outer.open(suite, &key, aad, None, out)?;
    Ok((length, class))
}

/// The signer is the peer that the caller found for the claimed name and class, and the peer has that name.
fn authenticate(suite: &Suite<'_>, peer: &VerifiedPeer, inner: &Sign1<'_>, claims: &Claims<'_>) -> Result<()> {
    peer.require(claims.class)?;
    let key = peer.key()?;
    let alg = key.alg().signs().ok_or(Reason::KeyWrongUse)?;
    // Only the number that we write: the older ones leave the curve to the message.
    if inner.header.protected_alg()? != CoseAlg::for_signature(alg) {
        return Err(Reason::CoseAlgorithm);
    }
    if inner.header.kid != Some(&key.thumbprint(suite)?) {
        return Err(Reason::UnknownSigner);
    }
    peer.verify_sign1(suite, inner, &[], None)?;
    if peer.name() == claims.from.as_bytes() { Ok(()) } else { Err(Reason::MessageIdentity) }
}

/// The first half of SHA-256.
pub(crate) fn fingerprint(suite: &Suite<'_>, bytes: &[u8]) -> Result<[u8; 16]> {
    suite.sha256(&[bytes])?.first_chunk().copied().ok_or(Reason::Internal)
}

impl Windows {
    /// Into windows that hold nothing.
    fn load(&mut self, platform: &Platform<'_>) -> Result<()> {
        let mut buffer = [0; FRAME];
        match record::load(platform.store, Kind::ReplayWindows, &mut buffer)? {
            Some(payload) => self.decode(payload),
            None => Ok(()),
        }
    }
}

fn save(platform: &Platform<'_>, windows: &Windows) -> Result<()> {
    let mut payload = [0; Windows::PAYLOAD];
    let length = windows.encode(&mut payload);
    let payload = payload.get(..length).ok_or(Reason::Internal)?;
    record::save(platform.store, Kind::ReplayWindows, payload, &mut [0; FRAME])
}

const FRAME: usize = record::frame(Windows::PAYLOAD);
