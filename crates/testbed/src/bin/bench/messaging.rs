//! What COSE costs above its cryptography: a COSE_Sign1 verified against the raw signature, a message of a session and a
//! COSE_Encrypt0 of 1 KiB sealed and opened against the raw AEAD, and the strict reader beside other people's.

use super::measure::{Way, measure};
use aseptic_core::cose::{ContentKey, ContentType, Encrypt0, Headers, Sealer, Sign1, Structure, sign1};
use aseptic_core::crypto::{AeadAlg, KeyAlg, Parts, Suite, TAG};
use aseptic_core::platform::{Entropy, Outcome};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use aseptic_hosted::crypto;
use aseptic_messaging::{
    Countersigned, Direction, Opener, Origin, Receiver, SESSION_OVERHEAD, Sender, Session, SessionOffer, Sessions,
};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::KeyPair;
use coset::TaggedCborSerializable;
use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// Measures and prints.
pub(super) fn run() -> Outcomes<()> {
    let suite = crypto::suite();
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        signature(&suite, alg)?;
    }
    session(&suite)?;
    for alg in [AeadAlg::Aes128Gcm, AeadAlg::ChaCha20Poly1305] {
        sealed(&suite, alg)?;
    }
    decoding()
}

fn headers() -> Headers<'static> {
    let content_type = Some(ContentType::Number(42));
    Headers { kid: Some(b"pump-1"), content_type, ..Headers::default() }
}

fn signature(suite: &Suite<'_>, alg: KeyAlg) -> Outcomes<()> {
    let (pair, body, mut message) = (KeyPair::new(alg, 1), [0x5A; 256], vec![0; 1024]);
    let length = sign1(&pair.private, &headers(), &body, false, &[], &mut message)?;
    message.truncate(length);
    let (public, signs) = (pair.public(), alg.signs().ok_or("a key that signs")?);
    let verifier = suite.verifier(signs)?;
    let read = Sign1::parse(&message)?;
    let (context, body) = ("Signature1", read.header.protected);
    let structure =
        Structure { context, body, layer: None, aad: &[], payload: read.payload.unwrap_or_default(), other: None };
    let mut signed = Vec::new();
    structure.with(|parts| {
        parts.read(&mut |part| {
            signed.extend_from_slice(part);
            Ok(())
        })
    })?;
    let mut signature = [0; 64];
    pair.private.sign(&mut Parts(&[&signed]), &mut signature)?;
    let mut ways = [
        Way::new("raw signature", || {
            verifier.verify(public.bytes(), &mut Parts(&[&signed]), &signature).expect("a good signature");
        }),
        Way::new("COSE_Sign1 read and verified", || {
            let message = Sign1::parse(&message).expect("a message");
            message.verify(suite, public, &[], None).expect("a good signature");
        }),
    ];
    measure(&mut ways);
    let [raw, cose] = &ways;
    println!(
        "messaging: {signs:?}: {}: {:.1?}; {}: {:.1?}",
        raw.name(),
        raw.percentile(50),
        cose.name(),
        cose.percentile(50)
    );
    println!("messaging: {signs:?}: {} / {} = {}", cose.name(), raw.name(), cose.ratio(raw).against(1.02));
    Ok(())
}

/// A message of a session from the body to the body: numbered, sealed, read, judged against the trust in its sender, opened,
/// and its number noted in the window.
fn session(suite: &Suite<'_>) -> Outcomes<()> {
    let (device, server) = (Bench::new(1), Bench::new(2));
    let (device, server) = (device.platform(), server.platform());
    let (pump, adapter) = (KeyPair::new(KeyAlg::P256, 1), KeyPair::new(KeyAlg::P256, 2));
    let class = Purpose::Telemetry;
    let entries = [
        Entry { purposes: Purposes::of(&[class]), name: b"pump-1", material: Material::Key(pump.public()) },
        Entry {
            purposes: Purposes::of(&[Purpose::Receive]),
            name: b"adapter-1",
            material: Material::Key(adapter.public()),
        },
    ];
    let trust = danger::unsigned(Authority::Owner, &entries)?;
    let (to, from) = (trust.pinned(suite, Purpose::Receive, b"adapter-1")?, trust.pinned(suite, class, b"pump-1")?);
    let origin = Origin { name: b"pump-1", key: pump.public(), signer: &pump.private };
    let mut sender = Sender::load(&device, Direction::FromDevice)?;
    let mut offer = vec![0; Sender::room(128)];
    let content_type = ContentType::Text("x-application/hl7-v2+er7");
    let terms = SessionOffer { to: &to, class, content_type, time: Time::UNKNOWN, hybrid: None, after: None };
    let (mut session, length) = Session::offer(&device, suite, &mut sender, &origin, &terms, &mut offer)?;
    let us = Receiver {
        name: b"adapter-1",
        key: &adapter.private,
        direction: Direction::FromDevice,
        allowed: Purposes::of(&[class]),
    };
    let (mut opener, mut sessions) = (Opener::load(&server)?, Sessions::<1>::default());
    // The verdict of this moment; what it costs to come by one is the application's.
    let mut senders = |_: &str, _| Ok(from.clone());
    let mut room = vec![0; length];
    let opened = opener.open(&server, suite, &us, &mut senders, offer.get(..length).ok_or("an offer")?, &mut room)?;
    sessions.accept(suite, &us, &from, &opened)?;

    let (body, mut message, mut plaintext) = ([0x5A; 1024], [0; 1024 + SESSION_OVERHEAD], [0; 1200]);
    let mut raw = raw(suite, AeadAlg::Aes128Gcm)?;
    let mut ways = [
        Way::new("raw AEAD, sealed and opened", &mut raw),
        Way::new("a message of a session, sealed, opened and committed", || {
            let length = session.seal(&device, suite, &to, &body, &mut message).expect("room");
            let message = message.get(..length).expect("a message");
            let opened = sessions.open(&server, suite, &mut senders, message, &mut plaintext).expect("its own");
            let ticket = black_box(opened).ticket;
            sessions.commit(ticket).expect("a new number");
        }),
    ];
    beside("Aes128Gcm", &mut ways);
    Ok(())
}

fn sealed(suite: &Suite<'_>, alg: AeadAlg) -> Outcomes<()> {
    let (key, body, counter) = ([0x5E; 32], [0x5A; 1024], Counter(Cell::new(0)));
    let key = key.get(..alg.key_len()).ok_or("a key")?;
    let content = ContentKey::new(alg, key)?;
    let sealer = Sealer { suite, entropy: &counter };
    let (mut message, mut plaintext) = ([0; 1200], [0; 1200]);
    let headers = Headers { kid: Some(b"pump-1"), ..Headers::default() };
    let mut raw = raw(suite, alg)?;
    let mut ways = [
        Way::new("raw AEAD, sealed and opened", &mut raw),
        Way::new("COSE_Encrypt0, sealed and opened", || {
            let length = sealer.encrypt0(&content, &headers, &body, &[], &mut message).expect("room");
            let read = Encrypt0::parse(&message[..length]).expect("a message");
            read.open(suite, &content, &[], None, &mut plaintext).expect("its own");
            black_box(&plaintext);
        }),
    ];
    beside(&format!("{alg:?}"), &mut ways);
    Ok(())
}

/// 1 KiB sealed and opened in place, with associated data as long as an Enc_structure.
fn raw<'s>(suite: &Suite<'s>, alg: AeadAlg) -> Outcomes<impl FnMut() + use<'s>> {
    let (engine, counter, mut room) = (suite.aead(alg)?, Counter(Cell::new(0)), [0; 1024]);
    Ok(move || {
        let (key, aad, nonce, mut tag) = ([0x5E; 32], [0x83; 32], counter.next(), [0; TAG]);
        let key = &key[..alg.key_len()];
        room.copy_from_slice(&[0x5A; 1024]);
        engine.seal(key, &nonce, &aad, &mut room, &mut tag).expect("room");
        engine.open(key, &nonce, &aad, &mut room, &tag).expect("its own");
        black_box(&room);
    })
}

/// Measures the second way against the first.
fn beside(alg: &str, ways: &mut [Way<'_>; 2]) {
    measure(ways);
    let [raw, cose] = ways;
    println!(
        "messaging: {alg}, 1 KiB: {}: {:.1?}; {}: {:.1?}",
        raw.name(),
        raw.percentile(50),
        cose.name(),
        cose.percentile(50)
    );
    println!("messaging: {alg}, 1 KiB: {} / {} = {}", cose.name(), raw.name(), cose.ratio(raw).against(1.25));
}

/// The same bytes read: all header rules of RFC 9052 checked by us, fewer or none by the others.
fn decoding() -> Outcomes<()> {
    let (pair, body, mut message) = (KeyPair::new(KeyAlg::Ed25519, 1), [0x5A; 256], vec![0; 1024]);
    let length = sign1(&pair.private, &headers(), &body, false, &[], &mut message)?;
    message.truncate(length);
    let mut ways = [
        Way::new("aseptic, strict", || {
            black_box(Sign1::parse(black_box(&message)).expect("a message"));
        }),
        Way::new("minicbor, fields alone", || {
            black_box(by_minicbor(black_box(&message)).expect("a message"));
        }),
        Way::new("coset", || {
            black_box(coset::CoseSign1::from_tagged_slice(black_box(&message)).expect("a message"));
        }),
        Way::new("aseptic, as a relay reads", || {
            black_box(Countersigned::parse(black_box(&message)).expect("a message"));
        }),
    ];
    measure(&mut ways);
    for way in &ways {
        let (median, best) = (way.percentile(50), way.percentile(0));
        println!(
            "messaging: COSE_Sign1 with three protected headers read, {}: {median:.1?} (best {best:.1?})",
            way.name()
        );
    }
    let ours = ways[0].percentile(50).as_nanos();
    println!("messaging: strict reading = {ours} ns, aim 35 ns: {}", if ours <= 35 { "met" } else { "MISSED" });
    Ok(())
}

/// The four fields and the three headers of the message, without rules: doubled labels pass, and so does what follows.
fn by_minicbor(message: &[u8]) -> Result<[&[u8]; 4], minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(message);
    decoder.tag()?;
    decoder.array()?;
    let protected = decoder.bytes()?;
    let mut inner = minicbor::Decoder::new(protected);
    let mut kid = &[][..];
    for _ in 0..inner.map()?.unwrap_or_default() {
        match inner.i64()? {
            4 => kid = inner.bytes()?,
            _ => inner.skip()?,
        }
    }
    for _ in 0..decoder.map()?.unwrap_or_default() * 2 {
        decoder.skip()?;
    }
    Ok([protected, kid, decoder.bytes()?, decoder.bytes()?])
}

/// Nonces that cost nothing and never repeat: what randomness costs is not COSE's.
struct Counter(Cell<u64>);

impl Counter {
    fn next(&self) -> [u8; 12] {
        self.0.set(self.0.get() + 1);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.0.get().to_be_bytes());
        nonce
    }
}

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        let next = self.next();
        out.iter_mut().zip(next.iter().cycle()).for_each(|(place, byte)| *place = *byte);
        Ok(())
    }
}
