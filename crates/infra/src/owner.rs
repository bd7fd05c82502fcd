//! The author of trust stores: what a hospital hands to its operators, and a maker to its factory, as a signed record.
//!
//! ```
//! use aseptic_core::crypto::{KeyAlg, soft};
//! use aseptic_core::trust::{Authority, Purpose};
//! use aseptic_infra::{AuthorityKey, owner::Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let author = AuthorityKey::generate(KeyAlg::P256)?;
//! let key = AuthorityKey::generate(KeyAlg::P256)?;
//! let object = Store::new(Authority::Manufacturer, 1_780_000_000)
//!     .signer(key.public()?)
//!     .pin("software author", &[Purpose::UpdateInstall], author.public()?)
//!     .sign(&soft::suite(), &[(key.public()?, &key)])?;
//! # assert!(object.len() < 3072);
//! # Ok(())
//! # }
//! ```

mod description;

pub use description::Description;

use crate::error::While;
use crate::trust::Memory;
use crate::{AuthorityKey, Error, Result};
use aseptic_certs::{Certificate, Engine};
use aseptic_core::clinical::{Failure, Override, Path, Response};
use aseptic_core::cose::{self, Headers, Signer};
use aseptic_core::crypto::{KeyAlg, PublicKey, Suite};
use aseptic_core::trust::{
    self, Anchor, Authority, Entry, ListMinimum, Material, PhysicalPresence, Purpose, Purposes, Quorum, Retirement,
    StoreContent, TrustStore,
};
use aseptic_core::{Reason, limits};

/// A trust store in the making. Without further calls it is version 1, and one signer suffices.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    authority: Authority,
    version: u64,
    issued: u64,
    threshold: u64,
    signers: Vec<PublicKey<'a>>,
    entries: Vec<Entry<'a>>,
    denied: Vec<[u8; 32]>,
    overrides: Vec<Override<'a>>,
    quorums: Vec<Quorum>,
    retirements: Vec<Retirement>,
    minimums: Vec<ListMinimum<'a>>,
    installed: Option<&'a [u8]>,
}

impl<'a> Store<'a> {
    /// An empty store of `authority`, made at `issued` (seconds since 1970).
    #[must_use]
    pub const fn new(authority: Authority, issued: u64) -> Self {
        Self {
            authority,
            version: 1,
            issued,
            threshold: 1,
            signers: Vec::new(),
            entries: Vec::new(),
            denied: Vec::new(),
            overrides: Vec::new(),
            quorums: Vec::new(),
            retirements: Vec::new(),
            minimums: Vec::new(),
            installed: None,
        }
    }

    /// Makes this the next version of `installed`, a signed store: its version is one higher unless a higher one is set, and
    /// its epoch is that of `installed`, or its own version if it withdraws trust.
    #[must_use]
    pub const fn after(mut self, installed: &'a [u8]) -> Self {
        self.installed = Some(installed);
        self
    }

    /// The version; it must rise with each release, and by exactly one where signers or threshold change.
    #[must_use]
    pub const fn version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// How many distinct signers must agree to the next version.
    #[must_use]
    pub const fn threshold(mut self, threshold: u64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Puts a key in charge of the next version.
    #[must_use]
    pub fn signer(mut self, key: PublicKey<'a>) -> Self {
        self.signers.push(key);
        self
    }

    /// Trusts all that a CA certificate (DER) leads to.
    #[must_use]
    pub fn anchor(self, name: &'a str, purposes: &[Purpose], certificate: &'a [u8]) -> Self {
        self.entry(name, purposes, Material::certificate(certificate))
    }

    /// Trusts what a CA certificate leads to within constraints, and its announced successor.
    #[must_use]
    pub fn believe(self, name: &'a str, purposes: &[Purpose], anchor: Anchor<'a>) -> Self {
        self.entry(name, purposes, Material::Certificate(anchor))
    }

    /// Believes no revocation list below `number` (big endian) of the issuer whose SubjectPublicKeyInfo has this SHA-256.
    #[must_use]
    pub fn minimum(mut self, issuer: &'a [u8; 32], number: &'a [u8]) -> Self {
        self.minimums.push(ListMinimum { issuer, number });
        self
    }

    /// Trusts this very key; messages address it by `name`.
    #[must_use]
    pub fn pin(self, name: &'a str, purposes: &[Purpose], key: PublicKey<'a>) -> Self {
        self.entry(name, purposes, Material::Key(key))
    }

    /// Trusts the key of this algorithm and thumbprint; for keys too long to be held by value, as those of ML-DSA.
    #[must_use]
    pub fn pin_thumbprint(self, name: &'a str, purposes: &[Purpose], alg: KeyAlg, thumbprint: &'a [u8; 32]) -> Self {
        self.entry(name, purposes, Material::Thumbprint(alg, thumbprint))
    }

    /// Refuses the key with this thumbprint, whatever vouches for it.
    #[must_use]
    pub fn deny(mut self, thumbprint: [u8; 32]) -> Self {
        self.denied.push(thumbprint);
        self
    }

    /// Changes the response to `failure` on `path`, for a reason that is kept with it. What changes the device (commands,
    /// configuration, software) can only be tightened.
    #[must_use]
    pub fn respond(mut self, path: Path, failure: Failure, response: Response, justification: &'a str) -> Self {
        self.overrides.push(Override { cell: [path as u8, failure as u8, response as u8], justification });
        self
    }

    /// How many distinct keys must agree to software of a role: [`Purpose::UpdateInstall`], [`Purpose::SecurityPatch`] or
    /// [`Purpose::Downgrade`]. In the manufacturer's store they are the keys with that purpose, in the owner's those with
    /// [`Purpose::UpdateApprove`].
    #[must_use]
    pub fn quorum(mut self, purpose: Purpose, keys: u8) -> Self {
        self.quorums.push(Quorum { purpose, keys, both_families: false });
        self
    }

    /// As [`Store::quorum`]; one of the keys must be of a classical and one of a post-quantum algorithm.
    #[must_use]
    pub fn quorum_of_both_families(mut self, purpose: Purpose, keys: u8) -> Self {
        self.quorums.push(Quorum { purpose, keys, both_families: true });
        self
    }

    /// From `at` on (seconds since 1970), signatures of `alg` by keys of this store no longer count under software. The other
    /// keys must be able to meet each quorum alone.
    #[must_use]
    pub fn retire(mut self, alg: KeyAlg, at: u64) -> Self {
        self.retirements.push(Retirement { alg, at });
        self
    }

    /// Signs the store with each of `keys` and gives the object that a device installs.
    ///
    /// The object is installed in a device made of memory before it is handed out, so what a device would refuse comes
    /// back as the device's own reason: too few signatures of the keys put in charge, a purpose of the other authority, a
    /// published test key, an anchor that is no certificate of an authority, an object over
    /// [`limits::TRUST_STORE`]. With [`Store::after`] it is the update of the store before that is rehearsed. A version that
    /// changes the keys in charge must carry signatures of the old keys too; without the store before, only the device
    /// knows those.
    pub fn sign(&self, suite: &Suite<'_>, keys: &[(PublicKey<'_>, &dyn Signer)]) -> Result<Vec<u8>> {
        let Some(before) = self.installed else {
            let object = self.seal(suite, keys, self.version, self.version)?;
            device(suite, self.authority, &object).during("rehearsing the trust store")?;
            return Ok(object);
        };
        let (memory, installed) =
            device(suite, self.authority, before).during("installing the store before in a device of memory")?;
        let version = installed.0.saturating_add(1).max(self.version);
        let update = |object: &[u8]| {
            let mut buffer = [0; limits::TRUST_STORE];
            trust::update(&memory.platform(), suite, Some(&Engine), self.authority, object, &mut buffer)
        };
        // The device knows what withdraws trust: it refuses the old epoch then.
        let mut object = self.seal(suite, keys, version, installed.1)?;
        let mut told = update(&object);
        if told == Err(Reason::TrustEpoch) {
            object = self.seal(suite, keys, version, version)?;
            told = update(&object);
        }
        told.during("rehearsing the update of the trust store")?;
        Ok(object)
    }

    /// The store signed by a key that is then thrown away, in place of its signers: to see what devices would do under it. It
    /// passes every check of a device's first store, and nobody has signed it.
    pub fn rehearsal(&self, suite: &Suite<'_>) -> Result<Vec<u8>> {
        let key = AuthorityKey::generate(KeyAlg::Ed25519)?;
        let public = key.public()?;
        let mut store: Store<'_> = self.clone();
        (store.signers, store.threshold, store.installed) = (vec![public], 1, None);
        store.sign(suite, &[(public, &key)])
    }

    fn seal(
        &self,
        suite: &Suite<'_>,
        keys: &[(PublicKey<'_>, &dyn Signer)],
        version: u64,
        epoch: u64,
    ) -> Result<Vec<u8>> {
        // A store must be believed without anything that travels beside it.
        if keys.iter().map(|(key, _)| key).chain(&self.signers).any(|key| !key.alg().by_value()) {
            return Err(Error::new(
                Reason::KeyWrongUse,
                "signing a trust store, for which no key of ML-DSA can be in charge",
            ));
        }
        let content = StoreContent {
            authority: self.authority,
            version,
            epoch,
            minimums: &self.minimums,
            issued: self.issued,
            threshold: self.threshold,
            signers: &self.signers,
            entries: &self.entries,
            denied: &self.denied,
            overrides: &self.overrides,
            quorums: &self.quorums,
            retirements: &self.retirements,
        };
        let mut payload = [0; limits::TRUST_STORE];
        let length = content.encode(&mut payload).map_err(too_large)?;
        let payload = payload.get(..length).unwrap_or_default();
        for entry in &self.entries {
            if let Material::Certificate(anchor) = entry.material {
                // Which profile the device keeps and which keys it knows is not known here.
                let anchor = Certificate::parse(anchor.certificate).during("reading an anchor")?;
                let authority = anchor.extensions.basic_constraints.is_some_and(|constraints| constraints.ca);
                if anchor.version == 3 && !authority {
                    return Err(Error::new(Reason::PathKeyUsage, "reading an anchor"));
                }
            }
        }

        let thumbprints: Vec<_> = keys
            .iter()
            .map(|(key, _)| key.thumbprint(suite))
            .collect::<aseptic_core::Result<_>>()
            .during("signing a trust store")?;
        let signers: Vec<_> = keys
            .iter()
            .zip(&thumbprints)
            .map(|((_, signer), thumbprint)| (*signer, Headers { kid: Some(thumbprint), ..Headers::default() }))
            .collect();
        let mut object = vec![0; limits::TRUST_STORE];
        let length = cose::sign(&signers, payload, false, &[], &mut object).map_err(too_large)?;
        object.truncate(length);
        Ok(object)
    }

    fn entry(mut self, name: &'a str, purposes: &[Purpose], material: Material<'a>) -> Self {
        self.entries.push(Entry { purposes: Purposes::of(purposes), name: name.as_bytes(), material });
        self
    }
}

/// A device of memory in which `object` is installed, with its version and epoch.
fn device(suite: &Suite<'_>, authority: Authority, object: &[u8]) -> aseptic_core::Result<(Memory, (u64, u64))> {
    let mut buffer = [0; limits::TRUST_STORE];
    let presence = PhysicalPresence::confirmed_at_the_device();
    let memory = Memory::default();
    trust::install(&memory.platform(), suite, Some(&Engine), authority, object, presence, &mut buffer)?;
    let installed = TrustStore::load(&memory.platform(), authority, &mut buffer)?.ok_or(Reason::TrustMissing)?;
    let told = (installed.version, installed.epoch);
    Ok((memory, told))
}

fn too_large(reason: Reason) -> Error {
    let reason = if reason == Reason::BufferTooSmall { Reason::TooLarge } else { reason };
    Error::new(reason, "signing a trust store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthorityKey;
    use crate::ca::{Ca, Server, Validity};
    use aseptic_core::crypto::{KeyAlg, soft};
    use aseptic_core::platform::{Counter, Counters};

    fn key() -> AuthorityKey {
        AuthorityKey::generate(KeyAlg::P256).unwrap()
    }

    fn public(key: &AuthorityKey) -> PublicKey<'_> {
        key.public().unwrap()
    }

    #[test]
    fn a_store_needs_as_many_of_its_keys_as_it_says() {
        let suite = soft::suite();
        let keys = [key(), key(), key()];
        let pinned = key();
        let stranger = key();
        let store = keys
            .iter()
            .fold(Store::new(Authority::Owner, 1_780_000_000), |store, key| store.signer(public(key)))
            .threshold(2)
            .pin("record-adapter-1", &[Purpose::Receive], public(&pinned));

        let pair = |key| (public(key), key as &dyn Signer);
        assert!(store.sign(&suite, &[pair(&keys[0]), pair(&keys[2])]).is_ok());
        for too_few in
            [vec![pair(&keys[1])], vec![pair(&keys[1]), pair(&keys[1])], vec![pair(&keys[1]), pair(&stranger)]]
        {
            assert_eq!(store.sign(&suite, &too_few).unwrap_err().reason(), Reason::TrustThreshold);
        }
        // Signed with another key than the one it is said to be.
        let lie = (public(&keys[1]), &stranger as &dyn Signer);
        assert_eq!(store.sign(&suite, &[pair(&keys[0]), lie]).unwrap_err().reason(), Reason::TrustThreshold);
    }

    #[test]
    fn what_a_device_would_refuse_is_refused_before_it_leaves_the_desk() {
        let suite = soft::suite();
        let key = key();
        let own = [(public(&key), &key as &dyn Signer)];
        let base = Store::new(Authority::Manufacturer, 1_780_000_000).signer(public(&key));
        assert!(base.sign(&suite, &own).is_ok());

        let foreign = base.clone().pin("x", &[Purpose::Telemetry], public(&key));
        assert_eq!(foreign.sign(&suite, &own).unwrap_err().reason(), Reason::TrustPurpose);
        let denied = base.clone().deny(public(&key).thumbprint(&suite).unwrap());
        assert_eq!(denied.sign(&suite, &own).unwrap_err().reason(), Reason::Denied);
        let big = [0; 3000];
        let garbage = base.clone().anchor("a", &[Purpose::Birth], &big[..100]);
        assert_eq!(garbage.sign(&suite, &own).unwrap_err().reason(), Reason::CertificateMalformed);
        let maker = Ca::new("Maker", Validity::years(1_780_000_000, 1).unwrap()).unwrap();
        let server = maker.issue_server(
            "server.example",
            key.public().unwrap(),
            Server::Relay,
            Validity::days(1_780_000_000, 1).unwrap(),
        );
        let server = server.unwrap();
        let no_authority = base.clone().anchor("a", &[Purpose::Birth], &server[0]);
        assert_eq!(no_authority.sign(&suite, &own).unwrap_err().reason(), Reason::PathKeyUsage);
        assert!(base.clone().anchor("a", &[Purpose::Birth], maker.anchor()).sign(&suite, &own).is_ok());
        let large = base.clone().anchor("a", &[Purpose::Birth], &big).anchor("b", &[Purpose::Birth], &big);
        assert_eq!(large.sign(&suite, &own).unwrap_err().reason(), Reason::TooLarge);
        assert_eq!(base.clone().version(0).sign(&suite, &own).unwrap_err().reason(), Reason::TrustMalformed);
        assert_eq!(base.clone().threshold(2).sign(&suite, &own).unwrap_err().reason(), Reason::TrustMalformed);
        assert_eq!(base.sign(&suite, &[]).unwrap_err().reason(), Reason::TooLarge);
    }

    #[test]
    fn a_second_version_replaces_the_first() {
        let suite = soft::suite();
        let (old, new, adapter) = (key(), key(), key());
        let memory = Memory::default();
        let platform = memory.platform();
        let mut buffer = [0; limits::TRUST_STORE];
        let first = Store::new(Authority::Owner, 1).signer(public(&old));
        let first = first.pin("adapter", &[Purpose::Receive], public(&adapter));
        let object = first.sign(&suite, &[(public(&old), &old)]).unwrap();
        let presence = PhysicalPresence::confirmed_at_the_device();
        trust::install(&platform, &suite, Some(&Engine), Authority::Owner, &object, presence, &mut buffer).unwrap();

        let second = Store::new(Authority::Owner, 2).version(2).signer(public(&new));
        let second = second.pin("adapter", &[Purpose::Receive], public(&adapter));
        let alone = second.sign(&suite, &[(public(&new), &new)]).unwrap();
        let refused = trust::update(&platform, &suite, Some(&Engine), Authority::Owner, &alone, &mut buffer);
        assert_eq!(refused, Err(Reason::TrustThreshold));
        let both = second.sign(&suite, &[(public(&new), &new), (public(&old), &old)]).unwrap();
        trust::update(&platform, &suite, Some(&Engine), Authority::Owner, &both, &mut buffer).unwrap();
        assert_eq!(memory.read(Counter::TrustOwner), Ok(2));
    }
}
