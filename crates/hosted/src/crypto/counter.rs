//! AES in counter mode, for encrypted payloads.

use aseptic_core::crypto::Ctr;
use aseptic_core::secret::Secret;
use aseptic_core::{Reason, Result};
use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// The streaming interface of AWS-LC copies; this one works in place and begins at a block, so what stands before the first
/// whole block goes through a block of its own.
pub(super) struct AesCtr;

const BLOCK: usize = 16;

impl Ctr for AesCtr {
    fn apply(&self, key: &[u8], counter: &[u8; BLOCK], offset: u64, data: &mut [u8]) -> Result<()> {
        let alg = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return Err(Reason::KeyWrongUse),
        };
        let engine = UnboundCipherKey::new(alg, key).and_then(EncryptingKey::ctr).map_err(|_| Reason::Internal)?;
        let run = |block: u64, data: &mut [u8]| {
            let counter = u128::from_be_bytes(*counter).wrapping_add(block.into()).to_be_bytes();
            let context = EncryptionContext::Iv128(FixedLength::from(counter));
            engine.less_safe_encrypt(data, context).map(drop).map_err(|_| Reason::Internal)
        };
        let (block, within) = (offset / BLOCK as u64, usize::try_from(offset % BLOCK as u64).unwrap_or_default());
        let ahead = if within == 0 { 0 } else { data.len().min(BLOCK - within) };
        let (head, rest) = data.split_at_mut(ahead);
        if !head.is_empty() {
            let mut whole = Secret::<BLOCK>::zeroed();
            let place = whole.expose_mut().get_mut(within..within + head.len()).ok_or(Reason::Internal)?;
            place.copy_from_slice(head);
            run(block, whole.expose_mut())?;
            head.copy_from_slice(whole.expose().get(within..within + head.len()).ok_or(Reason::Internal)?);
        }
        if rest.is_empty() { Ok(()) } else { run(offset.div_ceil(BLOCK as u64), rest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::crypto::soft;

    /// SP 800-38A appendix F.5.1, F.5.3 and F.5.5: the first two blocks.
    #[test]
    fn published_blocks_come_out() {
        let cases = [
            ("2b7e151628aed2a6abf7158809cf4f3c", "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
            (
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94",
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
            ),
        ];
        let plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let counter = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
        for (key, sealed) in cases {
            let mut data = plain.clone();
            AesCtr.apply(&bytes(key), &counter, 0, &mut data).unwrap();
            assert_eq!(data, bytes(sealed));
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Any place and length, also where 32, 64 or 128 bits of the counter run over.
    #[test]
    fn it_is_the_soft_one_byte_for_byte() {
        let mut starts = vec![[0x5A; 16], [0xFF; 16]];
        for ones in [4, 8, 12] {
            let mut start = [0x11; 16];
            start[16 - ones..].fill(0xFF);
            starts.push(start);
        }
        for start in &starts {
            for key in [16, 24, 32].map(|length| vec![7_u8; length]) {
                let places = (0..40).chain([4095, 4096, 4097, 1 << 36, (1 << 36) + 5]);
                for offset in places {
                    for length in [0, 1, 15, 16, 17, 33, 1000] {
                        let plain: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
                        let (mut one, mut other) = (plain.clone(), plain);
                        let told = AesCtr.apply(&key, start, offset, &mut one);
                        assert_eq!(told, soft::AesCtr.apply(&key, start, offset, &mut other));
                        assert!(one == other, "{start:?}, {} bytes of key, {length} at {offset}", key.len());
                    }
                }
            }
        }
        for length in [0, 15, 17, 33] {
            let told = AesCtr.apply(&vec![7; length], &[0; 16], 0, &mut [0; 4]);
            assert_eq!(told, soft::AesCtr.apply(&vec![7; length], &[0; 16], 0, &mut [0; 4]));
        }
    }
}
