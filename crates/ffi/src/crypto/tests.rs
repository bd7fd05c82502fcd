//! A table whose engines are the software of the library, told apart from it by what they count.

use super::*;
use aseptic_core::crypto::soft::{self, PrivateKey};
use aseptic_core::crypto::{AeadAlg, Agreement, KeyAlg, Parts, PublicKey};
use aseptic_core::platform::{Absent, Entropy, Outcome};
use aseptic_core::secret::Secret;
use core::slice;
use std::cell::{Cell, RefCell};

/// What stands behind the table: messages on their way, calls, and the status that every function answers if it is not 0.
#[derive(Default)]
struct Bench {
    messages: RefCell<Vec<Vec<u8>>>,
    calls: Cell<u32>,
    fault: Cell<aseptic_status>,
}

struct Fixed;
impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        out.fill(0x5A);
        Ok(())
    }
}

fn answer(ctx: *mut c_void, result: aseptic_core::Result<()>) -> aseptic_status {
    let bench = bench(ctx);
    bench.calls.set(bench.calls.get() + 1);
    match bench.fault.get() {
        0 => result.map_or_else(Reason::number, |()| 0),
        fault => fault,
    }
}

fn bench<'a>(ctx: *mut c_void) -> &'a Bench {
    unsafe { &*ctx.cast::<Bench>() }
}

fn bytes<'a>(pointer: *const u8, len: usize) -> &'a [u8] {
    unsafe { slice::from_raw_parts(pointer, len) }
}

unsafe extern "C" fn start(ctx: *mut c_void, state: *mut u64) -> aseptic_status {
    let state = unsafe { slice::from_raw_parts_mut(state, WORDS) };
    assert!(state.iter().all(|word| *word == 0));
    let mut messages = bench(ctx).messages.borrow_mut();
    messages.push(Vec::new());
    state[31] = messages.len() as u64;
    answer(ctx, Ok(()))
}

unsafe extern "C" fn update(ctx: *mut c_void, state: *mut u64, part: *const u8, len: usize) -> aseptic_status {
    let number = unsafe { *state.add(31) } as usize;
    bench(ctx).messages.borrow_mut()[number - 1].extend(bytes(part, len));
    answer(ctx, Ok(()))
}

unsafe extern "C" fn finish(ctx: *mut c_void, state: *mut u64, digest: *mut u8) -> aseptic_status {
    let number = unsafe { *state.add(31) } as usize;
    let found = soft::suite().sha256(&[&bench(ctx).messages.borrow()[number - 1]]).unwrap();
    unsafe { digest.copy_from(found.as_ptr(), 32) };
    answer(ctx, Ok(()))
}

unsafe extern "C" fn p256_verify(
    ctx: *mut c_void,
    key: *const u8,
    digest: *const u8,
    signature: *const u8,
) -> aseptic_status {
    // The library has hashed: what was signed is looked up by its digest.
    let messages = bench(ctx).messages.borrow();
    let digest = bytes(digest, 32);
    let message = messages.iter().find(|message| soft::suite().sha256(&[message]).unwrap() == digest).unwrap();
    let verified = soft::Es256.verify(bytes(key, 65), &mut Parts(&[message]), bytes(signature, 64));
    drop(messages);
    answer(ctx, verified)
}

unsafe extern "C" fn ed25519_start(ctx: *mut c_void, state: *mut u64, _: *const u8, _: *const u8) -> aseptic_status {
    unsafe { start(ctx, state) }
}

unsafe extern "C" fn ed25519_finish(
    ctx: *mut c_void,
    state: *mut u64,
    key: *const u8,
    signature: *const u8,
) -> aseptic_status {
    let number = unsafe { *state.add(31) } as usize;
    let message = bench(ctx).messages.borrow()[number - 1].clone();
    answer(ctx, soft::Ed25519.verify(bytes(key, 32), &mut Parts(&[&message]), bytes(signature, 64)))
}

unsafe extern "C" fn ephemeral(ctx: *mut c_void, peer: *const u8, public: *mut u8, secret: *mut u8) -> aseptic_status {
    let mut shared = Secret::zeroed();
    let public = unsafe { slice::from_raw_parts_mut(public, 65) };
    let made = soft::EcdhP256.ephemeral(&Fixed, bytes(peer, 65), public, &mut shared).map(drop);
    unsafe { secret.copy_from(shared.expose().as_ptr(), 32) };
    answer(ctx, made)
}

macro_rules! ciphers {
    ($($seal:ident $open:ident $pick:expr;)*) => {$(
        unsafe extern "C" fn $seal(
            ctx: *mut c_void, key: *const u8, key_len: usize, nonce: *const u8, aad: *const u8, aad_len: usize,
            data: *mut u8, len: usize, tag: *mut u8,
        ) -> aseptic_status {
            let (data, tag) = unsafe { (slice::from_raw_parts_mut(data, len), &mut *tag.cast::<[u8; 16]>()) };
            let nonce = bytes(nonce, 12).first_chunk().unwrap();
            answer(ctx, $pick(key_len).seal(bytes(key, key_len), nonce, bytes(aad, aad_len), data, tag))
        }
        unsafe extern "C" fn $open(
            ctx: *mut c_void, key: *const u8, key_len: usize, nonce: *const u8, aad: *const u8, aad_len: usize,
            data: *mut u8, len: usize, tag: *const u8,
        ) -> aseptic_status {
            let (data, tag) = (unsafe { slice::from_raw_parts_mut(data, len) }, bytes(tag, 16).first_chunk().unwrap());
            let nonce = bytes(nonce, 12).first_chunk().unwrap();
            let opened = $pick(key_len).open(bytes(key, key_len), nonce, bytes(aad, aad_len), data, tag);
            if opened.is_err() {
                data.fill(0xD0);
            }
            answer(ctx, opened)
        }
    )*};
}

ciphers! {
    gcm_seal gcm_open |len| soft::suite().aead(if len == 16 { AeadAlg::Aes128Gcm } else { AeadAlg::Aes256Gcm }).unwrap();
    chacha_seal chacha_open |_| soft::suite().aead(AeadAlg::ChaCha20Poly1305).unwrap();
}

unsafe extern "C" fn aes_block(
    ctx: *mut c_void,
    key: *const u8,
    key_len: usize,
    decrypt: u8,
    block: *mut u8,
) -> aseptic_status {
    let block = unsafe { &mut *block.cast::<[u8; 16]>() };
    answer(ctx, built_on::block(decrypt == 1, bytes(key, key_len), block))
}

fn table(bench: &Bench) -> aseptic_crypto {
    aseptic_crypto {
        size: size_of::<aseptic_crypto>() as u32,
        reserved: 0,
        ctx: core::ptr::from_ref(bench).cast_mut().cast(),
        sha256_start: Some(start),
        sha256_update: Some(update),
        sha256_finish: Some(finish),
        p256_verify: Some(p256_verify),
        ed25519_start: Some(ed25519_start),
        ed25519_update: Some(update),
        ed25519_finish: Some(ed25519_finish),
        p256_ephemeral: Some(ephemeral),
        aes_gcm_seal: Some(gcm_seal),
        aes_gcm_open: Some(gcm_open),
        chacha20_poly1305_seal: Some(chacha_seal),
        chacha20_poly1305_open: Some(chacha_open),
        aes_block: Some(aes_block),
    }
}

/// Everything a device does with its suite; the digest of all that came out.
fn work(suite: &Suite<'_>) -> aseptic_core::Result<[u8; 32]> {
    let mut out = Vec::new();
    out.extend(suite.sha256(&[b"one", b"two"])?);
    for alg in [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
        let (mut mac, mut okm) = ([0; 64], [0; 100]);
        suite.mac(alg)?.mac(b"key", &mut Parts(&[b"message"]), &mut mac)?;
        suite.kdf(alg)?.derive(b"salt", b"secret", &[b"in", b"fo"], &mut okm)?;
        out.extend(mac.iter().chain(&okm));
    }
    for alg in [KeyAlg::P256, KeyAlg::Ed25519] {
        let key = PrivateKey::from_bytes(alg, &[7; 32])?;
        let (mut public, mut signature) = ([0; 65], [0; 64]);
        let length = key.public(&mut public)?;
        key.sign(&mut Parts(&[b"message"]), &mut signature)?;
        let public = PublicKey::new(alg, &public[..length])?;
        suite.verify(public, &mut Parts(&[b"mess", b"age"]), &signature)?;
        let other = suite.verify(public, &mut Parts(&[b"massage"]), &signature);
        assert_eq!(other, Err(Reason::SignatureInvalid));
    }
    for alg in [AeadAlg::Aes128Gcm, AeadAlg::Aes256Gcm, AeadAlg::ChaCha20Poly1305] {
        let (aead, key) = (suite.aead(alg)?, &[9; 32][..alg.key_len()]);
        let (mut data, mut tag) = ([1; 40], [0; 16]);
        aead.seal(key, &[2; 12], b"aad", &mut data, &mut tag)?;
        out.extend(data.iter().chain(&tag));
        let mut changed = data;
        assert_eq!(aead.open(key, &[2; 12], b"AAD", &mut changed, &tag), Err(Reason::DecryptFailed));
        assert_eq!(changed, [0; 40], "nothing of a message that was refused is left");
        aead.open(key, &[2; 12], b"aad", &mut data, &tag)?;
        assert_eq!(data, [1; 40]);
        assert_eq!(aead.open(&[9; 5], &[2; 12], b"aad", &mut data, &tag), Err(Reason::KeyWrongUse));
    }
    for alg in [KeyAlg::P256, KeyAlg::X25519] {
        let (mut peer, mut public, mut secret) = ([0; 65], [0; 65], Secret::zeroed());
        let length = PrivateKey::from_bytes(alg, &[3; 32])?.public(&mut peer)?;
        suite.agreement(alg)?.ephemeral(&Fixed, &peer[..length], &mut public, &mut secret)?;
        out.extend(public.iter().chain(secret.expose()));
    }
    let mut wrapped = [0; 40];
    suite.key_wrap()?.wrap(&[4; 16], &[5; 32], &mut wrapped)?;
    suite.key_wrap()?.unwrap(&[4; 16], &wrapped, &mut [0; 32])?;
    out.extend(wrapped);
    soft::suite().sha256(&[&out])
}

fn engine(table: &aseptic_crypto) -> Result<Engine, Reason> {
    unsafe { Engine::read(table) }
}

#[test]
fn the_engines_of_the_table_give_what_the_software_gives() {
    let bench = Bench::default();
    let expected = work(&soft::suite()).unwrap();
    assert_eq!(engine(&table(&bench)).unwrap().with(|suite| work(&suite)), Ok(expected));
    assert!(bench.calls.get() > 50, "{}", bench.calls.get());
    bench.calls.set(0);
    let built_in = unsafe { Engine::read(core::ptr::null()) }.unwrap();
    assert_eq!(built_in.with(|suite| work(&suite)), Ok(expected));
    assert_eq!(bench.calls.get(), 0);
}

/// Any group may be left to the software.
#[test]
fn absent_entries_are_made_up_for_by_the_software() {
    let bench = Bench::default();
    let expected = work(&soft::suite()).unwrap();
    let without: [fn(&mut aseptic_crypto); 7] = [
        |table| (table.sha256_start, table.sha256_update, table.sha256_finish) = (None, None, None),
        |table| table.p256_verify = None,
        |table| (table.ed25519_start, table.ed25519_update, table.ed25519_finish) = (None, None, None),
        |table| table.p256_ephemeral = None,
        |table| (table.aes_gcm_seal, table.aes_gcm_open) = (None, None),
        |table| (table.chacha20_poly1305_seal, table.chacha20_poly1305_open) = (None, None),
        |table| table.aes_block = None,
    ];
    for set in 0..1 << without.len() {
        let mut lacking = table(&bench);
        // The engine for P-256 looks its messages up by what the engine for SHA-256 has seen.
        lacking.p256_verify = lacking.p256_verify.filter(|_| set & 1 == 0);
        without.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).for_each(|(_, leave)| leave(&mut lacking));
        assert_eq!(engine(&lacking).unwrap().with(|suite| work(&suite)), Ok(expected), "{set:b}");
    }
}

#[test]
fn whatever_an_engine_answers_but_ok_is_a_refusal() {
    let bench = Bench::default();
    let key = PrivateKey::from_bytes(KeyAlg::P256, &[7; 32]).unwrap();
    let (mut public, mut signature) = ([0; 65], [0; 64]);
    key.public(&mut public).unwrap();
    key.sign(&mut Parts(&[b"m"]), &mut signature).unwrap();
    let public = PublicKey::new(KeyAlg::P256, &public).unwrap();
    let mut only = table(&bench);
    (only.sha256_start, only.sha256_update, only.sha256_finish) = (None, None, None);
    bench.messages.borrow_mut().push(b"m".to_vec());
    let engine = engine(&only).unwrap();
    for fault in (-10..1000).chain([i32::MIN, i32::MAX]) {
        bench.fault.set(fault);
        let verified = engine.with(|suite| suite.verify(public, &mut Parts(&[b"m"]), &signature));
        let expected = match Reason::from_number(fault) {
            _ if fault == 0 => Ok(()),
            Some(reason @ (Reason::SignatureInvalid | Reason::KeyInvalid | Reason::AlgorithmUnsupported)) => {
                Err(reason)
            }
            Some(reason) if (110..116).contains(&fault) => Err(reason),
            _ => Err(Reason::PlatformIo),
        };
        assert_eq!(verified, expected, "{fault}");
        let (mut data, tag) = ([1; 8], [0; 16]);
        let opened =
            engine.with(|suite| suite.aead(AeadAlg::Aes128Gcm).unwrap().open(&[0; 16], &[0; 12], b"", &mut data, &tag));
        assert!(fault == 0 || opened.is_err());
        assert!(opened.is_ok() || data == [0; 8]);
    }
    assert_eq!(work(&Suite::EMPTY), Err(Reason::AlgorithmUnsupported));
    assert_eq!(PrivateKey::generate(KeyAlg::P256, &Absent).err(), Some(Reason::EntropyFailed));
}

#[test]
fn a_table_is_whole_group_by_group_and_of_this_size() {
    let bench = Bench::default();
    let whole = table(&bench);
    let broken: [fn(&mut aseptic_crypto); 13] = [
        |table| table.size -= 1,
        |table| table.size += 1,
        |table| table.reserved = 1,
        |table| table.sha256_start = None,
        |table| table.sha256_update = None,
        |table| table.sha256_finish = None,
        |table| table.ed25519_start = None,
        |table| table.ed25519_update = None,
        |table| table.ed25519_finish = None,
        |table| table.aes_gcm_seal = None,
        |table| table.aes_gcm_open = None,
        |table| table.chacha20_poly1305_seal = None,
        |table| table.chacha20_poly1305_open = None,
    ];
    for spoil in broken {
        let mut table = whole;
        spoil(&mut table);
        assert_eq!(engine(&table).err(), Some(Reason::Misuse));
    }
    let odd = core::ptr::from_ref(&whole).wrapping_byte_add(1);
    assert_eq!(unsafe { Engine::read(odd) }.err(), Some(Reason::Misuse));
}
