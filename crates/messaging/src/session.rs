//! Epoch sessions: frequent small messages to one recipient, 37 bytes longer at most than what they carry.
//!
//! A sealed message of the sender, the offer, hands a fresh secret to exactly one recipient. Both derive from it one key for
//! one class in one direction; each message is then a COSE_Encrypt0 whose Partial IV is its number. Neither side stores a
//! key: a restart of either ends the session and the next offer begins another.
//!
//! ```text
//! offer         body of a sealed message on stream 3: [secret (32), content type, run, sent]
//!               hybrid: followed by the thumbprint of the recipient's KEM key (32) and its ciphertext (1120)
//! keys          HKDF-SHA-256(salt = boot id of the sender, secret,
//!                            [profile, direction, class, sender, recipient]) = key (16), base IV (12), kid (4)
//!               hybrid: the secret is followed by that of the ciphertext, the array by the thumbprint
//! COSE_Encrypt0 A128GCM, kid, Partial IV = number in as few bytes as it takes   external_aad = [profile, direction, class]
//! ```
//!
//! The epoch of a session is the number of its offer: receivers take an offer only above all before it, restarts included.
//! Messages of a session are authentic between the two ends and prove nothing to a third: what must stand as evidence is
//! sealed by itself.
//!
//! Numbers show what is missing inside a session. What is missing at its end shows in the next offer: a run is all that a
//! sender has sent to one recipient in one class since it was started, named by the number of its first offer (0 in that
//! offer itself), and each offer says how many messages of the run went before. See [`Earlier`].
//!
//! A hybrid session is never weaker than another: whoever is to read it later must have broken the agreement on P-256 that
//! the offer is sealed by, and the KEM (X-Wing: both ML-KEM-768 and X25519). Nothing on the wire chooses between the two
//! kinds. The sender offers hybrid sessions where the owner's store pins a KEM key, and the receiver's [`Demand`] says
//! whether it takes any other.

use crate::envelope::{self, Direction};
use crate::hybrid::{CIPHERTEXT, Decapsulate, Demand, HybridKey, both};
use crate::opener::{Opened, Receiver};
use crate::sender::{CONTROL, Origin, Outgoing, Sender};
use crate::window::{Order, Window};
use aseptic_core::cbor::{Reader, Rules, Type, Writer};
use aseptic_core::cose::{ContentKey, ContentType, Encrypt0, Sealer};
use aseptic_core::crypto::{AeadAlg, HashAlg, NONCE, Suite, random};
use aseptic_core::limits::{MESSAGE, NAME, SESSION_MESSAGES};
use aseptic_core::platform::Platform;
use aseptic_core::secret::{Secret, wipe};
use aseptic_core::time::Time;
use aseptic_core::trust::{Purpose, VerifiedPeer};
use aseptic_core::{Reason, Result, bytes};

/// The content type of an offer, and the name of the profile of sessions.
pub const OFFER: &str = "vnd.aseptic.session-1";
/// Bytes that a session adds to a body at most.
pub const SESSION_OVERHEAD: usize = 37;
/// Bytes of the longest body of a hybrid offer: for [`Sender::room`].
pub const HYBRID_OFFER: usize = OFFER_BODY + 32 + CIPHERTEXT + 8;
/// Bytes of the longest body of an offer.
const OFFER_BODY: usize = 128;
/// Bytes of the longest content type that a session carries.
const CONTENT_TYPE: usize = 64;

/// Whether a sealed message with this content type is an offer.
pub(crate) fn is_offer(content_type: Option<ContentType<'_>>) -> bool {
    content_type == Some(ContentType::Text(OFFER))
}

/// What a session is to carry, and to whom.
#[derive(Clone, Copy)]
pub struct SessionOffer<'o> {
    /// The one recipient, found fit for [`Purpose::Receive`].
    pub to: &'o VerifiedPeer,
    /// Telemetry, Alarm or Audit. Commands and configuration are sealed by themselves, each under a challenge.
    pub class: Purpose,
    /// What the bodies are; of a text at most 64 bytes.
    pub content_type: ContentType<'o>,
    /// The time of the offer, and what it is worth.
    pub time: Time,
    /// The KEM key of the recipient for a hybrid session, whose second secret only its holder can open: whoever keeps the
    /// offer and breaks P-256 later has nothing. There is no way back from here to an offer without: an application that
    /// lacks the key today does not offer.
    pub hybrid: Option<&'o HybridKey<'o>>,
    /// The session that this one follows, so that the recipient learns how many messages at the end of that one it lacks.
    /// One to another recipient, in another class or of another epoch counts as none.
    pub after: Option<&'o Session>,
}

/// The sending end of a session.
///
/// It lives in memory alone and ends with it. Used from one thread.
#[derive(Debug)]
pub struct Session {
    keys: Keys,
    /// The verdict about the recipient when the session was offered.
    recipient: VerifiedPeer,
    run: Run,
    next: u64,
}

/// A count of messages over sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Epoch and number of the offer that it began with.
    name: (u64, u64),
    /// Messages of it before this session.
    sent: u64,
}

impl Session {
    /// Offers a session: makes it and, in the front of `out`, the sealed message that carries its secret. `out` must hold
    /// [`Sender::room`] of 128 bytes, of [`HYBRID_OFFER`] bytes for a hybrid one. Whatever is sealed in the session before
    /// the offer has arrived is refused there, and reported.
    ///
    /// [`Reason::MessageClass`] for a class that no session carries. Of a KEM key [`Reason::KeyInvalid`] for another than
    /// the owner's store pins, [`Reason::NoPurpose`] for one of another recipient.
    pub fn offer(
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &mut Sender,
        from: &Origin<'_>,
        offer: &SessionOffer<'_>,
        out: &mut [u8],
    ) -> Result<(Self, usize)> {
        match offer.hybrid {
            Some(hybrid) => {
                hybrid.peer.require(Purpose::Receive)?;
                if hybrid.peer.name() != offer.to.name() {
                    return Err(Reason::NoPurpose);
                }
                offer.make::<HYBRID_OFFER>(platform, suite, sender, from, out)
            }
            None => offer.make::<OFFER_BODY>(platform, suite, sender, from, out),
        }
    }

    /// The name of the recipient.
    #[must_use]
    pub fn recipient(&self) -> &[u8] {
        self.recipient.name()
    }

    /// Names the session in a report that it is lost.
    #[must_use]
    pub const fn kid(&self) -> [u8; 4] {
        self.keys.kid
    }

    /// Whether `offer` of `sender` goes on counting where this session stopped.
    fn is_before(&self, offer: &SessionOffer<'_>, sender: &Sender) -> bool {
        let same = self.recipient.name() == offer.to.name() && self.keys.class == offer.class;
        same && self.run.name.0 == sender.epoch()
    }

    fn run_so_far(&self) -> Run {
        Run { sent: self.run.sent.saturating_add(self.next.saturating_sub(1)), ..self.run }
    }

    /// Seals one message into the front of `out`, which must hold [`SESSION_OVERHEAD`] bytes beside the body, and gives its
    /// length. `to` is today's verdict about the recipient: with its key or its trust withdrawn the session is over
    /// ([`Reason::SessionUnknown`], or what the verdict says).
    ///
    /// On any error no number is used. [`Reason::SequenceExhausted`] after [`SESSION_MESSAGES`].
    pub fn seal(
        &mut self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        to: &VerifiedPeer,
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        to.require(Purpose::Receive)?;
        if !same(to, &self.recipient) {
            return Err(Reason::SessionUnknown);
        }
        if body.len() > MESSAGE {
            return Err(Reason::TooLarge);
        }
        if self.next > SESSION_MESSAGES {
            return Err(Reason::SequenceExhausted);
        }
        let mut aad = [0; 32];
        let aad = aad_of(self.keys.direction, self.keys.class, &mut aad)?;
        let sealer = Sealer { suite, entropy: platform.entropy };
        let key = self.keys.content()?;
        let length = sealer.encrypt0_numbered(&key, &self.keys.kid, self.next, body, aad, out)?;
        self.next = self.next.saturating_add(1);
        Ok(length)
    }
}

impl SessionOffer<'_> {
    fn make<const BODY: usize>(
        &self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        sender: &mut Sender,
        from: &Origin<'_>,
        out: &mut [u8],
    ) -> Result<(Session, usize)> {
        require_session_class(self.class)?;
        let (mut secret, mut second) = (Secret::<32>::zeroed(), Secret::zeroed());
        random(platform.entropy, secret.expose_mut())?;
        let before = self.after.filter(|session| session.is_before(self, sender)).map(Session::run_so_far);
        let mut body = Secret::<BODY>::zeroed();
        let mut writer = Writer::new(body.expose_mut());
        writer.array(if self.hybrid.is_some() { 6 } else { 4 }).bytes(secret.expose());
        match self.content_type {
            ContentType::Text(text) if text.len() <= CONTENT_TYPE => writer.text(text),
            ContentType::Text(_) => return Err(Reason::TooLarge),
            ContentType::Number(number) => writer.uint(number),
        };
        writer.uint(before.map_or(0, |run| run.name.1)).uint(before.map_or(0, |run| run.sent));
        let names = [from.name, self.to.name()];
        let keys = match self.hybrid {
            Some(HybridKey { peer, key, kem }) => {
                let (key, mut ciphertext) = (peer.long_key(suite, key)?, [0; CIPHERTEXT]);
                if key.alg() != kem.alg() {
                    return Err(Reason::KeyWrongUse);
                }
                let length = kem.encapsulate(platform.entropy, key.bytes(), &mut ciphertext, &mut second)?;
                let thumbprint = key.thumbprint(suite)?;
                writer.bytes(&thumbprint).bytes(ciphertext.get(..length).ok_or(Reason::Internal)?);
                let secret = both(&secret, &second);
                Keys::derive(suite, secret.expose(), sender.boot(), sender.direction(), self.class, names, &thumbprint)
            }
            None => Keys::derive(suite, secret.expose(), sender.boot(), sender.direction(), self.class, names, &[]),
        }?;
        let message = Outgoing {
            class: self.class,
            stream: CONTROL,
            to: core::slice::from_ref(self.to),
            fresh: None,
            content_type: ContentType::Text(OFFER),
            body: writer.finish()?,
            time: self.time,
        };
        let (sequence, length) = sender.seal_on_any(platform, suite, from, &message, out)?;
        let run = before.unwrap_or(Run { name: (sender.epoch(), sequence), sent: 0 });
        Ok((Session { keys, recipient: self.to.clone(), run, next: 1 }, length))
    }
}

/// What a receiver knows of the messages that a sender has sent it before a session, in earlier ones of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// The receiver knows no session of this sender and class, since it was started itself at the latest. The sender has
    /// sent so many since it was started: compare with those that are stored.
    First {
        /// Messages sent.
        sent: u64,
    },
    /// So many were sent after the last one that was committed here. They are lost.
    Continued {
        /// Messages missing.
        missing: u64,
    },
    /// The sender was started anew, or counts anew. So many messages of the new count are lost; whether it had sent any
    /// after the last one that was committed here, and how many, nobody knows.
    Restarted {
        /// Messages missing.
        missing: u64,
    },
}

/// A session that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What names the session.
    pub kid: [u8; 4],
    /// The epoch of the session: the number of its offer.
    pub epoch: (u64, u64),
    /// Epoch and number of the offer that the sender's count began with: sessions of the same run add up.
    pub run: (u64, u64),
    /// What is missing at the end of those before it.
    pub earlier: Earlier,
}

/// A message of a session that was accepted.
#[derive(Debug)]
pub struct Observation<'o> {
    /// The name of the sender, proven to this end.
    pub from: &'o str,
    /// The class, as offered.
    pub class: Purpose,
    /// What names the session.
    pub kid: [u8; 4],
    /// The epoch of the session: the number of its offer.
    pub epoch: (u64, u64),
    /// The number within the session.
    pub sequence: u64,
    /// Where it stands among the others.
    pub order: Order,
    /// What the body is, as offered.
    pub content_type: ContentType<'o>,
    /// The body.
    pub body: &'o [u8],
    /// To be given to [`Sessions::commit`] when the body is stored.
    pub ticket: SessionTicket,
}

/// The claim to have handed over one message of a session.
#[derive(Debug)]
#[must_use = "a message that is not committed is delivered again"]
pub struct SessionTicket {
    place: usize,
    epoch: (u64, u64),
    sequence: u64,
}

/// The receiving ends of up to `N` sessions, in memory alone.
#[derive(Debug)]
pub struct Sessions<const N: usize> {
    table: [Option<Receiving>; N],
}

#[derive(Debug)]
struct Receiving {
    keys: Keys,
    /// The verdict about the sender when it offered the session.
    sender: VerifiedPeer,
    content_type: [u8; CONTENT_TYPE],
    /// Bytes of the text, or none and a number.
    format: core::result::Result<usize, u64>,
    epoch: (u64, u64),
    run: Run,
    window: Window,
}

impl<const N: usize> Default for Sessions<N> {
    fn default() -> Self {
        Self { table: [const { None }; N] }
    }
}

impl<const N: usize> Sessions<N> {
    /// Takes an offer that [`Opener::open`](crate::Opener::open) has handed over to `us`. The session replaces that of the
    /// same sender and class, and says what the receiver lacks of it: commit what was opened first. Where the table is
    /// full, [`Reason::SendersFull`].
    ///
    /// [`Reason::MessageMalformed`] for another message: offers have the content type [`OFFER`].
    /// [`Reason::AlgorithmUnsupported`] for a hybrid offer: that is taken by [`Sessions::accept_hybrid`].
    pub fn accept(
        &mut self,
        suite: &Suite<'_>,
        us: &Receiver<'_>,
        signer: &VerifiedPeer,
        offer: &Opened<'_>,
    ) -> Result<Accepted> {
        self.take(suite, us, signer, offer, None)
    }

    /// As [`Sessions::accept`] for a receiver with a KEM key. [`Reason::HybridRequired`] for an offer without one, where
    /// `demand` is for hybrid ones; [`Reason::KeyInvalid`] for an offer to another KEM key than `key`: the sender has an
    /// old one. A refused offer is used up, and the sender makes another.
    pub fn accept_hybrid(
        &mut self,
        suite: &Suite<'_>,
        us: &Receiver<'_>,
        key: &dyn Decapsulate,
        demand: Demand,
        signer: &VerifiedPeer,
        offer: &Opened<'_>,
    ) -> Result<Accepted> {
        self.take(suite, us, signer, offer, Some((key, demand)))
    }

    /// Opens one message of a session into the front of `out`. `senders` gives today's verdict about the sender: with its
    /// key or its trust withdrawn the session is over.
    ///
    /// [`Reason::SessionUnknown`] if no session has its key, [`Reason::DecryptFailed`], [`Reason::MessageReplayed`],
    /// [`Reason::MessageTooOld`]; a refused message changes nothing, leaves `out` wiped and is reported as an event.
    pub fn open<'o>(
        &'o self,
        platform: &Platform<'_>,
        suite: &Suite<'_>,
        senders: &mut crate::Senders<'_>,
        message: &[u8],
        out: &'o mut [u8],
    ) -> Result<Observation<'o>> {
        let found = self.find(suite, senders, message, out).inspect_err(|reason| {
            platform.event(*reason, 0);
        });
        let (place, number, length, order) = match found {
            Ok(found) => found,
            Err(reason) => {
                wipe(out);
                return Err(reason);
            }
        };
        let session = self.table.get(place).and_then(Option::as_ref).ok_or(Reason::Internal)?;
        let text = session.format.ok().and_then(|length| session.content_type.get(..length));
        let content_type = match (text.map(core::str::from_utf8), session.format) {
            (Some(Ok(text)), _) => ContentType::Text(text),
            (_, Err(number)) => ContentType::Number(number),
            _ => return Err(Reason::Internal),
        };
        Ok(Observation {
            from: core::str::from_utf8(session.sender.name()).map_err(|_| Reason::Internal)?,
            class: session.keys.class,
            kid: session.keys.kid,
            epoch: session.epoch,
            sequence: number,
            order,
            content_type,
            body: out.get(..length).ok_or(Reason::Internal)?,
            ticket: SessionTicket { place, epoch: session.epoch, sequence: number },
        })
    }

    /// Takes note that a message was handled: from now on it is refused. [`Reason::MessageReplayed`] if it was committed
    /// since it was opened, [`Reason::SessionUnknown`] if the session has ended; either way the application has it.
    pub fn commit(&mut self, ticket: SessionTicket) -> Result<()> {
        let session = self.table.get_mut(ticket.place).and_then(Option::as_mut);
        let session = session.filter(|held| held.epoch == ticket.epoch).ok_or(Reason::SessionUnknown)?;
        session.window.take(ticket.sequence).map(drop)
    }

    /// The name of the session that a message claims, for the report that it is lost.
    pub fn claimed(message: &[u8]) -> Option<[u8; 4]> {
        Encrypt0::parse(message).ok()?.header.kid?.try_into().ok()
    }

    /// Ends the sessions of a sender and wipes their keys.
    pub fn end(&mut self, sender: &[u8]) {
        for place in &mut self.table {
            if place.as_ref().is_some_and(|held| held.sender.name() == sender) {
                *place = None;
            }
        }
    }

    fn take(
        &mut self,
        suite: &Suite<'_>,
        us: &Receiver<'_>,
        signer: &VerifiedPeer,
        offer: &Opened<'_>,
        hybrid: Option<(&dyn Decapsulate, Demand)>,
    ) -> Result<Accepted> {
        if offer.stream != CONTROL || !is_offer(Some(offer.content_type)) {
            return Err(Reason::MessageMalformed);
        }
        signer.require(offer.class)?;
        require_session_class(offer.class)?;
        if signer.name() != offer.from.as_bytes() {
            return Err(Reason::MessageIdentity);
        }
        let mut reader = Reader::new(offer.body, Rules::Deterministic);
        let fields = reader.array().map_err(envelope::malformed)?;
        let secret = Secret::new(*reader.array_of().map_err(envelope::malformed)?);
        let (mut content_type, format) = ([0; CONTENT_TYPE], read_type(&mut reader).map_err(envelope::malformed)?);
        let format = match format {
            ContentType::Text(text) => {
                bytes::copy(text.as_bytes(), &mut content_type).ok_or(Reason::MessageMalformed)?;
                Ok(text.len())
            }
            ContentType::Number(number) => Err(number),
        };
        let epoch = (offer.epoch, offer.sequence);
        let [first, sent] = [reader.uint(), reader.uint()].map(|number| number.map_err(envelope::malformed));
        let run = match (first?, sent?) {
            (0, 0) => Run { name: epoch, sent: 0 },
            (first, sent) if (1..offer.sequence).contains(&first) => Run { name: (offer.epoch, first), sent },
            _ => return Err(Reason::MessageMalformed),
        };
        let derive = |secret: &[u8], more: &[u8]| {
            let names = [offer.from.as_bytes(), us.name];
            Keys::derive(suite, secret, &offer.boot, us.direction, offer.class, names, more)
        };
        let keys = match (fields, hybrid) {
            (4, Some((_, Demand::Hybrid))) => return Err(Reason::HybridRequired),
            (4, _) => derive(secret.expose(), &[])?,
            (6, None) => return Err(Reason::AlgorithmUnsupported),
            (6, Some((key, _))) => {
                let thumbprint = reader.array_of::<32>().map_err(envelope::malformed)?;
                let (ciphertext, mut second) = (reader.bytes().map_err(envelope::malformed)?, Secret::zeroed());
                if *thumbprint != key.public()?.thumbprint(suite)? {
                    return Err(Reason::KeyInvalid);
                }
                key.decapsulate(ciphertext, &mut second)?;
                derive(both(&secret, &second).expose(), thumbprint)?
            }
            _ => return Err(Reason::MessageMalformed),
        };
        reader.end().map_err(envelope::malformed)?;
        let same = |held: &Receiving| held.sender.name() == signer.name() && held.keys.class == offer.class;
        let place = match self.table.iter().position(|place| place.as_ref().is_some_and(same)) {
            Some(place) => place,
            None => self.table.iter().position(Option::is_none).ok_or(Reason::SendersFull)?,
        };
        let place = self.table.get_mut(place).ok_or(Reason::Internal)?;
        let earlier = place.as_ref().map_or(Earlier::First { sent: run.sent }, |held| held.followed_by(&run));
        let (kid, sender, window) = (keys.kid, signer.clone(), Window::default());
        *place = Some(Receiving { keys, sender, content_type, format, epoch, run, window });
        Ok(Accepted { kid, epoch, run: run.name, earlier })
    }

    /// Decrypts with the session that fits: its place, the number, the length and the order. Changes no window.
    fn find(
        &self,
        suite: &Suite<'_>,
        senders: &mut crate::Senders<'_>,
        message: &[u8],
        out: &mut [u8],
    ) -> Result<(usize, u64, usize, Order)> {
        if message.len() > MESSAGE.saturating_add(SESSION_OVERHEAD) {
            return Err(Reason::TooLarge);
        }
        let parsed = Encrypt0::parse(message)?;
        let number = number_of(parsed.header.partial_iv)?;
        // Two sessions may have the same name by chance: the one that decrypts it is meant.
        let mut failure = Reason::SessionUnknown;
        for (place, held) in self.table.iter().enumerate() {
            let Some(held) = held.as_ref().filter(|held| parsed.header.kid == Some(&held.keys.kid)) else { continue };
            let mut aad = [0; 32];
            let aad = aad_of(held.keys.direction, held.keys.class, &mut aad)?;
            if parsed.header.protected_alg()?.aead()? != AeadAlg::Aes128Gcm {
                return Err(Reason::CoseAlgorithm);
            }
            let length = match parsed.open(suite, &held.keys.content()?, aad, None, out) {
                Ok(length) => length,
                Err(reason) => {
                    failure = reason;
                    continue;
                }
            };
            let sender = core::str::from_utf8(held.sender.name()).map_err(|_| Reason::Internal)?;
            let peer = senders(sender, held.keys.class)?;
            peer.require(held.keys.class)?;
            if !same(&peer, &held.sender) {
                return Err(Reason::SessionUnknown);
            }
            return Ok((place, number, length, held.window.judge(number)?));
        }
        Err(failure)
    }
}

impl Receiving {
    /// What is missing at the end of this session where the next one counts on from `next`.
    fn followed_by(&self, next: &Run) -> Earlier {
        let known = self.run.sent.saturating_add(self.window.high());
        match next.sent.checked_sub(known).filter(|_| next.name == self.run.name) {
            Some(missing) => Earlier::Continued { missing },
            None => Earlier::Restarted { missing: next.sent },
        }
    }
}

/// Whether both verdicts are about the same peer with the same key.
fn same(today: &VerifiedPeer, before: &VerifiedPeer) -> bool {
    today.name() == before.name() && today.key().is_ok_and(|key| before.key() == Ok(key))
}

/// The classes that an epoch key may carry.
const fn require_session_class(class: Purpose) -> Result<()> {
    match class {
        Purpose::Telemetry | Purpose::Alarm | Purpose::Audit => Ok(()),
        _ => Err(Reason::MessageClass),
    }
}

/// The number that a Partial IV stands for; it has one encoding.
fn number_of(partial: Option<&[u8]>) -> Result<u64> {
    let partial = partial.ok_or(Reason::MessageMalformed)?;
    let shortest = partial.len() <= 4 && partial.first().is_some_and(|first| *first != 0);
    if !shortest {
        return Err(Reason::MessageMalformed);
    }
    Ok(partial.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn read_type<'a>(reader: &mut Reader<'a>) -> Result<ContentType<'a>> {
    match reader.peek()? {
        Type::Text => reader.text().map(ContentType::Text),
        _ => reader.uint().map(ContentType::Number),
    }
}

fn aad_of(direction: Direction, class: Purpose, out: &mut [u8; 32]) -> Result<&[u8]> {
    let mut writer = Writer::new(out);
    writer.array(3).text(OFFER).uint(u64::from(direction as u8)).uint(u64::from(class as u8));
    writer.finish().map(|bytes| &*bytes)
}

/// What one session has of keys.
#[derive(Debug)]
struct Keys {
    key: Secret<16>,
    base_iv: [u8; NONCE],
    kid: [u8; 4],
    direction: Direction,
    class: Purpose,
}

impl Keys {
    /// `more` follows the context: what a hybrid session adds to it.
    fn derive(
        suite: &Suite<'_>,
        secret: &[u8],
        boot: &[u8; 8],
        direction: Direction,
        class: Purpose,
        [sender, recipient]: [&[u8]; 2],
        more: &[u8],
    ) -> Result<Self> {
        let mut info = [0; 2 * NAME + 40];
        let mut writer = Writer::new(&mut info);
        writer.array(5).text(OFFER).uint(u64::from(direction as u8)).uint(u64::from(class as u8));
        writer.text(envelope::name(sender)?).text(envelope::name(recipient)?);
        let mut out = Secret::<32>::zeroed();
        suite.kdf(HashAlg::Sha256)?.derive(boot, secret, &[writer.finish()?, more], out.expose_mut())?;
        let (key, rest) = out.expose().split_first_chunk().ok_or(Reason::Internal)?;
        let (base_iv, kid) = rest.split_first_chunk().ok_or(Reason::Internal)?;
        let kid = kid.try_into().map_err(|_| Reason::Internal)?;
        Ok(Self { key: Secret::new(*key), base_iv: *base_iv, kid, direction, class })
    }

    fn content(&self) -> Result<ContentKey<'_>> {
        Ok(ContentKey::new(AeadAlg::Aes128Gcm, self.key.expose())?.with_base_iv(&self.base_iv))
    }
}
