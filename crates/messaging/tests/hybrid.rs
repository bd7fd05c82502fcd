//! Hybrid sessions: both halves count, only the pinned key does, and there is no way down.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

mod ward;

use aseptic_core::cose::ContentType;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::Secret;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_core::{Reason, Result, limits};
use aseptic_hosted::crypto::hybrid::{self, PrivateKey, XWing};
use aseptic_hosted::os::OsEntropy;
use aseptic_messaging::{
    Decapsulate, Demand, Direction, HYBRID_OFFER, HybridKey, Kem, Opener, SESSION_OVERHEAD, Sender, Session,
    SessionOffer, Sessions,
};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::sweep::sweep;
use ward::{NOW, Ward};

const TYPE: ContentType<'_> = ContentType::Text("x-application/hl7-v2+er7");
const CLASS: Purpose = Purpose::Telemetry;

struct Pair {
    ward: Ward,
    device: Bench,
    server: Bench,
    sender: Sender,
    opener: Opener,
    sessions: Sessions<2>,
}

/// A session at its sender, and what a passive listener keeps of it: the offer and one message.
struct Kept {
    session: Session,
    offer: Vec<u8>,
    message: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let (device, server) = (Bench::new(1), Bench::new(2));
        let sender = Sender::load(&device.platform(), Direction::FromDevice).unwrap();
        let opener = Opener::load(&server.platform()).unwrap();
        Self { ward: Ward::new(), device, server, sender, opener, sessions: Sessions::default() }
    }

    fn offer(&mut self, hybrid: Option<&HybridKey<'_>>) -> Result<Kept> {
        let Self { ward, device, sender, .. } = self;
        let (to, mut out) = (ward.to(&ward.adapters[0]), vec![0; Sender::room(HYBRID_OFFER)]);
        let (platform, suite, from) = (device.platform(), ward.suite, ward.pump.origin());
        let offer = SessionOffer { to: &to, class: CLASS, content_type: TYPE, time: NOW, hybrid, after: None };
        let (mut session, length) = Session::offer(&platform, &suite, sender, &from, &offer, &mut out)?;
        let mut message = vec![0; 4 + SESSION_OVERHEAD];
        let sealed = session.seal(&platform, &suite, &to, b"SpO2", &mut message).unwrap();
        message.truncate(sealed);
        out.truncate(length);
        Ok(Kept { session, offer: out, message })
    }

    fn accept(&mut self, offer: &[u8], hybrid: Option<(&dyn Decapsulate, Demand)>) -> Result<[u8; 4]> {
        accept(&self.ward, &self.server, &mut self.opener, &mut self.sessions, offer, hybrid)
    }

    fn take(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let (ward, mut out) = (&self.ward, vec![0; message.len()]);
        let mut senders = |name: &str, class| ward.sender(name, class);
        let opened = self.sessions.open(&self.server.platform(), &ward.suite, &mut senders, message, &mut out)?;
        let (body, ticket) = (opened.body.to_vec(), opened.ticket);
        self.sessions.commit(ticket).map(|()| body)
    }
}

fn accept(
    ward: &Ward,
    server: &Bench,
    opener: &mut Opener,
    sessions: &mut Sessions<2>,
    offer: &[u8],
    hybrid: Option<(&dyn Decapsulate, Demand)>,
) -> Result<[u8; 4]> {
    let (adapter, mut out) = (&ward.adapters[0], vec![0; offer.len()]);
    let opened = ward.open(opener, server, adapter, offer, &mut out)?;
    let signer = ward.sender(opened.from, opened.class)?;
    match hybrid {
        Some((key, demand)) => sessions.accept_hybrid(&ward.suite, &adapter.receiver(), key, demand, &signer, &opened),
        None => sessions.accept(&ward.suite, &adapter.receiver(), &signer, &opened),
    }
    .map(|accepted| accepted.kid)
}

/// What the owner's store says of the KEM key of `name`.
fn pinned(name: &'static str, key: &PublicKey<'_>, denied: bool) -> Result<VerifiedPeer> {
    let suite = aseptic_core::crypto::soft::suite();
    let thumbprint = key.thumbprint(&suite).unwrap();
    let other = if denied { Purpose::Network } else { Purpose::Receive };
    let material = Material::Thumbprint(KeyAlg::XWing, &thumbprint);
    let entries = [Entry { purposes: Purposes::of(&[other]), name: name.as_bytes(), material }];
    danger::unsigned(Authority::Owner, &entries).unwrap().pinned_long(
        &suite,
        Purpose::Receive,
        name.as_bytes(),
        KeyAlg::XWing,
    )
}

#[test]
fn a_hybrid_session_carries_messages_as_others_do_and_ends_with_a_restart() {
    let (mut pair, key) = (Pair::new(), PrivateKey::generate(&OsEntropy).unwrap());
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let hybrid = HybridKey { peer: &peer, key: public.bytes(), kem: &XWing };
    for demand in [Demand::Hybrid, Demand::Either] {
        let kept = pair.offer(Some(&hybrid)).unwrap();
        println!("a hybrid offer has {} bytes", kept.offer.len());
        assert_eq!(pair.accept(&kept.offer, Some((&key, demand))), Ok(kept.session.kid()));
        assert_eq!(pair.accept(&kept.offer, Some((&key, demand))), Err(Reason::MessageReplayed));
        assert_eq!(pair.take(&kept.message).unwrap(), b"SpO2");
        assert_eq!(pair.take(&kept.message), Err(Reason::MessageReplayed));
    }
    // Epochs persist: an older offer is not taken after a restart, the next one is.
    let (old, new) = (pair.offer(Some(&hybrid)).unwrap(), pair.offer(Some(&hybrid)).unwrap());
    pair.accept(&new.offer, Some((&key, Demand::Hybrid))).unwrap();
    pair.server.restart();
    pair.opener = Opener::load(&pair.server.platform()).unwrap();
    pair.sessions = Sessions::default();
    assert_eq!(pair.accept(&old.offer, Some((&key, Demand::Hybrid))), Err(Reason::MessageTooOld));
    assert_eq!(pair.take(&new.message), Err(Reason::SessionUnknown));
    let next = pair.offer(Some(&hybrid)).unwrap();
    pair.accept(&next.offer, Some((&key, Demand::Hybrid))).unwrap();
    assert_eq!(pair.take(&next.message).unwrap(), b"SpO2");
}

#[test]
fn whatever_happens_while_an_offer_is_taken_it_is_taken_once_at_most() {
    let key = PrivateKey::generate(&OsEntropy).unwrap();
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let kept = Pair::new().offer(Some(&HybridKey { peer: &peer, key: public.bytes(), kem: &XWing })).unwrap();
    // As after a start: the windows from the store, and no session.
    let ward = Ward::new();
    let take = |server: &Bench| {
        let (mut opener, mut sessions) = (Opener::load(&server.platform())?, Sessions::default());
        accept(&ward, server, &mut opener, &mut sessions, &kept.offer, Some((&key, Demand::Hybrid))).map(drop)
    };
    let count = sweep(
        || Bench::new(2),
        take,
        |server, outcome| {
            let again = take(server);
            assert!(outcome.result.is_err() || again.is_err(), "{outcome:?}");
            assert!(again.is_ok() || again == Err(Reason::MessageTooOld), "{again:?}");
        },
    );
    println!("offers: {count}");
    assert!(count.cuts > 0 && count.failures > 0);
}

/// A listener that can do what the real X-Wing key can do but for one half, of which it makes up the secret.
struct Broken<'k> {
    key: &'k PrivateKey,
    half: PrivateKey,
}

impl Decapsulate for Broken<'_> {
    fn public(&self) -> Result<PublicKey<'_>> {
        self.key.public()
    }

    fn decapsulate(&self, ciphertext: &[u8], secret: &mut Secret<32>) -> Result<()> {
        self.half.decapsulate(ciphertext, secret)
    }
}

#[test]
fn breaking_p256_and_either_half_of_the_kem_does_not_give_the_session() {
    let keys = [(); 2].map(|()| PrivateKey::generate(&OsEntropy).unwrap());
    let [key, other] = &keys;
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let hybrid = HybridKey { peer: &peer, key: public.bytes(), kem: &XWing };
    let lattice = hybrid::PRIVATE - 32;
    for (ours, theirs, whole) in [(key, key, true), (key, other, false), (other, key, false), (other, other, false)] {
        let half = [&ours.expose()[..lattice], &theirs.expose()[lattice..]].concat();
        let broken = Broken { key, half: PrivateKey::from_bytes(&half).unwrap() };
        // The pair's opener has the recipient's P-256 key: that half of the offer is broken in any case.
        let mut pair = Pair::new();
        let kept = pair.offer(Some(&hybrid)).unwrap();
        let found = pair.accept(&kept.offer, Some((&broken, Demand::Hybrid)));
        assert_eq!(found == Ok(kept.session.kid()), whole);
        assert_eq!(pair.take(&kept.message).is_ok(), whole);
    }
}

/// A KEM that is broken wholly: its secret is known to all.
struct Known;

impl Kem for Known {
    fn alg(&self) -> KeyAlg {
        KeyAlg::XWing
    }

    fn encapsulate(&self, _: &dyn Entropy, _: &[u8], out: &mut [u8], secret: &mut Secret<32>) -> Result<usize> {
        *secret = Secret::zeroed();
        Ok(out.len())
    }
}

#[test]
fn a_broken_kem_leaves_what_a_session_without_one_has() {
    let (mut pair, key) = (Pair::new(), PrivateKey::generate(&OsEntropy).unwrap());
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let hybrid = HybridKey { peer: &peer, key: public.bytes(), kem: &Known };
    let mut names = [(); 8].map(|()| pair.offer(Some(&hybrid)).unwrap().session.kid());
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "the secret that P-256 carries counts");
}

#[test]
fn a_downgrade_is_refused_and_changes_no_session() {
    let (mut pair, key) = (Pair::new(), PrivateKey::generate(&OsEntropy).unwrap());
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let hybrid = HybridKey { peer: &peer, key: public.bytes(), kem: &XWing };
    let good = pair.offer(Some(&hybrid)).unwrap();
    pair.accept(&good.offer, Some((&key, Demand::Hybrid))).unwrap();
    let weak = pair.offer(None).unwrap();
    assert_eq!(pair.accept(&weak.offer, Some((&key, Demand::Hybrid))), Err(Reason::HybridRequired));
    assert_eq!(pair.take(&weak.message), Err(Reason::SessionUnknown));
    assert_eq!(pair.take(&good.message).unwrap(), b"SpO2", "the session of before goes on");
    // Where a receiver lets others in, they are what they were.
    let weak = pair.offer(None).unwrap();
    assert_eq!(pair.accept(&weak.offer, Some((&key, Demand::Either))), Ok(weak.session.kid()));
    assert_eq!(pair.take(&weak.message).unwrap(), b"SpO2");
    // A receiver without a KEM key says so.
    let good = pair.offer(Some(&hybrid)).unwrap();
    assert_eq!(pair.accept(&good.offer, None), Err(Reason::AlgorithmUnsupported));
    assert_eq!(pair.take(&good.message), Err(Reason::SessionUnknown));
}

#[test]
fn only_the_pinned_key_of_this_recipient_is_encapsulated_for() {
    let mut pair = Pair::new();
    let [key, other] = [(); 2].map(|()| PrivateKey::generate(&OsEntropy).unwrap());
    let public = key.public().unwrap();
    let peer = pinned("adapter-1", &public, false).unwrap();
    let stranger = pinned("adapter-2", &public, false).unwrap();
    assert_eq!(pinned("adapter-1", &public, true), Err(Reason::NoPurpose));
    let other = other.public().unwrap();
    let mut refused = |peer: &VerifiedPeer, key: &[u8]| {
        pair.offer(Some(&HybridKey { peer, key, kem: &XWing })).map(drop).unwrap_err()
    };
    assert_eq!(refused(&peer, other.bytes()), Reason::KeyInvalid, "a key that the store does not pin");
    assert_eq!(refused(&peer, &public.bytes()[1..]), Reason::KeyInvalid);
    assert_eq!(refused(&stranger, public.bytes()), Reason::NoPurpose, "the key of somebody else");
    let ward = Ward::new();
    let classical = ward.to(&ward.adapters[0]);
    assert!(classical.long_key(&ward.suite, public.bytes()).is_err(), "a P-256 key is none");
    // A KEM key receives no sealed message by itself.
    let sealed = pair.ward.seal(&mut pair.sender, &pair.device, &pair.ward.pump, &ward::outgoing(CLASS, &[peer], b"x"));
    assert_eq!(sealed, Err(Reason::AlgorithmUnsupported));
    // The sender has the key of before: the offer says so, and no session comes of it.
    let old = pinned("adapter-1", &other, false).unwrap();
    let kept = pair.offer(Some(&HybridKey { peer: &old, key: other.bytes(), kem: &XWing })).unwrap();
    assert_eq!(pair.accept(&kept.offer, Some((&key, Demand::Hybrid))), Err(Reason::KeyInvalid));
    const { assert!(HYBRID_OFFER < limits::MESSAGE) }
}

#[test]
fn a_store_that_pins_the_kem_key_alone_receives_nothing() {
    let key = PrivateKey::generate(&OsEntropy).unwrap();
    let thumbprint = key.public().unwrap().thumbprint(&Ward::new().suite).unwrap();
    let material = Material::Thumbprint(KeyAlg::XWing, &thumbprint);
    let entries = [Entry { purposes: Purposes::of(&[Purpose::Receive]), name: b"adapter-1", material }];
    let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
    assert_eq!(trust.store(Authority::Owner).unwrap().serves(), Purposes::default());
}
