//! A key store made of software, for devices without a secure element.

use aseptic_core::bytes::copy;
use aseptic_core::crypto::soft::{PrivateKey, suite};
use aseptic_core::crypto::{HashAlg, KeyAlg, Parts};
use aseptic_core::platform::{
    Entropy, Fault, KeyId, KeyPolicy, KeyUse, Keys, Outcome, Progress, SignInput, Slot, Store,
};
use aseptic_core::secret::Secret;
use aseptic_core::{Reason, limits};

const VERSION: u8 = 1;
const HEAD: usize = 4;
const SECRET: usize = 32;
/// Version, algorithm, use and check, the private key, the public key filled up with zeros: to compute that one takes as long
/// as a signature, and it is asked for at every start.
const ENTRY: usize = HEAD + SECRET + limits::PUBLIC_KEY;

/// [`Keys`] over a [`Store`]: one slot a key, ids 1 to [`limits::SOFT_KEYS`].
///
/// The keys lie in the store in the clear: they are as safe as the store is. Put the store into flash that only the chip
/// can read, or use a secure element. Each key is whole or absent after power loss where `save` keeps its contract; a torn
/// entry reads [`Fault::Corrupt`] and can be destroyed.
#[derive(Clone, Copy)]
pub struct StoredKeys<'a> {
    /// Where the keys lie.
    pub store: &'a dyn Store,
    /// What they are made from.
    pub entropy: &'a dyn Entropy,
}

impl StoredKeys<'_> {
    fn load(&self, id: KeyId) -> Outcome<Entry> {
        let mut entry = Secret::<ENTRY>::zeroed();
        let len = self.store.load(slot(id)?, entry.expose_mut()).map_err(|fault| match fault {
            // Longer than any entry of ours.
            Fault::Full => Fault::Corrupt,
            other => other,
        })?;
        let ([version, alg, usage, check], body) = entry.expose().split_first_chunk::<HEAD>().ok_or(Fault::Corrupt)?;
        let usage = match usage {
            1 => KeyUse::Sign,
            2 => KeyUse::Agree,
            _ => return Err(Fault::Corrupt),
        };
        if len != ENTRY || *version != VERSION || *check != digest(body)? {
            return Err(Fault::Corrupt);
        }
        let alg = KeyAlg::from_u8(*alg).map_err(|_| Fault::Corrupt)?;
        let (secret, public) = body.split_first_chunk::<SECRET>().ok_or(Fault::Corrupt)?;
        let key = PrivateKey::from_bytes(alg, secret).map_err(|_| Fault::Corrupt)?;
        Ok(Entry { policy: KeyPolicy { alg, usage }, key, public: *public.first_chunk().ok_or(Fault::Corrupt)? })
    }

    fn with(&self, id: KeyId, usage: KeyUse) -> Outcome<PrivateKey> {
        let Entry { policy, key, .. } = self.load(id)?;
        if policy.usage == usage { Ok(key) } else { Err(Fault::Denied) }
    }
}

struct Entry {
    policy: KeyPolicy,
    key: PrivateKey,
    public: [u8; limits::PUBLIC_KEY],
}

impl Keys for StoredKeys<'_> {
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()> {
        let slot = slot(id)?;
        match self.load(id) {
            Err(Fault::NotFound) => {}
            Ok(_) | Err(Fault::Corrupt) => return Err(Fault::Denied),
            Err(fault) => return Err(fault),
        }
        let key = PrivateKey::generate(policy.alg, self.entropy).map_err(fault)?;
        let mut entry = Secret::<ENTRY>::zeroed();
        let (head, body) = entry.expose_mut().split_first_chunk_mut::<HEAD>().ok_or(Fault::Corrupt)?;
        let (secret, public) = body.split_first_chunk_mut::<SECRET>().ok_or(Fault::Corrupt)?;
        *secret = *key.expose().expose();
        key.public(public).map_err(fault)?;
        *head = [VERSION, policy.alg as u8, policy.usage as u8, digest(body)?];
        self.store.save(slot, entry.expose())
    }

    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        let Entry { policy, public, .. } = self.load(id)?;
        let public = public.get(..policy.alg.public_len()).ok_or(Fault::Corrupt)?;
        copy(public, out).ok_or(Fault::Full)?;
        Ok((policy, public.len()))
    }

    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        let key = self.with(id, KeyUse::Sign)?;
        let signed = match input {
            SignInput::Message(message) => key.sign(message, out),
            SignInput::Digest(digest) => key.sign_digest(digest.try_into().map_err(|_| Fault::Denied)?, out),
        };
        signed.map(Progress::Done).map_err(fault)
    }

    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()> {
        self.with(id, KeyUse::Agree)?.agree(peer, out).map_err(fault)
    }

    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>> {
        for id in after.0.saturating_add(1)..=limits::SOFT_KEYS {
            match self.load(KeyId(id)) {
                Ok(_) | Err(Fault::Corrupt) => return Ok(Some(KeyId(id))),
                Err(Fault::NotFound) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(None)
    }

    fn destroy(&self, id: KeyId) -> Outcome<()> {
        let slot = slot(id)?;
        if self.store.load(slot, &mut []) == Err(Fault::NotFound) {
            return Ok(());
        }
        // Overwritten first: erasing may only unlink.
        self.store.save(slot, &[0; ENTRY])?;
        self.store.erase(slot)
    }
}

fn slot(id: KeyId) -> Outcome<Slot> {
    match u16::try_from(id.0) {
        Ok(number) if (1..=limits::SOFT_KEYS).contains(&id.0) => Ok(Slot(limits::SECRET_SLOTS.saturating_add(number))),
        _ => Err(Fault::Denied),
    }
}

/// One byte of SHA-256 over both keys: finds an entry that rotted, gives nothing away that helps to guess the key.
fn digest(secret: &[u8]) -> Outcome<u8> {
    let digest = suite().digest(HashAlg::Sha256, &mut Parts(&[secret])).map_err(fault)?;
    digest.first().copied().ok_or(Fault::Io)
}

fn fault(reason: Reason) -> Fault {
    match reason {
        Reason::EntropyFailed | Reason::PlatformUnavailable => Fault::Unavailable,
        Reason::BufferTooSmall => Fault::Full,
        Reason::KeyWrongUse | Reason::KeyInvalid => Fault::Denied,
        _ => Fault::Io,
    }
}
