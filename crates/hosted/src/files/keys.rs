//! Private keys, a sealed file each: `"aKey" 1`, id (4 bytes, big endian), algorithm, use, then the encrypted 32 bytes.
//!
//! A key is decrypted for each use and wiped after it; none stays in memory.

use super::Files;
use crate::Result;
use aseptic_core::Reason;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::platform::{KeyId, KeyPolicy, KeyUse, Keys, Outcome, Progress, SignInput};
use aseptic_core::secret::Secret;
use zeroize::Zeroizing;

const MAGIC: &[u8; 5] = b"aKey\x01";
const HEADER: usize = 11;
const MOST: usize = 128;
const PREFIX: &str = "key-";

impl Keys for Files {
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()> {
        self.outcome(self.make(id, policy))
    }

    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        self.outcome(self.key(id, None).and_then(|(policy, key)| Ok((policy, key.public(out)?))))
    }

    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        self.outcome(self.key(id, Some(KeyUse::Sign)).and_then(|(_, key)| {
            let length = match input {
                SignInput::Message(message) => key.sign(message, out)?,
                SignInput::Digest(digest) => key.sign_digest(digest.try_into().map_err(|_| Reason::Misuse)?, out)?,
            };
            Ok(Progress::Done(length))
        }))
    }

    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()> {
        self.outcome(self.key(id, Some(KeyUse::Agree)).and_then(|(_, key)| Ok(key.agree(peer, out)?)))
    }

    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>> {
        let names = self.outcome(self.disk.names())?;
        Ok(names.iter().filter_map(|name| id_of(name)).filter(|id| *id > after).min())
    }

    fn destroy(&self, id: KeyId) -> Outcome<()> {
        self.outcome(self.disk.shred(&name(id)))
    }
}

impl Files {
    fn make(&self, id: KeyId, policy: KeyPolicy) -> Result<()> {
        // Of two threads that want the same id one gets it.
        let _one_at_a_time = super::held(&self.changing);
        let name = name(id);
        let fits = match policy.usage {
            KeyUse::Sign => policy.alg.signs().is_some(),
            KeyUse::Agree => policy.alg != KeyAlg::Ed25519,
        };
        // An entry that cannot be read is taken too: it may be the only copy of something.
        if id.0 == 0 || !fits || self.disk.exists(&name)? {
            return Err(Reason::PlatformDenied.into());
        }
        let key = PrivateKey::generate(policy.alg, self.entropy.as_ref())?;
        let id = id.0.to_be_bytes();
        let header = [MAGIC.as_slice(), &id, &[policy.alg as u8, policy.usage as u8]].concat();
        let file = self.vault.seal(self.entropy.as_ref(), &name, &header, key.expose().expose())?;
        self.disk.replace(&name, &file)
    }

    fn key(&self, id: KeyId, wanted: Option<KeyUse>) -> Result<(KeyPolicy, PrivateKey)> {
        let name = name(id);
        let file = self.disk.read(&name, MOST)?;
        let body = Zeroizing::new(self.vault.open_sealed(&name, &file, HEADER)?);
        let policy = file
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix(&id.0.to_be_bytes()))
            .and_then(|rest| policy(*rest.first_chunk()?))
            .ok_or(Reason::FileCorrupt)?;
        if wanted.is_some_and(|wanted| wanted != policy.usage) {
            return Err(Reason::KeyWrongUse.into());
        }
        let secret = body.as_slice().try_into().map_err(|_| Reason::FileCorrupt)?;
        Ok((policy, PrivateKey::from_bytes(policy.alg, secret).map_err(|_| Reason::FileCorrupt)?))
    }
}

fn policy([alg, usage]: [u8; 2]) -> Option<KeyPolicy> {
    let usage = match usage {
        1 => KeyUse::Sign,
        2 => KeyUse::Agree,
        _ => return None,
    };
    Some(KeyPolicy { alg: KeyAlg::from_u8(alg).ok()?, usage })
}

fn name(id: KeyId) -> String {
    format!("{PREFIX}{:08x}", id.0)
}

fn id_of(name: &str) -> Option<KeyId> {
    let digits = name.strip_prefix(PREFIX).filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok().filter(|id| *id != 0).map(KeyId)
}
