//! Against the X-Wing of RustCrypto, and with either half broken.

use super::*;
use crate::os::OsEntropy;
use x_wing::{Decapsulate as _, DecapsulationKey as Theirs, Encapsulate as _, EncapsulationKey as TheirKey};
use x_wing::{Kem as _, KeyExport as _, XWingKem};

const ROUNDS: usize = 20;

fn made(key: &[u8]) -> ([u8; CIPHERTEXT], Secret<32>) {
    let (mut ciphertext, mut secret) = ([0; CIPHERTEXT], Secret::zeroed());
    assert_eq!(XWing.encapsulate(&OsEntropy, key, &mut ciphertext, &mut secret), Ok(CIPHERTEXT));
    (ciphertext, secret)
}

fn opened(key: &PrivateKey, ciphertext: &[u8]) -> Result<Secret<32>> {
    let mut secret = Secret::zeroed();
    key.decapsulate(ciphertext, &mut secret).map(|()| secret)
}

#[test]
fn another_implementation_opens_ours_and_we_open_its() {
    let ours = PrivateKey::generate(&OsEntropy).unwrap();
    for _ in 0..ROUNDS {
        let (theirs, public): (Theirs, TheirKey) = XWingKem::generate_keypair();
        let (ciphertext, secret) = made(&public.to_bytes());
        let opened_there = theirs.decapsulate((&ciphertext[..]).try_into().unwrap());
        assert_eq!(opened_there[..], secret.expose()[..]);

        let public = TheirKey::try_from(ours.public().unwrap().bytes()).unwrap();
        let (ciphertext, secret) = public.encapsulate();
        assert_eq!(opened(&ours, &ciphertext).unwrap().expose()[..], secret[..]);
    }
}

#[test]
fn a_key_is_kept_and_a_damaged_one_is_refused() {
    let key = PrivateKey::generate(&OsEntropy).unwrap();
    let again = PrivateKey::from_bytes(key.expose()).unwrap();
    assert_eq!(again.public(), key.public());
    let (ciphertext, secret) = made(key.public().unwrap().bytes());
    assert_eq!(opened(&again, &ciphertext), Ok(secret));
    assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    // One bit in each part that FIPS 203 section 7.3 lets a key be checked by: the vector, the public key, its hash.
    for at in [0, 700, EMBEDDED, EMBEDDED + ENCAPSULATION - 1, EMBEDDED + ENCAPSULATION, EMBEDDED + ENCAPSULATION + 31]
    {
        let mut damaged = key.expose().to_vec();
        damaged[at] ^= 1;
        assert_eq!(PrivateKey::from_bytes(&damaged).map(drop), Err(Reason::KeyInvalid), "byte {at}");
    }
    assert_eq!(PrivateKey::from_bytes(&key.expose()[1..]).map(drop), Err(Reason::KeyInvalid));
}

#[test]
fn with_one_half_alone_nobody_has_the_secret() {
    let (key, other) = (PrivateKey::generate(&OsEntropy).unwrap(), PrivateKey::generate(&OsEntropy).unwrap());
    let (ciphertext, secret) = made(key.public().unwrap().bytes());
    assert_eq!(opened(&key, &ciphertext).as_ref(), Ok(&secret));
    // Who has broken X25519 alone, and who has broken ML-KEM alone.
    let half = |lattice: &PrivateKey, classical: &PrivateKey| {
        let bytes = [&lattice.expose()[..DECAPSULATION], &classical.expose()[DECAPSULATION..]].concat();
        // The public key is the recipient's: everybody has it.
        PrivateKey { public: key.public, ..PrivateKey::from_bytes(&bytes).unwrap() }
    };
    assert_eq!(opened(&half(&key, &key), &ciphertext).as_ref(), Ok(&secret));
    assert_ne!(opened(&half(&other, &key), &ciphertext).as_ref(), Ok(&secret));
    assert_ne!(opened(&half(&key, &other), &ciphertext).as_ref(), Ok(&secret));
    // Every part of the ciphertext decides about the secret.
    for at in [0, 500, ENCRYPTED - 1, ENCRYPTED, CIPHERTEXT - 2] {
        let mut changed = ciphertext;
        changed[at] ^= 1;
        assert_ne!(opened(&key, &changed).as_ref(), Ok(&secret), "byte {at}");
    }
}

#[test]
fn what_is_no_key_and_no_ciphertext_is_refused() {
    let key = PrivateKey::generate(&OsEntropy).unwrap();
    let public = key.public().unwrap().bytes();
    let refused = |bytes: &[u8]| {
        let mut secret = Secret::zeroed();
        let refused = XWing.encapsulate(&OsEntropy, bytes, &mut [0; CIPHERTEXT], &mut secret);
        assert_eq!(secret, Secret::zeroed());
        refused
    };
    // A coefficient that is not below the modulus (FIPS 203 section 7.2), and a point of small order.
    let mut large = public.to_vec();
    large[..2].fill(0xFF);
    let mut small = public.to_vec();
    small[ENCAPSULATION..].fill(0);
    for bytes in [&large[..], &small, &public[1..], &[]] {
        assert_eq!(refused(bytes), Err(Reason::KeyInvalid));
    }
    let room = XWing.encapsulate(&OsEntropy, public, &mut [0; CIPHERTEXT - 1], &mut Secret::zeroed());
    assert_eq!(room, Err(Reason::BufferTooSmall));
    let (mut ciphertext, _) = made(public);
    assert_eq!(opened(&key, &ciphertext[1..]), Err(Reason::DecryptFailed));
    ciphertext[ENCRYPTED..].fill(0);
    assert_eq!(opened(&key, &ciphertext), Err(Reason::KeyInvalid));
}
