//! The key store: software keys, which the traits never hand out.

use super::{Bench, StoredKey, WriteKind};
use aseptic_core::Reason;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::limits;
use aseptic_core::platform::{Entropy, Fault, KeyId, KeyPolicy, KeyUse, Keys, Outcome, Progress, SignInput};
use aseptic_core::secret::Secret;

impl Bench {
    /// Puts a key into the store as a factory programmer does: no call of the platform is counted.
    ///
    /// # Panics
    /// If `secret` is no private key of the algorithm.
    pub fn put_key(&self, id: KeyId, policy: KeyPolicy, secret: &[u8; 32]) {
        let key = PrivateKey::from_bytes(policy.alg, secret).expect("a private key");
        self.state.borrow_mut().medium.keys.insert(id, stored(policy, &key).expect("a private key"));
    }

    fn usable(&self, id: KeyId, usage: KeyUse) -> Outcome<PrivateKey> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let key = readable(state.medium.keys.get(&id))?;
        if key.policy.usage != usage {
            return Err(Fault::Denied);
        }
        PrivateKey::from_bytes(key.policy.alg, &key.secret).map_err(|_| Fault::Corrupt)
    }

    /// Whether the engine wants to be asked again before it has the signature.
    fn must_wait(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let wait = state.sign_waited < state.sign_delay;
        state.sign_waited = if wait { state.sign_waited + 1 } else { 0 };
        wait
    }
}

impl Keys for Bench {
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()> {
        self.state.borrow_mut().gate.call()?;
        let fits = match policy.usage {
            KeyUse::Sign => policy.alg.signs().is_some(),
            KeyUse::Agree => policy.alg != KeyAlg::Ed25519,
        };
        if id.0 == 0 || !fits || self.state.borrow().medium.keys.contains_key(&id) {
            return Err(Fault::Denied);
        }
        let key = PrivateKey::generate(policy.alg, &Inner(self)).map_err(fault)?;
        let entry = stored(policy, &key)?;
        self.state.borrow_mut().write(WriteKind::Generate, 0, |medium, _| {
            medium.keys.insert(id, entry);
        })
    }

    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        let key = readable(state.medium.keys.get(&id))?;
        out.get_mut(..key.public.len()).ok_or(Fault::Full)?.copy_from_slice(&key.public);
        Ok((key.policy, key.public.len()))
    }

    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        // The message may itself be read from this device: no borrow is held while it is.
        let key = self.usable(id, KeyUse::Sign)?;
        if self.must_wait() {
            return Ok(Progress::Pending);
        }
        let signed = match input {
            SignInput::Message(message) => key.sign(message, out),
            SignInput::Digest(digest) => key.sign_digest(digest.try_into().map_err(|_| Fault::Denied)?, out),
        };
        signed.map(Progress::Done).map_err(fault)
    }

    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()> {
        let key = self.usable(id, KeyUse::Agree)?;
        PublicKey::new(key.alg(), peer).map_err(fault)?;
        key.agree(peer, out).map_err(fault)
    }

    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        Ok(state.medium.keys.keys().find(|id| **id > after).copied())
    }

    fn destroy(&self, id: KeyId) -> Outcome<()> {
        let mut state = self.state.borrow_mut();
        state.gate.call()?;
        state.write(WriteKind::Destroy, 0, |medium, _| drop(medium.keys.remove(&id)))
    }
}

/// The entropy inside the key store, which is not a call of the platform.
struct Inner<'b>(&'b Bench);

impl Entropy for Inner<'_> {
    fn fill(&self, out: &mut [u8]) -> Outcome<()> {
        self.0.draw(out)
    }
}

fn readable(key: Option<&StoredKey>) -> Outcome<&StoredKey> {
    match key {
        None => Err(Fault::NotFound),
        Some(key) if key.corrupt => Err(Fault::Corrupt),
        Some(key) => Ok(key),
    }
}

fn stored(policy: KeyPolicy, key: &PrivateKey) -> Outcome<StoredKey> {
    let mut public = vec![0; limits::PUBLIC_KEY];
    let length = key.public(&mut public).map_err(fault)?;
    public.truncate(length);
    Ok(StoredKey { policy, secret: *key.expose().expose(), public, corrupt: false })
}

fn fault(reason: Reason) -> Fault {
    match reason {
        Reason::BufferTooSmall => Fault::Full,
        Reason::KeyInvalid | Reason::KeyWrongUse => Fault::Denied,
        _ => Fault::Io,
    }
}
