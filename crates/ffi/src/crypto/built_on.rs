//! HMAC, HKDF, AES key wrap and AES in counter mode over engines of the firmware.
//!
//! The crates for these want an engine that cannot fail, has no context and is a type: none of that holds for a table of C
//! functions. Each is a page of its RFC, and is compared with those crates below.

use aseptic_core::crypto::{Ctr, Hash, HashAlg, Kdf, KeyWrap, Mac, Message, Parts};
use aseptic_core::secret::{Secret, equal, wipe};
use aseptic_core::{Reason, Result, bytes};

/// HMAC (RFC 2104) on a SHA-256.
pub(super) struct HmacSha256<'a>(pub(super) &'a dyn Hash);

impl Mac for HmacSha256<'_> {
    fn alg(&self) -> HashAlg {
        HashAlg::Sha256
    }

    fn mac(&self, key: &[u8], message: &mut dyn Message, out: &mut [u8]) -> Result<()> {
        // RFC 2104 section 2: a key longer than a block is hashed, a shorter one is filled up with zeros.
        let mut block = Secret::<BLOCK>::zeroed();
        if bytes::copy(key, block.expose_mut()).is_none() {
            digest(self.0, &mut Parts(&[key]), block.expose_mut())?;
        }
        block.expose_mut().iter_mut().for_each(|byte| *byte ^= 0x36);
        let mut inner = Secret::<DIGEST>::zeroed();
        digest(self.0, &mut After { first: block.expose(), rest: message }, inner.expose_mut())?;
        block.expose_mut().iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5C);
        digest(self.0, &mut Parts(&[block.expose(), inner.expose()]), out)
    }
}

/// HKDF (RFC 5869) on a SHA-256.
pub(super) struct HkdfSha256<'a>(pub(super) &'a dyn Hash);

impl Kdf for HkdfSha256<'_> {
    fn alg(&self) -> HashAlg {
        HashAlg::Sha256
    }

    fn derive(&self, salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()> {
        let hmac = HmacSha256(self.0);
        let mut key = Secret::<DIGEST>::zeroed();
        // HMAC fills its key up with zeros, so an empty salt is the zero salt of section 2.2.
        hmac.mac(salt, &mut Parts(&[secret]), key.expose_mut())?;
        // Section 2.3: at most 255 blocks.
        if out.len() > 255 * DIGEST {
            return Err(Reason::Misuse);
        }
        let (mut before, mut block) = (Secret::<DIGEST>::zeroed(), Secret::<DIGEST>::zeroed());
        for (number, piece) in (1..=u8::MAX).zip(out.chunks_mut(DIGEST)) {
            let tail: &[u8] = if number == 1 { &[] } else { before.expose() };
            hmac.mac(key.expose(), &mut Expand { before: tail, info, number }, block.expose_mut())?;
            bytes::copy(block.expose().get(..piece.len()).ok_or(Reason::Internal)?, piece);
            core::mem::swap(&mut before, &mut block);
        }
        Ok(())
    }
}

/// AES key wrap (RFC 3394) on a function that encrypts one block in place, or decrypts it where its first word is true.
pub(super) struct AesKw<F>(pub(super) F);

impl<F: Fn(bool, &[u8], &mut [u8; 16]) -> Result<()> + Send + Sync> KeyWrap for AesKw<F> {
    fn wrap(&self, kek: &[u8], key: &[u8], out: &mut [u8]) -> Result<usize> {
        lengths(kek, key.len()).map_err(|()| Reason::KeyWrongUse)?;
        let length = key.len().saturating_add(8);
        let (check, blocks) =
            out.get_mut(..length).and_then(<[u8]>::split_first_chunk_mut::<8>).ok_or(Reason::BufferTooSmall)?;
        bytes::copy(key, blocks).ok_or(Reason::Internal)?;
        // Section 2.2.1: six rounds over all blocks, t counts on.
        *check = INITIAL;
        let mut t = 0_u64;
        for _ in 0..6 {
            for block in blocks.as_chunks_mut::<8>().0 {
                t = t.saturating_add(1);
                self.pass(false, kek, check, block)?;
                *check = (u64::from_be_bytes(*check) ^ t).to_be_bytes();
            }
        }
        Ok(length)
    }

    fn unwrap(&self, kek: &[u8], wrapped: &[u8], out: &mut [u8]) -> Result<usize> {
        let (check, blocks) = wrapped.split_first_chunk::<8>().ok_or(Reason::DecryptFailed)?;
        lengths(kek, blocks.len()).map_err(|()| Reason::DecryptFailed)?;
        let out = bytes::copy(blocks, out).ok_or(Reason::BufferTooSmall)?;
        let opened = self.open(kek, *check, out);
        if opened.is_err() {
            wipe(out);
        }
        opened.map(|()| blocks.len())
    }
}

/// AES in counter mode (SP 800-38A section 6.5) on the same function.
impl<F: Fn(bool, &[u8], &mut [u8; 16]) -> Result<()> + Send + Sync> Ctr for AesKw<F> {
    fn apply(&self, key: &[u8], counter: &[u8; 16], offset: u64, data: &mut [u8]) -> Result<()> {
        if !matches!(key.len(), 16 | 24 | 32) {
            return Err(Reason::KeyWrongUse);
        }
        let mut number = u128::from_be_bytes(*counter).wrapping_add(u128::from(offset / 16));
        let mut skip = usize::try_from(offset % 16).map_err(|_| Reason::Internal)?;
        let mut rest = data;
        let mut stream = Secret::<16>::zeroed();
        while !rest.is_empty() {
            *stream.expose_mut() = number.to_be_bytes();
            (self.0)(false, key, stream.expose_mut())?;
            let length = rest.len().min(16_usize.saturating_sub(skip));
            let (now, later) = core::mem::take(&mut rest).split_at_mut_checked(length).ok_or(Reason::Internal)?;
            now.iter_mut().zip(stream.expose().iter().skip(skip)).for_each(|(byte, key)| *byte ^= *key);
            (rest, skip, number) = (later, 0, number.wrapping_add(1));
        }
        Ok(())
    }
}

impl<F: Fn(bool, &[u8], &mut [u8; 16]) -> Result<()>> AesKw<F> {
    /// Section 2.2.2, and the check of section 2.2.3.
    fn open(&self, kek: &[u8], mut check: [u8; 8], blocks: &mut [u8]) -> Result<()> {
        let blocks = blocks.as_chunks_mut::<8>().0;
        let mut t = u64::try_from(blocks.len()).map_err(|_| Reason::TooLarge)?.saturating_mul(6);
        for _ in 0..6 {
            for block in blocks.iter_mut().rev() {
                check = (u64::from_be_bytes(check) ^ t).to_be_bytes();
                t = t.saturating_sub(1);
                self.pass(true, kek, &mut check, block)?;
            }
        }
        if equal(&check, &INITIAL) { Ok(()) } else { Err(Reason::DecryptFailed) }
    }

    /// One pass of AES over the register and a block.
    fn pass(&self, decrypt: bool, kek: &[u8], check: &mut [u8; 8], block: &mut [u8; 8]) -> Result<()> {
        let mut both = Secret::<16>::zeroed();
        let halves = both.expose_mut().as_chunks_mut::<8>().0;
        let [high, low] = halves else { return Err(Reason::Internal) };
        (*high, *low) = (*check, *block);
        (self.0)(decrypt, kek, both.expose_mut())?;
        let [high, low] = both.expose().as_chunks::<8>().0 else { return Err(Reason::Internal) };
        (*check, *block) = (*high, *low);
        Ok(())
    }
}

/// Section 2: at least two blocks of 64 bits, under a key of 128, 192 or 256 bits.
fn lengths(kek: &[u8], key: usize) -> core::result::Result<(), ()> {
    if matches!(kek.len(), 16 | 24 | 32) && key >= 16 && key.is_multiple_of(8) { Ok(()) } else { Err(()) }
}

fn digest(hash: &dyn Hash, message: &mut dyn Message, out: &mut [u8]) -> Result<()> {
    let mut state = hash.start()?;
    message.read(&mut |part| hash.update(&mut state, part))?;
    hash.finish(state, out)
}

/// A message with a block before it.
struct After<'a> {
    first: &'a [u8],
    rest: &'a mut dyn Message,
}

impl Message for After<'_> {
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        sink(self.first)?;
        self.rest.read(sink)
    }
}

/// T(n-1) | info | n (RFC 5869 section 2.3).
struct Expand<'a> {
    before: &'a [u8],
    info: &'a [&'a [u8]],
    number: u8,
}

impl Message for Expand<'_> {
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        sink(self.before)?;
        self.info.iter().try_for_each(|part| sink(part))?;
        sink(&[self.number])
    }
}

/// Bytes of a block of SHA-256 (FIPS 180-4).
const BLOCK: usize = 64;
const DIGEST: usize = 32;
/// The initial value of RFC 3394 section 2.2.3.1.
const INITIAL: [u8; 8] = [0xA6; 8];

#[cfg(all(test, feature = "soft"))]
pub(super) use tests::block;

#[cfg(all(test, feature = "soft"))]
mod tests {
    use super::*;
    use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
    use aseptic_core::crypto::soft;

    /// Bytes that differ from place to place.
    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        let cycle = (0..=u8::MAX).cycle().skip(seed.wrapping_mul(7)).step_by(31);
        cycle.take(length).collect()
    }

    #[test]
    fn hmac_is_that_of_the_crate_for_every_length() {
        for length in 0..200 {
            let (key, message) = (bytes(length, 1), bytes(200 - length, 2));
            let (front, back) = message.split_at(message.len() / 2);
            let (mut own, mut theirs) = ([0; 32], [0; 32]);
            HmacSha256(&soft::Sha256).mac(&key, &mut Parts(&[front, back]), &mut own).unwrap();
            soft::HmacSha256.mac(&key, &mut Parts(&[&message]), &mut theirs).unwrap();
            assert_eq!(own, theirs, "{length}");
        }
        assert_eq!(HmacSha256(&soft::Sha256).mac(&[], &mut Parts(&[]), &mut [0; 31]), Err(Reason::BufferTooSmall));
    }

    #[test]
    fn hkdf_is_that_of_the_crate_for_every_length() {
        for length in (0..130).chain([255 * 32 - 1, 255 * 32]) {
            let (salt, secret, info) = (bytes(length % 80, 3), bytes(32, 4), bytes(length % 9, 5));
            let (mut own, mut theirs) = (vec![0; length], vec![0; length]);
            HkdfSha256(&soft::Sha256).derive(&salt, &secret, &[&info, b"x"], &mut own).unwrap();
            soft::HkdfSha256.derive(&salt, &secret, &[&info, b"x"], &mut theirs).unwrap();
            assert_eq!(own, theirs, "{length}");
        }
        let mut long = vec![0; 255 * 32 + 1];
        assert_eq!(HkdfSha256(&soft::Sha256).derive(&[], &[], &[], &mut long), Err(Reason::Misuse));
    }

    fn wrong(_: aes::cipher::InvalidLength) -> Reason {
        Reason::KeyWrongUse
    }

    pub(crate) fn block(decrypt: bool, key: &[u8], block: &mut [u8; 16]) -> Result<()> {
        let block = block.into();
        match key.len() {
            16 if decrypt => aes::Aes128::new_from_slice(key).map_err(wrong)?.decrypt_block(block),
            16 => aes::Aes128::new_from_slice(key).map_err(wrong)?.encrypt_block(block),
            24 if decrypt => aes::Aes192::new_from_slice(key).map_err(wrong)?.decrypt_block(block),
            24 => aes::Aes192::new_from_slice(key).map_err(wrong)?.encrypt_block(block),
            _ if decrypt => aes::Aes256::new_from_slice(key).map_err(wrong)?.decrypt_block(block),
            _ => aes::Aes256::new_from_slice(key).map_err(wrong)?.encrypt_block(block),
        }
        Ok(())
    }

    #[test]
    fn key_wrap_is_that_of_the_crate_and_every_flipped_bit_is_refused() {
        let own = AesKw(block);
        for kek in [16, 24, 32].map(|length| bytes(length, 6)) {
            for key in [16, 24, 32, 64].map(|length| bytes(length, 7)) {
                let (mut wrapped, mut theirs, mut out) = ([0; 72], [0; 72], [0xEE; 64]);
                let length = own.wrap(&kek, &key, &mut wrapped).unwrap();
                assert_eq!(soft::AesKw.wrap(&kek, &key, &mut theirs), Ok(length));
                assert_eq!(wrapped, theirs);
                assert_eq!(own.unwrap(&kek, &wrapped[..length], &mut out), Ok(key.len()));
                assert_eq!(out[..key.len()], key);
                for bit in 0..length * 8 {
                    let mut flipped = wrapped;
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(own.unwrap(&kek, &flipped[..length], &mut out), Err(Reason::DecryptFailed));
                    assert!(out[..key.len()].iter().all(|byte| *byte == 0));
                }
                for end in 0..length {
                    assert_eq!(own.unwrap(&kek, &wrapped[..end], &mut out), Err(Reason::DecryptFailed));
                }
                assert_eq!(own.wrap(&kek, &key, &mut [0; 23]), Err(Reason::BufferTooSmall));
                assert_eq!(own.unwrap(&kek, &wrapped[..length], &mut [0; 15]), Err(Reason::BufferTooSmall));
            }
        }
        assert_eq!(own.wrap(&[0; 16], &[0; 8], &mut [0; 16]), Err(Reason::KeyWrongUse));
        assert_eq!(own.wrap(&[0; 17], &[0; 16], &mut [0; 24]), Err(Reason::KeyWrongUse));
    }

    #[test]
    fn counter_mode_is_that_of_the_crate_at_every_offset() {
        let own = AesKw(block);
        let mut counter = [0xFF; 16];
        counter[0] = 7;
        for key in [16, 24, 32].map(|length| bytes(length, 6)) {
            for offset in (0..40).chain([1 << 20, (1 << 36) + 5]) {
                for length in [0, 1, 15, 16, 17, 50] {
                    let (mut ours, mut theirs) = (bytes(length, 9), bytes(length, 9));
                    own.apply(&key, &counter, offset, &mut ours).unwrap();
                    soft::AesCtr.apply(&key, &counter, offset, &mut theirs).unwrap();
                    assert_eq!(ours, theirs, "{offset} {length}");
                }
            }
        }
        assert_eq!(own.apply(&[0; 17], &counter, 0, &mut [0]), Err(Reason::KeyWrongUse));
    }

    /// The example of RFC 3394 section 4.6.
    #[test]
    fn key_wrap_gives_the_example_of_the_rfc() {
        let kek: Vec<u8> = (0..32).collect();
        let key: Vec<u8> = (0..16).map(|at| at * 0x11).chain(0..16).collect();
        let mut wrapped = [0; 40];
        AesKw(block).wrap(&kek, &key, &mut wrapped).unwrap();
        let expected = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        let written: String = wrapped.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, expected);
    }
}
